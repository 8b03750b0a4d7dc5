/* The control group of all that a shepherd starts. Made here, not by the engine: it is busy with
 * the record meanwhile, and a process that goes there by itself need not be waited for
 * (cgroup_join).
 */
#include <stdlib.h>

#include "base/cpus.h"
#include "runtime/cgroup.h"
#include "runtime/shepherd-priv.h"

bool shepherd_group_enter(struct shepherd_group *g, pid_t engine)
{
    struct cgroup_limits limits = {.processes = CGROUP_PROCESSES + 128 * cpus()};

    g->cgroups = cgroups_open(engine);
    return cgroups_hold(g->cgroups) & CGROUP_PIDS &&
           cgroup_make(g->cgroups, &limits, &g->group, NULL) == 0 &&
           cgroup_join(g->group, NULL) == 0;
}

void shepherd_group_leave(struct shepherd_group *g)
{
    if (g->group && cgroup_leave(g->cgroups) == 0)
        cgroup_remove(g->group);
    free(g->group);
    g->cgroups = cgroups_close(g->cgroups);
}
