/* runc (or crun) with an unpacked image. What is started is   unshare → sh → runc → the step:   all
 * of it in a process and a mount namespace of its own, so that a SIGKILL of the process group ends
 * the container too, and its overlay is gone with it. The image is the overlay's lower layer and is
 * never written to.
 *
 * A container's folder, its bundle: config.json, the overlay's upper layer, runc's log. It is
 * removed after the end; what a killed run has left, when the next begins. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "runtime/cgroup.h"
#include "runtime/oci-priv.h"

#define TRY_MS 20000
#define LOG_MAX ((size_t)1 << 20)
/* $0 the bundle, $1 runc, $2 its state, $3 the container, $4 an option for it. */
#define RUN "exec \"$1\" --log log --log-format json $4 --root \"$2\" run --bundle . \"$3\""
/* The upper layer is on the disk; where the disk is itself an overlay it cannot be: then in memory;
 * where there is no overlay at all, a copy. */
#define START                                                                                      \
    "cd \"$0\" && { { mount -t overlay overlay "                                                   \
    "-o lowerdir=lower,upperdir=upper,workdir=work rootfs || "                                     \
    "{ mount -t tmpfs tmpfs work && mkdir work/upper work/work && mount -t overlay overlay "       \
    "-o lowerdir=lower,upperdir=work/upper,workdir=work/work rootfs; } || "                        \
    "cp -a --reflink=auto lower/. rootfs/; } 2>/dev/null; } && " RUN
/* This machine's own root, to try. */
#define START_TRY "cd \"$0\" && mount --rbind / rootfs && " RUN

/* crun can leave groups alone: then the step is in the one that we have made. runc cannot. */
bool oci_is_crun(const char *runner)
{
    const char *base = strrchr(runner, '/');

    return !strcmp(base ? base + 1 : runner, "crun");
}

static bool is_rootless(void)
{
    return geteuid() != 0;
}

static void add_start(struct args *a, const char *script, const char *runner, const char *bundle,
                      const char *state, const char *name)
{
    own_mem char *unshare = command_find("unshare");

    args_add(a, unshare ? unshare : "/usr/bin/unshare");
    if (is_rootless())
        args_adds(a, "--user", "--map-root-user", NULL);
    args_adds(a, "--pid", "--mount", "--fork", "--kill-child", "--mount-proc", "--", "/bin/sh",
              "-c", script, bundle, runner, state, name,
              oci_is_crun(runner) ? "--cgroup-manager=disabled" : "", NULL);
}

/* The folders of a bundle, and the image as `lower`. */
static int make_bundle(const char *bundle, const char *rootfs, struct dh_err *err)
{
    static const char *const names[] = {"upper", "work", "rootfs"};
    own_mem char *lower = fs_join(bundle, "lower");

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        own_mem char *folder = fs_join(bundle, names[i]);

        if (fs_mkdirs(folder, 0755, err) < 0)
            return -1;
    }
    return symlink(rootfs, lower) < 0 ? dh_fail_errno(err, "cannot make %s", lower) : 0;
}

static int write_config(const char *bundle, const struct js *config, struct dh_err *err)
{
    own_mem char *file = fs_join(bundle, "config.json");
    own_mem char *text = js_dump(config, JS_COMPACT);

    /* Secrets may be in its environment. */
    return fs_write_new(file, text, strlen(text), 0600, err);
}

static char *state_folder(const char *folder)
{
    return fs_join(folder, "state");
}

int oci_runc_prepare(const struct oci *oci, struct runtime_job *job, struct oci_job *j,
                     struct dh_err *err)
{
    own_mem char *state = state_folder(oci->folder);
    struct args a = {0};
    int64_t uid, gid;

    if (oci_user(j->user_name, &j->fetch->image, &uid, &gid, err) < 0)
        return -1;
    if (is_rootless() && uid != 0)
        return dh_fail(err, DH_FAILED,
                       "the step is to run as user %s: without root, runc has no other user than "
                       "its own; use docker or podman",
                       j->user_name);
    job->as_other = uid != 0;
    job->other = uid;
    j->bundle = fs_join(oci->folder, j->name);
    add_start(&a, START, oci->runner.path, j->bundle, state, j->name);
    runtime_set_argv(job, args_take(&a));
    free(job->cleanup);
    job->cleanup = dh_printf("/bin/rm\n-rf\n--\n%s", j->bundle); /* secrets may be in it */
    {
        const char *const path[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:"
                                    "/bin",
                                    NULL};

        runtime_set_env(job, runtime_strv(path)); /* the step's own is in config.json */
    }
    return 0;
}

