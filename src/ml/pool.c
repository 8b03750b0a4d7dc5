#include "ml/pool.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include "base/cpus.h"
#include "base/mem.h"

enum { MAX_THREADS = 64, SPINS = 4000 };

struct pool {
    unsigned threads;
    pthread_t thread[MAX_THREADS];
    pthread_mutex_t lock;
    pthread_cond_t wake, done;
    atomic_ulong round; /* rises with each job */
    atomic_uint busy;   /* helpers that have not finished this round */
    atomic_size_t next;
    bool stop;
    size_t n;
    void (*fn)(void *, size_t, unsigned);
    void *ctx;
};

struct helper {
    struct pool *pool;
    unsigned worker;
};

static void take_pieces(struct pool *p, unsigned worker)
{
    for (;;) {
        size_t piece = atomic_fetch_add(&p->next, 1);
        if (piece >= p->n)
            return;
        p->fn(p->ctx, piece, worker);
    }
}

static void relax(void)
{
#if defined __x86_64__
    __builtin_ia32_pause();
#endif
}

/* Waits for a round after `seen`; a short spin saves the sleep between the steps of one algorithm.
 */
static bool wait_round(struct pool *p, unsigned long seen)
{
    for (int i = 0; i < SPINS && atomic_load(&p->round) == seen; i++)
        relax();
    pthread_mutex_lock(&p->lock);
    while (atomic_load(&p->round) == seen)
        pthread_cond_wait(&p->wake, &p->lock);
    bool stop = p->stop;
    pthread_mutex_unlock(&p->lock);
    return !stop;
}

static void *helper_main(void *arg)
{
    struct helper me = *(struct helper *)arg;
    free(arg);
    unsigned long seen = 0;
    while (wait_round(me.pool, seen)) {
        seen++;
        take_pieces(me.pool, me.worker);
        if (atomic_fetch_sub(&me.pool->busy, 1) == 1) {
            pthread_mutex_lock(&me.pool->lock);
            pthread_cond_signal(&me.pool->done);
            pthread_mutex_unlock(&me.pool->lock);
        }
    }
    return NULL;
}

struct pool *pool_new(unsigned threads)
{
    struct pool *p = dh_zalloc(1, sizeof *p);

    if (!threads)
        threads = (unsigned)cpus();
    if (threads > MAX_THREADS)
        threads = MAX_THREADS;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    pthread_cond_init(&p->done, NULL);
    p->threads = 1;
    for (unsigned i = 1; i < threads; i++) {
        struct helper *h = dh_alloc(sizeof *h);
        *h = (struct helper){p, i};
        if (pthread_create(&p->thread[i], NULL, helper_main, h) != 0) {
            free(h);
            break; /* fewer threads, the same result */
        }
        p->threads++;
    }
    return p;
}

struct pool *pool_free(struct pool *p)
{
    if (!p)
        return NULL;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    atomic_fetch_add(&p->round, 1);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 1; i < p->threads; i++)
        pthread_join(p->thread[i], NULL);
    pthread_cond_destroy(&p->wake);
    pthread_cond_destroy(&p->done);
    pthread_mutex_destroy(&p->lock);
    free(p);
    return NULL;
}

unsigned pool_threads(const struct pool *p)
{
    return p->threads;
}

void pool_run(struct pool *p, size_t n, void (*fn)(void *, size_t, unsigned), void *ctx)
{
    if (p->threads == 1 || n <= 1) {
        for (size_t i = 0; i < n; i++)
            fn(ctx, i, 0);
        return;
    }
    p->n = n;
    p->fn = fn;
    p->ctx = ctx;
    atomic_store(&p->next, 0);
    atomic_store(&p->busy, p->threads - 1);
    pthread_mutex_lock(&p->lock);
    atomic_fetch_add(&p->round, 1);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    take_pieces(p, 0);
    for (int i = 0; i < SPINS && atomic_load(&p->busy); i++)
        relax();
    pthread_mutex_lock(&p->lock);
    while (atomic_load(&p->busy))
        pthread_cond_wait(&p->done, &p->lock);
    pthread_mutex_unlock(&p->lock);
}
