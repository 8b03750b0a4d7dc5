#pragma once
/* What task.c, attempt.c and jobs.c share: a leaf from plan's RUNNING to its end. */
#include "engine/engine-priv.h"

/* ---- jobs.c ---- */
struct job *jobs_new(struct run *run, struct plan_node *node);
void jobs_take_slot(struct job *job);
void jobs_give_slot(struct job *job);
/* It may have killed the shepherd; or it has not. */
void jobs_suspect(struct job *job);
void jobs_clear(struct job *job);
int jobs_limit(const struct run *run); /* slots that may be taken now */
void jobs_end(struct job *job);        /* it is over; its memory goes when its timer has closed */
struct job *jobs_find(const struct run *run, uint64_t id); /* NULL: over already */
/* work(job) in a thread; then(job) on the loop, in a transaction, unless the run was left: <0 ends
 * it. */
void jobs_in_thread(struct job *job, void (*work)(struct job *job),
                    int (*then)(struct job *job, struct dh_err *err));
void jobs_set_timer(struct job *job, uv_timer_cb then, int64_t us);

/* ---- attempt.c ---- */
int attempt_begin(struct job *job, struct dh_err *err); /* the next one */
int attempt_again(struct job *job, struct dh_err *err); /* the same one, as if it had not begun */
int attempt_exited(struct job *job, int status, struct dh_err *err); /* as from waitpid */
/* job->outputs have been measured: they are sent where they go, and recorded. */
int attempt_measured(struct job *job, struct dh_err *err);

/* ---- task.c; all of them may end the job ---- */
int task_succeeded(struct job *job, enum plan_state state, bool fresh, struct dh_err *err);
int task_failed(struct job *job, enum plan_state state, const char *reason, int exit_code,
                struct dh_err *err);
/* By the error that is in *err: the step's own fault ends the step, the machine's (-1) ends the
 * run. */
int task_fail(struct job *job, struct dh_err *err);
/* What was fetched or sent for it was stopped: it is canceled. */
bool task_is_stopped(const struct job *job);
/* Does what the leaf is for, once more: import, make a volume, or an attempt. */
int task_work(struct job *job, struct dh_err *err);
