#pragma once
/* kube - a Kubernetes API server: its objects got, made, changed, watched; the logs of its pods.
 *
 * How it is reached is said by the files of KUBECONFIG (or ~/.kube/config), or, within a pod, by
 * what Kubernetes puts there. It knows objects as JSON and what is true of all of them: no
 * pipeline, no Workflow. What comes is bounded (base/limits.h).
 *
 * A struct kube may be shared by threads; a struct kube_conn is one thread's. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"
#include "base/js.h"
#include "base/own.h"

struct kube;

struct kube_options {      /* NULL: as the configuration says */
    const char *context;   /* of KUBECONFIG */
    const char *namespace; /* that objects are in */
};
/* Asks no server. DH_NOT_FOUND: nothing says how one is reached; DH_INVALID: what says it is wrong.
 */
int kube_open(const struct kube_options *options, struct kube **ret, struct dh_err *err);
struct kube *kube_close(struct kube *k);
OWN_DEFINE(struct kube *, kube_close)
const char *kube_namespace(const struct kube *k);
const char *kube_server(const struct kube *k); /* its URL */

struct kube_conn;
/* `stop` (may be NULL) true ends whatever goes on: DH_CANCELED. `patience_s`: for how long a server
 * that does not answer, or answers that it is too busy (429, 5xx), is asked again; -1: for ever. */
int kube_connect(struct kube *k, atomic_bool *stop, int patience_s, struct kube_conn **ret,
                 struct dh_err *err);
struct kube_conn *kube_disconnect(struct kube_conn *c);
OWN_DEFINE(struct kube_conn *, kube_disconnect)
/* Told once when the server does not answer, and once (NULL) when it does again. */
void kube_on_trouble(struct kube_conn *c, void (*fn)(void *user, const char *what), void *user);

/* Answers above 0 are the server's, in words in *err. */
enum kube_answer {
    KUBE_NOT_FOUND = 1, /* 404 */
    KUBE_CONFLICT,      /* 409: it is there already, or has changed */
    KUBE_GONE,          /* 410: too old */
    KUBE_REFUSED,       /* 401, 403 */
    KUBE_INVALID,       /* any other 4xx */
};
enum kube_method { KUBE_GET, KUBE_CREATE, KUBE_PATCH /* merge patch */, KUBE_DELETE };
/* `path` is the whole path with its query, as kube_path makes it. `body` may be NULL. `ret` may be
 * NULL; else *ret is the caller's. 0, an answer above, or <0: DH_IO (patience is over),
 * DH_CANCELED. */
int kube_call(struct kube_conn *c, enum kube_method method, const char *path, const struct js *body,
              struct js **ret, struct dh_err *err);
/* /api/v1/namespaces/NS/pods/NAME, or /apis/GROUP/VERSION/…; `group` "v1" or
 * "argoproj.io/v1alpha1". `name` NULL: all of them. The caller's. */
char *kube_path(const struct kube *k, const char *group, const char *kind, const char *name);
/* path?labelSelector=…; the caller's. */
char *kube_selected(const char *path, const char *labels);

/* All of a list, and what happens to it from then on, until `stop`, with all that can go wrong on
 * the way: the list is asked for again then, and `listed` is called anew. Items and objects are
 * borrowed for the call. <0: DH_CANCELED, or patience is over. >0: as kube_call, of the list. */
struct kube_watch {
    void (*listed)(void *user, const struct js *items);
    void (*event)(void *user, const char *type, const struct js *object); /* "DELETED", … */
    void *user;
};
int kube_watch(struct kube_conn *c, const char *path, const struct kube_watch *watch,
               struct dh_err *err);

/* A container's log from `since` (a time that a line has; NULL: the beginning) as it grows, to its
 * end. Each piece is given as it comes, with each line's time and a blank before it. 0: the end;
 * KUBE_REFUSED from `piece` <0. Broken connections are for the caller: DH_IO. */
int kube_log(struct kube_conn *c, const char *pod, const char *container, const char *since,
             int (*piece)(void *user, const char *bytes, size_t n), void *user, struct dh_err *err);

/* Waits; false: `stop` came. */
bool kube_wait(const struct kube_conn *c, int ms);

/* Whether we may: verb on resource (of group ""/"argoproj.io") in our namespace. 0: yes; 1: no. */
int kube_may(struct kube_conn *c, const char *verb, const char *group, const char *resource,
             struct dh_err *err);
