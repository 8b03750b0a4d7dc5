#pragma once
/* cgroup - a control group per attempt: bounds on processes, memory and CPU that hold for all that
 * a step starts, and a sure way to kill all of it.
 *
 * Version 2 where it is delegated to us or we are root, version 1 as root. Groups are made below a
 * group `dhow`, beside or below our own, so that what bounds us bounds them too. Which controllers
 * cannot be had is an answer, never an error. A group is named by one text, the files that a
 * process writes itself into, separated by newlines: it can be handed to the shepherd and kept in a
 * job.
 *
 * Which pipeline, which task: not known here. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/err.h"
#include "base/own.h"

#define CGROUP_PROCESSES 4096 /* of one attempt, unless told */

enum cgroup_controller { CGROUP_PIDS = 1, CGROUP_MEMORY = 2, CGROUP_CPU = 4, CGROUP_ALL = 7 };

struct cgroups; /* where this process may make groups */

struct cgroup_limits { /* 0: none */
    int64_t processes, memory_bytes;
    double cpu; /* cores */
    /* A container's own group, made below this one by who starts it, holds memory and CPU; here
     * they are only counted. */
    bool nested;
};

/* Never NULL. Also removes groups that a process which is no more has left. `owner` and all that it
 * has started may be moved to make room for groups. */
struct cgroups *cgroups_open(pid_t owner);
struct cgroups *cgroups_close(struct cgroups *c);
OWN_DEFINE(struct cgroups *, cgroups_close)
unsigned cgroups_hold(const struct cgroups *c);   /* the controllers that can be had */
const char *cgroups_why(const struct cgroups *c); /* why not all; "" where all. Borrowed */

/* Makes a group with the limits that can be held. *ret is the caller's (free), "" where there is
 * nothing to hold with. */
int cgroup_make(struct cgroups *c, const struct cgroup_limits *limits, char **ret,
                struct dh_err *err);
/* Takes the calling process there, which has one thread; what it starts from now on is there too.
 * Nobody else can be moved: for that the kernel stops all forks of the machine, for 10 ms. DH_IO.
 */
int cgroup_join(const char *group, struct dh_err *err);
/* Back to where the process that opened `c` was then. -1: it cannot. */
int cgroup_leave(const struct cgroups *c);
/* The files to write "0" to, in order; NULL-terminated, one block: free(). */
char **cgroup_files(const char *group);
/* Kills all in it and below it; waits a little for them to be gone. */
void cgroup_kill(const char *group);
void cgroup_remove(const char *group); /* kills, then removes the group and those below it */
/* The same, but a group that was left clean and bounds no more than processes is kept for the next
 * cgroup_make: making and removing one costs as much as a small step. */
void cgroup_give_back(struct cgroups *c, const char *group, const struct cgroup_limits *limits);
/* Why its processes had to die: "killed: out of memory (limit 64 MiB)"; NULL: it did well (status
 * 0), or not for a limit. `status` as from waitpid. The caller's. */
char *cgroup_reason(const char *group, const struct cgroup_limits *limits, int status);
char *cgroup_memory_reason(int64_t limit_bytes); /* the words for it; the caller's */
/* Removes what a container's starter made at that path, in whichever hierarchy. */
void cgroup_remove_nested(const char *path);
/* Where a container's own group is to be made, in the form of OCI's cgroupsPath. The caller's. */
char *cgroup_nested_path(const char *group);
