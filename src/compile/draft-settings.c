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

static struct js *kubernetes_of(struct arena *a, struct draft_task *task)
{
    if (!task->kubernetes)
        task->kubernetes = draft_keep(a, js_object());
    return task->kubernetes;
}

#define AT(member_) offsetof(struct draft_task, member_)
static const struct {
    const char *name;
    size_t offset;     /* of the text in struct draft_task */
    const char *input; /* what the SDK calls the input for a value; NULL: constants alone */
} settings[] = {
    [DRAFT_DISPLAY_NAME] = {"displayName", AT(display_name), NULL},
    [DRAFT_CACHE_KEY] = {"cacheKey", AT(cache_key), NULL},
    [DRAFT_IMAGE] = {"image", AT(image), "base_image"},
    [DRAFT_CPU_REQUEST] = {"cpuRequest", AT(cpu_request), "cpu_request"},
    [DRAFT_CPU_LIMIT] = {"cpuLimit", AT(cpu_limit), "cpu_limit"},
    [DRAFT_MEMORY_REQUEST] = {"memoryRequest", AT(memory_request), "memory_request"},
    [DRAFT_MEMORY_LIMIT] = {"memoryLimit", AT(memory_limit), "memory_limit"},
    [DRAFT_ACCELERATOR_TYPE] = {"acceleratorType", AT(accelerator_type), "accelerator_type"},
    [DRAFT_ACCELERATOR_COUNT] = {"acceleratorCount", AT(accelerator_count), "accelerator_count"},
};

int draft_task_set(struct arena *a, struct draft_task *task, enum draft_setting setting,
                   struct draft_value *value, struct draft_place at, struct dh_err *err)
{
    const char **text = (const char **)((char *)task + settings[setting].offset);
    const struct draft_need need = {
        .value = value, .setting = text, .name = settings[setting].input};
    const struct js *c = value->constant;

    for (size_t i = task->n_needs; i-- > 0;) /* the last one counts */
        if (task->needs[i].setting == text)
            task->needs[i] = task->needs[--task->n_needs];
    if (value->kind == DRAFT_CONSTANT && !js_is(c, JS_NULL) && !js_is(c, JS_INT) && !js_text(c))
        return draft_fail(err, at, "'%s' has to be a text", settings[setting].name);
    if (value->kind != DRAFT_CONSTANT && (!need.name || value->kind == DRAFT_FORMAT))
        return draft_fail(err, at, "'%s' has to be a constant%s", settings[setting].name,
                          need.name ? ", an input or an output" : "");
    if (value->kind != DRAFT_CONSTANT)
        DRAFT_PUSH(a, task->needs, task->n_needs, task->cap_needs, need);
    else if (js_is(c, JS_INT))
        *text = arena_printf(a, "%" PRId64, js_as_int(c, 0));
    else
        *text = js_text(c) ? arena_strdup(a, js_text(c)) : NULL;
    return 0;
}

static struct js *constant_parameter(const struct js *name)
{
    struct js *runtime = js_object(), *o = js_object();

    js_set(runtime, "constant", js_ref(name));
    js_set(o, "runtimeValue", runtime);
    return o;
}

/* As kfp-kubernetes writes them: the name in its older form and in the newer one. */
struct js *draft_task_named(struct arena *a, struct draft_task *task, const char *list,
                            struct draft_value *value)
{
    bool claim = !strcmp(list, "pvcMount"), secret = !strncmp(list, "secret", 6);
    const char *key = claim    ? "pvcNameParameter"
                      : secret ? "secretNameParameter"
                               : "configMapNameParameter";
    struct js *one = js_object(), *k = kubernetes_of(a, task);
    const struct draft_need need = {.value = value, .to = one, .key = key, .also = claim};

    if (value->kind == DRAFT_CONSTANT) {
        js_set(one,
               claim    ? "constant"
               : secret ? "secretName"
                        : "configMapName",
               js_ref(value->constant));
        js_set(one, key, constant_parameter(value->constant));
    } else {
        DRAFT_PUSH(a, task->needs, task->n_needs, task->cap_needs, need);
    }
    if (!js_get(k, list))
        js_set(k, list, js_array());
    js_push(js_get(k, list), one);
    return one;
}

