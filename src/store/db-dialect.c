/* One SQL text for three databases. */
#include "store/db-dialect.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/own.h"
#include "store/db-token.h"

struct translation {
    const struct db_dialect *d;
    struct tokens t;
    struct buf to;
    bool with_id;
    bool types; /* words of types are translated: a CREATE or ALTER TABLE, or in a CAST */
    unsigned n_params;
};

static bool is(const struct translation *x, size_t i, const char *text)
{
    return token_is(&x->t, i, text);
}

static bool is_mysql(const struct translation *x)
{
    return x->d->server == DB_MYSQL;
}

static void out(struct translation *x, const char *text, bool space)
{
    if (space && x->to.n)
        buf_addc(&x->to, ' ');
    buf_adds(&x->to, text);
}

/* Names of ours are quoted, as a server reserves words that others do not. A capital in a name
 * counts in MySQL; PostgreSQL knows such a name, unquoted, in small letters. */
static bool is_name(const struct translation *x, const struct token *t)
{
    bool lower = false, upper = false;

    if (t->kind != TOKEN_WORD)
        return false;
    for (size_t i = 0; i < t->n; i++) {
        lower = lower || islower((unsigned char)t->p[i]);
        upper = upper || isupper((unsigned char)t->p[i]);
    }
    return lower && (is_mysql(x) || !upper);
}

static bool is_function(const struct translation *x, size_t i)
{
    static const char *const tables[] = {"INTO",  "TABLE",  "EXISTS", "REFERENCES",
                                         "INDEX", "UPDATE", "VIEW",   "ON"};

    if (!is(x, i + 1, "(") || x->t.items[i + 1].space)
        return false;
    for (size_t k = 0; i > 0 && k < sizeof tables / sizeof *tables; k++)
        if (is(x, i - 1, tables[k]))
            return false;
    return true;
}

static void name_out(struct translation *x, const struct token *t)
{
    char quote = is_mysql(x) ? '`' : '"';

    buf_addc(&x->to, quote);
    buf_add(&x->to, t->p, t->n);
    buf_addc(&x->to, quote);
}

static const char *type_of(const struct translation *x, size_t i, bool cast)
{
    if (cast && is(x, i, "CHAR") && !is_mysql(x))
        return "TEXT";
    if (is(x, i, "INTEGER"))
        return cast && is_mysql(x) ? "SIGNED" : "BIGINT";
    if (is(x, i, "REAL"))
        return is_mysql(x) ? "DOUBLE" : "DOUBLE PRECISION";
    if (is(x, i, "TEXT") && is_mysql(x))
        return cast ? "CHAR" : "LONGTEXT";
    return NULL;
}

/* What a server has under another name. */
static const char *word_of(const struct translation *x, size_t i)
{
    if (i > 0 && is(x, i - 1, "AS") && is(x, i + 1, ")"))
        return type_of(x, i, true);
    if (!is_mysql(x) && is(x, i, "instr") && is(x, i + 1, "("))
        return "strpos";
    /* Whole numbers divide to whole ones. */
    if (is_mysql(x) && is(x, i, "/") && i + 1 < x->t.n &&
        isdigit((unsigned char)*x->t.items[i + 1].p))
        return "DIV";
    return NULL;
}

static void token_out(struct translation *x, size_t i)
{
    const struct token *t = &x->t.items[i];
    const char *type = word_of(x, i);

    if (t->space && x->to.n)
        buf_addc(&x->to, ' ');
    if (type)
        buf_adds(&x->to, type);
    else if (t->kind == TOKEN_PARAM && !is_mysql(x))
        buf_addf(&x->to, "$%u", ++x->n_params);
    else if (is_name(x, t) && !is_function(x, i))
        name_out(x, t);
    else
        buf_add(&x->to, t->p, t->n);
}

static void tokens_out(struct translation *x, size_t from, size_t to)
{
    for (; from < to; from++)
        token_out(x, from);
}

/* ---- statements about rows ---- */

