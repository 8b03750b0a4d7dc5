/* mlmd - ML Metadata's objects, read from its views. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "store/mlmd-priv.h"

static const char *const tables[] = {"Execution", "Artifact", "Context"};

static void add_ids(struct buf *b, const int64_t *ids, size_t n)
{
    buf_adds(b, " IN (");
    for (size_t i = 0; i < n; i++)
        buf_addf(b, "%s%" PRId64, i ? "," : "", ids[i]);
    buf_adds(b, n ? ")" : "NULL)");
}

/* ---- types ---- */

int mlmd_types(struct store *s, enum mlmd_kind kind, const char *name, const int64_t *ids, size_t n,
               struct arena *a, struct mlmd_types *ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    own_buf struct buf sql = {0};
    struct mlmd_types list = {0};
    struct db_val value = DB_T(name);
    size_t cap = 0;
    int rc;

    buf_addf(&sql,
             "SELECT y.id, y.name, y.version, y.description FROM Type y WHERE y.type_kind = %d",
             kind);
    if (name)
        buf_adds(&sql, " AND y.version IS NULL AND y.name = ?");
    if (n) {
        buf_adds(&sql, " AND y.id");
        add_ids(&sql, ids, n);
    }
    buf_adds(&sql, " ORDER BY y.id");
    if (db_query_built(s->db, err, &rows, sql.p, &value, name != NULL) < 0)
        return -1;
    while ((rc = db_next(rows, err)) == 1)
        *STORE_PUSH(a, &list, cap) = (struct mlmd_type){.id = db_int(rows, 0),
                                                        .name = store_text(rows, 1, a),
                                                        .version = store_text(rows, 2, a),
                                                        .description = store_text(rows, 3, a)};
    if (rc == 0)
        *ret = list;
    return rc;
}

int mlmd_type_put(struct store *s, enum mlmd_kind kind, const char *name, int64_t *ret,
                  struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    struct mlmd_types types;

    for (int tries = 0; tries < 2; tries++) {
        if (mlmd_types(s, kind, name, NULL, 0, a, &types, err) < 0)
            return -1;
        if (types.n) {
            *ret = types.items[0].id;
            return 0;
        }
        if (db_run(s->db, err,
                   "INSERT INTO Type(name, type_kind) SELECT ?, ? WHERE NOT EXISTS"
                   " (SELECT 1 FROM Type WHERE name = ? AND type_kind = ? AND version IS NULL)",
                   DB_T(name), DB_I(kind), DB_T(name), DB_I(kind)) < 0)
            return -1;
    }
    return dh_fail(err, DH_BUG, "type '%s' is not there", name);
}

/* ---- items ---- */

static void add_value(struct mlmd_sql *sql, const char *text, struct db_val value)
{
    buf_adds(&sql->text, text);
    sql->values[sql->n++] = value;
}

/* Which: by its relations. */
static void add_relations(const struct mlmd_query *q, struct mlmd_sql *sql)
{
    if (q->context && q->kind == MLMD_EXECUTION)
        add_value(sql,
                  " AND x.id IN (SELECT s.execution_id FROM Association s WHERE s.context_id = ?)",
                  DB_I(q->context));
    if (q->context && q->kind == MLMD_ARTIFACT)
        add_value(sql,
                  " AND x.id IN (SELECT s.artifact_id FROM Attribution s WHERE s.context_id = ?)",
                  DB_I(q->context));
    if (q->execution)
        add_value(sql,
                  " AND x.id IN (SELECT s.context_id FROM Association s WHERE s.execution_id = ?)",
                  DB_I(q->execution));
    if (q->artifact)
        add_value(sql,
                  " AND x.id IN (SELECT s.context_id FROM Attribution s WHERE s.artifact_id = ?)",
                  DB_I(q->artifact));
    if (q->parent)
        add_value(sql,
                  " AND x.id IN (SELECT s.context_id FROM ParentContext s"
                  " WHERE s.parent_context_id = ?)",
                  DB_I(q->parent));
    if (q->child)
        add_value(sql,
                  " AND x.id IN (SELECT s.parent_context_id FROM ParentContext s"
                  " WHERE s.context_id = ?)",
                  DB_I(q->child));
}

