/* json - JSON as CEL values, read where it lies, and back. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cel/cel-priv.h"

/* Deeper than js_parse and the tree's own bound can make a value together. */
#define DEEPEST 2000

static const struct cel_shape any_map_json = {CEL_SHAPE_MAP, .of = &cel_shape_json};
static const struct cel_shape any_map_value = {CEL_SHAPE_MAP, .of = &cel_shape_value};
const struct cel_shape cel_shape_json = {CEL_SHAPE_JSON, .of = &cel_shape_json};
const struct cel_shape cel_shape_value = {CEL_SHAPE_VALUE, .of = &cel_shape_value};

/* ---- KFP's ExecutorInput, as pipeline_spec.proto declares it ---- */

static const struct cel_shape text = {CEL_SHAPE_STRING};
static const struct cel_shape integer = {CEL_SHAPE_INT};
static const struct cel_shape real = {CEL_SHAPE_DOUBLE};
static const struct cel_shape old_value = {
    CEL_SHAPE_MESSAGE, .name = "ml_pipelines.Value",
    .fields = (const struct cel_field[]){{"int_value", "intValue", &integer},
                                         {"double_value", "doubleValue", &real},
                                         {"string_value", "stringValue", &text},
                                         {0}}};
static const struct cel_shape old_values = {CEL_SHAPE_MAP, .of = &old_value};
static const struct cel_shape artifact_type = {
    CEL_SHAPE_MESSAGE, .name = "ml_pipelines.ArtifactTypeSchema",
    .fields = (const struct cel_field[]){{"schema_title", "schemaTitle", &text},
                                         {"schema_uri", "schemaUri", &text},
                                         {"instance_schema", "instanceSchema", &text},
                                         {"schema_version", "schemaVersion", &text},
                                         {0}}};
static const struct cel_shape artifact = {
    CEL_SHAPE_MESSAGE, .name = "ml_pipelines.RuntimeArtifact",
    .fields = (const struct cel_field[]){{"name", "name", &text},
                                         {"type", "type", &artifact_type},
                                         {"uri", "uri", &text},
                                         {"properties", "properties", &old_values},
                                         {"custom_properties", "customProperties", &old_values},
                                         {"metadata", "metadata", &any_map_value},
                                         {"custom_path", "customPath", &text},
                                         {0}}};
static const struct cel_shape artifacts = {CEL_SHAPE_LIST, .of = &artifact};
static const struct cel_shape artifact_list = {
    CEL_SHAPE_MESSAGE, .name = "ml_pipelines.ArtifactList",
    .fields = (const struct cel_field[]){{"artifacts", "artifacts", &artifacts}, {0}}};
static const struct cel_shape artifact_lists = {CEL_SHAPE_MAP, .of = &artifact_list};
static const struct cel_shape inputs = {
    CEL_SHAPE_MESSAGE, .name = "ml_pipelines.ExecutorInput.Inputs",
    .fields = (const struct cel_field[]){{"parameters", "parameters", &old_values},
                                         {"artifacts", "artifacts", &artifact_lists},
                                         {"parameter_values", "parameterValues", &any_map_value},
                                         {0}}};
static const struct cel_shape output_parameter = {
    CEL_SHAPE_MESSAGE, .name = "ml_pipelines.ExecutorInput.OutputParameter",
    .fields = (const struct cel_field[]){{"output_file", "outputFile", &text}, {0}}};
static const struct cel_shape output_parameters = {CEL_SHAPE_MAP, .of = &output_parameter};
static const struct cel_shape outputs = {
    CEL_SHAPE_MESSAGE, .name = "ml_pipelines.ExecutorInput.Outputs",
    .fields = (const struct cel_field[]){{"parameters", "parameters", &output_parameters},
                                         {"artifacts", "artifacts", &artifact_lists},
                                         {"output_file", "outputFile", &text},
                                         {0}}};
const struct cel_shape cel_shape_executor_input = {
    CEL_SHAPE_MESSAGE, .name = "ml_pipelines.ExecutorInput",
    .fields = (const struct cel_field[]){
        {"inputs", "inputs", &inputs}, {"outputs", "outputs", &outputs}, {0}}};

/* ---- JSON to values ---- */

