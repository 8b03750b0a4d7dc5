#include "base/cpus.h"

#include <errno.h>
#include <sched.h>

int cpus(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return CPU_COUNT(&set);
    return errno == EINVAL ? CPU_SETSIZE : 1; /* the machine has more than fit into a set */
}
