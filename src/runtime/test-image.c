#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/digest.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/own.h"
#include "runtime/command.h"
#include "runtime/image-priv.h"
#include "runtime/test-image-make.h"

static char dir[64];
static char *home;
static unsigned count;

static int setup(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof dir, "/tmp/test-image-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    home = fs_join(dir, "home");
    return fs_mkdirs(home, 0755, NULL);
}

static int drop(void **state)
{
    (void)state;
    free(home);
    return fs_remove_tree(dir, NULL);
}

static char *write_file(const char *name, const void *bytes, size_t n)
{
    char *path = fs_join(dir, name);

    assert_int_equal(fs_write(path, bytes, n, 0644, NULL), 0);
    return path;
}

/* An empty folder for a root. */
static char *new_root(void)
{
    char *root = dh_printf("%s/root-%u", dir, count++);

    assert_int_equal(fs_mkdirs(root, 0755, NULL), 0);
    return root;
}

static int put_layer(const char *root, struct buf *tar, struct dh_err *err)
{
    struct layer_use use = {0};
    own_mem char *file = write_file("layer.tar", tar->p, tar->n);

    buf_done(tar);
    return layer_unpack(file, NULL, NULL, root, &use, err);
}

static void put_good_layer(const char *root, struct buf *tar)
{
    struct dh_err err;

    tar_end(tar);
    if (put_layer(root, tar, &err) < 0)
        fail_msg("%s", err.msg);
}

static bool has(const char *root, const char *path)
{
    own_mem char *full = fs_join(root, path);
    struct stat st;

    return lstat(full, &st) == 0;
}

static void assert_text(const char *root, const char *path, const char *text)
{
    own_mem char *full = fs_join(root, path);
    own_mem char *got = NULL;
    size_t n;

    if (fs_read(full, 65536, &got, &n, NULL) != 0)
        fail_msg("%s is not there", path);
    assert_string_equal(got, text);
}

static void members_of_each_kind(void **state)
{
    own_mem char *root = new_root();
    own_mem char *path = NULL;
    struct buf tar = {0};
    struct stat st;

    (void)state;
    tar_put(&tar, '5', "./", 0755, NULL, NULL, 0);
    tar_put(&tar, '5', "./bin/", 0755, NULL, NULL, 0);
    tar_put(&tar, '0', "./bin/tool", 0755, NULL, "#!", 2);
    tar_put(&tar, '1', "./bin/hard", 0755, "bin/tool", NULL, 0);
    tar_put(&tar, '2', "./bin/soft", 0777, "tool", NULL, 0);
    tar_put(&tar, '6', "pipe", 0644, NULL, NULL, 0);
    tar_put(&tar, '3', "dev/null", 0644, NULL, NULL, 0);
    tar_put_text(&tar, "deep/er/file", "made its folders");
    put_good_layer(root, &tar);
    assert_text(root, "bin/hard", "#!");
    assert_text(root, "bin/soft", "#!");
    assert_text(root, "deep/er/file", "made its folders");
    assert_false(has(root, "dev/null")); /* a container gets its own */
    path = fs_join(root, "bin/hard");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_nlink, 2);
    assert_int_equal(st.st_mode & 0777, 0755);
    assert_int_equal(st.st_mtime, 1700000000);
}

static void long_names(void **state)
{
    own_mem char *root = new_root();
    char path[400] = "", record[500];
    struct buf tar = {0};

    (void)state;
    (void)memset(path, 'a', 120);
    path[60] = '/';
    (void)snprintf(record, sizeof record, "%d path=%s\n", (int)strlen(path) + 10, path);
    tar_put(&tar, 'x', "pax", 0644, NULL, record, strlen(record));
    tar_put_text(&tar, "short", "by pax");
    path[0] = 'b';
    tar_put(&tar, 'L', "././@LongLink", 0644, NULL, path, strlen(path) + 1);
    tar_put_text(&tar, "short", "by gnu");
    tar_put_text(&tar, "short", "by itself");
    put_good_layer(root, &tar);
    assert_text(root, path, "by gnu");
    path[0] = 'a';
    assert_text(root, path, "by pax");
    assert_text(root, "short", "by itself");
}

