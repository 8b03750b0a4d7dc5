/* dhow/json.h - memory, text and JSON for the headers beside it. Names that begin with dhow__ may
 * change. */
#ifndef DHOW_JSON_H
#define DHOW_JSON_H

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __GNUC__
#define DHOW_PRINTF(at_, first_) __attribute__((format(printf, at_, first_)))
#define DHOW_UNUSED __attribute__((unused))
#else
#define DHOW_PRINTF(at_, first_)
#define DHOW_UNUSED
#endif

/* ---- memory: blocks that go with the step ---- */

struct dhow__block {
    struct dhow__block *next;
    max_align_t bytes[1];
};

struct dhow__memory {
    struct dhow__block *first; /* small pieces are cut from it */
    size_t used, size;
};

enum { DHOW__BLOCK = 3900 }; /* with its head and the allocator's, within a page */

static DHOW_UNUSED struct dhow__block *dhow__new_block(size_t n)
{
    struct dhow__block *block = NULL;
    if (n < SIZE_MAX - sizeof *block)
        block = (struct dhow__block *)calloc(1, sizeof *block + n);
    if (!block) {
        fprintf(stderr, "out of memory: %zu bytes\n", n);
        exit(3);
    }
    return block;
}

/* Zeroed, aligned for any type. */
static DHOW_UNUSED void *dhow__take(struct dhow__memory *memory, size_t n)
{
    const size_t unit = sizeof(max_align_t);
    struct dhow__block *block;
    char *at;
    if (n > DHOW__BLOCK / 4) { /* one of its own, behind the one that is cut */
        block = dhow__new_block(n);
        if (memory->first) {
            block->next = memory->first->next;
            memory->first->next = block;
        } else {
            memory->first = block;
            memory->used = memory->size = 0;
        }
        return block->bytes;
    }
    n = (n + unit - 1) / unit * unit;
    if (memory->size - memory->used < n) {
        block = dhow__new_block(DHOW__BLOCK);
        block->next = memory->first;
        memory->first = block;
        memory->used = 0;
        memory->size = DHOW__BLOCK;
    }
    at = (char *)memory->first->bytes + memory->used;
    memory->used += n;
    return at;
}

static DHOW_UNUSED void dhow__forget(struct dhow__memory *memory)
{
    while (memory->first) {
        struct dhow__block *next = memory->first->next;
        free(memory->first);
        memory->first = next;
    }
    memory->used = memory->size = 0;
}

static DHOW_UNUSED char *dhow__copy(struct dhow__memory *memory, const char *text, size_t n)
{
    char *to = (char *)dhow__take(memory, n + 1);
    if (n)
        memcpy(to, text, n);
    return to;
}

static DHOW_UNUSED const char *dhow__print(struct dhow__memory *memory, const char *format,
                                           va_list ap)
{
    va_list again;
    int n;
    char *to;
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (n < 0)
        return "";
    to = (char *)dhow__take(memory, (size_t)n + 1);
    vsnprintf(to, (size_t)n + 1, format, ap);
    return to;
}

/* ---- text that grows ---- */

struct dhow__text {
    struct dhow__memory *memory;
    char *p; /* NUL-terminated once something was added */
    size_t n, cap;
};

static DHOW_UNUSED void dhow__add(struct dhow__text *to, const char *text, size_t n)
{
    if (to->cap - to->n <= n) {
        size_t cap = (to->n + n + 1) * 2;
        char *more = (char *)dhow__take(to->memory, cap);
        if (to->n)
            memcpy(more, to->p, to->n);
        to->p = more;
        to->cap = cap;
    }
    if (n)
        memcpy(to->p + to->n, text, n);
    to->n += n;
    to->p[to->n] = 0;
}

static DHOW_UNUSED void dhow__adds(struct dhow__text *to, const char *text)
{
    dhow__add(to, text, strlen(text));
}

/* A JSON string; bytes that JSON wants escaped are, all others stand as they are. */
static DHOW_UNUSED void dhow__add_string(struct dhow__text *to, const char *text)
{
    dhow__adds(to, "\"");
    for (const char *p = text; *p; p++) {
        char escaped[8] = {*p, 0};
        if (*p == '"' || *p == '\\')
            snprintf(escaped, sizeof escaped, "\\%c", *p);
        else if ((unsigned char)*p < 0x20)
            snprintf(escaped, sizeof escaped, "\\u%04x", (unsigned)*p);
        dhow__adds(to, escaped);
    }
    dhow__adds(to, "\"");
}

/* The shortest of 15 to 17 digits that reads back as `d`; what JSON has no number for is a string.
 */
