#pragma once
/* native - KFP's own tasks and artifacts (proposal 12147): what needs no ML Metadata. What the
 * engine ran is only read; of runs that are told from outside (mlmd.h), tasks, artifacts and their
 * links can be written. */
#include "api/req.h"

req_handler native_tasks_list, native_tasks_get, native_tasks_cached;
req_handler native_artifacts_list, native_artifacts_get;
req_handler native_artifact_tasks_list;
req_handler native_tasks_create, native_tasks_update, native_tasks_update_all;
req_handler native_artifacts_create, native_artifacts_create_all;
req_handler native_links_create, native_links_create_all;

/* One object of an answer. */
int native_task_write(struct req *r, const struct store_task *task, const char *run, struct jw *w,
                      struct dh_err *err);
void native_artifact_write(const struct store_artifact *artifact, struct jw *w);
const char *native_io_type(const struct store_link *link);
extern const char *const native_types[][2]; /* ours, theirs; up to NULL */
