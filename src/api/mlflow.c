#include "api/mlflow.h"

#include "api/api-priv.h"
#include "mlflow/mlflow.h"

int api_mlflow(struct req *r, struct dh_err *err)
{
    own(js_free) struct js *query = js_object();
    bool get = r->method == REQ_GET || r->method == REQ_HEAD;
    struct mlflow_request request = {.method = get ? "GET" : r->method_name,
                                     .path =
                                         arena_printf(r->arena, "%s/%s", r->param[0], r->param[1]),
                                     .args = get ? query : r->json,
                                     .may_write = r->user && r->user->role >= AUTH_RUNNER,
                                     .user = r->user ? r->user->name : NULL};

    /* Models belong to no namespace, and what these calls find is of all of them. */
    if (auth_multi_user(r->api->auth) && r->user->namespaces)
        return req_fail(r, err, GRPC_PERMISSION_DENIED,
                        "MLflow's calls are for those who may see all namespaces");
    for (size_t i = 0; i < r->uri.n_args; i++)
        js_set(query, r->uri.args[i].key, js_str(r->uri.args[i].value));
    r->type = "application/json";
    mlflow_handle(r->store, &request, &r->out, &r->status);
    return 0;
}

/* Clients ask what server this is, and then only for what that one has. */
int api_mlflow_version(struct req *r, struct dh_err *err)
{
    (void)err;
    r->type = "text/plain; charset=utf-8";
    buf_adds(&r->out, "2.22.0");
    return 0;
}
