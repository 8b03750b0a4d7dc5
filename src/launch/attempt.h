#pragma once
/* attempt - one attempt of one task, from claim to the exit status. */
#include "base/js.h"
#include "launch/server.h"

struct attempt_plan {
    struct server server;
    struct js *claim; /* the claim's body; owned */
    unsigned parallel;
};

/* The exit status of the launcher: the step's own, or 1 where dhow could not do its part. Says on
 * standard error what went wrong. keep_begin has been called. */
int attempt_run(struct attempt_plan *plan);
