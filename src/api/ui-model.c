/* ui-model - registered models for the page. */
#include <string.h>

#include "api/auth.h"
#include "api/ui.h"
#include "base/mem.h"
#include "registry/registry.h"

static void model_members(const struct store_model *m, struct jw *w)
{
    jw_text(w, "id", m->uuid);
    jw_text(w, "name", m->name);
    jw_text(w, "description", m->description);
    jw_time(w, "created_at", m->created_us);
    jw_time(w, "updated_at", m->updated_us);
    jw_number(w, "n_versions", m->n_versions);
    jw_text(w, "latest", m->latest);
}

int ui_models_list(struct req *r, struct dh_err *err)
{
    struct store_models list;
    struct jw *w = req_json(r);

    if (store_model_list(r->store, r->arena, &list, err) < 0)
        return -1;
    jw_begin(w, '{');
    jw_begin_in(w, "items", '[');
    for (size_t i = 0; i < list.n; i++) {
        jw_begin(w, '{');
        model_members(&list.items[i], w);
        jw_end(w, '}');
    }
    return ui_list_end(w, NULL, (int64_t)list.n);
}

static int write_version(struct req *r, const struct store_model_version *v, struct jw *w,
                         struct dh_err *err)
{
    struct store_run run = {0};
    struct store_artifact artifact;
    const char *metrics = NULL;

    if (v->run_id && (store_run_get(r->store, v->run_id, r->arena, &run, err) < 0 ||
                      store_metric_last(r->store, v->run_id, r->arena, &metrics, err) < 0))
        return -1;
    jw_begin(w, '{');
    jw_text(w, "id", v->uuid);
    jw_text(w, "version", v->version);
    jw_text(w, "description", v->description);
    jw_json(w, "aliases", v->aliases, "[]");
    jw_text(w, "stage", v->stage);
    jw_key(w, "approval");
    if (v->approval) {
        jw_begin(w, '{');
        jw_text(w, "state", v->approval);
        jw_text(w, "by", v->approval_who);
        jw_text(w, "why", v->approval_why);
        jw_time(w, "at", v->approval_us);
        jw_end(w, '}');
    } else {
        jw_raw(w, NULL);
    }
    jw_key(w, "artifact");
    if (v->artifact_uuid) {
        if (store_artifact_find(r->store, v->artifact_uuid, r->arena, &artifact, err) < 0)
            return -1;
        jw_begin(w, '{');
        ui_artifact_members(&artifact, w);
        jw_end(w, '}');
    } else {
        jw_raw(w, NULL);
    }
    jw_text(w, "run_id", v->run_uuid);
    jw_text(w, "run_name", run.display_name);
    jw_text(w, "task_id", v->task_uuid);
    jw_json(w, "metadata", v->metadata, "{}");
    jw_json(w, "metrics", metrics, "{}");
    jw_time(w, "created_at", v->created_us);
    jw_end(w, '}');
    return 0;
}

int ui_models_get(struct req *r, struct dh_err *err)
{
    struct store_model_versions versions;
    struct store_models list;
    const struct store_model *model = NULL;
    struct jw *w = req_json(r);

    if (store_model_list(r->store, r->arena, &list, err) < 0)
        return -1;
    for (size_t i = 0; i < list.n; i++)
        if (!strcmp(list.items[i].name, r->param[0]))
            model = &list.items[i];
    if (!model)
        return dh_fail(err, DH_NOT_FOUND, "there is no model '%s'", r->param[0]);
    if (store_model_versions(r->store, model->name, r->arena, &versions, err) < 0)
        return -1;
    jw_begin(w, '{');
    model_members(model, w);
    jw_begin_in(w, "versions", '[');
    for (size_t i = 0; i < versions.n; i++)
        if (write_version(r, &versions.items[i], w, err) < 0)
            return -1;
    jw_end(w, ']');
    jw_end(w, '}');
    return 0;
}

int ui_models_set_alias(struct req *r, struct dh_err *err)
{
    const struct registry_actor who = {.who = r->user ? r->user->name : NULL};
    const char *version;

    if (req_only(r, r->json, "version", "alias", err) < 0 ||
        req_text(r, r->json, "version", &version, err) < 0)
        return -1;
    if (!version)
        return dh_fail(err, DH_INVALID, "version: which one is it to point to?");
    switch (registry_alias(r->store, r->param[0], r->param[1], version, &who, false, err)) {
    case 0:
        return req_empty(r);
    case REGISTRY_HELD: /* the model's rule */
        return req_fail(r, err, GRPC_FAILED_PRECONDITION, "%s", arena_strdup(r->arena, err->msg));
    default:
        return -1;
    }
}

int ui_models_drop_alias(struct req *r, struct dh_err *err)
{
    const struct registry_actor who = {.who = r->user ? r->user->name : NULL};

    return registry_alias(r->store, r->param[0], r->param[1], NULL, &who, false, err) != 0
               ? -1
               : req_empty(r);
}
