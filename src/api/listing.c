#include "api/listing.h"

#include <ctype.h>
#include <string.h>

#include "api/api-priv.h"
#include "api/b64.h"
#include "api/counts.h"
#include "api/filter.h"

/* ---- tokens ---- */

const char *listing_token(struct req *r, const struct listing *l)
{
    struct buf json = {0}, token = {0};
    struct jw w = {.to = &json};
    const char *text;

    if (!l->page.more)
        return NULL;
    jw_begin(&w, '{');
    jw_number(&w, "k", l->ask.kind);
    jw_text(&w, "s", l->sort);
    jw_text(&w, "f", l->filter);
    jw_number(&w, "i", l->page.ids[l->page.n - 1]);
    if (!l->page.last_null) {
        jw_key(&w, "v");
        if (l->page.last.is_text)
            jw_str(&w, l->page.last.text);
        else if (l->page.last.is_real)
            jw_num(&w, l->page.last.real);
        else
            jw_int(&w, l->page.last.number);
    }
    jw_end(&w, '}');
    b64_write(json.p, json.n, true, &token);
    text = arena_strdup(r->arena, buf_str(&token));
    buf_done(&json);
    buf_done(&token);
    return text;
}

static bool same(const char *a, const char *b)
{
    return !strcmp(a ? a : "", b ? b : "");
}

static const char *kept(struct req *r, const struct js *v, const char *key)
{
    const char *text = js_get_text(v, key);

    return text && *text ? arena_strdup(r->arena, text) : NULL;
}

int listing_continue(struct req *r, const char *token, struct listing *l, struct dh_err *err)
{
    own(js_free) struct js *v = NULL;
    struct dh_err ignored;
    size_t n;
    unsigned char *json = b64_read(token, strlen(token), r->arena, &n);
    const struct js *value;

    if (!json || js_parse((char *)json, n, &v, &ignored) < 0 || !js_is(v, JS_OBJECT) ||
        js_get_int(v, "k", -1) != (int64_t)l->ask.kind || js_get_int(v, "i", 0) <= 0)
        return dh_fail(err, DH_INVALID, "Invalid package token");
    if ((l->sort && !same(l->sort, js_get_text(v, "s"))) ||
        (l->filter && !same(l->filter, js_get_text(v, "f"))))
        return dh_fail(
            err, DH_INVALID,
            "page token does not match the supplied sort by and/or filtering criteria. "
            "Either specify the same criteria or leave the latter empty if page token is "
            "specified");
    l->sort = kept(r, v, "s");
    l->filter = kept(r, v, "f");
    value = js_get(v, "v");
    l->ask.after = true;
    l->ask.after_id = js_get_int(v, "i", 0);
    l->ask.after_null = value == NULL;
    l->ask.value =
        (struct page_value){.is_text = js_is(value, JS_STRING),
                            .is_real = l->sort && !strncmp(l->sort, "metric:", 7),
                            .real = js_as_num(value, 0),
                            .number = js_as_int(value, 0),
                            .text = js_text(value) ? arena_strdup(r->arena, js_text(value)) : ""};
    return 0;
}

/* ---- arguments ---- */

/* Without blanks at both ends. */
static char *stripped(char *text)
{
    size_t n;

    text += strspn(text, " \t");
    n = strlen(text);
    while (n && strchr(" \t", text[n - 1]))
        text[--n] = '\0';
    return text;
}

/* "created_at desc" */
static int read_sort(struct req *r, struct listing *l, struct dh_err *err)
{
    char *text = stripped(arena_strdup(r->arena, l->sort ? l->sort : "")), *way;
    bool metric = !strncmp(text, "metric:", 7); /* its name is as it is, and may have blanks */

    way = strrchr(text, ' ');
    for (char *c = metric ? way : text; c && *c; c++)
        *c = (char)tolower((unsigned char)*c);
    if (way) {
        *way++ = '\0';
        text = stripped(text);
        if ((strcmp(way, "asc") != 0 && strcmp(way, "desc") != 0) || (!metric && strchr(text, ' ')))
            return dh_fail(err, DH_INVALID,
                           "Received invalid sort by format \"%s\". Supported format: "
                           "\"field_name\", \"field_name desc\", or \"field_name asc\"",
                           l->sort);
        l->ask.down = way[0] == 'd';
    }
    l->ask.sort = *text ? text : "created_at";
    if (!page_has_key(l->ask.kind, l->ask.sort) || *text == '#')
        return dh_fail(err, DH_INVALID, "Invalid sorting field: \"%s\"", text);
    return 0;
}

