/* Inputs and results of KFP's own unit tests, from a folder beside the sources:
 * $DHOW_CONFORMANCE, else ../shared/conformance from the source root (the first argument). Where it
 * is not there, all is skipped. Conditions and selectors are src/cel's. Prints TAP.
 *
 * A difference that is there on purpose stands in `on_purpose` with its reason; one that is listed
 * and does not differ is a failure. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/js.h"
#include "base/mem.h"
#include "plan/executor_input.h"
#include "plan/placeholder.h"
#include "plan/plan.h"
#include "spec/params.h"

static const struct {
    const char *name, *reason;
} on_purpose[] = {
    {"go_resolve_container_args: IfPresent with non-string in array",
     "a number in Then becomes its text, as the SDK's own runner does; the backend refuses it"},
    {"go_resolve_container_args: output parameter placeholder should be preserved",
     "the backend leaves a text with an output placeholder to its launcher; here one step does "
     "both"},
    {"test_block_input_artifact", "an input artifact is never refused here"},
    {"test_fstring_case",
     "the SDK replaces an input inside another one in a later call; here it is done"},
};

static int n_tests, n_failed;

static const char *purpose_of(const char *name)
{
    for (size_t i = 0; i < sizeof on_purpose / sizeof *on_purpose; i++)
        if (strstr(name, on_purpose[i].name))
            return on_purpose[i].reason;
    return NULL;
}

static void result(const char *name, bool good, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void result(const char *name, bool good, const char *fmt, ...)
{
    const char *reason = purpose_of(name);
    va_list ap;

    n_tests++;
    if (reason && !good) {
        (void)printf("ok %d - %s # SKIP %s\n", n_tests, name, reason);
        return;
    }
    if (reason)
        (void)printf("not ok %d - %s\n# listed as different, but it does not differ\n", n_tests,
                     name);
    else
        (void)printf("%sok %d - %s\n", good ? "" : "not ", n_tests, name);
    if (good && !reason)
        return;
    n_failed++;
    va_start(ap, fmt);
    (void)printf("# ");
    (void)vprintf(fmt, ap);
    (void)printf("\n");
    va_end(ap);
}

static void compare(const char *name, const struct js *got, const struct js *want)
{
    own_mem char *g = js_dump(got, JS_SORTED), *w = js_dump(want, JS_SORTED);

    result(name, js_equal(got, want) || (!js_n(got) && js_is(want, JS_NULL)), "got %s, want %s", g,
           w);
}

/* ---- a plan with one task `task` of component `component` ---- */

struct one {
    struct spec *spec;
    struct plan_run run;
    struct plan *plan;
    struct plan_node *leaf;
    struct js *none;
};

static void one_done(struct one *one)
{
    plan_free(one->plan);
    spec_free(one->spec);
    js_free(one->none);
}
#define own_one __attribute__((cleanup(one_done)))

/* `given`: the values of the component's parameters, as constants. */
static struct js *pipeline_of(const struct js *component, const char *task, const struct js *given)
{
    struct js *base = NULL, *c = js_copy(component), *inputs = js_object(), *node, *tasks, *comps;
    static const char text[] =
        "{\"schemaVersion\": \"2.1.0\", \"pipelineInfo\": {\"name\": \"v\"}, \"components\": {}, "
        "\"deploymentSpec\": {\"executors\": {\"exec\": {\"container\": {\"image\": \"i\"}}}}, "
        "\"root\": {\"dag\": {\"tasks\": {}}}}";

    if (js_parse(text, strlen(text), &base, NULL) < 0)
        return NULL;
    js_set(c, "executorLabel", js_str("exec"));
    comps = js_get(base, "components");
    js_set(comps, "comp", c);
    for (js_each(given, it)) {
        struct js *constant, *in;

        if (!js_path(c, "inputDefinitions", "parameters", it.key, NULL) &&
            strncmp(it.key, "pipelinechannel--", 17) != 0)
            continue;
        constant = js_object();
        in = js_object();
        js_set(constant, "constant", js_ref(it.value));
        js_set(in, "runtimeValue", constant);
        js_set(inputs, it.key, in);
    }
    node = js_object();
    js_set(node, "componentRef", js_object());
    js_set(js_get(node, "componentRef"), "name", js_str("comp"));
    js_set(node, "taskInfo", js_object());
    js_set(js_get(node, "taskInfo"), "name", js_str(task));
    js_set(node, "inputs", js_object());
    js_set(js_get(node, "inputs"), "parameters", inputs);
    tasks = js_path(base, "root", "dag", "tasks", NULL);
    js_set(tasks, task, node);
    return base;
}

