#pragma once
/* filter - what MLflow's clients give to find experiments, models and versions, and to put them in
 * order: comparisons joined by AND, KEY OP VALUE with KEY one of name, run_id, source_path,
 * version, creation_time, last_update_time (and what else MLflow calls them; attributes.NAME as
 * well), tag.NAME (tags.`NAME`) and OP one of = != LIKE ILIKE IN, of numbers = != < <= > >=. (Runs
 * are found by store/run-query.h.) */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/js.h"

#define MLFLOW_FILTER_MAX 20
#define MLFLOW_ORDER_MAX 8

enum mlflow_key {
    MLFLOW_NAME,
    MLFLOW_RUN_ID,
    MLFLOW_SOURCE,
    MLFLOW_VERSION, /* a text, in order by its number */
    MLFLOW_CREATED, /* numbers: milliseconds */
    MLFLOW_UPDATED,
    MLFLOW_TAG,
};
struct mlflow_comparison {
    enum mlflow_key key;
    const char *tag;
    enum mlflow_op {
        MLFLOW_EQUAL,
        MLFLOW_OTHER,
        MLFLOW_LIKE,
        MLFLOW_ILIKE,
        MLFLOW_IN,
        MLFLOW_LESS,
        MLFLOW_LEAST, /* >= */
        MLFLOW_MORE,
        MLFLOW_MOST, /* <= */
    } op;
    const char *const *values; /* more than one: of IN */
    size_t n_values;
    double number; /* of CREATED, UPDATED, and of VERSION without quotes */
    bool by_number;
};
struct mlflow_filter {
    struct mlflow_comparison items[MLFLOW_FILTER_MAX];
    size_t n;
    bool needs_tags;
};
struct mlflow_order {
    struct {
        enum mlflow_key key;
        bool descending;
    } items[MLFLOW_ORDER_MAX];
    size_t n;
};
struct mlflow_facts { /* of one thing; NULL: it has none */
    const char *name, *run_id, *source_path, *version;
    const char *tags; /* JSON object of texts */
    int64_t created_ms, updated_ms;
};

/* NULL or "": everything fits. Texts are in `a`. DH_INVALID. */
int mlflow_filter_read(const char *text, struct arena *a, struct mlflow_filter *ret,
                       struct dh_err *err);
bool mlflow_filter_fits(const struct mlflow_filter *filter, const struct mlflow_facts *facts);
/* ["KEY", "KEY DESC", …]; NULL: none. DH_INVALID. */
int mlflow_order_read(const struct js *list, struct arena *a, struct mlflow_order *ret,
                      struct dh_err *err);
/* Below, at or above 0. */
int mlflow_order_compare(const struct mlflow_order *order, const struct mlflow_facts *a,
                         const struct mlflow_facts *b);
