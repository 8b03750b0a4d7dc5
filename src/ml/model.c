#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "ml/frame-priv.h"
#include "ml/model-priv.h"
#include "ml/pool.h"

enum { PREDICT_ROWS = 4096, PREDICT_TILE = 128 };

const char *model_kind_name(enum model_kind kind)
{
    static const char *const names[] = {"logistic-regression", "decision-tree", "random-forest",
                                        "gradient-boosting"};
    return names[kind];
}

struct ml_model *ml_model_free(struct ml_model *m)
{
    if (!m)
        return NULL;
    for (size_t i = 0; i < m->n_classes; i++)
        free(m->classes[i]);
    for (size_t i = 0; i < m->n_inputs; i++) {
        for (size_t l = 0; l < m->inputs[i].n_levels; l++)
            free(m->inputs[i].levels[l]);
        free(m->inputs[i].levels);
        free(m->inputs[i].name);
    }
    for (size_t i = 0; i < m->n_trees; i++)
        tree_done(&m->trees[i]);
    free(m->trees);
    free(m->classes);
    free(m->inputs);
    free(m->coef);
    free(m->intercept);
    free(m->target);
    js_free(m->training);
    free(m);
    return NULL;
}

const char *ml_model_kind(const struct ml_model *m)
{
    return model_kind_name(m->kind);
}

size_t ml_model_n_classes(const struct ml_model *m)
{
    return m->n_classes;
}

const char *ml_model_class(const struct ml_model *m, size_t i)
{
    return m->classes[i];
}

size_t ml_model_positive(const struct ml_model *m)
{
    return m->positive;
}

bool ml_model_is_regression(const struct ml_model *m)
{
    return m->regression;
}

const char *ml_model_target(const struct ml_model *m)
{
    return m->target;
}

const struct js *ml_model_training(const struct ml_model *m)
{
    return m->training;
}

size_t ml_model_n_inputs(const struct ml_model *m)
{
    return m->n_inputs;
}

struct ml_csv_type ml_model_input(const struct ml_model *m, size_t i)
{
    return (struct ml_csv_type){m->inputs[i].name, m->inputs[i].type};
}

size_t model_input_width(const struct input *in)
{
    return in->type == ML_CATEGORY && !in->ordinal ? in->n_levels : 1;
}

size_t model_n_p(const struct ml_model *m)
{
    return m->regression ? 1 : m->n_classes;
}

/* ---- prediction ---- */

struct predict {
    const struct ml_model *m;
    const uint32_t *rows;
    size_t n;
    struct design design;
    struct tree_col *cols;
    double *p;
};

static void sigmoid_or_softmax(const struct ml_model *m, double *score, double *p)
{
    if (m->n_out == 1) {
        double e = exp(-fabs(score[0]));
        double near = 1 / (1 + e), far = e / (1 + e);
        p[1] = score[0] >= 0 ? near : far;
        p[0] = score[0] >= 0 ? far : near;
        return;
    }
    double top = score[0], sum = 0;
    for (size_t c = 1; c < m->n_out; c++)
        top = score[c] > top ? score[c] : top;
    for (size_t c = 0; c < m->n_out; c++)
        sum += p[c] = exp(score[c] - top);
    for (size_t c = 0; c < m->n_out; c++)
        p[c] /= sum;
}

static void predict_linear(const struct predict *q, size_t from, size_t to)
{
    const struct ml_model *m = q->m;
    own_mem double *tile = dh_alloc((m->n_design * PREDICT_TILE + 1) * sizeof *tile);
    own_mem double *score = dh_alloc(m->n_out * PREDICT_TILE * sizeof *score);
    for (size_t at = from; at < to; at += PREDICT_TILE) {
        size_t n = to - at < PREDICT_TILE ? to - at : PREDICT_TILE;
        design_tile(&q->design, at, n, tile, PREDICT_TILE);
        for (size_t c = 0; c < m->n_out; c++) {
            for (size_t i = 0; i < n; i++)
                score[i * m->n_out + c] = m->intercept[c];
            for (size_t j = 0; j < m->n_design; j++)
                for (size_t i = 0; i < n; i++)
                    score[i * m->n_out + c] +=
                        tile[j * PREDICT_TILE + i] * m->coef[c * m->n_design + j];
        }
        for (size_t i = 0; i < n; i++)
            sigmoid_or_softmax(m, score + i * m->n_out, q->p + (at + i) * m->n_classes);
    }
}

