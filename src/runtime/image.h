#pragma once
/* image - container images on this machine, unpacked: what `--runtime oci` runs where no container
 * engine keeps images of its own.
 *
 * An image comes from an OCI layout, an archive of one, or what `docker save` writes:
 *     oci:FOLDER[:TAG]   oci-archive:FILE[:TAG]   docker-archive:FILE[:NAME]
 * or from a registry through skopeo. Every digest is verified. It is unpacked once, into
 * {home}/images/{id}/rootfs, where id is the digest of its configuration; names.json beside it says
 * which name means which image. A rootfs never changes once it is there.
 *
 * Nothing is run here. Calls may be made from any thread and by several processes. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "base/js.h"
#include "base/own.h"

struct image {
    char *id;          /* 64 hex digits */
    char *rootfs;      /* absolute */
    struct js *config; /* Entrypoint, Cmd, Env, WorkingDir, User as the image's author set them */
};
void image_done(struct image *image);

/* Unpacks what `source` names (as above; a bare path is told by what is there) and gives it a name:
 * `name`, or where that is NULL the names in it and `source` itself. *ret (may be NULL) is filled.
 * DH_INVALID: not an image, or a digest does not fit; DH_NOT_FOUND; DH_IO. */
int image_load(const char *home, const char *source, const char *name, struct image *ret,
               struct dh_err *err);
/* Fetches it from its registry by skopeo, then loads it. Takes long. DH_CANCELED: *stop. */
int image_pull(const char *home, const char *name, const atomic_bool *stop, struct dh_err *err);

enum image_answer { IMAGE_MISSING = 1 };
/* The image that a name means. IMAGE_MISSING: it is not here, or its archive has changed since. */
int image_find(const char *home, const char *name, struct image *ret, struct dh_err *err);
/* Whether a name is one of a file or folder of this machine, not of a registry. */
bool image_is_local(const char *name);
char *image_file(const char *name); /* that file or folder; the caller's */

/* [{"id", "names": […], "bytes", "loaded_at"}], for people and gc. */
int image_list(const char *home, struct js **ret, struct dh_err *err);
/* Forgets a name, or by id all its names; the files go with the last name. DH_NOT_FOUND. */
int image_remove(const char *home, const char *name_or_id, struct dh_err *err);
