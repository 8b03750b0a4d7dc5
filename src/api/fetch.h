#pragma once
/* fetch - a pipeline package from a URL, beside the loop: the request waits, others are answered.
 *
 * A handler that fetches is called twice. The first time the fetch is begun in a thread, r->waits
 * is set, and the handler returns at once, before it has written anything; when the bytes are there
 * it is called again and goes on. */
#include "api/req.h"

struct fetch;
struct spec;

/* DH_INVALID: no URL, one that is not http or https, a server that may not fetch (one that others
 * than its own user can reach, without --fetch-urls), no pipeline. -1 with r->waits: not yet. */
int fetch_spec(struct req *r, const char *url, struct spec **ret, struct dh_err *err);
bool fetch_is_done(const struct fetch *fetch);
/* Nobody waits for it any more; a thread that still fetches ends by itself. NULL is fine. */
void fetch_drop(struct fetch *fetch);
