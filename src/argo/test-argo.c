/* What pipelines become: who waits for whom, what travels, what a pod has, what is refused. Whole
 * Workflows are in tests/argo. `test-argo --print`: the Workflow of each case, one a line, for
 * tests/argo/test_lint.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "argo/test-argo.h"
#include "base/buf.h"
#include "base/js.h"
#include "base/mem.h"
#include "spec/params.h"

/* s: nothing in, nothing out; p: gives one of each; t: takes x and n; imp: an importer; pvc: a
 * claim from a suffix. `more`: further components and executors of a case. */
static const char head[] =
    "schemaVersion: 2.1.0\n"
    "pipelineInfo: {name: My Test_Pipeline}\n"
    "deploymentSpec:\n"
    "  executors:\n"
    "    e: {container: {image: img, command: [run]}}\n"
    "    g: {container: {image: img, command: [run]}}\n"
    "    i: {importer: {artifactUri: {constant: 's3://data'}, typeSchema: {schemaTitle: "
    "system.Dataset, schemaVersion: 0.0.1}}}\n"
    "    v: {container: {image: argostub/createpvc}}\n";
static const char components[] =
    "components:\n"
    "  s: {executorLabel: e}\n"
    "  p:\n"
    "    executorLabel: g\n"
    "    outputDefinitions:\n"
    "      parameters: {o: {parameterType: STRING}, n: {parameterType: NUMBER_INTEGER}, "
    "l: {parameterType: LIST}, b: {parameterType: BOOLEAN}}\n"
    "      artifacts: {a: {artifactType: {schemaTitle: system.Model, schemaVersion: 0.0.1}}}\n"
    "  t:\n"
    "    executorLabel: e\n"
    "    inputDefinitions: {parameters: {x: {parameterType: STRING, isOptional: true}, n: "
    "{parameterType: NUMBER_INTEGER, isOptional: true}}}\n"
    "  imp: {executorLabel: i, outputDefinitions: {artifacts: {artifact: {artifactType: "
    "{schemaTitle: system.Dataset, schemaVersion: 0.0.1}}}}}\n"
    "  pvc: {executorLabel: v, inputDefinitions: {parameters: {pvc_name_suffix: {parameterType: "
    "STRING}}}, outputDefinitions: {parameters: {name: {parameterType: STRING}}}}\n";

char *compile_text(const struct row *row, struct argo_workflow **ret)
{
    own_buf struct buf text = {0};
    own(spec_free) struct spec *spec = NULL;
    own(js_free) struct js *given = NULL;
    own(js_free) struct js *parameters = NULL;
    struct plan_run run = {.run_id = RUN_ID,
                           .job_name = "job",
                           .resource_name = "resource",
                           .pipeline_root = "s3://bucket/root",
                           .created_at = "2026-01-02T03:04:05Z",
                           .scheduled_at = "2026-01-02T03:04:06Z"};
    struct argo_options options = {.run = &run, .namespace = "ml", .agent = row->agent};
    struct dh_err err = {0};

    buf_addf(&text, "%s%s%s%s%s", head, row->executors ? row->executors : "", components,
             row->more ? row->more : "", row->yaml);
    if (row->platform)
        buf_addf(&text, "---\nplatforms: {kubernetes: {deploymentSpec: {executors: {e: {%s}}}}}\n",
                 row->platform);
    if (spec_load_bytes("t.yaml", buf_str(&text), text.n, &spec, NULL, &err) < 0 ||
        (row->parameters && js_parse(row->parameters, strlen(row->parameters), &given, &err) < 0) ||
        spec_bind_params(spec, given, &parameters, &err) < 0)
        fail_msg("%s: %s", row->name, err.msg);
    run.parameters = parameters;
    if (argo_compile(spec, &options, ret, &err) < 0)
        return dh_printf("error: %s", err.msg);
    return js_dump(argo_manifest(*ret), JS_COMPACT);
}

void check_lines(const char *name, const char *text, const char *want)
{
    for (const char *line = want; *line;) {
        size_t n = strcspn(line, "\n");
        bool no = *line == '!';
        own_mem char *one = dh_strndup(line + no, n - no);

        if (!strstr(text, one) != no)
            fail_msg("%s: %s: %s\nin:\n%s", name, no ? "not expected" : "missing", one, text);
        line += n + (line[n] == '\n');
    }
}

