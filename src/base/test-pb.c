/* base: protobuf's wire format, Struct, base64. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/js.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/pb.h"

static void fields_come_back(void **state)
{
    static const int64_t numbers[] = {0, 1, -1, 127, 128, 300, INT64_MAX, INT64_MIN};
    own_buf struct buf b = {0};
    struct pb_field f;
    struct pb_in in;
    size_t mark;

    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        pb_put_int(&b, 1, numbers[i]);
    pb_put_double(&b, 2, -0.1);
    pb_put_text(&b, 3, "ü");
    pb_put_text(&b, 3, NULL);
    mark = pb_open(&b, 536870911);
    for (int i = 0; i < 100; i++)
        pb_put_text(&b, 1, "longer than one byte of length can say");
    pb_close(&b, mark);
    in = pb_in(b.p, b.n);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        assert_int_equal(pb_read(&in, &f), PB_FIELD);
        assert_int_equal(f.number, 1);
        assert_true((int64_t)f.value == numbers[i]);
    }
    assert_int_equal(pb_read(&in, &f), PB_FIELD);
    assert_true(pb_double(&f) == -0.1);
    assert_int_equal(pb_read(&in, &f), PB_FIELD);
    assert_memory_equal(f.p, "ü", f.n);
    assert_int_equal(pb_read(&in, &f), PB_FIELD);
    assert_int_equal(f.number, 536870911);
    assert_int_equal(f.n, 100 * 40);
    assert_int_equal(pb_read(&in, &f), PB_END);
}

static void what_is_broken_is_said(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
    } broken[] = {
        {"\x08", 1},                                                  /* no value */
        {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 13}, /* a varint too long */
        {"\x0a\x05"
         "abc",
         5},                                                  /* a length that points outside */
        {"\x09\x01\x02", 3},                                  /* a cut double */
        {"\x0b\x0c", 2},                                      /* a group */
        {"\x00\x01", 2},                                      /* field 0 */
        {"\x0f\x01", 2},                                      /* wire type 7 */
        {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11}, /* a length of 2^64 - 1 */
    };
    struct pb_field f;
    struct js *js = NULL;
    struct dh_err err;

    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct pb_in in = pb_in(broken[i].bytes, broken[i].n);

        assert_int_equal(pb_read(&in, &f), PB_BROKEN);
        assert_int_equal(pb_read_struct(pb_in(broken[i].bytes, broken[i].n), &js, &err), -1);
        assert_int_equal(err.code, DH_INVALID);
    }
}

static void repeated_numbers_may_be_packed(void **state)
{
    static const char packed[] = "\x0a\x04\x01\x96\x01\x05";
    struct pb_in in = pb_in(packed, sizeof packed - 1);
    struct pb_field f;
    int64_t sum = 0, n;
    size_t at = 0;

    (void)state;
    assert_int_equal(pb_read(&in, &f), PB_FIELD);
    while (pb_packed(&f, &at, &n))
        sum += n;
    assert_int_equal(sum, 1 + 150 + 5);
    in = pb_in("\x08\x07", 2);
    at = 0;
    assert_int_equal(pb_read(&in, &f), PB_FIELD);
    assert_true(pb_packed(&f, &at, &n) && n == 7);
    assert_false(pb_packed(&f, &at, &n));
}

static void structs_round_trip(void **state)
{
    static const char text[] =
        "{\"a\":1,\"b\":[true,null,\"ü\",-0.5,{\"c\":{}}],\"\":\"\",\"d\":[],\"e\":false}";
    own(js_free) struct js *one = NULL;
    own(js_free) struct js *two = NULL;
    own_buf struct buf b = {0};
    struct dh_err err;

    (void)state;
    assert_int_equal(js_parse(text, sizeof text - 1, &one, &err), 0);
    pb_put_struct(&b, one);
    assert_int_equal(pb_read_struct(pb_in(b.p, b.n), &two, &err), 0);
    assert_true(js_equal(one, two));
}

