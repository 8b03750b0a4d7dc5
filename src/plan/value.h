#pragma once
/* value - a parameter's value as its declared type has it. */
#include "spec/spec.h"

/* `v` brought to its type as KFP does: the JSON text of what is no string for STRING, 5.0
 * as 5 for an INTEGER and inside lists and structs, 5 as 5.0 for a DOUBLE; what does not fit stays
 * as it is. A value that the caller frees. */
struct js *value_as(enum spec_param_type type, const struct js *v);
