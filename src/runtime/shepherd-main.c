/* The shepherd's own process: read words, start children, reap, journal, answer. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/own.h"
#include "runtime/cgroup.h"
#include "runtime/shepherd-log.h"
#include "runtime/shepherd-priv.h"
#include "runtime/shepherd.h"

#define LOG_CHECK_MS 100
#define HOT_US 200
#define HOLD_US 5000

struct child {
    uint64_t id;
    pid_t pid; /* 0: a worker has not said it yet */
    char *key, *log, *cgroup, *cleanup;
    int64_t log_max;
    struct step_log output; /* of our own child; a worker's step writes its log itself */
    int link;               /* to its worker; -1: it is our own child */
    struct shepherd_folder folder;
    int pending; /* a signal that came before the pid */
    char *body;  /* of its word, until it has started: to start it without the worker */
    struct shepherd_header header;
};

struct ended { /* a step that has ended, and into whose folder nobody has looked yet */
    struct shepherd_folder folder;
    uint64_t event; /* what is to be told of it */
    char *key;
};

struct flock_of {
    int control, signals;
    struct journal_end journal;
    char *made; /* a folder that goes with us; NULL or "": none */
    struct child *children;
    size_t n, cap;
    struct workers workers;
    struct shepherd_folders folders;
    struct ended *ended;
    size_t n_ended, cap_ended;
    struct shepherd_held *held;
    uint64_t n_told; /* of these the engine has been told */
    int64_t hold_until;
    struct shepherd_queue queue;
    size_t limit;      /* of children at a time; 0: none */
    int64_t hot_until; /* the engine has just heard of an end and most often answers with a start */
    int64_t processes_max; /* of each child that has no bound; 0: all are bounded together */
    bool alone, killed;    /* the engine is gone; what was left has been killed */
    char **cleanups;       /* commands for the very end, once alone */
    size_t n_cleanups, cap_cleanups;
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

static size_t untold(const struct flock_of *f)
{
    return (size_t)(f->held->n - f->n_told);
}

static void tell_all(struct flock_of *f)
{
    struct shepherd_event events[SHEPHERD_HELD];
    size_t n = held_since(f->held, f->n_told, events), size = n * sizeof *events;

    if (n && !f->alone && send(f->control, events, size, MSG_NOSIGNAL) != (ssize_t)size)
        f->alone = true;
    f->n_told += n;
}

/* Looks into the folders of those that have ended; before anybody is told of their ends, and after
 * the next ones have been started, which need not wait for that. */
static void settle_ended(struct flock_of *f)
{
    for (size_t i = 0; i < f->n_ended; i++) {
        struct ended *e = &f->ended[i];
        struct shepherd_event *event = &f->held->events[e->event % SHEPHERD_HELD];

        if (shepherd_folder_give(&f->folders, &e->folder))
            event->folder = 0;
        else if (!f->killed)
            journal_put(&f->journal, 'F', e->key, event);
        free(e->key);
    }
    f->n_ended = 0;
}

static void tell(struct flock_of *f, const struct shepherd_event *event)
{
    if (untold(f) == SHEPHERD_HELD) {
        settle_ended(f);
        tell_all(f);
    }
    if (untold(f) == 0)
        f->hold_until = clock_mono_us() + HOLD_US;
    held_put(f->held, event);
}

/* More wait here than start while the engine deals with what has happened (an end and a start for
 * each step): it need not be woken for each, and its work stands in no start's way. */
static bool may_hold(const struct flock_of *f)
{
    size_t n = queue_n(&f->queue);

    return untold(f) && n && n >= f->limit + untold(f) / 4 && clock_mono_us() < f->hold_until;
}

/* What the engine says is read first: as long as it speaks it hears nothing, and if both only spoke
 * both sockets would be full. */
static bool has_word(const struct flock_of *f)
{
    struct pollfd fd = {.fd = f->control, .events = POLLIN};

    return !f->alone && poll(&fd, 1, 0) == 1;
}

/* What knows a secret leaves no picture of its memory behind, nor do those that it starts. A limit
 * of one byte: with none a core_pattern that is a program would get it all the same. */
static void dump_no_core(void)
{
    struct rlimit core;

    if (getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur != 1) {
        core.rlim_cur = core.rlim_max ? 1 : 0;
        (void)setrlimit(RLIMIT_CORE, &core);
    }
}

static void child_done(struct child *c)
{
    step_log_close(&c->output);
    free(c->key);
    free(c->log);
    free(c->cgroup);
    free(c->cleanup);
    free(c->body);
    if (c->link >= 0)
        (void)close(c->link);
}

static void tell_started(struct flock_of *f, const struct child *c)
{
    struct shepherd_event event = {.id = c->id,
                                   .kind = SHEPHERD_STARTED,
                                   .pid = c->pid,
                                   .folder = c->folder.number,
                                   .at_us = clock_now_us()};

    tell(f, &event);
}

/* pid, or -errno. */
static pid_t start_own(struct child_request *r, struct child *c)
{
    pid_t pid;

    r->in = STDIN_FILENO; /* ours are /dev/null */
    r->out = STDOUT_FILENO;
    if (!*r->log)
        return child_start(r);
    r->out = step_log_open(&c->output, r->log, c->log_max);
    if (r->out < 0)
        return -errno;
    pid = child_start(r);
    (void)close(r->out);
    return pid;
}

/* Takes `body`. */
static void start_child(struct flock_of *f, const struct shepherd_header *h, char *body, bool warm)
{
    struct spawn_request q;
    struct child c = {.id = h->id, .link = -1, .header = *h, .output = {.out = -1, .file = -1}};
    bool no_folder;

    spawn_request_read(h, body, &q);
    if (h->n_masks)
        dump_no_core();
    if (!q.child.processes_max && !*q.cgroup)
        q.child.processes_max = (uint64_t)f->processes_max;
    c.output.mask = q.mask;
    c.key = dh_strdup(q.key);
    c.log = dh_strdup(q.child.log);
    c.cgroup = dh_strdup(q.cgroup);
    c.cleanup = dh_strdup(q.cleanup);
    c.log_max = h->log_max;
    if (h->any_cwd)
        c.pid = shepherd_folder_take(&f->folders, &q.child, &c.folder);
    no_folder = c.pid < 0;
    f->held->starting = h->id;
    if (!no_folder && warm && *q.worker)
        c.link = workers_start(&f->workers, q.worker, &q.child);
    if (c.link >= 0)
        c.body = body;
    else if (!no_folder)
        c.pid = start_own(&q.child, &c);
    spawn_request_done(&q);
    if (h->n_masks)
        explicit_bzero(body, h->size);
    if (c.link < 0)
        free(body);
    if (c.pid < 0) {
        struct shepherd_event event = {.id = c.id,
                                       .kind = SHEPHERD_NOT_STARTED,
                                       .error = -c.pid,
                                       .folder = c.folder.number,
                                       .at_us = clock_now_us()};

        if (no_folder && c.pid != -EMFILE && c.pid != -ENFILE) /* with fewer at a time it may go */
            event.kind = SHEPHERD_NO_FOLDER;
        (void)shepherd_folder_give(&f->folders, &c.folder);
        child_done(&c);
        tell(f, &event);
        f->held->starting = 0;
        return;
    }
    DH_GROW(f->children, f->n, f->cap);
    f->children[f->n++] = c;
    f->hot_until = 0; /* the answer is here; the step may want this very processor */
    if (c.pid)
        tell_started(f, &c);
    f->held->starting = 0;
}

/* ---- those that wait for their turn ---- */

static bool has_room(const struct flock_of *f)
{
    return !f->limit || f->n < f->limit;
}

static void start_waiting(struct flock_of *f)
{
    struct shepherd_waiting w;

    while (has_room(f) && queue_next(&f->queue, &w))
        start_child(f, &w.header, w.body, true);
}

static void start_or_queue(struct flock_of *f, const struct shepherd_header *h, char *body)
{
    if (has_room(f) && !queue_n(&f->queue))
        start_child(f, h, body, true);
    else
        queue_put(&f->queue, h, body);
}

static void take_out(struct flock_of *f, uint64_t id)
{
    struct shepherd_event event = {
        .id = id, .kind = SHEPHERD_NOT_STARTED, .error = ECANCELED, .at_us = clock_now_us()};

    if (queue_drop(&f->queue, id))
        tell(f, &event);
}

static struct child *find_child(struct flock_of *f, uint64_t id)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->children[i].id == id)
            return &f->children[i];
    return NULL;
}

