#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/js-priv.h"
#include "base/mem.h"

static locale_t c_locale;
static pthread_once_t c_locale_made = PTHREAD_ONCE_INIT;

static void make_c_locale(void)
{
    c_locale = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    if (!c_locale)
        abort(); /* it is built in: memory is out */
}

locale_t js_c_locale(void)
{
    (void)pthread_once(&c_locale_made, make_c_locale);
    return c_locale;
}

static void write_fraction(double d, struct buf *to)
{
    char digits[32], *e, *point;
    int exponent, decimals;

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

void js_write_num(double d, struct buf *to)
{
    locale_t before;

    if (!isfinite(d)) { /* JSON has no such number */
        buf_adds(to, "null");
    } else if (d == floor(d) && fabs(d) < 1e21) {
        buf_addf(to, "%.0f", d == 0 ? 0.0 : d);
    } else {
        before = uselocale(js_c_locale());
        write_fraction(d, to);
        (void)uselocale(before);
    }
}

/* buf_add for the small pieces that JSON is made of. */
static inline void put(struct buf *to, const char *bytes, size_t n)
{
    if (to->max || to->cap - to->n <= n) {
        buf_add(to, bytes, n);
        return;
    }
    memcpy(to->p + to->n, bytes, n);
    to->n += n;
    to->p[to->n] = '\0';
}

static void write_escaped(unsigned char c, struct buf *to)
{
    static const char from[] = "\"\\\n\t\r", as[] = "\"\\ntr";
    const char *which = c ? strchr(from, c) : NULL;

    if (which)
        put(to, (const char[]){'\\', as[which - from]}, 2);
    else
        buf_addf(to, "\\u%04x", c);
}

/* Has one of eight bytes to be escaped? Each byte's top bit says so: below 0x20, '"' or '\\'. */
static bool has_special(uint64_t word)
{
    const uint64_t ones = 0x0101010101010101, tops = 0x8080808080808080;
    uint64_t quote = word ^ ones * '"', slash = word ^ ones * '\\';

    return ((word - ones * 0x20) | (quote - ones) | (slash - ones)) & ~word & tops;
}

static bool is_special(unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\';
}

static bool is_plain(const char *s, size_t n)
{
    uint64_t word;

    if (n < sizeof word) {
        for (size_t i = 0; i < n; i++)
            if (is_special((unsigned char)s[i]))
                return false;
        return true;
    }
    for (size_t i = 0; i < n; i += sizeof word) {
        memcpy(&word, s + (n - i < sizeof word ? n - sizeof word : i), sizeof word);
        if (has_special(word))
            return false;
    }
    return true;
}

static void write_string(const char *s, size_t n, struct buf *to)
{
    size_t from = 0;

    if (!to->max && to->cap - to->n > n + 2 && is_plain(s, n)) { /* nearly all */
        char *at = to->p + to->n;

        *at++ = '"';
        memcpy(at, s, n);
        memcpy(at + n, "\"", 2);
        to->n += n + 2;
        return;
    }
    put(to, "\"", 1);
    for (size_t i = 0; i < n && !is_plain(s + i, n - i); i++) {
        while (i + 1 < n && !is_special((unsigned char)s[i]))
            i++;
        put(to, s + from, i - from);
        write_escaped((unsigned char)s[i], to);
        from = i + 1;
    }
    put(to, s + from, n - from);
    put(to, "\"", 1);
}

static void write_value(const struct js *v, unsigned flags, int depth, struct buf *to);

static void between(bool first, unsigned flags, int depth, struct buf *to)
{
    if (!first)
        put(to, ", ", flags & JS_PYTHON ? 2 : 1);
    if (flags & JS_PRETTY)
        buf_addf(to, "\n%*s", depth * 2, "");
}

static void write_member(const struct js_member *m, unsigned flags, int depth, struct buf *to)
{
    write_string(m->key, m->n, to);
    put(to, ": ", flags & (JS_PRETTY | JS_PYTHON) ? 2 : 1);
    write_value(m->value, flags, depth, to);
}

static int by_bytes(const void *a, const void *b)
{
    const struct js_member *const *one = a, *const *other = b;

    return strcmp((*one)->key, (*other)->key);
}

static void write_sorted(const struct js_object *o, unsigned flags, int depth, struct buf *to)
{
    own_mem const struct js_member **members = dh_zalloc(o->n, sizeof *members);
    size_t n = 0;

    for (size_t i = 0; i < o->n; i++)
        if (o->members[i].key)
            members[n++] = &o->members[i];
    qsort(members, n, sizeof *members, by_bytes);
    for (size_t i = 0; i < n; i++) {
        between(i == 0, flags, depth, to);
        write_member(members[i], flags, depth, to);
    }
}

static void write_object(const struct js_object *o, unsigned flags, int depth, struct buf *to)
{
    bool first = true;

    put(to, "{", 1);
    if (flags & JS_SORTED)
        write_sorted(o, flags, depth + 1, to);
    for (size_t i = 0; i < o->n && !(flags & JS_SORTED); i++) {
        if (!o->members[i].key)
            continue;
        between(first, flags, depth + 1, to);
        write_member(&o->members[i], flags, depth + 1, to);
        first = false;
    }
    if (o->n > o->removed && flags & JS_PRETTY)
        buf_addf(to, "\n%*s", depth * 2, "");
    put(to, "}", 1);
}

static void write_array(const struct js_array *a, unsigned flags, int depth, struct buf *to)
{
    put(to, "[", 1);
    for (size_t i = 0; i < a->n; i++) {
        between(i == 0, flags, depth + 1, to);
        write_value(a->items[i], flags, depth + 1, to);
    }
    if (a->n && flags & JS_PRETTY)
        buf_addf(to, "\n%*s", depth * 2, "");
    put(to, "]", 1);
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
    switch (v ? v->kind : JS_NULL) {
    case JS_NULL:
        put(to, "null", 4);
        break;
    case JS_BOOL:
        buf_adds(to, js_truth(v) ? "true" : "false");
        break;
    case JS_INT:
        buf_addf(to, "%" PRId64, js_in_number(v)->i);
        break;
    case JS_REAL:
        write_real(js_in_number(v)->d, flags, to);
        break;
    case JS_STRING:
        write_string(js_in_string(v)->text, js_in_string(v)->n, to);
        break;
    case JS_ARRAY:
        write_array(js_in_array(v), flags, depth, to);
        break;
    case JS_OBJECT:
        write_object(js_in_object(v), flags, depth, to);
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
