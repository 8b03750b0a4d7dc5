/* GetLineageSubgraph: from some nodes along events, hop by hop, as ML Metadata's server does it
 * (compared with it by tests/mlmd/test_grpc.py).
 *
 * A hop is from an artifact to an execution or back, so what is looked at next is of one kind.
 * Nodes come as their ids alone; a client asks for those that it wants. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "mlmd/mlmd-priv.h"

enum { START_MOST = 101, HOPS_MOST = 100 }; /* what its server gives, which says 100 */
enum direction { BOTH, UPSTREAM, DOWNSTREAM };
enum part { /* the numbers of LineageGraph's fields, and 0: nothing that is known */
            ARTIFACT_TYPES = 1,
            EXECUTION_TYPES,
            CONTEXT_TYPES,
            ARTIFACTS,
            EXECUTIONS,
            CONTEXTS,
            EVENTS,
            ATTRIBUTIONS,
            ASSOCIATIONS,
            N_PARTS,
};

struct ids { /* sorted, each once */
    int64_t *items;
    size_t n;
};
struct ending {
    const char *filter; /* NULL: none ends it */
    bool kept;          /* with the node that ends it */
};

struct walk {
    struct call *c;
    enum direction direction;
    struct ending endings[2]; /* by kind: executions, artifacts */
    struct ids seen[2];       /* in the graph, or left out */
    struct ids left_out[2];
    struct ids gone_on[2]; /* whose events have been followed */
    struct mlmd_events events;
};

/* ---- sets ---- */

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static bool has(const struct ids *set, int64_t id)
{
    return set->n && bsearch(&id, set->items, set->n, sizeof id, compare);
}

static void make_set(struct ids *set)
{
    size_t n = 0;

    if (set->n)
        qsort(set->items, set->n, sizeof *set->items, compare);
    for (size_t i = 0; i < set->n; i++)
        if (n == 0 || set->items[i] != set->items[n - 1])
            set->items[n++] = set->items[i];
    set->n = n;
}

static struct ids with(struct arena *a, const struct ids *x, const struct ids *y)
{
    struct ids both = {.items = arena_alloc(a, (x->n + y->n + 1) * sizeof *both.items)};
    size_t i = 0, k = 0;

    while (i < x->n || k < y->n) {
        bool first = k == y->n || (i < x->n && x->items[i] <= y->items[k]);
        int64_t id = first ? x->items[i] : y->items[k];

        i += i < x->n && x->items[i] == id;
        k += k < y->n && y->items[k] == id;
        both.items[both.n++] = id;
    }
    return both;
}

static struct ids without(struct arena *a, const struct ids *x, const struct ids *y)
{
    struct ids rest = {.items = arena_alloc(a, (x->n + 1) * sizeof *rest.items)};

    for (size_t i = 0; i < x->n; i++)
        if (!has(y, x->items[i]))
            rest.items[rest.n++] = x->items[i];
    return rest;
}

static enum mlmd_kind other(enum mlmd_kind kind)
{
    return kind == MLMD_ARTIFACT ? MLMD_EXECUTION : MLMD_ARTIFACT;
}

/* ---- nodes ---- */

/* Those that the filter names, among `among` where it is not NULL. */
static int named_by(struct call *c, enum mlmd_kind kind, const char *filter,
                    const struct ids *among, int limit, struct ids *ret)
{
    struct mlmd_query q = {
        .kind = kind, .filter = filter, .limit = limit, .bare = true, .by_ids = among != NULL};
    struct mlmd_items items;

    if (among) {
        q.ids = among->items;
        q.n_ids = among->n;
    }
    if (mlmd_items(c->s, &q, c->a, &items, c->err) < 0)
        return -1;
    *ret = (struct ids){.items = arena_alloc(c->a, (items.n + 1) * sizeof *ret->items)};
    for (size_t i = 0; i < items.n; i++)
        ret->items[ret->n++] = items.items[i].id;
    make_set(ret);
    return 0;
}

/* New nodes come into the graph; *ret are those to go on from. */
static int arrive(struct walk *w, enum mlmd_kind kind, const struct ids *nodes, struct ids *ret)
{
    const struct ending *ending = &w->endings[kind];
    struct ids ends = {0};

    if (ending->filter && nodes->n && named_by(w->c, kind, ending->filter, nodes, 0, &ends) < 0)
        return -1;
    if (!ending->kept)
        w->left_out[kind] = with(w->c->a, &w->left_out[kind], &ends);
    w->seen[kind] = with(w->c->a, &w->seen[kind], nodes);
    *ret = without(w->c->a, nodes, &ends);
    return 0;
}

/* ---- hops ---- */

static bool is_input(const struct mlmd_event *e)
{
    return e->type == 2 || e->type == 3 || e->type == 5;
}

