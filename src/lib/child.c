/* child - the dhow program as a child: started, read, waited for. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/lib-priv.h"

extern char **environ;

int lib_fail(struct dhow *d, int status, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(d->error, sizeof d->error, fmt, ap);
    va_end(ap);
    return status;
}

static void shut(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

struct pipes {
    int ends[3][2];
};

static void close_pipes(struct pipes *p)
{
    for (int i = 0; i < 3; i++) {
        shut(&p->ends[i][0]);
        shut(&p->ends[i][1]);
    }
}

/* Above 3, so that moving one to its place never closes another. */
static int pipe_above(int ends[2])
{
    int low[2];

    if (pipe2(low, O_CLOEXEC) < 0)
        return -1;
    ends[0] = fcntl(low[0], F_DUPFD_CLOEXEC, 10);
    ends[1] = fcntl(low[1], F_DUPFD_CLOEXEC, 10);
    (void)close(low[0]);
    (void)close(low[1]);
    return ends[0] < 0 || ends[1] < 0 ? -1 : 0;
}

static int start(struct dhow *d, const struct words *words, const struct pipes *p, int n_pipes,
                 int input, pid_t *ret)
{
    static const int places[] = {1, 2, 3};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, defaults;
    int rc;

    if (posix_spawn_file_actions_init(&actions) != 0)
        return ENOMEM;
    if (posix_spawnattr_init(&attributes) != 0) {
        (void)posix_spawn_file_actions_destroy(&actions);
        return ENOMEM;
    }
    (void)sigemptyset(&none);
    (void)sigemptyset(&defaults);
    (void)sigaddset(&defaults, SIGINT);
    (void)sigaddset(&defaults, SIGTERM);
    (void)sigaddset(&defaults, SIGPIPE);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setsigdefault(&attributes, &defaults);
    /* A session of its own: the caller's terminal does not end the run. */
    rc = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
                                                   POSIX_SPAWN_SETSIGDEF);
    if (rc == 0)
        rc = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    for (int i = 0; i < n_pipes && rc == 0; i++)
        rc = posix_spawn_file_actions_adddup2(&actions, p->ends[i][1], places[i]);
    if (rc == 0 && input >= 0)
        rc = posix_spawn_file_actions_adddup2(&actions, input, 4);
    if (rc == 0)
        rc = posix_spawn(ret, d->program, &actions, &attributes, (char *const *)(uintptr_t)words->v,
                         environ);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    return rc;
}

int lib_spawn(struct dhow *d, const struct words *words, int with_events, int input,
              struct child *ret)
{
    struct pipes p = {{{-1, -1}, {-1, -1}, {-1, -1}}};
    const int n = with_events ? 3 : 2;
    int rc = 0;

    lib_reap(d);
    *ret = (struct child){0, -1, -1, -1};
    for (int i = 0; i < n && rc == 0; i++)
        rc = pipe_above(p.ends[i]) < 0 ? errno : 0;
    if (rc == 0)
        rc = start(d, words, &p, n, input, &ret->pid);
    if (rc == 0) {
        ret->out = p.ends[0][0];
        ret->said = p.ends[1][0];
        ret->events = p.ends[2][0];
        p.ends[0][0] = p.ends[1][0] = p.ends[2][0] = -1;
    } else {
        ret->pid = 0;
    }
    close_pipes(&p);
    if (rc == 0)
        return DHOW_OK;
    return lib_fail(d, rc == ENOMEM ? DHOW_NO_MEMORY : DHOW_MACHINE, "%s cannot be started: %s",
                    d->program, strerror(rc));
}

struct text {
    char *p;
    size_t n, cap;
    int lost; /* memory was out */
};

static void add(struct text *t, const char *bytes, size_t n)
{
    if (t->cap - t->n <= n) {
        size_t cap = (t->n + n + 1) * 2;
        char *more = t->lost ? NULL : realloc(t->p, cap);

        if (!more) {
            t->lost = 1;
            return;
        }
        t->p = more;
        t->cap = cap;
    }
    memcpy(t->p + t->n, bytes, n);
    t->n += n;
    t->p[t->n] = '\0';
}

