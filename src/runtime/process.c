/* process - the command as it is, on this machine. */
#include <stdlib.h>

#include "base/mem.h"
#include "runtime/runtime-priv.h"

static int prepare(struct runtime *rt, struct runtime_job *job, struct dh_err *err)
{
    if (!job->argv[0])
        return dh_fail(
            err, DH_FAILED,
            "the component has no command: it relies on its image%s%s, which --runtime oci runs",
            *job->image ? " " : "", job->image);
    free(job->file);
    job->file = NULL;
    return runtime_find_program(&rt->config, job, &job->file, err);
}

static void finish(struct runtime *rt, struct runtime_job *job)
{
    (void)rt;
    (void)job;
}

static struct runtime *close_process(struct runtime *rt)
{
    free(rt);
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
    (void)err;
    *ret = dh_zalloc(1, sizeof **ret);
    **ret = (struct runtime){.ops = &ops, .config = *config};
    return 0;
}

const struct runtime_kind runtime_process = {"process", check, open_process};
