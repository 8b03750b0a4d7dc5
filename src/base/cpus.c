#include "base/cpus.h"

#include <sched.h>

int cpus(void)
{
    cpu_set_t set;

    /* Of the kernel's own question: it fails for machines of more than 1,024. */
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1024;
}
