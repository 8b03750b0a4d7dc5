#pragma once
/* answer - an HTTP/1.1 answer, read strictly from whatever pieces the network hands over.
 *
 * Strict: what could be understood in two ways (two lengths, a length and chunks, folded lines, a
 * coding that is not "chunked") is an error, for the bytes that follow would be guesses. Interim
 * answers (1xx) are passed over. Knows no socket. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"

enum answer_state {
    ANSWER_STATUS = 0, /* waits for the first line */
    ANSWER_HEADER,
    ANSWER_BODY,      /* of a known length */
    ANSWER_UNTIL_EOF, /* ends with the connection */
    ANSWER_CHUNK,     /* waits for a chunk's size */
    ANSWER_CHUNK_BYTES,
    ANSWER_CHUNK_END,
    ANSWER_TRAILER,
    ANSWER_DONE
};

struct answer {
    enum answer_state state;
    int status;       /* 200…999, known once state is past ANSWER_HEADER */
    bool keep;        /* the connection may serve another request */
    int64_t length;   /* Content-Length; -1: none */
    bool chunked;     /* Transfer-Encoding: chunked */
    int64_t range_at; /* where a 206's bytes begin; -1: not said */
    int64_t retry_after_s;
    char etag[256]; /* "" none, or too long to be kept */
    int64_t left;   /* bytes of this body or chunk that are still to come */
    size_t n_head;  /* bytes of first line, headers and trailers so far */
    struct buf line;
};

/* Gets the body of the answer, piece by piece; <0 ends the reading. */
typedef int answer_sink(void *user, const struct answer *a, const char *bytes, size_t n,
                        struct dh_err *err);

void answer_init(struct answer *a); /* also to begin anew */
void answer_done(struct answer *a);
/* Takes from the n bytes what belongs to this answer, *ret_used of them. 0: wants more.
 * ANSWER_COMPLETE. <0: not HTTP, or the sink's own error. */
enum { ANSWER_COMPLETE = 1 };
int answer_feed(struct answer *a, const char *bytes, size_t n, size_t *ret_used, answer_sink *sink,
                void *user, struct dh_err *err);
/* The connection has ended. 0: so has the answer. <0: it was cut. */
int answer_eof(struct answer *a, struct dh_err *err);
