#pragma once
/* boost-priv - gradients of one class for all rows: the loop that runs once a tree. */
#include <stddef.h>
#include <stdint.h>

struct boost_rows {
    const double *score;  /* log odds, or softmax scores of this class less the log of the sum */
    const float *target;  /* 0 or 1 */
    const double *weight; /* NULL: all 1 */
    float *gradient, *hessian;
    uint64_t *packed; /* quantised, rounded up or down by chance so that sums are unbiased */
    float gradient_unit, hessian_unit;
    uint32_t round;
};

typedef void boost_kernel(const struct boost_rows *r, size_t from, size_t to);
boost_kernel boost_kernel_portable, boost_kernel_avx2, boost_kernel_avx512;
