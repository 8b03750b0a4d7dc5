#pragma once
/* pod - what a pod's status means, in words: why it waits, how it ended.
 *
 * Pure: the JSON of a pod in, a view of it out. The user's container is the one called "main"; what
 * Argo and dhow put beside it is told by name. */
#include <stdbool.h>
#include "base/js.h"

enum kube_pod_state {
    POD_WAITS, /* its main container has not begun */
    POD_RUNS,
    POD_ENDED, /* its main container will not run (any more) */
};

struct kube_pod {
    /* borrowed from the JSON; NULL: not there */
    const char *name, *uid, *node;
    const char *scope, *iteration; /* annotations dhow/scope, dhow/iteration */
    enum kube_pod_state state;
    bool succeeded; /* ENDED, and well */
    bool has_log;   /* its main container has begun once */
    bool pull;      /* WAITS: an image cannot be pulled */
    bool again; /* pull: it is about to be tried again, and the words may say less than before */
    bool lost;  /* ENDED by what befell its pod (deleted, evicted, its node was lost or restarted),
                   not by itself */
    int exit_code;   /* ENDED: of main; -1: it has none */
    int signal;      /* it was killed by; 0: none */
    char words[512]; /* "" where there is nothing to say */
};

void kube_pod_view(const struct js *pod, struct kube_pod *ret);
