/* The wire to MySQL and MariaDB: values are written into the text, and many statements go in one
 * packet. The library is loaded when a URL asks for it (docs/decisions/065). */
#include <float.h>
#include <math.h>
#include <mysql.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/library.h"
#include "base/mem.h"
#include "base/own.h"
#include "store/db-server-priv.h"

#define MY(X)                                                                                      \
    X(mysql_init)                                                                                  \
    X(mysql_options)                                                                               \
    X(mysql_real_connect)                                                                          \
    X(mysql_close)                                                                                 \
    X(mysql_real_query)                                                                            \
    X(mysql_store_result)                                                                          \
    X(mysql_next_result)                                                                           \
    X(mysql_field_count)                                                                           \
    X(mysql_errno)                                                                                 \
    X(mysql_error)                                                                                 \
    X(mysql_affected_rows)                                                                         \
    X(mysql_fetch_row)                                                                             \
    X(mysql_num_rows)                                                                              \
    X(mysql_num_fields)                                                                            \
    X(mysql_fetch_field_direct)                                                                    \
    X(mysql_free_result)                                                                           \
    X(mysql_get_server_info)                                                                       \
    X(mysql_get_socket)                                                                            \
    X(mysql_get_ssl_cipher)

static struct {
#define X(name) __typeof__(name) *name;
    MY(X)
#undef X
} my;

static int load(struct dh_err *err)
{
    static const struct library_call calls[] = {
#define X(name) LIBRARY_CALL(my, name),
        MY(X)
#undef X
    };

    return library_load("libmariadb.so.3", "libmariadb3", "a MySQL or MariaDB server", calls,
                        sizeof calls / sizeof *calls, err);
}

struct wire {
    MYSQL *conn;
    char *shown;
    size_t max_packet;
    struct buf batch;         /* statements to be sent, with ';' between */
    size_t n_batch, n_flight; /* statements in it; sent, and not answered yet */
    bool started;             /* the first answer of the flight has been taken */
    bool failed;              /* until settle */
    bool must_encrypt;        /* ssl-mode says so */
    bool too_long;            /* a statement that cannot be sent is in the batch */
};

/* ---- errors ---- */

static const struct {
    unsigned number;
    int rc;
    enum dh_code code;
    const char *text;
} meanings[] = {
    {1062, -1, DH_EXISTS, "it is in the database already"},
    {1050, -1, DH_EXISTS, "it is in the database already"}, /* a table, a column, an index */
    {1060, -1, DH_EXISTS, "it is in the database already"},
    {1061, -1, DH_EXISTS, "it is in the database already"},
    {1451, -1, DH_NOT_FOUND, "others still refer to it"},
    {1452, -1, DH_NOT_FOUND, "the database has no such row"},
    {1406, -1, DH_INVALID, "a value is longer than the database can hold"},
    {1366, -1, DH_INVALID, "a value cannot be kept in this database"},
    {1264, -1, DH_INVALID, "a number is larger than the database can hold"},
    {1300, -1, DH_INVALID, "a text is not UTF-8"},
    {1205, -1, DH_IO, "the database is locked: another process has been writing for too long"},
    {1213, -1, DH_IO, "the database is locked: another program's write stands in the way"},
    {1021, -1, DH_IO, "no space left on the database's disk"},
    {1114, -1, DH_IO, "no space left on the database's disk"},
    {3, -1, DH_IO, "no space left on the database's disk"},
    {1026, -1, DH_IO, "the database cannot write its files"},
    {1290, -1, DH_IO, "the database cannot be written: it is read-only"},
    {1792, -1, DH_IO, "the database cannot be written: it is read-only"},
    {1044, -1, DH_IO, "the database refused the user or its password"},
    {1045, -1, DH_IO, "the database refused the user or its password"},
    {1698, -1, DH_IO, "the database refused the user or its password"},
    {1142, -1, DH_IO, "permission denied"},
    {1049, -1, DH_INVALID, "there is no such database"},
    {1040, WIRE_LOST, DH_IO, "the database has too many connections"},
    {1053, WIRE_LOST, DH_IO, "the database is shutting down"},
    {1077, WIRE_LOST, DH_IO, "the database is shutting down"},
    {1927, WIRE_LOST, DH_IO, "the connection was killed"},
    {1158, WIRE_LOST, DH_IO, "the connection is lost"},
    {1159, WIRE_LOST, DH_IO, "the connection is lost"},
    {1160, WIRE_LOST, DH_IO, "the connection is lost"},
    {1161, WIRE_LOST, DH_IO, "the connection is lost"},
    {4031, WIRE_LOST, DH_IO, "the connection was closed while it was idle"},
};

