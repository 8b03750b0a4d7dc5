/* h2 - gRPC on libnghttp2. */
#include "mlmd/h2.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <string.h>

#include "base/library.h"
#include "base/limits.h"
#include "base/mem.h"
#include "mlmd/frame.h"

/* Loaded when a server starts: nothing else speaks HTTP/2 here. */
static struct {
    __typeof__(&nghttp2_session_callbacks_del) session_callbacks_del;
    __typeof__(&nghttp2_session_callbacks_new) session_callbacks_new;
    __typeof__(&nghttp2_session_callbacks_set_on_begin_headers_callback)
        session_callbacks_set_on_begin_headers_callback;
    __typeof__(&nghttp2_session_callbacks_set_on_data_chunk_recv_callback)
        session_callbacks_set_on_data_chunk_recv_callback;
    __typeof__(&nghttp2_session_callbacks_set_on_frame_recv_callback)
        session_callbacks_set_on_frame_recv_callback;
    __typeof__(&nghttp2_session_callbacks_set_on_header_callback)
        session_callbacks_set_on_header_callback;
    __typeof__(&nghttp2_session_callbacks_set_on_stream_close_callback)
        session_callbacks_set_on_stream_close_callback;
    __typeof__(&nghttp2_session_del) session_del;
    __typeof__(&nghttp2_session_get_stream_user_data) session_get_stream_user_data;
    __typeof__(&nghttp2_session_mem_recv) session_mem_recv;
    __typeof__(&nghttp2_session_mem_send) session_mem_send;
    __typeof__(&nghttp2_session_server_new) session_server_new;
    __typeof__(&nghttp2_session_set_local_window_size) session_set_local_window_size;
    __typeof__(&nghttp2_session_set_stream_user_data) session_set_stream_user_data;
    __typeof__(&nghttp2_session_want_read) session_want_read;
    __typeof__(&nghttp2_session_want_write) session_want_write;
    __typeof__(&nghttp2_submit_response) submit_response;
    __typeof__(&nghttp2_submit_settings) submit_settings;
    __typeof__(&nghttp2_submit_trailer) submit_trailer;
} ng;

#define CALL(name)                                                                                 \
    {                                                                                              \
        "nghttp2_" #name, &ng.name                                                                 \
    }

int h2_load(struct dh_err *err)
{
    static const struct library_call calls[] = {
        CALL(session_callbacks_del),
        CALL(session_callbacks_new),
        CALL(session_callbacks_set_on_begin_headers_callback),
        CALL(session_callbacks_set_on_data_chunk_recv_callback),
        CALL(session_callbacks_set_on_frame_recv_callback),
        CALL(session_callbacks_set_on_header_callback),
        CALL(session_callbacks_set_on_stream_close_callback),
        CALL(session_del),
        CALL(session_get_stream_user_data),
        CALL(session_mem_recv),
        CALL(session_mem_send),
        CALL(session_server_new),
        CALL(session_set_local_window_size),
        CALL(session_set_stream_user_data),
        CALL(session_want_read),
        CALL(session_want_write),
        CALL(submit_response),
        CALL(submit_settings),
        CALL(submit_trailer)};

    return library_load("libnghttp2.so.14", "libnghttp2-14", "gRPC", calls,
                        sizeof calls / sizeof *calls, err);
}

struct stream { /* one call */
    struct stream *next, **link;
    char path[160];
    bool is_grpc, too_large;
    struct buf body;  /* of the request */
    struct buf reply; /* framed */
    size_t sent;
    char status[8];
    struct buf text; /* grpc-message */
};

struct h2 {
    nghttp2_session *session;
    struct store *store;
    struct stream *streams;
    size_t held; /* bytes of all bodies */
    bool readonly;
};

#define NV(n, v)                                                                                   \
    (nghttp2_nv)                                                                                   \
    {                                                                                              \
        (uint8_t *)(n), (uint8_t *)(v), strlen(n), strlen(v), NGHTTP2_NV_FLAG_NONE                 \
    }

static void stream_free(struct h2 *h, struct stream *s)
{
    *s->link = s->next;
    if (s->next)
        s->next->link = s->link;
    h->held -= s->body.n;
    buf_done(&s->body);
    buf_done(&s->reply);
    buf_done(&s->text);
    dh_mem_own(&s);
}

/* ---- what comes in ---- */

static int on_begin(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2 *h = user;
    struct stream *s;

    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    s = dh_zalloc(1, sizeof *s);
    s->next = h->streams;
    s->link = &h->streams;
    if (s->next)
        s->next->link = &s->next;
    h->streams = s;
    return ng.session_set_stream_user_data(session, frame->hd.stream_id, s);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t n_name, const uint8_t *value, size_t n_value, uint8_t flags, void *user)
{
    struct stream *s = ng.session_get_stream_user_data(session, frame->hd.stream_id);

    (void)flags;
    (void)user;
    if (!s)
        return 0;
    if (n_name == 5 && !memcmp(name, ":path", 5) && n_value < sizeof s->path)
        (void)snprintf(s->path, sizeof s->path, "%.*s", (int)n_value, (const char *)value);
    if (n_name == 12 && !memcmp(name, "content-type", 12))
        s->is_grpc = n_value >= 16 && !memcmp(value, "application/grpc", 16) &&
                     (n_value == 16 || value[16] == '+' || value[16] == ';');
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes,
                   size_t n, void *user)
{
    struct stream *s = ng.session_get_stream_user_data(session, id);
    struct h2 *h = user;

    (void)flags;
    if (!s || s->too_large)
        return 0;
    if (s->body.n + n > LIMIT_GRPC_BYTES || h->held + n > LIMIT_GRPC_BYTES) {
        s->too_large = true;
        return 0;
    }
    buf_add(&s->body, bytes, n);
    h->held += n;
    return 0;
}

