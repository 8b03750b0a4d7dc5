/* emit - the templates: a DAG for each dag, one around each loop, one for each kind of pod. */
#include <stdlib.h>
#include <string.h>

#include "argo/argo-priv.h"
#include "base/mem.h"

#define TEMPLATE_NAME_MAX 60
#define NOTHING "nothing" /* a template that is done at once */

static struct js *pair(const char *key, const char *value)
{
    struct js *v = js_object();

    js_set(v, "name", js_str(key));
    if (value)
        js_set(v, "value", js_str(value));
    return v;
}

static void set_list(struct js *to, const char *key, struct js *parameters)
{
    struct js *v;

    if (!js_n(parameters)) {
        js_free(parameters);
        return;
    }
    v = js_object();
    js_set(v, "parameters", parameters);
    js_set(to, key, v);
}

static const char *template_name(struct argo *a, const char *from, const char *ending)
{
    const char *name =
        arena_printf(a->arena, "%s%s", name_clean(a, from, TEMPLATE_NAME_MAX), ending);

    return name_unique(a, a->names, name);
}

/* ---- who waits for whom ---- */

static void add_upstream(const struct spot *dag, size_t i, bool *seen, struct strmap *all)
{
    const struct dag_graph *g = dag->graph;

    for (uint32_t k = g->up_at[i]; k < g->up_at[i + 1]; k++) {
        struct spot *up = &dag->children[g->up[k]];

        if (seen[g->up[k]])
            continue;
        seen[g->up[k]] = true;
        if (up->is_gone)
            add_upstream(dag, g->up[k], seen, all);
        else
            (void)strmap_put(all, up->name, up);
    }
}

/* The tasks with a node that task i waits for, directly or through tasks that have none. */
static void upstream(const struct spot *dag, size_t i, struct strmap *all)
{
    own_mem bool *seen = dh_zalloc(dag->n_children, sizeof *seen);

    add_upstream(dag, i, seen, all);
}

static bool runs_always(const struct spot *spot)
{
    return spot->task->trigger_policy.strategy == TRIGGER_ALL_UPSTREAM_TASKS_COMPLETED;
}

/* The task that asks about another one's condition. No task of a pipeline has such a name. */
static const char *ask_name(struct argo *a, const struct spot *spot)
{
    return arena_printf(a->arena, "%s-Asks", spot->name);
}

static void set_depends(struct js *task, const struct spot *dag, size_t i)
{
    own(strmap_free) struct strmap *all = strmap_new();
    own_buf struct buf b = {0};
    bool always = runs_always(&dag->children[i]);

    upstream(dag, i, all);
    for (size_t k = 0; k < strmap_n(all); k++) {
        const char *n = strmap_at(all, k, NULL);

        buf_adds(&b, k ? " && " : "");
        if (always)
            buf_addf(&b, "(%s.Succeeded || %s.Failed || %s.Errored || %s.Skipped || %s.Omitted)", n,
                     n, n, n, n);
        else
            buf_addf(&b, "%s.Succeeded", n);
    }
    if (b.n)
        js_set(task, "depends", js_str(buf_str(&b)));
}

/* A task that runs whatever happened before would hide from Argo that something failed: then those
 * before it are looked at as well as those at the end. */
static void set_targets(struct js *dag_object, const struct spot *dag)
{
    own(strmap_free) struct strmap *targets = strmap_new(), *waited_for = strmap_new();
    own_buf struct buf b = {0};
    bool always = false;

    for (size_t i = 0; i < dag->n_children; i++) {
        if (dag->children[i].is_gone)
            continue;
        upstream(dag, i, waited_for);
        if (!runs_always(&dag->children[i]))
            continue;
        upstream(dag, i, targets);
        always = true;
    }
    if (!always)
        return;
    for (size_t i = 0; i < dag->n_children; i++) {
        const struct spot *child = &dag->children[i];

        if (!child->is_gone &&
            (strmap_get(targets, child->name) || !strmap_get(waited_for, child->name)))
            buf_addf(&b, "%s%s", b.n ? " " : "", child->name);
    }
    js_set(dag_object, "target", js_str(buf_str(&b)));
}

/* ---- templates ---- */

static const char *outer_iteration(const struct spot *dag)
{
    return dag->n_loops ? "{{inputs.parameters.iteration}}" : "";
}

/* scope for a pod; the iteration for a pod, and for a dag within loops. */
static struct js *arguments(const struct spot *spot, const char *iteration)
{
    struct js *list = js_array();

