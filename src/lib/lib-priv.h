#pragma once
/* lib-priv - what the files of libdhow share. No allocation here aborts: each is looked at. */
#include <stddef.h>
#include <sys/types.h>

#include "dhow/dhow.h"

struct dhow {
    char *program, *home, *database;
    pid_t *left; /* children that nobody watches any more: reaped when they have ended */
    size_t n_left, cap_left;
    char error[1024];
};

struct words { /* an argument vector that is being made */
    const char *v[64];
    size_t n;
};

/* Fills d->error; returns `status`. */
int lib_fail(struct dhow *d, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* A child of ours, and what is read from it. */
struct child {
    pid_t pid;             /* 0: none */
    int out, said, events; /* descriptors; -1: closed */
};

/* Starts the program with these words; `with_events`: descriptor 3 is a pipe for events. `input`: a
 * descriptor that is its 4, or -1. */
int lib_spawn(struct dhow *d, const struct words *words, int with_events, int input,
              struct child *ret);
/* Reads both outputs to their end and waits; *ret_out is the caller's (NULL where memory is out,
 * then DHOW_NO_MEMORY). The answer is the exit status as a dhow_status; d->error is what it said
 * last. */
int lib_finish(struct dhow *d, struct child *child, char **ret_out);
/* Closes all and leaves it running. */
void lib_leave(struct dhow *d, struct child *child);
/* Reaps those that were left and have ended. */
void lib_reap(struct dhow *d);

/* The engine that this library carries, as a program's file; the caller's (free). NULL: it carries
 * none, or memory is out (*lost is set). engine-shared.c, engine-static.c. */
char *lib_engine(int *lost);
/* Static: main has called dhow_engine_main, so that this program is the engine too. */
void dhow__engine_here(void);

/* The member of a line of JSON, at its top level, as text; false: not there, or null. */
int lib_member(const char *json, const char *key, char *to, size_t size);