int oci_runc_ready(const struct oci *oci, const struct runtime_job *job, const struct oci_job *j,
                   struct dh_err *err)
{
    own_mem char *group = cgroup_nested_path(job->cgroup ? job->cgroup : "");
    own(js_free) struct js *config = NULL;
    struct oci_container c = {.root = "rootfs",
                              .network = job->network,
                              .rootless = is_rootless(),
                              .no_groups = oci_is_crun(oci->runner.path),
                              .seccomp = true,
                              .cgroups_path = group,
                              .memory_bytes = job->memory_limit,
                              .cpu = job->cpu_limit};

    if (oci_user(j->user_name, &j->fetch->image, &c.uid, &c.gid, err) < 0 ||
        make_bundle(j->bundle, j->fetch->image.rootfs, err) < 0)
        return -1;
    config = oci_config(job, j, &c);
    return write_config(j->bundle, config, err);
}

/* ---- the end ---- */

/* runc's own errors, apart from the step's: "unable to start container process: …". */
static char *runner_error(const char *bundle)
{
    own_mem char *path = fs_join(bundle, "log");
    own_mem char *text = NULL;
    char *save = NULL, *found = NULL;
    size_t n;

    if (fs_read(path, LOG_MAX, &text, &n, NULL) != 0)
        return NULL;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        own(js_free) struct js *entry = NULL;

        if (js_parse(line, strlen(line), &entry, NULL) < 0 || !js_get_text(entry, "level") ||
            strcmp(js_get_text(entry, "level"), "error") != 0 || !js_get_text(entry, "msg"))
            continue;
        free(found);
        found = dh_strdup(js_get_text(entry, "msg"));
    }
    return found;
}

/* The overlay's work folder is closed even to its owner. */
static void open_work(const char *bundle)
{
    own_mem char *inner = fs_join(bundle, "work/work");

    (void)chmod(inner, 0700);
}

void oci_runc_finish(struct oci *oci, struct runtime_job *job, const struct oci_job *j)
{
    own_mem char *state = state_folder(oci->folder);
    own_mem char *own_state = fs_join(state, j->name);
    own_mem char *error = NULL;

    if (!j->bundle)
        return;
    error = job->status ? runner_error(j->bundle) : NULL;
    if (error && !job->reason)
        job->reason = dh_printf("the container could not be started: %s", error);
    if (job->cgroup && (fs_exists(own_state) || !WIFEXITED(job->status))) {
        own_mem char *group = cgroup_nested_path(job->cgroup);

        cgroup_remove_nested(group);
    }
    (void)fs_remove_tree(own_state, NULL);
    open_work(j->bundle);
    oci_background(oci, j->bundle, NULL);
}

void oci_runc_sweep(const struct oci *oci)
{
    DIR *d = opendir(oci->folder);
    struct dirent *e;

    while (d && (e = readdir(d))) {
        own_mem char *bundle = NULL;
        own_mem char *state = NULL;

        if (strncmp(e->d_name, "dhow-", 5) != 0 || oci_owner_lives(e->d_name))
            continue;
        bundle = fs_join(oci->folder, e->d_name);
        state = dh_printf("%s/state/%s", oci->folder, e->d_name);
        open_work(bundle);
        (void)fs_remove_tree(bundle, NULL);
        (void)fs_remove_tree(state, NULL);
    }
    if (d)
        (void)closedir(d);
}

/* ---- trying ---- */

int oci_runc_try(const char *runner, const char *folder, struct dh_err *err)
{
    char *argv[] = {(char *)"/bin/true", NULL}, *env[] = {NULL};
    struct oci_job j = {.argv = argv, .env = env, .cwd = (char *)"/"};
    struct runtime_job job = {0};
    struct oci_container c = {.root = "rootfs",
                              .read_only = true,
                              .rootless = is_rootless(),
                              .no_groups = oci_is_crun(runner),
                              .cgroups_path = ""};
    own_mem char *name = dh_printf("dhow-try-%d.%llu", (int)getpid(), command_started(getpid()));
    own_mem char *bundle = fs_join(folder, name);
    own_mem char *state = state_folder(folder);
    own_mem char *error = NULL;
    own(js_free) struct js *config = oci_config(&job, &j, &c);
    own_args struct args a = {0};
    int rc;

    if (make_bundle(bundle, "/", err) < 0 || write_config(bundle, config, err) < 0)
        return -1;
    add_start(&a, START_TRY, runner, bundle, state, name);
    rc = command_do(a.v, TRY_MS, NULL, NULL, err);
    error = rc < 0 ? runner_error(bundle) : NULL;
    if (error)
        (void)dh_fail(err, DH_FAILED, "%s", error);
    (void)fs_remove_tree(bundle, NULL);
    return rc;
}
