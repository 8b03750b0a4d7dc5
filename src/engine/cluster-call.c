/* cluster-call - what pods ask: claim, sign, complete, finish, beat. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "artifact/artifact.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/js.h"
#include "base/mem.h"
#include "engine/cluster-priv.h"

enum { SOON_S = 1, LATER_S = 3, HELD = 64, CLAIM_WAITS = 1, SECRET_LEAST = 32 };
#define HOLD_US ((int64_t)20000000)

/* ---- what is common ---- */

static char *attempt_name(const struct run *run, const struct job *job)
{
    return dh_printf("%s.%s.%d", run->uuid, job->uuid, job->attempt);
}

static struct js *control_of(struct cluster *c, const struct plan_node *node,
                             const struct js *outputs)
{
    own_mem char *scope = plan_scope_path(node);

    return argo_control(c->workflow, scope, outputs);
}

/* ---- claim ---- */

static int say_fail(struct cluster *c, uint64_t conn, const char *message)
{
    struct js *body = js_object();

    js_set(body, "do", js_str("fail"));
    js_set(body, "message", js_str(message));
    gate_reply(c, conn, 200, 0, body);
    return 0;
}

/* The plan has its result already. */
static int claim_final(struct cluster *c, uint64_t conn, const struct plan_node *node)
{
    struct js *body;

    if (node->state == PLAN_FAILED || node->state == PLAN_CANCELED)
        return say_fail(c, conn, node->reason ? node->reason : "the task is over");
    body = js_object();
    js_set(body, "do", js_str("done"));
    js_set(body, "state", js_str(plan_state_name(node->state)));
    js_set(body, "control", control_of(c, node, node->outputs));
    gate_reply(c, conn, 200, 0, body);
    return 0;
}

static void give(struct cluster *c, uint64_t conn, struct job *job)
{
    own_mem char *name = attempt_name(c->run, job);

    errand_start(c, conn, ERRAND_CLAIM, job->id, job->attempt, cluster_job_claim(job, name));
}

/* The answer was lost, or its URLs are too old: the same attempt. But only for who claimed it: the
 * step can read the run's token, and is not to take its launcher's place. */
static int claim_again(struct cluster *c, uint64_t conn, struct job *job, const struct known *k,
                       const char *secret, struct dh_err *err)
{
    char digest[DIGEST_TEXT];

    (void)digest_bytes(secret, strlen(secret), digest);
    if (strcmp(digest, k->secret) != 0) {
        gate_refuse(c, conn, 409, 0, "pod %s has been claimed by another", k->name);
        return 0;
    }
    if (job->kill_sent)
        return say_fail(c, conn, c->run->cancel_reason);
    if (cluster_turn(c, err) < 0)
        return -1;
    give(c, conn, job);
    return 0;
}

static int claim_next(struct cluster *c, uint64_t conn, struct job *job, const struct js *body,
                      struct dh_err *err)
{
    const struct js *pod = js_get(body, "pod");

    if (cluster_turn(c, err) < 0)
        return -1;
    if (cluster_begin(job, js_get_text(pod, "name"), js_get_text(pod, "uid"),
                      js_get_text(body, "secret"), err) < 0) {
        if (err->code == DH_IO || err->code == DH_BUG)
            return -1;
        (void)say_fail(c, conn, err->msg);
        return cluster_lost(job, PLAN_FAILED, arena_strdup(c->run->arena, err->msg), -1, err);
    }
    give(c, conn, job);
    return 0;
}

static int claim_job(struct cluster *c, uint64_t conn, struct job *job, const struct js *body,
                     struct dh_err *err)
{
    const char *uid = js_get_text(js_get(body, "pod"), "uid");
    struct known *k = strmap_get(c->claimers, uid);
    struct plan_node *node = job->node;

