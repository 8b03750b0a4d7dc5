/* The numeric core: numbers, tables, splits, models, metrics. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/buf.h"
#include "base/js.h"
#include "base/mem.h"
#include "dhow/ml.h"
#include "ml/num.h"
#include "ml/pool.h"
#include "ml/rng.h"

/* ---- numbers ---- */

static void same_as_library(const char *text)
{
    double got = 0, want = strtod(text, NULL);
    assert_true(num_text(text, strlen(text), &got));
    if (memcmp(&got, &want, sizeof got) != 0)
        fail_msg("%s: %a, not %a", text, got, want);
}

static void test_numbers(void **state)
{
    static const char *const texts[] = {
        "0",
        "-0",
        "1",
        "+7",
        "1.",
        ".5",
        "0.1",
        "17.99",
        "1001.0",
        "1e5",
        "1E-5",
        "-1.5e+10",
        "123456789012345678",
        "1234567890123456789",
        "12345678901234567890123",
        "0.00000000000000000000123",
        "1.7976931348623157e308",
        "1e309",
        "-1e400",
        "4.9e-324",
        "2.2250738585072014e-308",
        "1e-400",
        "2.2250738585072011e-308",
        "9007199254740993",
        "9007199254740992.5",
        "8.5",
        "0.30000000000000004",
        "1e22",
        "1e23",
        "123e-30",
        "1.00000000000000011102230246251565",
        "6.631236846766477e-316",
        "3.14159265358979323846264338327950288",
        "0.1000000000000000055511151231257827021181583404541015625"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        same_as_library(texts[i]);
    struct rng rng = rng_seed(7);
    for (int i = 0; i < 200000; i++) { /* any double's bits, in three ways of writing */
        char text[64];
        uint64_t bits = rng_next(&rng);
        double d;
        memcpy(&d, &bits, sizeof d);
        if (!isfinite(d))
            continue;
        snprintf(text, sizeof text, i % 3 == 0 ? "%.17g" : i % 3 == 1 ? "%.15g" : "%.19e", d);
        same_as_library(text);
        snprintf(text, sizeof text, "%.*f", (int)(i % 19), rng_unit(&rng) * 1000 - 500);
        same_as_library(text);
    }
}

static void test_not_numbers(void **state)
{
    static const char *const texts[] = {"",     "-",   "+",  ".",  "e5",  "1e",  "1.2.3",
                                        "0x10", "1,2", " 1", "1 ", "nan", "--1", "1e+"};
    double d;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (num_text(texts[i], strlen(texts[i]), &d))
            fail_msg("'%s' is taken for a number", texts[i]);
    assert_true(num_text("-Infinity", 9, &d) && d == -INFINITY);
    assert_true(num_text("INF", 3, &d) && d == INFINITY);
}

/* ---- CSV ---- */

/* A table as text: name:type, then rows; '?' is missing. */
static char *frame_text(const struct ml_frame *f)
{
    struct buf b = {0};
    for (size_t c = 0; c < f->n_cols; c++)
        buf_addf(&b, "%s%s:%s", c ? "," : "", f->cols[c].name, ml_type_name(f->cols[c].type));
    for (size_t r = 0; r < f->n_rows; r++) {
        buf_addc(&b, '\n');
        for (size_t c = 0; c < f->n_cols; c++) {
            const struct ml_column *col = &f->cols[c];
            if (c)
                buf_addc(&b, ',');
            if (col->type == ML_CATEGORY)
                buf_adds(&b, col->code[r] < 0 ? "?" : col->levels[col->code[r]]);
            else if (isnan(col->num[r]))
                buf_addc(&b, '?');
            else
                buf_addf(&b, "%.17g", col->num[r]);
        }
    }
    return buf_take(&b);
}

struct csv_case {
    const char *csv, *want; /* want: the table, or "!" and the error */
    char delimiter;
    bool no_header;
};

static const struct csv_case csv_cases[] = {
    {"a,b\n1,2\n", "a:number,b:number\n1,2"},
    {"a,b\r\n1,2\r\n3,4", "a:number,b:number\n1,2\n3,4"},
    {"\xEF\xBB\xBF"
     "a\n1\n",
     "a:number\n1"},
    {"a,b\n1,x\n,y\n", "a:number,b:category\n1,x\n?,y"},
    {"a\nNA\nnan\n?\n5\n", "a:number\n?\n?\n?\n5"},
    {"a;b\n1,5;2\n", "a:category,b:number\n1,5,2", ';'},
    {"1,2\n3,4\n", "column_1:number,column_2:number\n1,2\n3,4", 0, true},
    {"a,b\n\"x,y\",\"p \"\"q\"\"\"\n\"line\nbreak\",z\n",
     "a:category,b:category\nx,y,p \"q\"\nline\nbreak,z"},
    {"a\n\"1\"\n\"2\"\n", "a:number\n1\n2"},
    {"t\ntrue\nFALSE\n", "t:boolean\n1\n0"},
    {"t\ntrue\n1\n", "t:category\ntrue\n1"},
    {"d\n1970-01-02\n2000-02-29T12:00:00Z\n1970-01-01 01:00+01:00\n",
     "d:date\n86400\n951825600\n0"},
    {"d\n2001-02-29\n", "d:category\n2001-02-29"},
    {"a,b\n1,2\n\n3,4\n\n", "a:number,b:number\n1,2\n3,4"},
    {"a\n\n1\n\r\n2\n", "a:number\n1\n2"},
    {"a,\n1,2\n", "a:number,column_2:number\n1,2"},
    {"a,b\n1\n", "!CSV:2:2: the row ends after 1 of 2 fields; 'b' is the next"},
    {"a,b\n1,2\n1,2,3\n", "!CSV:3:4: more than the 2 fields of the header"},
    {"a,b\n1,\"x\n3,4\n", "!CSV:2:3: the quote that opens here never ends"},
    {"a,b\n1,x\"y\n", "!CSV:2:4: a quote inside a field that does not begin with one"},
    {"a,b\n1,\"x\"y\n", "!CSV:2:6: a quoted field must be followed by ',' or the end of the line"},
    {"a,a\n1,2\n", "!CSV:1:3: two columns are called 'a'"},
    {"", "!CSV: the file is empty"},
    {"\n\n", "!CSV: the file has no header"},
    {"a,b\n", "!CSV: there is a header and no row"},
    {"a\n1\n", "!the delimiter '-' can stand in a number", '-'},
};

static void test_csv(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof csv_cases / sizeof *csv_cases; i++) {
        const struct csv_case *c = &csv_cases[i];
        struct ml_csv_options o = {.delimiter = c->delimiter, .no_header = c->no_header};
        struct ml_frame *f = NULL;
        struct dh_err err = {0};
        int rc = ml_csv_parse(c->csv, strlen(c->csv), &o, &f, &err);
        own_mem char *got = rc < 0 ? dh_printf("!%s", err.msg) : frame_text(f);
        ml_frame_free(f);
        bool same = *c->want == '!' ? strstr(got, c->want + 1) != NULL : strcmp(got, c->want) == 0;
        if (!same)
            fail_msg("case %zu\n%s\n--- gives\n%s\n--- not\n%s", i, c->csv, got, c->want);
    }
}

