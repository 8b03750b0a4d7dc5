#pragma once
/* screen - the step's output goes through us where it has secrets, and their values stay here.
 *
 * Without secrets there is none: then the step has the container's own streams. */
#include "base/err.h"
#include "base/js.h"

struct screen;

/* `secrets` as in the claim's answer: {"env": […], "folders": […]}, read here as the step gets
 * them. *ret NULL: nothing is to be hidden. */
int screen_open(const struct js *secrets, struct screen **ret, struct dh_err *err);
/* The step's ends: standard output and standard error. NULL: ours. */
const int *screen_ends(const struct screen *s);
/* The step has them (or could not begin): what comes is passed on from now on. */
void screen_start(struct screen *s);
/* The step is over: passes on the rest. What something that it left behind still holds back is
 * waited for two seconds at most. NULL is fine. */
void screen_close(struct screen *s);
