/* dhow/pipeline.h - write a pipeline in C; `dhow compile FILE.c` makes the pipeline spec of it.
 *
 *     #include <dhow/pipeline.h>
 *
 *     #define TRAIN(X)                                                     \
 *         X(TEXT, source, DHOW_REQUIRED, "where the rows are")             \
 *         X(NUMBER, rate, "0.1", "how far a step goes")                    \
 *         X(OUTPUT, model, "system.Model", "what was learned")             \
 *         X(OUTPUT_NUMBER, score, "", "how good it is")
 *     DHOW_CONTAINER(train, "Learns a line", TRAIN, .image = "registry/train:1",
 *                    .command = {"/train", "--executor_input", "{{$}}"})
 *
 *     #define FIRST(X)                                                     \
 *         X(TEXT, source, "rows.csv", "where the rows are")                \
 *         X(NUMBER, threshold, "0.9", "what is good enough")
 *     DHOW_PIPELINE(first, "first-pipeline", "Trains, and says so when it is good", FIRST)
 *     {
 *         struct train_task t = DHOW_RUN(train, .source = in->source, .rate = dhow_v(0.2));
 *         DHOW_IF(dhow_ge(t.score, in->threshold), "good-enough")
 *         {
 *             DHOW_RUN(promote, .model = t.model);
 *         }
 *     }
 *     DHOW_MAIN(first)
 *
 * A table says once what a component takes and gives (dhow/rows.h). Its inputs become the fields of
 * `struct train_in`, its outputs those of `struct train_task`, so that a name that is not there is
 * the compiler's error; `dhow compile` finds the rest (a wrong type, an input that is missing, an
 * output used outside of its branch or loop, a cycle) and says file and line. A pipeline has a
 * table too: `in` are its inputs, `out` its outputs, and it can be run inside another one as a
 * component.
 *
 * What a program with this header does when it is run: it calls the functions above and writes what
 * they said, a line of JSON a call, to standard output. The spec itself is made by dhow: see
 * docs/pipelines-in-c.md for that stream.
 *
 * Values are small and copied; nothing needs to be freed; one thread. C11 or later, or C++20 (for
 * `.name = value`); the header itself compiles as C++17. Include it in one file of a program. */
#ifndef DHOW_PIPELINE_H
#define DHOW_PIPELINE_H

#include <dhow/json.h>
#include <dhow/rows.h>

/* ---- values ------------------------------------------------------------------------------------
 */

/* What an input may be given: a constant, an input of the pipeline, an output of a task, the item
 * of a loop, or a text made of these. {0} is "not given". */
typedef struct dhow_value {
    int id;
} dhow_value;

typedef struct dhow_task_ref {
    int id;
} dhow_task_ref;

static dhow_value dhow_of_text(const char *text) DHOW_UNUSED;
static dhow_value dhow_of_integer(long long i) DHOW_UNUSED;
static dhow_value dhow_of_number(double d) DHOW_UNUSED;
static dhow_value dhow_of_bool(bool b) DHOW_UNUSED;
/* Any JSON value, as "[1, 2, 3]" or "{\"a\": 1}". */
static dhow_value dhow_of_json(const char *json) DHOW_UNUSED;

/* `true` is an int in C before C23, so that these are said by name. */
#define dhow_true dhow_of_bool(true)
#define dhow_false dhow_of_bool(false)

/* dhow_v(x): a constant of x's own type; a value stays what it is. */
#ifndef __cplusplus
static dhow_value dhow__same(dhow_value value) DHOW_UNUSED;
#define dhow_v(x_)                                                                                 \
    _Generic((x_), dhow_value: dhow__same, bool: dhow_of_bool, char *: dhow_of_text, const char *: dhow_of_text,           \
             float: dhow_of_number, double: dhow_of_number, default: dhow_of_integer)(x_)
#else
inline dhow_value dhow_v(const char *x);
inline dhow_value dhow_v(int x);
inline dhow_value dhow_v(long long x);
inline dhow_value dhow_v(double x);
inline dhow_value dhow_v(bool x);
inline dhow_value dhow_v(dhow_value x);
#endif

/* A text with values in it, each where "{}" stands: DHOW_FORMAT("epoch {} of {}", a, b). */
#define DHOW_FORMAT(format_, ...)                                                                  \
    dhow__format_at(DHOW__HERE, format_, DHOW__ARRAY(dhow_value, __VA_ARGS__))

