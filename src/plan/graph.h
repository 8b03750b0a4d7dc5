#pragma once
/* graph - who waits for whom within one dag: the tasks that it names, and those whose outputs it
 * takes. Made from the spec alone, never changed. */
#include <stdint.h>
#include "base/err.h"
#include "base/own.h"
#include "spec/spec.h"

/* Who waits for whom within one dag; made once for each dag_spec, shared by its instances.
 * Tasks are numbers: their position in dag->tasks. */
struct dag_graph {
    const struct dag_spec *dag;
    uint32_t *up_at, *up;     /* task i waits for up[up_at[i]] … up[up_at[i + 1] - 1] */
    uint32_t *down_at, *down; /* and these wait for it */
};

/* On 0 *ret is the caller's: graph_free. It borrows the dag. DH_INVALID: an upstream task that is
 * not there. */
int graph_new(const struct dag_spec *dag, struct dag_graph **ret, struct dh_err *err);
struct dag_graph *graph_free(struct dag_graph *g);
/* All tasks, each after those that it waits for and else as the author wrote them. `ret`: as many
 * places as the dag has tasks. */
void graph_order(const struct dag_graph *g, uint32_t *ret);
OWN_DEFINE(struct dag_graph *, graph_free)
