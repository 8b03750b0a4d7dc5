/* What a task is given and what its answer becomes: inputs and their types, placeholders, command
 * lines, executor input and output, fingerprints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/js.h"
#include "base/mem.h"
#include "plan/executor_input.h"
#include "plan/fingerprint.h"
#include "plan/placeholder.h"
#include "plan/test-play.h"

static struct js *parse(const char *text)
{
    struct js *v = NULL;
    struct dh_err err;

    if (js_parse(text, strlen(text), &v, &err) < 0)
        fail_msg("%s: %s", text, err.msg);
    return v;
}

/* ---- inputs ---- */

/* One task `t` of component `c` (or another) with these inputs, after `p` which gave `answer`. */
static void test_inputs(void **state)
{
    static const struct {
        const char *name, *inputs, *answer, *want;
    } rows[] = {
        {"text stays text", "x: {taskOutputParameter: {producerTask: p, outputParameterKey: o}}",
         "{\"o\": \"5\"}", "{\"x\":\"5\"}"},
        {"an integer for a text",
         "x: {taskOutputParameter: {producerTask: p, outputParameterKey: n}}", "{\"n\": 5}",
         "{\"x\":\"5\"}"},
        {"a whole real for a text",
         "x: {taskOutputParameter: {producerTask: p, outputParameterKey: r}}", "{\"r\": 5.0}",
         "{\"x\":\"5\"}"},
        {"a list for a text", "x: {taskOutputParameter: {producerTask: p, outputParameterKey: l}}",
         "{\"l\": [1, \"a\", null]}", "{\"x\":\"[1,\\\"a\\\",null]\"}"},
        {"whole reals in a list for a text",
         "x: {taskOutputParameter: {producerTask: p, outputParameterKey: l}}",
         "{\"l\": [1.0, 2.5, {\"k\": -3.0}]}", "{\"x\":\"[1,2.5,{\\\"k\\\":-3}]\"}"},
        {"a struct for a text",
         "x: {taskOutputParameter: {producerTask: p, outputParameterKey: m}}",
         "{\"m\": {\"k\": true}}", "{\"x\":\"{\\\"k\\\":true}\"}"},
        {"a boolean for a text",
         "x: {taskOutputParameter: {producerTask: p, outputParameterKey: b}}", "{\"b\": true}",
         "{\"x\":\"true\"}"},
        {"a whole real for an integer",
         "n: {taskOutputParameter: {producerTask: p, outputParameterKey: r}}", "{\"r\": 5.0}",
         "{\"n\":5}"},
        {"whole reals in a list, as the SDK writes integers",
         "l: {runtimeValue: {constant: [1.0, -2.0, 2.5, {k: [3.0]}, 1.0e+300]}}", "{}",
         "{\"l\":[1,-2,2.5,{\"k\":[3]},1e+300]}"},
        {"whole reals in a struct",
         "m: {taskOutputParameter: {producerTask: p, outputParameterKey: m}}",
         "{\"m\": {\"k\": 1.0, \"z\": {\"y\": 2.0}}}", "{\"m\":{\"k\":1,\"z\":{\"y\":2}}}"},
        {"an integer for a real",
         "r: {taskOutputParameter: {producerTask: p, outputParameterKey: n}}", "{\"n\": 5}",
         "{\"r\":5.0}"},
        {"a broken number for an integer",
         "n: {taskOutputParameter: {producerTask: p, outputParameterKey: r}}", "{\"r\": 5.5}",
         "FAILED: "},
        {"text for a list", "l: {taskOutputParameter: {producerTask: p, outputParameterKey: o}}",
         "{\"o\": \"text\"}", "FAILED: "},
        {"text for a boolean", "b: {taskOutputParameter: {producerTask: p, outputParameterKey: o}}",
         "{\"o\": \"true\"}", "FAILED: "},
        {"an optional one that is not there",
         "x: {taskOutputParameter: {producerTask: p, outputParameterKey: o}}", "{}", "{}"},
        {"a constant", "x: {runtimeValue: {constant: v}}", NULL, "{\"x\":\"v\"}"},
        {"any Unicode", "x: {runtimeValue: {constant: 'h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xab'}}",
         NULL, "{\"x\":\"h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xab\"}"},
        {"the run's input", "x: {componentInputParameter: text}", NULL, "{\"x\":\"hello\"}"},
        {"the run's number", "n: {componentInputParameter: number}", NULL, "{\"n\":7}"},
        {"a selector",
         "x: {taskOutputParameter: {producerTask: p, outputParameterKey: m}, "
         "parameterExpressionSelector: 'parseJson(string_value)[\"k\"]'}",
         "{\"m\": {\"k\": \"inside\"}}", "{\"x\":\"inside\"}"},
        {"a selector that finds nothing",
         "x: {taskOutputParameter: {producerTask: p, outputParameterKey: m}, "
         "parameterExpressionSelector: 'parseJson(string_value)[\"z\"]'}",
         "{\"m\": {\"k\": 1}}", "FAILED: input 'x': selector parseJson(string_value)[\"z\"]: "},
        {"another input inside a constant",
         "n: {taskOutputParameter: {producerTask: p, outputParameterKey: n}}, x: {runtimeValue: "
         "{constant: 'v{{$.inputs.parameters[''n'']}}-{{$.pipeline_job_name}}'}}",
         "{\"n\": 3}", "{\"n\":3,\"x\":\"v3-job\"}"},
        {"and inside a struct",
         "n: {taskOutputParameter: {producerTask: p, outputParameterKey: n}}, m: {runtimeValue: "
         "{constant: {k: ['{{$.inputs.parameters[''n'']}}']}}}",
         "{\"n\": 3}", "{\"m\":{\"k\":[\"3\"]},\"n\":3}"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        own_mem char *yaml = dh_printf(
            "root:\n  inputDefinitions: {parameters: {text: {parameterType: STRING, defaultValue: "
            "hello}, number: {parameterType: NUMBER_INTEGER}}}\n  dag:\n    tasks:\n"
            "      p: {taskInfo: {name: p}, componentRef: {name: p}}\n"
            "      t: {taskInfo: {name: t}, componentRef: {name: c}, inputs: {parameters: {%s}}}\n",
            rows[i].inputs);
        own_mem char *answers =
            dh_printf("{\"root.p\": %s}", rows[i].answer ? rows[i].answer : "{}");
        const struct play play = {
            .yaml = yaml, .answers = answers, .parameters = "{\"number\": 7}"};
        own_mem char *trace = play_trace(&play);
        own_mem char *want = strncmp(rows[i].want, "FAILED", 6)
                                 ? dh_printf("root.t RUNNING %s {}\n", rows[i].want)
                                 : dh_printf("root.t %s", rows[i].want);

        if (!strstr(trace, want))
            fail_msg("%s: no %s in:\n%s", rows[i].name, want, trace);
    }
}

static void test_artifact_inputs(void **state)
{
    static const char yaml[] =
        "root:\n  dag:\n    tasks:\n"
        "      p: {taskInfo: {name: p}, componentRef: {name: p}}\n"
        "      t: {taskInfo: {name: t}, componentRef: {name: needa}, dependentTasks: [p], inputs: "
        "{artifacts: {a: {taskOutputArtifact: {producerTask: p, outputArtifactKey: a}}}}, "
        "triggerPolicy: {strategy: ALL_UPSTREAM_TASKS_COMPLETED}}\n";
    const struct play missing = {.yaml = yaml, .answers = "{\"root.p\": \"FAILED: why\"}"};
    own_mem char *trace = play_trace(&missing);
    (void)state;

    assert_non_null(
        strstr(trace, "root.t FAILED: input artifact 'a': task 'p' gave no output 'a'"));
}

/* ---- a leaf to look into ---- */

#define LEAF(component, inputs)                                                                    \
    "root:\n  dag:\n    tasks:\n      t: {taskInfo: {name: shown}, componentRef: "                 \
    "{name: " component "}, inputs: {parameters: {" inputs "}}}\n"

static const struct exec_paths paths = {"/root/t", "/run/out", "/run/out.json"};

static void test_placeholders(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"plain { {{ }} $", "plain { {{ }} $"},
        {"{{$.inputs.parameters['x']}}", "text"},
        {"{{$.inputs.parameters[''x'']}}", "text"},
        {"{{$.inputs.parameters[\"x\"]}}", "text"},
        {"<{{$.inputs.parameters['n']}}>{{$.inputs.parameters['r']}}", "<5>0.5"},
        {"{{$.inputs.parameters['b']}} {{$.inputs.parameters['l']}}", "true [1,2]"},
        {"{{$.inputs.parameters['m']}}", "{\"k\":\"\xc3\xa9\"}"},
        {"{{$.inputs.parameters['none']}}", "null"},
        {"{{$.pipeline_job_name}} {{$.pipeline_job_resource_name}} {{$.pipeline_job_uuid}}",
         "job resource run-id"},
        {"{{$.pipeline_task_name}} {{$.pipeline_task_uuid}} {{$.pipeline_root}}",
         "t task-id /root"},
        {"{{$.pipeline_job_create_time_utc}} {{$.pipeline_job_schedule_time_utc}}",
         "2026-01-02T03:04:05Z 2026-01-02T03:04:06Z"},
        {"{{$.outputs.output_file}} {{$.outputMetadataUri}}", "/run/out.json /run/out.json"},
        {"{{$.unknown}} {{$.inputs}}", "{{$.unknown}} {{$.inputs}}"},
        {"{{$.inputs.parameters['x']", "{{$.inputs.parameters['x']"},
        {"{{$.inputs.parameters['x'}}", "{{$.inputs.parameters['x'}}"},
        {"{{$.inputs.parameters['q'].json_escape[1]}}", "a \\\"q\\\""},
        {"{{$.workspace_path}}/f", "{{$.workspace_path}}/f"},
        {"", ""},
    };
    static const struct play play = {
        .yaml =
            LEAF("c", "x: {runtimeValue: {constant: text}}, n: {runtimeValue: {constant: 5}}, "
                      "r: {runtimeValue: {constant: 0.5}}, b: {runtimeValue: {constant: true}}, "
                      "l: {runtimeValue: {constant: [1, 2]}}, "
                      "m: {runtimeValue: {constant: {k: \"\\u00e9\"}}}")};
    own_played struct played p;
    own(js_free) struct js *input = NULL;
    (void)state;

    play_until(&play, "root.t", &p);
    assert_non_null(p.leaf);
    input = executor_input_build(p.leaf, &paths);
    js_set(js_path(input, "inputs", "parameterValues", NULL), "q", js_str("a \"q\""));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        own_buf struct buf b = {0};

        placeholder_expand(rows[i].text, p.plan, p.leaf, "task-id", input, &b);
        assert_string_equal(buf_str(&b), rows[i].want);
    }
}

