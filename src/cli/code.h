#pragma once
/* code - asks for the code of a role of AWS (artifact_use_codes). */
#include "base/err.h"

/* *ret NULL: there is no terminal, or nothing was said. */
int cli_ask_code(const char *device, char **ret, struct dh_err *err);