/* SIGKILL also reaches what has left the process group, where there is a cgroup. */
static void signal_child(struct child *child, int number)
{
    if (child->pid > 0)
        (void)kill(-child->pid, number);
    else if (child->pending != SIGKILL)
        child->pending = number;
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
    if (h.word == WORD_JOURNAL) {
        journal_open(&f->journal, body);
        f->folders.n = (int)h.id;
        free(f->made);
        f->made = dh_strdup(body + strlen(body) + 1);
    } else if (h.word == WORD_SPAWN) {
        start_or_queue(f, &h, take(&body));
    } else if (h.word == WORD_SIGNAL && (child = find_child(f, h.id))) {
        signal_child(child, h.signal);
    } else if (h.word == WORD_SIGNAL || h.word == WORD_TAKE_BACK) {
        take_out(f, h.id);
    } else if (h.word == WORD_LIMIT) {
        f->limit = (size_t)h.id;
    }
    free(body);
    return 0;
}

static void clean_up_later(struct flock_of *f, char *cleanup)
{
    DH_GROW(f->cleanups, f->n_cleanups, f->cap_cleanups);
    f->cleanups[f->n_cleanups++] = cleanup;
}

static void cut_log(const struct child *child)
{
    struct stat st;

    if (child->link >= 0 && child->log_max && *child->log && stat(child->log, &st) == 0 &&
        st.st_size > child->log_max)
        (void)!truncate(child->log, child->log_max);
}

