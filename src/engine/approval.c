#include "engine/approval.h"

#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/js.h"
#include "base/mem.h"
#include "engine/task-priv.h"

#define SENTINEL "kfp://human-input"

bool approval_is(const struct plan_node *node)
{
    return node->executor && node->executor->kind == EXECUTOR_CONTAINER &&
           !strcmp(node->executor->container->image, SENTINEL);
}

/* ---- what is asked ---- */

/* args[i] as an object; *ret is the caller's, an empty one where it is not there. */
static int read_arg(const struct job *job, size_t i, struct js **ret, struct dh_err *err)
{
    const struct pipeline_container_spec *c = job->node->executor->container;
    struct dh_err why = {0};
    own(js_free) struct js *v = NULL;

    if (i >= c->args.n) {
        *ret = js_object();
        return i ? 0
                 : dh_fail(err, DH_FAILED,
                           "args[0] is missing: expected a JSON object of what is asked");
    }
    if (js_parse(c->args.items[i], strlen(c->args.items[i]), &v, &why) < 0)
        return dh_fail(err, DH_FAILED, "args[%zu], what is asked: %s", i, why.msg);
    if (!js_is(v, JS_OBJECT))
        return dh_fail(err, DH_FAILED, "args[%zu], what is asked: expected a JSON object", i);
    *ret = take(&v);
    return 0;
}

static int read_timeout(const struct js *options, int64_t *ret_us, struct dh_err *err)
{
    const char *text = js_get_text(options, "timeout");

    *ret_us = 0;
    if (!text || clock_parse_span(text, ret_us) == 0)
        return 0;
    return dh_fail(err, DH_FAILED, "args[1]: timeout '%s': expected 30m, 12h or 7d", text);
}

/* The text of a value that was given or is a default: what is no text is written as JSON. */
static char *text_of(const struct js *v)
{
    return js_text(v) ? dh_strdup(js_text(v)) : js_dump(v, JS_COMPACT);
}

/* ---- deciding ---- */

static bool means_yes(const char *text)
{
    static const char *const words[] = {"yes", "y", "true", "approve", "approved", "accept", "ok"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcasecmp(words[i], text))
            return true;
    return false;
}

static const char *in_enum(const struct js *all, const char *value)
{
    for (size_t i = 0; i < js_n(all); i++) {
        const char *text = js_text(js_at(all, i));

        if (text && (value ? !strcmp(text, value) : means_yes(text)))
            return text;
    }
    return NULL;
}

static int answer_one(const char *name, const struct js *ask, const struct js *given, bool default_,
                      struct js *to, struct dh_err *err)
{
    const struct js *choices = js_get(ask, "enum"), *other = js_get(ask, "default");
    const struct js *value = js_get(given, name);
    const char *yes = default_ ? NULL : in_enum(choices, NULL);
    own_mem char *list = js_n(choices) ? js_dump(choices, JS_PYTHON) : NULL;

    if (value && list && !in_enum(choices, js_text(value)))
        return dh_fail(err, DH_INVALID, "'%s' is '%s': expected one of %s", name, js_text(value),
                       list);
    if (value)
        js_set(to, name, js_ref(value));
    else if (yes)
        js_set(to, name, js_str(yes));
    else if (other && !js_is(other, JS_NULL) && *(js_text(other) ? js_text(other) : "x"))
        js_set(to, name, js_ref(other));
    else
        return dh_fail(err, DH_INVALID, "'%s' has no value: --set %s=…%s%s", name, name,
                       list ? ", one of " : "", list ? list : "");
    return 0;
}

static int answers_of(const struct js *asks, const struct js *given, bool default_, struct js **ret,
                      struct dh_err *err)
{
    own(js_free) struct js *to = js_object();

    for (js_each(given, it))
        if (!js_get(asks, it.key))
            return dh_fail(err, DH_INVALID, "'%s' is not asked for", it.key);
    for (js_each(asks, it))
        if (answer_one(it.key, it.value, given, default_, to, err) < 0)
            return -1;
    *ret = take(&to);
    return 0;
}

