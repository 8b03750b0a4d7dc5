/* runs-create - the body of a POST as a run that is asked for. */
#include <string.h>

#include "api/access.h"
#include "api/experiments.h"
#include "api/pipelines.h"
#include "api/runs.h"
#include "api/submit.h"
#include "base/mem.h"
#include "spec/spec.h"

void run_source_done(struct run_source *source)
{
    source->spec = spec_free(source->spec);
}

static int read_inline(struct req *r, const struct js *spec, struct run_source *ret,
                       struct dh_err *err)
{
    own_mem char *text = NULL;

    if (!js_is(spec, JS_OBJECT))
        return req_fail(r, err, GRPC_INVALID_ARGUMENT, "pipeline_spec: expected an object");
    text = js_dump(spec, JS_COMPACT);
    return spec_load_bytes("pipeline_spec", text, strlen(text), &ret->spec, NULL, err);
}

static int read_version(struct req *r, const char *uuid, int64_t pipeline_id,
                        struct run_source *ret, struct dh_err *err)
{
    struct catalog_version v;

    if (version_find(r, pipeline_id, uuid, false, &v, err) < 0)
        return -1;
    ret->pipeline_id = v.pipeline_id;
    ret->version_id = v.id;
    ret->spec_digest = v.spec_digest;
    return 0;
}

/* The pipeline alone: its newest version, whichever that is then. */
static int read_newest(struct req *r, const struct catalog_pipeline *p, struct run_source *ret,
                       struct dh_err *err)
{
    struct catalog_version v;
    int64_t id;
    int rc = catalog_version_newest(r->store, p->id, &id, err);

    if (rc == 1)
        return req_fail(r, err, GRPC_INVALID_ARGUMENT, "pipeline %s has no version", p->uuid);
    if (rc < 0 || catalog_version_get(r->store, id, r->arena, &v, err) < 0)
        return -1;
    ret->pipeline_id = p->id;
    ret->spec_digest = v.spec_digest;
    return 0;
}

int run_source_read(struct req *r, const struct js *body, struct run_source *ret,
                    struct dh_err *err)
{
    const struct js *spec = req_member(body, "pipeline_spec"),
                    *ref = req_member(body, "pipeline_version_reference");
    const char *version, *pipeline, *old;
    struct catalog_pipeline p = {0};

    *ret = (struct run_source){0};
    if (req_only(r, ref, "pipeline_id pipeline_version_id", "pipeline_version_reference", err) <
            0 ||
        req_text(r, ref, "pipeline_id", &pipeline, err) < 0 ||
        req_text(r, ref, "pipeline_version_id", &version, err) < 0 ||
        req_text(r, body, "pipeline_version_id", &old, err) < 0)
        return -1;
    if (!version || !*version)
        version = old;
    if (spec && (version || pipeline))
        return req_fail(r, err, GRPC_INVALID_ARGUMENT,
                        "give a pipeline_spec or a pipeline_version_reference, not both");
    if (spec)
        return read_inline(r, spec, ret, err);
    if (pipeline && *pipeline && pipeline_find(r, pipeline, &p, err) < 0)
        return -1;
    if (version && *version)
        return read_version(r, version, p.id, ret, err);
    if (p.id)
        return read_newest(r, &p, ret, err);
    return req_fail(r, err, GRPC_INVALID_ARGUMENT,
                    "a pipeline_spec or a pipeline_version_reference is needed");
}

int run_config_read(struct req *r, const struct js *body, struct run_config *ret,
                    struct dh_err *err)
{
    const struct js *config = req_member(body, "runtime_config");

    *ret = (struct run_config){.parameters = req_member(config, "parameters"),
                               .plugins_input = req_member(body, "plugins_input")};
    if (req_only(r, config, "parameters pipeline_root", "runtime_config", err) < 0 ||
        req_text(r, config, "pipeline_root", &ret->pipeline_root, err) < 0)
        return -1;
    if (ret->parameters && !js_is(ret->parameters, JS_OBJECT))
        return req_fail(r, err, GRPC_INVALID_ARGUMENT, "parameters: expected an object");
    if (ret->plugins_input && !js_is(ret->plugins_input, JS_OBJECT))
        return req_fail(r, err, GRPC_INVALID_ARGUMENT, "plugins_input: expected an object");
    if (req_member(body, "plugins_output"))
        return req_fail(r, err, GRPC_ABORTED,
                        "plugins_output is server-owned and populated exclusively via plugin "
                        "lifecycle hooks");
    return 0;
}

