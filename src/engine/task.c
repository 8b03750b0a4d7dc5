/* task - the life of a leaf: taken from the record, from the cache, or run; retried; ended. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/js.h"
#include "base/limits.h"
#include "base/mem.h"
#include "engine/engine-priv.h"
#include "engine/platform.h"
#include "plan/fingerprint.h"

#define GRACE_MS 10000
#define PARKED_PER_SLOT 4
#define BACKOFF_MAX_US ((int64_t)3600 * 1000000) /* KFP's default cap */

static int attempt(struct job *job, struct dh_err *err);

/* ---- jobs ---- */

static struct job *job_new(struct run *run, struct plan_node *node)
{
    struct job *job = dh_zalloc(1, sizeof *job);

    job->run = run;
    job->node = node;
    job->id = ++run->next_job;
    job->next = run->job_list;
    run->job_list = job;
    return job;
}

void task_free(struct job *job)
{
    runtime_job_done(&job->spec);
    js_free(job->input);
    js_free(job->outputs);
    free(job->task_root);
    free(job->out);
    free(job->output_file);
    free(job);
}

static void timer_closed(uv_handle_t *handle)
{
    struct job *job = handle->data;

    job->run->n_handles--;
    task_free(job);
}

static void take_slot(struct job *job)
{
    struct run *run = job->run;

    if (job->slot)
        return;
    run->n_slots++;
    /* An adopted job may come on top of the slots that there are: then it needs no folder any more.
     */
    for (int i = 1; i <= run->jobs && !job->slot; i++)
        if (!run->slot_taken[i])
            job->slot = i;
    if (!job->slot)
        job->slot = run->jobs + 1;
    else
        run->slot_taken[job->slot] = true;
}

static void give_slot(struct job *job)
{
    if (!job->slot)
        return;
    job->run->n_slots--;
    if (job->slot <= job->run->jobs)
        job->run->slot_taken[job->slot] = false;
    job->slot = 0;
}

/* The job is over; its memory goes when its timer has closed. */
static void job_end(struct job *job)
{
    struct run *run = job->run;
    struct job **at = &run->job_list;

    give_slot(job);
    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
    if (strmap_get(run->by_fingerprint, job->fingerprint) == job)
        (void)strmap_remove(run->by_fingerprint, job->fingerprint);
    job->state = JOB_OVER;
    if (job->timer_open)
        uv_close((uv_handle_t *)&job->timer, timer_closed);
    else
        task_free(job);
}

static struct job *job_find(const struct run *run, uint64_t id)
{
    struct job *job = run->job_list;

    while (job && job->id != id)
        job = job->next;
    return job;
}

static void set_timer(struct job *job, uv_timer_cb then, int64_t us)
{
    if (!job->timer_open) {
        (void)uv_timer_init(&job->run->engine->loop, &job->timer);
        job->timer.data = job;
        job->timer_open = true;
        job->run->n_handles++;
    }
    (void)uv_timer_start(&job->timer, then, (uint64_t)((us + 999) / 1000), 0);
}

int task_take_slots(const struct run *run)
{
    return run->n_slots < run->jobs && run->n_parked < run->jobs * PARKED_PER_SLOT;
}

/* ---- ends ---- */

/* Equal tasks that waited for this one: ask the cache again, or run. */
static int unpark(struct run *run, const char *fingerprint, struct dh_err *err);

/* Its outputs' folder goes once its end is in the record: until then a resume may need it. */
static void discard(struct job *job)
{
    if (job->out && job_has_out(job))
        run_discard(job->run, take(&job->out));
}

