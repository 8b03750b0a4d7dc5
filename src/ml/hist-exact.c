/* hist-exact - from the best split at bin edges to the best split of all.
 *
 * The score is convex in the class counts, so the counts of a bin bound what any split inside it
 * can score (hist-split.c). Only bins whose bound reaches the best score so far are opened: their
 * rows' values are sorted and each boundary is tried. Nearly all are never opened, and the answer
 * is that of a full search. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "ml/hist-priv.h"

struct inside {
    struct hist_grow *g;
    struct hist_node *node;
    const double *bound;
    struct pair *v, *spare; /* room for the node's rows, each */
};

static double reach(const struct inside *s)
{
    double best = s->node->split.score;
    return best - fabs(best) * 1e-12; /* rounding must not hide an equal split */
}

/* Of equal splits the one with the smaller feature, then the smaller value, is taken. */
static bool takes(const struct inside *s, double score, size_t feature, unsigned bin)
{
    const struct split *best = &s->node->split;
    if (score != best->score)
        return score > best->score;
    return (int32_t)feature < best->feature ||
           ((int32_t)feature == best->feature && bin <= s->node->last_bin);
}

static void try_bin(struct inside *s, size_t f, unsigned bin, bool missing_left,
                    const struct pair *v, size_t n)
{
    struct hist_grow *g = s->g;
    double left[2] = {0}, right[2], cell[2];
    for (unsigned b = 0; b < bin; b++) {
        cell_values(g, s->node->hist, f * BIN_CODES + b, cell);
        left[0] += cell[0], left[1] += cell[1];
    }
    if (missing_left) {
        cell_values(g, s->node->hist, f * BIN_CODES + BIN_MISSING, cell);
        left[0] += cell[0], left[1] += cell[1];
    }
    right[0] = s->node->all[0] - left[0], right[1] = s->node->all[1] - left[1];
    for (size_t i = 0; i + 1 < n; i++) {
        uint64_t w = g->packed[v[i].i];
        double ones = (double)(uint32_t)w, zeros = (double)(w >> 32) - ones;
        left[0] += zeros, left[1] += ones;
        right[0] -= zeros, right[1] -= ones;
        if (v[i].x == v[i + 1].x || left[0] + left[1] < g->least_child ||
            right[0] + right[1] < g->least_child)
            continue;
        double score = hist_side(g, left) + hist_side(g, right);
        if (!takes(s, score, f, bin))
            continue;
        double middle = v[i].x / 2 + v[i + 1].x / 2;
        free(s->node->split.cats);
        s->node->split =
            (struct split){.feature = (int32_t)f,
                           .score = score,
                           .threshold = middle < v[i + 1].x && middle >= v[i].x ? middle : v[i].x,
                           .missing_left = missing_left};
        s->node->last_bin = BIN_CODES; /* not at an edge */
    }
}

/* Opens the bins of one feature that can still hold the best split. */
static void open_feature(struct inside *s, size_t f)
{
    struct hist_grow *g = s->g;
    const struct bins *b = g->bins;
    uint8_t open[BIN_CODES] = {0};
    double least = reach(s);
    size_t n = 0;
    for (int side = 0; side <= (int)b->feature[f].has_missing; side++)
        for (unsigned k = 0; k < b->feature[f].n_bins; k++)
            open[k] |= s->bound[((size_t)side * b->n_features + f) * BIN_CODES + k] >= least;
    const double *num = g->base.cols[f].num;
    for (size_t k = s->node->from; k < s->node->to; k++) {
        uint32_t i = g->base.pos[k];
        if (open[bin_of(b, f, i)])
            s->v[n++] = (struct pair){num[grow_row(&g->base, i)], i};
    }
    sort_pairs(s->v, n, s->spare);
    for (size_t from = 0, to; from < n; from = to) {
        unsigned bin = bin_of(b, f, s->v[from].i);
        for (to = from + 1; to < n && bin_of(b, f, s->v[to].i) == bin;)
            to++;
        for (int side = 0; side <= (int)b->feature[f].has_missing; side++)
            if (s->bound[((size_t)side * b->n_features + f) * BIN_CODES + bin] >= reach(s))
                try_bin(s, f, bin, side, s->v + from, to - from);
    }
}

/* A split at a bin's edge: its threshold is the middle between this node's values on both sides. */
static void settle_edge(struct inside *s)
{
    struct hist_grow *g = s->g;
    struct split *sp = &s->node->split;
    if (sp->feature < 0 || sp->cats || s->node->last_bin == BIN_CODES)
        return;
    double low = -INFINITY, high = INFINITY;
    const double *num = g->base.cols[sp->feature].num;
    for (size_t k = s->node->from; k < s->node->to; k++) {
        double x = num[grow_row(&g->base, g->base.pos[k])];
        if (x <= sp->threshold && x > low)
            low = x;
        if (x > sp->threshold && x < high)
            high = x;
    }
    if (isinf(low) || isinf(high))
        return;
    double middle = low / 2 + high / 2;
    sp->threshold = middle < high && middle >= low ? middle : low;
}

static double feature_bound(const struct inside *s, size_t f)
{
    const struct bins *b = s->g->bins;
    double best = -INFINITY;
    if (b->feature[f].category)
        return best;
    for (int side = 0; side <= (int)b->feature[f].has_missing; side++)
        for (unsigned k = 0; k < b->feature[f].n_bins; k++) {
            double d = s->bound[((size_t)side * b->n_features + f) * BIN_CODES + k];
            best = d > best ? d : best;
        }
    return best;
}

void hist_look_inside(struct hist_grow *g, struct hist_node *node, const double *bound)
{
    const size_t n = g->bins->n_features;
    const size_t rows = node->to - node->from + 1;
    own_mem struct pair *v = dh_alloc(2 * rows * sizeof *v);
    own_mem double *most = dh_alloc(n * sizeof *most);
    struct inside s = {g, node, bound, v, v + rows};
    for (size_t f = 0; f < n; f++)
        most[f] = feature_bound(&s, f);
    for (;;) { /* the most promising first: what it yields closes others */
        size_t top = 0;
        for (size_t f = 1; f < n; f++)
            top = most[f] > most[top] ? f : top;
        if (!(most[top] >= reach(&s)) || most[top] == -INFINITY)
            break;
        most[top] = -INFINITY;
        open_feature(&s, top);
    }
    settle_edge(&s);
    node->gain = node->split.score - hist_side(g, node->all);
}
