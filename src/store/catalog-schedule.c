/* catalog-schedule - recurring runs, and the queue of runs that a server answers for. */
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "store/catalog.h"
#include "store/store-priv.h"

int catalog_schedule_add(struct store *s, const struct catalog_schedule *c, int64_t *ret_id,
                         struct dh_err *err)
{
    char uuid[ID_TEXT];
    int64_t now_us = c->created_us ? c->created_us : clock_now_us();

    if (db_run(s->db, err,
               "INSERT INTO schedule(uuid, display_name, description, namespace, experiment_id,"
               " pipeline_id, pipeline_version_id, spec_digest, request, service_account, cron,"
               " interval_s, time_zone, start_us, end_us, no_catchup, max_concurrency, overlap,"
               " enabled, created_us, updated_us, next_us)"
               " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
               DB_T(id_new(uuid)), DB_T(c->display_name), DB_T(c->description), DB_T(c->namespace),
               DB_ID(c->experiment_id), DB_ID(c->pipeline_id), DB_ID(c->version_id),
               DB_T(c->spec_digest), DB_T(c->request), DB_T(c->service_account), DB_T(c->cron),
               DB_ID(c->interval_s), DB_T(c->time_zone), DB_ID(c->start_us), DB_ID(c->end_us),
               DB_I(c->no_catchup), DB_I(c->max_concurrency), DB_T(c->overlap), DB_I(c->enabled),
               DB_I(now_us), DB_I(now_us), DB_ID(c->next_us)) < 0)
        return -1;
    *ret_id = db_last_id(s->db);
    return 0;
}

static void read_schedule(const struct db_rows *rows, struct arena *a, struct catalog_schedule *ret)
{
    *ret = (struct catalog_schedule){
        .id = db_int(rows, 0),
        .uuid = store_text(rows, 1, a),
        .display_name = store_text(rows, 2, a),
        .description = store_text(rows, 3, a),
        .namespace = store_text(rows, 4, a),
        .experiment_id = db_int(rows, 5),
        .pipeline_id = db_int(rows, 6),
        .version_id = db_int(rows, 7),
        .spec_digest = store_text(rows, 8, a),
        .request = store_text(rows, 9, a),
        .service_account = store_text(rows, 10, a),
        .cron = store_text(rows, 11, a),
        .interval_s = db_int(rows, 12),
        .time_zone = store_text(rows, 13, a),
        .start_us = db_int(rows, 14),
        .end_us = db_int(rows, 15),
        .no_catchup = db_int(rows, 16) != 0,
        .max_concurrency = db_int(rows, 17),
        .overlap = store_text(rows, 18, a),
        .enabled = db_int(rows, 19) != 0,
        .created_us = db_int(rows, 20),
        .updated_us = db_int(rows, 21),
        .last_us = db_int(rows, 22),
        .next_us = db_int(rows, 23),
        .n_fired = db_int(rows, 24),
        .error = store_text(rows, 25, a),
        .experiment_uuid = store_text(rows, 26, a),
        .experiment = store_text(rows, 27, a),
        .pipeline_uuid = store_text(rows, 28, a),
        .pipeline = store_text(rows, 29, a),
        .version_uuid = store_text(rows, 30, a),
        .version = store_text(rows, 31, a),
    };
}

int catalog_schedule_get(struct store *s, int64_t id, struct arena *a, struct catalog_schedule *ret,
                         struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;

    if (db_query(s->db, err, &rows,
                 "SELECT c.id, c.uuid, c.display_name, c.description, c.namespace,"
                 " c.experiment_id, c.pipeline_id, c.pipeline_version_id, c.spec_digest, c.request,"
                 " c.service_account, c.cron, c.interval_s, c.time_zone, c.start_us, c.end_us,"
                 " c.no_catchup, c.max_concurrency, c.overlap, c.enabled, c.created_us,"
                 " c.updated_us, c.last_us, c.next_us, c.n_fired, c.error, e.uuid, e.name, p.uuid,"
                 " p.name, v.uuid, v.name FROM schedule c"
                 " LEFT JOIN experiment e ON e.id = c.experiment_id"
                 " LEFT JOIN pipeline p ON p.id = c.pipeline_id"
                 " LEFT JOIN pipeline_version v ON v.id = c.pipeline_version_id WHERE c.id = ?",
                 DB_I(id)) < 0 ||
        store_one(db_next(rows, err), err, "recurring run %lld", (long long)id) < 0)
        return -1;
    read_schedule(rows, a, ret);
    return 0;
}

