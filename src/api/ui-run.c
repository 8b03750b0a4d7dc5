/* ui-run - one run for the page, and what can be done with it. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api/api-priv.h"
#include "api/hub.h"
#include "api/pieces.h"
#include "api/pipelines.h"
#include "api/queue.h"
#include "api/runs.h"
#include "api/submit.h"
#include "api/ui.h"
#include "base/mem.h"
#include "spec/spec.h"
#include "store/catalog.h"

enum { MAX_FROM = 65536 }; /* they are arguments of a process, which it must be given at once */

/* ---- the whole of a run ---- */

struct whole {
    struct req *r;
    const struct store_run *run;
    struct store_tasks tasks;
    struct store_linkeds inputs, outputs;
    const char **keys; /* beside tasks */
    bool io;
};

/* Parents come before their children: their keys are known. */
static void make_keys(struct whole *all)
{
    struct arena *a = all->r->arena;

    all->keys = arena_alloc(a, (all->tasks.n + 1) * sizeof *all->keys);
    for (size_t i = 0; i < all->tasks.n; i++) {
        const struct store_task *t = &all->tasks.items[i],
                                *parent = store_tasks_by_id(&all->tasks, t->parent_task_id);
        const char *above = parent && parent < t ? all->keys[parent - all->tasks.items] : NULL;

        if (!above)
            all->keys[i] = t->type == STORE_ROOT ? "root" : t->name;
        else if (t->type == STORE_LOOP_ITERATION)
            all->keys[i] = arena_printf(a, "%s[%lld]", above, (long long)t->iteration_index);
        else
            all->keys[i] = arena_printf(a, "%s.%s", above, t->name);
    }
}

static const char *uuid_of(struct req *r, int64_t task_id)
{
    struct store_task t;
    struct dh_err ignored;

    return task_id && store_task_get(r->store, task_id, r->arena, &t, &ignored) == 0 ? t.uuid
                                                                                     : NULL;
}

static void write_io(struct req *r, const char *key, const char *parameters,
                     const struct store_linkeds *links, struct jw *w)
{
    const char *open = NULL;

    jw_begin_in(w, key, '{');
    jw_json(w, "parameters", parameters, "{}");
    jw_begin_in(w, "artifacts", '{');
    for (size_t i = 0; i < links->n; i++) { /* those of one name stand together */
        const struct store_linked *l = &links->items[i];

        if (!open || strcmp(open, l->link.key) != 0) {
            if (open)
                jw_end(w, ']');
            open = l->link.key;
            jw_str(w, open);
            buf_addc(w->to, ':');
            w->comma = false;
            jw_begin(w, '[');
        }
        jw_begin(w, '{');
        ui_artifact_members(&l->artifact, w);
        if (l->link.type == STORE_INPUT && l->link.producer_task_id) {
            jw_begin_in(w, "producer", '{');
            jw_text(w, "task_id", uuid_of(r, l->link.producer_task_id));
            jw_text(w, "key", l->link.producer_key);
            jw_end(w, '}');
        }
        jw_end(w, '}');
    }
    if (open)
        jw_end(w, ']');
    jw_end(w, '}');
    jw_end(w, '}');
}

static void write_attempt(const struct store_attempt *at, struct jw *w)
{
    struct stat st;

    jw_begin(w, '{');
    jw_number(w, "number", at->number);
    jw_text(w, "state", store_state_name(at->state));
    jw_text(w, "reason", at->reason);
    jw_key(w, "exit_code");
    at->exit_code < 0 ? jw_raw(w, NULL) : jw_int(w, at->exit_code);
    jw_time(w, "started_at", at->started_us);
    jw_time(w, "finished_at", at->finished_us);
    jw_key(w, "log_bytes");
    at->log_path &&stat(at->log_path, &st) == 0 ? jw_int(w, st.st_size) : jw_raw(w, NULL);
    jw_end(w, '}');
}

/* The last attempt has no row of its own: it is the task's. */
static int write_attempts(struct req *r, const struct store_task *t, struct jw *w,
                          struct dh_err *err)
{
    const struct store_attempt last = {.number = t->attempts,
                                       .state = t->state,
                                       .reason = t->state_reason,
                                       .exit_code = t->exit_code,
                                       .started_us = t->started_us,
                                       .finished_us = t->finished_us,
                                       .log_path = t->log_path};
    struct store_attempts list = {0};
    bool is_there = t->attempts == 0;

