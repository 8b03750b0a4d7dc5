#include "store/page.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/clock.h"
#include "store/page-priv.h"
#include "store/store-priv.h"

/* ---- WHERE ---- */

struct where {
    struct buf sql;
    struct db_val *vals;
    size_t n, cap;
    struct arena *arena;
};

static void add_val(struct where *w, struct db_val val)
{
    if (w->n == w->cap) {
        struct db_val *old = w->vals;

        w->cap = w->cap ? w->cap * 2 : 16;
        w->vals = arena_alloc(w->arena, w->cap * sizeof *w->vals);
        if (w->n)
            memcpy(w->vals, old, w->n * sizeof *old);
    }
    w->vals[w->n++] = val;
}

/* "1700000000" or RFC 3339 as microseconds. */
static int time_of(const char *text, int64_t *ret)
{
    char *end;
    long long s = strtoll(text, &end, 10);

    if (*text && !*end) {
        if (s > INT64_MAX / 1000000 || s < INT64_MIN / 1000000)
            return -1;
        *ret = s * 1000000;
        return 0;
    }
    return clock_parse(text, ret);
}

/* The words of a flag; what is none of them is equal to nothing. */
static const char *const flag_words[][2] = {
    [ARCHIVED] = {"AVAILABLE", "ARCHIVED"},
    [ENABLED] = {"DISABLED", "ENABLED"},
};

static int64_t flag_of(const struct page_field *f, const struct page_value *v)
{
    if (!v->is_text)
        return v->number;
    for (int64_t i = 0; i < 2; i++)
        if (!strcasecmp(v->text, flag_words[f->type][i]))
            return i;
    return -1;
}

