/* The tables of the platform spec and of kubernetes_executor_config.proto. */
#include <string.h>

#include "spec/kubernetes.h"
#include "spec/schema.h"

#define FIELD SCHEMA_FIELD
#define ONE(m) .message = &schema_##m
#define PARAMETER ONE(input_parameter_spec)
#define STRINGS_LIST .label = SCHEMA_LIST
#define HAS(type, member) .has = offsetof(struct type, has_##member)

static const struct schema_field secret_key_fields[] = {
    SCHEMA_FIELD_AS(key_to_env, "secretKey", "secret_key", key, SCHEMA_STRING),
    FIELD(key_to_env, "envVar", env_var, SCHEMA_STRING)};
static const struct schema_message schema_secret_key = {
    "secret_key_to_env_map", sizeof(struct key_to_env), secret_key_fields, 2, NULL};

static const struct schema_field config_map_key_fields[] = {
    SCHEMA_FIELD_AS(key_to_env, "configMapKey", "config_map_key", key, SCHEMA_STRING),
    FIELD(key_to_env, "envVar", env_var, SCHEMA_STRING)};
static const struct schema_message schema_config_map_key = {
    "config_map_key_to_env_map", sizeof(struct key_to_env), config_map_key_fields, 2, NULL};

#define T secret_as_volume
static const struct schema_field secret_as_volume_fields[] = {
    FIELD(T, "secretName", secret_name, SCHEMA_STRING),
    FIELD(T, "mountPath", mount_path, SCHEMA_STRING),
    FIELD(T, "optional", optional, SCHEMA_BOOL, HAS(T, optional)),
    FIELD(T, "secretNameParameter", secret_name_parameter, SCHEMA_POINTER, PARAMETER)};
static SCHEMA_DEFINE(secret_as_volume, secret_as_volume_fields);
#undef T

#define T secret_as_env
static const struct schema_field secret_as_env_fields[] = {
    FIELD(T, "secretName", secret_name, SCHEMA_STRING),
    FIELD(T, "keyToEnv", key_to_env, SCHEMA_MESSAGE, SCHEMA_LIST_OF(secret_key)),
    FIELD(T, "optional", optional, SCHEMA_BOOL, HAS(T, optional)),
    FIELD(T, "secretNameParameter", secret_name_parameter, SCHEMA_POINTER, PARAMETER)};
static SCHEMA_DEFINE(secret_as_env, secret_as_env_fields);
#undef T

#define T config_map_as_volume
static const struct schema_field config_map_as_volume_fields[] = {
    FIELD(T, "configMapName", config_map_name, SCHEMA_STRING),
    FIELD(T, "mountPath", mount_path, SCHEMA_STRING),
    FIELD(T, "optional", optional, SCHEMA_BOOL, HAS(T, optional)),
    FIELD(T, "configMapNameParameter", config_map_name_parameter, SCHEMA_POINTER, PARAMETER)};
static SCHEMA_DEFINE(config_map_as_volume, config_map_as_volume_fields);
#undef T

#define T config_map_as_env
static const struct schema_field config_map_as_env_fields[] = {
    FIELD(T, "configMapName", config_map_name, SCHEMA_STRING),
    FIELD(T, "keyToEnv", key_to_env, SCHEMA_MESSAGE, SCHEMA_LIST_OF(config_map_key)),
    FIELD(T, "configMapNameParameter", config_map_name_parameter, SCHEMA_POINTER, PARAMETER),
    FIELD(T, "optional", optional, SCHEMA_BOOL, HAS(T, optional))};
static SCHEMA_DEFINE(config_map_as_env, config_map_as_env_fields);
#undef T

#define T pvc_mount
static const struct schema_field pvc_mount_fields[] = {
    FIELD(T, "taskOutputParameter", task_output_parameter, SCHEMA_POINTER,
          ONE(task_output_parameter_spec), .oneof = 1),
    FIELD(T, "constant", constant, SCHEMA_STRING_OR_NULL, .oneof = 1),
    FIELD(T, "componentInputParameter", component_input_parameter, SCHEMA_STRING_OR_NULL,
          .oneof = 1),
    FIELD(T, "mountPath", mount_path, SCHEMA_STRING),
    FIELD(T, "pvcNameParameter", pvc_name_parameter, SCHEMA_POINTER, PARAMETER),
    FIELD(T, "subPath", sub_path, SCHEMA_STRING)};
static SCHEMA_DEFINE(pvc_mount, pvc_mount_fields);
#undef T

