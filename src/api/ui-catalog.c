/* ui-catalog - pipelines, versions, experiments for the page. */
#include <string.h>
#include <strings.h>

#include "api/access.h"
#include "api/api-priv.h"
#include "api/experiments.h"
#include "api/pipelines.h"
#include "api/ui.h"
#include "base/mem.h"
#include "spec/spec.h"
#include "store/catalog.h"

enum { NAMES_OF = 200 };

static int write_tags(struct req *r, const char *kind, int64_t id, struct jw *w, struct dh_err *err)
{
    own(js_free) struct js *tags = NULL;
    own_mem char *text = NULL;

    if (catalog_tags_get(r->store, kind, id, &tags, err) < 0)
        return -1;
    text = tags ? js_dump(tags, JS_COMPACT) : NULL;
    jw_json(w, "tags", text, "{}");
    return 0;
}

/* ---- pipelines ---- */

int ui_pipeline_find(struct req *r, const char *uuid, struct catalog_pipeline *ret,
                     struct dh_err *err)
{
    struct store_pipeline p;

    if (store_pipeline_find(r->store, uuid, r->arena, &p, err) < 0 ||
        catalog_pipeline_get(r->store, p.id, r->arena, ret, err) < 0)
        return -1;
    return access_found(r, 0, "Pipeline", uuid, &ret->namespace, err);
}

static int write_latest(struct req *r, int64_t pipeline, struct jw *w, struct dh_err *err)
{
    struct catalog_version v = {0};
    int64_t id;
    int rc = catalog_version_newest(r->store, pipeline, &id, err);

    if (rc < 0 || (rc == 0 && catalog_version_get(r->store, id, r->arena, &v, err) < 0))
        return -1;
    ui_named(w, "latest_version", v.uuid, v.name);
    return 0;
}

static int pipeline_members(struct req *r, const struct store_pipeline *p, struct jw *w,
                            struct dh_err *err)
{
    struct catalog_pipeline c;

    if (catalog_pipeline_get(r->store, p->id, r->arena, &c, err) < 0)
        return -1;
    jw_text(w, "id", p->uuid);
    jw_text(w, "name", p->name);
    jw_text(w, "display_name", c.display_name ? c.display_name : p->name);
    jw_text(w, "description", p->description);
    if (write_tags(r, "pipeline", p->id, w, err) < 0)
        return -1;
    jw_time(w, "created_at", p->created_us);
    jw_number(w, "n_versions", p->n_versions);
    jw_number(w, "n_runs", p->n_runs);
    jw_time(w, "last_run_at", p->last_run_us);
    return write_latest(r, p->id, w, err);
}

static bool has_tag(struct req *r, int64_t id, const char *want)
{
    own(js_free) struct js *tags = NULL;
    const char *equals = strchr(want, '=');
    const char *key = equals ? arena_strndup(r->arena, want, (size_t)(equals - want)) : want,
               *value;
    struct dh_err ignored;

    if (catalog_tags_get(r->store, "pipeline", id, &tags, &ignored) < 0)
        return false;
    value = js_get_text(tags, key);
    return value && (!equals || !strcmp(value, equals + 1));
}

static bool pipeline_shown(struct req *r, const struct store_pipeline *p)
{
    const char *name = req_arg(r, "name"), *tag = req_arg(r, "tag");
    struct catalog_pipeline c;
    struct dh_err ignored;

    if (auth_multi_user(r->api->auth) &&
        (catalog_pipeline_get(r->store, p->id, r->arena, &c, &ignored) < 0 ||
         !auth_may_see(r->user, c.namespace)))
        return false;
    return (!name || strcasestr(p->name, name)) && (!tag || has_tag(r, p->id, tag));
}

