#pragma once
/* metrics - what the step writes to $DHOW_METRICS, sent on as it is: the server reads it. */
#include <stdbool.h>
#include <stdint.h>
#include "base/js.h"

struct metrics {
    const char *path; /* borrowed; NULL: none are wanted */
    int64_t at;       /* so many of its bytes has the server */
};

/* Adds what is new to the body of a beat; false: nothing is. */
bool metrics_put(struct metrics *m, struct js *body);
/* The server's answer says how much it has. false: no more and no less than before. */
bool metrics_taken(struct metrics *m, const struct js *answer);
