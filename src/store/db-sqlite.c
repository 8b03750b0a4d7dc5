/* db on SQLite: write-ahead log, foreign keys on. */
#include "store/db.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"

#define APPLICATION_ID 0x64686f77 /* "dhow", in the file's header */
#define N_SLOTS 256 /* of the statement cache; a power of two, far above our literals */

/* A prepared statement, kept under the address of its text. */
struct db_rows {
    struct db *db;
    sqlite3_stmt *stmt;
    const char *sql;
    bool once; /* not in the cache: finalized by db_end */
    bool open; /* handed out and not given back yet */
};

struct db {
    sqlite3 *sqlite;
    char *path;
    struct db_rows *slots[N_SLOTS];
    sqlite3_stmt *data_version;
    int64_t seen_version;
    int busy_ms;
    int scopes;     /* open ones */
    bool scope_own; /* the outermost scope is the transaction */
    bool begun;     /* db_begin without its end yet, also after SQLite rolled back by itself */
};

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

/* What SQLite's code means to the person in front of it. */
static int failed(struct db *db, int rc, struct dh_err *err)
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
        return failed(db, rc, err);
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
    return rc == SQLITE_OK ? 0 : failed(rows->db, rc, err);
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
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : failed(db, rc, err);
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
    return rc == SQLITE_DONE ? 0 : failed(rows->db, rc, err);
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

    return rc == SQLITE_OK ? 0 : failed(db, rc, err);
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

/* ---- the file ---- */

static int one_number(struct db *db, const char *sql, int64_t *ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    int rc;

    if (db_query_built(db, err, &rows, sql, NULL, 0) < 0)
        return -1;
    rc = db_next(rows, err);
    *ret = rc == 1 ? db_int(rows, 0) : 0;
    return rc < 0 ? -1 : 0;
}

int db_version(struct db *db, int *ret, struct dh_err *err)
{
    int64_t version, application, tables;

    if (one_number(db, "PRAGMA user_version", &version, err) < 0 ||
        one_number(db, "PRAGMA application_id", &application, err) < 0 ||
        one_number(db, "SELECT count(*) FROM sqlite_master", &tables, err) < 0)
        return -1;
    if (application != APPLICATION_ID && (application != 0 || version != 0 || tables != 0))
        return dh_fail(err, DH_INVALID, "%s is a database of another program", db->path);
    *ret = (int)version;
    return 0;
}

int db_set_version(struct db *db, int version, struct dh_err *err)
{
    char sql[100];

    (void)snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d",
                   APPLICATION_ID, version);
    return db_script(db, sql, err);
}

bool db_changed(struct db *db)
{
    int64_t now = 0;

    if (!db->data_version &&
        sqlite3_prepare_v3(db->sqlite, "PRAGMA data_version", -1, SQLITE_PREPARE_PERSISTENT,
                           &db->data_version, NULL) != SQLITE_OK)
        return true;
    if (sqlite3_step(db->data_version) == SQLITE_ROW)
        now = sqlite3_column_int64(db->data_version, 0);
    (void)sqlite3_reset(db->data_version);
    if (now == db->seen_version)
        return false;
    db->seen_version = now;
    return true;
}

int db_check(struct db *db, struct dh_err *err)
{
    static const char *const checks[] = {"PRAGMA integrity_check(5)", "PRAGMA foreign_key_check"};
    own_buf struct buf found = {.max = 600};

    for (size_t i = 0; i < 2; i++) {
        own(db_end) struct db_rows *rows = NULL;
        int rc;

        if (db_query_built(db, err, &rows, checks[i], NULL, 0) < 0)
            return -1;
        while ((rc = db_next(rows, err)) == 1) {
            const char *text = db_text(rows, 0);

            if (i == 0 && text && !strcmp(text, "ok"))
                continue;
            if (i == 0)
                buf_addf(&found, "; %s", text ? text : "");
            else
                buf_addf(&found, "; a row %lld of %s refers to no row of %s",
                         (long long)db_int(rows, 1), text ? text : "", db_text(rows, 2));
        }
        if (rc < 0)
            return -1;
    }
    if (found.n == 0)
        return 0;
    return dh_fail(err, DH_IO, "database %s is damaged: %s", db->path, found.p + 2);
}

/* ---- opening ---- */

const char *db_path(const struct db *db)
{
    return db->path;
}

