#pragma once
/* stub - steps that do not run, because a test of the pipeline says what they give.
 *
 * The run's option "stubs" is an object: a task (its key "for-loop-1[0].train", its place
 * "for-loop-1.train", or its name; "*": all that are not named) → {"outputs": {parameter: value},
 * "artifacts": {name: TEXT or {"content", "metadata"}}, "fail": MESSAGE}. All else happens as ever:
 * inputs are resolved, conditions evaluated, outputs checked and recorded. */
#include "engine/engine-priv.h"

/* What stands for this leaf; borrowed. NULL: it runs. */
const struct js *stub_find(const struct run *run, const struct plan_node *node);
/* Fills job->outputs; artifacts are written where the step would have. DH_FAILED: the stub fails,
 * or does not give what the component promises. */
int stub_outputs(struct run *run, struct job *job, const struct js *stub, struct dh_err *err);
/* Whether each of them names a step of the pipeline. DH_INVALID. */
int stub_check(const struct spec *spec, const struct js *stubs, struct dh_err *err);
