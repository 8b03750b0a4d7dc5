/* metrics - how good predictions are. Definitions as in scikit-learn 1.x. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "dhow/ml.h"

struct scored {
    double p;
    bool hit;
};

static int by_score(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;
    return (x->p < y->p) - (x->p > y->p);
}

static struct scored *scores_of(const int32_t *code, const double *p, size_t n, size_t k, size_t c)
{
    struct scored *s = dh_alloc((n + 1) * sizeof *s);
    for (size_t i = 0; i < n; i++)
        s[i] = (struct scored){p[i * k + c], (size_t)code[i] == c};
    qsort(s, n, sizeof *s, by_score);
    return s;
}

/* The share of pairs put in the right order, ties by half: the area under the ROC curve. */
static double auc_of(const struct scored *s, size_t n)
{
    double area = 0, hits = 0, misses = 0;
    for (size_t i = 0; i < n;) {
        double h = 0, m = 0, p = s[i].p;
        for (; i < n && s[i].p == p; i++)
            s[i].hit ? h++ : m++;
        area += m * (hits + h / 2);
        hits += h;
        misses += m;
    }
    return hits > 0 && misses > 0 ? area / (hits * misses) : NAN;
}

static void curve_add(struct ml_curve *c, double x, double y, double threshold)
{
    c->x[c->n] = x;
    c->y[c->n] = y;
    c->threshold[c->n++] = threshold;
}

/* Points where the score changes; one in the middle of a straight run adds nothing and is left out.
 * The first point's threshold is above every score: nothing is called positive there. */
static void roc_of(const struct scored *s, size_t n, struct ml_curve *c)
{
    double hits = 0, misses = 0, all_hits = 0;
    for (size_t i = 0; i < n; i++)
        all_hits += s[i].hit;
    double all_misses = (double)n - all_hits;
    if (!(all_hits > 0 && all_misses > 0))
        return;
    c->x = dh_alloc((n + 2) * sizeof *c->x);
    c->y = dh_alloc((n + 2) * sizeof *c->y);
    c->threshold = dh_alloc((n + 2) * sizeof *c->threshold);
    curve_add(c, 0, 0, 1 + s[0].p);
    double dx = 0, dy = 0; /* the last run's direction, in counts */
    for (size_t i = 0; i < n;) {
        double h = 0, m = 0, p = s[i].p;
        for (; i < n && s[i].p == p; i++)
            s[i].hit ? h++ : m++;
        if (c->n > 1 && dx * h == dy * m)
            c->n--;
        hits += h;
        misses += m;
        dx = m;
        dy = h;
        curve_add(c, misses / all_misses, hits / all_hits, p);
    }
}

struct ml_report *ml_report_free(struct ml_report *r)
{
    if (!r)
        return NULL;
    free(r->matrix);
    free(r->roc.x);
    free(r->roc.y);
    free(r->roc.threshold);
    free(r);
    return NULL;
}

static size_t predicted(const double *p, size_t k)
{
    size_t best = 0;
    for (size_t c = 1; c < k; c++)
        if (p[c] > p[best])
            best = c;
    return best;
}

/* Of class c: precision, recall, F1; 0 where the denominator is (as scikit-learn's zero_division).
 */
static void class_scores(const struct ml_report *r, size_t c, double *precision, double *recall,
                         double *f1)
{
    double truth = 0, called = 0, both = r->matrix[c * r->n_classes + c];
    for (size_t i = 0; i < r->n_classes; i++) {
        truth += r->matrix[c * r->n_classes + i];
        called += r->matrix[i * r->n_classes + c];
    }
    *precision = called > 0 ? both / called : 0;
    *recall = truth > 0 ? both / truth : 0;
    *f1 = truth + called > 0 ? 2 * both / (truth + called) : 0;
}

static void positive_scores(struct ml_report *r, const int32_t *code, const double *p)
{
    own_mem struct scored *s = scores_of(code, p, r->n, r->n_classes, r->positive);
    class_scores(r, r->positive, &r->precision, &r->recall, &r->f1);
    r->roc_auc = auc_of(s, r->n);
    roc_of(s, r->n, &r->roc);
}

static void macro_scores(struct ml_report *r, const int32_t *code, const double *p)
{
    double k = (double)r->n_classes;
    for (size_t c = 0; c < r->n_classes; c++) {
        double precision, recall, f1;
        own_mem struct scored *s = scores_of(code, p, r->n, r->n_classes, c);
        class_scores(r, c, &precision, &recall, &f1);
        r->precision += precision / k;
        r->recall += recall / k;
        r->f1 += f1 / k;
        r->roc_auc += auc_of(s, r->n) / k;
    }
}

int ml_evaluate(const int32_t *code, const double *p, size_t n, size_t k, size_t positive,
                struct ml_report **ret, struct dh_err *err)
{
    if (!n || k < 2 || positive >= k)
        return dh_fail(err, DH_INVALID,
                       "an evaluation needs rows and two classes: got %zu rows, %zu classes", n, k);
    own(ml_report_free) struct ml_report *r = dh_zalloc(1, sizeof *r);
    r->n = n;
    r->n_classes = k;
    r->positive = positive;
    r->matrix = dh_zalloc(k * k, sizeof *r->matrix);
    for (size_t i = 0; i < n; i++) {
        if (code[i] < 0 || (size_t)code[i] >= k)
            return dh_fail(err, DH_INVALID, "row %zu has a class that the model does not know",
                           i + 1);
        double hit = p[i * k + (size_t)code[i]];
        double least = DBL_EPSILON, most = 1 - DBL_EPSILON;
        r->log_loss -= log(hit < least ? least : hit > most ? most : hit);
        r->matrix[(size_t)code[i] * k + predicted(p + i * k, k)]++;
    }
    r->log_loss /= (double)n;
    for (size_t c = 0; c < k; c++)
        r->accuracy += r->matrix[c * k + c];
    r->accuracy /= (double)n;
    if (k == 2)
        positive_scores(r, code, p);
    else
        macro_scores(r, code, p);
    *ret = take(&r);
    return 0;
}
