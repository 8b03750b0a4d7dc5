/* Artifacts, their links to tasks, the cache's look-up, and metrics. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "store/store-priv.h"

static const char *const state_names[] = {[STORE_LIVE] = "LIVE", [STORE_DELETED] = "DELETED"};
static const char *const link_names[] = {[STORE_INPUT] = "INPUT", [STORE_OUTPUT] = "OUTPUT"};

int store_artifact_insert(struct store *s, const struct store_artifact *t, int64_t *ret_id,
                          struct dh_err *err)
{
    own_mem char *structs = store_mlmd_metadata(t->metadata);

    if (store_mlmd_type(s, t->type, err) < 0 ||
        db_run(s->db, err,
               "INSERT INTO artifacts(uuid, type, name, uri, digest, size_bytes, metadata, state,"
               " created_us, metadata_struct) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
               DB_T(t->uuid), DB_T(t->type), DB_T(t->name), DB_T(t->uri), DB_T(t->digest),
               DB_OPT(t->size_bytes), DB_T(t->metadata), DB_T(state_names[t->state]),
               DB_I(t->created_us), DB_T(structs)) < 0)
        return dh_while(err, "artifact %s", t->uri ? t->uri : t->uuid);
    *ret_id = db_last_id(s->db);
    return 0;
}

int store_artifact_link(struct store *s, const struct store_link *link, struct dh_err *err)
{
    if (db_run(s->db, err,
               "INSERT INTO artifact_task(artifact_id, task_id, type, key, idx, producer_task_id,"
               " producer_key) VALUES (?, ?, ?, ?, ?, ?, ?)",
               DB_I(link->artifact_id), DB_I(link->task_id), DB_T(link_names[link->type]),
               DB_T(link->key), DB_I(link->index), DB_ID(link->producer_task_id),
               DB_T(link->producer_key)) < 0)
        return dh_while(err, "%s artifact '%s'", link->type == STORE_INPUT ? "input" : "output",
                        link->key);
    return 0;
}

int store_artifact_next_index(struct store *s, int64_t task_id, enum store_link_type type,
                              const char *key, int64_t *ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;

    if (db_query(s->db, err, &rows,
                 "SELECT COALESCE(max(idx), -1) + 1 FROM artifact_task"
                 " WHERE task_id = ? AND type = ? AND key = ?",
                 DB_I(task_id), DB_T(link_names[type]), DB_T(key)) < 0 ||
        store_one(db_next(rows, err), err, "task %lld", (long long)task_id) < 0)
        return -1;
    *ret = db_int(rows, 0);
    return 0;
}

int store_artifact_set_state(struct store *s, int64_t id, enum store_artifact_state state,
                             struct dh_err *err)
{
    int rc = db_run(s->db, err, "UPDATE artifacts SET state = ? WHERE id = ?",
                    DB_T(state_names[state]), DB_I(id));

    return store_touched(s, rc, "artifact", id, err);
}

int store_artifact_set_bytes(struct store *s, int64_t id, const char *digest, int64_t size_bytes,
                             struct dh_err *err)
{
    int rc = db_run(s->db, err,
                    "UPDATE artifacts SET digest = ?, size_bytes = ?, state = 'LIVE' WHERE id = ?",
                    DB_T(digest), DB_OPT(size_bytes), DB_I(id));

    return store_touched(s, rc, "artifact", id, err);
}

int store_artifact_set_metadata(struct store *s, int64_t id, const char *metadata,
                                struct dh_err *err)
{
    own_mem char *structs = store_mlmd_metadata(metadata);
    int rc =
        db_run(s->db, err, "UPDATE artifacts SET metadata = ?, metadata_struct = ? WHERE id = ?",
               DB_T(metadata), DB_T(structs), DB_I(id));

    return store_touched(s, rc, "artifact", id, err);
}

/* ---- reading ---- */

void store_artifact_read(const struct db_rows *rows, int column, struct arena *a,
                         struct store_artifact *ret)
{
    const char *state = db_text(rows, column + 8);

    *ret = (struct store_artifact){
        .id = db_int(rows, column),
        .uuid = store_text(rows, column + 1, a),
        .type = store_text(rows, column + 2, a),
        .name = store_text(rows, column + 3, a),
        .uri = store_text(rows, column + 4, a),
        .digest = store_text(rows, column + 5, a),
        .size_bytes = db_int_or(rows, column + 6, -1),
        .metadata = store_text(rows, column + 7, a),
        .state = state && !strcmp(state, "LIVE") ? STORE_LIVE : STORE_DELETED,
        .created_us = db_int(rows, column + 9),
    };
}

#define LINKED_SELECT                                                                              \
    "SELECT l.artifact_id, l.task_id, l.type, l.key, l.idx, l.producer_task_id, "                  \
    "l.producer_key, " STORE_ARTIFACT_COLUMNS

