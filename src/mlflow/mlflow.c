#include "mlflow/mlflow-priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { MAX_RESULTS = 1000 };

static const struct call {
    const char *method, *path;
    mlflow_call *fn;
    bool writes;
} calls[] = {
    {"POST", "registered-models/create", mlflow_model_create, true},
    {"GET", "registered-models/get", mlflow_model_get, false},
    {"POST", "registered-models/rename", mlflow_model_rename, true},
    {"PATCH", "registered-models/update", mlflow_model_update, true},
    {"DELETE", "registered-models/delete", mlflow_model_delete, true},
    {"GET", "registered-models/search", mlflow_model_search, false},
    {"POST", "registered-models/get-latest-versions", mlflow_model_latest, false},
    {"GET", "registered-models/get-latest-versions", mlflow_model_latest, false},
    {"POST", "registered-models/set-tag", mlflow_model_set_tag, true},
    {"DELETE", "registered-models/delete-tag", mlflow_model_delete_tag, true},
    {"POST", "registered-models/alias", mlflow_alias_set, true},
    {"DELETE", "registered-models/alias", mlflow_alias_delete, true},
    {"GET", "registered-models/alias", mlflow_alias_get, false},
    {"POST", "model-versions/create", mlflow_version_create, true},
    {"GET", "model-versions/get", mlflow_version_get, false},
    {"PATCH", "model-versions/update", mlflow_version_update, true},
    {"DELETE", "model-versions/delete", mlflow_version_delete, true},
    {"GET", "model-versions/search", mlflow_version_search, false},
    {"GET", "model-versions/get-download-uri", mlflow_version_uri, false},
    {"POST", "model-versions/transition-stage", mlflow_version_stage, true},
    {"POST", "model-versions/set-tag", mlflow_version_set_tag, true},
    {"DELETE", "model-versions/delete-tag", mlflow_version_delete_tag, true},
    {"GET", "experiments/get", mlflow_experiment_get, false},
    {"GET", "experiments/get-by-name", mlflow_experiment_by_name, false},
    {"POST", "experiments/search", mlflow_experiment_search, false},
    {"GET", "experiments/search", mlflow_experiment_search, false},
    {"POST", "experiments/set-experiment-tag", mlflow_experiment_set_tag, true},
    {"GET", "runs/get", mlflow_run_get, false},
    {"POST", "runs/search", mlflow_run_search, false},
    {"POST", "runs/set-tag", mlflow_run_set_tag, true},
    {"POST", "runs/delete-tag", mlflow_run_delete_tag, true},
    {"POST", "experiments/create", mlflow_experiment_create, true},
    {"POST", "experiments/delete", mlflow_experiment_delete, true},
    {"POST", "experiments/restore", mlflow_experiment_restore, true},
    {"POST", "runs/create", mlflow_run_create, true},
    {"POST", "runs/update", mlflow_run_update, true},
    {"POST", "runs/delete", mlflow_run_delete, true},
    {"POST", "runs/restore", mlflow_run_restore, true},
    {"POST", "runs/log-metric", mlflow_log_metric, true},
    {"POST", "runs/log-parameter", mlflow_log_param, true},
    {"POST", "runs/log-batch", mlflow_log_batch, true},
    {"GET", "metrics/get-history", mlflow_metric_history, false},
    {"POST", "runs/outputs", mlflow_run_outputs, true},
    {"POST", "logged-models", mlflow_logged_create, true},
    {"POST", "logged-models/search", mlflow_logged_search, false},
    {"GET", "logged-models/*", mlflow_logged_get, false},
    {"PATCH", "logged-models/*", mlflow_logged_finalize, true},
    {"POST", "logged-models/*/params", mlflow_logged_params, true},
    {"PATCH", "logged-models/*/tags", mlflow_logged_tags, true},
    {"DELETE", "logged-models/*/tags/*", mlflow_logged_delete_tag, true},
};

