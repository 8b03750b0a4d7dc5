#include "api/hub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api-priv.h"
#include "api/hub-priv.h"
#include "api/req.h"
#include "api/runs.h"
#include "api/ui.h"
#include "base/clock.h"
#include "base/mem.h"

enum { LOOK_MS = 20, DIRTY_MS = 2, BEAT_US = 15000000, MAX_TOPICS = 20 };

/* A connection with a stream of events. */
struct watcher {
    struct hub *hub;
    void *connection;
    bool asleep, over;
    struct hub_stream stream;
    struct buf pending;
    size_t sent;
    struct watcher *next, **link;
};

struct hub *hub_new(struct api *api)
{
    struct hub *hub = dh_zalloc(1, sizeof *hub);

    hub->api = api;
    hub->epoch = clock_now_us() / 1000000;
    hub->next_id = 1;
    hub->beat_us = clock_mono_us() + BEAT_US;
    return hub;
}

struct hub *hub_free(struct hub *hub)
{
    for (size_t i = 0; hub && i < hub->n; i++)
        topic_free(hub->topics[i]);
    if (hub)
        free(hub->topics);
    free(hub);
    return NULL;
}

void hub_dirty(struct hub *hub)
{
    hub->dirty = true;
}

int64_t hub_changes(const struct hub *hub)
{
    return hub->changes;
}

size_t hub_n_watchers(const struct hub *hub)
{
    return hub->n_watchers;
}

int hub_timeout_ms(const struct hub *hub)
{
    if (!hub->n_watchers && !hub->n)
        return -1;
    return hub->dirty ? DIRTY_MS : LOOK_MS;
}

void hub_event(struct buf *to, const char *id, const char *name, const char *data, size_t n)
{
    if (id)
        buf_addf(to, "id: %s\n", id);
    buf_addf(to, "event: %s\ndata: ", name);
    buf_add(to, data, n); /* JSON: without line breaks */
    buf_adds(to, "\n\n");
}

/* ---- connections ---- */

static void fill(struct watcher *w)
{
    while (!w->over && w->pending.n < 16384) {
        int rc = w->stream.fill(w->stream.ctx, &w->pending);

        w->over = rc < 0;
        if (rc <= 0)
            break;
    }
}

static ssize_t read_watcher(void *ctx, char *to, size_t max)
{
    struct watcher *w = ctx;
    size_t n;

    if (w->sent == w->pending.n) {
        w->sent = 0;
        buf_reset(&w->pending);
        fill(w);
    }
    n = w->pending.n - w->sent;
    if (n == 0 && w->over)
        return -1;
    if (n == 0) {
        w->asleep = true;
        web_sleep(w->connection);
        return 0;
    }
    n = n < max ? n : max;
    (void)memcpy(to, w->pending.p + w->sent, n);
    w->sent += n;
    return (ssize_t)n;
}

static void free_watcher(void *ctx)
{
    struct watcher *w = ctx;

    *w->link = w->next;
    if (w->next)
        w->next->link = w->link;
    w->hub->n_watchers--;
    w->stream.free(w->stream.ctx);
    buf_done(&w->pending);
    free(w);
}

static void started(void *ctx, void *connection)
{
    ((struct watcher *)ctx)->connection = connection;
}

void hub_answer(struct req *r, struct hub_stream stream)
{
    struct hub *hub = r->api->hub;
    struct watcher *w = dh_zalloc(1, sizeof *w);

    w->hub = hub;
    w->stream = stream;
    w->next = hub->watchers;
    w->link = &hub->watchers;
    if (w->next)
        w->next->link = &w->next;
    hub->watchers = w;
    hub->n_watchers++;
    buf_adds(&w->pending, "retry: 1000\n\n");
    r->stream = (struct req_stream){
        .ctx = w, .read = read_watcher, .free = free_watcher, .started = started};
    r->type = "text/event-stream";
    req_header(r, "Cache-Control", "no-store");
    req_header(r, "X-Accel-Buffering", "no");
}

static void wake(struct watcher *w)
{
    w->asleep = false;
    web_wake(w->hub->api->web, w->connection);
}

static void wake_all(struct hub *hub)
{
    bool beat = clock_mono_us() >= hub->beat_us;

    for (struct watcher *w = hub->watchers; w; w = w->next) {
        if (!w->asleep)
            continue;
        w->sent = 0;
        buf_reset(&w->pending);
        fill(w);
        if (beat && w->pending.n == 0)
            buf_adds(&w->pending, ": still here\n\n");
        if (w->pending.n || w->over)
            wake(w);
    }
    if (beat)
        hub->beat_us = clock_mono_us() + BEAT_US;
}

void hub_end(struct hub *hub)
{
    for (struct watcher *w = hub->watchers; w; w = w->next) {
        w->over = true;
        if (w->asleep)
            wake(w);
    }
}

/* ---- topics ---- */

static struct topic *topic_of(struct hub *hub, int64_t run, const char *uuid)
{
    struct topic *t;

    for (size_t i = 0; i < hub->n; i++)
        if (hub->topics[i]->run == run)
            return hub->topics[i];
    t = topic_new(hub, run, uuid);
    topic_poll(hub, t);
    DH_GROW(hub->topics, hub->n, hub->cap);
    hub->topics[hub->n++] = t;
    return t;
}

