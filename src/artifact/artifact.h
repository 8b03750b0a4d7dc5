#pragma once
/* artifact - where a step's outputs live: object stores behind one small interface, and digests.
 *
 * It moves and measures bytes. It never knows about runs or tasks (store/ records them), and never
 * decides what may be reused (plan/). A store is a root and keys below it; this build has the file
 * store, whose objects are plain files and folders that steps read and write in place.
 *
 * Codes: DH_INVALID: a URI that is malformed, or of a scheme that this build does not read (the
 * message says which it does); DH_NOT_FOUND: nothing there; DH_IO. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/digest.h"
#include "base/err.h"
#include "base/own.h"

/* ---- URIs and layout ---- */

/* The schemes that this build reads, for messages: "file". Static. */
const char *artifact_schemes(void);

enum { ARTIFACT_REMOTE = 1 };
/* The local path of a file:// URI (percent-decoded) or plain path, absolute (a relative one is
 * taken from the current folder). *ret is the caller's (free). ARTIFACT_REMOTE: a well-formed URI
 * of a store that has to be fetched. DH_INVALID as above. */
int artifact_uri_local(const char *uri, char **ret, struct dh_err *err);
/* The form that is recorded: "file:///…" for a local path (percent-encoded where it must be),
 * without . and .. and doubled slashes; other schemes as they are. The caller's (free). */
int artifact_uri_normal(const char *uri_or_path, char **ret, struct dh_err *err);

/* {root}/{pipeline}/{run_id}/{task}/{execution_id}/{output}; parts that are NULL end it there. Each
 * part becomes one path component: '/', control bytes, a leading dot and such are escaped as %XX,
 * so no name can leave the root, and two names never meet. The caller's (free). */
char *artifact_path(const char *root, const char *pipeline, const char *run_id, const char *task,
                    const char *execution_id, const char *output);

/* ---- digests ---- */

enum artifact_kind { ARTIFACT_FILE, ARTIFACT_DIR };
struct artifact_stat {
    enum artifact_kind kind;
    int64_t size_bytes; /* of a folder: the sum of its files */
    int64_t n_files;
    char digest[DIGEST_TEXT]; /* "" where it was not asked for */
};
/* Of a local file: the sha256 of its bytes. Of a folder: the sha256 of its canonical listing, one
 * record a file, link or folder, sorted by relative name (bytes), without modes, owners or times:
 *     "dir"  NUL name NUL
 *     "file" NUL name NUL size NUL sha256 NUL
 *     "link" NUL name NUL target NUL
 * A link at the top is followed, links below are text. A socket, pipe or device is DH_INVALID. */
int artifact_digest(const char *path, struct artifact_stat *ret, struct dh_err *err);

/* ---- stores ---- */

struct artifact_store; /* opaque */

/* The store of a root URI or path; makes nothing yet. On 0, *ret is the caller's. */
int artifact_store_open(const char *root_uri, struct artifact_store **ret, struct dh_err *err);
struct artifact_store *artifact_store_close(struct artifact_store *s);
OWN_DEFINE(struct artifact_store *, artifact_store_close)
const char *artifact_store_root(const struct artifact_store *s); /* normal form; borrowed */

/* Keys are relative paths ("a/b"): no "..", no empty part, no leading '/' (DH_INVALID). "" is the
 * root itself for list. */

/* Copies the local file or folder to the key, all or nothing: readers see the old object or the new
 * one. */
int artifact_store_put(struct artifact_store *s, const char *key, const char *local,
                       struct dh_err *err);
/* Copies the object to the local path (its folder is made), all or nothing. */
int artifact_store_get(struct artifact_store *s, const char *key, const char *local,
                       struct dh_err *err);
/* with_digest false: size and kind alone. DH_NOT_FOUND. */
int artifact_store_stat(struct artifact_store *s, const char *key, bool with_digest,
                        struct artifact_stat *ret, struct dh_err *err);
bool artifact_store_exists(struct artifact_store *s, const char *key);
/* Gone already is fine. Empty folders above it, below the root, go too. */
int artifact_store_delete(struct artifact_store *s, const char *key, struct dh_err *err);
/* Every file and link below the prefix, sorted by key (bytes). fn's nonzero answer ends the walk
 * and is returned. */
int artifact_store_list(struct artifact_store *s, const char *prefix,
                        int (*fn)(const char *key, int64_t size_bytes, void *user,
                                  struct dh_err *err),
                        void *user, struct dh_err *err);

/* ---- inputs ---- */

/* Is there anything at the URI, and (digest not NULL) is it that? 0: yes; ARTIFACT_GONE;
 * ARTIFACT_CHANGED. `size_bytes` (-1: not known) spares reading a file whose size differs. */
enum { ARTIFACT_GONE = 1, ARTIFACT_CHANGED };
int artifact_verify(const char *uri, const char *digest, int64_t size_bytes, struct dh_err *err);

/* Gives a step its input at `to` (not there yet; its folder is made), read-only and as cheaply as
 * the disk allows: the same inode when the file cannot be written through it, reflink, else a
 * copy; folders are made anew and their files given so. The source is never changed. */
int artifact_link_or_copy(const char *from, const char *to, struct dh_err *err);
