/* flow-input - what a task is given: constants, outputs of other tasks, inputs of its dag. */
#include <string.h>

#include "argo/argo-priv.h"
#include "base/mem.h"
#include "cel/cel.h"
#include "plan/placeholder.h"
#include "plan/value.h"

static int runtime_value(struct argo *a, struct spot *spot, const struct input_parameter_spec *in,
                         struct flow *ret)
{
    const struct js *v = in->runtime_value->constant;

    if (in->runtime_value->runtime_parameter) {
        struct js *given = js_get(a->run->parameters, in->runtime_value->runtime_parameter);

        *ret = given ? flow_const(a, js_ref(given)) : (struct flow){0};
        return 0;
    }
    if (!v)
        return 0;
    if (js_is(v, JS_STRING) && strstr(js_text(v), "{{$.inputs"))
        return flow_expand(a, spot, js_text(v), true, ret);
    {
        own_mem char *text = js_dump(v, JS_COMPACT);

        *ret = strstr(text, "{{$.inputs") || strstr(text, "{{$}}")
                   ? flow_unknown(a, "a list or struct with placeholders for inputs")
                   : flow_constant(a, spot, v);
    }
    return 0;
}

/* ---- selectors ---- */

static int look_up_value(void *user, const char *name, struct cel_expr_value *ret,
                         struct dh_err *err)
{
    (void)name;
    (void)err;
    *ret = (struct cel_expr_value){user, CEL_EXPR_TEXT};
    return 0;
}

static int selected(struct argo *a, const struct spot *spot, const struct input_parameter_spec *in,
                    struct flow *f)
{
    own(cel_free) struct cel_program *p = NULL;
    own_buf struct buf b = {0};
    struct js *part = NULL;
    enum cel_expr_type type;

    if (!in->parameter_expression_selector[0] || f->kind == FLOW_NONE || f->kind == FLOW_UNKNOWN)
        return 0;
    if (f->kind == FLOW_CONST) {
        if (cel_select(in->parameter_expression_selector, f->value, &part, a->err) < 0)
            return argo_refuse(a, in->pos, spot, "inputs", "selector %s: %s",
                               in->parameter_expression_selector, a->err->msg);
        *f = flow_const(a, part);
        return 0;
    }
    if (cel_compile(in->parameter_expression_selector, &p, a->err) < 0 ||
        cel_expr(p, CEL_SELECTOR, look_up_value, (void *)flow_text_operand(a, *f), &b, &type,
                 a->err) < 0)
        return argo_refuse(a, in->pos, spot, "inputs", "selector %s: %s",
                           in->parameter_expression_selector, a->err->msg);
    *f = (struct flow){.kind = FLOW_TEXT,
                       .expr = arena_strdup(a->arena, buf_str(&b)),
                       .json = type == CEL_EXPR_ANY};
    return 0;
}

/* ---- a task's inputs ---- */

static struct spot *sibling(struct spot *spot, const char *name)
{
    const struct dag_spec *dag = spot->up->component->dag;
    const struct pipeline_task_spec *task = dag_task(dag, name);

    return task ? &spot->up->children[task - dag->tasks.items] : NULL;
}

static bool is_before(const struct spot *dag, size_t i, size_t producer, bool *seen)
{
    const struct dag_graph *g = dag->graph;

    for (uint32_t k = g->up_at[i]; k < g->up_at[i + 1]; k++) {
        if (g->up[k] == producer)
            return true;
        if (seen[g->up[k]])
            continue;
        seen[g->up[k]] = true;
        if (is_before(dag, g->up[k], producer, seen))
            return true;
    }
    return false;
}

/* Whether the producer has ended when `spot` starts. A task's inputs see to that; fields of the
 * platform spec do not. */
static bool comes_before(const struct spot *producer, const struct spot *spot)
{
    const struct spot *dag = spot->up;
    own_mem bool *seen = dh_zalloc(dag->n_children, sizeof *seen);

    return is_before(dag, (size_t)(spot - dag->children), (size_t)(producer - dag->children), seen);
}

int flow_argument(struct argo *a, struct spot *spot, const struct input_parameter_spec *in,
                  enum flow_as as, struct flow *ret)
{
    bool whole = !in->parameter_expression_selector[0];
    bool is_counted = whole && (in->kind == INPUT_PARAMETER_COMPONENT_INPUT ||
                                in->kind == INPUT_PARAMETER_TASK_OUTPUT);
    bool careful = spot->task->trigger_policy.strategy == TRIGGER_ALL_UPSTREAM_TASKS_COMPLETED;
    enum flow_as ask = whole ? as : AS_TEXT;
    struct spot *producer;
    struct flow f = {0};
    int rc = 0;

