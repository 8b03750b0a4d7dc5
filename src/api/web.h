#pragma once
/* web - the socket side: connections, limits, bodies, answers. libmicrohttpd is behind it, and is
 * included from web.c alone. */
#include "api/req.h"

struct web;
struct api_options;

int web_open(struct api *api, const struct api_options *options, struct web **ret,
             struct dh_err *err);
struct web *web_close(struct web *web);
OWN_DEFINE(struct web *, web_close)
int web_port(const struct web *web);
int web_poll_fd(const struct web *web);    /* readable: call web_run */
int web_timeout_ms(const struct web *web); /* until web_run is wanted anyway; -1: never */
void web_run(struct web *web);
void web_sweep(struct web *web); /* each second: closes what is too slow */
void web_stop_listening(struct web *web);
size_t web_n_connections(const struct web *web);
size_t web_n_active(const struct web *web); /* those that are owed an answer; not event streams */
/* A stream's `read` that has nothing calls web_sleep before it returns 0; web_wake when there is
 * something. `connection` is what `started` gave. They come in pairs. */
/* Requests that wait and need not any more go on. */
void web_wake_fetched(struct web *web);
size_t web_n_fetching(const struct web *web);
void web_sleep(void *connection);
void web_wake(struct web *web, void *connection);
