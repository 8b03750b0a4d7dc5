#include "cli/events.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "cli/out.h"

struct events {
    struct engine_watch watch;
    const struct engine_watch *next;
    int fd; /* -1: nobody reads any more */
};

static void put(struct events *e, struct js *line)
{
    own(js_free) struct js *v = line;
    own_buf struct buf text = {0};

    if (e->fd < 0)
        return;
    js_write(v, JS_COMPACT, &text);
    buf_addc(&text, '\n');
    if (fs_write_fd(e->fd, text.p, text.n, "events", NULL) < 0) {
        (void)close(e->fd);
        e->fd = -1;
    }
}

static void on_task(void *user, const struct engine_event *event)
{
    struct events *e = user;
    own_mem char *key = plan_key(event->node);
    struct js *v = js_object();

    js_set(v, "event", js_str("task"));
    js_set(v, "run_id", js_str(event->run_id));
    js_set(v, "task", js_str(key));
    js_set(v, "state", js_str(plan_state_name(event->state)));
    out_set_text(v, "task_id", event->task_id);
    js_set(v, "attempt", js_int(event->attempt));
    out_set_text(v, "reason", event->reason);
    out_set_text(v, "log", event->log);
    out_set_time(v, "at", event->at_us);
    js_set(v, "exit_code", event->exit_code < 0 ? js_null() : js_int(event->exit_code));
    js_set(v, "waiting", js_bool(event->waiting));
    js_set(v, "retry_in_ms", event->retry_in_ms < 0 ? js_null() : js_int(event->retry_in_ms));
    put(e, v);
    if (e->next && e->next->task)
        e->next->task(e->next->user, event);
}

static void on_note(void *user, const char *text)
{
    struct events *e = user;
    struct js *v = js_object();

    js_set(v, "event", js_str("note"));
    js_set(v, "text", js_str(text));
    put(e, v);
    if (e->next && e->next->note)
        e->next->note(e->next->user, text);
}

static void on_run(void *user, const char *run_id, enum plan_state state)
{
    struct events *e = user;
    struct js *v = js_object();

    js_set(v, "event", js_str("run"));
    js_set(v, "run_id", js_str(run_id));
    js_set(v, "state", js_str(plan_state_name(state)));
    put(e, v);
    if (e->next && e->next->run)
        e->next->run(e->next->user, run_id, state);
}

int events_open(const char *path, const struct engine_watch *next, struct events **ret,
                struct dh_err *err)
{
    struct events *e;
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);

    if (fd < 0)
        return dh_fail_errno(err, "--events %s", path);
    e = dh_zalloc(1, sizeof *e);
    *e = (struct events){.watch = {.run = on_run, .task = on_task, .note = on_note, .user = e},
                         .next = next,
                         .fd = fd};
    *ret = e;
    return 0;
}

struct events *events_close(struct events *e)
{
    if (!e)
        return NULL;
    if (e->fd >= 0)
        (void)close(e->fd);
    free(e);
    return NULL;
}

const struct engine_watch *events_watch(struct events *e)
{
    return &e->watch;
}
