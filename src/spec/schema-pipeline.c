/* The tables of pipeline_spec.proto. Order as in the proto: the canonical JSON keeps it. */
#include <string.h>

#include "spec/kubernetes.h"
#include "spec/schema.h"

#define FIELD SCHEMA_FIELD
#define ONE(m) .message = &schema_##m

const struct schema_enum schema_param_types[] = {
    {"PARAMETER_TYPE_ENUM_UNSPECIFIED", PARAM_UNSPECIFIED},
    {"NUMBER_DOUBLE", PARAM_NUMBER_DOUBLE},
    {"NUMBER_INTEGER", PARAM_NUMBER_INTEGER},
    {"STRING", PARAM_STRING},
    {"BOOLEAN", PARAM_BOOLEAN},
    {"LIST", PARAM_LIST},
    {"STRUCT", PARAM_STRUCT},
    {"TASK_FINAL_STATUS", PARAM_TASK_FINAL_STATUS},
    {"TASK_CONFIG", PARAM_TASK_CONFIG},
    {NULL, 0}};

static const struct schema_enum primitive_types[] = {
    {"PRIMITIVE_TYPE_UNSPECIFIED", PARAM_UNSPECIFIED},
    {"INT", PARAM_NUMBER_INTEGER},
    {"DOUBLE", PARAM_NUMBER_DOUBLE},
    {"STRING", PARAM_STRING},
    {NULL, 0}};

static const struct schema_enum trigger_strategies[] = {
    {"TRIGGER_STRATEGY_UNSPECIFIED", TRIGGER_STRATEGY_UNSPECIFIED},
    {"ALL_UPSTREAM_TASKS_SUCCEEDED", TRIGGER_ALL_UPSTREAM_TASKS_SUCCEEDED},
    {"ALL_UPSTREAM_TASKS_COMPLETED", TRIGGER_ALL_UPSTREAM_TASKS_COMPLETED},
    {NULL, 0}};

static const struct schema_enum passthrough_types[] = {
    {"NONE", TASK_CONFIG_NONE},
    {"RESOURCES", TASK_CONFIG_RESOURCES},
    {"ENV", TASK_CONFIG_ENV},
    {"KUBERNETES_AFFINITY", TASK_CONFIG_KUBERNETES_AFFINITY},
    {"KUBERNETES_TOLERATIONS", TASK_CONFIG_KUBERNETES_TOLERATIONS},
    {"KUBERNETES_NODE_SELECTOR", TASK_CONFIG_KUBERNETES_NODE_SELECTOR},
    {"KUBERNETES_VOLUMES", TASK_CONFIG_KUBERNETES_VOLUMES},
    {NULL, 0}};

/* ---- values and types ---- */

#define T value_or_runtime_parameter
static const struct schema_field value_or_runtime_parameter_fields[] = {
    SCHEMA_FIELD_AS(T, "constantValue", "constant_value", constant, SCHEMA_OLD_VALUE, .oneof = 1,
                    .old = true),
    FIELD(T, "runtimeParameter", runtime_parameter, SCHEMA_STRING_OR_NULL, .oneof = 1),
    FIELD(T, "constant", constant, SCHEMA_VALUE, .oneof = 1)};
static SCHEMA_DEFINE(value_or_runtime_parameter, value_or_runtime_parameter_fields);
#undef T

#define T artifact_type_schema
static const struct schema_field artifact_type_schema_fields[] = {
    FIELD(T, "schemaTitle", schema_title, SCHEMA_STRING_OR_NULL, .oneof = 1),
    FIELD(T, "schemaUri", schema_uri, SCHEMA_STRING_OR_NULL, .oneof = 1),
    FIELD(T, "instanceSchema", instance_schema, SCHEMA_STRING_OR_NULL, .oneof = 1),
    FIELD(T, "schemaVersion", schema_version, SCHEMA_STRING)};

