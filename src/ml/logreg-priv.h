#pragma once
/* logreg-priv - the pass over the data that every solver of logistic regression makes. */
#include "ml/model-priv.h"
#include "ml/pool.h"

enum { TILE = 256 }; /* rows at a time: a tile of 30 columns stays in the second-level cache */

struct pass {
    double loss;  /* sum of s_i log(1 + exp(-y_i m_i)) */
    double *grad; /* n_cols + 1: of the loss; the last is the intercept's */
    double *hess; /* (n_cols + 1)^2, upper part; NULL: not wanted */
};

struct kernel_in {
    const double *tile;   /* columns of TILE, then a column of ones */
    size_t n, p;          /* rows; columns with the one of ones */
    const double *w;      /* p */
    const double *sign;   /* n: +1 or -1 */
    const double *weight; /* n */
};
/* Adds one tile to a pass; `work` has room for (p + 4) * TILE doubles. Rows up to a multiple of 8
 * are read: their weight is 0. */
typedef void newton_kernel(const struct kernel_in *in, double *work, struct pass *out);
newton_kernel newton_kernel_portable, newton_kernel_avx2, newton_kernel_avx512;

/* Solves A x = b for a symmetric positive definite A (upper part, n x n, destroyed) in place of b.
 * False: not positive definite. */
bool cholesky_solve(double *a, size_t n, double *b);

struct problem {
    const struct ml_task *task;
    const struct ml_logreg_options *o;
    struct design design;
    struct pool *pool;
    newton_kernel *kernel;
    size_t n, p;  /* rows; coefficients with the intercept, which is the last */
    double *sign; /* n + 8 */
    double *weight;
    double c, total;
    double l1, l2; /* strengths of the penalties */
    size_t n_out;  /* 1: binary; else classes */
    const int32_t *code;
    /* one pass */
    size_t n_slabs, slab_rows, slab_size;
    size_t stride; /* every stride-th tile is looked at */
    bool want_hess;
    const double *w;
    double *slab;  /* n_slabs x (1 + p + p^2): summed in order, so that threads do not matter */
    double **work; /* a thread's */
};

/* The smooth objective (loss and L2) at w, binary, with gradient and, where `hess` is given,
 * Hessian. */
double logreg_evaluate(struct problem *q, const double *w, double *grad, double *hess);
double logreg_largest(const double *v, size_t n);

/* What a solver found. */
struct solution {
    double *w; /* q->p, or n_out x q->p; the intercept is each row's last */
    double value, norm;
    unsigned iterations;
    bool converged;
    const char *solver;
};
/* L1 and elastic net by proximal Newton steps, each solved by coordinate descent on the quadratic
 * model: Yuan, Ho and Lin, "An Improved GLMNET for L1-regularized Logistic Regression" (JMLR 13,
 * 2012). */
void logreg_coordinate(struct problem *q, struct solution *s);
/* Any number of features and classes: L-BFGS (Liu and Nocedal 1989), orthant-wise where there is an
 * L1 part (Andrew and Gao 2007). */
void logreg_lbfgs(struct problem *q, struct solution *s);
