/* config - how the API server is reached: the files of KUBECONFIG, or what a pod is given. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/base64.h"
#include "base/fs.h"
#include "base/mem.h"
#include "kube/kube-priv.h"
#include "spec/doc.h"

#define IN_POD "/var/run/secrets/kubernetes.io/serviceaccount"
enum { MAX_FILES = 16, MAX_BYTES = 4 << 20 };

struct config { /* the files of KUBECONFIG: the first that says a thing is right */
    struct {
        struct js *v;
        char *folder; /* that its paths are relative to */
    } files[MAX_FILES];
    size_t n;
};

static void config_done(struct config *c)
{
    while (c->n > 0) {
        c->n--;
        js_free(c->files[c->n].v);
        free(c->files[c->n].folder);
    }
}

/* ---- reading ---- */

static int read_file(const char *path, bool must, struct config *to, struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    own_mem char *text = NULL;
    char *slash;
    struct doc doc;
    size_t n;

    if (to->n == MAX_FILES)
        return dh_fail(err, DH_INVALID, "KUBECONFIG names more than %d files", MAX_FILES);
    if (fs_read(path, MAX_BYTES, &text, &n, err) < 0)
        return !must && (!err || err->code == DH_NOT_FOUND) ? 0 : -1;
    if (doc_read(a, a, path, text, n, &doc, err) < 0)
        return -1;
    if (doc.n != 1 || doc.documents[0].kind != DOC_MAP)
        return dh_fail(err, DH_INVALID, "%s is no kubeconfig: expected a map", path);
    to->files[to->n].v = doc_to_js(&doc.documents[0]);
    to->files[to->n].folder = fs_absolute(path);
    slash = strrchr(to->files[to->n].folder, '/');
    slash[slash == to->files[to->n].folder] = '\0';
    to->n++;
    return 0;
}

static int read_files(struct config *to, struct dh_err *err)
{
    const char *list = getenv("KUBECONFIG"), *home = getenv("HOME");

    if (!list || !*list) {
        own_mem char *path = home ? fs_join(home, ".kube/config") : NULL;

        return path ? read_file(path, false, to, err) : 0;
    }
    while (*list) {
        size_t n = strcspn(list, ":");
        own_mem char *path = dh_strndup(list, n);

        if (*path && read_file(path, strchr(getenv("KUBECONFIG"), ':') == NULL, to, err) < 0)
            return -1;
        list += n + (list[n] == ':');
    }
    return 0;
}

/* The entry of that name in a list ("clusters"), and the member that it is about ("cluster"). */
static const struct js *entry(const struct config *c, const char *list, const char *name,
                              const char *member, const char **ret_folder)
{
    for (size_t i = 0; name && i < c->n; i++) {
        const struct js *all = js_get(c->files[i].v, list);

        for (size_t k = 0; k < js_n(all); k++) {
            const char *its = js_get_text(js_at(all, k), "name");

            if (its && !strcmp(its, name)) {
                *ret_folder = c->files[i].folder;
                return js_get(js_at(all, k), member);
            }
        }
    }
    return NULL;
}

/* A text that stands there in base64 (NAME-data), or is a file's. *ret NULL: there is none. */
static int read_pem(const struct js *v, const char *name, const char *folder, char **ret,
                    struct dh_err *err)
{
    own_mem char *data_name = dh_printf("%s-data", name);
    const char *data = js_get_text(v, data_name), *file = js_get_text(v, name);
    own_buf struct buf b = {0};
    own_mem char *path = NULL;
    size_t n;

    *ret = NULL;
    if (data && *data) {
        if (base64_get(&b, data, strlen(data)) < 0)
            return dh_fail(err, DH_INVALID, "kubeconfig: %s is not base64", data_name);
        *ret = buf_take(&b);
        return 0;
    }
    if (!file || !*file)
        return 0;
    path = fs_join(folder, file);
    return fs_read(path, MAX_BYTES, ret, &n, err);
}

