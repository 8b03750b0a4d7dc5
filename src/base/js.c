#include "base/js.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/fs.h"
#include "base/js-priv.h"
#include "base/mem.h"

static struct js *shared(enum js_kind kind, bool truth)
{
    static struct js null = {0, JS_NULL}, yes = {0, JS_BOOL}, no = {0, JS_BOOL};

    return kind == JS_NULL ? &null : truth ? &yes : &no;
}

static void *made(enum js_kind kind, size_t size)
{
    struct js *v = dh_alloc(size);

    v->refs = 1;
    v->kind = kind;
    return v;
}

/* js_ref and js_free are the only ones that change what a reader sees as const. */
static struct js *owner(const struct js *v)
{
    union {
        const struct js *lent;
        struct js *own;
    } u = {.lent = v};

    return u.own;
}

struct js *js_free(struct js *v)
{
    if (!v || v->kind == JS_NULL || v->kind == JS_BOOL)
        return NULL;
    /* Whoever holds the only reference is alone with it. */
    if (__atomic_load_n(&v->refs, __ATOMIC_ACQUIRE) != 1 &&
        __atomic_sub_fetch(&v->refs, 1, __ATOMIC_ACQ_REL) != 0)
        return NULL;
    if (v->kind == JS_ARRAY) {
        const struct js_array *a = js_in_array(v);

        for (size_t i = 0; i < a->n; i++)
            js_free(a->items[i]);
        free(a->items);
    } else if (v->kind == JS_OBJECT) {
        js_object_done(v);
    }
    free(v);
    return NULL;
}

struct js *js_ref(const struct js *v)
{
    struct js *same = owner(v);

    if (same && same->kind != JS_NULL && same->kind != JS_BOOL)
        (void)__atomic_add_fetch(&same->refs, 1, __ATOMIC_RELAXED);
    return same;
}

struct js *js_copy(const struct js *v)
{
    struct js *copy;

    switch (js_kind(v)) {
    case JS_ARRAY:
        copy = js_array();
        for (size_t i = 0; i < js_n(v); i++)
            js_push(copy, js_copy(js_at(v, i)));
        return copy;
    case JS_OBJECT:
        return js_object_copy(v);
    case JS_INT:
    case JS_REAL:
    case JS_STRING: /* never changed once made */
    case JS_NULL:
    case JS_BOOL:
        break;
    }
    return js_ref(v);
}

/* ---- making ---- */

struct js *js_null(void)
{
    return shared(JS_NULL, false);
}

struct js *js_bool(bool b)
{
    return shared(JS_BOOL, b);
}

struct js *js_int(int64_t i)
{
    struct js_number *v = made(JS_INT, sizeof *v);

    v->i = i;
    return &v->head;
}

struct js *js_real(double d)
{
    struct js_number *v;

    if (isnan(d))
        return js_str("NaN");
    if (isinf(d))
        return js_str(d > 0 ? "Infinity" : "-Infinity");
    v = made(JS_REAL, sizeof *v);
    v->d = d;
    return &v->head;
}

struct js *js_num(double d)
{
    if (d == floor(d) && fabs(d) < 9007199254740992.0)
        return js_int((int64_t)d);
    return js_real(d);
}

