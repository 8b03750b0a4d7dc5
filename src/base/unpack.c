#include "base/unpack.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/mem.h"

enum { IN_BYTES = 128 << 10 };

struct unpack {
    enum unpack_kind kind;
    unpack_fill *fill;
    void *ctx;
    z_stream z;
    bool z_live;
    ZSTD_DStream *zstd;
    char *in;
    size_t n_in, at_in;
    bool in_end;   /* no more packed bytes */
    bool in_frame; /* a stream or frame has begun and not ended */
};

enum unpack_kind unpack_sniff(const char *head, size_t n)
{
    if (n >= 2 && memcmp(head, "\x1f\x8b", 2) == 0)
        return UNPACK_GZIP;
    if (n >= 4 && memcmp(head, "\x28\xb5\x2f\xfd", 4) == 0)
        return UNPACK_ZSTD;
    return UNPACK_PLAIN;
}

int unpack_restart(struct unpack *u, struct dh_err *err)
{
    u->n_in = u->at_in = 0;
    u->in_end = u->in_frame = false;
    if (u->z_live && inflateReset(&u->z) != Z_OK)
        return dh_fail(err, DH_BUG, "zlib does not start again");
    if (u->zstd)
        ZSTD_initDStream(u->zstd);
    return 0;
}

int unpack_new(enum unpack_kind kind, unpack_fill *fill, void *ctx, struct unpack **ret,
               struct dh_err *err)
{
    own(unpack_free) struct unpack *u = dh_zalloc(1, sizeof *u);
    u->kind = kind;
    u->fill = fill;
    u->ctx = ctx;
    u->in = dh_alloc(IN_BYTES);
    if (kind == UNPACK_GZIP || kind == UNPACK_DEFLATE) {
        u->z_live = inflateInit2(&u->z, kind == UNPACK_GZIP ? 15 + 16 : -15) == Z_OK;
        if (!u->z_live)
            return dh_fail(err, DH_IO, "zlib cannot start (out of memory)");
    } else {
        u->zstd = ZSTD_createDStream();
        if (!u->zstd)
            return dh_fail(err, DH_IO, "zstd cannot start (out of memory)");
    }
    *ret = take(&u);
    return 0;
}

struct unpack *unpack_free(struct unpack *u)
{
    if (!u)
        return NULL;
    if (u->z_live)
        inflateEnd(&u->z);
    ZSTD_freeDStream(u->zstd);
    free(u->in);
    free(u);
    return NULL;
}

/* One step of zlib; *made bytes came out. */
static int step_zlib(struct unpack *u, char *to, size_t cap, size_t *made, struct dh_err *err)
{
    if (!u->in_frame && inflateReset(&u->z) != Z_OK) /* a file may be several streams in a row */
        return dh_fail(err, DH_BUG, "zlib does not start again");
    u->in_frame = true;
    u->z.next_in = (unsigned char *)u->in + u->at_in;
    u->z.avail_in = (unsigned)(u->n_in - u->at_in);
    u->z.next_out = (unsigned char *)to;
    u->z.avail_out = cap > (1u << 30) ? 1u << 30 : (unsigned)cap;
    unsigned room = u->z.avail_out;
    int rc = inflate(&u->z, Z_NO_FLUSH);
    *made = room - u->z.avail_out;
    u->at_in = u->n_in - u->z.avail_in;
    if (rc == Z_STREAM_END)
        u->in_frame = false;
    else if (rc != Z_OK && rc != Z_BUF_ERROR)
        return dh_fail(err, DH_INVALID, "the %s stream is damaged (%s)",
                       u->kind == UNPACK_GZIP ? "gzip" : "deflate",
                       u->z.msg ? u->z.msg : "bad data");
    return 0;
}

static int step_zstd(struct unpack *u, char *to, size_t cap, size_t *made, struct dh_err *err)
{
    ZSTD_inBuffer in = {u->in, u->n_in, u->at_in};
    ZSTD_outBuffer out = {to, cap, 0};
    size_t rc = ZSTD_decompressStream(u->zstd, &out, &in);
    if (ZSTD_isError(rc))
        return dh_fail(err, DH_INVALID, "the zstd stream is damaged (%s)", ZSTD_getErrorName(rc));
    u->in_frame = rc != 0;
    u->at_in = in.pos;
    *made = out.pos;
    return 0;
}

int unpack_read(struct unpack *u, char *to, size_t cap, size_t *ret_n, struct dh_err *err)
{
    for (;;) {
        size_t made = 0;
        if (u->at_in == u->n_in && !u->in_end) {
            if (u->fill(u->ctx, u->in, IN_BYTES, &u->n_in, err) < 0)
                return -1;
            u->at_in = 0;
            u->in_end = u->n_in == 0;
        }
        bool more_in = u->at_in < u->n_in;
        if (more_in || u->in_frame) {
            int rc =
                u->z_live ? step_zlib(u, to, cap, &made, err) : step_zstd(u, to, cap, &made, err);
            if (rc < 0)
                return rc;
        }
        if (made || (!more_in && !u->in_frame)) {
            *ret_n = made;
            return 0;
        }
        if (!more_in && u->in_end)
            return dh_fail(err, DH_INVALID, "the compressed stream ends too early");
    }
}
