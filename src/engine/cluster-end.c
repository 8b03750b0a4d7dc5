/* cluster-end - canceling, and the end: logs that still come, a Workflow that is behind. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/js.h"
#include "base/mem.h"
#include "engine/cluster-priv.h"

#define SECOND_US ((int64_t)1000000)
#define LOGS_US (3 * SECOND_US)           /* that the run's end waits for them */
#define LAST_LOGS_US (30 * SECOND_US)     /* that the process waits for them then */
#define FAILED_LINGER_US (60 * SECOND_US) /* that Argo has for the rest, where the run failed */
#define LINGER_US (30 * 60 * SECOND_US)   /* that pods are answered after the run's end */
#define STOP_US (120 * SECOND_US)         /* that a pod may need to stop */

/* ---- ends ---- */

void cluster_failed(const struct job *job, const char *reason)
{
    struct cluster *c = job->run->cluster;
    struct failed *f = dh_zalloc(1, sizeof *f);

    f->task = job->task;
    f->node = job->node;
    f->reason = dh_strdup(reason ? reason : "failed");
    f->log = cluster_text(job->spec.log);
    f->next = c->failed;
    c->failed = f;
}

/* The run's error is that of one of its tasks. */
static bool is_error_of(const struct failed *f, const char *error)
{
    own(js_free) struct js *v = NULL;
    const char *task, *message;

    if (!error || js_parse(error, strlen(error), &v, NULL) < 0)
        return false;
    task = js_get_text(v, "task");
    message = js_get_text(v, "message");
    return task && message && !strcmp(task, plan_name(f->node)) && !strcmp(message, f->reason);
}

int cluster_put_tails(struct run *run, struct dh_err *err)
{
    struct cluster *c = run->cluster;

    for (struct failed *f = c->failed; f; f = f->next) {
        own_mem char *error = record_error_json(f->node, f->reason, f->log);

        if (store_task_set_error(run->engine->store, f->task, error, err) < 0)
            return -1;
        if (is_error_of(f, run->first_error)) {
            free(run->first_error);
            run->first_error = take(&error);
        }
    }
    return 0;
}

static void stopped_too_long(uv_timer_t *timer)
{
    struct job *job = timer->data;
    struct run *run = job->run;

    if (job->state != JOB_RUNNING)
        return;
    if (cluster_turn(run->cluster, run->err) < 0 ||
        cluster_lost(job, PLAN_CANCELED, run->cancel_reason, -1, run->err) < 0)
        run_fail(run);
    else
        run_turn(run);
}

static void terminate(struct cluster *c)
{
    struct js *body, *spec;

    if (c->terminated || c->workflow_over)
        return;
    c->terminated = true;
    body = js_object();
    spec = js_object();
    js_set(spec, "shutdown", js_str("Terminate"));
    js_set(body, "spec", spec);
    cluster_patch(c, kube_path(c->kube, CLUSTER_ARGO, "workflows", c->name), body);
}

/* Argo goes on after the first cancel: exit handlers are tasks like others for it. What is canceled
 * hears so with its next beat, or when it claims. */
void cluster_cancel(struct run *run, bool hard)
{
    if (hard)
        terminate(run->cluster);
    for (struct job *job = run->job_list, *next; job; job = next) {
        next = job->next;
        if (job->state != JOB_RUNNING || (job->node->shielded && !hard))
            continue;
        job->kill_sent = true;
        jobs_set_timer(job, stopped_too_long, hard ? SECOND_US : STOP_US);
    }
}

/* Of all attempts of this process. */
static bool logs_are_here(struct cluster *c)
{
    void *value;

    for (size_t i = 0; i < strmap_n(c->pods); i++) {
        const struct pod *p = (strmap_at(c->pods, i, &value), value);

        if (!p->log && !p->logged && !p->gone && cluster_claim_of(c, p))
            return false;
    }
    return cluster_follow_over(c);
}

bool cluster_settled(struct run *run)
{
    struct cluster *c = run->cluster;

    if (!c->settle_us)
        c->settle_us = clock_mono_us();
    /* Argo would ask on, and if this process were killed after the run's end, nobody would answer.
     */
    if (argo_asks(c->workflow) && !c->broken && !c->workflow_over && !cluster_is_over(run))
        return false;
    return logs_are_here(c) || clock_mono_us() - c->settle_us > LOGS_US;
}

/* Pods of what is canceled, or of what nobody waits for any more, are not waited for either. */
static int64_t patience_of(const struct run *run)
{
    if (run->cancels)
        return 0;
    return plan_root(run->plan)->state == PLAN_SUCCEEDED ? LINGER_US : FAILED_LINGER_US;
}

bool cluster_is_over(struct run *run)
{
    struct cluster *c = run->cluster;
    int64_t since_us = clock_mono_us() - c->settle_us;

    if (c->workflow_over)
        return logs_are_here(c) || clock_mono_us() - c->over_us > LAST_LOGS_US;
    if (since_us >= patience_of(run))
        terminate(c);
    return since_us > LINGER_US + LAST_LOGS_US;
}
