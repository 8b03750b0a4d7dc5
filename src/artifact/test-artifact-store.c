/* artifact: the file store, inputs, and what stays when the disk fails. */
#include <dirent.h>
#include <limits.h>
#include <sys/wait.h>

#include "artifact/test-artifact.h"

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
    assert_int_equal(mkdir("withpipe", 0700), 0);
    assert_int_equal(mkfifo("withpipe/pipe", 0600), 0);
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
    assert_int_equal(artifact_store_open("ftp://bucket", &s, &err), -1);
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

/* ---- faults ---- */

static const char *self; /* this program, to be started as a child */

/* The child: one put of a folder over another, one input given. Its disk fails once. */
static int work(void)
{
    own(artifact_store_close) struct artifact_store *s = NULL;
    struct dh_err err = {0};

    if (artifact_store_open("faults/root", &s, &err) < 0)
        return 9;
    if (artifact_store_put(s, "k/t", "faults/new", &err) < 0 ||
        artifact_link_or_copy("faults/new", "faults/work/t", &err) < 0)
        return err.code == DH_IO && *err.msg ? 8 : 9;
    return 0;
}

static int n_names(const char *folder_path)
{
    DIR *dir = opendir(folder_path);
    int n = 0;

    while (dir && readdir(dir))
        n++;
    if (dir)
        (void)closedir(dir);
    return n > 2 ? n - 2 : 0;
}

static bool is_one_of(const char *path, const struct artifact_stat *a,
                      const struct artifact_stat *b)
{
    struct artifact_stat st;

    digest_of(path, &st);
    return !strcmp(st.digest, a->digest) || !strcmp(st.digest, b->digest);
}

static int count_files(const char *key, int64_t size, void *user, struct dh_err *err)
{
    (void)key;
    (void)size;
    (void)err;
    ++*(int *)user;
    return 0;
}

/* Lets the n-th disk call fail, for n = 1, 2, … until none is left to fail. Without the fault build
 * the first round has no fault: it only checks that the work is done. */
static void test_faults(void **state)
{
    struct artifact_stat before, after;
    int status = -1, rounds = 0;
    (void)state;

    put_file("faults/old/a", "old");
    make_tree("faults/new");
    digest_of("faults/old", &before);
    digest_of("faults/new", &after);
    while (status != 0) {
        own(artifact_store_close) struct artifact_store *s = NULL;
        struct dh_err err;
        int files = 0;
        pid_t pid;

        assert_int_equal(artifact_store_open("faults/root", &s, &err), 0);
        assert_int_equal(artifact_store_put(s, "k/t", "faults/old", &err), 0);
        rounds++;
        pid = fork();
        if (pid == 0) {
            char n[20];

            (void)snprintf(n, sizeof n, "%d", rounds);
            (void)setenv("DHOW_FAULT_IO", n, 1);
            (void)execl(self, self, "work", (char *)NULL);
            _exit(99);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (!WIFEXITED(status) || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 8))
            fail_msg("fault %d: status %x", rounds, (unsigned)status);
        assert_true(is_one_of("faults/root/k/t", &before, &after));
        if (fs_exists("faults/work/t"))
            assert_true(is_one_of("faults/work/t", &after, &after));
        /* Nothing beside: 1 file of the old one or 4 of the new one. */
        assert_int_equal(artifact_store_list(s, "", count_files, &files, &err), 0);
        assert_true(files == 1 || files == 4);
        assert_int_equal(n_names("faults/root/k"), 1);
        assert_true(n_names("faults/work") == fs_exists("faults/work/t"));
        assert_true(rounds < 1000);
        assert_int_equal(fs_remove_tree("faults/work", &err), 0);
    }
#ifdef DHOW_FAULT
    assert_true(rounds > 10);
#endif
}

int main(int argc, char **argv)
{
    static char path[PATH_MAX];
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_store),  cmocka_unit_test(test_store_keys),
        cmocka_unit_test(test_verify), cmocka_unit_test(test_link_or_copy),
        cmocka_unit_test(test_faults),
    };

    if (argc == 2 && !strcmp(argv[1], "work"))
        return work();
    if (readlink("/proc/self/exe", path, sizeof path - 1) < 0)
        return 1;
    self = path;
    return cmocka_run_group_tests_name("artifact: stores", tests, set_up, tear_down);
}
