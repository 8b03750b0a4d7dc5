#include "engine/cluster-check.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "argo/argo.h"
#include "base/js.h"
#include "base/mem.h"
#include "kube/kube.h"

#define WORKFLOWS "argoproj.io/v1alpha1"
#define ARGO_GROUP "argoproj.io"
enum { FORGET_PATIENCE_S = 120 };

struct look {
    void (*say)(void *user, bool ok, const char *text);
    void *user;
    struct kube *kube;
    struct kube_conn *conn;
};

static void sayf(const struct look *l, bool ok, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void sayf(const struct look *l, bool ok, const char *fmt, ...)
{
    own_mem char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = dh_vprintf(fmt, ap);
    va_end(ap);
    l->say(l->user, ok, text);
}

static bool look_at_server(const struct look *l)
{
    own(js_free) struct js *v = NULL;
    struct dh_err err;
    const char *version;

    if (kube_call(l->conn, KUBE_GET, "/version", NULL, &v, &err) != 0) {
        sayf(l, false, "the Kubernetes server %s does not answer: %s", kube_server(l->kube),
             err.msg);
        return false;
    }
    version = js_get_text(v, "gitVersion");
    sayf(l, true, "Kubernetes %s at %s, namespace %s", version ? version : "", kube_server(l->kube),
         kube_namespace(l->kube));
    return true;
}

static bool look_at_argo(const struct look *l)
{
    struct dh_err err;
    int rc = kube_call(l->conn, KUBE_GET, "/apis/" WORKFLOWS, NULL, NULL, &err);

    if (rc == 0)
        return true;
    if (rc == KUBE_NOT_FOUND)
        sayf(l, false, "Argo Workflows is not installed: the cluster has no resources of %s",
             WORKFLOWS);
    else
        sayf(l, false, "whether Argo Workflows is installed: %s", err.msg);
    return false;
}

static bool look_at_rights(const struct look *l, bool asks)
{
    static const struct {
        const char *verbs, *group, *resource;
    } all[] = {{"create get list watch patch delete", ARGO_GROUP, "workflows"},
               {"get list watch patch", "", "pods"},
               {"get", "", "pods/log"},
               {"create patch", "", "secrets"},
               {"list watch", ARGO_GROUP, "workflowtasksets"}, /* these two: where Argo asks */
               {"patch", ARGO_GROUP, "workflowtasksets/status"}};
    own_buf struct buf missing = {0};
    struct dh_err err;
    int rc;

    for (size_t i = 0; i < sizeof all / sizeof *all - (asks ? 0 : 2); i++)
        for (const char *verb = all[i].verbs; *verb;) {
            size_t n = strcspn(verb, " ");
            own_mem char *one = dh_strndup(verb, n);

            rc = kube_may(l->conn, one, all[i].group, all[i].resource, &err);
            if (rc < 0) {
                sayf(l, false, "%s", err.msg);
                return false;
            }
            if (rc == 1)
                buf_addf(&missing, "%s%s %s", missing.n ? ", " : "", one, all[i].resource);
            verb += n + (verb[n] == ' ');
        }
    if (missing.n)
        sayf(l, false, "in namespace %s dhow may not: %s (its service account's Role lacks it)",
             kube_namespace(l->kube), buf_str(&missing));
    else
        sayf(l, true, "Argo Workflows is there, and dhow may do what it has to");
    return missing.n == 0;
}

static int connect_as(const struct js *settings, int patience_s, struct kube **ret,
                      struct kube_conn **ret_conn, struct dh_err *err)
{
    const struct kube_options at = {.context = js_get_text(settings, "context"),
                                    .namespace = js_get_text(settings, "namespace")};

    return kube_open(&at, ret, err) < 0 || kube_connect(*ret, NULL, patience_s, ret_conn, err) < 0
               ? -1
               : 0;
}

void cluster_look(const struct js *settings, void (*say)(void *user, bool ok, const char *text),
                  void *user)
{
    own(kube_close) struct kube *kube = NULL;
    own(kube_disconnect) struct kube_conn *conn = NULL;
    struct look l = {say, user, NULL, NULL};
    enum argo_agent agent;
    struct dh_err err;

    if (connect_as(settings, 0, &kube, &conn, &err) < 0) {
        say(user, false, err.msg);
        return;
    }
    l.kube = kube;
    l.conn = conn;
    if (look_at_server(&l) && look_at_argo(&l))
        (void)look_at_rights(&l,
                             argo_agent_named(js_get_text(settings, "agent"), &agent, NULL) == 0 &&
                                 agent != ARGO_AGENT_OFF);
}

/* ---- a run that is deleted ---- */

struct forget {
    struct js *settings;
    char *run_id;
};

static void *forget_in_thread(void *user)
{
    struct forget *f = user;
    own(kube_close) struct kube *kube = NULL;
    own(kube_disconnect) struct kube_conn *conn = NULL;
    own(js_free) struct js *list = NULL;
    own_mem char *labels = dh_printf("%s=%s", ARGO_RUN_LABEL, f->run_id);

    if (connect_as(f->settings, FORGET_PATIENCE_S, &kube, &conn, NULL) == 0) {
        own_mem char *all = kube_path(kube, WORKFLOWS, "workflows", NULL);
        own_mem char *path = kube_selected(all, labels);

        if (kube_call(conn, KUBE_GET, path, NULL, &list, NULL) == 0)
            for (size_t i = 0; i < js_n(js_get(list, "items")); i++) {
                const char *name =
                    js_get_text(js_get(js_at(js_get(list, "items"), i), "metadata"), "name");
                own_mem char *one = name ? kube_path(kube, WORKFLOWS, "workflows", name) : NULL;

                if (one)
                    (void)kube_call(conn, KUBE_DELETE, one, NULL, NULL, NULL);
            }
    }
    js_free(f->settings);
    free(f->run_id);
    free(f);
    return NULL;
}

void cluster_forget(const char *options, const char *run_id)
{
    own(js_free) struct js *v = NULL;
    struct forget *f;
    pthread_t thread;

    if (!options || js_parse(options, strlen(options), &v, NULL) < 0 || !js_get(v, "cluster"))
        return;
    f = dh_zalloc(1, sizeof *f);
    f->settings = js_copy(js_get(v, "cluster"));
    f->run_id = dh_strdup(run_id);
    if (pthread_create(&thread, NULL, forget_in_thread, f) == 0) {
        (void)pthread_detach(thread);
        return;
    }
    js_free(f->settings);
    free(f->run_id);
    free(f);
}
