/* conv - int(), uint(), double(), string(), bytes(), bool(), timestamp(), duration(), and the
 * messages of google.protobuf that are values of these kinds. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cel/cel-priv.h"

static struct cel_val range(struct cel_ctx *ctx, const char *to)
{
    return cel_error(ctx, "range error: the value does not fit %s", to);
}

static struct cel_val unreadable(struct cel_ctx *ctx, struct cel_val from, const char *to,
                                 const char *form)
{
    return cel_error(ctx, "type conversion error: '%.*s' is not %s%s",
                     from.s.n > 60 ? 60 : (int)from.s.n, from.s.p, to, form);
}

/* Text of an optional sign and digits, all of it? */
static bool is_digits(struct cel_val v, bool sign)
{
    size_t i = sign && v.s.n && (v.s.p[0] == '-' || v.s.p[0] == '+');

    if (i == v.s.n)
        return false;
    for (; i < v.s.n; i++) {
        if (v.s.p[i] < '0' || v.s.p[i] > '9')
            return false;
    }
    return true;
}

struct cel_val cel_to_int(struct cel_ctx *ctx, const struct cel_val *a)
{
    int64_t i;

    switch (a->kind) {
    case CEL_DOUBLE: /* open at both ends, as cel-go has it */
        return a->d > -0x1p63 && a->d < 0x1p63 ? cel_int((int64_t)a->d) : range(ctx, "an int");
    case CEL_UINT:
        return a->u <= INT64_MAX ? cel_int((int64_t)a->u) : range(ctx, "an int");
    case CEL_TIMESTAMP:
        return cel_int(a->t.sec);
    case CEL_DURATION:
        return cel_int(a->i);
    default:
        break;
    }
    if (!is_digits(*a, true))
        return unreadable(ctx, *a, "an int", "; double('1.5') reads fractions");
    errno = 0;
    i = strtoll(a->s.p, NULL, 10);
    return errno == ERANGE ? range(ctx, "an int") : cel_int(i);
}

struct cel_val cel_to_uint(struct cel_ctx *ctx, const struct cel_val *a)
{
    uint64_t u;

    if (a->kind == CEL_INT)
        return a->i >= 0 ? cel_uint((uint64_t)a->i) : range(ctx, "a uint");
    if (a->kind == CEL_DOUBLE)
        return a->d >= 0 && a->d < 0x1p64 ? cel_uint((uint64_t)a->d) : range(ctx, "a uint");
    if (!is_digits(*a, false))
        return unreadable(ctx, *a, "a uint", "");
    errno = 0;
    u = strtoull(a->s.p, NULL, 10);
    return errno == ERANGE ? range(ctx, "a uint") : cel_uint(u);
}

/* What strtod takes beyond Go's ParseFloat: blanks in front, nan(…). */
static bool is_double(struct cel_val v)
{
    static const char allowed[] = "0123456789+-.eExXpPabcdfABCDFinityINFTYnaN";

    return v.s.n > 0 && strspn(v.s.p, allowed) == v.s.n;
}

struct cel_val cel_to_double(struct cel_ctx *ctx, const struct cel_val *a)
{
    char *end;
    double d;

    if (a->kind == CEL_INT)
        return cel_double((double)a->i);
    if (a->kind == CEL_UINT)
        return cel_double((double)a->u);
    if (!is_double(*a))
        return unreadable(ctx, *a, "a double", "");
    (void)cel_charge(ctx, a->s.n);
    d = strtod(a->s.p, &end);
    if (end != a->s.p + a->s.n)
        return unreadable(ctx, *a, "a double", "");
    if (isinf(d) && !strpbrk(a->s.p, "iI"))
        return range(ctx, "a double");
    return cel_double(d);
}

static struct cel_val duration_text(struct cel_ctx *ctx, int64_t ns)
{
    /* Go's Duration.Seconds(): whole seconds and the rest, each as a double. */
    double seconds = (double)(ns / 1000000000) + (double)(ns % 1000000000) / 1e9;
    struct cel_val v = cel_double_text(ctx, seconds, 'f');

    return v.kind == CEL_STRING ? cel_textf(ctx, "%ss", v.s.p) : v;
}

