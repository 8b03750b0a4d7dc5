/* The wire to PostgreSQL: libpq's pipeline mode. The library is loaded when a URL asks for it
 * (docs/decisions/065). */
#include <libpq-fe.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/library.h"
#include "base/mem.h"
#include "base/own.h"
#include "store/db-server-priv.h"

#define PQ(X)                                                                                      \
    X(PQconnectdbParams)                                                                           \
    X(PQstatus)                                                                                    \
    X(PQerrorMessage)                                                                              \
    X(PQfinish)                                                                                    \
    X(PQexec)                                                                                      \
    X(PQenterPipelineMode)                                                                         \
    X(PQpipelineSync)                                                                              \
    X(PQsendPrepare)                                                                               \
    X(PQsendQueryPrepared)                                                                         \
    X(PQsendQueryParams)                                                                           \
    X(PQgetResult)                                                                                 \
    X(PQresultStatus)                                                                              \
    X(PQresultErrorField)                                                                          \
    X(PQclear)                                                                                     \
    X(PQcmdTuples)                                                                                 \
    X(PQntuples)                                                                                   \
    X(PQnfields)                                                                                   \
    X(PQfname)                                                                                     \
    X(PQftype)                                                                                     \
    X(PQgetisnull)                                                                                 \
    X(PQgetvalue)                                                                                  \
    X(PQsetNoticeProcessor)

static struct {
#define X(name) __typeof__(name) *name;
    PQ(X)
#undef X
} pq;

static int load(struct dh_err *err)
{
    static const struct library_call calls[] = {
#define X(name) LIBRARY_CALL(pq, name),
        PQ(X)
#undef X
    };

    return library_load("libpq.so.5", "libpq5", "a PostgreSQL server", calls,
                        sizeof calls / sizeof *calls, err);
}

enum { INT8 = 20, INT2 = 21, INT4 = 23, FLOAT4 = 700, FLOAT8 = 701, NUMERIC = 1700 }; /* types */

enum awaited { A_PREPARE, A_ANSWER, A_SYNC };

struct wire {
    PGconn *conn;
    char *shown;
    int busy_ms;
    unsigned char *prepared; /* by number */
    size_t n_prepared;
    struct {
        enum awaited what;
        unsigned number; /* of what is prepared */
    } * queue;
    size_t head, n_queue, cap_queue;
    bool unsynced; /* sent since the last sync */
};

/* ---- errors ---- */

static const struct {
    const char *state; /* or its first two letters: the class */
    int rc;
    enum dh_code code;
    const char *text;
} meanings[] = {
    {"23505", -1, DH_EXISTS, "it is in the database already"},
    {"23503", -1, DH_NOT_FOUND, "the database has no such row, or others still refer to it"},
    {"22001", -1, DH_INVALID, "a value is longer than the database can hold"},
    {"54000", -1, DH_INVALID, "a value is longer than the database can index"},
    {"22021", -1, DH_INVALID, "a text is not UTF-8"},
    {"22P05", -1, DH_INVALID, "a text cannot be kept in this database"},
    {"55P03", -1, DH_IO, "the database is locked: another process has been writing for too long"},
    {"40P01", -1, DH_IO, "the database is locked: another program's write stands in the way"},
    {"53100", -1, DH_IO, "no space left on the database's disk"},
    {"53200", -1, DH_IO, "the database is out of memory"},
    {"53300", WIRE_LOST, DH_IO, "the database has too many connections"},
    {"25006", -1, DH_IO, "the database cannot be written: it is read-only"},
    {"42501", -1, DH_IO, "permission denied"},
    {"3F000", -1, DH_INVALID, "there is no such schema"},
    {"3D000", -1, DH_INVALID, "there is no such database"},
    {"57P", WIRE_LOST, DH_IO, "the database is shutting down or starting"},
    {"08", WIRE_LOST, DH_IO, "the connection is lost"},
    {"25P03", WIRE_LOST, DH_IO, "the connection was closed while a transaction was idle"},
    {"28", -1, DH_IO, "the database refused the user or its password"},
    {"58", -1, DH_IO, "the database cannot read or write its files"},
    {"XX001", -1, DH_IO, "the database is damaged: restore it from a copy"},
};

