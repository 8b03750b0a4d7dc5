/* cluster-log - the log of a pod's container as a file of the record, line by line as it grows.
 *
 * Kubernetes gives a line's time with it, and begins again at any time (of whole seconds) that it
 * is asked for. Beside the log, LOG.at says how long the file was after the last whole piece, that
 * piece's last time, and how many lines had just that: whoever goes on cuts the file there and
 * passes over what it has. So no line is lost or written twice, whenever who wrote it was killed.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "engine/cluster-priv.h"

enum {
    FOLLOWERS = 200,
    STACK_BYTES = 512 << 10,
    AGAIN_MS = 300,
    LONG_LINE = 1 << 20,
    STAMP = 48,
    AT = 128
};
/* A container that is gone has no log; the node's kubelet may be slow to say so. */
enum { TRIES_AFTER_END = 20 };

struct follower {
    struct follower *next;
    struct cluster *c;
    char *pod, *path, *at_path;
    pthread_t thread;
    bool begun;
    atomic_bool ended, over; /* the container has ended; all of the log is here */
    /* the thread's */
    int fd, at_fd;
    int64_t size;      /* of the log, up to the last whole piece */
    char stamp[STAMP]; /* of the last line */
    long n_same;       /* lines with just that */
    char seen[STAMP];  /* while lines that are there already are passed over */
    long n_seen;
    struct buf line; /* a line whose time has not come whole */
    bool in_line;    /* its time was read: text follows */
    bool skip, full;
    struct buf out;
};

/* ---- where a process before has left it ---- */

static void read_at(struct follower *f)
{
    char text[AT + 1] = "";
    long long size = 0;
    struct stat st;
    ssize_t n = pread(f->at_fd, text, AT, 0);

    if (n > 0 && sscanf(text, "%lld %47s %ld", &size, f->stamp, &f->n_same) == 3 &&
        fstat(f->fd, &st) == 0 && st.st_size >= size)
        f->size = size;
    else
        f->stamp[0] = '\0';
    (void)!ftruncate(f->fd, f->size);
}

static void write_at(struct follower *f)
{
    char text[AT + 1];
    int n = snprintf(text, sizeof text, "%lld %s %ld", (long long)f->size, f->stamp, f->n_same);

    if (n < AT)
        memset(text + n, ' ', (size_t)(AT - n));
    text[AT - 1] = '\n';
    (void)!pwrite(f->at_fd, text, AT, 0);
}

/* ---- lines ---- */

static bool is_there(struct follower *f, const char *stamp)
{
    int order;

    if (!f->seen[0])
        return false;
    order = strcmp(stamp, f->seen);
    if (order == 0)
        return f->n_seen-- > 0;
    return order < 0;
}

/* Times are of one form, but for digits after the second that are left out: "…05Z" < "…05.1Z". */
static void normal(const char *from, size_t n, char to[STAMP])
{
    size_t digits;

    if (n >= STAMP)
        n = STAMP - 1;
    memcpy(to, from, n);
    to[n] = '\0';
    if (n < 20 || n > 30 || to[n - 1] != 'Z')
        return;
    n--;
    if (n == 19)
        to[n++] = '.';
    for (digits = n - 20; digits < 9; digits++)
        to[n++] = '0';
    to[n++] = 'Z';
    to[n] = '\0';
}

static void begin_line(struct follower *f, const char *time, size_t n)
{
    char stamp[STAMP];

    normal(time, n, stamp);
    f->in_line = true;
    f->skip = is_there(f, stamp);
    if (f->skip)
        return;
    f->n_same = strcmp(stamp, f->stamp) ? 1 : f->n_same + 1;
    memcpy(f->stamp, stamp, sizeof f->stamp);
}

static void add_text(struct follower *f, const char *text, size_t n)
{
    if (f->skip || f->full)
        return;
    if (f->size + (int64_t)(f->out.n + n) > LIMIT_LOG_BYTES) {
        f->full = true;
        buf_adds(&f->out, "\n[the log is cut here]\n");
        return;
    }
    buf_add(&f->out, text, n);
}

static int flush(struct follower *f)
{
    if (f->out.n && pwrite(f->fd, f->out.p, f->out.n, f->size) != (ssize_t)f->out.n)
        return -1;
    /* Half a line is not counted: it comes again, with its time. One that never ends is. */
    if (!f->in_line || f->skip || f->out.n > LONG_LINE) {
        f->size += (int64_t)f->out.n;
        buf_reset(&f->out);
        write_at(f);
    }
    return 0;
}