static int failed(const struct wire *w, struct dh_err *err)
{
    unsigned number = my.mysql_errno(w->conn);
    const char *text = my.mysql_error(w->conn);

    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (number == meanings[i].number) {
            (void)dh_fail(err, meanings[i].code, "database %s: %s (%s)", w->shown, meanings[i].text,
                          text);
            return meanings[i].rc;
        }
    if (number >= 2000 && number < 3000) { /* the client's own */
        (void)dh_fail(err, DH_IO, "database %s: the connection is lost: %s", w->shown, text);
        return WIRE_LOST;
    }
    return dh_fail(err, DH_BUG, "database %s: %s (%u)", w->shown, text, number);
}

/* ---- connecting ---- */

static void close_wire(struct wire *w)
{
    if (w->conn)
        my.mysql_close(w->conn);
    buf_done(&w->batch);
    dh_mem_own(&w->shown);
    dh_mem_own(&w);
}

static int ssl_mode(struct wire *w, const char *mode, struct dh_err *err)
{
    static const char *const modes[] = {"DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA",
                                        "VERIFY_IDENTITY"};
    my_bool on = 1;

    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (strcasecmp(mode, modes[i]) != 0)
            continue;
        w->must_encrypt = i >= 2;
        if (i >= 2)
            (void)my.mysql_options(w->conn, MYSQL_OPT_SSL_ENFORCE, &on);
        if (i >= 3)
            (void)my.mysql_options(w->conn, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &on);
        return 0;
    }
    return dh_fail(err, DH_INVALID,
                   "the database's URL: ssl-mode=%s: expected disabled, preferred, required, "
                   "verify_ca or verify_identity",
                   mode);
}

static int options(struct wire *w, const struct db_url *url, const char **ret_socket,
                   struct dh_err *err)
{
    static const struct {
        const char *name;
        enum mysql_option option;
    } texts[] = {
        {"ssl-ca", MYSQL_OPT_SSL_CA},         {"ssl-capath", MYSQL_OPT_SSL_CAPATH},
        {"ssl-cert", MYSQL_OPT_SSL_CERT},     {"ssl-key", MYSQL_OPT_SSL_KEY},
        {"ssl-cipher", MYSQL_OPT_SSL_CIPHER}, {"tls-version", MARIADB_OPT_TLS_VERSION},
    };
    unsigned timeout = 10;

    (void)my.mysql_options(w->conn, MYSQL_OPT_CONNECT_TIMEOUT, &timeout);
    (void)my.mysql_options(w->conn, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    (void)my.mysql_options(w->conn, MYSQL_READ_DEFAULT_GROUP, "dhow");
    for (size_t i = 0; i < url->n_params; i++) {
        const char *name = url->params[i].name, *value = url->params[i].value;
        size_t k = 0;

        while (k < sizeof texts / sizeof *texts && strcmp(name, texts[k].name) != 0)
            k++;
        if (k < sizeof texts / sizeof *texts)
            (void)my.mysql_options(w->conn, texts[k].option, value);
        else if (!strcmp(name, "socket"))
            *ret_socket = value;
        else if (strcmp(name, "ssl-mode") != 0)
            return dh_fail(err, DH_INVALID,
                           "the database's URL: unknown parameter '%s': expected socket, ssl-mode, "
                           "ssl-ca, ssl-capath, ssl-cert, ssl-key, ssl-cipher or tls-version",
                           name);
        else if (ssl_mode(w, value, err) < 0)
            return -1;
    }
    return 0;
}

/* A server that has gone without a word is noticed within a minute. */
static void keep_alive(struct wire *w)
{
    int fd = (int)my.mysql_get_socket(w->conn), on = 1, idle = 20, step = 5, times = 4,
        unacknowledged_ms = 60000;

    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &step, sizeof step);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &times, sizeof times);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_ms,
                     sizeof unacknowledged_ms);
}

static int plain(struct wire *w, const char *sql, struct dh_err *err)
{
    return my.mysql_real_query(w->conn, sql, strlen(sql)) == 0 ? 0 : failed(w, err);
}

static const char *collation(const struct wire *w)
{
    /* By byte, and a space at the end counts. */
    return strstr(my.mysql_get_server_info(w->conn), "MariaDB") ? "utf8mb4_nopad_bin"
                                                                : "utf8mb4_0900_bin";
}

