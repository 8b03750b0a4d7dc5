/* short - the whole file: pipeline, inputs, components, tasks, outputs. */
#include "compile/short.h"

#include <stdarg.h>
#include <stdio.h>

#include "compile/compile.h"
#include "compile/draft-read.h"

struct draft_place short_at(const struct short_reader *r, const struct doc_node *node)
{
    return (struct draft_place){r->file, (int)node->line, (int)node->column};
}

int short_fail(struct short_reader *r, const struct doc_node *node, const char *fmt, ...)
{
    char text[900];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return draft_fail(r->err, short_at(r, node), "%s", text);
}

int short_keys(struct short_reader *r, const struct doc_node *map, const char *what, ...)
{
    for (size_t i = 0; i < map->n; i++) {
        const struct doc_node *key = doc_key(map, i);
        char known[400] = "";
        const char *name;
        bool found = false;
        va_list ap;

        va_start(ap, what);
        while ((name = va_arg(ap, const char *))) {
            size_t n = strlen(known);

            found |= key->kind == DOC_STRING && !strcmp(key->text, name);
            (void)snprintf(known + n, sizeof known - n, "%s%s", n ? ", " : "", name);
        }
        va_end(ap);
        if (!found)
            return short_fail(r, key, "%s has no '%s': expected one of %s", what,
                              key->kind == DOC_STRING ? key->text : "?", known);
    }
    return 0;
}

int short_text(struct short_reader *r, const struct doc_node *map, const char *key,
               const char **ret)
{
    const struct doc_node *v = doc_get(map, key);

    *ret = NULL;
    if (!v)
        return 0;
    if (v->kind != DOC_STRING)
        return short_fail(r, v, "'%s' has to be a text", key);
    *ret = v->text;
    return 0;
}

int short_map(struct short_reader *r, const struct doc_node *map, const char *key,
              const struct doc_node **ret)
{
    const struct doc_node *v = doc_get(map, key);

    *ret = v;
    if (v && v->kind != DOC_MAP)
        return short_fail(r, v, "'%s' has to be a map", key);
    return 0;
}

static int read_inputs(struct short_reader *r, struct draft_component *c)
{
    for (size_t i = 0; i < c->inputs.n; i++) {
        const struct draft_port *port = &c->inputs.items[i];
        struct draft_value *v = draft_value_new(r->a, c->at, r->p, DRAFT_INPUT);

        v->name = port->name;
        v->type = port->type;
        v->artifact = port->artifact;
        v->list = port->list;
        v->item = port->item;
        short_name_add(r, port->name, v, NULL);
    }
    return 0;
}

/* The pipeline's outputs have the types of what they are. */
static int read_outputs(struct short_reader *r, const struct doc_node *map)
{
    struct draft_component *c = r->draft->main;

    for (size_t i = 0; map && i < map->n; i++) {
        const struct doc_node *key = doc_key(map, i);
        struct draft_value *v;

        if (key->kind != DOC_STRING)
            return short_fail(r, key, "an output's name has to be a text");
        if (draft_output_name(short_at(r, key), key->text, r->err) < 0)
            return -1;
        if (short_value(r, doc_value(map, i), &v) < 0)
            return -1;
        DRAFT_PUSH(r->a, c->outputs.items, c->outputs.n, c->outputs.cap,
                   (struct draft_port){.name = key->text,
                                       .type = v->type,
                                       .artifact = v->artifact,
                                       .list = v->list,
                                       .help = ""});
        if (draft_output(r->a, r->p, short_at(r, key), key->text, v, r->err) < 0)
            return -1;
    }
    return 0;
}

static int read_pipeline(struct short_reader *r, const struct doc_node *top)
{
    struct draft_component *c = arena_alloc(r->a, sizeof *c);
    const char *name, *description, *root;
    const struct doc_node *inputs, *components, *tasks, *outputs, *config;

    if (short_keys(r, top, "a pipeline", "pipeline", "description", "root", "inputs", "components",
                   "tasks", "outputs", "kubernetes", NULL) < 0 ||
        short_text(r, top, "pipeline", &name) < 0 ||
        short_text(r, top, "description", &description) < 0 ||
        short_text(r, top, "root", &root) < 0 || short_map(r, top, "inputs", &inputs) < 0 ||
        short_map(r, top, "components", &components) < 0 ||
        short_map(r, top, "tasks", &tasks) < 0 || short_map(r, top, "outputs", &outputs) < 0 ||
        short_map(r, top, "kubernetes", &config) < 0)
        return -1;
    if (!name || !tasks)
        return short_fail(r, top, "'%s' is missing", name ? "tasks" : "pipeline");
    *c = (struct draft_component){
        .at = short_at(r, top), .name = name, .help = description ? description : ""};
    r->draft->main = c;
    if (inputs && short_ports(r, inputs, false, &c->inputs) < 0)
        return -1;
    r->p = draft_pipeline_new(r->a, c);
    r->p->pipeline_root = root;
    if (config)
        r->p->config = draft_keep(r->a, doc_to_js(config));
    if (components && short_components(r, components) < 0)
        return -1;
    if (read_inputs(r, c) < 0 || short_tasks(r, tasks) < 0)
        return -1;
    return read_outputs(r, outputs);
}

int draft_read_short(struct draft *to, const char *name, const char *yaml, size_t n,
                     const char *folder, struct dh_err *err)
{
    struct short_reader r = {
        .draft = to, .a = to->arena, .file = name, .folder = folder, .err = err};
    struct doc doc;
    int rc;

    if (doc_read(to->arena, to->arena, name, yaml, n, &doc, err) < 0)
        return -1;
    if (doc.n != 1 || doc.documents[0].kind != DOC_MAP)
        return dh_fail(err, DH_INVALID, "%s: expected one map with 'pipeline' and 'tasks'", name);
    r.components = strmap_new();
    rc = read_pipeline(&r, &doc.documents[0]);
    strmap_free(r.components);
    return rc;
}
