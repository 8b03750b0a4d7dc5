/* compile - all tasks of a pipeline as a tree, what is decided about each, and what comes out. */
#include <stdlib.h>
#include <string.h>

#include "argo/argo-priv.h"
#include "base/limits.h"
#include "base/mem.h"
#include "plan/placeholder.h"

#define TASK_NAME_MAX 100

int argo_refuse(struct argo *a, struct spec_pos pos, const struct spot *spot, const char *field,
                const char *fmt, ...)
{
    own_buf struct buf what = {.max = 600};
    char where[SPEC_WHERE];
    va_list ap;

    va_start(ap, fmt);
    buf_addv(&what, fmt, ap);
    va_end(ap);
    return dh_fail(a->err, DH_INVALID, "%s: task '%s', %s: %s", spec_where(a->spec, pos, where),
                   spot->task ? spot->task->name : "root", field, buf_str(&what));
}

bool argo_is_leaf(const struct spot *spot)
{
    return spot->executor != NULL;
}

static void free_js(void *v)
{
    js_free(v);
}

struct js *argo_keep(struct argo *a, struct js *v)
{
    arena_on_free(a->arena, free_js, v);
    return v;
}

/* ---- the tree ---- */

static bool is_claim_maker(const struct executor_spec *executor)
{
    return executor->kind == EXECUTOR_CONTAINER &&
           (!strcmp(executor->container->image, "argostub/createpvc") ||
            !strcmp(executor->container->image, "argostub/deletepvc"));
}

/* Importers and the makers of claims are the server's own work. They have no node either where none
 * is needed: what waits for them waits for what they waited for, and the server holds it back. */
static void settle_server_task(struct spot *spot, bool has_dependents)
{
    const struct trigger_policy *policy = &spot->task->trigger_policy;
    bool always = policy->strategy == TRIGGER_ALL_UPSTREAM_TASKS_COMPLETED;

    spot->is_nothing = spot->is_loop || policy->condition[0] || (always && has_dependents);
    spot->is_gone = !spot->is_nothing;
}

static int open_leaf(struct argo *a, struct spot *spot, bool has_dependents)
{
    spot->executor = spec_executor(a->spec, spot->component->executor_label);
    spot->is_builtin = is_claim_maker(spot->executor);
    switch (spot->executor->kind) {
    case EXECUTOR_CONTAINER:
        if (spot->is_builtin)
            settle_server_task(spot, has_dependents);
        return 0;
    case EXECUTOR_IMPORTER:
        settle_server_task(spot, has_dependents);
        return 0;
    default:
        return argo_refuse(a, spot->executor->pos, spot, "executor",
                           "neither a container nor an importer: there is nothing that runs it");
    }
}

static int open_spot(struct argo *a, struct spot *spot, unsigned depth);

static int open_children(struct argo *a, struct spot *spot, unsigned depth)
{
    const struct dag_spec *dag = spot->component->dag;
    own(strmap_free) struct strmap *taken = strmap_new();

    if (graph_new(dag, &spot->graph, a->err) < 0)
        return -1;
    spot->n_children = dag->tasks.n;
    spot->children = arena_alloc(a->arena, (dag->tasks.n + 1) * sizeof *spot->children);
    for (size_t i = 0; i < spot->n_children; i++) {
        struct spot *child = &spot->children[i];

        child->up = spot;
        child->task = &dag->tasks.items[i];
        child->name = name_unique(a, taken, name_clean(a, child->task->name, TASK_NAME_MAX));
        if (open_spot(a, child, depth + 1) < 0)
            return -1;
    }
    return 0;
}

static bool is_empty(const struct spot *spot)
{
    for (size_t i = 0; i < spot->n_children; i++)
        if (!spot->children[i].is_gone)
            return false;
    return true;
}

static int open_spot(struct argo *a, struct spot *spot, unsigned depth)
{
    const struct spot *up = spot->up;

    if (depth > LIMIT_NEST || ++a->n_spots > LIMIT_ARGO_TASKS)
        return argo_refuse(a, spot->task ? spot->task->pos : a->spec->pipeline.pos, spot, "tasks",
                           "the pipeline has more than %d tasks, or %d levels, when all that it "
                           "calls is counted",
                           LIMIT_ARGO_TASKS, LIMIT_NEST);
    if (up) {
        size_t i = (size_t)(spot - up->children);

        spot->component = spec_task_component(a->spec, spot->task);
        spot->scope = arena_printf(a->arena, "%s.%s", up->scope, spot->task->name);
        spot->is_loop = spot->task->parameter_iterator || spot->task->artifact_iterator;
        spot->n_loops = up->n_loops + spot->is_loop;
        if (!spot->component->dag)
            return open_leaf(a, spot, up->graph->down_at[i + 1] > up->graph->down_at[i]);
    }
    if (open_children(a, spot, depth) < 0)
        return -1;
    spot->is_nothing = is_empty(spot);
    return 0;
}

/* ---- what is decided ---- */

static int decide(struct argo *a, struct spot *spot)
{
    if (spot->is_gone)
        return 0;
    if (spot->task && decide_condition(a, spot) < 0)
        return -1;
    if (spot->is_nothing)
        return 0;
    if (decide_loop(a, spot) < 0)
        return -1;
    if (argo_is_leaf(spot))
        return pod_build(a, spot);
    for (size_t i = 0; i < spot->n_children; i++)
        if (decide(a, &spot->children[i]) < 0)
            return -1;
    return 0;
}

