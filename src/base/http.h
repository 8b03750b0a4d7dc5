#pragma once
/* http - one request to a web server: fetch a document, post a message.
 *
 * libcurl is behind it and is loaded with the first request: a program that makes none must not pay
 * for the start of a TLS library. Any thread. */
#include <stdatomic.h>
#include <stddef.h>
#include "base/buf.h"
#include "base/err.h"

/* GET with redirects. Bytes are appended to *to, whose `max` bounds them. DH_IO: the server, the
 * network, an answer of 400 or above, more bytes than that. */
int http_get(const char *url, struct buf *to, struct dh_err *err);

/* POST of a JSON text. `stop` (may be NULL) set to true by another thread ends it. DH_FAILED: no
 * answer in timeout_ms, or one that is not 2xx. */
int http_post_json(const char *url, const char *json, long timeout_ms, atomic_bool *stop,
                   struct dh_err *err);
