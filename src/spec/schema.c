#include "spec/schema.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static void *at_offset(void *message, uint16_t offset)
{
    return (char *)message + offset;
}

static struct spec_pos pos_of(const struct doc_node *node)
{
    return (struct spec_pos){node->line, node->column};
}

void schema_init(const struct schema_message *m, void *to)
{
    for (size_t i = 0; i < m->n_fields; i++) {
        const struct schema_field *f = &m->fields[i];

        if (f->label != SCHEMA_ONE)
            continue;
        if (f->kind == SCHEMA_STRING)
            *(const char **)at_offset(to, f->offset) = "";
        else if (f->kind == SCHEMA_MESSAGE)
            schema_init(f->message, at_offset(to, f->offset));
    }
}

static int wrong_kind(struct spec_ctx *ctx, const struct spec_path *path,
                      const struct doc_node *node, const char *expected)
{
    char got[DOC_SAY];

    return spec_error(ctx, pos_of(node), path, "expected %s, got %s", expected, doc_say(node, got));
}

/* ---- scalars ---- */

static int read_string(struct spec_ctx *ctx, const struct spec_path *path,
                       const struct doc_node *node, const char **to)
{
    char got[DOC_SAY];

    if (node->kind == DOC_STRING) {
        *to = node->text;
        return 0;
    }
    if (node->kind == DOC_LIST || node->kind == DOC_MAP || node->kind == DOC_NULL)
        return wrong_kind(ctx, path, node, "a string");
    return spec_error(ctx, pos_of(node), path, "expected a string, got %s: put it in quotes",
                      doc_say(node, got));
}

/* Numbers may come as strings, as protojson writes 64-bit ones. */
static bool to_integer(const struct doc_node *node, int64_t *ret)
{
    if (node->kind == DOC_INT) {
        *ret = node->integer;
        return true;
    }
    if (node->kind == DOC_REAL && node->real == floor(node->real) && fabs(node->real) < 9.2e18) {
        *ret = (int64_t)node->real;
        return true;
    }
    if (node->kind == DOC_STRING && node->n > 0 && node->n < 25) {
        char *end;

        *ret = strtoll(node->text, &end, 10);
        return *end == '\0' && !strchr(" \t\n", node->text[0]);
    }
    return false;
}

static int read_integer(struct spec_ctx *ctx, const struct spec_path *path,
                        const struct doc_node *node, int64_t least, int64_t most, int64_t *to)
{
    int64_t v;

    if (!to_integer(node, &v))
        return wrong_kind(ctx, path, node, "a whole number");
    if (v < least || v > most)
        return spec_error(ctx, pos_of(node), path,
                          "%" PRId64 " is out of range (%" PRId64 " to %" PRId64 ")", v, least,
                          most);
    *to = v;
    return 0;
}

static int read_double(struct spec_ctx *ctx, const struct spec_path *path,
                       const struct doc_node *node, double *to)
{
    if (node->kind == DOC_INT) {
        *to = (double)node->integer;
    } else if (node->kind == DOC_REAL) {
        *to = node->real;
    } else if (node->kind == DOC_STRING && node->n > 0 && !strchr(" \t\n", node->text[0])) {
        char *end;

        *to = strtod(node->text, &end);
        if (*end)
            return wrong_kind(ctx, path, node, "a number");
    } else {
        return wrong_kind(ctx, path, node, "a number");
    }
    if (!isfinite(*to)) {
        *to = 0;
        return spec_error(ctx, pos_of(node), path, "expected a finite number");
    }
    return 0;
}

/* google.protobuf.Duration as JSON: "3s", "0.25s". */
static int read_duration(struct spec_ctx *ctx, const struct spec_path *path,
                         const struct doc_node *node, int64_t *to)
{
    const int64_t most = 315576000000; /* seconds, as the proto says */
    const char *s = node->text;
    int64_t us = 0, scale = 1000000;
    bool negative, digits = false;

    if (node->kind != DOC_STRING)
        return wrong_kind(ctx, path, node, "a duration like \"30s\"");
    negative = *s == '-';
    for (s += negative; *s >= '0' && *s <= '9' && us <= most; s++, digits = true)
        us = us * 10 + (*s - '0');
    if (us > most)
        return spec_error(ctx, pos_of(node), path, "the duration \"%.40s\" is out of range",
                          node->text);
    us *= 1000000;
    if (*s == '.' && digits) {
        for (s++; *s >= '0' && *s <= '9'; s++) {
            scale /= 10;
            us += scale * (*s - '0');
        }
    }
    if (!digits || strcmp(s, "s") != 0)
        return wrong_kind(ctx, path, node, "a duration like \"30s\"");
    if (negative && us > 0)
        return spec_error(ctx, pos_of(node), path, "a duration may not be negative");
    *to = us;
    return 0;
}