/* ---- what goes out ---- */

static ssize_t on_want(nghttp2_session *session, int32_t id, uint8_t *to, size_t most,
                       uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct stream *s = source->ptr;
    size_t n = s->reply.n - s->sent < most ? s->reply.n - s->sent : most;
    nghttp2_nv trailers[] = {NV("grpc-status", s->status)};

    (void)user;
    memcpy(to, s->reply.p + s->sent, n);
    s->sent += n;
    if (s->sent < s->reply.n)
        return (ssize_t)n;
    *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    if (ng.submit_trailer(session, id, trailers, 1) != 0)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    return (ssize_t)n;
}

static int submit(nghttp2_session *session, int32_t id, struct stream *s, enum mlmd_status status,
                  const char *text)
{
    nghttp2_data_provider data = {.source.ptr = s, .read_callback = on_want};
    nghttp2_nv head[] = {NV(":status", "200"), NV("content-type", "application/grpc")};

    (void)snprintf(s->status, sizeof s->status, "%d", status);
    if (status == MLMD_OK)
        return ng.submit_response(session, id, head, 2, &data);
    grpc_text(&s->text, text);
    nghttp2_nv all[] = {head[0], head[1], NV("grpc-status", s->status),
                        NV("grpc-message", buf_str(&s->text))};

    return ng.submit_response(session, id, all, 4, NULL); /* trailers only */
}

static int refuse(nghttp2_session *session, int32_t id)
{
    nghttp2_nv head[] = {NV(":status", "415")};

    return ng.submit_response(session, id, head, 1, NULL);
}

static int call(struct h2 *h, int32_t id, struct stream *s)
{
    struct dh_err err = {0};
    const char *message = NULL;
    enum mlmd_status status;
    size_t n = 0, mark;

    if (!s->is_grpc)
        return refuse(h->session, id);
    if (s->too_large)
        return submit(h->session, id, s, MLMD_RESOURCE_EXHAUSTED, "the request is too large");
    if (strncmp(s->path, MLMD_SERVICE, sizeof MLMD_SERVICE - 1) != 0)
        return submit(h->session, id, s, MLMD_UNIMPLEMENTED,
                      "this server has the service ml_metadata.MetadataStoreService alone");
    status = grpc_message(buf_str(&s->body), s->body.n, &message, &n, &err);
    mark = grpc_open(&s->reply);
    if (status == MLMD_OK)
        status = mlmd_call(h->store, s->path + sizeof MLMD_SERVICE - 1, message, n, h->readonly,
                           &s->reply, &err);
    if (status == MLMD_OK)
        grpc_close(&s->reply, mark);
    return submit(h->session, id, s, status, err.msg);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct stream *s;

    if ((frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS) ||
        !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        return 0;
    s = ng.session_get_stream_user_data(session, frame->hd.stream_id);
    return s && call(user, frame->hd.stream_id, s) != 0 ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
    struct stream *s = ng.session_get_stream_user_data(session, id);

    (void)code;
    if (s)
        stream_free(user, s);
    return 0;
}

/* ---- a connection ---- */

struct h2 *h2_new(struct store *store, bool readonly)
{
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, LIMIT_GRPC_STREAMS},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, 16384},
    };
    struct h2 *h = dh_zalloc(1, sizeof *h);
    nghttp2_session_callbacks *callbacks = NULL;
    int rc = ng.session_callbacks_new(&callbacks);

    h->store = store;
    h->readonly = readonly;
    if (rc == 0) {
        ng.session_callbacks_set_on_begin_headers_callback(callbacks, on_begin);
        ng.session_callbacks_set_on_header_callback(callbacks, on_header);
        ng.session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
        ng.session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
        ng.session_callbacks_set_on_stream_close_callback(callbacks, on_close);
        rc = ng.session_server_new(&h->session, callbacks, h);
    }
    ng.session_callbacks_del(callbacks);
    if (rc == 0)
        rc = ng.submit_settings(h->session, NGHTTP2_FLAG_NONE, settings,
                                sizeof settings / sizeof *settings);
    if (rc == 0)
        rc = ng.session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0, 4 << 20);
    return rc == 0 ? h : h2_free(h);
}

struct h2 *h2_free(struct h2 *h)
{
    if (!h)
        return NULL;
    ng.session_del(h->session);
    while (h->streams)
        stream_free(h, h->streams);
    dh_mem_own(&h);
    return NULL;
}

int h2_read(struct h2 *h, const void *bytes, size_t n)
{
    return ng.session_mem_recv(h->session, bytes, n) == (ssize_t)n ? 0 : -1;
}

int h2_write(struct h2 *h, size_t most, struct buf *to)
{
    while (to->n < most) {
        const uint8_t *bytes;
        ssize_t n = ng.session_mem_send(h->session, &bytes);

        if (n < 0)
            return -1;
        if (n == 0)
            return 0;
        buf_add(to, bytes, (size_t)n);
    }
    return 0;
}

bool h2_over(const struct h2 *h)
{
    return !ng.session_want_read(h->session) && !ng.session_want_write(h->session);
}
