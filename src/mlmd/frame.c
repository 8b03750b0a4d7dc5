/* frame - gRPC's framing. */
#include "mlmd/frame.h"

#include <string.h>

#include "base/base64.h"

enum mlmd_status grpc_message(const char *body, size_t n, const char **ret, size_t *ret_n,
                              struct dh_err *err)
{
    const unsigned char *p = (const unsigned char *)body;
    size_t length;

    if (n < GRPC_HEAD) {
        (void)dh_fail(err, DH_INVALID, "the request has no message");
        return MLMD_INTERNAL;
    }
    length = (size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];
    if (p[0] & 1) {
        (void)dh_fail(err, DH_INVALID,
                      "compressed messages are not taken: send grpc-encoding identity");
        return MLMD_UNIMPLEMENTED;
    }
    if (length != n - GRPC_HEAD) {
        (void)dh_fail(err, DH_INVALID, "the request's message is cut, or there are two");
        return MLMD_INTERNAL;
    }
    *ret = body + GRPC_HEAD;
    *ret_n = length;
    return MLMD_OK;
}

size_t grpc_open(struct buf *b)
{
    buf_add(b, "\0\0\0\0\0", GRPC_HEAD);
    return b->n;
}

void grpc_close(struct buf *b, size_t mark)
{
    size_t n = b->n - mark;

    for (int i = 1; i <= 4; i++, n >>= 8)
        b->p[mark - (size_t)i] = (char)(n & 0xff);
}

void grpc_text(struct buf *b, const char *text)
{
    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;

        if (c < 0x20 || c > 0x7e || c == '%')
            buf_addf(b, "%%%02X", c);
        else
            buf_addc(b, *p);
    }
}

/* ---- the web's form: trailers are a frame with the flag 0x80 ---- */

static void put_trailers(struct buf *b, enum mlmd_status status, const char *text)
{
    size_t mark = grpc_open(b);

    b->p[mark - GRPC_HEAD] = (char)0x80;
    buf_addf(b, "grpc-status:%d\r\n", status);
    if (status != MLMD_OK) {
        buf_adds(b, "grpc-message:");
        grpc_text(b, text);
        buf_adds(b, "\r\n");
    }
    grpc_close(b, mark);
}

static void answer(struct store *s, const char *path, const char *body, size_t n, bool readonly,
                   struct buf *to)
{
    const char *message;
    struct dh_err err = {0};
    size_t length, mark, from = to->n;
    enum mlmd_status status = grpc_message(body, n, &message, &length, &err);

    mark = grpc_open(to);
    if (status == MLMD_OK)
        status = mlmd_call(s, path + sizeof MLMD_SERVICE - 1, message, length, readonly, to, &err);
    if (status == MLMD_OK)
        grpc_close(to, mark);
    else
        to->n = from;
    put_trailers(to, status, err.msg);
}

const char *mlmd_web(struct store *s, const char *path, const char *content_type, const char *body,
                     size_t n, bool readonly, struct buf *ret)
{
    static const char binary[] = "application/grpc-web", text[] = "application/grpc-web-text";
    own_buf struct buf in = {0};
    own_buf struct buf out = {0};

    if (!content_type || strncmp(path, MLMD_SERVICE, sizeof MLMD_SERVICE - 1) != 0 ||
        strncmp(content_type, binary, sizeof binary - 1) != 0)
        return NULL;
    if (strncmp(content_type, text, sizeof text - 1) != 0) {
        answer(s, path, body, n, readonly, ret);
        return "application/grpc-web+proto";
    }
    if (base64_get(&in, body, n) < 0)
        return NULL;
    answer(s, path, buf_str(&in), in.n, readonly, &out);
    base64_put(ret, out.p, out.n);
    return "application/grpc-web-text+proto";
}
