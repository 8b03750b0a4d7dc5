/* Layers and archives onto the disk. Every path is looked up by openat2 with RESOLVE_IN_ROOT: links
 * that a layer below has made are followed, but never out of the image. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/own.h"
#include "base/strmap.h"
#include "base/unpack.h"
#include "runtime/image-priv.h"

#define WHITEOUT ".wh."
#define OPAQUE ".wh..wh..opq"

/* ---- the file's bytes, on their way ---- */

struct stream {
    int fd;
    struct digest *packed, *plain; /* NULL: not asked */
    struct unpack *unpack;         /* NULL: not packed */
};

static int read_file(void *ctx, char *to, size_t cap, size_t *ret_n, struct dh_err *err)
{
    struct stream *s = ctx;
    ssize_t n;

    do
        n = read(s->fd, to, cap);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return dh_fail_errno(err, "cannot read the layer");
    if (s->packed)
        digest_add(s->packed, to, (size_t)n);
    *ret_n = (size_t)n;
    return 0;
}

static int read_plain(void *ctx, char *to, size_t cap, size_t *ret_n, struct dh_err *err)
{
    struct stream *s = ctx;
    int rc =
        s->unpack ? unpack_read(s->unpack, to, cap, ret_n, err) : read_file(s, to, cap, ret_n, err);

    if (rc == 0 && s->plain)
        digest_add(s->plain, to, *ret_n);
    return rc;
}

static int open_stream(const char *file, const char *digest, const char *diff_id, struct stream *s,
                       struct dh_err *err)
{
    char head[4] = "";
    enum unpack_kind kind;

    *s = (struct stream){.fd = open(file, O_RDONLY | O_CLOEXEC)};
    if (s->fd < 0)
        return dh_fail_errno(err, "cannot open %s", file);
    kind = unpack_sniff(head, (size_t)(pread(s->fd, head, sizeof head, 0) == sizeof head) * 4);
    s->packed = digest ? digest_new() : NULL;
    s->plain = diff_id ? digest_new() : NULL;
    return kind == UNPACK_PLAIN ? 0 : unpack_new(kind, read_file, s, &s->unpack, err);
}

static void close_stream(struct stream *s)
{
    unpack_free(s->unpack);
    digest_free(s->packed);
    digest_free(s->plain);
    if (s->fd >= 0)
        (void)close(s->fd);
}

static int check_digest(struct digest *d, const char *want, const char *what, struct dh_err *err)
{
    char got[DIGEST_TEXT];

    if (!d || !strcmp(digest_end(d, got), want))
        return 0;
    return dh_fail(err, DH_INVALID, "%s is damaged: its digest is sha256:%.12s…, not sha256:%.12s…",
                   what, got, want);
}

/* What follows the archive's end counts for the digests too. */
static int end_stream(struct stream *s, const char *digest, const char *diff_id, struct dh_err *err)
{
    char rest[16384];
    size_t n;

    do {
        if (read_plain(s, rest, sizeof rest, &n, err) < 0)
            return -1;
    } while (n);
    while (s->unpack && read(s->fd, rest, 1) == 1) /* behind the packed stream's end */
        if (s->packed)
            digest_add(s->packed, rest, 1);
    return check_digest(s->packed, digest, "the layer", err) < 0
               ? -1
               : check_digest(s->plain, diff_id, "the unpacked layer", err);
}

/* ---- places within the root ---- */

struct target {
    int root;
    bool layer;            /* whiteouts mean something */
    bool as_root;          /* owners can be set */
    struct strmap *made;   /* paths that this layer has made, with the folders above them */
    struct layer_use *use; /* NULL: an archive's own bound is its size */
};

static int open_in(int root, const char *path, uint64_t flags)
{
    struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};

    return (int)syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof how);
}

/* "./a//b/" → "a/b". -1: it goes upwards, or has a name that no file has. */
static int tidy(const char *path, char **ret, struct dh_err *err)
{
    struct buf b = {0};

    for (const char *at = path; *at;) {
        size_t n = strcspn(at, "/");

        if (n == 2 && at[0] == '.' && at[1] == '.') {
            buf_done(&b);
            return dh_fail(err, DH_INVALID, "the path '%s' leads out of the image", path);
        }
        if (n && !(n == 1 && *at == '.')) {
            if (b.n)
                buf_addc(&b, '/');
            buf_add(&b, at, n);
        }
        at += n + (at[n] == '/');
    }
    *ret = b.p ? buf_take(&b) : dh_strdup("");
    return 0;
}

