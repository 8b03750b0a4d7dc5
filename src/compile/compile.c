/* compile - the whole spec around what lower.c makes; the ways in. */
#include "compile/compile.h"

#include <string.h>

#include "base/mem.h"
#include "compile/draft-read.h"

void compiled_done(struct compiled *c)
{
    js_free(c->pipeline);
    js_free(c->platform);
    *c = (struct compiled){0};
}

static struct js *platform_spec(const struct lowered *from)
{
    struct js *spec, *platforms, *kubernetes, *deployment;

    if (!js_n(from->platform) && !js_n(from->config))
        return NULL;
    spec = js_object();
    platforms = js_object();
    kubernetes = js_object();
    js_set(spec, "platforms", platforms);
    js_set(platforms, "kubernetes", kubernetes);
    if (js_n(from->platform)) {
        deployment = js_object();
        js_set(deployment, "executors", js_ref(from->platform));
        js_set(kubernetes, "deploymentSpec", deployment);
    }
    if (js_n(from->config))
        js_set(kubernetes, "pipelineConfig", js_ref(from->config));
    return spec;
}

static struct js *pipeline_spec(const struct lowered *from, const struct draft_component *c,
                                struct js *root)
{
    struct js *spec = js_object(), *info = js_object(), *deployment = js_object();

    if (*c->help)
        js_set(info, "description", js_str(c->help));
    if (c->pipeline->display_name)
        js_set(info, "displayName", js_str(c->pipeline->display_name));
    js_set(info, "name", js_str(c->name));
    js_set(deployment, "executors", js_ref(from->executors));
    js_set(spec, "components", js_ref(from->components));
    if (c->pipeline->pipeline_root)
        js_set(spec, "defaultPipelineRoot", js_str(c->pipeline->pipeline_root));
    js_set(spec, "deploymentSpec", deployment);
    js_set(spec, "pipelineInfo", info);
    js_set(spec, "root", root);
    js_set(spec, "schemaVersion", js_str("2.1.0"));
    js_set(spec, "sdkVersion", js_str("dhow"));
    return spec;
}

static int lower(struct draft *d, struct compiled *ret, struct dh_err *err)
{
    struct lowered to = {.arena = d->arena};
    struct js *root;

    to.components = draft_keep(d->arena, js_object());
    to.executors = draft_keep(d->arena, js_object());
    to.platform = draft_keep(d->arena, js_object());
    if (strcmp(d->main->name, lower_k8s_name(d->arena, d->main->name)) != 0 || !*d->main->name ||
        strlen(d->main->name) > 128)
        return draft_fail(err, d->main->at,
                          "the pipeline's name '%s' has to be lower-case letters, digits and '-'",
                          d->main->name);
    if (lower_pipeline(&to, d->main->pipeline, &root, err) < 0)
        return -1;
    ret->pipeline = pipeline_spec(&to, d->main, root);
    ret->platform = platform_spec(&to);
    return 0;
}

int compile_short(const char *name, const char *yaml, size_t n, const char *folder,
                  struct compiled *ret, struct dh_err *err)
{
    own(arena_free) struct arena *arena = arena_new();
    struct draft d = {.arena = arena};

    if (draft_read_short(&d, name, yaml, n, folder, err) < 0)
        return -1;
    return lower(&d, ret, err);
}

int compile_record(const char *name, const char *lines, size_t n, const char *folder,
                   struct compiled *ret, struct dh_err *err)
{
    own(arena_free) struct arena *arena = arena_new();
    struct draft d = {.arena = arena};

    if (draft_read(&d, name, lines, n, folder, err) < 0)
        return -1;
    return lower(&d, ret, err);
}
