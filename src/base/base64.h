#pragma once
/* base64 - RFC 4648's standard alphabet, with padding. */
#include <stddef.h>
#include "base/buf.h"

void base64_put(struct buf *to, const void *bytes, size_t n);
/* Appends the bytes of `text`. -1: it is not base64 (nothing is promised of `to` then). Padding may
 * be missing; blanks and line ends may not be there. */
int base64_get(struct buf *to, const char *text, size_t n);
