#pragma once
/* cel-priv - what the files of this folder share: values, the tree, the table of overloads.
 *
 * Everything lives in one of two arenas: the program's (tree and constants) and the evaluation's
 * (values). A value that came in as JSON is not copied: lists and maps keep pointing at it and hand
 * out their elements one by one, so that a condition on a large input costs what it looks at. */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/js.h"
#include "cel/cel.h"
#include "cel/zone.h"

enum cel_kind {
    CEL_DYN, /* no value has it: "not known before evaluation" (checker), "any" (overloads) */
    CEL_ERROR,
    CEL_NULL,
    CEL_BOOL,
    CEL_INT,
    CEL_UINT,
    CEL_DOUBLE,
    CEL_STRING,
    CEL_BYTES,
    CEL_LIST,
    CEL_MAP,
    CEL_TIMESTAMP,
    CEL_DURATION,
    CEL_TYPE,
    CEL_MESSAGE,
};

/* How JSON is to be read as CEL: what a protobuf descriptor says. */
enum cel_shape_kind {
    CEL_SHAPE_JSON,  /* any value; integers are ints */
    CEL_SHAPE_VALUE, /* any value; all numbers are doubles, as in google.protobuf.Value */
    CEL_SHAPE_STRING,
    CEL_SHAPE_INT,
    CEL_SHAPE_DOUBLE,
    CEL_SHAPE_MAP,  /* string to `of` */
    CEL_SHAPE_LIST, /* of `of` */
    CEL_SHAPE_MESSAGE,
};

struct cel_field;
struct cel_shape {
    enum cel_shape_kind kind;
    const struct cel_shape *of;
    const char *name;               /* of a message: its protobuf name */
    const struct cel_field *fields; /* of a message; ends with a NULL name */
};

struct cel_field {
    const char *name, *json; /* proto name and lowerCamelCase name; both are read */
    const struct cel_shape *shape;
};

extern const struct cel_shape cel_shape_json, cel_shape_value, cel_shape_executor_input;

struct cel_val {
    enum cel_kind kind;
    uint32_t at; /* of an error: offset in the expression + 1; 0: not known yet */
    union {
        bool b;
        int64_t i; /* int; duration: nanoseconds */
        uint64_t u;
        double d;
        struct {
            const char *p; /* a NUL follows the n bytes */
            size_t n;
        } s; /* string, bytes, the name of a type, the message of an error */
        struct {
            int64_t sec; /* since 1970 */
            int32_t nsec;
        } t;
        const struct cel_list *list;
        const struct cel_map *map; /* map, message */
    };
};

struct cel_list {
    size_t n;
    const struct cel_val *items; /* NULL: js, read as `of` */
    const struct js *js;
    const struct cel_shape *of;
};

struct cel_entry {
    struct cel_val key, val;
};

struct cel_map {
    size_t n;
    const struct cel_entry *entries; /* NULL: js; values read as shape->of, or a message's fields */
    const uint32_t *index;           /* open addressing, entry + 1; NULL in small maps */
    size_t n_index;
    const struct js *js; /* may be NULL: empty */
    const struct cel_shape *shape;
};

/* ---- the tree ---- */

enum cel_node_kind {
    CEL_NODE_CONST,
    CEL_NODE_IDENT,
    CEL_NODE_SELECT, /* args[0].name */
    CEL_NODE_HAS,    /* has(args[0].name) */
    CEL_NODE_CALL,   /* operators and functions; a receiver is args[0] */
    CEL_NODE_LIST,
    CEL_NODE_MAP, /* args: key, value, key, value, … */
    CEL_NODE_STRUCT,
    CEL_NODE_AND, /* any number of args */
    CEL_NODE_OR,
    CEL_NODE_IF,
    CEL_NODE_MACRO, /* args[0]: range; args[1], args[2]: what is evaluated with `name` bound */
};

enum cel_macro { CEL_ALL, CEL_EXISTS, CEL_EXISTS_ONE, CEL_MAP_TO, CEL_MAP_IF, CEL_FILTER };

struct cel_overload;

struct cel_node {
    enum cel_node_kind kind;
    enum cel_macro macro;
    uint32_t at, end; /* where in the expression */
    uint32_t depth;
    bool receiver; /* of a call: written as a.f(b) */
    bool rooted;   /* of an ident: written as .a, so no loop variable */
    const char *name;
    struct cel_node **args;
    const char **fields; /* of a struct: names, beside args */
    size_t n_args;
    struct cel_val val; /* const */
    const struct cel_overload
        *calls; /* first overload of the call's name; NULL: no such function */
};

struct cel_program {
    struct arena *arena;
    const char *text;
    size_t n_text;
    const struct cel_node *root;
    const char **params;
    size_t n_params, cap_params;
    bool asks_artifacts;
};