/* A tree at a time over all rows of a piece: the tree and the rows' values stay in the cache. */
static void predict_trees(const struct predict *q, size_t from, size_t to)
{
    const struct ml_model *m = q->m;
    const size_t k = model_n_p(m);
    memset(q->p + from * k, 0, (to - from) * k * sizeof *q->p);
    for (size_t t = 0; t < m->n_trees; t++)
        for (size_t i = from; i < to; i++) {
            size_t leaf = tree_leaf(&m->trees[t], q->cols, q->rows ? q->rows[i] : i);
            for (size_t c = 0; c < k; c++)
                q->p[i * k + c] += m->trees[t].value[leaf * k + c];
        }
    for (size_t i = from * k; i < to * k; i++)
        q->p[i] /= (double)m->n_trees; /* at the end: the mean of ones is 1, not a little more */
}

/* Scores add up over the trees; tree t speaks of output t modulo n_out. */
static void predict_boosting(const struct predict *q, size_t from, size_t to)
{
    const struct ml_model *m = q->m;
    const size_t k = m->n_out;
    own_mem double *score = dh_alloc((to - from) * k * sizeof *score);
    for (size_t i = 0; i < to - from; i++)
        memcpy(score + i * k, m->base, k * sizeof *score);
    for (size_t t = 0; t < m->n_trees; t++)
        for (size_t i = from; i < to; i++)
            score[(i - from) * k + t % k] +=
                m->trees[t].value[tree_leaf(&m->trees[t], q->cols, q->rows ? q->rows[i] : i)];
    for (size_t i = from; i < to; i++) {
        if (m->regression)
            q->p[i] = score[i - from];
        else
            sigmoid_or_softmax(m, score + (i - from) * k, q->p + i * m->n_classes);
    }
}

static void predict_piece(void *ctx, size_t piece, unsigned worker)
{
    const struct predict *q = ctx;
    size_t from = piece * PREDICT_ROWS;
    size_t to = from + PREDICT_ROWS < q->n ? from + PREDICT_ROWS : q->n;
    (void)worker;
    if (q->m->kind == MODEL_LOGREG)
        predict_linear(q, from, to);
    else if (q->m->kind == MODEL_BOOSTING)
        predict_boosting(q, from, to);
    else
        predict_trees(q, from, to);
}

static int check_finite(const struct ml_model *m, const struct ml_frame *f, struct dh_err *err)
{
    for (size_t i = 0; i < m->n_inputs; i++) {
        const struct ml_column *col = &f->cols[ml_frame_find(f, m->inputs[i].name)];
        for (size_t r = 0; col->num && r < f->n_rows; r++)
            if (isinf(col->num[r]))
                return dh_fail(err, DH_INVALID, "column '%s' is infinite in data row %zu",
                               col->name, r + 1);
    }
    return 0;
}

int ml_predict(const struct ml_model *m, const struct ml_frame *f, const uint32_t *rows,
               size_t n_rows, unsigned threads, double **ret_p, struct dh_err *err)
{
    struct predict q = {.m = m, .rows = rows, .n = rows ? n_rows : f->n_rows};
    int rc = m->kind == MODEL_LOGREG ? design_make(m, f, rows, n_rows, &q.design, err)
                                     : tree_cols_make(m, f, &q.cols, err);
    if (rc == 0)
        rc = check_finite(m, f, err);
    if (rc == 0) {
        own(pool_free) struct pool *pool = pool_new(q.n <= PREDICT_ROWS ? 1 : threads);
        q.p = dh_alloc((q.n * model_n_p(m) + 1) * sizeof *q.p);
        pool_run(pool, (q.n + PREDICT_ROWS - 1) / PREDICT_ROWS, predict_piece, &q);
        *ret_p = q.p;
    }
    design_done(&q.design);
    tree_cols_free(m, q.cols);
    return rc;
}

/* ---- the target of other rows, in this model's classes ---- */

static int32_t class_index(const struct ml_model *m, const char *name)
{
    for (size_t i = 0; i < m->n_classes; i++)
        if (strcmp(m->classes[i], name) == 0)
            return (int32_t)i;
    return -1;
}

int ml_target_codes(const struct ml_model *m, const struct ml_frame *f, int32_t **ret,
                    struct dh_err *err)
{
    own(ml_classes_free) struct ml_classes *k = NULL;
    int64_t column = ml_frame_find(f, m->target);
    if (column < 0)
        return dh_fail(err, DH_INVALID, "the data lack the label column '%s'", m->target);
    if (ml_classes_of(f, (size_t)column, &k, err) < 0)
        return -1;
    own_mem int32_t *code = dh_alloc((f->n_rows + 1) * sizeof *code);
    own_mem int32_t *to = dh_alloc((k->n + 1) * sizeof *to);
    for (size_t i = 0; i < k->n; i++) {
        to[i] = class_index(m, k->name[i]);
        if (to[i] < 0)
            return dh_fail(err, DH_INVALID, "'%s' in column '%s' is no class of the model",
                           k->name[i], m->target);
    }
    for (size_t i = 0; i < f->n_rows; i++)
        code[i] = to[k->code[i]];
    *ret = take(&code);
    return 0;
}
