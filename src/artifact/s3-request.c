/* s3-request - one request to a bucket: signed, sent, and sent anew where that can help. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "artifact/s3-store.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/xml.h"

#define TRIES 10
#define FIRST_WAIT_MS 100
#define LONGEST_WAIT_MS 10000
#define SKEW_US ((int64_t)240 * 1000000) /* a clock that is off by more is the fault */

struct s3_request s3_request_new(const char *method, const char *key, atomic_bool *stop)
{
    return (struct s3_request){.method = method, .key = key, .body.n = -1, .stop = stop};
}

void s3_query(struct s3_request *r, const char *name, const char *value)
{
    if (r->n_query < sizeof r->query / sizeof *r->query)
        r->query[r->n_query++] = (struct s3_pair){name, value};
}

void s3_header(struct s3_request *r, const char *name, const char *value)
{
    if (r->n_headers < sizeof r->headers / sizeof *r->headers)
        r->headers[r->n_headers++] = (struct s3_pair){name, value};
}

/* ---- sending once ---- */

#define COPY_PACE ((int64_t)8 << 20) /* bytes a second that the slowest disk should copy */

static long stall_s(void)
{
    const char *text = getenv("DHOW_S3_STALL_SECONDS");
    long n = text ? strtol(text, NULL, 10) : 0;

    return n > 0 && n < 3600 ? n : 30;
}

struct wire { /* what is sent, beside the request */
    struct s3_pair pairs[20];
    size_t n;
    char *lines[24];
    size_t n_lines;
};

static void wire_done(struct wire *w)
{
    for (size_t i = 0; i < w->n_lines; i++) {
        explicit_bzero(w->lines[i], strlen(w->lines[i]));
        free(w->lines[i]);
    }
}

static const char *payload_of(const struct s3_client *c, const struct s3_request *r,
                              char to[DIGEST_TEXT])
{
    if (r->sha256)
        return r->sha256;
    if (r->body.n <= 0)
        return digest_bytes("", 0, to);
    if (r->body.bytes)
        return digest_bytes(r->body.bytes, (size_t)r->body.n, to);
    (void)c;
    return "UNSIGNED-PAYLOAD"; /* TLS guards it, and a checksum header tells a fault */
}

/* The headers that are signed, and the lines that are sent. */
static void make_wire(struct s3_client *c, const struct s3_request *r, const struct s3_keys *keys,
                      const char *path, struct wire *w)
{
    own_mem char *region = s3_client_region(c);
    char digest[DIGEST_TEXT], stamp[S3_STAMP];
    struct s3_signing s = {.method = r->method,
                           .host = c->host,
                           .path = path,
                           .query = r->query,
                           .n_query = r->n_query,
                           .region = region,
                           .service = "s3",
                           .now_us = clock_now_us() + atomic_load(&c->skew_us)};

    memcpy(w->pairs, r->headers, r->n_headers * sizeof *w->pairs);
    w->n = r->n_headers;
    if (!keys->anonymous) {
        s.payload = payload_of(c, r, digest);
        w->pairs[w->n++] = (struct s3_pair){"x-amz-content-sha256", s.payload};
        w->pairs[w->n++] = (struct s3_pair){"x-amz-date", s3_stamp(s.now_us, stamp)};
        if (keys->token)
            w->pairs[w->n++] = (struct s3_pair){"x-amz-security-token", keys->token};
        s.headers = w->pairs;
        s.n_headers = w->n;
    }
    for (size_t i = 0; i < w->n; i++)
        w->lines[w->n_lines++] = dh_printf("%s: %s", w->pairs[i].name, w->pairs[i].value);
    if (!keys->anonymous) {
        own_mem char *authorization = s3_sign(&s, keys);

        w->lines[w->n_lines++] = dh_printf("Authorization: %s", authorization);
    }
}

/* As http_send; <0 as well: no keys. */
static int send_once(struct s3_client *c, struct s3_request *r, bool new_keys,
                     struct http_answer *ret, struct dh_err *err)
{
    own_keys struct s3_keys keys = {0};
    __attribute__((cleanup(wire_done))) struct wire wire = {.n = 0};
    own_buf struct buf path = {0};
    own_buf struct buf query = {0};
    own_mem char *url = NULL;
    const char *lines[26];
    struct http *h;
    struct http_request ask = {.method = r->method,
                               .headers = lines,
                               .body = r->body,
                               .sink = r->sink,
                               .user = r->user,
                               .max_text = (size_t)16 << 20,
                               .connect_ms = 10000,
                               .idle_s = stall_s() + (long)(r->copies / COPY_PACE),
                               .ca_file = s3_ca_file(&c->where),
                               .stop = r->stop};
    int rc;

