/* Transactions on a server. One writer at a time, as with SQLite: a begin locks the counter of
 * commits, which is also where others see that there is news. With the lock in hand we give ids
 * ourselves, so that no INSERT is waited for; and where the connection is lost, the whole
 * transaction is sent again, unless it got through or others have written meanwhile. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/own.h"
#include "base/arena.h"
#include "store/db-server-priv.h"

#define WRITER_US                                                                                  \
    ((int64_t)90 * 24 * 3600 * 1000000) /* a writer that is silent so long is gone                 \
                                         */
#define PATIENCE_MS 30000               /* how long a server may be away */

const char db_counter_sql[] = "SELECT value FROM dhow_meta WHERE name = 'commits'";
static const char lock_sql[] = "SELECT value FROM dhow_meta WHERE name = 'commits' FOR UPDATE";
static const char ids_sql[] = "SELECT name, value FROM dhow_meta";

static void send_plain(struct server *s, const char *sql)
{
    s->ops->send(s->wire, &(struct wire_text){.sql = sql}, NULL, 0);
}

/* ---- the connection ---- */

void db_server_lost(struct server *s)
{
    if (s->wire)
        s->ops->close(s->wire);
    s->wire = NULL;
}

int db_server_connect(struct server *s, bool patient, struct dh_err *err)
{
    int64_t until = clock_mono_us() + PATIENCE_MS * 1000;
    struct timespec nap = {.tv_nsec = 20 * 1000000L};

    while (!s->wire) {
        int rc = s->ops->connect(s->url, s->flags & DB_READONLY, s->base.busy_ms, &s->wire, err);

        if (rc == 0)
            break;
        /* A server that starts refuses in several ways, so each refusal is waited out. */
        if (!patient || clock_mono_us() > until)
            return -1;
        (void)nanosleep(&nap, NULL);
        if (nap.tv_nsec < 400 * 1000000L)
            nap.tv_nsec *= 2;
    }
    s->dialect.collation = s->ops->collation(s->wire);
    return 0;
}

/* ---- statements ---- */

/* NULL: the cache is full, which our literals do not do. */
struct statement *db_server_statement(struct server *s, const char *sql)
{
    uint64_t h = (uint64_t)(uintptr_t)sql * 0x9e3779b97f4a7c15ULL;
    size_t i = (size_t)(h >> 32) & (DB_N_STATEMENTS - 1);

    for (size_t tries = 0; tries < DB_N_STATEMENTS; tries++, i = (i + 1) & (DB_N_STATEMENTS - 1)) {
        struct statement *at = s->statements[i];

        if (at && at->key == sql)
            return at;
        if (at)
            continue;
        at = dh_zalloc(1, sizeof *at);
        at->key = sql;
        at->table = s->bulk ? NULL : db_insert_table(sql, &at->select);
        at->sql = db_translate(&s->dialect, sql, at->table != NULL);
        at->text = (struct wire_text){.sql = at->sql, .number = ++s->n_prepared};
        s->statements[i] = at;
        return at;
    }
    return NULL;
}

struct entry *db_server_enter(struct server *s, const struct wire_text *text,
                              const struct db_val *vals, size_t n)
{
    struct db_val *copy = arena_alloc(s->arena, (n + 1) * sizeof *copy);

    for (size_t i = 0; i < n; i++) {
        copy[i] = vals[i];
        if (copy[i].kind == DB_TEXT)
            copy[i].t = arena_strdup(s->arena, copy[i].t);
    }
    DH_GROW(s->entries, s->n_entries, s->cap_entries);
    s->entries[s->n_entries] = (struct entry){.text = *text, .vals = copy, .n = n};
    if (s->wire) /* else it goes with all the others, once there is one again */
        s->ops->send(s->wire, text, copy, n);
    return &s->entries[s->n_entries++];
}

static void enter_plain(struct server *s, const char *sql)
{
    (void)db_server_enter(s, &(struct wire_text){.sql = sql}, NULL, 0);
}

/* ---- beginning ---- */

struct server_id *db_server_id(struct server *s, const char *table)
{
    for (size_t i = 0; i < s->n_ids; i++)
        if (!strcmp(s->ids[i].table, table))
            return &s->ids[i];
    return NULL;
}

/* `again`: a transaction that is taken up after its connection was lost keeps the ids it gave.
 * Returns 1 where it cannot: others have taken the same ones. */
