/* text - UTF-8, and numbers as text. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cel/cel-priv.h"

static size_t length_after(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first < 0xc2 || first > 0xf4)
        return 0;
    return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* Length of the valid sequence at s, 0: there is none. Surrogates and overlong forms are none. */
static size_t sequence(const unsigned char *s, size_t n)
{
    size_t len = length_after(s[0]);
    uint32_t two = n > 1 ? (uint32_t)s[0] << 8 | s[1] : 0;

    if (len > n)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    }
    if (len == 3 && (two < 0xe0a0 || (two >= 0xeda0 && two < 0xee80)))
        return 0;
    return len == 4 && (two < 0xf090 || two >= 0xf490) ? 0 : len;
}

bool cel_utf8_ok(const char *s, size_t n)
{
    for (size_t i = 0, k; i < n; i += k) {
        k = sequence((const unsigned char *)s + i, n - i);
        if (k == 0)
            return false;
    }
    return true;
}

size_t cel_utf8_n(const char *s, size_t n)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++)
        count += ((unsigned char)s[i] & 0xc0) != 0x80;
    return count;
}

uint32_t cel_utf8_get(const char *s, const char *end, size_t *ret_n)
{
    const unsigned char *u = (const unsigned char *)s;
    size_t n = sequence(u, (size_t)(end - s));

    *ret_n = n ? n : 1;
    switch (n) {
    case 2:
        return (u[0] & 0x1fu) << 6 | (u[1] & 0x3fu);
    case 3:
        return (u[0] & 0x0fu) << 12 | (u[1] & 0x3fu) << 6 | (u[2] & 0x3fu);
    case 4:
        return (u[0] & 0x07u) << 18 | (u[1] & 0x3fu) << 12 | (u[2] & 0x3fu) << 6 | (u[3] & 0x3fu);
    default:
        return u[0];
    }
}

size_t cel_utf8_put(uint32_t c, char to[4])
{
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (char)(0xc0 | c >> 6);
        to[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (char)(0xe0 | c >> 12);
        to[1] = (char)(0x80 | (c >> 6 & 0x3f));
        to[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | c >> 18);
    to[1] = (char)(0x80 | (c >> 12 & 0x3f));
    to[2] = (char)(0x80 | (c >> 6 & 0x3f));
    to[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

void cel_line_column(const char *text, size_t at, unsigned *ret_line, unsigned *ret_column)
{
    size_t start = 0;

    *ret_line = 1;
    for (size_t i = 0; i < at; i++) {
        if (text[i] == '\n') {
            ++*ret_line;
            start = i + 1;
        }
    }
    *ret_column = (unsigned)cel_utf8_n(text + start, at - start) + 1;
}

void cel_refuse(const struct cel_program *p, const struct cel_node *e, struct dh_err *err,
                const char *fmt, va_list ap)
{
    own_buf struct buf what = {.max = 600};
    unsigned line, column;

    buf_addv(&what, fmt, ap);
    cel_line_column(p->text, e->at, &line, &column);
    (void)dh_fail(err, DH_INVALID, "%u:%u: %s", line, column, buf_str(&what));
}

struct cel_val cel_double_text(struct cel_ctx *ctx, double d, char format)
{
    char digits[40];
    char *e;
    int exponent, decimals;

    if (isnan(d))
        return cel_text("NaN", 3);
    if (isinf(d))
        return d > 0 ? cel_text("+Inf", 4) : cel_text("-Inf", 4);
    for (int precision = 0; precision < 17; precision++) {
        (void)snprintf(digits, sizeof digits, "%.*e", precision, d);
        if (strtod(digits, NULL) == d)
            break;
    }
    e = strchr(digits, 'e');
    exponent = (int)strtol(e + 1, NULL, 10);
    decimals = (int)(e - digits) - (digits[0] == '-') - 1;
    if (decimals > 0)
        decimals--; /* the point */
    if (format == 'g' && (exponent < -4 || exponent >= 6))
        return cel_textf(ctx, "%.*se%c%02d", (int)(e - digits), digits, exponent < 0 ? '-' : '+',
                         abs(exponent));
    decimals -= exponent;
    return cel_textf(ctx, "%.*f", decimals > 0 ? decimals : 0, d);
}
