/* dhow/component-main.h - a step from start to end, for dhow/component.h: outputs, help, the
 * description, main. Names that begin with dhow__ may change. */
#ifndef DHOW_COMPONENT_H
#include <dhow/component.h>
#elif !defined DHOW_COMPONENT_MAIN_H
#define DHOW_COMPONENT_MAIN_H

/* ---- outputs ---- */

static int dhow__make_folders(struct dhow_step *step, const char *path)
{
    char *p = dhow__copy(&step->memory, path, strlen(path)), *last = strrchr(p, '/');
    if (!last || last == p)
        return 0;
    *last = 0;
    if (mkdir(p, 0777) == 0 || errno == EEXIST) /* mostly it is there */
        return 0;
    *last = '/';
    for (char *slash = strchr(p + 1, '/'); *p && slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(p, 0777) < 0 && errno != EEXIST && errno != EISDIR && errno != EROFS)
            return dhow_fail(step, "%s: %s", p, strerror(errno));
        *slash = '/';
    }
    return 0;
}

static int dhow__write(struct dhow_step *step, const char *path, const char *text)
{
    size_t n = strlen(text);
    int fd;
    if (dhow__make_folders(step, path))
        return 1;
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd < 0)
        return dhow_fail(step, "%s: %s", path, strerror(errno));
    while (n) {
        ssize_t wrote = write(fd, text, n);
        if (wrote < 0 && errno != EINTR) {
            int why = errno;
            (void)close(fd);
            return dhow_fail(step, "%s: %s", path, strerror(why));
        }
        text += wrote > 0 ? wrote : 0;
        n -= wrote > 0 ? (size_t)wrote : 0;
    }
    return close(fd) == 0 ? 0 : dhow_fail(step, "%s: %s", path, strerror(errno));
}

/* An output parameter as JSON; `bare`: a text as it is, as KFP's output files have it. */
static const char *dhow__value_json(struct dhow_step *step, const struct dhow__row *row, bool bare)
{
    const void *field = dhow__field(step, row);
    struct dhow__text t = {&step->memory, NULL, 0, 0};
    const char *text;
    switch (dhow__value_kind(row)) {
    case DHOW__INTEGER:
        return dhow_text(step, "%lld", (long long)*(const int64_t *)field);
    case DHOW__NUMBER:
        dhow__add_number(&t, *(const double *)field);
        return t.p;
    case DHOW__BOOL:
        return *(const bool *)field ? "true" : "false";
    case DHOW__TEXT:
        text = *(const char *const *)field ? *(const char *const *)field : "";
        if (bare)
            return text;
        dhow__add_string(&t, text);
        return t.p;
    default:
        return *(const char *const *)field;
    }
}

/* A LIST or STRUCT that the function assigned has to be one. */
static int dhow__check_output(struct dhow_step *step, const struct dhow__row *row)
{
    const char *text;
    enum dhow__kind kind = dhow__value_kind(row);
    if (kind != DHOW__LIST && kind != DHOW__STRUCT)
        return 0;
    text = *(const char *const *)dhow__field(step, row);
    if (text &&
        dhow__json_of(step, text, kind == DHOW__LIST ? DHOW__JSON_ARRAY : DHOW__JSON_OBJECT))
        return 0;
    return dhow_fail(step, "output '%s' is no %s: %.60s", row->name, dhow__kind_name(kind),
                     text ? text : "nothing");
}

static int dhow__write_parameter(struct dhow_step *step, const struct dhow__row *row)
{
    const struct dhow__given *given = dhow__given_next(step->given, row);
    const struct dhow__json *out = dhow__get(dhow__get(step->input, "outputs"), "parameters");
    const char *path =
        given ? given->value : dhow__get_text(dhow__get(out, row->name), "outputFile");
    if (*path)
        return dhow__write(step, path, dhow__value_json(step, row, true));
    if (!step->input)
        printf("%s: %s\n", row->name, dhow__value_json(step, row, true));
    return 0;
}

static bool dhow__noted(const struct dhow_step *step, const char *output, const char *key)
{
    for (const struct dhow__meta *n = step->notes; n; n = n->next)
        if (strcmp(n->output, output) == 0 && (!key || strcmp(n->key, key) == 0))
            return true;
    return false;
}

static void dhow__add_member(struct dhow__text *to, bool first, const char *key, const char *json)
{
    dhow__adds(to, first ? "" : ",");
    dhow__add_string(to, key);
    dhow__adds(to, ":");
    dhow__adds(to, json);
}

