#pragma once
/* mlflow - the record as MLflow's clients read it: registered models, model versions, aliases,
 * tags, experiments, runs and their files, by the calls of its REST API (2.0).
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
    const char *home;
};

/* The answer's JSON into *out and its HTTP status. Always an answer: errors are MLflow's form,
 * {"error_code", "message"}. */
void mlflow_handle(struct store *store, const struct mlflow_request *request, struct buf *out,
                   int *ret_status);

/* ---- files: mlflow-artifacts:/RUN/artifacts/… and mlflow-artifacts:/RUN/models/MODEL/… ----
 *
 * A run of a client's own has them below MLFLOW_FOLDER, a file an artifact on record. What dhow ran
 * shows its local outputs as artifacts/TASK/OUTPUT, and takes none. Paths are checked: none leads
 * out. */
#define MLFLOW_FOLDER "artifacts/mlflow" /* of the home */

/* {"files": […]} of what is directly below; nothing, where nothing is. */
int mlflow_files_list(struct store *store, const char *home, const char *path, struct buf *out,
                      struct dh_err *err);
/* The caller's descriptor; -1: err. */
int mlflow_file_open(struct store *store, const char *home, const char *path, int64_t *ret_size,
                     struct dh_err *err);
/* The file `from`, on the same disk, becomes the one at that path, in place of what was there. */
int mlflow_file_put(struct store *store, const char *home, const char *path, const char *from,
                    const char *digest, int64_t size, struct dh_err *err);