/* How it says who we are: one of these. */
static int take_identity(struct kube *k, const struct js *user, const char *folder,
                         const struct js *cluster, struct dh_err *err)
{
    const char *token = js_get_text(user, "token"), *file = js_get_text(user, "tokenFile");
    const struct js *exec = js_get(user, "exec");

    if (read_pem(user, "client-certificate", folder, &k->now.cert, err) < 0 ||
        read_pem(user, "client-key", folder, &k->now.key, err) < 0)
        return -1;
    if (!k->now.cert != !k->now.key)
        return dh_fail(err, DH_INVALID, "kubeconfig: a certificate and its key go together");
    if (file && *file)
        k->token_file = fs_join(folder, file);
    else if (token && *token)
        k->now.token = dh_strdup(token);
    else if (js_is(exec, JS_OBJECT) && !k->now.cert)
        return kube_plugin_new(exec, folder, cluster, k->ca, &k->plugin, err);
    if (k->now.token && strpbrk(k->now.token, "\r\n"))
        return dh_fail(err, DH_INVALID, "kubeconfig: the token has a line's end in it");
    if (!k->now.cert && !k->now.token && !k->token_file &&
        (js_get(user, "auth-provider") || js_get(user, "username")))
        return dh_fail(err, DH_INVALID,
                       "kubeconfig: auth-provider, and user and password, are taken by no "
                       "Kubernetes of today; give it exec, a token or a certificate");
    k->until_us = k->token_file ? 0 : INT64_MAX;
    return 0;
}

static int add_header(struct kube *k, const char *name, const char *value, struct dh_err *err)
{
    if (value && strpbrk(value, "\r\n"))
        return dh_fail(err, DH_INVALID, "kubeconfig: a line's end stands in %s", name);
    if (value && *value)
        args_addf(&k->headers, "%s: %s", name, value);
    return 0;
}

/* Whom we act for, as the server is asked to see it. */
static int take_impersonation(struct kube *k, const struct js *user, struct dh_err *err)
{
    const struct js *groups = js_get(user, "as-groups"), *extra = js_get(user, "as-user-extra");
    const char *name = js_get_text(user, "as");

    if ((!name || !*name) && (js_n(groups) || js_n(extra) || js_get_text(user, "as-uid")))
        return dh_fail(err, DH_INVALID, "kubeconfig: as-uid, as-groups and as-user-extra want as");
    if (add_header(k, "Impersonate-User", name, err) < 0 ||
        add_header(k, "Impersonate-Uid", js_get_text(user, "as-uid"), err) < 0)
        return -1;
    for (size_t i = 0; i < js_n(groups); i++)
        if (add_header(k, "Impersonate-Group", js_text(js_at(groups, i)), err) < 0)
            return -1;
    for (js_each(extra, it)) {
        own_buf struct buf header = {0};

        buf_adds(&header, "Impersonate-Extra-");
        buf_add_percent(&header, it.key, strlen(it.key), "");
        for (size_t i = 0; i < js_n(it.value); i++)
            if (add_header(k, buf_str(&header), js_text(js_at(it.value, i)), err) < 0)
                return -1;
    }
    return 0;
}

/* The name in the server's certificate is another than the URL's: the URL gets that name, the
 * connection goes where it always went, and so does the Host header. */
static int take_server_name(struct kube *k, const char *name, struct dh_err *err)
{
    const char *at = strstr(k->server, "://") + 3, *port;
    size_t n = strcspn(at, "/");
    own_mem char *place = dh_strndup(at, n);
    char *colon = strrchr(place, ':');

    if (strpbrk(name, "/:@? \r\n"))
        return dh_fail(err, DH_INVALID, "kubeconfig: tls-server-name '%s' is no name", name);
    if (add_header(k, "Host", place, err) < 0)
        return -1;
    if (colon && strchr(colon, ']'))
        colon = NULL; /* of an address */
    port = colon ? colon + 1 : "443";
    k->url = dh_printf("https://%s:%s%s", name, port, at + n);
    k->connect_to = dh_printf("%s:%s:%.*s:%s", name, port,
                              (int)(colon ? (size_t)(colon - place) : n), place, port);
    return 0;
}

