/* The engine's side of the shepherd. */
#include "runtime/shepherd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "runtime/shepherd-priv.h"

#define SWEEPS 100 /* what forks while it is looked for is found by the next */

struct shepherd {
    int fd;
    pid_t pid;
    struct buf word; /* what is being sent, kept for its memory */
    char in[(SHEPHERD_HELD + 1) * sizeof(struct shepherd_event)]; /* what has come */
    size_t n_in, in_at;                                           /* bytes */
    bool drained;                                                 /* there was no more */
    uint64_t received;                                            /* bytes, of this one */
    struct shepherd_held *held;
};

/* The child's side of the fork: nothing of the engine stays open but the socket. */
static void be_shepherd(int control, pid_t engine, struct shepherd_held *held)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    (void)setsid();
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGTERM, SIG_IGN);
    for (int fd = 0; fd < 3; fd++)
        if (dup2(null, fd) < 0)
            _exit(1); /* steps have them */
    if (control != 3) {
        (void)dup3(control, 3, O_CLOEXEC);
        control = 3;
    }
    (void)close_range(4, ~0U, 0);
    shepherd_main(control, engine, held);
    _exit(0);
}

static int begin(struct shepherd_held *held, int *ret_fd, pid_t *ret_pid, struct dh_err *err)
{
    pid_t engine = getpid(), pid;
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return dh_fail_errno(err, "cannot make a socket pair");
    pid = fork();
    if (pid < 0) {
        (void)close(pair[0]);
        (void)close(pair[1]);
        return dh_fail_errno(err, "cannot start a process");
    }
    if (pid == 0) {
        (void)close(pair[0]);
        be_shepherd(pair[1], engine, held);
    }
    (void)close(pair[1]);
    *ret_fd = pair[0];
    *ret_pid = pid;
    return 0;
}

int shepherd_start(struct shepherd **ret, struct dh_err *err)
{
    own(shepherd_stop) struct shepherd *s = dh_zalloc(1, sizeof *s);

    s->fd = -1;
    if (held_new(&s->held, err) < 0 || begin(s->held, &s->fd, &s->pid, err) < 0)
        return -1;
    *ret = take(&s);
    return 0;
}

static void wait_for(pid_t pid)
{
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
}

/* Of that session, which was the old shepherd's own? It is no other's as long as a process is in
 * it. */
static bool is_of(const char *pid, pid_t session)
{
    own_mem char *path = dh_printf("/proc/%s/stat", pid);
    own_mem char *text = NULL;
    const char *name_end;
    size_t n;
    char state;
    int of = 0;

    if (fs_read(path, 4096, &text, &n, NULL) < 0)
        return false;
    name_end = strrchr(text, ')');
    return name_end && sscanf(name_end + 1, " %c %*d %*d %d", &state, &of) == 2 && of == session &&
           state != 'Z';
}

/* Its death has killed its children, but nobody has killed theirs. 1: there were some. */
static int kill_session(pid_t session)
{
    DIR *dir = opendir("/proc");
    int found = 0;

    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (e->d_name[0] < '1' || e->d_name[0] > '9' || !is_of(e->d_name, session))
            continue;
        (void)kill((pid_t)strtol(e->d_name, NULL, 10), SIGKILL);
        found = 1;
    }
    if (dir)
        (void)closedir(dir);
    return found;
}

int shepherd_restart(struct shepherd *s, struct dh_err *err)
{
    pid_t pid = 0;
    int fd = -1, moved;

    (void)kill(s->pid, SIGKILL); /* it may only have closed its end */
    wait_for(s->pid);
    for (int i = 0; i < SWEEPS && kill_session(s->pid); i++)
        (void)poll(NULL, 0, 1);
    s->pid = 0;
    s->n_in = s->in_at = s->received = 0;
    *s->held = (struct shepherd_held){0};
    s->drained = false;
    if (begin(s->held, &fd, &pid, err) < 0)
        return -1;
    s->pid = pid;
    moved = dup3(fd, s->fd, O_CLOEXEC);
    (void)close(fd);
    return moved < 0 ? dh_fail_errno(err, "cannot move a socket") : 0;
}

void shepherd_dismiss(struct shepherd *s)
{
    (void)shutdown(s->fd, SHUT_WR);
}

struct shepherd *shepherd_stop(struct shepherd *s)
{
    if (!s)
        return NULL;
    if (s->fd >= 0)
        (void)close(s->fd);
    if (s->pid)
        wait_for(s->pid);
    held_free(s->held);
    buf_done(&s->word);
    free(s);
    return NULL;
}

