/* db on SQLite: statements and transactions. */
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "store/db-dialect.h"
#include "store/db-sqlite-priv.h"

/* ---- errors ---- */

static int constraint(struct db *db, struct dh_err *err)
{
    int code = sqlite3_extended_errcode(of(db)->sqlite);

    if (code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY)
        return dh_fail(err, DH_EXISTS, "it is in the database already (%s)",
                       sqlite3_errmsg(of(db)->sqlite));
    if (code == SQLITE_CONSTRAINT_FOREIGNKEY)
        return dh_fail(err, DH_NOT_FOUND,
                       "the database has no such row, or others still refer to it (%s)",
                       sqlite3_errmsg(of(db)->sqlite));
    return dh_fail(err, DH_BUG, "database %s: %s", db->path, sqlite3_errmsg(of(db)->sqlite));
}

int db_sqlite_failed(struct db *db, int rc, struct dh_err *err)
{
    const char *text = of(db)->sqlite ? sqlite3_errmsg(of(db)->sqlite) : sqlite3_errstr(rc);

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
        int os = of(db)->sqlite ? sqlite3_system_errno(of(db)->sqlite) : 0;

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

static int prepare(struct db *db, const char *sql, bool once, struct sqlite_rows **ret,
                   struct dh_err *err)
{
    struct sqlite_rows *rows = dh_zalloc(1, sizeof *rows);
    int rc = sqlite3_prepare_v3(of(db)->sqlite, sql, -1, once ? 0 : SQLITE_PREPARE_PERSISTENT,
                                &rows->stmt, NULL);

    if (rc != SQLITE_OK) {
        dh_mem_own(&rows);
        return db_sqlite_failed(db, rc, err);
    }
    rows->base.db = db;
    rows->sql = sql;
    rows->once = once;
    *ret = rows;
    return 0;
}

/* The cached statement; a one-off where it is in use (a query within the same query). */
static int statement(struct db *db, const char *sql, struct sqlite_rows **ret, struct dh_err *err)
{
    size_t i = slot_of(sql);

    for (size_t tries = 0; tries < N_SLOTS; tries++, i = (i + 1) & (N_SLOTS - 1)) {
        struct sqlite_rows *at = of(db)->slots[i];

        if (at && at->sql != sql)
            continue;
        if (at && at->open)
            break;
        if (!at) {
            if (prepare(db, sql, false, &at, err) < 0)
                return -1;
            of(db)->slots[i] = at;
        }
        *ret = at;
        return 0;
    }
    return prepare(db, sql, true, ret, err);
}

static int bind(struct sqlite_rows *rows, const struct db_val *vals, size_t n, struct dh_err *err)
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
    return rc == SQLITE_OK ? 0 : db_sqlite_failed(rows->base.db, rc, err);
}

static void end(struct db_rows *base)
{
    struct sqlite_rows *rows = (struct sqlite_rows *)base;

    if (rows->once) {
        (void)sqlite3_finalize(rows->stmt);
        dh_mem_own(&rows);
        return;
    }
    (void)sqlite3_reset(rows->stmt);
    rows->open = false;
}

static int run(struct db *db, struct dh_err *err, const char *sql, const struct db_val *vals,
               size_t n, bool kept)
{
    struct sqlite_rows *rows = NULL;
    int rc;

    if (db->begun && sqlite3_get_autocommit(of(db)->sqlite))
        return dh_fail(err, DH_IO, "database %s: the transaction was undone by an error before",
                       db->path);
    if (!db->begun && db->scopes == 0 && fault(db, err) < 0)
        return -1;
    if ((kept ? statement(db, sql, &rows, err) : prepare(db, sql, true, &rows, err)) < 0)
        return -1;
    rows->open = true;
    rc = bind(rows, vals, n, err);
    if (rc == 0) {
        rc = sqlite3_step(rows->stmt);
        rc = rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : db_sqlite_failed(db, rc, err);
    }
    end(&rows->base);
    return rc;
}

static int query(struct db *db, struct dh_err *err, struct db_rows **ret, const char *sql,
                 const struct db_val *vals, size_t n, bool kept)
{
    struct sqlite_rows *rows = NULL;

    if ((kept ? statement(db, sql, &rows, err) : prepare(db, sql, true, &rows, err)) < 0)
        return -1;
    rows->open = true;
    if (bind(rows, vals, n, err) < 0) {
        end(&rows->base);
        return -1;
    }
    *ret = &rows->base;
    return 0;
}

static sqlite3_stmt *stmt_of(const struct db_rows *rows)
{
    return ((const struct sqlite_rows *)rows)->stmt;
}

static int next(struct db_rows *rows, struct dh_err *err)
{
    int rc = sqlite3_step(stmt_of(rows));

    if (rc == SQLITE_ROW)
        return 1;
    return rc == SQLITE_DONE ? 0 : db_sqlite_failed(rows->db, rc, err);
}

