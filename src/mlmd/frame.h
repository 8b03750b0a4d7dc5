#pragma once
/* frame - gRPC's framing of messages, and its form for the web. */
#include "mlmd/mlmd.h"

enum { GRPC_HEAD = 5 }; /* a flag and the length */

/* The one message of a request's body: 0 and borrowed bytes, or the status that says what is wrong.
 */
enum mlmd_status grpc_message(const char *body, size_t n, const char **ret, size_t *ret_n,
                              struct dh_err *err);
/* Makes room for the head of what is appended next; fills it in. */
size_t grpc_open(struct buf *b);
void grpc_close(struct buf *b, size_t mark);
/* A message for `grpc-message`: percent-encoded. */
void grpc_text(struct buf *b, const char *text);

/* gRPC-web over HTTP/1.1, binary ("application/grpc-web…") and text ("application/grpc-web-text…",
 * base64). The path is MLMD_SERVICE and a method. Appends the response's body; answers with its
 * content type (static), or NULL: not a request of that kind (415). Always HTTP status 200. */
const char *mlmd_web(struct store *s, const char *path, const char *content_type, const char *body,
                     size_t n, bool readonly, struct buf *ret);
