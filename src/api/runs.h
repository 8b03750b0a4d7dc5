#pragma once
/* runs - /apis/v2beta1/runs. */
#include "api/req.h"

req_handler runs_list, runs_create, runs_get, runs_delete, runs_archive, runs_unarchive;
req_handler runs_terminate, runs_retry;
req_handler runs_read_artifact, runs_node_log;

#include "base/id.h"
/* The body of a POST as a run. */
int runs_submit(struct req *r, char ret_run_id[ID_TEXT], struct dh_err *err);

/* By uuid, checked: the user may see it. */
int run_find(struct req *r, const char *uuid, struct store_run *ret, struct dh_err *err);
/* "RUNNING", also "CANCELING"; a run that waits for its retry is PENDING. Static. */
const char *run_state(const struct store_run *run);
/* Its end, as shown: 0 while it waits for its retry. */
int64_t run_finished(const struct store_run *run);

/* ---- asking for runs, in runs-create.c; recurring runs are asked for alike ---- */

struct spec;
struct catalog_version;

struct run_source {                  /* where the spec comes from: one of three */
    struct spec *spec;               /* given inline: run_source_done */
    int64_t pipeline_id, version_id; /* version 0: the newest, each time */
    const char *spec_digest;         /* of the version (the newest now) */
};
int run_source_read(struct req *r, const struct js *body, struct run_source *ret,
                    struct dh_err *err);
void run_source_done(struct run_source *source);
#define own_run_source __attribute__((cleanup(run_source_done)))

struct run_config { /* borrowed from the body */
    const struct js *parameters, *plugins_input;
    const char *pipeline_root;
};
int run_config_read(struct req *r, const struct js *body, struct run_config *ret,
                    struct dh_err *err);
/* experiment_id, or the default one: checked, not archived. */
int run_experiment_read(struct req *r, const struct js *body, int64_t *ret_id,
                        const char **ret_namespace, struct dh_err *err);
/* "pipeline_version_reference" or "pipeline_spec"; "runtime_config"; "plugins_input". */
int run_write_request(struct req *r, const char *request, struct jw *w, struct dh_err *err);