static DHOW_UNUSED void dhow__add_number(struct dhow__text *to, double d)
{
    char text[40] = "";
    if (isnan(d) || isinf(d)) {
        dhow__adds(to, isnan(d) ? "\"NaN\"" : d > 0 ? "\"Infinity\"" : "\"-Infinity\"");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        double back;
        snprintf(text, sizeof text, "%.*g", digits, d);
        back = strtod(text, NULL);
        if (!(back < d) && !(back > d))
            break;
    }
    for (char *p = text; *p; p++) /* the program may have set a locale */
        if (*p == ',')
            *p = '.';
    dhow__adds(to, text);
}

/* ---- JSON: read as RFC 8259 ---- */

enum dhow__json_kind {
    DHOW__JSON_NULL,
    DHOW__JSON_TRUE,
    DHOW__JSON_FALSE,
    DHOW__JSON_NUMBER,
    DHOW__JSON_STRING,
    DHOW__JSON_ARRAY,
    DHOW__JSON_OBJECT
};

struct dhow__json {
    enum dhow__json_kind kind;
    const char *key; /* in an object */
    const char *raw; /* the value's text as it stood: n bytes, see dhow__raw */
    size_t n;
    const char *text; /* a string's value; a number's text */
    struct dhow__json *child, *next;
};

struct dhow__reader {
    struct dhow__memory *memory;
    const char *at;
    int depth;
};

enum { DHOW__JSON_DEPTH = 200 };

static DHOW_UNUSED void dhow__blanks(struct dhow__reader *r)
{
    r->at += strspn(r->at, " \t\r\n");
}

static DHOW_UNUSED int dhow__hex(const char *p, unsigned *ret)
{
    *ret = 0;
    for (int i = 0; i < 4; i++) {
        unsigned char c = (unsigned char)p[i];
        if (!isxdigit(c))
            return -1;
        *ret = *ret * 16 + (unsigned)(isdigit(c) ? c - '0' : tolower(c) - 'a' + 10);
    }
    return 0;
}

static DHOW_UNUSED char *dhow__utf8(char *to, unsigned c)
{
    if (c < 0x80) {
        *to++ = (char)c;
    } else if (c < 0x800) {
        *to++ = (char)(0xC0 | c >> 6);
        *to++ = (char)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        *to++ = (char)(0xE0 | c >> 12);
        *to++ = (char)(0x80 | (c >> 6 & 0x3F));
        *to++ = (char)(0x80 | (c & 0x3F));
    } else {
        *to++ = (char)(0xF0 | c >> 18);
        *to++ = (char)(0x80 | (c >> 12 & 0x3F));
        *to++ = (char)(0x80 | (c >> 6 & 0x3F));
        *to++ = (char)(0x80 | (c & 0x3F));
    }
    return to;
}

/* After "\u"; surrogates come in pairs, and a NUL cannot stand in a C string. NULL: wrong. */
static DHOW_UNUSED char *dhow__unescape_unicode(struct dhow__reader *r, char *to)
{
    unsigned c, low;
    if (dhow__hex(r->at, &c) < 0 || c == 0)
        return NULL;
    r->at += 4;
    if (c >= 0xD800 && c < 0xDC00) {
        if (r->at[0] != '\\' || r->at[1] != 'u' || dhow__hex(r->at + 2, &low) < 0 || low < 0xDC00 ||
            low > 0xDFFF)
            return NULL;
        r->at += 6;
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
    } else if (c >= 0xDC00 && c <= 0xDFFF) {
        return NULL;
    }
    return dhow__utf8(to, c);
}

/* The value is never longer than its text. */
static DHOW_UNUSED int dhow__read_string(struct dhow__reader *r, const char **ret)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const char *end = ++r->at;
    char *to;
    while (*end && *end != '"')
        end += *end == '\\' && end[1] ? 2 : 1;
    if (!*end)
        return -1;
    *ret = to = (char *)dhow__take(r->memory, (size_t)(end - r->at) + 1);
    while (r->at < end) {
        const char *name;
        if ((unsigned char)*r->at < 0x20)
            return -1;
        if (*r->at != '\\') {
            *to++ = *r->at++;
            continue;
        }
        r->at++;
        if (*r->at == 'u') {
            r->at++;
            to = dhow__unescape_unicode(r, to);
            if (!to)
                return -1;
            continue;
        }
        name = *r->at ? strchr(names, *r->at) : NULL;
        if (!name)
            return -1;
        *to++ = values[name - names];
        r->at++;
    }
    r->at = end + 1;
    return 0;
}

static DHOW_UNUSED int dhow__read_number(struct dhow__reader *r)
{
    const char *p = r->at + (*r->at == '-');
    size_t digits = strspn(p, "0123456789");
    if (digits == 0 || (digits > 1 && *p == '0'))
        return -1;
    p += digits;
    if (*p == '.') {
        digits = strspn(p + 1, "0123456789");
        if (!digits)
            return -1;
        p += 1 + digits;
    }
    if (*p == 'e' || *p == 'E') {
        p += 1 + (p[1] == '+' || p[1] == '-');
        digits = strspn(p, "0123456789");
        if (!digits)
            return -1;
        p += digits;
    }
    r->at = p;
    return 0;
}

