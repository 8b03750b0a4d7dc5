#pragma once
/* get - the inputs of a step, from presigned URLs to files: several at a time, each continued where
 * it broke off, its size and SHA-256 checked before it gets its name. */
#include <stdbool.h>
#include "base/err.h"
#include "base/js.h"

/* `inputs` as the claim has them. GET_EXPIRED: the store answers 403, new URLs may help; what is
 * there already is kept. <0: DH_FAILED, DH_IO after ten minutes without progress, DH_CANCELED. */
enum { GET_EXPIRED = 1 };
int get_all(const struct js *inputs, unsigned parallel, struct dh_err *err);
/* A relative path that stays below where it is put: no "..", no empty part. */
bool launch_name_is_safe(const char *name);
