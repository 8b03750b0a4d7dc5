#include "mlflow/filter.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/js.h"

/* ---- reading ---- */

struct reader {
    const char *all, *at;
    struct arena *a;
    struct dh_err *err;
};

static int wrong(const struct reader *x, const char *expected)
{
    return dh_fail(x->err, DH_INVALID, "filter, column %zu: expected %s: %.400s",
                   (size_t)(x->at - x->all) + 1, expected, x->all);
}

static void blanks(struct reader *x)
{
    x->at += strspn(x->at, " \t\r\n");
}

static bool word(struct reader *x, const char *keyword)
{
    size_t n = strlen(keyword);

    if (strncasecmp(x->at, keyword, n) != 0 ||
        (isalpha((unsigned char)keyword[0]) && isalnum((unsigned char)x->at[n])))
        return false;
    x->at += n;
    blanks(x);
    return true;
}

/* A text in quotes; NULL: none. */
static const char *quoted(struct reader *x, const char *quotes)
{
    const char *end = *x->at && strchr(quotes, *x->at) ? strchr(x->at + 1, *x->at) : NULL;
    const char *from = x->at + 1;

    if (!end)
        return NULL;
    x->at = end + 1;
    blanks(x);
    return arena_strndup(x->a, from, (size_t)(end - from));
}

static int tag(struct reader *x, struct mlflow_comparison *ret)
{
    size_t n;

    ret->key = MLFLOW_TAG;
    ret->tag = quoted(x, "`\"");
    if (ret->tag)
        return 0;
    n = strcspn(x->at, " \t\r\n=!<>'\"`");
    if (!n)
        return wrong(x, "the tag's name");
    ret->tag = arena_strndup(x->a, x->at, n);
    x->at += n;
    blanks(x);
    return 0;
}

static bool prefix(struct reader *x, const char *text)
{
    size_t n = strlen(text);

    if (strncasecmp(x->at, text, n) != 0)
        return false;
    x->at += n;
    return true;
}

static bool name_of(struct reader *x, enum mlflow_key *ret)
{
    static const struct {
        const char *name;
        enum mlflow_key key;
    } names[] = {{"name", MLFLOW_NAME},
                 {"run_id", MLFLOW_RUN_ID},
                 {"source_run_id", MLFLOW_RUN_ID},
                 {"source_path", MLFLOW_SOURCE},
                 {"version_number", MLFLOW_VERSION}, /* before the shorter one */
                 {"version", MLFLOW_VERSION},
                 {"creation_timestamp", MLFLOW_CREATED},
                 {"creation_time", MLFLOW_CREATED},
                 {"timestamp", MLFLOW_UPDATED},
                 {"last_updated_timestamp", MLFLOW_UPDATED},
                 {"last_update_time", MLFLOW_UPDATED}};

    (void)(prefix(x, "attributes.") || prefix(x, "attribute."));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (word(x, names[i].name)) {
            *ret = names[i].key;
            return true;
        }
    return false;
}

static int key(struct reader *x, struct mlflow_comparison *ret)
{
    if (prefix(x, "tags.") || prefix(x, "tag."))
        return tag(x, ret);
    return name_of(x, &ret->key)
               ? 0
               : wrong(x, "name, run_id, source_path, version, creation_time, last_update_time or "
                          "tag.NAME");
}

static int number(struct reader *x, struct mlflow_comparison *ret)
{
    char *end;

    ret->number = strtod(x->at, &end);
    if (end == x->at)
        return wrong(x, "a number");
    x->at = end;
    blanks(x);
    ret->by_number = true;
    return 0;
}

/* ('a', 'b') */
static int several(struct reader *x, struct mlflow_comparison *ret)
{
    const char **values = arena_alloc(x->a, MLFLOW_FILTER_MAX * sizeof *values);

    if (!word(x, "("))
        return wrong(x, "(");
    do {
        if (ret->n_values == MLFLOW_FILTER_MAX)
            return wrong(x, "fewer texts");
        values[ret->n_values] = quoted(x, "'\"");
        if (!values[ret->n_values++])
            return wrong(x, "a text in quotes");
    } while (word(x, ","));
    ret->values = values;
    return word(x, ")") ? 0 : wrong(x, ")");
}

static int value(struct reader *x, struct mlflow_comparison *ret)
{
    bool timed = ret->key == MLFLOW_CREATED || ret->key == MLFLOW_UPDATED;
    const char **one = arena_alloc(x->a, sizeof *one);

    if (ret->op == MLFLOW_IN)
        return several(x, ret);
    if (timed || (ret->key == MLFLOW_VERSION && *x->at && !strchr("'\"", *x->at)))
        return ret->op == MLFLOW_LIKE || ret->op == MLFLOW_ILIKE ? wrong(x, "a text in quotes")
                                                                 : number(x, ret);
    if (ret->op >= MLFLOW_LESS)
        return ret->key == MLFLOW_VERSION ? wrong(x, "a number")
                                          : wrong(x, "no <, <=, >, >= before");
    *one = quoted(x, "'\"");
    ret->values = one;
    ret->n_values = 1;
    return *one ? 0 : wrong(x, "a text in quotes");
}

static int comparison(struct reader *x, struct mlflow_comparison *ret)
{
    static const struct {
        const char *text;
        enum mlflow_op op;
    } ops[] = {{"!=", MLFLOW_OTHER}, {"ilike", MLFLOW_ILIKE}, {"like", MLFLOW_LIKE},
               {"in", MLFLOW_IN},    {"<=", MLFLOW_MOST},     {">=", MLFLOW_LEAST},
               {"<", MLFLOW_LESS},   {">", MLFLOW_MORE},      {"=", MLFLOW_EQUAL}};

    *ret = (struct mlflow_comparison){0};
    if (key(x, ret) < 0)
        return -1;
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (word(x, ops[i].text)) {
            ret->op = ops[i].op;
            return value(x, ret);
        }
    return wrong(x, "=, !=, LIKE, ILIKE, IN, <, <=, > or >=");
}

