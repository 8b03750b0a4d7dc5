#pragma once
/* artifacts - the parts of `dhow artifacts`: the list, and what is done with one of them. */
#include "cli/cli.h"

/* What the text names: an artifact of the record, by number, id, URI or RUN/TASK/OUTPUT. 0;
 * ARTIFACTS_FREE: none of the record, but a URI or path: `ret` has the uri alone. DH_NOT_FOUND. */
enum { ARTIFACTS_FREE = 1 };
int artifacts_find(const struct cli *cli, const char *text, struct arena *a,
                   struct store_artifact *ret, struct dh_err *err);
int artifacts_list(struct cli *cli, const struct cli_args *args, struct dh_err *err);
/* Those of the options --run and --type, for `verify`. *ret_store (may stay NULL): the caller's. */
int artifacts_rows(const struct cli *cli, const struct cli_args *args, struct arena *a,
                   struct store_artifact_rows *ret, struct dh_err *err);
