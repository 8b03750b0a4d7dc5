/* explain - what running a pipeline now would do, and why: the plan with the record as its only
 * source of results. Nothing is started, nothing is written. */
#include <stdlib.h>
#include <string.h>

#include "artifact/artifact.h"
#include "base/js.h"
#include "base/mem.h"
#include "engine/engine-priv.h"
#include "engine/approval.h"
#include "engine/difference.h"
#include "engine/model-uri.h"
#include "engine/remote.h"
#include "engine/platform.h"
#include "plan/fingerprint.h"
#include "spec/params.h"

struct answer { /* of one leaf; hangs at node->user */
    enum engine_would would;
    char fingerprint[DIGEST_TEXT];
    char *because;
    struct answer *next;
};

struct explain {
    struct run run; /* as much of one as the record's readers need */
    struct answer *answers;
    struct store_linkeds earlier_inputs;
    bool compare;
    void (*fn)(void *user, const struct engine_explained *task);
    void *user;
};

static enum cache_mode mode_of(const char *cache)
{
    return !cache || !strcmp(cache, "on") || !strcmp(cache, "read") ? CACHE_READ : CACHE_OFF;
}

/* ---- what differs from the earlier run ---- */

static char *difference(struct explain *x, const struct plan_node *node, const char *fingerprint)
{
    struct earlier *e = x->compare ? earlier_find(&x->run, node) : NULL;
    struct buf b = {.max = 800};

    if (!x->compare)
        return dh_strdup("no run of this pipeline has succeeded yet");
    if (!e)
        return dh_strdup("the run compared with has no such task");
    if (e->row.cache_fingerprint && !strcmp(e->row.cache_fingerprint, fingerprint)) {
        if (store_state_good(e->row.state))
            return dh_strdup("its outputs are gone or have been changed");
        return dh_printf("it did not succeed: %s", store_state_name(e->row.state));
    }
    if (e->row.state == STORE_SKIPPED)
        return dh_strdup("the run compared with skipped it");
    difference_of_inputs(node->inputs, &e->row, &x->earlier_inputs, &b);
    if (!b.n)
        buf_adds(&b, "its command, image, environment or outputs have changed");
    return buf_take(&b);
}

/* ---- one leaf ---- */

static void note_answer(struct explain *x, struct plan_node *node, struct answer *a)
{
    a->next = x->answers;
    x->answers = a;
    node->user = a;
}

/* The digest of what is far, as the importer would find it. */
static void look_far(struct explain *x, struct plan_node *node, struct js *outputs)
{
    struct job job = {.run = &x->run, .node = node, .outputs = outputs};

    if (remote_must_import(&x->run, &job)) {
        remote_import_work(&job);
        remote_imported(&x->run, &job);
    }
    remote_job_done(&job);
}

static int look_up(struct explain *x, struct plan_node *node, const char *fingerprint,
                   struct store_task *origin, struct store_linkeds *outputs, struct dh_err *err)
{
    struct job job = {.run = &x->run, .node = node};
    int rc;

    (void)memcpy(job.fingerprint, fingerprint, sizeof job.fingerprint);
    while ((rc = cache_look_up(&job, x->run.arena, origin, outputs, err)) == CACHE_ASK) {
        remote_ask_work(&job);
        remote_asked(&x->run, &job);
    }
    remote_job_done(&job);
    return rc;
}

static int explain_import(struct explain *x, struct plan_node *node, struct answer *a,
                          struct dh_err *err)
{
    struct js *outputs = NULL;

    a->would = ENGINE_RUN;
    a->because = dh_strdup("an importer always looks");
    if (executor_import(x->run.plan, node, &outputs, err) < 0) {
        plan_finish(x->run.plan, node, PLAN_FAILED, NULL, err->msg, false);
        return 0;
    }
    if (model_uri_resolve(&x->run, outputs, err) < 0) {
        js_free(outputs);
        plan_finish(x->run.plan, node, PLAN_FAILED, NULL, err->msg, false);
        return 0;
    }
    look_far(x, node, outputs);
    if (outputs_measure(outputs, err) < 0) {
        js_free(outputs);
        return -1;
    }
    plan_finish(x->run.plan, node, PLAN_SUCCEEDED, outputs, NULL, false);
    return 0;
}

static int explain_leaf(struct explain *x, struct plan_node *node, struct dh_err *err)
{
    struct answer *a = dh_zalloc(1, sizeof *a);
    struct store_linkeds outputs;
    struct store_task origin;
    struct js *result = NULL;
    int rc;

    note_answer(x, node, a);
    (void)plan_fingerprint(x->run.plan, node, a->fingerprint);
    if (node->executor->kind == EXECUTOR_IMPORTER)
        return explain_import(x, node, a, err);
    a->would = ENGINE_RUN;
    if (platform_is_builtin(node)) {
        a->because = dh_strdup("volumes are made and deleted each time");
        return 0;
    }
    if (approval_is(node)) {
        a->because = dh_strdup("a person decides each time");
        return 0;
    }
    if (x->run.cache == CACHE_OFF) {
        a->because = dh_strdup("the cache is off");
        return 0;
    }
    if (!plan_may_cache(node)) {
        a->because = dh_strdup("caching is off for this task");
        return 0;
    }
    rc = look_up(x, node, a->fingerprint, &origin, &outputs, err);
    if (rc < 0)
        return -1;
    if (rc == STORE_CACHE_MISS) {
        a->because = difference(x, node, a->fingerprint);
        return 0;
    }
    if (record_outputs_read(origin.outputs, outputs.items, outputs.n, &result, err) < 0)
        return -1;
    a->would = ENGINE_CACHED;
    a->because = dh_printf("task %.8s had this result", origin.uuid + 24);
    plan_finish(x->run.plan, node, PLAN_CACHED, result, NULL, false);
    return 0;
}

