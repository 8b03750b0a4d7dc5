#include "launch/metrics.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/limits.h"
#include "base/mem.h"

#define PIECE ((size_t)256 << 10) /* at a time */

/* A step may put anything in the place of the file: only a plain one is read. */
static ssize_t read_piece(const struct metrics *m, char *bytes)
{
    own_fd int fd = open(m->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;

    return fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ? -1
                                                                : pread(fd, bytes, PIECE, m->at);
}

bool metrics_put(struct metrics *m, struct js *body)
{
    own_mem char *bytes = m->path ? dh_alloc(PIECE) : NULL;
    ssize_t n = bytes && m->at < (int64_t)LIMIT_METRICS_BYTES ? read_piece(m, bytes) : -1;
    own_buf struct buf text = {0};
    struct js *v;

    if (n <= 0)
        return false;
    base64_put(&text, bytes, (size_t)n);
    v = js_object();
    js_set(v, "at", js_int(m->at));
    js_set(v, "data", js_str(buf_str(&text)));
    js_set(body, "metrics", v);
    return true;
}

bool metrics_taken(struct metrics *m, const struct js *answer)
{
    int64_t had = m->at;

    m->at = js_get_int(answer, "metrics_at", had);
    return m->at != had;
}
