#include <math.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/http.h"
#include "base/id.h"
#include "base/js.h"
#include "base/mem.h"
#include "base/strmap.h"

static void errors_gain_places(void **state)
{
    struct dh_err err;
    char longest[4000];
    (void)state;

    assert_int_equal(dh_fail(&err, DH_INVALID, "task '%s' waits for itself", "train"), -1);
    assert_int_equal(dh_while(&err, "pipeline of %d tasks", 2), -1);
    assert_string_equal(err.msg, "pipeline of 2 tasks: task 'train' waits for itself");
    assert_int_equal(err.code, DH_INVALID);
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    (void)dh_fail(&err, DH_IO, "%s", longest);
    (void)dh_while(&err, "%s", longest);
    assert_int_equal(strlen(err.msg), sizeof err.msg - 1);
}

static void buffers_grow_and_stop_at_max(void **state)
{
    struct buf b = {0}, small = {.max = 5};
    (void)state;

    for (int i = 0; i < 1000; i++)
        buf_addf(&b, "%d,", i);
    assert_int_equal(b.n, 3890);
    assert_string_equal(b.p + b.n - 8, "998,999,");
    buf_done(&b);
    assert_string_equal(buf_str(&b), "");
    buf_adds(&small, "1234567");
    assert_string_equal(small.p, "12345");
    assert_true(small.truncated);
    buf_done(&small);
}

static void maps_find_what_was_put(void **state)
{
    struct strmap *m = strmap_new();
    char key[32];
    (void)state;

    for (intptr_t i = 1; i <= 5000; i++) {
        (void)snprintf(key, sizeof key, "key-%ld", (long)i);
        assert_null(strmap_put(m, key, (void *)i));
    }
    for (intptr_t i = 2; i <= 5000; i += 2) {
        (void)snprintf(key, sizeof key, "key-%ld", (long)i);
        assert_int_equal((intptr_t)strmap_remove(m, key), i);
    }
    assert_int_equal(strmap_n(m), 2500);
    for (intptr_t i = 1; i <= 5000; i++) {
        (void)snprintf(key, sizeof key, "key-%ld", (long)i);
        assert_int_equal((intptr_t)strmap_get(m, key), i % 2 ? i : 0);
    }
    strmap_free(m);
}

static void numbers_print_shortest(void **state)
{
    static const struct {
        double d;
        const char *text;
    } cases[] = {{0, "0"},
                 {-0.0, "0"},
                 {1, "1"},
                 {0.1, "0.1"},
                 {1e21, "1e+21"},
                 {123456.75, "123456.75"},
                 {1e-7, "1e-07"},
                 {0.000001, "0.000001"},
                 {-2.5, "-2.5"},
                 {1e20, "100000000000000000000"},
                 {0.30000000000000004, "0.30000000000000004"},
                 {INFINITY, "null"},
                 {NAN, "null"}};
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b = {0};

        js_write_num(cases[i].d, &b);
        assert_string_equal(buf_str(&b), cases[i].text);
        buf_done(&b);
    }
}

static void json_round_trips(void **state)
{
    static const char text[] =
        "{\"b\":[1,1.0,true,null,\"\\u00e9\\n\"],\"a\":{\"x\":-9007199254740993,\"y\":{}}}";
    struct dh_err err;
    struct js *v = NULL, *w;
    char *s;
    (void)state;

    assert_int_equal(js_parse(text, strlen(text), &v, &err), 0);
    s = js_dump(v, JS_COMPACT);
    assert_string_equal(
        s, "{\"b\":[1,1.0,true,null,\"é\\n\"],\"a\":{\"x\":-9007199254740993,\"y\":{}}}");
    free(s);
    s = js_dump(v, JS_SORTED | JS_PYTHON);
    assert_string_equal(
        s, "{\"a\": {\"x\": -9007199254740993, \"y\": {}}, \"b\": [1, 1.0, true, null, \"é\\n\"]}");
    free(s);
    s = js_dump(js_get(v, "b"), JS_PROTO);
    assert_string_equal(s, "[1,1,true,null,\"é\\n\"]");
    free(s);
    w = js_copy(v);
    assert_true(js_equal(v, w));
    js_set(w, "a", NULL);
    assert_false(js_equal(v, w));
    assert_int_equal(js_as_int(js_path(v, "a", "x", NULL), 0), -9007199254740993);
    js_free(v);
    js_free(w);
    assert_int_equal(js_parse("{\"a\":\n 1,}", 10, &v, &err), -1);
    assert_int_equal(err.code, DH_INVALID);
    assert_memory_equal(err.msg, "line 2 column ", 14);
}

