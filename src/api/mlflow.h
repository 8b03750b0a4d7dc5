#pragma once
/* mlflow - MLflow's REST calls at /api/2.0/mlflow/: handed on to mlflow/. */
#include "api/req.h"

req_handler api_mlflow, api_mlflow_version;
req_handler api_mlflow_files, api_mlflow_file, api_mlflow_put_file;
