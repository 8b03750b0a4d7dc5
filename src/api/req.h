#pragma once
/* req - one request and its answer, as a handler sees them.
 *
 * A handler reads the request, and either writes the answer's body into `out` (req_json), or
 * chooses a file or a stream, and returns 0; or it fills *err and returns <0: then the route's form
 * of error is the answer. It never sees a socket. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "api/jw.h"
#include "api/uri.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/js.h"
#include "store/store.h"

struct api;
struct body;
struct fetch;
struct user;

enum req_method { REQ_GET, REQ_HEAD, REQ_POST, REQ_PUT, REQ_PATCH, REQ_DELETE, REQ_OTHER };

enum grpc { /* codes of google.rpc.Status */
            GRPC_OK = 0,
            GRPC_INVALID_ARGUMENT = 3,
            GRPC_NOT_FOUND = 5,
            GRPC_ALREADY_EXISTS = 6,
            GRPC_PERMISSION_DENIED = 7,
            GRPC_RESOURCE_EXHAUSTED = 8,
            GRPC_FAILED_PRECONDITION = 9,
            GRPC_ABORTED = 10,
            GRPC_UNIMPLEMENTED = 12,
            GRPC_INTERNAL = 13,
            GRPC_UNAVAILABLE = 14,
            GRPC_UNAUTHENTICATED = 16,
};
int grpc_status(enum grpc code); /* the HTTP status */

enum { REQ_STREAM_END = -1, REQ_STREAM_BROKEN = -2 }; /* broken: the connection is cut */
/* A body that is made while it is sent. */
struct req_stream {
    void *ctx;
    /* Up to `max` bytes to `to`: their number; 0: none yet (web_sleep first); or one of these. */
    ssize_t (*read)(void *ctx, char *to, size_t max);
    void (*free)(void *ctx);
    /* Handed to the stream once: what web_wake wants. */
    void (*started)(void *ctx, void *connection);
};

#define REQ_HEADERS 12
struct req {
    struct api *api;
    struct store *store; /* the api's */
    struct arena *arena; /* the request's */
    enum req_method method;
    struct uri uri;
    const char *param[URI_PARAMS]; /* of the route's template */
    const struct user *user;
    struct buf body;
    struct body *file_body; /* of a ROUTE_FILE_BODY; NULL: nothing has come */
    struct js *json;        /* the body, where it is JSON; an empty object where there is none */
    const char *content_type, *range, *last_event_id, *if_none_match, *host,
        *authorization; /* headers; NULL: none */
    bool tls;

    /* The answer */
    int status; /* 200 */
    const char *type;
    struct buf out;
    struct jw jw;
    enum grpc code; /* of a failure, where err's code does not say enough */
    int file;       /* -1: none; bytes [from, to) of it, not `out` */
    int64_t from, to;
    const void *fixed; /* bytes that live as long as the program */
    size_t n_fixed;
    struct req_stream stream;
    bool later; /* the answer comes later: then false again, and web_wake(connection) */
    struct {
        const char *name, *value;
    } headers[REQ_HEADERS];
    size_t n_headers;

    /* The server's own */
    const struct route *route;
    const char *raw, *method_name;
    int64_t begun_us;
    void *connection;
    bool checked, refused, counted, ran,
        waits; /* waits: for `fetch`; then the handler is called again */
    struct fetch *fetch;
    size_t reserved;
};

typedef int req_handler(struct req *r, struct dh_err *err);

/* The writer of a JSON answer. */
struct jw *req_json(struct req *r);
/* The answer {}. 0. */
int req_empty(struct req *r);
/* Takes `v` and writes it. */
void req_js(struct req *r, struct js *v);
void req_header(struct req *r, const char *name, const char *value); /* value: borrowed */
/* An error with a code of gRPC; -1. */
int req_fail(struct req *r, struct dh_err *err, enum grpc code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* The file is the answer, or the range of it that is asked for; takes `fd`. 0. */
int req_send_file(struct req *r, int fd, int64_t size);

/* An argument of the query: NULL where it is not there or empty. */
const char *req_arg(const struct req *r, const char *key);
int req_arg_int(struct req *r, const char *key, int64_t other, int64_t *ret, struct dh_err *err);
bool req_arg_true(const struct req *r, const char *key);
/* A member of the body by its snake_case name, or its camelCase one. NULL: none, or null. */
struct js *req_member(const struct js *object, const char *key);
/* The same as a text: NULL where there is none; DH_INVALID where it is no text. */
int req_text(struct req *r, const struct js *object, const char *key, const char **ret,
             struct dh_err *err);
/* Refuses members that are not in `keys` ("a b c", snake_case), as protojson does. */
int req_only(struct req *r, const struct js *object, const char *keys, const char *what,
             struct dh_err *err);
