/* s3-folder - a folder as the objects below a prefix. An empty folder is an object "name/", as S3's
 * own tools have it; a symbolic link an object with its target as text, marked so in its metadata.
 *
 * A folder cannot come to be at once: readers know it by the record, which names it when all of it
 * is there. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "artifact/s3-store.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/workers.h"

struct item {   /* an object below the prefix */
    char *name; /* after the prefix; "" or "…/": a folder's mark */
    int64_t size;
    char *etag;
    bool kept; /* put: the new folder has it */
    bool link;
    char digest[DIGEST_TEXT];
    char *target; /* of a link */
};

struct folder {
    struct s3_client *client;
    char *prefix; /* "key/" */
    struct item *items;
    size_t n, cap;
    const struct artifact_how *how;
    /* of one direction each */
    const char *local;
    const struct artifact_tree *tree;
    struct s3_client *to;
    const char *to_prefix;
};

static void folder_done(struct folder *f)
{
    for (size_t i = 0; i < f->n; i++) {
        free(f->items[i].name);
        free(f->items[i].etag);
        free(f->items[i].target);
    }
    free(f->items);
    free(f->prefix);
}
#define own_folder __attribute__((cleanup(folder_done)))

static int add_item(void *user, const struct s3_entry *entry, struct dh_err *err)
{
    struct folder *f = user;
    (void)err;

    DH_GROW(f->items, f->n, f->cap);
    f->items[f->n++] = (struct item){.name = dh_strdup(entry->key + strlen(f->prefix)),
                                     .size = entry->size,
                                     .etag = dh_strdup(entry->etag)};
    return 0;
}

static int read_folder(struct folder *f, struct s3_client *c, const char *key,
                       const struct artifact_how *how, struct dh_err *err)
{
    f->client = c;
    f->how = how;
    f->prefix = *key ? dh_printf("%s/", key) : dh_strdup("");
    return s3_list(c, f->prefix, 0, how->stop, add_item, f, err);
}

static int not_there(const struct s3_client *c, const char *key, struct dh_err *err)
{
    return dh_fail(err, DH_NOT_FOUND, "%s://%s/%s: not there", c->where.scheme, c->where.bucket,
                   key);
}

static bool is_mark(const struct item *item)
{
    size_t n = strlen(item->name);

    return n == 0 || item->name[n - 1] == '/';
}

static char *key_of(const struct folder *f, const char *name)
{
    return dh_printf("%s%s", f->prefix, name);
}

static int by_item(const void *a, const void *b)
{
    return strcmp(((const struct item *)a)->name, ((const struct item *)b)->name);
}

static struct item *find_item(const struct folder *f, const char *name)
{
    const struct item wanted = {.name = (char *)name};

    return f->n ? bsearch(&wanted, f->items, f->n, sizeof *f->items, by_item) : NULL;
}

/* ---- put ---- */

static int put_link(struct folder *f, const char *key, const char *path, struct dh_err *err)
{
    char target[PATH_MAX];
    ssize_t n = readlink(path, target, sizeof target - 1);

    if (n < 0)
        return dh_fail_errno(err, "cannot read %s", path);
    return s3_put(f->client, key, &(struct s3_source){.bytes = target, .size = n, .link = true},
                  false, f->how->stop, err);
}

/* What is there of that name, size and content is not sent. */
static bool is_there(const struct folder *f, const char *name, const char *key,
                     const struct s3_source *from)
{
    const struct item *item = find_item(f, name);
    own_object struct s3_object o = {0};

    return item && item->size == from->size &&
           s3_head(f->client, key, f->how->stop, &o, NULL) == 0 && o.sha256 && !o.link &&
           !strcmp(o.sha256, from->sha256);
}

static int put_file(struct folder *f, const struct artifact_entry *entry, const char *key,
                    const char *path, struct dh_err *err)
{
    struct s3_source from = {.path = path, .size = entry->size_bytes};
    char digest[DIGEST_TEXT];

    if (digest_file(path, digest, &from.size, err) < 0)
        return -1;
    from.sha256 = digest;
    if (is_there(f, entry->name, key, &from))
        return 0;
    return s3_put(f->client, key, &from, true, f->how->stop, err);
}

static bool has_children(const struct artifact_tree *tree, size_t i)
{
    size_t n = strlen(tree->items[i].name);

    for (size_t j = i + 1; j < tree->n; j++) {
        int rc = strncmp(tree->items[j].name, tree->items[i].name, n);

        if (rc != 0)
            return false;
        if (tree->items[j].name[n] == '/')
            return true;
        if (tree->items[j].name[n] > '/')
            return false;
    }
    return false;
}