/* A field of a loop's item that is an object, or of any STRUCT inside a loop over them. */
#define dhow_field(item_, name_) dhow__field_at(DHOW__HERE, item_, name_)

/* A list, with what is in it: "text" (where nobody says), "integer", "number", "bool", "list",
 * "struct"; as `List[int]` in Python. A loop's item is then one. */
#define dhow_list_of(list_, type_) dhow__list_of_at(DHOW__HERE, list_, type_)

/* All outputs that a task inside loops gave, as a list, for a task after the loops. */
#define dhow_collected(output_) dhow__collected_at(DHOW__HERE, output_)

/* The output of the branch that was taken: DHOW_ONE_OF(a.x, b.x), one of each branch of an IF that
 * has an ELSE. */
#define DHOW_ONE_OF(...) dhow__one_of_at(DHOW__HERE, DHOW__ARRAY(dhow_value, __VA_ARGS__))

/* ---- components --------------------------------------------------------------------------------
 */

/* Texts that stand in a container's command and args; KFP puts the value there. */
#define DHOW_VALUE(name_) "{{$.inputs.parameters['" name_ "']}}"
#define DHOW_INPUT_PATH(name_) "{{$.inputs.artifacts['" name_ "'].path}}"
#define DHOW_INPUT_URI(name_) "{{$.inputs.artifacts['" name_ "'].uri}}"
#define DHOW_OUTPUT_PATH(name_) "{{$.outputs.artifacts['" name_ "'].path}}"
#define DHOW_OUTPUT_URI(name_) "{{$.outputs.artifacts['" name_ "'].uri}}"
#define DHOW_OUTPUT_FILE(name_) "{{$.outputs.parameters['" name_ "'].output_file}}"

/* One word of several texts: DHOW_CONCAT("--rate=", DHOW_VALUE("rate")). And words that depend on
 * whether an optional input was given:
 *
 *     DHOW_IF_PRESENT("label", "--label", DHOW_VALUE("label"), DHOW_OTHERWISE, "--no-label")
 *
 * They may stand in each other; inside of a CONCAT an IF_PRESENT gives one text. */
#define DHOW_CONCAT(...) DHOW__CONCAT, __VA_ARGS__, DHOW__END
#define DHOW_IF_PRESENT(name_, ...) DHOW__IF, name_, __VA_ARGS__, DHOW__END
#define DHOW_OTHERWISE "\1else"

enum { DHOW_MAX_WORDS = 128 };

struct dhow_container {
    const char *image;
    const char *command[DHOW_MAX_WORDS]; /* ends at the first NULL */
    const char *args[DHOW_MAX_WORDS];
    const char *env[DHOW_MAX_WORDS]; /* name, value, name, value, … */
    const char *name;                /* in KFP; NULL: the C name, with '-' for '_' */
};

/* A component that runs a container: its table, then fields of struct dhow_container. */
#define DHOW_CONTAINER(name_, help_, ROWS, ...)                                                    \
    DHOW__TYPES(name_, ROWS)                                                                       \
    static const struct dhow_container name_##_container = {__VA_ARGS__};                          \
    static const struct dhow__source name_##_source = {                                            \
        #name_, help_, __FILE__, __LINE__, name_##_rows, &name_##_container, NULL, NULL};          \
    DHOW__RUNNER(name_)

/* A pipeline; its body follows. */
#define DHOW_PIPELINE(c_name_, name_, help_, ROWS)                                                 \
    DHOW__TYPES(c_name_, ROWS)                                                                     \
    static void c_name_##_body(const struct c_name_##_in *in, struct c_name_##_task *out);         \
    DHOW__BODY(c_name_)                                                                            \
    static const struct dhow__source c_name_##_source = {                                          \
        name_, help_, __FILE__, __LINE__, c_name_##_rows, NULL, c_name_##_define, NULL};           \
    DHOW__RUNNER(c_name_)                                                                          \
    static void c_name_##_body(const struct c_name_##_in *in DHOW_UNUSED,                          \
                               struct c_name_##_task *out DHOW_UNUSED)

