/* tree - CART: Breiman, Friedman, Olshen, Stone, "Classification and Regression Trees" (1984). */
#include "ml/hist-priv.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

struct todo {
    int32_t node;
    size_t from, to;
    unsigned depth;
};

static void node_stats(const struct grow *g, size_t from, size_t to, struct stats *st)
{
    st->weight = 0;
    memset(st->sum, 0, g->n_stats * sizeof *st->sum);
    for (size_t k = from; k < to; k++)
        stats_add(g, st, g->pos[k], 1);
}

static void fill_node(struct grow *g, int32_t at, size_t n, const struct stats *st)
{
    struct node *node = &g->tree->nodes[at];
    double *value = g->tree->value + (size_t)at * g->tree->n_out;
    node->n = n;
    node->weight = st->weight;
    node->impurity = tree_impurity(g, st);
    if (g->regression)
        value[0] = st->weight > 0 ? st->sum[0] / st->weight : 0;
    else
        for (size_t c = 0; c < g->n_stats; c++)
            value[c] = st->weight > 0 ? st->sum[c] / st->weight : 0;
}

static void set_split(struct tree *t, int32_t at, const struct split *sp)
{
    struct node *node = &t->nodes[at];
    node->feature = sp->feature;
    node->threshold = sp->threshold;
    node->missing_left = sp->missing_left;
    node->n_cat_words = sp->n_cat_words;
    if (!sp->cats)
        return;
    node->cats = (uint32_t)t->n_cat_words;
    for (uint32_t i = 0; i < sp->n_cat_words; i++) {
        DH_GROW(t->cat_bits, t->n_cat_words, t->cap_cat_words);
        t->cat_bits[t->n_cat_words++] = sp->cats[i];
    }
}

/* Whether rows without a value were seen at this split: if not, they follow the greater part. */
static void settle_missing(struct grow *g, struct split *sp, size_t from, size_t middle, size_t to)
{
    const struct tree_col *c = &g->cols[sp->feature];
    for (size_t k = from; k < to; k++) {
        size_t r = grow_row(g, g->pos[k]);
        if (c->code ? c->code[r] < 0 : c->num[r] != c->num[r])
            return;
    }
    sp->missing_left = middle - from > to - middle;
}

static bool is_final(const struct grow *g, const struct todo *at)
{
    const struct ml_tree_options *o = g->o;
    size_t n = at->to - at->from;
    size_t least = o->min_samples_leaf ? o->min_samples_leaf : 1;
    return (o->max_depth && at->depth >= o->max_depth) ||
           n < (o->min_samples_split ? o->min_samples_split : 2) || n < 2 * least ||
           g->tree->nodes[at->node].impurity <= DBL_EPSILON;
}

/* Splits one node; *left, *right are what is left to do. False: it stays a leaf. */
static bool split_node(struct grow *g, const struct todo *at, struct stats *st, struct stats *child,
                       struct todo *left, struct todo *right)
{
    struct split sp;
    node_stats(g, at->from, at->to, st);
    tree_best_split(g, at->from, at->to, st, &sp);
    if (sp.feature < 0)
        return false;
    size_t middle = tree_partition(g, at->from, at->to, &sp);
    node_stats(g, at->from, middle, child);
    double weight_left = child->weight, impure_left = tree_impurity(g, child);
    node_stats(g, middle, at->to, child);
    double impure_right = tree_impurity(g, child);
    double impurity = g->tree->nodes[at->node].impurity;
    double gain =
        st->weight / g->s->total *
        (impurity - (weight_left * impure_left + child->weight * impure_right) / st->weight);
    if (gain + DBL_EPSILON < g->o->min_impurity_decrease) {
        free(sp.cats);
        return false;
    }
    settle_missing(g, &sp, at->from, middle, at->to);
    g->importance[sp.feature] += gain;
    *left = (struct todo){-1, at->from, middle, at->depth + 1};
    *right = (struct todo){-1, middle, at->to, at->depth + 1};
    set_split(g->tree, at->node, &sp);
    free(sp.cats);
    return true;
}

void tree_grow(struct grow *g)
{
    own_mem double *sums = dh_zalloc(2 * g->n_stats, sizeof *sums);
    struct stats st = {0, sums}, child = {0, sums + g->n_stats};
    own_mem struct todo *stack = NULL;
    size_t n = 0, cap = 0;
    DH_GROW(stack, n, cap);
    stack[n++] = (struct todo){tree_add(g->tree), 0, g->s->n, 0};
    while (n) {
        struct todo at = stack[--n], left, right;
        node_stats(g, at.from, at.to, &st);
        fill_node(g, at.node, at.to - at.from, &st);
        if (is_final(g, &at) || !split_node(g, &at, &st, &child, &left, &right)) {
            progress_tell(g->s->task, "row", at.to, g->s->n); /* leaves come from left to right */
            continue;
        }
        left.node = tree_add(g->tree);
        right.node = tree_add(g->tree);
        g->tree->nodes[at.node].left = left.node;
        g->tree->nodes[at.node].right = right.node;
        DH_GROW(stack, n, cap);
        stack[n++] = right;
        DH_GROW(stack, n, cap);
        stack[n++] = left;
    }
}

