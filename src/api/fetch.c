#include "api/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "api/api-priv.h"
#include "base/http.h"
#include "base/limits.h"
#include "base/mem.h"
#include "spec/spec.h"

struct fetch {
    char *url;
    struct buf bytes;
    struct dh_err err;
    int rc, wake_fd;
    atomic_bool done;
    atomic_int owners; /* the request, the thread */
};

bool fetch_is_done(const struct fetch *fetch)
{
    return atomic_load(&fetch->done);
}

void fetch_drop(struct fetch *fetch)
{
    if (!fetch || atomic_fetch_sub(&fetch->owners, 1) > 1)
        return;
    (void)close(fetch->wake_fd);
    buf_done(&fetch->bytes);
    free(fetch->url);
    free(fetch);
}

static void *fetch_run(void *user)
{
    static const uint64_t one = 1;
    struct fetch *fetch = user;

    fetch->rc = http_get(fetch->url, LIMIT_FETCH_S, &fetch->bytes, &fetch->err);
    atomic_store(&fetch->done, true);
    (void)!write(fetch->wake_fd, &one, sizeof one);
    fetch_drop(fetch);
    return NULL;
}

static int begin(struct req *r, const char *url, struct dh_err *err)
{
    struct fetch *fetch = dh_zalloc(1, sizeof *fetch);
    pthread_t thread;
    int rc;

    fetch->url = dh_strdup(url);
    fetch->bytes.max = LIMIT_UPLOAD_BYTES;
    fetch->wake_fd = fcntl(r->api->wake_fd, F_DUPFD_CLOEXEC, 3);
    atomic_store(&fetch->owners, 2);
    rc = fetch->wake_fd < 0 ? errno : pthread_create(&thread, NULL, fetch_run, fetch);
    if (rc != 0) {
        atomic_store(&fetch->owners, 1);
        fetch_drop(fetch);
        errno = rc;
        return dh_fail_errno(err, "fetching a pipeline");
    }
    (void)pthread_detach(thread);
    r->fetch = fetch;
    r->waits = true;
    return -1;
}

int fetch_spec(struct req *r, const char *url, struct spec **ret, struct dh_err *err)
{
    const char *name = url ? strrchr(url, '/') : NULL;

    if (!url || !*url)
        return req_fail(r, err, GRPC_INVALID_ARGUMENT,
                        "Failed to create a pipeline version. Package URL is empty");
    if (strncasecmp(url, "https://", 8) != 0 && strncasecmp(url, "http://", 7) != 0)
        return req_fail(r, err, GRPC_INVALID_ARGUMENT,
                        "pipeline_url: expected an http or https address, got '%.200s'", url);
    if (!r->api->options->fetch_urls && (!r->api->loopback || auth_needed(r->api->auth)))
        return req_fail(r, err, GRPC_INVALID_ARGUMENT,
                        "this server fetches no addresses (--fetch-urls lets it): upload the file");
    if (!r->fetch) {
        if (web_n_fetching(r->api->web) >= LIMIT_FETCHES)
            return req_fail(r, err, GRPC_UNAVAILABLE,
                            "%d pipelines are being fetched already; try again", LIMIT_FETCHES);
        return begin(r, url, err);
    }
    if (r->fetch->rc < 0)
        return req_fail(r, err, GRPC_INVALID_ARGUMENT, "%s", r->fetch->err.msg);
    return spec_load_bytes(name && name[1] ? name + 1 : url, buf_str(&r->fetch->bytes),
                           r->fetch->bytes.n, ret, NULL, err);
}
