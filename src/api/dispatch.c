#include "api/dispatch.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "api/api-priv.h"
#include "api/counts.h"
#include "api/hub.h"
#include "api/kept.h"
#include "api/route.h"
#include "base/clock.h"
#include "base/limits.h"

/* ---- errors ---- */

static enum grpc code_of(const struct req *r, const struct dh_err *err)
{
    if (r->code != GRPC_OK)
        return r->code;
    switch (err->code) {
    case DH_INVALID:
        return GRPC_INVALID_ARGUMENT;
    case DH_NOT_FOUND:
        return GRPC_NOT_FOUND;
    case DH_EXISTS:
        return GRPC_ALREADY_EXISTS;
    case DH_FAILED:
    case DH_IO:
    case DH_BUG:
    case DH_CANCELED:
        break;
    }
    return GRPC_INTERNAL;
}

int grpc_status(enum grpc code)
{
    switch (code) {
    case GRPC_OK:
        return 200;
    case GRPC_INVALID_ARGUMENT:
    case GRPC_FAILED_PRECONDITION:
        return 400;
    case GRPC_UNAUTHENTICATED:
        return 401;
    case GRPC_PERMISSION_DENIED:
        return 403;
    case GRPC_NOT_FOUND:
        return 404;
    case GRPC_ALREADY_EXISTS:
    case GRPC_ABORTED:
        return 409;
    case GRPC_RESOURCE_EXHAUSTED:
        return 413;
    case GRPC_UNIMPLEMENTED:
        return 405;
    case GRPC_UNAVAILABLE:
        return 503;
    case GRPC_INTERNAL:
        break;
    }
    return 500;
}

static void write_error(struct jw *w, enum route_form form, int status, enum grpc code,
                        const char *message, const char *brief)
{
    jw_begin(w, '{');
    if (form == FORM_UI) {
        jw_begin_in(w, "error", '{');
        jw_number(w, "status", status);
        jw_text(w, "message", brief);
        jw_end(w, '}');
    } else if (form == FORM_UPLOAD) {
        jw_text(w, "error_message", message);
        jw_text(w, "error_details", message);
    } else {
        jw_number(w, "code", code);
        jw_text(w, "message", message);
        jw_begin_in(w, "details", '[');
        if (status != 404 || strcmp(message, "Not Found") != 0) {
            jw_begin(w, '{');
            jw_text(w, "@type", "type.googleapis.com/google.rpc.Status");
            jw_number(w, "code", code);
            jw_text(w, "message", brief);
            jw_end(w, '}');
        }
        jw_end(w, ']');
    }
    jw_end(w, '}');
}

/* What KFP's server puts before the message of each kind of error. */
static const char *kind_of(enum grpc code)
{
    switch (code) {
    case GRPC_INVALID_ARGUMENT:
        return "Invalid input error: ";
    case GRPC_NOT_FOUND:
        return "ResourceNotFoundError: ";
    case GRPC_ALREADY_EXISTS:
        return "Already exist error: ";
    case GRPC_PERMISSION_DENIED:
        return "PermissionDenied: ";
    case GRPC_FAILED_PRECONDITION:
        return "FailedPreconditionError: ";
    case GRPC_ABORTED:
        return "BadRequestError: ";
    case GRPC_UNAVAILABLE:
        return "ServiceUnavailable: ";
    case GRPC_UNAUTHENTICATED:
        return "Unauthenticated: ";
    case GRPC_INTERNAL:
        return "InternalServerError: ";
    case GRPC_OK:
    case GRPC_RESOURCE_EXHAUSTED:
    case GRPC_UNIMPLEMENTED:
        break;
    }
    return "";
}

/* "Failed to get a run: ResourceNotFoundError: Run x not found": {0} and {1} of the route's words
 * are what stands in the path. */
static const char *full_message(const struct req *r, enum grpc code, const char *brief)
{
    own_buf struct buf text = {0};

    for (const char *c = r->route->doing; *c; c++) {
        if (*c == '{' && (c[1] == '0' || c[1] == '1') && c[2] == '}') {
            buf_adds(&text, r->param[c[1] - '0']);
            c += 2;
        } else {
            buf_addc(&text, *c);
        }
    }
    return arena_printf(r->arena, "%s: %s%s", buf_str(&text), kind_of(code), brief);
}

