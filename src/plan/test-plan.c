/* What starts, what waits, what is skipped, and how states go upwards. Values are test-resolve.c's.
 */
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
#include "plan/test-play.h"

/* Each line of `want` must be one of the trace; one that begins with '!' must begin none; lines
 * that begin with '<' stand in that order. */
static void check_trace(const char *name, const char *trace, const char *want)
{
    const char *at = trace;

    for (const char *line = want; *line;) {
        size_t n = strcspn(line, "\n");
        bool no = *line == '!', ordered = *line == '<';
        own_mem char *one = dh_strndup(line + (no || ordered), n - (no || ordered));
        own_mem char *whole = no ? dh_strdup(one) : dh_printf("%s\n", one);
        const char *hit = ordered ? at : trace;

        while ((hit = strstr(hit, whole)) && hit != trace && hit[-1] != '\n')
            hit++;
        if (!hit == !no)
            fail_msg("%s: %s: %s\nin:\n%s", name, no ? "not expected" : "missing", one, trace);
        if (ordered)
            at = hit + 1;
        line += n + (line[n] == '\n');
    }
}

struct row {
    const char *name;
    struct play play;
    const char *want;
};

static void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        own_mem char *trace = play_trace(&rows[i].play);

        check_trace(rows[i].name, trace, rows[i].want);
    }
}
#define CHECK(rows) check_rows(rows, sizeof(rows) / sizeof *(rows))

#define TASK(name, component, more)                                                                \
    "      " name ": {taskInfo: {name: " name "}, componentRef: {name: " component "}" more "}\n"
#define ROOT "root:\n  dag:\n    tasks:\n"
#define AFTER(names) ", dependentTasks: [" names "]"
#define FROM(in, task, key)                                                                        \
    in ": {taskOutputParameter: {producerTask: " task ", outputParameterKey: " key "}}"
#define IGNORE ", triggerPolicy: {strategy: ALL_UPSTREAM_TASKS_COMPLETED}"

static void test_chain(void **state)
{
    static const char three[] = ROOT TASK("a", "s", "") TASK("b", "s", AFTER("a"))
        TASK("c", "s", AFTER("b")) TASK("x", "s", "");
    static const struct row rows[] = {
        {"all well",
         {.yaml = three},
         "<root.a RUNNING {} {}\n<root.a SUCCEEDED\n<root.b RUNNING {} {}\n"
         "<root.c RUNNING {} {}\n<root.c SUCCEEDED\n<root SUCCEEDED\n"},
        {"a failure ends what depends on it and nothing else",
         {.yaml = three, .answers = "{\"root.a\": \"FAILED: exit code 7\"}"},
         "root.a FAILED: exit code 7\nroot.b SKIPPED: upstream task 'a' failed\n"
         "root.c SKIPPED: upstream task 'b' was skipped\nroot.x SUCCEEDED\nroot FAILED: failed: a\n"
         "!root.b RUNNING\n!root.c RUNNING\n"},
        {"in the middle",
         {.yaml = three, .answers = "{\"root.b\": \"FAILED: why\"}"},
         "root.a SUCCEEDED\nroot.b FAILED: why\nroot.c SKIPPED: upstream task 'b' failed\n"
         "root FAILED: failed: b\n"},
        {"two failures are both named",
         {.yaml = three, .answers = "{\"root.a\": \"FAILED: 1\", \"root.x\": \"FAILED: 2\"}"},
         "root FAILED: failed: a, x\n"},
        {"cached counts as a success",
         {.yaml = three, .answers = "{\"root.a\": \"CACHED\"}"},
         "root.a CACHED\nroot.b SUCCEEDED\nroot SUCCEEDED\n"},
        {"a canceled task cancels what waits for it",
         {.yaml = three, .answers = "{\"root.a\": \"CANCELED: interrupted\"}"},
         "root.a CANCELED: interrupted\nroot.b CANCELED: upstream task 'a' was canceled\n"
         "root.c CANCELED: upstream task 'b' was canceled\nroot CANCELED: canceled\n"},
        {"a failure weighs more than a cancel",
         {.yaml = three,
          .answers = "{\"root.a\": \"CANCELED: interrupted\", \"root.x\": \"FAILED: 1\"}"},
         "root FAILED: failed: x\n"},
    };
    (void)state;
    CHECK(rows);
}

