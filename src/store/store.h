#pragma once
/* store - the record: what ran, with what, what came out, and which model is which.
 *
 * One database per home. It keeps facts and answers questions about them; it never decides what
 * runs next (plan/), never starts anything (engine/), never touches an artifact's bytes
 * (artifact/). Tables are named as in KFP proposal 12147: run, task, artifacts, artifact_task,
 * metric.
 *
 * Calls. Every call returns 0, or <0 with *err filled; >0 only where its comment names the answer.
 * DH_IO: disk, a locked, damaged or read-only database; the message names the file. DH_NOT_FOUND:
 * no such row. DH_EXISTS: it is there already. DH_INVALID: a name that cannot be used.
 *
 * Strings. In a struct that goes in, strings are borrowed for the call and NULL means "not set".
 * In a struct that comes out, strings live in the arena that the caller gave; a text that was
 * never set is NULL. JSON columns are text: the caller dumps and parses.
 *
 * Ids. `id` is the row's integer (never used twice; MLMD's ids); `uuid` is its name outside, made
 * by the caller with id_new. Times are microseconds since 1970 UTC, 0 = not set.
 *
 * Threads. A struct store belongs to one thread. Other processes and other stores on the same file
 * may read and write at the same time; a writer waits up to STORE_BUSY_MS for another one. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/own.h"

struct store;

#define STORE_BUSY_MS 10000

/* ---- states and kinds: stored and printed by name ---- */

enum store_state {
    STORE_PENDING,
    STORE_RUNNING,
    STORE_SUCCEEDED,
    STORE_FAILED,
    STORE_SKIPPED,
    STORE_CACHED,
    STORE_CANCELED,
    STORE_N_STATES
};
const char *store_state_name(enum store_state state);           /* "SUCCEEDED"; static */
int store_state_parse(const char *name, enum store_state *ret); /* -1: no such state */
bool store_state_ended(enum store_state state);                 /* neither PENDING nor RUNNING */
bool store_state_good(enum store_state state);                  /* SUCCEEDED or CACHED */

enum store_task_type {
    STORE_ROOT, /* the pipeline's own DAG: inputs = the run's parameters, OUTPUT links = its outputs
                 */
    STORE_RUNTIME,
    STORE_CONDITION,
    STORE_CONDITION_BRANCH,
    STORE_LOOP,
    STORE_LOOP_ITERATION,
    STORE_EXIT_HANDLER,
    STORE_IMPORTER,
    STORE_DAG,
    STORE_N_TASK_TYPES
};
const char *store_task_type_name(enum store_task_type type);
int store_task_type_parse(const char *name, enum store_task_type *ret);

/* ---- opening ---- */

enum {
    STORE_CREATE = 1,   /* make the file (not its folder) where it is not there */
    STORE_READONLY = 2, /* writes nothing; also for a home that cannot be written */
};
/* Opens the database at `path` (store_place) and brings its schema up to this program's (not with
 * STORE_READONLY). DH_NOT_FOUND: no file and no STORE_CREATE. DH_INVALID: made by a newer dhow, or
 * no database of ours. On 0, *ret is the caller's. */
int store_open(const char *path, unsigned flags, struct store **ret, struct dh_err *err);
/* Where the record of a home is: `db` (a URL of a server, or a file) or, where that is NULL,
 * dhow.db in the home. The caller's. */
char *store_place(const char *home, const char *db);
bool store_on_server(const char *place);
/* Whether there may be a record: false where it would be a file that is not there. */
bool store_exists(const char *place);
struct store *
store_close(struct store *s); /* rolls back what is open; NULL is fine; returns NULL */
OWN_DEFINE(struct store *, store_close)
const char *store_path(const struct store *s); /* borrowed; a URL without its password */
int store_schema(const struct store *s);       /* the schema's version number */

/* One transaction for the calls in between; without it each call is one of its own. A begin takes
 * the write lock. They do not nest. A commit that fails has rolled back. */
int store_begin(struct store *s, struct dh_err *err);
/* One state of the record for all that is read until store_rollback; and many reads cost less so.
 */
int store_begin_read(struct store *s, struct dh_err *err);
int store_commit(struct store *s, struct dh_err *err);
void store_rollback(struct store *s); /* nothing open: does nothing */
bool store_in_transaction(const struct store *s);

