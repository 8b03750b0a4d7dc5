/* kfp - the two uses that KFP has for CEL, with the variables that its backend gives them. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cel/cel-priv.h"

/* Compiles, checks and evaluates. The arena is the caller's, so that values may outlive the call.
 */
static int run(const char *expr, enum cel_use use, struct cel_ctx *ctx, struct cel_program **ret_p,
               struct cel_val *ret, struct dh_err *err)
{
    own(cel_free) struct cel_program *p = NULL;

    if (cel_compile(expr, &p, err) < 0 || cel_check(p, use, err) < 0)
        return -1;
    *ret = cel_run(ctx, p->root);
    if (ret->kind == CEL_ERROR)
        return cel_fail_at(p, *ret, err);
    *ret_p = take(&p);
    return 0;
}

static const char *what(enum cel_use use)
{
    return use == CEL_CONDITION ? "condition" : "parameterExpressionSelector";
}

static int fail_in(struct dh_err *err, enum cel_use use, const char *expr)
{
    size_t n = strlen(expr);

    if (n <= 200)
        return dh_while(err, "%s `%s`", what(use), expr);
    for (n = 200; n && ((unsigned char)expr[n] & 0xc0) == 0x80; n--)
        ;
    return dh_while(err, "%s `%.*s…`", what(use), (int)n, expr);
}

int cel_condition(const char *expr, const struct js *executor_input, bool *ret, struct dh_err *err)
{
    own(arena_free) struct arena *arena = arena_new();
    own(cel_free) struct cel_program *p = NULL;
    struct cel_ctx ctx;
    struct cel_val v;

    cel_ctx_init(&ctx, arena, cel_null());
    ctx.vars = cel_from_js(&ctx, executor_input, &cel_shape_executor_input);
    if (run(expr, CEL_CONDITION, &ctx, &p, &v, err) < 0)
        return fail_in(err, CEL_CONDITION, expr);
    if (v.kind != CEL_BOOL) {
        (void)dh_fail(err, DH_FAILED,
                      "1:1: a condition gives true or false; this gave a value of "
                      "type %s",
                      cel_type_of(v).s.p);
        return fail_in(err, CEL_CONDITION, expr);
    }
    *ret = v.b;
    return 0;
}

/* ---- selectors ---- */

/* Numbers as a protobuf Value has them; objects by key, as Go marshals a map. */
static struct js *value_form(const struct js *v)
{
    struct js *to;

    switch (js_kind(v)) {
    case JS_INT:
    case JS_REAL:
        return js_num(js_as_num(v, 0));
    case JS_ARRAY:
        to = js_array();
        for (size_t i = 0; i < js_n(v); i++)
            js_push(to, value_form(js_at(v, i)));
        return to;
    case JS_OBJECT:
        to = js_object();
        for (js_each(v, it))
            js_set(to, it.key, value_form(it.value));
        return to;
    default:
        return js_ref(v);
    }
}

/* Go's json.Marshal writes these so that the text may stand in HTML. */
static void html_safe(const char *s, struct buf *to)
{
    for (; *s; s++) {
        if (*s == '<' || *s == '>' || *s == '&')
            buf_addf(to, "\\u%04x", *s);
        else if (strncmp(s, "\u2028", 3) == 0 || strncmp(s, "\u2029", 3) == 0)
            buf_addf(to, "\\u%s",
                     (unsigned char)s[2] == 0xa8 ? (s += 2, "2028") : (s += 2, "2029"));
        else
            buf_addc(to, *s);
    }
}

/* What string_value is for a value that is no string. */
static struct cel_val text_of(struct cel_ctx *ctx, const struct js *v)
{
    own(js_free) struct js *form = NULL;
    own_mem char *dump = NULL;
    own_buf struct buf text = {0};
    char *copy;

    switch (js_kind(v)) {
    case JS_NULL:
        return cel_text("", 0);
    case JS_STRING:
        return cel_text(js_text(v), js_text_len(v));
    case JS_BOOL:
        return js_truth(v) ? cel_text("true", 4) : cel_text("false", 5);
    case JS_INT:
    case JS_REAL:
        return cel_double_text(ctx, js_as_num(v, 0), 'f');
    default:
        break;
    }
    form = value_form(v);
    dump = js_dump(form, JS_COMPACT | JS_SORTED);
    html_safe(dump, &text);
    copy = arena_strndup(ctx->arena, buf_str(&text), text.n);
    return cel_text(copy, text.n);
}

static struct cel_val selector_vars(struct cel_ctx *ctx, const struct js *value)
{
    static const char *const names[] = {
        [JS_NULL] = "null_value",    [JS_BOOL] = "bool_value",     [JS_INT] = "number_value",
        [JS_REAL] = "number_value",  [JS_STRING] = "string_value", [JS_ARRAY] = "list_value",
        [JS_OBJECT] = "struct_value"};
    const char *set = names[js_kind(value)];
    struct cel_entry *entries = cel_alloc(ctx, 2, sizeof *entries);

    if (!entries)
        return cel_exhausted(ctx);
    entries[0].key = cel_text("string_value", strlen("string_value"));
    entries[0].val = text_of(ctx, value);
    entries[1].key = cel_text(set, strlen(set));
    entries[1].val = cel_from_js(ctx, value, &cel_shape_value);
    return cel_entries(ctx, entries, js_is(value, JS_STRING) ? 1 : 2);
}

int cel_select(const char *expr, const struct js *value, struct js **ret, struct dh_err *err)
{
    own(arena_free) struct arena *arena = arena_new();
    own(cel_free) struct cel_program *p = NULL;
    struct cel_ctx ctx;
    struct cel_val v;
    struct js *js = NULL;

    cel_ctx_init(&ctx, arena, cel_null());
    ctx.vars = selector_vars(&ctx, value);
    ctx.value_kind = js_kind_name(value);
    if (run(expr, CEL_SELECTOR, &ctx, &p, &v, err) < 0)
        return fail_in(err, CEL_SELECTOR, expr);
    if (v.kind != CEL_TIMESTAMP && v.kind != CEL_DURATION)
        js = cel_to_js(&ctx, v, true);
    if (!js) {
        (void)dh_fail(err, DH_FAILED, "1:1: a value of type %s cannot be a parameter",
                      cel_type_of(v).s.p);
        return fail_in(err, CEL_SELECTOR, expr);
    }
    *ret = js;
    return 0;
}
