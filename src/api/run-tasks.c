#include "api/run-tasks.h"

#include <string.h>

#include "base/mem.h"
#include "store/catalog.h"

const char *run_task_state(enum store_state state)
{
    return store_state_name(state == STORE_CACHED ? STORE_SUCCEEDED : state);
}

struct walk {
    struct jw *w;
    const struct store_run *run;
    const struct store_tasks *tasks;
    size_t *first_child, *next; /* beside tasks: index + 1; 0: none */
};

static void write_state(struct jw *w, int64_t at_us, enum store_state state)
{
    jw_begin(w, '{');
    jw_seconds(w, "update_time", at_us);
    jw_text(w, "state", run_task_state(state));
    jw_end(w, '}');
}

static void write_history(struct jw *w, const struct store_task *t)
{
    jw_begin_in(w, "state_history", '[');
    if (t->started_us)
        write_state(w, t->started_us, STORE_RUNNING);
    if (t->finished_us)
        write_state(w, t->finished_us, t->state);
    else if (!t->started_us)
        write_state(w, t->created_us, t->state);
    jw_end(w, ']');
}

static void write_error(struct jw *w, const struct store_task *t)
{
    own(js_free) struct js *error = NULL;
    struct dh_err ignored;

    if (!t->error || js_parse(t->error, strlen(t->error), &error, &ignored) < 0)
        return;
    jw_begin_in(w, "error", '{');
    jw_number(w, "code", GRPC_INTERNAL);
    jw_opt(w, "message", js_get_text(error, "message"));
    jw_end(w, '}');
}

/* All but its children and its end. */
static void begin_task(struct jw *w, const struct store_run *run, const struct store_task *t,
                       const char *parent)
{
    jw_begin(w, '{');
    jw_text(w, "run_id", run->uuid);
    jw_text(w, "task_id", t->uuid);
    jw_text(w, "display_name",
            t->type == STORE_ROOT                 ? "root"
            : t->display_name && *t->display_name ? t->display_name
                                                  : t->name);
    jw_seconds(w, "create_time", t->created_us);
    jw_seconds(w, "start_time", t->started_us);
    jw_seconds(w, "end_time", t->finished_us);
    jw_text(w, "state", run_task_state(t->state));
    jw_opt_int64(w, "execution_id", t->id);
    write_error(w, t);
    jw_opt(w, "parent_task_id", parent);
    write_history(w, t);
}

static void write_child(struct jw *w, const char *uuid)
{
    jw_begin(w, '{');
    jw_text(w, "task_id", uuid);
    jw_end(w, '}');
}

static void write_task(const struct walk *walk, size_t i)
{
    const struct store_task *t = &walk->tasks->items[i],
                            *parent = store_tasks_by_id(walk->tasks, t->parent_task_id);
    struct jw *w = walk->w;

    begin_task(w, walk->run, t, parent ? parent->uuid : NULL);
    if (walk->first_child[i]) {
        jw_begin_in(w, "child_tasks", '[');
        for (size_t c = walk->first_child[i]; c; c = walk->next[c - 1])
            write_child(w, walk->tasks->items[c - 1].uuid);
        jw_end(w, ']');
    }
    jw_end(w, '}');
}

int run_task_children(struct req *r, const struct store_task *t, struct jw *w, struct dh_err *err)
{
    struct catalog_uuids below = {0};

    if (t->type != STORE_RUNTIME && t->type != STORE_IMPORTER &&
        catalog_task_children(r->store, t->id, r->arena, &below, err) < 0)
        return -1;
    if (below.n) {
        jw_begin_in(w, "child_tasks", '[');
        for (size_t i = 0; i < below.n; i++)
            write_child(w, below.items[i]);
        jw_end(w, ']');
    }
    return 0;
}

int run_task_piece(struct req *r, const struct store_run *run, const struct store_task *t,
                   const struct pieces_above *above, const char *key, struct jw *w,
                   struct dh_err *err)
{
    (void)key;
    begin_task(w, run, t, above ? above->uuid : NULL);
    if (run_task_children(r, t, w, err) < 0)
        return -1;
    jw_end(w, '}');
    return 0;
}

void run_tasks_begin(struct jw *w)
{
    jw_begin_in(w, "run_details", '{');
    jw_begin_in(w, "task_details", '[');
}

void run_tasks_end(struct jw *w)
{
    jw_end(w, ']');
    jw_end(w, '}');
}

/* Children of each, in order: parents come before them, and ids ascend. */
static void link_children(struct walk *walk)
{
    for (size_t i = walk->tasks->n; i-- > 0;) {
        const struct store_task *parent =
            store_tasks_by_id(walk->tasks, walk->tasks->items[i].parent_task_id);

        if (parent) {
            size_t *first = &walk->first_child[parent - walk->tasks->items];

            walk->next[i] = *first;
            *first = i + 1;
        }
    }
}

int run_tasks_write(struct req *r, const struct store_run *run, struct jw *w, struct dh_err *err)
{
    struct store_tasks tasks;
    struct walk walk = {.w = w, .run = run, .tasks = &tasks};

    if (store_task_list(r->store, run->id, r->arena, &tasks, err) < 0)
        return -1;
    if (tasks.n == 0)
        return 0;
    walk.first_child = arena_alloc(r->arena, tasks.n * sizeof *walk.first_child);
    walk.next = arena_alloc(r->arena, tasks.n * sizeof *walk.next);
    link_children(&walk);
    run_tasks_begin(w);
    for (size_t i = 0; i < tasks.n; i++)
        write_task(&walk, i);
    run_tasks_end(w);
    return 0;
}