    if (t->attempts > 0 && store_attempt_list(r->store, t->id, r->arena, &list, err) < 0)
        return -1;
    jw_begin_in(w, "attempt_list", '[');
    for (size_t i = 0; i < list.n; i++) {
        write_attempt(&list.items[i], w);
        is_there = is_there || list.items[i].number == t->attempts;
    }
    if (!is_there)
        write_attempt(&last, w);
    jw_end(w, ']');
    return 0;
}

static void write_no_io(struct jw *w)
{
    jw_json(w, "inputs", NULL, NULL);
    jw_json(w, "outputs", NULL, NULL);
    jw_json(w, "attempt_list", NULL, NULL);
}

static int write_task(struct whole *all, size_t i, struct jw *w, struct dh_err *err)
{
    const struct store_task *t = &all->tasks.items[i],
                            *parent = store_tasks_by_id(&all->tasks, t->parent_task_id);
    struct store_linkeds in = store_linkeds_of_task(&all->inputs, t->id),
                         out = store_linkeds_of_task(&all->outputs, t->id);

    jw_begin(w, '{');
    if (ui_task_members(all->r->store, all->r->arena, t, parent ? parent->uuid : NULL, all->keys[i],
                        w, err) < 0)
        return -1;
    if (all->io) {
        write_io(all->r, "inputs", t->inputs, &in, w);
        write_io(all->r, "outputs", t->outputs, &out, w);
        if (write_attempts(all->r, t, w, err) < 0)
            return -1;
    } else {
        write_no_io(w);
    }
    jw_end(w, '}');
    return 0;
}

static bool wants_io(struct req *r)
{
    const char *io = req_arg(r, "io");

    return !io || strcmp(io, "0") != 0;
}

static int read_io(struct req *r, const struct store_task *t, struct jw *w, struct dh_err *err)
{
    struct store_linkeds in, out;

    if (store_artifacts_of_task(r->store, t->id, STORE_INPUT, r->arena, &in, err) < 0 ||
        store_artifacts_of_task(r->store, t->id, STORE_OUTPUT, r->arena, &out, err) < 0)
        return -1;
    write_io(r, "inputs", t->inputs, &in, w);
    write_io(r, "outputs", t->outputs, &out, w);
    return write_attempts(r, t, w, err);
}

static int write_piece(struct req *r, const struct store_run *run, const struct store_task *t,
                       const struct pieces_above *above, const char *key, struct jw *w,
                       struct dh_err *err)
{
    (void)run;
    jw_begin(w, '{');
    if (ui_task_members(r->store, r->arena, t, above ? above->uuid : NULL, key, w, err) < 0 ||
        (wants_io(r) && read_io(r, t, w, err) < 0))
        return -1;
    if (!wants_io(r))
        write_no_io(w);
    jw_end(w, '}');
    return 0;
}

static void end_pieces(struct req *r, const struct store_run *run, struct jw *w)
{
    (void)r;
    (void)run;
    jw_end(w, ']');
    jw_end(w, '}');
}

/* What makes it again on the command line. */
static const char *command_of(struct req *r, const struct store_run *run)
{
    own(js_free) struct js *parameters = NULL, *options = NULL;
    struct dh_err ignored;
    struct buf b = {0};
    const char *text, *source;

    if (run->options)
        (void)js_parse(run->options, strlen(run->options), &options, &ignored);
    if (run->parameters)
        (void)js_parse(run->parameters, strlen(run->parameters), &parameters, &ignored);
    source = js_get_text(options, "source");
    buf_addf(&b, "dhow run %s", source ? source : "pipeline.yaml");
    for (js_each(parameters, it)) {
        own_mem char *value =
            js_text(it.value) ? dh_strdup(js_text(it.value)) : js_dump(it.value, JS_COMPACT);

        buf_addf(&b, " -p '%s=", it.key);
        for (const char *c = value; *c; c++)
            *c == '\'' ? buf_adds(&b, "'\\''") : buf_addc(&b, *c);
        buf_addc(&b, '\'');
    }
    if (run->experiment && strcmp(run->experiment, "Default") != 0)
        buf_addf(&b, " --experiment '%s'", run->experiment);
    text = arena_strdup(r->arena, b.p);
    buf_done(&b);
    return text;
}

