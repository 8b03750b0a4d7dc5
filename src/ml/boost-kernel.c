/* boost-kernel - logistic gradients, quantised. Built once for each kind of machine; BOOST names
 * the build. */
#include "ml/boost-priv.h"
#include <string.h>

#ifndef BOOST
#define BOOST boost_kernel_portable
#endif

/* exp(x), |x| <= 40, to single precision. */
static inline float exp_fast(float x)
{
    float shifted = x * 1.44269504f + 12582912.0f; /* 1.5 * 2^23 rounds */
    float n = shifted - 12582912.0f;
    float r = x - n * 0.693359375f + n * 2.12194440e-4f;
    float y = 1.9875691500e-4f;
    y = y * r + 1.3981999507e-3f;
    y = y * r + 8.3334519073e-3f;
    y = y * r + 4.1665795894e-2f;
    y = y * r + 1.6666665459e-1f;
    y = y * r + 5.0000001201e-1f;
    y = y * r * r + r + 1.0f;
    uint32_t bits, power;
    memcpy(&bits, &y, 4);
    memcpy(&power, &shifted, 4);
    bits += power << 23;
    memcpy(&y, &bits, 4);
    return y;
}

/* [0, 1) from row and round. */
static inline float chance(uint32_t i, uint32_t round)
{
    uint32_t h = (i + round * 0x9E3779B9u) * 0x85EBCA6Bu;
    h = (h ^ h >> 15) * 0xC2B2AE35u;
    return (float)(int32_t)(h >> 8) * 0x1p-24f;
}

void BOOST(const struct boost_rows *r, size_t from, size_t to)
{
    const double *score = r->score;
    const float *target = r->target;
    float *gradient = r->gradient, *hessian = r->hessian;
    uint64_t *packed = r->packed;
    const float gu = r->gradient_unit, hu = r->hessian_unit;
    const uint32_t round = r->round;
    for (size_t i = from; i < to; i++) {
        float x = (float)score[i];
        x = x < -40 ? -40 : x > 40 ? 40 : x;
        float p = 1 / (1 + exp_fast(-x));
        gradient[i] = target[i] - p;
        hessian[i] = p * (1 - p);
    }
    for (size_t i = from; r->weight && i < to; i++) {
        gradient[i] *= (float)r->weight[i];
        hessian[i] *= (float)r->weight[i];
    }
    for (size_t i = from; i < to; i++) {
        float u = chance((uint32_t)i, round);
        float g = gradient[i] * gu + u, h = hessian[i] * hu + u;
        int32_t whole = (int32_t)g;
        whole -= (float)whole > g;
        packed[i] = ((uint64_t)(uint32_t)whole << 32) + (uint64_t)(uint32_t)(int32_t)h;
    }
}
