#pragma once
/* command - other programs, run to their end from here: to try what works on this machine, to ask a
 * container engine, to fetch an image. Never a step: those are the shepherd's. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "base/buf.h"
#include "base/err.h"

struct args { /* an argument vector that is being made; all strings its own */
    char **v; /* NULL-terminated once something was added */
    size_t n, cap;
};
void args_add(struct args *a, const char *text);
void args_addf(struct args *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void args_adds(struct args *a, ...) __attribute__((sentinel)); /* several; NULL at the end */
void args_done(struct args *a);
char **args_take(struct args *a); /* never NULL; the caller's */
#define own_args __attribute__((cleanup(args_done)))

/* The program `name` in our own PATH, or in /usr/sbin and /sbin; the caller's. NULL: there is none.
 */
char *command_find(const char *name);

/* Runs argv[0] (a path) with our environment and no input. *ret_status is as from waitpid; what it
 * says on standard output and standard error goes to `out` and `said` (NULL: dropped). DH_IO: it
 * cannot be started; DH_FAILED: it was still running after timeout_ms, and was killed; DH_CANCELED:
 * the same when *stop became true (NULL: never). */
int command_run(char *const *argv, int timeout_ms, const atomic_bool *stop, struct buf *out,
                struct buf *said, int *ret_status, struct dh_err *err);
/* The same, in the environment `env`. */
int command_run_in(char *const *env, char *const *argv, int timeout_ms, const atomic_bool *stop,
                   struct buf *out, struct buf *said, int *ret_status, struct dh_err *err);
/* The same; anything but exit status 0 is DH_FAILED with the last line that it said. */
int command_do(char *const *argv, int timeout_ms, const atomic_bool *stop, struct buf *out,
               struct dh_err *err);
/* The last line with something in it, cut to what a message can hold. The caller's. */
char *command_last_line(const struct buf *said);

/* When a process began, in clock ticks: with the pid it names one process and no later one. 0:
 * there is none. */
unsigned long long command_started(pid_t pid);
