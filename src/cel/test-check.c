/* The parts beside the evaluator: the checker, regular expressions, time zones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cel/cel-priv.h"

struct row {
    const char *expr, *want; /* "": it checks; or, after '!', a part of the error */
};

static void check_rows(const struct row *rows, size_t n, enum cel_use use)
{
    int bad = 0;

    for (size_t i = 0; i < n; i++) {
        own(cel_free) struct cel_program *p = NULL;
        struct dh_err err = {0};
        int r = cel_compile(rows[i].expr, &p, &err);
        bool good;

        if (r == 0)
            r = cel_check(p, use, &err);
        good = *rows[i].want == '!'
                   ? r < 0 && err.code == DH_INVALID && strstr(err.msg, rows[i].want + 1)
                   : r == 0;
        if (!good) {
            print_error("%s\n  want %s\n  got  %s\n", rows[i].expr, rows[i].want,
                        r < 0 ? err.msg : "good");
            bad++;
        }
    }
    assert_int_equal(bad, 0);
}

#define P "inputs.parameter_values['x']"
static void test_check(void **state)
{
    static const struct row conditions[] = {
        {P " == 'foo' && int(" P ") > 5 && double(" P ") < 0.5 && !(" P " == true)", ""},
        {"inputs.artifacts['m'].artifacts[0].metadata['acc'] * 100.0 > 90.0", ""},
        {"outputs.output_file.startsWith('gs://')", ""},
        {P " + 1 > 2", ""},
        {P ".all(x, x > 1)", ""},
        {"inputs.parameter_values.all(k, k.startsWith('a'))", ""},
        {"has(inputs.parameter_values.x) ? " P " : false", ""},
        {"inputs.parameters['x'].string_value == 'true'", ""},
        {P " == null && 'x' in inputs.parameter_values", ""},
        {"inputs.artifacts['m'] == null", ""},
        {"type(" P ") == google.protobuf.Timestamp", ""},
        {P, ""},
        {"inputs.parameterValues['x'] == 1", "!1:1: undefined field 'parameterValues': "
                                             "ml_pipelines.ExecutorInput.Inputs has parameters, "
                                             "artifacts, parameter_values"},
        {"input.parameter_values['x'] == 1", "!1:1: undeclared reference to 'input'"},
        {"inputs.artifacts['m'].artifacts[0].meta == 1", "!undefined field 'meta'"},
        {"x == 1", "!undeclared reference to 'x' (in container ''); a condition knows inputs and"},
        {"int(" P ") > 0.5", "!found no matching overload for '_>_' applied to '(int, double)'"},
        {"int(" P ") == 'a'", "!found no matching overload for '_==_' applied to '(int, string)'"},
        {"1 == null", "!found no matching overload"},
        {"string(" P ") + 1 == 'a1'", "!found no matching overload for '_+_'"},
        {P ".lower() == 'a'",
         "!undeclared reference to 'lower' (in container ''): no such function"},
        {"size(1, 2, 3) > 0", "!found no matching overload for 'size' applied to '(int, int, …)'"},
        {"'a'.contains(1)", "!applied to '.(string, int)'"},
        {P " && 'x'", "!expected a bool, found a value of type string"},
        {"'abc'", "!a condition gives true or false; this gives a value of type string"},
        {"size(" P ")", "!this gives a value of type int"},
        {"true ? 1 : 'a'", "!the two answers of '?:' are of types int and string"},
        {"'x'.all(a, true)", "!cannot be range of a comprehension"},
        {P ".all(a, 1)", "!expected a bool"},
        {P ".matches('[')", "!not a regular expression: a '[' has no ']'"},
        {P ".all(a, b)", "!undeclared reference to 'b'"},
        {"'a'.x == 1", "!type 'string' does not support field selection: .x"},
        {"Foo{} == 1", "!no such message"},
        {"[1][0.0] == 1", "!found no matching overload for '_[_]'"},
    };
    static const struct row selectors[] = {
        {"parseJson(string_value)[\"A_a\"]", ""},
        {"struct_value.a.b", ""},
        {"list_value[0]", ""},
        {"number_value + 1.0", ""},
        {"null_value", ""},
        {"number_value + 1",
         "!found no matching overload for '_+_' applied to '(double, int)'; int(x)"},
        {"inputs", "!undeclared reference to 'inputs' (in container ''); a selector knows"},
        {"string_value.a", "!does not support field selection"},
    };

    (void)state;
    check_rows(conditions, sizeof conditions / sizeof *conditions, CEL_CONDITION);
    check_rows(selectors, sizeof selectors / sizeof *selectors, CEL_SELECTOR);
}
#undef P

static void test_params(void **state)
{
    static const char expr[] =
        "inputs.parameter_values['b'] == inputs.parameter_values.a || "
        "int(inputs.parameter_values['b']) > 3 || outputs.parameter_values['c'] "
        "|| x.inputs.parameter_values['d']";
    own(cel_free) struct cel_program *p = NULL;

    (void)state;
    assert_int_equal(cel_compile(expr, &p, NULL), 0);
    assert_int_equal(cel_n_params(p), 2);
    assert_string_equal(cel_param(p, 0), "b");
    assert_string_equal(cel_param(p, 1), "a");
    assert_null(cel_param(p, 2));
    assert_false(cel_asks_artifacts(p));
    p = cel_free(p);
    assert_int_equal(cel_compile("size(inputs.artifacts) == 0", &p, NULL), 0);
    assert_true(cel_asks_artifacts(p));
}

