/* attempt - one try at a task: prepared, started, killed when its time is over, and what came of
 * it. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/js.h"
#include "base/limits.h"
#include "base/mem.h"
#include "engine/cluster.h"
#include "engine/platform.h"
#include "engine/remote.h"
#include "engine/task-priv.h"

#define GRACE_MS 10000
#define SHORT_STEP_US 30000
#define TINY_STEP_US 3000
#define AHEAD_OF_TINY 8 /* that wait, for each that may run */
#define TINY_FOR_ONE 4  /* so many must have been seen before one more waits */
#define TAKE_BACK_US 100000

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
        jobs_set_timer(job, grace_over, (int64_t)GRACE_MS * 1000);
}

static void deadline_over(uv_timer_t *timer)
{
    struct job *job = timer->data;

    job->timed_out = true;
    kill_job(job, false);
}

static int start_one(struct job *job, struct dh_err *err)
{
    struct run *run = job->run;
    struct spawn spawn = {.id = job->id,
                          .key = job->spec.label,
                          .file = job->spec.file,
                          .argv = job->spec.argv,
                          .env = job->spec.env,
                          .cwd = job->spec.cwd,
                          .any_cwd = job->spec.any_cwd,
                          .log = job->spec.log,
                          .log_max = LIMIT_LOG_BYTES,
                          .cgroup = job->spec.cgroup,
                          .cleanup = job->spec.cleanup,
                          /* A worker's step writes its log itself: nobody could mask it. */
                          .worker = job->masks.n ? NULL : job->spec.worker,
                          .masks = job->masks.items,
                          .memory_max = job->spec.memory_max,
                          .processes_max = job->spec.processes_max};

    job->state = JOB_RUNNING;
    job->metrics_at = 0;
    job->kill_sent = job->timed_out = job->started = false;
    if (job_make_folders(job, err) < 0 || shepherd_spawn(run->shepherd, &spawn, err) < 0)
        return -1;
    return 0;
}

static void started(struct job *job, int64_t at_us)
{
    int64_t deadline = platform_deadline_us(job->run, job->node);

    job->started = true;
    job->started_us = at_us;
    if (deadline && !job->kill_sent)
        jobs_set_timer(job, deadline_over, deadline);
}

/* While steps are short, the next ones wait in the shepherd already: the time between two steps is
 * then a fork, not a commit and two messages. */
static void took(struct run *run, int64_t us)
{
    run->step_us = run->step_us ? (run->step_us * 3 + us) / 4 : us;
    if (run->step_us >= TINY_STEP_US)
        run->n_tiny = 0;
    else if (run->n_tiny < (AHEAD_OF_TINY - 1) * TINY_FOR_ONE)
        run->n_tiny++;
    run->ahead = run->step_us < SHORT_STEP_US ? run->jobs * (1 + run->n_tiny / TINY_FOR_ONE) : 0;
}

bool attempts_suffice(const struct run *run)
{
    int waiting = 0;

    if (!run->n_tiny)
        return false;
    for (const struct job *job = run->job_list; job; job = job->next)
        waiting += job->state == JOB_RUNNING && !job->started && !job->kill_sent;
    return waiting >= run->jobs;
}

void attempt_take_back(struct run *run)
{
    for (struct job *job = run->job_list; job; job = job->next)
        if (job->state == JOB_RUNNING && !job->started && !job->kill_sent &&
            clock_now_us() - job->started_us > TAKE_BACK_US) {
            run->ahead = run->n_tiny = 0;
            run->step_us = TAKE_BACK_US;
            (void)shepherd_take_back(run->shepherd, job->id, NULL);
        }
}

/* It had been recorded as running, and waits again. */
int attempt_again(struct job *job, struct dh_err *err)
{
    struct run *run = job->run;

    runtime_finish(run->runtime, &job->spec);
    if (job->timer_open)
        (void)uv_timer_stop(&job->timer);
    jobs_give_slot(job);
    if (job->started &&
        (fs_remove_tree(job->out, err) < 0 || fs_remove_tree(job->task_root, err) < 0))
        return -1; /* it begins with nothing, as the first time */
    job->attempt--;
    job->state = JOB_PREPARING;
    if (store_task_reset(run->engine->store, job->task, err) < 0)
        return -1;
    return record_inputs(run, job, err);
}

