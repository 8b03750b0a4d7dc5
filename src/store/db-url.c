/* The address of a database on a server. */
#include "store/db-url.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/own.h"

static const struct {
    const char *scheme;
    enum db_server server;
} schemes[] = {
    {"postgresql://", DB_POSTGRES},
    {"postgres://", DB_POSTGRES},
    {"mysql://", DB_MYSQL},
    {"mariadb://", DB_MYSQL},
};

static enum db_server server_of(const char *text, const char **ret_rest)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (!strncmp(text, schemes[i].scheme, strlen(schemes[i].scheme))) {
            *ret_rest = text + strlen(schemes[i].scheme);
            return schemes[i].server;
        }
    return 0;
}

enum db_server db_url_server(const char *text)
{
    const char *rest;

    return server_of(text, &rest);
}

bool db_url_is(const char *text)
{
    return db_url_server(text) != 0;
}

static int hex(char c)
{
    return isdigit((unsigned char)c)    ? c - '0'
           : isxdigit((unsigned char)c) ? (c | 32) - 'a' + 10
                                        : -1;
}

/* NULL: a wrong escape, or one of a zero byte. */
static char *decoded(const char *from, size_t n)
{
    own_mem char *to = dh_alloc(n + 1);
    size_t at = 0;

    for (size_t i = 0; i < n; i++) {
        int value = (unsigned char)from[i];

        if (from[i] == '%') {
            if (i + 2 >= n || hex(from[i + 1]) < 0 || hex(from[i + 2]) < 0)
                return NULL;
            value = hex(from[i + 1]) * 16 + hex(from[i + 2]);
            i += 2;
        }
        if (value == 0)
            return NULL;
        to[at++] = (char)value;
    }
    to[at] = '\0';
    return take(&to);
}

static int part(const char *from, size_t n, char **ret, struct dh_err *err)
{
    if (n == 0)
        return 0;
    *ret = decoded(from, n);
    return *ret ? 0 : dh_fail(err, DH_INVALID, "the database's URL has a wrong %% escape");
}

static int params(const char *at, struct db_url *url, struct dh_err *err)
{
    while (*at) {
        size_t n = strcspn(at, "&"), name = strcspn(at, "=&");
        struct db_url_param *p = &url->params[url->n_params];

        if (url->n_params == sizeof url->params / sizeof *url->params)
            return dh_fail(err, DH_INVALID, "the database's URL has too many parameters");
        url->n_params++;
        if (part(at, name, &p->name, err) < 0 ||
            part(at + name + (name < n), n - name - (name < n), &p->value, err) < 0)
            return -1;
        if (!p->name || !p->value)
            return dh_fail(err, DH_INVALID,
                           "the database's URL: expected NAME=VALUE after '?', got '%.*s'",
                           (int)name, at);
        at += n + (at[n] == '&');
    }
    return 0;
}

static int host(const char *at, size_t n, struct db_url *url, struct dh_err *err)
{
    const char *end = at + n, *colon = memrchr(at, ':', n), *bracket = memchr(at, ']', n);

    if (n && *at == '[' && bracket) { /* an IPv6 address */
        if (part(at + 1, (size_t)(bracket - at) - 1, &url->host, err) < 0)
            return -1;
        colon = bracket + 1 < end && bracket[1] == ':' ? bracket + 1 : NULL;
    } else if (part(at, colon ? (size_t)(colon - at) : n, &url->host, err) < 0) {
        return -1;
    }
    if (!colon || colon + 1 == end)
        return 0;
    for (const char *p = colon + 1; p < end; p++) {
        if (!isdigit((unsigned char)*p) || url->port > 65535)
            return dh_fail(err, DH_INVALID, "the database's URL: '%.*s' is no port",
                           (int)(end - colon - 1), colon + 1);
        url->port = url->port * 10 + (unsigned)(*p - '0');
    }
    return url->port <= 65535 ? 0 : dh_fail(err, DH_INVALID, "the database's URL: no such port");
}

int db_url_parse(const char *text, struct db_url *ret, struct dh_err *err)
{
    struct db_url url = {0};
    const char *at, *query, *path, *userinfo, *colon;
    size_t n;
    int rc;

    url.server = server_of(text, &at);
    if (!url.server)
        return dh_fail(err, DH_INVALID,
                       "expected postgresql://… or mysql://…, got another kind of address");
    query = at + strcspn(at, "?");
    n = (size_t)(query - at);
    userinfo = memrchr(at, '@', n);
    rc = 0;
    if (userinfo) {
        colon = memchr(at, ':', (size_t)(userinfo - at));
        rc = part(at, (size_t)((colon ? colon : userinfo) - at), &url.user, err);
        if (rc == 0 && colon)
            rc = part(colon + 1, (size_t)(userinfo - colon - 1), &url.password, err);
        at = userinfo + 1;
        n = (size_t)(query - at);
    }
    path = memchr(at, '/', n);
    if (rc == 0)
        rc = host(at, path ? (size_t)(path - at) : n, &url, err);
    if (rc == 0 && path)
        rc = part(path + 1, (size_t)(query - path - 1), &url.database, err);
    if (rc == 0 && *query)
        rc = params(query + 1, &url, err);
    if (rc < 0)
        db_url_done(&url);
    else
        *ret = url;
    return rc;
}

void db_url_done(struct db_url *url)
{
    free(url->user);
    free(url->password);
    free(url->host);
    free(url->database);
    for (size_t i = 0; i < url->n_params; i++) {
        free(url->params[i].name);
        free(url->params[i].value);
    }
    *url = (struct db_url){0};
}

/* Works on the text alone, so that a URL that cannot be parsed shows nothing either: all between
 * the first ':' and the last '@' is the password. */
char *db_url_shown(const char *text)
{
    own_buf struct buf to = {0};
    const char *at, *query, *last, *colon;

    if (!server_of(text, &at))
        return dh_strdup(text);
    buf_add(&to, text, (size_t)(at - text));
    query = at + strcspn(at, "?");
    last = memrchr(at, '@', strlen(at));
    if (last && last > query) /* a '?' within the password */
        query = last + strcspn(last, "?");
    if (last && last < query) {
        colon = memchr(at, ':', (size_t)(last - at));
        buf_add(&to, at, (size_t)((colon ? colon : last) - at));
        at = last;
    }
    buf_add(&to, at, (size_t)(query - at));
    for (char sep = '?'; *query;) {
        size_t n = strcspn(++query, "&");

        if (!memmem(query, n, "assw", 4)) { /* password, sslpassword, … */
            buf_addc(&to, sep);
            sep = '&';
            buf_add(&to, query, n);
        }
        query += n;
    }
    buf_str(&to);
    return buf_take(&to);
}
