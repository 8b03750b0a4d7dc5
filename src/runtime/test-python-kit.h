#pragma once
/* Python steps for the tests: wheels made on the spot, no network. */
#include "runtime/test-attempt.h"

#define PYTHON_ALL "kfp==9.9 tinyone threaded deadly"

/* attempt_setup, and a folder of wheels in $PIP_FIND_LINKS. False: there is no Python here. */
bool python_kit(struct attempt *a);
/* Opens the process runtime anew, with or without workers. */
void python_open_runtime(struct attempt *a, bool warm);
/* A job whose component has this body ("\n" between its lines), after `pip install packages`. */
void python_job(struct attempt *a, const char *packages, const char *body, const char *input);
