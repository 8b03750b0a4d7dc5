/* platform-config - TaskConfig: parts of a pod's spec that the author passes on to the step as a
 * value, for what the step itself starts elsewhere. In the words of Kubernetes, as KFP's driver
 * writes them. */
#include <string.h>

#include "base/js.h"
#include "base/mem.h"
#include "engine/platform-priv.h"
#include "plan/placeholder.h"
#include "plan/schedule.h"

struct config {
    struct run *run;
    struct job *job;
    const struct kubernetes_executor_config *k; /* or NULL */
    struct js *to;
};

static void set_text(struct js *to, const char *key, const char *text)
{
    if (text && *text)
        js_set(to, key, js_str(text));
}

static char *expand(const struct config *c, const char *text)
{
    struct buf b = {0};

    placeholder_expand(text, c->run->plan, c->job->node, c->job->uuid, c->job->input, &b);
    buf_adds(&b, "");
    return buf_take(&b);
}

/* ---- resources ---- */

static void resource(const struct config *c, struct js *to, const char *key, const char *text)
{
    own_mem char *value = expand(c, text);

    set_text(to, key, value);
}

static void resources(struct config *c)
{
    const struct resource_spec *r = c->job->node->executor->container->resources;
    struct js *all = js_object(), *limits = js_object(), *requests = js_object();

    if (r) {
        resource(c, limits, "cpu", r->resource_cpu_limit);
        resource(c, limits, "memory", r->resource_memory_limit);
        if (r->accelerator)
            resource(c, limits, r->accelerator->resource_type, r->accelerator->resource_count);
        resource(c, requests, "cpu", r->resource_cpu_request);
        resource(c, requests, "memory", r->resource_memory_request);
    }
    js_set(all, "limits", limits);
    js_set(all, "requests", requests);
    js_set(c->to, "resources", all);
}

/* ---- environment: values, and references to what this step may not read for others ---- */

static struct js *key_ref(const char *name, const char *key)
{
    struct js *v = js_object();

    js_set(v, "name", js_str(name));
    js_set(v, "key", js_str(key));
    return v;
}

static void env_ref(struct js *list, const char *name, const char *kind, struct js *ref)
{
    struct js *v = js_object(), *from = js_object();

    js_set(v, "name", js_str(name));
    js_set(from, kind, ref);
    js_set(v, "valueFrom", from);
    js_push(list, v);
}

static int env_sets(struct config *c, struct js *list, struct dh_err *err)
{
    for (size_t i = 0; c->k && i < c->k->config_map_as_env.n; i++) {
        const struct config_map_as_env *m = &c->k->config_map_as_env.items[i];
        own_mem char *name = NULL;

        if (platform_name(c->run, c->job, "config map", m->config_map_name,
                          m->config_map_name_parameter, &name, err) < 0)
            return -1;
        for (size_t j = 0; j < m->key_to_env.n; j++)
            env_ref(list, m->key_to_env.items[j].env_var, "configMapKeyRef",
                    key_ref(name, m->key_to_env.items[j].key));
    }
    for (size_t i = 0; c->k && i < c->k->secret_as_env.n; i++) {
        const struct secret_as_env *m = &c->k->secret_as_env.items[i];
        own_mem char *name = NULL;

        if (platform_name(c->run, c->job, "secret", m->secret_name, m->secret_name_parameter, &name,
                          err) < 0)
            return -1;
        for (size_t j = 0; j < m->key_to_env.n; j++)
            env_ref(list, m->key_to_env.items[j].env_var, "secretKeyRef",
                    key_ref(name, m->key_to_env.items[j].key));
    }
    return 0;
}

static int env(struct config *c, struct dh_err *err)
{
    const struct pipeline_container_spec *s = c->job->node->executor->container;
    struct js *list = js_array();

    js_set(c->to, "env", list);
    for (size_t i = 0; i < s->env.n; i++) {
        own_mem char *value = expand(c, s->env.items[i].value);
        struct js *v = js_object();

        js_set(v, "name", js_str(s->env.items[i].name));
        js_set(v, "value", js_str(value));
        js_push(list, v);
    }
    return env_sets(c, list, err);
}

/* ---- volumes ---- */

static void volume(struct config *c, const char *name, const char *at, const char *kind,
                   const char *field, const char *value)
{
    struct js *v = js_object(), *source = js_object(), *mount = js_object();

    set_text(source, field, value);
    js_set(v, "name", js_str(name));
    js_set(v, kind, source);
    js_push(js_get(c->to, "volumes"), v);
    js_set(mount, "mountPath", js_str(at));
    js_set(mount, "name", js_str(name));
    js_push(js_get(c->to, "volumeMounts"), mount);
}

static void workspace(struct config *c)
{
    const char *path = c->run->facts.workspace;
    own_mem char *inputs = js_dump(c->job->node->inputs, JS_COMPACT);
    own_mem char *claim = NULL;

    if (!path || !strstr(inputs, path))
        return;
    claim = dh_printf("%s-kfp-workspace", c->run->facts.resource_name);
    volume(c, "kfp-workspace", path, "persistentVolumeClaim", "claimName", claim);
}

