/* prep - the training rows checked, and what preparation learns from them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "ml/frame-priv.h"
#include "ml/model-priv.h"
#include "ml/pool.h"

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

static void need_weights(struct sample *s)
{
    if (s->weight)
        return;
    s->weight = dh_alloc(s->n * sizeof *s->weight);
    for (size_t i = 0; i < s->n; i++)
        s->weight[i] = 1;
}

static void balance(struct sample *s)
{
    own_mem double *sum = dh_zalloc(s->n_classes, sizeof *sum);
    double total = 0;
    need_weights(s);
    for (size_t i = 0; i < s->n; i++) {
        sum[s->code[i]] += 1;
        total += 1;
    }
    for (size_t i = 0; i < s->n; i++)
        s->weight[i] *= total / ((double)s->n_classes * sum[s->code[i]]);
}

/* Each row's weight times its class's. */
static int weigh_classes(struct sample *s, const struct ml_model *m, struct dh_err *err)
{
    own_mem double *by_class = dh_alloc(s->n_classes * sizeof *by_class);
    for (size_t c = 0; c < s->n_classes; c++)
        by_class[c] = 1;
    for (size_t i = 0; i < s->task->n_class_weights; i++) {
        const struct ml_class_weight *w = &s->task->class_weights[i];
        size_t c = 0;
        while (c < s->n_classes && strcmp(m->classes[c], w->name) != 0)
            c++;
        if (c == s->n_classes)
            return dh_fail(err, DH_INVALID,
                           "a weight is given to the class '%s', which is no value of '%s' (the "
                           "first is '%s')",
                           w->name, m->target, m->classes[0]);
        if (!(w->weight > 0) || isinf(w->weight))
            return dh_fail(err, DH_INVALID, "class '%s' has the weight %g: it must be above 0",
                           w->name, w->weight);
        by_class[c] = w->weight;
    }
    need_weights(s);
    for (size_t i = 0; i < s->n; i++)
        s->weight[i] *= by_class[s->code[i]];
    return 0;
}

/* Squares of large, tiny or far-off values would lose what differs. The scale is a power of two and
 * the shift 0 where they do not, so that ordinary values stay what they are. */
static void scale_values(struct sample *s)
{
    double mean = 0, most = 0;
    int power;
    for (size_t i = 0; i < s->n; i++)
        mean += s->y[i] / (double)s->n;
    for (size_t i = 0; i < s->n; i++)
        most = fmax(most, fabs(s->y[i] - mean));
    s->y_shift = fabs(mean) > 1000 * most ? mean : 0;
    most += s->y_shift != 0 ? 0 : fabs(mean);
    (void)frexp(most, &power);
    s->y_scale = ldexp(1, power > -1000 ? power : 0);
    for (size_t i = 0; i < s->n; i++)
        s->y[i] = (s->y[i] - s->y_shift) / s->y_scale;
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
        if (fabs(s->y[i]) > 1e150) /* its square must be a number, too */
            return dh_fail(err, DH_INVALID, "the target '%s' in data row %zu is too large: %g",
                           col->name, row_of(s, i) + 1, s->y[i]);
    }
    scale_values(s);
    return 0;
}

