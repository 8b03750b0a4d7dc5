/* split - classes of a column, and which row goes where. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/buf.h"
#include "base/js.h"
#include "base/mem.h"
#include "dhow/ml.h"
#include "ml/frame-priv.h"
#include "ml/rng.h"

enum { MAX_CLASSES = 1000 };

struct ml_classes *ml_classes_free(struct ml_classes *k)
{
    if (!k)
        return NULL;
    for (size_t i = 0; i < k->n; i++)
        free(k->name[i]);
    free(k->name);
    free(k->code);
    free(k);
    return NULL;
}

static int too_many(const struct ml_column *col, struct dh_err *err)
{
    return dh_fail(err, DH_INVALID,
                   "column '%s' has more than %d distinct values: it is no class label", col->name,
                   MAX_CLASSES);
}

/* Only levels that occur become classes. */
static int of_category(const struct ml_column *col, struct ml_classes *k, struct dh_err *err)
{
    own_mem int32_t *to = dh_zalloc(col->n_levels + 1, sizeof *to);
    for (size_t r = 0; r < k->n_rows; r++)
        to[col->code[r]] = 1;
    for (size_t i = 0; i < col->n_levels; i++) {
        if (!to[i])
            continue;
        if (k->n == MAX_CLASSES)
            return too_many(col, err);
        to[i] = (int32_t)k->n;
        k->name[k->n++] = dh_strdup(col->levels[i]);
    }
    for (size_t r = 0; r < k->n_rows; r++)
        k->code[r] = to[col->code[r]];
    return 0;
}

