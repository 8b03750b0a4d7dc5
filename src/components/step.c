#include "components/step.h"
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "components/steps.h"

enum { STEP_FAILED = 1, STEP_USAGE = 2 };

struct value {
    const struct step_arg *arg;
    const char *text;
};

struct step {
    const struct step_spec *spec;
    struct value *values;
    size_t n_values, cap_values;
    struct js *input;      /* executor input, or NULL */
    struct js *metadata;   /* output → {key: value} */
    struct js *parameters; /* output parameter → value */
};

/* ---- values ---- */

static const struct step_arg *find_arg(const struct step_spec *spec, const char *name)
{
    for (const struct step_arg *a = spec->args; a->name; a++)
        if (strcmp(a->name, name) == 0)
            return a;
    return NULL;
}

size_t step_n(const struct step *s, const char *name)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_values; i++)
        n += strcmp(s->values[i].arg->name, name) == 0;
    return n;
}

const char *step_text_at(const struct step *s, const char *name, size_t k)
{
    for (size_t i = 0; i < s->n_values; i++)
        if (strcmp(s->values[i].arg->name, name) == 0 && k-- == 0)
            return s->values[i].text;
    return "";
}

const char *step_text(const struct step *s, const char *name)
{
    const struct step_arg *arg = find_arg(s->spec, name);
    const char *text = step_text_at(s, name, 0);
    if (!*text && arg && arg->other)
        return arg->other;
    return text;
}

const char *step_path(const struct step *s, const char *name)
{
    return step_text(s, name);
}

bool step_given(const struct step *s, const char *name)
{
    return *step_text(s, name) != 0;
}

double step_number(const struct step *s, const char *name)
{
    return strtod(step_text(s, name), NULL);
}

int64_t step_integer(const struct step *s, const char *name)
{
    const char *text = step_text(s, name);
    return strpbrk(text, ".eE") ? (int64_t)strtod(text, NULL) : (int64_t)strtoll(text, NULL, 10);
}

bool step_bool(const struct step *s, const char *name)
{
    const char *text = step_text(s, name);
    return strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0;
}

/* ---- outputs ---- */

static char *kfp_name(const char *name)
{
    char *out = dh_strdup(name);
    for (char *p = out; *p; p++)
        *p = *p == '-' ? '_' : *p;
    return out;
}

void step_metadata(struct step *s, const char *output, const char *key, struct js *value)
{
    own_mem char *name = kfp_name(output);
    struct js *o = js_get(s->metadata, name);
    if (!o) {
        o = js_object();
        js_set(s->metadata, name, o);
    }
    js_set(o, key, value);
}

int step_set_parameter(struct step *s, const char *name, struct js *value, struct dh_err *err)
{
    own_mem char *key = kfp_name(name);
    const char *path = step_path(s, name);
    js_set(s->parameters, key, value);
    if (!*path)
        return 0;
    own_mem char *text = js_text(value) ? dh_strdup(js_text(value)) : js_dump(value, JS_COMPACT);
    return step_write(path, text, strlen(text), err);
}

void step_say(const struct step *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    own_mem char *text = dh_vprintf(fmt, ap);
    va_end(ap);
    fprintf(stderr, "%s: %s\n", s->spec->name, text);
}

/* {"artifacts": {name: {"artifacts": [{"name", "uri", "metadata"}]}}, "parameterValues": {…}} */
static int write_output(const struct step *s, struct dh_err *err)
{
    const char *path = js_text(js_path(s->input, "outputs", "outputFile", NULL));
    if (!path)
        return 0;
    own(js_free) struct js *out = js_object();
    struct js *artifacts = js_object();
    js_set(out, "parameterValues", js_ref(s->parameters));
    js_set(out, "artifacts", artifacts);
    for (js_each(s->metadata, it)) {
        const struct js *given =
            js_at(js_path(s->input, "outputs", "artifacts", it.key, "artifacts", NULL), 0);
        struct js *one = given ? js_copy(given) : js_object();
        struct js *list = js_array(), *holder = js_object();
        if (!js_get(one, "name"))
            js_set(one, "name", js_str(it.key));
        if (!js_get(one, "metadata"))
            js_set(one, "metadata", js_object());
        for (js_each(it.value, key))
            js_set(js_get(one, "metadata"), key.key, js_ref(key.value));
        js_push(list, one);
        js_set(holder, "artifacts", list);
        js_set(artifacts, it.key, holder);
    }
    own_mem char *text = js_dump(out, JS_COMPACT);
    return step_write(path, text, strlen(text), err);
}

/* ---- arguments ---- */

static bool is_of_kind(const struct step_arg *a, const char *text)
{
    char *end = NULL;
    errno = 0;
    switch (a->kind) {
    case STEP_NUMBER:
        (void)strtod(text, &end);
        return end != text && !*end;
    case STEP_INTEGER:
    case STEP_COUNT: { /* 42.0 is one too: JSON numbers come in either form */
        double d = strtod(text, &end);
        bool whole = end != text && !*end && fabs(d) <= 0x1p53 && d == floor(d);
        if (a->kind == STEP_COUNT)
            return whole && d >= 0 && d <= STEP_MOST;
        (void)strtoll(text, &end, 10);
        return whole || (end != text && !*end && !errno);
    }
    case STEP_BOOL:
        return strcasecmp(text, "true") == 0 || strcasecmp(text, "false") == 0 ||
               strcmp(text, "1") == 0 || strcmp(text, "0") == 0;
    default:
        return true;
    }
}

