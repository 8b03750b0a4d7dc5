/* draft - making the parts of a draft, with their checks. */
#include "compile/draft.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

int draft_fail(struct dh_err *err, struct draft_place at, const char *fmt, ...)
{
    char text[900];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (at.column)
        return dh_fail(err, DH_INVALID, "%s:%d:%d: %s", at.file, at.line, at.column, text);
    return dh_fail(err, DH_INVALID, "%s:%d: %s", at.file, at.line, text);
}

static void drop(void *v)
{
    js_free(v);
}

struct js *draft_keep(struct arena *a, struct js *v)
{
    arena_on_free(a, drop, v);
    return v;
}

static void drop_names(void *m)
{
    strmap_free(m);
}

struct draft_port *draft_port(const struct draft_ports *ports, const char *name)
{
    for (size_t i = 0; i < ports->n; i++)
        if (!strcmp(ports->items[i].name, name))
            return &ports->items[i];
    return NULL;
}

struct draft_pipeline *draft_pipeline_new(struct arena *a, struct draft_component *component)
{
    struct draft_pipeline *p = arena_alloc(a, sizeof *p);

    p->component = component;
    p->root = arena_alloc(a, sizeof *p->root);
    p->root->at = component->at;
    p->root->kind = DRAFT_ROOT;
    p->root->name = component->name;
    p->root->pipeline = p;
    p->open = p->root;
    p->task_names = strmap_new();
    arena_on_free(a, drop_names, p->task_names);
    p->numbers = strmap_new();
    arena_on_free(a, drop_names, p->numbers);
    component->kind = DRAFT_PIPELINE;
    component->pipeline = p;
    return p;
}

/* ---- tasks ---- */

static const char *unique_task_name(struct arena *a, struct draft_pipeline *p, const char *name)
{
    const char *base = lower_k8s_name(a, name), *unique;
    uintptr_t number;

    if (!*base)
        base = "task";
    if (!strmap_get(p->task_names, base))
        return base;
    number = (uintptr_t)strmap_get(p->numbers, base); /* all below are taken: no second look */
    number = number ? number : 1;
    do
        unique = arena_printf(a, "%s-%d", base, (int)++number);
    while (strmap_get(p->task_names, unique));
    (void)strmap_put(p->numbers, base, (void *)number);
    return unique;
}

struct draft_task *draft_task_new(struct arena *a, struct draft_place at, struct draft_pipeline *p,
                                  struct draft_component *component)
{
    struct draft_task *task = arena_alloc(a, sizeof *task);

    task->at = at;
    task->name = unique_task_name(a, p, component->name);
    task->component = component;
    task->pipeline = p;
    task->parent = p->open;
    (void)strmap_put(p->task_names, task->name, task);
    DRAFT_PUSH(a, p->tasks, p->n_tasks, p->cap_tasks, task);
    DRAFT_PUSH(a, p->open->tasks, p->open->n_tasks, p->open->cap_tasks, task);
    return task;
}

int draft_task_input(struct arena *a, struct draft_task *task, const char *name,
                     struct draft_value *value, struct dh_err *err)
{
    const struct draft_port *port = draft_port(&task->component->inputs, name);
    struct dh_err wrong;
    const char *what;

    if (!port)
        return draft_fail(err, task->at, "'%s' has no input '%s'", task->component->name, name);
    if (value->pipeline && value->pipeline != task->pipeline)
        return draft_fail(err, task->at,
                          "input '%s' of '%s' is a value of another pipeline, '%s': hand it over "
                          "as an input",
                          name, task->component->name, value->pipeline->component->name);
    if (draft_check_type(value, port, task->at, "", &wrong) < 0) { /* seldom: words are made then */
        what = arena_printf(a, "input '%s' of '%s'", name, task->component->name);
        return draft_check_type(value, port, task->at, what, err);
    }
    DRAFT_PUSH(a, task->inputs, task->n_inputs, task->cap_inputs,
               (struct draft_input){name, value});
    return 0;
}

static bool is_given(const struct draft_task *task, const char *name)
{
    for (size_t i = 0; i < task->n_inputs; i++)
        if (!strcmp(task->inputs[i].name, name))
            return true;
    return false;
}

int draft_task_check(const struct draft_task *task, struct dh_err *err)
{
    const struct draft_ports *ports = &task->component->inputs;

    for (size_t i = 0; i < ports->n; i++)
        if (!ports->items[i].optional && ports->items[i].type != DRAFT_FINAL_STATUS &&
            !is_given(task, ports->items[i].name))
            return draft_fail(err, task->at, "'%s' is not given its input '%s'",
                              task->component->name, ports->items[i].name);
    return 0;
}

