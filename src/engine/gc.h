#pragma once
/* gc - what is no longer wanted below a home: runs, artifacts that nothing refers to, logs, Python
 * environments.
 *
 * Never touched: a run that has not ended or that a registered model version comes from; an
 * artifact that another run uses or that is a model version; files that no step of ours wrote
 * (imported ones). The record changes first, then the bytes go: what is cut off in between is found
 * as left over the next time. Of what is far the bytes go before the run's rows do: what is cut off
 * there is done again. */
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"

struct store;

enum gc_kind {
    GC_RUN,
    GC_ARTIFACT,
    GC_LOG,
    GC_ENVIRONMENT,
    GC_LEFT_OVER, /* folders of no run; what is half sent to buckets */
    GC_CACHED,
    GC_MODEL, /* the command's: registry_prune */
    GC_KINDS
};

struct gc_options {
    bool want[GC_KINDS];
    int64_t before_us;   /* runs that ended before, environments last used before */
    int keep;            /* of each pipeline, so many of the newest runs stay */
    bool dry_run;        /* say what would go, and change nothing */
    const int64_t *only; /* these runs, whatever their age; each has ended and made no registered
                          * model (DH_INVALID). NULL: by age */
    size_t n_only;
};

struct gc_item { /* borrowed for the call */
    enum gc_kind kind;
    const char *name; /* a run's display name, a path, an environment's packages */
    const char *id;   /* a run's UUID, an environment's id; or NULL */
    int64_t bytes;
};

/* *fn is called for each thing that goes. */
int gc_collect(struct store *store, const char *home, const struct gc_options *options,
               void (*fn)(void *user, const struct gc_item *item), void *user, struct dh_err *err);