    if (k && (strcmp(k->uuid, job->uuid) != 0 || k->answer || k->number != job->attempt)) {
        gate_refuse(c, conn, 409, 0, "pod %s has had its attempt", k->name);
        return 0;
    }
    if (k && job->state == JOB_RUNNING)
        return claim_again(c, conn, job, k, js_get_text(body, "secret"), err);
    if (!k && job->state == JOB_RUNNING) { /* another pod of the same task: that one's is over */
        if (cluster_replaced(job, err) < 0)
            return -1;
        job = cluster_job_of(c, node);
        if (!job)
            return claim_final(c, conn, node);
    }
    if (job->state == JOB_AWAITING)
        return claim_next(c, conn, job, body, err);
    return CLAIM_WAITS;
}

/* Its run's label and place are the pod's own to have: Kubernetes says so. */
static bool is_its_own(struct cluster *c, const struct js *body, const struct js *pod)
{
    const struct pod *p = strmap_get(c->pods, js_get_text(pod, "uid"));
    const char *scope = js_get_text(body, "scope");
    const struct js *iteration = js_get(body, "iteration");
    own_buf struct buf b = {0};

    if (!p || strcmp(p->name, js_get_text(pod, "name")) != 0)
        return false;
    for (size_t i = 0; i < js_n(iteration); i++)
        buf_addf(&b, "%s%lld", i ? "." : "", (long long)js_as_int(js_at(iteration, i), -1));
    return p->scope && scope && !strcmp(p->scope, scope) &&
           !strcmp(p->iteration ? p->iteration : "", buf_str(&b));
}

static int on_claim(struct cluster *c, uint64_t conn, const struct js *body, struct dh_err *err)
{
    const char *scope = js_get_text(body, "scope"), *secret = js_get_text(body, "secret");
    const struct js *pod = js_get(body, "pod");
    struct plan_node *node;
    struct job *job;

    if (!scope || !js_get_text(pod, "name") || !js_get_text(pod, "uid") || !secret ||
        strlen(secret) < SECRET_LEAST) {
        gate_refuse(c, conn, 400, 0,
                    "expected scope, pod {name, uid} and a secret of %d digits or more",
                    SECRET_LEAST);
        return 0;
    }
    if (!strmap_get(c->pods,
                    js_get_text(pod, "uid"))) { /* the watch is behind, or it is none of ours */
        return CLAIM_WAITS;
    }
    if (!is_its_own(c, body, pod)) {
        gate_refuse(c, conn, 403, 0, "pod %s is not the one of task %s", js_get_text(pod, "name"),
                    scope);
        return 0;
    }
    node = cluster_node(c, scope, js_get(body, "iteration"));
    if (!node)
        return CLAIM_WAITS;
    job = cluster_job_of(c, node);
    if (job)
        return claim_job(c, conn, job, body, err);
    if (plan_is_final(node))
        return claim_final(c, conn, node);
    return CLAIM_WAITS;
}

/* What cannot be answered yet is answered as soon as it can be, or told to come again. */
static int claim_or_hold(struct cluster *c, uint64_t conn, struct js *body, int64_t since_us,
                         struct dh_err *err)
{
    int rc = on_claim(c, conn, body, err);
    struct held *h;

    if (rc != CLAIM_WAITS)
        return rc;
    if (c->n_held >= HELD || clock_mono_us() - since_us > HOLD_US) {
        gate_refuse(c, conn, 503, LATER_S, "its turn has not come yet");
        return 0;
    }
    h = dh_zalloc(1, sizeof *h);
    h->conn = conn;
    h->body = js_ref(body);
    h->since_us = since_us;
    h->next = c->held;
    c->held = h;
    c->n_held++;
    return 0;
}

void cluster_claim_held(struct cluster *c)
{
    struct run *run = c->run;
    struct held *h = c->held, *next;

    c->held = NULL;
    c->n_held = 0;
    for (; h; h = next) {
        next = h->next;
        if (!run->over && claim_or_hold(c, h->conn, h->body, h->since_us, run->err) < 0)
            run_fail(run);
        js_free(h->body);
        free(h);
    }
    if (!run->over && store_in_transaction(run->engine->store))
        run_turn(run);
}

