#pragma once
/* Between platform.c (limits, image, process fields), platform-env.c, platform-volume.c,
 * platform-claim.c (volume claims) and platform-config.c (TaskConfig). */
#include "engine/platform.h"
#include "engine/secret.h"
#include "spec/kubernetes.h"

/* What a field of the platform spec names: its input where it has one, else the constant; with
 * placeholders replaced. The caller's; never empty. `what` is for the message: "secret". */
int platform_name(struct run *run, struct job *job, const char *what, const char *constant,
                  const struct input_parameter_spec *parameter, char **ret, struct dh_err *err);
/* The set that a task asks for. SECRET_NONE: it is not there, and need not be. DH_FAILED. */
int platform_secret(struct run *run, enum secret_kind kind, const char *name, bool optional,
                    struct secret_set *ret, struct dh_err *err);

/* Mounts of all kinds. */
int platform_volumes(struct run *run, struct job *job, const struct kubernetes_executor_config *k,
                     struct dh_err *err);
/* The name of the claim that a mount asks for. */
int platform_claim_name(struct run *run, struct job *job, const struct pvc_mount *mount, char **ret,
                        struct dh_err *err);
/* {home}/volumes/NAME; made where it is not there. */
int platform_claim_open(struct run *run, const char *name, char **ret, struct dh_err *err);
