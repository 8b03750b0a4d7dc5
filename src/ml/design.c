/* design - the model's inputs found in a table, and its rows made into a matrix, a tile at a time.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "ml/cpu.h"
#include "ml/model-priv.h"

static int find_input(const struct input *in, const struct ml_frame *f,
                      const struct ml_column **ret, struct dh_err *err)
{
    int64_t c = ml_frame_find(f, in->name);
    if (c < 0)
        return dh_fail(err, DH_INVALID,
                       "the data lack the column '%s' that the model was trained on", in->name);
    *ret = &f->cols[c];
    bool text = in->type == ML_CATEGORY;
    if (text == ((*ret)->type == ML_CATEGORY))
        return 0;
    if (!text && (*ret)->n_missing == f->n_rows)
        return 0;
    return dh_fail(err, DH_INVALID,
                   "column '%s' is of type %s here; the model was trained on type %s", in->name,
                   ml_type_name((*ret)->type), ml_type_name(in->type));
}

static int32_t level_of(const struct ml_column *col, const char *level)
{
    size_t low = 0, high = col->n_levels;
    while (low < high) {
        size_t mid = (low + high) / 2;
        int order = strcmp(col->levels[mid], level);
        if (order == 0)
            return (int32_t)mid;
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return -2;
}

static design_numbers *best_numbers(void)
{
#if CPU_X86
    if (cpu_level() == CPU_AVX512)
        return design_numbers_avx512;
    if (cpu_level() == CPU_AVX2)
        return design_numbers_avx2;
#endif
    return design_numbers_portable;
}

int design_make(const struct ml_model *m, const struct ml_frame *f, const uint32_t *rows,
                size_t n_rows, struct design *ret, struct dh_err *err)
{
    size_t at = 0;
    *ret = (struct design){.n_rows = rows ? n_rows : f->n_rows,
                           .n_cols = m->n_design,
                           .rows = rows,
                           .numbers = best_numbers()};
    ret->cols = dh_zalloc(m->n_design + 1, sizeof *ret->cols);
    ret->ranks = dh_zalloc(m->n_inputs + 1, sizeof *ret->ranks);
    for (size_t i = 0; i < m->n_inputs; i++) {
        const struct input *in = &m->inputs[i];
        const struct ml_column *col = NULL;
        if (find_input(in, f, &col, err) < 0) {
            design_done(ret);
            return -1;
        }
        if (in->type != ML_CATEGORY || in->ordinal) {
            const double *num = col->num;
            if (in->ordinal)
                num = ret->ranks[ret->n_ranks++] = category_ranks(in, col, f->n_rows);
            ret->cols[at++] = (struct design_col){
                .num = num, .impute = in->impute, .mean = in->mean, .inv = 1 / in->scale};
            continue;
        }
        for (size_t l = 0; l < in->n_levels; l++)
            ret->cols[at++] = (struct design_col){.code = col->code,
                                                  .level = level_of(col, in->levels[l]),
                                                  .impute_hit = in->impute_code == (int32_t)l};
    }
    return 0;
}

void design_done(struct design *d)
{
    for (size_t i = 0; i < d->n_ranks; i++)
        free(d->ranks[i]);
    free(d->ranks);
    free(d->cols);
    d->cols = NULL;
    d->ranks = NULL;
    d->n_ranks = 0;
}

static void picked_numbers(const struct design_col *c, const uint32_t *rows, size_t n, double *to)
{
    const double mean = c->mean, inv = c->inv, impute = c->impute;
    for (size_t i = 0; i < n; i++) {
        double x = c->num[rows[i]];
        to[i] = ((x == x ? x : impute) - mean) * inv;
    }
}

void design_tile(const struct design *d, size_t from, size_t n, double *tile, size_t ld)
{
    for (size_t j = 0; j < d->n_cols; j++) {
        const struct design_col *c = &d->cols[j];
        double *to = tile + j * ld;
        if (c->num && d->rows)
            picked_numbers(c, d->rows + from, n, to);
        else if (c->num)
            d->numbers(c, from, n, to);
        if (c->num)
            continue;
        for (size_t i = 0; i < n; i++) {
            int32_t code = c->code[d->rows ? d->rows[from + i] : from + i];
            to[i] = code == c->level || (code < 0 && c->impute_hit);
        }
    }
}

/* ---- levels of the frame as the model's ---- */

static int32_t *codes_for(const struct input *in, const struct ml_column *col, size_t n_rows)
{
    own_mem int32_t *to = dh_alloc((col->n_levels + 1) * sizeof *to);
    int32_t *code = dh_alloc((n_rows + 1) * sizeof *code);
    for (size_t i = 0; i < col->n_levels; i++)
        to[i] = -1; /* a level unknown to the model is as good as missing */
    for (size_t l = 0; l < in->n_levels; l++) {
        int32_t here = level_of(col, in->levels[l]);
        if (here >= 0)
            to[here] = (int32_t)l;
    }
    for (size_t r = 0; r < n_rows; r++)
        code[r] = col->code[r] < 0 ? -1 : to[col->code[r]];
    return code;
}

