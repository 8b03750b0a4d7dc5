#include "api/route.h"

#include <string.h>

#include "api/experiments.h"
#include "api/launch.h"
#include "api/mlflow.h"
#include "api/mlmd.h"
#include "api/native.h"
#include "api/pipelines.h"
#include "api/recurring.h"
#include "api/runs.h"
#include "api/serve.h"
#include "api/ui.h"
#include "engine/launch.h"

#define V2 "/apis/v2beta1/"
#define FILES "/api/2.0/mlflow-artifacts/artifacts"
#define POD                                                                                        \
    (ROUTE_OPEN | ROUTE_POD) /* they show a token of their own, or there is nothing to see */

static const struct route routes[] = {
    /* ---- KFP: experiments ---- */
    {REQ_GET, V2 "experiments", experiments_list, AUTH_VIEWER, FORM_KFP, 0,
     "List experiments failed"},
    {REQ_POST, V2 "experiments", experiments_create, AUTH_RUNNER, FORM_KFP, 0,
     "Failed to create a experiment"},
    {REQ_POST, V2 "experiments/{}:archive", experiments_archive, AUTH_RUNNER, FORM_KFP, 0,
     "Failed to archive experiment"},
    {REQ_POST, V2 "experiments/{}:unarchive", experiments_unarchive, AUTH_RUNNER, FORM_KFP, 0,
     "Failed to unarchive experiment"},
    {REQ_GET, V2 "experiments/{}", experiments_get, AUTH_VIEWER, FORM_KFP, 0,
     "Failed to fetch experiment"},
    {REQ_DELETE, V2 "experiments/{}", experiments_delete, AUTH_ADMIN, FORM_KFP, 0,
     "Failed to delete experiment"},

    /* ---- ML Metadata ---- */
    {REQ_POST, "/ml_metadata.MetadataStoreService/{}", mlmd_grpc_web, AUTH_VIEWER, FORM_KFP,
     ROUTE_RAW_BODY, NULL},

    /* ---- KFP: pipelines ---- */
    {REQ_GET, V2 "pipelines", pipelines_list, AUTH_VIEWER, FORM_KFP, 0, "Failed to list pipelines"},
    {REQ_POST, V2 "pipelines", pipelines_create, AUTH_RUNNER, FORM_KFP, 0,
     "Failed to create a pipeline due to server error"},
    {REQ_POST, V2 "pipelines/create", pipelines_create_with_version, AUTH_RUNNER, FORM_KFP, 0,
     "Failed to create a pipeline"},
    {REQ_POST, V2 "pipelines/upload", upload_pipeline, AUTH_RUNNER, FORM_UPLOAD, ROUTE_RAW_BODY,
     "Failed to create a pipeline and a pipeline version"},
    {REQ_POST, V2 "pipelines/upload_version", upload_version, AUTH_RUNNER, FORM_UPLOAD,
     ROUTE_RAW_BODY, "Failed to create a pipeline version"},
    {REQ_GET, V2 "pipelines/names/{}", pipelines_named, AUTH_VIEWER, FORM_KFP, 0,
     "Failed to get a pipeline with name {0}. Check error stack"},
    {REQ_GET, V2 "pipelines/{}", pipelines_get, AUTH_VIEWER, FORM_KFP, 0,
     "Failed to get a pipeline {0}. Check error stack"},
    {REQ_PATCH, V2 "pipelines/{}", pipelines_patch, AUTH_RUNNER, FORM_KFP, 0,
     "Failed to update pipeline {0}. Check error stack"},
    {REQ_DELETE, V2 "pipelines/{}", pipelines_delete, AUTH_ADMIN, FORM_KFP, 0,
     "Failed to delete pipeline {0}. Check error stack"},
    {REQ_GET, V2 "pipelines/{}/versions", versions_list, AUTH_VIEWER, FORM_KFP, 0,
     "Failed to list pipeline versions for pipeline {0}"},
    {REQ_POST, V2 "pipelines/{}/versions", versions_create, AUTH_RUNNER, FORM_KFP, 0,
     "Failed to create a pipeline version. Check error stack"},
    {REQ_GET, V2 "pipelines/{}/versions/{}", versions_get, AUTH_VIEWER, FORM_KFP, 0,
     "Failed to get a pipeline version {1}"},
    {REQ_PATCH, V2 "pipelines/{}/versions/{}", versions_patch, AUTH_RUNNER, FORM_KFP, 0,
     "Failed to update pipeline version {1}. Check error stack"},
    {REQ_DELETE, V2 "pipelines/{}/versions/{}", versions_delete, AUTH_ADMIN, FORM_KFP, 0,
     "Failed to delete a pipeline version id {1} under pipeline id {0}. Check error stack"},

    /* ---- KFP: runs ---- */
    {REQ_GET, V2 "runs", runs_list, AUTH_VIEWER, FORM_KFP, ROUTE_KEPT, "Failed to list runs"},
    {REQ_POST, V2 "runs", runs_create, AUTH_RUNNER, FORM_KFP, 0, "Failed to create a new run"},
    {REQ_POST, V2 "runs/{}:archive", runs_archive, AUTH_RUNNER, FORM_KFP, 0,
     "Failed to archive a run"},
    {REQ_POST, V2 "runs/{}:unarchive", runs_unarchive, AUTH_RUNNER, FORM_KFP, 0,
     "Failed to unarchive a run"},
    {REQ_POST, V2 "runs/{}:terminate", runs_terminate, AUTH_RUNNER, FORM_KFP, 0,
     "Failed to terminate a run"},
    {REQ_POST, V2 "runs/{}:retry", runs_retry, AUTH_RUNNER, FORM_KFP, 0, "Failed to retry a run"},
    {REQ_GET, V2 "runs/{}", runs_get, AUTH_VIEWER, FORM_KFP, 0, "Failed to get a run"},
    {REQ_DELETE, V2 "runs/{}", runs_delete, AUTH_ADMIN, FORM_KFP, 0, "Failed to delete a run"},

    /* ---- KFP: recurring runs ---- */
    {REQ_GET, V2 "recurringruns", recurring_list, AUTH_VIEWER, FORM_KFP, 0, "Failed to list jobs"},
    {REQ_POST, V2 "recurringruns", recurring_create, AUTH_RUNNER, FORM_KFP, 0,
     "Failed to create a recurring run"},
    {REQ_POST, V2 "recurringruns/{}:enable", recurring_enable, AUTH_RUNNER, FORM_KFP, 0,
     "Failed to enable a recurring run"},
    {REQ_POST, V2 "recurringruns/{}:disable", recurring_disable, AUTH_RUNNER, FORM_KFP, 0,
     "Failed to disable a recurring run"},
    {REQ_GET, V2 "recurringruns/{}", recurring_get, AUTH_VIEWER, FORM_KFP, 0,
     "Failed to fetch a recurring run"},
    {REQ_DELETE, V2 "recurringruns/{}", recurring_delete, AUTH_ADMIN, FORM_KFP, 0,
     "Failed to delete a recurring run"},

    /* ---- KFP: native tasks and artifacts ---- */
    {REQ_POST, V2 "tasks", native_tasks_create, AUTH_RUNNER, FORM_KFP, 0,
     "Failed to create a task"},
    {REQ_POST, V2 "tasks:batchUpdate", native_tasks_update_all, AUTH_RUNNER, FORM_KFP, 0,
     "Failed to update tasks"},
    {REQ_PATCH, V2 "tasks/{}", native_tasks_update, AUTH_RUNNER, FORM_KFP, 0,
     "Failed to update a task"},
    {REQ_POST, V2 "artifacts", native_artifacts_create, AUTH_RUNNER, FORM_KFP, 0,
     "Failed to create an artifact"},
    {REQ_POST, V2 "artifacts:batchCreate", native_artifacts_create_all, AUTH_RUNNER, FORM_KFP, 0,
     "Failed to create artifacts"},
    {REQ_POST, V2 "artifact_tasks", native_links_create, AUTH_RUNNER, FORM_KFP, 0,
     "Failed to create an artifact task"},
    {REQ_POST, V2 "artifact_tasks:batchCreate", native_links_create_all, AUTH_RUNNER, FORM_KFP, 0,
     "Failed to create artifact tasks"},
    {REQ_GET, V2 "tasks", native_tasks_list, AUTH_VIEWER, FORM_KFP, 0, "Failed to list tasks"},
    {REQ_GET, V2 "tasks:findCached", native_tasks_cached, AUTH_VIEWER, FORM_KFP, 0,
     "Failed to find latest cached task"},
    {REQ_GET, V2 "tasks/{}", native_tasks_get, AUTH_VIEWER, FORM_KFP, 0, "Failed to get a task"},
    {REQ_GET, V2 "artifacts", native_artifacts_list, AUTH_VIEWER, FORM_KFP, 0,
     "Failed to list artifacts"},
    {REQ_GET, V2 "artifacts/{}", native_artifacts_get, AUTH_VIEWER, FORM_KFP, 0,
     "Failed to get an artifact"},
    {REQ_GET, V2 "artifact_tasks", native_artifact_tasks_list, AUTH_VIEWER, FORM_KFP, 0,
     "Failed to list artifact tasks"},
    {REQ_GET, V2 "runs/{}/nodes/{}/artifacts/{}:read", runs_read_artifact, AUTH_VIEWER, FORM_UPLOAD,
     0, "Failed to read an artifact"},

    /* ---- the page ---- */
    {REQ_GET, "/ui/runs", ui_runs_list, AUTH_VIEWER, FORM_UI, ROUTE_KEPT, NULL},
    {REQ_POST, "/ui/runs", ui_runs_create, AUTH_RUNNER, FORM_UI, 0, NULL},
    {REQ_GET, "/ui/runs/{}", ui_runs_get, AUTH_VIEWER, FORM_UI, 0, NULL},
    {REQ_PATCH, "/ui/runs/{}", ui_runs_patch, AUTH_RUNNER, FORM_UI, 0, NULL},
    {REQ_DELETE, "/ui/runs/{}", ui_runs_delete, AUTH_ADMIN, FORM_UI, 0, NULL},
    {REQ_GET, "/ui/runs/{}/spec", ui_runs_spec, AUTH_VIEWER, FORM_UI, 0, NULL},
    {REQ_GET, "/ui/runs/{}/trace", ui_runs_trace, AUTH_VIEWER, FORM_UI, 0, NULL},
    {REQ_GET, "/ui/runs/{}/metrics", ui_runs_metrics, AUTH_VIEWER, FORM_UI, 0, NULL},
    {REQ_POST, "/ui/runs/{}/retry", ui_runs_retry, AUTH_RUNNER, FORM_UI, 0, NULL},
    {REQ_POST, "/ui/runs/{}/cancel", ui_runs_cancel, AUTH_RUNNER, FORM_UI, 0, NULL},
    {REQ_POST, "/ui/runs/{}/archive", ui_runs_archive, AUTH_RUNNER, FORM_UI, 0, NULL},
    {REQ_POST, "/ui/runs/{}/unarchive", ui_runs_unarchive, AUTH_RUNNER, FORM_UI, 0, NULL},
    {REQ_GET, "/ui/compare", ui_compare, AUTH_VIEWER, FORM_UI, 0, NULL},
    {REQ_GET, "/ui/tasks/{}", ui_tasks_get, AUTH_VIEWER, FORM_UI, 0, NULL},
    {REQ_GET, "/ui/tasks/{}/log", ui_tasks_log, AUTH_VIEWER, FORM_UI, 0, NULL},
    {REQ_GET, "/ui/tasks/{}/log/events", ui_tasks_log_events, AUTH_VIEWER, FORM_UI, 0, NULL},
    {REQ_GET, "/ui/events", ui_events, AUTH_VIEWER, FORM_UI, 0, NULL},
    {REQ_GET, "/ui/artifacts", ui_artifacts_list, AUTH_VIEWER, FORM_UI, 0, NULL},
    {REQ_GET, "/ui/artifacts/{}", ui_artifacts_get, AUTH_VIEWER, FORM_UI, 0, NULL},
    {REQ_GET, "/ui/artifacts/{}/content", ui_artifacts_content, AUTH_VIEWER, FORM_UI, 0, NULL},
    {REQ_GET, "/ui/artifacts/{}/files", ui_artifacts_files, AUTH_VIEWER, FORM_UI, 0, NULL},
    {REQ_GET, "/ui/artifacts/{}/lineage", ui_artifacts_lineage, AUTH_VIEWER, FORM_UI, 0, NULL},
    {REQ_GET, "/ui/pipelines", ui_pipelines_list, AUTH_VIEWER, FORM_UI, 0, NULL},
    {REQ_GET, "/ui/pipelines/{}", ui_pipelines_get, AUTH_VIEWER, FORM_UI, 0, NULL},
    {REQ_GET, "/ui/versions/{}", ui_versions_get, AUTH_VIEWER, FORM_UI, 0, NULL},
    {REQ_GET, "/ui/experiments", ui_experiments_list, AUTH_VIEWER, FORM_UI, 0, NULL},
    {REQ_GET, "/ui/experiments/{}", ui_experiments_get, AUTH_VIEWER, FORM_UI, 0, NULL},
    {REQ_GET, "/ui/schedules", ui_schedules_list, AUTH_VIEWER, FORM_UI, 0, NULL},
    {REQ_POST, "/ui/schedules", ui_schedules_create, AUTH_RUNNER, FORM_UI, 0, NULL},
    {REQ_GET, "/ui/schedules/{}", ui_schedules_get, AUTH_VIEWER, FORM_UI, 0, NULL},
    {REQ_PATCH, "/ui/schedules/{}", ui_schedules_patch, AUTH_RUNNER, FORM_UI, 0, NULL},
    {REQ_DELETE, "/ui/schedules/{}", ui_schedules_delete, AUTH_ADMIN, FORM_UI, 0, NULL},
    {REQ_POST, "/ui/schedules/{}/enable", ui_schedules_enable, AUTH_RUNNER, FORM_UI, 0, NULL},
    {REQ_POST, "/ui/schedules/{}/disable", ui_schedules_disable, AUTH_RUNNER, FORM_UI, 0, NULL},
    {REQ_POST, "/ui/schedules/{}/trigger", ui_schedules_trigger, AUTH_RUNNER, FORM_UI, 0, NULL},
    {REQ_POST, "/ui/cron", ui_cron, AUTH_VIEWER, FORM_UI, 0, NULL},
    {REQ_GET, "/ui/models", ui_models_list, AUTH_VIEWER, FORM_UI, 0, NULL},
    {REQ_GET, "/ui/models/{}", ui_models_get, AUTH_VIEWER, FORM_UI, 0, NULL},
    {REQ_PUT, "/ui/models/{}/aliases/{}", ui_models_set_alias, AUTH_RUNNER, FORM_UI, 0, NULL},
    {REQ_DELETE, "/ui/models/{}/aliases/{}", ui_models_drop_alias, AUTH_RUNNER, FORM_UI, 0, NULL},
    {REQ_POST, "/ui/models/{}/versions/{}/decide", ui_models_decide, AUTH_RUNNER, FORM_UI, 0, NULL},
    {REQ_GET, "/ui/approvals", ui_approvals_list, AUTH_VIEWER, FORM_UI, 0, NULL},
    {REQ_POST, "/ui/approvals/{}", ui_approvals_decide, AUTH_RUNNER, FORM_UI, 0, NULL},
    {REQ_GET, "/ui/system", ui_system, AUTH_VIEWER, FORM_UI, 0, NULL},
    {REQ_GET, "/ui/search", ui_search, AUTH_VIEWER, FORM_UI, 0, NULL},

    {REQ_GET, "/apis/v1alpha1/runs/{}/nodes/{}/log", runs_node_log, AUTH_VIEWER, FORM_UPLOAD, 0,
     NULL},

    /* ---- MLflow; what writes asks for more than a viewer itself ---- */
    {REQ_GET, "/api/2.0/mlflow/{*}", api_mlflow, AUTH_VIEWER, FORM_KFP, 0, NULL},
    {REQ_POST, "/api/2.0/mlflow/{*}", api_mlflow, AUTH_VIEWER, FORM_KFP, 0, NULL},
    {REQ_PATCH, "/api/2.0/mlflow/{*}", api_mlflow, AUTH_VIEWER, FORM_KFP, 0, NULL},
    {REQ_DELETE, "/api/2.0/mlflow/{*}", api_mlflow, AUTH_VIEWER, FORM_KFP, 0, NULL},
    {REQ_GET, FILES, api_mlflow_files, AUTH_VIEWER, FORM_KFP, 0, NULL},
    {REQ_GET, FILES "/{*}", api_mlflow_file, AUTH_VIEWER, FORM_KFP, 0, NULL},
    {REQ_PUT, FILES "/{*}", api_mlflow_put_file, AUTH_RUNNER, FORM_KFP, ROUTE_FILE_BODY, NULL},
    {REQ_GET, "/version", api_mlflow_version, AUTH_NOBODY, FORM_TEXT, ROUTE_OPEN, NULL},

    /* ---- pods of runs on a cluster ---- */
    {REQ_POST, LAUNCH_PATH "claim", launch_claim, AUTH_NOBODY, FORM_KFP, POD, NULL},
    {REQ_POST, LAUNCH_PATH "attempts/{}/sign", launch_sign, AUTH_NOBODY, FORM_KFP, POD, NULL},
    {REQ_POST, LAUNCH_PATH "attempts/{}/complete", launch_complete, AUTH_NOBODY, FORM_KFP, POD,
     NULL},
    {REQ_POST, LAUNCH_PATH "attempts/{}/finish", launch_finish, AUTH_NOBODY, FORM_KFP, POD, NULL},
    {REQ_POST, LAUNCH_PATH "attempts/{}/beat", launch_beat, AUTH_NOBODY, FORM_KFP, POD, NULL},

    /* ---- the server ---- */
    {REQ_GET, V2 "healthz", serve_kfp_healthz, AUTH_NOBODY, FORM_KFP, ROUTE_OPEN, NULL},
    {REQ_GET, "/apis/v1beta1/healthz", serve_kfp_healthz, AUTH_NOBODY, FORM_KFP, ROUTE_OPEN, NULL},
    {REQ_GET, "/healthz", serve_healthz, AUTH_NOBODY, FORM_TEXT, POD, NULL},
    {REQ_GET, "/readyz", serve_readyz, AUTH_NOBODY, FORM_TEXT, POD, NULL},
    {REQ_GET, "/metrics", serve_metrics, AUTH_VIEWER, FORM_TEXT, 0, NULL},
    {REQ_GET, "/", serve_page, AUTH_NOBODY, FORM_TEXT, ROUTE_OPEN | ROUTE_PAGE, NULL},
    {REQ_GET, "/{}", serve_page, AUTH_NOBODY, FORM_TEXT, ROUTE_OPEN | ROUTE_PAGE, NULL},
    {REQ_GET, "/assets/{}", serve_page, AUTH_NOBODY, FORM_TEXT, ROUTE_OPEN | ROUTE_PAGE, NULL},
    {REQ_POST, "/ui/login", serve_login, AUTH_NOBODY, FORM_UI, ROUTE_OPEN, NULL},
    {REQ_POST, "/ui/logout", serve_logout, AUTH_NOBODY, FORM_UI, ROUTE_OPEN, NULL},
};
#define N_ROUTES (sizeof routes / sizeof *routes)

int route_find(enum req_method method, const char *path, struct arena *a, const struct route **ret,
               const char *params[URI_PARAMS])
{
    int rc = 1;

    if (method == REQ_HEAD)
        method = REQ_GET;
    for (size_t i = 0; i < N_ROUTES; i++) {
        if (rc == 2 && routes[i].method != method)
            continue;
        if (!uri_match(routes[i].template, path, a, params))
            continue;
        if (routes[i].method == method) {
            *ret = &routes[i];
            return 0;
        }
        rc = 2;
    }
    return rc;
}

size_t route_n(void)
{
    return N_ROUTES;
}

const struct route *route_at(size_t i)
{
    return &routes[i];
}

size_t route_index(const struct route *route)
{
    return (size_t)(route - routes);
}

enum route_form route_form_of(const char *path)
{
    return !strncmp(path, "/ui/", 4) ? FORM_UI : FORM_KFP;
}
