#pragma once
/* events - a run's state changes as lines of JSON, for other programs (docs/embedding.md). */
#include "base/own.h"
#include "engine/engine.h"

struct events;

/* Lines are appended to the file at `path` (/dev/fd/N: an open descriptor), each written at once;
 * what happens is told to `next` too. A reader that goes away does not end the run. On 0 *ret is
 * the caller's. */
int events_open(const char *path, const struct engine_watch *next, struct events **ret,
                struct dh_err *err);
struct events *events_close(struct events *e);
OWN_DEFINE(struct events *, events_close)
const struct engine_watch *events_watch(struct events *e); /* borrowed */