static int read_enum(struct spec_ctx *ctx, const struct spec_path *path,
                     const struct doc_node *node, const struct schema_enum *enums, int *to)
{
    char list[300] = "", got[DOC_SAY];
    size_t n = 0;

    for (const struct schema_enum *e = enums; e->name; e++) {
        if ((node->kind == DOC_STRING && strcmp(node->text, e->name) == 0) ||
            (node->kind == DOC_INT && node->integer == e->value)) {
            *to = e->value;
            return 0;
        }
        if (e->value != 0 && n < sizeof list)
            n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", n ? ", " : "", e->name);
    }
    return spec_error(ctx, pos_of(node), path, "expected one of %s, got %s", list,
                      doc_say(node, got));
}

/* ---- values ---- */

static void free_js(void *v)
{
    js_free(v);
}

static struct js *keep_js(struct spec_ctx *ctx, struct js *v)
{
    arena_on_free(ctx->arena, free_js, v);
    return v;
}

static int read_value(struct spec_ctx *ctx, const struct spec_path *path,
                      const struct doc_node *node, const struct schema_field *f, struct js **to)
{
    const struct doc_node *old;
    int64_t i;

    if (f->kind == SCHEMA_STRUCT && node->kind != DOC_MAP)
        return wrong_kind(ctx, path, node, "a map");
    if (f->kind != SCHEMA_OLD_VALUE) {
        *to = keep_js(ctx, doc_to_js(node));
        return 0;
    }
    if (node->kind != DOC_MAP)
        return wrong_kind(ctx, path, node, "a map");
    if ((old = schema_get(node, "stringValue", "string_value")) && old->kind == DOC_STRING) {
        *to = keep_js(ctx, js_strn(old->text, old->n));
        return 0;
    }
    if ((old = schema_get(node, "intValue", "int_value")) && to_integer(old, &i)) {
        *to = keep_js(ctx, js_int(i));
        return 0;
    }
    if ((old = schema_get(node, "doubleValue", "double_value"))) {
        double d = 0;

        if (read_double(ctx, path, old, &d) < 0)
            return -1;
        *to = keep_js(ctx, js_real(d));
        return 0;
    }
    return spec_error(ctx, pos_of(node), path, "expected stringValue, intValue or doubleValue");
}

/* ---- one value of a field, into its place ---- */

static void read_one(struct spec_ctx *ctx, const struct spec_path *path,
                     const struct schema_field *f, const struct doc_node *node, void *to)
{
    int64_t i = 0;

    switch (f->kind) {
    case SCHEMA_STRING:
    case SCHEMA_STRING_OR_NULL:
        (void)read_string(ctx, path, node, to);
        break;
    case SCHEMA_BOOL:
        if (node->kind == DOC_BOOL)
            *(bool *)to = node->boolean;
        else
            (void)wrong_kind(ctx, path, node, "true or false");
        break;
    case SCHEMA_INT32:
        if (read_integer(ctx, path, node, INT32_MIN, INT32_MAX, &i) == 0)
            *(int32_t *)to = (int32_t)i;
        break;
    case SCHEMA_INT64:
        (void)read_integer(ctx, path, node, INT64_MIN, INT64_MAX, to);
        break;
    case SCHEMA_DOUBLE:
        (void)read_double(ctx, path, node, to);
        break;
    case SCHEMA_DURATION:
        (void)read_duration(ctx, path, node, to);
        break;
    case SCHEMA_ENUM:
        (void)read_enum(ctx, path, node, f->enums, to);
        break;
    case SCHEMA_MESSAGE:
        schema_read(ctx, path, f->message, node, to);
        break;
    case SCHEMA_POINTER: {
        void *message = arena_alloc(ctx->arena, f->message->size);

        schema_read(ctx, path, f->message, node, message);
        *(void **)to = message;
        break;
    }
    case SCHEMA_VALUE:
    case SCHEMA_STRUCT:
    case SCHEMA_OLD_VALUE:
        (void)read_value(ctx, path, node, f, to);
        break;
    case SCHEMA_ELSEWHERE:
        break;
    }
}

/* ---- lists and maps ---- */

static size_t item_size(const struct schema_field *f)
{
    if (f->message)
        return f->message->size;
    return f->label == SCHEMA_MAP ? f->item_size : sizeof(void *); /* strings and values */
}

static void read_list(struct spec_ctx *ctx, const struct spec_path *path,
                      const struct schema_field *f, const struct doc_node *node,
                      struct schema_items *to)
{
    size_t size = item_size(f);
    char *items;

    if (node->kind != DOC_LIST) {
        (void)wrong_kind(ctx, path, node, "a list");
        return;
    }
    if (node->n == 0)
        return;
    items = arena_alloc(ctx->arena, node->n * size);
    for (size_t i = 0; i < node->n; i++) {
        struct spec_path at = {path, NULL, i};

        if (f->kind == SCHEMA_STRING)
            *(const char **)(items + i * size) = "";
        read_one(ctx, &at, f, &node->items[i], items + i * size);
    }
    to->n = node->n;
    to->items = items;
}

