#pragma once
/* shepherd-log - what a step writes goes through a pipe into its log file. The file comes to be
 * with the first byte: most steps say nothing, and making a file is a good part of what such a step
 * costs. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/mask.h"

struct step_log { /* starts as {.out = -1, .file = -1} */
    int out;      /* the pipe's end that we read, not blocking; -1: none */
    int file;     /* -1: not made yet, or could not be */
    char *path;
    int64_t written, max;  /* max 0: none */
    struct log_mask *mask; /* NULL: nothing is masked */
};

/* Makes the pipe; returns the end for the step, the caller's to close; -1: errno says why. */
int step_log_open(struct step_log *log, const char *path, int64_t max);
/* Takes what is there. Call when `out` can be read. */
void step_log_copy(struct step_log *log);
/* The step has ended: takes the rest and closes. */
void step_log_close(struct step_log *log);
