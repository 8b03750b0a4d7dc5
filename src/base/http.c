#include "base/http.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <string.h>

struct curl_calls {
    __typeof__(&curl_easy_init) init;
    __typeof__(&curl_easy_setopt) setopt;
    __typeof__(&curl_easy_perform) perform;
    __typeof__(&curl_easy_getinfo) getinfo;
    __typeof__(&curl_easy_cleanup) cleanup;
    __typeof__(&curl_easy_strerror) strerror;
    __typeof__(&curl_slist_append) append;
    __typeof__(&curl_slist_free_all) free_all;
};

static int load_curl(struct curl_calls *c, struct dh_err *err)
{
    void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    struct {
        const char *name;
        void *to;
    } calls[] = {{"curl_easy_init", &c->init},       {"curl_easy_setopt", &c->setopt},
                 {"curl_easy_perform", &c->perform}, {"curl_easy_getinfo", &c->getinfo},
                 {"curl_easy_cleanup", &c->cleanup}, {"curl_easy_strerror", &c->strerror},
                 {"curl_slist_append", &c->append},  {"curl_slist_free_all", &c->free_all}};

    if (!library)
        return dh_fail(err, DH_IO,
                       "http needs libcurl (apt-get install libcurl4), which does not load: %s",
                       dlerror());
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        void *symbol = dlsym(library, calls[i].name);

        if (!symbol)
            return dh_fail(err, DH_IO, "libcurl lacks %s", calls[i].name);
        memcpy(calls[i].to, &symbol, sizeof symbol);
    }
    return 0;
}

/* A handle with what all requests have in common; NULL: err says why. */
static CURL *begin(struct curl_calls *c, const char *url, struct dh_err *err)
{
    CURL *h;

    if (load_curl(c, err) < 0)
        return NULL;
    h = c->init();
    if (!h) {
        (void)dh_fail(err, DH_IO, "libcurl does not start");
        return NULL;
    }
    (void)c->setopt(h, CURLOPT_URL, url);
    (void)c->setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)c->setopt(h, CURLOPT_NOSIGNAL, 1L);
    (void)c->setopt(h, CURLOPT_USERAGENT, "dhow");
    return h;
}

static size_t receive(char *bytes, size_t size, size_t n, void *user)
{
    struct buf *to = user;

    buf_add(to, bytes, size * n);
    return to->truncated ? 0 : size * n;
}

int http_get(const char *url, struct buf *to, struct dh_err *err)
{
    struct curl_calls c;
    CURL *h = begin(&c, url, err);
    char why[CURL_ERROR_SIZE] = "";
    long status = 0;
    CURLcode rc;

    if (!h)
        return -1;
    (void)c.setopt(h, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    (void)c.setopt(h, CURLOPT_FOLLOWLOCATION, 1L);
    (void)c.setopt(h, CURLOPT_MAXREDIRS, 10L);
    (void)c.setopt(h, CURLOPT_CONNECTTIMEOUT, 30L);
    (void)c.setopt(h, CURLOPT_LOW_SPEED_LIMIT, 1L);
    (void)c.setopt(h, CURLOPT_LOW_SPEED_TIME, 60L);
    (void)c.setopt(h, CURLOPT_ERRORBUFFER, why);
    (void)c.setopt(h, CURLOPT_WRITEFUNCTION, receive);
    (void)c.setopt(h, CURLOPT_WRITEDATA, to);
    rc = c.perform(h);
    (void)c.getinfo(h, CURLINFO_RESPONSE_CODE, &status);
    c.cleanup(h);
    if (to->truncated)
        return dh_fail(err, DH_IO, "%s: more than %zu bytes", url, to->max);
    if (rc != CURLE_OK)
        return dh_fail(err, DH_IO, "%s: %s", url, *why ? why : c.strerror(rc));
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

int http_post_json(const char *url, const char *json, long timeout_ms, atomic_bool *stop,
                   struct dh_err *err)
{
    struct curl_calls c;
    CURL *h = begin(&c, url, err);
    struct curl_slist *headers;
    long status = 0;
    CURLcode rc;

    if (!h)
        return -1;
    headers = c.append(NULL, "Content-Type: application/json");
    (void)c.setopt(h, CURLOPT_HTTPHEADER, headers);
    (void)c.setopt(h, CURLOPT_POSTFIELDS, json);
    (void)c.setopt(h, CURLOPT_WRITEFUNCTION, swallow);
    (void)c.setopt(h, CURLOPT_XFERINFOFUNCTION, stopped);
    (void)c.setopt(h, CURLOPT_XFERINFODATA, stop);
    (void)c.setopt(h, CURLOPT_NOPROGRESS, 0L);
    (void)c.setopt(h, CURLOPT_TIMEOUT_MS, timeout_ms);
    rc = c.perform(h);
    if (rc == CURLE_OK)
        (void)c.getinfo(h, CURLINFO_RESPONSE_CODE, &status);
    c.free_all(headers);
    c.cleanup(h);
    if (rc != CURLE_OK)
        return dh_fail(err, DH_FAILED, "%s", c.strerror(rc));
    return status >= 200 && status < 300 ? 0 : dh_fail(err, DH_FAILED, "HTTP status %ld", status);
}