static void test_struct_placeholders(void **state)
{
    static const struct {
        const char *element, *want;
    } rows[] = {
        {"plain", "[\"plain\"]"},
        {"{\"Concat\": [\"a\", \"b\"]}", "[\"ab\"]"},
        {"{\"Concat\": [\"--x=\", \"{{$.inputs.parameters['x']}}\"]}",
         "[\"--x={{$.inputs.parameters['x']}}\"]"},
        {"{\"Concat\": [\"a\", {\"Concat\": [\"b\", {\"IfPresent\": {\"InputName\": \"x\", "
         "\"Then\": "
         "\"c\"}}]}]}",
         "[\"abc\"]"},
        {"{\"IfPresent\": {\"InputName\": \"x\", \"Then\": [\"-x\", \"1\"]}}", "[\"-x\",\"1\"]"},
        {"{\"IfPresent\": {\"InputName\": \"gone\", \"Then\": [\"-x\"]}}", "[]"},
        {"{\"IfPresent\": {\"InputName\": \"null\", \"Then\": [\"-x\"], \"Else\": \"no\"}}",
         "[\"no\"]"},
        {"{\"IfPresent\": {\"InputName\": \"art\", \"Then\": [\"-a\"]}}", "[\"-a\"]"},
        {"{\"IfPresent\": {\"InputName\": \"false\", \"Then\": [\"-f\"]}}", "[\"-f\"]"},
        {"{\"Concat\": [\"a\", \"b\"", "[\"{\\\"Concat\\\": [\\\"a\\\", \\\"b\\\"\"]"},
        {"{\"Other\": 1}", "[\"{\\\"Other\\\": 1}\"]"},
    };
    own(js_free) struct js *input =
        parse("{\"inputs\": {\"parameterValues\": {\"x\": 1, \"null\": null, \"false\": false}, "
              "\"artifacts\": {\"art\": {\"artifacts\": []}}}}");
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        own(js_free) struct js *list = js_array();
        own_mem char *text = NULL;

        placeholder_struct(rows[i].element, input, list);
        text = js_dump(list, JS_COMPACT);
        assert_string_equal(text, rows[i].want);
    }
}

