#pragma once
/* filter - KFP's filters: JSON in an address to predicates. */
#include "base/arena.h"
#include "base/err.h"
#include "store/page.h"

struct filter {
    struct page_predicate *items;
    size_t n;
};
/* `text` as the query has it, decoded once; decoded again where it still is encoded, as KFP's page
 * sends it. DH_INVALID. Lives in `a`. */
int filter_read(const char *text, enum page_kind kind, struct arena *a, struct filter *ret,
                struct dh_err *err);
