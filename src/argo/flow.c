/* flow - where a value comes from, and what has to be passed on so that a template can use it. */
#include <string.h>

#include "argo/argo-priv.h"
#include "base/mem.h"
#include "plan/placeholder.h"

struct flow flow_const(struct argo *a, struct js *v)
{
    return (struct flow){.kind = FLOW_CONST, .value = argo_keep(a, v)};
}

struct flow flow_unknown(struct argo *a, const char *why)
{
    return (struct flow){.kind = FLOW_UNKNOWN, .why = arena_strdup(a->arena, why)};
}

struct flow flow_reference(struct argo *a, const char *before, const char *between,
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
const char *flow_text_operand(struct argo *a, struct flow f)
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
        return flow_text_operand(a, f);
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
struct flow flow_counted(struct argo *a, struct flow f)
{
    if (f.kind == FLOW_TEXT)
        f = (struct flow){.kind = FLOW_TEXT, .expr = flow_count(a, f)};
    return f;
}

bool flow_is_missing(struct flow f)
{
    return f.kind == FLOW_NONE || (f.kind == FLOW_CONST && js_is(f.value, JS_NULL));
}

/* ---- across the border of a template ---- */

const char *flow_key(struct argo *a, const char *name, enum flow_as as)
{
    return as == AS_TEXT
               ? name
               : arena_printf(a->arena, as == AS_COUNT ? "%s-count" : "%s-artifacts", name);
}

struct port *flow_port(struct spot *spot, const char *key)
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
    port->inside = flow_reference(a, "inputs.parameters", "", NULL, name);
    return port;
}

struct flow flow_cross(struct argo *a, struct spot *spot, const char *key, struct flow f)
{
    struct port *port;
    struct flow inside;

    if (f.kind != FLOW_TEXT)
        return f;
    port = flow_port(spot, key);
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
struct flow flow_constant(struct argo *a, struct spot *spot, const struct js *v)
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
    buf_addf(&x->expr, "%s%s", x->n_pieces++ ? " + " : "", flow_text_operand(x->a, f));
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
    struct flow f = v ? flow_constant(x->a, x->spot, v) : (struct flow){0};

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
                       : flow_unknown(x->a, "it has a placeholder that only a running task knows");
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
