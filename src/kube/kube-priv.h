#pragma once
/* What the files of kube/ share: how a server is reached. */
#include <pthread.h>
#include <stdint.h>
#include "base/http.h"
#include "kube/kube.h"

struct kube {
    char *server; /* URL without a '/' at its end */
    char *namespace;
    char *ca, *cert, *key; /* PEM; NULL: none */
    char *token_file;      /* is read again from time to time; NULL: none */
    bool insecure;
    pthread_mutex_t lock;
    char *token; /* under the lock; NULL: none */
    int64_t read_us;
};

/* Fills server … token. As kube_open. */
int kube_config_load(struct kube *k, const struct kube_options *options, struct dh_err *err);
/* The token as it is now; NULL: none. The caller's. */
char *kube_config_token(struct kube *k);
