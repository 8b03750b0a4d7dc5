#include "engine/platform.h"
#include "engine/remote.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "artifact/artifact.h"
#include "base/fs.h"
#include "base/js.h"
#include "base/mem.h"
#include "engine/platform-priv.h"
#include "plan/placeholder.h"

bool platform_passes(const struct job *job, enum task_config_passthrough_type field)
{
    const struct component_spec *c = job->node->component;

    for (size_t i = 0; i < c->task_config_passthroughs.n; i++)
        if (c->task_config_passthroughs.items[i].field == field)
            return !c->task_config_passthroughs.items[i].apply_to_task;
    return false;
}

int platform_name(struct run *run, struct job *job, const char *what, const char *constant,
                  const struct input_parameter_spec *parameter, char **ret, struct dh_err *err)
{
    own(js_free) struct js *v = NULL;
    own_buf struct buf b = {0};

    if (parameter) {
        own_mem char *text = NULL;

        if (plan_parameter(run->plan, job->node, parameter, &v, err) < 0)
            return dh_while(err, "the name of a %s", what);
        text = v && !js_is(v, JS_NULL) ? placeholder_text(v) : dh_strdup("");
        placeholder_expand(text, run->plan, job->node, job->uuid, job->input, &b);
    } else if (constant) {
        placeholder_expand(constant, run->plan, job->node, job->uuid, job->input, &b);
    }
    if (!b.n)
        return dh_fail(err, DH_FAILED, "the name of a %s is empty", what);
    *ret = buf_take(&b);
    return 0;
}

int platform_secret(struct run *run, enum secret_kind kind, const char *name, bool optional,
                    struct secret_set *ret, struct dh_err *err)
{
    const struct js *given = kind == SECRET ? js_get(run->options, "secrets") : NULL;
    int rc = secret_read(run->engine->home, kind, name, given, ret, err);

    if (rc != SECRET_NONE || optional)
        return rc;
    if (kind == SECRET)
        return dh_fail(err, DH_FAILED,
                       "secret '%s' is not there: 'dhow secrets set %s KEY' keeps one, 'dhow run … "
                       "--secret %s/KEY=FILE' gives one to a run",
                       name, name, name);
    return dh_fail(err, DH_FAILED,
                   "config map '%s' is not there: 'dhow configs set %s KEY' keeps one", name, name);
}

static int quantity(const struct run *run, const struct job *job, const char *text, double *ret,
                    struct dh_err *err)
{
    own_buf struct buf b = {0};

    *ret = 0;
    if (!*text)
        return 0;
    placeholder_expand(text, run->plan, job->node, job->uuid, job->input, &b);
    if (spec_quantity(buf_str(&b), ret) < 0)
        return dh_fail(err, DH_FAILED,
                       "resource limit \"%s\": expected a quantity such as 500m, 2 or 4Gi",
                       buf_str(&b));
    return 0;
}

static int limits(struct run *run, struct job *job, const struct resource_spec *r,
                  struct dh_err *err)
{
    double memory;

    if (quantity(run, job, r->resource_cpu_limit, &job->spec.cpu_limit, err) < 0 ||
        quantity(run, job, r->resource_memory_limit, &memory, err) < 0)
        return -1;
    if (job->spec.cpu_limit == 0)
        job->spec.cpu_limit = r->cpu_limit;
    if (memory == 0)
        memory = r->memory_limit * 1e9;
    job->spec.memory_limit = (int64_t)memory;
    return 0;
}

/* ---- what one machine cannot hold is said, once in a run ---- */

static bool runs_as_is(const struct run *run)
{
    return !strcmp(runtime_name(run->runtime), "process");
}

static void say_accelerator(struct run *run, const struct accelerator_config *a)
{
    const char *type = *a->resource_type ? a->resource_type : a->type;
    own_mem char *note = NULL;

    if (!*type || (strstr(type, "nvidia") && runs_as_is(run) && fs_exists("/dev/nvidia0")))
        return;
    note = dh_printf("accelerator %s: %s; the step runs without it", type,
                     strstr(type, "nvidia") && fs_exists("/dev/nvidia0")
                         ? "it is not handed into sandboxes and containers"
                         : "this machine has none that dhow knows");
    run_note(run, note);
}

