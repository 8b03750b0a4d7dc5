/* boost - gradient-boosted trees: Friedman, "Greedy Function Approximation" (2001), with
 * second-order leaves; gradients quantised for the histograms as in Shi et al., "Quantized Training
 * of Gradient Boosting Decision Trees" (2022); the leaves' values come from the unquantised ones.
 */
#include "ml/boost-priv.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "ml/cpu.h"
#include "ml/frame-priv.h"
#include "ml/hist.h"

enum { SLAB = 32768, MAX_BOOST_CLASSES = 32 };

struct boost {
    const struct ml_boost_options *o;
    const struct sample *s;
    struct ml_model *m;
    struct pool *pool;
    struct bins *bins;
    size_t n_out;
    double *score;  /* n_out x n */
    float *target;  /* n_out x n: 0 or 1; regression: unused */
    double *margin; /* n: the class's log odds where there are more than two */
    float *gradient, *hessian;
    uint64_t *packed;
    struct boost_rows rows;
    boost_kernel *kernel;
    /* one tree */
    size_t out;
    struct tree *tree;
    struct hist_grow *g;
    double rate;
};

static boost_kernel *best_kernel(void)
{
#if CPU_X86
    if (cpu_level() == CPU_AVX512)
        return boost_kernel_avx512;
    if (cpu_level() == CPU_AVX2)
        return boost_kernel_avx2;
#endif
    return boost_kernel_portable;
}

/* Softmax as one class against the rest: its score less the log of the others' sum. */
static void class_margin(struct boost *b, size_t from, size_t to)
{
    size_t n = b->s->n;
    for (size_t i = from; i < to; i++) {
        double top = -INFINITY, sum = 0;
        for (size_t c = 0; c < b->n_out; c++)
            if (c != b->out && b->score[c * n + i] > top)
                top = b->score[c * n + i];
        for (size_t c = 0; c < b->n_out; c++)
            if (c != b->out)
                sum += exp(b->score[c * n + i] - top);
        b->margin[i] = b->score[b->out * n + i] - top - log(sum);
    }
}

static void squared_gradient(struct boost *b, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        double w = b->s->weight ? b->s->weight[i] : 1, g = w * (b->s->y[i] - b->score[i]);
        b->gradient[i] = (float)g;
        b->hessian[i] = (float)w;
    }
}

static void gradient_slab(void *ctx, size_t slab, unsigned worker)
{
    struct boost *b = ctx;
    size_t from = slab * SLAB, to = from + SLAB < b->s->n ? from + SLAB : b->s->n;
    (void)worker;
    if (b->m->regression) {
        squared_gradient(b, from, to);
        return;
    }
    if (b->n_out > 1)
        class_margin(b, from, to);
    b->kernel(&b->rows, from, to);
}

static void value_leaf(void *ctx, size_t k, unsigned worker)
{
    struct boost *b = ctx;
    const struct hist_leaf *leaf = &b->g->leaf[k];
    const uint32_t *pos = b->g->base.pos;
    double gradient = 0, hessian = 0, *score = b->score + b->out * b->s->n;
    (void)worker;
    for (size_t i = leaf->from; i < leaf->to; i++) {
        gradient += (double)b->gradient[pos[i]];
        hessian += (double)b->hessian[pos[i]];
    }
    double step = hessian + b->o->l2 > 1e-12 ? b->rate * gradient / (hessian + b->o->l2) : 0;
    b->tree->value[leaf->node] = step;
    for (size_t i = leaf->from; i < leaf->to; i++)
        score[pos[i]] += step;
}

static void grow_one(struct boost *b, struct hist_grow *g, unsigned round)
{
    size_t n = b->s->n;
    b->rows = (struct boost_rows){b->n_out > 1 ? b->margin : b->score,
                                  b->target + b->out * n,
                                  b->s->weight,
                                  b->gradient,
                                  b->hessian,
                                  b->packed,
                                  b->rows.gradient_unit,
                                  b->rows.hessian_unit,
                                  round};
    pool_run(b->pool, (n + SLAB - 1) / SLAB, gradient_slab, b);
    for (size_t i = 0; i < n; i++)
        g->base.pos[i] = (uint32_t)i;
    hist_grow_tree(g, n);
    pool_run(b->pool, g->n_leaves, value_leaf, b);
}

static void start_scores(struct boost *b)
{
    const struct sample *s = b->s;
    double weight = 0, sum[MAX_BOOST_CLASSES] = {0};
    for (size_t i = 0; i < s->n; i++) {
        double w = s->weight ? s->weight[i] : 1;
        weight += w;
        sum[b->m->regression ? 0 : (size_t)s->code[i]] += b->m->regression ? w * s->y[i] : w;
    }
    for (size_t c = 0; c < b->n_out; c++) {
        double share = sum[b->n_out == 1 && !b->m->regression ? 1 : c] / weight;
        b->m->base[c] = b->m->regression ? share
                        : b->n_out == 1  ? log(share / (1 - share))
                                         : log(share);
        for (size_t i = 0; i < s->n; i++) {
            b->score[c * s->n + i] = b->m->base[c];
            if (!b->m->regression)
                b->target[c * s->n + i] = s->code[i] == (int32_t)(b->n_out == 1 ? 1 : c);
        }
    }
}

/* Quanta as fine as 32-bit sums of all rows allow. */
static void choose_units(struct boost *b)
{
    double most = 1;
    for (size_t i = 0; b->s->weight && i < b->s->n; i++)
        most = b->s->weight[i] > most ? b->s->weight[i] : most;
    int bits = 30;
    for (size_t n = b->s->n; n; n /= 2)
        bits--;
    bits = bits > 15 ? 15 : bits < 1 ? 1 : bits;
    b->rows.gradient_unit = (float)(ldexp(1, bits) / most);
    b->rows.hessian_unit = (float)(ldexp(4, bits) / most);
}

