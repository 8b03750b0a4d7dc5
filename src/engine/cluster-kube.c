/* cluster-kube - what asks Kubernetes, in threads: one makes the Secret and the Workflow and
 * watches that, one watches pods. What they see goes to the loop as news. */
#include <stdlib.h>
#include <string.h>

#include "base/js.h"
#include "base/mem.h"
#include "engine/cluster-priv.h"
#include "engine/launch.h"

#define PATCH_PATIENCE_S 120

/* ---- news ---- */

void cluster_news_free(struct news *n)
{
    free(n->name);
    free(n->uid);
    free(n->scope);
    free(n->iteration);
    free(n->text);
    js_free(n->asks);
    free(n);
}

/* A chain of them: the loop sees all of it at once. */
void cluster_post(struct cluster *c, struct news *news)
{
    struct news **end = &news->next;

    while (*end)
        end = &(*end)->next;
    (void)pthread_mutex_lock(&c->lock);
    *c->last = news;
    c->last = end;
    (void)pthread_mutex_unlock(&c->lock);
    (void)uv_async_send(&c->run->wake);
}

static struct news *news_of(enum news_kind kind, const char *text)
{
    struct news *n = dh_zalloc(1, sizeof *n);

    n->kind = kind;
    n->text = text ? dh_strdup(text) : NULL;
    return n;
}

/* Argo's own, which would answer our questions with errors. */
static bool is_agent(const struct js *pod)
{
    const char *what =
        js_get_text(js_path(pod, "metadata", "labels", NULL), "workflows.argoproj.io/component");

    return what && !strcmp(what, "agent");
}

static struct news *news_of_pod(const struct js *pod, enum news_kind kind)
{
    struct news *n;

    if (is_agent(pod))
        return news_of(NEWS_BROKEN, "Argo makes a pod for what it is to ask the server: its "
                                    "controller needs disableAgentPodCreation (Argo 4.1), or the "
                                    "server --agent off");
    n = news_of(kind, NULL);
    kube_pod_view(pod, &n->pod);
    if (!n->pod.uid || !n->pod.name) {
        cluster_news_free(n);
        return NULL;
    }
    n->name = dh_strdup(n->pod.name);
    n->uid = dh_strdup(n->pod.uid);
    n->scope = n->pod.scope ? dh_strdup(n->pod.scope) : NULL;
    n->iteration = n->pod.iteration ? dh_strdup(n->pod.iteration) : NULL;
    n->pod.name = n->pod.uid = n->pod.node = n->pod.scope = n->pod.iteration = NULL;
    return n;
}

static void on_trouble(void *user, const char *what)
{
    struct cluster *c = user;
    own_mem char *text = what ? dh_printf("Kubernetes does not answer; it is asked on: %s", what)
                              : dh_strdup("Kubernetes answers again");

    cluster_post(c, news_of(what ? NEWS_TROUBLE : NEWS_NOTE, text));
}

static void broken(struct cluster *c, const char *what, const struct dh_err *err)
{
    own_mem char *text = dh_printf("%s: %s", what, err->msg);

    if (!atomic_load(&c->stop))
        cluster_post(c, news_of(NEWS_BROKEN, text));
}

/* ---- pods ---- */

static void pods_listed(void *user, const struct js *items)
{
    struct cluster *c = user;
    struct news *first = news_of(NEWS_LIST, NULL), **at = &first->next;

    for (size_t i = 0; i < js_n(items); i++) {
        *at = news_of_pod(js_at(items, i), NEWS_POD);
        if (*at)
            at = &(*at)->next;
    }
    *at = news_of(NEWS_LISTED, NULL);
    cluster_post(c, first);
}

static void pod_event(void *user, const char *type, const struct js *object)
{
    struct news *n = news_of_pod(object, strcmp(type, "DELETED") ? NEWS_POD : NEWS_GONE);

    if (n)
        cluster_post(user, n);
}

static void *watch_pods(void *user)
{
    struct cluster *c = user;
    const struct kube_watch watch = {pods_listed, pod_event, c};
    own_mem char *all = kube_path(c->kube, "v1", "pods", NULL);
    own_mem char *labels = dh_printf("%s=%s", ARGO_RUN_LABEL, c->run->uuid);
    own_mem char *path = kube_selected(all, labels);
    own(kube_disconnect) struct kube_conn *conn = NULL;
    struct dh_err err = {0};

    if (kube_connect(c->kube, &c->stop, -1, &conn, &err) < 0 ||
        kube_watch(conn, path, &watch, &err) != 0)
        broken(c, "its pods cannot be watched", &err);
    return NULL;
}

/* ---- the Secret and the Workflow ---- */

