#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/js.h"
#include "base/mem.h"

static void texts_read_and_write(void **state)
{
    static const struct {
        const char *text, *again; /* NULL: the same */
    } cases[] = {
        {"0", NULL},
        {"-0", "0"},
        {"-0.0", "0.0"},
        {" \t\r\n[ ] ", "[]"},
        {"{ }", "{}"},
        {"1E2", "100.0"},
        {"1e-7", "1e-07"},
        {"0.30000000000000004", NULL},
        {"9223372036854775807", NULL},
        {"-9223372036854775808", NULL},
        {"9223372036854775808", "9223372036854775808.0"}, /* beyond 64 bits: a real */
        {"[1,18446744073709551616,3]", "[1,18446744073709551616.0,3]"},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\u0008\\u000c\\n\\r\\t\""},
        {"\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"", "\"Aé€😀\""},
        {"\"a long text without anything to escape but at its end\\n\"", NULL},
        {"\"seven77\\\"\"", NULL},
        {"{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}"},
        {"[true,false,null]", NULL},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dh_err err;
        struct js *v = NULL;
        char *s;

        if (js_parse(cases[i].text, strlen(cases[i].text), &v, &err) < 0)
            fail_msg("%s: %s", cases[i].text, err.msg);
        s = js_dump(v, JS_COMPACT);
        assert_string_equal(s, cases[i].again ? cases[i].again : cases[i].text);
        free(s);
        js_free(v);
    }
}

static void what_is_no_json_is_refused(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "line 1 column 1: the text ends: expected a value"},
        {"[1,\n  2,]", "line 2 column 5: expected a value"},
        {"[1 2]", "line 1 column 4: expected ',' or ']'"},
        {"[1", "line 1 column 3: the text ends: expected ',' or ']'"},
        {"{\"a\" 1}", "line 1 column 6: expected ':'"},
        {"{a: 1}", "line 1 column 2: expected a name in '\"'"},
        {"{\"a\":1,}", "line 1 column 8: expected a name in '\"'"},
        {"{\"a\\u0000\":1}", "line 1 column 11: a name cannot hold the character NUL"},
        {"\"é\n\"", "line 1 column 3: a control character in a string has to be escaped"},
        {"\"abc", "line 1 column 5: the text ends: a string is not closed"},
        {"\"\\x\"", "line 1 column 3: no such escape in a string"},
        {"\"\\u12g4\"", "line 1 column 6: expected four hexadecimal digits after \\u"},
        {"\"\\ud83d\"", "line 1 column 8: half of a character: the second \\u is missing"},
        {"\"\\ud83dx\\u0041\"", "line 1 column 8: half of a character: the second \\u is missing"},
        {"\"\\ud83d\\u0041\"", "line 1 column 14: half of a character: the second \\u is none"},
        {"\"\\ude00\"", "line 1 column 8: half of a character: the first \\u is missing"},
        {"\"ab\xff\"", "line 1 column 4: a byte that is not UTF-8"},
        {"\"\xed\xa0\x80\"", "line 1 column 2: a byte that is not UTF-8"},
        {"01", "line 1 column 2: something stands behind the value"},
        {"-", "line 1 column 2: the text ends: expected a digit"},
        {"1.", "line 1 column 3: the text ends: expected a digit behind the point"},
        {"1e+", "line 1 column 4: the text ends: expected a digit of an exponent"},
        {"1e999", "line 1 column 6: the text ends: a number that is too large"},
        {"+1", "line 1 column 1: expected a value"},
        {"nul", "line 1 column 1: expected a value"},
        {"1 2", "line 1 column 3: something stands behind the value"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dh_err err = {0};
        struct js *v = NULL;

        assert_int_equal(js_parse(cases[i].text, strlen(cases[i].text), &v, &err), -1);
        assert_null(v);
        assert_int_equal(err.code, DH_INVALID);
        assert_string_equal(err.msg, cases[i].says);
    }
}

static int parse_nested(int depth)
{
    own_buf struct buf text = {0};
    own(js_free) struct js *v = NULL;
    struct dh_err err;

    for (int i = 0; i < depth; i++)
        buf_adds(&text, i % 2 ? "{\"a\":" : "[");
    buf_addc(&text, '1');
    for (int i = depth; i-- > 0;)
        buf_addc(&text, i % 2 ? '}' : ']');
    return js_parse(text.p, text.n, &v, &err);
}

static void depth_is_bounded(void **state)
{
    (void)state;

    assert_int_equal(parse_nested(2048), 0);
    assert_int_equal(parse_nested(2049), -1);
}

/* Reads [n) only: the byte behind is another number's. */
static void reads_no_further_than_told(void **state)
{
    struct js *v = NULL;
    struct dh_err err;
    (void)state;

    assert_int_equal(js_parse("12345", 3, &v, &err), 0);
    assert_int_equal(js_as_int(v, 0), 123);
    js_free(v);
    assert_int_equal(js_parse("trueish", 4, &v, &err), 0);
    assert_true(js_truth(v));
}

static void large_objects_keep_their_order(void **state)
{
    struct js *o = js_object();
    char key[32];
    int last = -1;
    (void)state;

    for (int i = 0; i < 5000; i++) {
        (void)snprintf(key, sizeof key, "key%d", i);
        js_set(o, key, js_int(i));
    }
    for (int i = 0; i < 5000; i += 2) {
        (void)snprintf(key, sizeof key, "key%d", i);
        assert_true(js_remove(o, key));
        assert_false(js_remove(o, key));
    }
    assert_int_equal(js_n(o), 2500);
    for (int i = 5000; i < 20000; i++) { /* as many come as go: it does not grow for ever */
        (void)snprintf(key, sizeof key, "key%d", i);
        js_set(o, key, js_int(i));
        assert_true(js_remove(o, key));
    }
    js_set(o, "key3", js_int(3));
    for (js_each(o, it)) {
        assert_int_equal(js_as_int(it.value, -1) % 2, 1);
        assert_true(js_as_int(it.value, -1) > last);
        assert_ptr_equal(js_get(o, it.key), it.value);
        last = (int)js_as_int(it.value, -1);
    }
    assert_int_equal(last, 4999);
    js_free(o);
}

static void copies_are_apart(void **state)
{
    static const char text[] = "{\"a\":{\"b\":[1,\"x\"]},\"c\":null}";
    struct js *v = NULL, *copy;
    struct dh_err err;
    (void)state;

    assert_int_equal(js_parse(text, strlen(text), &v, &err), 0);
    copy = js_copy(v);
    js_push(js_path(copy, "a", "b", NULL), js_real(INFINITY));
    js_set(js_get(copy, "a"), "d", js_str("new"));
    assert_int_equal(js_n(js_path(v, "a", "b", NULL)), 2);
    assert_null(js_path(v, "a", "d", NULL));
    assert_string_equal(js_text(js_at(js_path(copy, "a", "b", NULL), 2)), "Infinity");
    js_free(v);
    assert_string_equal(js_get_text(js_get(copy, "a"), "d"), "new");
    js_free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_read_and_write),
        cmocka_unit_test(what_is_no_json_is_refused),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(reads_no_further_than_told),
        cmocka_unit_test(large_objects_keep_their_order),
        cmocka_unit_test(copies_are_apart),
    };

    return cmocka_run_group_tests_name("js", tests, NULL, NULL);
}
