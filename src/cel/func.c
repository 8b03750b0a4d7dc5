/* func - operators and functions, and the one table that says which there are.
 *
 * The evaluator takes the first row whose kinds fit the operands; the checker reads the same rows
 * to say before any evaluation that none can fit. */
#include <string.h>

#include "cel/cel-priv.h"

#define REGEX_COST ((size_t)2 << 20) /* what one program takes at most */

static struct cel_val overflow(struct cel_ctx *ctx)
{
    return cel_error(ctx, "return error for overflow");
}

/* ---- arithmetic ---- */

#define CHECKED(name, make, type, field, builtin)                                                  \
    static struct cel_val name(struct cel_ctx *ctx, const struct cel_val *a)                       \
    {                                                                                              \
        type r;                                                                                    \
                                                                                                   \
        return builtin(a[0].field, a[1].field, &r) ? overflow(ctx) : make(r);                      \
    }

CHECKED(add_int, cel_int, int64_t, i, __builtin_add_overflow)
CHECKED(sub_int, cel_int, int64_t, i, __builtin_sub_overflow)
CHECKED(mul_int, cel_int, int64_t, i, __builtin_mul_overflow)
CHECKED(add_uint, cel_uint, uint64_t, u, __builtin_add_overflow)
CHECKED(sub_uint, cel_uint, uint64_t, u, __builtin_sub_overflow)
CHECKED(mul_uint, cel_uint, uint64_t, u, __builtin_mul_overflow)
CHECKED(add_duration, cel_duration, int64_t, i, __builtin_add_overflow)
CHECKED(sub_duration, cel_duration, int64_t, i, __builtin_sub_overflow)

static struct cel_val div_int(struct cel_ctx *ctx, const struct cel_val *a)
{
    if (a[1].i == 0)
        return cel_error(ctx, "divide by zero");
    return a[0].i == INT64_MIN && a[1].i == -1 ? overflow(ctx) : cel_int(a[0].i / a[1].i);
}

static struct cel_val mod_int(struct cel_ctx *ctx, const struct cel_val *a)
{
    if (a[1].i == 0)
        return cel_error(ctx, "modulus by zero");
    return a[0].i == INT64_MIN && a[1].i == -1 ? overflow(ctx) : cel_int(a[0].i % a[1].i);
}

static struct cel_val div_uint(struct cel_ctx *ctx, const struct cel_val *a)
{
    return a[1].u == 0 ? cel_error(ctx, "divide by zero") : cel_uint(a[0].u / a[1].u);
}

static struct cel_val mod_uint(struct cel_ctx *ctx, const struct cel_val *a)
{
    return a[1].u == 0 ? cel_error(ctx, "modulus by zero") : cel_uint(a[0].u % a[1].u);
}

static struct cel_val add_double(struct cel_ctx *ctx, const struct cel_val *a)
{
    (void)ctx;
    return cel_double(a[0].d + a[1].d);
}

static struct cel_val sub_double(struct cel_ctx *ctx, const struct cel_val *a)
{
    (void)ctx;
    return cel_double(a[0].d - a[1].d);
}

static struct cel_val mul_double(struct cel_ctx *ctx, const struct cel_val *a)
{
    (void)ctx;
    return cel_double(a[0].d * a[1].d);
}

/* IEEE 754: x / 0 is an infinity or NaN. */
__attribute__((no_sanitize("float-divide-by-zero"))) static struct cel_val
div_double(struct cel_ctx *ctx, const struct cel_val *a)
{
    (void)ctx;
    return cel_double(a[0].d / a[1].d);
}

static struct cel_val neg_int(struct cel_ctx *ctx, const struct cel_val *a)
{
    return a[0].i == INT64_MIN ? overflow(ctx) : cel_int(-a[0].i);
}

static struct cel_val neg_duration(struct cel_ctx *ctx, const struct cel_val *a)
{
    return a[0].i == INT64_MIN ? overflow(ctx) : cel_duration(-a[0].i);
}

static struct cel_val neg_double(struct cel_ctx *ctx, const struct cel_val *a)
{
    (void)ctx;
    return cel_double(-a[0].d);
}

static struct cel_val not_bool(struct cel_ctx *ctx, const struct cel_val *a)
{
    (void)ctx;
    return cel_bool(!a[0].b);
}

static struct cel_val concat(struct cel_ctx *ctx, const struct cel_val *a)
{
    size_t n = a[0].s.n + a[1].s.n;
    char *to = cel_alloc(ctx, n + 1, 1);

