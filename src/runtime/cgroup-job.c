/* What bounds an attempt: a group where the machine gives one, else the limits that a process has
 * by itself, and a line that says what is not held. */
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "runtime/cgroup.h"
#include "runtime/runtime-priv.h"

static struct cgroup_limits limits_of(const struct runtime *rt, const struct runtime_job *job)
{
    return (struct cgroup_limits){.processes = CGROUP_PROCESSES,
                                  .memory_bytes = job->memory_limit,
                                  .cpu = job->cpu_limit,
                                  .nested = rt->limits == LIMITS_NESTED};
}

void runtime_note(struct runtime_job *job, char *text)
{
    char *both = job->note ? dh_printf("%s; %s", job->note, text) : NULL;

    if (both) {
        free(job->note);
        free(text);
    }
    job->note = both ? both : text;
}

static void fall_back(struct runtime_job *job, unsigned held, const char *why)
{
    if (!(held & CGROUP_PIDS))
        job->processes_max = CGROUP_PROCESSES;
    if (job->memory_limit > 0 && !(held & CGROUP_MEMORY)) {
        job->memory_max = (uint64_t)job->memory_limit;
        runtime_note(job, dh_printf("the memory limit is held for each process by itself, not for "
                                    "the step as a whole: %s",
                                    why));
    }
    if (job->cpu_limit > 0 && !(held & CGROUP_CPU))
        runtime_note(job, dh_printf("the CPU limit is not held: %s", why));
}

void runtime_limit(struct runtime *rt, struct runtime_job *job)
{
    struct cgroup_limits limits = limits_of(rt, job);
    struct dh_err err;

    free(job->cgroup);
    job->cgroup = NULL;
    job->memory_max = job->processes_max = 0;
    if (rt->limits == LIMITS_ELSEWHERE)
        return;
    if (rt->limits == LIMITS_ASKED && job->memory_limit <= 0 && job->cpu_limit <= 0)
        return;
    if (!rt->cgroups)
        rt->cgroups = cgroups_open(getpid());
    if (cgroup_make(rt->cgroups, &limits, &job->cgroup, &err) < 0) {
        job->cgroup = dh_strdup("");
        fall_back(job, 0, err.msg);
    } else {
        fall_back(job, cgroups_hold(rt->cgroups), cgroups_why(rt->cgroups));
    }
}

void runtime_unlimit(struct runtime *rt, struct runtime_job *job)
{
    struct cgroup_limits limits = limits_of(rt, job);

    if (!job->cgroup)
        return;
    if (!job->reason)
        job->reason = cgroup_reason(job->cgroup, &limits, job->status);
    cgroup_give_back(rt->cgroups, job->cgroup, &limits);
    free(job->cgroup);
    job->cgroup = NULL;
}
