/* plan - the state machine of one run. Nodes go PENDING → RUNNING → final; every change is put on
 * the queue of changes that plan_next hands out, children before the parents whose end they bring
 * about. */
#include "plan/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/js.h"
#include "base/mem.h"
#include "cel/cel.h"
#include "plan/executor_input.h"
#include "plan/plan-priv.h"

bool plan_is_final(const struct plan_node *node)
{
    return node->state >= PLAN_SUCCEEDED;
}

bool plan_succeeded(const struct plan_node *node)
{
    return node->state == PLAN_SUCCEEDED || node->state == PLAN_CACHED;
}

bool plan_is_leaf(const struct plan_node *node)
{
    return node->executor != NULL;
}

struct plan_node *plan_root(struct plan *plan)
{
    return &plan->root;
}

const struct spec *plan_spec(const struct plan *plan)
{
    return plan->spec;
}

const struct plan_run *plan_run(const struct plan *plan)
{
    return plan->run;
}

size_t plan_n_nodes(const struct plan *plan)
{
    return plan->n_nodes;
}

/* ---- queues ---- */

static void push_ready(struct plan *plan, struct plan_node *node)
{
    if (node->is_ready)
        return;
    node->is_ready = true;
    node->next_ready = plan->ready;
    plan->ready = node;
}

/* A change that has not been handed out yet is not put on twice: the caller sees the newest state.
 */
static void report(struct plan *plan, struct plan_node *node)
{
    if (node->is_changed)
        return;
    node->is_changed = true;
    node->next_changed = NULL;
    *plan->changed_last = node;
    plan->changed_last = &node->next_changed;
}

/* ---- the end of a node ---- */

static bool waits_for_success(const struct plan_node *node)
{
    return node->task->trigger_policy.strategy != TRIGGER_ALL_UPSTREAM_TASKS_COMPLETED;
}

static enum plan_state state_of_children(const struct plan_node *node)
{
    enum plan_state state = PLAN_SUCCEEDED;

    for (uint32_t i = 0; i < node->n_children; i++) {
        const struct plan_node *child = &node->children[i];

        if (child->state == PLAN_FAILED)
            return PLAN_FAILED;
        if (child->state == PLAN_CANCELED)
            state = PLAN_CANCELED;
    }
    return state;
}

static char *failed_children(const struct plan_node *node)
{
    struct buf b = {.max = 400};

    for (uint32_t i = 0; i < node->n_children; i++) {
        const struct plan_node *child = &node->children[i];

        if (child->state != PLAN_FAILED)
            continue;
        buf_adds(&b, b.n ? ", " : "failed: ");
        if (child->type == PLAN_LOOP_ITERATION)
            buf_addf(&b, "iteration %d", child->iteration_index);
        else
            buf_adds(&b, child->task->name);
    }
    return buf_take(&b);
}

static void end_node(struct plan *plan, struct plan_node *node, enum plan_state state,
                     char *reason);

static void release_dependents(struct plan *plan, struct plan_node *node)
{
    const struct dag_graph *g = node->parent->graph;
    uint32_t i = (uint32_t)(node - node->parent->children);

    for (uint32_t k = g->down_at[i + 1]; k-- > g->down_at[i];) {
        struct plan_node *down = &node->parent->children[g->down[k]];

        if (node->dirty)
            down->dirty = true;
        if (--down->n_waiting == 0)
            push_ready(plan, down);
    }
}

static void end_dag(struct plan *plan, struct plan_node *node)
{
    enum plan_state state = state_of_children(node);

    end_node(plan, node, state,
             state == PLAN_FAILED     ? failed_children(node)
             : state == PLAN_CANCELED ? dh_strdup("canceled")
                                      : NULL);
}

static void child_ended(struct plan *plan, struct plan_node *parent, const struct plan_node *child)
{
    parent->n_open--;
    if (child->dirty)
        parent->dirty = true;
    if (parent->type == PLAN_LOOP) {
        parent->n_active--;
        if (parent->n_opened < parent->n_children)
            push_ready(plan, parent);
    }
    if (parent->n_open == 0)
        end_dag(plan, parent);
}

static void end_node(struct plan *plan, struct plan_node *node, enum plan_state state, char *reason)
{
    struct plan_node *parent = node->parent;

    node->state = (uint8_t)state;
    free(node->reason);
    node->reason = reason;
    report(plan, node);
    if (!parent)
        return;
    if (parent->type != PLAN_LOOP)
        release_dependents(plan, node);
    child_ended(plan, parent, node);
}

/* ---- opening dags and loops ---- */

static bool is_loop(const struct pipeline_task_spec *task)
{
    return task->parameter_iterator || task->artifact_iterator;
}

