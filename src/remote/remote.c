#include "remote/remote.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/http.h"
#include "base/mem.h"

enum { TRIES = 5, MAX_ANSWER = 256 << 20, CONNECT_MS = 10000, TOTAL_MS = 120000 };

struct remote {
    struct http *http;
    char *host, *authorization, *ca_file, *namespace;
};

int remote_open(const struct remote_options *options, struct remote **ret, struct dh_err *err)
{
    own(remote_close) struct remote *r = NULL;
    size_t n = strlen(options->host);

    if ((strncmp(options->host, "http://", 7) != 0 && strncmp(options->host, "https://", 8) != 0) ||
        strpbrk(options->host, " \t\r\n?#"))
        return dh_fail(err, DH_INVALID,
                       "'%s' is no server: expected http://HOST[:PORT] or https://…",
                       options->host);
    while (n && options->host[n - 1] == '/')
        n--;
    r = dh_zalloc(1, sizeof *r);
    r->host = dh_strndup(options->host, n);
    r->ca_file = options->ca_file ? dh_strdup(options->ca_file) : NULL;
    r->namespace = options->namespace ? dh_strdup(options->namespace) : NULL;
    if (options->token && strpbrk(options->token, "\r\n"))
        return dh_fail(err, DH_INVALID, "the token has a line's end in it");
    if (options->token)
        r->authorization = dh_printf("Authorization: Bearer %s", options->token);
    if (http_open(&r->http, err) < 0)
        return -1;
    *ret = take(&r);
    return 0;
}

struct remote *remote_close(struct remote *r)
{
    if (!r)
        return NULL;
    http_close(r->http);
    free(r->host);
    free(r->authorization);
    free(r->ca_file);
    free(r->namespace);
    free(r);
    return NULL;
}

const char *remote_host(const struct remote *r)
{
    return r->host;
}

static void wait_before(int attempt)
{
    const struct timespec t = {attempt < 3 ? 0 : 2, attempt < 3 ? 300000000L << attempt : 0};

    (void)nanosleep(&t, NULL);
}

/* "Failed to …" of KFP's errors, or what there is. */
static int complain(const struct http_answer *a, const char *what, struct dh_err *err)
{
    own(js_free) struct js *body = NULL;
    enum dh_code code = a->status == 404   ? DH_NOT_FOUND
                        : a->status == 409 ? DH_EXISTS
                        : a->status < 500  ? DH_INVALID
                                           : DH_IO;
    const char *message = NULL;

    if (js_parse(buf_str(&a->text), a->text.n, &body, NULL) == 0) {
        message = js_get_text(body, "message");
        message = message ? message : js_get_text(body, "error_message");
    }
    if (a->status == 401 || a->status == 403)
        return dh_fail(err, DH_INVALID, "%s: the server wants to know who asks (%ld); --token%s%s",
                       what, a->status, message ? ": " : "", message ? message : "");
    return dh_fail(err, code, "%s: the server answers %ld%s%.700s", what, a->status,
                   message ? ": " : "", message ? message : "");
}

static int send_once(struct remote *r, const char *method, const char *url, const char *json,
                     struct http_answer *ret, struct dh_err *err)
{
    const char *headers[4] = {"Accept: application/json"};
    size_t n = 1;
    struct http_request request = {
        .method = method,
        .url = url,
        .headers = headers,
        .body = {.bytes = json, .fd = -1, .n = json ? (int64_t)strlen(json) : -1},
        .max_text = MAX_ANSWER,
        .connect_ms = CONNECT_MS,
        .total_ms = TOTAL_MS,
        .ca_file = r->ca_file};

    if (json)
        headers[n++] = "Content-Type: application/json";
    if (r->authorization)
        headers[n++] = r->authorization;
    headers[n] = NULL;
    return http_send(r->http, &request, ret, err);
}

/* One request; `again`: it changes nothing, so that it may be asked twice. *ret_text is the
 * caller's. */
