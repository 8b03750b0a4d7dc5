/* evaluate - a model on rows that it has not seen. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "components/steps.h"

enum { MAX_CURVE_POINTS = 500, MAX_SLICES = 200, MAX_HITS = 1000000 };

static const struct step_arg args[] = {
    {"model", STEP_INPUT, .type = "system.Model", .help = "the model, as JSON"},
    {"test", STEP_INPUT, .type = "system.Dataset", .help = "the rows to evaluate on, as CSV"},
    CSV_ARGS,
    {"slice", STEP_TEXT, .other = "", .help = "a column: metrics for each of its values, too"},
    {"bootstrap", STEP_COUNT, .other = "0", .help = "resamples for 95 % intervals; 0: none"},
    {"seed", STEP_INTEGER, .other = "0", .help = "of the resampling"},
    {"metrics", STEP_OUTPUT, .type = "system.Metrics", .other = "",
     .help = "the metrics, as metadata and as JSON"},
    {"classification", STEP_OUTPUT, .type = "system.ClassificationMetrics", .other = "",
     .help = "confusion matrix and ROC curve"},
    {"report", STEP_OUTPUT, .type = "system.Artifact", .other = "", .help = "all of it as JSON"},
    {0}};

static struct js *number(double d)
{
    return isfinite(d) ? js_real(d) : js_null();
}

static struct js *metrics_json(const struct ml_report *r)
{
    struct js *o = js_object();
    js_set(o, "accuracy", number(r->accuracy));
    js_set(o, "precision", number(r->precision));
    js_set(o, "recall", number(r->recall));
    js_set(o, "f1", number(r->f1));
    js_set(o, "roc_auc", number(r->roc_auc));
    js_set(o, "log_loss", number(r->log_loss));
    return o;
}

/* As kfp's ClassificationMetrics.log_confusion_matrix leaves it in the metadata. */
static struct js *confusion_json(const struct ml_model *m, const struct ml_report *r)
{
    struct js *o = js_object(), *specs = js_array(), *rows = js_array();
    for (size_t i = 0; i < r->n_classes; i++) {
        struct js *spec = js_object(), *row = js_object(), *cells = js_array();
        js_set(spec, "displayName", js_str(ml_model_class(m, i)));
        js_push(specs, spec);
        for (size_t j = 0; j < r->n_classes; j++)
            js_push(cells, js_int((int64_t)r->matrix[i * r->n_classes + j]));
        js_set(row, "row", cells);
        js_push(rows, row);
    }
    js_set(o, "annotationSpecs", specs);
    js_set(o, "rows", rows);
    return o;
}

/* As kfp's ClassificationMetrics.log_roc_curve leaves it; a long curve is thinned, its ends kept.
 */
static struct js *roc_json(const struct ml_curve *c)
{
    struct js *points = js_array();
    size_t n = c->n < MAX_CURVE_POINTS ? c->n : MAX_CURVE_POINTS;
    for (size_t k = 0; k < n; k++) {
        size_t i = n > 1 ? k * (c->n - 1) / (n - 1) : 0;
        struct js *p = js_object();
        js_set(p, "confidenceThreshold", js_real(c->threshold[i]));
        js_set(p, "recall", js_real(c->y[i]));
        js_set(p, "falsePositiveRate", js_real(c->x[i]));
        js_push(points, p);
    }
    return points;
}

static int write_json(const struct step *s, const char *output, const struct js *o,
                      struct dh_err *err)
{
    if (!step_given(s, output))
        return 0;
    own_mem char *text = js_dump(o, JS_PRETTY);
    return step_write(step_path(s, output), text, strlen(text), err);
}

/* What is evaluated: the model's answers for rows that it has not seen. */
struct seen {
    const struct ml_model *m;
    const struct ml_frame *f;
    const int32_t *code;
    const double *p;
    size_t k;
};

static struct js *averages_json(const struct ml_averages *a)
{
    struct js *o = js_object();
    js_set(o, "precision", number(a->precision));
    js_set(o, "recall", number(a->recall));
    js_set(o, "f1", number(a->f1));
    return o;
}

