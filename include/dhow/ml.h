#pragma once
/* ml - tables and models: read a CSV, split it, train, evaluate, keep and exchange the model.
 *
 * A library of its own: it knows nothing of pipelines, prints nothing and keeps no global state
 * beyond read-only tables. Every call is deterministic: the same input and seed give the same
 * bytes, whatever the number of threads. Numbers are IEEE doubles; a missing one is NaN.
 *
 * Calls return 0, or -1 with `err` filled: DH_INVALID (the data or an option is wrong; the message
 * names file, line, column or the option), DH_NOT_FOUND, DH_IO. What a call returns by `ret` is
 * the caller's and goes back through the matching _free. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/own.h"

struct js;

/* ---- tables ---------------------------------------------------------------------------------- */

enum ml_type {
    ML_NUMBER,   /* num */
    ML_BOOL,     /* num: 0 or 1 */
    ML_DATE,     /* num: seconds since 1970 UTC */
    ML_CATEGORY, /* code: index into levels, -1 where missing; levels in byte order */
};

/* One column. Arrays start on a 64-byte boundary. Read it, do not change it. */
struct ml_column {
    char *name;
    enum ml_type type;
    double *num;
    int32_t *code;
    char **levels;
    size_t n_levels;
    size_t n_missing;
    size_t mapped; /* bytes mapped for the array; 0: it is from the heap */
};

struct ml_frame {
    size_t n_rows, n_cols;
    struct ml_column *cols;
    uint64_t *row_at;      /* with keep_rows: n_rows + 1 byte offsets; row i's text is [row_at[i],
                              row_at[i + 1]) */
    uint64_t header_bytes; /* with keep_rows: the length of the text before the first row */
};

struct ml_frame *ml_frame_free(struct ml_frame *frame);
OWN_DEFINE(struct ml_frame *, ml_frame_free)
/* The index of the column of that name, or -1. */
int64_t ml_frame_find(const struct ml_frame *frame, const char *name);
const char *ml_type_name(enum ml_type type);

struct ml_csv_type {
    const char *name; /* a column's name */
    enum ml_type type;
};

/* All zero is what most files want: comma, double quotes, a header, types inferred. */
struct ml_csv_options {
    char delimiter; /* 0: ',' */
    bool no_header; /* columns are then called column_1, column_2, … */
    bool keep_rows; /* fill row_at (only where the bytes are given plain) */
    const char *const
        *missing; /* NULL-ended texts that mean "missing"; NULL: "", NA, N/A, NaN, null, None, … */
    const struct ml_csv_type *types; /* columns whose type is said rather than inferred */
    size_t n_types;
    bool types_may_lack; /* a type of a column that is not there is no error */
    unsigned threads;    /* 0: as many as there are cores */
    const char *name;    /* how messages call the input; NULL: the path */
};

/* Reads a CSV file (RFC 4180; also CRLF, a byte order mark, blank lines; gzip or zstd by its first
 * bytes). Every type is inferred over the whole file. A row with too few or too many fields, a
 * stray quote or a quote that never ends is DH_INVALID with line and column. */
int ml_csv_read(const char *path, const struct ml_csv_options *options, struct ml_frame **ret,
                struct dh_err *err);
int ml_csv_parse(const char *bytes, size_t n, const struct ml_csv_options *options,
                 struct ml_frame **ret, struct dh_err *err);
/* The bytes of a gzip or zstd stream, or NULL in *ret where `bytes` is neither. At most `max` bytes
 * come out, else DH_INVALID. *ret is malloc'ed. */
int ml_decompress(const char *bytes, size_t n, size_t max, char **ret, size_t *ret_n,
                  struct dh_err *err);

/* ---- splitting ------------------------------------------------------------------------------- */

/* The classes of a column: distinct values in order; `code[i]` is row i's. A row without a value
 * is DH_INVALID, as is a column with more than 1,000 classes. */
struct ml_classes {
    size_t n;
    char **name;
    int32_t *code;
    size_t n_rows;
};
int ml_classes_of(const struct ml_frame *frame, size_t column, struct ml_classes **ret,
                  struct dh_err *err);
