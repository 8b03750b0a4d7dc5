#include "runtime/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/own.h"

#define SAID_MAX ((size_t)16 << 20)
#define STOP_CHECK_MS 100
#define LINE_MAX_BYTES 400

extern char **environ;

static void add(struct args *a, char *text)
{
    DH_GROW(a->v, a->n + 1, a->cap);
    a->v[a->n++] = text;
    a->v[a->n] = NULL;
}

void args_add(struct args *a, const char *text)
{
    add(a, dh_strdup(text));
}

void args_addf(struct args *a, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add(a, dh_vprintf(fmt, ap));
    va_end(ap);
}

void args_adds(struct args *a, ...)
{
    va_list ap;

    va_start(ap, a);
    for (const char *text; (text = va_arg(ap, const char *));)
        args_add(a, text);
    va_end(ap);
}

void args_done(struct args *a)
{
    for (size_t i = 0; i < a->n; i++)
        free(a->v[i]);
    free(a->v);
    *a = (struct args){0};
}

char **args_take(struct args *a)
{
    char **v = a->v ? a->v : dh_zalloc(1, sizeof *v);

    *a = (struct args){0};
    return v;
}

static char *find_in(const char *path, const char *name)
{
    for (const char *at = path, *end; *at; at = *end ? end + 1 : end) {
        own_mem char *folder = NULL;
        own_mem char *file = NULL;

        end = at + strcspn(at, ":");
        folder = dh_strndup(at, (size_t)(end - at));
        file = fs_join(folder, name);
        if (folder[0] == '/' && access(file, X_OK) == 0 && !fs_is_dir(file))
            return take(&file);
    }
    return NULL;
}

char *command_find(const char *name)
{
    const char *path = getenv("PATH");
    char *file = path ? find_in(path, name) : NULL;

    return file ? file
                : find_in("/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin", name);
}

struct running {
    pid_t pid;
    int fds[2]; /* its standard output and error, read ends */
};

static int start(char *const *env, char *const *argv, struct running *r, struct dh_err *err)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, all;
    int out[2], said[2], rc;

    if (pipe2(out, O_CLOEXEC) < 0)
        return dh_fail_errno(err, "cannot make a pipe");
    if (pipe2(said, O_CLOEXEC) < 0) {
        (void)close(out[0]);
        (void)close(out[1]);
        return dh_fail_errno(err, "cannot make a pipe");
    }
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    (void)posix_spawn_file_actions_adddup2(&actions, said[1], 2);
    (void)posix_spawnattr_init(&attr);
    (void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETSIGDEF);
    (void)posix_spawnattr_setsigmask(&attr, &none);
    (void)posix_spawnattr_setsigdefault(&attr, &all);
    rc = posix_spawn(&r->pid, argv[0], &actions, &attr, argv, env);
    (void)posix_spawnattr_destroy(&attr);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(out[1]);
    (void)close(said[1]);
    r->fds[0] = out[0];
    r->fds[1] = said[0];
    if (rc == 0)
        return 0;
    (void)close(out[0]);
    (void)close(said[0]);
    return dh_fail(err, DH_IO, "cannot start %s: %s", argv[0], strerror(rc));
}

/* Until both ends are closed or the time is over. false: the latter. */
static bool read_both(struct running *r, struct buf *const to[2], int timeout_ms,
                      const atomic_bool *stop)
{
    int64_t until = clock_mono_us() + timeout_ms * 1000LL;
    char block[16384];

    while (r->fds[0] >= 0 || r->fds[1] >= 0) {
        struct pollfd fds[2] = {{.fd = r->fds[0], .events = POLLIN},
                                {.fd = r->fds[1], .events = POLLIN}};
        int64_t left_ms = (until - clock_mono_us() + 999) / 1000;

        if (left_ms <= 0 || (stop && atomic_load(stop)))
            return false;
        if (poll(fds, 2, left_ms > STOP_CHECK_MS ? STOP_CHECK_MS : (int)left_ms) <= 0)
            continue;
        for (int i = 0; i < 2; i++) {
            ssize_t n = fds[i].revents ? read(r->fds[i], block, sizeof block) : -1;

            if (n > 0 && to[i] && to[i]->n < SAID_MAX)
                buf_add(to[i], block, (size_t)n);
            if (fds[i].revents && n == 0) {
                (void)close(r->fds[i]);
                r->fds[i] = -1;
            }
        }
    }
    return true;
}

int command_run_in(char *const *env, char *const *argv, int timeout_ms, const atomic_bool *stop,
                   struct buf *out, struct buf *said, int *ret_status, struct dh_err *err)
{
    struct buf *const to[2] = {out, said};
    struct running r;
    int status = 0;
    bool ended;

    if (start(env, argv, &r, err) < 0)
        return -1;
    ended = read_both(&r, to, timeout_ms, stop);
    if (!ended)
        (void)kill(-r.pid, SIGKILL);
    for (int i = 0; i < 2; i++)
        if (r.fds[i] >= 0)
            (void)close(r.fds[i]);
    while (waitpid(r.pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (!ended && stop && atomic_load(stop))
        return dh_fail(err, DH_CANCELED, "%s was stopped", argv[0]);
    if (!ended)
        return dh_fail(err, DH_FAILED, "%s did not answer within %d ms", argv[0], timeout_ms);
    *ret_status = status;
    return 0;
}

int command_run(char *const *argv, int timeout_ms, const atomic_bool *stop, struct buf *out,
                struct buf *said, int *ret_status, struct dh_err *err)
{
    return command_run_in(environ, argv, timeout_ms, stop, out, said, ret_status, err);
}

char *command_last_line(const struct buf *said)
{
    const char *text = buf_str(said), *end = text + said->n, *line;

    while (end > text && strchr(" \n\r\t", end[-1]))
        end--;
    line = end;
    while (line > text && line[-1] != '\n')
        line--;
    if (end - line > LINE_MAX_BYTES)
        line = end - LINE_MAX_BYTES;
    return dh_strndup(line, (size_t)(end - line));
}

int command_do(char *const *argv, int timeout_ms, const atomic_bool *stop, struct buf *out,
               struct dh_err *err)
{
    own_buf struct buf said = {0};
    own_mem char *line = NULL;
    int status;

    if (command_run(argv, timeout_ms, stop, out, &said, &status, err) < 0)
        return -1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    line = command_last_line(&said);
    if (*line)
        return dh_fail(err, DH_FAILED, "%s", line);
    if (WIFSIGNALED(status))
        return dh_fail(err, DH_FAILED, "%s was killed by signal %d", argv[0], WTERMSIG(status));
    return dh_fail(err, DH_FAILED, "%s ended with exit code %d", argv[0], WEXITSTATUS(status));
}

unsigned long long command_started(pid_t pid)
{
    char path[64], *at, *save = NULL;
    own_mem char *text = NULL;
    size_t n;

    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (fs_read(path, 4096, &text, &n, NULL) != 0 || !(at = strrchr(text, ')')))
        return 0;
    at = strtok_r(at, " ", &save);
    for (int field = 2; at && field < 22; field++) /* ")" is the second's end */
        at = strtok_r(NULL, " ", &save);
    return at ? strtoull(at, NULL, 10) : 0;
}
