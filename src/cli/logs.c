/* logs - what the steps of a run wrote; with -f, while they write it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/record.h"

enum { POLL_MS = 100 };

struct stream { /* one task's log, as far as it has been printed */
    char *path, *prefix;
    off_t at;
    struct buf partial; /* a line whose end has not come yet */
};

struct follow {
    const struct cli *cli;
    struct strmap *streams; /* by task id and path */
    bool prefixes;
    const char *task; /* NULL: all */
    bool any;
};

static void stream_free(struct stream *s)
{
    free(s->path);
    free(s->prefix);
    buf_done(&s->partial);
    free(s);
}

static void follow_done(struct follow *f)
{
    for (size_t i = 0; i < strmap_n(f->streams); i++) {
        void *value;

        strmap_at(f->streams, i, &value);
        stream_free(value);
    }
    strmap_free(f->streams);
}

static void print_line(const struct follow *f, const struct stream *s, const char *line, size_t n)
{
    if (f->cli->json) {
        own(js_free) struct js *v = js_object();
        own_mem char *text = NULL;

        js_set(v, "task", js_str(s->prefix));
        js_set(v, "line", js_strn(line, n));
        text = js_dump(v, JS_COMPACT);
        (void)puts(text);
        return;
    }
    if (f->prefixes)
        printf("%s%s |%s ", out_on(f->cli->color, OUT_CYAN), s->prefix, out_off(f->cli->color));
    (void)fwrite(line, 1, n, stdout);
    (void)putchar('\n');
}

static void print_bytes(const struct follow *f, struct stream *s, const char *bytes, size_t n)
{
    while (n > 0) {
        const char *newline = memchr(bytes, '\n', n);
        size_t len = newline ? (size_t)(newline - bytes) : n;

        if (!newline) {
            buf_add(&s->partial, bytes, n);
            return;
        }
        if (s->partial.n) {
            buf_add(&s->partial, bytes, len);
            print_line(f, s, s->partial.p, s->partial.n);
            buf_reset(&s->partial);
        } else {
            print_line(f, s, bytes, len);
        }
        bytes += len + 1;
        n -= len + 1;
    }
}

/* Prints what has been added since the last call. A log that is gone is no error: steps that never
 * started have none. */
static int pump(const struct follow *f, struct stream *s, struct dh_err *err)
{
    own_fd int fd = open(s->path, O_RDONLY | O_CLOEXEC);
    char bytes[65536];
    ssize_t n;

    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : dh_fail_errno(err, "%s", s->path);
    if (lseek(fd, s->at, SEEK_SET) < 0)
        return dh_fail_errno(err, "%s", s->path);
    while ((n = read(fd, bytes, sizeof bytes)) > 0) {
        s->at += n;
        print_bytes(f, s, bytes, (size_t)n);
    }
    return n < 0 ? dh_fail_errno(err, "%s", s->path) : 0;
}

static void flush_partial(const struct follow *f, struct stream *s)
{
    if (s->partial.n)
        print_line(f, s, s->partial.p, s->partial.n);
    buf_reset(&s->partial);
}

static struct stream *stream_of(struct follow *f, const struct record *record,
                                const struct store_task *task, const char *path)
{
    own_mem char *id = dh_printf("%lld %s", (long long)task->id, path);
    struct stream *s = strmap_get(f->streams, id);
    if (!s) {
        s = dh_zalloc(1, sizeof *s);
        s->path = dh_strdup(path);
        s->prefix = dh_strdup(record_path(record, task));
        strmap_put(f->streams, id, s);
    }
    return s;
}

/* Where the task's output went: for a cached one, what the run that made it wrote. */
static int log_of(struct store *store, struct record *record, const struct store_task *task,
                  const char **ret, struct dh_err *err)
{
    struct store_task origin;

    *ret = task->log_path;
    if (task->state != STORE_CACHED || !task->cached_from_id)
        return 0;
    if (store_task_get(store, task->cached_from_id, record->arena, &origin, err) < 0)
        return err->code == DH_NOT_FOUND ? 0 : -1;
    *ret = origin.log_path;
    return 0;
}

/* The attempts before the last one, each under a line that says how it ended. */
static int print_old_attempts(struct follow *f, struct store *store, struct record *record,
                              const struct store_task *task, struct dh_err *err)
{
    struct store_attempts attempts;

    if (task->attempts < 2)
        return 0;
    if (store_attempt_list(store, task->id, record->arena, &attempts, err) < 0)
        return -1;
    for (size_t i = 0; i + 1 < attempts.n; i++) {
        const struct store_attempt *attempt = &attempts.items[i];
        struct stream *s;

        if (!attempt->log_path || (task->log_path && !strcmp(attempt->log_path, task->log_path)))
            continue;
        s = stream_of(f, record, task, attempt->log_path);
        if (s->at == 0) {
            if (pump(f, s, err) < 0)
                return -1;
            flush_partial(f, s);
            fprintf(stderr, "-- %s: attempt %lld ended: %s\n", s->prefix,
                    (long long)attempt->number,
                    attempt->reason ? attempt->reason : store_state_name(attempt->state));
        }
        f->any = true;
    }
    return 0;
}

