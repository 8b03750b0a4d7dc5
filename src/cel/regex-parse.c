/* regex-parse - RE2's syntax to a program for regex.c.
 *
 * Not there: \p and \C. A bound on the program's size, reckoned before it is written, is what makes
 * nested repetitions harmless. */
#include <string.h>

#include "base/limits.h"
#include "cel/cel-priv.h"
#include "cel/regex-priv.h"

enum re_kind { RE_EMPTY, RE_CLASS, RE_ASSERT, RE_CAT, RE_ALT, RE_REPEAT };

struct re {
    enum re_kind kind;
    enum regex_op assertion;
    struct cel_regex_class *cls;
    struct re **of;
    size_t n, cap;
    int min, max; /* of a repetition; max -1: none */
    size_t size;
};

static struct re *alternatives(struct regex_reader *r);

static struct re *new_re(struct regex_reader *r, enum re_kind kind)
{
    struct re *re = arena_alloc(r->arena, sizeof *re);

    re->kind = kind;
    re->size = 1;
    return re;
}

static bool add(struct regex_reader *r, struct re *to, struct re *part)
{
    if (!part)
        return false;
    if (to->n == to->cap) {
        struct re **grown =
            arena_alloc(r->arena, (to->cap ? to->cap * 2 : 4) * sizeof(struct re *));

        for (size_t i = 0; i < to->n; i++)
            grown[i] = to->of[i];
        to->of = grown;
        to->cap = to->cap ? to->cap * 2 : 4;
    }
    to->of[to->n++] = part;
    to->size += part->size + 2;
    if (to->size > REGEX_LARGEST)
        (void)regex_wrong(r, "it is too large");
    return !r->why;
}

/* ---- atoms of one character ---- */

static struct re *class(struct regex_reader *r)
{
    struct re *re = new_re(r, RE_CLASS);
    bool first = true;

    re->cls = regex_new_class(r);
    re->cls->negated = regex_eat(r, "^");
    for (; first || !regex_eat(r, "]"); first = false) {
        int64_t lo, hi;

        if (regex_perl(r, re->cls) || regex_named(r, re->cls))
            continue;
        lo = hi = regex_class_char(r);
        if (lo >= 0 && r->end - r->s >= 2 && r->s[0] == '-' && r->s[1] != ']') {
            r->s++;
            hi = regex_class_char(r);
        }
        if (lo < 0 || hi < 0)
            return NULL;
        if (hi < lo)
            return regex_wrong(r, "a range in a class runs backwards");
        regex_add_range(r, re->cls, (uint32_t)lo, (uint32_t)hi);
        re->size++;
        if (re->size > REGEX_LARGEST)
            return regex_wrong(r, "it is too large");
    }
    re->size = 1;
    return re;
}

static struct re *one(struct regex_reader *r, uint32_t c)
{
    struct re *re = new_re(r, RE_CLASS);

    re->cls = regex_new_class(r);
    regex_add_range(r, re->cls, c, c);
    return re;
}

/* ---- atoms ---- */

static struct re *assertion(struct regex_reader *r, enum regex_op op)
{
    struct re *re = new_re(r, RE_ASSERT);

    re->assertion = op;
    return re;
}

static struct re *quoted(struct regex_reader *r)
{
    struct re *re = new_re(r, RE_CAT);

    while (r->s < r->end && !regex_eat(r, "\\E")) {
        if (!add(r, re, one(r, regex_get(r))))
            return NULL;
    }
    return re;
}

static struct re *backslash(struct regex_reader *r)
{
    struct re *re = new_re(r, RE_CLASS);
    int64_t c;

    re->cls = regex_new_class(r);
    if (regex_perl(r, re->cls))
        return re;
    if (regex_eat(r, "\\A"))
        return assertion(r, REGEX_AT_START);
    if (regex_eat(r, "\\z"))
        return assertion(r, REGEX_AT_END);
    if (regex_eat(r, "\\b"))
        return assertion(r, REGEX_AT_WORD);
    if (regex_eat(r, "\\B"))
        return assertion(r, REGEX_NOT_AT_WORD);
    if (regex_eat(r, "\\Q"))
        return quoted(r);
    r->s++;
    c = regex_escaped(r);
    return c < 0 ? NULL : one(r, (uint32_t)c);
}

static struct re *any(struct regex_reader *r)
{
    struct re *re = new_re(r, RE_CLASS);

    re->cls = regex_new_class(r);
    re->cls->fold = false;
    if (r->flags.dot_all)
        regex_add_range(r, re->cls, 0, 0x10ffff);
    else
        regex_add_set(r, re->cls, "\n\n", true);
    return re;
}

