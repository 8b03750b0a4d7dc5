#include "store/run-query.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/store.h"

enum token { END, WORD, TEXT, OP, OPEN, CLOSE, COMMA };
enum kind { METRIC, PARAM, TAG, STATE, NAME, TIME, NUMBER, DURATION, FLAG };

struct lexer {
    struct run_query *q;
    const char *all, *at, *start; /* of the token */
    enum token token;
    char *text; /* of WORD, TEXT and OP; in the arena */
    int depth;
    size_t n_values;
    struct dh_err *err;
};

struct key {
    enum kind kind;
    const char *column;      /* of the run and what is joined to it */
    const char *name, *task; /* of a metric, parameter or tag */
};

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

/* ---- words ---- */

static int wrong(struct lexer *x, const char *what)
{
    return dh_fail(x->err, DH_INVALID, "condition, column %zu: %s: %s", x->start - x->all + 1, what,
                   x->all);
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || (c && strchr("_.-+/@:%", c)) || ((unsigned char)c & 0x80);
}

/* A quoted text from at, whose first character is the quote; doubled quotes stand for one. */
static int quoted(struct lexer *x, struct buf *to)
{
    char quote = *x->at++;

    for (;; x->at++) {
        if (!*x->at)
            return wrong(x, "a quoted text that has no end");
        if (*x->at == quote && x->at[1] == quote)
            x->at++;
        else if (*x->at == quote)
            break;
        buf_addc(to, *x->at);
    }
    x->at++;
    return 0;
}

static int word(struct lexer *x)
{
    own_buf struct buf b = {0};

    while (is_word(*x->at)) {
        buf_addc(&b, *x->at++);
        if (x->at[-1] == '.' && (*x->at == '"' || *x->at == '`') && quoted(x, &b) < 0)
            return -1;
    }
    x->token = WORD;
    x->text = arena_strdup(x->q->arena, buf_str(&b));
    return 0;
}

static int text(struct lexer *x)
{
    own_buf struct buf b = {0};

    if (quoted(x, &b) < 0)
        return -1;
    x->token = TEXT;
    x->text = arena_strdup(x->q->arena, buf_str(&b));
    return 0;
}

static int next(struct lexer *x)
{
    static const char *const ops[] = {"==", "!=", "<>", "<=", ">=", "=", "<", ">"};

    x->at += strspn(x->at, " \t\r\n");
    x->start = x->at;
    if (is_word(*x->at))
        return word(x);
    if (*x->at && strchr("'\"`", *x->at))
        return text(x);
    if (!*x->at || strchr("(),", *x->at)) {
        x->token = !*x->at ? END : *x->at == '(' ? OPEN : *x->at == ')' ? CLOSE : COMMA;
        x->at += *x->at != '\0';
        return 0;
    }
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (!strncmp(x->at, ops[i], strlen(ops[i]))) {
            x->token = OP;
            x->text = arena_strdup(x->q->arena, ops[i]);
            x->at += strlen(ops[i]);
            return 0;
        }
    return wrong(x, "a character that means nothing here");
}

static bool is(const struct lexer *x, const char *keyword)
{
    return x->token == WORD && !strcasecmp(x->text, keyword);
}

/* ---- keys ---- */

static const struct {
    const char *name;
    enum kind kind;
    const char *column;
} columns[] = {{"state", STATE, "r.state"},
               {"status", STATE, "r.state"},
               {"pipeline", NAME, "p.name"},
               {"version", NAME, "v.name"},
               {"experiment", NAME, "e.name"},
               {"name", NAME, "r.display_name"},
               {"run_name", NAME, "r.display_name"},
               {"display_name", NAME, "r.display_name"},
               {"id", NAME, "r.uuid"},
               {"run_id", NAME, "r.uuid"},
               {"notes", NAME, "r.notes"},
               {"number", NUMBER, "r.id"},
               {"created", TIME, "r.created_us"},
               {"started", TIME, "r.started_us"},
               {"start_time", TIME, "r.started_us"},
               {"finished", TIME, "r.finished_us"},
               {"end_time", TIME, "r.finished_us"},
               {"duration", DURATION, "(r.finished_us - r.started_us)"},
               {"archived", FLAG, "r.archived"}};