static int read_ids(struct server *s, struct wire_rows *rows, bool again)
{
    int taken = 0;

    while (s->ops->step(rows)) {
        const char *name = s->ops->value(rows, 0), *text = s->ops->value(rows, 1);
        int64_t value = text ? strtoll(text, NULL, 10) : 0;
        struct server_id *id;

        if (!name || strncmp(name, "id:", 3) != 0)
            continue;
        id = db_server_id(s, name + 3);
        if (!id) {
            DH_GROW(s->ids, s->n_ids, s->cap_ids);
            id = &s->ids[s->n_ids++];
            *id = (struct server_id){.table = dh_strdup(name + 3), .first = value, .last = value};
        } else if (!again) {
            id->first = id->last = value;
        } else if (id->last != id->first && id->first != value) {
            taken = 1;
        }
    }
    return taken;
}

/* Begins and takes the lock: one trip. -1, WIRE_LOST; 1: as read_ids. *ret_counter: of commits. */
static int begin_once(struct server *s, bool again, int64_t *ret_counter, struct dh_err *err)
{
    struct wire_rows rows = {0};
    const char *text = NULL;
    int rc;

    send_plain(s, s->ops->begin_sql);
    send_plain(s, lock_sql);
    send_plain(s, ids_sql);
    rc = s->ops->answer(s->wire, NULL, NULL, err);
    if (rc == 0)
        rc = s->ops->answer(s->wire, NULL, &rows, err);
    if (rc == 0) {
        if (s->ops->step(&rows))
            text = s->ops->value(&rows, 0);
        *ret_counter = text ? strtoll(text, NULL, 10) : 0;
        rc = text ? 0 : dh_fail(err, DH_INVALID, "database %s is not one of dhow's", s->base.path);
        s->ops->rows_done(&rows);
    }
    if (rc == 0)
        rc = s->ops->answer(s->wire, NULL, &rows, err);
    if (rc == 0) {
        rc = read_ids(s, &rows, again);
        s->ops->rows_done(&rows);
    }
    return rc;
}

static void undo(struct server *s)
{
    struct dh_err ignored;

    if (!s->wire)
        return;
    s->ops->settle(s->wire);
    send_plain(s, "ROLLBACK");
    if (s->ops->answer(s->wire, NULL, NULL, &ignored) == WIRE_LOST)
        db_server_lost(s);
}

static void forget(struct server *s)
{
    s->arena = arena_free(s->arena);
    s->n_entries = s->n_answered = 0;
    s->read = s->broken = s->committing = s->bulk = false;
}

static int begin_reading(struct server *s, struct dh_err *err)
{
    int rc = 0;

    for (size_t i = 0; i < 2 && s->ops->begin_read_sql[i]; i++)
        send_plain(s, s->ops->begin_read_sql[i]);
    for (size_t i = 0; i < 2 && s->ops->begin_read_sql[i] && rc == 0; i++)
        rc = s->ops->answer(s->wire, NULL, NULL, err);
    return rc;
}

int db_server_begin(struct db *db, bool readonly, struct dh_err *err)
{
    struct server *s = server_of(db);
    int rc = WIRE_LOST;

    for (int tries = 0; rc == WIRE_LOST && tries < DB_MAX_TRIES; tries++) {
        if (db_server_connect(s, true, err) < 0)
            return -1;
        rc = readonly ? begin_reading(s, err) : begin_once(s, false, &s->counter, err);
        if (rc == WIRE_LOST)
            db_server_lost(s);
    }
    if (rc < 0) {
        undo(s);
        return -1;
    }
    forget(s);
    s->arena = arena_new();
    if (!readonly) {
        s->others = s->others || s->counter != s->seen;
        s->sequence++;
    }
    return 0;
}

/* ---- answers ---- */

/* Whether the commit that was under way got through. */
static int got_through(struct server *s, bool *ret, struct dh_err *err)
{
    own_mem char *sql =
        dh_printf("SELECT sequence FROM dhow_writer WHERE id = %lld", (long long)s->writer);
    struct wire_rows rows = {0};
    int rc;

    send_plain(s, sql);
    rc = s->ops->answer(s->wire, NULL, &rows, err);
    if (rc < 0)
        return rc;
    *ret = s->ops->step(&rows) && strtoll(s->ops->value(&rows, 0), NULL, 10) == s->sequence;
    s->ops->rows_done(&rows);
    return 0;
}

