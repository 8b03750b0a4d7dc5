#include "api/worker.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/env.h"
#include "base/mem.h"

int worker_pidfd(pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);

    if (fd >= 0)
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}

void worker_done(struct worker *w)
{
    if (w->child)
        (void)waitpid(w->pid, NULL, WNOHANG);
    if (w->fd >= 0)
        (void)close(w->fd);
    if (w->errors >= 0)
        (void)close(w->errors);
}

void worker_last_words(const struct worker *w, char *to, size_t cap)
{
    off_t end = w->errors >= 0 ? lseek(w->errors, 0, SEEK_END) : 0;
    off_t from = end > (off_t)cap - 1 ? end - (off_t)cap + 1 : 0;
    ssize_t n = end > 0 ? pread(w->errors, to, cap - 1, from) : 0;

    to[n > 0 ? n : 0] = '\0';
    while (n > 0 && to[n - 1] == '\n')
        to[--n] = '\0';
}

/* `in`: its standard input; -1: nothing. */
static int spawn(const struct worker_place *place, char *const argv[], int in, struct worker *ret)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    struct worker w = {.child = true, .fd = -1, .errors = memfd_create("errors", MFD_CLOEXEC)};
    char **env;
    sigset_t none;
    int rc;

    if (w.errors < 0)
        return -1;
    env = env_with("DHOW_DB", place->db);
    (void)sigemptyset(&none);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    if (in >= 0)
        (void)posix_spawn_file_actions_adddup2(&actions, in, 0);
    else
        (void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    (void)posix_spawn_file_actions_adddup2(&actions, w.errors, 2);
    rc = posix_spawn(&w.pid, place->self, &actions, &attributes, argv, env);
    free(env);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attributes);
    if (rc != 0) {
        (void)close(w.errors);
        return -1;
    }
    w.fd = worker_pidfd(w.pid);
    if (w.fd < 0) { /* its end would not be noticed; it has not begun */
        (void)kill(w.pid, SIGKILL);
        (void)waitpid(w.pid, NULL, 0);
        (void)close(w.errors);
        return -1;
    }
    *ret = w;
    return 0;
}

static char *word(const char *text)
{
    return (char *)(uintptr_t)text; /* posix_spawn changes no argument */
}

/* `dhow resume RUN`, or `dhow retry RUN --from TASK…`. */
static int start(const struct worker_place *place, const char *uuid, bool retry,
                 const struct js *from, int in, struct worker *ret)
{
    char **argv = dh_zalloc(js_n(from) * 2 + 8, sizeof *argv);
    size_t n = 0;
    int rc;

    argv[n++] = word("dhow");
    argv[n++] = word("--home");
    argv[n++] = word(place->home);
    argv[n++] = word(retry ? "retry" : "resume");
    argv[n++] = word("--quiet");
    for (size_t i = 0; i < js_n(from); i++) {
        argv[n++] = word("--from");
        argv[n++] = word(js_text(js_at(from, i)));
    }
    argv[n] = word(uuid);
    rc = spawn(place, argv, in, ret);
    free(argv);
    return rc;
}

int worker_start(const struct worker_place *place, const char *uuid, bool retry,
                 const struct js *from, struct worker *ret)
{
    return start(place, uuid, retry, from, -1, ret);
}

/* ---- the one that is kept ready ---- */

void ready_make(const struct worker_place *place, struct ready *ret)
{
    int ends[2];

    if (ret->worker.pid || pipe2(ends, O_CLOEXEC) < 0)
        return;
    ret->in = ends[1];
    if (start(place, "-", false, NULL, ends[0], &ret->worker) < 0)
        (void)close(ends[1]);
    (void)close(ends[0]);
}

/* Where it has died the pipe is broken, and nothing is lost. */
int ready_take(struct ready *ready, const char *uuid, struct worker *ret)
{
    if (!ready->worker.pid || dprintf(ready->in, "%s\n", uuid) < 0) {
        ready_done(ready);
        return -1;
    }
    (void)close(ready->in);
    *ret = ready->worker;
    *ready = (struct ready){0};
    return 0;
}

void ready_done(struct ready *ready)
{
    if (ready->worker.pid) { /* it has nothing to lose, and our end is not to wait for it */
        (void)close(ready->in);
        (void)kill(ready->worker.pid, SIGKILL);
        (void)waitpid(ready->worker.pid, NULL, 0);
        ready->worker.child = false;
        worker_done(&ready->worker);
    }
    *ready = (struct ready){0};
}
