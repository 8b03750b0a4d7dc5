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
