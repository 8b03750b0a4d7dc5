/* dhow/pipeline-record.h - what is behind dhow/pipeline.h, which includes it: each call becomes a
 * line of JSON on standard output. Names that begin with dhow__ may change. */
#ifndef DHOW_PIPELINE_H
#include <dhow/pipeline.h>
#elif !defined DHOW_PIPELINE_RECORD_H
#define DHOW_PIPELINE_RECORD_H

struct dhow__here {
    const char *file;
    int line;
};
static DHOW_UNUSED struct dhow__here dhow__here(const char *file, int line)
{
    struct dhow__here here;
    here.file = file;
    here.line = line;
    return here;
}
#define DHOW__HERE dhow__here(__FILE__, __LINE__)

#define DHOW__ARRAY(type_, ...)                                                                    \
    (const type_[]){__VA_ARGS__}, sizeof((const type_[]){__VA_ARGS__}) / sizeof(type_)
#ifdef __cplusplus
#define DHOW__INIT(...) __VA_ARGS__
#else
#define DHOW__INIT(...) .dhow__none = 0, __VA_ARGS__
#endif
/* A block that is run once. */
#define DHOW__BLOCK(begin_)                                                                        \
    for (dhow_value dhow__once = begin_; dhow__once.id; dhow__once = dhow__end_at(DHOW__HERE))

/* Words that are none of a command's. */
#define DHOW__CONCAT "\1concat"
#define DHOW__IF "\1if"
#define DHOW__END "\1end"

/* ---- what a table becomes ---- */

struct dhow__line { /* a row, with the place of its value in the structs */
    enum dhow__kind kind;
    const char *name, *detail, *help;
    size_t offset;
};
typedef const struct dhow__line *dhow__lines(size_t *ret_n);

struct dhow__source {
    const char *name, *help, *file;
    int line;
    dhow__lines *rows;
    const struct dhow_container *container; /* one of the three */
    void (*define)(const struct dhow__source *source);
    const char *path;
};

#define DHOW__IS_IN_TEXT(yes_, no_) yes_
#define DHOW__IS_IN_INTEGER(yes_, no_) yes_
#define DHOW__IS_IN_NUMBER(yes_, no_) yes_
#define DHOW__IS_IN_BOOL(yes_, no_) yes_
#define DHOW__IS_IN_LIST(yes_, no_) yes_
#define DHOW__IS_IN_STRUCT(yes_, no_) yes_
#define DHOW__IS_IN_FINAL_STATUS(yes_, no_) yes_
#define DHOW__IS_IN_INPUT(yes_, no_) yes_
#define DHOW__IS_IN_OPTIONAL_INPUT(yes_, no_) yes_
#define DHOW__IS_IN_INPUTS(yes_, no_) yes_
#define DHOW__IS_IN_OUTPUT(yes_, no_) no_
#define DHOW__IS_IN_OUTPUT_TEXT(yes_, no_) no_
#define DHOW__IS_IN_OUTPUT_INTEGER(yes_, no_) no_
#define DHOW__IS_IN_OUTPUT_NUMBER(yes_, no_) no_
#define DHOW__IS_IN_OUTPUT_BOOL(yes_, no_) no_
#define DHOW__IS_IN_OUTPUT_LIST(yes_, no_) no_
#define DHOW__IS_IN_OUTPUT_STRUCT(yes_, no_) no_
#define DHOW__IS_IN_OUTPUTS(yes_, no_) no_

