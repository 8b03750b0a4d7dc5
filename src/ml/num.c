/* num - Daniel Lemire, "Number Parsing at a Gigabyte per Second" (Software: Practice and Experience
 * 51(8), 2021): a 64 x 128-bit product with a table of powers of five decides nearly every number;
 * the few that it cannot decide go to strtod_l in the C locale. */
#include "ml/num.h"
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include "base/mem.h"
#include "base/own.h"

enum { LOW = -342, HIGH = 308, MAX_DIGITS = 19 };

const uint64_t num_pow5[][2] = {
#include "pow5.inc"
};

const uint64_t num_ten[20] = {1,
                              10,
                              100,
                              1000,
                              10000,
                              100000,
                              1000000,
                              10000000,
                              100000000,
                              1000000000,
                              10000000000,
                              100000000000,
                              1000000000000,
                              10000000000000,
                              100000000000000,
                              1000000000000000,
                              10000000000000000,
                              100000000000000000,
                              1000000000000000000,
                              10000000000000000000u};

static pthread_once_t locale_once = PTHREAD_ONCE_INIT;
static locale_t c_locale;

static void make_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

static double by_library(const char *from, const char *to)
{
    pthread_once(&locale_once, make_locale);
    own_mem char *text = dh_strndup(from, (size_t)(to - from));
    return c_locale ? strtod_l(text, NULL, c_locale) : strtod(text, NULL);
}

/* Digits without the zeros in front: more than 19 do not fit the mantissa. */
static bool too_long(const char *from, const char *to)
{
    unsigned n = 0;
    for (const char *p = from; p < to && (*p | 0x20) != 'e'; p++)
        if (*p >= '0' && *p <= '9' && (n || *p != '0'))
            n++;
    return n > MAX_DIGITS;
}

double num_make(const struct num_parts *parts, const char *from, const char *to)
{
    double d = 0;
    if (parts->digits > MAX_DIGITS && too_long(from, to))
        return by_library(from, to);
    if (parts->mantissa == 0 || parts->exponent < LOW) {
        if (parts->mantissa && parts->exponent > LOW - MAX_DIGITS - 1)
            return by_library(from, to);
    } else if (parts->exponent > HIGH) {
        d = INFINITY;
    } else if (!num_eisel_lemire(parts->mantissa, parts->exponent, &d)) {
        return by_library(from, to);
    }
    return parts->negative ? -d : d;
}

static bool is_word(const char *s, size_t n, const char *word)
{
    size_t i = 0;
    for (; i < n && word[i]; i++)
        if ((s[i] | 0x20) != word[i])
            return false;
    return i == n && !word[i];
}

bool num_text(const char *s, size_t n, double *ret)
{
    char pad[64 + NUM_PAD] = {0};
    own_mem char *big = NULL;
    char *copy = pad;
    if (n == 0)
        return false;
    if (n > 64) {
        big = dh_zalloc(n + NUM_PAD, 1);
        copy = big;
    }
    memcpy(copy, s, n);
    const char *end = num_fast(copy, ret);
    if (end)
        return end == copy + n;
    size_t sign = *copy == '-' || *copy == '+';
    if (is_word(copy + sign, n - sign, "inf") || is_word(copy + sign, n - sign, "infinity")) {
        *ret = *copy == '-' ? -INFINITY : INFINITY;
        return true;
    }
    return false;
}
