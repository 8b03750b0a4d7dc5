#pragma once
/* mlmd - ML Metadata's gRPC service, answered from the record: bytes in, bytes out.
 *
 * It knows the messages of the methods that KFP's driver, launcher and page call, and the others of
 * that kind; no socket, no HTTP. Reads are those of a client of the database (store/mlmd.h). Writes
 * are taken where the record has a place for them: types, contexts of pipelines and runs, and
 * executions, artifacts and events of runs that were made here. Who carries the bytes: h2.h for
 * gRPC, web.h for gRPC-web. */
#include "base/buf.h"
#include "store/store.h"

#define MLMD_SERVICE "/ml_metadata.MetadataStoreService/"

enum mlmd_status { /* of gRPC */
                   MLMD_OK = 0,
                   MLMD_INVALID_ARGUMENT = 3,
                   MLMD_NOT_FOUND = 5,
                   MLMD_ALREADY_EXISTS = 6,
                   MLMD_PERMISSION_DENIED = 7,
                   MLMD_RESOURCE_EXHAUSTED = 8,
                   MLMD_OUT_OF_RANGE = 11,
                   MLMD_UNIMPLEMENTED = 12,
                   MLMD_INTERNAL = 13,
                   MLMD_UNAVAILABLE = 14,
};

/* Calls the method of that name (without the service's) with a request message; appends the
 * response message to `ret`. Else the status, and *err says why. `readonly`: no method that
 * writes. */
enum mlmd_status mlmd_call(struct store *s, const char *method, const void *request, size_t n,
                           bool readonly, struct buf *ret, struct dh_err *err);
