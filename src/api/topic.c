/* topic - how a run is watched: the difference between what was known and what is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api/api-priv.h"
#include "api/hub-priv.h"
#include "api/ui.h"
#include "base/clock.h"
#include "base/mem.h"

enum { MOST_EDITED = 100 };

struct topic *topic_new(struct hub *hub, int64_t run, const char *uuid)
{
    struct topic *t = dh_zalloc(1, sizeof *t);

    t->run = run;
    (void)snprintf(t->uuid, sizeof t->uuid, "%s", uuid ? uuid : "");
    t->base = hub->next_id;
    t->idle_us = clock_mono_us();
    return t;
}

static void forget_tasks(struct topic *t)
{
    for (size_t i = 0; i < t->n_open; i++)
        free(t->open[i].log);
    t->n_open = 0;
}

void topic_free(struct topic *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->events[i].text);
    forget_tasks(t);
    free(t->open);
    free(t->open_runs.items);
    free(t->events);
    free(t);
}

/* ---- events ---- */

static void drop_oldest(struct topic *t)
{
    size_t n = 0;

    while (t->n - n > 1 && (t->n - n > KEEP_EVENTS || t->bytes > KEEP_BYTES)) {
        t->bytes -= t->events[n].n;
        t->base = t->events[n].id;
        free(t->events[n++].text);
    }
    if (n == 0)
        return;
    t->n -= n;
    t->dropped += (int64_t)n;
    (void)memmove(t->events, t->events + n, t->n * sizeof *t->events);
}

void topic_add(struct hub *hub, struct topic *t, const char *name, const struct buf *data)
{
    struct buf text = {0};
    struct event event = {.id = ++hub->next_id};
    char id[64];

    (void)snprintf(id, sizeof id, "%lld-%lld", (long long)hub->epoch, (long long)event.id);
    hub_event(&text, id, name, buf_str(data), data->n);
    event.n = text.n;
    event.text = buf_take(&text);
    /* A tenth more than is kept, so that the oldest go many at a time. */
    if (t->n > KEEP_EVENTS + KEEP_EVENTS / 10 || t->bytes > KEEP_BYTES + KEEP_BYTES / 10)
        drop_oldest(t);
    DH_GROW(t->events, t->n, t->cap);
    t->events[t->n++] = event;
    t->bytes += event.n;
}

static uint64_t hash(uint64_t h, const char *text)
{
    for (const unsigned char *s = (const unsigned char *)(text ? text : ""); *s; s++)
        h = (h ^ *s) * 0x100000001b3ULL;
    return (h ^ 0xff) * 0x100000001b3ULL;
}

static uint64_t hash_number(uint64_t h, int64_t n)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%lld", (long long)n);
    return hash(h, text);
}

/* ---- tasks ---- */

static void say_task(struct hub *hub, struct topic *t, const struct store_task *task,
                     struct arena *a)
{
    own_buf struct buf data = {0};
    struct jw w = {.to = &data};
    struct dh_err ignored;

    if (!t->known)
        return;
    jw_begin(&w, '{');
    jw_text(&w, "run_id", t->uuid);
    if (ui_task_members(hub->api->store, a, task, NULL, NULL, &w, &ignored) < 0)
        return;
    jw_end(&w, '}');
    topic_add(hub, t, "task", &data);
}

static void say_log(struct hub *hub, struct topic *t, const char *task_uuid, int64_t attempt,
                    int64_t bytes)
{
    own_buf struct buf data = {0};
    struct jw w = {.to = &data};

    jw_begin(&w, '{');
    jw_text(&w, "run_id", t->uuid);
    jw_text(&w, "task_id", task_uuid);
    jw_number(&w, "attempt", attempt);
    jw_number(&w, "bytes", bytes);
    jw_end(&w, '}');
    topic_add(hub, t, "log", &data);
}

static uint64_t said_of(const struct store_task *task)
{
    return hash(hash(hash_number(0xcbf29ce484222325ULL, task->iteration_count), task->state_reason),
                task->error);
}

static void look_at_log(struct hub *hub, struct topic *t, struct open_task *o, const char *uuid)
{
    struct store_task task;
    struct stat st;

    if (!o->log || stat(o->log, &st) < 0 || st.st_size == o->log_bytes)
        return;
    o->log_bytes = st.st_size;
    if (!t->known)
        return;
    if (!uuid) {
        own(arena_free) struct arena *a = arena_new();
        struct dh_err ignored;

        if (store_task_get(hub->api->store, o->id, a, &task, &ignored) == 0)
            say_log(hub, t, task.uuid, task.attempts, o->log_bytes);
        return;
    }
    say_log(hub, t, uuid, o->attempts, o->log_bytes);
}

static void set_log(struct open_task *o, const char *path)
{
    if (o->log && path && !strcmp(o->log, path))
        return;
    free(o->log);
    o->log = path ? dh_strdup(path) : NULL;
    o->log_bytes = 0;
}