struct ml_classes *ml_classes_free(struct ml_classes *classes);
OWN_DEFINE(struct ml_classes *, ml_classes_free)

/* fold[i] = 1 for the ceil(test_size * n) rows of the test set, 0 for the others; each class keeps
 * its share (largest remainder). `code` may be NULL: not stratified. */
int ml_split(const int32_t *code, size_t n_classes, size_t n, double test_size, uint64_t seed,
             uint8_t *fold, struct dh_err *err);
/* fold[i] in 0 … k-1, stratified likewise; fold sizes differ by one at most per class. */
int ml_folds(const int32_t *code, size_t n_classes, size_t n, unsigned k, uint64_t seed,
             uint8_t *fold, struct dh_err *err);

/* ---- models ---------------------------------------------------------------------------------- */

struct ml_model;

struct ml_model *ml_model_free(struct ml_model *model);
OWN_DEFINE(struct ml_model *, ml_model_free)

enum ml_impute { ML_IMPUTE_MEAN, ML_IMPUTE_MEDIAN, ML_IMPUTE_MOST_FREQUENT, ML_IMPUTE_NONE };

/* How a linear model sees a category: a column of 0 and 1 for each level, or one with the level's
 * place in byte order. Trees split the levels into two sets and need neither. */
enum ml_encode { ML_ONE_HOT, ML_ORDINAL };

struct ml_class_weight {
    const char *name; /* a class */
    double weight;    /* above 0 */
};

/* Hears how far learning is: after each tree, round, iteration or trial, of `all` at most, or how
 * many rows are in their leaves. Called from any of its threads, several at a time: it must be
 * quick. */
struct ml_progress {
    void (*fn)(void *user, const char *what, size_t done, size_t all); /* "tree", 12, 100 */
    void *user;
};

/* What to learn from: all columns but target, weight and `drop` are features. */
struct ml_task {
    const struct ml_frame *frame;
    const char *target;
    const char
        *positive;      /* of two classes, the one that scores speak of; NULL: the last in order */
    const char *weight; /* a column of sample weights; NULL: all 1 */
    const char *const *drop; /* NULL-ended; NULL: none */
    const uint32_t *rows;    /* the rows to learn from, rising; NULL: all */
    size_t n_rows;           /* of `rows` */
    bool balanced;           /* classes weigh n / (k * n_class), as scikit-learn's "balanced" */
    const struct ml_class_weight *class_weights; /* those not named weigh 1 */
    size_t n_class_weights;
    bool regression; /* the target is a number to predict, not a class */
    enum ml_impute impute;
    enum ml_encode encode;
    unsigned threads; /* 0: as many as there are cores */
    uint64_t seed;
    const struct ml_progress *progress; /* NULL: nobody wants to know */
};

enum ml_penalty { ML_L2, ML_L1, ML_ELASTIC_NET, ML_NO_PENALTY };
enum ml_solver { ML_SOLVER_AUTO, ML_NEWTON, ML_LBFGS, ML_COORDINATE };

/* min_w  sum_i s_i log(1 + exp(-y_i (x_i w + b))) * C + (1 - r)/2 |w|^2 + r |w|_1 on standardised
 * features; the intercept b is not penalised. */
struct ml_logreg_options {
    double c; /* 0: 1.0 */
    enum ml_penalty penalty;
    double l1_ratio; /* r, for ML_ELASTIC_NET */
    enum ml_solver solver;
    bool no_intercept;
    bool no_scale;
    unsigned max_iter; /* 0: 200 */
    double tol;        /* on the largest gradient element over the sum of weights; 0: 1e-10 */
};
int ml_train_logreg(const struct ml_task *task, const struct ml_logreg_options *options,
                    struct ml_model **ret, struct dh_err *err);

enum ml_criterion { ML_GINI, ML_ENTROPY, ML_SQUARED_ERROR };

