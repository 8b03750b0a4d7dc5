#pragma once
/* fingerprint - the key under which a task's result may be used again.
 *
 * SHA-256 over what KFP's CacheKey holds (backend/src/v2/cacheutils): values of the input
 * parameters, names and declared types of the outputs, image and unresolved command. Different from
 * KFP on purpose: input artifacts count by their digest and metadata, not by their id, so that
 * equal bytes are equal inputs; and defaults and the environment count too, because they change the
 * result. */
#include "base/digest.h"

struct plan;
struct plan_node;

/* Of a RUNNING leaf. Returns `to`. */
char *plan_fingerprint(const struct plan *plan, const struct plan_node *node, char to[DIGEST_TEXT]);
/* The text that is hashed, as JSON, for `dhow explain` to compare two of them. The caller's. */
struct js *plan_fingerprint_parts(const struct plan *plan, const struct plan_node *node);
