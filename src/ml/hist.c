#include "ml/hist-priv.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

enum { SLAB = 65536, SMALL = 512 };

/* ---- partition ---- */

struct slab {
    size_t from, to, n_left;
};

struct partition {
    struct grow *g;
    const struct split *sp;
    size_t base;
    struct slab *slab;
};

static void part_slab(void *ctx, size_t k, unsigned worker)
{
    struct partition *p = ctx;
    struct slab *s = &p->slab[k];
    uint32_t *left = p->g->pos + s->from, *right = p->g->spare + (s->from - p->base);
    const struct tree_col *c = &p->g->cols[p->sp->feature];
    const double *num = p->g->s->rows ? NULL : c->num, threshold = p->sp->threshold;
    const bool missing_left = p->sp->missing_left;
    (void)worker;
    for (size_t i = s->from; num && i < s->to; i++) {
        uint32_t at = p->g->pos[i];
        double x = num[at];
        bool goes_left =
            missing_left ? !(x > threshold) : x <= threshold; /* NaN: no comparison holds */
        *left = at;
        *right = at;
        left += goes_left;
        right += !goes_left;
    }
    for (size_t i = s->from; !num && i < s->to; i++) {
        uint32_t at = p->g->pos[i];
        bool goes_left = split_goes_left(p->sp, c, grow_row(p->g, at));
        *left = at; /* both are written, one of them counts: no branch to mispredict */
        *right = at;
        left += goes_left;
        right += !goes_left;
    }
    s->n_left = (size_t)(left - (p->g->pos + s->from));
}

size_t tree_partition(struct grow *g, size_t from, size_t to, const struct split *sp)
{
    size_t n = (to - from + SLAB - 1) / SLAB, left = from;
    struct slab one;
    own_mem struct slab *many = n > 1 ? dh_alloc(n * sizeof *many) : NULL;
    struct partition p = {g, sp, from, many ? many : &one};
    for (size_t k = 0; k < n; k++)
        p.slab[k] = (struct slab){from + k * SLAB,
                                  from + (k + 1) * SLAB < to ? from + (k + 1) * SLAB : to, 0};
    if (n > 1 && g->pool)
        pool_run(g->pool, n, part_slab, &p);
    else
        for (size_t k = 0; k < n; k++)
            part_slab(&p, k, 0);
    for (size_t k = 0; k < n; k++) {
        memmove(g->pos + left, g->pos + p.slab[k].from, p.slab[k].n_left * sizeof *g->pos);
        left += p.slab[k].n_left;
    }
    size_t right = left;
    for (size_t k = 0; k < n; k++) {
        size_t count = p.slab[k].to - p.slab[k].from - p.slab[k].n_left;
        memcpy(g->pos + right, g->spare + (p.slab[k].from - from), count * sizeof *g->pos);
        right += count;
    }
    return left;
}

/* ---- histograms ---- */

struct count {
    struct hist_grow *g;
    const struct hist_node *node;
    void *hist;
    size_t n_slabs;
    uint64_t *part; /* one histogram of a block for each slab, where there is more than one */
};

static size_t hist_cells(const struct hist_grow *g)
{
    return (g->tried ? g->n_try : g->bins->n_blocks * BLOCK) * BIN_CODES;
}

static size_t hist_bytes(const struct hist_grow *g)
{
    return hist_cells(g) * 8 * (g->kind == HIST_STATS ? g->n_cell : 1);
}

static void count_packed(const uint64_t *block, const uint32_t *pos, size_t n,
                         const uint64_t *value, uint64_t *hist)
{
    for (size_t k = 0; k < n; k++) {
        if (k + 16 < n)
            __builtin_prefetch(&block[pos[k + 16]]);
        uint64_t codes = block[pos[k]], v = value[k];
        hist[codes & 255] += v;
        hist[256 + (codes >> 8 & 255)] += v;
        hist[512 + (codes >> 16 & 255)] += v;
        hist[768 + (codes >> 24 & 255)] += v;
        hist[1024 + (codes >> 32 & 255)] += v;
        hist[1280 + (codes >> 40 & 255)] += v;
        hist[1536 + (codes >> 48 & 255)] += v;
        hist[1792 + (codes >> 56)] += v;
    }
}

static inline void add_stats(const struct grow *b, uint32_t i, double w, double *cell)
{
    if (b->regression) {
        cell[0] += w * b->s->y[i];
        cell[1] += w;
    } else {
        cell[b->s->code[i]] += w;
    }
}

