/* mlflow-runs - experiments and runs, as MLflow's tracking clients read them. */
#include <string.h>
#include <strings.h>

#include "artifact/artifact.h"
#include "base/mem.h"
#include "mlflow/mlflow-priv.h"

enum { MAX_RUNS = 5000 };

/* ---- experiments ---- */

static int experiment_js(struct mlflow *m, const struct store_experiment *e, struct js **ret,
                         struct dh_err *err)
{
    struct js *to;
    const char *tags;

    if (store_tags(m->store, STORE_TAG_EXPERIMENT, e->id, m->a, &tags, err) < 0)
        return -1;
    *ret = to = js_object();
    js_set(to, "experiment_id", js_strf("%lld", (long long)e->id));
    mlflow_text(to, "name", e->name);
    js_set(to, "artifact_location", js_str(""));
    js_set(to, "lifecycle_stage", js_str(e->archived ? "deleted" : "active"));
    mlflow_ms(to, "creation_time", e->created_us);
    mlflow_ms(to, "last_update_time", e->last_run_us ? e->last_run_us : e->created_us);
    js_set(to, "tags", mlflow_pairs(tags));
    return 0;
}

int mlflow_find_experiment(struct mlflow *m, const char *id, struct store_experiment *ret,
                           struct dh_err *err)
{
    struct store_experiments all;

    if (store_experiment_list(m->store, m->a, &all, err) < 0)
        return -1;
    for (size_t i = 0; i < all.n; i++)
        if (!strcmp(id, arena_printf(m->a, "%lld", (long long)all.items[i].id))) {
            *ret = all.items[i];
            return 0;
        }
    return dh_fail(err, DH_NOT_FOUND, "No Experiment with id=%s exists", id);
}

static int answer_experiment(struct mlflow *m, const struct store_experiment *e, struct dh_err *err)
{
    struct js *v;

    if (experiment_js(m, e, &v, err) < 0)
        return -1;
    js_set(m->out, "experiment", v);
    return 0;
}

int mlflow_experiment_get(struct mlflow *m, struct dh_err *err)
{
    struct store_experiment e;
    const char *id;

    if (mlflow_need(m, "experiment_id", &id, err) < 0 || mlflow_find_experiment(m, id, &e, err) < 0)
        return -1;
    return answer_experiment(m, &e, err);
}

int mlflow_experiment_by_name(struct mlflow *m, struct dh_err *err)
{
    struct store_experiment e;
    const char *name;

    if (mlflow_need(m, "experiment_name", &name, err) < 0)
        return -1;
    if (store_experiment_find(m->store, name, m->a, &e, err) < 0)
        return dh_fail(err, err->code, "Could not find experiment with name '%s'", name);
    return answer_experiment(m, &e, err);
}

static bool is_shown(const struct mlflow *m, bool archived)
{
    const char *view = mlflow_arg(m, "view_type");

    view = view ? view : mlflow_arg(m, "run_view_type");
    if (view && !strcasecmp(view, "ALL"))
        return true;
    return archived == (view && !strcasecmp(view, "DELETED_ONLY"));
}

static int write_experiment(struct mlflow *m, const void *thing, struct js **ret,
                            struct dh_err *err)
{
    return experiment_js(m, thing, ret, err);
}

int mlflow_experiment_search(struct mlflow *m, struct dh_err *err)
{
    struct store_experiments all;
    struct mlflow_search search;

    if (mlflow_search_begin(m, &search, err) < 0 ||
        store_experiment_list(m->store, m->a, &all, err) < 0)
        return -1;
    for (size_t i = 0; i < all.n; i++) {
        const struct store_experiment *e = &all.items[i];
        struct mlflow_facts facts = {.name = e->name,
                                     .created_ms = e->created_us / 1000,
                                     .updated_ms =
                                         (e->last_run_us ? e->last_run_us : e->created_us) / 1000};

        if (!is_shown(m, e->archived))
            continue;
        if (search.filter.needs_tags &&
            store_tags(m->store, STORE_TAG_EXPERIMENT, e->id, m->a, &facts.tags, err) < 0)
            return -1;
        mlflow_search_add(m, &search, &facts, e);
    }
    return mlflow_search_end(m, &search, "experiments", write_experiment, err);
}

int mlflow_experiment_set_tag(struct mlflow *m, struct dh_err *err)
{
    struct store_experiment e;
    const char *id;

    if (mlflow_need(m, "experiment_id", &id, err) < 0 || mlflow_find_experiment(m, id, &e, err) < 0)
        return -1;
    return mlflow_set_tag(m, STORE_TAG_EXPERIMENT, e.id, false, err);
}

/* ---- runs ---- */

