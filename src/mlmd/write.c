/* The methods that write: a request is a transaction. */
#include <string.h>

#include "base/js.h"
#include "mlmd/mlmd-priv.h"

/* A status, and whether what was done so far counts. */
static enum mlmd_status status_of(const struct call *c, int rc)
{
    if (rc < 0)
        return mlmd_status_of(c->err);
    return rc == MLMD_FORBIDDEN  ? MLMD_PERMISSION_DENIED
           : rc == MLMD_NO_PLACE ? MLMD_UNIMPLEMENTED
                                 : MLMD_OK;
}

static enum mlmd_status within(struct call *c, const struct method *m,
                               int (*fn)(struct call *c, const struct method *m))
{
    size_t before = c->out->n;
    int rc;

    if (store_begin(c->s, c->err) < 0)
        return mlmd_status_of(c->err);
    rc = fn(c, m);
    if (rc == 0) {
        if (store_commit(c->s, c->err) == 0)
            return MLMD_OK;
        rc = -1;
    } else {
        store_rollback(c->s);
    }
    c->out->n = before;
    return status_of(c, rc);
}

/* ---- types ---- */

static int type_put(struct call *c, enum mlmd_kind kind, struct pb_in type, unsigned field)
{
    const char *name = field_text(c, type, 2);
    int64_t id;

    if (!name || !*name)
        return dh_fail(c->err, DH_INVALID, "No type name is specified.");
    if (mlmd_type_put(c->s, kind, name, &id, c->err) < 0)
        return -1;
    pb_put_int(c->out, field, id);
    return 0;
}

static int one_type(struct call *c, const struct method *m)
{
    return type_put(c, m->kind, field_message(c->in, 1), 1);
}

static int many_types(struct call *c, const struct method *m)
{
    static const enum mlmd_kind kinds[] = {MLMD_ARTIFACT, MLMD_EXECUTION, MLMD_CONTEXT};
    struct pb_in in = c->in;
    struct pb_field f;

    (void)m;
    while (pb_read(&in, &f) == PB_FIELD)
        if (f.number >= 1 && f.number <= 3 &&
            type_put(c, kinds[f.number - 1], pb_in_field(&f), f.number) < 0)
            return -1;
    return 0;
}

/* ---- contexts ---- */

static int context_put(struct call *c, struct pb_in in, bool reuse, int64_t *ret)
{
    struct mlmd_put put;
    struct mlmd_query q = {.kind = MLMD_CONTEXT};
    struct mlmd_items items;
    int rc = read_put(c, in, MLMD_CONTEXT, &put);

    if (rc < 0)
        return rc;
    if (reuse && !put.id && put.type && put.name) {
        q.type = put.type;
        q.name = put.name;
        if (mlmd_items(c->s, &q, c->a, &items, c->err) < 0)
            return -1;
        if (items.n) {
            *ret = items.items[0].id;
            return 0;
        }
    }
    return mlmd_context_put(c->s, &put, ret, c->err);
}

static int contexts(struct call *c, const struct method *m)
{
    struct pb_in in = c->in;
    struct pb_field f;

    (void)m;
    while (pb_read(&in, &f) == PB_FIELD) {
        int64_t id;
        int rc = f.number == 1 ? context_put(c, pb_in_field(&f), false, &id) : 1;

        if (f.number != 1)
            continue;
        if (rc != 0)
            return rc;
        pb_put_int(c->out, 1, id);
    }
    return 0;
}

