#include "engine/gc-priv.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "artifact/artifact-cache.h"
#include "artifact/artifact.h"
#include "base/arena.h"
#include "base/fs.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "engine/secret.h"
#include "runtime/python.h"
#include "store/store.h"

void gc_tell(const struct gc *gc, enum gc_kind kind, const char *name, const char *id,
             int64_t bytes)
{
    gc->fn(gc->user, &(struct gc_item){.kind = kind, .name = name, .id = id, .bytes = bytes});
}

void gc_later(struct gc *gc, char *path)
{
    DH_GROW(gc->paths, gc->n_paths, gc->cap_paths);
    gc->paths[gc->n_paths++] = path;
}

bool gc_has(const struct gc_ids *ids, int64_t id)
{
    for (size_t low = 0, high = ids->n; low < high;) {
        size_t mid = (low + high) / 2;

        if (ids->items[mid] == id)
            return true;
        if (ids->items[mid] < id)
            low = mid + 1;
        else
            high = mid;
    }
    return false;
}

static void add(struct gc_ids *ids, int64_t id)
{
    DH_GROW(ids->items, ids->n, ids->cap);
    ids->items[ids->n++] = id;
}

static int by_id(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

static void sort_ids(struct gc_ids *ids)
{
    if (ids->n)
        qsort(ids->items, ids->n, sizeof *ids->items, by_id);
}

/* ---- what models refer to ---- */

static int find_models(struct gc *gc, struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    struct store_models models;

    if (store_model_list(gc->store, a, &models, err) < 0)
        return -1;
    for (size_t i = 0; i < models.n; i++) {
        struct store_model_versions versions;

        if (store_model_versions(gc->store, models.items[i].name, a, &versions, err) < 0)
            return -1;
        for (size_t j = 0; j < versions.n; j++) {
            add(&gc->model_artifacts, versions.items[j].artifact_id);
            add(&gc->model_runs, versions.items[j].run_id);
        }
    }
    sort_ids(&gc->model_artifacts);
    sort_ids(&gc->model_runs);
    return 0;
}

/* ---- runs ---- */

/* Newest first: the first `keep` of each pipeline stay. */
static bool goes(struct gc *gc, struct strmap *seen, const struct store_run *run)
{
    const char *pipeline = run->pipeline ? run->pipeline : "";
    intptr_t n = (intptr_t)strmap_get(seen, pipeline);

    if (!store_state_ended(run->state))
        return false;
    if (n < gc->options->keep) {
        (void)strmap_put(seen, pipeline, (void *)(n + 1));
        return false;
    }
    return run->finished_us < gc->options->before_us && !gc_has(&gc->model_runs, run->id);
}

/* Calls fn for each run, newest first. */
int gc_each_run(struct gc *gc,
                int (*fn)(struct gc *gc, const struct store_run *run, void *user,
                          struct dh_err *err),
                void *user, struct dh_err *err)
{
    struct store_run_filter filter = {.state = -1, .archived_too = true, .limit = GC_PAGE};

    for (;;) {
        own(arena_free) struct arena *a = arena_new();
        struct store_runs runs;

        if (store_run_list(gc->store, &filter, a, &runs, err) < 0)
            return -1;
        for (size_t i = 0; i < runs.n; i++)
            if (fn(gc, &runs.items[i], user, err) < 0)
                return -1;
        if (runs.n < GC_PAGE)
            return 0;
        filter.after_created_us = runs.items[runs.n - 1].created_us;
        filter.after_id = runs.items[runs.n - 1].id;
    }
}

static int doom(struct gc *gc, const struct store_run *run, void *user, struct dh_err *err)
{
    (void)err;
    if (goes(gc, user, run)) {
        add(&gc->runs, run->id);
        (void)strmap_put(gc->doomed, run->uuid, gc);
    }
    return 0;
}

static int drop_run(struct gc *gc, const struct store_run *run, void *user, struct dh_err *err)
{
    own_mem char *folder = NULL;
    (void)user;

    if (!gc_has(&gc->runs, run->id))
        return 0;
    if (run->pipeline_root && artifact_uri_is_remote(run->pipeline_root))
        gc->root = run->pipeline_root;
    if (gc_drop_artifacts(gc, run->id, err) < 0)
        return -1;
    gc->root = NULL;
    gc_remote_add_run(&gc->remote, run->pipeline_root, run->pipeline, run->uuid);
    folder = dh_printf("%s/runs/%s", gc->home, run->uuid);
    gc_tell(gc, GC_RUN, run->display_name, run->uuid, fs_tree_bytes(folder));
    gc_later(gc, take(&folder));
    return 0;
}

static int delete_rows(struct gc *gc, struct dh_err *err)
{
    for (size_t i = 0; i < gc->runs.n; i++)
        if (store_run_delete(gc->store, gc->runs.items[i], err) < 0)
            return -1;
    return 0;
}

/* Those that were named. */
static int doom_named(struct gc *gc, struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();

    for (size_t i = 0; i < gc->options->n_only; i++) {
        struct store_run run;

        if (store_run_get(gc->store, gc->options->only[i], a, &run, err) < 0)
            return -1;
        if (!store_state_ended(run.state))
            return dh_fail(err, DH_INVALID, "run %lld is %s: cancel it first", (long long)run.id,
                           store_state_name(run.state));
        if (gc_has(&gc->model_runs, run.id))
            return dh_fail(err, DH_INVALID,
                           "run %lld made a registered model: 'dhow models delete' that version "
                           "first",
                           (long long)run.id);
        if (!strmap_get(gc->doomed, run.uuid))
            add(&gc->runs, run.id);
        (void)strmap_put(gc->doomed, run.uuid, gc);
    }
    return 0;
}

static int drop_named(struct gc *gc, struct dh_err *err)
{
    for (size_t i = 0; i < gc->runs.n; i++) {
        own(arena_free) struct arena *a = arena_new();
        struct store_run run;

        if (store_run_get(gc->store, gc->runs.items[i], a, &run, err) < 0 ||
            drop_run(gc, &run, NULL, err) < 0)
            return -1;
    }
    return 0;
}

static bool is_far(const struct gc *gc)
{
    return gc->remote.n_uris || gc->remote.n_runs;
}

static int collect_runs(struct gc *gc, struct dh_err *err)
{
    own(strmap_free) struct strmap *seen = strmap_new();
    bool named = gc->options->only != NULL;

    if ((named ? doom_named(gc, err) : gc_each_run(gc, doom, seen, err)) < 0)
        return -1;
    sort_ids(&gc->runs);
    if ((named ? drop_named(gc, err) : gc_each_run(gc, drop_run, NULL, err)) < 0)
        return -1;
    return gc->options->dry_run || is_far(gc) ? 0 : delete_rows(gc, err);
}

/* ---- logs of runs that stay ---- */

static int drop_logs(struct gc *gc, const struct store_run *run, void *user, struct dh_err *err)
{
    own_mem char *folder = dh_printf("%s/runs/%s", gc->home, run->uuid);
    DIR *dir;
    (void)user;
    (void)err;

    if (!store_state_ended(run->state) || run->finished_us >= gc->options->before_us ||
        gc_has(&gc->runs, run->id) || !(dir = opendir(folder)))
        return 0;
    for (struct dirent *e; (e = readdir(dir));) {
        size_t n = strlen(e->d_name);
        char *path;

        if (n < 5 || strcmp(e->d_name + n - 4, ".log") != 0)
            continue;
        path = fs_join(folder, e->d_name);
        gc_tell(gc, GC_LOG, path, run->uuid, fs_tree_bytes(path));
        gc_later(gc, path);
    }
    (void)closedir(dir);
    return 0;
}

static int collect_environments(struct gc *gc, struct dh_err *err)
{
    struct python_env_list list;

    if (python_envs_gc(gc->home, gc->options->before_us, gc->options->dry_run, &list, err) < 0)
        return -1;
    for (size_t i = 0; i < list.n; i++)
        gc_tell(gc, GC_ENVIRONMENT, list.items[i].packages, list.items[i].id,
                list.items[i].size_bytes);
    python_envs_done(&list);
    return 0;
}

/* ---- all of it ---- */

/* The path, and the folders above it that it leaves empty, as far as the pipeline's. */
static int remove_path(const char *path, struct dh_err *err)
{
    own_mem char *up = dh_strdup(path);

    if (fs_remove_tree(path, err) < 0)
        return -1;
    for (int i = 0; i < 3; i++) {
        char *slash = strrchr(up, '/');

        if (!slash || slash == up)
            break;
        *slash = '\0';
        if (rmdir(up) < 0)
            break;
    }
    return 0;
}

static int note_root(struct gc *gc, const struct store_run *run, void *user, struct dh_err *err)
{
    (void)user;
    (void)err;
    gc_remote_add_root(&gc->remote, run->pipeline_root);
    return 0;
}

static void tell_half_sent(void *user, const char *root, size_t n)
{
    own_mem char *what = dh_printf("%zu half sent below %.*s", n, (int)strcspn(root, "?"), root);

    gc_tell(user, GC_LEFT_OVER, what, NULL, 0);
}

static int decide(struct gc *gc, struct dh_err *err)
{
    const bool *want = gc->options->want;

    if (find_models(gc, err) < 0)
        return -1;
    if (want[GC_LEFT_OVER] && !gc->options->only && gc_each_run(gc, note_root, NULL, err) < 0)
        return -1;
    if (want[GC_RUN] && collect_runs(gc, err) < 0)
        return -1;
    if (want[GC_LOG] && gc_each_run(gc, drop_logs, NULL, err) < 0)
        return -1;
    return want[GC_LEFT_OVER] ? gc_collect_left_over(gc, err) : 0;
}

/* Artifacts are on record as deleted: no run takes them up. The rows of the runs go when the bytes
 * are gone: broken off here, the next time finds them. */
static int remove_far(struct gc *gc, struct dh_err *err)
{
    if (!is_far(gc))
        return 0;
    secret_serve_artifacts(gc->home);
    if (gc_remote_remove(&gc->remote, err) < 0 || store_begin(gc->store, err) < 0)
        return -1;
    if (delete_rows(gc, err) < 0) {
        store_rollback(gc->store);
        return -1;
    }
    return store_commit(gc->store, err);
}

static void tell_cached(void *user, const char *path, int64_t bytes)
{
    gc_tell(user, GC_CACHED, path, NULL, bytes);
}

static int collect_cached(struct gc *gc, struct dh_err *err)
{
    own_mem char *folder = fs_join(gc->home, "cache/artifacts");

    return artifact_cache_shrink(folder, INT64_MAX, gc->options->before_us, gc->options->dry_run,
                                 tell_cached, gc, err);
}

static void gc_done(struct gc *gc)
{
    free(gc->runs.items);
    free(gc->model_artifacts.items);
    free(gc->model_runs.items);
    strmap_free(gc->doomed);
    strmap_free(gc->seen);
    strmap_free(gc->known);
    strmap_free(gc->in_use);
    gc_remote_done(&gc->remote);
    for (size_t i = 0; i < gc->n_paths; i++)
        free(gc->paths[i]);
    free(gc->paths);
}

int gc_collect(struct store *store, const char *home, const struct gc_options *options,
               void (*fn)(void *user, const struct gc_item *item), void *user, struct dh_err *err)
{
    __attribute__((cleanup(gc_done))) struct gc gc = {.store = store,
                                                      .home = home,
                                                      .options = options,
                                                      .fn = fn,
                                                      .user = user,
                                                      .doomed = strmap_new(),
                                                      .seen = strmap_new(),
                                                      .known = strmap_new(),
                                                      .in_use = strmap_new()};

    if (!options->dry_run && store_begin(store, err) < 0)
        return -1;
    if (decide(&gc, err) < 0) {
        if (!options->dry_run)
            store_rollback(store);
        return -1;
    }
    if (!options->dry_run && (store_commit(store, err) < 0 || remove_far(&gc, err) < 0))
        return -1;
    for (size_t i = 0; i < gc.n_paths && !options->dry_run; i++)
        if (remove_path(gc.paths[i], err) < 0)
            return -1;
    if (gc.remote.n_roots && !options->dry_run) {
        secret_serve_artifacts(home);
        gc_remote_abort(&gc.remote, options->before_us, tell_half_sent, &gc);
    }
    if (options->want[GC_CACHED] && collect_cached(&gc, err) < 0)
        return -1;
    return options->want[GC_ENVIRONMENT] ? collect_environments(&gc, err) : 0;
}
