#pragma once
/* http - the socket side: connections, limits, bodies, answers. libmicrohttpd is behind it, and is
 * included from http*.c alone. */
#include "api/req.h"

struct http;
struct api_options;

int http_open(struct api *api, const struct api_options *options, struct http **ret,
              struct dh_err *err);
struct http *http_close(struct http *http);
OWN_DEFINE(struct http *, http_close)
int http_port(const struct http *http);
int http_poll_fd(const struct http *http);    /* readable: call http_run */
int http_timeout_ms(const struct http *http); /* until http_run is wanted anyway; -1: never */
void http_run(struct http *http);
void http_sweep(struct http *http); /* each second: closes what is too slow */
void http_stop_listening(struct http *http);
size_t http_n_connections(const struct http *http);
size_t
http_n_active(const struct http *http); /* those that are owed an answer; not event streams */
/* A stream's `read` that has nothing calls http_sleep before it returns 0; http_wake when there is
 * something. `connection` is what `started` gave. They come in pairs. */
void http_sleep(void *connection);
void http_wake(void *connection);
