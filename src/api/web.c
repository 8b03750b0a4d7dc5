#include "api/web.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/api-priv.h"
#include "api/body.h"
#include "api/dispatch.h"
#include "api/fetch.h"
#include "api/launch.h"
#include "api/mhd.h"
#include "api/route.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"

enum { STREAM_BLOCK = 4096 }; /* there may be thousands of streams */

enum phase { PHASE_NEW, PHASE_IDLE, PHASE_HEAD, PHASE_BODY, PHASE_ANSWER, PHASE_STREAM };

/* A connection, for the clock: libmicrohttpd's own limit starts anew with each byte. */
struct conn {
    int fd;
    struct MHD_Connection *connection;
    enum phase phase;
    int64_t since_us;
    struct req *req; /* libmicrohttpd does not say when one that it refuses itself is over */
    struct conn *next, **link;
};

struct web {
    struct api *api;
    struct MHD_Daemon *daemon;
    int port, listen_fd;
    char *cert, *key;
    struct conn *conns;
    size_t n_conns, body_bytes;
    bool woken; /* a connection is to go on: libmicrohttpd's descriptor does not tell of it */
};

static struct conn *conn_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        mhd.get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}

static void set_phase(struct MHD_Connection *connection, enum phase phase)
{
    struct conn *conn = conn_of(connection);

    if (conn) {
        conn->phase = phase;
        conn->since_us = clock_mono_us();
    }
}

static void free_req(struct web *web, struct req *r)
{
    web->body_bytes -= r->reserved;
    if (r->later)
        launch_gone(web->api->launch, r);
    if (r->stream.free)
        r->stream.free(r->stream.ctx);
    if (r->file >= 0)
        (void)close(r->file);
    buf_done(&r->body);
    body_free(r->file_body);
    buf_done(&r->out);
    js_free(r->json);
    fetch_drop(r->fetch);
    arena_free(r->arena);
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct web *web = cls;
    struct conn *conn = *context;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            mhd.get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

        conn = dh_zalloc(1, sizeof *conn);
        conn->fd = info ? info->connect_fd : -1;
        conn->connection = connection;
        conn->since_us = clock_mono_us();
        conn->next = web->conns;
        conn->link = &web->conns;
        if (conn->next)
            conn->next->link = &conn->next;
        web->conns = conn;
        web->n_conns++;
        *context = conn;
    } else if (conn) {
        *conn->link = conn->next;
        if (conn->next)
            conn->next->link = conn->link;
        web->n_conns--;
        if (conn->req)
            free_req(web, conn->req);
        free(conn);
        *context = NULL;
    }
}

/* The first that is heard of a request: its address as it came. */
static void *on_uri(void *cls, const char *uri, struct MHD_Connection *connection)
{
    struct web *web = cls;
    struct arena *a = arena_new();
    struct req *r = arena_alloc(a, sizeof *r);
    struct conn *conn = conn_of(connection);

    *r = (struct req){.api = web->api,
                      .store = web->api->store,
                      .arena = a,
                      .raw = arena_strdup(a, uri),
                      .begun_us = clock_mono_us(),
                      .status = 200,
                      .file = -1,
                      .body = {.max = LIMIT_HTTP_BODY + 1}};
    set_phase(connection, PHASE_HEAD);
    if (conn) {
        if (conn->req)
            free_req(web, conn->req);
        conn->req = r;
    }
    return r;
}

/* ---- answers ---- */

static ssize_t read_stream(void *cls, uint64_t pos, char *to, size_t max)
{
    struct req_stream *stream = cls;
    ssize_t n = stream->read(stream->ctx, to, max);

    (void)pos;
    return n == REQ_STREAM_BROKEN ? MHD_CONTENT_READER_END_WITH_ERROR
           : n < 0                ? MHD_CONTENT_READER_END_OF_STREAM
                                  : n;
}

static void free_stream(void *cls)
{
    struct req_stream *stream = cls;

    stream->free(stream->ctx);
    free(stream);
}

static struct MHD_Response *response_of(struct req *r, struct MHD_Connection *connection)
{
    struct MHD_Response *response;

