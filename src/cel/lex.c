/* lex - the expression's text as tokens. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cel/cel-priv.h"

int cel_syntax(struct cel_lexer *lex, size_t at, const char *fmt, ...)
{
    unsigned line, column;
    char what[512];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    cel_line_column(lex->text, at, &line, &column);
    return dh_fail(lex->err, DH_INVALID, "%u:%u: %s", line, column, what);
}

bool cel_punct(const struct cel_lexer *lex, const char *what)
{
    return lex->token == CEL_T_PUNCT && strlen(what) == lex->end - lex->at &&
           memcmp(lex->text + lex->at, what, lex->end - lex->at) == 0;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int hex(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static char peek(const struct cel_lexer *lex, size_t at)
{
    return at < lex->n ? lex->text[at] : '\0';
}

static size_t skip_blank(const struct cel_lexer *lex, size_t at)
{
    while (at < lex->n) {
        if (strchr(" \t\n\f\r", lex->text[at]) && lex->text[at]) {
            at++;
        } else if (lex->text[at] == '/' && peek(lex, at + 1) == '/') {
            while (at < lex->n && lex->text[at] != '\n')
                at++;
        } else {
            break;
        }
    }
    return at;
}

/* Reads n digits. -1: they are not there. */
static int64_t digits(const struct cel_lexer *lex, size_t at, size_t n, int base)
{
    int64_t c = 0;

    for (size_t i = 0; i < n; i++) {
        int h = hex(peek(lex, at + i));

        if (h < 0 || h >= base)
            return -1;
        c = c * base + h;
    }
    return c;
}

/* \x7f, \u00e9, \U0001f431, \303: how many digits, in which base, from where. 0: none of these. */
static size_t numeric(char c, bool bytes, int *ret_base, size_t *ret_skip)
{
    *ret_base = 16;
    *ret_skip = 2;
    if (c == 'x' || c == 'X')
        return 2;
    if (!bytes && (c == 'u' || c == 'U'))
        return c == 'u' ? 4 : 8;
    *ret_base = 8;
    *ret_skip = 1;
    return c >= '0' && c <= '3' ? 3 : 0;
}

/* One escape at *at (the backslash), appended to `to`. */
static int escape(struct cel_lexer *lex, size_t *at, bool bytes, char *to, size_t *n)
{
    static const char plain[] = "abfnrtv\\?\"'`", meaning[] = "\a\b\f\n\r\t\v\\?\"'`";
    char c = peek(lex, *at + 1);
    const char *found = c ? strchr(plain, c) : NULL;
    size_t n_digits, skip;
    int64_t code;
    int base;

    if (found) {
        to[(*n)++] = meaning[found - plain];
        *at += 2;
        return 0;
    }
    n_digits = numeric(c, bytes, &base, &skip);
    if (!n_digits)
        return cel_syntax(lex, *at, "no such escape%s; write \\\\ for a backslash",
                          bytes ? " in bytes" : " in a string");
    code = digits(lex, *at + skip, n_digits, base);
    if (code < 0)
        return cel_syntax(lex, *at, "expected %zu %s digits after the backslash", n_digits,
                          base == 8 ? "octal" : "hexadecimal");
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return cel_syntax(lex, *at, "not a Unicode code point");
    *at += skip + n_digits;
    if (bytes)
        to[(*n)++] = (char)code;
    else
        *n += cel_utf8_put((uint32_t)code, to + *n);
    return 0;
}

/* Where the closing quotes are; 0: nowhere. */
static size_t closing(const struct cel_lexer *lex, size_t at, char quote, bool triple, bool raw)
{
    for (; at < lex->n; at++) {
        char c = lex->text[at];

        if (!triple && (c == '\n' || c == '\r'))
            return 0;
        if (c == quote && (!triple || (peek(lex, at + 1) == quote && peek(lex, at + 2) == quote)))
            return at;
        if (c == '\\' && !raw)
            at++;
    }
    return 0;
}

/* The string whose opening quote is at `at`. */
static int string(struct cel_lexer *lex, size_t at, bool bytes, bool raw)
{
    char quote = lex->text[at];
    bool triple = peek(lex, at + 1) == quote && peek(lex, at + 2) == quote;
    size_t n = 0, n_quotes = triple ? 3 : 1;
    size_t end = closing(lex, at + n_quotes, quote, triple, raw);
    char *to;

    if (!end)
        return cel_syntax(lex, lex->at, "this %s has no end: expected %.*s",
                          bytes ? "bytes literal" : "string", (int)n_quotes,
                          quote == '"' ? "\"\"\"" : "'''");
    at += n_quotes;
    to = arena_alloc(lex->arena, end - at + 1); /* an escape is never shorter than its meaning */
    while (at < end) {
        if (lex->text[at] != '\\' || raw)
            to[n++] = lex->text[at++];
        else if (escape(lex, &at, bytes, to, &n) < 0)
            return -1;
    }
    to[n] = '\0';
    lex->token = bytes ? CEL_T_BYTES : CEL_T_STRING;
    lex->end = end + n_quotes;
    lex->val = bytes ? cel_bytes(to, n) : cel_text(to, n);
    return 0;
}

/* Is there a string at `at`, perhaps after r, b or br? *ret_quote gets the place of its quote. */
static bool string_prefix(const struct cel_lexer *lex, size_t at, size_t *ret_quote,
                          bool *ret_bytes, bool *ret_raw)
{
    *ret_bytes = *ret_raw = false;
    if (peek(lex, at) == 'b' || peek(lex, at) == 'B') {
        *ret_bytes = true;
        at++;
    }
    if (peek(lex, at) == 'r' || peek(lex, at) == 'R') {
        *ret_raw = true;
        at++;
    }
    *ret_quote = at;
    return peek(lex, at) == '"' || peek(lex, at) == '\'';
}

