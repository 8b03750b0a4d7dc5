#pragma once
/* db-server-priv - a database on a server, in two halves: db-server.c knows transactions, ids and
 * what to do when a connection is lost; a wire (db-postgres.c, db-mysql.c) carries statements there
 * and answers back, many under way at once. */
#include "store/db-dialect.h"
#include "store/db-priv.h"

struct wire; /* one connection; opaque */

/* A statement's text as the server is to get it. */
struct wire_text {
    const char *sql;
    unsigned number; /* of a statement that is used again: prepared under it; 0: used once */
};

/* The rows of an answer, all of them in memory. */
struct wire_rows {
    void *result;
    int64_t n, at;
    int n_columns;
};

enum { WIRE_LOST = -2 }; /* beside -1: the connection is gone, *err says how */

struct wire_ops {
    const char *lock_sql, *unlock_sql; /* one migration at a time; lock_sql answers 1 or NULL/0 */
    const char *tables_sql;            /* the names of the tables that are there */
    const char *long_texts_sql;        /* table and column of texts that an index takes a part of */
    const char *begin_sql, *begin_read_sql[2];
    bool transactional_ddl;
    const char *bulk_sql, *bulk_end_sql; /* references are not checked now; NULL: nothing to do */
    /* WIRE_LOST: it cannot be reached now. */
    int (*connect)(const char *url, bool readonly, int busy_ms, struct wire **ret,
                   struct dh_err *err);
    void (*close)(struct wire *wire);
    const char *(*collation)(const struct wire *wire);
    /* Under way, without waiting; a failure shows in its answer. The values are copied. */
    void (*send)(struct wire *wire, const struct wire_text *text, const struct db_val *vals,
                 size_t n);
    /* The oldest answer that was not taken yet. After one that failed all behind it fail too, until
     * `settle`. `rows` may be NULL. */
    int (*answer)(struct wire *wire, int64_t *ret_touched, struct wire_rows *rows,
                  struct dh_err *err);
    void (*settle)(struct wire *wire); /* drops all answers that are still to come */
    void (*rows_done)(struct wire_rows *rows);
    bool (*step)(struct wire_rows *rows); /* to the first row, or the next; false: no more */
    const char *(*value)(const struct wire_rows *rows, int column); /* as text; NULL: NULL */
    const char *(*column)(const struct wire_rows *rows, int column);
    enum db_kind (*kind)(const struct wire_rows *rows, int column);
};
extern const struct wire_ops db_postgres_wire, db_mysql_wire;

#define DB_N_STATEMENTS 512 /* of the statement cache; a power of two, far above our literals */

/* A statement of ours, kept under the address of its text. */
struct statement {
    const char *key;
    struct wire_text text;
    char *sql;
    char *table; /* an INSERT that gets an id from us: into this table; else NULL */
    bool select; /* INSERT … SELECT: as many ids as there are rows */
};

/* A write of the open transaction, kept until the commit is answered: to be sent again where the
 * connection is lost. Lives in the transaction's arena. */
struct entry {
    struct wire_text text;
    const struct db_val *vals;
    size_t n;
    const char *what; /* it must touch a row; NULL: need not */
    int64_t id;
    int64_t touched; /* once answered */
};

struct server {
    struct db base;
    char *url;
    const struct wire_ops *ops;
    struct wire *wire; /* NULL: lost */
    struct db_dialect dialect;
    unsigned flags;

    struct statement *statements[DB_N_STATEMENTS];
    unsigned n_prepared;

    struct arena *arena;
    struct entry *entries;
    size_t n_entries, cap_entries, n_answered;
    size_t savepoint; /* n_entries before it */
    bool read;        /* the transaction has read: what it decided may hang on that */
    bool broken;      /* an error: every write is refused until it is undone */
    struct dh_err why;
    bool unknown; /* the translation of a statement needed an answer that did not come */
    struct dh_err why_unknown;
    bool committing;
    bool bulk; /* a transaction of whole tables: nothing is kept to be sent again */

    struct server_id {
        char *table;
        int64_t first, last; /* at the begin; given out by now */
    } * ids;
    size_t n_ids, cap_ids;
    int64_t counter;   /* of commits, at the begin */
    int64_t seen;      /* what db_changed has told last */
    bool others;       /* others have committed since */
    int64_t writer;    /* our row in dhow_writer: tells whether a commit got through */
    bool writer_known; /* it is there */
    int64_t sequence;
    int64_t last_id, last_touched;
};

static inline struct server *server_of(const struct db *db)
{
    return (struct server *)(uintptr_t)db;
}

#define DB_MAX_TRIES 20       /* connections that are lost one after the other */
#define DB_MAX_UNDER_WAY 1000 /* writes without an answer */

/* db-server-tx.c */
struct entry *db_server_enter(struct server *s, const struct wire_text *text,
                              const struct db_val *vals, size_t n);  /* sends and keeps it */
struct server_id *db_server_id(struct server *s, const char *table); /* NULL: ids are not ours */
/* Takes the answers of entries that have none; `again`: of all, which must say the same. */
int db_server_answers(struct server *s, bool again, struct dh_err *err);
int db_server_run_bulk(struct server *s, struct dh_err *err, const char *sql,
                       const struct db_val *vals, size_t n, bool kept);
extern const char db_counter_sql[];
int db_server_connect(struct server *s, bool patient, struct dh_err *err);
void db_server_lost(struct server *s);
struct statement *db_server_statement(struct server *s, const char *sql);
int db_server_run(struct db *db, struct dh_err *err, const char *sql, const struct db_val *vals,
                  size_t n, bool kept);
int db_server_bulk(struct db *db, struct dh_err *err);
int db_server_given(struct db *db, const char *table, int64_t *ret, struct dh_err *err);
int db_server_set_given(struct db *db, const char *table, int64_t id, struct dh_err *err);
int db_server_query(struct db *db, struct dh_err *err, struct db_rows **ret, const char *sql,
                    const struct db_val *vals, size_t n, bool kept);
/* The answers of all entries that are under way. */
int db_server_sync(struct server *s, struct dh_err *err);
int db_server_begin(struct db *db, bool readonly, struct dh_err *err);
int db_server_commit(struct db *db, struct dh_err *err);
void db_server_rollback(struct db *db);
int db_server_savepoint(struct db *db, struct dh_err *err);
int db_server_savepoint_end(struct db *db, bool undo, struct dh_err *err);
void db_server_rows_end(struct db_rows *rows);
struct server_rows {
    struct db_rows base;
    struct wire_rows rows;
};

/* db-server-schema.c */
int db_server_version(struct db *db, int *ret, struct dh_err *err);
int db_server_keep(struct db *db, int version, struct dh_err *err);
int db_server_set_version(struct db *db, int version, struct dh_err *err);
int db_server_migrate(struct db *db, const char *sql, int version, struct dh_err *err);
int db_server_script(struct db *db, const char *sql, struct dh_err *err);
/* One statement without values outside of a transaction, `sql` as the server is to get it; *ret is
 * the first column of its first row as a number, or 0. */
int db_server_do(struct server *s, const char *sql, int64_t *ret, struct dh_err *err);
