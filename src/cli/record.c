#include "cli/record.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/out.h"

const struct store_task *record_task_by_id(const struct record *record, int64_t id)
{
    return store_tasks_by_id(&record->tasks, id);
}

const char *record_key(const struct record *record, const struct store_task *task)
{
    return record->keys[task - record->tasks.items];
}

const char *record_path(const struct record *record, const struct store_task *task)
{
    const char *key = record_key(record, task);

    return strncmp(key, "root.", 5) ? key : key + 5;
}

char *record_label(const struct record *record, const struct store_task *task)
{
    bool other =
        task->display_name && *task->display_name && strcmp(task->display_name, task->name) != 0;

    return dh_printf("%s%s%s%s", record_path(record, task), other ? " (" : "",
                     other ? task->display_name : "", other ? ")" : "");
}

/* Parents come before their children: their keys are known. */
static void make_keys(struct record *record)
{
    record->keys = arena_alloc(record->arena, (record->tasks.n + 1) * sizeof *record->keys);
    for (size_t i = 0; i < record->tasks.n; i++) {
        const struct store_task *task = &record->tasks.items[i];
        const struct store_task *parent = record_task_by_id(record, task->parent_task_id);

        if (!parent || parent >= task)
            record->keys[i] =
                arena_strdup(record->arena, task->scope_path ? task->scope_path : task->name);
        else if (task->type == STORE_LOOP_ITERATION)
            record->keys[i] = arena_printf(record->arena, "%s[%lld]", record_key(record, parent),
                                           (long long)task->iteration_index);
        else
            record->keys[i] =
                arena_printf(record->arena, "%s.%s", record_key(record, parent), task->name);
    }
}

static int load(struct store *store, const char *name, struct record *record, struct dh_err *err)
{
    struct arena *a = record->arena;

    if (store_run_find(store, name, a, &record->run, err) < 0 ||
        store_task_list(store, record->run.id, a, &record->tasks, err) < 0 ||
        store_artifacts_of_run(store, record->run.id, STORE_INPUT, a, &record->inputs, err) < 0 ||
        store_artifacts_of_run(store, record->run.id, STORE_OUTPUT, a, &record->outputs, err) < 0 ||
        store_metric_list(store, record->run.id, a, &record->metrics, err) < 0 ||
        store_tags(store, STORE_TAG_RUN, record->run.id, a, &record->tags, err) < 0)
        return -1;
    make_keys(record);
    return 0;
}

int record_load(struct store *store, const char *name, struct record **ret, struct dh_err *err)
{
    own(record_free) struct record *record = dh_zalloc(1, sizeof *record);

    record->arena = arena_new();
    if (load(store, name, record, err) < 0)
        return -1;
    *ret = take(&record);
    return 0;
}

struct record *record_free(struct record *record)
{
    if (record) {
        arena_free(record->arena);
        free(record);
    }
    return NULL;
}

int record_depth(const struct record *record, const struct store_task *task)
{
    int depth = -1;

    for (; task && depth < 1000; depth++)
        task = task->parent_task_id ? record_task_by_id(record, task->parent_task_id) : NULL;
    return depth > 0 ? depth - 1 : 0;
}

struct branch {
    size_t parent, first, next; /* NOWHERE: none */
};

#define NOWHERE SIZE_MAX

static struct branch *make_branches(const struct record *record, size_t *top)
{
    struct branch *all = dh_zalloc(record->tasks.n + 1, sizeof *all);

    for (size_t i = 0; i < record->tasks.n; i++)
        all[i] = (struct branch){NOWHERE, NOWHERE, NOWHERE};
    for (size_t i = record->tasks.n; i-- > 0;) {
        const struct store_task *task = &record->tasks.items[i];
        const struct store_task *parent = record_task_by_id(record, task->parent_task_id);
        size_t *first = top;

        if (parent && parent < task) {
            all[i].parent = (size_t)(parent - record->tasks.items);
            first = &all[all[i].parent].first;
        }
        all[i].next = *first;
        *first = i;
    }
    return all;
}

const struct store_task **record_tree(const struct record *record)
{
    size_t at = NOWHERE, n = 0;
    own_mem struct branch *all = make_branches(record, &at);
    const struct store_task **tree =
        arena_alloc(record->arena, (record->tasks.n + 1) * sizeof *tree);

    while (at != NOWHERE) {
        tree[n++] = &record->tasks.items[at];
        if (all[at].first != NOWHERE) {
            at = all[at].first;
            continue;
        }
        while (at != NOWHERE && all[at].next == NOWHERE)
            at = all[at].parent;
        if (at != NOWHERE)
            at = all[at].next;
    }
    return tree;
}