/* An instance schema is a small YAML text with a title: system.Model and the like. */
static void find_title(struct spec_ctx *ctx, const struct spec_path *path,
                       const struct doc_node *node, void *message)
{
    struct artifact_type_schema *type = message;
    own(arena_free) struct arena *nodes = arena_new();
    const struct doc_node *title;
    struct doc doc = {0};

    (void)path;
    (void)node;
    type->title = type->schema_title;
    if (!type->instance_schema)
        return;
    if (doc_read(nodes, ctx->arena, "instanceSchema", type->instance_schema,
                 strlen(type->instance_schema), &doc, NULL) < 0 ||
        doc.n == 0)
        return;
    title = doc_get(&doc.documents[0], "title");
    if (title && title->kind == DOC_STRING)
        type->title = title->text;
}
static SCHEMA_DEFINE_AFTER(artifact_type_schema, artifact_type_schema_fields, find_title);
#undef T

/* ---- a component's interface ---- */

#define T component_inputs_artifact_spec
static const struct schema_field component_inputs_artifact_spec_fields[] = {
    FIELD(T, "artifactType", artifact_type, SCHEMA_MESSAGE, ONE(artifact_type_schema)),
    FIELD(T, "isArtifactList", is_artifact_list, SCHEMA_BOOL),
    FIELD(T, "isOptional", is_optional, SCHEMA_BOOL),
    FIELD(T, "description", description, SCHEMA_STRING)};
static SCHEMA_DEFINE(component_inputs_artifact_spec, component_inputs_artifact_spec_fields);
#undef T

#define T component_inputs_parameter_spec
static const struct schema_field component_inputs_parameter_spec_fields[] = {
    SCHEMA_FIELD_AS(T, "type", "type", parameter_type, SCHEMA_ENUM, .enums = primitive_types,
                    .old = true),
    FIELD(T, "parameterType", parameter_type, SCHEMA_ENUM, .enums = schema_param_types),
    FIELD(T, "defaultValue", default_value, SCHEMA_VALUE),
    FIELD(T, "isOptional", is_optional, SCHEMA_BOOL),
    FIELD(T, "description", description, SCHEMA_STRING),
    FIELD(T, "literals", literals, SCHEMA_VALUE, .label = SCHEMA_LIST)};
static SCHEMA_DEFINE(component_inputs_parameter_spec, component_inputs_parameter_spec_fields);
#undef T

#define T component_inputs_spec
static const struct schema_field component_inputs_spec_fields[] = {
    FIELD(T, "artifacts", artifacts, SCHEMA_MESSAGE, SCHEMA_MAP_OF(component_inputs_artifact_spec)),
    FIELD(T, "parameters", parameters, SCHEMA_MESSAGE,
          SCHEMA_MAP_OF(component_inputs_parameter_spec))};
static SCHEMA_DEFINE(component_inputs_spec, component_inputs_spec_fields);
#undef T

#define T component_outputs_artifact_spec
static const struct schema_field component_outputs_artifact_spec_fields[] = {
    FIELD(T, "artifactType", artifact_type, SCHEMA_MESSAGE, ONE(artifact_type_schema)),
    FIELD(T, "properties", properties, SCHEMA_MESSAGE, SCHEMA_MAP_OF(value_or_runtime_parameter)),
    FIELD(T, "customProperties", custom_properties, SCHEMA_MESSAGE,
          SCHEMA_MAP_OF(value_or_runtime_parameter)),
    FIELD(T, "metadata", metadata, SCHEMA_STRUCT),
    FIELD(T, "isArtifactList", is_artifact_list, SCHEMA_BOOL),
    FIELD(T, "description", description, SCHEMA_STRING)};
static SCHEMA_DEFINE(component_outputs_artifact_spec, component_outputs_artifact_spec_fields);
#undef T