static void layers_hide_what_is_below(void **state)
{
    own_mem char *root = new_root();
    struct buf tar = {0};

    (void)state;
    tar_put_text(&tar, "etc/old", "1");
    tar_put_text(&tar, "etc/keep", "1");
    tar_put_text(&tar, "var/a/x", "1");
    tar_put_text(&tar, "var/a/y", "1");
    tar_put_text(&tar, "opt/one", "1");
    tar_put_text(&tar, "opt/sub/two", "1");
    tar_put_text(&tar, "kind", "file");
    tar_put(&tar, '2', "link", 0777, "etc", NULL, 0);
    put_good_layer(root, &tar);

    tar_put_text(&tar, "etc/.wh.old", "");
    tar_put_text(&tar, "var/.wh.a", "");
    tar_put_text(&tar, "opt/sub/new", "2"); /* before the mark that hides its folder */
    tar_put_text(&tar, "opt/.wh..wh..opq", "");
    tar_put_text(&tar, "opt/three", "2");
    tar_put(&tar, '5', "kind", 0755, NULL, NULL, 0); /* a folder in a file's place */
    tar_put_text(&tar, "link/new", "through a link");
    tar_put_text(&tar, "fresh", "2");
    tar_put_text(&tar, ".wh.fresh", ""); /* speaks of the layers below only */
    put_good_layer(root, &tar);
    assert_false(has(root, "etc/old"));
    assert_text(root, "etc/keep", "1");
    assert_false(has(root, "var/a"));
    assert_false(has(root, "opt/one"));
    assert_false(has(root, "opt/sub/two"));
    assert_text(root, "opt/sub/new", "2");
    assert_text(root, "opt/three", "2");
    assert_true(has(root, "kind/."));
    assert_text(root, "etc/new", "through a link");
    assert_text(root, "fresh", "2");
    assert_false(has(root, "etc/.wh.old"));
}

/* What a hostile image tries. Nothing outside of the root may change, whatever the answer. */
static void nothing_leaves_the_root(void **state)
{
    static const struct {
        char type;
        const char *link, *path, *target;
    } cases[] = {
        {'0', NULL, "../victim", NULL},      {'0', NULL, "a/../../victim", NULL},
        {'0', NULL, "/../victim", NULL},     {'0', "..", "l/victim", NULL},
        {'0', "../..", "l/x/victim", NULL},  {'0', "/", "l/victim", NULL},
        {'0', "../victim", "l", NULL}, /* replaces the link, does not follow it */
        {'1', NULL, "hard", "../victim"},    {'1', "..", "hard", "l/victim"},
        {'5', "..", "l/victim", NULL},       {'0', "..", "l/.wh.victim", NULL},
        {'0', "..", "l/.wh..wh..opq", NULL}, {'0', NULL, ".wh...", NULL},
        {'0', NULL, "a/.wh..", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        own_mem char *outer = new_root();
        own_mem char *root = fs_join(outer, "root");
        own_mem char *victim = fs_join(outer, "victim");
        own_mem char *hard = fs_join(root, "hard");
        struct buf tar = {0};
        struct dh_err err;
        struct stat st;

        assert_int_equal(fs_mkdirs(root, 0755, NULL), 0);
        assert_int_equal(fs_write(victim, "safe", 4, 0644, NULL), 0);
        if (cases[i].link)
            tar_put(&tar, '2', "l", 0777, cases[i].link, NULL, 0);
        tar_put(&tar, cases[i].type, cases[i].path, 0755, cases[i].target, "bad",
                cases[i].type == '0' ? 3 : 0);
        tar_end(&tar);
        (void)put_layer(root, &tar, &err);
        assert_text(outer, "victim", "safe");
        assert_int_equal(stat(victim, &st), 0);
        assert_int_equal(st.st_nlink, 1);
        if (has(root, "hard"))
            fail_msg("case %zu made %s", i, hard);
    }
}

static void damage_is_told(void **state)
{
    static const char *const cases[] = {"cut", "checksum", "garbage", "pax", "digest"};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        own_mem char *root = new_root();
        own_mem char *file = NULL;
        struct layer_use use = {0};
        struct buf tar = {0};
        struct dh_err err;
        char digest[DIGEST_TEXT] = "";

        if (!strcmp(cases[i], "pax"))
            tar_put(&tar, 'x', "pax", 0644, NULL, "99 path=x\n", 10);
        tar_put_text(&tar, "file", "text");
        tar_end(&tar);
        if (!strcmp(cases[i], "cut"))
            tar.n = 600;
        if (!strcmp(cases[i], "checksum"))
            tar.p[0] ^= 1;
        if (!strcmp(cases[i], "garbage"))
            (void)memset(tar.p, 'x', tar.n);
        if (!strcmp(cases[i], "digest"))
            (void)memset(digest, '0', 64);
        file = write_file("bad.tar", tar.p, tar.n);
        buf_done(&tar);
        if (layer_unpack(file, *digest ? digest : NULL, NULL, root, &use, &err) == 0)
            fail_msg("%s was not noticed", cases[i]);
        assert_int_equal(err.code, DH_INVALID);
    }
}

