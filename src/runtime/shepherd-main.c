/* The shepherd's own process: read words, start children, reap, journal, answer. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "runtime/cgroup.h"
#include "runtime/shepherd-priv.h"
#include "runtime/shepherd.h"

#define LOG_CHECK_MS 100

struct child {
    uint64_t id;
    pid_t pid;
    char *key, *log, *cgroup;
    int64_t log_max;
};

struct flock_of {
    int control, signals, journal;
    struct child *children;
    size_t n, cap;
    bool alone, killed; /* the engine is gone; what was left has been killed */
};

static int read_all(int fd, void *to, size_t n)
{
    char *p = to;

    while (n > 0) {
        ssize_t got = read(fd, p, n);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return -1;
        p += got;
        n -= (size_t)got;
    }
    return 0;
}

static void tell(struct flock_of *f, const struct shepherd_event *event)
{
    if (!f->alone && send(f->control, event, sizeof *event, MSG_NOSIGNAL) != (ssize_t)sizeof *event)
        f->alone = true;
}

static const char *next_text(const char **at, const char *end)
{
    const char *s = *at, *stop = memchr(s, '\0', (size_t)(end - s));

    if (!stop)
        _exit(1); /* our own engine does not send that */
    *at = stop + 1;
    return s;
}

static void start_child(struct flock_of *f, const struct shepherd_header *h, const char *body)
{
    const char *at = body, *end = body + h->size, *key = next_text(&at, end);
    struct child_request r = {.file = next_text(&at, end),
                              .memory_max = (uint64_t)h->memory_max,
                              .processes_max = (uint64_t)h->processes_max};
    const char *cgroup;
    struct shepherd_event event = {.id = h->id};
    pid_t pid;

    r.cwd = next_text(&at, end);
    r.log = next_text(&at, end);
    cgroup = next_text(&at, end);
    r.cgroup = cgroup_files(cgroup);
    r.argv = dh_zalloc(h->n_argv + 1, sizeof *r.argv);
    r.env = dh_zalloc(h->n_env + 1, sizeof *r.env);
    for (uint32_t i = 0; i < h->n_argv; i++)
        r.argv[i] = (char *)(uintptr_t)next_text(&at, end);
    for (uint32_t i = 0; i < h->n_env; i++)
        r.env[i] = (char *)(uintptr_t)next_text(&at, end);
    pid = child_start(&r);
    free(r.argv);
    free(r.env);
    free(r.cgroup);
    event.at_us = clock_now_us();
    if (pid < 0) {
        event.kind = SHEPHERD_NOT_STARTED;
        event.error = -pid;
    } else {
        event.kind = SHEPHERD_STARTED;
        event.pid = pid;
        DH_GROW(f->children, f->n, f->cap);
        f->children[f->n++] =
            (struct child){h->id, pid, dh_strdup(key), dh_strdup(r.log), dh_strdup(cgroup), h->log_max};
    }
    tell(f, &event);
}

static void open_journal(struct flock_of *f, const char *path)
{
    if (f->journal >= 0)
        (void)close(f->journal);
    f->journal = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (f->journal >= 0)
        (void)flock(f->journal, LOCK_EX); /* until we end: that is how readers know */
}

static struct child *find_child(struct flock_of *f, uint64_t id)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->children[i].id == id)
            return &f->children[i];
    return NULL;
}

/* SIGKILL also reaches what has left the process group, where there is a cgroup. */
static void signal_child(const struct child *child, int number)
{
    (void)kill(-child->pid, number);
    if (number == SIGKILL)
        cgroup_kill(child->cgroup);
}

/* One word. -1: the engine is gone. */
static int read_word(struct flock_of *f)
{
    struct shepherd_header h;
    struct child *child;
    char *body;

    if (read_all(f->control, &h, sizeof h) < 0 || h.size > SHEPHERD_WORD_MAX)
        return -1;
    body = dh_alloc(h.size + 1);
    body[h.size] = '\0';
    if (read_all(f->control, body, h.size) < 0) {
        free(body);
        return -1;
    }
    if (h.word == WORD_JOURNAL)
        open_journal(f, body);
    else if (h.word == WORD_SPAWN)
        start_child(f, &h, body);
    else if (h.word == WORD_SIGNAL && (child = find_child(f, h.id)))
        signal_child(child, h.signal);
    free(body);
    return 0;
}

