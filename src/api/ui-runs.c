/* ui-runs - the page's list of runs, a new run, and runs side by side. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/access.h"
#include "api/api-priv.h"
#include "api/experiments.h"
#include "api/pipelines.h"
#include "api/runs.h"
#include "api/submit.h"
#include "api/ui.h"
#include "base/mem.h"
#include "spec/spec.h"
#include "store/catalog.h"

/* ---- the filter as a query of store/run-query.h ---- */

static void add(struct buf *where, const char *text)
{
    buf_addf(where, "%s%s", where->n ? " and " : "", text);
}

/* 'it''s' */
static void add_quoted(struct buf *to, const char *text, const char *around)
{
    buf_addf(to, "'%s", around);
    for (; *text; text++) {
        if (*text == '\'')
            buf_addc(to, '\'');
        buf_addc(to, *text);
    }
    buf_addf(to, "%s'", around);
}

static void add_equal(struct buf *where, const char *key, const char *value)
{
    add(where, key);
    buf_adds(where, " = ");
    add_quoted(where, value, "");
}

static void add_states(struct buf *where, const char *states)
{
    add(where, "state in (");
    for (bool more = false; *states; more = true) {
        size_t n = strcspn(states, ",");
        own_mem char *state = dh_strndup(states, n);

        if (more)
            buf_addc(where, ',');
        add_quoted(where, state, "");
        states += n + (states[n] == ',');
    }
    buf_addc(where, ')');
}

/* NAME=VALUE, NAME>VALUE, … with `kind` in front: param.NAME > 'VALUE' */
static int add_condition(struct buf *where, const char *kind, const char *text, struct dh_err *err)
{
    size_t n = strcspn(text, "=!<>"), op = strspn(text + n, "=!<>");
    own_mem char *name = dh_strndup(text, n);

    if (n == 0 || op == 0 || op > 2 || strpbrk(name, "\"`"))
        return dh_fail(err, DH_INVALID,
                       "%s: expected NAME=VALUE, or with another of != < <= > >=", kind);
    add(where, "");
    buf_addf(where, "%s.\"%s\" %.*s ", kind, name, (int)op, text + n);
    add_quoted(where, text + n + op, "");
    return 0;
}

static int add_conditions(struct req *r, struct buf *where, struct dh_err *err)
{
    for (size_t i = 0; i < r->uri.n_args; i++) {
        const struct uri_arg *arg = &r->uri.args[i];

        if ((!strcmp(arg->key, "param") || !strcmp(arg->key, "metric") ||
             !strcmp(arg->key, "tag")) &&
            *arg->value && add_condition(where, arg->key, arg->value, err) < 0)
            return -1;
    }
    return 0;
}

static int add_owners(struct req *r, struct buf *where, struct dh_err *err)
{
    const char *experiment = req_arg(r, "experiment"), *pipeline = req_arg(r, "pipeline"),
               *version = req_arg(r, "version");
    struct store_experiment e;
    struct store_pipeline p;
    struct catalog_version v;
    int64_t id;

    if (experiment) {
        if (store_experiment_find(r->store, experiment, r->arena, &e, err) < 0)
            return -1;
        add_equal(where, "experiment", e.name);
    }
    if (version) {
        if (catalog_version_id(r->store, 0, version, true, &id, err) < 0 ||
            catalog_version_get(r->store, id, r->arena, &v, err) < 0)
            return -1;
        add_equal(where, "version", v.name);
        pipeline = v.pipeline_uuid;
    }
    if (pipeline) {
        if (store_pipeline_find(r->store, pipeline, r->arena, &p, err) < 0)
            return -1;
        add_equal(where, "pipeline", p.name);
    }
    return 0;
}

static int build_where(struct req *r, struct buf *where, struct dh_err *err)
{
    const char *text;

    if ((text = req_arg(r, "state")))
        add_states(where, text);
    if ((text = req_arg(r, "name"))) {
        add(where, "name ilike ");
        add_quoted(where, text, "%");
    }
    if ((text = req_arg(r, "since"))) {
        add(where, "created >= ");
        add_quoted(where, text, "");
    }
    if ((text = req_arg(r, "until"))) {
        add(where, "created <= ");
        add_quoted(where, text, "");
    }
    if (req_arg_true(r, "archived"))
        add(where, "archived = true");
    if ((text = req_arg(r, "where"))) {
        add(where, "(");
        buf_addf(where, "%s)", text);
    }
    return add_owners(r, where, err) < 0 ? -1 : add_conditions(r, where, err);
}

