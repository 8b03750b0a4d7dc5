/* cluster-pods - what threads have heard of pods and of the Workflow, and what follows from it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/js.h"
#include "base/mem.h"
#include "engine/cluster-priv.h"

#define SECOND_US ((int64_t)1000000)
#define LOOK_US (SECOND_US / 2)
/* A pod that has ended may have said so a moment ago: its answer is on its way through the server.
 */
#define GRACE_US (5 * SECOND_US)
/* Argo is through, or has lost its Workflow: pods that still come would have come by then. */
#define LAST_PODS_US (5 * SECOND_US)
#define DELETED "its pod is gone: it was deleted, or its node was lost"
#define MADE_ANEW 2               /* as argo_options.error_retries */
#define ANEW_US (180 * SECOND_US) /* in which it comes again, or never */

/* ---- whose a pod is ---- */

static struct job *job_of_claim(struct cluster *c, const struct known *k)
{
    struct job *job = c->run->job_list;

    while (job && strcmp(job->uuid, k->uuid) != 0)
        job = job->next;
    return job;
}

static struct job *job_of_pod(struct cluster *c, const struct pod *p)
{
    own(js_free) struct js *iteration = cluster_indices(p->iteration);
    struct plan_node *node = p->scope ? cluster_node(c, p->scope, iteration) : NULL;

    return node ? cluster_job_of(c, node) : NULL;
}

/* ---- what is heard of pods ---- */

static struct pod *pod_of(struct cluster *c, const struct news *n)
{
    struct pod *p = strmap_get(c->pods, n->uid);

    if (p)
        return p;
    p = dh_zalloc(1, sizeof *p);
    p->name = dh_strdup(n->name);
    p->uid = dh_strdup(n->uid);
    p->scope = cluster_text(n->scope);
    p->iteration = cluster_text(n->iteration);
    p->view.state = POD_WAITS;
    (void)strmap_put(c->pods, p->uid, p);
    return p;
}

static void update(struct pod *p, const struct kube_pod *view)
{
    if (p->view.state == POD_ENDED && view->state != POD_ENDED)
        return; /* an older state of it */
    if (!p->since_us || p->view.state != view->state || p->view.pull != view->pull)
        p->since_us = clock_mono_us();
    p->view = *view;
    if (view->pull)
        memcpy(p->pull, view->again && p->pull[0] ? p->pull : view->words, sizeof p->pull);
    if (view->pull) /* its cause was told before */
        memcpy(p->view.words, p->pull, sizeof p->pull);
}

/* Its pod did not end by itself, and Argo makes another. */
static bool comes_anew(const struct pod *p, const struct job *job)
{
    bool lost = p->view.state == POD_ENDED ? p->view.lost : p->gone;

    return lost && job->lost < MADE_ANEW;
}

/* A pod that ended before its launcher asked for anything: an attempt all the same. */
static int never_claimed(struct cluster *c, struct pod *p, struct job *job, const char *reason,
                         struct dh_err *err)
{
    p->handled = true;
    if (cluster_turn(c, err) < 0)
        return -1;
    if (cluster_begin(job, p->name, p->uid, p->uid, err) < 0)
        return task_fail(job, err);
    cluster_follow_pod(c, p);
    return comes_anew(p, job) ? cluster_made_anew(job, reason, err)
                              : cluster_lost(job, PLAN_FAILED, reason, p->view.exit_code, err);
}

static const char *reason_of(const struct pod *p)
{
    if (p->hurried && p->pull[0])
        return p->pull; /* we gave it the deadline that it names */
    if (p->gone && p->view.state != POD_ENDED)
        return DELETED;
    return p->view.words[0] ? p->view.words : "its pod ended without saying how";
}

/* The end of the attempt that it had. */
static int end_of(struct cluster *c, struct pod *p, struct job *job, struct dh_err *err)
{
    p->handled = true;
    if (cluster_turn(c, err) < 0)
        return -1;
    if (job->kill_sent)
        return cluster_lost(job, PLAN_CANCELED, c->run->cancel_reason, p->view.exit_code, err);
    if (comes_anew(p, job))
        return cluster_made_anew(job, reason_of(p), err);
    return cluster_lost(job, PLAN_FAILED, reason_of(p), p->view.exit_code, err);
}

int cluster_replaced(struct job *job, struct dh_err *err)
{
    struct cluster *c = job->run->cluster;
    const struct known *k = cluster_known(c, job->uuid, job->attempt);
    struct pod *p = k ? strmap_get(c->pods, k->uid) : NULL;

    if (p && (p->gone || p->view.state == POD_ENDED))
        return end_of(c, p, job, err);
    if (cluster_turn(c, err) < 0)
        return -1;
    return cluster_lost(job, job->kill_sent ? PLAN_CANCELED : PLAN_FAILED,
                        job->kill_sent ? c->run->cancel_reason
                                       : "another pod has taken the place of its own",
                        -1, err);
}

