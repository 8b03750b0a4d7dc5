#pragma once
/* artifact - where a step's outputs live: object stores behind one small interface, and digests.
 *
 * It moves and measures bytes. It never knows about runs or tasks (store/ records them), and never
 * decides what may be reused (plan/). A store is a root and keys below it: the file store, whose
 * objects are plain files and folders that steps read and write in place, or a bucket of S3 (s3://,
 * minio://, and gs:// by its S3-compatible interface), whose objects have to be fetched.
 *
 * s3://bucket/key?endpoint=URL&region=R&path_style=true&profile=P&secret=NAME&ca=FILE&anonymous=true
 * and AWS's environment say how a bucket is reached; keys never stand in a URI.
 *
 * Codes: DH_INVALID: a URI that is malformed, or of a scheme that this build does not read (the
 * message says which it does); DH_NOT_FOUND: nothing there; DH_IO. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/own.h"

/* ---- URIs and layout ---- */

/* The schemes that this build reads, for messages: "file, s3, minio, gs". Static. */
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

/* An open file or folder: `path`, or what is `below` it ("" or NULL: itself), and never out of it,
 * wherever links in it point. The caller's descriptor. DH_NOT_FOUND; DH_INVALID: it is neither. */
struct stat;
int artifact_open_beneath(const char *path, const char *below, struct stat *ret,
                          struct dh_err *err);

#define ARTIFACT_TEMPORARY ".dhow-tmp-" /* how the names of half-written things start */

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

/* ---- by URI: of any store, with any key ---- */

struct artifact_how {   /* zero: as the comments below say */
    const char *digest; /* send: what the file is known to be; fetch, copy: what must come */
    bool ours;         /* send: nobody else writes there: what was left half sent is gone on with */
    bool look_first;   /* send: a file that is there already (by digest) is not sent */
    bool read;         /* stat: the digest by reading all of it, not by what its writer says */
    atomic_bool *stop; /* true, set by another thread, ends it: DH_CANCELED. May be NULL */
};
bool artifact_uri_is_remote(const char *uri);
/* The URI of what is below it; settings stay at the end. The caller's. */
char *artifact_uri_below(const char *uri, const char *key);
/* Without its settings. The caller's. */
char *artifact_uri_plain(const char *uri);
/* Local file or folder to the URI; as artifact_store_put. */
int artifact_send(const char *local, const char *uri, const struct artifact_how *how,
                  struct dh_err *err);
/* As artifact_store_get; what comes is checked by all that is known of it. */
int artifact_fetch(const char *uri, const char *local, const struct artifact_how *how,
                   struct dh_err *err);
int artifact_stat_uri(const char *uri, bool with_digest, const struct artifact_how *how,
                      struct artifact_stat *ret, struct dh_err *err);
int artifact_remove(const char *uri, const struct artifact_how *how, struct dh_err *err);
/* Between any two; by the server where it has both, else through a temporary file. */
int artifact_copy_uri(const char *from, const char *to, const struct artifact_how *how,
                      struct dh_err *err);
/* Only by the server. ARTIFACT_NOT_COPIED: it cannot, or what is there has not how->digest. */
enum { ARTIFACT_NOT_COPIED = 1 };
int artifact_copy_there(const char *from, const char *to, const struct artifact_how *how,
                        struct dh_err *err);
/* A URL that lets whoever has it GET (or PUT) the object for so long. The caller's. DH_INVALID: the
 * store has none. */
int artifact_presign(const char *uri, const char *method, long seconds, char **ret,
                     struct dh_err *err);
/* ---- for who has no keys, and no more than URLs ---- */

struct artifact_piece { /* a file of an output: name "" where it is the output itself */
    const char *name;
    int64_t size_bytes;
    const char *sha256;
};
/* What artifact_digest says of the folder that has these files. */
void artifact_digest_pieces(const struct artifact_piece *pieces, size_t n, char to[DIGEST_TEXT]);
/* artifact_digest of a local folder that does not read a file that is known by name and size. */
int artifact_digest_known(const char *path, const struct artifact_piece *known, size_t n,
                          struct artifact_stat *ret, struct dh_err *err);
