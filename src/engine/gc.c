#include "engine/gc.h"

#include "engine/gc-remote.h"

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

#define PAGE 500

struct gc_ids { /* sorted before they are asked */
    int64_t *items;
    size_t n, cap;
};

struct gc {
    struct store *store;
    const char *home;
    const struct gc_options *options;
    void (*fn)(void *user, const struct gc_item *item);
    void *user;
    struct gc_ids runs; /* that go */
    struct gc_ids model_artifacts, model_runs;
    struct strmap *doomed; /* their UUIDs */
    struct strmap *seen;   /* UUIDs of artifacts that go */
    struct strmap *known;  /* UUIDs of all runs on record */
    struct strmap *in_use; /* names of folders with artifacts that are referred to */
    struct gc_remote remote;
    const char *root; /* of the run that is looked at, where it is far */
    char **paths;     /* to remove after the commit */
    size_t n_paths, cap_paths;
};

static void tell(const struct gc *gc, enum gc_kind kind, const char *name, const char *id,
                 int64_t bytes)
{
    gc->fn(gc->user, &(struct gc_item){.kind = kind, .name = name, .id = id, .bytes = bytes});
}

static void later(struct gc *gc, char *path)
{
    DH_GROW(gc->paths, gc->n_paths, gc->cap_paths);
    gc->paths[gc->n_paths++] = path;
}

static bool has(const struct gc_ids *ids, int64_t id)
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
    return run->finished_us < gc->options->before_us && !has(&gc->model_runs, run->id);
}

