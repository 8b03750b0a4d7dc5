#pragma once
/* artifact-priv - what the files of artifact/ share: the table of a kind of store. */
#include "artifact/artifact.h"

/* One kind of store. Keys that reach these calls are checked already. */
struct artifact_ops {
    const char *scheme; /* "file" */
    int (*open)(struct artifact_store *s, struct dh_err *err);
    void (*close)(struct artifact_store *s);
    int (*put)(struct artifact_store *s, const char *key, const char *local,
               const struct artifact_how *how, struct dh_err *err);
    int (*get)(struct artifact_store *s, const char *key, const char *local,
               const struct artifact_how *how, struct dh_err *err);
    int (*stat)(struct artifact_store *s, const char *key, bool with_digest,
                const struct artifact_how *how, struct artifact_stat *ret, struct dh_err *err);
    int (*remove)(struct artifact_store *s, const char *key, const struct artifact_how *how,
                  struct dh_err *err);
    int (*list)(struct artifact_store *s, const char *prefix,
                int (*fn)(const char *key, int64_t size_bytes, void *user, struct dh_err *err),
                void *user, struct dh_err *err);
    /* Without the bytes coming here; both stores are of this kind. ARTIFACT_UNABLE: it cannot.
     * NULL: it never can. */
    int (*copy)(struct artifact_store *s, const char *key, struct artifact_store *to,
                const char *to_key, const struct artifact_how *how, struct dh_err *err);
    /* NULL: there are no such URLs. */
    int (*presign)(struct artifact_store *s, const char *key, const char *method, long seconds,
                   char **ret, struct dh_err *err);
    /* The next three as artifact_presign_put and those after it; NULL with presign. */
    int (*presign_put)(struct artifact_store *s, const char *key, const char *sha256, long seconds,
                       char **ret, struct dh_err *err);
    int (*begin_parts)(struct artifact_store *s, const char *key, int64_t size_bytes,
                       const char *sha256, long seconds, struct artifact_parts *ret,
                       struct dh_err *err);
    int (*end_parts)(struct artifact_store *s, const char *key, const char *upload,
                     const char *const *etags, size_t n, struct dh_err *err);
    /* NULL: nothing is ever left half sent. */
    int (*abort)(struct artifact_store *s, const char *key, int64_t before_us, size_t *ret_n,
                 struct dh_err *err);
};
enum { ARTIFACT_UNABLE = 1 };
struct artifact_store {
    const struct artifact_ops *ops;
    char *root; /* normal form, no '/' at the end */
    void *own;  /* of the kind: the file store's local path */
};
extern const struct artifact_ops artifact_file_ops, artifact_s3_ops, artifact_minio_ops,
    artifact_gs_ops;

/* The parts of "scheme://rest"; a plain path has n_scheme 0 and rest = the text itself. */
struct artifact_uri {
    const char *scheme, *rest; /* borrowed from the text */
    size_t n_scheme;
};
struct artifact_uri artifact_uri_split(const char *text);
/* The kind that reads the scheme; NULL: none of this build. */
const struct artifact_ops *artifact_ops_of(const struct artifact_uri *uri);

/* What is below a folder, without the folder itself, sorted by relative name (bytes). */
struct artifact_entry {
    char *name; /* relative: "a/b" */
    enum { ARTIFACT_ENTRY_DIR, ARTIFACT_ENTRY_FILE, ARTIFACT_ENTRY_LINK } kind;
    int64_t size_bytes; /* of a file */
};
struct artifact_tree {
    struct artifact_entry *items;
    size_t n, cap;
};
/* DH_INVALID: a socket, pipe or device below. Entries of a put that was cut off are left out. */
int artifact_tree_read(const char *path, struct artifact_tree *ret, struct dh_err *err);
void artifact_tree_done(struct artifact_tree *tree);
#define own_tree __attribute__((cleanup(artifact_tree_done)))

struct artifact_record { /* one of artifact_digest's canonical list of a folder */
    int kind;            /* ARTIFACT_ENTRY_… */
    const char *name;
    int64_t size_bytes;
    const char *text; /* a file's digest, a link's target */
};
/* The folders that names go through are added; the names are the caller's. */
void artifact_digest_records(const struct artifact_record *records, size_t n, char to[DIGEST_TEXT]);

/* stat of a file or folder that may be an artifact, links followed. DH_NOT_FOUND; DH_INVALID:
 * neither. */
int artifact_kind_of(const char *path, enum artifact_kind *ret, int64_t *ret_size,
                     struct dh_err *err);

/* A free name in the folder of `to`, which is made. The caller's (free). */
int artifact_beside(const char *to, char **ret, struct dh_err *err);
/* The finished `beside` becomes `to`, in place of what was there. */
int artifact_put_in_place(const char *beside, const char *to, struct dh_err *err);
/* Copies the file or folder `from` to `to`, all or nothing; what was there is replaced. */
int artifact_copy(const char *from, const char *to, struct dh_err *err);
