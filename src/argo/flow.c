/* flow - where a value comes from, and what has to be passed on so that a template can use it. */
#include <string.h>

#include "argo/argo-priv.h"
#include "base/mem.h"
#include "cel/cel.h"
#include "plan/placeholder.h"
#include "plan/value.h"

struct flow flow_const(struct argo *a, struct js *v)
{
    return (struct flow){.kind = FLOW_CONST, .value = argo_keep(a, v)};
}

static struct flow unknown(struct argo *a, const char *why)
{
    return (struct flow){.kind = FLOW_UNKNOWN, .why = arena_strdup(a->arena, why)};
}

static struct flow reference(struct argo *a, const char *before, const char *between,
                             const char *task, const char *name)
{
    return (struct flow){
        .kind = FLOW_TEXT,
        .expr = task ? arena_printf(a->arena, "%s['%s']%s['%s']", before, task, between, name)
                     : arena_printf(a->arena, "%s['%s']", before, name),
        .tag = task ? arena_printf(a->arena, "%s.%s%s.%s", before, task, between, name)
                    : arena_printf(a->arena, "%s.%s", before, name)};
}

/* ---- as text, as a typed operand ---- */

const char *flow_render(struct argo *a, struct flow f)
{
    own_mem char *text = NULL;

    if (f.kind == FLOW_TEXT)
        return f.tag ? arena_printf(a->arena, "{{%s}}", f.tag)
                     : arena_printf(a->arena, "{{=%s}}", f.expr);
    if (f.kind != FLOW_CONST || js_is(f.value, JS_NULL))
        return "";
    text = placeholder_text(f.value);
    return arena_strdup(a->arena, text);
}

/* The text of a value that is one already, or that has to be written. */
static const char *text_operand(struct argo *a, struct flow f)
{
    own_mem char *text = NULL;
    own_buf struct buf b = {0};

    if (f.kind == FLOW_TEXT)
        return f.json ? arena_printf(a->arena, "(type(%s) == 'string' ? %s : toJson(%s))", f.expr,
                                     f.expr, f.expr)
                      : f.expr;
    text = f.kind == FLOW_CONST ? placeholder_text(f.value) : dh_strdup("");
    cel_expr_quote(text, strlen(text), &b);
    return arena_strdup(a->arena, buf_str(&b));
}

/* A constant, of what type it is. */
static const char *const_operand(struct argo *a, const struct js *v, enum cel_expr_type *ret_type)
{
    own_buf struct buf b = {0};

    switch (js_kind(v)) {
    case JS_NULL:
        *ret_type = CEL_EXPR_NULL;
        return "nil";
    case JS_BOOL:
        *ret_type = CEL_EXPR_BOOL;
        return js_truth(v) ? "true" : "false";
    case JS_INT:
    case JS_REAL: /* a parameter's numbers are doubles */
        *ret_type = CEL_EXPR_NUMBER;
        js_write_num(js_as_num(v, 0), &b);
        return arena_printf(a->arena, "float(%s)", buf_str(&b));
    case JS_STRING:
        *ret_type = CEL_EXPR_TEXT;
        cel_expr_quote(js_text(v), js_text_len(v), &b);
        return arena_strdup(a->arena, buf_str(&b));
    default:
        *ret_type = CEL_EXPR_ANY;
        {
            own_mem char *text = placeholder_text(v);

            cel_expr_quote(text, strlen(text), &b);
        }
        return arena_printf(a->arena, "fromJSON(%s)", buf_str(&b));
    }
}

const char *flow_operand(struct argo *a, struct flow f, enum cel_expr_type *ret_type)
{
    if (f.kind == FLOW_CONST)
        return const_operand(a, f.value, ret_type);
    switch (f.type) {
    case PARAM_STRING:
        *ret_type = CEL_EXPR_TEXT;
        return text_operand(a, f);
    case PARAM_NUMBER_DOUBLE:
    case PARAM_NUMBER_INTEGER:
        *ret_type = CEL_EXPR_NUMBER;
        return arena_printf(a->arena, "float(%s)", f.expr);
    case PARAM_BOOLEAN:
        *ret_type = CEL_EXPR_BOOL;
        return arena_printf(a->arena, "(%s == %s)", f.expr, f.json ? "true" : "'true'");
    default:
        *ret_type = CEL_EXPR_ANY;
        return f.json ? f.expr : arena_printf(a->arena, "fromJSON(%s)", f.expr);
    }
}

