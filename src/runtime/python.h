#pragma once
/* python - Python steps: their environments, and the warm workers that run them.
 *
 * A component that the SDK wrote says `pip install … && python3 -m kfp.dsl.executor_main …`. Here
 * the packages are installed once for each (interpreter, packages, index) into an environment below
 * {home}/envs, and a worker, a Python process that has imported the SDK's executor, forks for each
 * step. What a step's code sees is as with the plain command, but that `pip install` has happened.
 *
 * A runtime asks python_prepare before it looks at a job; it starts nothing itself. Commands that
 * are no Python component are not touched. Thread-safe where it says so. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/own.h"

struct python;
struct runtime_job;
struct runtime_setup;

/* Lives as long as the runtime; `setup` is copied. */
struct python *python_open(const struct runtime_setup *setup);
/* Stops what is being made. NULL is fine; returns NULL. */
struct python *python_close(struct python *py);
OWN_DEFINE(struct python *, python_close)

/* Rewrites the job of a Python component: argv begins with the environment's interpreter, PATH and
 * VIRTUAL_ENV lead into it, the environment and its interpreter are among the mounts, and `worker`
 * names the warm worker where there is one (a runtime that changes the process further, or runs
 * elsewhere, frees it). 0: done, or not a Python component. RUNTIME_WAIT: being made; setup.wake
 * is called. DH_FAILED: it cannot be made; the message ends with what pip said. */
int python_prepare(struct python *py, struct runtime_job *job, struct dh_err *err);

/* ---- environments, for people ---- */

struct python_env_info {
    char *id;
    char *python, *version; /* the interpreter */
    char *packages;         /* "scikit-learn==1.9.1 pandas==3.1.1 kfp==2.17.0" */
    int64_t size_bytes, created_us, used_us;
    bool in_use; /* by a run */
    bool warm;   /* a worker has been used lately and knows packages to import ahead */
};
struct python_env_list {
    struct python_env_info *items;
    size_t n;
};
/* Those of `home`, the last used first. */
int python_envs(const char *home, struct python_env_list *ret, struct dh_err *err);
void python_envs_done(struct python_env_list *list);
/* Removes those that no run uses and that were last used before `before_us` (and what makers that
 * died left); `dry_run` removes nothing. *ret: the ones removed, or that would be. */
int python_envs_gc(const char *home, int64_t before_us, bool dry_run, struct python_env_list *ret,
                   struct dh_err *err);
/* Makes the environment that a command will need, and starts its worker; waits for both. `env` is
 * what a step would get. 0; PYTHON_NONE: the command is no Python component. */
enum python_answer { PYTHON_NONE = 1 };
int python_warm(const char *home, const char *self, const char *image, char *const *argv,
                char *const *env, char **ret_id, struct dh_err *err);
