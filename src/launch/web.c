#include "launch/web.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/js.h"
#include "base/limits.h"
#include "base/mem.h"
#include "launch/url.h"
#include "launch/wire.h"

#define MAX_WORDS ((size_t)64 << 10) /* of an answer that is not 2xx */
#define BLOCK ((size_t)256 << 10)

struct web {
    struct wire *wire; /* NULL: none is open */
    bool tls;
    char authority[280];
    char *block;
    struct web *next; /* in the pool */
};

struct web *web_new(void)
{
    struct web *w = dh_zalloc(1, sizeof *w);

    w->block = dh_alloc(BLOCK);
    return w;
}

static void hang_up(struct web *w)
{
    w->wire = wire_close(w->wire);
}

struct web *web_free(struct web *w)
{
    if (w) {
        hang_up(w);
        free(w->block);
        free(w);
    }
    return NULL;
}

/* ---- connections for threads ---- */

static pthread_mutex_t pool_lock = PTHREAD_MUTEX_INITIALIZER;
static struct web *pool; /* those that are free, linked by `next` */

struct web *web_borrow(void)
{
    struct web *w;

    (void)pthread_mutex_lock(&pool_lock);
    w = pool;
    if (w)
        pool = w->next;
    (void)pthread_mutex_unlock(&pool_lock);
    return w ? w : web_new();
}

struct web *web_return(struct web *w)
{
    if (w) {
        (void)pthread_mutex_lock(&pool_lock);
        w->next = pool;
        pool = w;
        (void)pthread_mutex_unlock(&pool_lock);
    }
    return NULL;
}

void web_drop_pool(void)
{
    for (struct web *w = pool, *next; w; w = next) {
        next = w->next;
        (void)web_free(w);
    }
    pool = NULL;
}

void web_answer_done(struct web_answer *a)
{
    buf_done(&a->text);
}

bool web_may_pass(int status)
{
    return status >= 500 || status == 408 || status == 425 || status == 429;
}

/* ---- a request ---- */

/* A name or value from the server must not become a line of its own. */
static bool is_header(const char *name, const char *value)
{
    if (!*name || !value)
        return false;
    for (; *name; name++)
        if (*name <= ' ' || *name >= 127 || *name == ':')
            return false;
    for (; *value; value++)
        if ((unsigned char)*value < ' ' || *value == 127)
            return false;
    return true;
}

static void write_head(const struct web_request *r, const struct url *u, struct buf *to)
{
    buf_addf(to, "%s %s%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: dhow-launch\r\nAccept: */*\r\n",
             r->method, *u->path == '/' ? "" : "/", u->path, u->authority);
    if (r->bearer)
        buf_addf(to, "Authorization: Bearer %s\r\n", r->bearer);
    if (r->type)
        buf_addf(to, "Content-Type: %s\r\n", r->type);
    for (js_each(r->headers, it))
        if (is_header(it.key, js_text(it.value)))
            buf_addf(to, "%s: %s\r\n", it.key, js_text(it.value));
    if (r->has_body)
        buf_addf(to, "Content-Length: %lld\r\n", r->text ? (long long)r->n_text : (long long)r->n);
    if (r->from > 0)
        buf_addf(to, "Range: bytes=%lld-\r\n", (long long)r->from);
    if (r->from > 0 && r->if_range)
        buf_addf(to, "If-Range: %s\r\n", r->if_range);
    buf_adds(to, "\r\n");
}

static int write_file(struct web *w, const struct web_request *r, struct dh_err *err)
{
    int64_t at = r->at, left = r->n;

    while (left > 0) {
        ssize_t n = pread(r->fd, w->block, left < (int64_t)BLOCK ? (size_t)left : BLOCK, (off_t)at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            (void)dh_fail_errno(err, "reading the file");
            if (err)
                err->code = DH_FAILED; /* the disk's fault: the network's retry does not help */
            return -1;
        }
        if (n == 0)
            return dh_fail(err, DH_FAILED, "the file became shorter while it was sent");
        if (wire_write(w->wire, w->block, (size_t)n, r->idle_ms, err) < 0)
            return -1;
        at += n;
        left -= n;
    }
    return 0;
}

static int write_request(struct web *w, const struct web_request *r, const struct url *u,
                         struct dh_err *err)
{
    own_buf struct buf head = {0};

    write_head(r, u, &head);
    if (r->text)
        buf_add(&head, r->text, r->n_text);
    if (wire_write(w->wire, head.p, head.n, r->idle_ms, err) < 0)
        return -1;
    return r->text ? 0 : write_file(w, r, err);
}