/* ---- evaluation ---- */

struct cel_scope {
    const struct cel_scope *up;
    const char *name;
    struct cel_val val;
};

struct cel_regex;

struct cel_ctx {
    struct arena *arena;
    struct cel_val vars; /* a map or a message */
    const struct cel_scope *scope;
    int64_t steps;          /* left */
    size_t bytes;           /* left */
    const char *value_kind; /* of a selector's value, for messages; else NULL */
    const char *exhausted;  /* a bound was hit: no operator absorbs that */
    const struct cel_regex *regex;
    const char *regex_text; /* the pattern that `regex` is of */
};

struct cel_overload {
    const char *name;
    struct cel_val (*call)(struct cel_ctx *ctx, const struct cel_val *args);
    enum cel_kind args[2];
    enum cel_kind ret;
    uint8_t n_args;
    bool receiver;
    bool
        late; /* exists for values of unknown type only: the checker passes it by, as cel-go does */
};

void cel_ctx_init(struct cel_ctx *ctx, struct arena *arena, struct cel_val vars);
/* An error result has its place; a bound that was hit is an error result too. */
struct cel_val cel_run(struct cel_ctx *ctx, const struct cel_node *e);
/* cel_compile for a text that may hold NULs. */
int cel_compile_n(const char *expr, size_t n, struct cel_program **ret, struct dh_err *err);
/* Fills err with "line:column: message", DH_FAILED. Returns -1. */
int cel_fail_at(const struct cel_program *p, struct cel_val error, struct dh_err *err);
/* DH_INVALID, with the place of `e`. */
void cel_refuse(const struct cel_program *p, const struct cel_node *e, struct dh_err *err,
                const char *fmt, va_list ap);
void cel_line_column(const char *text, size_t at, unsigned *ret_line, unsigned *ret_column);

