/* The methods that read. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "mlmd/mlmd-priv.h"

enum { PAGE_DEFAULT = 20, PAGE_MOST = 100 }; /* as ML Metadata's own server has them */

static enum mlmd_status failed(const struct call *c)
{
    return mlmd_status_of(c->err);
}

static enum mlmd_status invalid(struct call *c, const char *what)
{
    (void)dh_fail(c->err, DH_INVALID, "%s", what);
    return MLMD_INVALID_ARGUMENT;
}

/* ---- lists, a page at a time ---- */

/* "VALUE:ID" of the last one of the page before; the rest of the options must be the same. */
static bool read_token(const char *token, struct mlmd_query *q)
{
    int end = 0;

    if (sscanf(token, "%" SCNd64 ":%" SCNd64 "%n", &q->after_value, &q->after_id, &end) != 2 ||
        token[end])
        return false;
    q->has_after = true;
    return true;
}

/* ListOperationOptions. */
static enum mlmd_status read_options(struct call *c, unsigned field, struct mlmd_query *q)
{
    struct pb_field f;
    struct pb_in in, order;
    const char *token;
    int64_t most;

    if (!field || !field_find(c->in, field, &f))
        return MLMD_OK; /* all of it */
    in = pb_in_field(&f);
    most = field_int(in, 1, PAGE_DEFAULT);
    if (most <= 0)
        return invalid(c, "max_result_size must be above 0");
    q->limit = most > PAGE_MOST ? PAGE_MOST : (int)most;
    order = field_message(in, 2);
    switch (field_int(order, 1, 3)) {
    case 1:
        q->order = MLMD_BY_CREATED;
        break;
    case 2:
        q->order = MLMD_BY_UPDATED;
        break;
    case 3:
        q->order = MLMD_BY_ID;
        break;
    default:
        return invalid(c, "order_by_field: no such field");
    }
    q->descending = !field_int(order, 2, 1);
    q->filter = field_text(c, in, 4);
    token = field_text(c, in, 3);
    if (token && *token && !read_token(token, q))
        return invalid(c, "next_page_token: it is none of this server's");
    return MLMD_OK;
}

static void put_token(struct call *c, const struct mlmd_query *q, const struct mlmd_items *items)
{
    const struct mlmd_item *last;
    char token[48];

    if (!items->more)
        return;
    last = &items->items[items->n - 1];
    (void)snprintf(token, sizeof token, "%" PRId64 ":%" PRId64,
                   q->order == MLMD_BY_CREATED   ? last->created_ms
                   : q->order == MLMD_BY_UPDATED ? last->updated_ms
                                                 : last->id,
                   last->id);
    pb_put_text(c->out, 2, token);
}

/* Field 1 has them all, field 2 the token of the next page. */
static enum mlmd_status answer(struct call *c, const struct method *m, struct mlmd_query *q)
{
    enum mlmd_status status = read_options(c, m->options, q);
    struct mlmd_items items;

    q->kind = m->kind;
    if (status != MLMD_OK)
        return status;
    if (mlmd_items(c->s, q, c->a, &items, c->err) < 0)
        return failed(c);
    for (size_t i = 0; i < items.n; i++)
        put_item(c->out, 1, m->kind, &items.items[i]);
    put_token(c, q, &items);
    return MLMD_OK;
}

static enum mlmd_status list_all(struct call *c, const struct method *m)
{
    return answer(c, m, &(struct mlmd_query){0});
}

static enum mlmd_status list_by_type(struct call *c, const struct method *m)
{
    const char *type = field_text(c, c->in, 1);

    return answer(c, m, &(struct mlmd_query){.type = type ? type : ""});
}

static enum mlmd_status list_by_ids(struct call *c, const struct method *m)
{
    struct mlmd_query q = {.by_ids = true};

    q.ids = field_ints(c, c->in, 1, &q.n_ids);
    return answer(c, m, &q);
}

/* With the types that they have, where these are asked for. */
static enum mlmd_status artifacts_by_ids(struct call *c, const struct method *m)
{
    enum mlmd_status status = list_by_ids(c, m);
    struct mlmd_query q = {.kind = MLMD_ARTIFACT, .by_ids = true, .bare = true};
    struct mlmd_items items;
    struct mlmd_types types;
    int64_t *ids;

    if (status != MLMD_OK || !field_int(c->in, 3, 0))
        return status;
    q.ids = field_ints(c, c->in, 1, &q.n_ids);
    if (mlmd_items(c->s, &q, c->a, &items, c->err) < 0)
        return failed(c);
    if (!items.n)
        return MLMD_OK;
    ids = arena_alloc(c->a, items.n * sizeof *ids);
    for (size_t i = 0; i < items.n; i++)
        ids[i] = items.items[i].type_id;
    if (mlmd_types(c->s, MLMD_ARTIFACT, NULL, ids, items.n, c->a, &types, c->err) < 0)
        return failed(c);
    for (size_t i = 0; i < types.n; i++)
        put_type(c->out, 2, MLMD_ARTIFACT, &types.items[i]);
    return MLMD_OK;
}

