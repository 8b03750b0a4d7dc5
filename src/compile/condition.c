/* condition - comparisons as CEL, with the casts that the SDK's compiler writes. */
#include <inttypes.h>
#include <stdio.h>

#include "base/buf.h"
#include "compile/draft.h"

static bool is_primitive(enum draft_type type)
{
    return type <= DRAFT_BOOL;
}

/* Of two: text over true/false over number over integer. */
static enum draft_type common(enum draft_type a, enum draft_type b)
{
    static const int rank[] = {
        [DRAFT_TEXT] = 3, [DRAFT_INTEGER] = 0, [DRAFT_NUMBER] = 1, [DRAFT_BOOL] = 2};

    return rank[a] >= rank[b] ? a : b;
}

/* In single quotes, as the SDK; what would end the text early is escaped. */
static void add_text(const char *text, struct buf *to)
{
    buf_addc(to, '\'');
    for (const char *p = text; *p; p++) {
        if (*p == '\'' || *p == '\\')
            buf_addc(to, '\\');
        if (*p == '\n')
            buf_adds(to, "\\n");
        else
            buf_addc(to, *p);
    }
    buf_addc(to, '\'');
}

static void add_constant(const struct js *v, struct buf *to)
{
    if (js_text(v))
        add_text(js_text(v), to);
    else if (js_is(v, JS_REAL) && js_as_num(v, 0) == (double)(int64_t)js_as_num(v, 0))
        buf_addf(to, "%" PRId64 ".0", (int64_t)js_as_num(v, 0));
    else
        js_write(v, JS_COMPACT, to);
}

static int operand(struct arena *a, const struct draft_group *group, const struct draft_value *v,
                   enum draft_type as, struct draft_place at, struct buf *to, struct dh_err *err)
{
    own_buf struct buf text = {0};

    if (v->kind == DRAFT_CONSTANT)
        add_constant(v->constant, &text);
    else
        buf_addf(&text,
                 v->type == DRAFT_INTEGER ? "int(inputs.parameter_values['%s%s'])"
                                          : "inputs.parameter_values['%s%s']",
                 "pipelinechannel--", draft_full_name(a, group->parent, v));
    if (v->type == as) {
        buf_adds(to, buf_str(&text));
        return 0;
    }
    if (as == DRAFT_NUMBER) {
        buf_addf(to, "double(%s)", buf_str(&text));
        return 0;
    }
    if (as == DRAFT_TEXT && v->kind == DRAFT_CONSTANT) {
        buf_addf(to, "'%s'", buf_str(&text));
        return 0;
    }
    return draft_fail(err, at, "%s is compared with %s: make both of one type",
                      draft_type_words(v->type), draft_type_words(as));
}

static int one(struct arena *a, const struct draft_group *group, const struct draft_condition *c,
               struct buf *to, struct dh_err *err)
{
    enum draft_type as;

    if (!is_primitive(c->left->type) || !is_primitive(c->right->type))
        return draft_fail(err, group->at,
                          "a condition compares texts, numbers, true and false; "
                          "not %s",
                          draft_says(a,
                                     is_primitive(c->left->type) ? c->right->type : c->left->type,
                                     "artifact", false));
    as = common(c->left->type, c->right->type);
    if (c->negate)
        buf_adds(to, "!(");
    if (operand(a, group, c->left, as, group->at, to, err) < 0)
        return -1;
    buf_addf(to, " %s ", c->op);
    if (operand(a, group, c->right, as, group->at, to, err) < 0)
        return -1;
    if (c->negate)
        buf_addc(to, ')');
    return 0;
}

int draft_condition_text(struct arena *a, const struct draft_group *group, const char **ret,
                         struct dh_err *err)
{
    own_buf struct buf text = {0};

    for (size_t i = 0; i < group->n_conditions; i++) {
        if (i)
            buf_adds(&text, " && ");
        if (one(a, group, &group->conditions[i], &text, err) < 0)
            return -1;
    }
    *ret = arena_strdup(a, buf_str(&text));
    return 0;
}
