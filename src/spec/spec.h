#pragma once
/* spec - the pipeline spec: what the author's compiled pipeline says, as C structs.
 *
 * The names repeat pipeline_spec.proto's in snake_case (nested messages: see each struct's
 * comment). A spec is read from a file or from bytes, checked, and then never changed; all of it
 * lives in one arena, and every pointer below is borrowed from the spec and good until spec_free.
 * It decides nothing about a run: that is plan/'s.
 *
 * Conventions, for every struct here and in spec/kubernetes.h:
 * - Each message begins with `pos`: where it stands in the source. pos.line == 0: the source does
 * not have it, and all of its fields are as for an empty message.
 * - `const char *` is never NULL (absent is "") unless the comment says "or NULL".
 * - `struct js *`, and pointers to messages: NULL where absent. A JSON null is js_null, not NULL.
 * - SPEC_LIST: .n, .items[]. SPEC_MAP: the same, each item with its .name, in the order of the
 * file; spec_find(&map, "x") looks one up (hashed), NULL if there is none. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/js.h"
#include "base/own.h"

struct spec_index; /* private: the hash beside a map */

struct spec_pos {
    uint32_t line, column; /* from 1; line 0: not in the source */
};

#define SPEC_LIST(type)                                                                            \
    struct {                                                                                       \
        size_t n;                                                                                  \
        type *items;                                                                               \
    }
#define SPEC_MAP(tag, type)                                                                        \
    struct tag {                                                                                   \
        size_t n;                                                                                  \
        type *items;                                                                               \
        const struct spec_index *index;                                                            \
    }

/* The item with that name, or NULL. `map` may be any SPEC_MAP. */
#define spec_find(map, key)                                                                        \
    ((__typeof__((map)->items))spec_map_find((map)->index, (map)->items, (map)->n,                 \
                                             sizeof *(map)->items, (key)))
void *spec_map_find(const struct spec_index *index, void *items, size_t n, size_t size,
                    const char *key);

/* ---- values and types ---- */

enum spec_param_type { /* ParameterType; the old PrimitiveType (INT, DOUBLE, STRING) is read as
                          these */
                       PARAM_UNSPECIFIED,
                       PARAM_NUMBER_DOUBLE,
                       PARAM_NUMBER_INTEGER,
                       PARAM_STRING,
                       PARAM_BOOLEAN,
                       PARAM_LIST,
                       PARAM_STRUCT,
                       PARAM_TASK_FINAL_STATUS,
                       PARAM_TASK_CONFIG,
};
const char *spec_param_type_name(enum spec_param_type type); /* "NUMBER_DOUBLE", … */

struct string_entry { /* map<string, string> */
    struct spec_pos pos;
    const char *name;
    const char *value;
};
SPEC_MAP(string_map, struct string_entry);

struct value_entry { /* map<string, google.protobuf.Value or Struct> */
    struct spec_pos pos;
    const char *name;
    struct js *value; /* never NULL */
};
SPEC_MAP(value_map, struct value_entry);

struct value_or_runtime_parameter {
    struct spec_pos pos;
    const char *name;              /* in maps, else NULL */
    struct js *constant;           /* the older constantValue is read into it too */
    const char *runtime_parameter; /* or NULL */
};
SPEC_MAP(value_or_runtime_parameter_map, struct value_or_runtime_parameter);

struct artifact_type_schema { /* at most one of the three is given; see spec_artifact_type */
    struct spec_pos pos;
    const char *schema_title;    /* or NULL */
    const char *schema_uri;      /* or NULL */
    const char *instance_schema; /* or NULL */
    const char *schema_version;
    const char *title; /* NULL: the schema names none; use spec_artifact_type */
};

/* ---- a component's interface ---- */

struct component_inputs_artifact_spec { /* ComponentInputsSpec.ArtifactSpec */
    struct spec_pos pos;
    const char *name;
    struct artifact_type_schema artifact_type;
    bool is_artifact_list;
    bool is_optional;
    const char *description;
};
SPEC_MAP(component_inputs_artifact_map, struct component_inputs_artifact_spec);

struct component_inputs_parameter_spec { /* ComponentInputsSpec.ParameterSpec */
    struct spec_pos pos;
    const char *name;
    enum spec_param_type parameter_type;
    struct js *default_value; /* or NULL */
    bool is_optional;
    const char *description;
    SPEC_LIST(struct js *) literals; /* the values allowed; n 0: all */
};
SPEC_MAP(component_inputs_parameter_map, struct component_inputs_parameter_spec);

