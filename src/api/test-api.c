/* The server's parsers and calculations: tables of input and answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "api/api-priv.h"
#include "api/b64.h"
#include "api/body.h"
#include "api/cron.h"
#include "api/filter.h"
#include "api/jw.h"
#include "api/schedule.h"
#include "api/uri.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"

/* ---- cron ---- */

static int64_t seconds(const char *text)
{
    int64_t us;

    assert_int_equal(clock_parse(text, &us), 0);
    return us / 1000000;
}

static void test_cron_next(void **state)
{
    static const struct {
        const char *cron, *zone, *after, *next; /* next NULL: none */
    } cases[] = {
        {"* * * * * *", "UTC", "2026-11-26T10:00:00Z", "2026-11-26T10:00:01Z"},
        {"0 0 9 * * *", "UTC", "2026-11-26T09:00:00Z", "2026-11-27T09:00:00Z"},
        {"*/15 * * * * ?", "UTC", "2026-11-26T10:00:46Z", "2026-11-26T10:01:00Z"},
        {"30 5 0 1 1 ?", "UTC", "2026-01-01T00:05:30Z", "2027-01-01T00:05:30Z"},
        {"0 0 0 29 2 *", "UTC", "2026-03-01T00:00:00Z", "2028-02-29T00:00:00Z"},
        {"0 0 0 31 4 *", "UTC", "2026-01-01T00:00:00Z", NULL},
        {"0 0 12 * * MON-FRI", "UTC", "2026-11-27T12:00:00Z", "2026-11-30T12:00:00Z"},
        {"0 0 12 13 * FRI", "UTC", "2026-11-26T00:00:00Z", "2026-11-27T12:00:00Z"}, /* either */
        {"0 0 12 13 * *", "UTC", "2026-11-26T00:00:00Z", "2026-12-13T12:00:00Z"},
        {"0 0 1-5/2 * JAN,jul *", "UTC", "2026-07-31T04:00:00Z", "2026-07-31T05:00:00Z"},
        {"5/20 * * * *", "UTC", "2026-11-26T10:00:05Z", "2026-11-26T10:00:25Z"}, /* five fields */
        {"@hourly", "UTC", "2026-11-26T10:00:00Z", "2026-11-26T11:00:00Z"},
        {"@monthly", "UTC", "2026-11-26T10:00:00Z", "2026-12-01T00:00:00Z"},
        {"@every 1h30m", "UTC", "2026-11-26T10:00:07Z", "2026-11-26T11:30:07Z"},
        {"@every 0.5s", "UTC", "2026-11-26T10:00:07Z", "2026-11-26T10:00:08Z"},
        /* Zones: an offset, and the days when the clock is changed. */
        {"0 0 9 * * *", "+02:00", "2026-11-26T10:00:00Z", "2026-11-27T07:00:00Z"},
        {"0 0 9 * * *", "Europe/Berlin", "2026-11-26T09:00:00Z", "2026-11-27T08:00:00Z"},
        {"0 0 9 * * *", "Europe/Berlin", "2026-07-01T09:00:00Z", "2026-07-02T07:00:00Z"},
        {"0 30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z",
         "2026-03-30T00:30:00Z"}, /* no 2:30 */
        {"0 30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z",
         "2026-10-25T00:30:00Z"}, /* twice */
        {"0 0 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z"},
        {"0 0 0 * * *", "Africa/Cairo", "2026-04-23T12:00:00Z",
         "2026-04-24T21:00:00Z"}, /* no midnight */
        {"0 15 0 * * *", "America/New_York", "2026-11-01T12:00:00Z", "2026-11-02T05:15:00Z"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dh_err err = {0};
        struct cron cron;
        int64_t next = -1;

        if (cron_parse(cases[i].cron, &cron, &err) < 0 ||
            cron_next(&cron, cases[i].zone, seconds(cases[i].after), &next, &err) < 0)
            fail_msg("%s: %s", cases[i].cron, err.msg);
        if (next != (cases[i].next ? seconds(cases[i].next) : 0)) {
            char text[CLOCK_TEXT];

            fail_msg("'%s' in %s after %s: %s", cases[i].cron, cases[i].zone, cases[i].after,
                     clock_text(next * 1000000, text));
        }
    }
}

static void test_cron_refuses(void **state)
{
    static const char *const wrong[] = {
        "",
        "* * * *",
        "60 * * * * *",
        "* * 24 * * *",
        "* * * 0 * *",
        "* * * * 13 *",
        "* * * * * 7",
        "a * * * * *",
        "1- * * * * *",
        "5-1 * * * * *",
        "*/0 * * * * *",
        "1,,2 * * * * *",
        "1, * * * * *",
        "@never",
        "@every",
        "@every ",
        "@every 1",
        "@every 1x",
        "* * * * * * *",
        "1/2/3 * * * * *",
    };
    struct cron cron;
    struct dh_err err;
    int64_t next;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (cron_parse(wrong[i], &cron, &err) == 0)
            fail_msg("'%s' was read", wrong[i]);
    assert_int_equal(cron_parse("* * * * * *", &cron, &err), 0);
    assert_int_equal(cron_next(&cron, "No/Zone", 0, &next, &err), -1);
}

/* ---- addresses ---- */

static void test_uri(void **state)
{
    own(arena_free) struct arena *a = arena_new();
    const char *p[URI_PARAMS];
    struct uri uri;
    struct dh_err err;

    (void)state;
    assert_int_equal(uri_read("/a/b?x=1+2%2B&y&z=%C3%A9", a, &uri, &err), 0);
    assert_string_equal(uri.path, "/a/b");
    assert_string_equal(uri_arg(&uri, "x"), "1 2+");
    assert_string_equal(uri_arg(&uri, "y"), "");
    assert_string_equal(uri_arg(&uri, "z"), "\xc3\xa9");
    assert_null(uri_arg(&uri, "w"));
    assert_int_equal(uri_read("/?a=%zz", a, &uri, &err), -1);
    assert_int_equal(uri_read("/?a=%00", a, &uri, &err), -1);
    assert_int_equal(uri_read("/?a=%ff", a, &uri, &err), -1);
    assert_true(uri_match("/f/{*}", "/f/a/b%20c", a, p));
    assert_string_equal(p[0], "a/b c");
    assert_false(uri_match("/f/{*}", "/f/", a, p));
    assert_false(uri_match("/f/{*}", "/f", a, p));
    assert_true(uri_match("/runs/{}:retry", "/runs/7:retry", a, p));
    assert_string_equal(p[0], "7");
    assert_false(uri_match("/runs/{}:retry", "/runs/:retry", a, p));
    assert_false(uri_match("/runs/{}:retry", "/runs/7", a, p));
    assert_true(uri_match("/a/{}/b/{}", "/a/x%2Fy/b/z", a, p));
    assert_string_equal(p[0], "x/y");
    assert_string_equal(p[1], "z");
    assert_false(uri_match("/a/{}", "/a/x/y", a, p));
    assert_false(uri_match("/a/{}", "/a/", a, p));
    assert_true(uri_match("/", "/", a, p));
}

static void test_multipart(void **state)
{
    own(arena_free) struct arena *a = arena_new();
    static const char body[] =
        "--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n1\r\n"
        "--b\r\ncontent-disposition: form-data; name=file; filename=\"a;b\"\r\n"
        "Content-Type: text/plain\r\n\r\nbytes\r\n--not\r\n\r\n--b--\r\n";
    struct uri_part part;
    struct dh_err err;

    (void)state;
    assert_string_equal(uri_boundary("multipart/form-data; charset=x; boundary=\"b\"", a), "b");
    assert_null(uri_boundary("application/json", a));
    assert_null(uri_boundary("multipart/form-data", a));
    assert_int_equal(uri_part(body, sizeof body - 1, "b", "file", a, &part, &err), 0);
    assert_string_equal(part.file, "a;b");
    assert_int_equal(part.n, strlen("bytes\r\n--not\r\n"));
    assert_int_equal(uri_part(body, sizeof body - 1, "b", "x", a, &part, &err), 0);
    assert_true(part.n == 1 && !part.file);
    assert_int_equal(uri_part(body, sizeof body - 1, "b", "y", a, &part, &err), -1);
    assert_int_equal(uri_part(body, sizeof body - 1, "c", "x", a, &part, &err), -1);
    assert_int_equal(uri_part(body, 60, "b", "file", a, &part, &err), -1);
}

static void test_ranges(void **state)
{
    static const struct {
        const char *header;
        int64_t size;
        int rc;
        int64_t from, to;
    } cases[] = {
        {NULL, 10, 1, 0, 0},         {"bytes=0-4", 10, 0, 0, 5},  {"bytes=5-", 10, 0, 5, 10},
        {"bytes=-3", 10, 0, 7, 10},  {"bytes=-30", 10, 0, 0, 10}, {"bytes=0-99", 10, 0, 0, 10},
        {"bytes=10-", 10, -1, 0, 0}, {"bytes=4-2", 10, 1, 0, 0},  {"bytes=0-1,3-4", 10, 1, 0, 0},
        {"lines=1-2", 10, 1, 0, 0},  {"bytes=x-", 10, 1, 0, 0},   {"bytes=-0", 10, -1, 0, 0},
        {"bytes=0-", 0, -1, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t from = 0, to = 0;

        assert_int_equal(uri_range(cases[i].header, cases[i].size, &from, &to), cases[i].rc);
        if (cases[i].rc == 0)
            assert_true(from == cases[i].from && to == cases[i].to);
    }
}

static void test_b64(void **state)
{
    own(arena_free) struct arena *a = arena_new();
    static const char bytes[] = "\x00\xff\xfe any \x80 bytes";
    unsigned char *back;
    size_t n;

    (void)state;
    for (int url = 0; url < 2; url++)
        for (size_t len = 0; len < sizeof bytes; len++) {
            own_buf struct buf text = {0};

            b64_write(bytes, len, url, &text);
            back = b64_read(buf_str(&text), text.n, a, &n);
            assert_non_null(back);
            assert_true(n == len && !memcmp(back, bytes, len));
        }
    assert_null(b64_read("a*b=", 4, a, &n));
}

/* ---- filters ---- */

static void test_filter(void **state)
{
    own(arena_free) struct arena *a = arena_new();
    struct filter f;
    struct dh_err err;

    (void)state;
    assert_int_equal(
        filter_read("%7B%22predicates%22%3A%5B%7B%22operation%22%3A9%2C%22key%22%3A%22name"
                    "%22%2C%22stringValue%22%3A%22x%22%7D%5D%7D",
                    PAGE_RUNS, a, &f, &err),
        0);
    assert_true(f.n == 1 && f.items[0].op == PAGE_SUBSTRING);
    assert_string_equal(f.items[0].values[0].text, "x");
    assert_int_equal(
        filter_read("{\"predicates\":[{\"operation\":\"IN\",\"key\":\"name\","
                    "\"string_values\":{\"values\":[\"a\",\"b\"]}},{\"operation\":\"LESS_THAN\","
                    "\"key\":\"created_at\",\"long_value\":\"17\"}]}",
                    PAGE_RUNS, a, &f, &err),
        0);
    assert_true(f.n == 2 && f.items[0].n == 2 && f.items[1].values[0].number == 17);
    assert_int_equal(filter_read("{}", PAGE_RUNS, a, &f, &err), 0);
    assert_int_equal(filter_read("{\"predicates\":[{\"operation\":1,\"key\":\"#archived\","
                                 "\"int_value\":1}]}",
                                 PAGE_RUNS, a, &f, &err),
                     -1);
}

/* ---- what a schedule's parameters say ---- */

static void test_macros(void **state)
{
    static const char *const cases[][2] = {
        {"[[ScheduledTime]]", "20261126093005"},
        {"a [[Index]] b [[RunUUID]]", "a 7 b u-u"},
        {"[[ScheduledTime.2006-01-02T15:04:05Z07:00]]", "2026-11-26T09:30:05Z"},
        {"[[ScheduledTime.Jan 2, 06 at 3PM]]", "Nov 26, 26 at 9AM"},
        {"[[CurrentTime.Monday]]", "Thursday"},
        {"{{$.scheduledTime.strftime('%Y/%m')}}", "2026/11"},
        {"[[Nothing]] [[ {{x}}", "[[Nothing]] [[ {{x}}"},
    };
    const struct macros m = {
        .scheduled_us = 1795685405000000, .now_us = 1795685405000000, .index = 7, .run_id = "u-u"};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        own(js_free) struct js *given = js_str(cases[i][0]);
        own(js_free) struct js *got = macros_expand(given, &m);

        assert_string_equal(js_text(got), cases[i][1]);
    }
}

/* What begins a macro again and again, and ends none, costs no more than other text. */
static void test_macros_without_end(void **state)
{
    static const char *const begins[] = {"[[", "{{$.scheduledTime.strftime('"};
    const struct macros m = {.run_id = ""};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        own_buf struct buf text = {0};
        own(js_free) struct js *given = NULL, *got = NULL;

        while (text.n < 1 << 20)
            buf_adds(&text, begins[i]);
        given = js_str(buf_str(&text));
        got = macros_expand(given, &m);
        assert_string_equal(js_text(got), buf_str(&text));
    }
}

