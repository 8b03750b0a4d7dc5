/* The schema of a database on a server: whose it is, its version, and the steps to a newer one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/own.h"
#include "store/db-server-priv.h"

/* What we keep about the record itself: the schema's version, the number of commits, the last id
 * that was given to each table; and the last commit of each process that writes. */
static const char meta_sql[] =
    "CREATE TABLE dhow_meta(name VARCHAR(100) NOT NULL PRIMARY KEY, value BIGINT NOT NULL);"
    "CREATE TABLE dhow_writer(id BIGINT NOT NULL PRIMARY KEY, sequence BIGINT NOT NULL,"
    " since_us BIGINT NOT NULL)";
static const char version_sql[] = "SELECT value FROM dhow_meta WHERE name = 'version'";

int db_server_do(struct server *s, const char *sql, int64_t *ret, struct dh_err *err)
{
    struct wire_rows rows = {0};
    const char *text = NULL;
    int rc;

    if (db_server_connect(s, true, err) < 0)
        return -1;
    s->ops->send(s->wire, &(struct wire_text){.sql = sql}, NULL, 0);
    rc = s->ops->answer(s->wire, NULL, &rows, err);
    if (rc == 0 && ret) {
        if (s->ops->step(&rows))
            text = s->ops->value(&rows, 0);
        *ret = text ? strtoll(text, NULL, 10) : 0;
    }
    if (rc == 0)
        s->ops->rows_done(&rows);
    else if (rc == WIRE_LOST)
        db_server_lost(s);
    else
        s->ops->settle(s->wire);
    return rc < 0 ? -1 : 0;
}

