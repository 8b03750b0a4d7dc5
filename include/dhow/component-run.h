/* dhow/component-run.h - what is behind dhow/component.h, which includes it: tables, arguments, the
 * executor input and output. Names that begin with dhow__ may change. */
#ifndef DHOW_COMPONENT_H
#include <dhow/component.h>
#elif !defined DHOW_COMPONENT_RUN_H
#define DHOW_COMPONENT_RUN_H

#include <dhow/json.h>

/* ---- tables ---- */

typedef const char *dhow__field_TEXT;
typedef int64_t dhow__field_INTEGER;
typedef double dhow__field_NUMBER;
typedef bool dhow__field_BOOL;
typedef const char *dhow__field_LIST;
typedef const char *dhow__field_STRUCT;
typedef const char *dhow__field_FINAL_STATUS;
typedef struct dhow_artifact dhow__field_INPUT;
typedef struct dhow_artifact dhow__field_OPTIONAL_INPUT;
typedef struct dhow_artifacts dhow__field_INPUTS;
typedef struct dhow_artifact dhow__field_OUTPUT;
typedef const char *dhow__field_OUTPUT_TEXT;
typedef int64_t dhow__field_OUTPUT_INTEGER;
typedef double dhow__field_OUTPUT_NUMBER;
typedef bool dhow__field_OUTPUT_BOOL;
typedef const char *dhow__field_OUTPUT_LIST;
typedef const char *dhow__field_OUTPUT_STRUCT;

struct dhow__row {
    enum dhow__kind kind;
    const char *name, *detail, *help;
    size_t offset;
};

struct dhow_component {
    const char *name, *help;
    const struct dhow__row *(*rows)(size_t *ret_n);
    size_t size; /* of the arguments' struct */
    int (*run)(struct dhow_step *step, void *args);
};

#define DHOW__FIELD(kind_, name_, detail_, help_) dhow__field_##kind_ name_;
/* `self` is the arguments' struct where this stands. */
#define DHOW__ROW(kind_, name_, detail_, help_)                                                    \
    {DHOW__##kind_, #name_, detail_, help_, offsetof(self, name_)},

#define DHOW_DECLARE(name_, help_, ROWS)                                                           \
    struct name_##_args {                                                                          \
        ROWS(DHOW__FIELD)                                                                          \
    };                                                                                             \
    static int name_##_run(struct dhow_step *step, struct name_##_args *a);                        \
    static int name_##_call(struct dhow_step *step, void *args)                                    \
    {                                                                                              \
        return name_##_run(step, (struct name_##_args *)args);                                     \
    }                                                                                              \
    static const struct dhow__row *name_##_rows(size_t *ret_n)                                     \
    {                                                                                              \
        typedef struct name_##_args self;                                                          \
        static const struct dhow__row rows[] = {ROWS(DHOW__ROW)};                                  \
        *ret_n = sizeof rows / sizeof *rows;                                                       \
        return rows;                                                                               \
    }                                                                                              \
    static const struct dhow_component name_##_component = {                                       \
        #name_, help_, name_##_rows, sizeof(struct name_##_args), name_##_call};

#define DHOW_FUNCTION(name_)                                                                       \
    static int name_##_run(struct dhow_step *step DHOW_UNUSED, struct name_##_args *a DHOW_UNUSED)

/* ---- a step ---- */

struct dhow__meta { /* a key of an output's metadata */
    const char *output, *key, *json;
    struct dhow__meta *next;
};

struct dhow__given { /* an option */
    const struct dhow__row *row;
    const char *value;
    struct dhow__given *next;
};

struct dhow_step {
    const struct dhow_component *component;
    const struct dhow__row *rows;
    size_t n_rows;
    struct dhow__memory memory;
    const struct dhow__json *input; /* the executor input; NULL: started by hand */
    struct dhow__given *given;      /* in their order */
    struct dhow__meta *notes;       /* in their order */
    char *args;
    struct timespec told; /* progress, last */
};

static void *dhow_memory(struct dhow_step *step, size_t n)
{
    return dhow__take(&step->memory, n);
}

static const char *dhow_text(struct dhow_step *step, const char *format, ...)
{
    const char *text;
    va_list ap;
    va_start(ap, format);
    text = dhow__print(&step->memory, format, ap);
    va_end(ap);
    return text;
}

static void dhow_say(struct dhow_step *step, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    fprintf(stderr, "%s: %s\n", step->component->name, dhow__print(&step->memory, format, ap));
    va_end(ap);
}

static int dhow_fail(struct dhow_step *step, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    fprintf(stderr, "%s: %s\n", step->component->name, dhow__print(&step->memory, format, ap));
    va_end(ap);
    return 1;
}

static void *dhow__field(const struct dhow_step *step, const struct dhow__row *row)
{
    return step->args + row->offset;
}

static bool dhow__is_output(const struct dhow__row *row)
{
    return row->kind >= DHOW__OUTPUT;
}

static bool dhow__is_parameter(const struct dhow__row *row)
{
    return row->kind < DHOW__INPUT || row->kind > DHOW__OUTPUT;
}

/* An output parameter's kind as that of a parameter. */
static enum dhow__kind dhow__value_kind(const struct dhow__row *row)
{
    return row->kind > DHOW__OUTPUT ? (enum dhow__kind)(row->kind - DHOW__OUTPUT_TEXT) : row->kind;
}

/* ---- metadata and metrics ---- */

