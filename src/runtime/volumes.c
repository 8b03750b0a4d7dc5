/* volumes - a step of the process runtime that is to see folders at places of their own (/data,
 * /mnt/secret): bubblewrap gives it the machine as it is, and these folders on top. Nothing is
 * hidden from it, and nothing of this machine is changed: what lies around a place that is not
 * there is put together anew, from what is there. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "runtime/command.h"
#include "runtime/runtime-priv.h"

#define TRY_MS 10000
#define SIGNALS "TERM,INT,HUP"
#define MAX_ARGS 8000 /* bubblewrap takes 9,000 */

static const char *place(const struct runtime_mount *m)
{
    return m->at && strcmp(m->at, m->path) != 0 ? m->at : NULL;
}

static bool below(const char *path, const char *folder)
{
    size_t n = strlen(folder);

    return !strncmp(path, folder, n) && (path[n] == '/' || n == 1);
}

/* Whether the machine itself may be given a new empty folder there: in /tmp, or in what is ours.
 * Everything is root's; of that, what lies below a folder that is everybody's (/tmp) counts. */
static bool may_make(const char *at)
{
    own_mem char *path = dh_strdup(at);
    struct stat st;

    for (char *slash; (slash = strrchr(path, '/')) && slash != path;) {
        *slash = '\0';
        if (stat(path, &st) != 0)
            continue;
        if (!S_ISDIR(st.st_mode))
            return false;
        if (st.st_mode & S_ISVTX)
            return true;
        if (st.st_uid != geteuid())
            return false;
        if (geteuid() != 0)
            return true;
    }
    return false;
}

enum { LEAVE, SPLIT, SKIP };

/* What is to be done with an entry of a folder that is put together anew. */
static int decide(const struct runtime_job *job, const char *path)
{
    for (size_t i = 0; i < job->n_mounts; i++) {
        const char *at = place(&job->mounts[i]);

        if (!at)
            continue;
        if (!strcmp(at, path))
            return SKIP;
        if (below(at, path) && !fs_is_dir(at) && !may_make(at))
            return SPLIT;
    }
    return LEAVE;
}

static int add_entries(const struct runtime_job *job, const char *folder, struct args *a,
                       struct dh_err *err);

static int add_entry(const struct runtime_job *job, const char *path, struct args *a,
                     struct dh_err *err)
{
    int what = decide(job, path);
    struct stat st;
    char target[4096];
    ssize_t n;

    if (what == SKIP || lstat(path, &st) != 0)
        return 0;
    if (S_ISLNK(st.st_mode)) {
        if (what == SPLIT)
            return dh_fail(err, DH_FAILED, "a volume cannot be mounted below the link %s", path);
        n = readlink(path, target, sizeof target - 1);
        if (n < 0)
            return 0;
        target[n] = '\0';
        args_adds(a, "--symlink", target, path, NULL);
        return 0;
    }
    if (what == LEAVE) {
        args_adds(a, "--dev-bind-try", path, path, NULL);
        return 0;
    }
    if (!S_ISDIR(st.st_mode))
        return dh_fail(err, DH_FAILED, "a volume cannot be mounted below the file %s", path);
    args_adds(a, "--dir", path, NULL);
    return add_entries(job, path, a, err);
}

static int add_entries(const struct runtime_job *job, const char *folder, struct args *a,
                       struct dh_err *err)
{
    DIR *dir = opendir(folder);
    int rc = 0;

    if (!dir)
        return dh_fail(err, DH_FAILED, "a volume cannot be mounted below %s: %s", folder,
                       strerror(errno));
    for (struct dirent *e; rc == 0 && (e = readdir(dir));) {
        own_mem char *path = fs_join(folder, e->d_name);

        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            rc = add_entry(job, path, a, err);
        if (rc == 0 && a->n > MAX_ARGS)
            rc = dh_fail(err, DH_FAILED,
                         "a volume cannot be mounted below %s, where too much lies: make an empty "
                         "folder at the volume's place first",
                         folder);
    }
    (void)closedir(dir);
    return rc;
}

