#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/nearest.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/out.h"

enum { MAX_WORDS = 8 };

/* The table that main.c has; here a command of our own is parsed beside it. */
const struct cli_command *const cli_commands[] = {NULL};
const struct cli_option cli_global_options[] = {
    {.name = "home", .value = "DIR", .help = ""},
    {.name = "help", .letter = 'h', .help = ""},
    {.name = NULL},
};

static const struct cli_option options[] = {
    {.name = "param", .letter = 'p', .value = "NAME=VALUE", .repeats = true, .help = ""},
    {.name = "jobs", .letter = 'j', .value = "N", .help = ""},
    {.name = "cache", .value = "MODE", .choices = "on off read", .help = ""},
    {.name = "quiet", .letter = 'q', .help = ""},
    {.name = "detach", .letter = 'd', .help = ""},
    {.name = NULL},
};
static const struct cli_command command = {.name = "run", .options = options};

/* Options as "name=value " in the order of the table, then operands in brackets. */
static char *describe(const struct cli_args *args)
{
    struct buf b = {0};

    for (const struct cli_option *o = options; o->name; o++)
        for (size_t i = 0; cli_get_at(args, o->name, i); i++)
            buf_addf(&b, "%s=%s ", o->name, cli_get_at(args, o->name, i));
    if (cli_get(args, "home"))
        buf_addf(&b, "home=%s ", cli_get(args, "home"));
    for (size_t i = 0; i < cli_n(args); i++)
        buf_addf(&b, "[%s]", cli_at(args, i));
    return buf_take(&b);
}

