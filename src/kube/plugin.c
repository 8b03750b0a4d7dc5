/* plugin - a program that says who we are to the API server, as those of EKS, GKE and AKS do:
 * client.authentication.k8s.io, v1 and v1beta1. It is told of the cluster by its environment
 * (KUBERNETES_EXEC_INFO), has no input, and prints an ExecCredential. */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "kube/kube-priv.h"

#define GROUP "client.authentication.k8s.io/"
#define EXTENSION "client.authentication.k8s.io/exec"
enum { ASK_MS = 60000, MAX_ANSWER = 4 << 20 };

extern char **environ;

struct kube_plugin {
    char *api_version;
    char *name; /* as the kubeconfig has it */
    char *hint; /* how it is installed; NULL: nobody says */
    struct args argv, env;
};

struct kube_plugin *kube_plugin_free(struct kube_plugin *p)
{
    if (p) {
        free(p->api_version);
        free(p->name);
        free(p->hint);
        args_done(&p->argv);
        args_done(&p->env);
        free(p);
    }
    return NULL;
}

/* ---- what it is told ---- */

static void copy(struct js *to, const struct js *from, const char *name)
{
    if (js_get(from, name))
        js_set(to, name, js_ref(js_get(from, name)));
}

static struct js *about_cluster(const struct js *cluster, const char *ca)
{
    const struct js *extensions = js_get(cluster, "extensions");
    struct js *to = js_object();

    copy(to, cluster, "server");
    copy(to, cluster, "tls-server-name");
    copy(to, cluster, "insecure-skip-tls-verify");
    copy(to, cluster, "proxy-url");
    copy(to, cluster, "disable-compression");
    if (ca) {
        own_buf struct buf b = {0};

        base64_put(&b, ca, strlen(ca));
        js_set(to, "certificate-authority-data", js_str(buf_str(&b)));
    }
    for (size_t i = 0; i < js_n(extensions); i++) {
        const char *name = js_get_text(js_at(extensions, i), "name");

        if (name && !strcmp(name, EXTENSION) && js_get(js_at(extensions, i), "extension"))
            js_set(to, "config", js_ref(js_get(js_at(extensions, i), "extension")));
    }
    return to;
}

static char *exec_info(const struct kube_plugin *p, const struct js *exec, const struct js *cluster,
                       const char *ca)
{
    own(js_free) struct js *info = js_object();
    struct js *spec = js_object();

    js_set(info, "apiVersion", js_str(p->api_version));
    js_set(info, "kind", js_str("ExecCredential"));
    js_set(spec, "interactive", js_bool(false));
    if (js_get_bool(exec, "provideClusterInfo"))
        js_set(spec, "cluster", about_cluster(cluster, ca));
    js_set(info, "spec", spec);
    return js_dump(info, JS_COMPACT);
}

static bool is_among(const struct js *list, const char *entry)
{
    size_t n = strcspn(entry, "=");

    for (size_t i = 0; i < js_n(list); i++) {
        const char *name = js_get_text(js_at(list, i), "name");

        if (name && strlen(name) == n && !strncmp(name, entry, n))
            return true;
    }
    return false;
}

static int make_env(struct kube_plugin *p, const struct js *list, const char *info,
                    struct dh_err *err)
{
    for (char **e = environ; *e; e++)
        if (!is_among(list, *e) && strncmp(*e, "KUBERNETES_EXEC_INFO=", 21) != 0)
            args_add(&p->env, *e);
    for (size_t i = 0; i < js_n(list); i++) {
        const char *name = js_get_text(js_at(list, i), "name");
        const char *value = js_get_text(js_at(list, i), "value");

        if (!name || !*name || strchr(name, '=') || !value)
            return dh_fail(err, DH_INVALID,
                           "kubeconfig: exec.env[%zu] wants a name and a value, both strings", i);
        args_addf(&p->env, "%s=%s", name, value);
    }
    args_addf(&p->env, "KUBERNETES_EXEC_INFO=%s", info);
    return 0;
}

/* A name is looked for in PATH; a path is one from the kubeconfig's folder. */
static int make_argv(struct kube_plugin *p, const struct js *list, const char *folder,
                     struct dh_err *err)
{
    own_mem char *path = strchr(p->name, '/') ? fs_join(folder, p->name) : command_find(p->name);

    if (!path || !fs_exists(path))
        return dh_fail(err, DH_INVALID,
                       "kubeconfig: the program '%s', which gets the credentials, is not "
                       "installed here%s%.600s",
                       p->name, p->hint ? ": " : "", p->hint ? p->hint : "");
    args_add(&p->argv, path);
    for (size_t i = 0; i < js_n(list); i++) {
        const char *text = js_text(js_at(list, i));

        if (!text)
            return dh_fail(err, DH_INVALID, "kubeconfig: exec.args[%zu] is no string", i);
        args_add(&p->argv, text);
    }
    return 0;
}

