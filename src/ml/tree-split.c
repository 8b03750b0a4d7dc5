/* tree-split - the best split of a node, exactly: each feature's values sorted, every boundary
 * tried. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "ml/tree-priv.h"

double tree_impurity(const struct grow *g, const struct stats *st)
{
    double w = st->weight, r = 0;
    if (!(w > 0))
        return 0;
    if (g->regression) {
        double mean = st->sum[0] / w;
        r = st->sum[1] / w - mean * mean;
        return r > 0 ? r : 0;
    }
    for (size_t c = 0; c < g->n_stats; c++) {
        double share = st->sum[c] / w;
        if (g->o->criterion == ML_ENTROPY)
            r -= share > 0 ? share * log2(share) : 0;
        else
            r += share * share;
    }
    return g->o->criterion == ML_ENTROPY ? r : 1 - r;
}

double tree_proxy(const struct grow *g, const struct stats *a, const struct stats *b)
{
    if (g->regression)
        return a->sum[0] * a->sum[0] / a->weight + b->sum[0] * b->sum[0] / b->weight;
    if (g->o->criterion == ML_ENTROPY)
        return -a->weight * tree_impurity(g, a) - b->weight * tree_impurity(g, b);
    double left = 0, right = 0;
    for (size_t c = 0; c < g->n_stats; c++) {
        left += a->sum[c] * a->sum[c];
        right += b->sum[c] * b->sum[c];
    }
    return left / a->weight + right / b->weight;
}

/* ---- sorting (stable) ---- */

static void insertion_sort(struct pair *v, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct pair p = v[i];
        size_t j = i;
        for (; j > 0 && v[j - 1].x > p.x; j--)
            v[j] = v[j - 1];
        v[j] = p;
    }
}

static void merge(const struct pair *a, size_t n, const struct pair *b, size_t m, struct pair *to)
{
    while (n && m) {
        bool first = a->x <= b->x;
        *to++ = first ? *a : *b;
        a += first;
        n -= first;
        b += !first;
        m -= !first;
    }
    memcpy(to, a, n * sizeof *a);
    memcpy(to + n, b, m * sizeof *b);
}

void sort_pairs(struct pair *v, size_t n, struct pair *spare)
{
    enum { RUN = 12 };
    size_t in_order = 1;
    while (in_order < n && v[in_order - 1].x <= v[in_order].x)
        in_order++;
    if (in_order >= n)
        return;
    for (size_t i = 0; i < n; i += RUN)
        insertion_sort(v + i, n - i < RUN ? n - i : RUN);
    struct pair *from = v, *to = spare;
    for (size_t run = RUN; run < n; run *= 2) {
        for (size_t i = 0; i < n; i += 2 * run) {
            size_t a = n - i < run ? n - i : run;
            size_t b = n - i - a < run ? n - i - a : run;
            merge(from + i, a, from + i + a, b, to + i);
        }
        struct pair *t = from;
        from = to;
        to = t;
    }
    if (from != v)
        memcpy(v, from, n * sizeof *v);
}

/* ---- a sweep over groups of rows in one order ---- */

struct sweep {
    struct grow *g;
    struct split *best;
    const struct stats *all;
    struct stats left, right;
    size_t n_left, n; /* rows */
    int32_t feature;
    struct pair *pairs, *spare; /* room for the node's rows, twice */
};

static void stats_copy(const struct sweep *w, struct stats *to, const struct stats *from)
{
    to->weight = from->weight;
    memcpy(to->sum, from->sum, w->g->n_stats * sizeof *to->sum);
}

static void stats_zero(const struct sweep *w, struct stats *st)
{
    st->weight = 0;
    memset(st->sum, 0, w->g->n_stats * sizeof *st->sum);
}

/* All rows to the right. */
static void sweep_start(struct sweep *w)
{
    stats_zero(w, &w->left);
    stats_copy(w, &w->right, w->all);
    w->n_left = 0;
}

static void sweep_move(struct sweep *w, uint32_t i)
{
    stats_add(w->g, &w->left, i, 1);
    stats_add(w->g, &w->right, i, -1);
    w->n_left++;
}

/* True: a split here is allowed and better than the best so far. */
static bool sweep_better(const struct sweep *w, double *score)
{
    size_t least = w->g->o->min_samples_leaf ? w->g->o->min_samples_leaf : 1;
    if (w->n_left < least || w->n - w->n_left < least || !(w->left.weight > 0) ||
        !(w->right.weight > 0))
        return false;
    *score = tree_proxy(w->g, &w->left, &w->right);
    return *score > w->best->score;
}

static void keep(struct sweep *w, double score, double threshold, bool missing_left)
{
    free(w->best->cats);
    *w->best = (struct split){w->feature, score, threshold, missing_left, NULL, 0};
}

/* pairs: n_known sorted rows, then the ones without a value. */
static void sweep_numbers(struct sweep *w, size_t n_known, bool missing_left)
{
    const struct pair *p = w->pairs;
    double score;
    sweep_start(w);
    if (missing_left)
        for (size_t i = n_known; i < w->n; i++)
            sweep_move(w, p[i].i);
    for (size_t i = 0; i + 1 < n_known; i++) {
        sweep_move(w, p[i].i);
        if (p[i + 1].x <= p[i].x || !sweep_better(w, &score))
            continue;
        double middle = p[i].x / 2 + p[i + 1].x / 2;
        keep(w, score, middle < p[i + 1].x && middle >= p[i].x ? middle : p[i].x, missing_left);
    }
    if (missing_left || n_known == 0 || n_known == w->n)
        return;
    sweep_move(w, p[n_known - 1].i); /* those with a value against those without */
    if (sweep_better(w, &score))
        keep(w, score, INFINITY, false);
}