static enum mlmd_status by_type_and_name(struct call *c, const struct method *m)
{
    const char *type = field_text(c, c->in, 1), *name = field_text(c, c->in, 2);

    return answer(c, m, &(struct mlmd_query){.type = type ? type : "", .name = name ? name : ""});
}

static enum mlmd_status by_context(struct call *c, const struct method *m)
{
    /* No context has a number below 0. */
    return answer(c, m, &(struct mlmd_query){.context = field_int(c->in, 1, -1)});
}

static enum mlmd_status of_artifact(struct call *c, const struct method *m)
{
    return answer(c, m, &(struct mlmd_query){.artifact = field_int(c->in, 1, -1)});
}

static enum mlmd_status of_execution(struct call *c, const struct method *m)
{
    return answer(c, m, &(struct mlmd_query){.execution = field_int(c->in, 1, -1)});
}

static enum mlmd_status parents(struct call *c, const struct method *m)
{
    return answer(c, m, &(struct mlmd_query){.child = field_int(c->in, 1, -1)});
}

static enum mlmd_status children(struct call *c, const struct method *m)
{
    return answer(c, m, &(struct mlmd_query){.parent = field_int(c->in, 1, -1)});
}

static enum mlmd_status by_uris(struct call *c, const struct method *m)
{
    struct pb_in in = c->in;
    struct pb_field f;

    while (pb_read(&in, &f) == PB_FIELD) {
        enum mlmd_status status;

        if (f.number != 2 || f.wire != PB_LENGTH)
            continue;
        status =
            answer(c, m, &(struct mlmd_query){.uri = arena_strndup(c->a, (const char *)f.p, f.n)});
        if (status != MLMD_OK)
            return status;
    }
    return MLMD_OK;
}

/* {context: its parents, or children}. */
static enum mlmd_status relatives(struct call *c, bool up)
{
    size_t n;
    const int64_t *ids = field_ints(c, c->in, 1, &n);

    for (size_t i = 0; i < n; i++) {
        struct mlmd_query q = {
            .kind = MLMD_CONTEXT, .child = up ? ids[i] : 0, .parent = up ? 0 : ids[i]};
        struct mlmd_items items;
        size_t entry, value;

        if (ids[i] <= 0)
            continue;
        if (mlmd_items(c->s, &q, c->a, &items, c->err) < 0)
            return failed(c);
        if (!items.n)
            continue;
        entry = pb_open(c->out, 2);
        pb_put_int(c->out, 1, ids[i]);
        value = pb_open(c->out, 2);
        for (size_t k = 0; k < items.n; k++)
            put_item(c->out, 1, MLMD_CONTEXT, &items.items[k]);
        pb_close(c->out, value);
        pb_close(c->out, entry);
    }
    return MLMD_OK;
}

static enum mlmd_status parents_of_many(struct call *c, const struct method *m)
{
    (void)m;
    return relatives(c, true);
}

static enum mlmd_status children_of_many(struct call *c, const struct method *m)
{
    (void)m;
    return relatives(c, false);
}

/* Nothing of the record has an external id. */
static enum mlmd_status none(struct call *c, const struct method *m)
{
    (void)c;
    (void)m;
    return MLMD_OK;
}

/* ---- types ---- */

static enum mlmd_status put_types(struct call *c, const struct method *m, const char *name,
                                  const int64_t *ids, size_t n, bool one)
{
    struct mlmd_types types;

    if (mlmd_types(c->s, m->kind, name, ids, n, c->a, &types, c->err) < 0)
        return failed(c);
    for (size_t i = 0; i < types.n; i++)
        if (name || n || strncmp(types.items[i].name, "mlmd.", 5) != 0) /* its own are not listed */
            put_type(c->out, 1, m->kind, &types.items[i]);
    if (!one || types.n)
        return MLMD_OK;
    (void)dh_fail(c->err, DH_NOT_FOUND, "No type found for query, name: `%s`, version: `nullopt`",
                  name);
    return MLMD_NOT_FOUND;
}

static enum mlmd_status types_all(struct call *c, const struct method *m)
{
    return put_types(c, m, NULL, NULL, 0, false);
}

static enum mlmd_status types_by_ids(struct call *c, const struct method *m)
{
    size_t n;
    const int64_t *ids = field_ints(c, c->in, 1, &n);

    return n ? put_types(c, m, NULL, ids, n, false) : MLMD_OK;
}

static enum mlmd_status type_by_name(struct call *c, const struct method *m)
{
    const char *name = field_text(c, c->in, 1), *version = field_text(c, c->in, 2);

