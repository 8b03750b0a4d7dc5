/* Local files and folders: walking, measuring, copying, giving them to a step. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "artifact/artifact-priv.h"
#include "base/fs.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/strmap.h"

/* ---- walking ---- */

void artifact_tree_done(struct artifact_tree *tree)
{
    for (size_t i = 0; i < tree->n; i++)
        dh_mem_own(&tree->items[i].name);
    dh_mem_own(&tree->items);
    *tree = (struct artifact_tree){0};
}

static void close_dir(DIR **dir)
{
    if (*dir)
        (void)closedir(*dir);
}

static int add_entry(struct artifact_tree *tree, DIR *dir, const char *folder, const char *name,
                     struct dh_err *err)
{
    struct artifact_entry entry = {0};
    struct stat st;

    if (fstatat(dirfd(dir), name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return dh_fail_errno(err, "cannot read %s/%s", folder, name);
    if (S_ISDIR(st.st_mode))
        entry.kind = ARTIFACT_ENTRY_DIR;
    else if (S_ISREG(st.st_mode))
        entry.kind = ARTIFACT_ENTRY_FILE;
    else if (S_ISLNK(st.st_mode))
        entry.kind = ARTIFACT_ENTRY_LINK;
    else
        return dh_fail(err, DH_INVALID,
                       "%s/%s is a socket, pipe or device: an artifact holds files, folders and "
                       "links",
                       folder, name);
    entry.size_bytes = entry.kind == ARTIFACT_ENTRY_FILE ? st.st_size : 0;
    entry.name = dh_strdup(name);
    DH_GROW(tree->items, tree->n, tree->cap);
    tree->items[tree->n++] = entry;
    return 0;
}

/* Adds what is in one folder; `below` is its name relative to the top, "" for the top itself. */
static int add_folder(struct artifact_tree *tree, const char *top, const char *below,
                      struct dh_err *err)
{
    own_mem char *path = *below ? fs_join(top, below) : dh_strdup(top);
    __attribute__((cleanup(close_dir))) DIR *dir = opendir(path);
    size_t first = tree->n;

    if (!dir)
        return dh_fail_errno(err, "cannot read folder %s", path);
    for (;;) {
        struct dirent *e;

        errno = 0;
        e = readdir(dir);
        if (!e)
            break;
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") ||
            !strncmp(e->d_name, ARTIFACT_TEMPORARY, strlen(ARTIFACT_TEMPORARY)))
            continue;
        if (add_entry(tree, dir, path, e->d_name, err) < 0)
            return -1;
    }
    if (errno)
        return dh_fail_errno(err, "cannot read folder %s", path);
    for (size_t i = first; *below && i < tree->n; i++) {
        char *name = tree->items[i].name;

        tree->items[i].name = fs_join(below, name);
        dh_mem_own(&name);
    }
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct artifact_entry *)a)->name,
                  ((const struct artifact_entry *)b)->name);
}

int artifact_tree_read(const char *path, struct artifact_tree *ret, struct dh_err *err)
{
    own_tree struct artifact_tree tree = {0};

    if (add_folder(&tree, path, "", err) < 0)
        return -1;
    /* The list is its own queue: no recursion, one folder open at a time. */
    for (size_t i = 0; i < tree.n; i++)
        if (tree.items[i].kind == ARTIFACT_ENTRY_DIR) {
            own_mem char *below = dh_strdup(tree.items[i].name);

            if (add_folder(&tree, path, below, err) < 0)
                return -1;
        }
    if (tree.n)
        qsort(tree.items, tree.n, sizeof *tree.items, by_name);
    *ret = tree;
    tree = (struct artifact_tree){0};
    return 0;
}

/* ---- opening ---- */

/* DH_NOT_FOUND: there is none, or a link leads out. */
static int not_opened(const char *what, struct dh_err *err)
{
    static const int absent[] = {ENOENT, ENOTDIR, ELOOP, EXDEV, ENAMETOOLONG};
    int code = errno;

    (void)dh_fail_errno(err, "cannot open '%s'", what);
    for (size_t i = 0; err && i < sizeof absent / sizeof *absent; i++)
        if (code == absent[i])
            err->code = DH_NOT_FOUND;
    return -1;
}

