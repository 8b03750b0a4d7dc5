/* search - the options of one kind of model found by cross-validation. */
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "components/steps.h"

static const struct step_arg args[] = {
    {"train", STEP_INPUT, .type = "system.Dataset", .help = "the rows to learn from, as CSV"},
    CSV_ARGS,
    {"label", STEP_TEXT, .help = "the column to predict"},
    {"positive", STEP_TEXT, .other = "",
     .help = "of two classes, the one that scores speak of; else the last"},
    {"kind", STEP_TEXT,
     .help = "logistic-regression, decision-tree, random-forest or gradient-boosting"},
    {"params", STEP_TEXT, .other = "{}", .help = "JSON: option → list of values to try"},
    {"strategy", STEP_TEXT, .other = "grid", .help = "grid, random or halving"},
    {"trials", STEP_COUNT, .other = "10", .help = "random: combinations to try"},
    {"folds", STEP_COUNT, .other = "5", .help = "of the cross-validation"},
    {"metric", STEP_TEXT, .other = "accuracy",
     .help = "accuracy, f1, roc_auc, log_loss; regression: r2, mean_squared_error"},
    {"regression", STEP_BOOL, .other = "false", .help = "the label is a number to predict"},
    {"seed", STEP_INTEGER, .other = "0", .help = "of folds and of whatever is drawn by chance"},
    {"threads", STEP_COUNT, .other = "0", .help = "0: as many as there are cores"},
    {"model", STEP_OUTPUT, .type = "system.Model",
     .help = "the best, trained on all rows, as JSON"},
    {"trials-table", STEP_OUTPUT, .type = "system.Artifact", .other = "",
     .help = "every combination and its score, as JSON"},
    {0}};

static const struct js *best_trial(const struct js *trials, bool loss)
{
    const struct js *best = NULL;
    int64_t rows = 0; /* only trials on all rows count: the last rung of halving */
    for (size_t i = 0; i < js_n(trials); i++)
        rows = js_get_int(js_at(trials, i), "rows", 0) > rows
                   ? js_get_int(js_at(trials, i), "rows", 0)
                   : rows;
    for (size_t i = 0; i < js_n(trials); i++) {
        const struct js *t = js_at(trials, i), *score = js_get(t, "score");
        if (js_get_int(t, "rows", 0) < rows || !js_is_num(score))
            continue;
        double have = js_as_num(score, 0), than = js_as_num(js_get(best, "score"), 0);
        if (!best || (loss ? have < than : have > than))
            best = t;
    }
    return best;
}

static int write_outputs(struct step *s, const struct ml_model *m, const struct js *trials,
                         struct dh_err *err)
{
    const struct js *best = best_trial(trials, metric_is_loss(step_text(s, "metric")));
    own_mem char *params = js_dump(js_get(best, "params"), JS_COMPACT);
    own_mem char *table = js_dump(trials, JS_PRETTY);
    step_say(s, "%s: %zu trials, best %s %.6g with %s", step_text(s, "kind"), js_n(trials),
             step_text(s, "metric"), js_as_num(js_get(best, "score"), 0), params);
    step_metadata(s, "model", "framework", js_str("dhow"));
    step_metadata(s, "model", "format", js_str("dhow.model"));
    step_metadata(s, "model", "kind", js_str(ml_model_kind(m)));
    step_metadata(s, "model", "params", js_copy(js_get(best, "params")));
    step_metadata(s, "model", "cv_score", js_copy(js_get(best, "score")));
    if (step_given(s, "trials-table") &&
        step_write(step_path(s, "trials-table"), table, strlen(table), err) < 0)
        return -1;
    if (step_write(step_path(s, "model"), "", 0, err) < 0)
        return -1;
    return ml_model_write_json(m, step_path(s, "model"), err);
}

static int run(struct step *s, struct dh_err *err)
{
    own(ml_frame_free) struct ml_frame *f = NULL;
    own(ml_model_free) struct ml_model *m = NULL;
    own(js_free) struct js *params = NULL, *trials = NULL;
    if (js_parse(step_text(s, "params"), strlen(step_text(s, "params")), &params, err) < 0)
        return dh_while(err, "--params");
    if (!js_is(params, JS_OBJECT))
        return dh_fail(err, DH_INVALID, "--params must be a JSON object");
    if (step_csv_read(s, "train", NULL, &f, err) < 0)
        return -1;
    struct ml_task task = {.frame = f,
                           .target = step_text(s, "label"),
                           .positive = step_given(s, "positive") ? step_text(s, "positive") : NULL,
                           .regression = step_bool(s, "regression"),
                           .seed = (uint64_t)step_integer(s, "seed"),
                           .threads = (unsigned)step_integer(s, "threads"),
                           .progress = step_progress(s)};
    struct ml_search_options o = {.metric = step_text(s, "metric"),
                                  .folds = (unsigned)step_integer(s, "folds"),
                                  .strategy = step_text(s, "strategy"),
                                  .trials = (unsigned)step_integer(s, "trials")};
    if (ml_search(step_text(s, "kind"), &task, params, &o, &m, &trials, err) < 0)
        return -1;
    return write_outputs(s, m, trials, err);
}

const struct step_spec step_search = {
    "search", "Finds a model's options by cross-validation and trains it with them", NULL, args,
    run};