void draft_task_after(struct arena *a, struct draft_task *task, struct draft_task *other)
{
    DRAFT_PUSH(a, task->after, task->n_after, task->cap_after, other);
}

/* ---- values ---- */

struct draft_value *draft_value_new(struct arena *a, struct draft_place at,
                                    struct draft_pipeline *p, enum draft_value_kind kind)
{
    struct draft_value *v = arena_alloc(a, sizeof *v);

    v->at = at;
    v->pipeline = p;
    v->kind = kind;
    return v;
}

int draft_value_field(struct draft_value *v, struct draft_value *of, const char *name,
                      struct dh_err *err)
{
    const struct js *first;

    if (of->kind != DRAFT_ITEM)
        return draft_fail(err, v->at, "field '%s' of what is not the item of a loop", name);
    v->of = of;
    v->name = name;
    v->type = DRAFT_TEXT; /* as the SDK has it where it is not known */
    if (of->group->items->kind != DRAFT_CONSTANT)
        return 0;
    first = js_at(of->group->items->constant, 0);
    if (!js_is(first, JS_OBJECT) || !js_get(first, name))
        return draft_fail(err, v->at, "the items of the loop have no field '%s'", name);
    v->type = draft_type_of(js_get(first, name));
    return 0;
}

int draft_value_collected(struct draft_value *v, struct draft_value *of, struct dh_err *err)
{
    const struct draft_group *g = of->kind == DRAFT_OUTPUT ? of->task->parent : NULL;

    while (g && g->kind != DRAFT_LOOP)
        g = g->parent;
    if (!g)
        return draft_fail(err, v->at, "only outputs of tasks inside a loop can be collected");
    v->of = of;
    v->type = of->type == DRAFT_ARTIFACT ? DRAFT_ARTIFACT : DRAFT_LIST;
    v->artifact = of->artifact;
    v->list = of->type == DRAFT_ARTIFACT;
    return 0;
}

static const struct draft_group *branches_around(const struct draft_value *v)
{
    const struct draft_group *branch = v->kind == DRAFT_OUTPUT ? v->task->parent : NULL;

    while (branch && branch->kind != DRAFT_BRANCH)
        branch = branch->parent;
    return branch && branch->parent->kind == DRAFT_BRANCHES ? branch->parent : NULL;
}

int draft_value_one_of(struct arena *a, struct draft_value *v, struct dh_err *err)
{
    const struct draft_group *branches = v->n_values ? branches_around(v->values[0]) : NULL;

    if (!branches)
        return draft_fail(err, v->at,
                          "one of: each value is an output of a task in a branch of one if … else");
    for (size_t i = 0; i < v->n_values; i++) {
        if (branches_around(v->values[i]) != branches)
            return draft_fail(err, v->at, "one of: value %zu is not of the same if … else", i + 1);
        if (v->values[i]->type != v->values[0]->type || v->values[i]->list != v->values[0]->list ||
            (v->values[0]->artifact && strcmp(v->values[i]->artifact, v->values[0]->artifact) != 0))
            return draft_fail(
                err, v->at, "one of: value %zu is %s, value 1 is %s", i + 1,
                draft_says(a, v->values[i]->type, v->values[i]->artifact, v->values[i]->list),
                draft_says(a, v->values[0]->type, v->values[0]->artifact, v->values[0]->list));
    }
    if (!branches->has_else)
        return draft_fail(err, v->at, "one of: the if has no else, so there may be no value");
    v->group = (struct draft_group *)branches;
    v->type = v->values[0]->type;
    v->artifact = v->values[0]->artifact;
    v->list = v->values[0]->list;
    v->name = arena_printf(a, "pipelinechannel--%s-oneof-%d", branches->name, ++v->group->n_one_of);
    return 0;
}

enum draft_type draft_type_of(const struct js *constant)
{
    switch (js_kind(constant)) {
    case JS_BOOL:
        return DRAFT_BOOL;
    case JS_INT:
        return DRAFT_INTEGER;
    case JS_REAL:
        return DRAFT_NUMBER;
    case JS_ARRAY:
        return DRAFT_LIST;
    case JS_OBJECT:
        return DRAFT_STRUCT;
    default:
        return DRAFT_TEXT;
    }
}

/* ---- groups ---- */

