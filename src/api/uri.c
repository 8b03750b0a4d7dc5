#include "api/uri.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/utf8.h"
#include "base/limits.h"

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

char *uri_decode(const char *text, size_t n, bool plus, struct arena *a)
{
    char *to = arena_alloc(a, n + 1), *at = to;

    for (size_t i = 0; i < n; i++) {
        if (text[i] != '%') {
            *at++ = plus && text[i] == '+' ? ' ' : text[i];
            continue;
        }
        if (i + 2 >= n || hex(text[i + 1]) < 0 || hex(text[i + 2]) < 0)
            return NULL;
        *at = (char)(hex(text[i + 1]) << 4 | hex(text[i + 2]));
        if (!*at++)
            return NULL;
        i += 2;
    }
    *at = '\0';
    return to;
}

/* Valid UTF-8 in a NUL-terminated text. */
static bool is_utf8(const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t left = strlen(text), n;

    for (; left > 0; s += n, left -= n)
        if ((n = utf8_sequence(s, left)) == 0)
            return false;
    return true;
}

static const char *decode_arg(const char *text, size_t n, struct arena *a, struct dh_err *err)
{
    const char *r = uri_decode(text, n, true, a);

    if (!r || !is_utf8(r)) {
        (void)dh_fail(err, DH_INVALID, "the query of the address has a bad escape");
        return NULL;
    }
    return r;
}

int uri_read(const char *text, struct arena *a, struct uri *ret, struct dh_err *err)
{
    const char *query = strchr(text, '?');
    size_t n_path = query ? (size_t)(query - text) : strlen(text), n = 1;
    struct uri uri = {.path = arena_strndup(a, text, n_path)};

    if (!is_utf8(uri.path))
        return dh_fail(err, DH_INVALID, "the path is not UTF-8");
    for (const char *s = query; s && *s; s++)
        n += *s == '&';
    if (n > LIMIT_HTTP_ARGS)
        return dh_fail(err, DH_INVALID, "more than %d arguments", LIMIT_HTTP_ARGS);
    uri.args = arena_alloc(a, n * sizeof *uri.args);
    for (const char *s = query ? query + 1 : ""; *s;) {
        size_t len = strcspn(s, "&"), key = strcspn(s, "=&");
        struct uri_arg *arg = &uri.args[uri.n_args];

        if (len > 0) {
            arg->key = decode_arg(s, key, a, err);
            arg->value = key < len ? decode_arg(s + key + 1, len - key - 1, a, err) : "";
            if (!arg->key || !arg->value)
                return -1;
            uri.n_args++;
        }
        s += len + (s[len] == '&');
    }
    *ret = uri;
    return 0;
}

const char *uri_arg(const struct uri *uri, const char *key)
{
    for (size_t i = 0; i < uri->n_args; i++)
        if (!strcmp(uri->args[i].key, key))
            return uri->args[i].value;
    return NULL;
}

/* One segment of the path against one of the template. */
static bool match_segment(const char *t, size_t n_t, const char *p, size_t n_p, struct arena *a,
                          const char **params, size_t *n_params)
{
    bool rest = n_t == 3 && !memcmp(t, "{*}", 3);
    const char *text;
    size_t n_verb;

    if (!rest && (n_t < 2 || t[0] != '{' || t[1] != '}'))
        return n_t == n_p && !memcmp(t, p, n_t);
    n_verb = rest ? 0 : n_t - 2;
    if (n_p <= n_verb || memcmp(p + n_p - n_verb, t + 2, n_verb) != 0 || *n_params == URI_PARAMS)
        return false;
    text = uri_decode(p, n_p - n_verb, false, a);
    if (!text || !*text || !is_utf8(text))
        return false;
    params[(*n_params)++] = text;
    return true;
}

bool uri_match(const char *template, const char *path, struct arena *a,
               const char *params[URI_PARAMS])
{
    size_t n_params = 0;

    for (;;) {
        bool rest = !strcmp(template, "{*}");
        size_t n_t = strcspn(template, "/"), n_p = rest ? strlen(path) : strcspn(path, "/");

        if (!match_segment(template, n_t, path, n_p, a, params, &n_params))
            return false;
        template += n_t;
        path += n_p;
        if (!*template || !*path)
            return !*template && !*path;
        template ++;
        path++;
    }
}

/* ---- multipart/form-data ---- */