#define DHOW__IN_FIELD(kind_, name_, detail_, help_) DHOW__IS_IN_##kind_(dhow_value name_;, )
#define DHOW__OUT_FIELD(kind_, name_, detail_, help_) DHOW__IS_IN_##kind_(, dhow_value name_;)
#define DHOW__LINE(kind_, name_, detail_, help_)                                                   \
    {DHOW__##kind_, #name_, detail_, help_,                                                        \
     DHOW__IS_IN_##kind_(offsetof(dhow__in, name_), offsetof(dhow__out, name_))},

#define DHOW__TYPES(name_, ROWS)                                                                   \
    struct name_##_in {                                                                            \
        int dhow__none;                                                                            \
        ROWS(DHOW__IN_FIELD)                                                                       \
    };                                                                                             \
    struct name_##_task {                                                                          \
        dhow_task_ref task;                                                                        \
        ROWS(DHOW__OUT_FIELD)                                                                      \
    };                                                                                             \
    static const struct dhow__line *name_##_rows(size_t *ret_n)                                    \
    {                                                                                              \
        typedef struct name_##_in dhow__in;                                                        \
        typedef struct name_##_task dhow__out;                                                     \
        static const struct dhow__line rows[] = {ROWS(DHOW__LINE){                                 \
            DHOW__OUTPUT, NULL, NULL, NULL, sizeof(dhow__in) + sizeof(dhow__out)}};                \
        *ret_n = sizeof rows / sizeof *rows - 1;                                                   \
        return rows;                                                                               \
    }

