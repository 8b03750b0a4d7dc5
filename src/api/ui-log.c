/* ui-log - the log of an attempt: by ranges, and as it grows. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/api-priv.h"
#include "api/hub.h"
#include "api/runs.h"
#include "api/ui.h"
#include "base/mem.h"

struct log {
    int64_t task, attempt;
    const char *path; /* NULL: there is none */
    bool ended;
};

/* The attempt that is asked for; of a cached task, the log of the one that ran. */
static int find_log(struct req *r, const struct store_task *task, struct log *ret,
                    struct dh_err *err)
{
    struct store_attempts list;
    struct store_task at = *task;
    int64_t number;

    if (req_arg_int(r, "attempt", 0, &number, err) < 0)
        return -1;
    if (at.state == STORE_CACHED && at.cached_from_id &&
        store_task_get(r->store, at.cached_from_id, r->arena, &at, err) < 0)
        return -1;
    if (store_attempt_list(r->store, at.id, r->arena, &list, err) < 0)
        return -1;
    if (number <= 0)
        number = at.attempts;
    *ret = (struct log){.task = at.id, .attempt = number, .path = at.log_path};
    ret->ended = store_state_ended(at.state) || number < at.attempts;
    for (size_t i = 0; i < list.n; i++)
        if (list.items[i].number == number) {
            if (list.items[i].log_path)
                ret->path = list.items[i].log_path;
            ret->ended = ret->ended || store_state_ended(list.items[i].state);
            return 0;
        }
    /* The last attempt has no row of its own: it is the task's. */
    return number == at.attempts
               ? 0
               : dh_fail(err, DH_NOT_FOUND, "the task has no attempt %lld", (long long)number);
}

static void no_range(struct req *r, int64_t size)
{
    r->status = 416;
    r->type = "text/plain; charset=utf-8";
    req_header(r, "Content-Range", arena_printf(r->arena, "bytes */%lld", (long long)size));
}

int req_send_file(struct req *r, int fd, int64_t size)
{
    int64_t from = 0, to = size;
    int rc = uri_range(r->range, size, &from, &to);

    req_header(r, "Accept-Ranges", "bytes");
    if (rc < 0) {
        (void)close(fd);
        no_range(r, size);
        return 0;
    }
    if (rc == 0) {
        r->status = 206;
        req_header(r, "Content-Range",
                   arena_printf(r->arena, "bytes %lld-%lld/%lld", (long long)from,
                                (long long)to - 1, (long long)size));
    }
    if (to == from) { /* empty */
        (void)close(fd);
        return 0;
    }
    r->file = fd;
    r->from = from;
    r->to = to;
    return 0;
}

static int send_log(struct req *r, const struct log *log)
{
    struct stat st;
    int fd = log->path ? open(log->path, O_RDONLY | O_CLOEXEC) : -1;

    r->type = "text/plain; charset=utf-8";
    req_header(r, "Cache-Control", "no-store");
    if (fd < 0 || fstat(fd, &st) < 0) {
        if (fd >= 0)
            (void)close(fd);
        if (r->range)
            no_range(r, 0);
        return 0;
    }
    return req_send_file(r, fd, st.st_size);
}

int ui_tasks_log(struct req *r, struct dh_err *err)
{
    struct store_task task;
    struct store_run run;
    struct log log;

    if (ui_task_find(r, r->param[0], &task, &run, err) < 0 || find_log(r, &task, &log, err) < 0)
        return -1;
    req_header(r, "X-Log-Attempt", arena_printf(r->arena, "%lld", (long long)log.attempt));
    req_header(r, "X-Log-Ended", log.ended ? "1" : "0");
    if (req_arg_true(r, "download"))
        req_header(r, "Content-Disposition",
                   arena_printf(r->arena, "attachment; filename=\"%.36s.log\"", task.uuid));
    return send_log(r, &log);
}

/* KFP's own, by task id or name. */
int runs_node_log(struct req *r, struct dh_err *err)
{
    struct store_tasks tasks;
    struct store_run run;
    struct log log;

    if (run_find(r, r->param[0], &run, err) < 0 ||
        store_task_list(r->store, run.id, r->arena, &tasks, err) < 0)
        return -1;
    for (size_t i = 0; i < tasks.n; i++)
        if (!strcmp(tasks.items[i].uuid, r->param[1]) || !strcmp(tasks.items[i].name, r->param[1]))
            return find_log(r, &tasks.items[i], &log, err) < 0 ? -1 : send_log(r, &log);
    return dh_fail(err, DH_NOT_FOUND, "the run has no node '%s'", r->param[1]);
}

