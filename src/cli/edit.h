#pragma once
/* edit - what several commands change alike: the tags of a run, an experiment, a model. */
#include <stdint.h>
#include "cli/cli.h"

/* Operands from `first` on: NAME=VALUE sets, NAME= removes; none: the tags are printed. Returns
 * CLI_DONE. DH_INVALID. */
int cli_edit_tags(const struct cli *cli, struct store *store, enum store_tagged kind, int64_t id,
                  const struct cli_args *args, size_t first, struct dh_err *err);
/* NAME=VALUE as two texts; *ret_name is the caller's. DH_INVALID. */
int cli_split_tag(const char *text, char **ret_name, const char **ret_value, struct dh_err *err);
