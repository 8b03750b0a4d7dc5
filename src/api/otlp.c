#include "api/otlp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/jw.h"
#include "base/clock.h"
#include "base/js.h"
#include "base/mem.h"
#include "store/catalog.h"

enum { SPAN_INTERNAL = 1, STATUS_UNSET = 0, STATUS_OK = 1, STATUS_ERROR = 2 };

/* A uuid's 32 hex digits; the last 16 of them name a span. */
static void hex_of(const char *uuid, char to[33])
{
    size_t n = 0;

    for (; *uuid && n < 32; uuid++)
        if (*uuid != '-')
            to[n++] = *uuid;
    to[n] = '\0';
}

static void span_id(struct jw *w, const char *key, const char *uuid)
{
    char hex[33];

    hex_of(uuid, hex);
    jw_text(w, key, strlen(hex) == 32 ? hex + 16 : hex);
}

static void nanoseconds(struct jw *w, const char *key, int64_t us)
{
    char text[32];

    (void)snprintf(text, sizeof text, "%lld000", (long long)us);
    jw_text(w, key, us > 0 ? text : "0");
}

static void attribute(struct jw *w, const char *key, const char *value)
{
    if (!value || !*value)
        return;
    jw_begin(w, '{');
    jw_text(w, "key", key);
    jw_begin_in(w, "value", '{');
    jw_text(w, "stringValue", value);
    jw_end(w, '}');
    jw_end(w, '}');
}

static void attribute_int(struct jw *w, const char *key, int64_t value)
{
    char text[24];

    if (value < 0)
        return;
    (void)snprintf(text, sizeof text, "%lld", (long long)value);
    jw_begin(w, '{');
    jw_text(w, "key", key);
    jw_begin_in(w, "value", '{');
    jw_text(w, "intValue", text);
    jw_end(w, '}');
    jw_end(w, '}');
}

static void status(struct jw *w, enum store_state state, const char *message)
{
    int code = state == STORE_FAILED || state == STORE_CANCELED ? STATUS_ERROR
               : store_state_good(state)                        ? STATUS_OK
                                                                : STATUS_UNSET;

    jw_begin_in(w, "status", '{');
    jw_number(w, "code", code);
    if (code == STATUS_ERROR && message)
        jw_text(w, "message", message);
    jw_end(w, '}');
}

static void head(struct jw *w, const char *trace, const char *name, int64_t from_us, int64_t to_us)
{
    jw_text(w, "traceId", trace);
    jw_text(w, "name", name);
    jw_number(w, "kind", SPAN_INTERNAL);
    nanoseconds(w, "startTimeUnixNano", from_us);
    nanoseconds(w, "endTimeUnixNano", to_us ? to_us : clock_now_us());
}

static void write_run(struct jw *w, const struct store_run *run, const char *trace)
{
    jw_begin(w, '{');
    head(w, trace, run->display_name, run->created_us, run->finished_us);
    span_id(w, "spanId", run->uuid);
    jw_begin_in(w, "attributes", '[');
    attribute(w, "dhow.run.id", run->uuid);
    attribute(w, "dhow.run.state", store_state_name(run->state));
    attribute(w, "dhow.pipeline", run->pipeline);
    attribute(w, "dhow.pipeline.version", run->pipeline_version);
    attribute(w, "dhow.experiment", run->experiment);
    attribute(w, "dhow.parameters", run->parameters);
    jw_end(w, ']');
    status(w, run->state, run->error);
    jw_end(w, '}');
}

static int write_attempts(struct store *s, const struct store_task *t, struct jw *w,
                          struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    struct store_attempts list;

    if (t->attempts < 2)
        return 0;
    if (store_attempt_list(s, t->id, a, &list, err) < 0)
        return -1;
    jw_begin_in(w, "events", '[');
    for (size_t i = 0; i < list.n; i++) {
        jw_begin(w, '{');
        nanoseconds(w, "timeUnixNano",
                    list.items[i].finished_us ? list.items[i].finished_us
                                              : list.items[i].started_us);
        jw_text(w, "name", "attempt");
        jw_begin_in(w, "attributes", '[');
        attribute_int(w, "dhow.attempt", list.items[i].number);
        attribute(w, "dhow.attempt.state", store_state_name(list.items[i].state));
        attribute(w, "dhow.attempt.reason", list.items[i].reason);
        attribute_int(w, "process.exit.code", list.items[i].exit_code);
        jw_end(w, ']');
        jw_end(w, '}');
    }
    jw_end(w, ']');
    return 0;
}

struct trace {
    struct store *store;
    struct jw *w;
    const struct store_run *run;
    const char *id;
};

