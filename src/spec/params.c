#include "spec/params.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "spec/spec-priv.h"

/* ---- types ---- */

static const char *type_in_words(enum spec_param_type type)
{
    switch (type) {
    case PARAM_NUMBER_DOUBLE:
        return "NUMBER_DOUBLE (a number)";
    case PARAM_NUMBER_INTEGER:
        return "NUMBER_INTEGER (a whole number)";
    case PARAM_STRING:
        return "STRING (a text)";
    case PARAM_BOOLEAN:
        return "BOOLEAN (true or false)";
    case PARAM_LIST:
        return "LIST (a JSON array)";
    case PARAM_STRUCT:
        return "STRUCT (a JSON object)";
    case PARAM_TASK_FINAL_STATUS:
        return "TASK_FINAL_STATUS (a JSON object)";
    case PARAM_TASK_CONFIG:
        return "TASK_CONFIG (a JSON object)";
    case PARAM_UNSPECIFIED:
        break;
    }
    return "a value";
}

static bool is_whole(const struct js *v)
{
    double d = js_as_num(v, 0.5);

    return js_is(v, JS_INT) || (js_is(v, JS_REAL) && isfinite(d) && d == floor(d));
}

bool spec_param_fits(enum spec_param_type type, const struct js *v)
{
    switch (type) {
    case PARAM_NUMBER_DOUBLE:
        return js_is_num(v);
    case PARAM_NUMBER_INTEGER:
        return is_whole(v);
    case PARAM_STRING:
        return js_is(v, JS_STRING);
    case PARAM_BOOLEAN:
        return js_is(v, JS_BOOL);
    case PARAM_LIST:
        return js_is(v, JS_ARRAY);
    case PARAM_STRUCT:
    case PARAM_TASK_FINAL_STATUS:
    case PARAM_TASK_CONFIG:
        return js_is(v, JS_OBJECT);
    case PARAM_UNSPECIFIED:
        break;
    }
    return true;
}

/* "an array", "the string "abc"", "the number 3": short, for messages. */
static void say_value(const struct js *v, struct buf *to)
{
    own_buf struct buf text = {.max = 60};

    if (js_is(v, JS_ARRAY)) {
        buf_adds(to, "an array");
    } else if (js_is(v, JS_OBJECT)) {
        buf_adds(to, "an object");
    } else if (js_is(v, JS_NULL)) {
        buf_adds(to, "null");
    } else {
        js_write(v, JS_COMPACT, &text);
        buf_addf(to, "the %s %s%s", js_kind_name(v), buf_str(&text), text.truncated ? "..." : "");
    }
}

static int check_literals(const struct component_inputs_parameter_spec *input, const struct js *v,
                          struct dh_err *err)
{
    own_buf struct buf list = {.max = 400};
    own_buf struct buf got = {0};

    if (input->literals.n == 0)
        return 0;
    for (size_t i = 0; i < input->literals.n; i++) {
        if (js_equal(input->literals.items[i], v))
            return 0;
        if (i)
            buf_adds(&list, ", ");
        js_write(input->literals.items[i], JS_COMPACT, &list);
    }
    say_value(v, &got);
    return dh_fail(err, DH_INVALID, "parameter '%.100s': expected one of %s, got %s", input->name,
                   buf_str(&list), buf_str(&got));
}

int spec_check_value(const struct component_inputs_parameter_spec *input, const struct js *value,
                     struct dh_err *err)
{
    own_buf struct buf got = {0};

    if (js_is(value, JS_NULL)) {
        if (input->is_optional)
            return 0;
        return dh_fail(err, DH_INVALID,
                       "parameter '%.100s': expected %s, got null; it is not optional", input->name,
                       type_in_words(input->parameter_type));
    }
    if (!spec_param_fits(input->parameter_type, value)) {
        say_value(value, &got);
        return dh_fail(err, DH_INVALID, "parameter '%.100s': expected %s, got %s", input->name,
                       type_in_words(input->parameter_type), buf_str(&got));
    }
    return check_literals(input, value, err);
}

/* ---- text ---- */

static int fail_text(enum spec_param_type type, const char *text, struct dh_err *err)
{
    return dh_fail(err, DH_INVALID, "expected %s, got '%.80s'", type_in_words(type), text);
}

static int parse_json(enum spec_param_type type, const char *text, struct js **ret,
                      struct dh_err *err)
{
    own(js_free) struct js *v = NULL;

    if (js_parse(text, strlen(text), &v, err) < 0)
        return dh_while(err, "expected %s as JSON", type_in_words(type));
    if (!spec_param_fits(type, v))
        return fail_text(type, text, err);
    *ret = take(&v);
    return 0;
}

static int parse_integer(const char *text, struct js **ret, struct dh_err *err)
{
    char *end;
    long long i;

    if (!*text || strchr(" \t\n\r\v\f", *text))
        return fail_text(PARAM_NUMBER_INTEGER, text, err);
    errno = 0;
    i = strtoll(text, &end, 10);
    if (end != text && *end == '\0') {
        if (errno == ERANGE)
            return dh_fail(err, DH_INVALID, "'%.80s' does not fit in 64 bits", text);
        *ret = js_int(i);
        return 0;
    }
    return parse_json(PARAM_NUMBER_INTEGER, text, ret, err) < 0
               ? fail_text(PARAM_NUMBER_INTEGER, text, err)
               : 0;
}