/* True where another connection has committed since the last call (and at the first): a cheap poll,
 * no rows are read. */
bool store_changed(struct store *s);
/* What a read finds now: equal numbers, equal rows. Within a transaction, of what that sees. 0: it
 * cannot be told. Of a record on a server it is a question (one trip), and is told within a
 * transaction alone. */
int64_t store_stamp(struct store *s);
/* Before the last commit of one who has written much, outside of a transaction: what has been
 * written goes where it is to stay, so that store_close finds little to do. */
void store_settle(struct store *s);

/* Reads the whole file and every reference. 0: sound. DH_IO: the first few faults. */
int store_check(struct store *s, struct dh_err *err);

/* ---- who runs a run ---- */

struct store_owner {
    int64_t pid; /* 0: nobody */
    const char *host;
    const char *token; /* boot, pid namespace and start time: tells a reused pid from the owner */
};
enum store_owner_state {
    STORE_OWNER_NONE,
    STORE_OWNER_ALIVE,
    STORE_OWNER_DEAD,
    STORE_OWNER_ELSEWHERE
};
/* This process, or another one of this machine (pid > 0). Strings go to `a`. Also right for the
 * pid and pid_token of a task's child. DH_NOT_FOUND: no such process. */
int store_owner_of(pid_t pid, struct arena *a, struct store_owner *ret, struct dh_err *err);
/* ELSEWHERE: another host or pid namespace; whether it lives cannot be known from here. */
enum store_owner_state store_owner_state(const struct store_owner *owner);

/* ---- experiments, specs, pipelines ---- */

struct store_experiment {
    int64_t id;
    const char *uuid, *name, *description;
    int64_t created_us, last_run_us;
    int64_t n_runs;
    bool archived;
    const char *notes;
};
struct store_experiments {
    struct store_experiment *items;
    size_t n;
};
/* Gets it, or makes it. */
int store_experiment_put(struct store *s, const char *name, int64_t *ret_id, struct dh_err *err);
int store_experiment_find(struct store *s, const char *name_or_uuid, struct arena *a,
                          struct store_experiment *ret, struct dh_err *err);
int store_experiment_list(struct store *s, struct arena *a, struct store_experiments *ret,
                          struct dh_err *err); /* newest use first */
/* The experiment alone, as MLflow has it; catalog_experiment_archive takes its runs as well. */
int store_experiment_set_archived(struct store *s, int64_t id, bool archived, struct dh_err *err);
int store_experiment_set_notes(struct store *s, int64_t id, const char *notes, struct dh_err *err);

/* A pipeline spec's text, kept once by its sha256 (which the caller has: of the canonical JSON). */
int store_spec_put(struct store *s, const char *digest, const char *json, struct dh_err *err);
int store_spec_get(struct store *s, const char *digest, struct arena *a, const char **ret_json,
                   struct dh_err *err);

struct store_pipeline {
    int64_t id;
    const char *uuid, *name, *description;
    int64_t created_us, last_run_us;
    int64_t n_versions, n_runs;
};
struct store_pipelines {
    struct store_pipeline *items;
    size_t n;
};
struct store_pipeline_version {
    int64_t id, pipeline_id;
    const char *uuid, *name, *pipeline, *spec_digest;
    int64_t created_us;
};
struct store_pipeline_versions {
    struct store_pipeline_version *items;
    size_t n;
};
/* Gets or makes the pipeline and its version with that spec (store_spec_put first). `version` NULL:
 * the one that has this spec, else a new one named by the next number. DH_EXISTS: `version` is
 * there with another spec. Either ret may be NULL. */
int store_pipeline_put(struct store *s, const char *name, const char *version,
                       const char *spec_digest, int64_t *ret_pipeline_id, int64_t *ret_version_id,
                       struct dh_err *err);
int store_pipeline_find(struct store *s, const char *name_or_uuid, struct arena *a,
                        struct store_pipeline *ret, struct dh_err *err);
int store_pipeline_list(struct store *s, struct arena *a, struct store_pipelines *ret,
                        struct dh_err *err);
int store_pipeline_version_list(struct store *s, int64_t pipeline_id, struct arena *a,
                                struct store_pipeline_versions *ret,
                                struct dh_err *err); /* newest first */

/* ---- runs ---- */

