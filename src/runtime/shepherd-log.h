#pragma once
/* shepherd-log - what a step writes goes through a pipe into its log file. The file comes to be
 * with the first byte: most steps say nothing, and making a file is a good part of what such a step
 * costs. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct step_log { /* starts as {.out = -1, .file = -1} */
    int out;      /* the pipe's end that we read, not blocking; -1: none */
    int file;     /* -1: not made yet, or could not be */
    char *path;
    int64_t written, max;  /* max 0: none */
    struct log_mask *mask; /* NULL: nothing is masked */
};

/* What is never to stand in a log. Each text that is put into it is replaced by "***", also where
 * it comes in pieces: what may be its beginning is held back until more has come. */
struct log_mask;
struct log_mask *log_mask_new(void);
struct log_mask *log_mask_free(struct log_mask *mask); /* wipes the texts; NULL is fine */
void log_mask_add(struct log_mask *mask, const char *text, size_t n);
/* Gives what may be written now to `to`; `end`: nothing more comes. */
void log_mask_feed(struct log_mask *mask, const char *bytes, size_t n, bool end,
                   void (*to)(void *user, const char *bytes, size_t n), void *user);

/* Makes the pipe; returns the end for the step, the caller's to close; -1: errno says why. */
int step_log_open(struct step_log *log, const char *path, int64_t max);
/* Takes what is there. Call when `out` can be read. */
void step_log_copy(struct step_log *log);
/* The step has ended: takes the rest and closes. */
void step_log_close(struct step_log *log);
