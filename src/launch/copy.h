#pragma once
/* copy - the launcher puts itself where the step's container finds it: all that the init container
 * of a pod does. Works in an image that holds nothing else. */
#include "base/err.h"

/* To the file `to`; into it, as "launch", where it is a folder. */
int copy_self(const char *to, const char *argv0, struct dh_err *err);