#define T component_outputs_parameter_spec
static const struct schema_field component_outputs_parameter_spec_fields[] = {
    SCHEMA_FIELD_AS(T, "type", "type", parameter_type, SCHEMA_ENUM, .enums = primitive_types,
                    .old = true),
    FIELD(T, "parameterType", parameter_type, SCHEMA_ENUM, .enums = schema_param_types),
    FIELD(T, "description", description, SCHEMA_STRING)};
static SCHEMA_DEFINE(component_outputs_parameter_spec, component_outputs_parameter_spec_fields);
#undef T

#define T component_outputs_spec
static const struct schema_field component_outputs_spec_fields[] = {
    FIELD(T, "artifacts", artifacts, SCHEMA_MESSAGE,
          SCHEMA_MAP_OF(component_outputs_artifact_spec)),
    FIELD(T, "parameters", parameters, SCHEMA_MESSAGE,
          SCHEMA_MAP_OF(component_outputs_parameter_spec))};
static SCHEMA_DEFINE(component_outputs_spec, component_outputs_spec_fields);
#undef T

/* ---- a task ---- */

#define T task_output_parameter_spec
static const struct schema_field task_output_parameter_spec_fields[] = {
    FIELD(T, "producerTask", producer_task, SCHEMA_STRING),
    FIELD(T, "outputParameterKey", output_parameter_key, SCHEMA_STRING)};
SCHEMA_DEFINE(task_output_parameter_spec, task_output_parameter_spec_fields);
#undef T

#define T task_final_status
static const struct schema_field task_final_status_fields[] = {
    FIELD(T, "producerTask", producer_task, SCHEMA_STRING)};
static SCHEMA_DEFINE(task_final_status, task_final_status_fields);
#undef T

#define T input_parameter_spec
#define KIND(value)                                                                                \
    .oneof = 1, .which = offsetof(struct input_parameter_spec, kind), .which_value = value
static const struct schema_field input_parameter_spec_fields[] = {
    FIELD(T, "taskOutputParameter", task_output_parameter, SCHEMA_POINTER,
          ONE(task_output_parameter_spec), KIND(INPUT_PARAMETER_TASK_OUTPUT)),
    FIELD(T, "runtimeValue", runtime_value, SCHEMA_POINTER, ONE(value_or_runtime_parameter),
          KIND(INPUT_PARAMETER_RUNTIME_VALUE)),
    FIELD(T, "componentInputParameter", component_input_parameter, SCHEMA_STRING_OR_NULL,
          KIND(INPUT_PARAMETER_COMPONENT_INPUT)),
    FIELD(T, "parameterExpressionSelector", parameter_expression_selector, SCHEMA_STRING),
    FIELD(T, "taskFinalStatus", task_final_status, SCHEMA_POINTER, ONE(task_final_status),
          KIND(INPUT_PARAMETER_FINAL_STATUS))};
SCHEMA_DEFINE(input_parameter_spec, input_parameter_spec_fields);
#undef KIND
#undef T

#define T task_output_artifact_spec
static const struct schema_field task_output_artifact_spec_fields[] = {
    FIELD(T, "producerTask", producer_task, SCHEMA_STRING),
    FIELD(T, "outputArtifactKey", output_artifact_key, SCHEMA_STRING)};
static SCHEMA_DEFINE(task_output_artifact_spec, task_output_artifact_spec_fields);
#undef T

#define T input_artifact_spec
#define KIND(value)                                                                                \
    .oneof = 1, .which = offsetof(struct input_artifact_spec, kind), .which_value = value
static const struct schema_field input_artifact_spec_fields[] = {
    FIELD(T, "taskOutputArtifact", task_output_artifact, SCHEMA_POINTER,
          ONE(task_output_artifact_spec), KIND(INPUT_ARTIFACT_TASK_OUTPUT)),
    FIELD(T, "componentInputArtifact", component_input_artifact, SCHEMA_STRING_OR_NULL,
          KIND(INPUT_ARTIFACT_COMPONENT_INPUT))};
