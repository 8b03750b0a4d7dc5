#include "api/recurring.h"

#include <stdlib.h>
#include <string.h>

#include "api/access.h"
#include "api/cron.h"
#include "api/experiments.h"
#include "api/listing.h"
#include "api/pipelines.h"
#include "api/runs.h"
#include "api/schedule.h"
#include "api/submit.h"
#include "base/clock.h"
#include "base/mem.h"
#include "spec/spec.h"

enum { MAX_CONCURRENCY = 10 };

/* ---- writing ---- */

static void write_times(struct jw *w, const struct catalog_schedule *c)
{
    if (c->start_us)
        jw_seconds(w, "start_time", c->start_us);
    if (c->end_us)
        jw_seconds(w, "end_time", c->end_us);
}

static void write_trigger(struct jw *w, const struct catalog_schedule *c)
{
    jw_begin_in(w, "trigger", '{');
    if (c->cron || c->interval_s) {
        jw_begin_in(w, c->cron ? "cron_schedule" : "periodic_schedule", '{');
        write_times(w, c);
        jw_opt(w, "cron", c->cron);
        jw_opt_int64(w, "interval_second", c->interval_s);
        jw_end(w, '}');
    }
    jw_end(w, '}');
}

static int write_source(struct req *r, const struct catalog_schedule *c, struct jw *w,
                        struct dh_err *err)
{
    const char *spec;

    if (c->pipeline_uuid) {
        jw_begin_in(w, "pipeline_version_reference", '{');
        jw_opt(w, "pipeline_id", c->pipeline_uuid);
        jw_opt(w, "pipeline_version_id", c->version_uuid);
        jw_end(w, '}');
    } else if (c->spec_digest) {
        if (store_spec_get(r->store, c->spec_digest, r->arena, &spec, err) < 0)
            return -1;
        jw_json(w, "pipeline_spec", spec, "{}");
    }
    return run_write_request(r, c->request, w, err);
}

static int write_recurring(struct req *r, const struct catalog_schedule *c, struct jw *w,
                           struct dh_err *err)
{
    jw_begin(w, '{');
    jw_text(w, "recurring_run_id", c->uuid);
    jw_text(w, "display_name", c->display_name);
    jw_opt(w, "description", c->description);
    if (write_source(r, c, w, err) < 0)
        return -1;
    jw_opt(w, "service_account", c->service_account);
    jw_opt_int64(w, "max_concurrency", c->max_concurrency);
    write_trigger(w, c);
    jw_text(w, "mode", c->enabled ? "ENABLE" : "DISABLE");
    jw_seconds(w, "created_at", c->created_us);
    jw_seconds(w, "updated_at", c->updated_us);
    jw_text(w, "status", c->enabled ? "ENABLED" : "DISABLED");
    if (c->error) {
        jw_begin_in(w, "error", '{');
        jw_number(w, "code", GRPC_INVALID_ARGUMENT);
        jw_text(w, "message", c->error);
        jw_end(w, '}');
    }
    jw_opt_true(w, "no_catchup", c->no_catchup);
    jw_opt(w, "namespace", c->namespace);
    jw_opt(w, "experiment_id", c->experiment_uuid);
    jw_end(w, '}');
    return 0;
}

/* ---- reading ---- */

int schedule_find(struct req *r, const char *uuid, struct catalog_schedule *ret, struct dh_err *err)
{
    int64_t id;
    int rc = catalog_schedule_id(r->store, uuid, &id, err);

    if (rc == 0)
        rc = catalog_schedule_get(r->store, id, r->arena, ret, err);
    return access_found(r, rc, "Job", uuid, &ret->namespace, err);
}

static int item(struct req *r, int64_t id, struct jw *w, struct dh_err *err)
{
    struct catalog_schedule c;

    return catalog_schedule_get(r->store, id, r->arena, &c, err) < 0
               ? -1
               : write_recurring(r, &c, w, err);
}

int recurring_list(struct req *r, struct dh_err *err)
{
    struct listing l;

    if (listing_read(r, PAGE_SCHEDULES, &l, err) < 0 || experiment_narrow(r, &l, err) < 0)
        return -1;
    return listing_answer(r, &l, "recurringRuns", item, err);
}

int recurring_get(struct req *r, struct dh_err *err)
{
    struct catalog_schedule c;

    if (schedule_find(r, r->param[0], &c, err) < 0)
        return -1;
    return write_recurring(r, &c, req_json(r), err);
}

