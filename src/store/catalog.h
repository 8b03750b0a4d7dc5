#pragma once
/* catalog - what a server's users make by hand: experiments, pipelines, versions, tags, schedules.
 *
 * The same tables as store.h's; with the columns that only a server fills. Calls, strings, ids and
 * times as there.
 *
 * Names of experiments and pipelines are unique in their namespace. The record keeps one of a
 * namespace as "NAMESPACE/NAME", as the command line shows it; these calls take and give NAME. */
#include "base/js.h"
#include "store/store.h"

/* NAME of a record's "NAMESPACE/NAME"; any other name as it is. Borrowed. */
const char *catalog_name(const char *name, const char *namespace);

/* ---- experiments ---- */

struct catalog_experiment {
    int64_t id;
    const char *uuid, *name, *description, *namespace;
    int64_t created_us, last_run_us;
    bool archived;
};
/* DH_EXISTS: the name is taken. Reads name, description, namespace. */
int catalog_experiment_add(struct store *s, const struct catalog_experiment *experiment,
                           int64_t *ret_id, struct dh_err *err);
int catalog_experiment_get(struct store *s, int64_t id, struct arena *a,
                           struct catalog_experiment *ret, struct dh_err *err);
/* The row of a uuid. DH_NOT_FOUND. */
int catalog_experiment_id(struct store *s, const char *uuid, int64_t *ret_id, struct dh_err *err);
/* With archived: its runs too, and its schedules stop. Back again they stay as they are. */
int catalog_experiment_archive(struct store *s, int64_t id, bool archived, struct dh_err *err);
/* Its runs and schedules stay, and belong to none. */
int catalog_experiment_delete(struct store *s, int64_t id, struct dh_err *err);

/* ---- pipelines and their versions ---- */

struct catalog_pipeline {
    int64_t id;
    const char *uuid, *name, *display_name, *description, *namespace;
    int64_t created_us;
};
/* One that runs have left under that name becomes it, with a new uuid. DH_EXISTS. */
int catalog_pipeline_add(struct store *s, const struct catalog_pipeline *pipeline, int64_t *ret_id,
                         struct dh_err *err);
int catalog_pipeline_get(struct store *s, int64_t id, struct arena *a, struct catalog_pipeline *ret,
                         struct dh_err *err);
int catalog_pipeline_id(struct store *s, const char *uuid, int64_t *ret_id, struct dh_err *err);
int catalog_pipeline_named(struct store *s, const char *name, const char *namespace,
                           int64_t *ret_id, struct dh_err *err);
int catalog_pipeline_rename(struct store *s, int64_t id, const char *display_name,
                            struct dh_err *err);
/* With its versions. What runs refer to stays in the record, out of sight. */
int catalog_pipeline_delete(struct store *s, int64_t id, struct dh_err *err);

struct catalog_version {
    int64_t id, pipeline_id;
    const char *uuid, *pipeline_uuid, *name, *display_name, *description;
    const char *code_source_url, *package_url, *spec_digest;
    int64_t created_us;
};
/* DH_EXISTS: the pipeline has a version of that name. */
int catalog_version_add(struct store *s, const struct catalog_version *version, int64_t *ret_id,
                        struct dh_err *err);
int catalog_version_get(struct store *s, int64_t id, struct arena *a, struct catalog_version *ret,
                        struct dh_err *err);
/* pipeline_id 0: of any. `hidden`: also what runs have left. */
int catalog_version_id(struct store *s, int64_t pipeline_id, const char *uuid, bool hidden,
                       int64_t *ret_id, struct dh_err *err);
/* The newest of the pipeline: 1 where it has none. */
int catalog_version_newest(struct store *s, int64_t pipeline_id, int64_t *ret_id,
                           struct dh_err *err);
int catalog_version_rename(struct store *s, int64_t id, const char *display_name,
                           struct dh_err *err);
int catalog_version_delete(struct store *s, int64_t id, struct dh_err *err);

/* ---- tags: kind is "pipeline" or "version" ---- */

/* All of them anew: an object of texts, or NULL: none. */
int catalog_tags_set(struct store *s, const char *kind, int64_t owner, const struct js *tags,
                     struct dh_err *err);
/* An object; NULL where there is none. The caller's. */
int catalog_tags_get(struct store *s, const char *kind, int64_t owner, struct js **ret,
                     struct dh_err *err);

/* ---- schedules ---- */

struct catalog_schedule {
    int64_t id;
    const char *uuid, *display_name, *description, *namespace;
    int64_t experiment_id, pipeline_id, version_id; /* 0: none; version 0 with a pipeline: newest */
    const char *experiment_uuid, *pipeline_uuid, *version_uuid; /* out only */
    const char *experiment, *pipeline, *version;                /* names; out only */
    const char *spec_digest;                                    /* of a spec of its own; or NULL */
    const char *request; /* JSON object: parameters, pipeline_root, plugins_input */
    const char *service_account;
    const char *cron; /* NULL: by interval_s; 0: at once, one time */
    int64_t interval_s;
    const char *time_zone;
    int64_t start_us, end_us;
    bool no_catchup, enabled;
    int64_t max_concurrency;
    const char *overlap; /* "wait", "skip", "cancel" */
    int64_t created_us, updated_us, last_us, next_us, n_fired;
    const char *error;
};
int catalog_schedule_add(struct store *s, const struct catalog_schedule *schedule, int64_t *ret_id,
                         struct dh_err *err);
