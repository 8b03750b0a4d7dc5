/* ML Metadata's messages: field numbers are those of metadata_store.proto. */
#include <string.h>

#include "base/base64.h"
#include "base/js.h"
#include "mlmd/mlmd-priv.h"

/* ---- reading ---- */

bool field_find(struct pb_in in, unsigned number, struct pb_field *ret)
{
    struct pb_field f;
    bool found = false;

    while (pb_read(&in, &f) == PB_FIELD)
        if (f.number == number) {
            *ret = f;
            found = true;
        }
    return found;
}

int64_t field_int(struct pb_in in, unsigned number, int64_t other)
{
    struct pb_field f;

    return field_find(in, number, &f) && f.wire == PB_VARINT ? (int64_t)f.value : other;
}

const char *field_text(struct call *c, struct pb_in in, unsigned number)
{
    struct pb_field f;

    return field_find(in, number, &f) && f.wire == PB_LENGTH
               ? arena_strndup(c->a, (const char *)f.p, f.n)
               : NULL;
}

struct pb_in field_message(struct pb_in in, unsigned number)
{
    struct pb_field f;

    return field_find(in, number, &f) ? pb_in_field(&f) : pb_in(NULL, 0);
}

const int64_t *field_ints(struct call *c, struct pb_in in, unsigned number, size_t *ret_n)
{
    size_t most = (size_t)(in.end - in.p), n = 0; /* a byte a number at least */
    int64_t *ids = arena_alloc(c->a, (most + 1) * sizeof *ids);
    struct pb_field f;

    while (pb_read(&in, &f) == PB_FIELD) {
        size_t at = 0;

        if (f.number != number)
            continue;
        while (n < most && pb_packed(&f, &at, &ids[n]))
            n++;
    }
    *ret_n = n;
    return ids;
}

bool fields_are_sound(struct pb_in in)
{
    struct pb_field f;
    int rc;

    while ((rc = pb_read(&in, &f)) == PB_FIELD)
        ;
    return rc == PB_END;
}

/* ---- writing ---- */

enum { /* places in the rows below */
       F_NAME,
       F_STATE,
       F_CREATED,
       F_UPDATED,
       F_TYPE,
       F_PROPERTIES,
       F_CUSTOM,
};
static const unsigned numbers[][7] = {
    [MLMD_EXECUTION] = {6, 3, 8, 9, 7, 4, 5},
    [MLMD_ARTIFACT] = {7, 6, 9, 10, 8, 4, 5},
    [MLMD_CONTEXT] = {3, 0, 7, 8, 6, 4, 5},
};

void put_type(struct buf *b, unsigned field, enum mlmd_kind kind, const struct mlmd_type *type)
{
    size_t mark = pb_open(b, field);

    pb_put_int(b, 1, type->id);
    pb_put_text(b, 2, type->name);
    pb_put_text(b, kind == MLMD_EXECUTION ? 6 : 4, type->version);
    pb_put_text(b, kind == MLMD_EXECUTION ? 7 : 5, type->description);
    pb_close(b, mark);
}

static void put_value(struct buf *b, unsigned field, const struct mlmd_value *v)
{
    size_t mark = pb_open(b, field), prefix = sizeof MLMD_STRUCT - 1;

    switch (v->kind) {
    case MLMD_INT:
        pb_put_int(b, 1, v->number);
        break;
    case MLMD_DOUBLE:
        pb_put_double(b, 2, v->real);
        break;
    case MLMD_BOOL:
        pb_put_int(b, 6, v->number);
        break;
    case MLMD_TEXT:
        if (!strncmp(v->text, MLMD_STRUCT, prefix)) {
            struct buf bytes = {0};

            if (base64_get(&bytes, v->text + prefix, strlen(v->text + prefix)) == 0)
                pb_put_bytes(b, 4, bytes.p, bytes.n);
            buf_done(&bytes);
        } else {
            pb_put_text(b, 3, v->text);
        }
        break;
    }
    pb_close(b, mark);
}