static SCHEMA_DEFINE(input_artifact_spec, input_artifact_spec_fields);
#undef KIND
#undef T

#define T task_inputs_spec
static const struct schema_field task_inputs_spec_fields[] = {
    FIELD(T, "parameters", parameters, SCHEMA_MESSAGE, SCHEMA_MAP_OF(input_parameter_spec)),
    FIELD(T, "artifacts", artifacts, SCHEMA_MESSAGE, SCHEMA_MAP_OF(input_artifact_spec))};
static SCHEMA_DEFINE(task_inputs_spec, task_inputs_spec_fields);
#undef T

#define T caching_options
static const struct schema_field caching_options_fields[] = {
    FIELD(T, "enableCache", enable_cache, SCHEMA_BOOL),
    FIELD(T, "cacheKey", cache_key, SCHEMA_STRING)};
static SCHEMA_DEFINE(caching_options, caching_options_fields);
#undef T

#define T trigger_policy
static const struct schema_field trigger_policy_fields[] = {
    FIELD(T, "condition", condition, SCHEMA_STRING,
          .pos = offsetof(struct trigger_policy, condition_pos)),
    FIELD(T, "strategy", strategy, SCHEMA_ENUM, .enums = trigger_strategies)};
static SCHEMA_DEFINE(trigger_policy, trigger_policy_fields);
#undef T

#define T retry_policy
static const struct schema_field retry_policy_fields[] = {
    FIELD(T, "maxRetryCount", max_retry_count, SCHEMA_INT32),
    SCHEMA_FIELD_AS(T, "backoffDuration", "backoff_duration", backoff_duration_us, SCHEMA_DURATION),
    FIELD(T, "backoffFactor", backoff_factor, SCHEMA_DOUBLE),
    SCHEMA_FIELD_AS(T, "backoffMaxDuration", "backoff_max_duration", backoff_max_duration_us,
                    SCHEMA_DURATION)};
static SCHEMA_DEFINE(retry_policy, retry_policy_fields);
#undef T

#define T iterator_policy
static const struct schema_field iterator_policy_fields[] = {
    FIELD(T, "parallelismLimit", parallelism_limit, SCHEMA_INT32)};
static SCHEMA_DEFINE(iterator_policy, iterator_policy_fields);
#undef T

#define T artifact_iterator_items
static const struct schema_field artifact_iterator_items_fields[] = {
    FIELD(T, "inputArtifact", input_artifact, SCHEMA_STRING)};
static SCHEMA_DEFINE(artifact_iterator_items, artifact_iterator_items_fields);
#undef T

#define T artifact_iterator_spec
static const struct schema_field artifact_iterator_spec_fields[] = {
    FIELD(T, "items", items, SCHEMA_MESSAGE, ONE(artifact_iterator_items)),
    FIELD(T, "itemInput", item_input, SCHEMA_STRING)};
static SCHEMA_DEFINE(artifact_iterator_spec, artifact_iterator_spec_fields);
#undef T

#define T parameter_iterator_items
static const struct schema_field parameter_iterator_items_fields[] = {
    FIELD(T, "raw", raw, SCHEMA_STRING_OR_NULL, .oneof = 1),
    FIELD(T, "inputParameter", input_parameter, SCHEMA_STRING_OR_NULL, .oneof = 1)};
static SCHEMA_DEFINE(parameter_iterator_items, parameter_iterator_items_fields);
#undef T

#define T parameter_iterator_spec
static const struct schema_field parameter_iterator_spec_fields[] = {
    FIELD(T, "items", items, SCHEMA_MESSAGE, ONE(parameter_iterator_items)),
    FIELD(T, "itemInput", item_input, SCHEMA_STRING)};
static SCHEMA_DEFINE(parameter_iterator_spec, parameter_iterator_spec_fields);
#undef T

