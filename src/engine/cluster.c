#include "engine/cluster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "artifact/artifact.h"
#include "base/clock.h"
#include "base/fs.h"
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
#define LOGS_US (3 * SECOND_US)           /* that the run's end waits for them */
#define LAST_LOGS_US (30 * SECOND_US)     /* that the process waits for them then */
#define FAILED_LINGER_US (60 * SECOND_US) /* that Argo has for the rest, where the run failed */
#define LAST_LOGS_US (30 * SECOND_US)     /* that the process waits for them then */
#define FAILED_LINGER_US (60 * SECOND_US) /* that Argo has for the rest, where the run failed */
#define LINGER_US (30 * 60 * SECOND_US)   /* that pods are answered after the run's end */
#define PULL_US (5 * 60 * SECOND_US)      /* that an image may fail to come */
#define STOP_US (120 * SECOND_US)         /* that a pod may need to stop */
#define WAITS "waiting for its pod"
#define DELETED "its pod is gone: it was deleted, or its node was lost"
#define MADE_ANEW 2               /* as argo_options.error_retries */
#define ANEW_US (180 * SECOND_US) /* in which it comes again, or never */

/* ---- setting up ---- */

static char *text_copy(const char *text)
{
    return text ? dh_strdup(text) : NULL;
}

static void known_free(struct known *k)
{
    free(k->name);
    free(k->uid);
    free(k->answer);
    free(k);
}

static void pod_free(struct pod *p)
{
    free(p->name);
    free(p->uid);
    free(p->scope);
    free(p->iteration);
    free(p);
}

struct cluster *cluster_free(struct cluster *c)
{
    void *value;

    if (!c)
        return NULL;
    for (size_t i = 0; i < strmap_n(c->known); i++) {
        (void)strmap_at(c->known, i, &value);
        known_free(value);
    }
    for (size_t i = 0; i < strmap_n(c->pods); i++) {
        (void)strmap_at(c->pods, i, &value);
        pod_free(value);
    }
    strmap_free(c->known);
    strmap_free(c->claimers);
    strmap_free(c->pods);
    while (c->first) {
        struct news *next = c->first->next;

        cluster_news_free(c->first);
        c->first = next;
    }
    cluster_held_free(c);
    while (c->failed) {
        struct failed *f = c->failed;

        c->failed = f->next;
        free(f->reason);
        free(f->log);
        free(f);
    }
    argo_free(c->workflow);
    kube_close(c->kube);
    (void)pthread_mutex_destroy(&c->lock);
    free(c->name);
    free(c->secret_name);
    free(c->workflow_message);
    free(c->broken);
    free(c);
    return NULL;
}

/* Ids begin with the time: the end of one tells runs apart. A retry's Workflow is a new one. */
static char *short_id(const char *uuid, int64_t retry_at)
{
    own_mem char *text = NULL;
    char digest[DIGEST_TEXT];

    if (!retry_at)
        return dh_strdup(uuid + 24);
    text = dh_printf("%s %lld", uuid, (long long)retry_at);
    (void)digest_bytes(text, strlen(text), digest);
    return dh_strndup(digest, 12);
}

static void fill(const struct js *settings, struct argo_options *o)
{
    o->namespace = js_get_text(settings, "namespace");
    o->server = js_get_text(settings, "server");
    o->launcher_image = js_get_text(settings, "launcher_image");
    o->image_volume = js_get_bool(settings, "image_volume");
    o->runner_account = js_get_text(settings, "runner_account");
    o->executor_account = js_get_text(settings, "executor_account");
    o->image_pull_secret = js_get_text(settings, "image_pull_secret");
    o->parallelism = (int32_t)js_get_int(settings, "parallelism", 0);
}

int cluster_check(const struct engine_request *r, const struct js *parameters, const char *root,
                  struct dh_err *err)
{
    const struct plan_run facts = {.run_id = "00000000-0000-0000-0000-000000000000",
                                   .job_name = "",
                                   .resource_name = "",
                                   .pipeline_root = root,
                                   .workspace = "/kfp-workspace",
                                   .created_at = "",
                                   .scheduled_at = "",
                                   .parameters = parameters};
    own(argo_free) struct argo_workflow *workflow = NULL;
    struct argo_options options = {.run = &facts};