int ui_pipelines_list(struct req *r, struct dh_err *err)
{
    struct store_pipelines list;
    struct jw *w = req_json(r);

    if (store_pipeline_list(r->store, r->arena, &list, err) < 0)
        return -1;
    jw_begin(w, '{');
    jw_begin_in(w, "items", '[');
    for (size_t i = 0; i < list.n; i++) {
        if (!pipeline_shown(r, &list.items[i]))
            continue;
        jw_begin(w, '{');
        if (pipeline_members(r, &list.items[i], w, err) < 0)
            return -1;
        jw_end(w, '}');
    }
    return ui_list_end(w, NULL, (int64_t)list.n);
}

static int version_members(struct req *r, const struct catalog_version *v, struct jw *w,
                           struct dh_err *err)
{
    jw_text(w, "id", v->uuid);
    jw_text(w, "name", v->name);
    jw_text(w, "display_name", v->display_name ? v->display_name : v->name);
    jw_text(w, "description", v->description);
    if (write_tags(r, "version", v->id, w, err) < 0)
        return -1;
    jw_time(w, "created_at", v->created_us);
    jw_text(w, "spec_digest", v->spec_digest);
    jw_text(w, "code_source_url", v->code_source_url);
    return 0;
}

int ui_pipelines_get(struct req *r, struct dh_err *err)
{
    struct store_pipeline_versions versions;
    struct store_pipeline p;
    struct jw *w = req_json(r);

    if (store_pipeline_find(r->store, r->param[0], r->arena, &p, err) < 0)
        return -1;
    if (!pipeline_shown(r, &p))
        return dh_fail(err, DH_NOT_FOUND, "there is no pipeline '%s'", r->param[0]);
    if (store_pipeline_version_list(r->store, p.id, r->arena, &versions, err) < 0)
        return -1;
    jw_begin(w, '{');
    if (pipeline_members(r, &p, w, err) < 0)
        return -1;
    jw_begin_in(w, "versions", '[');
    for (size_t i = 0; i < versions.n; i++) {
        struct catalog_version v;

        if (catalog_version_get(r->store, versions.items[i].id, r->arena, &v, err) < 0)
            return -1;
        jw_begin(w, '{');
        if (version_members(r, &v, w, err) < 0)
            return -1;
        jw_end(w, '}');
    }
    jw_end(w, ']');
    jw_end(w, '}');
    return 0;
}

/* ---- one version, with what a form needs ---- */

static void write_value(struct jw *w, const char *key, const struct js *value)
{
    jw_key(w, key);
    if (!value) {
        jw_raw(w, NULL);
        return;
    }
    js_write(value, JS_COMPACT, w->to);
    w->comma = true;
}

/* The root's parameters, as the spec declares them. */
static void write_inputs(const struct js *pipeline, struct jw *w)
{
    const struct js *parameters = js_path(pipeline, "root", "inputDefinitions", "parameters", NULL);

    jw_begin_in(w, "inputs", '[');
    for (js_each(parameters, it)) {
        jw_begin(w, '{');
        jw_text(w, "name", it.key);
        jw_text(w, "type", js_get_text(it.value, "parameterType"));
        jw_flag(w, "optional",
                js_get_bool(it.value, "isOptional") || js_get(it.value, "defaultValue"));
        write_value(w, "default", js_get(it.value, "defaultValue"));
        write_value(w, "literals", js_get(it.value, "literals"));
        jw_text(w, "description", js_get_text(it.value, "description"));
        jw_end(w, '}');
    }
    jw_end(w, ']');
}

int ui_versions_get(struct req *r, struct dh_err *err)
{
    own(spec_free) struct spec *spec = NULL;
    own(js_free) struct js *pipeline = NULL, *platform = NULL;
    struct catalog_version v;
    struct catalog_pipeline p;
    const char *text;
    struct jw *w = req_json(r);

    if (version_find(r, 0, r->param[0], true, &v, err) < 0 ||
        catalog_pipeline_get(r->store, v.pipeline_id, r->arena, &p, err) < 0 ||
        store_spec_get(r->store, v.spec_digest, r->arena, &text, err) < 0 ||
        spec_load_bytes("pipeline", text, strlen(text), &spec, NULL, err) < 0)
        return -1;
    pipeline = spec_pipeline_json(spec);
    platform = spec_platform_json(spec);
    jw_begin(w, '{');
    if (version_members(r, &v, w, err) < 0)
        return -1;
    ui_named(w, "pipeline", p.uuid, p.name);
    write_value(w, "pipeline_spec", pipeline);
    write_value(w, "platform_spec", platform);
    write_inputs(pipeline, w);
    jw_end(w, '}');
    return 0;
}

