#pragma once
/* hist-priv - what hist.c (growing), hist-split.c (choosing) and hist-exact.c (looking inside bins)
 * share. */
#include "ml/hist.h"

/* A node on its way: its rows are pos[from … to). */
struct hist_node {
    int32_t node;
    size_t from, to;
    unsigned depth;
    void *hist;  /* 256 cells a feature, of all (n_blocks * 8) or of g->tried; NULL: not made */
    double *all; /* n_cell: the node's sums */
    struct split split;
    unsigned last_bin; /* the last bin of the left side, for a split at a bin's edge */
    double gain;
};

/* A cell as numbers. */
static inline void cell_values(const struct hist_grow *g, const void *hist, size_t cell, double *v)
{
    if (g->kind == HIST_STATS) {
        const double *d = (const double *)hist + cell * g->n_cell;
        for (size_t s = 0; s < g->n_cell; s++)
            v[s] = d[s];
        return;
    }
    uint64_t w = ((const uint64_t *)hist)[cell];
    if (g->kind == HIST_BINARY) {
        v[1] = (double)(uint32_t)w;
        v[0] = (double)(w >> 32) - v[1];
    } else {
        v[1] = (double)(uint32_t)w;
        v[0] = (double)(int32_t)(w >> 32);
    }
}

static inline bool hist_is_sum(const struct hist_grow *g)
{
    return g->kind == HIST_GRADIENT || g->base.regression;
}

static inline double hist_weight(const struct hist_grow *g, const double *v)
{
    if (hist_is_sum(g))
        return v[1];
    double w = 0;
    for (size_t s = 0; s < g->n_cell; s++)
        w += v[s];
    return w;
}

/* The criterion of one side; a split's score is the sum of two. */
static inline double hist_side(const struct hist_grow *g, const double *v)
{
    if (hist_is_sum(g))
        return v[0] * v[0] / (v[1] + g->lambda);
    if (g->n_cell == 2 && g->base.o->criterion != ML_ENTROPY)
        return (v[0] * v[0] + v[1] * v[1]) / (v[0] + v[1]);
    double w = hist_weight(g, v), r = 0;
    for (size_t s = 0; s < g->n_cell; s++) {
        if (g->base.o->criterion == ML_ENTROPY)
            r += v[s] > 0 ? v[s] * __builtin_log2(v[s] / w) : 0;
        else
            r += v[s] * v[s];
    }
    return g->base.o->criterion == ML_ENTROPY ? r : r / w;
}

/* The node's best split at bin edges. split.feature -1: none. With g->exact, bound[f * 256 + b]
 * (twice where `bound` has a second half for missing rows on the left) is at least the score of any
 * split inside bin b. */
void hist_best_split(struct hist_grow *g, struct hist_node *node, double *bound);
/* Goes on from hist_best_split's answer to the best split of all. */
void hist_look_inside(struct hist_grow *g, struct hist_node *node, const double *bound);
/* Splits pos[from … to) by `sp`, keeping order; returns where the right side starts. */
size_t tree_partition(struct grow *g, size_t from, size_t to, const struct split *sp);
