#include "api/schedule.h"

#include <ctype.h>
#include <string.h>

#include "api/cron.h"
#include "api/hub.h"
#include "api/queue.h"
#include "api/submit.h"
#include "base/clock.h"
#include "base/mem.h"

enum { MAX_DUE = 200, MAX_MISSED = 100000, MAX_NAME = 25 };
#define SECOND ((int64_t)1000000)

/* ---- when ---- */

static int next_cron(const struct api *api, const struct catalog_schedule *c, int64_t after_us,
                     int64_t *ret_us, struct dh_err *err)
{
    const char *zone = c->time_zone && *c->time_zone ? c->time_zone : api->time_zone;
    struct cron cron;
    int64_t s;

    if (cron_parse(c->cron, &cron, err) < 0 ||
        cron_next(&cron, zone, after_us / SECOND, &s, err) < 0)
        return -1;
    *ret_us = s * SECOND;
    return 0;
}

static int next_after(const struct api *api, const struct catalog_schedule *c, int64_t last_us,
                      int64_t *ret_us, struct dh_err *err)
{
    if (c->cron) {
        int64_t from = last_us                       ? last_us
                       : c->start_us > c->created_us ? c->start_us - SECOND
                                                     : c->created_us;

        return next_cron(api, c, c->start_us && !last_us ? c->start_us - SECOND : from, ret_us,
                         err);
    }
    if (!c->interval_s) { /* no trigger: once, at once */
        *ret_us = last_us ? 0 : c->created_us;
        return 0;
    }
    if (!last_us && c->start_us > c->created_us)
        *ret_us = c->start_us;
    else
        *ret_us = (last_us       ? last_us
                   : c->start_us ? c->start_us
                                 : c->created_us) +
                  c->interval_s * SECOND;
    return 0;
}

static int64_t within(const struct catalog_schedule *c, int64_t us)
{
    return c->end_us && us > c->end_us ? 0 : us;
}

int schedule_next(const struct api *api, const struct catalog_schedule *c, int64_t *ret_us,
                  struct dh_err *err)
{
    if (next_after(api, c, c->last_us, ret_us, err) < 0)
        return -1;
    *ret_us = within(c, *ret_us);
    return 0;
}

int schedule_coming(const struct api *api, const struct catalog_schedule *c, size_t max,
                    int64_t *ret, size_t *ret_n, struct dh_err *err)
{
    int64_t at = c->next_us;

    for (*ret_n = 0; *ret_n < max && at > 0; ++*ret_n) {
        ret[*ret_n] = at;
        if (next_after(api, c, at, &at, err) < 0)
            return -1;
        at = within(c, at);
    }
    return 0;
}

/* Without catch-up, of what was missed only the latest is made up for. */
static int skip_missed(const struct api *api, const struct catalog_schedule *c, int64_t now_us,
                       int64_t *at_us, struct dh_err *err)
{
    int64_t end_us = c->end_us && c->end_us < now_us ? c->end_us : now_us;

    if (!c->no_catchup)
        return 0;
    if (!c->cron) {
        *at_us = c->interval_s && *at_us + c->interval_s * SECOND <= now_us ? end_us : *at_us;
        return 0;
    }
    for (int i = 0; i < MAX_MISSED; i++) {
        int64_t next;

        if (next_after(api, c, *at_us, &next, err) < 0)
            return -1;
        if (!next || next > end_us)
            break;
        *at_us = next;
    }
    return 0;
}

/* ---- what ---- */

/* "Hello World!" as helloworld */
static void plain_name(const char *name, char to[MAX_NAME + 1])
{
    size_t n = 0;

    for (; *name && n < MAX_NAME; name++)
        if (isalnum((unsigned char)*name) || *name == '-')
            to[n++] = (char)tolower((unsigned char)*name);
    to[n] = '\0';
}

static const char *run_name(const struct catalog_schedule *c, int64_t scheduled_us, struct arena *a)
{
    char name[MAX_NAME + 1];
    uint32_t hash = 2166136261U;

    plain_name(c->display_name, name);
    for (int i = 0; i < 8; i++)
        hash = (hash ^ (uint32_t)(scheduled_us >> 8 * i & 0xff)) * 16777619U;
    return arena_printf(a, "%s-%s-%lld-%u", name, c->uuid + strlen(c->uuid) - 5,
                        (long long)c->n_fired + 1, hash);
}

