#include "api/pipelines.h"

#include <string.h>

#include "api/access.h"
#include "api/fetch.h"
#include "api/listing.h"
#include "api/utf8.h"
#include "base/digest.h"
#include "base/mem.h"
#include "spec/spec.h"

enum { MAX_PIPELINE_NAME = 128, MAX_VERSION_NAME = 127, MAX_TAGS = 20, MAX_TAG = 63 };

#define PIPELINE_FIELDS "pipeline_id display_name name description created_at namespace error tags"
#define VERSION_FIELDS                                                                             \
    "pipeline_id pipeline_version_id display_name name description created_at package_url "        \
    "code_source_url pipeline_spec error tags"

/* ---- writing ---- */

static int write_tags(struct req *r, const char *kind, int64_t id, struct jw *w, struct dh_err *err)
{
    own(js_free) struct js *tags = NULL;
    own_mem char *text = NULL;

    if (catalog_tags_get(r->store, kind, id, &tags, err) < 0)
        return -1;
    if (tags) {
        text = js_dump(tags, JS_COMPACT);
        jw_json(w, "tags", text, NULL);
    }
    return 0;
}

int pipeline_write(struct req *r, int64_t id, struct jw *w, struct dh_err *err)
{
    struct catalog_pipeline p;

    if (catalog_pipeline_get(r->store, id, r->arena, &p, err) < 0)
        return -1;
    jw_begin(w, '{');
    jw_text(w, "pipeline_id", p.uuid);
    jw_text(w, "display_name", p.display_name ? p.display_name : p.name);
    jw_text(w, "name", p.name);
    jw_opt(w, "description", p.description);
    jw_seconds(w, "created_at", p.created_us);
    jw_opt(w, "namespace", p.namespace);
    if (write_tags(r, "pipeline", id, w, err) < 0)
        return -1;
    jw_end(w, '}');
    return 0;
}

int version_write(struct req *r, int64_t id, struct jw *w, struct dh_err *err)
{
    struct catalog_version v;
    const char *spec;

    if (catalog_version_get(r->store, id, r->arena, &v, err) < 0 ||
        store_spec_get(r->store, v.spec_digest, r->arena, &spec, err) < 0)
        return -1;
    jw_begin(w, '{');
    jw_text(w, "pipeline_id", v.pipeline_uuid);
    jw_text(w, "pipeline_version_id", v.uuid);
    jw_text(w, "display_name", v.display_name ? v.display_name : v.name);
    jw_text(w, "name", v.name);
    jw_opt(w, "description", v.description);
    jw_seconds(w, "created_at", v.created_us);
    if (v.package_url && *v.package_url) {
        jw_begin_in(w, "package_url", '{');
        jw_text(w, "pipeline_url", v.package_url);
        jw_end(w, '}');
    }
    jw_opt(w, "code_source_url", v.code_source_url);
    jw_json(w, "pipeline_spec", spec, "{}");
    if (write_tags(r, "version", id, w, err) < 0)
        return -1;
    jw_end(w, '}');
    return 0;
}

/* ---- finding ---- */

int pipeline_find(struct req *r, const char *uuid, struct catalog_pipeline *ret, struct dh_err *err)
{
    int64_t id;
    int rc = catalog_pipeline_id(r->store, uuid, &id, err);

    if (rc == 0)
        rc = catalog_pipeline_get(r->store, id, r->arena, ret, err);
    return access_found(r, rc, "Pipeline", uuid, &ret->namespace, err);
}

int version_find(struct req *r, int64_t pipeline_id, const char *uuid, bool hidden,
                 struct catalog_version *ret, struct dh_err *err)
{
    struct catalog_pipeline p;
    int64_t id;
    int rc = catalog_version_id(r->store, pipeline_id, uuid, hidden, &id, err);

    if (rc == 0)
        rc = catalog_version_get(r->store, id, r->arena, ret, err);
    if (rc == 0)
        rc = catalog_pipeline_get(r->store, ret->pipeline_id, r->arena, &p, err);
    return access_found(r, rc, "PipelineVersion", uuid, &p.namespace, err);
}

/* ---- making ---- */

int spec_keep(struct req *r, const struct spec *spec, const char **ret_digest, struct dh_err *err)
{
    own(js_free) struct js *json = spec_to_json(spec);
    own_mem char *text = js_dump(json, JS_COMPACT);
    char *digest = arena_alloc(r->arena, DIGEST_TEXT);

    *ret_digest = digest_bytes(text, strlen(text), digest);
    return store_spec_put(r->store, digest, text, err);
}