/* "-metric:accuracy" as "metric.accuracy desc"; NULL: newest first. */
static const char *build_sort(struct req *r)
{
    const char *sort = req_arg(r, "sort"), *colon;
    bool down = sort && *sort == '-';

    if (!sort)
        return NULL;
    sort += down;
    if (!strcmp(sort, "created_at"))
        return down ? NULL : "created asc";
    colon = strchr(sort, ':');
    if (colon)
        return arena_printf(r->arena, "%.*s.\"%s\" %s", (int)(colon - sort), sort, colon + 1,
                            down ? "desc" : "asc");
    return arena_printf(r->arena, "%s %s", sort, down ? "desc" : "asc");
}

/* ---- the list ---- */

static void write_columns(struct req *r, const struct store_run *run, struct jw *w)
{
    const char *columns = req_arg(r, "columns"), *metrics = NULL;
    own(js_free) struct js *p = NULL, *m = NULL;
    struct dh_err ignored;

    if (!columns)
        return;
    if (run->parameters)
        (void)js_parse(run->parameters, strlen(run->parameters), &p, &ignored);
    if (store_metric_last(r->store, run->id, r->arena, &metrics, &ignored) == 0)
        (void)js_parse(metrics, strlen(metrics), &m, &ignored);
    jw_begin_in(w, "columns", '{');
    while (*columns) {
        size_t n = strcspn(columns, ",");
        const char *name = arena_strndup(r->arena, columns, n), *colon = strchr(name, ':');
        const struct js *v = colon ? js_get(*name == 'p' ? p : m, colon + 1) : NULL;

        if (v) {
            jw_str(w, name);
            buf_addc(w->to, ':');
            js_write(v, JS_COMPACT, w->to);
            w->comma = true;
        }
        columns += n + (columns[n] == ',');
    }
    jw_end(w, '}');
}

static int read_after(struct req *r, struct store_run_filter *f, struct dh_err *err)
{
    const char *after = req_arg(r, "after");
    long long a, b;

    if (!after)
        return 0;
    if (f->sort && sscanf(after, "o%lld", &a) == 1 && a >= 0 && a < 1000000000) {
        f->offset = a;
        return 0;
    }
    if (!f->sort && sscanf(after, "k%lld.%lld", &a, &b) == 2) {
        f->after_created_us = a;
        f->after_id = b;
        return 0;
    }
    return dh_fail(err, DH_INVALID, "after: not a token of this list");
}

static const char *next_of(struct req *r, const struct store_run_filter *f,
                           const struct store_runs *runs)
{
    const struct store_run *last;

    if (!runs->more || runs->n == 0)
        return NULL;
    last = &runs->items[runs->n - 1];
    if (f->sort)
        return arena_printf(r->arena, "o%lld", (long long)f->offset + (long long)runs->n);
    return arena_printf(r->arena, "k%lld.%lld", (long long)last->created_us, (long long)last->id);
}

static bool is_shown(struct req *r, const struct store_run *run)
{
    return !(run->queue && !strcmp(run->queue, "delete")) &&
           (!auth_multi_user(r->api->auth) || auth_may_see(r->user, run->namespace));
}

/* The runs of one schedule, by their index. */
static int of_schedule(struct req *r, const char *uuid, struct store_runs *ret, struct dh_err *err)
{
    struct listing l;
    int64_t id;
    int limit;

    if (ui_limit(r, &limit, err) < 0 || catalog_schedule_id(r->store, uuid, &id, err) < 0 ||
        listing_read(r, PAGE_RUNS, &l, err) < 0)
        return -1;
    l.ask.down = true;
    l.ask.limit = limit;
    listing_where(r, &l, "#schedule", NULL, id);
    if (page_ids(r->store, &l.ask, r->arena, &l.page, err) < 0)
        return -1;
    *ret = (struct store_runs){.items = arena_alloc(r->arena, (l.page.n + 1) * sizeof *ret->items)};
    for (; ret->n < l.page.n; ret->n++)
        if (store_run_get(r->store, l.page.ids[ret->n], r->arena, &ret->items[ret->n], err) < 0)
            return -1;
    return 0;
}

static int ask(struct req *r, struct store_run_filter *f, struct store_runs *ret,
               struct dh_err *err)
{
    own_buf struct buf where = {0};
    const char *schedule = req_arg(r, "schedule");

    if (schedule)
        return of_schedule(r, schedule, ret, err);
    f->state = -1;
    f->sort = build_sort(r);
    f->archived_too = req_arg_true(r, "archived");
    if (ui_limit(r, &f->limit, err) < 0 || read_after(r, f, err) < 0 ||
        build_where(r, &where, err) < 0)
        return -1;
    f->where = where.n ? where.p : NULL;
    return store_run_list(r->store, f, r->arena, ret, err);
}

