/* js-read - JSON text (RFC 8259) into values. What is no JSON is refused, with line and column. */
#include <stdlib.h>

#include "base/js-priv.h"
#include "base/mem.h"

enum { DEPTH_MAX = 2048, DIGITS_MAX = 4096 };

struct reader {
    const char *begin, *at, *end;
    struct buf text; /* of a string with escapes */
    struct dh_err *err;
    int depth;
};

static int wrong(const struct reader *r, const char *what)
{
    int line = 1, column = 1;

    for (const char *p = r->begin; p < r->at; p++) {
        column = *p == '\n' ? 1 : column + ((*p & 0xc0) != 0x80);
        line += *p == '\n';
    }
    if (r->at == r->end)
        return dh_fail(r->err, DH_INVALID, "line %d column %d: the text ends: %s", line, column,
                       what);
    return dh_fail(r->err, DH_INVALID, "line %d column %d: %s", line, column, what);
}

static void skip_blanks(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t'))
        r->at++;
}

static bool take_byte(struct reader *r, char c)
{
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

/* ---- strings ---- */

static int hex4(struct reader *r, unsigned *ret)
{
    unsigned value = 0;

    for (int i = 0; i < 4; i++, r->at++) {
        char c = r->at < r->end ? *r->at : '\0';

        if (c >= '0' && c <= '9')
            value = value * 16 + (unsigned)(c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            value = value * 16 + (unsigned)((c | 32) - 'a' + 10);
        else
            return wrong(r, "expected four hexadecimal digits after \\u");
    }
    *ret = value;
    return 0;
}

static void add_utf8(struct buf *to, unsigned c)
{
    const unsigned char bytes[] = {(unsigned char)(c < 0x80      ? c
                                                   : c < 0x800   ? 0xc0 | c >> 6
                                                   : c < 0x10000 ? 0xe0 | c >> 12
                                                                 : 0xf0 | c >> 18),
                                   (unsigned char)(0x80 | (c >> 12 & 0x3f)),
                                   (unsigned char)(0x80 | (c >> 6 & 0x3f)),
                                   (unsigned char)(0x80 | (c & 0x3f))};
    size_t more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;

    buf_add(to, bytes, 1);
    buf_add(to, bytes + 4 - more, more);
}

static int read_unicode(struct reader *r)
{
    unsigned c = 0, low = 0;

    if (hex4(r, &c) < 0)
        return -1;
    if (c >= 0xd800 && c < 0xdc00) {
        if (r->end - r->at < 2 || r->at[0] != '\\' || r->at[1] != 'u')
            return wrong(r, "half of a character: the second \\u is missing");
        r->at += 2;
        if (hex4(r, &low) < 0)
            return -1;
        if (low < 0xdc00 || low > 0xdfff)
            return wrong(r, "half of a character: the second \\u is none");
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    } else if (c >= 0xdc00 && c <= 0xdfff) {
        return wrong(r, "half of a character: the first \\u is missing");
    }
    add_utf8(&r->text, c);
    return 0;
}

static int read_escape(struct reader *r)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *which;

    if (r->at == r->end)
        return wrong(r, "a string is not closed");
    if (*r->at == 'u') {
        r->at++;
        return read_unicode(r);
    }
    which = *r->at ? strchr(from, *r->at) : NULL;
    if (!which)
        return wrong(r, "no such escape in a string");
    r->at++;
    buf_addc(&r->text, to[which - from]);
    return 0;
}

/* Goes on to what ends a plain piece of a string, and sees whether all is UTF-8. */
static int plain_piece(struct reader *r)
{
    const char *from = r->at;
    signed char all = 0;
    size_t n;

    while (r->at < r->end && *r->at != '"' && *r->at != '\\' && (unsigned char)*r->at >= 0x20)
        all |= (signed char)*r->at++;
    if (all >= 0)
        return 0;
    n = js_utf8_valid(from, (size_t)(r->at - from));
    if (n == (size_t)(r->at - from))
        return 0;
    r->at = from + n;
    return wrong(r, "a byte that is not UTF-8");
}

/* At the byte behind the opening quote; the bytes lie in the text or, where it has escapes, in
 * r->text. */
static int read_string(struct reader *r, const char **ret, size_t *ret_n)
{
    const char *from = r->at;

    if (plain_piece(r) < 0)
        return -1;
    if (r->at < r->end && *r->at == '"') {
        *ret = from;
        *ret_n = (size_t)(r->at++ - from);
        return 0;
    }
    buf_reset(&r->text);
    for (;;) {
        buf_add(&r->text, from, (size_t)(r->at - from));
        if (r->at == r->end)
            return wrong(r, "a string is not closed");
        if (*r->at == '"')
            break;
        if (*r->at != '\\')
            return wrong(r, "a control character in a string has to be escaped");
        r->at++;
        if (read_escape(r) < 0)
            return -1;
        from = r->at;
        if (plain_piece(r) < 0)
            return -1;
    }
    r->at++;
    *ret = buf_str(&r->text);
    *ret_n = r->text.n;
    return 0;
}

/* ---- numbers ---- */

/* Never inlined: its buffer would be in the frame of each value that nests. */
__attribute__((noinline)) static int read_real(struct reader *r, const char *from, struct js **ret)
{
    char text[DIGITS_MAX + 1];
    size_t n = (size_t)(r->at - from);
    double d;

    if (n > DIGITS_MAX)
        return wrong(r, "a number of too many digits");
    memcpy(text, from, n);
    text[n] = '\0';
    d = strtod_l(text, NULL, js_c_locale());
    if (d > 1.7976931348623157e308 || d < -1.7976931348623157e308)
        return wrong(r, "a number that is too large");
    *ret = js_real(d);
    return 0;
}

static bool skip_digits(struct reader *r)
{
    const char *from = r->at;

    while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
        r->at++;
    return r->at > from;
}

/* The digits as an integer; false: they do not fit into 64 bits. */
static bool to_int(const char *at, const char *end, int64_t *ret)
{
    bool negative = *at == '-';
    int64_t value = 0;

    for (at += negative; at < end; at++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            (negative ? __builtin_sub_overflow(value, *at - '0', &value)
                      : __builtin_add_overflow(value, *at - '0', &value)))
            return false;
    *ret = value;
    return true;
}

static int read_number(struct reader *r, struct js **ret)
{
    const char *from = r->at;
    bool real = false;
    int64_t i;

    (void)take_byte(r, '-');
    if (!take_byte(r, '0') && !skip_digits(r))
        return wrong(r, "expected a digit");
    if (take_byte(r, '.')) {
        real = true;
        if (!skip_digits(r))
            return wrong(r, "expected a digit behind the point");
    }
    if (r->at < r->end && (*r->at | 32) == 'e') {
        real = true;
        r->at++;
        if (!take_byte(r, '-'))
            (void)take_byte(r, '+');
        if (!skip_digits(r))
            return wrong(r, "expected a digit of an exponent");
    }
    if (real || !to_int(from, r->at, &i))
        return read_real(r, from, ret);
    *ret = js_int(i);
    return 0;
}

/* ---- values ---- */

static int read_value(struct reader *r, struct js **ret);

static int read_array(struct reader *r, struct js **ret)
{
    own(js_free) struct js *array = js_array();

    skip_blanks(r);
    if (!take_byte(r, ']'))
        do {
            struct js *item;

            if (read_value(r, &item) < 0)
                return -1;
            js_push(array, item);
            skip_blanks(r);
            if (take_byte(r, ']'))
                break;
            if (!take_byte(r, ','))
                return wrong(r, "expected ',' or ']'");
        } while (true);
    *ret = take(&array);
    return 0;
}

static int read_member(struct reader *r, struct js *object)
{
    own_mem char *key = NULL;
    const char *text;
    size_t n;
    struct js *value;

    skip_blanks(r);
    if (!take_byte(r, '"'))
        return wrong(r, "expected a name in '\"'");
    if (read_string(r, &text, &n) < 0)
        return -1;
    if (memchr(text, '\0', n))
        return wrong(r, "a name cannot hold the character NUL");
    key = dh_strndup(text, n);
    skip_blanks(r);
    if (!take_byte(r, ':'))
        return wrong(r, "expected ':'");
    if (read_value(r, &value) < 0)
        return -1;
    js_object_put(object, take(&key), n, false, value);
    return 0;
}

static int read_object(struct reader *r, struct js **ret)
{
    own(js_free) struct js *object = js_object();

    skip_blanks(r);
    if (!take_byte(r, '}'))
        do {
            if (read_member(r, object) < 0)
                return -1;
            skip_blanks(r);
            if (take_byte(r, '}'))
                break;
            if (!take_byte(r, ','))
                return wrong(r, "expected ',' or '}'");
        } while (true);
    *ret = take(&object);
    return 0;
}

static int read_nested(struct reader *r, struct js **ret)
{
    int rc;

    if (r->depth == DEPTH_MAX)
        return wrong(r, "nested too deeply");
    r->depth++;
    rc = *r->at++ == '[' ? read_array(r, ret) : read_object(r, ret);
    r->depth--;
    return rc;
}

static int read_word(struct reader *r, struct js **ret)
{
    static const char *const words[] = {"null", "true", "false"};

    for (size_t i = 0; i < 3; i++) {
        size_t n = strlen(words[i]);

        if ((size_t)(r->end - r->at) >= n && !memcmp(r->at, words[i], n)) {
            r->at += n;
            *ret = i ? js_bool(i == 1) : js_null();
            return 0;
        }
    }
    return wrong(r, "expected a value");
}

static int read_value(struct reader *r, struct js **ret)
{
    const char *text;
    size_t n;

    skip_blanks(r);
    switch (r->at < r->end ? *r->at : '\0') {
    case '"':
        r->at++;
        if (read_string(r, &text, &n) < 0)
            return -1;
        *ret = js_string_new(text, n);
        return 0;
    case '[':
    case '{':
        return read_nested(r, ret);
    case '-':
    case '0' ... '9':
        return read_number(r, ret);
    default:
        return read_word(r, ret);
    }
}

int js_parse(const char *text, size_t n, struct js **ret, struct dh_err *err)
{
    struct reader r = {.begin = text, .at = text, .end = text + n, .err = err};
    own(js_free) struct js *v = NULL;
    int rc = read_value(&r, &v);

    skip_blanks(&r);
    if (rc == 0 && r.at < r.end)
        rc = wrong(&r, "something stands behind the value");
    buf_done(&r.text);
    if (rc == 0)
        *ret = take(&v);
    return rc;
}