static int one_open(struct one *one, const struct js *component, const char *task,
                    const struct js *given, struct dh_err *err)
{
    own(js_free) struct js *pipeline = pipeline_of(component, task, given);
    own_mem char *text = js_dump(pipeline, JS_COMPACT);
    struct plan_node *node;

    one->none = js_object();
    one->run.parameters = one->none;
    if (spec_load_bytes("vector", text, strlen(text), &one->spec, NULL, err) < 0 ||
        plan_new(one->spec, &one->run, &one->plan, err) < 0)
        return -1;
    while (plan_next(one->plan, &node) == 0)
        if (plan_is_leaf(node))
            one->leaf = node;
    if (!one->leaf)
        return dh_fail(err, DH_BUG, "no leaf");
    if (plan_is_final(one->leaf))
        return dh_fail(err, DH_FAILED, "%s", one->leaf->reason);
    return 0;
}

static int one_bare(struct one *one, const char *task, struct dh_err *err)
{
    own(js_free) struct js *component = js_object();

    return one_open(one, component, task, NULL, err);
}

/* ---- the files ---- */

/* A component that has these parameters, each of the type of its value. */
static struct js *component_for(const struct js *values)
{
    static const char *const types[] = {"STRING", "BOOLEAN", "NUMBER_INTEGER", "NUMBER_DOUBLE",
                                        "STRING", "LIST",    "STRUCT"};
    struct js *c = js_object(), *in = js_object(), *parameters = js_object();

    for (js_each(values, it)) {
        struct js *def = js_object();

        js_set(def, "parameterType", js_str(types[js_kind(it.value)]));
        js_set(def, "isOptional", js_bool(true));
        js_set(parameters, it.key, def);
    }
    js_set(in, "parameters", parameters);
    js_set(c, "inputDefinitions", in);
    return c;
}

static struct js *expand_all(const struct js *args, const struct one *one, const struct js *input)
{
    own(js_free) struct js *list = js_array();
    struct js *out = js_array();

    for (size_t i = 0; i < js_n(args); i++)
        placeholder_struct(js_text(js_at(args, i)), input, list);
    for (size_t i = 0; i < js_n(list); i++) {
        own_buf struct buf b = {0};

        placeholder_expand(js_text(js_at(list, i)), one->plan, one->leaf, "task", input, &b);
        js_push(out, js_str(buf_str(&b)));
    }
    return out;
}

static void container_args(const char *name, const struct js *c)
{
    own_one struct one one = {0};
    own(js_free) struct js *inputs = js_object(), *input = NULL, *got = NULL;
    struct dh_err err;

    js_set(inputs, "parameters", js_ref(js_get(c, "parameter_values")));
    input = executor_input_view(inputs);
    if (one_bare(&one, "t", &err) < 0) {
        result(name, false, "%s", err.msg);
        return;
    }
    got = expand_all(js_get(c, "args"), &one, input);
    if (js_get_bool(c, "error"))
        result(name, false, "an error is expected");
    else
        compare(name, got, js_get(c, "expected"));
}

static void struct_param(const char *name, const struct js *c)
{
    own_one struct one one = {0};
    own(js_free) struct js *component = component_for(js_get(c, "parameter_values"));
    struct dh_err err;

    if (one_open(&one, component, "t", js_get(c, "parameter_values"), &err) < 0)
        result(name, false, "%s", err.msg);
    else
        compare(name, js_path(one.leaf->inputs, "parameters", "config", NULL),
                js_get(c, "expected_config"));
}

static void default_value(const char *name, const struct js *c)
{
    static const char text[] =
        "{\"inputDefinitions\": {\"parameters\": {\"a\": {\"parameterType\": "
        "\"NUMBER_INTEGER\", \"defaultValue\": 5}, \"b\": "
        "{\"parameterType\": \"NUMBER_INTEGER\"}}}}";
    own_one struct one one = {0};
    own(js_free) struct js *component = NULL, *input = NULL;
    own_buf struct buf b = {0};
    struct dh_err err;

    if (js_parse(text, strlen(text), &component, &err) < 0 ||
        one_open(&one, component, "t", js_get(c, "parameter_values"), &err) < 0) {
        result(name, false, "%s", err.msg);
        return;
    }
    input = executor_input_view(one.leaf->inputs);
    placeholder_expand(js_get_text(c, "script"), one.plan, one.leaf, "task", input, &b);
    result(name, !strstr(buf_str(&b), "{{") && !strstr(buf_str(&b), "null"), "%s", buf_str(&b));
}

