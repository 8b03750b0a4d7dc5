#pragma once
/* workers - the same work on many things by a few threads.
 *
 * For bytes and numbers only: what the threads share is the caller's to guard. */
#include <stddef.h>
#include "base/err.h"

/* fn(user, i) once for each i < n, in about that order, by at most `threads` threads, this one
 * among them. After the first failure (<0) nothing new is begun, and that failure is returned. */
int workers_run(size_t n, unsigned threads, int (*fn)(void *user, size_t i, struct dh_err *err),
                void *user, struct dh_err *err);