    if (r->stream.read) {
        struct req_stream *stream = dh_alloc(sizeof *stream);

        *stream = r->stream;
        r->stream = (struct req_stream){0};
        if (stream->started)
            stream->started(stream->ctx, connection);
        return mhd.create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, read_stream,
                                                 stream, free_stream);
    }
    if (r->file >= 0) {
        response = mhd.create_response_from_fd_at_offset64((uint64_t)(r->to - r->from), r->file,
                                                           (uint64_t)r->from);
        if (response)
            r->file = -1; /* closed with the answer */
        return response;
    }
    if (r->fixed)
        return mhd.create_response_from_buffer(r->n_fixed, (void *)(uintptr_t)r->fixed,
                                               MHD_RESPMEM_PERSISTENT);
    if (r->out.n == 0)
        return mhd.create_response_from_buffer(0, (char[]){""}, MHD_RESPMEM_MUST_COPY);
    response = mhd.create_response_from_buffer(r->out.n, r->out.p, MHD_RESPMEM_MUST_FREE);
    if (response)
        r->out = (struct buf){0};
    return response;
}

static enum MHD_Result send_answer(struct MHD_Connection *connection, struct req *r)
{
    struct MHD_Response *response;
    enum MHD_Result rc;
    bool stream = r->stream.read != NULL;
    int64_t bytes = r->file >= 0 ? r->to - r->from : (int64_t)(r->fixed ? r->n_fixed : r->out.n);

    stats_answer(&r->api->stats, r->status, clock_mono_us() - r->begun_us, bytes);
    dispatch_log(r, bytes);
    response = response_of(r, connection);
    if (!response)
        return MHD_NO;
    (void)mhd.add_response_header(response, "Content-Type", r->type ? r->type : "application/json");
    for (size_t i = 0; i < r->n_headers; i++)
        (void)mhd.add_response_header(response, r->headers[i].name, r->headers[i].value);
    set_phase(connection, stream ? PHASE_STREAM : PHASE_ANSWER);
    rc = mhd.queue_response(connection, (unsigned)r->status, response);
    mhd.destroy_response(response);
    return rc;
}

/* ---- requests ---- */

static const char *header(struct MHD_Connection *connection, const char *name)
{
    return mhd.lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static void read_head(struct MHD_Connection *connection, struct req *r, const char *method)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};

    r->method_name = method;
    r->method = REQ_OTHER;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i], method))
            r->method = (enum req_method)i;
    r->content_type = header(connection, "Content-Type");
    r->range = header(connection, "Range");
    r->last_event_id = header(connection, "Last-Event-ID");
    r->if_none_match = header(connection, "If-None-Match");
    r->host = header(connection, "Host");
    r->authorization = header(connection, "Authorization");
}

/* Before a byte of the body is taken. */
static bool check(struct web *web, struct MHD_Connection *connection, struct req *r)
{
    const char *length = header(connection, "Content-Length");
    const struct dispatch_head head = {
        .authorization = header(connection, "Authorization"),
        .cookie = mhd.lookup_connection_value(connection, MHD_COOKIE_KIND, "dhow_session"),
        .origin = header(connection, "Origin"),
        .fetch_site = header(connection, "Sec-Fetch-Site"),
        .fetch_mode = header(connection, "Sec-Fetch-Mode"),
        .content_length = length ? strtoll(length, NULL, 10) : 0,
        .bodies_bytes = web->body_bytes,
    };

    return dispatch_check(r, &head);
}

