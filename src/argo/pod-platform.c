/* pod-platform - the Kubernetes platform spec of a task: environment, volumes, images, limits.
 * Where it is scheduled is pod-schedule.c's. */
#include <string.h>

#include "argo/argo-priv.h"
#include "base/mem.h"
#include "spec/kubernetes.h"

struct task { /* what all of these functions work on */
    struct argo *a;
    struct spot *spot;
    const struct kubernetes_executor_config *k;
};

static struct js *object_of(const char *key, struct js *value)
{
    struct js *v = js_object();

    js_set(v, key, value);
    return v;
}

static const char *field_at(const struct task *t, const char *field, size_t i)
{
    return arena_printf(t->a->arena, "%s-%zu", field, i);
}

/* ---- environment ---- */

static void env_ref(const struct task *t, const char *name, const char *kind, const char *from,
                    const char *key, bool optional)
{
    struct js *env = js_object(), *ref = js_object();

    js_set(ref, "name", js_str(from));
    js_set(ref, "key", js_str(key));
    if (optional)
        js_set(ref, "optional", js_bool(true));
    js_set(env, "name", js_str(name));
    js_set(env, "valueFrom", object_of(kind, ref));
    js_push(js_array_in(pod_container(t->spot), "env"), env);
}

static int environment(const struct task *t)
{
    const char *name;

    for (size_t i = 0; i < t->k->secret_as_env.n; i++) {
        const struct secret_as_env *s = &t->k->secret_as_env.items[i];

        if (pod_text(t->a, t->spot, field_at(t, "secretAsEnv", i), s->pos, s->secret_name,
                     s->secret_name_parameter, &name) < 0)
            return -1;
        for (size_t j = 0; j < s->key_to_env.n; j++)
            env_ref(t, s->key_to_env.items[j].env_var, "secretKeyRef", name,
                    s->key_to_env.items[j].key, s->optional);
    }
    for (size_t i = 0; i < t->k->config_map_as_env.n; i++) {
        const struct config_map_as_env *m = &t->k->config_map_as_env.items[i];

        if (pod_text(t->a, t->spot, field_at(t, "configMapAsEnv", i), m->pos, m->config_map_name,
                     m->config_map_name_parameter, &name) < 0)
            return -1;
        for (size_t j = 0; j < m->key_to_env.n; j++)
            env_ref(t, m->key_to_env.items[j].env_var, "configMapKeyRef", name,
                    m->key_to_env.items[j].key, m->optional);
    }
    return 0;
}

static void field_paths(const struct task *t)
{
    for (size_t i = 0; i < t->k->field_path_as_env.n; i++)
        js_push(js_array_in(pod_container(t->spot), "env"),
                pod_env_field(t->k->field_path_as_env.items[i].name,
                              t->k->field_path_as_env.items[i].field_path));
}

/* ---- volumes ---- */

static void volume(const struct task *t, const char *name, const char *kind, struct js *source,
                   const char *path, const char *sub_path)
{
    struct js *v = object_of("name", js_str(name));

    js_set(v, kind, source);
    js_push(js_array_in(t->spot->pod, "volumes"), v);
    pod_mount(pod_container(t->spot), name, path, sub_path, false);
}

static int sets(const struct task *t)
{
    const char *name;

    for (size_t i = 0; i < t->k->secret_as_volume.n; i++) {
        const struct secret_as_volume *s = &t->k->secret_as_volume.items[i];
        struct js *source;

        if (pod_text(t->a, t->spot, field_at(t, "secretAsVolume", i), s->pos, s->secret_name,
                     s->secret_name_parameter, &name) < 0)
            return -1;
        source = object_of("secretName", js_str(name));
        if (s->optional)
            js_set(source, "optional", js_bool(true));
        volume(t, field_at(t, "secret", i), "secret", source, s->mount_path, NULL);
    }
    for (size_t i = 0; i < t->k->config_map_as_volume.n; i++) {
        const struct config_map_as_volume *m = &t->k->config_map_as_volume.items[i];
        struct js *source;

        if (pod_text(t->a, t->spot, field_at(t, "configMapAsVolume", i), m->pos, m->config_map_name,
                     m->config_map_name_parameter, &name) < 0)
            return -1;
        source = object_of("name", js_str(name));
        if (m->optional)
            js_set(source, "optional", js_bool(true));
        volume(t, field_at(t, "configmap", i), "configMap", source, m->mount_path, NULL);
    }
    return 0;
}

static int claims(const struct task *t)
{
    for (size_t i = 0; i < t->k->pvc_mount.n; i++) {
        const struct pvc_mount *m = &t->k->pvc_mount.items[i];
        struct input_parameter_spec old;
        const char *name;

        if (pod_text(t->a, t->spot, field_at(t, "pvcMount", i), m->pos, m->constant,
                     spec_claim_name(m, &old), &name) < 0)
            return -1;
        volume(t, field_at(t, "pvc", i), "persistentVolumeClaim",
               object_of("claimName", js_str(name)), m->mount_path, m->sub_path);
    }
    return 0;
}

