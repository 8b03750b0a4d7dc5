/* The model race in C: the same spec as pipeline.py makes. */
#include "steps.h"

#define SEARCH(X)                                                                                  \
    X(INPUT, train, DHOW_DATASET, "")                                                              \
    X(TEXT, label, DHOW_REQUIRED, "")                                                              \
    X(TEXT, positive, DHOW_REQUIRED, "")                                                           \
    X(TEXT, kind, DHOW_REQUIRED, "")                                                               \
    X(TEXT, params, DHOW_REQUIRED, "")                                                             \
    X(TEXT, strategy, DHOW_REQUIRED, "")                                                           \
    X(INTEGER, folds, DHOW_REQUIRED, "")                                                           \
    X(TEXT, metric, DHOW_REQUIRED, "")                                                             \
    X(INTEGER, seed, DHOW_REQUIRED, "")                                                            \
    X(OUTPUT, model, DHOW_MODEL, "") X(OUTPUT, trials_table, DHOW_ARTIFACT, "")
DHOW_CONTAINER(search, "The best options of one kind of model by cross-validation", SEARCH,
               STEP("search", FROM("train", "train"), VALUE("label", "label"),
                    VALUE("positive", "positive"), VALUE("kind", "kind"), VALUE("params", "params"),
                    VALUE("strategy", "strategy"), VALUE("folds", "folds"),
                    VALUE("metric", "metric"), VALUE("seed", "seed"), TO("model", "model"),
                    TO("trials-table", "trials_table")))

#define CANDIDATE(name_) "--candidate", name_, FROM("report", name_ "_report"), FROM("model", name_)
#define SELECT_MODEL(X)                                                                            \
    X(TEXT, metric, DHOW_REQUIRED, "")                                                             \
    X(INPUT, ridge, DHOW_MODEL, "")                                                                \
    X(INPUT, ridge_report, DHOW_ARTIFACT, "")                                                      \
    X(INPUT, lasso, DHOW_MODEL, "")                                                                \
    X(INPUT, lasso_report, DHOW_ARTIFACT, "")                                                      \
    X(INPUT, tree, DHOW_MODEL, "")                                                                 \
    X(INPUT, tree_report, DHOW_ARTIFACT, "")                                                       \
    X(INPUT, forest, DHOW_MODEL, "")                                                               \
    X(INPUT, forest_report, DHOW_ARTIFACT, "")                                                     \
    X(INPUT, boosting, DHOW_MODEL, "")                                                             \
    X(INPUT, boosting_report, DHOW_ARTIFACT, "")                                                   \
    X(OUTPUT, chosen, DHOW_MODEL, "")                                                              \
    X(OUTPUT, chosen_report, DHOW_ARTIFACT, "")                                                    \
    X(OUTPUT_TEXT, best, "", "") X(OUTPUT_NUMBER, score, "", "") X(OUTPUT_TEXT, reason, "", "")
DHOW_CONTAINER(select_model, "The best of the five by one metric", SELECT_MODEL,
               STEP("select-model", VALUE("metric", "metric"), CANDIDATE("ridge"),
                    CANDIDATE("lasso"), CANDIDATE("tree"), CANDIDATE("forest"),
                    CANDIDATE("boosting"), TO("chosen", "chosen"),
                    TO("chosen-report", "chosen_report"), FILE_OF("best", "best"),
                    FILE_OF("score", "score"), FILE_OF("reason", "reason")))

#define PROMOTE(X)                                                                                 \
    X(INPUT, model, DHOW_MODEL, "")                                                                \
    X(TEXT, model_name, DHOW_REQUIRED, "")                                                         \
    X(TEXT, version, DHOW_REQUIRED, "")                                                            \
    X(TEXT, aliases, DHOW_REQUIRED, "")                                                            \
    X(TEXT, best, DHOW_REQUIRED, "")                                                               \
    X(TEXT, metric, DHOW_REQUIRED, "")                                                             \
    X(NUMBER, score, DHOW_REQUIRED, "")                                                            \
    X(NUMBER, threshold, DHOW_REQUIRED, "")                                                        \
    X(OUTPUT, registered, DHOW_MODEL, "") X(OUTPUT_TEXT, version_used, "", "")
DHOW_CONTAINER(promote, "Copies the model under a version and registers it", PROMOTE,
               STEP("promote", FROM("model", "model"), VALUE("model-name", "model_name"),
                    VALUE("version", "version"), VALUE("aliases", "aliases"), VALUE("best", "best"),
                    VALUE("metric", "metric"), VALUE("score", "score"),
                    VALUE("threshold", "threshold"), TO("registered", "registered"),
                    FILE_OF("version-used", "version_used")))

#define EXPORT_ONNX(X) X(INPUT, model, DHOW_MODEL, "") X(OUTPUT, onnx, DHOW_MODEL, "")
DHOW_CONTAINER(export_onnx, "The model for other programs", EXPORT_ONNX,
               STEP("export-onnx", FROM("model", "model"), TO("onnx", "onnx")))

#define MODEL_CARD(X)                                                                              \
    X(INPUT, model, DHOW_MODEL, "")                                                                \
    X(INPUT, report, DHOW_ARTIFACT, "")                                                            \
    X(TEXT, title, DHOW_REQUIRED, "")                                                              \
    X(TEXT, notes, DHOW_REQUIRED, "")                                                              \
    X(OUTPUT, card, DHOW_MARKDOWN, "") X(OUTPUT, html, DHOW_HTML, "")