/* Chunks end anywhere: long tables with quotes, breaks and late surprises read the same by 1 and 3
 * threads. */
static void test_csv_threads(void **state)
{
    own_buf struct buf b = {0};
    struct rng rng = rng_seed(3);
    (void)state;
    buf_adds(&b, "n,text,late,flag\n");
    const size_t rows = 120000;
    for (size_t i = 0; i < rows; i++) {
        static const char *const words[] = {"red", "\"a, b\"", "\"two\nlines\"", "\"q\"\"q\"", ""};
        if (i % 1000 == 7)
            buf_adds(&b, "\n"); /* a blank line */
        buf_addf(&b, "%zu.%03u,%s,%s,%s\n", i, (unsigned)rng_below(&rng, 1000),
                 words[rng_below(&rng, 5)], i == rows - 5 ? "surprise" : "12",
                 i % 2 ? "true" : "false");
    }
    own_mem char *texts[2] = {NULL, NULL};
    for (int k = 0; k < 2; k++) {
        struct ml_csv_options o = {.threads = k ? 3 : 1, .keep_rows = true};
        own(ml_frame_free) struct ml_frame *f = NULL;
        struct dh_err err = {0};
        if (ml_csv_parse(b.p, b.n, &o, &f, &err) < 0)
            fail_msg("%s", err.msg);
        assert_int_equal(f->n_rows, rows);
        assert_int_equal(f->cols[2].type, ML_CATEGORY);
        assert_int_equal(f->cols[1].n_levels, 4);
        assert_int_equal(f->cols[3].type, ML_BOOL);
        for (size_t r = 0; r < rows; r += 997) {
            assert_int_equal((size_t)f->cols[0].num[r], r);
            assert_int_equal((size_t)strtod(b.p + f->row_at[r], NULL), r);
        }
        texts[k] = frame_text(f);
    }
    assert_string_equal(texts[0], texts[1]);
    free(texts[0]);
    texts[0] = NULL;
    free(texts[1]);
    texts[1] = NULL;
}