static void loop_items(const char *name, const struct js *c)
{
    static const char text[] =
        "{\"schemaVersion\": \"2.1.0\", \"pipelineInfo\": {\"name\": \"v\"}, \"components\": "
        "{\"body\": {\"executorLabel\": \"exec\", \"inputDefinitions\": {\"parameters\": {\"it\": "
        "{\"parameterType\": \"STRING\"}}}}}, \"deploymentSpec\": {\"executors\": {\"exec\": "
        "{\"container\": {\"image\": \"i\"}}}}, \"root\": {\"dag\": {\"tasks\": {\"loop\": "
        "{\"taskInfo\": {\"name\": \"l\"}, \"componentRef\": {\"name\": \"body\"}, \"inputs\": "
        "{\"parameters\": {\"items\": {\"runtimeValue\": {}}}}, \"parameterIterator\": "
        "{\"itemInput\": \"it\", \"items\": {\"inputParameter\": \"items\"}}}}}}}";
    own_one struct one one = {0};
    own(js_free) struct js *pipeline = NULL;
    own_mem char *dump = NULL;
    struct plan_node *node, *loop;
    struct dh_err err;

    if (js_parse(text, strlen(text), &pipeline, NULL) < 0)
        return;
    js_set(js_path(pipeline, "root", "dag", "tasks", "loop", "inputs", "parameters", "items",
                   "runtimeValue", NULL),
           "constant", js_ref(js_get(c, "value")));
    dump = js_dump(pipeline, JS_COMPACT);
    one.none = js_object();
    one.run.parameters = one.none;
    if (spec_load_bytes("vector", dump, strlen(dump), &one.spec, NULL, &err) < 0 ||
        plan_new(one.spec, &one.run, &one.plan, &err) < 0) {
        result(name, js_get_bool(c, "error"), "%s", err.msg);
        return;
    }
    while (plan_next(one.plan, &node) == 0)
        ;
    loop = plan_root(one.plan)->children;
    result(name,
           js_get_bool(c, "error") ? loop->state == PLAN_FAILED
                                   : loop->n_children == js_get_int(c, "count", -1),
           "%u iterations, %s", loop->n_children, loop->reason ? loop->reason : "no failure");
}

/* The recorded calls say artifacts as objects with __artifact__. */
static struct js *artifact_lists(const struct js *arguments)
{
    struct js *lists = js_object();

    for (js_each(arguments, it)) {
        struct js *list, *a;

        if (!js_get(it.value, "__artifact__"))
            continue;
        a = js_copy(it.value);
        js_set(a, "type", js_ref(js_get(a, "__artifact__")));
        js_set(a, "__artifact__", NULL);
        list = js_array();
        js_push(list, a);
        js_set(lists, it.key, list);
    }
    return lists;
}

static void executor_input(const char *name, const struct js *c)
{
    const struct js *args = js_get(c, "args"), *component = js_get(args, "component_spec");
    own_one struct one one = {0};
    own(js_free) struct js *bare = NULL, *input = NULL;
    const char *root = js_get_text(args, "task_root");
    own_mem char *file = dh_printf("%s/executor_output.json", root);
    const struct exec_paths paths = {root, root, file};
    struct dh_err err;

    if (!js_get(c, "result")) {
        result(name, false, "the SDK refuses it");
        return;
    }
    /* The artifacts have no producer in this one task: they are put in place of their resolution.
     */
    bare = js_copy(component);
    js_set(js_get(bare, "inputDefinitions"), "artifacts", NULL);
    if (one_open(&one, bare, "comp", js_get(args, "arguments"), &err) < 0) {
        result(name, false, "%s", err.msg);
        return;
    }
    js_set(one.leaf->inputs, "artifacts", artifact_lists(js_get(args, "arguments")));
    input = executor_input_build(one.leaf, &paths);
    compare(name, input, js_get(c, "result"));
}

static void outputs(const char *name, const struct js *c)
{
    const struct js *args = js_get(c, "args");
    own_one struct one one = {0};
    own(js_free) struct js *component = js_copy(js_get(args, "component_spec")), *got = NULL;
    struct dh_err err = {0};
    bool good = true;

    js_set(component, "inputDefinitions", NULL);
    if (one_open(&one, component, "comp", NULL, &err) < 0 ||
        executor_outputs(one.leaf, js_get(args, "executor_input"), js_get(args, "executor_output"),
                         NULL, &got, &err) < 0) {
        result(name, false, "%s", err.msg);
        return;
    }
    for (js_each(js_get(c, "result"), it)) {
        const struct js *list = js_path(got, "artifacts", it.key, NULL), *a = js_at(list, 0);

        if (js_get(it.value, "__artifact__"))
            good &= js_equal(js_get(a, "uri"), js_get(it.value, "uri")) &&
                    js_equal(js_get(a, "metadata"), js_get(it.value, "metadata")) &&
                    js_equal(js_get(a, "type"), js_get(it.value, "__artifact__"));
        else
            good &= js_equal(js_path(got, "parameters", it.key, NULL), it.value);
    }
    result(name, good, "%s", err.msg);
}

