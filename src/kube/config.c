/* config - how the API server is reached: the files of KUBECONFIG, or what a pod is given. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "kube/kube-priv.h"
#include "spec/doc.h"

#define IN_POD "/var/run/secrets/kubernetes.io/serviceaccount"
#define TOKEN_US ((int64_t)60 * 1000000)
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

static int take_user(struct kube *k, const struct js *user, const char *folder, struct dh_err *err)
{
    const char *token = js_get_text(user, "token"), *file = js_get_text(user, "tokenFile");

    if (read_pem(user, "client-certificate", folder, &k->cert, err) < 0 ||
        read_pem(user, "client-key", folder, &k->key, err) < 0)
        return -1;
    if (file && *file)
        k->token_file = fs_join(folder, file);
    else if (token && *token)
        k->token = dh_strdup(token);
    if (k->cert || k->token || k->token_file)
        return 0;
    if (js_get(user, "exec") || js_get(user, "auth-provider"))
        return dh_fail(err, DH_INVALID,
                       "kubeconfig: its user gets credentials from a program, which dhow does not "
                       "run; give it a token (kubectl create token …) or a certificate");
    if (js_get(user, "username"))
        return dh_fail(err, DH_INVALID,
                       "kubeconfig: user and password are not taken; give it a token");
    return 0;
}

static int check_server(const struct kube *k, struct dh_err *err)
{
    bool https = !strncmp(k->server, "https://", 8);

    if (!https && strncmp(k->server, "http://", 7) != 0)
        return dh_fail(err, DH_INVALID, "kubeconfig: server '%s' is no URL", k->server);
    if (!k->cert != !k->key)
        return dh_fail(err, DH_INVALID, "kubeconfig: a certificate and its key go together");
    if (k->token && strpbrk(k->token, "\r\n"))
        return dh_fail(err, DH_INVALID, "kubeconfig: the token has a line's end in it");
    return 0;
}

static int from_files(struct kube *k, const struct config *c, const struct kube_options *o,
                      struct dh_err *err)
{
    const char *name = o->context, *folder = "", *server;
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
    if (read_pem(cluster, "certificate-authority", folder, &k->ca, err) < 0)
        return -1;
    k->server = dh_strdup(server);
    k->insecure = js_get_bool(cluster, "insecure-skip-tls-verify");
    user = entry(c, "users", js_get_text(context, "user"), "user", &folder);
    if (take_user(k, user, folder, err) < 0)
        return -1;
    if (js_get_text(context, "namespace"))
        k->namespace = dh_strdup(js_get_text(context, "namespace"));
    return check_server(k, err);
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
    size_t n;

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
    n = strlen(k->server);
    while (n && k->server[n - 1] == '/')
        k->server[--n] = '\0';
    return 0;
}

char *kube_config_token(struct kube *k)
{
    int64_t now_us = clock_mono_us();
    char *text = NULL, *copy;
    size_t n;

    (void)pthread_mutex_lock(&k->lock);
    if (k->token_file && (!k->token || now_us - k->read_us > TOKEN_US) &&
        fs_read(k->token_file, MAX_BYTES, &text, &n, NULL) == 0) {
        text[strcspn(text, " \r\n")] = '\0';
        free(k->token);
        k->token = text;
        k->read_us = now_us;
    }
    copy = k->token ? dh_strdup(k->token) : NULL;
    (void)pthread_mutex_unlock(&k->lock);
    return copy;
}