int db_server_answers(struct server *s, bool again, struct dh_err *err)
{
    for (size_t i = again ? 0 : s->n_answered; i < s->n_entries; i++) {
        struct entry *e = &s->entries[i];
        int64_t touched = 0;
        int rc = s->ops->answer(s->wire, &touched, NULL, err);

        if (rc < 0)
            return rc;
        if (again && i < s->n_answered && touched != e->touched)
            return dh_fail(err, DH_IO,
                           "database %s: the connection was lost in the middle of a write, and "
                           "others have changed what it is about",
                           s->base.path);
        e->touched = touched;
        if (!again || i >= s->n_answered)
            s->n_answered = i + 1;
        if (e->what && touched == 0)
            return dh_fail(err, DH_NOT_FOUND, "there is no %s %lld", e->what, (long long)e->id);
    }
    return 0;
}

/* The connection was lost within a transaction: the same again over a new one. */
static int once_more(struct server *s, struct dh_err *err)
{
    int64_t counter = 0;
    bool done = false;
    int rc;

    if (db_server_connect(s, true, err) < 0)
        return -1;
    rc = begin_once(s, true, &counter, err);
    if (rc >= 0 && s->committing) {
        int found = got_through(s, &done, err);

        rc = found < 0 ? found : rc;
    }
    if (rc < 0)
        return rc;
    if (done) {
        undo(s);
        s->n_answered = s->n_entries;
        return 0;
    }
    if (rc > 0 || (s->read && counter != s->counter))
        return dh_fail(err, DH_IO,
                       "database %s: the connection was lost in the middle of a write, and others "
                       "have written since",
                       s->base.path);
    s->others = s->others || counter != s->counter;
    s->counter = counter;
    for (size_t i = 0; i < s->n_entries; i++)
        s->ops->send(s->wire, &s->entries[i].text, s->entries[i].vals, s->entries[i].n);
    return db_server_answers(s, true, err);
}

int db_server_sync(struct server *s, struct dh_err *err)
{
    int rc;

    if (s->broken)
        return dh_fail(err, DH_IO, "the transaction was undone by an error before: %.800s",
                       s->why.msg);
    rc = s->wire ? db_server_answers(s, false, err) : WIRE_LOST;
    for (int tries = 0; rc == WIRE_LOST && !s->bulk && tries < DB_MAX_TRIES; tries++) {
        db_server_lost(s);
        rc = once_more(s, err);
    }
    if (rc == 0)
        return 0;
    s->broken = true;
    s->why = err ? *err : (struct dh_err){0};
    if (rc == WIRE_LOST)
        db_server_lost(s);
    if (s->wire)
        s->ops->settle(s->wire);
    return -1;
}

/* ---- the calls ---- */

static int run_within(struct server *s, struct dh_err *err, const char *sql,
                      const struct db_val *vals, size_t n)
{
    struct statement *statement = db_server_statement(s, sql);
    struct db_val with_id[64];
    struct server_id *id;

    if (s->broken)
        return db_server_sync(s, err);
    if (!statement || n + 1 >= sizeof with_id / sizeof *with_id)
        return dh_fail(err, DH_BUG, "too many statements or values: %s", sql);
    if (!s->wire && db_server_sync(s, err) < 0)
        return -1;
    id = statement->table ? db_server_id(s, statement->table) : NULL;
    if (statement->table && !id) { /* a table whose ids are not ours: as it was written */
        free(statement->sql);
        statement->sql = db_translate(&s->dialect, sql, false);
        statement->text = (struct wire_text){.sql = statement->sql, .number = ++s->n_prepared};
        dh_mem_own(&statement->table);
        statement->table = NULL;
    }
    if (id) {
        with_id[0] = DB_I(statement->select ? id->last : ++id->last);
        memcpy(with_id + 1, vals, n * sizeof *vals);
        vals = with_id;
        n++;
        s->last_id = id->last;
    }
    (void)db_server_enter(s, &statement->text, vals, n);
    if (id && statement->select) {
        if (db_server_sync(s, err) < 0)
            return -1;
        id->last += s->entries[s->n_entries - 1].touched;
        s->last_id = id->last;
    }
    return s->n_entries - s->n_answered > DB_MAX_UNDER_WAY ? db_server_sync(s, err) : 0;
}

int db_server_run(struct db *db, struct dh_err *err, const char *sql, const struct db_val *vals,
                  size_t n, bool kept)
{
    struct server *s = server_of(db);

    if (db->begun && s->bulk)
        return s->broken ? db_server_sync(s, err) : db_server_run_bulk(s, err, sql, vals, n, kept);
    if (!kept)
        return dh_fail(err, DH_BUG, "a text that is not kept: %s", sql);
    if (db->begun)
        return run_within(s, err, sql, vals, n);
    if (db_begin(db, err) < 0)
        return -1;
    if (run_within(s, err, sql, vals, n) < 0) {
        db_rollback(db);
        return -1;
    }
    return db_commit(db, err);
}

