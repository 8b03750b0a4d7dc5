/* The record as a whole. */
#include "store/whole.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/js.h"
#include "base/mem.h"
#include "store/db-dialect.h"
#include "store/store-priv.h"

#define PAGE 2000 /* rows that are read at once */

static void tables_read(struct db_tables *tables)
{
    for (int i = 0; i < store_n_migrations; i++)
        db_tables_read(tables, store_migrations[i]);
}

#define own_tables __attribute__((cleanup(db_tables_done)))

/* ---- walking a table, in the order of its key ---- */

struct walk {
    struct db *db;
    const struct db_table *table;
    struct arena *arena;
    struct db_val last[4];
    bool started, done;
    size_t n_page;
    struct db_rows *rows;
};

/* a > ? OR (a = ? AND b > ?) …, with its values. */
static void after_last(const struct walk *w, struct buf *sql, struct db_val vals[16], size_t *n)
{
    const struct db_table *t = w->table;

    buf_adds(sql, " WHERE ");
    for (size_t i = 0; i < t->n_key; i++) {
        buf_adds(sql, i ? " OR (" : "(");
        for (size_t k = 0; k < i; k++) {
            buf_addf(sql, "%s = ? AND ", t->key[k]);
            vals[(*n)++] = w->last[k];
        }
        buf_addf(sql, "%s > ?)", t->key[i]);
        vals[(*n)++] = w->last[i];
    }
}

static int open_page(struct walk *w, struct dh_err *err)
{
    own_buf struct buf sql = {0};
    struct db_val vals[16];
    size_t n = 0;

    buf_addf(&sql, "SELECT * FROM %s", w->table->name);
    if (w->started)
        after_last(w, &sql, vals, &n);
    for (size_t i = 0; i < w->table->n_key; i++)
        buf_addf(&sql, "%s%s", i ? ", " : " ORDER BY ", w->table->key[i]);
    if (w->table->n_key > 0)
        buf_addf(&sql, " LIMIT %d", PAGE);
    w->n_page = 0;
    return db_query_built(w->db, err, &w->rows, sql.p, vals, n);
}

static struct db_val value_of(const struct db_rows *rows, int column)
{
    switch (db_kind(rows, column)) {
    case DB_INT:
        return DB_I(db_int(rows, column));
    case DB_REAL:
        return DB_R(db_real(rows, column));
    case DB_TEXT:
        return DB_T(db_text(rows, column));
    case DB_NULL:
        break;
    }
    return (struct db_val){.kind = DB_NULL};
}

static void remember(struct walk *w)
{
    for (size_t k = 0; k < w->table->n_key; k++)
        for (int c = 0; c < db_columns(w->rows); c++)
            if (!strcmp(db_column(w->rows, c), w->table->key[k])) {
                w->last[k] = value_of(w->rows, c);
                if (w->last[k].kind == DB_TEXT)
                    w->last[k].t = arena_strdup(w->arena, w->last[k].t);
            }
    w->started = true;
}

/* 1: a row is in w->rows; 0: no more. */
static int walk_next(struct walk *w, struct dh_err *err)
{
    int rc;

    for (;;) {
        if (!w->rows && open_page(w, err) < 0)
            return -1;
        rc = db_next(w->rows, err);
        if (rc != 0) {
            w->n_page += rc == 1;
            if (w->n_page == PAGE)
                remember(w);
            return rc;
        }
        w->rows = db_end(w->rows);
        if (w->n_page < PAGE || w->table->n_key == 0)
            return 0;
    }
}

static void walk_done(struct walk *w)
{
    w->rows = db_end(w->rows);
    w->arena = arena_free(w->arena);
}
#define own_walk __attribute__((cleanup(walk_done)))