static int parse_double(const char *text, struct js **ret, struct dh_err *err)
{
    char *end;
    double d;

    /* Decimal forms alone: strtod would read "inf", "nan" and "0x1p3" too. */
    if (!*text || text[strspn(text, "+-0123456789.eE")])
        return fail_text(PARAM_NUMBER_DOUBLE, text, err);
    d = strtod(text, &end);
    if (end == text || *end || !isfinite(d))
        return fail_text(PARAM_NUMBER_DOUBLE, text, err);
    *ret = text[strspn(text, "+-0123456789")] ? js_real(d) : js_num(d);
    return 0;
}

int spec_parse_param(enum spec_param_type type, const char *text, struct js **ret,
                     struct dh_err *err)
{
    switch (type) {
    case PARAM_STRING:
        *ret = js_str(text);
        return 0;
    case PARAM_NUMBER_INTEGER:
        return parse_integer(text, ret, err);
    case PARAM_NUMBER_DOUBLE:
        return parse_double(text, ret, err);
    case PARAM_BOOLEAN:
        if (strcmp(text, "true") == 0 || strcmp(text, "True") == 0)
            *ret = js_bool(true);
        else if (strcmp(text, "false") == 0 || strcmp(text, "False") == 0)
            *ret = js_bool(false);
        else
            return fail_text(type, text, err);
        return 0;
    case PARAM_LIST:
    case PARAM_STRUCT:
    case PARAM_TASK_FINAL_STATUS:
    case PARAM_TASK_CONFIG:
    case PARAM_UNSPECIFIED:
        break;
    }
    return parse_json(type, text, ret, err);
}

/* ---- a run's parameters ---- */

const struct component_inputs_parameter_spec *spec_root_param(const struct spec *spec,
                                                              const char *name, struct dh_err *err)
{
    const struct component_inputs_parameter_map *map =
        &spec->pipeline.root.input_definitions.parameters;
    const struct component_inputs_parameter_spec *input = spec_find(map, name);
    own_buf struct buf list = {.max = 400};
    char hint[SPEC_HINT];

    if (input)
        return input;
    for (size_t i = 0; i < map->n && !list.truncated; i++)
        buf_addf(&list, "%s%s (%s)", i ? ", " : "", map->items[i].name,
                 spec_param_type_name(map->items[i].parameter_type));
    if (map->n == 0)
        (void)dh_fail(err, DH_NOT_FOUND,
                      "pipeline '%.100s' has no parameter '%.100s'; it takes none",
                      spec->pipeline.pipeline_info.name, name);
    else
        (void)dh_fail(err, DH_NOT_FOUND,
                      "pipeline '%.100s' has no parameter '%.100s'; it has: %s%s%s",
                      spec->pipeline.pipeline_info.name, name, buf_str(&list),
                      list.truncated ? "..." : "", spec_hint_in(map, name, hint));
    return NULL;
}

static int check_names(const struct spec *spec, const struct js *given, struct dh_err *err)
{
    for (js_each(given, it)) {
        if (!spec_root_param(spec, it.key, err)) {
            if (err)
                err->code = DH_INVALID;
            return -1;
        }
    }
    return 0;
}

/* The value for one input, borrowed: given, else the job's, else its default; NULL: none. */
static const struct js *value_for(const struct spec *spec,
                                  const struct component_inputs_parameter_spec *input,
                                  const struct js *given)
{
    const struct js *v = js_get(given, input->name);
    const struct value_entry *e;

    if (v)
        return v;
    e = spec->job ? spec_find(&spec->job->runtime_config.parameter_values, input->name) : NULL;
    if (e)
        return e->value;
    return js_is(input->default_value, JS_NULL) ? NULL : input->default_value;
}

int spec_bind_params(const struct spec *spec, const struct js *given, struct js **ret,
                     struct dh_err *err)
{
    const struct component_inputs_parameter_map *map =
        &spec->pipeline.root.input_definitions.parameters;
    own(js_free) struct js *bound = js_object();

    if (given && !js_is(given, JS_NULL) && !js_is(given, JS_OBJECT))
        return dh_fail(err, DH_INVALID, "parameters must be a JSON object of names and values");
    if (check_names(spec, given, err) < 0)
        return -1;
    for (size_t i = 0; i < map->n; i++) {
        const struct component_inputs_parameter_spec *input = &map->items[i];
        const struct js *v = value_for(spec, input, given);

        if (!v && input->is_optional)
            continue;
        if (!v)
            return dh_fail(err, DH_INVALID,
                           "parameter '%.100s' (%s) is required and was not given: -p %.100s=VALUE",
                           input->name, spec_param_type_name(input->parameter_type), input->name);
        if (v != input->default_value && spec_check_value(input, v, err) < 0)
            return -1;
        js_set(bound, input->name, js_copy(v));
    }
    *ret = take(&bound);
    return 0;
}