/* ---- answers ---- */

static void test_jw(void **state)
{
    own_buf struct buf b = {0};
    struct jw w = {.to = &b};

    (void)state;
    jw_begin(&w, '{');
    jw_text(&w, "a", "\"\\\n\x01\xff\xed\xa0\x80\xc3\xa9");
    jw_opt(&w, "b", "");
    jw_opt_int64(&w, "c", INT64_MIN);
    jw_seconds(&w, "d", 1795685405999999);
    jw_seconds(&w, "e", 0);
    jw_key(&w, "f");
    jw_int(&w, INT64_MIN);
    jw_end(&w, '}');
    assert_string_equal(
        b.p, "{\"a\":\"\\\"\\\\\\n\\u0001\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
             "\xc3\xa9\",\"c\":\"-9223372036854775808\",\"d\":\"2026-11-26T09:30:05Z\","
             "\"e\":\"1970-01-01T00:00:00Z\",\"f\":-9223372036854775808}");
    for (int64_t s = 1; s < 253402300800; s += 86400 * 13 + 3607) {
        char text[CLOCK_TEXT];

        buf_reset(&b);
        w.comma = false;
        jw_seconds(&w, "t", s * 1000000);
        if (strncmp(b.p + 5, clock_text(s * 1000000, text), 20) != 0)
            fail_msg("%lld: %s", (long long)s, b.p);
    }
}

