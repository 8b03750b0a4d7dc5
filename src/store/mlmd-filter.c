/* mlmd-filter - the part of ML Metadata's filter language that its users use. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "store/mlmd-priv.h"

#define FILTER_DEPTH 40

struct reader {
    const char *text, *at;
    enum mlmd_kind kind;
    struct mlmd_sql *sql;
    struct dh_err *err;
    int depth;
};

static int wrong(struct reader *r, const char *wanted)
{
    return dh_fail(r->err, DH_INVALID, "filter, column %zu: %s. Given: %.200s",
                   (size_t)(r->at - r->text) + 1, wanted, r->text);
}

static void blanks(struct reader *r)
{
    while (isspace((unsigned char)*r->at))
        r->at++;
}

/* The next word: letters, digits, '_'; or anything in backquotes. NULL: none. */
static const char *word(struct reader *r)
{
    const char *from = r->at;

    if (*from == '`') {
        const char *end = strchr(from + 1, '`');

        if (!end)
            return NULL;
        r->at = end + 1;
        return arena_strndup(r->sql->a, from + 1, (size_t)(end - from - 1));
    }
    while (isalnum((unsigned char)*r->at) || *r->at == '_')
        r->at++;
    return r->at == from ? NULL : arena_strndup(r->sql->a, from, (size_t)(r->at - from));
}

/* The keyword stands next, as a word: it is passed over. */
static bool keyword(struct reader *r, const char *text)
{
    size_t n = strlen(text);

    blanks(r);
    if (strncasecmp(r->at, text, n) != 0 || isalnum((unsigned char)r->at[n]) || r->at[n] == '_')
        return false;
    r->at += n;
    blanks(r);
    return true;
}

static bool sign(struct reader *r, char c)
{
    blanks(r);
    if (*r->at != c)
        return false;
    r->at++;
    return true;
}

static bool dot(struct reader *r)
{
    if (*r->at != '.')
        return false;
    r->at++;
    return true;
}

static const char *operator_of(struct reader *r)
{
    static const char *const all[] = {"<=", ">=", "!=", "<>", "=", "<", ">", "LIKE"};

    blanks(r);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        size_t n = strlen(all[i]);

        if (strncasecmp(r->at, all[i], n) != 0)
            continue;
        r->at += n;
        return !strcmp(all[i], "!=") ? "<>" : all[i];
    }
    return NULL;
}

static int state_number(enum mlmd_kind kind, const char *name)
{
    static const char *const executions[] = {"UNKNOWN", "NEW",    "RUNNING", "COMPLETE",
                                             "FAILED",  "CACHED", "CANCELED"};
    static const char *const artifacts[] = {
        "UNKNOWN", "PENDING", "LIVE", "MARKED_FOR_DELETION", "DELETED", "ABANDONED", "REFERENCE"};
    const char *const *names = kind == MLMD_ARTIFACT ? artifacts : executions;

    for (int i = 0; i < 7; i++)
        if (!strcmp(name, names[i]))
            return i;
    return -1;
}

static const char *quoted(struct reader *r)
{
    char quote = *r->at;
    struct buf b = {0};
    const char *p = r->at + 1;
    char *text;

    for (; *p && *p != quote; p++) {
        if (*p == '\\' && p[1])
            p++;
        buf_addc(&b, *p);
    }
    text = arena_strdup(r->sql->a, buf_str(&b));
    buf_done(&b);
    if (!*p)
        return NULL;
    r->at = p + 1;
    return text;
}

static int literal(struct reader *r, struct db_val *ret)
{
    const char *text;
    char *end;

    blanks(r);
    if (*r->at == '\'' || *r->at == '"') {
        text = quoted(r);
        if (!text)
            return wrong(r, "the text has no end");
        *ret = DB_T(text);
        return 0;
    }
    if (isdigit((unsigned char)*r->at) || strchr("+-.", *r->at)) {
        long long whole = strtoll(r->at, &end, 10);

        *ret = DB_I(whole);
        if (*end == '.' || *end == 'e' || *end == 'E')
            *ret = DB_R(strtod(r->at, &end));
        if (end == r->at)
            return wrong(r, "a value is expected");
        r->at = end;
        return 0;
    }
    text = word(r);
    if (!text)
        return wrong(r, "a value is expected: 'text', a number, TRUE, or the word of a state");
    if (!strcasecmp(text, "TRUE") || !strcasecmp(text, "FALSE"))
        *ret = DB_I(!strcasecmp(text, "TRUE"));
    else if (state_number(r->kind, text) >= 0)
        *ret = DB_I(state_number(r->kind, text));
    else
        return wrong(r, "no state has that name");
    return 0;
}

static int put_literal(struct reader *r)
{
    struct db_val value;

    if (r->sql->n >= MLMD_MAX_VALUES - 8)
        return wrong(r, "too many values");
    if (literal(r, &value) < 0)
        return -1;
    r->sql->values[r->sql->n++] = value;
    buf_addc(&r->sql->text, '?');
    return 0;
}