/* A row in bytes that are the same in every database. */
static void digest_row(struct digest *d, const struct db_rows *rows)
{
    char text[40];

    for (int c = 0; c < db_columns(rows); c++) {
        struct db_val v = value_of(rows, c);
        const char *bytes = text;

        text[0] = '\0';
        if (v.kind == DB_INT)
            (void)snprintf(text, sizeof text, "%lld", (long long)v.i);
        else if (v.kind == DB_REAL)
            (void)snprintf(text, sizeof text, "%.17g", v.d);
        else if (v.kind == DB_TEXT)
            bytes = v.t;
        digest_add(d, &(char){(char)('0' + (int)v.kind)}, 1);
        digest_add(d, bytes, strlen(bytes) + 1);
    }
}

/* ---- progress ---- */

struct work {
    const struct whole_progress *progress;
    const char *what;
    int64_t done, of;
};

static void tell(struct work *w)
{
    if (w->progress && w->progress->tell)
        w->progress->tell(w->progress->user, w->what, w->done, w->of);
}

static int count_all(struct db *db, const struct db_tables *tables, struct arena *a,
                     struct whole_report *ret, struct work *w, struct dh_err *err)
{
    ret->tables = arena_alloc(a, (tables->n + 1) * sizeof *ret->tables);
    ret->n_tables = tables->n;
    w->of = 0;
    for (size_t i = 0; i < tables->n; i++) {
        own_mem char *sql = dh_printf("SELECT count(*) FROM %s", tables->items[i].name);

        ret->tables[i].name = arena_strdup(a, tables->items[i].name);
        if (db_query_number(db, err, &ret->tables[i].rows, sql) < 0)
            return -1;
        w->of += ret->tables[i].rows;
    }
    return 0;
}

/* ---- copying ---- */

static int digest_table(struct db *db, const struct db_table *table, struct work *w,
                        struct whole_table *ret, struct dh_err *err)
{
    own(digest_free) struct digest *d = digest_new();
    own_walk struct walk walk = {.db = db, .table = table, .arena = arena_new()};
    int rc;

    ret->rows = 0;
    while ((rc = walk_next(&walk, err)) == 1) {
        digest_row(d, walk.rows);
        ret->rows++;
        if (++w->done % PAGE == 0)
            tell(w);
    }
    (void)digest_end(d, ret->digest);
    return rc;
}

/* The text lives as long as both databases: they keep it prepared. */
static const char *insert_sql(const struct db_rows *rows, const char *table, struct arena *a)
{
    own_buf struct buf sql = {0};
    int n = db_columns(rows);

    buf_addf(&sql, "INSERT INTO %s(", table);
    for (int c = 0; c < n; c++)
        buf_addf(&sql, "%s%s", c ? ", " : "", db_column(rows, c));
    buf_adds(&sql, ") VALUES (");
    for (int c = 0; c < n; c++)
        buf_adds(&sql, c ? ", ?" : "?");
    buf_adds(&sql, ")");
    return arena_strdup(a, sql.p);
}

static int copy_table(struct db *from, struct db *to, const struct db_table *table, struct arena *a,
                      struct work *w, struct whole_table *ret, struct dh_err *err)
{
    own(digest_free) struct digest *d = digest_new();
    own_walk struct walk walk = {.db = from, .table = table, .arena = arena_new()};
    const char *sql = NULL;
    struct db_val vals[64];
    int64_t given = 0, last = 0;
    int rc;

    while ((rc = walk_next(&walk, err)) == 1) {
        int n = db_columns(walk.rows);

        if (n > 64)
            return dh_fail(err, DH_BUG, "table %s has %d columns", table->name, n);
        if (!sql)
            sql = insert_sql(walk.rows, table->name, a);
        for (int c = 0; c < n; c++)
            vals[c] = value_of(walk.rows, c);
        digest_row(d, walk.rows);
        if (db_run_vals(to, err, sql, vals, (size_t)n) < 0)
            return dh_while(err, "table %s", table->name);
        last = vals[0].kind == DB_INT ? vals[0].i : 0; /* of a table with ids: the id */
        ret->rows++;
        if (++w->done % PAGE == 0)
            tell(w);
    }
    (void)digest_end(d, ret->digest);
    if (rc < 0 || !table->has_id)
        return rc;
    if (db_given(from, table->name, &given, err) < 0)
        return -1;
    return db_set_given(to, table->name, given > last ? given : last, err);
}