struct component_inputs_spec {
    struct spec_pos pos;
    struct component_inputs_artifact_map artifacts;
    struct component_inputs_parameter_map parameters;
};

struct component_outputs_artifact_spec { /* ComponentOutputsSpec.ArtifactSpec */
    struct spec_pos pos;
    const char *name;
    struct artifact_type_schema artifact_type;
    struct value_or_runtime_parameter_map properties;        /* deprecated in the proto */
    struct value_or_runtime_parameter_map custom_properties; /* deprecated in the proto */
    struct js *metadata;                                     /* object, or NULL */
    bool is_artifact_list;
    const char *description;
};
SPEC_MAP(component_outputs_artifact_map, struct component_outputs_artifact_spec);

struct component_outputs_parameter_spec { /* ComponentOutputsSpec.ParameterSpec */
    struct spec_pos pos;
    const char *name;
    enum spec_param_type parameter_type;
    const char *description;
};
SPEC_MAP(component_outputs_parameter_map, struct component_outputs_parameter_spec);

struct component_outputs_spec {
    struct spec_pos pos;
    struct component_outputs_artifact_map artifacts;
    struct component_outputs_parameter_map parameters;
};

/* ---- a task ---- */

struct task_output_parameter_spec { /* TaskInputsSpec.InputParameterSpec.TaskOutputParameterSpec */
    struct spec_pos pos;
    const char *producer_task;
    const char *output_parameter_key;
};

struct task_final_status { /* TaskInputsSpec.InputParameterSpec.TaskFinalStatus */
    struct spec_pos pos;
    const char *producer_task;
};

enum input_parameter_kind {
    INPUT_PARAMETER_NONE,
    INPUT_PARAMETER_TASK_OUTPUT,     /* task_output_parameter */
    INPUT_PARAMETER_RUNTIME_VALUE,   /* runtime_value */
    INPUT_PARAMETER_COMPONENT_INPUT, /* component_input_parameter */
    INPUT_PARAMETER_FINAL_STATUS,    /* task_final_status */
};

struct input_parameter_spec { /* TaskInputsSpec.InputParameterSpec */
    struct spec_pos pos;
    const char *name;               /* in maps, else NULL */
    enum input_parameter_kind kind; /* which of the four below is there; the others are NULL */
    struct task_output_parameter_spec *task_output_parameter;
    struct value_or_runtime_parameter *runtime_value;
    const char *component_input_parameter;
    struct task_final_status *task_final_status;
    const char
        *parameter_expression_selector; /* CEL over the value, as parseJson(string_value)["a"] */
};
SPEC_MAP(input_parameter_map, struct input_parameter_spec);

struct task_output_artifact_spec { /* TaskInputsSpec.InputArtifactSpec.TaskOutputArtifactSpec */
    struct spec_pos pos;
    const char *producer_task;
    const char *output_artifact_key;
};

enum input_artifact_kind {
    INPUT_ARTIFACT_NONE,
    INPUT_ARTIFACT_TASK_OUTPUT,     /* task_output_artifact */
    INPUT_ARTIFACT_COMPONENT_INPUT, /* component_input_artifact */
};

struct input_artifact_spec { /* TaskInputsSpec.InputArtifactSpec */
    struct spec_pos pos;
    const char *name;
    enum input_artifact_kind kind;
    struct task_output_artifact_spec *task_output_artifact;
    const char *component_input_artifact; /* or NULL */
};
SPEC_MAP(input_artifact_map, struct input_artifact_spec);

struct task_inputs_spec {
    struct spec_pos pos;
    struct input_parameter_map parameters;
    struct input_artifact_map artifacts;
};

struct caching_options { /* PipelineTaskSpec.CachingOptions */
    struct spec_pos pos;
    bool enable_cache;
    const char *cache_key;
};

enum trigger_strategy {
    TRIGGER_STRATEGY_UNSPECIFIED,
    TRIGGER_ALL_UPSTREAM_TASKS_SUCCEEDED,
    TRIGGER_ALL_UPSTREAM_TASKS_COMPLETED,
};

struct trigger_policy { /* PipelineTaskSpec.TriggerPolicy */
    struct spec_pos pos;
    const char *condition; /* CEL */
    struct spec_pos condition_pos;
    enum trigger_strategy strategy;
};

struct retry_policy { /* PipelineTaskSpec.RetryPolicy */
    struct spec_pos pos;
    int32_t max_retry_count;
    int64_t backoff_duration_us; /* 0: not given */
    double backoff_factor;       /* 0: not given */
    int64_t backoff_max_duration_us;
};

