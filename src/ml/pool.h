#pragma once
/* pool - a few threads that share out numbered pieces of one job.
 *
 * Pieces are taken in rising order by whoever is free; a result that must not depend on the number
 * of threads is therefore kept per piece and added up in piece order by the caller. */
#include <stddef.h>
#include "base/own.h"

struct pool;

/* threads 0: as many as the process may use. One thread starts none. */
struct pool *pool_new(unsigned threads);
struct pool *pool_free(struct pool *pool);
OWN_DEFINE(struct pool *, pool_free)
unsigned pool_threads(const struct pool *pool);
/* fn(ctx, piece, worker) for each piece < n; worker < pool_threads. Returns when all are done. */
void pool_run(struct pool *pool, size_t n, void (*fn)(void *ctx, size_t piece, unsigned worker),
              void *ctx);