struct cel_val cel_to_string(struct cel_ctx *ctx, const struct cel_val *a)
{
    switch (a->kind) {
    case CEL_INT:
        return cel_textf(ctx, "%" PRId64, a->i);
    case CEL_UINT:
        return cel_textf(ctx, "%" PRIu64, a->u);
    case CEL_DOUBLE:
        return cel_double_text(ctx, a->d, 'g');
    case CEL_BOOL:
        return a->b ? cel_text("true", 4) : cel_text("false", 5);
    case CEL_BYTES:
        (void)cel_charge(ctx, a->s.n / 16);
        return cel_utf8_ok(a->s.p, a->s.n) ? cel_text(a->s.p, a->s.n)
                                           : cel_error(ctx, "invalid UTF-8 in bytes, cannot "
                                                            "convert to string");
    case CEL_TIMESTAMP:
        return cel_timestamp_text(ctx, *a);
    case CEL_DURATION:
        return duration_text(ctx, a->i);
    case CEL_STRING:
        return *a;
    default:
        return cel_error(ctx, "no such overload: string(%s)", cel_type_of(*a).s.p);
    }
}

struct cel_val cel_to_bytes(struct cel_ctx *ctx, const struct cel_val *a)
{
    (void)ctx;
    return cel_bytes(a->s.p, a->s.n);
}

struct cel_val cel_to_bool(struct cel_ctx *ctx, const struct cel_val *a)
{
    static const char *const words[] = {"1", "t", "true",  "TRUE",  "True",  "T",
                                        "0", "f", "false", "FALSE", "False", "F"};

    for (size_t i = 0; i < 12; i++) {
        if (strlen(words[i]) == a->s.n && memcmp(words[i], a->s.p, a->s.n) == 0)
            return cel_bool(i < 6);
    }
    return unreadable(ctx, *a, "a bool", "; 'true' and 'false' are");
}

struct cel_val cel_to_timestamp(struct cel_ctx *ctx, const struct cel_val *a)
{
    int64_t sec;
    int32_t nsec;

    if (a->kind == CEL_INT)
        return cel_timestamp(ctx, a->i, 0);
    if (strlen(a->s.p) != a->s.n || cel_timestamp_parse(a->s.p, &sec, &nsec) < 0)
        return unreadable(ctx, *a, "a timestamp", " like '2026-11-23T18:20:00Z'");
    return cel_timestamp(ctx, sec, nsec);
}

struct cel_val cel_to_duration(struct cel_ctx *ctx, const struct cel_val *a)
{
    int64_t ns;

    if (a->kind == CEL_INT)
        return cel_duration(a->i);
    if (strlen(a->s.p) != a->s.n || cel_duration_parse(a->s.p, &ns) < 0)
        return unreadable(ctx, *a, "a duration", " like '1h30m' or '2.5s' (at most 292 years)");
    return cel_duration(ns);
}

/* ---- messages of google.protobuf ---- */

struct well_known {
    const char *name;
    struct {
        const char *name;
        enum cel_kind kind;
    } fields[7];
    enum cel_kind kind; /* CEL_DYN: the field that is set */
};

static const struct well_known messages[] = {
    {"BoolValue", {{"value", CEL_BOOL}}, CEL_BOOL},
    {"BytesValue", {{"value", CEL_BYTES}}, CEL_BYTES},
    {"DoubleValue", {{"value", CEL_DOUBLE}}, CEL_DOUBLE},
    {"FloatValue", {{"value", CEL_DOUBLE}}, CEL_DOUBLE},
    {"Int32Value", {{"value", CEL_INT}}, CEL_INT},
    {"Int64Value", {{"value", CEL_INT}}, CEL_INT},
    {"StringValue", {{"value", CEL_STRING}}, CEL_STRING},
    {"UInt32Value", {{"value", CEL_UINT}}, CEL_UINT},
    {"UInt64Value", {{"value", CEL_UINT}}, CEL_UINT},
    {"ListValue", {{"values", CEL_LIST}}, CEL_LIST},
    {"Struct", {{"fields", CEL_MAP}}, CEL_MAP},
    {"Timestamp", {{"seconds", CEL_INT}, {"nanos", CEL_INT}}, CEL_TIMESTAMP},
    {"Duration", {{"seconds", CEL_INT}, {"nanos", CEL_INT}}, CEL_DURATION},
    {"Value",
     {{"null_value", CEL_DYN},
      {"number_value", CEL_DOUBLE},
      {"string_value", CEL_STRING},
      {"bool_value", CEL_BOOL},
      {"struct_value", CEL_MAP},
      {"list_value", CEL_LIST}},
     CEL_DYN},
};

