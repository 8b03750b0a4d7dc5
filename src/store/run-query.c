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
#define METRIC_OF_TASK                                                                             \
    " AND m.task_id IN (SELECT t.id FROM task t WHERE t.run_id = m.run_id AND t.name = ?)"
/* In an order, of several tasks' values the one that comes first counts. */
#define METRIC_FIRST(before)                                                                       \
    " AND NOT EXISTS (SELECT 1 FROM run_metric l WHERE l.run_id = m.run_id AND l.name = m.name"    \
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
        buf_adds(&q->sql, METRIC_FROM);
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

static void add_condition(struct run_query *q, const struct key *key, const struct test *t)
{
    if (key->column) {
        if (!t->op && key->kind == FLAG) {
            buf_addf(&q->sql, "%s = 1", key->column);
            return;
        }
        add_test(&q->sql, key->column, t);
        take_values(q, t);
    } else if (is_rare(q, key, t)) {
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
        add_condition(x->q, &key, &t);
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

int run_query_where(struct run_query *q, const char *text, struct dh_err *err)
{
    struct lexer x = {.q = q, .err = err};

    if (begin(&x, text) < 0)
        return -1;
    if (x.token == END)
        return 0;
    buf_adds(&q->sql, " AND ");
    if (any_of(&x) < 0)
        return -1;
    return x.token == END ? 0 : lexer_wrong(&x, "expected 'and', 'or' or the end");
}

/* ---- order ---- */

static int direction(struct lexer *x, const char **ret)
{
    *ret = "ASC";
    if (x->token == END)
        return 0;
    if (!lexer_is(x, "asc") && !lexer_is(x, "desc"))
        return lexer_wrong(x, "expected asc or desc");
    *ret = lexer_is(x, "asc") ? "ASC" : "DESC";
    if (lexer_next(x) < 0)
        return -1;
    return x->token == END ? 0 : lexer_wrong(x, "one key, and asc or desc");
}

int run_query_sort(struct run_query *q, const char *text, struct dh_err *err)
{
    struct lexer x = {.q = q, .err = err};
    const char *column, *way;
    struct key key;

    if (begin(&x, text) < 0 || lexer_key(&x, &key) < 0 || lexer_next(&x) < 0 ||
        direction(&x, &way) < 0)
        return -1;
    column = key.column;
    if (!column) { /* runs that have none are not there */
        column = key.kind == METRIC ? "m.number_value" : key.kind == TAG ? "m.value" : NULL;
        buf_adds(&q->sql, key.kind == METRIC ? "JOIN run_metric m ON m.run_id = r.id AND m.name = ?"
                          : key.kind == PARAM ? "JOIN run_param m ON m.run_id = r.id AND m.name = ?"
                                              : "JOIN run_tag m ON m.run_id = r.id AND m.name = ?");
        run_query_value(q, DB_T(key.name));
        if (key.task) {
            buf_adds(&q->sql, METRIC_OF_TASK);
            run_query_value(q, DB_T(key.task));
        } else if (key.kind == METRIC) {
            buf_adds(&q->sql, *way == 'A' ? METRIC_FIRST("<") : METRIC_FIRST(">"));
        }
    }
    if (column)
        buf_addf(&q->order, " ORDER BY %s %s, r.id %s", column, way, way);
    else
        buf_addf(&q->order, " ORDER BY m.number_value %s, m.text_value %s, r.id %s", way, way, way);
    return 0;
}

void run_query_end(struct run_query *q, int64_t limit, int64_t offset)
{
    buf_adds(&q->sql, q->order.n ? buf_str(&q->order) : " ORDER BY r.created_us DESC, r.id DESC");
    buf_adds(&q->sql, " LIMIT ? OFFSET ?");
    run_query_value(q, DB_I(limit));
    run_query_value(q, DB_I(offset > 0 ? offset : 0));
}
