#include "kube/kube.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "kube/kube-priv.h"

enum { CONNECT_MS = 10000, TOTAL_MS = 60000, WAIT_MAX_MS = 10000, STEP_MS = 50, PAGE = 500 };
/* A watch is asked to end after WATCH_S; a connection that says nothing for longer is dead. */
enum { WATCH_S = 240, WATCH_MS = 300000, RETRY_AFTER_MAX_S = 30 };

struct kube_conn {
    struct kube *kube;
    struct http *http;
    atomic_bool *stop;
    int patience_s;
    void (*trouble)(void *user, const char *what);
    void *user;
    bool in_trouble;
};

int kube_open(const struct kube_options *options, struct kube **ret, struct dh_err *err)
{
    own(kube_close) struct kube *k = dh_zalloc(1, sizeof *k);

    (void)pthread_mutex_init(&k->lock, NULL);
    if (kube_config_load(k, options, err) < 0)
        return -1;
    *ret = take(&k);
    return 0;
}

struct kube *kube_close(struct kube *k)
{
    if (k) {
        free(k->server);
        free(k->namespace);
        free(k->url);
        free(k->connect_to);
        free(k->ca);
        free(k->proxy);
        args_done(&k->headers);
        free(k->token_file);
        kube_plugin_free(k->plugin);
        kube_identity_done(&k->now);
        (void)pthread_mutex_destroy(&k->lock);
        free(k);
    }
    return NULL;
}

const char *kube_namespace(const struct kube *k)
{
    return k->namespace;
}

const char *kube_server(const struct kube *k)
{
    return k->server;
}

int kube_connect(struct kube *k, atomic_bool *stop, int patience_s, struct kube_conn **ret,
                 struct dh_err *err)
{
    struct http *http;

    if (http_open(&http, err) < 0)
        return -1;
    *ret = dh_zalloc(1, sizeof **ret);
    **ret = (struct kube_conn){.kube = k, .http = http, .stop = stop, .patience_s = patience_s};
    return 0;
}

struct kube_conn *kube_disconnect(struct kube_conn *c)
{
    if (c) {
        http_close(c->http);
        free(c);
    }
    return NULL;
}

void kube_on_trouble(struct kube_conn *c, void (*fn)(void *user, const char *what), void *user)
{
    c->trouble = fn;
    c->user = user;
}

static void say_trouble(struct kube_conn *c, const char *what)
{
    if (c->trouble && (what != NULL) != c->in_trouble)
        c->trouble(c->user, what);
    c->in_trouble = what != NULL;
}

static bool is_stopped(const struct kube_conn *c)
{
    return c->stop && atomic_load(c->stop);
}

bool kube_wait(const struct kube_conn *c, int ms)
{
    for (; ms > 0 && !is_stopped(c); ms -= STEP_MS)
        (void)poll(NULL, 0, ms < STEP_MS ? ms : STEP_MS);
    return !is_stopped(c);
}

char *kube_path(const struct kube *k, const char *group, const char *kind, const char *name)
{
    return dh_printf("/%s/%s/namespaces/%s/%s%s%s", strchr(group, '/') ? "apis" : "api", group,
                     k->namespace, kind, name ? "/" : "", name ? name : "");
}

char *kube_selected(const char *path, const char *labels)
{
    struct buf b = {0};

    buf_addf(&b, "%s?labelSelector=", path);
    buf_add_percent(&b, labels, strlen(labels), "");
    return buf_take(&b);
}

/* ---- one request ---- */

/* As who we are now; *ret_serial says who that was. */
static int send_as(struct kube_conn *c, struct http_request *r, const char *path,
                   const char *content_type, struct http_answer *a, unsigned *ret_serial,
                   struct dh_err *err)
{
    struct kube *k = c->kube;
    own_mem char *url = dh_printf("%s%s", k->url, path);
    own_identity struct kube_identity we = {0};
    own_args struct args headers = {0};
    struct http_tls tls = {.ca = k->ca, .insecure = k->insecure};
    int rc;