static void test_implied_edges(void **state)
{
    static const char by_input[] =
        ROOT TASK("z", "p", "") TASK("c", "c", ", inputs: {parameters: {" FROM("x", "z", "o") "}}");
    static const char by_artifact[] =
        ROOT TASK("z", "p", "") TASK("c", "c",
                                     ", inputs: {artifacts: {a: {taskOutputArtifact: "
                                     "{producerTask: z, outputArtifactKey: a}}}}");
    static const struct row rows[] = {
        {"an input alone makes an edge",
         {.yaml = by_input, .answers = "{\"root.z\": {\"o\": \"v\"}}", .slots = 4},
         "<root.z SUCCEEDED\n<root.c RUNNING {\"x\":\"v\"} {}\n"},
        {"an artifact too",
         {.yaml = by_artifact,
          .slots = 4,
          .answers = "{\"root.z\": {\"artifacts\": {\"a\": [{\"name\": \"a\", \"type\": "
                     "\"system.Model\", \"uri\": \"/m\"}]}}}"},
         "<root.z SUCCEEDED\n<root.c RUNNING {} {\"a\":[{\"name\":\"a\",\"type\":\"system.Model\","
         "\"uri\":\"/m\"}]}\n"},
    };
    (void)state;
    CHECK(rows);
}

/* p, then a condition on its output with one task inside, an else, and one behind the first. */
#define GATE                                                                                       \
    ROOT TASK("p", "p", "") TASK(                                                                  \
        "condition-1", "then",                                                                     \
        ", inputs: {parameters: {" FROM(                                                           \
            "v", "p",                                                                              \
            "n") "}}"                                                                              \
                 ", triggerPolicy: {condition: 'int(inputs.parameter_values[''v'']) > 3'}")        \
        TASK(                                                                                      \
            "condition-2", "then",                                                                 \
            ", inputs: {parameters: {" FROM(                                                       \
                "v", "p",                                                                          \
                "n") "}}"                                                                          \
                     ", triggerPolicy: {condition: '!(int(inputs.parameter_values[''v'']) > 3)'}") \
            TASK("after", "s", AFTER("condition-1")) TASK("other", "s", "")
#define WITH_DAG(name, inputs, tasks, outputs)                                                     \
    "  " name ": {" inputs outputs "dag: {tasks: {" tasks "}}}\n"
/* A dag component goes first: the components of test-play.c end the text before. */
#define THEN                                                                                       \
    WITH_DAG("then", "inputDefinitions: {parameters: {v: {parameterType: NUMBER_INTEGER}}}, ",     \
             "in: {taskInfo: {name: in}, componentRef: {name: s}}", "")

static void test_conditions(void **state)
{
    static const struct row rows[] = {
        {"true",
         {.yaml = THEN GATE, .answers = "{\"root.p\": {\"n\": 5}}"},
         "root.condition-1.in SUCCEEDED\nroot.condition-1 SUCCEEDED\nroot.after SUCCEEDED\n"
         "root SUCCEEDED\n!root.condition-2.in RUNNING\n!root.condition-2 RUNNING\n"},
        {"false: with the values that it was about",
         {.yaml = THEN GATE, .answers = "{\"root.p\": {\"n\": 2}}"},
         "root.condition-1 SKIPPED: condition int(v) > 3 was false: v = 2\n"
         "root.condition-1.in SKIPPED: 'condition-1' was skipped\n!root.condition-1.in RUNNING\n"
         "root.after SKIPPED: upstream task 'condition-1' was skipped\n"
         "root.condition-2.in SUCCEEDED\nroot.other SUCCEEDED\nroot SUCCEEDED\n"},
        {"what it asks about failed",
         {.yaml = THEN GATE, .answers = "{\"root.p\": \"FAILED: x\"}"},
         "root.condition-1 SKIPPED: upstream task 'p' failed\n"
         "root.condition-2 SKIPPED: upstream task 'p' failed\nroot FAILED: failed: p\n"},
        {"what it asks about is not there",
         {.yaml = THEN GATE, .answers = "{\"root.p\": {}}"},
         "root.condition-1 FAILED: input 'v': task 'p' gave no output 'n'\n"
         "root FAILED: failed: condition-1, condition-2\n"},
        {"the branch's own failure is the run's",
         {.yaml = THEN GATE,
          .answers = "{\"root.p\": {\"n\": 5}, \"root.condition-1.in\": \"FAILED: why\"}"},
         "root.condition-1 FAILED: failed: in\nroot FAILED: failed: condition-1\n"},
        {"on a leaf, of the wrong kind",
         {.yaml = ROOT TASK("p", "p", "")
              TASK("c", "need",
                   ", inputs: {parameters: {" FROM(
                       "x", "p",
                       "o") "}}"
                            ", triggerPolicy: {condition: 'inputs.parameter_values[''x''] > 3'}"),
          .answers = "{\"root.p\": {\"o\": \"text\"}}"},
         "root FAILED: failed: c\n!root.c RUNNING\n"},
        {"that does not parse",
         {.yaml = ROOT TASK("a", "s", ", triggerPolicy: {condition: '1 +'}")},
         "!root\n"},
    };
    own_mem char *trace = NULL;
    (void)state;

    CHECK(rows);
    trace = play_trace(&rows[6].play);
    assert_non_null(strstr(trace, "error: t.yaml:"));
    assert_non_null(strstr(trace, "condition of task 'a'"));
}

