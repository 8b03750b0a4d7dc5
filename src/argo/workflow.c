/* workflow - what is said once for all pods of a run. */
#include <string.h>

#include "argo/argo-priv.h"
#include "base/mem.h"
#include "spec/kubernetes.h"

#define KEEP_S 604800 /* a Workflow that is over, where its pipeline does not say how long */

const struct argo_folder argo_folders[] = {
    {"dhow", "/dhow"},
    {"gcs", "/gcs"},
    {"s3", "/s3"},
    {"minio", "/minio"},

    {"dot-local", "/.local"},
    {"dot-cache", "/.cache"},
    {"dot-config", "/.config"},
    {NULL, NULL},
};

const char *argo_launcher_image(const struct argo *a)
{
    return a->options->launcher_image ? a->options->launcher_image : "dhow-launch";
}

const struct workspace_config *argo_workspace(const struct argo *a)
{
    const struct pipeline_config *c = spec_pipeline_config(a->spec);

    return c ? c->workspace : NULL;
}

static void set_text(struct js *to, const char *key, const char *text)
{
    if (text)
        js_set(to, key, js_str(text));
}

static struct js *metadata(const struct argo *a)
{
    const struct argo_options *o = a->options;
    own_mem char *name = o->name ? dh_strdup(o->name)
                                 : argo_name(a->spec->pipeline.pipeline_info.name, a->run->run_id);
    struct js *v = js_object(), *labels = js_object(), *annotations = js_object();

    js_set(v, "name", js_str(name));
    set_text(v, "namespace", o->namespace);
    js_set(labels, ARGO_RUN_LABEL, js_str(a->run->run_id));
    js_set(labels, "pipeline/runid", js_str(a->run->run_id));
    js_set(labels, "pipelines.kubeflow.org/v2_component", js_str("true"));
    js_set(v, "labels", labels);
    set_text(annotations, "pipelines.kubeflow.org/run_name", a->run->job_name);
    set_text(annotations, "dhow/pipeline", a->spec->pipeline.pipeline_info.name);
    js_set(v, "annotations", annotations);
    return v;
}

static struct js *volume(const char *name, const char *kind, struct js *source)
{
    struct js *v = js_object();

    js_set(v, "name", js_str(name));
    js_set(v, kind, source);
    return v;
}

static struct js *volumes(const struct argo *a)
{
    const struct argo_options *o = a->options;
    own_mem char *secret =
        o->token_secret ? dh_strdup(o->token_secret) : argo_secret_name(a->run->run_id);
    struct js *list = js_array(), *source;

    for (const struct argo_folder *f = argo_folders; f->volume; f++)
        js_push(list, volume(f->volume, "emptyDir", js_object()));
    source = js_object();
    js_set(source, "secretName", js_str(secret));
    js_push(list, volume("dhow-token", "secret", source));
    if (o->image_volume) {
        source = js_object();
        js_set(source, "reference", js_str(argo_launcher_image(a)));
        js_push(list, volume("dhow-launcher", "image", source));
    }
    return list;
}

/* A claim for the run, made and deleted by Argo. */
static struct js *workspace(const struct workspace_config *w)
{
    const struct js *patch = w->kubernetes ? w->kubernetes->pvc_spec_patch : NULL;
    struct js *list = js_array(), *claim = js_object(), *meta = js_object(), *spec = js_object();
    struct js *resources = js_object(), *requests = js_object(), *modes = js_array();

    js_set(meta, "name", js_str("kfp-workspace"));
    js_set(claim, "metadata", meta);
    js_push(modes, js_str("ReadWriteOnce"));
    js_set(spec, "accessModes", modes);
    js_set(requests, "storage", js_str(*w->size ? w->size : "1Gi"));
    js_set(resources, "requests", requests);
    js_set(spec, "resources", resources);
    for (js_each(patch, it))
        js_set(spec, it.key, js_ref(it.value));
    js_set(claim, "spec", spec);
    js_push(list, claim);
    return list;
}

static void lifetimes(const struct argo *a, struct js *spec)
{
    const struct pipeline_config *c = spec_pipeline_config(a->spec);
    const struct {
        const char *key;
        int32_t s;
    } ttl[] = {{"secondsAfterCompletion", c ? c->resource_ttl_on_completion : 0},
               {"secondsAfterSuccess", c ? c->resource_ttl_on_success : 0},
               {"secondsAfterFailure", c ? c->resource_ttl_on_failure : 0}};
    struct js *v = js_object(), *gc = js_object();

    for (size_t i = 0; i < sizeof ttl / sizeof *ttl; i++)
        if (ttl[i].s > 0)
            js_set(v, ttl[i].key, js_int(ttl[i].s));
    if (!js_n(v))
        js_set(v, "secondsAfterCompletion", js_int(KEEP_S));
    js_set(spec, "ttlStrategy", v);
    if (c && c->active_deadline_seconds > 0)
        js_set(spec, "activeDeadlineSeconds", js_int(c->active_deadline_seconds));
    js_set(gc, "strategy", js_str("OnPodSuccess"));
    js_set(gc, "deleteDelayDuration", js_str("60s")); /* for the last lines of its log */
    js_set(spec, "podGC", gc);
}

static void accounts(const struct argo *a, struct js *spec)
{
    const struct argo_options *o = a->options;
    struct js *executor = js_object();

    js_set(spec, "serviceAccountName",
           js_str(o->runner_account ? o->runner_account : "dhow-runner"));
    js_set(spec, "automountServiceAccountToken", js_bool(false));
    js_set(executor, "serviceAccountName",
           js_str(o->executor_account ? o->executor_account : "dhow-executor"));
    js_set(spec, "executor", executor);
}

static void pods(const struct argo *a, struct js *spec)
{
    struct js *meta = js_object(), *labels = js_object();
    struct js *context = js_object(), *seccomp = js_object();

    js_set(labels, ARGO_RUN_LABEL, js_str(a->run->run_id));
    js_set(labels, "pipeline/runid", js_str(a->run->run_id));
    js_set(meta, "labels", labels);
    js_set(spec, "podMetadata", meta);
    js_set(seccomp, "type", js_str("RuntimeDefault"));
    js_set(context, "seccompProfile", seccomp);
    js_set(spec, "securityContext", context);
    if (a->options->image_pull_secret) {
        struct js *list = js_array(), *one = js_object();

        js_set(one, "name", js_str(a->options->image_pull_secret));
        js_push(list, one);
        js_set(spec, "imagePullSecrets", list);
    }
}

struct js *workflow_manifest(struct argo *a)
{
    struct js *v = js_object(), *spec = js_object();

    js_set(v, "apiVersion", js_str("argoproj.io/v1alpha1"));
    js_set(v, "kind", js_str("Workflow"));
    js_set(v, "metadata", metadata(a));
    js_set(spec, "entrypoint", js_str(a->root.template));
    accounts(a, spec);
    pods(a, spec);
    if (a->options->parallelism > 0)
        js_set(spec, "parallelism", js_int(a->options->parallelism));
    lifetimes(a, spec);
    js_set(spec, "volumes", volumes(a));
    if (argo_workspace(a))
        js_set(spec, "volumeClaimTemplates", workspace(argo_workspace(a)));
    js_set(spec, "templates", take(&a->list));
    js_set(v, "spec", spec);
    return v;
}
