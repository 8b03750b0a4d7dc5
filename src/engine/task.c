/* task - the life of a leaf: taken from the record, from the cache or from an equal task, or run;
 * ended or tried again. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/js.h"
#include "base/mem.h"
#include "engine/approval.h"
#include "engine/cluster.h"
#include "engine/model-uri.h"
#include "engine/platform.h"
#include "engine/remote.h"
#include "engine/stub.h"
#include "engine/task-priv.h"
#include "plan/fingerprint.h"

#define BACKOFF_MAX_US ((int64_t)3600 * 1000000) /* KFP's default cap */

/* ---- ends ---- */

/* Its outputs' folder goes once its end is in the record: until then a resume may need it. */
static void discard(struct job *job)
{
    if (job->run->cluster)
        return; /* its pod had them */
    if (job->volumes)
        run_discard(job->run, take(&job->volumes));
    if (job->out && job_has_out(job))
        run_discard(job->run, take(&job->out));
}

int task_succeeded(struct job *job, enum plan_state state, bool fresh, struct dh_err *err)
{
    struct run *run = job->run;
    (void)err;

    discard(job);
    if (run->remote_root && job->task_root && !run->cluster)
        run_discard(run, dh_strdup(job->task_root)); /* it was sent; the cache has links to it */
    run_watch(run, job->node, job, state,
              state == PLAN_CACHED ? "an equal task had this result" : NULL,
              state == PLAN_CACHED ? -1 : 0, -1);
    plan_finish(run->plan, job->node, state, take(&job->outputs), NULL, fresh);
    jobs_end(job);
    return 0;
}

static void backoff_over(uv_timer_t *timer)
{
    struct job *job = timer->data;

    if (job->state == JOB_BACKOFF)
        job->state = JOB_PREPARING; /* run_turn asks */
    run_turn(job->run);
}

static int64_t backoff_us(const struct retry_policy *policy, int failures)
{
    double us = (double)policy->backoff_duration_us, factor = policy->backoff_factor;
    int64_t most =
        policy->backoff_max_duration_us > 0 ? policy->backoff_max_duration_us : BACKOFF_MAX_US;

    for (int i = 1; i < failures && us < (double)most; i++)
        us *= factor > 0 ? factor : 2;
    return us < (double)most ? (int64_t)us : most;
}

/* An attempt is over and was no success. Another one follows if the author wants that. */
int task_failed(struct job *job, enum plan_state state, const char *reason, int exit_code,
                struct dh_err *err)
{
    struct run *run = job->run;
    const struct retry_policy *policy = plan_retry_policy(job->node);
    bool again = state == PLAN_FAILED && policy && !run->cancels && !job->hopeless &&
                 ++job->failures <= policy->max_retry_count;
    int64_t wait;

    jobs_give_slot(job);
    if (job->volumes)
        run_discard(run, take(&job->volumes));
    if (job->task_root && job->attempt > 0 &&
        !run->cluster) /* of a failed attempt its log is kept, nothing else */
        run_discard(run, dh_strdup(job->task_root));
    if (record_failure(run, job, state, reason, exit_code, !again, err) < 0)
        return -1;
    if (again && run->cluster) /* Argo makes the next pod, after its backoff */
        return cluster_await(job, reason, err);
    if (again) {
        wait = backoff_us(policy, job->failures);
        job->state = JOB_BACKOFF;
        jobs_set_timer(job, backoff_over, wait);
        run_watch(run, job->node, job, PLAN_FAILED, reason, exit_code, (int)(wait / 1000));
        return 0;
    }
    discard(job);
    if (run->cluster && state == PLAN_FAILED)
        cluster_failed(job, reason);
    run_watch(run, job->node, job, state, reason, exit_code, -1);
    plan_finish(run->plan, job->node, state, NULL, reason, true);
    jobs_end(job);
    return 0;
}

/* The step's own fault ends the step, the machine's ends the run. */
int task_fail(struct job *job, struct dh_err *err)
{
    char reason[sizeof err->msg];

    if (err->code == DH_IO || err->code == DH_BUG)
        return -1;
    memcpy(reason, err->msg, sizeof reason);
    return task_failed(job, PLAN_FAILED, reason, -1, err);
}

bool task_is_stopped(const struct job *job)
{
    return job->run->cancels && atomic_load(&job->stop);
}

/* ---- reuse ---- */

/* What --from names is to run. */
static bool may_reuse(const struct job *job)
{
    return job->run->cache & CACHE_READ && plan_may_cache(job->node) &&
           !earlier_from(job->run, job->node);
}

static int run_or_park(struct job *job, struct dh_err *err);

static int asked(struct job *job, struct dh_err *err)
{
    struct run *run = job->run;

    run->n_looking--;
    remote_asked(run, job);
    job->state = JOB_NEW;
    if (task_is_stopped(job))
        return task_failed(job, PLAN_CANCELED, run->cancel_reason, -1, err);
    return run_or_park(job, err);
}