int mlflow_filter_read(const char *text, struct arena *a, struct mlflow_filter *ret,
                       struct dh_err *err)
{
    struct reader x = {.all = text, .at = text, .a = a, .err = err};

    *ret = (struct mlflow_filter){.n = 0};
    if (!text)
        return 0;
    blanks(&x);
    if (!*x.at)
        return 0;
    do {
        if (ret->n == MLFLOW_FILTER_MAX)
            return wrong(&x, "fewer comparisons");
        if (comparison(&x, &ret->items[ret->n]) < 0)
            return -1;
        ret->needs_tags |= ret->items[ret->n++].key == MLFLOW_TAG;
    } while (word(&x, "and"));
    return *x.at ? wrong(&x, "AND or the end") : 0;
}

/* ---- asking ---- */

/* % stands for any text, _ for one character. In place: no stack, and no more than n*m steps. */
static bool is_like(const char *text, const char *pattern, bool fold)
{
    const char *star = NULL, *back = NULL;

    while (*text) {
        bool same = *pattern == '_' ||
                    (*pattern && *pattern != '%' &&
                     (fold ? tolower((unsigned char)*pattern) == tolower((unsigned char)*text)
                           : *pattern == *text));

        if (*pattern == '%') {
            star = ++pattern;
            back = text;
        } else if (same) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star;
            text = ++back;
        } else {
            return false;
        }
    }
    while (*pattern == '%')
        pattern++;
    return !*pattern;
}

static const char *fact(enum mlflow_key key, const struct mlflow_facts *f)
{
    return key == MLFLOW_NAME     ? f->name
           : key == MLFLOW_RUN_ID ? f->run_id
           : key == MLFLOW_SOURCE ? f->source_path
                                  : f->version;
}

static double number_of(enum mlflow_key key, const struct mlflow_facts *f)
{
    if (key == MLFLOW_VERSION)
        return f->version ? strtod(f->version, NULL) : 0;
    return (double)(key == MLFLOW_CREATED ? f->created_ms : f->updated_ms);
}

static bool fits_number(const struct mlflow_comparison *c, double x)
{
    switch (c->op) {
    case MLFLOW_OTHER:
        return x < c->number || x > c->number;
    case MLFLOW_LESS:
        return x < c->number;
    case MLFLOW_MOST:
        return x <= c->number;
    case MLFLOW_MORE:
        return x > c->number;
    case MLFLOW_LEAST:
        return x >= c->number;
    default:
        return !(x < c->number || x > c->number);
    }
}

static bool fits_text(const struct mlflow_comparison *c, const char *text)
{
    if (c->op == MLFLOW_LIKE || c->op == MLFLOW_ILIKE)
        return text && is_like(text, c->values[0], c->op == MLFLOW_ILIKE);
    for (size_t i = 0; i < c->n_values; i++)
        if (text && !strcmp(text, c->values[i]))
            return c->op != MLFLOW_OTHER;
    return c->op == MLFLOW_OTHER;
}

bool mlflow_filter_fits(const struct mlflow_filter *filter, const struct mlflow_facts *facts)
{
    own(js_free) struct js *tags = NULL;

    if (filter->needs_tags && facts->tags)
        (void)js_parse(facts->tags, strlen(facts->tags), &tags, NULL);
    for (size_t i = 0; i < filter->n; i++) {
        const struct mlflow_comparison *c = &filter->items[i];

        if (c->by_number ? !fits_number(c, number_of(c->key, facts))
                         : !fits_text(c, c->key == MLFLOW_TAG ? js_get_text(tags, c->tag)
                                                              : fact(c->key, facts)))
            return false;
    }
    return true;
}

/* ---- order ---- */

int mlflow_order_read(const struct js *list, struct arena *a, struct mlflow_order *ret,
                      struct dh_err *err)
{
    *ret = (struct mlflow_order){.n = 0};
    for (size_t i = 0; i < js_n(list); i++) {
        const char *text = js_text(js_at(list, i)) ? js_text(js_at(list, i)) : "";
        struct reader x = {.all = text, .at = text, .a = a, .err = err};

        blanks(&x);
        if (ret->n == MLFLOW_ORDER_MAX)
            return wrong(&x, "fewer keys of an order");
        if (!name_of(&x, &ret->items[ret->n].key))
            return wrong(&x, "name, version_number, creation_timestamp or last_updated_timestamp");
        ret->items[ret->n].descending = word(&x, "desc");
        if (!ret->items[ret->n++].descending)
            (void)word(&x, "asc");
        if (*x.at)
            return wrong(&x, "ASC, DESC or the end");
    }
    return 0;
}

int mlflow_order_compare(const struct mlflow_order *order, const struct mlflow_facts *a,
                         const struct mlflow_facts *b)
{
    for (size_t i = 0; i < order->n; i++) {
        enum mlflow_key key = order->items[i].key;
        int c;

        if (key >= MLFLOW_VERSION) {
            double x = number_of(key, a), y = number_of(key, b);

            c = (x > y) - (x < y);
        } else {
            const char *x = fact(key, a), *y = fact(key, b);

            c = strcmp(x ? x : "", y ? y : "");
        }
        if (c)
            return order->items[i].descending ? -c : c;
    }
    return 0;
}
