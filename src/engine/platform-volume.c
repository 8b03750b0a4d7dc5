/* platform-volume - what the platform spec mounts into a step: secrets, config maps, empty folders,
 * volume claims.
 *
 * What is made for one attempt lies in the volumes folder of the run's work folder and goes with
 * it; claims are folders below {home}/volumes and stay until a pipeline deletes them. */
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/js.h"
#include "base/mem.h"
#include "engine/platform-priv.h"

static void mount(struct job *job, const char *path, const char *at, bool writable)
{
    struct runtime_job *spec = &job->spec;

    spec->mounts = dh_realloc(spec->mounts, spec->n_mounts + 1, sizeof *spec->mounts);
    spec->mounts[spec->n_mounts++] =
        (struct runtime_mount){.path = dh_strdup(path),
                               .at = *at == '/' ? dh_strdup(at) : dh_printf("/%s", at),
                               .writable = writable};
}

/* A new folder for this attempt. Others may not look in from above, the step (which may be another
 * user) may. */
static int own_folder(struct run *run, struct job *job, char **ret, struct dh_err *err)
{
    own_mem char *all = work_volumes(run);
    own_mem char *folder = NULL;

    if (!job->volumes)
        job->volumes = dh_printf("%s/%s.%d", all, job->uuid, job->attempt);
    folder = dh_printf("%s/%zu", job->volumes, job->spec.n_mounts);
    if (fs_mkdirs(all, 0700, err) < 0 || fs_remove_tree(folder, err) < 0 ||
        fs_mkdirs(folder, 0755, err) < 0)
        return -1;
    *ret = take(&folder);
    return 0;
}

static int mount_set(struct run *run, struct job *job, enum secret_kind kind, const char *name,
                     bool optional, const char *at, struct dh_err *err)
{
    own_secret struct secret_set set = {0};
    own_mem char *folder = NULL;

    /* One that is optional and is not there is an empty folder, as in a pod. */
    if (platform_secret(run, kind, name, optional, &set, err) < 0 ||
        own_folder(run, job, &folder, err) < 0)
        return -1;
    for (size_t i = 0; i < set.n; i++) {
        own_mem char *file = fs_join(folder, set.items[i].key);

        if (kind == SECRET)
            secret_masks_add(&job->masks, set.items[i].bytes, set.items[i].n);
        if (fs_write_new(file, set.items[i].bytes, set.items[i].n, 0644, err) < 0)
            return -1;
    }
    mount(job, folder, at, false);
    return 0;
}

static int mount_sets(struct run *run, struct job *job, const struct kubernetes_executor_config *k,
                      struct dh_err *err)
{
    for (size_t i = 0; i < k->secret_as_volume.n; i++) {
        const struct secret_as_volume *s = &k->secret_as_volume.items[i];
        own_mem char *name = NULL;

        if (platform_name(run, job, "secret", s->secret_name, s->secret_name_parameter, &name,
                          err) < 0 ||
            mount_set(run, job, SECRET, name, s->optional, s->mount_path, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < k->config_map_as_volume.n; i++) {
        const struct config_map_as_volume *c = &k->config_map_as_volume.items[i];
        own_mem char *name = NULL;

        if (platform_name(run, job, "config map", c->config_map_name, c->config_map_name_parameter,
                          &name, err) < 0 ||
            mount_set(run, job, CONFIG_MAP, name, c->optional, c->mount_path, err) < 0)
            return -1;
    }
    return 0;
}

static int mount_empty(struct run *run, struct job *job, const char *at, struct dh_err *err)
{
    own_mem char *folder = NULL;

    if (own_folder(run, job, &folder, err) < 0)
        return -1;
    mount(job, folder, at, true);
    return 0;
}

static int mount_empties(struct run *run, struct job *job,
                         const struct kubernetes_executor_config *k, struct dh_err *err)
{
    for (size_t i = 0; i < k->empty_dir_mounts.n; i++) {
        const struct empty_dir_mount *m = &k->empty_dir_mounts.items[i];

        if (m->medium && !strcmp(m->medium, "Memory"))
            run_note(run, "an empty folder in memory is on disk here");
        if (m->size_limit && *m->size_limit)
            run_note(run, "the size limit of an empty folder does not hold on this machine");
        if (mount_empty(run, job, m->mount_path, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < k->generic_ephemeral_volume.n; i++) {
        run_note(run, "an ephemeral volume is an empty folder here: its size and storage class do "
                      "not hold");
        if (mount_empty(run, job, k->generic_ephemeral_volume.items[i].mount_path, err) < 0)
            return -1;
    }
    return 0;
}

/* Below the claim's folder, wherever sub_path would lead. */
static int sub_folder(const char *claim, const char *sub_path, char **ret, struct dh_err *err)
{
    own_mem char *path = fs_join(claim, sub_path[0] == '/' ? sub_path + 1 : sub_path);

    for (const char *at = sub_path; (at = strstr(at, "..")); at += 2)
        if ((at == sub_path || at[-1] == '/') && (at[2] == '/' || !at[2]))
            return dh_fail(err, DH_FAILED, "volume sub path '%s': '..' is not allowed", sub_path);
    if (fs_mkdirs(path, 0777, err) < 0)
        return -1;
    *ret = take(&path);
    return 0;
}

static int mount_claims(struct run *run, struct job *job,
                        const struct kubernetes_executor_config *k, struct dh_err *err)
{
    for (size_t i = 0; i < k->pvc_mount.n; i++) {
        const struct pvc_mount *m = &k->pvc_mount.items[i];
        own_mem char *name = NULL;
        own_mem char *claim = NULL;
        own_mem char *folder = NULL;

        if (platform_claim_name(run, job, m, &name, err) < 0 ||
            platform_claim_open(run, name, &claim, err) < 0 ||
            sub_folder(claim, m->sub_path ? m->sub_path : "", &folder, err) < 0)
            return -1;
        mount(job, folder, m->mount_path, true);
    }
    return 0;
}

int platform_volumes(struct run *run, struct job *job, const struct kubernetes_executor_config *k,
                     struct dh_err *err)
{
    if (mount_sets(run, job, k, err) < 0 || mount_empties(run, job, k, err) < 0)
        return -1;
    return platform_passes(job, TASK_CONFIG_KUBERNETES_VOLUMES) ? 0
                                                                : mount_claims(run, job, k, err);
}
