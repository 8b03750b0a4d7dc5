/* process - the command as it is, on this machine. */
#include <stdlib.h>

#include "base/mem.h"
#include "runtime/python.h"
#include "runtime/runtime-priv.h"

struct process {
    struct runtime base;
    struct python *python;
};

static int prepare(struct runtime *rt, struct runtime_job *job, struct dh_err *err)
{
    struct process *p = (struct process *)rt;
    int rc;

    if (!job->argv[0])
        return dh_fail(
            err, DH_FAILED,
            "the component has no command: it relies on its image%s%s, which --runtime oci runs",
            *job->image ? " " : "", job->image);
    free(job->file);
    job->file = NULL;
    rc = python_prepare(p->python, job, err);
    if (rc == 0 && !job->file)
        rc = runtime_find_program(&rt->config, job, &job->file, err);
    job->any_cwd = true;
    return rc == 0 ? runtime_mount_volumes(job, err) : rc;
}

static void finish(struct runtime *rt, struct runtime_job *job)
{
    (void)rt;
    (void)job;
}

static struct runtime *close_process(struct runtime *rt)
{
    struct process *p = (struct process *)rt;

    python_close(p->python);
    free(p);
    return NULL;
}

static const struct runtime_ops ops = {
    .name = "process", .prepare = prepare, .finish = finish, .close = close_process};

static int check(const struct runtime_setup *config, struct dh_err *err)
{
    (void)config;
    (void)err;
    return 0;
}

static int open_process(const struct runtime_setup *config, struct runtime **ret,
                        struct dh_err *err)
{
    struct process *p = dh_zalloc(1, sizeof *p);
    (void)err;

    p->base = (struct runtime){.ops = &ops, .config = *config};
    p->python = python_open(config);
    *ret = &p->base;
    return 0;
}

const struct runtime_kind runtime_process = {"process", check, open_process};
