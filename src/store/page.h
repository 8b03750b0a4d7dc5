#pragma once
/* page - lists of what a server shows: filtered, sorted, a page at a time.
 *
 * A page begins after the last item of the page before (its sort value and its id), so that the
 * thousandth page costs what the first one does. What can be asked for is in a table of names a
 * kind; what is not there is DH_INVALID. Only ids come back: the rows are read by the calls for one
 * thing. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"

struct store;

enum page_kind {
    PAGE_EXPERIMENTS,
    PAGE_PIPELINES,
    PAGE_VERSIONS,
    PAGE_RUNS,
    PAGE_SCHEDULES,
    PAGE_TASKS,
    PAGE_ARTIFACTS,
    PAGE_KINDS
};

enum page_op { PAGE_EQ = 1, PAGE_NE, PAGE_GT, PAGE_GE, PAGE_LT, PAGE_LE, PAGE_IN, PAGE_SUBSTRING };

struct page_value {
    bool is_text, is_real;
    int64_t number;
    double real;
    const char *text;
};

struct page_predicate {
    const char *key; /* as the API names it; "tags.x" */
    enum page_op op;
    const struct page_value *values; /* one, or those of PAGE_IN */
    size_t n;
};

struct page_ask {
    enum page_kind kind;
    const struct page_predicate *predicates; /* all must hold */
    size_t n_predicates;
    const char *sort; /* a key; of runs also "metric:NAME"; NULL: created_at */
    bool down;
    int limit;               /* at least 1 */
    bool after;              /* a page before there was: */
    bool after_null;         /* its last sort value was not set */
    struct page_value value; /* else this */
    int64_t after_id;
};

struct page_ids {
    int64_t *ids;
    size_t n;
    bool more;
    bool last_null; /* of the last id: for the page after */
    struct page_value last;
};

/* Whether the kind can be sorted by `key`, or filtered. */
bool page_has_key(enum page_kind kind, const char *key);
int page_ids(struct store *s, const struct page_ask *ask, struct arena *a, struct page_ids *ret,
             struct dh_err *err);
/* How many there are after the filter. Linear in them: for the caller to keep. */
int page_count(struct store *s, const struct page_ask *ask, int64_t *ret, struct dh_err *err);
