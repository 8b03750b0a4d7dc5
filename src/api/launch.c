#include "api/launch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/api-priv.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/id.h"
#include "base/limits.h"
#include "base/mem.h"
#include "engine/launch.h"

enum { WAIT_S = 90, SOON_S = 1, BLOCK = 65536 };

struct waiting {
    struct waiting *next;
    struct req *r;
    int fd;
    char *out;
    size_t n_out, sent;
    struct buf in;
    int64_t since_us;
};

struct launch {
    struct api *api;
    int epoll;
    struct waiting *all;
};

int launch_open(struct api *api, struct launch **ret, struct dh_err *err)
{
    own(launch_close) struct launch *l = dh_zalloc(1, sizeof *l);

    l->api = api;
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll < 0)
        return dh_fail_errno(err, "epoll");
    *ret = take(&l);
    return 0;
}

int launch_poll_fd(const struct launch *l)
{
    return l->epoll;
}

/* ---- answers ---- */

static void drop(struct launch *l, struct waiting *w)
{
    struct waiting **at = &l->all;

    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    /* Closing is not enough: a child between its fork and its exec has the descriptor too, and as
     * long the set would tell of what is freed here. */
    (void)epoll_ctl(l->epoll, EPOLL_CTL_DEL, w->fd, NULL);
    (void)close(w->fd);
    free(w->out);
    buf_done(&w->in);
    free(w);
}

static void answer(struct req *r, int status, int64_t after, const struct js *body)
{
    r->status = status;
    if (after > 0)
        req_header(r, "Retry-After", arena_printf(r->arena, "%lld", (long long)after));
    req_js(r, js_ref(body));
}

static void answer_busy(struct req *r, const char *why)
{
    own(js_free) struct js *body = js_object();

    js_set(body, "message", js_str(why));
    answer(r, 503, SOON_S, body);
}

static void finish(struct launch *l, struct waiting *w)
{
    struct req *r = w->r;
    own(js_free) struct js *v = NULL;

    if (w->in.n && js_parse(w->in.p, w->in.n, &v, NULL) == 0 && js_get(v, "body"))
        answer(r, (int)js_get_int(v, "status", 500), js_get_int(v, "after", 0), js_get(v, "body"));
    else
        answer_busy(r, "the run's process has gone; it is started again");
    r->later = false;
    drop(l, w);
    web_wake(l->api->web, r->connection);
}

/* ---- the other side ---- */

static void want(struct launch *l, struct waiting *w, int how, unsigned events)
{
    struct epoll_event event = {.events = events, .data = {.ptr = w}};

    (void)epoll_ctl(l->epoll, how, w->fd, &event);
}

/* false: it is gone. */
static bool send_more(struct launch *l, struct waiting *w)
{
    while (w->sent < w->n_out) {
        ssize_t n = send(w->fd, w->out + w->sent, w->n_out - w->sent, MSG_NOSIGNAL);

        if (n < 0)
            return errno == EAGAIN;
        w->sent += (size_t)n;
    }
    want(l, w, EPOLL_CTL_MOD, EPOLLIN);
    return true;
}

/* false: all of it is here, or it is gone. */
static bool read_more(struct waiting *w)
{
    own_mem char *block = dh_alloc(BLOCK);
    ssize_t n;

    while ((n = recv(w->fd, block, BLOCK, 0)) > 0) {
        if (w->in.n + (size_t)n > 2 * LIMIT_HTTP_BODY)
            return false;
        buf_add(&w->in, block, (size_t)n);
    }
    return n < 0 && errno == EAGAIN;
}

void launch_run(struct launch *l)
{
    struct epoll_event events[64];
    int n = epoll_wait(l->epoll, events, 64, 0);

    for (int i = 0; i < n; i++) {
        struct waiting *w = events[i].data.ptr;

        if (!(w->sent < w->n_out ? send_more(l, w) : read_more(w)))
            finish(l, w);
    }
}

void launch_sweep(struct launch *l)
{
    int64_t now_us = clock_mono_us();

    for (struct waiting *w = l->all, *next; w; w = next) {
        next = w->next;
        if (now_us - w->since_us > (int64_t)WAIT_S * 1000000)
            finish(l, w);
    }
}

void launch_end(struct launch *l)
{
    while (l->all)
        finish(l, l->all);
}

void launch_gone(struct launch *l, const struct req *r)
{
    for (struct waiting *w = l->all; w; w = w->next)
        if (w->r == r) {
            drop(l, w);
            return;
        }
}

struct launch *launch_close(struct launch *l)
{
    if (l) {
        while (l->all)
            drop(l, l->all);
        if (l->epoll >= 0)
            (void)close(l->epoll);
        free(l);
    }
    return NULL;
}

