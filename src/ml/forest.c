/* forest - random forests: Breiman, "Random Forests" (2001). Each tree has its own seed, so that
 * the threads' number does not matter. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "ml/frame-priv.h"
#include "ml/hist.h"

struct forest {
    const struct ml_forest_options *o;
    const struct sample *s;
    struct ml_model *m;
    const struct tree_col *cols;
    const struct bins *bins;
    struct ml_tree_options tree;
    size_t n_try;
    double *importance; /* a tree's row each */
};

/* What a tree needs while it grows. Mapped, so that it goes back at once and the next tree's does
 * not come on top. */
struct room {
    double *weight;   /* of each row */
    uint32_t *pos;    /* the drawn rows, twice */
    uint64_t *packed; /* of each row, then of the drawn ones */
    size_t mapped[3];
};

static void room_done(struct room *room)
{
    column_release(room->weight, room->mapped[0]);
    column_release(room->pos, room->mapped[1]);
    column_release(room->packed, room->mapped[2]);
}

/* Draws n rows of n with replacement: how often each was drawn, times its weight, and in pos those
 * that were, with as much room again. Returns how many: two thirds, so room for all would be waste.
 */
static size_t draw(const struct forest *f, struct rng *rng, struct room *room)
{
    size_t n = f->s->n, drawn = 0, kept = 0;
    double *weight = room->weight = column_alloc(n * sizeof *weight, &room->mapped[0]);
    for (size_t i = 0; i < n; i++)
        weight[rng_below(rng, n)] += 1;
    for (size_t i = 0; i < n; i++)
        drawn += weight[i] > 0;
    uint32_t *pos = room->pos = column_alloc(2 * drawn * sizeof *pos, &room->mapped[1]);
    for (size_t i = 0; i < n; i++)
        if (weight[i] > 0)
            pos[kept++] = (uint32_t)i;
    for (size_t i = 0; f->s->weight && i < n; i++)
        weight[i] *= f->s->weight[i];
    return drawn;
}

static void grow_tree(void *ctx, size_t k, unsigned worker)
{
    struct forest *f = ctx;
    const struct sample *s = f->s;
    struct rng rng = rng_seed(s->task->seed * 1000003u + k);
    struct room room = {0};
    struct sample drawn = *s;
    (void)worker;
    size_t n = draw(f, &rng, &room);
    drawn.weight = room.weight;
    struct tree *t = &f->m->trees[k];
    t->n_out = f->m->regression ? 1 : f->m->n_classes;
    struct hist_grow g = {.base = {.o = &f->tree,
                                   .s = &drawn,
                                   .cols = f->cols,
                                   .n_features = f->m->n_inputs,
                                   .n_stats = f->m->regression ? 2 : f->m->n_classes,
                                   .regression = f->m->regression,
                                   .pos = room.pos,
                                   .spare = room.pos + n,
                                   .tree = t,
                                   .importance = f->importance + k * f->m->n_inputs},
                          .bins = f->bins,
                          .kind = HIST_STATS,
                          .n_cell = f->m->regression ? 2 : f->m->n_classes,
                          .max_leaves = f->tree.max_leaves,
                          .least_child = (double)f->tree.min_samples_leaf,
                          .least_gain = 1e-9,
                          .rng = &rng,
                          .n_try = f->n_try};
    if (!f->m->regression && f->m->n_classes == 2 && !s->weight) {
        room.packed = column_alloc((s->n + n) * sizeof *room.packed, &room.mapped[2]);
        for (size_t i = 0; i < s->n; i++) {
            uint64_t w = (uint64_t)room.weight[i];
            room.packed[i] = w << 32 | (s->code[i] ? w : 0);
        }
        g.kind = HIST_BINARY;
        g.packed = room.packed;
        g.ordered = room.packed + s->n;
        column_release(room.weight, room.mapped[0]); /* packed says it all */
        drawn.weight = room.weight = NULL;
        room.mapped[0] = 0;
    }
    hist_grow_tree(&g, n);
    free(g.leaf);
    room_done(&room);
}

static int forest_model(struct forest *f, struct dh_err *err)
{
    struct ml_model *m = f->m;
    const struct sample *s = f->s;
    struct tree_col *cols = NULL;
    size_t trees = f->o->trees ? f->o->trees : 100, p = m->n_inputs;
    if (tree_cols_make(m, s->task->frame, &cols, err) < 0)
        return -1;
    own(pool_free) struct pool *pool = pool_new(s->task->threads);
    own(bins_free) struct bins *bins = bins_make(s, cols, p, pool);
    own_mem double *importance = dh_zalloc(trees * p, sizeof *importance);
    size_t usual = m->regression ? (p + 2) / 3 : (size_t)(sqrt((double)p) + 0.5);
    f->n_try = f->o->max_features ? f->o->max_features : usual ? usual : 1;
    f->cols = cols;
    f->bins = bins;
    f->importance = importance;
    m->trees = dh_zalloc(trees, sizeof *m->trees);
    pool_run(pool, trees, grow_tree, f);
    m->n_trees = trees;
    for (size_t t = 1; t < trees; t++)
        for (size_t i = 0; i < p; i++)
            importance[i] += importance[t * p + i];
    model_say_trees(m, importance, s->n);
    tree_cols_free(m, cols);
    return 0;
}

int ml_train_forest(const struct ml_task *task, const struct ml_forest_options *options,
                    struct ml_model **ret, struct dh_err *err)
{
    own(ml_model_free) struct ml_model *m = NULL;
    struct ml_forest_options o = options ? *options : (struct ml_forest_options){0};
    struct sample s = {0};
    if (o.trees > 100000)
        return dh_fail(err, DH_INVALID, "a forest of %u trees: at most 100000", o.trees);
    struct prep_options prep = {0};
    int rc = sample_make(task, MODEL_FOREST, &s, &m, err);
    if (rc == 0)
        rc = prep_fit(&s, &prep, m, err);
    if (rc == 0) {
        struct forest f = {.o = &o, .s = &s, .m = m};
        f.tree = (struct ml_tree_options){.max_depth = o.max_depth,
                                          .max_leaves = o.max_leaves,
                                          .min_samples_leaf =
                                              o.min_samples_leaf ? o.min_samples_leaf : 1,
                                          .criterion = m->regression ? ML_SQUARED_ERROR : ML_GINI,
                                          .histogram = true};
        rc = forest_model(&f, err);
    }
    sample_done(&s);
    if (rc == 0)
        *ret = take(&m);
    return rc;
}