struct store_run {
    int64_t id; /* out only */
    const char *uuid, *display_name;
    int64_t experiment_id, pipeline_id, pipeline_version_id; /* 0: none */
    const char *experiment, *pipeline, *pipeline_version;    /* names; out only */
    const char *spec_digest;                                 /* store_spec_put first */
    const char *parameters; /* JSON object: the run's inputs, defaults filled in */
    const char *outputs;    /* JSON object: the pipeline's output parameters; NULL until it ends */
    const char *pipeline_root;
    const char *cache_mode; /* "on", "off", "read", "refresh" */
    const char *options;    /* JSON object: jobs, runtime, from_task, source path, folder, … */
    enum store_state state;
    const char *error; /* JSON object {task, message, log_tail}, NULL where there is none */
    int64_t created_us, started_us, finished_us;
    struct store_owner owner;
    int64_t generation; /* how often it was taken up: 0 before the first claim */
    int64_t cancel_requested_us;
    bool archived;
    const char *notes; /* free text, out only */
    int64_t edited_us; /* out only: when its name, tags, notes or archive were last written */
    /* A server's: */
    const char *description, *namespace, *service_account;
    int64_t scheduled_us, schedule_id; /* 0: none */
    const char *request;               /* JSON object: as it was asked for; NULL: not by a server */
    const char *queue;                 /* "run", "retry", "delete"; NULL: no server's */
    int64_t lease_us;                  /* when its owner last said that it lives; 0: it does not */
    const char *experiment_uuid, *pipeline_uuid, *version_uuid, *schedule_uuid; /* out only */
};
struct store_runs {
    struct store_run *items;
    size_t n;
    bool more; /* there are older ones: ask again with after = the last item */
};

/* Inserts it as given; state, generation and cancel are not read. Without an owner it is PENDING.
 * With one it is as store_run_claim leaves it, since started_us. */
int store_run_insert(struct store *s, const struct store_run *run, int64_t *ret_id,
                     struct dh_err *err);
/* By "last"/"latest" (the newest that is not archived), number (17), uuid, prefix of a uuid of at
 * least 4 characters, or display name. DH_NOT_FOUND; DH_INVALID: fits several (it names them). */
int store_run_find(struct store *s, const char *name, struct arena *a, struct store_run *ret,
                   struct dh_err *err);
int store_run_get(struct store *s, int64_t id, struct arena *a, struct store_run *ret,
                  struct dh_err *err);

struct store_run_filter {
    const char *experiment, *pipeline; /* names; NULL: any */
    int state;                         /* enum store_state, or -1: any */
    bool archived_too;
    int limit; /* 0: 100 */
    int64_t after_created_us,
        after_id;      /* keyset: the last item of the page before; 0: from the newest */
    const char *where; /* a condition, see run-query.h; NULL: none */
    /* "metric.accuracy desc, name"; NULL: newest first. Then a page is by offset */
    const char *sort;
    bool sort_all; /* runs that do not have the first key come last; else they are left out */
    int64_t offset;
};
/* Newest first, or as `sort` says. DH_INVALID: `where` or `sort` cannot be read. */
int store_run_list(struct store *s, const struct store_run_filter *filter, struct arena *a,
                   struct store_runs *ret, struct dh_err *err);

enum { STORE_RUN_TAKEN = 1 };
#define STORE_LEASE_US                                                                             \
    ((int64_t)30000000) /* an owner elsewhere that says nothing for so long is dead */
/* Its owner lives. STORE_RUN_TAKEN: it is another's now. */
int store_run_renew(struct store *s, int64_t id, int64_t generation, int64_t now_us,
                    struct dh_err *err);
/* Nobody runs it: no owner, a dead one, or one elsewhere that has said nothing for too long. */
bool store_run_abandoned(const struct store_run *run, int64_t now_us);
/* Makes `owner` the one that runs it and adds 1 to its generation, if its generation is still
 * `generation` (as read); clears an old cancel request, error, outputs and finish time. The state
 * is RUNNING, started_us is set at the first claim. STORE_RUN_TAKEN: somebody else was quicker. */
int store_run_claim(struct store *s, int64_t id, int64_t generation,
                    const struct store_owner *owner, int64_t now_us, struct dh_err *err);
/* The end of a run: clears the owner. `outputs`, `error` may be NULL. */
int store_run_finish(struct store *s, int64_t id, enum store_state state, const char *outputs,
                     const char *error, int64_t now_us, struct dh_err *err);