static bool add_body(struct web *web, struct req *r, const char *bytes, size_t n)
{
    web->body_bytes += n;
    r->reserved += n;
    if (web->body_bytes > LIMIT_HTTP_BODIES || r->reserved > 2 * LIMIT_HTTP_BODY)
        return false; /* the connection is cut */
    buf_add(&r->body, bytes, n);
    return true;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *bytes,
                                  size_t *n_bytes, void **context)
{
    struct web *web = cls;
    struct req *r = *context;

    (void)url;
    (void)version;
    if (!r->checked) {
        r->checked = true;
        read_head(connection, r, method);
        r->tls = web->cert != NULL;
        set_phase(connection, PHASE_BODY);
        if (!check(web, connection, r)) {
            r->refused = true;
            return send_answer(connection, r);
        }
        return MHD_YES;
    }
    if (*n_bytes > 0) {
        if (r->route->flags & ROUTE_FILE_BODY) {
            if (!body_add(r, bytes, *n_bytes))
                return MHD_NO;
            set_phase(connection, PHASE_BODY); /* as long as something comes */
        } else if (!add_body(web, r, bytes, *n_bytes)) {
            return MHD_NO;
        }
        *n_bytes = 0;
        return MHD_YES;
    }
    if (!r->ran) {
        dispatch_run(r);
        if (r->waits) {
            set_phase(connection, PHASE_ANSWER); /* the body is here: its time counts no more */
            web_sleep(connection);
            return MHD_YES; /* asks again when it is woken */
        }
        if (r->later) {
            r->ran = true;
            r->connection = connection;
            set_phase(connection, PHASE_ANSWER);
            web_sleep(connection);
            return MHD_YES;
        }
    }
    return send_answer(connection, r);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode code)
{
    struct web *web = cls;
    struct req *r = *context;
    struct conn *conn = conn_of(connection);

    (void)code;
    set_phase(connection, PHASE_IDLE);
    if (!r)
        return;
    *context = NULL;
    if (conn && conn->req == r)
        conn->req = NULL;
    free_req(web, r);
}

static size_t keep(void *cls, struct MHD_Connection *connection, char *text)
{
    (void)cls;
    (void)connection;
    return strlen(text);
}

/* ---- the daemon ---- */

static int bind_to(const struct addrinfo *at, struct dh_err *err)
{
    const int one = 1;
    own_fd int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return dh_fail_errno(err, "socket");
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, at->ai_addr, at->ai_addrlen) < 0 || listen(fd, 1024) < 0)
        return dh_fail_errno(err, "cannot listen there");
    return dh_take_fd(&fd);
}

static int open_port(struct web *web, const char *host, int port, struct dh_err *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    struct sockaddr_storage address;
    socklen_t n = sizeof address;
    char text[16];
    int rc;

    (void)snprintf(text, sizeof text, "%d", port);
    rc = getaddrinfo(host, text, &hints, &list);
    if (rc != 0)
        return dh_fail(err, DH_INVALID, "address '%s': %s", host, gai_strerror(rc));
    web->listen_fd = bind_to(list, err);
    freeaddrinfo(list);
    if (web->listen_fd < 0)
        return dh_while(err, "%s port %d", host, port);
    if (getsockname(web->listen_fd, (struct sockaddr *)&address, &n) < 0)
        return dh_fail_errno(err, "getsockname");
    web->port = ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                                    : ((struct sockaddr_in *)&address)->sin_port);
    return 0;
}

static int read_tls(struct web *web, const struct api_options *options, struct dh_err *err)
{
    size_t n;

    if (!options->tls_cert != !options->tls_key)
        return dh_fail(err, DH_INVALID, "TLS needs both a certificate and its key");
    if (!options->tls_cert)
        return 0;
    if (fs_read(options->tls_cert, (size_t)1 << 20, &web->cert, &n, err) < 0 ||
        fs_read(options->tls_key, (size_t)1 << 20, &web->key, &n, err) < 0)
        return -1;
    return 0;
}

static void quiet(void *cls, const char *fmt, va_list ap)
{
    (void)cls;
    (void)fmt;
    (void)ap;
}