static int say(struct shepherd *s, struct shepherd_header *h, struct dh_err *err)
{
    struct iovec parts[2] = {{h, sizeof *h}, {s->word.p, s->word.n}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

    h->size = (uint32_t)s->word.n;
    for (;;) {
        ssize_t n = sendmsg(s->fd, &message, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) { /* libuv has made it so */
            (void)poll(&(struct pollfd){.fd = s->fd, .events = POLLOUT}, 1, -1);
            continue;
        }
        if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
            return SHEPHERD_GONE;
        if (n < 0)
            return dh_fail_errno(err, "the process that starts the steps");
        while (message.msg_iovlen && (size_t)n >= message.msg_iov->iov_len) {
            n -= (ssize_t)message.msg_iov->iov_len;
            message.msg_iov++;
            message.msg_iovlen--;
        }
        if (!message.msg_iovlen)
            return 0;
        message.msg_iov->iov_base = (char *)message.msg_iov->iov_base + n;
        message.msg_iov->iov_len -= (size_t)n;
    }
}

static void add_text(struct buf *b, const char *s)
{
    buf_add(b, s ? s : "", strlen(s ? s : "") + 1);
}

int shepherd_journal(struct shepherd *s, const char *path, int folders, const char *made,
                     struct dh_err *err)
{
    struct shepherd_header h = {.word = WORD_JOURNAL, .id = (uint64_t)folders};

    buf_reset(&s->word);
    add_text(&s->word, path);
    add_text(&s->word, made);
    return say(s, &h, err);
}

int shepherd_limit(struct shepherd *s, unsigned n, struct dh_err *err)
{
    struct shepherd_header h = {.word = WORD_LIMIT, .id = n};

    buf_reset(&s->word);
    return say(s, &h, err);
}

int shepherd_spawn(struct shepherd *s, const struct spawn *spawn, struct dh_err *err)
{
    struct shepherd_header h = {.word = WORD_SPAWN,
                                .id = spawn->id,
                                .log_max = spawn->log_max,
                                .memory_max = (int64_t)spawn->memory_max,
                                .processes_max = (int64_t)spawn->processes_max,
                                .any_cwd = spawn->any_cwd};
    int rc;

    buf_reset(&s->word);
    add_text(&s->word, spawn->key);
    add_text(&s->word, spawn->file);
    add_text(&s->word, spawn->cwd);
    add_text(&s->word, spawn->log);
    add_text(&s->word, spawn->cgroup);
    add_text(&s->word, spawn->cleanup);
    add_text(&s->word, spawn->worker);
    for (; spawn->argv[h.n_argv]; h.n_argv++)
        add_text(&s->word, spawn->argv[h.n_argv]);
    for (; spawn->env[h.n_env]; h.n_env++)
        add_text(&s->word, spawn->env[h.n_env]);
    for (; spawn->masks && spawn->masks[h.n_masks]; h.n_masks++)
        add_text(&s->word, spawn->masks[h.n_masks]);
    if (s->word.n > SHEPHERD_WORD_MAX)
        return dh_fail(err, DH_FAILED, "the command line and environment are too long: %zu bytes",
                       s->word.n);
    rc = say(s, &h, err);
    if (h.n_masks) /* the buffer is used again, and lives long */
        explicit_bzero(s->word.p, s->word.cap);
    return rc;
}

int shepherd_take_back(struct shepherd *s, uint64_t id, struct dh_err *err)
{
    struct shepherd_header h = {.word = WORD_TAKE_BACK, .id = id};

    buf_reset(&s->word);
    return say(s, &h, err);
}

int shepherd_signal(struct shepherd *s, uint64_t id, int number, struct dh_err *err)
{
    struct shepherd_header h = {.word = WORD_SIGNAL, .id = id, .signal = number};

    buf_reset(&s->word);
    return say(s, &h, err);
}

int shepherd_fd(const struct shepherd *s)
{
    return s->fd;
}

void shepherd_watch(const struct shepherd *s, int64_t us)
{
    struct pollfd fd = {.fd = s->fd, .events = POLLIN};
    int64_t until = clock_mono_us() + us;

    /* Who has something to say may wait for this very processor. */
    while (poll(&fd, 1, 0) == 0 && clock_mono_us() < until)
        (void)sched_yield();
}

/* What it had no time to tell. */
static int take_held(struct shepherd *s)
{
    struct shepherd_event events[SHEPHERD_HELD + 1];
    size_t n = held_since(s->held, s->received / sizeof *events, events);

    s->received += n * sizeof *events;
    if (s->held->starting && !(n && events[n - 1].id == s->held->starting))
        events[n++] = (struct shepherd_event){
            .id = s->held->starting, .kind = SHEPHERD_STARTED, .at_us = clock_now_us()};
    s->held->starting = 0;
    s->n_in = n * sizeof *events;
    memcpy(s->in, events, s->n_in);
    return n ? 0 : SHEPHERD_GONE;
}

/* 0: at least one whole event is there. */
static int receive(struct shepherd *s, struct dh_err *err)
{
    ssize_t n;

    memmove(s->in, s->in + s->in_at, s->n_in - s->in_at);
    s->n_in -= s->in_at;
    s->in_at = 0;
    while (s->n_in < sizeof(struct shepherd_event)) {
        n = recv(s->fd, s->in + s->n_in, sizeof s->in - s->n_in, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return SHEPHERD_NONE;
        if (n == 0 || (n < 0 && errno == ECONNRESET))
            return take_held(s);
        if (n < 0)
            return dh_fail_errno(err, "the process that starts the steps");
        s->n_in += (size_t)n;
        s->received += (size_t)n;
        s->drained = s->n_in < sizeof s->in;
    }
    return 0;
}

int shepherd_next(struct shepherd *s, struct shepherd_event *ret, struct dh_err *err)
{
    if (s->n_in - s->in_at < sizeof *ret) {
        bool drained = s->drained;
        int rc;

        s->drained = false; /* who asks again after that was told by the descriptor */
        rc = drained ? SHEPHERD_NONE : receive(s, err);
        if (rc)
            return rc;
    }
    memcpy(ret, s->in + s->in_at, sizeof *ret);
    s->in_at += sizeof *ret;
    return 0;
}