static int end_success(struct job *job, enum plan_state state, bool fresh, struct dh_err *err)
{
    struct run *run = job->run;
    char fingerprint[DIGEST_TEXT];

    memcpy(fingerprint, job->fingerprint, sizeof fingerprint);
    discard(job);
    run_watch(run, job->node, job, state,
              state == PLAN_CACHED ? "an equal task had this result" : NULL,
              state == PLAN_CACHED ? -1 : 0, -1);
    plan_finish(run->plan, job->node, state, take(&job->outputs), NULL, fresh);
    job_end(job);
    return unpark(run, fingerprint, err);
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
static int end_failure(struct job *job, enum plan_state state, const char *reason, int exit_code,
                       struct dh_err *err)
{
    struct run *run = job->run;
    const struct retry_policy *policy = plan_retry_policy(job->node);
    bool again = state == PLAN_FAILED && policy && !run->cancels &&
                 ++job->failures <= policy->max_retry_count;
    char fingerprint[DIGEST_TEXT];
    int64_t wait;

    give_slot(job);
    if (record_failure(run, job, state, reason, exit_code, !again, err) < 0)
        return -1;
    if (again) {
        wait = backoff_us(policy, job->failures);
        job->state = JOB_BACKOFF;
        set_timer(job, backoff_over, wait);
        run_watch(run, job->node, job, PLAN_FAILED, reason, exit_code, (int)(wait / 1000));
        return 0;
    }
    memcpy(fingerprint, job->fingerprint, sizeof fingerprint);
    discard(job);
    run_watch(run, job->node, job, state, reason, exit_code, -1);
    plan_finish(run->plan, job->node, state, NULL, reason, true);
    job_end(job);
    return unpark(run, fingerprint, err);
}

/* The step's own fault ends the step, the machine's ends the run. */
static int fail_with(struct job *job, struct dh_err *err)
{
    char reason[sizeof err->msg];

    if (err->code == DH_IO || err->code == DH_BUG)
        return -1;
    memcpy(reason, err->msg, sizeof reason);
    return end_failure(job, PLAN_FAILED, reason, -1, err);
}

/* ---- after the exit ---- */

static int measured(struct job *job, struct dh_err *err)
{
    if (job->work_rc < 0) {
        *err = job->work_err;
        return fail_with(job, err);
    }
    if (record_success(job->run, job, err) < 0)
        return fail_with(job, err);
    return end_success(job, PLAN_SUCCEEDED, true, err);
}

static void measure_in_thread(uv_work_t *work)
{
    struct job *job = work->data;

    job->work_rc = outputs_measure(job->outputs, &job->work_err);
}

static void measured_in_thread(uv_work_t *work, int status)
{
    struct job *job = work->data;
    struct run *run = job->run;
    (void)status;

    if (run->over)
        return; /* the run was left while we measured; a resume measures again */
    if (store_begin(run->engine->store, run->err) < 0 || measured(job, run->err) < 0)
        run_fail(run);
    else
        run_turn(run);
}

static int exited_well(struct job *job, struct dh_err *err)
{
    if (outputs_read(job->run, job, err) < 0)
        return fail_with(job, err);
    if (outputs_are_large(job->outputs)) {
        job->state = JOB_MEASURING;
        job->work.data = job;
        (void)uv_queue_work(&job->run->engine->loop, &job->work, measure_in_thread,
                            measured_in_thread);
        return 0;
    }
    job->work_rc = outputs_measure(job->outputs, &job->work_err);
    return measured(job, err);
}

static int exited(struct job *job, int status, struct dh_err *err)
{
    struct run *run = job->run;
    char reason[400], spent[CLOCK_TEXT];
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);

    job->spec.status = status;
    runtime_finish(run->runtime, &job->spec);
    if (job->timer_open)
        (void)uv_timer_stop(&job->timer);
    if (job->kill_sent && !job->timed_out)
        return end_failure(job, PLAN_CANCELED, run->cancel_reason, code, err);
    if (job->timed_out)
        (void)snprintf(reason, sizeof reason, "timed out after %s",
                       clock_duration(clock_now_us() - job->started_us, spent));
    else if (job->spec.reason)
        (void)snprintf(reason, sizeof reason, "%s", job->spec.reason);
    else if (WIFSIGNALED(status))
        (void)snprintf(reason, sizeof reason, "killed by signal %d (SIG%s)", WTERMSIG(status),
                       sigabbrev_np(WTERMSIG(status)) ? sigabbrev_np(WTERMSIG(status)) : "?");
    else if (code != 0)
        (void)snprintf(reason, sizeof reason, "exit code %d", code);
    else
        return exited_well(job, err);
    return end_failure(job, PLAN_FAILED, reason, code, err);
}

void task_event(struct run *run, const struct shepherd_event *event)
{
    struct job *job = job_find(run, event->id);
    char reason[400];
    int rc = 0;

    if (!job || event->kind == SHEPHERD_STARTED)
        return;
    if (!store_in_transaction(run->engine->store) &&
        store_begin(run->engine->store, run->err) < 0) {
        run_fail(run);
        return;
    }
    if (event->kind == SHEPHERD_EXITED) {
        rc = exited(job, event->status, run->err);
    } else {
        (void)snprintf(reason, sizeof reason, "cannot start %s: %s", job->spec.file,
                       strerror(event->error));
        runtime_finish(run->runtime, &job->spec);
        rc = end_failure(job, PLAN_FAILED, reason, -1, run->err);
    }
    if (rc < 0)
        run_fail(run);
}

/* ---- starting ---- */