static void by_number(struct sweep *w, const struct tree_col *c, const uint32_t *pos)
{
    size_t known = 0, missing = w->n;
    for (size_t k = 0; k < w->n; k++) {
        double x = c->num[grow_row(w->g, pos[k])];
        if (x == x)
            w->pairs[known++] = (struct pair){x, pos[k]};
        else
            w->pairs[--missing] = (struct pair){x, pos[k]};
    }
    sort_pairs(w->pairs, known, w->spare);
    if (known == w->n && (known == 0 || w->pairs[known - 1].x <= w->pairs[0].x))
        return;
    sweep_numbers(w, known, false);
    if (known < w->n)
        sweep_numbers(w, known, true);
}

/* Levels in the order of `key` (W. D. Fisher 1958: for two classes or squared error one of these
 * cuts is the best of all subsets); rows of a level move together. pairs[k].x is the key of row k's
 * level, .i the position. */
static void sweep_levels(struct sweep *w, const struct tree_col *c, bool missing_left)
{
    const struct pair *p = w->pairs;
    double score;
    sweep_start(w);
    uint32_t words = (uint32_t)(c->n_levels + 63) / 64;
    own_mem uint64_t *bits = dh_zalloc(words, sizeof *bits);
    for (size_t i = 0; i < w->n; i++) {
        int32_t level = c->code[grow_row(w->g, p[i].i)];
        sweep_move(w, p[i].i);
        if (level >= 0)
            bits[level / 64] |= (uint64_t)1 << (level % 64);
        bool last = i + 1 == w->n || c->code[grow_row(w->g, p[i + 1].i)] != level;
        if (!last || !sweep_better(w, &score))
            continue;
        keep(w, score, 0, missing_left);
        w->best->cats = dh_alloc(words * sizeof *bits);
        memcpy(w->best->cats, bits, words * sizeof *bits);
        w->best->n_cat_words = words;
    }
}

/* Each level's key: the share of class `target` (or the mean) of its rows. */
static void by_level(struct sweep *w, const struct tree_col *c, const uint32_t *pos, size_t target)
{
    own_mem double *sum = dh_zalloc(c->n_levels + 1, sizeof *sum);
    own_mem double *weight = dh_zalloc(c->n_levels + 1, sizeof *weight);
    own_mem double *key = dh_zalloc(c->n_levels + 1, sizeof *key);
    own_mem struct pair *order = dh_zalloc(2 * c->n_levels + 2, sizeof *order);
    bool missing = false;
    size_t n = 0;
    for (size_t k = 0; k < w->n; k++) {
        int32_t level = c->code[grow_row(w->g, pos[k])];
        double wt = grow_weight(w->g, pos[k]);
        missing |= level < 0;
        weight[level + 1] += wt;
        sum[level + 1] +=
            wt * (w->g->regression ? w->g->s->y[pos[k]] : w->g->s->code[pos[k]] == (int32_t)target);
    }
    for (size_t l = 1; l <= c->n_levels; l++)
        if (weight[l] > 0)
            order[n++] = (struct pair){sum[l] / weight[l], (uint32_t)l};
    sort_pairs(order, n, order + n);
    for (size_t i = 0; i < n; i++)
        key[order[i].i] = (double)i + 1; /* ranks: two levels with one mean stay two */
    for (int side = 0; side <= (int)missing; side++) {
        key[0] = side ? -1 : (double)c->n_levels + 2;
        for (size_t k = 0; k < w->n; k++)
            w->pairs[k] = (struct pair){key[c->code[grow_row(w->g, pos[k])] + 1], pos[k]};
        sort_pairs(w->pairs, w->n, w->spare);
        sweep_levels(w, c, side);
    }
}

void tree_best_split(struct grow *g, size_t from, size_t to, const struct stats *all,
                     struct split *ret)
{
    *ret = (struct split){.feature = -1, .score = -INFINITY};
    size_t n = to - from;
    own_mem double *sums = dh_zalloc(2 * g->n_stats, sizeof *sums);
    own_mem struct pair *pairs = dh_alloc(2 * (n + 1) * sizeof *pairs);
    struct sweep w = {
        .g = g, .best = ret, .all = all, .n = n, .pairs = pairs, .spare = pairs + n + 1};
    w.left.sum = sums;
    w.right.sum = sums + g->n_stats;
    for (size_t f = 0; f < g->n_features; f++) {
        const struct tree_col *c = &g->cols[f];
        w.feature = (int32_t)f;
        if (c->num) {
            by_number(&w, c, g->pos + from);
            continue;
        }
        size_t targets = g->regression ? 1 : g->n_stats;
        for (size_t t = targets == 2 ? 1 : 0; t < targets; t++)
            by_level(&w, c, g->pos + from, t);
    }
}

bool split_goes_left(const struct split *sp, const struct tree_col *c, size_t row)
{
    if (!c->code) {
        double x = c->num[row];
        return x == x ? x <= sp->threshold : sp->missing_left;
    }
    int32_t level = c->code[row];
    return level < 0 ? sp->missing_left : sp->cats[level / 64] >> (level % 64) & 1;
}
