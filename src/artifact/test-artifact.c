/* artifact: URIs, layout, digests. */
#include <fcntl.h>

#include "artifact/test-artifact.h"

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
        {"s3://", NULL, "no name of a bucket"},
        {"s3://bucket/key?endpoint=http://u:p@h", NULL, "no user and password"},
        {"s3://bucket/key?region=x&access_key=AKIA", NULL, "Keys do not belong in a URI"},
        {"gs://b@d/key", NULL, "no name of a bucket"},
        {"oci://image", NULL, "no models out of images"},
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
        {"s3://bucket/x/?region=r", "t", "o", "s3://bucket/x/p/run/t/exec/o?region=r"},
        {"s3://bucket?endpoint=http://h:9", "t", "a b",
         "s3://bucket/p/run/t/exec/a b?endpoint=http://h:9"},
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

/* Who has only a list of files and their digests says the same. */
static void test_digest_pieces(void **state)
{
    char one[DIGEST_TEXT], two[DIGEST_TEXT], all[DIGEST_TEXT];
    const struct artifact_piece pieces[] = {
        {"sub-x", 4, one}, {"sub/deep/b", 4, two}, {"a", 4, one}, {"sub/c", 4, two}};
    struct artifact_stat st;
    (void)state;

    put_file("pieces/a", "one\n");
    put_file("pieces/sub-x", "one\n");
    put_file("pieces/sub/c", "two\n");
    put_file("pieces/sub/deep/b", "two\n");
    digest_bytes("one\n", 4, one);
    digest_bytes("two\n", 4, two);
    artifact_digest_pieces(pieces, 4, all);
    digest_of("pieces", &st);
    assert_string_equal(st.digest, all);
}

/* What is known is not read: said wrongly, it stays wrong. Of another size it is not known. */
static void test_digest_known(void **state)
{
    char one[DIGEST_TEXT], two[DIGEST_TEXT];
    const struct artifact_piece right[] = {{"a", 4, one}, {"sub/c", 4, two}, {"gone", 4, two}};
    const struct artifact_piece wrong[] = {{"a", 4, two}}, older[] = {{"a", 5, two}};
    struct artifact_stat st, of;
    struct dh_err err;
    (void)state;

    put_file("known/a", "one\n");
    put_file("known/b", "three\n");
    put_file("known/sub/c", "two\n");
    digest_bytes("one\n", 4, one);
    digest_bytes("two\n", 4, two);
    digest_of("known", &of);
    assert_int_equal(artifact_digest_known("known", right, 3, &st, &err), 0);
    assert_string_equal(st.digest, of.digest);
    assert_int_equal(st.size_bytes, of.size_bytes);
    assert_int_equal(artifact_digest_known("known", older, 1, &st, &err), 0);
    assert_string_equal(st.digest, of.digest);
    assert_int_equal(artifact_digest_known("known", wrong, 1, &st, &err), 0);
    assert_string_not_equal(st.digest, of.digest);
}

static void test_open_beneath(void **state)
{
    struct stat st;
    struct dh_err err;
    int fd;
    (void)state;

    put_file("beneath/in/a", "one\n");
    put_file("outside", "secret\n");
    assert_int_equal(symlink("a", "beneath/in/link"), 0);
    assert_int_equal(symlink("../../outside", "beneath/in/out"), 0);
    for (size_t i = 0; i < 3; i++) {
        fd =
            artifact_open_beneath("beneath", (const char *[]){"", "in/a", "in/link"}[i], &st, &err);
        assert_true(fd >= 0);
        assert_int_equal(close(fd), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(
            artifact_open_beneath("beneath",
                                  (const char *[]){"in/out", "../outside", "none", "in/a/x"}[i],
                                  &st, &err),
            -1);
        assert_int_equal(err.code, DH_NOT_FOUND);
    }
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

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uri_local),      cmocka_unit_test(test_uri_normal),
        cmocka_unit_test(test_path),           cmocka_unit_test(test_path_stays),
        cmocka_unit_test(test_digest_file),    cmocka_unit_test(test_digest_tree_form),
        cmocka_unit_test(test_digest_pieces),  cmocka_unit_test(test_digest_tree_changes),
        cmocka_unit_test(test_digest_refuses), cmocka_unit_test(test_digest_known),
        cmocka_unit_test(test_open_beneath),
    };

    return cmocka_run_group_tests_name("artifact", tests, set_up, tear_down);
}