static void add_names(const struct mlmd_query *q, struct mlmd_sql *sql)
{
    if (q->by_ids) {
        buf_adds(&sql->text, " AND x.id");
        add_ids(&sql->text, q->ids, q->n_ids);
    }
    if (q->type)
        add_value(sql, " AND y.version IS NULL AND y.name = ?", DB_T(q->type));
    if (q->uri)
        add_value(sql, " AND x.uri = ?", DB_T(q->uri));
    if (!q->name)
        return;
    add_value(sql, " AND x.name = ?", DB_T(q->name));
    /* A name that is put together has no index; what it is made of has. */
    if (q->kind == MLMD_EXECUTION && !strncmp(q->name, "run/", 4))
        add_value(sql,
                  " AND x.id IN (SELECT t.id FROM run r JOIN task t ON t.run_id = r.id"
                  " WHERE r.uuid = ?)",
                  DB_T(arena_strdup(sql->a, q->name + 4)));
}

static void add_order(const struct mlmd_query *q, struct mlmd_sql *sql)
{
    static const char *const columns[] = {"x.id", "x.create_time_since_epoch",
                                          "x.last_update_time_since_epoch"};
    const char *column = columns[q->order], *way = q->descending ? "DESC" : "ASC";
    char than = q->descending ? '<' : '>';

    if (q->has_after && q->order == MLMD_BY_ID) {
        buf_addf(&sql->text, " AND x.id %c %" PRId64, than, q->after_id);
    } else if (q->has_after) {
        buf_addf(&sql->text, " AND (%s %c %" PRId64 " OR %s = %" PRId64 " AND x.id %c %" PRId64 ")",
                 column, than, q->after_value, column, q->after_value, than, q->after_id);
    }
    buf_addf(&sql->text, " ORDER BY %s %s", column, way);
    if (q->order != MLMD_BY_ID)
        buf_addf(&sql->text, ", x.id %s", way);
    if (q->limit > 0)
        buf_addf(&sql->text, " LIMIT %d", q->limit + 1);
}

static void read_item(const struct db_rows *rows, struct arena *a, struct mlmd_item *to)
{
    *to = (struct mlmd_item){.id = db_int(rows, 0),
                             .type_id = db_int(rows, 1),
                             .type = store_text(rows, 2, a),
                             .name = store_text(rows, 3, a),
                             .created_ms = db_int(rows, 4),
                             .updated_ms = db_int(rows, 5),
                             .state = db_int_or(rows, 6, -1),
                             .uri = store_text(rows, 7, a)};
}

/* `window` (may be NULL): a condition more. */
static int read_items(struct store *s, const struct mlmd_query *q, const char *window,
                      struct mlmd_sql *sql, struct mlmd_items *ret, struct dh_err *err)
{
    static const char *const more[] = {"x.last_known_state, NULL", "x.state, x.uri", "NULL, NULL"};
    own(db_end) struct db_rows *rows = NULL;
    size_t cap = 0;
    int rc;

    buf_addf(&sql->text,
             "SELECT x.id, x.type_id, y.name, x.name, x.create_time_since_epoch,"
             " x.last_update_time_since_epoch, %s FROM %s x JOIN Type y ON y.id = x.type_id"
             " WHERE 1 = 1",
             more[q->kind], tables[q->kind]);
    add_names(q, sql);
    add_relations(q, sql);
    if (q->filter && *q->filter && mlmd_filter(q->filter, q->kind, sql, err) < 0)
        return -1;
    if (window)
        buf_adds(&sql->text, window);
    add_order(q, sql);
    if (db_query_built(s->db, err, &rows, sql->text.p, sql->values, sql->n) < 0)
        return -1;
    while ((rc = db_next(rows, err)) == 1) {
        if (q->limit > 0 && ret->n == (size_t)q->limit) {
            ret->more = true;
            return 0;
        }
        read_item(rows, sql->a, STORE_PUSH(sql->a, ret, cap));
    }
    return rc;
}

