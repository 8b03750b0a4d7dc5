/* earlier - the record of a run that is taken up again. The plan is made anew from the same spec
 * and the same parameters, and asks for the same tasks; what the record has of them is used instead
 * of running them. */
#include <stdlib.h>
#include <string.h>

#include "artifact/artifact.h"
#include "base/fs.h"
#include "base/js.h"
#include "base/mem.h"
#include "engine/engine-priv.h"
#include "engine/remote.h"

struct by_id { /* task row → plan_key */
    int64_t id;
    const char *key;
    enum store_task_type type;
};

static int by_row(const void *a, const void *b)
{
    const struct by_id *x = a, *y = b;

    return x->id < y->id ? -1 : x->id > y->id;
}

static const struct by_id *find_row(const struct by_id *all, size_t n, int64_t id)
{
    return n ? bsearch(&(struct by_id){.id = id}, all, n, sizeof *all, by_row) : NULL;
}

/* As plan_key says it. Parents have smaller ids than their children. */
static const char *key_of(struct arena *a, const struct store_task *row, const struct by_id *parent)
{
    if (!parent)
        return "root";
    if (parent->type == STORE_LOOP)
        return arena_printf(a, "%s[%lld]", parent->key, (long long)row->iteration_index);
    return arena_printf(a, "%s.%s", parent->key, row->name);
}

const char **earlier_keys(struct arena *a, const struct store_tasks *tasks)
{
    own_mem struct by_id *rows = dh_zalloc(tasks->n, sizeof *rows);
    const char **keys = arena_alloc(a, (tasks->n + 1) * sizeof *keys);

    for (size_t i = 0; i < tasks->n; i++) {
        const struct store_task *row = &tasks->items[i];

        keys[i] = key_of(a, row, find_row(rows, i, row->parent_task_id));
        rows[i] = (struct by_id){row->id, keys[i], row->type};
    }
    return keys;
}

int earlier_load(struct run *run, struct dh_err *err)
{
    own_mem char *path = dh_printf("%s/journal", run->folder);
    struct store_tasks tasks;
    const char **keys;

    if (journal_read(path, 30000, &run->journal, err) < 0 ||
        store_task_list(run->engine->store, run->id, run->arena, &tasks, err) < 0 ||
        store_artifacts_of_run(run->engine->store, run->id, STORE_OUTPUT, run->arena,
                               &run->earlier_outputs, err) < 0)
        return -1;
    run->n_folders = journal_folders(run->journal);
    remote_ask_earlier(run, &run->earlier_outputs);
    run->earlier = strmap_new();
    keys = earlier_keys(run->arena, &tasks);
    for (size_t i = 0; i < tasks.n; i++) {
        struct earlier *e = arena_alloc(run->arena, sizeof *e);

        e->row = tasks.items[i];
        (void)strmap_put(run->earlier, keys[i], e);
    }
    return 0;
}

static bool is_leaf_row(const struct store_task *row)
{
    return row->type == STORE_RUNTIME || row->type == STORE_IMPORTER;
}

struct earlier *earlier_find(struct run *run, const struct plan_node *node)
{
    own_mem char *key = NULL;
    struct earlier *e;

    if (!run->earlier)
        return NULL;
    key = plan_key(node);
    e = strmap_get(run->earlier, key);
    if (!e || is_leaf_row(&e->row) != plan_is_leaf(node))
        return NULL; /* the name means another kind of task now */
    e->used = true;
    return e;
}

bool earlier_is_old(const struct run *run, const struct earlier *e)
{
    return e->row.finished_us < run->retry_at;
}

static bool is_named(const struct plan_node *node, const char *name)
{
    own_mem char *scope = plan_scope_path(node);
    own_mem char *key = plan_key(node);

    if (!strncmp(name, "root.", 5))
        name += 5;
    else if (!strcmp(name, plan_name(node)))
        return true;
    return !strcmp(name, scope + 5) || !strcmp(name, key + 5); /* both begin with "root." */
}

bool earlier_from(const struct run *run, const struct plan_node *node)
{
    for (; js_n(run->retry_from) && node->parent; node = node->parent)
        for (size_t i = 0; i < js_n(run->retry_from); i++)
            if (is_named(node, js_text(js_at(run->retry_from, i))))
                return true;
    return false;
}

static bool is_below(const char *key, const char *top)
{
    size_t n = strlen(top);

    return !strncmp(key, top, n) && (!key[n] || key[n] == '.' || key[n] == '[');
}

void earlier_keep(struct run *run, const struct plan_node *node)
{
    own_mem char *top = plan_key(node);
    void *e;

    for (size_t i = 0; i < strmap_n(run->earlier); i++)
        if (is_below(strmap_at(run->earlier, i, &e), top))
            ((struct earlier *)e)->used = true;
}

/* The recorded OUTPUT links of one task: they are sorted by task. */
static const struct store_linked *links_of(const struct run *run, int64_t task, size_t *ret_n)
{
    const struct store_linkeds *all = &run->earlier_outputs;
    size_t low = 0, high = all->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (all->items[middle].link.task_id < task)
            low = middle + 1;
        else
            high = middle;
    }
    for (*ret_n = 0; low + *ret_n < all->n && all->items[low + *ret_n].link.task_id == task;)
        ++*ret_n;
    return all->items + low;
}

static bool is_there(const struct run *run, const struct store_artifact *a)
{
    return artifact_uri_is_remote(a->uri) ? remote_known(run, a->uri, a->digest) != REMOTE_LOST
                                          : fs_exists(a->uri);
}

bool earlier_stands(struct run *run, struct job *job, struct earlier *e, struct js **ret_outputs,
                    struct dh_err *err)
{
    const struct store_linked *links;
    size_t n;

    if (!e || !store_state_good(e->row.state) ||
        (earlier_is_old(run, e) && (job->node->dirty || earlier_from(run, job->node))))
        return false;
    if (job->node->executor->kind == EXECUTOR_IMPORTER &&
        job->node->executor->importer->download_to_workspace)
        return false; /* where it was put is not recorded */
    if (job->fingerprint[0] &&
        (!e->row.cache_fingerprint || strcmp(job->fingerprint, e->row.cache_fingerprint) != 0))
        return false;
    links = links_of(run, e->row.id, &n);
    for (size_t i = 0; i < n; i++)
        if (links[i].artifact.digest && !is_there(run, &links[i].artifact))
            return false;
    return record_outputs_read(e->row.outputs, links, n, ret_outputs, err) == 0;
}

int earlier_drop_unused(struct run *run, struct dh_err *err)
{
    void *value;

    for (size_t i = 0; run->earlier && i < strmap_n(run->earlier); i++) {
        struct earlier *e;

        (void)strmap_at(run->earlier, i, &value);
        e = value;
        /* With those below it; one that went with a parent is gone already. */
        if (!e->used && store_task_delete(run->engine->store, e->row.id, err) < 0 &&
            err->code != DH_NOT_FOUND)
            return -1;
    }
    return 0;
}