static int write_task(const struct store_task *t, void *user, struct dh_err *err)
{
    struct trace *trace = user;
    own(arena_free) struct arena *a = arena_new();
    struct store_task parent = {0};
    struct jw *w = trace->w;
    int64_t from_us = t->started_us ? t->started_us : t->created_us;

    if (t->parent_task_id && store_task_get(trace->store, t->parent_task_id, a, &parent, err) < 0)
        return -1;
    jw_begin(w, '{');
    head(w, trace->id, t->name, from_us, t->finished_us);
    span_id(w, "spanId", t->uuid);
    span_id(w, "parentSpanId", parent.uuid ? parent.uuid : trace->run->uuid);
    jw_begin_in(w, "attributes", '[');
    attribute(w, "dhow.task.id", t->uuid);
    attribute(w, "dhow.task.scope", t->scope_path);
    attribute(w, "dhow.task.type", store_task_type_name(t->type));
    attribute(w, "dhow.task.state", store_state_name(t->state));
    attribute(w, "dhow.task.reason", t->state_reason);
    attribute_int(w, "dhow.task.iteration", t->iteration_index);
    attribute_int(w, "dhow.task.attempts", t->attempts);
    attribute_int(w, "process.exit.code", t->exit_code);
    jw_end(w, ']');
    if (write_attempts(trace->store, t, w, err) < 0)
        return -1;
    status(w, t->state, t->state_reason);
    jw_end(w, '}');
    return 0;
}

/* {"KIND": [{"resource", "SCOPES": [{"scope", "ITEMS": [ … and its end. */
static void begin_answer(struct jw *w, const char *version, const char *const names[3])
{
    const char *service = getenv("OTEL_SERVICE_NAME");

    jw_begin(w, '{');
    jw_begin_in(w, names[0], '[');
    jw_begin(w, '{');
    jw_begin_in(w, "resource", '{');
    jw_begin_in(w, "attributes", '[');
    attribute(w, "service.name", service && *service ? service : "dhow");
    attribute(w, "service.version", version);
    jw_end(w, ']');
    jw_end(w, '}');
    jw_begin_in(w, names[1], '[');
    jw_begin(w, '{');
    jw_begin_in(w, "scope", '{');
    jw_text(w, "name", "dhow");
    jw_end(w, '}');
    jw_begin_in(w, names[2], '[');
}

static void end_answer(struct jw *w)
{
    jw_end(w, ']');
    jw_end(w, '}');
    jw_end(w, ']');
    jw_end(w, '}');
    jw_end(w, ']');
    jw_end(w, '}');
}

int otlp_write(struct store *s, const struct store_run *run, const char *version, struct buf *to,
               struct dh_err *err)
{
    static const char *const names[] = {"resourceSpans", "scopeSpans", "spans"};
    char id[33];
    struct jw w = {.to = to};
    struct trace trace = {.store = s, .w = &w, .run = run, .id = id};

    hex_of(run->uuid, id);
    begin_answer(&w, version, names);
    write_run(&w, run, id);
    if (store_task_each(s, run->id, write_task, &trace, err) < 0)
        return -1;
    end_answer(&w);
    return 0;
}

/* ---- what can be measured ---- */

struct measure {
    struct jw *w;
    const struct store_run *run;
};

static void begin_metric(const struct measure *m, const char *name, const char *unit)
{
    jw_begin(m->w, '{');
    jw_text(m->w, "name", name);
    jw_text(m->w, "unit", unit);
    jw_begin_in(m->w, "gauge", '{');
    jw_begin_in(m->w, "dataPoints", '[');
}

static void end_metric(const struct measure *m)
{
    jw_end(m->w, ']');
    jw_end(m->w, '}');
    jw_end(m->w, '}');
}

static void point(const struct measure *m, const char *key, const char *value, double number)
{
    const struct store_run *run = m->run;

    jw_begin(m->w, '{');
    nanoseconds(m->w, "timeUnixNano", run->finished_us ? run->finished_us : clock_now_us());
    jw_key(m->w, "asDouble");
    jw_num(m->w, number);
    jw_begin_in(m->w, "attributes", '[');
    attribute(m->w, "dhow.run.id", run->uuid);
    attribute(m->w, "dhow.pipeline", run->pipeline);
    attribute(m->w, "dhow.experiment", run->experiment);
    if (key)
        attribute(m->w, key, value);
    jw_end(m->w, ']');
    jw_end(m->w, '}');
}

int otlp_write_metrics(struct store *s, const struct store_run *run, const char *version,
                       struct buf *to, struct dh_err *err)
{
    static const char *const names[] = {"resourceMetrics", "scopeMetrics", "metrics"};
    own(arena_free) struct arena *a = arena_new();
    own(js_free) struct js *last = NULL;
    struct jw w = {.to = to};
    const struct measure m = {.w = &w, .run = run};
    int64_t n[STORE_N_STATES];
    const char *text;

    if (store_metric_last(s, run->id, a, &text, err) < 0 ||
        js_parse(text, strlen(text), &last, err) < 0 || catalog_run_progress(s, run, n, err) < 0)
        return -1;
    begin_answer(&w, version, names);
    begin_metric(&m, "dhow.run.duration", "s");
    point(&m, "dhow.run.state", store_state_name(run->state),
          run->finished_us && run->started_us
              ? (double)(run->finished_us - run->started_us) / 1000000
              : 0);
    end_metric(&m);
    begin_metric(&m, "dhow.run.tasks", "{task}");
    for (int i = 0; i < STORE_N_STATES; i++)
        if (n[i])
            point(&m, "dhow.task.state", store_state_name((enum store_state)i), (double)n[i]);
    end_metric(&m);
    if (js_n(last)) {
        begin_metric(&m, "dhow.metric", "1");
        for (js_each(last, it))
            point(&m, "dhow.metric.name", it.key, js_as_num(it.value, 0));
        end_metric(&m);
    }
    end_answer(&w);
    return 0;
}
