#pragma once
/* regex-priv - the program that a pattern becomes. regex-parse.c makes it, regex.c runs it. */
#include <locale.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

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

/* ---- reading a pattern ---- */

struct regex_flags {
    bool fold, lines, dot_all;
};

struct regex_reader {
    struct arena *arena;
    const char *s, *end;
    const char *why; /* what is wrong; NULL: nothing yet */
    struct regex_flags flags;
    unsigned depth;
    bool any_fold;
};

void *regex_wrong(struct regex_reader *r, const char *why); /* NULL, for whoever returns one */
bool regex_at(const struct regex_reader *r, const char *what);
bool regex_eat(struct regex_reader *r, const char *what);
uint32_t regex_get(struct regex_reader *r); /* the next character */

struct cel_regex_class *regex_new_class(struct regex_reader *r);
void regex_add_range(struct regex_reader *r, struct cel_regex_class *cls, uint32_t first,
                     uint32_t last);
/* A set of ASCII, given as pairs in ascending order, or all but it. */
void regex_add_set(struct regex_reader *r, struct cel_regex_class *cls, const char *pairs,
                   bool negated);
bool regex_perl(struct regex_reader *r, struct cel_regex_class *cls);  /* \d \s \w */
bool regex_named(struct regex_reader *r, struct cel_regex_class *cls); /* [:alpha:] in a class */
int64_t regex_escaped(struct regex_reader *r); /* a character after its backslash; -1: r->why */
int64_t regex_class_char(struct regex_reader *r);
