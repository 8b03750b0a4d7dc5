/* resolve - a task's inputs, from its dag's inputs, its upstream tasks and the author's constants.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cel/cel.h"
#include "plan/placeholder.h"
#include "plan/plan-priv.h"
#include "spec/params.h"

static const struct plan_node *sibling(const struct plan_node *node, const char *name)
{
    const struct dag_spec *dag = node->parent->component->dag;

    return &node->parent->children[dag_task(dag, name) - dag->tasks.items];
}

/* KFP's words for the states of a final status are those of ML Metadata. */
static struct js *final_status(const struct plan *plan, const struct plan_node *of)
{
    struct js *status = js_object(), *error = js_object();
    const char *state = of->state == PLAN_FAILED     ? "FAILED"
                        : of->state == PLAN_CANCELED ? "CANCELED"
                        : of->state == PLAN_SKIPPED  ? "NOT_TRIGGERED"
                                                     : "COMPLETE";

    if (of->state == PLAN_FAILED || of->state == PLAN_CANCELED) {
        js_set(error, "code",
               js_int(of->state == PLAN_FAILED ? 2 : 1)); /* google.rpc: UNKNOWN, CANCELLED */
        js_set(error, "message",
               js_strf("task '%s': %s", plan_name(of), of->reason ? of->reason : state));
    }
    js_set(status, "state", js_str(state));
    js_set(status, "pipelineTaskName", js_str(plan_name(of)));
    js_set(status, "pipelineJobResourceName", js_str(plan->run->resource_name));
    js_set(status, "error", error);
    return status;
}

/* An input's raw value, before selector and type. *ret NULL: there is none. */
static int raw_parameter(const struct plan *plan, const struct plan_node *node,
                         const struct input_parameter_spec *in, struct js **ret, struct dh_err *err)
{
    *ret = NULL;
    switch (in->kind) {
    case INPUT_PARAMETER_COMPONENT_INPUT:
        *ret = js_ref(
            js_get(js_get(node->parent->inputs, "parameters"), in->component_input_parameter));
        break;
    case INPUT_PARAMETER_TASK_OUTPUT:
        *ret = output_parameter(sibling(node, in->task_output_parameter->producer_task),
                                in->task_output_parameter->output_parameter_key);
        break;
    case INPUT_PARAMETER_RUNTIME_VALUE:
        if (in->runtime_value->runtime_parameter)
            *ret = js_ref(js_get(plan->run->parameters, in->runtime_value->runtime_parameter));
        else
            *ret = js_ref(in->runtime_value->constant);
        break;
    case INPUT_PARAMETER_FINAL_STATUS:
        *ret = final_status(plan, sibling(node, in->task_final_status->producer_task));
        break;
    case INPUT_PARAMETER_NONE:
        return dh_fail(err, DH_INVALID, "input '%s' has no source", in->name);
    }
    return 0;
}

static const char *source_of(const struct input_parameter_spec *in, struct buf *b)
{
    if (in->kind == INPUT_PARAMETER_TASK_OUTPUT)
        buf_addf(b, "task '%s' gave no output '%s'", in->task_output_parameter->producer_task,
                 in->task_output_parameter->output_parameter_key);
    else if (in->kind == INPUT_PARAMETER_COMPONENT_INPUT)
        buf_addf(b, "the input '%s' of its dag has no value", in->component_input_parameter);
    else
        buf_adds(b, "no value is given");
    return buf_str(b);
}

static int select_part(const struct input_parameter_spec *in, struct js **value, struct dh_err *err)
{
    struct js *part = NULL;

    if (!in->parameter_expression_selector[0] || !*value)
        return 0;
    if (cel_select(in->parameter_expression_selector, *value, &part, err) < 0)
        return dh_while(err, "input '%s': selector %s", in->name,
                        in->parameter_expression_selector);
    js_free(*value);
    *value = part;
    return 0;
}

static int to_type(const struct component_inputs_parameter_spec *def, struct js **value,
                   struct dh_err *err)
{
    struct js *v = *value;

    *value = value_as(def->parameter_type, v);
    js_free(v);
    return js_is(*value, JS_NULL) ? 0 : spec_check_value(def, *value, err);
}

int plan_parameter(const struct plan *plan, const struct plan_node *node,
                   const struct input_parameter_spec *in, struct js **ret, struct dh_err *err)
{
    own(js_free) struct js *v = NULL;
    const char *producer =
        in->kind == INPUT_PARAMETER_TASK_OUTPUT ? in->task_output_parameter->producer_task : NULL;

    if (producer && !dag_task(node->parent->component->dag, producer))
        return dh_fail(err, DH_FAILED, "it is given by task '%s', which this dag has not",
                       producer);
    if (raw_parameter(plan, node, in, &v, err) < 0 || select_part(in, &v, err) < 0)
        return -1;
    *ret = take(&v);
    return 0;
}

