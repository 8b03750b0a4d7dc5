/* source - where data come from: files of this machine, the web, or a bucket. */
#include <stdlib.h>
#include <string.h>
#include "artifact/artifact.h"
#include "base/buf.h"
#include "base/fs.h"
#include "base/http.h"
#include "base/mem.h"
#include "components/steps.h"

#define MAX_SOURCE_BYTES ((size_t)16 << 30)

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

/* An object of a bucket comes to the step's temporary folder, checked, and is read from there. */
static int fetch_far(const char *uri, char **ret, size_t *ret_n, struct dh_err *err)
{
    const char *folder = getenv("TMPDIR");
    own_mem char *top = dh_printf("%s/dhow-source-XXXXXX", folder && *folder ? folder : "/tmp");
    own_mem char *file = NULL;
    int rc;

    if (!mkdtemp(top))
        return dh_fail_errno(err, "cannot make a folder %s", top);
    file = fs_join(top, "source");
    rc = artifact_fetch(uri, file, NULL, err);
    if (rc == 0 && fs_is_dir(file))
        rc = dh_fail(err, DH_INVALID, "source '%s' is a folder: name one object in it", uri);
    if (rc == 0)
        rc = fs_read(file, MAX_SOURCE_BYTES, ret, ret_n, err);
    (void)fs_remove_tree(top, NULL);
    return rc;
}

int source_fetch(const char *source, char **ret, size_t *ret_n, struct dh_err *err)
{
    const char *scheme = strstr(source, "://");
    if (strncmp(source, "http://", 7) == 0 || strncmp(source, "https://", 8) == 0) {
        own_buf struct buf b = {.max = MAX_SOURCE_BYTES};
        if (http_get(source, 0, &b, err) < 0)
            return -1;
        *ret_n = b.n;
        *ret = b.n ? buf_take(&b) : dh_strdup("");
        return 0;
    }
    if (artifact_uri_is_remote(source))
        return fetch_far(source, ret, ret_n, err);
    if (scheme && strncmp(source, "file://", 7) != 0)
        return dh_fail(err, DH_INVALID,
                       "source '%s': a source is a path, file://, http://, https://, s3://, "
                       "minio:// or gs://",
                       source);
    own_mem char *path = find_file(scheme ? source + 7 : source);
    if (!fs_exists(path))
        return dh_fail(err, DH_INVALID,
                       "source '%s': there is no file %s (a step in a container sees its image's "
                       "files alone: give it http://, https:// or s3://)",
                       source, path);
    return fs_read(path, MAX_SOURCE_BYTES, ret, ret_n, err);
}