double *category_ranks(const struct input *in, const struct ml_column *col, size_t n_rows)
{
    own_mem int32_t *code = codes_for(in, col, n_rows);
    double *rank = dh_alloc((n_rows + 1) * sizeof *rank);
    for (size_t r = 0; r < n_rows; r++)
        rank[r] = code[r] < 0 ? (double)NAN : (double)code[r];
    return rank;
}

/* ---- trees ---- */

int tree_cols_make(const struct ml_model *m, const struct ml_frame *f, struct tree_col **ret,
                   struct dh_err *err)
{
    struct tree_col *cols = dh_zalloc(m->n_inputs + 1, sizeof *cols);
    for (size_t i = 0; i < m->n_inputs; i++) {
        const struct ml_column *col = NULL;
        if (find_input(&m->inputs[i], f, &col, err) < 0) {
            tree_cols_free(m, cols);
            return -1;
        }
        if (m->inputs[i].type == ML_CATEGORY) {
            cols[i].code = codes_for(&m->inputs[i], col, f->n_rows);
            cols[i].n_levels = m->inputs[i].n_levels;
        } else {
            cols[i].num = col->num;
        }
    }
    *ret = cols;
    return 0;
}

void tree_cols_free(const struct ml_model *m, struct tree_col *cols)
{
    for (size_t i = 0; cols && i < m->n_inputs; i++)
        free((void *)(uintptr_t)cols[i].code);
    free(cols);
}

size_t tree_leaf(const struct tree *t, const struct tree_col *cols, size_t row)
{
    size_t at = 0;
    while (t->nodes[at].feature >= 0) {
        const struct node *n = &t->nodes[at];
        const struct tree_col *c = &cols[n->feature];
        bool left;
        if (c->code) {
            int32_t code = c->code[row];
            uint32_t word = (uint32_t)code / 64;
            left = code < 0 || word >= n->n_cat_words
                       ? n->missing_left
                       : t->cat_bits[n->cats + word] >> ((uint32_t)code % 64) & 1;
        } else {
            double x = c->num[row];
            left = x == x ? x <= n->threshold : n->missing_left;
        }
        at = (size_t)(left ? n->left : n->right);
    }
    return at;
}

int32_t tree_add(struct tree *t)
{
    if (t->n_nodes >= t->cap) {
        t->cap = t->cap ? t->cap * 2 : 64;
        t->nodes = dh_realloc(t->nodes, t->cap, sizeof *t->nodes);
        t->value = dh_realloc(t->value, t->cap * t->n_out, sizeof *t->value);
    }
    t->nodes[t->n_nodes] = (struct node){.feature = -1, .left = -1, .right = -1};
    memset(t->value + t->n_nodes * t->n_out, 0, t->n_out * sizeof *t->value);
    return (int32_t)t->n_nodes++;
}

static void *copy_of(const void *p, size_t bytes)
{
    return bytes ? memcpy(dh_alloc(bytes), p, bytes) : NULL;
}

struct tree tree_copy(const struct tree *t)
{
    struct tree copy = *t;
    copy.cap = t->n_nodes;
    copy.cap_cat_words = t->n_cat_words;
    copy.nodes = copy_of(t->nodes, t->n_nodes * sizeof *t->nodes);
    copy.value = copy_of(t->value, t->n_nodes * t->n_out * sizeof *t->value);
    copy.cat_bits = copy_of(t->cat_bits, t->n_cat_words * sizeof *t->cat_bits);
    return copy;
}

void tree_done(struct tree *t)
{
    free(t->nodes);
    free(t->value);
    free(t->cat_bits);
    *t = (struct tree){0};
}

static unsigned depth_of(const struct tree *t, int32_t at)
{
    if (t->nodes[at].feature < 0)
        return 0;
    unsigned a = depth_of(t, t->nodes[at].left), b = depth_of(t, t->nodes[at].right);
    return 1 + (a > b ? a : b);
}

void model_say_trees(struct ml_model *m, const double *importance, size_t rows)
{
    double total = 0;
    size_t nodes = 0;
    unsigned depth = 0;
    struct js *shares = js_object();
    for (size_t t = 0; t < m->n_trees; t++) {
        unsigned d = depth_of(&m->trees[t], 0);
        depth = d > depth ? d : depth;
        nodes += m->trees[t].n_nodes;
    }
    for (size_t f = 0; f < m->n_inputs; f++)
        total += importance[f];
    for (size_t f = 0; f < m->n_inputs; f++)
        js_set(shares, m->inputs[f].name, js_real(total > 0 ? importance[f] / total : 0));
    m->training = js_object();
    js_set(m->training, "trees", js_int((int64_t)m->n_trees));
    js_set(m->training, "nodes", js_int((int64_t)nodes));
    js_set(m->training, "depth", js_int(depth));
    js_set(m->training, "rows", js_int((int64_t)rows));
    js_set(m->training, "importance", shares);
}