static void test_csv_said_types(void **state)
{
    static const struct ml_csv_type types[] = {{"zip", ML_CATEGORY}, {"n", ML_NUMBER}};
    struct ml_csv_options o = {.types = types, .n_types = 2};
    struct ml_frame *f = NULL;
    struct dh_err err = {0};
    (void)state;
    assert_int_equal(ml_csv_parse("zip,n\n01234,1\n", 14, &o, &f, &err), 0);
    own_mem char *text = frame_text(f);
    assert_string_equal(text, "zip:category,n:number\n01234,1");
    f = ml_frame_free(f);
    assert_int_equal(ml_csv_parse("zip,n\n1,x\n", 10, &o, &f, &err), -1);
    assert_string_equal(err.msg, "CSV:2:3: 'x' in column 'n' is no number");
    assert_int_equal(ml_csv_parse("zap,n\n1,2\n", 10, &o, &f, &err), -1);
}

/* ---- splits ---- */

static void test_split(void **state)
{
    static const double shares[] = {0.2, 0.25, 0.5, 0.01};
    enum { N = 569, MALIGNANT = 212 };
    int32_t code[N];
    uint8_t fold[N], again[N];
    struct dh_err err;
    (void)state;
    for (int i = 0; i < N; i++)
        code[i] = i < MALIGNANT;
    for (size_t s = 0; s < 4; s++) {
        size_t test = 0, hits = 0, n_test = (size_t)ceil(shares[s] * N);
        assert_int_equal(ml_split(code, 2, N, shares[s], 42, fold, &err), 0);
        assert_int_equal(ml_split(code, 2, N, shares[s], 42, again, &err), 0);
        assert_memory_equal(fold, again, N);
        for (int i = 0; i < N; i++) {
            test += fold[i];
            hits += fold[i] && code[i];
        }
        assert_int_equal(test, n_test);
        assert_true(fabs((double)hits - (double)n_test * MALIGNANT / N) < 1);
    }
    assert_int_equal(ml_split(code, 2, N, 0.2, 43, again, &err), 0);
    assert_memory_not_equal(fold, again, N);
    assert_int_equal(ml_split(code, 2, N, 0, 1, fold, &err), -1);
    assert_int_equal(ml_split(code, 2, N, 1, 1, fold, &err), -1);
    assert_int_equal(ml_split(NULL, 1, 1, 0.5, 1, fold, &err), -1);
    assert_int_equal(ml_folds(code, 2, N, 5, 1, fold, &err), 0);
    size_t count[5] = {0};
    for (int i = 0; i < N; i++)
        count[fold[i]]++;
    for (int k = 0; k < 5; k++)
        assert_in_range(count[k], N / 5, N / 5 + 1);
}

/* ---- models ---- */

