/* upload - multipart uploads of pipeline packages. What is not the file comes by the query. */
#include <string.h>

#include "api/access.h"
#include "api/pipelines.h"
#include "base/limits.h"
#include "spec/spec.h"

/* What KFP's server takes: by the name, or a zip or gzip by its first bytes. */
static bool is_package(const char *file, const unsigned char *bytes, size_t n)
{
    static const char *const ends[] = {".yaml", ".yml", ".json"};
    size_t n_file = strlen(file);

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (n_file >= strlen(ends[i]) && !strcmp(file + n_file - strlen(ends[i]), ends[i]))
            return true;
    return n > 2 && (!memcmp(bytes, "PK", 2) || !memcmp(bytes, "\x1f\x8b", 2));
}

static int read_package(struct req *r, struct spec **ret, const char **ret_file, struct dh_err *err)
{
    const char *boundary = uri_boundary(r->content_type, r->arena);
    struct uri_part part;

    if (!boundary)
        return dh_fail(err, DH_INVALID,
                       "expected multipart/form-data with the file as 'uploadfile'");
    if (uri_part(buf_str(&r->body), r->body.n, boundary, "uploadfile", r->arena, &part, err) < 0)
        return -1;
    if (part.n > LIMIT_UPLOAD_BYTES)
        return req_fail(r, err, GRPC_INVALID_ARGUMENT, "the file is larger than %zu MiB",
                        LIMIT_UPLOAD_BYTES >> 20);
    if (part.n == 0)
        return dh_fail(err, DH_INVALID, "the file is empty");
    *ret_file = part.file && *part.file ? part.file : "pipeline.yaml";
    if (!is_package(*ret_file, (const unsigned char *)part.bytes, part.n))
        return dh_fail(err, DH_INVALID,
                       "Unexpected pipeline file format. Support .zip, .tar.gz, .json or YAML");
    return spec_load_bytes(*ret_file, part.bytes, part.n, ret, NULL, err);
}

static int read_query(struct req *r, struct pipeline_new *ret, struct js **ret_tags,
                      struct dh_err *err)
{
    const char *tags = req_arg(r, "tags");

    *ret = (struct pipeline_new){.name = req_arg(r, "name"),
                                 .display_name = req_arg(r, "display_name"),
                                 .description = req_arg(r, "description"),
                                 .code_source_url = req_arg(r, "code_source_url")};
    if (tags && js_parse(tags, strlen(tags), ret_tags, err) < 0)
        return dh_while(err,
                        "Failed to parse tags query parameter. Expected JSON object with string "
                        "keys and values");
    ret->tags = *ret_tags;
    return 0;
}

int upload_pipeline(struct req *r, struct dh_err *err)
{
    own(spec_free) struct spec *spec = NULL;
    own(js_free) struct js *tags = NULL;
    struct pipeline_new given, version;
    const char *file;
    int64_t id, version_id;

    if (read_query(r, &given, &tags, err) < 0 ||
        access_new(r, req_arg(r, "namespace"), &given.namespace, err) < 0 ||
        read_package(r, &spec, &file, err) < 0)
        return -1;
    if (!given.name && !given.display_name)
        given.name = file;
    version = given; /* the first version has its pipeline's names */
    if (store_begin(r->store, err) < 0)
        return -1;
    if (pipeline_add(r, &given, &id, err) < 0 ||
        version_add(r, id, &version, spec, &version_id, err) < 0) {
        store_rollback(r->store);
        return -1;
    }
    if (store_commit(r->store, err) < 0)
        return -1;
    return pipeline_write(r, id, req_json(r), err);
}

int upload_version(struct req *r, struct dh_err *err)
{
    own(spec_free) struct spec *spec = NULL;
    own(js_free) struct js *tags = NULL;
    struct catalog_pipeline pipeline;
    struct pipeline_new given;
    const char *file, *id = req_arg(r, "pipelineid");
    int64_t version_id;

    if (!id)
        return dh_fail(err, DH_INVALID,
                       "Failed to create a pipeline version due to error reading pipeline id: "
                       "pipelineid is needed");
    if (read_query(r, &given, &tags, err) < 0 || read_package(r, &spec, &file, err) < 0)
        return -1;
    if (pipeline_find(r, id, &pipeline, err) < 0) {
        if (r->code == GRPC_NOT_FOUND)
            r->code = GRPC_INVALID_ARGUMENT; /* as KFP's server has it */
        return -1;
    }
    if (!given.name && !given.display_name)
        given.name = file;
    if (version_add(r, pipeline.id, &given, spec, &version_id, err) < 0)
        return -1;
    return version_write(r, version_id, req_json(r), err);
}
