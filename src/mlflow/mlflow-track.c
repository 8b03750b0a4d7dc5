/* mlflow-track - what MLflow's tracking clients write: experiments, and runs of their own.
 *
 * Such a run carries a mark in its options, and these alone are written to: what dhow ran says what
 * dhow did. It has no tasks and no process of ours; whoever began it ends it. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "mlflow/mlflow-priv.h"

#define MARK "{\"mlflow\":true}"
#define RUN_NAME "mlflow.runName"

enum { BATCH_MOST = 1000 }; /* of each kind, as MLflow's own server has it */

/* ---- experiments ---- */

int mlflow_experiment_create(struct mlflow *m, struct dh_err *err)
{
    const struct js *tags = js_get(m->args, "tags");
    struct store_experiment there;
    struct dh_err none;
    const char *name;
    int64_t id;

    if (mlflow_need(m, "name", &name, err) < 0)
        return -1;
    if (store_experiment_find(m->store, name, m->a, &there, &none) == 0 &&
        !strcmp(there.name, name))
        return dh_fail(err, DH_EXISTS, "Experiment '%s' already exists.", name);
    if (store_experiment_put(m->store, name, &id, err) < 0)
        return -1;
    for (size_t i = 0; i < js_n(tags); i++) {
        const char *key = js_get_text(js_at(tags, i), "key");
        const char *value = js_get_text(js_at(tags, i), "value");

        if (key &&
            store_tag_set(m->store, STORE_TAG_EXPERIMENT, id, key, value ? value : "", err) < 0)
            return -1;
    }
    js_set(m->out, "experiment_id", js_strf("%lld", (long long)id));
    return 0;
}

static int keep_experiment(struct mlflow *m, bool archived, struct dh_err *err)
{
    struct store_experiment e;
    const char *id;

    if (mlflow_need(m, "experiment_id", &id, err) < 0 || mlflow_find_experiment(m, id, &e, err) < 0)
        return -1;
    return store_experiment_set_archived(m->store, e.id, archived, err);
}

int mlflow_experiment_delete(struct mlflow *m, struct dh_err *err)
{
    return keep_experiment(m, true, err);
}

int mlflow_experiment_restore(struct mlflow *m, struct dh_err *err)
{
    return keep_experiment(m, false, err);
}

/* ---- a run of a client ---- */

/* "0" is what a client says that has set none. */
static int experiment_of(struct mlflow *m, int64_t *ret, struct dh_err *err)
{
    const char *id = mlflow_arg(m, "experiment_id");
    struct store_experiment e;

    if (!id || !strcmp(id, "0"))
        return store_experiment_put(m->store, "Default", ret, err);
    if (mlflow_find_experiment(m, id, &e, err) < 0)
        return -1;
    *ret = e.id;
    return 0;
}