static char *line_of(const char *text)
{
    char *line = text && *text ? dh_strdup(text) : NULL;

    for (char *c = line; c && *c; c++)
        if (*c == '\n' || *c == '\r')
            *c = ' ';
    return line;
}

int kube_plugin_new(const struct js *exec, const char *folder, const struct js *cluster,
                    const char *ca, struct kube_plugin **ret, struct dh_err *err)
{
    own(kube_plugin_free) struct kube_plugin *p = dh_zalloc(1, sizeof *p);
    const char *version = js_get_text(exec, "apiVersion"), *name = js_get_text(exec, "command");
    const char *mode = js_get_text(exec, "interactiveMode");
    own_mem char *info = NULL;

    if (!version || (strcmp(version, GROUP "v1") != 0 && strcmp(version, GROUP "v1beta1") != 0))
        return dh_fail(err, DH_INVALID,
                       "kubeconfig: exec.apiVersion '%s': expected " GROUP "v1 or " GROUP "v1beta1",
                       version ? version : "");
    if (!name || !*name)
        return dh_fail(err, DH_INVALID, "kubeconfig: exec names no command");
    if (mode && !strcmp(mode, "Always"))
        return dh_fail(err, DH_INVALID,
                       "kubeconfig: '%s' wants to ask at a terminal (interactiveMode: Always); "
                       "dhow has none to give",
                       name);
    p->api_version = dh_strdup(version);
    p->name = dh_strdup(name);
    p->hint = line_of(js_get_text(exec, "installHint"));
    info = exec_info(p, exec, cluster, ca);
    if (make_argv(p, js_get(exec, "args"), folder, err) < 0 ||
        make_env(p, js_get(exec, "env"), info, err) < 0)
        return -1;
    *ret = take(&p);
    return 0;
}

/* ---- what it says ---- */

static char *text_of(const struct js *status, const char *name)
{
    const char *text = js_get_text(status, name);

    return text && *text ? dh_strdup(text) : NULL;
}

int kube_plugin_read(const char *text, size_t n, const char *api_version, struct kube_identity *ret,
                     int64_t *ret_until_us, struct dh_err *err)
{
    own(js_free) struct js *v = NULL;
    own_identity struct kube_identity i = {0};
    const struct js *status;
    const char *kind, *version, *until;

    if (js_parse(text, n, &v, NULL) < 0) /* what it said may be secret: it is not quoted */
        return dh_fail(err, DH_FAILED, "what it printed is no JSON");
    kind = js_get_text(v, "kind");
    version = js_get_text(v, "apiVersion");
    if (!kind || strcmp(kind, "ExecCredential") != 0 || !version ||
        strcmp(version, api_version) != 0)
        return dh_fail(err, DH_FAILED, "it printed no ExecCredential of %s", api_version);
    status = js_get(v, "status");
    i.token = text_of(status, "token");
    i.cert = text_of(status, "clientCertificateData");
    i.key = text_of(status, "clientKeyData");
    until = js_get_text(status, "expirationTimestamp");
    if (!i.token && !i.cert)
        return dh_fail(err, DH_FAILED, "it printed neither a token nor a certificate");
    if (!i.cert != !i.key)
        return dh_fail(err, DH_FAILED, "a certificate and its key go together");
    if (i.token && i.token[strcspn(i.token, "\r\n")])
        return dh_fail(err, DH_FAILED, "its token has a line's end in it");
    *ret_until_us = INT64_MAX;
    if (until && clock_parse(until, ret_until_us) < 0)
        return dh_fail(err, DH_FAILED, "its expirationTimestamp '%.60s' is no time", until);
    *ret = i;
    i = (struct kube_identity){0};
    return 0;
}

int kube_plugin_ask(const struct kube_plugin *p, const atomic_bool *stop, struct kube_identity *ret,
                    int64_t *ret_until_us, struct dh_err *err)
{
    own_buf struct buf out = {.max = MAX_ANSWER}, said = {0};
    own_mem char *line = NULL;
    int status = 0, rc;

    rc = command_run_in(p->env.v, p->argv.v, ASK_MS, stop, &out, &said, &status, err);
    line = command_last_line(&said);
    if (rc == 0 && status != 0)
        rc = dh_fail(
            err, DH_FAILED, "%s %d%s%s", WIFSIGNALED(status) ? "killed by signal" : "exit status",
            WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), *line ? ": " : "", line);
    if (rc == 0)
        rc = kube_plugin_read(buf_str(&out), out.n, p->api_version, ret, ret_until_us, err);
    if (out.p)
        explicit_bzero(out.p, out.n);
    return rc < 0 ? dh_while(err, "'%s', which gets the credentials", p->name) : 0;
}