/* A task that was canceled, or whose run is over, asks no more. */
static int still_asks(struct store *store, int64_t task_id, struct arena *a, struct dh_err *err)
{
    struct store_task task;

    if (store_task_get(store, task_id, a, &task, err) < 0)
        return -1;
    return task.state == STORE_RUNNING
               ? 0
               : dh_fail(err, DH_INVALID, "task '%s' waits no more: it is %s", task.name,
                         store_state_name(task.state));
}

int approval_answer(struct store *store, int64_t task_id, bool approved, const struct js *given,
                    const char *who, const char *why, struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    own(js_free) struct js *asks = NULL;
    own(js_free) struct js *answers = NULL;
    own_mem char *text = NULL;
    struct store_approval known;
    int rc;

    if (!who || !*who)
        return dh_fail(err, DH_INVALID, "who decides? --by NAME");
    if (store_approval_get(store, task_id, a, &known, err) < 0 ||
        (!known.decision && still_asks(store, task_id, a, err) < 0) ||
        js_parse(known.asks, strlen(known.asks), &asks, err) < 0 ||
        (approved && answers_of(js_get(asks, "parameters"), given, false, &answers, err) < 0))
        return -1;
    text = answers ? js_dump(answers, JS_COMPACT) : NULL;
    rc = store_approval_decide(store, task_id, approved, who, why, text, clock_now_us(), err);
    if (rc != STORE_APPROVAL_DECIDED)
        return rc;
    if (store_approval_get(store, task_id, a, &known, err) < 0)
        return -1;
    return dh_fail(err, DH_INVALID, "it is %s already%s%s", known.decision,
                   known.who ? ", by " : "", known.who ? known.who : "");
}

/* ---- the task ---- */

static int rejected(struct job *job, const struct store_approval *known, struct dh_err *err)
{
    own_mem char *reason = dh_printf("rejected by %s%s%s", known->who ? known->who : "nobody",
                                     known->why ? ": " : "", known->why ? known->why : "");

    job->hopeless = true;
    return task_failed(job, PLAN_FAILED, reason, -1, err);
}

/* Output parameters that are not asked for, but tell of the decision. */
static void tell(const struct job *job, const struct store_approval *known, struct js *files)
{
    const struct component_outputs_parameter_map *defs =
        &job->node->component->output_definitions.parameters;
    const struct {
        const char *name, *text;
    } facts[] = {{"approved", "true"},
                 {"approved_by", known->who ? known->who : ""},
                 {"reason", known->why ? known->why : ""}};

    for (size_t i = 0; i < defs->n; i++)
        for (size_t k = 0; k < sizeof facts / sizeof *facts; k++)
            if (!strcmp(defs->items[i].name, facts[k].name) && !js_get(files, facts[k].name))
                js_set(files, facts[k].name, js_str(facts[k].text));
}

static int approved(struct job *job, const struct store_approval *known, struct dh_err *err)
{
    own(js_free) struct js *answers = NULL;
    own(js_free) struct js *files = js_object();

    if (js_parse(known->answers ? known->answers : "{}",
                 strlen(known->answers ? known->answers : "{}"), &answers, err) < 0)
        return dh_while(err, "the recorded answers");
    for (js_each(answers, it)) {
        own_mem char *text = text_of(it.value);

        js_set(files, it.key, js_str(text));
    }
    tell(job, known, files);
    jobs_take_slot(job); /* its folders have the slot's name */
    job_name(job->run, job);
    job->hopeless = true;
    if (executor_outputs(job->node, job->input, NULL, files, &job->outputs, err) < 0 ||
        record_success(job->run, job, err) < 0)
        return task_fail(job, err);
    return task_succeeded(job, PLAN_SUCCEEDED, true, err);
}

/* Ends the job where it was decided. */
static int look(struct job *job, struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    struct store_approval known;

    if (store_approval_get(job->run->engine->store, job->task, a, &known, err) < 0)
        return -1;
    if (!known.decision)
        return 0;
    return strcmp(known.decision, "APPROVED") ? rejected(job, &known, err)
                                              : approved(job, &known, err);
}

