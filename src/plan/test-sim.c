/* Simulation: random pipelines, played by a small stand-in for the engine with random slots, random
 * order of ends, failures, retries, cached results, cancels, and crashes after which the plan is
 * made anew and fed from what was recorded, as engine/earlier.c does.
 *
 * What must hold in every case: a task runs at most once at a time, and never again after it has
 * succeeded; nothing starts before what it waits for; a cancel lets only exit handlers start; it
 * always ends; and, where nobody cancels, the end is the same whatever the order, the slots and the
 * crashes.
 *
 *     test-sim [CASES | =CASE]     DHOW_SIM_CASES; one case is told step by step. Prints TAP. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/js.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "plan/plan.h"
#include "plan/test-sim.h"

enum { PER_SPEC = 40, PER_OUTCOME = 10, MAX_RUNNING = 8 };

/* What is on record of a leaf, by its key. */
struct memo {
    enum plan_state state; /* PENDING: none yet */
    struct js *outputs;
    int failures; /* attempts that failed */
    int successes;
    bool runs;
};

struct sim {
    const struct spec *spec;
    struct plan_run run;
    struct js *parameters;
    uint64_t outcome; /* seeds what tasks do */
    struct rng rng;   /* the order of things */
    struct strmap *memos;
    struct plan *plan;
    struct plan_node *running[MAX_RUNNING];
    int n_running, slots;
    int n_crashes, cancels; /* still to come; a cancel: 1 once, 2 at once for all */
    bool canceled, canceled_all, was_canceled;
    int steps;
    bool tell;
    char fault[400];
};