static int take_piece(void *user, const char *bytes, size_t n)
{
    struct follower *f = user;

    while (n) {
        const char *end;
        size_t part;

        if (!f->in_line) {
            end = memchr(bytes, ' ', n);
            part = end ? (size_t)(end - bytes) : n;
            if (f->line.n + part > 4096)
                return -1; /* no time at all: this is no log */
            buf_add(&f->line, bytes, part);
            if (!end)
                return flush(f);
            begin_line(f, buf_str(&f->line), f->line.n);
            buf_reset(&f->line);
            part++;
        } else {
            end = memchr(bytes, '\n', n);
            part = end ? (size_t)(end - bytes) + 1 : n;
            add_text(f, bytes, part);
            f->in_line = end == NULL;
        }
        bytes += part;
        n -= part;
    }
    return flush(f);
}

/* A new connection begins with a whole line. */
static void begin_again(struct follower *f, const char stamp[STAMP], long n_same)
{
    memcpy(f->seen, stamp, STAMP);
    f->n_seen = n_same;
    f->in_line = f->skip = false;
    buf_reset(&f->line);
    buf_reset(&f->out);
}

/* ---- the thread ---- */

/* 1: there is no more. */
static int follow_once(struct follower *f, struct kube_conn *conn)
{
    bool ended = atomic_load(&f->ended);
    char since[STAMP] = "";
    struct dh_err err;
    int rc;

    read_at(f); /* what a piece before has left half is forgotten */
    begin_again(f, f->stamp, f->n_same);
    if (strlen(f->stamp) >= 20)
        (void)snprintf(since, sizeof since, "%.19sZ", f->stamp);
    rc = kube_log(conn, f->pod, "main", *since ? since : NULL, take_piece, f, &err);
    if (rc == 0 && f->in_line && !f->skip) { /* it ended without a line's end */
        f->in_line = false;
        (void)flush(f);
    }
    if (rc == KUBE_NOT_FOUND)
        return 1;
    return rc == 0 && ended;
}

static void *follow_to_end(void *user)
{
    struct follower *f = user;
    own(kube_disconnect) struct kube_conn *conn = NULL;
    int after_end = 0;

    f->fd = open(f->path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    f->at_fd = open(f->at_path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (f->fd >= 0 && f->at_fd >= 0 && kube_connect(f->c->kube, &f->c->stop, 0, &conn, NULL) == 0) {
        while (!atomic_load(&f->c->stop) && after_end < TRIES_AFTER_END) {
            if (follow_once(f, conn)) {
                (void)unlink(f->at_path);
                break;
            }
            after_end += atomic_load(&f->ended);
            (void)kube_wait(conn, AGAIN_MS);
        }
    }
    if (f->fd >= 0)
        (void)close(f->fd);
    if (f->at_fd >= 0)
        (void)close(f->at_fd);
    buf_done(&f->line);
    buf_done(&f->out);
    atomic_store(&f->over, true);
    (void)uv_async_send(&f->c->run->wake);
    return NULL;
}

static void begin(struct follower *f)
{
    pthread_attr_t attributes;

    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    f->begun = pthread_create(&f->thread, &attributes, follow_to_end, f) == 0;
    (void)pthread_attr_destroy(&attributes);
    f->c->n_following += f->begun;
}

/* Those that are over make room for those that wait. */
static void sweep(struct cluster *c)
{
    for (struct follower *f = c->followers; f; f = f->next)
        if (f->begun && f->path && atomic_load(&f->over)) {
            (void)pthread_join(f->thread, NULL);
            f->begun = false;
            free(f->path);
            f->path = NULL;
            c->n_following--;
        }
    for (struct follower *f = c->followers; f && c->n_following < FOLLOWERS; f = f->next)
        if (!f->begun && !atomic_load(&f->over))
            begin(f);
}

void cluster_follow(struct cluster *c, struct pod *pod, const char *path)
{
    struct follower *f = dh_zalloc(1, sizeof *f);

    f->c = c;
    f->pod = dh_strdup(pod->name);
    f->path = dh_strdup(path);
    f->at_path = dh_printf("%s.at", path);
    f->fd = f->at_fd = -1;
    f->next = c->followers;
    c->followers = f;
    pod->log = f;
    if (pod->gone || pod->view.state == POD_ENDED)
        atomic_store(&f->ended, true);
    sweep(c);
}

void cluster_follow_ended(struct follower *f)
{
    atomic_store(&f->ended, true);
}

bool cluster_follow_over(struct cluster *c)
{
    sweep(c);
    for (const struct follower *f = c->followers; f; f = f->next)
        if (!atomic_load(&f->over))
            return false;
    return true;
}

void cluster_followers_stop(struct cluster *c)
{
    while (c->followers) {
        struct follower *f = c->followers;

        c->followers = f->next;
        if (f->begun)
            (void)pthread_join(f->thread, NULL);
        free(f->pod);
        free(f->path);
        free(f->at_path);
        free(f);
    }
}