/* ON CONFLICT(a, b) DO NOTHING | DO UPDATE SET c = excluded.c, … of MySQL. */
static void upsert_out(struct translation *x, size_t i)
{
    size_t column = i + 3, end = tokens_close(&x->t, i + 2);

    out(x, "ON DUPLICATE KEY UPDATE", true);
    if (is(x, end + 2, "NOTHING")) {
        for (int k = 0; k < 2; k++) {
            out(x, k ? " = " : " ", false);
            name_out(x, &x->t.items[column]);
        }
        return;
    }
    for (i = end + 4; i < x->t.n; i++) { /* after DO UPDATE SET */
        if (is(x, i, "excluded") && is(x, i + 1, ".")) {
            i += 2;
            out(x, "VALUES(", true);
            name_out(x, &x->t.items[i]);
            buf_addc(&x->to, ')');
        } else {
            token_out(x, i);
        }
    }
}

/* rtrim(text, 'x') of MySQL. Returns its last token. */
static size_t rtrim_out(struct translation *x, size_t i)
{
    size_t close = tokens_close(&x->t, i + 1), comma = close;

    while (comma > i && !is(x, comma, ","))
        comma--;
    out(x, "TRIM(TRAILING", true);
    tokens_out(x, comma + 1, close);
    out(x, "FROM ", true);
    tokens_out(x, i + 2, comma);
    out(x, ")", false);
    return close;
}

static void plain_out(struct translation *x)
{
    bool insert = x->with_id && is(x, 0, "INSERT");

    for (size_t i = 0; i < x->t.n; i++) {
        if (is_mysql(x) && is(x, i, "ON") && is(x, i + 1, "CONFLICT")) {
            upsert_out(x, i);
            return;
        }
        if (is_mysql(x) && is(x, i, "rtrim") && is(x, i + 1, "(")) {
            i = rtrim_out(x, i);
            continue;
        }
        token_out(x, i);
        if (insert && i == 3 && is(x, i, "(")) {
            out(x, is_mysql(x) ? "`id`, " : "\"id\", ", false);
        } else if (insert && is(x, i, "SELECT")) {
            out(x, is_mysql(x) ? "? + row_number() OVER ()," : "$1 + row_number() OVER (),", true);
            x->n_params = 1;
            insert = false;
        } else if (insert && is(x, i, "(") && is(x, i - 1, "VALUES")) {
            buf_adds(&x->to, is_mysql(x) ? "?, " : "$1, ");
            x->n_params = 1;
            insert = false;
        }
    }
}

/* ---- tables ---- */

static size_t item_end(const struct translation *x, size_t i, size_t end)
{
    for (; i < end && !is(x, i, ","); i++)
        if (is(x, i, "("))
            i = tokens_close(&x->t, i);
    return i;
}

static size_t find(const struct translation *x, size_t from, size_t to, const char *word)
{
    while (from < to && !is(x, from, word))
        from++;
    return from;
}

static bool is_constraint(const struct translation *x, size_t i)
{
    return is(x, i, "PRIMARY") || is(x, i, "UNIQUE") || is(x, i, "FOREIGN") || is(x, i, "CHECK") ||
           is(x, i, "CONSTRAINT");
}

/* How many columns the largest key has that holds the column of the item at `at`; 0: in no key. */
static size_t in_key(const struct translation *x, size_t at, size_t end, size_t open, size_t close)
{
    const struct token *name = &x->t.items[at];
    size_t most = 0;

    if (find(x, at, end, "UNIQUE") < end || find(x, at, end, "PRIMARY") < end ||
        find(x, at, end, "REFERENCES") < end)
        most = 1;
    for (size_t i = open + 1, next; i < close; i = next + 1) {
        next = item_end(x, i, close);
        size_t from = find(x, i, next, "("), to = tokens_close(&x->t, from), n = 1;
        bool has = false;

        if (!is_constraint(x, i) || is(x, i, "CHECK") || from == next)
            continue;
        for (size_t k = from + 1; k < to; k++) {
            n += is(x, k, ",");
            has = has || (x->t.items[k].n == name->n && !memcmp(x->t.items[k].p, name->p, name->n));
        }
        if (has && n > most)
            most = n;
    }
    return most;
}

