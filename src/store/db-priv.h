#pragma once
/* db-priv - what stands behind db.h: a database is a table of functions and what all have in
 * common.
 *
 * db.c keeps transactions and scopes (a begin within a begin, all or nothing) and calls the table;
 * db-sqlite*.c is one implementation, db-server.c the other one, over PostgreSQL and MySQL. */
#include "store/db.h"

struct db_ops {
    struct db *(*close)(struct db *db);
    /* `kept`: sql is a literal, prepared once. */
    int (*run)(struct db *db, struct dh_err *err, const char *sql, const struct db_val *vals,
               size_t n, bool kept);
    int64_t (*last_id)(const struct db *db);
    int64_t (*changes)(struct db *db);
    int (*expect)(struct db *db, const char *what, int64_t id, struct dh_err *err);
    int (*query)(struct db *db, struct dh_err *err, struct db_rows **ret, const char *sql,
                 const struct db_val *vals, size_t n, bool kept);
    int (*next)(struct db_rows *rows, struct dh_err *err);
    void (*end)(struct db_rows *rows);
    int (*columns)(const struct db_rows *rows);
    const char *(*column)(const struct db_rows *rows, int column);
    enum db_kind (*kind)(const struct db_rows *rows, int column);
    int64_t (*integer)(const struct db_rows *rows, int column);
    double (*real)(const struct db_rows *rows, int column);
    const char *(*text)(const struct db_rows *rows, int column);
    int (*script)(struct db *db, const char *sql, struct dh_err *err);
    int (*begin)(struct db *db, bool readonly, struct dh_err *err);
    int (*commit)(struct db *db, struct dh_err *err); /* fails: the caller rolls back */
    void (*rollback)(struct db *db);
    int (*savepoint)(struct db *db, struct dh_err *err);
    int (*savepoint_end)(struct db *db, bool undo, struct dh_err *err);
    int (*version)(struct db *db, int *ret, struct dh_err *err);
    int (*set_version)(struct db *db, int version, struct dh_err *err);
    int (*migrate)(struct db *db, const char *sql, int version, struct dh_err *err);
    int (*keep)(struct db *db, int version, struct dh_err *err);
    bool (*changed)(struct db *db);
    int64_t (*stamp)(struct db *db); /* NULL: cannot tell */
    void (*settle)(struct db *db);   /* NULL: nothing to do */
    int (*check)(struct db *db, struct dh_err *err);
    int (*bulk)(struct db *db, struct dh_err *err); /* begins */
    int (*given)(struct db *db, const char *table, int64_t *ret, struct dh_err *err);
    int (*set_given)(struct db *db, const char *table, int64_t id, struct dh_err *err);
    int (*save)(struct db *db, const char *path, struct dh_err *err); /* NULL: cannot */
};

struct db {
    const struct db_ops *ops;
    char *path; /* the file, or the URL without its password */
    int busy_ms;
    int scopes;     /* open ones */
    bool scope_own; /* the outermost scope is the transaction */
    bool begun;   /* db_begin without its end yet, also after the database rolled back by itself */
    bool reading; /* db_begin_read */
};

struct db_rows { /* the beginning of each implementation's own */
    struct db *db;
};

int db_sqlite_open(const char *path, unsigned flags, int busy_ms, struct db **ret,
                   struct dh_err *err);
int db_sqlite_create(const char *path, int (*fill)(struct db *db, struct dh_err *err),
                     struct dh_err *err);
int db_server_open(const char *url, unsigned flags, int busy_ms, struct db **ret,
                   struct dh_err *err);