#define T node_selector
static const struct schema_field node_selector_fields[] = {
    FIELD(T, "labels", labels, SCHEMA_STRING, SCHEMA_STRINGS),
    FIELD(T, "nodeSelectorJson", node_selector_json, SCHEMA_POINTER, PARAMETER)};
static SCHEMA_DEFINE(node_selector, node_selector_fields);
#undef T

#define T pod_metadata
static const struct schema_field pod_metadata_fields[] = {
    FIELD(T, "labels", labels, SCHEMA_STRING, SCHEMA_STRINGS),
    FIELD(T, "annotations", annotations, SCHEMA_STRING, SCHEMA_STRINGS)};
static SCHEMA_DEFINE(pod_metadata, pod_metadata_fields);
#undef T

#define T image_pull_secret
static const struct schema_field image_pull_secret_fields[] = {
    FIELD(T, "secretName", secret_name, SCHEMA_STRING),
    FIELD(T, "secretNameParameter", secret_name_parameter, SCHEMA_POINTER, PARAMETER)};
static SCHEMA_DEFINE(image_pull_secret, image_pull_secret_fields);
#undef T

#define T field_path_as_env
static const struct schema_field field_path_as_env_fields[] = {
    FIELD(T, "name", name, SCHEMA_STRING), FIELD(T, "fieldPath", field_path, SCHEMA_STRING)};
static SCHEMA_DEFINE(field_path_as_env, field_path_as_env_fields);
#undef T

#define T toleration
static const struct schema_field toleration_fields[] = {
    FIELD(T, "key", key, SCHEMA_STRING),
    FIELD(T, "operator", operator, SCHEMA_STRING),
    FIELD(T, "value", value, SCHEMA_STRING),
    FIELD(T, "effect", effect, SCHEMA_STRING),
    FIELD(T, "tolerationSeconds", toleration_seconds, SCHEMA_INT64, HAS(T, toleration_seconds)),
    FIELD(T, "tolerationJson", toleration_json, SCHEMA_POINTER, PARAMETER)};
static SCHEMA_DEFINE(toleration, toleration_fields);
#undef T

#define T generic_ephemeral_volume
static const struct schema_field generic_ephemeral_volume_fields[] = {
    FIELD(T, "volumeName", volume_name, SCHEMA_STRING),
    FIELD(T, "mountPath", mount_path, SCHEMA_STRING),
    FIELD(T, "accessModes", access_modes, SCHEMA_STRING, STRINGS_LIST),
    FIELD(T, "size", size, SCHEMA_STRING),
    FIELD(T, "defaultStorageClass", default_storage_class, SCHEMA_BOOL),
    FIELD(T, "storageClassName", storage_class_name, SCHEMA_STRING),
    FIELD(T, "metadata", metadata, SCHEMA_MESSAGE, ONE(pod_metadata))};
static SCHEMA_DEFINE(generic_ephemeral_volume, generic_ephemeral_volume_fields);
#undef T

#define T selector_requirement
static const struct schema_field selector_requirement_fields[] = {
    FIELD(T, "key", key, SCHEMA_STRING), FIELD(T, "operator", operator, SCHEMA_STRING),
    FIELD(T, "values", values, SCHEMA_STRING, STRINGS_LIST)};
static SCHEMA_DEFINE(selector_requirement, selector_requirement_fields);
#undef T

#define T node_affinity_term
static const struct schema_field node_affinity_term_fields[] = {
    FIELD(T, "matchExpressions", match_expressions, SCHEMA_MESSAGE,
          SCHEMA_LIST_OF(selector_requirement)),
    FIELD(T, "matchFields", match_fields, SCHEMA_MESSAGE, SCHEMA_LIST_OF(selector_requirement)),
    FIELD(T, "weight", weight, SCHEMA_INT32, HAS(T, weight)),
    FIELD(T, "nodeAffinityJson", node_affinity_json, SCHEMA_POINTER, PARAMETER)};
static SCHEMA_DEFINE(node_affinity_term, node_affinity_term_fields);
#undef T