static int volumes(struct config *c, struct dh_err *err)
{
    js_set(c->to, "volumes", js_array());
    js_set(c->to, "volumeMounts", js_array());
    workspace(c);
    for (size_t i = 0; c->k && i < c->k->pvc_mount.n; i++) {
        own_mem char *name = NULL;

        if (platform_claim_name(c->run, c->job, &c->k->pvc_mount.items[i], &name, err) < 0)
            return -1;
        volume(c, name, c->k->pvc_mount.items[i].mount_path, "persistentVolumeClaim", "claimName",
               name);
    }
    for (size_t i = 0; c->k && i < c->k->secret_as_volume.n; i++) {
        const struct secret_as_volume *s = &c->k->secret_as_volume.items[i];
        own_mem char *name = NULL;

        if (platform_name(c->run, c->job, "secret", s->secret_name, s->secret_name_parameter, &name,
                          err) < 0)
            return -1;
        volume(c, name, s->mount_path, "secret", "secretName", name);
    }
    for (size_t i = 0; c->k && i < c->k->config_map_as_volume.n; i++) {
        const struct config_map_as_volume *m = &c->k->config_map_as_volume.items[i];
        own_mem char *name = NULL;

        if (platform_name(c->run, c->job, "config map", m->config_map_name,
                          m->config_map_name_parameter, &name, err) < 0)
            return -1;
        volume(c, name, m->mount_path, "configMap", "name", name);
    }
    for (size_t i = 0; c->k && i < c->k->empty_dir_mounts.n; i++) {
        const struct empty_dir_mount *m = &c->k->empty_dir_mounts.items[i];

        volume(c, m->volume_name, m->mount_path, "emptyDir", "medium", m->medium);
    }
    return 0;
}

/* ---- scheduling ---- */

/* A JSON value from an input; NULL where the field has none. */
static int from_input(struct config *c, const struct input_parameter_spec *in, struct js **ret,
                      struct dh_err *err)
{
    *ret = NULL;
    return in ? plan_parameter(c->run->plan, c->job->node, in, ret, err) : 0;
}

static int node_selector(struct config *c, struct dh_err *err)
{
    const struct node_selector *s = &c->k->node_selector;
    struct js *labels;

    if (from_input(c, s->node_selector_json, &labels, err) < 0)
        return -1;
    if (!labels)
        labels = js_object();
    for (size_t i = 0; i < s->labels.n; i++)
        js_set(labels, s->labels.items[i].name, js_str(s->labels.items[i].value));
    js_set(c->to, "nodeSelector", labels);
    return 0;
}

static int tolerations(struct config *c, struct dh_err *err)
{
    struct js *list = js_array();

    js_set(c->to, "tolerations", list);
    for (size_t i = 0; i < c->k->tolerations.n; i++) {
        const struct toleration *t = &c->k->tolerations.items[i];
        struct js *v;

        if (from_input(c, t->toleration_json, &v, err) < 0)
            return -1;
        if (js_is(v, JS_ARRAY)) {
            for (size_t j = 0; j < js_n(v); j++)
                js_push(list, js_ref(js_at(v, j)));
            js_free(v);
            continue;
        }
        js_push(list, v ? v : schedule_toleration(t));
    }
    return 0;
}

static int affinity(struct config *c, struct dh_err *err)
{
    own(js_free) struct js *given = NULL;
    struct js *all = js_object_in(c->to, "affinity"), *node = js_object_in(all, "nodeAffinity");

    for (size_t i = 0; i < c->k->node_affinity.n; i++) {
        const struct node_affinity_term *t = &c->k->node_affinity.items[i];

        if (from_input(c, t->node_affinity_json, &given, err) < 0)
            return -1;
        if (given) {
            js_set(all, "nodeAffinity", take(&given));
            return 0;
        }
        schedule_node_affinity(node, t);
    }
    return 0;
}

static int one_field(struct config *c, enum task_config_passthrough_type field, struct dh_err *err)
{
    switch (field) {
    case TASK_CONFIG_RESOURCES:
        resources(c);
        return 0;
    case TASK_CONFIG_ENV:
        return env(c, err);
    case TASK_CONFIG_KUBERNETES_VOLUMES:
        return volumes(c, err);
    case TASK_CONFIG_KUBERNETES_NODE_SELECTOR:
        return c->k ? node_selector(c, err) : 0;
    case TASK_CONFIG_KUBERNETES_TOLERATIONS:
        return c->k ? tolerations(c, err) : 0;
    case TASK_CONFIG_KUBERNETES_AFFINITY:
        return c->k && c->k->node_affinity.n ? affinity(c, err) : 0;
    case TASK_CONFIG_NONE:
        break;
    }
    return 0;
}

int platform_config(struct run *run, struct job *job, struct dh_err *err)
{
    const struct component_spec *component = job->node->component;
    const struct component_inputs_parameter_map *inputs = &component->input_definitions.parameters;
    own(js_free) struct js *to = NULL;
    struct config c = {.run = run, .job = job};
    struct js *in = js_get(job->input, "inputs"), *values;

    if (!component->task_config_passthroughs.n)
        return 0;
    c.k = spec_kubernetes(run->spec, job->node->executor->name);
    c.to = to = js_object();
    for (size_t i = 0; i < component->task_config_passthroughs.n; i++)
        if (one_field(&c, component->task_config_passthroughs.items[i].field, err) < 0)
            return -1;
    /* A copy: the values are the plan's, and there are none where no other input has one. */
    values = js_get(in, "parameterValues") ? js_copy(js_get(in, "parameterValues")) : js_object();
    js_set(in, "parameterValues", values);
    for (size_t i = 0; i < inputs->n; i++)
        if (inputs->items[i].parameter_type == PARAM_TASK_CONFIG)
            js_set(values, inputs->items[i].name, js_ref(to));
    return 0;
}