int pipeline_check_tags(struct req *r, const struct js *tags, struct dh_err *err)
{
    if (tags && !js_is(tags, JS_OBJECT))
        return req_fail(r, err, GRPC_INVALID_ARGUMENT, "tags: expected an object of texts");
    if (js_n(tags) > MAX_TAGS)
        return req_fail(r, err, GRPC_INVALID_ARGUMENT,
                        "number of tags (%zu) exceeds maximum of %d per entity", js_n(tags),
                        MAX_TAGS);
    for (js_each(tags, it)) {
        const char *value = js_text(it.value);

        if (!value)
            return req_fail(r, err, GRPC_INVALID_ARGUMENT, "tag '%s': expected a text", it.key);
        if (!*it.key)
            return req_fail(r, err, GRPC_INVALID_ARGUMENT, "tag key cannot be empty");
        if (strchr(it.key, '.'))
            return req_fail(r, err, GRPC_INVALID_ARGUMENT,
                            "tag key \"%s\" must not contain '.' character", it.key);
        if (utf8_length(it.key) > MAX_TAG)
            return req_fail(r, err, GRPC_INVALID_ARGUMENT,
                            "tag key \"%s\" exceeds maximum length of %d characters", it.key,
                            MAX_TAG);
        if (utf8_length(value) > MAX_TAG)
            return req_fail(r, err, GRPC_INVALID_ARGUMENT,
                            "tag value \"%s\" for key \"%s\" exceeds maximum length of %d "
                            "characters",
                            value, it.key, MAX_TAG);
    }
    return 0;
}

static int check_name(struct req *r, const char *name, const char *what, size_t max,
                      struct dh_err *err)
{
    if (!name || !*name)
        return req_fail(r, err, GRPC_INVALID_ARGUMENT, "name is required");
    if (strlen(name) > max)
        return req_fail(r, err, GRPC_INVALID_ARGUMENT, "%s.Name length cannot exceed %zu", what,
                        max);
    return 0;
}

static const char *first(const char *a, const char *b)
{
    return a && *a ? a : b;
}

int pipeline_add(struct req *r, const struct pipeline_new *given, int64_t *ret_id,
                 struct dh_err *err)
{
    const char *name = first(given->name, given->display_name);
    const struct catalog_pipeline p = {.name = name,
                                       .display_name = first(given->display_name, name),
                                       .description = given->description,
                                       .namespace = given->namespace};

    if (check_name(r, name, "Pipeline", MAX_PIPELINE_NAME, err) < 0 ||
        check_name(r, p.display_name, "Pipeline", MAX_PIPELINE_NAME, err) < 0 ||
        pipeline_check_tags(r, given->tags, err) < 0)
        return -1;
    if (catalog_pipeline_add(r->store, &p, ret_id, err) < 0) {
        if (err->code == DH_EXISTS)
            return req_fail(r, err, GRPC_ALREADY_EXISTS,
                            "Failed to create a new pipeline. The name %s already exist. Please "
                            "specify a new name",
                            name);
        return -1;
    }
    return catalog_tags_set(r->store, "pipeline", *ret_id, given->tags, err);
}

int version_add(struct req *r, int64_t pipeline_id, const struct pipeline_new *given,
                const struct spec *spec, int64_t *ret_id, struct dh_err *err)
{
    const char *name = first(given->name, given->display_name);
    struct catalog_version v = {.pipeline_id = pipeline_id,
                                .name = name,
                                .display_name = first(given->display_name, name),
                                .description = given->description,
                                .code_source_url = given->code_source_url,
                                .package_url = given->package_url};

    if (check_name(r, name, "PipelineVersion", MAX_VERSION_NAME, err) < 0 ||
        pipeline_check_tags(r, given->tags, err) < 0 || spec_keep(r, spec, &v.spec_digest, err) < 0)
        return -1;
    if (catalog_version_add(r->store, &v, ret_id, err) < 0) {
        if (err->code == DH_EXISTS)
            return req_fail(r, err, GRPC_ALREADY_EXISTS,
                            "Failed to create a new pipeline version. The name %s already exist. "
                            "Specify a new name",
                            name);
        return -1;
    }
    return catalog_tags_set(r->store, "version", *ret_id, given->tags, err);
}

