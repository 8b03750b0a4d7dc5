#pragma once
/* Between secret.c (sets and files) and secret-source.c (where else values come from). */
#include "engine/secret.h"

/* DH_INVALID: others than the owner may read or write the file. */
int secret_check_mode(const char *path, struct dh_err *err);
/* For artifact_use_settings: what the config map kfp-launcher says of a bucket. `home`: a char *.
 */
int providers_settings(void *home, const char *scheme, const char *bucket, const char *key,
                       struct js **ret, struct dh_err *err);
/* Its defaultPipelineRoot; *ret NULL: none. The caller's. */
int providers_root(const char *home, char **ret, struct dh_err *err);
/* secret_load of files that only their owner may read. */
int secret_load_tight(const char *path, const char *key, struct secret_set *to, struct dh_err *err);
/* What a file called `base` holds, `path` for messages. */
int secret_load_text(const char *path, const char *base, const char *key, const char *text,
                     size_t n, struct secret_set *to, struct dh_err *err);
