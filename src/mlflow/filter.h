#pragma once
/* filter - what MLflow's clients give to find models and versions: comparisons joined by AND,
 * KEY OP 'VALUE' with KEY one of name, run_id, source_path, version, tag.NAME (tags.`NAME`) and OP
 * one of = != LIKE ILIKE. (Runs are found by store/run-query.h.) */
#include <stdbool.h>
#include <stddef.h>
#include "base/arena.h"
#include "base/err.h"

#define MLFLOW_FILTER_MAX 20

struct mlflow_comparison {
    const char *key; /* "name", …; of a tag its name */
    bool is_tag;
    enum { MLFLOW_EQUAL, MLFLOW_OTHER, MLFLOW_LIKE, MLFLOW_ILIKE } op;
    const char *value;
};
struct mlflow_filter {
    struct mlflow_comparison items[MLFLOW_FILTER_MAX];
    size_t n;
    bool needs_tags;
};
struct mlflow_facts { /* of one thing; NULL: it has none */
    const char *name, *run_id, *source_path, *version;
    const char *tags; /* JSON object of texts */
};

/* NULL or "": everything fits. Texts are in `a`. DH_INVALID. */
int mlflow_filter_read(const char *text, struct arena *a, struct mlflow_filter *ret,
                       struct dh_err *err);
bool mlflow_filter_fits(const struct mlflow_filter *filter, const struct mlflow_facts *facts);