static int put_secret(struct cluster *c, struct kube_conn *conn, struct dh_err *err)
{
    own_mem char *path = kube_path(c->kube, "v1", "secrets", NULL);
    own(js_free) struct js *secret = js_object();
    const struct js *settings = js_get(c->run->options, "cluster");
    struct js *metadata = js_object(), *labels = js_object(), *data = js_object();
    char token[DIGEST_TEXT];
    int rc;

    js_set(secret, "apiVersion", js_str("v1"));
    js_set(secret, "kind", js_str("Secret"));
    js_set(secret, "metadata", metadata);
    js_set(secret, "stringData", data);
    js_set(metadata, "name", js_str(c->secret_name));
    js_set(metadata, "labels", labels);
    js_set(labels, ARGO_RUN_LABEL, js_str(c->run->uuid));
    if (launch_token(c->run->engine->home, c->run->uuid, token, err) < 0)
        return -1;
    js_set(data, "token", js_str(token));
    if (js_get_text(settings, "launch_ca"))
        js_set(data, "ca.crt", js_ref(js_get(settings, "launch_ca")));
    rc = kube_call(conn, KUBE_CREATE, path, secret, NULL, err);
    return rc == KUBE_CONFLICT ? 0 : rc;
}

/* The one that is there, if it is this run's. */
static int look_at_workflow(struct cluster *c, struct kube_conn *conn, struct js **ret,
                            struct dh_err *err)
{
    own_mem char *path = kube_path(c->kube, CLUSTER_ARGO, "workflows", c->name);
    const char *its;
    int rc = kube_call(conn, KUBE_GET, path, NULL, ret, err);

    if (rc)
        return rc;
    its = js_get_text(js_path(*ret, "metadata", "labels", NULL), ARGO_RUN_LABEL);
    return its && !strcmp(its, c->run->uuid)
               ? 0
               : dh_fail(err, DH_INVALID, "a Workflow %s of something else is there already",
                         c->name);
}

static int put_workflow(struct cluster *c, struct kube_conn *conn, struct js **ret,
                        struct dh_err *err)
{
    own_mem char *path = kube_path(c->kube, CLUSTER_ARGO, "workflows", NULL);
    int rc = kube_call(conn, KUBE_CREATE, path, argo_manifest(c->workflow), ret, err);

    return rc == KUBE_CONFLICT ? look_at_workflow(c, conn, ret, err) : rc;
}

/* The Secret goes with the Workflow. */
static void tie_secret(struct cluster *c, struct kube_conn *conn, const struct js *workflow)
{
    own_mem char *path = kube_path(c->kube, "v1", "secrets", c->secret_name);
    own(js_free) struct js *patch = js_object();
    struct js *metadata = js_object(), *owners = js_array(), *owner = js_object();
    const char *uid = js_get_text(js_get(workflow, "metadata"), "uid");

    js_set(patch, "metadata", metadata);
    js_set(metadata, "ownerReferences", owners);
    js_push(owners, owner);
    js_set(owner, "apiVersion", js_str(CLUSTER_ARGO));
    js_set(owner, "kind", js_str("Workflow"));
    js_set(owner, "name", js_str(c->name));
    js_set(owner, "uid", js_str(uid ? uid : ""));
    if (uid)
        (void)kube_call(conn, KUBE_PATCH, path, patch, NULL, NULL);
}

static struct news *news_of_workflow(const struct js *workflow)
{
    const struct js *status = js_get(workflow, "status");
    const char *phase = js_get_text(status, "phase");
    struct news *n = news_of(NEWS_WORKFLOW, js_get_text(status, "message"));

    n->over = phase &&
              (!strcmp(phase, "Succeeded") || !strcmp(phase, "Failed") || !strcmp(phase, "Error"));
    return n;
}

static struct news *workflow_gone(void)
{
    struct news *n = news_of(NEWS_WORKFLOW, "it was deleted");

    n->over = true;
    return n;
}

static void workflow_listed(void *user, const struct js *items)
{
    cluster_post(user, js_n(items) ? news_of_workflow(js_at(items, 0)) : workflow_gone());
}

static void workflow_event(void *user, const char *type, const struct js *object)
{
    cluster_post(user, strcmp(type, "DELETED") ? news_of_workflow(object) : workflow_gone());
}

/* That one of a kind which has the Workflow's name. */
static char *path_of_own(const struct cluster *c, const char *kind)
{
    own_mem char *all = kube_path(c->kube, CLUSTER_ARGO, kind, NULL);

    return dh_printf("%s?fieldSelector=metadata.name%%3D%s", all, c->name);
}

static void *make_and_watch(void *user)
{
    struct cluster *c = user;
    const struct kube_watch watch = {workflow_listed, workflow_event, c};
    own_mem char *path = path_of_own(c, "workflows");
    own(kube_disconnect) struct kube_conn *conn = NULL;
    own(js_free) struct js *workflow = NULL;
    struct dh_err err = {0};

    if (kube_connect(c->kube, &c->stop, -1, &conn, &err) < 0) {
        broken(c, "Kubernetes cannot be asked", &err);
        return NULL;
    }
    kube_on_trouble(conn, on_trouble, c);
    if (put_secret(c, conn, &err) != 0)
        broken(c, "the run's Secret cannot be made", &err);
    else if (put_workflow(c, conn, &workflow, &err) != 0)
        broken(c, "its Workflow cannot be made", &err);
    else {
        tie_secret(c, conn, workflow);
        if (kube_watch(conn, path, &watch, &err) != 0)
            broken(c, "its Workflow cannot be watched", &err);
    }
    return NULL;
}