static void json_takes_any_bytes(void **state)
{
    struct js *v = js_strn("a\xff\xc0\x80z", 5);
    (void)state;

    assert_string_equal(js_text(v), "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz");
    js_free(v);
    v = js_real(NAN);
    assert_string_equal(js_text(v), "NaN");
    js_free(v);
}

static void times_have_two_ways(void **state)
{
    static const struct {
        const char *text;
        int64_t us;
        const char *back;
    } good[] = {{"2026-11-23T18:20:00Z", 1795458000000000, "2026-11-23T18:20:00Z"},
                {"2026-11-23T19:20:00.5+01:00", 1795458000500000, "2026-11-23T18:20:00.500Z"},
                {"1970-01-01T00:00:00.000001Z", 1, "1970-01-01T00:00:00.000001Z"}};
    static const char *const bad[] = {"",
                                      "2026",
                                      "2026-11-23T18:20:00",
                                      "2026-11-23T18:20:00.Z",
                                      "2026-11-23T18:20:00+1:00",
                                      "2026-11-23T18:20:00Zx"};
    char to[CLOCK_TEXT];
    int64_t us;
    (void)state;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(clock_parse(good[i].text, &us), 0);
        assert_int_equal(us, good[i].us);
        assert_string_equal(clock_text(us, to), good[i].back);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(clock_parse(bad[i], &us), -1);
}

static void ids_grow(void **state)
{
    char a[ID_TEXT], b[ID_TEXT];
    (void)state;

    (void)id_new(a);
    for (int i = 0; i < 20000; i++) {
        assert_true(id_is_uuid(id_new(b)));
        assert_int_equal(b[14], '7');
        assert_true(strcmp(a, b) < 0);
        memcpy(a, b, sizeof a);
    }
    assert_false(id_is_uuid("not-an-id"));
}