int catalog_schedule_id(struct store *s, const char *uuid, int64_t *ret_id, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;

    if (db_query(s->db, err, &rows, "SELECT id FROM schedule WHERE uuid = ?", DB_T(uuid)) < 0 ||
        store_one(db_next(rows, err), err, "recurring run '%s'", uuid) < 0)
        return -1;
    *ret_id = db_int(rows, 0);
    return 0;
}

int catalog_schedule_update(struct store *s, const struct catalog_schedule *c, struct dh_err *err)
{
    int rc = db_run(
        s->db, err,
        "UPDATE schedule SET display_name = ?, description = ?, experiment_id = ?, pipeline_id = ?,"
        " pipeline_version_id = ?, spec_digest = ?, request = ?, service_account = ?, cron = ?,"
        " interval_s = ?, time_zone = ?, start_us = ?, end_us = ?, no_catchup = ?,"
        " max_concurrency = ?, overlap = ?, enabled = ?, next_us = ?, updated_us = ?, error = NULL"
        " WHERE id = ?",
        DB_T(c->display_name), DB_T(c->description), DB_ID(c->experiment_id), DB_ID(c->pipeline_id),
        DB_ID(c->version_id), DB_T(c->spec_digest), DB_T(c->request), DB_T(c->service_account),
        DB_T(c->cron), DB_ID(c->interval_s), DB_T(c->time_zone), DB_ID(c->start_us),
        DB_ID(c->end_us), DB_I(c->no_catchup), DB_I(c->max_concurrency), DB_T(c->overlap),
        DB_I(c->enabled), DB_ID(c->next_us), DB_I(clock_now_us()), DB_I(c->id));

    return store_touched(s, rc, "recurring run", c->id, err);
}

int catalog_schedule_enable(struct store *s, int64_t id, bool enabled, int64_t next_us,
                            struct dh_err *err)
{
    int rc = db_run(s->db, err,
                    "UPDATE schedule SET enabled = ?, next_us = ?, updated_us = ? WHERE id = ?",
                    DB_I(enabled), DB_ID(next_us), DB_I(clock_now_us()), DB_I(id));

    return store_touched(s, rc, "recurring run", id, err);
}

int catalog_schedule_fired(struct store *s, int64_t id, int64_t was_us, int64_t last_us,
                           int64_t next_us, bool counts, const char *error, struct dh_err *err)
{
    if (db_run(s->db, err,
               "UPDATE schedule SET last_us = coalesce(?, last_us), next_us = ?,"
               " n_fired = n_fired + ?, error = ? WHERE id = ? AND next_us = ? AND enabled = 1",
               DB_ID(last_us), DB_ID(next_us), DB_I(counts), DB_T(error), DB_I(id),
               DB_I(was_us)) < 0)
        return -1;
    return db_changes(s->db) == 0;
}

int catalog_schedule_failed(struct store *s, int64_t id, const char *error, struct dh_err *err)
{
    return db_run(s->db, err, "UPDATE schedule SET error = ? WHERE id = ?", DB_T(error), DB_I(id));
}

static int delete_schedule(struct store *s, int64_t id, struct dh_err *err)
{
    if (db_run(s->db, err, "UPDATE run SET schedule_id = NULL WHERE schedule_id = ?", DB_I(id)) < 0)
        return -1;
    return store_touched(s, db_run(s->db, err, "DELETE FROM schedule WHERE id = ?", DB_I(id)),
                         "recurring run", id, err);
}

