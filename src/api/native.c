#include "api/native.h"

#include <stdlib.h>
#include <string.h>

#include "api/access.h"
#include "api/api-priv.h"
#include "api/run-tasks.h"
#include "api/runs.h"
#include "api/ui.h"
#include "base/mem.h"
#include "store/catalog.h"

/* ---- artifacts ---- */

const char *const native_types[][2] = {
    {"system.Model", "Model"},
    {"system.Dataset", "Dataset"},
    {"system.HTML", "HTML"},
    {"system.Markdown", "Markdown"},
    {"system.Metrics", "Metric"},
    {"system.ClassificationMetrics", "ClassificationMetric"},
    {"system.SlicedClassificationMetrics", "SlicedClassificationMetric"},
    {"system.Artifact", "Artifact"},
    {NULL, NULL},
};

static const char *type_name(const char *type)
{
    for (size_t i = 0; native_types[i][0]; i++)
        if (!strcmp(native_types[i][0], type))
            return native_types[i][1];
    return "Artifact";
}

void native_artifact_write(const struct store_artifact *a, struct jw *w)
{
    jw_begin(w, '{');
    jw_text(w, "artifact_id", a->uuid);
    jw_opt(w, "name", a->name);
    jw_text(w, "type", type_name(a->type));
    jw_opt(w, "uri", a->uri);
    jw_opt_json(w, "metadata", a->metadata);
    jw_seconds(w, "created_at", a->created_us);
    jw_end(w, '}');
}

static int artifact_item(struct req *r, int64_t id, struct jw *w, struct dh_err *err)
{
    struct store_artifact a;

    if (store_artifact_get(r->store, id, r->arena, &a, err) < 0)
        return -1;
    native_artifact_write(&a, w);
    return 0;
}

/* In the order of their making, unless another is asked for. `of_run`: of one that the user may
 * see; a namespace need not be named. */
static int list(struct req *r, enum page_kind kind, bool of_run, struct listing *l,
                struct dh_err *err)
{
    if (listing_read(r, kind, l, err) < 0 ||
        ((!of_run || req_arg(r, "namespace")) && access_list(r, l, err) < 0))
        return -1;
    if (!l->sort)
        l->ask.sort = "#id";
    return 0;
}

int native_artifacts_list(struct req *r, struct dh_err *err)
{
    struct listing l;

    return list(r, PAGE_ARTIFACTS, false, &l, err) < 0
               ? -1
               : listing_answer(r, &l, "artifacts", artifact_item, err);
}

int native_artifacts_get(struct req *r, struct dh_err *err)
{
    struct store_artifact a;

    if (ui_artifact_find(r, r->param[0], &a, err) < 0)
        return -1;
    native_artifact_write(&a, req_json(r));
    return 0;
}

/* ---- tasks ---- */

const char *native_io_type(const struct store_link *link)
{
    return link->type == STORE_OUTPUT ? "OUTPUT"
           : link->producer_task_id   ? "TASK_OUTPUT_INPUT"
                                      : "COMPONENT_INPUT";
}

static int write_parameters(const char *json, const char *type, struct jw *w, struct dh_err *err)
{
    own(js_free) struct js *parameters = NULL;

    if (!json || js_parse(json, strlen(json), &parameters, err) < 0)
        return json ? -1 : 0;
    if (js_n(parameters) == 0)
        return 0;
    jw_begin_in(w, "parameters", '[');
    for (js_each(parameters, it)) {
        jw_begin(w, '{');
        jw_key(w, "value");
        js_write(it.value, JS_COMPACT, w->to);
        w->comma = true;
        jw_text(w, "type", type);
        jw_text(w, "parameter_key", it.key);
        jw_end(w, '}');
    }
    jw_end(w, ']');
    return 0;
}

static int write_io(struct req *r, const struct store_task *t, enum store_link_type type,
                    struct jw *w, struct dh_err *err)
{
    struct store_linkeds links;
    const char *json = type == STORE_INPUT ? t->inputs : t->outputs, *open = NULL;

