#pragma once
/* serve - ML Metadata's service on a port: gRPC over HTTP/2 without TLS.
 *
 * One thread, one loop: calls are answered one after another, each in a short time. libnghttp2
 * speaks HTTP/2 and is included from h2.c alone. What a client may ask for is bounded: connections,
 * streams, bytes of a request (base/limits.h). */
#include <stdbool.h>
#include "base/err.h"
#include "store/store.h"

struct mlmd_serve {   /* borrowed for the call */
    const char *host; /* an address or a name to listen on */
    int port;         /* 0: any free one */
    bool readonly;
    /* Called once it listens. */
    void (*ready)(void *user, int port);
    void *user;
};
/* Until SIGTERM or SIGINT. DH_INVALID: an address that is none; DH_IO: the port is taken, … */
int mlmd_serve(struct store *s, const struct mlmd_serve *options, struct dh_err *err);