static const char *text_or(const struct js *v, const char *key, const char *other)
{
    return js_get_text(v, key) ? js_get_text(v, key) : other;
}

static int run_of(struct one *one, const struct js *args, struct dh_err *err)
{
    const char *task = text_or(args, "task_resource_name", "comp");

    one->run.job_name = one->run.resource_name = text_or(args, "pipeline_resource_name", "p");
    one->run.run_id = text_or(args, "pipeline_job_id", text_or(args, "unique_pipeline_id", "u"));
    one->run.pipeline_root = text_or(args, "pipeline_root", "/r");
    return one_bare(one, task, err);
}

/* The SDK writes JSON with blanks after ',' and ':'; a JSON text is the same without them. */
static bool same_text(const char *got, const char *want)
{
    own(js_free) struct js *a = NULL, *b = NULL;
    own_buf struct buf packed = {0};

    if (!strcmp(got, want))
        return true;
    if (js_parse(got, strlen(got), &a, NULL) == 0 && js_parse(want, strlen(want), &b, NULL) == 0)
        return js_equal(a, b);
    for (const char *s = want; *s; s++)
        if (*s != ' ' || s == want || !strchr(",:", s[-1]))
            buf_addc(&packed, *s);
    return !strcmp(got, buf_str(&packed));
}

static void individual(const char *name, const struct js *c)
{
    const struct js *args = js_get(c, "args");
    const char *want = js_get_text(c, "result");
    own_one struct one one = {0};
    own_buf struct buf b = {0};
    struct dh_err err;

    if (!want) {
        result(name, true, " ");
        return;
    }
    /* The workspace's folder is the run's; the record has a random one. */
    if (strstr(js_get_text(args, "element"), "workspace")) {
        const char *at = strstr(want, "/tmp/kfp-workspace-");
        static char folder[64];

        (void)snprintf(folder, sizeof folder, "%.*s", at ? 27 : 14, at ? at : "/kfp-workspace");
        one.run.workspace = folder;
    }
    if (run_of(&one, args, &err) < 0) {
        result(name, false, "%s", err.msg);
        return;
    }
    placeholder_expand(js_get_text(args, "element"), one.plan, one.leaf,
                       text_or(args, "pipeline_task_id", "t"), js_get(args, "executor_input_dict"),
                       &b);
    result(name, same_text(buf_str(&b), want), "got %s, want %s", buf_str(&b), want);
}

static void whole_command(const char *name, const struct js *c)
{
    const struct js *args = js_get(c, "args"), *want = js_get(c, "result");
    own_one struct one one = {0};
    own(js_free) struct js *got = NULL;
    struct dh_err err;
    bool good = true;

    if (run_of(&one, args, &err) < 0) {
        result(name, false, "%s", err.msg);
        return;
    }
    got = expand_all(js_get(args, "full_command"), &one, js_get(args, "executor_input_dict"));
    for (size_t i = 0; i < js_n(want); i++) {
        const char *prefix = "something before the placeholder ";
        const char *g = js_text(js_at(got, i)), *w = js_text(js_at(want, i));
        size_t skip = g && !strncmp(g, prefix, strlen(prefix)) ? strlen(prefix) : 0;

        good &= g && same_text(g + skip, w + skip);
    }
    result(name, good && js_n(got) == js_n(want), "%zu of %zu elements", js_n(got), js_n(want));
}

static void self_references(const char *name, const struct js *c)
{
    const struct js *values =
        js_path(c, "args", "executor_input_dict", "inputs", "parameterValues", NULL);
    own_one struct one one = {0};
    own(js_free) struct js *component = component_for(values);
    struct dh_err err;

    if (one_open(&one, component, "echo", values, &err) < 0)
        result(name, false, "%s", err.msg);
    else
        compare(name, js_get(one.leaf->inputs, "parameters"),
                js_path(c, "result", "inputs", "parameterValues", NULL));
}

