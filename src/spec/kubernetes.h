#pragma once
/* kubernetes - the platform spec: what a pipeline asks of Kubernetes beyond the pipeline spec.
 *
 * Names as in pipeline_spec.proto's PlatformSpec and kubernetes_executor_config.proto. The
 * conventions are spec/spec.h's. An `optional` of the proto is a has_x beside x. */
#include "spec/spec.h"

struct key_to_env { /* SecretAsEnv.SecretKeyToEnvMap, ConfigMapAsEnv.ConfigMapKeyToEnvMap */
    struct spec_pos pos;
    const char *key; /* secret_key, config_map_key */
    const char *env_var;
};

struct secret_as_volume {
    struct spec_pos pos;
    const char *secret_name; /* deprecated: secret_name_parameter comes first */
    const char *mount_path;
    bool has_optional, optional;
    struct input_parameter_spec *secret_name_parameter; /* or NULL */
};

struct secret_as_env {
    struct spec_pos pos;
    const char *secret_name; /* deprecated: secret_name_parameter comes first */
    SPEC_LIST(struct key_to_env) key_to_env;
    bool has_optional, optional;
    struct input_parameter_spec *secret_name_parameter; /* or NULL */
};

struct config_map_as_volume {
    struct spec_pos pos;
    const char *config_map_name; /* deprecated: config_map_name_parameter comes first */
    const char *mount_path;
    bool has_optional, optional;
    struct input_parameter_spec *config_map_name_parameter; /* or NULL */
};

struct config_map_as_env {
    struct spec_pos pos;
    const char *config_map_name; /* deprecated: config_map_name_parameter comes first */
    SPEC_LIST(struct key_to_env) key_to_env;
    bool has_optional, optional;
    struct input_parameter_spec *config_map_name_parameter; /* or NULL */
};

struct pvc_mount { /* the first three are deprecated and exclude each other */
    struct spec_pos pos;
    struct task_output_parameter_spec *task_output_parameter; /* or NULL */
    const char *constant;                                     /* or NULL */
    const char *component_input_parameter;                    /* or NULL */
    const char *mount_path;
    struct input_parameter_spec *pvc_name_parameter; /* or NULL */
    const char *sub_path;
};

/* What names the claim of a mount: its parameter, or the deprecated forms as one, made in *old.
 * NULL: its constant does. */
const struct input_parameter_spec *spec_claim_name(const struct pvc_mount *m,
                                                   struct input_parameter_spec *old);

struct node_selector {
    struct spec_pos pos;
    struct string_map labels;
    struct input_parameter_spec *node_selector_json; /* or NULL */
};

struct pod_metadata {
    struct spec_pos pos;
    struct string_map labels;
    struct string_map annotations;
};

struct image_pull_secret {
    struct spec_pos pos;
    const char *secret_name; /* deprecated: secret_name_parameter comes first */
    struct input_parameter_spec *secret_name_parameter; /* or NULL */
};

struct field_path_as_env {
    struct spec_pos pos;
    const char *name;
    const char *field_path;
};

struct toleration {
    struct spec_pos pos;
    const char *key;
    const char *operator;
    const char *value;
    const char *effect;
    bool has_toleration_seconds;
    int64_t toleration_seconds;
    struct input_parameter_spec *toleration_json; /* or NULL */
};

struct generic_ephemeral_volume {
    struct spec_pos pos;
    const char *volume_name;
    const char *mount_path;
    SPEC_LIST(const char *) access_modes;
    const char *size;
    bool default_storage_class;
    const char *storage_class_name;
    struct pod_metadata metadata;
};

struct selector_requirement {
    struct spec_pos pos;
    const char *key;
    const char *operator;
    SPEC_LIST(const char *) values;
};

struct node_affinity_term {
    struct spec_pos pos;
    SPEC_LIST(struct selector_requirement) match_expressions;
    SPEC_LIST(struct selector_requirement) match_fields;
    bool has_weight;
    int32_t weight;
    struct input_parameter_spec *node_affinity_json; /* or NULL */
};

struct pod_affinity_term {
    struct spec_pos pos;
    SPEC_LIST(struct selector_requirement) match_pod_expressions;
    struct string_map match_pod_labels;
    const char *topology_key;
    SPEC_LIST(const char *) namespaces;
    SPEC_LIST(struct selector_requirement) match_namespace_expressions;
    struct string_map match_namespace_labels;
    bool has_weight;
    int32_t weight;
    bool has_anti, anti;
};

struct enabled_shared_memory {
    struct spec_pos pos;
    const char *volume_name;
    const char *size;
};

struct empty_dir_mount {
    struct spec_pos pos;
    const char *volume_name;
    const char *mount_path;
    const char *medium;     /* or NULL */
    const char *size_limit; /* or NULL */
};

