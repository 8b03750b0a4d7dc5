#pragma once
/* schema - tables that describe each message of the proto files, and what reads and writes by them.
 *
 * A new field is a line in spec.h and a line in a table (schema-pipeline.c, schema-kubernetes.c).
 */
#include "spec/spec-priv.h"

enum schema_kind {
    SCHEMA_STRING,         /* const char *, "" where absent */
    SCHEMA_STRING_OR_NULL, /* const char *, NULL where absent */
    SCHEMA_BOOL,
    SCHEMA_INT32,
    SCHEMA_INT64, /* a number, or a string of one */
    SCHEMA_DOUBLE,
    SCHEMA_DURATION, /* "3.5s", as int64_t microseconds */
    SCHEMA_ENUM,
    SCHEMA_MESSAGE,   /* embedded */
    SCHEMA_POINTER,   /* a message behind a pointer, NULL where absent */
    SCHEMA_VALUE,     /* google.protobuf.Value, as struct js * */
    SCHEMA_STRUCT,    /* google.protobuf.Struct: a JS_OBJECT */
    SCHEMA_OLD_VALUE, /* ml_pipelines.Value, {"stringValue": …}, as struct js * */
    SCHEMA_ELSEWHERE, /* known, and read by somebody else */
};

enum schema_label { SCHEMA_ONE, SCHEMA_LIST, SCHEMA_MAP };

struct schema_enum {
    const char *name; /* NULL ends the table */
    int value;
};

struct schema_message;

struct schema_field {
    const char *json, *proto; /* both names are read; `json` is written */
    enum schema_kind kind;
    enum schema_label label;
    uint16_t offset;
    uint8_t oneof;  /* fields with the same number, not 0, exclude each other */
    bool old;       /* a deprecated name: read only where the new one is absent; not written */
    uint16_t has;   /* offset of the bool that tells presence, or 0 */
    uint16_t which; /* offset of the enum that tells which of a oneof is there, or 0 */
    uint16_t which_value;
    uint16_t pos;          /* offset of the value's own spec_pos, or 0 */
    uint16_t item_size;    /* of a map's item that is no message */
    uint16_t value_offset; /* of the value in it */
    const struct schema_message *message;
    const struct schema_enum *enums;
};

struct schema_message {
    const char *name;
    size_t size;
    const struct schema_field *fields;
    size_t n_fields;
    /* What the table cannot say: called when the message has been read. */
    void (*after)(struct spec_ctx *ctx, const struct spec_path *path, const struct doc_node *node,
                  void *message);
};

extern const struct schema_message schema_pipeline_spec, schema_component_spec,
    schema_pipeline_task_spec, schema_executor_spec, schema_pipeline_container_spec,
    schema_importer_spec, schema_platform_spec, schema_pipeline_job, schema_input_parameter_spec,
    schema_task_output_parameter_spec, schema_single_platform_spec, schema_env_var;
extern const struct schema_message schema_kubernetes_executor_config, schema_create_pvc,
    schema_delete_pvc;
extern const struct schema_enum schema_param_types[];

/* Sets a zeroed message to its absent state (strings are ""). */
void schema_init(const struct schema_message *m, void *to);
/* Reads `node` into the zeroed `to`. Errors and unknown fields are said through ctx. */
void schema_read(struct spec_ctx *ctx, const struct spec_path *path, const struct schema_message *m,
                 const struct doc_node *node, void *to);
/* The canonical JSON of a message. */
struct js *schema_write(const struct schema_message *m, const void *from);
/* By JSON or proto name; NULL where absent or null. */
const struct doc_node *schema_get(const struct doc_node *map, const char *json, const char *proto);

/* The layout that all SPEC_MAPs and SPEC_LISTs share. */
struct schema_items {
    size_t n;
    void *items;
    const struct spec_index *index; /* maps alone */
};

#define SCHEMA_FIELD_AS(type, json_, proto_, member, kind_, ...)                                   \
    {                                                                                              \
        .json = json_, .proto = proto_, .kind = kind_, .offset = offsetof(struct type, member),    \
        __VA_ARGS__                                                                                \
    }
#define SCHEMA_FIELD(type, json_, member, kind_, ...)                                              \
    SCHEMA_FIELD_AS(type, json_, #member, member, kind_, __VA_ARGS__)
#define SCHEMA_DEFINE_AFTER(message, fields_, after_)                                              \
    const struct schema_message schema_##message = {#message, sizeof(struct message), fields_,     \
                                                    sizeof(fields_) / sizeof *(fields_), after_}
#define SCHEMA_DEFINE(message, fields_) SCHEMA_DEFINE_AFTER(message, fields_, NULL)

/* What a map of strings, of values, of old values is made of. */
#define SCHEMA_STRINGS                                                                             \
    .label = SCHEMA_MAP, .item_size = sizeof(struct string_entry),                                 \
    .value_offset = offsetof(struct string_entry, value)
#define SCHEMA_VALUES                                                                              \
    .label = SCHEMA_MAP, .item_size = sizeof(struct value_entry),                                  \
    .value_offset = offsetof(struct value_entry, value)
#define SCHEMA_MAP_OF(m) .label = SCHEMA_MAP, .message = &schema_##m
#define SCHEMA_LIST_OF(m) .label = SCHEMA_LIST, .message = &schema_##m
