/* One task: what it refers to must be there. Each look-up is hashed, so that a dag of a hundred
 * thousand tasks is checked in a moment. */
#include <string.h>

#include "base/limits.h"
#include "spec/spec-priv.h"

/* Where a task stands: what its inputs may refer to. */
struct place {
    struct spec_ctx *ctx;
    const struct spec *spec;
    const struct component_spec *owner; /* whose dag it is in */
    const struct pipeline_task_spec *task;
    const struct component_spec *component; /* what it runs; NULL: unknown, said already */
};

static const struct pipeline_task_spec *find_task(struct spec_ctx *ctx,
                                                  const struct spec_path *path, struct spec_pos pos,
                                                  const struct dag_spec *dag, const char *name)
{
    const struct pipeline_task_spec *task = dag_task(dag, name);
    char hint[SPEC_HINT];

    if (!task)
        (void)spec_error(ctx, pos, path, "unknown task '%.100s'%s", name,
                         spec_hint_in(&dag->tasks, name, hint));
    return task;
}

static void check_parameter_of(struct spec_ctx *ctx, const struct spec_path *path,
                               struct spec_pos pos, const struct spec *spec,
                               const struct dag_spec *dag, const char *task, const char *key)
{
    const struct pipeline_task_spec *producer = find_task(ctx, path, pos, dag, task);
    const struct component_spec *c = producer ? spec_task_component(spec, producer) : NULL;
    char hint[SPEC_HINT];

    if (c && !spec_find(&c->output_definitions.parameters, key))
        (void)spec_error(ctx, pos, path, "task '%.100s' has no output parameter '%.100s'%s", task,
                         key, spec_hint_in(&c->output_definitions.parameters, key, hint));
}

static void check_artifact_of(struct spec_ctx *ctx, const struct spec_path *path,
                              struct spec_pos pos, const struct spec *spec,
                              const struct dag_spec *dag, const char *task, const char *key)
{
    const struct pipeline_task_spec *producer = find_task(ctx, path, pos, dag, task);
    const struct component_spec *c = producer ? spec_task_component(spec, producer) : NULL;
    char hint[SPEC_HINT];

    if (c && !spec_find(&c->output_definitions.artifacts, key))
        (void)spec_error(ctx, pos, path, "task '%.100s' has no output artifact '%.100s'%s", task,
                         key, spec_hint_in(&c->output_definitions.artifacts, key, hint));
}

/* ---- inputs ---- */

static void check_own_parameter(const struct place *at, const struct spec_path *path,
                                struct spec_pos pos, const char *name)
{
    const struct component_inputs_parameter_map *map = &at->owner->input_definitions.parameters;
    char hint[SPEC_HINT];

    if (!spec_find(map, name))
        (void)spec_error(at->ctx, pos, path, "%s has no input parameter '%.100s'%s",
                         at->owner->name, name, spec_hint_in(map, name, hint));
}

static void check_parameter(const struct place *at, const struct spec_path *path,
                            const struct input_parameter_spec *p)
{
    const struct dag_spec *dag = at->owner->dag;

    switch (p->kind) {
    case INPUT_PARAMETER_NONE:
        (void)spec_error(at->ctx, p->pos, path, "says not where its value comes from");
        break;
    case INPUT_PARAMETER_TASK_OUTPUT:
        check_parameter_of(at->ctx, path, p->pos, at->spec, dag,
                           p->task_output_parameter->producer_task,
                           p->task_output_parameter->output_parameter_key);
        break;
    case INPUT_PARAMETER_RUNTIME_VALUE:
        if (!p->runtime_value->constant && !p->runtime_value->runtime_parameter)
            (void)spec_error(at->ctx, p->pos, path, "runtimeValue has no constant");
        break;
    case INPUT_PARAMETER_COMPONENT_INPUT:
        check_own_parameter(at, path, p->pos, p->component_input_parameter);
        break;
    case INPUT_PARAMETER_FINAL_STATUS:
        (void)find_task(at->ctx, path, p->pos, dag, p->task_final_status->producer_task);
        break;
    }
}

