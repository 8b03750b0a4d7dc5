/* run-query-lex - the words of a condition: tokens, keys, values. */
#include "store/run-query-priv.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/store.h"

/* ---- words ---- */

int lexer_wrong(struct lexer *x, const char *what)
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
            return lexer_wrong(x, "a quoted text that has no end");
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

int lexer_next(struct lexer *x)
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
    return lexer_wrong(x, "a character that means nothing here");
}

bool lexer_is(const struct lexer *x, const char *keyword)
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
                   : lexer_wrong(x, "a key without its name, as in metric.accuracy");
    }
    return 1;
}

int lexer_key(struct lexer *x, struct key *ret)
{
    const char *text = x->text;
    int rc = x->token == WORD ? read_named(x, text, ret)
                              : lexer_wrong(x, "expected a key, as in metric.accuracy or state");

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
    return lexer_wrong(
        x, "an unknown key (there are metric.NAME, param.NAME, tag.NAME, state, pipeline, "
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
        return lexer_wrong(
            x, "expected a time: 2026-11-30, 2026-11-30T08:00:00Z, or 7d, 12h, 30m ago");
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
        return lexer_wrong(x,
                           "no such state (PENDING, RUNNING, SUCCEEDED, FAILED, SKIPPED, CACHED, "
                           "CANCELED)");
    *ret = DB_T(store_state_name(state));
    return 0;
}

static int flag_value(struct lexer *x, struct db_val *ret)
{
    bool yes = !strcasecmp(x->text, "true") || !strcmp(x->text, "1");

    if (!yes && strcasecmp(x->text, "false") != 0 && strcmp(x->text, "0") != 0)
        return lexer_wrong(x, "expected true or false");
    *ret = DB_I(yes);
    return 0;
}

int lexer_value(struct lexer *x, const struct key *key, bool like, struct db_val *ret)
{
    double number;
    int64_t us;

    if (x->token != WORD && x->token != TEXT)
        return lexer_wrong(x, "expected a value");
    if (++x->n_values > RUN_QUERY_MAX_VALUES)
        return lexer_wrong(x, "too many values");
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
        return lexer_wrong(x, "expected a number");
    *ret = DB_R(key->kind == DURATION ? number * 1e6 : number);
    return 0;
}