/* As it is written in a file: without a time where there is none. */
static char *date_name(double d)
{
    char date[40];
    struct tm tm;
    time_t whole = (time_t)floor(d);
    int nanos = (int)((d - floor(d)) * 1e9);
    bool time = whole % 86400 || nanos;
    if (!gmtime_r(&whole, &tm) ||
        !strftime(date, sizeof date, time ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%d", &tm))
        return dh_printf("%.17g", d); /* no year that has four digits */
    return nanos ? dh_printf("%s.%09d", date, nanos) : dh_strdup(date);
}

static char *number_name(const struct ml_column *col, double d)
{
    own_buf struct buf b = {0};
    if (col->type == ML_BOOL)
        return dh_strdup(d != 0 ? "true" : "false");
    if (col->type == ML_DATE)
        return date_name(d);
    js_write_num(d, &b);
    return buf_take(&b);
}

static size_t place_of(const double *sorted, size_t n, double d)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (sorted[mid] < d)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static int of_number(const struct ml_column *col, struct ml_classes *k, struct dh_err *err)
{
    double value[MAX_CLASSES];
    for (size_t r = 0; r < k->n_rows; r++) {
        double d = col->num[r];
        if (isinf(d))
            return dh_fail(err, DH_INVALID, "the label '%s' is infinite in data row %zu", col->name,
                           r + 1);
        size_t at = place_of(value, k->n, d);
        if (at < k->n && value[at] == d)
            continue;
        if (k->n == MAX_CLASSES)
            return too_many(col, err);
        memmove(value + at + 1, value + at, (k->n - at) * sizeof *value);
        value[at] = d;
        k->n++;
    }
    for (size_t r = 0; r < k->n_rows; r++)
        k->code[r] = (int32_t)place_of(value, k->n, col->num[r]);
    for (size_t i = 0; i < k->n; i++)
        k->name[i] = number_name(col, value[i]);
    return 0;
}

int ml_classes_of(const struct ml_frame *f, size_t column, struct ml_classes **ret,
                  struct dh_err *err)
{
    const struct ml_column *col = &f->cols[column];
    if (col->n_missing) {
        size_t row = 0;
        while (!ml_is_missing(col, row))
            row++;
        return dh_fail(err, DH_INVALID,
                       "the label column '%s' has %zu missing values, the first in data row %zu",
                       col->name, col->n_missing, row + 1);
    }
    own(ml_classes_free) struct ml_classes *k = dh_zalloc(1, sizeof *k);
    k->n_rows = f->n_rows;
    k->name = dh_zalloc(MAX_CLASSES, sizeof *k->name);
    k->code = dh_zalloc(f->n_rows + 1, sizeof *k->code);
    int rc = col->type == ML_CATEGORY ? of_category(col, k, err) : of_number(col, k, err);
    if (rc < 0)
        return rc;
    *ret = take(&k);
    return 0;
}

/* How many of each class go to the test set: its share, the remainders by size, ties to the first
 * class. */
static void shares(const size_t *count, size_t n_classes, size_t n, size_t n_test, size_t *ret)
{
    own_mem double *rest = dh_zalloc(n_classes, sizeof *rest);
    size_t given = 0;
    for (size_t c = 0; c < n_classes; c++) {
        double share = (double)n_test * (double)count[c] / (double)n;
        ret[c] = (size_t)share;
        rest[c] = share - (double)ret[c];
        given += ret[c];
    }
    for (; given < n_test; given++) {
        size_t best = 0;
        for (size_t c = 1; c < n_classes; c++)
            if (rest[c] > rest[best])
                best = c;
        ret[best]++;
        rest[best] = -1;
    }
}

/* Rows by class, each class shuffled; first[c] … first[c + 1]. */
static uint32_t *by_class(const int32_t *code, size_t n_classes, size_t n, uint64_t seed,
                          size_t *first)
{
    uint32_t *rows = dh_zalloc(n + 1, sizeof *rows);
    struct rng rng = rng_seed(seed);
    memset(first, 0, (n_classes + 1) * sizeof *first);
    for (size_t i = 0; i < n; i++)
        first[(code ? code[i] : 0) + 1]++;
    for (size_t c = 0; c < n_classes; c++)
        first[c + 1] += first[c];
    own_mem size_t *at = dh_zalloc(n_classes, sizeof *at);
    for (size_t i = 0; i < n; i++) {
        size_t c = code ? (size_t)code[i] : 0;
        rows[first[c] + at[c]++] = (uint32_t)i;
    }
    for (size_t c = 0; c < n_classes; c++)
        rng_shuffle(&rng, rows + first[c], first[c + 1] - first[c]);
    return rows;
}

int ml_split(const int32_t *code, size_t n_classes, size_t n, double test_size, uint64_t seed,
             uint8_t *fold, struct dh_err *err)
{
    size_t k = code ? n_classes : 1;
    if (!(test_size > 0 && test_size < 1))
        return dh_fail(err, DH_INVALID, "a test size of %g: it is a share between 0 and 1",
                       test_size);
    size_t n_test = (size_t)ceil(test_size * (double)n);
    if (n < 2 || n_test >= n)
        return dh_fail(err, DH_INVALID,
                       "%zu rows do not split into train and test at a test size of %g", n,
                       test_size);
    own_mem size_t *first = dh_zalloc(k + 1, sizeof *first);
    own_mem uint32_t *rows = by_class(code, k, n, seed, first);
    own_mem size_t *count = dh_zalloc(k, sizeof *count);
    own_mem size_t *test = dh_zalloc(k, sizeof *test);
    for (size_t c = 0; c < k; c++)
        count[c] = first[c + 1] - first[c];
    shares(count, k, n, n_test, test);
    memset(fold, 0, n);
    for (size_t c = 0; c < k; c++)
        for (size_t i = 0; i < test[c]; i++)
            fold[rows[first[c] + i]] = 1;
    return 0;
}

int ml_folds(const int32_t *code, size_t n_classes, size_t n, unsigned k, uint64_t seed,
             uint8_t *fold, struct dh_err *err)
{
    if (k < 2 || k > 255 || k > n)
        return dh_fail(err, DH_INVALID,
                       "%u folds of %zu rows: at least 2, at most 255 and one a row", k, n);
    size_t classes = code ? n_classes : 1;
    own_mem size_t *first = dh_zalloc(classes + 1, sizeof *first);
    own_mem uint32_t *rows = by_class(code, classes, n, seed, first);
    for (size_t i = 0; i < n;
         i++) /* dealt out in turn across classes: sizes differ by one at most */
        fold[rows[i]] = (uint8_t)(i % k);
    return 0;
}