    if (!to || !cel_charge(ctx, n / 64))
        return cel_exhausted(ctx);
    memcpy(to, a[0].s.p, a[0].s.n);
    memcpy(to + a[0].s.n, a[1].s.p, a[1].s.n);
    return a[0].kind == CEL_STRING ? cel_text(to, n) : cel_bytes(to, n);
}

static struct cel_val concat_lists(struct cel_ctx *ctx, const struct cel_val *a)
{
    size_t n = a[0].list->n + a[1].list->n;
    struct cel_val *items = cel_alloc(ctx, n, sizeof *items);

    if (!items || !cel_charge(ctx, n))
        return cel_exhausted(ctx);
    for (size_t i = 0; i < n; i++)
        items[i] =
            i < a[0].list->n ? cel_at(ctx, a[0].list, i) : cel_at(ctx, a[1].list, i - a[0].list->n);
    return cel_items(ctx, items, n);
}

/* ---- comparison ---- */

static struct cel_val equal(struct cel_ctx *ctx, const struct cel_val *a)
{
    return cel_bool(cel_equal(ctx, a[0], a[1]));
}

static struct cel_val unequal(struct cel_ctx *ctx, const struct cel_val *a)
{
    return cel_bool(!cel_equal(ctx, a[0], a[1]));
}

#define ORDERED(name, test)                                                                        \
    static struct cel_val name(struct cel_ctx *ctx, const struct cel_val *a)                       \
    {                                                                                              \
        int order = cel_order(ctx, a[0], a[1]);                                                    \
                                                                                                   \
        return order == 2 ? cel_error(ctx, "NaN values cannot be ordered") : cel_bool(order test); \
    }

ORDERED(less, < 0)
ORDERED(less_equal, <= 0)
ORDERED(greater, > 0)
ORDERED(greater_equal, >= 0)

/* ---- collections ---- */

static struct cel_val in_list(struct cel_ctx *ctx, const struct cel_val *a)
{
    const struct cel_list *list = a[1].list;

    for (size_t i = 0; i < list->n && cel_charge(ctx, 1); i++) {
        if (cel_equal(ctx, a[0], cel_at(ctx, list, i)))
            return cel_bool(true);
    }
    return cel_bool(false);
}

static struct cel_val in_map(struct cel_ctx *ctx, const struct cel_val *a)
{
    struct cel_val unused;

    return cel_bool(cel_find(ctx, a[1].map, a[0], &unused));
}

static struct cel_val index_list(struct cel_ctx *ctx, const struct cel_val *a)
{
    int64_t i = a[1].i;

    if (a[1].kind == CEL_UINT && a[1].u > INT64_MAX)
        i = -1;
    if (a[1].kind == CEL_DOUBLE) {
        if (!(a[1].d >= 0 && a[1].d < 0x1p62) || a[1].d != (double)(int64_t)a[1].d)
            return cel_error(ctx, "invalid index: a list is indexed by a whole number from 0 on");
        i = (int64_t)a[1].d;
    }
    if (i < 0 || (uint64_t)i >= a[0].list->n)
        return cel_error(ctx, "index out of bounds: %lld in a list of %zu", (long long)i,
                         a[0].list->n);
    return cel_at(ctx, a[0].list, (size_t)i);
}

static struct cel_val index_map(struct cel_ctx *ctx, const struct cel_val *a)
{
    struct cel_val v;

    return cel_find(ctx, a[0].map, a[1], &v) ? v : cel_no_such_key(ctx, a[0].map, a[1]);
}

static struct cel_val size_text(struct cel_ctx *ctx, const struct cel_val *a)
{
    (void)cel_charge(ctx, a[0].s.n / 16);
    return cel_int((int64_t)cel_utf8_n(a[0].s.p, a[0].s.n));
}

static struct cel_val size_bytes(struct cel_ctx *ctx, const struct cel_val *a)
{
    (void)ctx;
    return cel_int((int64_t)a[0].s.n);
}

static struct cel_val size_list(struct cel_ctx *ctx, const struct cel_val *a)
{
    (void)ctx;
    return cel_int((int64_t)a[0].list->n);
}

static struct cel_val size_map(struct cel_ctx *ctx, const struct cel_val *a)
{
    (void)ctx;
    return cel_int((int64_t)a[0].map->n);
}

/* ---- strings ---- */

static struct cel_val contains(struct cel_ctx *ctx, const struct cel_val *a)
{
    (void)cel_charge(ctx, a[0].s.n / 16);
    return cel_bool(memmem(a[0].s.p, a[0].s.n, a[1].s.p, a[1].s.n) != NULL);
}

static struct cel_val starts_with(struct cel_ctx *ctx, const struct cel_val *a)
{
    (void)cel_charge(ctx, a[1].s.n / 64);
    return cel_bool(a[0].s.n >= a[1].s.n && memcmp(a[0].s.p, a[1].s.p, a[1].s.n) == 0);
}