/* A changed pipeline for a run that is retried (store_spec_put first). */
int store_run_set_spec(struct store *s, int64_t id, const char *spec_digest, struct dh_err *err);
/* And what it was given: parameters and options, JSON objects. */
int store_run_set_given(struct store *s, int64_t id, const char *parameters, const char *options,
                        struct dh_err *err);
/* Somebody outside has begun it: it is RUNNING, and no process here is known for it. */
int store_run_begin_outside(struct store *s, int64_t id, int64_t started_us, struct dh_err *err);
int store_run_set_name(struct store *s, int64_t id, const char *display_name, struct dh_err *err);
int store_run_set_notes(struct store *s, int64_t id, const char *notes, struct dh_err *err);
int store_run_set_archived(struct store *s, int64_t id, bool archived, struct dh_err *err);
/* NULL: no server answers for it any more. A run's end clears it, unless it is "delete". */
int store_run_set_queue(struct store *s, int64_t id, const char *queue, struct dh_err *err);
int store_run_set_request(struct store *s, int64_t id, const char *request, struct dh_err *err);
/* From any process; whoever runs it sees it (store_changed, then store_run_cancel_requested). */
int store_run_request_cancel(struct store *s, int64_t id, int64_t now_us, struct dh_err *err);
int store_run_cancel_requested(struct store *s, int64_t id, bool *ret, struct dh_err *err);
/* The run with its tasks, attempts, links and metrics. Artifacts and model versions stay. */
int store_run_delete(struct store *s, int64_t id, struct dh_err *err);

/* ---- tasks ---- */

struct store_task {
    int64_t id; /* out only */
    const char *uuid;
    int64_t run_id, parent_task_id; /* parent 0: none */
    const char *name, *display_name;
    const char *scope_path; /* "root.loop.train" */
    enum store_task_type type;
    int64_t iteration_index; /* -1: none */
    int64_t iteration_count; /* of a LOOP; -1: none, or not known yet */
    enum store_state state;
    int64_t attempts;
    const char *cache_fingerprint;
    bool only_here; /* equal tasks do not use its result (the column: not reusable); in only */
    int64_t cached_from_id;  /* the task whose outputs were used; 0: none */
    const char *cached_from; /* its uuid; out only */
    const char *inputs;      /* JSON object of parameters; artifacts are links */
    const char *outputs;     /* the same of outputs */
    int64_t pid;             /* of the running attempt, with its token (store_owner_of); 0: none */
    const char *pid_token;
    int64_t exit_code;        /* -1: none */
    const char *state_reason; /* one line: why skipped, failed, cached, … */
    const char *error;        /* JSON, as store_run.error */
    const char *log_path, *folder;
    int64_t created_us, started_us, finished_us;
};
struct store_tasks {
    struct store_task *items;
    size_t n;
};

/* Reads uuid … attempts, cache_fingerprint, only_here, cached_from_id, inputs, outputs,
 * state_reason, error, log_path, folder and the times; so a task that ends at once (skipped,
 * cached) is one call. */
int store_task_insert(struct store *s, const struct store_task *task, int64_t *ret_id,
                      struct dh_err *err);

struct store_task_start {
    int64_t attempts;                                           /* this attempt's number, from 1 */
    const char *inputs, *cache_fingerprint, *folder, *log_path; /* NULL: keeps what is there */
    bool only_here;
    int64_t iteration_count; /* -1: keeps */
    int64_t now_us;          /* started_us where it is not set yet */
};
/* State RUNNING; forgets exit code, error, pid of an attempt before. */
int store_task_start(struct store *s, int64_t id, const struct store_task_start *start,
                     struct dh_err *err);
/* The child of the running attempt, so that a later process can tell whether it lives. */
int store_task_set_pid(struct store *s, int64_t id, int64_t pid, const char *pid_token,
                       struct dh_err *err);

/* Why it is as it is, in a line: of a task that waits. */
int store_task_say(struct store *s, int64_t id, const char *reason, struct dh_err *err);

/* Of one that has failed. */
int store_task_set_error(struct store *s, int64_t id, const char *error, struct dh_err *err);

