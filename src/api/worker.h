#pragma once
/* worker - the process that executes a run: `dhow resume RUN` in a session of its own, which
 * outlives the server.
 *
 * One is kept ready: it has started and opened the record, which is most of what a short run waits
 * for, and reads on its standard input which run it is to be. It executes that one and ends, as any
 * other; when the server goes away before, it ends with nothing done. It knows no queue. */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/js.h"

struct worker { /* our child, or one that a server before us has left */
    int64_t run;
    pid_t pid;
    bool child;
    int fd;     /* pidfd */
    int errors; /* memfd: what it said; -1: adopted */
    bool gone;
    bool cancel; /* asked for before it had claimed the run */
};
void worker_done(struct worker *w); /* closes; a process that has ended is reaped */
/* What it said last, on one line; "" where it said nothing. */
void worker_last_words(const struct worker *w, char *to, size_t cap);
int worker_pidfd(pid_t pid);

struct worker_place { /* borrowed */
    const char *self, *home, *db;
};
/* `from`: an array of the tasks that a retry begins with; or NULL. -1: it could not be started. */
int worker_start(const struct worker_place *place, const char *uuid, bool retry,
                 const struct js *from, struct worker *ret);

struct ready {
    struct worker worker; /* pid 0: there is none */
    int in;
};
void ready_make(const struct worker_place *place, struct ready *ret); /* where there is none */
/* Gives it the run. -1: there is none that takes it. */
int ready_take(struct ready *ready, const char *uuid, struct worker *ret);
void ready_done(struct ready *ready);
