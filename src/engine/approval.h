#pragma once
/* approval - tasks that wait for a person.
 *
 * A container whose image is kfp://human-input has no program: args[0] is a JSON object of what is
 * asked, parameter → {"description", "default", "enum"}, as the SDK's human_input compiles it; the
 * answers are its output parameters. args[1], which is ours and may be missing, is an object
 * {"message", "timeout": "12h", "on_timeout": "fail" or "default"}.
 *
 * The task is RUNNING until somebody decides, from this process or another one; it takes no slot.
 * What was decided while no engine ran is found when the run is resumed. */
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"

struct js;
struct job;
struct plan_node;
struct run;
struct store;

bool approval_is(const struct plan_node *node);
/* The task's row is there: asks, or takes the decision that is there. `anew`: an earlier decision
 * does not count. */
int approval_begin(struct run *run, struct job *job, bool anew, struct dh_err *err);
/* Decisions that were made since; may begin a transaction. */
int approval_tick(struct run *run, struct dh_err *err);

/* From anywhere: decides for a person. `given`: parameter → text, or NULL. What is not given is,
 * when it is approved: of an enum what means yes, else the default. DH_INVALID: a parameter that is
 * not asked for, a value that is not in its enum, one that has no value, decided already;
 * DH_NOT_FOUND: the task asks for nothing. */
int approval_answer(struct store *store, int64_t task_id, bool approved, const struct js *given,
                    const char *who, const char *why, struct dh_err *err);