/* ---- pipelines ---- */

int pipelines_list(struct req *r, struct dh_err *err)
{
    struct listing l;

    if (listing_read(r, PAGE_PIPELINES, &l, err) < 0 || access_list(r, &l, err) < 0)
        return -1;
    return listing_answer(r, &l, "pipelines", pipeline_write, err);
}

static int read_new(struct req *r, const struct js *from, struct pipeline_new *ret,
                    struct dh_err *err)
{
    const struct js *url = req_member(from, "package_url");

    *ret = (struct pipeline_new){.tags = req_member(from, "tags")};
    return req_text(r, from, "name", &ret->name, err) < 0 ||
                   req_text(r, from, "display_name", &ret->display_name, err) < 0 ||
                   req_text(r, from, "description", &ret->description, err) < 0 ||
                   req_text(r, from, "code_source_url", &ret->code_source_url, err) < 0 ||
                   req_only(r, url, "pipeline_url", "package_url", err) < 0 ||
                   req_text(r, url, "pipeline_url", &ret->package_url, err) < 0
               ? -1
               : 0;
}

int pipelines_create(struct req *r, struct dh_err *err)
{
    struct pipeline_new given;
    int64_t id;

    if (req_only(r, r->json, PIPELINE_FIELDS, "pipeline", err) < 0 ||
        read_new(r, r->json, &given, err) < 0 ||
        access_namespace(r, r->json, &given.namespace, err) < 0 ||
        pipeline_add(r, &given, &id, err) < 0)
        return -1;
    return pipeline_write(r, id, req_json(r), err);
}

int pipelines_create_with_version(struct req *r, struct dh_err *err)
{
    const struct js *pipeline = req_member(r->json, "pipeline"),
                    *version = req_member(r->json, "pipeline_version");
    own(spec_free) struct spec *spec = NULL;
    struct pipeline_new given, first_version;
    int64_t id, version_id;

    if (req_only(r, r->json, "pipeline pipeline_version", "request", err) < 0 ||
        req_only(r, pipeline, PIPELINE_FIELDS, "pipeline", err) < 0 ||
        req_only(r, version, VERSION_FIELDS, "pipeline_version", err) < 0 ||
        read_new(r, pipeline, &given, err) < 0 || read_new(r, version, &first_version, err) < 0 ||
        access_namespace(r, pipeline, &given.namespace, err) < 0)
        return -1;
    if (!pipeline || !version)
        return req_fail(r, err, GRPC_INVALID_ARGUMENT,
                        "both a pipeline and its pipeline_version are needed");
    if (fetch_spec(r, first_version.package_url, &spec, err) < 0)
        return -1;
    first_version.name = first(first_version.name, first(given.name, given.display_name));
    first_version.display_name = first(first_version.display_name, given.display_name);
    if (store_begin(r->store, err) < 0)
        return -1;
    if (pipeline_add(r, &given, &id, err) < 0 ||
        version_add(r, id, &first_version, spec, &version_id, err) < 0) {
        store_rollback(r->store);
        return -1;
    }
    if (store_commit(r->store, err) < 0)
        return -1;
    return pipeline_write(r, id, req_json(r), err);
}

int pipelines_named(struct req *r, struct dh_err *err)
{
    const char *namespace;
    int64_t id;

    if (access_new(r, req_arg(r, "namespace"), &namespace, err) < 0 ||
        access_found(r, catalog_pipeline_named(r->store, r->param[0], namespace, &id, err),
                     "Namespace/Pipeline",
                     arena_printf(r->arena, "%s/%s", namespace ? namespace : "", r->param[0]),
                     &namespace, err) < 0)
        return -1;
    return pipeline_write(r, id, req_json(r), err);
}

int pipelines_get(struct req *r, struct dh_err *err)
{
    struct catalog_pipeline p;

    if (pipeline_find(r, r->param[0], &p, err) < 0)
        return -1;
    return pipeline_write(r, p.id, req_json(r), err);
}

/* display_name and tags alone can be changed; absent keeps, {} clears. */
static int patch(struct req *r, const char *kind, const char *what, int64_t id,
                 int rename(struct store *, int64_t, const char *, struct dh_err *), size_t max,
                 struct dh_err *err)
{
    const struct js *tags = req_member(r->json, "tags");
    const char *display_name;

