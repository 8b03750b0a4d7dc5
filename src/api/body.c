#include "api/body.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/api-priv.h"
#include "artifact/artifact.h"
#include "base/digest.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "mlflow/mlflow.h"

struct body {
    int fd;
    char *path;
    struct digest *sum;
    char digest[DIGEST_TEXT];
    int64_t size;
    size_t unread; /* what has come after it failed */
    bool failed, too_large;
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
    } else {
        (void)flock(body->fd, LOCK_EX); /* for body_sweep */
    }
    return body;
}

bool body_add(struct req *r, const char *bytes, size_t n)
{
    struct body *body = body_of(r);

    if ((int64_t)n > LIMIT_HTTP_FILE - body->size)
        body->failed = body->too_large = true;
    if (body->failed) {
        body->unread += n;
        return body->unread <= LIMIT_HTTP_BODY;
    }
    body->failed = fs_write_fd(body->fd, bytes, n, body->path, &body->err) < 0;
    digest_add(body->sum, bytes, n);
    body->size += (int64_t)n;
    return true;
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
    if (body->too_large)
        return req_fail(r, err, GRPC_RESOURCE_EXHAUSTED, "the body is larger than 1 TiB");
    if (body->failed) {
        *err = body->err;
        return -1;
    }
    *ret_path = body->path;
    *ret_digest = body->digest;
    *ret_size = body->size;
    return 0;
}

void body_sweep(const char *home)
{
    own_mem char *folder = fs_join(home, MLFLOW_FOLDER);
    DIR *dir = opendir(folder);

    for (struct dirent *e; dir && (e = readdir(dir));) {
        own_fd int fd = -1;

        if (strncmp(e->d_name, ARTIFACT_TEMPORARY, strlen(ARTIFACT_TEMPORARY)) != 0)
            continue;
        fd = openat(dirfd(dir), e->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) /* else another server writes it */
            (void)unlinkat(dirfd(dir), e->d_name, 0);
    }
    if (dir)
        (void)closedir(dir);
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
