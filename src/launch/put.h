#pragma once
/* put - a step's artifact to presigned URLs: hashed, signed for, sent; several at a time, large
 * files in parts. */
#include "base/err.h"
#include "base/js.h"
#include "launch/server.h"

/* All of `path`, a file or a folder, as the artifact `name`. *ret: {"name", "folder", "files":
 * [{"name", "size", "sha256"}]} for the finish; a lone file's name is "",
 * an empty folder's ends with "/". PUT_NONE: nothing is at
 * `path`. PUT_REFUSED: the server knows the attempt no more. <0: DH_FAILED, DH_IO, DH_CANCELED. */
enum { PUT_NONE = 1, PUT_REFUSED };
int put_artifact(struct server *s, const char *name, const char *path, unsigned parallel,
                 struct js **ret, struct dh_err *err);
