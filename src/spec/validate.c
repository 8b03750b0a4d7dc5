/* What a pipeline spec must be beyond its types: names that exist, values that fit. Never stricter
 * than what the KFP backend needs to run it. */
#include <string.h>

#include "spec/params.h"
#include "spec/spec-priv.h"

/* Pipeline, task and output names become names of files and folders. */
static void check_file_name(struct spec_ctx *ctx, struct spec_pos pos, const struct spec_path *path,
                            const char *what, const char *name)
{
    size_t n = strlen(name);
    bool control = false;

    for (const char *p = name; *p; p++)
        control |= (unsigned char)*p < 0x20 || *p == 0x7F;
    if (n == 0)
        (void)spec_error(ctx, pos, path, "%s may not be empty", what);
    else if (n > 255)
        (void)spec_error(ctx, pos, path, "%s may have at most 255 bytes", what);
    else if (control || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        (void)spec_error(ctx, pos, path,
                         "%s may not be '.' or '..' nor contain '/' or control characters", what);
}

static void check_head(struct spec_ctx *ctx, const struct spec_path *top,
                       const struct pipeline_spec *p)
{
    struct spec_path at_version = {top, "schemaVersion", 0}, at_info = {top, "pipelineInfo", 0};
    struct spec_path at_name = {&at_info, "name", 0}, at_root = {top, "root", 0};
    struct spec_pos pos = p->pipeline_info.pos.line ? p->pipeline_info.pos : p->pos;

    if (!*p->schema_version && !p->root.pos.line && !p->pipeline_info.pos.line)
        (void)spec_error(
            ctx, p->pos, top,
            "this is not a compiled pipeline: it has no schemaVersion, pipelineInfo or root");
    else if (!*p->schema_version)
        (void)spec_error(ctx, p->pos, &at_version, "is missing: dhow reads 2.1.0");
    else if (strcmp(p->schema_version, "2.1.0") != 0 && strcmp(p->schema_version, "2.0.0") != 0)
        (void)spec_error(ctx, p->schema_version_pos, top,
                         "schema version %.40s is not supported: dhow reads 2.1.0",
                         p->schema_version);
    else if (!*p->pipeline_info.name)
        (void)spec_error(ctx, pos, &at_name, "is missing: a pipeline needs a name");
    else if (!p->root.pos.line)
        (void)spec_error(ctx, p->pos, &at_root, "is missing");
    else if (!p->root.dag)
        (void)spec_error(ctx, p->root.pos, &at_root, "has no dag: there are no tasks to run");
    else
        check_file_name(ctx, pos, &at_name, "a pipeline's name", p->pipeline_info.name);
}

/* ---- components ---- */

/* Warnings alone: the backend takes such a default as it is, and a container may well do with
 * "1000" for a number. */
static void check_input(struct spec_ctx *ctx, const struct spec_path *path,
                        const struct component_inputs_parameter_spec *input)
{
    struct component_inputs_parameter_spec plain = *input;
    struct dh_err err = {0};

    if (input->default_value && !js_is(input->default_value, JS_NULL) &&
        spec_check_value(input, input->default_value, &err) < 0)
        spec_warn(ctx, input->pos, path, "the default value does not fit: %s", err.msg);
    plain.literals.n = 0;
    plain.is_optional = true;
    for (size_t i = 0; i < input->literals.n; i++)
        if (spec_check_value(&plain, input->literals.items[i], &err) < 0)
            spec_warn(ctx, input->pos, path, "literals[%zu] does not fit: %s", i, err.msg);
}

static void check_interface(struct spec_ctx *ctx, const struct spec_path *path,
                            const struct component_spec *c)
{
    struct spec_path at_in = {path, "inputDefinitions", 0}, at_out = {path, "outputDefinitions", 0};
    struct spec_path at_parameters = {&at_in, "parameters", 0};

    for (size_t i = 0; i < c->input_definitions.parameters.n; i++) {
        const struct component_inputs_parameter_spec *input =
            &c->input_definitions.parameters.items[i];
        struct spec_path at = {&at_parameters, input->name, 0};

        check_input(ctx, &at, input);
    }
    at_parameters.up = &at_out;
    for (size_t i = 0; i < c->output_definitions.parameters.n; i++) {
        const struct component_outputs_parameter_spec *output =
            &c->output_definitions.parameters.items[i];

        check_file_name(ctx, output->pos, &at_parameters, "an output's name", output->name);
    }
    at_parameters.name = "artifacts";
    for (size_t i = 0; i < c->output_definitions.artifacts.n; i++) {
        const struct component_outputs_artifact_spec *output =
            &c->output_definitions.artifacts.items[i];

        check_file_name(ctx, output->pos, &at_parameters, "an output's name", output->name);
    }
}

static void check_dag(struct spec_ctx *ctx, const struct spec_path *path, const struct spec *spec,
                      const struct component_spec *owner)
{
    struct spec_path at_dag = {path, "dag", 0}, at_tasks = {&at_dag, "tasks", 0};
    struct spec_path at_outputs = {&at_dag, "outputs", 0};
    const struct dag_spec *dag = owner->dag;

    for (size_t i = 0; i < dag->tasks.n && ctx->n_errors < SPEC_MAX_ERRORS; i++) {
        const struct pipeline_task_spec *task = &dag->tasks.items[i];
        struct spec_path at = {&at_tasks, task->name, 0};

        check_file_name(ctx, task->pos, &at_tasks, "a task's name", task->name);
        spec_check_task(ctx, &at, spec, owner, task);
    }
    spec_check_cycles(ctx, &at_tasks, dag);
    spec_check_dag_outputs(ctx, &at_outputs, spec, dag);
}

static void check_component(struct spec_ctx *ctx, const struct spec_path *path,
                            const struct spec *spec, const struct component_spec *c)
{
    struct spec_path at_label = {path, "executorLabel", 0};
    const struct executor_map *executors = &spec->pipeline.deployment_spec.executors;
    char hint[SPEC_HINT];

    check_interface(ctx, path, c);
    if (c->dag)
        check_dag(ctx, path, spec, c);
    else if (!c->executor_label)
        (void)spec_error(ctx, c->pos, path, "has neither dag nor executorLabel");
    else if (!spec_find(executors, c->executor_label))
        (void)spec_error(ctx, c->pos, &at_label, "unknown executor '%.100s'%s", c->executor_label,
                         spec_hint_in(executors, c->executor_label, hint));
}

/* ---- executors ---- */

static void check_quantity(struct spec_ctx *ctx, const struct spec_path *path, struct spec_pos pos,
                           const char *field, const char *text)
{
    struct spec_path at = {path, field, 0};
    double value;

    if (!*text || strstr(text, "{{")) /* known when the task runs */
        return;
    if (spec_quantity(text, &value) < 0 || value < 0)
        (void)spec_error(ctx, pos, &at, "'%.60s' is no quantity; expected one like 2, 500m or 4Gi",
                         text);
}

static void check_resources(struct spec_ctx *ctx, const struct spec_path *path,
                            const struct resource_spec *r)
{
    struct spec_path at = {path, "resources", 0};

    check_quantity(ctx, &at, r->pos, "resourceCpuLimit", r->resource_cpu_limit);
    check_quantity(ctx, &at, r->pos, "resourceCpuRequest", r->resource_cpu_request);
    check_quantity(ctx, &at, r->pos, "resourceMemoryLimit", r->resource_memory_limit);
    check_quantity(ctx, &at, r->pos, "resourceMemoryRequest", r->resource_memory_request);
    if (r->accelerator)
        check_quantity(ctx, &at, r->accelerator->pos, "accelerator.resourceCount",
                       r->accelerator->resource_count);
}

static void check_executor(struct spec_ctx *ctx, const struct spec_path *path,
                           const struct executor_spec *e)
{
    struct spec_path at_container = {path, "container", 0}, at_importer = {path, "importer", 0};

    switch (e->kind) {
    case EXECUTOR_NONE:
        (void)spec_error(ctx, e->pos, path, "has neither container nor importer");
        break;
    case EXECUTOR_CONTAINER:
        if (!*e->container->image)
            (void)spec_error(ctx, e->container->pos, &at_container, "has no image");
        if (e->container->resources)
            check_resources(ctx, &at_container, e->container->resources);
        break;
    case EXECUTOR_IMPORTER:
        if (!e->importer->artifact_uri.constant && !e->importer->artifact_uri.runtime_parameter)
            (void)spec_error(ctx, e->importer->pos, &at_importer, "has no artifactUri");
        break;
    case EXECUTOR_RESOLVER:
    case EXECUTOR_CUSTOM_JOB:
        break;
    }
}

void spec_validate(struct spec_ctx *ctx, const struct spec_path *top, const struct spec *spec)
{
    struct spec_path at_components = {top, "components", 0}, at_root = {top, "root", 0};
    struct spec_path at_deployment = {top, "deploymentSpec", 0};
    struct spec_path at_executors = {&at_deployment, "executors", 0};
    const struct pipeline_spec *p = &spec->pipeline;

    check_head(ctx, top, p);
    if (ctx->n_errors)
        return; /* what follows would only say it again */
    for (size_t i = 0; i < p->components.n && ctx->n_errors < SPEC_MAX_ERRORS; i++) {
        struct spec_path at = {&at_components, p->components.items[i].name, 0};

        check_component(ctx, &at, spec, &p->components.items[i]);
    }
    check_component(ctx, &at_root, spec, &p->root);
    for (size_t i = 0; i < p->deployment_spec.executors.n && ctx->n_errors < SPEC_MAX_ERRORS; i++) {
        struct spec_path at = {&at_executors, p->deployment_spec.executors.items[i].name, 0};

        check_executor(ctx, &at, &p->deployment_spec.executors.items[i]);
    }
    spec_check_nesting(ctx, top, spec);
}
