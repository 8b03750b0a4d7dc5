/* record - rows of tasks: opened, attempted, ended. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/js.h"
#include "base/mem.h"
#include "engine/engine-priv.h"

#define TAIL_BYTES 4096
#define TAIL_LINES 20

int64_t record_id(const struct plan_node *node)
{
    return node ? (int64_t)(intptr_t)node->user : 0;
}

static void set_id(struct plan_node *node, int64_t id)
{
    node->user = (void *)(intptr_t)id;
}

static enum store_state state_of(enum plan_state state)
{
    static const enum store_state states[] = {
        [PLAN_PENDING] = STORE_PENDING,     [PLAN_RUNNING] = STORE_RUNNING,
        [PLAN_SUCCEEDED] = STORE_SUCCEEDED, [PLAN_CACHED] = STORE_CACHED,
        [PLAN_SKIPPED] = STORE_SKIPPED,     [PLAN_FAILED] = STORE_FAILED,
        [PLAN_CANCELED] = STORE_CANCELED};

    return states[state];
}

static enum store_task_type type_of(const struct plan_node *node)
{
    static const enum store_task_type types[] = {[PLAN_RUNTIME] = STORE_RUNTIME,
                                                 [PLAN_IMPORTER] = STORE_IMPORTER,
                                                 [PLAN_DAG] = STORE_DAG,
                                                 [PLAN_CONDITION] = STORE_CONDITION,
                                                 [PLAN_CONDITION_BRANCH] = STORE_CONDITION_BRANCH,
                                                 [PLAN_LOOP] = STORE_LOOP,
                                                 [PLAN_LOOP_ITERATION] = STORE_LOOP_ITERATION,
                                                 [PLAN_EXIT_HANDLER] = STORE_EXIT_HANDLER};

    return node->parent ? types[node->type] : STORE_ROOT;
}

/* NULL where there is nothing to say. */
static char *parameters_text(const struct js *io)
{
    const struct js *p = js_get(io, "parameters");

    return js_n(p) ? js_dump(p, JS_COMPACT) : NULL;
}

/* Secrets are references in here too: what a task is given by the platform never enters `inputs`.
 */
static int insert(struct run *run, struct plan_node *node, const char uuid[ID_TEXT],
                  struct store_task *row, struct dh_err *err)
{
    own_mem char *scope = plan_scope_path(node);
    int64_t id;

    row->uuid = uuid;
    row->run_id = run->id;
    row->parent_task_id = record_id(node->parent);
    row->name = plan_name(node);
    row->display_name = node->task ? node->task->task_info.name : run->facts.job_name;
    row->scope_path = scope;
    row->type = type_of(node);
    row->iteration_index = plan_iteration(node);
    row->iteration_count =
        node->type == PLAN_LOOP && node->state != PLAN_SKIPPED ? (int64_t)node->n_children : -1;
    row->exit_code = -1;
    row->created_us = clock_now_us();
    if (store_task_insert(run->engine->store, row, &id, err) < 0)
        return -1;
    set_id(node, id);
    return 0;
}

static int link_inputs(struct run *run, const struct plan_node *node, int64_t task,
                       struct dh_err *err)
{
    for (js_each(js_get(node->inputs, "artifacts"), it))
        for (size_t i = 0; i < js_n(it.value); i++) {
            const struct js *a = js_at(it.value, i);
            struct store_link link = {.artifact_id = js_get_int(a, "row", 0),
                                      .task_id = task,
                                      .type = STORE_INPUT,
                                      .key = it.key,
                                      .index = (int64_t)i,
                                      .producer_task_id = js_get_int(a, "producer", 0),
                                      .producer_key = js_get_text(a, "producer_key")};

            if (link.artifact_id && store_artifact_link(run->engine->store, &link, err) < 0)
                return -1;
        }
    return 0;
}

int record_inputs(struct run *run, struct job *job, struct dh_err *err)
{
    return link_inputs(run, job->node, job->task, err);
}

