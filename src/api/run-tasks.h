#pragma once
/* run-tasks - run_details of a run: its tasks as KFP's API shows them. */
#include "api/pieces.h"
#include "api/req.h"

int run_tasks_write(struct req *r, const struct store_run *run, struct jw *w, struct dh_err *err);
/* The same in pieces: what comes before the tasks, one of them, what comes behind. */
void run_tasks_begin(struct jw *w);
int run_task_piece(struct req *r, const struct store_run *run, const struct store_task *task,
                   const struct pieces_above *above, const char *key, struct jw *w,
                   struct dh_err *err);
void run_tasks_end(struct jw *w);
/* "child_tasks" of a task that has some. */
int run_task_children(struct req *r, const struct store_task *task, struct jw *w,
                      struct dh_err *err);
/* A task's state in KFP's words: CACHED is SUCCEEDED. */
const char *run_task_state(enum store_state state);