const char *flow_count(struct argo *a, struct flow f)
{
    return f.json ? arena_printf(a->arena, "(type(%s) == 'string' ? len(fromJSON(%s)) : len(%s))",
                                 f.expr, f.expr, f.expr)
                  : arena_printf(a->arena, "len(fromJSON(%s))", f.expr);
}

/* A text's number of elements where that has not been exported itself. */
static struct flow counted(struct argo *a, struct flow f)
{
    if (f.kind == FLOW_TEXT)
        f = (struct flow){.kind = FLOW_TEXT, .expr = flow_count(a, f)};
    return f;
}

/* ---- across the border of a template ---- */

static struct port *port_find(struct spot *spot, const char *key)
{
    for (size_t i = 0; i < spot->n_ports; i++)
        if (!strcmp(spot->ports[i].key, key))
            return &spot->ports[i];
    return NULL;
}

static const char *port_name(struct argo *a, const struct spot *spot, const char *key)
{
    const char *name = name_param(a, key), *one = name;
    int n = 2;

    if (!strcmp(name, "scope") || !strcmp(name, "iteration") || !strcmp(name, "count"))
        one = arena_printf(a->arena, "%s-%d", name, n++);
    for (size_t i = 0; i < spot->n_ports; i++)
        if (!strcmp(spot->ports[i].name, one)) {
            one = arena_printf(a->arena, "%s-%d", name, n++);
            i = (size_t)-1;
        }
    return one;
}

static struct port *port_add(struct argo *a, struct spot *spot, const char *key)
{
    struct port *port;
    const char *name = port_name(a, spot, key);

    DH_GROW(spot->ports, spot->n_ports, spot->cap_ports);
    port = &spot->ports[spot->n_ports++];
    *port = (struct port){.key = arena_strdup(a->arena, key), .name = name};
    port->inside = reference(a, "inputs.parameters", "", NULL, name);
    return port;
}

struct flow flow_cross(struct argo *a, struct spot *spot, const char *key, struct flow f)
{
    struct port *port;
    struct flow inside;

    if (f.kind != FLOW_TEXT)
        return f;
    port = port_find(spot, key);
    if (!port) {
        port = port_add(a, spot, key);
        port->arg = flow_render(a, f);
        if (spot->is_loop) {
            port->outer = port->arg;
            port->arg = arena_printf(a->arena, "{{inputs.parameters.%s}}", port->name);
        }
    }
    inside = port->inside;
    inside.type = f.type;
    return inside;
}

/* ---- constants ---- */

/* A constant with what the run gives put into its placeholders. */
static struct flow constant(struct argo *a, struct spot *spot, const struct js *v)
{
    const struct plan_node node = {.task = spot->task, .component = spot->component};
    own(js_free) struct js *none = js_object();

    if (!placeholder_in(v))
        return flow_const(a, js_ref(v));
    return flow_const(a, placeholder_expand_value(v, a->plan, &node, none));
}

struct expansion {
    struct argo *a;
    struct spot *spot;
    bool outside;
    struct buf text, expr;
    bool is_const;
    struct flow flow; /* of the only piece */
    size_t n_pieces;
};

static void add_text(struct expansion *x, const char *text, size_t n)
{
    if (!n)
        return;
    buf_add(&x->text, text, n);
    buf_adds(&x->expr, x->n_pieces++ ? " + " : "");
    cel_expr_quote(text, n, &x->expr);
}