/* Whether an event leads on from a node of that kind. */
static bool leads(const struct walk *w, enum mlmd_kind from, const struct mlmd_event *e)
{
    bool up = (from == MLMD_EXECUTION) == is_input(e); /* what it used; what has made it */

    return w->direction == BOTH || up == (w->direction == UPSTREAM);
}

static int64_t far_end(enum mlmd_kind from, const struct mlmd_event *e)
{
    return from == MLMD_ARTIFACT ? e->execution : e->artifact;
}

/* Room for `n` more. */
static void make_room(struct walk *w, size_t n)
{
    struct mlmd_event *items = arena_alloc(w->c->a, (w->events.n + n + 1) * sizeof *items);

    if (w->events.n)
        memcpy(items, w->events.items, w->events.n * sizeof *items);
    w->events.items = items;
}

/* One hop from `from`, of that kind; *ret is where it leads. */
static int hop(struct walk *w, enum mlmd_kind kind, const struct ids *from, struct ids *ret)
{
    enum mlmd_kind to = other(kind);
    struct mlmd_events events;
    struct ids found = {0};

    if (mlmd_events(w->c->s, kind, from->items, from->n, w->c->a, &events, w->c->err) < 0)
        return -1;
    found.items = arena_alloc(w->c->a, (events.n + 1) * sizeof *found.items);
    for (size_t i = 0; i < events.n; i++)
        if (leads(w, kind, &events.items[i]) && !has(&w->seen[to], far_end(kind, &events.items[i])))
            found.items[found.n++] = far_end(kind, &events.items[i]);
    make_set(&found);
    if (arrive(w, to, &found, ret) < 0)
        return -1;
    make_room(w, events.n);
    for (size_t i = 0; i < events.n; i++) {
        const struct mlmd_event *e = &events.items[i];
        int64_t end = far_end(kind, e);

        /* Followed both ways, it has been met from its other end. */
        if (leads(w, kind, e) && !has(&w->left_out[to], end) &&
            !(w->direction == BOTH && has(&w->gone_on[to], end)))
            w->events.items[w->events.n++] = *e;
    }
    w->gone_on[kind] = with(w->c->a, &w->gone_on[kind], from);
    return 0;
}

static int walk(struct walk *w, enum mlmd_kind kind, const struct ids *start, int64_t hops)
{
    struct ids at;

    if (arrive(w, kind, start, &at) < 0)
        return -1;
    for (; hops > 0 && at.n; hops--, kind = other(kind)) {
        struct ids next;

        if (hop(w, kind, &at, &next) < 0)
            return -1;
        at = next;
    }
    return 0;
}

/* ---- the answer ---- */

static void put_ids(struct buf *out, unsigned field, const struct ids *ids)
{
    for (size_t i = 0; i < ids->n; i++) {
        size_t mark = pb_open(out, field);

        pb_put_int(out, 1, ids->items[i]);
        pb_close(out, mark);
    }
}

static int put_types_of(struct call *c, unsigned field, enum mlmd_kind kind)
{
    struct mlmd_types types;

    if (mlmd_types(c->s, kind, NULL, NULL, 0, c->a, &types, c->err) < 0)
        return -1;
    for (size_t i = 0; i < types.n; i++)
        put_type(c->out, field, kind, &types.items[i]);
    return 0;
}

/* What the nodes have to do with contexts, and these. */
static int put_contexts(struct call *c, const bool *parts, const struct ids *nodes)
{
    static const enum mlmd_kind kinds[] = {MLMD_ARTIFACT, MLMD_EXECUTION};
    static const unsigned fields[] = {ATTRIBUTIONS, ASSOCIATIONS};
    struct ids contexts = {0};

    for (size_t k = 0; k < 2; k++) {
        struct mlmd_belongings list;
        struct ids some;

        if (mlmd_belongings(c->s, kinds[k], nodes[kinds[k]].items, nodes[kinds[k]].n, c->a, &list,
                            c->err) < 0)
            return -1;
        some.items = arena_alloc(c->a, (list.n + 1) * sizeof *some.items);
        some.n = list.n;
        for (size_t i = 0; i < list.n; i++) {
            size_t mark;

            some.items[i] = list.items[i].context;
            if (!parts[fields[k]])
                continue;
            mark = pb_open(c->out, fields[k]);
            pb_put_int(c->out, 1, list.items[i].id);
            pb_put_int(c->out, 2, list.items[i].context);
            pb_close(c->out, mark);
        }
        make_set(&some);
        contexts = with(c->a, &contexts, &some);
    }
    if (parts[CONTEXTS])
        put_ids(c->out, CONTEXTS, &contexts);
    return 0;
}

