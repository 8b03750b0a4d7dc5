/* mlflow-logged - the models that a client's runs log: each is one artifact, a folder, of the type
 * system.Model, whose UUID is the model's id. What MLflow says of it beyond that is the member
 * "mlflow" of its metadata. */
#include <stdlib.h>
#include <string.h>

#include "artifact/artifact.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "mlflow/mlflow-priv.h"

#define PENDING "LOGGED_MODEL_PENDING"
#define READY "LOGGED_MODEL_READY"

struct logged {
    struct store_artifact row;
    struct store_run run;
    struct js *metadata; /* owned */
    struct js *said;     /* its member "mlflow" */
};

static void logged_done(struct logged *l)
{
    l->metadata = js_free(l->metadata);
}
#define own_logged __attribute__((cleanup(logged_done)))

static const char *dump(struct mlflow *m, const struct js *v)
{
    own_mem char *text = js_dump(v, JS_COMPACT);

    return arena_strdup(m->a, text);
}

/* >0: it is none. */
static int read_logged(struct mlflow *m, const struct store_artifact *row, struct logged *ret,
                       struct dh_err *err)
{
    struct store_linkeds links;
    struct store_task task;

    *ret = (struct logged){.row = *row};
    if (!row->metadata || row->state != STORE_LIVE ||
        js_parse(row->metadata, strlen(row->metadata), &ret->metadata, NULL) < 0 ||
        !js_is(ret->said = js_get(ret->metadata, "mlflow"), JS_OBJECT))
        return 1;
    if (store_artifact_links(m->store, row->id, STORE_OUTPUT, m->a, &links, err) < 0)
        return -1;
    if (!links.n)
        return 1;
    return store_task_get(m->store, links.items[0].link.task_id, m->a, &task, err) < 0 ||
                   store_run_get(m->store, task.run_id, m->a, &ret->run, err) < 0
               ? -1
               : 0;
}

int mlflow_logged_find(struct mlflow *m, const char *id, struct store_artifact *ret,
                       struct dh_err *err)
{
    own_logged struct logged l = {0};
    int rc = id_is_uuid(id) ? store_artifact_find(m->store, id, m->a, ret, err) : 1;

    if (rc == 0)
        rc = read_logged(m, ret, &l, err);
    if (rc == 0 || (rc < 0 && err->code != DH_NOT_FOUND))
        return rc;
    return dh_fail(err, DH_NOT_FOUND, "Logged model with ID '%s' not found.", id);
}

static int find(struct mlflow *m, const char *id, struct logged *ret, struct dh_err *err)
{
    struct store_artifact row;

    return mlflow_logged_find(m, id, &row, err) < 0 ? -1 : read_logged(m, &row, ret, err);
}

/* ---- as MLflow has it ---- */

static struct js *logged_js(struct mlflow *m, const struct logged *l)
{
    struct js *to = js_object(), *info = js_object(), *data = js_object();

    mlflow_text(info, "model_id", l->row.uuid);
    js_set(info, "experiment_id", js_strf("%lld", (long long)l->run.experiment_id));
    mlflow_text(info, "name", l->row.name);
    mlflow_ms(info, "creation_timestamp_ms", l->row.created_us);
    mlflow_ms(info, "last_updated_timestamp_ms", l->row.created_us);
    mlflow_text(info, "artifact_uri", mlflow_shown_uri(m, l->row.uri));
    mlflow_text(info, "status", js_get_text(l->said, "status"));
    mlflow_text(info, "model_type", js_get_text(l->said, "model_type"));
    mlflow_text(info, "source_run_id", l->run.uuid);
    js_set(info, "tags", mlflow_pairs(dump(m, js_get(l->said, "tags"))));
    js_set(data, "params", mlflow_pairs(dump(m, js_get(l->said, "params"))));
    js_set(to, "info", info);
    js_set(to, "data", data);
    return to;
}

