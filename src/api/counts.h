#pragma once
/* counts - how many things a list has, kept for a while.
 *
 * Counting is linear in what is counted. A count is kept for fifty times as long as it took, so
 * that counting never costs more than a fiftieth of the server's time: a few milliseconds where
 * there are few, a fifth of a second where there are hundreds of thousands. What this server writes
 * itself makes it count anew. */
#include "base/own.h"
#include "store/page.h"

struct counts;
struct counts *counts_new(void);
struct counts *counts_free(struct counts *counts);
OWN_DEFINE(struct counts *, counts_free)
void counts_forget(struct counts *counts);
/* `key`: names the kind and the filter. */
int counts_get(struct counts *counts, struct store *store, const struct page_ask *ask,
               const char *key, int64_t *ret, struct dh_err *err);