static struct cel_val ends_with(struct cel_ctx *ctx, const struct cel_val *a)
{
    (void)cel_charge(ctx, a[1].s.n / 64);
    return cel_bool(a[0].s.n >= a[1].s.n &&
                    memcmp(a[0].s.p + (a[0].s.n - a[1].s.n), a[1].s.p, a[1].s.n) == 0);
}

struct cel_val cel_matches(struct cel_ctx *ctx, const struct cel_val *a)
{
    const char *why = NULL;

    /* A macro asks with the same constant again and again. */
    if (ctx->regex_text != a[1].s.p) {
        if (!cel_charge(ctx, a[1].s.n + 100))
            return cel_exhausted(ctx);
        /* A short pattern may be a long program: it is paid for at its largest. */
        if (ctx->bytes < REGEX_COST + 256 * a[1].s.n) {
            ctx->exhausted = "the evaluation takes too much memory";
            return cel_exhausted(ctx);
        }
        ctx->bytes -= 256 * a[1].s.n;
        ctx->regex = cel_regex_compile(ctx->arena, a[1].s.p, a[1].s.n, &why);
        if (ctx->regex)
            ctx->bytes -= cel_regex_bytes(ctx->regex);
        ctx->regex_text = ctx->regex ? a[1].s.p : NULL;
    }
    if (!ctx->regex)
        return cel_error(ctx, "not a regular expression: %s", why);
    return cel_bool(cel_regex_find(ctx, ctx->regex, a[0].s.p, a[0].s.n));
}

static struct cel_val same(struct cel_ctx *ctx, const struct cel_val *a)
{
    (void)ctx;
    return a[0];
}

static struct cel_val type(struct cel_ctx *ctx, const struct cel_val *a)
{
    (void)ctx;
    return cel_type_of(a[0]);
}

/* ---- the table; rows of one name stand together ---- */