    if (!artifact_uri_is_remote(root))
        return dh_fail(
            err, DH_INVALID,
            "pipeline root %s: pods reach buckets alone; give one (s3://, minio://, gs://) "
            "with the run, in the pipeline, or to 'dhow serve --pipeline-root'",
            root);
    fill(r->cluster, &options);
    return argo_compile(r->spec, &options, &workflow, err);
}

static void keep(struct cluster *c, struct known *k)
{
    own_mem char *key = dh_printf("%s.%d", k->uuid, k->number);
    struct known *before = strmap_put(c->known, key, k);

    if (before && before != k) {
        if (strmap_get(c->claimers, before->uid) == before)
            (void)strmap_remove(c->claimers, before->uid);
        known_free(before);
    }
    (void)strmap_put(c->claimers, k->uid, k);
}

static int read_known(struct cluster *c, struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    struct store_pods rows;

    if (store_pod_list(c->run->engine->store, c->run->id, a, &rows, err) < 0)
        return -1;
    for (size_t i = 0; i < rows.n; i++) {
        const struct store_pod *row = &rows.items[i];
        struct known *k = dh_zalloc(1, sizeof *k);

        k->task = row->task_id;
        k->number = (int)row->number;
        (void)snprintf(k->uuid, sizeof k->uuid, "%s", row->task);
        (void)snprintf(k->secret, sizeof k->secret, "%s", row->secret);
        k->name = dh_strdup(row->name);
        k->uid = dh_strdup(row->uid);
        k->answer = text_copy(row->answer);
        keep(c, k);
    }
    return 0;
}

struct known *cluster_known(struct cluster *c, const char *uuid, int number)
{
    own_mem char *key = dh_printf("%s.%d", uuid, number);

    return strmap_get(c->known, key);
}

int cluster_keep(struct cluster *c, struct known *k, struct dh_err *err)
{
    const struct store_pod row = {.run_id = c->run->id,
                                  .task_id = k->task,
                                  .number = k->number,
                                  .name = k->name,
                                  .uid = k->uid,
                                  .secret = k->secret,
                                  .answer = k->answer};

    keep(c, k);
    return store_pod_put(c->run->engine->store, &row, err);
}

int cluster_new(struct run *run, struct dh_err *err)
{
    const struct js *settings = js_get(run->options, "cluster");
    const struct kube_options at = {.context = js_get_text(settings, "context"),
                                    .namespace = js_get_text(settings, "namespace")};
    own_mem char *id = short_id(run->uuid, run->retry_at);
    struct argo_options options = {.run = &run->facts};
    struct cluster *c = dh_zalloc(1, sizeof *c);

    run->cluster = c;
    c->run = run;
    c->last = &c->first;
    c->known = strmap_new();
    c->claimers = strmap_new();
    c->pods = strmap_new();
    c->pull_us = js_get_int(settings, "pull_timeout_us", PULL_US);
    (void)pthread_mutex_init(&c->lock, NULL);
    c->name = argo_name(run->spec->pipeline.pipeline_info.name, id);
    c->secret_name = argo_secret_name(id);
    if (kube_open(&at, &c->kube, err) < 0)
        return -1;
    fill(settings, &options);
    options.name = c->name;
    options.token_secret = c->secret_name;
    options.namespace = kube_namespace(c->kube);
    if (argo_compile(run->spec, &options, &c->workflow, err) < 0)
        return -1;
    return read_known(c, err);
}

int cluster_start(struct run *run, struct dh_err *err)
{
    return gate_open(run->cluster, err) < 0 || cluster_threads_start(run->cluster, err) < 0 ? -1
                                                                                            : 0;
}

void cluster_stop(struct run *run)
{
    struct cluster *c = run->cluster;

    gate_close(c);
    atomic_store(&c->stop, true);
    cluster_followers_stop(c);
    cluster_threads_stop(c);
}

/* ---- nodes and jobs ---- */

static struct plan_node *child_named(const struct plan_node *node, const char *name, size_t n)
{
    for (uint32_t i = 0; i < node->n_children; i++) {
        const char *its = plan_name(&node->children[i]);

        if (strlen(its) == n && !strncmp(its, name, n))
            return &node->children[i];
    }
    return NULL;
}