static void spot_done(struct spot *spot)
{
    for (size_t i = 0; i < spot->n_children; i++)
        spot_done(&spot->children[i]);
    graph_free(spot->graph);
    free(spot->ports);
    free(spot->exports);
    js_free(spot->pod);
    js_free(spot->patch);
}

static void argo_done(struct argo *a)
{
    spot_done(&a->root);
    plan_free(a->plan);
    strmap_free(a->names);
    strmap_free(a->templates);
    js_free(a->list);
    js_free(a->control);
    arena_free(a->arena);
}

/* What Kubernetes would not store is said now. */
static int check_size(const struct spec *spec, const struct js *manifest, struct dh_err *err)
{
    own_mem char *text = js_dump(manifest, JS_COMPACT);
    size_t n = strlen(text);

    if (n > LIMIT_ARGO_BYTES)
        return dh_fail(err, DH_INVALID,
                       "%s: the Workflow would have %zu bytes; Argo and Kubernetes take %zu. Put "
                       "tasks that are alike into a loop, or split the pipeline",
                       spec->source, n, LIMIT_ARGO_BYTES);
    return 0;
}

int argo_compile(const struct spec *spec, const struct argo_options *options,
                 struct argo_workflow **ret, struct dh_err *err)
{
    __attribute__((cleanup(argo_done))) struct argo a = {.arena = arena_new(),
                                                         .spec = spec,
                                                         .options = options,
                                                         .run = options->run,
                                                         .names = strmap_new(),
                                                         .templates = strmap_new(),
                                                         .list = js_array(),
                                                         .control = js_object(),
                                                         .err = err};
    own(argo_free) struct argo_workflow *workflow = NULL;

    a.root.component = &spec->pipeline.root;
    a.root.scope = a.root.name = "root";
    if (plan_new(spec, a.run, &a.plan, err) < 0 || open_spot(&a, &a.root, 0) < 0 ||
        decide(&a, &a.root) < 0)
        return -1;
    emit_templates(&a);
    workflow = dh_zalloc(1, sizeof *workflow);
    workflow->manifest = workflow_manifest(&a);
    workflow->control = take(&a.control);
    workflow->n_pods = a.n_pods;
    workflow->asks = a.asks;
    if (check_size(spec, workflow->manifest, err) < 0)
        return -1;
    *ret = take(&workflow);
    return 0;
}

struct argo_workflow *argo_free(struct argo_workflow *workflow)
{
    if (workflow) {
        js_free(workflow->manifest);
        js_free(workflow->control);
        free(workflow);
    }
    return NULL;
}

/* ---- what came out ---- */

const struct js *argo_manifest(const struct argo_workflow *workflow)
{
    return workflow->manifest;
}

size_t argo_n_pods(const struct argo_workflow *workflow)
{
    return workflow->n_pods;
}

bool argo_asks(const struct argo_workflow *workflow)
{
    return workflow->asks;
}

int argo_agent_named(const char *name, enum argo_agent *ret, struct dh_err *err)
{
    static const char *const names[] = {"off", "conditions", "large", "all"};

    *ret = ARGO_AGENT_OFF;
    for (int i = 0; name && i <= ARGO_AGENT_ALL; i++)
        if (!strcmp(name, names[i])) {
            *ret = (enum argo_agent)i;
            return 0;
        }
    return name ? dh_fail(err, DH_INVALID, "agent %s: expected off, conditions, large or all", name)
                : 0;
}

struct js *argo_control_files(const struct argo_workflow *workflow, const char *scope)
{
    const struct js *list = js_get(workflow->control, scope);
    struct js *files = js_array();

    for (size_t i = 0; i < js_n(list); i++)
        js_push(files, js_ref(js_get(js_at(list, i), "file")));
    return files;
}

static struct js *count_of(const struct js *value)
{
    own(js_free) struct js *parsed = NULL;

    if (js_is(value, JS_STRING) && js_parse(js_text(value), js_text_len(value), &parsed, NULL) == 0)
        value = parsed;
    return js_is(value, JS_ARRAY) ? js_strf("%zu", js_n(value)) : NULL;
}

static struct js *text_of(const struct js *value)
{
    own_mem char *text = js_is(value, JS_NULL) ? dh_strdup("") : placeholder_text(value);

    return js_str(text);
}

/* NULL: it has no value. */
static struct js *control_of(const struct js *one, const struct js *outputs)
{
    const char *output = js_get_text(one, "output");
    const struct js *value = js_get(js_get(outputs, "parameters"), output);
    enum flow_as as = (enum flow_as)js_get_int(one, "as", AS_TEXT);

    if (as == AS_ARTIFACTS)
        return outputs ? js_strf("%zu", js_n(js_get(js_get(outputs, "artifacts"), output))) : NULL;
    return !value ? NULL : as == AS_COUNT ? count_of(value) : text_of(value);
}

struct js *argo_control(const struct argo_workflow *workflow, const char *scope,
                        const struct js *outputs)
{
    const struct js *list = js_get(workflow->control, scope);
    struct js *all = js_array();

    for (size_t i = 0; i < js_n(list); i++) {
        const struct js *one = js_at(list, i);
        struct js *text = control_of(one, outputs);
        struct js *v;

        if (!text)
            continue;
        v = js_object();
        js_set(v, "file", js_ref(js_get(one, "file")));
        js_set(v, "value", text);
        js_push(all, v);
    }
    return all;
}