struct security_context {
    struct spec_pos pos;
    bool has_run_as_user, has_run_as_group, has_run_as_non_root;
    int64_t run_as_user, run_as_group;
    bool run_as_non_root;
};

struct pod_resource_claim {
    struct spec_pos pos;
    const char *resource_claim_template_name;
    struct input_parameter_spec *resource_claim_json; /* or NULL */
};

struct volume_mount { /* InitContainer.VolumeMount */
    struct spec_pos pos;
    const char *volume_name;
    const char *mount_path;
};

struct resource_requirements { /* InitContainer.ResourceRequirements */
    struct spec_pos pos;
    struct string_map requests;
    struct string_map limits;
};

struct init_container {
    struct spec_pos pos;
    const char *name;
    const char *image;
    SPEC_LIST(const char *) command;
    SPEC_LIST(const char *) args;
    SPEC_LIST(struct env_var) env;
    SPEC_LIST(struct volume_mount) volume_mounts;
    const char *restart_policy; /* "Always" makes it a sidecar; or NULL */
    struct resource_requirements resources;
};

struct kubernetes_executor_config {
    struct spec_pos pos;
    SPEC_LIST(struct secret_as_volume) secret_as_volume;
    SPEC_LIST(struct secret_as_env) secret_as_env;
    SPEC_LIST(struct pvc_mount) pvc_mount;
    struct node_selector node_selector;
    struct pod_metadata pod_metadata;
    SPEC_LIST(struct image_pull_secret) image_pull_secret;
    const char *image_pull_policy;
    SPEC_LIST(struct config_map_as_volume) config_map_as_volume;
    SPEC_LIST(struct config_map_as_env) config_map_as_env;
    int64_t active_deadline_seconds; /* 0: none */
    SPEC_LIST(struct field_path_as_env) field_path_as_env;
    SPEC_LIST(struct toleration) tolerations;
    SPEC_LIST(struct generic_ephemeral_volume) generic_ephemeral_volume;
    SPEC_LIST(struct node_affinity_term) node_affinity;
    SPEC_LIST(struct pod_affinity_term) pod_affinity;
    struct enabled_shared_memory enabled_shared_memory;
    SPEC_LIST(struct empty_dir_mount) empty_dir_mounts;
    struct security_context security_context;
    SPEC_LIST(struct init_container) init_containers;
    SPEC_LIST(struct pod_resource_claim) pod_resource_claims;
};

/* The parameters of the built-in components that make and delete volume claims. */

struct typed_local_object_reference {
    struct spec_pos pos;
    const char *api_group; /* or NULL */
    const char *kind;
    const char *name;
};

struct create_pvc {
    struct spec_pos pos;
    const char *pvc_name;        /* or NULL: one of the two */
    const char *pvc_name_suffix; /* or NULL */
    SPEC_LIST(const char *) access_modes;
    const char *size;
    bool default_storage_class;
    const char *storage_class_name;
    const char *volume_name;
    struct js *annotations;                           /* object, or NULL */
    struct typed_local_object_reference *data_source; /* or NULL */
};

struct delete_pvc { /* one of the three */
    struct spec_pos pos;
    struct task_output_parameter_spec *task_output_parameter; /* or NULL */
    const char *constant;                                     /* or NULL */
    const char *component_input_parameter;                    /* or NULL */
};

/* ---- the platform spec ---- */

struct kubernetes_workspace_config {
    struct spec_pos pos;
    struct js *pvc_spec_patch; /* object, or NULL */
};

struct workspace_config {
    struct spec_pos pos;
    const char *size;
    struct kubernetes_workspace_config *kubernetes; /* or NULL */
};

struct pipeline_config {
    struct spec_pos pos;
    int32_t resource_ttl_on_completion;
    int32_t resource_ttl_on_success;
    int32_t resource_ttl_on_failure;
    int32_t active_deadline_seconds;
    struct workspace_config *workspace; /* or NULL: no shared workspace */
};

struct platform_executor { /* an element of PlatformDeploymentConfig.executors */
    struct spec_pos pos;
    const char *name;                              /* the executor label */
    struct js *config;                             /* as it was written */
    struct kubernetes_executor_config *kubernetes; /* the same typed; NULL for other platforms */
};
SPEC_MAP(platform_executor_map, struct platform_executor);

struct platform_deployment_config {
    struct spec_pos pos;
    struct platform_executor_map executors;
};

struct single_platform_spec {
    struct spec_pos pos;
    const char *name; /* its key in `platforms`, as "kubernetes"; NULL in single_platform_specs */
    struct platform_deployment_config deployment_spec;
    const char *platform;
    struct js *config; /* object, or NULL */
    struct pipeline_config pipeline_config;
};