static int add_input(struct expansion *x, const char *name, struct flow *ret)
{
    struct flow f;
    int rc = x->outside ? flow_own(x->a, x->spot, name, AS_TEXT, &f)
                        : flow_input(x->a, x->spot, name, AS_TEXT, &f);

    if (rc < 0)
        return -1;
    *ret = x->flow = f;
    if (f.kind == FLOW_UNKNOWN)
        return 0;
    if (f.kind != FLOW_TEXT) {
        const char *text = flow_render(x->a, f);

        add_text(x, text, strlen(text));
        return 0;
    }
    x->is_const = false;
    buf_addf(&x->expr, "%s%s", x->n_pieces++ ? " + " : "", text_operand(x->a, f));
    return 0;
}

/* The name in "{{$.inputs.parameters['x']}}" at `s`; NULL: it is none. *end goes behind it. */
static char *input_name(const char *s, const char **end)
{
    static const char before[] = "{{$.inputs.parameters[";
    const char *close = strstr(s, "}}"), *from, *to;

    if (strncmp(s, before, sizeof before - 1) != 0 || !close)
        return NULL;
    from = s + sizeof before - 1;
    to = close;
    from += strspn(from, "'\"");
    while (to > from && strchr("]'\"", to[-1]))
        to--;
    *end = close + 2;
    return dh_strndup(from, (size_t)(to - from));
}

/* What the run itself has for the placeholder at `s`; *end stays NULL where it has nothing. */
static void add_run(struct expansion *x, const char *s, const char **end)
{
    const char *close = strstr(s, "}}");
    own(js_free) struct js *v = close ? js_strn(s, (size_t)(close + 2 - s)) : NULL;
    struct flow f = v ? constant(x->a, x->spot, v) : (struct flow){0};

    if (!v || !strncmp(js_text(f.value), "{{$", 3))
        return;
    add_text(x, js_text(f.value), js_text_len(f.value));
    *end = close + 2;
}

static int expand(struct expansion *x, const char *text, struct flow *ret)
{
    *ret = (struct flow){0};
    while (*text) {
        const char *at = strstr(text, "{{$"), *end = NULL;
        own_mem char *name = NULL;

        if (!at)
            break;
        add_text(x, text, (size_t)(at - text));
        name = input_name(at, &end);
        if (name && add_input(x, name, ret) < 0)
            return -1;
        if (!name)
            add_run(x, at, &end);
        if (ret->kind == FLOW_UNKNOWN || !end) {
            *ret = ret->kind == FLOW_UNKNOWN
                       ? *ret
                       : unknown(x->a, "it has a placeholder that only a running task knows");
            return 0;
        }
        text = end;
    }
    add_text(x, text, strlen(text));
    return 0;
}

int flow_expand(struct argo *a, struct spot *spot, const char *text, bool outside, struct flow *ret)
{
    struct expansion x = {.a = a, .spot = spot, .outside = outside, .is_const = true};
    struct flow f;
    int rc = expand(&x, text, &f);

    if (rc == 0 && f.kind != FLOW_UNKNOWN) {
        if (x.is_const)
            f = flow_const(a, js_str(buf_str(&x.text)));
        else if (x.n_pieces == 1)
            f = x.flow;
        else
            f = (struct flow){.kind = FLOW_TEXT,
                              .expr = arena_printf(a->arena, "(%s)", buf_str(&x.expr)),
                              .type = PARAM_STRING};
    }
    buf_done(&x.text);
    buf_done(&x.expr);
    if (rc == 0)
        *ret = f;
    return rc;
}

static int runtime_value(struct argo *a, struct spot *spot, const struct input_parameter_spec *in,
                         struct flow *ret)
{
    const struct js *v = in->runtime_value->constant;

    if (in->runtime_value->runtime_parameter) {
        struct js *given = js_get(a->run->parameters, in->runtime_value->runtime_parameter);

        *ret = given ? flow_const(a, js_ref(given)) : (struct flow){0};
        return 0;
    }
    if (!v)
        return 0;
    if (js_is(v, JS_STRING) && strstr(js_text(v), "{{$.inputs"))
        return flow_expand(a, spot, js_text(v), true, ret);
    {
        own_mem char *text = js_dump(v, JS_COMPACT);

        *ret = strstr(text, "{{$.inputs") || strstr(text, "{{$}}")
                   ? unknown(a, "a list or struct with placeholders for inputs")
                   : constant(a, spot, v);
    }
    return 0;
}

