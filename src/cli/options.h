#pragma once
/* options - argv against the tables of cli.h. Options may stand before, between and after
 * operands; "--" ends them; --name=value and -nvalue are read too. */
#include "cli/cli.h"

struct cli_args *cli_args_new(void);
struct cli_args *cli_args_free(struct cli_args *args);
OWN_DEFINE(struct cli_args *, cli_args_free)

/* Reads argv[0…argc) (without the program's name) against `command`'s options and the global ones.
 * `command` NULL: global options alone, up to the first operand, whose place goes to *ret_at.
 * DH_INVALID: "unknown option '--x'; did you mean '--y'?" and the like. */
int cli_parse(const struct cli_command *command, int argc, char **argv, struct cli_args *args,
              int *ret_at, struct dh_err *err);
