/* prep - the training rows checked, and what preparation learns from them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "ml/frame-priv.h"
#include "ml/model-priv.h"

static size_t row_of(const struct sample *s, size_t i)
{
    return s->rows ? s->rows[i] : i;
}

static bool is_dropped(const struct ml_task *t, const char *name)
{
    for (const char *const *d = t->drop; d && *d; d++)
        if (strcmp(*d, name) == 0)
            return true;
    return false;
}

static int find(const struct ml_frame *f, const char *what, const char *name, size_t *ret,
                struct dh_err *err)
{
    int64_t c = ml_frame_find(f, name);
    if (c < 0)
        return dh_fail(err, DH_INVALID, "there is no column '%s' to be the %s", name, what);
    *ret = (size_t)c;
    return 0;
}

static int choose_features(struct sample *s, size_t target, int64_t weight, struct dh_err *err)
{
    const struct ml_frame *f = s->task->frame;
    for (const char *const *d = s->task->drop; d && *d; d++)
        if (ml_frame_find(f, *d) < 0)
            return dh_fail(err, DH_INVALID, "there is no column '%s' to be dropped", *d);
    s->features = dh_zalloc(f->n_cols, sizeof *s->features);
    for (size_t c = 0; c < f->n_cols; c++)
        if (c != target && (int64_t)c != weight && !is_dropped(s->task, f->cols[c].name))
            s->features[s->n_features++] = c;
    if (!s->n_features)
        return dh_fail(err, DH_INVALID, "there is no feature: '%s' is the only column",
                       f->cols[target].name);
    return 0;
}

static int take_weights(struct sample *s, size_t column, struct dh_err *err)
{
    const struct ml_column *col = &s->task->frame->cols[column];
    if (col->type != ML_NUMBER)
        return dh_fail(err, DH_INVALID, "the weight column '%s' holds no numbers", col->name);
    s->weight = dh_alloc(s->n * sizeof *s->weight);
    for (size_t i = 0; i < s->n; i++) {
        double w = col->num[row_of(s, i)];
        if (!(w >= 0) || isinf(w))
            return dh_fail(err, DH_INVALID,
                           "the weight in data row %zu is %g: weights are finite and not negative",
                           row_of(s, i) + 1, w);
        s->weight[i] = w;
    }
    return 0;
}

static void balance(struct sample *s)
{
    own_mem double *sum = dh_zalloc(s->n_classes, sizeof *sum);
    double total = 0;
    if (!s->weight) {
        s->weight = dh_alloc(s->n * sizeof *s->weight);
        for (size_t i = 0; i < s->n; i++)
            s->weight[i] = 1;
    }
    for (size_t i = 0; i < s->n; i++) {
        sum[s->code[i]] += 1;
        total += 1;
    }
    for (size_t i = 0; i < s->n; i++)
        s->weight[i] *= total / ((double)s->n_classes * sum[s->code[i]]);
}

static int take_values(struct sample *s, const struct ml_column *col, struct dh_err *err)
{
    if (col->type == ML_CATEGORY)
        return dh_fail(err, DH_INVALID, "the target '%s' of a regression holds texts, not numbers",
                       col->name);
    s->y = dh_alloc(s->n * sizeof *s->y);
    for (size_t i = 0; i < s->n; i++) {
        s->y[i] = col->num[row_of(s, i)];
        if (!isfinite(s->y[i]))
            return dh_fail(err, DH_INVALID, "the target '%s' in data row %zu is %s", col->name,
                           row_of(s, i) + 1, isnan(s->y[i]) ? "missing" : "infinite");
    }
    return 0;
}

static int take_classes(struct sample *s, size_t target, struct ml_model *m, struct dh_err *err)
{
    own(ml_classes_free) struct ml_classes *k = NULL;
    const struct ml_task *t = s->task;
    if (ml_classes_of(t->frame, target, &k, err) < 0)
        return -1;
    if (k->n < 2)
        return dh_fail(err, DH_INVALID,
                       "the label '%s' has one class only ('%s'): there is nothing to tell apart",
                       m->target, k->name[0]);
    m->n_classes = s->n_classes = k->n;
    m->positive = k->n - 1;
    if (t->positive) {
        m->positive = k->n;
        for (size_t i = 0; i < k->n; i++)
            if (strcmp(k->name[i], t->positive) == 0)
                m->positive = i;
        if (m->positive == k->n)
            return dh_fail(err, DH_INVALID,
                           "the positive class '%s' is no value of '%s' (the first is '%s')",
                           t->positive, m->target, k->name[0]);
    }
    s->code = dh_alloc((s->n + 1) * sizeof *s->code);
    own_mem size_t *count = dh_zalloc(k->n, sizeof *count);
    for (size_t i = 0; i < s->n; i++)
        count[s->code[i] = k->code[row_of(s, i)]]++;
    for (size_t i = 0; i < k->n; i++)
        if (!count[i])
            return dh_fail(err, DH_INVALID, "class '%s' of '%s' is in none of the training rows",
                           k->name[i], m->target);
    m->classes = take(&k->name);
    k->n = 0;
    return 0;
}

int sample_make(const struct ml_task *t, enum model_kind kind, struct sample *s,
                struct ml_model **ret, struct dh_err *err)
{
    own(ml_model_free) struct ml_model *m = dh_zalloc(1, sizeof *m);
    size_t target = 0, weight = 0;
    *s = (struct sample){.task = t, .n = t->rows ? t->n_rows : t->frame->n_rows, .rows = t->rows};
    m->kind = kind;
    m->regression = t->regression;
    m->target = dh_strdup(t->target);
    if (s->n == 0)
        return dh_fail(err, DH_INVALID, "there is no row to learn from");
    if (find(t->frame, "label", t->target, &target, err) < 0)
        return -1;
    if (t->weight && find(t->frame, "weight", t->weight, &weight, err) < 0)
        return -1;
    if (choose_features(s, target, t->weight ? (int64_t)weight : -1, err) < 0)
        return -1;
    int rc = t->regression ? take_values(s, &t->frame->cols[target], err)
                           : take_classes(s, target, m, err);
    if (rc == 0 && t->weight)
        rc = take_weights(s, weight, err);
    if (rc < 0)
        return rc;
    if (t->balanced && !t->regression)
        balance(s);
    s->total = (double)s->n;
    if (s->weight) {
        s->total = 0;
        for (size_t i = 0; i < s->n; i++)
            s->total += s->weight[i];
        if (!(s->total > 0))
            return dh_fail(err, DH_INVALID, "all sample weights are 0");
    }
    *ret = take(&m);
    return 0;
}

void sample_done(struct sample *s)
{
    free(s->code);
    free(s->y);
    free(s->weight);
    free(s->features);
    *s = (struct sample){0};
}

/* ---- learning the inputs ---- */