/* ---- selectors ---- */

static int look_up_value(void *user, const char *name, struct cel_expr_value *ret,
                         struct dh_err *err)
{
    (void)name;
    (void)err;
    *ret = (struct cel_expr_value){user, CEL_EXPR_TEXT};
    return 0;
}

static int selected(struct argo *a, const struct spot *spot, const struct input_parameter_spec *in,
                    struct flow *f)
{
    own(cel_free) struct cel_program *p = NULL;
    own_buf struct buf b = {0};
    struct js *part = NULL;
    enum cel_expr_type type;

    if (!in->parameter_expression_selector[0] || f->kind == FLOW_NONE || f->kind == FLOW_UNKNOWN)
        return 0;
    if (f->kind == FLOW_CONST) {
        if (cel_select(in->parameter_expression_selector, f->value, &part, a->err) < 0)
            return argo_refuse(a, in->pos, spot, "inputs", "selector %s: %s",
                               in->parameter_expression_selector, a->err->msg);
        *f = flow_const(a, part);
        return 0;
    }
    if (cel_compile(in->parameter_expression_selector, &p, a->err) < 0 ||
        cel_expr(p, CEL_SELECTOR, look_up_value, (void *)text_operand(a, *f), &b, &type, a->err) <
            0)
        return argo_refuse(a, in->pos, spot, "inputs", "selector %s: %s",
                           in->parameter_expression_selector, a->err->msg);
    *f = (struct flow){.kind = FLOW_TEXT,
                       .expr = arena_strdup(a->arena, buf_str(&b)),
                       .json = type == CEL_EXPR_ANY};
    return 0;
}

/* ---- a task's inputs ---- */

static struct spot *sibling(struct spot *spot, const char *name)
{
    const struct dag_spec *dag = spot->up->component->dag;
    const struct pipeline_task_spec *task = dag_task(dag, name);

    return task ? &spot->up->children[task - dag->tasks.items] : NULL;
}

static bool is_before(const struct spot *dag, size_t i, size_t producer, bool *seen)
{
    const struct dag_graph *g = dag->graph;

    for (uint32_t k = g->up_at[i]; k < g->up_at[i + 1]; k++) {
        if (g->up[k] == producer)
            return true;
        if (seen[g->up[k]])
            continue;
        seen[g->up[k]] = true;
        if (is_before(dag, g->up[k], producer, seen))
            return true;
    }
    return false;
}

/* Whether the producer has ended when `spot` starts. A task's inputs see to that; fields of the
 * platform spec do not. */
static bool comes_before(const struct spot *producer, const struct spot *spot)
{
    const struct spot *dag = spot->up;
    own_mem bool *seen = dh_zalloc(dag->n_children, sizeof *seen);

    return is_before(dag, (size_t)(spot - dag->children), (size_t)(producer - dag->children), seen);
}

int flow_argument(struct argo *a, struct spot *spot, const struct input_parameter_spec *in,
                  enum flow_as as, struct flow *ret)
{
    bool whole = !in->parameter_expression_selector[0];
    bool is_counted = whole && (in->kind == INPUT_PARAMETER_COMPONENT_INPUT ||
                                in->kind == INPUT_PARAMETER_TASK_OUTPUT);
    bool careful = spot->task->trigger_policy.strategy == TRIGGER_ALL_UPSTREAM_TASKS_COMPLETED;
    enum flow_as ask = whole ? as : AS_TEXT;
    struct spot *producer;
    struct flow f = {0};
    int rc = 0;

