/* val - CEL's values: making them, comparing them, looking into them. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cel/cel-priv.h"

static const char *const kind_names[] = {
    [CEL_DYN] = "dyn",
    [CEL_ERROR] = "error",
    [CEL_NULL] = "null_type",
    [CEL_BOOL] = "bool",
    [CEL_INT] = "int",
    [CEL_UINT] = "uint",
    [CEL_DOUBLE] = "double",
    [CEL_STRING] = "string",
    [CEL_BYTES] = "bytes",
    [CEL_LIST] = "list",
    [CEL_MAP] = "map",
    [CEL_TIMESTAMP] = "google.protobuf.Timestamp",
    [CEL_DURATION] = "google.protobuf.Duration",
    [CEL_TYPE] = "type",
    [CEL_MESSAGE] = "message",
};

const char *cel_kind_name(enum cel_kind kind)
{
    return kind_names[kind];
}

enum cel_kind cel_kind_of_name(const char *name)
{
    for (enum cel_kind k = CEL_NULL; k <= CEL_TYPE; k++) {
        if (strcmp(kind_names[k], name) == 0)
            return k;
    }
    return CEL_DYN;
}

struct cel_val cel_null(void)
{
    return (struct cel_val){.kind = CEL_NULL};
}

struct cel_val cel_bool(bool b)
{
    return (struct cel_val){.kind = CEL_BOOL, .b = b};
}

struct cel_val cel_int(int64_t i)
{
    return (struct cel_val){.kind = CEL_INT, .i = i};
}

struct cel_val cel_uint(uint64_t u)
{
    return (struct cel_val){.kind = CEL_UINT, .u = u};
}

struct cel_val cel_double(double d)
{
    return (struct cel_val){.kind = CEL_DOUBLE, .d = d};
}

struct cel_val cel_duration(int64_t ns)
{
    return (struct cel_val){.kind = CEL_DURATION, .i = ns};
}

struct cel_val cel_text(const char *s, size_t n)
{
    return (struct cel_val){.kind = CEL_STRING, .s = {s, n}};
}

struct cel_val cel_bytes(const char *s, size_t n)
{
    return (struct cel_val){.kind = CEL_BYTES, .s = {s, n}};
}

struct cel_val cel_type(const char *name)
{
    return (struct cel_val){.kind = CEL_TYPE, .s = {name, strlen(name)}};
}

struct cel_val cel_type_of(struct cel_val v)
{
    return cel_type(v.kind == CEL_MESSAGE ? v.map->shape->name : kind_names[v.kind]);
}

bool cel_charge(struct cel_ctx *ctx, size_t steps)
{
    if ((uint64_t)ctx->steps < steps) {
        ctx->exhausted = "the evaluation takes too many steps";
        ctx->steps = 0;
    } else {
        ctx->steps -= (int64_t)steps;
    }
    return !ctx->exhausted;
}

void *cel_alloc(struct cel_ctx *ctx, size_t n, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(n ? n : 1, size, &bytes) || bytes + 16 > ctx->bytes) {
        ctx->exhausted = "the evaluation takes too much memory";
        return NULL;
    }
    ctx->bytes -= bytes + 16;
    return arena_alloc(ctx->arena, bytes);
}

struct cel_val cel_exhausted(struct cel_ctx *ctx)
{
    return (struct cel_val){.kind = CEL_ERROR, .s = {ctx->exhausted, strlen(ctx->exhausted)}};
}

static struct cel_val formatted(struct cel_ctx *ctx, enum cel_kind kind, const char *fmt,
                                va_list ap)
{
    char text[512];
    int n = vsnprintf(text, sizeof text, fmt, ap);
    size_t len = n < 0 ? 0 : (size_t)n;
    char *copy;

    if (len >= sizeof text) /* cut, and not inside of a character */
        for (len = sizeof text - 1; len && ((unsigned char)text[len] & 0xc0) == 0x80; len--)
            ;
    copy = cel_alloc(ctx, len + 1, 1);
    if (!copy)
        return cel_exhausted(ctx);
    memcpy(copy, text, len);
    return (struct cel_val){.kind = kind, .s = {copy, len}};
}

struct cel_val cel_error(struct cel_ctx *ctx, const char *fmt, ...)
{
    struct cel_val v;
    va_list ap;

    va_start(ap, fmt);
    v = ctx->exhausted ? cel_exhausted(ctx) : formatted(ctx, CEL_ERROR, fmt, ap);
    va_end(ap);
    return v;
}

struct cel_val cel_textf(struct cel_ctx *ctx, const char *fmt, ...)
{
    struct cel_val v;
    va_list ap;

    va_start(ap, fmt);
    v = formatted(ctx, CEL_STRING, fmt, ap);
    va_end(ap);
    return v;
}

struct cel_val cel_items(struct cel_ctx *ctx, const struct cel_val *items, size_t n)
{
    struct cel_list *list = cel_alloc(ctx, 1, sizeof *list);

