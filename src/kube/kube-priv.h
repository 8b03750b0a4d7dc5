#pragma once
/* What the files of kube/ share: how a server is reached, and who we are to it. */
#include <pthread.h>
#include <stdint.h>
#include "base/http.h"
#include "kube/kube.h"
#include "runtime/command.h"

struct kube_identity { /* who we are; NULL: not by that */
    char *token;
    char *cert, *key; /* PEM */
    unsigned serial;  /* of those that a struct kube has had */
};
void kube_identity_done(struct kube_identity *i);
#define own_identity __attribute__((cleanup(kube_identity_done)))

struct kube_plugin; /* a program that says who we are: users[].user.exec */
/* `exec` is what the kubeconfig in `folder` says of it; `cluster` the server's entry, `ca` its
 * authority (may be NULL). Runs nothing. */
int kube_plugin_new(const struct js *exec, const char *folder, const struct js *cluster,
                    const char *ca, struct kube_plugin **ret, struct dh_err *err);
struct kube_plugin *kube_plugin_free(struct kube_plugin *p);
OWN_DEFINE(struct kube_plugin *, kube_plugin_free)
/* Runs it, for a minute at most. *ret_until_us: when what it said is over (wall clock), or
 * INT64_MAX. */
int kube_plugin_ask(const struct kube_plugin *p, const atomic_bool *stop, struct kube_identity *ret,
                    int64_t *ret_until_us, struct dh_err *err);
/* Its answer, an ExecCredential, as bytes from outside. */
int kube_plugin_read(const char *text, size_t n, const char *api_version, struct kube_identity *ret,
                     int64_t *ret_until_us, struct dh_err *err);

struct kube {
    char *server; /* as the configuration has it, without a '/' at its end */
    char *namespace;
    char *url;           /* the same, with the name that its certificate has */
    char *connect_to;    /* where that is to be found; NULL: where the URL says */
    char *ca;            /* PEM; NULL: the system's */
    char *proxy;         /* NULL: as the environment says */
    struct args headers; /* of every request: whom we act for */
    bool insecure;
    char *token_file;           /* is read again from time to time; NULL: none */
    struct kube_plugin *plugin; /* NULL: none */

    pthread_mutex_t lock; /* over the rest */
    struct kube_identity now;
    int64_t until_us;     /* when `now` has to be asked for again (wall clock) */
    bool asking;          /* a thread has the plugin run */
    struct dh_err failed; /* why it could not say, a moment ago */
    int64_t failed_us;    /* when (monotonic); 0: never */
};

/* Fills all but the lock. As kube_open. */
int kube_config_load(struct kube *k, const struct kube_options *options, struct dh_err *err);
/* Who we are, as copies. A plugin is asked where it has to be. */
int kube_identity_get(struct kube *k, const atomic_bool *stop, struct kube_identity *ret,
                      struct dh_err *err);
/* The server did not believe that one. true: there is, or will be, another. */
bool kube_identity_refused(struct kube *k, unsigned serial);
