/* cel - programs: text to tree, and tree with variables to a JSON value. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "cel/cel-priv.h"

static bool is_field(const struct cel_node *e, const char *name)
{
    return e->kind == CEL_NODE_SELECT && strcmp(e->name, name) == 0;
}

const char *cel_param_of(const struct cel_node *e)
{
    const struct cel_node *map, *key = NULL;

    if (e->kind == CEL_NODE_CALL && e->n_args == 2 && strcmp(e->name, "_[_]") == 0) {
        key = e->args[1];
        if (key->kind != CEL_NODE_CONST || key->val.kind != CEL_STRING)
            return NULL;
    } else if (e->kind != CEL_NODE_SELECT) {
        return NULL;
    }
    map = e->args[0];
    if (!is_field(map, "parameter_values") || map->args[0]->kind != CEL_NODE_IDENT ||
        strcmp(map->args[0]->name, "inputs") != 0)
        return NULL;
    return key ? key->val.s.p : e->name;
}

enum cel_kind cel_qualified_type(const struct cel_node *e)
{
    const struct cel_node *package = e->args[0], *root;

    if (!is_field(package, "protobuf"))
        return CEL_DYN;
    root = package->args[0];
    if (root->kind != CEL_NODE_IDENT || strcmp(root->name, "google") != 0)
        return CEL_DYN;
    return strcmp(e->name, "Timestamp") == 0  ? CEL_TIMESTAMP
           : strcmp(e->name, "Duration") == 0 ? CEL_DURATION
                                              : CEL_DYN;
}

static void collect_params(struct cel_program *p, const struct cel_node *e)
{
    const char *name = cel_param_of(e);

    for (size_t i = 0; name && i < p->n_params; i++) {
        if (strcmp(p->params[i], name) == 0)
            name = NULL;
    }
    if (name) {
        DH_GROW(p->params, p->n_params, p->cap_params);
        p->params[p->n_params++] = name;
    }
    if (is_field(e, "artifacts") && e->args[0]->kind == CEL_NODE_IDENT &&
        strcmp(e->args[0]->name, "inputs") == 0)
        p->asks_artifacts = true;
    for (size_t i = 0; i < e->n_args; i++)
        collect_params(p, e->args[i]);
}

int cel_compile(const char *expr, struct cel_program **ret, struct dh_err *err)
{
    return cel_compile_n(expr, strlen(expr), ret, err);
}

int cel_compile_n(const char *expr, size_t n, struct cel_program **ret, struct dh_err *err)
{
    own(cel_free) struct cel_program *p = NULL;

    if (n > LIMIT_CEL_BYTES)
        return dh_fail(err, DH_INVALID, "1:1: an expression of %zu bytes: %d is the most", n,
                       LIMIT_CEL_BYTES);
    if (!cel_utf8_ok(expr, n))
        return dh_fail(err, DH_INVALID, "1:1: the expression is not UTF-8");
    p = dh_zalloc(1, sizeof *p);
    p->arena = arena_new();
    p->text = memcpy(arena_alloc(p->arena, n + 1), expr, n);
    p->n_text = n;
    if (cel_parse(p, err) < 0)
        return -1;
    collect_params(p, p->root);
    *ret = take(&p);
    return 0;
}

struct cel_program *cel_free(struct cel_program *p)
{
    if (!p)
        return NULL;
    (void)arena_free(p->arena);
    free(p->params);
    free(p);
    return NULL;
}

size_t cel_n_params(const struct cel_program *p)
{
    return p->n_params;
}

const char *cel_param(const struct cel_program *p, size_t i)
{
    return i < p->n_params ? p->params[i] : NULL;
}

bool cel_asks_artifacts(const struct cel_program *p)
{
    return p->asks_artifacts;
}

int cel_eval(const struct cel_program *p, const struct js *vars, struct js **ret,
             struct dh_err *err)
{
    own(arena_free) struct arena *arena = arena_new();
    const struct cel_shape names = {CEL_SHAPE_MAP, .of = &cel_shape_json};
    struct cel_ctx ctx;
    struct cel_val v;
    struct js *js;

    cel_ctx_init(&ctx, arena, cel_null());
    ctx.vars = cel_from_js(&ctx, vars, &names);
    v = cel_run(&ctx, p->root);
    if (v.kind == CEL_ERROR)
        return cel_fail_at(p, v, err);
    js = cel_to_js(&ctx, v, false);
    if (!js)
        return dh_fail(err, DH_FAILED, "1:1: the result, of type %s, has no JSON form",
                       cel_type_of(v).s.p);
    *ret = js;
    return 0;
}