bool printing;

static void print_row(const struct row *row, const struct argo_workflow *workflow)
{
    own(js_free) struct js *v = js_object();
    own_mem char *line = NULL;

    if (!workflow)
        return;
    js_set(v, "name", js_str(row->name));
    js_set(v, "workflow", js_ref(argo_manifest(workflow)));
    line = js_dump(v, JS_COMPACT);
    puts(line);
}

void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        own(argo_free) struct argo_workflow *workflow = NULL;
        own_mem char *text = compile_text(&rows[i], &workflow);

        if (printing) {
            print_row(&rows[i], workflow);
            continue;
        }
        check_lines(rows[i].name, text, rows[i].want);
    }
}

static void test_names(void **state)
{
    static const struct {
        const char *pipeline, *name;
    } rows[] = {{"My Test_Pipeline", "my-test-pipeline-66667777"},
                {"---", "run-66667777"},
                {"ünï", "n-66667777"},
                {"a234567890123456789012345678901234567890123456789012345678901234567890",
                 "a23456789012345678901234567890123456789012345678901234-66667777"}};
    own_mem char *secret = argo_secret_name(RUN_ID);
    own_mem char *a = argo_claim_name(RUN_ID, "root.a", "", "-data");
    own_mem char *b = argo_claim_name(RUN_ID, "root.b", "0.3", "-data");

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        own_mem char *name = argo_name(rows[i].pipeline, RUN_ID);

        assert_string_equal(name, rows[i].name);
    }
    assert_string_equal(secret, "dhow-run-66667777");
    assert_memory_equal(a, "66667777-", 9);
    assert_string_equal(a + 17, "-data");
    assert_string_equal(b + 17, "-0.3-data");
    assert_string_not_equal(a + 9, b + 9);
}

static void test_order(void **state)
{
    static const struct row rows[] = {
        {"a chain",
         .yaml =
             ROOT TASK("a", "s", "") TASK("b_2", "s", AFTER("a")) TASK("in", "s", AFTER("a, b_2")),
         .want = "\"depends\":\"a.Succeeded\"\n\"name\":\"b-2\"\n\"name\":\"in-task\"\n"
                 "\"depends\":\"a.Succeeded && b-2.Succeeded\"\n\"value\":\"root.b_2\"\n"
                 "\"failFast\":false\n!\"target\"\n\"entrypoint\":\"root\"\n"},
        {"what runs always does not hide a failure",
         .yaml = ROOT TASK("a", "s", "") TASK("b", "s", "") TASK("end", "s", AFTER("a") ALWAYS),
         .want = "\"depends\":\"(a.Succeeded || a.Failed || a.Errored || a.Skipped || "
                 "a.Omitted)\"\n\"target\":\"a b end\"\n"},
        {"an importer is no node, and what waits for it waits for what it waited for",
         .yaml =
             ROOT TASK("a", "s", "") TASK("get", "imp", AFTER("a")) TASK("use", "s", AFTER("get")),
         .want = "\"name\":\"use\",\"template\":\"s\",\"arguments\":{\"parameters\":[{\"name\":"
                 "\"scope\",\"value\":\"root.use\"},{\"name\":\"iteration\",\"value\":\"\"}]},"
                 "\"depends\":\"a.Succeeded\"\n!\"root.get\"\n!nothing\n"},
        {"one with a condition is a node that does nothing",
         .yaml = ROOT TASK("p", "p", "") TASK("get", "imp", AFTER("p") IF("1 == 2"))
             TASK("use", "s", AFTER("get")),
         .want = "\"name\":\"get\",\"template\":\"nothing\",\"depends\":\"p.Succeeded\",\"when\":"
                 "\"false\"\n\"depends\":\"get.Succeeded\"\n\"name\":\"nothing\",\"suspend\":{"
                 "\"duration\":\"0s\"}\n"},
        {"a pipeline without pods", .yaml = ROOT TASK("get", "imp", ""),
         .want = "\"entrypoint\":\"nothing\"\n"},
    };
    (void)state;
    CHECK(rows);
}

