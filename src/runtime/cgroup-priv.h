#pragma once
/* Between cgroup.c (groups) and cgroup-find.c (where they may be). */
#include <stdbool.h>
#include <sys/types.h>

#include "runtime/cgroup.h"

struct cgroup_place { /* of one controller */
    char *parent;     /* the folder `dhow`; NULL: this controller cannot be had */
    bool v2;
};

enum { PLACE_PIDS, PLACE_MEMORY, PLACE_CPU, N_PLACES };

struct cgroups {
    struct cgroup_place places[N_PLACES];
    char *why;
    char *home;                 /* the file that takes us back from a group, as cgroup_files */
    pid_t owner;                /* whose descendants are ours */
    unsigned long long started; /* when this process began */
    char **spare;               /* groups that may be used again, of spare_processes */
    size_t n_spare, cap_spare;
    int64_t spare_processes;
};

/* Fills places and why. */
void cgroup_find(struct cgroups *c);

int cgroup_write(const char *folder, const char *file, const char *text); /* -1 and errno */
char *cgroup_read(const char *folder, const char *file); /* the caller's; NULL: none */
/* Calls fn with the folder `name` below our own group of each hierarchy, where it is.
 */
void cgroup_each(const char *name, void (*fn)(const char *folder));
unsigned cgroup_enable(const char *folder, unsigned want);
const char *
cgroup_below_mount(const char *folder); /* version 2: the group's path in its hierarchy */
pid_t cgroup_parent_of(pid_t pid);      /* 0: there is no such process */