static struct plan_node *iteration_of(const struct plan_node *loop, int64_t index)
{
    for (uint32_t i = 0; i < loop->n_children; i++) /* as a rule, it is at its index */
        if (loop->children[(index + i) % loop->n_children].iteration_index == index)
            return &loop->children[(index + i) % loop->n_children];
    return NULL;
}

struct plan_node *cluster_node(struct cluster *c, const char *scope, const struct js *iteration)
{
    struct plan_node *node = plan_root(c->run->plan);
    size_t depth = 0;

    if (strncmp(scope, "root", 4) != 0)
        return NULL;
    for (scope += 4; node && *scope == '.';) {
        size_t n = strcspn(++scope, ".");

        node = child_named(node, scope, n);
        scope += n;
        if (node && node->type == PLAN_LOOP && *scope && !plan_is_final(node)) {
            int64_t index = js_as_int(js_at(iteration, depth++), -1);

            node = index >= 0 && node->n_children ? iteration_of(node, index) : NULL;
        } else if (node && node->type == PLAN_LOOP && *scope) {
            struct plan_node *one = node->n_children
                                        ? iteration_of(node, js_as_int(js_at(iteration, depth), -1))
                                        : NULL;

            depth++;
            if (!one)
                return node; /* it has ended without it */
            node = one;
        }
        if (node && plan_is_final(node) && !node->n_children)
            return node;
    }
    return *scope ? NULL : node;
}

struct job *cluster_job_of(struct cluster *c, const struct plan_node *node)
{
    struct job *job = c->run->job_list;

    while (job && job->node != node)
        job = job->next;
    return job;
}

/* "0.3" */
static struct js *indices_of(const char *text)
{
    struct js *list = js_array();

    while (text && *text) {
        js_push(list, js_int(strtoll(text, NULL, 10)));
        text += strcspn(text, ".");
        text += *text == '.';
    }
    return list;
}

static struct job *job_of_claim(struct cluster *c, const struct known *k)
{
    struct job *job = c->run->job_list;

    while (job && strcmp(job->uuid, k->uuid) != 0)
        job = job->next;
    return job;
}

static struct job *job_of_pod(struct cluster *c, const struct pod *p)
{
    own(js_free) struct js *iteration = indices_of(p->iteration);
    struct plan_node *node = p->scope ? cluster_node(c, p->scope, iteration) : NULL;

    return node ? cluster_job_of(c, node) : NULL;
}

/* ---- logs ---- */

static struct known *claim_of(struct cluster *c, const struct pod *p)
{
    return strmap_get(c->claimers, p->uid);
}

static void follow(struct cluster *c, struct pod *p)
{
    const struct known *k = claim_of(c, p);
    own_mem char *path = NULL;
    own_mem char *at = NULL;

    if (p->log && (p->gone || p->view.state == POD_ENDED))
        cluster_follow_ended(p->log);
    if (p->log || p->logged || !k || (!p->view.has_log && !p->gone))
        return;
    path = dh_printf("%s/%s-%d.log", c->run->folder, k->uuid, k->number);
    at = dh_printf("%s.at", path);
    if (k->answer && fs_exists(path) && !fs_exists(at))
        p->logged = true; /* a process before had all of it */
    else
        cluster_follow(c, p, path);
}

/* ---- an attempt's life ---- */

int cluster_await(struct job *job, const char *detail, struct dh_err *err)
{
    struct run *run = job->run;
    own_mem char *text = detail && *detail ? dh_printf(WAITS ": %s", detail) : dh_strdup(WAITS);

    job->state = JOB_AWAITING;
    if (plan_may_cache(job->node))
        (void)strmap_put(run->by_fingerprint, job->fingerprint, job);
    run_watch(run, job->node, job, PLAN_RUNNING, text, -1, -1);
    return store_task_say(run->engine->store, job->task, text, err);
}

int cluster_begin(struct job *job, const char *pod, const char *uid, const char *secret,
                  struct dh_err *err)
{
    struct run *run = job->run;
    struct known *k;
    struct pod *p;
    int rc;

