/* The YAML and JSON readers: text in, a tree out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/mem.h"
#include "spec/doc.h"

/* The first document as JSON, or the error; the caller's. */
static char *read_as(const char *name, const char *text, size_t n, bool json)
{
    own(arena_free) struct arena *nodes = arena_new();
    own(arena_free) struct arena *texts = arena_new();
    own(js_free) struct js *v = NULL;
    struct doc doc = {0};
    struct dh_err err = {0};
    int rc = json ? doc_read_json(nodes, texts, name, text, n, &doc, &err)
                  : doc_read(nodes, texts, name, text, n, &doc, &err);

    if (rc < 0)
        return dh_strdup(err.msg);
    if (doc.n == 0)
        return dh_strdup("(no document)");
    v = doc_to_js(&doc.documents[0]);
    return js_dump(v, JS_COMPACT);
}

struct text_case {
    const char *text, *answer;
};

static void check_cases(const struct text_case *cases, size_t n, const char *name, bool json)
{
    for (size_t i = 0; i < n; i++) {
        own_mem char *got = read_as(name, cases[i].text, strlen(cases[i].text), json);

        if (strcmp(got, cases[i].answer) != 0)
            print_message("for: %s\n", cases[i].text);
        assert_string_equal(got, cases[i].answer);
    }
}

#define CHECK(cases, name, json) check_cases(cases, sizeof(cases) / sizeof *(cases), name, json)

/* What yaml.safe_load of PyYAML 6 gives. */
static void plain_scalars_are_as_in_pyyaml(void **state)
{
    static const struct text_case cases[] = {
        {"~", "null"},
        {"Null", "null"},
        {"nULL", "\"nULL\""},
        {"True", "true"},
        {"tRue", "\"tRue\""},
        {"off", "false"},
        {"Yes", "true"},
        {"y", "\"y\""},
        {"0", "0"},
        {"-0", "0"},
        {"+12", "12"},
        {"1_000", "1000"},
        {"017", "15"},
        {"018", "\"018\""},
        {"0o17", "\"0o17\""},
        {"0x_fF", "255"},
        {"0b101", "5"},
        {"-0x10", "-16"},
        {"1:30", "90"},
        {"-1:30", "-90"},
        {"1:75", "\"1:75\""},
        {"190:20:30", "685230"},
        {"9223372036854775807", "9223372036854775807"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"9223372036854775808", "9223372036854775808.0"},
        {"1.5", "1.5"},
        {"1.", "1.0"},
        {".5", "0.5"},
        {"-.5", "\"-.5\""},
        {"1e3", "\"1e3\""},
        {"1.0e3", "\"1.0e3\""},
        {"1.0e+3", "1000.0"},
        {"1.0E-2", "0.01"},
        {"1.0e+", "\"1.0e+\""},
        {"1:30.5", "90.5"},
        {".inf", "\"Infinity\""},
        {"-.INF", "\"-Infinity\""},
        {".NaN", "\"NaN\""},
        {"1.2.3", "\"1.2.3\""},
        {"2.1.0", "\"2.1.0\""},
        {"-", "[null]"},
        {"+", "\"+\""},
        {".", "\".\""},
        {"2020-01-01", "\"2020-01-01\""},
        {"'12'", "\"12\""},
        {"\"true\"", "\"true\""},
        {"!!str 12", "\"12\""},
        {"!!int '12'", "12"},
        {"!!float 3", "3.0"},
        {"! 12", "\"12\""},
    };

    (void)state;
    CHECK(cases, "t.yaml", false);
}

