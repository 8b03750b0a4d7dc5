#pragma once
/* engine - the run loop: ready tasks, slots, retry, timeouts, cancel, resume, exit handlers,
 * events.
 *
 * plan/ decides what comes next, runtime/ knows how a step becomes a process, store/ keeps what
 * happened; the engine is the only one that acts. Every decision is committed to the record before
 * it is acted on: a killed engine is taken up by engine_execute(ENGINE_RESUME), with no step run
 * twice that had succeeded. It prints nothing; what there is to see goes to the watch.
 *
 * One thread: all calls from the one that opened it, callbacks on it too. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/id.h"
#include "base/own.h"
#include "plan/plan.h"

struct engine;
struct js;
struct spec;
struct store;

struct engine_options {
    const char *home; /* the folder of all state; made where it is not there */
    const char *db;   /* the record: a URL or a file; NULL: dhow.db in the home */
    bool runs; /* a run is executed: the process that starts its steps is there first, and SIGINT
                  and SIGTERM cancel (the first lets exit handlers run, the second does not) */
};

/* DH_IO, DH_INVALID (database of a newer dhow). On 0, *ret is the caller's. */
int engine_open(const struct engine_options *options, struct engine **ret, struct dh_err *err);
struct engine *engine_close(struct engine *e);
OWN_DEFINE(struct engine *, engine_close)
struct store *engine_store(struct engine *e); /* borrowed; the engine's one writer */

/* ---- a new run ---- */

struct engine_request { /* all borrowed for the call; NULL or 0: the default */
    const struct spec *spec;
    const char *source;          /* the pipeline file as the user named it */
    const struct js *parameters; /* given by the user: an object; defaults are filled in here */
    const char *display_name;    /* "{pipeline} {time}" */
    const char *experiment;      /* "Default" */
    const char *pipeline_root;   /* the spec's default if it is local, else {home}/artifacts */
    const char *cache;           /* "on"; "off", "read", "refresh" */
    const char *runtime;         /* "process" */
    int jobs;                    /* steps at a time; 0: the processors that we may use */
    bool no_warm;                /* no warm Python workers */
    const char *network;         /* "on", "off"; NULL: off in a sandbox, on elsewhere */
    const struct js *secrets;    /* name → file: references, read when a step starts */
    int64_t deadline_us;         /* the whole run's time; 0: none */
    const struct js *notify;     /* commands and URLs that are told of its states; see notify.h */
    const char *notify_on;       /* "end"; "failure", "all" */
    const struct js *tags;       /* an object of texts */
    const struct js *cluster; /* steps are pods: settings, see cluster.h; NULL: of this machine */
    const struct js *stubs;   /* tests: what steps give instead of running; see stub.h */
    const struct engine_served *served; /* a server asks; NULL: nobody but the user */
};
struct engine_served {  /* kept with the run; NULL or 0: none */
    const char *run_id; /* a new uuid; NULL: one is made */
    const char *description, *namespace, *service_account;
    int64_t scheduled_us, schedule_id;
    const char *request;                                     /* JSON object: as it was asked for */
    int64_t experiment_id, pipeline_id, pipeline_version_id; /* rows that are there already */
};
/* Checks everything, then records the run as PENDING: engine_execute (of any process) begins it.
 * DH_INVALID: a parameter, the spec, a mode. */
int engine_submit(struct engine *e, const struct engine_request *request, char ret_run_id[ID_TEXT],
                  struct dh_err *err);

/* ---- running ---- */

enum engine_mode {
    ENGINE_START,  /* a PENDING run, or a new one */
    ENGINE_RESUME, /* one whose engine is gone: what succeeded stays */
    ENGINE_RETRY,  /* one that has ended: what succeeded stays, unless its definition or inputs
                      changed */
};

struct engine_event { /* borrowed for the call */
    const char *run_id;
    const struct plan_node *node;
    const char *task_id;   /* UUID; NULL: not recorded */
    int attempt;           /* from 1; 0: none */
    enum plan_state state; /* RUNNING with attempt > 1 is a retry */
    const char *reason;    /* or NULL */
    const char *log;       /* the attempt's log; or NULL */
    int64_t started_us, at_us;
    int exit_code;   /* -1: none */
    bool waiting;    /* it is RUNNING, but its environment or image is being made, or an equal
                      * task runs and its result is waited for (reason says which) */
    int retry_in_ms; /* the attempt failed and is tried again after this; else -1 */
};

struct engine_watch {
    void (*run)(void *user, const char *run_id, enum plan_state state); /* RUNNING, and its end */
    void (*task)(void *user, const struct engine_event *event);
    void (*note)(void *user, const char *text); /* said once in a run: what cannot hold here, … */
    void *user;
};

struct engine_how {
    enum engine_mode mode;
    const char *const *from; /* RETRY: tasks (name, scope path or key) that run anew, with all that
                              * depends on them; NULL-terminated; NULL: none */
    const struct spec *spec; /* RETRY: a changed pipeline; NULL: the recorded one */
    int jobs;                /* 0: as it was submitted */
    const struct engine_watch *watch; /* or NULL */
};

struct engine_result {
    char run_id[ID_TEXT];  /* "": there is no such run */
    int64_t number;        /* its row */
    enum plan_state state; /* SUCCEEDED, FAILED, CANCELED */
    char *outputs, *error; /* JSON objects, as on record; NULL: none. The caller's */
};
void engine_result_done(struct engine_result *result);

/* Runs it to its end. 0: it ended, see *ret (a FAILED run is no error). DH_NOT_FOUND: no such run,
 * or no such task in `from`; DH_INVALID: it cannot be started, resumed or retried now (running
 * elsewhere, over, …); DH_IO: disk or database: the run can be resumed. *ret is set in any case. */
int engine_execute(struct engine *e, const char *run_id, const struct engine_how *how,
                   struct engine_result *ret, struct dh_err *err);
/* Submits a run and executes it: from its first moment on record it is RUNNING, and this process's.
 * Errors as of both; *ret is set in any case. */
int engine_start(struct engine *e, const struct engine_request *request,
                 const struct engine_watch *watch, struct engine_result *ret, struct dh_err *err);

/* ---- asking ---- */

enum engine_would { ENGINE_RUN, ENGINE_CACHED, ENGINE_SUCCEEDED, ENGINE_SKIP, ENGINE_UNKNOWN };

struct engine_explained { /* one task of a run, or of a file that has not run */
    const char *key;      /* plan_key */
    enum plan_type type;
    enum engine_would would;
    const char *because;     /* in words: "input 'train' changed: digest …", "no result with this
                                fingerprint" */
    const char *fingerprint; /* "" where it cannot be known yet */
};
/* What running this pipeline now would do, task by task: *fn is called in plan order. Nothing is
 * started or recorded. Tasks behind one that would run are UNKNOWN where their inputs depend on it.
 * `compare_run`: a run to compare with, or NULL: the newest succeeded one of the same pipeline. */
int engine_explain(struct engine *e, const struct engine_request *request, const char *compare_run,
                   void (*fn)(void *user, const struct engine_explained *task), void *user,
                   struct dh_err *err);
