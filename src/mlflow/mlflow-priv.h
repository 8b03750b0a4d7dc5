#pragma once
/* Between mlflow.c (calls, errors), mlflow-models.c, mlflow-runs.c, mlflow-track.c, and
 * mlflow-logged.c over mlflow-files.c. */
#include "base/arena.h"
#include "mlflow/filter.h"
#include "mlflow/mlflow.h"
#include "registry/registry.h"

struct mlflow {
    struct store *store;
    const struct mlflow_request *request;
    const struct js *args;
    const char *param[2]; /* what stands for '*' in the call's path */
    struct arena *a;
    struct js *out; /* the answer: an object */
};

typedef int mlflow_call(struct mlflow *m, struct dh_err *err);

/* An argument as a text (numbers, too); NULL: none, or empty. */
const char *mlflow_arg(const struct mlflow *m, const char *key);
/* DH_INVALID: it is missing. */
int mlflow_need(const struct mlflow *m, const char *key, const char **ret, struct dh_err *err);
int64_t mlflow_int(const struct mlflow *m, const char *key, int64_t other);
void mlflow_ms(struct js *to, const char *key, int64_t us); /* left out where it is not set */
void mlflow_text(struct js *to, const char *key, const char *text); /* left out where it is NULL */
/* A list [{"key", "value"}] of a JSON object of texts; `json` may be NULL. */
struct js *mlflow_pairs(const char *json);
/* {"key", "value"} members of the arguments as tags of a thing. */
int mlflow_set_tag(struct mlflow *m, enum store_tagged kind, int64_t id, bool remove,
                   struct dh_err *err);

/* What a search has found: things that fit the argument `filter`, then in the order of `order_by`
 * (else as they came), and of these a page. */
struct mlflow_search {
    struct mlflow_filter filter;
    struct mlflow_order order;
    struct mlflow_found {
        struct mlflow_facts facts;
        const void *thing;
        size_t place;
    } * items;
    size_t n, cap;
};
int mlflow_search_begin(struct mlflow *m, struct mlflow_search *ret, struct dh_err *err);
void mlflow_search_add(struct mlflow *m, struct mlflow_search *s, const struct mlflow_facts *facts,
                       const void *thing); /* where it fits */
/* Its page as the member `name` of the answer; `write` makes a thing's value. */
int mlflow_search_end(struct mlflow *m, struct mlflow_search *s, const char *name,
                      int (*write)(struct mlflow *m, const void *thing, struct js **ret,
                                   struct dh_err *err),
                      struct dh_err *err);

/* mlflow-track.c: a call that writes is whole, or nothing of it. */
int mlflow_within(struct mlflow *m, int (*fn)(struct mlflow *m, struct dh_err *err),
                  struct dh_err *err);
bool mlflow_is_own(const struct store_run *run); /* a client began it */
/* DH_FAILED: it is dhow's. */
int mlflow_own_run(struct mlflow *m, const char *id, struct store_run *ret, struct dh_err *err);

/* mlflow-files.c: the task that has all files of a client's run, made where it is not there. */
int mlflow_task_of(struct store *s, int64_t run, struct arena *a, int64_t *ret, struct dh_err *err);
enum { MLFLOW_KEY_MOST = 250 }; /* the name of an output, in every database */
/* The artifact as an output of that task, behind others of that name. */
int mlflow_link_output(struct store *s, int64_t run, const char *key, int64_t artifact,
                       struct arena *a, struct dh_err *err);
/* The artifact at a path of the proxy. A folder of a client's run becomes one. */
int mlflow_file_artifact(struct mlflow *m, const char *path, struct store_artifact *ret,
                         struct dh_err *err);
/* A URI of the record as a client finds it. */
const char *mlflow_shown_uri(struct mlflow *m, const char *uri);

/* mlflow-logged.c */
int mlflow_logged_find(struct mlflow *m, const char *id, struct store_artifact *ret,
                       struct dh_err *err);
/* A file of a model that is not complete: what it is. */
int mlflow_logged_file(struct store *s, const struct store_artifact *model, const char *name,
                       const char *digest, int64_t size, struct dh_err *err);
/* An artifact's digest and size, where they are not known: by those of its files, as far as these
 * are. Not within a transaction. */
int mlflow_measure(struct mlflow *m, const struct store_artifact *row, struct dh_err *err);
int mlflow_logged_of_run(struct mlflow *m, int64_t run, struct js **ret, struct dh_err *err);
mlflow_call mlflow_logged_create, mlflow_logged_get, mlflow_logged_finalize, mlflow_logged_params,
    mlflow_logged_tags, mlflow_logged_delete_tag, mlflow_logged_search, mlflow_run_outputs;

/* mlflow-runs.c: by the argument run_id; an experiment by its number; and a run as an answer. */
int mlflow_find_run(struct mlflow *m, struct store_run *ret, struct dh_err *err);
int mlflow_find_experiment(struct mlflow *m, const char *id, struct store_experiment *ret,
                           struct dh_err *err);
int mlflow_answer_run(struct mlflow *m, const char *key, const struct store_run *run,
                      struct dh_err *err);
int mlflow_answer_info(struct mlflow *m, const struct store_run *run);

mlflow_call mlflow_model_create, mlflow_model_get, mlflow_model_rename, mlflow_model_update,
    mlflow_model_delete, mlflow_model_search, mlflow_model_latest, mlflow_model_set_tag,
    mlflow_model_delete_tag, mlflow_alias_set, mlflow_alias_delete, mlflow_alias_get,
    mlflow_version_create, mlflow_version_get, mlflow_version_update, mlflow_version_delete,
    mlflow_version_search, mlflow_version_uri, mlflow_version_stage, mlflow_version_set_tag,
    mlflow_version_delete_tag;
mlflow_call mlflow_experiment_get, mlflow_experiment_by_name, mlflow_experiment_search,
    mlflow_experiment_set_tag, mlflow_run_get, mlflow_run_search, mlflow_run_set_tag,
    mlflow_run_delete_tag, mlflow_metric_history;
mlflow_call mlflow_experiment_create, mlflow_experiment_delete, mlflow_experiment_restore,
    mlflow_run_create, mlflow_run_update, mlflow_run_delete, mlflow_run_restore, mlflow_log_metric,
    mlflow_log_param, mlflow_log_batch;
