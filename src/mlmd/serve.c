/* serve - sockets of ML Metadata's service: poll, read, answer, write. */
#include "mlmd/serve.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "mlmd/h2.h"

enum { OUT_MOST = 1 << 18, IN_MOST = 1 << 16, IDLE_S = 600 };

struct connection {
    int fd;
    struct h2 *h2;
    struct buf out;
    size_t sent;
    bool closing; /* when all is sent */
    int64_t heard_us;
};

struct server {
    const struct mlmd_serve *options;
    struct store *store;
    int listener, signals;
    struct connection *connections;
    size_t n, cap;
};

/* ---- listening ---- */

static int listen_on(const struct addrinfo *at, struct dh_err *err)
{
    own_fd int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int one = 1;

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
        bind(fd, at->ai_addr, at->ai_addrlen) < 0 || listen(fd, 128) < 0)
        return dh_fail_errno(err, "cannot listen");
    return dh_take_fd(&fd);
}

static int open_listener(struct server *v, struct dh_err *err)
{
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_ADDRCONFIG};
    struct addrinfo *all = NULL;
    char port[16];
    int rc;

    (void)snprintf(port, sizeof port, "%d", v->options->port);
    rc = getaddrinfo(v->options->host, port, &hints, &all);
    if (rc != 0)
        return dh_fail(err, DH_INVALID, "'%s' is no address to listen on: %s", v->options->host,
                       gai_strerror(rc));
    v->listener = listen_on(all, err);
    freeaddrinfo(all);
    return v->listener < 0 ? dh_while(err, "%s port %d", v->options->host, v->options->port) : 0;
}

static int port_of(int fd)
{
    struct sockaddr_storage at = {0};
    socklen_t n = sizeof at;

    if (getsockname(fd, (struct sockaddr *)&at, &n) < 0)
        return 0;
    return ntohs(at.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&at)->sin6_port
                                          : ((struct sockaddr_in *)&at)->sin_port);
}

/* ---- connections ---- */

static void drop(struct server *v, size_t i)
{
    struct connection *c = &v->connections[i];

    (void)close(c->fd);
    h2_free(c->h2);
    buf_done(&c->out);
    *c = v->connections[--v->n];
}

static void accept_one(struct server *v)
{
    int fd = accept4(v->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), one = 1;
    struct h2 *h2;

    if (fd < 0)
        return;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    h2 = v->n < LIMIT_GRPC_CONNECTIONS ? h2_new(v->store, v->options->readonly) : NULL;
    if (!h2) {
        (void)close(fd);
        return;
    }
    DH_GROW(v->connections, v->n, v->cap);
    v->connections[v->n++] = (struct connection){.fd = fd, .h2 = h2, .heard_us = clock_mono_us()};
}

/* -1: it is to be dropped. */
static int hear(struct connection *c)
{
    char bytes[IN_MOST];
    ssize_t n = read(c->fd, bytes, sizeof bytes);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    if (n == 0)
        return -1;
    c->heard_us = clock_mono_us();
    if (h2_read(c->h2, bytes, (size_t)n) < 0)
        c->closing = true;
    return 0;
}

static int say(struct connection *c)
{
    for (;;) {
        ssize_t n;

        if (c->sent == c->out.n) {
            buf_reset(&c->out);
            c->sent = 0;
            if (h2_write(c->h2, OUT_MOST, &c->out) < 0)
                return -1;
            if (c->out.n == 0)
                return c->closing || h2_over(c->h2) ? -1 : 0;
        }
        n = send(c->fd, c->out.p + c->sent, c->out.n - c->sent, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR ? 0 : -1;
        c->sent += (size_t)n;
    }
}

static void turn(struct server *v, const struct pollfd *polled, size_t n)
{
    int64_t now = clock_mono_us();

    for (size_t i = n; i-- > 0;) { /* a drop moves the last one here, which was looked at */
        struct connection *c = &v->connections[i];
        int rc = 0;

        if (polled[i].revents & (POLLIN | POLLHUP | POLLERR))
            rc = hear(c);
        if (rc == 0 && (polled[i].revents || c->out.n))
            rc = say(c);
        if (rc < 0 || now - c->heard_us > (int64_t)IDLE_S * 1000000)
            drop(v, i);
    }
}

static int loop(struct server *v, struct dh_err *err)
{
    own_mem struct pollfd *polled = dh_zalloc(LIMIT_GRPC_CONNECTIONS + 2, sizeof *polled);

    for (;;) {
        size_t n = v->n;

        for (size_t i = 0; i < n; i++)
            polled[i] = (struct pollfd){
                .fd = v->connections[i].fd,
                .events =
                    (short)(POLLIN |
                            (v->connections[i].sent < v->connections[i].out.n ? POLLOUT : 0))};
        polled[n] = (struct pollfd){.fd = v->listener, .events = POLLIN};
        polled[n + 1] = (struct pollfd){.fd = v->signals, .events = POLLIN};
        if (poll(polled, n + 2, 10000) < 0 && errno != EINTR)
            return dh_fail_errno(err, "waiting for requests");
        if (polled[n + 1].revents) { /* taken, or it would strike when it is let through again */
            struct signalfd_siginfo taken;

            return read(v->signals, &taken, sizeof taken) < 0 ? dh_fail_errno(err, "signals") : 0;
        }
        turn(v, polled, n);
        if (polled[n].revents)
            accept_one(v);
    }
}

int mlmd_serve(struct store *s, const struct mlmd_serve *options, struct dh_err *err)
{
    struct server v = {.options = options, .store = s, .listener = -1, .signals = -1};
    sigset_t ends, before;
    int rc;

    if (h2_load(err) < 0 || open_listener(&v, err) < 0)
        return -1;
    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGTERM);
    (void)sigaddset(&ends, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &ends, &before);
    v.signals = signalfd(-1, &ends, SFD_CLOEXEC);
    rc = v.signals < 0 ? dh_fail_errno(err, "signals") : 0;
    if (rc == 0) {
        if (options->ready)
            options->ready(options->user, port_of(v.listener));
        rc = loop(&v, err);
        (void)close(v.signals);
    }
    while (v.n)
        drop(&v, v.n - 1);
    dh_mem_own(&v.connections);
    (void)close(v.listener);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    return rc;
}