void cluster_held_free(struct cluster *c)
{
    while (c->held) {
        struct held *h = c->held;

        c->held = h->next;
        js_free(h->body);
        free(h);
    }
}

/* ---- calls of an attempt ---- */

/* The attempt that the call names, if its secret is right. NULL: it was answered. */
static struct known *attempt_of(struct cluster *c, uint64_t conn, const struct js *request)
{
    const char *name = js_get_text(request, "attempt"), *secret = js_get_text(request, "secret");
    const char *task = name ? strchr(name, '.') : NULL,
               *number = task ? strchr(task + 1, '.') : NULL;
    own_mem char *uuid = NULL;
    char digest[DIGEST_TEXT];
    struct known *k;

    if (!number || !secret) {
        gate_refuse(c, conn, 400, 0, "expected an attempt and its secret");
        return NULL;
    }
    uuid = dh_strndup(task + 1, (size_t)(number - task - 1));
    k = cluster_known(c, uuid, (int)strtol(number + 1, NULL, 10));
    (void)digest_bytes(secret, strlen(secret), digest);
    if (!k)
        gate_refuse(c, conn, 404, 0, "there is no such attempt");
    else if (strcmp(digest, k->secret) != 0)
        gate_refuse(c, conn, 403, 0, "this is not the attempt's secret");
    else
        return k;
    return NULL;
}

/* Its job, while it runs; NULL: it was answered. */
static struct job *running(struct cluster *c, uint64_t conn, const struct known *k)
{
    struct job *job = c->run->job_list;

    while (job && strcmp(job->uuid, k->uuid) != 0)
        job = job->next;
    if (job && job->state == JOB_RUNNING && job->attempt == k->number && !k->answer)
        return job;
    gate_refuse(c, conn, 410, 0, "the attempt is over");
    return NULL;
}

static int on_transfer(struct cluster *c, uint64_t conn, struct job *job, enum errand_kind kind,
                       const struct js *body)
{
    const char *artifact = js_get_text(body, "artifact");
    struct js *in;
    own_mem char *uri = NULL;

    if (!artifact || !spec_find(&job->node->component->output_definitions.artifacts, artifact)) {
        gate_refuse(c, conn, 404, 0, "the task has no output artifact '%s'",
                    artifact ? artifact : "");
        return 0;
    }
    uri = artifact_uri_below(job->remote_root, artifact);
    in = js_copy(body);
    js_set(in, "uri", js_str(uri));
    errand_start(c, conn, kind, job->id, job->attempt, in);
    return 0;
}

static void reason_of(const struct js *body, char *to, size_t cap)
{
    const char *message = js_get_text(body, "message");
    int64_t code = js_get_int(body, "exit_code", -1), number = js_get_int(body, "signal", 0);

    if (message && *message)
        (void)snprintf(to, cap, "%s", message);
    else if (number > 0 && number < NSIG)
        (void)snprintf(to, cap, "killed by signal %d (SIG%s)", (int)number,
                       sigabbrev_np((int)number) ? sigabbrev_np((int)number) : "?");
    else
        (void)snprintf(to, cap, "exit code %lld", (long long)code);
}

/* What the pod is told, and is told again. In the transaction of the attempt's end. */
static int answer(struct cluster *c, uint64_t conn, struct known *k, const struct plan_node *node,
                  const char *state, int exit_code, const struct js *outputs, struct dh_err *err)
{
    struct js *v = js_object();

    js_set(v, "state", js_str(state));
    js_set(v, "exit_code", js_int(exit_code));
    js_set(v, "control", exit_code == 0 ? control_of(c, node, outputs) : js_array());
    k->answer = js_dump(v, JS_COMPACT);
    gate_reply(c, conn, 200, 0, v);
    return cluster_keep(c, k, err);
}

