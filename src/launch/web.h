#pragma once
/* web - one HTTP/1.1 request after the other, over a connection that stays open where it can.
 *
 * No redirects, no cookies, no proxies, no retries but one: where a kept connection turns out to
 * have been closed meanwhile, the request goes out again over a new one. */
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/js.h"
#include "base/own.h"
#include "launch/answer.h"

struct web; /* for one thread at a time */
struct web *web_new(void);
struct web *web_free(struct web *w);
OWN_DEFINE(struct web *, web_free)
/* One of a few that are kept for threads that come and go, and back to them. */
struct web *web_borrow(void);
struct web *web_return(struct web *w); /* NULL is fine; returns NULL */
OWN_DEFINE(struct web *, web_return)
void web_drop_pool(void); /* at the end, when no thread has one */

struct web_request {
    const char *method;
    const char *url;          /* http or https; sent as it is */
    const char *bearer;       /* NULL: without Authorization */
    const char *type;         /* Content-Type; NULL: none */
    const struct js *headers; /* more of them: name → value; NULL: none */
    const char *text;         /* the body; NULL: see fd */
    size_t n_text;
    int fd; /* with n > 0 and without text: a part of a file */
    int64_t at, n;
    bool has_body;        /* Content-Length is sent, also 0 */
    int64_t from;         /* > 0: Range: bytes=from- */
    const char *if_range; /* an ETag; NULL: none */
    answer_sink *sink;    /* gets the body of a 2xx answer; NULL: it goes to the answer's text */
    void *user;
    size_t max_text; /* of the text of a 2xx answer; past it: DH_INVALID */
    long idle_ms;    /* nothing moves for so long: DH_IO */
};
struct web_answer {
    int status;
    int64_t retry_after_s;
    char etag[256];
    struct buf text; /* of an answer that is not 2xx: its beginning */
};
void web_answer_done(struct web_answer *a);
#define own_web_answer __attribute__((cleanup(web_answer_done)))

/* 0: there is an answer, of any status. <0: none, or half of one; codes as in wire.h, and
 * DH_INVALID for a URL that is none. Messages name the host, never the URL's query: it may be
 * signed. */
int web_send(struct web *w, const struct web_request *r, struct web_answer *ret,
             struct dh_err *err);
/* May another try help: 5xx, 408, 425, 429. */
bool web_may_pass(int status);
/* What the answer says of itself, for a message: JSON's "message" or "error", or its beginning,
 * without control characters. Borrowed from `to`. */
const char *web_words(const struct web_answer *a, char to[400]);
