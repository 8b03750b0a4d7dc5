/* s3-upload - a large object in parts, by several threads; all of it or nothing. Memory does not
 * grow with the object: parts are read from the file as they are sent. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "artifact/s3-store.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/crc.h"
#include "base/mem.h"
#include "base/workers.h"
#include "base/xml.h"

#define BLOCK ((size_t)256 << 10)

int64_t s3_part_size(int64_t size)
{
    int64_t least = (size + S3_PARTS_MAX - 1) / S3_PARTS_MAX, unit = (int64_t)1 << 20;

    return least <= S3_PART ? S3_PART : (least + unit - 1) / unit * unit;
}

static unsigned threads_of(unsigned other)
{
    const char *text = getenv("DHOW_S3_THREADS");
    long n = text ? strtol(text, NULL, 10) : 0;

    return n > 0 && n <= 64 ? (unsigned)n : other;
}

unsigned s3_threads(void)
{
    return threads_of(6);
}

unsigned s3_threads_small(void)
{
    return threads_of(16);
}

struct part {
    char *etag;
    char crc[12];
    int64_t size; /* of one that is there already, from a try before; 0: it is not */
};

struct upload {
    struct s3_client *client;
    const char *key;
    const struct s3_source *from;
    const char *copy; /* or: what the server copies from */
    const char *copy_etag;
    int fd;
    int64_t size, part_size;
    char *id;
    struct part *parts;
    size_t n;
    bool sums, sign; /* send checksums; sign what is sent */
    atomic_bool *stop;
};

static void upload_done(struct upload *u)
{
    for (size_t i = 0; u->parts && i < u->n; i++)
        free(u->parts[i].etag);
    free(u->parts);
    free(u->id);
    if (u->fd >= 0)
        (void)close(u->fd);
}

/* ---- begin, end ---- */

int s3_upload_begin(struct s3_client *c, const char *key, const char *sha256, bool sums,
                    atomic_bool *stop, char **ret_id, struct dh_err *err)
{
    struct s3_request r = s3_request_new("POST", key, stop);
    own_http_answer struct http_answer a = {0};
    own(arena_free) struct arena *arena = arena_new();
    const struct xml *root;

    s3_query(&r, "uploads", "");
    if (sums) {
        s3_header(&r, "x-amz-checksum-algorithm", "CRC32C");
        s3_header(&r, "x-amz-checksum-type", "FULL_OBJECT"); /* who reads it can check it */
    }
    if (sha256)
        s3_header(&r, ARTIFACT_SHA256_HEADER, sha256);
    r.body = (struct http_body){.bytes = "", .n = 0};
    if (s3_send(c, &r, &a, err) != 0)
        return -1;
    if (xml_parse(buf_str(&a.text), a.text.n, arena, &root, err) < 0 ||
        !*xml_text(root, "UploadId"))
        return dh_fail(err, DH_IO, "%s: the server began an upload without an id", key);
    *ret_id = dh_strdup(xml_text(root, "UploadId"));
    return 0;
}

static int abort_one(struct s3_client *c, const char *key, const char *id, struct dh_err *err)
{
    struct s3_request r = s3_request_new("DELETE", key, NULL);
    own_http_answer struct http_answer a = {0};

    s3_query(&r, "uploadId", id);
    if (s3_send(c, &r, &a, err) == 0 || (err && err->code == DH_NOT_FOUND))
        return 0;
    return -1;
}

/* The answer to an end may be lost: then the second try finds no upload, but the object. */
static int was_ended(struct upload *u, const char *sha256, struct dh_err *err)
{
    own_object struct s3_object o = {0};

    if (s3_head(u->client, u->key, u->stop, &o, err) < 0)
        return -1;
    if (o.size != u->size || (sha256 && (!o.sha256 || strcmp(o.sha256, sha256) != 0)))
        return dh_fail(err, DH_IO, "%s: its upload was ended by somebody else", u->key);
    return 0;
}

