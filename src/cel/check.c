/* check - what can be said of an expression without values, as cel-go's checker says it before a
 * cluster runs it: unknown names, fields and functions, operands that no overload takes.
 *
 * It follows kinds, not the parameters of lists and maps: what it accepts may still fail later. */
#include <string.h>

#include "base/limits.h"
#include "cel/cel-priv.h"

/* What is known of a sub-expression's value. */
struct sort {
    enum cel_kind kind;            /* CEL_DYN: nothing */
    const struct cel_shape *shape; /* of a message, list or map that came in; may be NULL */
};

struct names {
    const struct names *up;
    const char *name;
    struct sort sort;
};

struct checker {
    const struct cel_program *program;
    enum cel_use use;
    struct dh_err *err;
    const struct names *names;
};

static int check(struct checker *c, const struct cel_node *e, struct sort *ret);

static const struct {
    const char *name;
    enum cel_kind kind;
} selector_names[] = {{"null_value", CEL_DYN},      {"number_value", CEL_DOUBLE},
                      {"string_value", CEL_STRING}, {"bool_value", CEL_BOOL},
                      {"struct_value", CEL_MAP},    {"list_value", CEL_LIST}};

static int wrong(const struct checker *c, const struct cel_node *e, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int wrong(const struct checker *c, const struct cel_node *e, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    cel_refuse(c->program, e, c->err, fmt, ap);
    va_end(ap);
    return -1;
}

static struct sort sort_of(const struct cel_shape *shape)
{
    static const enum cel_kind kinds[] = {
        [CEL_SHAPE_JSON] = CEL_DYN,      [CEL_SHAPE_VALUE] = CEL_DYN,
        [CEL_SHAPE_STRING] = CEL_STRING, [CEL_SHAPE_INT] = CEL_INT,
        [CEL_SHAPE_DOUBLE] = CEL_DOUBLE, [CEL_SHAPE_MAP] = CEL_MAP,
        [CEL_SHAPE_LIST] = CEL_LIST,     [CEL_SHAPE_MESSAGE] = CEL_MESSAGE};

    return (struct sort){kinds[shape->kind], shape};
}

static struct sort plain(enum cel_kind kind)
{
    return (struct sort){kind, NULL};
}

/* Of an element of a list, or of a map's value. */
static struct sort element(struct sort of)
{
    return of.shape && of.shape->of ? sort_of(of.shape->of) : plain(CEL_DYN);
}

static const char *name_of(struct sort s)
{
    return s.kind == CEL_MESSAGE && s.shape ? s.shape->name : cel_kind_name(s.kind);
}

static bool variable(const struct checker *c, const struct cel_node *e, struct sort *ret)
{
    const struct cel_field *field;

    for (const struct names *n = e->rooted ? NULL : c->names; n; n = n->up) {
        if (strcmp(n->name, e->name) == 0) {
            *ret = n->sort;
            return true;
        }
    }
    if (c->use == CEL_CONDITION) {
        field = cel_field(&cel_shape_executor_input, e->name);
        if (field)
            *ret = sort_of(field->shape);
        return field != NULL;
    }
    for (size_t i = 0; i < sizeof selector_names / sizeof *selector_names; i++) {
        if (strcmp(selector_names[i].name, e->name) == 0) {
            *ret = plain(selector_names[i].kind);
            return true;
        }
    }
    return false;
}

static int ident(struct checker *c, const struct cel_node *e, struct sort *ret)
{
    if (variable(c, e, ret))
        return 0;
    if (cel_kind_of_name(e->name) != CEL_DYN) {
        *ret = plain(CEL_TYPE);
        return 0;
    }
    return wrong(c, e, "undeclared reference to '%s' (in container ''); %s", e->name,
                 c->use == CEL_CONDITION
                     ? "a condition knows inputs and outputs: inputs.parameter_values['name']"
                     : "a selector knows string_value, number_value, bool_value, struct_value, "
                       "list_value, null_value");
}

static int field_of(struct checker *c, const struct cel_node *e, struct sort on, struct sort *ret)
{
    own_buf struct buf there = {.max = 300};
    const struct cel_field *field;

    *ret = plain(CEL_DYN);
    if (on.kind == CEL_MAP) {
        *ret = element(on);
        return 0;
    }
    if (on.kind == CEL_DYN)
        return 0;
    if (on.kind != CEL_MESSAGE || !on.shape)
        return wrong(c, e, "type '%s' does not support field selection: .%s", name_of(on), e->name);
    field = cel_field(on.shape, e->name);
    if (field) {
        *ret = sort_of(field->shape);
        return 0;
    }
    for (const struct cel_field *f = on.shape->fields; f->name; f++)
        buf_addf(&there, "%s%s", f == on.shape->fields ? "" : ", ", f->name);
    return wrong(c, e, "undefined field '%s': %s has %s", e->name, on.shape->name, buf_str(&there));
}

static int select_field(struct checker *c, const struct cel_node *e, struct sort *ret)
{
    struct sort on;

    if (e->kind == CEL_NODE_SELECT && cel_qualified_type(e) != CEL_DYN) {
        *ret = plain(CEL_TYPE);
        return 0;
    }
    if (check(c, e->args[0], &on) < 0 || field_of(c, e, on, ret) < 0)
        return -1;
    if (e->kind == CEL_NODE_HAS)
        *ret = plain(CEL_BOOL);
    return 0;
}

/* ---- calls ---- */

static bool fits(enum cel_kind declared, enum cel_kind given)
{
    return declared == CEL_DYN || given == CEL_DYN || declared == given;
}

/* null is comparable with what may be null. */
static bool comparable(enum cel_kind a, enum cel_kind b)
{
    bool nullable = a == CEL_MESSAGE || a == CEL_TIMESTAMP || a == CEL_DURATION ||
                    b == CEL_MESSAGE || b == CEL_TIMESTAMP || b == CEL_DURATION;

    return fits(a, b) || (nullable && (a == CEL_NULL || b == CEL_NULL));
}

static int no_overload(const struct checker *c, const struct cel_node *e, const struct sort *args)
{
    own_buf struct buf given = {.max = 300};
    bool numbers = e->n_args == 2 && (args[0].kind == CEL_INT || args[0].kind == CEL_DOUBLE) &&
                   (args[1].kind == CEL_INT || args[1].kind == CEL_DOUBLE);

    for (size_t i = 0; i < e->n_args && i < 2; i++)
        buf_addf(&given, "%s%s", i ? ", " : "", name_of(args[i]));
    if (e->n_args > 2)
        buf_adds(&given, ", …");
    return wrong(c, e, "found no matching overload for '%s' applied to '%s(%s)'%s", e->name,
                 e->receiver ? "." : "", buf_str(&given),
                 numbers ? "; int(x) and double(x) convert" : "");
}

static int pattern(const struct checker *c, const struct cel_node *e)
{
    own(arena_free) struct arena *arena = NULL;
    const struct cel_node *re = e->n_args == 2 ? e->args[1] : e;
    const char *why;

    if (strcmp(e->name, "matches") != 0 || re->kind != CEL_NODE_CONST || re->val.kind != CEL_STRING)
        return 0;
    arena = arena_new();
    if (!cel_regex_compile(arena, re->val.s.p, re->val.s.n, &why))
        return wrong(c, re, "not a regular expression: %s", why);
    return 0;
}

/* Is there a row for these? *ret gets what they give, as far as the rows agree. */
static bool matches(const struct cel_node *e, const struct sort *args, struct sort *ret)
{
    bool found = false;

    for (const struct cel_overload *row = e->calls;
         row->name && strcmp(row->name, e->calls->name) == 0; row++) {
        if (row->late || row->n_args != e->n_args || row->receiver != e->receiver ||
            !fits(row->args[0], args[0].kind) ||
            (row->n_args > 1 && !fits(row->args[1], args[1].kind)))
            continue;
        if (found && ret->kind != row->ret)
            *ret = plain(CEL_DYN);
        if (!found)
            *ret = plain(row->ret);
        found = true;
    }
    if (strcmp(e->name, "_==_") == 0 || strcmp(e->name, "_!=_") == 0)
        found = found && comparable(args[0].kind, args[1].kind);
    return found;
}

static int call(struct checker *c, const struct cel_node *e, struct sort *ret)
{
    struct sort args[2] = {0}, unused;

    for (size_t i = 0; i < e->n_args; i++) {
        if (check(c, e->args[i], i < 2 ? &args[i] : &unused) < 0)
            return -1;
    }
    if (!e->calls)
        return wrong(c, e, "undeclared reference to '%s' (in container ''): no such function",
                     e->name);
    if (!matches(e, args, ret))
        return no_overload(c, e, args);
    if (strcmp(e->name, "_[_]") == 0)
        *ret = element(args[0]);
    if (strcmp(e->name, "dyn") == 0)
        *ret = plain(CEL_DYN);
    return pattern(c, e);
}

/* ---- the rest ---- */

static int want_bool(struct checker *c, const struct cel_node *e)
{
    struct sort s;

    if (check(c, e, &s) < 0)
        return -1;
    if (!fits(CEL_BOOL, s.kind))
        return wrong(c, e, "expected a bool, found a value of type %s", name_of(s));
    return 0;
}

static int logic(struct checker *c, const struct cel_node *e, struct sort *ret)
{
    *ret = plain(CEL_BOOL);
    for (size_t i = 0; i < e->n_args; i++) {
        if (want_bool(c, e->args[i]) < 0)
            return -1;
    }
    return 0;
}

static int choice(struct checker *c, const struct cel_node *e, struct sort *ret)
{
    struct sort other;

    if (want_bool(c, e->args[0]) < 0 || check(c, e->args[1], ret) < 0 ||
        check(c, e->args[2], &other) < 0)
        return -1;
    if (!comparable(ret->kind, other.kind))
        return wrong(c, e, "the two answers of '?:' are of types %s and %s", name_of(*ret),
                     name_of(other));
    if (ret->kind != other.kind || ret->shape != other.shape)
        *ret = plain(ret->kind == other.kind ? ret->kind : CEL_DYN);
    return 0;
}

static int literal(struct checker *c, const struct cel_node *e, struct sort *ret)
{
    struct sort unused;

    for (size_t i = 0; i < e->n_args; i++) {
        if (check(c, e->args[i], &unused) < 0)
            return -1;
    }
    *ret = plain(e->kind == CEL_NODE_LIST ? CEL_LIST : CEL_MAP);
    if (e->kind == CEL_NODE_STRUCT) {
        ret->kind = cel_well_known_kind(e->name);
        if (ret->kind == CEL_ERROR)
            return wrong(c, e, "undeclared reference to '%s' (in container ''): no such message",
                         e->name);
    }
    return 0;
}

static int macro(struct checker *c, const struct cel_node *e, struct sort *ret)
{
    struct names scope = {.up = c->names, .name = e->name};
    struct sort range, unused;
    int r;

    if (check(c, e->args[0], &range) < 0)
        return -1;
    if (range.kind != CEL_LIST && range.kind != CEL_MAP && range.kind != CEL_DYN)
        return wrong(c, e,
                     "expression of type '%s' cannot be range of a comprehension (must be "
                     "list, map, or dynamic)",
                     name_of(range));
    scope.sort = range.kind == CEL_LIST                 ? element(range)
                 : range.kind == CEL_MAP && range.shape ? plain(CEL_STRING)
                                                        : plain(CEL_DYN);
    c->names = &scope;
    r = e->macro == CEL_MAP_TO ? check(c, e->args[1], &unused) : want_bool(c, e->args[1]);
    if (r == 0 && e->macro == CEL_MAP_IF)
        r = check(c, e->args[2], &unused);
    c->names = scope.up;
    *ret = plain(e->macro <= CEL_EXISTS_ONE ? CEL_BOOL : CEL_LIST);
    return r;
}

static int check(struct checker *c, const struct cel_node *e, struct sort *ret)
{
    *ret = plain(CEL_DYN);
    switch (e->kind) {
    case CEL_NODE_CONST:
        *ret = plain(e->val.kind);
        return 0;
    case CEL_NODE_IDENT:
        return ident(c, e, ret);
    case CEL_NODE_SELECT:
    case CEL_NODE_HAS:
        return select_field(c, e, ret);
    case CEL_NODE_CALL:
        return call(c, e, ret);
    case CEL_NODE_LIST:
    case CEL_NODE_MAP:
    case CEL_NODE_STRUCT:
        return literal(c, e, ret);
    case CEL_NODE_AND:
    case CEL_NODE_OR:
        return logic(c, e, ret);
    case CEL_NODE_IF:
        return choice(c, e, ret);
    case CEL_NODE_MACRO:
        break;
    }
    return macro(c, e, ret);
}

int cel_check(const struct cel_program *p, enum cel_use use, struct dh_err *err)
{
    struct checker c = {.program = p, .use = use, .err = err};
    struct sort s;

    if (check(&c, p->root, &s) < 0)
        return -1;
    if (use == CEL_CONDITION && !fits(CEL_BOOL, s.kind))
        return wrong(&c, p->root, "a condition gives true or false; this gives a value of type %s",
                     name_of(s));
    return 0;
}
