/* Messages as canonical JSON: camelCase names, what is absent or empty left out, 64-bit integers as
 * strings. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "spec/schema.h"

static const void *at_offset(const void *message, uint16_t offset)
{
    return (const char *)message + offset;
}

static const char *enum_name(const struct schema_enum *enums, int value)
{
    for (; enums->name; enums++)
        if (enums->value == value)
            return enums->name;
    return "";
}

/* "3s", "0.250s", "0.000001s": 0, 3 or 6 digits, as protojson has them. */
static struct js *duration(int64_t us)
{
    int64_t s = us / 1000000, rest = us % 1000000;

    if (rest == 0)
        return js_strf("%" PRId64 "s", s);
    if (rest % 1000 == 0)
        return js_strf("%" PRId64 ".%03" PRId64 "s", s, rest / 1000);
    return js_strf("%" PRId64 ".%06" PRId64 "s", s, rest);
}

/* An embedded message is there when it has a place in the source. */
static struct js *write_message(const struct schema_field *f, const void *from)
{
    return ((const struct spec_pos *)from)->line ? schema_write(f->message, from) : NULL;
}

static struct js *write_text(const char *text, bool present)
{
    return text && (present || *text) ? js_str(text) : NULL;
}

static struct js *write_number(const struct schema_field *f, const void *from, bool present)
{
    int64_t i = f->kind == SCHEMA_INT32 ? *(const int32_t *)from : *(const int64_t *)from;

    if (!present && i == 0)
        return NULL;
    return f->kind == SCHEMA_INT32 ? js_int(i) : js_strf("%" PRId64, i);
}

static struct js *write_real(double d)
{
    return d < 0 || d > 0 ? js_num(d) : NULL;
}

/* The value, or NULL where it is the absent one. */
static struct js *write_one(const struct schema_field *f, const void *from, bool present)
{
    switch (f->kind) {
    case SCHEMA_STRING:
        return write_text(*(const char *const *)from, present);
    case SCHEMA_STRING_OR_NULL:
        return write_text(*(const char *const *)from, true);
    case SCHEMA_BOOL:
        return present || *(const bool *)from ? js_bool(*(const bool *)from) : NULL;
    case SCHEMA_INT32:
    case SCHEMA_INT64:
        return write_number(f, from, present);
    case SCHEMA_DOUBLE:
        return write_real(*(const double *)from);
    case SCHEMA_DURATION:
        return *(const int64_t *)from ? duration(*(const int64_t *)from) : NULL;
    case SCHEMA_ENUM:
        return *(const int *)from ? js_str(enum_name(f->enums, *(const int *)from)) : NULL;
    case SCHEMA_MESSAGE:
        return write_message(f, from);
    case SCHEMA_POINTER:
        return *(void *const *)from ? schema_write(f->message, *(void *const *)from) : NULL;
    case SCHEMA_VALUE:
    case SCHEMA_STRUCT:
        return js_ref(*(struct js *const *)from);
    case SCHEMA_OLD_VALUE:
    case SCHEMA_ELSEWHERE:
        break;
    }
    return NULL;
}

static struct js *write_list(const struct schema_field *f, const struct schema_items *from)
{
    size_t size = f->message ? f->message->size : sizeof(void *);
    struct js *list = js_array();

    for (size_t i = 0; i < from->n; i++) {
        struct js *v = write_one(f, (const char *)from->items + i * size, true);

        js_push(list, v ? v : js_null());
    }
    return list;
}

static struct js *write_map(const struct schema_field *f, const struct schema_items *from)
{
    size_t size = f->message ? f->message->size : f->item_size;
    struct js *map = js_object();

    for (size_t i = 0; i < from->n; i++) {
        const struct string_entry *item = (const void *)((const char *)from->items + i * size);
        struct js *v = f->message ? schema_write(f->message, item)
                                  : write_one(f, at_offset(item, f->value_offset), true);

        js_set(map, item->name, v ? v : js_null());
    }
    return map;
}

struct js *schema_write(const struct schema_message *m, const void *from)
{
    struct js *o = js_object();

    for (size_t i = 0; i < m->n_fields; i++) {
        const struct schema_field *f = &m->fields[i];
        const void *at = at_offset(from, f->offset);
        struct js *v = NULL;

        if (f->old || f->kind == SCHEMA_ELSEWHERE)
            continue;
        if (f->label == SCHEMA_ONE)
            v = write_one(f, at, f->has && *(const bool *)at_offset(from, f->has));
        else if (((const struct schema_items *)at)->n)
            v = f->label == SCHEMA_LIST ? write_list(f, at) : write_map(f, at);
        if (v)
            js_set(o, f->json, v);
    }
    return o;
}

struct js *spec_pipeline_json(const struct spec *spec)
{
    return schema_write(&schema_pipeline_spec, &spec->pipeline);
}

struct js *spec_platform_json(const struct spec *spec)
{
    if (!spec->platform.pos.line)
        return NULL;
    return schema_write(&schema_platform_spec, &spec->platform);
}

struct js *spec_to_json(const struct spec *spec)
{
    struct js *both;

    if (!spec->platform.pos.line)
        return spec_pipeline_json(spec);
    both = js_object();
    js_set(both, "pipeline_spec", spec_pipeline_json(spec));
    js_set(both, "platform_spec", spec_platform_json(spec));
    return both;
}

struct js *spec_component_json(const struct component_spec *component)
{
    return schema_write(&schema_component_spec, component);
}

struct js *spec_task_json(const struct pipeline_task_spec *task)
{
    return schema_write(&schema_pipeline_task_spec, task);
}

struct js *spec_container_json(const struct pipeline_container_spec *container)
{
    return schema_write(&schema_pipeline_container_spec, container);
}

struct js *spec_importer_json(const struct importer_spec *importer)
{
    return schema_write(&schema_importer_spec, importer);
}

struct js *spec_executor_json(const struct executor_spec *executor)
{
    return schema_write(&schema_executor_spec, executor);
}
