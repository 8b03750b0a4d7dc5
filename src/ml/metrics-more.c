/* metrics-more - averages over classes, calibration, and how sure a number is. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "dhow/ml.h"
#include "ml/rng.h"

struct scored {
    double p;
    uint32_t row;
    bool hit;
};

static int by_score(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;
    return (x->p < y->p) - (x->p > y->p);
}

static struct scored *sorted_scores(const int32_t *code, const double *p, size_t n, size_t k,
                                    size_t c)
{
    struct scored *s = dh_alloc((n + 1) * sizeof *s);
    for (size_t i = 0; i < n; i++)
        s[i] = (struct scored){p[i * k + c], (uint32_t)i, (size_t)code[i] == c};
    qsort(s, n, sizeof *s, by_score);
    return s;
}

struct ml_more *ml_more_free(struct ml_more *m)
{
    if (!m)
        return NULL;
    free(m->pr.x);
    free(m->pr.y);
    free(m->pr.threshold);
    free(m);
    return NULL;
}

static void averages(const struct ml_report *r, struct ml_more *m)
{
    size_t k = r->n_classes;
    double n = (double)r->n, sum_both = 0, sum_product = 0, sum_truth2 = 0, sum_called2 = 0,
           present = 0;
    for (size_t c = 0; c < k; c++) {
        double truth = 0, called = 0, both = r->matrix[c * k + c];
        for (size_t i = 0; i < k; i++) {
            truth += r->matrix[c * k + i];
            called += r->matrix[i * k + c];
        }
        double precision = called > 0 ? both / called : 0, recall = truth > 0 ? both / truth : 0;
        double f1 = truth + called > 0 ? 2 * both / (truth + called) : 0;
        m->macro.precision += precision / (double)k;
        m->macro.recall += recall / (double)k;
        m->macro.f1 += f1 / (double)k;
        m->weighted.precision += precision * truth / n;
        m->weighted.recall += recall * truth / n;
        m->weighted.f1 += f1 * truth / n;
        m->balanced_accuracy += truth > 0 ? recall : 0;
        present += truth > 0;
        sum_both += both;
        sum_product += truth * called;
        sum_truth2 += truth * truth;
        sum_called2 += called * called;
    }
    m->micro = (struct ml_averages){r->accuracy, r->accuracy, r->accuracy};
    m->balanced_accuracy /= present;
    double below = sqrt((n * n - sum_called2) * (n * n - sum_truth2));
    m->matthews = below > 0 ? (sum_both * n - sum_product) / below : 0;
}

static void precision_recall(const struct scored *s, size_t n, struct ml_more *m)
{
    double hits = 0, all = 0, before = 0;
    for (size_t i = 0; i < n; i++)
        all += s[i].hit;
    m->average_precision = all > 0 ? 0 : NAN;
    if (!(all > 0))
        return;
    m->pr.x = dh_alloc((n + 1) * sizeof *m->pr.x);
    m->pr.y = dh_alloc((n + 1) * sizeof *m->pr.y);
    m->pr.threshold = dh_alloc((n + 1) * sizeof *m->pr.threshold);
    for (size_t i = 0; i < n;) {
        double p = s[i].p;
        for (; i < n && s[i].p == p; i++)
            hits += s[i].hit;
        m->average_precision += (hits - before) / all * (hits / (double)i);
        before = hits;
        m->pr.x[m->pr.n] = hits / all;
        m->pr.y[m->pr.n] = hits / (double)i;
        m->pr.threshold[m->pr.n++] = p;
    }
}

static void calibration(const struct scored *s, size_t n, struct ml_more *m)
{
    double mean[10] = {0}, hits[10] = {0}, rows[10] = {0};
    for (size_t i = 0; i < n; i++) {
        size_t b = s[i].p >= 1 ? 9 : (size_t)(s[i].p * 10);
        double miss = s[i].p - s[i].hit;
        mean[b] += s[i].p;
        hits[b] += s[i].hit;
        rows[b]++;
        m->brier += miss * miss / (double)n;
    }
    for (size_t b = 0; b < 10; b++) {
        if (!(rows[b] > 0))
            continue;
        m->bin_mean[m->n_bins] = mean[b] / rows[b];
        m->bin_share[m->n_bins] = hits[b] / rows[b];
        m->bin_rows[m->n_bins++] = rows[b];
    }
}

struct ml_more *ml_evaluate_more(const int32_t *code, const double *p, const struct ml_report *r)
{
    struct ml_more *m = dh_zalloc(1, sizeof *m);
    averages(r, m);
    m->average_precision = m->brier = NAN;
    if (r->n_classes != 2)
        return m;
    own_mem struct scored *s = sorted_scores(code, p, r->n, 2, r->positive);
    m->brier = 0;
    precision_recall(s, r->n, m);
    calibration(s, r->n, m);
    return m;
}

/* ---- bootstrap ---- */

