#pragma once
/* utf8 - whether bytes are text. */
#include <stddef.h>

/* Bytes of the valid sequence (RFC 3629) at s, of `n` that are there; 0: there is none. */
size_t utf8_sequence(const unsigned char *s, size_t n);
size_t utf8_length(const char *text); /* in characters */
