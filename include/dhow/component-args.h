/* dhow/component-args.h - arguments of a step, for dhow/component.h: from the command line, the
 * executor input, the defaults, into the struct of the component. Names that begin with dhow__ may
 * change. */
#ifndef DHOW_COMPONENT_H
#include <dhow/component.h>
#elif !defined DHOW_COMPONENT_ARGS_H
#define DHOW_COMPONENT_ARGS_H

/* '-' and '_' are the same in an option's name. */
static bool dhow__same_name(const char *option, size_t n, const char *name)
{
    if (strlen(name) != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (option[i] != name[i] && !(option[i] == '-' && name[i] == '_'))
            return false;
    return true;
}

static const struct dhow__row *dhow__find_row(const struct dhow_step *step, const char *option,
                                              size_t n)
{
    for (size_t i = 0; i < step->n_rows; i++)
        if (dhow__same_name(option, n, step->rows[i].name))
            return &step->rows[i];
    return NULL;
}

static const struct dhow__given *dhow__given_next(const struct dhow__given *from,
                                                  const struct dhow__row *row)
{
    while (from && from->row != row)
        from = from->next;
    return from;
}

static int dhow__take_option(struct dhow_step *step, const char *name, size_t n, const char *value)
{
    const struct dhow__row *row = dhow__find_row(step, name, n);
    struct dhow__given **tail = &step->given;
    size_t at;
    if (dhow__same_name(name, n, "executor_input")) {
        step->input = dhow__read_json(&step->memory, value, &at);
        if (step->input && step->input->kind == DHOW__JSON_OBJECT)
            return 0;
        (void)dhow_fail(step, "--executor_input is no JSON object at byte %zu: %.40s", at, value);
        return 2;
    }
    if (!row) {
        (void)dhow_fail(step, "there is no option --%.*s; --help lists them", (int)n, name);
        return 2;
    }
    if (row->kind != DHOW__INPUTS && dhow__given_next(step->given, row)) {
        (void)dhow_fail(step, "--%s is given twice", row->name);
        return 2;
    }
    while (*tail)
        tail = &(*tail)->next;
    *tail = (struct dhow__given *)dhow_memory(step, sizeof **tail);
    (*tail)->row = row;
    (*tail)->value = value;
    return 0;
}

static int dhow__read_options(struct dhow_step *step, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        const char *name = argv[i] + 2, *equals = strchr(argv[i], '=');
        int rc;
        if (strncmp(argv[i], "--", 2) != 0 || !*name) {
            (void)dhow_fail(step, "'%s' is no option; --help lists them", argv[i]);
            return 2;
        }
        if (!equals && i + 1 == argc) {
            (void)dhow_fail(step, "%s needs a value", argv[i]);
            return 2;
        }
        if (equals)
            rc = dhow__take_option(step, name, (size_t)(equals - name), equals + 1);
        else
            rc = dhow__take_option(step, name, strlen(name), argv[i + 1]);
        if (rc)
            return rc;
        i += !equals;
    }
    return 0;
}

/* ---- parameters ---- */

static bool dhow__whole(const char *text, int64_t *ret)
{
    char *end;
    double d;
    errno = 0;
    *ret = (int64_t)strtoll(text, &end, 10);
    if (end != text && !*end && !errno)
        return true;
    d = strtod(text, &end); /* 3.0 is one too: JSON numbers come in either form */
    if (end == text || *end || !(d >= -9007199254740992.0 && d <= 9007199254740992.0))
        return false;
    *ret = (int64_t)d;
    return !((double)*ret < d) && !((double)*ret > d);
}

static bool dhow__truth(const char *text, bool *ret)
{
    static const char *const words[] = {"false", "true", "False", "True", "0", "1"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(text, words[i]) == 0) {
            *ret = i % 2;
            return true;
        }
    return false;
}

static bool dhow__json_of(struct dhow_step *step, const char *text, enum dhow__json_kind kind)
{
    size_t at;
    const struct dhow__json *v = dhow__read_json(&step->memory, text, &at);
    return v && v->kind == kind;
}

/* Fills the field from its text. "" : it has that kind's nothing. */
static bool dhow__set(struct dhow_step *step, const struct dhow__row *row, const char *text)
{
    void *field = dhow__field(step, row);
    char *end = NULL;
    switch (dhow__value_kind(row)) {
    case DHOW__INTEGER:
        return !*text || dhow__whole(text, (int64_t *)field);
    case DHOW__NUMBER:
        *(double *)field = *text ? strtod(text, &end) : (double)NAN;
        return !*text || (end != text && !*end);
    case DHOW__BOOL:
        return !*text || dhow__truth(text, (bool *)field);
    case DHOW__LIST:
        *(const char **)field = *text ? text : "[]";
        return !*text || dhow__json_of(step, text, DHOW__JSON_ARRAY);
    case DHOW__STRUCT:
    case DHOW__FINAL_STATUS:
        *(const char **)field = *text ? text : "{}";
        return !*text || dhow__json_of(step, text, DHOW__JSON_OBJECT);
    default:
        *(const char **)field = text;
        return true;
    }
}

static const char *dhow__kind_name(enum dhow__kind kind)
{
    static const char *const names[] = {"text",       "integer",     "number",     "true or false",
                                        "JSON array", "JSON object", "JSON object"};
    return kind <= DHOW__FINAL_STATUS ? names[kind] : "path";
}

