#pragma once
/* access - namespaces: what the user of a request may see. In a server for one user namespaces are
 * taken and ignored, as KFP's does. */
#include "api/listing.h"
#include "api/req.h"

/* After a thing was looked up with the answer `rc`: 0, or "Run x not found", in the same words
 * where there is none and where it is of a namespace that the user may not see; or the role is too
 * low. `namespace` is looked at where it was found. */
int access_found(struct req *r, int rc, const char *what, const char *id,
                 const char *const *namespace, struct dh_err *err);
/* A list: only things of the namespace that is asked for (which a user of some namespaces must
 * name). */
int access_list(struct req *r, struct listing *listing, struct dh_err *err);
/* The namespace of a new thing: NULL where there is but one user. */
int access_namespace(struct req *r, const struct js *object, const char **ret, struct dh_err *err);
/* The same for one that was named by the query. */
int access_new(struct req *r, const char *namespace, const char **ret, struct dh_err *err);
