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

int draft_load(struct arena *a, struct draft_component *c, const char *folder, const char *path,
               struct dh_err *err)
{
    own_mem char *file = fs_join(folder, path);
    own(spec_free) struct spec *spec = NULL;
    const struct js *root;

    if (spec_load_file(file, &spec, NULL, err) < 0)
        return -1;
    c->kind = DRAFT_LOADED;
    c->spec = draft_keep(a, spec_pipeline_json(spec));
    c->platform = spec_platform_json(spec);
    if (c->platform)
        draft_keep(a, c->platform);
    root = js_get(c->spec, "root");
    if (check_ports(c, &c->inputs, js_path(root, "inputDefinitions", "artifacts", NULL),
                    js_path(root, "inputDefinitions", "parameters", NULL), path, err) < 0)
        return -1;
    return check_ports(c, &c->outputs, js_path(root, "outputDefinitions", "artifacts", NULL),
                       js_path(root, "outputDefinitions", "parameters", NULL), path, err);
}
