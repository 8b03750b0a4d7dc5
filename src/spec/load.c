/* From bytes to a spec: which form the source has, then the schema's reader, then the checks. */
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "spec/archive.h"
#include "spec/kubernetes.h"
#include "spec/schema.h"

/* The parts of a source, wherever they stand in it. */
struct parts {
    const struct doc_node *pipeline, *platform, *job;
    struct spec_path at_pipeline, at_platform; /* .name NULL: at the top */
};

static struct spec_pos pos_of(const struct doc_node *node)
{
    return (struct spec_pos){node->line, node->column};
}

static int one_only(struct spec_ctx *ctx, const struct doc_node **slot, const struct doc_node *node,
                    const char *what)
{
    if (*slot)
        return spec_error(ctx, pos_of(node), NULL,
                          "a second %s; the first is at line %u, and a file has one", what,
                          (*slot)->line);
    *slot = node;
    return 0;
}

static const char *text_of(const struct doc_node *map, const char *key)
{
    const struct doc_node *node = doc_get(map, key);

    return node && node->kind == DOC_STRING ? node->text : "";
}

/* kind: Pipeline names and describes; kind: PipelineVersion has the spec. */
static int sort_manifest(struct spec_ctx *ctx, const struct doc_node *doc, struct parts *parts)
{
    static const struct spec_path at_spec = {NULL, "spec", 0};
    const struct doc_node *spec = doc_get(doc, "spec"), *pipeline, *platform;

    if (strncmp(text_of(doc, "apiVersion"), "argoproj.io/", 12) == 0)
        return spec_error(
            ctx, pos_of(doc), NULL,
            "this is an Argo %.40s, as KFP 1 compiled them; dhow reads what the kfp 2 "
            "SDK compiles",
            text_of(doc, "kind"));
    if (strcmp(text_of(doc, "kind"), "Pipeline") == 0)
        return 0;
    if (strcmp(text_of(doc, "kind"), "PipelineVersion") != 0)
        return spec_error(ctx, pos_of(doc), NULL,
                          "kind '%.60s' is not a pipeline; expected Pipeline and PipelineVersion",
                          text_of(doc, "kind"));
    pipeline = spec ? schema_get(spec, "pipelineSpec", "pipeline_spec") : NULL;
    if (!pipeline)
        return spec_error(ctx, pos_of(doc), NULL, "the PipelineVersion has no spec.pipelineSpec");
    parts->at_pipeline = (struct spec_path){&at_spec, "pipelineSpec", 0};
    if (one_only(ctx, &parts->pipeline, pipeline, "pipeline spec") < 0)
        return -1;
    platform = schema_get(spec, "platformSpec", "platform_spec");
    if (!platform)
        return 0;
    parts->at_platform = (struct spec_path){&at_spec, "platformSpec", 0};
    return one_only(ctx, &parts->platform, platform, "platform spec");
}

/* PipelineJob, and the API's {"pipeline_spec", "platform_spec"}. */
static int sort_job(struct spec_ctx *ctx, const struct doc_node *doc, struct parts *parts)
{
    const struct doc_node *platform = schema_get(doc, "platformSpec", "platform_spec");

    parts->at_pipeline.name = "pipelineSpec";
    if (one_only(ctx, &parts->pipeline, schema_get(doc, "pipelineSpec", "pipeline_spec"),
                 "pipeline spec") < 0)
        return -1;
    parts->job = doc;
    if (!platform)
        return 0;
    parts->at_platform.name = "platformSpec";
    return one_only(ctx, &parts->platform, platform, "platform spec");
}

static int sort_document(struct spec_ctx *ctx, const struct doc_node *doc, struct parts *parts)
{
    char got[DOC_SAY];

    if (doc->kind == DOC_NULL)
        return 0;
    if (doc->kind != DOC_MAP)
        return spec_error(ctx, pos_of(doc), NULL, "expected a pipeline (a map), got %s",
                          doc_say(doc, got));
    if (doc_get(doc, "kind") && doc_get(doc, "apiVersion"))
        return sort_manifest(ctx, doc, parts);
    if (schema_get(doc, "pipelineSpec", "pipeline_spec"))
        return sort_job(ctx, doc, parts);
    if (schema_get(doc, "platforms", "platforms"))
        return one_only(ctx, &parts->platform, doc, "platform spec");
    return one_only(ctx, &parts->pipeline, doc, "pipeline spec");
}

static const struct spec_path *path_or_top(const struct spec_path *path)
{
    return path->name ? path : NULL;
}

static void read_parts(struct spec_ctx *ctx, const struct parts *parts, struct spec *spec)
{
    schema_read(ctx, path_or_top(&parts->at_pipeline), &schema_pipeline_spec, parts->pipeline,
                &spec->pipeline);
    spec->pipeline.root.name = "root";
    if (parts->platform)
        schema_read(ctx, path_or_top(&parts->at_platform), &schema_platform_spec, parts->platform,
                    &spec->platform);
    if (parts->job) {
        spec->job = arena_alloc(spec->arena, sizeof *spec->job);
        schema_read(ctx, NULL, &schema_pipeline_job, parts->job, spec->job);
    }
}

static int load_text(struct spec_ctx *ctx, struct spec *spec, const char *bytes, size_t n)
{
    own(arena_free) struct arena *nodes = arena_new();
    struct parts parts = {0};
    struct doc doc = {0};

    if (doc_read(nodes, ctx->arena, ctx->source, bytes, n, &doc, ctx->err) < 0)
        return -1;
    for (size_t i = 0; i < doc.n; i++)
        if (sort_document(ctx, &doc.documents[i], &parts) < 0)
            return -1;
    if (!parts.pipeline)
        return spec_error(ctx, (struct spec_pos){0}, NULL,
                          parts.platform ? "has a platform spec but no pipeline spec"
                                         : "is empty: there is no pipeline spec in it");
    read_parts(ctx, &parts, spec);
    if (ctx->n_errors == 0)
        spec_validate(ctx, path_or_top(&parts.at_pipeline), spec);
    return ctx->n_errors ? -1 : 0;
}

int spec_load_bytes(const char *name, const void *bytes, size_t n, struct spec **ret,
                    struct spec_notes *notes, struct dh_err *err)
{
    own(spec_free) struct spec *spec = NULL;
    struct arena *arena = arena_new();
    own_mem char *unpacked = NULL;
    own_mem char *inner = NULL;
    struct spec_ctx ctx = {.arena = arena, .notes = notes, .err = err};

    spec = arena_alloc(arena, sizeof *spec);
    spec->arena = arena;
    digest_bytes(bytes, n, spec->digest);
    if (archive_is(bytes, n)) {
        if (archive_read(name, bytes, n, &unpacked, &n, &inner, err) < 0)
            return -1;
        bytes = unpacked;
        name = inner;
    }
    spec->source = arena_strdup(arena, name);
    ctx.source = spec->source;
    schema_init(&schema_pipeline_spec, &spec->pipeline);
    if (load_text(&ctx, spec, bytes, n) < 0)
        return -1;
    *ret = take(&spec);
    return 0;
}

int spec_load_file(const char *path, struct spec **ret, struct spec_notes *notes,
                   struct dh_err *err)
{
    own_mem char *bytes = NULL;
    size_t n = 0;

    if (fs_read(path, LIMIT_PIPELINE_BYTES, &bytes, &n, err) < 0)
        return -1;
    return spec_load_bytes(path, bytes, n, ret, notes, err);
}

struct spec *spec_free(struct spec *spec)
{
    if (spec)
        arena_free(spec->arena);
    return NULL;
}