DHOW_CONTAINER(model_card, "What the model is and how good, for people", MODEL_CARD,
               STEP("model-card", FROM("model", "model"), FROM("report", "report"),
                    VALUE("title", "title"), VALUE("notes", "notes"), TO("card", "card"),
                    TO("html", "html")))

#define REJECT(X)                                                                                  \
    X(TEXT, best, DHOW_REQUIRED, "")                                                               \
    X(TEXT, metric, DHOW_REQUIRED, "")                                                             \
    X(NUMBER, score, DHOW_REQUIRED, "")                                                            \
    X(NUMBER, threshold, DHOW_REQUIRED, "") X(OUTPUT_TEXT, reason, "", "")
DHOW_CONTAINER(reject, "Says why no model was promoted", REJECT,
               STEP("reject", VALUE("best", "best"), VALUE("metric", "metric"),
                    VALUE("score", "score"), VALUE("threshold", "threshold"),
                    FILE_OF("reason", "reason")))

static const struct racer {
    const char *name, *kind, *params;
} racers[] = {
    {"ridge", "logistic-regression", "{\"c\": [0.01, 0.1, 1.0, 10.0]}"},
    {"lasso", "logistic-regression", "{\"c\": [0.01, 0.1, 1.0, 10.0], \"penalty\": [\"l1\"]}"},
    {"tree", "decision-tree", "{\"max_depth\": [2, 3, 4, 6], \"min_samples_leaf\": [1, 5, 20]}"},
    {"forest", "random-forest", "{\"trees\": [100], \"max_depth\": [4, 8, 0]}"},
    {"boosting", "gradient-boosting",
     "{\"rounds\": [50, 100], \"learning_rate\": [0.05, 0.1], \"max_leaves\": [7, 31]}"},
};
enum { N_RACERS = sizeof racers / sizeof *racers };

#define MODEL_RACE(X)                                                                              \
    X(TEXT, source, "../model_selection/data/breast_cancer.csv", "")                               \
    X(TEXT, sha256, DATA_SHA256, "")                                                               \
    X(TEXT, label, "diagnosis", "")                                                                \
    X(TEXT, positive, "malignant", "")                                                             \
    X(NUMBER, test_size, "0.2", "")                                                                \
    X(INTEGER, seed, "42", "")                                                                     \
    X(TEXT, strategy, "grid", "")                                                                  \
    X(INTEGER, folds, "5", "")                                                                     \
    X(INTEGER, bootstrap, "1000", "")                                                              \
    X(TEXT, metric, "roc_auc", "")                                                                 \
    X(NUMBER, threshold, "0.95", "")                                                               \
    X(TEXT, model_name, "breast-cancer-race", "")                                                  \
    X(TEXT, version, "", "") X(TEXT, aliases, "champion", "") X(TEXT, notes, "", "")
DHOW_PIPELINE(model_race, "model-race",
              "Five kinds of model, each searched for its best options; one winner.", MODEL_RACE)
{
    struct download_data_task data =
        DHOW_RUN(download_data, .source = in->source, .sha256 = in->sha256, .label = in->label,
                 .test_size = in->test_size, .seed = in->seed);
    struct search_task found[N_RACERS];
    struct evaluate_task seen[N_RACERS];

    for (int i = 0; i < N_RACERS; i++) {
        char shown[64];

        found[i] = DHOW_RUN(search, .train = data.train, .label = in->label,
                            .positive = in->positive, .kind = dhow_v(racers[i].kind),
                            .params = dhow_v(racers[i].params), .strategy = in->strategy,
                            .folds = in->folds, .metric = in->metric, .seed = in->seed);
        (void)snprintf(shown, sizeof shown, "search-%s", racers[i].name);
        dhow_display_name(found[i], shown);
        seen[i] = DHOW_RUN(evaluate, .model = found[i].model, .test = data.test,
                           .bootstrap = in->bootstrap);
        (void)snprintf(shown, sizeof shown, "evaluate-%s", racers[i].name);
        dhow_display_name(seen[i], shown);
    }
    struct select_model_task choice = DHOW_RUN(
        select_model, .metric = in->metric, .ridge = found[0].model, .ridge_report = seen[0].report,
        .lasso = found[1].model, .lasso_report = seen[1].report, .tree = found[2].model,
        .tree_report = seen[2].report, .forest = found[3].model, .forest_report = seen[3].report,
        .boosting = found[4].model, .boosting_report = seen[4].report);

    DHOW_IF(dhow_ge(choice.score, in->threshold), "good-enough")
    {
        DHOW_RUN(promote, .model = choice.chosen, .model_name = in->model_name,
                 .version = in->version, .aliases = in->aliases, .best = choice.best,
                 .metric = in->metric, .score = choice.score, .threshold = in->threshold);
        DHOW_RUN(export_onnx, .model = choice.chosen);
        DHOW_RUN(model_card, .model = choice.chosen, .report = choice.chosen_report,
                 .title = in->model_name, .notes = in->notes);
    }
    DHOW_ELSE("not-good-enough")
    {
        DHOW_RUN(reject, .best = choice.best, .metric = in->metric, .score = choice.score,
                 .threshold = in->threshold);
    }
}

DHOW_MAIN(model_race)
