/* The methods that write. */
#include "mlmd/mlmd-priv.h"

static enum mlmd_status type_put(struct call *c, const struct method *m, struct pb_in type,
                                 unsigned field)
{
    const char *name = field_text(c, type, 2);
    int64_t id;

    if (!name || !*name) {
        (void)dh_fail(c->err, DH_INVALID, "No type name is specified.");
        return MLMD_INVALID_ARGUMENT;
    }
    if (mlmd_type_put(c->s, m->kind, name, &id, c->err) < 0)
        return mlmd_status_of(c->err);
    pb_put_int(c->out, field, id);
    return MLMD_OK;
}

static enum mlmd_status put_one_type(struct call *c, const struct method *m)
{
    return type_put(c, m, field_message(c->in, 1), 1);
}

const struct method mlmd_writes[] = {
    {"PutArtifactType", put_one_type, MLMD_ARTIFACT, 0, true},
    {"PutExecutionType", put_one_type, MLMD_EXECUTION, 0, true},
    {"PutContextType", put_one_type, MLMD_CONTEXT, 0, true},
    {NULL, NULL, MLMD_EXECUTION, 0, false},
};
