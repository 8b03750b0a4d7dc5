#pragma once
/* mlmd-priv - messages read and written, and the parts of the service. */
#include "base/pb.h"
#include "mlmd/mlmd.h"
#include "store/mlmd.h"

struct call {
    struct store *s;
    struct arena *a;
    struct pb_in in; /* the request */
    struct buf *out; /* the response */
    struct dh_err *err;
};

/* ---- a request's fields: the last one of that number counts ---- */

bool field_find(struct pb_in in, unsigned number, struct pb_field *ret);
int64_t field_int(struct pb_in in, unsigned number, int64_t other);
const char *field_text(struct call *c, struct pb_in in, unsigned number); /* NULL: not there */
struct pb_in field_message(struct pb_in in, unsigned number);             /* empty: not there */
/* All of a repeated integer, in the arena. */
const int64_t *field_ints(struct call *c, struct pb_in in, unsigned number, size_t *ret_n);
/* Whether the bytes are fields, from the first to the last. */
bool fields_are_sound(struct pb_in in);

/* ---- messages ---- */

void put_type(struct buf *b, unsigned field, enum mlmd_kind kind, const struct mlmd_type *type);
void put_item(struct buf *b, unsigned field, enum mlmd_kind kind, const struct mlmd_item *item);
void put_event(struct buf *b, unsigned field, const struct mlmd_event *event);

/* An Artifact, Execution or Context that a client gives: texts in the arena, its type by name. -1
 */
int read_put(struct call *c, struct pb_in in, enum mlmd_kind kind, struct mlmd_put *ret);

/* ---- methods ---- */

struct method {
    const char *name;
    enum mlmd_status (*fn)(struct call *c, const struct method *m);
    enum mlmd_kind kind;
    unsigned options; /* the field of ListOperationOptions; 0: none */
    bool writes;
};
enum mlmd_status mlmd_lineage_subgraph(struct call *c, const struct method *m);
extern const struct method mlmd_reads[], mlmd_writes[]; /* end with a name of NULL */
/* The status of an error of ours. */
enum mlmd_status mlmd_status_of(const struct dh_err *err);
