/* Opening, transactions, and the small things that all tables share. */
#include "store/store.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/id.h"
#include "store/db-url.h"
#include "store/store-priv.h"

static const char *const state_names[STORE_N_STATES] = {
    "PENDING", "RUNNING", "SUCCEEDED", "FAILED", "SKIPPED", "CACHED", "CANCELED",
};
static const char *const type_names[STORE_N_TASK_TYPES] = {
    "ROOT",         "RUNTIME",  "CONDITION", "CONDITION_BRANCH", "LOOP", "LOOP_ITERATION",
    "EXIT_HANDLER", "IMPORTER", "DAG",
};

const char *store_state_name(enum store_state state)
{
    return state_names[state];
}

int store_state_parse(const char *name, enum store_state *ret)
{
    for (int i = 0; i < STORE_N_STATES; i++)
        if (!strcmp(name, state_names[i])) {
            *ret = (enum store_state)i;
            return 0;
        }
    return -1;
}

bool store_state_ended(enum store_state state)
{
    return state != STORE_PENDING && state != STORE_RUNNING;
}

bool store_state_good(enum store_state state)
{
    return state == STORE_SUCCEEDED || state == STORE_CACHED;
}

const char *store_task_type_name(enum store_task_type type)
{
    return type_names[type];
}

int store_task_type_parse(const char *name, enum store_task_type *ret)
{
    for (int i = 0; i < STORE_N_TASK_TYPES; i++)
        if (!strcmp(name, type_names[i])) {
            *ret = (enum store_task_type)i;
            return 0;
        }
    return -1;
}

/* ---- opening ---- */

static int check_readable(struct db *db, struct dh_err *err)
{
    int version;

    if (db_version(db, &version, err) < 0)
        return -1;
    if (version > store_n_migrations)
        return store_migrate(db, store_migrations, store_n_migrations, err);
    if (version == store_n_migrations)
        return 0;
    if (version == 0)
        return dh_fail(err, DH_NOT_FOUND, "database %s has nothing in it yet", db_path(db));
    return dh_fail(err, DH_IO,
                   "database %s has schema version %d and needs %d: open it once where it can be "
                   "written",
                   db_path(db), version, store_n_migrations);
}

/* A server is reached where a file would not be there. */
static int check_there(struct db *db, struct dh_err *err)
{
    int version;

    if (db_version(db, &version, err) < 0)
        return -1;
    return version > 0
               ? 0
               : dh_fail(err, DH_NOT_FOUND, "database %s has nothing in it yet", db_path(db));
}

static int fill(struct db *db, struct dh_err *err)
{
    own_mem char *sql = store_schema_new();

    return db_script(db, sql, err) < 0 ? -1 : db_set_version(db, store_n_migrations, err);
}

int store_open(const char *path, unsigned flags, struct store **ret, struct dh_err *err)
{
    own(store_close) struct store *s = dh_zalloc(1, sizeof *s);
    bool readonly = flags & STORE_READONLY;
    unsigned how = (flags & STORE_CREATE ? DB_CREATE : 0U) | (readonly ? DB_READONLY : 0U);

    if (how == DB_CREATE && db_create(path, fill, err) < 0)
        return -1;
    if (db_open(path, how, STORE_BUSY_MS, &s->db, err) < 0)
        return -1;
    if (db_url_is(path) && !(flags & STORE_CREATE) && check_there(s->db, err) < 0)
        return -1;
    if (readonly ? check_readable(s->db, err) < 0
                 : store_migrate(s->db, store_migrations, store_n_migrations, err) < 0)
        return -1;
    s->schema = store_n_migrations;
    *ret = take(&s);
    return 0;
}

char *store_place(const char *home, const char *db)
{
    if (db)
        return db_url_is(db) ? dh_strdup(db) : fs_absolute(db);
    return fs_join(home, "dhow.db");
}

bool store_on_server(const char *place)
{
    return db_url_is(place);
}

