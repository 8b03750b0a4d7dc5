#pragma once
/* test-artifact - what the tests of artifact/ share: a folder to work in, files and trees. */
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

static inline int set_up(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static inline int tear_down(void **state)
{
    (void)state;
    return chdir("/") == 0 ? fs_remove_tree(folder, NULL) : -1;
}

static inline void put_file(const char *path, const char *text)
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

static inline char *file_text(const char *path)
{
    struct dh_err err;
    char *text = NULL;
    size_t n;

    if (fs_read(path, 1 << 20, &text, &n, &err) < 0)
        fail_msg("%s", err.msg);
    return text;
}

static inline void digest_of(const char *path, struct artifact_stat *ret)
{
    struct dh_err err;

    if (artifact_digest(path, ret, &err) < 0)
        fail_msg("%s: %s", path, err.msg);
}

static inline void make_tree(const char *top)
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
