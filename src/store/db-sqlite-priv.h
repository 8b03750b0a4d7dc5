#pragma once
/* db-sqlite-priv - what the two files of db on SQLite share; they alone see sqlite3.h. */
#include <sqlite3.h>

#include "store/db-priv.h"

#define APPLICATION_ID 0x64686f77 /* "dhow", in the file's header */
/* Pages in the write-ahead log: that make a commit write them back; that may stay in it when we
 * close (1 ms for who opens it next). */
#define CHECKPOINT_FRAMES 8000
#define KEEP_FRAMES 250
#define LOG_FRAME 4120   /* bytes: a page and what the log says of it */
#define WRITE_FRAMES 256 /* after as many more the disk is told to begin */
#define N_SLOTS 256      /* of the statement cache; a power of two, far above our literals */

/* A prepared statement, kept under the address of its text. */
struct sqlite_rows {
    struct db_rows base;
    sqlite3_stmt *stmt;
    const char *sql;
    bool once; /* not in the cache: finalized by db_end */
    bool open; /* handed out and not given back yet */
};

struct sqlite {
    struct db base;
    sqlite3 *sqlite;
    struct sqlite_rows *slots[N_SLOTS];
    sqlite3_stmt *data_version;
    int64_t seen_version;
    int log_frames, tried_frames; /* in the log after our last commit; at the last write-back */
    int told_frames;              /* that the disk was told to write */
    int log;                      /* the log's own file, for that; -1: not open, -2: cannot be */
};

extern const struct db_ops db_sqlite_ops;
static inline struct sqlite *of(const struct db *db)
{
    return (struct sqlite *)(uintptr_t)db;
}
/* Fills *err with what SQLite's code means to the person in front of it; returns -1. */
int db_sqlite_failed(struct db *db, int rc, struct dh_err *err);
/* The file's part of the table. */
struct db *db_sqlite_close(struct db *db);
int db_sqlite_version(struct db *db, int *ret, struct dh_err *err);
int db_sqlite_set_version(struct db *db, int version, struct dh_err *err);
int db_sqlite_migrate(struct db *db, const char *sql, int version, struct dh_err *err);
bool db_sqlite_changed(struct db *db);
int64_t db_sqlite_stamp(struct db *db);
void db_sqlite_settle(struct db *db);
int db_sqlite_check(struct db *db, struct dh_err *err);
int db_sqlite_keep(struct db *db, int version, struct dh_err *err);
int db_sqlite_save(struct db *db, const char *path, struct dh_err *err);