int ui_runs_list(struct req *r, struct dh_err *err)
{
    struct store_run_filter f = {0};
    struct store_runs runs = {0};
    struct jw *w = req_json(r);

    if (ask(r, &f, &runs, err) < 0)
        return -1;
    jw_begin(w, '{');
    jw_begin_in(w, "items", '[');
    for (size_t i = 0; i < runs.n; i++) {
        if (!is_shown(r, &runs.items[i]))
            continue;
        jw_begin(w, '{');
        if (ui_run_members(r->store, r->arena, &runs.items[i], w, err) < 0)
            return -1;
        write_columns(r, &runs.items[i], w);
        jw_end(w, '}');
    }
    return ui_list_end(w, next_of(r, &f, &runs), -1);
}

/* ---- a new run ---- */

static int read_experiment(struct req *r, struct submit *s, struct dh_err *err)
{
    const char *id, *name;
    struct catalog_experiment e;

    if (req_text(r, r->json, "experiment_id", &id, err) < 0 ||
        req_text(r, r->json, "experiment", &name, err) < 0)
        return -1;
    if (!id && !name)
        return run_experiment_read(r, r->json, &s->experiment_id, &s->namespace, err);
    if (id) {
        if (experiment_find(r, id, &e, err) < 0)
            return -1;
        s->experiment_id = e.id;
        s->namespace = e.namespace;
        return 0;
    }
    if (auth_multi_user(r->api->auth) && r->user->namespaces) /* names are all namespaces' */
        return dh_fail(err, DH_INVALID, "experiment: give its id (experiment_id)");
    return store_experiment_put(r->store, name, &s->experiment_id, err);
}

/* Which pipeline: version_id, pipeline_id, run_id (its spec), or pipeline_spec. */
static int read_source(struct req *r, struct submit *s, struct run_source *source,
                       struct dh_err *err)
{
    const char *version, *pipeline, *run_id;
    struct catalog_pipeline p;
    struct catalog_version v;
    struct store_run run;
    int rc;

    if (req_text(r, r->json, "version_id", &version, err) < 0 ||
        req_text(r, r->json, "pipeline_id", &pipeline, err) < 0 ||
        req_text(r, r->json, "run_id", &run_id, err) < 0)
        return -1;
    if (run_id) {
        if (run_find(r, run_id, &run, err) < 0)
            return -1;
        s->spec_digest = run.spec_digest;
        s->pipeline_id = run.pipeline_id;
        s->version_id = run.pipeline_version_id;
        return 0;
    }
    if (!version && !pipeline) {
        if (run_source_read(r, r->json, source, err) < 0)
            return -1;
        s->spec = source->spec;
        return 0;
    }
    if (version) {
        if (version_find(r, 0, version, true, &v, err) < 0)
            return -1;
    } else {
        if (ui_pipeline_find(r, pipeline, &p, err) < 0 ||
            (rc = catalog_version_newest(r->store, p.id, &v.id, err)) < 0)
            return -1;
        if (rc == 1)
            return dh_fail(err, DH_INVALID, "pipeline %s has no version", p.name);
        if (catalog_version_get(r->store, v.id, r->arena, &v, err) < 0)
            return -1;
    }
    s->spec_digest = v.spec_digest;
    s->pipeline_id = v.pipeline_id;
    s->version_id = v.id;
    s->by_version = true;
    return 0;
}

int ui_runs_create(struct req *r, struct dh_err *err)
{
    own_run_source struct run_source source = {0};
    struct submit s = {.parameters = req_member(r->json, "parameters")};
    char uuid[ID_TEXT];
    struct jw *w;

    if (req_only(r, r->json,
                 "version_id pipeline_id run_id pipeline_spec parameters display_name description "
                 "experiment_id experiment cache jobs pipeline_root",
                 "run", err) < 0 ||
        req_text(r, r->json, "display_name", &s.display_name, err) < 0 ||
        req_text(r, r->json, "description", &s.description, err) < 0 ||
        req_text(r, r->json, "cache", &s.cache, err) < 0 ||
        req_text(r, r->json, "pipeline_root", &s.pipeline_root, err) < 0 ||
        read_experiment(r, &s, err) < 0 || read_source(r, &s, &source, err) < 0)
        return -1;
    if (s.parameters && !js_is(s.parameters, JS_OBJECT))
        return dh_fail(err, DH_INVALID, "parameters: expected an object");
    s.jobs = (int)js_as_int(req_member(r->json, "jobs"), 0);
    if (submit_run(r->api, &s, uuid, err) < 0)
        return -1;
    w = req_json(r);
    jw_begin(w, '{');
    jw_text(w, "run_id", uuid);
    jw_end(w, '}');
    return 0;
}
