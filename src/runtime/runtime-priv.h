#pragma once
/* What the runtimes share. */
#include "runtime/runtime.h"

struct runtime { /* the first member of each runtime's own struct */
    const struct runtime_ops *ops;
    struct runtime_config config;
};

struct runtime_kind {
    const char *name;
    int (*check)(const struct runtime_config *config, struct dh_err *err);
    int (*open)(const struct runtime_config *config, struct runtime **ret, struct dh_err *err);
};
extern const struct runtime_kind runtime_process;

/* The program that argv[0] means: `dhow` is this program, a path is itself (relative: below cwd), a
 * name is looked for in the PATH of env. The caller's. DH_FAILED: none; says where was looked. */
int runtime_find_program(const struct runtime_config *config, const struct runtime_job *job,
                         char **ret, struct dh_err *err);
const char *runtime_getenv(char *const *env, const char *name); /* NULL: not set */