static const char branch[] =
    "  then:\n    inputDefinitions: {parameters: {v: {parameterType: STRING, isOptional: true}}}\n"
    "    outputDefinitions: {parameters: {r: {parameterType: STRING}}}\n"
    "    dag: {tasks: {inner: {taskInfo: {name: inner}, componentRef: {name: p}}}, outputs: "
    "{parameters: {r: {valueFromParameter: {producerSubtask: inner, outputParameterKey: o}}}}}\n"
    "  either:\n    inputDefinitions: {parameters: {v: {parameterType: STRING, isOptional: "
    "true}}}\n"
    "    outputDefinitions: {parameters: {r: {parameterType: STRING}}}\n"
    "    dag:\n      tasks:\n"
    "        one: {taskInfo: {name: one}, componentRef: {name: then}, inputs: {parameters: {v: "
    "{componentInputParameter: v}}}, triggerPolicy: {condition: \"inputs.parameter_values['v'] == "
    "'x'\"}}\n"
    "        two: {taskInfo: {name: two}, componentRef: {name: then}, inputs: {parameters: {v: "
    "{componentInputParameter: v}}}, triggerPolicy: {condition: \"!(inputs.parameter_values['v'] "
    "== 'x')\"}}\n"
    "      outputs: {parameters: {r: {valueFromOneof: {parameterSelectors: [{producerSubtask: one, "
    "outputParameterKey: r}, {producerSubtask: two, outputParameterKey: r}]}}}}\n";

static void test_conditions(void **state)
{
    static const struct row rows[] = {
        {"on an output: it alone travels",
         .yaml = ROOT TASK("p", "p", "")
             TASK("c", "t", AFTER("p") IN(FROM("x", "p", "o")) IF(P("x") " == 'a'")),
         .want = "\"when\":\"{{=(tasks['p'].outputs.parameters['o'] == 'a')}}\"\n"
                 "\"outputs\":{\"parameters\":[{\"name\":\"o\",\"valueFrom\":{\"path\":\"/dhow/out/"
                 "o\",\"default\":\"\"}}]}\n!/dhow/out/n\n"},
        {"on a number",
         .yaml = ROOT TASK("p", "p", "")
             TASK("c", "t", AFTER("p") IN(FROM("n", "p", "n")) IF("int(" P("n") ") > 5")),
         .want = "\"when\":\"{{=(int(float(tasks['p'].outputs.parameters['n'])) > 5)}}\"\n"},
        {"a text is never a number",
         .yaml = ROOT TASK("p", "p", "")
             TASK("c", "t",
                  AFTER("p") IN(FROM("x", "p", "o") ", " FROM("n", "p", "n"))
                      IF(P("x") " == 1 || " P("n") " == 'b'")),
         .want = "\"when\":\"{{=(false || false)}}\"\n"},
        {"what is known is decided now",
         .yaml = ROOT TASK("c", "t", IN("x: {runtimeValue: {constant: a}}") IF(P("x") " == 'a'"))
             TASK("d", "t", IN("x: {runtimeValue: {constant: b}}") IF(P("x") " == 'a'")),
         .want = "\"name\":\"d\"\n\"when\":\"false\"\n!{{=\n"},
        {"into a dag, out of a OneOf", .more = branch,
         .yaml = ROOT TASK("p", "p", "") TASK("e", "either", AFTER("p") IN(FROM("v", "p", "o")))
             TASK("c", "t", AFTER("e") IN(FROM("x", "e", "r")) IF(P("x") " == 'a'")),
         .want = "{\"name\":\"v\",\"value\":\"{{tasks.p.outputs.parameters.o}}\"}\n"
                 "\"when\":\"{{=(inputs.parameters['v'] == 'x')}}\"\n"
                 "\"when\":\"{{=!((inputs.parameters['v'] == 'x'))}}\"\n"
                 "{\"name\":\"r\",\"valueFrom\":{\"expression\":\"(tasks['one'].status == "
                 "'Succeeded' ? tasks['one'].outputs.parameters['r'] : (tasks['two'].status == "
                 "'Succeeded' ? tasks['two'].outputs.parameters['r'] : ''))\",\"default\":\"\"}}\n"
                 "\"when\":\"{{=(tasks['e'].outputs.parameters['r'] == 'a')}}\"\n"},
        {"after what may have failed",
         .yaml = ROOT TASK("p", "p", "")
             TASK("c", "t",
                  AFTER("p") IN(FROM("x", "p", "o")) ", triggerPolicy: {condition: \"" P(
                      "x") " == 'a'\", strategy: "
                           "ALL_UPSTREAM_TASKS_COMPLETED}"),
         .want = "(get(get(get(get(tasks, 'p'), 'outputs'), 'parameters'), 'o') ?? '')\n"},
        {"what only the server knows",
         .yaml = ROOT TASK("p", "p", "")
             TASK("c", "t",
                  AFTER("p") IN("x: {taskFinalStatus: {producerTask: p}}") IF(P("x") " == 'a'")),
         .want = "error: t.yaml:\ntask 'c', triggerPolicy.condition: 'x' is not known to Argo\n"},
        {"what Argo's expressions have not",
         .yaml = ROOT TASK("p", "p", "")
             TASK("c", "t", AFTER("p") IN(FROM("n", "p", "n")) IF("int(" P("n") ") % 2 == 0")),
         .want = "error: t.yaml:\ntask 'c', triggerPolicy.condition: 1:\n'%'\n"},
    };
    (void)state;
    CHECK(rows);
}

