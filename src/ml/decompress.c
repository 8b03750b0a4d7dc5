#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/mem.h"
#include "base/unpack.h"
#include "dhow/ml.h"

enum { PIECE_BYTES = 128 << 10 };

struct memory {
    const char *p;
    size_t n;
};

static int from_memory(void *ctx, char *to, size_t cap, size_t *ret_n, struct dh_err *err)
{
    struct memory *m = ctx;
    size_t n = m->n < cap ? m->n : cap;
    (void)err;
    memcpy(to, m->p, n);
    m->p += n;
    m->n -= n;
    *ret_n = n;
    return 0;
}

int ml_decompress(const char *bytes, size_t n, size_t max, char **ret, size_t *ret_n,
                  struct dh_err *err)
{
    struct memory m = {bytes, n};
    own(unpack_free) struct unpack *u = NULL;
    own_buf struct buf out = {0};
    enum unpack_kind kind = unpack_sniff(bytes, n);
    *ret = NULL;
    if (kind == UNPACK_PLAIN)
        return 0;
    if (unpack_new(kind, from_memory, &m, &u, err) < 0)
        return -1;
    own_mem char *piece = dh_alloc(PIECE_BYTES);
    for (;;) {
        size_t got = 0;
        if (unpack_read(u, piece, PIECE_BYTES, &got, err) < 0)
            return -1;
        if (!got)
            break;
        if (out.n + got > max)
            return dh_fail(err, DH_INVALID, "unpacked it is more than %zu bytes", max);
        buf_add(&out, piece, got);
    }
    *ret_n = out.n;
    *ret = buf_take(&out);
    return 0;
}
