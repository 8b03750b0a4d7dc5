/* artifact: URIs, layout, digests, the file store, inputs. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "artifact/artifact.h"
#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"

static char folder[] = "/tmp/dhow-test-artifact-XXXXXX";

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return chdir("/") == 0 ? fs_remove_tree(folder, NULL) : -1;
}

static void put_file(const char *path, const char *text)
{
    struct dh_err err;
    own_mem char *dir = dh_strdup(path);
    char *slash = strrchr(dir, '/');

    if (slash) {
        *slash = '\0';
        assert_int_equal(fs_mkdirs(dir, 0755, &err), 0);
    }
    assert_int_equal(fs_write_new(path, text, strlen(text), 0644, &err), 0);
}

static char *file_text(const char *path)
{
    struct dh_err err;
    char *text = NULL;
    size_t n;

    if (fs_read(path, 1 << 20, &text, &n, &err) < 0)
        fail_msg("%s", err.msg);
    return text;
}

/* ---- URIs ---- */

static void test_uri_local(void **state)
{
    static const struct {
        const char *uri, *path; /* path NULL: an error that holds `says` */
        const char *says;
    } cases[] = {
        {"/a/b", "/a/b", NULL},
        {"/a//b/./c/", "/a/b/c", NULL},
        {"/a/b/../c", "/a/c", NULL},
        {"/../..", "/", NULL},
        {"file:///a/b", "/a/b", NULL},
        {"FILE:///a/b", "/a/b", NULL},
        {"file://localhost/a", "/a", NULL},
        {"file:///a%20b/%C3%A9", "/a b/\xC3\xA9", NULL},
        {"file:///a%2fb", "/a/b", NULL},
        {"/a%20b", "/a%20b", NULL}, /* a path is no URI */
        {"/odd://name", "/odd:/name", NULL},
        {"1x://name", NULL, "-"}, /* relative, see below */
        {"", NULL, "empty"},
        {"file://host/a", NULL, "three slashes"},
        {"file://a", NULL, "file:///folder/file"},
        {"file:///a%2", NULL, "two hex digits"},
        {"file:///a%zz", NULL, "two hex digits"},
        {"file:///a%00b", NULL, "NUL"},
        {"s3://bucket/key", NULL, "it reads file:// and plain paths"},
        {"gs://bucket/key", NULL, "no 'gs://' URIs"},
        {"minio://bucket/key", NULL, "no 'minio://' URIs"},
        {"oci://image", NULL, "no 'oci://' URIs"},
        {"https://host/x", NULL, "no 'https://' URIs"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        own_mem char *path = NULL;
        struct dh_err err = {0};
        int rc = artifact_uri_local(cases[i].uri, &path, &err);

        if (cases[i].says && !strcmp(cases[i].says, "-")) {
            assert_int_equal(rc, 0);
            assert_true(!strncmp(path, folder, strlen(folder)));
        } else if (cases[i].path) {
            if (rc != 0)
                fail_msg("%s: %s", cases[i].uri, err.msg);
            assert_string_equal(path, cases[i].path);
        } else {
            assert_int_equal(rc, -1);
            assert_int_equal(err.code, DH_INVALID);
            if (!strstr(err.msg, cases[i].says))
                fail_msg("%s: '%s' does not hold '%s'", cases[i].uri, err.msg, cases[i].says);
        }
    }
}

static void test_uri_normal(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"/a/b", "file:///a/b"},
        {"/a b/%/?#[]", "file:///a%20b/%25/%3F%23%5B%5D"},
        {"file:///a%20b/./c//d", "file:///a%20b/c/d"},
        {"/\xC3\xA9", "file:///%C3%A9"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        own_mem char *uri = NULL;
        own_mem char *path = NULL;
        own_mem char *again = NULL;
        struct dh_err err;

        assert_int_equal(artifact_uri_normal(cases[i].in, &uri, &err), 0);
        assert_string_equal(uri, cases[i].out);
        assert_int_equal(artifact_uri_local(uri, &path, &err), 0);
        assert_int_equal(artifact_uri_normal(path, &again, &err), 0);
        assert_string_equal(again, uri);
    }
}

/* ---- layout ---- */

