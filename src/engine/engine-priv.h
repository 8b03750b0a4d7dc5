#pragma once
/* What the files of engine/ share. */
#include <stdatomic.h>
#include <uv.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/strmap.h"
#include "engine/engine.h"
#include "engine/secret.h"
#include "plan/executor_input.h"
#include "runtime/runtime.h"
#include "runtime/shepherd.h"
#include "store/store.h"

struct engine {
    char *home; /* absolute */
    char *self; /* this program */
    struct store *store;
    uv_loop_t loop;
    bool runs;
    struct shepherd *shepherd; /* for the run to come; NULL: it forks one itself */
};

enum cache_mode { CACHE_OFF = 0, CACHE_READ = 1, CACHE_WRITE = 2, CACHE_ON = 3 };

enum job_state {
    JOB_NEW,
    JOB_PARKED,    /* an equal task runs: its result is waited for */
    JOB_PREPARING, /* the runtime makes an environment or fetches an image */
    JOB_TO_START,  /* recorded; is started after the commit */
    JOB_LOOKING,   /* whether far results on record are still there */
    JOB_FETCHING,  /* its inputs are on their way */
    JOB_RUNNING,
    JOB_MEASURING, /* it has exited; its outputs are measured, and sent, in a thread */
    JOB_ASKING,    /* a person is to decide */
    JOB_BACKOFF,   /* failed; waits for its next attempt */
    JOB_AWAITING,  /* on a cluster: its pod has not asked for it yet */
    JOB_OVER,      /* waits for its timer to close */
};

struct job { /* a leaf that is being worked on; gone when it is final */
    struct run *run;
    struct plan_node *node;
    struct job *next;
    uint64_t id; /* the shepherd's */
    enum job_state state;
    int64_t task; /* row */
    char uuid[ID_TEXT];
    int attempt, failures; /* attempts that count against the retry policy */
    char fingerprint[DIGEST_TEXT];
    struct js *input; /* ExecutorInput */
    char *task_root, *out, *output_file;
    char *volumes; /* folders of this attempt alone; NULL: none */
    struct runtime_job spec;
    struct secret_masks masks; /* of the secrets that the step gets */
    int64_t started_us;
    bool kill_sent, timed_out;
    int64_t metrics_at;           /* bytes of its live metrics that have been read */
    int n_metrics, n_metrics_had; /* that it reported; of these on record before we came */
    bool hopeless;                /* trying again cannot help */
    int lost;                     /* pods of it that were deleted, and are made anew */
    int64_t lost_us;              /* when the last one was */
    bool started;                 /* the shepherd said so; else it waits there */
    bool suspect;                 /* it ran when the shepherd was killed, and others did */
    int slot;         /* the one that it has, from 1; 0: none. Its working folder is the slot's, */
    int folder;       /* or the shepherd's, of that number; 0: the slot's, or not known */
    bool clean;       /* nothing is left in that one */
    uv_timer_t timer; /* timeout, grace or backoff */
    bool timer_open;
    /* in a thread */
    uv_work_t work;
    void (*in_thread)(struct job *job);
    int (*then)(struct job *job, struct dh_err *err);
    struct js *outputs;
    struct dh_err work_err;
    int work_rc;
    atomic_bool stop;           /* what is fetched or sent for it is to end */
    char *remote_root;          /* where its outputs go, if that is far: the URI of task_root */
    struct transfer *transfers; /* remote.c's */
    size_t n_transfers, cap_transfers;
};

struct earlier {           /* what the record says of a task, on resume and retry */
    struct store_task row; /* strings in run->arena */
    bool used;
};