/* A component that is read from a compiled file (beside the C file), of this interface. */
#define DHOW_FROM_FILE(name_, help_, ROWS, path_)                                                  \
    DHOW__TYPES(name_, ROWS)                                                                       \
    static const struct dhow__source name_##_source = {#name_,       help_, __FILE__, __LINE__,    \
                                                       name_##_rows, NULL,  NULL,     path_};      \
    DHOW__RUNNER(name_)

/* Runs a component: a task. Inputs that are not named are not given. The value is a
 * struct NAME_task: .task, and a dhow_value for each output. */
#define DHOW_RUN(name_, ...)                                                                       \
    name_##_run_at(DHOW__HERE, (struct name_##_in){DHOW__INIT(__VA_ARGS__)})

/* An artifact that is there already. `metadata`: a JSON object, or NULL. */
#define dhow_import(uri_, type_, metadata_, reimport_)                                             \
    dhow__import_at(DHOW__HERE, uri_, type_, metadata_, reimport_)
struct dhow_imported {
    dhow_task_ref task;
    dhow_value artifact;
};
/* One more member of its metadata, whose value is known when it runs. */
#define dhow_import_metadata(i_, key_, value_)                                                     \
    dhow__metadata_at(DHOW__HERE, (i_).task, key_, dhow_v(value_))
/* Its bytes are brought into the pipeline's workspace. */
#define dhow_import_to_workspace(i_)                                                               \
    dhow__set_at(DHOW__HERE, (i_).task, "toWorkspace", dhow_of_bool(true))

