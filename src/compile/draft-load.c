/* draft-load - a component from a compiled file: of the SDK, of dhow, of `dhow component describe`.
 */
#include "base/fs.h"
#include "base/mem.h"
#include "compile/draft-read.h"
#include "spec/spec.h"

/* Does the file's interface have what the table says? */
static int check_ports(const struct draft_component *c, const struct draft_ports *ports,
                       const struct js *artifacts, const struct js *parameters, const char *path,
                       struct dh_err *err)
{
    for (size_t i = 0; i < ports->n; i++) {
        const struct draft_port *port = &ports->items[i];
        const struct js *there =
            js_get(port->type == DRAFT_ARTIFACT ? artifacts : parameters, port->name);

        if (!there)
            return draft_fail(err, c->at, "%s has no '%s' of that kind", path, port->name);
        if (port->type != DRAFT_ARTIFACT &&
            strcmp(js_get_text(there, "parameterType") ? js_get_text(there, "parameterType") : "",
                   draft_type_name(port->type)) != 0)
            return draft_fail(err, c->at, "'%s' is %s here, and %s in %s", port->name,
                              draft_type_name(port->type), js_get_text(there, "parameterType"),
                              path);
    }
    return 0;
}

static int read_file(struct arena *a, struct draft_component *c, const char *folder,
                     const char *path, struct dh_err *err)
{
    own_mem char *file = fs_join(folder, path);
    own(spec_free) struct spec *spec = NULL;

    if (spec_load_file(file, &spec, NULL, err) < 0)
        return draft_fail(err, c->at, "component '%s': %.700s", c->name, err->msg);
    c->kind = DRAFT_LOADED;
    c->spec = draft_keep(a, spec_pipeline_json(spec));
    c->platform = spec_platform_json(spec);
    if (c->platform)
        draft_keep(a, c->platform);
    return 0;
}

static enum draft_type type_named(const char *kfp)
{
    for (int t = DRAFT_TEXT; t < DRAFT_ARTIFACT; t++)
        if (kfp && !strcmp(draft_type_name((enum draft_type)t), kfp))
            return (enum draft_type)t;
    return DRAFT_STRUCT;
}

static void take_ports(struct arena *a, const struct js *definitions, struct draft_ports *to)
{
    for (js_each(js_get(definitions, "parameters"), it))
        DRAFT_PUSH(a, to->items, to->n, to->cap,
                   (struct draft_port){.name = arena_strdup(a, it.key),
                                       .type = type_named(js_get_text(it.value, "parameterType")),
                                       .optional = js_get_bool(it.value, "isOptional"),
                                       .default_value = js_get(it.value, "defaultValue"),
                                       .help = ""});
    for (js_each(js_get(definitions, "artifacts"), it)) {
        const char *title = js_get_text(js_get(it.value, "artifactType"), "schemaTitle");

        DRAFT_PUSH(a, to->items, to->n, to->cap,
                   (struct draft_port){.name = arena_strdup(a, it.key),
                                       .type = DRAFT_ARTIFACT,
                                       .artifact = title ? title : "system.Artifact",
                                       .list = js_get_bool(it.value, "isArtifactList"),
                                       .optional = js_get_bool(it.value, "isOptional"),
                                       .help = ""});
    }
}

int draft_load_all(struct arena *a, struct draft_component *c, const char *folder, const char *path,
                   struct dh_err *err)
{
    if (read_file(a, c, folder, path, err) < 0)
        return -1;
    take_ports(a, js_path(c->spec, "root", "inputDefinitions", NULL), &c->inputs);
    take_ports(a, js_path(c->spec, "root", "outputDefinitions", NULL), &c->outputs);
    return 0;
}

int draft_load(struct arena *a, struct draft_component *c, const char *folder, const char *path,
               struct dh_err *err)
{
    const struct js *root;

    if (read_file(a, c, folder, path, err) < 0)
        return -1;
    root = js_get(c->spec, "root");
    if (check_ports(c, &c->inputs, js_path(root, "inputDefinitions", "artifacts", NULL),
                    js_path(root, "inputDefinitions", "parameters", NULL), path, err) < 0)
        return -1;
    return check_ports(c, &c->outputs, js_path(root, "outputDefinitions", "artifacts", NULL),
                       js_path(root, "outputDefinitions", "parameters", NULL), path, err);
}
