/* sandbox - the command on this machine's own system, which it sees read-only: bubblewrap makes a
 * root of /usr and what belongs to it, an empty /tmp, and the job's mounts; nothing else of this
 * machine is there. No network unless asked, no other process to be seen, no new privileges.
 *
 * What is started is   sh → bwrap → env → the command.   The shell hands bwrap the list of refused
 * system calls and lets it ignore the signals that ask for an end: they are for the step, which
 * gets them because it is in the same process group; `env` takes them up again. SIGKILL ends bwrap,
 * and with it the step's whole process namespace. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "runtime/python.h"
#include "runtime/sandbox-priv.h"

#define TRY_MS 10000
#define SIGNALS "TERM,INT,HUP"
/* $0: the file of refused system calls; where this machine has none, it is empty. */
#define START "trap '' TERM INT HUP; exec \"$@\" 9<\"$0\""

struct sandbox {
    struct runtime base;
    char *bwrap;
    char *files; /* {home}/sandbox */
    struct python *python;
};

static const char *const flags[] = {
    "--unshare-user",    "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try",
    "--die-with-parent", "--cap-drop",    "ALL",           "--seccomp",     "9"};

static void add_front(const char *bwrap, const char *files, struct args *to)
{
    args_adds(to, "/bin/sh", "-c", START, NULL);
    args_addf(to, "%s/seccomp", files);
    args_add(to, bwrap);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        args_add(to, flags[i]);
}

static void add_program(const char *file, struct args *to)
{
    args_adds(to, "--remount-ro", "/", "--", "/usr/bin/env", "--default-signal=" SIGNALS, file,
              NULL);
}

/* ---- one step ---- */

static int by_length(const void *a, const void *b)
{
    const struct runtime_mount *const *x = a, *const *y = b;
    size_t n = strlen((*x)->at ? (*x)->at : (*x)->path);
    size_t m = strlen((*y)->at ? (*y)->at : (*y)->path);

    return n < m ? -1 : n > m;
}

/* Outer ones first: a mount hides what was at its place before. */
static void add_mounts(const struct runtime_job *job, struct args *to)
{
    const struct runtime_mount **sorted = dh_zalloc(job->n_mounts + 1, sizeof *sorted);

    for (size_t i = 0; i < job->n_mounts; i++)
        sorted[i] = &job->mounts[i];
    qsort(sorted, job->n_mounts, sizeof *sorted, by_length);
    for (size_t i = 0; i < job->n_mounts; i++)
        args_adds(to, sorted[i]->writable ? "--bind" : "--ro-bind", sorted[i]->path,
                  sorted[i]->at ? sorted[i]->at : sorted[i]->path, NULL);
    free(sorted);
}

static bool is_mounted(const struct runtime_job *job, const char *path)
{
    for (size_t i = 0; i < job->n_mounts; i++) {
        const char *at = job->mounts[i].at ? job->mounts[i].at : job->mounts[i].path;
        size_t n = strlen(at);

        if (!strncmp(path, at, n) && (path[n] == '/' || path[n] == '\0'))
            return true;
    }
    return false;
}

static int check_program(const struct sandbox *s, const struct runtime_job *job, const char *file,
                         struct dh_err *err)
{
    own_mem char *real = realpath(file, NULL);

    if (!strcmp(file, s->base.config.self) || is_mounted(job, file) ||
        (sandbox_shows(file) && (!real || sandbox_shows(real) || is_mounted(job, real))))
        return 0;
    return dh_fail(err, DH_FAILED,
                   "%s is not there in a sandbox, which shows only the system (/usr, /opt): "
                   "install it there, or use --runtime process or oci",
                   file);
}

/* Busybox acts by the name it is called by, which `env` does not hand on. */
static void add_command(const struct runtime_job *job, const char *file, struct args *to)
{
    const char *name = strrchr(job->argv[0], '/'), *base = strrchr(file, '/');

    name = name ? name + 1 : job->argv[0];
    add_program(file, to);
    if (base && !strcmp(base, "/busybox") && strcmp(name, "busybox") != 0)
        args_add(to, name);
    for (char **word = job->argv + 1; *word; word++)
        args_add(to, *word);
}

