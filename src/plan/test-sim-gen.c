#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "plan/test-sim.h"

uint64_t rng_next(struct rng *rng) /* splitmix64 */
{
    uint64_t z = (rng->at += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

unsigned rng_below(struct rng *rng, unsigned n)
{
    return (unsigned)(rng_next(rng) % n);
}

uint64_t rng_hash(const char *text, uint64_t seed)
{
    struct rng rng = {seed};

    for (; *text; text++)
        rng.at = rng_next(&rng) ^ (unsigned char)*text;
    return rng_next(&rng);
}

enum kind { LEAF, NESTED, CONDITION, LOOP, HANDLER, N_KINDS };

struct task {
    char name[24];
    enum kind kind;
};

struct gen {
    struct rng rng;
    struct buf components;
    unsigned n_components;
};

static const char leaf[] =
    "\"w\": {\"executorLabel\": \"e\", \"inputDefinitions\": {\"parameters\": {\"x\": "
    "{\"parameterType\": \"STRING\", \"isOptional\": true, \"defaultValue\": \"dflt\"}, \"y\": "
    "{\"parameterType\": \"NUMBER_INTEGER\", \"isOptional\": true}, \"s\": {\"parameterType\": "
    "\"TASK_FINAL_STATUS\", \"isOptional\": true}}}, \"outputDefinitions\": {\"parameters\": "
    "{\"o\": {\"parameterType\": \"STRING\"}, \"n\": {\"parameterType\": \"NUMBER_INTEGER\"}, "
    "\"l\": {\"parameterType\": \"LIST\"}}}}";

/* An earlier task; of leaves only where `leaves`. NULL: none. */
static const struct task *earlier(struct gen *g, const struct task *tasks, unsigned n, bool leaves)
{
    const struct task *t;

    if (!n)
        return NULL;
    t = &tasks[rng_below(&g->rng, n)];
    return leaves && t->kind != LEAF ? NULL : t;
}

static void add_input(struct buf *b, bool *any, const char *in, const char *task, const char *key)
{
    buf_addf(b,
             "%s\"%s\": {\"taskOutputParameter\": {\"producerTask\": \"%s\", "
             "\"outputParameterKey\": \"%s\"}}",
             *any ? ", " : "", in, task, key);
    *any = true;
}

static void add_inputs(struct gen *g, const struct task *tasks, unsigned n, const struct task *t,
                       struct buf *b)
{
    const struct task *up;
    bool any = false;

    buf_adds(b, ", \"inputs\": {\"parameters\": {");
    if (t->kind == LEAF && rng_below(&g->rng, 5) < 2 && (up = earlier(g, tasks, n, false)))
        add_input(b, &any, "x", up->name, "o");
    if (t->kind == LEAF && rng_below(&g->rng, 3) == 0 && (up = earlier(g, tasks, n, true)))
        add_input(b, &any, "y", up->name, "n");
    if (t->kind == CONDITION) {
        up = earlier(g, tasks, n, true);
        if (up)
            add_input(b, &any, "v", up->name, "n");
        else
            buf_addf(b, "\"v\": {\"runtimeValue\": {\"constant\": %u}}", rng_below(&g->rng, 10));
    }
    if (t->kind == LOOP && (up = earlier(g, tasks, n, true)))
        add_input(b, &any, "in", up->name, "l");
    buf_adds(b, "}}");
    if (t->kind != LOOP)
        return;
    buf_addf(b, ", \"parameterIterator\": {\"itemInput\": \"it\", \"items\": {");
    if (any)
        buf_adds(b, "\"inputParameter\": \"in\"}}");
    else
        buf_addf(b, "\"raw\": \"%s\"}}", rng_below(&g->rng, 4) ? "[\\\"a\\\", \\\"b\\\"]" : "[]");
    buf_addf(b, ", \"iteratorPolicy\": {\"parallelismLimit\": %u}", rng_below(&g->rng, 3));
}

static void add_policies(struct gen *g, const struct task *tasks, unsigned n, const struct task *t,
                         struct buf *b)
{
    const struct task *up;

    if (rng_below(&g->rng, 3) == 0 && (up = earlier(g, tasks, n, false)))
        buf_addf(b, ", \"dependentTasks\": [\"%s\"]", up->name);
    if (t->kind == CONDITION)
        buf_addf(b,
                 ", \"triggerPolicy\": {\"condition\": \"int(inputs.parameter_values['v']) > %u\"}",
                 rng_below(&g->rng, 8));
    else if (rng_below(&g->rng, 6) == 0)
        buf_adds(b, ", \"triggerPolicy\": {\"strategy\": \"ALL_UPSTREAM_TASKS_COMPLETED\"}");
    if (rng_below(&g->rng, 4) == 0)
        buf_addf(b, ", \"retryPolicy\": {\"maxRetryCount\": %u}", rng_below(&g->rng, 3));
}

static void gen_dag(struct gen *g, unsigned depth, struct buf *dag);

/* The component of a task: the leaf, or a new dag. */
static void add_component(struct gen *g, enum kind kind, unsigned depth, char name[24])
{
    own_buf struct buf dag = {0};

    if (kind == LEAF) {
        memcpy(name, "w", 2);
        return;
    }
    (void)snprintf(name, 24, "c%u", g->n_components++);
    gen_dag(g, depth + 1, &dag);
    buf_addf(&g->components,
             ", \"%s\": {\"inputDefinitions\": {\"parameters\": {\"v\": {\"parameterType\": "
             "\"NUMBER_INTEGER\", \"isOptional\": true}, \"it\": {\"parameterType\": \"STRING\", "
             "\"isOptional\": true}}}, \"outputDefinitions\": {\"parameters\": {\"o\": "
             "{\"parameterType\": \"STRING\"}}}, %s}",
             name, buf_str(&dag));
}

static enum kind pick_kind(struct gen *g, unsigned depth)
{
    unsigned dice = rng_below(&g->rng, 100);

    if (depth >= 2 || dice < 60)
        return LEAF;
    return dice < 70 ? NESTED : dice < 80 ? CONDITION : dice < 92 ? LOOP : HANDLER;
}

static void gen_dag(struct gen *g, unsigned depth, struct buf *dag)
{
    static const char *const prefixes[N_KINDS] = {"t", "dag-", "condition-", "for-loop-",
                                                  "exit-handler-"};
    struct task tasks[6];
    unsigned n = 1 + rng_below(&g->rng, depth ? 3 : 6), handler = 0;

    buf_adds(dag, "\"dag\": {\"tasks\": {");
    for (unsigned i = 0; i < n; i++) {
        struct task *t = &tasks[i];
        char component[24];

        t->kind = pick_kind(g, depth);
        (void)snprintf(t->name, sizeof t->name, "%s%u", prefixes[t->kind], i);
        add_component(g, t->kind, depth, component);
        buf_addf(dag,
                 "%s\"%s\": {\"taskInfo\": {\"name\": \"%s\"}, \"componentRef\": {\"name\": "
                 "\"%s\"}",
                 i ? ", " : "", t->name, t->name, component);
        add_inputs(g, tasks, i, t, dag);
        add_policies(g, tasks, i, t, dag);
        buf_adds(dag, "}");
        if (t->kind == HANDLER)
            handler = i + 1;
    }
    if (handler)
        buf_addf(dag,
                 ", \"last\": {\"taskInfo\": {\"name\": \"last\"}, \"componentRef\": {\"name\": "
                 "\"w\"}, \"dependentTasks\": [\"%s\"], \"inputs\": {\"parameters\": {\"s\": "
                 "{\"taskFinalStatus\": {\"producerTask\": \"%s\"}}}}, \"triggerPolicy\": "
                 "{\"strategy\": \"ALL_UPSTREAM_TASKS_COMPLETED\"}}",
                 tasks[handler - 1].name, tasks[handler - 1].name);
    buf_addf(dag,
             "}, \"outputs\": {\"parameters\": {\"o\": {\"valueFromParameter\": "
             "{\"producerSubtask\": \"%s\", \"outputParameterKey\": \"o\"}}}}}",
             tasks[rng_below(&g->rng, n)].name);
}

char *sim_pipeline(uint64_t seed)
{
    struct gen g = {.rng = {seed * 7919}};
    own_buf struct buf root = {0};
    struct buf all = {0};

    gen_dag(&g, 0, &root);
    buf_addf(&all,
             "{\"schemaVersion\": \"2.1.0\", \"pipelineInfo\": {\"name\": \"sim\"}, "
             "\"deploymentSpec\": {\"executors\": {\"e\": {\"container\": {\"image\": \"i\"}}}}, "
             "\"root\": {\"outputDefinitions\": {\"parameters\": {\"o\": {\"parameterType\": "
             "\"STRING\"}}}, %s}, \"components\": {%s%s}}",
             buf_str(&root), leaf, buf_str(&g.components));
    buf_done(&g.components);
    return buf_take(&all);
}