/* What the schema itself puts into a new record goes; else there must be nothing. */
static int make_empty(struct db *to, const struct db_tables *tables, struct dh_err *err)
{
    static const char *const of_users[] = {"run", "spec", "artifacts", "model"};
    int64_t n = 0;

    for (size_t i = 0; i < sizeof of_users / sizeof *of_users; i++) {
        own_mem char *sql = dh_printf("SELECT count(*) FROM %s", of_users[i]);

        if (db_query_number(to, err, &n, sql) < 0)
            return -1;
        if (n > 0)
            return dh_fail(err, DH_EXISTS,
                           "database %s has a record already: a record is moved to an empty one",
                           db_path(to));
    }
    for (size_t i = tables->n; i-- > 0;) {
        own_mem char *sql = dh_printf("DELETE FROM %s", tables->items[i].name);

        if (db_run_built(to, err, sql, NULL, 0) < 0)
            return -1;
    }
    return 0;
}

static int compare(struct db *to, const struct db_tables *tables, struct work *w,
                   const struct whole_report *copied, struct dh_err *err)
{
    w->what = "comparing";
    w->done = 0;
    for (size_t i = 0; i < tables->n; i++) {
        const struct whole_table *is = &copied->tables[i];
        struct whole_table there = {0};

        if (digest_table(to, &tables->items[i], w, &there, err) < 0)
            return -1;
        if (there.rows != is->rows || strcmp(there.digest, is->digest) != 0)
            return dh_fail(
                err, DH_IO,
                "table %s is not the same in %s: %lld rows of %lld, digest %.12s instead "
                "of %.12s. Nothing was changed",
                is->name, db_path(to), (long long)there.rows, (long long)is->rows, there.digest,
                is->digest);
    }
    return 0;
}

static int copy_all(struct db *from, struct db *to, const struct whole_progress *progress,
                    struct arena *a, struct whole_report *ret, struct dh_err *err)
{
    own_tables struct db_tables tables = {0};
    struct work w = {.progress = progress, .what = "copying"};

    tables_read(&tables);
    if (count_all(from, &tables, a, ret, &w, err) < 0 || make_empty(to, &tables, err) < 0)
        return -1;
    for (size_t i = 0; i < tables.n; i++) {
        ret->tables[i].rows = 0;
        if (copy_table(from, to, &tables.items[i], a, &w, &ret->tables[i], err) < 0)
            return -1;
    }
    return compare(to, &tables, &w, ret, err);
}

static int under_way(struct db *from, struct dh_err *err)
{
    int64_t n = 0;

    if (db_query_number(
            from, err, &n,
            "SELECT count(*) FROM run WHERE state = 'RUNNING' AND owner_pid IS NOT NULL") < 0)
        return -1;
    if (n == 0)
        return 0;
    return dh_fail(err, DH_FAILED,
                   "%lld run%s under way in %s: wait for the end, or cancel ('dhow runs' shows "
                   "them; one whose dhow was killed is ended by 'dhow resume')",
                   (long long)n, n == 1 ? " is" : "s are", db_path(from));
}

static void unlink_all(const char *file)
{
    static const char *const ends[] = {"", "-wal", "-shm"};

    for (size_t i = 0; i < 3; i++) {
        own_mem char *path = dh_printf("%s%s", file, ends[i]);

        (void)unlink(path);
    }
}

/* `save_as`: what is read is as of now, and others write on; the copy is then put into this file.
 * Else writers wait. */
static int copy_to(struct store *from, const char *to_place, const char *save_as,
                   const struct whole_progress *progress, struct arena *a, struct whole_report *ret,
                   struct dh_err *err)
{
    own(store_close) struct store *to = NULL;
    int rc;

