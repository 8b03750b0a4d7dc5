#pragma once
/* artifact-cache - local copies of what is far away, by content.
 *
 * A folder of its own; several processes may use it at once. It knows nothing of runs: who needs a
 * thing gets it as read-only links of his own, which stay when the cache lets go of its copy. */
#include "artifact/artifact.h"

/* The artifact of a remote URI, at `to` (made; NULL: into the cache alone), fetched only where the
 * cache has not got how->digest. *ret_digest (may be NULL): what it has. Any thread; two that want
 * the same wait for one fetch. */
int artifact_cache_give(const char *folder, const char *uri, const struct artifact_how *how,
                        const char *to, char ret_digest[DIGEST_TEXT], struct dh_err *err);
/* The local file or folder, whose digest that is, becomes read-only, and the cache has links to it.
 */
int artifact_cache_take(const char *folder, const char *path, const char *digest,
                        struct dh_err *err);
/* Removes what was used last before then, and the least used until the rest is no more than that.
 * `tell` (may be NULL) hears of each. */
int artifact_cache_shrink(const char *folder, int64_t most_bytes, int64_t before_us, bool dry_run,
                          void (*tell)(void *user, const char *path, int64_t bytes), void *user,
                          struct dh_err *err);