static void digests_are_sha256(void **state)
{
    char to[DIGEST_TEXT];
    (void)state;

    assert_string_equal(digest_bytes("abc", 3, to),
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_string_equal(digest_bytes("", 0, to),
                        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

/* RFC 4231, cases 2 and 6: a short key, and one longer than a block. */
static void hmacs_are_those_of_the_rfc(void **state)
{
    static const char words[] = "what do ya want for nothing?",
                      more[] = "Test Using Larger Than Block-Size Key - Hash Key First";
    unsigned char key[131], raw[DIGEST_RAW];
    char to[DIGEST_TEXT];
    (void)state;

    digest_hmac("Jefe", 4, words, strlen(words), raw);
    assert_string_equal(digest_hex(raw, sizeof raw, to),
                        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof key);
    digest_hmac(key, sizeof key, more, strlen(more), raw);
    assert_string_equal(digest_hex(raw, sizeof raw, to),
                        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void files_and_folders(void **state)
{
    char dir[] = "/tmp/test-base-XXXXXX";
    struct dh_err err;
    char *deep, *file, *copy, *copied, *bytes = NULL;
    size_t n = 0;
    (void)state;

    assert_non_null(mkdtemp(dir));
    deep = fs_join(dir, "a/b/c");
    file = fs_join(deep, "file");
    copy = fs_join(dir, "copy");
    copied = fs_join(copy, "b/c/file");
    assert_int_equal(fs_mkdirs(deep, 0755, &err), 0);
    assert_int_equal(fs_mkdirs(deep, 0755, &err), 0);
    assert_int_equal(fs_write(file, "hello", 5, 0644, &err), 0);
    assert_int_equal(fs_read(file, 4, &bytes, &n, &err), -1);
    assert_int_equal(err.code, DH_INVALID);
    assert_int_equal(fs_read(file, 5, &bytes, &n, &err), 0);
    assert_string_equal(bytes, "hello");
    free(bytes);
    free(deep);
    deep = fs_join(dir, "a");
    assert_int_equal(fs_copy(deep, copy, &err), 0);
    assert_true(fs_exists(copied));
    assert_int_equal(fs_tree_bytes(dir), 10);
    assert_int_equal(fs_rename_new(file, copied, &err), -1); /* is there */
    assert_int_equal(err.code, DH_EXISTS);
    assert_true(fs_exists(file));
    assert_int_equal(fs_unlink(copied, &err), 0);
    assert_int_equal(fs_rename_new(file, copied, &err), 0);
    assert_false(fs_exists(file));
    assert_int_equal(fs_read(dir, 5, &bytes, &n, &err), -1);
    assert_int_equal(symlink("/etc", copied), -1);
    assert_int_equal(fs_remove_tree(dir, &err), 0);
    assert_false(fs_exists(dir));
    assert_int_equal(fs_read(file, 5, &bytes, &n, &err), -1);
    assert_int_equal(err.code, DH_NOT_FOUND);
    free(deep);
    free(file);
    free(copy);
    free(copied);
}

static int freed;

static void count_free(void *p)
{
    freed += *(int *)p;
}

static void arenas_free_all(void **state)
{
    struct arena *a = arena_new();
    int one = 1;
    char *s;
    (void)state;

    for (int i = 0; i < 10000; i++) {
        s = arena_printf(a, "text %d", i);
        assert_int_equal((uintptr_t)s % 16, 0);
    }
    memset(arena_alloc(a, 3 << 20), 1, 3 << 20);
    arena_on_free(a, count_free, &one);
    arena_on_free(a, count_free, &one);
    arena_free(a);
    assert_int_equal(freed, 2);
}

/* A server that says a byte now and then, and never comes to an end. */
static void dribble(int listener)
{
    static const char head[] = "HTTP/1.0 200 OK\r\n\r\n";
    int fd = accept(listener, NULL, NULL);

    (void)signal(SIGPIPE, SIG_DFL);
    for (ssize_t n = write(fd, head, sizeof head - 1); n > 0; n = write(fd, "x", 1))
        (void)usleep(50000);
    _exit(0);
}

static void a_fetch_has_its_end(void **state)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    own_buf struct buf got = {.max = 1 << 20};
    own_mem char *url = NULL;
    struct dh_err err;
    pid_t child;
    (void)state;

    assert_int_equal(setenv("no_proxy", "127.0.0.1", 1), 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &n), 0);
    url = dh_printf("http://127.0.0.1:%d/", ntohs(at.sin_port));
    child = fork();
    if (child == 0)
        dribble(listener);
    assert_int_equal(http_get(url, 1, &got, &err), -1);
    assert_int_equal(err.code, DH_IO);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    (void)close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_gain_places),
        cmocka_unit_test(buffers_grow_and_stop_at_max),
        cmocka_unit_test(maps_find_what_was_put),
        cmocka_unit_test(numbers_print_shortest),
        cmocka_unit_test(json_round_trips),
        cmocka_unit_test(json_takes_any_bytes),
        cmocka_unit_test(times_have_two_ways),
        cmocka_unit_test(ids_grow),
        cmocka_unit_test(hmacs_are_those_of_the_rfc),
        cmocka_unit_test(digests_are_sha256),
        cmocka_unit_test(files_and_folders),
        cmocka_unit_test(arenas_free_all),
        cmocka_unit_test(a_fetch_has_its_end),
    };

    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