/* The journal first: once the engine has heard of an exit, or has died without, the line is there.
 */
static void write_journal(struct flock_of *f, const struct child *child, int status)
{
    char line[512];
    int n;

    if (f->journal < 0 || !*child->key)
        return;
    n = snprintf(line, sizeof line, "%c %d %lld %s\n", f->killed ? 'K' : 'E', status,
                 (long long)clock_now_us(), child->key);
    if (n > 0 && (size_t)n < sizeof line)
        (void)!write(f->journal, line, (size_t)n);
}

static void cut_log(const struct child *child)
{
    struct stat st;

    if (child->log_max && *child->log && stat(child->log, &st) == 0 && st.st_size > child->log_max)
        (void)!truncate(child->log, child->log_max);
}

static void child_exited(struct flock_of *f, size_t i, int status, const struct rusage *use)
{
    struct child child = f->children[i];
    struct shepherd_event event = {.id = child.id, .kind = SHEPHERD_EXITED, .status = status};

    signal_child(&child, SIGKILL); /* what it left behind */
    if (f->alone)
        cgroup_remove(child.cgroup); /* else the engine reads it first */
    f->children[i] = f->children[--f->n];
    cut_log(&child);
    write_journal(f, &child, status);
    event.at_us = clock_now_us();
    event.cpu_us = (use->ru_utime.tv_sec + use->ru_stime.tv_sec) * 1000000LL +
                   use->ru_utime.tv_usec + use->ru_stime.tv_usec;
    event.max_rss = use->ru_maxrss * 1024L;
    tell(f, &event);
    free(child.key);
    free(child.log);
    free(child.cgroup);
}

static void reap(struct flock_of *f)
{
    struct signalfd_siginfo info;
    struct rusage use;
    int status;
    pid_t pid;

    while (read(f->signals, &info, sizeof info) > 0) {
    }
    while ((pid = wait4(-1, &status, WNOHANG, &use)) > 0)
        for (size_t i = 0; i < f->n; i++)
            if (f->children[i].pid ==
                pid) { /* others: orphans that came to us, see PR_SET_CHILD_SUBREAPER */
                child_exited(f, i, status, &use);
                break;
            }
}

/* Orphans of our children are ours: kill every process whose parent we are. */
static void kill_all(struct flock_of *f)
{
    char path[64], text[65536];
    int fd;
    ssize_t n;

    f->killed = true;
    for (size_t i = 0; i < f->n; i++)
        signal_child(&f->children[i], SIGKILL);
    (void)snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    n = read(fd, text, sizeof text - 1);
    (void)close(fd);
    text[n > 0 ? n : 0] = '\0';
    for (char *s = text, *end; *s; s = end) {
        long pid = strtol(s, &end, 10);

        if (end == s)
            break;
        if (pid > 1)
            (void)kill((pid_t)pid, SIGKILL);
    }
}

/* The engine is gone: let what is about to end do so, kill the rest. */
static void finish(struct flock_of *f)
{
    int64_t until = clock_mono_us() + SHEPHERD_GRACE_MS * 1000;
    struct pollfd wait = {.fd = f->signals, .events = POLLIN};

    while (f->n && clock_mono_us() < until) {
        (void)poll(&wait, 1, 10);
        reap(f);
    }
    for (int i = 0; i < 500; i++) {
        kill_all(f);
        reap(f);
        if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD)
            break;
        (void)poll(&wait, 1, 10);
        reap(f);
    }
}

void shepherd_main(int control)
{
    struct flock_of f = {.control = control, .journal = -1};
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigprocmask(SIG_SETMASK, &set, NULL);
    f.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    (void)prctl(PR_SET_NAME, "dhow-shepherd");
    while (!f.alone) {
        struct pollfd fds[2] = {{.fd = control, .events = POLLIN},
                                {.fd = f.signals, .events = POLLIN}};

        if (poll(fds, 2, f.n ? LOG_CHECK_MS : -1) < 0 && errno != EINTR)
            break;
        if (fds[1].revents)
            reap(&f);
        if (fds[0].revents && read_word(&f) < 0)
            break;
        if (!fds[0].revents && !fds[1].revents)
            for (size_t i = 0; i < f.n; i++)
                cut_log(&f.children[i]);
    }
    f.alone = true;
    finish(&f);
    free(f.children);
}