/* ---- making ---- */

static int read_time(struct req *r, const struct js *from, const char *key, int64_t *ret,
                     struct dh_err *err)
{
    const char *text;

    *ret = 0;
    if (req_text(r, from, key, &text, err) < 0)
        return -1;
    if (!text)
        return 0;
    if (clock_parse(text, ret) < 0 || *ret < 0)
        return req_fail(r, err, GRPC_INVALID_ARGUMENT, "%s: '%.60s' is no RFC 3339 time", key,
                        text);
    return 0;
}

/* int64: a text of digits, or a number. */
static int read_int64(struct req *r, const struct js *from, const char *key, int64_t *ret,
                      struct dh_err *err)
{
    const struct js *v = req_member(from, key);
    const char *text = js_text(v);
    char *end = NULL;

    *ret = 0;
    if (!v)
        return 0;
    if (text)
        *ret = strtoll(text, &end, 10);
    else if (js_is(v, JS_INT))
        *ret = js_as_int(v, 0);
    if ((text && (end == text || *end)) || (!text && !js_is(v, JS_INT)))
        return req_fail(r, err, GRPC_INVALID_ARGUMENT, "%s: expected a whole number", key);
    return 0;
}

static int read_cron(struct req *r, const struct js *cron, struct catalog_schedule *ret,
                     struct dh_err *err)
{
    struct cron parsed;

    if (req_only(r, cron, "start_time end_time cron", "cron_schedule", err) < 0 ||
        req_text(r, cron, "cron", &ret->cron, err) < 0)
        return -1;
    if (cron_parse(ret->cron ? ret->cron : "", &parsed, err) < 0)
        return req_fail(r, err, GRPC_INVALID_ARGUMENT,
                        "Schedule cron is not a supported format(https://godoc.org/github.com/"
                        "robfig/cron). Error: %s",
                        arena_strdup(r->arena, err->msg));
    return read_time(r, cron, "start_time", &ret->start_us, err) < 0 ||
                   read_time(r, cron, "end_time", &ret->end_us, err) < 0
               ? -1
               : 0;
}

static int read_periodic(struct req *r, const struct js *periodic, struct catalog_schedule *ret,
                         struct dh_err *err)
{
    if (req_only(r, periodic, "start_time end_time interval_second", "periodic_schedule", err) <
            0 ||
        read_int64(r, periodic, "interval_second", &ret->interval_s, err) < 0 ||
        read_time(r, periodic, "start_time", &ret->start_us, err) < 0 ||
        read_time(r, periodic, "end_time", &ret->end_us, err) < 0)
        return -1;
    if (ret->interval_s < 1 || ret->interval_s > SCHEDULE_INTERVAL_MAX_S)
        return req_fail(r, err, GRPC_INVALID_ARGUMENT,
                        "Found invalid period schedule interval %lld. Set at interval to least 1 "
                        "second",
                        (long long)ret->interval_s);
    return 0;
}

static int read_trigger(struct req *r, struct catalog_schedule *ret, struct dh_err *err)
{
    const struct js *trigger = req_member(r->json, "trigger"),
                    *cron = req_member(trigger, "cron_schedule"),
                    *periodic = req_member(trigger, "periodic_schedule");

    if (req_only(r, trigger, "cron_schedule periodic_schedule", "trigger", err) < 0)
        return -1;
    if (cron && periodic)
        return req_fail(r, err, GRPC_INVALID_ARGUMENT,
                        "a trigger has a cron_schedule or a periodic_schedule");
    if (cron)
        return read_cron(r, cron, ret, err);
    return periodic ? read_periodic(r, periodic, ret, err) : 0;
}

static int read_mode(struct req *r, struct catalog_schedule *ret, struct dh_err *err)
{
    const struct js *mode = req_member(r->json, "mode");
    const char *text = js_text(mode);
    int64_t number = js_as_int(mode, text ? -1 : 0);

    ret->enabled = number == 1 || (text && !strcmp(text, "ENABLE"));
    if (mode && !ret->enabled && number != 0 && number != 2 &&
        (!text || (strcmp(text, "DISABLE") != 0 && strcmp(text, "MODE_UNSPECIFIED") != 0)))
        return req_fail(r, err, GRPC_INVALID_ARGUMENT, "mode: expected ENABLE or DISABLE");
    return 0;
}

