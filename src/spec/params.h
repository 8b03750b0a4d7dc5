#pragma once
/* params - the values that a run's user gives: parsed, checked, completed.
 *
 * It knows only the root's inputs; what a task's inputs become is plan/'s. */
#include "spec/spec.h"

/* -p NAME=VALUE: `text` as a value of `type`. A STRING is taken as it is; NUMBER_INTEGER,
 * NUMBER_DOUBLE; BOOLEAN true, false, True, False; LIST, STRUCT and the rest as JSON.
 * On 0 *ret is the caller's. DH_INVALID. */
int spec_parse_param(enum spec_param_type type, const char *text, struct js **ret,
                     struct dh_err *err);

/* Whether a value has that type; a NUMBER_INTEGER may be written as 3.0. */
bool spec_param_fits(enum spec_param_type type, const struct js *v);

/* Whether `value` may be given for that input: its type and its literals. null only where the input
 * is optional. DH_INVALID: "parameter 'x': expected …, got …". */
int spec_check_value(const struct component_inputs_parameter_spec *input, const struct js *value,
                     struct dh_err *err);

/* All of the root's inputs: the given ones (an object, or NULL), then defaults (runtimeConfig of a
 * PipelineJob before the input's own; the pipeline's author answers for an input's own default,
 * which is taken as it is). An optional input with neither is left out. On 0 *ret is the caller's.
 * DH_INVALID: an unknown name, a wrong type, a required one missing. */
int spec_bind_params(const struct spec *spec, const struct js *given, struct js **ret,
                     struct dh_err *err);

/* The input with that name, or NULL and DH_NOT_FOUND: "… has no parameter 'x'; it has …". */
const struct component_inputs_parameter_spec *spec_root_param(const struct spec *spec,
                                                              const char *name, struct dh_err *err);