#define BRANCHES                                                                                   \
    "  branches: {inputDefinitions: {parameters: {v: {parameterType: BOOLEAN}}}, "                 \
    "outputDefinitions: {parameters: {one: {parameterType: STRING}}, artifacts: {m: "              \
    "{artifactType: {schemaTitle: system.Model, schemaVersion: 0.0.1}}}}, dag: {tasks: "           \
    "{condition-2: {taskInfo: {name: c2}, componentRef: {name: taken}, inputs: {parameters: {v: "  \
    "{componentInputParameter: v}}}, triggerPolicy: {condition: 'inputs.parameter_values[''v'']'}" \
    "}, condition-3: {taskInfo: {name: c3}, componentRef: {name: left}, inputs: {parameters: {v: " \
    "{componentInputParameter: v}}}, triggerPolicy: {condition: "                                  \
    "'!inputs.parameter_values[''v'']'}}}, outputs: {parameters: {one: {valueFromOneof: "          \
    "{parameterSelectors: [{producerSubtask: condition-2, outputParameterKey: y}, "                \
    "{producerSubtask: condition-3, outputParameterKey: n}]}}}, artifacts: {m: "                   \
    "{artifactSelectors: [{producerSubtask: condition-2, outputArtifactKey: m}, "                  \
    "{producerSubtask: condition-3, outputArtifactKey: m}]}}}}}\n"
#define BRANCH_IN(name, key)                                                                       \
    "  " name ": {inputDefinitions: {parameters: {v: {parameterType: BOOLEAN}}}, "                 \
    "outputDefinitions: {parameters: {" key ": {parameterType: STRING}}, artifacts: {m: "          \
    "{artifactType: {schemaTitle: system.Model, schemaVersion: 0.0.1}}}}, dag: {tasks: {w: "       \
    "{taskInfo: {name: w}, componentRef: {name: p}}}, outputs: {parameters: {" key                 \
    ": {valueFromParameter: {producerSubtask: w, outputParameterKey: o}}}, artifacts: {m: "        \
    "{artifactSelectors: [{producerSubtask: w, outputArtifactKey: a}]}}}}}\n"

