#pragma once
/* dispatch - from a request's head to its handler, and from an error to an answer. */
#include "api/req.h"

struct dispatch_head { /* headers that say whether the request may be at all */
    const char *authorization, *cookie, *origin, *fetch_site, *fetch_mode;
    int64_t content_length;
    size_t bodies_bytes; /* being received by all */
};
/* false: refused; the answer is in *r. */
bool dispatch_check(struct req *r, const struct dispatch_head *head);
/* The body is there: the answer is in *r in any case, unless r->waits: then again, later. */
void dispatch_run(struct req *r);
/* The access log's line. */
void dispatch_log(const struct req *r, int64_t bytes);
/* The route's form of an error. */
void dispatch_error(struct req *r, const struct dh_err *err);