    if (store_artifacts_of_task(r->store, t->id, type, r->arena, &links, err) < 0)
        return -1;
    if (links.n == 0 && (!json || !strcmp(json, "{}")))
        return 0;
    jw_begin_in(w, type == STORE_INPUT ? "inputs" : "outputs", '{');
    if (write_parameters(json, type == STORE_INPUT ? "COMPONENT_INPUT" : "OUTPUT", w, err) < 0)
        return -1;
    if (links.n)
        jw_begin_in(w, "artifacts", '[');
    for (size_t i = 0; i < links.n; i++) { /* those of one key stand together */
        const struct store_link *link = &links.items[i].link;

        if (!open || strcmp(open, link->key) != 0) {
            if (open) {
                jw_end(w, ']');
                jw_end(w, '}');
            }
            open = link->key;
            jw_begin(w, '{');
            jw_text(w, "type", native_io_type(link));
            jw_text(w, "artifact_key", link->key);
            jw_begin_in(w, "artifacts", '[');
        }
        native_artifact_write(&links.items[i].artifact, w);
    }
    if (open) {
        jw_end(w, ']');
        jw_end(w, '}');
        jw_end(w, ']');
    }
    jw_end(w, '}');
    return 0;
}

static void write_attributes(const struct store_task *t, struct jw *w)
{
    if (t->iteration_index < 0 && t->iteration_count < 0)
        return;
    jw_begin_in(w, "type_attributes", '{');
    if (t->iteration_index > 0)
        jw_opt_int64(w, "iteration_index", t->iteration_index);
    if (t->iteration_count > 0)
        jw_opt_int64(w, "iteration_count", t->iteration_count);
    jw_end(w, '}');
}

static const char *task_type(const struct store_task *t)
{
    return store_task_type_name(t->type == STORE_IMPORTER ? STORE_RUNTIME : t->type);
}

/* "root.loop.train" as its parts. */
static void write_scope(const char *path, struct jw *w)
{
    jw_begin_in(w, "scope_path", '[');
    while (path && *path) {
        size_t n = strcspn(path, ".");

        jw_strn(w, path, n);
        path += n + (path[n] == '.');
    }
    jw_end(w, ']');
}

int native_task_write(struct req *r, const struct store_task *t, const char *run, struct jw *w,
                      struct dh_err *err)
{
    struct store_task parent = {0};

    if (t->parent_task_id &&
        store_task_get(r->store, t->parent_task_id, r->arena, &parent, err) < 0)
        return -1;
    jw_begin(w, '{');
    jw_text(w, "name", t->name);
    jw_text(w, "display_name", t->display_name && *t->display_name ? t->display_name : t->name);
    jw_text(w, "task_id", t->uuid);
    jw_text(w, "run_id", run);
    jw_opt(w, "cache_fingerprint", t->cache_fingerprint);
    jw_seconds(w, "create_time", t->created_us);
    jw_seconds(w, "start_time", t->started_us);
    jw_seconds(w, "end_time", t->finished_us);
    jw_text(w, "state", store_state_name(t->state)); /* CACHED is a state of its own here */
    jw_text(w, "type", task_type(t));
    write_attributes(t, w);
    jw_opt(w, "parent_task_id", parent.uuid);
    if (run_task_children(r, t, w, err) < 0)
        return -1;
    write_scope(t->scope_path, w);
    if (write_io(r, t, STORE_INPUT, w, err) < 0 || write_io(r, t, STORE_OUTPUT, w, err) < 0)
        return -1;
    jw_end(w, '}');
    return 0;
}

int native_tasks_get(struct req *r, struct dh_err *err)
{
    struct store_task t;
    struct store_run run;

    if (ui_task_find(r, r->param[0], &t, &run, err) < 0)
        return -1;
    return native_task_write(r, &t, run.uuid, req_json(r), err);
}

static int task_item(struct req *r, int64_t id, struct jw *w, struct dh_err *err)
{
    struct store_task t;
    struct store_run run;

    if (store_task_get(r->store, id, r->arena, &t, err) < 0 ||
        store_run_get(r->store, t.run_id, r->arena, &run, err) < 0)
        return -1;
    return native_task_write(r, &t, run.uuid, w, err);
}

int native_tasks_list(struct req *r, struct dh_err *err)
{
    const char *parent = req_arg(r, "parent_id"), *run_id = req_arg(r, "run_id");
    struct store_task up;
    struct store_run run;
    struct listing l;

    if ((parent && ui_task_find(r, parent, &up, &run, err) < 0) ||
        (run_id && run_find(r, run_id, &run, err) < 0) ||
        list(r, PAGE_TASKS, parent || run_id, &l, err) < 0)
        return -1;
    if (parent)
        listing_where(r, &l, "#parent", NULL, up.id);
    if (run_id)
        listing_where(r, &l, "#run", NULL, run.id);
    return listing_answer(r, &l, "tasks", task_item, err);
}

