/* lower-loaded - a component from a compiled file: its parts, under names that are free here. */
#include "compile/draft.h"

/* old name → new name */
static struct js *fresh_names(struct lowered *to, const struct js *of, const struct js *taken)
{
    struct js *names = js_object();

    for (js_each(of, it))
        js_set(names, it.key, js_str(lower_unique(to->arena, taken, it.key)));
    return names;
}

static void rename_component(struct js *spec, const struct js *components,
                             const struct js *executors)
{
    const char *label = js_get_text(spec, "executorLabel");

    if (label && js_get_text(executors, label))
        js_set(spec, "executorLabel", js_str(js_get_text(executors, label)));
    for (js_each(js_path(spec, "dag", "tasks", NULL), it)) {
        struct js *ref = js_get(it.value, "componentRef");
        const char *name = js_get_text(ref, "name");

        if (name && js_get_text(components, name))
            js_set(ref, "name", js_str(js_get_text(components, name)));
    }
}

/* A file of one primitive component has a root of one task: that task's component is what is meant.
 */
static const struct js *inner(const struct js *spec)
{
    const struct js *tasks = js_path(spec, "root", "dag", "tasks", NULL), *component = NULL;

    for (js_each(tasks, it))
        component = js_get(js_get(spec, "components"),
                           js_get_text(js_get(it.value, "componentRef"), "name"));
    return js_n(tasks) == 1 && component && js_get_text(component, "executorLabel") &&
                   !js_path(spec, "root", "dag", "outputs", NULL)
               ? component
               : NULL;
}

int lower_loaded(struct lowered *to, const struct draft_component *c, struct js **ret,
                 struct dh_err *err)
{
    const struct js *executors = js_path(c->spec, "deploymentSpec", "executors", NULL);
    const struct js *platform =
        js_path(c->platform, "platforms", "kubernetes", "deploymentSpec", "executors", NULL);
    own(js_free) struct js *components_now =
        fresh_names(to, js_get(c->spec, "components"), to->components);
    own(js_free) struct js *executors_now = fresh_names(to, executors, to->executors);
    const struct js *one = inner(c->spec);

    (void)err;
    for (js_each(executors, it)) {
        const char *label = js_get_text(executors_now, it.key);

        js_set(to->executors, label, js_copy(it.value));
        if (js_get(platform, it.key))
            js_set(to->platform, label, js_copy(js_get(platform, it.key)));
    }
    *ret = js_copy(one ? one : js_get(c->spec, "root"));
    rename_component(*ret, components_now, executors_now);
    if (one)
        return 0;
    for (js_each(js_get(c->spec, "components"), it)) {
        struct js *copy = js_copy(it.value);

        rename_component(copy, components_now, executors_now);
        js_set(to->components, js_get_text(components_now, it.key), copy);
    }
    return 0;
}