static int take_cluster(struct kube *k, const struct js *cluster, const char *folder,
                        struct dh_err *err)
{
    const char *name = js_get_text(cluster, "tls-server-name"),
               *proxy = js_get_text(cluster, "proxy-url");
    bool https = !strncmp(k->server, "https://", 8);
    size_t n = strlen(k->server);

    if ((!https && strncmp(k->server, "http://", 7) != 0) ||
        strcspn(k->server + (https ? 8 : 7), "/:?#") == 0)
        return dh_fail(err, DH_INVALID, "kubeconfig: server '%s' is no URL", k->server);
    while (k->server[n - 1] == '/')
        k->server[--n] = '\0';
    if (read_pem(cluster, "certificate-authority", folder, &k->ca, err) < 0)
        return -1;
    k->insecure = js_get_bool(cluster, "insecure-skip-tls-verify");
    if (proxy && *proxy && !strstr(proxy, "://"))
        return dh_fail(err, DH_INVALID, "kubeconfig: proxy-url '%s' is no URL", proxy);
    if (proxy && *proxy)
        k->proxy = dh_strdup(proxy);
    return name && *name && https ? take_server_name(k, name, err) : 0;
}

static int from_files(struct kube *k, const struct config *c, const struct kube_options *o,
                      struct dh_err *err)
{
    const char *name = o->context, *folder = "", *user_folder = "", *server;
    const struct js *context, *cluster, *user;

    for (size_t i = 0; (!name || !*name) && i < c->n; i++)
        name = js_get_text(c->files[i].v, "current-context");
    context = entry(c, "contexts", name, "context", &folder);
    if (!context)
        return dh_fail(err, DH_INVALID, "kubeconfig: there is no context '%s'", name ? name : "");
    cluster = entry(c, "clusters", js_get_text(context, "cluster"), "cluster", &folder);
    server = js_get_text(cluster, "server");
    if (!server)
        return dh_fail(err, DH_INVALID, "kubeconfig: context '%s' names no cluster with a server",
                       name);
    k->server = dh_strdup(server);
    user = entry(c, "users", js_get_text(context, "user"), "user", &user_folder);
    if (take_cluster(k, cluster, folder, err) < 0 ||
        take_identity(k, user, user_folder, cluster, err) < 0 ||
        take_impersonation(k, user, err) < 0)
        return -1;
    if (js_get_text(context, "namespace"))
        k->namespace = dh_strdup(js_get_text(context, "namespace"));
    return 0;
}

static int from_pod(struct kube *k, struct dh_err *err)
{
    const char *host = getenv("KUBERNETES_SERVICE_HOST"), *port = getenv("KUBERNETES_SERVICE_PORT");
    size_t n;

    if (!host || !*host || !fs_exists(IN_POD "/token"))
        return dh_fail(err, DH_NOT_FOUND,
                       "no Kubernetes cluster is known: set KUBECONFIG, or have ~/.kube/config; "
                       "within a cluster the pod needs a service account's token");
    k->server = dh_printf(strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s", host,
                          port && *port ? port : "443");
    k->token_file = dh_strdup(IN_POD "/token");
    if (fs_read(IN_POD "/ca.crt", MAX_BYTES, &k->ca, &n, err) < 0)
        return -1;
    if (fs_read(IN_POD "/namespace", 256, &k->namespace, &n, NULL) == 0)
        k->namespace[strcspn(k->namespace, " \r\n")] = '\0';
    return 0;
}

int kube_config_load(struct kube *k, const struct kube_options *o, struct dh_err *err)
{
    __attribute__((cleanup(config_done))) struct config c = {.n = 0};

    if (read_files(&c, err) < 0 || (c.n ? from_files(k, &c, o, err) : from_pod(k, err)) < 0)
        return -1;
    if (o->namespace && *o->namespace) {
        free(k->namespace);
        k->namespace = dh_strdup(o->namespace);
    }
    if (!k->namespace || !*k->namespace) {
        free(k->namespace);
        k->namespace = dh_strdup("default");
    }
    if (!k->url)
        k->url = dh_strdup(k->server);
    return 0;
}
