#pragma once
/* executor_input - what a step is told (KFP's ExecutorInput), the command line that tells it, and
 * what it answers (ExecutorOutput and output parameter files).
 *
 * Source: ExecutorInput and ExecutorOutput in pipeline_spec.proto; KFP's launcher_v2.go. Pure: the
 * caller makes the folders and reads the files. */
#include <stddef.h>
#include "base/err.h"

struct js;
struct plan;
struct plan_node;

struct exec_paths {          /* where a task's outputs go; absolute */
    const char *task_root;   /* artifacts: {task_root}/{output name} */
    const char *param_dir;   /* output parameters: {param_dir}/{output name} */
    const char *output_file; /* executor output JSON */
    const char *task_id;     /* {{$.pipeline_task_uuid}} in its parameters */
};

/* Inputs alone, in ExecutorInput's form: what conditions see. `inputs`: {"parameters",
 * "artifacts"}. */
struct js *executor_input_view(const struct js *inputs);

/* The whole ExecutorInput of a RUNNING leaf. The caller's. */
struct js *executor_input_build(const struct plan_node *node, const struct exec_paths *paths);

/* command + args with all placeholders replaced, NULL-terminated; strv_free. DH_FAILED: the
 * component has no command (then its image's own would run, which only a container runtime knows):
 * *ret has n = 0. */
char **executor_command(const struct plan *plan, const struct plan_node *node, const char *task_id,
                        const struct js *executor_input, size_t *ret_n);
char **strv_free(char **v);

/* An artifact's local path as a step sees it: custom_path, or the uri with gs://, s3://, minio://,
 * oci:// mapped to /gcs/, /s3/, /minio/, /oci/…/models; else the uri itself. The caller's. */
char *executor_artifact_path(const struct js *artifact);

/* Puts a step's answer together: {"parameters", "artifacts"} in the plan's form, NULL where there
 * is nothing. `answer`: ExecutorOutput as JSON, or NULL. `files`: output parameter name → text of
 * its file; absent where there is no file. DH_FAILED: an output that was promised is missing, or
 * has not its declared type. */
int executor_outputs(const struct plan_node *node, const struct js *executor_input,
                     const struct js *answer, const struct js *files, struct js **ret,
                     struct dh_err *err);

/* What an importer gives: its one artifact, ready for the record. DH_FAILED. */
int executor_import(const struct plan *plan, const struct plan_node *node, struct js **ret,
                    struct dh_err *err);
