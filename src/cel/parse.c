/* parse - tokens to tree: recursive descent over CEL's grammar, with a bound on its depth.
 *
 * && and || become one node however many operands they have; every other chain is as deep as it is
 * long and ends at LIMIT_CEL_DEPTH, so that whoever walks the tree may recurse. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "cel/cel-priv.h"

struct parser {
    struct cel_lexer lex;
    unsigned depth;
};

struct nodes {
    struct cel_node **p;
    size_t n, cap;
};

static struct cel_node *expression(struct parser *p);
static struct cel_node *unary(struct parser *p);

static void *fail_at(struct parser *p, size_t at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void *fail_at(struct parser *p, size_t at, const char *fmt, ...)
{
    char what[400];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    (void)cel_syntax(&p->lex, at, "%s", what);
    return NULL;
}

static void *expected(struct parser *p, const char *what)
{
    const struct cel_lexer *lex = &p->lex;

    if (lex->token == CEL_T_END)
        return fail_at(p, lex->at, "expected %s, found the end of the expression", what);
    return fail_at(p, lex->at, "expected %s, found '%.*s'", what,
                   lex->end - lex->at > 40 ? 40 : (int)(lex->end - lex->at), lex->text + lex->at);
}

static bool next(struct parser *p)
{
    return cel_next(&p->lex) == 0;
}

/* Takes the token where it is that one; false with err filled where it is not. */
static bool eat(struct parser *p, const char *what)
{
    char quoted[8];

    if (cel_punct(&p->lex, what))
        return next(p);
    (void)snprintf(quoted, sizeof quoted, "'%s'", what);
    (void)expected(p, quoted);
    return false;
}

/* A node over args, which are copied; NULL with err filled where it would be too deep. */
static struct cel_node *node(struct parser *p, enum cel_node_kind kind, size_t at,
                             struct cel_node *const *args, size_t n)
{
    struct cel_node *e = arena_alloc(p->lex.arena, sizeof *e);

    e->kind = kind;
    e->at = (uint32_t)at;
    e->end = (uint32_t)p->lex.before;
    e->n_args = n;
    e->args = arena_alloc(p->lex.arena, (n ? n : 1) * sizeof(struct cel_node *));
    for (size_t i = 0; i < n; i++) {
        e->args[i] = args[i];
        if (args[i]->depth >= e->depth)
            e->depth = args[i]->depth + 1;
    }
    if (e->depth > LIMIT_CEL_DEPTH)
        return fail_at(p, at, "nested deeper than %d", LIMIT_CEL_DEPTH);
    return e;
}

static struct cel_node *call(struct parser *p, size_t at, const char *name,
                             struct cel_node *const *args, size_t n, bool receiver)
{
    struct cel_node *e = node(p, CEL_NODE_CALL, at, args, n);

    if (e) {
        e->name = name;
        e->receiver = receiver;
        e->calls = cel_overloads(name);
    }
    return e;
}

static struct cel_node *literal(struct parser *p, size_t at, struct cel_val val)
{
    struct cel_node *e;

    if (!next(p))
        return NULL;
    e = node(p, CEL_NODE_CONST, at, NULL, 0);
    if (e)
        e->val = val;
    return e;
}

static bool push(struct nodes *to, struct cel_node *e)
{
    if (!e)
        return false;
    DH_GROW(to->p, to->n, to->cap);
    to->p[to->n++] = e;
    return true;
}

static void nodes_done(struct nodes *list)
{
    free(list->p);
}
#define own_nodes __attribute__((cleanup(nodes_done)))

/* After an element of a list: true where another one follows, *ret_ok where all is well. A comma
 * may stand before the end of a literal, not of an argument list. */
static bool more(struct parser *p, const char *close, size_t n, bool trailing, bool *ret_ok)
{
    *ret_ok = true;
    if (cel_punct(&p->lex, close)) {
        *ret_ok = next(p);
        return false;
    }
    if (n == 0)
        return true;
    if (!cel_punct(&p->lex, ",")) {
        (void)expected(p, *close == ')'   ? "',' or ')'"
                          : *close == ']' ? "',' or ']'"
                                          : "',' or '}'");
        *ret_ok = false;
        return false;
    }
    *ret_ok = next(p);
    return *ret_ok && !(trailing && cel_punct(&p->lex, close) && (*ret_ok = next(p), true));
}

/* Expressions up to the closing token, which is taken. */
static bool list(struct parser *p, const char *close, bool trailing, struct nodes *to)
{
    size_t before = to->n;
    bool ok;

    while (more(p, close, to->n - before, trailing, &ok)) {
        if (!push(to, expression(p)))
            return false;
    }
    return ok;
}