/* ---- a page in the order of time ----
 *
 * Times are shown in milliseconds and kept in microseconds, so no index has the order that is
 * asked for. But it has what comes first: so many of the newest (or oldest), to the end of a
 * millisecond. Those are put into order; where too few of them fit, more are taken.
 *
 * When an execution was last changed has no index: each would cost every step three writes. What
 * changed within a window belongs to runs that ended in it or later, or have not ended, and began
 * before its end. */

enum { WINDOW = 4, WIDER = 16 }; /* times a page; times the one before */

static bool goes_by_time(const struct mlmd_query *q)
{
    return q->order != MLMD_BY_ID && q->kind != MLMD_CONTEXT && q->limit > 0 && !q->by_ids &&
           !q->name && !q->uri && !q->context;
}

struct window {
    const char *table, *column; /* of which an index has the order */
    int64_t n, from, to;        /* inclusive, in microseconds */
    bool starts, ends;          /* whether `from` and `to` are set */
};

/* The first `n` from where the page begins; without an end where there are no more. */
static int window_read(struct store *s, const struct mlmd_query *q, struct window *w,
                       struct dh_err *err)
{
    int64_t begin = (q->after_value + q->descending) * 1000 - q->descending;
    own(db_end) struct db_rows *rows = NULL;
    own_buf struct buf sql = {0};
    int rc;

    buf_addf(&sql, "SELECT w.%s FROM %s w WHERE w.%s IS NOT NULL", w->column, w->table, w->column);
    if (q->has_after)
        buf_addf(&sql, " AND w.%s %c= %" PRId64, w->column, q->descending ? '<' : '>', begin);
    buf_addf(&sql, " ORDER BY w.%s %s LIMIT 1 OFFSET %" PRId64, w->column,
             q->descending ? "DESC" : "ASC", w->n);
    if (db_query_built(s->db, err, &rows, sql.p, NULL, 0) < 0 || (rc = db_next(rows, err)) < 0)
        return -1;
    w->starts = q->descending ? rc : q->has_after;
    w->ends = q->descending ? q->has_after : rc;
    w->from = w->to = begin;
    if (rc && q->descending)
        w->from = db_int(rows, 0) / 1000 * 1000;
    else if (rc)
        w->to = db_int(rows, 0) / 1000 * 1000 + 999;
    return 0;
}

static void add_created(const struct window *w, struct buf *to)
{
    buf_addf(to, " AND x.id IN (SELECT w.id FROM %s w WHERE 1 = 1", w->table);
    if (w->starts)
        buf_addf(to, " AND w.created_us >= %" PRId64, w->from);
    if (w->ends)
        buf_addf(to, " AND w.created_us <= %" PRId64, w->to);
    buf_adds(to, ")");
}

static void add_changed(const struct window *w, struct buf *to)
{
    buf_adds(to, " AND x.id IN (SELECT t.id FROM run w JOIN task t ON t.run_id = w.id WHERE 1 = 1");
    if (w->starts)
        buf_addf(to, " AND (w.finished_us >= %" PRId64 " OR w.finished_us IS NULL)", w->from);
    if (w->ends)
        buf_addf(to, " AND w.created_us <= %" PRId64, w->to);
    buf_adds(to, ")");
    if (w->starts)
        buf_addf(to, " AND x.last_update_time_since_epoch >= %" PRId64, w->from / 1000);
    if (w->ends)
        buf_addf(to, " AND x.last_update_time_since_epoch <= %" PRId64, w->to / 1000);
}

static int read_by_time(struct store *s, const struct mlmd_query *q, struct mlmd_sql *sql,
                        struct mlmd_items *ret, struct dh_err *err)
{
    bool changed = q->order == MLMD_BY_UPDATED && q->kind == MLMD_EXECUTION;

    for (int64_t n = (int64_t)WINDOW * q->limit;; n *= WIDER) {
        own_buf struct buf window = {0};
        struct window w = {.table = changed                    ? "run"
                                    : q->kind == MLMD_ARTIFACT ? "artifacts"
                                                               : "task",
                           .column = changed ? "finished_us" : "created_us",
                           .n = changed ? n / WIDER : n}; /* a run has many executions */

        *ret = (struct mlmd_items){0};
        buf_reset(&sql->text);
        sql->n = 0;
        if (window_read(s, q, &w, err) < 0)
            return -1;
        if (w.starts || w.ends)
            (changed ? add_changed : add_created)(&w, &window);
        if (read_items(s, q, window.p, sql, ret, err) < 0)
            return -1;
        if (ret->more || !(q->descending ? w.starts : w.ends))
            return 0;
    }
}

