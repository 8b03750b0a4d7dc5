#pragma once
/* err - how a call says that it failed, and why.
 *
 * Calls return 0 (done), >0 (an answer that the call's header names) or <0 (`err` is filled and
 * goes up unchanged, or with a place put in front by dh_while). The struct is the caller's;
 * making an error never allocates. Below cli and api nobody prints and nobody exits. */
#include <stddef.h>

enum dh_code {
    DH_INVALID = 1, /* the user's input is wrong: exit status 2, HTTP 400 */
    DH_NOT_FOUND,   /* a thing that was named is not there: exit status 2, HTTP 404 */
    DH_EXISTS,      /* a thing that was to be made is there already: exit status 2, HTTP 409 */
    DH_FAILED,      /* the run or step failed: exit status 1 */
    DH_IO,          /* disk, database or network: exit status 3, HTTP 500 */
    DH_BUG,         /* ours: exit status 3, HTTP 500 */
    DH_CANCELED,    /* somebody asked us to stop: exit status 130 */
};

struct dh_err {
    enum dh_code code;
    char msg[1020]; /* never empty after a failure, no newline at the end */
};

/* Fills *err; returns -1, so that `return dh_fail(err, …)` reads well. `err` may be NULL. */
int dh_fail(struct dh_err *err, enum dh_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with ": <strerror(errno)>" at the end, code DH_IO. Keeps errno. */
int dh_fail_errno(struct dh_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Puts "where: " in front of the message that is there; returns -1. */
int dh_while(struct dh_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
