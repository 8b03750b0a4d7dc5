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
#include "launch/url.h"

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

static void test_urls(void **state)
{
    static const struct {
        const char *text, *host, *port, *authority, *path;
        bool tls;
    } good[] = {
        {"http://a", "a", "80", "a", "", false},
        {"HTTPS://a.b:8443/c/d?e=f&g", "a.b", "8443", "a.b:8443", "/c/d?e=f&g", true},
        {"http://[::1]:90?x", "::1", "90", "[::1]:90", "?x", false},
        {"https://[fe80::1]/", "fe80::1", "443", "[fe80::1]", "/", true},
        {"http://a:/x:9", "a", "80", "a:", "/x:9", false},
    };
    static const char *const bad[] = {
        "",
        "a",
        "ftp://a",
        "http://",
        "http:///x",
        "http://:1",
        "http://[]:1",
        "http://[::1",
        "http://[::1]x",
        "http://a:1x",
        "http://a:123456789",
        "http://me@a/",
        "http://a/b c",
        "http://a/\r\nX: 1",
        "http://a/#b",
        "http://a/\xc3\xbc",
    };
    struct url u;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(url_read(good[i].text, &u, NULL), 0);
        assert_string_equal(u.host, good[i].host);
        assert_string_equal(u.port, good[i].port);
        assert_string_equal(u.authority, good[i].authority);
        assert_string_equal(u.path, good[i].path);
        assert_int_equal(u.tls, good[i].tls);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(url_read(bad[i], &u, NULL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),    cmocka_unit_test(test_bad),
        cmocka_unit_test(test_headers), cmocka_unit_test(test_long_head),
        cmocka_unit_test(test_names),   cmocka_unit_test(test_urls),
    };

    return cmocka_run_group_tests_name("answer", tests, NULL, NULL);
}