#define T pipeline_task_info
static const struct schema_field pipeline_task_info_fields[] = {
    FIELD(T, "name", name, SCHEMA_STRING)};
static SCHEMA_DEFINE(pipeline_task_info, pipeline_task_info_fields);
#undef T

#define T component_ref
static const struct schema_field component_ref_fields[] = {FIELD(T, "name", name, SCHEMA_STRING)};
static SCHEMA_DEFINE(component_ref, component_ref_fields);
#undef T

#define T pipeline_task_spec
static const struct schema_field pipeline_task_spec_fields[] = {
    FIELD(T, "taskInfo", task_info, SCHEMA_MESSAGE, ONE(pipeline_task_info)),
    FIELD(T, "inputs", inputs, SCHEMA_MESSAGE, ONE(task_inputs_spec)),
    FIELD(T, "dependentTasks", dependent_tasks, SCHEMA_STRING, .label = SCHEMA_LIST),
    FIELD(T, "cachingOptions", caching_options, SCHEMA_MESSAGE, ONE(caching_options)),
    FIELD(T, "componentRef", component_ref, SCHEMA_MESSAGE, ONE(component_ref)),
    FIELD(T, "triggerPolicy", trigger_policy, SCHEMA_MESSAGE, ONE(trigger_policy)),
    FIELD(T, "artifactIterator", artifact_iterator, SCHEMA_POINTER, ONE(artifact_iterator_spec),
          .oneof = 1),
    FIELD(T, "parameterIterator", parameter_iterator, SCHEMA_POINTER, ONE(parameter_iterator_spec),
          .oneof = 1),
    FIELD(T, "retryPolicy", retry_policy, SCHEMA_POINTER, ONE(retry_policy)),
    FIELD(T, "iteratorPolicy", iterator_policy, SCHEMA_POINTER, ONE(iterator_policy))};
SCHEMA_DEFINE(pipeline_task_spec, pipeline_task_spec_fields);
#undef T

/* ---- a dag and its outputs ---- */

#define T artifact_selector_spec
static const struct schema_field artifact_selector_spec_fields[] = {
    FIELD(T, "producerSubtask", producer_subtask, SCHEMA_STRING),
    FIELD(T, "outputArtifactKey", output_artifact_key, SCHEMA_STRING)};
static SCHEMA_DEFINE(artifact_selector_spec, artifact_selector_spec_fields);
#undef T

#define T dag_output_artifact_spec
static const struct schema_field dag_output_artifact_spec_fields[] = {
    FIELD(T, "artifactSelectors", artifact_selectors, SCHEMA_MESSAGE,
          SCHEMA_LIST_OF(artifact_selector_spec))};
static SCHEMA_DEFINE(dag_output_artifact_spec, dag_output_artifact_spec_fields);
#undef T

#define T parameter_selector_spec
static const struct schema_field parameter_selector_spec_fields[] = {
    FIELD(T, "producerSubtask", producer_subtask, SCHEMA_STRING),
    FIELD(T, "outputParameterKey", output_parameter_key, SCHEMA_STRING)};
static SCHEMA_DEFINE(parameter_selector_spec, parameter_selector_spec_fields);
#undef T

#define T parameter_selectors_spec
static const struct schema_field parameter_selectors_spec_fields[] = {
    FIELD(T, "parameterSelectors", parameter_selectors, SCHEMA_MESSAGE,
          SCHEMA_LIST_OF(parameter_selector_spec))};
static SCHEMA_DEFINE(parameter_selectors_spec, parameter_selectors_spec_fields);
#undef T

#define T dag_output_parameter_spec
static const struct schema_field dag_output_parameter_spec_fields[] = {
    FIELD(T, "valueFromParameter", value_from_parameter, SCHEMA_POINTER,
          ONE(parameter_selector_spec), .oneof = 1),
    FIELD(T, "valueFromOneof", value_from_oneof, SCHEMA_POINTER, ONE(parameter_selectors_spec),
          .oneof = 1)};
