/* A run's parameters: text to values, values against types, all of a pipeline's inputs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "spec/params.h"

static void text_becomes_a_value(void **state)
{
    static const struct {
        enum spec_param_type type;
        const char *text, *answer;
    } cases[] = {
        {PARAM_STRING, "", "\"\""},
        {PARAM_STRING, "12", "\"12\""},
        {PARAM_STRING, "{\"a\": 1}", "\"{\\\"a\\\": 1}\""},
        {PARAM_NUMBER_INTEGER, "12", "12"},
        {PARAM_NUMBER_INTEGER, "-9223372036854775808", "-9223372036854775808"},
        {PARAM_NUMBER_INTEGER, "+3", "3"},
        {PARAM_NUMBER_INTEGER, "5.0", "5.0"},
        {PARAM_NUMBER_INTEGER, "1e3", "1000.0"},
        {PARAM_NUMBER_INTEGER, "5.5", "expected NUMBER_INTEGER (a whole number), got '5.5'"},
        {PARAM_NUMBER_INTEGER, "", "expected NUMBER_INTEGER (a whole number), got ''"},
        {PARAM_NUMBER_INTEGER, " 1", "expected NUMBER_INTEGER (a whole number), got ' 1'"},
        {PARAM_NUMBER_INTEGER, "12x", "expected NUMBER_INTEGER (a whole number), got '12x'"},
        {PARAM_NUMBER_INTEGER, "9223372036854775808",
         "'9223372036854775808' does not fit in 64 bits"},
        {PARAM_NUMBER_DOUBLE, "0.25", "0.25"},
        {PARAM_NUMBER_DOUBLE, "3", "3"},
        {PARAM_NUMBER_DOUBLE, "1e-3", "0.001"},
        {PARAM_NUMBER_DOUBLE, "nan", "expected NUMBER_DOUBLE (a number), got 'nan'"},
        {PARAM_NUMBER_DOUBLE, "1e999", "expected NUMBER_DOUBLE (a number), got '1e999'"},
        {PARAM_NUMBER_DOUBLE, "0x10", "expected NUMBER_DOUBLE (a number), got '0x10'"},
        {PARAM_NUMBER_DOUBLE, "1-2", "expected NUMBER_DOUBLE (a number), got '1-2'"},
        {PARAM_BOOLEAN, "true", "true"},
        {PARAM_BOOLEAN, "False", "false"},
        {PARAM_BOOLEAN, "1", "expected BOOLEAN (true or false), got '1'"},
        {PARAM_LIST, "[1, \"a\"]", "[1,\"a\"]"},
        {PARAM_LIST, "{}", "expected LIST (a JSON array), got '{}'"},
        {PARAM_STRUCT, "{\"a\": null}", "{\"a\":null}"},
        {PARAM_STRUCT, "[1]", "expected STRUCT (a JSON object), got '[1]'"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        own(js_free) struct js *v = NULL;
        own_mem char *got = NULL;
        struct dh_err err = {0};

        if (spec_parse_param(cases[i].type, cases[i].text, &v, &err) < 0) {
            assert_int_equal(err.code, DH_INVALID);
            assert_string_equal(err.msg, cases[i].answer);
            continue;
        }
        got = js_dump(v, JS_COMPACT);
        assert_string_equal(got, cases[i].answer);
    }
}

static void broken_json_is_named(void **state)
{
    struct dh_err err = {0};
    struct js *v = NULL;

    (void)state;
    assert_int_equal(spec_parse_param(PARAM_LIST, "[1", &v, &err), -1);
    assert_memory_equal(err.msg, "expected LIST (a JSON array) as JSON: line 1", 44);
}

static const char pipeline[] =
    "components:\n"
    "  comp-a: {executorLabel: exec-a}\n"
    "deploymentSpec: {executors: {exec-a: {container: {image: x}}}}\n"
    "pipelineInfo: {name: demo}\n"
    "root:\n"
    "  dag: {tasks: {a: {componentRef: {name: comp-a}}}}\n"
    "  inputDefinitions:\n"
    "    parameters:\n"
    "      name: {parameterType: STRING}\n"
    "      count: {parameterType: NUMBER_INTEGER, defaultValue: 3.0}\n"
    "      rate: {parameterType: NUMBER_DOUBLE, isOptional: true}\n"
    "      struct: {parameterType: STRUCT, isOptional: true}\n"
    "      list: {parameterType: LIST, isOptional: true, defaultValue: null}\n"
    "      flag: {parameterType: BOOLEAN, isOptional: true}\n"
    "      size: {parameterType: STRING, literals: [s, m, l], "
    "defaultValue: m}\n"
    "schemaVersion: 2.1.0\n";

struct bind_case {
    const char *given, *answer;
};

static void check_binding(const char *text, const struct bind_case *cases, size_t n)
{
    own(spec_free) struct spec *spec = NULL;
    struct dh_err err = {0};

    if (spec_load_bytes("p.yaml", text, strlen(text), &spec, NULL, &err) < 0)
        fail_msg("%s", err.msg);
    for (size_t i = 0; i < n; i++) {
        own(js_free) struct js *given = NULL, *bound = NULL;
        own_mem char *got = NULL;

        assert_int_equal(js_parse(cases[i].given, strlen(cases[i].given), &given, &err), 0);
        if (spec_bind_params(spec, given, &bound, &err) < 0) {
            assert_int_equal(err.code, DH_INVALID);
            assert_string_equal(err.msg, cases[i].answer);
            continue;
        }
        got = js_dump(bound, JS_COMPACT);
        assert_string_equal(got, cases[i].answer);
    }
}

static void inputs_are_bound(void **state)
{
    static const struct bind_case cases[] = {
        {"{\"name\": \"x\"}", "{\"name\":\"x\",\"count\":3.0,\"size\":\"m\"}"},
        {"{\"name\": \"x\", \"count\": 5.0, \"rate\": 1, \"flag\": false, \"list\": [], "
         "\"struct\": {}, \"size\": \"l\"}",
         "{\"name\":\"x\",\"count\":5.0,\"rate\":1,\"struct\":{},\"list\":[],\"flag\":false,"
         "\"size\":\"l\"}"},
        {"{\"name\": \"x\", \"rate\": null}",
         "{\"name\":\"x\",\"count\":3.0,\"rate\":null,\"size\":\"m\"}"},
        {"null", "parameter 'name' (STRING) is required and was not given: -p name=VALUE"},
        {"{}", "parameter 'name' (STRING) is required and was not given: -p name=VALUE"},
        {"{\"name\": null}",
         "parameter 'name': expected STRING (a text), got null; it is not optional"},
        {"{\"name\": 3}", "parameter 'name': expected STRING (a text), got the integer 3"},
        {"{\"name\": \"x\", \"count\": 2.5}",
         "parameter 'count': expected NUMBER_INTEGER (a whole number), got the number 2.5"},
        {"{\"name\": \"x\", \"count\": \"3\"}",
         "parameter 'count': expected NUMBER_INTEGER (a whole number), got the string \"3\""},
        {"{\"name\": \"x\", \"struct\": [1]}",
         "parameter 'struct': expected STRUCT (a JSON object), got an array"},
        {"{\"name\": \"x\", \"flag\": 1}",
         "parameter 'flag': expected BOOLEAN (true or false), got the integer 1"},
        {"{\"name\": \"x\", \"size\": \"xl\"}",
         "parameter 'size': expected one of \"s\", \"m\", \"l\", got the string \"xl\""},
        {"{\"name\": \"x\", \"cuont\": 1}",
         "pipeline 'demo' has no parameter 'cuont'; it has: name (STRING), "
         "count (NUMBER_INTEGER), rate (NUMBER_DOUBLE), struct (STRUCT), list (LIST), flag "
         "(BOOLEAN), size (STRING); did you mean 'count'?"},
        {"[1]", "parameters must be a JSON object of names and values"},
    };

    (void)state;
    check_binding(pipeline, cases, sizeof cases / sizeof *cases);
}

static void a_pipeline_may_take_nothing(void **state)
{
    static const char text[] = "components: {comp-a: {executorLabel: exec-a}}\n"
                               "deploymentSpec: {executors: {exec-a: {container: {image: x}}}}\n"
                               "pipelineInfo: {name: bare}\n"
                               "root: {dag: {tasks: {a: {componentRef: {name: comp-a}}}}}\n"
                               "schemaVersion: 2.1.0\n";
    static const struct bind_case cases[] = {
        {"{}", "{}"},
        {"{\"x\": 1}", "pipeline 'bare' has no parameter 'x'; it takes none"},
    };

    (void)state;
    check_binding(text, cases, sizeof cases / sizeof *cases);
}

static void a_job_brings_its_own(void **state)
{
    struct buf text = {0};
    own_mem char *job = NULL;
    static const struct bind_case cases[] = {
        {"{}", "{\"name\":\"from the job\",\"count\":7,\"size\":\"m\"}"},
        {"{\"name\": \"given\"}", "{\"name\":\"given\",\"count\":7,\"size\":\"m\"}"},
    };

    (void)state;
    buf_adds(&text, "runtimeConfig:\n  parameterValues: {name: from the job, count: 7}\n"
                    "pipelineSpec:\n");
    for (const char *line = pipeline; *line; line = strchr(line, '\n') + 1)
        buf_addf(&text, "  %.*s", (int)(strchr(line, '\n') + 1 - line), line);
    job = buf_take(&text);
    check_binding(job, cases, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_becomes_a_value), cmocka_unit_test(broken_json_is_named),
        cmocka_unit_test(inputs_are_bound),     cmocka_unit_test(a_pipeline_may_take_nothing),
        cmocka_unit_test(a_job_brings_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
