#pragma once
/* platform - what of the Kubernetes platform spec holds on one machine: environment, secrets,
 * config maps, empty folders, limits, deadlines. What cannot hold is said once in the run. */
#include "engine/engine-priv.h"

/* Adds to *env (malloc'ed, NULL-terminated) what the platform spec asks for. DH_FAILED: a secret or
 * config map that is not there. */
int platform_environment(struct run *run, struct job *job, char ***env, struct dh_err *err);
/* Limits, volumes, image fields. DH_FAILED. */
int platform_apply(struct run *run, struct job *job, struct dh_err *err);
/* The task's own deadline in microseconds; 0: none. */
int64_t platform_deadline_us(const struct run *run, const struct plan_node *node);
/* What an importer brings into the run's workspace (downloadToWorkspace). DH_FAILED. */
int platform_import(struct run *run, struct job *job, struct dh_err *err);
