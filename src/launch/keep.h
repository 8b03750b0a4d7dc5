#pragma once
/* keep - the signals and the processes of this container, as its process 1 must keep them.
 *
 * One thread takes every signal: hands it on to the step's process group while the step runs, stops
 * the launcher's waits (launch_stop) before that, and only notes it afterwards: what is done is
 * published. It reaps whatever dies. */
#include <stdbool.h>
#include <sys/types.h>
#include "base/err.h"
#include "base/js.h"

enum keep_phase { KEEP_BEFORE, KEEP_RUNNING, KEEP_AFTER };

/* Before any other thread begins. */
int keep_begin(struct dh_err *err);
/* The step's command, in a process group of its own; `env` is an object of what is added to ours;
 * `streams`: its standard output and standard error, NULL: ours. DH_NOT_FOUND: no such program;
 * DH_FAILED: it cannot be started. */
int keep_start(const struct js *argv, const struct js *env, const char *cwd, const int *streams,
               struct dh_err *err);
/* 1: the step has ended, *ret_status as wait() gives it. 0: not within wait_ms. */
int keep_wait(long wait_ms, int *ret_status);
void keep_signal(int signal); /* to the step's process group */
int keep_got(void);           /* the signal that stopped us before the step began; 0: none */
/* Kubernetes has told us to end while the step ran (TERM from outside): its pod is deleted,
 * evicted, or its node is drained. */
bool keep_evicted(void);
