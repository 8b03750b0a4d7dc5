#include "api/runs.h"

#include <stdlib.h>
#include <string.h>

#include "api/access.h"
#include "api/api-priv.h"
#include "api/experiments.h"
#include "api/listing.h"
#include "api/queue.h"
#include "api/run-tasks.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/catalog.h"

const char *run_state(const struct store_run *run)
{
    if (run->queue && !strcmp(run->queue, "retry"))
        return "PENDING";
    if (run->state == STORE_RUNNING && run->cancel_requested_us)
        return "CANCELING";
    return store_state_name(run->state);
}

int64_t run_finished(const struct store_run *run)
{
    return run->queue && !strcmp(run->queue, "retry") ? 0 : run->finished_us;
}

int run_find(struct req *r, const char *uuid, struct store_run *ret, struct dh_err *err)
{
    return access_found(r, catalog_run(r->store, uuid, r->arena, ret, err), "Run", uuid,
                        &ret->namespace, err);
}

/* ---- writing ---- */

static void write_error(struct jw *w, const char *json)
{
    own(js_free) struct js *error = NULL;
    struct dh_err ignored;
    const char *message;

    if (!json || js_parse(json, strlen(json), &error, &ignored) < 0)
        return;
    message = js_get_text(error, "message");
    jw_begin_in(w, "error", '{');
    jw_number(w, "code", GRPC_INTERNAL);
    jw_opt(w, "message", message);
    jw_end(w, '}');
}

static void write_status(struct jw *w, int64_t at_us, const char *state, const char *error)
{
    jw_begin(w, '{');
    jw_seconds(w, "update_time", at_us);
    jw_text(w, "state", state);
    if (error)
        write_error(w, error);
    jw_end(w, '}');
}

static void write_history(struct jw *w, const struct store_run *run)
{
    const char *now = run_state(run);

    jw_begin_in(w, "state_history", '[');
    write_status(w, run->created_us, "PENDING", NULL);
    if (run->started_us)
        write_status(w, run->started_us, "RUNNING", NULL);
    if (run->cancel_requested_us && !strcmp(now, "CANCELING"))
        write_status(w, run->cancel_requested_us, now, NULL);
    if (run->finished_us)
        write_status(w, run->finished_us, store_state_name(run->state), run->error);
    jw_end(w, ']');
}

/* What was asked for; for runs of the command line, what they were given. */
static int write_source(struct req *r, const struct store_run *run, struct jw *w,
                        struct dh_err *err)
{
    const char *spec;

    if (run->request && run->version_uuid && strstr(run->request, "\"by_version\":true")) {
        jw_begin_in(w, "pipeline_version_reference", '{');
        jw_opt(w, "pipeline_id", run->pipeline_uuid);
        jw_opt(w, "pipeline_version_id", run->version_uuid);
        jw_end(w, '}');
    } else if (run->spec_digest) {
        if (store_spec_get(r->store, run->spec_digest, r->arena, &spec, err) < 0)
            return -1;
        jw_json(w, "pipeline_spec", spec, "{}");
    }
    if (run->request)
        return run_write_request(r, run->request, w, err);
    if (run->parameters && strcmp(run->parameters, "{}") != 0) {
        jw_begin_in(w, "runtime_config", '{');
        jw_json(w, "parameters", run->parameters, "{}");
        jw_end(w, '}');
    }
    return 0;
}

static void write_rest(const struct store_run *run, struct jw *w)
{
    jw_opt(w, "recurring_run_id", run->schedule_uuid);
    write_history(w, run);
    jw_end(w, '}');
}

static void end_pieces(struct req *r, const struct store_run *run, struct jw *w)
{
    (void)r;
    run_tasks_end(w);
    write_rest(run, w);
}

static int write_run(struct req *r, const struct store_run *run, bool tasks, struct jw *w,
                     struct dh_err *err)
{
    static const struct pieces_writer pieces = {.task = run_task_piece, .end = end_pieces};
    bool large = false;