bool store_exists(const char *place)
{
    return db_url_is(place) || fs_exists(place);
}

struct store *store_close(struct store *s)
{
    if (s) {
        db_close(s->db);
        for (size_t i = 0; s && i < STORE_PAGES; i++)
            dh_mem_own(&s->pages[i]);
        strmap_free(s->types);
        free(s->progress);
    }
    dh_mem_own(&s);
    return NULL;
}

const char *store_path(const struct store *s)
{
    return db_path(s->db);
}

int store_schema(const struct store *s)
{
    return s->schema;
}

int store_begin(struct store *s, struct dh_err *err)
{
    return db_begin(s->db, err);
}

int store_begin_read(struct store *s, struct dh_err *err)
{
    return db_begin_read(s->db, err);
}

int store_commit(struct store *s, struct dh_err *err)
{
    if (db_commit(s->db, err) == 0)
        return 0;
    s->types = strmap_free(s->types); /* some may have been undone */
    return -1;
}

void store_rollback(struct store *s)
{
    db_rollback(s->db);
    s->types = strmap_free(s->types);
}

bool store_in_transaction(const struct store *s)
{
    return db_in_transaction(s->db);
}

bool store_changed(struct store *s)
{
    return db_changed(s->db);
}

int64_t store_stamp(struct store *s)
{
    return db_stamp(s->db);
}

void store_settle(struct store *s)
{
    db_settle(s->db);
}

int store_check(struct store *s, struct dh_err *err)
{
    return db_check(s->db, err);
}

/* ---- shared ---- */

int store_query_kept(struct store *s, struct dh_err *err, struct db_rows **ret, const char *sql,
                     const struct db_val *vals, size_t n)
{
    for (size_t i = 0; i < STORE_PAGES; i++) {
        if (!s->pages[i])
            s->pages[i] = dh_strdup(sql);
        if (!strcmp(s->pages[i], sql))
            return db_query_vals(s->db, err, ret, s->pages[i], vals, n);
    }
    return db_query_built(s->db, err, ret, sql, vals, n);
}

const char *store_text(const struct db_rows *rows, int column, struct arena *a)
{
    const char *text = db_text(rows, column);

    return text ? arena_strdup(a, text) : NULL;
}

int store_read_state(const struct db_rows *rows, int column, enum store_state *ret,
                     struct dh_err *err)
{
    const char *name = db_text(rows, column);

    if (name && store_state_parse(name, ret) == 0)
        return 0;
    return dh_fail(err, DH_IO, "the database holds an unknown state '%s'", name ? name : "");
}

int store_one(int rc, struct dh_err *err, const char *fmt, ...)
{
    struct dh_err what;
    va_list ap;

    if (rc != 0)
        return rc < 0 ? -1 : 0;
    va_start(ap, fmt);
    (void)vsnprintf(what.msg, sizeof what.msg, fmt, ap);
    va_end(ap);
    return dh_fail(err, DH_NOT_FOUND, "there is no %.*s", (int)sizeof what.msg - 40, what.msg);
}

int store_touched(struct store *s, int rc, const char *what, int64_t id, struct dh_err *err)
{
    if (rc < 0)
        return -1;
    return db_expect_row(s->db, what, id, err);
}

enum store_name store_name_kind(const char *name, char to[40], int64_t *ret_id)
{
    size_t n = strlen(name), digits = strspn(name, "0123456789");

    if (n > 0 && digits == n && name[0] != '0' && n <= 18) {
        *ret_id = strtoll(name, NULL, 10);
        return STORE_NAME_NUMBER;
    }
    if (n < 4 || n > 36 || strspn(name, "0123456789abcdefABCDEF-") != n)
        return STORE_NAME_OTHER;
    for (size_t i = 0; i <= n; i++)
        to[i] = (char)tolower((unsigned char)name[i]);
    return n == 36 && id_is_uuid(name) ? STORE_NAME_UUID : STORE_NAME_PREFIX;
}