static void test_paths(void **state)
{
    static const struct {
        const char *artifact, *want;
    } rows[] = {
        {"{\"uri\": \"/a/b\"}", "/a/b"},
        {"{\"uri\": \"file:///a/b\"}", "/a/b"},
        {"{\"uri\": \"gs://bucket/x\"}", "/gcs/bucket/x"},
        {"{\"uri\": \"s3://bucket/x\"}", "/s3/bucket/x"},
        {"{\"uri\": \"minio://bucket/x\"}", "/minio/bucket/x"},
        {"{\"uri\": \"oci://reg/a/b:1\"}", "/oci/reg_a_b:1/models"},
        {"{\"uri\": \"gs://b/x\", \"customPath\": \"/here\"}", "/here"},
        {"{\"uri\": \"gs://b/x\", \"custom_path\": \"/here\"}", "/here"},
        {"{\"uri\": \"/a\", \"custom_path\": \"\"}", "/a"},
        {"{}", ""},
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        own(js_free) struct js *a = parse(rows[i].artifact);
        own_mem char *path = executor_artifact_path(a);

        assert_string_equal(path, rows[i].want);
    }
}

/* ---- executor input, command, output ---- */

#define PRODUCER                                                                                   \
    "root:\n  dag:\n    tasks:\n      t: {taskInfo: {name: t}, componentRef: {name: p}}\n"

