/* draft-component - lines that say components, and where a pipeline begins and ends. */
#include "base/limits.h"
#include "compile/draft-reader.h"

static int parse_default(struct arena *a, struct draft_place at, struct draft_port *port,
                         const char *text, struct dh_err *err)
{
    struct js *v = NULL;

    if (port->type == DRAFT_TEXT)
        v = js_str(text);
    else if (js_parse(text, strlen(text), &v, NULL) < 0)
        return draft_fail(err, at, "the default of '%s' is %s, and '%s' is none", port->name,
                          draft_type_words(port->type), text);
    draft_keep(a, v);
    if (draft_type_of(v) != port->type &&
        !(port->type == DRAFT_NUMBER && draft_type_of(v) == DRAFT_INTEGER))
        return draft_fail(err, at, "the default of '%s' is %s, and '%s' is none", port->name,
                          draft_type_words(port->type), text);
    port->default_value = v;
    return 0;
}

int draft_row(struct arena *a, struct draft_place at, const struct js *row, struct draft_port *ret,
              bool *ret_output, struct dh_err *err)
{
    static const struct {
        const char *kind;
        enum draft_type type;
        bool output, optional, list;
    } kinds[] = {{"TEXT", DRAFT_TEXT, 0, 0, 0},
                 {"INTEGER", DRAFT_INTEGER, 0, 0, 0},
                 {"NUMBER", DRAFT_NUMBER, 0, 0, 0},
                 {"BOOL", DRAFT_BOOL, 0, 0, 0},
                 {"LIST", DRAFT_LIST, 0, 0, 0},
                 {"STRUCT", DRAFT_STRUCT, 0, 0, 0},
                 {"FINAL_STATUS", DRAFT_FINAL_STATUS, 0, 1, 0},
                 {"INPUT", DRAFT_ARTIFACT, 0, 0, 0},
                 {"OPTIONAL_INPUT", DRAFT_ARTIFACT, 0, 1, 0},
                 {"INPUTS", DRAFT_ARTIFACT, 0, 0, 1},
                 {"OUTPUT", DRAFT_ARTIFACT, 1, 0, 0},
                 {"OUTPUT_TEXT", DRAFT_TEXT, 1, 0, 0},
                 {"OUTPUT_INTEGER", DRAFT_INTEGER, 1, 0, 0},
                 {"OUTPUT_NUMBER", DRAFT_NUMBER, 1, 0, 0},
                 {"OUTPUT_BOOL", DRAFT_BOOL, 1, 0, 0},
                 {"OUTPUT_LIST", DRAFT_LIST, 1, 0, 0},
                 {"OUTPUT_STRUCT", DRAFT_STRUCT, 1, 0, 0},
                 {"OUTPUTS", DRAFT_ARTIFACT, 1, 0, 1}};
    const char *kind = js_get_text(row, "kind"), *name = js_get_text(row, "name"),
               *detail = js_get_text(row, "detail"), *help = js_get_text(row, "help");
    size_t i = 0;

    while (i < sizeof kinds / sizeof *kinds && (!kind || strcmp(kinds[i].kind, kind) != 0))
        i++;
    if (i == sizeof kinds / sizeof *kinds || !name || !*name)
        return draft_fail(err, at, "a row has no kind or no name");
    if (kinds[i].output && draft_output_name(at, name, err) < 0)
        return -1;
    *ret = (struct draft_port){.name = arena_strdup(a, name),
                               .type = kinds[i].type,
                               .list = kinds[i].list,
                               .optional = kinds[i].optional,
                               .help = arena_strdup(a, help ? help : "")};
    *ret_output = kinds[i].output;
    if (ret->type == DRAFT_ARTIFACT) {
        if (!detail || !strchr(detail, '.'))
            return draft_fail(err, at, "'%s': '%s' is no artifact type: expected as system.Model",
                              name, detail ? detail : "");
        ret->artifact = arena_strdup(a, detail);
        return 0;
    }
    if (*ret_output || !detail || ret->type == DRAFT_FINAL_STATUS)
        return 0;
    ret->optional = true;
    return *detail || (ret->type == DRAFT_TEXT && !js_get_bool(row, "optional"))
               ? parse_default(a, at, ret, detail, err)
               : 0;
}

