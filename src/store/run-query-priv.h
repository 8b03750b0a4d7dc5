#pragma once
/* Between run-query.c (conditions as SQL) and run-query-lex.c (words, keys, values). */
#include <stdbool.h>
#include <stddef.h>
#include "store/run-query.h"

enum token { END, WORD, TEXT, OP, OPEN, CLOSE, COMMA };
enum kind { METRIC, PARAM, TAG, STATE, NAME, TIME, NUMBER, DURATION, FLAG };

struct lexer {
    struct run_query *q;
    const char *all, *at, *start; /* of the token */
    enum token token;
    char *text; /* of WORD, TEXT and OP; in the arena */
    int depth;
    size_t n_values;
    bool hide;     /* columns, from the planner */
    bool rare;     /* a condition that names few runs was there */
    bool branches; /* or, not */
    struct dh_err *err;
};

struct key {
    enum kind kind;
    const char *column;      /* of the run and what is joined to it */
    const char *name, *task; /* of a metric, parameter or tag */
};

int lexer_wrong(struct lexer *x, const char *what); /* -1, with the column of the token */
int lexer_next(struct lexer *x);
bool lexer_is(const struct lexer *x, const char *keyword);
int lexer_key(struct lexer *x, struct key *ret);
/* The token as a value for `key`; `like`: always a text. */
int lexer_value(struct lexer *x, const struct key *key, bool like, struct db_val *ret);
