/* Conditions in CEL beside what they become in Argo's words, over random expressions and values.
 *
 * Alone it checks that they can be said and that CEL has an answer. `test-expr --cases` prints, one
 * JSON object a line, {"cel", "expr", "env", "want"}: tests/argo/test_lint.py has Argo's own code
 * evaluate `expr` and compares. The same every time. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "argo/argo.h"
#include "base/buf.h"
#include "base/js.h"
#include "base/mem.h"
#include "cel/cel.h"
#include "plan/executor_input.h"
#include "plan/value.h"

#define N_CASES 1500

static const char head[] =
    "schemaVersion: 2.1.0\npipelineInfo: {name: t}\n"
    "deploymentSpec: {executors: {e: {container: {image: img}}}}\n"
    "components:\n"
    "  p: {executorLabel: e, outputDefinitions: {parameters: {s: {parameterType: STRING}, t: "
    "{parameterType: STRING}, n: {parameterType: NUMBER_INTEGER}, d: {parameterType: "
    "NUMBER_DOUBLE}, b: {parameterType: BOOLEAN}, l: {parameterType: LIST}, m: {parameterType: "
    "STRUCT}, j: {parameterType: STRING}}}}\n"
    "  c: {executorLabel: e, inputDefinitions: {parameters: {s: {parameterType: STRING}, t: "
    "{parameterType: STRING}, n: {parameterType: NUMBER_INTEGER}, d: {parameterType: "
    "NUMBER_DOUBLE}, b: {parameterType: BOOLEAN}, l: {parameterType: LIST}, m: {parameterType: "
    "STRUCT}, k: {parameterType: STRING}, i: {parameterType: NUMBER_INTEGER}}}}\n"
    "root:\n  dag:\n    tasks:\n"
    "      p: {taskInfo: {name: p}, componentRef: {name: p}}\n"
    "      c:\n        taskInfo: {name: c}\n        componentRef: {name: c}\n        "
    "dependentTasks: [p]\n"
    "        inputs:\n          parameters:\n";

static const char *const s_values[] = {"heads", "tails", "",          "a\"b", "it's",
                                       "{x}",   "}}",    "\xc3\xbcn", "a\\b", "1"};
static const char *const t_values[] = {"7", "-3", "0", "12"};
static const double n_values[] = {0, 1, -3, 7, 12, 100000};
static const double d_values[] = {0, 0.5, 7, -3.25, 1e21, 100000000};
static const char *const l_values[] = {"[]", "[\"heads\", 7]", "[1, 2, 3]", "[[\"a\"]]"};
static const char *const m_values[] = {"{\"k\": \"heads\", \"i\": 7}",
                                       "{\"k\": \"\", \"i\": -3, \"z\": {}}",
                                       "{\"k\": \"a\\\"b\", \"i\": 12}"};
#define N(list) (sizeof(list) / sizeof *(list))

/* ---- random ---- */

static uint64_t seed = 20261126;

static size_t below(size_t n)
{
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (size_t)(seed >> 33) % n;
}

static void literal(struct buf *b)
{
    const char *text = s_values[below(N(s_values))];

    buf_addc(b, '\'');
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            buf_addc(b, '\\');
        buf_addc(b, *text);
    }
    buf_addc(b, '\'');
}

static void param(struct buf *b, const char *name)
{
    buf_addf(b, "inputs.parameter_values['%s']", name);
}

static void text_atom(struct buf *b)
{
    static const char *const names[] = {"s", "t", "k"};

    if (below(3))
        param(b, names[below(3)]);
    else
        literal(b);
}

static void number_atom(struct buf *b)
{
    static const char *const literals[] = {"0", "7", "-3", "12", "100000"};

    switch (below(7)) {
    case 0:
        param(b, "n");
        return;
    case 1:
        param(b, "d");
        return;
    case 2:
        buf_adds(b, "int(inputs.parameter_values['n'])");
        return;
    case 3:
        buf_adds(b, "int(inputs.parameter_values['t'])");
        return;
    case 4:
        buf_adds(b, "double(inputs.parameter_values['t'])");
        return;
    case 5:
        param(b, "i");
        return;
    default:
        buf_adds(b, literals[below(N(literals))]);
    }
}