const char *cel_dotted(struct arena *arena, const struct cel_node *e)
{
    const char *up;

    if (e->kind == CEL_NODE_IDENT)
        return e->name;
    if (e->kind != CEL_NODE_SELECT)
        return NULL;
    up = cel_dotted(arena, e->args[0]);
    return up ? arena_printf(arena, "%s.%s", up, e->name) : NULL;
}

/* Is it a.b.c? Without building the text, which would cost the square of its length. */
static bool is_dotted(const struct cel_node *e)
{
    while (e->kind == CEL_NODE_SELECT)
        e = e->args[0];
    return e->kind == CEL_NODE_IDENT;
}

/* Type{field: value, …}, at its '{'. */
static struct cel_node *structure(struct parser *p, struct cel_node *type)
{
    own_nodes struct nodes vals = {0};
    own_mem const char **fields = NULL;
    size_t cap = 0, at = type->at;
    struct cel_node *e;
    bool ok;

    if (!next(p))
        return NULL;
    while (more(p, "}", vals.n, true, &ok)) {
        if (p->lex.token != CEL_T_IDENT && p->lex.token != CEL_T_QUOTED)
            return expected(p, "a field's name");
        DH_GROW(fields, vals.n, cap);
        fields[vals.n] = p->lex.name;
        if (!next(p) || !eat(p, ":") || !push(&vals, expression(p)))
            return NULL;
    }
    if (!ok)
        return NULL;
    e = node(p, CEL_NODE_STRUCT, at, vals.p, vals.n);
    if (!e)
        return NULL;
    e->name = cel_dotted(p->lex.arena, type);
    e->fields = arena_alloc(p->lex.arena, (vals.n + 1) * sizeof *e->fields);
    for (size_t i = 0; i < vals.n; i++)
        e->fields[i] = fields[i];
    return e;
}

static struct cel_node *map(struct parser *p)
{
    own_nodes struct nodes pairs = {0};
    size_t at = p->lex.at;
    bool ok;

    if (!next(p))
        return NULL;
    while (more(p, "}", pairs.n, true, &ok)) {
        if (!push(&pairs, expression(p)) || !eat(p, ":") || !push(&pairs, expression(p)))
            return NULL;
    }
    if (!ok)
        return NULL;
    return node(p, CEL_NODE_MAP, at, pairs.p, pairs.n);
}

static struct cel_node *has(struct parser *p, size_t at, const struct nodes *args)
{
    struct cel_node *e;

    if (args->n != 1 || args->p[0]->kind != CEL_NODE_SELECT)
        return fail_at(p, at, "has() takes one argument, a field: has(a.b)");
    e = node(p, CEL_NODE_HAS, at, args->p[0]->args, 1);
    if (e)
        e->name = args->p[0]->name;
    return e;
}

static bool is_reserved(const char *name)
{
    static const char *const words[] = {
        "as",  "break", "const",   "continue",  "else",   "for", "function", "if",   "import",
        "let", "loop",  "package", "namespace", "return", "var", "void",     "while"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(words[i], name) == 0)
            return true;
    }
    return false;
}

static bool is_keyword(const char *name)
{
    return strcmp(name, "true") == 0 || strcmp(name, "false") == 0 || strcmp(name, "null") == 0 ||
           strcmp(name, "in") == 0;
}

/* A name that begins an expression: a variable, a type, a function. */
static struct cel_node *ident(struct parser *p, bool rooted, size_t at)
{
    own_nodes struct nodes args = {0};
    struct cel_node *e;
    const char *name = p->lex.name;

    if (p->lex.token != CEL_T_IDENT || is_keyword(name))
        return expected(p, "a name");
    if (is_reserved(name))
        return fail_at(p, p->lex.at, "'%s' is a reserved word: it cannot name a variable", name);
    if (!next(p))
        return NULL;
    if (cel_punct(&p->lex, "(")) {
        if (!next(p) || !list(p, ")", false, &args))
            return NULL;
        if (strcmp(name, "has") == 0)
            return has(p, at, &args);
        return call(p, at, name, args.p, args.n, false);
    }
    e = node(p, CEL_NODE_IDENT, at, NULL, 0);
    if (e) {
        e->name = name;
        e->rooted = rooted;
    }
    return e;
}

/* true, false, null, or a name. */
static struct cel_node *word(struct parser *p, size_t at)
{
    if (strcmp(p->lex.name, "true") == 0)
        return literal(p, at, cel_bool(true));
    if (strcmp(p->lex.name, "false") == 0)
        return literal(p, at, cel_bool(false));
    if (strcmp(p->lex.name, "null") == 0)
        return literal(p, at, cel_null());
    return ident(p, false, at);
}

static struct cel_node *parens(struct parser *p)
{
    struct cel_node *e;

