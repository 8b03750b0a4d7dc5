#pragma once
/* plan - the graph of one run: what there is to do, what waits for what, and what follows from what
 * has happened so far.
 *
 * spec/ says what the author wrote; plan/ says what this run does next. It takes the decisions that
 * KFP's driver takes: inputs resolved, conditions evaluated, loops opened, states derived. It is
 * pure: state in, decision out; no clock, no disk, no process, no thread, no randomness. The local
 * engine, the pod's driver, `dhow plan` and `dhow explain` all call it, so they cannot disagree.
 *
 *     plan_new → while (plan_next(…) == 0) record and act; plan_finish for each leaf that ended → …
 *
 * A node is one task of one run: the root, a task of a dag, a loop, an iteration. Nodes of a dag
 * exist from the moment it opens. The graph grows only as far as the caller asks: opened work comes
 * before new work (depth first), so with N slots only about N iterations of a loop are open at a
 * time.
 *
 * Values are js. Parameters: as JSON. Artifacts, here and in the record: an object {"artifact_id",
 * "name", "type", "schema", "uri", "digest", "metadata", "custom_path"} of which only name, type
 * and uri are always there; an input or output artifact is an array of them. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/own.h"
#include "spec/spec.h"

struct js;
struct plan;

enum plan_state {
    PLAN_PENDING,
    PLAN_RUNNING,
    PLAN_SUCCEEDED, /* the five from here on are final */
    PLAN_CACHED,
    PLAN_SKIPPED,
    PLAN_FAILED,
    PLAN_CANCELED,
};

enum plan_type { /* the task types of KFP proposal 12147 */
                 PLAN_RUNTIME,
                 PLAN_IMPORTER,
                 PLAN_DAG,
                 PLAN_CONDITION,
                 PLAN_CONDITION_BRANCH,
                 PLAN_LOOP,
                 PLAN_LOOP_ITERATION,
                 PLAN_EXIT_HANDLER,
};

struct plan_node {                         /* read-only but for `user` */
    struct plan_node *parent;              /* NULL: the root */
    const struct pipeline_task_spec *task; /* NULL: the root */
    const struct component_spec *component;
    const struct executor_spec *executor; /* leaves; else NULL */
    struct js *inputs; /* {"parameters", "artifacts"}, without what is empty; from RUNNING until the
                        * call of plan_next after the one that hands out the final state */
    struct js
        *outputs; /* the same form; leaves that SUCCEEDED or were CACHED, where there is any */
    char *reason; /* SKIPPED, FAILED, CANCELED: why, in words; else NULL */
    void *user;   /* the caller's */
    struct plan_node *children; /* an array; dags and loops that have opened */
    uint32_t n_children;
    int32_t iteration_index; /* iterations: from 0; all else: -1 */
    uint8_t type, state;     /* enum plan_type, plan_state */
    bool shielded; /* it, or what it is part of, runs whatever happened before: also after a cancel
                    */
    bool dirty;    /* ran anew in this session, or something before it did: see plan_finish */
    /* private from here */
    bool is_ready, is_changed;     /* is on that queue */
    uint32_t n_waiting;            /* upstream tasks that are not final */
    uint32_t n_open;               /* children that are not final */
    uint32_t n_opened;             /* loops: iterations that have been opened */
    uint32_t n_active;             /* loops: of these, not final */
    struct js *items;              /* loops: what they go over */
    const struct dag_graph *graph; /* of component->dag; dags only */
    struct plan_node *next_ready, *next_changed;
};

struct plan_run {         /* what a run is, beside its spec; borrowed for the life of the plan */
    const char *run_id;   /* {{$.pipeline_job_uuid}} */
    const char *job_name; /* {{$.pipeline_job_name}}: the display name */
    const char *resource_name;   /* {{$.pipeline_job_resource_name}} */
    const char *pipeline_root;   /* {{$.pipeline_root}} */
    const char *workspace;       /* {{$.workspace_path}}; NULL: the run has none */
    const char *created_at;      /* {{$.pipeline_job_create_time_utc}}, RFC 3339 */
    const char *scheduled_at;    /* {{$.pipeline_job_schedule_time_utc}} */
    const struct js *parameters; /* the root's inputs, bound (spec_bind_params) */
};

