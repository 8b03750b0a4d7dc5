#pragma once
/* difference - what of a task's inputs is not as it was for an earlier one: the reason why a result
 * on record does not fit. */
#include "base/buf.h"
#include "base/js.h"
#include "store/store.h"

/* Adds to `to` "input 'c' changed from 1 to 2; input 'data' changed: digest …, was …"; nothing
 * where all inputs are equal. `inputs`: {"parameters": {…}, "artifacts": {NAME: [{"digest"}, …]}};
 * `row` the earlier task, `links` its inputs (others' are passed over). */
void difference_of_inputs(const struct js *inputs, const struct store_task *row,
                          const struct store_linkeds *links, struct buf *to);