static void count_stats(const struct hist_grow *g, const uint64_t *block, size_t from, size_t to,
                        double *hist)
{
    const struct grow *b = &g->base;
    const size_t n = g->n_cell;
    for (size_t k = from; k < to; k++) {
        uint32_t i = b->pos[k];
        uint64_t codes = block[i];
        double w = grow_weight(b, i);
        for (size_t f = 0; f < BLOCK; f++, codes >>= 8)
            add_stats(b, i, w, hist + (f * BIN_CODES + (codes & 255)) * n);
    }
}

static void count_block(void *ctx, size_t piece, unsigned worker)
{
    struct count *c = ctx;
    struct hist_grow *g = c->g;
    size_t block = piece / c->n_slabs, slab = piece % c->n_slabs;
    size_t n = c->node->to - c->node->from;
    size_t from = n * slab / c->n_slabs, to = n * (slab + 1) / c->n_slabs;
    (void)worker;
    if (g->kind == HIST_STATS) {
        count_stats(g, g->bins->block[block], c->node->from + from, c->node->from + to,
                    (double *)c->hist + block * BLOCK * BIN_CODES * g->n_cell);
        return;
    }
    uint64_t *to_hist = slab == 0
                            ? (uint64_t *)c->hist + block * BLOCK * BIN_CODES
                            : c->part + (block * (c->n_slabs - 1) + slab - 1) * BLOCK * BIN_CODES;
    count_packed(g->bins->block[block], g->base.pos + c->node->from + from, to - from,
                 g->ordered + from, to_hist);
}

struct order {
    struct hist_grow *g;
    size_t from, n;
};

static void order_slab(void *ctx, size_t slab, unsigned worker)
{
    struct order *o = ctx;
    size_t to = (slab + 1) * SLAB < o->n ? (slab + 1) * SLAB : o->n;
    (void)worker;
    for (size_t k = slab * SLAB; k < to; k++)
        o->g->ordered[k] = o->g->packed[o->g->base.pos[o->from + k]];
}

static void run(const struct hist_grow *g, size_t work, size_t n,
                void (*fn)(void *, size_t, unsigned), void *ctx)
{
    if (g->base.pool && work >= 8192)
        pool_run(g->base.pool, n, fn, ctx);
    else
        for (size_t i = 0; i < n; i++)
            fn(ctx, i, 0);
}

/* g->ordered: the node's packed values, in the order of its rows. */
static void order_rows(struct hist_grow *g, const struct hist_node *node)
{
    size_t n = node->to - node->from;
    struct order o = {g, node->from, n};
    if (g->kind != HIST_STATS)
        run(g, n, (n + SLAB - 1) / SLAB, order_slab, &o);
}

/* Sums are of whole numbers where slabs are used, so that their order does not matter. */
static void make_hist(struct hist_grow *g, struct hist_node *node)
{
    size_t n = node->to - node->from, blocks = g->bins->n_blocks;
    unsigned threads = g->base.pool ? pool_threads(g->base.pool) : 1;
    struct count c = {.g = g, .node = node, .n_slabs = 1};
    own_mem uint64_t *part = NULL;
    if (g->kind != HIST_STATS && blocks % threads && n >= SLAB)
        c.n_slabs = threads;
    if (c.n_slabs > 1)
        c.part = part = dh_zalloc(blocks * (c.n_slabs - 1) * BLOCK * BIN_CODES, sizeof *part);
    node->hist = c.hist = dh_zalloc(1, hist_bytes(g));
    order_rows(g, node);
    run(g, n, blocks * c.n_slabs, count_block, &c);
    for (size_t b = 0; b < blocks; b++)
        for (size_t s = 1; s < c.n_slabs; s++) {
            uint64_t *to = (uint64_t *)c.hist + b * BLOCK * BIN_CODES;
            const uint64_t *from = part + (b * (c.n_slabs - 1) + s - 1) * BLOCK * BIN_CODES;
            for (size_t i = 0; i < BLOCK * BIN_CODES; i++)
                to[i] += from[i];
        }
}

/* parent -= child */
static void subtract(const struct hist_grow *g, void *parent, const void *child)
{
    size_t n = hist_cells(g) * (g->kind == HIST_STATS ? g->n_cell : 1);
    if (g->kind == HIST_STATS) {
        double *a = parent;
        const double *b = child;
        for (size_t i = 0; i < n; i++)
            a[i] = fabs(a[i] - b[i]) > 1e-11 * fabs(a[i]) ? a[i] - b[i] : 0;
        return;
    }
    uint64_t *a = parent;
    const uint64_t *b = child;
    for (size_t i = 0; i < n; i++)
        a[i] -= b[i];
}

/* ---- the features that one node tries ---- */