    if (!list)
        return cel_exhausted(ctx);
    list->n = n;
    list->items = items;
    return (struct cel_val){.kind = CEL_LIST, .list = list};
}

struct cel_val cel_at(struct cel_ctx *ctx, const struct cel_list *list, size_t i)
{
    return list->items ? list->items[i] : cel_from_js(ctx, js_at(list->js, i), list->of);
}

/* ---- order and equality ---- */

static int order_double(double a, double b)
{
    return isnan(a) || isnan(b) ? 2 : (a > b) - (a < b);
}

/* As cel-go compares across types: by range first, then as doubles, even where that loses digits.
 */
static int order_int_double(int64_t i, double d)
{
    if (d < -0x1p63)
        return 1;
    if (d > 0x1p63)
        return -1;
    return order_double((double)i, d);
}

static int order_uint_double(uint64_t u, double d)
{
    if (d < 0)
        return 1;
    if (d > 0x1p64)
        return -1;
    return order_double((double)u, d);
}

static int order_int_uint(int64_t i, uint64_t u)
{
    if (i < 0)
        return -1;
    return ((uint64_t)i > u) - ((uint64_t)i < u);
}

static int turned(int order)
{
    return order == 2 ? 2 : -order;
}

static int order_bytes(struct cel_ctx *ctx, struct cel_val a, struct cel_val b)
{
    size_t n = a.s.n < b.s.n ? a.s.n : b.s.n;
    int order = memcmp(a.s.p, b.s.p, n);

    (void)cel_charge(ctx, n / 64);
    return order ? (order > 0) - (order < 0) : (a.s.n > b.s.n) - (a.s.n < b.s.n);
}

static int order_numbers(struct cel_val a, struct cel_val b)
{
    if (a.kind == CEL_INT)
        return b.kind == CEL_UINT ? order_int_uint(a.i, b.u) : order_int_double(a.i, b.d);
    if (a.kind == CEL_UINT)
        return b.kind == CEL_INT ? turned(order_int_uint(b.i, a.u)) : order_uint_double(a.u, b.d);
    return turned(b.kind == CEL_INT ? order_int_double(b.i, a.d) : order_uint_double(b.u, a.d));
}

int cel_order(struct cel_ctx *ctx, struct cel_val a, struct cel_val b)
{
    if (a.kind != b.kind)
        return order_numbers(a, b);
    switch (a.kind) {
    case CEL_BOOL:
        return a.b - b.b;
    case CEL_UINT:
        return (a.u > b.u) - (a.u < b.u);
    case CEL_DOUBLE:
        return order_double(a.d, b.d);
    case CEL_STRING:
    case CEL_BYTES:
    case CEL_TYPE:
        return order_bytes(ctx, a, b);
    case CEL_TIMESTAMP:
        return a.t.sec != b.t.sec ? (a.t.sec > b.t.sec) - (a.t.sec < b.t.sec)
                                  : (a.t.nsec > b.t.nsec) - (a.t.nsec < b.t.nsec);
    default:
        return (a.i > b.i) - (a.i < b.i);
    }
}

static bool is_number(enum cel_kind kind)
{
    return kind == CEL_INT || kind == CEL_UINT || kind == CEL_DOUBLE;
}

static bool equal_lists(struct cel_ctx *ctx, const struct cel_list *a, const struct cel_list *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        if (!cel_charge(ctx, 1) || !cel_equal(ctx, cel_at(ctx, a, i), cel_at(ctx, b, i)))
            return false;
    }
    return true;
}

static bool equal_entry(struct cel_ctx *ctx, struct cel_val key, struct cel_val val,
                        const struct cel_map *in)
{
    struct cel_val other;

    return cel_charge(ctx, 1) && cel_find(ctx, in, key, &other) && cel_equal(ctx, val, other);
}

static bool equal_maps(struct cel_ctx *ctx, const struct cel_map *a, const struct cel_map *b)
{
    if (a->n != b->n)
        return false;
    if (!a->entries) {
        for (js_each(a->js, it)) {
            if (!equal_entry(ctx, cel_text(it.key, strlen(it.key)),
                             cel_from_js(ctx, it.value, a->shape->of), b))
                return false;
        }
        return true;
    }
    for (size_t i = 0; i < a->n; i++) {
        if (!equal_entry(ctx, a->entries[i].key, a->entries[i].val, b))
            return false;
    }
    return true;
}

static bool equal_messages(struct cel_ctx *ctx, const struct cel_map *a, const struct cel_map *b)
{
    if (a->shape != b->shape)
        return false;
    for (const struct cel_field *f = a->shape->fields; f->name; f++) {
        if (!cel_charge(ctx, 1) ||
            !cel_equal(ctx, cel_field_get(ctx, a, f), cel_field_get(ctx, b, f)))
            return false;
    }
    return true;
}