static const char body[] =
    "  body:\n    inputDefinitions: {parameters: {item: {parameterType: STRING}}}\n"
    "    outputDefinitions: {parameters: {all: {parameterType: LIST}}}\n"
    "    dag:\n      tasks:\n"
    "        inner: {taskInfo: {name: inner}, componentRef: {name: p}}\n"
    "        check: {taskInfo: {name: check}, componentRef: {name: t}, inputs: {parameters: {x: "
    "{componentInputParameter: item}}}, triggerPolicy: {condition: \"inputs.parameter_values['x'] "
    "== 'b'\"}}\n"
    "      outputs: {parameters: {all: {valueFromParameter: {producerSubtask: inner, "
    "outputParameterKey: o}}}}\n"
    "  plain:\n    inputDefinitions: {parameters: {item: {parameterType: STRING}, rest: "
    "{parameterType: LIST, isOptional: true}}}\n"
    "    dag:\n      tasks:\n"
    "        inner: {taskInfo: {name: inner}, componentRef: {name: s}}\n"
    "        deep: {taskInfo: {name: deep}, componentRef: {name: leafloop}, inputs: {parameters: "
    "{rest: {componentInputParameter: rest}}}, parameterIterator: {items: {inputParameter: rest}, "
    "itemInput: item}}\n"
    "  leafloop: {executorLabel: e, inputDefinitions: {parameters: {item: {parameterType: STRING}, "
    "rest: {parameterType: LIST, isOptional: true}}}}\n";

#define ARTIFACT "{artifactType: {schemaTitle: system.Model, schemaVersion: 0.0.1}}"
/* each: a pod for an artifact; make: a dag that gives one; outer: a dag with a loop of `each` over
 * its input. */
static const char over_artifacts[] =
    "  each: {executorLabel: e, inputDefinitions: {artifacts: {list: " ARTIFACT ", one: " ARTIFACT
    "}}}\n"
    "  make:\n    inputDefinitions: {parameters: {item: {parameterType: NUMBER_INTEGER}}}\n"
    "    outputDefinitions: {artifacts: {a: " ARTIFACT "}}\n"
    "    dag: {tasks: {inner: {taskInfo: {name: inner}, componentRef: {name: p}}}, outputs: "
    "{artifacts: {a: {artifactSelectors: [{producerSubtask: inner, outputArtifactKey: a}]}}}}\n"
    "  outer:\n    inputDefinitions: {artifacts: {list: " ARTIFACT "}}\n"
    "    dag: {tasks: {deep: {taskInfo: {name: deep}, componentRef: {name: each}, inputs: "
    "{artifacts: {list: {componentInputArtifact: list}}}, artifactIterator: {items: "
    "{inputArtifact: list}, itemInput: one}}}}\n";

#define OVER(raw) ", parameterIterator: {items: {raw: '" raw "'}, itemInput: item}"
#define OVER_INPUT(name) ", parameterIterator: {items: {inputParameter: " name "}, itemInput: item}"

