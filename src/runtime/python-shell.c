/* The words of a shell script (POSIX, Shell Command Language 2.2 and 2.3), without running it. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "runtime/python-priv.h"

struct lexer {
    const char *at;
    struct arena *arena;
    struct shell_token *tokens;
    size_t n, cap;
    bool failed;
};

static void push(struct lexer *l, struct shell_token token)
{
    DH_GROW(l->tokens, l->n, l->cap);
    l->tokens[l->n++] = token;
}

/* $name, ${…}, $(…), `…`: passed over, brackets matched. */
static void expansion(struct lexer *l)
{
    char open = l->at[1], close = open == '(' ? ')' : '}';
    int depth = 0;

    if (*l->at == '`') {
        const char *end = strchr(l->at + 1, '`');

        l->failed |= !end;
        l->at = end ? end + 1 : l->at + strlen(l->at);
        return;
    }
    l->at++;
    if (open != '(' && open != '{')
        return;
    for (; *l->at; l->at++) {
        depth += (*l->at == open) - (*l->at == close);
        if (depth == 0) {
            l->at++;
            return;
        }
    }
    l->failed = true;
}

static void double_quoted(struct lexer *l, struct buf *text, bool *expands)
{
    for (l->at++; *l->at && *l->at != '"';) {
        if (*l->at == '$' || *l->at == '`') {
            *expands = true;
            expansion(l);
        } else {
            if (*l->at == '\\' && l->at[1] && strchr("$`\"\\", l->at[1]))
                l->at++;
            buf_addc(text, *l->at++);
        }
    }
    l->failed |= *l->at != '"';
    l->at += *l->at == '"';
}

static void single_quoted(struct lexer *l, struct buf *text)
{
    const char *end = strchr(l->at + 1, '\'');

    if (!end) {
        l->failed = true;
        return;
    }
    buf_add(text, l->at + 1, (size_t)(end - l->at - 1));
    l->at = end + 1;
}

static void word(struct lexer *l)
{
    const char *begin = l->at;
    struct buf text = {0};
    bool expands = false;

    while (*l->at && !strchr(" \t\r\n;&|()<>", *l->at) && !l->failed) {
        if (*l->at == '\'')
            single_quoted(l, &text);
        else if (*l->at == '"')
            double_quoted(l, &text, &expands);
        else if (*l->at == '$' || *l->at == '`') {
            expands = true;
            expansion(l);
        } else if (*l->at == '\\' && l->at[1] == '\n')
            l->at += 2;
        else {
            l->at += *l->at == '\\' && l->at[1];
            buf_addc(&text, *l->at++);
        }
    }
    push(l,
         (struct shell_token){SHELL_WORD, arena_strndup(l->arena, begin, (size_t)(l->at - begin)),
                              arena_strdup(l->arena, buf_str(&text)), expands});
    buf_done(&text);
}

static void operator(struct lexer *l)
{
    size_t n = strchr("&|<>;", *l->at) && l->at[1] == *l->at ? 2 : 1;
    const char *text = *l->at == '\n' ? ";" : arena_strndup(l->arena, l->at, n);

    push(l, (struct shell_token){SHELL_OP, text, text, false});
    l->at += n;
}

struct shell_token *shell_split(const char *script, struct arena *a)
{
    struct lexer l = {.at = script, .arena = a};
    struct shell_token *tokens;

    while (*l.at && !l.failed) {
        if (strchr(" \t\r", *l.at))
            l.at++;
        else if (*l.at == '\\' && l.at[1] == '\n')
            l.at += 2;
        else if (*l.at == '#')
            l.at += strcspn(l.at, "\n");
        else if (strchr("\n;&|()<>", *l.at))
            operator(&l);
        else
            word(&l);
    }
    push(&l, (struct shell_token){SHELL_END, "", "", false});
    tokens = arena_alloc(a, l.n * sizeof *tokens);
    memcpy(tokens, l.tokens, l.n * sizeof *tokens);
    free(l.tokens);
    return l.failed ? NULL : tokens;
}