static int answer(struct mlflow *m, const struct logged *l)
{
    js_set(m->out, "model", logged_js(m, l));
    return 0;
}

/* What `said` is now, and the model as the answer. */
static int keep(struct mlflow *m, const struct logged *l, struct dh_err *err)
{
    return store_artifact_set_metadata(m->store, l->row.id, dump(m, l->metadata), err) < 0
               ? -1
               : answer(m, l);
}

/* [{"key", "value"}] into a member. */
static void add_pairs(struct js *said, const char *member, const struct js *pairs)
{
    struct js *all = js_get(said, member);

    for (size_t i = 0; i < js_n(pairs); i++) {
        const char *key = js_get_text(js_at(pairs, i), "key");
        const char *value = js_get_text(js_at(pairs, i), "value");

        if (key)
            js_set(all, key, js_str(value ? value : ""));
    }
}

/* ---- calls ---- */

static int create(struct mlflow *m, struct dh_err *err)
{
    own(js_free) struct js *metadata = js_object();
    struct js *said = js_object();
    struct store_run run;
    const char *run_id;
    char uuid[ID_TEXT];
    int64_t id;
    struct store_artifact row = {.uuid = id_new(uuid),
                                 .type = "system.Model",
                                 .size_bytes = -1,
                                 .created_us = clock_now_us()};
    struct logged l;

    run_id = mlflow_arg(m, "source_run_id");
    if (!run_id)
        return dh_fail(err, DH_INVALID,
                       "a model is logged within a run here: mlflow.start_run() first");
    if (mlflow_own_run(m, run_id, &run, err) < 0)
        return -1;
    row.name = mlflow_arg(m, "name") ? mlflow_arg(m, "name") : "model";
    if (strlen(row.name) > MLFLOW_KEY_MOST)
        return dh_fail(err, DH_INVALID, "a model's name has %d bytes at most", MLFLOW_KEY_MOST);
    row.uri =
        arena_printf(m->a, "%s/" MLFLOW_FOLDER "/%s/models/%s", m->request->home, run.uuid, uuid);
    js_set(metadata, "mlflow", said);
    js_set(said, "status", js_str(PENDING));
    mlflow_text(said, "model_type", mlflow_arg(m, "model_type"));
    js_set(said, "params", js_object());
    js_set(said, "tags", js_object());
    add_pairs(said, "params", js_get(m->args, "params"));
    add_pairs(said, "tags", js_get(m->args, "tags"));
    row.metadata = dump(m, metadata);
    if (store_artifact_insert(m->store, &row, &id, err) < 0 ||
        mlflow_link_output(m->store, run.id, row.name, id, m->a, err) < 0)
        return -1;
    l = (struct logged){.row = row, .run = run, .metadata = metadata, .said = said};
    return answer(m, &l);
}

int mlflow_logged_create(struct mlflow *m, struct dh_err *err)
{
    return mlflow_within(m, create, err);
}

int mlflow_logged_get(struct mlflow *m, struct dh_err *err)
{
    own_logged struct logged l = {0};

    return find(m, m->param[0], &l, err) < 0 ? -1 : answer(m, &l);
}

/* It is complete: from now on it has a digest. Measured in no transaction: that may take long. */
int mlflow_logged_finalize(struct mlflow *m, struct dh_err *err)
{
    own_logged struct logged l = {0};
    const char *status;

    if (mlflow_need(m, "status", &status, err) < 0 || find(m, m->param[0], &l, err) < 0)
        return -1;
    if (!strcmp(status, READY)) {
        if (mlflow_measure(m, &l.row, err) < 0)
            return -1;
        (void)js_remove(l.said, "files");
    }
    js_set(l.said, "status", js_str(status));
    return keep(m, &l, err);
}

/* ---- its digest ---- */