static int newest_version(struct api *api, const struct catalog_schedule *c, struct submit *s,
                          struct arena *a, struct dh_err *err)
{
    struct catalog_version v;
    int64_t id = c->version_id;
    int rc = id ? 0 : catalog_version_newest(api->store, c->pipeline_id, &id, err);

    if (rc == 1)
        return dh_fail(err, DH_INVALID, "the pipeline has no version");
    if (rc < 0 || catalog_version_get(api->store, id, a, &v, err) < 0)
        return -1;
    s->version_id = id;
    s->pipeline_id = v.pipeline_id;
    s->spec_digest = v.spec_digest;
    s->by_version = true;
    return 0;
}

static int start(struct api *api, const struct catalog_schedule *c, int64_t scheduled_us,
                 char ret_run_id[ID_TEXT], struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    own(js_free) struct js *request = NULL, *parameters = NULL;
    char uuid[ID_TEXT];
    const struct macros macros = {.scheduled_us = scheduled_us,
                                  .now_us = clock_now_us(),
                                  .index = c->n_fired + 1,
                                  .run_id = id_new(uuid)};
    struct submit s = {.display_name = run_name(c, scheduled_us, a),
                       .description = c->description,
                       .namespace = c->namespace,
                       .service_account = c->service_account,
                       .experiment_id = c->experiment_id,
                       .scheduled_us = scheduled_us,
                       .schedule_id = c->id,
                       .run_id = uuid};

    if (c->request && js_parse(c->request, strlen(c->request), &request, err) < 0)
        return -1;
    if (js_get(request, "parameters"))
        s.parameters = parameters = macros_expand(js_get(request, "parameters"), &macros);
    s.pipeline_root = js_get_text(request, "pipeline_root");
    s.plugins_input = js_get(request, "plugins_input");
    if (c->spec_digest)
        s.spec_digest = c->spec_digest;
    else if (newest_version(api, c, &s, a, err) < 0)
        return -1;
    if (!s.experiment_id && store_experiment_put(api->store, "Default", &s.experiment_id, err) < 0)
        return -1;
    return submit_run(api, &s, ret_run_id, err);
}

int schedule_trigger(struct api *api, const struct catalog_schedule *c, char ret_run_id[ID_TEXT],
                     struct dh_err *err)
{
    return start(api, c, clock_now_us(), ret_run_id, err);
}

/* ---- the loop's part ---- */

enum { GO, WAIT, SKIP };

/* What is to be done where as many of its runs as it may have are running. */
static int may_start(struct api *api, const struct catalog_schedule *c, struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    int64_t n, newest;
    struct store_run run;

    if (catalog_schedule_active(api->store, c->id, &n, &newest, err) < 0)
        return -1;
    if (n < c->max_concurrency)
        return GO;
    if (!strcmp(c->overlap, "skip"))
        return SKIP;
    if (!strcmp(c->overlap, "cancel") && store_run_get(api->store, newest, a, &run, err) == 0 &&
        !run.cancel_requested_us)
        (void)queue_cancel(api->queue, &run, err);
    return WAIT;
}

static void fire(struct api *api, int64_t id, int64_t now_us)
{
    own(arena_free) struct arena *a = arena_new();
    struct catalog_schedule c;
    char run_id[ID_TEXT];
    struct dh_err err = {0};
    int64_t at_us, next_us = 0;
    int may, rc;

    if (catalog_schedule_get(api->store, id, a, &c, &err) < 0)
        return;
    at_us = c.next_us;
    may = may_start(api, &c, &err);
    if (may < 0 || may == WAIT)
        return;
    rc = skip_missed(api, &c, now_us, &at_us, &err);
    if (rc == 0)
        rc = next_after(api, &c, at_us, &next_us, &err);
    next_us = rc < 0 ? 0 : within(&c, next_us);
    if (catalog_schedule_fired(api->store, id, c.next_us, at_us, next_us, may == GO,
                               rc < 0 ? err.msg : NULL, &err) != 0)
        return; /* another server has */
    if (rc < 0 || may != GO)
        return;
    if (start(api, &c, at_us, run_id, &err) < 0)
        (void)catalog_schedule_failed(api->store, id, err.msg, &err);
    hub_dirty(api->hub);
}

void schedule_tick(struct api *api)
{
    own(arena_free) struct arena *a = arena_new();
    struct catalog_ids due;
    struct dh_err err;
    int64_t now_us = clock_now_us();

    if (catalog_schedules_due(api->store, now_us, MAX_DUE, a, &due, &err) < 0)
        return;
    for (size_t i = 0; i < due.n; i++)
        fire(api, due.items[i], now_us);
}
