#pragma once
/* api - `dhow serve`: KFP's REST API, live events and the page, on one port.
 *
 * One process, one thread, one loop. It answers from the record and writes wishes into it; runs are
 * executed by children of their own (`dhow resume RUN`, in their own sessions), so that nothing
 * that happens to the server happens to a run. */
#include <stdbool.h>
#include "base/err.h"

struct js;

struct api_options { /* borrowed for the call; NULL, 0: the default */
    const char *home;
    const char *db;                                      /* as engine_options */
    const char *version;                                 /* of this program */
    const char *host;                                    /* "127.0.0.1" */
    int port;                                            /* as given; 0: any free one */
    int jobs;                                            /* runs at a time */
    const char *tokens_file;                             /* who may do what; see auth.h */
    const char *oidc_issuer, *oidc_audience, *oidc_keys; /* see jwt.h */
    const char *const *allow_hosts;                      /* names it is called by; ends with NULL */
    const char *tls_cert, *tls_key;                      /* PEM files */
    const char *time_zone;                               /* of schedules: "UTC" */
    const char *access_log;                              /* a file, or "-": standard error */
    const char *pipeline_root; /* of runs that name none: a folder or a bucket */
    const struct js *cluster;  /* runs are Workflows: settings, see engine/cluster.h; NULL: here */
    void (*note)(void *user, const char *text); /* what is amiss at the start; may be NULL */
    bool fetch_urls; /* also where others than this user may ask: pipelines from URLs */
    /* Called once it answers, with its address. */
    void (*ready)(void *user, const char *url);
    void *user;
};

/* Serves until SIGTERM or SIGINT. DH_INVALID: options; DH_IO: the port, the database. */
int api_serve(const struct api_options *options, struct dh_err *err);