/* ---- requests ---- */

/* A pod that comes when all is on record: Argo is behind, and its Workflow is to end as the run
 * did. */
static int claim_late(struct req *r, const struct store_run *row)
{
    own(js_free) struct js *body = js_object();
    bool well = row->state == STORE_SUCCEEDED;

    js_set(body, "do", js_str(well ? "done" : "fail"));
    js_set(body, "state", js_str(store_state_name(row->state)));
    js_set(body, "message", js_strf("the run is over: it is %s", store_state_name(row->state)));
    js_set(body, "control", js_array());
    answer(r, 200, 0, body);
    return 0;
}

/* Nobody runs the run: why. */
static int nobody(struct req *r, const char *run, bool claim, struct dh_err *err)
{
    struct store_run row;

    if (store_run_find(r->store, run, r->arena, &row, err) < 0)
        return err->code == DH_NOT_FOUND
                   ? req_fail(r, err, GRPC_NOT_FOUND, "there is no run %s", run)
                   : -1;
    if (store_state_ended(row.state) && (!row.queue || strcmp(row.queue, "retry") != 0))
        return claim ? claim_late(r, &row)
                     : req_fail(r, err, GRPC_ABORTED, "run %s is over (%s)", run,
                                store_state_name(row.state));
    answer_busy(r, "the run's process is being started");
    return 0;
}

static int hand_on(struct req *r, const char *run, const char *call, const char *attempt,
                   const char *secret, struct dh_err *err)
{
    struct launch *l = r->api->launch;
    own_mem char *folder = dh_printf("%s/runs/%s", r->api->options->home, run);
    own(js_free) struct js *v = js_object();
    int fd = launch_connect(folder);
    struct waiting *w;

    if (fd < 0)
        return nobody(r, run, !attempt, err);
    js_set(v, "call", js_str(call));
    if (attempt)
        js_set(v, "attempt", js_str(attempt));
    if (secret)
        js_set(v, "secret", js_str(secret));
    js_set(v, "body", js_ref(r->json));
    w = dh_zalloc(1, sizeof *w);
    w->r = r;
    w->fd = fd;
    w->since_us = clock_mono_us();
    w->out = js_dump(v, JS_COMPACT);
    w->n_out = strlen(w->out) + 1;
    w->out[w->n_out - 1] = '\n';
    w->next = l->all;
    l->all = w;
    r->later = true;
    want(l, w, EPOLL_CTL_ADD, EPOLLOUT);
    return 0;
}

static const char *bearer(const struct req *r)
{
    const char *text = r->authorization;

    return text && !strncmp(text, "Bearer ", 7) ? text + 7 : "";
}

/* Takes as long whatever is wrong. */
static bool same(const char *a, const char *b)
{
    size_t n = strlen(a);
    unsigned differs = strlen(b) != n;

    for (size_t i = 0; i < n && b[i]; i++)
        differs |= (unsigned)(a[i] ^ b[i]);
    return differs == 0;
}

int launch_claim(struct req *r, struct dh_err *err)
{
    const char *run = js_get_text(r->json, "run");
    char token[DIGEST_TEXT];

    if (!run || !id_is_uuid(run))
        return req_fail(r, err, GRPC_INVALID_ARGUMENT, "run: expected a run's id");
    if (launch_token(r->api->options->home, run, token, err) < 0)
        return -1;
    if (!same(token, bearer(r)))
        return req_fail(r, err, GRPC_UNAUTHENTICATED, "this is not the token of run %s", run);
    return hand_on(r, run, "claim", NULL, NULL, err);
}

static int of_attempt(struct req *r, const char *call, struct dh_err *err)
{
    const char *attempt = r->param[0];
    char run[ID_TEXT] = "";

    if (strlen(attempt) > ID_TEXT && attempt[ID_TEXT - 1] == '.')
        memcpy(run, attempt, ID_TEXT - 1);
    if (!id_is_uuid(run))
        return req_fail(r, err, GRPC_NOT_FOUND, "there is no attempt %s", attempt);
    if (!*bearer(r))
        return req_fail(r, err, GRPC_UNAUTHENTICATED, "the attempt's secret is needed");
    return hand_on(r, run, call, attempt, bearer(r), err);
}

int launch_sign(struct req *r, struct dh_err *err)
{
    return of_attempt(r, "sign", err);
}

int launch_complete(struct req *r, struct dh_err *err)
{
    return of_attempt(r, "complete", err);
}

int launch_finish(struct req *r, struct dh_err *err)
{
    return of_attempt(r, "finish", err);
}

int launch_beat(struct req *r, struct dh_err *err)
{
    return of_attempt(r, "beat", err);
}