static int end(struct upload *u, const char *sha256, struct dh_err *err)
{
    struct s3_request r = s3_request_new("POST", u->key, u->stop);
    own_http_answer struct http_answer a = {0};
    own_buf struct buf xml = {0};
    int rc;

    buf_adds(&xml, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for (size_t i = 0; i < u->n; i++) {
        buf_addf(&xml, "<Part><PartNumber>%zu</PartNumber><ETag>", i + 1);
        xml_escape(&xml, u->parts[i].etag);
        buf_adds(&xml, "</ETag>");
        if (u->parts[i].crc[0])
            buf_addf(&xml, "<ChecksumCRC32C>%s</ChecksumCRC32C>", u->parts[i].crc);
        buf_adds(&xml, "</Part>");
    }
    buf_adds(&xml, "</CompleteMultipartUpload>");
    s3_query(&r, "uploadId", u->id);
    r.body = (struct http_body){.bytes = xml.p, .n = (int64_t)xml.n};
    r.late_error = true;
    rc = s3_send(u->client, &r, &a, err);
    if (rc < 0 && err && err->code == DH_NOT_FOUND)
        return was_ended(u, sha256, err);
    return rc == 0 ? 0 : -1;
}

/* ---- parts ---- */

/* The sums of a part, read once before it is sent: from then on it is in the page cache. */
static int measure(const struct upload *u, int64_t at, int64_t n, char crc[12],
                   char sha256[DIGEST_TEXT], struct dh_err *err)
{
    own(digest_free) struct digest *d = u->sign ? digest_new() : NULL;
    own_mem char *block = dh_alloc(BLOCK);
    unsigned char raw[4];
    char text[S3_BASE64];
    uint32_t sum = 0;

    while (n > 0) {
        ssize_t got = pread(u->fd, block, n < (int64_t)BLOCK ? (size_t)n : BLOCK, at);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return dh_fail_errno(err, "cannot read %s", u->from->path);
        if (got == 0)
            return dh_fail(err, DH_IO, "%s became shorter while it was sent", u->from->path);
        sum = crc32c(sum, block, (size_t)got);
        if (d)
            digest_add(d, block, (size_t)got);
        at += got;
        n -= got;
    }
    for (int i = 0; i < 4; i++)
        raw[i] = (unsigned char)(sum >> (24 - 8 * i));
    (void)snprintf(crc, 12, "%s", s3_base64(raw, 4, text));
    if (d)
        (void)digest_end(d, sha256);
    return 0;
}

static int send_part(void *user, size_t i, struct dh_err *err)
{
    struct upload *u = user;
    int64_t at = (int64_t)i * u->part_size;
    int64_t n = u->size - at < u->part_size ? u->size - at : u->part_size;
    struct s3_request r = s3_request_new("PUT", u->key, u->stop);
    own_http_answer struct http_answer a = {0};
    char number[24], crc[12], sha256[DIGEST_TEXT];

    if (measure(u, at, n, crc, sha256, err) < 0)
        return -1;
    if (u->parts[i].size == n && !strcmp(u->parts[i].crc, crc))
        return 0;
    (void)snprintf(number, sizeof number, "%zu", i + 1);
    s3_query(&r, "partNumber", number);
    s3_query(&r, "uploadId", u->id);
    r.body = (struct http_body){.fd = u->fd, .at = at, .n = n};
    r.sha256 = u->sign ? sha256 : NULL;
    if (u->sums) {
        s3_header(&r, "x-amz-checksum-crc32c", crc);
        memcpy(u->parts[i].crc, crc, sizeof crc);
    }
    if (s3_send(u->client, &r, &a, err) != 0)
        return -1;
    free(u->parts[i].etag);
    u->parts[i].etag = http_header(&a, "etag");
    return u->parts[i].etag ? 0 : dh_fail(err, DH_IO, "%s: a part came without an ETag", u->key);
}

static int copy_part(void *user, size_t i, struct dh_err *err)
{
    struct upload *u = user;
    int64_t at = (int64_t)i * u->part_size;
    int64_t end_at = at + u->part_size < u->size ? at + u->part_size : u->size;
    struct s3_request r = s3_request_new("PUT", u->key, u->stop);
    own_http_answer struct http_answer a = {0};
    own(arena_free) struct arena *arena = arena_new();
    const struct xml *root;
    char number[24], range[64];

    (void)snprintf(number, sizeof number, "%zu", i + 1);
    (void)snprintf(range, sizeof range, "bytes=%lld-%lld", (long long)at, (long long)end_at - 1);
    s3_query(&r, "partNumber", number);
    s3_query(&r, "uploadId", u->id);
    s3_header(&r, "x-amz-copy-source", u->copy);
    s3_header(&r, "x-amz-copy-source-range", range);
    if (u->copy_etag)
        s3_header(&r, "x-amz-copy-source-if-match", u->copy_etag);
    r.late_error = true;
    r.copies = end_at - at;
    if (s3_send(u->client, &r, &a, err) != 0)
        return -1;
    if (xml_parse(buf_str(&a.text), a.text.n, arena, &root, err) < 0 || !*xml_text(root, "ETag"))
        return dh_fail(err, DH_IO, "%s: a part came without an ETag", u->key);
    u->parts[i].etag = dh_strdup(xml_text(root, "ETag"));
    return 0;
}

/* ---- going on with what a kill has left ---- */

static void add_part(struct upload *u, const struct xml *x)
{
    long number = strtol(xml_text(x, "PartNumber"), NULL, 10);
    struct part *part = number > 0 && (size_t)number <= u->n ? &u->parts[number - 1] : NULL;

    if (!part || !*xml_text(x, "ChecksumCRC32C") || !*xml_text(x, "ETag"))
        return;
    free(part->etag);
    part->etag = dh_strdup(xml_text(x, "ETag"));
    part->size = strtoll(xml_text(x, "Size"), NULL, 10);
    (void)snprintf(part->crc, sizeof part->crc, "%s", xml_text(x, "ChecksumCRC32C"));
}

/* The parts that it has, as far as the server says what is in them. */
static int list_parts(struct upload *u, struct dh_err *err)
{
    own_mem char *marker = NULL;

    for (;;) {
        struct s3_request r = s3_request_new("GET", u->key, u->stop);
        own_http_answer struct http_answer a = {0};
        own(arena_free) struct arena *arena = arena_new();
        const struct xml *root;

        s3_query(&r, "uploadId", u->id);
        if (marker)
            s3_query(&r, "part-number-marker", marker);
        if (s3_send(u->client, &r, &a, err) != 0)
            return -1;
        if (xml_parse(buf_str(&a.text), a.text.n, arena, &root, err) < 0)
            return dh_while(err, "%s: the parts of its upload", u->key);
        for (const struct xml *x = root->child; x; x = x->next)
            if (!strcmp(x->name, "Part"))
                add_part(u, x);
        free(marker);
        marker = dh_strdup(xml_text(root, "NextPartNumberMarker"));
        if (strcmp(xml_text(root, "IsTruncated"), "true") != 0 || !*marker)
            return 0;
    }
}

/* The newest upload of this key, which nobody else writes, is gone on with; older ones are ended.
 * Without one, u->id stays NULL. */
static int take_over(struct upload *u, struct dh_err *err)
{
    struct dh_err none;

    if (s3_abort_uploads(u->client, u->key, &u->id, INT64_MAX, NULL, u->stop, err) < 0)
        return -1;
    if (!u->id || (u->sums && list_parts(u, &none) == 0))
        return 0;
    (void)abort_one(u->client, u->key, u->id, &none);
    dh_mem_own(&u->id);
    u->id = NULL;
    return 0;
}

/* ---- all of it ---- */

static void count_parts(struct upload *u)
{
    u->n = (size_t)((u->size + u->part_size - 1) / u->part_size);
    u->parts = dh_zalloc(u->n, sizeof *u->parts);
}

static int in_parts(struct upload *u, const char *sha256,
                    int (*one)(void *user, size_t i, struct dh_err *err), struct dh_err *err)
{
    if (!u->id && s3_upload_begin(u->client, u->key, sha256, u->sums, u->stop, &u->id, err) < 0)
        return -1;
    if (workers_run(u->n, s3_threads(), one, u, err) == 0 && end(u, sha256, err) == 0)
        return 0;
    (void)abort_one(u->client, u->key, u->id, NULL);
    return -1;
}

static int send_file(struct s3_client *c, const char *key, const struct s3_source *from, bool ours,
                     atomic_bool *stop, bool *ret_again, struct dh_err *err)
{
    bool sums = strcmp(c->where.scheme, "gs") != 0, taken;
    __attribute__((cleanup(upload_done))) struct upload u = {
        .client = c,
        .key = key,
        .from = from,
        .fd = open(from->path, O_RDONLY | O_CLOEXEC),
        .size = from->size,
        .part_size = s3_part_size(from->size),
        .sums = sums,
        .sign = !strncmp(c->base, "http://", 7) || !sums,
        .stop = stop};

    if (u.fd < 0)
        return dh_fail_errno(err, "%s", from->path);
    count_parts(&u);
    if (ours && take_over(&u, err) < 0)
        return -1;
    taken = u.id != NULL;
    if (in_parts(&u, from->sha256, send_part, err) < 0)
        return -1;
    /* What the object says of itself was said when its upload began: perhaps of another file. */
    *ret_again = taken && was_ended(&u, from->sha256, err) < 0;
    return *ret_again && err->code == DH_IO ? 0 : *ret_again ? -1 : 0;
}

int s3_upload(struct s3_client *c, const char *key, const struct s3_source *from, bool ours,
              atomic_bool *stop, struct dh_err *err)
{
    bool again = false;

    if (send_file(c, key, from, ours, stop, &again, err) < 0)
        return -1;
    return again ? send_file(c, key, from, false, stop, &again, err) : 0;
}

int s3_copy_parts(struct s3_client *c, const char *key, const char *source,
                  const struct s3_object *what, atomic_bool *stop, struct dh_err *err)
{
    __attribute__((cleanup(upload_done))) struct upload u = {.client = c,
                                                             .key = key,
                                                             .copy = source,
                                                             .copy_etag = what->etag,
                                                             .fd = -1,
                                                             .size = what->size,
                                                             .part_size = S3_COPY_PART,
                                                             .stop = stop};

    if (u.part_size < s3_part_size(what->size))
        u.part_size = s3_part_size(what->size);
    count_parts(&u);
    return in_parts(&u, what->sha256, copy_part, err);
}

/* ---- what was left half done ---- */

struct half { /* uploads that are looked for */
    struct s3_client *client;
    const char *prefix;
    char **keep; /* of this key itself, the id of the newest, which stays; NULL: below the prefix */
    char *kept_begun;
    int64_t before_us;
    size_t n;
    atomic_bool *stop;
};

/* One of the two goes; which of them is newer the texts of their times say. */
static int keep_newest(struct half *h, const struct xml *x, struct dh_err *err)
{
    const char *begun = xml_text(x, "Initiated"), *id = xml_text(x, "UploadId");
    int rc = 0;

    if (*h->keep && strcmp(begun, h->kept_begun) <= 0)
        return abort_one(h->client, h->prefix, id, err);
    if (*h->keep)
        rc = abort_one(h->client, h->prefix, *h->keep, err);
    free(*h->keep);
    free(h->kept_begun);
    *h->keep = dh_strdup(id);
    h->kept_begun = dh_strdup(begun);
    return rc;
}

static int look_at(struct half *h, const struct xml *x, const char *key, struct dh_err *err)
{
    int64_t begun = 0;

    if (h->keep)
        return strcmp(key, h->prefix) ? 0 : keep_newest(h, x, err);
    if (strncmp(key, h->prefix, strlen(h->prefix)) != 0 ||
        clock_parse(xml_text(x, "Initiated"), &begun) < 0 || begun >= h->before_us)
        return 0;
    h->n++;
    return abort_one(h->client, key, xml_text(x, "UploadId"), err);
}

static int look_at_page(struct half *h, const struct xml *root, size_t *n, struct dh_err *err)
{
    bool encoded = !strcmp(xml_text(root, "EncodingType"), "url");

    for (const struct xml *x = root->child; x; x = x->next) {
        own_mem char *key = NULL;

        if (strcmp(x->name, "Upload") != 0)
            continue;
        ++*n;
        if (!encoded)
            key = dh_strdup(xml_text(x, "Key"));
        else if (s3_percent_decode(xml_text(x, "Key"), &key) < 0)
            continue;
        if (look_at(h, x, key, err) < 0)
            return -1;
    }
    return 0;
}

/* All that the server lists for `prefix`; their number. */
static int look_through(struct half *h, const char *prefix, size_t *ret_n, struct dh_err *err)
{
    own_mem char *key_marker = NULL;
    own_mem char *id_marker = NULL;

    for (;;) {
        struct s3_request r = s3_request_new("GET", "", h->stop);
        own_http_answer struct http_answer a = {0};
        own(arena_free) struct arena *arena = arena_new();
        const struct xml *root;

        s3_query(&r, "uploads", "");
        s3_query(&r, "encoding-type", "url");
        s3_query(&r, "prefix", prefix);
        if (key_marker && *key_marker) {
            s3_query(&r, "key-marker", key_marker);
            s3_query(&r, "upload-id-marker", id_marker);
        }
        if (s3_send(h->client, &r, &a, err) != 0)
            return -1;
        if (xml_parse(buf_str(&a.text), a.text.n, arena, &root, err) < 0)
            return dh_while(err, "the uploads of bucket %s", h->client->where.bucket);
        if (look_at_page(h, root, ret_n, err) < 0)
            return -1;
        free(key_marker);
        free(id_marker);
        key_marker = dh_strdup(xml_text(root, "NextKeyMarker"));
        id_marker = dh_strdup(xml_text(root, "NextUploadIdMarker"));
        if (strcmp(xml_text(root, "IsTruncated"), "true") != 0 || !*key_marker)
            return 0;
    }
}

int s3_abort_uploads(struct s3_client *c, const char *prefix, char **keep, int64_t before_us,
                     size_t *ret_n, atomic_bool *stop, struct dh_err *err)
{
    struct half h = {
        .client = c, .prefix = prefix, .keep = keep, .before_us = before_us, .stop = stop};
    size_t n = 0;
    int rc = look_through(&h, prefix, &n, err);

    /* MinIO takes a prefix for a whole key; without one it lists all of the bucket. */
    if (rc == 0 && !keep && !n && *prefix)
        rc = look_through(&h, "", &n, err);
    free(h.kept_begun);
    if (rc == 0 && ret_n)
        *ret_n = h.n;
    return rc;
}
