#pragma once
/* b64 - base64 (RFC 4648), and its form for addresses. */
#include <stdbool.h>
#include <stddef.h>
#include "base/arena.h"
#include "base/buf.h"

void b64_write(const void *bytes, size_t n, bool url, struct buf *to);
/* Reads both forms, with or without padding: the bytes (NUL-terminated) in `a`; NULL: it is none.
 */
unsigned char *b64_read(const char *text, size_t n, struct arena *a, size_t *ret_n);