static void test_path(void **state)
{
    static const struct {
        const char *root, *task, *output, *path;
    } cases[] = {
        {"/r", "train", "model", "/r/p/run/train/exec/model"},
        {"/r/", "train", "model", "/r/p/run/train/exec/model"},
        {"/", "t", "o", "/p/run/t/exec/o"},
        {"s3://bucket/x", "t", "o", "s3://bucket/x/p/run/t/exec/o"},
        {"/r", "../../etc", "a/b", "/r/p/run/%2E.%2F..%2Fetc/exec/a%2Fb"},
        {"/r", "..", ".", "/r/p/run/%2E./exec/%2E"},
        {"/r", ".hidden", "a.b", "/r/p/run/%2Ehidden/exec/a.b"},
        {"/r", "100%", "a\nb", "/r/p/run/100%25/exec/a%0Ab"},
        {"/r", "", "a b", "/r/p/run/%/exec/a b"},
        {"file:///r", "a/b", "o", "file:///r/p/run/a%252Fb/exec/o"},
        {"/r", "t", NULL, "/r/p/run/t/exec"},
    };
    char a[600], b[600];
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        own_mem char *path =
            artifact_path(cases[i].root, "p", "run", cases[i].task, "exec", cases[i].output);

        assert_string_equal(path, cases[i].path);
    }
    /* Long names stay one component and stay apart, also where a cut would fall into an escape. */
    for (size_t n = 230; n < 590; n++) {
        own_mem char *x = NULL;
        own_mem char *y = NULL;

        memset(a, '/', n);
        memset(b, '/', n);
        a[n] = b[n] = '\0';
        b[n - 1] = 'x';
        a[n / 2] = b[n / 2] = 'm';
        x = artifact_path("", a, NULL, NULL, NULL, NULL);
        y = artifact_path("", b, NULL, NULL, NULL, NULL);
        assert_true(strlen(x) <= 256);
        assert_null(strchr(x + 1, '/'));
        assert_string_not_equal(x, y);
    }
}

/* No name of a step leaves the root, by path or by URI. */
static void test_path_stays(void **state)
{
    static const char *const names[] = {"..",           "../..", "/etc/passwd", "%2e%2e",
                                        "a/../../../b", ".",     "%2E%2E%2F"};
    static const char *const roots[] = {"/the/root", "file:///the/root"};
    (void)state;

    for (size_t r = 0; r < 2; r++)
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            for (size_t j = 0; j < sizeof names / sizeof *names; j++) {
                own_mem char *uri = artifact_path(roots[r], names[i], names[j], NULL, NULL, NULL);
                own_mem char *path = NULL;
                size_t slashes = 0;

                assert_int_equal(artifact_uri_local(uri, &path, NULL), 0);
                for (const char *p = path; *p; p++)
                    slashes += *p == '/';
                assert_true(!strncmp(path, "/the/root/", 10));
                assert_int_equal(slashes, 4);
            }
}

/* ---- digests ---- */

static void digest_of(const char *path, struct artifact_stat *ret)
{
    struct dh_err err;

    if (artifact_digest(path, ret, &err) < 0)
        fail_msg("%s: %s", path, err.msg);
}

static void make_tree(const char *top)
{
    own_mem char *a = dh_printf("%s/a", top);
    own_mem char *b = dh_printf("%s/sub/b", top);
    own_mem char *dash = dh_printf("%s/sub-x", top);
    own_mem char *link = dh_printf("%s/sub/link", top);
    own_mem char *empty = dh_printf("%s/empty", top);

    put_file(b, "two\n");
    put_file(a, "one\n");
    put_file(dash, "");
    assert_int_equal(symlink("../a", link), 0);
    assert_int_equal(mkdir(empty, 0700), 0);
}

static void test_digest_file(void **state)
{
    static const struct {
        const char *text, *digest;
    } cases[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    };
    struct artifact_stat st;
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_file("digest", cases[i].text);
        digest_of("digest", &st);
        assert_string_equal(st.digest, cases[i].digest);
        assert_int_equal(st.kind, ARTIFACT_FILE);
        assert_int_equal(st.size_bytes, strlen(cases[i].text));
        assert_int_equal(st.n_files, 1);
    }
    assert_int_equal(symlink("digest", "digest-link"), 0);
    digest_of("digest-link", &st);
    assert_string_equal(st.digest, cases[1].digest);
}

/* The form that the header promises, written out by hand. */
static void test_digest_tree_form(void **state)
{
    own_buf struct buf b = {0};
    char one[DIGEST_TEXT], two[DIGEST_TEXT], none[DIGEST_TEXT], all[DIGEST_TEXT];
    struct artifact_stat st;
    (void)state;

    make_tree("form");
    digest_bytes("one\n", 4, one);
    digest_bytes("two\n", 4, two);
    digest_bytes("", 0, none);
    buf_addf(&b,
             "file|a|4|%s|dir|empty|dir|sub|file|sub-x|0|%s|file|sub/b|4|%s|link|sub/link|../a|",
             one, none, two);
    for (size_t i = 0; i < b.n; i++)
        if (b.p[i] == '|')
            b.p[i] = '\0';
    digest_bytes(b.p, b.n, all);
    digest_of("form", &st);
    assert_string_equal(st.digest, all);
    assert_int_equal(st.kind, ARTIFACT_DIR);
    assert_int_equal(st.size_bytes, 8);
    assert_int_equal(st.n_files, 3);
}