static int load_whole(struct whole *all, struct dh_err *err)
{
    struct req *r = all->r;

    if (store_task_list(r->store, all->run->id, r->arena, &all->tasks, err) < 0)
        return -1;
    if (all->io && (store_artifacts_of_run(r->store, all->run->id, STORE_INPUT, r->arena,
                                           &all->inputs, err) < 0 ||
                    store_artifacts_of_run(r->store, all->run->id, STORE_OUTPUT, r->arena,
                                           &all->outputs, err) < 0))
        return -1;
    make_keys(all);
    return 0;
}

int ui_runs_get(struct req *r, struct dh_err *err)
{
    static const struct pieces_writer pieces = {.task = write_piece, .end = end_pieces};
    const char *last;
    struct store_run run;
    struct whole all = {.r = r, .run = &run, .io = wants_io(r)};
    bool large;
    struct jw *w = req_json(r);

    if (run_find(r, r->param[0], &run, err) < 0)
        return -1;
    last = hub_last_event(r->api->hub, &run, r->arena); /* before it is read: nothing is missed */
    if (store_run_get(r->store, run.id, r->arena, &run, err) < 0 ||
        pieces_wanted(r, &run, &large, err) < 0 || (!large && load_whole(&all, err) < 0))
        return -1;
    jw_begin(w, '{');
    if (ui_run_members(r->store, r->arena, &run, w, err) < 0)
        return -1;
    jw_text(w, "cache_mode", run.cache_mode);
    jw_text(w, "pipeline_root", run.pipeline_root);
    jw_json(w, "outputs", run.outputs, "{}");
    jw_json(w, "options", run.options, "{}");
    jw_text(w, "spec_digest", run.spec_digest);
    jw_text(w, "last_event_id", last);
    jw_text(w, "command", command_of(r, &run));
    jw_begin_in(w, "tasks_list", '[');
    if (large)
        return pieces_answer(r, &run, &pieces);
    for (size_t i = 0; i < all.tasks.n; i++)
        if (write_task(&all, i, w, err) < 0)
            return -1;
    jw_end(w, ']');
    jw_end(w, '}');
    return 0;
}

/* ---- one task ---- */

int ui_task_find(struct req *r, const char *id, struct store_task *ret, struct store_run *ret_run,
                 struct dh_err *err)
{
    struct store_run run;

    if ((ui_is_number(id) ? store_task_get(r->store, strtoll(id, NULL, 10), r->arena, ret, err)
                          : store_task_find(r->store, id, r->arena, ret, err)) < 0 ||
        store_run_get(r->store, ret->run_id, r->arena, &run, err) < 0)
        return -1;
    /* What is not the user's is told from what is not there by nothing, its run's id the least. */
    if (auth_multi_user(r->api->auth) && !auth_may_see(r->user, run.namespace))
        return dh_fail(err, DH_NOT_FOUND, "there is no task %s", id);
    return run_find(r, run.uuid, ret_run, err);
}

int ui_tasks_get(struct req *r, struct dh_err *err)
{
    struct store_task t;
    struct store_run run;
    struct jw *w = req_json(r);

    if (ui_task_find(r, r->param[0], &t, &run, err) < 0)
        return -1;
    jw_begin(w, '{');
    jw_text(w, "run_id", run.uuid);
    if (ui_task_members(r->store, r->arena, &t, NULL, NULL, w, err) < 0)
        return -1;
    if (read_io(r, &t, w, err) < 0)
        return -1;
    jw_end(w, '}');
    return 0;
}

/* ---- its spec and metrics ---- */

int ui_runs_spec(struct req *r, struct dh_err *err)
{
    own(spec_free) struct spec *spec = NULL;
    own(js_free) struct js *pipeline = NULL, *platform = NULL, *both = js_object();
    struct store_run run;
    const char *text;

    if (run_find(r, r->param[0], &run, err) < 0)
        return -1;
    if (!run.spec_digest)
        return dh_fail(err, DH_NOT_FOUND, "the run's spec is not on record");
    if (store_spec_get(r->store, run.spec_digest, r->arena, &text, err) < 0 ||
        spec_load_bytes("pipeline", text, strlen(text), &spec, NULL, err) < 0)
        return -1;
    pipeline = spec_pipeline_json(spec);
    platform = spec_platform_json(spec);
    js_set(both, "pipeline_spec", take(&pipeline));
    js_set(both, "platform_spec", platform ? take(&platform) : js_null());
    req_js(r, take(&both));
    return 0;
}