    switch (in->kind) {
    case INPUT_PARAMETER_COMPONENT_INPUT:
        rc = flow_input(a, spot->up, in->component_input_parameter, ask, &f);
        break;
    case INPUT_PARAMETER_TASK_OUTPUT:
        producer = sibling(spot, in->task_output_parameter->producer_task);
        if (!producer || (!in->name && !producer->is_builtin && !comes_before(producer, spot)))
            return argo_refuse(a, in->pos, spot, in->name ? in->name : "platform",
                               "task '%s' gives it, which does not come before this one",
                               in->task_output_parameter->producer_task);
        rc = flow_output(a, producer, in->task_output_parameter->output_parameter_key, ask, careful,
                         &f);
        break;
    case INPUT_PARAMETER_RUNTIME_VALUE:
        rc = runtime_value(a, spot, in, &f);
        break;
    case INPUT_PARAMETER_FINAL_STATUS:
        f = unknown(a, "a task's final status is known to the server alone");
        break;
    case INPUT_PARAMETER_NONE:
        break;
    }
    if (rc < 0 || selected(a, spot, in, &f) < 0)
        return -1;
    *ret = as == AS_COUNT && !is_counted ? counted(a, f) : f;
    return 0;
}

static struct flow typed(struct argo *a, const struct component_inputs_parameter_spec *def,
                         struct flow f)
{
    if (!def)
        return f;
    if (f.kind == FLOW_CONST)
        f = flow_const(a, value_as(def->parameter_type, f.value));
    f.type = def->parameter_type;
    return f;
}

static bool is_missing(struct flow f)
{
    return f.kind == FLOW_NONE || (f.kind == FLOW_CONST && js_is(f.value, JS_NULL));
}

int flow_own(struct argo *a, struct spot *spot, const char *name, enum flow_as as, struct flow *ret)
{
    const struct component_inputs_parameter_spec *def =
        spec_find(&spot->component->input_definitions.parameters, name);
    const struct input_parameter_spec *in = spec_find(&spot->task->inputs.parameters, name);
    struct flow f = {0};

    if (in && flow_argument(a, spot, in, as, &f) < 0)
        return -1;
    if (is_missing(f) && def && def->default_value)
        f = flow_const(a, js_ref(def->default_value));
    *ret = as == AS_COUNT && f.kind == FLOW_TEXT ? f : typed(a, def, f);
    return 0;
}

static const char *port_key(struct argo *a, const char *name, enum flow_as as)
{
    return as == AS_COUNT ? arena_printf(a->arena, "%s-count", name) : name;
}

int flow_input(struct argo *a, struct spot *spot, const char *name, enum flow_as as,
               struct flow *ret)
{
    const struct component_inputs_parameter_spec *def =
        spec_find(&spot->component->input_definitions.parameters, name);
    const struct parameter_iterator_spec *it =
        spot->is_loop ? spot->task->parameter_iterator : NULL;
    struct port *port = port_find(spot, port_key(a, name, as));
    struct flow f;

    if (!spot->up) {
        struct js *v = js_get(a->run->parameters, name);

        *ret = v ? typed(a, def, flow_const(a, js_ref(v))) : (struct flow){0};
        return 0;
    }
    if (it && !strcmp(it->item_input, name)) {
        if (!port_find(spot, name) && decide_item(a, spot) < 0)
            return -1;
        port = port_find(spot, name);
        *ret = port ? port->inside : unknown(a, "the items of this loop are not known to Argo");
        if (port)
            ret->type = def ? def->parameter_type : PARAM_UNSPECIFIED;
        if (as == AS_COUNT)
            *ret = counted(a, *ret);
        return 0;
    }
    if (port) {
        *ret = port->inside;
        ret->type = def && as == AS_TEXT ? def->parameter_type : PARAM_UNSPECIFIED;
        return 0;
    }
    if (flow_own(a, spot, name, as, &f) < 0)
        return -1;
    *ret = flow_cross(a, spot, port_key(a, name, as), f);
    return 0;
}

/* ---- a task's outputs, in its dag's template ---- */

