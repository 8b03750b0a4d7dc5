/* provenance - what a model version was made from, by which run. */
#include <string.h>

#include "base/clock.h"
#include "base/js.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "registry/registry.h"

enum { MAX_TASKS = 20000 };

static void set_text(struct js *object, const char *key, const char *text)
{
    js_set(object, key, text ? js_str(text) : js_null());
}

static void set_time(struct js *object, const char *key, int64_t us)
{
    char text[CLOCK_TEXT];

    js_set(object, key, us > 0 ? js_str(clock_text(us, text)) : js_null());
}

static void set_parsed(struct js *object, const char *key, const char *json, struct js *other)
{
    struct js *v = NULL;

    if (!json || js_parse(json, strlen(json), &v, NULL) < 0)
        v = other;
    else
        js_free(other);
    js_set(object, key, v);
}

/* ---- the data ---- */

struct walk {
    struct store *s;
    struct arena *a;
    struct strmap *tasks, *artifacts; /* seen: ids as text */
    int64_t *todo;
    size_t n, cap;
    struct js *data;
};

static bool first_time(struct walk *w, struct strmap *seen, int64_t id)
{
    const char *key = arena_printf(w->a, "%lld", (long long)id);

    if (strmap_get(seen, key))
        return false;
    (void)strmap_put(seen, key, w);
    return true;
}

/* What came from outside, or is called a dataset. */
static void add_data(struct walk *w, const struct store_artifact *artifact, bool from_outside)
{
    struct js *v;

    if ((!from_outside && strcmp(artifact->type, "system.Dataset") != 0) ||
        !first_time(w, w->artifacts, artifact->id))
        return;
    v = js_object();
    set_text(v, "artifact_id", artifact->uuid);
    set_text(v, "type", artifact->type);
    set_text(v, "name", artifact->name);
    set_text(v, "uri", artifact->uri);
    set_text(v, "digest", artifact->digest);
    js_push(w->data, v);
}

static int visit(struct walk *w, int64_t task, struct dh_err *err)
{
    struct store_linkeds inputs;

    if (store_artifacts_of_task(w->s, task, STORE_INPUT, w->a, &inputs, err) < 0)
        return -1;
    for (size_t i = 0; i < inputs.n; i++) {
        int64_t producer = inputs.items[i].link.producer_task_id;
        struct store_task made = {.type = STORE_IMPORTER};

        if (producer && store_task_get(w->s, producer, w->a, &made, err) < 0)
            return -1;
        add_data(w, &inputs.items[i].artifact, made.type == STORE_IMPORTER);
        /* A result from the cache was made by the task that it came from. */
        producer = made.cached_from_id ? made.cached_from_id : producer;
        if (producer && w->n < MAX_TASKS && first_time(w, w->tasks, producer)) {
            DH_GROW(w->todo, w->n, w->cap);
            w->todo[w->n++] = producer;
        }
    }
    return 0;
}

static int data_of(struct store *s, const struct store_model_version *v, struct js *data,
                   struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    own(strmap_free) struct strmap *tasks = strmap_new();
    own(strmap_free) struct strmap *artifacts = strmap_new();
    struct walk w = {.s = s, .a = a, .tasks = tasks, .artifacts = artifacts, .data = data};
    int rc = 0;

    if (v->task_id) {
        DH_GROW(w.todo, w.n, w.cap);
        w.todo[w.n++] = v->task_id;
    }
    for (size_t i = 0; rc == 0 && i < w.n; i++)
        rc = visit(&w, w.todo[i], err);
    dh_mem_own(&w.todo);
    return rc;
}

static int run_of(struct store *s, const struct store_model_version *v, struct js *to,
                  struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    struct store_task task;
    struct store_run run;

    if (!v->run_id)
        return 0;
    if (store_run_get(s, v->run_id, a, &run, err) < 0)
        return -1;
    set_text(to, "run_name", run.display_name);
    set_text(to, "pipeline", run.pipeline);
    set_text(to, "pipeline_version", run.pipeline_version);
    set_text(to, "spec_digest", run.spec_digest);
    set_parsed(to, "parameters", run.parameters, js_object());
    set_time(to, "started_at", run.started_us);
    if (!v->task_id)
        return 0;
    if (store_task_get(s, v->task_id, a, &task, err) < 0)
        return -1;
    set_text(to, "task", task.name);
    return 0;
}

int registry_provenance(struct store *s, const struct store_model_version *v, struct js **ret,
                        struct dh_err *err)
{
    own(js_free) struct js *to = js_object();
    struct js *data = js_array();

    set_text(to, "run_id", v->run_uuid);
    set_text(to, "task_id", v->task_uuid);
    js_set(to, "data", data);
    if (run_of(s, v, to, err) < 0 || data_of(s, v, data, err) < 0)
        return -1;
    *ret = take(&to);
    return 0;
}

static bool find_key(const struct store_linkeds *links, const char *key, struct store_artifact *ret)
{
    for (size_t i = 0; i < links->n; i++)
        if (!strcmp(links->items[i].link.key, key)) {
            *ret = links->items[i].artifact;
            return true;
        }
    return false;
}

int registry_report(struct store *s, const struct store_model_version *v, struct arena *a,
                    struct store_artifact *ret, struct dh_err *err)
{
    struct store_linkeds links = {0};

    if (v->task_id && store_artifacts_of_task(s, v->task_id, STORE_INPUT, a, &links, err) < 0)
        return -1;
    if (find_key(&links, "report", ret))
        return 0;
    links = (struct store_linkeds){0};
    if (v->run_id && store_artifacts_of_run(s, v->run_id, STORE_OUTPUT, a, &links, err) < 0)
        return -1;
    if (find_key(&links, "chosen_report", ret))
        return 0;
    return dh_fail(err, DH_NOT_FOUND,
                   "version %s of '%s' has no report: 'promote --report' keeps one", v->version,
                   v->model);
}

static struct js *approval_json(const struct store_model_version *v)
{
    struct js *to;

    if (!v->approval)
        return js_null();
    to = js_object();
    set_text(to, "decision", v->approval);
    set_text(to, "who", v->approval_who);
    set_text(to, "why", v->approval_why);
    set_time(to, "at", v->approval_us);
    return to;
}

int registry_version_json(struct store *s, const struct store_model_version *v, struct js **ret,
                          struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    own(js_free) struct js *to = js_object();
    struct js *metrics, *provenance;
    const char *tags;

    set_text(to, "model_version_id", v->uuid);
    set_text(to, "model", v->model);
    set_text(to, "version", v->version);
    set_text(to, "description", v->description);
    set_parsed(to, "aliases", v->aliases, js_array());
    set_text(to, "stage", v->stage);
    js_set(to, "approval", approval_json(v));
    set_text(to, "artifact_id", v->artifact_uuid);
    set_text(to, "uri", v->uri);
    set_text(to, "digest", v->digest);
    set_text(to, "run_id", v->run_uuid);
    set_text(to, "task_id", v->task_uuid);
    set_parsed(to, "metadata", v->metadata, js_object());
    set_time(to, "created_at", v->created_us);
    set_time(to, "updated_at", v->updated_us);
    if (store_tags(s, STORE_TAG_MODEL_VERSION, v->id, a, &tags, err) < 0)
        return -1;
    set_parsed(to, "tags", tags, js_object());
    if (registry_metrics(s, v, &metrics, err) < 0)
        return -1;
    js_set(to, "metrics", metrics);
    if (registry_provenance(s, v, &provenance, err) < 0)
        return -1;
    js_set(to, "provenance", provenance);
    *ret = take(&to);
    return 0;
}