/* A parameter of a header's value: NAME="…" or NAME=…; NULL: not there. */
static const char *header_param(const char *value, size_t n, const char *name, struct arena *a)
{
    size_t n_name = strlen(name);

    for (size_t i = 0; i < n; i++) {
        bool quoted;
        size_t start, end;

        if (value[i] != ';')
            continue;
        for (i++; i < n && (value[i] == ' ' || value[i] == '\t'); i++)
            ;
        if (i + n_name + 1 >= n || strncasecmp(value + i, name, n_name) != 0 ||
            value[i + n_name] != '=') {
            i--;
            continue;
        }
        start = i + n_name + 1;
        quoted = value[start] == '"';
        start += quoted;
        for (end = start; end < n && (quoted ? value[end] != '"' : !strchr("; \t\r\n", value[end]));
             end++)
            ;
        return memchr(value + start, '\0', end - start)
                   ? NULL
                   : arena_strndup(a, value + start, end - start);
    }
    return NULL;
}

const char *uri_boundary(const char *type, struct arena *a)
{
    const char *boundary;

    if (!type || strncasecmp(type, "multipart/form-data", 19) != 0)
        return NULL;
    boundary = header_param(type, strlen(type), "boundary", a);
    return boundary && *boundary && strlen(boundary) <= 200 ? boundary : NULL;
}

static const char *find(const char *at, const char *end, const char *what, size_t n)
{
    return at <= end ? memmem(at, (size_t)(end - at), what, n) : NULL;
}

/* The headers of a part: only its disposition is of use. */
static void read_headers(const char *at, const char *end, struct arena *a, struct uri_part *ret)
{
    static const char name[] = "content-disposition:";

    while (at < end) {
        const char *line = find(at, end, "\r\n", 2);
        size_t n = (size_t)((line ? line : end) - at);

        if (n >= sizeof name - 1 && !strncasecmp(at, name, sizeof name - 1)) {
            ret->name = header_param(at, n, "name", a);
            ret->file = header_param(at, n, "filename", a);
        }
        at += n + 2;
    }
}

int uri_part(const char *body, size_t n, const char *boundary, const char *name, struct arena *a,
             struct uri_part *ret, struct dh_err *err)
{
    const char *mark = arena_printf(a, "\r\n--%s", boundary), *end = body + n, *at = body;
    size_t n_mark = strlen(mark);

    if (n < n_mark - 2 || memcmp(body, mark + 2, n_mark - 2) != 0)
        return dh_fail(err, DH_INVALID, "the body does not begin with its boundary");
    at += n_mark - 2;
    for (int parts = 0; parts < 100; parts++) {
        struct uri_part part = {0};
        const char *headers, *next;

        if (end - at >= 2 && at[0] == '-' && at[1] == '-')
            break;
        if (end - at < 2 || at[0] != '\r' || at[1] != '\n')
            return dh_fail(err, DH_INVALID, "the body's parts are not well formed");
        headers = find(at, end, "\r\n\r\n", 4);
        next = headers ? find(headers + 2, end, mark, n_mark) : NULL;
        if (!next)
            return dh_fail(err, DH_INVALID, "the body's parts are cut short");
        read_headers(at + 2, headers, a, &part);
        part.bytes = headers + 4 > next ? next : headers + 4;
        part.n = (size_t)(next - part.bytes);
        if (part.name && !strcmp(part.name, name)) {
            *ret = part;
            return 0;
        }
        at = next + n_mark;
    }
    return dh_fail(err, DH_INVALID, "the body has no part '%s'", name);
}

/* ---- ranges ---- */

int uri_range(const char *header, int64_t size, int64_t *ret_from, int64_t *ret_to)
{
    char *end;
    long long from, to;

    if (!header || strncasecmp(header, "bytes=", 6) != 0 || strchr(header, ','))
        return 1;
    header += 6;
    if (*header == '-') {
        from = strtoll(header + 1, &end, 10);
        if (end == header + 1 || *end || from < 0)
            return 1;
        if (from == 0)
            return -1;
        *ret_from = from >= size ? 0 : size - from;
        *ret_to = size;
        return size > 0 ? 0 : -1;
    }
    from = strtoll(header, &end, 10);
    if (end == header || *end != '-' || from < 0)
        return 1;
    to = size - 1;
    if (end[1]) {
        const char *last = end + 1;

        to = strtoll(last, &end, 10);
        if (*end || end == last || to < from)
            return 1;
    }
    if (from >= size)
        return -1;
    *ret_from = from;
    *ret_to = to >= size ? size : to + 1;
    return 0;
}
