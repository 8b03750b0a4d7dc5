/* s3-sums - whether what came is what was sent. */
#include <stdio.h>
#include <string.h>

#include "artifact/s3.h"
#include "base/base64.h"
#include "base/buf.h"
#include "base/crc.h"

char *s3_base64(const unsigned char *raw, size_t n, char to[S3_BASE64])
{
    own_buf struct buf b = {0};

    base64_put(&b, raw, n);
    (void)snprintf(to, S3_BASE64, "%s", buf_str(&b));
    return to;
}

void s3_crcs_add(struct s3_crcs *c, const struct s3_object *what, const void *bytes, size_t n)
{
    if (what && (what->crc32c || what->listed))
        c->crc32c = crc32c(c->crc32c, bytes, n);
    if (what && (what->crc32 || what->listed))
        c->crc32 = crc32_add(c->crc32, bytes, n);
}

void s3_crcs_join(struct s3_crcs *c, const struct s3_crcs *next, int64_t n)
{
    c->crc32c = crc32c_join(c->crc32c, next->crc32c, (uint64_t)n);
    c->crc32 = crc32_join(c->crc32, next->crc32, (uint64_t)n);
}

void s3_sums_start(struct s3_sums *s, const struct s3_object *what, bool digest)
{
    s3_sums_done(s);
    *s = (struct s3_sums){.digest = digest ? digest_new() : NULL, .what = what};
}

void s3_sums_add(struct s3_sums *s, const void *bytes, size_t n)
{
    if (s->digest)
        digest_add(s->digest, bytes, n);
    s3_crcs_add(&s->crcs, s->what, bytes, n);
}

void s3_sums_done(struct s3_sums *s)
{
    s->digest = digest_free(s->digest);
}

static bool sum_is(const char *base64, uint32_t crc)
{
    const unsigned char raw[4] = {(unsigned char)(crc >> 24), (unsigned char)(crc >> 16),
                                  (unsigned char)(crc >> 8), (unsigned char)crc};
    char text[S3_BASE64];

    return !strcmp(base64, s3_base64(raw, 4, text));
}

int s3_sums_check(struct s3_sums *s, const char *key, const char *want, char *to,
                  struct dh_err *err)
{
    const struct s3_object *o = s->what;
    const char *expected = want || !o ? want : o->sha256;
    unsigned char raw[DIGEST_RAW];
    char digest[DIGEST_TEXT] = "", sum[S3_BASE64];

    if (s->digest)
        (void)digest_end(s->digest, digest);
    if (to)
        memcpy(to, digest, sizeof digest);
    if (expected && strcmp(expected, digest) != 0)
        return dh_fail(err, DH_IO, "%s: what came has SHA-256 %s, but %s is expected", key, digest,
                       expected);
    if (o && ((o->crc32c && !sum_is(o->crc32c, s->crcs.crc32c)) ||
              (o->crc32 && !sum_is(o->crc32, s->crcs.crc32)) ||
              (o->sum256 && digest_unhex(digest, raw) == 0 &&
               strcmp(o->sum256, s3_base64(raw, DIGEST_RAW, sum)) != 0)))
        return dh_fail(err, DH_IO, "%s: what came does not have the server's checksum", key);
    return 0;
}
