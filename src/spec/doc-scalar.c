/* Plain YAML 1.1 scalars as PyYAML's resolver and constructor read them: its regular expressions,
 * written as small scanners. What matches none of them is a string. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "spec/doc-priv.h"

static bool one_of(const char *s, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(s, *words) == 0)
            return true;
    return false;
}

static unsigned digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (unsigned)(c - 'a') + 10;
    if (c >= 'A' && c <= 'F')
        return (unsigned)(c - 'A') + 10;
    return 99;
}

void doc_integer(const char *digits, size_t n, unsigned base, bool negative, struct doc_node *node)
{
    const uint64_t most = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    uint64_t whole = 0;
    double real = 0;
    bool fits = true;

    for (size_t i = 0; i < n; i++) {
        unsigned d = digit_of(digits[i]);

        if (digits[i] == '_')
            continue;
        real = real * base + d;
        if (fits && (__builtin_mul_overflow(whole, base, &whole) ||
                     __builtin_add_overflow(whole, d, &whole) || whole > most))
            fits = false;
    }
    if (fits) {
        node->kind = DOC_INT;
        node->integer = negative ? (int64_t)(0 - whole) : (int64_t)whole;
    } else {
        node->kind = DOC_REAL;
        node->real = negative ? -real : real;
        if (base == 10) { /* rounded once, not at each digit */
            own_mem char *copy = dh_alloc(n + 1);
            size_t m = 0;

            for (size_t i = 0; i < n; i++)
                if (digits[i] != '_')
                    copy[m++] = digits[i];
            copy[m] = '\0';
            node->real = strtod(copy, NULL) * (negative ? -1 : 1);
        }
    }
}

static size_t run_of(const char *s, unsigned base)
{
    size_t n = 0;

    while (digit_of(s[n]) < base || s[n] == '_')
        n++;
    return n;
}

/* The length of (:[0-5]?[0-9])+ at `s`; 0 where there is none. */
static size_t run_of_sixties(const char *s)
{
    size_t n = 0;

    while (s[n] == ':') {
        const char *d = s + n + 1;

        if (d[0] >= '0' && d[0] <= '5' && isdigit((unsigned char)d[1]))
            n += 3;
        else if (isdigit((unsigned char)d[0]))
            n += 2;
        else
            break;
    }
    return n;
}

/* 190:20:30 is 190 * 3600 + 20 * 60 + 30; the last part may have a fraction. */
static double sixties(const char *s)
{
    double sum = 0, part = 0, scale = 1;
    bool fraction = false;

    for (; *s; s++) {
        if (*s == ':') {
            sum = (sum + part) * 60;
            part = 0;
        } else if (*s == '.') {
            fraction = true;
        } else if (*s != '_' && fraction) {
            scale /= 10;
            part += scale * digit_of(*s);
        } else if (*s != '_') {
            part = part * 10 + digit_of(*s);
        }
    }
    return sum + part;
}

/* 0b…, 0x… or 0…: what is after the sign, not in base ten. */
static bool integer_of_base(const char *s, bool negative, struct doc_node *node)
{
    unsigned base = s[1] == 'b' ? 2 : s[1] == 'x' ? 16 : 8;
    const char *digits = base == 8 ? s : s + 2;
    size_t n = run_of(digits, base);

    if (n == 0 || digits[n] || (base != 8 && strspn(digits, "_") == n))
        return false;
    doc_integer(digits, n, base, negative, node);
    return true;
}

static bool integer_of_sixties(const char *s, bool negative, struct doc_node *node)
{
    double d = sixties(s);

    if (negative)
        d = -d;
    node->kind = DOC_REAL;
    node->real = d;
    if (fabs(d) < 9007199254740992.0) {
        node->kind = DOC_INT;
        node->integer = (int64_t)d;
    }
    return true;
}

static bool integer(const char *s, struct doc_node *node)
{
    bool negative = *s == '-';
    size_t n;

    if (*s == '-' || *s == '+')
        s++;
    if (*s == '0')
        return integer_of_base(s, negative, node);
    if (!isdigit((unsigned char)*s))
        return false;
    n = run_of(s, 10);
    if (s[n] == ':' && s[n + run_of_sixties(s + n)] == '\0')
        return integer_of_sixties(s, negative, node);
    if (s[n])
        return false;
    doc_integer(s, n, 10, negative, node);
    return true;
}

static double decimal(const char *s)
{
    own_mem char *copy = dh_strdup(s);
    char *to = copy;

    for (const char *from = s; *from; from++)
        if (*from != '_')
            *to++ = *from;
    *to = '\0';
    return strtod(copy, NULL);
}

/* [eE][-+][0-9]+ or nothing, then the end. */
static bool ends_as_exponent(const char *s)
{
    if (*s == 'e' || *s == 'E') {
        if (s[1] != '-' && s[1] != '+')
            return false;
        s += 2;
        if (!isdigit((unsigned char)*s))
            return false;
        while (isdigit((unsigned char)*s))
            s++;
    }
    return *s == '\0';
}

static bool infinite_or_nan(const char *s, struct doc_node *node)
{
    static const char *const inf[] = {".inf", ".Inf", ".INF", NULL};
    static const char *const nan_[] = {".nan", ".NaN", ".NAN", NULL};
    bool sign = *s == '-' || *s == '+';

    if (one_of(s + sign, inf)) {
        node->real = *s == '-' ? -(double)INFINITY : (double)INFINITY;
        return true;
    }
    if (!sign && one_of(s, nan_)) {
        node->real = (double)NAN;
        return true;
    }
    return false;
}

static bool real(const char *s, struct doc_node *node)
{
    const char *p = s;
    bool sign = *p == '-' || *p == '+';
    size_t n;

    if (infinite_or_nan(s, node))
        return true;
    p += sign;
    if (*p == '.') {
        if (sign || !isdigit((unsigned char)p[1]))
            return false;
        if (!ends_as_exponent(p + 1 + run_of(p + 1, 10)))
            return false;
        node->real = decimal(s);
        return true;
    }
    if (!isdigit((unsigned char)*p))
        return false;
    n = run_of(p, 10);
    if (p[n] == '.') {
        if (!ends_as_exponent(p + n + 1 + run_of(p + n + 1, 10)))
            return false;
        node->real = decimal(s);
        return true;
    }
    if (p[n] == ':') {
        n += run_of_sixties(p + n);
        if (p[n] != '.' || p[n + 1 + run_of(p + n + 1, 10)])
            return false;
        node->real = sixties(p) * (*s == '-' ? -1 : 1);
        return true;
    }
    return false;
}

void doc_plain(struct arena *text, const char *s, size_t n, struct doc_node *node)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", "yes", "Yes",
                                        "YES",  "on",   "On",   "ON",  NULL};
    static const char *const falses[] = {"false", "False", "FALSE", "no",  "No",
                                         "NO",    "off",   "Off",   "OFF", NULL};

    node->plain = true;
    if (one_of(s, nulls)) {
        node->kind = DOC_NULL;
    } else if (one_of(s, trues) || one_of(s, falses)) {
        node->kind = DOC_BOOL;
        node->boolean = one_of(s, trues);
    } else if (integer(s, node)) {
        return; /* it has set both */
    } else if (real(s, node)) {
        node->kind = DOC_REAL;
    } else {
        node->kind = DOC_STRING;
        node->n = (uint32_t)n;
        node->text = arena_strndup(text, s, n);
    }
}
