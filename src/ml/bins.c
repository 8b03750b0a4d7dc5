#include "ml/bins.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "ml/frame-priv.h"
#include "ml/rng.h"

enum { SAMPLE = 200000, CODE_ROWS = 2048, GRID = 2048 };

struct job {
    const struct sample *s;
    const struct tree_col *cols;
    struct bins *b;
    struct grid *grid;
};

/* Where in a feature's range a value may lie: grid cell → first bin that may hold it. */
struct grid {
    double low, scale;
    uint8_t first[GRID + 1];
};

static size_t row_of(const struct sample *s, size_t i)
{
    return s->rows ? s->rows[i] : i;
}

/* A number's place in the order of all, as an unsigned integer; and back. */
static uint64_t key_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}

static double value_of(uint64_t key)
{
    uint64_t bits = key >> 63 ? key & ~((uint64_t)1 << 63) : ~key;
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Radix sort, from the low digits up; a digit that all have in common costs nothing. `spare`: n. */
static void sort_keys(uint64_t *v, uint64_t *spare, size_t n)
{
    enum { DIGITS = 6, BITS = 11, VALUES = 1 << BITS };
    own_mem uint32_t *count = dh_zalloc((size_t)DIGITS * VALUES, sizeof *count);
    uint64_t *from = v, *to = spare;
    for (size_t i = 0; i < n; i++)
        for (size_t d = 0; d < DIGITS; d++)
            count[d * VALUES + (v[i] >> (d * BITS) & (VALUES - 1))]++;
    for (size_t d = 0; d < DIGITS && n; d++) {
        uint32_t *at = count + d * VALUES, sum = 0;
        if (at[v[0] >> (d * BITS) & (VALUES - 1)] == n)
            continue;
        for (size_t k = 0; k < VALUES; k++) {
            uint32_t here = at[k];
            at[k] = sum;
            sum += here;
        }
        for (size_t i = 0; i < n; i++)
            to[at[from[i] >> (d * BITS) & (VALUES - 1)]++] = from[i];
        uint64_t *t = from;
        from = to;
        to = t;
    }
    if (from != v)
        memcpy(v, from, n * sizeof *v);
}

static double middle(double a, double b)
{
    double m = a / 2 + b / 2;
    return m >= a && m < b ? m : a;
}

/* v: sorted. Each distinct value gets a bin where they fit; else bins of about equal size. */
static void place_edges(struct bin_feature *f, const double *v, size_t n)
{
    size_t distinct = n > 0;
    for (size_t i = 1; i < n; i++)
        distinct += v[i] != v[i - 1];
    size_t wanted = distinct < MAX_BINS ? distinct : MAX_BINS;
    size_t taken = 0;
    f->n_bins = 0;
    for (size_t i = 0; i + 1 < n && f->n_bins + 1 < wanted; i++) {
        if (v[i] == v[i + 1])
            continue;
        size_t target = taken + (n - taken) / (wanted - f->n_bins);
        if (wanted < distinct && i + 1 < target)
            continue;
        f->edge[f->n_bins++] = middle(v[i], v[i + 1]);
        taken = i + 1;
    }
    f->edge[f->n_bins++] = INFINITY;
}

static void make_grid(const struct bin_feature *f, double low, double high, struct grid *g)
{
    g->low = low;
    g->scale = high > low ? GRID / (high - low) : 0;
    if (!isfinite(g->scale))
        g->scale = 0;
    for (size_t c = 0, bin = 0; c <= GRID;
         c++) { /* one cell of slack for the rounding of the product */
        double from = g->scale > 0 && c > 1 ? low + (double)(c - 1) / g->scale : -INFINITY;
        while (bin + 1 < f->n_bins && f->edge[bin] < from)
            bin++;
        g->first[c] = (uint8_t)bin;
    }
}

static void learn_feature(void *ctx, size_t k, unsigned worker)
{
    struct job *job = ctx;
    const struct sample *s = job->s;
    struct bin_feature *f = &job->b->feature[k];
    const struct tree_col *c = &job->cols[k];
    (void)worker;
    if (c->code) {
        f->category = true;
        f->n_bins = c->n_levels < MAX_BINS ? (unsigned)c->n_levels : MAX_BINS;
        return;
    }
    size_t n = 0, want = s->n < SAMPLE ? s->n : SAMPLE;
    size_t mapped; /* if at all: then it goes back at once */
    uint64_t *keys = column_alloc((2 * want + 1) * sizeof *keys, &mapped);
    double *v = (double *)(keys + want); /* once sorted, in the room beside them */
    struct rng rng = rng_seed(0x5eed + k);
    for (size_t i = 0; i < want; i++) { /* one of each piece of equal length */
        size_t from = s->n * i / want, to = s->n * (i + 1) / want;
        size_t at = to - from > 1 ? from + (size_t)rng_below(&rng, to - from) : from;
        double x = c->num[row_of(s, at)];
        if (x == x)
            keys[n++] = key_of(x);
    }
    sort_keys(keys, keys + want, n);
    for (size_t i = 0; i < n; i++) {
        double x = value_of(keys[i]);
        memcpy(&v[i], &x, sizeof x);
    }
    place_edges(f, v, n);
    make_grid(f, n ? v[0] : 0, n ? v[n - 1] : 0, &job->grid[k]);
    column_release(keys, mapped);
}

static inline unsigned find_bin(const struct bin_feature *f, const struct grid *g, double x)
{
    double cell = (x - g->low) * g->scale;
    cell = cell > 0 ? cell : 0;
    cell = cell < GRID ? cell : GRID;
    unsigned bin = g->first[(unsigned)cell];
    while (x > f->edge[bin])
        bin++;
    return bin;
}

struct range {
    double low[MAX_BINS], high[MAX_BINS];
};

static void code_numbers(const struct job *job, size_t k, size_t from, size_t to,
                         struct range *seen)
{
    struct bins *b = job->b;
    struct bin_feature *f = &b->feature[k];
    const double *num = job->cols[k].num;
    unsigned char *code = bin_codes(b, k);
    bool missing = false;
    for (size_t i = from; i < to; i++) {
        double x = num[row_of(job->s, i)];
        if (x != x) {
            missing = true;
            code[i * BLOCK] = BIN_MISSING;
            continue;
        }
        unsigned bin = find_bin(f, &job->grid[k], x);
        code[i * BLOCK] = (unsigned char)bin;
        if (x < seen->low[bin])
            seen->low[bin] = x;
        if (x > seen->high[bin])
            seen->high[bin] = x;
    }
    f->has_missing |= missing;
}

static void code_levels(const struct job *job, size_t k, size_t from, size_t to)
{
    struct bin_feature *f = &job->b->feature[k];
    unsigned char *code = bin_codes(job->b, k);
    for (size_t i = from; i < to; i++) {
        int32_t level = job->cols[k].code[row_of(job->s, i)];
        bool known = level >= 0 && level < MAX_BINS;
        f->has_missing |= !known;
        code[i * BLOCK] = known ? (unsigned char)level : BIN_MISSING;
    }
}

/* The features of one block, some rows at a time: one thread writes a word's eight bytes. */
static void code_block(void *ctx, size_t block, unsigned worker)
{
    struct job *job = ctx;
    struct bins *b = job->b;
    size_t first = block * BLOCK,
           last = first + BLOCK < b->n_features ? first + BLOCK : b->n_features;
    own_mem struct range *seen = dh_alloc(BLOCK * sizeof *seen);
    (void)worker;
    for (size_t k = 0; k < BLOCK; k++)
        for (size_t i = 0; i < MAX_BINS; i++) {
            seen[k].low[i] = INFINITY;
            seen[k].high[i] = -INFINITY;
        }
    for (size_t from = 0; from < b->n; from += CODE_ROWS) {
        size_t to = from + CODE_ROWS < b->n ? from + CODE_ROWS : b->n;
        for (size_t k = first; k < last; k++) {
            if (b->feature[k].category)
                code_levels(job, k, from, to);
            else
                code_numbers(job, k, from, to, &seen[k - first]);
        }
    }
    for (size_t k = first; k < last; k++)
        for (size_t i = 0; i < b->feature[k].n_bins && !b->feature[k].category; i++)
            b->feature[k].single[i] = !(seen[k - first].low[i] < seen[k - first].high[i]);
}

struct bins *bins_make(const struct sample *s, const struct tree_col *cols, size_t n_features,
                       struct pool *pool)
{
    struct bins *b = dh_zalloc(1, sizeof *b);
    b->n = s->n;
    b->n_features = n_features;
    b->n_blocks = (n_features + BLOCK - 1) / BLOCK;
    b->feature = dh_zalloc(n_features, sizeof *b->feature);
    b->block = dh_zalloc(b->n_blocks, sizeof *b->block);
    b->mapped = dh_zalloc(b->n_blocks, sizeof *b->mapped);
    for (size_t i = 0; i < b->n_blocks; i++)
        b->block[i] = column_alloc((s->n + 8) * sizeof **b->block, &b->mapped[i]);
    own_mem struct grid *grid = dh_alloc(n_features * sizeof *grid);
    struct job job = {s, cols, b, grid};
    pool_run(pool, n_features, learn_feature, &job);
    pool_run(pool, b->n_blocks, code_block, &job);
    return b;
}

struct bins *bins_free(struct bins *b)
{
    if (!b)
        return NULL;
    for (size_t i = 0; i < b->n_blocks; i++)
        column_release(b->block[i], b->mapped[i]);
    free(b->block);
    free(b->mapped);
    free(b->feature);
    free(b);
    return NULL;
}