/* {"artifacts": [{"name", "uri", "metadata": what the component says, then what the step said}]} */
static void dhow__add_artifact(struct dhow_step *step, struct dhow__text *to,
                               const struct dhow_artifact *a)
{
    size_t at;
    const struct dhow__json *before = dhow__read_json(&step->memory, a->metadata, &at);
    bool first = true;
    dhow__adds(to, "{\"artifacts\":[{\"name\":");
    dhow__add_string(to, a->name);
    dhow__adds(to, ",\"uri\":");
    dhow__add_string(to, a->uri);
    dhow__adds(to, ",\"metadata\":{");
    for (const struct dhow__json *v = before ? before->child : NULL; v; v = v->next)
        if (v->key && !dhow__noted(step, a->output, v->key)) {
            dhow__add_member(to, first, v->key, dhow__raw(&step->memory, v));
            first = false;
        }
    for (const struct dhow__meta *n = step->notes; n; n = n->next)
        if (strcmp(n->output, a->output) == 0) {
            dhow__add_member(to, first, n->key, n->json);
            first = false;
        }
    dhow__adds(to, "}}]}");
}

static int dhow__write_executor_output(struct dhow_step *step)
{
    const char *path = dhow__get_text(dhow__get(step->input, "outputs"), "outputFile");
    struct dhow__text t = {&step->memory, NULL, 0, 0};
    bool first = true;
    if (!*path)
        return 0;
    dhow__adds(&t, "{\"parameterValues\":{");
    for (size_t i = 0; i < step->n_rows; i++)
        if (step->rows[i].kind > DHOW__OUTPUT) {
            dhow__add_member(&t, first, step->rows[i].name,
                             dhow__value_json(step, &step->rows[i], false));
            first = false;
        }
    dhow__adds(&t, "},\"artifacts\":{");
    first = true;
    for (size_t i = 0; i < step->n_rows; i++)
        if (step->rows[i].kind == DHOW__OUTPUT && dhow__noted(step, step->rows[i].name, NULL)) {
            dhow__add_member(&t, first, step->rows[i].name, "");
            dhow__add_artifact(step, &t,
                               (const struct dhow_artifact *)dhow__field(step, &step->rows[i]));
            first = false;
        }
    dhow__adds(&t, "}}");
    return dhow__write(step, path, t.p);
}

static int dhow__execute(struct dhow_step *step)
{
    int rc;
    for (size_t i = 0; i < step->n_rows; i++)
        if (step->rows[i].kind == DHOW__OUTPUT &&
            dhow__make_folders(step,
                               ((struct dhow_artifact *)dhow__field(step, &step->rows[i]))->path))
            return 1;
    rc = step->component->run(step, step->args);
    for (size_t i = 0; i < step->n_rows && rc == 0; i++)
        if (step->rows[i].kind > DHOW__OUTPUT)
            rc = dhow__check_output(step, &step->rows[i]) ||
                 dhow__write_parameter(step, &step->rows[i]);
    if (rc == 0)
        rc = dhow__write_executor_output(step);
    if (rc == 0 && fflush(stdout) != 0)
        rc = dhow_fail(step, "standard output: %s", strerror(errno));
    return rc ? 1 : 0;
}

/* ---- what it is ---- */

static void dhow__help(const struct dhow_step *step)
{
    printf("%s - %s\n\nusage: %s --option value …\n\n", step->component->name,
           step->component->help, step->component->name);
    for (size_t i = 0; i < step->n_rows; i++) {
        const struct dhow__row *row = &step->rows[i];
        printf("  --%-20s %s%s: %s", row->name, dhow__is_output(row) ? "output " : "",
               dhow__kind_name(dhow__value_kind(row)), row->help);
        if (!dhow__is_parameter(row))
            printf(" [%s]", row->detail);
        else if (!dhow__is_output(row) && !row->detail)
            printf(" (required)");
        else if (!dhow__is_output(row) && *row->detail)
            printf(" (default: %s)", row->detail);
        printf("\n");
    }
    printf("  --%-20s JSON: all of these, as Kubeflow Pipelines gives them ({{$}})\n"
           "  --%-20s the component's interface as JSON, for `dhow component describe`\n",
           "executor_input", "describe");
}

static const char *const dhow__parameter_types[] = {
    "STRING", "NUMBER_INTEGER", "NUMBER_DOUBLE", "BOOLEAN", "LIST", "STRUCT", "TASK_FINAL_STATUS"};