static void structs(const char *name, const struct js *c)
{
    const struct js *provided = js_path(c, "args", "provided_inputs", NULL);
    own(js_free) struct js *values = js_object(), *inputs = js_object(), *input = NULL;
    own(js_free) struct js *got = js_array(), *want = NULL;

    for (size_t i = 0; i < js_n(provided); i++)
        js_set(values, js_text(js_at(provided, i)), js_int(1));
    js_set(inputs, "parameters", js_ref(values));
    input = executor_input_view(inputs);
    placeholder_struct(js_get_text(js_get(c, "args"), "placeholder"), input, got);
    if (js_is(js_get(c, "result"), JS_STRING)) {
        want = js_array();
        js_push(want, js_ref(js_get(c, "result")));
    } else {
        want = js_ref(js_get(c, "result"));
    }
    compare(name, got, want);
}

/* The SDK sorts so that a task comes after those that it waits for; which order of many does not
 * matter: each task starts after its dependencies, and all do. */
static void sorted_tasks(const char *name, const struct js *c)
{
    own_one struct one one = {0};
    own(js_free) struct js *component = js_object(), *seen = js_object();
    own(js_free) struct js *pipeline = pipeline_of(component, "unused", NULL);
    struct js *tasks = js_path(pipeline, "root", "dag", "tasks", NULL);
    own_mem char *text = NULL;
    struct plan_node *node;
    struct dh_err err;
    bool good = true;

    for (js_each(js_path(c, "args", "tasks", NULL), it)) {
        struct js *task = js_copy(js_get(tasks, "unused"));

        if (js_get(it.value, "dependentTasks"))
            js_set(task, "dependentTasks", js_ref(js_get(it.value, "dependentTasks")));
        js_set(tasks, it.key, task);
    }
    (void)js_remove(tasks, "unused");
    text = js_dump(pipeline, JS_COMPACT);
    one.none = js_object();
    one.run.parameters = one.none;
    if (spec_load_bytes("vector", text, strlen(text), &one.spec, NULL, &err) < 0 ||
        plan_new(one.spec, &one.run, &one.plan, &err) < 0) {
        result(name, false, "%s", err.msg);
        return;
    }
    while (plan_next(one.plan, &node) == 0) {
        const struct js *after;

        if (!plan_is_leaf(node) || plan_is_final(node))
            continue;
        after = js_path(c, "args", "tasks", plan_name(node), "dependentTasks", NULL);
        for (size_t i = 0; i < js_n(after); i++)
            good &= js_get(seen, js_text(js_at(after, i))) != NULL;
        js_set(seen, plan_name(node), js_bool(true));
        plan_finish(one.plan, node, PLAN_SUCCEEDED, NULL, NULL, true);
    }
    result(name, good && js_n(seen) == js_n(js_get(c, "result")), "%zu tasks", js_n(seen));
}

static const struct {
    const char *file;
    void (*call)(const char *name, const struct js *one_case);
} files[] = {
    {"go_resolve_container_args", container_args},
    {"go_nested_placeholders_in_struct_param", struct_param},
    {"go_launcher_default_value", default_value},
    {"go_loop_items", loop_items},
    {"py_executor_input_utils.construct_executor_input", executor_input},
    {"py_executor_output_utils.get_outputs_from_executor_output", outputs},
    {"py_graph_utils.topological_sort_tasks", sorted_tasks},
    {"py_placeholder_utils.resolve_individual_placeholder", individual},
    {"py_placeholder_utils.replace_placeholders", whole_command},
    {"py_placeholder_utils.resolve_self_references_in_executor_input", self_references},
    {"py_placeholder_utils.resolve_struct_placeholders", structs},
};

static void run_file(const char *folder, size_t i)
{
    own_mem char *path = dh_printf("%s/vectors/%s.json", folder, files[i].file);
    own(js_free) struct js *doc = NULL;
    const struct js *cases;
    struct dh_err err;

    if (js_parse_file(path, (size_t)16 << 20, &doc, &err) < 0) {
        result(files[i].file, false, "%s", err.msg);
        return;
    }
    cases = js_get(doc, "cases");
    for (size_t k = 0; k < js_n(cases); k++) {
        const struct js *c = js_at(cases, k);
        const char *said = text_or(c, "name", text_or(c, "test", NULL));
        own_mem char *name = said ? dh_printf("%s: %s", files[i].file, said)
                                  : dh_printf("%s: %zu", files[i].file, k);

        files[i].call(name, c);
    }
}

int main(int argc, char **argv)
{
    const char *given = getenv("DHOW_CONFORMANCE");
    own_mem char *folder =
        given ? dh_strdup(given) : dh_printf("%s/../shared/conformance", argc > 1 ? argv[1] : ".");

    if (!fs_is_dir(folder)) {
        (void)printf("1..0 # SKIP no %s\n", folder);
        return 0;
    }
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        run_file(folder, i);
    (void)printf("1..%d\n", n_tests);
    return n_failed ? 1 : 0;
}
