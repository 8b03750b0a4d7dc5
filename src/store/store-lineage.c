/* lineage - breadth first, a level at a time. */
#include "store/lineage.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "store/store-priv.h"

struct ids {
    int64_t *items;
    size_t n, cap;
};

static void ids_done(struct ids *ids)
{
    dh_mem_own(&ids->items);
}
#define own_ids __attribute__((cleanup(ids_done)))

static void ids_add(struct ids *ids, int64_t id)
{
    DH_GROW(ids->items, ids->n, ids->cap);
    ids->items[ids->n++] = id;
}

/* ---- a number to a place ---- */

struct index {
    struct slot {
        int64_t key;
        uint32_t at; /* place + 1; 0: a free slot */
    } * slots;
    size_t n, n_slots; /* a power of 2, at least half of them free */
};

static void index_done(struct index *x)
{
    dh_mem_own(&x->slots);
}

static struct slot *slot_of(const struct index *x, int64_t key)
{
    size_t mask = x->n_slots - 1, i = (size_t)((uint64_t)key * 0x9e3779b97f4a7c15ULL >> 32) & mask;

    while (x->slots[i].at && x->slots[i].key != key)
        i = (i + 1) & mask;
    return &x->slots[i];
}

static void index_grow(struct index *x)
{
    struct index to = {.n = x->n, .n_slots = x->n_slots ? x->n_slots * 2 : 64};

    to.slots = dh_zalloc(to.n_slots, sizeof *to.slots);
    for (size_t i = 0; i < x->n_slots; i++)
        if (x->slots[i].at)
            *slot_of(&to, x->slots[i].key) = x->slots[i];
    index_done(x);
    *x = to;
}

/* Place + 1; 0: not there. */
static size_t place(const struct index *x, int64_t key)
{
    return x->n ? slot_of(x, key)->at : 0;
}

/* false: it is there already. */
static bool put_place(struct index *x, int64_t key, size_t at)
{
    struct slot *slot;

    if (2 * x->n >= x->n_slots)
        index_grow(x);
    slot = slot_of(x, key);
    if (slot->at)
        return false;
    *slot = (struct slot){key, (uint32_t)at + 1};
    x->n++;
    return true;
}

struct walk {
    struct store *s;
    struct arena *a;
    struct lineage *l;
    struct index artifacts, tasks; /* id → place in the list */
    struct index links, imports;   /* edges that are there: row ids, artifacts */
    size_t cap_artifacts, cap_tasks, cap_edges;
    struct dh_err *err;
};

/* The place among `n` of `order`, whose ids `at` says, of the one with this id; NULL: none. */
static const uint32_t *find(const struct lineage *l, const uint32_t *order, size_t n,
                            int64_t (*at)(const struct lineage *l, uint32_t place), int64_t id)
{
    size_t from = 0, to = n;

    while (from < to) {
        size_t middle = (from + to) / 2;

        if (at(l, order[middle]) < id)
            from = middle + 1;
        else
            to = middle;
    }
    return from < n && at(l, order[from]) == id ? &order[from] : NULL;
}

static int64_t artifact_id(const struct lineage *l, uint32_t place)
{
    return l->artifacts[place].row.id;
}

static int64_t task_id(const struct lineage *l, uint32_t place)
{
    return l->tasks[place].id;
}

const struct lineage_artifact *lineage_artifact(const struct lineage *l, int64_t id)
{
    const uint32_t *at = find(l, l->artifacts_by_id, l->n_artifacts, artifact_id, id);

    return at ? &l->artifacts[*at] : NULL;
}

const struct lineage_task *lineage_task(const struct lineage *l, int64_t id)
{
    const uint32_t *at = find(l, l->tasks_by_id, l->n_tasks, task_id, id);

    return at ? &l->tasks[*at] : NULL;
}

struct place {
    int64_t id;
    uint32_t at;
};

static int by_id(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    return (x->id > y->id) - (x->id < y->id);
}

