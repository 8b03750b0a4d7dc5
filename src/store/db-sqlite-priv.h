#pragma once
/* db-sqlite-priv - what the two files of db on SQLite share; they alone see sqlite3.h. */
#include <sqlite3.h>

#include "store/db.h"

#define APPLICATION_ID 0x64686f77 /* "dhow", in the file's header */
#define CHECKPOINT_FRAMES                                                                          \
    8000                 /* pages in the write-ahead log that make a commit write them back        \
                          */
#define KEEP_FRAMES 1000 /* as many may stay in it when we close */
#define N_SLOTS 256      /* of the statement cache; a power of two, far above our literals */

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
    int log_frames, tried_frames; /* in the log after our last commit; at the last write-back */
    int busy_ms;
    int scopes;     /* open ones */
    bool scope_own; /* the outermost scope is the transaction */
    bool begun;     /* db_begin without its end yet, also after SQLite rolled back by itself */
};

/* Fills *err with what SQLite's code means to the person in front of it; returns -1. */
int db_sqlite_failed(struct db *db, int rc, struct dh_err *err);
