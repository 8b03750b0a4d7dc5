/* s3-download - a large object in ranges, by several threads, straight into the file. Its digest is
 * taken as the ranges come, in order, by whichever thread has just brought the next one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "artifact/s3.h"
#include "base/mem.h"
#include "base/workers.h"

#define BLOCK ((size_t)256 << 10)

struct download {
    struct s3_client *client;
    const char *key;
    const struct s3_object *what;
    int fd;
    int64_t part_size;
    size_t n;
    atomic_bool *stop;
    pthread_mutex_t lock;
    bool *there; /* ranges that have come; under the lock */
    size_t next; /* the first that is not in the digest; by who is hashing */
    bool hashing;
    struct s3_sums sums;
};

struct piece {
    struct download *download;
    int64_t at, end, at_last_try;
    char range[64];
    int write_errno;
};

static int take_bytes(void *user, const char *bytes, size_t n)
{
    struct piece *p = user;

    if (p->at + (int64_t)n > p->end)
        return -1; /* more than was asked for */
    while (n > 0) {
        ssize_t w = pwrite(p->download->fd, bytes, n, p->at);

        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0) {
            p->write_errno = errno;
            return -1;
        }
        bytes += w;
        n -= (size_t)w;
        p->at += w;
    }
    return 0;
}

static int go_on(struct s3_request *r, void *user)
{
    struct piece *p = user;
    bool progress = p->at > p->at_last_try;
    (void)r; /* its header is this text */

    (void)snprintf(p->range, sizeof p->range, "bytes=%lld-%lld", (long long)p->at,
                   (long long)p->end - 1);
    p->at_last_try = p->at;
    return progress;
}

/* ---- the digest ---- */

static int hash_range(struct download *d, size_t i, char *block, struct dh_err *err)
{
    int64_t at = (int64_t)i * d->part_size;
    int64_t end = at + d->part_size < d->what->size ? at + d->part_size : d->what->size;

    while (at < end) {
        ssize_t n = pread(d->fd, block, end - at < (int64_t)BLOCK ? (size_t)(end - at) : BLOCK, at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return dh_fail_errno(err, "reading what came of %s", d->key);
        s3_sums_add(&d->sums, block, (size_t)n);
        at += n;
    }
    return 0;
}

/* One thread at a time goes on with the digest, as far as ranges have come. */
static int came(struct download *d, size_t i, struct dh_err *err)
{
    own_mem char *block = dh_alloc(BLOCK);
    int rc = 0;

    (void)pthread_mutex_lock(&d->lock);
    d->there[i] = true;
    while (rc == 0 && !d->hashing && d->next < d->n && d->there[d->next]) {
        size_t next = d->next;

        d->hashing = true;
        (void)pthread_mutex_unlock(&d->lock);
        rc = hash_range(d, next, block, err);
        (void)pthread_mutex_lock(&d->lock);
        d->hashing = false;
        d->next++;
    }
    (void)pthread_mutex_unlock(&d->lock);
    return rc;
}

static int get_range(void *user, size_t i, struct dh_err *err)
{
    struct download *d = user;
    int64_t at = (int64_t)i * d->part_size;
    struct piece p = {.download = d,
                      .at = at,
                      .at_last_try = at,
                      .end = at + d->part_size < d->what->size ? at + d->part_size : d->what->size};
    struct s3_request r = s3_request_new("GET", d->key, d->stop);
    own_http_answer struct http_answer a = {0};

    (void)go_on(&r, &p);
    s3_header(&r, "range", p.range);
    if (d->what->etag)
        s3_header(&r, "if-match", d->what->etag);
    r.sink = take_bytes;
    r.again = go_on;
    r.user = &p;
    if (s3_send(d->client, &r, &a, err) != 0) {
        if (p.write_errno) {
            errno = p.write_errno;
            return dh_fail_errno(err, "writing what came of %s", d->key);
        }
        return -1;
    }
    if (p.at != p.end)
        return dh_fail(err, DH_IO, "%s: less came than was asked for", d->key);
    return came(d, i, err);
}

/* ---- all of it ---- */

/* Larger than what is sent at a time: each range costs the server a look at the whole, and nothing
 * is lost when one breaks off. */
static int64_t range_size(int64_t size)
{
    const int64_t most = (int64_t)64 << 20, unit = (int64_t)1 << 20;
    int64_t share = (size / s3_threads() + unit - 1) / unit * unit;

    return share < S3_PART ? S3_PART : share > most ? most : share;
}

static int once(struct download *d, const char *want, struct dh_err *err)
{
    d->next = 0;
    s3_sums_start(&d->sums, d->what);
    d->sums.no_digest = !want && !d->what->sha256 && !d->what->sum256;
    memset(d->there, 0, d->n * sizeof *d->there);
    if (ftruncate(d->fd, d->what->size) < 0)
        return dh_fail_errno(err, "writing what came of %s", d->key);
    if (workers_run(d->n, s3_threads(), get_range, d, err) < 0)
        return -1;
    return s3_sums_check(&d->sums, d->key, want, NULL, err) < 0 ? 1 : 0;
}

int s3_download(struct s3_client *c, const char *key, const struct s3_object *what, int fd,
                const char *want, atomic_bool *stop, struct dh_err *err)
{
    own_mem bool *there = NULL;
    struct download d = {.client = c,
                         .key = key,
                         .what = what,
                         .fd = fd,
                         .part_size = range_size(what->size),
                         .stop = stop};
    int rc;

    d.n = (size_t)((what->size + d.part_size - 1) / d.part_size);
    d.there = there = dh_zalloc(d.n, sizeof *there);
    (void)pthread_mutex_init(&d.lock, NULL);
    rc = once(&d, want, err);
    if (rc > 0) /* wrong bytes are asked for once more */
        rc = once(&d, want, err);
    (void)pthread_mutex_destroy(&d.lock);
    s3_sums_done(&d.sums);
    return rc == 0 ? 0 : -1;
}
