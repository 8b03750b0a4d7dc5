#pragma once
/* s3-store - what the store of s3:// is made of: one object a file, a prefix a folder. */
#include "artifact/s3.h"

struct s3_store {
    struct s3_client *client;
    char *prefix; /* without '/' at its end; "": the bucket */
};
char *s3_store_key(const struct artifact_store *s, const char *key); /* the caller's */

/* ---- s3-folder.c ---- */

/* Sends the files that are not there already, then removes what is there and not in the folder. */
int s3_folder_put(struct s3_client *c, const char *key, const char *local, atomic_bool *stop,
                  struct dh_err *err);
/* DH_NOT_FOUND: no object below the key. All or nothing, as for a file. */
int s3_folder_get(struct s3_client *c, const char *key, const char *local,
                  const struct artifact_how *how, struct dh_err *err);
int s3_folder_stat(struct s3_client *c, const char *key, bool with_digest,
                   const struct artifact_how *how, struct artifact_stat *ret, struct dh_err *err);
int s3_folder_remove(struct s3_client *c, const char *key, atomic_bool *stop, struct dh_err *err);
int s3_folder_copy(struct s3_client *from, const char *from_key, struct s3_client *to,
                   const char *to_key, const struct artifact_how *how, struct dh_err *err);

/* ---- s3-presign.c ---- */

/* A URL that lets who has it do `method` on the key, without keys, for so long. The caller's. */
int s3_presign_url(struct s3_client *c, const char *key, const char *method, long seconds,
                   char **ret, struct dh_err *err);
/* The same for a PUT, which has to send the digest as its metadata; NULL: nothing. */
int s3_presign_put(struct s3_client *c, const char *key, const char *sha256, long seconds,
                   char **ret, struct dh_err *err);
/* Begins an upload in parts, and signs a PUT for each. */
int s3_presign_parts(struct s3_client *c, const char *key, int64_t size, const char *sha256,
                     long seconds, struct artifact_parts *ret, struct dh_err *err);
int s3_end_parts(struct s3_client *c, const char *key, const char *upload, const char *const *etags,
                 size_t n, struct dh_err *err);

/* ---- s3-upload.c ---- */

/* Begins an upload in parts. *ret_id: the caller's. `sums`: the parts come with checksums. */
int s3_upload_begin(struct s3_client *c, const char *key, const char *sha256, bool sums,
                    atomic_bool *stop, char **ret_id, struct dh_err *err);
