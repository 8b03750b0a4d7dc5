/* CEL in Argo's words: what becomes what, and what is refused. That the two mean the same is shown
 * by src/argo/test-expr.c and Argo's own code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cel/expr.h"

/* s: a text, n: a number, b: true or false, j: anything. */
static int look_up(void *user, const char *name, struct cel_expr_value *ret, struct dh_err *err)
{
    (void)user;
    if (!strcmp(name, "s") || !strcmp(name, "string_value"))
        *ret = (struct cel_expr_value){"S", CEL_EXPR_TEXT};
    else if (!strcmp(name, "n"))
        *ret = (struct cel_expr_value){"float(N)", CEL_EXPR_NUMBER};
    else if (!strcmp(name, "b"))
        *ret = (struct cel_expr_value){"(B == 'true')", CEL_EXPR_BOOL};
    else if (!strcmp(name, "j"))
        *ret = (struct cel_expr_value){"J", CEL_EXPR_ANY};
    else
        return dh_fail(err, DH_INVALID, "no '%s'", name);
    return 0;
}

#define P(name) "inputs.parameter_values['" name "']"

static void test_table(void **state)
{
    static const struct {
        enum cel_use use;
        const char *cel, *want; /* "error: " and a part of the message */
    } rows[] = {
        {CEL_CONDITION, P("s") " == 'a'", "(S == 'a')"},
        {CEL_CONDITION, "!(" P("s") " != 'a')", "!((S != 'a'))"},
        {CEL_CONDITION, "int(" P("n") ") > 5 && " P("b") " == true",
         "((int(float(N)) > 5) && ((B == 'true') == true))"},
        {CEL_CONDITION, P("n") " >= 0.5 || double(" P("s") ") < 1e21",
         "((float(N) >= float(0.5)) || (float(S) < float(1e+21)))"},
        {CEL_CONDITION, P("s") " == 1", "false"},
        {CEL_CONDITION, P("s") " != 1", "true"},
        {CEL_CONDITION, P("j") " == null", "(J == nil)"},
        {CEL_CONDITION, P("j") "['k'] == -3", "(J['k'] == (-3))"},
        {CEL_CONDITION, P("s") " in ['a', 'b']", "(S in ['a', 'b'])"},
        {CEL_CONDITION, P("s") ".startsWith('a') ? true : size(" P("s") ") == 2",
         "((S startsWith 'a') ? true : (len(S) == 2))"},
        {CEL_CONDITION, P("s") " == 'it\\'s {{x}}\\n'",
         "(S == 'it\\'s \\u007b\\u007bx\\u007d\\u007d\\u000a')"},
        {CEL_CONDITION, "string(int(" P("n") ")) == '1'", "(string(int(float(N))) == '1')"},
        {CEL_SELECTOR, "parseJson(string_value)[\"a\"][0]", "fromJSON(S)['a'][0]"},
        {CEL_SELECTOR, "parseJson(string_value).a", "fromJSON(S)['a']"},
        {CEL_CONDITION, "int(" P("n") ") + 1 == 2", "error: Argo's expressions have no '+'"},
        {CEL_CONDITION, "inputs.artifacts['m'].artifacts[0].uri == 'x'", "error: only parameters"},
        {CEL_CONDITION, P("none") " == 'x'", "error: no 'none'"},
        {CEL_CONDITION, "string(" P("n") ") == '1'", "error: in another way than CEL"},
        {CEL_CONDITION, P("s") " < 5", "error: no order"},
        {CEL_CONDITION, "int(" P("b") ") == 1", "error: no number"},
        {CEL_CONDITION, P("j") ".exists(x, x == 1)", "error: cannot say this"},
        {CEL_CONDITION, "duration('1s') == duration('2s')", "error: 'duration'"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        own(cel_free) struct cel_program *p = NULL;
        own_buf struct buf b = {0};
        enum cel_expr_type type;
        struct dh_err err = {0};

        if (cel_compile(rows[i].cel, &p, &err) < 0)
            fail_msg("%s: %s", rows[i].cel, err.msg);
        if (cel_expr(p, rows[i].use, look_up, NULL, &b, &type, &err) < 0) {
            if (strncmp(rows[i].want, "error: ", 7) != 0 || !strstr(err.msg, rows[i].want + 7))
                fail_msg("%s: %s, expected %s", rows[i].cel, err.msg, rows[i].want);
        } else if (strcmp(buf_str(&b), rows[i].want) != 0) {
            fail_msg("%s: %s, expected %s", rows[i].cel, buf_str(&b), rows[i].want);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
