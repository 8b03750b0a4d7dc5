#include "api/access.h"

#include <string.h>

#include "api/api-priv.h"

int access_check(struct req *r, const char *namespace, struct dh_err *err)
{
    if (!auth_multi_user(r->api->auth) || auth_may_see(r->user, namespace))
        return 0;
    return req_fail(r, err, GRPC_NOT_FOUND, "there is nothing of that id in your namespaces");
}

/* Where the user has just one, that one. */
static const char *only_one(struct req *r)
{
    const char *names = r->user->namespaces;

    if (!names || strchr(names + 1, ',') != names + strlen(names) - 1)
        return NULL;
    return arena_strndup(r->arena, names + 1, strlen(names) - 2);
}

int access_new(struct req *r, const char *namespace, const char **ret, struct dh_err *err)
{
    *ret = NULL;
    if (!auth_multi_user(r->api->auth))
        return 0;
    if (!namespace || !*namespace)
    namespace = only_one(r);
    if (!namespace && r->user->namespaces)
        return req_fail(r, err, GRPC_INVALID_ARGUMENT,
                        "a namespace is needed: this server has several");
    if (!auth_may_see(r->user, namespace))
        return req_fail(r, err, GRPC_PERMISSION_DENIED, "%s has no access to namespace '%s'",
                        r->user->name, namespace);
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