static int put_graph(struct walk *w, const bool *parts)
{
    static const enum mlmd_kind kinds[] = {
        [ARTIFACT_TYPES] = MLMD_ARTIFACT,
        [EXECUTION_TYPES] = MLMD_EXECUTION,
        [CONTEXT_TYPES] = MLMD_CONTEXT,
    };
    struct call *c = w->c;
    struct ids nodes[2];

    for (unsigned i = ARTIFACT_TYPES; i <= CONTEXT_TYPES; i++)
        if (parts[i] && put_types_of(c, i, kinds[i]) < 0)
            return -1;
    for (int k = 0; k < 2; k++)
        nodes[k] = without(c->a, &w->seen[k], &w->left_out[k]);
    if (parts[ARTIFACTS])
        put_ids(c->out, ARTIFACTS, &nodes[MLMD_ARTIFACT]);
    if (parts[EXECUTIONS])
        put_ids(c->out, EXECUTIONS, &nodes[MLMD_EXECUTION]);
    for (size_t i = 0; parts[EVENTS] && i < w->events.n; i++)
        put_event(c->out, EVENTS, &w->events.items[i]);
    if (!parts[CONTEXTS] && !parts[ATTRIBUTIONS] && !parts[ASSOCIATIONS])
        return 0;
    return put_contexts(c, parts, nodes);
}

/* ---- the question ---- */

/* A FieldMask; an empty one: all of it. What it names and we do not know is left out. */
static void read_mask(struct call *c, struct pb_in in, bool *parts)
{
    static const char *const names[N_PARTS] = {
        NULL,         "artifact_types", "execution_types", "context_types", "artifacts",
        "executions", "contexts",       "events",          "attributions",  "associations"};
    struct pb_field f;
    bool any = false;

    while (pb_read(&in, &f) == PB_FIELD) {
        const char *path;

        if (f.number != 1 || f.wire != PB_LENGTH)
            continue;
        any = true;
        path = arena_strndup(c->a, (const char *)f.p, f.n);
        for (int i = 1; i < N_PARTS; i++)
            if (!strcmp(path, names[i]))
                parts[i] = true;
    }
    for (int i = 1; !any && i < N_PARTS; i++)
        parts[i] = true;
}

static void read_ending(struct call *c, struct pb_in in, struct ending *ret)
{
    ret->filter = field_text(c, in, 1); /* "": everything ends it */
    ret->kept = field_int(in, 2, 0) != 0;
}

/* Who starts; NULL: *err says what is missing. */
static const char *read_start(struct call *c, struct pb_in options, enum mlmd_kind *ret_kind)
{
    struct pb_field f;
    const char *filter;

    *ret_kind = MLMD_ARTIFACT;
    if (!field_find(options, 1, &f)) {
        *ret_kind = MLMD_EXECUTION;
        if (!field_find(options, 2, &f)) {
            (void)dh_fail(c->err, DH_INVALID, "Missing arguments for listing starting nodes.");
            return NULL;
        }
    }
    filter = field_text(c, pb_in_field(&f), 1);
    if (filter && *filter)
        return filter;
    (void)dh_fail(c->err, DH_INVALID,
                  "Cannot list starting nodes if `filter_query` is unspecified.");
    return NULL;
}

enum mlmd_status mlmd_lineage_subgraph(struct call *c, const struct method *m)
{
    struct pb_in options = field_message(c->in, 1);
    int64_t hops = field_int(options, 3, HOPS_MOST), direction = field_int(options, 4, BOTH);
    struct walk w = {.c = c,
                     .direction = direction == UPSTREAM || direction == DOWNSTREAM
                                      ? (enum direction)direction
                                      : BOTH};
    bool parts[N_PARTS] = {false};
    enum mlmd_kind kind;
    struct ids start;
    const char *filter = read_start(c, options, &kind);
    size_t mark;

    (void)m;
    read_mask(c, field_message(c->in, 3), parts);
    read_ending(c, field_message(options, 5), &w.endings[MLMD_ARTIFACT]);
    read_ending(c, field_message(options, 6), &w.endings[MLMD_EXECUTION]);
    if (!filter)
        return MLMD_INVALID_ARGUMENT;
    if (hops < 0) {
        (void)dh_fail(c->err, DH_INVALID,
                      "max_num_hops cannot be negative: max_num_hops = %" PRId64, hops);
        return MLMD_INVALID_ARGUMENT;
    }
    if (named_by(c, kind, filter, NULL, START_MOST, &start) < 0)
        return mlmd_status_of(c->err);
    if (!start.n) {
        (void)dh_fail(c->err, DH_NOT_FOUND, "Cannot find qualified nodes to start the traversal.");
        return MLMD_NOT_FOUND;
    }
    if (walk(&w, kind, &start, hops < HOPS_MOST ? hops : HOPS_MOST) < 0)
        return mlmd_status_of(c->err);
    mark = pb_open(c->out, 1);
    if (put_graph(&w, parts) < 0)
        return mlmd_status_of(c->err);
    pb_close(c->out, mark);
    return MLMD_OK;
}