/* Their words, as "Succeeded" of an Argo phase too. */
static const char *upper(const char *text, struct arena *a)
{
    char *copy = arena_strdup(a, text);

    for (char *c = copy; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    return copy;
}

static int value_of(const struct page_field *f, const struct page_value *v, struct arena *a,
                    struct db_val *ret, struct dh_err *err)
{
    int64_t n = 0;

    switch (f->type) {
    case TEXT:
    case DIGEST:
        *ret = DB_T(v->is_text ? v->text : arena_printf(a, "%lld", (long long)v->number));
        return 0;
    case STATE:
        *ret = DB_T(v->is_text ? upper(v->text, a) : "");
        return 0;
    case ARCHIVED:
    case ENABLED:
        n = flag_of(f, v);
        break;
    case REAL: /* of metrics: they are sorted by, no filter has them */
    case NUMBER:
        n = v->is_text ? strtoll(v->text, NULL, 10) : v->number;
        break;
    case TIME:
        if (!v->is_text)
            n = v->number > INT64_MAX / 1000000 ? INT64_MAX : v->number * 1000000;
        else if (time_of(v->text, &n) < 0)
            return dh_fail(err, DH_INVALID,
                           "filter: '%s' of %s is no time: expected RFC 3339 or seconds", v->text,
                           f->key);
        break;
    }
    *ret = DB_I(n);
    return 0;
}

static int add_time(struct where *w, const struct page_field *f, const struct page_predicate *p,
                    struct dh_err *err);

/* One of several moments: each is a second long. */
static int add_times(struct where *w, const struct page_field *f, const struct page_predicate *p,
                     struct dh_err *err)
{
    buf_adds(&w->sql, p->n ? "(" : "(1 = 0");
    for (size_t i = 0; i < p->n; i++) {
        const struct page_predicate one = {
            .key = p->key, .op = PAGE_EQ, .values = &p->values[i], .n = 1};

        buf_adds(&w->sql, i ? " OR " : "");
        if (add_time(w, f, &one, err) < 0)
            return -1;
    }
    buf_addc(&w->sql, ')');
    return 0;
}

/* Times are kept in microseconds and shown in seconds: what is shown as equal is equal. */
static int add_time(struct where *w, const struct page_field *f, const struct page_predicate *p,
                    struct dh_err *err)
{
    struct db_val v;

    if (p->op == PAGE_IN)
        return add_times(w, f, p, err);
    if (value_of(f, &p->values[0], w->arena, &v, err) < 0)
        return -1;
    switch (p->op) {
    case PAGE_EQ:
    case PAGE_NE:
        buf_addf(&w->sql, p->op == PAGE_EQ ? "(%s >= ? AND %s < ?)" : "(%s < ? OR %s >= ?)", f->sql,
                 f->sql);
        add_val(w, DB_I(v.i / 1000000 * 1000000));
        add_val(w, DB_I(v.i / 1000000 * 1000000 + 1000000));
        return 0;
    case PAGE_GT:
    case PAGE_GE:
    case PAGE_LT:
    case PAGE_LE:
        break;
    case PAGE_IN:
    case PAGE_SUBSTRING:
        return dh_fail(err, DH_INVALID, "filter: %s can be compared, not searched", f->key);
    }
    buf_addf(&w->sql, "%s %s ?", f->sql,
             p->op == PAGE_GT   ? ">"
             : p->op == PAGE_GE ? ">="
             : p->op == PAGE_LT ? "<"
                                : "<=");
    add_val(w, v);
    return 0;
}

static void add_substring(struct where *w, const char *sql, const char *text)
{
    struct buf like = {0};

    buf_addc(&like, '%');
    for (const char *s = text; *s; s++) {
        if (strchr("%_!", *s))
            buf_addc(&like, '!');
        buf_addc(&like, *s);
    }
    buf_addc(&like, '%');
    buf_addf(&w->sql, "%s LIKE ? ESCAPE '!'", sql);
    add_val(w, DB_T(arena_strdup(w->arena, buf_str(&like))));
    buf_done(&like);
}

/* What the API calls CANCELING is a run that is RUNNING with a wish. A state stands in the
 * statement itself: some indexes are of one state. */
static bool add_state(struct where *w, const struct page_field *f, const struct page_predicate *p)
{
    const char *text = p->values[0].is_text ? upper(p->values[0].text, w->arena) : "";
    enum store_state state;

    if (p->op == PAGE_EQ && f->sql[0] == 't' && store_state_parse(text, &state) == 0) {
        buf_addf(&w->sql, "%s = '%s'", f->sql, store_state_name(state));
        return true;
    }
    if (f->sql[0] != 'r' || (p->op != PAGE_EQ && p->op != PAGE_NE) ||
        (strcmp(text, "CANCELING") != 0 && strcmp(text, "RUNNING") != 0))
        return false;
    buf_addf(&w->sql, "%s(r.state = 'RUNNING' AND r.cancel_requested_us IS %sNULL)",
             p->op == PAGE_NE ? "NOT " : "", text[0] == 'C' ? "NOT " : "");
    return true;
}

static int add_in(struct where *w, const struct page_field *f, const struct page_predicate *p,
                  struct dh_err *err)
{
    struct db_val v;

    if (p->n == 0) {
        buf_adds(&w->sql, "1 = 0");
        return 0;
    }
    buf_addf(&w->sql, "%s IN (", f->sql);
    for (size_t i = 0; i < p->n; i++) {
        if (value_of(f, &p->values[i], w->arena, &v, err) < 0)
            return -1;
        buf_adds(&w->sql, i ? ", ?" : "?");
        add_val(w, v);
    }
    buf_addc(&w->sql, ')');
    return 0;
}

/* As the API shows it. */
static const char *shown_text(const struct page_field *f, struct arena *a)
{
    if (f->type != ARCHIVED && f->type != ENABLED)
        return f->sql;
    return arena_printf(a, "CASE WHEN %s = 1 THEN '%s' ELSE '%s' END", f->sql,
                        flag_words[f->type][1], flag_words[f->type][0]);
}

static int add_field(struct where *w, const struct page_field *f, const struct page_predicate *p,
                     struct dh_err *err)
{
    static const char *const ops[] = {
        [PAGE_EQ] = "=",  [PAGE_NE] = "<>", [PAGE_GT] = ">",
        [PAGE_GE] = ">=", [PAGE_LT] = "<",  [PAGE_LE] = "<=",
    };
    struct db_val v;

    if (f->type == TIME)
        return add_time(w, f, p, err);
    if (p->op == PAGE_IN)
        return add_in(w, f, p, err);
    if (p->n != 1)
        return dh_fail(err, DH_INVALID, "filter: %s needs one value", f->key);
    if (f->type == STATE && add_state(w, f, p))
        return 0;
    if (p->op == PAGE_SUBSTRING) {
        if (!p->values[0].is_text)
            return dh_fail(err, DH_INVALID, "filter: IS_SUBSTRING needs a text");
        add_substring(w, shown_text(f, w->arena), p->values[0].text);
        return 0;
    }
    if (value_of(f, &p->values[0], w->arena, &v, err) < 0)
        return -1;
    if (f->type == DIGEST && p->op == PAGE_EQ) { /* fingerprints of tasks are all there are */
        buf_adds(&w->sql, STORE_DIGEST_IS("t.cache_fingerprint"));
        add_val(w, v);
        add_val(w, v);
    } else {
        buf_addf(&w->sql, "%s %s ?", f->sql, ops[p->op]);
    }
    add_val(w, v);
    return 0;
}

static int add_tag(struct where *w, const struct page_list *k, const struct page_predicate *p,
                   struct dh_err *err)
{
    if (p->op != PAGE_EQ || p->n != 1 || !p->values[0].is_text)
        return dh_fail(err, DH_INVALID, "filter: %s can only be EQUALS a text", p->key);
    buf_addf(&w->sql,
             "EXISTS (SELECT 1 FROM tag WHERE kind = ? AND owner_id = %s AND tag_key = ?"
             " AND tag_value = ?)",
             k->id);
    add_val(w, DB_T(k->tags));
    add_val(w, DB_T(p->key + 5));
    add_val(w, DB_T(p->values[0].text));
    return 0;
}

static int add_predicates(struct where *w, const struct page_ask *ask, bool count,
                          struct dh_err *err)
{
    const struct page_list *k = &page_lists[ask->kind];

    /* What is about to be deleted is counted until it is: without that, an index has all there is
     * to count. */
    buf_addf(&w->sql, "%s WHERE %s", k->from, count && ask->kind == PAGE_RUNS ? "1 = 1" : k->where);
    for (size_t i = 0; i < ask->n_predicates; i++) {
        const struct page_predicate *p = &ask->predicates[i];
        const struct page_field *f = page_field(ask->kind, p->key);
        int rc;

        buf_adds(&w->sql, " AND ");
        if (!f && k->tags && !strncmp(p->key, "tags.", 5) && p->key[5])
            rc = add_tag(w, k, p, err);
        else if (f)
            rc = add_field(w, f, p, err);
        else
            rc = dh_fail(err, DH_INVALID, "filter: there is no key '%s'", p->key);
        if (rc < 0)
            return -1;
    }
    return 0;
}

/* NULL sorts before all values. */
static void add_after(struct where *w, const struct page_ask *ask, const struct page_field *sort)
{
    const char *id = page_lists[ask->kind].id;
    struct db_val v = ask->value.is_text   ? DB_T(ask->value.text)
                      : ask->value.is_real ? DB_R(ask->value.real)
                                           : DB_I(ask->value.number);

    if (!ask->after)
        return;
    if (ask->after_null) {
        buf_addf(&w->sql,
                 ask->down ? " AND (%s IS NULL AND %s < ?)" : " AND ((%s IS NULL AND %s > ?) OR ",
                 sort->sql, id);
        if (!ask->down)
            buf_addf(&w->sql, "%s IS NOT NULL)", sort->sql);
        add_val(w, DB_I(ask->after_id));
        return;
    }
    /* The first half lets an index be used, also by databases that do not see through the second.
     */
    if (ask->down && (sort->type == REAL || !strcmp(sort->key, "finished_at")))
        buf_addf(&w->sql, " AND (%s IS NULL OR %s < ? OR (%s = ? AND %s < ?))", sort->sql,
                 sort->sql, sort->sql, id);
    else {
        buf_addf(&w->sql, " AND %s %s ? AND (%s %s ? OR %s %s ?)", sort->sql,
                 ask->down ? "<=" : ">=", sort->sql, ask->down ? "<" : ">", id,
                 ask->down ? "<" : ">");
        add_val(w, v);
        add_val(w, v);
        add_val(w, DB_I(ask->after_id));
        return;
    }
    add_val(w, v);
    add_val(w, v);
    add_val(w, DB_I(ask->after_id));
}

/* ---- asking ---- */

static int read_ids(struct db_rows *rows, const struct page_ask *ask, const struct page_field *sort,
                    struct arena *a, struct page_ids *ret, struct dh_err *err)
{
    struct page_ids page = {.ids = arena_alloc(a, ((size_t)ask->limit + 1) * sizeof *page.ids)};
    int rc;

    while ((rc = db_next(rows, err)) == 1) {
        const char *text;

        if (page.n == (size_t)ask->limit) {
            page.more = true;
            break;
        }
        page.ids[page.n++] = db_int(rows, 0);
        if (page.n < (size_t)ask->limit)
            continue;
        text = db_text(rows, 1);
        page.last_null = text == NULL;
        page.last.is_text = sort->type == TEXT || sort->type == STATE;
        page.last.text = text ? arena_strdup(a, text) : NULL;
        page.last.is_real = sort->type == REAL;
        page.last.real = page.last.is_real && text ? db_real(rows, 1) : 0;
        page.last.number = page.last.is_text || page.last.is_real ? 0 : db_int(rows, 1);
    }
    if (rc < 0)
        return -1;
    *ret = page;
    return 0;
}

int page_ids(struct store *s, const struct page_ask *ask, struct arena *a, struct page_ids *ret,
             struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    struct where w = {.arena = a};
    const struct page_field *sort = page_sort(ask->kind, ask->sort ? ask->sort : "created_at", a);
    const char *id = page_lists[ask->kind].id;
    int rc;

    if (!sort)
        return dh_fail(err, DH_INVALID, "cannot sort by '%s'", ask->sort);
    buf_addf(&w.sql, "SELECT %s, %s", id, sort->sql);
    rc = add_predicates(&w, ask, false, err);
    if (rc == 0) {
        add_after(&w, ask, sort);
        buf_addf(&w.sql, " ORDER BY %s%s, %s%s LIMIT ?", sort->sql, ask->down ? " DESC" : "", id,
                 ask->down ? " DESC" : "");
        add_val(&w, DB_I(ask->limit + 1));
        rc = sort->type == REAL ? db_query_built(s->db, err, &rows, w.sql.p, w.vals, w.n)
                                : store_query_kept(s, err, &rows, w.sql.p, w.vals, w.n);
    }
    if (rc == 0)
        rc = read_ids(rows, ask, sort, a, ret, err);
    buf_done(&w.sql);
    return rc;
}

int page_count(struct store *s, const struct page_ask *ask, int64_t *ret, struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    own(db_end) struct db_rows *rows = NULL;
    struct where w = {.arena = a};
    int rc;

    buf_adds(&w.sql, "SELECT count(*)");
    rc = add_predicates(&w, ask, true, err);
    if (rc == 0)
        rc = db_query_built(s->db, err, &rows, w.sql.p, w.vals, w.n);
    if (rc == 0)
        rc = db_next(rows, err) < 0 ? -1 : 0;
    if (rc == 0)
        *ret = db_int(rows, 0);
    buf_done(&w.sql);
    return rc;
}