int record_open(struct run *run, struct plan_node *node, struct dh_err *err)
{
    struct earlier *e = earlier_find(run, node);
    own_mem char *inputs = parameters_text(node->inputs);
    struct store_task row = {
        .state = STORE_RUNNING, .inputs = inputs, .started_us = clock_now_us()};
    char uuid[ID_TEXT];

    if (!e) {
        if (insert(run, node, id_new(uuid), &row, err) < 0)
            return -1;
        return link_inputs(run, node, record_id(node), err);
    }
    set_id(node, e->row.id);
    if (store_task_reset(run->engine->store, e->row.id, err) < 0 ||
        link_inputs(run, node, e->row.id, err) < 0)
        return -1;
    return store_task_start(
        run->engine->store, e->row.id,
        &(struct store_task_start){.attempts = 0,
                                   .inputs = inputs,
                                   .iteration_count =
                                       node->type == PLAN_LOOP ? (int64_t)node->n_children : -1,
                                   .now_us = row.started_us},
        err);
}

static int link_outputs(struct run *run, int64_t task, const struct js *outputs, struct dh_err *err)
{
    for (js_each(js_get(outputs, "artifacts"), it))
        for (size_t i = 0; i < js_n(it.value); i++) {
            struct store_link link = {.artifact_id = js_get_int(js_at(it.value, i), "row", 0),
                                      .task_id = task,
                                      .type = STORE_OUTPUT,
                                      .key = it.key,
                                      .index = (int64_t)i};

            if (link.artifact_id && store_artifact_link(run->engine->store, &link, err) < 0)
                return -1;
        }
    return 0;
}

/* A node that ends without a row (skipped, canceled, an empty dag) gets one that is over already.
 */
static int insert_ended(struct run *run, struct plan_node *node, const char *outputs,
                        struct dh_err *err)
{
    own_mem char *inputs = parameters_text(node->inputs);
    int64_t now = clock_now_us();
    struct store_task row = {.state = state_of(node->state),
                             .inputs = inputs,
                             .outputs = outputs,
                             .state_reason = node->reason,
                             .started_us = now,
                             .finished_us = now};
    own_mem char *error = NULL;
    char uuid[ID_TEXT];

    if (node->state == PLAN_FAILED) {
        row.error = error = record_error_json(node, node->reason, NULL);
        run_error(run, dh_strdup(error));
    }
    return insert(run, node, id_new(uuid), &row, err);
}

int record_end(struct run *run, struct plan_node *node, struct dh_err *err)
{
    own(js_free) struct js *given = NULL;
    own_mem char *outputs = NULL;
    struct earlier *e;
    struct store_task_finish finish = {.state = state_of(node->state),
                                       .state_reason = node->reason,
                                       .exit_code = -1,
                                       .now_us = clock_now_us()};

    if (plan_is_leaf(node) && node->user)
        return 0; /* its row was written when it ended */
    if (!plan_is_leaf(node) && node->state == PLAN_SUCCEEDED)
        given = plan_dag_outputs(run->plan, node);
    outputs = parameters_text(given);
    e = earlier_find(run, node);
    if (e && !node->user && node->state == PLAN_CANCELED) { /* before it was asked for */
        earlier_keep(run, node);
        return store_state_ended(e->row.state)
                   ? 0
                   : store_task_finish(run->engine->store, e->row.id, &finish, err);
    }
    if (e &&
        !node->user) { /* it had run once, and does not now: nothing below it counts any more */
        e->used = false;
        (void)store_task_delete(run->engine->store, e->row.id, NULL);
        e = NULL;
    }
    if (!node->user) {
        if (insert_ended(run, node, outputs, err) < 0)
            return -1;
    } else {
        finish.outputs = outputs;
        if (store_task_finish(run->engine->store, record_id(node), &finish, err) < 0)
            return -1;
    }
    return link_outputs(run, record_id(node), given, err);
}

/* Its result is not added to the cache. */
static bool is_only_here(const struct job *job)
{
    return !(job->run->cache & CACHE_WRITE) || !plan_may_cache(job->node);
}

static const char *fingerprint_of(const struct job *job)
{
    return job->fingerprint[0] ? job->fingerprint : NULL;
}

/* One statement for what is known of the task by then: to write a row again costs as much as to
 * write it. */