void draft_task_mount(struct arena *a, struct draft_task *task, struct draft_value *claim,
                      const char *path)
{
    js_set(draft_task_named(a, task, "pvcMount", claim), "mountPath", js_str(path));
}

int op_set(struct reader *r)
{
    struct draft_task *task = reader_task(r, "task");
    struct draft_value *v = task ? reader_value(r, "value") : NULL;
    const char *what = js_get_text(r->line, "what");

    if (!v || !what)
        return v ? reader_wrong(r, "set") : -1;
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (!strcmp(what, settings[i].name))
            return draft_task_set(r->a, task, (enum draft_setting)i, v, r->at, r->err);
    if (v->kind != DRAFT_CONSTANT)
        return draft_fail(r->err, r->at, "'%s' has to be a constant", what);
    if (!strncmp(what, "k8s.", 4))
        js_set(kubernetes_of(r->a, task), what + 4,
               js_is(v->constant, JS_INT) ? js_strf("%" PRId64, js_as_int(v->constant, 0))
                                          : js_ref(v->constant)); /* 64 bits: as protojson */
    else if (!strcmp(what, "caching"))
        task->no_cache = !js_truth(v->constant);
    else if (!strcmp(what, "toWorkspace"))
        task->component->to_workspace = js_truth(v->constant);
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

int op_named(struct reader *r)
{
    struct draft_task *task = reader_task(r, "task");
    struct draft_value *v = task ? reader_value(r, "value") : NULL;
    const char *list = js_get_text(r->line, "field"), *path = js_get_text(r->line, "path");
    bool secret = list && !strncmp(list, "secret", 6);
    struct js *one, *keys, *pair;

    if (!v || !list)
        return v ? reader_wrong(r, "field") : -1;
    one = draft_task_named(r->a, task, list, v);
    if (path)
        js_set(one, "mountPath", js_str(path));
    if (!strcmp(list, "pvcMount"))
        return 0;
    js_set(one, "optional", js_bool(false));
    if (path)
        return 0;
    keys = js_array();
    pair = js_object();
    js_set(pair, secret ? "secretKey" : "configMapKey", js_ref(js_get(r->line, "key")));
    js_set(pair, "envVar", js_ref(js_get(r->line, "env")));
    js_push(keys, pair);
    js_set(one, "keyToEnv", keys);
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

    return task ? merge(r, kubernetes_of(r->a, task)) : -1;
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

int op_pipeline_name(struct reader *r)
{
    r->p->display_name = reader_text(r, "name");
    return 0;
}

/* A value in an importer's metadata becomes an input of it: metadata, metadata-2, … */
int op_metadata(struct reader *r)
{
    struct draft_task *task = reader_task(r, "task");
    struct draft_value *v = task ? reader_value(r, "value") : NULL;
    const char *key = js_get_text(r->line, "name");
    struct draft_component *c = v ? task->component : NULL;
    struct draft_port in = {.help = ""};

    if (!v || !key || c->kind != DRAFT_IMPORTER)
        return v ? reader_wrong(r, "metadata") : -1;
    if (v->type == DRAFT_ARTIFACT || v->kind == DRAFT_FORMAT)
        return draft_fail(r->err, r->at, "metadata '%s' has to be a constant or a parameter", key);
    if (!c->metadata)
        c->metadata = draft_keep(r->a, js_object());
    if (v->kind == DRAFT_CONSTANT) {
        js_set(c->metadata, key, js_ref(v->constant));
        return 0;
    }
    in.type = v->type;
    in.name = c->inputs.n == 1 ? "metadata" : arena_printf(r->a, "metadata-%zu", c->inputs.n);
    DRAFT_PUSH(r->a, c->inputs.items, c->inputs.n, c->inputs.cap, in);
    js_set(c->metadata, key, js_strf("{{$.inputs.parameters['%s']}}", in.name));
    return draft_task_input(r->a, task, in.name, v, r->err);
}