static int late(struct job *job, struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    own(js_free) struct js *asks = NULL;
    own(js_free) struct js *answers = NULL;
    own_mem char *text = NULL;
    struct store *store = job->run->engine->store;
    struct store_approval known;
    const char *then;
    bool ok = false;

    if (store_approval_get(store, job->task, a, &known, err) < 0 ||
        js_parse(known.asks, strlen(known.asks), &asks, err) < 0)
        return -1;
    then = js_get_text(asks, "on_timeout");
    ok = then && !strcmp(then, "default") &&
         answers_of(js_get(asks, "parameters"), NULL, true, &answers, err) == 0;
    text = answers ? js_dump(answers, JS_COMPACT) : NULL;
    if (store_approval_decide(store, job->task, ok, "timeout", "nobody decided in time", text,
                              clock_now_us(), err) < 0)
        return -1;
    return look(job, err);
}

static void deadline_over(uv_timer_t *timer)
{
    struct job *job = timer->data;
    struct run *run = job->run;

    if (job->state != JOB_ASKING || run->over)
        return;
    if ((!store_in_transaction(run->engine->store) &&
         store_begin(run->engine->store, run->err) < 0) ||
        late(job, run->err) < 0)
        run_fail(run);
    else
        run_turn(run);
}

/* The row of the question; the record's, where it is there from an engine before. */
static int ask(struct run *run, struct job *job, struct arena *a, struct store_approval *ret,
               struct dh_err *err)
{
    own(js_free) struct js *parameters = NULL;
    own(js_free) struct js *options = NULL;
    own_mem char *text = NULL;
    struct store_approval row = {
        .run_id = run->id, .task_id = job->task, .requested_us = clock_now_us()};
    int64_t timeout_us;

    if (read_arg(job, 0, &parameters, err) < 0 || read_arg(job, 1, &options, err) < 0 ||
        read_timeout(options, &timeout_us, err) < 0)
        return -1;
    if (timeout_us)
        row.deadline_us = row.requested_us + timeout_us;
    js_set(options, "parameters", take(&parameters));
    text = js_dump(options, JS_COMPACT);
    row.asks = text;
    return store_approval_ask(run->engine->store, &row, a, ret, err);
}

int approval_begin(struct run *run, struct job *job, bool anew, struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    struct store *store = run->engine->store;
    struct store_approval known;
    const char *reason;

    job->attempt = 1;
    if (anew && store_approval_forget(store, job->task, err) < 0)
        return -1;
    if (record_attempt(run, job, err) < 0)
        return -1;
    if (ask(run, job, a, &known, err) < 0)
        return task_fail(job, err);
    if (known.decision)
        return look(job, err);
    reason = arena_printf(a, "waiting for approval: dhow approve %lld/%s", (long long)run->id,
                          plan_name(job->node));
    if (store_task_say(store, job->task, reason, err) < 0)
        return -1;
    job->started_us = known.requested_us;
    job->state = JOB_ASKING;
    run_watch(run, job->node, job, PLAN_RUNNING, reason, -1, -1);
    if (known.deadline_us) {
        int64_t left = known.deadline_us - clock_now_us();

        jobs_set_timer(job, deadline_over, left > 0 ? left : 0);
    }
    return 0;
}

int approval_tick(struct run *run, struct dh_err *err)
{
    struct store *store = run->engine->store;

    for (struct job *job = run->job_list, *next; job; job = next) {
        own(arena_free) struct arena *a = NULL;
        struct store_approval known;

        next = job->next;
        if (job->state != JOB_ASKING)
            continue;
        a = arena_new();
        if (store_approval_get(store, job->task, a, &known, err) < 0)
            return -1;
        if (known.decision &&
            ((!store_in_transaction(store) && store_begin(store, err) < 0) || look(job, err) < 0))
            return -1;
    }
    return 0;
}