static int read_named(struct lexer *x, const char *text, struct key *ret)
{
    static const struct {
        const char *prefix;
        enum kind kind;
    } prefixes[] = {{"metric.", METRIC}, {"metrics.", METRIC},  {"param.", PARAM},
                    {"params.", PARAM},  {"parameter.", PARAM}, {"parameters.", PARAM},
                    {"tag.", TAG},       {"tags.", TAG}};

    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        size_t n = strlen(prefixes[i].prefix);
        const char *at;

        if (strncasecmp(text, prefixes[i].prefix, n) != 0)
            continue;
        *ret = (struct key){.kind = prefixes[i].kind, .name = text + n};
        at = ret->kind == METRIC ? strrchr(ret->name, '@') : NULL;
        if (at) {
            ret->task = at + 1;
            ret->name = arena_strndup(x->q->arena, ret->name, (size_t)(at - ret->name));
        }
        return *ret->name && (!at || *ret->task)
                   ? 0
                   : wrong(x, "a key without its name, as in metric.accuracy");
    }
    return 1;
}

static int read_key(struct lexer *x, struct key *ret)
{
    const char *text = x->text;
    int rc = x->token == WORD ? read_named(x, text, ret)
                              : wrong(x, "expected a key, as in metric.accuracy or state");

    if (rc <= 0)
        return rc;
    if (!strncasecmp(text, "attributes.", 11))
        text += 11;
    else if (!strncasecmp(text, "attribute.", 10))
        text += 10;
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        if (!strcasecmp(columns[i].name, text)) {
            *ret = (struct key){.kind = columns[i].kind, .column = columns[i].column};
            return 0;
        }
    return wrong(x, "an unknown key (there are metric.NAME, param.NAME, tag.NAME, state, pipeline, "
                    "version, experiment, name, number, id, notes, created, started, finished, "
                    "duration, archived)");
}

/* ---- values ---- */

static bool as_number(const char *text, double *ret)
{
    char *end;

    *ret = strtod(text, &end);
    return end != text && !*end && isfinite(*ret);
}

static int time_value(struct lexer *x, struct db_val *ret)
{
    own_mem char *day = dh_printf("%.10sT00:00:00Z", x->text);
    double number;
    int64_t us;

    if (clock_parse_span(x->text, &us) == 0)
        *ret = DB_I(clock_now_us() - us);
    else if (clock_parse(x->text, &us) == 0 || (strlen(x->text) == 10 && !clock_parse(day, &us)))
        *ret = DB_I(us);
    else if (as_number(x->text, &number) && number >= 0 && number < 1e15)
        *ret = DB_I((int64_t)(number * 1000)); /* MLflow's milliseconds */
    else
        return wrong(x, "expected a time: 2026-11-30, 2026-11-30T08:00:00Z, or 7d, 12h, 30m ago");
    return 0;
}

