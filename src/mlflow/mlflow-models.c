/* mlflow-models - the registry's calls. */
#include <string.h>

#include "base/mem.h"
#include "mlflow/mlflow-priv.h"

static struct registry_actor actor(const struct mlflow *m)
{
    return (struct registry_actor){.who = m->request->user};
}

/* ---- as MLflow has them ---- */

/* MLflow's own words for stages; others stay as they are. */
static struct js *version_js(struct mlflow *m, const struct store_model_version *v)
{
    struct js *to = js_object();
    own(js_free) struct js *aliases = NULL;
    const char *tags = NULL;
    struct dh_err ignored;

    mlflow_text(to, "name", v->model);
    mlflow_text(to, "version", v->version);
    mlflow_ms(to, "creation_timestamp", v->created_us);
    mlflow_ms(to, "last_updated_timestamp", v->updated_us);
    js_set(to, "current_stage", js_str(v->stage ? v->stage : "None"));
    mlflow_text(to, "description", v->description);
    mlflow_text(to, "source", mlflow_shown_uri(m, v->uri));
    mlflow_text(to, "run_id", v->run_uuid);
    js_set(to, "status", js_str("READY"));
    if (v->aliases && js_parse(v->aliases, strlen(v->aliases), &aliases, NULL) == 0)
        js_set(to, "aliases", take(&aliases));
    (void)store_tags(m->store, STORE_TAG_MODEL_VERSION, v->id, m->a, &tags, &ignored);
    js_set(to, "tags", mlflow_pairs(tags));
    return to;
}

/* Of each stage the newest version. */
static struct js *latest_js(struct mlflow *m, const struct store_model_versions *all,
                            const struct js *stages)
{
    struct js *list = js_array(), *seen = js_object();

    for (size_t i = 0; i < all->n; i++) {
        const char *stage = all->items[i].stage ? all->items[i].stage : "None";
        bool wanted = js_n(stages) == 0;

        for (size_t k = 0; k < js_n(stages); k++)
            wanted |=
                !strcasecmp(js_text(js_at(stages, k)) ? js_text(js_at(stages, k)) : "", stage);
        if (!wanted || js_get(seen, stage))
            continue;
        js_set(seen, stage, js_bool(true));
        js_push(list, version_js(m, &all->items[i]));
    }
    js_free(seen);
    return list;
}

static int model_js(struct mlflow *m, const struct store_model *model, struct js **ret,
                    struct dh_err *err)
{
    struct store_model_versions all;
    struct js *to, *aliases;
    const char *tags;

    if (store_tags(m->store, STORE_TAG_MODEL, model->id, m->a, &tags, err) < 0 ||
        store_model_versions(m->store, model->name, m->a, &all, err) < 0)
        return -1;
    *ret = to = js_object();
    aliases = js_array();
    mlflow_text(to, "name", model->name);
    mlflow_ms(to, "creation_timestamp", model->created_us);
    mlflow_ms(to, "last_updated_timestamp", model->updated_us);
    mlflow_text(to, "description", model->description);
    js_set(to, "latest_versions", latest_js(m, &all, NULL));
    js_set(to, "tags", mlflow_pairs(tags));
    for (size_t i = 0; i < all.n; i++) {
        own(js_free) struct js *names = NULL;

        (void)js_parse(all.items[i].aliases, strlen(all.items[i].aliases), &names, NULL);
        for (size_t k = 0; k < js_n(names); k++) {
            struct js *one = js_object();

            js_set(one, "alias", js_ref(js_at(names, k)));
            js_set(one, "version", js_str(all.items[i].version));
            js_push(aliases, one);
        }
    }
    js_set(to, "aliases", aliases);
    return 0;
}

static int answer_model(struct mlflow *m, const char *name, struct dh_err *err)
{
    struct store_model model;
    struct js *v;

    if (store_model_get(m->store, name, m->a, &model, err) < 0)
        return dh_fail(err, err->code, "Registered Model with name=%s not found", name);
    if (model_js(m, &model, &v, err) < 0)
        return -1;
    js_set(m->out, "registered_model", v);
    return 0;
}

/* ---- models ---- */