static const uint32_t *order(const struct lineage *l, size_t n,
                             int64_t (*at)(const struct lineage *l, uint32_t place),
                             struct arena *a)
{
    own_mem struct place *all = dh_zalloc(n + 1, sizeof *all);
    uint32_t *to = arena_alloc(a, (n + 1) * sizeof *to);

    for (uint32_t i = 0; i < n; i++)
        all[i] = (struct place){at(l, i), i};
    qsort(all, n, sizeof *all, by_id);
    for (size_t i = 0; i < n; i++)
        to[i] = all[i].at;
    return to;
}

/* ---- asking for many ids ---- */

/* A question for 1, 4, 8, … 256 ids: literals, so that each is prepared once. */
#define Q4 "?,?,?,?"
#define Q8 Q4 "," Q4
#define Q16 Q8 "," Q8
#define Q64 Q16 "," Q16 "," Q16 "," Q16
#define Q256 Q64 "," Q64 "," Q64 "," Q64
#define ASKS(before, ids, after) before " IN (" ids ")" after
#define QUESTION(before, after)                                                                    \
    {                                                                                              \
        ASKS(before, "?", after), ASKS(before, Q4, after), ASKS(before, Q8, after),                \
            ASKS(before, Q16, after), ASKS(before, Q64, after), ASKS(before, Q256, after)          \
    }
enum { N_SIZES = 6, CHUNK = 256 };
static const size_t sizes[N_SIZES] = {1, 4, 8, 16, 64, CHUNK};

/* Calls fn for each row that any of the ids gives. */
static int each(struct walk *w, const char *const question[N_SIZES], const struct ids *ids,
                int (*fn)(struct walk *w, const struct db_rows *rows, void *user), void *user)
{
    struct db_val vals[CHUNK];

    for (size_t i = 0; i < ids->n; i += CHUNK) {
        own(db_end) struct db_rows *rows = NULL;
        size_t n = ids->n - i < CHUNK ? ids->n - i : CHUNK, size = 0;
        int rc;

        while (sizes[size] < n)
            size++;
        for (size_t k = 0; k < sizes[size]; k++) /* the last one again and again is no new row */
            vals[k] = DB_I(ids->items[i + (k < n ? k : n - 1)]);
        if (db_query_vals(w->s->db, w->err, &rows, question[size], vals, sizes[size]) < 0)
            return -1;
        while ((rc = db_next(rows, w->err)) == 1)
            if (fn(w, rows, user) < 0)
                return -1;
        if (rc < 0)
            return -1;
    }
    return 0;
}

/* ---- what is found ---- */

static void add_artifact(struct walk *w, int64_t id)
{
    struct lineage *l = w->l;

    if (l->n_artifacts >= LIMIT_LINEAGE) {
        l->cut = l->cut || !place(&w->artifacts, id);
        return;
    }
    if (!put_place(&w->artifacts, id, l->n_artifacts))
        return;
    DH_GROW(l->artifacts, l->n_artifacts, w->cap_artifacts);
    l->artifacts[l->n_artifacts++] =
        (struct lineage_artifact){.row = {.id = id}, .up = -1, .down = -1};
}

/* `id`: what tells it from others of its kind. */
static void add_edge(struct walk *w, const struct lineage_edge *e, int64_t id)
{
    struct lineage *l = w->l;

    if (!place(&w->artifacts, e->artifact) || (e->from && !place(&w->artifacts, e->from)) ||
        !put_place(e->from ? &w->imports : &w->links, id, l->n_edges))
        return;
    DH_GROW(l->edges, l->n_edges, w->cap_edges);
    l->edges[l->n_edges++] = *e;
}

#define LINK_COLUMNS "l.id, l.artifact_id, l.task_id, l.key, l.idx"

static struct lineage_edge read_link(struct walk *w, const struct db_rows *rows,
                                     enum lineage_kind kind)
{
    return (struct lineage_edge){.kind = kind,
                                 .artifact = db_int(rows, 1),
                                 .task = db_int(rows, 2),
                                 .key = store_text(rows, 3, w->a),
                                 .index = db_int(rows, 4)};
}