int listing_read(struct req *r, enum page_kind kind, struct listing *l, struct dh_err *err)
{
    const char *token = req_arg(r, "page_token");
    struct filter filter = {0};
    int64_t size;

    *l = (struct listing){
        .ask = {.kind = kind}, .filter = req_arg(r, "filter"), .sort = req_arg(r, "sort_by")};
    if (!l->sort)
        l->sort = req_arg(r, "order_by"); /* as lists of tasks have it */
    if (req_arg_int(r, "page_size", 0, &size, err) < 0)
        return -1;
    if (size < 0)
        return dh_fail(err, DH_INVALID, "The page size should be greater than 0. Got %lld",
                       (long long)size);
    l->ask.limit = size == 0 ? 20 : size > 200 ? 200 : (int)size;
    if ((token && listing_continue(r, token, l, err) < 0) || read_sort(r, l, err) < 0 ||
        (l->filter && filter_read(l->filter, kind, r->arena, &filter, err) < 0))
        return -1;
    l->predicates = arena_alloc(r->arena, (filter.n + LISTING_MORE) * sizeof *l->predicates);
    if (filter.n)
        (void)memcpy(l->predicates, filter.items, filter.n * sizeof *filter.items);
    l->ask.predicates = l->predicates;
    l->ask.n_predicates = filter.n;
    return 0;
}

void listing_where(struct req *r, struct listing *l, const char *key, const char *text,
                   int64_t number)
{
    struct page_value *value = arena_alloc(r->arena, sizeof *value);

    *value = (struct page_value){.is_text = text != NULL, .text = text, .number = number};
    l->predicates[l->ask.n_predicates++] =
        (struct page_predicate){.key = key, .op = PAGE_EQ, .values = value, .n = 1};
}

static const char *count_key(struct req *r, const struct listing *l)
{
    struct buf key = {0};
    const char *text;

    buf_addf(&key, "%d", (int)l->ask.kind);
    for (size_t i = 0; i < l->ask.n_predicates; i++) {
        const struct page_predicate *p = &l->ask.predicates[i];

        buf_addf(&key, "|%s %d", p->key, (int)p->op);
        for (size_t v = 0; v < p->n; v++)
            buf_addf(&key, " %lld:%s", (long long)p->values[v].number,
                     p->values[v].is_text ? p->values[v].text : "");
    }
    text = arena_strdup(r->arena, key.p);
    buf_done(&key);
    return text;
}

static int load(struct req *r, struct listing *l, struct dh_err *err)
{
    if (page_ids(r->store, &l->ask, r->arena, &l->page, err) < 0)
        return -1;
    if (!l->ask.after && !l->page.more) {
        l->total = (int64_t)l->page.n;
        return 0;
    }
    return counts_get(r->api->counts, r->store, &l->ask, count_key(r, l), &l->total, err);
}

int listing_answer(struct req *r, struct listing *l, const char *name, listing_item *item,
                   struct dh_err *err)
{
    struct jw *w;

    if (load(r, l, err) < 0)
        return -1;
    w = req_json(r);
    jw_begin(w, '{');
    if (l->page.n)
        jw_begin_in(w, name, '[');
    for (size_t i = 0; i < l->page.n; i++)
        if (item(r, l->page.ids[i], w, err) < 0)
            return -1;
    if (l->page.n)
        jw_end(w, ']');
    jw_opt_int(w, "total_size", l->total);
    jw_opt(w, "next_page_token", listing_token(r, l));
    jw_end(w, '}');
    return 0;
}
