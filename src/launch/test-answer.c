/* The answers that are understood, and those that are not; and names that stay where they belong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "launch/answer.h"
#include "launch/get.h"

static int on_body(void *user, const struct answer *a, const char *bytes, size_t n,
                   struct dh_err *err)
{
    (void)a;
    (void)err;
    buf_add(user, bytes, n);
    return 0;
}

/* The status, or -1; the body into *body. */
static int read_whole(const char *text, struct buf *body, struct answer *a)
{
    struct dh_err err = {0};
    size_t used = 0;
    int rc;

    answer_init(a);
    rc = answer_feed(a, text, strlen(text), &used, on_body, body, &err);
    if (rc == 0)
        rc = answer_eof(a, &err) == 0 ? ANSWER_COMPLETE : -1;
    answer_done(a);
    return rc == ANSWER_COMPLETE ? a->status : -1;
}

static void test_good(void **state)
{
    static const struct {
        const char *text, *body;
        int status;
        bool keep;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", 200, true},
        {"HTTP/1.1 200\r\ncontent-length:  5 \r\nConnection: close\r\n\r\nhello", "hello", 200,
         false},
        {"HTTP/1.1 204 No Content\r\n\r\n", "", 204, true},
        {"HTTP/1.0 200 OK\r\n\r\nall of it", "all of it", 200, false},
        {"HTTP/1.1 200 OK\r\n\r\nall of it", "all of it", 200, false},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=1\r\n0123456789\r\n0"
         "\r\nT: 1\r\n\r\n",
         "abc0123456789", 200, true},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Away\r\nContent-Length: 0\r\nRetry-After: "
         "7\r\n\r\n",
         "", 503, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        own_buf struct buf body = {0};
        struct answer a = {0};

        assert_int_equal(read_whole(cases[i].text, &body, &a), cases[i].status);
        assert_string_equal(buf_str(&body), cases[i].body);
        assert_int_equal(a.keep, cases[i].keep);
    }
}

static void test_bad(void **state)
{
    static const char *const cases[] = {
        "",
        "HTTP/1.1",
        "HTTP/2 200\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\n folded: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nName : 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nName: a\rb\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        own_buf struct buf body = {0};
        struct answer a = {0};

        assert_int_equal(read_whole(cases[i], &body, &a), -1);
    }
}

static void test_headers(void **state)
{
    own_buf struct buf body = {0};
    struct answer a = {0};

    (void)state;
    assert_int_equal(read_whole("HTTP/1.1 206 Partial Content\r\nETag: \"abc\"\r\nContent-Range: "
                                "bytes 100-104/105\r\nContent-Length: 5\r\n\r\nhello",
                                &body, &a),
                     206);
    assert_string_equal(a.etag, "\"abc\"");
    assert_int_equal(a.range_at, 100);
}

static void test_long_head(void **state)
{
    own_buf struct buf text = {0}, body = {0};
    struct answer a = {0};

    (void)state;
    buf_adds(&text, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 1000; i++)
        buf_addf(&text, "X-Name-%d: a value of some length\r\n", i);
    buf_adds(&text, "\r\n");
    assert_int_equal(read_whole(text.p, &body, &a), -1);
    /* Interim answers without end count, too. */
    buf_reset(&text);
    for (int i = 0; i < 1000; i++)
        buf_adds(&text, "HTTP/1.1 100 Continue\r\n\r\n");
    buf_adds(&text, "HTTP/1.1 204 No Content\r\n\r\n");
    assert_int_equal(read_whole(text.p, &body, &a), -1);
}

static void test_names(void **state)
{
    (void)state;
    assert_true(launch_name_is_safe("a"));
    assert_true(launch_name_is_safe("a/b..c/.d"));
    assert_false(launch_name_is_safe(""));
    assert_false(launch_name_is_safe("/a"));
    assert_false(launch_name_is_safe("a//b"));
    assert_false(launch_name_is_safe("a/"));
    assert_false(launch_name_is_safe("../a"));
    assert_false(launch_name_is_safe("a/.."));
    assert_false(launch_name_is_safe("a/./b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),    cmocka_unit_test(test_bad),
        cmocka_unit_test(test_headers), cmocka_unit_test(test_long_head),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests_name("answer", tests, NULL, NULL);
}
