#pragma once
/* gc-remote - the part of gc that is far: objects of artifacts that nothing refers to, and the logs
 * of runs that go. A bucket may hold other homes' runs too: only what the record names is removed,
 * never what is merely found. */
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

struct gc_remote {
    char **uris, **runs; /* artifacts; folders of runs, for their logs */
    char **roots;        /* pipeline roots of runs on record, each once */
    size_t n_uris, cap_uris, n_runs, cap_runs, n_roots, cap_roots;
};
void gc_remote_add(struct gc_remote *r, const char *uri);
/* Nothing where the root is here. */
void gc_remote_add_run(struct gc_remote *r, const char *root, const char *pipeline,
                       const char *run_uuid);
/* Nothing where it is here. */
void gc_remote_add_root(struct gc_remote *r, const char *root);
/* Ends what was half sent below the roots and begun before then; `fn` hears how many of each. A
 * root that cannot be opened or asked any more is passed over. */
void gc_remote_abort(const struct gc_remote *r, int64_t before_us,
                     void (*fn)(void *user, const char *root, size_t n), void *user);
/* All of them; gone already is fine. */
int gc_remote_remove(const struct gc_remote *r, struct dh_err *err);
void gc_remote_done(struct gc_remote *r);