int artifact_open_beneath(const char *path, const char *below, struct stat *ret, struct dh_err *err)
{
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK, .resolve = RESOLVE_BENEATH};
    const char *what = below && *below ? below : path;
    own_fd int top = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    own_fd int fd = top < 0        ? -1
                    : what == path ? dh_take_fd(&top)
                                   : (int)syscall(SYS_openat2, top, below, &how, sizeof how);

    if (fd < 0 || fstat(fd, ret) < 0)
        return not_opened(what, err);
    if (!S_ISREG(ret->st_mode) && !S_ISDIR(ret->st_mode))
        return dh_fail(err, DH_INVALID, "'%s' is neither a file nor a folder", what);
    return dh_take_fd(&fd);
}

/* ---- measuring ---- */

int artifact_kind_of(const char *path, enum artifact_kind *ret, int64_t *ret_size,
                     struct dh_err *err)
{
    struct stat st;

    if (stat(path, &st) < 0) {
        int code = errno;

        (void)dh_fail_errno(err, "%s", path);
        if (err && (code == ENOENT || code == ENOTDIR))
            err->code = DH_NOT_FOUND;
        return -1;
    }
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        return dh_fail(err, DH_INVALID, "%s is neither a file nor a folder", path);
    *ret = S_ISDIR(st.st_mode) ? ARTIFACT_DIR : ARTIFACT_FILE;
    *ret_size = S_ISDIR(st.st_mode) ? 0 : st.st_size;
    return 0;
}

static void add_text(struct digest *d, const char *text)
{
    digest_add(d, text, strlen(text) + 1);
}

static void add_record(struct digest *d, const struct artifact_record *r)
{
    char number[24];

    switch (r->kind) {
    case ARTIFACT_ENTRY_DIR:
        add_text(d, "dir");
        add_text(d, r->name);
        break;
    case ARTIFACT_ENTRY_LINK:
        add_text(d, "link");
        add_text(d, r->name);
        add_text(d, r->text);
        break;
    default:
        (void)snprintf(number, sizeof number, "%lld", (long long)r->size_bytes);
        add_text(d, "file");
        add_text(d, r->name);
        add_text(d, number);
        add_text(d, r->text);
        break;
    }
}

struct records {
    struct artifact_record *items;
    size_t n, cap;
};

static void keep_record(struct records *r, struct artifact_record record)
{
    DH_GROW(r->items, r->n, r->cap);
    r->items[r->n++] = record;
}

static int by_record(const void *a, const void *b)
{
    return strcmp(((const struct artifact_record *)a)->name,
                  ((const struct artifact_record *)b)->name);
}

/* The folders that a name goes through are there, though no object says so. */
static void keep_folders(struct records *r, const char *name)
{
    for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/'))
        keep_record(r, (struct artifact_record){.kind = ARTIFACT_ENTRY_DIR,
                                                .name = dh_strndup(name, (size_t)(slash - name))});
}

void artifact_digest_records(const struct artifact_record *records, size_t n, char to[DIGEST_TEXT])
{
    own(digest_free) struct digest *d = digest_new();
    struct records r = {0};

    for (size_t i = 0; i < n; i++) {
        size_t end = strlen(records[i].name);

        keep_folders(&r, records[i].name);
        if (end && records[i].name[end - 1] != '/') { /* else a folder's mark */
            keep_record(&r, records[i]);
            r.items[r.n - 1].name = dh_strdup(records[i].name);
        }
    }
    if (r.n)
        qsort(r.items, r.n, sizeof *r.items, by_record);
    for (size_t i = 0; i < r.n; i++)
        if (i == 0 || strcmp(r.items[i - 1].name, r.items[i].name) != 0)
            add_record(d, &r.items[i]);
    for (size_t i = 0; i < r.n; i++)
        free((char *)(uintptr_t)r.items[i].name);
    free(r.items);
    (void)digest_end(d, to);
}

void artifact_digest_pieces(const struct artifact_piece *pieces, size_t n, char to[DIGEST_TEXT])
{
    own_mem struct artifact_record *records = dh_zalloc(n + 1, sizeof *records);

    for (size_t i = 0; i < n; i++)
        records[i] = (struct artifact_record){.kind = ARTIFACT_ENTRY_FILE,
                                              .name = pieces[i].name,
                                              .size_bytes = pieces[i].size_bytes,
                                              .text = pieces[i].sha256};
    artifact_digest_records(records, n, to);
}