static void test_executor_input(void **state)
{
    static const struct play play = {.yaml = LEAF("c", "x: {runtimeValue: {constant: v}}")};
    static const struct play producer = {.yaml = PRODUCER};
    own_played struct played p, q;
    own(js_free) struct js *input = NULL, *with_outputs = NULL;
    own_mem char *text = NULL;
    char **argv;
    size_t n;
    (void)state;

    play_until(&play, "root.t", &p);
    input = executor_input_build(p.leaf, &paths);
    text = js_dump(input, JS_SORTED);
    assert_string_equal(text, "{\"inputs\":{\"parameterValues\":{\"x\":\"v\"}},\"outputs\":{"
                              "\"outputFile\":\"/run/out.json\"}}");
    argv = executor_command(p.plan, p.leaf, "id", input, &n);
    assert_int_equal(n, 2);
    assert_string_equal(argv[0], "run");
    assert_string_equal(argv[1], "t");
    assert_null(argv[2]);
    (void)strv_free(argv);
    play_until(&producer, "root.t", &q);
    with_outputs = executor_input_build(q.leaf, &paths);
    assert_string_equal(
        js_get_text(js_path(with_outputs, "outputs", "parameters", "o", NULL), "outputFile"),
        "/run/out/o");
    assert_string_equal(
        js_get_text(js_at(js_path(with_outputs, "outputs", "artifacts", "a", "artifacts", NULL), 0),
                    "uri"),
        "/root/t/a");
}

/* All of p's output parameters; a row overrides. */
#define ALL_FILES                                                                                  \
    "\"o\": \"t\", \"n\": \"1\", \"r\": \"1.5\", \"l\": \"[]\", \"m\": \"{}\", \"b\": \"true\""