static void read_map(struct spec_ctx *ctx, const struct spec_path *path,
                     const struct schema_field *f, const struct doc_node *node,
                     struct schema_items *to)
{
    size_t size = item_size(f);
    char *items;

    if (node->kind != DOC_MAP) {
        (void)wrong_kind(ctx, path, node, "a map");
        return;
    }
    if (node->n == 0)
        return;
    items = arena_alloc(ctx->arena, node->n * size);
    for (size_t i = 0; i < node->n; i++) {
        const struct doc_node *key = doc_key(node, i);
        struct string_entry *item = (void *)(items + i * size); /* all begin as this: pos, name */
        struct spec_path at = {path, key->text, 0};

        item->name = key->text;
        if (f->message) {
            read_one(ctx, &at, f, doc_value(node, i), item);
        } else {
            if (f->kind == SCHEMA_STRING)
                item->value = "";
            read_one(ctx, &at, f, doc_value(node, i), (char *)item + f->value_offset);
        }
        item->pos = pos_of(key);
    }
    to->n = node->n;
    to->items = items;
    to->index = spec_index_new(ctx->arena, items, node->n, size);
}

/* ---- messages ---- */

static const struct schema_field *find_field(const struct schema_message *m, const char *key)
{
    for (size_t i = 0; i < m->n_fields; i++)
        if (strcmp(m->fields[i].json, key) == 0)
            return &m->fields[i];
    for (size_t i = 0; i < m->n_fields; i++)
        if (strcmp(m->fields[i].proto, key) == 0)
            return &m->fields[i];
    return NULL;
}

/* What a message has so far, to tell a field that comes twice or in two forms. */
struct seen {
    const struct schema_field *fields[32];
    size_t n;
};

static bool may_read(struct spec_ctx *ctx, const struct spec_path *path, struct seen *seen,
                     const struct schema_field *f, const struct doc_node *key)
{
    for (size_t i = 0; i < seen->n; i++) {
        const struct schema_field *other = seen->fields[i];

        if (other == f) {
            (void)spec_error(ctx, pos_of(key), path, "'%s' is given twice, as '%s' and as '%s'",
                             f->json, f->json, f->proto);
            return false;
        }
        if (f->oneof && other->oneof == f->oneof) {
            (void)spec_error(ctx, pos_of(key), path, "'%s' and '%s' exclude each other",
                             other->json, f->json);
            return false;
        }
        if (f->old && other->offset == f->offset)
            return false; /* the new form is there already */
    }
    seen->fields[seen->n++] = f;
    return true;
}

static void read_field(struct spec_ctx *ctx, const struct spec_path *path,
                       const struct schema_field *f, const struct doc_node *node, void *message)
{
    struct spec_path at = {path, f->json, 0};
    void *to = at_offset(message, f->offset);

    if (f->label == SCHEMA_LIST) {
        read_list(ctx, &at, f, node, to);
    } else if (f->label == SCHEMA_MAP) {
        read_map(ctx, &at, f, node, to);
    } else if (f->kind != SCHEMA_ELSEWHERE) {
        read_one(ctx, &at, f, node, to);
        if (f->has)
            *(bool *)at_offset(message, f->has) = true;
        if (f->which)
            *(int *)at_offset(message, f->which) = f->which_value;
        if (f->pos)
            *(struct spec_pos *)at_offset(message, f->pos) = pos_of(node);
    }
}

void schema_read(struct spec_ctx *ctx, const struct spec_path *path, const struct schema_message *m,
                 const struct doc_node *node, void *to)
{
    struct seen seen = {0};

    schema_init(m, to);
    *(struct spec_pos *)to = pos_of(node);
    if (node->kind != DOC_MAP) {
        (void)wrong_kind(ctx, path, node, "a map");
        return;
    }
    for (size_t i = 0; i < node->n && ctx->n_errors < SPEC_MAX_ERRORS; i++) {
        const struct doc_node *key = doc_key(node, i), *value = doc_value(node, i);
        const struct schema_field *f = find_field(m, key->text);

        if (!f) {
            spec_warn(ctx, pos_of(key), path, "unknown field '%.80s' is ignored", key->text);
            continue;
        }
        if (value->kind == DOC_NULL && !(f->kind == SCHEMA_VALUE && f->label == SCHEMA_ONE))
            continue;
        if (may_read(ctx, path, &seen, f, key))
            read_field(ctx, path, f, value, to);
    }
    if (m->after)
        m->after(ctx, path, node, to);
}

const struct doc_node *schema_get(const struct doc_node *map, const char *json, const char *proto)
{
    const struct doc_node *node = doc_get(map, json);

    if (!node)
        node = doc_get(map, proto);
    return node && node->kind != DOC_NULL ? node : NULL;
}
