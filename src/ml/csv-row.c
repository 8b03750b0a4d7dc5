/* csv-row - the hot loop: numbers one after the other along a row. Built once for each kind of
 * machine; ROW names the build. With AVX2 up to 16 digits become one integer in ten instructions:
 * positions of what is no digit by one compare, digits moved to the right by one shuffle, then
 * three multiply-adds. */
#include "ml/csv-priv.h"

#ifndef ROW
#define ROW csv_row_portable
#endif

#if defined __AVX2__
#include <immintrin.h>

/* What shuffles the first n of 16 bytes to the right end; the rest become zero digits. */
static const char shift_right[32] = {
    -128, -128, -128, -128, -128, -128, -128, -128, -128, -128, -128, -128, -128, -128, -128, -128,
    0,    1,    2,    3,    4,    5,    6,    7,    8,    9,    10,   11,   12,   13,   14,   15};

/* The first n <= 16 digits at p as a number. */
static inline uint64_t digits16(const char *p, unsigned n)
{
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
    v = _mm_sub_epi8(v, _mm_set1_epi8('0'));
    v = _mm_shuffle_epi8(v, _mm_loadu_si128((const __m128i *)(const void *)(shift_right + n)));
    const __m128i ten = _mm_set1_epi16(0x010A), hundred = _mm_set1_epi32(0x00010064),
                  myriad = _mm_set1_epi32(0x00012710);
    v = _mm_maddubs_epi16(v, ten);
    v = _mm_madd_epi16(v, hundred);
    v = _mm_packus_epi32(v, v);
    v = _mm_madd_epi16(v, myriad);
    uint64_t both = (uint64_t)_mm_cvtsi128_si64(v);
    return (both & 0xFFFFFFFFu) * 100000000u + (both >> 32);
}

/* Up to 32 bytes from p: a set bit where there is no digit. */
static inline uint32_t no_digits(const char *p)
{
    __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)p);
    v = _mm256_sub_epi8(v, _mm256_set1_epi8('0'));
    __m256i digit = _mm256_cmpeq_epi8(_mm256_min_epu8(v, _mm256_set1_epi8(9)), v);
    return ~(uint32_t)_mm256_movemask_epi8(digit);
}

/* Without a branch: half of all values are negative, and no predictor knows which. */
static inline double with_sign(double d, bool negative)
{
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    bits ^= (uint64_t)negative << 63;
    memcpy(&d, &bits, sizeof d);
    return d;
}

/* What the fast way cannot decide. Apart, so that the parts stay in registers there. */
__attribute__((noinline)) static double slow(bool negative, uint64_t mantissa, unsigned digits,
                                             unsigned fraction, const char *from, const char *to)
{
    const struct num_parts parts = {mantissa, -(int64_t)fraction, digits, negative};
    return num_make(&parts, from, to);
}

/* sign digits [. digits] of at most 19 digits, 16 before and 18 after the dot; else NULL: at
 * leisure. */
static inline const char *number(const char *p, char delimiter, double *ret)
{
    const char *from = p;
    bool negative = *p == '-';
    p += negative;
    uint32_t stop = no_digits(p);
    unsigned digits = (unsigned)__builtin_ctz(stop | 0x80000000u), fraction = 0;
    const char *end = p + digits;
    uint64_t mantissa;
    double d;
    if (digits == 1)
        mantissa = (uint64_t)(*p - '0');
    else if (digits <= 16)
        mantissa = digits16(p, digits);
    else
        return NULL;
    if (*end == '.') {
        stop &= stop - 1;
        fraction = (unsigned)__builtin_ctz(stop | 0x80000000u) - digits - 1;
        if (!stop || digits + fraction > 19 || fraction > 18)
            return NULL;
        const char *f = end + 1;
        if (fraction <= 16) {
            mantissa = mantissa * num_ten[fraction] + digits16(f, fraction);
        } else {
            mantissa = mantissa * num_ten[16] + digits16(f, 16);
            for (unsigned i = 16; i < fraction; i++)
                mantissa = mantissa * 10 + (uint64_t)(f[i] - '0');
        }
        digits += fraction;
        end = f + fraction;
    }
    if (!digits || *end != delimiter)
        return NULL;
    if (digits <= 15)
        *ret = with_sign((double)mantissa / (double)num_ten[fraction], negative);
    else if (mantissa && num_eisel_lemire(mantissa, -(int64_t)fraction, &d))
        *ret = with_sign(d, negative);
    else
        *ret = slow(negative, mantissa, digits, fraction, from, end);
    return end;
}
#else
static inline const char *number(const char *p, char delimiter, double *ret)
{
    const char *end = num_fast(p, ret);
    return end && *end == delimiter ? end : NULL;
}
#endif

const char *ROW(struct ml_column *cols, size_t n_cols, size_t *at, uint64_t row, const char *p,
                char delimiter)
{
    size_t c = *at;
    for (; c + 1 < n_cols && cols[c].type == ML_NUMBER; c++) {
        const char *end = number(p, delimiter, &cols[c].num[row]);
        if (!end)
            break;
        p = end + 1;
    }
    *at = c;
    return p;
}