static void change_text(void)
{
    put_file("change/a", "ONE\n");
}
static void change_name(void)
{
    assert_int_equal(rename("change/a", "change/aa"), 0);
}
static void change_link(void)
{
    assert_int_equal(unlink("change/sub/link"), 0);
    assert_int_equal(symlink("../b", "change/sub/link"), 0);
}
static void change_link_to_file(void)
{
    assert_int_equal(unlink("change/sub/link"), 0);
    put_file("change/sub/link", "../a");
}
static void change_add_dir(void)
{
    assert_int_equal(mkdir("change/more", 0755), 0);
}
static void change_drop_dir(void)
{
    assert_int_equal(rmdir("change/empty"), 0);
}
static void change_move(void)
{
    assert_int_equal(rename("change/sub/b", "change/b"), 0);
}
static void same_mode(void)
{
    assert_int_equal(chmod("change/a", 0400), 0);
}
static void same_time(void)
{
    static const struct timespec t[2] = {{1, 0}, {1, 0}};

    assert_int_equal(utimensat(AT_FDCWD, "change/a", t, 0), 0);
}
static void same_order(void)
{
    assert_int_equal(unlink("change/a"), 0);
    assert_int_equal(rmdir("change/empty"), 0);
    assert_int_equal(mkdir("change/empty", 0755), 0);
    put_file("change/a", "one\n");
}

static void test_digest_tree_changes(void **state)
{
    static const struct {
        void (*change)(void);
        bool same;
    } cases[] = {
        {change_text, false},         {change_name, false},    {change_link, false},
        {change_link_to_file, false}, {change_add_dir, false}, {change_drop_dir, false},
        {change_move, false},         {same_mode, true},       {same_time, true},
        {same_order, true},
    };
    struct artifact_stat before, after;
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        make_tree("change");
        digest_of("change", &before);
        cases[i].change();
        digest_of("change", &after);
        if (!strcmp(before.digest, after.digest) != cases[i].same)
            fail_msg("case %zu", i);
        assert_int_equal(fs_remove_tree("change", NULL), 0);
    }
}

static void test_digest_refuses(void **state)
{
    struct artifact_stat st;
    struct dh_err err;
    (void)state;

    assert_int_equal(artifact_digest("nowhere", &st, &err), -1);
    assert_int_equal(err.code, DH_NOT_FOUND);
    assert_int_equal(mkfifo("pipe", 0600), 0);
    assert_int_equal(artifact_digest("pipe", &st, &err), -1);
    assert_int_equal(err.code, DH_INVALID);
    assert_int_equal(mkdir("withpipe", 0700), 0);
    assert_int_equal(rename("pipe", "withpipe/pipe"), 0);
    assert_int_equal(artifact_digest("withpipe", &st, &err), -1);
    assert_int_equal(err.code, DH_INVALID);
    assert_non_null(strstr(err.msg, "withpipe/pipe"));
}

/* ---- the file store ---- */

struct seen {
    char text[400];
    int stop_at, n;
};

static int see(const char *key, int64_t size, void *user, struct dh_err *err)
{
    struct seen *seen = user;
    size_t n = strlen(seen->text);

    (void)err;
    (void)snprintf(seen->text + n, sizeof seen->text - n, "%s=%lld ", key, (long long)size);
    return ++seen->n == seen->stop_at ? 7 : 0;
}