static size_t type_out(struct translation *x, size_t i, size_t key)
{
    const char *type = type_of(x, i, false);
    bool text = is(x, i, "TEXT") || is(x, i, "VARCHAR");
    size_t end = i + 1;

    if (is(x, i, "TEXT") && key && is_mysql(x))
        type = key > 1 ? "VARCHAR(255)" : "VARCHAR(700)";
    if (type)
        out(x, type, true);
    else
        token_out(x, i);
    if (is(x, end, "(")) {
        end = tokens_close(&x->t, end) + 1;
        tokens_out(x, i + 1, end);
    }
    if (text && !is_mysql(x))
        out(x, "COLLATE \"C\"", true);
    return end;
}

/* One column; a reference of it is told at the end of the table in MySQL, which reads over it here.
 */
static void column_out(struct translation *x, size_t at, size_t end, size_t key)
{
    size_t reference = find(x, at, end, "REFERENCES"), i;

    token_out(x, at);
    if (is(x, at + 1, "INTEGER") && is(x, at + 2, "PRIMARY")) {
        out(x,
            is_mysql(x) ? "BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY"
                        : "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
            true);
        return;
    }
    i = type_out(x, at + 1, key);
    tokens_out(x, i, is_mysql(x) ? reference : end);
    if (!is_mysql(x) && reference < end) /* a copy of a whole record may come in any order */
        out(x, "DEFERRABLE", true);
}

static void create_table_out(struct translation *x)
{
    size_t open = find(x, 0, x->t.n, "("), close = tokens_close(&x->t, open), next;

    tokens_out(x, 0, open + 1);
    for (size_t i = open + 1; i < close; i = next + 1) {
        next = item_end(x, i, close);
        if (i > open + 1)
            out(x, ",", false);
        if (is_constraint(x, i))
            tokens_out(x, i, next);
        else
            column_out(x, i, next, in_key(x, i, next, open, close));
    }
    for (size_t i = open + 1; is_mysql(x) && i < close; i = next + 1) {
        next = item_end(x, i, close);
        size_t reference = find(x, i, next, "REFERENCES");

        if (is_constraint(x, i) || reference == next)
            continue;
        out(x, ", FOREIGN KEY (", false);
        name_out(x, &x->t.items[i]);
        out(x, ")", false);
        tokens_out(x, reference, next);
    }
    out(x, ")", false);
    if (is_mysql(x))
        buf_addf(&x->to, " ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE %s", x->d->collation);
}

/* ALTER TABLE t ADD COLUMN c TYPE … ; other kinds go as they are. */
static void alter_table_out(struct translation *x)
{
    size_t reference = find(x, 0, x->t.n, "REFERENCES");

    if (!is(x, 3, "ADD") || !is(x, 4, "COLUMN")) {
        tokens_out(x, 0, x->t.n);
        return;
    }
    tokens_out(x, 0, 5);
    column_out(x, 5, x->t.n, reference < x->t.n ? 1 : 0);
    if (!is_mysql(x) || reference == x->t.n)
        return;
    out(x, ", ADD FOREIGN KEY (", false);
    name_out(x, &x->t.items[5]);
    out(x, ")", false);
    tokens_out(x, reference, x->t.n);
}

/* MySQL: no WHERE, and a long text by its first characters. */
static void create_index_out(struct translation *x)
{
    size_t open = find(x, 0, x->t.n, "("), close = tokens_close(&x->t, open);
    own_mem char *table = open > 0 && open < x->t.n ? token_name(&x->t, open - 1) : NULL;

    if (!is_mysql(x) || !table) {
        tokens_out(x, 0, x->t.n);
        return;
    }
    tokens_out(x, 0, open + 1);
    for (size_t i = open + 1; i < close; i++) {
        own_mem char *column = token_name(&x->t, i);

        token_out(x, i);
        if (is_name(x, &x->t.items[i]) && x->d->long_text &&
            x->d->long_text(x->d->user, table, column))
            buf_adds(&x->to, "(191)");
    }
    out(x, ")", false);
}