/* The program's entry: the pipeline that is compiled. */
#define DHOW_MAIN(name_)                                                                           \
    int main(void)                                                                                 \
    {                                                                                              \
        return dhow__main(&name_##_source);                                                        \
    }

/* ---- control flow: each is followed by a block -------------------------------------------------
 */

typedef struct dhow_condition {
    int id;
} dhow_condition;

#define dhow_eq(a_, b_) dhow__compare_at(DHOW__HERE, "==", a_, b_)
#define dhow_ne(a_, b_) dhow__compare_at(DHOW__HERE, "!=", a_, b_)
#define dhow_lt(a_, b_) dhow__compare_at(DHOW__HERE, "<", a_, b_)
#define dhow_le(a_, b_) dhow__compare_at(DHOW__HERE, "<=", a_, b_)
#define dhow_gt(a_, b_) dhow__compare_at(DHOW__HERE, ">", a_, b_)
#define dhow_ge(a_, b_) dhow__compare_at(DHOW__HERE, ">=", a_, b_)

/* `name` is shown; NULL: none. ELIF and ELSE follow the block of an IF or ELIF. */
#define DHOW_IF(condition_, name_) DHOW__BLOCK(dhow__branch_at(DHOW__HERE, "if", condition_, name_))
#define DHOW_ELIF(condition_, name_)                                                               \
    DHOW__BLOCK(dhow__branch_at(DHOW__HERE, "elif", condition_, name_))
#define DHOW_ELSE(name_) DHOW__BLOCK(dhow__branch_at(DHOW__HERE, "else", dhow__always(), name_))

/* For each item of a list (a constant, an input, an output): `item_` names it in the block.
 * parallelism_: how many at a time; 0: no limit. */
#define DHOW_FOR(item_, items_, parallelism_, name_)                                               \
    for (dhow_value item_ = dhow__loop_at(DHOW__HERE, items_, parallelism_, name_); item_.id;      \
         item_ = dhow__end_at(DHOW__HERE))

/* `exit_task` (a task that waits for nothing) runs when the block has ended, however it ended. */
#define DHOW_EXIT_HANDLER(exit_task_, name_)                                                       \
    DHOW__BLOCK(dhow__exit_handler_at(DHOW__HERE, (exit_task_).task, name_))

/* ---- a task's settings -------------------------------------------------------------------------
 */

/* `t` is what DHOW_RUN gave. Texts may be NULL where 'none' is meant. */
#define dhow_after(t_, other_) dhow__after_at(DHOW__HERE, (t_).task, (other_).task)
#define dhow_display_name(t_, name_)                                                               \
    dhow__set_at(DHOW__HERE, (t_).task, "displayName", dhow_of_text(name_))
#define dhow_caching(t_, on_) dhow__set_at(DHOW__HERE, (t_).task, "caching", dhow_of_bool(on_))
#define dhow_cache_key(t_, key_) dhow__set_at(DHOW__HERE, (t_).task, "cacheKey", dhow_of_text(key_))
/* It runs although what it waits for has failed. */
#define dhow_ignore_upstream_failure(t_)                                                           \
    dhow__set_at(DHOW__HERE, (t_).task, "ignoreUpstreamFailure", dhow_of_bool(true))
/* How often it is tried again; 0 of the others: KFP's own value. */
#define dhow_retry(t_, times_, backoff_seconds_, factor_, max_seconds_)                            \
    dhow__retry_at(DHOW__HERE, (t_).task, times_, backoff_seconds_, factor_, max_seconds_)
/* As Kubernetes writes them: "500m", "2"; "512Mi", "4G". Or a value, which is known when it runs:
 * an input of the pipeline, an output of a task. */
#define dhow_cpu_request(t_, v_) dhow__set_at(DHOW__HERE, (t_).task, "cpuRequest", dhow_v(v_))
#define dhow_cpu_limit(t_, v_) dhow__set_at(DHOW__HERE, (t_).task, "cpuLimit", dhow_v(v_))
#define dhow_memory_request(t_, v_) dhow__set_at(DHOW__HERE, (t_).task, "memoryRequest", dhow_v(v_))
#define dhow_memory_limit(t_, v_) dhow__set_at(DHOW__HERE, (t_).task, "memoryLimit", dhow_v(v_))
#define dhow_accelerator(t_, type_, count_)                                                        \
    do {                                                                                           \
        dhow__set_at(DHOW__HERE, (t_).task, "acceleratorType", dhow_v(type_));                     \
        dhow__set_at(DHOW__HERE, (t_).task, "acceleratorCount", dhow_v(count_));                   \
    } while (0)
/* Another image than the component's. */
#define dhow_image(t_, image_) dhow__set_at(DHOW__HERE, (t_).task, "image", dhow_v(image_))
#define dhow_env(t_, name_, value_) dhow__env_at(DHOW__HERE, (t_).task, name_, value_)

/* Fields of KubernetesExecutorConfig (kubernetes_platform/proto): the short ones … */
#define dhow_timeout(t_, seconds_)                                                                 \
    dhow__set_at(DHOW__HERE, (t_).task, "k8s.activeDeadlineSeconds", dhow_of_integer(seconds_))
#define dhow_image_pull_policy(t_, policy_)                                                        \
    dhow__set_at(DHOW__HERE, (t_).task, "k8s.imagePullPolicy", dhow_of_text(policy_))
/* The names of secrets, config maps and claims: texts, or values. */
#define dhow_secret_as_env(t_, secret_, key_, env_)                                                \
    dhow__named_at(DHOW__HERE, (t_).task, "secretAsEnv", dhow_v(secret_), key_, env_, NULL)
#define dhow_config_map_as_env(t_, map_, key_, env_)                                               \
    dhow__named_at(DHOW__HERE, (t_).task, "configMapAsEnv", dhow_v(map_), key_, env_, NULL)
#define dhow_secret_as_volume(t_, secret_, path_)                                                  \
    dhow__named_at(DHOW__HERE, (t_).task, "secretAsVolume", dhow_v(secret_), NULL, NULL, path_)
#define dhow_config_map_as_volume(t_, map_, path_)                                                 \
    dhow__named_at(DHOW__HERE, (t_).task, "configMapAsVolume", dhow_v(map_), NULL, NULL, path_)
/* A claim that is there, or that a task makes: dhow/kubernetes.h. */
#define dhow_mount_pvc(t_, claim_, path_)                                                          \
    dhow__named_at(DHOW__HERE, (t_).task, "pvcMount", dhow_v(claim_), NULL, NULL, path_)
/* … and any of them, by its JSON name: a list's element is added, an object's members are. */
#define dhow_kubernetes(t_, field_, json_) dhow__kubernetes_at(DHOW__HERE, (t_).task, field_, json_)

/* ---- the pipeline's own settings, inside its body ----------------------------------------------
 */

/* A KubernetesPipelineConfig field: "semaphoreKey", "workspace", … */
#define dhow_pipeline_config(field_, json_) dhow__pipeline_config_at(DHOW__HERE, field_, json_)
#define dhow_pipeline_display_name(name_) dhow__pipeline_name_at(DHOW__HERE, name_)
#define dhow_pipeline_root(uri_) dhow__pipeline_root_at(DHOW__HERE, uri_)

#include <dhow/pipeline-record.h>

#endif