/* Its process group is gone by now. A number that has been reaped may belong to somebody else at
 * once: nothing is signalled by it here. */
static void child_exited(struct flock_of *f, size_t i, int status, int64_t cpu_us, int64_t max_rss)
{
    struct child child = f->children[i];
    struct shepherd_event event = {.id = child.id,
                                   .kind = SHEPHERD_EXITED,
                                   .status = status,
                                   .folder = child.folder.number}; /* until settle_ended */

    if (f->alone) { /* else the engine reads it first, and cleans up */
        cgroup_remove(child.cgroup);
        clean_up_later(f, take(&child.cleanup));
    }
    f->children[i] = f->children[--f->n];
    cut_log(&child);
    step_log_close(&child.output);
    event.at_us = clock_now_us();
    event.cpu_us = cpu_us;
    event.max_rss = max_rss;
    /* First: once the engine has heard of an exit, or has died without, the line is there. */
    journal_put(&f->journal, f->killed ? 'K' : 'E', child.key, &event);
    f->hot_until = clock_mono_us() + HOT_US;
    tell(f, &event);
    if (child.folder.number) {
        DH_GROW(f->ended, f->n_ended, f->cap_ended);
        f->ended[f->n_ended++] = (struct ended){child.folder, f->held->n - 1, take(&child.key)};
    }
    child_done(&child);
}

/* The child of ours with that number that no worker looks after; f->n: none, an orphan that came to
 * us (PR_SET_CHILD_SUBREAPER). */
static size_t child_at(const struct flock_of *f, pid_t pid)
{
    size_t i = 0;

    while (i < f->n && !(f->children[i].pid == pid && f->children[i].link < 0))
        i++;
    return i;
}