int native_tasks_cached(struct req *r, struct dh_err *err)
{
    const char *fingerprint = req_arg(r, "cache_fingerprint"), *namespace;
    struct store_linkeds outputs;
    struct store_task t = {0};
    struct store_run run;
    struct jw *w = req_json(r);
    int rc;

    if (!fingerprint)
        return dh_fail(err, DH_INVALID, "cache_fingerprint is required");
    if (access_new(r, req_arg(r, "namespace"), &namespace, err) < 0)
        return -1;
    do {
        rc = store_cache_find(r->store, fingerprint, 0, t.id, r->arena, &t, &outputs, err);
        if (rc < 0 || (rc == 0 && store_run_get(r->store, t.run_id, r->arena, &run, err) < 0))
            return -1;
    } while (rc == 0 && namespace && strcmp(run.namespace ? run.namespace : "", namespace) != 0);
    jw_begin(w, '{');
    if (rc == 0) {
        jw_key(w, "task");
        if (native_task_write(r, &t, run.uuid, w, err) < 0)
            return -1;
    }
    jw_end(w, '}');
    return 0;
}

/* ---- who made and used what ---- */

static int write_links(struct req *r, const struct store_linkeds *links, struct jw *w,
                       int64_t *total, struct dh_err *err)
{
    for (size_t i = 0; i < links->n; i++) {
        const struct store_link *link = &links->items[i].link;
        struct store_task task, producer = {0};
        struct store_run run;

        if (store_task_get(r->store, link->task_id, r->arena, &task, err) < 0 ||
            store_run_get(r->store, task.run_id, r->arena, &run, err) < 0 ||
            (link->producer_task_id &&
             store_task_get(r->store, link->producer_task_id, r->arena, &producer, err) < 0))
            return -1;
        if (auth_multi_user(r->api->auth) && !auth_may_see(r->user, run.namespace))
            continue;
        ++*total;
        jw_begin(w, '{');
        jw_text(w, "id",
                arena_printf(r->arena, "%s/%s/%lld", task.uuid, link->key, (long long)link->index));
        jw_text(w, "artifact_id", links->items[i].artifact.uuid);
        jw_text(w, "run_id", run.uuid);
        jw_text(w, "task_id", task.uuid);
        jw_text(w, "type", native_io_type(link));
        if (producer.name) {
            jw_begin_in(w, "producer", '{');
            jw_text(w, "task_name", producer.name);
            jw_end(w, '}');
        }
        jw_text(w, "key", link->key);
        jw_end(w, '}');
    }
    return 0;
}

static int links_of(struct req *r, const struct uri_arg *arg, enum store_link_type type,
                    struct store_linkeds *ret, struct dh_err *err)
{
    struct store_artifact artifact;
    struct store_task task;
    struct store_run run;

    if (!strcmp(arg->key, "run_ids"))
        return run_find(r, arg->value, &run, err) < 0
                   ? -1
                   : store_artifacts_of_run(r->store, run.id, type, r->arena, ret, err);
    if (!strcmp(arg->key, "task_ids"))
        return ui_task_find(r, arg->value, &task, &run, err) < 0
                   ? -1
                   : store_artifacts_of_task(r->store, task.id, type, r->arena, ret, err);
    return ui_artifact_find(r, arg->value, &artifact, err) < 0
               ? -1
               : store_artifact_links(r->store, artifact.id, type, r->arena, ret, err);
}

int native_artifact_tasks_list(struct req *r, struct dh_err *err)
{
    const char *type = req_arg(r, "type");
    int64_t total = 0;
    bool any = false;
    struct jw *w = req_json(r);

    jw_begin(w, '{');
    jw_begin_in(w, "artifact_tasks", '[');
    for (size_t i = 0; i < r->uri.n_args; i++) {
        const struct uri_arg *arg = &r->uri.args[i];

        if (strcmp(arg->key, "run_ids") != 0 && strcmp(arg->key, "task_ids") != 0 &&
            strcmp(arg->key, "artifact_ids") != 0)
            continue;
        any = true;
        for (int way = STORE_INPUT; way <= STORE_OUTPUT; way++) {
            struct store_linkeds links;

            if (type && (way == STORE_OUTPUT) != (strstr(type, "OUTPUT") && !strstr(type, "INPUT")))
                continue;
            if (links_of(r, arg, (enum store_link_type)way, &links, err) < 0 ||
                write_links(r, &links, w, &total, err) < 0)
                return -1;
        }
    }
    if (!any)
        return dh_fail(err, DH_INVALID,
                       "At least one filter (task_ids, run_ids, or artifact_ids) is required");
    jw_end(w, ']');
    jw_opt_int(w, "total_size", total);
    jw_end(w, '}');
    return 0;
}