static void comparison(struct buf *b)
{
    static const char *const all[] = {"==", "!=", "<", "<=", ">", ">="};
    static const char *const calls[] = {"contains", "startsWith", "endsWith"};

    switch (below(9)) {
    case 0:
        param(b, "b");
        buf_addf(b, " %s %s", all[below(2)], below(2) ? "true" : "false");
        return;
    case 1:
        text_atom(b);
        buf_addf(b, ".%s(", calls[below(3)]);
        text_atom(b);
        buf_addc(b, ')');
        return;
    case 2:
        text_atom(b);
        buf_adds(b, " in ['heads', 'a\"b', '7']");
        return;
    case 3:
        text_atom(b);
        buf_addf(b, " in inputs.parameter_values['%s']", below(2) ? "l" : "m");
        return;
    case 4:
        buf_addf(b, "size(inputs.parameter_values['%s']) %s %zu", below(2) ? "l" : "s",
                 all[below(6)], below(4));
        return;
    case 5: /* of two kinds */
        text_atom(b);
        buf_addf(b, " %s ", all[below(2)]);
        number_atom(b);
        return;
    case 6:
        text_atom(b);
        buf_addf(b, " %s ", all[below(6)]);
        text_atom(b);
        return;
    default:
        number_atom(b);
        buf_addf(b, " %s ", all[below(6)]);
        number_atom(b);
    }
}

static void condition(struct buf *b, int depth)
{
    size_t kind = depth ? below(6) : 5;

    buf_addc(b, '(');
    if (kind == 0) {
        buf_addc(b, '!');
        condition(b, depth - 1);
    } else if (kind < 3) {
        condition(b, depth - 1);
        buf_adds(b, kind == 1 ? " && " : " || ");
        condition(b, depth - 1);
    } else if (kind == 3 && depth > 1) {
        comparison(b);
        buf_adds(b, " ? ");
        condition(b, depth - 2);
        buf_adds(b, " : ");
        condition(b, depth - 2);
    } else {
        comparison(b);
    }
    buf_addc(b, ')');
}

static struct js *parsed(const char *text)
{
    struct js *v = NULL;
    struct dh_err err;

    if (js_parse(text, strlen(text), &v, &err) < 0) {
        printf("Bail out! %s: %s\n", text, err.msg);
        exit(1);
    }
    return v;
}

static struct js *values(void)
{
    struct js *v = js_object(), *outputs = js_object();
    const char *struct_text = m_values[below(N(m_values))];

    js_set(v, "s", js_str(s_values[below(N(s_values))]));
    js_set(v, "t", js_str(t_values[below(N(t_values))]));
    js_set(v, "n", js_num(n_values[below(N(n_values))]));
    js_set(v, "d", js_num(d_values[below(N(d_values))]));
    js_set(v, "b", js_bool(below(2)));
    js_set(v, "l", parsed(l_values[below(N(l_values))]));
    js_set(v, "m", parsed(struct_text));
    js_set(v, "j", js_str(struct_text));
    js_set(outputs, "parameters", v);
    return outputs;
}

/* ---- one case ---- */

struct trial {
    char *cel, *when;
    struct js *env;
    const char *want;
};

static struct spec *spec_with(const char *cel)
{
    static const char *const names[] = {"s", "t", "n", "d", "b", "l", "m"};
    own_buf struct buf text = {0};
    own(js_free) struct js *quoted = js_str(cel);
    own_mem char *json = js_dump(quoted, JS_COMPACT);
    struct spec *spec = NULL;
    struct dh_err err;

    buf_adds(&text, head);
    for (size_t i = 0; i < N(names); i++)
        buf_addf(
            &text,
            "            %s: {taskOutputParameter: {producerTask: p, outputParameterKey: %s}}\n",
            names[i], names[i]);
    for (size_t i = 0; i < 2; i++)
        buf_addf(&text,
                 "            %c: {taskOutputParameter: {producerTask: p, outputParameterKey: j}, "
                 "parameterExpressionSelector: 'parseJson(string_value)[\"%c\"]'}\n",
                 "ki"[i], "ki"[i]);
    buf_addf(&text, "        triggerPolicy: {condition: %s}\n", json);
    if (spec_load_bytes("t.yaml", buf_str(&text), text.n, &spec, NULL, &err) < 0) {
        printf("Bail out! %s\n", err.msg);
        exit(1);
    }
    return spec;
}

