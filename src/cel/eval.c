/* eval - walks the tree.
 *
 * An error is a value: operators and functions hand on the first one among their operands, && and
 * || drop it where the other operand decides, and the macros follow them. A bound that was hit
 * (ctx->exhausted) is an error that nothing drops. */
#include <string.h>

#include "base/limits.h"
#include "cel/cel-priv.h"

static struct cel_val eval(struct cel_ctx *ctx, const struct cel_node *e);

static bool is_error(struct cel_val v)
{
    return v.kind == CEL_ERROR;
}

static struct cel_val not_bool(struct cel_ctx *ctx, struct cel_val v)
{
    return is_error(v)
               ? v
               : cel_error(ctx, "no such overload: expected a bool, found a value of type %s",
                           cel_type_of(v).s.p);
}

/* ---- names and fields ---- */

static bool variable(struct cel_ctx *ctx, const struct cel_node *e, struct cel_val *ret)
{
    const struct cel_field *field;

    for (const struct cel_scope *s = e->rooted ? NULL : ctx->scope; s; s = s->up) {
        if (strcmp(s->name, e->name) == 0) {
            *ret = s->val;
            return true;
        }
    }
    if (ctx->vars.kind == CEL_MAP)
        return cel_find(ctx, ctx->vars.map, cel_text(e->name, strlen(e->name)), ret);
    field = cel_field(ctx->vars.map->shape, e->name);
    if (field)
        *ret = cel_field_get(ctx, ctx->vars.map, field);
    return field != NULL;
}

static struct cel_val ident(struct cel_ctx *ctx, const struct cel_node *e)
{
    struct cel_val v;

    if (variable(ctx, e, &v))
        return v;
    if (cel_kind_of_name(e->name) != CEL_DYN)
        return cel_type(cel_kind_name(cel_kind_of_name(e->name)));
    if (ctx->value_kind)
        return cel_error(ctx, "no such attribute: %s (the value is of type %s)", e->name,
                         ctx->value_kind);
    return cel_error(ctx, "undeclared reference to '%s' (in container '')", e->name);
}

/* With the keys that there are, so that a slip of the pen shows. */
struct cel_val cel_no_such_key(struct cel_ctx *ctx, const struct cel_map *map, struct cel_val key)
{
    own_buf struct buf there = {.max = 200};
    size_t n = 0;

    if (key.kind != CEL_STRING)
        key = cel_to_string(ctx, &key);
    for (js_each(map->js, it)) {
        if (n++ == 5) {
            buf_adds(&there, ", …");
            break;
        }
        buf_addf(&there, "%s'%s'", n > 1 ? ", " : "", it.key);
    }
    return cel_error(ctx, "no such key: %.*s%s%s%s", key.s.n > 200 ? 200 : (int)key.s.n, key.s.p,
                     n ? " (there is " : "", buf_str(&there), n ? ")" : "");
}

static struct cel_val no_such_field(struct cel_ctx *ctx, struct cel_val on, const char *name)
{
    if (on.kind == CEL_MESSAGE)
        return cel_error(ctx, "no such field: %s has no '%s'", on.map->shape->name, name);
    return cel_error(ctx, "no such overload: a value of type %s has no field '%s'",
                     cel_type_of(on).s.p, name);
}

static struct cel_val get_field(struct cel_ctx *ctx, struct cel_val on, const char *name)
{
    struct cel_val key = cel_text(name, strlen(name)), v;
    const struct cel_field *field;

    if (on.kind == CEL_MAP)
        return cel_find(ctx, on.map, key, &v) ? v : cel_no_such_key(ctx, on.map, key);
    field = on.kind == CEL_MESSAGE ? cel_field(on.map->shape, name) : NULL;
    return field ? cel_field_get(ctx, on.map, field) : no_such_field(ctx, on, name);
}

static struct cel_val select_field(struct cel_ctx *ctx, const struct cel_node *e)
{
    enum cel_kind type = cel_qualified_type(e);
    struct cel_val on;

    if (type != CEL_DYN)
        return cel_type(cel_kind_name(type));
    on = eval(ctx, e->args[0]);
    return is_error(on) ? on : get_field(ctx, on, e->name);
}

static struct cel_val has_field(struct cel_ctx *ctx, const struct cel_node *e)
{
    struct cel_val on = eval(ctx, e->args[0]), v;
    const struct cel_field *field;

    if (is_error(on))
        return on;
    if (on.kind == CEL_MAP)
        return cel_bool(cel_find(ctx, on.map, cel_text(e->name, strlen(e->name)), &v));
    field = on.kind == CEL_MESSAGE ? cel_field(on.map->shape, e->name) : NULL;
    return field ? cel_bool(cel_field_is_set(on.map, field)) : no_such_field(ctx, on, e->name);
}

