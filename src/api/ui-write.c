/* ui-write - how the page is told of runs, tasks, artifacts. */
#include <string.h>

#include "api/runs.h"
#include "api/ui.h"
#include "base/mem.h"
#include "store/catalog.h"

bool ui_is_number(const char *text)
{
    size_t n = strspn(text, "0123456789");

    return n > 0 && n < 19 && text[n] == '\0';
}

void ui_named(struct jw *w, const char *key, const char *id, const char *name)
{
    jw_key(w, key);
    if (!id) {
        jw_raw(w, NULL);
        return;
    }
    jw_begin(w, '{');
    jw_text(w, "id", id);
    jw_text(w, "name", name);
    jw_end(w, '}');
}

static int write_progress(struct store *s, const struct store_run *run, struct jw *w,
                          struct dh_err *err)
{
    int64_t n[STORE_N_STATES], total = 0;

    if (catalog_run_progress(s, run, n, err) < 0)
        return -1;
    for (int i = 0; i < STORE_N_STATES; i++)
        total += n[i];
    jw_begin_in(w, "tasks", '{');
    jw_number(w, "total", total);
    jw_number(w, "done", total - n[STORE_PENDING] - n[STORE_RUNNING]);
    jw_number(w, "failed", n[STORE_FAILED]);
    jw_number(w, "running", n[STORE_RUNNING]);
    jw_end(w, '}');
    return 0;
}

int ui_run_members(struct store *s, struct arena *a, const struct store_run *run, struct jw *w,
                   struct dh_err *err)
{
    const char *metrics, *tags;

    if (store_metric_last(s, run->id, a, &metrics, err) < 0 ||
        store_tags(s, STORE_TAG_RUN, run->id, a, &tags, err) < 0)
        return -1;
    jw_text(w, "run_id", run->uuid);
    jw_number(w, "number", run->id);
    jw_text(w, "display_name", run->display_name);
    jw_text(w, "description", run->description);
    jw_text(w, "notes", run->notes);
    jw_text(w, "state", run_state(run));
    ui_named(w, "pipeline", run->pipeline_uuid, run->pipeline);
    ui_named(w, "version", run->version_uuid, run->pipeline_version);
    ui_named(w, "experiment", run->experiment_uuid, run->experiment);
    jw_text(w, "schedule_id", run->schedule_uuid);
    jw_time(w, "created_at", run->created_us);
    jw_time(w, "started_at", run->started_us);
    jw_time(w, "finished_at", run_finished(run));
    jw_flag(w, "archived", run->archived);
    jw_json(w, "error", run->error, NULL);
    jw_json(w, "parameters", run->parameters, "{}");
    jw_json(w, "metrics", metrics, "{}");
    jw_json(w, "tags", tags, "{}");
    return write_progress(s, run, w, err);
}

/* ---- tasks ---- */

static int parent_of(struct store *s, struct arena *a, const struct store_task *task,
                     const char **ret, struct dh_err *err)
{
    struct store_task parent;

    *ret = NULL;
    if (!task->parent_task_id)
        return 0;
    if (store_task_get(s, task->parent_task_id, a, &parent, err) < 0)
        return -1;
    *ret = parent.uuid;
    return 0;
}

int ui_task_members(struct store *s, struct arena *a, const struct store_task *t,
                    const char *parent, const char *key, struct jw *w, struct dh_err *err)
{
    if (!key && (catalog_task_key(s, t, a, &key, err) < 0 || parent_of(s, a, t, &parent, err) < 0))
        return -1;
    jw_text(w, "task_id", t->uuid);
    jw_text(w, "parent_task_id", parent);
    jw_text(w, "name", t->name);
    jw_text(w, "display_name", t->display_name);
    jw_text(w, "scope_path", t->scope_path);
    jw_text(w, "key", key);
    jw_text(w, "type", store_task_type_name(t->type));
    jw_key(w, "iteration_index");
    t->iteration_index < 0 ? jw_raw(w, NULL) : jw_int(w, t->iteration_index);
    jw_key(w, "iteration_count");
    t->iteration_count < 0 ? jw_raw(w, NULL) : jw_int(w, t->iteration_count);
    jw_text(w, "state", store_state_name(t->state));
    jw_text(w, "reason", t->state_reason);
    jw_number(w, "attempts", t->attempts);
    jw_text(w, "cached_from", t->cached_from);
    jw_time(w, "created_at", t->created_us);
    jw_time(w, "started_at", t->started_us);
    jw_time(w, "finished_at", t->finished_us);
    jw_key(w, "exit_code");
    t->exit_code < 0 ? jw_raw(w, NULL) : jw_int(w, t->exit_code);
    jw_json(w, "error", t->error, NULL);
    return 0;
}

void ui_metric_write(const struct store_metric *m, const char *task_uuid, const char *task,
                     struct jw *w)
{
    jw_begin(w, '{');
    jw_number(w, "id", m->id);
    jw_text(w, "task_id", task_uuid);
    jw_text(w, "task", task);
    jw_text(w, "name", m->name);
    jw_key(w, "step");
    m->step < 0 ? jw_raw(w, NULL) : jw_int(w, m->step);
    jw_key(w, "value");
    jw_num(w, m->number);
    jw_time(w, "time", m->time_us);
    jw_end(w, '}');
}

/* ---- artifacts ---- */

void ui_artifact_members(const struct store_artifact *artifact, struct jw *w)
{
    jw_text(w, "artifact_id", artifact->uuid);
    jw_text(w, "name", artifact->name);
    jw_text(w, "type", artifact->type);
    jw_text(w, "uri", artifact->uri);
    jw_text(w, "digest", artifact->digest);
    jw_key(w, "size_bytes");
    artifact->size_bytes < 0 ? jw_raw(w, NULL) : jw_int(w, artifact->size_bytes);
    jw_json(w, "metadata", artifact->metadata, "{}");
    jw_text(w, "state", artifact->state == STORE_DELETED ? "DELETED" : "LIVE");
    jw_time(w, "created_at", artifact->created_us);
}

int ui_list_end(struct jw *w, const char *next, int64_t total)
{
    jw_end(w, ']');
    jw_text(w, "next", next);
    jw_key(w, "total");
    total < 0 ? jw_raw(w, NULL) : jw_int(w, total);
    jw_end(w, '}');
    return 0;
}

int ui_limit(struct req *r, int *ret, struct dh_err *err)
{
    int64_t limit;

    if (req_arg_int(r, "limit", 50, &limit, err) < 0)
        return -1;
    *ret = limit < 1 ? 50 : limit > 500 ? 500 : (int)limit;
    return 0;
}
