#pragma once
/* run-tasks - run_details of a run: its tasks as KFP's API shows them. */
#include "api/req.h"

int run_tasks_write(struct req *r, const struct store_run *run, struct jw *w, struct dh_err *err);
/* A task's state in KFP's words: CACHED is SUCCEEDED. */
const char *run_task_state(enum store_state state);
