#pragma once
/* compile - what `compile` and `component describe` share. */
#include "base/err.h"
#include "compile/compile.h"

/* Writes the spec to the file, as JSON where its name ends so, else as YAML; NULL: to standard
 * output. Its platform spec is checked first: DH_INVALID. */
int cli_write_spec(const struct compiled *c, const char *to, struct dh_err *err);