static int ask(struct remote *r, const char *method, const char *path, const char *json, bool again,
               char **ret_text, struct dh_err *err)
{
    own_mem char *url = dh_printf("%s%s", r->host, path);

    for (int attempt = 0;; attempt++) {
        own_http_answer struct http_answer a = {0};
        int rc = send_once(r, method, url, json, &a, err);
        bool busy = rc == 0 && (a.status == 429 || a.status >= 502);

        if (rc == 0 && a.status / 100 == 2) {
            *ret_text = a.text.n ? buf_take(&a.text) : dh_strdup("");
            return 0;
        }
        if (rc == 0 && !busy)
            return complain(&a, path, err);
        if (!again || attempt == TRIES) {
            if (rc == 0)
                return complain(&a, path, err);
            err->code = DH_IO;
            return dh_while(err, "%s", r->host);
        }
        wait_before(attempt);
    }
}

static int ask_json(struct remote *r, const char *method, const char *path, const struct js *body,
                    bool again, struct js **ret, struct dh_err *err)
{
    own_mem char *json = body ? js_dump(body, JS_COMPACT) : NULL;
    own_mem char *text = NULL;

    if (ask(r, method, path, json, again, &text, err) < 0)
        return -1;
    if (js_parse(*text ? text : "{}", *text ? strlen(text) : 2, ret, err) < 0) {
        err->code = DH_IO;
        return dh_while(err, "%s%s answers no JSON", r->host, path);
    }
    return 0;
}

static char *escaped(const char *text)
{
    own_buf struct buf b = {0};

    buf_add_percent(&b, text, strlen(text), "");
    return b.n ? buf_take(&b) : dh_strdup("");
}

/* {"predicates": [{"operation": "EQUALS", "key": "display_name", "string_value": name}]} */
static char *by_name(const char *name)
{
    own(js_free) struct js *filter = js_object();
    struct js *list = js_array(), *one = js_object();
    own_mem char *json = NULL;

    js_set(one, "operation", js_str("EQUALS"));
    js_set(one, "key", js_str("display_name"));
    js_set(one, "string_value", js_str(name));
    js_push(list, one);
    js_set(filter, "predicates", list);
    json = js_dump(filter, JS_COMPACT);
    return escaped(json);
}

int remote_experiment(struct remote *r, const char *name, char **ret, struct dh_err *err)
{
    own(js_free) struct js *found = NULL, *made = NULL;
    own(js_free) struct js *body = js_object();
    own_mem char *filter = NULL;
    own_mem char *namespace = escaped(r->namespace ? r->namespace : "");
    own_mem char *path = NULL;
    const char *id;

    *ret = NULL;
    if (!name)
        return 0;
    filter = by_name(name);
    path = dh_printf("/apis/v2beta1/experiments?page_size=1&filter=%s%s%s", filter,
                     *namespace ? "&namespace=" : "", namespace);
    if (ask_json(r, "GET", path, NULL, true, &found, err) < 0)
        return -1;
    id = js_get_text(js_at(js_get(found, "experiments"), 0), "experiment_id");
    if (!id) {
        js_set(body, "display_name", js_str(name));
        if (r->namespace)
            js_set(body, "namespace", js_str(r->namespace));
        if (ask_json(r, "POST", "/apis/v2beta1/experiments", body, false, &made, err) < 0)
            return -1;
        id = js_get_text(made, "experiment_id");
    }
    if (!id)
        return dh_fail(err, DH_IO, "%s: experiment '%s' has no id", r->host, name);
    *ret = dh_strdup(id);
    return 0;
}

/* As the SDK's enable_caching=False: each task of the spec says so. */
static struct js *without_cache(const struct js *spec)
{
    struct js *copy = js_copy(spec);
    struct js *pipeline = js_get(copy, "pipeline_spec") ? js_get(copy, "pipeline_spec") : copy;

    for (js_each(js_get(pipeline, "components"), c))
        for (js_each(js_path(c.value, "dag", "tasks", NULL), t))
            js_set(t.value, "cachingOptions", js_object());
    for (js_each(js_path(pipeline, "root", "dag", "tasks", NULL), t))
        js_set(t.value, "cachingOptions", js_object());
    return copy;
}

int remote_start(struct remote *r, const struct remote_run *run, struct js **ret_run,
                 struct dh_err *err)
{
    own(js_free) struct js *body = js_object();
    struct js *config = js_object();