/* n_try features by chance, in rising order. */
static void choose_features(struct hist_grow *g)
{
    size_t n = g->bins->n_features, taken = 0;
    for (size_t f = 0; taken < g->n_try; f++)
        if (rng_below(g->rng, n - f) < g->n_try - taken)
            g->tried[taken++] = f;
}

static void row_sums(const struct hist_grow *g, struct hist_node *node)
{
    uint64_t sum = 0;
    for (size_t k = 0; k < node->to - node->from; k++) {
        uint32_t i = g->base.pos[node->from + k];
        if (g->kind == HIST_STATS)
            add_stats(&g->base, i, grow_weight(&g->base, i), node->all);
        else
            sum += g->ordered[k];
    }
    if (g->kind != HIST_STATS)
        cell_values(g, &sum, 0, node->all);
}

/* Far apart as the rows of a deep node are, each code is a wait for memory: the lines of rows to
 * come are asked for in time. */
static void count_tried(struct hist_grow *g, struct hist_node *node)
{
    enum { AHEAD = 24 };
    const uint32_t *pos = g->base.pos + node->from;
    const uint64_t *ordered = g->kind != HIST_STATS ? g->ordered : NULL;
    const size_t n = node->to - node->from, n_cell = g->n_cell;
    choose_features(g);
    node->hist = memset(g->tried_hist, 0, hist_bytes(g));
    for (size_t t = 0; t < g->n_try; t++) {
        const unsigned char *code = bin_codes(g->bins, g->tried[t]);
        uint64_t *packed = (uint64_t *)node->hist + t * BIN_CODES;
        double *cells = (double *)node->hist + t * BIN_CODES * n_cell;
        for (size_t k = 0; k < n; k++) {
            __builtin_prefetch(&code[pos[k + AHEAD < n ? k + AHEAD : k] * BLOCK]);
            size_t cell = code[pos[k] * BLOCK];
            if (ordered)
                packed[cell] += ordered[k];
            else
                add_stats(&g->base, pos[k], grow_weight(&g->base, pos[k]), cells + cell * n_cell);
        }
    }
}

/* ---- growing ---- */

/* Any feature's cells add up to the node; before there are any, its rows do. */
static void node_sums(const struct hist_grow *g, struct hist_node *node)
{
    own_mem double *cell = dh_zalloc(g->n_cell, sizeof *cell);
    node->all = dh_zalloc(g->n_cell, sizeof *node->all);
    if (!node->hist) {
        row_sums(g, node);
        return;
    }
    for (unsigned b = 0; b < BIN_CODES; b++) {
        cell_values(g, node->hist, b, cell);
        for (size_t s = 0; s < g->n_cell; s++)
            node->all[s] += cell[s];
    }
}

static void fill_node(struct hist_grow *g, const struct hist_node *node)
{
    struct tree *t = g->base.tree;
    struct node *to = &t->nodes[node->node];
    double *value = t->value + (size_t)node->node * t->n_out, w = hist_weight(g, node->all);
    to->n = node->to - node->from;
    to->weight = w;
    if (hist_is_sum(g)) {
        value[0] = w > 0 ? node->all[0] / (w + g->lambda) : 0;
        return;
    }
    struct stats st = {w, node->all};
    to->impurity = tree_impurity(&g->base, &st);
    for (size_t s = 0; s < g->n_cell; s++)
        value[s] = w > 0 ? node->all[s] / w : 0;
}

static void choose(struct hist_grow *g, struct hist_node *node)
{
    const struct ml_tree_options *o = g->base.o;
    size_t n = node->to - node->from, least = o->min_samples_leaf ? o->min_samples_leaf : 1;
    node->split = (struct split){.feature = -1};
    node->gain = -INFINITY;
    bool pure = !hist_is_sum(g) && g->base.tree->nodes[node->node].impurity <= DBL_EPSILON;
    if ((o->max_depth && node->depth >= o->max_depth) || pure || n < 2 * least ||
        n < (o->min_samples_split ? o->min_samples_split : 2))
        return;
    if (g->tried)
        count_tried(g, node);
    own_mem double *bound =
        g->exact ? dh_alloc(2 * g->bins->n_features * BIN_CODES * sizeof *bound) : NULL;
    hist_best_split(g, node, bound);
    if (g->exact && (node->split.feature >= 0 || n >= 2))
        hist_look_inside(g, node, bound);
    if (node->split.feature >= 0 && !(node->gain > g->least_gain)) {
        free(node->split.cats);
        node->split = (struct split){.feature = -1};
    }
}

