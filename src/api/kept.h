#pragma once
/* kept - answers of lists, as long as the record is what it was.
 *
 * Whoever watches a page asks the same few lists again and again. An answer is kept with the number
 * of the record's state that it was read from (store_stamp), and given again while that number is
 * the record's: it is never older than what a new question would find. Users who may see the same
 * namespaces share it. At most 4 MiB in all. */
#include <stdbool.h>
#include "base/own.h"

struct kept;
struct req;

struct kept *kept_new(void);
struct kept *kept_free(struct kept *kept);
OWN_DEFINE(struct kept *, kept_free)
/* Whether `r` is answered. Within the transaction that its answer would be read in. */
bool kept_answer(struct kept *kept, struct req *r);
/* The answer of `r` is made, in the same transaction: keeps it where it is worth it. */
void kept_put(struct kept *kept, const struct req *r);