static void check_artifact(const struct place *at, const struct spec_path *path,
                           const struct input_artifact_spec *a)
{
    const struct component_inputs_artifact_map *map = &at->owner->input_definitions.artifacts;
    char hint[SPEC_HINT];

    switch (a->kind) {
    case INPUT_ARTIFACT_NONE:
        (void)spec_error(at->ctx, a->pos, path, "says not where its value comes from");
        break;
    case INPUT_ARTIFACT_TASK_OUTPUT:
        check_artifact_of(at->ctx, path, a->pos, at->spec, at->owner->dag,
                          a->task_output_artifact->producer_task,
                          a->task_output_artifact->output_artifact_key);
        break;
    case INPUT_ARTIFACT_COMPONENT_INPUT:
        if (!spec_find(map, a->component_input_artifact))
            (void)spec_error(at->ctx, a->pos, path, "%s has no input artifact '%.100s'%s",
                             at->owner->name, a->component_input_artifact,
                             spec_hint_in(map, a->component_input_artifact, hint));
        break;
    }
}

/* A loop's items go to the iterator, which hands the body one of them. */
static bool is_items(const struct pipeline_task_spec *task, const char *input)
{
    const struct parameter_iterator_spec *p = task->parameter_iterator;
    const struct artifact_iterator_spec *a = task->artifact_iterator;

    return (p && p->items.input_parameter && strcmp(p->items.input_parameter, input) == 0) ||
           (a && strcmp(a->items.input_artifact, input) == 0);
}

static void check_given(const struct place *at, const struct spec_path *path)
{
    struct spec_path at_inputs = {path, "inputs", 0};
    struct spec_path at_parameters = {&at_inputs, "parameters", 0};
    struct spec_path at_artifacts = {&at_inputs, "artifacts", 0};
    const struct task_inputs_spec *inputs = &at->task->inputs;
    /* A container's command, image and resources may use inputs that its component does not
     * declare: the SDK writes such. What a dag is given and does not declare, nobody can read. */
    const struct component_inputs_spec *wanted =
        at->component && at->component->dag ? &at->component->input_definitions : NULL;
    char hint[SPEC_HINT];

    for (size_t i = 0; i < inputs->parameters.n; i++) {
        const struct input_parameter_spec *p = &inputs->parameters.items[i];
        struct spec_path here = {&at_parameters, p->name, 0};

        check_parameter(at, &here, p);
        if (wanted && !spec_find(&wanted->parameters, p->name) && !is_items(at->task, p->name))
            spec_warn(at->ctx, p->pos, &here, "%s has no such input parameter%s",
                      at->component->name, spec_hint_in(&wanted->parameters, p->name, hint));
    }
    for (size_t i = 0; i < inputs->artifacts.n; i++) {
        const struct input_artifact_spec *a = &inputs->artifacts.items[i];
        struct spec_path here = {&at_artifacts, a->name, 0};

        check_artifact(at, &here, a);
        if (wanted && !spec_find(&wanted->artifacts, a->name) && !is_items(at->task, a->name))
            spec_warn(at->ctx, a->pos, &here, "%s has no such input artifact%s",
                      at->component->name, spec_hint_in(&wanted->artifacts, a->name, hint));
    }
}

static bool is_item(const struct pipeline_task_spec *task, const char *input)
{
    return (task->parameter_iterator && strcmp(task->parameter_iterator->item_input, input) == 0) ||
           (task->artifact_iterator && strcmp(task->artifact_iterator->item_input, input) == 0);
}