static int put_entry(void *user, size_t i, struct dh_err *err)
{
    struct folder *f = user;
    const struct artifact_entry *entry = &f->tree->items[i];
    own_mem char *key = key_of(f, entry->name);
    own_mem char *path = fs_join(f->local, entry->name);
    own_mem char *mark = NULL;

    switch (entry->kind) {
    case ARTIFACT_ENTRY_LINK:
        return put_link(f, key, path, err);
    case ARTIFACT_ENTRY_DIR:
        if (has_children(f->tree, i))
            return 0;
        mark = dh_printf("%s/", key);
        return s3_put(f->client, mark, &(struct s3_source){.bytes = "", .size = 0}, false,
                      f->how->stop, err);
    case ARTIFACT_ENTRY_FILE:
        break;
    }
    return put_file(f, entry, key, path, err);
}

static int remove_item(void *user, size_t i, struct dh_err *err)
{
    struct folder *f = user;
    own_mem char *key = key_of(f, f->items[i].name);

    return f->items[i].kept ? 0 : s3_delete(f->client, key, f->how->stop, err);
}

/* What the new folder has too. */
static void mark_kept(struct folder *f, const struct artifact_tree *tree)
{
    for (size_t i = 0; i < tree->n; i++) {
        own_mem char *mark = dh_printf("%s/", tree->items[i].name);
        bool dir = tree->items[i].kind == ARTIFACT_ENTRY_DIR;
        struct item *item = find_item(f, dir ? mark : tree->items[i].name);

        if (item && !(dir && has_children(tree, i)))
            item->kept = true;
    }
    if (!tree->n && find_item(f, ""))
        find_item(f, "")->kept = true;
}

int s3_folder_put(struct s3_client *c, const char *key, const char *local, atomic_bool *stop,
                  struct dh_err *err)
{
    own_tree struct artifact_tree tree = {0};
    own_folder struct folder f = {.local = local, .tree = &tree};
    const struct artifact_how how = {.stop = stop};

    if (artifact_tree_read(local, &tree, err) < 0 || read_folder(&f, c, key, &how, err) < 0)
        return -1;
    if (f.n)
        qsort(f.items, f.n, sizeof *f.items, by_item);
    if (!tree.n &&
        s3_put(c, f.prefix, &(struct s3_source){.bytes = "", .size = 0}, false, stop, err) < 0)
        return -1;
    if (workers_run(tree.n, s3_threads_small(), put_entry, &f, err) < 0)
        return -1;
    mark_kept(&f, &tree);
    return workers_run(f.n, s3_threads_small(), remove_item, &f, err);
}

/* ---- get ---- */

/* No name may lead out of the folder. */
static int check_name(const struct item *item, struct dh_err *err)
{
    for (const char *p = item->name; *p;) {
        size_t n = strcspn(p, "/");

        if (n == 0 || n > NAME_MAX || (n == 1 && *p == '.') ||
            (n == 2 && p[0] == '.' && p[1] == '.'))
            return dh_fail(err, DH_INVALID,
                           "'%s' below the folder is no name of a file: fetch it by itself",
                           item->name);
        p += n;
        p += *p == '/';
    }
    return 0;
}

static int make_folders(const struct folder *f, const char *beside, struct dh_err *err)
{
    own_mem char *last = NULL;

    if (fs_mkdirs(beside, 0777, err) < 0)
        return -1;
    for (size_t i = 0; i < f->n; i++) {
        const char *name = f->items[i].name, *slash = strrchr(name, '/');
        own_mem char *path = NULL;

        if (check_name(&f->items[i], err) < 0)
            return -1;
        if (!slash)
            continue;
        path = dh_printf("%s/%.*s", beside, (int)(slash - name), name);
        if (last && !strcmp(last, path))
            continue;
        if (fs_mkdirs(path, 0777, err) < 0)
            return -1;
        free(last);
        last = take(&path);
    }
    return 0;
}

/* A link's object is small and says in its headers that it is one. Links are made last: nothing is
 * written through them. */
static int read_link(struct folder *f, struct item *item, const char *key, struct dh_err *err)
{
    struct buf text = {0};

    if (s3_get_text(f->client, key, PATH_MAX, f->how->stop, &text, err) < 0) {
        buf_done(&text);
        return -1;
    }
    item->link = true;
    item->target = text.n ? buf_take(&text) : dh_strdup("");
    buf_done(&text);
    return 0;
}

static int get_item(void *user, size_t i, struct dh_err *err)
{
    struct folder *f = user;
    struct item *item = &f->items[i];
    own_mem char *key = key_of(f, item->name);
    own_mem char *path = fs_join(f->local, item->name);
    own_object struct s3_object o = {
        .size = item->size, .etag = dh_strdup(item->etag), .listed = true};

    if (is_mark(item))
        return 0;
    if (s3_get(f->client, key, &o, path, NULL, f->how->stop, err) < 0)
        return -1;
    if (!o.link)
        return 0;
    return unlink(path) < 0 ? dh_fail_errno(err, "cannot replace %s", path)
                            : read_link(f, item, key, err);
}