static int insert_leaf(struct run *run, struct job *job, struct store_task *row, struct dh_err *err)
{
    own_mem char *inputs = parameters_text(job->node->inputs);

    row->inputs = inputs;
    row->cache_fingerprint = fingerprint_of(job);
    row->only_here = is_only_here(job);
    if (insert(run, job->node, job->uuid, row, err) < 0)
        return -1;
    job->task = record_id(job->node);
    return record_inputs(run, job, err);
}

int record_leaf(struct run *run, struct job *job, struct dh_err *err)
{
    struct earlier *e = earlier_find(run, job->node);

    if (!e) {
        (void)id_new(job->uuid);
        return 0;
    }
    job->task = e->row.id;
    set_id(job->node, e->row.id);
    (void)snprintf(job->uuid, sizeof job->uuid, "%s", e->row.uuid);
    job->attempt = (int)e->row.attempts;
    if (store_task_reset(run->engine->store, e->row.id, err) < 0)
        return -1;
    return record_inputs(run, job, err);
}

int record_waiting(struct run *run, struct job *job, struct dh_err *err)
{
    return job->task ? 0 : insert_leaf(run, job, &(struct store_task){.state = STORE_PENDING}, err);
}

int record_attempt(struct run *run, struct job *job, struct dh_err *err)
{
    own_mem char *inputs = NULL;
    struct store_task_start start = {.attempts = job->attempt,
                                     .cache_fingerprint = fingerprint_of(job),
                                     .only_here = is_only_here(job),
                                     .folder = job->task_root,
                                     .log_path = job->spec.log,
                                     .iteration_count = -1,
                                     .now_us = job->started_us = clock_now_us()};

    if (!job->task)
        return insert_leaf(run, job,
                           &(struct store_task){.state = STORE_RUNNING,
                                                .attempts = job->attempt,
                                                .folder = job->task_root,
                                                .log_path = job->spec.log,
                                                .started_us = job->started_us},
                           err);
    start.inputs = inputs = parameters_text(job->node->inputs);
    return store_task_start(run->engine->store, job->task, &start, err);
}

static int put_attempt(struct run *run, const struct job *job, enum store_state state,
                       const char *reason, int exit_code, struct dh_err *err)
{
    struct store_attempt attempt = {.task_id = job->task,
                                    .number = job->attempt,
                                    .state = state,
                                    .exit_code = exit_code,
                                    .reason = reason,
                                    .log_path = job->spec.log,
                                    .started_us = job->started_us,
                                    .finished_us = clock_now_us()};

    return store_attempt_put(run->engine->store, &attempt, err);
}

int record_failure(struct run *run, struct job *job, enum plan_state state, const char *reason,
                   int exit_code, bool final, struct dh_err *err)
{
    own_mem char *error = record_error_json(job->node, reason, job->spec.log);
    struct store_task_finish finish = {.state = state_of(state),
                                       .state_reason = reason,
                                       .error = state == PLAN_FAILED ? error : NULL,
                                       .exit_code = exit_code,
                                       .now_us = clock_now_us()};

    if (job->attempt > 0 && put_attempt(run, job, state_of(state), reason, exit_code, err) < 0)
        return -1;
    if (final && state == PLAN_FAILED)
        run_error(run, dh_strdup(error));
    return final ? store_task_finish(run->engine->store, job->task, &finish, err) : 0;
}

/* The last lines of a log, as text that may be shown: no more than TAIL_LINES, no broken first
 * line. */