/* ---- operators, literals ---- */

static struct cel_val call(struct cel_ctx *ctx, const struct cel_node *e)
{
    struct cel_val args[2] = {0}; /* an accessor looks whether there is a second one */

    for (size_t i = 0; i < e->n_args && i < 2; i++) {
        args[i] = eval(ctx, e->args[i]);
        if (is_error(args[i]))
            return args[i];
    }
    return cel_call(ctx, e, args);
}

/* && (decides: false) and || (decides: true): the first operand that decides, else the first error.
 */
static struct cel_val logic(struct cel_ctx *ctx, const struct cel_node *e, bool decides)
{
    struct cel_val error = cel_bool(!decides);

    for (size_t i = 0; i < e->n_args; i++) {
        struct cel_val v = eval(ctx, e->args[i]);

        if (v.kind == CEL_BOOL && v.b == decides)
            return v;
        if (v.kind != CEL_BOOL && !is_error(error)) {
            error = not_bool(ctx, v);
            if (!error.at)
                error.at = e->args[i]->at + 1;
        }
    }
    return error;
}

static struct cel_val choice(struct cel_ctx *ctx, const struct cel_node *e)
{
    struct cel_val v = eval(ctx, e->args[0]);

    if (v.kind != CEL_BOOL)
        return not_bool(ctx, v);
    return eval(ctx, e->args[v.b ? 1 : 2]);
}

static struct cel_val list(struct cel_ctx *ctx, const struct cel_node *e)
{
    struct cel_val *items = cel_alloc(ctx, e->n_args, sizeof *items);

    if (!items)
        return cel_exhausted(ctx);
    for (size_t i = 0; i < e->n_args; i++) {
        items[i] = eval(ctx, e->args[i]);
        if (is_error(items[i]))
            return items[i];
    }
    return cel_items(ctx, items, e->n_args);
}

static struct cel_val map(struct cel_ctx *ctx, const struct cel_node *e)
{
    size_t n = e->n_args / 2;
    struct cel_entry *entries = cel_alloc(ctx, n, sizeof *entries);

    if (!entries)
        return cel_exhausted(ctx);
    for (size_t i = 0; i < n; i++) {
        entries[i].key = eval(ctx, e->args[2 * i]);
        if (is_error(entries[i].key))
            return entries[i].key;
        entries[i].val = eval(ctx, e->args[2 * i + 1]);
        if (is_error(entries[i].val))
            return entries[i].val;
    }
    return cel_entries(ctx, entries, n);
}

static struct cel_val structure(struct cel_ctx *ctx, const struct cel_node *e)
{
    struct cel_val *vals = cel_alloc(ctx, e->n_args, sizeof *vals);

    if (!vals)
        return cel_exhausted(ctx);
    for (size_t i = 0; i < e->n_args; i++) {
        vals[i] = eval(ctx, e->args[i]);
        if (is_error(vals[i]))
            return vals[i];
    }
    return cel_well_known(ctx, e->name, e->fields, vals, e->n_args);
}

/* ---- macros ---- */

/* What a macro runs over: a list's elements, a map's keys. */
static struct cel_val range_list(struct cel_ctx *ctx, struct cel_val range)
{
    struct cel_val *keys;
    size_t n = 0;

    if (range.kind == CEL_LIST || is_error(range))
        return range;
    if (range.kind != CEL_MAP)
        return cel_error(ctx,
                         "no such overload: a macro runs over a list or a map, not over a "
                         "value of type %s",
                         cel_type_of(range).s.p);
    keys = cel_alloc(ctx, range.map->n, sizeof *keys);
    if (!keys || !cel_charge(ctx, range.map->n))
        return cel_exhausted(ctx);
    if (range.map->entries) {
        for (; n < range.map->n; n++)
            keys[n] = range.map->entries[n].key;
    } else {
        for (js_each(range.map->js, it))
            keys[n++] = cel_text(it.key, strlen(it.key));
    }
    return cel_items(ctx, keys, n);
}

/* all (decides: false) and exists (decides: true). */
static struct cel_val quantify(struct cel_ctx *ctx, const struct cel_node *e,
                               const struct cel_list *range, struct cel_scope *scope, bool decides)
{
    struct cel_val error = cel_bool(!decides);

    for (size_t i = 0; i < range->n && !ctx->exhausted; i++) {
        struct cel_val v;

        scope->val = cel_at(ctx, range, i);
        v = eval(ctx, e->args[1]);
        if (v.kind == CEL_BOOL && v.b == decides)
            return v;
        if (v.kind != CEL_BOOL && !is_error(error))
            error = not_bool(ctx, v);
    }
    return error;
}