static int get_all(struct folder *f, const char *beside, struct dh_err *err)
{
    struct artifact_stat st;

    f->local = beside;
    if (make_folders(f, beside, err) < 0 ||
        workers_run(f->n, s3_threads_small(), get_item, f, err) < 0)
        return -1;
    for (size_t i = 0; i < f->n; i++) {
        own_mem char *path = fs_join(beside, f->items[i].name);

        if (f->items[i].link && symlink(f->items[i].target, path) < 0)
            return dh_fail_errno(err, "cannot make the link %s", path);
    }
    if (!f->how->digest)
        return 0;
    if (artifact_digest(beside, &st, err) < 0)
        return -1;
    return strcmp(st.digest, f->how->digest)
               ? dh_fail(err, DH_IO, "%s: what came has digest %s, but %s is expected", f->prefix,
                         st.digest, f->how->digest)
               : 0;
}

int s3_folder_get(struct s3_client *c, const char *key, const char *local,
                  const struct artifact_how *how, struct dh_err *err)
{
    own_folder struct folder f = {0};
    own_mem char *beside = NULL;

    if (read_folder(&f, c, key, how, err) < 0)
        return -1;
    if (!f.n)
        return not_there(c, key, err);
    if (artifact_beside(local, &beside, err) < 0)
        return -1;
    if (get_all(&f, beside, err) == 0 && artifact_put_in_place(beside, local, err) == 0)
        return 0;
    (void)fs_remove_tree(beside, NULL);
    return -1;
}

/* ---- stat ---- */

static int measure_item(void *user, size_t i, struct dh_err *err)
{
    struct folder *f = user;
    struct item *item = &f->items[i];
    own_mem char *key = key_of(f, item->name);
    own_object struct s3_object o = {0};

    if (is_mark(item))
        return 0;
    if (s3_head(f->client, key, f->how->stop, &o, err) < 0)
        return -1;
    item->size = o.size;
    if (o.link)
        return read_link(f, item, key, err);
    if (o.sha256 && !f->how->read) {
        memcpy(item->digest, o.sha256, DIGEST_TEXT);
        return 0;
    }
    return s3_read_digest(f->client, key, f->how->stop, item->digest, err);
}

static void digest_of(const struct folder *f, char to[DIGEST_TEXT])
{
    own_mem struct artifact_record *records = dh_zalloc(f->n + 1, sizeof *records);

    for (size_t i = 0; i < f->n; i++) {
        const struct item *item = &f->items[i];

        records[i] =
            (struct artifact_record){.kind = item->link ? ARTIFACT_ENTRY_LINK : ARTIFACT_ENTRY_FILE,
                                     .name = item->name,
                                     .size_bytes = item->size,
                                     .text = item->link ? item->target : item->digest};
    }
    artifact_digest_records(records, f->n, to);
}

int s3_folder_stat(struct s3_client *c, const char *key, bool with_digest,
                   const struct artifact_how *how, struct artifact_stat *ret, struct dh_err *err)
{
    own_folder struct folder f = {0};
    struct artifact_stat st = {.kind = ARTIFACT_DIR};

    if (read_folder(&f, c, key, how, err) < 0)
        return -1;
    if (!f.n)
        return not_there(c, key, err);
    if (with_digest && workers_run(f.n, s3_threads_small(), measure_item, &f, err) < 0)
        return -1;
    for (size_t i = 0; i < f.n; i++) {
        bool file = !is_mark(&f.items[i]) && !f.items[i].link;

        st.n_files += file;
        st.size_bytes += file ? f.items[i].size : 0;
    }
    if (with_digest)
        digest_of(&f, st.digest);
    *ret = st;
    return 0;
}

/* ---- remove, copy ---- */

int s3_folder_remove(struct s3_client *c, const char *key, atomic_bool *stop, struct dh_err *err)
{
    own_folder struct folder f = {0};
    const struct artifact_how how = {.stop = stop};

    if (!*key)
        return dh_fail(err, DH_INVALID, "a whole bucket is not removed");
    if (read_folder(&f, c, key, &how, err) < 0)
        return -1;
    return workers_run(f.n, s3_threads_small(), remove_item, &f, err);
}

static int copy_item(void *user, size_t i, struct dh_err *err)
{
    struct folder *f = user;
    const struct item *item = &f->items[i];
    own_mem char *from = key_of(f, item->name);
    own_mem char *to = dh_printf("%s/%s", f->to_prefix, item->name);
    const struct s3_object what = {.size = item->size, .etag = item->etag};

    return s3_copy(f->client, from, &what, f->to, to, f->how->stop, err) == 0 ? 0 : -1;
}

int s3_folder_copy(struct s3_client *from, const char *from_key, struct s3_client *to,
                   const char *to_key, const struct artifact_how *how, struct dh_err *err)
{
    own_folder struct folder f = {.to = to, .to_prefix = to_key};
    struct artifact_stat st;

    if (how->digest) {
        if (s3_folder_stat(from, from_key, true, how, &st, err) < 0)
            return -1;
        if (strcmp(st.digest, how->digest) != 0)
            return ARTIFACT_UNABLE;
    }
    if (read_folder(&f, from, from_key, how, err) < 0)
        return -1;
    if (!f.n)
        return not_there(from, from_key, err);
    return workers_run(f.n, s3_threads_small(), copy_item, &f, err);
}
