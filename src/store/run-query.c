#include "store/run-query-priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

void run_query_done(struct run_query *q)
{
    buf_done(&q->sql);
    buf_done(&q->order);
    free(q->vals);
    free(q->order_vals);
}

void run_query_add(struct run_query *q, const struct run_query *other)
{
    buf_add(&q->sql, buf_str(&other->sql), other->sql.n);
    for (size_t i = 0; i < other->n; i++)
        run_query_value(q, other->vals[i]);
}

void run_query_value(struct run_query *q, struct db_val value)
{
    DH_GROW(q->vals, q->n, q->cap);
    q->vals[q->n++] = value;
}

/* ---- one condition ---- */

struct test { /* OP VALUE, or in (VALUE, …); op NULL: it is set */
    const char *op;
    bool like, fold;
    struct db_val *vals;
    size_t n, cap;
};

#define METRIC_FROM "FROM run_metric m WHERE m.name = ?"
/* Of one run's: SQLite would go through all runs' metrics of that name, whose index has all columns
 * that are wanted, so the name is hidden from its planner. */
#define METRIC_OF_RUN "FROM run_metric m WHERE coalesce(m.name, m.name) = ?"
#define METRIC_OF_TASK                                                                             \
    " AND m.task_id IN (SELECT t.id FROM task t WHERE t.run_id = m.run_id AND t.name = ?)"
/* In an order, of several tasks' values the one that comes first counts. */
#define METRIC_FIRST(before)                                                                       \
    " AND NOT EXISTS (SELECT 1 FROM run_metric l WHERE l.run_id = m.run_id"                        \
    " AND coalesce(l.name, l.name) = m.name"                                                       \
    " AND (l.number_value " before " m.number_value"                                               \
    " OR (l.number_value = m.number_value AND l.id > m.id)))"

static void add_test(struct buf *sql, const char *column, const struct test *t)
{
    const char *fold = t->fold ? "lower" : "";

    if (!t->op) {
        buf_addf(sql, "%s IS NOT NULL", column);
    } else if (!strcmp(t->op, "in")) {
        buf_addf(sql, "%s IN (", column);
        for (size_t i = 0; i < t->n; i++)
            buf_adds(sql, i ? ", ?" : "?");
        buf_adds(sql, ")");
    } else if (t->like) {
        buf_addf(sql, "%s(%s) LIKE %s(?)", fold, column, fold);
    } else {
        buf_addf(sql, "%s %s ?", column, t->op);
    }
}

static void take_values(struct run_query *q, const struct test *t)
{
    for (size_t i = 0; i < t->n; i++)
        run_query_value(q, t->vals[i]);
}

enum lookup { COUNT, RUNS, OF_RUN };

/* FROM … WHERE …, with its values. COUNT: a bound of how many there are. RUNS: they. OF_RUN:
 * whether run r is one; the index over values is no way to it, so the column is hidden from the
 * planner. */
static void add_lookup(struct run_query *q, const struct key *key, const struct test *t,
                       enum lookup form)
{
    static const char *const heads[] = {"SELECT count(*) FROM (SELECT 1 AS x ",
                                        "r.id IN (SELECT m.run_id ", "EXISTS (SELECT 1 "};
    static const char *const tails[] = {"", ")", " AND m.run_id = r.id)"};
    const char *column = "m.value";
    char hidden[80];

    buf_adds(&q->sql, heads[form]);
    if (key->kind == METRIC) {
        column = "m.number_value";
        buf_adds(&q->sql, form == OF_RUN ? METRIC_OF_RUN : METRIC_FROM);
    } else if (key->kind == PARAM) {
        column = t->n && t->vals[0].kind == DB_REAL ? "m.number_value" : "m.text_value";
        buf_adds(&q->sql, "FROM run_param m WHERE m.name = ?");
    } else {
        buf_adds(&q->sql, "FROM run_tag m WHERE m.name = ?");
    }
    run_query_value(q, DB_T(key->name));
    if (form == OF_RUN) {
        (void)snprintf(hidden, sizeof hidden, "coalesce(%s, %s)", column, column);
        column = hidden;
    }
    if (t->op) {
        buf_adds(&q->sql, " AND ");
        add_test(&q->sql, column, t);
        take_values(q, t);
    }
    if (key->task && form != COUNT) {
        buf_adds(&q->sql, METRIC_OF_TASK);
        run_query_value(q, DB_T(key->task));
    }
    buf_adds(&q->sql, tails[form]);
}

