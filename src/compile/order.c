/* order - what waits for what, between the tasks and groups of one block. */
#include <stdlib.h>

#include "base/strmap.h"
#include "compile/draft.h"

struct ordering {
    struct arena *arena;
    struct draft_pipeline *pipeline;
    struct dh_err *err;
};

static size_t depth(const struct draft_group *g)
{
    size_t n = 0;

    for (; g->parent; g = g->parent)
        n++;
    return n;
}

/* The child of *ret_group that leads down to `name` in `g`, and what leads to the other: the first
 * names in which the two ways differ. */
static struct draft_group *meet(struct draft_group *up, const char **up_name,
                                struct draft_group *down, const char **down_name)
{
    while (up != down) {
        if (depth(up) >= depth(down)) {
            *up_name = up->name;
            up = up->parent;
        } else {
            *down_name = down->name;
            down = down->parent;
        }
    }
    return up;
}

static void wait_for(struct ordering *o, struct draft_group *group, const char *name,
                     const char *other)
{
    struct js *list;

    if (!strcmp(name, other))
        return;
    if (!group->waits)
        group->waits = draft_keep(o->arena, js_object());
    list = js_get(group->waits, name);
    if (!list) {
        list = js_array();
        js_set(group->waits, name, list);
    }
    for (size_t i = 0; i < js_n(list); i++)
        if (!strcmp(js_text(js_at(list, i)), other))
            return;
    js_push(list, js_str(other));
}

/* What stands in `group` under `name` waits for what the value comes from. */
static void wait_for_value(struct ordering *o, struct draft_group *group, const char *name,
                           const struct draft_value *v)
{
    struct draft_group *from = NULL;
    const char *producer = NULL;

    switch (v->kind) {
    case DRAFT_OUTPUT:
        from = v->task->parent;
        producer = v->task->name;
        break;
    case DRAFT_COLLECTED:
        wait_for_value(o, group, name, v->of);
        return;
    case DRAFT_FIELD:
        wait_for_value(o, group, name, v->of);
        return;
    case DRAFT_ITEM:
        wait_for_value(o, group, name, v->group->items);
        return;
    case DRAFT_ONE_OF:
        from = v->group->parent;
        producer = v->group->name;
        break;
    case DRAFT_FORMAT:
        for (size_t i = 0; i < v->n_values; i++)
            wait_for_value(o, group, name, v->values[i]);
        return;
    case DRAFT_CONSTANT:
    case DRAFT_INPUT:
        return;
    }
    group = meet(from, &producer, group, &name);
    wait_for(o, group, name, producer);
}

static int wait_for_task(struct ordering *o, struct draft_task *task, struct draft_task *other)
{
    const char *name = task->name, *producer = other->name;
    struct draft_group *group;

    if (other->pipeline != task->pipeline)
        return draft_fail(o->err, task->at,
                          "'%s' cannot wait for '%s', which is of another pipeline", task->name,
                          other->name);
    group = meet(other->parent, &producer, task->parent, &name);
    for (const struct draft_group *g = other->parent; g != group; g = g->parent)
        if (g->kind == DRAFT_BRANCH || g->kind == DRAFT_BRANCHES)
            return draft_fail(o->err, task->at,
                              "'%s' cannot wait for '%s', which is in the branch '%s'", task->name,
                              other->name, g->name);
    if (!strcmp(name, producer))
        return draft_fail(o->err, task->at, "'%s' waits for itself", task->name);
    wait_for(o, group, name, producer);
    return 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort_waits(struct ordering *o, struct draft_group *group)
{
    struct js *all;

    if (!group->waits)
        return;
    all = draft_keep(o->arena, js_object());
    for (js_each(group->waits, it)) {
        size_t n = js_n(it.value);
        const char **names;
        struct js *sorted;

        if (n < 2) {
            js_set(all, it.key, js_ref(it.value));
            continue;
        }
        names = arena_alloc(o->arena, n * sizeof *names);
        sorted = js_array();
        for (size_t i = 0; i < n; i++)
            names[i] = arena_strdup(o->arena, js_text(js_at(it.value, i)));
        qsort(names, n, sizeof *names, by_text);
        for (size_t i = 0; i < n; i++)
            js_push(sorted, js_str(names[i]));
        js_set(all, it.key, sorted);
    }
    group->waits = all;
}

enum { WHITE, GREY, BLACK };

static int visit(struct ordering *o, struct draft_group *group, struct strmap *colours,
                 const char *name)
{
    static int states[] = {WHITE, GREY, BLACK};
    const int *state = strmap_get(colours, name);
    const struct js *list = js_get(group->waits, name);

    if (state == &states[BLACK])
        return 0;
    if (state == &states[GREY])
        return draft_fail(o->err, group->at, "a cycle: '%s' waits for itself", name);
    (void)strmap_put(colours, name, &states[GREY]);
    for (size_t i = 0; i < js_n(list); i++) {
        const char *other = js_text(js_at(list, i));

        if (visit(o, group, colours, other) < 0) {
            if (strstr(o->err->msg, "waits for itself") && !strstr(o->err->msg, name))
                (void)dh_fail(o->err, DH_INVALID, "%s (by way of '%s')",
                              arena_strdup(o->arena, o->err->msg), name);
            return -1;
        }
    }
    (void)strmap_put(colours, name, &states[BLACK]);
    return 0;
}

static int check_group(struct ordering *o, struct draft_group *group)
{
    own(strmap_free) struct strmap *colours = strmap_new();

    for (js_each(group->waits, it))
        if (visit(o, group, colours, it.key) < 0)
            return -1;
    sort_waits(o, group);
    for (size_t i = 0; i < group->n_groups; i++)
        if (check_group(o, group->groups[i]) < 0)
            return -1;
    return 0;
}

static void order_group(struct ordering *o, struct draft_group *group)
{
    for (size_t i = 0; i < group->n_conditions; i++) {
        wait_for_value(o, group->parent, group->name, group->conditions[i].left);
        wait_for_value(o, group->parent, group->name, group->conditions[i].right);
    }
    if (group->items)
        wait_for_value(o, group->parent, group->name, group->items);
    for (size_t i = 0; i < group->n_groups; i++)
        order_group(o, group->groups[i]);
}

int draft_order(struct arena *a, struct draft_pipeline *p, struct dh_err *err)
{
    struct ordering o = {a, p, err};

    for (size_t i = 0; i < p->n_tasks; i++) {
        struct draft_task *task = p->tasks[i];

        if (task->is_exit)
            continue;
        for (size_t k = 0; k < task->n_inputs; k++)
            wait_for_value(&o, task->parent, task->name, task->inputs[k].value);
        for (size_t k = 0; k < task->n_needs; k++)
            wait_for_value(&o, task->parent, task->name, task->needs[k].value);
        for (size_t k = 0; k < task->n_after; k++)
            if (wait_for_task(&o, task, task->after[k]) < 0)
                return -1;
    }
    order_group(&o, p->root);
    return check_group(&o, p->root);
}