    if (kube_identity_get(k, c->stop, &we, err) < 0)
        return is_stopped(c) ? HTTP_STOPPED : HTTP_BROKEN;
    *ret_serial = we.serial;
    tls.cert = we.cert;
    tls.key = we.key;
    args_add(&headers, "Accept: application/json");
    if (content_type)
        args_addf(&headers, "Content-Type: %s", content_type);
    for (size_t i = 0; i < k->headers.n; i++)
        args_add(&headers, k->headers.v[i]);
    if (we.token)
        args_addf(&headers, "Authorization: Bearer %s", we.token);
    r->url = url;
    r->headers = (const char *const *)headers.v;
    r->tls = &tls;
    r->proxy = k->proxy;
    r->connect_to = k->connect_to;
    r->stop = c->stop;
    r->connect_ms = CONNECT_MS;
    r->max_text = LIMIT_KUBE_ANSWER;
    rc = http_send(c->http, r, a, err);
    if (we.token)
        explicit_bzero(headers.v[headers.n - 1], strlen(headers.v[headers.n - 1]));
    return rc;
}

/* Once more where the server does not believe who we were, and we can be somebody newer. */
static int send_once(struct kube_conn *c, struct http_request *r, const char *path,
                     const char *content_type, struct http_answer *a, struct dh_err *err)
{
    unsigned serial = 0;
    int rc = send_as(c, r, path, content_type, a, &serial, err);

    if (rc == 0 && a->status == 401 && kube_identity_refused(c->kube, serial))
        rc = send_as(c, r, path, content_type, a, &serial, err);
    return rc;
}

static enum kube_answer answer_of(long status)
{
    return status == 404                    ? KUBE_NOT_FOUND
           : status == 409                  ? KUBE_CONFLICT
           : status == 410                  ? KUBE_GONE
           : status == 401 || status == 403 ? KUBE_REFUSED
                                            : KUBE_INVALID;
}

/* What a Status object says, or what there is. */
static void complain(const struct http_answer *a, const char *path, struct dh_err *err)
{
    own(js_free) struct js *body = NULL;
    const char *message = NULL;
    enum dh_code code = a->status == 404   ? DH_NOT_FOUND
                        : a->status == 409 ? DH_EXISTS
                        : a->status < 500  ? DH_INVALID
                                           : DH_IO;

    if (js_parse(buf_str(&a->text), a->text.n, &body, NULL) == 0)
        message = js_get_text(body, "message");
    if (message && *message)
        (void)dh_fail(err, code, "Kubernetes: %.800s", message);
    else
        (void)dh_fail(err, code, "Kubernetes answers %ld to %.*s", a->status,
                      (int)strcspn(path, "?"), path);
}

static int backoff_ms(const struct http_answer *a, int n)
{
    own_mem char *after = http_header(a, "retry-after");
    long s = after ? strtol(after, NULL, 10) : 0;
    int ms = n < 6 ? 200 << n : WAIT_MAX_MS;

    if (s > 0)
        return (int)(s < RETRY_AFTER_MAX_S ? s : RETRY_AFTER_MAX_S) * 1000;
    return ms < WAIT_MAX_MS ? ms : WAIT_MAX_MS;
}

/* Asks until there is an answer that asking again would not change. */
static int send_patiently(struct kube_conn *c, struct http_request *r, const char *path,
                          const char *type, struct http_answer *a, struct dh_err *err)
{
    int64_t begun_us = clock_mono_us();
    struct dh_err why = {0};

    for (int try = 0;; try++) {
        int rc = is_stopped(c) ? HTTP_STOPPED : send_once(c, r, path, type, a, &why);

        if (rc == HTTP_STOPPED || is_stopped(c))
            return dh_fail(err, DH_CANCELED, "Kubernetes: stopped");
        if (rc == HTTP_REFUSED)
            return rc;
        if (rc == 0 && a->status != 429 && a->status < 500) {
            say_trouble(c, NULL);
            return 0;
        }
        if (rc == 0)
            complain(a, path, &why);
        say_trouble(c, why.msg);
        if (c->patience_s >= 0 && clock_mono_us() - begun_us >= (int64_t)c->patience_s * 1000000)
            return dh_fail(err, DH_IO, "%s", why.msg);
        (void)kube_wait(c, backoff_ms(a, try));
    }
}

