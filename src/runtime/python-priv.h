#pragma once
/* What the files of Python steps share. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/own.h"

struct js;

/* ---- python-shell.c: the words of a shell script, as far as they can be known without running it
 */

enum shell_kind { SHELL_END, SHELL_WORD, SHELL_OP };

struct shell_token {
    enum shell_kind kind;
    const char *raw;  /* as written; an operator: && || ; ( ) & | < > ..., a newline is ";" */
    const char *text; /* quotes removed */
    bool expands;     /* has a $ or ` that a shell would replace: `text` is not what it becomes */
};

/* All tokens, SHELL_END last, in the arena. NULL: a quote or bracket that is not closed. */
struct shell_token *shell_split(const char *script, struct arena *a);

/* ---- python-recognise.c */

struct python_program {
    struct arena *arena;
    /* what pip is asked for: the arguments of each `pip install`, options first, packages sorted */
    const char ***installs;
    size_t n_installs;
    const char **pip_env; /* PIP_…=… that the command sets itself; NULL-terminated */
    bool inherits;        /* the interpreter's own packages are to be seen as well */
    bool runtime_flag;    /* _KFP_RUNTIME=true */
    const char *module;   /* the SDK's executor; NULL: `args` is a command of any kind */
    const char *source;   /* of the component; NULL: it is in the image */
    char *const *args;    /* what follows; borrowed from argv */
};

/* Whether a command is a Python component as the SDK writes them, or a command behind `pip
 * install`. Fills *ret then: python_program_done. A command that is anything else is not ours. */
bool python_recognise(char *const *argv, struct python_program *ret);
void python_program_done(struct python_program *p);
/* A requirement names the SDK itself. */
bool python_wants_sdk(const struct python_program *p);

/* "3.11" of python:3.11-slim, ubi9/python-311, …; "" where the name says none. In the arena. */
const char *python_image_version(const char *image, struct arena *a);
/* Whether the image is Python and nothing else, so that no package of its own is missed. */
bool python_image_is_plain(const char *image);

/* ---- python-interp.c */

struct python_interp {
    char *path;       /* the interpreter itself, not a wrapper of a version manager */
    char *version;    /* 3.11.7 */
    struct js *probe; /* all that it said of itself */
};
/* The interpreter for a version ("" any), from `path_env` and the places of version managers.
 * DH_FAILED: none. What was found is kept in {home}/envs/interpreters.json. */
int python_interp_find(const char *home, const char *version, const char *path_env,
                       struct python_interp *ret, struct dh_err *err);
void python_interp_done(struct python_interp *p);

/* ---- python-env.c: environments on disk */

struct python_env {
    char *id, *folder; /* {home}/envs/{id} */
    char *program;     /* {folder}/bin/python3 */
    struct js *recipe; /* what the id is the digest of */
};
/* Names the environment of a program; makes nothing. */
void python_env_name(const char *home, const struct python_interp *interp,
                     const struct python_program *p, bool inherits, char *const *env,
                     struct python_env *ret);
void python_env_done(struct python_env *e);
bool python_env_ready(const struct python_env *e);
void python_env_touch(const struct python_env *e); /* used now */

struct python_make { /* one environment being made; in a thread */
    const struct python_env *env;
    const struct python_interp *interp;
    const struct python_program *program;
    char *const *job_env;
    atomic_bool *canceled; /* set by another thread, which then kills *child's group */
    _Atomic pid_t *child;
};
/* Makes it, if nobody else has or is. On 0, *ret_lock holds it against gc until closed. DH_FAILED:
 * with the end of what pip said. */
int python_env_make(const struct python_make *m, int *ret_lock, struct dh_err *err);
/* Holds an environment that is ready against gc. -1: it is not there (any more). */
int python_env_hold(const struct python_env *e);

/* Runs a program to its end, output to `log`. 0; or what waitpid says; -1: it did not start. */
int python_run(const char *file, const char *const *argv, char **env, const char *log,
               atomic_bool *canceled, _Atomic pid_t *child);

/* ---- python-worker.c */

/* The abstract socket of the worker that fits: this environment, module and surroundings. In the
 * arena. `ahead`: it may import packages ahead. */
const char *python_worker_name(const struct python_env *e, const char *module, bool ahead,
                               char *const *env, struct arena *a);
/* Whether an entry of the environment decides which environment or worker fits. */
bool python_env_matters(const char *item);
bool python_worker_listens(const char *name);
/* Starts it and waits until it listens. DH_FAILED. */
int python_worker_start(const char *home, const struct python_env *e, const char *name,
                        const char *module, bool ahead, char *const *env, atomic_bool *canceled,
                        _Atomic pid_t *child, struct dh_err *err);
/* Whether imports may be made ahead for this step: nothing that it sets could change what an import
 * does. */
bool python_worker_ahead(const char *source, char *const *env);

/* python-embed.c, made at build time */
extern const char python_worker_source[], python_make_source[], python_probe_source[],
    python_boot_source[];