static SCHEMA_DEFINE(dag_output_parameter_spec, dag_output_parameter_spec_fields);
#undef T

#define T dag_outputs_spec
static const struct schema_field dag_outputs_spec_fields[] = {
    FIELD(T, "artifacts", artifacts, SCHEMA_MESSAGE, SCHEMA_MAP_OF(dag_output_artifact_spec)),
    FIELD(T, "parameters", parameters, SCHEMA_MESSAGE, SCHEMA_MAP_OF(dag_output_parameter_spec))};
static SCHEMA_DEFINE(dag_outputs_spec, dag_outputs_spec_fields);
#undef T

#define T dag_spec
static const struct schema_field dag_spec_fields[] = {
    FIELD(T, "tasks", tasks, SCHEMA_MESSAGE, SCHEMA_MAP_OF(pipeline_task_spec)),
    FIELD(T, "outputs", outputs, SCHEMA_MESSAGE, ONE(dag_outputs_spec))};
static SCHEMA_DEFINE(dag_spec, dag_spec_fields);
#undef T

/* ---- executors ---- */

#define T container_exec
static const struct schema_field container_exec_fields[] = {
    FIELD(T, "command", command, SCHEMA_STRING, .label = SCHEMA_LIST),
    FIELD(T, "args", args, SCHEMA_STRING, .label = SCHEMA_LIST)};
static SCHEMA_DEFINE(container_exec, container_exec_fields);
#undef T

#define T container_lifecycle
static const struct schema_field container_lifecycle_fields[] = {
    FIELD(T, "preCacheCheck", pre_cache_check, SCHEMA_POINTER, ONE(container_exec))};
static SCHEMA_DEFINE(container_lifecycle, container_lifecycle_fields);
#undef T

#define T accelerator_config
static const struct schema_field accelerator_config_fields[] = {
    FIELD(T, "type", type, SCHEMA_STRING), FIELD(T, "count", count, SCHEMA_INT64),
    FIELD(T, "resourceType", resource_type, SCHEMA_STRING),
    FIELD(T, "resourceCount", resource_count, SCHEMA_STRING)};
static SCHEMA_DEFINE(accelerator_config, accelerator_config_fields);
#undef T

#define T resource_spec
static const struct schema_field resource_spec_fields[] = {
    FIELD(T, "cpuLimit", cpu_limit, SCHEMA_DOUBLE),
    FIELD(T, "memoryLimit", memory_limit, SCHEMA_DOUBLE),
    FIELD(T, "accelerator", accelerator, SCHEMA_POINTER, ONE(accelerator_config)),
    FIELD(T, "cpuRequest", cpu_request, SCHEMA_DOUBLE),
    FIELD(T, "memoryRequest", memory_request, SCHEMA_DOUBLE),
    FIELD(T, "resourceCpuLimit", resource_cpu_limit, SCHEMA_STRING),
    FIELD(T, "resourceMemoryLimit", resource_memory_limit, SCHEMA_STRING),
    FIELD(T, "resourceCpuRequest", resource_cpu_request, SCHEMA_STRING),
    FIELD(T, "resourceMemoryRequest", resource_memory_request, SCHEMA_STRING)};
static SCHEMA_DEFINE(resource_spec, resource_spec_fields);
#undef T

#define T env_var
static const struct schema_field env_var_fields[] = {FIELD(T, "name", name, SCHEMA_STRING),
                                                     FIELD(T, "value", value, SCHEMA_STRING)};
SCHEMA_DEFINE(env_var, env_var_fields);
#undef T

#define T pipeline_container_spec
static const struct schema_field pipeline_container_spec_fields[] = {
    FIELD(T, "image", image, SCHEMA_STRING),
    FIELD(T, "command", command, SCHEMA_STRING, .label = SCHEMA_LIST),
    FIELD(T, "args", args, SCHEMA_STRING, .label = SCHEMA_LIST),
    FIELD(T, "lifecycle", lifecycle, SCHEMA_POINTER, ONE(container_lifecycle)),
    FIELD(T, "resources", resources, SCHEMA_POINTER, ONE(resource_spec)),
    FIELD(T, "env", env, SCHEMA_MESSAGE, SCHEMA_LIST_OF(env_var))};
