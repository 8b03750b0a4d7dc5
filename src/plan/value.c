/* value - a parameter's value as its declared type has it. */
#include "base/js.h"
#include "base/mem.h"
#include "plan/placeholder.h"
#include "plan/value.h"

static bool whole_real(const struct js *v)
{
    own(js_free) struct js *n = js_is(v, JS_REAL) ? js_num(js_as_num(v, 0)) : NULL;

    return js_is(n, JS_INT);
}

static bool has_whole_real(const struct js *v)
{
    for (size_t i = 0; js_is(v, JS_ARRAY) && i < js_n(v); i++)
        if (has_whole_real(js_at(v, i)))
            return true;
    for (js_each(v, it))
        if (has_whole_real(it.value))
            return true;
    return whole_real(v);
}

/* 1 for 1.0, at any depth. The SDK writes the integers of a list or struct as 1.0 into the
 * pipeline, and KFP hands them on as 1. */
static struct js *whole_numbers(const struct js *v)
{
    struct js *made;

    if (!has_whole_real(v))
        return js_ref(v);
    if (js_is(v, JS_REAL))
        return js_num(js_as_num(v, 0));
    made = js_is(v, JS_ARRAY) ? js_array() : js_object();
    for (size_t i = 0; js_is(v, JS_ARRAY) && i < js_n(v); i++)
        js_push(made, whole_numbers(js_at(v, i)));
    for (js_each(v, it))
        js_set(made, it.key, whole_numbers(it.value));
    return made;
}

struct js *value_as(enum spec_param_type type, const struct js *v)
{
    if (type == PARAM_STRING && !js_is(v, JS_STRING) && !js_is(v, JS_NULL)) {
        own_mem char *text = placeholder_text(v);

        return js_str(text);
    }
    if (type == PARAM_NUMBER_DOUBLE)
        return js_is(v, JS_INT) ? js_real(js_as_num(v, 0)) : js_ref(v);
    return whole_numbers(v);
}
