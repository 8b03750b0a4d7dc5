/* s3-object - one object of a bucket: looked at, written, read, removed, copied; and the list of
 * them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "artifact/s3.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/xml.h"

/* ---- looking ---- */

void s3_object_done(struct s3_object *o)
{
    free(o->etag);
    free(o->sha256);
    free(o->crc32c);
    free(o->crc32);
    free(o->sum256);
    *o = (struct s3_object){0};
}

/* A sum of the sums of parts ("…-3") says nothing of the whole. */
static char *whole_sum(const struct http_answer *a, const char *name)
{
    char *sum = http_header(a, name);

    if (sum && strchr(sum, '-')) {
        free(sum);
        sum = NULL;
    }
    return sum;
}

void s3_object_read(const struct http_answer *a, struct s3_object *ret)
{
    own_mem char *size = http_header(a, "content-length");
    own_mem char *link = http_header(a, "x-amz-meta-dhow-link");
    own_mem char *modified = http_header(a, "last-modified");
    unsigned char raw[DIGEST_RAW];
    struct tm tm = {0};

    *ret = (struct s3_object){.size = size ? strtoll(size, NULL, 10) : -1,
                              .etag = http_header(a, "etag"),
                              .sha256 = http_header(a, "x-amz-meta-dhow-sha256"),
                              .crc32c = whole_sum(a, "x-amz-checksum-crc32c"),
                              .crc32 = whole_sum(a, "x-amz-checksum-crc32"),
                              .sum256 = whole_sum(a, "x-amz-checksum-sha256"),
                              .link = link != NULL};
    if (modified && strptime(modified, "%a, %d %b %Y %H:%M:%S GMT", &tm))
        ret->modified_us = (int64_t)timegm(&tm) * 1000000;
    if (ret->sha256 && (strlen(ret->sha256) != 64 || digest_unhex(ret->sha256, raw) < 0)) {
        free(ret->sha256);
        ret->sha256 = NULL;
    }
}

int s3_head(struct s3_client *c, const char *key, atomic_bool *stop, struct s3_object *ret,
            struct dh_err *err)
{
    struct s3_request r = s3_request_new("HEAD", key, stop);
    own_http_answer struct http_answer a = {0};

    s3_header(&r, "x-amz-checksum-mode", "ENABLED");
    if (s3_send(c, &r, &a, err) != 0)
        return -1;
    s3_object_read(&a, ret);
    return 0;
}

/* ---- writing ---- */

static bool takes_checksums(const struct s3_client *c)
{
    return strcmp(c->where.scheme, "gs") != 0;
}

static int put_whole(struct s3_client *c, const char *key, const struct s3_source *from, int fd,
                     const char *sha256, atomic_bool *stop, struct dh_err *err)
{
    struct s3_request r = s3_request_new("PUT", key, stop);
    own_http_answer struct http_answer a = {0};
    unsigned char raw[DIGEST_RAW];
    char sum[S3_BASE64];

    r.body = (struct http_body){.bytes = from->bytes, .fd = fd, .n = from->size};
    if (!from->bytes && from->size == 0)
        r.body.bytes = "";
    r.sha256 = sha256;
    s3_header(&r, "x-amz-meta-dhow-sha256", sha256);
    if (from->link)
        s3_header(&r, "x-amz-meta-dhow-link", "1");
    if (takes_checksums(c) && digest_unhex(sha256, raw) == 0)
        s3_header(&r, "x-amz-checksum-sha256", s3_base64(raw, DIGEST_RAW, sum));
    return s3_send(c, &r, &a, err) == 0 ? 0 : -1;
}

