/* lower-task - a task's spec, its component and its executor. */
#include <stdlib.h>

#include "base/mem.h"
#include "compile/draft.h"
#include "spec/spec.h"

static struct js *seconds(double s)
{
    return js_strf("%lds", (long)s);
}

/* The SDK writes its defaults out, so that the spec says what will happen. */
static struct js *retry_policy(const struct draft_retry *r)
{
    struct js *o = js_object();

    js_set(o, "maxRetryCount", js_int(r->times));
    js_set(o, "backoffDuration", seconds(r->backoff_s));
    js_set(o, "backoffFactor", js_real(r->factor > 0 ? r->factor : 2.0));
    js_set(o, "backoffMaxDuration", seconds(r->max_s > 0 ? r->max_s : 3600));
    return o;
}

static struct js *caching(const struct draft_task *task)
{
    struct js *o = js_object();

    if (!task->no_cache)
        js_set(o, "enableCache", js_bool(true));
    if (task->cache_key)
        js_set(o, "cacheKey", js_str(task->cache_key));
    return o;
}

/* What comes from a task that may fail needs something to stand in for it. */
static int check_ignore(const struct draft_task *task, struct dh_err *err)
{
    for (size_t i = 0; i < task->n_inputs; i++) {
        const struct draft_value *v = task->inputs[i].value;
        const struct draft_port *port = draft_port(&task->component->inputs, task->inputs[i].name);

        if (v->kind != DRAFT_CONSTANT && v->kind != DRAFT_INPUT && !port->optional)
            return draft_fail(err, task->at,
                              "'%s' ignores failures, so its input '%s', which comes from another "
                              "task, needs a default",
                              task->name, port->name);
    }
    return 0;
}

/* What is ignored has to be the one task that is waited for, where its final status is asked for.
 */
static int add_ignore(struct draft_group *group, struct draft_task *task, struct js *spec,
                      struct dh_err *err)
{
    const struct js *waits = js_get(group->waits, task->name);
    struct js *policy = js_object();

    js_set(policy, "strategy", js_str("ALL_UPSTREAM_TASKS_COMPLETED"));
    js_set(spec, "triggerPolicy", policy);
    if (check_ignore(task, err) < 0)
        return -1;
    for (size_t i = 0; i < task->component->inputs.n; i++) {
        const struct draft_port *in = &task->component->inputs.items[i];
        struct js *of, *status;

        if (in->type != DRAFT_FINAL_STATUS)
            continue;
        if (js_n(waits) != 1)
            return draft_fail(err, task->at,
                              "'%s' takes a final status and ignores failures: it has to wait for "
                              "one task of its block, and waits for %zu",
                              task->name, js_n(waits));
        of = js_object();
        status = js_object();
        js_set(of, "producerTask", js_ref(js_at(waits, 0)));
        js_set(status, "taskFinalStatus", of);
        js_set(js_get(task->resolved, "parameters"), in->name, status);
    }
    return 0;
}

/* ---- executors ---- */

/* Known when it runs: older installations cannot read it. */
static bool is_value(const char *text)
{
    return !strncmp(text, "{{", 2);
}

static int add_quantity(const struct draft_task *task, struct js *to, const char *text,
                        const char *key, const char *old_key, double unit, struct dh_err *err)
{
    double value;

    if (!text)
        return 0;
    js_set(to, key, js_str(text));
    if (is_value(text))
        return 0;
    if (spec_quantity(text, &value) < 0)
        return draft_fail(err, task->at,
                          "'%s': '%s' is no quantity: expected as \"500m\", \"2\", "
                          "\"512Mi\", \"4G\"",
                          task->name, text);
    js_set(to, old_key, js_real(value / unit)); /* older installations read this one */
    return 0;
}

static int resources(const struct draft_task *task, struct js *container, struct dh_err *err)
{
    struct js *r = js_object();

    if (add_quantity(task, r, task->cpu_request, "resourceCpuRequest", "cpuRequest", 1, err) < 0 ||
        add_quantity(task, r, task->cpu_limit, "resourceCpuLimit", "cpuLimit", 1, err) < 0 ||
        add_quantity(task, r, task->memory_request, "resourceMemoryRequest", "memoryRequest", 1e9,
                     err) < 0 ||
        add_quantity(task, r, task->memory_limit, "resourceMemoryLimit", "memoryLimit", 1e9, err) <
            0) {
        js_free(r);
        return -1;
    }
    if (task->accelerator_type) {
        struct js *acc = js_object();
        const char *count = task->accelerator_count ? task->accelerator_count : "1";

        if (!is_value(task->accelerator_type))
            js_set(acc, "type", js_str(task->accelerator_type));
        if (!is_value(count))
            js_set(acc, "count", js_str(count));
        js_set(acc, "resourceType", js_str(task->accelerator_type));
        js_set(acc, "resourceCount", js_str(count));
        js_set(r, "accelerator", acc);
    }
    if (js_n(r))
        js_set(container, "resources", r);
    else
        js_free(r);
    return 0;
}

