/* pb - the wire format of Protocol Buffers. */
#include "base/pb.h"

#include <math.h>
#include <string.h>

#include "base/js.h"
#include "base/limits.h"
#include "base/mem.h"

/* ---- writing ---- */

static void put_varint(struct buf *b, uint64_t v)
{
    unsigned char bytes[10];
    size_t n = 0;

    do {
        bytes[n++] = (unsigned char)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
        v >>= 7;
    } while (v);
    buf_add(b, bytes, n);
}

static void put_tag(struct buf *b, unsigned field, enum pb_wire wire)
{
    put_varint(b, (uint64_t)field << 3 | (unsigned)wire);
}

void pb_put_int(struct buf *b, unsigned field, int64_t value)
{
    put_tag(b, field, PB_VARINT);
    put_varint(b, (uint64_t)value);
}

void pb_put_double(struct buf *b, unsigned field, double value)
{
    unsigned char bytes[8];
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(bits >> (8 * i));
    put_tag(b, field, PB_FIXED64);
    buf_add(b, bytes, sizeof bytes);
}

void pb_put_bytes(struct buf *b, unsigned field, const void *bytes, size_t n)
{
    put_tag(b, field, PB_LENGTH);
    put_varint(b, n);
    if (n)
        buf_add(b, bytes, n);
}

void pb_put_text(struct buf *b, unsigned field, const char *text)
{
    if (text)
        pb_put_bytes(b, field, text, strlen(text));
}

/* Room for a length below 128 is made ahead; a longer message is moved up. */
size_t pb_open(struct buf *b, unsigned field)
{
    put_tag(b, field, PB_LENGTH);
    buf_addc(b, '\0');
    return b->n;
}

void pb_close(struct buf *b, size_t mark)
{
    size_t n = b->n - mark, more = 0;
    unsigned char *at;

    for (uint64_t v = n >> 7; v; v >>= 7)
        more++;
    if (more)
        buf_add(b, "\0\0\0\0\0\0\0\0\0", more);
    at = (unsigned char *)b->p + mark - 1;
    if (more)
        memmove(at + 1 + more, at + 1, n);
    for (uint64_t v = n;; v >>= 7) {
        *at++ = (unsigned char)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
        if (v <= 0x7f)
            break;
    }
}

/* ---- reading ---- */

struct pb_in pb_in(const void *bytes, size_t n)
{
    const unsigned char *p = n ? bytes : (const unsigned char *)"";

    return (struct pb_in){p, p + n};
}

struct pb_in pb_in_field(const struct pb_field *f)
{
    return f->wire == PB_LENGTH ? pb_in(f->p, f->n) : pb_in(NULL, 0);
}

static bool varint(struct pb_in *in, uint64_t *ret)
{
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 70; shift += 7) {
        unsigned char c;

        if (in->p == in->end)
            return false;
        c = *in->p++;
        if (shift < 64)
            v |= (uint64_t)(c & 0x7f) << shift;
        if (!(c & 0x80)) {
            *ret = v;
            return true;
        }
    }
    return false;
}

static bool fixed(struct pb_in *in, int n, uint64_t *ret)
{
    uint64_t v = 0;

    if (in->end - in->p < n)
        return false;
    for (int i = 0; i < n; i++)
        v |= (uint64_t)in->p[i] << (8 * i);
    in->p += n;
    *ret = v;
    return true;
}

int pb_read(struct pb_in *in, struct pb_field *f)
{
    uint64_t tag, n;

    if (in->p == in->end)
        return PB_END;
    if (!varint(in, &tag) || tag >> 3 == 0 || tag >> 3 > (1U << 29) - 1)
        return PB_BROKEN;
    *f = (struct pb_field){.number = (unsigned)(tag >> 3), .p = (const unsigned char *)""};
    switch (tag & 7) {
    case PB_VARINT:
        f->wire = PB_VARINT;
        return varint(in, &f->value) ? PB_FIELD : PB_BROKEN;
    case PB_FIXED64:
        f->wire = PB_FIXED64;
        return fixed(in, 8, &f->value) ? PB_FIELD : PB_BROKEN;
    case PB_FIXED32:
        f->wire = PB_FIXED32;
        return fixed(in, 4, &f->value) ? PB_FIELD : PB_BROKEN;
    case PB_LENGTH:
        f->wire = PB_LENGTH;
        if (!varint(in, &n) || n > (uint64_t)(in->end - in->p))
            return PB_BROKEN;
        f->p = in->p;
        f->n = (size_t)n;
        in->p += n;
        return PB_FIELD;
    default:
        return PB_BROKEN; /* groups, and what has no meaning */
    }
}

double pb_double(const struct pb_field *f)
{
    double d = 0;

    if (f->wire == PB_FIXED64)
        memcpy(&d, &f->value, sizeof d);
    return d;
}

bool pb_packed(const struct pb_field *f, size_t *at, int64_t *ret)
{
    struct pb_in in;
    uint64_t v;

    if (f->wire == PB_VARINT) {
        *ret = (int64_t)f->value;
        return (*at)++ == 0;
    }
    if (f->wire != PB_LENGTH || *at >= f->n)
        return false;
    in = pb_in(f->p + *at, f->n - *at);
    if (!varint(&in, &v))
        return false;
    *at = (size_t)(in.p - f->p);
    *ret = (int64_t)v;
    return true;
}

/* ---- Struct ---- */

enum { VALUE_NULL = 1, VALUE_NUMBER, VALUE_TEXT, VALUE_BOOL, VALUE_STRUCT, VALUE_LIST };

