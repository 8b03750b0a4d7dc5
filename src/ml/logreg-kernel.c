/* logreg-kernel - loss, gradient and Hessian of one tile. Built once for each kind of machine:
 * KERNEL names the build, LANES its vector's width. */
#include <math.h>
#include <string.h>
#include "ml/logreg-priv.h"

#ifndef LANES
#define LANES 2
#define KERNEL newton_kernel_portable
#endif

typedef double vec __attribute__((vector_size(LANES * 8), aligned(8)));
typedef int64_t ivec __attribute__((vector_size(LANES * 8), aligned(8)));

static inline vec load(const double *p)
{
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void store(double *p, vec v)
{
    memcpy(p, &v, sizeof v);
}

static inline vec all(double d)
{
    return d - (vec){0};
}

/* Halves upon halves: a chain of LANES additions would cost as much as the products of a tile. */
static inline double sum(vec v)
{
#if LANES == 8
    typedef double half __attribute__((vector_size(32)));
    half h = __builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7);
#elif LANES == 4
    vec h = v;
#endif
#if LANES >= 4
    typedef double quarter __attribute__((vector_size(16)));
    quarter q = __builtin_shufflevector(h, h, 0, 1) + __builtin_shufflevector(h, h, 2, 3);
    return q[0] + q[1];
#else
    return v[0] + v[1];
#endif
}

/* exp(x) for x <= 0: 2^n e^r with |r| <= ln 2 / 2 and a polynomial of degree 13; 0 below -708. */
static inline vec exp_neg(vec x)
{
    const double log2e = 1.4426950408889634, ln2_high = 6.93147180369123816490e-01,
                 ln2_low = 1.90821492927058770002e-10,
                 magic = 6755399441055744.0; /* 1.5 * 2^52 rounds */
    ivec small = x < all(-708.0);
    x = (vec)(((ivec)x & ~small) | ((ivec)all(-708.0) & small));
    vec shifted = x * log2e + magic;
    vec n = shifted - magic;
    vec r = x - n * ln2_high - n * ln2_low;
    static const double c[] = {1.0 / 6227020800,
                               1.0 / 479001600,
                               1.0 / 39916800,
                               1.0 / 3628800,
                               1.0 / 362880,
                               1.0 / 40320,
                               1.0 / 5040,
                               1.0 / 720,
                               1.0 / 120,
                               1.0 / 24,
                               1.0 / 6,
                               0.5,
                               1.0,
                               1.0};
    vec y = all(c[0]);
    for (int i = 1; i < 14; i++)
        y = y * r + c[i];
    ivec power = ((ivec)shifted << 52) + (ivec)y; /* the low bits of `shifted` are n */
    return (vec)(power & ~small);
}

/* log(1 + t) for t in [0, 1]: 2 artanh(t / (2 + t)). */
static inline vec log1p_small(vec t)
{
    vec s = t / (t + 2.0);
    vec z = s * s;
    vec y = all(1.0 / 35);
    for (int k = 33; k >= 1; k -= 2)
        y = y * z + 1.0 / k;
    return 2.0 * s * y;
}

/* margin[i] = x_i w, four vectors at once: each sum is a chain, and a chain waits for itself. */
static void margins(const struct kernel_in *in, double *margin)
{
    size_t i = 0;
    for (; i + 4 * LANES <= in->n; i += 4 * LANES) {
        vec m[4] = {{0}};
        for (size_t j = 0; j < in->p; j++)
            for (size_t k = 0; k < 4; k++)
                m[k] += load(in->tile + j * TILE + i + k * LANES) * in->w[j];
        for (size_t k = 0; k < 4; k++)
            store(margin + i + k * LANES, m[k]);
    }
    for (; i < in->n; i += LANES) {
        vec m = {0};
        for (size_t j = 0; j < in->p; j++)
            m += load(in->tile + j * TILE + i) * in->w[j];
        store(margin + i, m);
    }
}

/* Per row the gradient's and the Hessian's weight. */
static double row_weights(const struct kernel_in *in, double *residual, double *curve)
{
    vec loss = {0};
    margins(in, residual);
    for (size_t i = 0; i < in->n; i += LANES) {
        vec m = load(residual + i), y = load(in->sign + i), s = load(in->weight + i);
        m *= y;
        ivec negative = m < all(0.0);
        vec away = (vec)(((ivec)m & ~negative) | ((ivec)-m & negative)); /* |m| */
        vec e = exp_neg(-away);
        vec near = 1.0 / (e + 1.0), far = e * near; /* the larger and the smaller probability */
        vec miss = (vec)(((ivec)far & ~negative) | ((ivec)near & negative));
        loss += s * (log1p_small(e) + (vec)((ivec)away & negative));
        store(residual + i, -(s * y * miss));
        store(curve + i, s * near * far);
    }
    return sum(loss);
}

/* hess[j..j+3][k..k+3] += a_j . x_k */
static inline void block(const double *a, const double *x, size_t n, double *h, size_t p)
{
    vec acc[4][4] = {{{0}}};
    for (size_t i = 0; i < n; i += LANES) {
        vec b0 = load(x + i), b1 = load(x + TILE + i), b2 = load(x + 2 * TILE + i),
            b3 = load(x + 3 * TILE + i);
        for (int j = 0; j < 4; j++) {
            vec v = load(a + (size_t)j * TILE + i);
            acc[j][0] += v * b0;
            acc[j][1] += v * b1;
            acc[j][2] += v * b2;
            acc[j][3] += v * b3;
        }
    }
    for (size_t j = 0; j < 4; j++)
        for (size_t k = 0; k < 4; k++)
            h[j * p + k] += sum(acc[j][k]);
}

/* to[j * step] += a_j . x for n_cols columns a */
static inline void dots(const double *a, size_t n_cols, const double *x, size_t n, double *to,
                        size_t step)
{
    size_t j = 0;
    for (; j + 4 <= n_cols; j += 4) {
        vec s[4] = {{0}};
        for (size_t i = 0; i < n; i += LANES) {
            vec v = load(x + i);
            for (size_t k = 0; k < 4; k++)
                s[k] += load(a + (j + k) * TILE + i) * v;
        }
        for (size_t k = 0; k < 4; k++)
            to[(j + k) * step] += sum(s[k]);
    }
    for (; j < n_cols; j++) {
        vec s = {0};
        for (size_t i = 0; i < n; i += LANES)
            s += load(a + j * TILE + i) * load(x + i);
        to[j * step] += sum(s);
    }
}

void KERNEL(const struct kernel_in *in, double *work, struct pass *out)
{
    const size_t p = in->p, n = (in->n + 7) / 8 * 8;
    double *residual = work, *curve = work + TILE, *scaled = work + 2 * TILE;
    struct kernel_in all_rows = *in;
    all_rows.n = n;
    out->loss += row_weights(&all_rows, residual, curve);
    dots(in->tile, p, residual, n, out->grad, 1);
    if (!out->hess)
        return;
    for (size_t j = 0; j < p; j++)
        for (size_t i = 0; i < n; i += LANES)
            store(scaled + j * TILE + i, load(in->tile + j * TILE + i) * load(curve + i));
    size_t whole = p / 4 * 4;
    for (size_t j = 0; j < whole; j += 4)
        for (size_t k = j; k < whole; k += 4)
            block(scaled + j * TILE, in->tile + k * TILE, n, out->hess + j * p + k, p);
    for (size_t k = whole; k < p; k++)
        dots(scaled, k + 1, in->tile + k * TILE, n, out->hess + k, p);
}