/* 1: the job was ended by a recorded result, or the bucket is asked whether it may be. */
static int try_cache(struct job *job, struct dh_err *err)
{
    struct run *run = job->run;
    own(arena_free) struct arena *arena = NULL;
    struct store_linkeds outputs;
    struct store_task origin;
    int rc;

    if (!may_reuse(job))
        return 0;
    arena = arena_new();
    rc = cache_look_up(job, arena, &origin, &outputs, err);
    if (rc == CACHE_ASK) {
        if (record_waiting(run, job, err) < 0)
            return -1;
        run->n_looking++;
        job->state = JOB_LOOKING;
        jobs_in_thread(job, remote_ask_work, asked);
        return 1;
    }
    if (rc)
        return rc < 0 ? -1 : 0;
    if (record_cached(run, job, &origin, &outputs, err) < 0 ||
        task_succeeded(job, PLAN_CACHED, false, err) < 0)
        return -1;
    return 1;
}

static int run_or_park(struct job *job, struct dh_err *err)
{
    struct run *run = job->run;
    int rc = try_cache(job, err);

    if (rc)
        return rc < 0 ? -1 : 0;
    if (may_reuse(job) && run->cache & CACHE_WRITE &&
        strmap_get(run->by_fingerprint, job->fingerprint)) {
        if (job->state == JOB_NEW)
            run_watch(run, job->node, job, PLAN_RUNNING, "an equal task runs", -1, -1);
        job->state = JOB_PARKED;
        run->n_parked++;
        return record_waiting(run, job, err);
    }
    return attempt_begin(job, err);
}

static bool is_free(const struct run *run, const struct job *job)
{
    return job->state == JOB_PARKED && !strmap_get(run->by_fingerprint, job->fingerprint);
}

bool task_can_unpark(const struct run *run)
{
    for (struct job *job = run->job_list; run->n_parked && job; job = job->next)
        if (is_free(run, job))
            return true;
    return false;
}

int task_unpark(struct run *run, struct dh_err *err)
{
    for (struct job *job = run->job_list; run->n_parked && job;) {
        if (!is_free(run, job)) {
            job = job->next;
            continue;
        }
        run->n_parked--;
        job->state = JOB_PREPARING;
        if (run_or_park(job, err) < 0)
            return -1;
        job = run->job_list; /* it may be gone */
    }
    return 0;
}

/* An attempt of the engine before that had ended, or of which that engine did not hear. 1: the job
 * is taken on from there. */
static int adopt(struct job *job, const struct earlier *e, struct dh_err *err)
{
    struct run *run = job->run;
    const struct journal_entry *entry;
    char key[ID_TEXT + 16];
    int rc;

    if (!e || run->how->mode != ENGINE_RESUME || e->row.state != STORE_RUNNING)
        return 0;
    job->failures = job->attempt > 0 ? job->attempt - 1 : 0;
    (void)snprintf(key, sizeof key, "%s.%d", job->uuid, job->attempt);
    entry = journal_find(run->journal, key);
    if (!entry || !entry->exited)
        return 0;
    jobs_take_slot(job);
    job_name(run, job);
    if (record_attempt(run, job, err) < 0)
        return -1;
    if (e->row.started_us)
        job->started_us = e->row.started_us;
    if (entry->folder)
        work_is(job, entry->folder);
    if (metrics_live_adopt(job, err) < 0)
        return -1;
    rc = attempt_exited(job, entry->status, err);
    return rc < 0 ? -1 : 1;
}

/* The outputs of an attempt that is over. First to a place where the run's end finds them: after
 * the commit the row names another attempt, or nobody looks at it again. */
static void put_away(struct run *run, const struct earlier *e)
{
    const char *folder = run->cluster ? NULL : e->row.folder;
    const char *slash = folder ? strrchr(folder, '/') : NULL;
    own_mem char *to = slash ? fs_join(run->folder, slash + 1) : NULL;

    if (to && rename(folder, to) == 0)
        run_discard(run, take(&to));
    else if (folder)
        (void)fs_remove_tree(folder, NULL);
}

/* A task that had failed for good before the engine went away stays failed. 1: it was so. */
static int still_failed(struct job *job, const struct earlier *e)
{
    struct run *run = job->run;

    if (!e || run->how->mode != ENGINE_RESUME || e->row.state != STORE_FAILED ||
        earlier_is_old(run, e))
        return 0;
    put_away(run, e); /* where it was killed before it could */
    if (e->row.error)
        run_error(run, dh_strdup(e->row.error));
    plan_finish(run->plan, job->node, PLAN_FAILED, NULL, e->row.state_reason, false);
    jobs_end(job);
    return 1;
}