    if (tasks && pieces_wanted(r, run, &large, err) < 0)
        return -1;
    jw_begin(w, '{');
    jw_opt(w, "experiment_id", run->experiment_uuid);
    jw_text(w, "run_id", run->uuid);
    jw_text(w, "display_name", run->display_name);
    jw_text(w, "storage_state", run->archived ? "ARCHIVED" : "AVAILABLE");
    jw_opt(w, "description", run->description);
    if (write_source(r, run, w, err) < 0)
        return -1;
    jw_opt(w, "service_account", run->service_account);
    jw_seconds(w, "created_at", run->created_us);
    jw_seconds(w, "scheduled_at", run->scheduled_us ? run->scheduled_us : run->created_us);
    jw_seconds(w, "finished_at", run_finished(run));
    jw_text(w, "state", run_state(run));
    if (run_finished(run))
        write_error(w, run->error);
    if (large) {
        run_tasks_begin(w);
        return pieces_answer(r, run, &pieces);
    }
    if (tasks && run_tasks_write(r, run, w, err) < 0)
        return -1;
    write_rest(run, w);
    return 0;
}

/* Without tasks, as in KFP: a run that is quick may have some by now. */
static int answer(struct req *r, const char *uuid, struct dh_err *err)
{
    struct store_run run;

    if (catalog_run(r->store, uuid, r->arena, &run, err) < 0)
        return -1;
    return write_run(r, &run, false, req_json(r), err);
}

/* ---- reading ---- */

static int item(struct req *r, int64_t id, struct jw *w, struct dh_err *err)
{
    struct store_run run;

    return store_run_get(r->store, id, r->arena, &run, err) < 0 ? -1
                                                                : write_run(r, &run, false, w, err);
}

int runs_list(struct req *r, struct dh_err *err)
{
    struct listing l;

    if (listing_read(r, PAGE_RUNS, &l, err) < 0 || experiment_narrow(r, &l, err) < 0)
        return -1;
    return listing_answer(r, &l, "runs", item, err);
}

int runs_get(struct req *r, struct dh_err *err)
{
    struct store_run run;

    if (run_find(r, r->param[0], &run, err) < 0)
        return -1;
    return write_run(r, &run, true, req_json(r), err);
}

/* ---- changing ---- */

int runs_delete(struct req *r, struct dh_err *err)
{
    struct store_run run;

    if (run_find(r, r->param[0], &run, err) < 0 || queue_delete(r->api->queue, &run, err) < 0)
        return -1;
    return req_empty(r);
}

int runs_archive(struct req *r, struct dh_err *err)
{
    struct store_run run;

    if (run_find(r, r->param[0], &run, err) < 0 ||
        store_run_set_archived(r->store, run.id, true, err) < 0)
        return -1;
    return req_empty(r);
}

int runs_unarchive(struct req *r, struct dh_err *err)
{
    struct catalog_experiment e;
    struct store_run run;

    if (run_find(r, r->param[0], &run, err) < 0)
        return -1;
    if (run.experiment_id) {
        if (catalog_experiment_get(r->store, run.experiment_id, r->arena, &e, err) < 0)
            return -1;
        if (e.archived)
            return req_fail(r, err, GRPC_FAILED_PRECONDITION,
                            "Failed to unarchive run %s as experiment %s must be un-archived first",
                            run.uuid, e.uuid);
    }
    if (store_run_set_archived(r->store, run.id, false, err) < 0)
        return -1;
    return req_empty(r);
}

int runs_terminate(struct req *r, struct dh_err *err)
{
    struct store_run run;
    const char *state;

    if (run_find(r, r->param[0], &run, err) < 0)
        return -1;
    state = run_state(&run);
    if (strcmp(state, "PENDING") != 0 && strcmp(state, "RUNNING") != 0)
        return req_fail(r, err, GRPC_INVALID_ARGUMENT,
                        "Failed to terminate a run %s. Row not found: it is %s already", run.uuid,
                        state);
    return queue_cancel(r->api->queue, &run, err) < 0 ? -1 : req_empty(r);
}

int runs_retry(struct req *r, struct dh_err *err)
{
    struct store_run run;
    const char *state;

    if (run_find(r, r->param[0], &run, err) < 0)
        return -1;
    state = run_state(&run);
    if (strcmp(state, "FAILED") != 0 && strcmp(state, "CANCELED") != 0)
        return req_fail(r, err, GRPC_INVALID_ARGUMENT,
                        "Failed to retry run %s as it does not allow retries: it is %s, and only "
                        "failed or terminated runs can be retried",
                        run.uuid, state);
    return queue_retry(r->api->queue, &run, NULL, err) < 0 ? -1 : req_empty(r);
}

int runs_create(struct req *r, struct dh_err *err)
{
    char uuid[ID_TEXT];

    return runs_submit(r, uuid, err) < 0 ? -1 : answer(r, uuid, err);
}