static void test_oneof(void **state)
{
    static const char yaml[] =
        BRANCH_IN("taken", "y") BRANCH_IN("left", "n") BRANCHES ROOT TASK("flip", "p", "")
            TASK("condition-branches-1", "branches",
                 ", inputs: {parameters: {" FROM("v", "flip", "b") "}}")
                TASK("c", "c",
                     ", inputs: {parameters: {" FROM(
                         "x", "condition-branches-1",
                         "one") "}, artifacts: {a: {taskOutputArtifact: {producerTask: "
                                "condition-branches-1, outputArtifactKey: m}}}}");
#define MODEL(uri)                                                                                 \
    "{\"parameters\": {\"o\": \"" uri "\"}, \"artifacts\": {\"a\": [{\"name\": \"a\", \"type\": "  \
    "\"system.Model\", \"uri\": \"" uri "\"}]}}"
    static const char yes[] =
        "{\"root.flip\": {\"b\": true}, "
        "\"root.condition-branches-1.condition-2.w\": " MODEL(
            "two") ", "
                   "\"root.condition-branches-1.condition-3.w\": " MODEL("three") "}";
    static const char no[] =
        "{\"root.flip\": {\"b\": false}, "
        "\"root.condition-branches-1.condition-2.w\": " MODEL(
            "two") ", "
                   "\"root.condition-branches-1.condition-3.w\": " MODEL("three") "}";
    static const struct row rows[] = {
        {"the first branch",
         {.yaml = yaml, .answers = yes},
         "root.c RUNNING {\"x\":\"two\"} {\"a\":[{\"name\":\"a\",\"type\":\"system.Model\",\"uri\":"
         "\"two\"}]}\nroot.condition-branches-1 SUCCEEDED\nroot SUCCEEDED\n"},
        {"the second branch",
         {.yaml = yaml, .answers = no},
         "root.c RUNNING {\"x\":\"three\"} {\"a\":[{\"name\":\"a\",\"type\":\"system.Model\","
         "\"uri\":\"three\"}]}\n!root.condition-branches-1.condition-2.w RUNNING\nroot "
         "SUCCEEDED\n"},
        {"the branch failed",
         {.yaml = yaml,
          .answers = "{\"root.flip\": {\"b\": true}, "
                     "\"root.condition-branches-1.condition-2.w\": \"FAILED: why\"}"},
         "root.condition-branches-1 FAILED: failed: condition-2\n"
         "root.c SKIPPED: upstream task 'condition-branches-1' failed\n"
         "root FAILED: failed: condition-branches-1\n"},
    };
    (void)state;
    CHECK(rows);
}

#define BODY                                                                                       \
    "  body: {inputDefinitions: {parameters: {it: {parameterType: STRING}}}, outputDefinitions: "  \
    "{parameters: {o: {parameterType: STRING}}}, dag: {tasks: {w: {taskInfo: {name: w}, "          \
    "componentRef: {name: w}, inputs: {parameters: {x: {componentInputParameter: it}}}}}, "        \
    "outputs: {parameters: {o: {valueFromParameter: {producerSubtask: w, outputParameterKey: "     \
    "o}}}}}}\n"                                                                                    \
    "  w: {executorLabel: e, inputDefinitions: {parameters: {x: {parameterType: STRING}}}, "       \
    "outputDefinitions: {parameters: {o: {parameterType: STRING}}}}\n"
#define LOOP(items, more)                                                                          \
    TASK("loop", "body", ", parameterIterator: {itemInput: it, items: {" items "}}" more)

static void test_loops(void **state)
{
    static const char of_three[] = BODY ROOT LOOP("raw: '[\"a\", \"b\", \"c\"]'", "")
        TASK("all", "c", ", inputs: {parameters: {" FROM("l", "loop", "o") "}}");
    static const struct row rows[] = {
        {"collected in the order of the items",
         {.yaml = of_three,
          .slots = 3,
          .answers = "{\"root.loop[0].w\": {\"o\": \"A\"}, \"root.loop[1].w\": {\"o\": \"B\"}, "
                     "\"root.loop[2].w\": {\"o\": \"C\"}}"},
         "root.loop[0].w RUNNING {\"x\":\"a\"} {}\nroot.loop[2].w RUNNING {\"x\":\"c\"} {}\n"
         "root.loop[1] SUCCEEDED\nroot.loop SUCCEEDED\n"
         "root.all RUNNING {\"l\":[\"A\",\"B\",\"C\"]} {}\n"},
        {"a failed iteration does not stop the others",
         {.yaml = of_three, .answers = "{\"root.loop[1].w\": \"FAILED: why\"}"},
         "root.loop[0] SUCCEEDED\nroot.loop[1] FAILED: failed: w\nroot.loop[2] SUCCEEDED\n"
         "root.loop FAILED: failed: iteration 1\nroot.all SKIPPED: upstream task 'loop' failed\n"},
        {"over nothing",
         {.yaml = BODY ROOT LOOP("raw: '[]'", "")
              TASK("all", "c", ", inputs: {parameters: {" FROM("l", "loop", "o") "}}")},
         "root.loop SUCCEEDED\nroot.all RUNNING {\"l\":[]} {}\nroot SUCCEEDED\n"},
        {"over what a task gave",
         {.yaml = BODY ROOT TASK("p", "p", "")
              LOOP("inputParameter: in", ", inputs: {parameters: {" FROM("in", "p", "l") "}}"),
          .answers = "{\"root.p\": {\"l\": [\"1\", \"2\"]}}"},
         "root.loop[1].w RUNNING {\"x\":\"2\"} {}\n"},
        {"numbers become the text that the input asks for",
         {.yaml = BODY ROOT LOOP("raw: '[1, 2.5, {\"k\": true}]'", "")},
         "root.loop[0].w RUNNING {\"x\":\"1\"} {}\nroot.loop[1].w RUNNING {\"x\":\"2.5\"} {}\n"
         "root.loop[2].w RUNNING {\"x\":\"{\\\"k\\\":true}\"} {}\n"},
        {"over what is no list",
         {.yaml = BODY ROOT TASK("p", "p", "")
              LOOP("inputParameter: in", ", inputs: {parameters: {" FROM("in", "p", "n") "}}"),
          .answers = "{\"root.p\": {\"n\": 42}}"},
         "root.loop FAILED: loop over 'in': expected a list, got: integer\n"},
    };
    (void)state;
    CHECK(rows);
}

