/* Secrets: what files are read as, names that cannot be, what a run is given before what is kept.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/js.h"
#include "base/mem.h"
#include "engine/secret.h"

static char folder[] = "/tmp/dhow-secret-XXXXXX";

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return fs_remove_tree(folder, NULL);
}

/* "key=value|key=value", as the set has them. */
static char *said(const struct secret_set *set)
{
    struct buf b = {0};

    for (size_t i = 0; i < set->n; i++) {
        buf_addf(&b, "%s%s=", i ? "|" : "", set->items[i].key);
        buf_add(&b, set->items[i].bytes, set->items[i].n);
    }
    buf_adds(&b, "");
    return buf_take(&b);
}

static void test_files(void **state)
{
    static const struct {
        const char *name, *text, *key, *want; /* want NULL: refused */
    } cases[] = {
        {"plain", "a=b\n", NULL, "plain=a=b\n"},
        {"plain", "", "k", "k="},
        {"x.env", "# c\nB=2\n\nA=1=x\n", NULL, "A=1=x|B=2"},
        {"x.env", "A=1\nA=2", NULL, "A=2"},
        {"x.env", "A=1\nnope\n", NULL, NULL},
        {"x.env", "a/b=1\n", NULL, NULL},
        {"x.env", "A=1\n", "whole", "whole=A=1\n"},
        {"x.json", "{\"b\": \"2\", \"a\": \"\\u00e9\"}", NULL, "a=\303\251|b=2"},
        {"x.json", "{\"a\": 1}", NULL, NULL},
        {"x.json", "[]", NULL, NULL},
        {"x.json", "{", NULL, NULL},
        {"plain", "x", "../k", NULL},
        {"plain", "x", "", NULL},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        own_mem char *path = fs_join(folder, cases[i].name);
        own_secret struct secret_set set = {0};
        own_mem char *got = NULL;
        struct dh_err err;
        int rc;

        assert_int_equal(fs_write(path, cases[i].text, strlen(cases[i].text), 0600, &err), 0);
        rc = secret_load(path, cases[i].key, &set, &err);
        got = said(&set);
        if ((rc == 0) != (cases[i].want != NULL) || (rc == 0 && strcmp(got, cases[i].want) != 0))
            fail_msg("case %zu: %d, \"%s\": %s", i, rc, got, rc < 0 ? err.msg : "");
    }
}

static void keep(const char *name, const char *key, const char *value)
{
    own_secret struct secret_set set = {0};

    secret_add(&set, key, value, strlen(value));
    assert_int_equal(secret_put(folder, SECRET, name, &set, NULL), 0);
}

static void test_kept_and_given(void **state)
{
    own(js_free) struct js *given = js_object();
    own_mem char *file = fs_join(folder, "given");
    own_secret struct secret_set set = {0};
    own_secret struct secret_set other = {0};
    own_secret struct secret_set none = {0};
    own_mem char *got = NULL;
    own_mem char *path = fs_join(folder, "secrets/db/pw");
    struct dh_err err;
    struct stat st;
    (void)state;

    keep("db", "pw", "kept");
    keep("db", "user", "ann");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(fs_write(file, "given", 5, 0600, &err), 0);
    js_set(given, "db/pw", js_str(file));
    js_set(given, "dbx/pw", js_str(file));
    assert_int_equal(secret_read(folder, SECRET, "db", given, &set, &err), 0);
    got = said(&set);
    assert_string_equal(got, "pw=given|user=ann");
    assert_int_equal(secret_read(folder, SECRET, "dbx", given, &other, &err), 0);
    assert_int_equal(other.n, 1);
    assert_int_equal(secret_read(folder, SECRET, "d", given, &none, &err), SECRET_NONE);
    assert_int_equal(secret_read(folder, CONFIG_MAP, "db", NULL, &none, &err), SECRET_NONE);
    assert_int_equal(secret_read(folder, SECRET, "../db", given, &none, &err), -1);
    js_set(given, "db/pw", js_str("/nonexistent"));
    assert_int_equal(secret_read(folder, SECRET, "db", given, &none, &err), -1);
    assert_int_equal(err.code, DH_FAILED);
}

static void test_names(void **state)
{
    static const char *const wrong[] = {"", ".", "..", ".x", "a/b", "a b", "a\nb", "é"};
    own_secret struct secret_set set = {0};
    own_secret_names struct secret_names names = {0};
    struct dh_err err;
    (void)state;

    secret_add(&set, "k", "v", 1);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(secret_put(folder, CONFIG_MAP, wrong[i], &set, &err), -1);
        assert_int_equal(err.code, DH_INVALID);
    }
    assert_int_equal(secret_put(folder, CONFIG_MAP, "b", &set, &err), 0);
    assert_int_equal(secret_put(folder, CONFIG_MAP, "A-1.x_y", &set, &err), 0);
    assert_int_equal(secret_list(folder, CONFIG_MAP, &names, &err), 0);
    assert_int_equal(names.n, 2);
    assert_string_equal(names.items[0].name, "A-1.x_y");
    assert_string_equal(names.items[0].keys[0], "k");
    assert_null(names.items[0].keys[1]);
    assert_int_equal(secret_remove(folder, CONFIG_MAP, "b", "nope", &err), -1);
    assert_int_equal(err.code, DH_NOT_FOUND);
    assert_int_equal(secret_remove(folder, CONFIG_MAP, "b", "k", &err), 0);
    assert_int_equal(secret_remove(folder, CONFIG_MAP, "b", NULL, &err), 0);
    assert_int_equal(secret_remove(folder, CONFIG_MAP, "b", NULL, &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_kept_and_given),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
