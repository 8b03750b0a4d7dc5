#pragma once
/* record - one run as the store has it, all of it at once: what `show`, `compare` and the end of
 * `run` print. Read-only; everything lives in the record's arena. */
#include <stdio.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/js.h"
#include "base/own.h"
#include "store/store.h"

struct record {
    struct arena *arena;
    struct store_run run;
    struct store_tasks tasks;             /* the root among them; ids ascend */
    const char **keys;                    /* "root.for-loop-1[3].train", beside tasks */
    struct store_linkeds inputs, outputs; /* by task, key, index */
    struct store_metrics metrics;
    const char *tags; /* JSON object */
};

/* `name`: as store_run_find reads it. On 0, *ret is the caller's. */
int record_load(struct store *store, const char *name, struct record **ret, struct dh_err *err);
struct record *record_free(struct record *record);
OWN_DEFINE(struct record *, record_free)

const struct store_task *record_task_by_id(const struct record *record,
                                           int64_t id); /* NULL: none */
const char *record_key(const struct record *record, const struct store_task *task);
/* The key without "root."; and with the author's display name in brackets where it is another one.
 */
const char *record_path(const struct record *record, const struct store_task *task);
char *record_label(const struct record *record, const struct store_task *task); /* the caller's */
/* Nesting below the root: 0 for the root's own tasks. */
int record_depth(const struct record *record, const struct store_task *task);
bool record_is_leaf(const struct store_task *task); /* RUNTIME or IMPORTER */
/* All tasks, each followed by what is in it; the record's. Their ids ascend as they began, which
 * tells nothing of what is inside what. */
const struct store_task **record_tree(const struct record *record);

/* The tasks that `text` names: by uuid or a beginning of it, key ("for-loop-1[3].train"), place in
 * the pipeline ("root.for-loop-1.train"), or name. Never none: DH_NOT_FOUND lists what there is. */
struct record_tasks {
    const struct store_task **items; /* in the record's arena */
    size_t n;
};
int record_find_tasks(const struct record *record, const char *text, struct record_tasks *ret,
                      struct dh_err *err);

/* The links of one task, a part of `all`. */
struct store_linkeds record_links(const struct store_linkeds *all, int64_t task_id);

/* Whether somebody is at it, here or on another machine, or is about to be. */
bool record_is_live(const struct store_run *run);
/* To standard error: that nobody is, and what to do. */
void record_tell_still(const struct store_run *run);

/* A number that a task gave: of its Metrics artifacts, or reported while it ran. */
struct record_metric {
    const struct store_task *task;
    const char *name;
    double number;
};
struct record_metrics {
    struct record_metric *items;
    size_t n, cap;
};
void record_metrics(const struct record *record, struct record_metrics *ret); /* .items: free */

/* ---- as JSON: the contract of the command line ---- */

struct js *record_run_json(const struct record *record);
struct js *record_task_json(const struct record *record, const struct store_task *task);
/* {"artifact_id", "name", "type", "uri", "digest", "metadata", …} */
struct js *record_artifact_json(const struct store_artifact *artifact);
/* The head alone, for lists: without tasks and artifacts. */
struct js *record_run_head_json(const struct store_run *run);
/* The same with its "tags" and the last value of each of its "metrics". *ret is the caller's. */
int record_run_full_head_json(struct store *store, const struct store_run *run, struct arena *a,
                              struct js **ret, struct dh_err *err);

/* ---- as text ---- */

/* What came out of a run that has ended or stands still: state, metrics, outputs of its steps, what
 * was skipped or failed and why, and the commands that say more. */
void record_print_summary(const struct record *record, FILE *to, bool color);
void record_print_tasks(const struct record *record, FILE *to, bool color);
void record_print_metrics(const struct record *record, FILE *to, bool color);
void record_print_error(const struct record *record, FILE *to, bool color);
/* The last lines of a log, each behind a bar; NULL or "": nothing. */
void record_print_tail(const char *tail, FILE *to, bool color);
