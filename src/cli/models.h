#pragma once
/* models - the parts of `dhow models`. */
#include "cli/cli.h"

/* `models alias|stage|tag|describe|rule|approve|reject|delete|prune|export …`: the first operand
 * says what. CLI_RUN_FAILED: a rule holds it. */
int models_change(const struct cli *cli, const struct cli_args *args, struct dh_err *err);