static int start(struct web *web, struct dh_err *err)
{
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
                     (web->cert ? MHD_USE_TLS : 0);
    struct MHD_OptionItem items[16] = {
        {MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)quiet, NULL},
        {MHD_OPTION_LISTEN_SOCKET, web->listen_fd, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, LIMIT_HTTP_CONNECTIONS, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, LIMIT_HTTP_HEAD, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_INCREMENT, 4096, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, LIMIT_HTTP_IDLE_S, NULL},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, web},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, web},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)on_uri, web},
        {MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)keep, web},
        {MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL},
    };
    size_t n = 11;

    if (web->cert) {
        items[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, web->cert};
        items[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, web->key};
    }
    items[n] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    web->daemon = mhd.start_daemon(flags, 0, NULL, NULL, on_request, web, MHD_OPTION_ARRAY, items,
                                   MHD_OPTION_END);
    if (!web->daemon)
        return dh_fail(err, web->cert ? DH_INVALID : DH_IO, "the HTTP server does not start%s",
                       web->cert ? ": is the certificate PEM, and does the key fit it?" : "");
    return 0;
}

int web_open(struct api *api, const struct api_options *options, struct web **ret,
             struct dh_err *err)
{
    own(web_close) struct web *web = dh_zalloc(1, sizeof *web);

    web->api = api;
    web->listen_fd = -1;
    if (mhd_load(err) < 0 || read_tls(web, options, err) < 0 ||
        open_port(web, options->host ? options->host : "127.0.0.1", options->port, err) < 0 ||
        start(web, err) < 0)
        return -1;
    *ret = take(&web);
    return 0;
}

struct web *web_close(struct web *web)
{
    if (web) {
        for (struct conn *c = web->conns; c; c = c->next)
            if (c->req && c->req->waits) /* a connection that sleeps is not stopped */
                web_wake(web, c->connection);
        if (web->daemon)
            mhd.stop_daemon(web->daemon); /* closes the socket too */
        else if (web->listen_fd >= 0)
            (void)close(web->listen_fd);
        free(web->cert);
        free(web->key);
        free(web);
    }
    return NULL;
}

int web_port(const struct web *web)
{
    return web->port;
}

int web_poll_fd(const struct web *web)
{
    return mhd.get_daemon_info(web->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

int web_timeout_ms(const struct web *web)
{
    MHD_UNSIGNED_LONG_LONG ms;

    if (web->woken)
        return 0;
    if (mhd.get_timeout(web->daemon, &ms) != MHD_YES)
        return -1;
    return ms > 60000 ? 60000 : (int)ms;
}

void web_run(struct web *web)
{
    web->woken = false;
    (void)mhd.run(web->daemon);
}

void web_sweep(struct web *web)
{
    int64_t now_us = clock_mono_us();

    for (struct conn *c = web->conns; c; c = c->next) {
        int64_t age_s = (now_us - c->since_us) / 1000000;
        bool late = c->phase == PHASE_BODY   ? age_s > LIMIT_HTTP_BODY_S
                    : c->phase == PHASE_IDLE ? age_s > LIMIT_HTTP_IDLE_S
                                             : c->phase < PHASE_BODY && age_s > LIMIT_HTTP_HEAD_S;

        if (late && c->fd >= 0)
            (void)shutdown(c->fd, SHUT_RDWR);
    }
}

void web_stop_listening(struct web *web)
{
    int fd = mhd.quiesce_daemon(web->daemon);

    if (fd >= 0)
        (void)close(fd);
}

size_t web_n_connections(const struct web *web)
{
    return web->n_conns;
}

size_t web_n_active(const struct web *web)
{
    size_t n = 0;

    for (const struct conn *c = web->conns; c; c = c->next)
        n += c->phase == PHASE_BODY || c->phase == PHASE_ANSWER;
    return n;
}

void web_wake(struct web *web, void *connection)
{
    web->woken = true;
    mhd.resume_connection(connection);
}

void web_wake_fetched(struct web *web)
{
    for (struct conn *c = web->conns; c; c = c->next)
        if (c->req && c->req->waits && fetch_is_done(c->req->fetch)) {
            c->req->waits = false;
            web_wake(web, c->connection);
        }
}

size_t web_n_fetching(const struct web *web)
{
    size_t n = 0;

    for (const struct conn *c = web->conns; c; c = c->next)
        n += c->req && c->req->waits;
    return n;
}

void web_sleep(void *connection)
{
    mhd.suspend_connection(connection);
}