static void grace_over(uv_timer_t *timer)
{
    struct job *job = timer->data;

    (void)shepherd_signal(job->run->shepherd, job->id, SIGKILL, NULL);
}

static void kill_job(struct job *job, bool hard)
{
    (void)shepherd_signal(job->run->shepherd, job->id, hard ? SIGKILL : SIGTERM, NULL);
    job->kill_sent = true;
    if (!hard)
        set_timer(job, grace_over, (int64_t)GRACE_MS * 1000);
}

static void deadline_over(uv_timer_t *timer)
{
    struct job *job = timer->data;

    job->timed_out = true;
    kill_job(job, false);
}

static int start_job(struct job *job, struct dh_err *err)
{
    struct run *run = job->run;
    int64_t deadline = platform_deadline_us(run, job->node);
    struct spawn spawn = {.id = job->id,
                          .key = job->spec.label,
                          .file = job->spec.file,
                          .argv = job->spec.argv,
                          .env = job->spec.env,
                          .cwd = job->spec.cwd,
                          .log = job->spec.log,
                          .log_max = LIMIT_LOG_BYTES,
                          .cgroup = job->spec.cgroup,
                          .memory_max = job->spec.memory_max,
                          .processes_max = job->spec.processes_max};

    job->state = JOB_RUNNING;
    job->kill_sent = job->timed_out = false;
    if (job_make_folders(job, err) < 0 || shepherd_spawn(run->shepherd, &spawn, err) < 0)
        return -1;
    if (deadline)
        set_timer(job, deadline_over, deadline);
    return 0;
}

int task_start_recorded(struct run *run, struct dh_err *err)
{
    for (struct job *job = run->job_list; job; job = job->next)
        if (job->state == JOB_TO_START && start_job(job, err) < 0)
            return -1;
    return 0;
}

/* Asks the runtime; what it makes in the background is asked for again by task_retry_prepare. */
static int prepare(struct job *job, struct dh_err *err)
{
    struct run *run = job->run;
    int rc = runtime_prepare(run->runtime, &job->spec, err);

    if (job->spec.note) {
        run_note(run, job->spec.note);
        free(job->spec.note);
        job->spec.note = NULL;
    }
    if (rc < 0) {
        runtime_finish(run->runtime, &job->spec);
        return fail_with(job, err);
    }
    if (rc == RUNTIME_WAIT) {
        if (job->state != JOB_PREPARING)
            run_watch(run, job->node, job, PLAN_RUNNING, "its environment is being made", -1, -1);
        job->state = JOB_PREPARING;
        return 0;
    }
    job->state = JOB_TO_START;
    run_watch(run, job->node, job, PLAN_RUNNING, NULL, -1, -1);
    return 0;
}

static int attempt(struct job *job, struct dh_err *err)
{
    struct run *run = job->run;
    int rc;

    take_slot(job);
    job->attempt++;
    if (plan_may_cache(job->node))
        (void)strmap_put(run->by_fingerprint, job->fingerprint, job);
    rc = job_build(run, job, err);
    if (record_attempt(run, job, rc < 0 ? NULL : err) < 0)
        return -1;
    return rc < 0 ? fail_with(job, err) : prepare(job, err);
}

void task_retry_prepare(struct run *run)
{
    for (struct job *job = run->job_list, *next; job; job = next) {
        next = job->next;
        if (job->state != JOB_PREPARING)
            continue;
        if (!job->slot && run->n_slots >= run->jobs)
            continue; /* its backoff is over, but all slots are taken */
        if ((job->slot ? prepare(job, run->err) : attempt(job, run->err)) < 0) {
            run_fail(run);
            return;
        }
    }
}

/* ---- reuse ---- */

/* 1: the job was ended by a recorded result. */
static int try_cache(struct job *job, struct dh_err *err)
{
    struct run *run = job->run;
    own(arena_free) struct arena *arena = NULL;
    struct store_linkeds outputs;
    struct store_task origin;
    int rc;

    if (!(run->cache & CACHE_READ) || !plan_may_cache(job->node))
        return 0;
    arena = arena_new();
    rc = cache_look_up(run, job->fingerprint, arena, &origin, &outputs, err);
    if (rc)
        return rc < 0 ? -1 : 0;
    if (record_cached(run, job, &origin, &outputs, err) < 0 ||
        end_success(job, PLAN_CACHED, false, err) < 0)
        return -1;
    return 1;
}