static void set_up(struct boost *b, struct hist_grow *g, const struct ml_tree_options *o)
{
    g->base.o = o;
    g->bins = b->bins;
    g->n_cell = 2;
    g->max_leaves = o->max_leaves;
    if (b->m->regression) {
        g->kind = HIST_STATS;
        g->lambda = b->o->l2;
        g->least_child = (double)o->min_samples_leaf;
        return;
    }
    choose_units(b);
    g->kind = HIST_GRADIENT;
    g->packed = b->packed;
    g->lambda = b->o->l2 * (double)b->rows.hessian_unit;
    g->least_child = 1e-3 * (double)b->rows.hessian_unit;
}

static void run_rounds(struct boost *b, struct grow *base)
{
    const size_t n = b->s->n;
    struct ml_tree_options o = {.max_depth = b->o->max_depth,
                                .max_leaves = b->o->max_leaves ? b->o->max_leaves : 31,
                                .min_samples_leaf =
                                    b->o->min_samples_leaf ? b->o->min_samples_leaf : 20,
                                .criterion = ML_SQUARED_ERROR,
                                .histogram = true};
    struct sample residual = *b->s;
    own_mem double *y = b->m->regression ? dh_alloc(n * sizeof *y) : NULL;
    own_mem uint64_t *ordered = dh_alloc(n * sizeof *ordered);
    struct hist_grow g = {.base = *base, .ordered = ordered};
    set_up(b, &g, &o);
    g.least_gain = 1e-9;
    b->g = &g;
    for (unsigned round = 0; round < b->o->rounds; round++) {
        for (b->out = 0; b->out < b->n_out; b->out++) {
            b->tree = &b->m->trees[b->m->n_trees++];
            b->tree->n_out = 1;
            g.base.tree = b->tree;
            if (b->m->regression) {
                for (size_t i = 0; i < n; i++)
                    y[i] = b->s->y[i] - b->score[i];
                residual.y = y;
                g.base.s = &residual;
            }
            grow_one(b, &g, round * (unsigned)b->n_out + (unsigned)b->out);
        }
        progress_tell(b->s->task, "round", round + 1, b->o->rounds);
    }
    hist_grow_done(&g);
}

static int boost_model(struct boost *b, struct dh_err *err)
{
    struct ml_model *m = b->m;
    const struct sample *s = b->s;
    struct tree_col *cols = NULL;
    if (tree_cols_make(m, s->task->frame, &cols, err) < 0)
        return -1;
    own(pool_free) struct pool *pool = pool_new(s->n < 4096 ? 1 : s->task->threads);
    own(bins_free) struct bins *bins = bins_make(s, cols, m->n_inputs, pool);
    own_mem double *score = dh_alloc(b->n_out * s->n * sizeof *score);
    own_mem float *target = dh_alloc((b->n_out + 2) * s->n * sizeof *target);
    own_mem double *margin = b->n_out > 1 ? dh_alloc(s->n * sizeof *margin) : NULL;
    own_mem uint64_t *packed = dh_alloc(s->n * sizeof *packed);
    own_mem uint32_t *pos = dh_alloc(2 * s->n * sizeof *pos);
    own_mem double *importance = dh_zalloc(m->n_inputs, sizeof *importance);
    b->pool = pool, b->bins = bins, b->score = score, b->target = target, b->margin = margin,
    b->packed = packed;
    b->gradient = target + b->n_out * s->n, b->hessian = b->gradient + s->n;
    b->kernel = best_kernel();
    m->n_out = b->n_out;
    m->trees = dh_zalloc(b->o->rounds * b->n_out, sizeof *m->trees);
    struct grow base = {.s = s,
                        .cols = cols,
                        .n_features = m->n_inputs,
                        .n_stats = 2,
                        .regression = m->regression,
                        .pos = pos,
                        .spare = pos + s->n,
                        .pool = pool,
                        .importance = importance};
    start_scores(b);
    run_rounds(b, &base);
    sample_unscale(s, m);
    model_say_trees(m, importance, s->n);
    js_set(m->training, "rounds", js_int(b->o->rounds));
    js_set(m->training, "learning_rate", js_real(b->rate));
    tree_cols_free(m, cols);
    return 0;
}

int ml_train_boosting(const struct ml_task *task, const struct ml_boost_options *options,
                      struct ml_model **ret, struct dh_err *err)
{
    own(ml_model_free) struct ml_model *m = NULL;
    struct ml_boost_options o = options ? *options : (struct ml_boost_options){0};
    struct sample s = {0};
    o.rounds = o.rounds ? o.rounds : 100;
    struct boost b = {.o = &o, .s = &s, .rate = o.learning_rate > 0 ? o.learning_rate : 0.1};
    if (o.rounds > 100000 || o.l2 < 0 || o.learning_rate < 0)
        return dh_fail(err, DH_INVALID,
                       "boosting needs 1 to 100000 rounds, and no negative rate or l2");
    struct prep_options prep = {0};
    int rc = sample_make(task, MODEL_BOOSTING, &s, &m, err);
    if (rc == 0 && s.n_classes > MAX_BOOST_CLASSES)
        rc = dh_fail(err, DH_INVALID, "boosting takes at most %d classes; '%s' has %zu",
                     MAX_BOOST_CLASSES, task->target, s.n_classes);
    if (rc == 0)
        rc = prep_fit(&s, &prep, m, err);
    if (rc == 0) {
        b.m = m;
        b.n_out = m->regression || m->n_classes == 2 ? 1 : m->n_classes;
        rc = boost_model(&b, err);
    }
    sample_done(&s);
    if (rc == 0)
        *ret = take(&m);
    return rc;
}