static int parameter(struct plan *plan, const struct plan_node *node,
                     const struct input_parameter_spec *in, struct js *all, struct dh_err *err)
{
    const struct component_inputs_parameter_spec *def =
        spec_find(&node->component->input_definitions.parameters, in->name);
    own(js_free) struct js *v = NULL;
    struct buf why = {.max = 400};

    if (raw_parameter(plan, node, in, &v, err) < 0 || select_part(in, &v, err) < 0)
        return -1;
    if (!v || (js_is(v, JS_NULL) && in->kind != INPUT_PARAMETER_RUNTIME_VALUE)) {
        if (v && def && def->is_optional && !def->default_value)
            js_set(all, in->name, take(&v));
        if (!def || def->is_optional || def->default_value)
            return 0; /* the default comes later */
        (void)dh_fail(err, DH_FAILED, "input '%s': %s", in->name, source_of(in, &why));
        buf_done(&why);
        return -1;
    }
    js_set(all, in->name, take(&v));
    return 0;
}

/* The author's constants may name other inputs and the run: f"{x.output}-suffix". */
static void expand_constants(struct plan *plan, const struct plan_node *node, struct js *inputs)
{
    const struct task_inputs_spec *spec = &node->task->inputs;
    struct js *all = js_get(inputs, "parameters");
    own(js_free) struct js *before = NULL;

    for (size_t i = 0; i < spec->parameters.n; i++) {
        const struct input_parameter_spec *in = &spec->parameters.items[i];
        struct js *v = js_get(all, in->name), *expanded;

        if (in->kind != INPUT_PARAMETER_RUNTIME_VALUE || !v || !placeholder_in(v))
            continue;
        if (!before) {
            before = js_object();
            js_set(before, "parameters", js_copy(all));
            js_set(before, "artifacts", js_ref(js_get(inputs, "artifacts")));
        }
        expanded = placeholder_expand_value(v, plan, node, before);
        js_set(all, in->name, expanded);
    }
}

static int defaults_and_types(const struct component_spec *c, struct js *all, struct dh_err *err)
{
    for (size_t i = 0; i < c->input_definitions.parameters.n; i++) {
        const struct component_inputs_parameter_spec *def =
            &c->input_definitions.parameters.items[i];
        struct js *v = js_ref(js_get(all, def->name));
        int rc;

        if ((!v || js_is(v, JS_NULL)) && def->default_value) {
            js_free(v);
            v = js_ref(def->default_value);
        }
        if (!v) {
            if (def->is_optional)
                continue;
            return dh_fail(err, DH_FAILED, "input '%s' has no value", def->name);
        }
        rc = to_type(def, &v, err);
        js_set(all, def->name, v);
        if (rc < 0)
            return -1;
    }
    return 0;
}

static struct js *artifact_source(const struct plan_node *node,
                                  const struct input_artifact_spec *in)
{
    if (in->kind == INPUT_ARTIFACT_TASK_OUTPUT)
        return output_artifacts(sibling(node, in->task_output_artifact->producer_task),
                                in->task_output_artifact->output_artifact_key);
    return js_ref(js_get(js_get(node->parent->inputs, "artifacts"), in->component_input_artifact));
}

static int artifacts(const struct plan_node *node, struct js *all, struct dh_err *err)
{
    const struct component_inputs_artifact_map *defs =
        &node->component->input_definitions.artifacts;

    for (size_t i = 0; i < node->task->inputs.artifacts.n; i++) {
        const struct input_artifact_spec *in = &node->task->inputs.artifacts.items[i];
        const struct component_inputs_artifact_spec *def = spec_find(defs, in->name);
        struct js *list = artifact_source(node, in);

        if (list) {
            js_set(all, in->name, list);
        } else if (def && !def->is_optional) {
            if (in->kind == INPUT_ARTIFACT_TASK_OUTPUT)
                return dh_fail(err, DH_FAILED, "input artifact '%s': task '%s' gave no output '%s'",
                               in->name, in->task_output_artifact->producer_task,
                               in->task_output_artifact->output_artifact_key);
            return dh_fail(err, DH_FAILED,
                           "input artifact '%s': the input '%s' of its dag has no value", in->name,
                           in->component_input_artifact);
        }
    }
    return 0;
}

