/* platform-env - what the platform spec puts into a step's environment. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/js.h"
#include "base/mem.h"
#include "engine/platform-priv.h"

/* NAME=value, replacing an earlier NAME. */
static void put(char ***env, const char *name, const char *bytes, size_t n)
{
    size_t len = strlen(name), count = 0;
    char *text = dh_alloc(len + n + 2);

    memcpy(text, name, len);
    text[len] = '=';
    memcpy(text + len + 1, bytes, n);
    text[len + 1 + n] = '\0';
    for (; (*env)[count]; count++)
        if (!strncmp((*env)[count], text, len + 1)) {
            free((*env)[count]);
            (*env)[count] = text;
            return;
        }
    *env = dh_realloc(*env, count + 2, sizeof **env);
    (*env)[count] = text;
    (*env)[count + 1] = NULL;
}

static int put_keys(struct job *job, enum secret_kind kind, const char *name,
                    const struct secret_set *set, const struct key_to_env *map, size_t n,
                    bool optional, char ***env, struct dh_err *err)
{
    for (size_t i = 0; i < n; i++) {
        const struct secret_key *key = secret_find(set, map[i].key);

        if (!key && !optional)
            return dh_fail(err, DH_FAILED, "%s '%s' has no key '%s'", secret_kind_name(kind), name,
                           map[i].key);
        if (key && memchr(key->bytes, '\0', key->n))
            return dh_fail(err, DH_FAILED,
                           "%s '%s', key '%s': a value with a zero byte cannot be a variable",
                           secret_kind_name(kind), name, map[i].key);
        if (key && kind == SECRET)
            secret_masks_add(&job->masks, key->bytes, key->n);
        if (key)
            put(env, map[i].env_var, key->bytes, key->n);
    }
    return 0;
}

static int from_set(struct run *run, struct job *job, enum secret_kind kind, const char *name,
                    bool optional, const struct key_to_env *map, size_t n, char ***env,
                    struct dh_err *err)
{
    own_secret struct secret_set set = {0};
    int rc = platform_secret(run, kind, name, optional, &set, err);

    return rc < 0              ? -1
           : rc == SECRET_NONE ? 0
                               : put_keys(job, kind, name, &set, map, n, optional, env, err);
}

/* ---- field paths: what a pod knows of itself ---- */

struct field {
    const char *path, *value;
};

/* metadata.labels['x'], metadata.annotations["x"]: the key; NULL: another path. The caller's. */
static char *subscript(const char *path, const char *map)
{
    size_t n = strlen(map), len;

    if (strncmp(path, map, n) != 0 || path[n] != '[' || (path[n + 1] != '\'' && path[n + 1] != '"'))
        return NULL;
    len = strlen(path + n + 2);
    return len < 2 ? NULL : dh_strndup(path + n + 2, len - 2);
}

static const char *in_map(const struct string_map *map, const char *key)
{
    const struct string_entry *e = spec_find(map, key);

    return e ? e->value : NULL;
}

static const char *label(const struct run *run, const struct job *job, const char *path)
{
    const struct kubernetes_executor_config *k =
        spec_kubernetes(run->spec, job->node->executor->name);
    own_mem char *name = subscript(path, "metadata.labels");
    own_mem char *note = subscript(path, "metadata.annotations");
    const char *own;

    if (name) {
        own = in_map(&k->pod_metadata.labels, name);
        return own                                               ? own
               : !strcmp(name, "pipeline/runid")                 ? run->uuid
               : !strcmp(name, "workflows.argoproj.io/workflow") ? run->facts.resource_name
                                                                 : "";
    }
    if (!note)
        return NULL;
    own = in_map(&k->pod_metadata.annotations, note);
    return own                                                         ? own
           : !strcmp(note, "pipelines.kubeflow.org/run_name")          ? run->facts.job_name
           : !strcmp(note, "pipelines.kubeflow.org/task_name")         ? plan_name(job->node)
           : !strcmp(note, "pipelines.kubeflow.org/task_display_name") ? plan_name(job->node)
                                                                       : "";
}

static int put_field(struct run *run, struct job *job, const struct field_path_as_env *f,
                     char ***env, struct dh_err *err)
{
    char host[256] = "localhost";
    const struct field fields[] = {
        {"metadata.name", job->uuid},           {"metadata.uid", job->uuid},
        {"metadata.namespace", "default"},      {"spec.nodeName", host},
        {"spec.serviceAccountName", "default"}, {"status.hostIP", "127.0.0.1"},
        {"status.podIP", "127.0.0.1"},          {"status.podIPs", "127.0.0.1"},
        {"status.hostIPs", "127.0.0.1"}};
    const char *value = label(run, job, f->field_path);

    (void)gethostname(host, sizeof host - 1);
    for (size_t i = 0; !value && i < sizeof fields / sizeof *fields; i++)
        if (!strcmp(fields[i].path, f->field_path))
            value = fields[i].value;
    if (!value)
        return dh_fail(err, DH_FAILED, "environment %s: there is no field '%s' here", f->name,
                       f->field_path);
    put(env, f->name, value, strlen(value));
    return 0;
}

int platform_environment(struct run *run, struct job *job, char ***env, struct dh_err *err)
{
    const struct kubernetes_executor_config *k =
        spec_kubernetes(run->spec, job->node->executor->name);

    for (size_t i = 0; k && i < k->config_map_as_env.n; i++) {
        const struct config_map_as_env *c = &k->config_map_as_env.items[i];
        own_mem char *name = NULL;

        if (platform_name(run, job, "config map", c->config_map_name, c->config_map_name_parameter,
                          &name, err) < 0 ||
            from_set(run, job, CONFIG_MAP, name, c->optional, c->key_to_env.items, c->key_to_env.n,
                     env, err) < 0)
            return -1;
    }
    for (size_t i = 0; k && i < k->secret_as_env.n; i++) {
        const struct secret_as_env *s = &k->secret_as_env.items[i];
        own_mem char *name = NULL;

        if (platform_name(run, job, "secret", s->secret_name, s->secret_name_parameter, &name,
                          err) < 0 ||
            from_set(run, job, SECRET, name, s->optional, s->key_to_env.items, s->key_to_env.n, env,
                     err) < 0)
            return -1;
    }
    for (size_t i = 0; k && i < k->field_path_as_env.n; i++)
        if (put_field(run, job, &k->field_path_as_env.items[i], env, err) < 0)
            return -1;
    return 0;
}
