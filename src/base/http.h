#pragma once
/* http - requests to a web server: fetch a document, post a message, or anything else over a
 * connection that stays open.
 *
 * libcurl is behind it and is loaded with the first request: a program that makes none must not pay
 * for the start of a TLS library. Any thread. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/own.h"

/* GET with redirects. Bytes are appended to *to, whose `max` bounds them; total_s, where it is not
 * 0, bounds how long it takes. DH_IO: the server, the network, an answer of 400 or above, more than
 * that. */
int http_get(const char *url, long total_s, struct buf *to, struct dh_err *err);

/* POST of a JSON text. `stop` (may be NULL) set to true by another thread ends it. DH_FAILED: no
 * answer in timeout_ms, or one that is not 2xx. */
int http_post_json(const char *url, const char *json, long timeout_ms, atomic_bool *stop,
                   struct dh_err *err);

/* ---- any request ---- */

struct http; /* one connection that is kept; for one thread at a time */
int http_open(struct http **ret, struct dh_err *err);
struct http *http_close(struct http *h);
OWN_DEFINE(struct http *, http_close)

struct http_body {     /* what is sent: bytes, or a part of a file */
    const void *bytes; /* NULL: from fd */
    int fd;
    int64_t at, n; /* n -1: there is no body */
};
struct http_tls {     /* PEM texts; NULL: none */
    const char *ca;   /* instead of the system's */
    const char *cert; /* who we are, with `key` */
    const char *key;
    bool insecure; /* the server's certificate is not looked at */
};
struct http_request {
    const char *method;
    const char *url;            /* sent as it is */
    const char *const *headers; /* "Name: value", NULL-terminated */
    struct http_body body;
    /* Gets the body of a 2xx answer piece by piece; <0 ends it (then http_send answers
     * HTTP_REFUSED). NULL: the body goes to the answer's text. */
    int (*sink)(void *user, const char *bytes, size_t n);
    void *user;
    size_t max_text;                   /* of the answer's text; past it: HTTP_BROKEN */
    long connect_ms, idle_s, total_ms; /* 0: none; idle: less than 1 KiB/s for so long */
    const char *ca_file;               /* NULL: the system's */
    const struct http_tls *tls;        /* NULL: as usual */
    const char *proxy;                 /* its URL; NULL: as the environment says */
    const char *connect_to;            /* "host:port:to:port", another place than the URL's; NULL */
    atomic_bool *stop;                 /* may be NULL; true: HTTP_STOPPED */
};
struct http_answer {
    long status;
    struct buf headers; /* lines "name: value", names in lower case */
    struct buf text;    /* the body, or that of an answer that is not 2xx */
};
void http_answer_done(struct http_answer *a);
#define own_http_answer __attribute__((cleanup(http_answer_done)))
/* The header's value; NULL: not there. The caller's (free). */
char *http_header(const struct http_answer *a, const char *lower_name);

/* No redirects, no retries. 0: there is an answer, of any status. HTTP_BROKEN: none, or half of
 * one; it may come when asked again. The others: as said above. err is filled for all of them. */
enum { HTTP_BROKEN = 1, HTTP_STOPPED, HTTP_REFUSED };
int http_send(struct http *h, const struct http_request *request, struct http_answer *ret,
              struct dh_err *err);
