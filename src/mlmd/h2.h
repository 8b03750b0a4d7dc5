#pragma once
/* h2 - one connection of a gRPC client: bytes from it in, bytes for it out. No socket. */
#include <stddef.h>
#include "base/buf.h"
#include "base/own.h"
#include "store/store.h"

struct h2;

/* libnghttp2, before the first h2_new. DH_IO: it is not there. */
int h2_load(struct dh_err *err);
struct h2 *h2_new(struct store *s, bool readonly);
struct h2 *h2_free(struct h2 *h);
OWN_DEFINE(struct h2 *, h2_free)
/* Takes what came; calls whose requests are complete are answered. -1: it is no HTTP/2, or a client
 * that breaks its rules: send what there is and close. */
int h2_read(struct h2 *h, const void *bytes, size_t n);
/* Appends what is to be sent, up to about `most` bytes at a time. */
int h2_write(struct h2 *h, size_t most, struct buf *to);
/* There is nothing more to come from either side. */
bool h2_over(const struct h2 *h);
