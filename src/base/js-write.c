#include "base/js.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void js_write_num(double d, struct buf *to)
{
    char digits[32], *e, *point;
    int exponent, decimals;

    if (!isfinite(d)) { /* JSON has no such number */
        buf_adds(to, "null");
        return;
    }
    if (d == floor(d) && fabs(d) < 1e21) {
        buf_addf(to, "%.0f", d == 0 ? 0.0 : d);
        return;
    }
    for (int precision = 1; precision <= 17; precision++) {
        (void)snprintf(digits, sizeof digits, "%.*e", precision - 1, d);
        if (strtod(digits, NULL) == d)
            break;
    }
    e = strchr(digits, 'e');
    exponent = (int)strtol(e + 1, NULL, 10);
    *e = '\0';
    if (exponent < -6 || exponent >= 21) {
        buf_addf(to, "%se%c%02d", digits, exponent < 0 ? '-' : '+', abs(exponent));
        return;
    }
    point = strchr(digits, '.');
    decimals = (point ? (int)strlen(point + 1) : 0) - exponent;
    buf_addf(to, "%.*f", decimals > 0 ? decimals : 0, d);
}

static void write_string(const char *s, size_t n, struct buf *to)
{
    size_t from = 0;

    buf_addc(to, '"');
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];

        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_add(to, s + from, i - from);
        from = i + 1;
        switch (c) {
        case '"':
            buf_adds(to, "\\\"");
            break;
        case '\\':
            buf_adds(to, "\\\\");
            break;
        case '\n':
            buf_adds(to, "\\n");
            break;
        case '\t':
            buf_adds(to, "\\t");
            break;
        case '\r':
            buf_adds(to, "\\r");
            break;
        default:
            buf_addf(to, "\\u%04x", c);
        }
    }
    buf_add(to, s + from, n - from);
    buf_addc(to, '"');
}

static void write_value(const struct js *v, unsigned flags, int depth, struct buf *to);

static void between(size_t i, unsigned flags, int depth, struct buf *to)
{
    if (i)
        buf_adds(to, flags & JS_PYTHON ? ", " : ",");
    if (flags & JS_PRETTY)
        buf_addf(to, "\n%*s", depth * 2, "");
}

static void write_member(const char *key, const struct js *v, unsigned flags, int depth,
                         struct buf *to)
{
    write_string(key, strlen(key), to);
    buf_adds(to, flags & (JS_PRETTY | JS_PYTHON) ? ": " : ":");
    write_value(v, flags, depth, to);
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void write_object(const struct js *v, unsigned flags, int depth, struct buf *to)
{
    size_t n = 0;

    buf_addc(to, '{');
    if (flags & JS_SORTED) {
        own_mem const char **keys = dh_zalloc(js_n(v), sizeof *keys);

        for (js_each(v, it))
            keys[n++] = it.key;
        qsort(keys, n, sizeof *keys, by_bytes);
        for (size_t i = 0; i < n; i++) {
            between(i, flags, depth + 1, to);
            write_member(keys[i], js_get(v, keys[i]), flags, depth + 1, to);
        }
    } else {
        for (js_each(v, it)) {
            between(n++, flags, depth + 1, to);
            write_member(it.key, it.value, flags, depth + 1, to);
        }
    }
    if (n && flags & JS_PRETTY)
        buf_addf(to, "\n%*s", depth * 2, "");
    buf_addc(to, '}');
}

static void write_array(const struct js *v, unsigned flags, int depth, struct buf *to)
{
    buf_addc(to, '[');
    for (size_t i = 0; i < js_n(v); i++) {
        between(i, flags, depth + 1, to);
        write_value(js_at(v, i), flags, depth + 1, to);
    }
    if (js_n(v) && flags & JS_PRETTY)
        buf_addf(to, "\n%*s", depth * 2, "");
    buf_addc(to, ']');
}

/* A real keeps its point (1.0), so that reading gives a real again. */
static void write_real(double d, unsigned flags, struct buf *to)
{
    size_t from = to->n;

    js_write_num(d, to);
    if (!(flags & JS_PROTO) && to->n > from && !strpbrk(to->p + from, ".e"))
        buf_adds(to, ".0");
}

static void write_value(const struct js *v, unsigned flags, int depth, struct buf *to)
{
    switch (js_kind(v)) {
    case JS_NULL:
        buf_adds(to, "null");
        break;
    case JS_BOOL:
        buf_adds(to, js_truth(v) ? "true" : "false");
        break;
    case JS_INT:
        buf_addf(to, "%" PRId64, js_as_int(v, 0));
        break;
    case JS_REAL:
        write_real(js_as_num(v, 0), flags, to);
        break;
    case JS_STRING:
        write_string(js_text(v), js_text_len(v), to);
        break;
    case JS_ARRAY:
        write_array(v, flags, depth, to);
        break;
    case JS_OBJECT:
        write_object(v, flags, depth, to);
        break;
    }
}

void js_write(const struct js *v, unsigned flags, struct buf *to)
{
    write_value(v, flags, 0, to);
}

char *js_dump(const struct js *v, unsigned flags)
{
    struct buf b = {0};

    js_write(v, flags, &b);
    return buf_take(&b);
}