/* The flags of "(?i-s" up to ')' or ':', which is taken. *ret_group: it was ':'. */
static bool read_flags(struct regex_reader *r, bool *ret_group)
{
    bool on = true;

    for (; r->s < r->end; r->s++) {
        switch (*r->s) {
        case 'i':
            r->flags.fold = on;
            break;
        case 'm':
            r->flags.lines = on;
            break;
        case 's':
            r->flags.dot_all = on;
            break;
        case 'U': /* which match is found first: no difference to whether there is one */
            break;
        case '-':
            on = false;
            break;
        case ')':
        case ':':
            *ret_group = *r->s++ == ':';
            return true;
        default:
            return regex_wrong(r, "no such flag or group after '(?'"), false;
        }
    }
    return regex_wrong(r, "a '(' has no ')'"), false;
}

static bool group_name(struct regex_reader *r)
{
    const char *start = r->s;

    while (r->s < r->end && (*r->s == '_' || (*r->s >= '0' && *r->s <= '9') ||
                             ((*r->s | 32) >= 'a' && (*r->s | 32) <= 'z')))
        r->s++;
    return (r->s > start && regex_eat(r, ">")) ||
           (regex_wrong(r, "a group's name is of letters, digits, '_'"), false);
}

static struct re *group(struct regex_reader *r)
{
    struct regex_flags before = r->flags;
    struct re *re;
    bool is_group = true;

    if (regex_eat(r, "?P<") || regex_eat(r, "?<")) {
        if (!group_name(r))
            return NULL;
    } else if (regex_eat(r, "?")) {
        if (!read_flags(r, &is_group))
            return NULL;
        if (!is_group) /* they hold to the end of the group around */
            return new_re(r, RE_EMPTY);
    }
    if (++r->depth > LIMIT_CEL_DEPTH)
        return regex_wrong(r, "its groups are nested too deep");
    re = alternatives(r);
    r->depth--;
    r->flags = before;
    if (re && !regex_eat(r, ")"))
        return regex_wrong(r, "a '(' has no ')'");
    return re;
}

static struct re *atom(struct regex_reader *r)
{
    switch (*r->s) {
    case '(':
        r->s++;
        return group(r);
    case '[':
        r->s++;
        return class(r);
    case '\\':
        return backslash(r);
    case '.':
        r->s++;
        return any(r);
    case '^':
        r->s++;
        return assertion(r, r->flags.lines ? REGEX_AT_LINE_START : REGEX_AT_START);
    case '$':
        r->s++;
        return assertion(r, r->flags.lines ? REGEX_AT_LINE_END : REGEX_AT_END);
    case '*':
    case '+':
    case '?':
        return regex_wrong(r, "a repetition has nothing before it");
    default:
        return one(r, regex_get(r));
    }
}

/* ---- repetition, sequence, choice ---- */

static bool count(const char **s, const char *end, int *ret)
{
    const char *start = *s;

    for (*ret = 0; *s < end && **s >= '0' && **s <= '9'; ++*s)
        *ret = *ret > 1000 ? *ret : *ret * 10 + (**s - '0');
    return *s > start;
}

/* "{2}", "{2,}", "{2,5}"; anything else is text. */
static bool braces(struct regex_reader *r, int *min, int *max)
{
    const char *s = r->s;

    if (s == r->end || *s++ != '{' || !count(&s, r->end, min))
        return false;
    *max = *min;
    if (s < r->end && *s == ',') {
        s++;
        if (!count(&s, r->end, max))
            *max = -1;
    }
    if (s == r->end || *s != '}')
        return false;
    r->s = s + 1;
    return true;
}

static bool repetition(struct regex_reader *r, int *min, int *max)
{
    *min = 0;
    *max = -1;
    if (regex_eat(r, "*"))
        return true;
    if (regex_eat(r, "+")) {
        *min = 1;
        return true;
    }
    if (regex_eat(r, "?")) {
        *max = 1;
        return true;
    }
    return braces(r, min, max);
}

static struct re *repeated(struct regex_reader *r)
{
    struct re *re = atom(r), *over;
    size_t times;
    int min, max;

    if (!re || !repetition(r, &min, &max))
        return re;
    if (min > 1000 || max > 1000 || (max >= 0 && max < min))
        return regex_wrong(
            r, "a repetition counts from a smaller to a larger number, at most to 1000");
    (void)regex_eat(r, "?"); /* lazy */
    over = new_re(r, RE_REPEAT);
    over->min = min;
    over->max = max;
    times = (size_t)(max > min ? max : min) + 1;
    if (!add(r, over, re) || re->size > REGEX_LARGEST / times)
        return regex_wrong(r, "it is too large");
    over->size = (re->size + 1) * times + 2;
    if (repetition(r, &min, &max))
        return regex_wrong(r, "a repetition of a repetition needs parentheses");
    return over;
}

