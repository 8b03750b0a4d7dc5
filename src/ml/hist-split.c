/* hist-split - the best split that a node's histograms show. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "ml/hist-priv.h"

enum { FAST_CELL = 8 };

struct scan {
    struct hist_grow *g;
    struct hist_node *node;
    double *bound;
    double *left, *right, *cell; /* n_cell each */
    size_t feature, cells;       /* `cells`: where the feature's begin in the histogram */
    bool missing_left;
    double least; /* weight that each side needs */
};

static void keep(struct scan *s, double score, unsigned bin, double threshold)
{
    struct split *best = &s->node->split;
    free(best->cats);
    *best = (struct split){(int32_t)s->feature, score, threshold, s->missing_left, NULL, 0};
    s->node->last_bin = bin;
}

static void move_cell(struct scan *s)
{
    for (size_t i = 0; i < s->g->n_cell; i++) {
        s->left[i] += s->cell[i];
        s->right[i] -= s->cell[i];
    }
}

/* All rows right, but those without a value left where `missing_left` says so. */
static void start(struct scan *s)
{
    const size_t n = s->g->n_cell;
    memset(s->left, 0, n * sizeof *s->left);
    memcpy(s->right, s->node->all, n * sizeof *s->right);
    if (s->missing_left) {
        cell_values(s->g, s->node->hist, s->cells + BIN_MISSING, s->cell);
        move_cell(s);
    }
}

static bool allowed(const struct scan *s)
{
    double least = s->least;
    double l = hist_weight(s->g, s->left), r = hist_weight(s->g, s->right);
    return l >= least && r >= least && l > 0 && r > 0;
}

/* No split inside a bin of a zeros and b ones scores more than the better of "all ones first" and
 * "all zeros first": the score is convex in the counts, and these are the corners that are not
 * edges of the bin. */
static double inside_bound(const struct scan *s)
{
    double best = -INFINITY;
    for (int k = 0; k < 2; k++) {
        double l[2] = {s->left[0], s->left[1]}, r[2] = {s->right[0], s->right[1]};
        l[k] += s->cell[k];
        r[k] -= s->cell[k];
        if (l[0] + l[1] <= 0 || r[0] + r[1] <= 0)
            return INFINITY;
        double score = hist_side(s->g, l) + hist_side(s->g, r);
        best = score > best ? score : best;
    }
    return best;
}

static void scan_numbers(struct scan *s)
{
    struct hist_grow *g = s->g;
    const struct bin_feature *f = &g->bins->feature[s->feature];
    double *bound = s->bound ? s->bound + (s->missing_left ? g->bins->n_features * BIN_CODES : 0) +
                                   s->feature * BIN_CODES
                             : NULL;
    start(s);
    for (unsigned b = 0; b < f->n_bins; b++) {
        cell_values(g, s->node->hist, s->cells + b, s->cell);
        double w = hist_weight(g, s->cell);
        if (bound)
            bound[b] = w > 1 && !f->single[b] ? inside_bound(s) : -INFINITY;
        if (!(w > 0))
            continue;
        move_cell(s);
        if (!allowed(s))
            continue;
        double score = hist_side(g, s->left) + hist_side(g, s->right);
        if (score > s->node->split.score)
            keep(s, score, b, f->edge[b]);
    }
}

struct ranked {
    double key;
    unsigned bin;
};

static int by_key(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->key != y->key)
        return (x->key > y->key) - (x->key < y->key);
    return (x->bin > y->bin) - (x->bin < y->bin);
}

/* Levels in the order of class `target`'s share (or of the mean). */
static void scan_levels(struct scan *s, size_t target)
{
    struct hist_grow *g = s->g;
    const struct bin_feature *f = &g->bins->feature[s->feature];
    struct ranked order[MAX_BINS];
    unsigned n = 0;
    for (unsigned b = 0; b < f->n_bins; b++) {
        cell_values(g, s->node->hist, s->cells + b, s->cell);
        double w = hist_weight(g, s->cell);
        if (w > 0)
            order[n++] = (struct ranked){s->cell[target] / (w + g->lambda), b};
    }
    qsort(order, n, sizeof *order, by_key);
    uint64_t bits[BIN_CODES / 64] = {0};
    start(s);
    for (unsigned k = 0; k < n; k++) {
        unsigned b = order[k].bin;
        bits[b / 64] |= (uint64_t)1 << (b % 64);
        cell_values(g, s->node->hist, s->cells + b, s->cell);
        move_cell(s);
        if (!allowed(s))
            continue;
        double score = hist_side(g, s->left) + hist_side(g, s->right);
        if (score <= s->node->split.score)
            continue;
        keep(s, score, b, 0);
        size_t words = (g->base.cols[s->feature].n_levels + 63) / 64;
        s->node->split.cats = dh_zalloc(words, sizeof *bits);
        memcpy(s->node->split.cats, bits,
               (words < BIN_CODES / 64 ? words : BIN_CODES / 64) * sizeof *bits);
        s->node->split.n_cat_words = (uint32_t)words;
    }
}

static void scan_feature(struct scan *s)
{
    const struct bin_feature *f = &s->g->bins->feature[s->feature];
    for (int side = 0; side <= (int)f->has_missing; side++) {
        s->missing_left = side;
        if (!f->category) {
            scan_numbers(s);
            continue;
        }
        size_t targets = hist_is_sum(s->g) ? 1 : s->g->n_cell;
        for (size_t t = targets == 2 ? 1 : 0; t < targets; t++)
            scan_levels(s, t);
    }
}

void hist_best_split(struct hist_grow *g, struct hist_node *node, double *bound)
{
    double fast[3 * FAST_CELL];
    own_mem double *big = g->n_cell > FAST_CELL ? dh_alloc(3 * g->n_cell * sizeof *big) : NULL;
    double *room = big ? big : fast;
    struct scan s = {.g = g, .node = node, .bound = bound};
    s.left = room, s.right = room + g->n_cell, s.cell = room + 2 * g->n_cell;
    node->split = (struct split){.feature = -1, .score = -INFINITY};
    s.least = g->least_child;
    if (g->kind == HIST_GRADIENT) { /* rows are not counted there: their share of the hessian stands
                                       for them */
        double rows =
            (double)g->base.o->min_samples_leaf * node->all[1] / (double)(node->to - node->from);
        s.least = rows > s.least ? rows : s.least;
    }
    for (size_t k = 0; k < (g->tried ? g->n_try : g->bins->n_features); k++) {
        s.feature = g->tried ? g->tried[k] : k;
        s.cells = k * BIN_CODES;
        scan_feature(&s);
    }
    node->gain = node->split.score - hist_side(g, node->all);
}
