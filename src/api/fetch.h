#pragma once
/* fetch - a pipeline package from a URL. */
#include "api/req.h"

struct spec;

/* DH_INVALID: no URL, one that is not http or https, a server that may not fetch (one that others
 * than its own user can reach, without --fetch-urls), no pipeline. */
int fetch_spec(struct req *r, const char *url, struct spec **ret, struct dh_err *err);