struct store_task_finish {
    enum store_state state;
    const char *outputs, *state_reason, *error; /* NULL: none */
    int64_t exit_code;                          /* -1: none */
    int64_t cached_from_id;                     /* 0: keeps (a reset forgets it) */
    int64_t now_us;
};
int store_task_finish(struct store *s, int64_t id, const struct store_task_finish *finish,
                      struct dh_err *err);
/* Back to PENDING for a retry: forgets times, outputs, error, cache origin, and removes its links
 * and metrics. Attempts (the number and the rows) stay. */
int store_task_reset(struct store *s, int64_t id, struct dh_err *err);
int store_task_delete(struct store *s, int64_t id, struct dh_err *err); /* with all below it */

int store_task_get(struct store *s, int64_t id, struct arena *a, struct store_task *ret,
                   struct dh_err *err);
int store_task_find(struct store *s, const char *uuid, struct arena *a, struct store_task *ret,
                    struct dh_err *err);
int store_task_list(struct store *s, int64_t run_id, struct arena *a, struct store_tasks *ret,
                    struct dh_err *err); /* in order of insertion */
/* One of a list in order of insertion; NULL: it is not there. */
const struct store_task *store_tasks_by_id(const struct store_tasks *tasks, int64_t id);
/* For big runs: one row at a time, strings borrowed for the call of fn. fn's nonzero answer ends
 * the walk and is returned. fn must not write through `s`. */
int store_task_each(struct store *s, int64_t run_id,
                    int (*fn)(const struct store_task *task, void *user, struct dh_err *err),
                    void *user, struct dh_err *err);

struct store_attempt {
    int64_t id;              /* out only */
    int64_t task_id, number; /* from 1; one row per task and number */
    enum store_state state;
    int64_t exit_code; /* -1: none */
    const char *reason, *log_path;
    int64_t started_us, finished_us;
};
struct store_attempts {
    struct store_attempt *items;
    size_t n;
};
/* Inserts, or replaces the row of the same number (started, then finished). */
int store_attempt_put(struct store *s, const struct store_attempt *attempt, struct dh_err *err);
int store_attempt_list(struct store *s, int64_t task_id, struct arena *a,
                       struct store_attempts *ret, struct dh_err *err);

/* ---- artifacts ---- */

enum store_artifact_state { STORE_LIVE, STORE_DELETED };
enum store_link_type { STORE_INPUT, STORE_OUTPUT };

struct store_artifact {
    int64_t id; /* out only */
    const char *uuid;
    const char *type; /* "system.Model" */
    const char *name; /* as the step named it, else the output's name */
    const char *uri;
    const char *digest; /* sha256 hex: of a file's bytes, or of a folder's tree; NULL: not known */
    int64_t size_bytes; /* -1: not known */
    const char *metadata; /* JSON object */
    enum store_artifact_state state;
    int64_t created_us;
};
struct store_link {
    int64_t artifact_id, task_id;
    enum store_link_type type;
    const char *key;          /* the input's or output's name */
    int64_t index;            /* place in a list of artifacts, from 0 */
    int64_t producer_task_id; /* INPUT: the task it came from; 0: none (or OUTPUT) */
    const char *producer_key;
};
struct store_linked {
    struct store_link link;
    struct store_artifact artifact;
};
struct store_linkeds { /* ordered by task, key, index */
    struct store_linked *items;
    size_t n;
};

int store_artifact_insert(struct store *s, const struct store_artifact *artifact, int64_t *ret_id,
                          struct dh_err *err);
int store_artifact_link(struct store *s, const struct store_link *link, struct dh_err *err);
/* The first place behind what the task has by that name. */
int store_artifact_next_index(struct store *s, int64_t task_id, enum store_link_type type,
                              const char *key, int64_t *ret, struct dh_err *err);
int store_artifact_set_state(struct store *s, int64_t id, enum store_artifact_state state,
                             struct dh_err *err);
/* Of what a client of ours still writes: digest NULL and size -1 while they are not known. */
int store_artifact_set_bytes(struct store *s, int64_t id, const char *digest, int64_t size_bytes,
                             struct dh_err *err);
int store_artifact_set_metadata(struct store *s, int64_t id, const char *metadata,
                                struct dh_err *err);
int store_artifacts_of_task(struct store *s, int64_t task_id, enum store_link_type type,
                            struct arena *a, struct store_linkeds *ret, struct dh_err *err);
