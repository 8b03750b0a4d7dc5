/* cluster-asks - what Argo asks while a Workflow goes on: whether a task's condition holds, whether
 * its pod is needed. The plan knows.
 *
 * A question is a task of the WorkflowTaskSet that has no answer in the set's status. Nothing is
 * kept of it: whoever was killed finds it open again, and what is answered twice is answered alike.
 */
#include <string.h>

#include "base/clock.h"
#include "base/js.h"
#include "base/mem.h"
#include "engine/cluster-priv.h"

#define LOOK_US 200000 /* answers of that time go together */
/* An answer that has not arrived by then is given again: longer than one is tried. */
#define AGAIN_US ((int64_t)150 * 1000000)

/* ---- answers ---- */

static void add(struct js *parameters, const char *name, const char *value)
{
    struct js *v = js_object();

    js_set(v, "name", js_str(name));
    js_set(v, "value", js_str(value));
    js_push(parameters, v);
}

/* Whether what follows is to be done; without it, a result's control values. */
static struct js *go(bool yes, const struct js *control)
{
    struct js *v = js_object(), *outputs = js_object(), *parameters = js_array();

    js_set(v, "phase", js_str("Succeeded"));
    js_set(v, "outputs", outputs);
    js_set(outputs, "parameters", parameters);
    add(parameters, ARGO_GO, yes ? "true" : "false");
    for (size_t i = 0; i < js_n(control); i++) {
        const struct js *one = js_at(control, i);

        add(parameters, strrchr(js_get_text(one, "file"), '/') + 1, js_get_text(one, "value"));
    }
    return v;
}

static struct js *fail(const char *reason)
{
    struct js *v = js_object();

    js_set(v, "phase", js_str("Failed"));
    js_set(v, "message", js_str(reason ? reason : "the task is over"));
    return v;
}

static bool waits_for_pod(struct cluster *c, const struct plan_node *node)
{
    const struct job *job = cluster_job_of(c, node);

    return job && (job->state == JOB_AWAITING || job->state == JOB_RUNNING);
}

static struct js *result_of(struct cluster *c, const struct plan_node *node)
{
    own_mem char *scope = plan_scope_path(node);
    own(js_free) struct js *control = argo_control(c->workflow, scope, node->outputs);

    return go(false, control);
}

/* NULL: not yet. */
static struct js *answer_of(struct cluster *c, const struct js *ask)
{
    bool for_pod = !strcmp(js_get_text(ask, "ask"), ARGO_ASK_RESULT);
    own(js_free) struct js *iteration = cluster_indices(js_get_text(ask, "iteration"));
    const struct plan_node *node = cluster_node(c, js_get_text(ask, "scope"), iteration);

    switch (node ? (enum plan_state)node->state : PLAN_PENDING) {
    case PLAN_PENDING:
        return NULL;
    case PLAN_FAILED:
    case PLAN_CANCELED:
        return fail(node->reason);
    case PLAN_SKIPPED:
        return go(false, NULL);
    case PLAN_RUNNING:
        return for_pod && !waits_for_pod(c, node) ? NULL : go(true, NULL);
    default:
        return for_pod ? result_of(c, node) : go(true, NULL);
    }
}

static bool was_told(const struct cluster *c, const char *id, int64_t now_us)
{
    int64_t at_us = (intptr_t)strmap_get(c->told, id);

    return at_us && now_us - at_us < AGAIN_US;
}

void cluster_answer(struct cluster *c)
{
    own(js_free) struct js *nodes = js_object();
    own_mem char *set = NULL;
    struct js *body, *status;
    int64_t now_us = clock_mono_us();

    if (!js_n(c->asks) || now_us - c->told_us < LOOK_US ||
        store_in_transaction(c->run->engine->store))
        return;
    c->told_us = now_us;
    for (js_each(c->asks, it)) {
        struct js *answer = was_told(c, it.key, now_us) ? NULL : answer_of(c, it.value);

        if (!answer)
            continue;
        js_set(nodes, it.key, answer);
        (void)strmap_put(c->told, it.key, (void *)(intptr_t)now_us);
    }
    if (!js_n(nodes))
        return;
    body = js_object();
    status = js_object();
    js_set(body, "status", status);
    js_set(status, "nodes", take(&nodes));
    set = kube_path(c->kube, CLUSTER_ARGO, "workflowtasksets", c->name);
    cluster_patch(c, dh_printf("%s/status", set), body);
}
