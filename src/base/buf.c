#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static size_t clip(struct buf *b, size_t n)
{
    if (b->max && n > b->max - b->n) {
        b->truncated = true;
        return b->max - b->n;
    }
    return n;
}

static void reserve(struct buf *b, size_t more)
{
    size_t need = b->n + more + 1, cap = b->cap ? b->cap : 64;

    if (need <= b->cap)
        return;
    while (cap < need)
        cap *= 2;
    b->p = dh_realloc(b->p, cap, 1);
    b->cap = cap;
}

void buf_add(struct buf *b, const void *bytes, size_t n)
{
    n = clip(b, n);
    if (!n)
        return;
    reserve(b, n);
    memcpy(b->p + b->n, bytes, n);
    b->n += n;
    b->p[b->n] = '\0';
}

void buf_adds(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_addc(struct buf *b, char c)
{
    if (!b->max && b->n + 1 < b->cap) {
        b->p[b->n++] = c;
        b->p[b->n] = '\0';
        return;
    }
    buf_add(b, &c, 1);
}

void buf_addv(struct buf *b, const char *fmt, va_list ap)
{
    char small[256];
    va_list again;
    int n;

    va_copy(again, ap);
    n = vsnprintf(small, sizeof small, fmt, ap);
    if (n >= 0 && (size_t)n < sizeof small) {
        buf_add(b, small, (size_t)n);
    } else if (n >= 0) {
        char *s = dh_vprintf(fmt, again);

        buf_add(b, s, (size_t)n);
        free(s);
    }
    va_end(again);
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    buf_addv(b, fmt, ap);
    va_end(ap);
}

const char *buf_str(const struct buf *b)
{
    return b->p ? b->p : "";
}

char *buf_take(struct buf *b)
{
    char *s = b->p ? b->p : dh_strdup("");

    b->p = NULL;
    b->n = b->cap = 0;
    b->truncated = false;
    return s;
}

void buf_reset(struct buf *b)
{
    b->n = 0;
    b->truncated = false;
    if (b->p)
        b->p[0] = '\0';
}

void buf_done(struct buf *b)
{
    free(b->p);
    b->p = NULL;
    b->n = b->cap = 0;
}

void buf_add_html(struct buf *b, const char *s)
{
    for (; *s; s++) {
        const char *as = *s == '<'   ? "&lt;"
                         : *s == '>' ? "&gt;"
                         : *s == '&' ? "&amp;"
                         : *s == '"' ? "&quot;"
                                     : NULL;

        if (as)
            buf_adds(b, as);
        else
            buf_addc(b, *s);
    }
}

void buf_add_percent(struct buf *b, const char *s, size_t n, const char *keep)
{
    static const char plain[] =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-._~";

    for (size_t i = 0; i < n; i++)
        if (s[i] && (strchr(plain, s[i]) || strchr(keep, s[i])))
            buf_addc(b, s[i]);
        else
            buf_addf(b, "%%%02X", (unsigned)(unsigned char)s[i]);
}