    if (!next(p))
        return NULL;
    e = expression(p);
    return e && eat(p, ")") ? e : NULL;
}

static struct cel_node *primary(struct parser *p)
{
    own_nodes struct nodes items = {0};
    size_t at = p->lex.at;
    struct cel_val val;

    switch (p->lex.token) {
    case CEL_T_INT:
    case CEL_T_UINT:
    case CEL_T_DOUBLE:
        return cel_number(&p->lex, false, &val) < 0 ? NULL : literal(p, at, val);
    case CEL_T_STRING:
    case CEL_T_BYTES:
        return literal(p, at, p->lex.val);
    case CEL_T_IDENT:
        return word(p, at);
    default:
        break;
    }
    if (cel_punct(&p->lex, "."))
        return next(p) ? ident(p, true, at) : NULL;
    if (cel_punct(&p->lex, "("))
        return parens(p);
    if (cel_punct(&p->lex, "["))
        return next(p) && list(p, "]", true, &items) ? node(p, CEL_NODE_LIST, at, items.p, items.n)
                                                     : NULL;
    if (cel_punct(&p->lex, "{"))
        return map(p);
    return expected(p, "an expression");
}

/* The macros that are written range.name(variable, …); NULL without a failure: it is none. */
static struct cel_node *macro(struct parser *p, const char *name, const struct nodes *args,
                              bool *ret_is)
{
    static const struct {
        const char *name;
        size_t n_args; /* with the range */
        enum cel_macro macro;
    } macros[] = {
        {"all", 3, CEL_ALL},
        {"exists", 3, CEL_EXISTS},
        {"exists_one", 3, CEL_EXISTS_ONE},
        {"existsOne", 3, CEL_EXISTS_ONE},
        {"map", 3, CEL_MAP_TO},
        {"map", 4, CEL_MAP_IF},
        {"filter", 3, CEL_FILTER},
    };
    struct cel_node *parts[3] = {0}, *e;

    *ret_is = false;
    for (size_t i = 0; i < sizeof macros / sizeof *macros; i++) {
        if (strcmp(macros[i].name, name) != 0 || macros[i].n_args != args->n)
            continue;
        *ret_is = true;
        if (args->p[1]->kind != CEL_NODE_IDENT || args->p[1]->rooted)
            return fail_at(p, args->p[1]->at, "%s(): the first argument must be a simple name",
                           name);
        parts[0] = args->p[0];
        for (size_t k = 2; k < args->n; k++)
            parts[k - 1] = args->p[k];
        e = node(p, CEL_NODE_MACRO, args->p[0]->at, parts, args->n - 1);
        if (e) {
            e->macro = macros[i].macro;
            e->name = args->p[1]->name;
        }
        return e;
    }
    return NULL;
}

/* What may follow a '.': a field, or a call with `on` as its receiver. */
static struct cel_node *member(struct parser *p, struct cel_node *on)
{
    own_nodes struct nodes args = {0};
    struct cel_node *e;
    const char *name;
    bool is;

    if (!next(p))
        return NULL;
    if (p->lex.token != CEL_T_IDENT && p->lex.token != CEL_T_QUOTED)
        return expected(p, "a field's name");
    name = p->lex.name;
    if (p->lex.token == CEL_T_IDENT && is_keyword(name))
        return fail_at(p, p->lex.at, "'%s' is a keyword: write [\"%s\"] for a key of that name",
                       name, name);
    is = p->lex.token == CEL_T_QUOTED;
    if (!next(p))
        return NULL;
    if (is || !cel_punct(&p->lex, "(")) {
        e = node(p, CEL_NODE_SELECT, on->at, &on, 1);
        if (e)
            e->name = name;
        return e;
    }
    if (!push(&args, on) || !next(p) || !list(p, ")", false, &args))
        return NULL;
    e = macro(p, name, &args, &is);
    return is ? e : call(p, on->at, name, args.p, args.n, true);
}

/* Fields, indexes and calls after `e`. */
static struct cel_node *postfix(struct parser *p, struct cel_node *e)
{
    while (e) {
        if (cel_punct(&p->lex, ".")) {
            e = member(p, e);
        } else if (cel_punct(&p->lex, "[")) {
            struct cel_node *pair[2] = {e, NULL};

            if (!next(p))
                return NULL;
            pair[1] = expression(p);
            if (!pair[1] || !eat(p, "]"))
                return NULL;
            e = call(p, e->at, "_[_]", pair, 2, false);
        } else if (cel_punct(&p->lex, "{") && is_dotted(e)) {
            e = structure(p, e);
        } else {
            break;
        }
    }
    return e;
}

static bool is_number(const struct parser *p)
{
    return p->lex.token == CEL_T_INT || p->lex.token == CEL_T_DOUBLE;
}