int resolve_inputs(struct plan *plan, struct plan_node *node, struct js **ret, struct dh_err *err)
{
    own(js_free) struct js *inputs = js_object();
    own(js_free) struct js *lists = js_object();
    struct js *parameters = js_object();

    js_set(inputs, "parameters", parameters);
    if (artifacts(node, lists, err) < 0)
        return -1;
    if (js_n(lists)) /* a loop has many nodes, mostly without: an object each counts */
        js_set(inputs, "artifacts", take(&lists));
    for (size_t i = 0; i < node->task->inputs.parameters.n; i++)
        if (parameter(plan, node, &node->task->inputs.parameters.items[i], parameters, err) < 0)
            return -1;
    expand_constants(plan, node, inputs);
    /* A loop's own inputs have no item yet: its iterations are typed one by one. */
    if (node->type != PLAN_LOOP && defaults_and_types(node->component, parameters, err) < 0)
        return -1;
    *ret = take(&inputs);
    return 0;
}

/* ---- loops ---- */

static int items_from_text(const struct plan *plan, const struct plan_node *loop, const char *text,
                           struct js **ret, struct dh_err *err)
{
    struct js *parsed = NULL;

    if (js_parse(text, strlen(text), &parsed, err) < 0) {
        err->code = DH_FAILED;
        return dh_while(err, "loop items are not JSON");
    }
    if (!js_is(parsed, JS_ARRAY)) {
        (void)dh_fail(err, DH_FAILED, "loop items: expected a list, got: %s", js_kind_name(parsed));
        js_free(parsed);
        return -1;
    }
    *ret = placeholder_in(parsed) ? placeholder_expand_value(parsed, plan, loop, loop->inputs)
                                  : js_ref(parsed);
    js_free(parsed);
    return 0;
}

static int parameter_items(const struct plan *plan, const struct plan_node *loop, struct js **ret,
                           struct dh_err *err)
{
    const struct parameter_iterator_spec *it = loop->task->parameter_iterator;
    struct js *v;

    if (it->items.raw)
        return items_from_text(plan, loop, it->items.raw, ret, err);
    v = js_get(js_get(loop->inputs, "parameters"), it->items.input_parameter);
    if (!v)
        return dh_fail(err, DH_FAILED, "loop over '%s', which has no value",
                       it->items.input_parameter);
    if (js_is(v, JS_STRING))
        return items_from_text(plan, loop, js_text(v), ret, err);
    if (!js_is(v, JS_ARRAY))
        return dh_fail(err, DH_FAILED, "loop over '%s': expected a list, got: %s",
                       it->items.input_parameter, js_kind_name(v));
    *ret = js_ref(v);
    return 0;
}

static int artifact_items(const struct plan_node *loop, struct js **ret, struct dh_err *err)
{
    const char *name = loop->task->artifact_iterator->items.input_artifact;

    *ret = js_ref(js_get(js_get(loop->inputs, "artifacts"), name));
    return *ret ? 0 : dh_fail(err, DH_FAILED, "loop over artifact '%s', which is not there", name);
}

int resolve_items(const struct plan *plan, struct plan_node *loop, struct dh_err *err)
{
    int rc = loop->task->parameter_iterator ? parameter_items(plan, loop, &loop->items, err)
                                            : artifact_items(loop, &loop->items, err);

    if (rc == 0 && js_n(loop->items) > LIMIT_LOOP_ITEMS)
        return dh_fail(err, DH_FAILED, "loop over %zu items; at most %d are allowed",
                       js_n(loop->items), LIMIT_LOOP_ITEMS);
    return rc;
}

struct js *resolve_iteration(const struct plan_node *loop, int32_t i, struct dh_err *err)
{
    struct js *item = js_at(loop->items, (size_t)i);
    own(js_free) struct js *inputs = js_object();
    own(js_free) struct js *lists = js_object();
    struct js *parameters = js_object(), *one;

    js_set(inputs, "parameters", parameters);
    for (js_each(js_get(loop->inputs, "parameters"), it))
        js_set(parameters, it.key, js_ref(it.value));
    for (js_each(js_get(loop->inputs, "artifacts"), it))
        js_set(lists, it.key, js_ref(it.value));
    if (loop->task->parameter_iterator) {
        js_set(parameters, loop->task->parameter_iterator->item_input, js_ref(item));
    } else {
        one = js_array();
        js_push(one, js_ref(item));
        js_set(lists, loop->task->artifact_iterator->item_input, one);
    }
    if (js_n(lists))
        js_set(inputs, "artifacts", take(&lists));
    if (defaults_and_types(loop->component, parameters, err) < 0)
        return NULL;
    return take(&inputs);
}
