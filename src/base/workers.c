#include "base/workers.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

#define THREADS_MAX 64

struct crowd {
    size_t n;
    int (*fn)(void *user, size_t i, struct dh_err *err);
    void *user;
    atomic_size_t next;
    atomic_bool failed;
    struct dh_err err; /* of the first that failed: who set `failed` writes it */
};

static void *work(void *arg)
{
    struct crowd *c = arg;

    while (!atomic_load(&c->failed)) {
        size_t i = atomic_fetch_add(&c->next, 1);
        struct dh_err err = {0};

        if (i >= c->n)
            break;
        if (c->fn(c->user, i, &err) < 0 && !atomic_exchange(&c->failed, true))
            c->err = err;
    }
    return NULL;
}

int workers_run(size_t n, unsigned threads, int (*fn)(void *user, size_t i, struct dh_err *err),
                void *user, struct dh_err *err)
{
    struct crowd c = {.n = n, .fn = fn, .user = user};
    pthread_t ids[THREADS_MAX];
    unsigned started = 0;
    sigset_t all, before;

    if (threads > THREADS_MAX)
        threads = THREADS_MAX;
    /* Signals are the loop's: a thread that took one would hide it. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    while (started + 1 < threads && started + 1 < n &&
           pthread_create(&ids[started], NULL, work, &c) == 0)
        started++;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)work(&c);
    for (unsigned i = 0; i < started; i++)
        (void)pthread_join(ids[i], NULL);
    if (!atomic_load(&c.failed))
        return 0;
    if (err)
        *err = c.err;
    return -1;
}
