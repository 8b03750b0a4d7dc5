#pragma once
/* access - namespaces: what the user of a request may see. In a server for one user namespaces are
 * taken and ignored, as KFP's does. */
#include "api/listing.h"
#include "api/req.h"

/* A thing of that namespace: 0, or NotFound, so that nothing is told of it. */
int access_check(struct req *r, const char *namespace, struct dh_err *err);
/* A list: only things of the namespace that is asked for (which a user of some namespaces must
 * name). */
int access_list(struct req *r, struct listing *listing, struct dh_err *err);
/* The namespace of a new thing: NULL where there is but one user. */
int access_namespace(struct req *r, const struct js *object, const char **ret, struct dh_err *err);
/* The same for one that was named by the query. */
int access_new(struct req *r, const char *namespace, const char **ret, struct dh_err *err);
