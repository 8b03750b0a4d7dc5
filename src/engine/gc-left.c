/* gc-left: folders of runs and of their artifacts that no record knows. */
#include <dirent.h>
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
    struct store_artifact_filter filter = {.limit = GC_PAGE};

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
        gc_tell(gc, GC_LEFT_OVER, path, NULL, fs_tree_bytes(path));
        gc_later(gc, path);
    }
    if (dir)
        (void)closedir(dir);
}

int gc_collect_left_over(struct gc *gc, struct dh_err *err)
{
    own_mem char *runs = fs_join(gc->home, "runs");
    own_mem char *artifacts = fs_join(gc->home, "artifacts");
    DIR *dir;

    /* A run's row is there before its folders are: what is on disk now and has no row has none to
     * come. So the rows are read after the folders' names were there; a transaction holds both. */
    if (gc_each_run(gc, know_run, NULL, err) < 0 || find_in_use(gc, err) < 0)
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
