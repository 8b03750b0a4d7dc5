#pragma once
/* pipelines - /apis/v2beta1/pipelines, their versions, and uploads. */
#include "api/req.h"
#include "store/catalog.h"

struct spec;

req_handler pipelines_list, pipelines_create, pipelines_create_with_version, pipelines_named;
req_handler pipelines_get, pipelines_patch, pipelines_delete;
req_handler versions_list, versions_create, versions_get, versions_patch, versions_delete;
req_handler upload_pipeline, upload_version;

int pipeline_find(struct req *r, const char *uuid, struct catalog_pipeline *ret,
                  struct dh_err *err);
/* Also one that was deleted, where runs refer to it (`hidden`). */
int version_find(struct req *r, int64_t pipeline_id, const char *uuid, bool hidden,
                 struct catalog_version *ret, struct dh_err *err);
int pipeline_write(struct req *r, int64_t id, struct jw *w, struct dh_err *err);
int version_write(struct req *r, int64_t id, struct jw *w, struct dh_err *err);

/* ---- for uploads and for creation by URL ---- */

struct pipeline_new { /* strings may be NULL */
    const char *name, *display_name, *description, *namespace, *code_source_url, *package_url;
    const struct js *tags;
};
/* Tags within KFP's limits. DH_INVALID. */
int pipeline_check_tags(struct req *r, const struct js *tags, struct dh_err *err);
int pipeline_add(struct req *r, const struct pipeline_new *given, int64_t *ret_id,
                 struct dh_err *err);
int version_add(struct req *r, int64_t pipeline_id, const struct pipeline_new *given,
                const struct spec *spec, int64_t *ret_id, struct dh_err *err);
/* A spec's text into the record, by its digest (in the request's arena). */
int spec_keep(struct req *r, const struct spec *spec, const char **ret_digest, struct dh_err *err);