static enum plan_type type_of(const struct pipeline_task_spec *task)
{
    if (task->trigger_policy.condition[0])
        return PLAN_CONDITION;
    if (!strncmp(task->name, "condition-branches-", 19))
        return PLAN_CONDITION_BRANCH;
    return strncmp(task->name, "exit-handler-", 13) ? PLAN_DAG : PLAN_EXIT_HANDLER;
}

static void init_node(struct plan *plan, struct plan_node *node, struct plan_node *parent,
                      const struct pipeline_task_spec *task, enum plan_type type)
{
    node->parent = parent;
    node->task = task;
    node->component = spec_task_component(plan->spec, task);
    node->type = (uint8_t)type;
    node->iteration_index = -1;
    node->dirty = parent->dirty;
    node->shielded = parent->shielded || !waits_for_success(node);
    if (!node->component->dag && type != PLAN_LOOP) {
        node->executor = spec_executor(plan->spec, node->component->executor_label);
        node->type = node->executor->kind == EXECUTOR_IMPORTER ? PLAN_IMPORTER : PLAN_RUNTIME;
    }
    plan->n_nodes++;
}

static const struct dag_graph *graph_of(struct plan *plan, const struct component_spec *component)
{
    return strmap_get(plan->graphs, component->name);
}

/* The node's inputs are known: its tasks come to be, and those that wait for nothing are ready. */
static void open_dag(struct plan *plan, struct plan_node *node)
{
    const struct dag_spec *dag = node->component->dag;

    node->graph = graph_of(plan, node->component);
    node->children = dh_zalloc(dag->tasks.n, sizeof *node->children);
    node->n_children = node->n_open = (uint32_t)dag->tasks.n;
    for (uint32_t i = node->n_children; i-- > 0;) {
        struct plan_node *child = &node->children[i];
        const struct pipeline_task_spec *task = &dag->tasks.items[i];

        init_node(plan, child, node, task, is_loop(task) ? PLAN_LOOP : type_of(task));
        child->n_waiting = node->graph->up_at[i + 1] - node->graph->up_at[i];
        if (!child->n_waiting)
            push_ready(plan, child);
    }
    if (!node->n_children)
        end_dag(plan, node);
}

static void start(struct plan *plan, struct plan_node *node)
{
    node->state = PLAN_RUNNING;
    report(plan, node);
}

/* A dag's RUNNING is handed out before its children start: they are decided by later calls. */
static void open_body(struct plan *plan, struct plan_node *node)
{
    start(plan, node);
    if (!node->executor)
        open_dag(plan, node);
}

static void open_loop(struct plan *plan, struct plan_node *loop)
{
    uint32_t n = (uint32_t)js_n(loop->items);

    loop->children = dh_zalloc(n, sizeof *loop->children);
    loop->n_children = loop->n_open = n;
    for (uint32_t i = 0; i < n; i++) {
        struct plan_node *it = &loop->children[i];

        init_node(plan, it, loop, loop->task, PLAN_LOOP_ITERATION);
        it->iteration_index = (int32_t)i;
    }
    start(plan, loop);
    if (n)
        push_ready(plan, loop);
    else
        end_dag(plan, loop);
}

/* After the first cancel exit handlers still run, with all that is part of them; after the second
 * nothing. */
static bool is_canceled(const struct plan *plan, const struct plan_node *node)
{
    return plan->canceled && (plan->canceled_all || !node->shielded);
}

/* Opens the loop's next iteration; the rest stays behind it on the stack. */
static void open_iteration(struct plan *plan, struct plan_node *loop)
{
    const struct iterator_policy *policy = loop->task->iterator_policy;
    uint32_t limit =
        policy && policy->parallelism_limit > 0 ? (uint32_t)policy->parallelism_limit : UINT32_MAX;
    struct plan_node *it;
    struct dh_err err;

    if (is_canceled(plan, loop)) {
        while (loop->n_opened < loop->n_children) {
            loop->n_active++;
            end_node(plan, &loop->children[loop->n_opened++], PLAN_CANCELED,
                     dh_strdup("run canceled"));
        }
        return;
    }
    if (loop->n_active >= limit)
        return;
    it = &loop->children[loop->n_opened++];
    loop->n_active++;
    if (loop->n_opened < loop->n_children)
        push_ready(plan, loop);
    it->inputs = resolve_iteration(loop, it->iteration_index, &err);
    if (!it->inputs)
        end_node(plan, it, PLAN_FAILED, dh_strdup(err.msg));
    else
        open_body(plan, it);
}

/* ---- deciding about a task that nothing holds back any more ---- */