static void add_more(const struct seen *e, const struct ml_report *r, struct js *report)
{
    own(ml_more_free) struct ml_more *more = ml_evaluate_more(e->code, e->p, r);
    struct js *metrics = js_get(report, "metrics"), *averages = js_object(), *bins = js_array();
    js_set(metrics, "balanced_accuracy", number(more->balanced_accuracy));
    js_set(metrics, "matthews", number(more->matthews));
    if (r->n_classes == 2) {
        js_set(metrics, "average_precision", number(more->average_precision));
        js_set(metrics, "brier_score", number(more->brier));
    }
    js_set(averages, "macro", averages_json(&more->macro));
    js_set(averages, "micro", averages_json(&more->micro));
    js_set(averages, "weighted", averages_json(&more->weighted));
    js_set(report, "averages", averages);
    for (size_t i = 0; i < more->n_bins; i++) {
        struct js *bin = js_object();
        js_set(bin, "predicted", js_real(more->bin_mean[i]));
        js_set(bin, "observed", js_real(more->bin_share[i]));
        js_set(bin, "rows", js_int((int64_t)more->bin_rows[i]));
        js_push(bins, bin);
    }
    js_set(report, "calibration", bins);
    if (more->pr.n) {
        struct js *curve = js_array();
        size_t n = more->pr.n < MAX_CURVE_POINTS ? more->pr.n : MAX_CURVE_POINTS;
        for (size_t k = 0; k < n; k++) {
            size_t i = n > 1 ? k * (more->pr.n - 1) / (n - 1) : 0;
            struct js *point = js_object();
            js_set(point, "threshold", js_real(more->pr.threshold[i]));
            js_set(point, "recall", js_real(more->pr.x[i]));
            js_set(point, "precision", js_real(more->pr.y[i]));
            js_push(curve, point);
        }
        js_set(report, "precision_recall", curve);
    }
}

/* Which rows were right, as text of 0 and 1: what McNemar's test of two models needs. */
static void add_hits(const struct seen *e, struct js *report)
{
    size_t n = e->f->n_rows;
    if (n > MAX_HITS)
        return;
    own_mem char *hits = dh_zalloc(n + 1, 1);
    for (size_t i = 0; i < n; i++) {
        size_t best = 0;
        for (size_t c = 1; c < e->k; c++)
            best = e->p[i * e->k + c] > e->p[i * e->k + best] ? c : best;
        hits[i] = best == (size_t)e->code[i] ? '1' : '0';
    }
    js_set(report, "hits", js_str(hits));
}

static int add_intervals(const struct step *s, const struct seen *e, struct js *report,
                         struct dh_err *err)
{
    static const char *const names[] = {"accuracy", "roc_auc", "log_loss"};
    int64_t rounds = step_integer(s, "bootstrap");
    struct js *o = js_object();
    js_set(report, "intervals", o);
    for (int which = 0; rounds > 0 && which < 3; which++) {
        double low, high;
        if (which == 1 && e->k != 2)
            continue;
        if (ml_bootstrap(e->code, e->p, e->f->n_rows, e->k, ml_model_positive(e->m), which,
                         rounds > 1000000 ? 1000001 : (unsigned)rounds, 0.95,
                         (uint64_t)step_integer(s, "seed"), &low, &high, err) < 0)
            return -1;
        struct js *pair = js_array();
        js_push(pair, js_real(low));
        js_push(pair, js_real(high));
        js_set(o, names[which], pair);
    }
    return 0;
}

/* The metrics of the rows of one class of the slice column. */
static int add_slice(const struct seen *e, const struct ml_classes *slices, size_t k, struct js *to,
                     struct dh_err *err)
{
    own(ml_report_free) struct ml_report *r = NULL;
    own_mem int32_t *code = dh_alloc((e->f->n_rows + 1) * sizeof *code);
    own_mem double *p = dh_alloc((e->f->n_rows * e->k + 1) * sizeof *p);
    size_t n = 0;
    for (size_t i = 0; i < e->f->n_rows; i++) {
        if (slices->code[i] != (int32_t)k)
            continue;
        code[n] = e->code[i];
        memcpy(p + n++ * e->k, e->p + i * e->k, e->k * sizeof *p);
    }
    if (ml_evaluate(code, p, n, e->k, ml_model_positive(e->m), &r, err) < 0)
        return -1;
    struct js *o = metrics_json(r);
    js_set(o, "rows", js_int((int64_t)n));
    js_set(to, slices->name[k], o);
    return 0;
}

static int add_slices(const struct step *s, const struct seen *e, struct js *report,
                      struct dh_err *err)
{
    own(ml_classes_free) struct ml_classes *slices = NULL;
    const char *name = step_text(s, "slice");
    if (!*name)
        return 0;
    int64_t column = ml_frame_find(e->f, name);
    if (column < 0)
        return dh_fail(err, DH_INVALID, "there is no column '%s' to slice by", name);
    if (ml_classes_of(e->f, (size_t)column, &slices, err) < 0)
        return -1;
    if (slices->n > MAX_SLICES)
        return dh_fail(err, DH_INVALID, "column '%s' has %zu values: at most %d slices", name,
                       slices->n, MAX_SLICES);
    struct js *o = js_object();
    js_set(report, "slices", o);
    for (size_t k = 0; k < slices->n; k++)
        if (add_slice(e, slices, k, o, err) < 0)
            return -1;
    return 0;
}