static int set_tags(struct mlflow *m, int64_t run, const struct js *tags, struct dh_err *err)
{
    for (size_t i = 0; i < js_n(tags); i++) {
        const char *key = js_get_text(js_at(tags, i), "key");
        const char *value = js_get_text(js_at(tags, i), "value");

        if (!key || !*key)
            return dh_fail(err, DH_INVALID, "Missing value for required parameter 'tags.key'.");
        if (!strcmp(key, RUN_NAME)) { /* it is the run's own */
            if (value && *value && store_run_set_name(m->store, run, value, err) < 0)
                return -1;
        } else if (store_tag_set(m->store, STORE_TAG_RUN, run, key, value ? value : "", err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int answer_run(struct mlflow *m, const char *uuid, struct dh_err *err)
{
    struct store_run run;

    return store_run_find(m->store, uuid, m->a, &run, err) < 0
               ? -1
               : mlflow_answer_run(m, "run", &run, err);
}

int mlflow_within(struct mlflow *m, int (*fn)(struct mlflow *m, struct dh_err *err),
                  struct dh_err *err)
{
    if (store_begin(m->store, err) < 0)
        return -1;
    if (fn(m, err) == 0)
        return store_commit(m->store, err);
    store_rollback(m->store);
    return -1;
}

static int create(struct mlflow *m, struct dh_err *err)
{
    const char *name = mlflow_arg(m, "run_name");
    int64_t start_ms = mlflow_int(m, "start_time", 0), id;
    char uuid[ID_TEXT];
    struct store_run run = {.uuid = id_new(uuid),
                            .display_name = name ? name : "run",
                            .cache_mode = "off",
                            .parameters = "{}",
                            .options = MARK,
                            .created_us = start_ms > 0 ? start_ms * 1000 : clock_now_us()};

    if (experiment_of(m, &run.experiment_id, err) < 0 ||
        store_run_insert(m->store, &run, &id, err) < 0 ||
        store_run_begin_outside(m->store, id, run.created_us, err) < 0 ||
        set_tags(m, id, js_get(m->args, "tags"), err) < 0)
        return -1;
    return answer_run(m, uuid, err);
}

int mlflow_run_create(struct mlflow *m, struct dh_err *err)
{
    return mlflow_within(m, create, err);
}

bool mlflow_is_own(const struct store_run *run)
{
    return run->options && !strcmp(run->options, MARK);
}

static int refuse(const struct store_run *run, struct dh_err *err)
{
    if (mlflow_is_own(run))
        return 0;
    return dh_fail(err, DH_FAILED,
                   "run %s is dhow's: what it did is not to be changed (tags may be set)",
                   run->uuid);
}

/* The run that is asked for, if it is a client's. */
static int own_run(struct mlflow *m, struct store_run *ret, struct dh_err *err)
{
    return mlflow_find_run(m, ret, err) < 0 ? -1 : refuse(ret, err);
}

int mlflow_own_run(struct mlflow *m, const char *id, struct store_run *ret, struct dh_err *err)
{
    if (store_run_find(m->store, id, m->a, ret, err) < 0 || strcmp(ret->uuid, id) != 0)
        return dh_fail(err, DH_NOT_FOUND, "Run with id=%s not found", id);
    return refuse(ret, err);
}

static int end_of(const char *status, enum store_state *ret)
{
    static const struct {
        const char *word;
        enum store_state state;
    } words[] = {
        {"FINISHED", STORE_SUCCEEDED}, {"FAILED", STORE_FAILED}, {"KILLED", STORE_CANCELED}};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcmp(words[i].word, status)) {
            *ret = words[i].state;
            return 0;
        }
    return -1;
}

static int update(struct mlflow *m, struct dh_err *err)
{
    const char *status = mlflow_arg(m, "status"), *name = mlflow_arg(m, "run_name");
    int64_t end_ms = mlflow_int(m, "end_time", 0);
    enum store_state state;
    struct store_run run;
    int rc = 0;

    if (own_run(m, &run, err) < 0)
        return -1;
    if (status && end_of(status, &state) == 0)
        rc = store_run_finish(m->store, run.id, state, NULL, NULL,
                              end_ms > 0 ? end_ms * 1000 : clock_now_us(), err);
    else if (status && (!strcmp(status, "RUNNING") || !strcmp(status, "SCHEDULED")))
        rc = store_run_begin_outside(m->store, run.id, run.created_us, err);
    else if (status)
        return dh_fail(err, DH_INVALID, "status: '%s' is none of a run", status);
    if (rc == 0 && name)
        rc = store_run_set_name(m->store, run.id, name, err);
    if (rc < 0 || store_run_find(m->store, run.uuid, m->a, &run, err) < 0)
        return -1;
    return mlflow_answer_info(m, &run);
}

int mlflow_run_update(struct mlflow *m, struct dh_err *err)
{
    return mlflow_within(m, update, err);
}

static int keep_run(struct mlflow *m, bool archived, struct dh_err *err)
{
    struct store_run run;

    return own_run(m, &run, err) < 0 ? -1 : store_run_set_archived(m->store, run.id, archived, err);
}

int mlflow_run_delete(struct mlflow *m, struct dh_err *err)
{
    return keep_run(m, true, err);
}

int mlflow_run_restore(struct mlflow *m, struct dh_err *err)
{
    return keep_run(m, false, err);
}

/* ---- metrics ---- */

static int number_of(const struct js *v, double *ret)
{
    const char *text = js_text(v);
    char *end;

    if (js_is_num(v)) {
        *ret = js_as_num(v, 0);
        return 0;
    }
    if (!text || !*text)
        return -1;
    *ret = strtod(text, &end); /* "NaN", "Infinity" as well */
    return *end ? -1 : 0;
}

static int log_metric(struct mlflow *m, int64_t run, const struct js *v, struct dh_err *err)
{
    struct store_metric metric = {.run_id = run,
                                  .name = js_get_text(v, "key"),
                                  .step = js_get_int(v, "step", 0),
                                  .time_us = js_get_int(v, "timestamp", 0) * 1000};

    if (!metric.name || !*metric.name)
        return dh_fail(err, DH_INVALID, "Missing value for required parameter 'key'.");
    if (number_of(js_get(v, "value"), &metric.number) < 0)
        return dh_fail(err, DH_INVALID, "metric '%s': its value is no number", metric.name);
    if (metric.step < 0)
        metric.step = 0;
    if (metric.time_us <= 0)
        metric.time_us = clock_now_us();
    return store_metric_insert(m->store, &metric, err);
}

static int one_metric(struct mlflow *m, struct dh_err *err)
{
    struct store_run run;

    return own_run(m, &run, err) < 0 ? -1 : log_metric(m, run.id, m->args, err);
}

int mlflow_log_metric(struct mlflow *m, struct dh_err *err)
{
    return mlflow_within(m, one_metric, err);
}

/* ---- parameters: texts; one that is a number as JSON writes it is found as a number ---- */

static struct js *value_of(const char *text)
{
    own(js_free) struct js *v = NULL;
    own_mem char *dump = NULL;

    if (js_parse(text, strlen(text), &v, NULL) < 0 || !js_is_num(v))
        return js_str(text);
    dump = js_dump(v, JS_COMPACT);
    return strcmp(dump, text) ? js_str(text) : take(&v);
}

static int add_param(struct js *all, const struct js *pair, struct dh_err *err)
{
    const char *key = js_get_text(pair, "key"), *text = js_get_text(pair, "value");
    own(js_free) struct js *value = value_of(text ? text : "");
    const struct js *before;

    if (!key || !*key)
        return dh_fail(err, DH_INVALID, "Missing value for required parameter 'key'.");
    before = js_get(all, key);
    if (before && !js_equal(before, value))
        return dh_fail(err, DH_INVALID,
                       "Changing param values is not allowed. Param with key='%s' was already "
                       "logged",
                       key);
    js_set(all, key, take(&value));
    return 0;
}

/* One (not in a list), or several. */
static int log_params(struct mlflow *m, const struct store_run *run, const struct js *pairs,
                      const struct js *one, struct dh_err *err)
{
    own(js_free) struct js *all = NULL;
    own_mem char *text = NULL;

    if (!one && !js_n(pairs))
        return 0;
    if (!run->parameters || js_parse(run->parameters, strlen(run->parameters), &all, NULL) < 0)
        all = js_object();
    if (one && add_param(all, one, err) < 0)
        return -1;
    for (size_t i = 0; i < js_n(pairs); i++)
        if (add_param(all, js_at(pairs, i), err) < 0)
            return -1;
    text = js_dump(all, JS_COMPACT);
    return store_run_set_given(m->store, run->id, text, MARK, err);
}

static int one_param(struct mlflow *m, struct dh_err *err)
{
    struct store_run run;

    return own_run(m, &run, err) < 0 ? -1 : log_params(m, &run, NULL, m->args, err);
}

int mlflow_log_param(struct mlflow *m, struct dh_err *err)
{
    return mlflow_within(m, one_param, err);
}

/* ---- all of these at once ---- */

static int batch(struct mlflow *m, struct dh_err *err)
{
    const struct js *metrics = js_get(m->args, "metrics"), *params = js_get(m->args, "params");
    const struct js *tags = js_get(m->args, "tags");
    struct store_run run;

    if (own_run(m, &run, err) < 0)
        return -1;
    if (js_n(metrics) > BATCH_MOST || js_n(params) > BATCH_MOST || js_n(tags) > BATCH_MOST)
        return dh_fail(err, DH_INVALID, "a batch has at most %d of each kind", BATCH_MOST);
    if (log_params(m, &run, params, NULL, err) < 0 || set_tags(m, run.id, tags, err) < 0)
        return -1;
    for (size_t i = 0; i < js_n(metrics); i++)
        if (log_metric(m, run.id, js_at(metrics, i), err) < 0)
            return -1;
    return 0;
}

int mlflow_log_batch(struct mlflow *m, struct dh_err *err)
{
    return mlflow_within(m, batch, err);
}