static int read_rows(struct reader *r, struct draft_component *c)
{
    const struct js *rows = js_get(r->line, "rows");

    for (size_t i = 0; i < js_n(rows); i++) {
        struct draft_port port;
        bool output;
        struct draft_ports *to;

        if (draft_row(r->a, r->at, js_at(rows, i), &port, &output, r->err) < 0)
            return -1;
        if (draft_port(&c->inputs, port.name) || draft_port(&c->outputs, port.name))
            return draft_fail(r->err, r->at, "'%s' has two rows '%s'", c->name, port.name);
        to = output ? &c->outputs : &c->inputs;
        DRAFT_PUSH(r->a, to->items, to->n, to->cap, port);
    }
    return 0;
}

/* ["name", "value", …] → [{"name", "value"}, …] */
static struct js *env_list(struct reader *r)
{
    const struct js *words = js_get(r->line, "env");
    struct js *list = draft_keep(r->a, js_array());

    for (size_t i = 0; i + 1 < js_n(words); i += 2) {
        struct js *one = js_object();

        js_set(one, "name", js_ref(js_at(words, i)));
        js_set(one, "value", js_ref(js_at(words, i + 1)));
        js_push(list, one);
    }
    return list;
}

/* What a component and a pipeline begin with. */
static int read_interface(struct reader *r, const char *name, struct draft_component **ret)
{
    struct draft_component *c = arena_alloc(r->a, sizeof *c);
    const char *help = reader_text(r, "help");

    DRAFT_PUSH(r->a, r->components, r->n_components, r->cap_components, c);
    c->at = r->at;
    c->name = name;
    c->help = help ? help : "";
    *ret = c;
    return read_rows(r, c);
}

int op_component(struct reader *r)
{
    struct draft_component *c;
    const char *path = reader_text(r, "path"), *name = reader_text(r, "name");
    int64_t id = js_get_int(r->line, "id", -1);

    if (id < 0 || (size_t)id != r->n_components || !name)
        return reader_wrong(r, "component");
    if (read_interface(r, name, &c) < 0)
        return -1;
    if (path)
        return draft_load(r->a, c, r->folder, path, r->err);
    c->kind = DRAFT_CONTAINER;
    c->image = reader_text(r, "image");
    if (!c->image || !*c->image)
        return draft_fail(r->err, r->at, "the container '%s' has no image", name);
    c->env = env_list(r);
    for (size_t i = 0; i < c->outputs.n; i++)
        if (c->outputs.items[i].list)
            return draft_fail(r->err, r->at,
                              "'%s' gives a list of artifacts, '%s': only pipelines do", name,
                              c->outputs.items[i].name);
    return draft_words(r->a, r->at, c, js_get(r->line, "command"), &c->command, r->err) < 0
               ? -1
               : draft_words(r->a, r->at, c, js_get(r->line, "args"), &c->args, r->err);
}

int op_pipeline(struct reader *r)
{
    struct draft_component *c;
    const char *name = reader_text(r, "name");

    if (js_get_int(r->line, "id", -1) != (int64_t)r->n_components || !name)
        return reader_wrong(r, "pipeline");
    if (r->depth == LIMIT_NEST)
        return draft_fail(r->err, r->at, "more than %d pipelines in pipelines", LIMIT_NEST);
    if (read_interface(r, name, &c) < 0)
        return -1;
    r->outer[r->depth++] = r->p;
    r->p = draft_pipeline_new(r->a, c);
    return 0;
}

int op_pipeline_end(struct reader *r)
{
    if (!r->p || !r->depth)
        return reader_wrong(r, "pipelineEnd");
    for (js_each(js_get(r->line, "outputs"), it)) {
        struct draft_value *v = reader_find(r, js_as_int(it.value, 0), 'v', "an output's value");

        if (!v || draft_output(r->a, r->p, r->at, arena_strdup(r->a, it.key), v, r->err) < 0)
            return -1;
    }
    r->p = r->outer[--r->depth];
    return 0;
}
