/* mlmd - a method by its name. */
#include <string.h>

#include "mlmd/mlmd-priv.h"

enum mlmd_status mlmd_status_of(const struct dh_err *err)
{
    switch (err->code) {
    case DH_INVALID:
        return MLMD_INVALID_ARGUMENT;
    case DH_NOT_FOUND:
        return MLMD_NOT_FOUND;
    case DH_EXISTS:
        return MLMD_ALREADY_EXISTS;
    case DH_IO:
        return MLMD_UNAVAILABLE;
    default:
        return MLMD_INTERNAL;
    }
}

static const struct method *find(const struct method *methods, const char *name)
{
    for (; methods->name; methods++)
        if (!strcmp(methods->name, name))
            return methods;
    return NULL;
}

static enum mlmd_status unknown(const char *name, struct dh_err *err)
{
    /* ML Metadata's own server says of it what we do: GetLineageSubgraph has taken its place. */
    if (!strcmp(name, "GetLineageGraph"))
        (void)dh_fail(err, DH_INVALID, "%s is not served: ask GetLineageSubgraph", name);
    else
        (void)dh_fail(err, DH_INVALID, "ML Metadata's service has no method %.100s", name);
    return MLMD_UNIMPLEMENTED;
}

enum mlmd_status mlmd_call(struct store *s, const char *method, const void *request, size_t n,
                           bool readonly, struct buf *ret, struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    struct call c = {.s = s, .a = a, .in = pb_in(request, n), .out = ret, .err = err};
    const struct method *m = find(mlmd_reads, method);

    if (!m)
        m = find(mlmd_writes, method);
    if (!m)
        return unknown(method, err);
    if (m->writes && readonly) {
        (void)dh_fail(err, DH_INVALID, "%s writes, and this server only reads", method);
        return MLMD_PERMISSION_DENIED;
    }
    if (!fields_are_sound(c.in)) {
        (void)dh_fail(err, DH_INVALID, "the request of %s is no protobuf message", method);
        return MLMD_INVALID_ARGUMENT;
    }
    return m->fn(&c, m);
}