/* ---- experiments ---- */

static void experiment_members(const struct store_experiment *e, struct jw *w)
{
    jw_text(w, "id", e->uuid);
    jw_text(w, "name", e->name);
    jw_text(w, "description", e->description);
    jw_text(w, "notes", e->notes);
    jw_time(w, "created_at", e->created_us);
    jw_time(w, "last_run_at", e->last_run_us);
    jw_number(w, "n_runs", e->n_runs);
    jw_flag(w, "archived", e->archived);
}

static bool experiment_shown(struct req *r, const struct store_experiment *e)
{
    struct catalog_experiment c;
    struct dh_err ignored;

    return !auth_multi_user(r->api->auth) ||
           (catalog_experiment_get(r->store, e->id, r->arena, &c, &ignored) == 0 &&
            auth_may_see(r->user, c.namespace));
}

int ui_experiments_list(struct req *r, struct dh_err *err)
{
    const char *name = req_arg(r, "name"), *archived = req_arg(r, "archived");
    struct store_experiments list;
    struct jw *w = req_json(r);
    int64_t n = 0;

    if (store_experiment_list(r->store, r->arena, &list, err) < 0)
        return -1;
    jw_begin(w, '{');
    jw_begin_in(w, "items", '[');
    for (size_t i = 0; i < list.n; i++) {
        const struct store_experiment *e = &list.items[i];

        if ((name && !strcasestr(e->name, name)) ||
            (archived && e->archived != (*archived == '1')) || !experiment_shown(r, e))
            continue;
        jw_begin(w, '{');
        experiment_members(e, w);
        jw_end(w, '}');
        n++;
    }
    return ui_list_end(w, NULL, n);
}

static void add_names(struct js *names, const char *json)
{
    own(js_free) struct js *v = NULL;
    struct dh_err ignored;

    if (!json || js_parse(json, strlen(json), &v, &ignored) < 0)
        return;
    for (js_each(v, it))
        if (!strchr(it.key, '@') && !js_get(names, it.key))
            js_set(names, it.key, js_bool(true));
}

static void write_names(struct jw *w, const char *key, const struct js *names)
{
    jw_begin_in(w, key, '[');
    for (js_each(names, it))
        jw_str(w, it.key);
    jw_end(w, ']');
}

int ui_experiments_get(struct req *r, struct dh_err *err)
{
    own(js_free) struct js *parameters = js_object(), *metrics = js_object();
    struct store_run_filter f = {.state = -1, .limit = NAMES_OF};
    struct store_experiment e;
    struct store_runs runs;
    const char *text;
    struct jw *w = req_json(r);

    if (store_experiment_find(r->store, r->param[0], r->arena, &e, err) < 0)
        return -1;
    if (!experiment_shown(r, &e))
        return dh_fail(err, DH_NOT_FOUND, "there is no experiment '%s'", r->param[0]);
    f.experiment = e.name;
    if (store_run_list(r->store, &f, r->arena, &runs, err) < 0)
        return -1;
    for (size_t i = 0; i < runs.n; i++) {
        add_names(parameters, runs.items[i].parameters);
        if (store_metric_last(r->store, runs.items[i].id, r->arena, &text, err) < 0)
            return -1;
        add_names(metrics, text);
    }
    jw_begin(w, '{');
    experiment_members(&e, w);
    write_names(w, "parameter_names", parameters);
    write_names(w, "metric_names", metrics);
    jw_end(w, '}');
    return 0;
}
