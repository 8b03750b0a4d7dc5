/* gc-artifact: what a run that goes has made goes with it, where nothing that stays refers to it.
 */
#include <stdlib.h>
#include <string.h>

#include "artifact/artifact.h"
#include "base/arena.h"
#include "base/fs.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "engine/gc-priv.h"
#include "store/store.h"

/* Whether a run that stays made it or uses it. */
static int row_is_used(struct gc *gc, int64_t artifact, struct arena *a, bool *ret,
                       struct dh_err *err)
{
    static const enum store_link_type types[] = {STORE_INPUT, STORE_OUTPUT};

    *ret = gc_has(&gc->model_artifacts, artifact);
    for (size_t t = 0; t < 2 && !*ret; t++) {
        struct store_linkeds links;

        if (store_artifact_links(gc->store, artifact, types[t], a, &links, err) < 0)
            return -1;
        for (size_t i = 0; i < links.n && !*ret; i++) {
            struct store_task task;

            if (store_task_get(gc->store, links.items[i].link.task_id, a, &task, err) < 0)
                return -1;
            *ret = !gc_has(&gc->runs, task.run_id);
        }
    }
    return 0;
}

/* The same bytes may be on record more than once: an importer makes a row of its own. */
static int is_used(struct gc *gc, const char *uri, struct arena *a, bool *ret, struct dh_err *err)
{
    struct store_artifact_filter filter = {.uri = uri, .limit = GC_PAGE};
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
        gc_tell(gc, GC_ARTIFACT, artifact->uri, artifact->uuid, artifact->size_bytes);
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
        gc_tell(gc, GC_ARTIFACT, path, artifact->uuid, fs_tree_bytes(path));
    gc_later(gc, take(&path));
    return gc->options->dry_run
               ? 0
               : store_artifact_set_state(gc->store, artifact->id, STORE_DELETED, err);
}

int gc_drop_artifacts(struct gc *gc, int64_t run, struct dh_err *err)
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