/* The upstream task that keeps `node` from running, or NULL. */
static const struct plan_node *bad_upstream(const struct plan_node *node)
{
    const struct dag_graph *g = node->parent->graph;
    uint32_t i = (uint32_t)(node - node->parent->children);

    if (!waits_for_success(node))
        return NULL;
    for (uint32_t k = g->up_at[i]; k < g->up_at[i + 1]; k++)
        if (!plan_succeeded(&node->parent->children[g->up[k]]))
            return &node->parent->children[g->up[k]];
    return NULL;
}

/* The first upstream task that is not final, or NULL. */
static const struct plan_node *open_upstream(const struct plan_node *node)
{
    const struct dag_graph *g = node->task && node->parent ? node->parent->graph : NULL;
    uint32_t i = g ? (uint32_t)(node - node->parent->children) : 0;

    for (uint32_t k = g ? g->up_at[i] : 0; g && k < g->up_at[i + 1]; k++)
        if (!plan_is_final(&node->parent->children[g->up[k]]))
            return &node->parent->children[g->up[k]];
    return NULL;
}

const struct plan_node *plan_waits_for(const struct plan_node *node)
{
    while (node && node->state == PLAN_PENDING)
        node = open_upstream(node);
    return node;
}

void plan_order(const struct plan_node *node, uint32_t *ret)
{
    if (node->graph)
        graph_order(node->graph, ret);
    for (uint32_t i = 0; !node->graph && i < node->n_children; i++)
        ret[i] = i;
}

/* A dag that does not run has its tasks on record all the same: as skipped, too. */
static void skip_children(struct plan *plan, struct plan_node *node)
{
    const struct dag_spec *dag = node->type == PLAN_LOOP ? NULL : node->component->dag;

    if (!dag)
        return;
    node->children = dh_zalloc(dag->tasks.n, sizeof *node->children);
    node->n_children = (uint32_t)dag->tasks.n;
    for (uint32_t i = 0; i < node->n_children; i++) {
        struct plan_node *child = &node->children[i];
        const struct pipeline_task_spec *task = &dag->tasks.items[i];

        init_node(plan, child, node, task, is_loop(task) ? PLAN_LOOP : type_of(task));
        child->state = PLAN_SKIPPED;
        child->reason = dh_printf("'%s' was skipped", plan_name(node));
        report(plan, child);
        skip_children(plan, child);
    }
}

static void skip(struct plan *plan, struct plan_node *node, char *reason)
{
    node->state = PLAN_SKIPPED;
    report(plan, node); /* before its tasks, which are below it on the record */
    skip_children(plan, node);
    end_node(plan, node, PLAN_SKIPPED, reason);
}

static void end_for_upstream(struct plan *plan, struct plan_node *node, const struct plan_node *up)
{
    static const char *const words[] = {
        [PLAN_SKIPPED] = "was skipped", [PLAN_FAILED] = "failed", [PLAN_CANCELED] = "was canceled"};
    char *reason = dh_printf("upstream task '%s' %s", plan_name(up), words[up->state]);

    if (up->state == PLAN_CANCELED)
        end_node(plan, node, PLAN_CANCELED, reason);
    else
        skip(plan, node, reason);
}

/* 1: go on. 0: the node has ended. */
static int check_condition(struct plan *plan, struct plan_node *node)
{
    const char *condition = node->task->trigger_policy.condition;
    own(js_free) struct js *view = NULL;
    struct buf text = {.max = 600};
    struct dh_err err;
    bool yes;

    if (!condition[0])
        return 1;
    view = executor_input_view(node->inputs);
    if (cel_condition(condition, view, &yes, &err) < 0) {
        end_node(plan, node, PLAN_FAILED, dh_printf("condition %s: %s", condition, err.msg));
        return 0;
    }
    if (yes)
        return 1;
    buf_adds(&text, "condition ");
    cel_explain(condition, view, &text);
    skip(plan, node, buf_take(&text));
    return 0;
}

static void decide(struct plan *plan, struct plan_node *node)
{
    const struct plan_node *up;
    struct dh_err err;

    if (is_canceled(plan, node)) {
        end_node(plan, node, PLAN_CANCELED, dh_strdup("run canceled"));
        return;
    }
    up = bad_upstream(node);
    if (up) {
        end_for_upstream(plan, node, up);
        return;
    }
    if (resolve_inputs(plan, node, &node->inputs, &err) < 0) {
        end_node(plan, node, PLAN_FAILED, dh_strdup(err.msg));
        return;
    }
    if (!check_condition(plan, node))
        return;
    if (node->type != PLAN_LOOP)
        open_body(plan, node);
    else if (resolve_items(plan, node, &err) < 0)
        end_node(plan, node, PLAN_FAILED, dh_strdup(err.msg));
    else
        open_loop(plan, node);
}