/* ---- what Argo asks ---- */

static const char *input_of(const struct js *task, const char *name)
{
    const struct js *list = js_path(task, "inputs", "parameters", NULL);

    for (size_t i = 0; i < js_n(list); i++) {
        const char *its = js_get_text(js_at(list, i), "name");

        if (its && !strcmp(its, name))
            return js_get_text(js_at(list, i), "value");
    }
    return NULL;
}

/* Our tasks of the set that have no answer yet. */
static struct news *news_of_asks(const struct js *set)
{
    const struct js *answers = js_path(set, "status", "nodes", NULL);
    struct news *n = news_of(NEWS_ASKS, NULL);

    n->asks = js_object();
    for (js_each(js_path(set, "spec", "tasks", NULL), it)) {
        const char *ask = js_get_text(js_path(it.value, "plugin", ARGO_PLUGIN, NULL), "ask");
        const char *scope = input_of(it.value, "scope"), *iteration;
        struct js *one;

        if (!ask || !scope || js_get(answers, it.key))
            continue;
        iteration = input_of(it.value, "iteration");
        one = js_object();
        js_set(one, "ask", js_str(ask));
        js_set(one, "scope", js_str(scope));
        js_set(one, "iteration", js_str(iteration ? iteration : ""));
        js_set(n->asks, it.key, one);
    }
    return n;
}

static void asks_listed(void *user, const struct js *items)
{
    cluster_post(user, news_of_asks(js_at(items, 0)));
}

static void asks_event(void *user, const char *type, const struct js *object)
{
    cluster_post(user, news_of_asks(strcmp(type, "DELETED") ? object : NULL));
}

static void *listen_to_asks(void *user)
{
    struct cluster *c = user;
    const struct kube_watch watch = {asks_listed, asks_event, c};
    own_mem char *path = path_of_own(c, "workflowtasksets");
    own(kube_disconnect) struct kube_conn *conn = NULL;
    struct dh_err err = {0};

    if (kube_connect(c->kube, &c->stop, -1, &conn, &err) < 0 ||
        kube_watch(conn, path, &watch, &err) != 0)
        broken(c, "what Argo asks cannot be heard", &err);
    return NULL;
}

int cluster_threads_start(struct cluster *c, struct dh_err *err)
{
    bool asks = argo_asks(c->workflow);

    c->maker_runs = pthread_create(&c->maker, NULL, make_and_watch, c) == 0;
    c->watcher_runs = pthread_create(&c->watcher, NULL, watch_pods, c) == 0;
    c->listener_runs = asks && pthread_create(&c->listener, NULL, listen_to_asks, c) == 0;
    return c->maker_runs && c->watcher_runs && c->listener_runs == asks
               ? 0
               : dh_fail_errno(err, "cannot start a thread");
}

void cluster_threads_stop(struct cluster *c)
{
    if (c->maker_runs)
        (void)pthread_join(c->maker, NULL);
    if (c->watcher_runs)
        (void)pthread_join(c->watcher, NULL);
    if (c->listener_runs)
        (void)pthread_join(c->listener, NULL);
    c->maker_runs = c->watcher_runs = c->listener_runs = false;
}

/* ---- wishes ---- */

struct patch {
    uv_work_t work;
    struct cluster *c;
    char *path;
    struct js *body;
    int rc;
    struct dh_err err;
};

static void patch_in_thread(uv_work_t *work)
{
    struct patch *p = work->data;
    own(kube_disconnect) struct kube_conn *conn = NULL;

    p->rc = kube_connect(p->c->kube, &p->c->stop, PATCH_PATIENCE_S, &conn, &p->err);
    if (p->rc == 0)
        p->rc = kube_call(conn, KUBE_PATCH, p->path, p->body, NULL, &p->err);
}

static void patched(uv_work_t *work, int status)
{
    struct patch *p = work->data;
    (void)status;

    if (p->rc != 0 && p->rc != KUBE_NOT_FOUND && p->err.code != DH_CANCELED) {
        own_mem char *note = dh_printf("Kubernetes did not take a change: %s", p->err.msg);

        run_note(p->c->run, note);
    }
    free(p->path);
    js_free(p->body);
    free(p);
}

void cluster_patch(struct cluster *c, char *path, struct js *body)
{
    struct patch *p = dh_zalloc(1, sizeof *p);

    p->work.data = p;
    p->c = c;
    p->path = path;
    p->body = body;
    (void)uv_queue_work(&c->run->engine->loop, &p->work, patch_in_thread, patched);
}