void dispatch_error(struct req *r, const struct dh_err *err)
{
    enum grpc code = code_of(r, err);
    enum route_form form = r->route ? r->route->form : route_form_of(r->uri.path);
    const char *message = r->route && r->route->doing ? full_message(r, code, err->msg) : err->msg;

    r->status = grpc_status(code);
    r->fixed = NULL;
    buf_reset(&r->out);
    if (form == FORM_TEXT) {
        r->type = "text/plain; charset=utf-8";
        buf_addf(&r->out, "%s\n", err->msg);
    } else {
        write_error(req_json(r), form, r->status, code, message, err->msg);
    }
    if (r->status == 401)
        req_header(r, "WWW-Authenticate", "Bearer");
}

static bool refuse(struct req *r, enum grpc code, const char *why)
{
    struct dh_err err;

    (void)req_fail(r, &err, code, "%s", why);
    r->api->stats.refused++;
    dispatch_error(r, &err);
    return false;
}

/* ---- may it be at all ---- */

/* The name in a Host header, without port and brackets. */
static bool host_is(const char *host, const char *name)
{
    size_t n = strlen(host), n_name = strlen(name);
    const char *colon = strrchr(host, ':');

    if (colon && !strchr(colon, ']') && strspn(colon + 1, "0123456789") == strlen(colon + 1))
        n = (size_t)(colon - host);
    if (n >= 2 && host[0] == '[' && host[n - 1] == ']') {
        host++;
        n -= 2;
    }
    return n == n_name && !strncasecmp(host, name, n);
}

/* A page elsewhere can let its own name point here (DNS rebinding): only our names are answered. */
static bool host_allowed(const struct req *r)
{
    static const char *const own[] = {"localhost", "127.0.0.1", "::1"};
    const struct api_options *o = r->api->options;

    if (!r->host)
        return true; /* no browser: HTTP/1.0 */
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (host_is(r->host, own[i]))
            return true;
    if (o->host && host_is(r->host, o->host))
        return true;
    for (size_t i = 0; o->allow_hosts && o->allow_hosts[i]; i++)
        if (host_is(r->host, o->allow_hosts[i]))
            return true;
    return !r->api->loopback && !(o->allow_hosts && o->allow_hosts[0]);
}

static bool origin_is_ours(const struct req *r, const char *origin)
{
    const char *host = strstr(origin, "://");

    return host && r->host && !strcasecmp(host + 3, r->host);
}

/* What another page makes a browser send. */
static bool from_elsewhere(const struct req *r, const struct dispatch_head *head)
{
    bool navigation = head->fetch_mode && !strcmp(head->fetch_mode, "navigate") &&
                      (r->method == REQ_GET || r->method == REQ_HEAD);

    if (head->origin && !origin_is_ours(r, head->origin))
        return true;
    return head->fetch_site && !navigation && strcmp(head->fetch_site, "same-origin") != 0 &&
           strcmp(head->fetch_site, "none") != 0;
}

static bool find_route(struct req *r)
{
    struct dh_err err;
    int rc;

    if (uri_read(r->raw, r->arena, &r->uri, &err) < 0) {
        r->uri.path = "/";
        r->code = GRPC_INVALID_ARGUMENT;
        dispatch_error(r, &err);
        return false;
    }
    rc = route_find(r->method, r->uri.path, r->arena, &r->route, r->param);
    if (rc == 1)
        return refuse(r, GRPC_NOT_FOUND, "Not Found");
    return rc == 2 ? refuse(r, GRPC_UNIMPLEMENTED, "Method Not Allowed") : true;
}

static bool check_user(struct req *r, const struct dispatch_head *head)
{
    bool later;

    r->user = auth_user(r->api->auth, head->authorization, head->cookie, r->arena, &later);
    if (r->route->flags & ROUTE_OPEN)
        return true;
    if (!r->user && later) {
        req_header(r, "Retry-After", "1");
        return refuse(r, GRPC_UNAVAILABLE, AUTH_LATER);
    }
    if (!r->user)
        return refuse(r, GRPC_UNAUTHENTICATED,
                      head->authorization || head->cookie ? "the token is not known"
                                                          : "a token is needed");
    if (r->user->role < r->route->role)
        return refuse(r, GRPC_PERMISSION_DENIED,
                      arena_printf(r->arena, "this needs the role %s; %s is %s",
                                   auth_role_name(r->route->role), r->user->name,
                                   auth_role_name(r->user->role)));
    return true;
}