/* The text of a parameter's value, or NULL where none is given. */
static const char *dhow__parameter_text(struct dhow_step *step, const struct dhow__row *row)
{
    const struct dhow__given *given = dhow__given_next(step->given, row);
    const struct dhow__json *v =
        dhow__get(dhow__get(dhow__get(step->input, "inputs"), "parameterValues"), row->name);
    if (given)
        return given->value;
    if (v)
        return v->kind == DHOW__JSON_STRING ? v->text : dhow__raw(&step->memory, v);
    return row->kind == DHOW__FINAL_STATUS ? "" : row->detail;
}

static int dhow__set_parameter(struct dhow_step *step, const struct dhow__row *row)
{
    const char *text = dhow__parameter_text(step, row);
    if (!text) {
        (void)dhow_fail(step, "--%s is missing: %s", row->name, row->help);
        return 2;
    }
    if (!dhow__set(step, row, text)) {
        (void)dhow_fail(step, "--%s '%.60s': expected %s", row->name, text,
                        dhow__kind_name(row->kind));
        return 2;
    }
    return 0;
}

/* ---- artifacts ---- */

/* As KFP's SDK does (kfp.dsl.types.artifact_types): buckets are mounted below the root. */
static const char *dhow__local(struct dhow_step *step, const char *uri)
{
    static const char *const schemes[] = {"gs://", "/gcs/", "minio://", "/minio/", "s3://", "/s3/"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i += 2)
        if (strncmp(uri, schemes[i], strlen(schemes[i])) == 0)
            return dhow_text(step, "%s%s", schemes[i + 1], uri + strlen(schemes[i]));
    if (strncmp(uri, "oci://", 6) == 0) {
        char *path = (char *)dhow_text(step, "/oci/%s/models", uri + 6);
        for (char *p = path + 5; p < path + 5 + strlen(uri + 6); p++)
            *p = *p == '/' ? '_' : *p;
        return path;
    }
    return strncmp(uri, "file://", 7) == 0 ? uri + 7 : uri;
}

static struct dhow_artifact dhow__artifact(struct dhow_step *step, const struct dhow__row *row,
                                           const struct dhow__json *from)
{
    const struct dhow__json *metadata = dhow__get(from, "metadata");
    const char *custom = dhow__get_text(from, "customPath");
    struct dhow_artifact a;
    a.uri = dhow__get_text(from, "uri");
    a.path = *custom ? custom : dhow__local(step, a.uri);
    a.name = dhow__get_text(from, "name");
    a.name = *a.name ? a.name : row->name;
    a.type = dhow__get_text(dhow__get(from, "type"), "schemaTitle");
    a.type = *a.type ? a.type : row->detail;
    a.metadata = metadata ? dhow__raw(&step->memory, metadata) : "{}";
    a.output = dhow__is_output(row) ? row->name : NULL;
    return a;
}

static struct dhow_artifact dhow__artifact_at(const struct dhow__row *row, const char *path)
{
    struct dhow_artifact a;
    a.path = a.uri = path;
    a.name = row->name;
    a.type = row->detail;
    a.metadata = "{}";
    a.output = dhow__is_output(row) ? row->name : NULL;
    return a;
}

static const struct dhow__json *dhow__artifact_list(const struct dhow_step *step,
                                                    const struct dhow__row *row)
{
    const struct dhow__json *side =
        dhow__get(step->input, dhow__is_output(row) ? "outputs" : "inputs");
    const struct dhow__json *list =
        dhow__get(dhow__get(dhow__get(side, "artifacts"), row->name), "artifacts");
    return list && list->kind == DHOW__JSON_ARRAY ? list->child : NULL;
}

static void dhow__set_artifacts(struct dhow_step *step, const struct dhow__row *row)
{
    struct dhow_artifacts *list = (struct dhow_artifacts *)dhow__field(step, row);
    struct dhow_artifact *items;
    size_t n = 0;
    for (const struct dhow__given *g = step->given; (g = dhow__given_next(g, row)); g = g->next)
        n++;
    for (const struct dhow__json *v = dhow__artifact_list(step, row); v; v = v->next)
        n++;
    items = (struct dhow_artifact *)dhow_memory(step, (n + 1) * sizeof *items);
    list->items = items;
    for (const struct dhow__given *g = step->given; (g = dhow__given_next(g, row)); g = g->next)
        items[list->n++] = dhow__artifact_at(row, g->value);
    for (const struct dhow__json *v = dhow__artifact_list(step, row); v; v = v->next)
        items[list->n++] = dhow__artifact(step, row, v);
}

static int dhow__set_artifact(struct dhow_step *step, const struct dhow__row *row)
{
    struct dhow_artifact *field = (struct dhow_artifact *)dhow__field(step, row);
    const struct dhow__given *given = dhow__given_next(step->given, row);
    const struct dhow__json *first = dhow__artifact_list(step, row);
    if (given) {
        *field = dhow__artifact_at(row, given->value);
    } else if (first) {
        *field = dhow__artifact(step, row, first);
    } else if (row->kind == DHOW__OUTPUT) {
        *field = dhow__artifact_at(row, row->name);
    } else if (row->kind == DHOW__OPTIONAL_INPUT) {
        *field = dhow__artifact_at(row, "");
    } else {
        (void)dhow_fail(step, "--%s is missing: %s", row->name, row->help);
        return 2;
    }
    return 0;
}

static int dhow__set_fields(struct dhow_step *step)
{
    for (size_t i = 0; i < step->n_rows; i++) {
        const struct dhow__row *row = &step->rows[i];
        int rc = 0;
        if (row->kind == DHOW__INPUTS)
            dhow__set_artifacts(step, row);
        else if (!dhow__is_parameter(row))
            rc = dhow__set_artifact(step, row);
        else if (dhow__is_output(row))
            (void)dhow__set(step, row, "");
        else
            rc = dhow__set_parameter(step, row);
        if (rc)
            return rc;
    }
    return 0;
}

#endif
