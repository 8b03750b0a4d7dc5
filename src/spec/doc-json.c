/* The JSON reader (RFC 8259). JSON is not quite a subset of YAML: escaped surrogate pairs and raw
 * line separators inside strings mean something else there, and 1e5 is a string to PyYAML. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "spec/doc-priv.h"
#include "spec/doc.h"

struct json {
    struct doc_build b;
    const char *bytes;
    size_t n, at;
    size_t line;
    size_t column_at; /* `column` is that of this byte: counted on as it is asked for */
    uint32_t column;
    struct buf text; /* of the string being read */
};

static uint32_t line_of(const struct json *j)
{
    return (uint32_t)j->line;
}

static uint32_t column_of(struct json *j)
{
    for (; j->column_at < j->at; j->column_at++)
        j->column += ((unsigned char)j->bytes[j->column_at] & 0xC0) != 0x80;
    return j->column;
}

static int fail(struct json *j, const char *what)
{
    return doc_fail(&j->b, j->line, column_of(j), "not JSON: %s", what);
}

static int peek(const struct json *j)
{
    return j->at < j->n ? (unsigned char)j->bytes[j->at] : -1;
}

static void skip_blanks(struct json *j)
{
    for (; j->at < j->n; j->at++) {
        char c = j->bytes[j->at];

        if (c == '\n') {
            j->line++;
            j->column_at = j->at + 1;
            j->column = 1;
        } else if (c != ' ' && c != '\t' && c != '\r') {
            break;
        }
    }
}

static bool hex4(const struct json *j, size_t at, unsigned *ret)
{
    unsigned v = 0;

    if (at + 4 > j->n)
        return false;
    for (size_t i = at; i < at + 4; i++) {
        char c = j->bytes[i];

        if (c >= '0' && c <= '9')
            v = v * 16 + (unsigned)(c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            v = v * 16 + (unsigned)((c | 0x20) - 'a') + 10;
        else
            return false;
    }
    *ret = v;
    return true;
}

static void add_utf8(struct buf *to, unsigned c)
{
    if (c < 0x80) {
        buf_addc(to, (char)c);
    } else if (c < 0x800) {
        buf_addc(to, (char)(0xC0 | (c >> 6)));
        buf_addc(to, (char)(0x80 | (c & 0x3F)));
    } else if (c < 0x10000) {
        buf_addc(to, (char)(0xE0 | (c >> 12)));
        buf_addc(to, (char)(0x80 | ((c >> 6) & 0x3F)));
        buf_addc(to, (char)(0x80 | (c & 0x3F)));
    } else {
        buf_addc(to, (char)(0xF0 | (c >> 18)));
        buf_addc(to, (char)(0x80 | ((c >> 12) & 0x3F)));
        buf_addc(to, (char)(0x80 | ((c >> 6) & 0x3F)));
        buf_addc(to, (char)(0x80 | (c & 0x3F)));
    }
}

/* \uXXXX, with its second half where it is a surrogate; one that stands alone becomes U+FFFD. */
static int read_unicode(struct json *j)
{
    unsigned c, low;

    if (!hex4(j, j->at + 1, &c))
        return fail(j, "\\u needs four hexadecimal digits");
    j->at += 5;
    if (c >= 0xD800 && c < 0xDC00 && j->at + 1 < j->n && j->bytes[j->at] == '\\' &&
        j->bytes[j->at + 1] == 'u' && hex4(j, j->at + 2, &low) && low >= 0xDC00 && low < 0xE000) {
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
        j->at += 6;
    }
    if (c == 0)
        return fail(j, "text may not contain a NUL character");
    add_utf8(&j->text, c >= 0xD800 && c < 0xE000 ? 0xFFFD : c);
    return 0;
}

static int read_escape(struct json *j)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *p;
    int c;

    j->at++;
    c = peek(j);
    if (c == 'u')
        return read_unicode(j);
    p = c > 0 ? strchr(from, c) : NULL;
    if (!p)
        return fail(j, "unknown escape in a string");
    buf_addc(&j->text, to[p - from]);
    j->at++;
    return 0;
}