static int columns(const struct db_rows *rows)
{
    return sqlite3_column_count(stmt_of(rows));
}

static const char *column_name(const struct db_rows *rows, int column)
{
    return sqlite3_column_name(stmt_of(rows), column);
}

static enum db_kind kind(const struct db_rows *rows, int column)
{
    switch (sqlite3_column_type(stmt_of(rows), column)) {
    case SQLITE_NULL:
        return DB_NULL;
    case SQLITE_INTEGER:
        return DB_INT;
    case SQLITE_FLOAT:
        return DB_REAL;
    default:
        return DB_TEXT;
    }
}

static int64_t integer(const struct db_rows *rows, int column)
{
    return sqlite3_column_int64(stmt_of(rows), column);
}

static double real(const struct db_rows *rows, int column)
{
    return sqlite3_column_double(stmt_of(rows), column);
}

static const char *text(const struct db_rows *rows, int column)
{
    return (const char *)sqlite3_column_text(stmt_of(rows), column);
}

static int64_t last_id(const struct db *db)
{
    return sqlite3_last_insert_rowid(of(db)->sqlite);
}

static int64_t changes(struct db *db)
{
    return sqlite3_changes(of(db)->sqlite);
}

static int expect(struct db *db, const char *what, int64_t id, struct dh_err *err)
{
    if (sqlite3_changes(of(db)->sqlite) > 0)
        return 0;
    return dh_fail(err, DH_NOT_FOUND, "there is no %s %lld", what, (long long)id);
}

static int script(struct db *db, const char *sql, struct dh_err *err)
{
    own_mem char *ours = db_sqlite_script_of(sql);
    int rc = sqlite3_exec(of(db)->sqlite, ours ? ours : sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? 0 : db_sqlite_failed(db, rc, err);
}

/* ---- transactions ---- */

static int begin(struct db *db, bool readonly, struct dh_err *err)
{
    return readonly ? db_run(db, err, "BEGIN") : db_run(db, err, "BEGIN IMMEDIATE");
}

static int commit(struct db *db, struct dh_err *err)
{
    return fault(db, err) < 0 ? -1 : db_run(db, err, "COMMIT");
}

static void rollback(struct db *db)
{
    /* SQLite may have rolled back by itself: then there is nothing left to do. */
    if (!sqlite3_get_autocommit(of(db)->sqlite))
        (void)sqlite3_exec(of(db)->sqlite, "ROLLBACK", NULL, NULL, NULL);
}

static int savepoint(struct db *db, struct dh_err *err)
{
    return db_run(db, err, "SAVEPOINT scope");
}

static int savepoint_end(struct db *db, bool undo, struct dh_err *err)
{
    if (undo && db_run(db, err, "ROLLBACK TO scope") < 0)
        return -1;
    return db_run(db, err, "RELEASE scope");
}

/* ---- whole tables ---- */

static int bulk(struct db *db, struct dh_err *err)
{
    /* Only outside of a transaction; on again with the next db_open. */
    return script(db, "PRAGMA foreign_keys = OFF", err) < 0 ? -1 : begin(db, false, err);
}

static int given(struct db *db, const char *table, int64_t *ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    int rc;

    if (db_query(db, err, &rows, "SELECT seq FROM sqlite_sequence WHERE name = ?", DB_T(table)) < 0)
        return -1;
    rc = db_next(rows, err);
    *ret = rc == 1 ? db_int(rows, 0) : 0;
    return rc < 0 ? -1 : 0;
}

/* A table without AUTOINCREMENT counts from its last row. */
static int set_given(struct db *db, const char *table, int64_t id, struct dh_err *err)
{
    return db_run(db, err, "UPDATE sqlite_sequence SET seq = ? WHERE name = ?", DB_I(id),
                  DB_T(table));
}

const struct db_ops db_sqlite_ops = {
    .close = db_sqlite_close,
    .run = run,
    .last_id = last_id,
    .changes = changes,
    .expect = expect,
    .query = query,
    .next = next,
    .end = end,
    .columns = columns,
    .column = column_name,
    .kind = kind,
    .integer = integer,
    .real = real,
    .text = text,
    .script = script,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .savepoint = savepoint,
    .savepoint_end = savepoint_end,
    .version = db_sqlite_version,
    .set_version = db_sqlite_set_version,
    .migrate = db_sqlite_migrate,
    .changed = db_sqlite_changed,
    .stamp = db_sqlite_stamp,
    .settle = db_sqlite_settle,
    .check = db_sqlite_check,
    .keep = db_sqlite_keep,
    .bulk = bulk,
    .given = given,
    .set_given = set_given,
    .save = db_sqlite_save,
};
