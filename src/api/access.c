#include "api/access.h"

#include <string.h>

#include "api/api-priv.h"
#include "api/route.h"

/* The route's role, in this namespace. */
static int check_role(struct req *r, const char *namespace, struct dh_err *err)
{
    enum auth_role role = auth_role_in(r->user, namespace);

    if (role >= r->route->role)
        return 0;
    return req_fail(r, err, GRPC_PERMISSION_DENIED,
                    "this needs the role %s in namespace '%s'; %s is %s there",
                    auth_role_name(r->route->role), namespace, r->user->name, auth_role_name(role));
}

int access_found(struct req *r, int rc, const char *what, const char *id,
                 const char *const *namespace, struct dh_err *err)
{
    bool several = auth_multi_user(r->api->auth);

    if (rc < 0 && err->code != DH_NOT_FOUND)
        return -1;
    if (rc < 0 || (several && !auth_may_see(r->user, *namespace)))
        return req_fail(r, err, GRPC_NOT_FOUND, "%s %s not found", what, id);
    return several ? check_role(r, *namespace, err) : 0;
}

/* Where the user has just one, that one. */
static const char *only_one(struct req *r)
{
    const char *names = r->user->namespaces;

    if (!names || strchr(names + 1, ',') != names + strlen(names) - 1)
        return NULL;
    return arena_strndup(r->arena, names + 1, strcspn(names + 1, ":,"));
}

int access_new(struct req *r, const char *namespace, const char **ret, struct dh_err *err)
{
    *ret = NULL;
    if (!auth_multi_user(r->api->auth))
        return 0;
    namespace = namespace && *namespace ? namespace : only_one(r);
    if (!namespace && r->user->namespaces)
        return req_fail(r, err, GRPC_INVALID_ARGUMENT,
                        "a namespace is needed: this server has several");
    if (!auth_may_see(r->user, namespace))
        return req_fail(r, err, GRPC_PERMISSION_DENIED, "%s has no access to namespace '%s'",
                        r->user->name, namespace);
    if (check_role(r, namespace, err) < 0)
        return -1;
    *ret = namespace;
    return 0;
}

int access_namespace(struct req *r, const struct js *object, const char **ret, struct dh_err *err)
{
    const char *namespace;

    if (req_text(r, object, "namespace", &namespace, err) < 0)
        return -1;
    return access_new(r, namespace, ret, err);
}

int access_list(struct req *r, struct listing *l, struct dh_err *err)
{
    const char *namespace;

    if (access_new(r, req_arg(r, "namespace"), &namespace, err) < 0)
        return -1;
    if (namespace)
        listing_where(r, l, "namespace", namespace, 0);
    return 0;
}