int kube_call(struct kube_conn *c, enum kube_method method, const char *path, const struct js *body,
              struct js **ret, struct dh_err *err)
{
    static const char *const names[] = {"GET", "POST", "PATCH", "DELETE"};
    own_mem char *text = body ? js_dump(body, JS_COMPACT) : NULL;
    own_http_answer struct http_answer a = {0};
    struct http_request r = {.method = names[method],
                             .body = {.bytes = text, .n = text ? (int64_t)strlen(text) : -1},
                             .total_ms = TOTAL_MS};
    const char *type = !body                  ? NULL
                       : method == KUBE_PATCH ? "application/merge-patch+json"
                                              : "application/json";

    if (send_patiently(c, &r, path, type, &a, err) < 0)
        return -1;
    if (a.status >= 300) {
        complain(&a, path, err);
        return (int)answer_of(a.status);
    }
    if (ret && js_parse(buf_str(&a.text), a.text.n, ret, err) < 0) {
        if (err)
            err->code = DH_IO;
        return dh_while(err, "the answer of Kubernetes");
    }
    return 0;
}

/* ---- watching ---- */

struct stream {
    struct kube_conn *conn;
    const struct kube_watch *watch;
    struct buf line;
    char version[64]; /* resourceVersion of the last that was seen; "": the list is needed */
};

static void keep_version(struct stream *s, const struct js *object)
{
    const char *version = js_get_text(js_get(object, "metadata"), "resourceVersion");

    if (version && strlen(version) < sizeof s->version)
        (void)snprintf(s->version, sizeof s->version, "%s", version);
}

static int one_event(struct stream *s, const char *text, size_t n)
{
    own(js_free) struct js *v = NULL;
    const struct js *object;
    const char *type;

    if (n == 0)
        return 0;
    if (js_parse(text, n, &v, NULL) < 0)
        return -1; /* half a line: the list is asked for again */
    type = js_get_text(v, "type");
    object = js_get(v, "object");
    if (!type || !strcmp(type, "ERROR")) {
        s->version[0] = '\0'; /* 410: too old */
        return -1;
    }
    keep_version(s, object);
    if (strcmp(type, "BOOKMARK") != 0)
        s->watch->event(s->watch->user, type, object);
    return 0;
}

static int take_events(void *user, const char *bytes, size_t n)
{
    struct stream *s = user;

    while (n) {
        const char *end = memchr(bytes, '\n', n);
        size_t part = end ? (size_t)(end - bytes) : n;

        if (s->line.n + part > LIMIT_KUBE_OBJECT)
            return -1;
        buf_add(&s->line, bytes, part);
        if (!end)
            return 0;
        if (one_event(s, buf_str(&s->line), s->line.n) < 0)
            return -1;
        buf_reset(&s->line);
        bytes += part + 1;
        n -= part + 1;
    }
    return 0;
}

static char join(const char *path)
{
    return strchr(path, '?') ? '&' : '?';
}

/* All pages of the list; those of a list that is too old are given up. */
static int list(struct stream *s, const char *path, struct dh_err *err)
{
    own(js_free) struct js *all = js_array();
    own_mem char *more = NULL;

    do {
        own_mem char *page = dh_printf("%s%climit=%d%s%s", path, join(path), PAGE,
                                       more ? "&continue=" : "", more ? more : "");
        own(js_free) struct js *v = NULL;
        const struct js *items;
        own_buf struct buf b = {0};
        const char *token;
        int rc = kube_call(s->conn, KUBE_GET, page, NULL, &v, err);

        if (rc == KUBE_GONE && more) {
            js_free(all);
            all = js_array();
            *more = '\0'; /* from the beginning */
            continue;
        }
        if (rc)
            return rc;
        items = js_get(v, "items");
        for (size_t i = 0; i < js_n(items); i++)
            js_push(all, js_ref(js_at(items, i)));
        if (js_n(all) > LIMIT_KUBE_ITEMS)
            return dh_fail(err, DH_IO, "Kubernetes lists more than %d objects", LIMIT_KUBE_ITEMS);
        keep_version(s, v);
        token = js_get_text(js_get(v, "metadata"), "continue");
        if (token && *token)
            buf_add_percent(&b, token, strlen(token), "");
        free(more);
        more = b.n ? buf_take(&b) : NULL;
    } while (more);
    s->watch->listed(s->watch->user, all);
    return 0;
}