static void packed_layers(void **state)
{
    static const char *const tools[] = {"gzip -c", "zstd -q -c"};

    (void)state;
    for (size_t i = 0; i < sizeof tools / sizeof *tools; i++) {
        own_mem char *root = new_root();
        own_mem char *plain = NULL;
        own_mem char *packed = NULL;
        own_mem char *command = NULL;
        struct layer_use use = {0};
        struct buf tar = {0};
        struct dh_err err;
        char digest[DIGEST_TEXT], diff_id[DIGEST_TEXT];

        for (int k = 0; k < 3000; k++)
            tar_put_text(&tar, "file", "the same again");
        tar_end(&tar);
        (void)digest_bytes(tar.p, tar.n, diff_id);
        plain = write_file("plain.tar", tar.p, tar.n);
        buf_done(&tar);
        packed = dh_printf("%s.packed", plain);
        command = dh_printf("%s %s >%s 2>/dev/null", tools[i], plain, packed);
        {
            char *argv[] = {(char *)"/bin/sh", (char *)"-c", command, NULL};

            if (command_do(argv, 10000, NULL, NULL, &err) < 0)
                continue; /* the tool is not here */
        }
        assert_int_equal(digest_file(packed, digest, NULL, NULL), 0);
        if (layer_unpack(packed, digest, diff_id, root, &use, &err) < 0)
            fail_msg("%s: %s", tools[i], err.msg);
        assert_text(root, "file", "the same again");
        digest[0] = digest[0] == '0' ? '1' : '0';
        assert_int_equal(layer_unpack(packed, digest, NULL, root, &use, &err), -1);
        assert_int_equal(layer_unpack(packed, NULL, digest, root, &use, &err), -1);
    }
}

