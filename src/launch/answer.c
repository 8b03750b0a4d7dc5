#include "launch/answer.h"

#include <string.h>
#include <strings.h>

#include "base/limits.h"

#define MAX_DIGITS 18 /* of a length: below 10^18, which an int64_t holds */

void answer_init(struct answer *a)
{
    struct buf line = a->line;

    buf_reset(&line);
    *a = (struct answer){.length = -1, .range_at = -1, .line = line};
    a->line.max = LIMIT_HTTP_HEAD;
}

void answer_done(struct answer *a)
{
    buf_done(&a->line);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* What a header's name is made of (RFC 9110, 5.6.2). */
static bool is_token(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

/* All of `s` is one number. */
static int whole_number(const char *s, int64_t *ret)
{
    int64_t value = 0;
    size_t n = 0;

    for (; is_digit(s[n]) && n < MAX_DIGITS; n++)
        value = value * 10 + (s[n] - '0');
    if (n == 0 || s[n])
        return -1;
    *ret = value;
    return 0;
}

static int read_status(struct answer *a, struct dh_err *err)
{
    const char *s = buf_str(&a->line);
    bool old = !strncmp(s, "HTTP/1.0 ", 9);

    if ((!old && strncmp(s, "HTTP/1.1 ", 9) != 0) || !is_digit(s[9]) || !is_digit(s[10]) ||
        !is_digit(s[11]) || (s[12] && s[12] != ' ') || s[9] == '0')
        return dh_fail(err, DH_IO, "the answer does not begin as HTTP/1.1");
    a->status = (s[9] - '0') * 100 + (s[10] - '0') * 10 + (s[11] - '0');
    a->keep = !old;
    a->state = ANSWER_HEADER;
    return 0;
}

/* "bytes 100-199/200": where it begins. */
static void read_range(struct answer *a, const char *value)
{
    int64_t at = 0;
    size_t n = 0;

    if (strncasecmp(value, "bytes ", 6) != 0)
        return;
    for (value += 6; is_digit(value[n]) && n < MAX_DIGITS; n++)
        at = at * 10 + (value[n] - '0');
    if (n && value[n] == '-')
        a->range_at = at;
}

static int read_length(struct answer *a, const char *value, struct dh_err *err)
{
    int64_t length = 0;

    if (whole_number(value, &length) < 0 || (a->length >= 0 && a->length != length))
        return dh_fail(err, DH_IO, "the answer's Content-Length makes no sense");
    a->length = length;
    return 0;
}

static int take_header(struct answer *a, const char *name, const char *value, struct dh_err *err)
{
    if (!strcasecmp(name, "content-length"))
        return read_length(a, value, err);
    if (!strcasecmp(name, "transfer-encoding")) {
        if (a->chunked || strcasecmp(value, "chunked") != 0)
            return dh_fail(err, DH_IO, "the answer's Transfer-Encoding is not 'chunked'");
        a->chunked = true;
    } else if (!strcasecmp(name, "connection")) {
        if (!strcasecmp(value, "close"))
            a->keep = false;
    } else if (!strcasecmp(name, "content-range")) {
        read_range(a, value);
    } else if (!strcasecmp(name, "etag")) {
        size_t n = strlen(value);

        if (n < sizeof a->etag)
            memcpy(a->etag, value, n + 1);
    } else if (!strcasecmp(name, "retry-after")) {
        (void)whole_number(value, &a->retry_after_s);
    }
    return 0;
}

static int read_header(struct answer *a, struct dh_err *err)
{
    char *name = a->line.p, *value = name, *end = name + a->line.n;

    while (is_token(*value))
        value++;
    if (value == name || *value != ':')
        return dh_fail(err, DH_IO, "the answer has a line that is no header");
    *value++ = '\0';
    while (*value == ' ' || *value == '\t')
        value++;
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        *--end = '\0';
    return take_header(a, name, value, err);
}

/* The empty line: what follows, and how long is it? */
static int head_ends(struct answer *a, struct dh_err *err)
{
    if (a->status == 101)
        return dh_fail(err, DH_IO, "the server changes the protocol, which was not asked for");
    if (a->status < 200) {
        size_t n = a->n_head;

        answer_init(a);
        a->n_head = n; /* an endless row of them is no answer */
        return 0;
    }
    if (a->chunked && a->length >= 0)
        return dh_fail(err, DH_IO, "the answer has a length and chunks");
    a->left = a->length;
    if (a->status == 204 || a->status == 304 || (!a->chunked && a->length == 0))
        a->state = ANSWER_DONE;
    else if (a->chunked)
        a->state = ANSWER_CHUNK;
    else
        a->state = a->length > 0 ? ANSWER_BODY : ANSWER_UNTIL_EOF;
    if (a->state == ANSWER_UNTIL_EOF)
        a->keep = false;
    return 0;
}

static int hex(char c)
{
    if (is_digit(c))
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int read_chunk_size(struct answer *a, struct dh_err *err)
{
    const char *s = buf_str(&a->line);
    int64_t size = 0;
    size_t n = 0;

    for (; hex(s[n]) >= 0 && n < 15; n++)
        size = size * 16 + hex(s[n]);
    if (n == 0 || (s[n] && s[n] != ';' && s[n] != ' '))
        return dh_fail(err, DH_IO, "the answer has a chunk without a size");
    a->left = size;
    a->state = size ? ANSWER_CHUNK_BYTES : ANSWER_TRAILER;
    return 0;
}

static int line_ends(struct answer *a, struct dh_err *err)
{
    bool empty = a->line.n == 0;

    switch (a->state) {
    case ANSWER_STATUS:
        return read_status(a, err);
    case ANSWER_HEADER:
        return empty ? head_ends(a, err) : read_header(a, err);
    case ANSWER_CHUNK:
        return read_chunk_size(a, err);
    case ANSWER_CHUNK_END:
        if (!empty)
            return dh_fail(err, DH_IO, "a chunk of the answer is longer than it says");
        a->state = ANSWER_CHUNK;
        return 0;
    default: /* ANSWER_TRAILER: what stands there is not wanted */
        if (empty)
            a->state = ANSWER_DONE;
        return 0;
    }
}

/* One byte of a line. A chunk's frame does not count as head: there may be many chunks. */
static int line_byte(struct answer *a, char c, struct dh_err *err)
{
    bool cr = a->line.n > 0 && a->line.p[a->line.n - 1] == '\r';
    int rc;

    if (a->state != ANSWER_CHUNK && a->state != ANSWER_CHUNK_END)
        a->n_head++;
    if (a->n_head > LIMIT_HTTP_HEAD || a->line.n >= LIMIT_HTTP_HEAD)
        return dh_fail(err, DH_IO, "the answer's head is longer than %zu bytes", LIMIT_HTTP_HEAD);
    if (cr && c != '\n')
        return dh_fail(err, DH_IO, "the answer has a lone carriage return");
    if (c != '\n') {
        if ((unsigned char)c < ' ' && c != '\t' && c != '\r')
            return dh_fail(err, DH_IO, "the answer has a control character in its head");
        buf_addc(&a->line, c);
        return 0;
    }
    if (!cr)
        return dh_fail(err, DH_IO, "a line of the answer's head ends without a carriage return");
    a->line.p[--a->line.n] = '\0';
    rc = line_ends(a, err);
    buf_reset(&a->line);
    return rc;
}

static int body_bytes(struct answer *a, const char *bytes, size_t n, size_t *ret_used,
                      answer_sink *sink, void *user, struct dh_err *err)
{
    size_t part = n;

    if (a->state != ANSWER_UNTIL_EOF && (int64_t)part > a->left)
        part = (size_t)a->left;
    if (sink && sink(user, a, bytes, part, err) < 0)
        return -1;
    *ret_used += part;
    if (a->state == ANSWER_UNTIL_EOF)
        return 0;
    a->left -= (int64_t)part;
    if (a->left == 0)
        a->state = a->state == ANSWER_BODY ? ANSWER_DONE : ANSWER_CHUNK_END;
    return 0;
}

int answer_feed(struct answer *a, const char *bytes, size_t n, size_t *ret_used, answer_sink *sink,
                void *user, struct dh_err *err)
{
    *ret_used = 0;
    while (*ret_used < n && a->state != ANSWER_DONE) {
        const char *at = bytes + *ret_used;

        if (a->state == ANSWER_BODY || a->state == ANSWER_UNTIL_EOF ||
            a->state == ANSWER_CHUNK_BYTES) {
            if (body_bytes(a, at, n - *ret_used, ret_used, sink, user, err) < 0)
                return -1;
        } else {
            (*ret_used)++;
            if (line_byte(a, *at, err) < 0)
                return -1;
        }
    }
    return a->state == ANSWER_DONE ? ANSWER_COMPLETE : 0;
}

int answer_eof(struct answer *a, struct dh_err *err)
{
    if (a->state == ANSWER_UNTIL_EOF)
        a->state = ANSWER_DONE;
    if (a->state == ANSWER_DONE)
        return 0;
    if (a->state == ANSWER_STATUS && a->line.n == 0 && a->n_head == 0)
        return dh_fail(err, DH_IO, "the connection ended without an answer");
    return dh_fail(err, DH_IO, "the connection ended in the middle of the answer");
}