static void test_loops(void **state)
{
    static const struct row rows[] = {
        {"over what is known, with a limit", .more = body,
         .yaml = ROOT TASK("l", "plain",
                           OVER("[1, 2, 3]") ", iteratorPolicy: {parallelismLimit: 2}" IN(
                               "rest: {runtimeValue: {constant: [x]}}")),
         .want = "\"withSequence\":{\"count\":\"3\"}\n\"parallelism\":2\n"
                 "{\"name\":\"iteration\",\"value\":\"{{item}}\"}\n"
                 "{\"name\":\"iteration\",\"value\":\"{{inputs.parameters.iteration}}.{{item}}\"}\n"
                 "\"withSequence\":{\"count\":\"1\"}\n\"value\":\"root.l.deep\"\n"},
        {"over nothing", .more = body,
         .yaml = ROOT TASK("l", "plain", OVER("[]") IN("rest: {runtimeValue: {constant: [x]}}")),
         .want = "\"withSequence\":{\"count\":\"0\"}\n"},
        {"over an output: its length alone travels", .more = body,
         .yaml = ROOT TASK("p", "p", "")
             TASK("l", "plain", AFTER("p") OVER_INPUT("rest") IN(FROM("rest", "p", "l"))),
         .want = "/dhow/out/l-count\n!/dhow/out/l\"\n"
                 "{\"name\":\"count\",\"value\":\"{{tasks.p.outputs.parameters.l-count}}\"}\n"
                 "\"withSequence\":{\"count\":\"{{inputs.parameters.count}}\"}\n"},
        {"the item, where a condition asks for it", .more = body,
         .yaml = ROOT TASK("l", "body", OVER("[\"a\", \"b\", 3]")),
         .want = "{\"name\":\"item\",\"value\":\"{{=['a', 'b', '3'][int(item)]}}\"}\n"
                 "\"when\":\"{{=(inputs.parameters['item'] == 'b')}}\"\n"},
        {"and of an output", .more = body,
         .yaml = ROOT TASK("p", "p", "") TASK("l", "body",
                                              AFTER("p") OVER_INPUT("'pipelinechannel--l'")
                                                  IN(FROM("'pipelinechannel--l'", "p", "l"))),
         .want = "/dhow/out/l-count\n/dhow/out/l\"\n"
                 "{\"name\":\"item\",\"value\":\"{{=fromJSON(inputs.parameters['dhow-items'])[int("
                 "item)]}}\"}\n"
                 "{\"name\":\"dhow-items\",\"value\":\"{{tasks.p.outputs.parameters.l}}\"}\n"},
        {"over what a loop collected", .more = body,
         .yaml = ROOT TASK("l", "body", OVER("[\"a\"]"))
             TASK("m", "plain", AFTER("l") OVER_INPUT("rest") IN(FROM("rest", "l", "all"))),
         .want =
             "\"expression\":\"tasks['inner'].outputs.parameters['o']\"\n"
             "\"expression\":\"tasks['iteration'].outputs.parameters['all']\",\"default\":\"[]\""
             "\n\"value\":\"{{=len(fromJSON(tasks['l'].outputs.parameters['all']))}}\"\n"},
        {"over artifacts: how many travels", .more = over_artifacts,
         .yaml = ROOT TASK("p", "p", "")
             TASK("l", "each",
                  AFTER("p") ", inputs: {artifacts: {list: {taskOutputArtifact: {producerTask: p, "
                             "outputArtifactKey: a}}}}, artifactIterator: {items: {inputArtifact: "
                             "list}, itemInput: one}"),
         .want = "/dhow/out/a-artifacts\n"
                 "{\"name\":\"count\",\"value\":\"{{tasks.p.outputs.parameters.a-artifacts}}\"}\n"},
        {"over artifacts that a loop collected, within a dag", .more = over_artifacts,
         .yaml = ROOT TASK("l", "make", OVER("[1, 2]"))
             TASK("d", "outer",
                  AFTER("l") ", inputs: {artifacts: {list: {taskOutputArtifact: {producerTask: l, "
                             "outputArtifactKey: a}}}}"),
         .want =
             "\"string(sum(map(fromJSON(tasks['iteration'].outputs.parameters['a-artifacts']), "
             "int(#))))\",\"default\":\"0\"\n"
             "{\"name\":\"list-artifacts\",\"value\":\"{{tasks.l.outputs.parameters.a-artifacts}}"
             "\"}\n"
             "{\"name\":\"count\",\"value\":\"{{inputs.parameters.list-artifacts}}\"}\n"},
    };
    (void)state;
    CHECK(rows);
}