static int put_tags(struct mlflow *m, enum store_tagged kind, int64_t id, struct dh_err *err)
{
    const struct js *tags = js_get(m->args, "tags");

    for (size_t i = 0; i < js_n(tags); i++) {
        const char *key = js_get_text(js_at(tags, i), "key");
        const char *value = js_get_text(js_at(tags, i), "value");

        if (key && store_tag_set(m->store, kind, id, key, value ? value : "", err) < 0)
            return -1;
    }
    return 0;
}

int mlflow_model_create(struct mlflow *m, struct dh_err *err)
{
    struct store_model model;
    const char *name;

    if (mlflow_need(m, "name", &name, err) < 0 ||
        store_model_create(m->store, name, mlflow_arg(m, "description"), err) < 0 ||
        store_model_get(m->store, name, m->a, &model, err) < 0 ||
        put_tags(m, STORE_TAG_MODEL, model.id, err) < 0)
        return -1;
    return answer_model(m, name, err);
}

int mlflow_model_get(struct mlflow *m, struct dh_err *err)
{
    const char *name;

    return mlflow_need(m, "name", &name, err) < 0 ? -1 : answer_model(m, name, err);
}

int mlflow_model_rename(struct mlflow *m, struct dh_err *err)
{
    const char *name, *to;

    if (mlflow_need(m, "name", &name, err) < 0 || mlflow_need(m, "new_name", &to, err) < 0 ||
        store_model_rename(m->store, name, to, err) < 0)
        return -1;
    return answer_model(m, to, err);
}

int mlflow_model_update(struct mlflow *m, struct dh_err *err)
{
    const char *name;

    if (mlflow_need(m, "name", &name, err) < 0 ||
        store_model_set_description(m->store, name, js_get_text(m->args, "description"), err) < 0)
        return -1;
    return answer_model(m, name, err);
}

/* As in MLflow: with its versions, also those that have an alias. */
int mlflow_model_delete(struct mlflow *m, struct dh_err *err)
{
    const struct registry_actor who = actor(m);
    const char *name;

    if (mlflow_need(m, "name", &name, err) < 0)
        return -1;
    return registry_delete(m->store, name, NULL, &who, true, err);
}

static int write_model(struct mlflow *m, const void *thing, struct js **ret, struct dh_err *err)
{
    return model_js(m, thing, ret, err);
}

int mlflow_model_search(struct mlflow *m, struct dh_err *err)
{
    struct mlflow_search search;
    struct store_models all;

    if (mlflow_search_begin(m, &search, err) < 0 || store_model_list(m->store, m->a, &all, err) < 0)
        return -1;
    for (size_t i = 0; i < all.n; i++) {
        struct mlflow_facts facts = {.name = all.items[i].name,
                                     .created_ms = all.items[i].created_us / 1000,
                                     .updated_ms = all.items[i].updated_us / 1000};

        if (search.filter.needs_tags &&
            store_tags(m->store, STORE_TAG_MODEL, all.items[i].id, m->a, &facts.tags, err) < 0)
            return -1;
        mlflow_search_add(m, &search, &facts, &all.items[i]);
    }
    return mlflow_search_end(m, &search, "registered_models", write_model, err);
}

int mlflow_model_latest(struct mlflow *m, struct dh_err *err)
{
    struct store_model_versions all;
    const char *name;

    if (mlflow_need(m, "name", &name, err) < 0 ||
        store_model_versions(m->store, name, m->a, &all, err) < 0)
        return -1;
    js_set(m->out, "model_versions", latest_js(m, &all, js_get(m->args, "stages")));
    return 0;
}

static int tag_model(struct mlflow *m, bool remove, struct dh_err *err)
{
    struct store_model model;
    const char *name;

    if (mlflow_need(m, "name", &name, err) < 0 ||
        store_model_get(m->store, name, m->a, &model, err) < 0)
        return -1;
    return mlflow_set_tag(m, STORE_TAG_MODEL, model.id, remove, err);
}

int mlflow_model_set_tag(struct mlflow *m, struct dh_err *err)
{
    return tag_model(m, false, err);
}

int mlflow_model_delete_tag(struct mlflow *m, struct dh_err *err)
{
    return tag_model(m, true, err);
}

/* ---- versions ---- */