static bool is_rare(struct run_query *q, const struct key *key, const struct test *t)
{
    own_run_query struct run_query probe = {.arena = q->arena};

    if (!q->is_rare)
        return true;
    add_lookup(&probe, key, t, COUNT);
    buf_addf(&probe.sql, " LIMIT %d) few", RUN_QUERY_RARE);
    return q->is_rare(q->user, probe.sql.p, probe.vals, probe.n);
}

static void add_condition(struct lexer *x, const struct key *key, const struct test *t)
{
    struct run_query *q = x->q;

    if (key->column) {
        const char *column = key->column;
        char hidden[100];

        if (x->hide) {
            (void)snprintf(hidden, sizeof hidden, "coalesce(%s, %s)", column, column);
            column = hidden;
        }
        if (!t->op && key->kind == FLAG) {
            buf_addf(&q->sql, "%s = 1", column);
            return;
        }
        add_test(&q->sql, column, t);
        take_values(q, t);
    } else if (is_rare(q, key, t)) {
        x->rare = true;
        add_lookup(q, key, t, RUNS);
    } else {
        add_lookup(q, key, t, OF_RUN);
    }
}

static bool orders(const char *op)
{
    return *op == '>' || (*op == '<' && op[1] != '>');
}

static int read_list(struct lexer *x, const struct key *key, struct test *t)
{
    if (lexer_next(x) < 0)
        return -1;
    if (x->token != OPEN)
        return lexer_wrong(x, "expected '(' and a list");
    do {
        struct db_val value;

        if (lexer_next(x) < 0 || lexer_value(x, key, false, &value) < 0)
            return -1;
        if (t->n && t->vals[0].kind != value.kind)
            return lexer_wrong(x, "numbers and texts in one list");
        DH_GROW(t->vals, t->n, t->cap);
        t->vals[t->n++] = value;
        if (lexer_next(x) < 0)
            return -1;
    } while (x->token == COMMA);
    return x->token == CLOSE ? lexer_next(x) : lexer_wrong(x, "expected ',' or ')'");
}

static bool is_text(const struct key *key)
{
    return key->kind == PARAM || key->kind == TAG || key->kind == NAME;
}

static const char *sql_op(const char *op)
{
    return !strcmp(op, "==") ? "=" : !strcmp(op, "!=") ? "<>" : op;
}

static int read_test(struct lexer *x, const struct key *key, struct test *t)
{
    struct db_val value;

    t->fold = lexer_is(x, "ilike");
    t->like = t->fold || lexer_is(x, "like");
    if (lexer_is(x, "in")) {
        t->op = "in";
        return read_list(x, key, t);
    }
    if (x->token != OP && !t->like)
        return 0; /* the key alone */
    t->op = t->like ? "like" : sql_op(x->text);
    if (t->like && !is_text(key))
        return lexer_wrong(x, "like is for texts: param, tag, name, pipeline, experiment, notes");
    if (!t->like && orders(t->op) && (key->kind == STATE || key->kind == FLAG))
        return lexer_wrong(x, "this key knows = and != alone");
    if (lexer_next(x) < 0 || lexer_value(x, key, t->like, &value) < 0)
        return -1;
    DH_GROW(t->vals, t->n, t->cap);
    t->vals[t->n++] = value;
    return lexer_next(x);
}

static int condition(struct lexer *x)
{
    struct test t = {0};
    struct key key;
    int rc;

    if (lexer_key(x, &key) < 0 || lexer_next(x) < 0)
        return -1;
    rc = read_test(x, &key, &t);
    if (rc == 0)
        add_condition(x, &key, &t);
    free(t.vals);
    return rc;
}