/* All of a run in one query. */
int store_artifacts_of_run(struct store *s, int64_t run_id, enum store_link_type type,
                           struct arena *a, struct store_linkeds *ret, struct dh_err *err);
/* The links of one task, a part of `all`. */
struct store_linkeds store_linkeds_of_task(const struct store_linkeds *all, int64_t task_id);
/* The tasks that made (OUTPUT) or used (INPUT) it: lineage. `artifact` is the same in each. */
int store_artifact_links(struct store *s, int64_t artifact_id, enum store_link_type type,
                         struct arena *a, struct store_linkeds *ret, struct dh_err *err);

int store_artifact_get(struct store *s, int64_t id, struct arena *a, struct store_artifact *ret,
                       struct dh_err *err);
/* By number, uuid or its prefix of at least 4 characters, or exact uri (the newest). */
int store_artifact_find(struct store *s, const char *name, struct arena *a,
                        struct store_artifact *ret, struct dh_err *err);
struct store_artifact_row {
    struct store_artifact artifact;
    /* who made it: NULL and 0 where nobody is recorded */
    int64_t run_id, task_id;
    const char *run_uuid, *run_name, *pipeline, *task_name, *key;
};
struct store_artifact_rows {
    struct store_artifact_row *items;
    size_t n;
    bool more;
};
struct store_artifact_filter {
    const char *type, *digest, *uri; /* exact; NULL: any */
    int64_t run_id;                  /* made by this run; 0: any */
    int64_t experiment_id;           /* by one of its runs; 0: any */
    bool deleted_too;
    int limit;        /* 0: 100 */
    int64_t after_id; /* keyset: the last item of the page before; 0: from the newest */
};
int store_artifact_list(struct store *s, const struct store_artifact_filter *filter,
                        struct arena *a, struct store_artifact_rows *ret, struct dh_err *err);

/* ---- cache ---- */

enum { STORE_CACHE_MISS = 1 };
/* The newest SUCCEEDED task with this fingerprint that finished at or after `not_before_us` (0:
 * any) and whose id is below `before_id` (0: any; give the last answer's id to try the next older
 * one). `outputs` are its OUTPUT links. Whether the bytes are still there is for the caller to
 * check. */
int store_cache_find(struct store *s, const char *fingerprint, int64_t not_before_us,
                     int64_t before_id, struct arena *a, struct store_task *ret_task,
                     struct store_linkeds *ret_outputs, struct dh_err *err);

/* ---- metrics ---- */

struct store_metric {
    int64_t id;                           /* out only */
    int64_t run_id, task_id, artifact_id; /* task, artifact 0: none */
    const char *name;
    double number;
    int64_t step; /* of a live metric; -1: a final value */
    int64_t time_us;
};
struct store_metrics {
    struct store_metric *items;
    size_t n;
};
int store_metric_insert(struct store *s, const struct store_metric *metric, struct dh_err *err);
/* A task that took its result from `from_task` has its metrics too: runs are found by them. */
int store_metric_reuse(struct store *s, int64_t from_task, int64_t run_id, int64_t task_id,
                       int64_t now_us, struct dh_err *err);
/* The last value of each metric of a run: {"accuracy": 0.93}. Where several tasks have it, the
 * newest; and {"accuracy@TASK": …} of each. */
int store_metric_last(struct store *s, int64_t run_id, struct arena *a, const char **ret_json,
                      struct dh_err *err);
int store_metric_list(struct store *s, int64_t run_id, struct arena *a, struct store_metrics *ret,
                      struct dh_err *err); /* in order of insertion */

/* ---- tags: a name and a text, of what is found by them ---- */

enum store_tagged {
    STORE_TAG_RUN,
    STORE_TAG_EXPERIMENT,
    STORE_TAG_MODEL,
    STORE_TAG_MODEL_VERSION,
    STORE_N_TAGGED
};
/* value NULL: removes it (gone already is fine). DH_INVALID: a name that cannot be one. */
int store_tag_set(struct store *s, enum store_tagged kind, int64_t id, const char *name,
                  const char *value, struct dh_err *err);
/* JSON object of texts, sorted by name. */
int store_tags(struct store *s, enum store_tagged kind, int64_t id, struct arena *a,
               const char **ret_json, struct dh_err *err);

#include "store/models.h" /* models, and approvals */