/* No more iterations are open than the limit says, and, without one, than there are slots. */
static int most_open(const char *yaml, int slots)
{
    const struct play play = {.yaml = yaml, .slots = slots};
    own_mem char *trace = play_trace(&play);
    int open = 0, most = 0;

    assert_null(strstr(trace, "error"));
    for (const char *s = trace; *s;) {
        size_t n = strcspn(s, "\n");

        if (memmem(s, n, ".w RUNNING", 10))
            most = ++open > most ? open : most;
        else if (memmem(s, n, ".w SUCCEEDED", 12))
            open--;
        s += n + (s[n] == '\n');
    }
    return most;
}

static void test_parallelism(void **state)
{
#define TEN "raw: '[\"0\",\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]'"
    (void)state;
    assert_int_equal(most_open(BODY ROOT LOOP(TEN, ", iteratorPolicy: {parallelismLimit: 2}"), 8),
                     2);
    assert_int_equal(most_open(BODY ROOT LOOP(TEN, ", iteratorPolicy: {parallelismLimit: 0}"), 8),
                     8);
    assert_int_equal(most_open(BODY ROOT LOOP(TEN, ""), 1), 1);
    assert_int_equal(most_open(BODY ROOT LOOP(TEN, ""), 64), 10);
}

/* Depth first: with one slot an iteration is over before the next one opens. */
static void test_depth_first(void **state)
{
    static const struct row row = {
        "one by one",
        {.yaml =
             "  two: {inputDefinitions: {parameters: {it: {parameterType: STRING}}}, dag: {tasks: "
             "{a: {taskInfo: {name: a}, componentRef: {name: s}}, b: {taskInfo: {name: b}, "
             "componentRef: {name: s}, dependentTasks: [a]}}}}\n" ROOT TASK(
                 "loop", "two",
                 ", parameterIterator: {itemInput: it, items: {raw: '[\"x\", \"y\"]'}}")},
        "<root.loop[0].a RUNNING {} {}\n<root.loop[0].b RUNNING {} {}\n<root.loop[0] SUCCEEDED\n"
        "<root.loop[1].a RUNNING {} {}\n<root.loop[1] SUCCEEDED\n<root.loop SUCCEEDED\n"};
    (void)state;
    check_rows(&row, 1);
}