/* It has ended, or is gone, and has not said how its attempt ended. */
static int ended(struct cluster *c, struct pod *p, struct dh_err *err)
{
    const struct known *k = cluster_claim_of(c, p);
    struct job *job = k ? job_of_claim(c, k) : job_of_pod(c, p);
    bool its_own = job && k && !strcmp(k->uuid, job->uuid) && k->number == job->attempt;

    if (!job || (k && (k->answer || !its_own))) {
        p->handled = true;
        return 0;
    }
    if (!k)
        return job->state == JOB_AWAITING ? never_claimed(c, p, job, reason_of(p), err) : 0;
    if (job->state != JOB_RUNNING)
        return 0;
    return end_of(c, p, job, err);
}

static int waits(struct cluster *c, struct pod *p, struct dh_err *err)
{
    struct job *job = cluster_claim_of(c, p) ? NULL : job_of_pod(c, p);

    if (!job || job->state != JOB_AWAITING)
        return 0;
    return cluster_turn(c, err) < 0 ? -1 : cluster_await(job, p->view.words, err);
}

static int take_pod(struct cluster *c, const struct news *n, struct dh_err *err)
{
    struct pod *p = pod_of(c, n);
    char before[sizeof p->view.words];

    memcpy(before, p->view.words, sizeof before);
    update(p, &n->pod);
    cluster_follow_pod(c, p);
    return p->view.state == POD_WAITS && strcmp(before, p->view.words) != 0 ? waits(c, p, err) : 0;
}

static void take_gone(struct cluster *c, struct pod *p)
{
    if (p->gone)
        return;
    p->gone = true;
    p->since_us = clock_mono_us();
    cluster_follow_pod(c, p);
}

/* The list is over: what was known and is not in it is gone. */
static void listed(struct cluster *c, const struct strmap *seen)
{
    void *value;

    for (size_t i = 0; i < strmap_n(c->pods); i++)
        if (!strmap_get(seen, strmap_at(c->pods, i, &value)))
            take_gone(c, value);
    /* Pods of the record, that went while nobody looked. */
    for (size_t i = 0; i < strmap_n(c->known); i++) {
        struct known *k = (strmap_at(c->known, i, &value), value);

        if (!k->answer && !strmap_get(c->pods, k->uid)) {
            struct pod *p = dh_zalloc(1, sizeof *p);

            p->name = dh_strdup(k->name);
            p->uid = dh_strdup(k->uid);
            (void)strmap_put(c->pods, p->uid, p);
            take_gone(c, p);
        }
    }
}

/* ---- the Workflow ---- */

static void give_up(struct cluster *c)
{
    struct run *run = c->run;
    own(js_free) struct js *error = js_object();

    if (!c->broken || run->ended || run->late)
        return;
    js_set(error, "task", js_str(""));
    js_set(error, "message", js_str(c->broken));
    js_set(error, "log_tail", js_str(""));
    run_error(run, js_dump(error, JS_COMPACT));
    run->late = true;
    run_cancel(run, "the run cannot go on in the cluster");
    if (!run->over && !run->ended)
        run_cancel(run, run->cancel_reason); /* exit handlers have no pods either */
}

/* What holds for all that wait. */
static int tell_waiting(struct cluster *c, const char *detail, struct dh_err *err)
{
    for (struct job *job = c->run->job_list; job; job = job->next)
        if (job->state == JOB_AWAITING &&
            (cluster_turn(c, err) < 0 || cluster_await(job, detail, err) < 0))
            return -1;
    return 0;
}

/* `seen`: pods of the list that is being told; NULL: none is. */
static int one_news(struct cluster *c, struct news *n, struct strmap **seen, struct dh_err *err)
{
    struct pod *p;

    switch (n->kind) {
    case NEWS_LIST: /* its pods follow; what was heard before is not in it */
        (void)strmap_free(*seen);
        *seen = strmap_new();
        break;
    case NEWS_POD:
        if (*seen)
            (void)strmap_put(*seen, n->uid, c);
        return take_pod(c, n, err);
    case NEWS_GONE:
        if (take_pod(c, n, err) < 0)
            return -1;
        p = strmap_get(c->pods, n->uid);
        take_gone(c, p);
        break;
    case NEWS_LISTED:
        listed(c, *seen);
        *seen = strmap_free(*seen);
        break;
    case NEWS_WORKFLOW:
        if (n->over && !c->workflow_over) {
            c->workflow_over = true;
            c->over_us = clock_mono_us();
            c->workflow_message = cluster_text(n->text);
        }
        break;
    case NEWS_ASKS:
        js_free(c->asks);
        c->asks = take(&n->asks);
        break;
    case NEWS_BROKEN:
        if (!c->broken)
            c->broken = dh_strdup(n->text);
        break;
    case NEWS_NOTE:
        run_note(c->run, n->text);
        return tell_waiting(c, NULL, err);
    case NEWS_TROUBLE:
        run_note(c->run, n->text);
        return tell_waiting(c, n->text, err);
    }
    return 0;
}

