/* The file store: an object is the file or folder at root/key. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "artifact/artifact-priv.h"
#include "base/fs.h"
#include "base/mem.h"

static int file_open(struct artifact_store *s, struct dh_err *err)
{
    char *path = NULL;

    if (artifact_uri_local(s->root, &path, err) < 0)
        return -1;
    s->own = path;
    return 0;
}

static void file_close(struct artifact_store *s)
{
    dh_mem_own(&s->own);
}

static char *path_of(const struct artifact_store *s, const char *key)
{
    return *key ? fs_join(s->own, key) : dh_strdup(s->own);
}

static int file_put(struct artifact_store *s, const char *key, const char *local,
                    const struct artifact_how *how, struct dh_err *err)
{
    own_mem char *path = path_of(s, key);

    (void)how;
    return artifact_copy(local, path, err);
}

static int file_get(struct artifact_store *s, const char *key, const char *local,
                    const struct artifact_how *how, struct dh_err *err)
{
    own_mem char *path = path_of(s, key);

    (void)how;
    return artifact_copy(path, local, err);
}

static int file_stat(struct artifact_store *s, const char *key, bool with_digest,
                     const struct artifact_how *how, struct artifact_stat *ret, struct dh_err *err)
{
    own_mem char *path = path_of(s, key);
    own_tree struct artifact_tree tree = {0};
    struct artifact_stat sum = {0};

    (void)how;
    if (with_digest)
        return artifact_digest(path, ret, err);
    if (artifact_kind_of(path, &sum.kind, &sum.size_bytes, err) < 0)
        return -1;
    sum.n_files = sum.kind == ARTIFACT_FILE;
    if (sum.kind == ARTIFACT_DIR && artifact_tree_read(path, &tree, err) < 0)
        return -1;
    for (size_t i = 0; i < tree.n; i++) {
        sum.n_files += tree.items[i].kind == ARTIFACT_ENTRY_FILE;
        sum.size_bytes += tree.items[i].size_bytes;
    }
    *ret = sum;
    return 0;
}

static int file_remove(struct artifact_store *s, const char *key, const struct artifact_how *how,
                       struct dh_err *err)
{
    own_mem char *path = path_of(s, key);
    size_t root = strlen(s->own);

    (void)how;
    if (fs_remove_tree(path, err) < 0)
        return -1;
    /* Folders that held nothing else; the first full one ends it. */
    for (;;) {
        char *slash = strrchr(path, '/');

        if (!slash || (size_t)(slash - path) <= root)
            return 0;
        *slash = '\0';
        if (rmdir(path) < 0)
            return 0;
    }
}

static int file_list(struct artifact_store *s, const char *prefix,
                     int (*fn)(const char *key, int64_t size_bytes, void *user, struct dh_err *err),
                     void *user, struct dh_err *err)
{
    own_mem char *path = path_of(s, prefix);
    own_tree struct artifact_tree tree = {0};
    enum artifact_kind kind;
    int64_t size;

    if (!fs_exists(path))
        return 0; /* nothing is below it */
    if (artifact_kind_of(path, &kind, &size, err) < 0)
        return -1;
    if (kind == ARTIFACT_FILE)
        return fn(prefix, size, user, err);
    if (artifact_tree_read(path, &tree, err) < 0)
        return -1;
    for (size_t i = 0; i < tree.n; i++) {
        own_mem char *key = NULL;
        int rc;

        if (tree.items[i].kind == ARTIFACT_ENTRY_DIR)
            continue;
        key = *prefix ? fs_join(prefix, tree.items[i].name) : dh_strdup(tree.items[i].name);
        rc = fn(key, tree.items[i].size_bytes, user, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

const struct artifact_ops artifact_file_ops = {
    .scheme = "file",
    .open = file_open,
    .close = file_close,
    .put = file_put,
    .get = file_get,
    .stat = file_stat,
    .remove = file_remove,
    .list = file_list,
};
