#pragma once
/* mlmd - ML Metadata's service at /ml_metadata.MetadataStoreService/METHOD, over gRPC-web. */
#include "api/req.h"

int mlmd_grpc_web(struct req *r, struct dh_err *err);