    job->attempt++;
    job->kill_sent = job->timed_out = false;
    job->started = true;
    job->state = JOB_RUNNING;
    rc = cluster_job_build(job, err);
    if (record_attempt(run, job, rc < 0 ? NULL : err) < 0)
        return -1;
    k = dh_zalloc(1, sizeof *k);
    k->task = job->task;
    k->number = job->attempt;
    memcpy(k->uuid, job->uuid, sizeof k->uuid);
    k->name = dh_strdup(pod);
    k->uid = dh_strdup(uid);
    (void)digest_bytes(secret, strlen(secret), k->secret);
    if (cluster_keep(run->cluster, k, rc < 0 ? NULL : err) < 0)
        return -1;
    if (rc < 0)
        return rc;
    p = strmap_get(run->cluster->pods, uid);
    if (p)
        follow(run->cluster, p);
    run_watch(run, job->node, job, PLAN_RUNNING, NULL, -1, -1);
    return 0;
}

static int close_attempt(struct job *job, struct dh_err *err)
{
    struct cluster *c = job->run->cluster;
    struct known *k = cluster_known(c, job->uuid, job->attempt);

    if (!k || k->answer)
        return 0;
    k->answer = dh_strdup("{}");
    return cluster_keep(c, k, err);
}

int cluster_lost(struct job *job, enum plan_state state, const char *reason, int exit_code,
                 struct dh_err *err)
{
    return close_attempt(job, err) < 0 ? -1 : task_failed(job, state, reason, exit_code, err);
}

/* Argo makes a pod that was deleted anew, whatever the task's own retries are. */
static int made_anew(struct job *job, const char *reason, struct dh_err *err)
{
    job->lost++;
    job->lost_us = clock_mono_us();
    return close_attempt(job, err) < 0 ||
                   record_failure(job->run, job, PLAN_FAILED, reason, -1, false, err) < 0
               ? -1
               : cluster_await(job, reason, err);
}

int cluster_adopt(struct job *job, const struct earlier *e, struct dh_err *err)
{
    struct cluster *c = job->run->cluster;
    const struct known *k;

    if (!e || job->run->how->mode != ENGINE_RESUME || e->row.state != STORE_RUNNING)
        return 0;
    k = cluster_known(c, job->uuid, job->attempt);
    job->failures = job->attempt > 0 ? job->attempt - 1 : 0;
    if (!k || k->answer) {
        job->failures = job->attempt;
        return 0; /* its next pod is waited for */
    }
    job->started = true;
    job->state = JOB_RUNNING;
    if (plan_may_cache(job->node))
        (void)strmap_put(job->run->by_fingerprint, job->fingerprint, job);
    if (cluster_job_build(job, err) < 0)
        return task_fail(job, err) < 0 ? -1 : 1;
    if (record_attempt(job->run, job, err) < 0)
        return -1;
    if (e->row.started_us)
        job->started_us = e->row.started_us;
    return 1;
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
    p->scope = text_copy(n->scope);
    p->iteration = text_copy(n->iteration);
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

static int begin_turn(struct cluster *c, struct dh_err *err)
{
    struct store *s = c->run->engine->store;

    return store_in_transaction(s) ? 0 : store_begin(s, err);
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
    if (begin_turn(c, err) < 0)
        return -1;
    if (cluster_begin(job, p->name, p->uid, p->uid, err) < 0)
        return task_fail(job, err);
    follow(c, p);
    return comes_anew(p, job) ? made_anew(job, reason, err)
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
    if (begin_turn(c, err) < 0)
        return -1;
    if (job->kill_sent)
        return cluster_lost(job, PLAN_CANCELED, c->run->cancel_reason, p->view.exit_code, err);
    if (comes_anew(p, job))
        return made_anew(job, reason_of(p), err);
    return cluster_lost(job, PLAN_FAILED, reason_of(p), p->view.exit_code, err);
}

int cluster_replaced(struct job *job, struct dh_err *err)
{
    struct cluster *c = job->run->cluster;
    const struct known *k = cluster_known(c, job->uuid, job->attempt);
    struct pod *p = k ? strmap_get(c->pods, k->uid) : NULL;

    if (p && (p->gone || p->view.state == POD_ENDED))
        return end_of(c, p, job, err);
    if (begin_turn(c, err) < 0)
        return -1;
    return cluster_lost(job, job->kill_sent ? PLAN_CANCELED : PLAN_FAILED,
                        job->kill_sent ? c->run->cancel_reason
                                       : "another pod has taken the place of its own",
                        -1, err);
}

/* It has ended, or is gone, and has not said how its attempt ended. */
static int ended(struct cluster *c, struct pod *p, struct dh_err *err)
{
    const struct known *k = claim_of(c, p);
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
    struct job *job = claim_of(c, p) ? NULL : job_of_pod(c, p);

    if (!job || job->state != JOB_AWAITING)
        return 0;
    return begin_turn(c, err) < 0 ? -1 : cluster_await(job, p->view.words, err);
}

static int take_pod(struct cluster *c, const struct news *n, struct dh_err *err)
{
    struct pod *p = pod_of(c, n);
    char before[sizeof p->view.words];

    memcpy(before, p->view.words, sizeof before);
    update(p, &n->pod);
    follow(c, p);
    return p->view.state == POD_WAITS && strcmp(before, p->view.words) != 0 ? waits(c, p, err) : 0;
}

static void take_gone(struct cluster *c, struct pod *p)
{
    if (p->gone)
        return;
    p->gone = true;
    p->since_us = clock_mono_us();
    follow(c, p);
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
            (begin_turn(c, err) < 0 || cluster_await(job, detail, err) < 0))
            return -1;
    return 0;
}