static struct js *string_map(const struct string_map *map)
{
    struct js *v = js_object();

    for (size_t i = 0; i < map->n; i++)
        js_set(v, map->items[i].name, js_str(map->items[i].value));
    return v;
}

static void ephemeral(const struct task *t, const struct generic_ephemeral_volume *e)
{
    struct js *template = js_object(), *spec = js_object(), *modes = js_array();
    struct js *requests = js_object(), *meta = js_object();

    if (e->metadata.labels.n)
        js_set(meta, "labels", string_map(&e->metadata.labels));
    if (e->metadata.annotations.n)
        js_set(meta, "annotations", string_map(&e->metadata.annotations));
    if (js_n(meta))
        js_set(template, "metadata", js_ref(meta));
    js_free(meta);
    for (size_t i = 0; i < e->access_modes.n; i++)
        js_push(modes, js_str(e->access_modes.items[i]));
    js_set(spec, "accessModes", modes);
    js_set(requests, "storage", js_str(e->size));
    js_set(spec, "resources", object_of("requests", requests));
    if (!e->default_storage_class && *e->storage_class_name)
        js_set(spec, "storageClassName", js_str(e->storage_class_name));
    js_set(template, "spec", spec);
    volume(t, e->volume_name, "ephemeral", object_of("volumeClaimTemplate", template),
           e->mount_path, NULL);
}

static void scratch(const struct task *t)
{
    const struct enabled_shared_memory *shm = &t->k->enabled_shared_memory;

    for (size_t i = 0; i < t->k->empty_dir_mounts.n; i++) {
        const struct empty_dir_mount *m = &t->k->empty_dir_mounts.items[i];
        struct js *source = js_object();

        if (m->medium && *m->medium)
            js_set(source, "medium", js_str(m->medium));
        if (m->size_limit && *m->size_limit)
            js_set(source, "sizeLimit", js_str(m->size_limit));
        volume(t, m->volume_name, "emptyDir", source, m->mount_path, NULL);
    }
    for (size_t i = 0; i < t->k->generic_ephemeral_volume.n; i++)
        ephemeral(t, &t->k->generic_ephemeral_volume.items[i]);
    if (shm->pos.line) {
        struct js *source = object_of("medium", js_str("Memory"));

        if (*shm->size)
            js_set(source, "sizeLimit", js_str(shm->size));
        volume(t, *shm->volume_name ? shm->volume_name : "shm", "emptyDir", source, "/dev/shm",
               NULL);
    }
}

/* ---- images, users, metadata ---- */

static int pull_secrets(const struct task *t)
{
    const char *name;

    if (*t->k->image_pull_policy)
        js_set(pod_container(t->spot), "imagePullPolicy", js_str(t->k->image_pull_policy));
    for (size_t i = 0; i < t->k->image_pull_secret.n; i++) {
        const struct image_pull_secret *s = &t->k->image_pull_secret.items[i];
        struct flow f;

        if (pod_text(t->a, t->spot, field_at(t, "imagePullSecret", i), s->pos, s->secret_name,
                     s->secret_name_parameter, &name) < 0 ||
            pod_flow(t->a, t->spot, field_at(t, "imagePullSecret", i), s->pos, s->secret_name,
                     s->secret_name_parameter, &f) < 0)
            return -1;
        js_push(js_array_in(pod_patch(t->spot), "imagePullSecrets"),
                object_of("name", f.kind == FLOW_TEXT ? pod_raw(t->a, f, false) : js_str(name)));
    }
    return 0;
}

static void security(const struct task *t)
{
    const struct security_context *s = &t->k->security_context;
    struct js *context = js_get(pod_container(t->spot), "securityContext");

    if (s->has_run_as_user)
        js_set(context, "runAsUser", js_int(s->run_as_user));
    if (s->has_run_as_group)
        js_set(context, "runAsGroup", js_int(s->run_as_group));
    if (s->has_run_as_non_root)
        js_set(context, "runAsNonRoot", js_bool(s->run_as_non_root));
}

static void pod_labels(const struct task *t)
{
    struct js *metadata = js_get(t->spot->pod, "metadata");
    const struct pod_metadata *m = &t->k->pod_metadata;

    for (size_t i = 0; i < m->labels.n; i++)
        js_set(js_object_in(metadata, "labels"), m->labels.items[i].name,
               js_str(m->labels.items[i].value));
    for (size_t i = 0; i < m->annotations.n; i++)
        if (strncmp(m->annotations.items[i].name, "dhow/", 5) != 0)
            js_set(js_object_in(metadata, "annotations"), m->annotations.items[i].name,
                   js_str(m->annotations.items[i].value));
}

