#pragma once
/* Between the files of image-*.c. */
#include "runtime/image.h"

/* ---- image-tar.c: the members of a tar stream, one after the other ---- */

enum tar_type { TAR_FILE, TAR_FOLDER, TAR_LINK, TAR_HARD_LINK, TAR_FIFO, TAR_OTHER };

struct tar_member {
    enum tar_type type;
    char *path, *target; /* as written; in memory of the reader until the next member */
    int64_t size, mtime;
    unsigned mode, uid, gid;
};

typedef int tar_fill(void *ctx, char *to, size_t cap, size_t *ret_n, struct dh_err *err);

struct tar;
struct tar *tar_new(tar_fill *fill, void *ctx);
struct tar *tar_free(struct tar *t);
OWN_DEFINE(struct tar *, tar_free)
enum tar_answer { TAR_END = 1 };
/* DH_INVALID: not a tar archive, damaged, or cut short. Skips what was not read of the one before.
 */
int tar_next(struct tar *t, struct tar_member *ret, struct dh_err *err);
/* Bytes of the member's file; *ret_n == 0 at their end. */
int tar_read(struct tar *t, char *to, size_t cap, size_t *ret_n, struct dh_err *err);

/* ---- image-unpack.c ---- */

struct layer_use { /* of all layers of one image */
    int64_t bytes, files;
};
/* Puts a layer over what is in `root`: removes what its whiteouts name, replaces what it has anew.
 * `digest` (hex) is of the file as it is, `diff_id` of the stream unpacked; NULL: not known. No
 * member can reach out of `root`, whatever its path and links say. */
int layer_unpack(const char *file, const char *digest, const char *diff_id, const char *root,
                 struct layer_use *use, struct dh_err *err);
/* An archive's members as files below `root`, without a layer's meaning. */
int archive_unpack(const char *file, const char *root, struct dh_err *err);

/* ---- image-layout.c: what the folders of the two formats say ---- */

struct layer {
    char *file, *digest, *diff_id; /* digests in hex; NULL: not said */
};

struct image_source {
    char *id; /* digest of the configuration, hex */
    struct js *config;
    struct layer *layers;
    size_t n_layers;
    struct js *names; /* array: as the source itself names it */
};
/* `folder` is an OCI layout or what `docker save` writes, unpacked. `tag` NULL: the only one. */
int image_source_read(const char *folder, const char *tag, struct image_source *ret,
                      struct dh_err *err);
void image_source_done(struct image_source *s);

/* "sha256:…" → its hex digits, in `value`. DH_INVALID: another algorithm, or no digest. */
int image_hex(const char *digest, const char **ret_hex, struct dh_err *err);
char *image_normal_name(const char *name); /* "python:3" → docker.io/library/python:3 */