static void test_regex(void **state)
{
    static const struct {
        const char *pattern, *text;
        int want; /* -1: no pattern */
    } rows[] = {
        {"", "", 1},
        {"", "x", 1},
        {"a", "xay", 1},
        {"^a", "xa", 0},
        {"a$", "ab", 0},
        {"^$", "", 1},
        {"a|b", "xb", 1},
        {"^(a|b)*$", "abba", 1},
        {"^(a|b)*$", "abc", 0},
        {"a{2,3}$", "xaa", 1},
        {"^a{2,3}$", "aaaa", 0},
        {"^a{2}$", "aaa", 0},
        {"^a{2,}$", "aaaaa", 1},
        {"a{,2}", "a{,2}", 1},
        {"a{x", "a{x", 1},
        {"^a+?b*?c?$", "aac", 1},
        {"^[a-c]+$", "abc", 1},
        {"^[^a-c]+$", "abd", 0},
        {"[]a]", "]", 1},
        {"[^]a]", "]", 0},
        {"[a-]", "-", 1},
        {"[\\d.]+$", "1.5", 1},
        {"^\\w+\\s\\W$", "ab_1 -", 1},
        {"\\D", "12", 0},
        {"[[:alpha:]]", "1a", 1},
        {"^[[:^digit:]]$", "1", 0},
        {"^[[:punct:]]$", "@", 1},
        {"(?i)ABC", "xaBcx", 1},
        {"(?i)É", "é", 1},
        {"(?i)[^a]", "A", 0},
        {"a(?i)B(?-i)c", "aBc", 1},
        {"(?i:a)b", "AB", 0},
        {"a.c", "a\nc", 0},
        {"(?s)a.c", "a\nc", 1},
        {"(?m)^b$", "a\nb\nc", 1},
        {"^b$", "a\nb\nc", 0},
        {"\\Ab", "ab", 0},
        {"a\\z", "a", 1},
        {"\\bcat\\b", "a cat.", 1},
        {"\\bcat\\b", "concat", 0},
        {"\\Bcat", "concat", 1},
        {"^.$", "😀", 1},
        {"^[α-ω]+$", "αβγ", 1},
        {"\\x41\\x{1F600}\\101", "A😀A", 1},
        {"\\.\\*\\Qa.*b\\E", ".*a.*b", 1},
        {"\\Q.", ".", 1},
        {"(?P<n>a)(?<m>b)(?:c)", "abc", 1},
        {"(a*)*$", "aaaa", 1},
        {"(|a)+b", "aab", 1},
        {"()", "", 1},
        {"^(a?){30}a{30}$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 1},
        {"a**", "", -1},
        {"*", "", -1},
        {"(", "", -1},
        {")", "", -1},
        {"[", "", -1},
        {"[b-a]", "", -1},
        {"a{3,2}", "", -1},
        {"a{1001}", "", -1},
        {"\\1", "", -1},
        {"\\pL", "", -1},
        {"\\", "", -1},
        {"\\y", "", -1},
        {"(?x)a", "", -1},
        {"(?P<>a)", "", -1},
        {"((a{100}){100}){100}", "", -1},
        {"\\x{110000}", "", -1},
        {"[[:nope:]]", "n]", 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        own(arena_free) struct arena *arena = arena_new();
        const char *why = NULL;
        const struct cel_regex *re =
            cel_regex_compile(arena, rows[i].pattern, strlen(rows[i].pattern), &why);
        struct cel_ctx ctx;
        int got = -1;

        cel_ctx_init(&ctx, arena, cel_null());
        if (re)
            got = cel_regex_find(&ctx, re, rows[i].text, strlen(rows[i].text));
        else
            assert_non_null(why);
        if (got != rows[i].want)
            fail_msg("'%s' on '%s': %d, not %d", rows[i].pattern, rows[i].text, got, rows[i].want);
    }
}

/* Offsets at a moment, from the machine's files; absent where they are not installed. */
static void test_zones(void **state)
{
    static const struct {
        const char *zone;
        int64_t sec;
        int32_t want;
    } rows[] = {
        {"Europe/Berlin", 1234567890, 3600}, /* winter */
        {"Europe/Berlin", 1248000000, 7200}, /* summer */
        {"Europe/Berlin", 4102444800, 3600}, /* 2100-01-01: by rule */
        {"Europe/Berlin", 4118083200, 7200}, /* 2100-07-01 */
        {"America/New_York", 4118083200, -14400}, {"America/New_York", 1234567890, -18000},
        {"Australia/Sydney", 4102444800, 39600}, /* southern summer */
        {"Australia/Sydney", 4118083200, 36000},  {"Asia/Kolkata", 1234567890, 19800},
        {"America/St_Johns", 1234567890, -12600}, {"Etc/GMT+5", 4102444800, -18000},
    };

    (void)state;
    if (access("/usr/share/zoneinfo/Europe/Berlin", R_OK) != 0)
        skip();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int32_t got = 0;

        if (cel_zone_offset(rows[i].zone, rows[i].sec, &got) < 0 || got != rows[i].want)
            fail_msg("%s at %lld: %d, not %d", rows[i].zone, (long long)rows[i].sec, got,
                     rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_params),
        cmocka_unit_test(test_regex),
        cmocka_unit_test(test_zones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