struct ml_tree_options {
    unsigned max_depth; /* 0: no bound */
    enum ml_criterion criterion;
    size_t min_samples_split; /* 0: 2 */
    size_t min_samples_leaf;  /* 0: 1 */
    double min_impurity_decrease;
    double ccp_alpha;    /* cost-complexity pruning; 0: none */
    bool histogram;      /* splits at 255 quantiles instead of exactly */
    unsigned max_leaves; /* 0: no bound; else best first */
};
int ml_train_tree(const struct ml_task *task, const struct ml_tree_options *options,
                  struct ml_model **ret, struct dh_err *err);

struct ml_forest_options {
    unsigned trees; /* 0: 100 */
    unsigned max_depth;
    unsigned max_leaves;
    size_t min_samples_leaf;
    size_t
        max_features; /* tried at each split; 0: the square root of all (a third for regression) */
};
/* Random forest (Breiman 2001): trees on bootstrap samples, histogram splits. */
int ml_train_forest(const struct ml_task *task, const struct ml_forest_options *options,
                    struct ml_model **ret, struct dh_err *err);

struct ml_boost_options {
    unsigned rounds;         /* 0: 100 */
    double learning_rate;    /* 0: 0.1 */
    unsigned max_leaves;     /* 0: 31 */
    unsigned max_depth;      /* 0: no bound */
    size_t min_samples_leaf; /* 0: 20 */
    double l2;
};
/* Gradient-boosted trees (Friedman 2001) with the logistic, softmax or squared loss. */
int ml_train_boosting(const struct ml_task *task, const struct ml_boost_options *options,
                      struct ml_model **ret, struct dh_err *err);

/* "logistic-regression", "decision-tree", … */
const char *ml_model_kind(const struct ml_model *model);
size_t ml_model_n_classes(const struct ml_model *model);
const char *ml_model_class(const struct ml_model *model, size_t i);
size_t ml_model_positive(
    const struct ml_model *model); /* index of the class that binary scores speak of */
bool ml_model_is_regression(const struct ml_model *model);
const char *ml_model_target(const struct ml_model *model);
/* A column that the model reads, with the type that it was trained on; borrowed. What holds texts
 * must be read as ML_CATEGORY also from a file where it happens to look like numbers. */
size_t ml_model_n_inputs(const struct ml_model *model);
struct ml_csv_type ml_model_input(const struct ml_model *model, size_t i);
/* What training reports: iterations, gradient norm, objective, nodes, depth, …; borrowed. */
const struct js *ml_model_training(const struct ml_model *model);

/* The readable form, and back. Whatever the file holds, reading gives a sound model or DH_INVALID.
 */
int ml_model_write_json(const struct ml_model *model, const char *path, struct dh_err *err);
/* ONNX (ai.onnx 17, ai.onnx.ml 3), preparation included: one input [N, 1] a column, double (NaN:
 * missing) or string ("": missing); outputs `label` and `probabilities`, or `value`. */
int ml_model_write_onnx(const struct ml_model *model, const char *path, struct dh_err *err);
int ml_model_read_json(const char *path, struct ml_model **ret, struct dh_err *err);
int ml_model_parse_json(const char *text, size_t n, struct ml_model **ret, struct dh_err *err);

/* p[i * k + c]: the probability of class c in row i (regression: k = 1, the value). Columns are
 * found by name; a missing one or one of another type is DH_INVALID. rows as in ml_task. */
int ml_predict(const struct ml_model *model, const struct ml_frame *frame, const uint32_t *rows,
               size_t n_rows, unsigned threads, double **ret_p, struct dh_err *err);

/* ---- evaluation ------------------------------------------------------------------------------ */

struct ml_curve {
    size_t n;
    double *x, *y, *threshold; /* ROC: false and true positive rate; PR: recall and precision */
};

struct ml_report {
    size_t n, n_classes, positive;
    double accuracy, log_loss;
    double precision, recall, f1,
        roc_auc;         /* of the positive class; multiclass: macro (AUC: one vs rest) */
    double *matrix;      /* n_classes x n_classes counts: [true * n_classes + predicted] */
    struct ml_curve roc; /* n == 0 where there are not two classes */
};
struct ml_report *ml_report_free(struct ml_report *report);
OWN_DEFINE(struct ml_report *, ml_report_free)
/* code[i]: row i's true class (index into the model's classes, -1 or out of range: DH_INVALID);
 * p as ml_predict gives it. NaN stands where a metric is not defined (AUC with one class). */
