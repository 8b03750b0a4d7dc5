#include "api/filter.h"

#include <stdlib.h>
#include <string.h>

#include "api/uri.h"
#include "base/js.h"

enum { MAX_PREDICATES = 50, MAX_VALUES = 1000 };

static const char *const op_names[] = {
    "OPERATION_UNSPECIFIED", "EQUALS",    "NOT_EQUALS",       "GREATER_THAN", NULL,
    "GREATER_THAN_EQUALS",   "LESS_THAN", "LESS_THAN_EQUALS", "IN",           "IS_SUBSTRING",
};
static const enum page_op ops[] = {
    [1] = PAGE_EQ, [2] = PAGE_NE, [3] = PAGE_GT, [5] = PAGE_GE,
    [6] = PAGE_LT, [7] = PAGE_LE, [8] = PAGE_IN, [9] = PAGE_SUBSTRING,
};
#define N_OPS (sizeof op_names / sizeof *op_names)

static const struct js *member(const struct js *object, const char *snake, const char *camel)
{
    const struct js *v = js_get(object, snake);

    return v ? v : js_get(object, camel);
}

static int read_op(const struct js *v, enum page_op *ret, struct dh_err *err)
{
    int64_t number = js_as_int(v, 0);

    for (size_t i = 1; js_text(v) && i < N_OPS; i++)
        if (op_names[i] && !strcmp(op_names[i], js_text(v)))
            number = (int64_t)i;
    if (number < 1 || number >= (int64_t)N_OPS || !op_names[number])
        return dh_fail(err, DH_INVALID,
                       "filter: an operation is EQUALS, NOT_EQUALS, GREATER_THAN, "
                       "GREATER_THAN_EQUALS, LESS_THAN, LESS_THAN_EQUALS, IN or IS_SUBSTRING");
    *ret = ops[number];
    return 0;
}

static int bad_value(struct dh_err *err)
{
    return dh_fail(err, DH_INVALID, "filter: a value has the wrong type");
}

/* int64 may be a text. */
static int read_number(const struct js *v, struct page_value *ret, struct dh_err *err)
{
    const char *text = js_text(v);
    char *end = NULL;

    if (text) {
        ret->number = strtoll(text, &end, 10);
        if (end == text || *end)
            return bad_value(err);
    } else if (js_is_num(v) && js_as_int(v, 0) == js_as_int(v, 1)) {
        ret->number = js_as_int(v, 0);
    } else {
        return bad_value(err);
    }
    return 0;
}

static int read_value(const struct js *v, bool text, struct arena *a, struct page_value *ret,
                      struct dh_err *err)
{
    *ret = (struct page_value){.is_text = text};
    if (!text)
        return read_number(v, ret, err);
    if (!js_text(v) || strlen(js_text(v)) != js_text_len(v))
        return bad_value(err);
    ret->text = arena_strdup(a, js_text(v));
    return 0;
}

static const struct {
    const char *snake, *camel;
    bool text, list;
} forms[] = {
    {"string_value", "stringValue", true, false},
    {"timestamp_value", "timestampValue", true, false},
    {"int_value", "intValue", false, false},
    {"long_value", "longValue", false, false},
    {"string_values", "stringValues", true, true},
    {"int_values", "intValues", false, true},
    {"long_values", "longValues", false, true},
};
#define N_FORMS (sizeof forms / sizeof *forms)

static bool known_member(const char *key)
{
    if (!strcmp(key, "operation") || !strcmp(key, "key"))
        return true;
    for (size_t i = 0; i < N_FORMS; i++)
        if (!strcmp(key, forms[i].snake) || !strcmp(key, forms[i].camel))
            return true;
    return false;
}

static int read_values(const struct js *predicate, struct arena *a, struct page_predicate *ret,
                       struct dh_err *err)
{
    size_t found = N_FORMS;
    struct page_value *values;
    const struct js *v = NULL;

    for (size_t i = 0; i < N_FORMS; i++) {
        const struct js *at = member(predicate, forms[i].snake, forms[i].camel);

        if (!at || js_is(at, JS_NULL))
            continue;
        if (v)
            return dh_fail(err, DH_INVALID, "filter: a predicate has one value");
        v = at;
        found = i;
    }
    if (!v)
        return dh_fail(err, DH_INVALID, "filter: the predicate of '%s' has no value", ret->key);
    if (ret->op == PAGE_IN && !forms[found].list)
        return dh_fail(err, DH_INVALID, "cannot use IN operator with scalar type %s",
                       forms[found].snake);
    if (ret->op != PAGE_IN && forms[found].list)
        return dh_fail(err, DH_INVALID, "cannot use scalar operator on array type %s",
                       forms[found].snake);
    if (ret->op == PAGE_SUBSTRING && !forms[found].text)
        return dh_fail(err, DH_INVALID,
                       "cannot use non string value type %s with operator IS_SUBSTRING",
                       forms[found].snake);
    if (forms[found].list)
        v = js_get(v, "values");
    ret->n = forms[found].list ? js_n(v) : 1;
    if (ret->n > MAX_VALUES || (forms[found].list && v && !js_is(v, JS_ARRAY)))
        return bad_value(err);
    ret->values = values = arena_alloc(a, (ret->n + 1) * sizeof *values);
    for (size_t i = 0; i < ret->n; i++)
        if (read_value(forms[found].list ? js_at(v, i) : v, forms[found].text, a, &values[i], err) <
            0)
            return -1;
    return 0;
}

static int read_predicate(const struct js *v, enum page_kind kind, struct arena *a,
                          struct page_predicate *ret, struct dh_err *err)
{
    const char *key = js_get_text(v, "key");

    if (!js_is(v, JS_OBJECT))
        return dh_fail(err, DH_INVALID, "filter: a predicate is an object");
    for (js_each(v, it))
        if (!known_member(it.key))
            return dh_fail(err, DH_INVALID, "filter: unknown field \"%s\"", it.key);
    if (!key || (!page_has_key(kind, key) && strncmp(key, "tags.", 5) != 0) || *key == '#')
        return dh_fail(err, DH_INVALID, "no support for filtering on unrecognized field \"%s\"",
                       key ? key : "");
    ret->key = arena_strdup(a, key);
    return read_op(js_get(v, "operation"), &ret->op, err) < 0 || read_values(v, a, ret, err) < 0
               ? -1
               : 0;
}

int filter_read(const char *text, enum page_kind kind, struct arena *a, struct filter *ret,
                struct dh_err *err)
{
    own(js_free) struct js *v = NULL;
    const struct js *predicates;
    struct filter filter = {0};

    if (*text == '%' && !(text = uri_decode(text, strlen(text), false, a)))
        return dh_fail(err, DH_INVALID, "filter: a bad escape");
    if (js_parse(text, strlen(text), &v, err) < 0)
        return dh_while(err, "failed to parse valid filter from \"%.200s\"", text);
    predicates = js_get(v, "predicates");
    if (!js_is(v, JS_OBJECT) || (predicates && !js_is(predicates, JS_ARRAY)) ||
        js_n(v) > (predicates ? 1 : 0))
        return dh_fail(err, DH_INVALID, "filter: expected {\"predicates\": [...]}");
    filter.n = js_n(predicates);
    if (filter.n > MAX_PREDICATES)
        return dh_fail(err, DH_INVALID, "filter: more than %d predicates", MAX_PREDICATES);
    filter.items = arena_alloc(a, (filter.n + 1) * sizeof *filter.items);
    for (size_t i = 0; i < filter.n; i++)
        if (read_predicate(js_at(predicates, i), kind, a, &filter.items[i], err) < 0)
            return -1;
    *ret = filter;
    return 0;
}