struct hop { /* of one level */
    bool up;
    struct ids tasks;    /* that are new */
    struct ids imported; /* artifacts whose maker is an importer */
    struct ids next;     /* artifacts that are reached now */
    struct index *made;  /* artifacts whose maker is found: only the first one counts */
};

static int on_task(struct walk *w, const struct db_rows *rows, void *user)
{
    struct hop *hop = user;
    struct lineage_edge e = read_link(w, rows, hop->up ? LINEAGE_MADE : LINEAGE_USED);

    if (hop->up) {
        const char *type = db_text(rows, 5);

        if (!put_place(hop->made, e.artifact, 0))
            return 0;
        if (type && !strcmp(type, "IMPORTER"))
            ids_add(&hop->imported, e.artifact);
    }
    if (put_place(&w->tasks, e.task, w->l->n_tasks)) {
        DH_GROW(w->l->tasks, w->l->n_tasks, w->cap_tasks);
        w->l->tasks[w->l->n_tasks++] = (struct lineage_task){.id = e.task};
        ids_add(&hop->tasks, e.task);
    }
    add_edge(w, &e, db_int(rows, 0));
    return 0;
}

static int on_link(struct walk *w, const struct db_rows *rows, void *user)
{
    struct hop *hop = user;
    struct lineage_edge e = read_link(w, rows, hop->up ? LINEAGE_USED : LINEAGE_MADE);

    add_artifact(w, e.artifact);
    ids_add(&hop->next, e.artifact);
    add_edge(w, &e, db_int(rows, 0));
    return 0;
}

static int on_same(struct walk *w, const struct db_rows *rows, void *user)
{
    struct hop *hop = user;
    struct lineage_edge e = {
        .kind = LINEAGE_SAME, .artifact = db_int(rows, 0), .from = db_int(rows, 1)};

    add_artifact(w, hop->up ? e.from : e.artifact);
    ids_add(&hop->next, hop->up ? e.from : e.artifact);
    add_edge(w, &e, e.artifact);
    return 0;
}

/* ---- a level ---- */

#define LEAF "t.type IN ('RUNTIME', 'IMPORTER')"
#define FROM_LINKS " FROM artifact_task l JOIN task t ON t.id = l.task_id WHERE "

/* A task from the cache counts where the one that it took its result from is gone. */
static const char *const makers[] =
    QUESTION("SELECT " LINK_COLUMNS ", t.type" FROM_LINKS "l.artifact_id",
             " AND l.type = 'OUTPUT' AND " LEAF
             " ORDER BY CASE t.state WHEN 'CACHED' THEN 1 ELSE 0 END, l.id");
static const char *const users[] =
    QUESTION("SELECT " LINK_COLUMNS ", t.type" FROM_LINKS "l.artifact_id",
             " AND l.type = 'INPUT' AND " LEAF
             " AND (t.state <> 'CACHED' OR t.cached_from_id IS NULL) ORDER BY l.id");
static const char *const inputs[] =
    QUESTION("SELECT " LINK_COLUMNS " FROM artifact_task l WHERE l.task_id",
             " AND l.type = 'INPUT' ORDER BY l.task_id, l.key, l.idx");
static const char *const outputs[] =
    QUESTION("SELECT " LINK_COLUMNS " FROM artifact_task l WHERE l.task_id",
             " AND l.type = 'OUTPUT' ORDER BY l.task_id, l.key, l.idx");
/* What was imported is the newest one before it of the same URI; a file has two. */
#define SAME_URI(b, a)                                                                             \
    b ".uri IN (" a ".uri, 'file://' || " a ".uri,"                                                \
      " CASE WHEN " a ".uri LIKE 'file:///%' THEN substr(" a ".uri, 8) END)"
static const char *const same_up[] =
    QUESTION("SELECT a.id, b.id FROM artifacts a JOIN artifacts b ON b.id = (SELECT max(m.id)"
             " FROM artifacts m WHERE " SAME_URI("m", "a") " AND m.id < a.id) WHERE a.id",
             "");