int ml_evaluate(const int32_t *code, const double *p, size_t n, size_t n_classes, size_t positive,
                struct ml_report **ret, struct dh_err *err);
/* The target column's values as the model's class indexes. A value that the model does not know is
 * DH_INVALID. */
int ml_target_codes(const struct ml_model *model, const struct ml_frame *frame, int32_t **ret,
                    struct dh_err *err);

/* ---- more about how good -------------------------------------------------------------------- */

struct ml_averages {
    double precision, recall, f1;
};
/* Over the classes: each alike (macro), each row alike (micro), each class by its rows (weighted).
 */
struct ml_more {
    struct ml_averages macro, micro, weighted;
    double balanced_accuracy, matthews;
    double average_precision, brier; /* two classes; else NaN */
    struct ml_curve pr; /* precision and recall, from the highest threshold down; two classes */
    size_t n_bins; /* calibration of the positive class in ten equal bins of probability; empty ones
                      left out */
    double bin_mean[10], bin_share[10], bin_rows[10];
};
struct ml_more *ml_more_free(struct ml_more *more);
OWN_DEFINE(struct ml_more *, ml_more_free)
struct ml_more *ml_evaluate_more(const int32_t *code, const double *p,
                                 const struct ml_report *report);

/* The middle `level` (0.95) of a metric over `rounds` resamples of the rows (Efron's percentile
 * bootstrap): which = 0: accuracy, 1: ROC AUC of the positive class, 2: log loss. */
int ml_bootstrap(const int32_t *code, const double *p, size_t n, size_t n_classes, size_t positive,
                 int which, unsigned rounds, double level, uint64_t seed, double *ret_low,
                 double *ret_high, struct dh_err *err);
/* McNemar's exact test (McNemar 1947): the probability that two models of equal error differ by
 * this much. a_only: rows that only the first got right. */
double ml_mcnemar(uint64_t a_only, uint64_t b_only);

struct ml_regression_report {
    size_t n;
    double mean_squared_error, root_mean_squared_error, mean_absolute_error, r2;
};
int ml_evaluate_regression(const double *y, const double *p, size_t n,
                           struct ml_regression_report *ret, struct dh_err *err);

/* ---- training by name, cross-validation, search -------------------------------------------- */

/* kind: "logistic-regression", "decision-tree", "random-forest" or "gradient-boosting"; params: an
 * object of its options by name ("c", "penalty", "max_depth", …); NULL: none. An unknown name is
 * DH_INVALID. */
int ml_train(const char *kind, const struct ml_task *task, const struct js *params,
             struct ml_model **ret, struct dh_err *err);

struct ml_search_options {
    const char *metric;   /* accuracy, f1, roc_auc, log_loss; regression: mean_squared_error, r2 */
    unsigned folds;       /* 0: 5 */
    const char *strategy; /* "grid", "random" or "halving"; NULL: grid */
    unsigned trials;      /* random: how many combinations */
};
/* params: name → list of values to try. *ret_best is the winner trained on all of the task's rows;
 * *ret_trials an array of {"params", "score", "std", "rows"} in the order tried. */
int ml_search(const char *kind, const struct ml_task *task, const struct js *params,
              const struct ml_search_options *options, struct ml_model **ret_best,
              struct js **ret_trials, struct dh_err *err);

/* A tree for people: indented text, Graphviz's language, or a picture (SVG). Tree `t` of the model;
 * malloc'ed. NULL: no such tree. Text and picture leave out what lies deeper than `depth` levels,
 * and show that it is there. */
enum { ML_DRAW_DEPTH = 100 };
char *ml_tree_text(const struct ml_model *model, size_t t, unsigned depth);
char *ml_tree_dot(const struct ml_model *model, size_t t);
char *ml_tree_svg(const struct ml_model *model, size_t t, unsigned depth);