struct iterator_policy { /* PipelineTaskSpec.IteratorPolicy */
    struct spec_pos pos;
    int32_t parallelism_limit; /* 0: none */
};

struct artifact_iterator_items { /* ArtifactIteratorSpec.ItemsSpec */
    struct spec_pos pos;
    const char *input_artifact;
};

struct artifact_iterator_spec {
    struct spec_pos pos;
    struct artifact_iterator_items items;
    const char *item_input;
};

struct parameter_iterator_items { /* ParameterIteratorSpec.ItemsSpec: one of the two */
    struct spec_pos pos;
    const char *raw;             /* a JSON array as text, or NULL */
    const char *input_parameter; /* or NULL */
};

struct parameter_iterator_spec {
    struct spec_pos pos;
    struct parameter_iterator_items items;
    const char *item_input;
};

struct pipeline_task_info {
    struct spec_pos pos;
    const char *name; /* the display name */
};

struct component_ref {
    struct spec_pos pos;
    const char *name;
};

struct pipeline_task_spec {
    struct spec_pos pos;
    const char *name; /* its key in the dag, which other tasks name it by */
    struct pipeline_task_info task_info;
    struct task_inputs_spec inputs;
    SPEC_LIST(const char *) dependent_tasks;
    struct caching_options caching_options;
    struct component_ref component_ref;
    struct trigger_policy trigger_policy;
    struct artifact_iterator_spec *artifact_iterator;   /* or NULL; at most one of the two */
    struct parameter_iterator_spec *parameter_iterator; /* or NULL */
    struct retry_policy *retry_policy;                  /* or NULL */
    struct iterator_policy *iterator_policy;            /* or NULL */
};
SPEC_MAP(pipeline_task_map, struct pipeline_task_spec);

/* ---- a dag and its outputs ---- */

struct artifact_selector_spec { /* DagOutputsSpec.ArtifactSelectorSpec */
    struct spec_pos pos;
    const char *producer_subtask;
    const char *output_artifact_key;
};

struct dag_output_artifact_spec { /* DagOutputsSpec.DagOutputArtifactSpec */
    struct spec_pos pos;
    const char *name;
    SPEC_LIST(struct artifact_selector_spec) artifact_selectors;
};
SPEC_MAP(dag_output_artifact_map, struct dag_output_artifact_spec);

struct parameter_selector_spec { /* DagOutputsSpec.ParameterSelectorSpec */
    struct spec_pos pos;
    const char *producer_subtask;
    const char *output_parameter_key;
};

struct parameter_selectors_spec { /* DagOutputsSpec.ParameterSelectorsSpec */
    struct spec_pos pos;
    SPEC_LIST(struct parameter_selector_spec) parameter_selectors;
};

struct dag_output_parameter_spec { /* DagOutputsSpec.DagOutputParameterSpec: one of the two */
    struct spec_pos pos;
    const char *name;
    struct parameter_selector_spec *value_from_parameter; /* or NULL */
    struct parameter_selectors_spec *value_from_oneof;    /* or NULL */
};
SPEC_MAP(dag_output_parameter_map, struct dag_output_parameter_spec);

struct dag_outputs_spec {
    struct spec_pos pos;
    struct dag_output_artifact_map artifacts;
    struct dag_output_parameter_map parameters;
};

struct dag_spec {
    struct spec_pos pos;
    struct pipeline_task_map tasks;
    struct dag_outputs_spec outputs;
};

/* ---- executors ---- */

struct container_exec { /* PipelineContainerSpec.Lifecycle.Exec */
    struct spec_pos pos;
    SPEC_LIST(const char *) command;
    SPEC_LIST(const char *) args;
};

struct container_lifecycle { /* PipelineContainerSpec.Lifecycle */
    struct spec_pos pos;
    struct container_exec *pre_cache_check; /* or NULL */
};

struct accelerator_config { /* …ResourceSpec.AcceleratorConfig */
    struct spec_pos pos;
    const char *type; /* deprecated, as is count */
    int64_t count;
    const char *resource_type;
    const char *resource_count;
};

struct resource_spec { /* PipelineContainerSpec.ResourceSpec; strings may hold {{$.inputs…}} */
    struct spec_pos pos;
    double cpu_limit, memory_limit, cpu_request, memory_request; /* deprecated; cores and GB */
    const char *resource_cpu_limit;
    const char *resource_memory_limit;
    const char *resource_cpu_request;
    const char *resource_memory_request;
    struct accelerator_config *accelerator; /* or NULL */
};