/* ---- arguments ---- */

const char *mlflow_arg(const struct mlflow *m, const char *key)
{
    const struct js *v = js_get(m->args, key);
    const char *text = js_text(v);

    if (js_is_num(v)) {
        own_mem char *dump = js_dump(v, JS_COMPACT);

        text = arena_strdup(m->a, dump);
    }
    return text && *text ? text : NULL;
}

int mlflow_need(const struct mlflow *m, const char *key, const char **ret, struct dh_err *err)
{
    *ret = mlflow_arg(m, key);
    return *ret ? 0 : dh_fail(err, DH_INVALID, "Missing value for required parameter '%s'.", key);
}

int64_t mlflow_int(const struct mlflow *m, const char *key, int64_t other)
{
    const char *text = mlflow_arg(m, key);
    char *end;
    long long n = text ? strtoll(text, &end, 10) : 0;

    return text && end != text && !*end ? n : other;
}

/* ---- members ---- */

void mlflow_ms(struct js *to, const char *key, int64_t us)
{
    if (us > 0)
        js_set(to, key, js_int(us / 1000));
}

void mlflow_text(struct js *to, const char *key, const char *text)
{
    if (text)
        js_set(to, key, js_str(text));
}

struct js *mlflow_pairs(const char *json)
{
    own(js_free) struct js *object = NULL;
    struct js *list = js_array();

    if (!json || js_parse(json, strlen(json), &object, NULL) < 0)
        return list;
    for (js_each(object, it)) {
        own_mem char *dump = js_text(it.value) ? NULL : js_dump(it.value, JS_COMPACT);
        struct js *pair = js_object();

        js_set(pair, "key", js_str(it.key));
        js_set(pair, "value", js_str(dump ? dump : js_text(it.value)));
        js_push(list, pair);
    }
    return list;
}

/* ---- searches ---- */

int mlflow_search_begin(struct mlflow *m, struct mlflow_search *ret, struct dh_err *err)
{
    const struct js *keys = js_get(m->args, "order_by");
    own(js_free) struct js *one = NULL;

    *ret = (struct mlflow_search){.n = 0};
    if (js_text(keys)) { /* of a query */
        one = js_array();
        js_push(one, js_ref(keys));
        keys = one;
    }
    return mlflow_filter_read(mlflow_arg(m, "filter"), m->a, &ret->filter, err) < 0
               ? -1
               : mlflow_order_read(js_is(keys, JS_ARRAY) ? keys : NULL, m->a, &ret->order, err);
}

void mlflow_search_add(struct mlflow *m, struct mlflow_search *s, const struct mlflow_facts *facts,
                       const void *thing)
{
    if (!mlflow_filter_fits(&s->filter, facts))
        return;
    if (s->n == s->cap) {
        struct mlflow_found *more;

        s->cap = s->cap ? 2 * s->cap : 32;
        more = arena_alloc(m->a, s->cap * sizeof *more);
        if (s->n)
            memcpy(more, s->items, s->n * sizeof *more);
        s->items = more;
    }
    s->items[s->n] = (struct mlflow_found){.facts = *facts, .thing = thing, .place = s->n};
    s->n++;
}

static int in_order(const void *a, const void *b, void *order)
{
    const struct mlflow_found *x = a, *y = b;
    int c = mlflow_order_compare(order, &x->facts, &y->facts);

    return c ? c : (x->place > y->place) - (x->place < y->place);
}

int mlflow_search_end(struct mlflow *m, struct mlflow_search *s, const char *name,
                      int (*write)(struct mlflow *m, const void *thing, struct js **ret,
                                   struct dh_err *err),
                      struct dh_err *err)
{
    int64_t from = mlflow_int(m, "page_token", 0), max = mlflow_int(m, "max_results", 100);
    struct js *list = js_array();

