#pragma once
/* pods - attempts of runs on a cluster: which pod an attempt is. Part of the record, as store.h. */
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"

struct store;

struct store_pod {
    int64_t run_id, task_id, number; /* the attempt's, from 1 */
    const char *name, *uid;
    const char *secret; /* the SHA-256 of what the pod proves itself by */
    const char *answer; /* JSON: what it was told when it said how it had ended; NULL: it has not */
    const char *task;   /* the task's uuid; out only */
};
struct store_pods {
    struct store_pod *items;
    size_t n;
};
/* A new row, or the one of that attempt changed. */
int store_pod_put(struct store *s, const struct store_pod *pod, struct dh_err *err);
/* All of a run, by task and number. */
int store_pod_list(struct store *s, int64_t run_id, struct arena *a, struct store_pods *ret,
                   struct dh_err *err);
