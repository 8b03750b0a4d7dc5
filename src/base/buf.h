#pragma once
/* buf - a growing byte string, always NUL-terminated.
 *
 *     struct buf b = {0};  … buf_addf(&b, "%d", 1); …  char *s = buf_take(&b);
 *
 * `max` (0: none) bounds what outside input may make it; past it, bytes are dropped and
 * `truncated` is set. */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *p; /* NULL while empty: use buf_str */
    size_t n, cap, max;
    bool truncated;
};

void buf_add(struct buf *b, const void *bytes, size_t n);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_add_html(struct buf *b, const char *s); /* as text within HTML or a quoted attribute */
/* As in a URL (RFC 3986, 2.3): but for letters, digits, "-._~" and what is in `keep`, as %XX. */
void buf_add_percent(struct buf *b, const char *s, size_t n, const char *keep);
void buf_addv(struct buf *b, const char *fmt, va_list ap);
const char *buf_str(const struct buf *b); /* borrowed; "" while empty */
char *buf_take(struct buf *b);            /* the caller's (free); b is empty again */
void buf_reset(struct buf *b);            /* n = 0, keeps the memory */
void buf_done(struct buf *b);
#define own_buf __attribute__((cleanup(buf_done)))