bool cel_equal(struct cel_ctx *ctx, struct cel_val a, struct cel_val b)
{
    if (a.kind != b.kind)
        return is_number(a.kind) && is_number(b.kind) && order_numbers(a, b) == 0;
    switch (a.kind) {
    case CEL_NULL:
        return true;
    case CEL_LIST:
        return equal_lists(ctx, a.list, b.list);
    case CEL_MAP:
        return equal_maps(ctx, a.map, b.map);
    case CEL_MESSAGE:
        return equal_messages(ctx, a.map, b.map);
    case CEL_ERROR:
    case CEL_DYN:
        return false;
    default:
        return cel_order(ctx, a, b) == 0;
    }
}

/* ---- maps ---- */

static uint32_t hash_bytes(uint64_t h, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)s[i]) * 0x100000001b3u;
    return (uint32_t)(h ^ h >> 32);
}

/* Keys that are equal have one form: whole doubles and small uints become ints. False: no key
 * equals. */
static bool key_form(struct cel_val *key)
{
    if (key->kind == CEL_DOUBLE) {
        double d = key->d;

        if (d != floor(d) || !(fabs(d) < 0x1p64))
            return false;
        *key = d >= 0 ? cel_uint((uint64_t)d) : d >= -0x1p63 ? cel_int((int64_t)d) : cel_null();
    }
    if (key->kind == CEL_UINT && key->u <= INT64_MAX)
        *key = cel_int((int64_t)key->u);
    return key->kind == CEL_BOOL || key->kind == CEL_INT || key->kind == CEL_UINT ||
           key->kind == CEL_STRING;
}

static uint32_t key_hash(struct cel_val key)
{
    uint64_t start = 0xcbf29ce484222325u ^ key.kind;

    if (key.kind == CEL_STRING)
        return hash_bytes(start, key.s.p, key.s.n);
    if (key.kind == CEL_BOOL)
        return hash_bytes(start, key.b ? "1" : "0", 1);
    return hash_bytes(start, (const char *)&key.u, sizeof key.u);
}

/* The entry of a key in its form, n: none. *ret_slot: where in the index it is or would be. */
static size_t entry_of(struct cel_ctx *ctx, const struct cel_entry *entries, size_t n,
                       const uint32_t *index, size_t n_index, struct cel_val key, size_t *ret_slot)
{
    struct cel_val other;

    if (!index) {
        for (size_t i = 0; i < n; i++) {
            other = entries[i].key;
            if (key_form(&other) && cel_equal(ctx, other, key))
                return i;
        }
        return n;
    }
    for (size_t at = key_hash(key) & (n_index - 1);; at = (at + 1) & (n_index - 1)) {
        *ret_slot = at;
        if (!index[at])
            return n;
        other = entries[index[at] - 1].key;
        if (key_form(&other) && cel_equal(ctx, other, key))
            return index[at] - 1;
    }
}

bool cel_find(struct cel_ctx *ctx, const struct cel_map *map, struct cel_val key,
              struct cel_val *ret)
{
    const struct js *found;
    size_t i, slot;

    if (!key_form(&key))
        return false;
    if (!map->entries) {
        if (key.kind != CEL_STRING || !cel_find_name(map, key.s.p, key.s.n, &found))
            return false;
        *ret = cel_from_js(ctx, found, map->shape->of);
        return true;
    }
    i = entry_of(ctx, map->entries, map->n, map->index, map->n_index, key, &slot);
    if (i == map->n)
        return false;
    *ret = map->entries[i].val;
    return true;
}

struct cel_val cel_entries(struct cel_ctx *ctx, const struct cel_entry *entries, size_t n)
{
    struct cel_map *map = cel_alloc(ctx, 1, sizeof *map);
    size_t n_index = 0, slot = 0;
    uint32_t *index = NULL;

    if (n > 8) {
        for (n_index = 32; n_index < 2 * n; n_index *= 2)
            ;
        index = cel_alloc(ctx, n_index, sizeof *index);
    }
    if (!map || ctx->exhausted)
        return cel_exhausted(ctx);
    for (size_t i = 0; i < n; i++) {
        struct cel_val key = entries[i].key;

        if (key.kind == CEL_DOUBLE || !key_form(&key))
            return cel_error(ctx, "unsupported key type: %s", cel_kind_name(key.kind));
        if (entry_of(ctx, entries, i, index, n_index, key, &slot) != i)
            return cel_error(ctx, "repeated key in a map%s%.*s", key.kind == CEL_STRING ? ": " : "",
                             key.kind == CEL_STRING && key.s.n < 100 ? (int)key.s.n : 0,
                             key.kind == CEL_STRING ? key.s.p : "");
        if (index)
            index[slot] = (uint32_t)i + 1;
    }
    *map = (struct cel_map){.n = n, .entries = entries, .index = index, .n_index = n_index};
    return (struct cel_val){.kind = CEL_MAP, .map = map};
}