static void test_executor_outputs(void **state)
{
    static const struct {
        const char *name, *answer, *files, *want;
    } rows[] = {
        {"files", NULL, "{" ALL_FILES "}",
         "{\"b\":true,\"l\":[],\"m\":{},\"n\":1,\"o\":\"t\",\"r\":1.5}"},
        {"the answer wins over files",
         "{\"parameterValues\": {\"o\": \"answer\", \"n\": 33.0, \"r\": 2, \"l\": [1], \"m\": "
         "{\"k\": 1}, \"b\": false}}",
         "{" ALL_FILES "}",
         "{\"b\":false,\"l\":[1],\"m\":{\"k\":1},\"n\":33,\"o\":\"answer\",\"r\":2.0}"},
        {"text is taken as it is", NULL, "{" ALL_FILES ", \"o\": \" 5\\n\"}",
         "{\"b\":true,\"l\":[],\"m\":{},\"n\":1,\"o\":\" 5\\n\",\"r\":1.5}"},
        {"Python's booleans", NULL, "{" ALL_FILES ", \"b\": \"False\"}",
         "{\"b\":false,\"l\":[],\"m\":{},\"n\":1,\"o\":\"t\",\"r\":1.5}"},
        {"missing", NULL, "{\"o\": \"t\"}",
         "!output parameter 'n' was not written: expected NUMBER_INTEGER in /run/out/n"},
        {"no number", NULL, "{" ALL_FILES ", \"n\": \"five\"}",
         "!output parameter 'n': expected NUMBER_INTEGER, got \"five\""},
        {"a broken number for an integer", NULL, "{" ALL_FILES ", \"n\": \"5.5\"}",
         "!output parameter 'n': expected NUMBER_INTEGER, got: "},
        {"a list for a struct", NULL, "{" ALL_FILES ", \"m\": \"[1]\"}",
         "!output parameter 'm': expected STRUCT, got: array"},
        {"not JSON", NULL, "{" ALL_FILES ", \"l\": \"[1,\"}", "!output parameter 'l': "},
    };
    static const struct play play = {.yaml = PRODUCER};
    own_played struct played p;
    own(js_free) struct js *input = NULL;
    (void)state;

    play_until(&play, "root.t", &p);
    input = executor_input_build(p.leaf, &paths);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        own(js_free) struct js *answer = rows[i].answer ? parse(rows[i].answer) : NULL;
        own(js_free) struct js *files = parse(rows[i].files), *outputs = NULL;
        own_mem char *text = NULL;
        struct dh_err err = {0};
        int rc = executor_outputs(p.leaf, input, answer, files, &outputs, &err);

        if (rows[i].want[0] == '!') {
            assert_int_equal(rc, -1);
            assert_int_equal(err.code, DH_FAILED);
            if (!strstr(err.msg, rows[i].want + 1))
                fail_msg("%s: %s", rows[i].name, err.msg);
            continue;
        }
        if (rc < 0)
            fail_msg("%s: %s", rows[i].name, err.msg);
        text = js_dump(js_get(outputs, "parameters"), JS_SORTED);
        assert_string_equal(text, rows[i].want);
    }
}

static void test_artifact_outputs(void **state)
{
    static const struct {
        const char *answer, *want;
    } rows[] = {
        {NULL, "[{\"metadata\":{},\"name\":\"a\",\"schema\":{\"schemaTitle\":\"system.Model\","
               "\"schemaVersion\":\"0.0.1\"},\"type\":\"system.Model\",\"uri\":\"/root/t/a\"}]"},
        {"{\"artifacts\": {\"a\": {\"artifacts\": [{\"name\": \"mine\", \"uri\": \"s3://b/k\", "
         "\"metadata\": {\"framework\": \"x\", \"n\": 1}}]}}}",
         "[{\"metadata\":{\"framework\":\"x\",\"n\":1},\"name\":\"mine\",\"schema\":{"
         "\"schemaTitle\":\"system.Model\",\"schemaVersion\":\"0.0.1\"},\"type\":\"system.Model\","
         "\"uri\":\"s3://b/k\"}]"},
        {"{\"artifacts\": {\"a\": {\"artifacts\": [{\"uri\": \"\", \"customPath\": \"/here\"}]}}}",
         "[{\"custom_path\":\"/here\",\"metadata\":{},\"name\":\"a\",\"schema\":{\"schemaTitle\":"
         "\"system.Model\",\"schemaVersion\":\"0.0.1\"},\"type\":\"system.Model\",\"uri\":"
         "\"/root/t/a\"}]"},
    };
    static const struct play play = {.yaml = PRODUCER};
    own_played struct played p;
    own(js_free) struct js *input = NULL, *files = parse("{" ALL_FILES "}");
    (void)state;

    play_until(&play, "root.t", &p);
    input = executor_input_build(p.leaf, &paths);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        own(js_free) struct js *answer = rows[i].answer ? parse(rows[i].answer) : NULL;
        own(js_free) struct js *outputs = NULL;
        own_mem char *text = NULL;
        struct dh_err err = {0};

        if (executor_outputs(p.leaf, input, answer, files, &outputs, &err) < 0)
            fail_msg("%s", err.msg);
        text = js_dump(js_path(outputs, "artifacts", "a", NULL), JS_SORTED);
        assert_string_equal(text, rows[i].want);
    }
}