/* What a pod has to leave behind. */
static void test_control(void **state)
{
    static const struct row row = {
        .name = "control",
        .more = body,
        .yaml =
            ROOT TASK("p", "p", "") TASK("c", "t",
                                         AFTER("p") IN(FROM("x", "p", "o") ", " FROM("n", "p", "n"))
                                             IF(P("x") " == 'a' && int(" P("n") ") == 3"))
                TASK("l", "plain", AFTER("p") OVER_INPUT("rest") IN(FROM("rest", "p", "l")))};
    static const char outputs_text[] =
        "{\"parameters\": {\"o\": \"a \\\"b\\\"\", \"n\": 3.0, \"l\": "
        "[1, [2, 3]], \"b\": true}}";
    own(argo_free) struct argo_workflow *workflow = NULL;
    own_mem char *text = compile_text(&row, &workflow);
    own(js_free) struct js *outputs = NULL;
    own(js_free) struct js *all = NULL;
    own(js_free) struct js *none = NULL;
    own(js_free) struct js *files = NULL;
    own_mem char *said = NULL;

    (void)state;
    assert_int_equal(js_parse(outputs_text, strlen(outputs_text), &outputs, NULL), 0);
    assert_true(text[0] == '{');
    all = argo_control(workflow, "root.p", outputs);
    none = argo_control(workflow, "root.p", NULL);
    files = argo_control_files(workflow, "root.p");
    said = js_dump(all, JS_COMPACT);
    assert_string_equal(said, "[{\"file\":\"/dhow/out/o\",\"value\":\"a \\\"b\\\"\"},"
                              "{\"file\":\"/dhow/out/n\",\"value\":\"3\"},"
                              "{\"file\":\"/dhow/out/l-count\",\"value\":\"2\"}]");
    assert_int_equal(js_n(none), 0);
    assert_int_equal(js_n(files), 3);
    assert_int_equal(argo_n_pods(workflow), 4);
}