static void fault(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void fault(struct sim *s, const char *fmt, ...)
{
    va_list ap;

    if (s->fault[0])
        return;
    va_start(ap, fmt);
    (void)vsnprintf(s->fault, sizeof s->fault, fmt, ap);
    va_end(ap);
}

static struct memo *memo_of(struct sim *s, const struct plan_node *node)
{
    own_mem char *key = plan_key(node);
    struct memo *memo = strmap_get(s->memos, key);

    if (!memo) {
        memo = dh_zalloc(1, sizeof *memo);
        (void)strmap_put(s->memos, key, memo);
    }
    return memo;
}

static void tell(const struct sim *s, const struct plan_node *node, const char *what)
{
    own_mem char *key = NULL;

    if (!s->tell)
        return;
    key = node ? plan_key(node) : NULL;
    (void)printf("# %s %s %s\n", what, key ? key : "", node && node->reason ? node->reason : "");
}

/* ---- what a task does: the same for the same outcome, key and attempt ---- */

enum act { ACT_SUCCEED, ACT_FAIL, ACT_CACHED };

static uint64_t mix_of(const struct sim *s, const struct plan_node *node, unsigned salt)
{
    own_mem char *key = plan_key(node);

    return rng_hash(key, s->outcome + salt);
}

static enum act act_of(const struct sim *s, const struct plan_node *node, int attempt)
{
    unsigned dice = (unsigned)(mix_of(s, node, 17u + (unsigned)attempt) % 100);

    return dice < 15 ? ACT_FAIL : dice < 22 && !attempt ? ACT_CACHED : ACT_SUCCEED;
}

static struct js *outputs_of(const struct sim *s, const struct plan_node *node)
{
    uint64_t h = mix_of(s, node, 5);
    struct js *outputs = js_object(), *p = js_object(), *l = js_array();

    js_set(outputs, "parameters", p);
    js_set(p, "o", js_strf("v%u", (unsigned)(h % 7)));
    if (h % 11) /* now and then an output is missing */
        js_set(p, "n", js_int((int64_t)(h / 7 % 10)));
    for (unsigned i = 0; i < h / 100 % 4; i++)
        js_push(l, js_strf("i%u", i));
    js_set(p, "l", l);
    return outputs;
}

/* ---- properties ---- */

static const struct plan_node *sibling(const struct plan_node *node, const char *name)
{
    for (uint32_t i = 0; i < node->parent->n_children; i++)
        if (!strcmp(plan_name(&node->parent->children[i]), name))
            return &node->parent->children[i];
    return NULL;
}

static void check_upstream(struct sim *s, const struct plan_node *node, const char *name)
{
    const struct plan_node *up = sibling(node, name);
    bool any = node->task->trigger_policy.strategy == TRIGGER_ALL_UPSTREAM_TASKS_COMPLETED;

    if (!up || !plan_is_final(up))
        fault(s, "%s starts before %s has ended", plan_name(node), name);
    else if (!any && up->state != PLAN_SUCCEEDED && up->state != PLAN_CACHED)
        fault(s, "%s starts though %s is %s", plan_name(node), name, plan_state_name(up->state));
}

static void check_start(struct sim *s, const struct plan_node *node)
{
    const struct task_inputs_spec *in;

    if (!node->parent)
        return;
    if (node->parent->state != PLAN_RUNNING)
        fault(s, "%s starts in a dag that is %s", plan_name(node),
              plan_state_name(node->parent->state));
    if (node->type == PLAN_LOOP_ITERATION)
        return;
    in = &node->task->inputs;
    for (size_t i = 0; i < node->task->dependent_tasks.n; i++)
        check_upstream(s, node, node->task->dependent_tasks.items[i]);
    for (size_t i = 0; i < in->parameters.n; i++)
        if (in->parameters.items[i].task_output_parameter)
            check_upstream(s, node, in->parameters.items[i].task_output_parameter->producer_task);
}

static bool in_exit_task(const struct plan_node *node)
{
    for (; node->task; node = node->parent)
        if (node->task->trigger_policy.strategy == TRIGGER_ALL_UPSTREAM_TASKS_COMPLETED)
            return true;
    return false;
}

static void check_end(struct sim *s, const struct plan_node *node)
{
    bool failed = false, canceled = false, skipped = node->state == PLAN_SKIPPED;
    enum plan_state want;

    if (!plan_is_final(node))
        fault(s, "%s is %s at the end", plan_name(node), plan_state_name(node->state));
    if (!node->n_children)
        return;
    for (uint32_t i = 0; i < node->n_children; i++) {
        check_end(s, &node->children[i]);
        failed |= node->children[i].state == PLAN_FAILED;
        canceled |= node->children[i].state == PLAN_CANCELED;
        if (skipped && node->children[i].state != PLAN_SKIPPED)
            fault(s, "%s is skipped, and below it %s is not", plan_name(node),
                  plan_name(&node->children[i]));
    }
    want = skipped    ? PLAN_SKIPPED
           : failed   ? PLAN_FAILED
           : canceled ? PLAN_CANCELED
                      : PLAN_SUCCEEDED;
    if (node->state != want)
        fault(s, "%s is %s, its tasks say %s", plan_name(node), plan_state_name(node->state),
              plan_state_name(want));
}

/* ---- the stand-in for the engine ---- */

static void begin(struct sim *s, struct plan_node *node)
{
    struct memo *memo = memo_of(s, node);
    bool stands = memo->state == PLAN_SUCCEEDED || memo->state == PLAN_CACHED;

    if (s->canceled && (s->canceled_all || !in_exit_task(node)))
        fault(s, "%s starts after a cancel", plan_name(node));
    if (stands && node->dirty) {
        /* An exit task that ran for a cancel runs again for the end that it did not see. */
        if (!s->was_canceled)
            fault(s, "%s had succeeded and is dirty", plan_name(node));
        memo->outputs = js_free(memo->outputs);
        memo->successes = 0;
        stands = false;
    }
    if (stands || memo->state == PLAN_FAILED) {
        tell(s, node, "recorded");
        plan_finish(s->plan, node, memo->state, js_ref(memo->outputs),
                    memo->state == PLAN_FAILED ? "exit code 1" : NULL, false);
        return;
    }
    if (memo->runs)
        fault(s, "%s runs twice at a time", plan_name(node));
    tell(s, node, "start");
    memo->runs = true;
    s->running[s->n_running++] = node;
}

static void end_with(struct sim *s, struct plan_node *node, struct memo *memo,
                     enum plan_state state, bool fresh)
{
    memo->runs = false;
    memo->state = state;
    if (state != PLAN_FAILED)
        memo->outputs = outputs_of(s, node);
    if (++memo->successes > 1)
        fault(s, "%s ends twice", plan_name(node));
    plan_finish(s->plan, node, state, js_ref(memo->outputs),
                state == PLAN_FAILED ? "exit code 1" : NULL, fresh);
}

static int most_failures(const struct plan_node *node)
{
    const struct retry_policy *policy = plan_retry_policy(node);

    return policy ? policy->max_retry_count : 0;
}

/* One running task, any of them, ends or begins its next attempt. */
static void end_one(struct sim *s)
{
    int i = (int)rng_below(&s->rng, (unsigned)s->n_running);
    struct plan_node *node = s->running[i];
    struct memo *memo = memo_of(s, node);
    enum act act = act_of(s, node, memo->failures);

    if (act == ACT_FAIL && ++memo->failures <= most_failures(node) && !s->canceled) {
        tell(s, node, "retry");
        return;
    }
    s->running[i] = s->running[--s->n_running];
    if (s->canceled && !in_exit_task(node)) {
        memo->runs = false;
        plan_finish(s->plan, node, PLAN_CANCELED, NULL, "interrupted", true);
        return;
    }
    end_with(s, node, memo,
             act == ACT_FAIL     ? PLAN_FAILED
             : act == ACT_CACHED ? PLAN_CACHED
                                 : PLAN_SUCCEEDED,
             act != ACT_CACHED);
    tell(s, node, plan_state_name(node->state));
}

static void open_plan(struct sim *s)
{
    struct dh_err err;

    if (plan_new(s->spec, &s->run, &s->plan, &err) < 0)
        fault(s, "%s", err.msg);
}

/* What ran is gone with the process; what was recorded stays. */
static void crash(struct sim *s)
{
    tell(s, NULL, "crash");
    while (s->n_running)
        memo_of(s, s->running[--s->n_running])->runs = false;
    s->plan = plan_free(s->plan);
    s->canceled = s->canceled_all = false; /* a run that is taken up again is no longer canceled */
    open_plan(s);
}

static void disturb(struct sim *s)
{
    if (s->n_crashes && rng_below(&s->rng, 6) == 0) {
        s->n_crashes--;
        crash(s);
    } else if (s->cancels && rng_below(&s->rng, 6) == 0) {
        tell(s, NULL, "cancel");
        s->canceled = s->was_canceled = true;
        s->canceled_all |= s->cancels > 1;
        plan_cancel(s->plan, s->canceled_all);
        s->cancels = 0;
    }
}

static void play(struct sim *s)
{
    struct plan_node *node;

    open_plan(s);
    while (!s->fault[0]) {
        if (++s->steps > 100000)
            fault(s, "it does not end");
        disturb(s);
        if (s->n_running < s->slots && plan_next(s->plan, &node) == 0) {
            if (plan_is_final(node)) {
                tell(s, node, plan_state_name(node->state));
                continue;
            }
            check_start(s, node);
            if (plan_is_leaf(node))
                begin(s, node);
        } else if (s->n_running) {
            end_one(s);
        } else {
            break;
        }
    }
    if (!s->fault[0])
        check_end(s, plan_root(s->plan));
}

/* ---- the end, as one number ---- */

static uint64_t end_of(const struct plan_node *node)
{
    own_mem char *key = plan_key(node);
    own_mem char *line =
        dh_printf("%s %s %s", key, plan_state_name(node->state), node->reason ? node->reason : "");
    uint64_t sum = rng_hash(line, 1);

    for (uint32_t i = 0; i < node->n_children; i++)
        sum += end_of(&node->children[i]);
    return sum;
}

static void sim_done(struct sim *s)
{
    void *memo;

    plan_free(s->plan);
    for (size_t i = 0; i < strmap_n(s->memos); i++) {
        (void)strmap_at(s->memos, i, &memo);
        js_free(((struct memo *)memo)->outputs);
        free(memo);
    }
    strmap_free(s->memos);
    js_free(s->parameters);
}

/* Plays once; what it ended in, or a fault. */
static uint64_t sim_play(struct sim *s)
{
    own(js_free) struct js *outputs = NULL;
    own_mem char *text = NULL;

    s->memos = strmap_new();
    s->parameters = js_object();
    s->run.parameters = s->parameters;
    play(s);
    if (s->fault[0])
        return 0;
    outputs = plan_dag_outputs(s->plan, plan_root(s->plan));
    text = js_dump(outputs, JS_SORTED);
    return end_of(plan_root(s->plan)) + rng_hash(text, 2);
}

/* ---- cases ---- */

struct world { /* shared by the cases of one spec */
    uint64_t spec_number, outcome_number;
    struct spec *spec;
    uint64_t end; /* of the undisturbed run: one slot, in order */
    char *text;
};

static bool case_faulty(uint64_t number, const char *what, const struct world *w)
{
    (void)printf("not ok - case %" PRIu64 "\n# %s\n# again, step by step: test-sim =%" PRIu64
                 "\n# %s\n",
                 number, what, number, w->text ? w->text : "");
    return false;
}

static bool world_enter(struct world *w, uint64_t number)
{
    uint64_t spec = number / PER_SPEC, outcome = number / PER_OUTCOME;
    struct sim s = {0};
    struct dh_err err;

    if (!w->spec || w->spec_number != spec) {
        w->spec = spec_free(w->spec);
        free(w->text);
        w->text = sim_pipeline(spec + 1);
        w->spec_number = spec;
        w->outcome_number = UINT64_MAX;
        if (spec_load_bytes("sim", w->text, strlen(w->text), &w->spec, NULL, &err) < 0)
            return case_faulty(number, err.msg, w);
    }
    if (w->outcome_number == outcome)
        return true;
    w->outcome_number = outcome;
    s = (struct sim){.spec = w->spec, .outcome = outcome * 977, .slots = 1};
    s.rng.at = 1;
    w->end = sim_play(&s);
    sim_done(&s);
    return s.fault[0] ? case_faulty(number, s.fault, w) : true;
}

static bool case_run(struct world *w, uint64_t number, bool told)
{
    struct sim s = {0};
    uint64_t end;
    bool good = true;

    if (!world_enter(w, number))
        return false;
    s = (struct sim){.spec = w->spec, .outcome = w->outcome_number * 977, .tell = told};
    s.rng.at = number * 2654435761u + 99;
    s.slots = 1 + (int)rng_below(&s.rng, MAX_RUNNING);
    s.n_crashes = number % 5 >= 2 ? 1 + (int)rng_below(&s.rng, 4) : 0;
    s.cancels = number % 5 == 4 ? 1 + (int)rng_below(&s.rng, 2) : number % 5 == 1;
    end = sim_play(&s);
    if (s.fault[0])
        good = case_faulty(number, s.fault, w);
    else if (!s.was_canceled && end != w->end)
        good = case_faulty(number, "it ended otherwise than the undisturbed run", w);
    sim_done(&s);
    return good;
}

int main(int argc, char **argv)
{
    const char *asked = argc > 1 ? argv[1] : getenv("DHOW_SIM_CASES");
    bool one = asked && *asked == '=';
    uint64_t number = asked ? strtoull(asked + one, NULL, 10) : 100000;
    struct world w = {.spec_number = UINT64_MAX};
    bool good = true;

    if (one)
        good = case_run(&w, number, true);
    for (uint64_t i = 0; !one && good && i < number; i++)
        good = case_run(&w, i, false);
    if (good)
        (void)printf("ok 1 - %" PRIu64 " cases\n", one ? 1 : number);
    (void)printf("1..1\n");
    spec_free(w.spec);
    free(w.text);
    return good ? 0 : 1;
}