/* Calls fn for each run, newest first. */
static int each_run(struct gc *gc,
                    int (*fn)(struct gc *gc, const struct store_run *run, void *user,
                              struct dh_err *err),
                    void *user, struct dh_err *err)
{
    struct store_run_filter filter = {.state = -1, .archived_too = true, .limit = PAGE};

    for (;;) {
        own(arena_free) struct arena *a = arena_new();
        struct store_runs runs;

        if (store_run_list(gc->store, &filter, a, &runs, err) < 0)
            return -1;
        for (size_t i = 0; i < runs.n; i++)
            if (fn(gc, &runs.items[i], user, err) < 0)
                return -1;
        if (runs.n < PAGE)
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

/* Whether a run that stays made it or uses it. */
static int row_is_used(struct gc *gc, int64_t artifact, struct arena *a, bool *ret,
                       struct dh_err *err)
{
    static const enum store_link_type types[] = {STORE_INPUT, STORE_OUTPUT};

    *ret = has(&gc->model_artifacts, artifact);
    for (size_t t = 0; t < 2 && !*ret; t++) {
        struct store_linkeds links;

        if (store_artifact_links(gc->store, artifact, types[t], a, &links, err) < 0)
            return -1;
        for (size_t i = 0; i < links.n && !*ret; i++) {
            struct store_task task;

            if (store_task_get(gc->store, links.items[i].link.task_id, a, &task, err) < 0)
                return -1;
            *ret = !has(&gc->runs, task.run_id);
        }
    }
    return 0;
}

/* The same bytes may be on record more than once: an importer makes a row of its own. */
static int is_used(struct gc *gc, const char *uri, struct arena *a, bool *ret, struct dh_err *err)
{
    struct store_artifact_filter filter = {.uri = uri, .limit = PAGE};
    struct store_artifact_rows rows;

    *ret = false;
    do {
        if (store_artifact_list(gc->store, &filter, a, &rows, err) < 0)
            return -1;
        for (size_t i = 0; i < rows.n && !*ret; i++) {
            if (row_is_used(gc, rows.items[i].artifact.id, a, ret, err) < 0)
                return -1;
            filter.after_id = rows.items[i].artifact.id;
        }
    } while (rows.more && rows.n && !*ret);
    return 0;
}

/* What a step wrote lies in the home, or elsewhere in its run's folder: {root}/{pipeline}/{run}/…
 * All else was imported. */
static bool is_ours(const struct gc *gc, const char *path)
{
    own_mem char *home = fs_join(gc->home, "artifacts/");

    if (!strncmp(path, home, strlen(home)))
        return true;
    for (const char *at = path; (at = strchr(at, '/')); at++) {
        own_mem char *part = dh_strndup(at + 1, strcspn(at + 1, "/"));

        if (strmap_get(gc->doomed, part))
            return true;
    }
    return false;
}

/* With or without settings it is the same object. */
static int is_used_far(struct gc *gc, const char *uri, struct arena *a, bool *ret,
                       struct dh_err *err)
{
    own_mem char *plain = artifact_uri_plain(uri);

    if (is_used(gc, uri, a, ret, err) < 0)
        return -1;
    return *ret || !strcmp(plain, uri) ? 0 : is_used(gc, plain, a, ret, err);
}

/* {root}/{pipeline}/{run}/… of the root of the run that goes: a run of this home wrote it, perhaps
 * one that has gone before. What an importer names may be another home's. */
static bool is_below_root(const struct gc *gc, const char *uri)
{
    own_mem char *root = gc->root ? artifact_uri_plain(gc->root) : NULL;
    size_t n = root ? strlen(root) : 0;

    while (n && root[n - 1] == '/')
        n--;
    if (!n || strncmp(uri, root, n) != 0)
        return false;
    for (const char *at = uri + n; (at = strchr(at, '/')); at++) {
        own_mem char *part = dh_strndup(at + 1, strcspn(at + 1, "/"));

        if (id_is_uuid(part))
            return true;
    }
    return false;
}

static int is_imported(struct gc *gc, int64_t task_id, struct arena *a, bool *ret,
                       struct dh_err *err)
{
    struct store_task task;

    if (store_task_get(gc->store, task_id, a, &task, err) < 0)
        return -1;
    *ret = task.type == STORE_IMPORTER;
    return 0;
}

static int drop_far(struct gc *gc, const struct store_linked *output, struct arena *a,
                    struct dh_err *err)
{
    const struct store_artifact *artifact = &output->artifact;
    bool used = true, imported = true;

    if (strmap_get(gc->seen, artifact->uuid))
        return 0;
    if (is_imported(gc, output->link.task_id, a, &imported, err) < 0)
        return -1;
    if (imported || !(is_ours(gc, artifact->uri) || is_below_root(gc, artifact->uri)))
        return 0;
    if (is_used_far(gc, artifact->uri, a, &used, err) < 0)
        return -1;
    if (used)
        return 0;
    (void)strmap_put(gc->seen, artifact->uuid, gc);
    if (artifact->digest)
        tell(gc, GC_ARTIFACT, artifact->uri, artifact->uuid, artifact->size_bytes);
    gc_remote_add(&gc->remote, artifact->uri);
    return gc->options->dry_run
               ? 0
               : store_artifact_set_state(gc->store, artifact->id, STORE_DELETED, err);
}

static int drop_artifact(struct gc *gc, const struct store_artifact *artifact, struct arena *a,
                         struct dh_err *err)
{
    own_mem char *path = NULL;
    bool used = true;

    if (artifact->state == STORE_DELETED || strmap_get(gc->seen, artifact->uuid) ||
        artifact_uri_local(artifact->uri, &path, err) != 0 || !is_ours(gc, path))
        return 0;
    if (is_used(gc, artifact->uri, a, &used, err) < 0)
        return -1;
    if (used)
        return 0;
    (void)strmap_put(gc->seen, artifact->uuid, gc);
    if (fs_exists(path))
        tell(gc, GC_ARTIFACT, path, artifact->uuid, fs_tree_bytes(path));
    later(gc, take(&path));
    return gc->options->dry_run
               ? 0
               : store_artifact_set_state(gc->store, artifact->id, STORE_DELETED, err);
}

static int drop_artifacts(struct gc *gc, int64_t run, struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    struct store_linkeds outputs;

    if (store_artifacts_of_run(gc->store, run, STORE_OUTPUT, a, &outputs, err) < 0)
        return -1;
    for (size_t i = 0; i < outputs.n; i++)
        if ((artifact_uri_is_remote(outputs.items[i].artifact.uri)
                 ? drop_far(gc, &outputs.items[i], a, err)
                 : drop_artifact(gc, &outputs.items[i].artifact, a, err)) < 0)
            return -1;
    return 0;
}

static int drop_run(struct gc *gc, const struct store_run *run, void *user, struct dh_err *err)
{
    own_mem char *folder = NULL;
    (void)user;

    if (!has(&gc->runs, run->id))
        return 0;
    if (run->pipeline_root && artifact_uri_is_remote(run->pipeline_root))
        gc->root = run->pipeline_root;
    if (drop_artifacts(gc, run->id, err) < 0)
        return -1;
    gc->root = NULL;
    gc_remote_add_run(&gc->remote, run->pipeline_root, run->pipeline, run->uuid);
    folder = dh_printf("%s/runs/%s", gc->home, run->uuid);
    tell(gc, GC_RUN, run->display_name, run->uuid, fs_tree_bytes(folder));
    later(gc, take(&folder));
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
        if (has(&gc->model_runs, run.id))
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

    if ((named ? doom_named(gc, err) : each_run(gc, doom, seen, err)) < 0)
        return -1;
    sort_ids(&gc->runs);
    if ((named ? drop_named(gc, err) : each_run(gc, drop_run, NULL, err)) < 0)
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
        has(&gc->runs, run->id) || !(dir = opendir(folder)))
        return 0;
    for (struct dirent *e; (e = readdir(dir));) {
        size_t n = strlen(e->d_name);
        char *path;

        if (n < 5 || strcmp(e->d_name + n - 4, ".log") != 0)
            continue;
        path = fs_join(folder, e->d_name);
        tell(gc, GC_LOG, path, run->uuid, fs_tree_bytes(path));
        later(gc, path);
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
        tell(gc, GC_ENVIRONMENT, list.items[i].packages, list.items[i].id,
             list.items[i].size_bytes);
    python_envs_done(&list);
    return 0;
}

/* ---- what is left over ---- */

static int note_folder(struct gc *gc, const char *uri)
{
    char *path = NULL;

    if (artifact_uri_local(uri, &path, NULL) != 0)
        return 0;
    for (char *at = path; (at = strchr(at, '/')); at++) {
        own_mem char *part = dh_strndup(at + 1, strcspn(at + 1, "/"));

        if (strlen(part) == ID_TEXT - 1)
            (void)strmap_put(gc->in_use, part, gc);
    }
    free(path);
    return 0;
}

/* The runs whose folders hold artifacts that are still referred to. */
static int find_in_use(struct gc *gc, struct dh_err *err)
{
    struct store_artifact_filter filter = {.limit = PAGE};

    for (;;) {
        own(arena_free) struct arena *a = arena_new();
        struct store_artifact_rows rows;

        if (store_artifact_list(gc->store, &filter, a, &rows, err) < 0)
            return -1;
        for (size_t i = 0; i < rows.n; i++)
            if (!strmap_get(gc->seen, rows.items[i].artifact.uuid))
                (void)note_folder(gc, rows.items[i].artifact.uri);
        if (!rows.more || !rows.n)
            return 0;
        filter.after_id = rows.items[rows.n - 1].artifact.id;
    }
}

static int know_run(struct gc *gc, const struct store_run *run, void *user, struct dh_err *err)
{
    (void)user;
    (void)err;
    (void)strmap_put(gc->known, run->uuid, gc);
    return 0;
}

/* Folders called as a run is, of which there is no record. */
static void scan(struct gc *gc, const char *folder)
{
    DIR *dir = opendir(folder);

    for (struct dirent *e; dir && (e = readdir(dir));) {
        char *path;

        if (strlen(e->d_name) != ID_TEXT - 1 || strmap_get(gc->known, e->d_name) ||
            strmap_get(gc->in_use, e->d_name))
            continue;
        path = fs_join(folder, e->d_name);
        tell(gc, GC_LEFT_OVER, path, NULL, fs_tree_bytes(path));
        later(gc, path);
    }
    if (dir)
        (void)closedir(dir);
}

static int collect_left_over(struct gc *gc, struct dh_err *err)
{
    own_mem char *runs = fs_join(gc->home, "runs");
    own_mem char *artifacts = fs_join(gc->home, "artifacts");
    DIR *dir;

    /* A run's row is there before its folders are: what is on disk now and has no row has none to
     * come. So the rows are read after the folders' names were there; a transaction holds both. */
    if (each_run(gc, know_run, NULL, err) < 0 || find_in_use(gc, err) < 0)
        return -1;
    scan(gc, runs);
    dir = opendir(artifacts);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        own_mem char *pipeline = fs_join(artifacts, e->d_name);

        if (e->d_name[0] != '.' && fs_is_dir(pipeline))
            scan(gc, pipeline);
    }
    if (dir)
        (void)closedir(dir);
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

    tell(user, GC_LEFT_OVER, what, NULL, 0);
}

static int decide(struct gc *gc, struct dh_err *err)
{
    const bool *want = gc->options->want;

    if (find_models(gc, err) < 0)
        return -1;
    if (want[GC_LEFT_OVER] && !gc->options->only && each_run(gc, note_root, NULL, err) < 0)
        return -1;
    if (want[GC_RUN] && collect_runs(gc, err) < 0)
        return -1;
    if (want[GC_LOG] && each_run(gc, drop_logs, NULL, err) < 0)
        return -1;
    return want[GC_LEFT_OVER] ? collect_left_over(gc, err) : 0;
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
    tell(user, GC_CACHED, path, NULL, bytes);
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