/* ---- the answer ---- */

static void tell(struct explain *x, const struct plan_node *node)
{
    own_mem char *key = plan_key(node);
    own_mem char *text = NULL;
    struct engine_explained e = {.key = key, .type = node->type, .fingerprint = ""};
    const struct answer *a = node->user;
    const struct plan_node *open;

    if (a) {
        e.would = a->would;
        e.because = a->because;
        e.fingerprint = a->fingerprint;
    } else if (node->state == PLAN_SKIPPED) {
        e.would = ENGINE_SKIP;
        e.because = node->reason;
    } else if (node->state == PLAN_FAILED) {
        e.would = ENGINE_RUN;
        e.because = text = dh_printf("it would fail: %s", node->reason ? node->reason : "");
    } else if (node->state == PLAN_PENDING) {
        open = plan_waits_for(node);
        e.would = ENGINE_UNKNOWN;
        e.because = text = open ? dh_printf("waits for what '%s' will give", plan_name(open))
                                : dh_strdup("waits for other iterations of its loop");
    } else {
        return; /* a dag: its tasks say it */
    }
    x->fn(x->user, &e);
}

static void tell_all(struct explain *x, const struct plan_node *node)
{
    own_mem uint32_t *order = dh_zalloc(node->n_children, sizeof *order);

    if (node->parent)
        tell(x, node);
    plan_order(node, order);
    for (uint32_t i = 0; i < node->n_children; i++)
        tell_all(x, &node->children[order[i]]);
}

static int load_compared(struct explain *x, const struct engine_request *r, const char *name,
                         struct dh_err *err)
{
    struct store_run_filter filter = {
        .pipeline = r->spec->pipeline.pipeline_info.name, .state = STORE_SUCCEEDED, .limit = 1};
    struct store *store = x->run.engine->store;
    struct store_runs runs;
    struct store_run row;

    if (name) {
        if (store_run_find(store, name, x->run.arena, &row, err) < 0)
            return -1;
    } else {
        if (store_run_list(store, &filter, x->run.arena, &runs, err) < 0)
            return -1;
        if (!runs.n)
            return 0;
        row = runs.items[0];
    }
    x->compare = true;
    x->run.id = row.id;
    x->run.folder = dh_printf("%s/runs/%s", x->run.engine->home, row.uuid);
    if (earlier_load(&x->run, err) < 0)
        return -1;
    return store_artifacts_of_run(store, row.id, STORE_INPUT, x->run.arena, &x->earlier_inputs,
                                  err);
}

static int walk(struct explain *x, struct dh_err *err)
{
    struct plan_node *node;

    while (plan_next(x->run.plan, &node) == 0)
        if (plan_is_leaf(node) && node->state == PLAN_RUNNING && explain_leaf(x, node, err) < 0)
            return -1;
    tell_all(x, plan_root(x->run.plan));
    return 0;
}

static void explain_done(struct explain *x)
{
    for (struct answer *a = x->answers, *next; a; a = next) {
        next = a->next;
        free(a->because);
        free(a);
    }
    plan_free(x->run.plan);
    remote_done(&x->run);
    strmap_free(x->run.notes);
    journal_free(x->run.journal);
    strmap_free(x->run.earlier);
    js_free(x->run.parameters);
    free(x->run.folder);
    arena_free(x->run.arena);
}

int engine_explain(struct engine *e, const struct engine_request *r, const char *compare_run,
                   void (*fn)(void *user, const struct engine_explained *task), void *user,
                   struct dh_err *err)
{
    struct engine_how how = {.mode = ENGINE_START};
    struct explain x = {.fn = fn, .user = user};
    int rc;

    x.run.engine = e;
    x.run.how = &how;
    x.run.arena = arena_new();
    x.run.cache = mode_of(r->cache);
    x.run.cache_folder = arena_printf(x.run.arena, "%s/cache/artifacts", e->home);
    x.run.notes = strmap_new();
    x.run.facts = (struct plan_run){.run_id = "",
                                    .job_name = "",
                                    .resource_name = "",
                                    .pipeline_root = "",
                                    .created_at = "",
                                    .scheduled_at = ""};
    rc = spec_bind_params(r->spec, r->parameters, &x.run.parameters, err);
    x.run.facts.parameters = x.run.parameters;
    if (rc == 0)
        rc = plan_new(r->spec, &x.run.facts, &x.run.plan, err);
    if (rc == 0)
        rc = load_compared(&x, r, compare_run, err);
    if (rc == 0)
        rc = walk(&x, err);
    explain_done(&x);
    return rc;
}
