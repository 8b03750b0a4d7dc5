/* cluster-gate - the socket in the run's folder: pods' requests, handed on by the server. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/js.h"
#include "base/limits.h"
#include "base/mem.h"
#include "engine/cluster-priv.h"
#include "engine/launch.h"

enum { CONNECTIONS = 2000, BLOCK = 65536 };

struct conn {
    struct conn *next;
    struct gate *gate;
    uint64_t id;
    int fd;
    uv_poll_t poll;
    struct buf in;
    char *out;
    size_t n_out, sent;
    bool asked; /* its request has come */
};

struct gate {
    struct cluster *c;
    int fd;
    uv_poll_t poll;
    struct conn *conns;
    uint64_t next_id;
    int n;
};

static void conn_closed(uv_handle_t *handle)
{
    struct conn *conn = handle->data;

    conn->gate->c->run->n_handles--;
    (void)close(conn->fd);
    buf_done(&conn->in);
    free(conn->out);
    free(conn);
}

static void conn_close(struct conn *conn)
{
    struct conn **at = &conn->gate->conns;

    while (*at != conn)
        at = &(*at)->next;
    *at = conn->next;
    conn->gate->n--;
    uv_close((uv_handle_t *)&conn->poll, conn_closed);
}

/* ---- answers ---- */

static void send_more(struct conn *conn)
{
    while (conn->sent < conn->n_out) {
        ssize_t n = send(conn->fd, conn->out + conn->sent, conn->n_out - conn->sent, MSG_NOSIGNAL);

        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0) {
            conn_close(conn);
            return;
        }
        conn->sent += (size_t)n;
    }
    conn_close(conn);
}

void gate_reply(struct cluster *c, uint64_t conn, int status, int after, struct js *body)
{
    own(js_free) struct js *v = js_object();
    struct reply *r = dh_zalloc(1, sizeof *r);

    js_set(v, "status", js_int(status));
    if (after)
        js_set(v, "after", js_int(after));
    js_set(v, "body", body);
    r->conn = conn;
    r->text = js_dump(v, JS_COMPACT);
    r->next = c->replies;
    c->replies = r;
}

void gate_refuse(struct cluster *c, uint64_t conn, int status, int after, const char *fmt, ...)
{
    own_mem char *message = NULL;
    struct js *body = js_object();
    va_list ap;

    va_start(ap, fmt);
    message = dh_vprintf(fmt, ap);
    va_end(ap);
    js_set(body, "message", js_str(message));
    gate_reply(c, conn, status, after, body);
}

static struct conn *find(const struct gate *g, uint64_t id)
{
    struct conn *conn = g->conns;

    while (conn && conn->id != id)
        conn = conn->next;
    return conn;
}

static void on_conn(uv_poll_t *poll, int status, int events);

void gate_flush(struct cluster *c)
{
    while (c->replies) {
        struct reply *r = c->replies;
        struct conn *conn = c->gate ? find(c->gate, r->conn) : NULL;

        c->replies = r->next;
        if (conn && !conn->out) {
            conn->n_out = strlen(r->text) + 1;
            conn->out = take(&r->text);
            conn->out[conn->n_out - 1] = '\n';
            (void)uv_poll_start(&conn->poll, UV_WRITABLE, on_conn);
        }
        free(r->text);
        free(r);
    }
}

/* ---- requests ---- */

static void handle(struct conn *conn)
{
    struct cluster *c = conn->gate->c;
    struct run *run = c->run;
    struct js *request = NULL;

    conn->asked = true;
    (void)uv_poll_stop(&conn->poll);
    if (js_parse(conn->in.p, conn->in.n, &request, NULL) < 0) {
        conn_close(conn);
        return;
    }
    buf_reset(&conn->in);
    if (cluster_call(c, conn->id, request, run->err) < 0)
        run_fail(run);
    else if (store_in_transaction(run->engine->store))
        run_turn(run); /* commits, and then the answer goes */
    else
        gate_flush(c);
}

static void read_more(struct conn *conn)
{
    own_mem char *block = dh_alloc(BLOCK);
    ssize_t n;

    while ((n = recv(conn->fd, block, BLOCK, 0)) > 0) {
        if (conn->in.n + (size_t)n > LIMIT_HTTP_BODY + BLOCK)
            break;
        buf_add(&conn->in, block, (size_t)n);
        if (block[n - 1] == '\n') { /* JSON as we write it has none within */
            handle(conn);
            return;
        }
    }
    if (n < 0 && errno == EAGAIN)
        return;
    conn_close(conn);
}

static void on_conn(uv_poll_t *poll, int status, int events)
{
    struct conn *conn = poll->data;

    if (status < 0)
        conn_close(conn);
    else if (events & UV_WRITABLE)
        send_more(conn);
    else if (!conn->asked)
        read_more(conn);
}

static void on_gate(uv_poll_t *poll, int status, int events)
{
    struct gate *g = poll->data;
    struct conn *conn;
    int fd;
    (void)status;
    (void)events;

    while (g->n < CONNECTIONS &&
           (fd = accept4(g->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        conn = dh_zalloc(1, sizeof *conn);
        conn->gate = g;
        conn->fd = fd;
        conn->id = ++g->next_id;
        conn->next = g->conns;
        g->conns = conn;
        g->n++;
        (void)uv_poll_init(&g->c->run->engine->loop, &conn->poll, fd);
        conn->poll.data = conn;
        g->c->run->n_handles++;
        (void)uv_poll_start(&conn->poll, UV_READABLE, on_conn);
    }
}

int gate_open(struct cluster *c, struct dh_err *err)
{
    int fd = launch_listen(c->run->folder, err);

    if (fd < 0)
        return -1;
    c->gate = dh_zalloc(1, sizeof *c->gate);
    c->gate->c = c;
    c->gate->fd = fd;
    (void)uv_poll_init(&c->run->engine->loop, &c->gate->poll, fd);
    c->gate->poll.data = c->gate;
    c->run->n_handles++;
    (void)uv_poll_start(&c->gate->poll, UV_READABLE, on_gate);
    return 0;
}

static void gate_closed(uv_handle_t *handle)
{
    struct gate *g = handle->data;

    g->c->run->n_handles--;
    (void)close(g->fd);
    g->fd = -1;
}

void gate_close(struct cluster *c)
{
    uv_loop_t *loop = &c->run->engine->loop;

    if (!c->gate)
        return;
    while (c->gate->conns)
        conn_close(c->gate->conns);
    uv_close((uv_handle_t *)&c->gate->poll, gate_closed);
    while (c->gate->fd >= 0)
        (void)uv_run(loop, UV_RUN_ONCE);
    (void)uv_run(loop, UV_RUN_NOWAIT); /* connections that close with it */
    free(c->gate);
    c->gate = NULL;
    gate_flush(c);
}