struct db *db_close(struct db *db)
{
    if (!db)
        return NULL;
    for (size_t i = 0; i < N_SLOTS; i++) {
        if (db->slots[i])
            (void)sqlite3_finalize(db->slots[i]->stmt);
        dh_mem_own(&db->slots[i]);
    }
    (void)sqlite3_finalize(db->data_version);
    (void)sqlite3_close_v2(db->sqlite); /* rolls back what is open */
    dh_mem_own(&db->path);
    dh_mem_own(&db);
    return NULL;
}

static int open_file(struct db *db, unsigned flags, bool immutable, struct dh_err *err)
{
    int how = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    own_buf struct buf uri = {0};
    int rc;

    how |= flags & DB_READONLY ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    if (flags & DB_CREATE && !(flags & DB_READONLY))
        how |= SQLITE_OPEN_CREATE;
    if (immutable) {
        how |= SQLITE_OPEN_URI;
        buf_adds(&uri, "file:");
        for (const char *p = db->path; *p; p++)
            buf_addf(&uri, strchr("?#%", *p) ? "%%%02X" : "%c", (unsigned)(unsigned char)*p);
        buf_adds(&uri, "?immutable=1");
    }
    rc = sqlite3_open_v2(immutable ? buf_str(&uri) : db->path, &db->sqlite, how, NULL);
    if (rc != SQLITE_OK)
        return failed(db, rc, err);
    (void)sqlite3_busy_timeout(db->sqlite, db->busy_ms);
    (void)sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    (void)sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    (void)sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    return 0;
}

static int first_read(struct db *db, struct dh_err *err)
{
    int64_t ignored;

    return one_number(db, "SELECT count(*) FROM sqlite_master", &ignored, err);
}

/* In a folder that nobody here can write, SQLite cannot make the write-ahead log's index beside the
 * file. Where no log is left over, the file alone is the whole truth. */
static int open_readonly(struct db *db, struct dh_err *err)
{
    own_mem char *wal = dh_printf("%s-wal", db->path);
    struct stat st;

    if (open_file(db, DB_READONLY, false, err) == 0 && first_read(db, err) == 0)
        return 0;
    if (!db->sqlite || (sqlite3_errcode(db->sqlite) & 0xff) == SQLITE_NOTADB ||
        (stat(wal, &st) == 0 && st.st_size > 0) || access(db->path, R_OK) < 0)
        return -1;
    (void)sqlite3_close_v2(db->sqlite);
    db->sqlite = NULL;
    return open_file(db, DB_READONLY, true, err) < 0 ? -1 : first_read(db, err);
}

/* Two processes that both turn a new file to WAL can meet in a state where SQLite answers "busy"
 * without waiting; so the wait is ours. */
static int set_wal(struct db *db, struct dh_err *err)
{
    int rc = SQLITE_BUSY;

    for (int waited = 0; rc == SQLITE_BUSY && waited <= db->busy_ms; waited += 10) {
        rc = sqlite3_exec(db->sqlite, "PRAGMA journal_mode = WAL", NULL, NULL, NULL) & 0xff;
        if (rc == SQLITE_BUSY)
            (void)sqlite3_sleep(10);
    }
    return rc == SQLITE_OK ? 0 : failed(db, sqlite3_extended_errcode(db->sqlite), err);
}

int db_open(const char *path, unsigned flags, int busy_ms, struct db **ret, struct dh_err *err)
{
    own(db_close) struct db *db = dh_zalloc(1, sizeof *db);
    struct stat st;

    db->path = dh_strdup(path);
    db->busy_ms = busy_ms;
    if (stat(path, &st) < 0) {
        if (errno == ENOENT && !(flags & DB_CREATE && !(flags & DB_READONLY)))
            return dh_fail(err, DH_NOT_FOUND, "there is no database %s", path);
        if (errno != ENOENT)
            return dh_fail_errno(err, "database %s", path);
    } else if (!S_ISREG(st.st_mode)) {
        return dh_fail(err, DH_INVALID, "%s is not a file", path);
    }
    if (flags & DB_READONLY) {
        if (open_readonly(db, err) < 0)
            return -1;
    } else if (open_file(db, flags, false, err) < 0 || set_wal(db, err) < 0) {
        return -1;
    }
    /* NORMAL: a killed process loses nothing; a power cut may lose the last commits, never more. */
    if (db_script(db,
                  "PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;"
                  "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384;"
                  "PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 33554432",
                  err) < 0)
        return -1;
    *ret = take(&db);
    return 0;
}