static void note(struct open_task *o, const struct store_task *task)
{
    o->id = task->id;
    o->state = task->state;
    o->attempts = task->attempts;
    o->started_us = task->started_us;
    o->said = said_of(task);
    set_log(o, task->log_path);
}

static bool is_news(const struct open_task *o, const struct store_task *task)
{
    return o->state != task->state || o->attempts != task->attempts ||
           o->started_us != task->started_us || o->said != said_of(task);
}

static void poll_open(struct hub *hub, struct topic *t)
{
    for (size_t i = t->n_open; i-- > 0;) {
        own(arena_free) struct arena *a = arena_new();
        struct open_task *o = &t->open[i];
        struct store_task task;
        struct dh_err err;
        bool gone = store_task_get(hub->api->store, o->id, a, &task, &err) < 0;

        if (!gone && is_news(o, &task)) {
            note(o, &task);
            say_task(hub, t, &task, a);
        }
        if (!gone)
            look_at_log(hub, t, o, task.uuid);
        if (gone || store_state_ended(task.state)) {
            free(o->log);
            t->open[i] = t->open[--t->n_open];
        }
    }
}

static void poll_new(struct hub *hub, struct topic *t)
{
    for (;;) {
        own(arena_free) struct arena *a = arena_new();
        struct store_tasks tasks;
        struct dh_err err;

        if (catalog_tasks_after(hub->api->store, t->run, t->last_task, 500, a, &tasks, &err) < 0)
            return;
        for (size_t i = 0; i < tasks.n; i++) {
            const struct store_task *task = &tasks.items[i];
            struct open_task o = {0};

            note(&o, task);
            say_task(hub, t, task, a);
            look_at_log(hub, t, &o, task->uuid);
            t->last_task = task->id;
            if (store_state_ended(task->state)) {
                free(o.log);
                continue;
            }
            DH_GROW(t->open, t->n_open, t->cap_open);
            t->open[t->n_open++] = o;
        }
        if (tasks.n < 500)
            return;
    }
}

static void poll_metrics(struct hub *hub, struct topic *t)
{
    own(arena_free) struct arena *a = arena_new();
    own_buf struct buf data = {0};
    struct jw w = {.to = &data};
    struct store_metrics list;
    struct store_task task = {0};
    struct dh_err err;

    if (catalog_metrics_after(hub->api->store, t->run, t->last_metric, NULL, 1000, a, &list, &err) <
            0 ||
        list.n == 0)
        return;
    t->last_metric = list.items[list.n - 1].id;
    if (!t->known) {
        while (list.n == 1000 &&
               catalog_metrics_after(hub->api->store, t->run, t->last_metric, NULL, 1000, a, &list,
                                     &err) == 0 &&
               list.n > 0)
            t->last_metric = list.items[list.n - 1].id;
        return;
    }
    jw_begin(&w, '{');
    jw_text(&w, "run_id", t->uuid);
    jw_begin_in(&w, "items", '[');
    for (size_t i = 0; i < list.n; i++) {
        const struct store_metric *m = &list.items[i];

        if (m->task_id && m->task_id != task.id &&
            store_task_get(hub->api->store, m->task_id, a, &task, &err) < 0)
            continue;
        ui_metric_write(m, m->task_id ? task.uuid : NULL, m->task_id ? task.name : NULL, &w);
    }
    jw_end(&w, ']');
    jw_end(&w, '}');
    topic_add(hub, t, "metric", &data);
}

/* ---- runs ---- */

static uint64_t run_said(const struct store_run *run)
{
    uint64_t h = hash_number(0xcbf29ce484222325ULL, (int64_t)run->state);

    h = hash_number(h, run->finished_us);
    h = hash_number(h, run->cancel_requested_us != 0);
    h = hash_number(h, run->edited_us);
    h = hash(h, run->queue);
    h = hash(h, run->error);
    return hash(h, run->outputs);
}

static void say_run(struct hub *hub, struct topic *t, const struct store_run *run, struct arena *a)
{
    own_buf struct buf data = {0};
    struct jw w = {.to = &data};
    struct dh_err ignored;

    jw_begin(&w, '{');
    if (ui_run_members(hub->api->store, a, run, &w, &ignored) < 0)
        return;
    jw_json(&w, "outputs", run->outputs, "{}");
    jw_end(&w, '}');
    topic_add(hub, t, "run", &data);
}

static void say_reset(struct hub *hub, struct topic *t)
{
    own_buf struct buf data = {0};

    buf_addf(&data, "{\"run_id\":\"%s\"}", t->uuid);
    topic_add(hub, t, "reset", &data);
}