static void check_required(const struct place *at, const struct spec_path *path)
{
    const struct component_inputs_spec *wanted = &at->component->input_definitions;
    const struct pipeline_task_spec *task = at->task;
    struct spec_path at_inputs = {path, "inputs", 0};

    for (size_t i = 0; i < wanted->parameters.n; i++) {
        const struct component_inputs_parameter_spec *in = &wanted->parameters.items[i];

        if (!in->is_optional && !in->default_value && !is_item(task, in->name) &&
            !spec_find(&task->inputs.parameters, in->name))
            (void)spec_error(at->ctx, task->pos, &at_inputs,
                             "%s needs the parameter '%.100s' (%s), which is not given",
                             at->component->name, in->name,
                             spec_param_type_name(in->parameter_type));
    }
    for (size_t i = 0; i < wanted->artifacts.n; i++) {
        const struct component_inputs_artifact_spec *in = &wanted->artifacts.items[i];

        if (!in->is_optional && !is_item(task, in->name) &&
            !spec_find(&task->inputs.artifacts, in->name))
            (void)spec_error(at->ctx, task->pos, &at_inputs,
                             "%s needs the artifact '%.100s' (%s), which is not given",
                             at->component->name, in->name, spec_artifact_type(&in->artifact_type));
    }
}

/* ---- loops ---- */

static void check_raw_items(const struct place *at, const struct spec_path *path,
                            const struct parameter_iterator_items *items)
{
    own(js_free) struct js *list = NULL;
    struct dh_err err = {0};

    if (js_parse(items->raw, strlen(items->raw), &list, &err) < 0)
        (void)spec_error(at->ctx, items->pos, path, "raw is not JSON: %s", err.msg);
    else if (!js_is(list, JS_ARRAY))
        (void)spec_error(at->ctx, items->pos, path, "raw must be a JSON array, got %s",
                         js_kind_name(list));
    else if (js_n(list) > LIMIT_LOOP_ITEMS)
        (void)spec_error(at->ctx, items->pos, path, "%zu items; a loop may have %d", js_n(list),
                         LIMIT_LOOP_ITEMS);
}

static void check_parameter_iterator(const struct place *at, const struct spec_path *path)
{
    const struct parameter_iterator_spec *it = at->task->parameter_iterator;
    struct spec_path at_it = {path, "parameterIterator", 0}, at_items = {&at_it, "items", 0};
    const struct parameter_iterator_items *items = &it->items;
    char hint[SPEC_HINT];

    if (items->raw)
        check_raw_items(at, &at_items, items);
    else if (!items->input_parameter)
        (void)spec_error(at->ctx, it->pos, &at_items, "has neither raw nor inputParameter");
    else if (!spec_find(&at->task->inputs.parameters, items->input_parameter))
        (void)spec_error(at->ctx, items->pos, &at_items,
                         "the task is given no input parameter '%.100s'%s", items->input_parameter,
                         spec_hint_in(&at->task->inputs.parameters, items->input_parameter, hint));
    if (at->component && !spec_find(&at->component->input_definitions.parameters, it->item_input))
        (void)spec_error(
            at->ctx, it->pos, &at_it, "itemInput: %s has no input parameter '%.100s'%s",
            at->component->name, it->item_input,
            spec_hint_in(&at->component->input_definitions.parameters, it->item_input, hint));
}

static void check_artifact_iterator(const struct place *at, const struct spec_path *path)
{
    const struct artifact_iterator_spec *it = at->task->artifact_iterator;
    struct spec_path at_it = {path, "artifactIterator", 0};
    char hint[SPEC_HINT];

    if (!spec_find(&at->task->inputs.artifacts, it->items.input_artifact))
        (void)spec_error(at->ctx, it->pos, &at_it,
                         "items: the task is given no input artifact '%.100s'%s",
                         it->items.input_artifact,
                         spec_hint_in(&at->task->inputs.artifacts, it->items.input_artifact, hint));
    if (at->component && !spec_find(&at->component->input_definitions.artifacts, it->item_input))
        (void)spec_error(
            at->ctx, it->pos, &at_it, "itemInput: %s has no input artifact '%.100s'%s",
            at->component->name, it->item_input,
            spec_hint_in(&at->component->input_definitions.artifacts, it->item_input, hint));
}