static void names_as_docker_reads_them(void **state)
{
    static const char *const cases[][2] = {
        {"python", "docker.io/library/python:latest"},
        {"python:3.11", "docker.io/library/python:3.11"},
        {"user/tool", "docker.io/user/tool:latest"},
        {"quay.io/a/b:1", "quay.io/a/b:1"},
        {"localhost/a", "localhost/a:latest"},
        {"host:5000/a", "host:5000/a:latest"},
        {"python@sha256:12", "docker.io/library/python@sha256:12"},
        {"docker://alpine", "docker.io/library/alpine:latest"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        own_mem char *got = image_normal_name(cases[i][0]);

        assert_string_equal(got, cases[i][1]);
    }
}

static char *make_layout(const char *name, const char *tag, const char *text)
{
    char *folder = fs_join(dir, name);
    struct buf layers[2] = {{0}, {0}};

    tar_put_text(&layers[0], "base", "below");
    tar_put_text(&layers[0], "gone", "below");
    tar_end(&layers[0]);
    tar_put_text(&layers[1], "text", text);
    tar_put_text(&layers[1], ".wh.gone", "");
    tar_end(&layers[1]);
    layout_make(folder, tag, "{\"Env\":[\"A=1\"],\"WorkingDir\":\"/w\"}", layers, 2);
    buf_done(&layers[0]);
    buf_done(&layers[1]);
    return folder;
}

static void a_layout_is_loaded_once(void **state)
{
    own_mem char *folder = make_layout("layout", "v1", "first");
    own_mem char *source = dh_printf("oci:%s:v1", folder);
    own_mem char *again = NULL;
    struct image image = {0}, second = {0};
    struct dh_err err;

    (void)state;
    assert_int_equal(image_find(home, source, &image, &err), IMAGE_MISSING);
    if (image_load(home, source, NULL, &image, &err) < 0)
        fail_msg("%s", err.msg);
    assert_text(image.rootfs, "text", "first");
    assert_text(image.rootfs, "base", "below");
    assert_false(has(image.rootfs, "gone"));
    assert_string_equal(js_get_text(image.config, "WorkingDir"), "/w");
    assert_int_equal(image_load(home, source, "my/name", &second, &err), 0);
    assert_string_equal(image.id, second.id);
    image_done(&second);
    assert_int_equal(image_find(home, "my/name:latest", &second, &err), 0);
    image_done(&second);
    assert_int_equal(image_find(home, source, &second, &err), 0);
    image_done(&second);

    /* The layout changes: what was unpacked of it does not stand for it any more. */
    again = make_layout("layout", "v1", "second time");
    assert_int_equal(image_find(home, source, &second, &err), IMAGE_MISSING);
    assert_int_equal(image_load(home, source, NULL, &second, &err), 0);
    assert_string_not_equal(image.id, second.id);
    assert_text(second.rootfs, "text", "second time");
    image_done(&image);
    image_done(&second);

    free(take(&source));
    source = dh_printf("oci:%s:v2", folder);
    assert_int_equal(image_load(home, source, NULL, NULL, &err), -1);
    assert_non_null(strstr(err.msg, "v1"));
}

static void a_damaged_image_leaves_nothing(void **state)
{
    own_mem char *folder = make_layout("damaged", "v1", "a text that is to be damaged");
    own_mem char *source = dh_printf("oci:%s", folder);
    own_mem char *damage =
        dh_printf("sed -i 's/to be damaged/TO BE DAMAGED/' %s/blobs/sha256/*", folder);
    char *argv[] = {(char *)"/bin/sh", (char *)"-c", damage, NULL};
    struct image image;
    struct dh_err err;

    (void)state;
    assert_int_equal(command_do(argv, 10000, NULL, NULL, &err), 0);
    assert_int_equal(image_load(home, source, NULL, &image, &err), -1);
    assert_int_equal(err.code, DH_INVALID);
    assert_non_null(strstr(err.msg, "digest"));
    assert_int_equal(image_find(home, source, &image, &err), IMAGE_MISSING);
}

static void archives(void **state)
{
    own_mem char *folder = make_layout("packed", "reg.io/packed:1", "in an archive");
    own_mem char *oci = dh_printf("oci-archive:%s/packed.tar", dir);
    own_mem char *saved = dh_printf("docker-archive:%s/saved.tar", dir);
    own_mem char *script = dh_printf(
        "cd %s && tar -cf ../packed.tar . && mkdir ../s && cd ../s && mkdir l && "
        "echo hello >hello && tar -cf l/layer.tar hello && ln -s l/layer.tar second.tar && "
        "echo '{\"config\":{\"Cmd\":[\"/hello\"]},\"rootfs\":{\"diff_ids\":[\"sha256:'"
        "$(sha256sum <l/layer.tar | cut -c1-64)'\"]}}' >c.json && "
        "echo '[{\"Config\":\"c.json\",\"RepoTags\":[\"hello:1\"],\"Layers\":[\"second.tar\"]}]' "
        ">manifest.json && tar -czf ../saved.tar .",
        folder);
    char *argv[] = {(char *)"/bin/sh", (char *)"-c", script, NULL};
    struct image image;
    struct dh_err err;

    (void)state;
    if (command_do(argv, 10000, NULL, NULL, &err) < 0)
        fail_msg("%s", err.msg);
    if (image_load(home, oci, NULL, &image, &err) < 0)
        fail_msg("%s", err.msg);
    assert_text(image.rootfs, "text", "in an archive");
    image_done(&image);
    assert_int_equal(image_find(home, "reg.io/packed:1", &image, &err), 0);
    image_done(&image);
    if (image_load(home, saved, NULL, &image, &err) < 0)
        fail_msg("%s", err.msg);
    assert_text(image.rootfs, "hello", "hello\n");
    image_done(&image);
    assert_int_equal(image_find(home, "hello:1", &image, &err), 0);
    image_done(&image);
}

static void lists_and_removes(void **state)
{
    own_mem char *folder = make_layout("listed", "one.io/listed:1", "listed");
    own_mem char *source = dh_printf("oci:%s", folder);
    own(js_free) struct js *list = NULL;
    struct image image;
    struct dh_err err;
    bool found = false;

    (void)state;
    assert_int_equal(image_load(home, source, NULL, &image, &err), 0);
    assert_int_equal(image_list(home, &list, &err), 0);
    for (size_t i = 0; i < js_n(list); i++)
        if (!strcmp(js_get_text(js_at(list, i), "id"), image.id)) {
            found = true;
            assert_int_equal(js_n(js_get(js_at(list, i), "names")), 2);
            assert_true(js_get_int(js_at(list, i), "bytes", 0) > 0);
        }
    assert_true(found);
    assert_int_equal(image_remove(home, "one.io/listed:1", &err), 0);
    assert_true(fs_exists(image.rootfs)); /* it has another name */
    assert_int_equal(image_remove(home, image.id, &err), 0);
    assert_false(fs_exists(image.rootfs));
    assert_int_equal(image_remove(home, source, &err), -1);
    assert_int_equal(err.code, DH_NOT_FOUND);
    image_done(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_of_each_kind),
        cmocka_unit_test(long_names),
        cmocka_unit_test(layers_hide_what_is_below),
        cmocka_unit_test(nothing_leaves_the_root),
        cmocka_unit_test(damage_is_told),
        cmocka_unit_test(packed_layers),
        cmocka_unit_test(names_as_docker_reads_them),
        cmocka_unit_test(a_layout_is_loaded_once),
        cmocka_unit_test(a_damaged_image_leaves_nothing),
        cmocka_unit_test(archives),
        cmocka_unit_test(lists_and_removes),
    };

    return cmocka_run_group_tests(tests, setup, drop);
}