static struct draft_group *group_new(struct arena *a, struct draft_place at,
                                     struct draft_pipeline *p, enum draft_group_kind kind,
                                     const char *display_name)
{
    static const char *const words[] = {"", "condition-branches", "condition", "for-loop",
                                        "exit-handler"};
    struct draft_group *g = arena_alloc(a, sizeof *g);

    g->at = at;
    g->kind = kind;
    g->pipeline = p;
    g->display_name = display_name;
    g->name = arena_printf(a, "%s-%d", words[kind], ++p->last_group);
    return g;
}

static void push_group(struct arena *a, struct draft_group *parent, struct draft_group *g)
{
    g->parent = parent;
    DRAFT_PUSH(a, parent->groups, parent->n_groups, parent->cap_groups, g);
}

static void set_conditions(struct arena *a, struct draft_group *g, const struct draft_group *before,
                           const struct draft_condition *own)
{
    size_t n = before ? before->n_before : 0;

    g->conditions = arena_alloc(a, (n + 1) * sizeof *g->conditions);
    g->before = arena_alloc(a, (n + 1) * sizeof *g->before);
    for (size_t i = 0; i < n; i++)
        g->conditions[i] = g->before[i] = before->before[i];
    g->n_conditions = g->n_before = n;
    if (!own)
        return;
    g->conditions[g->n_conditions++] = *own;
    g->before[g->n_before] = *own;
    g->before[g->n_before++].negate = true;
}

int draft_if(struct arena *a, struct draft_place at, struct draft_pipeline *p,
             const struct draft_condition *condition, const char *name, struct draft_group **ret,
             struct dh_err *err)
{
    struct draft_group *g;

    if (condition->left->kind == DRAFT_CONSTANT && condition->right->kind == DRAFT_CONSTANT)
        return draft_fail(err, at,
                          "the condition compares two constants: one side has to be an "
                          "input or a task's output");
    g = group_new(a, at, p, DRAFT_BRANCH, name);
    set_conditions(a, g, NULL, condition);
    push_group(a, p->open, g);
    p->open = *ret = g;
    return 0;
}

static const char *with_number(struct arena *a, const char *of, const char *number_of)
{
    const char *dash = strrchr(of, '-'), *number = strrchr(number_of, '-');

    return arena_printf(a, "%.*s%s", (int)(dash - of), of, number);
}

/* The first else puts its if into a group of branches; the two swap numbers, as the SDK has it. */
static struct draft_group *wrap(struct arena *a, struct draft_pipeline *p,
                                struct draft_group *first)
{
    struct draft_group *parent = first->parent,
                       *branches = group_new(a, first->at, p, DRAFT_BRANCHES, NULL);
    const char *name = with_number(a, branches->name, first->name);

    first->name = with_number(a, first->name, branches->name);
    branches->name = name;
    parent->n_groups--;
    push_group(a, parent, branches);
    push_group(a, branches, first);
    return branches;
}

int draft_else(struct arena *a, struct draft_place at, struct draft_pipeline *p,
               enum draft_else kind, const struct draft_condition *condition, const char *name,
               struct draft_group **ret, struct dh_err *err)
{
    struct draft_group *last = p->open->n_groups ? p->open->groups[p->open->n_groups - 1] : NULL,
                       *g;

    if (last && last->kind == DRAFT_BRANCHES)
        last = last->groups[last->n_groups - 1];
    if (!last || last->kind != DRAFT_BRANCH || last->is_else)
        return draft_fail(err, at, "an else has to follow an if");
    if (last->parent->kind != DRAFT_BRANCHES)
        (void)wrap(a, p, last);
    g = group_new(a, at, p, DRAFT_BRANCH, name);
    set_conditions(a, g, last, kind == DRAFT_ELIF ? condition : NULL);
    g->is_else = kind == DRAFT_ELSE;
    push_group(a, last->parent, g);
    last->parent->has_else |= g->is_else;
    p->open = *ret = g;
    return 0;
}

int draft_loop(struct arena *a, struct draft_place at, struct draft_pipeline *p,
               struct draft_value *items, int parallelism, const char *name,
               struct draft_group **ret, struct dh_err *err)
{
    struct draft_group *g;

    if (items->type != DRAFT_LIST && !(items->type == DRAFT_ARTIFACT && items->list) &&
        items->kind != DRAFT_FIELD && items->kind != DRAFT_ITEM)
        return draft_fail(err, at, "a loop goes over a list, not over %s",
                          draft_says(a, items->type, items->artifact, items->list));
    if (items->kind == DRAFT_CONSTANT && js_n(items->constant) == 0)
        return draft_fail(err, at, "the loop has no items");
    if (parallelism < 0)
        return draft_fail(err, at, "the loop's parallelism is %d: expected 0 (no limit) or more",
                          parallelism);
    if (items->kind == DRAFT_CONSTANT)
        p->last_group++; /* the SDK numbers constant items too */
    g = group_new(a, at, p, DRAFT_LOOP, name);
    g->items = items;
    g->parallelism = parallelism;
    g->item_name = items->kind == DRAFT_CONSTANT
                       ? arena_printf(a, "loop-item-param-%d", p->last_group - 1)
                       : arena_printf(a, "%s-loop-item", draft_channel_name(a, items));
    push_group(a, p->open, g);
    p->open = *ret = g;
    return 0;
}