static const char *status_of(enum store_state state)
{
    switch (state) {
    case STORE_PENDING:
        return "SCHEDULED";
    case STORE_RUNNING:
        return "RUNNING";
    case STORE_FAILED:
        return "FAILED";
    case STORE_CANCELED:
        return "KILLED";
    case STORE_SUCCEEDED:
    case STORE_SKIPPED:
    case STORE_CACHED:
    case STORE_N_STATES:
        break;
    }
    return "FINISHED";
}

static void add_tag(struct js *tags, const char *key, const char *value)
{
    struct js *pair;

    if (!value)
        return;
    pair = js_object();
    js_set(pair, "key", js_str(key));
    js_set(pair, "value", js_str(value));
    js_push(tags, pair);
}

static struct js *metrics_js(const char *json, int64_t us)
{
    own(js_free) struct js *object = NULL;
    struct js *list = js_array();

    (void)js_parse(json, strlen(json), &object, NULL);
    for (js_each(object, it)) {
        struct js *one = js_object();

        js_set(one, "key", js_str(it.key));
        js_set(one, "value", js_ref(it.value));
        js_set(one, "timestamp", js_int(us / 1000));
        js_set(one, "step", js_int(0));
        js_push(list, one);
    }
    return list;
}

static struct js *info_js(const struct store_run *run)
{
    struct js *info = js_object();

    mlflow_text(info, "run_id", run->uuid);
    mlflow_text(info, "run_uuid", run->uuid);
    mlflow_text(info, "run_name", run->display_name);
    js_set(info, "experiment_id", js_strf("%lld", (long long)run->experiment_id));
    js_set(info, "user_id", js_str(""));
    js_set(info, "status", js_str(status_of(run->state)));
    mlflow_ms(info, "start_time", run->started_us ? run->started_us : run->created_us);
    mlflow_ms(info, "end_time", run->finished_us);
    js_set(info, "lifecycle_stage", js_str(run->archived ? "deleted" : "active"));
    js_set(
        info, "artifact_uri",
        run->pipeline_root && artifact_uri_is_remote(run->pipeline_root)
            ? js_strf("%s/%s/%s", run->pipeline_root, run->pipeline ? run->pipeline : "", run->uuid)
            : js_strf("mlflow-artifacts:/%s/artifacts", run->uuid));
    return info;
}

static int run_js(struct mlflow *m, const struct store_run *run, struct js **ret,
                  struct dh_err *err)
{
    struct js *to = js_object(), *data = js_object(), *tags;
    const char *tag_json, *metrics;

    *ret = to;
    if (store_tags(m->store, STORE_TAG_RUN, run->id, m->a, &tag_json, err) < 0 ||
        store_metric_last(m->store, run->id, m->a, &metrics, err) < 0) {
        js_free(data);
        js_free(to);
        return -1;
    }
    tags = mlflow_pairs(tag_json);
    add_tag(tags, "mlflow.runName", run->display_name);
    add_tag(tags, "mlflow.note.content", run->notes);
    add_tag(tags, "dhow.pipeline", run->pipeline);
    add_tag(tags, "dhow.pipeline_version", run->pipeline_version);
    add_tag(tags, "dhow.spec_digest", run->spec_digest);
    js_set(data, "metrics", metrics_js(metrics, run->finished_us));
    js_set(data, "params", mlflow_pairs(run->parameters));
    js_set(data, "tags", tags);
    js_set(to, "info", info_js(run));
    js_set(to, "data", data);
    js_set(to, "inputs", js_object());
    return 0;
}

static int add_models(struct mlflow *m, const struct store_run *run, struct js *to,
                      struct dh_err *err)
{
    struct js *outputs, *models;

    if (!mlflow_is_own(run))
        return 0;
    if (mlflow_logged_of_run(m, run->id, &models, err) < 0)
        return -1;
    outputs = js_object();
    js_set(outputs, "model_outputs", models);
    js_set(to, "outputs", outputs);
    return 0;
}

/* By its UUID alone: a name or a number of ours is no id here. */
int mlflow_find_run(struct mlflow *m, struct store_run *ret, struct dh_err *err)
{
    const char *id = mlflow_arg(m, "run_id");

    if (!id && mlflow_need(m, "run_uuid", &id, err) < 0)
        return dh_fail(err, DH_INVALID, "Missing value for required parameter 'run_id'.");
    if (store_run_find(m->store, id, m->a, ret, err) == 0 && !strcmp(ret->uuid, id))
        return 0;
    return dh_fail(err, DH_NOT_FOUND, "Run with id=%s not found", id);
}

int mlflow_answer_run(struct mlflow *m, const char *key, const struct store_run *run,
                      struct dh_err *err)
{
    struct js *v;

    if (run_js(m, run, &v, err) < 0)
        return -1;
    js_set(m->out, key, v);
    return add_models(m, run, v, err);
}

int mlflow_answer_info(struct mlflow *m, const struct store_run *run)
{
    js_set(m->out, "run_info", info_js(run));
    return 0;
}

