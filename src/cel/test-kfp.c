/* KFP's uses: conditions over an executor input, selectors over a value, and how they are
 * explained. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "cel/cel.h"
#include "base/js.h"

static const char input_text[] =
    "{\"inputs\": {"
    "  \"parameterValues\": {\"pipelinechannel--flip-Output\": \"heads\", \"acc\": 0.87, \"n\": 5,"
    "    \"whole\": 5.0, \"frac\": 5.7, \"text\": \"5\", \"yes\": true, \"yes-text\": \"true\","
    "    \"list\": [1, 2], \"dict\": {\"k\": \"v\"}, \"none\": null},"
    "  \"artifacts\": {\"model\": {\"artifacts\": [{\"name\": \"model\","
    "    \"type\": {\"schemaTitle\": \"system.Model\"}, \"uri\": \"file:///m\","
    "    \"metadata\": {\"accuracy\": 0.95, \"framework\": \"x\"}}]}}},"
    " \"outputs\": {\"parameters\": {\"o\": {\"outputFile\": \"/tmp/o\"}}, \"outputFile\": "
    "\"/tmp/m\"}}";

static struct js *parse(const char *text)
{
    struct js *js = NULL;
    struct dh_err err = {0};

    if (js_parse(text, strlen(text), &js, &err) < 0)
        fail_msg("%s: %s", text, err.msg);
    return js;
}

#define P(name) "inputs.parameter_values['" name "']"
#define M "inputs.artifacts['model'].artifacts[0]"

static void test_condition(void **state)
{
    static const struct {
        const char *expr, *want;
    } rows[] = {
        {P("pipelinechannel--flip-Output") " == 'heads'", "true"},
        {P("pipelinechannel--flip-Output") "\n  != 'heads'", "false"},
        {"!(" P("pipelinechannel--flip-Output") " == 'heads')", "false"},
        {"int(" P("n") ") > 4 && int(" P("n") ") <= 5", "true"},
        {"int(" P("whole") ") == 5 && int(" P("frac") ") == 5 && int(" P("text") ") == 5", "true"},
        {"double(" P("acc") ") >= 0.9", "false"},
        {"double(" P("text") ") == 5.0", "true"},
        {P("n") " == 5 && " P("n") " == 5.0 && " P("n") " > 4", "true"},
        {P("n") " + 1 == 6", "!DH_FAILED no such overload: double + int; int(x) and double(x)"},
        {P("n") " + 1.0 == 6.0", "true"},
        {P("yes") " == true", "true"},
        {P("yes-text") " == true", "false"},
        {P("yes-text") " == 'true'", "true"},
        {P("yes"), "true"},
        {"int(" P("yes") ") == 1", "!DH_FAILED no such overload: int(bool)"},
        {P("none") " == null", "true"},
        {P("list") " == [1, 2] && size(" P("list") ") == 2 && 2 in " P("list"), "true"},
        {P("dict") ".k == 'v' && inputs.parameter_values.dict['k'] == 'v'", "true"},
        {"'acc' in inputs.parameter_values && !('bcc' in inputs.parameter_values)", "true"},
        {"has(inputs.parameter_values.acc) && !has(inputs.parameter_values.bcc)", "true"},
        {"has(inputs.artifacts) && !has(inputs.parameters) && has(inputs.artifacts.model)", "true"},
        {"inputs.parameter_values.exists(k, k == 'acc')", "true"},
        {M ".metadata['accuracy'] * 100.0 > 90.0", "true"},
        {M ".metadata.framework == 'x' && " M ".type.schema_title == 'system.Model'", "true"},
        {M ".uri.startsWith('file:') && " M ".custom_path == '' && " M ".type.schema_uri == ''",
         "true"},
        {"inputs.artifacts['model'].artifacts.all(a, a.metadata['accuracy'] > 0.9)", "true"},
        {"inputs == inputs && outputs == outputs", "true"},
        {"outputs.parameters['o'].output_file == '/tmp/o' && outputs.output_file == '/tmp/m'",
         "true"},
        {"size(inputs.artifacts) == 1 && size(outputs.artifacts) == 0", "true"},
        {P("missing") " == 'x'", "!DH_FAILED no such key: missing"},
        {P("missing") " == 'x' || true", "true"},
        {"inputs.parameters['pipelineparam--x'].string_value == 'true'", "!DH_FAILED no such key"},
        {"inputs.artifacts['model'].artifacts[1].uri == ''", "!DH_FAILED index out of bounds"},
        {P("n"), "!DH_FAILED a condition gives true or false; this gave a value of type double"},
        {"int(" P("n") ") > 4.5", "!DH_INVALID found no matching overload for '_>_'"},
        {"inputs.parameter_value['n'] == 5", "!DH_INVALID undefined field 'parameter_value'"},
        {P("n") " == ", "!DH_INVALID expected an expression, found the end of the expression"},
        {"parseJson('{\"a\": ' + string(" P("n") ") + '}').a == 5", "true"},
    };
    own(js_free) struct js *input = parse(input_text);

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct dh_err err = {0};
        bool got = false;
        int r = cel_condition(rows[i].expr, input, &got, &err);
        own_mem char *text = r == 0 ? dh_strdup(got ? "true" : "false")
                                    : dh_printf("!%s %s",
                                                err.code == DH_FAILED    ? "DH_FAILED"
                                                : err.code == DH_INVALID ? "DH_INVALID"
                                                                         : "?",
                                                err.msg);
        const char *space = strchr(rows[i].want, ' ');
        bool good = space ? strncmp(text, rows[i].want, (size_t)(space - rows[i].want)) == 0 &&
                                strstr(text, space + 1)
                          : strcmp(text, rows[i].want) == 0;

        if (!good)
            fail_msg("%s\n  want %s\n  got  %s", rows[i].expr, rows[i].want, text);
    }
}

static void test_no_input(void **state)
{
    own(js_free) struct js *empty = js_object();
    struct dh_err err = {0};
    bool got = true;

    (void)state;
    assert_int_equal(cel_condition(P("x") " == 1", empty, &got, &err), -1);
    assert_string_equal(err.msg, "condition `" P("x") " == 1`: 1:1: no such key: x");
    assert_int_equal(cel_condition("size(inputs.artifacts) == 0", NULL, &got, &err), 0);
    assert_true(got);
}

static void test_select(void **state)
{
    static const struct {
        const char *value, *expr, *want;
    } rows[] = {
        {"{\"a\": {\"b\": [1, 2.5]}}", "struct_value.a.b[1]", "2.5"},
        {"{\"a\": 5}", "struct_value.a", "5"},
        {"{\"a\": 5}", "parseJson(string_value).a", "5"},
        {"{\"a\": 5}", "parseJson(string_value)[\"a\"] + 0.5", "5.5"},
        {"{\"b\": 1.0, \"a\": \"<&>\"}", "string_value",
         "\"{\\\"a\\\":\\\"\\\\u003c\\\\u0026\\\\u003e\\\",\\\"b\\\":1}\""},
        {"[1.0, 2, \"x\"]", "string_value", "\"[1,2,\\\"x\\\"]\""},
        {"\"{\\\"A_a\\\": \\\"heads\\\"}\"", "parseJson(string_value)[\"A_a\"]", "\"heads\""},
        {"5", "string_value", "\"5\""},
        {"5.5", "string_value", "\"5.5\""},
        {"1e21", "string_value", "\"1000000000000000000000\""},
        {"5", "number_value", "5"},
        {"5", "number_value * 2.0", "10"},
        {"true", "string_value + '!'", "\"true!\""},
        {"true", "!bool_value", "false"},
        {"null", "null_value == null && string_value == ''", "true"},
        {"[3, 4]", "list_value[0]", "3"},
        {"[3, 4]", "list_value.map(x, x + 1.0)", "[4,5]"},
        {"[3, 4]", "{'sum': list_value[0] + list_value[1]}", "{\"sum\":7}"},
        {"\"x\"", "struct_value", "!no such attribute: struct_value (the value is of type string)"},
        {"\"x\"", "struct_value.a", "!no such attribute: struct_value"},
        {"{\"a\": 1}", "struct_value.b", "!no such key: b (there is 'a')"},
        {"\"{\"", "parseJson(string_value).a", "!failed to unmarshal JSON"},
        {"5", "x", "!undeclared reference to 'x'"},
        {"5", "type(5)", "!a value of type type cannot be a parameter"},
        {"5", "duration('1s')", "!a value of type google.protobuf.Duration cannot be a parameter"},
        {"5", "5 +", "!parameterExpressionSelector `5 +`: 1:4: expected an expression"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        own(js_free) struct js *value = parse(rows[i].value), *got = NULL;
        struct dh_err err = {0};
        int r = cel_select(rows[i].expr, value, &got, &err);
        own_mem char *text = r < 0 ? dh_printf("!%s", err.msg) : js_dump(got, JS_COMPACT);

        if (*rows[i].want == '!' ? *text != '!' || !strstr(text, rows[i].want + 1)
                                 : strcmp(text, rows[i].want) != 0)
            fail_msg("%s of %s\n  want %s\n  got  %s", rows[i].expr, rows[i].value, rows[i].want,
                     text);
    }
}

static void test_explain(void **state)
{
    static const struct {
        const char *expr, *want;
    } rows[] = {
        {P("pipelinechannel--flip-Output") "\n   == 'tails'",
         "flip-Output == 'tails' was false: flip-Output = \"heads\""},
        {"double(" P("acc") ") >= 0.9 && " P("n") " > 1 || double(" P("acc") ") > 0.5",
         "double(acc) >= 0.9 && n > 1 || double(acc) > 0.5 was true: acc = 0.87, n = 5"},
        {P("dict") ".k == 'w'", "dict.k == 'w' was false: dict.k = \"v\""},
        {M ".metadata['accuracy'] > 0.99",
         M ".metadata['accuracy'] > 0.99 was false: " M ".metadata['accuracy'] = 0.95"},
        {P("gone") " == 1",
         "gone == 1 failed (no such key: gone (there is "
         "'pipelinechannel--flip-Output', 'acc', 'n', 'whole', 'frac', …)): gone "
         "= (missing)"},
        {"true", "true was true"},
        {P("n"), "n was of type double, not true or false: n = 5"},
        {"1 +", "not a condition: 1:4: expected an expression, found the end of the expression"},
    };
    own(js_free) struct js *input = parse(input_text);

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        own_buf struct buf got = {0};

        cel_explain(rows[i].expr, input, &got);
        assert_string_equal(buf_str(&got), rows[i].want);
    }
}

/* A long value is cut between characters. */
static void test_explain_long(void **state)
{
    own(js_free) struct js *input = parse("{\"inputs\": {\"parameterValues\": {}}}");
    own_buf struct buf long_text = {0}, got = {0};

    (void)state;
    for (int i = 0; i < 100; i++)
        buf_adds(&long_text, "é");
    js_set(js_path(input, "inputs", "parameterValues", NULL), "x", js_str(buf_str(&long_text)));
    cel_explain(P("x") " == ''", input, &got);
    assert_non_null(strstr(buf_str(&got), "é…"));
    assert_true(got.n < 120);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_condition),    cmocka_unit_test(test_no_input),
        cmocka_unit_test(test_select),       cmocka_unit_test(test_explain),
        cmocka_unit_test(test_explain_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
