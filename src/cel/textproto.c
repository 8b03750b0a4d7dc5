#include "cel/textproto.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "cel/cel-priv.h"

struct reader {
    struct arena *arena;
    const char *text;
    size_t at, n;
};

static bool fields(struct reader *r, struct tp *message, char close);

static char peek(const struct reader *r)
{
    return r->at < r->n ? r->text[r->at] : '\0';
}

static void blank(struct reader *r)
{
    while (peek(r)) {
        if (strchr(" \t\r\n", peek(r))) {
            r->at++;
        } else if (peek(r) == '#') {
            while (peek(r) && peek(r) != '\n')
                r->at++;
        } else {
            break;
        }
    }
}

static bool eat(struct reader *r, char c)
{
    blank(r);
    if (peek(r) != c)
        return false;
    r->at++;
    return true;
}

static int digit(char c, int base)
{
    int d = c >= '0' && c <= '9'                 ? c - '0'
            : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                 : 99;

    return d < base ? d : -1;
}

static uint32_t digits(struct reader *r, int base, int most)
{
    uint32_t c = 0;

    for (int i = 0; i < most && digit(peek(r), base) >= 0; i++)
        c = c * (uint32_t)base + (uint32_t)digit(r->text[r->at++], base);
    return c;
}

static void escape(struct reader *r, struct buf *to)
{
    static const char from[] = "abfnrtv", meaning[] = "\a\b\f\n\r\t\v";
    char utf8[4], c = r->text[r->at];

    if (digit(c, 8) >= 0) {
        buf_addc(to, (char)digits(r, 8, 3));
        return;
    }
    r->at++;
    if (c == 'x' || c == 'X')
        buf_addc(to, (char)digits(r, 16, 2));
    else if (c == 'u' || c == 'U')
        buf_add(to, utf8, cel_utf8_put(digits(r, 16, c == 'u' ? 4 : 8), utf8));
    else
        buf_addc(to, strchr(from, c) ? meaning[strchr(from, c) - from] : c);
}

/* Strings that stand side by side are one. */
static bool string(struct reader *r, struct tp *field)
{
    own_buf struct buf all = {0};

    for (blank(r); peek(r) == '"' || peek(r) == '\''; blank(r)) {
        char quote = r->text[r->at++];

        while (peek(r) != quote) {
            if (!peek(r))
                return false;
            if (peek(r) == '\\' && r->at + 1 < r->n) {
                r->at++;
                escape(r, &all);
            } else {
                buf_addc(&all, r->text[r->at++]);
            }
        }
        r->at++;
    }
    field->kind = TP_STRING;
    field->n = all.n;
    field->text = memcpy(arena_alloc(r->arena, all.n + 1), buf_str(&all), all.n);
    return true;
}

static const char *word(struct reader *r, const char *more)
{
    size_t start;

    blank(r);
    for (start = r->at; peek(r) && (digit(peek(r), 10) >= 0 || (peek(r) | 32) >= 'a' ||
                                    peek(r) == '_' || strchr(more, peek(r)));
         r->at++) {
        if (strchr("{}[]<>", peek(r)) && !strchr(more, peek(r)))
            break;
    }
    return arena_strndup(r->arena, r->text + start, r->at - start);
}

static bool one(struct reader *r, struct tp *field)
{
    bool colon = eat(r, ':');

    blank(r);
    if (peek(r) == '{') {
        r->at++;
        field->kind = TP_MESSAGE;
        return fields(r, field, '}');
    }
    if (peek(r) == '"' || peek(r) == '\'')
        return string(r, field);
    field->kind = TP_WORD;
    field->text = word(r, "+-.");
    field->n = strlen(field->text);
    return field->n > 0 || !colon;
}

static bool fields(struct reader *r, struct tp *message, char close)
{
    struct tp **last = &message->first;

    for (blank(r); peek(r) != close; blank(r)) {
        struct tp *field = arena_alloc(r->arena, sizeof *field);

        field->name = peek(r) == '[' ? word(r, "[].-/") : word(r, "");
        if (!*field->name || !one(r, field))
            return false;
        *last = field;
        last = &field->next;
        if (!eat(r, ','))
            (void)eat(r, ';');
    }
    r->at += close != '\0';
    return true;
}

struct tp *tp_parse(struct arena *arena, const char *text, size_t n, size_t *ret_at)
{
    struct reader r = {.arena = arena, .text = text, .n = n};
    struct tp *top = arena_alloc(arena, sizeof *top);

    top->kind = TP_MESSAGE;
    if (fields(&r, top, '\0') && r.at == n)
        return top;
    *ret_at = r.at;
    return NULL;
}

const struct tp *tp_get(const struct tp *message, const char *name)
{
    for (const struct tp *f = message ? message->first : NULL; f; f = f->next) {
        if (strcmp(f->name, name) == 0)
            return f;
    }
    return NULL;
}

const char *tp_text(const struct tp *message, const char *name)
{
    const struct tp *f = tp_get(message, name);

    return f && f->text ? f->text : "";
}
