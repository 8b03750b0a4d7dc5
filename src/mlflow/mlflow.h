#pragma once
/* mlflow - the record as MLflow's clients read it: registered models, model versions, aliases,
 * tags, experiments and runs, by the calls of its REST API (2.0).
 *
 * Request in, answer out: it knows no socket. A client may begin runs of its own and write into
 * these; of what dhow ran tags alone may be set. An experiment's id is its number, a run's its
 * UUID; a model's version keeps the name that it has. */
#include <stdbool.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/js.h"
#include "store/store.h"

struct mlflow_request {
    const char *method;    /* "GET", "POST", "PATCH", "DELETE" */
    const char *path;      /* behind /api/2.0/mlflow/: "registered-models/get" */
    const struct js *args; /* the query as an object of texts (GET), or the body */
    bool may_write;
    const char *user; /* who asks, for the history; NULL: not known */
};

/* The answer's JSON into *out and its HTTP status. Always an answer: errors are MLflow's form,
 * {"error_code", "message"}. */
void mlflow_handle(struct store *store, const struct mlflow_request *request, struct buf *out,
                   int *ret_status);
