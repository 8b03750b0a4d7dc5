#include "engine/platform.h"

#include <stdlib.h>
#include <string.h>

#include "artifact/artifact.h"
#include "base/fs.h"
#include "base/js.h"
#include "base/mem.h"
#include "plan/placeholder.h"
#include "spec/kubernetes.h"

int platform_environment(struct run *run, struct job *job, char ***env, struct dh_err *err)
{
    (void)run;
    (void)job;
    (void)env;
    (void)err;
    return 0;
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

int platform_apply(struct run *run, struct job *job, struct dh_err *err)
{
    const struct resource_spec *r = job->node->executor->container->resources;
    double memory;

    if (!r)
        return 0;
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

    if (!fs_exists(from))
        return dh_fail(err, DH_FAILED,
                       "importer: %s is to be brought into the workspace, but is not there",
                       js_get_text(artifact, "uri"));
    slash = strrchr(from, '/');
    to = fs_join(folder, slash ? slash + 1 : from);
    if (fs_remove_tree(folder, err) < 0 || fs_mkdirs(folder, 0755, err) < 0 ||
        fs_copy(from, to, err) < 0)
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
