#include "launch/url.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static int bad_url(struct dh_err *err)
{
    return dh_fail(err, DH_INVALID, "that is no http or https URL");
}

/* n bytes as a text of their own; -1: none, or more than fit. */
static int take_part(char *to, size_t size, const char *from, size_t n)
{
    if (n == 0 || n >= size)
        return -1;
    memcpy(to, from, n);
    to[n] = '\0';
    return 0;
}

/* Where the host ends in "host:port" or "[::1]:port"; *ret_host: where it begins. NULL: nowhere. */
static const char *host_end(const char *text, size_t n, const char **ret_host)
{
    const bool six = n > 0 && *text == '[';
    const char *end = memchr(text, six ? ']' : ':', n);

    *ret_host = text + six;
    return end || six ? end : text + n;
}

/* "", ":" or ":port" */
static int read_port(struct url *u, const char *text, size_t n)
{
    if (n == 0 || (n == 1 && *text == ':'))
        return 0; /* the scheme's own */
    if (*text != ':' || take_part(u->port, sizeof u->port, text + 1, n - 1) < 0)
        return -1;
    return u->port[strspn(u->port, "0123456789")] ? -1 : 0;
}

int url_read(const char *text, struct url *ret, struct dh_err *err)
{
    const char *authority, *host, *end, *port;
    size_t n;

    *ret = (struct url){.tls = !strncasecmp(text, "https://", 8)};
    if (!ret->tls && strncasecmp(text, "http://", 7) != 0)
        return bad_url(err);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c <= ' ' || *c >= 127 || *c == '#')
            return dh_fail(err, DH_INVALID, "the URL has a character that none may have");
    (void)snprintf(ret->port, sizeof ret->port, "%s", ret->tls ? "443" : "80");
    authority = text + (ret->tls ? 8 : 7);
    n = strcspn(authority, "/?");
    ret->path = authority + n;
    if (memchr(authority, '@', n) ||
        take_part(ret->authority, sizeof ret->authority, authority, n) < 0)
        return bad_url(err);
    end = host_end(authority, n, &host);
    if (!end || take_part(ret->host, sizeof ret->host, host, (size_t)(end - host)) < 0)
        return bad_url(err);
    port = *end == ']' ? end + 1 : end;
    return read_port(ret, port, (size_t)(ret->path - port)) < 0 ? bad_url(err) : 0;
}