static void dhow__note(struct dhow_step *step, const struct dhow_artifact *output, const char *key,
                       const char *json)
{
    struct dhow__meta **at = &step->notes;
    if (!output->output) {
        dhow_say(step, "metadata '%s' of an input is not kept", key);
        return;
    }
    while (*at && (strcmp((*at)->output, output->output) != 0 || strcmp((*at)->key, key) != 0))
        at = &(*at)->next;
    if (!*at) {
        *at = (struct dhow__meta *)dhow_memory(step, sizeof **at);
        (*at)->output = output->output;
        (*at)->key = dhow__copy(&step->memory, key, strlen(key));
    }
    (*at)->json = dhow__copy(&step->memory, json, strlen(json));
}

static void dhow_metadata_text(struct dhow_step *step, const struct dhow_artifact *output,
                               const char *key, const char *value)
{
    struct dhow__text t = {&step->memory, NULL, 0, 0};
    dhow__add_string(&t, value);
    dhow__note(step, output, key, t.p);
}

static void dhow_metadata_number(struct dhow_step *step, const struct dhow_artifact *output,
                                 const char *key, double value)
{
    struct dhow__text t = {&step->memory, NULL, 0, 0};
    dhow__add_number(&t, value);
    dhow__note(step, output, key, t.p);
}

static void dhow_metadata_bool(struct dhow_step *step, const struct dhow_artifact *output,
                               const char *key, bool value)
{
    dhow__note(step, output, key, value ? "true" : "false");
}

static int dhow_metadata_json(struct dhow_step *step, const struct dhow_artifact *output,
                              const char *key, const char *json)
{
    size_t at;
    if (!dhow__read_json(&step->memory, json, &at))
        return dhow_fail(step, "metadata '%s' is no JSON at byte %zu: %.40s", key, at, json);
    dhow__note(step, output, key, json);
    return 0;
}

static void dhow_metric(struct dhow_step *step, const struct dhow_artifact *metrics,
                        const char *name, double value)
{
    dhow_metadata_number(step, metrics, name, value);
}

static void dhow_confusion_matrix(struct dhow_step *step, const struct dhow_artifact *metrics,
                                  const char *const *classes, size_t n, const int64_t *matrix)
{
    struct dhow__text t = {&step->memory, NULL, 0, 0};
    dhow__adds(&t, "{\"annotationSpecs\":[");
    for (size_t i = 0; i < n; i++) {
        dhow__adds(&t, i ? ",{\"displayName\":" : "{\"displayName\":");
        dhow__add_string(&t, classes[i]);
        dhow__adds(&t, "}");
    }
    dhow__adds(&t, "],\"rows\":[");
    for (size_t i = 0; i < n; i++) {
        dhow__adds(&t, i ? ",{\"row\":[" : "{\"row\":[");
        for (size_t j = 0; j < n; j++) {
            char cell[32];
            snprintf(cell, sizeof cell, "%s%lld", j ? "," : "", (long long)matrix[i * n + j]);
            dhow__adds(&t, cell);
        }
        dhow__adds(&t, "]}");
    }
    dhow__adds(&t, "]}");
    dhow__note(step, metrics, "confusionMatrix", t.p);
}

static void dhow_roc_curve(struct dhow_step *step, const struct dhow_artifact *metrics, size_t n,
                           const double *false_positive_rate, const double *true_positive_rate,
                           const double *threshold)
{
    struct dhow__text t = {&step->memory, NULL, 0, 0};
    dhow__adds(&t, "[");
    for (size_t i = 0; i < n; i++) {
        dhow__adds(&t, i ? ",{\"confidenceThreshold\":" : "{\"confidenceThreshold\":");
        dhow__add_number(&t, threshold[i]);
        dhow__adds(&t, ",\"recall\":");
        dhow__add_number(&t, true_positive_rate[i]);
        dhow__adds(&t, ",\"falsePositiveRate\":");
        dhow__add_number(&t, false_positive_rate[i]);
        dhow__adds(&t, "}");
    }
    dhow__adds(&t, "]");
    dhow__note(step, metrics, "confidenceMetrics", t.p);
}

/* A whole line in one write, so that steps of one process may share the file. */
static void dhow__append(const char *path, const char *line, size_t n)
{
    FILE *f = fopen(path, "ab");
    if (!f)
        return;
    setvbuf(f, NULL, _IOFBF, n + 1);
    (void)fwrite(line, 1, n, f);
    (void)fclose(f);
}

static void dhow_live(struct dhow_step *step, int64_t at, const char *name, double value)
{
    const char *path = getenv("DHOW_METRICS");
    struct dhow__memory memory = {NULL, 0, 0};
    struct dhow__text t = {&memory, NULL, 0, 0};
    char number[48];
    (void)step;
    if (!path || !*path)
        return;
    snprintf(number, sizeof number, "{\"step\":%lld,", (long long)at);
    dhow__adds(&t, number);
    dhow__add_string(&t, name);
    dhow__adds(&t, ":");
    dhow__add_number(&t, value);
    dhow__adds(&t, "}\n");
    dhow__append(path, t.p, t.n);
    dhow__forget(&memory);
}

static void dhow_progress(struct dhow_step *step, int64_t done, int64_t total)
{
    struct timespec now;
    if (total <= 0 || timespec_get(&now, TIME_UTC) != TIME_UTC)
        return;
    if (done < total && (double)(now.tv_sec - step->told.tv_sec) +
                                (double)(now.tv_nsec - step->told.tv_nsec) / 1e9 <
                            0.1)
        return;
    step->told = now;
    dhow_live(step, done, "progress", (double)done / (double)total);
}

#include <dhow/component-args.h>
#include <dhow/component-main.h>

#endif
