#include "cel/expr.h"

#include <math.h>
#include <string.h>

#include "cel/cel-priv.h"

struct piece {
    const char *text;
    enum cel_expr_type type;
};

struct translation {
    const struct cel_program *program;
    enum cel_use use;
    cel_expr_lookup *lookup;
    void *user;
    struct arena *arena;
    struct dh_err *err;
};

static int translate(struct translation *t, const struct cel_node *e, struct piece *ret);

static int refuse(struct translation *t, const struct cel_node *e, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int refuse(struct translation *t, const struct cel_node *e, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    cel_refuse(t->program, e, t->err, fmt, ap);
    va_end(ap);
    return -1;
}

static int give(struct piece *ret, enum cel_expr_type type, const char *text)
{
    *ret = (struct piece){text, type};
    return 0;
}

void cel_expr_quote(const char *text, size_t n, struct buf *to)
{
    buf_addc(to, '\'');
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c < 0x20 || c == '{' || c == '}' || c == 0x7f)
            buf_addf(to, "\\u%04x", c);
        else if (c == '\'' || c == '\\')
            buf_addf(to, "\\%c", c);
        else
            buf_addc(to, (char)c);
    }
    buf_addc(to, '\'');
}

static int constant(struct translation *t, const struct cel_node *e, struct piece *ret)
{
    own_buf struct buf b = {0};

    switch (e->val.kind) {
    case CEL_NULL:
        return give(ret, CEL_EXPR_NULL, "nil");
    case CEL_BOOL:
        return give(ret, CEL_EXPR_BOOL, e->val.b ? "true" : "false");
    case CEL_INT:
        if (e->val.i == INT64_MIN)
            return refuse(t, e, "the number is too small for Argo's expressions");
        return give(ret, CEL_EXPR_INT,
                    arena_printf(t->arena, e->val.i < 0 ? "(%lld)" : "%lld", (long long)e->val.i));
    case CEL_DOUBLE:
        if (!isfinite(e->val.d))
            return refuse(t, e, "Argo's expressions have no such number");
        js_write_num(e->val.d, &b);
        return give(ret, CEL_EXPR_NUMBER, arena_printf(t->arena, "float(%s)", buf_str(&b)));
    case CEL_STRING:
        cel_expr_quote(e->val.s.p, e->val.s.n, &b);
        return give(ret, CEL_EXPR_TEXT, arena_strdup(t->arena, buf_str(&b)));
    default:
        return refuse(t, e, "Argo's expressions have no values of type %s",
                      cel_kind_name(e->val.kind));
    }
}

static int look_up(struct translation *t, const struct cel_node *e, const char *name,
                   struct piece *ret)
{
    struct cel_expr_value value = {0};

    (void)e;
    if (t->lookup(t->user, name, &value, t->err) < 0)
        return -1;
    return give(ret, value.type, arena_strdup(t->arena, value.expr));
}

static bool is_number(struct piece p)
{
    return p.type == CEL_EXPR_NUMBER || p.type == CEL_EXPR_INT;
}

/* Values of the two may be equal. */
static bool may_equal(struct piece a, struct piece b)
{
    return a.type == CEL_EXPR_ANY || b.type == CEL_EXPR_ANY || a.type == b.type ||
           (is_number(a) && is_number(b));
}

static int compare(struct translation *t, const struct cel_node *e, const char *op, struct piece a,
                   struct piece b, struct piece *ret)
{
    bool equality = op[1] == '=' && (op[0] == '=' || op[0] == '!');

    if (equality && !may_equal(a, b)) /* a static mismatch is an error there, and an answer here */
        return give(ret, CEL_EXPR_BOOL, op[0] == '=' ? "false" : "true");
    if (!equality &&
        !((is_number(a) || a.type == CEL_EXPR_ANY) && (is_number(b) || b.type == CEL_EXPR_ANY)) &&
        !((a.type == CEL_EXPR_TEXT || a.type == CEL_EXPR_ANY) &&
          (b.type == CEL_EXPR_TEXT || b.type == CEL_EXPR_ANY)))
        return refuse(t, e, "'%s' of values that have no order between them", op);
    return give(ret, CEL_EXPR_BOOL, arena_printf(t->arena, "(%s %s %s)", a.text, op, b.text));
}

static int logic(struct translation *t, const struct cel_node *e, struct piece *ret)
{
    own_buf struct buf b = {0};
    const char *op = e->kind == CEL_NODE_AND ? " && " : " || ";

    buf_addc(&b, '(');
    for (size_t i = 0; i < e->n_args; i++) {
        struct piece p;

        if (translate(t, e->args[i], &p) < 0)
            return -1;
        if (p.type != CEL_EXPR_BOOL && p.type != CEL_EXPR_ANY)
            return refuse(t, e->args[i], "expected true or false on this side of '%.2s'", op + 1);
        buf_addf(&b, "%s%s", i ? op : "", p.text);
    }
    buf_addc(&b, ')');
    return give(ret, CEL_EXPR_BOOL, arena_strdup(t->arena, buf_str(&b)));
}