SCHEMA_DEFINE(pipeline_container_spec, pipeline_container_spec_fields);
#undef T

#define T importer_spec
static const struct schema_field importer_spec_fields[] = {
    FIELD(T, "artifactUri", artifact_uri, SCHEMA_MESSAGE, ONE(value_or_runtime_parameter)),
    FIELD(T, "typeSchema", type_schema, SCHEMA_MESSAGE, ONE(artifact_type_schema)),
    FIELD(T, "properties", properties, SCHEMA_MESSAGE, SCHEMA_MAP_OF(value_or_runtime_parameter)),
    FIELD(T, "customProperties", custom_properties, SCHEMA_MESSAGE,
          SCHEMA_MAP_OF(value_or_runtime_parameter)),
    FIELD(T, "reimport", reimport, SCHEMA_BOOL),
    FIELD(T, "metadata", metadata, SCHEMA_STRUCT),
    FIELD(T, "downloadToWorkspace", download_to_workspace, SCHEMA_BOOL)};
SCHEMA_DEFINE(importer_spec, importer_spec_fields);
#undef T

#define T artifact_query_spec
static const struct schema_field artifact_query_spec_fields[] = {
    FIELD(T, "filter", filter, SCHEMA_STRING), FIELD(T, "limit", limit, SCHEMA_INT32)};
static SCHEMA_DEFINE(artifact_query_spec, artifact_query_spec_fields);
#undef T

#define T resolver_spec
static const struct schema_field resolver_spec_fields[] = {
    FIELD(T, "outputArtifactQueries", output_artifact_queries, SCHEMA_MESSAGE,
          SCHEMA_MAP_OF(artifact_query_spec))};
static SCHEMA_DEFINE(resolver_spec, resolver_spec_fields);
#undef T

#define T custom_job_spec
static const struct schema_field custom_job_spec_fields[] = {
    FIELD(T, "customJob", custom_job, SCHEMA_STRUCT)};
static SCHEMA_DEFINE(custom_job_spec, custom_job_spec_fields);
#undef T

#define T executor_spec
#define KIND(value) .oneof = 1, .which = offsetof(struct executor_spec, kind), .which_value = value
static const struct schema_field executor_spec_fields[] = {
    FIELD(T, "container", container, SCHEMA_POINTER, ONE(pipeline_container_spec),
          KIND(EXECUTOR_CONTAINER)),
    FIELD(T, "importer", importer, SCHEMA_POINTER, ONE(importer_spec), KIND(EXECUTOR_IMPORTER)),
    FIELD(T, "resolver", resolver, SCHEMA_POINTER, ONE(resolver_spec), KIND(EXECUTOR_RESOLVER)),
    FIELD(T, "customJob", custom_job, SCHEMA_POINTER, ONE(custom_job_spec),
          KIND(EXECUTOR_CUSTOM_JOB))};
SCHEMA_DEFINE(executor_spec, executor_spec_fields);
#undef KIND
#undef T

#define T pipeline_deployment_config
static const struct schema_field pipeline_deployment_config_fields[] = {
    FIELD(T, "executors", executors, SCHEMA_MESSAGE, SCHEMA_MAP_OF(executor_spec))};
static SCHEMA_DEFINE(pipeline_deployment_config, pipeline_deployment_config_fields);
#undef T

/* ---- components and the pipeline ---- */

#define T task_config_passthrough
static const struct schema_field task_config_passthrough_fields[] = {
    FIELD(T, "field", field, SCHEMA_ENUM, .enums = passthrough_types),
    FIELD(T, "applyToTask", apply_to_task, SCHEMA_BOOL)};