static void test_importer(void **state)
{
    static const struct play play = {.yaml = "root:\n  dag:\n    tasks:\n      t: {taskInfo: "
                                             "{name: t}, componentRef: {name: imp}}\n"};
    own_played struct played p;
    own(js_free) struct js *outputs = NULL;
    own_mem char *text = NULL;
    struct dh_err err = {0};
    (void)state;

    play_until(&play, "root.t", &p);
    assert_non_null(p.leaf);
    assert_int_equal(p.leaf->type, PLAN_IMPORTER);
    if (executor_import(p.plan, p.leaf, &outputs, &err) < 0)
        fail_msg("%s", err.msg);
    text = js_dump(js_path(outputs, "artifacts", "artifact", NULL), JS_SORTED);
    assert_string_equal(text, "[{\"metadata\":{},\"name\":\"artifact\",\"schema\":{\"schemaTitle\":"
                              "\"system.Dataset\",\"schemaVersion\":\"0.0.1\"},\"type\":"
                              "\"system.Dataset\",\"uri\":\"file:///data\"}]");
}

/* ---- fingerprints ---- */

struct print {
    char text[DIGEST_TEXT];
};

static struct print fingerprint(const char *component, const char *container, const char *inputs,
                                const char *more, const char *artifact)
{
    own_mem char *yaml = dh_printf(
        "  mine: {executorLabel: mine, %s}\nroot:\n  dag:\n    tasks:\n"
        "      p: {taskInfo: {name: p}, componentRef: {name: p}}\n"
        "      t: {taskInfo: {name: t}, componentRef: {name: mine}, inputs: {parameters: {%s}, "
        "artifacts: {a: {taskOutputArtifact: {producerTask: p, outputArtifactKey: a}}}}%s}\n",
        component, inputs, more);
    own_mem char *answers =
        dh_printf("{\"root.p\": {\"artifacts\": {\"a\": [%s]}, \"parameters\": {}}}", artifact);
    const struct play play = {.yaml = yaml, .answers = answers, .executor = container};
    struct print print = {""};
    own_played struct played p;

    play_until(&play, "root.t", &p);
    assert_non_null(p.leaf);
    (void)plan_fingerprint(p.plan, p.leaf, print.text);
    return print;
}

#define IN                                                                                         \
    "inputDefinitions: {parameters: {x: {parameterType: STRING}}, artifacts: {a: "                 \
    "{artifactType: {schemaTitle: system.Model, schemaVersion: 0.0.1}}}}"
#define BOX "image: img, command: [run], args: [\"{{$.inputs.parameters['x']}}\"]"
#define V "x: {runtimeValue: {constant: v}}"
#define ART(uri, digest, more)                                                                     \
    "{\"name\": \"a\", \"type\": \"system.Model\", \"uri\": \"" uri "\", \"digest\": \"" digest    \
    "\"" more "}"