#define T pod_affinity_term
static const struct schema_field pod_affinity_term_fields[] = {
    FIELD(T, "matchPodExpressions", match_pod_expressions, SCHEMA_MESSAGE,
          SCHEMA_LIST_OF(selector_requirement)),
    FIELD(T, "matchPodLabels", match_pod_labels, SCHEMA_STRING, SCHEMA_STRINGS),
    FIELD(T, "topologyKey", topology_key, SCHEMA_STRING),
    FIELD(T, "namespaces", namespaces, SCHEMA_STRING, STRINGS_LIST),
    FIELD(T, "matchNamespaceExpressions", match_namespace_expressions, SCHEMA_MESSAGE,
          SCHEMA_LIST_OF(selector_requirement)),
    FIELD(T, "matchNamespaceLabels", match_namespace_labels, SCHEMA_STRING, SCHEMA_STRINGS),
    FIELD(T, "weight", weight, SCHEMA_INT32, HAS(T, weight)),
    FIELD(T, "anti", anti, SCHEMA_BOOL, HAS(T, anti))};
static SCHEMA_DEFINE(pod_affinity_term, pod_affinity_term_fields);
#undef T

#define T enabled_shared_memory
static const struct schema_field enabled_shared_memory_fields[] = {
    FIELD(T, "volumeName", volume_name, SCHEMA_STRING), FIELD(T, "size", size, SCHEMA_STRING)};
static SCHEMA_DEFINE(enabled_shared_memory, enabled_shared_memory_fields);
#undef T

#define T empty_dir_mount
static const struct schema_field empty_dir_mount_fields[] = {
    FIELD(T, "volumeName", volume_name, SCHEMA_STRING),
    FIELD(T, "mountPath", mount_path, SCHEMA_STRING),
    FIELD(T, "medium", medium, SCHEMA_STRING_OR_NULL),
    FIELD(T, "sizeLimit", size_limit, SCHEMA_STRING_OR_NULL)};
static SCHEMA_DEFINE(empty_dir_mount, empty_dir_mount_fields);
#undef T

#define T security_context
static const struct schema_field security_context_fields[] = {
    FIELD(T, "runAsUser", run_as_user, SCHEMA_INT64, HAS(T, run_as_user)),
    FIELD(T, "runAsGroup", run_as_group, SCHEMA_INT64, HAS(T, run_as_group)),
    FIELD(T, "runAsNonRoot", run_as_non_root, SCHEMA_BOOL, HAS(T, run_as_non_root))};
static SCHEMA_DEFINE(security_context, security_context_fields);
#undef T

#define T pod_resource_claim
static const struct schema_field pod_resource_claim_fields[] = {
    FIELD(T, "resourceClaimTemplateName", resource_claim_template_name, SCHEMA_STRING),
    FIELD(T, "resourceClaimJson", resource_claim_json, SCHEMA_POINTER, PARAMETER)};
static SCHEMA_DEFINE(pod_resource_claim, pod_resource_claim_fields);
#undef T

#define T volume_mount
static const struct schema_field volume_mount_fields[] = {
    FIELD(T, "volumeName", volume_name, SCHEMA_STRING),
    FIELD(T, "mountPath", mount_path, SCHEMA_STRING)};
static SCHEMA_DEFINE(volume_mount, volume_mount_fields);
#undef T

#define T resource_requirements
static const struct schema_field resource_requirements_fields[] = {
    FIELD(T, "requests", requests, SCHEMA_STRING, SCHEMA_STRINGS),
    FIELD(T, "limits", limits, SCHEMA_STRING, SCHEMA_STRINGS)};
static SCHEMA_DEFINE(resource_requirements, resource_requirements_fields);
#undef T

#define T init_container
static const struct schema_field init_container_fields[] = {
    FIELD(T, "name", name, SCHEMA_STRING),
    FIELD(T, "image", image, SCHEMA_STRING),
    FIELD(T, "command", command, SCHEMA_STRING, STRINGS_LIST),
    FIELD(T, "args", args, SCHEMA_STRING, STRINGS_LIST),
    FIELD(T, "env", env, SCHEMA_MESSAGE, SCHEMA_LIST_OF(env_var)),
    FIELD(T, "volumeMounts", volume_mounts, SCHEMA_MESSAGE, SCHEMA_LIST_OF(volume_mount)),
    FIELD(T, "restartPolicy", restart_policy, SCHEMA_STRING_OR_NULL),
    FIELD(T, "resources", resources, SCHEMA_MESSAGE, ONE(resource_requirements))};
static SCHEMA_DEFINE(init_container, init_container_fields);
#undef T

