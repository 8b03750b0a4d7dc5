#pragma once
/* db - SQL behind a few calls: prepare once, bind, step, read columns.
 *
 * A file is SQLite; postgresql:// and mysql:// are servers (db-url.h). store/ writes its statements
 * with `?` for values and in the SQL that db-dialect.h describes, which all three can be given; a
 * database's own ways (opening, errors, schema version, locks, checks) are behind these calls. It
 * knows no table. db-sqlite*.c alone see sqlite3.h, db-postgres.c libpq, db-mysql.c libmariadb.
 *
 * A server is far away: within a transaction it is sent writes without waiting for each answer, so
 * an error of a write may be told by a later call, at the latest by db_commit. Outside of one, each
 * call is whole.
 *
 * Codes: DH_IO (the message names the file or URL), DH_EXISTS (a unique key is taken), DH_NOT_FOUND
 * (a row that is referred to is not there), DH_INVALID (not a database of ours; a value that it
 * cannot hold), DH_BUG (our SQL is wrong). */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/own.h"

struct db;

enum { DB_CREATE = 1, DB_READONLY = 2 };
int db_open(const char *path, unsigned flags, int busy_ms, struct db **ret, struct dh_err *err);
struct db *db_close(struct db *db);
OWN_DEFINE(struct db *, db_close)
const char *db_path(const struct db *db);
/* Makes a new database with what `fill` puts into it, all or nothing; does nothing where one is
 * there (or is made by another process meanwhile). It may leave the making to db_open, so migrate
 * after. */
int db_create(const char *path, int (*fill)(struct db *db, struct dh_err *err), struct dh_err *err);

/* ---- values ---- */

enum db_kind { DB_NULL, DB_INT, DB_REAL, DB_TEXT };
struct db_val {
    enum db_kind kind;
    union {
        int64_t i;
        double d;
        const char *t; /* borrowed until db_end, or for db_run until it returns */
    };
};

static inline struct db_val db_val_int(int64_t i)
{
    return (struct db_val){.kind = DB_INT, .i = i};
}
static inline struct db_val db_val_id(int64_t i)
{
    return (struct db_val){.kind = i ? DB_INT : DB_NULL, .i = i};
}
static inline struct db_val db_val_opt(int64_t i)
{
    return (struct db_val){.kind = i >= 0 ? DB_INT : DB_NULL, .i = i};
}
static inline struct db_val db_val_real(double d)
{
    return (struct db_val){.kind = DB_REAL, .d = d};
}
static inline struct db_val db_val_text(const char *t)
{
    return (struct db_val){.kind = t ? DB_TEXT : DB_NULL, .t = t};
}
#define DB_I(x) db_val_int(x)
#define DB_ID(x) db_val_id(x)   /* 0: NULL */
#define DB_OPT(x) db_val_opt(x) /* below 0: NULL */
#define DB_R(x) db_val_real(x)
#define DB_T(x) db_val_text(x) /* NULL: NULL */
#define DB_VALS(...)                                                                               \
    (const struct db_val[]){__VA_ARGS__},                                                          \
        sizeof((const struct db_val[]){__VA_ARGS__}) / sizeof(struct db_val)

/* ---- statements ---- */

/* INSERT, UPDATE, DELETE. `sql` is kept prepared under its address, so it is a literal (or static).
 */
#define db_run(db, err, sql, ...) db_run_vals(db, err, sql, DB_VALS(__VA_ARGS__))
int db_run_vals(struct db *db, struct dh_err *err, const char *sql, const struct db_val *vals,
                size_t n);
/* The same for a text that was put together: not kept. */
int db_run_built(struct db *db, struct dh_err *err, const char *sql, const struct db_val *vals,
                 size_t n);
int64_t db_last_id(const struct db *db); /* of the last INSERT */
int64_t db_changes(struct db *db); /* rows that the last statement touched; waits for a server */
/* The last statement must have touched a row; else DH_NOT_FOUND "there is no WHAT ID", from here or
 * (a server, within a transaction) from a later call. `what` is static. Cheaper than db_changes. */
int db_expect_row(struct db *db, const char *what, int64_t id, struct dh_err *err);