/* Reads an open query of links to its end. */
static int linked_read(struct db_rows *rows, struct arena *a, struct store_linkeds *ret,
                       struct dh_err *err)
{
    struct store_linkeds list = {0};
    size_t cap = 0;
    int rc;

    while ((rc = db_next(rows, err)) == 1) {
        struct store_linked *to = STORE_PUSH(a, &list, cap);
        const char *type = db_text(rows, 2);

        to->link = (struct store_link){
            .artifact_id = db_int(rows, 0),
            .task_id = db_int(rows, 1),
            .type = type && !strcmp(type, "INPUT") ? STORE_INPUT : STORE_OUTPUT,
            .key = store_text(rows, 3, a),
            .index = db_int(rows, 4),
            .producer_task_id = db_int(rows, 5),
            .producer_key = store_text(rows, 6, a),
        };
        store_artifact_read(rows, 7, a, &to->artifact);
    }
    if (rc == 0)
        *ret = list;
    return rc;
}

int store_artifacts_of_task(struct store *s, int64_t task_id, enum store_link_type type,
                            struct arena *a, struct store_linkeds *ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;

    if (db_query(s->db, err, &rows,
                 LINKED_SELECT " FROM artifact_task l JOIN artifacts a ON a.id = l.artifact_id"
                               " WHERE l.task_id = ? AND l.type = ? ORDER BY l.key, l.idx",
                 DB_I(task_id), DB_T(link_names[type])) < 0)
        return -1;
    return linked_read(rows, a, ret, err);
}

int store_artifacts_of_run(struct store *s, int64_t run_id, enum store_link_type type,
                           struct arena *a, struct store_linkeds *ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;

    if (db_query(s->db, err, &rows,
                 LINKED_SELECT " FROM task t JOIN artifact_task l ON l.task_id = t.id"
                               " JOIN artifacts a ON a.id = l.artifact_id"
                               " WHERE t.run_id = ? AND l.type = ? ORDER BY t.id, l.key, l.idx",
                 DB_I(run_id), DB_T(link_names[type])) < 0)
        return -1;
    return linked_read(rows, a, ret, err);
}

int store_artifact_links(struct store *s, int64_t artifact_id, enum store_link_type type,
                         struct arena *a, struct store_linkeds *ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;

    if (db_query(s->db, err, &rows,
                 LINKED_SELECT " FROM artifact_task l JOIN artifacts a ON a.id = l.artifact_id"
                               " WHERE l.artifact_id = ? AND l.type = ?"
                               " ORDER BY l.task_id, l.key, l.idx",
                 DB_I(artifact_id), DB_T(link_names[type])) < 0)
        return -1;
    return linked_read(rows, a, ret, err);
}

/* ---- finding ---- */

int store_artifact_get(struct store *s, int64_t id, struct arena *a, struct store_artifact *ret,
                       struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;

    if (db_query(s->db, err, &rows,
                 "SELECT " STORE_ARTIFACT_COLUMNS " FROM artifacts a WHERE a.id = ?",
                 DB_I(id)) < 0 ||
        store_one(db_next(rows, err), err, "artifact %lld", (long long)id) < 0)
        return -1;
    store_artifact_read(rows, 0, a, ret);
    return 0;
}

static int by_prefix(struct store *s, const char *name, const char *prefix, struct arena *a,
                     struct store_artifact *ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    char end[42];
    int rc;

    (void)snprintf(end, sizeof end, "%sg", prefix); /* 'g' comes after every hex digit */
    if (db_query(s->db, err, &rows,
                 "SELECT " STORE_ARTIFACT_COLUMNS " FROM artifacts a"
                 " WHERE a.uuid >= ? AND a.uuid < ? ORDER BY a.uuid DESC LIMIT 2",
                 DB_T(prefix), DB_T(end)) < 0 ||
        store_one(db_next(rows, err), err, "artifact '%s'", name) < 0)
        return -1;
    store_artifact_read(rows, 0, a, ret);
    rc = db_next(rows, err);
    if (rc == 1)
        return dh_fail(err, DH_INVALID,
                       "'%s' fits several artifacts: %s, %s, … Give more of its id, or its number",
                       name, ret->uuid, db_text(rows, 1));
    return rc;
}

static int by_uri(struct store *s, const char *uri, struct arena *a, struct store_artifact *ret,
                  struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;

    if (db_query(s->db, err, &rows,
                 "SELECT " STORE_ARTIFACT_COLUMNS " FROM artifacts a WHERE a.uri = ?"
                 " ORDER BY a.id DESC LIMIT 1",
                 DB_T(uri)) < 0 ||
        store_one(db_next(rows, err), err, "artifact '%s'", uri) < 0)
        return -1;
    store_artifact_read(rows, 0, a, ret);
    return 0;
}

