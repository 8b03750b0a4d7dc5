/* evaluate - a model on rows that it has not seen. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "components/steps.h"

enum { MAX_CURVE_POINTS = 500 };

static const struct step_arg args[] = {
    {"model", STEP_INPUT, .type = "system.Model", .help = "the model, as JSON"},
    {"test", STEP_INPUT, .type = "system.Dataset", .help = "the rows to evaluate on, as CSV"},
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

static int write_all(struct step *s, const struct ml_model *m, const struct ml_report *r,
                     struct dh_err *err)
{
    own(js_free) struct js *metrics = metrics_json(r);
    own(js_free) struct js *classification = js_object();
    own(js_free) struct js *report = js_object();
    js_set(classification, "confusionMatrix", confusion_json(m, r));
    if (r->roc.n)
        js_set(classification, "confidenceMetrics", roc_json(&r->roc));
    js_set(report, "kind", js_str(ml_model_kind(m)));
    js_set(report, "label", js_str(ml_model_target(m)));
    js_set(report, "positive", js_str(ml_model_class(m, ml_model_positive(m))));
    js_set(report, "rows", js_int((int64_t)r->n));
    js_set(report, "metrics", js_ref(metrics));
    js_set(report, "classification", js_ref(classification));
    for (js_each(metrics, it))
        if (!js_is(it.value, JS_NULL))
            step_metadata(s, "metrics", it.key, js_ref(it.value));
    for (js_each(classification, it))
        step_metadata(s, "classification", it.key, js_ref(it.value));
    step_metadata(s, "report", "format", js_str("json"));
    step_say(s, "%s on %zu rows: accuracy %.4f, F1 %.4f, ROC AUC %.4f, log loss %.4f",
             ml_model_kind(m), r->n, r->accuracy, r->f1, r->roc_auc, r->log_loss);
    if (write_json(s, "metrics", metrics, err) < 0 ||
        write_json(s, "classification", classification, err) < 0)
        return -1;
    return write_json(s, "report", report, err);
}

static int run(struct step *s, struct dh_err *err)
{
    own(ml_model_free) struct ml_model *m = NULL;
    own(ml_frame_free) struct ml_frame *f = NULL;
    own(ml_report_free) struct ml_report *r = NULL;
    own_mem double *p = NULL;
    own_mem int32_t *code = NULL;
    if (ml_model_read_json(step_path(s, "model"), &m, err) < 0 ||
        ml_csv_read(step_path(s, "test"), NULL, &f, err) < 0)
        return -1;
    if (ml_target_codes(m, f, &code, err) < 0 || ml_predict(m, f, NULL, 0, 0, &p, err) < 0)
        return -1;
    if (ml_evaluate(code, p, f->n_rows, ml_model_n_classes(m), ml_model_positive(m), &r, err) < 0)
        return -1;
    return write_all(s, m, r, err);
}

const struct step_spec step_evaluate = {"evaluate", "Measures a model on the test set", NULL, args,
                                        run};
