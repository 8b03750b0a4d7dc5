/* s3-presign - URLs for those who have no keys: signed by us, used by them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "artifact/s3-store.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/xml.h"

static int sign(struct s3_client *c, const char *key, struct s3_signing *s, long seconds,
                char **ret, struct dh_err *err)
{
    own_keys struct s3_keys keys = {0};
    own_mem char *region = NULL;
    own_mem char *query = NULL;
    own_buf struct buf path = {0};

    if (s3_client_keys(c, false, &keys, err) < 0)
        return -1;
    if (keys.anonymous)
        return dh_fail(err, DH_INVALID, "without keys no URL can be signed");
    region = s3_client_region(c);
    buf_addf(&path, "%s/", c->path);
    s3_encode(&path, key, true);
    s->host = c->host;
    s->service = "s3";
    s->path = buf_str(&path);
    s->region = region;
    s->now_us = clock_now_us() + atomic_load(&c->skew_us);
    query = s3_presign(s, &keys, seconds);
    *ret =
        dh_printf("%.*s%s?%s", (int)(strlen(c->base) - strlen(c->path)), c->base, s->path, query);
    return 0;
}

int s3_presign_url(struct s3_client *c, const char *key, const char *method, long seconds,
                   char **ret, struct dh_err *err)
{
    struct s3_signing s = {.method = method};

    return sign(c, key, &s, seconds, ret, err);
}

int s3_presign_put(struct s3_client *c, const char *key, const char *sha256, long seconds,
                   char **ret, struct dh_err *err)
{
    const struct s3_pair header = {ARTIFACT_SHA256_HEADER, sha256};
    struct s3_signing s = {.method = "PUT", .headers = &header, .n_headers = sha256 != NULL};

    return sign(c, key, &s, seconds, ret, err);
}

static int sign_part(struct s3_client *c, const char *key, const char *upload, size_t i,
                     long seconds, char **ret, struct dh_err *err)
{
    char number[24];
    const struct s3_pair query[] = {{"partNumber", number}, {"uploadId", upload}};
    struct s3_signing s = {.method = "PUT", .query = query, .n_query = 2};

    (void)snprintf(number, sizeof number, "%zu", i + 1);
    return sign(c, key, &s, seconds, ret, err);
}

int s3_presign_parts(struct s3_client *c, const char *key, int64_t size, const char *sha256,
                     long seconds, struct artifact_parts *ret, struct dh_err *err)
{
    struct artifact_parts p = {.part_size = s3_part_size(size)};
    size_t n = (size_t)((size + p.part_size - 1) / p.part_size);
    int rc = s3_upload_begin(c, key, sha256, false, NULL, &p.upload, err);

    p.urls = dh_zalloc(n + 1, sizeof *p.urls);
    while (rc == 0 && p.n < n) {
        rc = sign_part(c, key, p.upload, p.n, seconds, &p.urls[p.n], err);
        p.n += rc == 0;
    }
    if (rc < 0)
        artifact_parts_done(&p);
    else
        *ret = p;
    return rc;
}

int s3_end_parts(struct s3_client *c, const char *key, const char *upload, const char *const *etags,
                 size_t n, struct dh_err *err)
{
    struct s3_request r = s3_request_new("POST", key, NULL);
    own_http_answer struct http_answer a = {0};
    own_object struct s3_object there = {0};
    own_buf struct buf xml = {0};

    buf_adds(&xml, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for (size_t i = 0; i < n; i++) {
        buf_addf(&xml, "<Part><PartNumber>%zu</PartNumber><ETag>", i + 1);
        xml_escape(&xml, etags[i]);
        buf_adds(&xml, "</ETag></Part>");
    }
    buf_adds(&xml, "</CompleteMultipartUpload>");
    s3_query(&r, "uploadId", upload);
    s3_header(&r, "content-type", "application/xml");
    r.body = (struct http_body){.bytes = buf_str(&xml), .n = (int64_t)xml.n};
    r.late_error = true;
    if (s3_send(c, &r, &a, err) == 0)
        return 0;
    /* The answer to an end may be lost: then the second try finds no upload, but the object. */
    if (err && err->code == DH_NOT_FOUND && s3_head(c, key, NULL, &there, NULL) == 0)
        return 0;
    return -1;
}
