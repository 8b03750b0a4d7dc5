/* flow-artifact - how many artifacts a list has: the length of a loop over it. Of artifacts Argo
 * knows no more than that. */
#include <string.h>

#include "argo/argo-priv.h"

static int output_of(struct argo *a, struct spot *producer, const char *key, struct flow *ret);

static struct flow one(struct argo *a)
{
    return flow_const(a, js_int(1));
}

/* Inside the dag's template: the first selector whose task ran. */
static int dag_output(struct argo *a, struct spot *dag, const char *key, struct flow *ret)
{
    const struct dag_spec *spec = dag->component->dag;
    const struct dag_output_artifact_spec *out = spec_find(&spec->outputs.artifacts, key);
    own_buf struct buf b = {0}, end = {0};

    *ret = (struct flow){0};
    for (size_t i = 0; out && i < out->artifact_selectors.n; i++) {
        const struct artifact_selector_spec *s = &out->artifact_selectors.items[i];
        const struct pipeline_task_spec *task = dag_task(spec, s->producer_subtask);
        struct spot *child = task ? &dag->children[task - spec->tasks.items] : NULL;

        if (!child)
            continue;
        if (output_of(a, child, s->output_artifact_key, ret) < 0)
            return -1;
        if (out->artifact_selectors.n == 1 || ret->kind == FLOW_UNKNOWN)
            return 0;
        if (child->is_gone) {
            *ret = flow_unknown(a, "only the server knows which branch ran");
            return 0;
        }
        buf_addf(&b, "(tasks['%s'].status == 'Succeeded' ? %s : ", child->name,
                 flow_text_operand(a, *ret));
        buf_addc(&end, ')');
    }
    if (b.n) {
        buf_addf(&b, "'0'%s", buf_str(&end));
        *ret = (struct flow){.kind = FLOW_TEXT, .expr = arena_strdup(a->arena, buf_str(&b))};
    }
    return 0;
}

static int output_of(struct argo *a, struct spot *producer, const char *key, struct flow *ret)
{
    struct exported *e = flow_export(producer, key, AS_ARTIFACTS);
    struct flow f = {0};

    if (!e) {
        if (!argo_is_leaf(producer) && dag_output(a, producer, key, &f) < 0)
            return -1;
        if (argo_is_leaf(producer) && producer->executor->kind == EXECUTOR_IMPORTER)
            f = one(a);
        if (f.kind == FLOW_CONST && producer->is_loop)
            f = flow_unknown(a, "what a loop collected of it is known to the server alone");
        if (f.kind == FLOW_CONST || f.kind == FLOW_UNKNOWN ||
            (f.kind == FLOW_NONE && !argo_is_leaf(producer))) {
            *ret = f;
            return 0;
        }
        e = flow_export_add(a, producer, key, AS_ARTIFACTS);
        e->expr = f.expr;
    }
    *ret = flow_exported(a, producer, e, false);
    return 0;
}

/* Inside the template of `dag`. */
static int input_of(struct argo *a, struct spot *dag, const char *name, struct flow *ret)
{
    const struct artifact_iterator_spec *it = dag->is_loop ? dag->task->artifact_iterator : NULL;
    const char *key = flow_key(a, name, AS_ARTIFACTS);
    const struct port *port = flow_port(dag, key);

    if (!dag->up)
        *ret = flow_unknown(a, "an artifact that is given to the run");
    else if (it && !strcmp(it->item_input, name))
        *ret = one(a);
    else if (port)
        *ret = port->inside;
    else if (flow_artifacts(a, dag, name, ret) < 0)
        return -1;
    else
        *ret = flow_cross(a, dag, key, *ret);
    return 0;
}

int flow_artifacts(struct argo *a, struct spot *spot, const char *name, struct flow *ret)
{
    const struct input_artifact_spec *in = spec_find(&spot->task->inputs.artifacts, name);
    const struct dag_spec *dag = spot->up->component->dag;
    const struct pipeline_task_spec *producer;

    *ret = (struct flow){0};
    if (in && in->kind == INPUT_ARTIFACT_COMPONENT_INPUT)
        return input_of(a, spot->up, in->component_input_artifact, ret);
    producer = in && in->kind == INPUT_ARTIFACT_TASK_OUTPUT
                   ? dag_task(dag, in->task_output_artifact->producer_task)
                   : NULL;
    if (!producer)
        return 0;
    return output_of(a, &spot->up->children[producer - dag->tasks.items],
                     in->task_output_artifact->output_artifact_key, ret);
}
