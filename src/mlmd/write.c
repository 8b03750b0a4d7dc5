/* The methods that write: a request is a transaction. */
#include <string.h>

#include "base/js.h"
#include "mlmd/mlmd-priv.h"

enum { OUTSIDE = 100 }; /* an answer beside those of store/mlmd.h */

/* A status, and whether what was done so far counts. */
static enum mlmd_status status_of(const struct call *c, int rc)
{
    if (rc < 0)
        return mlmd_status_of(c->err);
    return rc == MLMD_FORBIDDEN  ? MLMD_PERMISSION_DENIED
           : rc == MLMD_NO_PLACE ? MLMD_UNIMPLEMENTED
           : rc == OUTSIDE       ? MLMD_OUT_OF_RANGE
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

/* ---- a subgraph: contexts, executions and artifacts, and the events between them ---- */

struct node { /* as the request has it, and the id that it has got */
    int64_t given, id;
};
struct nodes {
    const char *what;
    struct node *items;
    size_t n;
};

static enum mlmd_kind kind_of(unsigned field)
{
    return field == 1 ? MLMD_EXECUTION : field == 2 ? MLMD_ARTIFACT : MLMD_CONTEXT;
}

/* An artifact of a run that dhow ran stays as it is: a client sends back what it has read. */
static int node_put(struct call *c, unsigned field, struct pb_in in, const struct nodes *contexts,
                    bool reuse, struct node *to)
{
    int64_t *ids;
    int rc;

    to->given = to->id = field_int(in, 1, 0);
    if (kind_of(field) == MLMD_CONTEXT)
        return context_put(c, in, reuse, &to->id);
    if (kind_of(field) == MLMD_ARTIFACT) {
        rc = artifact_put(c, in, &to->id);
        return rc == MLMD_FORBIDDEN ? 0 : rc;
    }
    ids = arena_alloc(c->a, (contexts->n + 1) * sizeof *ids);
    for (size_t i = 0; i < contexts->n; i++)
        ids[i] = contexts->items[i].id;
    return execution_put(c, in, ids, contexts->n, &to->id);
}

/* All nodes of a field of the request, in its order. */
static int nodes_put(struct call *c, unsigned field, const struct nodes *contexts,
                     struct nodes *ret)
{
    size_t most = (size_t)(c->in.end - c->in.p) / 2 + 1;
    bool reuse = field_int(field_message(c->in, 5), 1, 0) != 0;
    struct pb_in in = c->in;
    struct pb_field f;

    ret->items = arena_alloc(c->a, most * sizeof *ret->items);
    while (pb_read(&in, &f) == PB_FIELD) {
        int rc;

        if (f.number != field)
            continue;
        rc = node_put(c, field, pb_in_field(&f), contexts, reuse, &ret->items[ret->n++]);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* The end of an edge: by its place in the request, by id in the event, or by both. */
static int edge_end(struct call *c, struct pb_in edge, unsigned field, const struct nodes *nodes,
                    int64_t *ret)
{
    int64_t id = field_int(field_message(edge, 3), field == 1 ? 2 : 1, 0), at;
    struct pb_field f;

    *ret = id;
    if (!field_find(edge, field, &f)) {
        if (id)
            return 0;
        return dh_fail(c->err, DH_INVALID,
                       "Event_edge is missing an %s. Could not find either an %s_index or an "
                       "event.%s_id",
                       nodes->what, nodes->what, nodes->what);
    }
    at = (int32_t)f.value;
    if (at < 0 || (size_t)at >= nodes->n) {
        (void)dh_fail(c->err, DH_INVALID,
                      "The event_edge has an %s_index %lld that is outside the bounds of the "
                      "request's %ss list, [0, %zu).",
                      nodes->what, (long long)at, nodes->what, nodes->n);
        return OUTSIDE;
    }
    *ret = nodes->items[at].id;
    if (id && id != nodes->items[at].given)
        return dh_fail(c->err, DH_INVALID,
                       "%s ID mismatch. The referenced %s at %s_index %lld has an ID of %lld that "
                       "does not match the event_edge's event.%s_id of %lld.",
                       field == 1 ? "Execution" : "Artifact", nodes->what, nodes->what,
                       (long long)at, (long long)nodes->items[at].given, nodes->what,
                       (long long)id);
    return 0;
}

static int edges_put(struct call *c, const struct nodes *executions, const struct nodes *artifacts)
{
    struct pb_in in = c->in;
    struct pb_field f, event;

    while (pb_read(&in, &f) == PB_FIELD) {
        int64_t execution, artifact;
        int rc;

        if (f.number != 4)
            continue;
        if (!field_find(pb_in_field(&f), 3, &event))
            return dh_fail(c->err, DH_INVALID, "No event found for event_edge");
        rc = edge_end(c, pb_in_field(&f), 1, executions, &execution);
        if (rc == 0)
            rc = edge_end(c, pb_in_field(&f), 2, artifacts, &artifact);
        if (rc == 0)
            rc = event_put(c, pb_in_field(&event), artifact, execution);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* A node that belongs to a run and to a pipeline says that the run is the pipeline's. */
static int join_contexts(struct call *c, const struct nodes *contexts)
{
    struct mlmd_query q = {.kind = MLMD_CONTEXT, .by_ids = true, .bare = true};
    int64_t *ids = arena_alloc(c->a, (contexts->n + 1) * sizeof *ids), run = 0, pipeline = 0;
    struct mlmd_items items;

    for (size_t i = 0; i < contexts->n; i++)
        ids[q.n_ids++] = contexts->items[i].id;
    q.ids = ids;
    if (mlmd_items(c->s, &q, c->a, &items, c->err) < 0)
        return -1;
    for (size_t i = 0; i < items.n; i++)
        *(!strcmp(items.items[i].type, "system.Pipeline") ? &pipeline : &run) = items.items[i].id;
    if (!run || !pipeline)
        return 0;
    q = (struct mlmd_query){.kind = MLMD_CONTEXT, .child = run, .bare = true};
    if (mlmd_items(c->s, &q, c->a, &items, c->err) < 0)
        return -1;
    return items.n ? 0 : mlmd_parent_put(c->s, run, pipeline, c->err);
}

static int subgraph(struct call *c, const struct method *m)
{
    struct nodes executions = {.what = "execution"}, artifacts = {.what = "artifact"};
    struct nodes contexts = {.what = "context"};
    const struct nodes *const all[] = {&executions, &artifacts, &contexts};
    int rc = nodes_put(c, 3, NULL, &contexts);

    (void)m;
    if (rc == 0)
        rc = join_contexts(c, &contexts);
    if (rc == 0)
        rc = nodes_put(c, 1, &contexts, &executions);
    if (rc == 0)
        rc = nodes_put(c, 2, NULL, &artifacts);
    if (rc == 0)
        rc = edges_put(c, &executions, &artifacts);
    for (unsigned k = 0; rc == 0 && k < 3; k++)
        for (size_t i = 0; i < all[k]->n; i++)
            pb_put_int(c->out, k + 1, all[k]->items[i].id);
    return rc;
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
WRITER(subgraph)

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
    {"PutLineageSubgraph", subgraph_write, MLMD_CONTEXT, 0, true},
    {NULL, NULL, MLMD_EXECUTION, 0, false},
};