int store_artifact_find(struct store *s, const char *name, struct arena *a,
                        struct store_artifact *ret, struct dh_err *err)
{
    char hex[40];
    int64_t id = 0;

    switch (store_name_kind(name, hex, &id)) {
    case STORE_NAME_NUMBER:
        return store_artifact_get(s, id, a, ret, err);
    case STORE_NAME_UUID:
    case STORE_NAME_PREFIX:
        return by_prefix(s, name, hex, a, ret, err);
    case STORE_NAME_OTHER:
        break;
    }
    return by_uri(s, name, a, ret, err);
}

static void row_read(const struct db_rows *rows, struct arena *a, struct store_artifact_row *ret)
{
    const int at = STORE_ARTIFACT_N;

    store_artifact_read(rows, 0, a, &ret->artifact);
    ret->task_id = db_int(rows, at);
    ret->task_name = store_text(rows, at + 1, a);
    ret->key = store_text(rows, at + 2, a);
    ret->run_id = db_int(rows, at + 3);
    ret->run_uuid = store_text(rows, at + 4, a);
    ret->run_name = store_text(rows, at + 5, a);
    ret->pipeline = store_text(rows, at + 6, a);
}

/* Its maker is the first OUTPUT link: later ones are tasks that took it from the cache, or the DAGs
 * that hand it on. */
#define ROW_SELECT                                                                                 \
    "SELECT " STORE_ARTIFACT_COLUMNS ", t.id, t.name, l.key, r.id, r.uuid, r.display_name, p.name" \
    " FROM artifacts a LEFT JOIN artifact_task l ON l.id = (SELECT min(id) FROM artifact_task"     \
    " WHERE artifact_id = a.id AND type = 'OUTPUT') LEFT JOIN task t ON t.id = l.task_id"          \
    " LEFT JOIN run r ON r.id = t.run_id LEFT JOIN pipeline p ON p.id = r.pipeline_id"

static size_t list_sql(const struct store_artifact_filter *filter, size_t limit, struct buf *sql,
                       struct db_val vals[10])
{
    const struct {
        const char *sql, *value;
    } texts[] = {
        {" AND a.type = ?", filter->type},
        {" AND " STORE_DIGEST_IS("a.digest"), filter->digest},
        {" AND a.uri = ?", filter->uri},
    };
    size_t n = 0;

    buf_adds(sql, ROW_SELECT " WHERE 1 = 1");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].value) {
            buf_adds(sql, texts[i].sql);
            for (const char *at = texts[i].sql; (at = strchr(at, '?')); at++)
                vals[n++] = DB_T(texts[i].value);
        }
    if (filter->run_id) {
        buf_adds(sql, " AND a.id IN (SELECT ll.artifact_id FROM task tt JOIN artifact_task ll"
                      " ON ll.task_id = tt.id WHERE tt.run_id = ? AND ll.type = 'OUTPUT')");
        vals[n++] = DB_I(filter->run_id);
    }
    if (filter->experiment_id) {
        buf_adds(sql, " AND a.id IN (SELECT ll.artifact_id FROM run rr JOIN task tt"
                      " ON tt.run_id = rr.id JOIN artifact_task ll ON ll.task_id = tt.id"
                      " WHERE rr.experiment_id = ? AND ll.type = 'OUTPUT')");
        vals[n++] = DB_I(filter->experiment_id);
    }
    if (!filter->deleted_too)
        buf_adds(sql, " AND a.state = 'LIVE'");
    if (filter->after_id) {
        buf_adds(sql, " AND a.id < ?");
        vals[n++] = DB_I(filter->after_id);
    }
    buf_adds(sql, " ORDER BY a.id DESC LIMIT ?");
    vals[n++] = DB_I((int64_t)limit + 1);
    return n;
}

int store_artifact_list(struct store *s, const struct store_artifact_filter *filter,
                        struct arena *a, struct store_artifact_rows *ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    own_buf struct buf sql = {0};
    struct store_artifact_rows list = {0};
    struct db_val vals[10];
    size_t n, cap = 0, limit = filter->limit > 0 ? (size_t)filter->limit : 100;
    int rc;

    n = list_sql(filter, limit, &sql, vals);
    if (db_query_built(s->db, err, &rows, sql.p, vals, n) < 0)
        return -1;
    while ((rc = db_next(rows, err)) == 1) {
        if (list.n == limit) {
            list.more = true;
            break;
        }
        row_read(rows, a, STORE_PUSH(a, &list, cap));
    }
    if (rc < 0)
        return -1;
    *ret = list;
    return 0;
}

/* ---- cache ---- */

