#pragma once
/* placeholder - {{$.inputs.parameters['x']}} and its kind, replaced in commands and constants.
 *
 * Source: KFP's launcher (backend/src/v2/component) and the SDK's placeholder_utils; where the two
 * differ, the SDK's larger set is understood and the backend's texts (numbers, for one) are
 * written. */
#include <stdbool.h>
#include "base/buf.h"

struct js;
struct plan;
struct plan_node;

/* A parameter's text: strings as they are, numbers shortest (1, 0.5), the rest as JSON. The
 * caller's. */
char *placeholder_text(const struct js *value);

/* Whether any text in the value has a placeholder. */
bool placeholder_in(const struct js *value);

/* A copy with the placeholders in all its texts replaced. `inputs`: {"parameters", "artifacts"}. */
struct js *placeholder_expand_value(const struct js *value, const struct plan *plan,
                                    const struct plan_node *node, const struct js *inputs);

/* Appends `text` with its placeholders replaced; `input`: KFP's ExecutorInput as JSON. What is not
 * a placeholder that we know stays as it is. */
void placeholder_expand(const char *text, const struct plan *plan, const struct plan_node *node,
                        const char *task_id, const struct js *input, struct buf *to);

/* {"Concat": …} and {"IfPresent": …}: a command's element may stand for none, one or many. Appends
 * them to `list` (an array of texts, placeholders still inside). Anything else is appended as it
 * is. */
void placeholder_struct(const char *element, const struct js *input, struct js *list);