/* ---- as time goes by ---- */

/* What Argo would have made a pod for, it has not. */
static int no_pod_comes(struct cluster *c, struct dh_err *err)
{
    own_mem char *reason =
        dh_printf("its pod never came: the Workflow %s is over%s%s", c->name,
                  c->workflow_message ? ": " : "", c->workflow_message ? c->workflow_message : "");
    struct run *run = c->run;

    for (struct job *job = run->job_list, *next; job; job = next) {
        next = job->next;
        if (job->state != JOB_AWAITING)
            continue;
        job->hopeless = true;
        job->state = JOB_RUNNING;
        if (cluster_turn(c, err) < 0 ||
            task_failed(job, run->cancels ? PLAN_CANCELED : PLAN_FAILED,
                        run->cancels ? run->cancel_reason : reason, -1, err) < 0)
            return -1;
    }
    return 0;
}

static bool pods_live(const struct cluster *c)
{
    void *value;

    for (size_t i = 0; i < strmap_n(c->pods); i++) {
        const struct pod *p = (strmap_at(c->pods, i, &value), value);

        if (!p->gone && !p->handled && p->view.state != POD_ENDED)
            return true;
    }
    return false;
}

/* Kubernetes would try for ever; the pod is given a deadline that is over, and fails. */
static void give_up_pull(struct cluster *c, struct pod *p)
{
    struct js *body = js_object(), *spec = js_object();

    p->hurried = true;
    js_set(spec, "activeDeadlineSeconds", js_int(1));
    js_set(body, "spec", spec);
    cluster_patch(c, kube_path(c->kube, "v1", "pods", p->name), body);
}

static int look_at(struct cluster *c, struct pod *p, int64_t now_us, struct dh_err *err)
{
    if (p->handled)
        return 0;
    if ((p->gone || p->view.state == POD_ENDED) &&
        (now_us - p->since_us > GRACE_US || !cluster_claim_of(c, p)))
        return ended(c, p, err);
    if (p->view.pull && !p->gone && !p->hurried && now_us - p->since_us > c->pull_us)
        give_up_pull(c, p);
    return 0;
}

/* One that has not claimed yet. */
static bool has_pod(struct cluster *c, const struct job *job)
{
    void *value;

    for (size_t i = 0; i < strmap_n(c->pods); i++) {
        const struct pod *p = (strmap_at(c->pods, i, &value), value);

        if (!p->gone && p->view.state != POD_ENDED && !cluster_claim_of(c, p) &&
            job_of_pod(c, p) == job)
            return true;
    }
    return false;
}

static int look(struct cluster *c, struct dh_err *err)
{
    int64_t now_us = clock_mono_us();
    void *value;

    if (now_us - c->looked_us < LOOK_US)
        return 0;
    c->looked_us = now_us;
    for (size_t i = 0; i < strmap_n(c->pods); i++) {
        (void)strmap_at(c->pods, i, &value);
        if (look_at(c, value, now_us, err) < 0)
            return -1;
    }
    for (struct job *job = c->run->job_list, *next; job; job = next) {
        next = job->next;
        if (job->state == JOB_AWAITING && job->lost && now_us - job->lost_us > ANEW_US &&
            !has_pod(c, job) &&
            (cluster_turn(c, err) < 0 || task_failed(job, PLAN_FAILED, DELETED, -1, err) < 0))
            return -1;
    }
    if (c->workflow_over && now_us - c->over_us > LAST_PODS_US && !pods_live(c))
        return no_pod_comes(c, err);
    return 0;
}

int cluster_news(struct run *run, struct dh_err *err)
{
    struct cluster *c = run->cluster;
    own(strmap_free) struct strmap *seen = NULL;
    struct news *n, *next;
    int rc = 0;

    (void)pthread_mutex_lock(&c->lock);
    n = c->first;
    c->first = NULL;
    c->last = &c->first;
    (void)pthread_mutex_unlock(&c->lock);
    for (; n; n = next) {
        next = n->next;
        if (rc == 0)
            rc = one_news(c, n, &seen, err);
        cluster_news_free(n);
    }
    if (rc < 0 || look(c, err) < 0)
        return -1;
    cluster_claim_held(c);
    gate_flush(c);
    cluster_answer(c);
    give_up(c);
    return 0;
}

void cluster_committed(struct run *run)
{
    cluster_claim_held(run->cluster);
    gate_flush(run->cluster);
    cluster_answer(run->cluster);
}
