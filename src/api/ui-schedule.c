/* ui-schedule - recurring runs for the page: also changed, triggered, and their coming times. */
#include <string.h>

#include "api/access.h"
#include "api/api-priv.h"
#include "api/cron.h"
#include "api/experiments.h"
#include "api/listing.h"
#include "api/pipelines.h"
#include "api/recurring.h"
#include "api/schedule.h"
#include "api/submit.h"
#include "api/ui.h"
#include "base/clock.h"
#include "base/mem.h"

enum { COMING = 10, MAX_CONCURRENCY = 10 };

static void write_trigger(struct req *r, const struct catalog_schedule *c, struct jw *w)
{
    jw_begin_in(w, "trigger", '{');
    jw_text(w, "cron", c->cron);
    jw_key(w, "interval_s");
    c->interval_s ? jw_int(w, c->interval_s) : jw_raw(w, NULL);
    jw_time(w, "start_time", c->start_us);
    jw_time(w, "end_time", c->end_us);
    jw_text(w, "time_zone", c->time_zone && *c->time_zone ? c->time_zone : r->api->time_zone);
    jw_end(w, '}');
}

static int members(struct req *r, const struct catalog_schedule *c, struct jw *w,
                   struct dh_err *err)
{
    own(js_free) struct js *request = NULL;
    own_mem char *parameters = NULL;

    if (c->request && js_parse(c->request, strlen(c->request), &request, err) < 0)
        return -1;
    if (js_get(request, "parameters"))
        parameters = js_dump(js_get(request, "parameters"), JS_COMPACT);
    jw_text(w, "id", c->uuid);
    jw_text(w, "name", c->display_name);
    jw_text(w, "description", c->description);
    jw_flag(w, "enabled", c->enabled);
    write_trigger(r, c, w);
    jw_flag(w, "no_catchup", c->no_catchup);
    jw_number(w, "max_concurrency", c->max_concurrency);
    jw_text(w, "overlap", c->overlap);
    jw_json(w, "parameters", parameters, "{}");
    ui_named(w, "pipeline", c->pipeline_uuid, c->pipeline);
    ui_named(w, "version", c->version_uuid, c->version);
    ui_named(w, "experiment", c->experiment_uuid, c->experiment);
    jw_time(w, "created_at", c->created_us);
    jw_time(w, "updated_at", c->updated_us);
    jw_time(w, "last_at", c->last_us);
    jw_time(w, "next_at", c->enabled ? c->next_us : 0);
    jw_number(w, "n_runs", c->n_fired);
    jw_text(w, "error", c->error);
    return 0;
}

static bool is_shown(struct req *r, const struct catalog_schedule *c)
{
    const char *pipeline = req_arg(r, "pipeline"), *experiment = req_arg(r, "experiment"),
               *enabled = req_arg(r, "enabled");

    return (!pipeline || (c->pipeline_uuid && !strcmp(pipeline, c->pipeline_uuid))) &&
           (!experiment || (c->experiment_uuid && !strcmp(experiment, c->experiment_uuid))) &&
           (!enabled || c->enabled == (*enabled == '1' || *enabled == 't'));
}

int ui_schedules_list(struct req *r, struct dh_err *err)
{
    const char *after = req_arg(r, "after");
    struct listing l;
    struct jw *w = req_json(r);
    int limit;

    if (ui_limit(r, &limit, err) < 0 || listing_read(r, PAGE_SCHEDULES, &l, err) < 0 ||
        (after && listing_continue(r, after, &l, err) < 0))
        return -1;
    l.ask.limit = limit;
    l.ask.down = true;
    if ((auth_multi_user(r->api->auth) && access_list(r, &l, err) < 0) ||
        page_ids(r->store, &l.ask, r->arena, &l.page, err) < 0)
        return -1;
    jw_begin(w, '{');
    jw_begin_in(w, "items", '[');
    for (size_t i = 0; i < l.page.n; i++) {
        struct catalog_schedule c;

        if (catalog_schedule_get(r->store, l.page.ids[i], r->arena, &c, err) < 0)
            return -1;
        if (!is_shown(r, &c))
            continue;
        jw_begin(w, '{');
        if (members(r, &c, w, err) < 0)
            return -1;
        jw_end(w, '}');
    }
    return ui_list_end(w, listing_token(r, &l), -1);
}

static int answer(struct req *r, int64_t id, struct dh_err *err)
{
    struct catalog_schedule c;
    int64_t coming[COMING];
    size_t n = 0;
    struct jw *w;

    if (catalog_schedule_get(r->store, id, r->arena, &c, err) < 0 ||
        (c.enabled && schedule_coming(r->api, &c, COMING, coming, &n, err) < 0))
        return -1;
    w = req_json(r);
    jw_begin(w, '{');
    if (members(r, &c, w, err) < 0)
        return -1;
    jw_begin_in(w, "next", '[');
    for (size_t i = 0; i < n; i++) {
        char text[CLOCK_TEXT];

        jw_str(w, clock_text(coming[i], text));
    }
    jw_end(w, ']');
    jw_end(w, '}');
    return 0;
}