static int choice(struct translation *t, const struct cel_node *e, struct piece *ret)
{
    struct piece p[3];

    for (size_t i = 0; i < 3; i++)
        if (translate(t, e->args[i], &p[i]) < 0)
            return -1;
    if (p[0].type != CEL_EXPR_BOOL && p[0].type != CEL_EXPR_ANY)
        return refuse(t, e->args[0], "expected true or false before '?'");
    return give(ret, p[1].type == p[2].type ? p[1].type : CEL_EXPR_ANY,
                arena_printf(t->arena, "(%s ? %s : %s)", p[0].text, p[1].text, p[2].text));
}

static int list(struct translation *t, const struct cel_node *e, struct piece *ret)
{
    own_buf struct buf b = {0};

    buf_addc(&b, '[');
    for (size_t i = 0; i < e->n_args; i++) {
        struct piece p;

        if (translate(t, e->args[i], &p) < 0)
            return -1;
        buf_addf(&b, "%s%s", i ? ", " : "", p.text);
    }
    buf_addc(&b, ']');
    return give(ret, CEL_EXPR_LIST, arena_strdup(t->arena, buf_str(&b)));
}

/* ---- conversions ---- */

static int to_int(struct translation *t, const struct cel_node *e, struct piece p,
                  struct piece *ret)
{
    if (p.type == CEL_EXPR_INT)
        return give(ret, p.type, p.text);
    if (p.type == CEL_EXPR_BOOL || p.type == CEL_EXPR_NULL || p.type == CEL_EXPR_LIST)
        return refuse(t, e, "no number can be made of this value");
    return give(ret, CEL_EXPR_INT, arena_printf(t->arena, "int(%s)", p.text));
}

static int to_double(struct translation *t, const struct cel_node *e, struct piece p,
                     struct piece *ret)
{
    if (p.type == CEL_EXPR_NUMBER)
        return give(ret, p.type, p.text);
    if (p.type == CEL_EXPR_BOOL || p.type == CEL_EXPR_NULL || p.type == CEL_EXPR_LIST)
        return refuse(t, e, "no number can be made of this value");
    return give(ret, CEL_EXPR_NUMBER, arena_printf(t->arena, "float(%s)", p.text));
}

static int to_string(struct translation *t, const struct cel_node *e, struct piece p,
                     struct piece *ret)
{
    if (p.type == CEL_EXPR_TEXT)
        return give(ret, p.type, p.text);
    if (p.type != CEL_EXPR_INT && p.type != CEL_EXPR_BOOL)
        return refuse(t, e, "Argo's expressions write this value in another way than CEL");
    return give(ret, CEL_EXPR_TEXT, arena_printf(t->arena, "string(%s)", p.text));
}

static int size_of(struct translation *t, const struct cel_node *e, struct piece p,
                   struct piece *ret)
{
    if (p.type != CEL_EXPR_TEXT && p.type != CEL_EXPR_LIST && p.type != CEL_EXPR_ANY)
        return refuse(t, e, "this value has no size");
    return give(ret, CEL_EXPR_INT, arena_printf(t->arena, "len(%s)", p.text));
}

static int parse_json(struct translation *t, const struct cel_node *e, struct piece p,
                      struct piece *ret)
{
    if (p.type != CEL_EXPR_TEXT && p.type != CEL_EXPR_ANY)
        return refuse(t, e, "parseJson of what is no text");
    return give(ret, CEL_EXPR_ANY, arena_printf(t->arena, "fromJSON(%s)", p.text));
}

static int invert(struct translation *t, const struct cel_node *e, struct piece p,
                  struct piece *ret)
{
    if (p.type != CEL_EXPR_BOOL && p.type != CEL_EXPR_ANY)
        return refuse(t, e, "expected true or false behind '!'");
    return give(ret, CEL_EXPR_BOOL, arena_printf(t->arena, "!(%s)", p.text));
}

static int negate(struct translation *t, const struct cel_node *e, struct piece p,
                  struct piece *ret)
{
    if (!is_number(p))
        return refuse(t, e, "expected a number behind '-'");
    return give(ret, p.type, arena_printf(t->arena, "(-%s)", p.text));
}

static const struct {
    const char *name;
    int (*call)(struct translation *t, const struct cel_node *e, struct piece p, struct piece *ret);
} unary[] = {{"int", to_int},   {"double", to_double},     {"string", to_string},
             {"size", size_of}, {"parseJson", parse_json}, {"!_", invert},
             {"-_", negate}};

/* ---- operators of two ---- */

static const struct {
    const char *name, *op;
} comparisons[] = {{"_==_", "=="}, {"_!=_", "!="}, {"_<_", "<"},
                   {"_<=_", "<="}, {"_>_", ">"},   {"_>=_", ">="}},
  texts[] = {{"contains", "contains"},
             {"startsWith", "startsWith"},
             {"endsWith", "endsWith"},
             {"matches", "matches"}};