static int dof(struct server *s, struct dh_err *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static int dof(struct server *s, struct dh_err *err, const char *fmt, ...)
{
    own_mem char *sql = NULL;
    va_list ap;

    va_start(ap, fmt);
    sql = dh_vprintf(fmt, ap);
    va_end(ap);
    return db_server_do(s, sql, NULL, err);
}

/* ---- what is there ---- */

/* Names in the first column; fn's nonzero answer ends it. */
static int each(struct server *s, const char *sql,
                int (*fn)(void *user, const char *a, const char *b), void *user, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    int rc;

    if (db_query_built(&s->base, err, &rows, sql, NULL, 0) < 0)
        return -1;
    while ((rc = db_next(rows, err)) == 1) {
        const char *b = db_columns(rows) > 1 ? db_text(rows, 1) : NULL;

        rc = fn(user, db_text(rows, 0), b);
        if (rc != 0)
            return rc;
    }
    return rc;
}

static int is_meta(void *user, const char *name, const char *ignored)
{
    bool *other = user;

    (void)ignored;
    *other = true;
    return !strcmp(name, "dhow_meta");
}

/* 1: ours; 0: nothing is there. */
static int whose(struct server *s, struct dh_err *err)
{
    bool other = false;
    int rc = each(s, s->ops->tables_sql, is_meta, &other, err);

    if (rc != 0 || !other)
        return rc;
    return dh_fail(err, DH_INVALID, "%s is a database of another program: give dhow one of its own",
                   s->base.path);
}

int db_server_version(struct db *db, int *ret, struct dh_err *err)
{
    struct server *s = server_of(db);
    struct dh_err first;
    int64_t version = 0;
    int rc = 0;

    if (db->begun) {
        own(db_end) struct db_rows *rows = NULL;

        if (db_query(db, err, &rows, version_sql) < 0)
            return -1;
        rc = db_next(rows, err);
        *ret = rc == 1 ? (int)db_int(rows, 0) : 0;
        return rc < 0 ? -1 : 0;
    }
    if (db_server_do(s, version_sql, &version, &first) < 0) {
        if (first.code != DH_BUG) { /* else there is no such table */
            *err = first;
            return -1;
        }
        rc = whose(s, err);
        /* Another process has made it between the two questions. */
        if (rc < 0 || (rc > 0 && db_server_do(s, version_sql, &version, err) < 0))
            return -1;
    }
    *ret = (int)version;
    return 0;
}

/* ---- steps ---- */

static int unlock(struct server *s, int rc)
{
    struct dh_err ignored;

    (void)db_server_do(s, s->ops->unlock_sql, NULL, &ignored);
    return rc;
}

static int lock(struct server *s, struct dh_err *err)
{
    int64_t got = 0;

    if (db_server_do(s, s->ops->lock_sql, &got, err) < 0)
        return -1;
    return got == 1 ? 0
                    : dh_fail(err, DH_IO,
                              "database %s is locked: another process is bringing its schema up",
                              s->base.path);
}

static bool is_unknown(struct server *s, struct dh_err *err)
{
    bool unknown = s->unknown;

    s->unknown = false;
    if (unknown)
        *err = s->why_unknown;
    return unknown;
}

static int do_statement(void *user, const struct db_statement *statement, struct dh_err *err)
{
    return is_unknown(user, err) ? -1 : db_server_do(user, statement->sql, NULL, err);
}

static int make_meta(struct server *s, struct dh_err *err)
{
    static const char *const names[] = {"version", "commits", "step"};
    int rc = whose(s, err);

    if (rc == 0)
        rc = db_translate_script(&s->dialect, meta_sql, do_statement, s, err);
    if (rc < 0)
        return -1;
    for (size_t i = 0; i < 3; i++) {
        own_mem char *sql =
            dh_printf("INSERT INTO dhow_meta(name, value) VALUES ('%s', 0) ON CONFLICT(name) DO "
                      "NOTHING",
                      names[i]);
        own_mem char *translated = db_translate(&s->dialect, sql, false);

        if (db_server_do(s, translated, NULL, err) < 0)
            return -1;
    }
    return 0;
}

static int add_text(void *user, const char *table, const char *column)
{
    struct buf *to = user;

    buf_addf(to, "|%s.%s|", table, column);
    return 0;
}

#define TRIES 3

static bool long_text(void *user, const char *table, const char *column)
{
    own_mem char *key = dh_printf("|%s.%s|", table, column);
    own_buf struct buf all = {0};
    struct server *s = user;

    for (int i = 0; i < TRIES; i++) { /* others may be changing their schemas */
        buf_reset(&all);
        if (each(s, s->ops->long_texts_sql, add_text, &all, &s->why_unknown) == 0)
            return strstr(buf_str(&all), key) != NULL;
    }
    s->unknown = true;
    return false;
}

/* Where a MySQL that stopped half-way goes on: `step` is 2k + 1 while statement k is tried, so that
 * those before it are done; and 2k + 2 with the data that statement k has written. */
struct progress {
    struct server *s;
    int64_t at, step;
};

static int register_table(struct server *s, const char *table, struct dh_err *err)
{
    own_mem char *sql = dh_printf(
        "INSERT INTO dhow_meta(name, value) VALUES ('id:%s', 0) ON CONFLICT(name) DO NOTHING",
        table);
    own_mem char *translated = db_translate(&s->dialect, sql, false);

    return db_server_do(s, translated, NULL, err);
}

static int one_statement(void *user, const struct db_statement *statement, struct dh_err *err)
{
    const char *sql = statement->sql;
    struct progress *p = user;
    struct server *s = p->s;
    int64_t k = p->at++;
    bool data = strncmp(sql, "CREATE", 6) != 0 && strncmp(sql, "ALTER", 5) != 0 &&
                strncmp(sql, "DROP", 4) != 0;
    int rc;

    if (p->step > 2 * k + 1) {
        s->unknown = false;
        return 0;
    }
    if (is_unknown(s, err))
        return -1;
    if (s->ops->transactional_ddl || data) {
        if (!s->ops->transactional_ddl && db_server_do(s, s->ops->begin_sql, NULL, err) < 0)
            return -1;
        if (db_server_do(s, sql, NULL, err) < 0)
            return -1;
    } else {
        if (dof(s, err, "UPDATE dhow_meta SET value = %lld WHERE name = 'step'",
                (long long)(2 * k + 1)) < 0)
            return -1;
        rc = db_server_do(s, sql, NULL, err);
        if (rc < 0 && !(err->code == DH_EXISTS && p->step == 2 * k + 1))
            return -1;
    }
    if (statement->makes && register_table(s, statement->makes, err) < 0)
        return -1;
    if (statement->renames &&
        dof(s, err, "UPDATE dhow_meta SET name = 'id:%s' WHERE name = 'id:%s'", statement->to,
            statement->renames) < 0)
        return -1;
    if (s->ops->transactional_ddl || !data)
        return 0;
    if (dof(s, err, "UPDATE dhow_meta SET value = %lld WHERE name = 'step'",
            (long long)(2 * k + 2)) < 0)
        return -1;
    return db_server_do(s, "COMMIT", NULL, err);
}

static int add_name(void *user, const char *name, const char *ignored)
{
    (void)ignored;
    buf_addf(user, "%s\n", name);
    return 0;
}

/* The ids that a migration gave: a table goes on after them. `before`: and a server that counts by
 * itself is told where we are. */
static int count_ids(struct server *s, bool before, struct dh_err *err)
{
    own_buf struct buf names = {0};
    int rc = each(s, "SELECT name FROM dhow_meta WHERE name LIKE 'id:%'", add_name, &names, err);

    for (char *at = rc == 0 ? names.p : NULL, *end; at && (end = strchr(at, '\n')); at = end + 1) {
        own_mem char *table = dh_strndup(at + 3, (size_t)(end - at) - 3);
        own_mem char *sql =
            dh_printf("UPDATE dhow_meta SET value = (SELECT max(id) FROM %s) WHERE name = 'id:%s'"
                      " AND value < (SELECT coalesce(max(id), 0) FROM %s)",
                      table, table, table);
        own_mem char *translated = db_translate(&s->dialect, sql, false);

        if (before && s->ops->transactional_ddl)
            rc =
                dof(s, err,
                    "SELECT setval(pg_get_serial_sequence('%s', 'id'), greatest(value, 1), value > "
                    "0) FROM dhow_meta WHERE name = 'id:%s'",
                    table, table);
        else if (!before)
            rc = db_server_do(s, translated, NULL, err);
        if (rc < 0)
            return -1;
    }
    return rc;
}

static int steps(struct server *s, const char *sql, int version, struct dh_err *err)
{
    struct progress p = {.s = s};
    bool whole = s->ops->transactional_ddl;

    if (db_server_do(s, "SELECT value FROM dhow_meta WHERE name = 'step'", &p.step, err) < 0 ||
        (whole && db_server_do(s, s->ops->begin_sql, NULL, err) < 0))
        return -1;
    if (count_ids(s, true, err) < 0 ||
        db_translate_script(&s->dialect, sql, one_statement, &p, err) < 0 ||
        count_ids(s, false, err) < 0)
        return -1;
    if (!whole && db_server_do(s, s->ops->begin_sql, NULL, err) < 0)
        return -1;
    if (dof(s, err, "UPDATE dhow_meta SET value = 0 WHERE name = 'step'") < 0 ||
        dof(s, err, "UPDATE dhow_meta SET value = value + 1 WHERE name = 'commits'") < 0 ||
        dof(s, err, "UPDATE dhow_meta SET value = %d WHERE name = 'version'", version + 1) < 0)
        return -1;
    return db_server_do(s, "COMMIT", NULL, err);
}

int db_server_migrate(struct db *db, const char *sql, int version, struct dh_err *err)
{
    struct server *s = server_of(db);
    struct dh_err ignored;
    int64_t now = 0;
    int rc;

    if (db_server_connect(s, true, err) < 0)
        return -1;
    s->dialect.long_text = s->ops->long_texts_sql ? long_text : NULL;
    s->dialect.user = s;
    if (lock(s, err) < 0)
        return -1;
    rc = make_meta(s, err);
    if (rc == 0)
        rc = db_server_do(s, version_sql, &now, err);
    if (rc == 0 && now == version) {
        rc = steps(s, sql, version, err);
        if (rc < 0)
            (void)db_server_do(s, "ROLLBACK", NULL, &ignored);
    }
    return unlock(s, rc);
}

int db_server_set_version(struct db *db, int version, struct dh_err *err)
{
    struct server *s = server_of(db);

    if (make_meta(s, err) < 0)
        return -1;
    return dof(s, err, "UPDATE dhow_meta SET value = %d WHERE name = 'version'", version);
}

int db_server_script(struct db *db, const char *sql, struct dh_err *err)
{
    if (db->begun)
        return dh_fail(err, DH_BUG, "database %s: a script within a transaction", db->path);
    return db_translate_script(&server_of(db)->dialect, sql, do_statement, server_of(db), err);
}

/* ---- a copy before a change ---- */

static int keep_name(void *user, const char *name, const char *ignored)
{
    (void)ignored;
    if (strncmp(name, "dhow_", 5) != 0)
        buf_addf(user, "%s\n", name);
    return 0;
}

static int keep_all(struct server *s, int version, struct dh_err *err)
{
    own_buf struct buf names = {0};
    int64_t now = 0;
    int rc = db_server_do(s, version_sql, &now, err);

    if (rc < 0 || now != version) /* another process has done it */
        return rc;
    rc = each(s, s->ops->tables_sql, keep_name, &names, err);
    for (char *at = names.p, *end; rc == 0 && at && (end = strchr(at, '\n')); at = end + 1) {
        *end = '\0';
        rc = dof(s, err, "CREATE TABLE IF NOT EXISTS \"dhow_v%d_%s\" AS SELECT * FROM \"%s\"",
                 version, at, at);
    }
    return rc < 0 ? -1 : 0;
}

int db_server_keep(struct db *db, int version, struct dh_err *err)
{
    struct server *s = server_of(db);

    if (lock(s, err) < 0)
        return -1;
    return unlock(s, keep_all(s, version, err)) < 0
               ? dh_while(err, "a copy before the schema is changed")
               : 0;
}
