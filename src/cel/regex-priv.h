#pragma once
/* regex-priv - the program that a pattern becomes. regex-parse.c makes it, regex.c runs it. */
#include <locale.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REGEX_LARGEST 20000 /* instructions, once {n,m} is written out */

struct cel_regex_class {
    struct {
        uint32_t first, last;
    } * ranges;
    size_t n, cap;
    bool negated, fold; /* fold: compares without regard to case */
};

enum regex_op {
    REGEX_CLASS, /* one character of cls, then pc + 1 */
    REGEX_SPLIT, /* x and y */
    REGEX_JUMP,  /* x */
    REGEX_AT_START,
    REGEX_AT_END,
    REGEX_AT_LINE_START,
    REGEX_AT_LINE_END,
    REGEX_AT_WORD, /* between a word character and another one */
    REGEX_NOT_AT_WORD,
    REGEX_MATCH,
};

struct regex_inst {
    enum regex_op op;
    uint32_t x, y;
    const struct cel_regex_class *cls;
};

struct cel_regex {
    struct regex_inst *insts;
    uint32_t n;
    locale_t locale; /* for fold beyond ASCII; may be 0 */
    /* Room for a run: two lists of threads, a stack, and who is on the list already. */
    uint32_t *now, *next, *stack, *seen;
};
