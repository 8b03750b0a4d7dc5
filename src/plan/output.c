/* output - what a final node gave: looked up through dags, OneOf and loops, never copied upwards.
 */
#include "base/js.h"
#include "plan/plan-priv.h"

static const struct plan_node *child_named(const struct plan_node *dag, const char *name)
{
    const struct pipeline_task_spec *task = dag_task(dag->component->dag, name);

    return task && dag->children ? &dag->children[task - dag->component->dag->tasks.items] : NULL;
}

/* A loop that was skipped, or failed before it knew its items, gave nothing; one over no items gave
 * []. */
static bool never_ran(const struct plan_node *node)
{
    return node->type == PLAN_LOOP && !node->n_children && !plan_succeeded(node);
}

/* Collects values in the order of the iterations. `collected` is set where a loop stands on the
 * way: then the output is the list, else it is the one value. Nested loops give one flat list, as
 * in KFP's backend. */
static void gather_parameter(const struct plan_node *node, const char *key, struct js *values,
                             bool *collected)
{
    const struct dag_output_parameter_spec *out;

    if (never_ran(node))
        return;
    if (node->type == PLAN_LOOP) {
        *collected = true;
        for (uint32_t i = 0; i < node->n_children; i++)
            gather_parameter(&node->children[i], key, values, collected);
        return;
    }
    if (plan_is_leaf(node)) {
        struct js *v = js_get(js_get(node->outputs, "parameters"), key);

        if (v)
            js_push(values, js_ref(v));
        return;
    }
    out = spec_find(&node->component->dag->outputs.parameters, key);
    if (!out)
        return;
    if (out->value_from_parameter) {
        const struct plan_node *child =
            child_named(node, out->value_from_parameter->producer_subtask);

        if (child)
            gather_parameter(child, out->value_from_parameter->output_parameter_key, values,
                             collected);
        return;
    }
    for (size_t i = 0; out->value_from_oneof && i < out->value_from_oneof->parameter_selectors.n;
         i++) {
        const struct parameter_selector_spec *s =
            &out->value_from_oneof->parameter_selectors.items[i];
        const struct plan_node *child = child_named(node, s->producer_subtask);

        if (child && plan_succeeded(child)) {
            gather_parameter(child, s->output_parameter_key, values, collected);
            return;
        }
    }
}

struct js *output_parameter(const struct plan_node *node, const char *key)
{
    own(js_free) struct js *values = js_array();
    bool collected = false;

    gather_parameter(node, key, values, &collected);
    if (collected)
        return take(&values);
    return js_ref(js_at(values, 0));
}

static void gather_artifacts(const struct plan_node *node, const char *key, struct js *all,
                             bool *found)
{
    const struct dag_output_artifact_spec *out;

    if (never_ran(node))
        return;
    if (node->type == PLAN_LOOP) {
        *found = true;
        for (uint32_t i = 0; i < node->n_children; i++)
            gather_artifacts(&node->children[i], key, all, found);
        return;
    }
    if (plan_is_leaf(node)) {
        const struct js *list = js_get(js_get(node->outputs, "artifacts"), key);

        *found |= list != NULL;
        for (size_t i = 0; i < js_n(list); i++)
            js_push(all, js_ref(js_at(list, i)));
        return;
    }
    out = spec_find(&node->component->dag->outputs.artifacts, key);
    for (size_t i = 0; out && i < out->artifact_selectors.n; i++) {
        const struct artifact_selector_spec *s = &out->artifact_selectors.items[i];
        const struct plan_node *child = child_named(node, s->producer_subtask);

        /* More than one selector is a OneOf: the first branch that ran. */
        if (child && (out->artifact_selectors.n == 1 || plan_succeeded(child))) {
            gather_artifacts(child, s->output_artifact_key, all, found);
            return;
        }
    }
}

struct js *output_artifacts(const struct plan_node *node, const char *key)
{
    own(js_free) struct js *all = js_array();
    bool found = false;

    gather_artifacts(node, key, all, &found);
    return found ? take(&all) : NULL;
}

struct js *plan_dag_outputs(struct plan *plan, struct plan_node *node)
{
    const struct component_spec *c = node->component;
    own(js_free) struct js *parameters = js_object();
    own(js_free) struct js *artifacts = js_object();
    struct js *outputs;
    (void)plan;

    if (!c->dag || plan_is_leaf(node))
        return NULL;
    for (size_t i = 0; i < c->output_definitions.parameters.n; i++) {
        const char *name = c->output_definitions.parameters.items[i].name;
        struct js *v = output_parameter(node, name);

        if (v)
            js_set(parameters, name, v);
    }
    for (size_t i = 0; i < c->output_definitions.artifacts.n; i++) {
        const char *name = c->output_definitions.artifacts.items[i].name;
        struct js *v = output_artifacts(node, name);

        if (v)
            js_set(artifacts, name, v);
    }
    if (!js_n(parameters) && !js_n(artifacts))
        return NULL;
    outputs = js_object();
    js_set(outputs, "parameters", take(&parameters));
    js_set(outputs, "artifacts", take(&artifacts));
    return outputs;
}
