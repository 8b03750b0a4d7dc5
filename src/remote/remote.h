#pragma once
/* remote - a Kubeflow Pipelines server somewhere else, by its v2beta1 REST API.
 *
 * It asks and hands on what is answered, as JSON; it keeps no record and decides nothing. A request
 * that changes nothing is tried again where the connection broke. */
#include "base/err.h"
#include "base/js.h"
#include "base/own.h"

struct remote;

struct remote_options {
    const char *host;    /* "http://host[:port][/prefix]" */
    const char *token;   /* of "Authorization: Bearer"; NULL: none */
    const char *ca_file; /* NULL: the system's */
    const char *namespace;
};
/* On 0 *ret is the caller's. DH_INVALID: the host is no address. Asks nothing yet. */
int remote_open(const struct remote_options *options, struct remote **ret, struct dh_err *err);
struct remote *remote_close(struct remote *r);
OWN_DEFINE(struct remote *, remote_close)
const char *remote_host(const struct remote *r); /* without a '/' at its end; borrowed */

/* The id of the experiment of that name, made where it is not there; NULL: the server's default. On
 * 0 *ret is the caller's (free), or NULL. */
int remote_experiment(struct remote *r, const char *name, char **ret, struct dh_err *err);
/* Starts a run. `spec`: as spec_to_json gives it; `parameters`: an object. *ret_run is the server's
 * run. */
struct remote_run {
    const char *name, *experiment_id, *pipeline_root; /* the last two may be NULL */
    const struct js *spec, *parameters;
    bool no_cache; /* of every task */
};
int remote_start(struct remote *r, const struct remote_run *run, struct js **ret_run,
                 struct dh_err *err);
int remote_run(struct remote *r, const char *run_id, struct js **ret_run, struct dh_err *err);
int remote_cancel(struct remote *r, const char *run_id, struct dh_err *err);
/* The pod that failed at a node of the server's engine (a child of a task, as run_details names
 * it), and why in the engine's words. Each is the caller's (free), or NULL: none failed there. */
int remote_failed_pod(struct remote *r, const char *run_id, const char *node, char **ret_pod,
                      char **ret_why, struct dh_err *err);
/* The log of a task's pod, as far as there is one; the caller's (free). DH_NOT_FOUND: it is gone.
 */
int remote_log(struct remote *r, const char *run_id, const char *pod, char **ret,
               struct dh_err *err);