static int prepare(struct runtime *rt, struct runtime_job *job, struct dh_err *err)
{
    struct sandbox *s = (struct sandbox *)rt;
    own_args struct args a = {0};
    own_mem char *file = NULL;
    int rc;

    if (!job->argv[0] || job->args_only)
        return dh_fail(
            err, DH_FAILED,
            "the component has no command: it relies on its image%s%s, which --runtime oci runs",
            *job->image ? " " : "", job->image);
    rc = python_prepare(s->python, job, err);
    if (rc != 0)
        return rc;
    free(job->worker); /* it forks outside of the sandbox */
    job->worker = NULL;
    file = take(&job->file);
    if ((!file && runtime_find_program(&rt->config, job, &file, err) < 0) ||
        check_program(s, job, file, err) < 0)
        return -1;
    add_front(s->bwrap, s->files, &a);
    if (!job->network)
        args_add(&a, "--unshare-net");
    if (job->user >= 0) {
        args_add(&a, "--uid");
        args_addf(&a, "%lld", (long long)job->user);
    }
    if (job->group >= 0) {
        args_add(&a, "--gid");
        args_addf(&a, "%lld", (long long)job->group);
    }
    sandbox_root(s->files, &a);
    if (job->network)
        sandbox_network(&a);
    sandbox_hide(rt->config.home, &a);
    sandbox_hide(getenv("HOME"), &a);
    args_adds(&a, "--ro-bind", rt->config.self, rt->config.self, NULL);
    add_mounts(job, &a);
    args_adds(&a, "--chdir", job->cwd, NULL);
    add_command(job, file, &a);
    runtime_set_argv(job, args_take(&a));
    return 0;
}

static void finish(struct runtime *rt, struct runtime_job *job)
{
    (void)rt;
    (void)job;
}

/* ---- opening ---- */

static int try_it(const char *bwrap, const char *files, struct dh_err *err)
{
    own_args struct args a = {0};

    add_front(bwrap, files, &a);
    args_add(&a, "--unshare-net");
    sandbox_root(files, &a);
    add_program("/usr/bin/true", &a);
    if (command_do(a.v, TRY_MS, NULL, NULL, err) == 0)
        return 0;
    err->code = DH_NOT_FOUND;
    if (strstr(err->msg, "default-signal"))
        return dh_fail(err, DH_NOT_FOUND,
                       "the sandbox needs GNU env of coreutils 8.31 or later as /usr/bin/env");
    return dh_while(err, "bubblewrap cannot make a sandbox here (user namespaces must be allowed: "
                         "sysctl kernel.unprivileged_userns_clone=1 on Debian, "
                         "kernel.apparmor_restrict_unprivileged_userns=0 on Ubuntu; in a container "
                         "they often are not)");
}

static int make_ready(const struct runtime_setup *setup, char **ret_bwrap, char **ret_files,
                      struct dh_err *err)
{
    own_mem char *bwrap = command_find("bwrap");
    own_mem char *files = fs_join(setup->home, "sandbox");
    own_mem char *filter = fs_join(files, "seccomp");

    if (!bwrap)
        return dh_fail(err, DH_NOT_FOUND,
                       "bubblewrap is not installed (apt-get install bubblewrap)");
    if (sandbox_write_files(files, err) < 0 || sandbox_seccomp_write(filter, err) < 0)
        return -1;
    *ret_bwrap = take(&bwrap);
    *ret_files = take(&files);
    return 0;
}

static int check(const struct runtime_setup *setup, struct dh_err *err)
{
    own_mem char *bwrap = NULL;
    own_mem char *files = NULL;

    return make_ready(setup, &bwrap, &files, err) < 0 ? -1 : try_it(bwrap, files, err);
}

static struct runtime *close_sandbox(struct runtime *rt)
{
    struct sandbox *s = (struct sandbox *)rt;

    python_close(s->python);
    free(s->bwrap);
    free(s->files);
    free(s);
    return NULL;
}

static const struct runtime_ops ops = {
    .name = "sandbox", .prepare = prepare, .finish = finish, .close = close_sandbox};

static int open_sandbox(const struct runtime_setup *setup, struct runtime **ret, struct dh_err *err)
{
    struct sandbox *s = dh_zalloc(1, sizeof *s);

    s->base = (struct runtime){.ops = &ops, .config = *setup, .limits = LIMITS_HERE};
    if (make_ready(setup, &s->bwrap, &s->files, err) < 0) {
        free(s);
        return -1;
    }
    s->base.config.warm = false;
    s->python = python_open(&s->base.config);
    *ret = &s->base;
    return 0;
}

const struct runtime_kind runtime_sandbox = {"sandbox", check, open_sandbox};