static void add_list(struct js *to, const char *key, const struct js *list)
{
    if (js_n(list))
        js_set(to, key, js_ref(list));
}

static int container(const struct draft_task *task, struct js **ret, struct dh_err *err)
{
    const struct draft_component *c = task->component;
    struct js *o = js_object(), *env = c->env ? js_copy(c->env) : js_array();

    js_set(o, "image", js_str(task->image ? task->image : c->image));
    add_list(o, "command", c->command);
    add_list(o, "args", c->args);
    for (size_t i = 0; i < js_n(task->env); i++)
        js_push(env, js_copy(js_at(task->env, i)));
    add_list(o, "env", env);
    js_free(env);
    if (resources(task, o, err) < 0) {
        js_free(o);
        return -1;
    }
    *ret = o;
    return 0;
}

static struct js *importer(const struct draft_task *task)
{
    const struct draft_component *c = task->component;
    struct js *o = js_object(), *uri = js_object();
    const struct js *given = js_path(task->resolved, "parameters", "uri", "runtimeValue", NULL);

    if (given && task->inputs[0].value->kind == DRAFT_CONSTANT)
        js_set(uri, "constant", js_ref(js_get(given, "constant")));
    else
        js_set(uri, "runtimeParameter", js_str("uri"));
    js_set(o, "artifactUri", uri);
    js_set(o, "typeSchema", lower_artifact_type(c->artifact));
    if (js_n(c->metadata))
        js_set(o, "metadata", js_copy(c->metadata));
    if (c->to_workspace)
        js_set(o, "downloadToWorkspace", js_bool(true));
    if (c->reimport)
        js_set(o, "reimport", js_bool(true));
    return o;
}

static int executor(struct lowered *to, struct draft_task *task, struct js *component,
                    struct dh_err *err)
{
    const char *label =
        lower_unique(to->arena, to->executors, arena_printf(to->arena, "exec-%s", task->name));
    struct js *o = js_object(), *what;

    if (task->component->kind == DRAFT_IMPORTER) {
        js_set(o, "importer", importer(task));
    } else {
        if (container(task, &what, err) < 0) {
            js_free(o);
            return -1;
        }
        js_set(o, "container", what);
    }
    js_set(to->executors, label, o);
    js_set(component, "executorLabel", js_str(label));
    if (js_n(task->kubernetes))
        js_set(to->platform, label, js_copy(task->kubernetes));
    return 0;
}

/* ---- the task ---- */

static int component_of(struct lowered *to, struct draft_task *task, struct js **ret,
                        struct dh_err *err)
{
    if (task->component->kind == DRAFT_PIPELINE || task->component->kind == DRAFT_LOADED) {
        if (js_n(task->kubernetes) || task->cpu_limit || task->memory_limit)
            return draft_fail(err, task->at,
                              "'%s' is a pipeline: resources and Kubernetes fields are set on the "
                              "tasks in it",
                              task->name);
        return task->component->kind == DRAFT_PIPELINE
                   ? lower_pipeline(to, task->component->pipeline, ret, err)
                   : lower_loaded(to, task->component, ret, err);
    }
    *ret = lower_interface(to->arena, task->component);
    if (executor(to, task, *ret, err) < 0) {
        *ret = js_free(*ret);
        return -1;
    }
    return 0;
}

static void add_inputs(const struct draft_task *task, struct js *spec)
{
    struct js *inputs = js_object();
    static const char *const kinds[] = {"artifacts", "parameters"};

    for (int i = 0; i < 2; i++)
        if (js_n(js_get(task->resolved, kinds[i])))
            js_set(inputs, kinds[i], js_ref(js_get(task->resolved, kinds[i])));
    if (js_n(inputs))
        js_set(spec, "inputs", inputs);
    else
        js_free(inputs);
}

int lower_task(struct lowered *to, struct draft_group *group, struct draft_task *task,
               struct js **ret, struct dh_err *err)
{
    struct js *spec = js_object(), *ref = js_object(), *component;
    const char *name;

    *ret = spec;
    js_set(spec, "componentRef", ref);
    js_set(spec, "cachingOptions", caching(task));
    if (task->retry.given)
        js_set(spec, "retryPolicy", retry_policy(&task->retry));
    if ((task->ignore_upstream_failure && add_ignore(group, task, spec, err) < 0) ||
        component_of(to, task, &component, err) < 0) {
        *ret = js_free(spec);
        return -1;
    }
    add_inputs(task, spec);
    name = lower_unique(to->arena, to->components, arena_printf(to->arena, "comp-%s", task->name));
    js_set(to->components, name, component);
    js_set(ref, "name", js_str(name));
    return 0;
}