    if (argo_is_leaf(spot))
        js_push(list, pair("scope", spot->scope));
    if (argo_is_leaf(spot) || spot->n_loops)
        js_push(list, pair("iteration", iteration));
    for (size_t i = 0; i < spot->n_ports; i++)
        if (spot->ports[i].arg)
            js_push(list, pair(spot->ports[i].name, spot->ports[i].arg));
    return list;
}

static struct js *inputs(const struct spot *spot)
{
    struct js *list = js_array();

    if (argo_is_leaf(spot))
        js_push(list, pair("scope", NULL));
    if (argo_is_leaf(spot) || spot->n_loops)
        js_push(list, pair("iteration", NULL));
    for (size_t i = 0; i < spot->n_ports; i++)
        if (spot->ports[i].arg)
            js_push(list, pair(spot->ports[i].name, NULL));
    return list;
}

static struct js *output(const char *name, const char *how, const char *what, const char *other)
{
    struct js *v = pair(name, NULL), *from = js_object();

    js_set(from, how, js_str(what));
    js_set(from, "default", js_str(other));
    js_set(v, "valueFrom", from);
    return v;
}

static void set_outputs(struct js *template, const struct spot *spot)
{
    struct js *list = js_array();

    for (size_t i = 0; i < spot->n_exports; i++) {
        const struct exported *e = &spot->exports[i];

        if (e->expr) {
            js_push(list, output(e->name, "expression", e->expr, ""));
        } else {
            own_mem char *path = dh_printf(ARGO_OUT "/%s", e->name);

            js_push(list, output(e->name, "path", path, ""));
        }
    }
    set_list(template, "outputs", list);
}

/* What the server has to know of it. */
static void add_control(struct argo *a, const struct spot *spot)
{
    struct js *list;

    if (!spot->n_exports)
        return;
    list = js_array();
    js_set(a->control, spot->scope, list);
    for (size_t i = 0; i < spot->n_exports; i++) {
        struct js *v = js_object();

        js_set(v, "output", js_str(spot->exports[i].key));
        js_set(v, "as", js_int(spot->exports[i].as));
        js_set(v, "file", js_strf(ARGO_OUT "/%s", spot->exports[i].name));
        js_push(list, v);
    }
}

/* A template that all share whose own is the same, by a name of the component's. Takes it. */
static const char *shared(struct argo *a, const struct spot *spot, const char *ending,
                          struct js *template)
{
    own_mem char *text = js_dump(template, JS_SORTED);
    const char *name = strmap_get(a->templates, text), *component = spot->component->name;

    if (!name) {
        struct js *named = js_object();

        name = template_name(a, strncmp(component, "comp-", 5) ? component : component + 5, ending);
        (void)strmap_put(a->templates, text, (void *)name);
        js_set(named, "name", js_str(name));
        for (js_each(template, it))
            js_set(named, it.key, js_ref(it.value));
        js_push(a->list, named);
    }
    js_free(template);
    return name;
}

/* A pod's template, shared by all tasks whose pods are the same but for scope and values. */
static const char *emit_pod(struct argo *a, struct spot *spot)
{
    struct js *template = js_object();

    a->n_pods++;
    add_control(a, spot);
    set_list(template, "inputs", inputs(spot));
    set_outputs(template, spot);
    for (js_each(spot->pod, it))
        js_set(template, it.key, js_ref(it.value));
    return shared(a, spot, "", template);
}

static const char *emit(struct argo *a, struct spot *spot);

static struct js *dag_object(const struct spot *spot, struct js *tasks)
{
    struct js *dag = js_object();

    js_set(dag, "failFast", js_bool(false)); /* what does not depend on a failure goes on */
    if (spot)
        set_targets(dag, spot);
    js_set(dag, "tasks", tasks);
    return dag;
}

/* ---- what is asked of the server ---- */

/* Its answer says whether what follows is to be done. */
static const char *emit_question(struct argo *a, const char *kind)
{
    const char *name = arena_printf(a->arena, "dhow-asks-%s", kind);
    struct js *template, *in, *out, *from, *plugin, *ask;

    if (strmap_get(a->templates, name))
        return name;
    (void)strmap_put(a->templates, name, a);
    a->asks = true;
    template = js_object();
    in = js_array();
    js_push(in, pair("scope", NULL));
    js_push(in, pair("iteration", NULL));
    out = js_array();
    from = js_object();
    js_set(from, "supplied", js_object());
    js_push(out, pair(ARGO_GO, NULL));
    js_set(js_at(out, 0), "valueFrom", from);
    plugin = js_object();
    ask = js_object();
    js_set(ask, "ask", js_str(kind));
    js_set(plugin, ARGO_PLUGIN, ask);
    js_set(template, "name", js_str(name));
    set_list(template, "inputs", in);
    set_list(template, "outputs", out);
    js_set(template, "plugin", plugin);
    js_push(a->list, template);
    return name;
}

