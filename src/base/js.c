#include "base/js.h"

#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"

/* struct js is json_t under another name: no allocation, no copy. */
static json_t *in(const struct js *v)
{
    union {
        const struct js *js;
        json_t *json;
    } u = {.js = v};

    return u.json;
}

static struct js *out(json_t *v)
{
    return (struct js *)v;
}

static struct js *made(json_t *v)
{
    if (!v)
        abort(); /* out of memory: all other causes are ruled out by the callers */
    return out(v);
}

struct js *js_free(struct js *v)
{
    json_decref(in(v));
    return NULL;
}

struct js *js_ref(const struct js *v)
{
    return out(json_incref(in(v)));
}

struct js *js_copy(const struct js *v)
{
    return v ? made(json_deep_copy(in(v))) : NULL;
}

struct js *js_null(void)
{
    return made(json_null());
}

struct js *js_bool(bool b)
{
    return made(json_boolean(b));
}

struct js *js_int(int64_t i)
{
    return made(json_integer(i));
}

struct js *js_real(double d)
{
    if (isnan(d))
        return js_str("NaN");
    if (isinf(d))
        return js_str(d > 0 ? "Infinity" : "-Infinity");
    return made(json_real(d));
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

static struct js *repaired(const char *s, size_t n)
{
    own_buf struct buf b = {0};

    for (size_t i = 0; i < n;) {
        size_t len = utf8_len((const unsigned char *)s + i, n - i);

        if (len)
            buf_add(&b, s + i, len);
        else
            buf_adds(&b, "\xef\xbf\xbd");
        i += len ? len : 1;
    }
    return made(json_stringn_nocheck(buf_str(&b), b.n));
}

struct js *js_strn(const char *s, size_t n)
{
    json_t *v = json_stringn(s, n);

    return v ? out(v) : repaired(s, n);
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
    return made(json_array());
}

struct js *js_object(void)
{
    return made(json_object());
}

enum js_kind js_kind(const struct js *v)
{
    if (!v)
        return JS_NULL;
    switch (json_typeof(in(v))) {
    case JSON_OBJECT:
        return JS_OBJECT;
    case JSON_ARRAY:
        return JS_ARRAY;
    case JSON_STRING:
        return JS_STRING;
    case JSON_INTEGER:
        return JS_INT;
    case JSON_REAL:
        return JS_REAL;
    case JSON_TRUE:
    case JSON_FALSE:
        return JS_BOOL;
    case JSON_NULL:
        break;
    }
    return JS_NULL;
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
    return v && json_is_true(in(v));
}

int64_t js_as_int(const struct js *v, int64_t other)
{
    if (js_is(v, JS_INT))
        return json_integer_value(in(v));
    if (js_is(v, JS_REAL)) {
        double d = json_real_value(in(v));

        if (d == floor(d) && fabs(d) < 9.2e18)
            return (int64_t)d;
    }
    return other;
}

double js_as_num(const struct js *v, double other)
{
    return js_is_num(v) ? json_number_value(in(v)) : other;
}

const char *js_text(const struct js *v)
{
    return v ? json_string_value(in(v)) : NULL;
}

size_t js_text_len(const struct js *v)
{
    return v ? json_string_length(in(v)) : 0;
}

size_t js_n(const struct js *v)
{
    if (js_is(v, JS_ARRAY))
        return json_array_size(in(v));
    return js_is(v, JS_OBJECT) ? json_object_size(in(v)) : 0;
}

struct js *js_at(const struct js *array, size_t i)
{
    return array ? out(json_array_get(in(array), i)) : NULL;
}

struct js *js_get(const struct js *object, const char *key)
{
    return object ? out(json_object_get(in(object), key)) : NULL;
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
    struct js *at = out(in(v));
    va_list ap;

    va_start(ap, key);
    for (; key && at; key = va_arg(ap, const char *))
        at = js_get(at, key);
    va_end(ap);
    return at;
}

void js_set(struct js *object, const char *key, struct js *value)
{
    if (!value)
        (void)json_object_del(in(object), key);
    else if (json_object_set_new_nocheck(in(object), key, in(value)) < 0)
        abort();
}

void js_push(struct js *array, struct js *value)
{
    if (json_array_append_new(in(array), in(value)) < 0)
        abort();
}

bool js_remove(struct js *object, const char *key)
{
    return json_object_del(in(object), key) == 0;
}

static void iter_load(struct js_iter *it)
{
    it->key = it->at ? json_object_iter_key(it->at) : NULL;
    it->value = it->at ? out(json_object_iter_value(it->at)) : NULL;
}

struct js_iter js_iter_begin(const struct js *object)
{
    struct js_iter it = {.object = object};

    it.at = js_is(object, JS_OBJECT) ? json_object_iter(in(object)) : NULL;
    iter_load(&it);
    return it;
}

bool js_iter_ok(const struct js_iter *it)
{
    return it->at != NULL;
}

void js_iter_next(struct js_iter *it)
{
    it->at = json_object_iter_next(in(it->object), it->at);
    iter_load(it);
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
        return json_integer_value(in(a)) == json_integer_value(in(b));
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
    return js_is(a, JS_NULL) || json_is_true(in(a)) == json_is_true(in(b));
}

int js_parse(const char *text, size_t n, struct js **ret, struct dh_err *err)
{
    /* jansson bounds the depth itself (JSON_PARSER_MAX_DEPTH, 2048). */
    const size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL;
    json_error_t at;
    json_t *v = json_loadb(text, n, flags, &at);

    if (!v && json_error_code(&at) == json_error_numeric_overflow)
        v = json_loadb(text, n, flags | JSON_DECODE_INT_AS_REAL, &at);
    if (!v)
        return dh_fail(err, DH_INVALID, "line %d column %d: %s", at.line, at.column, at.text);
    *ret = out(v);
    return 0;
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