#define T kubernetes_executor_config
static const struct schema_field kubernetes_executor_config_fields[] = {
    FIELD(T, "secretAsVolume", secret_as_volume, SCHEMA_MESSAGE, SCHEMA_LIST_OF(secret_as_volume)),
    FIELD(T, "secretAsEnv", secret_as_env, SCHEMA_MESSAGE, SCHEMA_LIST_OF(secret_as_env)),
    FIELD(T, "pvcMount", pvc_mount, SCHEMA_MESSAGE, SCHEMA_LIST_OF(pvc_mount)),
    FIELD(T, "nodeSelector", node_selector, SCHEMA_MESSAGE, ONE(node_selector)),
    FIELD(T, "podMetadata", pod_metadata, SCHEMA_MESSAGE, ONE(pod_metadata)),
    FIELD(T, "imagePullSecret", image_pull_secret, SCHEMA_MESSAGE,
          SCHEMA_LIST_OF(image_pull_secret)),
    FIELD(T, "imagePullPolicy", image_pull_policy, SCHEMA_STRING),
    FIELD(T, "configMapAsVolume", config_map_as_volume, SCHEMA_MESSAGE,
          SCHEMA_LIST_OF(config_map_as_volume)),
    FIELD(T, "configMapAsEnv", config_map_as_env, SCHEMA_MESSAGE,
          SCHEMA_LIST_OF(config_map_as_env)),
    FIELD(T, "activeDeadlineSeconds", active_deadline_seconds, SCHEMA_INT64),
    FIELD(T, "fieldPathAsEnv", field_path_as_env, SCHEMA_MESSAGE,
          SCHEMA_LIST_OF(field_path_as_env)),
    FIELD(T, "tolerations", tolerations, SCHEMA_MESSAGE, SCHEMA_LIST_OF(toleration)),
    FIELD(T, "genericEphemeralVolume", generic_ephemeral_volume, SCHEMA_MESSAGE,
          SCHEMA_LIST_OF(generic_ephemeral_volume)),
    FIELD(T, "nodeAffinity", node_affinity, SCHEMA_MESSAGE, SCHEMA_LIST_OF(node_affinity_term)),
    FIELD(T, "podAffinity", pod_affinity, SCHEMA_MESSAGE, SCHEMA_LIST_OF(pod_affinity_term)),
    FIELD(T, "enabledSharedMemory", enabled_shared_memory, SCHEMA_MESSAGE,
          ONE(enabled_shared_memory)),
    FIELD(T, "emptyDirMounts", empty_dir_mounts, SCHEMA_MESSAGE, SCHEMA_LIST_OF(empty_dir_mount)),
    FIELD(T, "securityContext", security_context, SCHEMA_MESSAGE, ONE(security_context)),
    FIELD(T, "initContainers", init_containers, SCHEMA_MESSAGE, SCHEMA_LIST_OF(init_container)),
    FIELD(T, "podResourceClaims", pod_resource_claims, SCHEMA_MESSAGE,
          SCHEMA_LIST_OF(pod_resource_claim))};
SCHEMA_DEFINE(kubernetes_executor_config, kubernetes_executor_config_fields);
#undef T

#define T typed_local_object_reference
static const struct schema_field typed_local_object_reference_fields[] = {
    FIELD(T, "apiGroup", api_group, SCHEMA_STRING_OR_NULL), FIELD(T, "kind", kind, SCHEMA_STRING),
    FIELD(T, "name", name, SCHEMA_STRING)};
static SCHEMA_DEFINE(typed_local_object_reference, typed_local_object_reference_fields);
#undef T

#define T create_pvc
static const struct schema_field create_pvc_fields[] = {
    FIELD(T, "pvcName", pvc_name, SCHEMA_STRING_OR_NULL, .oneof = 1),
    FIELD(T, "pvcNameSuffix", pvc_name_suffix, SCHEMA_STRING_OR_NULL, .oneof = 1),
    FIELD(T, "accessModes", access_modes, SCHEMA_STRING, STRINGS_LIST),
    FIELD(T, "size", size, SCHEMA_STRING),
    FIELD(T, "defaultStorageClass", default_storage_class, SCHEMA_BOOL),
    FIELD(T, "storageClassName", storage_class_name, SCHEMA_STRING),
    FIELD(T, "volumeName", volume_name, SCHEMA_STRING),
    FIELD(T, "annotations", annotations, SCHEMA_STRUCT),
    FIELD(T, "dataSource", data_source, SCHEMA_POINTER, ONE(typed_local_object_reference))};
SCHEMA_DEFINE(create_pvc, create_pvc_fields);
#undef T

