#include "api/experiments.h"

#include <string.h>

#include "api/access.h"
#include "api/listing.h"

enum { MAX_NAME = 128 };

static void write_experiment(struct jw *w, const struct catalog_experiment *e)
{
    jw_begin(w, '{');
    jw_text(w, "experiment_id", e->uuid);
    jw_text(w, "display_name", e->name);
    jw_opt(w, "description", e->description);
    jw_seconds(w, "created_at", e->created_us);
    jw_opt(w, "namespace", e->namespace);
    jw_text(w, "storage_state", e->archived ? "ARCHIVED" : "AVAILABLE");
    jw_seconds(w, "last_run_created_at", e->last_run_us);
    jw_end(w, '}');
}

int experiment_find(struct req *r, const char *uuid, struct catalog_experiment *ret,
                    struct dh_err *err)
{
    int64_t id;
    int rc = catalog_experiment_id(r->store, uuid, &id, err);

    if (rc == 0)
        rc = catalog_experiment_get(r->store, id, r->arena, ret, err);
    return access_found(r, rc, "Experiment", uuid, &ret->namespace, err);
}

int experiment_default(struct store *store, int64_t *ret_id, struct dh_err *err)
{
    return store_experiment_put(store, "Default", ret_id, err);
}

static int item(struct req *r, int64_t id, struct jw *w, struct dh_err *err)
{
    struct catalog_experiment e;

    if (catalog_experiment_get(r->store, id, r->arena, &e, err) < 0)
        return -1;
    write_experiment(w, &e);
    return 0;
}

int experiments_list(struct req *r, struct dh_err *err)
{
    struct listing l;

    if (listing_read(r, PAGE_EXPERIMENTS, &l, err) < 0 || access_list(r, &l, err) < 0)
        return -1;
    return listing_answer(r, &l, "experiments", item, err);
}

int experiment_narrow(struct req *r, struct listing *l, struct dh_err *err)
{
    const char *experiment = req_arg(r, "experiment_id");
    struct catalog_experiment e;

    if (!experiment)
        return access_list(r, l, err);
    if (experiment_find(r, experiment, &e, err) < 0)
        return -1;
    listing_where(r, l, "#experiment", NULL, e.id);
    return 0;
}

static int answer(struct req *r, int64_t id, struct dh_err *err)
{
    struct catalog_experiment e;

    if (catalog_experiment_get(r->store, id, r->arena, &e, err) < 0)
        return -1;
    write_experiment(req_json(r), &e);
    return 0;
}

int experiments_create(struct req *r, struct dh_err *err)
{
    struct catalog_experiment e = {0};
    int64_t id;

    if (req_only(r, r->json,
                 "experiment_id display_name description created_at namespace storage_state "
                 "last_run_created_at",
                 "experiment", err) < 0 ||
        req_text(r, r->json, "display_name", &e.name, err) < 0 ||
        req_text(r, r->json, "description", &e.description, err) < 0 ||
        access_namespace(r, r->json, &e.namespace, err) < 0)
        return -1;
    if (!e.name || !*e.name)
        return req_fail(r, err, GRPC_INVALID_ARGUMENT, "Experiment must have a non-empty name");
    if (strlen(e.name) > MAX_NAME)
        return req_fail(r, err, GRPC_INVALID_ARGUMENT, "Experiment.Name length cannot exceed %d",
                        MAX_NAME);
    if (catalog_experiment_add(r->store, &e, &id, err) < 0) {
        if (err->code == DH_EXISTS)
            return req_fail(r, err, GRPC_ALREADY_EXISTS,
                            "Failed to create a new experiment. The name %s already exists. "
                            "Please specify a new name",
                            e.name);
        return -1;
    }
    return answer(r, id, err);
}

int experiments_get(struct req *r, struct dh_err *err)
{
    struct catalog_experiment e;

    if (experiment_find(r, r->param[0], &e, err) < 0)
        return -1;
    write_experiment(req_json(r), &e);
    return 0;
}

int experiments_delete(struct req *r, struct dh_err *err)
{
    struct catalog_experiment e;
    int64_t id;

    if (experiment_find(r, r->param[0], &e, err) < 0 || experiment_default(r->store, &id, err) < 0)
        return -1;
    if (e.id == id)
        return req_fail(r, err, GRPC_ABORTED,
                        "Failed to delete experiment %s. The default experiment cannot be deleted",
                        e.uuid);
    return catalog_experiment_delete(r->store, e.id, err) < 0 ? -1 : req_empty(r);
}

static int set_archived(struct req *r, bool archived, struct dh_err *err)
{
    struct catalog_experiment e;

    if (experiment_find(r, r->param[0], &e, err) < 0 ||
        catalog_experiment_archive(r->store, e.id, archived, err) < 0)
        return -1;
    return req_empty(r);
}

int experiments_archive(struct req *r, struct dh_err *err)
{
    return set_archived(r, true, err);
}

int experiments_unarchive(struct req *r, struct dh_err *err)
{
    return set_archived(r, false, err);
}