static const char *const same_down[] =
    QUESTION("SELECT b.id, a.id FROM artifacts a JOIN artifacts b ON " SAME_URI(
                 "b", "a") " AND b.id > a.id WHERE a.id",
             " AND EXISTS (SELECT 1 FROM artifact_task l JOIN task t ON t.id = l.task_id"
             " WHERE l.artifact_id = b.id AND l.type = 'OUTPUT' AND t.type = 'IMPORTER')"
             " AND NOT EXISTS (SELECT 1 FROM artifacts m WHERE " SAME_URI(
                 "m", "b") " AND m.id > a.id AND m.id < b.id)");

static int hop(struct walk *w, const struct ids *from, struct hop *h)
{
    if (each(w, h->up ? makers : users, from, on_task, h) < 0 ||
        each(w, h->up ? same_up : same_down, h->up ? &h->imported : from, on_same, h) < 0)
        return -1;
    return each(w, h->up ? inputs : outputs, &h->tasks, on_link, h);
}

/* Of the artifacts that a level has reached, those that are new that way; marks them. */
static void keep_new(struct walk *w, const struct hop *h, int level, struct ids *ret)
{
    for (size_t i = 0; i < h->next.n; i++) {
        size_t at = place(&w->artifacts, h->next.items[i]);
        int *mark =
            at ? (h->up ? &w->l->artifacts[at - 1].up : &w->l->artifacts[at - 1].down) : NULL;

        if (!mark || *mark >= 0)
            continue;
        *mark = level;
        ids_add(ret, h->next.items[i]);
    }
}

static int walk(struct walk *w, int64_t start, bool up, int depth)
{
    own_ids struct ids level = {0};
    __attribute__((cleanup(index_done))) struct index made = {0};

    ids_add(&level, start);
    *(up ? &w->l->artifacts[0].up : &w->l->artifacts[0].down) = 0;
    for (int i = 1; level.n; i++) {
        own_ids struct ids next = {0};
        struct hop h = {.up = up, .made = &made};
        int rc;

        if (depth >= 0 && i > depth) {
            w->l->cut = true; /* perhaps: whether there is more was not asked */
            return 0;
        }
        rc = hop(w, &level, &h);
        keep_new(w, &h, i, &next);
        ids_done(&h.tasks);
        ids_done(&h.imported);
        ids_done(&h.next);
        if (rc < 0)
            return -1;
        ids_done(&level);
        level = next;
        next = (struct ids){0};
    }
    return 0;
}

/* ---- rows ---- */

static int on_artifact_row(struct walk *w, const struct db_rows *rows, void *user)
{
    size_t at = place(&w->artifacts, db_int(rows, 0));

    (void)user;
    if (at)
        store_artifact_read(rows, 0, w->a, &w->l->artifacts[at - 1].row);
    return 0;
}

static int on_task_row(struct walk *w, const struct db_rows *rows, void *user)
{
    size_t at = place(&w->tasks, db_int(rows, 0));
    struct lineage_task *t = &w->l->tasks[at - 1];
    const char *type = db_text(rows, 5);

    (void)user;
    *t = (struct lineage_task){
        .id = db_int(rows, 0),
        .uuid = store_text(rows, 1, w->a),
        .run_id = db_int(rows, 2),
        .name = store_text(rows, 3, w->a),
        .scope_path = store_text(rows, 4, w->a),
        .iteration_index = db_int_or(rows, 6, -1),
        .cache_fingerprint = store_text(rows, 8, w->a),
        .inputs = store_text(rows, 9, w->a),
        .outputs = store_text(rows, 10, w->a),
        .created_us = db_int(rows, 11),
        .started_us = db_int(rows, 12),
        .finished_us = db_int(rows, 13),
        .run_uuid = store_text(rows, 14, w->a),
        .run_name = store_text(rows, 15, w->a),
        .spec_digest = store_text(rows, 16, w->a),
        .pipeline = store_text(rows, 17, w->a),
    };
    if (!type || store_task_type_parse(type, &t->type) < 0)
        return dh_fail(w->err, DH_IO, "the database holds an unknown task type");
    return store_read_state(rows, 7, &t->state, w->err);
}