    if (store_open(to_place, STORE_CREATE, &to, err) < 0)
        return -1;
    rc = save_as ? db_begin_read(from->db, err) : db_begin(from->db, err);
    if (rc == 0 && !save_as)
        rc = under_way(from->db, err);
    if (rc == 0)
        rc = db_bulk_begin(to->db, err);
    if (rc == 0)
        rc = copy_all(from->db, to->db, progress, a, ret, err);
    if (rc == 0)
        rc = db_commit(to->db, err);
    db_rollback(to->db);
    db_rollback(from->db);
    if (rc == 0 && save_as) /* one file, without a log beside it */
        rc = db_save(to->db, save_as, err);
    ret->place = arena_strdup(a, db_path(to->db));
    ret->schema = store_schema(to);
    return rc;
}

int whole_move(const char *from_place, const char *to, const struct whole_progress *progress,
               struct arena *a, struct whole_report *ret, struct dh_err *err)
{
    own(store_close) struct store *from = NULL;
    bool made = !store_exists(to);
    int rc;

    if (!strcmp(from_place, to))
        return dh_fail(err, DH_INVALID, "the record is there already");
    if (store_open(from_place, 0, &from, err) < 0)
        return -1;
    *ret = (struct whole_report){0};
    rc = copy_to(from, to, NULL, progress, a, ret, err);
    if (rc < 0 && made && !store_on_server(to)) /* a file that was not there goes again */
        unlink_all(to);
    return rc;
}

int whole_save(const char *place, const char *file, const struct whole_progress *progress,
               struct arena *a, struct whole_report *ret, struct dh_err *err)
{
    own(store_close) struct store *from = NULL;
    own_tables struct db_tables tables = {0};
    own_mem char *part = dh_printf("%s.part-%d", file, (int)getpid());
    struct work w = {.progress = progress, .what = "saving", .of = -1};
    int rc;

    if (fs_exists(file))
        return dh_fail(err, DH_EXISTS, "%s is there already", file);
    if (store_open(place, 0, &from, err) < 0)
        return -1;
    *ret = (struct whole_report){.schema = store_schema(from), .place = arena_strdup(a, file)};
    tell(&w);
    rc = db_save(from->db, file, err);
    if (rc < 0)
        return -1;
    if (rc == DB_CANNOT) {
        rc = copy_to(from, part, file, progress, a, ret, err);
        ret->place = arena_strdup(a, file);
        unlink_all(part);
        return rc;
    }
    tables_read(&tables);
    return count_all(from->db, &tables, a, ret, &w, err);
}

/* ---- checking ---- */

struct faults {
    struct whole_report *report;
    struct arena *a;
    size_t cap;
};

static void fault(struct faults *f, const char *text)
{
    struct whole_report *r = f->report;

    if (r->n_faults == f->cap) {
        const char **more = arena_alloc(f->a, (f->cap * 2 + 8) * sizeof *more);

        if (r->n_faults)
            memcpy(more, r->faults, r->n_faults * sizeof *more);
        r->faults = more;
        f->cap = f->cap * 2 + 8;
    }
    r->faults[r->n_faults++] = arena_strdup(f->a, text);
}

static int check_references(struct db *db, const struct db_table *t, struct faults *f,
                            struct dh_err *err)
{
    for (size_t i = 0; i < t->n_references; i++) {
        const struct db_reference *r = &t->references[i];
        own_mem char *sql = dh_printf(
            "SELECT count(*) FROM %s c WHERE c.%s IS NOT NULL AND NOT EXISTS (SELECT 1 FROM %s p"
            " WHERE p.%s = c.%s)",
            t->name, r->column, r->table, r->to, r->column);
        int64_t n = 0;

        if (db_query_number(db, err, &n, sql) < 0)
            return -1;
        if (n > 0) {
            own_mem char *text =
                dh_printf("%lld row%s of %s: %s refers to no row of %s", (long long)n,
                          n == 1 ? "" : "s", t->name, r->column, r->table);

            fault(f, text);
        }
    }
    return 0;
}