static void put_metrics(struct step *s, const struct js *metrics)
{
    for (js_each(metrics, it))
        if (!js_is(it.value, JS_NULL))
            step_metadata(s, "metrics", it.key, js_ref(it.value));
    step_metadata(s, "report", "format", js_str("json"));
}

static struct js *report_head(const struct ml_model *m, size_t rows, struct js *metrics)
{
    struct js *report = js_object();
    js_set(report, "kind", js_str(ml_model_kind(m)));
    js_set(report, "label", js_str(ml_model_target(m)));
    js_set(report, "rows", js_int((int64_t)rows));
    js_set(report, "metrics", metrics);
    return report;
}

static int classes(struct step *s, const struct seen *e, struct dh_err *err)
{
    own(ml_report_free) struct ml_report *r = NULL;
    if (ml_evaluate(e->code, e->p, e->f->n_rows, e->k, ml_model_positive(e->m), &r, err) < 0)
        return -1;
    own(js_free) struct js *report = report_head(e->m, r->n, metrics_json(r));
    own(js_free) struct js *classification = js_object();
    struct js *metrics = js_get(report, "metrics");
    js_set(classification, "confusionMatrix", confusion_json(e->m, r));
    if (r->roc.n)
        js_set(classification, "confidenceMetrics", roc_json(&r->roc));
    put_metrics(s, metrics);
    for (js_each(classification, it))
        step_metadata(s, "classification", it.key, js_ref(it.value));
    if (write_json(s, "metrics", metrics, err) < 0 ||
        write_json(s, "classification", classification, err) < 0)
        return -1;
    js_set(report, "positive", js_str(ml_model_class(e->m, ml_model_positive(e->m))));
    js_set(report, "classification", js_ref(classification));
    add_more(e, r, report);
    add_hits(e, report);
    if (add_intervals(s, e, report, err) < 0 || add_slices(s, e, report, err) < 0)
        return -1;
    step_say(s, "%s on %zu rows: accuracy %.4f, F1 %.4f, ROC AUC %.4f, log loss %.4f",
             ml_model_kind(e->m), r->n, r->accuracy, r->f1, r->roc_auc, r->log_loss);
    return write_json(s, "report", report, err);
}

static int values(struct step *s, const struct ml_model *m, const struct ml_frame *f,
                  const double *p, struct dh_err *err)
{
    struct ml_regression_report r;
    int64_t column = ml_frame_find(f, ml_model_target(m));
    if (column < 0 || !f->cols[column].num)
        return dh_fail(err, DH_INVALID, "the data have no column of numbers '%s'",
                       ml_model_target(m));
    if (ml_evaluate_regression(f->cols[column].num, p, f->n_rows, &r, err) < 0)
        return -1;
    struct js *metrics = js_object();
    js_set(metrics, "mean_squared_error", number(r.mean_squared_error));
    js_set(metrics, "root_mean_squared_error", number(r.root_mean_squared_error));
    js_set(metrics, "mean_absolute_error", number(r.mean_absolute_error));
    js_set(metrics, "r2", number(r.r2));
    own(js_free) struct js *report = report_head(m, r.n, metrics);
    put_metrics(s, metrics);
    step_say(s, "%s on %zu rows: RMSE %.6g, R2 %.4f", ml_model_kind(m), r.n,
             r.root_mean_squared_error, r.r2);
    return write_json(s, "metrics", metrics, err) < 0 ? -1 : write_json(s, "report", report, err);
}

static int run(struct step *s, struct dh_err *err)
{
    own(ml_model_free) struct ml_model *m = NULL;
    own(ml_frame_free) struct ml_frame *f = NULL;
    own_mem double *p = NULL;
    own_mem int32_t *code = NULL;
    if (ml_model_read_json(step_path(s, "model"), &m, err) < 0 ||
        step_csv_read(s, "test", m, &f, err) < 0)
        return -1;
    if (ml_predict(m, f, NULL, 0, 0, &p, err) < 0)
        return -1;
    if (ml_model_is_regression(m))
        return values(s, m, f, p, err);
    if (ml_target_codes(m, f, &code, err) < 0)
        return -1;
    struct seen e = {m, f, code, p, ml_model_n_classes(m)};
    return classes(s, &e, err);
}

const struct step_spec step_evaluate = {"evaluate", "Measures a model on the test set", NULL, args,
                                        run};