/* The quick way gives the same bytes. */
static void json_text_is_the_same(void **state)
{
    static const char *const texts[] = {
        "{}",
        " { } ",
        "{\"a\":1}",
        "{\"a\": [1, -2.5e3, 0.1, 9007199254740993, true, false, null, \"x\"], \"b\": {\"c\": {}}}",
        "{\"\":\"\",\"\\u00fc\\n\\\"\\\\\\/\\b\\f\\r\\t\":\"\\ud83d\\ude00 \\u20ac ü €\"}",
        ("{\"long\":\"0123456789012345678901234567890123456789012345678901234567890123456789"
         "0123456789012345678901234567890123456789012345678901234567890123456789\",\"l\":[[],[[]]]"
         "}"),
    };
    static const char *const broken[] = {"",
                                         "[]",
                                         "{\"a\":}",
                                         "{\"a\":1",
                                         "{a:1}",
                                         "{\"a\" 1}",
                                         "{\"a\":1} x",
                                         "{\"a\":+1}",
                                         "{\"a\":nan}",
                                         "{\"a\":\"\\x\"}",
                                         "{\"a\":\"\\ud800\"}",
                                         "{\"a\":\"",
                                         "{\"a\":[1,]}",
                                         "{\"a\":1,}"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        own(js_free) struct js *object = NULL;
        own_buf struct buf slow = {0};
        own_buf struct buf quick = {0};
        struct dh_err err;

        assert_int_equal(js_parse(texts[i], strlen(texts[i]), &object, &err), 0);
        pb_put_struct(&slow, object);
        assert_int_equal(pb_put_json(&quick, texts[i]), 0);
        assert_int_equal(quick.n, slow.n);
        assert_memory_equal(buf_str(&quick), buf_str(&slow), slow.n);
    }
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        own_buf struct buf b = {0};

        assert_int_equal(pb_put_json(&b, broken[i]), -1);
        assert_int_equal(b.n, 0);
    }
}

/* As protobuf's own library writes {"n": 1.5}. */
static void bytes_are_those_of_protobuf(void **state)
{
    static const char wanted[] = "\x0a\x0e\x0a\x01n\x12\x09\x11\0\0\0\0\0\0\xf8\x3f";
    own(js_free) struct js *object = js_object();
    own_buf struct buf b = {0};
    own_buf struct buf text = {0};

    (void)state;
    js_set(object, "n", js_real(1.5));
    pb_put_struct(&b, object);
    assert_int_equal(b.n, sizeof wanted - 1);
    assert_memory_equal(b.p, wanted, b.n);
    base64_put(&text, b.p, b.n);
    assert_string_equal(text.p, "Cg4KAW4SCREAAAAAAAD4Pw==");
}

static void nesting_has_an_end(void **state)
{
    own_buf struct buf b = {0};
    struct js *js = NULL;
    struct dh_err err;

    (void)state;
    for (int i = 0; i < LIMIT_PB_DEPTH + 10; i++) { /* a list in a list in … */
        own_buf struct buf inner = {0};
        size_t list = pb_open(&inner, 6), value = pb_open(&inner, 1);

        if (b.n)
            buf_add(&inner, b.p, b.n);
        pb_close(&inner, value);
        pb_close(&inner, list);
        buf_done(&b);
        b = inner;
        inner = (struct buf){0};
    }
    assert_int_equal(pb_read_value(pb_in(b.p, b.n), &js, &err), -1);
    assert_int_equal(err.code, DH_INVALID);
}

static void base64_both_ways(void **state)
{
    static const char *const pairs[][2] = {
        {"", ""},        {"f", "Zg=="},        {"fo", "Zm8="},
        {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"\xff\xfe", "//4="}};

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        own_buf struct buf to = {0};
        own_buf struct buf back = {0};

        base64_put(&to, pairs[i][0], strlen(pairs[i][0]));
        assert_string_equal(buf_str(&to), pairs[i][1]);
        assert_int_equal(base64_get(&back, pairs[i][1], strlen(pairs[i][1])), 0);
        assert_string_equal(buf_str(&back), pairs[i][0]);
    }
    for (size_t i = 0; i < 3; i++) {
        static const char *const wrong[] = {"Z", "Zg=a", "Zm 9"};
        own_buf struct buf to = {0};

        assert_int_equal(base64_get(&to, wrong[i], strlen(wrong[i])), -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_come_back),
        cmocka_unit_test(what_is_broken_is_said),
        cmocka_unit_test(repeated_numbers_may_be_packed),
        cmocka_unit_test(structs_round_trip),
        cmocka_unit_test(json_text_is_the_same),
        cmocka_unit_test(bytes_are_those_of_protobuf),
        cmocka_unit_test(nesting_has_an_end),
        cmocka_unit_test(base64_both_ways),
    };

    return cmocka_run_group_tests_name("pb", tests, NULL, NULL);
}
