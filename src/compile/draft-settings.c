/* draft-settings - what is set on a task, and on a pipeline. */
#include <inttypes.h>

#include "compile/draft-reader.h"

int op_after(struct reader *r)
{
    struct draft_task *task = reader_task(r, "task"),
                      *other = task ? reader_task(r, "other") : NULL;

    if (!other)
        return -1;
    draft_task_after(r->a, task, other);
    return 0;
}

int op_retry(struct reader *r)
{
    struct draft_task *task = reader_task(r, "task");

    if (!task)
        return -1;
    task->retry = (struct draft_retry){
        true, (int)js_get_int(r->line, "times", 0), js_as_num(js_get(r->line, "backoff"), 0),
        js_as_num(js_get(r->line, "factor"), 0), js_as_num(js_get(r->line, "max"), 0)};
    if (task->retry.times < 0)
        return draft_fail(r->err, r->at, "'%s' cannot be tried again %d times", task->name,
                          task->retry.times);
    return 0;
}

static struct js *kubernetes_of(struct reader *r, struct draft_task *task)
{
    if (!task->kubernetes)
        task->kubernetes = draft_keep(r->a, js_object());
    return task->kubernetes;
}

static const struct {
    const char *name;
    size_t offset; /* of the text in struct draft_task */
} texts[] = {
    {"displayName", offsetof(struct draft_task, display_name)},
    {"cacheKey", offsetof(struct draft_task, cache_key)},
    {"cpuRequest", offsetof(struct draft_task, cpu_request)},
    {"cpuLimit", offsetof(struct draft_task, cpu_limit)},
    {"memoryRequest", offsetof(struct draft_task, memory_request)},
    {"memoryLimit", offsetof(struct draft_task, memory_limit)},
    {"acceleratorType", offsetof(struct draft_task, accelerator_type)},
    {"acceleratorCount", offsetof(struct draft_task, accelerator_count)},
};

static bool set_text(struct reader *r, struct draft_task *task, const char *what, const char *text)
{
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!strcmp(what, texts[i].name)) {
            *(const char **)((char *)task + texts[i].offset) = arena_strdup(r->a, text ? text : "");
            return true;
        }
    return false;
}

int op_set(struct reader *r)
{
    struct draft_task *task = reader_task(r, "task");
    struct draft_value *v = task ? reader_value(r, "value") : NULL;
    const char *what = js_get_text(r->line, "what");

    if (!v || !what)
        return v ? reader_wrong(r, "set") : -1;
    if (set_text(r, task, what, js_text(v->constant)))
        return 0;
    if (!strncmp(what, "k8s.", 4))
        js_set(kubernetes_of(r, task), what + 4,
               js_is(v->constant, JS_INT) ? js_strf("%" PRId64, js_as_int(v->constant, 0))
                                          : js_ref(v->constant)); /* 64 bits: as protojson */
    else if (!strcmp(what, "caching"))
        task->no_cache = !js_truth(v->constant);
    else if (!strcmp(what, "ignoreUpstreamFailure"))
        task->ignore_upstream_failure = js_truth(v->constant);
    else
        return reader_wrong(r, "set");
    return 0;
}

int op_env(struct reader *r)
{
    struct draft_task *task = reader_task(r, "task");
    struct js *one;

    if (!task)
        return -1;
    if (!task->env)
        task->env = draft_keep(r->a, js_array());
    one = js_object();
    js_set(one, "name", js_ref(js_get(r->line, "name")));
    js_set(one, "value", js_ref(js_get(r->line, "value")));
    js_push(task->env, one);
    return 0;
}

static struct js *name_parameter(const struct js *name)
{
    struct js *runtime = js_object(), *o = js_object();

    js_set(runtime, "constant", js_ref(name));
    js_set(o, "runtimeValue", runtime);
    return o;
}

static void push_kubernetes(struct reader *r, struct draft_task *task, const char *field,
                            struct js *one)
{
    struct js *k = kubernetes_of(r, task);

    if (!js_get(k, field))
        js_set(k, field, js_array());
    js_push(js_get(k, field), one);
}

/* As kfp-kubernetes writes them: the name in its older form and in the newer one. */
int op_from_map(struct reader *r)
{
    struct draft_task *task = reader_task(r, "task");
    const char *field = js_get_text(r->line, "field");
    bool secret = field && !strncmp(field, "secret", 6);
    struct js *one, *list, *pair;

    if (!task || !field)
        return task ? reader_wrong(r, "field") : -1;
    one = js_object();
    js_set(one, secret ? "secretName" : "configMapName", js_ref(js_get(r->line, "name")));
    js_set(one, secret ? "secretNameParameter" : "configMapNameParameter",
           name_parameter(js_get(r->line, "name")));
    js_set(one, "optional", js_bool(false));
    if (js_get(r->line, "path")) {
        js_set(one, "mountPath", js_ref(js_get(r->line, "path")));
    } else {
        list = js_array();
        pair = js_object();
        js_set(pair, secret ? "secretKey" : "configMapKey", js_ref(js_get(r->line, "key")));
        js_set(pair, "envVar", js_ref(js_get(r->line, "env")));
        js_push(list, pair);
        js_set(one, "keyToEnv", list);
    }
    push_kubernetes(r, task, field, one);
    return 0;
}

/* Members are added to an object that is there, elements to a list. */
static int merge(struct reader *r, struct js *to)
{
    const char *field = js_get_text(r->line, "field");
    struct js *json, *now = field ? js_get(to, field) : NULL;

    if (!field || reader_json(r, "json", &json) < 0)
        return field ? -1 : reader_wrong(r, "field");
    if (js_is(json, JS_OBJECT) && js_is(now, JS_OBJECT)) {
        for (js_each(json, it))
            js_set(now, it.key, js_ref(it.value));
    } else if (js_is(json, JS_ARRAY) && js_is(now, JS_ARRAY)) {
        for (size_t i = 0; i < js_n(json); i++)
            js_push(now, js_ref(js_at(json, i)));
    } else {
        js_set(to, field, js_copy(json));
    }
    return 0;
}

int op_kubernetes(struct reader *r)
{
    struct draft_task *task = reader_task(r, "task");

    return task ? merge(r, kubernetes_of(r, task)) : -1;
}

int op_pipeline_config(struct reader *r)
{
    if (!r->p->config)
        r->p->config = draft_keep(r->a, js_object());
    return merge(r, r->p->config);
}

int op_pipeline_root(struct reader *r)
{
    r->p->pipeline_root = reader_text(r, "uri");
    return 0;
}