static const struct well_known *well_known(const char *type)
{
    static const char package[] = "google.protobuf.";

    if (strncmp(type, package, sizeof package - 1) != 0)
        return NULL;
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
        if (strcmp(messages[i].name, type + sizeof package - 1) == 0)
            return &messages[i];
    }
    return NULL;
}

enum cel_kind cel_well_known_kind(const char *type)
{
    const struct well_known *m = well_known(type);

    return m ? m->kind : CEL_ERROR;
}

static struct cel_val zero(struct cel_ctx *ctx, enum cel_kind kind)
{
    switch (kind) {
    case CEL_STRING:
        return cel_text("", 0);
    case CEL_BYTES:
        return cel_bytes("", 0);
    case CEL_LIST:
        return cel_items(ctx, (const struct cel_val[]){{0}}, 0);
    case CEL_MAP: {
        const struct cel_entry *none = cel_alloc(ctx, 1, sizeof *none);

        return none ? cel_entries(ctx, none, 0) : cel_exhausted(ctx);
    }
    case CEL_DYN:
        return cel_null();
    default:
        return (struct cel_val){.kind = kind};
    }
}

/* Bounds that the message has and the kind has not. */
static struct cel_val narrowed(struct cel_ctx *ctx, const char *name, struct cel_val v)
{
    if (strcmp(name, "Int32Value") == 0 && (v.i < INT32_MIN || v.i > INT32_MAX))
        return range(ctx, "an int32");
    if (strcmp(name, "UInt32Value") == 0 && v.u > UINT32_MAX)
        return range(ctx, "a uint32");
    if (strcmp(name, "FloatValue") == 0 && fabs(v.d) <= 0x1.fffffep127)
        return cel_double((double)(float)v.d);
    return v;
}

/* Puts a field's value where it belongs in `set`; what it returns is an error or of no meaning. */
static struct cel_val set_field(struct cel_ctx *ctx, const struct well_known *m, const char *field,
                                struct cel_val val, struct cel_val *set)
{
    size_t k = 0;

    while (m->fields[k].name && strcmp(m->fields[k].name, field) != 0)
        k++;
    if (!m->fields[k].name)
        return cel_error(ctx, "no such field: google.protobuf.%s has no '%s'", m->name, field);
    if (m->fields[k].kind != val.kind && m->fields[k].kind != CEL_DYN)
        return cel_error(ctx, "field '%s' of google.protobuf.%s is of type %s, not %s", field,
                         m->name, cel_kind_name(m->fields[k].kind), cel_type_of(val).s.p);
    set[m->kind == CEL_DYN ? 0 : k] = val; /* of a Value, one is set */
    return val;
}

struct cel_val cel_well_known(struct cel_ctx *ctx, const char *type, const char *const *fields,
                              const struct cel_val *vals, size_t n)
{
    const struct well_known *m = well_known(type);
    struct cel_val set[2], v;
    int64_t ns;

    if (!m)
        return cel_error(ctx, "unknown type: no message '%s' is known", type);
    set[0] = zero(ctx, m->fields[0].kind);
    set[1] = cel_int(0);
    for (size_t i = 0; i < n; i++) {
        v = set_field(ctx, m, fields[i], vals[i], set);
        if (v.kind == CEL_ERROR)
            return v;
    }
    if (m->kind != CEL_TIMESTAMP && m->kind != CEL_DURATION)
        return narrowed(ctx, m->name, set[0]);
    if (set[1].i < -999999999 || set[1].i > 999999999)
        return range(ctx, "nanos");
    if (m->kind == CEL_TIMESTAMP)
        return cel_timestamp(ctx, set[0].i, set[1].i);
    if (__builtin_mul_overflow(set[0].i, 1000000000, &ns) ||
        __builtin_add_overflow(ns, set[1].i, &ns))
        return range(ctx, "a duration");
    return cel_duration(ns);
}
