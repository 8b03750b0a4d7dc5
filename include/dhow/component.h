/* dhow/component.h - write a pipeline step in C: one file, no library but libc.
 *
 *     #include <dhow/component.h>
 *
 *     #define TRAIN(X)                                                      \
 *         X(INPUT, data, "system.Dataset", "the rows to learn from")        \
 *         X(NUMBER, rate, "0.1", "how far a step goes")                     \
 *         X(INTEGER, epochs, DHOW_REQUIRED, "passes over the data")         \
 *         X(OUTPUT, model, "system.Model", "what was learned")              \
 *         X(OUTPUT_NUMBER, loss, "", "mean loss of the last pass")
 *
 *     DHOW_COMPONENT(train, "Learns a line", TRAIN)
 *     {
 *         FILE *f = fopen(a->data.path, "r");
 *         if (!f)
 *             return dhow_fail(step, "%s: %s", a->data.path, strerror(errno));
 *         …
 *         a->loss = 0.5;
 *         return 0;
 *     }
 *
 * The table is said once. From it come `struct train_args` with a typed field for each row, `main`,
 * the reading of arguments, the executor output, `--help`, and `--describe`, from which
 * `dhow component describe ./train --image IMAGE` makes the component's KFP YAML.
 *
 * A step is started with `--executor_input JSON` (in a pipeline: the placeholder {{$}}), which has
 * all values and says where outputs go: KFP's ExecutorInput and ExecutorOutput, see
 * kubeflow/pipelines api/v2alpha1/pipeline_spec.proto. By hand: `./train --data rows.csv --epochs 3
 * --model model.json`; an output that is not given is written below the current folder.
 *
 * Exit status: 0 the function returned 0; 1 it did not, or an output could not be written; 2 an
 * argument is wrong, and the message says which.
 *
 * Memory: what this header hands out is good until the function returns; nothing needs to be freed.
 * Threads: the calls below are for the thread that runs the function.
 * C11 or later, C++17 or later. Include it in one file of a program. */
#ifndef DHOW_COMPONENT_H
#define DHOW_COMPONENT_H

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <dhow/json.h>
#include <dhow/rows.h>

struct dhow_step; /* one execution; opaque */

struct dhow_artifact {
    const char *path;     /* the local file or folder */
    const char *uri;      /* where it is kept */
    const char *name;     /* as it was named by who made it */
    const char *type;     /* "system.Dataset" */
    const char *metadata; /* inputs: a JSON object as text */
    const char *output;   /* outputs: the output's name; NULL: an input */
};

struct dhow_artifacts {
    size_t n;
    const struct dhow_artifact *items;
};

/* ---- what a function may call ------------------------------------------------------------------
 */

/* The step has failed: prints the message to standard error; returns 1, so that
 * `return dhow_fail(step, …)` reads well. */
static int dhow_fail(struct dhow_step *step, const char *format, ...) DHOW_PRINTF(2, 3) DHOW_UNUSED;

/* A line for the task's log (standard error). */
static void dhow_say(struct dhow_step *step, const char *format, ...) DHOW_PRINTF(2, 3) DHOW_UNUSED;

/* A text that lives as long as the step: for OUTPUT_TEXT, _LIST and _STRUCT. */
static const char *dhow_text(struct dhow_step *step, const char *format, ...)
    DHOW_PRINTF(2, 3) DHOW_UNUSED;

/* `n` bytes, zeroed, that live as long as the step. Never NULL: out of memory ends the program with
 * a message and status 3. */
static void *dhow_memory(struct dhow_step *step, size_t n) DHOW_UNUSED;

/* A key of an output artifact's metadata; a later value replaces an earlier one. `json` is the text
 * of any JSON value, which is checked. */
static void dhow_metadata_text(struct dhow_step *step, const struct dhow_artifact *output,
                               const char *key, const char *value) DHOW_UNUSED;
static void dhow_metadata_number(struct dhow_step *step, const struct dhow_artifact *output,
                                 const char *key, double value) DHOW_UNUSED;
static void dhow_metadata_bool(struct dhow_step *step, const struct dhow_artifact *output,
                               const char *key, bool value) DHOW_UNUSED;
/* Returns 0, or 1 with the message printed where `json` is none. */
static int dhow_metadata_json(struct dhow_step *step, const struct dhow_artifact *output,
                              const char *key, const char *json) DHOW_UNUSED;

/* One number of an output of type system.Metrics, as the SDK's Metrics.log_metric. */
static void dhow_metric(struct dhow_step *step, const struct dhow_artifact *metrics,
                        const char *name, double value) DHOW_UNUSED;

/* Of an output of type system.ClassificationMetrics, as the SDK's log_confusion_matrix:
 * matrix[i * n + j] is how many of class i were taken for class j. */
static void dhow_confusion_matrix(struct dhow_step *step, const struct dhow_artifact *metrics,
                                  const char *const *classes, size_t n,
                                  const int64_t *matrix) DHOW_UNUSED;
/* As the SDK's log_roc_curve: n points; rates in 0..1. */
static void dhow_roc_curve(struct dhow_step *step, const struct dhow_artifact *metrics, size_t n,
                           const double *false_positive_rate, const double *true_positive_rate,
                           const double *threshold) DHOW_UNUSED;

/* A number while the step runs: a line in the file that $DHOW_METRICS names, which dhow records and
 * shows at once; without that variable nothing is written. */
static void dhow_live(struct dhow_step *step, int64_t at, const char *name,
                      double value) DHOW_UNUSED;
/* The same with the name "progress" and done / total, 0..1; at most ten a second are written. */
static void dhow_progress(struct dhow_step *step, int64_t done, int64_t total) DHOW_UNUSED;

/* ---- declaring ---------------------------------------------------------------------------------
 */

/* A program of one component. The function's body follows; it has `step` and `a`. */
#define DHOW_COMPONENT(name_, help_, ROWS)                                                         \
    DHOW_DECLARE(name_, help_, ROWS)                                                               \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        return dhow_component_main(&name_##_component, argc, argv);                                \
    }                                                                                              \
    DHOW_FUNCTION(name_)

/* One of several in a program, which ends with
 *     DHOW_PROGRAM(&train_component, &test_component)
 * and is called as `program train --data …`. */
#define DHOW_PART(name_, help_, ROWS)                                                              \
    DHOW_DECLARE(name_, help_, ROWS)                                                               \
    DHOW_FUNCTION(name_)

#define DHOW_PROGRAM(...)                                                                          \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        static const struct dhow_component *const parts[] = {__VA_ARGS__};                         \
        return dhow_program_main(parts, sizeof parts / sizeof *parts, argc, argv);                 \
    }

#include <dhow/component-run.h>

#endif