int mlflow_run_get(struct mlflow *m, struct dh_err *err)
{
    struct store_run run;

    return mlflow_find_run(m, &run, err) < 0 ? -1 : mlflow_answer_run(m, "run", &run, err);
}

static void add_quoted(struct buf *b, const char *text)
{
    buf_addc(b, '\'');
    for (; *text; text++)
        buf_adds(b, *text == '\'' ? "''" : (const char[]){*text, '\0'});
    buf_addc(b, '\'');
}

/* The experiments and the filter as one condition. */
static int condition(struct mlflow *m, const char **ret, struct dh_err *err)
{
    const struct js *ids = js_get(m->args, "experiment_ids");
    const char *filter = mlflow_arg(m, "filter");
    own_buf struct buf b = {0};
    size_t n = 0;

    for (size_t i = 0; i < js_n(ids); i++) {
        const char *id = js_text(js_at(ids, i));
        struct store_experiment e;
        struct dh_err ignored;

        if (!id || mlflow_find_experiment(m, id, &e, &ignored) < 0)
            continue; /* MLflow's own server passes over those, too */
        buf_adds(&b, n++ ? ", " : "experiment in (");
        add_quoted(&b, e.name);
    }
    if (n)
        buf_adds(&b, ")");
    else if (js_n(ids))
        buf_adds(&b, "number < 0");
    else
        return dh_fail(err, DH_INVALID, "experiment_ids: name one at least");
    if (filter && filter[strspn(filter, " ")])
        buf_addf(&b, " and (%s)", filter);
    *ret = arena_strdup(m->a, buf_str(&b));
    return 0;
}

/* The keys of order_by as one text; NULL: none. */
static const char *order(struct mlflow *m)
{
    const struct js *keys = js_get(m->args, "order_by");
    own_buf struct buf b = {0};

    for (size_t i = 0; i < js_n(keys); i++)
        if (js_text(js_at(keys, i)))
            buf_addf(&b, "%s%s", b.n ? ", " : "", js_text(js_at(keys, i)));
    return b.n ? arena_strdup(m->a, buf_str(&b)) : NULL;
}

int mlflow_run_search(struct mlflow *m, struct dh_err *err)
{
    const char *view = mlflow_arg(m, "run_view_type");
    int64_t max = mlflow_int(m, "max_results", 1000), from = mlflow_int(m, "page_token", 0);
    struct store_run_filter filter = {.state = -1, .sort = order(m), .sort_all = true};
    struct js *list = js_array();
    struct store_runs runs;

    js_set(m->out, "runs", list);
    if (condition(m, &filter.where, err) < 0)
        return -1;
    filter.archived_too = view && strcasecmp(view, "ACTIVE_ONLY") != 0;
    filter.limit = max < 1 || max > MAX_RUNS ? MAX_RUNS : (int)max;
    filter.offset = from > 0 ? from : 0;
    if (view && !strcasecmp(view, "DELETED_ONLY"))
        filter.where = arena_printf(m->a, "archived and (%s)", filter.where);
    if (store_run_list(m->store, &filter, m->a, &runs, err) < 0)
        return -1;
    for (size_t i = 0; i < runs.n; i++) {
        struct js *v;

        if (run_js(m, &runs.items[i], &v, err) < 0)
            return -1;
        js_push(list, v);
    }
    if (runs.more)
        js_set(m->out, "next_page_token",
               js_strf("%lld", (long long)(filter.offset + (int64_t)runs.n)));
    return 0;
}

static int tag_run(struct mlflow *m, bool remove, struct dh_err *err)
{
    struct store_run run;

    return mlflow_find_run(m, &run, err) < 0
               ? -1
               : mlflow_set_tag(m, STORE_TAG_RUN, run.id, remove, err);
}

int mlflow_run_set_tag(struct mlflow *m, struct dh_err *err)
{
    return tag_run(m, false, err);
}

int mlflow_run_delete_tag(struct mlflow *m, struct dh_err *err)
{
    return tag_run(m, true, err);
}

int mlflow_metric_history(struct mlflow *m, struct dh_err *err)
{
    struct js *list = js_array();
    struct store_metrics all;
    struct store_run run;
    const char *key;

    js_set(m->out, "metrics", list);
    if (mlflow_need(m, "metric_key", &key, err) < 0 || mlflow_find_run(m, &run, err) < 0 ||
        store_metric_list(m->store, run.id, m->a, &all, err) < 0)
        return -1;
    for (size_t i = 0; i < all.n; i++) {
        struct js *one;

        if (strcmp(all.items[i].name, key) != 0)
            continue;
        one = js_object();
        js_set(one, "key", js_str(key));
        js_set(one, "value", js_real(all.items[i].number));
        js_set(one, "timestamp", js_int(all.items[i].time_us / 1000));
        js_set(one, "step", js_int(all.items[i].step < 0 ? 0 : all.items[i].step));
        js_push(list, one);
    }
    return 0;
}