static int add_entry_record(struct digest *d, const char *top, const struct artifact_entry *entry,
                            const struct strmap *known, struct artifact_stat *sum,
                            struct dh_err *err)
{
    const struct artifact_piece *piece = strmap_get(known, entry->name);
    struct artifact_record record = {.kind = (int)entry->kind, .name = entry->name};
    own_mem char *path = fs_join(top, entry->name);
    char text[PATH_MAX];
    ssize_t n;

    record.text = text;
    if (entry->kind == ARTIFACT_ENTRY_LINK) {
        n = readlink(path, text, sizeof text - 1);
        if (n < 0)
            return dh_fail_errno(err, "cannot read %s", path);
        text[n] = '\0';
    } else if (entry->kind == ARTIFACT_ENTRY_FILE) {
        if (piece && piece->size_bytes == entry->size_bytes) {
            record.text = piece->sha256;
            record.size_bytes = piece->size_bytes;
        } else if (digest_file(path, text, &record.size_bytes, err) < 0) {
            return -1;
        }
        sum->size_bytes += record.size_bytes;
        sum->n_files++;
    }
    add_record(d, &record);
    return 0;
}

int artifact_digest_known(const char *path, const struct artifact_piece *known, size_t n_known,
                          struct artifact_stat *ret, struct dh_err *err)
{
    own(strmap_free) struct strmap *names = strmap_new();
    own_tree struct artifact_tree tree = {0};
    own(digest_free) struct digest *d = NULL;
    struct artifact_stat sum = {0};

    if (artifact_kind_of(path, &sum.kind, &sum.size_bytes, err) < 0)
        return -1;
    if (sum.kind == ARTIFACT_FILE) {
        sum.n_files = 1;
        if (digest_file(path, sum.digest, &sum.size_bytes, err) < 0)
            return -1;
        *ret = sum;
        return 0;
    }
    if (artifact_tree_read(path, &tree, err) < 0)
        return -1;
    for (size_t i = 0; i < n_known; i++)
        if (known[i].sha256)
            (void)strmap_put(names, known[i].name, (void *)(uintptr_t)&known[i]);
    d = digest_new();
    for (size_t i = 0; i < tree.n; i++)
        if (add_entry_record(d, path, &tree.items[i], names, &sum, err) < 0)
            return -1;
    digest_end(d, sum.digest);
    *ret = sum;
    return 0;
}

int artifact_digest(const char *path, struct artifact_stat *ret, struct dh_err *err)
{
    return artifact_digest_known(path, NULL, 0, ret, err);
}

/* ---- copying ---- */

int artifact_beside(const char *to, char **ret, struct dh_err *err)
{
    const char *slash = strrchr(to, '/');
    own_mem char *folder =
        slash ? dh_strndup(to, slash > to ? (size_t)(slash - to) : 1) : dh_strdup(".");
    own_mem char *name = NULL;
    char id[ID_TEXT];

    if (fs_mkdirs(folder, 0777, err) < 0)
        return -1;
    name = dh_printf(ARTIFACT_TEMPORARY "%s", id_new(id));
    *ret = fs_join(folder, name);
    return 0;
}

/* Puts what is at `beside` in the place of `to`. A folder cannot be renamed over a full one, but
 * two names can be exchanged in one step. */
int artifact_put_in_place(const char *beside, const char *to, struct dh_err *err)
{
    own_mem char *old = NULL;

    if (!fs_fault("rename") && rename(beside, to) == 0)
        return 0;
    if (errno != ENOTEMPTY && errno != EEXIST && errno != EISDIR && errno != ENOTDIR)
        return dh_fail_errno(err, "cannot rename %s to %s", beside, to);
    if (renameat2(AT_FDCWD, beside, AT_FDCWD, to, RENAME_EXCHANGE) == 0)
        return fs_remove_tree(beside, err);
    if (artifact_beside(to, &old, err) < 0 || fs_rename(to, old, err) < 0 ||
        fs_rename(beside, to, err) < 0)
        return -1;
    return fs_remove_tree(old, err);
}

