/* regex-class - reading a pattern's characters, escapes and classes. */
#include <string.h>

#include "cel/cel-priv.h"
#include "cel/regex-priv.h"

void *regex_wrong(struct regex_reader *r, const char *why)
{
    if (!r->why)
        r->why = why;
    return NULL;
}

bool regex_at(const struct regex_reader *r, const char *what)
{
    size_t n = strlen(what);

    return (size_t)(r->end - r->s) >= n && memcmp(r->s, what, n) == 0;
}

bool regex_eat(struct regex_reader *r, const char *what)
{
    if (!regex_at(r, what))
        return false;
    r->s += strlen(what);
    return true;
}

uint32_t regex_get(struct regex_reader *r)
{
    size_t n;
    uint32_t c = cel_utf8_get(r->s, r->end, &n);

    r->s += n;
    return c;
}

/* ---- classes ---- */

struct cel_regex_class *regex_new_class(struct regex_reader *r)
{
    struct cel_regex_class *cls = arena_alloc(r->arena, sizeof *cls);

    cls->fold = r->flags.fold;
    r->any_fold |= cls->fold;
    return cls;
}

void regex_add_range(struct regex_reader *r, struct cel_regex_class *cls, uint32_t first,
                     uint32_t last)
{
    if (cls->n == cls->cap) {
        size_t cap = cls->cap ? cls->cap * 2 : 4;
        void *grown = arena_alloc(r->arena, cap * sizeof *cls->ranges);

        if (cls->n)
            memcpy(grown, cls->ranges, cls->n * sizeof *cls->ranges);
        cls->ranges = grown;
        cls->cap = cap;
    }
    cls->ranges[cls->n].first = first;
    cls->ranges[cls->n++].last = last;
}

/* A set of ASCII, given as pairs in ascending order, or all but it. */
void regex_add_set(struct regex_reader *r, struct cel_regex_class *cls, const char *pairs,
                   bool negated)
{
    uint32_t from = 0;

    for (; *pairs; pairs += 2) {
        uint32_t first = (unsigned char)pairs[0], last = (unsigned char)pairs[1];

        if (!negated)
            regex_add_range(r, cls, first, last);
        else if (first > from)
            regex_add_range(r, cls, from, first - 1);
        from = last + 1;
    }
    if (negated)
        regex_add_range(r, cls, from, 0x10ffff);
}

/* \d \s \w and their opposites. */
bool regex_perl(struct regex_reader *r, struct cel_regex_class *cls)
{
    static const struct {
        char name, opposite;
        const char *pairs;
    } sets[] = {{'d', 'D', "09"}, {'s', 'S', "\t\n\f\r  "}, {'w', 'W', "09AZ__az"}};

    for (size_t i = 0; i < 3 && r->end - r->s >= 2; i++) {
        if (r->s[0] == '\\' && (r->s[1] == sets[i].name || r->s[1] == sets[i].opposite)) {
            regex_add_set(r, cls, sets[i].pairs, r->s[1] == sets[i].opposite);
            r->s += 2;
            return true;
        }
    }
    return false;
}

bool regex_named(struct regex_reader *r, struct cel_regex_class *cls)
{
    static const struct {
        const char *name, *pairs;
    } sets[] = {{"alnum:]", "09AZaz"},   {"alpha:]", "AZaz"},   {"ascii:]", NULL},
                {"blank:]", "\t\t  "},   {"cntrl:]", NULL},     {"digit:]", "09"},
                {"graph:]", "!~"},       {"lower:]", "az"},     {"print:]", " ~"},
                {"punct:]", "!/:@[`{~"}, {"space:]", "\t\r  "}, {"upper:]", "AZ"},
                {"word:]", "09AZ__az"},  {"xdigit:]", "09AFaf"}};
    const char *start = r->s;
    bool negated;

    if (!regex_eat(r, "[:"))
        return false;
    negated = regex_eat(r, "^");
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        if (!regex_eat(r, sets[i].name))
            continue;
        if (sets[i].pairs) {
            regex_add_set(r, cls, sets[i].pairs, negated);
        } else if (sets[i].name[0] == 'a') { /* sets with a NUL in them */
            regex_add_range(r, cls, negated ? 0x80 : 0, negated ? 0x10ffff : 0x7f);
        } else {
            regex_add_range(r, cls, negated ? ' ' : 0, negated ? '~' : 0x1f);
            regex_add_range(r, cls, negated ? 0x80 : 0x7f, negated ? 0x10ffff : 0x7f);
        }
        return true;
    }
    r->s = start;
    return false;
}

/* \x7F, \x{10FFFF} */
static int64_t hex_escape(struct regex_reader *r)
{
    bool braces = regex_eat(r, "{");
    int64_t c = 0;
    int n = 0;

    for (; r->s < r->end && n < (braces ? 8 : 2); n++, r->s++) {
        char d = *r->s;

        if (d >= '0' && d <= '9')
            c = c * 16 + (d - '0');
        else if ((d | 32) >= 'a' && (d | 32) <= 'f')
            c = c * 16 + ((d | 32) - 'a' + 10);
        else
            break;
    }
    if (n == 0 || (!braces && n != 2) || (braces && !regex_eat(r, "}")))
        return -1;
    return c <= 0x10ffff ? c : -1;
}

static bool is_octal(const struct regex_reader *r)
{
    return r->s < r->end && *r->s >= '0' && *r->s <= '7';
}

/* \123, \0; the first digit is taken already. \1 to \7 alone would be a back-reference. */
static int64_t octal_escape(struct regex_reader *r, uint32_t first)
{
    int64_t code = first - '0';

    if (first != '0' && !is_octal(r))
        return regex_wrong(r, "back-references do not exist in RE2"), -1;
    for (int i = 0; i < 2 && is_octal(r); i++)
        code = code * 8 + (*r->s++ - '0');
    return code;
}

static bool is_punctuation(uint32_t c)
{
    return c > ' ' && c < 0x7f && !(c >= '0' && c <= '9') && !((c | 32) >= 'a' && (c | 32) <= 'z');
}

int64_t regex_escaped(struct regex_reader *r)
{
    static const char from[] = "aftnrv", to[] = "\a\f\t\n\r\v";
    const char *found;
    uint32_t c;
    int64_t code;

    if (r->s == r->end)
        return regex_wrong(r, "it ends in a backslash"), -1;
    c = regex_get(r);
    found = c && c < 0x80 ? strchr(from, (int)c) : NULL;
    if (found)
        return to[found - from];
    if (c == 'x') {
        code = hex_escape(r);
        return code < 0 ? (regex_wrong(r, "\\x needs two digits, or digits in braces"), -1) : code;
    }
    if (c >= '0' && c <= '7')
        return octal_escape(r, c);
    if (is_punctuation(c))
        return c;
    if (c == 'p' || c == 'P')
        return regex_wrong(r, "\\p classes are not known here: list the characters"), -1;
    return regex_wrong(r, "no such escape"), -1;
}

int64_t regex_class_char(struct regex_reader *r)
{
    if (r->s == r->end)
        return regex_wrong(r, "a '[' has no ']'"), -1;
    return regex_eat(r, "\\") ? regex_escaped(r) : (int64_t)regex_get(r);
}