static SCHEMA_DEFINE(task_config_passthrough, task_config_passthrough_fields);
#undef T

#define T component_spec
static const struct schema_field component_spec_fields[] = {
    FIELD(T, "inputDefinitions", input_definitions, SCHEMA_MESSAGE, ONE(component_inputs_spec)),
    FIELD(T, "outputDefinitions", output_definitions, SCHEMA_MESSAGE, ONE(component_outputs_spec)),
    FIELD(T, "dag", dag, SCHEMA_POINTER, ONE(dag_spec), .oneof = 1),
    FIELD(T, "executorLabel", executor_label, SCHEMA_STRING_OR_NULL, .oneof = 1),
    FIELD(T, "singlePlatformSpecs", single_platform_specs, SCHEMA_MESSAGE,
          SCHEMA_LIST_OF(single_platform_spec)),
    FIELD(T, "taskConfigPassthroughs", task_config_passthroughs, SCHEMA_MESSAGE,
          SCHEMA_LIST_OF(task_config_passthrough))};
SCHEMA_DEFINE(component_spec, component_spec_fields);
#undef T

#define T pipeline_info
static const struct schema_field pipeline_info_fields[] = {
    FIELD(T, "name", name, SCHEMA_STRING), FIELD(T, "displayName", display_name, SCHEMA_STRING),
    FIELD(T, "description", description, SCHEMA_STRING)};
static SCHEMA_DEFINE(pipeline_info, pipeline_info_fields);
#undef T

#define T pipeline_spec
static const struct schema_field pipeline_spec_fields[] = {
    FIELD(T, "pipelineInfo", pipeline_info, SCHEMA_MESSAGE, ONE(pipeline_info)),
    FIELD(T, "deploymentSpec", deployment_spec, SCHEMA_MESSAGE, ONE(pipeline_deployment_config)),
    FIELD(T, "sdkVersion", sdk_version, SCHEMA_STRING),
    FIELD(T, "schemaVersion", schema_version, SCHEMA_STRING,
          .pos = offsetof(struct pipeline_spec, schema_version_pos)),
    FIELD(T, "components", components, SCHEMA_MESSAGE, SCHEMA_MAP_OF(component_spec)),
    FIELD(T, "root", root, SCHEMA_MESSAGE, ONE(component_spec)),
    FIELD(T, "defaultPipelineRoot", default_pipeline_root, SCHEMA_STRING)};
SCHEMA_DEFINE(pipeline_spec, pipeline_spec_fields);
#undef T

#define T runtime_config
static const struct schema_field runtime_config_fields[] = {
    SCHEMA_FIELD_AS(T, "parameters", "parameters", parameter_values, SCHEMA_OLD_VALUE,
                    SCHEMA_VALUES, .old = true),
    FIELD(T, "gcsOutputDirectory", gcs_output_directory, SCHEMA_STRING),
    FIELD(T, "parameterValues", parameter_values, SCHEMA_VALUE, SCHEMA_VALUES)};
static SCHEMA_DEFINE(runtime_config, runtime_config_fields);
#undef T

#define T pipeline_job
static const struct schema_field pipeline_job_fields[] = {
    FIELD(T, "name", name, SCHEMA_STRING),
    FIELD(T, "displayName", display_name, SCHEMA_STRING),
    {.json = "pipelineSpec", .proto = "pipeline_spec", .kind = SCHEMA_ELSEWHERE},
    {.json = "platformSpec", .proto = "platform_spec", .kind = SCHEMA_ELSEWHERE},
    FIELD(T, "labels", labels, SCHEMA_STRING, SCHEMA_STRINGS),
    FIELD(T, "runtimeConfig", runtime_config, SCHEMA_MESSAGE, ONE(runtime_config))};
SCHEMA_DEFINE(pipeline_job, pipeline_job_fields);
#undef T