bool record_is_leaf(const struct store_task *task)
{
    return task->type == STORE_RUNTIME || task->type == STORE_IMPORTER;
}

/* ---- finding tasks ---- */

static bool is_path(const char *path, const char *text)
{
    return path && (!strcmp(path, text) || (!strncmp(path, "root.", 5) && !strcmp(path + 5, text)));
}

static bool names_task(const struct record *record, const struct store_task *task, const char *text)
{
    size_t n = strlen(text);

    return !strcmp(task->name, text) || is_path(record_key(record, task), text) ||
           is_path(task->scope_path, text) ||
           (task->display_name && !strcmp(task->display_name, text)) ||
           (n >= 4 && task->uuid && !strncmp(task->uuid, text, n));
}

static int no_such_task(const struct record *record, const char *text, struct dh_err *err)
{
    own_buf struct buf names = {.max = 600};

    for (size_t i = 0; i < record->tasks.n; i++) {
        const struct store_task *task = &record->tasks.items[i];

        if (task->type != STORE_ROOT && task->type != STORE_LOOP_ITERATION &&
            task->iteration_index <= 0)
            buf_addf(&names, "%s%s", names.n ? ", " : "", task->name);
    }
    return dh_fail(err, DH_NOT_FOUND, "run %lld has no task '%s'; it has: %s",
                   (long long)record->run.id, text, names.n ? buf_str(&names) : "none yet");
}

int record_find_tasks(const struct record *record, const char *text, struct record_tasks *ret,
                      struct dh_err *err)
{
    struct record_tasks found = {0};
    size_t cap = 0;
    const struct store_task **items = NULL;

    for (size_t i = 0; i < record->tasks.n; i++) {
        if (!names_task(record, &record->tasks.items[i], text))
            continue;
        DH_GROW(items, found.n, cap);
        items[found.n++] = &record->tasks.items[i];
    }
    if (!found.n)
        return no_such_task(record, text, err);
    found.items = items;
    arena_on_free(record->arena, free, items);
    *ret = found;
    return 0;
}

struct store_linkeds record_links(const struct store_linkeds *all, int64_t task_id)
{
    return store_linkeds_of_task(all, task_id);
}

/* ---- metrics ---- */

static void add_metric(struct record_metrics *all, const struct store_task *task, const char *name,
                       double number)
{
    for (size_t i = all->n; i-- > 0 && all->items[i].task == task;) {
        if (!strcmp(all->items[i].name, name)) {
            all->items[i].number = number;
            return;
        }
    }
    DH_GROW(all->items, all->n, all->cap);
    all->items[all->n++] = (struct record_metric){.task = task, .name = name, .number = number};
}

static void add_artifact_metrics(const struct record *record, const struct store_task *task,
                                 struct record_metrics *all)
{
    struct store_linkeds links = record_links(&record->outputs, task->id);

    for (size_t i = 0; i < links.n; i++) {
        const struct store_artifact *artifact = &links.items[i].artifact;
        own(js_free) struct js *metadata = NULL;

        if (!artifact->type || strcmp(artifact->type, "system.Metrics") != 0)
            continue;
        metadata = out_parse(artifact->metadata, js_object());
        for (js_each(metadata, it))
            if (js_is_num(it.value))
                add_metric(all, task, arena_strdup(record->arena, it.key), js_as_num(it.value, 0));
    }
}

/* By path, not by who ended first: the same pipeline gives the same order. */
static int by_key(const void *a, const void *b)
{
    const struct store_task *const *x = a, *const *y = b;
    int order = strverscmp((*x)->scope_path, (*y)->scope_path);

    return order ? order : ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

void record_metrics(const struct record *record, struct record_metrics *ret)
{
    struct record_metrics all = {0};

    own_mem const struct store_task **order =
        dh_alloc((record->tasks.n + 1) * sizeof(struct store_task *));

    for (size_t i = 0; i < record->tasks.n; i++)
        order[i] = &record->tasks.items[i];
    qsort(order, record->tasks.n, sizeof *order, by_key);
    for (size_t i = 0; i < record->tasks.n; i++) {
        const struct store_task *task = order[i];

        if (!record_is_leaf(task))
            continue;
        add_artifact_metrics(record, task, &all);
        for (size_t m = 0; m < record->metrics.n; m++)
            if (record->metrics.items[m].task_id == task->id)
                add_metric(&all, task, record->metrics.items[m].name,
                           record->metrics.items[m].number);
    }
    *ret = all;
}