static void one_line(char *text)
{
    size_t n = strlen(text);

    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
        text[--n] = '\0';
    for (char *p = text; *p; p++)
        if (*p == '\n')
            *p = ' ';
}

static int lost(const struct wire *w, struct dh_err *err)
{
    own_mem char *text = dh_strdup(pq.PQerrorMessage(w->conn));

    one_line(text);
    (void)dh_fail(err, DH_IO, "database %s: the connection is lost%s%s", w->shown,
                  *text ? ": " : "", text);
    return WIRE_LOST;
}

static int failed(const struct wire *w, const PGresult *r, struct dh_err *err)
{
    const char *state = pq.PQresultErrorField(r, PG_DIAG_SQLSTATE);
    const char *primary = pq.PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);

    if (!state)
        return lost(w, err);
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (!strncmp(state, meanings[i].state, strlen(meanings[i].state))) {
            (void)dh_fail(err, meanings[i].code, "database %s: %s (%s)", w->shown, meanings[i].text,
                          primary ? primary : state);
            return meanings[i].rc;
        }
    return dh_fail(err, DH_BUG, "database %s: %s (%s)", w->shown, primary ? primary : "", state);
}

/* ---- connecting ---- */

static void close_wire(struct wire *w)
{
    if (w->conn)
        pq.PQfinish(w->conn);
    dh_mem_own(&w->prepared);
    dh_mem_own(&w->queue);
    dh_mem_own(&w->shown);
    dh_mem_own(&w);
}

static void quiet(void *user, const char *message)
{
    (void)user;
    (void)message;
}

static int setup(struct wire *w, bool readonly, struct dh_err *err)
{
    own_mem char *sql = dh_printf("SET client_encoding = 'UTF8'; SET lock_timeout = %d;"
                                  "SET idle_in_transaction_session_timeout = 60000;"
                                  "SET default_transaction_read_only = %s;"
                                  "SET extra_float_digits = 1; SET DateStyle = ISO",
                                  w->busy_ms, readonly ? "on" : "off");
    PGresult *r = pq.PQexec(w->conn, sql);
    int rc = pq.PQresultStatus(r) == PGRES_COMMAND_OK ? 0 : failed(w, r, err);

    pq.PQclear(r);
    if (rc == 0 && !pq.PQenterPipelineMode(w->conn))
        rc = dh_fail(err, DH_BUG, "database %s: no pipeline mode", w->shown);
    return rc;
}

static int connect_wire(const char *url, bool readonly, int busy_ms, struct wire **ret,
                        struct dh_err *err)
{
    /* What the URL says comes after these and wins. */
    static const char *const names[] = {"connect_timeout",
                                        "keepalives_idle",
                                        "keepalives_interval",
                                        "keepalives_count",
                                        "application_name",
                                        "dbname",
                                        NULL};
    const char *values[] = {"10", "20", "5", "4", "dhow", url, NULL};
    struct wire *w;
    int rc;

    if (load(err) < 0)
        return -1;
    w = dh_zalloc(1, sizeof *w);
    w->busy_ms = busy_ms;
    w->shown = db_url_shown(url);
    w->conn = pq.PQconnectdbParams(names, values, 1);
    if (w->conn)
        (void)pq.PQsetNoticeProcessor(w->conn, quiet, NULL);
    if (!w->conn || pq.PQstatus(w->conn) != CONNECTION_OK) {
        own_mem char *text = dh_strdup(w->conn ? pq.PQerrorMessage(w->conn) : "out of memory");

        one_line(text);
        (void)dh_fail(err, DH_IO, "database %s cannot be reached: %s", w->shown, text);
        rc = WIRE_LOST;
    } else {
        rc = setup(w, readonly, err);
    }
    if (rc < 0)
        close_wire(w);
    else
        *ret = w;
    return rc;
}

