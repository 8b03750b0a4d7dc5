#include "cli/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/js.h"
#include "base/mem.h"
#include "base/nearest.h"

struct given {
    const struct cli_option *option;
    const char *value; /* "" for a switch */
};

struct cli_args {
    struct given *given;
    size_t n_given, cap_given;
    const char **operands;
    size_t n_operands, cap_operands;
};

struct cli_args *cli_args_new(void)
{
    return dh_zalloc(1, sizeof(struct cli_args));
}

struct cli_args *cli_args_free(struct cli_args *args)
{
    if (args) {
        free(args->given);
        free(args->operands);
        free(args);
    }
    return NULL;
}

/* ---- reading ---- */

static const struct cli_option *find(const struct cli_command *command, const char *name, size_t n,
                                     char letter)
{
    const struct cli_option *tables[] = {command ? command->options : NULL, cli_global_options};

    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const struct cli_option *o = tables[t]; o && o->name; o++)
            if (letter ? o->letter == letter : strlen(o->name) == n && !memcmp(o->name, name, n))
                return o;
    return NULL;
}

static int unknown(const struct cli_command *command, const char *word, struct dh_err *err)
{
    own_mem char *name = dh_strndup(word, strcspn(word, "="));
    struct nearest nearest = {.word = name + strspn(name, "-")};
    const struct cli_option *tables[] = {command ? command->options : NULL, cli_global_options};

    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const struct cli_option *o = tables[t]; o && o->name; o++)
            nearest_try(&nearest, o->name);
    if (nearest.best && !strncmp(word, "--", 2))
        return dh_fail(err, DH_INVALID, "unknown option '%s'; did you mean '--%s'?", name,
                       nearest.best);
    return dh_fail(err, DH_INVALID, "unknown option '%s'; see 'dhow%s%s --help'", name,
                   command ? " " : "", command ? command->name : "");
}

static bool is_choice(const char *choices, const char *value)
{
    size_t n = strlen(value);

    for (const char *at = choices; *at; at += strspn(at, " ")) {
        size_t len = strcspn(at, " ");

        if (len == n && !memcmp(at, value, n))
            return true;
        at += len;
    }
    return false;
}

static int give(struct cli_args *args, const struct cli_option *option, const char *value,
                struct dh_err *err)
{
    if (option->choices && !is_choice(option->choices, value))
        return dh_fail(err, DH_INVALID, "--%s %s: expected one of: %s", option->name, value,
                       option->choices);
    if (option->kind != CLI_FILE && js_utf8_valid(value, strlen(value)) < strlen(value))
        return dh_fail(err, DH_INVALID, "--%s: the value is not text in UTF-8", option->name);
    DH_GROW(args->given, args->n_given, args->cap_given);
    args->given[args->n_given++] = (struct given){.option = option, .value = value};
    return 0;
}

/* One argument that begins with "--"; *at is its place, moved on where it takes the next one. */
static int parse_long(const struct cli_command *command, int argc, char **argv, int *at,
                      struct cli_args *args, struct dh_err *err)
{
    const char *word = argv[*at], *name = word + 2;
    size_t n = strcspn(name, "=");
    const struct cli_option *option = find(command, name, n, 0);
    const char *value = name[n] ? name + n + 1 : NULL;

    if (!option)
        return unknown(command, word, err);
    if (!option->value) {
        if (value)
            return dh_fail(err, DH_INVALID, "--%s takes no value", option->name);
        return give(args, option, "", err);
    }
    if (!value && *at + 1 < argc)
        value = argv[++*at];
    if (!value)
        return dh_fail(err, DH_INVALID, "--%s needs a value: --%s %s", option->name, option->name,
                       option->value);
    return give(args, option, value, err);
}

static int parse_letters(const struct cli_command *command, int argc, char **argv, int *at,
                         struct cli_args *args, struct dh_err *err)
{
    const char *word = argv[*at];

    for (const char *c = word + 1; *c; c++) {
        const struct cli_option *option = find(command, NULL, 0, *c);

        if (!option)
            return unknown(command, word, err);
        if (!option->value) {
            if (give(args, option, "", err) < 0)
                return -1;
            continue;
        }
        if (c[1])
            return give(args, option, c + 1 + (c[1] == '='), err);
        if (*at + 1 < argc)
            return give(args, option, argv[++*at], err);
        return dh_fail(err, DH_INVALID, "-%c needs a value: -%c %s", *c, *c, option->value);
    }
    return 0;
}

int cli_parse(const struct cli_command *command, int argc, char **argv, struct cli_args *args,
              int *ret_at, struct dh_err *err)
{
    bool ended = false;
    int i;

    for (i = 0; i < argc; i++) {
        const char *word = argv[i];
        int rc = 0;

        if (!ended && !strcmp(word, "--")) {
            ended = true;
        } else if (!ended && word[0] == '-' && word[1] == '-') {
            rc = parse_long(command, argc, argv, &i, args, err);
        } else if (!ended && word[0] == '-' && word[1]) {
            rc = parse_letters(command, argc, argv, &i, args, err);
        } else if (!command) {
            break;
        } else {
            DH_GROW(args->operands, args->n_operands, args->cap_operands);
            args->operands[args->n_operands++] = word;
        }
        if (rc < 0)
            return -1;
    }
    if (ret_at)
        *ret_at = i;
    return 0;
}

/* ---- asking ---- */

const char *cli_get(const struct cli_args *args, const char *option)
{
    for (size_t i = args->n_given; i-- > 0;)
        if (!strcmp(args->given[i].option->name, option))
            return args->given[i].value;
    return NULL;
}

bool cli_has(const struct cli_args *args, const char *option)
{
    return cli_get(args, option) != NULL;
}

const char *cli_get_at(const struct cli_args *args, const char *option, size_t i)
{
    for (size_t k = 0; k < args->n_given; k++)
        if (!strcmp(args->given[k].option->name, option) && i-- == 0)
            return args->given[k].value;
    return NULL;
}

int cli_get_int(const struct cli_args *args, const char *option, long min, long other, long *ret,
                struct dh_err *err)
{
    const char *text = cli_get(args, option);
    char *end;
    long value;

    if (!text) {
        *ret = other;
        return 0;
    }
    errno = 0;
    value = strtol(text, &end, 10);
    if (errno || end == text || *end || value < min)
        return dh_fail(err, DH_INVALID, "--%s %s: expected a whole number from %ld on", option,
                       text, min);
    *ret = value;
    return 0;
}

size_t cli_n(const struct cli_args *args)
{
    return args->n_operands;
}

const char *cli_at(const struct cli_args *args, size_t i)
{
    return i < args->n_operands ? args->operands[i] : NULL;
}
