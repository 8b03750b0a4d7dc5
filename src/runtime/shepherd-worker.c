/* The shepherd's side of warm workers: connect, hand over a step, hear of it. */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/own.h"
#include "runtime/shepherd-priv.h"

#define SEND_S 10 /* a worker that does not take a step for so long is none */
#define CLOSE_MS 3000

struct worker { /* a run's keeper; one that is retired keeps its steps until the end */
    char *name; /* "" retired */
    int fd;
};

int worker_connect(const char *name)
{
    own_fd int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    struct timeval patience = {.tv_sec = SEND_S};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct ucred peer;
    socklen_t size = sizeof peer;
    size_t n = strlen(name);

    if (fd < 0 || n + 1 > sizeof address.sun_path)
        return -1;
    memcpy(address.sun_path + 1, name, n); /* abstract: no file, gone with the worker */
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&address,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n)) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.uid != geteuid())
        return -1;
    return dh_take_fd(&fd);
}

/* Whether it still takes steps: has not ended, and has not been replaced. */
static bool is_current(struct worker *w)
{
    char word;
    ssize_t n = recv(w->fd, &word, 1, MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return true;
    w->name[0] = '\0';
    return false;
}

static struct worker *find(struct workers *w, const char *name)
{
    struct worker new = {.fd = -1};

    for (size_t i = 0; i < w->n; i++)
        if (!strcmp(w->items[i].name, name) && is_current(&w->items[i]))
            return &w->items[i];
    new.fd = worker_connect(name);
    if (new.fd < 0)
        return NULL;
    if (send(new.fd, "R", 1, MSG_NOSIGNAL) != 1) {
        (void)close(new.fd);
        return NULL;
    }
    new.name = dh_strdup(name);
    DH_GROW(w->items, w->n, w->cap);
    w->items[w->n] = new;
    return &w->items[w->n++];
}

static int hand_over(const struct worker *w, int link)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {(char[]){"S"}, 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);

    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof link);
    memcpy(CMSG_DATA(head), &link, sizeof link);
    return sendmsg(w->fd, &message, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

static int send_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return -1;
        p += sent;
        n -= (size_t)sent;
    }
    return 0;
}

static void add_texts(struct buf *b, char *const *v, uint32_t *ret_n)
{
    for (*ret_n = 0; v[*ret_n]; (*ret_n)++)
        buf_add(b, v[*ret_n], strlen(v[*ret_n]) + 1);
}

static int send_job(int link, const struct child_request *r)
{
    struct worker_job job = {.memory_max = (int64_t)r->memory_max,
                             .processes_max = (int64_t)r->processes_max};
    struct buf b = {0};
    int rc;

    buf_add(&b, &job, sizeof job); /* its place */
    buf_add(&b, r->cwd, strlen(r->cwd) + 1);
    buf_add(&b, r->log, strlen(r->log) + 1);
    add_texts(&b, r->cgroup, &job.n_cgroup);
    add_texts(&b, r->argv, &job.n_argv);
    add_texts(&b, r->env, &job.n_env);
    job.size = (uint32_t)(b.n - sizeof job);
    memcpy(b.p, &job, sizeof job);
    rc = send_all(link, b.p, b.n);
    buf_done(&b);
    return rc;
}

int workers_start(struct workers *w, const char *name, const struct child_request *r)
{
    struct worker *worker = find(w, name);
    struct timeval patience = {.tv_sec = SEND_S};
    own_fd int mine = -1;
    own_fd int its = -1;
    int pair[2];

    if (!worker || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -1;
    mine = pair[0];
    its = pair[1];
    (void)setsockopt(mine, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (hand_over(worker, its) < 0) {
        worker->name[0] = '\0';
        return -1;
    }
    /* Its end stays open here no longer, so that the end of the worker is the end of the link. */
    (void)close(dh_take_fd(&its));
    if (send_job(mine, r) < 0)
        return -1;
    return dh_take_fd(&mine);
}

int worker_read(int link, struct worker_reply *ret)
{
    char *to = (char *)ret;
    size_t got = 0;

    while (got < sizeof *ret) {
        /* A reply is one small write: once its beginning is there, the rest is too. */
        ssize_t n = recv(link, to + got, sizeof *ret - got, got ? 0 : MSG_DONTWAIT);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && got == 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return 0;
        if (n <= 0)
            return -1;
        got += (size_t)n;
    }
    return 1;
}

void workers_close(struct workers *w)
{
    for (size_t i = 0; i < w->n; i++)
        (void)shutdown(w->items[i].fd, SHUT_WR);
    for (size_t i = 0; i < w->n; i++) {
        struct pollfd gone = {.fd = w->items[i].fd, .events = POLLIN};
        char word[16];

        while (poll(&gone, 1, CLOSE_MS) > 0 && recv(gone.fd, word, sizeof word, 0) > 0) {
        }
        (void)close(w->items[i].fd);
        free(w->items[i].name);
    }
    free(w->items);
    *w = (struct workers){0};
}
