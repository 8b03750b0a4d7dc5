#pragma once
/* native - KFP's own tasks and artifacts (proposal 12147): what reads need no ML Metadata for. Rows
 * are written by the engine alone. */
#include "api/req.h"

req_handler native_tasks_list, native_tasks_get, native_artifacts_list, native_artifacts_get;
req_handler native_artifact_tasks_list;