int catalog_schedule_get(struct store *s, int64_t id, struct arena *a, struct catalog_schedule *ret,
                         struct dh_err *err);
int catalog_schedule_id(struct store *s, const char *uuid, int64_t *ret_id, struct dh_err *err);
/* All that is given by hand, and next_us. */
int catalog_schedule_update(struct store *s, const struct catalog_schedule *schedule,
                            struct dh_err *err);
int catalog_schedule_enable(struct store *s, int64_t id, bool enabled, int64_t next_us,
                            struct dh_err *err);
/* 1: another server was quicker: next_us is no longer `was_us`. */
int catalog_schedule_fired(struct store *s, int64_t id, int64_t was_us, int64_t last_us,
                           int64_t next_us, bool counts, const char *error, struct dh_err *err);
int catalog_schedule_failed(struct store *s, int64_t id, const char *error, struct dh_err *err);
int catalog_schedule_delete(struct store *s, int64_t id, struct dh_err *err);
/* The enabled ones that are due, the longest first: rows of catalog_schedule. */
struct catalog_ids;
int catalog_schedules_due(struct store *s, int64_t now_us, int limit, struct arena *a,
                          struct catalog_ids *ret, struct dh_err *err);
/* Of its runs, those that have not ended. */
int catalog_schedule_active(struct store *s, int64_t id, int64_t *ret_n, int64_t *ret_newest,
                            struct dh_err *err);

/* ---- runs of a server ---- */

/* Runs in a queue: 'run', 'retry' or 'delete', oldest first. */
struct catalog_queued {
    int64_t id;
    const char *uuid, *queue;
    enum store_state state;
    struct store_owner owner;
    int64_t lease_us;
};
struct catalog_queue {
    struct catalog_queued *items;
    size_t n;
};
int catalog_queue(struct store *s, struct arena *a, struct catalog_queue *ret, struct dh_err *err);
/* Runs by state: an object. The caller's. */
int catalog_run_states(struct store *s, struct js **ret, struct dh_err *err);
/* A run's row by uuid alone: no names, no prefixes. */
int catalog_run(struct store *s, const char *uuid, struct arena *a, struct store_run *ret,
                struct dh_err *err);
/* Of a run's steps (RUNTIME and IMPORTER): how many are in each state. Those of a run that dhow ran
 * and that has ended are counted once. */
int catalog_run_progress(struct store *s, const struct store_run *run, int64_t ret[STORE_N_STATES],
                         struct dh_err *err);

/* Whether a run has that many tasks. */
int catalog_run_has_tasks(struct store *s, int64_t run_id, int n, bool *ret, struct dh_err *err);
/* The uuids of the tasks below one, in order. */
struct catalog_uuids {
    const char **items;
    size_t n;
};
int catalog_task_children(struct store *s, int64_t task_id, struct arena *a,
                          struct catalog_uuids *ret, struct dh_err *err);

/* ---- what has changed, for those who watch ---- */

struct catalog_ids {
    int64_t *items;
    size_t n;
};
int catalog_open_runs(struct store *s, struct arena *a, struct catalog_ids *ret,
                      struct dh_err *err); /* PENDING or RUNNING; and those of a queue */
int catalog_newest_run(struct store *s, int64_t *ret_id, struct dh_err *err);
/* Runs that a person has written onto after `*at_us`, at most `limit` of them: as many say that
 * there may be more. `*at_us` becomes the time of the last. */
int catalog_edited_runs(struct store *s, int64_t *at_us, int limit, struct arena *a,
                        struct catalog_ids *ret, struct dh_err *err);
int catalog_last_edit(struct store *s, int64_t *ret_us, struct dh_err *err); /* 0: none yet */

/* What is watched as a whole: a number each, another one when something of the kind was made,
 * changed or deleted; of pipelines and experiments also when a run began. */
enum catalog_kind {
    CATALOG_SCHEDULES,
    CATALOG_MODELS,
    CATALOG_PIPELINES,
    CATALOG_EXPERIMENTS,
    CATALOG_N_KINDS,
};
int catalog_marks(struct store *s, int64_t ret[CATALOG_N_KINDS], struct dh_err *err);
/* Rows of a run with an id above `after`, in order, at most `limit`. */
int catalog_tasks_after(struct store *s, int64_t run_id, int64_t after, int limit, struct arena *a,
                        struct store_tasks *ret, struct dh_err *err);
int catalog_metrics_after(struct store *s, int64_t run_id, int64_t after, const char *name,
                          int limit, struct arena *a, struct store_metrics *ret,
                          struct dh_err *err);
/* "root.loop[3].train": the names from the root down, iterations by their numbers. */
int catalog_task_key(struct store *s, const struct store_task *task, struct arena *a,
                     const char **ret, struct dh_err *err);

/* ---- what a page joins ---- */

struct catalog_found { /* for the palette */
    const char *kind, *uuid, *name, *state;
    int64_t at_us;
};
struct catalog_founds {
    struct catalog_found *items;
    size_t n;
};
/* Things whose name holds the text, newest first, a few of each kind. Looks at the newest `reach`
 * runs alone. */
int catalog_search(struct store *s, const char *text, int reach, struct arena *a,
                   struct catalog_founds *ret, struct dh_err *err);