static int text_operator(struct translation *t, const struct cel_node *e, const char *op,
                         struct piece a, struct piece b, struct piece *ret)
{
    if ((a.type != CEL_EXPR_TEXT && a.type != CEL_EXPR_ANY) ||
        (b.type != CEL_EXPR_TEXT && b.type != CEL_EXPR_ANY))
        return refuse(t, e, "%s() of what is no text", op);
    return give(ret, CEL_EXPR_BOOL, arena_printf(t->arena, "(%s %s %s)", a.text, op, b.text));
}

static int index_of(struct translation *t, const struct cel_node *e, struct piece a, struct piece b,
                    struct piece *ret)
{
    if (a.type != CEL_EXPR_ANY && a.type != CEL_EXPR_LIST)
        return refuse(t, e, "this value has no elements");
    if (b.type != CEL_EXPR_TEXT && b.type != CEL_EXPR_INT)
        return refuse(t, e, "expected a text or a whole number in brackets");
    return give(ret, CEL_EXPR_ANY, arena_printf(t->arena, "%s[%s]", a.text, b.text));
}

static int contains(struct translation *t, const struct cel_node *e, struct piece a, struct piece b,
                    struct piece *ret)
{
    if (b.type != CEL_EXPR_ANY && b.type != CEL_EXPR_LIST)
        return refuse(t, e, "expected a list or a map behind 'in'");
    return give(ret, CEL_EXPR_BOOL, arena_printf(t->arena, "(%s in %s)", a.text, b.text));
}

/* An operator as it is written: "%" for "_%_". */
static int no_call(struct translation *t, const struct cel_node *e)
{
    const char *name = e->name + strspn(e->name, "_@");

    return refuse(t, e, "Argo's expressions have no '%.*s' that does the same",
                  (int)strcspn(name, "_"), name);
}

static int binary(struct translation *t, const struct cel_node *e, struct piece *ret)
{
    struct piece a, b;

    if (translate(t, e->args[0], &a) < 0 || translate(t, e->args[1], &b) < 0)
        return -1;
    for (size_t i = 0; i < sizeof comparisons / sizeof *comparisons; i++)
        if (!strcmp(e->name, comparisons[i].name))
            return compare(t, e, comparisons[i].op, a, b, ret);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!strcmp(e->name, texts[i].name))
            return text_operator(t, e, texts[i].op, a, b, ret);
    if (!strcmp(e->name, "_[_]"))
        return index_of(t, e, a, b, ret);
    if (!strcmp(e->name, "@in"))
        return contains(t, e, a, b, ret);
    return no_call(t, e);
}

static int call(struct translation *t, const struct cel_node *e, struct piece *ret)
{
    struct piece p;

    if (e->n_args == 2)
        return binary(t, e, ret);
    for (size_t i = 0; e->n_args == 1 && i < sizeof unary / sizeof *unary; i++)
        if (!strcmp(e->name, unary[i].name))
            return translate(t, e->args[0], &p) < 0 ? -1 : unary[i].call(t, e, p, ret);
    return no_call(t, e);
}

/* A field of JSON, if anything. */
static int field(struct translation *t, const struct cel_node *e, struct piece *ret)
{
    own_buf struct buf name = {0};
    struct piece of;

    if (t->use != CEL_SELECTOR || translate(t, e->args[0], &of) < 0 || of.type != CEL_EXPR_ANY)
        return refuse(t, e, "only parameters are known to Argo (inputs.parameter_values['NAME'])");
    cel_expr_quote(e->name, strlen(e->name), &name);
    return give(ret, CEL_EXPR_ANY, arena_printf(t->arena, "%s[%s]", of.text, buf_str(&name)));
}

static int translate(struct translation *t, const struct cel_node *e, struct piece *ret)
{
    const char *param = cel_param_of(e);

    if (param)
        return look_up(t, e, param, ret);
    switch (e->kind) {
    case CEL_NODE_CONST:
        return constant(t, e, ret);
    case CEL_NODE_AND:
    case CEL_NODE_OR:
        return logic(t, e, ret);
    case CEL_NODE_IF:
        return choice(t, e, ret);
    case CEL_NODE_LIST:
        return list(t, e, ret);
    case CEL_NODE_CALL:
        return call(t, e, ret);
    case CEL_NODE_IDENT:
        if (t->use == CEL_SELECTOR && !strcmp(e->name, "string_value"))
            return look_up(t, e, e->name, ret);
        return refuse(t, e, "'%s' is not known to Argo", e->name);
    case CEL_NODE_SELECT:
        return field(t, e, ret);
    default:
        return refuse(t, e, "Argo's expressions cannot say this");
    }
}

int cel_expr(const struct cel_program *program, enum cel_use use, cel_expr_lookup *lookup,
             void *user, struct buf *to, enum cel_expr_type *ret_type, struct dh_err *err)
{
    own(arena_free) struct arena *arena = arena_new();
    struct translation t = {program, use, lookup, user, arena, err};
    struct piece p;

    if (translate(&t, program->root, &p) < 0)
        return -1;
    buf_adds(to, p.text);
    *ret_type = p.type;
    return 0;
}