int plan_next(struct plan *plan, struct plan_node **ret)
{
    if (plan->last && plan_is_final(plan->last)) {
        plan->last->inputs = js_free(plan->last->inputs);
        plan->last->items = js_free(plan->last->items);
    }
    plan->last = NULL;
    for (;;) {
        struct plan_node *node = plan->changed;

        if (node) {
            plan->changed = node->next_changed;
            if (!plan->changed)
                plan->changed_last = &plan->changed;
            node->is_changed = false;
            plan->last = *ret = node;
            return 0;
        }
        node = plan->ready;
        if (!node)
            return PLAN_NOTHING;
        plan->ready = node->next_ready;
        node->is_ready = false;
        if (plan_is_final(node)) /* a loop whose last iterations a cancel ended */
            continue;
        if (node->type == PLAN_LOOP && node->state == PLAN_RUNNING)
            open_iteration(plan, node);
        else
            decide(plan, node);
    }
}

void plan_finish(struct plan *plan, struct plan_node *node, enum plan_state state,
                 struct js *outputs, const char *reason, bool fresh)
{
    node->outputs = outputs;
    if (fresh)
        node->dirty = true;
    end_node(plan, node, state, reason ? dh_strdup(reason) : NULL);
}

void plan_cancel(struct plan *plan, bool all)
{
    plan->canceled = true;
    plan->canceled_all |= all;
}

/* ---- making and freeing ---- */

static int check_expressions(const struct spec *spec, const struct pipeline_task_spec *task,
                             struct dh_err *err)
{
    own(cel_free) struct cel_program *condition = NULL;
    char where[SPEC_WHERE];

    if (task->trigger_policy.condition[0] &&
        (cel_compile(task->trigger_policy.condition, &condition, err) < 0 ||
         cel_check(condition, CEL_CONDITION, err) < 0))
        return dh_while(err, "%s: condition of task '%s', \"%.120s\"",
                        spec_where(spec, task->trigger_policy.condition_pos, where), task->name,
                        task->trigger_policy.condition);
    for (size_t i = 0; i < task->inputs.parameters.n; i++) {
        const struct input_parameter_spec *in = &task->inputs.parameters.items[i];
        own(cel_free) struct cel_program *selector = NULL;

        if (in->parameter_expression_selector[0] &&
            (cel_compile(in->parameter_expression_selector, &selector, err) < 0 ||
             cel_check(selector, CEL_SELECTOR, err) < 0))
            return dh_while(err, "%s: selector of task '%s', input '%s'",
                            spec_where(spec, in->pos, where), task->name, in->name);
    }
    return 0;
}

static int add_graph(struct plan *plan, const struct component_spec *component, struct dh_err *err)
{
    struct dag_graph *g;

    if (!component->dag)
        return 0;
    for (size_t i = 0; i < component->dag->tasks.n; i++)
        if (check_expressions(plan->spec, &component->dag->tasks.items[i], err) < 0)
            return -1;
    if (graph_new(component->dag, &g, err) < 0)
        return -1;
    (void)strmap_put(plan->graphs, component->name, g);
    return 0;
}

int plan_new(const struct spec *spec, const struct plan_run *run, struct plan **ret,
             struct dh_err *err)
{
    own(plan_free) struct plan *plan = dh_zalloc(1, sizeof *plan);
    const struct component_spec *root = &spec->pipeline.root;
    struct plan_node *node = &plan->root;

    plan->spec = spec;
    plan->run = run;
    plan->changed_last = &plan->changed;
    plan->graphs = strmap_new();
    if (add_graph(plan, root, err) < 0)
        return -1;
    for (size_t i = 0; i < spec->pipeline.components.n; i++)
        if (add_graph(plan, &spec->pipeline.components.items[i], err) < 0)
            return -1;
    node->component = root;
    node->type = PLAN_DAG;
    node->iteration_index = -1;
    node->inputs = js_object();
    js_set(node->inputs, "parameters", js_copy(run->parameters));
    js_set(node->inputs, "artifacts", js_object());
    plan->n_nodes = 1;
    open_body(plan, node);
    *ret = take(&plan);
    return 0;
}

static void node_done(struct plan_node *node)
{
    for (uint32_t i = 0; i < node->n_children; i++)
        node_done(&node->children[i]);
    free(node->children);
    free(node->reason);
    js_free(node->inputs);
    js_free(node->items);
    js_free(node->outputs);
}

struct plan *plan_free(struct plan *plan)
{
    void *graph;

    if (!plan)
        return NULL;
    for (size_t i = 0; i < strmap_n(plan->graphs); i++) {
        (void)strmap_at(plan->graphs, i, &graph);
        graph_free(graph);
    }
    strmap_free(plan->graphs);
    node_done(&plan->root);
    free(plan);
    return NULL;
}
