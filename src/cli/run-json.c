/* run-json - a run as the command line's contract has it: one object, the same from `run` and
 * `show`. */
#include <string.h>

#include "cli/out.h"
#include "cli/record.h"

struct js *record_artifact_json(const struct store_artifact *artifact)
{
    struct js *v = js_object();

    out_set_text(v, "artifact_id", artifact->uuid);
    out_set_text(v, "name", artifact->name);
    out_set_text(v, "type", artifact->type);
    out_set_text(v, "uri", artifact->uri);
    out_set_text(v, "digest", artifact->digest);
    js_set(v, "size_bytes", artifact->size_bytes < 0 ? js_null() : js_int(artifact->size_bytes));
    js_set(v, "metadata", out_parse(artifact->metadata, js_object()));
    return v;
}

static struct js *artifacts_json(const struct store_linkeds *all, int64_t task_id)
{
    struct store_linkeds links = record_links(all, task_id);
    struct js *v = js_object();

    for (size_t i = 0; i < links.n; i++) {
        const char *key = links.items[i].link.key;

        if (!js_get(v, key))
            js_set(v, key, js_array());
        js_push(js_get(v, key), record_artifact_json(&links.items[i].artifact));
    }
    return v;
}

static struct js *io_json(const char *parameters, const struct store_linkeds *links,
                          int64_t task_id)
{
    struct js *v = js_object();

    js_set(v, "parameters", out_parse(parameters, js_object()));
    js_set(v, "artifacts", artifacts_json(links, task_id));
    return v;
}

struct js *record_task_json(const struct record *record, const struct store_task *task)
{
    struct js *v = js_object();

    out_set_text(v, "task_id", task->uuid);
    out_set_text(v, "name", task->name);
    if (task->display_name && *task->display_name)
        out_set_text(v, "display_name", task->display_name);
    out_set_text(v, "scope_path", task->scope_path);
    out_set_text(v, "key", record_key(record, task));
    out_set_text(v, "type", store_task_type_name(task->type));
    js_set(v, "iteration_index",
           task->iteration_index < 0 ? js_null() : js_int(task->iteration_index));
    out_set_text(v, "state", store_state_name(task->state));
    out_set_text(v, "reason", task->state_reason);
    js_set(v, "attempts", js_int(task->attempts));
    out_set_text(v, "cached_from", task->cached_from);
    js_set(v, "inputs", io_json(task->inputs, &record->inputs, task->id));
    js_set(v, "outputs", io_json(task->outputs, &record->outputs, task->id));
    out_set_time(v, "started_at", task->started_us);
    out_set_time(v, "finished_at", task->finished_us);
    js_set(v, "exit_code", task->exit_code < 0 ? js_null() : js_int(task->exit_code));
    js_set(v, "error", out_parse(task->error, js_null()));
    out_set_text(v, "log", task->log_path);
    return v;
}

struct js *record_run_head_json(const struct store_run *run)
{
    struct js *v = js_object();

    out_set_text(v, "run_id", run->uuid);
    js_set(v, "number", js_int(run->id));
    out_set_text(v, "display_name", run->display_name);
    out_set_text(v, "pipeline", run->pipeline);
    out_set_text(v, "pipeline_version", run->pipeline_version);
    out_set_text(v, "experiment", run->experiment);
    out_set_text(v, "state", store_state_name(run->state));
    out_set_time(v, "created_at", run->created_us);
    out_set_time(v, "started_at", run->started_us);
    out_set_time(v, "finished_at", run->finished_us);
    js_set(v, "error", out_parse(run->error, js_null()));
    js_set(v, "parameters", out_parse(run->parameters, js_object()));
    js_set(v, "outputs", out_parse(run->outputs, js_object()));
    out_set_text(v, "notes", run->notes);
    js_set(v, "archived", js_bool(run->archived));
    return v;
}

int record_run_full_head_json(struct store *store, const struct store_run *run, struct arena *a,
                              struct js **ret, struct dh_err *err)
{
    const char *tags, *metrics;

    if (store_tags(store, STORE_TAG_RUN, run->id, a, &tags, err) < 0 ||
        store_metric_last(store, run->id, a, &metrics, err) < 0)
        return -1;
    *ret = record_run_head_json(run);
    js_set(*ret, "tags", out_parse(tags, js_object()));
    js_set(*ret, "metrics", out_parse(metrics, js_object()));
    return 0;
}

struct js *record_run_json(const struct record *record)
{
    struct js *v = record_run_head_json(&record->run), *tasks = js_array();

    js_set(v, "tags", out_parse(record->tags, js_object()));
    js_set(v, "artifacts", js_object());
    for (size_t i = 0; i < record->tasks.n; i++) {
        const struct store_task *task = &record->tasks.items[i];

        if (task->type == STORE_ROOT)
            js_set(v, "artifacts", artifacts_json(&record->outputs, task->id));
        else
            js_push(tasks, record_task_json(record, task));
    }
    js_set(v, "tasks", tasks);
    return v;
}