static char *log_tail(const char *path)
{
    own_mem char *text = NULL;
    FILE *f = path ? fopen(path, "re") : NULL;
    long size;
    size_t n;
    char *at;
    int lines = 0;

    if (!f)
        return dh_strdup("");
    (void)fseek(f, 0, SEEK_END);
    size = ftell(f);
    (void)fseek(f, size > TAIL_BYTES ? size - TAIL_BYTES : 0, SEEK_SET);
    text = dh_alloc(TAIL_BYTES + 1);
    n = fread(text, 1, TAIL_BYTES, f);
    (void)fclose(f);
    while (n && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        n--;
    text[n] = '\0';
    for (at = text + n; at > text; at--)
        if (at[-1] == '\n' && ++lines == TAIL_LINES)
            break;
    if (at == text && size > TAIL_BYTES && strchr(text, '\n'))
        at = strchr(text, '\n') + 1;
    return dh_strdup(at);
}

char *record_error_json(const struct plan_node *node, const char *message, const char *log)
{
    own(js_free) struct js *error = js_object();
    own_mem char *tail = log_tail(log);

    js_set(error, "task", js_str(plan_name(node)));
    js_set(error, "message", js_str(message ? message : "failed"));
    js_set(error, "log_tail", js_str(tail));
    return js_dump(error, JS_COMPACT);
}

int record_outputs_read(const char *parameters, const struct store_linked *links, size_t n,
                        struct js **ret, struct dh_err *err)
{
    own(js_free) struct js *outputs = js_object();
    struct js *values = NULL, *artifacts = js_object(), *list, *a;

    js_set(outputs, "artifacts", artifacts);
    if (parameters && js_parse(parameters, strlen(parameters), &values, err) < 0)
        return dh_while(err, "recorded outputs");
    js_set(outputs, "parameters", values ? values : js_object());
    for (size_t i = 0; i < n; i++) {
        const struct store_artifact *row = &links[i].artifact;
        struct js *metadata = NULL;

        if (row->metadata && js_parse(row->metadata, strlen(row->metadata), &metadata, err) < 0)
            return dh_while(err, "recorded metadata");
        a = js_object();
        js_set(a, "artifact_id", js_str(row->uuid));
        js_set(a, "name", js_str(row->name));
        js_set(a, "type", js_str(row->type));
        js_set(a, "uri", js_str(row->uri));
        if (row->digest)
            js_set(a, "digest", js_str(row->digest));
        js_set(a, "metadata", metadata ? metadata : js_object());
        js_set(a, "row", js_int(row->id));
        js_set(a, "producer", js_int(links[i].link.task_id));
        js_set(a, "producer_key", js_str(links[i].link.key));
        list = js_get(artifacts, links[i].link.key);
        if (!list) {
            list = js_array();
            js_set(artifacts, links[i].link.key, list);
        }
        js_push(list, a);
    }
    *ret = js_n(js_get(outputs, "parameters")) || js_n(artifacts) ? take(&outputs) : NULL;
    return 0;
}

static int end_cached(struct run *run, struct job *job, const struct store_task *origin,
                      int64_t now_us, struct dh_err *err)
{
    static const char reason[] = "an equal task had this result";
    struct store_task_start start = {.attempts = job->attempt,
                                     .log_path = origin->log_path,
                                     .iteration_count = -1,
                                     .now_us = now_us};
    struct store_task_finish finish = {.state = STORE_CACHED,
                                       .outputs = origin->outputs,
                                       .state_reason = reason,
                                       .exit_code = -1,
                                       .cached_from_id = origin->id,
                                       .now_us = now_us};

    if (!job->task)
        return insert_leaf(run, job,
                           &(struct store_task){.state = STORE_CACHED,
                                                .outputs = origin->outputs,
                                                .state_reason = reason,
                                                .cached_from_id = origin->id,
                                                .log_path = origin->log_path,
                                                .started_us = now_us,
                                                .finished_us = now_us},
                           err);
    if (store_task_start(run->engine->store, job->task, &start, err) < 0)
        return -1;
    return store_task_finish(run->engine->store, job->task, &finish, err);
}

int record_cached(struct run *run, struct job *job, const struct store_task *origin,
                  const struct store_linkeds *outputs, struct dh_err *err)
{
    int64_t now_us = clock_now_us();

    if (end_cached(run, job, origin, now_us, err) < 0 ||
        record_outputs_read(origin->outputs, outputs->items, outputs->n, &job->outputs, err) < 0)
        return -1;
    for (size_t i = 0; i < outputs->n; i++)
        if (!strcmp(outputs->items[i].artifact.type, "system.Metrics")) {
            if (store_metric_reuse(run->engine->store, origin->id, run->id, job->task, now_us,
                                   err) < 0)
                return -1;
            break;
        }
    return link_outputs(run, job->task, job->outputs, err);
}