#define DHOW__RUNNER(name_)                                                                        \
    static DHOW_UNUSED struct name_##_task name_##_run_at(struct dhow__here here,                  \
                                                          struct name_##_in in)                    \
    {                                                                                              \
        struct name_##_task out;                                                                   \
        memset(&out, 0, sizeof out);                                                               \
        out.task = dhow__run(here, &name_##_source, &in, &out);                                    \
        return out;                                                                                \
    }

#define DHOW__BODY(name_)                                                                          \
    static void name_##_define(const struct dhow__source *source)                                  \
    {                                                                                              \
        struct name_##_in in;                                                                      \
        struct name_##_task out;                                                                   \
        memset(&in, 0, sizeof in);                                                                 \
        memset(&out, 0, sizeof out);                                                               \
        dhow__inputs(source, &in);                                                                 \
        name_##_body(&in, &out);                                                                   \
        dhow__outputs(source, &out);                                                               \
    }

/* ---- the record ---- */

static struct {
    struct dhow__memory memory;
    int last; /* numbers of values, tasks, conditions, components */
    const struct dhow__source *known[1024];
    int n_known;
} dhow__record;

static DHOW_UNUSED int dhow__next(void)
{
    return ++dhow__record.last;
}

/* {"op": …, "id": …, "at": "file:line", and what follows until dhow__put */
static DHOW_UNUSED struct dhow__text dhow__say(const char *op, int id, struct dhow__here here)
{
    struct dhow__text t = {&dhow__record.memory, NULL, 0, 0};
    char number[64];
    dhow__adds(&t, "{\"op\":");
    dhow__add_string(&t, op);
    snprintf(number, sizeof number, ",\"id\":%d,\"line\":%d,\"file\":", id, here.line);
    dhow__adds(&t, number);
    dhow__add_string(&t, here.file ? here.file : "");
    return t;
}

static DHOW_UNUSED void dhow__key(struct dhow__text *t, const char *key)
{
    dhow__adds(t, ",");
    dhow__add_string(t, key);
    dhow__adds(t, ":");
}

static DHOW_UNUSED void dhow__put_text(struct dhow__text *t, const char *key, const char *text)
{
    if (!text)
        return;
    dhow__key(t, key);
    dhow__add_string(t, text);
}

static DHOW_UNUSED void dhow__put_int(struct dhow__text *t, const char *key, long long i)
{
    char number[32];
    dhow__key(t, key);
    snprintf(number, sizeof number, "%lld", i);
    dhow__adds(t, number);
}

static DHOW_UNUSED void dhow__put_number(struct dhow__text *t, const char *key, double d)
{
    dhow__key(t, key);
    dhow__add_number(t, d);
}

static DHOW_UNUSED void dhow__put(struct dhow__text *t)
{
    dhow__adds(t, "}\n");
    if (fwrite(t->p, 1, t->n, stdout) != t->n)
        exit(3);
    dhow__forget(&dhow__record.memory);
}

/* ---- values ---- */

static DHOW_UNUSED dhow_value dhow__value(int id)
{
    dhow_value v;
    v.id = id;
    return v;
}

static DHOW_UNUSED struct dhow__here dhow__nowhere(void)
{
    return dhow__here("", 0);
}

static dhow_value dhow_of_text(const char *text)
{
    int id = dhow__next();
    struct dhow__text t = dhow__say("constant", id, dhow__nowhere());
    dhow__put_text(&t, "value", text ? text : "");
    dhow__put(&t);
    return dhow__value(id);
}

static dhow_value dhow_of_integer(long long i)
{
    int id = dhow__next();
    struct dhow__text t = dhow__say("constant", id, dhow__nowhere());
    dhow__put_int(&t, "value", i);
    dhow__put(&t);
    return dhow__value(id);
}

static dhow_value dhow_of_number(double d)
{
    int id = dhow__next();
    struct dhow__text t = dhow__say("constant", id, dhow__nowhere());
    dhow__put_number(&t, "value", d);
    dhow__adds(&t, ",\"real\":true");
    dhow__put(&t);
    return dhow__value(id);
}

static dhow_value dhow_of_bool(bool b)
{
    int id = dhow__next();
    struct dhow__text t = dhow__say("constant", id, dhow__nowhere());
    dhow__key(&t, "value");
    dhow__adds(&t, b ? "true" : "false");
    dhow__put(&t);
    return dhow__value(id);
}

static dhow_value dhow_of_json(const char *json)
{
    int id = dhow__next();
    struct dhow__text t = dhow__say("constant", id, dhow__nowhere());
    dhow__put_text(&t, "json", json);
    dhow__put(&t);
    return dhow__value(id);
}

#ifdef __cplusplus
inline dhow_value dhow_v(const char *x)
{
    return dhow_of_text(x);
}
inline dhow_value dhow_v(int x)
{
    return dhow_of_integer(x);
}
inline dhow_value dhow_v(long long x)
{
    return dhow_of_integer(x);
}
inline dhow_value dhow_v(double x)
{
    return dhow_of_number(x);
}
inline dhow_value dhow_v(bool x)
{
    return dhow_of_bool(x);
}
inline dhow_value dhow_v(dhow_value x)
{
    return x;
}
#else
static dhow_value dhow__same(dhow_value value)
{
    return value;
}
#endif

static DHOW_UNUSED void dhow__put_values(struct dhow__text *t, const char *key,
                                         const dhow_value *values, size_t n)
{
    dhow__key(t, key);
    dhow__adds(t, "[");
    for (size_t i = 0; i < n; i++) {
        char number[16];
        snprintf(number, sizeof number, "%s%d", i ? "," : "", values[i].id);
        dhow__adds(t, number);
    }
    dhow__adds(t, "]");
}

static DHOW_UNUSED dhow_value dhow__format_at(struct dhow__here here, const char *format,
                                              const dhow_value *values, size_t n)
{
    int id = dhow__next();
    struct dhow__text t = dhow__say("format", id, here);
    dhow__put_text(&t, "format", format);
    dhow__put_values(&t, "values", values, n);
    dhow__put(&t);
    return dhow__value(id);
}

static DHOW_UNUSED dhow_value dhow__field_at(struct dhow__here here, dhow_value of,
                                             const char *name)
{
    int id = dhow__next();
    struct dhow__text t = dhow__say("field", id, here);
    dhow__put_int(&t, "of", of.id);
    dhow__put_text(&t, "name", name);
    dhow__put(&t);
    return dhow__value(id);
}

static DHOW_UNUSED dhow_value dhow__list_of_at(struct dhow__here here, dhow_value of,
                                               const char *type)
{
    int id = dhow__next();
    struct dhow__text t = dhow__say("listOf", id, here);
    dhow__put_int(&t, "of", of.id);
    dhow__put_text(&t, "type", type);
    dhow__put(&t);
    return dhow__value(id);
}

static DHOW_UNUSED dhow_value dhow__collected_at(struct dhow__here here, dhow_value of)
{
    int id = dhow__next();
    struct dhow__text t = dhow__say("collected", id, here);
    dhow__put_int(&t, "of", of.id);
    dhow__put(&t);
    return dhow__value(id);
}

static DHOW_UNUSED dhow_value dhow__one_of_at(struct dhow__here here, const dhow_value *values,
                                              size_t n)
{
    int id = dhow__next();
    struct dhow__text t = dhow__say("oneOf", id, here);
    dhow__put_values(&t, "values", values, n);
    dhow__put(&t);
    return dhow__value(id);
}

/* ---- components ---- */

/* The words of a command; those that open, part and end a placeholder become its JSON. */
static DHOW_UNUSED void dhow__put_words(struct dhow__text *t, const char *key,
                                        const char *const *words)
{
    unsigned long open = 2; /* below its first 1, a bit for each that is open: it is an if */
    bool first = true;
    dhow__key(t, key);
    dhow__adds(t, "[");
    for (size_t i = 0; i < DHOW_MAX_WORDS && words[i]; i++) {
        if (open > 3 && !strcmp(words[i], DHOW__END)) {
            dhow__adds(t, open & 1 ? "]}}" : "]}");
            open >>= 1;
            first = false;
            continue;
        }
        if (open & 1 && !strcmp(words[i], DHOW_OTHERWISE)) {
            dhow__adds(t, "],\"Else\":[");
            first = true;
            continue;
        }
        dhow__adds(t, first ? "" : ",");
        first = !strcmp(words[i], DHOW__CONCAT) || !strcmp(words[i], DHOW__IF);
        if (!first) {
            dhow__add_string(t, words[i]);
            continue;
        }
        open = open << 1 | (strcmp(words[i], DHOW__IF) == 0);
        dhow__adds(t, open & 1 ? "{\"IfPresent\":{\"InputName\":" : "{\"Concat\":[");
        if (open & 1) {
            dhow__add_string(t, words[++i]);
            dhow__adds(t, ",\"Then\":[");
        }
    }
    dhow__adds(t, "]");
}

static DHOW_UNUSED void dhow__put_rows(struct dhow__text *t, const struct dhow__source *source)
{
    static const char *const kinds[] = {
        "TEXT",        "INTEGER",       "NUMBER",         "BOOL",           "LIST",
        "STRUCT",      "FINAL_STATUS",  "INPUT",          "OPTIONAL_INPUT", "INPUTS",
        "OUTPUT",      "OUTPUT_TEXT",   "OUTPUT_INTEGER", "OUTPUT_NUMBER",  "OUTPUT_BOOL",
        "OUTPUT_LIST", "OUTPUT_STRUCT", "OUTPUTS"};
    size_t n;
    const struct dhow__line *rows = source->rows(&n);
    dhow__key(t, "rows");
    dhow__adds(t, "[");
    for (size_t i = 0; i < n; i++) {
        dhow__adds(t, i ? ",{\"kind\":" : "{\"kind\":");
        dhow__add_string(t, kinds[rows[i].kind]);
        dhow__put_text(t, "name", rows[i].name);
        dhow__put_text(t, "detail", rows[i].detail);
        dhow__adds(t, rows[i].detail == DHOW_OPTIONAL ? ",\"optional\":true" : "");
        dhow__put_text(t, "help", rows[i].help);
        dhow__adds(t, "}");
    }
    dhow__adds(t, "]");
}

/* The number of a component, which is told at its first use. */
static DHOW_UNUSED int dhow__component(const struct dhow__source *source)
{
    struct dhow__text t;
    int id;
    for (int i = 0; i < dhow__record.n_known; i++)
        if (dhow__record.known[i] == source)
            return i;
    if (dhow__record.n_known == (int)(sizeof dhow__record.known / sizeof *dhow__record.known)) {
        fprintf(stderr, "%s:%d: more than %d components\n", source->file, source->line,
                dhow__record.n_known);
        exit(2);
    }
    id = dhow__record.n_known++;
    dhow__record.known[id] = source;
    t = dhow__say(source->define ? "pipeline" : "component", id,
                  dhow__here(source->file, source->line));
    dhow__put_text(&t, "name",
                   source->container && source->container->name ? source->container->name
                                                                : source->name);
    dhow__put_text(&t, "help", source->help);
    dhow__put_text(&t, "path", source->path);
    dhow__put_rows(&t, source);
    if (source->container) {
        dhow__put_text(&t, "image", source->container->image);
        dhow__put_words(&t, "command", source->container->command);
        dhow__put_words(&t, "args", source->container->args);
        dhow__put_words(&t, "env", source->container->env);
    }
    dhow__put(&t);
    if (source->define)
        source->define(source);
    return id;
}

static DHOW_UNUSED dhow_value *dhow__place(void *of, size_t offset)
{
    return (dhow_value *)(void *)((char *)of + offset);
}

/* The inputs of a pipeline, as values inside it. */
static DHOW_UNUSED void dhow__inputs(const struct dhow__source *source, void *in)
{
    size_t n;
    const struct dhow__line *rows = source->rows(&n);
    for (size_t i = 0; i < n; i++)
        if (rows[i].kind < DHOW__OUTPUT) {
            int id = dhow__next();
            struct dhow__text t = dhow__say("input", id, dhow__here(source->file, source->line));
            dhow__put_text(&t, "name", rows[i].name);
            dhow__put(&t);
            dhow__place(in, rows[i].offset)->id = id;
        }
}

static DHOW_UNUSED void dhow__put_fields(struct dhow__text *t, const char *key,
                                         const struct dhow__source *source, bool output, void *of)
{
    size_t n, given = 0;
    const struct dhow__line *rows = source->rows(&n);
    dhow__key(t, key);
    dhow__adds(t, "{");
    for (size_t i = 0; i < n; i++) {
        char number[16];
        dhow_value v;
        if ((rows[i].kind >= DHOW__OUTPUT) != output)
            continue;
        v = *dhow__place(of, rows[i].offset);
        if (!v.id)
            continue;
        dhow__adds(t, given++ ? "," : "");
        dhow__add_string(t, rows[i].name);
        snprintf(number, sizeof number, ":%d", v.id);
        dhow__adds(t, number);
    }
    dhow__adds(t, "}");
}

static DHOW_UNUSED void dhow__outputs(const struct dhow__source *source, void *out)
{
    struct dhow__text t = dhow__say("pipelineEnd", 0, dhow__here(source->file, source->line));
    dhow__put_fields(&t, "outputs", source, true, out);
    dhow__put(&t);
}

static DHOW_UNUSED dhow_task_ref dhow__run(struct dhow__here here,
                                           const struct dhow__source *source, void *in, void *out)
{
    size_t n;
    const struct dhow__line *rows = source->rows(&n);
    int component = dhow__component(source);
    dhow_task_ref task;
    struct dhow__text t;
    task.id = dhow__next();
    for (size_t i = 0; i < n; i++)
        if (rows[i].kind >= DHOW__OUTPUT)
            dhow__place(out, rows[i].offset)->id = dhow__next();
    t = dhow__say("task", task.id, here);
    dhow__put_int(&t, "component", component);
    dhow__put_fields(&t, "inputs", source, false, in);
    dhow__put_fields(&t, "outputs", source, true, out);
    dhow__put(&t);
    return task;
}

static DHOW_UNUSED struct dhow_imported dhow__import_at(struct dhow__here here, dhow_value uri,
                                                        const char *type, const char *metadata,
                                                        bool reimport)
{
    struct dhow_imported i;
    struct dhow__text t;
    char outputs[40];
    i.task.id = dhow__next();
    i.artifact.id = dhow__next();
    t = dhow__say("importer", i.task.id, here);
    dhow__put_int(&t, "uri", uri.id);
    dhow__put_text(&t, "type", type);
    dhow__put_text(&t, "metadata", metadata);
    dhow__key(&t, "reimport");
    dhow__adds(&t, reimport ? "true" : "false");
    snprintf(outputs, sizeof outputs, ",\"outputs\":{\"artifact\":%d}", i.artifact.id);
    dhow__adds(&t, outputs);
    dhow__put(&t);
    return i;
}

static DHOW_UNUSED int dhow__main(const struct dhow__source *source)
{
    struct dhow__text t;
    int id = dhow__component(source);
    t = dhow__say("main", 0, dhow__here(source->file, source->line));
    dhow__put_int(&t, "component", id);
    dhow__put(&t);
    return fflush(stdout) == 0 ? 0 : 3;
}

#include <dhow/pipeline-settings.h>

#endif