#define BINARY(op, fn, a, b, ret)                                                                  \
    {                                                                                              \
        op, fn, {CEL_##a, CEL_##b}, CEL_##ret, 2, false, false                                     \
    }
#define LATE(op, fn, a, b, ret)                                                                    \
    {                                                                                              \
        op, fn, {CEL_##a, CEL_##b}, CEL_##ret, 2, false, true                                      \
    }
#define UNARY(op, fn, a, ret)                                                                      \
    {                                                                                              \
        op, fn, {CEL_##a, CEL_DYN}, CEL_##ret, 1, false, false                                     \
    }
#define METHOD(op, fn, a, ret)                                                                     \
    {                                                                                              \
        op, fn, {CEL_##a, CEL_DYN}, CEL_##ret, 1, true, false                                      \
    }
#define METHOD2(op, fn, a, b, ret)                                                                 \
    {                                                                                              \
        op, fn, {CEL_##a, CEL_##b}, CEL_##ret, 2, true, false                                      \
    }
#define ORDER(op, fn)                                                                              \
    BINARY(op, fn, DOUBLE, DOUBLE, BOOL), BINARY(op, fn, INT, INT, BOOL),                          \
        LATE(op, fn, DOUBLE, INT, BOOL), LATE(op, fn, INT, DOUBLE, BOOL),                          \
        BINARY(op, fn, STRING, STRING, BOOL), BINARY(op, fn, BOOL, BOOL, BOOL),                    \
        BINARY(op, fn, UINT, UINT, BOOL), LATE(op, fn, UINT, INT, BOOL),                           \
        LATE(op, fn, INT, UINT, BOOL), LATE(op, fn, UINT, DOUBLE, BOOL),                           \
        LATE(op, fn, DOUBLE, UINT, BOOL), BINARY(op, fn, BYTES, BYTES, BOOL),                      \
        BINARY(op, fn, TIMESTAMP, TIMESTAMP, BOOL), BINARY(op, fn, DURATION, DURATION, BOOL)
#define ACCESSOR(op, fn) METHOD(op, fn, TIMESTAMP, INT), METHOD2(op, fn, TIMESTAMP, STRING, INT)

static const struct cel_overload table[] = {
    BINARY("_==_", equal, DYN, DYN, BOOL),
    BINARY("_!=_", unequal, DYN, DYN, BOOL),
    ORDER("_<_", less),
    ORDER("_<=_", less_equal),
    ORDER("_>_", greater),
    ORDER("_>=_", greater_equal),
    BINARY("_+_", add_int, INT, INT, INT),
    BINARY("_+_", add_double, DOUBLE, DOUBLE, DOUBLE),
    BINARY("_+_", concat, STRING, STRING, STRING),
    BINARY("_+_", add_uint, UINT, UINT, UINT),
    BINARY("_+_", concat, BYTES, BYTES, BYTES),
    BINARY("_+_", concat_lists, LIST, LIST, LIST),
    BINARY("_+_", add_duration, DURATION, DURATION, DURATION),
    BINARY("_+_", cel_add_time, TIMESTAMP, DURATION, TIMESTAMP),
    BINARY("_+_", cel_add_time_swapped, DURATION, TIMESTAMP, TIMESTAMP),
    BINARY("_-_", sub_int, INT, INT, INT),
    BINARY("_-_", sub_double, DOUBLE, DOUBLE, DOUBLE),
    BINARY("_-_", sub_uint, UINT, UINT, UINT),
    BINARY("_-_", sub_duration, DURATION, DURATION, DURATION),
    BINARY("_-_", cel_sub_time, TIMESTAMP, DURATION, TIMESTAMP),
    BINARY("_-_", cel_sub_times, TIMESTAMP, TIMESTAMP, DURATION),
    BINARY("_*_", mul_int, INT, INT, INT),
    BINARY("_*_", mul_double, DOUBLE, DOUBLE, DOUBLE),
    BINARY("_*_", mul_uint, UINT, UINT, UINT),
    BINARY("_/_", div_int, INT, INT, INT),
    BINARY("_/_", div_double, DOUBLE, DOUBLE, DOUBLE),
    BINARY("_/_", div_uint, UINT, UINT, UINT),
    BINARY("_%_", mod_int, INT, INT, INT),
    BINARY("_%_", mod_uint, UINT, UINT, UINT),
    UNARY("!_", not_bool, BOOL, BOOL),
    UNARY("-_", neg_int, INT, INT),
    UNARY("-_", neg_double, DOUBLE, DOUBLE),
    UNARY("-_", neg_duration, DURATION, DURATION),
    BINARY("@in", in_list, DYN, LIST, BOOL),
    BINARY("@in", in_map, DYN, MAP, BOOL),
    BINARY("_[_]", index_map, MAP, DYN, DYN),
    BINARY("_[_]", index_list, LIST, INT, DYN),
    LATE("_[_]", index_list, LIST, DOUBLE, DYN),
    LATE("_[_]", index_list, LIST, UINT, DYN),
    UNARY("size", size_text, STRING, INT),
    UNARY("size", size_list, LIST, INT),
    UNARY("size", size_map, MAP, INT),
    UNARY("size", size_bytes, BYTES, INT),
    METHOD("size", size_text, STRING, INT),
    METHOD("size", size_list, LIST, INT),
    METHOD("size", size_map, MAP, INT),
    METHOD("size", size_bytes, BYTES, INT),
    METHOD2("contains", contains, STRING, STRING, BOOL),
    METHOD2("startsWith", starts_with, STRING, STRING, BOOL),
    METHOD2("endsWith", ends_with, STRING, STRING, BOOL),
    METHOD2("matches", cel_matches, STRING, STRING, BOOL),
    BINARY("matches", cel_matches, STRING, STRING, BOOL),
    UNARY("parseJson", cel_parse_json, STRING, DYN),
    UNARY("dyn", same, DYN, DYN),
    UNARY("type", type, DYN, TYPE),
    UNARY("int", same, INT, INT),
    UNARY("int", cel_to_int, DOUBLE, INT),
    UNARY("int", cel_to_int, STRING, INT),
    UNARY("int", cel_to_int, UINT, INT),
    UNARY("int", cel_to_int, TIMESTAMP, INT),
    UNARY("int", cel_to_int, DURATION, INT),
    UNARY("uint", same, UINT, UINT),
    UNARY("uint", cel_to_uint, DOUBLE, UINT),
    UNARY("uint", cel_to_uint, STRING, UINT),
    UNARY("uint", cel_to_uint, INT, UINT),
    UNARY("double", same, DOUBLE, DOUBLE),
    UNARY("double", cel_to_double, INT, DOUBLE),
    UNARY("double", cel_to_double, STRING, DOUBLE),
    UNARY("double", cel_to_double, UINT, DOUBLE),
    UNARY("string", same, STRING, STRING),
    UNARY("string", cel_to_string, INT, STRING),
    UNARY("string", cel_to_string, DOUBLE, STRING),
    UNARY("string", cel_to_string, BOOL, STRING),
    UNARY("string", cel_to_string, UINT, STRING),
    UNARY("string", cel_to_string, BYTES, STRING),
    UNARY("string", cel_to_string, TIMESTAMP, STRING),
    UNARY("string", cel_to_string, DURATION, STRING),
    UNARY("bytes", same, BYTES, BYTES),
    UNARY("bytes", cel_to_bytes, STRING, BYTES),
    UNARY("bool", same, BOOL, BOOL),
    UNARY("bool", cel_to_bool, STRING, BOOL),
    UNARY("timestamp", same, TIMESTAMP, TIMESTAMP),
    UNARY("timestamp", cel_to_timestamp, STRING, TIMESTAMP),
    UNARY("timestamp", cel_to_timestamp, INT, TIMESTAMP),
    UNARY("duration", same, DURATION, DURATION),
    UNARY("duration", cel_to_duration, STRING, DURATION),
    UNARY("duration", cel_to_duration, INT, DURATION),
    ACCESSOR("getFullYear", cel_get_year),
    ACCESSOR("getMonth", cel_get_month),
    ACCESSOR("getDate", cel_get_date),
    ACCESSOR("getDayOfMonth", cel_get_day_of_month),
    ACCESSOR("getDayOfWeek", cel_get_day_of_week),
    ACCESSOR("getDayOfYear", cel_get_day_of_year),
    ACCESSOR("getHours", cel_get_hours),
    METHOD("getHours", cel_duration_hours, DURATION, INT),
    ACCESSOR("getMinutes", cel_get_minutes),
    METHOD("getMinutes", cel_duration_minutes, DURATION, INT),
    ACCESSOR("getSeconds", cel_get_seconds),
    METHOD("getSeconds", cel_duration_seconds, DURATION, INT),
    ACCESSOR("getMilliseconds", cel_get_ms),
    METHOD("getMilliseconds", cel_duration_ms, DURATION, INT),
    {0},
};

const struct cel_overload *cel_overloads(const char *name)
{
    for (const struct cel_overload *row = table; row->name; row++) {
        if (strcmp(row->name, name) == 0)
            return row;
    }
    return NULL;
}

static bool is_number(enum cel_kind kind)
{
    return kind == CEL_INT || kind == CEL_UINT || kind == CEL_DOUBLE;
}

struct cel_val cel_no_overload(struct cel_ctx *ctx, const char *name, const struct cel_val *args,
                               size_t n)
{
    const char *a = n > 0 ? cel_type_of(args[0]).s.p : "",
               *b = n > 1 ? cel_type_of(args[1]).s.p : "";
    char op[8] = "";

    if (n > 2)
        return cel_error(ctx, "no such overload: %s() of %zu arguments", name, n);
    if (strcmp(name, "_[_]") == 0)
        return cel_error(ctx, "no such overload: %s[%s]", a, b);
    if (strcmp(name, "@in") == 0)
        return cel_error(ctx, "no such overload: %s in %s", a, b);
    if (name[0] != '_' && name[1] != '_')
        return cel_error(ctx, "no such overload: %s(%s%s%s)", name, a, n > 1 ? ", " : "", b);
    /* "_<=_" and "-_": the operator is what is no underscore. */
    for (const char *c = name; *c; c++) {
        if (*c != '_')
            strncat(op, c, 1);
    }
    if (n == 1)
        return cel_error(ctx, "no such overload: %s%s", op, a);
    return cel_error(
        ctx, "no such overload: %s %s %s%s", a, op, b,
        is_number(args[0].kind) && is_number(args[1].kind) ? "; int(x) and double(x) convert" : "");
}

/* Whatever a function does with a text, it may look at all of it. */
static bool pay_for_texts(struct cel_ctx *ctx, const struct cel_val *args, size_t n)
{
    for (size_t i = 0; i < n && i < 2; i++) {
        if (args[i].kind == CEL_STRING || args[i].kind == CEL_BYTES)
            (void)cel_charge(ctx, args[i].s.n / 256);
    }
    return !ctx->exhausted;
}

struct cel_val cel_call(struct cel_ctx *ctx, const struct cel_node *call,
                        const struct cel_val *args)
{
    if (!call->calls)
        return cel_error(ctx, "unbound function: %s", call->name);
    if (!pay_for_texts(ctx, args, call->n_args))
        return cel_exhausted(ctx);
    for (const struct cel_overload *row = call->calls;
         row->name && strcmp(row->name, call->calls->name) == 0; row++) {
        if (row->n_args != call->n_args || row->receiver != call->receiver)
            continue;
        if ((row->args[0] == CEL_DYN || row->args[0] == args[0].kind) &&
            (row->n_args < 2 || row->args[1] == CEL_DYN || row->args[1] == args[1].kind))
            return row->call(ctx, args);
    }
    return cel_no_overload(ctx, call->name, args, call->n_args);
}
