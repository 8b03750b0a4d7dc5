#include "api/fetch.h"

#include <string.h>
#include <strings.h>

#include "api/api-priv.h"
#include "base/http.h"
#include "base/limits.h"
#include "spec/spec.h"

int fetch_spec(struct req *r, const char *url, struct spec **ret, struct dh_err *err)
{
    own_buf struct buf bytes = {.max = LIMIT_UPLOAD_BYTES};
    const char *name = url ? strrchr(url, '/') : NULL;

    if (!url || !*url)
        return req_fail(r, err, GRPC_INVALID_ARGUMENT,
                        "package_url.pipeline_url is needed: where the pipeline is");
    if (strncasecmp(url, "https://", 8) != 0 && strncasecmp(url, "http://", 7) != 0)
        return req_fail(r, err, GRPC_INVALID_ARGUMENT,
                        "pipeline_url: expected an http or https address, got '%.200s'", url);
    if (!r->api->options->fetch_urls && (!r->api->loopback || auth_needed(r->api->auth)))
        return req_fail(r, err, GRPC_INVALID_ARGUMENT,
                        "this server fetches no addresses (--fetch-urls lets it): upload the file");
    if (http_get(url, &bytes, err) < 0)
        return req_fail(r, err, GRPC_INVALID_ARGUMENT, "%s", arena_strdup(r->arena, err->msg));
    return spec_load_bytes(name && name[1] ? name + 1 : url, buf_str(&bytes), bytes.n, ret, NULL,
                           err);
}