static void test_fingerprint(void **state)
{
    static const struct {
        const char *name;
        bool same;
        const char *component, *container, *inputs, *more, *artifact;
    } rows[] = {
        {"nothing changed", true, IN, BOX, V, "", ART("/u", "d", "")},
        {"the artifact lies elsewhere", true, IN, BOX, V, "", ART("/other", "d", "")},
        {"the artifact has another id", true, IN, BOX, V, "",
         ART("/u", "d", ", \"artifact_id\": \"9\"")},
        {"the display name", true, IN, BOX, V, ", cachingOptions: {enableCache: true}",
         ART("/u", "d", "")},
        {"a retry policy", true, IN, BOX, V, ", retryPolicy: {maxRetryCount: 3}",
         ART("/u", "d", "")},
        {"the cpu limit", true, IN, BOX ", resources: {resourceCpuLimit: '2'}", V, "",
         ART("/u", "d", "")},
        {"the artifact's bytes", false, IN, BOX, V, "", ART("/u", "e", "")},
        {"the artifact's metadata", false, IN, BOX, V, "",
         ART("/u", "d", ", \"metadata\": {\"k\": 1}")},
        {"a parameter's value", false, IN, BOX, "x: {runtimeValue: {constant: w}}", "",
         ART("/u", "d", "")},
        {"the image", false, IN,
         "image: img2, command: [run], args: [\"{{$.inputs.parameters['x']}}\"]", V, "",
         ART("/u", "d", "")},
        {"an argument", false, IN, "image: img, command: [run], args: [other]", V, "",
         ART("/u", "d", "")},
        {"the environment", false, IN, BOX ", env: [{name: A, value: b}]", V, "",
         ART("/u", "d", "")},
        {"one more output", false,
         IN ", outputDefinitions: {parameters: {o: {parameterType: STRING}}}", BOX, V, "",
         ART("/u", "d", "")},
        {"a key of the author's own", false, IN, BOX, V, ", cachingOptions: {cacheKey: mine}",
         ART("/u", "d", "")},
    };
    const struct print first = fingerprint(IN, BOX, V, "", ART("/u", "d", ""));
    struct print a, b;
    (void)state;

    assert_int_equal(strlen(first.text), 64);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        a = fingerprint(rows[i].component, rows[i].container, rows[i].inputs, rows[i].more,
                        rows[i].artifact);
        if (!strcmp(a.text, first.text) != rows[i].same)
            fail_msg("%s: the fingerprint is %s", rows[i].name,
                     rows[i].same ? "another" : "the same");
    }
    /* The author's key alone counts, whatever else changes. */
    a = fingerprint(IN, BOX, V, ", cachingOptions: {cacheKey: mine}", ART("/u", "d", ""));
    b = fingerprint(IN, "image: img2, command: [x]", "x: {runtimeValue: {constant: w}}",
                    ", cachingOptions: {cacheKey: mine}", ART("/u", "e", ""));
    assert_string_equal(a.text, b.text);
    b = fingerprint(IN, BOX, V, ", cachingOptions: {cacheKey: other}", ART("/u", "d", ""));
    assert_string_not_equal(a.text, b.text);
}

static void test_outputs_of_the_run(void **state)
{
    static const struct play play = {
        .yaml = "root:\n  outputDefinitions: {parameters: {out: {parameterType: STRING}, none: "
                "{parameterType: STRING}}}\n  dag:\n    outputs: {parameters: {out: "
                "{valueFromParameter: {producerSubtask: p, outputParameterKey: o}}, none: "
                "{valueFromParameter: {producerSubtask: q, outputParameterKey: o}}}}\n    tasks:\n"
                "      p: {taskInfo: {name: p}, componentRef: {name: p}}\n"
                "      q: {taskInfo: {name: q}, componentRef: {name: p}}\n",
        .answers = "{\"root.p\": {\"o\": \"v\"}, \"root.q\": \"FAILED: why\"}"};
    own_mem char *text = play_outputs(&play);
    (void)state;

    assert_string_equal(text, "{\"artifacts\":{},\"parameters\":{\"out\":\"v\"}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inputs),
        cmocka_unit_test(test_artifact_inputs),
        cmocka_unit_test(test_placeholders),
        cmocka_unit_test(test_struct_placeholders),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_executor_input),
        cmocka_unit_test(test_executor_outputs),
        cmocka_unit_test(test_artifact_outputs),
        cmocka_unit_test(test_importer),
        cmocka_unit_test(test_fingerprint),
        cmocka_unit_test(test_outputs_of_the_run),
    };

    return cmocka_run_group_tests_name("plan-placeholder", tests, NULL, NULL);
}
