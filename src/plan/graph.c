/* graph - who waits for whom within one dag. That there is no circle, spec/ has made sure. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "plan/graph.h"

struct edges {
    uint32_t (*items)[2]; /* up, down */
    size_t n, cap;
};

static void edge_add(struct edges *e, uint32_t up, uint32_t down)
{
    DH_GROW(e->items, e->n, e->cap);
    e->items[e->n][0] = up;
    e->items[e->n][1] = down;
    e->n++;
}

static int add_from(struct edges *e, const struct dag_spec *dag, const char *producer,
                    uint32_t down, struct dh_err *err)
{
    const struct pipeline_task_spec *up = dag_task(dag, producer);

    if (!up)
        return dh_fail(err, DH_INVALID, "task '%s' waits for '%s', which is not in its dag",
                       dag->tasks.items[down].name, producer);
    edge_add(e, (uint32_t)(up - dag->tasks.items), down);
    return 0;
}

static int edges_of_task(struct edges *e, const struct dag_spec *dag, uint32_t i,
                         struct dh_err *err)
{
    const struct pipeline_task_spec *t = &dag->tasks.items[i];
    const char *producer;

    for (size_t k = 0; k < t->dependent_tasks.n; k++)
        if (add_from(e, dag, t->dependent_tasks.items[k], i, err) < 0)
            return -1;
    for (size_t k = 0; k < t->inputs.parameters.n; k++) {
        const struct input_parameter_spec *in = &t->inputs.parameters.items[k];

        producer = in->kind == INPUT_PARAMETER_TASK_OUTPUT
                       ? in->task_output_parameter->producer_task
                   : in->kind == INPUT_PARAMETER_FINAL_STATUS ? in->task_final_status->producer_task
                                                              : NULL;
        if (producer && add_from(e, dag, producer, i, err) < 0)
            return -1;
    }
    for (size_t k = 0; k < t->inputs.artifacts.n; k++) {
        const struct input_artifact_spec *in = &t->inputs.artifacts.items[k];

        if (in->kind == INPUT_ARTIFACT_TASK_OUTPUT &&
            add_from(e, dag, in->task_output_artifact->producer_task, i, err) < 0)
            return -1;
    }
    return 0;
}

static int by_down_up(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;

    if (x[1] != y[1])
        return x[1] < y[1] ? -1 : 1;
    return x[0] < y[0] ? -1 : x[0] > y[0];
}

/* Sorted, without repeats, as two offset tables. */
static void build_tables(struct dag_graph *g, struct edges *e)
{
    size_t n = g->dag->tasks.n, kept = 0;

    if (e->n)
        qsort(e->items, e->n, sizeof *e->items, by_down_up);
    for (size_t k = 0; k < e->n; k++)
        if (!k || by_down_up(e->items[k], e->items[k - 1]) != 0)
            memmove(e->items[kept++], e->items[k], sizeof *e->items);
    g->up_at = dh_zalloc(n + 1, sizeof *g->up_at);
    g->down_at = dh_zalloc(n + 2, sizeof *g->down_at);
    g->up = dh_zalloc(kept, sizeof *g->up);
    g->down = dh_zalloc(kept, sizeof *g->down);
    for (size_t k = 0; k < kept; k++) {
        g->up_at[e->items[k][1] + 1]++;
        g->down_at[e->items[k][0] + 2]++;
        g->up[k] = e->items[k][0];
    }
    for (size_t i = 1; i <= n; i++) {
        g->up_at[i] += g->up_at[i - 1];
        g->down_at[i + 1] += g->down_at[i];
    }
    for (size_t k = 0; k < kept; k++)
        g->down[g->down_at[e->items[k][0] + 1]++] = e->items[k][1];
}

int graph_new(const struct dag_spec *dag, struct dag_graph **ret, struct dh_err *err)
{
    own(graph_free) struct dag_graph *g = dh_zalloc(1, sizeof *g);
    struct edges e = {0};
    int rc = 0;

    g->dag = dag;
    for (uint32_t i = 0; i < dag->tasks.n && rc == 0; i++)
        rc = edges_of_task(&e, dag, i, err);
    if (rc == 0)
        build_tables(g, &e);
    free(e.items);
    if (rc < 0)
        return -1;
    *ret = take(&g);
    return 0;
}

void graph_order(const struct dag_graph *g, uint32_t *ret)
{
    uint32_t n = (uint32_t)g->dag->tasks.n, found = 0;
    own_mem uint32_t *waits_for = dh_zalloc(n, sizeof *waits_for);

    for (uint32_t i = 0; i < n; i++) {
        waits_for[i] = g->up_at[i + 1] - g->up_at[i];
        if (!waits_for[i])
            ret[found++] = i;
    }
    for (uint32_t at = 0; at < found; at++)
        for (uint32_t k = g->down_at[ret[at]]; k < g->down_at[ret[at] + 1]; k++)
            if (--waits_for[g->down[k]] == 0)
                ret[found++] = g->down[k];
}

struct dag_graph *graph_free(struct dag_graph *g)
{
    if (g) {
        free(g->up_at);
        free(g->up);
        free(g->down_at);
        free(g->down);
        free(g);
    }
    return NULL;
}