/* The length of the UTF-8 sequence at `s`, or 0 where it is none. */
static size_t utf8_len(const unsigned char *s, size_t n)
{
    static const struct {
        unsigned char first, last; /* of the first byte */
        unsigned char least,
            most; /* of the second: no overlong form, no surrogate, not too large */
        size_t len;
    } forms[] = {
        {0x00, 0x7F, 0, 0, 1},       {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
        {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
        {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4}};
    size_t i = 0, n_forms = sizeof forms / sizeof *forms;

    while (i < n_forms && (s[0] < forms[i].first || s[0] > forms[i].last))
        i++;
    if (i == n_forms || forms[i].len > n)
        return 0;
    if (forms[i].len > 1 && (s[1] < forms[i].least || s[1] > forms[i].most))
        return 0;
    for (size_t k = 2; k < forms[i].len; k++)
        if ((s[k] & 0xC0) != 0x80)
            return 0;
    return forms[i].len;
}

static int read_string(struct json *j, struct doc_node *node)
{
    const unsigned char *bytes = (const unsigned char *)j->bytes;

    buf_reset(&j->text);
    j->at++;
    for (;;) {
        int c = peek(j);
        size_t len;

        if (c < 0)
            return fail(j, "a string does not end");
        if (c == '"')
            break;
        if (c == '\\') {
            if (read_escape(j) < 0)
                return -1;
            continue;
        }
        if (c < 0x20)
            return fail(j, "a control character in a string must be escaped");
        len = utf8_len(bytes + j->at, j->n - j->at);
        if (len == 0)
            return fail(j, "text that is not UTF-8");
        buf_add(&j->text, j->bytes + j->at, len);
        j->at += len;
    }
    j->at++;
    node->kind = DOC_STRING;
    node->n = (uint32_t)j->text.n;
    node->text = doc_text(&j->b, buf_str(&j->text), j->text.n);
    return 0;
}

static size_t digits_at(const struct json *j, size_t at)
{
    size_t n = 0;

    while (at + n < j->n && j->bytes[at + n] >= '0' && j->bytes[at + n] <= '9')
        n++;
    return n;
}

static int read_number(struct json *j, struct doc_node *node)
{
    bool negative = peek(j) == '-', whole = true;
    size_t start = j->at + negative, at = start, n = digits_at(j, at);

    if (n == 0 || (n > 1 && j->bytes[start] == '0'))
        return fail(j, "expected a value");
    at += n;
    if (at < j->n && j->bytes[at] == '.') {
        whole = false;
        n = digits_at(j, at + 1);
        if (n == 0)
            return fail(j, "a number needs digits after its point");
        at += 1 + n;
    }
    if (at < j->n && (j->bytes[at] | 0x20) == 'e') {
        whole = false;
        at++;
        at += at < j->n && (j->bytes[at] == '-' || j->bytes[at] == '+');
        n = digits_at(j, at);
        if (n == 0)
            return fail(j, "a number needs digits in its exponent");
        at += n;
    }
    if (whole) {
        doc_integer(j->bytes + start, at - start, 10, negative, node);
    } else {
        own_mem char *copy = dh_strndup(j->bytes + j->at, at - j->at);

        node->kind = DOC_REAL;
        node->real = strtod(copy, NULL);
    }
    j->at = at;
    return 0;
}

static bool read_word(struct json *j, const char *word)
{
    size_t n = strlen(word);

    if (j->n - j->at < n || memcmp(j->bytes + j->at, word, n) != 0)
        return false;
    j->at += n;
    return true;
}

static int read_scalar(struct json *j)
{
    struct doc_node node = {.line = line_of(j), .column = column_of(j)};
    int c = peek(j), rc = 0;

    if (c == '"') {
        rc = read_string(j, &node);
    } else {
        node.plain = true;
        if (read_word(j, "true")) {
            node.kind = DOC_BOOL;
            node.boolean = true;
        } else if (read_word(j, "false")) {
            node.kind = DOC_BOOL;
        } else if (read_word(j, "null")) {
            node.kind = DOC_NULL;
        } else {
            rc = read_number(j, &node);
        }
    }
    return rc < 0 ? -1 : doc_push(&j->b, node);
}

static int read_key(struct json *j)
{
    skip_blanks(j);
    if (peek(j) != '"')
        return fail(j, "expected a key in double quotes");
    if (read_scalar(j) < 0)
        return -1;
    skip_blanks(j);
    if (peek(j) != ':')
        return fail(j, "expected ':' after a key");
    j->at++;
    return 0;
}

/* After a value: closes what ends here, and stands before the next value (1) or at the end (0). */
static int go_on(struct json *j)
{
    while (j->b.depth) {
        bool map = j->b.frames[j->b.depth - 1].map;
        struct doc_frame f;
        int c;

        skip_blanks(j);
        c = peek(j);
        if (c == ',') {
            j->at++;
            return map && read_key(j) < 0 ? -1 : 1;
        }
        if (c != (map ? '}' : ']'))
            return fail(j, map ? "expected ',' or '}' after a member"
                               : "expected ',' or ']' after an element");
        j->at++;
        if (doc_close(&j->b, &f) < 0)
            return -1;
    }
    return 0;
}

/* At '{' or '[': 1 where a value comes next, 0 where the collection was empty (and is closed). */
static int open_collection(struct json *j, bool map)
{
    struct doc_frame f;

    if (doc_open(&j->b, map, line_of(j), column_of(j), NULL) < 0)
        return -1;
    j->at++;
    skip_blanks(j);
    if (peek(j) == (map ? '}' : ']')) {
        j->at++;
        return doc_close(&j->b, &f) < 0 ? -1 : 0;
    }
    return map && read_key(j) < 0 ? -1 : 1;
}

static int read_all(struct json *j)
{
    int more = 1;

    while (more > 0) {
        int c;

        skip_blanks(j);
        c = peek(j);
        if (c == '{' || c == '[') {
            more = open_collection(j, c == '{');
            if (more != 0)
                continue;
        } else if (read_scalar(j) < 0) {
            return -1;
        }
        more = go_on(j);
    }
    if (more < 0)
        return -1;
    skip_blanks(j);
    return j->at == j->n ? 0 : fail(j, "text after the end of the value");
}

int doc_read_json(struct arena *nodes, struct arena *text, const char *name, const char *bytes,
                  size_t n, struct doc *ret, struct dh_err *err)
{
    own_mem struct json *j = dh_zalloc(1, sizeof *j);
    int rc;

    j->b = (struct doc_build){
        .nodes = nodes, .text = text, .name = name, .err = err, .max_depth = DOC_MAX_DEPTH};
    j->bytes = bytes;
    j->n = n;
    j->line = 1;
    j->column = 1;
    rc = read_all(j);
    if (rc == 0) {
        ret->documents = arena_alloc(nodes, sizeof(struct doc_node));
        ret->documents[0] = j->b.stack[0];
        ret->n = 1;
    }
    buf_done(&j->text);
    doc_build_done(&j->b);
    return rc;
}