bool cel_charge(struct cel_ctx *ctx, size_t steps);
void *cel_alloc(struct cel_ctx *ctx, size_t n, size_t size); /* NULL: over the bound */
struct cel_val cel_error(struct cel_ctx *ctx, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
struct cel_val cel_exhausted(struct cel_ctx *ctx);
struct cel_val cel_no_such_key(struct cel_ctx *ctx, const struct cel_map *map, struct cel_val key);
struct cel_val cel_no_overload(struct cel_ctx *ctx, const char *name, const struct cel_val *args,
                               size_t n);

/* ---- values (val.c) ---- */

struct cel_val cel_null(void);
struct cel_val cel_bool(bool b);
struct cel_val cel_int(int64_t i);
struct cel_val cel_uint(uint64_t u);
struct cel_val cel_double(double d);
struct cel_val cel_duration(int64_t ns);
struct cel_val cel_text(const char *s, size_t n); /* borrows s */
struct cel_val cel_textf(struct cel_ctx *ctx, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
struct cel_val cel_bytes(const char *s, size_t n);
struct cel_val cel_type(const char *name);
struct cel_val cel_type_of(struct cel_val v);
struct cel_val cel_items(struct cel_ctx *ctx, const struct cel_val *items, size_t n);
/* Keys must be of a kind that may be one; a repeated key is an error. Takes entries as they are. */
struct cel_val cel_entries(struct cel_ctx *ctx, const struct cel_entry *entries, size_t n);
const char *cel_kind_name(enum cel_kind kind);
enum cel_kind cel_kind_of_name(const char *type_name); /* CEL_DYN: no such type */

bool cel_equal(struct cel_ctx *ctx, struct cel_val a, struct cel_val b);
/* -1, 0, 1; 2: NaN is among them. a and b are of kinds that can be ordered. */
int cel_order(struct cel_ctx *ctx, struct cel_val a, struct cel_val b);
struct cel_val cel_at(struct cel_ctx *ctx, const struct cel_list *list, size_t i);
bool cel_find(struct cel_ctx *ctx, const struct cel_map *map, struct cel_val key,
              struct cel_val *ret);

/* ---- JSON (json.c) ---- */

struct cel_val cel_from_js(struct cel_ctx *ctx, const struct js *js, const struct cel_shape *shape);
/* NULL: it has no JSON form (a type, an error), or is nested too deep. `value`: numbers as a
 * google.protobuf.Value has them, that is, 5.0 is written as 5. */
struct js *cel_to_js(struct cel_ctx *ctx, struct cel_val v, bool value);
const struct cel_field *cel_field(const struct cel_shape *message, const char *name);
bool cel_field_is_set(const struct cel_map *message, const struct cel_field *field);
struct cel_val cel_field_get(struct cel_ctx *ctx, const struct cel_map *message,
                             const struct cel_field *field);
bool cel_find_name(const struct cel_map *map, const char *name, size_t n, const struct js **ret);
struct cel_val cel_parse_json(struct cel_ctx *ctx, const struct cel_val *args);

/* ---- text ---- */

bool cel_utf8_ok(const char *s, size_t n);
size_t cel_utf8_n(const char *s, size_t n); /* code points */
/* The code point at s (valid UTF-8, s < end) and its length. */
uint32_t cel_utf8_get(const char *s, const char *end, size_t *ret_n);
size_t cel_utf8_put(uint32_t c, char to[4]);
/* Shortest text that reads back as d, as Go's strconv writes with 'g' or 'f'. */
struct cel_val cel_double_text(struct cel_ctx *ctx, double d, char format);

/* ---- tokens and tree ---- */

enum cel_token {
    CEL_T_END,
    CEL_T_INT,
    CEL_T_UINT,
    CEL_T_DOUBLE,
    CEL_T_STRING,
    CEL_T_BYTES,
    CEL_T_IDENT,
    CEL_T_QUOTED, /* `name` */
    CEL_T_PUNCT,  /* one or two bytes */
};

struct cel_lexer {
    const char *text;
    size_t n;
    struct arena *arena;
    struct dh_err *err;
    enum cel_token token;
    size_t at, end, before; /* the token; `before`: end of the one before it */
    struct cel_val val;     /* of a string or bytes */
    const char *name;       /* of an identifier */
};

int cel_next(struct cel_lexer *lex); /* 0, or -1 with err filled */
/* Fills err with "line:column: …"; DH_INVALID. Returns -1. */
int cel_syntax(struct cel_lexer *lex, size_t at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
bool cel_punct(const struct cel_lexer *lex, const char *what);
int cel_number(struct cel_lexer *lex, bool negative, struct cel_val *ret);

int cel_parse(struct cel_program *p, struct dh_err *err);
/* "a.b.c" where the node is such a chain of names, else NULL. In `arena`. */
const char *cel_dotted(struct arena *arena, const struct cel_node *node);

/* Of google.protobuf.Timestamp and .Duration as names of types; else CEL_DYN. */
enum cel_kind cel_qualified_type(const struct cel_node *e);
/* x, where the node is inputs.parameter_values['x']; else NULL. */
const char *cel_param_of(const struct cel_node *e);

/* ---- functions ---- */

/* The run of overloads of that name; NULL: none. Operators: "_+_", "-_", "_[_]", "@in", … */
const struct cel_overload *cel_overloads(const char *name);
struct cel_val cel_call(struct cel_ctx *ctx, const struct cel_node *call,
                        const struct cel_val *args);

typedef struct cel_val cel_fn(struct cel_ctx *ctx, const struct cel_val *args);
cel_fn cel_to_int, cel_to_uint, cel_to_double, cel_to_string, cel_to_bytes, cel_to_bool,
    cel_to_timestamp, cel_to_duration;                                  /* conv.c */
cel_fn cel_add_time, cel_add_time_swapped, cel_sub_time, cel_sub_times; /* time.c */
cel_fn cel_get_year, cel_get_month, cel_get_date, cel_get_day_of_month, cel_get_day_of_week,
    cel_get_day_of_year, cel_get_hours, cel_get_minutes, cel_get_seconds, cel_get_ms; /* time.c */
cel_fn cel_duration_hours, cel_duration_minutes, cel_duration_seconds, cel_duration_ms;
cel_fn cel_matches;

/* A message literal of a well-known type. `fields` and `vals` run beside each other. */
struct cel_val cel_well_known(struct cel_ctx *ctx, const char *type, const char *const *fields,
                              const struct cel_val *vals, size_t n);
/* What such a literal is; CEL_ERROR: no such message type. */
enum cel_kind cel_well_known_kind(const char *type);

/* ---- time ---- */

int cel_timestamp_parse(const char *s, int64_t *ret_sec, int32_t *ret_nsec); /* -1: none */
struct cel_val cel_timestamp_text(struct cel_ctx *ctx, struct cel_val v);
int cel_duration_parse(const char *s, int64_t *ret_ns); /* -1: none, or out of range */
struct cel_val cel_timestamp(struct cel_ctx *ctx, int64_t sec, int64_t nsec); /* checks the range */
void cel_civil(int64_t days, int64_t *ret_year, int *ret_month, int *ret_day);
int64_t cel_days(int64_t year, int month, int day); /* since 1970-01-01; month 1..12 */

/* ---- regular expressions (regex.c, regex-parse.c) ---- */

/* NULL: not one; *ret_why says why (in arena or static). */
const struct cel_regex *cel_regex_compile(struct arena *arena, const char *pattern, size_t n,
                                          const char **ret_why);
size_t cel_regex_bytes(const struct cel_regex *re);
/* Is there a match anywhere in s? ctx pays for it. */
bool cel_regex_find(struct cel_ctx *ctx, const struct cel_regex *re, const char *s, size_t n);