struct reading {
    const struct web_request *request;
    struct web_answer *answer;
};

static int on_body(void *user, const struct answer *a, const char *bytes, size_t n,
                   struct dh_err *err)
{
    struct reading *in = user;
    const struct web_request *r = in->request;
    bool good = a->status / 100 == 2;

    if (good && r->sink)
        return r->sink(r->user, a, bytes, n, err);
    in->answer->text.max = good ? r->max_text : MAX_WORDS;
    buf_add(&in->answer->text, bytes, n);
    if (good && in->answer->text.truncated)
        return dh_fail(err, DH_INVALID, "the answer is longer than %zu bytes", r->max_text);
    return 0;
}

/* *ret_any: some of the answer has come. */
static int read_answer(struct web *w, const struct web_request *r, struct web_answer *ret,
                       bool *ret_any, struct dh_err *err)
{
    struct reading in = {.request = r, .answer = ret};
    struct answer a = {0};
    int rc = 0;

    answer_init(&a);
    while (rc == 0) {
        ssize_t n = wire_read(w->wire, w->block, BLOCK, r->idle_ms, err);
        size_t used = 0;

        if (n > 0) {
            *ret_any = true;
            rc = answer_feed(&a, w->block, (size_t)n, &used, on_body, &in, err);
            if (rc == ANSWER_COMPLETE && used < (size_t)n)
                a.keep = false; /* bytes that nobody asked for: not to be taken for an answer */
        } else {
            rc = n < 0 || answer_eof(&a, err) < 0 ? -1 : ANSWER_COMPLETE;
        }
    }
    ret->status = a.status;
    ret->retry_after_s = a.retry_after_s;
    memcpy(ret->etag, a.etag, sizeof ret->etag);
    if (rc < 0 || !a.keep)
        hang_up(w);
    answer_done(&a);
    return rc < 0 ? -1 : 0;
}

/* One try. *ret_stale: a kept connection was closed before any of the answer came. */
static int send_once(struct web *w, const struct web_request *r, const struct url *u,
                     struct web_answer *ret, bool *ret_stale, struct dh_err *err)
{
    bool kept = w->wire != NULL, any = false, wrote;
    struct dh_err late = {0};
    int rc;

    *ret_stale = false;
    if (!kept) {
        if (wire_open(u->host, u->port, u->tls, &w->wire, err) < 0)
            return -1;
        w->tls = u->tls;
        (void)snprintf(w->authority, sizeof w->authority, "%s", u->authority);
    }
    wrote = write_request(w, r, u, err) == 0;
    if (!wrote && err->code != DH_IO) {
        hang_up(w);
        return -1;
    }
    /* A server that has heard enough answers and hangs up: the answer says more than the error. */
    rc = read_answer(w, r, ret, &any, wrote ? err : &late);
    if (rc < 0) {
        *ret_stale = kept && !any && err->code == DH_IO;
        hang_up(w);
        return -1;
    }
    if (wrote)
        return 0;
    hang_up(w);
    if (ret->status / 100 == 2)
        return dh_fail(err, DH_IO, "answered before all was sent");
    return 0;
}

int web_send(struct web *w, const struct web_request *r, struct web_answer *ret, struct dh_err *err)
{
    struct dh_err own_err = {0};
    struct url u;
    bool stale = false;

    if (url_read(r->url, &u, err) < 0)
        return -1;
    if (w->wire && (w->tls != u.tls || strcmp(w->authority, u.authority) != 0))
        hang_up(w);
    for (int i = 0; i < 2; i++) {
        buf_reset(&ret->text);
        ret->text.truncated = false;
        own_err = (struct dh_err){0};
        if (send_once(w, r, &u, ret, &stale, &own_err) == 0)
            return 0;
        if (!stale)
            break;
    }
    return dh_fail(err, own_err.code, "%s: %s", u.authority, own_err.msg);
}

const char *web_words(const struct web_answer *a, char to[400])
{
    own(js_free) struct js *v = NULL;
    const char *text = NULL;
    size_t n = 0;

    if (a->text.n && js_parse(a->text.p, a->text.n, &v, NULL) == 0) {
        text = js_get_text(v, "message");
        text = text ? text : js_get_text(v, "error");
    }
    text = text ? text : buf_str(&a->text);
    while (*text && n + 1 < 400) {
        to[n++] = (unsigned char)*text < ' ' || *text == 127 ? ' ' : *text;
        text++;
    }
    to[n] = '\0';
    return to;
}