static int setup(struct wire *w, bool readonly, int busy_ms, struct dh_err *err)
{
    int seconds = busy_ms < 1000 ? 1 : busy_ms / 1000;
    own_mem char *waits = dh_printf("SET SESSION innodb_lock_wait_timeout = %d, SESSION "
                                    "lock_wait_timeout = %d",
                                    seconds, seconds);
    MYSQL_RES *res;
    MYSQL_ROW row;
    int rc = plain(w,
                   "SET SESSION sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,"
                   "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
                   err);

    if (rc == 0)
        rc = plain(w, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", err);
    if (rc == 0)
        rc = plain(w, "SET SESSION autocommit = 1", err);
    if (rc == 0)
        rc = plain(w, waits, err);
    if (rc == 0 && readonly)
        rc = plain(w, "SET SESSION TRANSACTION READ ONLY", err);
    if (rc == 0)
        rc = plain(w, "SELECT @@max_allowed_packet", err);
    if (rc < 0)
        return rc;
    res = my.mysql_store_result(w->conn);
    row = res ? my.mysql_fetch_row(res) : NULL;
    w->max_packet = row && row[0] ? (size_t)strtoull(row[0], NULL, 10) : (size_t)1 << 20;
    if (res)
        my.mysql_free_result(res);
    return 0;
}

static int open_wire(struct wire *w, const char *text, bool readonly, int busy_ms,
                     struct dh_err *err)
{
    struct db_url url;
    const char *socket = NULL;
    int rc;

    if (db_url_parse(text, &url, err) < 0)
        return -1;
    if (!url.database)
        rc = dh_fail(err, DH_INVALID,
                     "the database's URL names no database: mysql://USER@HOST/DATABASE");
    else
        rc = options(w, &url, &socket, err);
    if (rc == 0 &&
        !my.mysql_real_connect(w->conn, url.host, url.user, url.password, url.database, url.port,
                               socket, CLIENT_MULTI_STATEMENTS | CLIENT_FOUND_ROWS)) {
        rc = failed(w, err);
        if (rc == WIRE_LOST)
            (void)dh_fail(err, DH_IO, "database %s cannot be reached: %s", w->shown,
                          my.mysql_error(w->conn));
    }
    db_url_done(&url);
    /* The library goes on in the clear where the server has no TLS. */
    if (rc == 0 && w->must_encrypt && !my.mysql_get_ssl_cipher(w->conn))
        rc =
            dh_fail(err, DH_IO, "database %s does not encrypt, and ssl-mode asks for it", w->shown);
    if (rc < 0)
        return rc;
    keep_alive(w);
    return setup(w, readonly, busy_ms, err);
}

static int connect_wire(const char *url, bool readonly, int busy_ms, struct wire **ret,
                        struct dh_err *err)
{
    struct wire *w;
    int rc;

    if (load(err) < 0)
        return -1;
    w = dh_zalloc(1, sizeof *w);
    w->shown = db_url_shown(url);
    w->conn = my.mysql_init(NULL);
    rc = w->conn ? open_wire(w, url, readonly, busy_ms, err)
                 : dh_fail(err, DH_IO, "database %s: out of memory", w->shown);
    if (rc < 0)
        close_wire(w);
    else
        *ret = w;
    return rc;
}

/* ---- statements ---- */

/* The session's mode knows no backslash: a quote within a text is written twice, and that is all.
 */
static void literal(struct buf *to, const struct db_val *val)
{
    const char *p = val->t, *quote;

    if (val->kind == DB_INT) {
        buf_addf(to, "%lld", (long long)val->i);
    } else if (val->kind == DB_REAL && !isnan(val->d)) {
        /* An infinity cannot be kept: the largest number stands for it. */
        buf_addf(to, "%.17e", isinf(val->d) ? (val->d > 0 ? DBL_MAX : -DBL_MAX) : val->d);
    } else if (val->kind == DB_TEXT) {
        buf_addc(to, '\'');
        for (; (quote = strchr(p, '\'')); p = quote + 1) {
            buf_add(to, p, (size_t)(quote - p) + 1);
            buf_addc(to, '\'');
        }
        buf_adds(to, p);
        buf_addc(to, '\'');
    } else {
        buf_adds(to, "NULL");
    }
}

static void send_text(struct wire *w, const struct wire_text *text, const struct db_val *vals,
                      size_t n)
{
    size_t at = 0, start = w->batch.n;
    char quote = 0;

    if (w->n_batch)
        buf_addc(&w->batch, ';');
    for (const char *p = text->sql; *p; p++) {
        if (quote ? *p == quote : strchr("'\"`", *p) != NULL)
            quote = quote ? 0 : *p;
        if (*p == '?' && !quote && at < n)
            literal(&w->batch, &vals[at++]);
        else
            buf_addc(&w->batch, *p);
    }
    w->n_batch++;
    w->too_long = w->too_long || w->batch.n - start + 1024 > w->max_packet;
}

static int take_off(struct wire *w, struct dh_err *err)
{
    int rc;

    if (w->n_batch == 0) {
        (void)dh_fail(err, DH_IO, "database %s: the connection is lost", w->shown);
        return WIRE_LOST;
    }
    if (w->too_long)
        return dh_fail(err, DH_INVALID,
                       "database %s: a value is longer than the server takes (max_allowed_packet "
                       "is %zu)",
                       w->shown, w->max_packet);
    rc = my.mysql_real_query(w->conn, w->batch.p, w->batch.n) == 0 ? 0 : failed(w, err);
    w->n_flight = w->n_batch;
    w->n_batch = 0;
    buf_reset(&w->batch);
    return rc;
}

static int answer(struct wire *w, int64_t *ret_touched, struct wire_rows *rows, struct dh_err *err)
{
    MYSQL_RES *res = NULL;
    int rc = 0;

    if (w->failed)
        return dh_fail(err, DH_IO, "database %s: a statement before failed", w->shown);
    if (w->n_flight == 0)
        rc = take_off(w, err);
    else if (my.mysql_next_result(w->conn) != 0)
        rc = failed(w, err);
    if (rc == 0) {
        res = my.mysql_store_result(w->conn);
        if (!res && my.mysql_field_count(w->conn) > 0)
            rc = failed(w, err);
    }
    if (rc < 0) {
        w->failed = true;
        w->n_flight = 0; /* the server leaves the others out */
        return rc;
    }
    w->n_flight--;
    if (ret_touched)
        *ret_touched = res ? 0 : (int64_t)my.mysql_affected_rows(w->conn);
    if (rows)
        *rows = (struct wire_rows){.result = res,
                                   .at = -1,
                                   .n = res ? (int64_t)my.mysql_num_rows(res) : 0,
                                   .n_columns = res ? (int)my.mysql_num_fields(res) : 0};
    else if (res)
        my.mysql_free_result(res);
    return 0;
}

static void settle(struct wire *w)
{
    struct dh_err ignored;

    while (!w->failed && w->n_flight > 0)
        if (answer(w, NULL, NULL, &ignored) < 0)
            break;
    w->failed = w->too_long = false;
    w->n_batch = 0;
    buf_reset(&w->batch);
}

/* ---- rows ---- */

static void rows_done(struct wire_rows *rows)
{
    if (rows->result)
        my.mysql_free_result(rows->result);
    rows->result = NULL;
}

static bool step(struct wire_rows *rows)
{
    return rows->result && my.mysql_fetch_row(rows->result);
}

static const char *value(const struct wire_rows *rows, int column)
{
    MYSQL_RES *res = rows->result;

    return res && res->current_row ? res->current_row[column] : NULL;
}

static const char *column_name(const struct wire_rows *rows, int column)
{
    return my.mysql_fetch_field_direct(rows->result, (unsigned)column)->name;
}

static enum db_kind kind(const struct wire_rows *rows, int column)
{
    if (!value(rows, column))
        return DB_NULL;
    switch (my.mysql_fetch_field_direct(rows->result, (unsigned)column)->type) {
    case MYSQL_TYPE_LONGLONG:
    case MYSQL_TYPE_LONG:
    case MYSQL_TYPE_SHORT:
    case MYSQL_TYPE_TINY:
    case MYSQL_TYPE_NEWDECIMAL:
        return DB_INT;
    case MYSQL_TYPE_DOUBLE:
    case MYSQL_TYPE_FLOAT:
        return DB_REAL;
    default:
        return DB_TEXT;
    }
}

const struct wire_ops db_mysql_wire = {
    .lock_sql = "SELECT GET_LOCK(concat('dhow.', left(sha1(database()), 32)), 30)",
    .unlock_sql = "SELECT RELEASE_LOCK(concat('dhow.', left(sha1(database()), 32)))",
    .tables_sql = "SELECT table_name FROM information_schema.tables"
                  " WHERE table_schema = database() AND table_type = 'BASE TABLE'",
    .long_texts_sql = "SELECT table_name, column_name FROM information_schema.columns"
                      " WHERE table_schema = database() AND data_type = 'longtext'",
    .bulk_sql = "SET SESSION foreign_key_checks = 0",
    .bulk_end_sql = "SET SESSION foreign_key_checks = 1",
    .begin_sql = "START TRANSACTION",
    .begin_read_sql = {"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
                       "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"},
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