static struct ml_frame *noisy(size_t n, unsigned seed, bool holes)
{
    own_buf struct buf b = {0};
    struct rng rng = rng_seed(seed);
    struct ml_frame *f = NULL;
    struct dh_err err = {0};
    buf_adds(&b, "a,b,c,colour,y\n");
    for (size_t i = 0; i < n; i++) {
        double a = rng_unit(&rng) * 4 - 2, c = rng_unit(&rng) - 0.5;
        unsigned k = (unsigned)rng_below(&rng, 7), colour = (unsigned)rng_below(&rng, 3);
        bool yes = a + c + 0.3 * k - 0.5 * colour + rng_unit(&rng) > 1;
        if (holes && i % 11 == 0)
            buf_addf(&b, ",%u,%.9g,,%d\n", k, c, yes);
        else
            buf_addf(&b, "%.9g,%u,%.9g,col%u,%d\n", a, k, c, colour, yes);
    }
    if (ml_csv_parse(b.p, b.n, NULL, &f, &err) < 0)
        fail_msg("%s", err.msg);
    return f;
}

static const char *const kinds[] = {"logistic-regression", "decision-tree", "random-forest",
                                    "gradient-boosting"};

static char *model_text(const struct ml_frame *f, const char *kind, const char *params,
                        unsigned threads)
{
    struct ml_task task = {.frame = f, .target = "y", .threads = threads};
    own(js_free) struct js *p = NULL;
    struct ml_model *m = NULL;
    struct dh_err err = {0};
    assert_int_equal(js_parse(params, strlen(params), &p, &err), 0);
    if (ml_train(kind, &task, p, &m, &err) < 0)
        fail_msg("%s: %s", kind, err.msg);
    char path[] = "/tmp/dhow-test-ml-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    if (ml_model_write_json(m, path, &err) < 0)
        fail_msg("%s", err.msg);
    own(js_free) struct js *o = NULL;
    own(ml_model_free) struct ml_model *back = NULL;
    if (ml_model_read_json(path, &back, &err) < 0 ||
        js_parse_file(path, (size_t)1 << 26, &o, &err) < 0)
        fail_msg("%s: %s", kind, err.msg);
    own_mem double *p1 = NULL, *p2 = NULL;
    assert_int_equal(ml_predict(m, f, NULL, 0, threads, &p1, &err), 0);
    assert_int_equal(ml_predict(back, f, NULL, 0, 1, &p2, &err), 0);
    assert_memory_equal(p1, p2,
                        f->n_rows * ml_model_n_classes(m) *
                            sizeof *p1); /* what is written is all there is */
    ml_model_free(m);
    dh_close_own(&fd);
    remove(path);
    return js_dump(o, JS_COMPACT);
}

static void test_models(void **state)
{
    (void)state;
    for (int holes = 0; holes < 2; holes++) {
        own(ml_frame_free) struct ml_frame *f = noisy(9000, 5, holes);
        for (size_t k = 0; k < 4; k++) { /* the number of threads must not show in the model */
            const char *params = k == 2 ? "{\"trees\": 5}" : k == 3 ? "{\"rounds\": 8}" : "{}";
            own_mem char *one = model_text(f, kinds[k], params, 1);
            own_mem char *three = model_text(f, kinds[k], params, 3);
            if (strcmp(one, three) != 0)
                fail_msg("%s: differs between 1 and 3 threads", kinds[k]);
        }
    }
}

struct heard {
    _Atomic size_t n, most, all;
};

static void hear(void *user, const char *what, size_t done, size_t all)
{
    struct heard *h = user;
    assert_true(*what && done <= all);
    h->n++;
    if (done == all) /* is told once, by one thread */
        h->most = done;
    h->all = all;
}

/* Each tree and each round is told, by however many threads; of one tree its rows; of a search its
 * combinations are, and then the winner's own. */