static bool is_expecting(const struct server *s)
{
    for (size_t i = s->n_answered; i < s->n_entries; i++)
        if (s->entries[i].what)
            return true;
    return false;
}

int db_server_commit(struct db *db, struct dh_err *err)
{
    struct server *s = server_of(db);
    size_t n = s->n_entries;
    int rc;

    if (fs_fault("commit"))
        return dh_fail_errno(err, "database %s", db->path);
    if (n == 0 && !s->bulk) {
        undo(s); /* nothing was written: an end is an end */
        forget(s);
        return 0;
    }
    /* What must have touched a row is known before the commit is sent. */
    if ((s->broken || !s->wire || is_expecting(s)) && db_server_sync(s, err) < 0)
        return -1;
    for (size_t i = 0; i < s->n_ids; i++) {
        if (s->ids[i].last == s->ids[i].first)
            continue;
        enter_plain(s,
                    arena_printf(s->arena, "UPDATE dhow_meta SET value = %lld WHERE name = 'id:%s'",
                                 (long long)s->ids[i].last, s->ids[i].table));
    }
    enter_plain(s, "UPDATE dhow_meta SET value = value + 1 WHERE name = 'commits'");
    if (!s->writer_known) {
        s->writer = INT64_MAX;
        if (getrandom(&s->writer, sizeof s->writer, 0) != sizeof s->writer)
            s->writer = clock_now_us();
        s->writer &= INT64_MAX;
        enter_plain(s, arena_printf(s->arena,
                                    "INSERT INTO dhow_writer(id, sequence, since_us) VALUES (%lld, "
                                    "%lld, %lld)",
                                    (long long)s->writer, (long long)s->sequence,
                                    (long long)clock_now_us()));
        /* Of those that were killed, and so did not take theirs away. */
        enter_plain(s, arena_printf(s->arena, "DELETE FROM dhow_writer WHERE since_us < %lld",
                                    (long long)(clock_now_us() - WRITER_US)));
    } else {
        enter_plain(s,
                    arena_printf(s->arena,
                                 "UPDATE dhow_writer SET sequence = %lld, since_us = %lld WHERE id "
                                 "= %lld",
                                 (long long)s->sequence, (long long)clock_now_us(),
                                 (long long)s->writer));
    }
    enter_plain(s, "COMMIT");
    s->committing = true;
    rc = db_server_sync(s, err);
    if (rc < 0)
        return -1;
    if (n > 0)
        s->last_touched = s->entries[n - 1].touched;
    if (s->bulk && s->ops->bulk_end_sql)
        (void)db_server_do(s, s->ops->bulk_end_sql, NULL, err);
    s->seen = s->counter + 1;
    s->writer_known = true;
    forget(s);
    return 0;
}

void db_server_rollback(struct db *db)
{
    struct server *s = server_of(db);

    if (db->begun)
        undo(s);
    forget(s);
}

int db_server_savepoint(struct db *db, struct dh_err *err)
{
    struct server *s = server_of(db);

    if (s->broken || !s->wire) {
        if (db_server_sync(s, err) < 0)
            return -1;
    }
    s->savepoint = s->n_entries;
    enter_plain(s, "SAVEPOINT scope");
    return 0;
}

int db_server_savepoint_end(struct db *db, bool to_undo, struct dh_err *err)
{
    struct server *s = server_of(db);
    int rc;

    if (!to_undo) {
        enter_plain(s, "RELEASE SAVEPOINT scope");
        return db_server_sync(s, err);
    }
    if (!s->wire)
        return dh_fail(err, DH_IO, "database %s: the connection is lost", db->path);
    s->ops->settle(s->wire);
    send_plain(s, "ROLLBACK TO SAVEPOINT scope");
    rc = s->ops->answer(s->wire, NULL, NULL, err);
    if (rc < 0) {
        s->broken = true;
        s->why = err ? *err : (struct dh_err){0};
        if (rc == WIRE_LOST)
            db_server_lost(s);
        else
            s->ops->settle(s->wire);
        return -1;
    }
    s->n_entries = s->savepoint; /* what is sent again knows nothing of it */
    s->n_answered = s->n_answered < s->n_entries ? s->n_answered : s->n_entries;
    s->broken = false;
    return 0;
}