struct env_var {
    struct spec_pos pos;
    const char *name;
    const char *value;
};

struct pipeline_container_spec { /* PipelineDeploymentConfig.PipelineContainerSpec */
    struct spec_pos pos;
    const char *image;
    SPEC_LIST(const char *) command;
    SPEC_LIST(const char *) args;
    struct container_lifecycle *lifecycle; /* or NULL */
    struct resource_spec *resources;       /* or NULL */
    SPEC_LIST(struct env_var) env;
};

struct importer_spec { /* PipelineDeploymentConfig.ImporterSpec */
    struct spec_pos pos;
    struct value_or_runtime_parameter artifact_uri;
    struct artifact_type_schema type_schema;
    struct value_or_runtime_parameter_map properties;        /* deprecated in the proto */
    struct value_or_runtime_parameter_map custom_properties; /* deprecated in the proto */
    bool reimport;
    struct js *metadata; /* object, or NULL; strings may hold {{$.inputs…}} */
    bool download_to_workspace;
};

struct artifact_query_spec { /* ResolverSpec.ArtifactQuerySpec */
    struct spec_pos pos;
    const char *name;
    const char *filter;
    int32_t limit;
};
SPEC_MAP(artifact_query_map, struct artifact_query_spec);

struct resolver_spec { /* PipelineDeploymentConfig.ResolverSpec */
    struct spec_pos pos;
    struct artifact_query_map output_artifact_queries;
};

struct custom_job_spec { /* PipelineDeploymentConfig.AIPlatformCustomJobSpec */
    struct spec_pos pos;
    struct js *custom_job; /* object, or NULL */
};

enum executor_kind {
    EXECUTOR_NONE,
    EXECUTOR_CONTAINER,
    EXECUTOR_IMPORTER,
    EXECUTOR_RESOLVER,
    EXECUTOR_CUSTOM_JOB,
};

struct executor_spec { /* PipelineDeploymentConfig.ExecutorSpec */
    struct spec_pos pos;
    const char *name;        /* the executor label */
    enum executor_kind kind; /* which of the four below is there; the others are NULL */
    struct pipeline_container_spec *container;
    struct importer_spec *importer;
    struct resolver_spec *resolver;
    struct custom_job_spec *custom_job;
};
SPEC_MAP(executor_map, struct executor_spec);

struct pipeline_deployment_config {
    struct spec_pos pos;
    struct executor_map executors;
};

/* ---- components and the pipeline ---- */

enum task_config_passthrough_type {
    TASK_CONFIG_NONE,
    TASK_CONFIG_RESOURCES,
    TASK_CONFIG_ENV,
    TASK_CONFIG_KUBERNETES_AFFINITY,
    TASK_CONFIG_KUBERNETES_TOLERATIONS,
    TASK_CONFIG_KUBERNETES_NODE_SELECTOR,
    TASK_CONFIG_KUBERNETES_VOLUMES,
};

struct task_config_passthrough {
    struct spec_pos pos;
    enum task_config_passthrough_type field;
    bool apply_to_task;
};

struct single_platform_spec; /* spec/kubernetes.h */

struct component_spec {
    struct spec_pos pos;
    const char *name; /* its key; "root" for the root */
    struct component_inputs_spec input_definitions;
    struct component_outputs_spec output_definitions;
    struct dag_spec *dag;       /* or NULL: exactly one of dag and executor_label is there */
    const char *executor_label; /* or NULL */
    SPEC_LIST(struct single_platform_spec) single_platform_specs;
    SPEC_LIST(struct task_config_passthrough) task_config_passthroughs;
};
SPEC_MAP(component_map, struct component_spec);

struct pipeline_info {
    struct spec_pos pos;
    const char *name;
    const char *display_name;
    const char *description;
};

struct pipeline_spec {
    struct spec_pos pos;
    struct pipeline_info pipeline_info;
    struct pipeline_deployment_config deployment_spec;
    const char *sdk_version;
    const char *schema_version;
    struct spec_pos schema_version_pos;
    struct component_map components;
    struct component_spec root;
    const char *default_pipeline_root;
};

SPEC_MAP(platform_map, struct single_platform_spec);

struct platform_spec {
    struct spec_pos pos; /* line 0: the pipeline has no platform spec */
    struct platform_map platforms;
};

