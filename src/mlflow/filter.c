#include "mlflow/filter.h"

#include <ctype.h>
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

static int key(struct reader *x, struct mlflow_comparison *ret)
{
    static const char *const names[] = {"name", "run_id", "source_path", "version_number",
                                        "version"};
    size_t n;

    if (!strncasecmp(x->at, "tag.", 4) || !strncasecmp(x->at, "tags.", 5)) {
        x->at = strchr(x->at, '.') + 1;
        ret->is_tag = true;
        ret->key = quoted(x, "`\"");
        if (ret->key)
            return 0;
        n = strcspn(x->at, " \t\r\n=!<>'\"`");
        if (!n)
            return wrong(x, "the tag's name");
        ret->key = arena_strndup(x->a, x->at, n);
        x->at += n;
        blanks(x);
        return 0;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (word(x, names[i])) {
            ret->key = i == 3 ? "version" : names[i];
            return 0;
        }
    return wrong(x, "name, run_id, source_path, version or tag.NAME");
}

static int comparison(struct reader *x, struct mlflow_comparison *ret)
{
    *ret = (struct mlflow_comparison){.op = MLFLOW_EQUAL};
    if (key(x, ret) < 0)
        return -1;
    if (word(x, "!="))
        ret->op = MLFLOW_OTHER;
    else if (word(x, "ilike"))
        ret->op = MLFLOW_ILIKE;
    else if (word(x, "like"))
        ret->op = MLFLOW_LIKE;
    else if (!word(x, "="))
        return wrong(x, "=, !=, LIKE or ILIKE");
    ret->value = quoted(x, "'\"");
    return ret->value ? 0 : wrong(x, "a text in quotes");
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
        ret->needs_tags |= ret->items[ret->n++].is_tag;
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

static const char *fact(const struct mlflow_comparison *c, const struct mlflow_facts *f)
{
    return !strcmp(c->key, "name")          ? f->name
           : !strcmp(c->key, "run_id")      ? f->run_id
           : !strcmp(c->key, "source_path") ? f->source_path
                                            : f->version;
}

bool mlflow_filter_fits(const struct mlflow_filter *filter, const struct mlflow_facts *facts)
{
    own(js_free) struct js *tags = NULL;

    if (filter->needs_tags && facts->tags)
        (void)js_parse(facts->tags, strlen(facts->tags), &tags, NULL);
    for (size_t i = 0; i < filter->n; i++) {
        const struct mlflow_comparison *c = &filter->items[i];
        const char *text = c->is_tag ? js_get_text(tags, c->key) : fact(c, facts);
        bool yes = false;

        if (c->op == MLFLOW_EQUAL || c->op == MLFLOW_OTHER)
            yes = (text && !strcmp(text, c->value)) == (c->op == MLFLOW_EQUAL);
        else
            yes = text && is_like(text, c->value, c->op == MLFLOW_ILIKE);
        if (!yes)
            return false;
    }
    return true;
}