static void say_scheduling(struct run *run, struct job *job,
                           const struct kubernetes_executor_config *k)
{
    if ((k->node_selector.labels.n || k->node_selector.node_selector_json) &&
        !platform_passes(job, TASK_CONFIG_KUBERNETES_NODE_SELECTOR))
        run_note(run, "node selectors do not hold: there is one machine");
    if (k->tolerations.n && !platform_passes(job, TASK_CONFIG_KUBERNETES_TOLERATIONS))
        run_note(run, "tolerations have no meaning here: there is one machine, and no taints");
    if ((k->node_affinity.n || k->pod_affinity.n) &&
        !platform_passes(job, TASK_CONFIG_KUBERNETES_AFFINITY))
        run_note(run, "node and pod affinity do not hold: there is one machine");
    if (k->pod_resource_claims.n)
        run_note(run, "resource claims do not hold on this machine");
    if (k->init_containers.n)
        run_note(run, "init containers and sidecars are not run: what a step needs of them is not "
                      "there");
}

static void say_image(struct run *run, const struct kubernetes_executor_config *k)
{
    if (runs_as_is(run))
        return; /* no image is pulled */
    if (k->image_pull_secret.n)
        run_note(run, "image pull secrets are not used: images are pulled with this machine's own "
                      "logins");
    if (*k->enabled_shared_memory.volume_name || *k->enabled_shared_memory.size)
        run_note(run, "the size of shared memory is the runtime's own");
}

static void security(struct run *run, struct job *job, const struct security_context *s)
{
    if (!s->has_run_as_user && !s->has_run_as_group && !s->has_run_as_non_root)
        return;
    if (runs_as_is(run)) {
        if (s->has_run_as_user || s->has_run_as_group || (s->run_as_non_root && geteuid() == 0))
            run_note(run, "security contexts do not hold with --runtime process: steps run as you "
                          "(sandbox and oci hold them)");
        return;
    }
    if (s->has_run_as_user)
        job->spec.user = s->run_as_user;
    if (s->has_run_as_group)
        job->spec.group = s->run_as_group;
}

int platform_apply(struct run *run, struct job *job, struct dh_err *err)
{
    const struct resource_spec *r = job->node->executor->container->resources;
    const struct kubernetes_executor_config *k =
        spec_kubernetes(run->spec, job->node->executor->name);

    if (r && !platform_passes(job, TASK_CONFIG_RESOURCES)) {
        if (r->accelerator)
            say_accelerator(run, r->accelerator);
        if (limits(run, job, r, err) < 0)
            return -1;
    }
    if (!k)
        return 0;
    if (*k->image_pull_policy)
        job->spec.pull_policy = k->image_pull_policy;
    security(run, job, &k->security_context);
    say_scheduling(run, job, k);
    say_image(run, k);
    return platform_volumes(run, job, k, err);
}

int64_t platform_deadline_us(const struct run *run, const struct plan_node *node)
{
    const struct kubernetes_executor_config *k = spec_kubernetes(run->spec, node->executor->name);

    return k ? k->active_deadline_seconds * 1000000 : 0;
}

static int into_workspace(struct run *run, struct job *job, struct js *artifact, struct dh_err *err)
{
    own_mem char *from = executor_artifact_path(artifact);
    own_mem char *folder = dh_printf("%s/.artifacts/%s", run->facts.workspace, job->uuid);
    const char *slash;
    own_mem char *to = NULL;
    int rc;

    slash = strrchr(from, '/');
    to = fs_join(folder, slash && slash[1] ? slash + 1 : from);
    if (fs_remove_tree(folder, err) < 0)
        return -1;
    rc = remote_give(run, artifact, to, err);
    if (rc < 0)
        return -1;
    if (rc > 0 && !fs_exists(from))
        return dh_fail(err, DH_FAILED,
                       "importer: %s is to be brought into the workspace, but is not there",
                       js_get_text(artifact, "uri"));
    if (rc > 0 && (fs_mkdirs(folder, 0755, err) < 0 || fs_copy(from, to, err) < 0))
        return -1;
    js_set(artifact, "custom_path", js_str(to));
    return 0;
}

int platform_import(struct run *run, struct job *job, struct dh_err *err)
{
    if (!job->node->executor->importer->download_to_workspace || !run->facts.workspace)
        return 0;
    for (js_each(js_get(job->outputs, "artifacts"), it))
        for (size_t i = 0; i < js_n(it.value); i++)
            if (into_workspace(run, job, js_at(it.value, i), err) < 0)
                return -1;
    return 0;
}