static void test_nested_loops(void **state)
{
    static const char yaml[] = BODY
        "  outer: {inputDefinitions: {parameters: {its: {parameterType: LIST}}}, "
        "outputDefinitions: {parameters: {all: {parameterType: LIST}}}, dag: {tasks: {inner: "
        "{taskInfo: {name: inner}, componentRef: {name: body}, inputs: {parameters: {l: "
        "{componentInputParameter: its}}}, parameterIterator: {itemInput: it, items: "
        "{inputParameter: l}}}}, outputs: {parameters: {all: {valueFromParameter: "
        "{producerSubtask: inner, outputParameterKey: o}}}}}}\n" ROOT TASK(
            "loop", "outer",
            ", parameterIterator: {itemInput: its, items: {raw: '[[\"1\", \"2\"], [], "
            "[\"3\"]]'}}") TASK("c", "c", ", inputs: {parameters: {" FROM("l", "loop", "all") "}}");
    static const struct row row = {
        "nested loops give one flat list",
        {.yaml = yaml,
         .answers = "{\"root.loop[0].inner[0].w\": {\"o\": \"a\"}, \"root.loop[0].inner[1].w\": "
                    "{\"o\": \"b\"}, \"root.loop[2].inner[0].w\": {\"o\": \"c\"}}"},
        "root.loop[1].inner SUCCEEDED\nroot.c RUNNING {\"l\":[\"a\",\"b\",\"c\"]} {}\n"};
    (void)state;
    check_rows(&row, 1);
}

#define GROUP "  group: {dag: {tasks: {w: {taskInfo: {name: w}, componentRef: {name: s}}}}}\n"
#define EXIT                                                                                       \
    GROUP ROOT TASK("exit-handler-1", "group", "")                                                 \
        TASK("last", "status",                                                                     \
             AFTER("exit-handler-1") ", inputs: {parameters: {status: {taskFinalStatus: "          \
                                     "{producerTask: exit-handler-1}}}}" IGNORE)

static void test_exit_handler(void **state)
{
    static const struct row rows[] = {
        {"after a success",
         {.yaml = EXIT},
         "root.last RUNNING {\"status\":{\"error\":{},\"pipelineJobResourceName\":\"resource\","
         "\"pipelineTaskName\":\"exit-handler-1\",\"state\":\"COMPLETE\"}} {}\nroot SUCCEEDED\n"},
        {"after a failure: it runs, and the run has failed",
         {.yaml = EXIT, .answers = "{\"root.exit-handler-1.w\": \"FAILED: exit code 7\"}"},
         "root.last RUNNING {\"status\":{\"error\":{\"code\":2,\"message\":\"task "
         "'exit-handler-1': failed: w\"},\"pipelineJobResourceName\":\"resource\","
         "\"pipelineTaskName\":\"exit-handler-1\",\"state\":\"FAILED\"}} {}\n"
         "root.last SUCCEEDED\nroot FAILED: failed: exit-handler-1\n"},
        {"canceled once: it still runs",
         {.yaml = EXIT,
          .answers = "{\"root.exit-handler-1.w\": \"CANCELED: interrupted\"}",
          .cancel_after = 1},
         "root.exit-handler-1 CANCELED: canceled\nroot.last SUCCEEDED\nroot CANCELED: canceled\n"},
        {"canceled twice: not even that",
         {.yaml = EXIT,
          .answers = "{\"root.exit-handler-1.w\": \"CANCELED: interrupted\"}",
          .cancel_after = 1,
          .cancel_all = true},
         "root.last CANCELED: run canceled\n!root.last RUNNING\nroot CANCELED: canceled\n"},
    };
    (void)state;
    CHECK(rows);
}

static void test_ignore_failure(void **state)
{
    static const struct row rows[] = {
        {"the default stands in",
         {.yaml = ROOT TASK("p", "p", "")
              TASK("d", "d", ", inputs: {parameters: {" FROM("x", "p", "o") "}}" IGNORE),
          .answers = "{\"root.p\": \"FAILED: why\"}"},
         "root.d RUNNING {\"x\":\"dflt\"} {}\nroot.d SUCCEEDED\nroot FAILED: failed: p\n"},
        {"the value wins over the default",
         {.yaml = ROOT TASK("p", "p", "")
              TASK("d", "d", ", inputs: {parameters: {" FROM("x", "p", "o") "}}" IGNORE),
          .answers = "{\"root.p\": {\"o\": \"given\"}}"},
         "root.d RUNNING {\"x\":\"given\"} {}\nroot SUCCEEDED\n"},
        {"no default and not optional: it fails for itself",
         {.yaml = ROOT TASK("p", "p", "")
              TASK("d", "need", ", inputs: {parameters: {" FROM("x", "p", "o") "}}" IGNORE),
          .answers = "{\"root.p\": \"FAILED: why\"}"},
         "root.d FAILED: input 'x': task 'p' gave no output 'o'\nroot FAILED: failed: p, d\n"},
        {"behind a skipped task too",
         {.yaml =
              ROOT TASK("a", "s", "") TASK("b", "s", AFTER("a")) TASK("d", "s", AFTER("b") IGNORE),
          .answers = "{\"root.a\": \"FAILED: why\"}"},
         "root.b SKIPPED: upstream task 'a' failed\nroot.d SUCCEEDED\nroot FAILED: failed: a\n"},
    };
    (void)state;
    CHECK(rows);
}