struct run {
    struct engine *engine;
    struct arena *arena;
    int64_t id;
    char uuid[ID_TEXT];
    int64_t generation, renewed_us; /* of the claim; when it was last said that this engine lives */
    bool served;                    /* a server answers for it, perhaps one elsewhere */
    const struct spec *spec;
    struct spec *read_spec; /* that one, from the record; NULL: it is the caller's */
    struct plan_run facts;
    struct js *parameters, *options, *secrets;
    struct plan *plan;
    struct shepherd *shepherd;
    struct runtime *runtime;
    struct cluster *cluster; /* NULL: steps are processes of this machine */
    const struct engine_how *how;
    const struct engine_watch *watch;
    struct engine_result *result;
    enum cache_mode cache;
    char *folder;             /* {home}/runs/{uuid} */
    const char *local_root;   /* what steps write below */
    const char *remote_root;  /* a URI: where that goes; NULL: it stays */
    const char *cache_folder; /* of what is far */
    struct strmap *verified;  /* remote.c's */
    atomic_bool stop;
    int n_looking;
    char **base_env;
    char *first_error; /* JSON; of the first leaf that failed */
    int jobs;          /* steps at a time */
    int cpus;          /* that we may use */
    int ahead; /* slots more than that: steps that wait in the shepherd while steps are short */
    int64_t step_us; /* how long a step takes, the last ones counting most */
    int n_tiny;      /* steps that were hardly there, one after the other, as far as it matters */
    int n_slots;     /* in use */
    bool *slots;     /* from 1: taken */
    int n_slot_names;
    int n_slot_folders; /* that were made; the others are the shepherd's, */
    int n_folders;      /* as far as we know them: */
    bool strays;        /* there may be more */
    int n_parked;
    int n_suspects; /* jobs; while there are any, steps run one at a time */
    int n_lost;     /* shepherds, one after the other with nothing to do */
    uint64_t next_job;
    struct job *job_list;
    struct strmap *by_fingerprint; /* cacheable tasks in flight → struct job */
    int64_t retry_at;              /* when the retry that is going on began; 0: none */
    const struct js *retry_from;   /* what it was told to run anew: texts; of options */
    struct strmap *earlier;        /* plan_key → struct earlier; NULL: a new run */
    struct journal *journal;       /* of the engine before */
    struct store_linkeds earlier_outputs;
    struct strmap *notes;  /* said already */
    struct notify *notify; /* NULL: nobody is told */
    uv_poll_t poll;
    uv_timer_t tick;
    uv_timer_t deadline;
    uv_timer_t soon; /* the next turn */
    uv_signal_t sigint, sigterm;
    uv_async_t wake;
    int n_handles; /* open uv handles of ours */
    unsigned ticks;
    int cancels; /* how often it was asked */
    const char *cancel_reason;
    bool late;            /* its deadline is over */
    bool names_workspace; /* the spec refers to the shared workspace */
    struct {
        char **items;
        size_t n, cap;
    } garbage;   /* folders to remove after the commit */
    bool ended;  /* all tasks are final, and on record */
    bool closed; /* so is the run's end */
    bool over;   /* the loop is to be left */
    int rc;      /* <0: err says why the loop was left */
    struct dh_err *err;
};

/* ---- engine.c ---- */
/* Refuses what cannot be planned before there is any record of it. */
int engine_try_plan(const struct spec *spec, const struct js *parameters, struct dh_err *err);

/* ---- loop.c ---- */
void run_open_handles(struct run *run);  /* what wakes it from now on */
void run_close_handles(struct run *run); /* and its jobs' timers; waits until they are */
void run_wake(void *user);               /* the run; from any thread */
void run_cancel(struct run *run, const char *reason); /* once more: exit handlers too */

/* ---- run.c ---- */
/* The run is on record as this process's. `json`: of how->spec; NULL: both are read from there. */
int run_execute(struct engine *e, const struct store_run *row, const char *json,
                const struct engine_how *how, struct engine_result *ret, struct dh_err *err);
/* Goes on with the plan as far as slots allow, in one transaction. Errors end the run's loop. */
void run_turn(struct run *run);
void run_stop(struct run *run);                  /* leave the loop */
void run_fail(struct run *run);                  /* the same, run->err is filled */
void run_discard(struct run *run, char *folder); /* after the commit; takes the text */
void run_note(struct run *run, const char *text);
/* The first one is the run's error. Takes the text. */
void run_error(struct run *run, char *error_json);
void run_watch(struct run *run, const struct plan_node *node, const struct job *job,
               enum plan_state state, const char *reason, int exit_code, int retry_in_ms);

/* ---- retry.c ---- */
/* Whether the retry can be: the pipeline, its parameters (bound anew: the caller's), the tasks it
 * names. */
int retry_check(struct engine *e, const struct store_run *row, const struct engine_how *how,
                struct js **ret_parameters, struct dh_err *err);
/* Into the record, in the claim's transaction: when it began, what it runs anew, the changed
 * pipeline. */
int retry_record(struct engine *e, const struct store_run *row, const struct engine_how *how,
                 const struct js *parameters, struct dh_err *err);

/* ---- record.c: rows of nodes ---- */
int64_t record_id(const struct plan_node *node); /* the node's row; 0: none yet */
int record_open(struct run *run, struct plan_node *node,
                struct dh_err *err); /* a dag or loop is RUNNING */
int record_end(struct run *run, struct plan_node *node, struct dh_err *err); /* a node is final */
/* Fills job->uuid; with an earlier row, which is set back, task and attempt as well. A new row is
 * written by the first of the calls below. */
int record_leaf(struct run *run, struct job *job, struct dh_err *err);
int record_waiting(struct run *run, struct job *job, struct dh_err *err); /* it has a row now */
int record_attempt(struct run *run, struct job *job,
                   struct dh_err *err); /* the attempt is about to start */
/* An importer's artifact that the record has already: the same type, uri, digest and metadata. Then
 * it gets that row, and record_success makes no new one. */
int record_find_imported(struct run *run, struct js *artifact, struct dh_err *err);
int record_success(struct run *run, struct job *job,
                   struct dh_err *err); /* job->outputs; adds ids to them */
int record_cached(struct run *run, struct job *job, const struct store_task *origin,
                  const struct store_linkeds *outputs, struct dh_err *err);
/* `final`: no attempt follows. */
int record_failure(struct run *run, struct job *job, enum plan_state state, const char *reason,
                   int exit_code, bool final, struct dh_err *err);
int record_inputs(struct run *run, struct job *job, struct dh_err *err); /* INPUT links */
/* Links of recorded outputs → the plan's form. `parameters`: JSON text or NULL. */
int record_outputs_read(const char *parameters, const struct store_linked *links, size_t n,
                        struct js **ret, struct dh_err *err);
