/* db: what all databases have in common; the rest is behind the table of functions. */
#include <math.h>
#include <string.h>

#include "store/db-priv.h"
#include "store/db-url.h"

int db_open(const char *path, unsigned flags, int busy_ms, struct db **ret, struct dh_err *err)
{
    return db_url_is(path) ? db_server_open(path, flags, busy_ms, ret, err)
                           : db_sqlite_open(path, flags, busy_ms, ret, err);
}

int db_create(const char *path, int (*fill)(struct db *db, struct dh_err *err), struct dh_err *err)
{
    return db_url_is(path) ? 0 : db_sqlite_create(path, fill, err);
}

struct db *db_close(struct db *db)
{
    return db ? db->ops->close(db) : NULL;
}

const char *db_path(const struct db *db)
{
    return db->path;
}

/* ---- statements ---- */

int db_run_vals(struct db *db, struct dh_err *err, const char *sql, const struct db_val *vals,
                size_t n)
{
    return db->ops->run(db, err, sql, vals, n, true);
}

int db_run_built(struct db *db, struct dh_err *err, const char *sql, const struct db_val *vals,
                 size_t n)
{
    return db->ops->run(db, err, sql, vals, n, false);
}

int64_t db_last_id(const struct db *db)
{
    return db->ops->last_id(db);
}

int64_t db_changes(struct db *db)
{
    return db->ops->changes(db);
}

int db_expect_row(struct db *db, const char *what, int64_t id, struct dh_err *err)
{
    return db->ops->expect(db, what, id, err);
}

int db_query_vals(struct db *db, struct dh_err *err, struct db_rows **ret, const char *sql,
                  const struct db_val *vals, size_t n)
{
    return db->ops->query(db, err, ret, sql, vals, n, true);
}

int db_query_built(struct db *db, struct dh_err *err, struct db_rows **ret, const char *sql,
                   const struct db_val *vals, size_t n)
{
    return db->ops->query(db, err, ret, sql, vals, n, false);
}

int db_query_number(struct db *db, struct dh_err *err, int64_t *ret, const char *sql)
{
    own(db_end) struct db_rows *rows = NULL;
    int rc;

    if (db_query_built(db, err, &rows, sql, NULL, 0) < 0)
        return -1;
    rc = db_next(rows, err);
    *ret = rc == 1 ? db_int(rows, 0) : 0;
    return rc < 0 ? -1 : 0;
}

int db_next(struct db_rows *rows, struct dh_err *err)
{
    return rows->db->ops->next(rows, err);
}

struct db_rows *db_end(struct db_rows *rows)
{
    if (rows)
        rows->db->ops->end(rows);
    return NULL;
}

int db_columns(const struct db_rows *rows)
{
    return rows->db->ops->columns(rows);
}

const char *db_column(const struct db_rows *rows, int column)
{
    return rows->db->ops->column(rows, column);
}

enum db_kind db_kind(const struct db_rows *rows, int column)
{
    return rows->db->ops->kind(rows, column);
}

int64_t db_int(const struct db_rows *rows, int column)
{
    return rows->db->ops->integer(rows, column);
}

int64_t db_int_or(const struct db_rows *rows, int column, int64_t other)
{
    const struct db_ops *ops = rows->db->ops;

    return ops->kind(rows, column) == DB_NULL ? other : ops->integer(rows, column);
}

double db_real(const struct db_rows *rows, int column)
{
    const struct db_ops *ops = rows->db->ops;

    /* NaN is kept as NULL. */
    return ops->kind(rows, column) == DB_NULL ? (double)NAN : ops->real(rows, column);
}

const char *db_text(const struct db_rows *rows, int column)
{
    return rows->db->ops->text(rows, column);
}

int db_script(struct db *db, const char *sql, struct dh_err *err)
{
    return db->ops->script(db, sql, err);
}

/* ---- transactions ---- */

static int begin(struct db *db, bool readonly, struct dh_err *err)
{
    if (db->begun)
        return dh_fail(err, DH_BUG, "database %s: a transaction is open already", db->path);
    if (db->ops->begin(db, readonly, err) < 0)
        return -1;
    db->begun = true;
    db->reading = readonly;
    return 0;
}

int db_begin(struct db *db, struct dh_err *err)
{
    return begin(db, false, err);
}

int db_begin_read(struct db *db, struct dh_err *err)
{
    return begin(db, true, err);
}

int db_commit(struct db *db, struct dh_err *err)
{
    int rc;

    if (!db->begun)
        return dh_fail(err, DH_BUG, "database %s: no transaction is open", db->path);
    rc = db->ops->commit(db, err);
    if (rc < 0)
        db_rollback(db);
    else
        db->begun = db->reading = false;
    return rc;
}

void db_rollback(struct db *db)
{
    db->ops->rollback(db);
    db->begun = db->reading = false;
    db->scopes = 0;
}

bool db_in_transaction(const struct db *db)
{
    return db->begun;
}

int db_scope_begin(struct db *db, struct dh_err *err)
{
    if (db->scopes == 0) {
        db->scope_own = !db->begun;
        if (db->scope_own ? db_begin(db, err) < 0 : db->ops->savepoint(db, err) < 0)
            return -1;
    }
    db->scopes++;
    return 0;
}

int db_scope_end(struct db *db, int rc, struct dh_err *err)
{
    struct dh_err ignored;

    if (db->scopes == 0 || --db->scopes > 0)
        return rc;
    if (db->scope_own) {
        if (rc >= 0)
            return db_commit(db, err) < 0 ? -1 : rc;
        db_rollback(db);
        return rc;
    }
    if (rc >= 0 && db->ops->savepoint_end(db, false, err) == 0)
        return rc;
    (void)db->ops->savepoint_end(db, true, &ignored);
    return -1;
}

/* ---- the whole ---- */

int db_version(struct db *db, int *ret, struct dh_err *err)
{
    return db->ops->version(db, ret, err);
}

int db_set_version(struct db *db, int version, struct dh_err *err)
{
    return db->ops->set_version(db, version, err);
}

int db_migrate(struct db *db, const char *sql, int version, struct dh_err *err)
{
    return db->ops->migrate(db, sql, version, err);
}

int db_keep(struct db *db, int version, struct dh_err *err)
{
    return db->ops->keep(db, version, err);
}

bool db_changed(struct db *db)
{
    return db->ops->changed(db);
}

int64_t db_stamp(struct db *db)
{
    return db->ops->stamp ? db->ops->stamp(db) : 0;
}

void db_settle(struct db *db)
{
    if (db->ops->settle)
        db->ops->settle(db);
}

int db_check(struct db *db, struct dh_err *err)
{
    return db->ops->check(db, err);
}

/* ---- whole tables ---- */

int db_bulk_begin(struct db *db, struct dh_err *err)
{
    if (db->begun)
        return dh_fail(err, DH_BUG, "database %s: a transaction is open already", db->path);
    if (db->ops->bulk(db, err) < 0)
        return -1;
    db->begun = true;
    return 0;
}

int db_given(struct db *db, const char *table, int64_t *ret, struct dh_err *err)
{
    return db->ops->given(db, table, ret, err);
}

int db_set_given(struct db *db, const char *table, int64_t id, struct dh_err *err)
{
    return db->ops->set_given(db, table, id, err);
}

int db_save(struct db *db, const char *path, struct dh_err *err)
{
    return db->ops->save ? db->ops->save(db, path, err) : DB_CANNOT;
}
