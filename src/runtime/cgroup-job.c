/* What bounds an attempt: a group where the machine gives one, else the limits that a process has
 * by itself, and a line that says what is not held. */
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "runtime/cgroup.h"
#include "runtime/runtime-priv.h"
#include "runtime/shepherd.h"

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

/* At the first step: a run that takes all from the cache needs none. Again where the process that
 * starts the steps is another now: into the same group. Where there can be no group each step is
 * bounded by itself. */
static void bound_run(struct runtime *rt)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    struct cgroup_limits limits = {.processes = CGROUP_PROCESSES + 128 * (cores > 0 ? cores : 1)};

    if (cgroups_hold(rt->cgroups) & CGROUP_PIDS && !rt->run_group)
        (void)cgroup_make(rt->cgroups, &limits, &rt->run_group, NULL);
    if (rt->run_group) /* where it is gone, the next one is told */
        (void)shepherd_join(rt->starter, rt->run_group, NULL);
    rt->starter = NULL;
}

void runtime_unbound(struct runtime *rt)
{
    if (rt->run_group)
        cgroup_remove(rt->run_group);
    free(rt->run_group);
    rt->run_group = NULL;
    rt->cgroups = cgroups_close(rt->cgroups);
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
    if (!rt->cgroups)
        rt->cgroups = cgroups_open();
    if (rt->starter)
        bound_run(rt);
    if (rt->limits == LIMITS_ASKED && rt->run_group && job->memory_limit <= 0 &&
        job->cpu_limit <= 0)
        return;
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