struct runtime_config { /* PipelineJob.RuntimeConfig */
    struct spec_pos pos;
    const char *gcs_output_directory;  /* the pipeline root */
    struct value_map parameter_values; /* the older `parameters` are read into it too */
};

struct pipeline_job { /* PipelineJob, without the spec itself */
    struct spec_pos pos;
    const char *name;
    const char *display_name;
    struct string_map labels;
    struct runtime_config runtime_config;
};

struct spec {
    struct arena *arena; /* owns all of it */
    const char *source;  /* the file's name as it was given, for messages */
    struct pipeline_spec pipeline;
    struct platform_spec platform;
    struct pipeline_job *job; /* or NULL: the source was no PipelineJob */
    char digest[DIGEST_TEXT]; /* SHA-256 of the source's bytes */
};

/* ---- reading ---- */

enum spec_note_kind { SPEC_WARNING, SPEC_ERROR };

struct spec_note {
    enum spec_note_kind kind;
    struct spec_pos pos;
    char *text; /* "FILE:LINE:COLUMN: path: what" */
};

/* What there is to say about a source: warnings, and each error that was found (err has the first).
 * Starts as {0}; at most 100 are kept, n_dropped counts the rest. */
struct spec_notes {
    struct spec_note *items;
    size_t n, cap, n_dropped;
};
void spec_notes_done(struct spec_notes *notes);
#define own_spec_notes __attribute__((cleanup(spec_notes_done)))

/* Reads and checks a compiled pipeline: YAML or JSON; a platform spec as second document; a
 * PipelineJob ({"pipelineSpec", "runtimeConfig"}); the API's {"pipeline_spec", "platform_spec"}; a
 * Kubernetes manifest (kind: PipelineVersion); or one of these in a .zip, .tar.gz or .tgz.
 * `notes` may be NULL. On 0 *ret is the caller's: spec_free.
 * DH_INVALID: not a pipeline that could run; the message begins with FILE:LINE:COLUMN.
 * DH_NOT_FOUND, DH_IO: the file. */
int spec_load_file(const char *path, struct spec **ret, struct spec_notes *notes,
                   struct dh_err *err);
int spec_load_bytes(const char *name, const void *bytes, size_t n, struct spec **ret,
                    struct spec_notes *notes, struct dh_err *err);
struct spec *spec_free(struct spec *spec); /* NULL is fine; returns NULL */
OWN_DEFINE(struct spec *, spec_free)

/* How spec files name quantities, as Kubernetes does: "2", "500m", "1.5", "4G", "16Gi", "1e3".
 * Returns -1 where `text` is none. */
int spec_quantity(const char *text, double *ret);

/* The canonical JSON (camelCase, absent and empty left out): the pipeline spec alone, or, where
 * there is a platform spec, {"pipeline_spec": …, "platform_spec": …} as in KFP's API. Loading it
 * gives the same spec. The caller's: js_free. */
struct js *spec_to_json(const struct spec *spec);
struct js *spec_pipeline_json(const struct spec *spec);
struct js *spec_platform_json(const struct spec *spec); /* NULL: none */
struct js *spec_component_json(const struct component_spec *component);
struct js *spec_task_json(const struct pipeline_task_spec *task);
struct js *spec_container_json(const struct pipeline_container_spec *container);
struct js *spec_importer_json(const struct importer_spec *importer);
struct js *spec_executor_json(const struct executor_spec *executor);

/* ---- looking up; NULL where there is none ---- */

struct kubernetes_executor_config; /* spec/kubernetes.h */
struct pipeline_config;

const struct component_spec *spec_component(const struct spec *spec, const char *name);
const struct executor_spec *spec_executor(const struct spec *spec, const char *label);
const struct pipeline_task_spec *dag_task(const struct dag_spec *dag, const char *name);
bool spec_has_task(const struct spec *spec, const char *name); /* in any of its DAGs */
const struct component_spec *spec_task_component(const struct spec *spec,
                                                 const struct pipeline_task_spec *task);
const struct kubernetes_executor_config *spec_kubernetes(const struct spec *spec,
                                                         const char *executor_label);
const struct pipeline_config *spec_pipeline_config(const struct spec *spec);

/* "system.Model" and the like: the schema's title, or the title inside its instance schema, or
 * "system.Artifact". Borrowed from the spec. */
const char *spec_artifact_type(const struct artifact_type_schema *type);
/* "FILE:LINE:COLUMN" for messages of later stages; returns `to`. */
#define SPEC_WHERE 512
char *spec_where(const struct spec *spec, struct spec_pos pos, char to[SPEC_WHERE]);