/* ---- as it grows ---- */

enum { CHUNK = 8192 };

struct follow {
    struct store *store;
    struct log log;
    char *path;
    int fd;
    int64_t offset;
    struct hub *hub;
    int64_t changes; /* of the record, when it was last asked whether the attempt has ended */
    bool ended;      /* seen before the last read: nothing comes any more */
};

/* Bytes at the end that begin a sequence of UTF-8 which is not whole yet. */
static size_t cut_off(const char *p, size_t n)
{
    for (size_t back = 1; back <= 3 && back <= n; back++) {
        unsigned char c = (unsigned char)p[n - back];

        if (c >= 0xc0)
            return (c >= 0xf0 ? 4U : c >= 0xe0 ? 3U : 2U) > back ? back : 0;
        if (c < 0x80)
            return 0;
    }
    return 0;
}

static void say_text(struct follow *f, struct buf *to, const char *text, size_t n)
{
    own_buf struct buf data = {0};
    struct jw w = {.to = &data};
    char id[24];

    jw_begin(&w, '{');
    jw_number(&w, "offset", f->offset);
    jw_key(&w, "text");
    jw_strn(&w, text, n);
    jw_end(&w, '}');
    f->offset += (int64_t)n;
    (void)snprintf(id, sizeof id, "%lld", (long long)f->offset);
    hub_event(to, id, "log", data.p, data.n);
}

static bool has_ended(struct follow *f)
{
    own(arena_free) struct arena *a = arena_new();
    struct store_task task;
    struct dh_err ignored;

    return store_task_get(f->store, f->log.task, a, &task, &ignored) < 0 ||
           store_state_ended(task.state) || task.attempts > f->log.attempt;
}

static int end(struct follow *f, struct buf *to)
{
    char data[48];
    /* Below 0: counted from the end of a log that never was. */
    int n =
        snprintf(data, sizeof data, "{\"size\":%lld}", (long long)(f->offset > 0 ? f->offset : 0));

    hub_event(to, NULL, "end", data, (size_t)n);
    return -1;
}

static int fill_follow(void *ctx, struct buf *to)
{
    struct follow *f = ctx;
    char bytes[CHUNK];
    struct stat st;
    ssize_t n;

    if (f->fd < 0 && f->path)
        f->fd = open(f->path, O_RDONLY | O_CLOEXEC);
    if (f->fd >= 0 && f->offset < 0) {
        f->offset =
            fstat(f->fd, &st) == 0 && st.st_size + f->offset > 0 ? st.st_size + f->offset : 0;
    }
    n = f->fd >= 0 ? pread(f->fd, bytes, sizeof bytes, f->offset) : 0;
    if (n > 0) {
        size_t whole = (size_t)n - cut_off(bytes, (size_t)n);

        if (whole == 0 && f->ended)
            whole = (size_t)n;
        if (whole > 0) {
            say_text(f, to, bytes, whole);
            return 1;
        }
    }
    if (f->ended)
        return end(f, to);
    if (f->changes == hub_changes(f->hub))
        return 0;
    f->changes = hub_changes(f->hub);
    f->ended = has_ended(f);
    return f->ended; /* once more: what was written last */
}

static void free_follow(void *ctx)
{
    struct follow *f = ctx;

    if (f->fd >= 0)
        (void)close(f->fd);
    free(f->path);
    free(f);
}

int ui_tasks_log_events(struct req *r, struct dh_err *err)
{
    struct follow *f;
    struct store_task task;
    struct store_run run;
    struct log log;
    int64_t offset;

    if (ui_task_find(r, r->param[0], &task, &run, err) < 0 || find_log(r, &task, &log, err) < 0 ||
        req_arg_int(r, "offset", 0, &offset, err) < 0)
        return -1;
    if (r->last_event_id)
        offset = strtoll(r->last_event_id, NULL, 10);
    f = dh_zalloc(1, sizeof *f);
    *f = (struct follow){.store = r->store,
                         .hub = r->api->hub,
                         .changes = -1,
                         .log = log,
                         .fd = -1,
                         .offset = offset};
    f->path = log.path ? dh_strdup(log.path) : NULL;
    hub_answer(r, (struct hub_stream){.ctx = f, .fill = fill_follow, .free = free_follow});
    return 0;
}
