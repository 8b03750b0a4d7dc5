#pragma once
/* num - decimal text to the nearest double, bit for bit, without the C library's locale. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Readers may look this far past the text's end; what is there does not matter. */
#define NUM_PAD 32

struct num_parts {
    uint64_t mantissa; /* the digits, dot left out */
    int64_t exponent;  /* of ten */
    unsigned digits;   /* how many went into the mantissa */
    bool negative;
};

/* The nearest double to mantissa * 10^exponent; `from`, `to`: its text, for the rare case that
 * needs it. */
double num_make(const struct num_parts *parts, const char *from, const char *to);

/* A whole field: a JSON-like number with optional sign, also ".5", "5.", inf and infinity in any
 * case. False: it is not a number. Needs no pad. */
bool num_text(const char *s, size_t n, double *ret);

static inline uint64_t num_load8(const char *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

/* High bit set in each byte of v that is no ASCII digit. */
static inline uint64_t num_not_digit(uint64_t v)
{
    uint64_t high = 0x8080808080808080u;
    uint64_t above = (v & ~high) + 0x4646464646464646u; /* > '9' reaches the high bit */
    uint64_t below = (v | high) - 0x3030303030303030u;  /* < '0' clears it */
    return (above | ~below | v) & high;
}

static inline uint32_t num_8digits(uint64_t v)
{
    v = (v & 0x0F0F0F0F0F0F0F0Fu) * 2561 >> 8;
    v = (v & 0x00FF00FF00FF00FFu) * 6553601 >> 16;
    return (uint32_t)((v & 0x0000FFFF0000FFFFu) * 42949672960001u >> 32);
}

extern const uint64_t num_ten[20];

extern const uint64_t num_pow5[][2]; /* 5^-342 … 5^308, 128 bits each */

/* False: the product does not decide the rounding. `w` is not 0. */
static inline bool num_eisel_lemire(uint64_t w, int64_t q, double *ret)
{
    int zeros = __builtin_clzll(w);
    w <<= zeros;
    const uint64_t *power = num_pow5[q + 342];
    unsigned __int128 product = (unsigned __int128)w * power[0];
    uint64_t high = (uint64_t)(product >> 64), low = (uint64_t)product;
    if ((high & 0x1FF) == 0x1FF) {
        uint64_t more = (uint64_t)((unsigned __int128)w * power[1] >> 64);
        low += more;
        high += low < more;
        if (low == UINT64_MAX && (q < -27 || q > 55))
            return false;
    }
    int upper = (int)(high >> 63);
    int shift = upper + 64 - 52 - 3;
    uint64_t mantissa = high >> shift;
    int64_t exponent = ((217706 * q) >> 16) + 63 + upper - zeros + 1023;
    if (exponent <= 0)
        return false; /* subnormal */
    if (low <= 1 && q >= -4 && q <= 23 && (mantissa & 3) == 1 && mantissa << shift == high)
        mantissa &= ~(uint64_t)1; /* exactly between two doubles: to even */
    mantissa = (mantissa + (mantissa & 1)) >> 1;
    if (mantissa >> (52 + 1)) {
        mantissa = (uint64_t)1 << 52;
        exponent++;
    }
    if (exponent >= 0x7FF) {
        *ret = __builtin_inf();
        return true;
    }
    uint64_t bits = (mantissa & (((uint64_t)1 << 52) - 1)) | (uint64_t)exponent << 52;
    memcpy(ret, &bits, sizeof bits);
    return true;
}

/* Adds the run of digits at p to the mantissa; returns its end. */
static inline const char *num_digits(const char *p, uint64_t *mantissa)
{
    for (;;) {
        uint64_t v = num_load8(p);
        uint64_t bad = num_not_digit(v);
        if (!bad) {
            *mantissa = *mantissa * 100000000u + num_8digits(v);
            p += 8;
            continue;
        }
        unsigned n = (unsigned)__builtin_ctzll(bad) / 8;
        if (n) {
            v = v << (64 - 8 * n);
            *mantissa = *mantissa * num_ten[n] + num_8digits(v);
        }
        return p + n;
    }
}

/* The number at p (NUM_PAD readable bytes after the text): returns its end, or NULL where none
 * starts here. */
static inline const char *num_fast(const char *p, double *ret)
{
    struct num_parts n = {0};
    const char *from = p;
    n.negative = *p == '-';
    p += n.negative || *p == '+';
    const char *digits = p;
    p = num_digits(p, &n.mantissa);
    n.digits = (unsigned)(p - digits);
    if (*p == '.') {
        const char *fraction = ++p;
        p = num_digits(p, &n.mantissa);
        n.exponent = fraction - p;
        n.digits += (unsigned)(p - fraction);
    }
    if (!n.digits)
        return NULL;
    if ((*p | 0x20) == 'e') {
        const char *e = p + 1;
        bool minus = *e == '-';
        e += minus || *e == '+';
        if (*e >= '0' && *e <= '9') {
            int64_t ten = 0;
            for (; *e >= '0' && *e <= '9'; e++)
                ten = ten < 100000 ? ten * 10 + (*e - '0') : ten;
            n.exponent += minus ? -ten : ten;
            p = e;
        }
    }
    if (n.digits <= 15 && n.exponent <= 0 &&
        n.exponent > -20) { /* both sides exact: one rounding */
        double d = (double)n.mantissa / (double)num_ten[-n.exponent];
        *ret = n.negative ? -d : d;
        return p;
    }
    *ret = num_make(&n, from, p);
    return p;
}
