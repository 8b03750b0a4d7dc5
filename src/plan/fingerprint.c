#include "plan/fingerprint.h"

#include <stdlib.h>
#include <string.h>

#include "base/js.h"
#include "base/mem.h"
#include "plan/plan-priv.h"
#include "spec/kubernetes.h"

static struct js *artifact_identity(const struct js *a)
{
    struct js *v = js_object();

    if (js_get(a, "digest"))
        js_set(v, "digest", js_ref(js_get(a, "digest")));
    else
        js_set(v, "uri", js_ref(js_get(a, "uri")));
    js_set(v, "type", js_ref(js_get(a, "type")));
    if (js_n(js_get(a, "metadata")))
        js_set(v, "metadata", js_ref(js_get(a, "metadata")));
    return v;
}

static struct js *input_artifacts(const struct js *inputs)
{
    struct js *v = js_object();

    for (js_each(js_get(inputs, "artifacts"), it)) {
        struct js *list = js_array();

        for (size_t i = 0; i < js_n(it.value); i++)
            js_push(list, artifact_identity(js_at(it.value, i)));
        js_set(v, it.key, list);
    }
    return v;
}

static void add_outputs(const struct component_outputs_spec *defs, struct js *parts)
{
    struct js *artifacts = js_object(), *parameters = js_object();

    for (size_t i = 0; i < defs->artifacts.n; i++) {
        const struct component_outputs_artifact_spec *def = &defs->artifacts.items[i];
        struct js *one = js_object();

        js_set(one, "name", js_str(def->name));
        js_set(one, "type", js_str(spec_artifact_type(&def->artifact_type)));
        if (def->metadata)
            js_set(one, "metadata", js_ref(def->metadata));
        js_set(artifacts, def->name, one);
    }
    for (size_t i = 0; i < defs->parameters.n; i++)
        js_set(parameters, defs->parameters.items[i].name,
               js_str(spec_param_type_name(defs->parameters.items[i].parameter_type)));
    js_set(parts, "outputArtifactsSpec", artifacts);
    js_set(parts, "outputParametersSpec", parameters);
}

/* What a volume holds is not known; a new one has another name. */
static struct js *volume_name(const struct plan *plan, const struct plan_node *node,
                              const struct pvc_mount *m)
{
    struct input_parameter_spec old;
    const struct input_parameter_spec *in = spec_claim_name(m, &old);
    struct js *name = NULL;

    if (!m->pvc_name_parameter && m->constant)
        return js_str(m->constant);
    /* A name that cannot be told fails the step when it starts. */
    return in && plan_parameter(plan, node, in, &name, NULL) == 0 && name ? name : js_null();
}

static struct js *volume_names(const struct plan *plan, const struct plan_node *node)
{
    const struct kubernetes_executor_config *k = spec_kubernetes(plan->spec, node->executor->name);
    struct js *names = js_array();

    for (size_t i = 0; k && i < k->pvc_mount.n; i++)
        js_push(names, volume_name(plan, node, &k->pvc_mount.items[i]));
    return names;
}

static struct js *container_part(const struct plan *plan, const struct plan_node *node)
{
    const struct pipeline_container_spec *c = node->executor->container;
    struct js *v = js_object(), *argv = js_array(), *env = js_object();

    js_set(v, "image", js_str(c->image));
    for (size_t i = 0; i < c->command.n; i++)
        js_push(argv, js_str(c->command.items[i]));
    for (size_t i = 0; i < c->args.n; i++)
        js_push(argv, js_str(c->args.items[i]));
    js_set(v, "cmdArgs", argv);
    for (size_t i = 0; i < c->env.n; i++)
        js_set(env, c->env.items[i].name, js_str(c->env.items[i].value));
    js_set(v, "env", env);
    js_set(v, "pvcNames", volume_names(plan, node));
    return v;
}

struct js *plan_fingerprint_parts(const struct plan *plan, const struct plan_node *node)
{
    struct js *parts = js_object();

    js_set(parts, "inputParameterValues", js_ref(js_get(node->inputs, "parameters")));
    js_set(parts, "inputArtifacts", input_artifacts(node->inputs));
    add_outputs(&node->component->output_definitions, parts);
    if (node->executor->kind == EXECUTOR_CONTAINER)
        js_set(parts, "containerSpec", container_part(plan, node));
    else
        js_set(parts, "executorSpec", spec_executor_json(node->executor));
    return parts;
}

char *plan_fingerprint(const struct plan *plan, const struct plan_node *node, char to[DIGEST_TEXT])
{
    const char *key = node->task->caching_options.cache_key;
    const char *pipeline = plan->spec->pipeline.pipeline_info.name;
    own(js_free) struct js *parts = NULL;
    own_buf struct buf text = {0};

    if (key[0]) { /* the author's own key: pipeline, component, key, with NULs between; KFP looks
                     within one pipeline too */
        buf_add(&text, pipeline, strlen(pipeline) + 1);
        buf_add(&text, node->task->component_ref.name, strlen(node->task->component_ref.name) + 1);
        buf_adds(&text, key);
    } else {
        parts = plan_fingerprint_parts(plan, node);
        js_write(parts, JS_SORTED, &text);
    }
    return digest_bytes(buf_str(&text), text.n, to);
}