static int parent_contexts(struct call *c, const struct method *m)
{
    struct pb_in in = c->in;
    struct pb_field f;

    (void)m;
    while (pb_read(&in, &f) == PB_FIELD) {
        struct pb_in one = pb_in_field(&f);
        int rc;

        if (f.number != 1)
            continue;
        rc = mlmd_parent_put(c->s, field_int(one, 1, 0), field_int(one, 2, 0), c->err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* ---- artifacts ---- */

static int artifact_put(struct call *c, struct pb_in in, int64_t *ret)
{
    struct mlmd_put put;

    return read_put(c, in, MLMD_ARTIFACT, &put) < 0 ? -1
                                                    : mlmd_artifact_put(c->s, &put, ret, c->err);
}

static int artifacts(struct call *c, const struct method *m)
{
    struct pb_in in = c->in;
    struct pb_field f;

    (void)m;
    while (pb_read(&in, &f) == PB_FIELD) {
        int64_t id;
        int rc;

        if (f.number != 1)
            continue;
        rc = artifact_put(c, pb_in_field(&f), &id);
        if (rc != 0)
            return rc;
        pb_put_int(c->out, 1, id);
    }
    return 0;
}

/* ---- events ---- */

static int event_put(struct call *c, struct pb_in in, int64_t artifact, int64_t execution)
{
    struct mlmd_event event = {.artifact = artifact ? artifact : field_int(in, 1, 0),
                               .execution = execution ? execution : field_int(in, 2, 0),
                               .type = field_int(in, 4, 0)};
    struct pb_in path = field_message(in, 3);
    struct pb_field f;

    while (!event.key && pb_read(&path, &f) == PB_FIELD)
        if (f.number == 1)
            event.key = field_text(c, pb_in_field(&f), 2);
    if (event.type < 1 || event.type > 6)
        return dh_fail(c->err, DH_INVALID, "an event needs a type");
    return mlmd_event_put(c->s, &event, c->err);
}

static int events(struct call *c, const struct method *m)
{
    struct pb_in in = c->in;
    struct pb_field f;

    (void)m;
    while (pb_read(&in, &f) == PB_FIELD) {
        int rc = f.number == 1 ? event_put(c, pb_in_field(&f), 0, 0) : 0;

        if (rc != 0)
            return rc;
    }
    return 0;
}

/* ---- executions ---- */

static int execution_put(struct call *c, struct pb_in in, const int64_t *ids, size_t n,
                         int64_t *ret)
{
    struct mlmd_put put;

    return read_put(c, in, MLMD_EXECUTION, &put) < 0
               ? -1
               : mlmd_execution_put(c->s, &put, ids, n, ret, c->err);
}

static int executions(struct call *c, const struct method *m)
{
    struct pb_in in = c->in;
    struct pb_field f;

    (void)m;
    while (pb_read(&in, &f) == PB_FIELD) {
        int64_t id;
        int rc;

        if (f.number != 1)
            continue;
        rc = execution_put(c, pb_in_field(&f), NULL, 0, &id);
        if (rc != 0)
            return rc;
        pb_put_int(c->out, 1, id);
    }
    return 0;
}

/* PutExecutionRequest's contexts: known by id, by name, or new. */
static int contexts_of(struct call *c, int64_t *ids, size_t *n)
{
    struct pb_in in = c->in;
    struct pb_field f;

    while (pb_read(&in, &f) == PB_FIELD) {
        struct pb_in one = pb_in_field(&f);
        int rc;

        if (f.number != 3)
            continue;
        ids[*n] = field_int(one, 1, 0);
        rc = ids[*n] ? 0 : context_put(c, one, true, &ids[*n]);
        if (rc != 0)
            return rc;
        ++*n;
    }
    return 0;
}

/* An artifact and its event: either may be all there is. */
static int pair_put(struct call *c, struct pb_in in, int64_t execution, int64_t *ret)
{
    struct pb_field artifact, event;
    bool is_event = field_find(in, 2, &event);
    int rc = 0;

    *ret = is_event ? field_int(pb_in_field(&event), 1, 0) : 0;
    if (field_find(in, 1, &artifact)) {
        int64_t known = field_int(pb_in_field(&artifact), 1, 0);

        /* One that is there is as it is: a client sends it with each event. */
        if (known)
            *ret = known;
        else
            rc = artifact_put(c, pb_in_field(&artifact), ret);
    }
    return rc == 0 && is_event ? event_put(c, pb_in_field(&event), *ret, execution) : rc;
}

static int execution(struct call *c, const struct method *m)
{
    size_t most = (size_t)(c->in.end - c->in.p), n = 0;
    int64_t *ids = arena_alloc(c->a, (most + 1) * sizeof *ids), id;
    struct pb_in in = c->in;
    struct pb_field f;
    int rc = contexts_of(c, ids, &n);

    (void)m;
    if (rc == 0)
        rc = execution_put(c, field_message(c->in, 1), ids, n, &id);
    if (rc != 0)
        return rc;
    pb_put_int(c->out, 1, id);
    while (pb_read(&in, &f) == PB_FIELD) {
        int64_t artifact;

        if (f.number != 2)
            continue;
        rc = pair_put(c, pb_in_field(&f), id, &artifact);
        if (rc != 0)
            return rc;
        pb_put_int(c->out, 2, artifact);
    }
    for (size_t i = 0; i < n; i++)
        pb_put_int(c->out, 3, ids[i]);
    return 0;
}

/* ---- attributions and associations: they follow from runs, tasks and links ---- */

static int holds(struct call *c, struct pb_in in, enum mlmd_kind kind)
{
    int64_t id = field_int(in, 1, 0);
    struct mlmd_query q = {
        .kind = kind, .ids = &id, .n_ids = 1, .by_ids = true, .context = field_int(in, 2, -1)};
    struct mlmd_items items;

    if (mlmd_items(c->s, &q, c->a, &items, c->err) < 0)
        return -1;
    if (items.n)
        return 0;
    (void)dh_fail(c->err, DH_INVALID,
                  "what belongs to a context follows from its runs here: PutExecution says it");
    return MLMD_NO_PLACE;
}

static int belongings(struct call *c, const struct method *m)
{
    struct pb_in in = c->in;
    struct pb_field f;

    (void)m;
    while (pb_read(&in, &f) == PB_FIELD) {
        int rc = f.number == 1   ? holds(c, pb_in_field(&f), MLMD_ARTIFACT)
                 : f.number == 2 ? holds(c, pb_in_field(&f), MLMD_EXECUTION)
                                 : 0;

        if (rc != 0)
            return rc;
    }
    return 0;
}

/* ---- the table ---- */

#define WRITER(fn)                                                                                 \
    static enum mlmd_status fn##_write(struct call *c, const struct method *m)                     \
    {                                                                                              \
        return within(c, m, fn);                                                                   \
    }
WRITER(one_type)
WRITER(many_types)
WRITER(contexts)
WRITER(parent_contexts)
WRITER(artifacts)
WRITER(events)
WRITER(executions)
WRITER(execution)
WRITER(belongings)

const struct method mlmd_writes[] = {
    {"PutArtifactType", one_type_write, MLMD_ARTIFACT, 0, true},
    {"PutExecutionType", one_type_write, MLMD_EXECUTION, 0, true},
    {"PutContextType", one_type_write, MLMD_CONTEXT, 0, true},
    {"PutTypes", many_types_write, MLMD_ARTIFACT, 0, true},
    {"PutContexts", contexts_write, MLMD_CONTEXT, 0, true},
    {"PutParentContexts", parent_contexts_write, MLMD_CONTEXT, 0, true},
    {"PutArtifacts", artifacts_write, MLMD_ARTIFACT, 0, true},
    {"PutEvents", events_write, MLMD_EXECUTION, 0, true},
    {"PutExecutions", executions_write, MLMD_EXECUTION, 0, true},
    {"PutExecution", execution_write, MLMD_EXECUTION, 0, true},
    {"PutAttributionsAndAssociations", belongings_write, MLMD_CONTEXT, 0, true},
    {NULL, NULL, MLMD_EXECUTION, 0, false},
};
