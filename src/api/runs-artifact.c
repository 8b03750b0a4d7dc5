/* runs-artifact - GET /runs/{run}/nodes/{node}/artifacts/{artifact}:read: bytes as base64, made
 * while they are sent. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/b64.h"
#include "api/runs.h"
#include "artifact/artifact.h"
#include "base/mem.h"

struct reading {
    int fd;
    enum { HEAD, BYTES, TAIL, OVER } at;
};

static ssize_t read_some(void *ctx, char *to, size_t max)
{
    static const char head[] = "{\"data\":\"", tail[] = "\"}";
    struct reading *reading = ctx;
    own_buf struct buf text = {0};
    char bytes[3 * 2048];
    size_t want = max / 4 * 3 < sizeof bytes ? max / 4 * 3 : sizeof bytes, n = 0;

    if (reading->at == HEAD) {
        reading->at = BYTES;
        (void)memcpy(to, head, sizeof head - 1);
        return sizeof head - 1;
    }
    while (reading->at == BYTES && n < want) { /* groups of three, but for the last */
        ssize_t got = read(reading->fd, bytes + n, want - n);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            reading->at = TAIL;
        else
            n += (size_t)got;
    }
    if (n > 0) {
        b64_write(bytes, n, false, &text);
        (void)memcpy(to, text.p, text.n);
        return (ssize_t)text.n;
    }
    if (reading->at == OVER)
        return -1;
    reading->at = OVER;
    (void)memcpy(to, tail, sizeof tail - 1);
    return sizeof tail - 1;
}

static void free_reading(void *ctx)
{
    struct reading *reading = ctx;

    (void)close(reading->fd);
    free(reading);
}

static int open_output(const struct store_linkeds *links, const char *name, struct dh_err *err)
{
    for (size_t i = 0; i < links->n; i++) {
        own_mem char *path = NULL;
        struct stat st;
        own_fd int fd = -1;

        if (strcmp(links->items[i].link.key, name) != 0)
            continue;
        if (artifact_uri_local(links->items[i].artifact.uri, &path, err) != 0)
            return dh_fail(err, DH_INVALID, "the artifact is in a store elsewhere");
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
            return dh_fail(err, DH_NOT_FOUND, "the artifact '%s' is no file", name);
        return dh_take_fd(&fd);
    }
    return dh_fail(err, DH_NOT_FOUND, "the node has no artifact '%s'", name);
}

int runs_read_artifact(struct req *r, struct dh_err *err)
{
    struct store_tasks tasks;
    struct store_linkeds links;
    struct store_run run;
    struct reading *reading;
    int fd;

    if (run_find(r, r->param[0], &run, err) < 0 ||
        store_task_list(r->store, run.id, r->arena, &tasks, err) < 0)
        return -1;
    for (size_t i = 0; i < tasks.n; i++) {
        if (strcmp(tasks.items[i].uuid, r->param[1]) != 0 &&
            strcmp(tasks.items[i].name, r->param[1]) != 0)
            continue;
        if (store_artifacts_of_task(r->store, tasks.items[i].id, STORE_OUTPUT, r->arena, &links,
                                    err) < 0)
            return -1;
        fd = open_output(&links, r->param[2], err);
        if (fd < 0)
            return -1;
        reading = dh_alloc(sizeof *reading);
        *reading = (struct reading){.fd = fd, .at = HEAD};
        r->stream = (struct req_stream){.ctx = reading, .read = read_some, .free = free_reading};
        return 0;
    }
    return dh_fail(err, DH_NOT_FOUND, "the run has no node '%s'", r->param[1]);
}