static const char *const artifact_rows[] =
    QUESTION("SELECT " STORE_ARTIFACT_COLUMNS " FROM artifacts a WHERE a.id", "");
static const char *const task_rows[] =
    QUESTION("SELECT t.id, t.uuid, t.run_id, t.name, t.scope_path, t.type, t.iteration_index,"
             " t.state, t.cache_fingerprint, t.inputs, t.outputs, t.created_us, t.started_us,"
             " t.finished_us, r.uuid, r.display_name, r.spec_digest, p.name"
             " FROM task t JOIN run r ON r.id = t.run_id"
             " LEFT JOIN pipeline p ON p.id = r.pipeline_id WHERE t.id",
             "");

static int read_rows(struct walk *w)
{
    own_ids struct ids artifacts = {0};
    own_ids struct ids tasks = {0};

    for (size_t i = 0; i < w->l->n_artifacts; i++)
        ids_add(&artifacts, w->l->artifacts[i].row.id);
    for (size_t i = 0; i < w->l->n_tasks; i++)
        ids_add(&tasks, w->l->tasks[i].id);
    if (each(w, artifact_rows, &artifacts, on_artifact_row, NULL) < 0)
        return -1;
    return each(w, task_rows, &tasks, on_task_row, NULL);
}

/* What else the tasks on the way used and made. */
static int complete(struct walk *w)
{
    own_ids struct ids tasks = {0};
    struct hop h = {.up = true};
    int rc;

    for (size_t i = 0; i < w->l->n_tasks; i++)
        ids_add(&tasks, w->l->tasks[i].id);
    rc = each(w, inputs, &tasks, on_link, &h);
    h.up = false;
    if (rc == 0)
        rc = each(w, outputs, &tasks, on_link, &h);
    ids_done(&h.next);
    return rc;
}

/* The lists move from the heap, where they could grow, to the arena. */
static void *settle(struct arena *a, void *items, size_t n, size_t size)
{
    void *to = arena_alloc(a, n * size + 1);

    if (n)
        memcpy(to, items, n * size);
    dh_mem_own(&items);
    return to;
}

static int lineage(struct walk *w, const struct lineage_query *q)
{
    add_artifact(w, q->artifact);
    if ((q->ways & LINEAGE_UP && walk(w, q->artifact, true, q->depth) < 0) ||
        (q->ways & LINEAGE_DOWN && walk(w, q->artifact, false, q->depth) < 0) ||
        (q->whole && complete(w) < 0) || read_rows(w) < 0)
        return -1;
    if (!w->l->artifacts[0].row.uuid)
        return dh_fail(w->err, DH_NOT_FOUND, "there is no artifact %" PRId64, q->artifact);
    return 0;
}

/* All questions in one transaction: of one moment, and none of them begins and ends its own. */
static int as_one(struct walk *w, const struct lineage_query *q)
{
    bool ours = !db_in_transaction(w->s->db);
    int rc;

    if (ours && db_begin_read(w->s->db, w->err) < 0)
        return -1;
    rc = lineage(w, q);
    if (ours)
        db_rollback(w->s->db); /* nothing was written */
    return rc;
}

int store_lineage(struct store *s, const struct lineage_query *q, struct arena *a,
                  struct lineage *ret, struct dh_err *err)
{
    struct lineage l = {0};
    struct walk w = {.s = s, .a = a, .l = &l, .err = err};
    int rc = as_one(&w, q);

    index_done(&w.artifacts);
    index_done(&w.tasks);
    index_done(&w.links);
    index_done(&w.imports);
    l.artifacts = settle(a, l.artifacts, l.n_artifacts, sizeof *l.artifacts);
    l.tasks = settle(a, l.tasks, l.n_tasks, sizeof *l.tasks);
    l.edges = settle(a, l.edges, l.n_edges, sizeof *l.edges);
    l.artifacts_by_id = order(&l, l.n_artifacts, artifact_id, a);
    l.tasks_by_id = order(&l, l.n_tasks, task_id, a);
    if (rc == 0)
        *ret = l;
    return rc;
}
