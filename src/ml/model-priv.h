#pragma once
/* model-priv - what a model is made of, and how rows become its numbers (inside src/ml only). */
#include "base/js.h"
#include "dhow/ml.h"

enum model_kind { MODEL_LOGREG, MODEL_TREE, MODEL_FOREST, MODEL_BOOSTING };

/* A source column as the model knows it: everything that preparation learned from the training
 * rows. */
struct input {
    char *name;
    enum ml_type type;
    double impute;       /* what stands in for a missing number; NaN: missing stays missing */
    double mean, scale;  /* (x - mean) / scale; 0 and 1 where nothing is scaled */
    bool ordinal;        /* a category as one number, its level's index: then as a number above */
    int32_t impute_code; /* for a category in columns of 0 and 1; -1: missing is all zeros */
    char **levels;
    size_t n_levels;
};

struct node {
    int32_t feature;     /* index into inputs; -1: a leaf */
    int32_t left, right; /* indexes of nodes; greater than this node's own */
    bool missing_left;
    double threshold; /* x <= threshold goes left */
    uint32_t cats;    /* a category: its bits start at tree.cat_bits[cats]; a set bit goes left */
    uint32_t n_cat_words; /* 0: the split is by threshold */
    double impurity;
    double weight; /* sum of sample weights */
    uint64_t n;
};

struct tree {
    struct node *nodes;
    size_t n_nodes, cap;
    double *value; /* n_nodes x n_out: class shares, or one number */
    size_t n_out;
    uint64_t *cat_bits;
    size_t n_cat_words, cap_cat_words;
};

struct ml_model {
    enum model_kind kind;
    bool regression;
    char *target;
    char **classes;
    size_t n_classes;
    size_t positive;
    struct input *inputs;
    size_t n_inputs;
    /* logistic regression: n_out rows of coefficients over the design's columns, standardised */
    size_t n_out, n_design;
    double *coef, *intercept;
    /* trees */
    struct tree *trees;
    size_t n_trees;
    double base[32]; /* boosting: the score before the first tree, per class */
    struct js *training;
};

const char *model_kind_name(enum model_kind kind);
size_t model_n_p(const struct ml_model *m);       /* columns of ml_predict's answer */
size_t model_input_width(const struct input *in); /* columns of the linear models' matrix */

/* ---- rows for training: the task checked, its target and weights ---- */
struct sample {
    const struct ml_task *task;
    size_t n;             /* rows to learn from */
    const uint32_t *rows; /* NULL: row i is i */
    int32_t *code;        /* n class codes (classification) */
    double *y;            /* n values (regression): (value - y_shift) / y_scale, within [-1, 1] */
    double y_shift, y_scale;
    double *weight;   /* n weights, or NULL: all 1 */
    double total;     /* sum of weights */
    size_t *features; /* columns of the frame */
    size_t n_features;
    size_t n_classes;
};
/* Checks the task, makes the model's head (target, classes, positive) and the sample. */
int sample_make(const struct ml_task *task, enum model_kind kind, struct sample *s,
                struct ml_model **ret, struct dh_err *err);
void sample_done(struct sample *s);
/* What trees of a regression learned on s->y, in the target's own scale. */
void sample_unscale(const struct sample *s, struct ml_model *m);

/* ---- preparation ---- */
struct prep_options {
    bool impute, scale;
};
/* Learns inputs (impute values, means and scales, levels) from the sample's rows. Infinite values
 * and a feature without any value are DH_INVALID. */
int prep_fit(const struct sample *s, const struct prep_options *o, struct ml_model *m,
             struct dh_err *err);

/* The linear models' matrix, never stored: columns are made a tile of rows at a time. */
struct design_col {
    const double *num;
    const int32_t *code; /* one-hot of `level` */
    int32_t level;       /* in the frame's codes; -2: a level that these rows do not have */
    bool impute_hit;     /* missing counts as this level */
    double impute, mean, inv;
};
/* to[0 … n - 1]: the column's rows from `from` on. */
typedef void design_numbers(const struct design_col *c, size_t from, size_t n, double *to);
design_numbers design_numbers_portable, design_numbers_avx2, design_numbers_avx512;

struct design {
    size_t n_rows, n_cols;
    design_numbers *numbers;
    const uint32_t *rows;
    struct design_col *cols;
    double **ranks; /* of ordinal inputs */
    size_t n_ranks;
};
/* Finds the model's inputs in the frame by name. */
int design_make(const struct ml_model *m, const struct ml_frame *f, const uint32_t *rows,
                size_t n_rows, struct design *ret, struct dh_err *err);
void design_done(struct design *d);
/* For an ordinal input: each row's level as its index in the model, NaN where it has none that the
 * model knows. malloc'ed. */
double *category_ranks(const struct input *in, const struct ml_column *col, size_t n_rows);
/* Rows from … from + n into tile[c * ld + i]. */
void design_tile(const struct design *d, size_t from, size_t n, double *tile, size_t ld);

/* ---- trees: columns of the frame for each input ---- */
struct tree_col {
    const double *num;
    const int32_t
        *code; /* in the model's levels; made, freed by tree_cols_free; NULL for numbers */
    size_t n_levels;
};
int tree_cols_make(const struct ml_model *m, const struct ml_frame *f, struct tree_col **ret,
                   struct dh_err *err);
void tree_cols_free(const struct ml_model *m, struct tree_col *cols);
size_t tree_leaf(const struct tree *t, const struct tree_col *cols, size_t row);
int32_t tree_add(struct tree *t);            /* a new leaf */
struct tree tree_copy(const struct tree *t); /* with no room for more nodes */
void tree_done(struct tree *t);
/* Makes m->training: how large the trees are and what each input gained. */
void model_say_trees(struct ml_model *m, const double *importance, size_t rows);

static inline void progress_tell(const struct ml_task *task, const char *what, size_t done,
                                 size_t all)
{
    if (task->progress)
        task->progress->fn(task->progress->user, what, done, all);
}