/* Seen first and reaped later: as long as it is a zombie its number, and its group's, are nobody
 * else's, and what it left behind can be killed by them. */
static void reap(struct flock_of *f)
{
    struct signalfd_siginfo info;

    while (read(f->signals, &info, sizeof info) > 0) {
    }
    for (;;) {
        siginfo_t seen = {0};
        struct rusage use;
        int status;
        size_t i;

        if (waitid(P_ALL, 0, &seen, WEXITED | WNOHANG | WNOWAIT) < 0 || !seen.si_pid)
            return;
        i = child_at(f, seen.si_pid);
        if (i < f->n)
            signal_child(&f->children[i], SIGKILL); /* what it left behind */
        if (wait4(seen.si_pid, &status, 0, &use) != seen.si_pid)
            return;
        if (i < f->n)
            child_exited(f, i, status,
                         (use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000000LL +
                             use.ru_utime.tv_usec + use.ru_stime.tv_usec,
                         use.ru_maxrss * 1024L);
    }
}

/* A worker died under its step, which the kernel kills then. */
static void worker_died(struct flock_of *f, size_t i)
{
    static const char text[] = "dhow: the Python worker that ran this step has died\n";
    struct child *c = &f->children[i];
    int fd = *c->log ? open(c->log, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;

    if (fd >= 0) {
        (void)!write(fd, text, sizeof text - 1);
        (void)close(fd);
    }
    signal_child(c, SIGKILL);
    child_exited(f, i, SIGKILL, 0, 0);
}

/* What a worker says of its step. */
static void read_link(struct flock_of *f, size_t i)
{
    struct child *c = &f->children[i];
    struct worker_reply reply;
    int got;

    while ((got = worker_read(c->link, &reply)) == 1) {
        if (reply.kind == WORKER_EXITED) {
            cgroup_kill(c->cgroup); /* the worker saw to its group */
            child_exited(f, i, reply.value, reply.cpu_us, reply.max_rss);
            return;
        }
        c->pid = reply.value;
        free(take(&c->body));
        tell_started(f, c);
        if (c->pending)
            signal_child(c, c->pending);
    }
    if (got < 0 && c->pid) {
        worker_died(f, i);
    } else if (got < 0) { /* it never began */
        struct child lost = *c;

        f->children[i] = f->children[--f->n];
        (void)shepherd_folder_give(&f->folders, &lost.folder);
        if (!f->alone) {
            start_child(f, &lost.header, take(&lost.body), false);
            if (lost.pending && (c = find_child(f, lost.id)))
                signal_child(c, lost.pending);
        }
        child_done(&lost);
    }
}

/* Waits for signals, for workers and, unless the engine is gone, for its words. */
static int wait_for_any(struct flock_of *f, int timeout_ms, bool *ret_word)
{
    struct pollfd *fds = dh_zalloc(f->n + 2, sizeof *fds);
    bool alone = f->alone; /* not what telling finds out: then there is an end to be read */
    size_t n = 0;
    int rc;

    if (may_hold(f))
        timeout_ms = (int)((f->hold_until - clock_mono_us() + 999) / 1000);
    else if (untold(f) && has_word(f))
        timeout_ms = 0;
    else
        tell_all(f);
    fds[n++] = (struct pollfd){.fd = alone ? -1 : f->control, .events = POLLIN};
    fds[n++] = (struct pollfd){.fd = f->signals, .events = POLLIN};
    for (size_t i = 0; i < f->n; i++) /* in the children's order; -1 is passed over */
        fds[n++] = (struct pollfd){.fd = f->children[i].link >= 0 ? f->children[i].link
                                                                  : f->children[i].output.out,
                                   .events = POLLIN};
    rc = poll(fds, n, timeout_ms);
    /* From the end: what ends is replaced by the last, which has been looked at. */
    for (size_t i = n; rc > 0 && i-- > 2;)
        if (fds[i].revents && f->children[i - 2].link >= 0)
            read_link(f, i - 2);
        else if (fds[i].revents)
            step_log_copy(&f->children[i - 2].output);
    if (rc > 0 && fds[1].revents)
        reap(f);
    *ret_word = rc > 0 && fds[0].revents;
    free(fds);
    return rc;
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

/* What a worker has not begun will not begin: it reads the end of its link. */
static void drop_unstarted(struct flock_of *f)
{
    for (size_t i = f->n; i-- > 0;)
        if (!f->children[i].pid) {
            struct child lost = f->children[i];

            f->children[i] = f->children[--f->n];
            (void)shepherd_folder_give(&f->folders, &lost.folder);
            child_done(&lost);
        }
}

/* They do not begin; what the engine has made for them is there all the same, as files with
 * secrets. */
static void drop_queue(struct flock_of *f)
{
    struct shepherd_waiting w;

    while (queue_next(&f->queue, &w)) {
        struct spawn_request q;

        spawn_request_read(&w.header, w.body, &q);
        clean_up_later(f, dh_strdup(q.cleanup));
        spawn_request_done(&q);
        if (w.header.n_masks)
            explicit_bzero(w.body, w.header.size);
        free(w.body);
    }
    queue_done(&f->queue);
}

/* What the engine would have done after the end of its steps. */
static void clean_up(struct flock_of *f)
{
    for (size_t i = 0; i < f->n_cleanups; i++) {
        child_forget(f->cleanups[i]);
        free(f->cleanups[i]);
    }
    free(f->cleanups);
    if (f->made && *f->made)
        (void)fs_remove_tree(f->made, NULL);
    free(f->made);
}

/* The engine is gone: let what is about to end do so, kill the rest. */
static void finish(struct flock_of *f)
{
    int64_t until = clock_mono_us() + SHEPHERD_GRACE_MS * 1000;
    bool word;

    settle_ended(f);
    while (f->n && clock_mono_us() < until) {
        (void)wait_for_any(f, 10, &word);
        settle_ended(f);
    }
    drop_unstarted(f);
    for (int i = 0; i < 500; i++) {
        kill_all(f);
        reap(f);
        if (f->n == 0 && waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD)
            break;
        (void)wait_for_any(f, 10, &word);
    }
    workers_close(&f->workers);
}

/* With nothing left to start, falling asleep and being woken costs more than looking again. */
static int timeout_ms(const struct flock_of *f)
{
    if (!queue_n(&f->queue) && has_room(f) && clock_mono_us() < f->hot_until)
        return 0;
    return f->n ? LOG_CHECK_MS : -1;
}

void shepherd_main(int control, pid_t engine, struct shepherd_held *held)
{
    struct shepherd_group group = {0};
    struct flock_of f = {.control = control, .held = held, .journal = {.fd = -1}};
    sigset_t set;
    bool word;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigprocmask(SIG_SETMASK, &set, NULL);
    f.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    (void)prctl(PR_SET_NAME, "dhow-shepherd");
    child_raise_files();
    if (!shepherd_group_enter(&group, engine))
        f.processes_max = CGROUP_PROCESSES;
    while (!f.alone) {
        int rc = wait_for_any(&f, timeout_ms(&f), &word);

        if ((rc < 0 && errno != EINTR) || (word && read_word(&f) < 0))
            break;
        start_waiting(&f);
        settle_ended(&f);
        if (rc == 0 && clock_mono_us() < f.hot_until)
            (void)sched_yield(); /* the engine may wait for this very processor */
        else if (rc == 0)
            for (size_t i = 0; i < f.n; i++)
                cut_log(&f.children[i]);
    }
    f.alone = true;
    drop_queue(&f);
    finish(&f);
    settle_ended(&f);
    shepherd_group_leave(&group);
    clean_up(&f); /* not in the group: whatever is left there is killed */
    free(f.children);
    shepherd_folders_done(&f.folders);
    free(f.ended);
}