/* What the plan makes of it. */
static const char *answer(const char *cel, const struct js *outputs)
{
    own(js_free) struct js *inputs = js_object();
    own(js_free) struct js *view = NULL;
    struct js *parameters = js_object(), *all = js_get(outputs, "parameters"), *part = NULL;
    struct dh_err err;
    bool yes;

    js_set(inputs, "parameters", parameters);
    for (js_each(all, it))
        js_set(parameters, it.key, js_ref(it.value));
    if (cel_select("parseJson(string_value)[\"k\"]", js_get(all, "j"), &part, &err) == 0)
        js_set(parameters, "k", part);
    if (cel_select("parseJson(string_value)[\"i\"]", js_get(all, "j"), &part, &err) == 0)
        js_set(parameters, "i", part);
    view = executor_input_view(inputs);
    return cel_condition(cel, view, &yes, &err) < 0 ? "error" : yes ? "true" : "false";
}

static const struct js *task_c(const struct js *manifest)
{
    const struct js *tasks =
        js_path(js_at(js_path(manifest, "spec", "templates", NULL), 0), "dag", "tasks", NULL);

    return js_at(tasks, 1);
}

static struct js *environment(const struct argo_workflow *workflow, const struct js *outputs)
{
    own(js_free) struct js *control = argo_control(workflow, "root.p", outputs);
    struct js *env = js_object();

    js_set(env, "tasks.p.status", js_str("Succeeded"));
    for (size_t i = 0; i < js_n(control); i++) {
        own_mem char *key =
            dh_printf("tasks.p.outputs.parameters.%s",
                      js_get_text(js_at(control, i), "file") + strlen(ARGO_OUT) + 1);

        js_set(env, key, js_ref(js_get(js_at(control, i), "value")));
    }
    return env;
}

/* 0: it is one. 1: CEL's checker refuses it. 2: Argo cannot say it. */
static int try_case(struct trial *t)
{
    own_buf struct buf cel = {0};
    own(js_free) struct js *outputs = values();
    own(js_free) struct js *none = js_object();
    own(spec_free) struct spec *spec = NULL;
    own(argo_free) struct argo_workflow *workflow = NULL;
    const struct plan_run run = {.run_id = "11111111-2222-3333-4444-555555555555",
                                 .job_name = "",
                                 .resource_name = "",
                                 .pipeline_root = "",
                                 .created_at = "",
                                 .scheduled_at = "",
                                 .parameters = none};
    const struct argo_options options = {.run = &run};
    struct dh_err err;

    condition(&cel, 3);
    spec = spec_with(buf_str(&cel));
    if (argo_compile(spec, &options, &workflow, &err) < 0)
        return strstr(err.msg, "triggerPolicy.condition") ? 2 : 1;
    t->cel = buf_take(&cel);
    t->when = dh_strdup(js_get_text(task_c(argo_manifest(workflow)), "when")
                            ? js_get_text(task_c(argo_manifest(workflow)), "when")
                            : "true");
    t->env = environment(workflow, outputs);
    t->want = answer(t->cel, outputs);
    return 0;
}

static void print(const struct trial *t)
{
    own(js_free) struct js *v = js_object();
    own_mem char *text = NULL;
    size_t n = strlen(t->when);

    js_set(v, "cel", js_str(t->cel));
    js_set(v, "expr", strncmp(t->when, "{{=", 3) ? js_str(t->when) : js_strn(t->when + 3, n - 5));
    js_set(v, "env", js_ref(t->env));
    js_set(v, "want", js_str(t->want));
    text = js_dump(v, JS_COMPACT);
    puts(text);
}

int main(int argc, char **argv)
{
    bool cases = argc > 1 && !strcmp(argv[1], "--cases");
    size_t n[3] = {0}, errors = 0;

    for (int i = 0; i < N_CASES; i++) {
        struct trial t = {0};
        int rc = try_case(&t);

        n[rc]++;
        if (rc == 0 && cases)
            print(&t);
        errors += rc == 0 && !strcmp(t.want, "error");
        free(t.cel);
        free(t.when);
        js_free(t.env);
    }
    if (cases)
        return 0;
    printf("1..2\n%s 1 - most conditions can be said in Argo's words\n",
           n[0] > N_CASES / 2 ? "ok" : "not ok");
    printf("%s 2 - few of them fail\n", errors < n[0] / 4 ? "ok" : "not ok");
    printf("# %zu said, %zu refused by CEL's checker, %zu not known to Argo; %zu fail\n", n[0],
           n[1], n[2], errors);
    return 0;
}
