#pragma once
/* hist - growing trees on binned features: histograms of a node's rows, the smaller child counted
 * and the larger one had by subtraction; best gain first where leaves are bounded, else the smaller
 * child first, so that few nodes are open at a time however deep the tree.
 *
 * Where each node tries some features only, these alone are counted, for the node itself: nothing
 * is kept for its children, and a tree needs the room of one small histogram.
 *
 * Three uses: classification of two classes (packed counts, exact), gradient boosting (packed
 * quantised gradients), and all else (class weights, or sums, as doubles). */
#include "ml/bins.h"
#include "ml/rng.h"
#include "ml/tree-priv.h"

enum hist_kind {
    HIST_BINARY,   /* packed[i] = weight << 32 | weight if of class 1; whole weights */
    HIST_GRADIENT, /* packed[i] = (quantised gradient << 32) + quantised hessian */
    HIST_STATS,    /* doubles: a class's weight each; regression: weighted sum of y, and weight */
};

struct hist_grow {
    struct grow base;
    const struct bins *bins;
    enum hist_kind kind;
    size_t n_cell;          /* numbers a cell holds: 2, or the classes */
    const uint64_t *packed; /* by sample position */
    bool exact; /* HIST_BINARY: look inside bins too, so that the split is the best of all */
    unsigned max_leaves; /* 0: no bound */
    double lambda;       /* HIST_GRADIENT: added to the hessian, in its quantised unit */
    double least_child;  /* least weight (hessian) of a child */
    double least_gain;   /* a split must gain more */
    struct rng *rng;     /* with n_try: each node tries that many features by chance */
    size_t n_try;        /* 0: all */
    size_t *tried;       /* the features of a node's histogram, rising; NULL: all */
    void *tried_hist;    /* room for n_try features' cells */
    /* for boosting, when done: leaf k has pos[leaf[k].from … to) */
    struct hist_leaf {
        int32_t node;
        size_t from, to;
    } * leaf;
    size_t n_leaves, cap_leaves;
    struct hist_node *open; /* nodes still to split */
    size_t n_open, cap_open;
    uint64_t *ordered; /* room for a node's packed values */
};

/* g->base.pos[0 … n) are the positions to learn from. Fills base.tree. May be called again with
 * the same g, for the next tree: what it has taken in leaf, open and tried is used again. */
void hist_grow_tree(struct hist_grow *g, size_t n);
void hist_grow_done(struct hist_grow *g); /* frees these */
