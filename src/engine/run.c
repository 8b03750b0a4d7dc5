/* run - one run from claim to end: its turns. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "artifact/artifact.h"
#include "base/clock.h"
#include "base/cpus.h"
#include "base/fs.h"
#include "base/js.h"
#include "base/mem.h"
#include "engine/cluster.h"
#include "engine/engine-priv.h"
#include "engine/notify.h"
#include "engine/remote.h"
#include "spec/kubernetes.h"

/* ---- telling ---- */

void run_note(struct run *run, const char *text)
{
    if (strmap_put(run->notes, text, run))
        return;
    if (run->watch && run->watch->note)
        run->watch->note(run->watch->user, text);
}

void run_error(struct run *run, char *error_json)
{
    if (run->first_error)
        free(error_json);
    else
        run->first_error = error_json;
}

static void notify_task(struct run *run, const struct plan_node *node, enum plan_state state,
                        const char *reason)
{
    own_mem char *key = NULL;

    if (!notify_wants_tasks(run->notify))
        return;
    key = plan_key(node);
    notify_send(run->notify,
                &(struct notify_event){.run_id = run->uuid,
                                       .run = run->facts.job_name,
                                       .pipeline = run->spec->pipeline.pipeline_info.name,
                                       .task = key + strlen("root") + (key[strlen("root")] == '.'),
                                       .state = plan_state_name(state),
                                       .reason = reason,
                                       .at_us = clock_now_us(),
                                       .final = state >= PLAN_SUCCEEDED});
}

static void watch_run(struct run *run, enum plan_state state)
{
    if (run->watch && run->watch->run)
        run->watch->run(run->watch->user, run->uuid, state);
}

static void notify_run(struct run *run, enum plan_state state)
{
    own(js_free) struct js *error = NULL;

    if (run->result->error)
        (void)js_parse(run->result->error, strlen(run->result->error), &error, NULL);
    notify_send(run->notify,
                &(struct notify_event){.run_id = run->uuid,
                                       .run = run->facts.job_name,
                                       .pipeline = run->spec->pipeline.pipeline_info.name,
                                       .state = plan_state_name(state),
                                       .reason = js_get_text(error, "message"),
                                       .at_us = clock_now_us(),
                                       .final = state >= PLAN_SUCCEEDED});
}

static void say_note(void *user, const char *text)
{
    run_note(user, text);
}

void run_watch(struct run *run, const struct plan_node *node, const struct job *job,
               enum plan_state state, const char *reason, int exit_code, int retry_in_ms)
{
    struct engine_event event = {.run_id = run->uuid,
                                 .node = node,
                                 .state = state,
                                 .reason = reason,
                                 .at_us = clock_now_us(),
                                 .exit_code = exit_code,
                                 .retry_in_ms = retry_in_ms};

    if (node != plan_root(run->plan) && retry_in_ms < 0)
        notify_task(run, node, state, reason);
    if (!run->watch || !run->watch->task)
        return;
    if (job) {
        event.task_id = job->uuid;
        event.attempt = job->attempt;
        event.log = job->spec.log;
        event.started_us = job->started_us;
        event.waiting = state == PLAN_RUNNING && reason;
    }
    run->watch->task(run->watch->user, &event);
}

/* ---- turns ---- */

void run_stop(struct run *run)
{
    run->over = true;
    uv_stop(&run->engine->loop);
}

void run_fail(struct run *run)
{
    store_rollback(run->engine->store);
    run->rc = -1;
    run_stop(run);
}

static int change(struct run *run, struct plan_node *node, struct dh_err *err)
{
    bool leaf = plan_is_leaf(node);

    if (!plan_is_final(node))
        return leaf ? task_begin(run, node, err) : record_open(run, node, err);
    if (!(leaf && node->user)) /* a leaf that ran was told about when it ended */
        run_watch(run, node, NULL, node->state, node->reason, -1, -1);
    return record_end(run, node, err);
}