/* The folder of a path, made where it is missing. */
static int open_folder(const struct target *t, const char *path, struct dh_err *err)
{
    int fd = open_in(t->root, path, O_PATH | O_DIRECTORY);
    own_mem char *above = NULL;
    const char *slash, *name;
    own_fd int up = -1;

    if (fd >= 0)
        return fd;
    if (errno == ENOSYS)
        return dh_fail(err, DH_IO, "unpacking an image needs Linux 5.6 or later");
    if (errno != ENOENT)
        return dh_fail_errno(err, "cannot open '%s' of the image", path);
    slash = strrchr(path, '/');
    name = slash ? slash + 1 : path;
    above = dh_strndup(path, slash ? (size_t)(slash - path) : 0);
    up = *path ? open_folder(t, above, err) : -1;
    if (up < 0)
        return -1;
    if (mkdirat(up, name, 0755) < 0)
        return dh_fail_errno(err, "cannot make '%s' of the image", path);
    fd = open_in(t->root, path, O_PATH | O_DIRECTORY);
    return fd >= 0 ? fd : dh_fail_errno(err, "cannot open '%s' of the image", path);
}

/* Through /proc the tree below an open folder has a path that nobody can exchange. */
static int remove_at(int folder, const char *name, struct dh_err *err)
{
    own_mem char *path = NULL;

    if (unlinkat(folder, name, 0) == 0 || errno == ENOENT)
        return 0;
    path = dh_printf("/proc/self/fd/%d/%s", folder, name);
    return fs_remove_tree(path, err);
}

static bool is_folder(int folder, const char *name)
{
    struct stat st;

    return fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static void remember(struct target *t, const char *path)
{
    own_mem char *at = dh_strdup(path);

    for (char *slash; *at && !strmap_get(t->made, at); *slash = '\0') {
        (void)strmap_put(t->made, at, t);
        slash = strrchr(at, '/');
        if (!slash)
            break;
    }
}

/* All that came from layers below goes from a folder. */
static int make_opaque(const struct target *t, const char *path, struct dh_err *err)
{
    own_fd int fd = open_in(t->root, path, O_RDONLY | O_DIRECTORY);
    DIR *d = fd >= 0 ? fdopendir(dup(fd)) : NULL;
    struct dirent *e;
    int rc = 0;

    while (d && rc == 0 && (e = readdir(d))) {
        own_mem char *child = *path ? fs_join(path, e->d_name) : dh_strdup(e->d_name);

        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        if (!strmap_get(t->made, child))
            rc = remove_at(fd, e->d_name, err);
        else if (is_folder(fd, e->d_name))
            rc = make_opaque(t, child, err);
    }
    if (d)
        (void)closedir(d);
    return rc;
}

/* 1: the member was one. */
static int whiteout(const struct target *t, const char *folder_path, int folder, const char *name,
                    struct dh_err *err)
{
    own_mem char *hidden = NULL;

    if (!t->layer || strncmp(name, WHITEOUT, strlen(WHITEOUT)) != 0)
        return 0;
    if (!strcmp(name, OPAQUE))
        return make_opaque(t, folder_path, err) < 0 ? -1 : 1;
    name += strlen(WHITEOUT);
    if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
        return dh_fail(err, DH_INVALID, "the layer hides a file without a name");
    if (!strncmp(name, WHITEOUT, strlen(WHITEOUT)))
        return 1; /* aufs's own */
    hidden = *folder_path ? fs_join(folder_path, name) : dh_strdup(name);
    if (strmap_get(t->made, hidden))
        return 1; /* whiteouts speak of the layers below */
    return remove_at(folder, name, err) < 0 ? -1 : 1;
}

/* ---- members ---- */

static int set_owner(const struct target *t, int fd, const struct tar_member *m, struct dh_err *err)
{
    /* Without root all is ours; then setuid would mean us, and we must be able to write. */
    unsigned mode = t->as_root ? m->mode : (m->mode & 0777) | (m->type == TAR_FOLDER ? 0700 : 0600);

    if (t->layer && t->as_root && fchown(fd, m->uid, m->gid) < 0)
        return dh_fail_errno(err, "cannot set the owner of '%s'", m->path);
    if (fchmod(fd, mode) < 0)
        return dh_fail_errno(err, "cannot set the mode of '%s'", m->path);
    return 0;
}

static int put_file(struct target *t, struct tar *tar, const struct tar_member *m, int folder,
                    const char *name, struct dh_err *err)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = m->mtime}};
    own_mem char *block = dh_alloc(1 << 16);
    own_fd int fd = -1;
    size_t n;

    if (t->use && (t->use->bytes += m->size) > LIMIT_IMAGE_BYTES)
        return dh_fail(err, DH_INVALID, "the image is too large: more than %lld GB",
                       (long long)(LIMIT_IMAGE_BYTES >> 30));
    fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return dh_fail_errno(err, "cannot make '%s' of the image", m->path);
    for (;;) {
        if (tar_read(tar, block, 1 << 16, &n, err) < 0)
            return -1;
        if (!n)
            break;
        if (fs_write_fd(fd, block, n, m->path, err) < 0)
            return -1;
    }
    if (set_owner(t, fd, m, err) < 0)
        return -1;
    (void)futimens(fd, times);
    return 0;
}

