/* dhow - the calls of dhow/dhow.h: the program is started, its events are read, its results handed
 * on. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/lib-priv.h"

struct dhow_run {
    struct dhow *d;
    struct child child;
    char id[64];
    char *line; /* the bytes that were read and not yet given out, from `at` on */
    size_t at, n, cap;
    int ended;
    int status;
    char *json;
};

const char *dhow_library_version(void)
{
    return DHOW_VERSION;
}

/* ---- opening ---- */

static char *copy(const char *text, int *lost)
{
    char *c = text ? strdup(text) : NULL;

    *lost |= text && !c;
    return c;
}

static char *in_path(void)
{
    const char *path = getenv("PATH");

    while (path && *path) {
        size_t n = strcspn(path, ":");
        char *file = malloc(n + sizeof "/dhow");

        if (!file)
            return NULL;
        memcpy(file, path, n);
        memcpy(file + n, "/dhow", sizeof "/dhow");
        if (access(file, X_OK) == 0)
            return file;
        free(file);
        path += n + (path[n] == ':');
    }
    return NULL;
}

static char *find_program(const char *given, int *lost)
{
    const char *told = given ? given : getenv("DHOW_PROGRAM");
    char *carried;

    if (told && *told)
        return copy(told, lost);
    carried = lib_engine(lost);
    if (carried && access(carried, X_OK) == 0)
        return carried;
    free(carried);
    if (access(DHOW_BINDIR "/dhow", X_OK) == 0)
        return copy(DHOW_BINDIR "/dhow", lost);
    return in_path();
}

int dhow_open(const struct dhow_options *options, struct dhow **ret)
{
    static const struct dhow_options none;
    const struct dhow_options *o = options ? options : &none;
    struct dhow *d = calloc(1, sizeof *d);
    int lost = 0;

    if (!d)
        return DHOW_NO_MEMORY;
    d->program = find_program(o->program, &lost);
    d->home = copy(o->home, &lost);
    d->database = copy(o->database, &lost);
    if (lost || !d->program || access(d->program, X_OK) != 0) {
        dhow_close(d);
        return lost ? DHOW_NO_MEMORY : DHOW_MACHINE;
    }
    *ret = d;
    return DHOW_OK;
}

void dhow_close(struct dhow *d)
{
    if (!d)
        return;
    lib_reap(d);
    free(d->left);
    free(d->program);
    free(d->home);
    free(d->database);
    free(d);
}

const char *dhow_error(const struct dhow *d)
{
    if (d)
        return d->error;
    return "no engine: the program that was named (options.program, DHOW_PROGRAM) cannot be run; "
           "or "
           "the one that a static libdhow is in has not called dhow_engine_main, and there is no "
           "program 'dhow' (" DHOW_BINDIR ", PATH); or memory is out";
}

void dhow_free(void *p)
{
    free(p);
}

/* ---- starting ---- */

static void add(struct words *w, const char *word)
{
    if (w->n + 1 < sizeof w->v / sizeof *w->v)
        w->v[w->n++] = word;
}

static void add_option(struct words *w, const char *option, const char *value)
{
    if (!value)
        return;
    add(w, option);
    add(w, value);
}

static void begin(const struct dhow *d, struct words *w)
{
    add(w, "dhow");
    add_option(w, "--home", d->home);
    add_option(w, "--db", d->database);
    add(w, "--output");
    add(w, "json");
}

/* Waits for the run to be on record: its first event has the id. Ends before: why. */
static int take_id(struct dhow_run *run)
{
    struct dhow_event event;
    int rc;

    while ((rc = dhow_next(run, -1, &event)) > 0)
        if (lib_member(event.json, "run_id", run->id, sizeof run->id))
            return DHOW_OK;
    return rc < 0 ? rc : run->status;
}

static int watch(struct dhow *d, const struct words *w, int input, struct dhow_run **ret)
{
    struct dhow_run *run = calloc(1, sizeof *run);
    int rc;

    if (!run)
        return lib_fail(d, DHOW_NO_MEMORY, "memory is out");
    run->d = d;
    rc = lib_spawn(d, w, 1, input, &run->child);
    if (rc == DHOW_OK)
        rc = take_id(run);
    if (rc != DHOW_OK && !run->id[0]) {
        dhow_run_free(run);
        return rc;
    }
    *ret = run;
    return DHOW_OK;
}

/* A text as a file without a name: parameters are in no argument list, and may be large. -1: errno.
 */
static int file_of(const char *text)
{
    size_t n = strlen(text), at = 0;
    int low = memfd_create("dhow-parameters", MFD_CLOEXEC), fd;

    if (low < 0)
        return -1;
    fd = fcntl(low, F_DUPFD_CLOEXEC, 10);
    (void)close(low);
    while (fd >= 0 && at < n) {
        ssize_t wrote = write(fd, text + at, n - at);

        if (wrote < 0 && errno != EINTR) {
            (void)close(fd);
            return -1;
        }
        at += wrote > 0 ? (size_t)wrote : 0;
    }
    return fd;
}

int dhow_start(struct dhow *d, const char *file, const char *parameters,
               const struct dhow_start_options *options, struct dhow_run **ret)
{
    static const struct dhow_start_options none;
    const struct dhow_start_options *o = options ? options : &none;
    struct words w = {{NULL}, 0};
    char jobs[16];
    int input = -1, rc;

    if (parameters && (input = file_of(parameters)) < 0)
        return lib_fail(d, DHOW_MACHINE, "parameters: %s", strerror(errno));
    begin(d, &w);
    add(&w, "run");
    add(&w, "--events=/dev/fd/3");
    add_option(&w, "--params", parameters ? "/dev/fd/4" : NULL);
    add_option(&w, "--name", o->name);
    add_option(&w, "--experiment", o->experiment);
    add_option(&w, "--runtime", o->runtime);
    add_option(&w, "--cache", o->cache);
    if (o->jobs > 0) {
        (void)snprintf(jobs, sizeof jobs, "%d", o->jobs);
        add_option(&w, "--jobs", jobs);
    }
    add(&w, "--");
    add(&w, file);
    rc = watch(d, &w, input, ret);
    if (input >= 0)
        (void)close(input);
    return rc;
}