static DHOW_UNUSED int dhow__read_value(struct dhow__reader *r, struct dhow__json **ret);

static DHOW_UNUSED int dhow__read_member(struct dhow__reader *r, bool object,
                                         struct dhow__json **ret)
{
    const char *key = NULL;
    dhow__blanks(r);
    if (object) {
        if (*r->at != '"' || dhow__read_string(r, &key) < 0)
            return -1;
        dhow__blanks(r);
        if (*r->at++ != ':')
            return -1;
    }
    if (dhow__read_value(r, ret) < 0)
        return -1;
    (*ret)->key = key;
    dhow__blanks(r);
    return 0;
}

static DHOW_UNUSED int dhow__read_members(struct dhow__reader *r, struct dhow__json *v)
{
    const char end = *r->at == '{' ? '}' : ']';
    struct dhow__json **tail = &v->child;
    if (++r->depth > DHOW__JSON_DEPTH)
        return -1;
    r->at++;
    dhow__blanks(r);
    while (*r->at != end) {
        if (dhow__read_member(r, end == '}', tail) < 0)
            return -1;
        tail = &(*tail)->next;
        if (*r->at == ',' && r->at[1 + strspn(r->at + 1, " \t\r\n")] != end)
            r->at++;
        else if (*r->at != end)
            return -1;
    }
    r->at++;
    r->depth--;
    return 0;
}

static DHOW_UNUSED int dhow__read_word(struct dhow__reader *r, struct dhow__json *v)
{
    static const char *const words[] = {"null", "true", "false"};
    for (int i = 0; i < 3; i++)
        if (strncmp(r->at, words[i], strlen(words[i])) == 0) {
            v->kind = (enum dhow__json_kind)(DHOW__JSON_NULL + i);
            r->at += strlen(words[i]);
            return 0;
        }
    return -1;
}

static DHOW_UNUSED int dhow__read_value(struct dhow__reader *r, struct dhow__json **ret)
{
    struct dhow__json *v = (struct dhow__json *)dhow__take(r->memory, sizeof *v);
    const char *start;
    int rc;
    dhow__blanks(r);
    *ret = v;
    start = r->at;
    if (*r->at == '{' || *r->at == '[') {
        v->kind = *r->at == '{' ? DHOW__JSON_OBJECT : DHOW__JSON_ARRAY;
        rc = dhow__read_members(r, v);
    } else if (*r->at == '"') {
        v->kind = DHOW__JSON_STRING;
        rc = dhow__read_string(r, &v->text);
    } else if (*r->at == '-' || isdigit((unsigned char)*r->at)) {
        v->kind = DHOW__JSON_NUMBER;
        rc = dhow__read_number(r);
    } else {
        rc = dhow__read_word(r, v);
    }
    if (rc < 0)
        return -1;
    v->raw = start;
    v->n = (size_t)(r->at - start);
    if (v->kind == DHOW__JSON_NUMBER)
        v->text = dhow__copy(r->memory, v->raw, v->n);
    return 0;
}

/* NULL: `text` is no JSON, or too deep; *ret_at is where. */
static DHOW_UNUSED struct dhow__json *dhow__read_json(struct dhow__memory *memory, const char *text,
                                                      size_t *ret_at)
{
    struct dhow__reader r = {memory, text, 0};
    struct dhow__json *v = NULL;
    int rc = dhow__read_value(&r, &v);
    dhow__blanks(&r);
    *ret_at = (size_t)(r.at - text);
    return rc < 0 || *r.at ? NULL : v;
}

/* The value's text by itself; what was read has to be there still. */
static DHOW_UNUSED const char *dhow__raw(struct dhow__memory *memory, const struct dhow__json *v)
{
    return dhow__copy(memory, v->raw, v->n);
}

/* The member, or NULL; a null counts as none. */
static DHOW_UNUSED const struct dhow__json *dhow__get(const struct dhow__json *v, const char *key)
{
    if (v && v->kind == DHOW__JSON_OBJECT)
        for (const struct dhow__json *c = v->child; c; c = c->next)
            if (strcmp(c->key, key) == 0)
                return c->kind == DHOW__JSON_NULL ? NULL : c;
    return NULL;
}

static DHOW_UNUSED const char *dhow__get_text(const struct dhow__json *v, const char *key)
{
    const struct dhow__json *c = dhow__get(v, key);
    return c && c->kind == DHOW__JSON_STRING ? c->text : "";
}

#endif
