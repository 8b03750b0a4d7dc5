/* decide - conditions and loops in Argo's words. What is known now is decided now. */
#include <string.h>

#include "argo/argo-priv.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cel/cel.h"
#include "plan/executor_input.h"
#include "plan/placeholder.h"

/* What may be open at a time: a WorkflowTaskSet has 1.5 MB for it, and was seen to take 0.9 KB a
 * question. What is said of a loop whose length is not known yet. */
#define QUESTIONS_MAX 1000
#define UNKNOWN_PASSES 100

/* ---- conditions ---- */

struct condition {
    struct argo *a;
    struct spot *spot;
};

static int value_of(const struct condition *c, const char *name, struct flow *ret)
{
    if (flow_own(c->a, c->spot, name, AS_TEXT, ret) < 0)
        return -1;
    if (ret->kind == FLOW_UNKNOWN)
        return argo_refuse(c->a, c->spot->task->trigger_policy.condition_pos, c->spot,
                           "triggerPolicy.condition", "'%s' is not known to Argo: %s", name,
                           ret->why);
    return 0;
}

static int look_up(void *user, const char *name, struct cel_expr_value *ret, struct dh_err *err)
{
    const struct condition *c = user;
    struct flow f;

    (void)err;
    if (value_of(c, name, &f) < 0)
        return -1;
    if (f.kind == FLOW_NONE)
        *ret = (struct cel_expr_value){"nil", CEL_EXPR_NULL};
    else
        ret->expr = flow_operand(c->a, f, &ret->type);
    return 0;
}

/* 1: all of it is known, and *ret the answer. 0: not all. */
static int decide_now(const struct condition *c, const struct cel_program *p, bool *ret)
{
    own(js_free) struct js *inputs = js_object();
    own(js_free) struct js *view = NULL;
    struct js *parameters = js_object();
    struct dh_err ignored;

    js_set(inputs, "parameters", parameters);
    for (size_t i = 0; i < cel_n_params(p); i++) {
        struct flow f;

        if (value_of(c, cel_param(p, i), &f) < 0)
            return -1;
        if (f.kind == FLOW_TEXT)
            return 0;
        if (f.kind == FLOW_CONST)
            js_set(parameters, cel_param(p, i), js_ref(f.value));
    }
    view = executor_input_view(inputs);
    /* One that fails is not taken here, and fails the task in the plan, which is what counts. */
    if (cel_condition(c->spot->task->trigger_policy.condition, view, ret, &ignored) < 0)
        *ret = false;
    return 1;
}

/* As Argo says it. */
static int say(const struct condition *c, const struct cel_program *p)
{
    struct argo *a = c->a;
    struct spot *spot = c->spot;
    own_buf struct buf b = {0};
    enum cel_expr_type type;
    bool yes;
    int rc = cel_asks_artifacts(p) ? 0 : decide_now(c, p, &yes);

    if (rc < 0)
        return -1;
    if (rc > 0) {
        spot->when = yes ? NULL : "false";
        return 0;
    }
    if (cel_expr(p, CEL_CONDITION, look_up, (void *)c, &b, &type, a->err) < 0)
        return strstr(a->err->msg, "triggerPolicy.condition")
                   ? -1
                   : argo_refuse(a, spot->task->trigger_policy.condition_pos, spot,
                                 "triggerPolicy.condition", "%s", a->err->msg);
    spot->when = arena_printf(a->arena, "{{=%s}}", buf_str(&b));
    return 0;
}

bool decide_may_ask(const struct spot *spot)
{
    double n = 1;

    for (; spot->task; spot = spot->up) {
        const struct iterator_policy *policy = spot->task->iterator_policy;
        double passes = !spot->is_loop ? 1
                        : spot->items  ? (double)js_n(spot->items)
                                       : UNKNOWN_PASSES;

        if (policy && policy->parallelism_limit > 0 && policy->parallelism_limit < passes)
            passes = policy->parallelism_limit;
        n *= passes;
    }
    return n <= QUESTIONS_MAX;
}

static int ask(struct argo *a, struct spot *spot)
{
    spot->is_asked = true;
    return decide_may_ask(spot->up)
               ? 0
               : argo_refuse(a, spot->task->trigger_policy.condition_pos, spot,
                             "triggerPolicy.condition",
                             "Argo would ask the server more than %d times at a time: give the "
                             "loops around it a parallelism",
                             QUESTIONS_MAX);
}

