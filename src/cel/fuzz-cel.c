/* Any bytes as an expression: compiled, checked, evaluated, explained. Nothing may crash or hang,
 * and what fails must say why. The same function replays the corpus as an ordinary test. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cel/cel-priv.h"
#include "cel/expr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char vars_text[] =
    "{\"inputs\": {\"parameterValues\": {\"a\": 1, \"b\": \"x\", \"c\": [1, 2.5, null, {\"k\": "
    "\"v\"}],"
    " \"d\": true}, \"artifacts\": {\"m\": {\"artifacts\": [{\"uri\": \"u\", \"metadata\": {\"k\": "
    "0.5}}]}}},"
    " \"i\": 7, \"d\": 2.5, \"s\": \"h\u00e9llo\", \"t\": true, \"n\": null, \"l\": [1, 2, 3],"
    " \"m\": {\"a\": 1, \"b\": {\"c\": 2}}}";

/* Fewer steps than in earnest: a fuzzer wants many inputs, not long ones. */
#define STEPS 20000
#define BYTES ((size_t)1 << 22)

/* False: it ran into a bound. */
static bool run(const struct cel_program *p, const struct js *vars, const struct cel_shape *shape)
{
    own(arena_free) struct arena *arena = arena_new();
    own(js_free) struct js *js = NULL;
    struct dh_err err = {0};
    struct cel_ctx ctx;
    struct cel_val v;

    cel_ctx_init(&ctx, arena, cel_null());
    ctx.steps = STEPS;
    ctx.bytes = BYTES;
    ctx.vars = cel_from_js(&ctx, vars, shape);
    v = cel_run(&ctx, p->root);
    if (v.kind == CEL_ERROR) {
        (void)cel_fail_at(p, v, &err);
        if (!err.msg[0] || v.s.n == 0)
            abort();
        return !ctx.exhausted;
    }
    js = cel_to_js(&ctx, v, false);
    if (!cel_equal(&ctx, v, v) && v.kind <= CEL_BOOL)
        abort();
    return !ctx.exhausted;
}

static int look_up(void *user, const char *name, struct cel_expr_value *ret, struct dh_err *err)
{
    (void)user;
    (void)err;
    *ret = (struct cel_expr_value){"X", name[0] % 2 ? CEL_EXPR_ANY : CEL_EXPR_TEXT};
    return 0;
}

/* In Argo's words, or refused with a reason; never with braces that Argo would take for a tag's. */
static void translate(const struct cel_program *p, enum cel_use use)
{
    own_buf struct buf b = {0};
    struct dh_err err = {0};
    enum cel_expr_type type;

    if (cel_expr(p, use, look_up, NULL, &b, &type, &err) < 0 ? !err.msg[0]
                                                             : strpbrk(buf_str(&b), "{}") != NULL)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct cel_shape names = {CEL_SHAPE_MAP, .of = &cel_shape_json};
    own(js_free) struct js *vars = NULL;
    own(cel_free) struct cel_program *p = NULL;
    struct dh_err err = {0};
    bool short_run;

    if (cel_compile_n((const char *)data, n, &p, &err) < 0) {
        if (err.code != DH_INVALID || !err.msg[0])
            abort();
        return 0;
    }
    if (js_parse(vars_text, sizeof vars_text - 1, &vars, &err) < 0)
        abort();
    translate(p, CEL_CONDITION);
    translate(p, CEL_SELECTOR);
    (void)run(p, vars, &names);
    short_run = run(p, vars, &cel_shape_executor_input);
    if (cel_check(p, CEL_SELECTOR, &err) < 0 && !err.msg[0])
        abort();
    /* What checks as a condition need not evaluate, but it names nothing that does not exist. */
    if (cel_check(p, CEL_CONDITION, &err) == 0 && short_run) {
        own_mem char *text = dh_strndup((const char *)data, n);
        own_buf struct buf why = {.max = 1 << 16};

        cel_explain(text, vars, &why);
        if (why.n == 0)
            abort();
    }
    return 0;
}