void sample_unscale(const struct sample *s, struct ml_model *m)
{
    const bool sums = m->kind == MODEL_BOOSTING;
    if (!m->regression)
        return;
    m->base[0] = m->base[0] * s->y_scale + s->y_shift;
    for (size_t t = 0; t < m->n_trees; t++)
        for (size_t i = 0; i < m->trees[t].n_nodes; i++) {
            m->trees[t].value[i] = m->trees[t].value[i] * s->y_scale + (sums ? 0 : s->y_shift);
            m->trees[t].nodes[i].impurity *= s->y_scale * s->y_scale;
        }
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

/* Sums up the weights: of all, and of each class. */
static int check_weights(struct sample *s, const struct ml_model *m, struct dh_err *err)
{
    own_mem double *sum = dh_zalloc(s->n_classes + 1, sizeof *sum);
    s->total = 0;
    for (size_t i = 0; i < s->n; i++) {
        s->total += s->weight[i];
        sum[s->code ? s->code[i] : 0] += s->weight[i];
    }
    if (!(s->total > 0))
        return dh_fail(err, DH_INVALID, "all sample weights are 0");
    for (size_t c = 0; c < s->n_classes; c++)
        if (!(sum[c] > 0))
            return dh_fail(err, DH_INVALID, "all rows of class '%s' of '%s' weigh 0", m->classes[c],
                           m->target);
    return 0;
}

int sample_make(const struct ml_task *t, enum model_kind kind, struct sample *s,
                struct ml_model **ret, struct dh_err *err)
{
    own(ml_model_free) struct ml_model *m = dh_zalloc(1, sizeof *m);
    size_t target = 0, weight = 0;
    *s = (struct sample){
        .task = t, .n = t->rows ? t->n_rows : t->frame->n_rows, .rows = t->rows, .y_scale = 1};
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
    if (t->n_class_weights && !t->regression && weigh_classes(s, m, err) < 0)
        return -1;
    s->total = (double)s->n;
    if (s->weight && check_weights(s, m, err) < 0)
        return -1;
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

enum { MOMENT_ROWS = 2048, LANE = 8 };
typedef double lanes __attribute__((vector_size(LANE * 8), aligned(8)));

static double lane_sum(const lanes *v)
{
    double sum = 0;
    for (int i = 0; i < LANE; i++)
        sum += (*v)[i];
    return sum;
}

/* n values without a missing one, n a multiple of LANE: mean, and squares about it. */
static void block_moments(const double *x, size_t n, struct moments *m)
{
    lanes sum = {0}, square = {0}, rest = {0}, low, high;
    memcpy(&low, x, sizeof low);
    high = low;
    for (size_t i = 0; i < n; i += LANE) {
        lanes v;
        memcpy(&v, x + i, sizeof v);
        sum += v;
        for (int k = 0; k < LANE; k++) {
            low[k] = v[k] < low[k] ? v[k] : low[k];
            high[k] = v[k] > high[k] ? v[k] : high[k];
        }
    }
    m->n = n;
    m->mean = lane_sum(&sum) / (double)n;
    for (size_t i = 0; i < n; i += LANE) {
        lanes v;
        memcpy(&v, x + i, sizeof v);
        v -= m->mean;
        square += v * v;
        rest += v;
    }
    double left = lane_sum(&rest);
    m->variance = lane_sum(&square) - left * left / (double)n;
    m->mean += left / (double)n;
    m->low = INFINITY, m->high = -INFINITY;
    for (int i = 0; i < LANE; i++) {
        m->low = low[i] < m->low ? low[i] : m->low;
        m->high = high[i] > m->high ? high[i] : m->high;
    }
}

/* a and b together; `variance` holds sums of squares (Chan, Golub and LeVeque 1979). */
static void add_moments(struct moments *a, const struct moments *b)
{
    double n = (double)(a->n + b->n), apart = b->mean - a->mean;
    a->variance += b->variance + apart * apart * (double)a->n * (double)b->n / n;
    a->mean += apart * (double)b->n / n;
    a->low = b->low < a->low ? b->low : a->low;
    a->high = b->high > a->high ? b->high : a->high;
    a->n += b->n;
}

static void add_values(const double *v, size_t n, struct moments *all)
{
    struct moments m;
    size_t whole = n / LANE * LANE;
    if (whole) {
        block_moments(v, whole, &m);
        add_moments(all, &m);
    }
    for (size_t i = whole; i < n; i++) {
        m = (struct moments){.mean = v[i], .low = v[i], .high = v[i], .n = 1};
        add_moments(all, &m);
    }
}

static size_t infinite_row(const struct sample *s, const struct ml_column *col)
{
    size_t i = 0;
    while (!isinf(col->num[row_of(s, i)]))
        i++;
    return row_of(s, i) + 1;
}

/* One pass over memory, a block of rows at a time; as exact as the data allow, whatever their
 * scale. */
static struct moments moments_of(const struct sample *s, const struct ml_column *col)
{
    struct moments m = {.low = INFINITY, .high = -INFINITY};
    double v[MOMENT_ROWS];
    for (size_t from = 0; from < s->n; from += MOMENT_ROWS) {
        size_t to = from + MOMENT_ROWS < s->n ? from + MOMENT_ROWS : s->n, n = 0;
        if (!s->rows && !col->n_missing) {
            add_values(col->num + from, to - from, &m);
            continue;
        }
        for (size_t i = from; i < to; i++) {
            double x = col->num[row_of(s, i)];
            v[n] = x;
            n += x == x;
        }
        add_values(v, n, &m);
    }
    if (isinf(m.low) || isinf(m.high))
        m.bad_row = m.n ? infinite_row(s, col) : 0;
    m.variance = m.n ? m.variance / (double)m.n : 0;
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

/* A category as numbers: the indexes of the levels that training has, in byte order. */
static int fit_ordinal(const struct sample *s, const struct prep_options *o,
                       const struct ml_column *col, struct input *in, struct dh_err *err)
{
    struct prep_options levels_only = {0};
    if (fit_category(s, &levels_only, col, in, err) < 0)
        return -1;
    own_mem double *rank = category_ranks(in, col, s->task->frame->n_rows);
    struct ml_column numbers = {
        .name = col->name, .type = ML_NUMBER, .num = rank, .n_missing = col->n_missing};
    in->ordinal = true;
    return fit_number(s, o, &numbers, in, err);
}

struct fit {
    const struct sample *s;
    const struct prep_options *o;
    struct ml_model *m;
    struct dh_err *err; /* one a feature */
};

static void fit_feature(void *ctx, size_t i, unsigned worker)
{
    struct fit *f = ctx;
    const struct ml_column *col = &f->s->task->frame->cols[f->s->features[i]];
    struct input *in = &f->m->inputs[i];
    (void)worker;
    in->name = dh_strdup(col->name);
    in->type = col->type;
    f->err[i].msg[0] = 0;
    if (col->type == ML_CATEGORY && f->o->impute && f->s->task->encode == ML_ORDINAL)
        (void)fit_ordinal(f->s, f->o, col, in, &f->err[i]);
    else if (col->type == ML_CATEGORY)
        (void)fit_category(f->s, f->o, col, in, &f->err[i]);
    else
        (void)fit_number(f->s, f->o, col, in, &f->err[i]);
}

int prep_fit(const struct sample *s, const struct prep_options *o, struct ml_model *m,
             struct dh_err *err)
{
    own_mem struct dh_err *errs = dh_alloc(s->n_features * sizeof *errs);
    own(pool_free) struct pool *pool =
        pool_new(s->n * s->n_features < 500000 ? 1 : s->task->threads);
    struct fit f = {s, o, m, errs};
    m->inputs = dh_zalloc(s->n_features, sizeof *m->inputs);
    m->n_inputs = s->n_features;
    pool_run(pool, s->n_features, fit_feature, &f);
    for (size_t i = 0; i < s->n_features; i++) {
        if (errs[i].msg[0]) {
            *err = errs[i];
            return -1;
        }
        m->n_design += model_input_width(&m->inputs[i]);
    }
    return 0;
}