static int list(struct reader *r)
{
    if (!sign(r, '('))
        return wrong(r, "IN is followed by a list: (1, 2)");
    buf_addc(&r->sql->text, '(');
    do {
        if (put_literal(r) < 0)
            return -1;
        blanks(r);
        buf_addc(&r->sql->text, *r->at == ',' ? ',' : ')');
    } while (sign(r, ','));
    return sign(r, ')') ? 0 : wrong(r, "',' or ')' is expected");
}

/* "OP ?", "IN (?, …)" of what stands next. */
static int comparison(struct reader *r)
{
    const char *op;

    if (r->sql->n >= MLMD_MAX_VALUES - 8)
        return wrong(r, "too many conditions");
    if (keyword(r, "IN")) {
        buf_adds(&r->sql->text, " IN ");
        return list(r);
    }
    op = operator_of(r);
    if (!op)
        return wrong(r, "one of = != < <= > >= LIKE IN is expected");
    buf_addf(&r->sql->text, " %s ", op);
    return put_literal(r);
}

static int property(struct reader *r, bool custom)
{
    static const char *const tables[] = {"ExecutionProperty", "ArtifactProperty",
                                         "ContextProperty"};
    static const char *const ids[] = {"execution_id", "artifact_id", "context_id"};
    static const char *const values[] = {"int_value", "double_value", "string_value", "bool_value"};
    const char *name = dot(r) ? word(r) : NULL, *value = name && dot(r) ? word(r) : NULL;

    for (size_t i = 0; value && i < sizeof values / sizeof *values; i++) {
        if (strcmp(value, values[i]) != 0)
            continue;
        buf_addf(&r->sql->text,
                 "x.id IN (SELECT p.%s FROM %s p WHERE p.name = ? AND p.is_custom_property = %d"
                 " AND p.%s",
                 ids[r->kind], tables[r->kind], custom, values[i]);
        r->sql->values[r->sql->n++] = DB_T(name);
        if (comparison(r) < 0)
            return -1;
        buf_addc(&r->sql->text, ')');
        return 0;
    }
    return wrong(r, "a property is custom_properties.NAME.int_value (or double_value, "
                    "string_value, bool_value)");
}

static int field(struct reader *r)
{
    static const char *const fields[] = {"id", "name", "create_time_since_epoch",
                                         "last_update_time_since_epoch", "external_id"};
    const char *name = word(r), *column = NULL;

    if (!name)
        return wrong(r, "a field is expected");
    if (!strcmp(name, "custom_properties") || !strcmp(name, "properties"))
        return property(r, name[0] == 'c');
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (!strcmp(name, fields[i]))
            column = arena_printf(r->sql->a, "x.%s", name);
    if (!strcmp(name, "type"))
        column = "y.name";
    else if (!strcmp(name, "type_id"))
        column = "x.type_id";
    else if (!strcmp(name, "uri") && r->kind == MLMD_ARTIFACT)
        column = "x.uri";
    else if ((!strcmp(name, "state") && r->kind == MLMD_ARTIFACT) ||
             (!strcmp(name, "last_known_state") && r->kind == MLMD_EXECUTION))
        column = arena_printf(r->sql->a, "x.%s", name);
    if (!column)
        return wrong(r, "no such field can be asked for here");
    buf_adds(&r->sql->text, column);
    return comparison(r);
}

static int any_of(struct reader *r);

/* NOT is of what is known: what has no value is neither so nor not so, as in SQL. */
static int one(struct reader *r)
{
    int rc;

    if (r->depth >= FILTER_DEPTH)
        return wrong(r, "too deep");
    r->depth++;
    if (keyword(r, "NOT")) {
        buf_adds(&r->sql->text, "NOT (");
        rc = one(r);
        buf_addc(&r->sql->text, ')');
    } else if (sign(r, '(')) {
        buf_addc(&r->sql->text, '(');
        rc = any_of(r);
        if (rc == 0 && !sign(r, ')'))
            rc = wrong(r, "AND, OR or ')' is expected");
        buf_addc(&r->sql->text, ')');
    } else {
        blanks(r);
        rc = field(r);
    }
    r->depth--;
    return rc;
}

static int all_of(struct reader *r)
{
    if (one(r) < 0)
        return -1;
    while (keyword(r, "AND")) {
        buf_adds(&r->sql->text, " AND ");
        if (one(r) < 0)
            return -1;
    }
    return 0;
}

static int any_of(struct reader *r)
{
    if (all_of(r) < 0)
        return -1;
    while (keyword(r, "OR")) {
        buf_adds(&r->sql->text, " OR ");
        if (all_of(r) < 0)
            return -1;
    }
    return 0;
}

int mlmd_filter(const char *filter, enum mlmd_kind kind, struct mlmd_sql *sql, struct dh_err *err)
{
    struct reader r = {.text = filter, .at = filter, .kind = kind, .sql = sql, .err = err};

    buf_adds(&sql->text, " AND (");
    if (any_of(&r) < 0)
        return -1;
    buf_addc(&sql->text, ')');
    blanks(&r);
    if (!*r.at)
        return 0;
    return wrong(&r, "AND, OR, or the end, is expected; conditions on other objects are not taken");
}
