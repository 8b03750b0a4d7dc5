#pragma once
/* bins - the features of a training sample as one byte each: at most 254 intervals, one code for a
 * missing value. Eight features make a 64-bit word, so that one load feeds eight histograms.
 *
 * Interval edges are quantiles of a sample of the rows: how good they are decides speed for exact
 * trees and, a little, quality for histogram trees, never correctness. */
#include "ml/model-priv.h"
#include "ml/pool.h"

enum { MAX_BINS = 254, BIN_MISSING = 255, BIN_CODES = 256, BLOCK = 8 };

struct bin_feature {
    bool category;
    bool has_missing;
    unsigned n_bins;
    double edge[MAX_BINS]; /* bin b holds edge[b - 1] < x <= edge[b]; the last is +inf */
    bool single[MAX_BINS]; /* the bin holds one distinct value only: nothing to split inside */
};

struct bins {
    size_t n, n_features, n_blocks;
    uint64_t **block; /* block[f / 8][i] >> 8 * (f % 8) & 255 */
    size_t *mapped;
    struct bin_feature *feature;
};

struct bins *bins_make(const struct sample *s, const struct tree_col *cols, size_t n_features,
                       struct pool *pool);
struct bins *bins_free(struct bins *b);
OWN_DEFINE(struct bins *, bins_free)

/* A feature's codes, BLOCK bytes apart. Words are little-endian. */
static inline unsigned char *bin_codes(const struct bins *b, size_t feature)
{
    return (unsigned char *)b->block[feature / BLOCK] + feature % BLOCK;
}

static inline unsigned bin_of(const struct bins *b, size_t feature, uint32_t i)
{
    return (unsigned)(b->block[feature / BLOCK][i] >> (8 * (feature % BLOCK))) & 255;
}
