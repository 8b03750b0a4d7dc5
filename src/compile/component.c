/* component - a component by itself: a pipeline of one task that hands on all inputs and outputs.
 */
#include <string.h>

#include "compile/compile.h"
#include "compile/draft.h"

/* {input: {"componentInputParameter": input}, …} of both kinds */
static struct js *hand_all(const struct js *definitions)
{
    static const char *const kinds[] = {"parameters", "artifacts"};
    static const char *const words[] = {"componentInputParameter", "componentInputArtifact"};
    struct js *inputs = js_object();

    for (int k = 0; k < 2; k++) {
        struct js *of = js_object();

        for (js_each(js_get(definitions, kinds[k]), it)) {
            struct js *from = js_object();

            js_set(from, words[k], js_str(it.key));
            js_set(of, it.key, from);
        }
        if (js_n(of))
            js_set(inputs, kinds[k], of);
        else
            js_free(of);
    }
    return inputs;
}

static struct js *show_all(const struct js *definitions, const char *task)
{
    static const char *const kinds[] = {"parameters", "artifacts"};
    struct js *outputs = js_object();

    for (int k = 0; k < 2; k++) {
        const struct draft_value of = {.type = k ? DRAFT_ARTIFACT : DRAFT_TEXT};
        struct js *all = js_object();

        for (js_each(js_get(definitions, kinds[k]), it))
            js_set(all, it.key, draft_selector(&of, task, it.key));
        if (js_n(all))
            js_set(outputs, kinds[k], all);
        else
            js_free(all);
    }
    return outputs;
}

static void add(struct js *to, const char *key, struct js *v)
{
    if (js_n(v))
        js_set(to, key, v);
    else
        js_free(v);
}

static struct js *interface(const struct js *described)
{
    struct js *spec = js_object();

    add(spec, "inputDefinitions", js_copy(js_get(described, "inputDefinitions")));
    add(spec, "outputDefinitions", js_copy(js_get(described, "outputDefinitions")));
    return spec;
}

static struct js *text_list(const char *const *texts, size_t n)
{
    struct js *list = js_array();

    for (size_t i = 0; i < n; i++)
        js_push(list, js_str(texts[i]));
    return list;
}

static struct js *one(const char *key, struct js *value)
{
    struct js *o = js_object();

    js_set(o, key, value);
    return o;
}

static struct js *executors(const char *label, const char *image, const char *const *command,
                            size_t n)
{
    static const char *const args[] = {"--executor_input", "{{$}}"};
    struct js *container = js_object();

    js_set(container, "image", js_str(image));
    js_set(container, "command", text_list(command, n));
    js_set(container, "args", text_list(args, 2));
    return one("executors", one(label, one("container", container)));
}

static struct js *root(const struct js *described, const char *task_name, const char *component)
{
    struct js *spec = interface(described), *dag = js_object(), *task = js_object();

    js_set(task, "cachingOptions", one("enableCache", js_bool(true)));
    js_set(task, "componentRef", one("name", js_str(component)));
    js_set(task, "taskInfo", one("name", js_str(task_name)));
    add(task, "inputs", hand_all(js_get(described, "inputDefinitions")));
    js_set(dag, "tasks", one(task_name, task));
    add(dag, "outputs", show_all(js_get(described, "outputDefinitions"), task_name));
    js_set(spec, "dag", dag);
    return spec;
}

int compile_component(const struct js *described, const char *image, const char *const *command,
                      size_t n_command, struct compiled *ret, struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    const char *given = js_get_text(described, "name"),
               *help = js_get_text(described, "description");
    const char *name = given ? lower_k8s_name(a, given) : "", *component, *label;
    struct js *spec, *info, *what;

    if (!*name)
        return dh_fail(err, DH_INVALID, "the description has no name");
    component = arena_printf(a, "comp-%s", name);
    label = arena_printf(a, "exec-%s", name);
    info = one("name", js_str(name));
    if (help && *help)
        js_set(info, "description", js_str(help));
    what = interface(described);
    js_set(what, "executorLabel", js_str(label));
    spec = js_object();
    js_set(spec, "components", one(component, what));
    js_set(spec, "deploymentSpec", executors(label, image, command, n_command));
    js_set(spec, "pipelineInfo", info);
    js_set(spec, "root", root(described, name, component));
    js_set(spec, "schemaVersion", js_str("2.1.0"));
    js_set(spec, "sdkVersion", js_str("dhow"));
    *ret = (struct compiled){.pipeline = spec};
    return 0;
}