/* What is asked of the server. */
static void test_agent(void **state)
{
#define CACHED ", cachingOptions: {enableCache: true}"
#define ASKS(task, kind, more)                                                                     \
    "{\"name\":\"" task "\",\"template\":\"dhow-asks-" kind "\",\"arguments\":{\"parameters\":["   \
    "{\"name\":\"scope\",\"value\":\"" more
#define TEN(x) x x x x x x x x x x
#define MANY ", parameterIterator: {items: {raw: '[" TEN(TEN(TEN("1, "))) "1]'}, itemInput: x}"
#define ANSWERED(task)                                                                             \
    "\"depends\":\"" task ".Succeeded\",\"when\":\"{{tasks." task ".outputs.parameters.dhow-go}}"  \
    "\"}"
    static const char large[] = "    big: {container: {image: img, command: [x], resources: "
                                "{resourceMemoryLimit: 64Gi}}}\n";
    static const char big[] =
        "  big: {executorLabel: big, outputDefinitions: {parameters: {o: {parameterType: "
        "STRING}}}}\n";
    static const struct row rows[] = {
        {"a condition that Argo cannot say", .agent = ARGO_AGENT_CONDITIONS,
         .yaml = ROOT TASK("p", "p", CACHED)
             TASK("c", "t", AFTER("p") IN(FROM("n", "p", "n")) IF("int(" P("n") ") % 2 == 0"))
                 TASK("d", "t", AFTER("c")),
         .want = ASKS("c-Asks", "condition",
                      "root.c\"},{\"name\":\"iteration\",\"value\":\"\"}]},"
                      "\"depends\":\"p.Succeeded\"}\n")
             ANSWERED("c-Asks") "\n"
                                "\"depends\":\"c.Succeeded\"}\n"
                                "{\"name\":\"dhow-asks-condition\"\n"
                                "\"plugin\":{\"dhow\":{\"ask\":\"condition\"}}\n"
                                "!dhow-asks-result\n"},
        {"on how another task ended", .agent = ARGO_AGENT_CONDITIONS,
         .yaml = ROOT TASK("p", "p", "")
             TASK("c", "t",
                  AFTER("p")
                      IN("x: {taskFinalStatus: {producerTask: p}}") ", triggerPolicy: {"
                                                                    "condition: \"" P(
                                                                        "x") " == 'a'\", strategy: "
                                                                             "ALL_UPSTREAM_TASKS_"
                                                                             "COMPLETED}"),
         .want = "\"depends\":\"(p.Succeeded || p.Failed || p.Errored || p.Skipped || "
                 "p.Omitted)\"}\n" ANSWERED("c-Asks") "\n"},
        {"on artifacts, with all else known", .agent = ARGO_AGENT_CONDITIONS,
         .yaml =
             ROOT TASK("p", "p", "") TASK("c", "t", AFTER("p") IF("size(inputs.artifacts) == 0")),
         .want = "c-Asks\n"},
        {"one that Argo can say is Argo's", .agent = ARGO_AGENT_ALL,
         .yaml = ROOT TASK("p", "p", "")
             TASK("c", "t", AFTER("p") IN(FROM("x", "p", "o")) IF(P("x") " == 'a'")),
         .want = "!dhow-asks\n"},
        {"large tasks that may be cached", .agent = ARGO_AGENT_LARGE, .executors = large,
         .more = big,
         .yaml = ROOT TASK("p", "p", CACHED) TASK("b", "big", CACHED) TASK("u", "big", "")
             TASK("c", "t", AFTER("b") IN(FROM("x", "b", "o")) IF(P("x") " == 'a'")),
         .want =
             "{\"name\":\"b\",\"template\":\"big-asked\"\n"
             "{\"name\":\"u\",\"template\":\"big-2\"\n{\"name\":\"p\",\"template\":\"p\"\n" ASKS(
                 "asks", "result", "{{inputs.parameters.scope}}\"}\n")
                 ANSWERED("asks") "\n"
                                  "\"expression\":\"(tasks['pod'].status == 'Succeeded' ? "
                                  "tasks['pod'].outputs.parameters['o'] : "
                                  "tasks['asks'].outputs.parameters['o'])\"\n"
                                  "(tasks['b'].outputs.parameters['o'] == 'a')\n"},
        {"in a loop, each", .agent = ARGO_AGENT_ALL,
         .yaml = ROOT TASK("l", "t",
                           CACHED ", parameterIterator: {items: {raw: '[1, 2]'}, itemInput: x}"),
         .want = "\"template\":\"t-asked\",\"arguments\":{\"parameters\":[{\"name\":\"scope\","
                 "\"value\":\"root.l\"},{\"name\":\"iteration\",\"value\":\"{{item}}\"}]}\n"},
        {"in a loop of too many, none; where there are few at a time, each",
         .agent = ARGO_AGENT_ALL,
         .yaml = ROOT TASK("l", "t", CACHED MANY)
             TASK("k", "t", CACHED MANY ", iteratorPolicy: {parallelismLimit: 9}"),
         .want = "\"name\":\"iteration\",\"template\":\"t\",\n"
                 "\"name\":\"iteration\",\"template\":\"t-asked\",\n"},
        {"off", .executors = large, .more = big, .yaml = ROOT TASK("b", "big", CACHED),
         .want = "!dhow-asks\n"},
    };
    (void)state;
    CHECK(rows);
}

/* Many tasks: shared pods' templates keep it small; past the bound it is refused. */
static void test_size(void **state)
{
    const size_t sizes[] = {1000, 9000};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        own_buf struct buf yaml = {0};
        own(argo_free) struct argo_workflow *workflow = NULL;
        own_mem char *text = NULL;

        buf_adds(&yaml, ROOT);
        for (size_t k = 0; k < sizes[i]; k++)
            buf_addf(&yaml, "      a%zu: {taskInfo: {name: a}, componentRef: {name: s}}\n", k);
        text = compile_text(&(struct row){.name = "size", .yaml = buf_str(&yaml)}, &workflow);
        if (i == 0)
            assert_int_equal(argo_n_pods(workflow), 1000);
        else
            check_lines("size", text, "error: t.yaml: the Workflow would have\n");
        assert_true(strlen(text) < 300000);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),      cmocka_unit_test(test_order),
        cmocka_unit_test(test_conditions), cmocka_unit_test(test_loops),
        cmocka_unit_test(test_pods),       cmocka_unit_test(test_platform),
        cmocka_unit_test(test_control),    cmocka_unit_test(test_size),
        cmocka_unit_test(test_agent),
    };

    if (argc > 1 && !strcmp(argv[1], "--print")) {
        printing = true;
        test_order(NULL);
        test_conditions(NULL);
        test_loops(NULL);
        test_agent(NULL);
        test_pods(NULL);
        test_platform(NULL);
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