static void poll_run(struct hub *hub, struct topic *t)
{
    own(arena_free) struct arena *a = arena_new();
    struct store_run run;
    struct dh_err err;
    uint64_t said;
    bool ended;

    if (store_run_get(hub->api->store, t->run, a, &run, &err) < 0)
        return;
    said = run_said(&run);
    ended = store_state_ended(run.state) && !run.queue;
    if (t->known && run.generation != t->generation && t->generation > 0) {
        forget_tasks(t); /* a retry sets tasks back: all is read anew */
        t->last_task = 0;
        t->known = false;
        say_reset(hub, t);
    }
    t->generation = run.generation;
    if (t->known && said == t->run_said && ended && t->n_open == 0)
        return;
    poll_open(hub, t);
    poll_new(hub, t);
    poll_metrics(hub, t);
    if (t->known && said != t->run_said)
        say_run(hub, t, &run, a);
    t->run_said = said;
    t->known = true;
}

/* ---- all runs ---- */

static bool holds(const struct catalog_ids *ids, int64_t id)
{
    for (size_t i = 0; i < ids->n; i++)
        if (ids->items[i] == id)
            return true;
    return false;
}

static void say_run_id(struct hub *hub, struct topic *t, int64_t id)
{
    own(arena_free) struct arena *a = arena_new();
    struct store_run run;
    struct dh_err err;

    if (t->known && store_run_get(hub->api->store, id, a, &run, &err) == 0)
        say_run(hub, t, &run, a);
}

static void poll_approvals(struct hub *hub, struct topic *t)
{
    own(arena_free) struct arena *a = arena_new();
    struct store_approvals list;
    struct dh_err err;
    int64_t last;

    if (store_approval_list(hub->api->store, 0, false, a, &list, &err) < 0)
        return;
    last = list.n ? list.items[list.n - 1].id : 0;
    if (t->known && ((int64_t)list.n != t->n_approvals || last != t->last_approval)) {
        own_buf struct buf data = {0};

        buf_addf(&data, "{\"waiting\":%zu}", list.n);
        topic_add(hub, t, "approval", &data);
    }
    t->n_approvals = (int64_t)list.n;
    t->last_approval = last;
}

static void poll_marks(struct hub *hub, struct topic *t)
{
    static const char *const names[CATALOG_N_KINDS] = {
        [CATALOG_SCHEDULES] = "schedule",
        [CATALOG_MODELS] = "model",
        [CATALOG_PIPELINES] = "pipeline",
        [CATALOG_EXPERIMENTS] = "experiment",
    };
    int64_t marks[CATALOG_N_KINDS];
    struct dh_err err;

    if (catalog_marks(hub->api->store, marks, &err) < 0)
        return;
    for (int i = 0; i < CATALOG_N_KINDS; i++) {
        own_buf struct buf data = {0};

        buf_adds(&data, "{}");
        if (t->known && marks[i] != t->marks[i])
            topic_add(hub, t, names[i], &data);
        t->marks[i] = marks[i];
    }
}

/* What people wrote onto runs that have ended. */
static void poll_edited(struct hub *hub, struct topic *t, const struct catalog_ids *open)
{
    own(arena_free) struct arena *a = arena_new();
    struct catalog_ids edited;
    struct dh_err err;

    if (!t->known) {
        (void)catalog_last_edit(hub->api->store, &t->edited_us, &err);
        return;
    }
    if (catalog_edited_runs(hub->api->store, &t->edited_us, MOST_EDITED, a, &edited, &err) < 0)
        return;
    if (edited.n == MOST_EDITED) {
        say_reset(hub, t);
        return;
    }
    for (size_t i = 0; i < edited.n; i++)
        if (!holds(open, edited.items[i]))
            say_run_id(hub, t, edited.items[i]);
}

/* Runs that are open are told at each change of the record; an ended one once more. */
static void poll_all(struct hub *hub, struct topic *t)
{
    own(arena_free) struct arena *a = arena_new();
    struct catalog_ids now, before = t->open_runs;
    int64_t newest;
    struct dh_err err;

    if (catalog_open_runs(hub->api->store, a, &now, &err) < 0 ||
        catalog_newest_run(hub->api->store, &newest, &err) < 0)
        return;
    for (size_t i = 0; i < before.n; i++)
        if (!holds(&now, before.items[i]))
            say_run_id(hub, t, before.items[i]);
    for (size_t i = 0; i < now.n && i < 100; i++)
        say_run_id(hub, t, now.items[now.n - 1 - i]);
    for (int64_t id = newest; t->known && id > t->newest && id > newest - 100; id--)
        if (!holds(&now, id))
            say_run_id(hub, t, id); /* over before it was seen */
    poll_edited(hub, t, &now);
    t->open_runs =
        (struct catalog_ids){.items = dh_zalloc(now.n + 1, sizeof *now.items), .n = now.n};
    if (now.n)
        (void)memcpy(t->open_runs.items, now.items, now.n * sizeof *now.items);
    free(before.items);
    t->newest = newest;
    poll_approvals(hub, t);
    poll_marks(hub, t);
    t->known = true;
}

void topic_poll(struct hub *hub, struct topic *t)
{
    if (t->run)
        poll_run(hub, t);
    else
        poll_all(hub, t);
}

void topic_poll_logs(struct hub *hub, struct topic *t)
{
    for (size_t i = 0; i < t->n_open; i++)
        look_at_log(hub, t, &t->open[i], NULL);
}
