/* db on SQLite: statements and transactions. */
#include <math.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "store/db-sqlite-priv.h"

/* ---- errors ---- */

static int constraint(struct db *db, struct dh_err *err)
{
    int code = sqlite3_extended_errcode(db->sqlite);

    if (code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY)
        return dh_fail(err, DH_EXISTS, "it is in the database already (%s)",
                       sqlite3_errmsg(db->sqlite));
    if (code == SQLITE_CONSTRAINT_FOREIGNKEY)
        return dh_fail(err, DH_NOT_FOUND,
                       "the database has no such row, or others still refer to it (%s)",
                       sqlite3_errmsg(db->sqlite));
    return dh_fail(err, DH_BUG, "database %s: %s", db->path, sqlite3_errmsg(db->sqlite));
}

int db_sqlite_failed(struct db *db, int rc, struct dh_err *err)
{
    const char *text = db->sqlite ? sqlite3_errmsg(db->sqlite) : sqlite3_errstr(rc);

    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return dh_fail(err, DH_IO,
                       "database %s is locked: another process has been writing for more than %d s",
                       db->path, db->busy_ms / 1000);
    case SQLITE_FULL:
        return dh_fail(err, DH_IO, "database %s: no space left on the disk", db->path);
    case SQLITE_READONLY:
        return dh_fail(err, DH_IO, "database %s cannot be written: it is read-only", db->path);
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return dh_fail(err, DH_IO, "database %s: permission denied", db->path);
    case SQLITE_CORRUPT:
        return dh_fail(err, DH_IO, "database %s is damaged (%s): restore it from a copy", db->path,
                       text);
    case SQLITE_NOTADB:
        return dh_fail(err, DH_IO, "%s is not a database, or its first page is damaged", db->path);
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR: {
        int os = db->sqlite ? sqlite3_system_errno(db->sqlite) : 0;

        return dh_fail(err, DH_IO, "database %s: %s%s%s", db->path, text, os ? ": " : "",
                       os ? strerror(os) : "");
    }
    case SQLITE_CONSTRAINT:
        return constraint(db, err);
    case SQLITE_TOOBIG:
        return dh_fail(err, DH_INVALID, "database %s: a value is too large", db->path);
    default:
        return dh_fail(err, DH_BUG, "database %s: %s", db->path, text);
    }
}

/* A write that a test wants to see fail. */
static int fault(struct db *db, struct dh_err *err)
{
    if (!fs_fault("commit"))
        return 0;
    return dh_fail_errno(err, "database %s", db->path);
}

/* ---- statements ---- */

static size_t slot_of(const char *sql)
{
    uint64_t h = (uint64_t)(uintptr_t)sql * 0x9e3779b97f4a7c15ULL;

    return (size_t)(h >> 32) & (N_SLOTS - 1);
}

static int prepare(struct db *db, const char *sql, bool once, struct db_rows **ret,
                   struct dh_err *err)
{
    struct db_rows *rows = dh_zalloc(1, sizeof *rows);
    int rc = sqlite3_prepare_v3(db->sqlite, sql, -1, once ? 0 : SQLITE_PREPARE_PERSISTENT,
                                &rows->stmt, NULL);

    if (rc != SQLITE_OK) {
        dh_mem_own(&rows);
        return db_sqlite_failed(db, rc, err);
    }
    rows->db = db;
    rows->sql = sql;
    rows->once = once;
    *ret = rows;
    return 0;
}

/* The cached statement; a one-off where it is in use (a query within the same query). */
static int statement(struct db *db, const char *sql, struct db_rows **ret, struct dh_err *err)
{
    size_t i = slot_of(sql);

    for (size_t tries = 0; tries < N_SLOTS; tries++, i = (i + 1) & (N_SLOTS - 1)) {
        struct db_rows *at = db->slots[i];

        if (at && at->sql != sql)
            continue;
        if (at && at->open)
            break;
        if (!at) {
            if (prepare(db, sql, false, &at, err) < 0)
                return -1;
            db->slots[i] = at;
        }
        *ret = at;
        return 0;
    }
    return prepare(db, sql, true, ret, err);
}

static int bind(struct db_rows *rows, const struct db_val *vals, size_t n, struct dh_err *err)
{
    int rc = SQLITE_OK;

    if ((size_t)sqlite3_bind_parameter_count(rows->stmt) != n)
        return dh_fail(err, DH_BUG, "%zu values for: %s", n, sqlite3_sql(rows->stmt));
    for (size_t i = 0; i < n && rc == SQLITE_OK; i++) {
        int at = (int)i + 1;

        switch (vals[i].kind) {
        case DB_NULL:
            rc = sqlite3_bind_null(rows->stmt, at);
            break;
        case DB_INT:
            rc = sqlite3_bind_int64(rows->stmt, at, vals[i].i);
            break;
        case DB_REAL:
            rc = sqlite3_bind_double(rows->stmt, at, vals[i].d);
            break;
        case DB_TEXT:
            rc = sqlite3_bind_text(rows->stmt, at, vals[i].t, -1, SQLITE_STATIC);
            break;
        }
    }
    return rc == SQLITE_OK ? 0 : db_sqlite_failed(rows->db, rc, err);
}