static int run_or_park(struct job *job, struct dh_err *err)
{
    struct run *run = job->run;
    int rc = try_cache(job, err);

    if (rc)
        return rc < 0 ? -1 : 0;
    if (run->cache & CACHE_READ && plan_may_cache(job->node) &&
        strmap_get(run->by_fingerprint, job->fingerprint)) {
        if (job->state == JOB_NEW)
            run_watch(run, job->node, job, PLAN_RUNNING, "an equal task runs", -1, -1);
        job->state = JOB_PARKED;
        run->n_parked++;
        return 0;
    }
    return attempt(job, err);
}

static int unpark(struct run *run, const char *fingerprint, struct dh_err *err)
{
    for (struct job *job = run->job_list; run->n_parked && job; job = job->next)
        if (job->state == JOB_PARKED && !strcmp(job->fingerprint, fingerprint)) {
            run->n_parked--;
            job->state = JOB_PREPARING;
            /* The list changes; the next one of the same kind follows when this one has ended. */
            return run->cancels ? end_failure(job, PLAN_CANCELED, run->cancel_reason, -1, err)
                                : run_or_park(job, err);
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
    take_slot(job);
    job_name(run, job);
    if (record_attempt(run, job, err) < 0)
        return -1;
    if (e->row.started_us)
        job->started_us = e->row.started_us;
    rc = exited(job, entry->status, err);
    return rc < 0 ? -1 : 1;
}

/* A task that had failed for good before the engine went away stays failed. 1: it was so. */
static int still_failed(struct job *job, const struct earlier *e)
{
    struct run *run = job->run;

    if (!e || run->how->mode != ENGINE_RESUME || e->row.state != STORE_FAILED)
        return 0;
    if (e->row.error)
        run_error(run, dh_strdup(e->row.error));
    plan_finish(run->plan, job->node, PLAN_FAILED, NULL, e->row.state_reason, false);
    job_end(job);
    return 1;
}

static int import(struct job *job, struct dh_err *err)
{
    if (executor_import(job->run->plan, job->node, &job->outputs, err) < 0)
        return fail_with(job, err);
    if (platform_import(job->run, job, err) < 0 || outputs_measure(job->outputs, err) < 0)
        return fail_with(job, err);
    if (record_success(job->run, job, err) < 0)
        return fail_with(job, err);
    return end_success(job, PLAN_SUCCEEDED, true, err);
}

static int not_here(struct job *job, struct dh_err *err)
{
    (void)dh_fail(err, DH_FAILED, "a %s runs on Vertex AI only; dhow runs containers and importers",
                  job->node->executor->kind == EXECUTOR_RESOLVER ? "resolver" : "custom job");
    return fail_with(job, err);
}

int task_begin(struct run *run, struct plan_node *node, struct dh_err *err)
{
    struct job *job = job_new(run, node);
    struct earlier *e = earlier_find(run, node);
    struct js *outputs = NULL;
    int rc;

    (void)plan_fingerprint(run->plan, node, job->fingerprint);
    if (earlier_stands(run, job, e, &outputs, err)) {
        node->user = (void *)(intptr_t)e->row.id;
        plan_finish(run->plan, node, e->row.state == STORE_CACHED ? PLAN_CACHED : PLAN_SUCCEEDED,
                    outputs, NULL, false);
        job_end(job);
        return 0;
    }
    if (e)
        node->user = (void *)(intptr_t)e->row.id;
    if (still_failed(job, e))
        return 0;
    if (record_leaf(run, job, err) < 0 || record_inputs(run, job, err) < 0)
        return -1;
    if (node->executor->kind == EXECUTOR_IMPORTER)
        return import(job, err);
    if (node->executor->kind != EXECUTOR_CONTAINER)
        return not_here(job, err);
    rc = adopt(job, e, err);
    if (rc)
        return rc < 0 ? -1 : 0;
    return run_or_park(job, err);
}

/* A job that only waits is canceled at once. */
static int end_waiting(struct job *job)
{
    struct run *run = job->run;

    if (job->state == JOB_PARKED)
        run->n_parked--;
    if (!store_in_transaction(run->engine->store) && store_begin(run->engine->store, run->err) < 0)
        return -1;
    job->state = JOB_RUNNING;
    return end_failure(job, PLAN_CANCELED, run->cancel_reason, -1, run->err);
}

void task_kill_all(struct run *run, bool hard)
{
    for (struct job *job = run->job_list, *next; job; job = next) {
        next = job->next;
        if (job->state == JOB_RUNNING)
            kill_job(job, hard);
        else if ((job->state == JOB_BACKOFF || job->state == JOB_PREPARING ||
                  job->state == JOB_PARKED) &&
                 end_waiting(job) < 0) {
            run_fail(run);
            return;
        }
    }
}
