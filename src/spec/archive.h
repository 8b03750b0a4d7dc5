#pragma once
/* archive - the packed forms in which a pipeline is uploaded: .zip, .tar.gz, .tgz, .gz.
 *
 * Told by their first bytes, not by the file's name. Nothing is written to disk, and nothing is
 * unpacked beyond base/limits.h. */
#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"

bool archive_is(const char *bytes, size_t n);
/* The pipeline inside: the member pipeline.yaml (or .yml, .json), else the only one with such an
 * ending. *ret (the caller's: free) is NUL-terminated; *ret_name (the caller's) is "NAME:member".
 * DH_INVALID: damaged, too large, encrypted, or no such member. */
int archive_read(const char *name, const char *bytes, size_t n, char **ret, size_t *ret_n,
                 char **ret_name, struct dh_err *err);
