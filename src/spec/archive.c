#include "spec/archive.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/own.h"
#include "base/unpack.h"

enum { TAR_BLOCK = 512 };

bool archive_is(const char *bytes, size_t n)
{
    return n >= 4 && (memcmp(bytes, "PK\3\4", 4) == 0 || memcmp(bytes, "\x1f\x8b", 2) == 0);
}

/* Packed bytes that are all in memory. */
struct source {
    const char *bytes;
    size_t n;
};

static int fill(void *ctx, char *to, size_t cap, size_t *ret_n, struct dh_err *err)
{
    struct source *from = ctx;
    size_t n = from->n < cap ? from->n : cap;

    (void)err;
    memcpy(to, from->bytes, n);
    from->bytes += n;
    from->n -= n;
    *ret_n = n;
    return 0;
}

static int unpack_all(const char *name, const char *bytes, size_t n, enum unpack_kind kind,
                      struct buf *to, struct dh_err *err)
{
    struct source from = {bytes, n};
    own(unpack_free) struct unpack *unpack = NULL;
    char out[16384];
    size_t got = 1;

    if (unpack_new(kind, fill, &from, &unpack, err) < 0)
        return dh_while(err, "%s", name);
    while (got && to->n <= LIMIT_PIPELINE_BYTES) {
        if (unpack_read(unpack, out, sizeof out, &got, err) < 0)
            return dh_while(err, "%s", name);
        buf_add(to, out, got);
    }
    if (to->n > LIMIT_PIPELINE_BYTES)
        return dh_fail(err, DH_INVALID, "%s: unpacks to more than %zu MB", name,
                       LIMIT_PIPELINE_BYTES >> 20);
    return 0;
}

/* 2: pipeline.yaml and its like; 1: another file with such an ending; 0: not ours. */
static int rank(const char *member)
{
    const char *base = strrchr(member, '/');
    const char *dot;

    base = base ? base + 1 : member;
    dot = strrchr(base, '.');
    if (!dot || dot == base || strstr(member, "__MACOSX/"))
        return 0;
    if (strcmp(dot, ".yaml") != 0 && strcmp(dot, ".yml") != 0 && strcmp(dot, ".json") != 0)
        return 0;
    return strncmp(base, "pipeline.", (size_t)(dot - base) + 1) == 0 ? 2 : 1;
}

/* The member chosen so far. */
struct choice {
    int rank;
    size_t n_same; /* of that rank */
    size_t at;     /* where the format's reader finds it again */
    size_t size;
    char *name;
};

static void consider(struct choice *c, const char *member, size_t at, size_t size)
{
    int r = rank(member);

    if (r == 0 || r < c->rank)
        return;
    if (r == c->rank) {
        c->n_same++;
        return;
    }
    free(c->name);
    *c = (struct choice){r, 1, at, size, dh_strdup(member)};
}

static int check_choice(const char *name, const struct choice *c, struct dh_err *err)
{
    if (c->rank == 0)
        return dh_fail(err, DH_INVALID, "%s: has no pipeline.yaml inside", name);
    if (c->n_same > 1)
        return dh_fail(err, DH_INVALID,
                       "%s: has %zu pipelines inside; name the one that is meant pipeline.yaml",
                       name, c->n_same);
    return 0;
}

/* ---- tar ---- */

/* A number field: octal text. Base-256 (files over 8 GB) is refused with the rest. */
static bool octal(const char *field, size_t n, size_t *ret)
{
    size_t v = 0, i = 0;

    while (i < n && field[i] == ' ')
        i++;
    for (; i < n && field[i] >= '0' && field[i] <= '7'; i++)
        v = v * 8 + (size_t)(field[i] - '0');
    *ret = v;
    return i == n || field[i] == ' ' || field[i] == '\0';
}

static bool is_tar(const char *bytes, size_t n)
{
    return n >= TAR_BLOCK && memcmp(bytes + 257, "ustar", 5) == 0;
}

