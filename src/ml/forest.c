/* forest - random forests: Breiman, "Random Forests" (2001). Each tree has its own seed, so that
 * the threads' number does not matter. */
#include <math.h>
#include <stdatomic.h>
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
    struct room *rooms; /* one a thread */
    double *importance; /* a tree's row each */
    size_t n_trees;
    _Atomic size_t n_grown;
};

/* What a thread's trees grow in, one after the other: what they leave on the heap is themselves. */
struct room {
    uint64_t *packed; /* of each row; then, two classes without weights, of the drawn ones */
    double *weight;   /* of each row, else */
    uint32_t *pos;    /* the drawn rows, twice */
    size_t mapped[3];
    struct sample drawn;
    struct tree tree;
    struct hist_grow g;
};

static void room_make(const struct forest *f, struct room *room)
{
    const struct sample *s = f->s;
    const struct ml_model *m = f->m;
    bool binary = !m->regression && m->n_classes == 2 && !s->weight;
    room->packed = column_alloc((binary ? 2 : 1) * s->n * sizeof *room->packed, &room->mapped[0]);
    if (!binary)
        room->weight = column_alloc(s->n * sizeof *room->weight, &room->mapped[1]);
    room->pos = column_alloc(2 * s->n * sizeof *room->pos, &room->mapped[2]);
    room->drawn = *s;
    room->drawn.weight = room->weight;
    room->tree.n_out = m->regression ? 1 : m->n_classes;
    room->g = (struct hist_grow){.base = {.o = &f->tree,
                                          .s = &room->drawn,
                                          .cols = f->cols,
                                          .n_features = m->n_inputs,
                                          .n_stats = m->regression ? 2 : m->n_classes,
                                          .regression = m->regression,
                                          .pos = room->pos,
                                          .tree = &room->tree},
                                 .bins = f->bins,
                                 .kind = binary ? HIST_BINARY : HIST_STATS,
                                 .n_cell = m->regression ? 2 : m->n_classes,
                                 .packed = room->packed,
                                 .ordered = room->packed + s->n,
                                 .max_leaves = f->tree.max_leaves,
                                 .least_child = (double)f->tree.min_samples_leaf,
                                 .least_gain = 1e-9,
                                 .n_try = f->n_try};
}

static void room_done(struct room *room)
{
    column_release(room->packed, room->mapped[0]);
    column_release(room->weight, room->mapped[1]);
    column_release(room->pos, room->mapped[2]);
    tree_done(&room->tree);
    hist_grow_done(&room->g);
}

/* Draws n rows of n with replacement; room->pos: those that were. Returns how many. */
static size_t draw(const struct sample *s, struct room *room, struct rng *rng)
{
    uint64_t *times = room->packed;
    size_t drawn = 0;
    memset(times, 0, s->n * sizeof *times);
    for (size_t i = 0; i < s->n; i++)
        times[rng_below(rng, s->n)]++;
    for (size_t i = 0; i < s->n; i++) {
        room->pos[drawn] = (uint32_t)i;
        drawn += times[i] > 0;
    }
    for (size_t i = 0; room->weight && i < s->n; i++)
        room->weight[i] = (double)times[i] * (s->weight ? s->weight[i] : 1);
    for (size_t i = 0; !room->weight && i < s->n; i++)
        times[i] = times[i] << 32 | (s->code[i] ? times[i] : 0);
    return drawn;
}

static void grow_tree(void *ctx, size_t k, unsigned worker)
{
    struct forest *f = ctx;
    struct room *room = &f->rooms[worker];
    struct rng rng = rng_seed(f->s->task->seed * 1000003u + k);
    if (!room->pos)
        room_make(f, room);
    size_t n = draw(f->s, room, &rng);
    room->tree.n_nodes = room->tree.n_cat_words = 0;
    room->g.rng = &rng;
    room->g.base.spare = room->pos + n;
    room->g.base.importance = f->importance + k * f->m->n_inputs;
    hist_grow_tree(&room->g, n);
    f->m->trees[k] = tree_copy(&room->tree);
    progress_tell(f->s->task, "tree", atomic_fetch_add(&f->n_grown, 1) + 1, f->n_trees);
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
    own_mem struct room *rooms = dh_zalloc(pool_threads(pool), sizeof *rooms);
    f->rooms = rooms;
    m->trees = dh_zalloc(trees, sizeof *m->trees);
    f->n_trees = trees;
    pool_run(pool, trees, grow_tree, f);
    m->n_trees = trees;
    for (unsigned w = 0; w < pool_threads(pool); w++)
        room_done(&rooms[w]);
    for (size_t t = 1; t < trees; t++)
        for (size_t i = 0; i < p; i++)
            importance[i] += importance[t * p + i];
    sample_unscale(s, m);
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