/* ---- bodies that are files ---- */

static void test_body_limit(void **state)
{
    char home[] = "/tmp/dhow-body-XXXXXX";
    const struct api_options options = {.home = mkdtemp(home)};
    struct api api = {.options = &options};
    struct req r = {.api = &api};
    const char *path, *digest;
    struct dh_err err = {0};
    int64_t size;
    (void)state;

    assert_true(body_add(&r, "one", 3));
    assert_int_equal(body_file(&r, &path, &digest, &size, &err), 0);
    assert_int_equal(size, 3);
    r.file_body = body_free(r.file_body);

    assert_true(body_add(&r, "one", 3));
    body_sweep(home);                                            /* not what is being written */
    assert_false(body_add(&r, "", (size_t)LIMIT_HTTP_FILE - 2)); /* refused before it is read */
    assert_int_equal(body_file(&r, &path, &digest, &size, &err), -1);
    assert_int_equal(grpc_status(r.code), 413);
    r.file_body = body_free(r.file_body);
    assert_int_equal(fs_remove_tree(home, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cron_next),
        cmocka_unit_test(test_cron_refuses),
        cmocka_unit_test(test_uri),
        cmocka_unit_test(test_multipart),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_b64),
        cmocka_unit_test(test_filter),
        cmocka_unit_test(test_macros),
        cmocka_unit_test(test_macros_without_end),
        cmocka_unit_test(test_jw),
        cmocka_unit_test(test_body_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