    if (s3_client_keys(c, new_keys, &keys, err) < 0)
        return -1;
    buf_adds(&path, c->path);
    buf_addc(&path, '/');
    s3_encode(&path, r->key, true);
    make_wire(c, r, &keys, buf_str(&path), &wire);
    s3_encode_query(&query, r->query, r->n_query);
    url = dh_printf("%.*s%s%s%s", (int)(strlen(c->base) - strlen(c->path)), c->base, buf_str(&path),
                    query.n ? "?" : "", buf_str(&query));
    ask.url = url;
    for (size_t i = 0; i < wire.n_lines; i++)
        lines[i] = wire.lines[i];
    lines[wire.n_lines] = NULL;
    if (s3_client_take(c, &h, err) < 0)
        return -1;
    rc = http_send(h, &ask, ret, err);
    s3_client_give(c, h);
    return rc;
}

/* ---- what an answer means ---- */

struct verdict {
    char code[64], message[200]; /* the server's words */
    bool again, at_once, new_keys;
};

static void read_error(const struct http_answer *a, struct verdict *v)
{
    own(arena_free) struct arena *arena = NULL;
    const struct xml *root;

    if (!a->text.n || buf_str(&a->text)[strspn(buf_str(&a->text), " \r\n\t")] != '<')
        return;
    arena = arena_new();
    if (xml_parse(a->text.p, a->text.n, arena, &root, NULL) < 0 || strcmp(root->name, "Error") != 0)
        return;
    (void)snprintf(v->code, sizeof v->code, "%s", xml_text(root, "Code"));
    (void)snprintf(v->message, sizeof v->message, "%s", xml_text(root, "Message"));
}

/* An answer that says no because our clock is wrong: the server's is taken. */
static bool correct_clock(struct s3_client *c, const struct http_answer *a)
{
    own_mem char *date = http_header(a, "date");
    struct tm tm = {0};
    int64_t server, ours = clock_now_us() + atomic_load(&c->skew_us);

    if (!date || !strptime(date, "%a, %d %b %Y %H:%M:%S GMT", &tm))
        return false;
    server = (int64_t)timegm(&tm) * 1000000;
    if (llabs(server - ours) < SKEW_US)
        return false;
    atomic_store(&c->skew_us, server - clock_now_us());
    return true;
}

/* A bucket of another region: the server says of which. */
static bool correct_region(struct s3_client *c, const struct http_answer *a)
{
    own_mem char *said = http_header(a, "x-amz-bucket-region");
    own_mem char *ours = s3_client_region(c);
    own(arena_free) struct arena *arena = arena_new();
    const struct xml *root;

    if (!said && a->text.n && xml_parse(a->text.p, a->text.n, arena, &root, NULL) == 0 &&
        *xml_text(root, "Region"))
        said = dh_strdup(xml_text(root, "Region"));
    if (!said || !strcmp(said, ours) || strlen(said) > 60)
        return false;
    s3_client_set_region(c, said);
    return true;
}

static bool is_one_of(const char *code, const char *const *codes)
{
    for (; *codes; codes++)
        if (!strcmp(code, *codes))
            return true;
    return false;
}

/* It passes by itself. */
static bool passes(const struct http_answer *a, const char *code)
{
    static const char *const passing[] = {"RequestTimeout",
                                          "SlowDown",
                                          "InternalError",
                                          "ServiceUnavailable",
                                          "BadDigest",
                                          "XAmzContentSHA256Mismatch",
                                          "InvalidDigest",
                                          "IncompleteBody",
                                          "OperationAborted",
                                          "RequestLimitExceeded",
                                          "ThrottlingException",
                                          "XMinioServerNotInitialized",
                                          NULL};

    return a->status >= 500 || a->status == 429 || is_one_of(code, passing);
}

/* The keys are not valid any more; the refusal of a HEAD has no words and may be that. */
static bool is_stale(const struct s3_request *r, const struct http_answer *a, int turn,
                     const char *code)
{
    static const char *const stale[] = {"ExpiredToken",         "ExpiredTokenException",
                                        "TokenRefreshRequired", "InvalidToken",
                                        "RequestExpired",       NULL};

    return is_one_of(code, stale) ||
           (turn == 0 && !strcmp(r->method, "HEAD") && (a->status == 400 || a->status == 403));
}

static bool put_right(struct s3_client *c, const struct http_answer *a, const char *code)
{
    bool clock = a->status == 403 || !strcmp(code, "RequestTimeTooSkewed");
    bool region = a->status == 301 || a->status == 307 || a->status == 400;

    return (clock && correct_clock(c, a)) || (region && correct_region(c, a));
}

