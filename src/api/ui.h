#pragma once
/* ui - what the page reads: /ui/… of docs/api.md. The handlers, and the writers that lists, details
 * and events share. */
#include "api/req.h"

req_handler ui_runs_list, ui_runs_get, ui_runs_spec, ui_runs_metrics, ui_runs_create, ui_runs_retry;
req_handler ui_runs_patch, ui_runs_cancel, ui_runs_archive, ui_runs_unarchive, ui_runs_delete,
    ui_compare;
req_handler ui_tasks_get, ui_tasks_log, ui_tasks_log_events, ui_events;
req_handler ui_artifacts_list, ui_artifacts_get, ui_artifacts_content, ui_artifacts_files;
req_handler ui_artifacts_lineage;
req_handler ui_pipelines_list, ui_pipelines_get, ui_versions_get, ui_experiments_list;
req_handler ui_experiments_get;
req_handler ui_schedules_list, ui_schedules_get, ui_schedules_create, ui_schedules_patch;
req_handler ui_schedules_delete, ui_schedules_enable, ui_schedules_disable, ui_schedules_trigger;
req_handler ui_cron;
req_handler ui_models_list, ui_models_get, ui_models_set_alias, ui_models_drop_alias;
req_handler ui_models_decide, ui_approvals_list, ui_approvals_decide;
req_handler ui_runs_trace;
req_handler ui_system, ui_search;

/* ---- writers: one object each ---- */

/* The members of a run's item, without the braces. */
int ui_run_members(struct store *s, struct arena *a, const struct store_run *run, struct jw *w,
                   struct dh_err *err);
/* Of a task, without the braces, without inputs, outputs and attempts. NULL parent, key: looked up.
 */
int ui_task_members(struct store *s, struct arena *a, const struct store_task *task,
                    const char *parent, const char *key, struct jw *w, struct dh_err *err);
void ui_artifact_members(const struct store_artifact *artifact, struct jw *w);
void ui_metric_write(const struct store_metric *m, const char *task_uuid, const char *task,
                     struct jw *w);
/* {"id", "name"}, or null where id is NULL. */
void ui_named(struct jw *w, const char *key, const char *id, const char *name);

/* ---- asking ---- */

bool ui_is_number(const char *text); /* of a row: MLMD's id of a task or artifact */
/* A task by uuid or number, checked; *ret_run is its run. */
int ui_task_find(struct req *r, const char *id, struct store_task *ret, struct store_run *ret_run,
                 struct dh_err *err);
/* An artifact by uuid, checked by the runs that made or used it. */
int ui_artifact_find(struct req *r, const char *uuid, struct store_artifact *ret,
                     struct dh_err *err);
struct catalog_pipeline;
/* A pipeline by uuid, checked; also one that only `dhow run` made, which KFP's clients do not see.
 */
int ui_pipeline_find(struct req *r, const char *uuid, struct catalog_pipeline *ret,
                     struct dh_err *err);
/* The end of a list's answer, after its last item: where it goes on (NULL: nowhere), how many there
 * are (-1: not counted). 0. */
int ui_list_end(struct jw *w, const char *next, int64_t total);
/* limit: 50, at most 500. */
int ui_limit(struct req *r, int *ret, struct dh_err *err);