static int check_options(const struct ml_task *task, const struct ml_tree_options *o,
                         struct dh_err *err)
{
    if (task->regression != (o->criterion == ML_SQUARED_ERROR))
        return dh_fail(err, DH_INVALID,
                       task->regression ? "a regression tree's criterion is the squared error"
                                        : "a classification tree's criterion is gini or entropy");
    if (o->min_impurity_decrease < 0 || o->ccp_alpha < 0)
        return dh_fail(err, DH_INVALID, "min_impurity_decrease and ccp_alpha cannot be negative");
    return 0;
}

/* From how many rows on binning pays. */
enum { BINNED_FROM = 4000 };

static bool is_binned(const struct sample *s, const struct ml_tree_options *o,
                      const struct ml_model *m)
{
    if (o->histogram || o->max_leaves)
        return true;
    bool two = !m->regression && m->n_classes == 2 && !s->weight;
    for (size_t i = 0; i < m->n_inputs; i++)
        if (m->inputs[i].type == ML_CATEGORY) /* more levels than bins would not be exact */
            two = two && m->inputs[i].n_levels <= MAX_BINS;
    return two && s->n >= BINNED_FROM;
}

static void grow_binned(struct grow *base, size_t n_features, const struct ml_tree_options *o)
{
    const struct sample *s = base->s;
    own(bins_free) struct bins *bins = bins_make(s, base->cols, n_features, base->pool);
    own_mem uint64_t *packed = NULL;
    struct hist_grow g = {
        .base = *base,
        .bins = bins,
        .kind = HIST_STATS,
        .n_cell = base->regression ? 2 : s->n_classes,
        .exact = !o->histogram,
        .max_leaves = o->max_leaves,
        .least_child = o->min_samples_leaf ? (double)o->min_samples_leaf : 0,
        .least_gain = o->min_impurity_decrease > 0 ? o->min_impurity_decrease * s->total : -1e-9};
    if (!base->regression && s->n_classes == 2 && !s->weight) {
        packed = dh_alloc(2 * s->n * sizeof *packed);
        for (size_t i = 0; i < s->n; i++)
            packed[i] = (uint64_t)1 << 32 | (uint64_t)s->code[i];
        g.kind = HIST_BINARY;
        g.packed = packed;
        g.ordered = packed + s->n;
    } else {
        g.exact = false;
    }
    hist_grow_tree(&g, s->n);
    hist_grow_done(&g);
}

static int grow_model(const struct sample *s, const struct ml_tree_options *o, struct ml_model *m,
                      struct dh_err *err)
{
    struct tree_col *cols = NULL;
    if (tree_cols_make(m, s->task->frame, &cols, err) < 0)
        return -1;
    own(pool_free) struct pool *pool = pool_new(s->n < BINNED_FROM ? 1 : s->task->threads);
    m->n_trees = 1;
    m->trees = dh_zalloc(1, sizeof *m->trees);
    m->trees[0].n_out = m->regression ? 1 : m->n_classes;
    own_mem uint32_t *pos = dh_alloc(2 * s->n * sizeof *pos);
    own_mem double *importance = dh_zalloc(m->n_inputs, sizeof *importance);
    for (size_t i = 0; i < s->n; i++)
        pos[i] = (uint32_t)i;
    struct grow g = {.o = o,
                     .s = s,
                     .cols = cols,
                     .n_features = m->n_inputs,
                     .n_stats = m->regression ? 2 : m->n_classes,
                     .regression = m->regression,
                     .pos = pos,
                     .spare = pos + s->n,
                     .pool = pool,
                     .tree = &m->trees[0],
                     .importance = importance};
    if (is_binned(s, o, m))
        grow_binned(&g, m->n_inputs, o);
    else
        tree_grow(&g);
    if (o->ccp_alpha > 0)
        tree_prune(&m->trees[0], o->ccp_alpha, s->total);
    sample_unscale(s, m);
    model_say_trees(m, importance, s->n);
    tree_cols_free(m, cols);
    return 0;
}

int ml_train_tree(const struct ml_task *task, const struct ml_tree_options *options,
                  struct ml_model **ret, struct dh_err *err)
{
    own(ml_model_free) struct ml_model *m = NULL;
    struct ml_tree_options plain = {.criterion = task->regression ? ML_SQUARED_ERROR : ML_GINI};
    struct ml_tree_options o = options ? *options : plain;
    struct sample s = {0};
    if (check_options(task, &o, err) < 0)
        return -1;
    struct prep_options prep = {0};
    int rc = sample_make(task, MODEL_TREE, &s, &m, err);
    if (rc == 0)
        rc = prep_fit(&s, &prep, m, err);
    if (rc == 0) {
        o.min_impurity_decrease /= s.y_scale * s.y_scale;
        o.ccp_alpha /= s.y_scale * s.y_scale;
        rc = grow_model(&s, &o, m, err);
    }
    sample_done(&s);
    if (rc == 0)
        *ret = take(&m);
    return rc;
}