static int find_version(struct mlflow *m, struct store_model_version *ret, struct dh_err *err)
{
    const char *name, *version;

    if (mlflow_need(m, "name", &name, err) < 0 || mlflow_need(m, "version", &version, err) < 0)
        return -1;
    if (store_model_find(m->store, name, version, m->a, ret, err) == 0 &&
        !strcmp(ret->version, version)) /* an alias is no version here */
        return 0;
    return dh_fail(err, DH_NOT_FOUND, "Model Version (name=%s, version=%s) not found", name,
                   version);
}

static int answer_version(struct mlflow *m, const char *name, const char *version,
                          struct dh_err *err)
{
    struct store_model_version v;

    if (store_model_find(m->store, name, version, m->a, &v, err) < 0)
        return -1;
    js_set(m->out, "model_version", version_js(m, &v));
    return 0;
}

/* A version of what is on record: `source` is an artifact's uri, "models:/MODEL" or a path of the
 * proxy. */
static int find_source(struct mlflow *m, const char *source, struct store_artifact *ret,
                       struct dh_err *err)
{
    const char *at = strncmp(source, "file://", 7) ? source : source + 7;
    const char *path = strncmp(source, "mlflow-artifacts:/", 18) ? NULL : source + 18;
    const char *model = strncmp(source, "models:/", 8) ? NULL : source + 8;

    if (path)
        return mlflow_file_artifact(m, path, ret, err);
    if (model)
        return mlflow_logged_find(m, model, ret, err);
    if (store_artifact_find(m->store, source, m->a, ret, err) == 0 ||
        store_artifact_find(m->store, at, m->a, ret, err) == 0)
        return 0;
    return dh_fail(err, DH_INVALID,
                   "source %s is no artifact on record: dhow registers what a run of it has made",
                   source);
}

int mlflow_version_create(struct mlflow *m, struct dh_err *err)
{
    struct store_model_version v = {.description = mlflow_arg(m, "description")}, done;
    struct store_linkeds links;
    struct store_artifact artifact;
    struct store_task task;
    const char *source, *held;

    if (mlflow_need(m, "name", &v.model, err) < 0 || mlflow_need(m, "source", &source, err) < 0 ||
        find_source(m, source, &artifact, err) < 0 || mlflow_measure(m, &artifact, err) < 0 ||
        store_artifact_links(m->store, artifact.id, STORE_OUTPUT, m->a, &links, err) < 0)
        return -1;
    v.artifact_id = artifact.id;
    v.metadata = artifact.metadata;
    if (links.n) {
        if (store_task_get(m->store, links.items[0].link.task_id, m->a, &task, err) < 0)
            return -1;
        v.task_id = task.id;
        v.run_id = task.run_id;
    }
    if (registry_register(m->store, &v, NULL, 0, m->a, &done, &held, err) < 0 ||
        put_tags(m, STORE_TAG_MODEL_VERSION, done.id, err) < 0)
        return -1;
    return answer_version(m, done.model, done.version, err);
}

int mlflow_version_get(struct mlflow *m, struct dh_err *err)
{
    struct store_model_version v;

    if (find_version(m, &v, err) < 0)
        return -1;
    js_set(m->out, "model_version", version_js(m, &v));
    return 0;
}

int mlflow_version_update(struct mlflow *m, struct dh_err *err)
{
    struct store_model_version v;

    if (find_version(m, &v, err) < 0 ||
        store_model_version_set_description(m->store, v.id, js_get_text(m->args, "description"),
                                            err) < 0)
        return -1;
    return answer_version(m, v.model, v.version, err);
}

int mlflow_version_delete(struct mlflow *m, struct dh_err *err)
{
    const struct registry_actor who = actor(m);
    struct store_model_version v;

    if (find_version(m, &v, err) < 0)
        return -1;
    return registry_delete(m->store, v.model, v.version, &who, true, err);
}

static int add_versions(struct mlflow *m, const char *name, struct mlflow_search *search,
                        struct dh_err *err)
{
    struct store_model_versions all;