int s3_put(struct s3_client *c, const char *key, const struct s3_source *from, bool ours,
           atomic_bool *stop, struct dh_err *err)
{
    char digest[DIGEST_TEXT];
    const char *sha256 = from->sha256;
    own_fd int fd = -1;

    if (from->size > S3_PUT_MAX)
        return s3_upload(c, key, from, ours, stop, err);
    if (from->bytes)
        return put_whole(c, key, from, -1,
                         sha256 ? sha256 : digest_bytes(from->bytes, (size_t)from->size, digest),
                         stop, err);
    fd = open(from->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return dh_fail_errno(err, "%s", from->path);
    if (!sha256) {
        if (digest_file(from->path, digest, NULL, err) < 0)
            return -1;
        sha256 = digest;
    }
    return put_whole(c, key, from, fd, sha256, stop, err);
}

/* ---- reading ---- */

struct receiver {           /* an object that comes in one piece, gone on with where it broke off */
    struct s3_object *what; /* NULL: nothing is known */
    int fd;                 /* -1: it is only measured */
    struct buf *text;
    int64_t at, at_last_try;
    struct s3_sums *sums;
    char range[40];
    size_t range_header;
    int write_errno;
};

static int take_bytes(void *user, const char *bytes, size_t n)
{
    struct receiver *x = user;

    if (x->fd >= 0)
        for (size_t done = 0; done < n;) {
            ssize_t w = pwrite(x->fd, bytes + done, n - done, x->at + (int64_t)done);

            if (w < 0 && errno == EINTR)
                continue;
            if (w < 0) {
                x->write_errno = errno;
                return -1;
            }
            done += (size_t)w;
        }
    if (x->text) {
        buf_add(x->text, bytes, n);
        if (x->text->truncated)
            return -1;
    }
    if (x->sums)
        s3_sums_add(x->sums, bytes, n);
    x->at += (int64_t)n;
    return 0;
}

static int go_on(struct s3_request *r, void *user)
{
    struct receiver *x = user;
    bool progress = x->at > x->at_last_try;

    if (x->at > 0) {
        (void)snprintf(x->range, sizeof x->range, "bytes=%lld-", (long long)x->at);
        if (!x->range_header) {
            x->range_header = r->n_headers + 1;
            s3_header(r, "range", x->range);
        }
    }
    x->at_last_try = x->at;
    return progress;
}

/* What the headers of its bytes say of an object that was known from a list. */
static void complete(struct s3_object *o, const struct http_answer *a)
{
    struct s3_object all;

    s3_object_read(a, &all);
    all.size = o->size;
    all.listed = true;
    s3_object_done(o);
    *o = all;
}

/* S3_CHANGED too. */
static int receive(struct s3_client *c, const char *key, struct receiver *x, atomic_bool *stop,
                   struct dh_err *err)
{
    struct s3_request r = s3_request_new("GET", key, stop);
    own_http_answer struct http_answer a = {0};
    int rc;

    r.sink = take_bytes;
    r.again = go_on;
    r.user = x;
    if (x->what && x->what->etag)
        s3_header(&r, "if-match", x->what->etag);
    rc = s3_send(c, &r, &a, err);
    if (rc < 0 && x->write_errno) {
        errno = x->write_errno;
        return dh_fail_errno(err, "writing what came of %s", key);
    }
    if (rc < 0 && x->text && x->text->truncated)
        return dh_fail(err, DH_INVALID, "%s: more than %zu bytes", key, x->text->max);
    if (rc == 0 && x->what && x->what->size >= 0 && x->at != x->what->size)
        return dh_fail(err, DH_IO, "%s: %lld bytes came of %lld", key, (long long)x->at,
                       (long long)x->what->size);
    if (rc == 0 && x->what && x->what->listed)
        complete(x->what, &a);
    return rc;
}

/* Wrong bytes are asked for once more: a fault on the way passes, one on the disk does not. */
static int receive_checked(struct s3_client *c, const char *key, struct s3_object *what, int fd,
                           const char *want, atomic_bool *stop, char digest[DIGEST_TEXT],
                           struct dh_err *err)
{
    __attribute__((cleanup(s3_sums_done))) struct s3_sums sums = {0};

    for (int i = 0;; i++) {
        struct receiver x = {.what = what, .fd = fd, .sums = &sums};

        s3_sums_start(&sums, what, true);
        if (fd >= 0 && ftruncate(fd, 0) < 0)
            return dh_fail_errno(err, "writing what came of %s", key);
        if (receive(c, key, &x, stop, err) != 0)
            return -1;
        if (s3_sums_check(&sums, key, want, digest, err) == 0)
            return 0;
        if (i == 1)
            return -1;
    }
}

int s3_get(struct s3_client *c, const char *key, struct s3_object *what, const char *path,
           const char *want, atomic_bool *stop, struct dh_err *err)
{
    own_fd int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    char digest[DIGEST_TEXT];

    if (fd < 0)
        return dh_fail_errno(err, "cannot write %s", path);
    if (what->size > S3_PUT_MAX) {
        own_object struct s3_object all = {0};
        int rw = open(path, O_RDWR | O_CLOEXEC);

        (void)close(dh_take_fd(&fd));
        fd = rw;
        if (fd < 0)
            return dh_fail_errno(err, "cannot write %s", path);
        if (what->listed && s3_head(c, key, stop, &all, err) < 0)
            return -1;
        return s3_download(c, key, what->listed ? &all : what, fd, want, stop, err);
    }
    return receive_checked(c, key, what, fd, want, stop, digest, err);
}

int s3_read_digest(struct s3_client *c, const char *key, atomic_bool *stop, char to[DIGEST_TEXT],
                   struct dh_err *err)
{
    own_object struct s3_object o = {0};

    if (s3_head(c, key, stop, &o, err) < 0)
        return -1;
    free(o.sha256); /* its bytes alone count */
    o.sha256 = NULL;
    return receive_checked(c, key, &o, -1, NULL, stop, to, err);
}

int s3_get_text(struct s3_client *c, const char *key, size_t max, atomic_bool *stop, struct buf *to,
                struct dh_err *err)
{
    struct receiver x = {.fd = -1, .text = to};

    to->max = max;
    return receive(c, key, &x, stop, err) == 0 ? 0 : -1;
}

/* ---- removing, copying ---- */

int s3_delete(struct s3_client *c, const char *key, atomic_bool *stop, struct dh_err *err)
{
    struct s3_request r = s3_request_new("DELETE", key, stop);
    own_http_answer struct http_answer a = {0};

    if (s3_send(c, &r, &a, err) == 0 || (err && err->code == DH_NOT_FOUND))
        return 0;
    return -1;
}

int s3_copy(struct s3_client *from, const char *from_key, const struct s3_object *what,
            struct s3_client *to, const char *to_key, atomic_bool *stop, struct dh_err *err)
{
    struct s3_request r = s3_request_new("PUT", to_key, stop);
    own_http_answer struct http_answer a = {0};
    own_buf struct buf source = {0};

    buf_addf(&source, "/%s/", from->where.bucket);
    s3_encode(&source, from_key, true);
    if (what->size > S3_COPY_MAX)
        return s3_copy_parts(to, to_key, buf_str(&source), what, stop, err);
    s3_header(&r, "x-amz-copy-source", buf_str(&source));
    if (what->etag)
        s3_header(&r, "x-amz-copy-source-if-match", what->etag);
    s3_header(&r, "x-amz-metadata-directive", "COPY");
    r.late_error = true;
    r.copies = what->size;
    return s3_send(to, &r, &a, err);
}

/* ---- listing ---- */

struct lister {
    int (*fn)(void *user, const struct s3_entry *entry, struct dh_err *err);
    void *user;
    size_t left;
};

static int64_t time_of(const char *text)
{
    int64_t us = 0;

    return clock_parse(text, &us) < 0 ? 0 : us;
}

static int give_entry(const struct xml *x, bool encoded, struct lister *l, struct dh_err *err)
{
    own_mem char *key = NULL;
    struct s3_entry entry = {.size = strtoll(xml_text(x, "Size"), NULL, 10),
                             .etag = xml_text(x, "ETag"),
                             .modified_us = time_of(xml_text(x, "LastModified"))};

    if (!encoded)
        key = dh_strdup(xml_text(x, "Key"));
    else if (s3_percent_decode(xml_text(x, "Key"), &key) < 0)
        return dh_fail(err, DH_IO, "a bucket's list has a key that is not well encoded");
    entry.key = key;
    return l->fn(l->user, &entry, err);
}

/* 0: all of the page was given. */
static int give_page(const struct xml *root, struct lister *l, struct dh_err *err)
{
    bool encoded = !strcmp(xml_text(root, "EncodingType"), "url");

    for (const struct xml *x = root->child; x; x = x->next) {
        int rc;

        if (strcmp(x->name, "Contents") != 0)
            continue;
        rc = give_entry(x, encoded, l, err);
        if (rc)
            return rc;
        if (l->left && --l->left == 0)
            return 0;
    }
    return 0;
}

int s3_list(struct s3_client *c, const char *prefix, size_t limit, atomic_bool *stop,
            int (*fn)(void *user, const struct s3_entry *entry, struct dh_err *err), void *user,
            struct dh_err *err)
{
    struct lister l = {.fn = fn, .user = user, .left = limit};
    own_mem char *token = NULL;
    char most[24];

    (void)snprintf(most, sizeof most, "%zu", limit && limit < 1000 ? limit : (size_t)1000);
    for (;;) {
        struct s3_request r = s3_request_new("GET", "", stop);
        own_http_answer struct http_answer a = {0};
        own(arena_free) struct arena *arena = arena_new();
        const struct xml *root;
        int rc;

        s3_query(&r, "list-type", "2");
        s3_query(&r, "encoding-type", "url");
        s3_query(&r, "max-keys", most);
        s3_query(&r, "prefix", prefix);
        if (token)
            s3_query(&r, "continuation-token", token);
        if (s3_send(c, &r, &a, err) != 0)
            return -1;
        if (xml_parse(buf_str(&a.text), a.text.n, arena, &root, err) < 0)
            return dh_while(err, "the list of bucket %s", c->where.bucket);
        rc = give_page(root, &l, err);
        if (rc)
            return rc;
        free(token);
        token = dh_strdup(xml_text(root, "NextContinuationToken"));
        if ((limit && !l.left) || strcmp(xml_text(root, "IsTruncated"), "true") != 0 || !*token)
            return 0;
    }
}