int run_experiment_read(struct req *r, const struct js *body, int64_t *ret_id,
                        const char **ret_namespace, struct dh_err *err)
{
    struct catalog_experiment e;
    const char *uuid;

    if (req_text(r, body, "experiment_id", &uuid, err) < 0)
        return -1;
    if (!uuid || !*uuid)
        uuid = req_arg(r, "experiment_id");
    if (!uuid) {
        if (auth_multi_user(r->api->auth) && r->user->namespaces)
            return req_fail(r, err, GRPC_INVALID_ARGUMENT,
                            "Experiment id can not be empty in multi-user mode");
        *ret_namespace = NULL;
        return experiment_default(r->store, ret_id, err);
    }
    if (experiment_find(r, uuid, &e, err) < 0)
        return -1;
    if (e.archived)
        return req_fail(r, err, GRPC_FAILED_PRECONDITION,
                        "experiment %s is archived: unarchive it first", e.uuid);
    *ret_id = e.id;
    *ret_namespace = e.namespace;
    return 0;
}

int runs_submit(struct req *r, char ret_run_id[ID_TEXT], struct dh_err *err)
{
    own_run_source struct run_source source = {0};
    struct run_config config;
    struct submit s = {0};
    int rc;

    if (req_only(r, r->json,
                 "experiment_id run_id display_name storage_state description pipeline_version_id "
                 "pipeline_spec pipeline_version_reference runtime_config service_account "
                 "created_at scheduled_at finished_at state error run_details recurring_run_id "
                 "state_history plugins_input plugins_output",
                 "run", err) < 0 ||
        req_text(r, r->json, "display_name", &s.display_name, err) < 0 ||
        req_text(r, r->json, "description", &s.description, err) < 0 ||
        req_text(r, r->json, "service_account", &s.service_account, err) < 0 ||
        run_config_read(r, r->json, &config, err) < 0 ||
        run_experiment_read(r, r->json, &s.experiment_id, &s.namespace, err) < 0 ||
        run_source_read(r, r->json, &source, err) < 0)
        return -1;
    if (!s.display_name || !*s.display_name)
        return req_fail(r, err, GRPC_INVALID_ARGUMENT,
                        "The run name is empty. Please specify a valid name");
    if (strlen(s.display_name) > 1000)
        return req_fail(r, err, GRPC_INVALID_ARGUMENT, "the run's name is longer than 1000 bytes");
    if (!s.service_account || !*s.service_account)
        s.service_account = "pipeline-runner";
    if (source.pipeline_id && !source.version_id) { /* the newest, as of now */
        rc = catalog_version_newest(r->store, source.pipeline_id, &source.version_id, err);
        if (rc < 0)
            return -1;
    }
    s.spec = source.spec;
    s.spec_digest = source.spec_digest;
    s.pipeline_id = source.pipeline_id;
    s.version_id = source.version_id;
    s.by_version = source.spec == NULL;
    s.parameters = config.parameters;
    s.pipeline_root = config.pipeline_root;
    s.plugins_input = config.plugins_input;
    return submit_run(r->api, &s, ret_run_id, err);
}

/* The end of the JSON value at `s`: behind its last character. The text is one that js_dump wrote.
 */
static const char *value_end(const char *s)
{
    int depth = 0;

    do {
        if (*s == '"') {
            for (s++; *s && *s != '"'; s++)
                s += *s == '\\' && s[1];
        } else if (*s == '{' || *s == '[') {
            depth++;
        } else if (*s == '}' || *s == ']') {
            depth--;
        }
        s += *s != '\0';
    } while (*s && (depth > 0 || !strchr(",}]", *s)));
    return s;
}

/* A member of an object as text: a list of runs has one a run, and is not to build trees of them.
 */
static const char *raw_member(struct arena *a, const char *object, const char *key)
{
    size_t n = strlen(key);

    for (const char *at = object + 1; *at == '"';) {
        const char *name_end = strchr(at + 1, '"'), *value = name_end ? name_end + 2 : NULL, *end;

        if (!value)
            return NULL;
        end = value_end(value);
        if ((size_t)(name_end - at - 1) == n && !memcmp(at + 1, key, n))
            return arena_strndup(a, value, (size_t)(end - value));
        at = end + (*end == ',');
    }
    return NULL;
}

int run_write_request(struct req *r, const char *request, struct jw *w, struct dh_err *err)
{
    const char *parameters, *root, *plugins;

    (void)err;
    if (!request || !strcmp(request, "{}"))
        return 0;
    parameters = raw_member(r->arena, request, "parameters");
    root = raw_member(r->arena, request, "pipeline_root");
    plugins = raw_member(r->arena, request, "plugins_input");
    if (parameters || root) {
        jw_begin_in(w, "runtime_config", '{');
        if (parameters)
            jw_json(w, "parameters", parameters, NULL);
        if (root)
            jw_json(w, "pipeline_root", root, NULL);
        jw_end(w, '}');
    }
    if (plugins)
        jw_json(w, "plugins_input", plugins, NULL);
    return 0;
}