/* ---- their properties ---- */

static struct mlmd_item *item_of(const struct mlmd_items *items, const uint32_t *order, int64_t id)
{
    size_t from = 0, to = items->n;

    while (from < to) {
        size_t at = (from + to) / 2;

        if (items->items[order[at]].id < id)
            from = at + 1;
        else
            to = at;
    }
    return from < items->n && items->items[order[from]].id == id ? &items->items[order[from]]
                                                                 : NULL;
}

static struct mlmd_value read_value(const struct db_rows *rows, struct arena *a)
{
    struct mlmd_value v = {.name = store_text(rows, 1, a), .custom = db_int(rows, 2) != 0};

    if (db_text(rows, 3)) {
        v.kind = MLMD_INT;
        v.number = db_int(rows, 3);
    } else if (db_text(rows, 4)) {
        v.kind = MLMD_DOUBLE;
        v.real = db_real(rows, 4);
    } else if (db_text(rows, 5)) {
        v.kind = MLMD_TEXT;
        v.text = store_text(rows, 5, a);
    } else {
        v.kind = MLMD_BOOL;
        v.number = db_int(rows, 6);
    }
    return v;
}

/* Properties come by id: those of one item are together. */
static int take_values(struct db_rows *rows, struct mlmd_items *items, const uint32_t *order,
                       struct arena *a, struct dh_err *err)
{
    struct mlmd_item *item = NULL;
    size_t cap = 0;
    int rc;

    while ((rc = db_next(rows, err)) == 1) {
        int64_t id = db_int(rows, 0);
        struct {
            struct mlmd_value *items;
            size_t n;
        } list;

        if (!item || item->id != id) {
            item = item_of(items, order, id);
            cap = 0;
        }
        if (!item)
            continue;
        list.items = item->values;
        list.n = item->n_values;
        *STORE_PUSH(a, &list, cap) = read_value(rows, a);
        item->values = list.items;
        item->n_values = list.n;
    }
    return rc;
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

static const uint32_t *order_of(const struct mlmd_items *items, struct arena *a)
{
    struct place *all = arena_alloc(a, (items->n + 1) * sizeof *all);
    uint32_t *to = arena_alloc(a, (items->n + 1) * sizeof *to);

    for (uint32_t i = 0; i < items->n; i++)
        all[i] = (struct place){items->items[i].id, i};
    qsort(all, items->n, sizeof *all, by_id);
    for (size_t i = 0; i < items->n; i++)
        to[i] = all[i].at;
    return to;
}

enum { CHUNK = 500 };

static int read_values(struct store *s, enum mlmd_kind kind, struct mlmd_items *items,
                       struct arena *a, struct dh_err *err)
{
    static const char *const ids[] = {"execution_id", "artifact_id", "context_id"};
    const uint32_t *order = order_of(items, a);

    for (size_t i = 0; i < items->n; i += CHUNK) {
        own(db_end) struct db_rows *rows = NULL;
        own_buf struct buf sql = {0};
        size_t n = items->n - i < CHUNK ? items->n - i : CHUNK;
        int64_t some[CHUNK];

        for (size_t k = 0; k < n; k++)
            some[k] = items->items[order[i + k]].id;
        buf_addf(&sql,
                 "SELECT p.%s, p.name, p.is_custom_property, p.int_value, p.double_value,"
                 " p.string_value, p.bool_value FROM %sProperty p WHERE p.%s",
                 ids[kind], tables[kind], ids[kind]);
        add_ids(&sql, some, n);
        buf_addf(&sql, " ORDER BY p.%s", ids[kind]);
        if (db_query_built(s->db, err, &rows, sql.p, NULL, 0) < 0 ||
            take_values(rows, items, order, a, err) < 0)
            return -1;
    }
    return 0;
}

int mlmd_items(struct store *s, const struct mlmd_query *q, struct arena *a, struct mlmd_items *ret,
               struct dh_err *err)
{
    struct mlmd_sql sql = {.a = a};
    struct mlmd_items list = {0};
    int rc = goes_by_time(q) ? read_by_time(s, q, &sql, &list, err)
                             : read_items(s, q, NULL, &sql, &list, err);

