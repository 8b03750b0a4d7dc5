#pragma once
/* gc-priv - one collection, between its files. */
#include "engine/gc.h"
#include "engine/gc-remote.h"

struct arena;
struct store_run;
struct strmap;

#define GC_PAGE 500 /* rows that are read at once */

struct gc_ids { /* sorted before they are asked */
    int64_t *items;
    size_t n, cap;
};

struct gc {
    struct store *store;
    const char *home;
    const struct gc_options *options;
    void (*fn)(void *user, const struct gc_item *item);
    void *user;
    struct gc_ids runs; /* that go */
    struct gc_ids model_artifacts, model_runs;
    struct strmap *doomed; /* their UUIDs */
    struct strmap *seen;   /* UUIDs of artifacts that go */
    struct strmap *known;  /* UUIDs of all runs on record */
    struct strmap *in_use; /* names of folders with artifacts that are referred to */
    struct gc_remote remote;
    const char *root; /* of the run that is looked at, where it is far */
    char **paths;     /* to remove after the commit */
    size_t n_paths, cap_paths;
};

void gc_tell(const struct gc *gc, enum gc_kind kind, const char *name, const char *id,
             int64_t bytes);
void gc_later(struct gc *gc, char *path); /* to remove it after the commit; taken */
bool gc_has(const struct gc_ids *ids, int64_t id);
int gc_each_run(struct gc *gc,
                int (*fn)(struct gc *gc, const struct store_run *run, void *user,
                          struct dh_err *err),
                void *user, struct dh_err *err);

/* ---- gc-artifact.c: what a run that goes has made, where no other refers to it ---- */
int gc_drop_artifacts(struct gc *gc, int64_t run, struct dh_err *err);

/* ---- gc-left.c: folders called as a run is, of which there is no record ---- */
int gc_collect_left_over(struct gc *gc, struct dh_err *err);
