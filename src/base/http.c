#include "base/http.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/library.h"
#include "base/mem.h"

static struct curl_calls {
    __typeof__(&curl_global_init) global_init;
    __typeof__(&curl_easy_init) init;
    __typeof__(&curl_easy_setopt) setopt;
    __typeof__(&curl_easy_perform) perform;
    __typeof__(&curl_easy_getinfo) getinfo;
    __typeof__(&curl_easy_cleanup) cleanup;
    __typeof__(&curl_easy_reset) reset;
    __typeof__(&curl_easy_strerror) strerror;
    __typeof__(&curl_slist_append) append;
    __typeof__(&curl_slist_free_all) free_all;
} curl;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct dh_err load_error; /* of the one loading; code 0: it went well */

static void load_curl(void)
{
    static const struct library_call calls[] = {
        {"curl_global_init", &curl.global_init}, {"curl_easy_init", &curl.init},
        {"curl_easy_setopt", &curl.setopt},      {"curl_easy_perform", &curl.perform},
        {"curl_easy_getinfo", &curl.getinfo},    {"curl_easy_cleanup", &curl.cleanup},
        {"curl_easy_reset", &curl.reset},        {"curl_easy_strerror", &curl.strerror},
        {"curl_slist_append", &curl.append},     {"curl_slist_free_all", &curl.free_all}};

    if (library_load("libcurl.so.4", "libcurl4", "http", calls, sizeof calls / sizeof *calls,
                     &load_error) == 0 &&
        curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        (void)dh_fail(&load_error, DH_IO, "libcurl does not start");
}

/* A handle; NULL: err says why. */
static CURL *new_handle(struct dh_err *err)
{
    CURL *h;

    (void)pthread_once(&once, load_curl);
    if (load_error.code) {
        if (err)
            *err = load_error;
        return NULL;
    }
    h = curl.init();
    if (!h)
        (void)dh_fail(err, DH_IO, "libcurl does not start");
    return h;
}

/* What all requests have in common. */
static void begin(CURL *h, const char *url)
{
    (void)curl.setopt(h, CURLOPT_URL, url);
    (void)curl.setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl.setopt(h, CURLOPT_NOSIGNAL, 1L);
    (void)curl.setopt(h, CURLOPT_USERAGENT, "dhow");
}

static size_t receive(char *bytes, size_t size, size_t n, void *user)
{
    struct buf *to = user;

    buf_add(to, bytes, size * n);
    return to->truncated ? 0 : size * n;
}

int http_get(const char *url, long total_s, struct buf *to, struct dh_err *err)
{
    CURL *h = new_handle(err);
    char why[CURL_ERROR_SIZE] = "";
    long status = 0;
    CURLcode rc;

    if (!h)
        return -1;
    begin(h, url);
    (void)curl.setopt(h, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    (void)curl.setopt(h, CURLOPT_FOLLOWLOCATION, 1L);
    (void)curl.setopt(h, CURLOPT_MAXREDIRS, 10L);
    (void)curl.setopt(h, CURLOPT_CONNECTTIMEOUT, 30L);
    (void)curl.setopt(h, CURLOPT_LOW_SPEED_LIMIT, 1L);
    (void)curl.setopt(h, CURLOPT_LOW_SPEED_TIME, 60L);
    (void)curl.setopt(h, CURLOPT_TIMEOUT, total_s);
    (void)curl.setopt(h, CURLOPT_ERRORBUFFER, why);
    (void)curl.setopt(h, CURLOPT_WRITEFUNCTION, receive);
    (void)curl.setopt(h, CURLOPT_WRITEDATA, to);
    rc = curl.perform(h);
    (void)curl.getinfo(h, CURLINFO_RESPONSE_CODE, &status);
    curl.cleanup(h);
    if (to->truncated)
        return dh_fail(err, DH_IO, "%s: more than %zu bytes", url, to->max);
    if (rc != CURLE_OK)
        return dh_fail(err, DH_IO, "%s: %s", url, *why ? why : curl.strerror(rc));
    if (status >= 400)
        return dh_fail(err, DH_IO, "%s: the server answers %ld", url, status);
    return 0;
}

static size_t swallow(char *bytes, size_t size, size_t n, void *user)
{
    (void)bytes;
    (void)user;
    return size * n;
}

static int stopped(void *user, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return user && atomic_load((atomic_bool *)user);
}

static void set_stop(CURL *h, atomic_bool *stop)
{
    (void)curl.setopt(h, CURLOPT_XFERINFOFUNCTION, stopped);
    (void)curl.setopt(h, CURLOPT_XFERINFODATA, stop);
    (void)curl.setopt(h, CURLOPT_NOPROGRESS, 0L);
}

int http_post_json(const char *url, const char *json, long timeout_ms, atomic_bool *stop,
                   struct dh_err *err)
{
    CURL *h = new_handle(err);
    struct curl_slist *headers;
    long status = 0;
    CURLcode rc;

    if (!h)
        return -1;
    begin(h, url);
    headers = curl.append(NULL, "Content-Type: application/json");
    (void)curl.setopt(h, CURLOPT_HTTPHEADER, headers);
    (void)curl.setopt(h, CURLOPT_POSTFIELDS, json);
    (void)curl.setopt(h, CURLOPT_WRITEFUNCTION, swallow);
    set_stop(h, stop);
    (void)curl.setopt(h, CURLOPT_TIMEOUT_MS, timeout_ms);
    rc = curl.perform(h);
    if (rc == CURLE_OK)
        (void)curl.getinfo(h, CURLINFO_RESPONSE_CODE, &status);
    curl.free_all(headers);
    curl.cleanup(h);
    if (rc != CURLE_OK)
        return dh_fail(err, DH_FAILED, "%s", curl.strerror(rc));
    return status >= 200 && status < 300 ? 0 : dh_fail(err, DH_FAILED, "HTTP status %ld", status);
}

/* ---- any request ---- */

struct http {
    CURL *handle;
};

int http_open(struct http **ret, struct dh_err *err)
{
    CURL *handle = new_handle(err);

    if (!handle)
        return -1;
    *ret = dh_alloc(sizeof **ret);
    (*ret)->handle = handle;
    return 0;
}

struct http *http_close(struct http *h)
{
    if (h) {
        curl.cleanup(h->handle);
        free(h);
    }
    return NULL;
}

void http_answer_done(struct http_answer *a)
{
    buf_done(&a->headers);
    buf_done(&a->text);
    a->status = 0;
}

char *http_header(const struct http_answer *a, const char *name)
{
    size_t n = strlen(name);

    for (const char *at = buf_str(&a->headers), *end; *at; at = end + (*end == '\n')) {
        end = at + strcspn(at, "\n");
        if (strncmp(at, name, n) == 0 && at[n] == ':') {
            at += n + 1;
            at += strspn(at, " \t");
            return dh_strndup(at, (size_t)(end - at));
        }
    }
    return NULL;
}

struct exchange { /* one request under way */
    CURL *handle;
    const struct http_request *request;
    struct http_answer *answer;
    int64_t sent;
    bool refused;
};

static size_t send_body(char *to, size_t size, size_t n, void *user)
{
    struct exchange *x = user;
    const struct http_body *body = &x->request->body;
    int64_t left = body->n - x->sent;
    size_t want = size * n;
    ssize_t got;

    if ((int64_t)want > left)
        want = (size_t)left;
    if (body->bytes) {
        memcpy(to, (const char *)body->bytes + x->sent, want);
        got = (ssize_t)want;
    } else {
        do
            got = pread(body->fd, to, want, body->at + x->sent);
        while (got < 0 && errno == EINTR);
        if (got < 0 || (got == 0 && want > 0)) /* the file has become shorter */
            return CURL_READFUNC_ABORT;
    }
    x->sent += got;
    return (size_t)got;
}

/* libcurl sends anew what a connection that had been closed did not take. */
static int rewind_body(void *user, curl_off_t offset, int origin)
{
    struct exchange *x = user;

    if (origin != SEEK_SET)
        return CURL_SEEKFUNC_CANTSEEK;
    x->sent = offset;
    return CURL_SEEKFUNC_OK;
}

static size_t take_header(char *bytes, size_t size, size_t n, void *user)
{
    enum { MAX_HEADERS = 256 * 1024 };
    struct exchange *x = user;
    struct buf *to = &x->answer->headers;
    size_t all = size * n, len = all;

    while (len && (bytes[len - 1] == '\r' || bytes[len - 1] == '\n'))
        len--;
    if (len > 5 && !strncmp(bytes, "HTTP/", 5)) {
        buf_reset(to); /* after a 100 Continue the answer's own begin */
        return all;
    }
    if (!len)
        return all;
    if (to->n + len > MAX_HEADERS)
        return 0;
    for (size_t i = 0, name = 1; i < len; i++) {
        name = name && bytes[i] != ':';
        buf_addc(to, name ? (char)tolower((unsigned char)bytes[i]) : bytes[i]);
    }
    buf_addc(to, '\n');
    return all;
}

static size_t take_body(char *bytes, size_t size, size_t n, void *user)
{
    struct exchange *x = user;
    long status = 0;

    (void)curl.getinfo(x->handle, CURLINFO_RESPONSE_CODE, &status);
    if (x->request->sink && status >= 200 && status < 300) {
        if (x->request->sink(x->request->user, bytes, size * n) == 0)
            return size * n;
        x->refused = true;
        return 0;
    }
    return receive(bytes, size, n, &x->answer->text);
}

static void set_times(CURL *h, const struct http_request *r)
{
    if (r->connect_ms)
        (void)curl.setopt(h, CURLOPT_CONNECTTIMEOUT_MS, r->connect_ms);
    if (r->idle_s) {
        (void)curl.setopt(h, CURLOPT_LOW_SPEED_LIMIT, 1024L);
        (void)curl.setopt(h, CURLOPT_LOW_SPEED_TIME, r->idle_s);
    }
    if (r->total_ms)
        (void)curl.setopt(h, CURLOPT_TIMEOUT_MS, r->total_ms);
}

static void set_body(CURL *h, const struct http_request *r, struct exchange *x)
{
    if (!strcmp(r->method, "HEAD")) {
        (void)curl.setopt(h, CURLOPT_NOBODY, 1L);
        return;
    }
    if (r->body.n >= 0) {
        (void)curl.setopt(h, CURLOPT_UPLOAD, 1L);
        (void)curl.setopt(h, CURLOPT_UPLOAD_BUFFERSIZE, 512L * 1024);
        (void)curl.setopt(h, CURLOPT_INFILESIZE_LARGE, (curl_off_t)r->body.n);
        (void)curl.setopt(h, CURLOPT_READFUNCTION, send_body);
        (void)curl.setopt(h, CURLOPT_READDATA, x);
        (void)curl.setopt(h, CURLOPT_SEEKFUNCTION, rewind_body);
        (void)curl.setopt(h, CURLOPT_SEEKDATA, x);
    }
    (void)curl.setopt(h, CURLOPT_CUSTOMREQUEST, r->method);
}

static void set_pem(CURL *h, CURLoption option, const char *pem)
{
    struct curl_blob blob = {
        .data = (void *)(uintptr_t)pem, .len = pem ? strlen(pem) : 0, .flags = CURL_BLOB_NOCOPY};

    if (pem)
        (void)curl.setopt(h, option, &blob);
}

static void set_tls(CURL *h, const struct http_tls *tls)
{
    set_pem(h, CURLOPT_CAINFO_BLOB, tls->ca);
    set_pem(h, CURLOPT_SSLCERT_BLOB, tls->cert);
    set_pem(h, CURLOPT_SSLKEY_BLOB, tls->key);
    (void)curl.setopt(h, CURLOPT_SSL_VERIFYPEER, tls->insecure ? 0L : 1L);
    (void)curl.setopt(h, CURLOPT_SSL_VERIFYHOST, tls->insecure ? 0L : 2L);
}

static void set_up(CURL *h, const struct http_request *r, struct exchange *x)
{
    curl.reset(h); /* connections stay */
    begin(h, r->url);
    (void)curl.setopt(h, CURLOPT_PATH_AS_IS, 1L);
    (void)curl.setopt(h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl.setopt(h, CURLOPT_BUFFERSIZE, 512L * 1024);
    set_body(h, r, x);
    set_times(h, r);
    set_stop(h, r->stop);
    if (r->ca_file)
        (void)curl.setopt(h, CURLOPT_CAINFO, r->ca_file);
    if (r->tls)
        set_tls(h, r->tls);
    if (r->proxy)
        (void)curl.setopt(h, CURLOPT_PROXY, r->proxy);
    (void)curl.setopt(h, CURLOPT_TCP_KEEPALIVE, 1L); /* a watch may be silent for long */
    (void)curl.setopt(h, CURLOPT_HEADERFUNCTION, take_header);
    (void)curl.setopt(h, CURLOPT_HEADERDATA, x);
    (void)curl.setopt(h, CURLOPT_WRITEFUNCTION, take_body);
    (void)curl.setopt(h, CURLOPT_WRITEDATA, x);
}

/* The server and its path, without the query, which may hold a signature. */
static int place_of(const char *url)
{
    return (int)strcspn(url, "?");
}

int http_send(struct http *http, const struct http_request *r, struct http_answer *ret,
              struct dh_err *err)
{
    CURL *h = http->handle;
    struct exchange x = {.handle = h, .request = r, .answer = ret};
    struct curl_slist *headers = NULL, *to = NULL;
    char why[CURL_ERROR_SIZE] = "";
    CURLcode rc;

    http_answer_done(ret);
    ret->text.max = r->max_text ? r->max_text : (size_t)1 << 20;
    set_up(h, r, &x);
    (void)curl.setopt(h, CURLOPT_ERRORBUFFER, why);
    for (size_t i = 0; r->headers && r->headers[i]; i++)
        headers = curl.append(headers, r->headers[i]);
    headers = curl.append(headers, "Expect:"); /* no waiting for a 100 Continue */
    (void)curl.setopt(h, CURLOPT_HTTPHEADER, headers);
    if (r->connect_to)
        to = curl.append(NULL, r->connect_to);
    (void)curl.setopt(h, CURLOPT_CONNECT_TO, to);
    rc = curl.perform(h);
    (void)curl.getinfo(h, CURLINFO_RESPONSE_CODE, &ret->status);
    (void)curl.setopt(h, CURLOPT_ERRORBUFFER, NULL);
    curl.free_all(headers);
    (void)curl.setopt(h, CURLOPT_CONNECT_TO, NULL);
    curl.free_all(to);
    if (rc == CURLE_OK)
        return 0;
    (void)dh_fail(err, DH_IO, "%.*s: %s", place_of(r->url), r->url, *why ? why : curl.strerror(rc));
    if (rc == CURLE_ABORTED_BY_CALLBACK && r->stop && atomic_load(r->stop)) {
        (void)dh_fail(err, DH_CANCELED, "%.*s: stopped", place_of(r->url), r->url);
        return HTTP_STOPPED;
    }
    return x.refused ? HTTP_REFUSED : HTTP_BROKEN;
}