/* ---- the whole ---- */

static const struct component_spec *check_component_ref(struct spec_ctx *ctx,
                                                        const struct spec_path *path,
                                                        const struct spec *spec,
                                                        const struct pipeline_task_spec *task)
{
    const struct component_spec *c = spec_task_component(spec, task);
    struct spec_path at = {path, "componentRef", 0};
    char hint[SPEC_HINT];

    if (!c && !*task->component_ref.name)
        (void)spec_error(ctx, task->pos, path, "has no componentRef.name: there is nothing to run");
    else if (!c)
        (void)spec_error(ctx, task->component_ref.pos, &at, "unknown component '%.100s'%s",
                         task->component_ref.name,
                         spec_hint_in(&spec->pipeline.components, task->component_ref.name, hint));
    return c;
}

void spec_check_task(struct spec_ctx *ctx, const struct spec_path *path, const struct spec *spec,
                     const struct component_spec *owner, const struct pipeline_task_spec *task)
{
    struct place at = {ctx, spec, owner, task, NULL};
    struct spec_path at_dependent = {path, "dependentTasks", 0};

    at.component = check_component_ref(ctx, path, spec, task);
    check_given(&at, path);
    if (at.component)
        check_required(&at, path);
    for (size_t i = 0; i < task->dependent_tasks.n; i++)
        (void)find_task(ctx, &at_dependent, task->pos, owner->dag, task->dependent_tasks.items[i]);
    if (task->parameter_iterator)
        check_parameter_iterator(&at, path);
    if (task->artifact_iterator)
        check_artifact_iterator(&at, path);
}

static void check_output_parameter(struct spec_ctx *ctx, const struct spec_path *path,
                                   const struct spec *spec, const struct dag_spec *dag,
                                   const struct dag_output_parameter_spec *o)
{
    const struct parameter_selector_spec *one = o->value_from_parameter;

    if (one)
        check_parameter_of(ctx, path, one->pos, spec, dag, one->producer_subtask,
                           one->output_parameter_key);
    else if (!o->value_from_oneof || o->value_from_oneof->parameter_selectors.n == 0)
        (void)spec_error(ctx, o->pos, path, "says not where its value comes from");
    else
        for (size_t i = 0; i < o->value_from_oneof->parameter_selectors.n; i++) {
            one = &o->value_from_oneof->parameter_selectors.items[i];
            check_parameter_of(ctx, path, one->pos, spec, dag, one->producer_subtask,
                               one->output_parameter_key);
        }
}

void spec_check_dag_outputs(struct spec_ctx *ctx, const struct spec_path *path,
                            const struct spec *spec, const struct dag_spec *dag)
{
    struct spec_path at_parameters = {path, "parameters", 0}, at_artifacts = {path, "artifacts", 0};

    for (size_t i = 0; i < dag->outputs.parameters.n; i++) {
        const struct dag_output_parameter_spec *o = &dag->outputs.parameters.items[i];
        struct spec_path at = {&at_parameters, o->name, 0};

        check_output_parameter(ctx, &at, spec, dag, o);
    }
    for (size_t i = 0; i < dag->outputs.artifacts.n; i++) {
        const struct dag_output_artifact_spec *o = &dag->outputs.artifacts.items[i];
        struct spec_path at = {&at_artifacts, o->name, 0};

        if (o->artifact_selectors.n == 0)
            (void)spec_error(ctx, o->pos, &at, "says not where its value comes from");
        for (size_t j = 0; j < o->artifact_selectors.n; j++) {
            const struct artifact_selector_spec *s = &o->artifact_selectors.items[j];

            check_artifact_of(ctx, &at, s->pos, spec, dag, s->producer_subtask,
                              s->output_artifact_key);
        }
    }
}