static void dhow__describe_row(struct dhow_step *step, struct dhow__text *t,
                               const struct dhow__row *row)
{
    enum dhow__kind kind = dhow__value_kind(row);
    dhow__adds(t, "{");
    if (dhow__is_parameter(row)) {
        dhow__adds(t, dhow_text(step, "\"parameterType\":\"%s\"", dhow__parameter_types[kind]));
        if (!dhow__is_output(row) && row->detail && *row->detail && kind != DHOW__FINAL_STATUS) {
            dhow__adds(t, ",\"defaultValue\":");
            if (kind == DHOW__TEXT)
                dhow__add_string(t, row->detail);
            else
                dhow__adds(t, row->detail);
        }
        if (!dhow__is_output(row) && (row->detail || kind == DHOW__FINAL_STATUS))
            dhow__adds(t, ",\"isOptional\":true");
    } else {
        dhow__adds(t, "\"artifactType\":{\"schemaTitle\":");
        dhow__add_string(t, row->detail);
        dhow__adds(t, ",\"schemaVersion\":\"0.0.1\"}");
        if (row->kind == DHOW__INPUTS)
            dhow__adds(t, ",\"isArtifactList\":true");
        if (row->kind == DHOW__OPTIONAL_INPUT)
            dhow__adds(t, ",\"isOptional\":true");
    }
    if (*row->help) {
        dhow__adds(t, ",\"description\":");
        dhow__add_string(t, row->help);
    }
    dhow__adds(t, "}");
}

/* A group of rows as the member `name`; nothing where there are none. */
static void dhow__describe_group(struct dhow_step *step, struct dhow__text *t, bool output,
                                 bool parameter, const char *name)
{
    bool first = true;
    for (size_t i = 0; i < step->n_rows; i++) {
        const struct dhow__row *row = &step->rows[i];
        if (dhow__is_output(row) != output || dhow__is_parameter(row) != parameter)
            continue;
        if (first)
            dhow__adds(t, dhow_text(step, "%s\"%s\":{", t->p[t->n - 1] == '{' ? "" : ",", name));
        dhow__add_member(t, first, row->name, "");
        dhow__describe_row(step, t, row);
        first = false;
    }
    if (!first)
        dhow__adds(t, "}");
}

/* KFP's ComponentSpec without its executor, with a name and a description. */
static void dhow__describe(struct dhow_step *step)
{
    struct dhow__text t = {&step->memory, NULL, 0, 0};
    dhow__adds(&t, "{\"name\":");
    dhow__add_string(&t, step->component->name);
    dhow__adds(&t, ",\"description\":");
    dhow__add_string(&t, step->component->help);
    dhow__adds(&t, ",\"inputDefinitions\":{");
    dhow__describe_group(step, &t, false, true, "parameters");
    dhow__describe_group(step, &t, false, false, "artifacts");
    dhow__adds(&t, "},\"outputDefinitions\":{");
    dhow__describe_group(step, &t, true, true, "parameters");
    dhow__describe_group(step, &t, true, false, "artifacts");
    dhow__adds(&t, "}}");
    printf("%s\n", t.p);
}

/* ---- main ---- */

static DHOW_UNUSED int dhow_component_main(const struct dhow_component *component, int argc,
                                           char **argv)
{
    struct dhow_step step;
    int rc;
    memset(&step, 0, sizeof step);
    step.component = component;
    step.rows = component->rows(&step.n_rows);
    step.args = (char *)dhow_memory(&step, component->size);
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        dhow__help(&step);
        rc = 0;
    } else if (argc == 2 && strcmp(argv[1], "--describe") == 0) {
        dhow__describe(&step);
        rc = 0;
    } else {
        rc = dhow__read_options(&step, argc - 1, argv + 1);
        if (rc == 0)
            rc = dhow__set_fields(&step);
        if (rc == 0)
            rc = dhow__execute(&step);
    }
    dhow__forget(&step.memory);
    return rc;
}

static DHOW_UNUSED int dhow_program_main(const struct dhow_component *const *parts, size_t n,
                                         int argc, char **argv)
{
    for (size_t i = 0; i < n && argc > 1; i++)
        if (dhow__same_name(argv[1], strlen(argv[1]), parts[i]->name))
            return dhow_component_main(parts[i], argc - 1, argv + 1);
    fprintf(stderr, "%s: the first argument names a component:\n", argc > 0 ? argv[0] : "program");
    for (size_t i = 0; i < n; i++)
        fprintf(stderr, "  %-24s %s\n", parts[i]->name, parts[i]->help);
    return 2;
}

#endif
