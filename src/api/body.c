#include "api/body.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/api-priv.h"
#include "artifact/artifact.h"
#include "base/digest.h"
#include "base/fs.h"
#include "base/mem.h"
#include "mlflow/mlflow.h"

struct body {
    int fd;
    char *path;
    struct digest *sum;
    char digest[DIGEST_TEXT];
    int64_t size;
    bool failed;
    struct dh_err err;
};

static struct body *body_of(struct req *r)
{
    struct body *body = r->file_body;
    own_mem char *folder = NULL;

    if (body)
        return body;
    body = r->file_body = dh_zalloc(1, sizeof *body);
    body->fd = -1;
    body->sum = digest_new();
    folder = fs_join(r->api->options->home, MLFLOW_FOLDER);
    body->path = dh_printf("%s/" ARTIFACT_TEMPORARY "XXXXXX", folder);
    if (fs_mkdirs(folder, 0755, &body->err) < 0) {
        body->failed = true;
    } else if ((body->fd = mkostemp(body->path, O_CLOEXEC)) < 0) {
        (void)dh_fail_errno(&body->err, "%s", body->path);
        body->failed = true;
    }
    return body;
}

void body_add(struct req *r, const char *bytes, size_t n)
{
    struct body *body = body_of(r);

    if (body->failed)
        return;
    body->failed = fs_write_fd(body->fd, bytes, n, body->path, &body->err) < 0;
    digest_add(body->sum, bytes, n);
    body->size += (int64_t)n;
}

int body_file(struct req *r, const char **ret_path, const char **ret_digest, int64_t *ret_size,
              struct dh_err *err)
{
    struct body *body = body_of(r);

    if (!body->failed && body->fd >= 0) {
        int fd = dh_take_fd(&body->fd);

        body->failed = fchmod(fd, 0644) < 0;
        if (body->failed)
            (void)dh_fail_errno(&body->err, "%s", body->path);
        (void)close(fd);
        (void)digest_end(body->sum, body->digest);
    }
    if (body->failed) {
        *err = body->err;
        return -1;
    }
    *ret_path = body->path;
    *ret_digest = body->digest;
    *ret_size = body->size;
    return 0;
}

struct body *body_free(struct body *body)
{
    if (!body)
        return NULL;
    if (body->fd >= 0)
        (void)close(body->fd);
    if (body->path)
        (void)unlink(body->path);
    free(body->path);
    digest_free(body->sum);
    free(body);
    return NULL;
}