/* Until the server ends it. */
static int watch_once(struct stream *s, const char *path, struct dh_err *err)
{
    own_http_answer struct http_answer a = {0};
    own_mem char *full =
        dh_printf("%s%cwatch=1&allowWatchBookmarks=true&timeoutSeconds=%d&resourceVersion=%s", path,
                  join(path), WATCH_S, s->version);
    struct http_request r = {
        .method = "GET", .body = {.n = -1}, .sink = take_events, .user = s, .total_ms = WATCH_MS};
    int rc;

    buf_reset(&s->line);
    rc = is_stopped(s->conn) ? HTTP_STOPPED : send_once(s->conn, &r, full, NULL, &a, err);
    if (rc == HTTP_STOPPED || is_stopped(s->conn))
        return dh_fail(err, DH_CANCELED, "Kubernetes: stopped");
    if (rc == 0 && a.status == 200)
        return 0;
    if (rc == 0 && a.status == 410)
        s->version[0] = '\0';
    return 1;
}

int kube_watch(struct kube_conn *c, const char *path, const struct kube_watch *watch,
               struct dh_err *err)
{
    struct stream s = {.conn = c, .watch = watch};
    int64_t begun_us;
    int rc = 0, failed = 0;

    while (rc == 0) {
        if (!s.version[0]) {
            rc = list(&s, path, err);
            if (rc == KUBE_GONE)
                rc = 0;
            continue;
        }
        begun_us = clock_mono_us();
        rc = watch_once(&s, path, err);
        failed = rc > 0 ? failed + 1 : 0;
        if (rc == 0 && clock_mono_us() - begun_us < STEP_MS * 1000)
            (void)kube_wait(c, STEP_MS); /* a proxy may end each of them at once */
        if (rc > 0) {
            rc = 0;
            if (failed > 3) /* what could not be watched from there is listed again */
                s.version[0] = '\0';
            (void)kube_wait(c, failed < 6 ? STEP_MS << failed : WAIT_MAX_MS);
        }
    }
    buf_done(&s.line);
    return rc;
}

/* ---- logs ---- */

int kube_log(struct kube_conn *c, const char *pod, const char *container, const char *since,
             int (*piece)(void *user, const char *bytes, size_t n), void *user, struct dh_err *err)
{
    own_mem char *path = kube_path(c->kube, "v1", "pods", pod);
    own_mem char *full = dh_printf("%s/log?container=%s&follow=true&timestamps=true%s%s", path,
                                   container, since ? "&sinceTime=" : "", since ? since : "");
    own_http_answer struct http_answer a = {0};
    struct http_request r = {.method = "GET", .body = {.n = -1}, .sink = piece, .user = user};
    int rc = is_stopped(c) ? HTTP_STOPPED : send_once(c, &r, full, NULL, &a, err);

    if (rc == HTTP_STOPPED || is_stopped(c))
        return dh_fail(err, DH_CANCELED, "Kubernetes: stopped");
    if (rc == HTTP_REFUSED)
        return KUBE_REFUSED;
    if (rc)
        return -1;
    if (a.status < 300)
        return 0;
    complain(&a, path, err);
    return a.status >= 500 || a.status == 429 ? -1 : (int)answer_of(a.status);
}

/* ---- what we may ---- */

int kube_may(struct kube_conn *c, const char *verb, const char *group, const char *resource,
             struct dh_err *err)
{
    own(js_free) struct js *review = js_object();
    own(js_free) struct js *answer = NULL;
    struct js *spec = js_object(), *what = js_object();
    own_mem char *name = dh_strdup(resource);
    char *slash = strchr(name, '/');
    int rc;

    if (slash)
        *slash++ = '\0';
    js_set(what, "namespace", js_str(c->kube->namespace));
    js_set(what, "verb", js_str(verb));
    js_set(what, "group", js_str(group));
    js_set(what, "resource", js_str(name));
    if (slash)
        js_set(what, "subresource", js_str(slash));
    js_set(spec, "resourceAttributes", what);
    js_set(review, "apiVersion", js_str("authorization.k8s.io/v1"));
    js_set(review, "kind", js_str("SelfSubjectAccessReview"));
    js_set(review, "spec", spec);
    rc = kube_call(c, KUBE_CREATE, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review,
                   &answer, err);
    if (rc)
        return rc < 0 ? -1 : dh_while(err, "what dhow may do");
    return js_get_bool(js_get(answer, "status"), "allowed") ? 0 : 1;
}
