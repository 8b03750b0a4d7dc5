#pragma once
/* launch - how a pod's requests come to the process that runs the run: the server takes them, and
 * hands them on by a socket in the run's folder. What both ends have in common.
 *
 * A connection is one request and one answer, a line of JSON each:
 *     {"call": "claim", "attempt": "RUN.TASK.N", "secret": TEXT, "body": {…}}
 *     {"status": 200, "body": {…}, "after": SECONDS}      (after: when to ask again; of a 503) */
#include "base/digest.h"
#include "base/err.h"

#define LAUNCH_PATH "/launch/v1/"

/* What a run's pods claim with: HMAC-SHA-256 of the run's id, by a key of the home that is made
 * when it is first needed. */
int launch_token(const char *home, const char *run_id, char to[DIGEST_TEXT], struct dh_err *err);
/* A listening socket in the run's folder; what a process before left is replaced. -1: err. */
int launch_listen(const char *folder, struct dh_err *err);
/* A connection to who listens there, not blocking; -1: nobody does. */
int launch_connect(const char *folder);