/* Until it is complete its member "files" has what has come. */
int mlflow_logged_file(struct store *s, const struct store_artifact *model, const char *name,
                       const char *digest, int64_t size, struct dh_err *err)
{
    own(js_free) struct js *metadata = NULL;
    own_mem char *text = NULL;
    struct js *said, *files, *one;

    if (!model->metadata ||
        js_parse(model->metadata, strlen(model->metadata), &metadata, NULL) < 0 ||
        !js_is(said = js_get(metadata, "mlflow"), JS_OBJECT))
        return dh_fail(err, DH_NOT_FOUND, "%s is no model of a client's", model->uuid);
    files = js_get(said, "files");
    if (!files)
        js_set(said, "files", files = js_object());
    js_set(files, name, one = js_object());
    js_set(one, "sha256", js_str(digest));
    js_set(one, "size", js_int(size));
    text = js_dump(metadata, JS_COMPACT);
    return store_artifact_set_metadata(s, model->id, text, err);
}

/* The files of a model, or of a folder whose files are artifacts themselves, as they came. */
static size_t known_files(struct mlflow *m, const struct store_artifact *row,
                          const struct store_linkeds *outputs, const struct js *files,
                          struct artifact_piece **ret)
{
    struct artifact_piece *known =
        arena_alloc(m->a, (outputs->n + js_n(files) + 1) * sizeof *known);
    const char *folder = arena_printf(m->a, "%s/", row->uri);
    size_t n = 0;

    for (size_t i = 0; i < outputs->n; i++) {
        const struct store_artifact *file = &outputs->items[i].artifact;

        if (file->uri && file->digest && !strncmp(file->uri, folder, strlen(folder)))
            known[n++] = (struct artifact_piece){.name = file->uri + strlen(folder),
                                                 .size_bytes = file->size_bytes,
                                                 .sha256 = file->digest};
    }
    for (js_each(files, it))
        known[n++] = (struct artifact_piece){.name = it.key,
                                             .size_bytes = js_get_int(it.value, "size", -1),
                                             .sha256 = js_get_text(it.value, "sha256")};
    *ret = known;
    return n;
}

int mlflow_measure(struct mlflow *m, const struct store_artifact *row, struct dh_err *err)
{
    own(js_free) struct js *metadata = NULL;
    struct store_linkeds links, outputs = {0};
    struct artifact_piece *known;
    struct artifact_stat st;
    size_t n;

    if (row->digest || !row->uri)
        return 0;
    if (store_artifact_links(m->store, row->id, STORE_OUTPUT, m->a, &links, err) < 0 ||
        (links.n && store_artifacts_of_task(m->store, links.items[0].link.task_id, STORE_OUTPUT,
                                            m->a, &outputs, err) < 0))
        return -1;
    if (row->metadata)
        (void)js_parse(row->metadata, strlen(row->metadata), &metadata, NULL);
    n = known_files(m, row, &outputs, js_get(js_get(metadata, "mlflow"), "files"), &known);
    if (artifact_digest_known(row->uri, known, n, &st, err) < 0)
        return err->code == DH_NOT_FOUND ? 0 : -1; /* a model without files */
    return store_artifact_set_bytes(m->store, row->id, st.digest, st.size_bytes, err);
}

/* ---- tags and params ---- */

static int add_to(struct mlflow *m, const char *member, struct dh_err *err)
{
    own_logged struct logged l = {0};

    if (find(m, m->param[0], &l, err) < 0)
        return -1;
    add_pairs(l.said, member, js_get(m->args, member));
    return keep(m, &l, err);
}

int mlflow_logged_params(struct mlflow *m, struct dh_err *err)
{
    return add_to(m, "params", err);
}

int mlflow_logged_tags(struct mlflow *m, struct dh_err *err)
{
    return add_to(m, "tags", err);
}

int mlflow_logged_delete_tag(struct mlflow *m, struct dh_err *err)
{
    own_logged struct logged l = {0};

    if (find(m, m->param[0], &l, err) < 0)
        return -1;
    (void)js_remove(js_get(l.said, "tags"), m->param[1]);
    return keep(m, &l, err);
}

/* ---- search ---- */