static struct re *alternatives(struct regex_reader *r)
{
    struct re *alt = new_re(r, RE_ALT);

    do {
        struct re *cat = new_re(r, RE_CAT);

        while (r->s < r->end && *r->s != '|' && *r->s != ')') {
            if (!add(r, cat, repeated(r)))
                return NULL;
        }
        if (!add(r, alt, cat))
            return NULL;
    } while (regex_eat(r, "|"));
    return alt->n == 1 ? alt->of[0] : alt;
}

/* ---- instructions ---- */

static uint32_t emit(struct cel_regex *to, enum regex_op op)
{
    to->insts[to->n].op = op;
    return to->n++;
}

static void write_re(struct cel_regex *to, const struct re *re);

static void write_alt(struct cel_regex *to, const struct re *re)
{
    uint32_t last = UINT32_MAX; /* jumps to the end, chained through x until it is known */

    for (size_t i = 0; i < re->n; i++) {
        uint32_t split = 0, jump;

        if (i + 1 < re->n) {
            split = emit(to, REGEX_SPLIT);
            to->insts[split].x = to->n;
        }
        write_re(to, re->of[i]);
        if (i + 1 < re->n) {
            jump = emit(to, REGEX_JUMP);
            to->insts[jump].x = last;
            last = jump;
            to->insts[split].y = to->n;
        }
    }
    while (last != UINT32_MAX) {
        uint32_t before = to->insts[last].x;

        to->insts[last].x = to->n;
        last = before;
    }
}

static void write_repeat(struct cel_regex *to, const struct re *re)
{
    uint32_t last = UINT32_MAX, split;

    for (int i = 0; i < re->min; i++)
        write_re(to, re->of[0]);
    if (re->max < 0) {
        split = emit(to, REGEX_SPLIT);
        to->insts[split].x = to->n;
        write_re(to, re->of[0]);
        to->insts[emit(to, REGEX_JUMP)].x = split;
        to->insts[split].y = to->n;
        return;
    }
    for (int i = re->min; i < re->max; i++) {
        split = emit(to, REGEX_SPLIT);
        to->insts[split].x = to->n;
        to->insts[split].y = last;
        last = split;
        write_re(to, re->of[0]);
    }
    while (last != UINT32_MAX) {
        uint32_t before = to->insts[last].y;

        to->insts[last].y = to->n;
        last = before;
    }
}

static void write_re(struct cel_regex *to, const struct re *re)
{
    switch (re->kind) {
    case RE_EMPTY:
        break;
    case RE_CLASS:
        to->insts[emit(to, REGEX_CLASS)].cls = re->cls;
        break;
    case RE_ASSERT:
        (void)emit(to, re->assertion);
        break;
    case RE_CAT:
        for (size_t i = 0; i < re->n; i++)
            write_re(to, re->of[i]);
        break;
    case RE_ALT:
        write_alt(to, re);
        break;
    case RE_REPEAT:
        write_repeat(to, re);
        break;
    }
}

static void free_locale(void *locale)
{
    freelocale(locale);
}

const struct cel_regex *cel_regex_compile(struct arena *arena, const char *pattern, size_t n,
                                          const char **ret_why)
{
    struct regex_reader r = {.arena = arena, .s = pattern, .end = pattern + n};
    struct cel_regex *to;
    struct re *re = alternatives(&r);
    size_t room;

    if (re && r.s < r.end)
        re = regex_wrong(&r, "a ')' has no '('");
    if (!re) {
        *ret_why = r.why;
        return NULL;
    }
    room = re->size + 2;
    to = arena_alloc(arena, sizeof *to);
    to->insts = arena_alloc(arena, room * sizeof *to->insts);
    write_re(to, re);
    (void)emit(to, REGEX_MATCH);
    to->now = arena_alloc(arena, (to->n + 1) * sizeof *to->now);
    to->next = arena_alloc(arena, (to->n + 1) * sizeof *to->next);
    to->stack = arena_alloc(arena, (2 * (size_t)to->n + 2) * sizeof *to->stack);
    to->seen = arena_alloc(arena, to->n * sizeof *to->seen);
    if (r.any_fold) {
        to->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
        if (to->locale)
            arena_on_free(arena, free_locale, to->locale);
    }
    return to;
}
