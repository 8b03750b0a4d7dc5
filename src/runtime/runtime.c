#include "runtime/runtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "runtime/cgroup.h"
#include "runtime/runtime-priv.h"

static const struct runtime_kind *const kinds[] = {&runtime_process, &runtime_sandbox,
                                                   &runtime_oci};

const char *runtime_at(size_t i)
{
    return i < sizeof kinds / sizeof *kinds ? kinds[i]->name : NULL;
}

static const struct runtime_kind *find_kind(const char *name, struct dh_err *err)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(kinds[i]->name, name))
            return kinds[i];
    (void)dh_fail(err, DH_INVALID, "unknown runtime '%s'; there are:", name);
    for (size_t i = 0; err && i < sizeof kinds / sizeof *kinds; i++) {
        size_t n = strlen(err->msg);

        (void)snprintf(err->msg + n, sizeof err->msg - n, "%s %s", i ? "," : "", kinds[i]->name);
    }
    return NULL;
}

int runtime_open(const char *name, const struct runtime_setup *config, struct runtime **ret,
                 struct dh_err *err)
{
    const struct runtime_kind *kind = find_kind(name, err);

    return kind && kind->check(config, err) == 0 ? kind->open(config, ret, err) : -1;
}

int runtime_check(const char *name, const struct runtime_setup *config, struct dh_err *err)
{
    const struct runtime_kind *kind = find_kind(name, err);

    return kind ? kind->check(config, err) : -1;
}

struct runtime *runtime_close(struct runtime *rt)
{
    if (!rt)
        return NULL;
    rt->cgroups = cgroups_close(rt->cgroups);
    return rt->ops->close(rt);
}

int runtime_prepare(struct runtime *rt, struct runtime_job *job, struct dh_err *err)
{
    int rc = rt->ops->prepare(rt, job, err);

    if (rc != 0)
        return rc;
    runtime_limit(rt, job);
    return rt->ops->ready ? rt->ops->ready(rt, job, err) : 0;
}

/* Root can name the owner. Who is not root can only let everybody write, as a pod's emptyDir does.
 */
int runtime_give(const struct runtime_job *job, const char *folder, struct dh_err *err)
{
    if (!job->as_other || (job->other >= 0 && chown(folder, (uid_t)job->other, (gid_t)-1) == 0) ||
        chmod(folder, 0777) == 0)
        return 0;
    return dh_fail_errno(err, "cannot let the step's user write into %s", folder);
}

void runtime_finish(struct runtime *rt, struct runtime_job *job)
{
    rt->ops->finish(rt, job);
    runtime_unlimit(rt, job);
}

const char *runtime_name(const struct runtime *rt)
{
    return rt->ops->name;
}

static void strv_done(char **v)
{
    for (char **s = v; s && *s; s++)
        free(*s);
    free(v);
}

void runtime_job_done(struct runtime_job *job)
{
    strv_done(job->argv);
    strv_done(job->env);
    for (size_t i = 0; i < job->n_mounts; i++) {
        free(job->mounts[i].path);
        free(job->mounts[i].at);
    }
    free(job->mounts);
    free(job->image);
    free(job->cwd);
    free(job->log);
    free(job->label);
    free(job->file);
    free(job->worker);
    free(job->note);
    free(job->cgroup);
    free(job->cleanup);
    free(job->reason);
    *job = (struct runtime_job){0};
}

void runtime_set_argv(struct runtime_job *job, char **argv)
{
    strv_done(job->argv);
    free(job->file);
    job->argv = argv;
    job->file = dh_strdup(argv[0]);
}

void runtime_set_env(struct runtime_job *job, char **env)
{
    strv_done(job->env);
    job->env = env;
}

char **runtime_strv(const char *const *v)
{
    size_t n = 0;
    char **copy;

    while (v[n])
        n++;
    copy = dh_zalloc(n + 1, sizeof *copy);
    for (size_t i = 0; i < n; i++)
        copy[i] = dh_strdup(v[i]);
    return copy;
}

const char *runtime_getenv(char *const *env, const char *name)
{
    size_t n = strlen(name);

    for (; *env; env++)
        if (!strncmp(*env, name, n) && (*env)[n] == '=')
            return *env + n + 1;
    return NULL;
}

static bool can_run(const char *path)
{
    return access(path, X_OK) == 0 && !fs_is_dir(path);
}

/* The `sh` of busybox and alpine images takes [[ and ==, Debian's does not. Where the image is one
 * of these, its commands get a shell of this machine that does: busybox, else bash under the name
 * of sh. */
static char *shell_like_image(const struct runtime_job *job)
{
    static const char *const shells[] = {"/bin/busybox", "/usr/bin/busybox", "/bin/bash",
                                         "/usr/bin/bash"};
    const char *image = job->image ? job->image : "";

    if ((strcmp(job->argv[0], "sh") != 0 && strcmp(job->argv[0], "/bin/sh") != 0) ||
        (!strstr(image, "busybox") && !strstr(image, "alpine")))
        return NULL;
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
        if (can_run(shells[i]))
            return dh_strdup(shells[i]);
    return NULL;
}

/* Steps of a run mostly call the same program: the last answer, looked at again before it is given.
 */
static _Thread_local struct {
    char *name, *path, *file;
} found;

static void remember(const char *name, const char *path, const char *file)
{
    free(found.name);
    free(found.path);
    free(found.file);
    found.name = dh_strdup(name);
    found.path = dh_strdup(path ? path : "");
    found.file = dh_strdup(file);
}

int runtime_find_program(const struct runtime_setup *config, const struct runtime_job *job,
                         char **ret, struct dh_err *err)
{
    const char *name = job->argv[0], *path = runtime_getenv(job->env, "PATH");

    if (!strcmp(name, "dhow")) {
        *ret = dh_strdup(config->self);
        return 0;
    }
    *ret = shell_like_image(job);
    if (*ret)
        return 0;
    if (strchr(name, '/')) {
        own_mem char *file = fs_join(job->cwd, name);

        if (!can_run(file))
            return dh_fail(err, DH_FAILED, "cannot run %s: %s", name,
                           fs_exists(file) ? "it is not an executable file"
                                           : "there is no such file");
        *ret = take(&file);
        return 0;
    }
    if (found.name && !strcmp(found.name, name) && !strcmp(found.path, path ? path : "") &&
        can_run(found.file)) {
        *ret = dh_strdup(found.file);
        return 0;
    }
    for (const char *at = path ? path : "/usr/bin:/bin", *end; *at; at = *end ? end + 1 : end) {
        own_mem char *folder = NULL;
        own_mem char *file = NULL;

        end = at + strcspn(at, ":");
        folder = dh_strndup(at, (size_t)(end - at));
        file = fs_join(folder, name);
        if (folder[0] && can_run(file)) {
            remember(name, path, file);
            *ret = take(&file);
            return 0;
        }
    }
    return dh_fail(err, DH_FAILED,
                   "command '%s' was not found in PATH (%s); the process runtime runs a "
                   "component's command on "
                   "this machine: install it, or use --runtime oci to run it in its image%s%s",
                   name, path ? path : "/usr/bin:/bin", job->image && *job->image ? " " : "",
                   job->image ? job->image : "");
}