static int put_folder(const struct target *t, const struct tar_member *m, int folder,
                      const char *name, struct dh_err *err)
{
    own_fd int fd = -1;

    if (mkdirat(folder, name, 0755) < 0 && errno != EEXIST)
        return dh_fail_errno(err, "cannot make '%s' of the image", m->path);
    fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return dh_fail_errno(err, "cannot open '%s' of the image", m->path);
    return set_owner(t, fd, m, err);
}

static int put_hard_link(const struct target *t, const struct tar_member *m, int folder,
                         const char *name, struct dh_err *err)
{
    own_mem char *path = NULL;
    own_mem char *above = NULL;
    own_fd int from = -1;
    const char *slash;

    if (tidy(m->target, &path, err) < 0)
        return -1;
    slash = strrchr(path, '/');
    above = dh_strndup(path, slash ? (size_t)(slash - path) : 0);
    from = open_in(t->root, above, O_PATH | O_DIRECTORY);
    if (from < 0 || linkat(from, slash ? slash + 1 : path, folder, name, 0) < 0)
        return dh_fail_errno(err, "cannot link '%s' to '%s' in the image", m->path, m->target);
    return 0;
}

static int put_link(const struct target *t, const struct tar_member *m, int folder,
                    const char *name, struct dh_err *err)
{
    if (symlinkat(m->target, folder, name) < 0)
        return dh_fail_errno(err, "cannot make the link '%s' of the image", m->path);
    if (t->layer && t->as_root)
        (void)fchownat(folder, name, m->uid, m->gid, AT_SYMLINK_NOFOLLOW);
    return 0;
}

static int put(struct target *t, struct tar *tar, const struct tar_member *m, int folder,
               const char *name, struct dh_err *err)
{
    if (!(m->type == TAR_FOLDER && is_folder(folder, name)) && remove_at(folder, name, err) < 0)
        return -1;
    switch (m->type) {
    case TAR_FILE:
        return put_file(t, tar, m, folder, name, err);
    case TAR_FOLDER:
        return put_folder(t, m, folder, name, err);
    case TAR_HARD_LINK:
        return put_hard_link(t, m, folder, name, err);
    case TAR_LINK:
        return put_link(t, m, folder, name, err);
    case TAR_FIFO:
        return mkfifoat(folder, name, m->mode & 0777) < 0
                   ? dh_fail_errno(err, "cannot make the pipe '%s' of the image", m->path)
                   : 0;
    default:
        return 0; /* devices: a container gets its own */
    }
}

static int put_member(struct target *t, struct tar *tar, const struct tar_member *m,
                      struct dh_err *err)
{
    own_mem char *path = NULL;
    own_mem char *above = NULL;
    own_fd int folder = -1;
    const char *slash;
    int rc;

    if (t->use && ++t->use->files > LIMIT_IMAGE_FILES)
        return dh_fail(err, DH_INVALID, "the image has more than %d files", LIMIT_IMAGE_FILES);
    if (tidy(m->path, &path, err) < 0)
        return -1;
    if (!*path)
        return 0; /* the root itself */
    slash = strrchr(path, '/');
    above = dh_strndup(path, slash ? (size_t)(slash - path) : 0);
    folder = open_folder(t, above, err);
    if (folder < 0)
        return -1;
    rc = whiteout(t, above, folder, slash ? slash + 1 : path, err);
    if (rc != 0)
        return rc < 0 ? -1 : 0;
    if (m->type == TAR_OTHER)
        return 0;
    if (t->layer)
        remember(t, path);
    return put(t, tar, m, folder, slash ? slash + 1 : path, err);
}

static int unpack_all(struct target *t, struct stream *s, struct dh_err *err)
{
    own(tar_free) struct tar *tar = tar_new(read_plain, s);
    struct tar_member m;
    int rc;

    while ((rc = tar_next(tar, &m, err)) == 0)
        if (put_member(t, tar, &m, err) < 0)
            return -1;
    return rc < 0 ? -1 : 0;
}

static int unpack_file(const char *file, const char *digest, const char *diff_id, const char *root,
                       struct target *t, struct dh_err *err)
{
    struct stream s;
    int rc = open_stream(file, digest, diff_id, &s, err);

    t->root = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    t->as_root = geteuid() == 0;
    t->made = strmap_new();
    if (rc == 0 && t->root < 0)
        rc = dh_fail_errno(err, "cannot open %s", root);
    if (rc == 0)
        rc = unpack_all(t, &s, err);
    if (rc == 0)
        rc = end_stream(&s, digest, diff_id, err);
    strmap_free(t->made);
    if (t->root >= 0)
        (void)close(t->root);
    close_stream(&s);
    return rc;
}

int layer_unpack(const char *file, const char *digest, const char *diff_id, const char *root,
                 struct layer_use *use, struct dh_err *err)
{
    struct target t = {.layer = true, .use = use};

    return unpack_file(file, digest, diff_id, root, &t, err);
}

int archive_unpack(const char *file, const char *root, struct dh_err *err)
{
    struct layer_use use = {0};
    struct target t = {.use = &use};

    return unpack_file(file, NULL, NULL, root, &t, err) < 0 ? dh_while(err, "%s", file) : 0;
}