static void judge(struct s3_client *c, const struct s3_request *r, const struct http_answer *a,
                  int turn, struct verdict *v)
{
    read_error(a, v);
    if (a->status / 100 == 2) { /* a late error */
        v->again = *v->code && strcmp(v->code, "InvalidPart") != 0;
    } else if (passes(a, v->code)) {
        v->again = true;
    } else if (turn < 3 && put_right(c, a, v->code)) {
        v->again = v->at_once = true;
    } else if (turn < 3 && is_stale(r, a, turn, v->code)) {
        v->again = v->at_once = v->new_keys = true;
    }
}

static int refuse(const struct s3_client *c, const struct s3_request *r,
                  const struct http_answer *a, const struct verdict *v, struct dh_err *err)
{
    own_mem char *uri = s3_where_uri(&c->where, r->key);
    int plain = (int)(s3_uri_query(uri) - uri);

    if (a->status == 412 || a->status == 416) {
        (void)dh_fail(err, DH_IO, "%.*s: it is not what it was", plain, uri);
        return S3_CHANGED;
    }
    if (a->status == 404)
        return dh_fail(err, DH_NOT_FOUND, "%.*s: %s", plain, uri,
                       !strcmp(v->code, "NoSuchBucket")   ? "there is no such bucket"
                       : !strcmp(v->code, "NoSuchUpload") ? "its upload is not there"
                                                          : "not there");
    return dh_fail(err, DH_IO, "%.*s: %s answers %ld%s%s%s%s", plain, uri, r->method, a->status,
                   *v->code ? " " : "", v->code, *v->message ? ": " : "", v->message);
}

/* ---- waiting ---- */

static unsigned dice(unsigned n)
{
    unsigned x = 0;

    (void)getrandom(&x, sizeof x, 0);
    return n ? x % n : 0;
}

/* Longer each time, and never two callers in step. false: we are to stop. */
static bool wait_for(int try, const struct http_answer *a, atomic_bool *stop)
{
    own_mem char *after = http_header(a, "retry-after");
    long most = FIRST_WAIT_MS, ms, asked = after ? strtol(after, NULL, 10) : 0;

    for (int i = 0; i < try && most < LONGEST_WAIT_MS; i++)
        most *= 2;
    if (most > LONGEST_WAIT_MS)
        most = LONGEST_WAIT_MS;
    ms = most / 2 + (long)dice((unsigned)(most / 2));
    if (asked > 0 && asked <= 30 && ms < asked * 1000)
        ms = asked * 1000;
    for (; ms > 0; ms -= 50) {
        if (stop && atomic_load(stop))
            return false;
        (void)usleep((useconds_t)(ms < 50 ? ms : 50) * 1000);
    }
    return true;
}

static int tries_of(void)
{
    const char *text = getenv("AWS_MAX_ATTEMPTS");
    long n = text ? strtol(text, NULL, 10) : 0;

    return n > 0 && n < 1000 ? (int)n : TRIES;
}

static int stopped(struct dh_err *err)
{
    return dh_fail(err, DH_CANCELED, "stopped");
}

/* 1: send it once more. */
static int prepare_again(struct s3_request *r, const struct http_answer *a, bool at_once, int *try,
                         struct dh_err *err)
{
    int rc;

    if (!at_once && !wait_for(*try, a, r->stop))
        return stopped(err);
    rc = r->again ? r->again(r, r->user) : 0;
    if (rc < 0)
        return -1;
    *try = rc > 0 ? 0 : *try + !at_once;
    return 1;
}

/* 0: it is done; else `v` says what may be done. */
static int look_at(struct s3_client *c, const struct s3_request *r, const struct http_answer *a,
                   int turn, struct verdict *v)
{
    if (a->status / 100 == 2 && r->late_error)
        read_error(a, v);
    if (a->status / 100 == 2 && !*v->code)
        return 0;
    judge(c, r, a, turn, v);
    return 1;
}

int s3_send(struct s3_client *c, struct s3_request *r, struct http_answer *ret, struct dh_err *err)
{
    int tries = tries_of(), try = 0;
    bool new_keys = false;

    for (int turn = 0;; turn++) {
        struct verdict v = {.again = false};
        int rc;

        if (r->stop && atomic_load(r->stop))
            return stopped(err);
        rc = send_once(c, r, new_keys, ret, err);
        if (rc < 0 || rc == HTTP_STOPPED || rc == HTTP_REFUSED)
            return -1;
        if (rc == 0 && look_at(c, r, ret, turn, &v) == 0)
            return 0;
        if (rc == 0 && (!v.again || (!v.at_once && try + 1 >= tries)))
            return refuse(c, r, ret, &v, err);
        if (rc != 0 && try + 1 >= tries)
            return -1; /* err says what broke */
        new_keys = v.new_keys;
        if (prepare_again(r, ret, v.at_once, &try, err) < 0)
            return -1;
    }
}
