#include "api/submit.h"

#include <string.h>

#include "api/queue.h"
#include "artifact/artifact.h"
#include "base/mem.h"

struct js *submit_request_json(const struct js *parameters, const char *pipeline_root,
                               const struct js *plugins_input)
{
    struct js *v = js_object();

    if (js_n(parameters))
        js_set(v, "parameters", js_ref(parameters));
    if (pipeline_root && *pipeline_root)
        js_set(v, "pipeline_root", js_str(pipeline_root));
    if (js_n(plugins_input))
        js_set(v, "plugins_input", js_ref(plugins_input));
    return v;
}

static int load_spec(struct api *api, const char *digest, struct spec **ret, struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    const char *json;

    if (store_spec_get(api->store, digest, a, &json, err) < 0)
        return -1;
    return spec_load_bytes("pipeline", json, strlen(json), ret, NULL, err);
}

/* A root in a cluster's object store means nothing here: then the run's files are below the home,
 * and the given root is kept for those who ask for the run. */
static const char *usable_root(const char *root)
{
    own_mem char *path = NULL;
    struct dh_err ignored;

    if (root &&
        (!strncmp(root, "s3://", 5) || !strncmp(root, "gs://", 5) || strstr(root, "endpoint=")))
        return root; /* a bucket that this machine can reach too */
    return root && (*root == '/' || !strncmp(root, "file:", 5)) &&
                   artifact_uri_local(root, &path, &ignored) == 0
               ? root
               : NULL;
}

/* Its author's own root, which there are keys for. */
static bool names_root(const struct spec *spec)
{
    const char *root = spec->pipeline.default_pipeline_root;

    return *root && artifact_uri_is_remote(root) && artifact_has_keys(root, NULL) == 0;
}

static const char *root_of(struct api *api, const struct submit *s, const struct spec *spec)
{
    const char *given = s->pipeline_root && *s->pipeline_root ? s->pipeline_root : NULL;

    if (api->options->cluster && given)
        return given; /* pods reach it, or the run is refused */
    given = usable_root(given);
    return given || names_root(spec) ? given : api->options->pipeline_root;
}

int submit_run(struct api *api, const struct submit *s, char ret_run_id[ID_TEXT],
               struct dh_err *err)
{
    own(spec_free) struct spec *loaded = NULL;
    own(js_free) struct js *request =
        submit_request_json(s->parameters, s->pipeline_root, s->plugins_input);
    own_mem char *request_text = NULL;
    struct engine_served served = {.run_id = s->run_id,
                                   .description = s->description,
                                   .namespace = s->namespace,
                                   .service_account = s->service_account,
                                   .scheduled_us = s->scheduled_us,
                                   .schedule_id = s->schedule_id,
                                   .experiment_id = s->experiment_id,
                                   .pipeline_id = s->pipeline_id,
                                   .pipeline_version_id = s->version_id};
    struct engine_request r = {.spec = s->spec,
                               .parameters = s->parameters,
                               .display_name = s->display_name,
                               .cluster = api->options->cluster,
                               .cache = s->cache,
                               .runtime = s->runtime,
                               .jobs = s->jobs,
                               .served = &served};

    if (!s->spec) {
        if (load_spec(api, s->spec_digest, &loaded, err) < 0)
            return -1;
        r.spec = loaded;
    }
    r.pipeline_root = root_of(api, s, r.spec);
    if (s->by_version)
        js_set(request, "by_version", js_bool(true));
    served.request = request_text = js_dump(request, JS_COMPACT);
    if (engine_submit(api->engine, &r, ret_run_id, err) < 0)
        return -1;
    queue_submitted(api->queue, ret_run_id);
    return 0;
}