    if (version && *version) {
        (void)dh_fail(c->err, DH_NOT_FOUND, "No type found for query, name: `%s`, version: `%s`",
                      name ? name : "", version);
        return MLMD_NOT_FOUND;
    }
    return put_types(c, m, name ? name : "", NULL, 0, true);
}

/* ---- events ---- */

static enum mlmd_status events(struct call *c, const struct method *m)
{
    struct mlmd_events list;
    size_t n;
    const int64_t *ids = field_ints(c, c->in, 1, &n);

    if (!n)
        return invalid(c, m->kind == MLMD_EXECUTION ? "execution_ids cannot be empty"
                                                    : "artifact_ids cannot be empty");
    if (mlmd_events(c->s, m->kind, ids, n, c->a, &list, c->err) < 0)
        return failed(c);
    for (size_t i = 0; i < list.n; i++)
        put_event(c->out, 1, &list.items[i]);
    return MLMD_OK;
}

const struct method mlmd_reads[] = {
    {"GetArtifactType", type_by_name, MLMD_ARTIFACT, 0, false},
    {"GetArtifactTypesByID", types_by_ids, MLMD_ARTIFACT, 0, false},
    {"GetArtifactTypes", types_all, MLMD_ARTIFACT, 0, false},
    {"GetExecutionType", type_by_name, MLMD_EXECUTION, 0, false},
    {"GetExecutionTypesByID", types_by_ids, MLMD_EXECUTION, 0, false},
    {"GetExecutionTypes", types_all, MLMD_EXECUTION, 0, false},
    {"GetContextType", type_by_name, MLMD_CONTEXT, 0, false},
    {"GetContextTypesByID", types_by_ids, MLMD_CONTEXT, 0, false},
    {"GetContextTypes", types_all, MLMD_CONTEXT, 0, false},
    {"GetArtifacts", list_all, MLMD_ARTIFACT, 1, false},
    {"GetExecutions", list_all, MLMD_EXECUTION, 1, false},
    {"GetContexts", list_all, MLMD_CONTEXT, 1, false},
    {"GetArtifactsByID", artifacts_by_ids, MLMD_ARTIFACT, 0, false},
    {"GetExecutionsByID", list_by_ids, MLMD_EXECUTION, 0, false},
    {"GetContextsByID", list_by_ids, MLMD_CONTEXT, 0, false},
    {"GetArtifactsByType", list_by_type, MLMD_ARTIFACT, 3, false},
    {"GetExecutionsByType", list_by_type, MLMD_EXECUTION, 3, false},
    {"GetContextsByType", list_by_type, MLMD_CONTEXT, 2, false},
    {"GetArtifactByTypeAndName", by_type_and_name, MLMD_ARTIFACT, 0, false},
    {"GetExecutionByTypeAndName", by_type_and_name, MLMD_EXECUTION, 0, false},
    {"GetContextByTypeAndName", by_type_and_name, MLMD_CONTEXT, 0, false},
    {"GetArtifactsByURI", by_uris, MLMD_ARTIFACT, 0, false},
    {"GetEventsByExecutionIDs", events, MLMD_EXECUTION, 0, false},
    {"GetEventsByArtifactIDs", events, MLMD_ARTIFACT, 0, false},
    {"GetContextsByArtifact", of_artifact, MLMD_CONTEXT, 0, false},
    {"GetContextsByExecution", of_execution, MLMD_CONTEXT, 0, false},
    {"GetParentContextsByContext", parents, MLMD_CONTEXT, 0, false},
    {"GetChildrenContextsByContext", children, MLMD_CONTEXT, 0, false},
    {"GetParentContextsByContexts", parents_of_many, MLMD_CONTEXT, 0, false},
    {"GetChildrenContextsByContexts", children_of_many, MLMD_CONTEXT, 0, false},
    {"GetArtifactsByContext", by_context, MLMD_ARTIFACT, 2, false},
    {"GetExecutionsByContext", by_context, MLMD_EXECUTION, 2, false},
    {"GetLineageSubgraph", mlmd_lineage_subgraph, MLMD_ARTIFACT, 0, false},
    {"GetArtifactsByExternalIds", none, MLMD_ARTIFACT, 0, false},
    {"GetExecutionsByExternalIds", none, MLMD_EXECUTION, 0, false},
    {"GetContextsByExternalIds", none, MLMD_CONTEXT, 0, false},
    {"GetArtifactTypesByExternalIds", none, MLMD_ARTIFACT, 0, false},
    {"GetExecutionTypesByExternalIds", none, MLMD_EXECUTION, 0, false},
    {"GetContextTypesByExternalIds", none, MLMD_CONTEXT, 0, false},
    {NULL, NULL, MLMD_EXECUTION, 0, false},
};