static const char *export_name(struct argo *a, struct spot *spot, const char *key, enum flow_as as)
{
    const char *name = name_param(a, port_key(a, key, as)), *one = name;
    int n = 2;

    for (size_t i = 0; i < spot->n_exports; i++)
        if (!strcmp(spot->exports[i].name, one)) {
            one = arena_printf(a->arena, "%s-%d", name, n++);
            i = (size_t)-1;
        }
    return one;
}

static struct exported *export_find(struct spot *spot, const char *key, enum flow_as as)
{
    for (size_t i = 0; i < spot->n_exports; i++)
        if (spot->exports[i].as == as && !strcmp(spot->exports[i].key, key))
            return &spot->exports[i];
    return NULL;
}

/* A claim's name is no output that Argo sees: it is known before the claim is there. */
static int claim_output(struct argo *a, struct spot *spot, const char *key, struct flow *ret)
{
    own_mem char *plain = NULL;
    const char *iteration = spot->up->n_loops ? "\001" : "";
    struct flow f = {0}, suffix = {0};
    const char *mark;

    if (spot->is_loop || strcmp(key, "name") != 0) {
        *ret = unknown(a, "only the server knows it");
        return 0;
    }
    if (flow_own(a, spot, "pvc_name", AS_TEXT, &f) < 0 ||
        flow_own(a, spot, "pvc_name_suffix", AS_TEXT, &suffix) < 0)
        return -1;
    if (f.kind == FLOW_TEXT || f.kind == FLOW_UNKNOWN || (!is_missing(f) && *flow_render(a, f))) {
        *ret = f;
        return 0;
    }
    if (suffix.kind == FLOW_UNKNOWN) {
        *ret = suffix;
        return 0;
    }
    plain = argo_claim_name(a->run->run_id, spot->scope, iteration,
                            suffix.kind == FLOW_CONST ? flow_render(a, suffix) : "");
    mark = strchr(plain, 1);
    if (!mark && suffix.kind == FLOW_CONST) {
        *ret = flow_const(a, js_str(plain));
        return 0;
    }
    f = (struct flow){.kind = FLOW_TEXT, .type = PARAM_STRING};
    if (!mark)
        f.expr = arena_printf(a->arena, "('%s' + %s)", plain, text_operand(a, suffix));
    else
        f.expr = arena_printf(a->arena, "('%.*s' + inputs.parameters['iteration'] + %s)",
                              (int)(mark - plain), plain,
                              suffix.kind == FLOW_CONST ? arena_printf(a->arena, "'%s'", mark + 1)
                                                        : text_operand(a, suffix));
    *ret = f;
    return 0;
}

/* What a subtask of `dag` gives, inside the dag's template. */
static int subtask_output(struct argo *a, struct spot *dag, const struct parameter_selector_spec *s,
                          enum flow_as as, struct flow *ret)
{
    const struct dag_spec *spec = dag->component->dag;
    const struct pipeline_task_spec *task = dag_task(spec, s->producer_subtask);

    *ret = (struct flow){0};
    return task ? flow_output(a, &dag->children[task - spec->tasks.items], s->output_parameter_key,
                              as, false, ret)
                : 0;
}

/* OneOf: the first that ran. */
static int one_of(struct argo *a, struct spot *dag, const struct parameter_selectors_spec *all,
                  enum flow_as as, struct flow *ret)
{
    own_buf struct buf b = {0}, end = {0};
    struct flow f = {0};

    for (size_t i = 0; i < all->parameter_selectors.n; i++) {
        const struct parameter_selector_spec *s = &all->parameter_selectors.items[i];
        const struct pipeline_task_spec *task = dag_task(dag->component->dag, s->producer_subtask);
        const struct spot *child;

        if (!task)
            continue;
        child = &dag->children[task - dag->component->dag->tasks.items];
        if (subtask_output(a, dag, s, as, &f) < 0)
            return -1;
        if (f.kind == FLOW_UNKNOWN || child->is_gone || (f.kind == FLOW_CONST && as == AS_COUNT)) {
            *ret =
                f.kind == FLOW_UNKNOWN ? f : unknown(a, "only the server knows which branch ran");
            return 0;
        }
        buf_addf(&b, "(tasks['%s'].status == 'Succeeded' ? %s : ", child->name,
                 f.kind == FLOW_TEXT ? f.expr : text_operand(a, f));
        buf_addc(&end, ')');
    }
    buf_addf(&b, "''%s", buf_str(&end));
    *ret = (struct flow){.kind = FLOW_TEXT, .expr = arena_strdup(a->arena, buf_str(&b))};
    return 0;
}