static int one_news(struct cluster *c, struct news *n, struct strmap *seen, struct dh_err *err)
{
    struct pod *p;

    switch (n->kind) {
    case NEWS_LIST: /* its pods follow */
        break;
    case NEWS_POD:
        (void)strmap_put(seen, n->uid, c);
        return take_pod(c, n, err);
    case NEWS_GONE:
        if (take_pod(c, n, err) < 0)
            return -1;
        p = strmap_get(c->pods, n->uid);
        take_gone(c, p);
        break;
    case NEWS_LISTED:
        listed(c, seen);
        break;
    case NEWS_WORKFLOW:
        if (n->over && !c->workflow_over) {
            c->workflow_over = true;
            c->over_us = clock_mono_us();
            c->workflow_message = text_copy(n->text);
        }
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
        if (begin_turn(c, err) < 0 ||
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
        (now_us - p->since_us > GRACE_US || !claim_of(c, p)))
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

        if (!p->gone && p->view.state != POD_ENDED && !claim_of(c, p) && job_of_pod(c, p) == job)
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
            (begin_turn(c, err) < 0 || task_failed(job, PLAN_FAILED, DELETED, -1, err) < 0))
            return -1;
    }
    if (c->workflow_over && now_us - c->over_us > LAST_PODS_US && !pods_live(c))
        return no_pod_comes(c, err);
    return 0;
}

int cluster_news(struct run *run, struct dh_err *err)
{
    struct cluster *c = run->cluster;
    own(strmap_free) struct strmap *seen = strmap_new();
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
            rc = one_news(c, n, seen, err);
        cluster_news_free(n);
    }
    if (rc < 0 || look(c, err) < 0)
        return -1;
    cluster_claim_held(c);
    gate_flush(c);
    give_up(c);
    return 0;
}

void cluster_committed(struct run *run)
{
    cluster_claim_held(run->cluster);
    gate_flush(run->cluster);
}

/* ---- ends ---- */

void cluster_failed(const struct job *job, const char *reason)
{
    struct cluster *c = job->run->cluster;
    struct failed *f = dh_zalloc(1, sizeof *f);

    f->task = job->task;
    f->node = job->node;
    f->reason = dh_strdup(reason ? reason : "failed");
    f->log = text_copy(job->spec.log);
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
    if (begin_turn(run->cluster, run->err) < 0 ||
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
    cluster_patch(c, kube_path(c->kube, "argoproj.io/v1alpha1", "workflows", c->name), body);
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

        if (!p->log && !p->logged && !p->gone && claim_of(c, p))
            return false;
    }
    return cluster_follow_over(c);
}

bool cluster_settled(struct run *run)
{
    struct cluster *c = run->cluster;

    if (!c->settle_us)
        c->settle_us = clock_mono_us();
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
