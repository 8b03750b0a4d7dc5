/* tar as layers use it: ustar, pax extended headers, GNU's long names. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "runtime/image-priv.h"

enum { BLOCK = 512, META_MAX = 1 << 20, TAR_PATH_MAX = 4096 };

struct header { /* as POSIX lays it out */
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100];
    char magic[6], version[2], uname[32], gname[32], major[8], minor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a header is one block");

struct tar {
    tar_fill *fill;
    void *ctx;
    int64_t left; /* of the member's bytes */
    int64_t pad;  /* to the next block after them */
    bool begun;
    char *path, *target;
    struct extended { /* what pax or GNU headers say of the member to come */
        char *path, *target;
        int64_t size, mtime, uid, gid; /* -1: not said */
    } ext;
};

struct tar *tar_new(tar_fill *fill, void *ctx)
{
    struct tar *t = dh_zalloc(1, sizeof *t);

    t->fill = fill;
    t->ctx = ctx;
    return t;
}

static void forget_extended(struct tar *t)
{
    free(t->ext.path);
    free(t->ext.target);
    t->ext = (struct extended){.size = -1, .mtime = -1, .uid = -1, .gid = -1};
}

struct tar *tar_free(struct tar *t)
{
    if (!t)
        return NULL;
    forget_extended(t);
    free(t->path);
    free(t->target);
    free(t);
    return NULL;
}

/* ---- bytes ---- */

/* Exactly n bytes, or fewer at the end of the stream. */
static int read_fully(struct tar *t, char *to, size_t n, size_t *ret_n, struct dh_err *err)
{
    size_t have = 0;

    while (have < n) {
        size_t got;

        if (t->fill(t->ctx, to + have, n - have, &got, err) < 0)
            return -1;
        if (!got)
            break;
        have += got;
    }
    *ret_n = have;
    return 0;
}

static int cut_short(struct dh_err *err)
{
    return dh_fail(err, DH_INVALID, "the tar archive is cut short");
}

static int skip(struct tar *t, int64_t n, struct dh_err *err)
{
    char block[16384];

    while (n > 0) {
        size_t want = n < (int64_t)sizeof block ? (size_t)n : sizeof block, got;

        if (read_fully(t, block, want, &got, err) < 0)
            return -1;
        if (got < want)
            return cut_short(err);
        n -= (int64_t)got;
    }
    return 0;
}

int tar_read(struct tar *t, char *to, size_t cap, size_t *ret_n, struct dh_err *err)
{
    size_t want = t->left < (int64_t)cap ? (size_t)t->left : cap;

    if (read_fully(t, to, want, ret_n, err) < 0)
        return -1;
    if (*ret_n < want)
        return cut_short(err);
    t->left -= (int64_t)want;
    return 0;
}

/* ---- headers ---- */

/* Octal text, or with the first bit set a big-endian number. -1: neither. */
static int64_t number(const char *field, size_t n)
{
    const unsigned char *p = (const unsigned char *)field;
    int64_t value = 0;
    size_t i = 0;

    if (p[0] & 0x80) {
        value = p[0] & 0x3f;
        for (i = 1; i < n; i++) {
            if (value > INT64_MAX >> 8)
                return -1;
            value = value << 8 | p[i];
        }
        return p[0] & 0x40 ? -1 : value;
    }
    while (i < n && p[i] == ' ')
        i++;
    for (; i < n && p[i] && p[i] != ' '; i++) {
        if (p[i] < '0' || p[i] > '7' || value > INT64_MAX >> 3)
            return -1;
        value = value << 3 | (p[i] - '0');
    }
    return value;
}

static bool sum_fits(const struct header *h)
{
    const unsigned char *p = (const unsigned char *)h;
    size_t from = offsetof(struct header, sum), to = from + sizeof h->sum;
    int64_t sum = 0;

    for (size_t i = 0; i < BLOCK; i++)
        sum += i >= from && i < to ? ' ' : p[i];
    return number(h->sum, sizeof h->sum) == sum;
}

static bool is_zero(const struct header *h)
{
    const char *p = (const char *)h;

    for (size_t i = 0; i < BLOCK; i++)
        if (p[i])
            return false;
    return true;
}

/* The body of a pax or long-name header. The caller's. */
static int read_meta(struct tar *t, int64_t size, char **ret, struct dh_err *err)
{
    own_mem char *text = NULL;
    size_t got;

    if (size < 0 || size > META_MAX)
        return dh_fail(err, DH_INVALID, "a header of the tar archive is too large");
    text = dh_zalloc((size_t)size + 1, 1);
    if (read_fully(t, text, (size_t)size, &got, err) < 0)
        return -1;
    if ((int64_t)got < size)
        return cut_short(err);
    if (skip(t, -size & (BLOCK - 1), err) < 0)
        return -1;
    *ret = take(&text);
    return 0;
}

static void set_text(char **to, const char *text, size_t n)
{
    free(*to);
    *to = dh_strndup(text, n);
}

static int take_record(struct tar *t, const char *key, const char *value, size_t n,
                       struct dh_err *err)
{
    if (!strcmp(key, "path"))
        set_text(&t->ext.path, value, n);
    else if (!strcmp(key, "linkpath"))
        set_text(&t->ext.target, value, n);
    else if (!strcmp(key, "size"))
        t->ext.size = strtoll(value, NULL, 10);
    else if (!strcmp(key, "mtime"))
        t->ext.mtime = strtoll(value, NULL, 10);
    else if (!strcmp(key, "uid"))
        t->ext.uid = strtoll(value, NULL, 10);
    else if (!strcmp(key, "gid"))
        t->ext.gid = strtoll(value, NULL, 10);
    else if (!strncmp(key, "GNU.sparse", 10))
        return dh_fail(err, DH_INVALID, "a file with holes in a tar archive cannot be read");
    return 0;
}