int store_cache_find(struct store *s, const char *fingerprint, int64_t not_before_us,
                     int64_t before_id, struct arena *a, struct store_task *ret_task,
                     struct store_linkeds *ret_outputs, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    int rc;

    /* What the partial index asks for is literal, or it could not serve. */
    if (db_query(s->db, err, &rows,
                 "SELECT " STORE_TASK_COLUMNS STORE_TASK_FROM "WHERE t.state = 'SUCCEEDED'"
                 " AND t.reusable = 1 AND t.id < ? AND t.finished_us >= ?"
                 " AND " STORE_DIGEST_IS("t.cache_fingerprint") " ORDER BY t.id DESC LIMIT 1",
                 DB_I(before_id ? before_id : INT64_MAX), DB_I(not_before_us),
                 STORE_DIGEST(fingerprint)) < 0 ||
        (rc = db_next(rows, err)) < 0)
        return -1;
    if (rc == 0)
        return STORE_CACHE_MISS;
    if (store_task_read(rows, a, ret_task, err) < 0)
        return -1;
    return store_artifacts_of_task(s, ret_task->id, STORE_OUTPUT, a, ret_outputs, err);
}

/* ---- metrics ---- */

/* The last value of each task's metric, by which runs are found. */
static int metric_last(struct store *s, const struct store_metric *m, struct dh_err *err)
{
    if (db_run(s->db, err,
               "UPDATE run_metric SET number_value = ?, time_us = ?"
               " WHERE run_id = ? AND name = ? AND coalesce(task_id, 0) = ?",
               DB_R(m->number), DB_I(m->time_us), DB_I(m->run_id), DB_T(m->name),
               DB_I(m->task_id)) < 0)
        return -1;
    if (db_changes(s->db) > 0)
        return 0;
    return db_run(s->db, err,
                  "INSERT INTO run_metric(run_id, task_id, name, number_value, time_us)"
                  " VALUES (?, ?, ?, ?, ?)",
                  DB_I(m->run_id), DB_ID(m->task_id), DB_T(m->name), DB_R(m->number),
                  DB_I(m->time_us));
}

int store_metric_insert(struct store *s, const struct store_metric *m, struct dh_err *err)
{
    int rc;

    if (db_scope_begin(s->db, err) < 0)
        return -1;
    rc = db_run(s->db, err,
                "INSERT INTO metric(run_id, task_id, artifact_id, name, number_value, step,"
                " time_us) VALUES (?, ?, ?, ?, ?, ?, ?)",
                DB_I(m->run_id), DB_ID(m->task_id), DB_ID(m->artifact_id), DB_T(m->name),
                DB_R(m->number), DB_OPT(m->step), DB_ID(m->time_us));
    if (rc == 0)
        rc = metric_last(s, m, err);
    return db_scope_end(s->db, rc, err);
}

int store_metric_reuse(struct store *s, int64_t from_task, int64_t run_id, int64_t task_id,
                       int64_t now_us, struct dh_err *err)
{
    return db_run(s->db, err,
                  "INSERT INTO run_metric(run_id, task_id, name, number_value, time_us)"
                  " SELECT ?, ?, name, number_value, ? FROM run_metric WHERE task_id = ?",
                  DB_I(run_id), DB_I(task_id), DB_I(now_us), DB_I(from_task));
}

int store_metric_list(struct store *s, int64_t run_id, struct arena *a, struct store_metrics *ret,
                      struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    struct store_metrics list = {0};
    size_t cap = 0;
    int rc;

    if (db_query(s->db, err, &rows,
                 "SELECT id, run_id, task_id, artifact_id, name, number_value, step, time_us"
                 " FROM metric WHERE run_id = ? ORDER BY id",
                 DB_I(run_id)) < 0)
        return -1;
    while ((rc = db_next(rows, err)) == 1) {
        struct store_metric *m = STORE_PUSH(a, &list, cap);

        m->id = db_int(rows, 0);
        m->run_id = db_int(rows, 1);
        m->task_id = db_int(rows, 2);
        m->artifact_id = db_int(rows, 3);
        m->name = store_text(rows, 4, a);
        m->number = db_real(rows, 5);
        m->step = db_int_or(rows, 6, -1);
        m->time_us = db_int(rows, 7);
    }
    if (rc == 0)
        *ret = list;
    return rc;
}

struct store_linkeds store_linkeds_of_task(const struct store_linkeds *all, int64_t task_id)
{
    size_t low = 0, high = all->n, end;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (all->items[mid].link.task_id < task_id)
            low = mid + 1;
        else
            high = mid;
    }
    for (end = low; end < all->n && all->items[end].link.task_id == task_id; end++)
        ;
    return (struct store_linkeds){.items = all->items + low, .n = end - low};
}
