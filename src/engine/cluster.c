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
#define PULL_US (5 * 60 * SECOND_US) /* that an image may fail to come */
#define WAITS "waiting for its pod"

/* ---- setting up ---- */

char *cluster_text(const char *text)
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
    strmap_free(c->told);
    js_free(c->asks);
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
    (void)argo_agent_named(js_get_text(settings, "agent"), &o->agent, NULL); /* checked before */
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
        k->answer = cluster_text(row->answer);
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
    c->told = strmap_new();
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

struct js *cluster_indices(const char *text)
{
    struct js *list = js_array();

    while (text && *text) {
        js_push(list, js_int(strtoll(text, NULL, 10)));
        text += strcspn(text, ".");
        text += *text == '.';
    }
    return list;
}

static struct plan_node *child_named(const struct plan_node *node, const char *name, size_t n)
{
    for (uint32_t i = 0; i < node->n_children; i++) {
        const char *its = plan_name(&node->children[i]);

        if (strlen(its) == n && !strncmp(its, name, n))
            return &node->children[i];
    }
    return NULL;
}

/* `index` is what a pod or Argo says. */
static struct plan_node *iteration_of(const struct plan_node *loop, int64_t index)
{
    if (index < 0)
        return NULL;
    for (uint32_t i = 0; i < loop->n_children; i++) { /* as a rule, it is at its index */
        struct plan_node *child =
            &loop->children[(index % loop->n_children + i) % loop->n_children];

        if (child->iteration_index == index)
            return child;
    }
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

            node = iteration_of(node, index);
        } else if (node && node->type == PLAN_LOOP && *scope) {
            struct plan_node *one = iteration_of(node, js_as_int(js_at(iteration, depth++), -1));

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

/* ---- logs ---- */

struct known *cluster_claim_of(struct cluster *c, const struct pod *p)
{
    return strmap_get(c->claimers, p->uid);
}

void cluster_follow_pod(struct cluster *c, struct pod *p)
{
    const struct known *k = cluster_claim_of(c, p);
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
    job->metrics_at = 0;
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
        cluster_follow_pod(run->cluster, p);
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
    return metrics_live_end(job, err) < 0 ? -1 : cluster_keep(c, k, err);
}

int cluster_lost(struct job *job, enum plan_state state, const char *reason, int exit_code,
                 struct dh_err *err)
{
    return close_attempt(job, err) < 0 ? -1 : task_failed(job, state, reason, exit_code, err);
}

/* Argo makes a pod that was deleted anew, whatever the task's own retries are. */
int cluster_made_anew(struct job *job, const char *reason, struct dh_err *err)
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
    if (metrics_live_adopt(job, err) < 0)
        return -1;
    return 1;
}

int cluster_turn(struct cluster *c, struct dh_err *err)
{
    struct store *s = c->run->engine->store;

    return store_in_transaction(s) ? 0 : store_begin(s, err);
}