static int pump_all(struct follow *f, struct store *store, struct record *record,
                    struct dh_err *err)
{
    for (size_t i = 0; i < record->tasks.n; i++) {
        const struct store_task *task = &record->tasks.items[i];
        const char *path;
        struct record_tasks wanted;
        bool is_wanted = !f->task;

        if (!record_is_leaf(task))
            continue;
        if (f->task && record_find_tasks(record, f->task, &wanted, err) == 0)
            for (size_t k = 0; k < wanted.n; k++)
                is_wanted |= wanted.items[k] == task;
        if (!is_wanted)
            continue;
        if (print_old_attempts(f, store, record, task, err) < 0 ||
            log_of(store, record, task, &path, err) < 0)
            return -1;
        if (!path)
            continue;
        f->any = true;
        if (pump(f, stream_of(f, record, task, path), err) < 0)
            return -1;
    }
    (void)fflush(stdout);
    return 0;
}

static void flush_all(struct follow *f)
{
    for (size_t i = 0; i < strmap_n(f->streams); i++) {
        void *value;

        strmap_at(f->streams, i, &value);
        flush_partial(f, value);
    }
}

static void nap(void)
{
    const struct timespec t = {.tv_nsec = POLL_MS * 1000000L};

    (void)nanosleep(&t, NULL);
}

static int follow_run(struct follow *f, struct store *store, const char *run, struct dh_err *err)
{
    for (;;) {
        own(record_free) struct record *record = NULL;
        bool live;

        if (record_load(store, run, &record, err) < 0)
            return -1;
        live = record_is_live(&record->run); /* as of before the reading below: nothing is missed */
        if (pump_all(f, store, record, err) < 0)
            return -1;
        if (!live) {
            flush_all(f);
            if (!store_state_ended(record->run.state))
                record_tell_still(&record->run);
            return 0;
        }
        do {
            nap();
            for (size_t i = 0; i < strmap_n(f->streams); i++) {
                void *value;

                strmap_at(f->streams, i, &value);
                if (pump(f, value, err) < 0)
                    return -1;
            }
            (void)fflush(stdout);
        } while (!ferror(stdout) && !store_changed(store) &&
                 kill((pid_t)record->run.owner.pid, 0) == 0);
    }
}

static int print_logs(struct cli *cli, struct store *store, const struct cli_place *place,
                      bool follow, struct dh_err *err)
{
    own(record_free) struct record *record = NULL;
    struct follow f = {.cli = cli, .streams = strmap_new(), .task = place->task};
    struct record_tasks tasks = {.n = 2};
    int rc = record_load(store, place->run, &record, err);

    if (rc == 0 && place->task)
        rc = record_find_tasks(record, place->task, &tasks, err);
    f.prefixes = tasks.n > 1;
    if (rc == 0)
        rc = follow ? follow_run(&f, store, record->run.uuid, err)
                    : pump_all(&f, store, record, err);
    if (rc == 0)
        flush_all(&f);
    if (rc == 0 && !f.any)
        fprintf(stderr, "nothing has been written: no step of it has started\n");
    follow_done(&f);
    return rc;
}

static int run_logs(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    own(store_close) struct store *store = NULL;
    own_place struct cli_place place = {0};

    cli_place_split(cli_at(args, 0), &place);
    if (cli_store_with(cli, "runs", &store, err) < 0 ||
        print_logs(cli, store, &place, cli_has(args, "follow"), err) < 0)
        return -1;
    return CLI_DONE;
}

static const struct cli_option logs_options[] = {
    {.name = "follow", .letter = 'f', .help = "go on printing until the run has ended"},
    {.name = NULL},
};

const struct cli_command cmd_logs = {
    .name = "logs",
    .group = "The record",
    .summary = "print what the steps of a run wrote",
    .operands = "RUN[/TASK]",
    .min_operands = 1,
    .max_operands = 1,
    .operand_kind = CLI_RUN,
    .options = logs_options,
    .text =
        "Without TASK: of all steps, each line after its step's name. Of a step that was tried "
        "more than once, all\n"
        "attempts; of a cached one, what the run wrote that made the result. With --output json "
        "an object a line.",
    .examples = "dhow logs last/train\ndhow logs last -f",
    .run = run_logs,
};
