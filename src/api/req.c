#include "api/req.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct jw *req_json(struct req *r)
{
    r->type = "application/json";
    r->jw = (struct jw){.to = &r->out};
    return &r->jw;
}

int req_empty(struct req *r)
{
    struct jw *w = req_json(r);

    jw_begin(w, '{');
    jw_end(w, '}');
    return 0;
}

void req_js(struct req *r, struct js *v)
{
    r->type = "application/json";
    js_write(v, JS_COMPACT, &r->out);
    js_free(v);
}

void req_header(struct req *r, const char *name, const char *value)
{
    if (r->n_headers < REQ_HEADERS) {
        r->headers[r->n_headers].name = name;
        r->headers[r->n_headers++].value = value;
    }
}

int req_fail(struct req *r, struct dh_err *err, enum grpc code, const char *fmt, ...)
{
    va_list ap;
    char *text;

    va_start(ap, fmt);
    text = dh_vprintf(fmt, ap);
    va_end(ap);
    r->code = code;
    (void)dh_fail(err, DH_INVALID, "%s", text);
    free(text);
    return -1;
}

const char *req_arg(const struct req *r, const char *key)
{
    const char *value = uri_arg(&r->uri, key);

    return value && *value ? value : NULL;
}

int req_arg_int(struct req *r, const char *key, int64_t other, int64_t *ret, struct dh_err *err)
{
    const char *text = req_arg(r, key);
    char *end;
    long long n;

    *ret = other;
    if (!text)
        return 0;
    n = strtoll(text, &end, 10);
    if (*end || isspace((unsigned char)*text))
        return req_fail(r, err, GRPC_INVALID_ARGUMENT, "%s: expected a whole number, got '%s'", key,
                        text);
    *ret = n;
    return 0;
}

bool req_arg_true(const struct req *r, const char *key)
{
    const char *text = req_arg(r, key);

    return text && (!strcmp(text, "1") || !strcmp(text, "true") || !strcmp(text, "True"));
}

/* "max_concurrency" as "maxConcurrency". */
static void camel(const char *key, char to[64])
{
    size_t n = 0;

    for (; *key && n < 62; key++) {
        if (*key == '_' && key[1])
            to[n++] = (char)toupper((unsigned char)*++key);
        else
            to[n++] = *key;
    }
    to[n] = '\0';
}

struct js *req_member(const struct js *object, const char *key)
{
    char other[64];
    struct js *v = js_get(object, key);

    if (!v && strchr(key, '_')) {
        camel(key, other);
        v = js_get(object, other);
    }
    return js_is(v, JS_NULL) ? NULL : v;
}

int req_text(struct req *r, const struct js *object, const char *key, const char **ret,
             struct dh_err *err)
{
    const struct js *v = req_member(object, key);

    *ret = NULL;
    if (!v)
        return 0;
    if (!js_is(v, JS_STRING))
        return req_fail(r, err, GRPC_INVALID_ARGUMENT, "%s: expected a string, got a %s", key,
                        js_kind_name(v));
    if (strlen(js_text(v)) != js_text_len(v))
        return req_fail(r, err, GRPC_INVALID_ARGUMENT, "%s: has a zero byte in it", key);
    *ret = js_text(v);
    return 0;
}

static bool in_list(const char *keys, const char *key)
{
    while (*keys) {
        size_t n = strcspn(keys, " ");
        char snake[64], other[64];

        if (n < sizeof snake) {
            (void)memcpy(snake, keys, n);
            snake[n] = '\0';
            camel(snake, other);
            if (!strcmp(key, snake) || !strcmp(key, other))
                return true;
        }
        keys += n + (keys[n] == ' ');
    }
    return false;
}

int req_only(struct req *r, const struct js *object, const char *keys, const char *what,
             struct dh_err *err)
{
    if (object && !js_is(object, JS_OBJECT) && !js_is(object, JS_NULL))
        return req_fail(r, err, GRPC_INVALID_ARGUMENT, "%s: expected an object, got a %s", what,
                        js_kind_name(object));
    for (js_each(object, it))
        if (!in_list(keys, it.key))
            return req_fail(r, err, GRPC_INVALID_ARGUMENT, "%s: unknown field \"%s\"", what,
                            it.key);
    return 0;
}