int decide_condition(struct argo *a, struct spot *spot)
{
    const struct condition c = {a, spot};
    own(cel_free) struct cel_program *p = NULL;

    if (!spot->task->trigger_policy.condition[0])
        return 0;
    if (cel_compile(spot->task->trigger_policy.condition, &p, a->err) < 0)
        return -1;
    if (say(&c, p) == 0)
        return 0;
    return a->options->agent == ARGO_AGENT_OFF ? -1 : ask(a, spot);
}

/* ---- loops ---- */

static int fail_items(struct argo *a, const struct spot *spot, const char *why)
{
    const struct pipeline_task_spec *task = spot->task;

    return argo_refuse(
        a, task->parameter_iterator ? task->parameter_iterator->pos : task->artifact_iterator->pos,
        spot, task->parameter_iterator ? "parameterIterator" : "artifactIterator", "%s", why);
}

/* A list, or the text of one. The arena's. */
static const struct js *list_of(struct argo *a, const struct js *v)
{
    struct js *parsed = NULL;

    if (js_is(v, JS_ARRAY))
        return v;
    if (!js_is(v, JS_STRING) || js_parse(js_text(v), js_text_len(v), &parsed, NULL) < 0)
        return NULL;
    parsed = argo_keep(a, parsed);
    return js_is(parsed, JS_ARRAY) ? parsed : NULL;
}

/* The body's input for the item, which the loop itself gives. */
static void item_port(struct argo *a, struct spot *spot, const char *arg)
{
    const struct flow any = {.kind = FLOW_TEXT, .expr = "''"};
    struct port *port;

    (void)flow_cross(a, spot, spot->task->parameter_iterator->item_input, any);
    port = &spot->ports[spot->n_ports - 1];
    port->outer = NULL;
    port->arg = arg;
}

static bool are_known(const struct js *list)
{
    own_mem char *text = js_dump(list, JS_COMPACT);

    return !strstr(text, "{{$");
}

/* The items as texts of one literal, of which an iteration takes its own. */
static const char *item_of(struct argo *a, const struct js *list)
{
    own_buf struct buf b = {0};

    for (size_t i = 0; i < js_n(list); i++) {
        own_mem char *text = placeholder_text(js_at(list, i));

        buf_adds(&b, i ? ", " : "");
        cel_expr_quote(text, strlen(text), &b);
    }
    return arena_printf(a->arena, "{{=[%s][int(item)]}}", buf_str(&b));
}

static int static_loop(struct argo *a, struct spot *spot, const struct js *value)
{
    const struct js *list = list_of(a, value);

    if (!list)
        return fail_items(a, spot, "expected a list of items");
    if (js_n(list) > LIMIT_LOOP_ITEMS)
        return fail_items(a, spot, "the loop has too many items");
    spot->count = arena_printf(a->arena, "%zu", js_n(list));
    spot->items = list;
    return 0;
}

static int raw_loop(struct argo *a, struct spot *spot)
{
    own(js_free) struct js *text = js_str(spot->task->parameter_iterator->items.raw);

    return static_loop(a, spot, text);
}

int decide_loop(struct argo *a, struct spot *spot)
{
    const struct parameter_iterator_spec *it = spot->task ? spot->task->parameter_iterator : NULL;
    struct flow f;
    int rc;

    if (!spot->is_loop)
        return 0;
    if (it && it->items.raw)
        return raw_loop(a, spot);
    rc = it ? flow_own(a, spot, it->items.input_parameter, AS_COUNT, &f)
            : flow_artifacts(a, spot, spot->task->artifact_iterator->items.input_artifact, &f);
    if (rc < 0)
        return -1;
    if (f.kind == FLOW_UNKNOWN)
        return fail_items(a, spot, f.why);
    if (f.kind == FLOW_NONE)
        return fail_items(a, spot, "the list to loop over has no value");
    if (f.kind == FLOW_CONST && it)
        return static_loop(a, spot, f.value);
    spot->count = flow_render(a, f);
    return 0;
}

int decide_item(struct argo *a, struct spot *spot)
{
    const struct parameter_iterator_spec *it = spot->task->parameter_iterator;
    enum cel_expr_type type;
    struct flow f;

    if (spot->items) {
        if (are_known(spot->items))
            item_port(a, spot, item_of(a, spot->items));
        return 0;
    }
    if (flow_own(a, spot, it->items.input_parameter, AS_TEXT, &f) < 0)
        return -1;
    if (f.kind != FLOW_TEXT)
        return 0;
    f.type = PARAM_LIST;
    f = flow_cross(a, spot, "dhow-items", f);
    spot->ports[spot->n_ports - 1].arg = NULL; /* the loop has the list, an iteration its item */
    item_port(a, spot, arena_printf(a->arena, "{{=%s[int(item)]}}", flow_operand(a, f, &type)));
    return 0;
}
