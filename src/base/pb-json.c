/* pb - a Struct straight from JSON text: what is written with every step takes no tree between. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/pb.h"

enum { VALUE_NULL = 1, VALUE_NUMBER, VALUE_TEXT, VALUE_BOOL, VALUE_STRUCT, VALUE_LIST };

struct text {
    const char *at;
    struct buf *to;
    struct buf plain; /* a string without its escapes */
    int depth;
};

static bool value(struct text *t);

static void blanks(struct text *t)
{
    while (*t->at == ' ' || *t->at == '\n' || *t->at == '\t' || *t->at == '\r')
        t->at++;
}

static bool take_char(struct text *t, char c)
{
    blanks(t);
    if (*t->at != c)
        return false;
    t->at++;
    return true;
}

/* ---- strings ---- */

static int hex4(const char *p)
{
    int v = 0;

    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;

        if (digit < 0)
            return -1;
        v = v << 4 | digit;
    }
    return v;
}

static void put_utf8(struct buf *b, int c)
{
    if (c < 0x80) {
        buf_addc(b, (char)c);
        return;
    }
    if (c >= 0x10000)
        buf_addc(b, (char)(0xf0 | c >> 18));
    if (c >= 0x800)
        buf_addc(b, (char)(c >= 0x10000 ? 0x80 | (c >> 12 & 0x3f) : 0xe0 | c >> 12));
    buf_addc(b, (char)(c >= 0x800 ? 0x80 | (c >> 6 & 0x3f) : 0xc0 | c >> 6));
    buf_addc(b, (char)(0x80 | (c & 0x3f)));
}

/* After "\u". */
static bool unicode(struct text *t)
{
    int c = hex4(t->at), low;

    if (c < 0)
        return false;
    t->at += 4;
    if (c >= 0xd800 && c < 0xdc00) {
        low = t->at[0] == '\\' && t->at[1] == 'u' ? hex4(t->at + 2) : -1;
        if (low < 0xdc00 || low > 0xdfff)
            return false;
        t->at += 6;
        c = 0x10000 + ((c - 0xd800) << 10 | (low - 0xdc00));
    } else if (c >= 0xdc00 && c < 0xe000) {
        return false;
    }
    put_utf8(&t->plain, c);
    return true;
}

static bool escape(struct text *t)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = *t->at;
    const char *at = c ? strchr(from, c) : NULL;

    if (c != 'u' && !at)
        return false;
    t->at++;
    if (c == 'u')
        return unicode(t);
    buf_addc(&t->plain, to[at - from]);
    return true;
}

/* The string as bytes: of the text itself, where it has no escapes. */
static bool string(struct text *t, const char **ret, size_t *ret_n)
{
    const char *from;

    if (!take_char(t, '"'))
        return false;
    from = t->at;
    t->at += strcspn(t->at, "\"\\");
    *ret = from;
    *ret_n = (size_t)(t->at - from);
    if (*t->at == '"') {
        t->at++;
        return true;
    }
    buf_reset(&t->plain);
    t->at = from;
    while (*t->at && *t->at != '"') {
        size_t n = strcspn(t->at, "\"\\");

        buf_add(&t->plain, t->at, n);
        t->at += n;
        if (*t->at == '\\') {
            t->at++;
            if (!escape(t))
                return false;
        }
    }
    if (*t->at != '"')
        return false;
    t->at++;
    *ret = buf_str(&t->plain);
    *ret_n = t->plain.n;
    return true;
}

/* ---- values ---- */

static bool number(struct text *t)
{
    const char *p = t->at + (*t->at == '-');
    char *end;
    double d;

    if (*p < '0' || *p > '9') /* strtod would take more than JSON has */
        return false;
    d = strtod(t->at, &end);
    t->at = end;
    pb_put_double(t->to, VALUE_NUMBER, d);
    return true;
}

static bool word(struct text *t, const char *what, unsigned field, int64_t v)
{
    size_t n = strlen(what);

    if (strncmp(t->at, what, n) != 0)
        return false;
    t->at += n;
    pb_put_int(t->to, field, v);
    return true;
}

static bool members(struct text *t)
{
    if (!take_char(t, '{'))
        return false;
    if (take_char(t, '}'))
        return true;
    do {
        size_t entry = pb_open(t->to, 1), at, n;
        const char *key;

        blanks(t);
        if (!string(t, &key, &n) || !take_char(t, ':'))
            return false;
        pb_put_bytes(t->to, 1, key, n);
        at = pb_open(t->to, 2);
        if (!value(t))
            return false;
        pb_close(t->to, at);
        pb_close(t->to, entry);
    } while (take_char(t, ','));
    return take_char(t, '}');
}

static bool elements(struct text *t)
{
    if (!take_char(t, '[') || take_char(t, ']'))
        return true;
    do {
        size_t at = pb_open(t->to, 1);

        if (!value(t))
            return false;
        pb_close(t->to, at);
    } while (take_char(t, ','));
    return take_char(t, ']');
}

static bool nested(struct text *t, unsigned field, bool (*what)(struct text *t))
{
    size_t at = pb_open(t->to, field);
    bool good = ++t->depth <= LIMIT_PB_DEPTH && what(t);

    t->depth--;
    pb_close(t->to, at);
    return good;
}

static bool value(struct text *t)
{
    const char *bytes;
    size_t n;

    blanks(t);
    switch (*t->at) {
    case '{':
        return nested(t, VALUE_STRUCT, members);
    case '[':
        return nested(t, VALUE_LIST, elements);
    case '"':
        if (!string(t, &bytes, &n))
            return false;
        pb_put_bytes(t->to, VALUE_TEXT, bytes, n);
        return true;
    case 't':
        return word(t, "true", VALUE_BOOL, 1);
    case 'f':
        return word(t, "false", VALUE_BOOL, 0);
    case 'n':
        return word(t, "null", VALUE_NULL, 0);
    default:
        return number(t);
    }
}

int pb_put_json(struct buf *b, const char *json)
{
    struct text t = {.at = json, .to = b};
    size_t before = b->n;
    bool good = members(&t);

    if (good)
        blanks(&t);
    buf_done(&t.plain);
    if (good && !*t.at)
        return 0;
    b->n = before;
    return -1;
}