int dhow_resume(struct dhow *d, const char *id, struct dhow_run **ret)
{
    struct words w = {{NULL}, 0};

    begin(d, &w);
    add(&w, "resume");
    add(&w, "--events=/dev/fd/3");
    add(&w, "--");
    add(&w, id);
    return watch(d, &w, -1, ret);
}

/* ---- events ---- */

const char *dhow_run_id(const struct dhow_run *run)
{
    return run->id;
}

int dhow_fd(const struct dhow_run *run)
{
    return run->ended ? -1 : run->child.events;
}

static int end_of(struct dhow_run *run)
{
    if (!run->ended)
        run->status = lib_finish(run->d, &run->child, &run->json);
    run->ended = 1;
    return DHOW_OK;
}

static int number(const char *json, const char *key, int other)
{
    char text[16];

    return lib_member(json, key, text, sizeof text) ? (int)strtol(text, NULL, 10) : other;
}

static int give(struct dhow_run *run, size_t length, struct dhow_event *ret)
{
    char *json = run->line + run->at;

    json[length] = '\0';
    run->at += length + 1;
    (void)lib_member(json, "event", ret->kind, sizeof ret->kind);
    (void)lib_member(json, "task", ret->task, sizeof ret->task);
    (void)lib_member(json, "state", ret->state, sizeof ret->state);
    if (!lib_member(json, "reason", ret->reason, sizeof ret->reason))
        (void)lib_member(json, "text", ret->reason, sizeof ret->reason);
    ret->attempt = number(json, "attempt", 0);
    ret->exit_code = number(json, "exit_code", -1);
    ret->json = json;
    return 1;
}

/* 1: more was read; 0: no more comes */
static int read_more(struct dhow_run *run)
{
    ssize_t n;

    memmove(run->line, run->line + run->at, run->n - run->at);
    run->n -= run->at;
    run->at = 0;
    if (run->cap - run->n < 4096) {
        size_t cap = run->cap ? run->cap * 2 : 16384;
        char *more = realloc(run->line, cap);

        if (!more)
            return lib_fail(run->d, DHOW_NO_MEMORY, "memory is out");
        run->line = more;
        run->cap = cap;
    }
    n = read(run->child.events, run->line + run->n, run->cap - run->n);
    if (n > 0)
        run->n += (size_t)n;
    return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

int dhow_next(struct dhow_run *run, int timeout_ms, struct dhow_event *ret)
{
    for (;;) {
        const char *end =
            run->n > run->at ? memchr(run->line + run->at, '\n', run->n - run->at) : NULL;
        struct pollfd fd = {run->child.events, POLLIN, 0};
        int rc;

        if (end)
            return give(run, (size_t)(end - run->line) - run->at, ret);
        if (run->ended)
            return DHOW_OK;
        rc = poll(&fd, 1, timeout_ms);
        if (rc == 0)
            return 0;
        if (rc < 0 && errno != EINTR)
            return lib_fail(run->d, DHOW_MACHINE, "poll: %s", strerror(errno));
        rc = rc > 0 ? read_more(run) : 1;
        if (rc < 0)
            return rc;
        if (rc == 0)
            return end_of(run);
    }
}

int dhow_wait(struct dhow_run *run, void (*fn)(const struct dhow_event *event, void *user),
              void *user, char **ret_json)
{
    struct dhow_event event;
    int rc;

    while ((rc = dhow_next(run, -1, &event)) > 0)
        if (fn)
            fn(&event, user);
    if (rc < 0)
        return rc;
    if (ret_json) {
        *ret_json = run->json;
        run->json = NULL;
    }
    return run->status;
}

int dhow_cancel(struct dhow_run *run)
{
    if (run->ended || run->child.pid <= 0)
        return DHOW_OK;
    if (kill(run->child.pid, SIGINT) < 0 && errno != ESRCH)
        return lib_fail(run->d, DHOW_MACHINE, "cancel: %s", strerror(errno));
    return DHOW_OK;
}

void dhow_run_free(struct dhow_run *run)
{
    if (!run)
        return;
    lib_leave(run->d, &run->child);
    free(run->line);
    free(run->json);
    free(run);
}

/* ---- reading ---- */

int dhow_readv(struct dhow *d, char **ret, const char *const *words)
{
    struct words w = {{NULL}, 0};
    struct child child;
    int rc;

    begin(d, &w);
    for (; *words; words++)
        add(&w, *words);
    if (w.n + 1 == sizeof w.v / sizeof *w.v)
        return lib_fail(d, DHOW_WRONG, "more words than a command has");
    *ret = NULL;
    rc = lib_spawn(d, &w, 0, -1, &child);
    if (rc != DHOW_OK)
        return rc;
    rc = lib_finish(d, &child, ret);
    if (rc != DHOW_OK) {
        free(*ret);
        *ret = NULL;
    }
    return rc;
}

int dhow_read(struct dhow *d, char **ret, const char *command, ...)
{
    const char *words[48] = {command};
    size_t n = 1;
    va_list ap;

    va_start(ap, command);
    while (n + 1 < sizeof words / sizeof *words && (words[n] = va_arg(ap, const char *)))
        n++;
    va_end(ap);
    words[n] = NULL;
    return dhow_readv(d, ret, words);
}