bool dispatch_check(struct req *r, const struct dispatch_head *head)
{
    if (!find_route(r))
        return false;
    if (!(r->route->flags & ROUTE_POD) && !host_allowed(r))
        return refuse(r, GRPC_PERMISSION_DENIED,
                      "this server is not known by that name (--allow-host adds one)");
    if (!(r->route->flags & ROUTE_PAGE) && from_elsewhere(r, head))
        return refuse(r, GRPC_PERMISSION_DENIED, "requests of other sites are refused");
    if (!check_user(r, head))
        return false;
    if (r->route->flags & ROUTE_FILE_BODY)
        return head->content_length >= 0 && head->content_length <= LIMIT_HTTP_FILE
                   ? true
                   : refuse(r, GRPC_RESOURCE_EXHAUSTED, "the body is larger than 1 TiB");
    if (head->content_length < 0 || head->content_length > (int64_t)LIMIT_HTTP_BODY)
        return refuse(r, GRPC_RESOURCE_EXHAUSTED, "the body is larger than 32 MiB");
    if (head->bodies_bytes + (size_t)head->content_length > LIMIT_HTTP_BODIES)
        return refuse(r, GRPC_UNAVAILABLE, "too much is being uploaded at once; try again");
    return true;
}

/* ---- running it ---- */

static int read_body(struct req *r, struct dh_err *err)
{
    if (r->body.n > LIMIT_HTTP_BODY || r->body.truncated)
        return req_fail(r, err, GRPC_RESOURCE_EXHAUSTED, "the body is larger than 32 MiB");
    if (r->route->flags & (ROUTE_RAW_BODY | ROUTE_FILE_BODY))
        return 0;
    if (r->body.n == 0 || r->method == REQ_GET || r->method == REQ_HEAD) {
        r->json = js_object();
        return 0;
    }
    if (js_parse(r->body.p, r->body.n, &r->json, err) < 0)
        return dh_while(err, "the body is no JSON");
    if (!js_is(r->json, JS_OBJECT))
        return req_fail(r, err, GRPC_INVALID_ARGUMENT, "the body is no JSON object, but a %s",
                        js_kind_name(r->json));
    return 0;
}

static const char csp_page[] =
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' "
    "data: blob:; font-src 'self'; connect-src 'self'; frame-src 'self' blob:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";

static void add_safety(struct req *r)
{
    for (size_t i = 0; i < r->n_headers; i++)
        if (!strcmp(r->headers[i].name, "Content-Security-Policy"))
            return;
    req_header(r, "Content-Security-Policy", csp_page);
}

/* What only reads sees one state of the record. */
static int handle(struct req *r, struct dh_err *err)
{
    bool reads = (r->method == REQ_GET || r->method == REQ_HEAD) && !(r->route->flags & ROUTE_OPEN);
    int rc;

    if (!reads)
        return r->route->handler(r, err);
    if (store_begin_read(r->store, err) < 0)
        return -1;
    rc = 0;
    if (!kept_answer(r->api->kept, r)) {
        rc = r->route->handler(r, err);
        if (rc == 0)
            kept_put(r->api->kept, r);
    }
    store_rollback(r->store);
    return rc;
}

void dispatch_run(struct req *r)
{
    struct dh_err err;

    r->waits = false;
    if ((!r->json && read_body(r, &err) < 0) || handle(r, &err) < 0) {
        if (r->waits)
            return;
        dispatch_error(r, &err);
    }
    if (r->method != REQ_GET && r->method != REQ_HEAD) {
        counts_forget(r->api->counts);
        hub_dirty(r->api->hub);
    }
    req_header(r, "X-Content-Type-Options", "nosniff");
    req_header(r, "Referrer-Policy", "no-referrer");
    add_safety(r);
}

/* ---- the access log ---- */

void dispatch_log(const struct req *r, int64_t bytes)
{
    own_buf struct buf line = {0};
    struct jw w = {.to = &line};
    size_t n_path = strcspn(r->raw, "?"); /* the query may hold what is not for a log */

    if (r->api->log < 0)
        return;
    jw_begin(&w, '{');
    jw_time(&w, "time", clock_now_us());
    jw_text(&w, "method", r->method_name);
    jw_key(&w, "path");
    jw_strn(&w, r->raw, n_path);
    jw_number(&w, "status", r->status);
    jw_number(&w, "bytes", bytes);
    jw_number(&w, "us", clock_mono_us() - r->begun_us);
    jw_text(&w, "user", r->user ? r->user->name : NULL);
    jw_end(&w, '}');
    buf_addc(&line, '\n');
    (void)!write(r->api->log, line.p, line.n);
}
