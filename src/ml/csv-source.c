/* csv-source - the bytes of the input in order, unpacked as they come. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/mem.h"
#include "base/unpack.h"
#include "ml/csv-priv.h"

struct csv_source {
    int fd; /* -1: from memory */
    char *path;
    const char *bytes;
    size_t n, at;
    uint64_t size;
    struct unpack *unpack; /* NULL: plain */
};

static int fill(void *ctx, char *to, size_t cap, size_t *ret_n, struct dh_err *err)
{
    struct csv_source *s = ctx;
    if (s->fd < 0) {
        size_t n = s->n - s->at < cap ? s->n - s->at : cap;
        if (n)
            memcpy(to, s->bytes + s->at, n);
        s->at += n;
        *ret_n = n;
        return 0;
    }
    ssize_t got;
    do
        got = read(s->fd, to, cap);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return dh_fail_errno(err, "read %s", s->path);
    *ret_n = (size_t)got;
    return 0;
}

/* Looks at the first bytes and goes back to the start. */
static int sniff(struct csv_source *s, struct dh_err *err)
{
    char head[4] = {0};
    size_t n = 0;
    if (fill(s, head, sizeof head, &n, err) < 0)
        return -1;
    if (s->fd >= 0 && lseek(s->fd, 0, SEEK_SET) < 0)
        return dh_fail(err, DH_INVALID,
                       "%s is a pipe or a device: a CSV is read from a regular file", s->path);
    s->at = 0;
    enum unpack_kind kind = unpack_sniff(head, n);
    if (kind != UNPACK_PLAIN)
        return unpack_new(kind, fill, s, &s->unpack, err);
    return 0;
}

int csv_source_open(const char *path, struct csv_source **ret, struct dh_err *err)
{
    own(csv_source_free) struct csv_source *s = dh_zalloc(1, sizeof *s);
    struct stat st;
    s->path = dh_strdup(path);
    s->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return dh_fail(err, DH_NOT_FOUND, "%s: no such file", path);
    if (s->fd < 0 || fstat(s->fd, &st) < 0)
        return dh_fail_errno(err, "open %s", path);
    if (S_ISDIR(st.st_mode))
        return dh_fail(err, DH_INVALID, "%s is a folder, not a CSV file", path);
    s->size = (uint64_t)st.st_size;
    (void)posix_fadvise(s->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    if (sniff(s, err) < 0)
        return dh_while(err, "%s", path);
    *ret = take(&s);
    return 0;
}

struct csv_source *csv_source_memory(const char *bytes, size_t n)
{
    struct csv_source *s = dh_zalloc(1, sizeof *s);
    s->fd = -1;
    s->bytes = bytes;
    s->n = n;
    s->size = n;
    return s;
}

struct csv_source *csv_source_free(struct csv_source *s)
{
    if (!s)
        return NULL;
    if (s->fd >= 0)
        close(s->fd);
    unpack_free(s->unpack);
    free(s->path);
    free(s);
    return NULL;
}

int csv_source_rewind(struct csv_source *s, struct dh_err *err)
{
    s->at = 0;
    if (s->fd >= 0 && lseek(s->fd, 0, SEEK_SET) < 0)
        return dh_fail_errno(err, "seek in %s", s->path);
    return s->unpack ? unpack_restart(s->unpack, err) : 0;
}

int csv_source_read(struct csv_source *s, char *to, size_t cap, size_t *ret_n, struct dh_err *err)
{
    return s->unpack ? unpack_read(s->unpack, to, cap, ret_n, err) : fill(s, to, cap, ret_n, err);
}

uint64_t csv_source_bytes(const struct csv_source *s)
{
    return s->unpack ? s->size * 4 : s->size;
}