static void test_progress(void **state)
{
    static const struct {
        const char *params;
        size_t n, all;
    } says[] = {{"{}", 2, 200}, {"{}", 0, 0}, {"{\"trees\": 7}", 7, 7}, {"{\"rounds\": 6}", 6, 6}};
    own(ml_frame_free) struct ml_frame *f = noisy(5000, 5, false);
    own(js_free) struct js *grid = NULL, *trials = NULL;
    struct dh_err err = {0};
    (void)state;
    for (size_t k = 0; k < 4; k++) {
        struct heard h = {0};
        const struct ml_progress progress = {hear, &h};
        const struct ml_task task = {
            .frame = f, .target = "y", .threads = 2, .progress = &progress};
        own(js_free) struct js *p = NULL;
        own(ml_model_free) struct ml_model *m = NULL;
        assert_int_equal(js_parse(says[k].params, strlen(says[k].params), &p, &err), 0);
        assert_int_equal(ml_train(kinds[k], &task, p, &m, &err), 0);
        assert_int_equal(h.all, says[k].all);
        assert_true(h.n >= says[k].n && (k < 2 || (h.n == says[k].n && h.most == says[k].all)));
    }
    struct heard rows = {0}, h = {0};
    own(ml_frame_free) struct ml_frame *few = noisy(500, 5, false); /* too few to be binned */
    own(ml_model_free) struct ml_model *tree = NULL, *m = NULL;
    const struct ml_task few_task = {
        .frame = few, .target = "y", .progress = &(struct ml_progress){hear, &rows}};
    assert_int_equal(ml_train(kinds[1], &few_task, NULL, &tree, &err), 0);
    assert_true(rows.all == 500 && rows.most == 500);
    const struct ml_progress progress = {hear, &h};
    const struct ml_task task = {.frame = f, .target = "y", .threads = 2, .progress = &progress};
    const char *text = "{\"rounds\": [2, 4], \"max_depth\": [2, 3]}";
    assert_int_equal(js_parse(text, strlen(text), &grid, &err), 0);
    assert_int_equal(
        ml_search(kinds[3], &task, grid, &(struct ml_search_options){0}, &m, &trials, &err), 0);
    assert_in_range(h.n, 4 + 2, 4 + 4);
}

/* Large enough that every way of solving a logistic regression shares its rows out to threads. */
static void test_logreg_threads(void **state)
{
    enum { ROWS = 28000, COLS = 20 };
    own_buf struct buf b = {0};
    struct rng rng = rng_seed(23);
    (void)state;
    for (int classes = 2; classes <= 3; classes++) {
        own(ml_frame_free) struct ml_frame *f = NULL;
        struct dh_err err = {0};
        buf_reset(&b);
        for (int c = 0; c < COLS; c++)
            buf_addf(&b, "f%d,", c);
        buf_adds(&b, "y\n");
        for (int i = 0; i < ROWS; i++) {
            double sum = 0;
            for (int c = 0; c < COLS; c++) {
                double x = rng_unit(&rng) - 0.5;
                sum += x * (c % 3 - 1);
                buf_addf(&b, "%.6f,", x);
            }
            sum += rng_unit(&rng) - 0.5;
            buf_addf(&b, "%d\n", sum > 0.4 ? 1 : sum < -0.8 && classes == 3 ? 2 : 0);
        }
        if (ml_csv_parse(b.p, b.n, NULL, &f, &err) < 0)
            fail_msg("%s", err.msg);
        static const char *const params[] = {"{}", "{\"penalty\": \"l1\", \"c\": 0.01}",
                                             "{\"penalty\": \"elastic-net\", \"c\": 0.01}"};
        for (size_t k = 0; k < 3; k++) {
            own_mem char *one = model_text(f, kinds[0], params[k], 1);
            own_mem char *three = model_text(f, kinds[0], params[k], 3);
            if (strcmp(one, three) != 0)
                fail_msg("%d classes, %s: differs between 1 and 3 threads", classes, params[k]);
        }
    }
}

/* The exact tree by bins against the one by sorting: rows below and above the bound between them.
 */
static double leaf_impurity(const struct ml_frame *f, const uint32_t *rows, size_t n, bool weighted)
{
    struct ml_task task = {
        .frame = f, .target = "y", .rows = rows, .n_rows = n, .weight = weighted ? "one" : NULL};
    struct ml_tree_options o = {.max_depth = 6};
    struct ml_model *m = NULL;
    struct dh_err err = {0};
    if (ml_train_tree(&task, &o, &m, &err) < 0)
        fail_msg("%s", err.msg);
    own_mem double *p = NULL;
    assert_int_equal(ml_predict(m, f, rows, n, 1, &p, &err), 0);
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += 1 - p[2 * i] * p[2 * i] - p[2 * i + 1] * p[2 * i + 1];
    ml_model_free(m);
    return sum / (double)n;
}