    switch (in->kind) {
    case INPUT_PARAMETER_COMPONENT_INPUT:
        rc = flow_input(a, spot->up, in->component_input_parameter, ask, &f);
        break;
    case INPUT_PARAMETER_TASK_OUTPUT:
        producer = sibling(spot, in->task_output_parameter->producer_task);
        if (!producer || (!in->name && !producer->is_builtin && !comes_before(producer, spot)))
            return argo_refuse(a, in->pos, spot, in->name ? in->name : "platform",
                               "task '%s' gives it, which does not come before this one",
                               in->task_output_parameter->producer_task);
        rc = flow_output(a, producer, in->task_output_parameter->output_parameter_key, ask, careful,
                         &f);
        break;
    case INPUT_PARAMETER_RUNTIME_VALUE:
        rc = runtime_value(a, spot, in, &f);
        break;
    case INPUT_PARAMETER_FINAL_STATUS:
        f = flow_unknown(a, "a task's final status is known to the server alone");
        break;
    case INPUT_PARAMETER_NONE:
        break;
    }
    if (rc < 0 || selected(a, spot, in, &f) < 0)
        return -1;
    *ret = as == AS_COUNT && !is_counted ? flow_counted(a, f) : f;
    return 0;
}

static struct flow typed(struct argo *a, const struct component_inputs_parameter_spec *def,
                         struct flow f)
{
    if (!def)
        return f;
    if (f.kind == FLOW_CONST)
        f = flow_const(a, value_as(def->parameter_type, f.value));
    f.type = def->parameter_type;
    return f;
}

int flow_own(struct argo *a, struct spot *spot, const char *name, enum flow_as as, struct flow *ret)
{
    const struct component_inputs_parameter_spec *def =
        spec_find(&spot->component->input_definitions.parameters, name);
    const struct input_parameter_spec *in = spec_find(&spot->task->inputs.parameters, name);
    struct flow f = {0};

    if (in && flow_argument(a, spot, in, as, &f) < 0)
        return -1;
    if (flow_is_missing(f) && def && def->default_value)
        f = flow_const(a, js_ref(def->default_value));
    *ret = as == AS_COUNT && f.kind == FLOW_TEXT ? f : typed(a, def, f);
    return 0;
}

/* A loop's item, inside its body. */
static int item(struct argo *a, struct spot *spot, const char *name, enum flow_as as,
                const struct component_inputs_parameter_spec *def, struct flow *ret)
{
    const struct port *port = flow_port(spot, name);

    if (!port && decide_item(a, spot) < 0)
        return -1;
    port = flow_port(spot, name);
    if (!port) {
        *ret = flow_unknown(a, "the items of this loop are not known to Argo");
        return 0;
    }
    *ret = port->inside;
    ret->type = def ? def->parameter_type : PARAM_UNSPECIFIED;
    if (as == AS_COUNT)
        *ret = flow_counted(a, *ret);
    return 0;
}

static bool is_item(const struct spot *spot, const char *name)
{
    return spot->is_loop && spot->task->parameter_iterator &&
           !strcmp(spot->task->parameter_iterator->item_input, name);
}

int flow_input(struct argo *a, struct spot *spot, const char *name, enum flow_as as,
               struct flow *ret)
{
    const struct component_inputs_parameter_spec *def =
        spec_find(&spot->component->input_definitions.parameters, name);
    const struct port *port = flow_port(spot, flow_key(a, name, as));
    struct js *given;
    struct flow f;

    if (!spot->up) {
        given = js_get(a->run->parameters, name);
        *ret = given ? typed(a, def, flow_const(a, js_ref(given))) : (struct flow){0};
        return 0;
    }
    if (is_item(spot, name))
        return item(a, spot, name, as, def, ret);
    if (port) {
        *ret = port->inside;
        ret->type = def && as == AS_TEXT ? def->parameter_type : PARAM_UNSPECIFIED;
        return 0;
    }
    if (flow_own(a, spot, name, as, &f) < 0)
        return -1;
    *ret = flow_cross(a, spot, flow_key(a, name, as), f);
    return 0;
}
