#pragma once
/* mlflow - MLflow's REST calls at /api/2.0/mlflow/: handed on to mlflow/. */
#include "api/req.h"

req_handler api_mlflow, api_mlflow_version;