char *record_error_json(const struct plan_node *node, const char *message, const char *log);

/* ---- earlier.c: the record of a run that is taken up again ---- */
int earlier_load(struct run *run, struct dh_err *err);
/* What plan_key says of each; in the arena. */
const char **earlier_keys(struct arena *a, const struct store_tasks *tasks);
struct earlier *earlier_find(struct run *run, const struct plan_node *node);
/* Whether the recorded success of a RUNNING leaf still stands: then *ret_outputs is set (may be
 * NULL). */
bool earlier_stands(struct run *run, struct job *job, struct earlier *e, struct js **ret_outputs,
                    struct dh_err *err);
int earlier_drop_unused(struct run *run, struct dh_err *err);
bool earlier_from(const struct run *run,
                  const struct plan_node *node); /* chosen by --from, or below */
/* It ended before the retry began that is going on. */
bool earlier_is_old(const struct run *run, const struct earlier *e);
/* A task that was canceled before it was asked for: its earlier row, and all below it, stay. */
void earlier_keep(struct run *run, const struct plan_node *node);

/* ---- task.c, attempt.c, jobs.c: the life of a leaf ---- */
int task_begin(struct run *run, struct plan_node *node, struct dh_err *err); /* plan says RUNNING */
void attempt_event(struct run *run, const struct shepherd_event *event);
bool attempts_suffice(const struct run *run); /* enough of them wait in the shepherd for a while */
int attempt_start_recorded(struct run *run, struct dh_err *err); /* after the commit */
void attempt_prepare_waiting(struct run *run); /* a runtime has made something, a backoff is over */
void attempt_kill_all(struct run *run, bool hard);
/* Steps that were handed over ahead and still wait come back: the ones before them are not short.
 */
void attempt_take_back(struct run *run);
/* Equal tasks whose holder is over: they ask the cache again, or one of them runs. */
int task_unpark(struct run *run, struct dh_err *err);
bool task_can_unpark(const struct run *run);
bool jobs_may_start(const struct run *run); /* there is a free slot */
void jobs_free(struct job *job);

/* ---- lost.c ---- */
/* Says how many at once, and where ends are written. One that has been killed before it was told is
 * no step's doing, and has taken none with it: another takes its place. */
int shepherd_brief(struct run *run, struct dh_err *err);
/* The shepherd is gone: another is there, and what ran has ended or will begin anew. In the run's
 * transaction. */
int lost_shepherd(struct run *run, struct dh_err *err);

/* ---- cache.c ---- */
/* The newest recorded success with the job's fingerprint whose outputs are all still there,
 * unchanged. STORE_CACHE_MISS: none. CACHE_ASK: outputs are far, and are to be asked for first
 * (remote_ask_work). Results are in `arena`. */
enum { CACHE_ASK = 100 };
int cache_look_up(struct job *job, struct arena *arena, struct store_task *ret,
                  struct store_linkeds *ret_outputs, struct dh_err *err);

/* ---- job.c: what a step sees ---- */
void job_name(struct run *run, struct job *job); /* names of folders, ExecutorInput */
void job_make_input(struct job *job);            /* ExecutorInput, once its folders are named */
int job_build(struct run *run, struct job *job,
              struct dh_err *err);       /* and folders, command, environment */
bool job_has_out(const struct job *job); /* whether the step has a folder for output parameters */
/* After the commit; what an attempt before left goes. */
int job_make_folders(struct job *job, struct dh_err *err);
char **env_base(const struct run *run); /* what all steps of the run have in common */

/* ---- work.c ---- */
char *work_folder(const struct run *run, int slot); /* the caller's */
char *work_volumes(const struct run *run);          /* where steps' mounts are made; the caller's */
int work_make(struct job *job, struct dh_err *err); /* the slot's working folder, empty */
void work_is(struct job *job, int folder);          /* it has that one of the shepherd's */
void work_leave(struct job *job);                   /* what it left there goes, after the commit */
void work_remove(const struct run *run);            /* the folders */

/* ---- outputs.c ---- */
/* Reads what a step that exited with 0 left: job->outputs without digests. DH_FAILED: a bad answer.
 */
int outputs_read(struct run *run, struct job *job, struct dh_err *err);
bool outputs_are_large(const struct js *outputs);
int outputs_measure(struct js *outputs, struct dh_err *err); /* digests and sizes; any thread */

/* ---- metrics-live.c ---- */
char *metrics_live_path(const struct job *job); /* $DHOW_METRICS; the caller's */
/* A pod's launcher has read this from its byte `at` on; returns how many bytes are here. */
int64_t metrics_live_append(struct job *job, int64_t at, const char *bytes, size_t n);
/* Records what running steps have reported since; may begin a transaction. */
int metrics_live_tick(struct run *run, struct dh_err *err);
int metrics_live_end(struct job *job, struct dh_err *err); /* the rest, after the exit */
/* The engine before had recorded some of them. */
int metrics_live_adopt(struct job *job, struct dh_err *err);