static int find_imported(struct job *job, struct dh_err *err)
{
    if (job->node->executor->importer->reimport)
        return 0;
    for (js_each(js_get(job->outputs, "artifacts"), it))
        for (size_t i = 0; i < js_n(it.value); i++)
            if (record_find_imported(job->run, js_at(it.value, i), err) < 0)
                return -1;
    return 0;
}

static int import_here(struct job *job, struct dh_err *err)
{
    if ((!job->run->cluster && platform_import(job->run, job, err) < 0) ||
        outputs_measure(job->outputs, err) < 0 || find_imported(job, err) < 0)
        return task_fail(job, err);
    if (record_success(job->run, job, err) < 0)
        return task_fail(job, err);
    return task_succeeded(job, PLAN_SUCCEEDED, true, err);
}

static int imported_far(struct job *job, struct dh_err *err)
{
    if (task_is_stopped(job))
        return task_failed(job, PLAN_CANCELED, job->run->cancel_reason, -1, err);
    remote_imported(job->run, job);
    return import_here(job, err);
}

static int import(struct job *job, struct dh_err *err)
{
    job->outputs = js_free(job->outputs);
    if (executor_import(job->run->plan, job->node, &job->outputs, err) < 0 ||
        model_uri_resolve(job->run, job->outputs, err) < 0)
        return task_fail(job, err);
    if (!remote_must_import(job->run, job))
        return import_here(job, err);
    job->state = JOB_MEASURING;
    jobs_in_thread(job, remote_import_work, imported_far);
    return 0;
}

static int builtin(struct job *job, struct dh_err *err)
{
    if (job->run->cluster)
        return cluster_builtin(job, platform_makes_claim(job->node), err);
    if (platform_builtin(job->run, job, err) < 0 || record_success(job->run, job, err) < 0)
        return task_fail(job, err);
    return task_succeeded(job, PLAN_SUCCEEDED, true, err);
}

static int stubbed(struct job *job, const struct js *stub, struct dh_err *err)
{
    jobs_take_slot(job);         /* its folders have the slot's name */
    job->failures = INT_MAX - 1; /* it would fail again: it is not tried again */
    if (stub_outputs(job->run, job, stub, err) < 0)
        return task_fail(job, err);
    return attempt_measured(job, err);
}

static int not_here(struct job *job, struct dh_err *err)
{
    job->hopeless = true;
    (void)dh_fail(err, DH_FAILED, "a %s runs on Vertex AI only; dhow runs containers and importers",
                  job->node->executor->kind == EXECUTOR_RESOLVER ? "resolver" : "custom job");
    return task_fail(job, err);
}

int task_work(struct job *job, struct dh_err *err)
{
    const struct plan_node *node = job->node;

    if (node->executor->kind == EXECUTOR_IMPORTER)
        return import(job, err);
    if (node->executor->kind != EXECUTOR_CONTAINER)
        return not_here(job, err);
    return platform_is_builtin(node) ? builtin(job, err) : attempt_begin(job, err);
}

/* Its row is written when it starts: in most runs that is at once. */
static bool is_process(const struct run *run, const struct plan_node *node)
{
    return !run->cluster && node->executor->kind == EXECUTOR_CONTAINER && !approval_is(node) &&
           !platform_is_builtin(node);
}

int task_begin(struct run *run, struct plan_node *node, struct dh_err *err)
{
    struct job *job = jobs_new(run, node);
    struct earlier *e = earlier_find(run, node);
    const struct js *stub;
    struct js *outputs = NULL;
    int rc;

    (void)plan_fingerprint(run->plan, node, job->fingerprint);
    if (earlier_stands(run, job, e, &outputs, err)) {
        node->user = (void *)(intptr_t)e->row.id;
        plan_finish(run->plan, node, e->row.state == STORE_CACHED ? PLAN_CACHED : PLAN_SUCCEEDED,
                    outputs, NULL, run->retry_at && !earlier_is_old(run, e));
        jobs_end(job);
        return 0;
    }
    if (e)
        node->user = (void *)(intptr_t)e->row.id;
    if (still_failed(job, e))
        return 0;
    if (record_leaf(run, job, err) < 0)
        return -1;
    stub = stub_find(run, node);
    if ((stub || !is_process(run, node)) && record_waiting(run, job, err) < 0)
        return -1;
    if (stub)
        return stubbed(job, stub, err);
    if (approval_is(node))
        return approval_begin(run, job, !e || store_state_ended(e->row.state), err);
    if (node->executor->kind != EXECUTOR_CONTAINER || platform_is_builtin(node))
        return task_work(job, err);
    rc = run->cluster ? cluster_adopt(job, e, err) : adopt(job, e, err);
    if (rc)
        return rc < 0 ? -1 : 0;
    if (e && !store_state_good(e->row.state))
        put_away(run, e); /* of an attempt that was interrupted, or canceled */
    return run_or_park(job, err);
}
