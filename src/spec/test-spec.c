/* Whole pipelines: what is read, what is refused and in which words, what is written again. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "spec/kubernetes.h"
#include "spec/params.h"

/* The project's tests folder; the build says where. */
static char *in_tests(const char *name)
{
    const char *tests = getenv("DHOW_TESTS");

    return fs_join(tests ? tests : "tests", name);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Calls `check` with each file of a folder, in order; returns how many there were. */
static size_t each_file(const char *folder, void (*check)(const char *path, const char *name))
{
    DIR *d = opendir(folder);
    char **names = NULL;
    size_t n = 0, cap = 0;
    const struct dirent *e;

    if (!d)
        return 0;
    while ((e = readdir(d))) {
        if (e->d_name[0] == '.')
            continue;
        DH_GROW(names, n, cap);
        names[n++] = dh_strdup(e->d_name);
    }
    closedir(d);
    if (n)
        qsort(names, n, sizeof *names, by_name);
    for (size_t i = 0; i < n; i++) {
        own_mem char *path = fs_join(folder, names[i]);

        check(path, names[i]);
        free(names[i]);
    }
    free(names);
    return n;
}

static struct spec *load(const char *path)
{
    struct spec *spec = NULL;
    struct dh_err err = {0};

    if (spec_load_file(path, &spec, NULL, &err) < 0)
        fail_msg("%s", err.msg);
    return spec;
}

static struct spec *load_text(const char *name, const char *text)
{
    struct spec *spec = NULL;
    struct dh_err err = {0};

    if (spec_load_bytes(name, text, strlen(text), &spec, NULL, &err) < 0)
        fail_msg("%s", err.msg);
    return spec;
}

/* ---- what is refused ---- */

/* The first line of each file says the message: "# expect: NAME:LINE:COLUMN: …". */
static void check_invalid(const char *path, const char *name)
{
    own_mem char *text = NULL;
    own_mem char *expected = NULL;
    own_spec_notes struct spec_notes notes = {0};
    struct dh_err err = {0};
    struct spec *spec = NULL;
    size_t n, n_errors = 0;

    assert_int_equal(fs_read(path, LIMIT_PIPELINE_BYTES, &text, &n, &err), 0);
    assert_memory_equal(text, "# expect: ", 10);
    expected = dh_strndup(text + 10, strcspn(text + 10, "\n"));
    if (spec_load_bytes(name, text, n, &spec, &notes, &err) == 0)
        fail_msg("%s was taken; expected: %s", name, expected);
    assert_int_equal(err.code, DH_INVALID);
    assert_string_equal(err.msg, expected);
    for (size_t i = 0; i < notes.n; i++)
        n_errors += notes.items[i].kind == SPEC_ERROR;
    assert_true(n_errors <= 3); /* one mistake is not said in many ways */
}

static void invalid_pipelines_are_refused(void **state)
{
    own_mem char *folder = in_tests("invalid");

    (void)state;
    assert_true(each_file(folder, check_invalid) > 50);
}

static void files_that_cannot_be_read(void **state)
{
    struct spec *spec = NULL;
    struct dh_err err = {0};

    (void)state;
    assert_int_equal(spec_load_file("no/such/pipeline.yaml", &spec, NULL, &err), -1);
    assert_int_equal(err.code, DH_NOT_FOUND);
    assert_non_null(strstr(err.msg, "no/such/pipeline.yaml"));
}

static void many_errors_are_all_noted(void **state)
{
    own_spec_notes struct spec_notes notes = {0};
    own_buf struct buf text = {0};
    struct spec *spec = NULL;
    struct dh_err err = {0};

    (void)state;
    buf_adds(&text, "schemaVersion: 2.1.0\npipelineInfo: {name: x}\nroot:\n  dag:\n    tasks:\n");
    for (int i = 0; i < 300; i++)
        buf_addf(&text, "      t%d: {componentRef: {name: nothing}}\n", i);
    assert_int_equal(spec_load_bytes("t", text.p, text.n, &spec, &notes, &err), -1);
    assert_string_equal(err.msg,
                        "t:6:26: root.dag.tasks.t0.componentRef: unknown component 'nothing'");
    assert_int_equal(notes.n, 100);
    assert_string_equal(notes.items[0].text, err.msg);
    assert_int_equal(notes.items[99].pos.line, 105);
}

/* ---- what is taken ---- */

static void assert_same_again(const struct spec *spec)
{
    own(js_free) struct js *one = spec_to_json(spec), *two = NULL;
    own_mem char *text = js_dump(one, JS_COMPACT);
    own(spec_free) struct spec *again = load_text("again", text);

    two = spec_to_json(again);
    assert_true(js_equal(one, two));
}

static void check_corpus(const char *path, const char *name)
{
    own(spec_free) struct spec *spec = NULL;
    own_spec_notes struct spec_notes notes = {0};
    struct dh_err err = {0};
    int rc = spec_load_file(path, &spec, &notes, &err);

    if (strncmp(name, "valid-", 6) == 0) {
        if (rc < 0)
            fail_msg("%s", err.msg);
        if (notes.n)
            fail_msg("%s", notes.items[0].text);
    }
    if (rc == 0)
        assert_same_again(spec);
    else
        assert_true(err.code == DH_INVALID && *err.msg);
}

static void corpus_is_replayed(void **state)
{
    own_mem char *folder = in_tests("corpus/spec");

    (void)state;
    assert_true(each_file(folder, check_corpus) >= 8);
}

static void fields_have_their_places(void **state)
{
    own_mem char *path = in_tests("corpus/spec/valid-full.yaml");
    own(spec_free) struct spec *spec = load(path);
    const struct component_spec *leaf = spec_component(spec, "comp-leaf");
    const struct dag_spec *dag = spec->pipeline.root.dag;
    const struct pipeline_task_spec *first = dag_task(dag, "first");
    const struct pipeline_task_spec *loop = dag_task(dag, "loop");
    const struct executor_spec *e = spec_executor(spec, "exec-leaf");
    double cpu = 0;

    (void)state;
    assert_string_equal(spec->pipeline.pipeline_info.name, "everything");
    assert_int_equal(dag->tasks.n, 7);
    assert_string_equal(dag->tasks.items[0].name, "importer");
    assert_string_equal(dag->tasks.items[0].caching_options.cache_key, "my-key");
    assert_string_equal(dag->tasks.items[0].task_info.name, "get the data");
    assert_null(dag_task(dag, "none"));
    assert_int_equal(first->retry_policy->max_retry_count, 3);
    assert_int_equal(first->retry_policy->backoff_duration_us, 2500000);
    assert_int_equal(first->trigger_policy.strategy, TRIGGER_ALL_UPSTREAM_TASKS_SUCCEEDED);
    assert_int_equal(first->trigger_policy.condition_pos.line, first->pos.line + 6);
    assert_false(first->caching_options.enable_cache);
    assert_string_equal(first->task_info.name, "");
    assert_int_equal(loop->iterator_policy->parallelism_limit, 2);
    assert_string_equal(loop->parameter_iterator->item_input, "item");
    assert_null(loop->artifact_iterator);
    assert_ptr_equal(spec_task_component(spec, first), leaf);
    assert_int_equal(leaf->input_definitions.parameters.items[2].parameter_type,
                     PARAM_NUMBER_DOUBLE);
    assert_int_equal(leaf->input_definitions.parameters.items[1].literals.n, 2);
    assert_int_equal(leaf->task_config_passthroughs.items[5].field, TASK_CONFIG_KUBERNETES_VOLUMES);
    assert_int_equal(e->kind, EXECUTOR_CONTAINER);
    assert_null(e->importer);
    assert_string_equal(e->container->command.items[1], "-c");
    assert_int_equal(e->container->resources->accelerator->count, 1);
    assert_int_equal(spec_quantity(e->container->resources->resource_cpu_limit, &cpu), 0);
    assert_true(cpu > 1.49 && cpu < 1.51);
    assert_string_equal(spec->pipeline.root.name, "root");
}

static void types_have_titles(void **state)
{
    own_mem char *path = in_tests("corpus/spec/valid-full.yaml");
    own(spec_free) struct spec *spec = load(path);
    const struct component_spec *leaf = spec_component(spec, "comp-leaf");
    const struct artifact_type_schema none = {0};

    (void)state;
    assert_string_equal(
        spec_artifact_type(&leaf->input_definitions.artifacts.items[0].artifact_type),
        "system.Dataset");
    assert_string_equal(
        spec_artifact_type(&leaf->input_definitions.artifacts.items[1].artifact_type), "my.Thing");
    assert_string_equal(
        spec_artifact_type(&leaf->output_definitions.artifacts.items[0].artifact_type),
        "system.Artifact");
    assert_string_equal(spec_artifact_type(&none), "system.Artifact");
}

static void kubernetes_has_its_place(void **state)
{
    own_mem char *path = in_tests("corpus/spec/valid-full.yaml");
    own(spec_free) struct spec *spec = load(path);
    const struct kubernetes_executor_config *k = spec_kubernetes(spec, "exec-leaf");
    const struct single_platform_spec *other = spec_find(&spec->platform.platforms, "other");
    const struct pipeline_config *config = spec_pipeline_config(spec);

    (void)state;
    assert_non_null(k);
    assert_int_equal(k->active_deadline_seconds, 30);
    assert_true(k->tolerations.items[0].has_toleration_seconds);
    assert_int_equal(k->tolerations.items[0].toleration_seconds, 0);
    assert_true(k->security_context.has_run_as_user);
    assert_int_equal(k->security_context.run_as_group, 1000);
    assert_true(k->secret_as_volume.items[0].has_optional);
    assert_false(k->secret_as_volume.items[0].optional);
    assert_string_equal(k->init_containers.items[0].restart_policy, "Always");
    assert_int_equal(k->pvc_mount.items[0].pvc_name_parameter->kind, INPUT_PARAMETER_RUNTIME_VALUE);
    assert_string_equal(k->node_selector.labels.items[0].value, "ssd");
    assert_null(spec_kubernetes(spec, "exec-job"));
    assert_null(other->deployment_spec.executors.items[0].kubernetes);
    assert_int_equal(config->active_deadline_seconds, 600);
    assert_string_equal(config->workspace->size, "10Gi");
    assert_non_null(config->workspace->kubernetes->pvc_spec_patch);
}

#define BODY                                                                                       \
    "{components: {comp-a: {executorLabel: e}}, deploymentSpec: {executors: {e: {container: "      \
    "{image: x}}}}, pipelineInfo: {name: small}, root: {dag: {tasks: {a: {componentRef: {name: "   \
    "comp-a}}}}}, schemaVersion: 2.1.0}"
#define PLATFORM                                                                                   \
    "{platforms: {kubernetes: {deploymentSpec: {executors: {e: {imagePullPolicy: Never}}}}}}"

static void all_forms_are_read(void **state)
{
    static const struct {
        const char *text;
        bool platform, job;
    } cases[] = {
        {BODY, false, false},
        {BODY "\n---\n" PLATFORM, true, false},
        {PLATFORM "\n---\n" BODY "\n---\n", true, false},
        {"pipelineSpec: " BODY, false, true},
        {"pipeline_spec: " BODY "\nplatform_spec: " PLATFORM, true, true},
        {"pipelineSpec: " BODY "\nruntimeConfig: {parameters: {a: {intValue: '3'}}, "
         "gcsOutputDirectory: /r}\nlabels: {a: b}",
         false, true},
        {"apiVersion: pipelines.kubeflow.org/v2beta1\nkind: Pipeline\nmetadata: {name: p}\n---\n"
         "apiVersion: pipelines.kubeflow.org/v2beta1\nkind: PipelineVersion\nspec:\n"
         "  pipelineSpec: " BODY "\n  platformSpec: " PLATFORM,
         true, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        own(spec_free) struct spec *spec = load_text("t.yaml", cases[i].text);

        assert_string_equal(spec->pipeline.pipeline_info.name, "small");
        assert_int_equal(spec_kubernetes(spec, "e") != NULL, cases[i].platform);
        assert_int_equal(spec->job != NULL, cases[i].job);
        assert_same_again(spec);
        assert_int_equal(strlen(spec->digest), 64);
    }
}

static void jobs_have_old_parameters(void **state)
{
    own(spec_free) struct spec *spec = load_text(
        "t.yaml", "pipelineSpec: " BODY "\nruntimeConfig: {gcsOutputDirectory: /r, parameters: "
                  "{a: {intValue: '3'}, b: {stringValue: x}, c: {doubleValue: 0.5}}}");
    const struct value_map *map = &spec->job->runtime_config.parameter_values;

    (void)state;
    assert_string_equal(spec->job->runtime_config.gcs_output_directory, "/r");
    assert_int_equal(js_as_int(spec_find(map, "a")->value, 0), 3);
    assert_string_equal(js_text(spec_find(map, "b")->value), "x");
    assert_true(js_is(spec_find(map, "c")->value, JS_REAL));
}

/* YAML as deep as may be, whose JSON is deeper by the platform's wrapper. */
static void the_deepest_comes_back(void **state)
{
    own_buf struct buf text = {0};
    own(spec_free) struct spec *spec = NULL;

    (void)state;
    buf_adds(&text, "pipelineInfo: {name: deep}\nschemaVersion: 2.1.0\nroot:\n  dag: {tasks: {}}\n"
                    "  inputDefinitions: {parameters: {x: {parameterType: LIST, defaultValue: ");
    for (int i = 0; i < 251; i++)
        buf_addc(&text, '[');
    for (int i = 0; i < 251; i++)
        buf_addc(&text, ']');
    buf_adds(&text, "}}}\n---\nplatforms: {kubernetes: {}}\n");
    spec = load_text("deep.yaml", buf_str(&text));
    assert_same_again(spec);
}

static void unknown_fields_are_warnings(void **state)
{
    own(spec_free) struct spec *spec = NULL;
    own_spec_notes struct spec_notes notes = {0};
    struct dh_err err = {0};
    static const char text[] =
        "components: {comp-a: {executorLabel: e, colour: red}}\n"
        "deploymentSpec: {executors: {e: {container: {image: x, cmd: y}}}}\n"
        "pipelineInfo: {name: small}\n"
        "root: {dag: {tasks: {a: {component_ref: {name: comp-a}}}}}\n"
        "schema_version: 2.1.0\n"
        "---\n"
        "platforms: {kubernetes: {deploymentSpec: {executors: {e: {hostNetwork: true}}}}}\n";

    (void)state;
    assert_int_equal(spec_load_bytes("t", text, strlen(text), &spec, &notes, &err), 0);
    assert_int_equal(notes.n, 3);
    assert_string_equal(notes.items[0].text,
                        "t:1:41: components.comp-a: unknown field 'colour' is ignored");
    assert_string_equal(notes.items[1].text,
                        "t:2:56: deploymentSpec.executors.e.container: unknown "
                        "field 'cmd' is ignored");
    assert_string_equal(notes.items[2].text,
                        "t:7:59: platforms.kubernetes.deploymentSpec.executors.e: unknown field "
                        "'hostNetwork' is ignored");
    assert_int_equal(notes.items[0].kind, SPEC_WARNING);
}

/* ---- packed ---- */

static void packed_pipelines_are_read(void **state)
{
    static const char *const names[] = {"valid-packed.zip", "valid-packed.tar.gz",
                                        "valid-packed.yaml.gz"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        own_mem char *name = dh_printf("corpus/spec/%s", names[i]);
        own_mem char *path = in_tests(name);
        own(spec_free) struct spec *spec = load(path);

        assert_string_equal(spec->pipeline.pipeline_info.name, "packed");
    }
}

static void a_small_file_that_unpacks_to_a_large_one(void **state)
{
    z_stream z = {0};
    own_mem unsigned char *zeros = dh_zalloc(1, 1 << 20);
    own_mem unsigned char *packed = dh_zalloc(1, 1 << 20);
    struct spec *spec = NULL;
    struct dh_err err = {0};

    (void)state;
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_out = packed;
    z.avail_out = 1 << 20;
    for (int i = 0; i < 200; i++) {
        z.next_in = zeros;
        z.avail_in = 1 << 20;
        assert_int_equal(deflate(&z, i == 199 ? Z_FINISH : Z_NO_FLUSH),
                         i == 199 ? Z_STREAM_END : Z_OK);
    }
    deflateEnd(&z);
    assert_int_equal(spec_load_bytes("bomb.gz", packed, z.total_out, &spec, NULL, &err), -1);
    assert_string_equal(err.msg, "bomb.gz: unpacks to more than 64 MB");
    assert_int_equal(spec_load_bytes("cut.gz", packed, 1000, &spec, NULL, &err), -1);
    assert_string_equal(err.msg, "cut.gz: the compressed stream ends too early");
}

/* ---- large ---- */

/* A chain of `n` tasks; the first waits for the last where `cycle`. */
static char *chain(size_t n, bool cycle, size_t *ret_n)
{
    struct buf b = {0};

    buf_adds(
        &b, "{\"components\":{\"c\":{\"executorLabel\":\"e\",\"inputDefinitions\":{\"parameters\":{"
            "\"x\":{\"parameterType\":\"STRING\"}}},\"outputDefinitions\":{\"parameters\":{\"y\":{"
            "\"parameterType\":\"STRING\"}}}}},\"deploymentSpec\":{\"executors\":{\"e\":{"
            "\"container\":{\"image\":\"i\"}}}},\"pipelineInfo\":{\"name\":\"chain\"},"
            "\"schemaVersion\":\"2.1.0\",\"root\":{\"dag\":{\"tasks\":{");
    for (size_t i = 0; i < n; i++) {
        buf_addf(
            &b, "%s\"t%zu\":{\"componentRef\":{\"name\":\"c\"},\"inputs\":{\"parameters\":{\"x\":{",
            i ? "," : "", i);
        if (i)
            buf_addf(&b,
                     "\"taskOutputParameter\":{\"producerTask\":\"t%zu\",\"outputParameterKey\":"
                     "\"y\"}}}}}",
                     i - 1);
        else
            buf_adds(&b, "\"runtimeValue\":{\"constant\":\"a\"}}}}");
        if (!i && cycle)
            buf_addf(&b, ",\"dependentTasks\":[\"t%zu\"]", n - 1);
        if (!i)
            buf_adds(&b, "}");
    }
    buf_adds(&b, "}}}}");
    *ret_n = b.n;
    return buf_take(&b);
}

static void a_hundred_thousand_tasks(void **state)
{
    size_t n;
    own_mem char *text = chain(100000, false, &n);
    own(spec_free) struct spec *spec = NULL;
    struct dh_err err = {0};
    clock_t began = clock(); /* of this process: others may want the machine too */

    (void)state;
    assert_int_equal(spec_load_bytes("chain", text, n, &spec, NULL, &err), 0);
    assert_int_equal(spec->pipeline.root.dag->tasks.n, 100000);
    assert_non_null(dag_task(spec->pipeline.root.dag, "t99999"));
    /* Under a second; quadratic look-ups would take minutes, sanitizers take a few seconds. */
    assert_true(clock() - began < 20 * CLOCKS_PER_SEC);
}

static void a_cycle_of_a_hundred_thousand(void **state)
{
    size_t n;
    own_mem char *text = chain(100000, true, &n);
    struct spec *spec = NULL;
    struct dh_err err = {0};

    (void)state;
    assert_int_equal(spec_load_bytes("chain", text, n, &spec, NULL, &err), -1);
    assert_non_null(strstr(err.msg, "root.dag.tasks: a cycle of 100000 tasks: 't0' waits for "
                                    "'t99999' waits for 't99998' waits for "));
}

static void dags_nest_so_deep_and_no_deeper(void **state)
{
    static const struct {
        int depth;
        const char *answer;
    } cases[] = {{63, NULL},
                 {64, "t:3:3: root: dags within dags 65 deep; 64 is the limit"},
                 {50000, "t:3:3: root: dags within dags 50001 deep; 64 is the limit"}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        own_buf struct buf text = {0};
        own(spec_free) struct spec *spec = NULL;
        struct dh_err err = {0};
        int rc;

        buf_adds(&text,
                 "schemaVersion: 2.1.0\nroot:\n  dag: {tasks: {t: {componentRef: {name: c1}}}}\n"
                 "pipelineInfo: {name: deep}\ncomponents:\n");
        for (int k = 1; k < cases[i].depth; k++)
            buf_addf(&text, "  c%d: {dag: {tasks: {t: {componentRef: {name: c%d}}}}}\n", k, k + 1);
        buf_addf(&text, "  c%d: {dag: {tasks: {}}}\n", cases[i].depth);
        rc = spec_load_bytes("t", text.p, text.n, &spec, NULL, &err);
        assert_int_equal(rc, cases[i].answer ? -1 : 0);
        if (cases[i].answer)
            assert_string_equal(err.msg, cases[i].answer);
    }
}

static void quantities(void **state)
{
    static const struct {
        const char *text;
        double value; /* < 0: none */
    } cases[] = {{"2", 2},      {"500m", 0.5},    {"1.5", 1.5},  {".5", 0.5},  {"4G", 4e9},
                 {"1Ki", 1024}, {"16Gi", 0x4p32}, {"1e3", 1000}, {"1E", 1e18}, {"", -1},
                 {"Gi", -1},    {"4 GB", -1},     {"inf", -1},   {"0x10", -1}, {" 1", -1},
                 {"1Gb", -1},   {"one", -1}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double v = -1;
        int rc = spec_quantity(cases[i].text, &v);

        assert_int_equal(rc, cases[i].value < 0 ? -1 : 0);
        assert_true(rc < 0 || (v > cases[i].value * 0.999999 && v < cases[i].value * 1.000001));
    }
}

/* ---- what the official SDK compiles ---- */

static void check_conformance(const char *path, const char *name)
{
    static const char *const refused[] = {"empty_file.yaml", "no_name.yaml"};
    own(spec_free) struct spec *spec = NULL;
    struct dh_err err = {0};
    int rc;

    rc = spec_load_file(path, &spec, NULL, &err);
    for (size_t i = 0; i < 2; i++) {
        if (strcmp(name, refused[i]) == 0) {
            assert_int_equal(rc, -1);
            return;
        }
    }
    if (rc < 0)
        fail_msg("%s", err.msg);
    assert_same_again(spec);
}

static void the_official_pipelines_are_read(void **state)
{
    const char *given = getenv("DHOW_CONFORMANCE");
    char *root = given ? dh_strdup(given) : in_tests("../../shared/conformance");
    char *folder = fs_join(root, "pipelines");
    bool there = fs_is_dir(folder);
    size_t n = there ? each_file(folder, check_conformance) : 0;

    (void)state;
    free(root);
    free(folder); /* skip() jumps: nothing may be held across it */
    if (!there) {
        print_message("# no conformance data (DHOW_CONFORMANCE): skipped\n");
        skip();
    }
    assert_true(n > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(invalid_pipelines_are_refused),
        cmocka_unit_test(files_that_cannot_be_read),
        cmocka_unit_test(many_errors_are_all_noted),
        cmocka_unit_test(corpus_is_replayed),
        cmocka_unit_test(fields_have_their_places),
        cmocka_unit_test(types_have_titles),
        cmocka_unit_test(kubernetes_has_its_place),
        cmocka_unit_test(all_forms_are_read),
        cmocka_unit_test(jobs_have_old_parameters),
        cmocka_unit_test(the_deepest_comes_back),
        cmocka_unit_test(unknown_fields_are_warnings),
        cmocka_unit_test(packed_pipelines_are_read),
        cmocka_unit_test(a_small_file_that_unpacks_to_a_large_one),
        cmocka_unit_test(a_hundred_thousand_tasks),
        cmocka_unit_test(a_cycle_of_a_hundred_thousand),
        cmocka_unit_test(dags_nest_so_deep_and_no_deeper),
        cmocka_unit_test(quantities),
        cmocka_unit_test(the_official_pipelines_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
