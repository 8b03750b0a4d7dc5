#pragma once
/* runtime - how one task's command becomes a process: as it is (process), in a sandbox
 * (bubblewrap), in a container (oci), or by a warm Python worker.
 *
 * A runtime only prepares: it turns a job, which says what the author asked for, into what the
 * shepherd starts. It starts, waits for and kills nothing itself, and knows neither plan nor
 * record. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/own.h"

struct runtime;
struct shepherd;

struct runtime_mount {
    char *path; /* absolute, on this machine */
    char *at;   /* where the step sees it; NULL: at the same path */
    bool writable;
};

struct runtime_job { /* one attempt of one task; owned by the engine, strings malloc'ed */
    /* what is asked */
    char **argv;    /* NULL-terminated; resolved command + args; empty: the image's own */
    bool args_only; /* argv has no command: it is the arguments of the image's own */
    char **env;     /* NULL-terminated; all of the environment */
    char *image;    /* as the author names it; "" where none */
    char *cwd;      /* the task's own empty folder */
    char *log;      /* stdout and stderr */
    struct runtime_mount *mounts; /* inputs, outputs, volumes; nothing else is the step's to see */
    size_t n_mounts;
    double cpu_limit;        /* cores; 0: none */
    int64_t memory_limit;    /* bytes; 0: none */
    bool network;            /* may it use the network */
    int64_t user, group;     /* to run as; -1: not asked */
    char *label;             /* names the attempt: run and task, for container names and messages */
    const char *pull_policy; /* Always, Never, IfNotPresent; "" */
    /* what is to be started; set by prepare (file, argv, env, cwd as the shepherd wants them) */
    char *file;
    char *cleanup; /* for struct spawn: what removes the container; NULL: nothing to do */
    char *cgroup;  /* for struct spawn, as the next two: what bounds it */
    uint64_t memory_max, processes_max;
    char *worker;  /* for struct spawn: the warm worker that can fork it; NULL: none */
    bool any_cwd;  /* for struct spawn: nothing but cwd and env names its folder */
    bool as_other; /* it runs as another user than ours: runtime_give */
    int64_t other; /* that user's number; -1: the image alone knows it */
    char *note;    /* one line to be said once in the run; NULL: nothing */
    char *reason;  /* set by finish: why the step died, where the runtime knows better; or NULL */
    void *state;   /* the runtime's, from prepare to finish */
    int status;    /* how it ended, as from waitpid; set by the engine before finish */
};

enum runtime_answer { RUNTIME_WAIT = 1 };

struct runtime_ops {
    const char *name; /* "process", "sandbox", "oci" */
    /* Sets job->file and may replace argv, env, cwd. RUNTIME_WAIT: something that takes long (an
     * environment, an image) is being made in a thread; `wake` of runtime_setup is called then,
     * and prepare is asked again. DH_FAILED: the step cannot run; the message says why. */
    int (*prepare)(struct runtime *rt, struct runtime_job *job, struct dh_err *err);
    /* After prepare, once the job's cgroup is known; NULL: nothing more to do. */
    int (*ready)(struct runtime *rt, struct runtime_job *job, struct dh_err *err);
    /* The attempt is over (or never started). Frees job->state. */
    void (*finish)(struct runtime *rt, struct runtime_job *job);
    struct runtime *(*close)(struct runtime *rt);
};

struct runtime_setup {
    const char *home;         /* environments and images are kept below it */
    const char *self;         /* absolute path of this program: `dhow …` in a command means it */
    bool warm;                /* warm Python workers may be used */
    void (*wake)(void *user); /* from any thread: ask prepare again */
    void *user;
};

/* DH_INVALID: no runtime of that name; DH_NOT_FOUND: it cannot work here, and why. */
int runtime_open(const char *name, const struct runtime_setup *config, struct runtime **ret,
                 struct dh_err *err);
struct runtime *runtime_close(struct runtime *rt);
OWN_DEFINE(struct runtime *, runtime_close)
int runtime_prepare(struct runtime *rt, struct runtime_job *job, struct dh_err *err);
/* After prepare: lets the step write into `folder`, one of its own, also where it runs as another
 * user than ours (whom the image names, or the pipeline). */
int runtime_give(const struct runtime_job *job, const char *folder, struct dh_err *err);
void runtime_finish(struct runtime *rt, struct runtime_job *job);
const char *runtime_name(const struct runtime *rt);

/* Whether a runtime works on this machine: 0, or DH_NOT_FOUND and why not. For doctor. */
int runtime_check(const char *name, const struct runtime_setup *config, struct dh_err *err);
/* "process", "sandbox", "oci"; NULL past the end. */
const char *runtime_at(size_t i);

void runtime_job_done(struct runtime_job *job); /* frees what it owns, not `state` */
char **runtime_strv(const char *const *v);      /* a copy; NULL-terminated */