static void test_exact_tree(void **state)
{
    own_buf struct buf b = {0};
    struct rng rng = rng_seed(11);
    own(ml_frame_free) struct ml_frame *f = NULL;
    struct dh_err err = {0};
    (void)state;
    buf_adds(&b, "a,b,c,one,y\n");
    for (int i = 0; i < 20000; i++) {
        double a = rng_unit(&rng), c = rng_unit(&rng);
        if (i % 13 == 0)
            buf_addf(&b, ",%u,%.12g,1,%d\n", (unsigned)rng_below(&rng, 400), c, rng_unit(&rng) < c);
        else
            buf_addf(&b, "%.12g,%u,%.12g,1,%d\n", a, (unsigned)rng_below(&rng, 400), c,
                     rng_unit(&rng) < a * c);
    }
    assert_int_equal(ml_csv_parse(b.p, b.n, NULL, &f, &err), 0);
    /* a column of weights, all 1, takes the way of sorting; it is left out of the features there
     * and constant here */
    double binned = leaf_impurity(f, NULL, f->n_rows, false),
           sorted = leaf_impurity(f, NULL, f->n_rows, true);
    if (fabs(binned - sorted) > 1e-12)
        fail_msg("leaf impurity %.15g by bins, %.15g by sorting", binned, sorted);
}

static const struct {
    const char *csv, *want;
} bad_training[] = {
    {"a,y\n1,x\n2,x\n", "has one class only ('x')"},
    {"a,y\n1,x\n2,\n", "has 1 missing values, the first in data row 2"},
    {"a,y\ninf,x\n2,z\n", "column 'a' is infinite in data row 1"},
    {"a,y\nNA,x\nNA,z\n", "column 'a' has no value in any training row"},
    {"y\nx\nz\n", "there is no feature"},
    {"a,b\n1,2\n3,4\n", "there is no column 'y' to be the label"},
    {"a,y\n1e308,x\n-1e308,z\n1e308,z\n", "too large to standardise"},
};

static void test_bad_training(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_training / sizeof *bad_training; i++) {
        own(ml_frame_free) struct ml_frame *f = NULL;
        struct ml_model *m = NULL;
        struct dh_err err = {0};
        assert_int_equal(
            ml_csv_parse(bad_training[i].csv, strlen(bad_training[i].csv), NULL, &f, &err), 0);
        struct ml_task task = {.frame = f, .target = "y"};
        assert_int_equal(ml_train_logreg(&task, NULL, &m, &err), -1);
        assert_int_equal(err.code, DH_INVALID);
        if (!strstr(err.msg, bad_training[i].want))
            fail_msg("'%s' is not in '%s'", bad_training[i].want, err.msg);
    }
}

static void test_mcnemar(void **state)
{
    (void)state;
    assert_true(fabs(ml_mcnemar(0, 0) - 1) < 1e-12);
    assert_true(fabs(ml_mcnemar(5, 5) - 1) < 1e-12);
    assert_true(fabs(ml_mcnemar(0, 5) - 0.0625) < 1e-9);
    assert_true(fabs(ml_mcnemar(2, 10) - 0.03857421875) < 1e-9);
    assert_true(ml_mcnemar(10, 2) == ml_mcnemar(2, 10));
}

static void count_piece(void *ctx, size_t piece, unsigned worker)
{
    (void)worker;
    ((unsigned char *)ctx)[piece]++;
}

static void test_pool(void **state)
{
    (void)state;
    for (unsigned threads = 1; threads <= 4; threads++) {
        own(pool_free) struct pool *pool = pool_new(threads);
        for (size_t n = 0; n < 300; n++) {
            unsigned char seen[300] = {0};
            pool_run(pool, n, count_piece, seen);
            for (size_t i = 0; i < 300; i++)
                assert_int_equal(seen[i], i < n);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_not_numbers),
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_csv_threads),
        cmocka_unit_test(test_csv_said_types),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_models),
        cmocka_unit_test(test_progress),
        cmocka_unit_test(test_logreg_threads),
        cmocka_unit_test(test_exact_tree),
        cmocka_unit_test(test_bad_training),
        cmocka_unit_test(test_mcnemar),
        cmocka_unit_test(test_pool),
    };
    return cmocka_run_group_tests_name("ml", tests, NULL, NULL);
}
