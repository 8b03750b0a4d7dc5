#pragma once
/* tree-priv - growing one tree (inside src/ml only). */
#include "ml/model-priv.h"
#include "ml/pool.h"

enum { MAX_OUT = 1000 };

/* What is known of a set of rows: class weights, or weight, sum and sum of squares. */
struct stats {
    double weight;
    double *sum; /* n_out class weights; regression: sum[0] of y, sum[1] of y^2 */
};

struct split {
    int32_t feature; /* -1: none */
    double score;    /* the criterion's proxy: greater is better; comparable within a node */
    double threshold;
    bool missing_left;
    uint64_t *cats; /* NULL: by threshold */
    uint32_t n_cat_words;
};

struct grow {
    const struct ml_tree_options *o;
    const struct sample *s;
    const struct tree_col *cols;
    size_t n_features, n_stats; /* n_stats: how long stats.sum is */
    bool regression;
    uint32_t *pos; /* sample positions; each node has a range of them */
    uint32_t *spare;
    struct pool *pool;
    struct tree *tree;
    double importance_total;
    double *importance;
    void *scratch; /* tree-split.c's */
};

static inline size_t grow_row(const struct grow *g, uint32_t i)
{
    return g->s->rows ? g->s->rows[i] : i;
}

static inline double grow_weight(const struct grow *g, uint32_t i)
{
    return g->s->weight ? g->s->weight[i] : 1;
}

static inline void stats_add(const struct grow *g, struct stats *st, uint32_t i, double sign)
{
    double w = sign * grow_weight(g, i);
    st->weight += w;
    if (!g->regression) {
        st->sum[g->s->code[i]] += w;
        return;
    }
    double y = g->s->y[i];
    st->sum[0] += w * y;
    st->sum[1] += w * y * y;
}

/* A value and whose it is. */
struct pair {
    double x;
    uint32_t i;
};
/* By value; equal ones keep their order. What is in order already costs one look. spare: n. */
void sort_pairs(struct pair *v, size_t n, struct pair *spare);

double tree_impurity(const struct grow *g, const struct stats *st);
/* The part of the criterion that a split changes. */
double tree_proxy(const struct grow *g, const struct stats *left, const struct stats *right);

/* The best split of positions [from, to), whose statistics are `all`. Ties go to the first feature
 * and the smallest threshold. split.cats is malloc'ed. */
void tree_best_split(struct grow *g, size_t from, size_t to, const struct stats *all,
                     struct split *ret);
bool split_goes_left(const struct split *sp, const struct tree_col *c, size_t row);

/* Grows from the sample into `tree` (n_out set); importance: n_features, added to. */
void tree_grow(struct grow *g);
/* Cost-complexity pruning: Breiman et al., "Classification and Regression Trees" (1984), chapter 3.
 */
void tree_prune(struct tree *t, double alpha, double total_weight);
