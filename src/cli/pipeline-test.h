#pragma once
/* pipeline-test - a pipeline's own tests: a YAML file beside it that says what steps give, and what
 * is to come of it. */
#include "base/arena.h"
#include "base/js.h"
#include "cli/cli.h"

struct test_case {
    const char *name;
    const struct js *given; /* the case as it is written */
    unsigned line;
    /* set by test_run */
    char **wrong; /* what was not as expected, a line each; NULL-terminated */
    size_t n_wrong, cap_wrong;
    int64_t took_us;
    struct js *run; /* the run, as `dhow show --output json` prints it */
};

struct test_file {
    struct arena *arena;
    char *path, *pipeline;
    struct test_case *cases;
    size_t n, cap;
    struct js **values; /* what the cases borrow from */
    size_t n_values, cap_values;
};

/* DH_INVALID: FILE:LINE:COLUMN: what is wrong; DH_NOT_FOUND, DH_IO. On 0 *ret is the caller's. */
int test_file_load(const char *path, struct test_file **ret, struct dh_err *err);
struct test_file *test_file_free(struct test_file *file);
OWN_DEFINE(struct test_file *, test_file_free)

/* Runs one case in a home of its own (environments for Python steps are shared with `home`), and
 * judges it. <0: it could not be run; a pipeline that fails is no error. */
int test_run(const struct test_file *file, struct test_case *one, const char *home,
             struct dh_err *err);

/* pipeline-test-judge.c: compares one->run with what the case expects. */
void test_judge(struct test_case *one);
void test_wrong(struct test_case *one, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