/* ---- statements ---- */

static void await(struct wire *w, enum awaited what, unsigned number)
{
    if (w->head == w->n_queue)
        w->head = w->n_queue = 0;
    DH_GROW(w->queue, w->n_queue, w->cap_queue);
    w->queue[w->n_queue].what = what;
    w->queue[w->n_queue++].number = number;
    w->unsynced = what != A_SYNC;
}

/* Values go as text, in one piece of memory. */
static const char **texts_of(const struct db_val *vals, size_t n, struct buf *memory)
{
    const char **texts = dh_zalloc(n + 1, sizeof *texts);
    size_t at[256];

    for (size_t i = 0; i < n && i < 256; i++) {
        at[i] = memory->n;
        if (vals[i].kind == DB_INT)
            buf_addf(memory, "%lld", (long long)vals[i].i);
        else if (vals[i].kind == DB_REAL && isinf(vals[i].d))
            buf_adds(memory, vals[i].d > 0 ? "Infinity" : "-Infinity");
        else if (vals[i].kind == DB_REAL && !isnan(vals[i].d))
            buf_addf(memory, "%.17g", vals[i].d);
        else
            at[i] = SIZE_MAX;
        if (at[i] != SIZE_MAX)
            buf_add(memory, "", 1);
    }
    for (size_t i = 0; i < n && i < 256; i++)
        texts[i] = vals[i].kind == DB_TEXT ? vals[i].t
                   : at[i] == SIZE_MAX     ? NULL
                                           : memory->p + at[i];
    return texts;
}

static void send_text(struct wire *w, const struct wire_text *text, const struct db_val *vals,
                      size_t n)
{
    own_buf struct buf memory = {0};
    const char **texts = texts_of(vals, n, &memory);
    Oid *types = dh_zalloc(n + 1, sizeof *types);
    char name[24] = "";

    /* The server tells types from where the values stand; but a number with a fraction may be
     * compared with whole ones, and stand in a SELECT list where nothing tells. */
    for (size_t i = 0; i < n; i++)
        types[i] = vals[i].kind == DB_REAL ? FLOAT8 : vals[i].kind == DB_INT ? INT8 : 0;
    if (text->number > 0) {
        (void)snprintf(name, sizeof name, "d%u", text->number);
        if (text->number >= w->n_prepared) {
            size_t more = text->number + 64;

            w->prepared = dh_realloc(w->prepared, more, 1);
            memset(w->prepared + w->n_prepared, 0, more - w->n_prepared);
            w->n_prepared = more;
        }
        if (!w->prepared[text->number]) {
            if (pq.PQsendPrepare(w->conn, name, text->sql, (int)n, types))
                await(w, A_PREPARE, text->number);
            w->prepared[text->number] = 1;
        }
        if (pq.PQsendQueryPrepared(w->conn, name, (int)n, texts, NULL, NULL, 0))
            await(w, A_ANSWER, 0);
    } else if (pq.PQsendQueryParams(w->conn, text->sql, (int)n, types, texts, NULL, NULL, 0)) {
        await(w, A_ANSWER, 0);
    }
    free(texts);
    free(types);
}

/* A statement's result; the NULL behind it is taken too. NULL: the connection is gone. */
static PGresult *result(struct wire *w)
{
    PGresult *r = pq.PQgetResult(w->conn), *next;

    if (!r || pq.PQresultStatus(r) == PGRES_PIPELINE_SYNC)
        return r;
    while ((next = pq.PQgetResult(w->conn)))
        pq.PQclear(next);
    return r;
}