static int state_value(struct lexer *x, struct db_val *ret)
{
    static const char *const others[][2] = {
        {"FINISHED", "SUCCEEDED"}, {"KILLED", "CANCELED"}, {"SCHEDULED", "PENDING"}};
    char *upper = arena_strdup(x->q->arena, x->text);
    enum store_state state;

    for (char *c = upper; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    for (size_t i = 0; i < 3; i++)
        if (!strcmp(upper, others[i][0]))
            upper = arena_strdup(x->q->arena, others[i][1]);
    if (store_state_parse(upper, &state) < 0)
        return wrong(x, "no such state (PENDING, RUNNING, SUCCEEDED, FAILED, SKIPPED, CACHED, "
                        "CANCELED)");
    *ret = DB_T(store_state_name(state));
    return 0;
}

static int flag_value(struct lexer *x, struct db_val *ret)
{
    bool yes = !strcasecmp(x->text, "true") || !strcmp(x->text, "1");

    if (!yes && strcasecmp(x->text, "false") != 0 && strcmp(x->text, "0") != 0)
        return wrong(x, "expected true or false");
    *ret = DB_I(yes);
    return 0;
}

/* The token as a value for `key`; `like`: always a text. */
static int read_value(struct lexer *x, const struct key *key, bool like, struct db_val *ret)
{
    double number;
    int64_t us;

    if (x->token != WORD && x->token != TEXT)
        return wrong(x, "expected a value");
    if (++x->n_values > RUN_QUERY_MAX_VALUES)
        return wrong(x, "too many values");
    if (like) {
        *ret = DB_T(x->text);
        return 0;
    }
    switch (key->kind) {
    case STATE:
        return state_value(x, ret);
    case TIME:
        return time_value(x, ret);
    case FLAG:
        return flag_value(x, ret);
    case DURATION:
        if (clock_parse_span(x->text, &us) == 0) {
            *ret = DB_R((double)us);
            return 0;
        }
        break;
    case PARAM:
        *ret = x->token == WORD && as_number(x->text, &number) ? DB_R(number) : DB_T(x->text);
        return 0;
    case TAG:
    case NAME:
        *ret = DB_T(x->text);
        return 0;
    case METRIC:
    case NUMBER:
        break;
    }
    if (!as_number(x->text, &number))
        return wrong(x, "expected a number");
    *ret = DB_R(key->kind == DURATION ? number * 1e6 : number);
    return 0;
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
    if (next(x) < 0)
        return -1;
    if (x->token != OPEN)
        return wrong(x, "expected '(' and a list");
    do {
        struct db_val value;

        if (next(x) < 0 || read_value(x, key, false, &value) < 0)
            return -1;
        if (t->n && t->vals[0].kind != value.kind)
            return wrong(x, "numbers and texts in one list");
        DH_GROW(t->vals, t->n, t->cap);
        t->vals[t->n++] = value;
        if (next(x) < 0)
            return -1;
    } while (x->token == COMMA);
    return x->token == CLOSE ? next(x) : wrong(x, "expected ',' or ')'");
}

static int read_test(struct lexer *x, const struct key *key, struct test *t)
{
    struct db_val value;

    t->fold = is(x, "ilike");
    t->like = t->fold || is(x, "like");
    if (is(x, "in")) {
        t->op = "in";
        return read_list(x, key, t);
    }
    if (x->token != OP && !t->like)
        return 0; /* the key alone */
    t->op = t->like ? "like" : !strcmp(x->text, "==") ? "=" : x->text;
    if (!strcmp(t->op, "!="))
        t->op = "<>";
    if (t->like && key->kind != PARAM && key->kind != TAG && key->kind != NAME)
        return wrong(x, "like is for texts: param, tag, name, pipeline, experiment, notes");
    if (!t->like && orders(t->op) && (key->kind == STATE || key->kind == FLAG))
        return wrong(x, "this key knows = and != alone");
    if (next(x) < 0 || read_value(x, key, t->like, &value) < 0)
        return -1;
    DH_GROW(t->vals, t->n, t->cap);
    t->vals[t->n++] = value;
    return next(x);
}

static int condition(struct lexer *x)
{
    struct test t = {0};
    struct key key;
    int rc;

    if (read_key(x, &key) < 0 || next(x) < 0)
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
        return wrong(x, "too deep");
    if (is(x, "not")) {
        buf_adds(&x->q->sql, "NOT coalesce(");
        rc = next(x) < 0 ? -1 : one(x);
        buf_adds(&x->q->sql,
                 ", 0 = 1)"); /* what a run does not have is false, so its not is true */
    } else if (x->token == OPEN) {
        buf_adds(&x->q->sql, "(");
        rc = next(x) < 0 ? -1 : any_of(x);
        if (rc == 0 && x->token != CLOSE)
            rc = wrong(x, "expected ')', 'and' or 'or'");
        buf_adds(&x->q->sql, ")");
        rc = rc < 0 ? -1 : next(x);
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
    while (is(x, keyword)) {
        buf_adds(&x->q->sql, sql);
        if (next(x) < 0 || part(x) < 0)
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
    return next(x);
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
    return x.token == END ? 0 : wrong(&x, "expected 'and', 'or' or the end");
}

/* ---- order ---- */

static int direction(struct lexer *x, const char **ret)
{
    *ret = "ASC";
    if (x->token == END)
        return 0;
    if (!is(x, "asc") && !is(x, "desc"))
        return wrong(x, "expected asc or desc");
    *ret = is(x, "asc") ? "ASC" : "DESC";
    if (next(x) < 0)
        return -1;
    return x->token == END ? 0 : wrong(x, "one key, and asc or desc");
}

int run_query_sort(struct run_query *q, const char *text, struct dh_err *err)
{
    struct lexer x = {.q = q, .err = err};
    const char *column, *way;
    struct key key;

    if (begin(&x, text) < 0 || read_key(&x, &key) < 0 || next(&x) < 0 || direction(&x, &way) < 0)
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