static bool in_experiments(const struct mlflow *m, int64_t id)
{
    const struct js *ids = js_get(m->args, "experiment_ids");
    own_mem char *text = dh_printf("%lld", (long long)id);

    for (size_t i = 0; i < js_n(ids); i++)
        if (js_text(js_at(ids, i)) && !strcmp(js_text(js_at(ids, i)), text))
            return true;
    return false;
}

static int write_logged(struct mlflow *m, const void *thing, struct js **ret, struct dh_err *err)
{
    own_logged struct logged l = {0};

    if (read_logged(m, thing, &l, err) < 0)
        return -1;
    *ret = logged_js(m, &l);
    return 0;
}

static int add_logged(struct mlflow *m, const struct store_artifact *row,
                      struct mlflow_search *search, struct dh_err *err)
{
    own_logged struct logged l = {0};
    int rc = read_logged(m, row, &l, err);
    struct mlflow_facts facts = {.name = row->name,
                                 .created_ms = row->created_us / 1000,
                                 .updated_ms = row->created_us / 1000};

    if (rc != 0 || !in_experiments(m, l.run.experiment_id))
        return rc < 0 ? -1 : 0;
    facts.run_id = l.run.uuid;
    if (search->filter.needs_tags)
        facts.tags = dump(m, js_get(l.said, "tags"));
    mlflow_search_add(m, search, &facts, row);
    return 0;
}

/* Newest first, where no order is asked for. */
int mlflow_logged_search(struct mlflow *m, struct dh_err *err)
{
    const struct js *ids = js_get(m->args, "experiment_ids");
    const char *only = js_n(ids) == 1 ? js_text(js_at(ids, 0)) : NULL;
    struct store_artifact_filter f = {
        .type = "system.Model", .experiment_id = only ? strtoll(only, NULL, 10) : 0, .limit = 500};
    struct store_artifact_rows rows;
    struct mlflow_search search;

    if (mlflow_search_begin(m, &search, err) < 0)
        return -1;
    do {
        if (store_artifact_list(m->store, &f, m->a, &rows, err) < 0)
            return -1;
        for (size_t i = 0; i < rows.n; i++) {
            f.after_id = rows.items[i].artifact.id;
            if (add_logged(m, &rows.items[i].artifact, &search, err) < 0)
                return -1;
        }
    } while (rows.more && rows.n);
    return mlflow_search_end(m, &search, "models", write_logged, err);
}

/* ---- a run and its models ---- */

/* They are the run's since they were made. */
int mlflow_run_outputs(struct mlflow *m, struct dh_err *err)
{
    const struct js *models = js_get(m->args, "models");

    for (size_t i = 0; i < js_n(models); i++) {
        const char *id = js_get_text(js_at(models, i), "model_id"), *run = mlflow_arg(m, "run_id");
        own_logged struct logged l = {0};

        if (find(m, id ? id : "", &l, err) < 0)
            return -1;
        if (!run || strcmp(run, l.run.uuid) != 0)
            return dh_fail(err, DH_INVALID, "model %s is another run's", id);
    }
    return 0;
}

int mlflow_logged_of_run(struct mlflow *m, int64_t run, struct js **ret, struct dh_err *err)
{
    struct store_linkeds outputs;
    struct js *list;

    if (store_artifacts_of_run(m->store, run, STORE_OUTPUT, m->a, &outputs, err) < 0)
        return -1;
    list = js_array();
    for (size_t i = 0; i < outputs.n; i++) {
        own_logged struct logged l = {0};
        struct js *one;
        int rc = read_logged(m, &outputs.items[i].artifact, &l, err);

        if (rc < 0) {
            js_free(list);
            return -1;
        }
        if (rc)
            continue;
        one = js_object();
        js_set(one, "model_id", js_str(outputs.items[i].artifact.uuid));
        js_set(one, "step", js_int(0));
        js_push(list, one);
    }
    *ret = list;
    return 0;
}
