#include "api/mlflow.h"

#include "api/api-priv.h"
#include "api/body.h"
#include "mlflow/mlflow.h"

/* Models belong to no namespace, and what these calls find is of all of them. */
static int check_namespaces(struct req *r, struct dh_err *err)
{
    if (auth_multi_user(r->api->auth) && r->user->namespaces)
        return req_fail(r, err, GRPC_PERMISSION_DENIED,
                        "MLflow's calls are for those who may see all namespaces");
    return 0;
}

int api_mlflow(struct req *r, struct dh_err *err)
{
    own(js_free) struct js *query = js_object();
    bool get = r->method == REQ_GET || r->method == REQ_HEAD;
    struct mlflow_request request = {.method = get ? "GET" : r->method_name,
                                     .path = r->param[0],
                                     .args = get ? query : r->json,
                                     .may_write = r->user && r->user->role >= AUTH_RUNNER,
                                     .user = r->user ? r->user->name : NULL,
                                     .home = r->api->options->home};

    if (check_namespaces(r, err) < 0)
        return -1;
    for (size_t i = 0; i < r->uri.n_args; i++)
        js_set(query, r->uri.args[i].key, js_str(r->uri.args[i].value));
    r->type = "application/json";
    mlflow_handle(r->store, &request, &r->out, &r->status);
    return 0;
}

int api_mlflow_files(struct req *r, struct dh_err *err)
{
    const char *path = req_arg(r, "path");

    if (check_namespaces(r, err) < 0)
        return -1;
    r->type = "application/json";
    return mlflow_files_list(r->store, r->api->options->home, path ? path : "", &r->out, err);
}

int api_mlflow_file(struct req *r, struct dh_err *err)
{
    int64_t size;
    int fd;

    if (check_namespaces(r, err) < 0)
        return -1;
    fd = mlflow_file_open(r->store, r->api->options->home, r->param[0], &size, err);
    if (fd < 0)
        return -1;
    r->type = "application/octet-stream";
    return req_send_file(r, fd, size);
}

int api_mlflow_put_file(struct req *r, struct dh_err *err)
{
    const char *from, *digest;
    int64_t size;

    if (check_namespaces(r, err) < 0 || body_file(r, &from, &digest, &size, err) < 0 ||
        mlflow_file_put(r->store, r->api->options->home, r->param[0], from, digest, size, err) < 0)
        return -1;
    return req_empty(r);
}

/* Clients ask what server this is, and then only for what that one has. */
int api_mlflow_version(struct req *r, struct dh_err *err)
{
    (void)err;
    r->type = "text/plain; charset=utf-8";
    buf_adds(&r->out, "2.22.0");
    return 0;
}
