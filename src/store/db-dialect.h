#pragma once
/* db-dialect - one SQL text for three databases.
 *
 * store/ writes SQL as SQLite reads it; a server gets a translation of the text. How to write what
 * can be translated:
 *
 *  - Keywords and types in CAPITALS, names of ours with small letters. So a name may be a word that
 *    a server reserves (key, user, rank): names are quoted for it.
 *  - Types: INTEGER and BIGINT (both 64 bits), TEXT, VARCHAR(n), DOUBLE PRECISION. A TEXT in a
 *    PRIMARY KEY, UNIQUE or REFERENCES is a VARCHAR(700) for MySQL, or (255) where the key has
 *    several columns; write VARCHAR(n) where that is wrong. An index on another TEXT has its
 *    first 191 characters. Text compares by byte, as in SQLite. No BLOB, BOOLEAN, DATE.
 *  - `id INTEGER PRIMARY KEY [AUTOINCREMENT]` makes a table whose ids are given by us: INSERT INTO
 *    t(columns, without id) VALUES (one row of ?), or SELECT … (where a ? in its list is no NULL of
 * a number). In a migration the server counts.
 *  - Upserts: ON CONFLICT(columns) DO NOTHING, or DO UPDATE SET a = excluded.a, …
 *  - A function's name stands before its '(' without a space. Those of all three: coalesce, count,
 *    sum, min, max (of a column), lower, upper, substr, abs, round, replace, trim, rtrim(x, 'y'),
 *    instr; CASE, CAST(x AS INTEGER | TEXT | CHAR | REAL), ||, whole / 1000, LIKE (which ignores
 * case in SQLite alone: do not rely on it). JSON functions are not among them. JOIN has its ON. A
 * column that is NULL in one part of a UNION has its type from the first two parts.
 *  - ORDER BY and WHERE name columns, not the SELECT list's aliases within an expression. NULLs
 *    come first in SQLite and MySQL and last in PostgreSQL: order by coalesce(x, 0). GROUP BY names
 *    every column that is selected plainly.
 *  - (a, b) < (?, ?) is slow in MySQL: write a <= ? AND (a < ? OR b < ?).
 *  - No DROP INDEX, triggers, RETURNING, LIMIT in an UPDATE or DELETE, row ids, PRAGMA, ATTACH.
 *  - A statement of a migration that begins with one of the comments "sqlite", "postgres" or
 *    "mysql" (in slash and star, with commas between several) is for those databases alone, and is
 *    not translated.
 *
 * It knows no connection and no table. */
#include <stdbool.h>
#include <stddef.h>
#include "store/db-url.h"

struct db_dialect {
    enum db_server server;
    const char *collation; /* of MySQL: compares bytes, does not ignore spaces at the end */
    /* Whether a column is of a type that an index of MySQL takes a part of only. */
    bool (*long_text)(void *user, const char *table, const char *column);
    void *user;
};

/* One statement. `with_id`: an INSERT INTO t(…) VALUES (…) gets `id` as its first column and value;
 * with SELECT each row has the value and its number, from 1. The caller's. */
char *db_translate(const struct db_dialect *dialect, const char *sql, bool with_id);

/* The statements of a script, each translated; calls fn with each until it fails. */
struct db_statement {
    const char *sql;
    const char *makes;        /* a table whose ids are given by us; NULL: none */
    const char *renames, *to; /* a table; NULL: none */
};
int db_translate_script(const struct db_dialect *dialect, const char *script,
                        int (*fn)(void *user, const struct db_statement *statement,
                                  struct dh_err *err),
                        void *user, struct dh_err *err);

/* The table of an INSERT INTO t(…) VALUES or SELECT that lists no `id` first: the caller's; NULL:
 * not of that form. */
char *db_insert_table(const char *sql, bool *ret_select);

/* The script without the statements that are for servers alone: for SQLite. The caller's; NULL: all
 * of it is. */
char *db_sqlite_script_of(const char *script);

/* What a script says about tables, for those who copy and check: in order of making. */
struct db_table {
    char *name;
    char *key[4]; /* columns of its primary key, in order */
    size_t n_key;
    bool has_id; /* the key is `id INTEGER PRIMARY KEY` */
    struct db_reference {
        char *column, *table, *to;
    } references[16];
    size_t n_references;
};
struct db_tables {
    struct db_table *items;
    size_t n, cap;
};
/* Adds what the script makes (CREATE TABLE, ALTER TABLE … ADD COLUMN … REFERENCES, DROP TABLE,
 * RENAME TO). */
void db_tables_read(struct db_tables *tables, const char *script);
void db_tables_done(struct db_tables *tables);
