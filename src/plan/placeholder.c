#include "plan/placeholder.h"

#include <stdlib.h>
#include <string.h>

#include "base/js.h"
#include "base/mem.h"
#include "plan/executor_input.h"
#include "plan/plan-priv.h"

#define WORKSPACE_MOUNT "/kfp-workspace"

char *placeholder_text(const struct js *value)
{
    struct buf b = {0};

    if (js_is(value, JS_STRING))
        buf_add(&b, js_text(value), js_text_len(value));
    else
        js_write(value, JS_PROTO, &b);
    return buf_take(&b);
}

bool placeholder_in(const struct js *value)
{
    if (js_is(value, JS_STRING))
        return strstr(js_text(value), "{{$") || strstr(js_text(value), WORKSPACE_MOUNT);
    for (size_t i = 0; js_is(value, JS_ARRAY) && i < js_n(value); i++)
        if (placeholder_in(js_at(value, i)))
            return true;
    for (js_each(value, it))
        if (placeholder_in(it.value) || strstr(it.key, "{{$"))
            return true;
    return false;
}

/* ---- the path inside {{$.…}} ---- */

enum { MAX_PARTS = 8 };

struct path {
    int n;
    char *part[MAX_PARTS];
};

static void path_done(struct path *p)
{
    while (p->n)
        free(p->part[--p->n]);
}

static bool add_part(struct path *p, const char *s, size_t n)
{
    if (p->n == MAX_PARTS)
        return false;
    p->part[p->n++] = dh_strndup(s, n);
    return true;
}

/* ['x'], [''x''], ["x"], [0]: *s stands behind the bracket; afterwards behind the closing one. */
static bool bracket(struct path *p, const char **s, const char *end)
{
    const char *from = *s, *close;
    char quote = *from;
    size_t n_quotes = 0;

    while (from < end && (*from == '\'' || *from == '"')) {
        from++;
        n_quotes++;
    }
    for (close = from; close < end; close++)
        if (n_quotes
                ? (*close == quote && (size_t)(end - close) > n_quotes && close[n_quotes] == ']')
                : *close == ']')
            break;
    if (close >= end || !add_part(p, from, (size_t)(close - from)))
        return false;
    *s = close + n_quotes + 1;
    return true;
}

static bool parse_path(const char *s, const char *end, struct path *p)
{
    while (s < end) {
        if (*s == '.') {
            size_t n = strcspn(++s, ".[}");

            if (!n || s + n > end || !add_part(p, s, n))
                return false;
            s += n;
        } else if (*s == '[') {
            s++;
            if (!bracket(p, &s, end))
                return false;
        } else {
            return false;
        }
    }
    return p->n > 0;
}

static bool is(const struct path *p, int i, const char *name)
{
    return i < p->n && !strcmp(p->part[i], name);
}

/* ---- what a path stands for ---- */

static const struct js *artifact_at(const struct path *p, const struct js *input)
{
    return js_at(
        js_get(js_get(js_get(js_get(input, p->part[0]), "artifacts"), p->part[2]), "artifacts"), 0);
}

/* A new value, or NULL where the path is none of ours. */
static struct js *look_up_artifact(const struct path *p, const struct js *input)
{
    const struct js *a = artifact_at(p, input);

    if (!a)
        return js_null();
    if (is(p, 3, "path")) {
        own_mem char *path = executor_artifact_path(a);

        return js_str(path);
    }
    if (is(p, 3, "metadata") && p->n == 5)
        return js_ref(js_get(js_get(a, "metadata"), p->part[4]));
    return js_ref(js_get(a, p->n == 4 ? p->part[3] : "uri"));
}

static struct js *or_null(struct js *v)
{
    return v ? v : js_null();
}

static struct js *look_up_io(const struct path *p, const struct js *input)
{
    if (p->n < 3)
        return NULL;
    if (is(p, 1, "artifacts") && p->n >= 4)
        return or_null(look_up_artifact(p, input));
    if (is(p, 0, "inputs") && is(p, 1, "parameters"))
        return or_null(js_ref(js_path(input, "inputs", "parameterValues", p->part[2], NULL)));
    if (is(p, 0, "outputs") && is(p, 1, "parameters") && is(p, 3, "output_file"))
        return or_null(
            js_ref(js_path(input, "outputs", "parameters", p->part[2], "outputFile", NULL)));
    return NULL;
}

static struct js *look_up_run(const struct path *p, const struct plan *plan,
                              const struct plan_node *node, const char *task_id,
                              const struct js *input)
{
    const struct plan_run *run = plan->run;
    const struct {
        const char *name, *value;
    } known[] = {{"pipeline_job_name", run->job_name},
                 {"pipeline_job_resource_name", run->resource_name},
                 {"pipeline_job_uuid", run->run_id},
                 {"pipeline_job_create_time_utc", run->created_at},
                 {"pipeline_job_schedule_time_utc", run->scheduled_at},
                 {"pipeline_root", run->pipeline_root},
                 {"pipeline_task_name", plan_name(node)},
                 {"pipeline_task_uuid", task_id},
                 {"workspace_path", run->workspace},
                 {"outputMetadataUri", js_get_text(js_get(input, "outputs"), "outputFile")}};

    if (p->n == 2 && is(p, 0, "outputs") && is(p, 1, "output_file"))
        return js_ref(js_path(input, "outputs", "outputFile", NULL));
    for (size_t i = 0; p->n == 1 && i < sizeof known / sizeof *known; i++)
        if (is(p, 0, known[i].name))
            return known[i].value ? js_str(known[i].value) : NULL;
    return NULL;
}