int attempt_start_recorded(struct run *run, struct dh_err *err)
{
    for (struct job *job = run->job_list; job; job = job->next)
        if (job->state == JOB_TO_START && start_one(job, err) < 0)
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
        return task_fail(job, err);
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

static int fetched(struct job *job, struct dh_err *err)
{
    if (task_is_stopped(job))
        return task_failed(job, PLAN_CANCELED, job->run->cancel_reason, -1, err);
    if (job->work_rc < 0) {
        *err = job->work_err;
        (void)dh_while(err, "fetching the inputs of '%s'", plan_name(job->node));
        return task_fail(job, err);
    }
    return prepare(job, err);
}

int attempt_begin(struct job *job, struct dh_err *err)
{
    struct run *run = job->run;
    int rc;

    if (run->cluster)
        return cluster_await(job, NULL, err);
    jobs_take_slot(job);
    job->attempt++;
    if (plan_may_cache(job->node))
        (void)strmap_put(run->by_fingerprint, job->fingerprint, job);
    rc = job_build(run, job, err);
    if (record_attempt(run, job, rc < 0 ? NULL : err) < 0)
        return -1;
    if (rc < 0)
        return task_fail(job, err);
    if (!remote_must_fetch(run, job))
        return prepare(job, err);
    job->state = JOB_FETCHING;
    run_watch(run, job->node, job, PLAN_RUNNING, "its inputs are fetched", -1, -1);
    jobs_in_thread(job, remote_fetch_work, fetched);
    return 0;
}

void attempt_prepare_waiting(struct run *run)
{
    for (struct job *job = run->job_list, *next; job; job = next) {
        next = job->next;
        if (job->state != JOB_PREPARING)
            continue;
        if (!job->slot && run->n_slots >= jobs_limit(run))
            continue; /* its backoff is over, but all slots are taken */
        if ((job->slot ? prepare(job, run->err) : task_work(job, run->err)) < 0) {
            run_fail(run);
            return;
        }
    }
}

/* ---- after the exit ---- */

static int record_it(struct job *job, struct dh_err *err)
{
    if (record_success(job->run, job, err) < 0)
        return task_fail(job, err);
    return task_succeeded(job, PLAN_SUCCEEDED, true, err);
}

/* What could not be sent is not the step's fault: it lies here, and a resume sends it. */
static int sent(struct job *job, struct dh_err *err)
{
    if (task_is_stopped(job))
        return task_failed(job, PLAN_CANCELED, job->run->cancel_reason, -1, err);
    if (job->work_rc < 0)
        return dh_fail(err, DH_IO, "sending the outputs of '%s': %s", plan_name(job->node),
                       job->work_err.msg);
    remote_sent(job->run, job);
    return record_it(job, err);
}

int attempt_measured(struct job *job, struct dh_err *err)
{
    bool send;

    if (job->work_rc < 0) {
        *err = job->work_err;
        return task_fail(job, err);
    }
    if (remote_must_send(job->run, job, &send, err) < 0)
        return -1;
    if (!send)
        return record_it(job, err);
    job->state = JOB_MEASURING;
    jobs_in_thread(job, remote_send_work, sent);
    return 0;
}

static void measure(struct job *job)
{
    job->work_rc = outputs_measure(job->outputs, &job->work_err);
}

static int exited_well(struct job *job, struct dh_err *err)
{
    if (outputs_read(job->run, job, err) < 0)
        return task_fail(job, err);
    if (outputs_are_large(job->outputs)) {
        job->state = JOB_MEASURING;
        jobs_in_thread(job, measure, attempt_measured);
        return 0;
    }
    measure(job);
    return attempt_measured(job, err);
}

int attempt_exited(struct job *job, int status, struct dh_err *err)
{
    struct run *run = job->run;
    char reason[400], spent[CLOCK_TEXT];
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);

    jobs_clear(job);
    job->spec.status = status;
    runtime_finish(run->runtime, &job->spec);
    if (metrics_live_end(job, err) < 0)
        return -1;
    remote_send_log(run, job);
    if (job->timer_open)
        (void)uv_timer_stop(&job->timer);
    if (job->kill_sent && !job->timed_out)
        return task_failed(job, PLAN_CANCELED, run->cancel_reason, code, err);
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
    return task_failed(job, PLAN_FAILED, reason, code, err);
}

void attempt_event(struct run *run, const struct shepherd_event *event)
{
    struct job *job = jobs_find(run, event->id);
    char reason[400];
    int rc = 0;

    if (!job)
        return;
    if (event->folder)
        work_is(job, event->folder);
    if (event->kind == SHEPHERD_STARTED) {
        started(job, event->at_us);
        return;
    }
    if (!store_in_transaction(run->engine->store) &&
        store_begin(run->engine->store, run->err) < 0) {
        run_fail(run);
        return;
    }
    if (event->kind == SHEPHERD_EXITED) {
        took(run, event->at_us - job->started_us);
        job->clean = job->folder && !event->folder;
        rc = attempt_exited(job, event->status, run->err);
    } else if (event->error == ECANCELED) {
        rc = job->kill_sent ? attempt_exited(job, SIGKILL, run->err) : attempt_again(job, run->err);
    } else if (event->kind == SHEPHERD_NO_FOLDER) {
        errno = event->error;
        rc = dh_fail_errno(run->err, "cannot make a working folder in %s", run->folder);
    } else {
        (void)snprintf(reason, sizeof reason, "cannot start %s: %s", job->spec.file,
                       strerror(event->error));
        runtime_finish(run->runtime, &job->spec);
        rc = task_failed(job, PLAN_FAILED, reason, -1, run->err);
    }
    if (rc < 0)
        run_fail(run);
}

/* ---- canceling ---- */

/* A job that only waits is canceled at once. */
static int end_waiting(struct job *job)
{
    struct run *run = job->run;

    if (job->state == JOB_PARKED)
        run->n_parked--;
    if (!store_in_transaction(run->engine->store) && store_begin(run->engine->store, run->err) < 0)
        return -1;
    job->state = JOB_RUNNING;
    return task_failed(job, PLAN_CANCELED, run->cancel_reason, -1, run->err);
}

void attempt_kill_all(struct run *run, bool hard)
{
    remote_stop(run, hard);
    if (run->cluster)
        cluster_cancel(run, hard);
    for (struct job *job = run->job_list, *next; job; job = next) {
        next = job->next;
        if (!hard && job->node->shielded)
            continue; /* exit handlers go on after the first Ctrl-C */
        if (job->state == JOB_RUNNING && !run->cluster)
            kill_job(job, hard);
        else if ((job->state == JOB_BACKOFF || job->state == JOB_PREPARING ||
                  job->state == JOB_PARKED || job->state == JOB_ASKING ||
                  job->state == JOB_AWAITING) &&
                 end_waiting(job) < 0) {
            run_fail(run);
            return;
        }
    }
}