    if (store_model_versions(m->store, name, m->a, &all, err) < 0)
        return -1;
    for (size_t i = 0; i < all.n; i++) {
        const struct store_model_version *v = &all.items[i];
        struct mlflow_facts facts = {.name = v->model,
                                     .run_id = v->run_uuid,
                                     .source_path = mlflow_shown_uri(m, v->uri),
                                     .version = v->version,
                                     .created_ms = v->created_us / 1000,
                                     .updated_ms = v->updated_us / 1000};

        if (search->filter.needs_tags &&
            store_tags(m->store, STORE_TAG_MODEL_VERSION, v->id, m->a, &facts.tags, err) < 0)
            return -1;
        mlflow_search_add(m, search, &facts, v);
    }
    return 0;
}

static int write_version(struct mlflow *m, const void *thing, struct js **ret, struct dh_err *err)
{
    (void)err;
    *ret = version_js(m, thing);
    return 0;
}

int mlflow_version_search(struct mlflow *m, struct dh_err *err)
{
    struct mlflow_search search;
    struct store_models all;

    if (mlflow_search_begin(m, &search, err) < 0 || store_model_list(m->store, m->a, &all, err) < 0)
        return -1;
    for (size_t i = 0; i < all.n; i++)
        if (add_versions(m, all.items[i].name, &search, err) < 0)
            return -1;
    return mlflow_search_end(m, &search, "model_versions", write_version, err);
}

int mlflow_version_uri(struct mlflow *m, struct dh_err *err)
{
    struct store_model_version v;

    if (find_version(m, &v, err) < 0)
        return -1;
    mlflow_text(m->out, "artifact_uri", v.uri ? mlflow_shown_uri(m, v.uri) : "");
    return 0;
}

int mlflow_version_stage(struct mlflow *m, struct dh_err *err)
{
    const struct registry_actor who = actor(m);
    struct store_model_versions all;
    struct store_model_version v;
    const char *stage;

    if (find_version(m, &v, err) < 0 || mlflow_need(m, "stage", &stage, err) < 0)
        return -1;
    if (js_get_bool(m->args, "archive_existing_versions")) {
        if (store_model_versions(m->store, v.model, m->a, &all, err) < 0)
            return -1;
        for (size_t i = 0; i < all.n; i++)
            if (all.items[i].id != v.id && all.items[i].stage &&
                !strcmp(all.items[i].stage, stage) &&
                registry_stage(m->store, v.model, all.items[i].version, "Archived", &who, err) < 0)
                return -1;
    }
    if (registry_stage(m->store, v.model, v.version, strcmp(stage, "None") ? stage : NULL, &who,
                       err) < 0)
        return -1;
    return answer_version(m, v.model, v.version, err);
}

static int tag_version(struct mlflow *m, bool remove, struct dh_err *err)
{
    struct store_model_version v;

    return find_version(m, &v, err) < 0
               ? -1
               : mlflow_set_tag(m, STORE_TAG_MODEL_VERSION, v.id, remove, err);
}

int mlflow_version_set_tag(struct mlflow *m, struct dh_err *err)
{
    return tag_version(m, false, err);
}

int mlflow_version_delete_tag(struct mlflow *m, struct dh_err *err)
{
    return tag_version(m, true, err);
}

/* ---- aliases: the model's rules hold here as well ---- */

static int change_alias(struct mlflow *m, const char *version, struct dh_err *err)
{
    const struct registry_actor who = actor(m);
    const char *name, *alias;

    if (mlflow_need(m, "name", &name, err) < 0 || mlflow_need(m, "alias", &alias, err) < 0)
        return -1;
    return registry_alias(m->store, name, alias, version, &who, false, err) == 0 ? 0 : -1;
}

int mlflow_alias_set(struct mlflow *m, struct dh_err *err)
{
    const char *version;

    return mlflow_need(m, "version", &version, err) < 0 ? -1 : change_alias(m, version, err);
}

int mlflow_alias_delete(struct mlflow *m, struct dh_err *err)
{
    return change_alias(m, NULL, err);
}

int mlflow_alias_get(struct mlflow *m, struct dh_err *err)
{
    const char *name, *alias;

    if (mlflow_need(m, "name", &name, err) < 0 || mlflow_need(m, "alias", &alias, err) < 0)
        return -1;
    if (answer_version(m, name, alias, err) < 0)
        return dh_fail(err, err->code == DH_NOT_FOUND ? DH_INVALID : err->code,
                       "Registered model alias %s not found.", alias);
    return 0;
}