struct db_rows *db_end(struct db_rows *rows)
{
    if (!rows)
        return NULL;
    if (rows->once) {
        (void)sqlite3_finalize(rows->stmt);
        dh_mem_own(&rows);
        return NULL;
    }
    (void)sqlite3_reset(rows->stmt);
    rows->open = false;
    return NULL;
}

int db_run_vals(struct db *db, struct dh_err *err, const char *sql, const struct db_val *vals,
                size_t n)
{
    own(db_end) struct db_rows *rows = NULL;
    int rc;

    if (db->begun && sqlite3_get_autocommit(db->sqlite))
        return dh_fail(err, DH_IO, "database %s: the transaction was undone by an error before",
                       db->path);
    if (!db->begun && db->scopes == 0 && fault(db, err) < 0)
        return -1;
    if (statement(db, sql, &rows, err) < 0)
        return -1;
    rows->open = true;
    if (bind(rows, vals, n, err) < 0)
        return -1;
    rc = sqlite3_step(rows->stmt);
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : db_sqlite_failed(db, rc, err);
}

static int query(struct db_rows *rows, const struct db_val *vals, size_t n, struct db_rows **ret,
                 struct dh_err *err)
{
    rows->open = true;
    if (bind(rows, vals, n, err) < 0) {
        db_end(rows);
        return -1;
    }
    *ret = rows;
    return 0;
}

int db_query_vals(struct db *db, struct dh_err *err, struct db_rows **ret, const char *sql,
                  const struct db_val *vals, size_t n)
{
    struct db_rows *rows = NULL;

    return statement(db, sql, &rows, err) < 0 ? -1 : query(rows, vals, n, ret, err);
}

int db_query_built(struct db *db, struct dh_err *err, struct db_rows **ret, const char *sql,
                   const struct db_val *vals, size_t n)
{
    struct db_rows *rows = NULL;

    return prepare(db, sql, true, &rows, err) < 0 ? -1 : query(rows, vals, n, ret, err);
}

int db_next(struct db_rows *rows, struct dh_err *err)
{
    int rc = sqlite3_step(rows->stmt);

    if (rc == SQLITE_ROW)
        return 1;
    return rc == SQLITE_DONE ? 0 : db_sqlite_failed(rows->db, rc, err);
}

int64_t db_int(const struct db_rows *rows, int column)
{
    return sqlite3_column_int64(rows->stmt, column);
}

int64_t db_int_or(const struct db_rows *rows, int column, int64_t other)
{
    if (sqlite3_column_type(rows->stmt, column) == SQLITE_NULL)
        return other;
    return sqlite3_column_int64(rows->stmt, column);
}

double db_real(const struct db_rows *rows, int column)
{
    /* SQLite keeps NaN as NULL. */
    if (sqlite3_column_type(rows->stmt, column) == SQLITE_NULL)
        return (double)NAN;
    return sqlite3_column_double(rows->stmt, column);
}

const char *db_text(const struct db_rows *rows, int column)
{
    return (const char *)sqlite3_column_text(rows->stmt, column);
}

int64_t db_last_id(const struct db *db)
{
    return sqlite3_last_insert_rowid(db->sqlite);
}

int64_t db_changes(const struct db *db)
{
    return sqlite3_changes(db->sqlite);
}

int db_script(struct db *db, const char *sql, struct dh_err *err)
{
    int rc = sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? 0 : db_sqlite_failed(db, rc, err);
}

/* ---- transactions ---- */

int db_begin(struct db *db, struct dh_err *err)
{
    if (db->begun)
        return dh_fail(err, DH_BUG, "database %s: a transaction is open already", db->path);
    if (db_run(db, err, "BEGIN IMMEDIATE") < 0)
        return -1;
    db->begun = true;
    return 0;
}

int db_commit(struct db *db, struct dh_err *err)
{
    int rc;

    if (!db->begun)
        return dh_fail(err, DH_BUG, "database %s: no transaction is open", db->path);
    rc = fault(db, err);
    if (rc == 0)
        rc = db_run(db, err, "COMMIT");
    if (rc < 0)
        db_rollback(db);
    else
        db->begun = false;
    return rc;
}

void db_rollback(struct db *db)
{
    /* SQLite may have rolled back by itself: then there is nothing left to do. */
    if (!sqlite3_get_autocommit(db->sqlite))
        (void)sqlite3_exec(db->sqlite, "ROLLBACK", NULL, NULL, NULL);
    db->begun = false;
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
        if (db->scope_own ? db_begin(db, err) < 0 : db_run(db, err, "SAVEPOINT scope") < 0)
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
    if (rc < 0)
        (void)db_run(db, &ignored, "ROLLBACK TO scope");
    if (db_run(db, rc < 0 ? &ignored : err, "RELEASE scope") < 0)
        return -1;
    return rc;
}