/* Nothing but files, folders and links: copying a pipe would wait for ever. */
static int copyable(const char *path, struct dh_err *err)
{
    own_tree struct artifact_tree tree = {0};
    enum artifact_kind kind;
    int64_t size;

    if (artifact_kind_of(path, &kind, &size, err) < 0)
        return -1;
    return kind == ARTIFACT_DIR ? artifact_tree_read(path, &tree, err) : 0;
}

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;

    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

int artifact_copy(const char *from, const char *to, struct dh_err *err)
{
    own_mem char *beside = NULL;
    char real[PATH_MAX];

    if (copyable(from, err) < 0)
        return -1;
    if (same_file(from, to))
        return 0;
    if (!realpath(from, real)) /* a link at the top stands for what it points to */
        return dh_fail_errno(err, "%s", from);
    if (artifact_beside(to, &beside, err) < 0)
        return -1;
    if (fs_copy(real, beside, err) < 0 || artifact_put_in_place(beside, to, err) < 0) {
        (void)fs_remove_tree(beside, NULL);
        return -1;
    }
    return 0;
}

/* ---- giving an input to a step ---- */

static int give_file(const char *from, const char *to, struct dh_err *err)
{
    struct stat st;

    if (stat(from, &st) < 0)
        return dh_fail_errno(err, "%s", from);
    /* The same inode only where nothing can be written through it; else the step could change what
     * is recorded. */
    if ((st.st_mode & 0222) == 0 && !fs_fault("link") &&
        linkat(AT_FDCWD, from, AT_FDCWD, to, AT_SYMLINK_FOLLOW) == 0)
        return 0;
    if (fs_copy(from, to, err) < 0)
        return -1;
    if (chmod(to, (st.st_mode & 0555) | 0400) < 0)
        return dh_fail_errno(err, "cannot make %s read-only", to);
    return 0;
}

static int give_entry(const char *from, const char *to, const struct artifact_entry *entry,
                      struct dh_err *err)
{
    own_mem char *source = fs_join(from, entry->name);
    own_mem char *target = fs_join(to, entry->name);

    switch (entry->kind) {
    case ARTIFACT_ENTRY_DIR:
        return fs_mkdirs(target, 0755, err);
    case ARTIFACT_ENTRY_LINK:
        return fs_copy(source, target, err);
    case ARTIFACT_ENTRY_FILE:
        break;
    }
    return give_file(source, target, err);
}

static int give_folder(const char *from, const char *to, struct dh_err *err)
{
    own_tree struct artifact_tree tree = {0};

    if (artifact_tree_read(from, &tree, err) < 0 || fs_mkdirs(to, 0755, err) < 0)
        return -1;
    for (size_t i = 0; i < tree.n; i++)
        if (give_entry(from, to, &tree.items[i], err) < 0)
            return -1;
    /* Closed from the inside out, once all is in. */
    for (size_t i = tree.n; i-- > 0;) {
        own_mem char *folder = NULL;

        if (tree.items[i].kind != ARTIFACT_ENTRY_DIR)
            continue;
        folder = fs_join(to, tree.items[i].name);
        if (chmod(folder, 0555) < 0)
            return dh_fail_errno(err, "cannot make %s read-only", folder);
    }
    return 0;
}

int artifact_link_or_copy(const char *from, const char *to, struct dh_err *err)
{
    own_mem char *beside = NULL;
    enum artifact_kind kind;
    char real[PATH_MAX];
    int64_t size;
    int rc;

    if (artifact_kind_of(from, &kind, &size, err) < 0)
        return -1;
    if (fs_exists(to))
        return dh_fail(err, DH_EXISTS, "%s is there already", to);
    if (!realpath(from, real))
        return dh_fail_errno(err, "%s", from);
    if (artifact_beside(to, &beside, err) < 0)
        return -1;
    rc = kind == ARTIFACT_DIR ? give_folder(real, beside, err) : give_file(real, beside, err);
    if (rc == 0)
        rc = fs_rename(beside, to, err);
    if (rc == 0 && kind == ARTIFACT_DIR && chmod(to, 0555) < 0)
        rc = dh_fail_errno(err, "cannot make %s read-only", to);
    if (rc < 0)
        (void)fs_remove_tree(beside, NULL);
    return rc;
}