#define T delete_pvc
static const struct schema_field delete_pvc_fields[] = {
    FIELD(T, "taskOutputParameter", task_output_parameter, SCHEMA_POINTER,
          ONE(task_output_parameter_spec), .oneof = 1),
    FIELD(T, "constant", constant, SCHEMA_STRING_OR_NULL, .oneof = 1),
    FIELD(T, "componentInputParameter", component_input_parameter, SCHEMA_STRING_OR_NULL,
          .oneof = 1)};
SCHEMA_DEFINE(delete_pvc, delete_pvc_fields);
#undef T

/* ---- the platform spec ---- */

#define T kubernetes_workspace_config
static const struct schema_field kubernetes_workspace_config_fields[] = {
    FIELD(T, "pvcSpecPatch", pvc_spec_patch, SCHEMA_STRUCT)};
static SCHEMA_DEFINE(kubernetes_workspace_config, kubernetes_workspace_config_fields);
#undef T

#define T workspace_config
static const struct schema_field workspace_config_fields[] = {
    FIELD(T, "size", size, SCHEMA_STRING),
    FIELD(T, "kubernetes", kubernetes, SCHEMA_POINTER, ONE(kubernetes_workspace_config))};
static SCHEMA_DEFINE(workspace_config, workspace_config_fields);
#undef T

#define T pipeline_config
static const struct schema_field pipeline_config_fields[] = {
    FIELD(T, "resourceTtlOnCompletion", resource_ttl_on_completion, SCHEMA_INT32),
    FIELD(T, "workspace", workspace, SCHEMA_POINTER, ONE(workspace_config)),
    FIELD(T, "resourceTtlOnSuccess", resource_ttl_on_success, SCHEMA_INT32),
    FIELD(T, "resourceTtlOnFailure", resource_ttl_on_failure, SCHEMA_INT32),
    FIELD(T, "activeDeadlineSeconds", active_deadline_seconds, SCHEMA_INT32)};
static SCHEMA_DEFINE(pipeline_config, pipeline_config_fields);
#undef T

#define T platform_deployment_config
static const struct schema_field platform_deployment_config_fields[] = {
    FIELD(T, "executors", executors, SCHEMA_STRUCT, .label = SCHEMA_MAP,
          .item_size = sizeof(struct platform_executor),
          .value_offset = offsetof(struct platform_executor, config))};
static SCHEMA_DEFINE(platform_deployment_config, platform_deployment_config_fields);
#undef T

/* The proto has the executors of all platforms as google.protobuf.Struct; Kubernetes' have a type.
 */
static void read_kubernetes(struct spec_ctx *ctx, const struct spec_path *path,
                            const struct doc_node *node, void *message)
{
    struct single_platform_spec *p = message;
    const struct doc_node *deployment = schema_get(node, "deploymentSpec", "deployment_spec");
    const struct doc_node *executors =
        deployment ? schema_get(deployment, "executors", "executors") : NULL;
    struct spec_path at_deployment = {path, "deploymentSpec", 0};
    struct spec_path at_executors = {&at_deployment, "executors", 0};

    if (!executors || executors->kind != DOC_MAP)
        return;
    if (strcmp(p->name ? p->name : p->platform, "kubernetes") != 0)
        return;
    for (size_t i = 0; i < p->deployment_spec.executors.n; i++) {
        struct platform_executor *e = &p->deployment_spec.executors.items[i];
        struct spec_path at = {&at_executors, e->name, 0};

        e->kubernetes = arena_alloc(ctx->arena, sizeof *e->kubernetes);
        schema_read(ctx, &at, &schema_kubernetes_executor_config, doc_value(executors, i),
                    e->kubernetes);
    }
}

#define T single_platform_spec
static const struct schema_field single_platform_spec_fields[] = {
    FIELD(T, "deploymentSpec", deployment_spec, SCHEMA_MESSAGE, ONE(platform_deployment_config)),
    FIELD(T, "platform", platform, SCHEMA_STRING), FIELD(T, "config", config, SCHEMA_STRUCT),
    SCHEMA_FIELD_AS(T, "pipelineConfig", "pipeline_config", pipeline_config, SCHEMA_MESSAGE,
                    ONE(pipeline_config))};
SCHEMA_DEFINE_AFTER(single_platform_spec, single_platform_spec_fields, read_kubernetes);
#undef T

#define T platform_spec
static const struct schema_field platform_spec_fields[] = {
    FIELD(T, "platforms", platforms, SCHEMA_MESSAGE, SCHEMA_MAP_OF(single_platform_spec))};
SCHEMA_DEFINE(platform_spec, platform_spec_fields);
#undef T