static int answer(struct wire *w, int64_t *ret_touched, struct wire_rows *rows, struct dh_err *err)
{
    int rc = 0;

    if (w->unsynced) {
        if (!pq.PQpipelineSync(w->conn))
            return lost(w, err);
        await(w, A_SYNC, 0);
    }
    while (w->head < w->n_queue) {
        enum awaited what = w->queue[w->head].what;
        unsigned number = w->queue[w->head++].number;
        PGresult *r = result(w);
        ExecStatusType status = r ? pq.PQresultStatus(r) : PGRES_FATAL_ERROR;

        if (!r)
            return lost(w, err);
        if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE)
            rc = failed(w, r, err);
        else if (status == PGRES_PIPELINE_ABORTED && rc == 0)
            rc = dh_fail(err, DH_IO, "database %s: a statement before failed", w->shown);
        if (what != A_ANSWER) {
            if (what == A_PREPARE && status != PGRES_COMMAND_OK)
                w->prepared[number] = 0;
            pq.PQclear(r);
            continue;
        }
        if (rc == 0 && ret_touched)
            *ret_touched = strtoll(pq.PQcmdTuples(r), NULL, 10);
        if (rc == 0 && rows)
            *rows = (struct wire_rows){
                .result = r, .n = pq.PQntuples(r), .at = -1, .n_columns = pq.PQnfields(r)};
        else
            pq.PQclear(r);
        return rc == WIRE_LOST || pq.PQstatus(w->conn) == CONNECTION_OK ? rc : lost(w, err);
    }
    return lost(w, err);
}

static void settle(struct wire *w)
{
    struct dh_err ignored;

    /* The sync ends the part that failed; all up to it is read. */
    while (w->head < w->n_queue || w->unsynced) {
        if (w->unsynced || w->queue[w->head].what != A_SYNC) {
            if (answer(w, NULL, NULL, &ignored) == WIRE_LOST)
                return;
        } else {
            PGresult *r = result(w);

            if (!r)
                return;
            pq.PQclear(r);
            w->head++;
        }
    }
}

/* ---- rows ---- */

static void rows_done(struct wire_rows *rows)
{
    if (rows->result)
        pq.PQclear(rows->result);
    rows->result = NULL;
}

static bool step(struct wire_rows *rows)
{
    return rows->result && ++rows->at < rows->n;
}

static const char *value(const struct wire_rows *rows, int column)
{
    if (rows->at < 0 || rows->at >= rows->n)
        return NULL;
    if (pq.PQgetisnull(rows->result, (int)rows->at, column))
        return NULL;
    return pq.PQgetvalue(rows->result, (int)rows->at, column);
}

static const char *column_name(const struct wire_rows *rows, int column)
{
    return pq.PQfname(rows->result, column);
}

static enum db_kind kind(const struct wire_rows *rows, int column)
{
    Oid type = pq.PQftype(rows->result, column);

    if (!value(rows, column))
        return DB_NULL;
    if (type == INT8 || type == INT4 || type == INT2 || type == NUMERIC)
        return DB_INT;
    return type == FLOAT8 || type == FLOAT4 ? DB_REAL : DB_TEXT;
}

static const char *collation(const struct wire *w)
{
    (void)w;
    return "\"C\"";
}

const struct wire_ops db_postgres_wire = {
    .lock_sql = "SELECT CASE WHEN pg_advisory_lock(1684565879,"
                " hashtext(coalesce(current_schema(), '')))::text = '' THEN 1 ELSE 0 END",
    .unlock_sql = "SELECT pg_advisory_unlock(1684565879, "
                  " hashtext(coalesce(current_schema(), '')))",
    .tables_sql = "SELECT table_name FROM information_schema.tables"
                  " WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'",
    .begin_sql = "BEGIN ISOLATION LEVEL READ COMMITTED",
    .begin_read_sql = {"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", NULL},
    .transactional_ddl = true,
    .bulk_sql = "SET CONSTRAINTS ALL DEFERRED",
    .connect = connect_wire,
    .close = close_wire,
    .collation = collation,
    .send = send_text,
    .answer = answer,
    .settle = settle,
    .rows_done = rows_done,
    .step = step,
    .value = value,
    .column = column_name,
    .kind = kind,
};