static const char *kind_name(enum step_kind kind)
{
    static const char *const names[] = {"text",    "number",     "integer",     "integer",
                                        "boolean", "input path", "output path", "output parameter"};
    return names[kind];
}

static int take_executor_input(struct step *s, const char *text, struct dh_err *err)
{
    if (js_parse(text, strlen(text), &s->input, err) < 0)
        return dh_while(err, "--executor-input");
    return 0;
}

static int unknown_argument(const struct step_spec *spec, const char *flag, struct dh_err *err)
{
    struct nearest nearest = {.word = flag + strspn(flag, "-")};

    for (const struct step_arg *a = spec->args; a->name; a++)
        nearest_try(&nearest, a->name);
    if (nearest.best)
        return dh_fail(err, DH_INVALID, "unknown argument '%s'; did you mean '--%s'?", flag,
                       nearest.best);
    return dh_fail(err, DH_INVALID, "unknown argument '%s' (see --help)", flag);
}

static int take_value(struct step *s, const char *flag, const char *text, struct dh_err *err)
{
    if (strcmp(flag, "--executor-input") == 0)
        return take_executor_input(s, text, err);
    const struct step_arg *a = strncmp(flag, "--", 2) == 0 ? find_arg(s->spec, flag + 2) : NULL;
    if (!a)
        return unknown_argument(s->spec, flag, err);
    if (!a->repeats && step_n(s, a->name))
        return dh_fail(err, DH_INVALID, "%s is given twice", flag);
    if (*text && !is_of_kind(a, text))
        return dh_fail(err, DH_INVALID, "%s '%s' is no %s%s", flag, text, kind_name(a->kind),
                       a->kind == STEP_COUNT ? " from 0 to 1000000000" : "");
    DH_GROW(s->values, s->n_values, s->cap_values);
    s->values[s->n_values++] = (struct value){a, text};
    return 0;
}

static int read_args(struct step *s, int argc, char **argv, struct dh_err *err)
{
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 >= argc)
            return dh_fail(err, DH_INVALID, "'%s' needs a value", argv[i]);
        if (take_value(s, argv[i], argv[i + 1], err) < 0)
            return -1;
    }
    for (const struct step_arg *a = s->spec->args; a->name; a++)
        if (!a->other && !step_given(s, a->name))
            return dh_fail(err, DH_INVALID, "--%s is missing (%s)", a->name, a->help);
    return 0;
}

/* ---- what a component is ---- */

static void print_help(const struct step_spec *spec)
{
    printf("usage: dhow component %s --argument value …\n\n%s.\n", spec->name, spec->help);
    if (spec->about)
        printf("\n%s\n", spec->about);
    printf("\n");
    for (const struct step_arg *a = spec->args; a->name; a++) {
        printf("  --%-22s %s: %s", a->name, kind_name(a->kind), a->help);
        if (a->type)
            printf(" [%s]", a->type);
        if (a->repeats)
            printf("; may be repeated");
        if (!a->other)
            printf("; required");
        else if (*a->other)
            printf("; default %s", a->other);
        printf("\n");
    }
    printf("  --%-22s text: KFP's executor input (the placeholder {{$}}); says where metadata is "
           "to go\n",
           "executor-input");
}

static void print_description(const struct step_spec *spec)
{
    own(js_free) struct js *o = js_object();
    struct js *args = js_array();
    js_set(o, "name", js_str(spec->name));
    js_set(o, "help", js_str(spec->help));
    if (spec->about)
        js_set(o, "about", js_str(spec->about));
    js_set(o, "arguments", args);
    for (const struct step_arg *a = spec->args; a->name; a++) {
        struct js *one = js_object();
        js_set(one, "name", js_str(a->name));
        js_set(one, "kind", js_str(kind_name(a->kind)));
        js_set(one, "type", js_str(a->type));
        js_set(one, "required", js_bool(!a->other));
        js_set(one, "default", js_str(a->other && *a->other ? a->other : NULL));
        js_set(one, "repeats", js_bool(a->repeats));
        js_set(one, "help", js_str(a->help));
        js_push(args, one);
    }
    own_mem char *text = js_dump(o, JS_PRETTY);
    printf("%s\n", text);
}

static int run(struct step *s, int argc, char **argv)
{
    struct dh_err err;
    if (read_args(s, argc, argv, &err) < 0) {
        fprintf(stderr, "dhow component %s: %s\n", s->spec->name, err.msg);
        return STEP_USAGE;
    }
    if (s->spec->run(s, &err) < 0 || write_output(s, &err) < 0) {
        fprintf(stderr, "dhow component %s: %s\n", s->spec->name, err.msg);
        return STEP_FAILED;
    }
    return 0;
}

int step_main(const struct step_spec *spec, int argc, char **argv)
{
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        print_help(spec);
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "--describe") == 0) {
        print_description(spec);
        return 0;
    }
    struct step s = {.spec = spec, .metadata = js_object(), .parameters = js_object()};
    int status = run(&s, argc, argv);
    js_free(s.metadata);
    js_free(s.parameters);
    js_free(s.input);
    free(s.values);
    return status;
}