static void test_store(void **state)
{
    own(artifact_store_close) struct artifact_store *s = NULL;
    own_mem char *text = NULL;
    struct artifact_stat st, tree;
    struct seen seen = {0};
    struct dh_err err = {0};
    (void)state;

    assert_int_equal(artifact_store_open("store root", &s, &err), 0);
    assert_non_null(strstr(artifact_store_root(s), "store%20root"));
    assert_false(fs_exists("store root")); /* nothing is made by opening */
    put_file("one", "abc");
    make_tree("t");
    digest_of("t", &tree);

    assert_int_equal(artifact_store_put(s, "x/one", "one", &err), 0);
    assert_int_equal(artifact_store_put(s, "x/t", "t", &err), 0);
    assert_true(artifact_store_exists(s, "x/one"));
    assert_false(artifact_store_exists(s, "x/two"));
    assert_int_equal(artifact_store_stat(s, "x/one", true, &st, &err), 0);
    assert_int_equal(st.size_bytes, 3);
    assert_true(!strncmp(st.digest, "ba7816bf", 8));
    assert_int_equal(artifact_store_stat(s, "x/t", false, &st, &err), 0);
    assert_string_equal(st.digest, "");
    assert_int_equal(st.size_bytes, 8);
    assert_int_equal(st.n_files, 3);
    assert_int_equal(artifact_store_stat(s, "x/t", true, &st, &err), 0);
    assert_string_equal(st.digest, tree.digest);
    assert_int_equal(artifact_store_stat(s, "x/two", false, &st, &err), -1);
    assert_int_equal(err.code, DH_NOT_FOUND);

    assert_int_equal(artifact_store_list(s, "", see, &seen, &err), 0);
    assert_string_equal(seen.text, "x/one=3 x/t/a=4 x/t/sub-x=0 x/t/sub/b=4 x/t/sub/link=0 ");
    seen = (struct seen){.stop_at = 2};
    assert_int_equal(artifact_store_list(s, "x/t", see, &seen, &err), 7);
    assert_string_equal(seen.text, "x/t/a=4 x/t/sub-x=0 ");
    seen = (struct seen){0};
    assert_int_equal(artifact_store_list(s, "nowhere", see, &seen, &err), 0);
    assert_int_equal(seen.n, 0);

    assert_int_equal(artifact_store_get(s, "x/t", "back/t", &err), 0);
    digest_of("back/t", &st);
    assert_string_equal(st.digest, tree.digest);
    assert_int_equal(artifact_store_get(s, "x/two", "back/two", &err), -1);
    assert_int_equal(err.code, DH_NOT_FOUND);

    /* Replaced: a file by a folder, a full folder by another, a folder by a file. */
    assert_int_equal(artifact_store_put(s, "x/one", "t", &err), 0);
    put_file("t/new", "new");
    digest_of("t", &tree);
    assert_int_equal(artifact_store_put(s, "x/one", "t", &err), 0);
    assert_int_equal(artifact_store_stat(s, "x/one", true, &st, &err), 0);
    assert_string_equal(st.digest, tree.digest);
    assert_int_equal(artifact_store_put(s, "x/one", "one", &err), 0);
    assert_int_equal(artifact_store_stat(s, "x/one", true, &st, &err), 0);
    assert_true(!strncmp(st.digest, "ba7816bf", 8));
    assert_int_equal(artifact_store_put(s, "x/one", "store root/x/one", &err), 0); /* itself */
    text = file_text("store root/x/one");
    assert_string_equal(text, "abc");

    /* Nothing half-written stays. */
    assert_int_equal(artifact_store_put(s, "x/pipe", "withpipe", &err), -1);
    assert_int_equal(err.code, DH_INVALID);
    assert_int_equal(artifact_store_put(s, "x/none", "nowhere", &err), -1);
    assert_int_equal(err.code, DH_NOT_FOUND);
    assert_int_equal(artifact_store_delete(s, "x/t", &err), 0);
    assert_int_equal(artifact_store_delete(s, "x/t", &err), 0);
    assert_true(fs_exists("store root/x"));
    assert_int_equal(artifact_store_delete(s, "x/one", &err), 0);
    assert_false(fs_exists("store root/x")); /* empty now: went too */
    assert_true(fs_exists("store root"));
}

static void test_store_keys(void **state)
{
    static const char *const bad[] = {"",     "/a",   "a//b", "a/",     "..",
                                      "a/..", "../a", "./a",  "a/../b", "."};
    own(artifact_store_close) struct artifact_store *s = NULL;
    struct artifact_stat st;
    struct dh_err err;
    (void)state;

    assert_int_equal(artifact_store_open("keys", &s, &err), 0);
    put_file("one", "abc");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        err.code = 0;
        assert_int_equal(artifact_store_put(s, bad[i], "one", &err), -1);
        assert_int_equal(err.code, DH_INVALID);
        assert_int_equal(artifact_store_get(s, bad[i], "two", &err), -1);
        assert_int_equal(artifact_store_stat(s, bad[i], false, &st, &err), -1);
        assert_int_equal(artifact_store_delete(s, bad[i], &err), -1);
    }
    assert_int_equal(artifact_store_put(s, "a b/..c/d..", "one", &err), 0);
    assert_true(fs_exists("keys/a b/..c/d.."));
    assert_int_equal(artifact_store_open("s3://bucket", &s, &err), -1);
    assert_int_equal(err.code, DH_INVALID);
}

/* ---- verify ---- */