void hub_tick(struct hub *hub)
{
    int64_t now_us = clock_mono_us();
    bool changed;

    if (!hub->n_watchers && !hub->n)
        return;
    changed = store_changed(hub->api->store) || hub->dirty;
    hub->dirty = false;
    hub->changes += changed;
    for (size_t i = hub->n; i-- > 0;) {
        struct topic *t = hub->topics[i];

        if (t->n_watchers == 0 && now_us - t->idle_us > (int64_t)KEEP_TOPIC_S * 1000000) {
            topic_free(t);
            hub->topics[i] = hub->topics[--hub->n];
        } else if (changed) {
            topic_poll(hub, t);
        } else if (t->n_watchers) {
            topic_poll_logs(hub, t);
        }
    }
    wake_all(hub);
}

const char *hub_last_event(struct hub *hub, const struct store_run *run, struct arena *a)
{
    struct topic *t;

    if (!store_state_ended(run->state) || run->queue) {
        t = topic_of(hub, run->id, run->uuid);
        topic_poll(hub, t);
        if (t->n_watchers == 0)
            t->idle_us = clock_mono_us();
    }
    return arena_printf(a, "%lld-%lld", (long long)hub->epoch, (long long)hub->next_id);
}

/* ---- who watches runs ---- */

struct watch {
    struct hub *hub;
    struct topic *topics[MAX_TOPICS];
    int64_t at[MAX_TOPICS]; /* events of each that were sent, of all it ever had */
    bool reset[MAX_TOPICS];
    size_t n;
};

static int fill_watch(void *ctx, struct buf *to)
{
    struct watch *watch = ctx;
    size_t best = watch->n;
    const struct event *first = NULL;

    for (size_t i = 0; i < watch->n; i++) {
        struct topic *t = watch->topics[i];
        int64_t end = t->dropped + (int64_t)t->n;
        const struct event *event;

        if (watch->reset[i] || watch->at[i] < t->dropped) { /* too far behind */
            own_buf struct buf data = {0};
            char id[64];

            (void)snprintf(id, sizeof id, "%lld-%lld", (long long)watch->hub->epoch,
                           (long long)(t->n ? t->events[t->n - 1].id : t->base));
            buf_addf(&data, "{\"run_id\":\"%s\"}", t->uuid);
            hub_event(to, id, "reset", data.p, data.n);
            watch->at[i] = end;
            watch->reset[i] = false;
            return 1;
        }
        if (watch->at[i] >= end)
            continue;
        event = &t->events[watch->at[i] - t->dropped];
        if (!first || event->id < first->id) {
            first = event;
            best = i;
        }
    }
    if (!first)
        return 0;
    buf_add(to, first->text, first->n);
    watch->at[best]++;
    return 1;
}

static void free_watch(void *ctx)
{
    struct watch *watch = ctx;

    for (size_t i = 0; i < watch->n; i++)
        if (--watch->topics[i]->n_watchers == 0)
            watch->topics[i]->idle_us = clock_mono_us();
    free(watch);
}

/* Where a watcher that has had events up to `id` goes on. */
static void place(struct watch *watch, size_t i, const char *id)
{
    struct topic *t = watch->topics[i];
    long long epoch, seen;

    watch->at[i] = t->dropped + (int64_t)t->n;
    if (!id || sscanf(id, "%lld-%lld", &epoch, &seen) != 2)
        return;
    if (epoch != watch->hub->epoch || seen < t->base) {
        watch->reset[i] = true;
        return;
    }
    while (watch->at[i] > t->dropped && t->events[watch->at[i] - t->dropped - 1].id > seen)
        watch->at[i]--;
}

static int add_run(struct req *r, struct watch *watch, const char *uuid, const char *id,
                   struct dh_err *err)
{
    struct store_run run;

    if (watch->n == MAX_TOPICS)
        return dh_fail(err, DH_INVALID, "at most %d runs are watched at once", MAX_TOPICS);
    if (*uuid && run_find(r, uuid, &run, err) < 0)
        return -1;
    watch->topics[watch->n] = topic_of(watch->hub, *uuid ? run.id : 0, *uuid ? run.uuid : NULL);
    watch->topics[watch->n]->n_watchers++;
    place(watch, watch->n++, id);
    return 0;
}

int ui_events(struct req *r, struct dh_err *err)
{
    const char *runs = req_arg(r, "run"),
               *id = r->last_event_id ? r->last_event_id : req_arg(r, "last_event_id");
    struct watch *watch = dh_zalloc(1, sizeof *watch);
    int rc = 0;

    watch->hub = r->api->hub;
    if (!runs && auth_multi_user(r->api->auth) && r->user->namespaces)
        rc = req_fail(r, err, GRPC_PERMISSION_DENIED,
                      "the events of all runs are told to those who may see all namespaces");
    else if (!runs)
        rc = add_run(r, watch, "", id, err);
    while (runs && *runs && rc == 0) {
        size_t n = strcspn(runs, ",");

        if (n > 0)
            rc = add_run(r, watch, arena_strndup(r->arena, runs, n), id, err);
        runs += n + (runs[n] == ',');
    }
    if (rc < 0) {
        free_watch(watch);
        return -1;
    }
    hub_answer(r, (struct hub_stream){.ctx = watch, .fill = fill_watch, .free = free_watch});
    return 0;
}