int ui_schedules_get(struct req *r, struct dh_err *err)
{
    struct catalog_schedule c;

    return schedule_find(r, r->param[0], &c, err) < 0 ? -1 : answer(r, c.id, err);
}

/* ---- making and changing: what is given is read, the rest stays ---- */

static int read_time(const struct js *v, const char *key, int64_t *ret, struct dh_err *err)
{
    if (!v)
        return 0;
    *ret = 0;
    if (js_is(v, JS_NULL))
        return 0;
    if (!js_text(v) || clock_parse(js_text(v), ret) < 0 || *ret < 0)
        return dh_fail(err, DH_INVALID, "%s: expected an RFC 3339 time", key);
    return 0;
}

static int read_trigger(struct req *r, struct catalog_schedule *c, struct dh_err *err)
{
    const struct js *t = req_member(r->json, "trigger");
    int64_t offset_at = clock_now_us() / 1000000, ignored;
    struct cron cron;

    if (!t)
        return 0;
    if (req_only(r, t, "cron interval_s start_time end_time time_zone", "trigger", err) < 0 ||
        req_text(r, t, "cron", &c->cron, err) < 0 ||
        req_text(r, t, "time_zone", &c->time_zone, err) < 0 ||
        read_time(js_get(t, "start_time"), "start_time", &c->start_us, err) < 0 ||
        read_time(js_get(t, "end_time"), "end_time", &c->end_us, err) < 0)
        return -1;
    c->interval_s = js_as_int(req_member(t, "interval_s"), 0);
    if (!c->cron == !c->interval_s || c->interval_s < 0 || c->interval_s > SCHEDULE_INTERVAL_MAX_S)
        return dh_fail(err, DH_INVALID, "trigger: expected a cron, or an interval_s from 1 to %lld",
                       (long long)SCHEDULE_INTERVAL_MAX_S);
    return c->cron && (cron_parse(c->cron, &cron, err) < 0 ||
                       cron_next(&cron, c->time_zone && *c->time_zone ? c->time_zone : "UTC",
                                 offset_at, &ignored, err) < 0)
               ? -1
               : 0;
}

static int read_owner(struct req *r, struct catalog_schedule *c, struct dh_err *err)
{
    const char *version, *pipeline, *experiment;
    struct catalog_version v;
    struct catalog_pipeline p;
    struct catalog_experiment e;

    if (req_text(r, r->json, "version_id", &version, err) < 0 ||
        req_text(r, r->json, "pipeline_id", &pipeline, err) < 0 ||
        req_text(r, r->json, "experiment_id", &experiment, err) < 0)
        return -1;
    if (pipeline) {
        if (ui_pipeline_find(r, pipeline, &p, err) < 0)
            return -1;
        c->pipeline_id = p.id;
        c->version_id = 0;
        c->spec_digest = NULL;
    }
    if (version) {
        if (version_find(r, 0, version, true, &v, err) < 0)
            return -1;
        c->pipeline_id = v.pipeline_id;
        c->version_id = v.id;
        c->spec_digest = NULL;
    }
    if (experiment) {
        if (experiment_find(r, experiment, &e, err) < 0)
            return -1;
        c->experiment_id = e.id;
        c->namespace = e.namespace;
    }
    return 0;
}

static int read_given(struct req *r, struct catalog_schedule *c, struct dh_err *err)
{
    const struct js *v;
    const char *text;

    if (req_text(r, r->json, "name", &text, err) < 0)
        return -1;
    if (text)
        c->display_name = text;
    if (req_text(r, r->json, "description", &text, err) < 0)
        return -1;
    if (text)
        c->description = text;
    if (req_text(r, r->json, "overlap", &text, err) < 0)
        return -1;
    if (text)
        c->overlap = text;
    if (strcmp(c->overlap, "wait") != 0 && strcmp(c->overlap, "skip") != 0 &&
        strcmp(c->overlap, "cancel") != 0)
        return dh_fail(err, DH_INVALID, "overlap: expected wait, skip or cancel");
    if ((v = req_member(r->json, "enabled")))
        c->enabled = js_truth(v);
    if ((v = req_member(r->json, "no_catchup")))
        c->no_catchup = js_truth(v);
    if ((v = req_member(r->json, "max_concurrency")))
        c->max_concurrency = js_as_int(v, 0);
    if (c->max_concurrency < 1 || c->max_concurrency > MAX_CONCURRENCY)
        return dh_fail(err, DH_INVALID, "max_concurrency: expected 1 to %d", MAX_CONCURRENCY);
    if (!c->display_name || !*c->display_name)
        return dh_fail(err, DH_INVALID, "a schedule needs a name");
    return read_trigger(r, c, err) < 0 ? -1 : read_owner(r, c, err);
}

