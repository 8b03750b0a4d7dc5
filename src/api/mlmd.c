/* ML Metadata's service for pages: gRPC-web, as KFP's Envoy carries it. */
#include "api/mlmd.h"

#include "api/api-priv.h"
#include "base/mem.h"
#include "mlmd/frame.h"

int mlmd_grpc_web(struct req *r, struct dh_err *err)
{
    own_mem char *path = dh_printf(MLMD_SERVICE "%s", r->param[0]);
    bool readonly = r->user && r->user->role < AUTH_RUNNER;
    const char *type;

    /* Metadata knows no namespaces: who may not see all of them sees none of it. */
    if (r->user && r->user->namespaces)
        return req_fail(r, err, GRPC_PERMISSION_DENIED,
                        "ML Metadata is for users of all namespaces");
    type =
        mlmd_web(r->store, path, r->content_type, buf_str(&r->body), r->body.n, readonly, &r->out);
    if (!type)
        return req_fail(r, err, GRPC_INVALID_ARGUMENT,
                        "Content-Type must be application/grpc-web+proto or -text");
    r->type = type;
    return 0;
}
