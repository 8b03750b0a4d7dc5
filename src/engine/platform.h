#pragma once
/* platform - what of the Kubernetes platform spec holds on one machine: environment, secrets,
 * config maps, field paths, empty folders, volume claims, limits, deadlines, users, pull policies.
 * What cannot hold is said once in the run. */
#include "engine/engine-priv.h"

/* Adds to *env (malloc'ed, NULL-terminated) what the platform spec asks for. DH_FAILED: a secret or
 * config map that is not there. */
int platform_environment(struct run *run, struct job *job, char ***env, struct dh_err *err);
/* Limits, volumes, image fields. DH_FAILED. */
int platform_apply(struct run *run, struct job *job, struct dh_err *err);
/* The task's own deadline in microseconds; 0: none. */
int64_t platform_deadline_us(const struct run *run, const struct plan_node *node);
/* Whether the author passes that field to the step's TaskConfig only, not to the step itself. */
bool platform_passes(const struct job *job, enum task_config_passthrough_type field);
/* Puts the TaskConfig that the author passes on into job->input, where the step asks for one.
 * DH_FAILED.
 */
int platform_config(struct run *run, struct job *job, struct dh_err *err);
/* The components that make and delete volume claims have no program: they are done here, each time
 * (no cache). Fills job->outputs. DH_FAILED: the step's fault; DH_IO. */
bool platform_is_builtin(const struct plan_node *node);
bool platform_makes_claim(const struct plan_node *node); /* of these: it makes one */
int platform_builtin(struct run *run, struct job *job, struct dh_err *err);
/* What an importer brings into the run's workspace (downloadToWorkspace). DH_FAILED. */
int platform_import(struct run *run, struct job *job, struct dh_err *err);