/* Length of the UTF-8 sequence at s, or 0 where it is none (RFC 3629). */
static size_t utf8_len(const unsigned char *s, size_t n)
{
    size_t need = s[0] < 0x80   ? 1
                  : s[0] < 0xc2 ? 0
                  : s[0] < 0xe0 ? 2
                  : s[0] < 0xf0 ? 3
                  : s[0] < 0xf5 ? 4
                                : 0;

    if (!need || need > n)
        return 0;
    for (size_t i = 1; i < need; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return need;
}

size_t js_utf8_valid(const char *s, size_t n)
{
    size_t i = 0;

    while (i < n) {
        uint64_t word;
        size_t len;

        if (n - i >= sizeof word) { /* most text is ASCII */
            memcpy(&word, s + i, sizeof word);
            if (!(word & 0x8080808080808080)) {
                i += sizeof word;
                continue;
            }
        }
        len = utf8_len((const unsigned char *)s + i, n - i);
        if (!len)
            return i;
        i += len;
    }
    return n;
}

struct js *js_string_new(const char *utf8, size_t n)
{
    struct js_string *v = made(JS_STRING, sizeof *v + n + 1);

    v->n = n;
    if (n)
        memcpy(v->text, utf8, n);
    v->text[n] = '\0';
    return &v->head;
}

static struct js *repaired(const char *s, size_t n)
{
    own_buf struct buf b = {0};

    for (size_t i = 0; i < n;) {
        size_t good = js_utf8_valid(s + i, n - i);

        buf_add(&b, s + i, good);
        i += good;
        if (i < n) {
            buf_adds(&b, "\xef\xbf\xbd");
            i++;
        }
    }
    return js_string_new(buf_str(&b), b.n);
}

struct js *js_strn(const char *s, size_t n)
{
    return js_utf8_valid(s, n) == n ? js_string_new(s, n) : repaired(s, n);
}

struct js *js_str(const char *s)
{
    return s ? js_strn(s, strlen(s)) : js_null();
}

struct js *js_strf(const char *fmt, ...)
{
    own_buf struct buf b = {0};
    va_list ap;

    va_start(ap, fmt);
    buf_addv(&b, fmt, ap);
    va_end(ap);
    return js_strn(buf_str(&b), b.n);
}

struct js *js_array(void)
{
    struct js_array *v = made(JS_ARRAY, sizeof *v);

    v->n = v->cap = 0;
    v->items = NULL;
    return &v->head;
}

void js_push(struct js *array, struct js *value)
{
    struct js_array *a = (struct js_array *)(void *)array;

    if (!js_is(array, JS_ARRAY))
        abort();
    if (a->n == a->cap) {
        a->cap = a->cap ? a->cap * 2 : 2;
        a->items = dh_realloc(a->items, a->cap, sizeof *a->items);
    }
    a->items[a->n++] = value;
}

/* ---- reading ---- */

enum js_kind js_kind(const struct js *v)
{
    return v ? v->kind : JS_NULL;
}

const char *js_kind_name(const struct js *v)
{
    static const char *const names[] = {"null",   "boolean", "integer", "number",
                                        "string", "array",   "object"};

    return names[js_kind(v)];
}

bool js_is(const struct js *v, enum js_kind kind)
{
    return js_kind(v) == kind;
}

bool js_is_num(const struct js *v)
{
    return js_is(v, JS_INT) || js_is(v, JS_REAL);
}

bool js_truth(const struct js *v)
{
    return v && v == shared(JS_BOOL, true);
}

int64_t js_as_int(const struct js *v, int64_t other)
{
    if (js_is(v, JS_INT))
        return js_in_number(v)->i;
    if (js_is(v, JS_REAL)) {
        double d = js_in_number(v)->d;

        if (d == floor(d) && fabs(d) < 9.2e18)
            return (int64_t)d;
    }
    return other;
}

double js_as_num(const struct js *v, double other)
{
    if (js_is(v, JS_INT))
        return (double)js_in_number(v)->i;
    return js_is(v, JS_REAL) ? js_in_number(v)->d : other;
}

const char *js_text(const struct js *v)
{
    return js_is(v, JS_STRING) ? js_in_string(v)->text : NULL;
}

size_t js_text_len(const struct js *v)
{
    return js_is(v, JS_STRING) ? js_in_string(v)->n : 0;
}

size_t js_n(const struct js *v)
{
    if (js_is(v, JS_ARRAY))
        return js_in_array(v)->n;
    return js_is(v, JS_OBJECT) ? js_in_object(v)->n - js_in_object(v)->removed : 0;
}

struct js *js_at(const struct js *array, size_t i)
{
    return js_is(array, JS_ARRAY) && i < js_in_array(array)->n ? js_in_array(array)->items[i]
                                                               : NULL;
}

const char *js_get_text(const struct js *object, const char *key)
{
    return js_text(js_get(object, key));
}

bool js_get_bool(const struct js *object, const char *key)
{
    return js_truth(js_get(object, key));
}

int64_t js_get_int(const struct js *object, const char *key, int64_t other)
{
    return js_as_int(js_get(object, key), other);
}

struct js *js_path(const struct js *v, const char *key, ...)
{
    struct js *at = owner(v);
    va_list ap;

    va_start(ap, key);
    for (; key && at; key = va_arg(ap, const char *))
        at = js_get(at, key);
    va_end(ap);
    return at;
}

static bool objects_equal(const struct js *a, const struct js *b)
{
    for (js_each(a, it)) {
        const struct js *other = js_get(b, it.key);

        if (!other || !js_equal(it.value, other))
            return false;
    }
    return true;
}

bool js_equal(const struct js *a, const struct js *b)
{
    if (js_is(a, JS_INT) && js_is(b, JS_INT))
        return js_in_number(a)->i == js_in_number(b)->i;
    if (js_is_num(a) && js_is_num(b))
        return js_as_num(a, 0) == js_as_num(b, 0);
    if (js_kind(a) != js_kind(b) || js_n(a) != js_n(b))
        return false;
    if (js_is(a, JS_OBJECT))
        return objects_equal(a, b);
    if (js_is(a, JS_ARRAY)) {
        for (size_t i = 0; i < js_n(a); i++)
            if (!js_equal(js_at(a, i), js_at(b, i)))
                return false;
        return true;
    }
    if (js_is(a, JS_STRING))
        return js_text_len(a) == js_text_len(b) && !memcmp(js_text(a), js_text(b), js_text_len(a));
    return js_is(a, JS_NULL) || js_truth(a) == js_truth(b);
}

int js_parse_file(const char *path, size_t max_bytes, struct js **ret, struct dh_err *err)
{
    own_mem char *text = NULL;
    size_t n;

    if (fs_read(path, max_bytes, &text, &n, err) < 0)
        return -1;
    if (js_parse(text, n, ret, err) < 0)
        return dh_while(err, "%s", path);
    return 0;
}