/* SELECT: 0 and *ret, then db_next until it is not 1; own(db_end) gives the statement back. */
struct db_rows;
#define db_query(db, err, ret, sql, ...) db_query_vals(db, err, ret, sql, DB_VALS(__VA_ARGS__))
int db_query_vals(struct db *db, struct dh_err *err, struct db_rows **ret, const char *sql,
                  const struct db_val *vals, size_t n);
/* The same for a text that was put together: not kept. */
int db_query_built(struct db *db, struct dh_err *err, struct db_rows **ret, const char *sql,
                   const struct db_val *vals, size_t n);
/* Its one number, without values; 0 where no row is there. */
int db_query_number(struct db *db, struct dh_err *err, int64_t *ret, const char *sql);
int db_next(struct db_rows *rows, struct dh_err *err); /* 1: a row is there; 0: no more */
struct db_rows *db_end(struct db_rows *rows);          /* NULL is fine; returns NULL */
OWN_DEFINE(struct db_rows *, db_end)
int64_t db_int(const struct db_rows *rows, int column);                   /* NULL: 0 */
int64_t db_int_or(const struct db_rows *rows, int column, int64_t other); /* NULL: other */
double db_real(const struct db_rows *rows, int column);                   /* NULL: NaN */
const char *db_text(const struct db_rows *rows,
                    int column); /* borrowed until db_next; NULL: NULL */

/* What a copy of whole tables needs to know: names are borrowed until db_end. */
int db_columns(const struct db_rows *rows);
const char *db_column(const struct db_rows *rows, int column);
enum db_kind db_kind(const struct db_rows *rows, int column);

/* Several statements without values, separated by ';'. */
int db_script(struct db *db, const char *sql, struct dh_err *err);

/* ---- transactions ---- */

/* A begin takes the write lock, waiting for other writers up to busy_ms. After an error that made
 * the database roll back by itself every write is refused until db_commit (which fails) or
 * db_rollback, so that no half of a transaction is ever written. */
int db_begin(struct db *db, struct dh_err *err);
/* One state of the database for all queries until db_rollback; others go on writing meanwhile. */
int db_begin_read(struct db *db, struct dh_err *err);
int db_commit(struct db *db, struct dh_err *err); /* fails: rolled back */
void db_rollback(struct db *db);
bool db_in_transaction(const struct db *db);
/* A scope is all or nothing, within a transaction or as one of its own:
 *     if (db_scope_begin(db, err) < 0) return -1;  rc = …;  return db_scope_end(db, rc, err);
 * rc < 0 undoes the scope and keeps *err. */
int db_scope_begin(struct db *db, struct dh_err *err);
int db_scope_end(struct db *db, int rc, struct dh_err *err);

/* ---- the whole ---- */

int db_version(struct db *db, int *ret, struct dh_err *err); /* 0: nothing in it yet */
int db_set_version(struct db *db, int version, struct dh_err *err);
/* Brings version to version + 1 with the statements in `sql`: all or nothing (MySQL, which cannot
 * undo a CREATE TABLE: goes on where it stopped). Does nothing where the version is another one by
 * now: somebody else was quicker. */
int db_migrate(struct db *db, const char *sql, int version, struct dh_err *err);
/* A copy of the record as it is, before its schema is changed: a file beside it, or tables of a
 * server. One that is there already is left. */
int db_keep(struct db *db, int version, struct dh_err *err);
bool db_changed(struct db *db);  /* by another connection, since the last call */
int64_t db_stamp(struct db *db); /* as store_stamp */
void db_settle(struct db *db);   /* as store_settle */
int db_check(struct db *db, struct dh_err *err);

/* ---- whole tables ---- */

/* A db_begin in which rows may come in any order, so that references are checked late or (SQLite,
 * MySQL) never: db_check after it. Where the connection is lost, it fails. */
int db_bulk_begin(struct db *db, struct dh_err *err);
/* The last id that was given in a table whose ids are ours; 0: none yet. */
int db_given(struct db *db, const char *table, int64_t *ret, struct dh_err *err);
int db_set_given(struct db *db, const char *table, int64_t id, struct dh_err *err);
/* A copy in a new file at `path`, of one moment, while others write. 1: this database cannot. */
enum { DB_CANNOT = 1 };
int db_save(struct db *db, const char *path, struct dh_err *err);