static int finish_run(struct run *run, struct dh_err *err)
{
    const struct plan_node *root = plan_root(run->plan);
    own(js_free) struct js *outputs = plan_dag_outputs(run->plan, plan_root(run->plan));
    const struct js *parameters = js_get(outputs, "parameters");
    own_mem char *text = js_dump(parameters, JS_COMPACT);
    static const enum store_state states[] = {[PLAN_SUCCEEDED] = STORE_SUCCEEDED,
                                              [PLAN_FAILED] = STORE_FAILED,
                                              [PLAN_CANCELED] = STORE_CANCELED};
    enum plan_state state = root->state;

    if (run->cancels && state == PLAN_SUCCEEDED)
        state = PLAN_CANCELED; /* exit handlers alone were left */
    if (run->late)
        state = PLAN_FAILED;
    run->result->state = state;
    run->result->outputs = js_n(parameters) ? take(&text) : NULL;
    run->result->error = state == PLAN_FAILED ? take(&run->first_error) : NULL;
    if (earlier_drop_unused(run, err) < 0)
        return -1;
    return store_run_finish(run->engine->store, run->id, states[state], run->result->outputs,
                            run->result->error, clock_now_us(), err);
}

static int advance(struct run *run, struct dh_err *err)
{
    struct plan_node *node;

    attempt_prepare_waiting(run);
    do {
        if (task_unpark(run, err) < 0)
            return -1;
        while (!run->over && (run->cancels || jobs_may_start(run)) &&
               plan_next(run->plan, &node) == 0)
            if (change(run, node, err) < 0)
                return -1;
    } while (!run->over && task_can_unpark(run));
    if (run->over || !plan_is_final(plan_root(run->plan)) || run->job_list)
        return 0;
    while (plan_next(run->plan, &node) == 0) /* the root's own end, if slots kept it back */
        if (change(run, node, err) < 0)
            return -1;
    run->ended = true;
    return 0;
}

void run_discard(struct run *run, char *folder)
{
    DH_GROW(run->garbage.items, run->garbage.n, run->garbage.cap);
    run->garbage.items[run->garbage.n++] = folder;
}

/* The slots' folders; and what a killed engine had no time to remove: every folder in the run's own
 * but the workspace. */
static void sweep(struct run *run)
{
    own_mem char *volumes = work_volumes(run);
    DIR *dir = NULL;

    work_remove(run);
    (void)fs_remove_tree(volumes, NULL);
    remote_sweep(run);
    if (run->how->mode != ENGINE_START || run->strays)
        dir = opendir(run->folder);

    for (struct dirent *e; dir && (e = readdir(dir));) {
        own_mem char *path = fs_join(run->folder, e->d_name);

        if (e->d_name[0] != '.' && strcmp(e->d_name, "workspace") != 0 && fs_is_dir(path))
            (void)fs_remove_tree(path, NULL);
    }
    if (dir)
        (void)closedir(dir);
}

static void take_out_garbage(struct run *run)
{
    while (run->garbage.n) {
        char *folder = run->garbage.items[--run->garbage.n];

        (void)fs_remove_tree(folder, NULL);
        free(folder);
    }
}

/* The run is on record as ended only when its folders are gone: after that nobody would look for
 * them. Killed in between, it is taken up again and finds nothing to do but this. */
static int close_run(struct run *run, struct dh_err *err)
{
    if (!run->cluster) /* which goes on with its loop */
        shepherd_dismiss(run->shepherd);
    sweep(run);
    store_settle(run->engine->store);
    if (store_begin(run->engine->store, err) < 0 ||
        (run->cluster && cluster_put_tails(run, err) < 0) || finish_run(run, err) < 0 ||
        store_commit(run->engine->store, err) < 0)
        return -1;
    run->closed = true;
    if (!run->cluster || cluster_is_over(run))
        run_stop(run);
    return 0;
}

/* On a cluster, logs may still be on their way; and once it is on record as ended, it is so. */
static bool may_close(struct run *run)
{
    return !run->cluster || (!run->closed && cluster_settled(run));
}