void put_item(struct buf *b, unsigned field, enum mlmd_kind kind, const struct mlmd_item *item)
{
    const unsigned *f = numbers[kind];
    size_t mark = pb_open(b, field);

    pb_put_int(b, 1, item->id);
    pb_put_int(b, 2, item->type_id);
    pb_put_text(b, f[F_NAME], item->name);
    pb_put_text(b, f[F_TYPE], item->type);
    if (kind == MLMD_ARTIFACT)
        pb_put_text(b, 3, item->uri);
    if (f[F_STATE] && item->state >= 0)
        pb_put_int(b, f[F_STATE], item->state);
    for (size_t i = 0; i < item->n_values; i++) {
        const struct mlmd_value *v = &item->values[i];
        size_t entry = pb_open(b, f[v->custom ? F_CUSTOM : F_PROPERTIES]);

        pb_put_text(b, 1, v->name);
        put_value(b, 2, v);
        pb_close(b, entry);
    }
    pb_put_int(b, f[F_CREATED], item->created_ms);
    pb_put_int(b, f[F_UPDATED], item->updated_ms);
    pb_close(b, mark);
}

void put_event(struct buf *b, unsigned field, const struct mlmd_event *event)
{
    size_t mark = pb_open(b, field), path, step;

    pb_put_int(b, 1, event->artifact);
    pb_put_int(b, 2, event->execution);
    path = pb_open(b, 3);
    step = pb_open(b, 1);
    pb_put_text(b, 2, event->key);
    pb_close(b, step);
    pb_close(b, path);
    pb_put_int(b, 4, event->type);
    pb_put_int(b, 5, event->ms);
    pb_close(b, mark);
}

/* ---- what a client gives ---- */

static void free_js(void *v)
{
    js_free(v);
}

static int read_value(struct pb_in in, struct js **ret, struct dh_err *err)
{
    struct pb_field f;
    struct js *whole, *v = NULL;

    *ret = NULL;
    while (pb_read(&in, &f) == PB_FIELD) {
        v = js_free(v);
        switch (f.number) {
        case 1:
            v = js_int((int64_t)f.value);
            break;
        case 2:
            v = js_num(pb_double(&f));
            break;
        case 3:
            v = js_strn((const char *)f.p, f.n);
            break;
        case 4:
            if (pb_read_struct(pb_in_field(&f), &v, err) < 0)
                return -1;
            whole = js_object();
            js_set(whole, "struct", v);
            v = whole;
            break;
        case 6:
            v = js_bool(f.value != 0);
            break;
        default:
            break;
        }
    }
    *ret = v;
    return 0;
}

/* The entries of a map of properties. */
static int read_values(struct call *c, struct pb_in in, unsigned number, struct js *to)
{
    struct pb_field f;

    while (pb_read(&in, &f) == PB_FIELD) {
        struct js *value;
        const char *name;

        if (f.number != number)
            continue;
        name = field_text(c, pb_in_field(&f), 1);
        if (read_value(field_message(pb_in_field(&f), 2), &value, c->err) < 0)
            return -1;
        if (name && value)
            js_set(to, name, value);
        else
            js_free(value);
    }
    return 0;
}

int read_put(struct call *c, struct pb_in in, enum mlmd_kind kind, struct mlmd_put *ret)
{
    const unsigned *f = numbers[kind];
    int64_t type = field_int(in, 2, 0);
    struct mlmd_types types = {0};

    *ret = (struct mlmd_put){.id = field_int(in, 1, 0),
                             .name = field_text(c, in, f[F_NAME]),
                             .type = field_text(c, in, f[F_TYPE]),
                             .uri = kind == MLMD_ARTIFACT ? field_text(c, in, 3) : NULL,
                             .state = f[F_STATE] ? field_int(in, f[F_STATE], -1) : -1,
                             .properties = js_object()};
    arena_on_free(c->a, free_js, ret->properties);
    if (!fields_are_sound(in))
        return dh_fail(c->err, DH_INVALID, "the request is no protobuf message");
    if (type) {
        if (mlmd_types(c->s, kind, NULL, &type, 1, c->a, &types, c->err) < 0)
            return -1;
        if (!types.n)
            return dh_fail(c->err, DH_NOT_FOUND, "no type has the id %lld", (long long)type);
        ret->type = types.items[0].name;
    }
    if (read_values(c, in, f[F_PROPERTIES], ret->properties) < 0)
        return -1;
    return read_values(c, in, f[F_CUSTOM], ret->properties);
}