/* The header that has to be sent with a PUT to artifact_presign_put's URL, besides the bytes. */
#define ARTIFACT_SHA256_HEADER "x-amz-meta-dhow-sha256"
/* A URL for a PUT that leaves the digest with the object, as our own do; NULL: without. */
int artifact_presign_put(const char *uri, const char *sha256, long seconds, char **ret,
                         struct dh_err *err);
#define ARTIFACT_PARTS_FROM ((int64_t)64 << 20) /* above it an object goes in parts */
struct artifact_parts {
    char *upload; /* its id */
    int64_t part_size;
    char **urls; /* of PUTs, one a part */
    size_t n;
};
int artifact_begin_parts(const char *uri, int64_t size_bytes, const char *sha256, long seconds,
                         struct artifact_parts *ret, struct dh_err *err);
void artifact_parts_done(struct artifact_parts *parts);
/* The ETags that the PUTs were answered with. Once more is fine. */
int artifact_end_parts(const char *uri, const char *upload, const char *const *etags, size_t n,
                       struct dh_err *err);

/* Files and links below the URI, sorted; the key is relative to it. */
int artifact_list(const char *uri,
                  int (*fn)(const char *key, int64_t size_bytes, void *user, struct dh_err *err),
                  void *user, struct dh_err *err);
/* Ends what was left half sent below the URI before then; *ret_n: how many. */
int artifact_abort_uploads(const char *uri, int64_t before_us, size_t *ret_n, struct dh_err *err);
/* Whether there are keys for a remote URI; asks no server. 0: there are; ARTIFACT_NO_KEYS, and err
 * says where was looked. */
enum { ARTIFACT_NO_KEYS = 1 };
int artifact_has_keys(const char *uri, struct dh_err *err);

/* Who knows the secrets that URIs name. *ret NULL: there is no such key; the caller's (free). Set
 * once, before there are threads. */
typedef int artifact_secret_reader(void *user, const char *name, const char *key, char **ret,
                                   struct dh_err *err);
void artifact_use_secrets(artifact_secret_reader *read, void *user);
/* Who knows settings of buckets whose URIs have none: *ret is an object of texts by the names that
 * stand behind '?', NULL: nothing is known; the caller's. Set likewise. */
struct js;
typedef int artifact_settings_reader(void *user, const char *scheme, const char *bucket,
                                     const char *key, struct js **ret, struct dh_err *err);
void artifact_use_settings(artifact_settings_reader *read, void *user);
/* Who runs the program that a profile of ~/.aws names (a line for the shell): what it prints goes
 * to `out`. Set likewise. */
typedef int artifact_command_runner(const char *line, struct buf *out, struct dh_err *err);
void artifact_use_commands(artifact_command_runner *run);
/* Who asks a person for the code that a role wants (mfa_serial), which `device` shows: *ret is the
 * caller's; NULL: there is nobody to ask. Set likewise. */
typedef int artifact_code_asker(const char *device, char **ret, struct dh_err *err);
void artifact_use_codes(artifact_code_asker *ask);

/* ---- inputs ---- */

/* Is there anything at the URI, and (digest not NULL) is it that? 0: yes; ARTIFACT_GONE;
 * ARTIFACT_CHANGED. `size_bytes` (-1: not known) spares reading a file whose size differs. */
enum { ARTIFACT_GONE = 1, ARTIFACT_CHANGED };
int artifact_verify(const char *uri, const char *digest, int64_t size_bytes, struct dh_err *err);

/* Gives a step its input at `to` (not there yet; its folder is made), read-only and as cheaply as
 * the disk allows: the same inode when the file cannot be written through it, reflink, else a
 * copy; folders are made anew and their files given so. The source is never changed. */
int artifact_link_or_copy(const char *from, const char *to, struct dh_err *err);