/* ---- and, or, not ---- */

static int any_of(struct lexer *x);

static int one(struct lexer *x)
{
    int rc;

    if (++x->depth > RUN_QUERY_MAX_DEPTH)
        return lexer_wrong(x, "too deep");
    if (lexer_is(x, "not")) {
        x->branches = true;
        buf_adds(&x->q->sql, "NOT coalesce(");
        rc = lexer_next(x) < 0 ? -1 : one(x);
        buf_adds(&x->q->sql,
                 ", 0 = 1)"); /* what a run does not have is false, so its not is true */
    } else if (x->token == OPEN) {
        buf_adds(&x->q->sql, "(");
        rc = lexer_next(x) < 0 ? -1 : any_of(x);
        if (rc == 0 && x->token != CLOSE)
            rc = lexer_wrong(x, "expected ')', 'and' or 'or'");
        buf_adds(&x->q->sql, ")");
        rc = rc < 0 ? -1 : lexer_next(x);
    } else {
        rc = condition(x);
    }
    x->depth--;
    return rc;
}

static int joined(struct lexer *x, const char *keyword, const char *sql,
                  int (*part)(struct lexer *x))
{
    if (part(x) < 0)
        return -1;
    while (lexer_is(x, keyword)) {
        x->branches = x->branches || *keyword == 'o';
        buf_adds(&x->q->sql, sql);
        if (lexer_next(x) < 0 || part(x) < 0)
            return -1;
    }
    return 0;
}

static int all_of(struct lexer *x)
{
    return joined(x, "and", " AND ", one);
}

static int any_of(struct lexer *x)
{
    buf_adds(&x->q->sql, "(");
    if (joined(x, "or", " OR ", all_of) < 0)
        return -1;
    buf_adds(&x->q->sql, ")");
    return 0;
}

static int begin(struct lexer *x, const char *text)
{
    if (strlen(text) > RUN_QUERY_MAX_BYTES)
        return dh_fail(x->err, DH_INVALID, "the condition is longer than %d bytes",
                       RUN_QUERY_MAX_BYTES);
    x->all = x->at = x->start = text;
    return lexer_next(x);
}

static int conditions(struct lexer *x, const char *text)
{
    if (begin(x, text) < 0)
        return -1;
    if (x->token == END)
        return 0;
    buf_adds(&x->q->sql, " AND ");
    if (any_of(x) < 0)
        return -1;
    return x->token == END ? 0 : lexer_wrong(x, "expected 'and', 'or' or the end");
}

/* Where one of the conditions that must all hold names few runs, these are to be looked up, and
 * asked for the rest: it is written anew, so that a planner sees no other way. */
int run_query_where(struct run_query *q, const char *text, struct dh_err *err)
{
    struct lexer x = {.q = q, .err = err};
    size_t sql = q->sql.n, n = q->n;

    if (conditions(&x, text) < 0)
        return -1;
    q->few = x.rare && !x.branches;
    if (!q->few)
        return 0;
    q->sql.n = sql;
    q->sql.p[sql] = '\0';
    q->n = n;
    x = (struct lexer){.q = q, .err = err, .hide = true};
    return conditions(&x, text);
}

/* ---- order ---- */

static int direction(struct lexer *x, const char **ret)
{
    *ret = "ASC";
    if (lexer_is(x, "asc") || lexer_is(x, "desc")) {
        *ret = lexer_is(x, "asc") ? "ASC" : "DESC";
        if (lexer_next(x) < 0)
            return -1;
    }
    return x->token == END || x->token == COMMA
               ? 0
               : lexer_wrong(x, "expected asc or desc, ',' or the end");
}

static void order_value(struct run_query *q, const struct db_val value)
{
    DH_GROW(q->order_vals, q->n_order, q->cap_order);
    q->order_vals[q->n_order++] = value;
}