static void test_cancel(void **state)
{
    static const struct row rows[] = {
        {"nothing new starts",
         {.yaml = ROOT TASK("a", "s", "") TASK("b", "s", AFTER("a")) TASK("c", "s", ""),
          .cancel_after = 1},
         "root.a SUCCEEDED\nroot.b CANCELED: run canceled\nroot.c CANCELED: run canceled\n"
         "root CANCELED: canceled\n"},
        {"the dag around such a loop does not end before its other tasks",
         {.yaml = BODY ROOT LOOP("raw: '[\"a\", \"b\", \"c\"]'",
                                 ", iteratorPolicy: {parallelismLimit: 1}") TASK("x", "s", ""),
          .slots = 2,
          .cancel_after = 1},
         "<root.loop CANCELED: canceled\n<root.x SUCCEEDED\n<root CANCELED: canceled\n"},
        {"iterations that have not opened",
         {.yaml = BODY ROOT LOOP("raw: '[\"a\", \"b\", \"c\"]'", ""), .cancel_after = 1},
         "root.loop[0] SUCCEEDED\nroot.loop[1] CANCELED: run canceled\n"
         "root.loop[2] CANCELED: run canceled\nroot.loop CANCELED: canceled\n"},
    };
    (void)state;
    CHECK(rows);
}

/* What runs anew makes dirty what depends on it, through dags; nothing else. */
static void test_dirty(void **state)
{
    static const struct play play = {.yaml = GROUP ROOT TASK("a", "s", "")
                                         TASK("group", "group", AFTER("a"))
                                             TASK("z", "s", AFTER("group")) TASK("other", "s", ""),
                                     .answers = "{\"root.a\": \"CACHED\", \"root.group.w\": null}"};
    static const struct {
        const char *key;
        bool dirty;
    } rows[] = {
        {"root.a", false}, {"root.group.w", false}, {"root.z", true}, {"root.other", false}};
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        own_played struct played p;

        play_until(&play, rows[i].key, &p);
        assert_non_null(p.leaf);
        if (p.leaf->dirty != rows[i].dirty)
            fail_msg("%s: dirty is %d", rows[i].key, p.leaf->dirty);
    }
}

static void test_names(void **state)
{
    static const struct play play = {.yaml = BODY ROOT LOOP("raw: '[\"a\", \"b\"]'", "")};
    own_played struct played p;
    own_mem char *scope = NULL;
    (void)state;

    play_until(&play, "root.loop[1].w", &p);
    assert_non_null(p.leaf);
    scope = plan_scope_path(p.leaf);
    assert_string_equal(scope, "root.loop.w");
    assert_string_equal(plan_name(p.leaf), "w");
    assert_int_equal(plan_iteration(p.leaf), 1);
    assert_int_equal(p.leaf->type, PLAN_RUNTIME);
    assert_int_equal(p.leaf->parent->type, PLAN_LOOP_ITERATION);
    assert_int_equal(p.leaf->parent->parent->type, PLAN_LOOP);
    assert_int_equal(plan_iteration(plan_root(p.plan)), -1);
    assert_int_equal(plan_n_nodes(p.plan), 6); /* root, loop, two iterations, their tasks */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chain),        cmocka_unit_test(test_implied_edges),
        cmocka_unit_test(test_conditions),   cmocka_unit_test(test_oneof),
        cmocka_unit_test(test_loops),        cmocka_unit_test(test_parallelism),
        cmocka_unit_test(test_depth_first),  cmocka_unit_test(test_nested_loops),
        cmocka_unit_test(test_exit_handler), cmocka_unit_test(test_ignore_failure),
        cmocka_unit_test(test_cancel),       cmocka_unit_test(test_dirty),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