static int read_head(struct req *r, struct catalog_schedule *ret, struct dh_err *err)
{
    if (req_only(r, r->json,
                 "recurring_run_id display_name description pipeline_version_id pipeline_spec "
                 "pipeline_version_reference runtime_config service_account max_concurrency "
                 "trigger mode created_at updated_at status error no_catchup namespace "
                 "experiment_id plugins_input",
                 "recurring_run", err) < 0 ||
        req_text(r, r->json, "display_name", &ret->display_name, err) < 0 ||
        req_text(r, r->json, "description", &ret->description, err) < 0 ||
        req_text(r, r->json, "service_account", &ret->service_account, err) < 0 ||
        read_int64(r, r->json, "max_concurrency", &ret->max_concurrency, err) < 0 ||
        read_mode(r, ret, err) < 0)
        return -1;
    if (!ret->display_name || !*ret->display_name)
        return req_fail(r, err, GRPC_INVALID_ARGUMENT, "Recurring run's name cannot be empty");
    if (strlen(ret->display_name) > 1000)
        return req_fail(r, err, GRPC_INVALID_ARGUMENT, "Job.DisplayName length cannot exceed 1000");
    if (ret->max_concurrency < 1 || ret->max_concurrency > MAX_CONCURRENCY)
        return req_fail(r, err, GRPC_INVALID_ARGUMENT,
                        "Max concurrency of a recurring run must be at least 1 and at most %d. "
                        "Received %lld",
                        MAX_CONCURRENCY, (long long)ret->max_concurrency);
    if (!ret->service_account || !*ret->service_account)
        ret->service_account = "pipeline-runner";
    ret->no_catchup = js_truth(req_member(r->json, "no_catchup"));
    ret->overlap = "wait";
    ret->created_us = clock_now_us();
    return 0;
}

int recurring_create(struct req *r, struct dh_err *err)
{
    own_run_source struct run_source source = {0};
    own(js_free) struct js *request = NULL;
    own_mem char *text = NULL;
    struct catalog_schedule c = {0};
    struct run_config config;
    int64_t id;

    if (read_head(r, &c, err) < 0 || read_trigger(r, &c, err) < 0 ||
        run_config_read(r, r->json, &config, err) < 0 ||
        run_experiment_read(r, r->json, &c.experiment_id, &c.namespace, err) < 0 ||
        run_source_read(r, r->json, &source, err) < 0 ||
        (source.spec && spec_keep(r, source.spec, &c.spec_digest, err) < 0))
        return -1;
    c.pipeline_id = source.pipeline_id;
    c.version_id = source.version_id;
    request = submit_request_json(config.parameters, config.pipeline_root, config.plugins_input);
    c.request = text = js_dump(request, JS_COMPACT);
    if (schedule_next(r->api, &c, &c.next_us, err) < 0 ||
        catalog_schedule_add(r->store, &c, &id, err) < 0 ||
        catalog_schedule_get(r->store, id, r->arena, &c, err) < 0)
        return -1;
    if (write_recurring(r, &c, req_json(r), err) < 0)
        return -1;
    schedule_tick(r->api);
    return 0;
}

/* ---- changing ---- */

int schedule_set_enabled(struct req *r, const struct catalog_schedule *c, bool enabled,
                         struct dh_err *err)
{
    int64_t next_us = 0;

    if (schedule_next(r->api, c, &next_us, err) < 0)
        return -1;
    return catalog_schedule_enable(r->store, c->id, enabled, next_us, err);
}

static int set_enabled(struct req *r, bool enabled, struct dh_err *err)
{
    struct catalog_schedule c;

    if (schedule_find(r, r->param[0], &c, err) < 0 || schedule_set_enabled(r, &c, enabled, err) < 0)
        return -1;
    return req_empty(r);
}

int recurring_enable(struct req *r, struct dh_err *err)
{
    return set_enabled(r, true, err);
}

int recurring_disable(struct req *r, struct dh_err *err)
{
    return set_enabled(r, false, err);
}

int recurring_delete(struct req *r, struct dh_err *err)
{
    struct catalog_schedule c;

    if (schedule_find(r, r->param[0], &c, err) < 0 ||
        catalog_schedule_delete(r->store, c.id, err) < 0)
        return -1;
    return req_empty(r);
}