/* "27 path=some/where\n", again and again. */
static int read_pax(struct tar *t, char *text, size_t n, struct dh_err *err)
{
    char *at = text, *end = text + n;

    while (at < end) {
        char *key, *equals;
        unsigned long long length = strtoull(at, &key, 10);

        if (key == at || *key != ' ' || length <= (size_t)(key - at) ||
            length > (size_t)(end - at) || at[length - 1] != '\n')
            return dh_fail(err, DH_INVALID, "an extended header of the tar archive is damaged");
        key++;
        at[length - 1] = '\0';
        equals = strchr(key, '=');
        if (!equals)
            return dh_fail(err, DH_INVALID, "an extended header of the tar archive is damaged");
        *equals++ = '\0';
        if (take_record(t, key, equals, (size_t)(at + length - 1 - equals), err) < 0)
            return -1;
        at += length;
    }
    return 0;
}

/* Headers that speak of the next member. 1: this was one. */
static int take_meta(struct tar *t, const struct header *h, int64_t size, struct dh_err *err)
{
    own_mem char *text = NULL;

    if (!strchr("xgLK", h->type) || !h->type)
        return 0;
    if (read_meta(t, size, &text, err) < 0)
        return -1;
    if (h->type == 'L')
        set_text(&t->ext.path, text, strlen(text));
    else if (h->type == 'K')
        set_text(&t->ext.target, text, strlen(text));
    else if (h->type == 'x' && read_pax(t, text, (size_t)size, err) < 0)
        return -1;
    return 1;
}

static enum tar_type type_of(char letter)
{
    switch (letter) {
    case '\0':
    case '0':
    case '7':
        return TAR_FILE;
    case '1':
        return TAR_HARD_LINK;
    case '2':
        return TAR_LINK;
    case '5':
        return TAR_FOLDER;
    case '6':
        return TAR_FIFO;
    default:
        return TAR_OTHER;
    }
}

static char *header_path(const struct header *h)
{
    int n = (int)strnlen(h->name, sizeof h->name);

    if (!memcmp(h->magic, "ustar", 6) && h->prefix[0])
        return dh_printf("%.*s/%.*s", (int)strnlen(h->prefix, sizeof h->prefix), h->prefix, n,
                         h->name);
    return dh_strndup(h->name, (size_t)n);
}

static int fill_member(struct tar *t, const struct header *h, int64_t size, struct tar_member *ret,
                       struct dh_err *err)
{
    const struct extended *x = &t->ext;

    free(t->path);
    free(t->target);
    t->path = x->path ? dh_strdup(x->path) : header_path(h);
    t->target =
        x->target ? dh_strdup(x->target) : dh_strndup(h->link, strnlen(h->link, sizeof h->link));
    *ret = (struct tar_member){
        .type = type_of(h->type),
        .path = t->path,
        .target = t->target,
        .size = x->size >= 0 ? x->size : size,
        .mtime = x->mtime >= 0 ? x->mtime : number(h->mtime, sizeof h->mtime),
        .mode = (unsigned)number(h->mode, sizeof h->mode) & 07777,
        .uid = (unsigned)(x->uid >= 0 ? x->uid : number(h->uid, sizeof h->uid)),
        .gid = (unsigned)(x->gid >= 0 ? x->gid : number(h->gid, sizeof h->gid)),
    };
    forget_extended(t);
    if (h->type == 'S')
        return dh_fail(err, DH_INVALID, "a file with holes in a tar archive cannot be read");
    if (strlen(t->path) >= TAR_PATH_MAX || strlen(t->target) >= TAR_PATH_MAX)
        return dh_fail(err, DH_INVALID, "a path in the tar archive is too long");
    if (ret->type == TAR_LINK || ret->type == TAR_HARD_LINK || ret->type == TAR_FOLDER ||
        ret->type == TAR_FIFO)
        ret->size = 0;
    if (ret->type == TAR_FILE && t->path[0] && t->path[strlen(t->path) - 1] == '/')
        ret->type = TAR_FOLDER; /* as old archives write them */
    t->left = ret->size;
    t->pad = -ret->size & (BLOCK - 1);
    return 0;
}

int tar_next(struct tar *t, struct tar_member *ret, struct dh_err *err)
{
    if (!t->begun)
        forget_extended(t);
    if (skip(t, t->left + t->pad, err) < 0)
        return -1;
    t->left = t->pad = 0;
    for (;;) {
        struct header h;
        size_t got;
        int64_t size;
        int rc;

        if (read_fully(t, (char *)&h, sizeof h, &got, err) < 0)
            return -1;
        if (got == 0 ? t->begun : got == sizeof h && is_zero(&h))
            return TAR_END;
        if (got < sizeof h)
            return cut_short(err);
        size = number(h.size, sizeof h.size);
        if (!sum_fits(&h) || size < 0)
            return dh_fail(err, DH_INVALID,
                           t->begun ? "the tar archive is damaged: a header's checksum is wrong"
                                    : "this is no tar archive");
        t->begun = true;
        rc = take_meta(t, &h, size, err);
        if (rc < 0)
            return -1;
        if (rc == 0)
            return fill_member(t, &h, size, ret, err);
    }
}
