/* regex - runs a pattern's program: all threads side by side (Thompson), so that the time is the
 * text's length times the program's size at worst, whatever the pattern. */
#include <wctype.h>

#include "cel/cel-priv.h"
#include "cel/regex-priv.h"

#define NONE UINT32_MAX /* no character: before the first one, after the last one */

struct run {
    const struct cel_regex *re;
    uint32_t before, here; /* the characters around the place */
    uint32_t turn;         /* seen[pc] == turn: pc is on the list */
    bool matched;
};

static bool has(const struct cel_regex_class *cls, uint32_t c)
{
    for (size_t i = 0; i < cls->n; i++) {
        if (c >= cls->ranges[i].first && c <= cls->ranges[i].last)
            return true;
    }
    return false;
}

static uint32_t lower(const struct cel_regex *re, uint32_t c)
{
    if (c < 0x80 || !re->locale)
        return c >= 'A' && c <= 'Z' ? c + 32 : c;
    return (uint32_t)towlower_l((wint_t)c, re->locale);
}

static uint32_t upper(const struct cel_regex *re, uint32_t c)
{
    if (c < 0x80 || !re->locale)
        return c >= 'a' && c <= 'z' ? c - 32 : c;
    return (uint32_t)towupper_l((wint_t)c, re->locale);
}

static bool takes(const struct cel_regex *re, const struct cel_regex_class *cls, uint32_t c)
{
    bool found = has(cls, c);

    if (!found && cls->fold)
        found =
            has(cls, lower(re, c)) || has(cls, upper(re, c)) || has(cls, lower(re, upper(re, c)));
    return found != cls->negated;
}

static bool is_word(uint32_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

static bool holds(const struct run *run, enum regex_op op)
{
    switch (op) {
    case REGEX_AT_START:
        return run->before == NONE;
    case REGEX_AT_END:
        return run->here == NONE;
    case REGEX_AT_LINE_START:
        return run->before == NONE || run->before == '\n';
    case REGEX_AT_LINE_END:
        return run->here == NONE || run->here == '\n';
    case REGEX_AT_WORD:
        return is_word(run->before) != is_word(run->here);
    default:
        return is_word(run->before) == is_word(run->here);
    }
}

/* Puts on the list what can be reached from pc without taking a character; returns its new length.
 */
static size_t follow(struct run *run, uint32_t pc, uint32_t *list, size_t n)
{
    const struct cel_regex *re = run->re;
    size_t depth = 0;

    re->stack[depth++] = pc;
    while (depth) {
        const struct regex_inst *inst;

        pc = re->stack[--depth];
        if (re->seen[pc] == run->turn)
            continue;
        re->seen[pc] = run->turn;
        inst = &re->insts[pc];
        switch (inst->op) {
        case REGEX_CLASS:
            list[n++] = pc;
            break;
        case REGEX_SPLIT:
            re->stack[depth++] = inst->x;
            re->stack[depth++] = inst->y;
            break;
        case REGEX_JUMP:
            re->stack[depth++] = inst->x;
            break;
        case REGEX_MATCH:
            run->matched = true;
            break;
        default:
            if (holds(run, inst->op))
                re->stack[depth++] = pc + 1;
        }
    }
    return n;
}

size_t cel_regex_bytes(const struct cel_regex *re)
{
    return re->n * (sizeof *re->insts + 5 * sizeof *re->now) + sizeof *re;
}

bool cel_regex_find(struct cel_ctx *ctx, const struct cel_regex *re, const char *s, size_t n)
{
    struct run run = {.re = re, .before = NONE};
    const char *end = s + n;
    size_t n_next = 0;

    for (uint32_t pc = 0; pc < re->n; pc++)
        re->seen[pc] = 0;
    for (;;) {
        size_t n_now = 0, len = 0, cost;

        run.here = s < end ? cel_utf8_get(s, end, &len) : NONE;
        run.turn++;
        for (size_t i = 0; i < n_next; i++)
            n_now = follow(&run, re->next[i], re->now, n_now);
        n_now = follow(&run, 0, re->now, n_now);
        if (run.matched || s == end)
            return run.matched;
        n_next = 0;
        cost = 4;
        for (size_t i = 0; i < n_now; i++) {
            cost += 1 + re->insts[re->now[i]].cls->n / 2;
            if (takes(re, re->insts[re->now[i]].cls, run.here))
                re->next[n_next++] = re->now[i] + 1;
        }
        if (!cel_charge(ctx, cost / 4))
            return false;
        run.before = run.here;
        s += len;
    }
}