static void yaml_forms(void **state)
{
    static const struct text_case cases[] = {
        {"", "(no document)"},
        {"# nothing\n", "(no document)"},
        {"---\n", "null"},
        {"a: 1\nb:\n- x\n- {y: z}\n", "{\"a\":1,\"b\":[\"x\",{\"y\":\"z\"}]}"},
        {"a: |\n  one\n  two\nb: >-\n  three\n  four\n",
         "{\"a\":\"one\\ntwo\\n\",\"b\":\"three four\"}"},
        {"a: &x [1, 2]\nb: *x\n", "{\"a\":[1,2],\"b\":[1,2]}"},
        {"a: &k key\n*k : v\n", "{\"a\":\"key\",\"key\":\"v\"}"},
        {"a: &m {x: 1, y: 2}\nb: {<<: *m, y: 3}\n",
         "{\"a\":{\"x\":1,\"y\":2},\"b\":{\"y\":3,\"x\":1}}"},
        {"b:\n  <<: [{x: 1}, {x: 2, z: 3}]\n", "{\"b\":{\"x\":1,\"z\":3}}"},
        {"b: {'<<': 1}", "{\"b\":{\"<<\":1}}"},
        {"1: a\ntrue: b\n", "{\"1\":\"a\",\"true\":\"b\"}"},
        {"{a: b}", "{\"a\":\"b\"}"},
        {"{\"a\": 1e5}", "{\"a\":100000.0}"}, /* JSON where it can be */
        {"a: 1e5", "{\"a\":\"1e5\"}"},
        {"<<: 1", "t.yaml:1:1: '<<' must name a map or a list of maps"},
        {"a: 1\na: 2\n", "t.yaml:2:1: the key 'a' comes twice in one map"},
        {"a: b: c\n", "t.yaml:1:5: not YAML: mapping values are not allowed in this context"},
        {"a: &x {b: *x}\n", "t.yaml:1:11: alias '*x' has no anchor '&x' that ends before it"},
        {"a: &x 1\n---\nb: *x\n", "t.yaml:3:4: alias '*x' has no anchor '&x' that ends before it"},
        {"a: !!int x", "t.yaml:1:4: the tag 'tag:yaml.org,2002:int' does not fit this value"},
        {"a: !mine {}", "t.yaml:1:4: the tag '!mine' is not allowed"},
        {"a: \"x\\0y\"", "t.yaml:1:4: text may not contain a NUL character"},
        {"a: &x [1]\n? *x\n: 2", "t.yaml:2:3: a key must be a string"},
    };

    (void)state;
    CHECK(cases, "t.yaml", false);
}

static void json_forms(void **state)
{
    static const struct text_case cases[] = {
        {"{}", "{}"},
        {" [ ] ", "[]"},
        {"[1, -2, 3.5, 1e2, -0.5E-1, true, false, null]", "[1,-2,3.5,100.0,-0.05,true,false,null]"},
        {"{\"a\": {\"b\": [{}]}, \"c\": \"d\"}", "{\"a\":{\"b\":[{}]},\"c\":\"d\"}"},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"", "\"\\\"\\\\/\\u0008\\u000c\\n\\r\\t\xc3\xa9\""},
        {"\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\""},
        {"\"\\ud83d\"", "\"\xef\xbf\xbd\""},
        {"\"\xe2\x80\xa8\x7f\"", "\"\xe2\x80\xa8\x7f\""},
        {"9223372036854775808", "9223372036854775808.0"},
        {"", "t:1:1: not JSON: expected a value"},
        {"{\"a\": 1,}", "t:1:9: not JSON: expected a key in double quotes"},
        {"[1 2]", "t:1:4: not JSON: expected ',' or ']' after an element"},
        {"{\"a\" 1}", "t:1:6: not JSON: expected ':' after a key"},
        {"{\n \"a\": 1\n \"b\": 2}", "t:3:2: not JSON: expected ',' or '}' after a member"},
        {"{\"a\": 1, \"a\": 2}", "t:1:10: the key 'a' comes twice in one map"},
        {"[01]", "t:1:2: not JSON: expected a value"},
        {"[1.]", "t:1:2: not JSON: a number needs digits after its point"},
        {"[1e]", "t:1:2: not JSON: a number needs digits in its exponent"},
        {"[tru]", "t:1:2: not JSON: expected a value"},
        {"\"a", "t:1:3: not JSON: a string does not end"},
        {"\"\\x\"", "t:1:3: not JSON: unknown escape in a string"},
        {"\"\\u12\"", "t:1:3: not JSON: \\u needs four hexadecimal digits"},
        {"\"\\u0000\"", "t:1:8: not JSON: text may not contain a NUL character"},
        {"\"a\nb\"", "t:1:3: not JSON: a control character in a string must be escaped"},
        {"\"\xff\"", "t:1:2: not JSON: text that is not UTF-8"},
        {"\"\xc0\x80\"", "t:1:2: not JSON: text that is not UTF-8"},
        {"\"\xed\xa0\x80\"", "t:1:2: not JSON: text that is not UTF-8"},
        {"{} x", "t:1:4: not JSON: text after the end of the value"},
        {"[\"\xc3\xa9\", x]", "t:1:7: not JSON: expected a value"}, /* columns are characters */
    };

    (void)state;
    CHECK(cases, "t", true);
}