    js_set(body, "display_name", js_str(run->name));
    if (run->experiment_id)
        js_set(body, "experiment_id", js_str(run->experiment_id));
    js_set(body, "pipeline_spec", run->no_cache ? without_cache(run->spec) : js_ref(run->spec));
    if (js_n(run->parameters))
        js_set(config, "parameters", js_ref(run->parameters));
    if (run->pipeline_root)
        js_set(config, "pipeline_root", js_str(run->pipeline_root));
    js_set(body, "runtime_config", config);
    return ask_json(r, "POST", "/apis/v2beta1/runs", body, false, ret_run, err);
}

int remote_run(struct remote *r, const char *run_id, struct js **ret_run, struct dh_err *err)
{
    own_mem char *id = escaped(run_id);
    own_mem char *path = dh_printf("/apis/v2beta1/runs/%s", id);

    return ask_json(r, "GET", path, NULL, true, ret_run, err);
}

int remote_cancel(struct remote *r, const char *run_id, struct dh_err *err)
{
    own(js_free) struct js *answer = NULL;
    own_mem char *id = escaped(run_id);
    own_mem char *path = dh_printf("/apis/v2beta1/runs/%s:terminate", id);

    return ask_json(r, "POST", path, NULL, true, &answer, err);
}

/* A run as the engine keeps it, its nodes with it: only the API before v2beta1 hands that out. */
static int engine_record(struct remote *r, const char *run_id, struct js **ret, struct dh_err *err)
{
    own(js_free) struct js *run = NULL;
    own_mem char *id = escaped(run_id);
    own_mem char *path = dh_printf("/apis/v1beta1/runs/%s", id);
    const char *text;

    if (ask_json(r, "GET", path, NULL, true, &run, err) < 0)
        return -1;
    text = js_text(js_path(run, "pipeline_runtime", "workflow_manifest", NULL));
    if (!text)
        return dh_fail(err, DH_NOT_FOUND, "%s%s has no workflow", r->host, path);
    return js_parse(text, strlen(text), ret, err);
}

int remote_failed_pod(struct remote *r, const char *run_id, const char *node, char **ret_pod,
                      char **ret_why, struct dh_err *err)
{
    own(js_free) struct js *record = NULL;
    const struct js *nodes, *at;
    const char *name, *type, *phase, *template, *number;

    *ret_pod = *ret_why = NULL;
    if (engine_record(r, run_id, &record, err) < 0)
        return -1;
    nodes = js_path(record, "status", "nodes", NULL);
    at = js_get(nodes, node);
    type = js_get_text(at, "type");
    if (type && !strcmp(type, "Retry") && js_n(js_get(at, "children"))) {
        const struct js *attempts = js_get(at, "children");

        node = js_text(js_at(attempts, js_n(attempts) - 1));
        at = node ? js_get(nodes, node) : NULL;
    }
    phase = js_get_text(at, "phase");
    if (!phase || (strcmp(phase, "Failed") != 0 && strcmp(phase, "Error") != 0))
        return 0;
    if (js_get_text(at, "message"))
        *ret_why = dh_strdup(js_get_text(at, "message"));
    name = js_get_text(js_get(record, "metadata"), "name");
    template = js_get_text(at, "templateName");
    number = js_get_text(at, "id") ? strrchr(js_get_text(at, "id"), '-') : NULL;
    if (name && template && number) /* as Argo names pods: WORKFLOW-TEMPLATE-NUMBER */
        *ret_pod = dh_printf("%s-%s%s", name, template, number);
    return 0;
}

int remote_log(struct remote *r, const char *run_id, const char *pod, char **ret,
               struct dh_err *err)
{
    own_mem char *id = escaped(run_id);
    own_mem char *node = escaped(pod);
    own_mem char *path = dh_printf("/apis/v1alpha1/runs/%s/nodes/%s/log", id, node);
    own(js_free) struct js *answer = NULL;

    if (ask(r, "GET", path, NULL, true, ret, err) < 0)
        return -1;
    /* KFP says 200 before it looks for the log: what went wrong stands where the log would. */
    if (**ret == '{' && js_parse(*ret, strlen(*ret), &answer, NULL) == 0 &&
        js_get_text(answer, "error_message") && js_get_text(answer, "error_details")) {
        free(*ret);
        *ret = NULL;
        return dh_fail(err, DH_NOT_FOUND, "%s", js_get_text(answer, "error_message"));
    }
    return 0;
}