static int find_in_tar(const char *name, const char *bytes, size_t n, struct choice *c,
                       struct dh_err *err)
{
    for (size_t at = 0; at + TAR_BLOCK <= n && bytes[at];) {
        const char *head = bytes + at;
        char member[101];
        size_t size;

        if (!octal(head + 124, 12, &size) || size > n - at - TAR_BLOCK)
            return dh_fail(err, DH_INVALID, "%s: not a tar file that can be read", name);
        memcpy(member, head, 100);
        member[100] = '\0';
        if (head[156] == '0' || head[156] == '\0')
            consider(c, member, at + TAR_BLOCK, size);
        at += TAR_BLOCK + (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
    }
    return check_choice(name, c, err);
}

static int read_gzip(const char *name, const char *bytes, size_t n, char **ret, size_t *ret_n,
                     char **ret_name, struct dh_err *err)
{
    own_buf struct buf plain = {0};
    struct choice c = {0};
    int rc;

    if (unpack_all(name, bytes, n, UNPACK_GZIP, &plain, err) < 0)
        return -1;
    if (!is_tar(buf_str(&plain), plain.n)) {
        *ret_n = plain.n;
        *ret = buf_take(&plain);
        *ret_name = dh_strdup(name);
        return 0;
    }
    rc = find_in_tar(name, plain.p, plain.n, &c, err);
    if (rc == 0) {
        *ret = dh_alloc(c.size + 1);
        memcpy(*ret, plain.p + c.at, c.size);
        (*ret)[c.size] = '\0';
        *ret_n = c.size;
        *ret_name = dh_printf("%s:%s", name, c.name);
    }
    free(c.name);
    return rc;
}

/* ---- zip ---- */

static size_t le(const char *p, size_t n)
{
    size_t v = 0;

    while (n--)
        v = v << 8 | (unsigned char)p[n];
    return v;
}

/* Where the end-of-central-directory record begins, or SIZE_MAX. A comment may follow it. */
static size_t find_zip_end(const char *bytes, size_t n)
{
    if (n < 22)
        return SIZE_MAX;
    for (size_t at = n - 22, tries = 0; tries <= 65535; at--, tries++) {
        if (memcmp(bytes + at, "PK\5\6", 4) == 0)
            return at;
        if (at == 0)
            break;
    }
    return SIZE_MAX;
}

static int find_in_zip(const char *name, const char *bytes, size_t n, struct choice *c,
                       struct dh_err *err)
{
    size_t end = find_zip_end(bytes, n), at, n_members;

    if (end == SIZE_MAX)
        return dh_fail(err, DH_INVALID, "%s: a zip file without an end: cut short?", name);
    n_members = le(bytes + end + 10, 2);
    at = le(bytes + end + 16, 4);
    for (size_t i = 0; i < n_members; i++) {
        size_t name_len;
        own_mem char *member = NULL;

        if (at > end || end - at < 46 || memcmp(bytes + at, "PK\1\2", 4) != 0)
            return dh_fail(err, DH_INVALID, "%s: not a zip file that can be read", name);
        name_len = le(bytes + at + 28, 2);
        if (name_len > end - at - 46)
            return dh_fail(err, DH_INVALID, "%s: not a zip file that can be read", name);
        member = dh_strndup(bytes + at + 46, name_len);
        consider(c, member, at, le(bytes + at + 24, 4));
        at += 46 + name_len + le(bytes + at + 30, 2) + le(bytes + at + 32, 2);
    }
    return check_choice(name, c, err);
}

static int unpack_member(const char *name, const char *bytes, size_t n, const struct choice *c,
                         struct buf *to, struct dh_err *err)
{
    const char *entry = bytes + c->at;
    size_t flags = le(entry + 8, 2), method = le(entry + 10, 2), packed = le(entry + 20, 4);
    size_t local = le(entry + 42, 4), data;

    if (flags & 1)
        return dh_fail(err, DH_INVALID, "%s: '%s' is encrypted", name, c->name);
    if (c->size > LIMIT_PIPELINE_BYTES)
        return dh_fail(err, DH_INVALID, "%s: unpacks to more than %zu MB", name,
                       LIMIT_PIPELINE_BYTES >> 20);
    if (local > n || n - local < 30)
        return dh_fail(err, DH_INVALID, "%s: damaged or cut short", name);
    data = local + 30 + le(bytes + local + 26, 2) + le(bytes + local + 28, 2);
    if (data > n || n - data < packed)
        return dh_fail(err, DH_INVALID, "%s: damaged or cut short", name);
    if (method == 8)
        return unpack_all(name, bytes + data, packed, UNPACK_DEFLATE, to, err);
    if (method != 0)
        return dh_fail(err, DH_INVALID, "%s: '%s' is packed with method %zu; deflate is read", name,
                       c->name, method);
    buf_add(to, bytes + data, packed);
    return 0;
}

static int read_zip(const char *name, const char *bytes, size_t n, char **ret, size_t *ret_n,
                    char **ret_name, struct dh_err *err)
{
    own_buf struct buf plain = {0};
    struct choice c = {0};
    int rc = find_in_zip(name, bytes, n, &c, err);

    if (rc == 0)
        rc = unpack_member(name, bytes, n, &c, &plain, err);
    if (rc == 0) {
        *ret_n = plain.n;
        *ret = buf_take(&plain);
        *ret_name = dh_printf("%s:%s", name, c.name);
    }
    free(c.name);
    return rc;
}

int archive_read(const char *name, const char *bytes, size_t n, char **ret, size_t *ret_n,
                 char **ret_name, struct dh_err *err)
{
    if (bytes[0] == 'P')
        return read_zip(name, bytes, n, ret, ret_n, ret_name, err);
    return read_gzip(name, bytes, n, ret, ret_n, ret_name, err);
}