/* An attempt that did not do what it was to. */
static int finish_badly(struct cluster *c, uint64_t conn, struct known *k, struct job *job,
                        const char *reason, int code, struct dh_err *err)
{
    bool canceled = job->kill_sent;
    int exit_code = code > 0 && code < 256 ? code : 1;

    if (answer(c, conn, k, job->node, canceled ? "CANCELED" : "FAILED", exit_code, NULL, err) < 0)
        return -1;
    return canceled ? task_failed(job, PLAN_CANCELED, c->run->cancel_reason, code, err)
                    : task_failed(job, PLAN_FAILED, reason, code, err);
}

static int on_finish(struct cluster *c, uint64_t conn, struct known *k, struct job *job,
                     const struct js *body, struct dh_err *err)
{
    int64_t code = js_get_int(body, "exit_code", -1);
    char reason[sizeof err->msg];

    if (cluster_turn(c, err) < 0 || metrics_live_end(job, err) < 0)
        return -1;
    if (code != 0 || job->kill_sent) {
        reason_of(body, reason, sizeof reason);
        return finish_badly(c, conn, k, job, reason, (int)code, err);
    }
    if (cluster_job_outputs(job, body, err) < 0 || record_success(c->run, job, err) < 0) {
        if (err->code == DH_IO || err->code == DH_BUG)
            return -1;
        memcpy(reason, err->msg, sizeof reason);
        return finish_badly(c, conn, k, job, reason, -1, err);
    }
    if (answer(c, conn, k, job->node, "SUCCEEDED", 0, job->outputs, err) < 0)
        return -1;
    return task_succeeded(job, PLAN_SUCCEEDED, true, err);
}

/* Said once more: the same answer. */
static int finished_before(struct cluster *c, uint64_t conn, const struct known *k)
{
    struct js *v = NULL;

    if (strcmp(k->answer, "{}") != 0 && js_parse(k->answer, strlen(k->answer), &v, NULL) == 0)
        gate_reply(c, conn, 200, 0, v);
    else
        gate_refuse(c, conn, 410, 0, "the attempt was given up before");
    return 0;
}

static int on_beat(struct cluster *c, uint64_t conn, struct job *job, const struct js *body)
{
    const struct js *metrics = js_get(body, "metrics");
    const char *data = js_get_text(metrics, "data");
    own_buf struct buf bytes = {0};
    struct js *v = js_object();

    js_set(v, "cancel", js_bool(job->kill_sent));
    if (data && base64_get(&bytes, data, strlen(data)) == 0)
        js_set(v, "metrics_at",
               js_int(metrics_live_append(job, js_get_int(metrics, "at", 0), buf_str(&bytes),
                                          bytes.n)));
    gate_reply(c, conn, 200, 0, v);
    return 0;
}

static int of_attempt(struct cluster *c, uint64_t conn, const char *call, const struct js *request,
                      struct dh_err *err)
{
    const struct js *body = js_get(request, "body");
    struct known *k = attempt_of(c, conn, request);
    struct job *job;

    if (!k)
        return 0;
    if (!strcmp(call, "finish") && k->answer)
        return finished_before(c, conn, k);
    job = running(c, conn, k);
    if (!job)
        return 0;
    if (!strcmp(call, "finish"))
        return on_finish(c, conn, k, job, body, err);
    if (!strcmp(call, "sign"))
        return on_transfer(c, conn, job, ERRAND_SIGN, body);
    if (!strcmp(call, "complete"))
        return on_transfer(c, conn, job, ERRAND_COMPLETE, body);
    return on_beat(c, conn, job, body);
}

int cluster_call(struct cluster *c, uint64_t conn, struct js *request, struct dh_err *err)
{
    own(js_free) struct js *v = request;
    const char *call = js_get_text(v, "call");

    if (!call || c->run->over) {
        gate_refuse(c, conn, 503, SOON_S, "the run's process is ending");
        return 0;
    }
    return !strcmp(call, "claim") ? claim_or_hold(c, conn, js_get(v, "body"), clock_mono_us(), err)
                                  : of_attempt(c, conn, call, v, err);
}