/* A number after a '-' that belongs to it: the only way to write the smallest int. */
static struct cel_node *negative(struct parser *p, size_t at)
{
    struct cel_val val;

    return cel_number(&p->lex, true, &val) < 0 ? NULL : postfix(p, literal(p, at, val));
}

/* Takes a run of one operator; *ret_last: where its last one stands. */
static bool run_of(struct parser *p, const char *op, size_t *ret_n, size_t *ret_last)
{
    for (*ret_n = 0; cel_punct(&p->lex, op); ++*ret_n) {
        *ret_last = p->lex.at;
        if (!next(p))
            return false;
    }
    return true;
}

/* As in cel-go, a pair of '!' or '-' is nothing, whatever stands behind it. */
static struct cel_node *unary(struct parser *p)
{
    size_t at = p->lex.at, last = at, n_not, n_minus;
    struct cel_node *e;

    if (!run_of(p, "!", &n_not, &last) || !run_of(p, "-", &n_minus, &last))
        return NULL;
    if (n_not && n_minus && (n_minus > 1 || !is_number(p)))
        return fail_at(p, last, "a '-' between '!' and its operand: parentheses are missing");
    if (n_minus && is_number(p)) {
        n_minus--;
        e = negative(p, last);
    } else {
        e = postfix(p, primary(p));
    }
    if (e && n_minus % 2)
        e = call(p, at, "-_", &e, 1, false);
    return e && n_not % 2 ? call(p, at, "!_", &e, 1, false) : e;
}

/* Binary operators, weakest first; all bind to the left. */
static const struct {
    const char *token, *name;
    int level;
} operators[] = {
    {"==", "_==_", 0}, {"!=", "_!=_", 0}, {"<=", "_<=_", 0}, {">=", "_>=_", 0},
    {"<", "_<_", 0},   {">", "_>_", 0},   {"in", "@in", 0},  {"+", "_+_", 1},
    {"-", "_-_", 1},   {"*", "_*_", 2},   {"/", "_/_", 2},   {"%", "_%_", 2},
};

static const char *operator_at(const struct cel_lexer *lex, int level)
{
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        if (operators[i].level != level)
            continue;
        if (cel_punct(lex, operators[i].token) ||
            (lex->token == CEL_T_IDENT && strcmp(lex->name, operators[i].token) == 0))
            return operators[i].name;
    }
    return NULL;
}

static struct cel_node *binary(struct parser *p, int level)
{
    struct cel_node *pair[2];
    const char *name;

    if (level > 2)
        return unary(p);
    pair[0] = binary(p, level + 1);
    while (pair[0] && (name = operator_at(&p->lex, level))) {
        if (!next(p))
            return NULL;
        pair[1] = binary(p, level + 1);
        pair[0] = pair[1] ? call(p, pair[0]->at, name, pair, 2, false) : NULL;
    }
    return pair[0];
}

static struct cel_node *logic(struct parser *p, bool or)
{
    own_nodes struct nodes all = {0};
    size_t at = p->lex.at;

    do {
        if (all.n && !next(p))
            return NULL;
        if (!push(&all, or ? logic(p, false) : binary(p, 0)))
            return NULL;
    } while (cel_punct(&p->lex, or ? "||" : "&&"));
    return all.n == 1 ? all.p[0] : node(p, or ? CEL_NODE_OR : CEL_NODE_AND, at, all.p, all.n);
}

static struct cel_node *choice(struct parser *p)
{
    size_t at = p->lex.at;
    struct cel_node *parts[3] = {logic(p, true), NULL, NULL};

    if (!parts[0] || !cel_punct(&p->lex, "?"))
        return parts[0];
    if (!next(p))
        return NULL;
    parts[1] = logic(p, true);
    if (!parts[1] || !eat(p, ":"))
        return NULL;
    parts[2] = expression(p);
    return parts[2] ? node(p, CEL_NODE_IF, at, parts, 3) : NULL;
}

static struct cel_node *expression(struct parser *p)
{
    struct cel_node *e;

    if (p->depth >= LIMIT_CEL_DEPTH)
        return fail_at(p, p->lex.at, "nested deeper than %d", LIMIT_CEL_DEPTH);
    p->depth++;
    e = choice(p);
    p->depth--;
    return e;
}

int cel_parse(struct cel_program *program, struct dh_err *err)
{
    struct parser p = {
        .lex = {.text = program->text, .n = program->n_text, .arena = program->arena, .err = err}};

    if (!next(&p))
        return -1;
    program->root = expression(&p);
    if (!program->root)
        return -1;
    if (p.lex.token != CEL_T_END) {
        (void)expected(&p, "an operator or the end of the expression");
        return -1;
    }
    return 0;
}