int catalog_schedule_delete(struct store *s, int64_t id, struct dh_err *err)
{
    if (db_scope_begin(s->db, err) < 0)
        return -1;
    return db_scope_end(s->db, delete_schedule(s, id, err), err);
}

int catalog_schedules_due(struct store *s, int64_t now_us, int limit, struct arena *a,
                          struct catalog_ids *ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    struct catalog_ids list = {0};
    size_t cap = 0;
    int rc;

    if (db_query(s->db, err, &rows,
                 "SELECT id FROM schedule WHERE enabled = 1 AND next_us > 0 AND next_us <= ?"
                 " ORDER BY next_us LIMIT ?",
                 DB_I(now_us), DB_I(limit)) < 0)
        return -1;
    while ((rc = db_next(rows, err)) == 1)
        *STORE_PUSH(a, &list, cap) = db_int(rows, 0);
    if (rc == 0)
        *ret = list;
    return rc;
}

int catalog_schedule_active(struct store *s, int64_t id, int64_t *ret_n, int64_t *ret_newest,
                            struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;

    /* Only queued runs can be open: a schedule's runs are all a server's. */
    if (db_query(s->db, err, &rows,
                 "SELECT count(*), max(id) FROM run WHERE queue IS NOT NULL AND schedule_id = ?"
                 " AND state IN ('PENDING', 'RUNNING')",
                 DB_I(id)) < 0 ||
        db_next(rows, err) < 0)
        return -1;
    *ret_n = db_int(rows, 0);
    *ret_newest = db_int(rows, 1);
    return 0;
}

/* ---- the queue ---- */

/* `id + 0`: or SQLite would rather read the whole table in the order of its ids than sort a few
 * rows. */
int catalog_queue(struct store *s, struct arena *a, struct catalog_queue *ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    struct catalog_queue list = {0};
    size_t cap = 0;
    int rc;

    if (db_query(s->db, err, &rows,
                 "SELECT id, uuid, queue, state, owner_pid, owner_host, owner_token, lease_us"
                 " FROM run"
                 " WHERE queue IN ('run', 'retry', 'delete') ORDER BY id + 0") < 0)
        return -1;
    while ((rc = db_next(rows, err)) == 1) {
        struct catalog_queued *q = STORE_PUSH(a, &list, cap);

        *q = (struct catalog_queued){
            .id = db_int(rows, 0),
            .uuid = store_text(rows, 1, a),
            .queue = store_text(rows, 2, a),
            .owner = {.pid = db_int(rows, 4),
                      .host = store_text(rows, 5, a),
                      .token = store_text(rows, 6, a)},
            .lease_us = db_int(rows, 7),
        };
        if (store_read_state(rows, 3, &q->state, err) < 0)
            return -1;
    }
    if (rc == 0)
        *ret = list;
    return rc;
}

int catalog_run_states(struct store *s, struct js **ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    own(js_free) struct js *states = js_object();
    int rc;

    if (db_query(s->db, err, &rows, "SELECT state, count(*) FROM run GROUP BY state") < 0)
        return -1;
    while ((rc = db_next(rows, err)) == 1)
        js_set(states, db_text(rows, 0), js_int(db_int(rows, 1)));
    if (rc < 0)
        return -1;
    *ret = take(&states);
    return 0;
}

int catalog_run(struct store *s, const char *uuid, struct arena *a, struct store_run *ret,
                struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    int64_t id;

    if (db_query(s->db, err, &rows,
                 "SELECT id FROM run WHERE uuid = ? AND (queue IS NULL OR queue <> 'delete')",
                 DB_T(uuid)) < 0 ||
        store_one(db_next(rows, err), err, "run '%s'", uuid) < 0)
        return -1;
    id = db_int(rows, 0);
    return store_run_get(s, id, a, ret, err);
}