static int resource_claims(const struct task *t)
{
    for (size_t i = 0; i < t->k->pod_resource_claims.n; i++) {
        const struct pod_resource_claim *c = &t->k->pod_resource_claims.items[i];
        const char *name = field_at(t, "claim", i);
        struct js *claim = object_of("name", js_str(name));
        struct flow f = {0};

        if (pod_flow(t->a, t->spot, field_at(t, "podResourceClaims", i), c->pos, NULL,
                     c->resource_claim_json, &f) < 0) {
            js_free(claim);
            return -1;
        }
        if (f.kind == FLOW_TEXT || (f.kind == FLOW_CONST && !js_is(f.value, JS_OBJECT))) {
            js_free(claim);
            return argo_refuse(t->a, c->pos, t->spot, "podResourceClaims",
                               "Argo can only be told of a claim that is known beforehand");
        }
        if (*c->resource_claim_template_name)
            js_set(claim, "resourceClaimTemplateName", js_str(c->resource_claim_template_name));
        for (js_each(f.value, it))
            js_set(claim, it.key, js_ref(it.value));
        js_push(js_array_in(js_object_in(pod_patch_main(t->spot), "resources"), "claims"),
                object_of("name", js_ref(js_get(claim, "name"))));
        js_push(js_array_in(pod_patch(t->spot), "resourceClaims"), claim);
    }
    return 0;
}

/* ---- init containers ---- */

/* The texts with their placeholders in Argo's words. */
static int texts(const struct task *t, const char *field, struct spec_pos pos,
                 const char *const *items, size_t n, struct js *to)
{
    for (size_t i = 0; i < n; i++) {
        struct flow f;

        if (pod_flow(t->a, t->spot, field, pos, items[i], NULL, &f) < 0)
            return -1;
        js_push(to, js_str(flow_render(t->a, f)));
    }
    return 0;
}

static int init_env(const struct task *t, const struct init_container *c, struct js *to)
{
    for (size_t i = 0; i < c->env.n; i++) {
        struct js *env = object_of("name", js_str(c->env.items[i].name));
        struct flow f;

        js_push(js_array_in(to, "env"), env);
        if (pod_flow(t->a, t->spot, "initContainers.env", c->env.items[i].pos,
                     c->env.items[i].value, NULL, &f) < 0)
            return -1;
        js_set(env, "value", js_str(flow_render(t->a, f)));
    }
    return 0;
}

static int init_container(const struct task *t, const struct init_container *c)
{
    struct js *v = object_of("name", js_str(c->name));
    const char *image;

    js_push(js_array_in(t->spot->pod, "initContainers"), v);
    if (pod_text(t->a, t->spot, "initContainers.image", c->pos, c->image, NULL, &image) < 0)
        return -1;
    js_set(v, "image", js_str(image));
    if ((c->command.n && texts(t, "initContainers.command", c->pos, c->command.items, c->command.n,
                               js_array_in(v, "command")) < 0) ||
        (c->args.n && texts(t, "initContainers.args", c->pos, c->args.items, c->args.n,
                            js_array_in(v, "args")) < 0) ||
        init_env(t, c, v) < 0)
        return -1;
    for (size_t i = 0; i < c->volume_mounts.n; i++)
        pod_mount(v, c->volume_mounts.items[i].volume_name, c->volume_mounts.items[i].mount_path,
                  NULL, false);
    if (c->restart_policy && *c->restart_policy)
        js_set(v, "restartPolicy", js_str(c->restart_policy));
    if (c->resources.requests.n)
        js_set(js_object_in(v, "resources"), "requests", string_map(&c->resources.requests));
    if (c->resources.limits.n)
        js_set(js_object_in(v, "resources"), "limits", string_map(&c->resources.limits));
    return 0;
}

int pod_platform(struct argo *a, struct spot *spot)
{
    const struct task t = {a, spot, spec_kubernetes(a->spec, spot->executor->name)};

    if (!t.k)
        return 0;
    if (!pod_is_passed(spot, TASK_CONFIG_ENV) && environment(&t) < 0)
        return -1;
    field_paths(&t);
    if (!pod_is_passed(spot, TASK_CONFIG_KUBERNETES_VOLUMES)) {
        if (sets(&t) < 0 || claims(&t) < 0)
            return -1;
        scratch(&t);
    }
    if (pull_secrets(&t) < 0 || resource_claims(&t) < 0)
        return -1;
    security(&t);
    pod_labels(&t);
    if (t.k->active_deadline_seconds > 0)
        js_set(spot->pod, "activeDeadlineSeconds", js_int(t.k->active_deadline_seconds));
    for (size_t i = 0; i < t.k->init_containers.n; i++)
        if (init_container(&t, &t.k->init_containers.items[i]) < 0)
            return -1;
    return 0;
}