static struct cel_val lent_list(struct cel_ctx *ctx, const struct js *js,
                                const struct cel_shape *of)
{
    struct cel_list *list = cel_alloc(ctx, 1, sizeof *list);

    if (!list)
        return cel_exhausted(ctx);
    *list = (struct cel_list){
        .n = js_is(js, JS_ARRAY) ? js_n(js) : 0,
        .js = js,
        .of = of,
    };
    return (struct cel_val){.kind = CEL_LIST, .list = list};
}

static struct cel_val lent_map(struct cel_ctx *ctx, const struct js *js,
                               const struct cel_shape *shape)
{
    struct cel_map *map = cel_alloc(ctx, 1, sizeof *map);

    if (!map)
        return cel_exhausted(ctx);
    map->shape = shape;
    if (js_is(js, JS_OBJECT)) {
        map->js = js;
        map->n = js_n(js);
    }
    return (struct cel_val){.kind = shape->kind == CEL_SHAPE_MESSAGE ? CEL_MESSAGE : CEL_MAP,
                            .map = map};
}

static struct cel_val any(struct cel_ctx *ctx, const struct js *js, const struct cel_shape *shape)
{
    switch (js_kind(js)) {
    case JS_BOOL:
        return cel_bool(js_truth(js));
    case JS_INT:
        return shape->kind == CEL_SHAPE_JSON ? cel_int(js_as_int(js, 0))
                                             : cel_double(js_as_num(js, 0));
    case JS_REAL:
        return cel_double(js_as_num(js, 0));
    case JS_STRING:
        return cel_text(js_text(js), js_text_len(js));
    case JS_ARRAY:
        return lent_list(ctx, js, shape);
    case JS_OBJECT:
        return lent_map(ctx, js, shape->kind == CEL_SHAPE_JSON ? &any_map_json : &any_map_value);
    case JS_NULL:
        break;
    }
    return cel_null();
}

struct cel_val cel_from_js(struct cel_ctx *ctx, const struct js *js, const struct cel_shape *shape)
{
    switch (shape->kind) {
    case CEL_SHAPE_STRING:
        return js_is(js, JS_STRING) ? cel_text(js_text(js), js_text_len(js)) : cel_text("", 0);
    case CEL_SHAPE_INT: /* protobuf's JSON has int64 as text */
        return cel_int(js_is(js, JS_STRING) ? strtoll(js_text(js), NULL, 10) : js_as_int(js, 0));
    case CEL_SHAPE_DOUBLE:
        return cel_double(js_as_num(js, 0));
    case CEL_SHAPE_LIST:
        return lent_list(ctx, js, shape->of);
    case CEL_SHAPE_MAP:
    case CEL_SHAPE_MESSAGE:
        return lent_map(ctx, js, shape);
    case CEL_SHAPE_JSON:
    case CEL_SHAPE_VALUE:
        break;
    }
    return any(ctx, js, shape);
}

bool cel_find_name(const struct cel_map *map, const char *name, size_t n, const struct js **ret)
{
    *ret = memchr(name, '\0', n) ? NULL : js_get(map->js, name);
    return *ret != NULL;
}

const struct cel_field *cel_field(const struct cel_shape *message, const char *name)
{
    for (const struct cel_field *f = message->fields; f->name; f++) {
        if (strcmp(f->name, name) == 0)
            return f;
    }
    return NULL;
}

static const struct js *field_js(const struct cel_map *message, const struct cel_field *field)
{
    const struct js *js = js_get(message->js, field->json);

    return js ? js : js_get(message->js, field->name);
}

struct cel_val cel_field_get(struct cel_ctx *ctx, const struct cel_map *message,
                             const struct cel_field *field)
{
    return cel_from_js(ctx, field_js(message, field), field->shape);
}

bool cel_field_is_set(const struct cel_map *message, const struct cel_field *field)
{
    const struct js *js = field_js(message, field);

    switch (js_kind(js)) {
    case JS_NULL:
        return false;
    case JS_STRING:
        return js_text_len(js) > 0;
    case JS_ARRAY:
    case JS_OBJECT:
        return field->shape->kind == CEL_SHAPE_MESSAGE || js_n(js) > 0;
    default:
        return js_as_num(js, 1) != 0;
    }
}

