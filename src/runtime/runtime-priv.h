#pragma once
/* What the runtimes share. */
#include "runtime/runtime.h"

struct cgroups;
struct shepherd;

enum limits_how {
    LIMITS_ASKED,    /* the step is a process of the run's group; its own only for limits asked */
    LIMITS_HERE,     /* the process that is started is the step */
    LIMITS_NESTED,   /* it starts a container, in a group of its own below ours */
    LIMITS_ELSEWHERE /* a container engine's service holds them */
};

struct runtime { /* the first member of each runtime's own struct */
    const struct runtime_ops *ops;
    struct runtime_setup config;
    enum limits_how limits;
    struct cgroups *cgroups; /* opened when first needed */
};

struct runtime_kind {
    const char *name;
    int (*check)(const struct runtime_setup *config, struct dh_err *err);
    int (*open)(const struct runtime_setup *config, struct runtime **ret, struct dh_err *err);
};
extern const struct runtime_kind runtime_process, runtime_sandbox, runtime_oci;

/* cgroup-job.c: before the start, and after the end. */
void runtime_limit(struct runtime *rt, struct runtime_job *job);
void runtime_unlimit(struct runtime *rt, struct runtime_job *job);
void runtime_note(struct runtime_job *job, char *text); /* takes text */

/* volumes.c: a job of the process runtime, all set, gets the mounts whose place is not their path.
 * DH_FAILED: it cannot. */
int runtime_mount_volumes(struct runtime_job *job, struct dh_err *err);

/* The program that argv[0] means: `dhow` is this program, a path is itself (relative: below cwd), a
 * name is looked for in the PATH of env. The caller's. DH_FAILED: none; says where was looked. */
int runtime_find_program(const struct runtime_setup *config, const struct runtime_job *job,
                         char **ret, struct dh_err *err);
/* What is to be started instead: argv[0] is its path. Takes argv. */
void runtime_set_argv(struct runtime_job *job, char **argv);
void runtime_set_env(struct runtime_job *job, char **env);      /* takes env */
const char *runtime_getenv(char *const *env, const char *name); /* NULL: not set */