void pb_put_struct(struct buf *b, const struct js *object)
{
    for (js_each(object, it)) {
        size_t entry = pb_open(b, 1), value;

        pb_put_text(b, 1, it.key);
        value = pb_open(b, 2);
        pb_put_value(b, it.value);
        pb_close(b, value);
        pb_close(b, entry);
    }
}

static void put_list(struct buf *b, const struct js *array)
{
    for (size_t i = 0; i < js_n(array); i++) {
        size_t value = pb_open(b, 1);

        pb_put_value(b, js_at(array, i));
        pb_close(b, value);
    }
}

void pb_put_value(struct buf *b, const struct js *v)
{
    size_t mark;

    switch (js_kind(v)) {
    case JS_NULL:
        pb_put_int(b, VALUE_NULL, 0);
        break;
    case JS_BOOL:
        pb_put_int(b, VALUE_BOOL, js_truth(v));
        break;
    case JS_INT:
    case JS_REAL:
        pb_put_double(b, VALUE_NUMBER, js_as_num(v, 0));
        break;
    case JS_STRING:
        pb_put_bytes(b, VALUE_TEXT, js_text(v), js_text_len(v));
        break;
    case JS_ARRAY:
        mark = pb_open(b, VALUE_LIST);
        put_list(b, v);
        pb_close(b, mark);
        break;
    case JS_OBJECT:
        mark = pb_open(b, VALUE_STRUCT);
        pb_put_struct(b, v);
        pb_close(b, mark);
        break;
    }
}

static int broken(struct dh_err *err)
{
    return dh_fail(err, DH_INVALID, "not a protobuf Struct, or one that nests deeper than %d",
                   LIMIT_PB_DEPTH);
}

static int read_value(struct pb_in in, int depth, struct js **ret, struct dh_err *err);

static int read_entry(struct pb_in in, int depth, struct js *to, struct dh_err *err)
{
    own_mem char *key = NULL;
    own(js_free) struct js *value = NULL;
    struct pb_field f;
    int rc;

    while ((rc = pb_read(&in, &f)) == PB_FIELD) {
        if (f.number == 1 && f.wire == PB_LENGTH) {
            dh_mem_own(&key);
            key = dh_strndup((const char *)f.p, f.n);
        } else if (f.number == 2 && f.wire == PB_LENGTH) {
            value = js_free(value);
            if (read_value(pb_in_field(&f), depth, &value, err) < 0)
                return -1;
        }
    }
    if (rc < 0)
        return broken(err);
    js_set(to, key ? key : "", value ? take(&value) : js_null());
    return 0;
}

static int read_struct(struct pb_in in, int depth, struct js **ret, struct dh_err *err)
{
    own(js_free) struct js *object = js_object();
    struct pb_field f;
    int rc;

    if (depth > LIMIT_PB_DEPTH)
        return broken(err);
    while ((rc = pb_read(&in, &f)) == PB_FIELD)
        if (f.number == 1 && f.wire == PB_LENGTH &&
            read_entry(pb_in_field(&f), depth, object, err) < 0)
            return -1;
    if (rc < 0)
        return broken(err);
    *ret = take(&object);
    return 0;
}

static int read_list(struct pb_in in, int depth, struct js **ret, struct dh_err *err)
{
    own(js_free) struct js *array = js_array();
    struct pb_field f;
    int rc;

    if (depth > LIMIT_PB_DEPTH)
        return broken(err);
    while ((rc = pb_read(&in, &f)) == PB_FIELD) {
        struct js *value = NULL;

        if (f.number != 1 || f.wire != PB_LENGTH)
            continue;
        if (read_value(pb_in_field(&f), depth, &value, err) < 0)
            return -1;
        js_push(array, value);
    }
    if (rc < 0)
        return broken(err);
    *ret = take(&array);
    return 0;
}

static int read_kind(const struct pb_field *f, int depth, struct js **ret, struct dh_err *err)
{
    double d;

    switch (f->number) {
    case VALUE_NULL:
        *ret = js_null();
        return 0;
    case VALUE_NUMBER:
        d = pb_double(f);
        *ret = isfinite(d) ? js_num(d) : js_real(d);
        return 0;
    case VALUE_TEXT:
        *ret = js_strn((const char *)f->p, f->n);
        return 0;
    case VALUE_BOOL:
        *ret = js_bool(f->value != 0);
        return 0;
    case VALUE_STRUCT:
        return read_struct(pb_in_field(f), depth + 1, ret, err);
    case VALUE_LIST:
        return read_list(pb_in_field(f), depth + 1, ret, err);
    default:
        return 0; /* a field of a later version */
    }
}

static int read_value(struct pb_in in, int depth, struct js **ret, struct dh_err *err)
{
    own(js_free) struct js *value = NULL;
    struct pb_field f;
    int rc;

    while ((rc = pb_read(&in, &f)) == PB_FIELD) {
        struct js *next = NULL;

        if (read_kind(&f, depth, &next, err) < 0)
            return -1;
        if (next) { /* the last one counts */
            value = js_free(value);
            value = next;
        }
    }
    if (rc < 0)
        return broken(err);
    *ret = value ? take(&value) : js_null();
    return 0;
}

int pb_read_struct(struct pb_in in, struct js **ret, struct dh_err *err)
{
    return read_struct(in, 0, ret, err);
}

int pb_read_value(struct pb_in in, struct js **ret, struct dh_err *err)
{
    return read_value(in, 0, ret, err);
}
