/* Reading from a server, and whole tables to it. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/own.h"
#include "store/db-server-priv.h"

/* ---- reading ---- */

void db_server_rows_end(struct db_rows *base)
{
    struct server_rows *rows = (struct server_rows *)base;

    server_of(base->db)->ops->rows_done(&rows->rows);
    dh_mem_own(&rows);
}

static int query_once(struct server *s, const struct wire_text *text, const struct db_val *vals,
                      size_t n, struct wire_rows *rows, struct dh_err *err)
{
    int rc = 0;

    if (s->base.begun) {
        s->ops->send(s->wire, text, vals, n); /* with what is under way: one trip */
        rc = db_server_answers(s, false, err);
        s->read = true;
    } else if (db_server_connect(s, true, err) < 0) {
        return -1;
    } else {
        s->ops->send(s->wire, text, vals, n);
    }
    return rc < 0 ? rc : s->ops->answer(s->wire, NULL, rows, err);
}

int db_server_query(struct db *db, struct dh_err *err, struct db_rows **ret, const char *sql,
                    const struct db_val *vals, size_t n, bool is_kept)
{
    struct server *s = server_of(db);
    struct statement *statement = is_kept ? db_server_statement(s, sql) : NULL;
    own_mem char *built = statement ? NULL : db_translate(&s->dialect, sql, false);
    struct wire_text text = statement ? statement->text : (struct wire_text){.sql = built};
    struct wire_rows rows = {0};
    struct server_rows *to;
    int rc = WIRE_LOST;

    if (db->begun && (s->broken || !s->wire) && db_server_sync(s, err) < 0)
        return -1;
    for (int tries = 0; rc == WIRE_LOST && tries < DB_MAX_TRIES; tries++) {
        rc = query_once(s, &text, vals, n, &rows, err);
        if (rc != WIRE_LOST)
            break;
        db_server_lost(s);
        if (!db->begun)
            continue;
        if (db->reading) {
            rc = -1; /* the one state of all queries is gone */
            break;
        }
        if (db_server_sync(s, err) < 0)
            return -1;
    }
    if (rc < 0) {
        if (db->begun) {
            s->broken = true;
            s->why = err ? *err : (struct dh_err){0};
        }
        if (s->wire)
            s->ops->settle(s->wire);
        return -1;
    }
    to = dh_zalloc(1, sizeof *to);
    to->base.db = db;
    to->rows = rows;
    *ret = &to->base;
    return 0;
}

/* ---- whole tables ---- */

/* A row of a whole table: nothing of it is kept once it is answered. */
int db_server_run_bulk(struct server *s, struct dh_err *err, const char *sql,
                       const struct db_val *vals, size_t n, bool kept)
{
    struct statement *statement = kept ? db_server_statement(s, sql) : NULL;
    own_mem char *built = statement ? NULL : db_translate(&s->dialect, sql, false);

    (void)db_server_enter(s, statement ? &statement->text : &(struct wire_text){.sql = built}, vals,
                          n);
    if (statement && s->n_entries <= DB_MAX_UNDER_WAY)
        return 0;
    if (db_server_sync(s, err) < 0)
        return -1;
    s->last_touched = s->entries[s->n_entries - 1].touched;
    s->n_entries = s->n_answered = 0;
    arena_free(s->arena);
    s->arena = arena_new();
    return 0;
}

int db_server_bulk(struct db *db, struct dh_err *err)
{
    struct server *s = server_of(db);

    if (db_server_begin(db, false, err) < 0)
        return -1;
    s->bulk = true;
    if (s->ops->bulk_sql)
        (void)db_server_enter(s, &(struct wire_text){.sql = s->ops->bulk_sql}, NULL, 0);
    return 0;
}

int db_server_given(struct db *db, const char *table, int64_t *ret, struct dh_err *err)
{
    own_mem char *sql = dh_printf("SELECT value FROM dhow_meta WHERE name = 'id:%s'", table);

    return db_query_number(db, err, ret, sql);
}

int db_server_set_given(struct db *db, const char *table, int64_t id, struct dh_err *err)
{
    struct server *s = server_of(db);
    struct server_id *known = db_server_id(s, table);

    if (!known)
        return 0;
    known->last = id; /* written with the commit */
    return s->broken ? db_server_sync(s, err) : 0;
}
