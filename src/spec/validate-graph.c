/* Cycles: tasks that wait for each other, components that contain themselves. Both walks keep their
 * own stack, as a chain may be as long as the file. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "spec/spec-priv.h"

/* A directed graph: node i's targets are to[start[i]] … to[start[i + 1] - 1]. */
struct graph {
    size_t n;
    size_t *start;
    uint32_t *to;
    size_t n_to, cap_to;
};

static void graph_done(struct graph *g)
{
    free(g->start);
    free(g->to);
}

static void add_edge(struct graph *g, size_t target)
{
    DH_GROW(g->to, g->n_to, g->cap_to);
    g->to[g->n_to++] = (uint32_t)target;
}

struct step {
    uint32_t node;
    size_t next; /* the edge to follow next */
};

/* A walk through all of the graph, depth first. */
struct walk {
    const struct graph *g;
    unsigned char *state; /* 0: not seen, 1: on the stack, 2: done */
    struct step *stack;
    size_t depth;
    uint32_t *height; /* longest chain below; of nodes that are done */
};

static void walk_init(struct walk *w, const struct graph *g)
{
    *w = (struct walk){.g = g,
                       .state = dh_zalloc(g->n + 1, 1),
                       .stack = dh_zalloc(g->n + 1, sizeof(struct step)),
                       .height = dh_zalloc(g->n + 1, sizeof(uint32_t))};
}

static void walk_done(struct walk *w)
{
    free(w->state);
    free(w->stack);
    free(w->height);
}

/* From `root`: false where a cycle was met; the stack from its first node on is the cycle, and
 * *ret_first that node's place on the stack. */
static bool walk_from(struct walk *w, uint32_t root, size_t *ret_first)
{
    if (w->state[root])
        return true;
    w->state[root] = 1;
    w->stack[w->depth++] = (struct step){root, w->g->start[root]};
    while (w->depth) {
        struct step *s = &w->stack[w->depth - 1];
        uint32_t next;

        if (s->next == w->g->start[s->node + 1]) {
            w->state[s->node] = 2;
            w->depth--;
            if (w->depth) {
                uint32_t *above = &w->height[w->stack[w->depth - 1].node];

                if (w->height[s->node] + 1 > *above)
                    *above = w->height[s->node] + 1;
            }
            continue;
        }
        next = w->g->to[s->next++];
        if (w->state[next] == 1) {
            for (size_t i = 0; i < w->depth; i++)
                if (w->stack[i].node == next)
                    *ret_first = i;
            return false;
        }
        if (w->state[next] == 2) {
            if (w->height[next] + 1 > w->height[s->node])
                w->height[s->node] = w->height[next] + 1;
            continue;
        }
        w->state[next] = 1;
        w->stack[w->depth++] = (struct step){next, w->g->start[next]};
    }
    return true;
}

/* ---- tasks ---- */

static void add_task_edge(struct graph *g, const struct dag_spec *dag, const char *name)
{
    const struct pipeline_task_spec *task = dag_task(dag, name);

    if (task)
        add_edge(g, (size_t)(task - dag->tasks.items));
}

static void add_task_edges(struct graph *g, const struct dag_spec *dag,
                           const struct pipeline_task_spec *task)
{
    for (size_t i = 0; i < task->dependent_tasks.n; i++)
        add_task_edge(g, dag, task->dependent_tasks.items[i]);
    for (size_t i = 0; i < task->inputs.parameters.n; i++) {
        const struct input_parameter_spec *p = &task->inputs.parameters.items[i];

        if (p->task_output_parameter)
            add_task_edge(g, dag, p->task_output_parameter->producer_task);
        if (p->task_final_status)
            add_task_edge(g, dag, p->task_final_status->producer_task);
    }
    for (size_t i = 0; i < task->inputs.artifacts.n; i++) {
        const struct input_artifact_spec *a = &task->inputs.artifacts.items[i];

        if (a->task_output_artifact)
            add_task_edge(g, dag, a->task_output_artifact->producer_task);
    }
}