/* Rows that no reference speaks of. */
static const struct {
    const char *sql, *text;
} sayings[] = {
    {"SELECT count(*) FROM task WHERE state NOT IN ('PENDING', 'RUNNING', 'SUCCEEDED', 'FAILED',"
     " 'SKIPPED', 'CACHED', 'CANCELED')",
     "tasks in a state that there is not"},
    {"SELECT count(*) FROM run WHERE state NOT IN ('PENDING', 'RUNNING', 'SUCCEEDED', 'FAILED',"
     " 'SKIPPED', 'CACHED', 'CANCELED')",
     "runs in a state that there is not"},
    {"SELECT count(*) FROM task t JOIN task p ON p.id = t.parent_task_id WHERE p.run_id <> "
     "t.run_id",
     "tasks within a task of another run"},
    {"SELECT count(*) FROM task WHERE state = 'RUNNING' AND run_id IN (SELECT id FROM run WHERE"
     " state IN ('SUCCEEDED', 'FAILED', 'CANCELED'))",
     "tasks that run in a run that has ended"},
};

static int check_json(struct db *db, const char *table, const char *column, struct faults *f,
                      struct work *w, struct dh_err *err)
{
    int64_t last = 0, bad = 0;

    for (int n = PAGE; n == PAGE;) {
        own_mem char *sql = dh_printf("SELECT id, %s FROM %s WHERE id > ? ORDER BY id LIMIT %d",
                                      column, table, PAGE);
        own(db_end) struct db_rows *rows = NULL;
        int rc;

        if (db_query_built(db, err, &rows, sql, DB_VALS(DB_I(last))) < 0)
            return -1;
        for (n = 0; (rc = db_next(rows, err)) == 1; n++) {
            const char *text = db_text(rows, 1);
            own(js_free) struct js *value = NULL;

            last = db_int(rows, 0);
            bad += text && js_parse(text, strlen(text), &value, NULL) < 0;
            w->done++;
        }
        if (rc < 0)
            return -1;
        tell(w);
    }
    if (bad > 0) {
        own_mem char *text = dh_printf("%lld row%s of %s: %s is no JSON", (long long)bad,
                                       bad == 1 ? "" : "s", table, column);

        fault(f, text);
    }
    return 0;
}

static int check_all(struct db *db, struct faults *f, struct work *w, struct arena *a,
                     struct dh_err *err)
{
    static const char *const texts[][2] = {{"run", "parameters"},
                                           {"run", "outputs"},
                                           {"task", "inputs"},
                                           {"task", "outputs"},
                                           {"artifacts", "metadata"}};
    own_tables struct db_tables tables = {0};
    struct dh_err found;

    tables_read(&tables);
    if (count_all(db, &tables, a, f->report, w, err) < 0)
        return -1;
    w->of = -1;
    tell(w);
    if (db_check(db, &found) < 0)
        fault(f, found.msg);
    for (size_t i = 0; i < tables.n; i++)
        if (check_references(db, &tables.items[i], f, err) < 0)
            return -1;
    for (size_t i = 0; i < sizeof sayings / sizeof *sayings; i++) {
        own_mem char *text = NULL;
        int64_t n = 0;

        if (db_query_number(db, err, &n, sayings[i].sql) < 0)
            return -1;
        text = dh_printf("%lld %s", (long long)n, sayings[i].text);
        if (n > 0)
            fault(f, text);
    }
    w->what = "reading";
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (check_json(db, texts[i][0], texts[i][1], f, w, err) < 0)
            return -1;
    return 0;
}

int whole_check(const char *place, const struct whole_progress *progress, struct arena *a,
                struct whole_report *ret, struct dh_err *err)
{
    own(store_close) struct store *s = NULL;
    struct faults f = {.report = ret, .a = a};
    struct work w = {.progress = progress, .what = "checking"};
    int rc;

    *ret = (struct whole_report){0};
    if (store_open(place, 0, &s, err) < 0 || db_begin_read(s->db, err) < 0)
        return -1;
    ret->place = arena_strdup(a, db_path(s->db));
    ret->schema = store_schema(s);
    rc = check_all(s->db, &f, &w, a, err);
    db_rollback(s->db);
    return rc;
}