struct moments {
    double mean, variance, low, high;
    size_t n, bad_row; /* n without the missing ones; bad_row: 1 + the first infinite one */
};

/* Two passes about a shift: as exact as the data allows, whatever its scale. */
static struct moments moments_of(const struct sample *s, const struct ml_column *col)
{
    struct moments m = {.low = INFINITY, .high = -INFINITY};
    double sum = 0;
    for (size_t i = 0; i < s->n; i++) {
        size_t r = row_of(s, i);
        double x = col->num[r];
        if (isnan(x))
            continue;
        if (isinf(x)) {
            m.bad_row = r + 1;
            return m;
        }
        sum += x;
        m.low = x < m.low ? x : m.low;
        m.high = x > m.high ? x : m.high;
        m.n++;
    }
    if (!m.n)
        return m;
    m.mean = isfinite(sum) ? sum / (double)m.n : m.low / 2 + m.high / 2;
    double square = 0, rest = 0;
    for (size_t i = 0; i < s->n; i++) {
        double d = col->num[row_of(s, i)] - m.mean;
        if (isnan(d))
            continue;
        square += d * d;
        rest += d;
    }
    m.mean += rest / (double)m.n;
    m.variance = (square - rest * rest / (double)m.n) / (double)m.n;
    return m;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double sorted_impute(const struct sample *s, const struct ml_column *col, size_t n,
                            enum ml_impute how)
{
    own_mem double *v = dh_alloc((n + 1) * sizeof *v);
    size_t at = 0, best = 0;
    for (size_t i = 0; i < s->n; i++)
        if (!isnan(col->num[row_of(s, i)]))
            v[at++] = col->num[row_of(s, i)];
    qsort(v, n, sizeof *v, by_value);
    if (how == ML_IMPUTE_MEDIAN)
        return n % 2 ? v[n / 2] : v[n / 2 - 1] / 2 + v[n / 2] / 2;
    for (size_t i = 0, from = 0; i < n;
         i++) { /* the longest run; the smallest value where two are as long */
        from = v[i] == v[from] ? from : i;
        if (i - from + 1 > best) {
            best = i - from + 1;
            at = i;
        }
    }
    return v[at];
}

static int fit_number(const struct sample *s, const struct prep_options *o,
                      const struct ml_column *col, struct input *in, struct dh_err *err)
{
    in->scale = 1;
    in->impute = NAN;
    struct moments m = moments_of(s, col);
    if (m.bad_row)
        return dh_fail(err, DH_INVALID, "column '%s' is infinite in data row %zu", col->name,
                       m.bad_row);
    if (!m.n)
        return o->impute ? dh_fail(err, DH_INVALID, "column '%s' has no value in any training row",
                                   col->name)
                         : 0;
    if (o->impute) {
        bool missing = m.n < s->n;
        if (missing && s->task->impute == ML_IMPUTE_NONE)
            return dh_fail(err, DH_INVALID,
                           "column '%s' has %zu missing values and imputation is off", col->name,
                           s->n - m.n);
        in->impute = m.mean;
        if (missing && s->task->impute != ML_IMPUTE_MEAN)
            in->impute = sorted_impute(s, col, m.n, s->task->impute);
        if (missing && o->scale) { /* the scale is that of the column as imputed */
            double d = in->impute - m.mean, share = (double)(s->n - m.n) / (double)s->n;
            m.variance = m.variance * (1 - share) + d * d * share * (1 - share);
            m.mean += d * share;
        }
    }
    if (o->scale) {
        double range = m.high - m.low;
        if (!isfinite(m.variance))
            return dh_fail(err, DH_INVALID,
                           "column '%s' has values too large to standardise (up to %g)", col->name,
                           fabs(m.low) > fabs(m.high) ? m.low : m.high);
        in->mean = m.mean;
        in->scale = range > 0 && m.variance > 0 ? sqrt(m.variance) : 1;
    }
    return 0;
}

static int fit_category(const struct sample *s, const struct prep_options *o,
                        const struct ml_column *col, struct input *in, struct dh_err *err)
{
    own_mem size_t *count = dh_zalloc(col->n_levels + 1, sizeof *count);
    size_t missing = 0, best = 0;
    in->scale = 1;
    in->impute_code = -1;
    for (size_t i = 0; i < s->n; i++) {
        int32_t code = col->code[row_of(s, i)];
        if (code < 0)
            missing++;
        else
            count[code]++;
    }
    if (missing == s->n)
        return dh_fail(err, DH_INVALID, "column '%s' has no value in any training row", col->name);
    in->levels = dh_zalloc(col->n_levels, sizeof *in->levels);
    for (size_t i = 0; i < col->n_levels; i++) {
        if (!count[i])
            continue;
        if (o->impute && s->task->impute == ML_IMPUTE_MOST_FREQUENT && count[i] > best) {
            best = count[i];
            in->impute_code = (int32_t)in->n_levels;
        }
        in->levels[in->n_levels++] = dh_strdup(col->levels[i]);
    }
    return 0;
}

int prep_fit(const struct sample *s, const struct prep_options *o, struct ml_model *m,
             struct dh_err *err)
{
    m->inputs = dh_zalloc(s->n_features, sizeof *m->inputs);
    for (size_t i = 0; i < s->n_features; i++) {
        const struct ml_column *col = &s->task->frame->cols[s->features[i]];
        struct input *in = &m->inputs[m->n_inputs++];
        in->name = dh_strdup(col->name);
        in->type = col->type;
        int rc = col->type == ML_CATEGORY ? fit_category(s, o, col, in, err)
                                          : fit_number(s, o, col, in, err);
        if (rc < 0)
            return rc;
        m->n_design += col->type == ML_CATEGORY ? in->n_levels : 1;
    }
    return 0;
}