/* Inside a dag's own template; no value: FLOW_NONE. */
static int dag_output(struct argo *a, struct spot *dag, const char *key, enum flow_as as,
                      struct flow *ret)
{
    const struct dag_output_parameter_spec *out =
        spec_find(&dag->component->dag->outputs.parameters, key);

    *ret = (struct flow){0};
    if (out && out->value_from_parameter)
        return subtask_output(a, dag, out->value_from_parameter, as, ret);
    return out && out->value_from_oneof ? one_of(a, dag, out->value_from_oneof, as, ret) : 0;
}

static enum spec_param_type output_type(const struct spot *spot, const char *key)
{
    const struct component_outputs_parameter_spec *def =
        spec_find(&spot->component->output_definitions.parameters, key);

    return def ? def->parameter_type : PARAM_UNSPECIFIED;
}

static struct flow exported_flow(struct argo *a, struct spot *producer, const struct exported *e,
                                 bool careful)
{
    struct flow f = reference(a, "tasks", ".outputs.parameters", producer->name, e->name);

    if (careful) { /* a plain reference to what is not there would hold the task for ever */
        f.expr = arena_printf(a->arena,
                              "(get(get(get(get(tasks, '%s'), 'outputs'), 'parameters'), '%s') ?? "
                              "'')",
                              producer->name, e->name);
        f.tag = NULL;
    }
    f.collected = e->is_collected;
    f.type = e->is_collected     ? PARAM_LIST
             : e->as == AS_COUNT ? PARAM_NUMBER_INTEGER
                                 : output_type(producer, e->key);
    return f;
}

/* What one pass of the producer's body gives, and how its template says it: *expr, or NULL for a
 * file. */
static int body_output(struct argo *a, struct spot *producer, const char *key, enum flow_as as,
                       struct flow *ret)
{
    *ret = (struct flow){0};
    if (producer->is_builtin)
        return claim_output(a, producer, key, ret);
    if (!argo_is_leaf(producer))
        return dag_output(a, producer, key, as, ret);
    if (producer->executor->kind == EXECUTOR_CONTAINER &&
        spec_find(&producer->component->output_definitions.parameters, key))
        ret->kind = FLOW_TEXT;
    return 0;
}

int flow_output(struct argo *a, struct spot *producer, const char *key, enum flow_as as,
                bool careful, struct flow *ret)
{
    enum flow_as ask = producer->is_loop ? AS_TEXT : as;
    struct exported *e = export_find(producer, key, ask);
    const char *name;
    struct flow f;

    if (!e) {
        if (body_output(a, producer, key, ask, &f) < 0)
            return -1;
        if (f.kind == FLOW_UNKNOWN || f.kind == FLOW_NONE ||
            (!producer->is_loop && (f.kind == FLOW_CONST || producer->is_builtin))) {
            *ret = f;
            return 0;
        }
        if (f.kind == FLOW_CONST) {
            *ret = unknown(a, "what a loop collected of a constant is known to the server alone");
            return 0;
        }
        name = export_name(a, producer, key, ask);
        DH_GROW(producer->exports, producer->n_exports, producer->cap_exports);
        e = &producer->exports[producer->n_exports++];
        *e = (struct exported){.key = arena_strdup(a->arena, key),
                               .name = name,
                               .as = ask,
                               .is_collected = producer->is_loop || f.collected,
                               .is_nested = producer->is_loop && f.collected,
                               .expr = f.expr};
    }
    f = exported_flow(a, producer, e, careful);
    *ret = as == AS_COUNT && producer->is_loop ? counted(a, f) : f;
    return 0;
}
