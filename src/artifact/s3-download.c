/* s3-download - a large object in ranges, by several threads, straight into the file. Each range's
 * CRCs are taken as it comes, and joined at the end; a SHA-256 has to be taken in order: from the
 * file, by whichever thread has just brought the next range. */
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
    bool *there;          /* ranges that have come; under the lock */
    struct s3_crcs *crcs; /* of each */
    size_t next;          /* the first that is not in the digest; by who is hashing */
    bool hashing;
    struct s3_sums sums;
};

struct piece {
    struct download *download;
    struct s3_crcs *crcs;
    char *block; /* libcurl hands out little at a time: it is written in blocks */
    size_t held;
    int64_t at, end, at_last_try; /* at: what is held is before it */
    char range[64];
    int write_errno;
};

static int64_t start_of(const struct download *d, size_t i)
{
    int64_t at = (int64_t)i * d->part_size;

    return at < d->what->size ? at : d->what->size;
}

static int write_block(struct piece *p)
{
    int64_t at = p->at - (int64_t)p->held;

    s3_crcs_add(p->crcs, p->download->what, p->block, p->held);
    for (size_t done = 0; done < p->held;) {
        ssize_t w = pwrite(p->download->fd, p->block + done, p->held - done, at + (int64_t)done);

        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0) {
            p->write_errno = errno;
            return -1;
        }
        done += (size_t)w;
    }
    p->held = 0;
    return 0;
}

static int take_bytes(void *user, const char *bytes, size_t n)
{
    struct piece *p = user;

    if (p->at + (int64_t)n > p->end)
        return -1; /* more than was asked for */
    while (n > 0) {
        size_t room = BLOCK - p->held, some = n < room ? n : room;

        memcpy(p->block + p->held, bytes, some);
        p->held += some;
        p->at += (int64_t)some;
        bytes += some;
        n -= some;
        if (p->held == BLOCK && write_block(p) < 0)
            return -1;
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
    int64_t at = start_of(d, i), end = start_of(d, i + 1);

    while (at < end) {
        ssize_t n = pread(d->fd, block, end - at < (int64_t)BLOCK ? (size_t)(end - at) : BLOCK, at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return dh_fail_errno(err, "reading what came of %s", d->key);
        digest_add(d->sums.digest, block, (size_t)n);
        at += n;
    }
    return 0;
}

/* One thread at a time goes on with the digest, as far as ranges have come. `block` is for it. */
static int came(struct download *d, size_t i, char *block, struct dh_err *err)
{
    int rc = 0;

    if (!d->sums.digest)
        return 0;
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
    own_mem char *block = dh_alloc(BLOCK);
    int64_t at = start_of(d, i);
    struct piece p = {.download = d,
                      .crcs = &d->crcs[i],
                      .block = block,
                      .at = at,
                      .at_last_try = at,
                      .end = start_of(d, i + 1)};
    int rc;
    struct s3_request r = s3_request_new("GET", d->key, d->stop);
    own_http_answer struct http_answer a = {0};

    (void)go_on(&r, &p);
    s3_header(&r, "range", p.range);
    if (d->what->etag)
        s3_header(&r, "if-match", d->what->etag);
    r.sink = take_bytes;
    r.again = go_on;
    r.user = &p;
    rc = s3_send(d->client, &r, &a, err);
    if (rc == 0 && write_block(&p) < 0)
        rc = -1;
    if (p.write_errno) {
        errno = p.write_errno;
        return dh_fail_errno(err, "writing what came of %s", d->key);
    }
    if (rc != 0)
        return -1;
    if (p.at != p.end)
        return dh_fail(err, DH_IO, "%s: less came than was asked for", d->key);
    return came(d, i, block, err);
}

/* ---- all of it ---- */

static bool needs_digest(const struct s3_object *what, const char *want)
{
    return want || what->sha256 || what->sum256;
}

/* Larger than what is sent at a time: each range costs the server a look at the whole, and nothing
 * is lost when one breaks off. But a digest, which goes on in order, would wait for the first. */
static int64_t range_size(int64_t size, bool digest)
{
    const int64_t most = (int64_t)64 << 20, unit = (int64_t)1 << 20;
    int64_t share = digest ? S3_PART : (size / s3_threads() + unit - 1) / unit * unit;

    return share < S3_PART ? S3_PART : share > most ? most : share;
}

static int once(struct download *d, const char *want, struct dh_err *err)
{
    d->next = 0;
    s3_sums_start(&d->sums, d->what, needs_digest(d->what, want));
    memset(d->there, 0, d->n * sizeof *d->there);
    memset(d->crcs, 0, d->n * sizeof *d->crcs);
    if (ftruncate(d->fd, d->what->size) < 0)
        return dh_fail_errno(err, "writing what came of %s", d->key);
    if (workers_run(d->n, s3_threads(), get_range, d, err) < 0)
        return -1;
    for (size_t i = 0; i < d->n; i++)
        s3_crcs_join(&d->sums.crcs, &d->crcs[i], start_of(d, i + 1) - start_of(d, i));
    return s3_sums_check(&d->sums, d->key, want, NULL, err) < 0 ? 1 : 0;
}

int s3_download(struct s3_client *c, const char *key, const struct s3_object *what, int fd,
                const char *want, atomic_bool *stop, struct dh_err *err)
{
    own_mem bool *there = NULL;
    own_mem struct s3_crcs *crcs = NULL;
    struct download d = {.client = c,
                         .key = key,
                         .what = what,
                         .fd = fd,
                         .part_size = range_size(what->size, needs_digest(what, want)),
                         .stop = stop};
    int rc;

    d.n = (size_t)((what->size + d.part_size - 1) / d.part_size);
    d.there = there = dh_zalloc(d.n, sizeof *there);
    d.crcs = crcs = dh_zalloc(d.n, sizeof *crcs);
    (void)pthread_mutex_init(&d.lock, NULL);
    rc = once(&d, want, err);
    if (rc > 0) /* wrong bytes are asked for once more */
        rc = once(&d, want, err);
    (void)pthread_mutex_destroy(&d.lock);
    s3_sums_done(&d.sums);
    return rc == 0 ? 0 : -1;
}