static int add_machine(const struct runtime_job *job, struct args *a, struct dh_err *err)
{
    if (decide(job, "/") == SPLIT)
        return add_entries(job, "/", a, err);
    args_adds(a, "--dev-bind", "/", "/", NULL);
    return 0;
}

static int by_place(const void *a, const void *b)
{
    const char *x = place(*(struct runtime_mount *const *)a);
    const char *y = place(*(struct runtime_mount *const *)b);
    size_t n = strlen(x), m = strlen(y);

    return n < m ? -1 : n > m;
}

/* Outer ones first: a mount hides what was at its place before. */
static void add_volumes(const struct runtime_job *job, struct args *a)
{
    const struct runtime_mount **sorted = dh_zalloc(job->n_mounts + 1, sizeof *sorted);
    size_t n = 0;

    for (size_t i = 0; i < job->n_mounts; i++)
        if (place(&job->mounts[i]))
            sorted[n++] = &job->mounts[i];
    qsort(sorted, n, sizeof *sorted, by_place);
    for (size_t i = 0; i < n; i++)
        args_adds(a, sorted[i]->writable ? "--bind" : "--ro-bind", sorted[i]->path,
                  place(sorted[i]), NULL);
    free(sorted);
}

/* Busybox acts by the name it is called by, which `env` does not hand on. */
static void add_command(const struct runtime_job *job, struct args *a)
{
    const char *name = strrchr(job->argv[0], '/'), *base = strrchr(job->file, '/');

    name = name ? name + 1 : job->argv[0];
    args_adds(a, "--", "/usr/bin/env", "--default-signal=" SIGNALS, job->file, NULL);
    if (base && !strcmp(base, "/busybox") && strcmp(name, "busybox") != 0)
        args_add(a, name);
    for (char **word = job->argv + 1; *word; word++)
        args_add(a, *word);
}

static int check(const char *bwrap, const char *at, struct dh_err *err)
{
    own_args struct args a = {0};

    if (!bwrap)
        return dh_fail(err, DH_FAILED,
                       "the step is to see a volume at %s: --runtime process needs bubblewrap for "
                       "that (apt-get install bubblewrap); --runtime oci does it too",
                       at);
    args_adds(&a, bwrap, "--dev-bind", "/", "/", "--", "/usr/bin/env", "--default-signal=" SIGNALS,
              "/usr/bin/true", NULL);
    if (command_do(a.v, TRY_MS, NULL, NULL, err) == 0)
        return 0;
    err->code = DH_FAILED;
    return dh_while(err,
                    "the step is to see a volume at %s, and bubblewrap cannot mount here; "
                    "--runtime oci may",
                    at);
}

int runtime_mount_volumes(struct runtime_job *job, struct dh_err *err)
{
    static bool checked;
    own_args struct args a = {0};
    own_mem char *bwrap = NULL;
    const char *at = NULL;

    for (size_t i = 0; !at && i < job->n_mounts; i++)
        at = place(&job->mounts[i]);
    if (!at)
        return 0;
    bwrap = command_find("bwrap");
    if (!checked && check(bwrap, at, err) < 0)
        return -1;
    checked = true;
    /* bwrap ignores the signals that ask for an end: they are for the step, which is in the same
     * process group; `env` takes them up again. */
    args_adds(&a, "/bin/sh", "-c", "trap '' TERM INT HUP; exec \"$@\"", "sh", bwrap,
              "--die-with-parent", NULL);
    if (geteuid() == 0)
        args_adds(&a, "--cap-add", "ALL", NULL);
    if (add_machine(job, &a, err) < 0)
        return -1;
    add_volumes(job, &a);
    args_adds(&a, "--chdir", job->cwd, NULL);
    add_command(job, &a);
    runtime_set_argv(job, args_take(&a));
    free(job->worker); /* it cannot mount for one step */
    job->worker = NULL;
    job->any_cwd = false;
    return 0;
}