static void drop(void *js)
{
    (void)js_free(js);
}

struct cel_val cel_parse_json(struct cel_ctx *ctx, const struct cel_val *args)
{
    struct js *js = NULL;
    struct dh_err why = {0};

    if (!cel_charge(ctx, args[0].s.n / 4 + 100))
        return cel_exhausted(ctx);
    if (js_parse(args[0].s.p, args[0].s.n, &js, &why) < 0)
        return cel_error(ctx, "failed to unmarshal JSON: %s", why.msg);
    arena_on_free(ctx->arena, drop, js);
    return cel_from_js(ctx, js, &cel_shape_value);
}

/* ---- values to JSON ---- */

static struct js *to_js(struct cel_ctx *ctx, struct cel_val v, bool value, unsigned depth);

static struct js *base64(const char *s, size_t n)
{
    static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    own_buf struct buf b = {0};

    for (size_t i = 0; i < n; i += 3) {
        uint32_t three = (uint32_t)(unsigned char)s[i] << 16;

        if (i + 1 < n)
            three |= (uint32_t)(unsigned char)s[i + 1] << 8;
        if (i + 2 < n)
            three |= (unsigned char)s[i + 2];
        buf_addc(&b, set[three >> 18]);
        buf_addc(&b, set[three >> 12 & 63]);
        buf_addc(&b, i + 1 < n ? set[three >> 6 & 63] : '=');
        buf_addc(&b, i + 2 < n ? set[three & 63] : '=');
    }
    return js_strn(buf_str(&b), b.n);
}

static struct js *list_to_js(struct cel_ctx *ctx, const struct cel_list *list, bool value,
                             unsigned depth)
{
    own(js_free) struct js *to = NULL;

    if (!list->items)
        return list->n ? js_ref(list->js) : js_array();
    to = js_array();
    for (size_t i = 0; i < list->n; i++) {
        struct js *item = to_js(ctx, list->items[i], value, depth + 1);

        if (!item)
            return NULL;
        js_push(to, item);
    }
    return take(&to);
}

static struct js *map_to_js(struct cel_ctx *ctx, const struct cel_map *map, bool value,
                            unsigned depth)
{
    own(js_free) struct js *to = NULL;

    if (!map->entries)
        return map->js ? js_ref(map->js) : js_object();
    to = js_object();
    for (size_t i = 0; i < map->n; i++) {
        struct cel_val key = cel_to_string(ctx, &map->entries[i].key);
        struct js *val;

        if (key.kind != CEL_STRING || memchr(key.s.p, '\0', key.s.n))
            return NULL;
        val = to_js(ctx, map->entries[i].val, value, depth + 1);
        if (!val)
            return NULL;
        js_set(to, key.s.p, val);
    }
    return take(&to);
}

static struct js *to_js(struct cel_ctx *ctx, struct cel_val v, bool value, unsigned depth)
{
    struct cel_val text_of;

    if (depth > DEEPEST || !cel_charge(ctx, 1))
        return NULL;
    switch (v.kind) {
    case CEL_NULL:
        return js_null();
    case CEL_BOOL:
        return js_bool(v.b);
    case CEL_INT:
        return value ? js_num((double)v.i) : js_int(v.i);
    case CEL_UINT:
        return value || v.u > INT64_MAX ? js_num((double)v.u) : js_int((int64_t)v.u);
    case CEL_DOUBLE:
        return value ? js_num(v.d) : js_real(v.d);
    case CEL_STRING:
        return js_strn(v.s.p, v.s.n);
    case CEL_BYTES:
        return base64(v.s.p, v.s.n);
    case CEL_LIST:
        return list_to_js(ctx, v.list, value, depth);
    case CEL_MAP:
    case CEL_MESSAGE:
        return map_to_js(ctx, v.map, value, depth);
    case CEL_TIMESTAMP:
    case CEL_DURATION:
        text_of = cel_to_string(ctx, &v);
        return text_of.kind == CEL_STRING ? js_strn(text_of.s.p, text_of.s.n) : NULL;
    default:
        return NULL;
    }
}

struct js *cel_to_js(struct cel_ctx *ctx, struct cel_val v, bool value)
{
    return to_js(ctx, v, value, 0);
}
