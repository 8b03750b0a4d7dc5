/* db on a server: opening, and what is read from rows. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/own.h"
#include "base/arena.h"
#include "store/db-server-priv.h"

static struct db *close_server(struct db *db)
{
    struct server *s = server_of(db);
    struct dh_err ignored;

    if (db->begun)
        db_rollback(db);
    if (s->wire && s->writer_known) {
        own_mem char *sql =
            dh_printf("DELETE FROM dhow_writer WHERE id = %lld", (long long)s->writer);

        (void)db_server_do(s, sql, NULL, &ignored);
    }
    db_server_lost(s);
    for (size_t i = 0; i < DB_N_STATEMENTS; i++) {
        if (!s->statements[i])
            continue;
        free(s->statements[i]->sql);
        free(s->statements[i]->table);
        free(s->statements[i]);
    }
    for (size_t i = 0; i < s->n_ids; i++)
        free(s->ids[i].table);
    free(s->ids);
    free(s->entries);
    arena_free(s->arena);
    free(s->url);
    free(db->path);
    free(s);
    return NULL;
}

/* ---- rows ---- */

static struct wire_rows *rows_of(const struct db_rows *rows)
{
    return &((struct server_rows *)(uintptr_t)rows)->rows;
}

static const struct wire_ops *wire_of(const struct db_rows *rows)
{
    return server_of(rows->db)->ops;
}

static int next(struct db_rows *rows, struct dh_err *err)
{
    (void)err;
    return wire_of(rows)->step(rows_of(rows));
}

static int columns(const struct db_rows *rows)
{
    return rows_of(rows)->n_columns;
}

static const char *column_name(const struct db_rows *rows, int column)
{
    return wire_of(rows)->column(rows_of(rows), column);
}

static enum db_kind kind(const struct db_rows *rows, int column)
{
    return wire_of(rows)->kind(rows_of(rows), column);
}

static const char *text(const struct db_rows *rows, int column)
{
    return wire_of(rows)->value(rows_of(rows), column);
}

static int64_t integer(const struct db_rows *rows, int column)
{
    const char *value = text(rows, column);

    return value ? strtoll(value, NULL, 10) : 0;
}

static double real(const struct db_rows *rows, int column)
{
    const char *value = text(rows, column);
    double d = value ? strtod(value, NULL) : (double)NAN;

    /* What MySQL has for an infinity. */
    return d >= DBL_MAX ? (double)INFINITY : d <= -DBL_MAX ? -(double)INFINITY : d;
}

/* ---- what the last statement did ---- */

static int64_t last_id(const struct db *db)
{
    return server_of(db)->last_id;
}

static int64_t changes(struct db *db)
{
    struct server *s = server_of(db);
    struct dh_err ignored;

    if (!db->begun)
        return s->last_touched;
    /* An error comes out at the next call: the transaction is broken. */
    if (s->n_entries == 0 || db_server_sync(s, &ignored) < 0)
        return 0;
    return s->entries[s->n_entries - 1].touched;
}

static int expect(struct db *db, const char *what, int64_t id, struct dh_err *err)
{
    struct server *s = server_of(db);

    if (!db->begun)
        return s->last_touched > 0
                   ? 0
                   : dh_fail(err, DH_NOT_FOUND, "there is no %s %lld", what, (long long)id);
    if (s->n_entries == 0)
        return 0;
    s->entries[s->n_entries - 1].what = what;
    s->entries[s->n_entries - 1].id = id;
    return 0;
}

/* ---- the whole ---- */

static bool changed(struct db *db)
{
    struct server *s = server_of(db);
    struct dh_err ignored;
    int64_t counter = 0;
    bool others = s->others;

    if (db->begun)
        return false; /* the lock is ours */
    if (db_server_do(s, db_counter_sql, &counter, &ignored) < 0)
        return true;
    s->others = false;
    others = others || counter != s->seen;
    s->seen = counter;
    return others;
}

/* The commits that a reading transaction sees. Outside of one the answer would be of no moment. */
static int64_t stamp(struct db *db)
{
    own(db_end) struct db_rows *rows = NULL;
    struct dh_err ignored;

    if (!db->begun || db_query_built(db, &ignored, &rows, db_counter_sql, NULL, 0) < 0 ||
        db_next(rows, &ignored) != 1)
        return 0;
    return db_int(rows, 0) + 1;
}

static int check(struct db *db, struct dh_err *err)
{
    int version;

    return db_version(db, &version, err); /* the server looks after its files */
}

static const struct db_ops ops = {
    .close = close_server,
    .run = db_server_run,
    .last_id = last_id,
    .changes = changes,
    .expect = expect,
    .query = db_server_query,
    .next = next,
    .end = db_server_rows_end,
    .columns = columns,
    .column = column_name,
    .kind = kind,
    .integer = integer,
    .real = real,
    .text = text,
    .script = db_server_script,
    .begin = db_server_begin,
    .commit = db_server_commit,
    .rollback = db_server_rollback,
    .savepoint = db_server_savepoint,
    .savepoint_end = db_server_savepoint_end,
    .version = db_server_version,
    .set_version = db_server_set_version,
    .migrate = db_server_migrate,
    .changed = changed,
    .stamp = stamp,
    .check = check,
    .keep = db_server_keep,
    .bulk = db_server_bulk,
    .given = db_server_given,
    .set_given = db_server_set_given,
};

int db_server_open(const char *url, unsigned flags, int busy_ms, struct db **ret,
                   struct dh_err *err)
{
    own(db_close) struct db *db = NULL;
    struct server *s;
    struct db_url parsed;
    enum db_server server;

    if (db_url_parse(url, &parsed, err) < 0)
        return -1;
    server = parsed.server;
    db_url_done(&parsed);
    s = dh_zalloc(1, sizeof *s);
    db = &s->base;
    *db = (struct db){.ops = &ops, .path = db_url_shown(url), .busy_ms = busy_ms};
    s->url = dh_strdup(url);
    s->flags = flags;
    s->seen = -1;
    s->ops = server == DB_POSTGRES ? &db_postgres_wire : &db_mysql_wire;
    s->dialect.server = server;
    if (db_server_connect(s, false, err) < 0)
        return -1;
    *ret = take(&db);
    return 0;
}