    if (req_text(r, r->json, "display_name", &display_name, err) < 0 ||
        pipeline_check_tags(r, tags, err) < 0)
        return -1;
    if (display_name && !*display_name) /* as not given: proto3 does not tell them apart */
        display_name = NULL;
    if (display_name && check_name(r, display_name, what, max, err) < 0)
        return -1;
    if (store_begin(r->store, err) < 0)
        return -1;
    if ((display_name && rename(r->store, id, display_name, err) < 0) ||
        (tags && catalog_tags_set(r->store, kind, id, tags, err) < 0)) {
        store_rollback(r->store);
        return -1;
    }
    return store_commit(r->store, err);
}

int pipelines_patch(struct req *r, struct dh_err *err)
{
    struct catalog_pipeline p;

    if (req_only(r, r->json, PIPELINE_FIELDS, "pipeline", err) < 0 ||
        pipeline_find(r, r->param[0], &p, err) < 0 ||
        patch(r, "pipeline", "Pipeline", p.id, catalog_pipeline_rename, MAX_PIPELINE_NAME, err) < 0)
        return -1;
    return pipeline_write(r, p.id, req_json(r), err);
}

int pipelines_delete(struct req *r, struct dh_err *err)
{
    struct catalog_pipeline p;
    struct catalog_version v;
    int64_t version;
    int rc;

    if (pipeline_find(r, r->param[0], &p, err) < 0)
        return -1;
    rc = catalog_version_newest(r->store, p.id, &version, err);
    if (rc < 0)
        return -1;
    if (rc == 0 && !req_arg_true(r, "cascade")) {
        if (catalog_version_get(r->store, version, r->arena, &v, err) < 0)
            return -1;
        return req_fail(r, err, GRPC_INVALID_ARGUMENT,
                        "Failed to delete pipeline with id %s as it has existing pipeline versions "
                        "(e.g. %s). Set cascade=true to delete all versions",
                        p.uuid, v.uuid);
    }
    return catalog_pipeline_delete(r->store, p.id, err) < 0 ? -1 : req_empty(r);
}

/* ---- versions ---- */

int versions_list(struct req *r, struct dh_err *err)
{
    struct catalog_pipeline p;
    struct listing l;

    if (pipeline_find(r, r->param[0], &p, err) < 0 || listing_read(r, PAGE_VERSIONS, &l, err) < 0)
        return -1;
    listing_where(r, &l, "pipeline_id", p.uuid, 0);
    return listing_answer(r, &l, "pipeline_versions", version_write, err);
}

int versions_create(struct req *r, struct dh_err *err)
{
    own(spec_free) struct spec *spec = NULL;
    struct catalog_pipeline p;
    struct pipeline_new given;
    int64_t id;

    if (req_only(r, r->json, VERSION_FIELDS, "pipeline_version", err) < 0 ||
        pipeline_find(r, r->param[0], &p, err) < 0 || read_new(r, r->json, &given, err) < 0 ||
        fetch_spec(r, given.package_url, &spec, err) < 0 ||
        version_add(r, p.id, &given, spec, &id, err) < 0)
        return -1;
    return version_write(r, id, req_json(r), err);
}

static int version_of_path(struct req *r, struct catalog_version *ret, struct dh_err *err)
{
    struct catalog_pipeline p;

    return pipeline_find(r, r->param[0], &p, err) < 0
               ? -1
               : version_find(r, p.id, r->param[1], false, ret, err);
}

int versions_get(struct req *r, struct dh_err *err)
{
    struct catalog_version v;

    if (version_of_path(r, &v, err) < 0)
        return -1;
    return version_write(r, v.id, req_json(r), err);
}

int versions_patch(struct req *r, struct dh_err *err)
{
    struct catalog_version v;

    if (req_only(r, r->json, VERSION_FIELDS, "pipeline_version", err) < 0 ||
        version_of_path(r, &v, err) < 0 ||
        patch(r, "version", "PipelineVersion", v.id, catalog_version_rename, MAX_VERSION_NAME,
              err) < 0)
        return -1;
    return version_write(r, v.id, req_json(r), err);
}

int versions_delete(struct req *r, struct dh_err *err)
{
    struct catalog_version v;

    if (version_of_path(r, &v, err) < 0 || catalog_version_delete(r->store, v.id, err) < 0)
        return -1;
    return req_empty(r);
}