static void options_are_read(void **state)
{
    static const struct {
        const char *argv[MAX_WORDS], *answer, *error;
    } cases[] = {
        {{"f.yaml"}, "[f.yaml]", NULL},
        {{"-p", "a=1", "f.yaml", "-p", "b=2"}, "param=a=1 param=b=2 [f.yaml]", NULL},
        {{"-pa=1", "--param=b=2", "--param", "c"}, "param=a=1 param=b=2 param=c ", NULL},
        {{"-qd", "-j4"}, "jobs=4 quiet= detach= ", NULL},
        {{"-qj", "4", "x"}, "jobs=4 quiet= [x]", NULL},
        {{"-j=4"}, "jobs=4 ", NULL},
        {{"--jobs", "4", "--jobs", "5"}, "jobs=4 jobs=5 ", NULL},
        {{"--cache", "read", "--home", "/h"}, "cache=read home=/h ", NULL},
        {{"-", "--", "-q", "--"}, "[-][-q][--]", NULL},
        {{"--jobs="}, "jobs= ", NULL},
        {{"--cache", "maybe"}, NULL, "--cache maybe: expected one of: on off read"},
        {{"--cache", "o"}, NULL, "--cache o: expected one of: on off read"},
        {{"--cache", ""}, NULL, "--cache : expected one of: on off read"},
        {{"--cahce", "on"}, NULL, "unknown option '--cahce'; did you mean '--cache'?"},
        {{"--xyz=1"}, NULL, "unknown option '--xyz'; see 'dhow run --help'"},
        {{"-qx"}, NULL, "unknown option '-qx'; see 'dhow run --help'"},
        {{"--jobs"}, NULL, "--jobs needs a value: --jobs N"},
        {{"-p"}, NULL, "-p needs a value: -p NAME=VALUE"},
        {{"--quiet=yes"}, NULL, "--quiet takes no value"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        own(cli_args_free) struct cli_args *args = cli_args_new();
        own_mem char *answer = NULL;
        char *argv[MAX_WORDS];
        struct dh_err err;
        int argc = 0, rc;

        for (; argc < MAX_WORDS && cases[i].argv[argc]; argc++)
            argv[argc] = (char *)(uintptr_t)cases[i].argv[argc];
        rc = cli_parse(&command, argc, argv, args, NULL, &err);
        if (cases[i].error) {
            assert_int_equal(rc, -1);
            assert_int_equal(err.code, DH_INVALID);
            assert_string_equal(err.msg, cases[i].error);
            continue;
        }
        assert_int_equal(rc, 0);
        answer = describe(args);
        assert_string_equal(answer, cases[i].answer);
    }
}

static void global_options_end_at_the_command(void **state)
{
    own(cli_args_free) struct cli_args *args = cli_args_new();
    char *argv[] = {(char[]){"--home"}, (char[]){"/h"}, (char[]){"run"}, (char[]){"-q"}};
    int at = -1;
    (void)state;

    assert_int_equal(cli_parse(NULL, 4, argv, args, &at, NULL), 0);
    assert_int_equal(at, 2);
    assert_string_equal(cli_get(args, "home"), "/h");
    assert_int_equal(cli_n(args), 0);
}

static void near_names_are_found(void **state)
{
    static const char *const names[] = {"run", "runs", "resume", "retry", "validate"};
    static const char *const cases[][2] = {
        {"rum", "run"},          {"rnu", "run"},  {"ruuns", "runs"}, {"retyr", "retry"},
        {"valdate", "validate"}, {"serve", NULL}, {"x", NULL},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct nearest nearest = {.word = cases[i][0]};

        for (size_t k = 0; k < sizeof names / sizeof *names; k++)
            nearest_try(&nearest, names[k]);
        if (cases[i][1])
            assert_string_equal(nearest.best, cases[i][1]);
        else
            assert_null(nearest.best);
    }
}

static void places_are_split(void **state)
{
    static const char *const cases[][4] = {
        {"last", "last", NULL, NULL},
        {"17/train", "17", "train", NULL},
        {"17/train/model", "17", "train", "model"},
        {"17/loop[3].train/a/b", "17", "loop[3].train", "a/b"},
        {"17/", "17", NULL, NULL},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        own_place struct cli_place place;
        const char *parts[3];

        cli_place_split(cases[i][0], &place);
        parts[0] = place.run;
        parts[1] = place.task;
        parts[2] = place.output;
        for (int k = 0; k < 3; k++) {
            assert_int_equal(!parts[k], !cases[i][k + 1]);
            if (parts[k])
                assert_string_equal(parts[k], cases[i][k + 1]);
        }
    }
}

static void values_fit_a_cell(void **state)
{
    static const struct {
        const char *json;
        size_t max;
        const char *text;
    } cases[] = {
        {"\"a\\nb\"", 0, "a b"},   {"\"\\u001b[31mred\"", 0, " [31mred"},
        {"\"grüße\"", 5, "grüße"}, {"\"grüße\"", 4, "grü…"},
        {"[1, 2]", 0, "[1, 2]"},   {"1.0", 0, "1"},
        {"0.1", 0, "0.1"},         {"0.12345678", 0, "0.123457"},
        {"1e300", 0, "1e+300"},    {"0.00000012", 0, "1.2e-07"},
        {"null", 0, "null"},       {"-2.5", 0, "-2.5"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        own(js_free) struct js *value = NULL;
        own_mem char *text = NULL;

        assert_int_equal(js_parse(cases[i].json, strlen(cases[i].json), &value, NULL), 0);
        text = out_value(value, cases[i].max);
        assert_string_equal(text, cases[i].text);
    }
}

static void tables_line_up(void **state)
{
    own_mem char *text = NULL;
    size_t n;
    FILE *to = open_memstream(&text, &n);
    struct out_table *table = out_table_new(to, false);
    (void)state;

    out_column(table, "NAME", OUT_LEFT);
    out_column(table, "N", OUT_RIGHT);
    out_column(table, "", OUT_LEFT);
    out_cell(table, "größer", OUT_BOLD);
    out_cellf(table, "%d", 7);
    out_cell(table, NULL, OUT_PLAIN);
    out_cell(table, "b", OUT_PLAIN);
    out_cellf(table, "%d", 1234);
    out_cell(table, "end", OUT_PLAIN);
    out_table_print(table, "> ");
    assert_int_equal(out_n_rows(table), 2);
    out_table_free(table);
    (void)fclose(to);
    assert_string_equal(text, "> NAME       N\n> größer     7\n> b       1234  end\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_read),     cmocka_unit_test(global_options_end_at_the_command),
        cmocka_unit_test(near_names_are_found), cmocka_unit_test(places_are_split),
        cmocka_unit_test(values_fit_a_cell),    cmocka_unit_test(tables_line_up),
    };

    return cmocka_run_group_tests_name("cli", tests, NULL, NULL);
}