static void positions_are_kept(void **state)
{
    static const char yaml[] = "a:\n  b: [1, x]\n";
    static const char json[] = "{\n \"a\": {\"b\":\n  [1, \"x\"]}}";
    own(arena_free) struct arena *arena = arena_new();
    struct doc doc = {0};
    const struct doc_node *list;

    (void)state;
    assert_int_equal(doc_read(arena, arena, "t", yaml, strlen(yaml), &doc, NULL), 0);
    list = doc_get(doc_get(&doc.documents[0], "a"), "b");
    assert_int_equal(list->line, 2);
    assert_int_equal(list->column, 6);
    assert_int_equal(list->items[1].column, 10);
    assert_int_equal(doc_read(arena, arena, "t", json, strlen(json), &doc, NULL), 0);
    list = doc_get(doc_get(&doc.documents[0], "a"), "b");
    assert_int_equal(list->line, 3);
    assert_int_equal(list->column, 3);
    assert_int_equal(list->items[1].column, 7);
}

static void what_is_no_text_is_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *answer;
    } cases[] = {
        {"a: b\0c", 6, "t.yaml:1:5: not YAML: control characters are not allowed"},
        {"a\n\x89PNG", 6, "t.yaml:2:1: not YAML: invalid leading UTF-8 octet"},
        {"\x1b[0m", 4, "t.yaml:1:1: not YAML: control characters are not allowed"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        own_mem char *got = read_as("t.yaml", cases[i].bytes, cases[i].n, false);

        assert_string_equal(got, cases[i].answer);
    }
}

/* `n` copies of `part`. */
static char *many(const char *before, const char *part, size_t n, const char *after, size_t *ret_n)
{
    struct buf b = {0};

    buf_adds(&b, before);
    for (size_t i = 0; i < n; i++)
        buf_adds(&b, part);
    buf_adds(&b, after);
    *ret_n = b.n;
    return buf_take(&b);
}

static void limits_hold(void **state)
{
    static const struct {
        const char *before, *part;
        size_t n;
        const char *after, *answer;
    } cases[] = {
        {"", "[", 1000000, "", "t:1:257: nested deeper than 256 levels"},
        {"{\"a\":", "[", 1000000, "", "t:1:261: nested deeper than 256 levels"},
        {"", "{a: ", 1000, "", "t:1:1025: nested deeper than 256 levels"},
        {"a: &a ['', '', '', '', '', '', '', '', '', '']\nb: [", "*a,", 20000, "]",
         "t:2:54548: aliases would expand to more than 200000 values or 64 MB: refused"},
        {"", "---\n", 65, "", "t:1:1: more than 64 documents in one file"},
    };
    size_t n;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        own_mem char *text = many(cases[i].before, cases[i].part, cases[i].n, cases[i].after, &n);
        own_mem char *got = read_as("t", text, n, false);

        assert_string_equal(got, cases[i].answer);
    }
}

/* Few nodes, but a text so long that its copies would fill the memory. */
static void long_text_in_aliases_is_counted(void **state)
{
    struct buf b = {0};
    own_mem char *text = NULL;
    own_mem char *got = NULL;
    size_t n;

    (void)state;
    buf_adds(&b, "a: &a ");
    for (size_t i = 0; i < 100000; i++)
        buf_adds(&b, "0123456789");
    buf_adds(&b, "x\nb: [");
    for (size_t i = 0; i < 1000; i++)
        buf_adds(&b, "*a,");
    buf_adds(&b, "]\n");
    n = b.n;
    text = buf_take(&b);
    got = read_as("t", text, n, false);
    assert_string_equal(
        got, "t:2:206: aliases would expand to more than 200000 values or 64 MB: refused");
}

static void merges_are_bounded(void **state)
{
    struct buf b = {0};
    own_mem char *text = NULL;
    own_mem char *got = NULL;
    size_t n;

    (void)state;
    buf_adds(&b, "a: &a {");
    for (size_t i = 0; i < 4000; i++)
        buf_addf(&b, "k%zu: 1,", i);
    buf_adds(&b, "}\nb:\n");
    for (size_t i = 0; i < 60; i++)
        buf_addf(&b, "- <<: *a\n  x%zu: 1\n", i);
    n = b.n;
    text = buf_take(&b);
    got = read_as("t", text, n, false);
    assert_non_null(strstr(got, "refused"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_scalars_are_as_in_pyyaml),
        cmocka_unit_test(yaml_forms),
        cmocka_unit_test(json_forms),
        cmocka_unit_test(positions_are_kept),
        cmocka_unit_test(what_is_no_text_is_refused),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(long_text_in_aliases_is_counted),
        cmocka_unit_test(merges_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