    js_set(m->out, name, list);
    if (s->n)
        qsort_r(s->items, s->n, sizeof *s->items, in_order, &s->order);
    from = from < 0 ? 0 : from > (int64_t)s->n ? (int64_t)s->n : from;
    max = max < 1 || max > MAX_RESULTS ? MAX_RESULTS : max;
    for (int64_t i = from; i < (int64_t)s->n && i < from + max; i++) {
        struct js *v;

        if (write(m, s->items[i].thing, &v, err) < 0)
            return -1;
        js_push(list, v);
    }
    if ((int64_t)s->n > from + max)
        js_set(m->out, "next_page_token", js_strf("%lld", (long long)(from + max)));
    return 0;
}

int mlflow_set_tag(struct mlflow *m, enum store_tagged kind, int64_t id, bool remove,
                   struct dh_err *err)
{
    const char *key, *value = js_get_text(m->args, "value");

    if (mlflow_need(m, "key", &key, err) < 0)
        return -1;
    return store_tag_set(m->store, kind, id, key, remove ? NULL : value ? value : "", err);
}

/* ---- one call ---- */

static int status_of(const struct dh_err *err, const char **ret_code)
{
    switch (err->code) {
    case DH_INVALID:
        *ret_code = "INVALID_PARAMETER_VALUE";
        return 400;
    case DH_NOT_FOUND:
        *ret_code = "RESOURCE_DOES_NOT_EXIST";
        return 404;
    case DH_EXISTS:
        *ret_code = "RESOURCE_ALREADY_EXISTS";
        return 400;
    case DH_FAILED: /* a rule holds it */
        *ret_code = "INVALID_STATE";
        return 400;
    case DH_IO:
    case DH_BUG:
    case DH_CANCELED:
        break;
    }
    *ret_code = "INTERNAL_ERROR";
    return 500;
}

static int answer_error(struct buf *out, int status, const char *code, const char *message)
{
    own(js_free) struct js *v = js_object();

    js_set(v, "error_code", js_str(code));
    js_set(v, "message", js_str(message));
    js_write(v, JS_COMPACT, out);
    return status;
}

static bool fits(struct mlflow *m, const char *template, const char *path)
{
    size_t n = 0;

    for (; *template && *path; template ++, path++) {
        size_t n_part = strcspn(path, "/");

        if (*template == '*') {
            m->param[n++] = arena_strndup(m->a, path, n_part);
            path += n_part - 1;
        } else if (*template != *path) {
            return false;
        }
    }
    return !*template && !*path;
}

static const struct call *find(struct mlflow *m, bool *ret_path)
{
    const struct mlflow_request *r = m->request;

    *ret_path = false;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        if (!fits(m, calls[i].path, r->path))
            continue;
        *ret_path = true;
        if (!strcmp(calls[i].method, r->method))
            return &calls[i];
    }
    return NULL;
}

void mlflow_handle(struct store *store, const struct mlflow_request *r, struct buf *out,
                   int *ret_status)
{
    own(arena_free) struct arena *a = arena_new();
    own(js_free) struct js *answer = js_object();
    struct mlflow m = {.store = store, .request = r, .args = r->args, .a = a, .out = answer};
    struct dh_err err = {0};
    const char *code;
    bool known;
    const struct call *call = find(&m, &known);

    if (!call) {
        *ret_status = answer_error(out, known ? 405 : 404, "ENDPOINT_NOT_FOUND",
                                   "dhow answers MLflow's calls about runs, experiments and the "
                                   "model registry; this is none of those that it knows");
        return;
    }
    if (call->writes && !r->may_write) {
        *ret_status = answer_error(out, 403, "PERMISSION_DENIED", "this needs the role runner");
        return;
    }
    if (call->fn(&m, &err) < 0) {
        int status = status_of(&err, &code);

        *ret_status = answer_error(out, status, code, err.msg);
        return;
    }
    js_write(answer, JS_COMPACT, out);
    *ret_status = 200;
}