static void test_verify(void **state)
{
    static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    struct artifact_stat tree;
    struct dh_err err;
    (void)state;

    put_file("v er/one", "abc");
    make_tree("v er/t");
    digest_of("v er/t", &tree);
    const struct {
        const char *uri, *digest;
        int64_t size;
        int answer;
    } cases[] = {
        {"v er/one", abc, 3, 0},
        {"v er/one", abc, -1, 0},
        {"v er/one", NULL, -1, 0},
        {"v er/one", abc, 4, ARTIFACT_CHANGED},
        {"v er/one", tree.digest, 3, ARTIFACT_CHANGED},
        {"v er/t", tree.digest, 8, 0},
        {"v er/t", tree.digest, 9, ARTIFACT_CHANGED},
        {"v er/t/", tree.digest, -1, 0},
        {"v er/t", abc, -1, ARTIFACT_CHANGED},
        {"v er/two", abc, 3, ARTIFACT_GONE},
        {"v er/one/below", abc, 3, ARTIFACT_GONE},
        {"nowhere/one", NULL, -1, ARTIFACT_GONE},
        {"s3://b/one", abc, 3, -1},
        {"/", NULL, -1, -1},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (artifact_verify(cases[i].uri, cases[i].digest, cases[i].size, &err) != cases[i].answer)
            fail_msg("case %zu", i);
    {
        own_mem char *path = fs_absolute("v er/one");
        own_mem char *uri = NULL;

        assert_int_equal(artifact_uri_normal(path, &uri, &err), 0);
        assert_int_equal(artifact_verify(uri, abc, 3, &err), 0);
    }
}

/* ---- inputs ---- */

static ino_t inode(const char *path)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    return st.st_ino;
}

static mode_t mode(const char *path)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 0777;
}

static void test_link_or_copy(void **state)
{
    own_mem char *text = NULL;
    struct artifact_stat a, b;
    struct dh_err err;
    (void)state;

    /* Can be written: another inode, read-only; the source keeps its mode. */
    put_file("in/one", "abc");
    assert_int_equal(artifact_link_or_copy("in/one", "work/deep/one", &err), 0);
    assert_int_not_equal(inode("in/one"), inode("work/deep/one"));
    assert_int_equal(mode("work/deep/one") & 0222, 0);
    assert_int_equal(mode("in/one"), 0644);
    text = file_text("work/deep/one");
    assert_string_equal(text, "abc");
    /* Cannot: the same. */
    assert_int_equal(chmod("in/one", 0444), 0);
    assert_int_equal(artifact_link_or_copy("in/one", "work/two", &err), 0);
    assert_int_equal(inode("in/one"), inode("work/two"));
    /* A folder: made anew, digest the same, closed. */
    make_tree("in/t");
    assert_int_equal(chmod("in/t/a", 0444), 0);
    assert_int_equal(artifact_link_or_copy("in/t", "work/t", &err), 0);
    digest_of("in/t", &a);
    digest_of("work/t", &b);
    assert_string_equal(a.digest, b.digest);
    assert_int_equal(mode("work/t"), 0555);
    assert_int_equal(mode("work/t/sub"), 0555);
    assert_int_equal(mode("work/t/sub/b") & 0222, 0);
    assert_int_equal(inode("in/t/a"), inode("work/t/a"));
    assert_int_not_equal(mode("in/t") & 0200, 0);
    /* Through a link at the top. */
    assert_int_equal(symlink("t", "in/link"), 0);
    assert_int_equal(artifact_link_or_copy("in/link", "work/linked", &err), 0);
    digest_of("work/linked", &b);
    assert_string_equal(a.digest, b.digest);
    /* Refused. */
    assert_int_equal(artifact_link_or_copy("in/one", "work/two", &err), -1);
    assert_int_equal(err.code, DH_EXISTS);
    assert_int_equal(artifact_link_or_copy("in/nowhere", "work/three", &err), -1);
    assert_int_equal(err.code, DH_NOT_FOUND);
    assert_false(fs_exists("work/three"));
    assert_int_equal(fs_remove_tree("work", &err), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uri_local),
        cmocka_unit_test(test_uri_normal),
        cmocka_unit_test(test_path),
        cmocka_unit_test(test_path_stays),
        cmocka_unit_test(test_digest_file),
        cmocka_unit_test(test_digest_tree_form),
        cmocka_unit_test(test_digest_tree_changes),
        cmocka_unit_test(test_digest_refuses),
        cmocka_unit_test(test_store),
        cmocka_unit_test(test_store_keys),
        cmocka_unit_test(test_verify),
        cmocka_unit_test(test_link_or_copy),
    };

    return cmocka_run_group_tests_name("artifact", tests, set_up, tear_down);
}