/* The area from sorted scores where row i counts times[i]. */
static double weighted_auc(const struct scored *s, size_t n, const uint32_t *times)
{
    double area = 0, hits = 0, misses = 0;
    for (size_t i = 0; i < n;) {
        double h = 0, m = 0, p = s[i].p;
        for (; i < n && s[i].p == p; i++)
            *(s[i].hit ? &h : &m) += times[s[i].row];
        area += m * (hits + h / 2);
        hits += h;
        misses += m;
    }
    return hits > 0 && misses > 0 ? area / (hits * misses) : NAN;
}

static double row_score(const double *p, size_t k, int32_t code, int which)
{
    if (which == 2) {
        double hit = p[code];
        return -log(hit < DBL_EPSILON       ? DBL_EPSILON
                    : hit > 1 - DBL_EPSILON ? 1 - DBL_EPSILON
                                            : hit);
    }
    size_t best = 0;
    for (size_t c = 1; c < k; c++)
        best = p[c] > p[best] ? c : best;
    return best == (size_t)code;
}

static int by_number(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(const double *v, size_t n, double q)
{
    double at = q * (double)(n - 1);
    size_t low = (size_t)at, high = low + 1 < n ? low + 1 : low;
    return v[low] + (at - (double)low) * (v[high] - v[low]);
}

int ml_bootstrap(const int32_t *code, const double *p, size_t n, size_t k, size_t positive,
                 int which, unsigned rounds, double level, uint64_t seed, double *ret_low,
                 double *ret_high, struct dh_err *err)
{
    if (!n || rounds < 10 || rounds > 1000000 || !(level > 0 && level < 1))
        return dh_fail(err, DH_INVALID,
                       "a bootstrap needs rows, 10 to 1000000 rounds and a level between 0 and 1");
    own_mem uint32_t *times = dh_alloc(n * sizeof *times);
    own_mem double *score = dh_alloc(n * sizeof *score), *value = dh_alloc(rounds * sizeof *value);
    own_mem struct scored *sorted = which == 1 ? sorted_scores(code, p, n, k, positive) : NULL;
    struct rng rng = rng_seed(seed);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        score[i] = row_score(p + i * k, k, code[i], which);
    for (unsigned round = 0; round < rounds; round++) {
        double sum = 0;
        memset(times, 0, n * sizeof *times);
        for (size_t i = 0; i < n; i++)
            times[rng_below(&rng, n)]++;
        for (size_t i = 0; which != 1 && i < n; i++)
            sum += times[i] * score[i];
        double v = which == 1 ? weighted_auc(sorted, n, times) : sum / (double)n;
        if (v == v)
            value[kept++] = v;
    }
    if (!kept)
        return dh_fail(err, DH_INVALID, "no resample has both classes: there is no interval");
    qsort(value, kept, sizeof *value, by_number);
    *ret_low = quantile(value, kept, (1 - level) / 2);
    *ret_high = quantile(value, kept, (1 + level) / 2);
    return 0;
}

double ml_mcnemar(uint64_t a, uint64_t b)
{
    uint64_t n = a + b, few = a < b ? a : b;
    double sum = 0;
    for (uint64_t i = 0; i <= few; i++) /* both tails of a fair binomial */
        sum += exp(lgamma((double)n + 1) - lgamma((double)i + 1) - lgamma((double)(n - i) + 1) -
                   (double)n * 0.6931471805599453);
    return 2 * sum < 1 ? 2 * sum : 1;
}

int ml_evaluate_regression(const double *y, const double *p, size_t n,
                           struct ml_regression_report *ret, struct dh_err *err)
{
    double square = 0, absolute = 0, mean = 0, spread = 0;
    if (!n)
        return dh_fail(err, DH_INVALID, "there is no row to evaluate on");
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(y[i]))
            return dh_fail(err, DH_INVALID, "the label in data row %zu is missing or infinite",
                           i + 1);
        square += (y[i] - p[i]) * (y[i] - p[i]);
        absolute += fabs(y[i] - p[i]);
        mean += y[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++)
        spread += (y[i] - mean) * (y[i] - mean);
    *ret =
        (struct ml_regression_report){n, square / (double)n, sqrt(square / (double)n),
                                      absolute / (double)n, spread > 0 ? 1 - square / spread : NAN};
    return 0;
}
