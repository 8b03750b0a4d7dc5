/* SQL in words. */
#include "store/db-token.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static bool in_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

/* To the end of a quoted text: the quote itself stands in it twice. */
static const char *quoted(const char *p)
{
    char quote = *p++;

    while (*p && (*p != quote || p[1] == quote))
        p += *p == quote ? 2 : 1;
    return *p ? p + 1 : p;
}

/* Past spaces and comments; tells what the last comment held. */
static const char *blank(const char *p, const char **ret_comment, size_t *ret_n)
{
    for (;;) {
        if (isspace((unsigned char)*p)) {
            p++;
        } else if (p[0] == '-' && p[1] == '-') {
            p += strcspn(p, "\n");
        } else if (p[0] == '/' && p[1] == '*') {
            const char *end = strstr(p + 2, "*/");

            *ret_comment = p + 2;
            *ret_n = end ? (size_t)(end - p) - 2 : strlen(p + 2);
            p = end ? end + 2 : p + strlen(p);
        } else {
            return p;
        }
    }
}

const char *tokens_read(const char *sql, struct tokens *tokens, const char **ret_only,
                        size_t *ret_only_n)
{
    const char *p = sql, *comment = NULL;
    size_t comment_n = 0;

    tokens->n = 0;
    *ret_only = NULL;
    while (*p) {
        const char *start = blank(p, &comment, &comment_n);
        struct token token = {.kind = TOKEN_OTHER, .p = start, .space = start != p};

        if (tokens->n == 0 && comment) {
            *ret_only = comment;
            *ret_only_n = comment_n;
        }
        p = start;
        if (!*p || *p == ';') {
            if (*p)
                p++;
            if (tokens->n)
                break;
            *ret_only = comment = NULL;
            continue;
        }
        if (*p == '\'' || *p == '"') {
            token.kind = TOKEN_QUOTED;
            p = quoted(p);
        } else if (isdigit((unsigned char)*p)) {
            while (in_word(*p) || *p == '.')
                p++;
        } else if (in_word(*p)) {
            token.kind = TOKEN_WORD;
            while (in_word(*p))
                p++;
        } else {
            token.kind = *p == '?' ? TOKEN_PARAM : TOKEN_OTHER;
            p++;
        }
        token.n = (size_t)(p - start);
        DH_GROW(tokens->items, tokens->n, tokens->cap);
        tokens->items[tokens->n++] = token;
    }
    return tokens->n ? p : NULL;
}

void tokens_done(struct tokens *tokens)
{
    free(tokens->items);
    *tokens = (struct tokens){0};
}

bool token_is(const struct tokens *tokens, size_t i, const char *text)
{
    return i < tokens->n && tokens->items[i].n == strlen(text) &&
           !memcmp(tokens->items[i].p, text, tokens->items[i].n);
}

size_t tokens_close(const struct tokens *tokens, size_t i)
{
    size_t depth = 0;

    for (; i < tokens->n; i++) {
        if (token_is(tokens, i, "("))
            depth++;
        else if (token_is(tokens, i, ")") && --depth == 0)
            break;
    }
    return i;
}

char *token_name(const struct tokens *tokens, size_t i)
{
    const struct token *t = &tokens->items[i];

    return t->kind == TOKEN_QUOTED && t->n >= 2 ? dh_strndup(t->p + 1, t->n - 2)
                                                : dh_strndup(t->p, t->n);
}