/* The parameters, in what is kept of the request; *ret is the caller's. */
static int read_parameters(struct req *r, const struct catalog_schedule *c, char **ret,
                           struct dh_err *err)
{
    const struct js *parameters = req_member(r->json, "parameters");
    own(js_free) struct js *request = NULL;

    if (parameters && !js_is(parameters, JS_OBJECT))
        return dh_fail(err, DH_INVALID, "parameters: expected an object");
    if (c->request && js_parse(c->request, strlen(c->request), &request, err) < 0)
        return -1;
    if (!request)
        request = js_object();
    if (parameters)
        js_set(request, "parameters", js_ref(parameters));
    *ret = js_dump(request, JS_COMPACT);
    return 0;
}

#define FIELDS                                                                                     \
    "name description enabled trigger no_catchup max_concurrency overlap parameters version_id "   \
    "pipeline_id experiment_id"

int ui_schedules_create(struct req *r, struct dh_err *err)
{
    struct catalog_schedule c = {.enabled = true,
                                 .max_concurrency = 1,
                                 .overlap = "wait",
                                 .service_account = "pipeline-runner",
                                 .created_us = clock_now_us()};
    own_mem char *request = NULL;
    int64_t id;

    if (req_only(r, r->json, FIELDS, "schedule", err) < 0 || read_given(r, &c, err) < 0 ||
        read_parameters(r, &c, &request, err) < 0)
        return -1;
    if (!c.pipeline_id || (!c.cron && !c.interval_s))
        return dh_fail(err, DH_INVALID,
                       "a schedule needs a pipeline_id or version_id, and a trigger");
    if (!c.experiment_id && auth_multi_user(r->api->auth) && r->user->namespaces)
        return dh_fail(err, DH_INVALID,
                       "experiment_id is needed: this server has several namespaces");
    if (!c.experiment_id && experiment_default(r->store, &c.experiment_id, err) < 0)
        return -1;
    c.request = request;
    if (schedule_next(r->api, &c, &c.next_us, err) < 0 ||
        catalog_schedule_add(r->store, &c, &id, err) < 0)
        return -1;
    return answer(r, id, err);
}

int ui_schedules_patch(struct req *r, struct dh_err *err)
{
    own_mem char *request = NULL;
    struct catalog_schedule c;

    if (req_only(r, r->json, FIELDS, "schedule", err) < 0 ||
        schedule_find(r, r->param[0], &c, err) < 0)
        return -1;
    if (req_member(r->json, "trigger")) { /* a trigger is changed as a whole */
        c.cron = c.time_zone = NULL;
        c.interval_s = c.start_us = c.end_us = 0;
    }
    if (read_given(r, &c, err) < 0 || read_parameters(r, &c, &request, err) < 0)
        return -1;
    c.request = request;
    if (schedule_next(r->api, &c, &c.next_us, err) < 0 ||
        catalog_schedule_update(r->store, &c, err) < 0)
        return -1;
    return answer(r, c.id, err);
}

int ui_schedules_delete(struct req *r, struct dh_err *err)
{
    return recurring_delete(r, err);
}

int ui_schedules_enable(struct req *r, struct dh_err *err)
{
    return recurring_enable(r, err);
}

int ui_schedules_disable(struct req *r, struct dh_err *err)
{
    return recurring_disable(r, err);
}

int ui_schedules_trigger(struct req *r, struct dh_err *err)
{
    struct catalog_schedule c;
    char run_id[ID_TEXT];
    struct jw *w;

    if (schedule_find(r, r->param[0], &c, err) < 0 || schedule_trigger(r->api, &c, run_id, err) < 0)
        return -1;
    w = req_json(r);
    jw_begin(w, '{');
    jw_text(w, "run_id", run_id);
    jw_end(w, '}');
    return 0;
}

int ui_cron(struct req *r, struct dh_err *err)
{
    struct catalog_schedule c = {.created_us = clock_now_us()};
    int64_t coming[COMING];
    size_t n;
    struct jw *w;

    if (req_only(r, r->json, "cron time_zone", "cron", err) < 0 ||
        req_text(r, r->json, "cron", &c.cron, err) < 0 ||
        req_text(r, r->json, "time_zone", &c.time_zone, err) < 0)
        return -1;
    if (!c.cron)
        return dh_fail(err, DH_INVALID, "cron is needed");
    if (schedule_next(r->api, &c, &c.next_us, err) < 0 ||
        schedule_coming(r->api, &c, COMING, coming, &n, err) < 0)
        return -1;
    w = req_json(r);
    jw_begin(w, '{');
    jw_begin_in(w, "next", '[');
    for (size_t i = 0; i < n; i++) {
        char text[CLOCK_TEXT];

        jw_str(w, clock_text(coming[i], text));
    }
    jw_end(w, ']');
    jw_end(w, '}');
    return 0;
}