/* The last line that was said, without the program's name in front. */
static void take_message(struct dhow *d, char *said, size_t n)
{
    char *line;

    while (n && strchr("\n \t", said[n - 1]))
        said[--n] = '\0';
    line = strrchr(said, '\n');
    line = line ? line + 1 : said;
    if (!strncmp(line, "dhow ", 5) && strchr(line, ':'))
        line = strchr(line, ':') + 1;
    line += strspn(line, " ");
    (void)lib_fail(d, 0, "%s", *line ? line : "dhow ended without a word");
}

static int status_of(int raw)
{
    if (!WIFEXITED(raw))
        return DHOW_MACHINE;
    switch (WEXITSTATUS(raw)) {
    case 0:
        return DHOW_OK;
    case 1:
        return DHOW_RUN_FAILED;
    case 2:
        return DHOW_WRONG;
    case 130:
        return DHOW_CANCELED;
    default:
        return DHOW_MACHINE;
    }
}

static void read_some(int *fd, struct text *to)
{
    char bytes[16384];
    ssize_t n = read(*fd, bytes, sizeof bytes);

    if (n > 0)
        add(to, bytes, (size_t)n);
    else if (n == 0 || (errno != EINTR && errno != EAGAIN))
        shut(fd);
}

/* What it says is kept on the stack's side: only its end matters. */
static void read_said(int *fd, char *said, size_t size, size_t *n)
{
    ssize_t got;

    if (*n == size - 1) { /* half of it goes */
        memmove(said, said + size / 2, size - 1 - size / 2);
        *n -= size / 2;
    }
    got = read(*fd, said + *n, size - 1 - *n);
    if (got > 0)
        *n += (size_t)got;
    else if (got == 0 || (errno != EINTR && errno != EAGAIN))
        shut(fd);
    said[*n] = '\0';
}

int lib_finish(struct dhow *d, struct child *child, char **ret_out)
{
    struct text out = {NULL, 0, 0, 0};
    char said[4096] = "";
    size_t n_said = 0;
    int raw = 0, status;

    shut(&child->events);
    while (child->out >= 0 || child->said >= 0) {
        struct pollfd fds[2] = {{child->out, POLLIN, 0}, {child->said, POLLIN, 0}};

        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            break;
        if (fds[0].revents)
            read_some(&child->out, &out);
        if (fds[1].revents)
            read_said(&child->said, said, sizeof said, &n_said);
    }
    while (waitpid(child->pid, &raw, 0) < 0 && errno == EINTR) {
    }
    child->pid = 0;
    status = status_of(raw);
    if (status != DHOW_OK)
        take_message(d, said, n_said);
    if (!out.p && !out.lost)
        add(&out, "", 0);
    if (out.lost) {
        free(out.p);
        out.p = NULL;
        if (status == DHOW_OK)
            status = lib_fail(d, DHOW_NO_MEMORY, "memory is out");
    }
    if (ret_out)
        *ret_out = out.p;
    else
        free(out.p);
    return status;
}

void lib_reap(struct dhow *d)
{
    for (size_t i = 0; i < d->n_left;) {
        if (waitpid(d->left[i], NULL, WNOHANG) == 0)
            i++;
        else
            d->left[i] = d->left[--d->n_left];
    }
}

void lib_leave(struct dhow *d, struct child *child)
{
    shut(&child->out);
    shut(&child->said);
    shut(&child->events);
    if (child->pid > 0 && waitpid(child->pid, NULL, WNOHANG) == 0) {
        if (d->n_left == d->cap_left) {
            size_t cap = d->cap_left ? d->cap_left * 2 : 8;
            pid_t *more = realloc(d->left, cap * sizeof *more);

            if (more) {
                d->left = more;
                d->cap_left = cap;
            }
        }
        if (d->n_left < d->cap_left) /* else it stays a zombie until the caller ends */
            d->left[d->n_left++] = child->pid;
    }
    child->pid = 0;
}
