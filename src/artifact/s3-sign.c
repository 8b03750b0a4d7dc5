/* s3-sign - AWS Signature Version 4, as S3 wants it: the path encoded once, the payload's digest in
 * a header. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "artifact/s3.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/mem.h"

void s3_encode(struct buf *to, const char *text, bool keep_slash)
{
    buf_add_percent(to, text, strlen(text), keep_slash ? "/" : "");
}

static int by_name(const void *a, const void *b)
{
    const struct s3_pair *x = a, *y = b;
    int rc = strcmp(x->name, y->name);

    return rc ? rc : strcmp(x->value, y->value);
}

void s3_encode_query(struct buf *to, const struct s3_pair *query, size_t n)
{
    own_mem struct s3_pair *sorted = dh_zalloc(n + 1, sizeof *sorted);

    if (n)
        memcpy(sorted, query, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_name);
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_addc(to, '&');
        s3_encode(to, sorted[i].name, false);
        buf_addc(to, '=');
        s3_encode(to, sorted[i].value, false);
    }
}

char *s3_stamp(int64_t us, char to[S3_STAMP])
{
    time_t seconds = (time_t)(us / 1000000);
    struct tm tm;

    (void)gmtime_r(&seconds, &tm);
    (void)strftime(to, S3_STAMP, "%Y%m%dT%H%M%SZ", &tm);
    return to;
}

/* Runs of blanks count as one. */
static void add_value(struct buf *to, const char *value)
{
    size_t n;

    value += strspn(value, " \t");
    while (*value) {
        n = strcspn(value, " \t");
        buf_add(to, value, n);
        value += n;
        value += strspn(value, " \t");
        if (*value)
            buf_addc(to, ' ');
    }
}

/* The headers with host among them, sorted; and the list of their names. */
static void add_headers(const struct s3_signing *s, struct buf *to, struct buf *names)
{
    own_mem struct s3_pair *all = dh_zalloc(s->n_headers + 1, sizeof *all);
    size_t n = s->n_headers + 1;

    if (s->n_headers)
        memcpy(all, s->headers, s->n_headers * sizeof *all);
    all[n - 1] = (struct s3_pair){"host", s->host};
    qsort(all, n, sizeof *all, by_name);
    for (size_t i = 0; i < n; i++) {
        buf_addf(to, "%s:", all[i].name);
        add_value(to, all[i].value);
        buf_addc(to, '\n');
        buf_addf(names, "%s%s", i ? ";" : "", all[i].name);
    }
}

static void sign_text(const struct s3_signing *s, const struct s3_keys *keys, const char *stamp,
                      const char *text, char to[DIGEST_TEXT])
{
    own_mem char *first = dh_printf("AWS4%s", keys->secret);
    unsigned char key[DIGEST_RAW];

    digest_hmac(first, strlen(first), stamp, 8, key);
    explicit_bzero(first, strlen(first));
    digest_hmac(key, DIGEST_RAW, s->region, strlen(s->region), key);
    digest_hmac(key, DIGEST_RAW, s->service, strlen(s->service), key);
    digest_hmac(key, DIGEST_RAW, "aws4_request", strlen("aws4_request"), key);
    digest_hmac(key, DIGEST_RAW, text, strlen(text), key);
    (void)digest_hex(key, DIGEST_RAW, to);
}

static void signature_of(const struct s3_signing *s, const struct s3_keys *keys, const char *query,
                         const char *headers, const char *names, char to[DIGEST_TEXT])
{
    own_mem char *canonical =
        dh_printf("%s\n%s\n%s\n%s\n%s\n%s", s->method, s->path, query, headers, names, s->payload);
    own_mem char *text = NULL;
    char digest[DIGEST_TEXT], stamp[S3_STAMP];

    (void)s3_stamp(s->now_us, stamp);
    (void)digest_bytes(canonical, strlen(canonical), digest);
    text = dh_printf("AWS4-HMAC-SHA256\n%s\n%.8s/%s/%s/aws4_request\n%s", stamp, stamp, s->region,
                     s->service, digest);
    sign_text(s, keys, stamp, text, to);
}

char *s3_sign(const struct s3_signing *s, const struct s3_keys *keys)
{
    own_buf struct buf query = {0};
    own_buf struct buf headers = {0};
    own_buf struct buf names = {0};
    char signature[DIGEST_TEXT], stamp[S3_STAMP];

    s3_encode_query(&query, s->query, s->n_query);
    add_headers(s, &headers, &names);
    signature_of(s, keys, buf_str(&query), buf_str(&headers), buf_str(&names), signature);
    return dh_printf("AWS4-HMAC-SHA256 Credential=%s/%.8s/%s/%s/aws4_request, SignedHeaders=%s, "
                     "Signature=%s",
                     keys->id, s3_stamp(s->now_us, stamp), s->region, s->service, buf_str(&names),
                     signature);
}

char *s3_presign(const struct s3_signing *s, const struct s3_keys *keys, long seconds)
{
    struct s3_pair all[16];
    struct s3_signing whole = *s;
    own_mem char *scope = NULL;
    own_mem char *age = dh_printf("%ld", seconds);
    own_buf struct buf query = {0};
    own_buf struct buf headers = {0};
    own_buf struct buf names = {0};
    char signature[DIGEST_TEXT], stamp[S3_STAMP];
    size_t n = s->n_query < 8 ? s->n_query : 8;

    (void)s3_stamp(s->now_us, stamp);
    scope = dh_printf("%s/%.8s/%s/%s/aws4_request", keys->id, stamp, s->region, s->service);
    if (n)
        memcpy(all, s->query, n * sizeof *all);
    add_headers(s, &headers, &names);
    all[n++] = (struct s3_pair){"X-Amz-Algorithm", "AWS4-HMAC-SHA256"};
    all[n++] = (struct s3_pair){"X-Amz-Credential", scope};
    all[n++] = (struct s3_pair){"X-Amz-Date", stamp};
    all[n++] = (struct s3_pair){"X-Amz-Expires", age};
    all[n++] = (struct s3_pair){"X-Amz-SignedHeaders", buf_str(&names)};
    if (keys->token)
        all[n++] = (struct s3_pair){"X-Amz-Security-Token", keys->token};
    whole.payload = "UNSIGNED-PAYLOAD";
    s3_encode_query(&query, all, n);
    signature_of(&whole, keys, buf_str(&query), buf_str(&headers), buf_str(&names), signature);
    buf_addf(&query, "&X-Amz-Signature=%s", signature);
    return buf_take(&query);
}
