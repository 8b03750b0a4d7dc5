#pragma once
/* db-token - SQL in words, for db-dialect.c and db-tables.c. Texts are borrowed from the statement.
 */
#include <stdbool.h>
#include <stddef.h>

enum token_kind {
    TOKEN_WORD,   /* a keyword, type or plain name */
    TOKEN_QUOTED, /* "name" or 'text' */
    TOKEN_PARAM,  /* ? */
    TOKEN_OTHER,  /* a number, or a sign of one character */
};
struct token {
    enum token_kind kind;
    const char *p;
    size_t n;
    bool space; /* something stands between it and the one before */
};
struct tokens {
    struct token *items;
    size_t n, cap;
};

/* The first statement of `sql`, without its ';'. Returns what comes after it; NULL: the text is at
 * its end and *tokens is empty. *ret_only is the inside of a comment before the first word (the
 * databases that the statement is for) or NULL. */
const char *tokens_read(const char *sql, struct tokens *tokens, const char **ret_only,
                        size_t *ret_only_n);
void tokens_done(struct tokens *tokens);
bool token_is(const struct tokens *tokens, size_t i, const char *text); /* false past the end */
/* The place of the ')' that closes the '(' at `i`; n where there is none. */
size_t tokens_close(const struct tokens *tokens, size_t i);
char *token_name(const struct tokens *tokens, size_t i); /* without quotes; the caller's */
