#pragma once
/* What the files of plan/ share. */
#include "base/strmap.h"
#include "plan/graph.h"
#include "plan/plan.h"
#include "plan/value.h"

struct plan {
    const struct spec *spec;
    const struct plan_run *run;
    struct plan_node root;
    struct strmap *graphs;                     /* component name → struct dag_graph */
    struct plan_node *ready;                   /* to decide, a stack */
    struct plan_node *changed, **changed_last; /* to report, a queue */
    struct plan_node *last;                    /* what plan_next gave last */
    size_t n_nodes;
    bool canceled, canceled_all;
};

/* resolve.c: inputs of a node whose upstream tasks are final. *ret: {"parameters", "artifacts"}.
 * DH_INVALID, DH_FAILED: the message names the input; the node fails with it. */
int resolve_inputs(struct plan *plan, struct plan_node *node, struct js **ret, struct dh_err *err);
/* Sets loop->items, an array. DH_FAILED. */
int resolve_items(const struct plan *plan, struct plan_node *loop, struct dh_err *err);
/* The inputs of iteration i of a loop whose items are known; NULL: DH_INVALID. */
struct js *resolve_iteration(const struct plan_node *loop, int32_t i, struct dh_err *err);

/* output.c: what a final node gave under `key`, looked up through dags, OneOf and loops.
 * A value that the caller frees; NULL where there is none. */
struct js *output_parameter(const struct plan_node *node, const char *key);
struct js *output_artifacts(const struct plan_node *node, const char *key); /* an array */

bool plan_succeeded(const struct plan_node *node); /* SUCCEEDED or CACHED */