/* Decide, commit, act. */
void run_turn(struct run *run)
{
    struct store *store = run->engine->store;

    if (run->over)
        return;
    if ((!store_in_transaction(store) && store_begin(store, run->err) < 0) ||
        advance(run, run->err) < 0 || run->rc < 0 || store_commit(store, run->err) < 0 ||
        attempt_start_recorded(run, run->err) < 0) {
        run_fail(run);
        return;
    }
    take_out_garbage(run);
    if (run->cluster)
        cluster_committed(run);
    if (run->ended) {
        if (may_close(run) && close_run(run, run->err) < 0)
            run_fail(run);
    } else if (!run->job_list) {
        (void)dh_fail(run->err, DH_BUG, "the plan is stuck: nothing runs and nothing can start");
        run_fail(run);
    }
}

/* ---- setting up ---- */

/* A pipeline that names the shared workspace gets one, also where its platform spec does not ask
 * for it. */
static bool names_workspace(const char *json)
{
    return strstr(json, "{{$.workspace_path}}") || strstr(json, "/kfp-workspace");
}

static int load_spec(struct run *run, const struct store_run *row, const char *json,
                     struct dh_err *err)
{
    const char *source = js_get_text(run->options, "source");

    run->spec = json ? run->how->spec : NULL;
    if (!json && store_spec_get(run->engine->store, row->spec_digest, run->arena, &json, err) < 0)
        return -1;
    run->names_workspace = names_workspace(json);
    if (run->spec)
        return 0;
    if (spec_load_bytes(source ? source : "pipeline", json, strlen(json), &run->read_spec, NULL,
                        err) < 0)
        return -1;
    run->spec = run->read_spec;
    return 0;
}

static int make_folders(struct run *run, struct dh_err *err)
{
    const struct pipeline_config *config = spec_pipeline_config(run->spec);
    char *workspace;

    run->folder = dh_printf("%s/runs/%s", run->engine->home, run->uuid);
    if (fs_mkdirs(run->folder, 0755, err) < 0)
        return -1;
    if (!(config && config->workspace) && !run->names_workspace)
        return 0;
    if (js_get(run->options, "cluster")) { /* a volume of its pods */
        run->facts.workspace = "/kfp-workspace";
        return 0;
    }
    workspace = arena_printf(run->arena, "%s/workspace", run->folder);
    run->facts.workspace = workspace;
    return fs_mkdirs(workspace, 0755, err);
}

static int name_run(struct run *run, const struct store_run *row, struct dh_err *err)
{
    char time[CLOCK_TEXT];

    if (remote_root(run, row->pipeline_root, err) < 0)
        return -1;
    run->facts.run_id = run->uuid;
    run->facts.job_name = row->display_name;
    run->facts.resource_name =
        arena_printf(run->arena, "%s-%.8s", run->spec->pipeline.pipeline_info.name, run->uuid + 24);
    run->facts.created_at =
        arena_strdup(run->arena, clock_text(row->created_us / 1000000 * 1000000, time));
    run->facts.scheduled_at = row->scheduled_us
                                  ? arena_strdup(run->arena, clock_text(row->scheduled_us, time))
                                  : run->facts.created_at;
    run->facts.parameters = run->parameters;
    return 0;
}

static enum cache_mode cache_of(const char *name)
{
    return !strcmp(name, "off")       ? CACHE_OFF
           : !strcmp(name, "read")    ? CACHE_READ
           : !strcmp(name, "refresh") ? CACHE_WRITE
                                      : CACHE_ON;
}

static int read_object(const char *text, struct js **ret, struct dh_err *err)
{
    if (!text)
        text = "{}";
    return js_parse(text, strlen(text), ret, err);
}

static int open_runtime(struct run *run, struct dh_err *err)
{
    const char *name = js_get_text(run->options, "runtime");
    struct runtime_setup setup = {.home = run->engine->home,
                                  .self = run->engine->self,
                                  .warm = !js_get_bool(run->options, "no_warm"),
                                  .wake = run_wake,
                                  .user = run};

    if (runtime_open(name ? name : "process", &setup, &run->runtime, err) < 0)
        return -1;
    run->base_env = env_base(run);
    return 0;
}