static void open_node(struct hist_grow *g, struct hist_node *node)
{
    if (g->tried)
        order_rows(g, node);
    node_sums(g, node);
    fill_node(g, node);
    choose(g, node);
    if (g->tried)
        node->hist = NULL; /* the next node's */
}

static void close_node(struct hist_grow *g, struct hist_node *node)
{
    DH_GROW(g->leaf, g->n_leaves, g->cap_leaves);
    g->leaf[g->n_leaves++] = (struct hist_leaf){node->node, node->from, node->to};
    free(node->hist);
    free(node->all);
    free(node->split.cats);
}

static void write_split(struct hist_grow *g, struct hist_node *node, int32_t left, int32_t right)
{
    struct tree *t = g->base.tree;
    struct node *to = &t->nodes[node->node];
    const struct split *sp = &node->split;
    to->feature = sp->feature;
    to->threshold = sp->threshold;
    to->left = left;
    to->right = right;
    to->missing_left = sp->missing_left;
    to->n_cat_words = sp->n_cat_words;
    to->cats = (uint32_t)t->n_cat_words;
    for (uint32_t i = 0; sp->cats && i < sp->n_cat_words; i++) {
        DH_GROW(t->cat_bits, t->n_cat_words, t->cap_cat_words);
        t->cat_bits[t->n_cat_words++] = sp->cats[i];
    }
    g->base.importance[sp->feature] += node->gain;
}

static bool smaller(const struct hist_node *a, const struct hist_node *b)
{
    return a->to - a->from <= b->to - b->from;
}

/* The node's histogram becomes the larger child's. */
static void share_hist(struct hist_grow *g, const struct hist_node *node, struct hist_node *left,
                       struct hist_node *right)
{
    struct hist_node *small = smaller(left, right) ? left : right;
    struct hist_node *large = small == left ? right : left;
    make_hist(g, small);
    subtract(g, node->hist, small->hist);
    large->hist = node->hist;
}

static void split_node(struct hist_grow *g, struct hist_node *node, struct hist_node *left,
                       struct hist_node *right)
{
    size_t middle = tree_partition(&g->base, node->from, node->to, &node->split);
    const struct bin_feature *f = &g->bins->feature[node->split.feature];
    if (!f->has_missing)
        node->split.missing_left = middle - node->from > node->to - middle;
    int32_t a = tree_add(g->base.tree), b = tree_add(g->base.tree);
    write_split(g, node, a, b);
    *left =
        (struct hist_node){.node = a, .from = node->from, .to = middle, .depth = node->depth + 1};
    *right =
        (struct hist_node){.node = b, .from = middle, .to = node->to, .depth = node->depth + 1};
    if (!g->tried)
        share_hist(g, node, left, right);
    free(node->all);
    free(node->split.cats);
    open_node(g, left);
    open_node(g, right);
}

static void open_add(struct hist_grow *g, struct hist_node *node)
{
    if (node->split.feature < 0) {
        close_node(g, node);
        return;
    }
    DH_GROW(g->open, g->n_open, g->cap_open);
    g->open[g->n_open++] = *node;
}

/* The one of most gain where leaves are bounded, else the last. */
static struct hist_node open_take(struct hist_grow *g)
{
    size_t at = g->n_open - 1;
    for (size_t k = 0; g->max_leaves && k < g->n_open; k++)
        at = g->open[k].gain > g->open[at].gain ? k : at;
    struct hist_node node = g->open[at];
    g->open[at] = g->open[--g->n_open];
    return node;
}

void hist_grow_tree(struct hist_grow *g, size_t n)
{
    if (g->n_try && g->n_try < g->bins->n_features && !g->tried) {
        g->tried = dh_alloc(g->n_try * sizeof *g->tried);
        g->tried_hist = dh_alloc(hist_bytes(g));
    }
    struct hist_node root = {.node = tree_add(g->base.tree), .from = 0, .to = n};
    g->n_leaves = 0;
    if (!g->tried)
        make_hist(g, &root);
    open_node(g, &root);
    open_add(g, &root);
    while (g->n_open) {
        struct hist_node node = open_take(g), left, right;
        if (g->max_leaves && g->n_leaves + g->n_open + 1 >= g->max_leaves) {
            close_node(g, &node);
            continue;
        }
        split_node(g, &node, &left, &right);
        bool left_small = smaller(&left, &right);
        open_add(g, left_small ? &right : &left);
        open_add(g, left_small ? &left : &right);
    }
}

void hist_grow_done(struct hist_grow *g)
{
    free(g->leaf);
    free(g->open);
    free(g->tried);
    free(g->tried_hist);
}