enum plan_answer { PLAN_NOTHING = 1 };

/* On 0, *ret is the caller's: plan_free. The root is RUNNING and is plan_next's first answer.
 * DH_INVALID: a condition or a selector that does not parse (with its file:line:column). */
int plan_new(const struct spec *spec, const struct plan_run *run, struct plan **ret,
             struct dh_err *err);
struct plan *plan_free(struct plan *plan);
OWN_DEFINE(struct plan *, plan_free)

/* The next change: *ret is a node whose state is new. A leaf that is RUNNING is the caller's to
 * run, and to end by plan_finish; every other change is for the record only. PLAN_NOTHING: no more
 * until a leaf ends; if none runs, the plan is over (plan_root is final). */
int plan_next(struct plan *plan, struct plan_node **ret);

/* Ends a RUNNING leaf: SUCCEEDED or CACHED with `outputs` (taken; may be NULL), or FAILED or
 * CANCELED with `reason` (copied). `fresh`: its work was done now, not taken from the record: what
 * depends on it becomes dirty. */
void plan_finish(struct plan *plan, struct plan_node *node, enum plan_state state,
                 struct js *outputs, const char *reason, bool fresh);

/* From now on nothing starts but exit handlers; `all`: not even these. Leaves that run go on until
 * the caller ends them. */
void plan_cancel(struct plan *plan, bool all);

struct plan_node *plan_root(struct plan *plan);
const struct spec *plan_spec(const struct plan *plan);
const struct plan_run *plan_run(const struct plan *plan);
size_t plan_n_nodes(const struct plan *plan);
bool plan_is_final(const struct plan_node *node);
bool plan_is_leaf(
    const struct plan_node *node); /* a RUNTIME or IMPORTER task: it has an executor */

/* The children of a dag or loop that has opened, as positions in node->children: each after what it
 * waits for, else as the author wrote them. `ret`: n_children places. */
void plan_order(const struct plan_node *node, uint32_t *ret);
/* What has begun and not ended that a PENDING node waits for, itself or through others; NULL:
 * nothing. */
const struct plan_node *plan_waits_for(const struct plan_node *node);

/* A node's name: the task's key; "root". */
const char *plan_name(const struct plan_node *node);
/* "root.for-loop-1.train": where it stands in the pipeline, the same for all iterations. The
 * caller's. */
char *plan_scope_path(const struct plan_node *node);
/* "root.for-loop-1[3].train": which one it is in the run; unique. The caller's. */
char *plan_key(const struct plan_node *node);
/* The index of the innermost iteration around the node, itself included; -1: none. */
int32_t plan_iteration(const struct plan_node *node);
const char *plan_type_name(enum plan_type type);    /* "RUNTIME", … */
const char *plan_state_name(enum plan_state state); /* "SUCCEEDED", … */
/* The retry policy that holds for a leaf: its own, or else the nearest one above it; NULL: none. */
const struct retry_policy *plan_retry_policy(const struct plan_node *node);
/* Whether the author wants the leaf's result to be reused (cachingOptions.enableCache). */
bool plan_may_cache(const struct plan_node *node);

/* What a parameter that the platform spec names (a secret's name, a volume's) is for a leaf,
 * resolved as the leaf's own inputs are. *ret is the caller's, NULL where it has no value.
 * DH_FAILED: it names what is not there. */
int plan_parameter(const struct plan *plan, const struct plan_node *node,
                   const struct input_parameter_spec *in, struct js **ret, struct dh_err *err);

/* What a dag gave: {"parameters", "artifacts"} of its declared outputs, as far as they exist; for
 * the record. A leaf's are node->outputs. *ret is the caller's, NULL where there are none. */
struct js *plan_dag_outputs(struct plan *plan, struct plan_node *node);