/* Escapes the text as the inside of a JSON string, `times` times: .json_escape[1]. */
static char *json_escaped(char *text, long times)
{
    for (; times > 0 && times <= 4; times--) {
        own(js_free) struct js *v = js_str(text);
        own_mem char *quoted = js_dump(v, JS_COMPACT);

        free(text);
        text = dh_strndup(quoted + 1, strlen(quoted) - 2);
    }
    return text;
}

struct scope {
    const struct plan *plan;
    const struct plan_node *node;
    const char *task_id; /* NULL: not known yet, the placeholder stays */
    const struct js *input;
};

/* Replaces the placeholder whose inside is s … end. false: not one that we know. */
static bool expand_one(const struct scope *in, const char *s, const char *end, struct buf *to)
{
    __attribute__((cleanup(path_done))) struct path p = {0};
    own(js_free) struct js *v = NULL;
    own_mem char *text = NULL;
    long escapes = 0;

    if (s == end) {
        js_write(in->input, JS_COMPACT, to);
        return true;
    }
    if (!parse_path(s, end, &p))
        return false;
    if (p.n > 2 && is(&p, p.n - 2, "json_escape")) {
        escapes = strtol(p.part[p.n - 1], NULL, 10);
        free(p.part[--p.n]);
        free(p.part[--p.n]);
    }
    v = look_up_io(&p, in->input);
    if (!v)
        v = look_up_run(&p, in->plan, in->node, in->task_id, in->input);
    if (!v)
        return false;
    text = json_escaped(placeholder_text(v), escapes);
    buf_adds(to, text);
    return true;
}

static void expand(const char *text, const struct scope *in, struct buf *to)
{
    const char *workspace = in->plan->run->workspace;

    while (*text) {
        size_t plain = strcspn(text, "{/");
        const char *end;

        buf_add(to, text, plain);
        text += plain;
        if (!strncmp(text, "{{$", 3) && (end = strstr(text, "}}")) &&
            expand_one(in, text + 3, end, to)) {
            text = end + 2;
        } else if (workspace && !strncmp(text, WORKSPACE_MOUNT, strlen(WORKSPACE_MOUNT))) {
            buf_adds(to, workspace);
            text += strlen(WORKSPACE_MOUNT);
        } else if (*text) {
            buf_addc(to, *text++);
        }
    }
}

void placeholder_expand(const char *text, const struct plan *plan, const struct plan_node *node,
                        const char *task_id, const struct js *input, struct buf *to)
{
    const struct scope in = {plan, node, task_id, input};

    expand(text, &in, to);
}

static struct js *expand_value(const struct js *value, const struct scope *in)
{
    struct js *v;

    if (js_is(value, JS_STRING)) {
        own_buf struct buf b = {0};

        expand(js_text(value), in, &b);
        return js_strn(buf_str(&b), b.n);
    }
    if (js_is(value, JS_ARRAY)) {
        v = js_array();
        for (size_t i = 0; i < js_n(value); i++)
            js_push(v, expand_value(js_at(value, i), in));
        return v;
    }
    if (!js_is(value, JS_OBJECT))
        return js_ref(value);
    v = js_object();
    for (js_each(value, it)) {
        own_buf struct buf key = {0};

        expand(it.key, in, &key);
        js_set(v, buf_str(&key), expand_value(it.value, in));
    }
    return v;
}

struct js *placeholder_expand_value(const struct js *value, const struct plan *plan,
                                    const struct plan_node *node, const struct js *inputs)
{
    own(js_free) struct js *view = executor_input_view(inputs);
    const struct scope in = {plan, node, NULL, view};

    return expand_value(value, &in);
}

/* ---- Concat and IfPresent ---- */

static bool is_given(const struct js *input, const char *name)
{
    const struct js *v = js_path(input, "inputs", "parameterValues", name, NULL);

    if (v)
        return !js_is(v, JS_NULL);
    return js_path(input, "inputs", "artifacts", name, NULL) != NULL;
}

static void resolve_struct(const struct js *v, const struct js *input, struct js *list)
{
    const struct js *concat = js_get(v, "Concat"), *if_present = js_get(v, "IfPresent");

    if (js_is(v, JS_ARRAY)) {
        for (size_t i = 0; i < js_n(v); i++)
            resolve_struct(js_at(v, i), input, list);
    } else if (concat) {
        own(js_free) struct js *parts = js_array();
        own_buf struct buf b = {0};

        for (size_t i = 0; i < js_n(concat); i++)
            resolve_struct(js_at(concat, i), input, parts);
        for (size_t i = 0; i < js_n(parts); i++)
            buf_adds(&b, js_text(js_at(parts, i)));
        js_push(list, js_str(buf_str(&b)));
    } else if (if_present) {
        const char *name = js_get_text(if_present, "InputName");

        resolve_struct(js_get(if_present, name && is_given(input, name) ? "Then" : "Else"), input,
                       list);
    } else if (!js_is(v, JS_NULL)) {
        own_mem char *text = placeholder_text(v);

        js_push(list, js_str(text));
    }
}

void placeholder_struct(const char *element, const struct js *input, struct js *list)
{
    own(js_free) struct js *v = NULL;

    if ((!strncmp(element, "{\"Concat\":", 10) || !strncmp(element, "{\"IfPresent\":", 13)) &&
        js_parse(element, strlen(element), &v, NULL) == 0)
        resolve_struct(v, input, list);
    else
        js_push(list, js_str(element));
}