static void say_task_cycle(struct spec_ctx *ctx, const struct spec_path *path,
                           const struct dag_spec *dag, const struct walk *w, size_t first)
{
    const struct pipeline_task_spec *start = &dag->tasks.items[w->stack[first].node];
    own_buf struct buf names = {.max = 600};
    size_t n = w->depth - first;

    if (n == 1) {
        (void)spec_error(ctx, start->pos, path, "task '%.100s' waits for itself", start->name);
        return;
    }
    for (size_t i = first; i < w->depth; i++)
        buf_addf(&names, "'%.100s' waits for ", dag->tasks.items[w->stack[i].node].name);
    if (names.truncated)
        (void)spec_error(ctx, start->pos, path, "a cycle of %zu tasks: %s...", n, buf_str(&names));
    else
        (void)spec_error(ctx, start->pos, path, "a cycle of %zu tasks: %s'%.100s'", n,
                         buf_str(&names), start->name);
}

void spec_check_cycles(struct spec_ctx *ctx, const struct spec_path *path,
                       const struct dag_spec *dag)
{
    struct graph g = {.n = dag->tasks.n};
    struct walk w;
    size_t first = 0;

    g.start = dh_zalloc(g.n + 1, sizeof *g.start);
    for (size_t i = 0; i < g.n; i++) {
        g.start[i] = g.n_to;
        add_task_edges(&g, dag, &dag->tasks.items[i]);
    }
    g.start[g.n] = g.n_to;
    walk_init(&w, &g);
    for (size_t i = 0; i < g.n; i++) {
        if (!walk_from(&w, (uint32_t)i, &first)) {
            say_task_cycle(ctx, path, dag, &w, first);
            break;
        }
    }
    walk_done(&w);
    graph_done(&g);
}

/* ---- components ---- */

static const struct component_spec *component_at(const struct spec *spec, size_t i)
{
    return i < spec->pipeline.components.n ? &spec->pipeline.components.items[i]
                                           : &spec->pipeline.root;
}

static void add_component_edges(struct graph *g, const struct spec *spec,
                                const struct component_spec *c)
{
    for (size_t i = 0; c->dag && i < c->dag->tasks.n; i++) {
        const struct component_spec *inner = spec_task_component(spec, &c->dag->tasks.items[i]);

        /* Leaves cannot be on a cycle. */
        if (inner && inner->dag)
            add_edge(g, (size_t)(inner - spec->pipeline.components.items));
    }
}

static void say_component_cycle(struct spec_ctx *ctx, const struct spec_path *path,
                                const struct spec *spec, const struct walk *w, size_t first)
{
    const struct component_spec *start = component_at(spec, w->stack[first].node);
    own_buf struct buf names = {.max = 600};

    for (size_t i = first; i < w->depth; i++)
        buf_addf(&names, "'%.100s' contains ", component_at(spec, w->stack[i].node)->name);
    (void)spec_error(ctx, start->pos, path, "a component that contains itself: %s%s%s%s",
                     buf_str(&names), names.truncated ? "..." : "'",
                     names.truncated ? "" : start->name, names.truncated ? "" : "'");
}

void spec_check_nesting(struct spec_ctx *ctx, const struct spec_path *top, const struct spec *spec)
{
    struct spec_path at = {top, "components", 0}, at_root = {top, "root", 0};
    struct graph g = {.n = spec->pipeline.components.n + 1};
    struct walk w;
    size_t first = 0;
    bool cycle = false;

    g.start = dh_zalloc(g.n + 1, sizeof *g.start);
    for (size_t i = 0; i < g.n; i++) {
        g.start[i] = g.n_to;
        add_component_edges(&g, spec, component_at(spec, i));
    }
    g.start[g.n] = g.n_to;
    walk_init(&w, &g);
    for (size_t i = 0; i < g.n && !cycle; i++)
        cycle = !walk_from(&w, (uint32_t)i, &first);
    if (cycle)
        say_component_cycle(ctx, &at, spec, &w, first);
    else if (w.height[g.n - 1] >= LIMIT_NEST)
        (void)spec_error(ctx, spec->pipeline.root.pos, &at_root,
                         "dags within dags %u deep; %d is the limit", w.height[g.n - 1] + 1,
                         LIMIT_NEST);
    walk_done(&w);
    graph_done(&g);
}
