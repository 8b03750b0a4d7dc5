/* source - where data come from. libcurl is loaded only when a source needs it: a step that reads a
 * file must not pay for the start of a TLS library. */
#include <curl/curl.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"
#include "components/steps.h"

#define MAX_SOURCE_BYTES ((size_t)16 << 30)

struct curl_calls {
    __typeof__(&curl_easy_init) init;
    __typeof__(&curl_easy_setopt) setopt;
    __typeof__(&curl_easy_perform) perform;
    __typeof__(&curl_easy_getinfo) getinfo;
    __typeof__(&curl_easy_cleanup) cleanup;
    __typeof__(&curl_easy_strerror) strerror;
};

static int load_curl(struct curl_calls *c, struct dh_err *err)
{
    void *lib = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (!lib)
        return dh_fail(err, DH_IO, "http sources need libcurl, which does not load: %s", dlerror());
    struct {
        const char *name;
        void *to;
    } calls[] = {{"curl_easy_init", &c->init},       {"curl_easy_setopt", &c->setopt},
                 {"curl_easy_perform", &c->perform}, {"curl_easy_getinfo", &c->getinfo},
                 {"curl_easy_cleanup", &c->cleanup}, {"curl_easy_strerror", &c->strerror}};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        void *symbol = dlsym(lib, calls[i].name);
        if (!symbol)
            return dh_fail(err, DH_IO, "libcurl lacks %s", calls[i].name);
        memcpy(calls[i].to, &symbol, sizeof symbol);
    }
    return 0;
}

static size_t receive(char *bytes, size_t size, size_t n, void *to)
{
    struct buf *b = to;
    if (b->n + size * n > MAX_SOURCE_BYTES)
        return 0;
    buf_add(b, bytes, size * n);
    return size * n;
}

static int fetch_http(const char *url, struct buf *to, struct dh_err *err)
{
    struct curl_calls c = {0};
    char why[CURL_ERROR_SIZE] = "";
    long status = 0;
    if (load_curl(&c, err) < 0)
        return -1;
    CURL *h = c.init();
    if (!h)
        return dh_fail(err, DH_IO, "libcurl does not start");
    c.setopt(h, CURLOPT_URL, url);
    c.setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
    c.setopt(h, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    c.setopt(h, CURLOPT_FOLLOWLOCATION, 1L);
    c.setopt(h, CURLOPT_MAXREDIRS, 10L);
    c.setopt(h, CURLOPT_NOSIGNAL, 1L);
    c.setopt(h, CURLOPT_CONNECTTIMEOUT, 30L);
    c.setopt(h, CURLOPT_LOW_SPEED_LIMIT, 1L);
    c.setopt(h, CURLOPT_LOW_SPEED_TIME, 60L);
    c.setopt(h, CURLOPT_USERAGENT, "dhow");
    c.setopt(h, CURLOPT_ERRORBUFFER, why);
    c.setopt(h, CURLOPT_WRITEFUNCTION, receive);
    c.setopt(h, CURLOPT_WRITEDATA, to);
    CURLcode rc = c.perform(h);
    c.getinfo(h, CURLINFO_RESPONSE_CODE, &status);
    c.cleanup(h);
    if (rc != CURLE_OK)
        return dh_fail(err, DH_IO, "%s: %s", url, *why ? why : c.strerror(rc));
    if (status >= 400)
        return dh_fail(err, DH_IO, "%s: the server answers %ld", url, status);
    return 0;
}

/* The first folder in which the path exists; where none has it, the path in the first. */
static char *find_file(const char *path)
{
    const char *const folders[] = {getenv("DHOW_PIPELINE_DIR"), getenv("DHOW_INVOCATION_DIR"), "."};
    char *first = NULL;
    if (*path == '/')
        return dh_strdup(path);
    for (size_t i = 0; i < 3; i++) {
        if (!folders[i] || !*folders[i])
            continue;
        char *candidate = fs_join(folders[i], path);
        if (fs_exists(candidate)) {
            free(first);
            return candidate;
        }
        if (first)
            free(candidate);
        else
            first = candidate;
    }
    return first;
}

int source_fetch(const char *source, char **ret, size_t *ret_n, struct dh_err *err)
{
    const char *scheme = strstr(source, "://");
    if (strncmp(source, "http://", 7) == 0 || strncmp(source, "https://", 8) == 0) {
        own_buf struct buf b = {0};
        if (fetch_http(source, &b, err) < 0)
            return -1;
        *ret_n = b.n;
        *ret = b.n ? buf_take(&b) : dh_strdup("");
        return 0;
    }
    if (scheme && strncmp(source, "file://", 7) != 0)
        return dh_fail(err, DH_INVALID,
                       "source '%s': a source is a path, file://, http:// or https://", source);
    own_mem char *path = find_file(scheme ? source + 7 : source);
    return fs_read(path, MAX_SOURCE_BYTES, ret, ret_n, err);
}