static struct cel_val exists_one(struct cel_ctx *ctx, const struct cel_node *e,
                                 const struct cel_list *range, struct cel_scope *scope)
{
    size_t n = 0;

    for (size_t i = 0; i < range->n; i++) {
        struct cel_val v;

        scope->val = cel_at(ctx, range, i);
        v = eval(ctx, e->args[1]);
        if (v.kind != CEL_BOOL)
            return not_bool(ctx, v);
        n += v.b;
    }
    return cel_bool(n == 1);
}

/* map and filter. */
static struct cel_val collect(struct cel_ctx *ctx, const struct cel_node *e,
                              const struct cel_list *range, struct cel_scope *scope)
{
    struct cel_val *items = cel_alloc(ctx, range->n, sizeof *items);
    size_t n = 0;

    if (!items)
        return cel_exhausted(ctx);
    for (size_t i = 0; i < range->n; i++) {
        struct cel_val v;

        scope->val = cel_at(ctx, range, i);
        if (is_error(scope->val))
            return scope->val;
        v = eval(ctx, e->args[1]);
        if (is_error(v))
            return v;
        if (e->macro != CEL_MAP_TO) {
            if (v.kind != CEL_BOOL)
                return not_bool(ctx, v);
            if (!v.b)
                continue;
            v = e->macro == CEL_FILTER ? scope->val : eval(ctx, e->args[2]);
            if (is_error(v))
                return v;
        }
        items[n++] = v;
    }
    return cel_items(ctx, items, n);
}

static struct cel_val macro(struct cel_ctx *ctx, const struct cel_node *e)
{
    struct cel_scope scope = {.up = ctx->scope, .name = e->name};
    struct cel_val range = range_list(ctx, eval(ctx, e->args[0])), v;

    if (is_error(range))
        return range;
    ctx->scope = &scope;
    switch (e->macro) {
    case CEL_ALL:
    case CEL_EXISTS:
        v = quantify(ctx, e, range.list, &scope, e->macro == CEL_EXISTS);
        break;
    case CEL_EXISTS_ONE:
        v = exists_one(ctx, e, range.list, &scope);
        break;
    default:
        v = collect(ctx, e, range.list, &scope);
    }
    ctx->scope = scope.up;
    return v;
}

/* ---- */

static struct cel_val dispatch(struct cel_ctx *ctx, const struct cel_node *e)
{
    switch (e->kind) {
    case CEL_NODE_CONST:
        return e->val;
    case CEL_NODE_IDENT:
        return ident(ctx, e);
    case CEL_NODE_SELECT:
        return select_field(ctx, e);
    case CEL_NODE_HAS:
        return has_field(ctx, e);
    case CEL_NODE_CALL:
        return call(ctx, e);
    case CEL_NODE_LIST:
        return list(ctx, e);
    case CEL_NODE_MAP:
        return map(ctx, e);
    case CEL_NODE_STRUCT:
        return structure(ctx, e);
    case CEL_NODE_AND:
        return logic(ctx, e, false);
    case CEL_NODE_OR:
        return logic(ctx, e, true);
    case CEL_NODE_IF:
        return choice(ctx, e);
    case CEL_NODE_MACRO:
        break;
    }
    return macro(ctx, e);
}

static struct cel_val eval(struct cel_ctx *ctx, const struct cel_node *e)
{
    struct cel_val v = cel_charge(ctx, 1) ? dispatch(ctx, e) : cel_exhausted(ctx);

    if (ctx->exhausted)
        v = cel_exhausted(ctx);
    if (is_error(v) && !v.at)
        v.at = e->at + 1;
    return v;
}

void cel_ctx_init(struct cel_ctx *ctx, struct arena *arena, struct cel_val vars)
{
    *ctx = (struct cel_ctx){
        .arena = arena, .vars = vars, .steps = LIMIT_CEL_STEPS, .bytes = LIMIT_CEL_MEMORY};
}

struct cel_val cel_run(struct cel_ctx *ctx, const struct cel_node *e)
{
    return eval(ctx, e);
}

int cel_fail_at(const struct cel_program *p, struct cel_val error, struct dh_err *err)
{
    unsigned line, column;

    cel_line_column(p->text, error.at ? error.at - 1 : 0, &line, &column);
    return dh_fail(err, DH_FAILED, "%u:%u: %.*s", line, column, (int)error.s.n, error.s.p);
}