/* By what a run is joined to: those that have none are not there, and an index gives the order. */
static void by_join(struct run_query *q, const struct key *key, const char *way)
{
    static const char *const joins[] = {
        [METRIC] = "JOIN run_metric m ON m.run_id = r.id AND ",
        [PARAM] = "JOIN run_param m ON m.run_id = r.id AND ",
        [TAG] = "JOIN run_tag m ON m.run_id = r.id AND ",
    };

    buf_adds(&q->sql, joins[key->kind]);
    buf_adds(&q->sql, q->few ? "coalesce(m.name, m.name) = ?" : "m.name = ?");
    run_query_value(q, DB_T(key->name));
    if (key->task) {
        buf_adds(&q->sql, METRIC_OF_TASK);
        run_query_value(q, DB_T(key->task));
    } else if (key->kind == METRIC) {
        buf_adds(&q->sql, *way == 'A' ? METRIC_FIRST("<") : METRIC_FIRST(">"));
    }
    if (key->kind == PARAM)
        buf_addf(&q->order, "m.number_value %s, m.text_value %s", way, way);
    else
        buf_addf(&q->order, "m.%s %s", key->kind == METRIC ? "number_value" : "value", way);
}

/* By what is asked of each run: those that have none come last. */
static void by_value(struct run_query *q, const struct key *key, const char *column,
                     const char *way)
{
    static const char *const tables[] = {
        [METRIC] = "run_metric", [PARAM] = "run_param", [TAG] = "run_tag"};
    const char *best = key->kind != METRIC ? "" : *way == 'A' ? "min" : "max";

    for (int i = 0; i < 2; i++) {
        buf_addf(&q->order,
                 "%s(SELECT %s(m.%s) FROM %s m WHERE m.run_id = r.id"
                 " AND coalesce(m.name, m.name) = ?%s)%s",
                 i ? ", " : "", best, column, tables[key->kind], key->task ? METRIC_OF_TASK : "",
                 i ? "" : " IS NULL");
        order_value(q, DB_T(key->name));
        if (key->task)
            order_value(q, DB_T(key->task));
    }
    buf_addf(&q->order, " %s", way);
}

static void order_by(struct run_query *q, const struct key *key, const char *way, bool first)
{
    buf_adds(&q->order, first ? " ORDER BY " : ", ");
    if (key->column && q->few) {
        buf_addf(&q->order, "coalesce(%s, %s) %s", key->column, key->column, way);
    } else if (key->column) {
        buf_addf(&q->order, "%s %s", key->column, way);
    } else if (first && !q->all) {
        by_join(q, key, way);
    } else if (key->kind == PARAM) {
        by_value(q, key, "number_value", way);
        buf_adds(&q->order, ", ");
        by_value(q, key, "text_value", way);
    } else {
        by_value(q, key, key->kind == METRIC ? "number_value" : "value", way);
    }
}

int run_query_sort(struct run_query *q, const char *text, struct dh_err *err)
{
    struct lexer x = {.q = q, .err = err};
    const char *way, *first = NULL;
    struct key key;

    if (begin(&x, text) < 0)
        return -1;
    for (size_t n = 0;; n++) {
        if (n == RUN_QUERY_MAX_KEYS)
            return lexer_wrong(&x, "too many keys");
        if (lexer_key(&x, &key) < 0 || lexer_next(&x) < 0 || direction(&x, &way) < 0)
            return -1;
        order_by(q, &key, way, n == 0);
        first = first ? first : way;
        if (x.token == END)
            break;
        if (lexer_next(&x) < 0)
            return -1;
    }
    buf_addf(&q->order, ", r.id %s", first);
    return 0;
}

void run_query_end(struct run_query *q, int64_t limit, int64_t offset)
{
    if (q->order.n)
        buf_adds(&q->sql, buf_str(&q->order));
    else
        buf_addf(&q->sql, " ORDER BY %sr.created_us DESC, r.id DESC", q->few ? "+" : "");
    for (size_t i = 0; i < q->n_order; i++)
        run_query_value(q, q->order_vals[i]);
    buf_adds(&q->sql, " LIMIT ? OFFSET ?");
    run_query_value(q, DB_I(limit));
    run_query_value(q, DB_I(offset > 0 ? offset : 0));
}
