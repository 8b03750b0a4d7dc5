#pragma once
/* lineage - what an artifact was made of and what was made of it, across runs.
 *
 * Breadth first from one artifact: a question to the database a level and kind, each answered by an
 * index, so the cost is that of what is found and not of what there is. Each artifact and task is
 * there once, whatever leads to it: cycles and diamonds end.
 *
 * The task that made an artifact is the one that ran; those that took it from the cache did nothing
 * and are left out, unless the maker is no longer on the record. An artifact that was imported is
 * the same thing as an earlier one of the same URI: lineage goes through. */
#include "store/store.h"

enum { LINEAGE_UP = 1, LINEAGE_DOWN = 2 };

struct lineage_artifact {
    struct store_artifact row;
    int up, down; /* steps from the start; -1: not reached that way */
};
struct lineage_task {
    int64_t id, run_id, iteration_index; /* -1: none */
    const char *uuid, *name, *scope_path, *run_uuid, *run_name, *pipeline, *spec_digest;
    const char *inputs, *outputs, *cache_fingerprint;
    enum store_task_type type; /* RUNTIME or IMPORTER */
    enum store_state state;
    int64_t created_us, started_us, finished_us;
};
enum lineage_kind {
    LINEAGE_MADE, /* task → artifact */
    LINEAGE_USED, /* artifact → task */
    LINEAGE_SAME, /* `from` (an artifact) → artifact that was imported from the same URI */
};
struct lineage_edge {
    enum lineage_kind kind;
    int64_t artifact, task, from; /* row ids; task 0 for SAME, from 0 for the others */
    const char *key;              /* of the input or output; NULL for SAME */
    int64_t index;
};

struct lineage {
    struct lineage_artifact *artifacts; /* the first one is where it starts */
    size_t n_artifacts;
    struct lineage_task *tasks;
    size_t n_tasks;
    struct lineage_edge *edges;
    size_t n_edges;
    const uint32_t *artifacts_by_id, *tasks_by_id; /* places in the lists above */
    bool cut; /* it ends at `depth` or LIMIT_LINEAGE, and may go on */
};

struct lineage_query {
    int64_t artifact;
    unsigned ways; /* LINEAGE_UP | LINEAGE_DOWN */
    int depth;     /* steps from artifact to artifact; below 0: all */
    bool whole;    /* also what else the tasks on the way used and made */
};
/* All in the arena. DH_NOT_FOUND: no such artifact. */
int store_lineage(struct store *s, const struct lineage_query *q, struct arena *a,
                  struct lineage *ret, struct dh_err *err);
const struct lineage_artifact *lineage_artifact(const struct lineage *l, int64_t id); /* or NULL */
const struct lineage_task *lineage_task(const struct lineage *l, int64_t id);         /* or NULL */