static size_t skip_digits(const struct cel_lexer *lex, size_t at)
{
    while (is_digit(peek(lex, at)))
        at++;
    return at;
}

/* The end of a decimal number; 0 with err filled: it is none. */
static size_t decimal(struct cel_lexer *lex)
{
    size_t at = skip_digits(lex, lex->at), e;

    if (peek(lex, at) == '.' && is_digit(peek(lex, at + 1))) {
        lex->token = CEL_T_DOUBLE;
        at = skip_digits(lex, at + 1);
    }
    if (peek(lex, at) != 'e' && peek(lex, at) != 'E')
        return at;
    e = at + 1;
    e += peek(lex, e) == '+' || peek(lex, e) == '-';
    if (!is_digit(peek(lex, e)))
        return cel_syntax(lex, at, "expected digits after the exponent's e"), 0;
    lex->token = CEL_T_DOUBLE;
    return skip_digits(lex, e);
}

static int number(struct cel_lexer *lex)
{
    size_t at = lex->at;

    lex->token = CEL_T_INT;
    if (peek(lex, at) == '0' && (peek(lex, at + 1) | 32) == 'x' && hex(peek(lex, at + 2)) >= 0) {
        for (at += 2; hex(peek(lex, at)) >= 0; at++)
            ;
    } else {
        at = decimal(lex);
        if (!at)
            return -1;
    }
    if (lex->token == CEL_T_INT && (peek(lex, at) == 'u' || peek(lex, at) == 'U')) {
        lex->token = CEL_T_UINT;
        at++;
    }
    if (is_letter(peek(lex, at)))
        return cel_syntax(lex, at, "expected an operator after the number, found '%c'",
                          lex->text[at]);
    lex->end = at;
    return 0;
}

int cel_number(struct cel_lexer *lex, bool negative, struct cel_val *ret)
{
    char *text = arena_strndup(lex->arena, lex->text + lex->at, lex->end - lex->at);
    bool is_hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    uint64_t magnitude;

    if (lex->token == CEL_T_DOUBLE) {
        double d = strtod(text, NULL);

        if (isinf(d))
            return cel_syntax(lex, lex->at, "the number is too large for a double");
        *ret = cel_double(negative ? -d : d);
        return 0;
    }
    errno = 0;
    magnitude = strtoull(text, NULL, is_hex ? 16 : 10);
    if (lex->token == CEL_T_UINT) {
        if (errno == ERANGE)
            return cel_syntax(lex, lex->at, "the number is too large for a uint");
        *ret = cel_uint(magnitude);
        return 0;
    }
    if (errno == ERANGE || magnitude > (uint64_t)INT64_MAX + negative)
        return cel_syntax(lex, lex->at, "the number is too large for an int");
    *ret = cel_int(negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude);
    return 0;
}

static int quoted(struct cel_lexer *lex)
{
    size_t at = lex->at + 1;

    while (is_letter(peek(lex, at)) || is_digit(peek(lex, at)) ||
           (peek(lex, at) && strchr(".-/ ", peek(lex, at))))
        at++;
    if (peek(lex, at) != '`' || at == lex->at + 1)
        return cel_syntax(lex, lex->at,
                          "expected a name of letters, digits, '_', '.', '-', '/' "
                          "between backquotes");
    lex->token = CEL_T_QUOTED;
    lex->name = arena_strndup(lex->arena, lex->text + lex->at + 1, at - lex->at - 1);
    lex->end = at + 1;
    return 0;
}

static int punct(struct cel_lexer *lex)
{
    static const char *const two[] = {"==", "!=", "<=", ">=", "&&", "||"};
    size_t n;
    char c = lex->text[lex->at];

    lex->token = CEL_T_PUNCT;
    for (size_t i = 0; i < sizeof two / sizeof *two; i++) {
        if (c == two[i][0] && peek(lex, lex->at + 1) == two[i][1]) {
            lex->end = lex->at + 2;
            return 0;
        }
    }
    lex->end = lex->at + 1;
    if (c && strchr("+-*/%!<>?:.,()[]{}", c))
        return 0;
    if (c == '=')
        return cel_syntax(lex, lex->at, "found '=': two values are compared by '=='");
    if (c == '&' || c == '|')
        return cel_syntax(lex, lex->at, "found '%c': the operator is '%c%c'", c, c, c);
    (void)cel_utf8_get(lex->text + lex->at, lex->text + lex->n, &n);
    if (c > ' ' && c < 0x7f)
        return cel_syntax(lex, lex->at, "found '%c', which has no meaning here", c);
    return cel_syntax(lex, lex->at, "found a character outside of a string: '%.*s'",
                      c > 0 && c <= ' ' ? 0 : (int)n, lex->text + lex->at);
}

int cel_next(struct cel_lexer *lex)
{
    size_t quote;
    bool bytes, raw;
    char c;

    lex->before = lex->end;
    lex->at = lex->end = skip_blank(lex, lex->end);
    if (lex->at >= lex->n) {
        lex->token = CEL_T_END;
        return 0;
    }
    c = lex->text[lex->at];
    if (is_digit(c) || (c == '.' && is_digit(peek(lex, lex->at + 1))))
        return number(lex);
    if (string_prefix(lex, lex->at, &quote, &bytes, &raw))
        return string(lex, quote, bytes, raw);
    if (is_letter(c)) {
        size_t at = lex->at;

        while (is_letter(peek(lex, at)) || is_digit(peek(lex, at)))
            at++;
        lex->token = CEL_T_IDENT;
        lex->end = at;
        lex->name = arena_strndup(lex->arena, lex->text + lex->at, at - lex->at);
        return 0;
    }
    if (c == '`')
        return quoted(lex);
    return punct(lex);
}