    buf_done(&sql.text);
    if (rc < 0 || (!q->bare && read_values(s, q->kind, &list, a, err) < 0))
        return -1;
    *ret = list;
    return 0;
}

/* ---- events ---- */

int mlmd_events(struct store *s, enum mlmd_kind of, const int64_t *ids, size_t n, struct arena *a,
                struct mlmd_events *ret, struct dh_err *err)
{
    struct mlmd_events list = {0};
    size_t cap = 0;

    for (size_t i = 0; i < n; i += CHUNK) {
        own(db_end) struct db_rows *rows = NULL;
        own_buf struct buf sql = {0};
        int rc;

        buf_addf(&sql,
                 "SELECT v.artifact_id, v.execution_id, v.type, v.milliseconds_since_epoch,"
                 " p.step_key FROM Event v JOIN EventPath p ON p.event_id = v.id WHERE v.%s",
                 of == MLMD_EXECUTION ? "execution_id" : "artifact_id");
        add_ids(&sql, ids + i, n - i < CHUNK ? n - i : CHUNK);
        buf_adds(&sql, " ORDER BY v.id");
        if (db_query_built(s->db, err, &rows, sql.p, NULL, 0) < 0)
            return -1;
        while ((rc = db_next(rows, err)) == 1)
            *STORE_PUSH(a, &list, cap) = (struct mlmd_event){.artifact = db_int(rows, 0),
                                                             .execution = db_int(rows, 1),
                                                             .type = db_int(rows, 2),
                                                             .ms = db_int(rows, 3),
                                                             .key = store_text(rows, 4, a)};
        if (rc < 0)
            return -1;
    }
    *ret = list;
    return 0;
}

/* ---- what belongs to which context ---- */

/* As the views Association and Attribution have it; these are grouped by context, so that a
 * database would go through all of them to find those of an artifact. */
static void add_belongings(struct buf *sql, enum mlmd_kind of, const int64_t *ids, size_t n)
{
    static const char *const ways[] = {
        "JOIN mlmd_context c ON c.run_id = t.run_id",
        "JOIN run r ON r.id = t.run_id JOIN mlmd_context c ON c.pipeline_id = r.pipeline_id"};

    for (size_t i = 0; i < 2; i++) {
        buf_adds(sql, i ? " UNION " : "");
        if (of == MLMD_EXECUTION)
            buf_addf(sql, "SELECT t.id, c.id FROM mlmd_task t %s WHERE t.id", ways[i]);
        else
            buf_addf(sql,
                     "SELECT l.artifact_id, c.id FROM artifact_task l JOIN task t"
                     " ON t.id = l.task_id %s WHERE l.artifact_id",
                     ways[i]);
        add_ids(sql, ids, n);
    }
    buf_adds(sql, " ORDER BY 1, 2");
}

int mlmd_belongings(struct store *s, enum mlmd_kind of, const int64_t *ids, size_t n,
                    struct arena *a, struct mlmd_belongings *ret, struct dh_err *err)
{
    struct mlmd_belongings list = {0};
    size_t cap = 0;

    for (size_t i = 0; i < n; i += CHUNK) {
        own(db_end) struct db_rows *rows = NULL;
        own_buf struct buf sql = {0};
        int rc;

        add_belongings(&sql, of, ids + i, n - i < CHUNK ? n - i : CHUNK);
        if (db_query_built(s->db, err, &rows, sql.p, NULL, 0) < 0)
            return -1;
        while ((rc = db_next(rows, err)) == 1)
            *STORE_PUSH(a, &list, cap) =
                (struct mlmd_belonging){.id = db_int(rows, 0), .context = db_int(rows, 1)};
        if (rc < 0)
            return -1;
    }
    *ret = list;
    return 0;
}
