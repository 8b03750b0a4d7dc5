#pragma once
/* What a list can be filtered and sorted by: of the files of page alone. */
#include "base/arena.h"
#include "store/page.h"

enum page_type { TEXT, DIGEST, TIME, NUMBER, REAL, STATE, ARCHIVED, ENABLED };

struct page_field {
    const char *key, *sql;
    enum page_type type;
};

struct page_list {
    const char *from, *id, *where; /* `where`: of all that is shown */
    const char *tags;              /* kind of its tags; NULL: none */
    const struct page_field *fields;
};

extern const struct page_list page_lists[PAGE_KINDS];

const struct page_field *page_field(enum page_kind kind, const char *key); /* NULL: there is none */
/* The same, and "metric:NAME" of runs. */
const struct page_field *page_sort(enum page_kind kind, const char *key, struct arena *a);
