/* design-kernel - a piece of a column made ready: missing ones filled in, scaled. Built once for
 * each kind of machine: NUMBERS names the build, LANES its vector's width. */
#include <string.h>
#include "ml/model-priv.h"

#ifndef NUMBERS
#define LANES 2
#define NUMBERS design_numbers_portable
#endif

typedef double vec __attribute__((vector_size(LANES * 8), aligned(8)));
typedef int64_t ivec __attribute__((vector_size(LANES * 8), aligned(8)));

void NUMBERS(const struct design_col *c, size_t from, size_t n, double *to)
{
    enum { LINE = 8 }; /* doubles of a cache line */
    const double *num = c->num + from;
    const vec impute = c->impute - (vec){0}, mean = c->mean - (vec){0}, inv = c->inv - (vec){0};
    size_t i = 0;
    for (; i + LINE <= n; i += LINE) {
        /* The pieces are short: the machine does not foresee where the next one begins. */
        __builtin_prefetch(num + i + n, 0, 2);
        for (size_t k = i; k < i + LINE; k += LANES) {
            vec x;
            memcpy(&x, num + k, sizeof x);
            ivec known = x == x;
            x = (vec)(((ivec)x & known) | ((ivec)impute & ~known));
            x = (x - mean) * inv;
            memcpy(to + k, &x, sizeof x);
        }
    }
    for (; i < n; i++) {
        double x = num[i];
        to[i] = ((x == x ? x : c->impute) - c->mean) * c->inv;
    }
}