static char *translated(struct translation *x)
{
    if (is(x, 0, "CREATE") && is(x, 1, "TABLE"))
        create_table_out(x);
    else if (is(x, 0, "CREATE") && (is(x, 1, "INDEX") || is(x, 2, "INDEX")))
        create_index_out(x);
    else if (is(x, 0, "ALTER") && is(x, 1, "TABLE"))
        alter_table_out(x);
    else
        plain_out(x);
    buf_str(&x->to);
    return buf_take(&x->to);
}

char *db_translate(const struct db_dialect *dialect, const char *sql, bool with_id)
{
    struct translation x = {.d = dialect, .with_id = with_id};
    const char *only;
    size_t n;
    char *text;

    (void)tokens_read(sql, &x.t, &only, &n);
    text = translated(&x);
    tokens_done(&x.t);
    return text;
}

char *db_insert_table(const char *sql, bool *ret_select)
{
    struct tokens t = {0};
    const char *only;
    char *name = NULL;
    size_t n, close;

    (void)tokens_read(sql, &t, &only, &n);
    if (token_is(&t, 0, "INSERT") && token_is(&t, 1, "INTO") && token_is(&t, 3, "(") &&
        !token_is(&t, 4, "id")) {
        close = tokens_close(&t, 3);
        *ret_select = token_is(&t, close + 1, "SELECT");
        if (token_is(&t, close + 1, "VALUES") || *ret_select)
            name = token_name(&t, 2);
    }
    tokens_done(&t);
    return name;
}

/* ---- scripts ---- */

static bool is_for(enum db_server server, const char *only, size_t n)
{
    const char *name = server == DB_MYSQL ? "mysql" : "postgres";

    return memmem(only, n, name, strlen(name)) != NULL;
}

/* A comment that names no database is a comment. */
static bool names_databases(const char *only, size_t n)
{
    return memmem(only, n, "sqlite", 6) || memmem(only, n, "postgres", 8) ||
           memmem(only, n, "mysql", 5);
}

static char *native(const struct tokens *t)
{
    const struct token *last = &t->items[t->n - 1];

    return dh_strndup(t->items[0].p, (size_t)(last->p + last->n - t->items[0].p));
}

int db_translate_script(const struct db_dialect *dialect, const char *script,
                        int (*fn)(void *user, const struct db_statement *statement,
                                  struct dh_err *err),
                        void *user, struct dh_err *err)
{
    struct translation x = {.d = dialect};
    const char *at = script, *only;
    size_t n;
    int rc = 0;

    while (rc == 0 && (at = tokens_read(at, &x.t, &only, &n))) {
        bool is_native = only && names_databases(only, n);
        own_mem char *makes = NULL;
        own_mem char *renames = NULL;
        own_mem char *to = NULL;
        own_mem char *sql = NULL;

        if (is_native && !is_for(dialect->server, only, n))
            continue;
        if (token_is(&x.t, 0, "CREATE") && token_is(&x.t, 1, "TABLE") && token_is(&x.t, 4, "id") &&
            token_is(&x.t, 5, "INTEGER") && token_is(&x.t, 6, "PRIMARY"))
            makes = token_name(&x.t, 2);
        if (token_is(&x.t, 0, "ALTER") && token_is(&x.t, 3, "RENAME") && token_is(&x.t, 4, "TO")) {
            renames = token_name(&x.t, 2);
            to = token_name(&x.t, 5);
        }
        sql = is_native ? native(&x.t) : translated(&x);
        rc = fn(user,
                &(struct db_statement){.sql = sql, .makes = makes, .renames = renames, .to = to},
                err);
    }
    tokens_done(&x.t);
    return rc;
}

char *db_sqlite_script_of(const char *script)
{
    own_buf struct buf to = {0};
    struct tokens t = {0};
    const char *at = script, *only;
    size_t n;

    if (!strstr(script, "/* postgres") && !strstr(script, "/* mysql"))
        return NULL;
    while ((at = tokens_read(at, &t, &only, &n))) {
        if (only && names_databases(only, n) && !memmem(only, n, "sqlite", 6))
            continue;
        own_mem char *sql = native(&t);

        buf_addf(&to, "%s;", sql);
    }
    tokens_done(&t);
    buf_str(&to);
    return buf_take(&to);
}