static struct js *question(struct argo *a, const char *name, const char *kind, const char *scope,
                           const char *iteration)
{
    struct js *task = js_object(), *list = js_array();

    js_set(task, "name", js_str(name));
    js_set(task, "template", js_str(emit_question(a, kind)));
    js_push(list, pair("scope", scope));
    js_push(list, pair("iteration", iteration));
    set_list(task, "arguments", list);
    return task;
}

static void set_answered(struct js *task, const char *question)
{
    js_set(task, "depends", js_strf("%s.Succeeded", question));
    js_set(task, "when", js_strf("{{tasks.%s.outputs.parameters." ARGO_GO "}}", question));
}

/* Around a pod: the question whether its result is there already, which then gives the outputs. */
static const char *emit_probed(struct argo *a, struct spot *spot, const char *pod)
{
    struct js *template = js_object(), *tasks = js_array(), *task = js_object();
    struct js *in = inputs(spot), *given = js_array(), *out = js_array();

    for (size_t i = 0; i < js_n(in); i++) {
        const char *name = js_get_text(js_at(in, i), "name");
        own_mem char *value = dh_printf("{{inputs.parameters.%s}}", name);

        js_push(given, pair(name, value));
    }
    for (size_t i = 0; i < spot->n_exports; i++) {
        const char *name = spot->exports[i].name;
        own_mem char *text = dh_printf("(tasks['pod'].status == 'Succeeded' ? "
                                       "tasks['pod'].outputs.parameters['%s'] : "
                                       "tasks['asks'].outputs.parameters['%s'])",
                                       name, name);

        js_push(out, output(name, "expression", text, ""));
    }
    js_push(tasks, question(a, "asks", ARGO_ASK_RESULT, "{{inputs.parameters.scope}}",
                            "{{inputs.parameters.iteration}}"));
    js_set(task, "name", js_str("pod"));
    js_set(task, "template", js_str(pod));
    set_list(task, "arguments", given);
    set_answered(task, "asks");
    js_push(tasks, task);
    set_list(template, "inputs", in);
    set_list(template, "outputs", out);
    js_set(template, "dag", dag_object(NULL, tasks));
    return shared(a, spot, "-asked", template);
}

/* ---- loops ---- */

static struct js *sequence(const struct spot *loop, bool is_number)
{
    struct js *v = js_object();

    js_set(v, "count", js_str(is_number ? loop->count : "{{inputs.parameters.count}}"));
    return v;
}

static bool is_number(const char *text)
{
    return !text[strspn(text, "0123456789")];
}

static void loop_outputs(struct js *template, const struct spot *spot)
{
    struct js *list = js_array();

    for (size_t i = 0; i < spot->n_exports; i++) {
        const char *name = spot->exports[i].name;
        own_mem char *all = dh_printf("tasks['iteration'].outputs.parameters['%s']", name);
        own_mem char *flat = dh_printf("toJson(reduce(fromJSON(%s), concat(#acc, #), []))", all);
        own_mem char *sum = dh_printf("string(sum(map(fromJSON(%s), int(#))))", all);

        if (spot->exports[i].as == AS_ARTIFACTS)
            js_push(list, output(name, "expression", sum, "0"));
        else
            js_push(list,
                    output(name, "expression", spot->exports[i].is_nested ? flat : all, "[]"));
    }
    set_list(template, "outputs", list);
}

/* Around the body of a loop: its own template, so that a loop over nothing is no skipped task, and
 * so that its limit is its own. */