int ui_runs_metrics(struct req *r, struct dh_err *err)
{
    struct store_metrics list;
    struct store_run run;
    struct store_task t = {0};
    struct jw *w = req_json(r);
    int64_t after;
    int limit;

    if (req_arg_int(r, "after", 0, &after, err) < 0 || ui_limit(r, &limit, err) < 0 ||
        run_find(r, r->param[0], &run, err) < 0 ||
        catalog_metrics_after(r->store, run.id, after, req_arg(r, "name"), limit, r->arena, &list,
                              err) < 0)
        return -1;
    jw_begin(w, '{');
    jw_begin_in(w, "items", '[');
    for (size_t i = 0; i < list.n; i++) {
        if (list.items[i].task_id != t.id && list.items[i].task_id &&
            store_task_get(r->store, list.items[i].task_id, r->arena, &t, err) < 0)
            return -1;
        ui_metric_write(&list.items[i], list.items[i].task_id ? t.uuid : NULL,
                        list.items[i].task_id ? t.name : NULL, w);
    }
    jw_end(w, ']');
    jw_text(w, "next",
            list.n == (size_t)limit
                ? arena_printf(r->arena, "%lld", (long long)list.items[list.n - 1].id)
                : NULL);
    jw_end(w, '}');
    return 0;
}

/* ---- changing ---- */

int ui_runs_cancel(struct req *r, struct dh_err *err)
{
    return runs_terminate(r, err);
}

static int set_tags(struct req *r, int64_t run, const struct js *tags, struct dh_err *err)
{
    if (tags && !js_is(tags, JS_OBJECT))
        return dh_fail(err, DH_INVALID, "tags: expected an object");
    for (js_each(tags, it)) {
        const char *value = js_text(it.value);

        if (!value && !js_is(it.value, JS_NULL))
            return dh_fail(err, DH_INVALID, "tags.%s: expected a text, or null", it.key);
        if (store_tag_set(r->store, STORE_TAG_RUN, run, it.key, value, err) < 0)
            return -1;
    }
    return 0;
}

/* Notes that are null are taken away; those that are not given stay. */
static int set_marks(struct req *r, const struct store_run *run, struct dh_err *err)
{
    const char *notes;

    if (req_text(r, r->json, "notes", &notes, err) < 0 ||
        (js_get(r->json, "notes") && store_run_set_notes(r->store, run->id, notes, err) < 0))
        return -1;
    return set_tags(r, run->id, req_member(r->json, "tags"), err);
}

int ui_runs_patch(struct req *r, struct dh_err *err)
{
    struct store_run run;

    if (req_only(r, r->json, "notes tags", "run", err) < 0 ||
        run_find(r, r->param[0], &run, err) < 0 || store_begin(r->store, err) < 0)
        return -1;
    if (set_marks(r, &run, err) < 0 || store_commit(r->store, err) < 0) {
        store_rollback(r->store);
        return -1;
    }
    return req_empty(r);
}

int ui_runs_archive(struct req *r, struct dh_err *err)
{
    return runs_archive(r, err);
}

int ui_runs_unarchive(struct req *r, struct dh_err *err)
{
    return runs_unarchive(r, err);
}

int ui_runs_delete(struct req *r, struct dh_err *err)
{
    return runs_delete(r, err);
}

int ui_runs_retry(struct req *r, struct dh_err *err)
{
    const struct js *from = req_member(r->json, "from");
    own_mem char *text = from ? js_dump(from, JS_COMPACT) : NULL;
    struct store_run run;
    struct jw *w;

    if (req_only(r, r->json, "from", "retry", err) < 0 || run_find(r, r->param[0], &run, err) < 0)
        return -1;
    if (from && !js_is(from, JS_ARRAY))
        return dh_fail(err, DH_INVALID, "from: expected a list of tasks");
    for (size_t i = 0; i < js_n(from); i++)
        if (!js_text(js_at(from, i)))
            return dh_fail(err, DH_INVALID, "from: expected a list of texts");
    if (text && strlen(text) > MAX_FROM)
        return dh_fail(err, DH_INVALID, "from: the list is longer than %d bytes", MAX_FROM);
    if (!store_state_ended(run.state) || (run.state == STORE_SUCCEEDED && js_n(from) == 0))
        return dh_fail(err, DH_INVALID, "run %s cannot be retried: it is %s", run.uuid,
                       run_state(&run));
    if (queue_retry(r->api->queue, &run, text, err) < 0)
        return -1;
    w = req_json(r);
    jw_begin(w, '{');
    jw_text(w, "run_id", run.uuid);
    jw_end(w, '}');
    return 0;
}