static void make_slots(struct run *run)
{
    run->cpus = cpus();
    run->jobs = run->how->jobs > 0 ? run->how->jobs : (int)js_get_int(run->options, "jobs", 0);
    if (run->jobs <= 0)
        run->jobs = run->cpus;
    if (js_get(run->options, "cluster"))
        run->jobs = 1 << 24; /* the cluster's own scheduler says how many */
}

static int prepare(struct run *run, const struct store_run *row, const char *json,
                   struct dh_err *err)
{
    if (read_object(row->parameters, &run->parameters, err) < 0 ||
        read_object(row->options, &run->options, err) < 0)
        return dh_while(err, "the record of run %s", run->uuid);
    run->cache = cache_of(row->cache_mode);
    run->retry_at = js_get_int(js_get(run->options, "retry"), "at", 0);
    run->retry_from = js_get(js_get(run->options, "retry"), "from");
    make_slots(run);
    if (load_spec(run, row, json, err) < 0 || name_run(run, row, err) < 0 ||
        make_folders(run, err) < 0 || plan_new(run->spec, &run->facts, &run->plan, err) < 0 ||
        open_runtime(run, err) < 0 ||
        (run->how->mode != ENGINE_START && earlier_load(run, err) < 0) ||
        (js_get(run->options, "cluster") && cluster_new(run, err) < 0))
        return -1;
    return shepherd_brief(run, err);
}

static void run_done(struct run *run)
{
    for (struct job *job = run->job_list, *next; job; job = next) {
        next = job->next;
        jobs_free(job);
    }
    cluster_free(run->cluster);
    plan_free(run->plan);
    spec_free(run->read_spec);
    runtime_close(run->runtime);
    journal_free(run->journal);
    js_free(run->parameters);
    js_free(run->options);
    strmap_free(run->by_fingerprint);
    strmap_free(run->earlier);
    strmap_free(run->notes);
    remote_done(run);
    (void)strv_free(run->base_env);
    free(run->folder);
    free(run->slots);
    free(run->first_error);
    while (run->garbage.n) /* not committed: it stays on disk */
        free(run->garbage.items[--run->garbage.n]);
    free(run->garbage.items);
    arena_free(run->arena);
}

/* The loop is left: what still runs is killed with the shepherd, threads are waited for. */
static void leave(struct run *run)
{
    run->over = true;
    if (run->rc < 0)
        remote_stop(run, true);
    if (run->cluster)
        cluster_stop(run);
    run_close_handles(run);
    remote_wait(run);
    run->shepherd = shepherd_stop(run->shepherd);
}

int run_execute(struct engine *e, const struct store_run *row, const char *json,
                const struct engine_how *how, struct engine_result *ret, struct dh_err *err)
{
    struct run run = {.engine = e,
                      .how = how,
                      .watch = how->watch,
                      .result = ret,
                      .id = row->id,
                      .generation = row->generation,
                      .renewed_us = clock_now_us(),
                      .served = row->queue != NULL,
                      .shepherd = take(&e->shepherd),
                      .err = err};

    if (!run.shepherd && shepherd_start(&run.shepherd, err) < 0)
        return -1;
    run.arena = arena_new();
    run.by_fingerprint = strmap_new();
    run.notes = strmap_new();
    (void)memcpy(run.uuid, row->uuid, sizeof run.uuid);
    ret->number = row->id;
    watch_run(&run, PLAN_RUNNING); /* it is on record, whatever comes */
    run.rc = prepare(&run, row, json, err);
    if (run.rc == 0) {
        run.notify =
            notify_open(js_get(run.options, "notify"), js_get_text(run.options, "notify_on"),
                        e->home, js_get(run.options, "secrets"));
        notify_run(&run, PLAN_RUNNING);
        run_open_handles(&run);
        if (run.cluster && cluster_start(&run, err) < 0)
            run_fail(&run);
        run_turn(&run);
        while (!run.over)
            (void)uv_run(&e->loop, UV_RUN_DEFAULT);
        leave(&run);
    }
    shepherd_stop(run.shepherd);
    if (run.rc == 0) {
        watch_run(&run, ret->state);
        notify_run(&run, ret->state);
    }
    run.notify = notify_close(run.notify, say_note, &run);
    run_done(&run);
    return run.rc;
}