static const char *emit_loop(struct argo *a, struct spot *spot, const char *body)
{
    const struct spot *dag = spot->up;
    const struct iterator_policy *policy = spot->task->iterator_policy;
    struct js *template = js_object(), *in = js_array(), *task = js_object(), *tasks = js_array();
    const char *name = template_name(a, spot->task->name, "-loop");
    bool is_static = is_number(spot->count);

    js_set(template, "name", js_str(name));
    if (dag->n_loops)
        js_push(in, pair("iteration", NULL));
    if (!is_static)
        js_push(in, pair("count", NULL));
    for (size_t i = 0; i < spot->n_ports; i++)
        if (spot->ports[i].outer)
            js_push(in, pair(spot->ports[i].name, NULL));
    set_list(template, "inputs", in);
    loop_outputs(template, spot);
    if (policy && policy->parallelism_limit > 0)
        js_set(template, "parallelism", js_int(policy->parallelism_limit));
    js_set(task, "name", js_str("iteration"));
    js_set(task, "template", js_str(body));
    set_list(
        task, "arguments",
        arguments(spot, dag->n_loops ? "{{inputs.parameters.iteration}}.{{item}}" : "{{item}}"));
    js_set(task, "withSequence", sequence(spot, is_static));
    js_push(tasks, task);
    js_set(template, "dag", dag_object(NULL, tasks));
    js_push(a->list, template);
    return name;
}

static struct js *loop_arguments(const struct spot *spot)
{
    const struct spot *dag = spot->up;
    struct js *list = js_array();

    if (dag->n_loops)
        js_push(list, pair("iteration", outer_iteration(dag)));
    if (!is_number(spot->count))
        js_push(list, pair("count", spot->count));
    for (size_t i = 0; i < spot->n_ports; i++)
        if (spot->ports[i].outer)
            js_push(list, pair(spot->ports[i].name, spot->ports[i].outer));
    return list;
}

static struct js *emit_task(struct argo *a, struct spot *dag, size_t i)
{
    struct spot *spot = &dag->children[i];
    struct js *task = js_object();

    js_set(task, "name", js_str(spot->name));
    js_set(task, "template", js_str(emit(a, spot)));
    if (!spot->is_nothing)
        set_list(task, "arguments",
                 spot->is_loop ? loop_arguments(spot) : arguments(spot, outer_iteration(dag)));
    if (spot->is_asked)
        set_answered(task, ask_name(a, spot));
    else
        set_depends(task, dag, i);
    if (spot->when)
        js_set(task, "when", js_str(spot->when));
    return task;
}

static struct js *emit_condition(struct argo *a, const struct spot *dag, size_t i)
{
    const struct spot *spot = &dag->children[i];
    struct js *task =
        question(a, ask_name(a, spot), ARGO_ASK_CONDITION, spot->scope, outer_iteration(dag));

    set_depends(task, dag, i);
    return task;
}

static const char *emit_dag(struct argo *a, struct spot *spot)
{
    struct js *template = js_object(), *tasks = js_array();
    const char *name = spot->up ? template_name(a, spot->task->name, "") : spot->name;

    js_set(template, "name", js_str(name));
    set_list(template, "inputs", inputs(spot));
    set_outputs(template, spot);
    js_set(template, "dag", dag_object(spot, tasks));
    js_push(a->list, template); /* before those that it calls: to be read from above */
    for (size_t i = 0; i < spot->n_children; i++) {
        if (spot->children[i].is_asked)
            js_push(tasks, emit_condition(a, spot, i));
        if (!spot->children[i].is_gone)
            js_push(tasks, emit_task(a, spot, i));
    }
    return name;
}

/* A pause of no time: no pod, and done in the moment in which it begins. (A group of no steps would
 * be, too, but Argo does not find what comes behind one, and waits for ever.) */
static const char *emit_nothing(struct argo *a)
{
    struct js *template, *suspend;

    if (strmap_get(a->templates, NOTHING))
        return NOTHING;
    (void)strmap_put(a->templates, NOTHING, a);
    template = js_object();
    suspend = js_object();
    js_set(suspend, "duration", js_str("0s"));
    js_set(template, "name", js_str(NOTHING));
    js_set(template, "suspend", suspend);
    js_push(a->list, template);
    return NOTHING;
}

/* The name of the template that a task calls. */
static const char *emit(struct argo *a, struct spot *spot)
{
    const char *body;

    if (spot->is_nothing)
        return emit_nothing(a);
    body = argo_is_leaf(spot) ? emit_pod(a, spot) : emit_dag(a, spot);
    if (argo_is_leaf(spot) && pod_is_probed(a, spot))
        body = emit_probed(a, spot, body);
    return spot->is_loop ? emit_loop(a, spot, body) : body;
}

void emit_templates(struct argo *a)
{
    (void)strmap_put(a->names, NOTHING, a);
    (void)strmap_put(a->names, "dhow-asks-" ARGO_ASK_CONDITION, a);
    (void)strmap_put(a->names, "dhow-asks-" ARGO_ASK_RESULT, a);
    (void)strmap_put(a->names, "root", a);
    a->root.template = emit(a, &a->root);
}