int draft_exit_handler(struct arena *a, struct draft_place at, struct draft_pipeline *p,
                       struct draft_task *task, const char *name, struct draft_group **ret,
                       struct dh_err *err)
{
    struct draft_group *g, *from = task->parent;
    size_t i = 0;

    if (p->open->kind != DRAFT_ROOT)
        return draft_fail(err, at, "an exit handler stands in a pipeline's outermost block");
    if (task->n_after)
        return draft_fail(err, at, "the exit task '%s' cannot wait for other tasks", task->name);
    for (size_t k = 0; k < task->n_inputs; k++)
        if (task->inputs[k].value->kind != DRAFT_CONSTANT &&
            task->inputs[k].value->kind != DRAFT_INPUT)
            return draft_fail(err, at,
                              "input '%s' of the exit task '%s' has to be a constant or an input "
                              "of the pipeline",
                              task->inputs[k].name, task->name);
    for (size_t k = 0; k < task->n_needs; k++)
        if (task->needs[k].value->kind != DRAFT_INPUT)
            return draft_fail(err, at,
                              "what is set on the exit task '%s' has to be a constant or an input "
                              "of the pipeline",
                              task->name);
    while (i < from->n_tasks && from->tasks[i] != task)
        i++;
    if (i == from->n_tasks)
        return draft_fail(err, at, "'%s' is the exit task of a handler already", task->name);
    memmove(&from->tasks[i], &from->tasks[i + 1], (--from->n_tasks - i) * sizeof *from->tasks);
    task->is_exit = true;
    task->parent = p->root;
    g = group_new(a, at, p, DRAFT_EXIT_HANDLER, name);
    g->exit_task = task;
    push_group(a, p->open, g);
    p->open = *ret = g;
    return 0;
}

struct draft_value *draft_item(struct arena *a, struct draft_place at, struct draft_pipeline *p,
                               struct draft_group *group)
{
    struct draft_value *item = draft_value_new(a, at, p, DRAFT_ITEM);

    item->group = group;
    if (group->items->type == DRAFT_ARTIFACT)
        item->type = DRAFT_ARTIFACT;
    else if (group->items->kind == DRAFT_CONSTANT)
        item->type = draft_type_of(js_at(group->items->constant, 0));
    else
        item->type = group->items->item;
    item->artifact = group->items->artifact;
    return item;
}

int draft_group_end(struct draft_pipeline *p, struct dh_err *err)
{
    struct draft_group *g = p->open;

    if (!g->parent)
        return 1;
    if (!g->n_tasks && !g->n_groups)
        return draft_fail(err, g->at, "the block has no task");
    p->open = g->parent->kind == DRAFT_BRANCHES ? g->parent->parent : g->parent;
    return 0;
}

int draft_output_name(struct draft_place at, const char *name, struct dh_err *err)
{
    bool plain = *name && strlen(name) <= 255 && strcmp(name, ".") && strcmp(name, "..");

    for (const char *p = name; *p; p++)
        plain = plain && (unsigned char)*p >= 0x20 && *p != 0x7f && *p != '/';
    return plain ? 0
                 : draft_fail(err, at,
                              "an output's name is a file's: 1 to 255 bytes, not '.' or '..', "
                              "without '/' and control characters");
}

int draft_output(struct arena *a, struct draft_pipeline *p, struct draft_place at, const char *name,
                 struct draft_value *value, struct dh_err *err)
{
    const struct draft_port *port = draft_port(&p->component->outputs, name);

    if (!port)
        return draft_fail(err, at, "the pipeline has no output '%s'", name);
    if (value->kind != DRAFT_OUTPUT && value->kind != DRAFT_COLLECTED &&
        value->kind != DRAFT_ONE_OF)
        return draft_fail(err, at, "output '%s' of the pipeline has to be a task's output", name);
    if (draft_check_type(value, port, at, arena_printf(a, "output '%s'", name), err) < 0)
        return -1;
    DRAFT_PUSH(a, p->outputs, p->n_outputs, p->cap_outputs, (struct draft_input){name, value});
    return 0;
}
