#pragma once
/* pb - the wire format of Protocol Buffers: fields in, fields out; no descriptors, no generated
 * code.
 *
 * Reading borrows from the bytes that it is given and copies nothing; it believes nothing either: a
 * length that points outside, a varint without end, a group: PB_BROKEN. Messages within messages
 * are read by calling pb_read on the field, so depth is the caller's to limit (LIMIT_PB_DEPTH). */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"

struct js;

/* ---- writing: appends to a buffer ---- */

void pb_put_int(struct buf *b, unsigned field, int64_t value); /* int32, int64, bool, enum */
void pb_put_double(struct buf *b, unsigned field, double value);
void pb_put_bytes(struct buf *b, unsigned field, const void *bytes, size_t n);
void pb_put_text(struct buf *b, unsigned field, const char *text); /* NULL: nothing */
/* A message within: what is written between open and close is its content. */
size_t pb_open(struct buf *b, unsigned field);
void pb_close(struct buf *b, size_t mark);

/* ---- reading ---- */

enum pb_wire { PB_VARINT = 0, PB_FIXED64 = 1, PB_LENGTH = 2, PB_FIXED32 = 5 };
enum { PB_END = 0, PB_FIELD = 1, PB_BROKEN = -1 };

struct pb_in {
    const unsigned char *p, *end;
};
struct pb_field {
    unsigned number;
    enum pb_wire wire;
    uint64_t value;         /* of VARINT and the FIXED ones, as bits */
    const unsigned char *p; /* of LENGTH: its bytes, borrowed */
    size_t n;
};

struct pb_in pb_in(const void *bytes, size_t n);
struct pb_in pb_in_field(const struct pb_field *f); /* a message within; empty if it is none */
int pb_read(struct pb_in *in, struct pb_field *f);  /* PB_FIELD, PB_END, PB_BROKEN */
double pb_double(const struct pb_field *f);         /* of a FIXED64 field; else 0 */
/* The next number of a repeated integer field, packed or not: call until false; *at starts as 0. */
bool pb_packed(const struct pb_field *f, size_t *at, int64_t *ret);

/* ---- google.protobuf.Struct ---- */

/* `object` as the content of a Struct (of a Value: any JSON value). Numbers become doubles. */
void pb_put_struct(struct buf *b, const struct js *object);
void pb_put_value(struct buf *b, const struct js *value);
/* The same from the JSON text of an object, several times as quick. -1: it is none, or deeper than
 * LIMIT_PB_DEPTH; nothing is written. */
int pb_put_json(struct buf *b, const char *json);
/* On 0, *ret is the caller's. DH_INVALID: not a Struct (a Value), or deeper than LIMIT_PB_DEPTH. */
int pb_read_struct(struct pb_in in, struct js **ret, struct dh_err *err);
int pb_read_value(struct pb_in in, struct js **ret, struct dh_err *err);
