/* The model-selection pipeline in C: the same spec as pipeline.py makes.
 *
 *     dhow compile pipelines/model_selection/pipeline.c -o pipeline.yaml
 *
 * Each table says what a step takes and gives; the steps themselves are `dhow component NAME`. */
#include <dhow/pipeline.h>

#define VERSION "0.1.0"

/* The one form of a built-in step. {{$}} is KFP's executor input: it says where metadata goes. */
#define STEP(name_, ...)                                                                           \
    .name = name_, .image = "dhow/components/" name_ ":" VERSION,                                  \
    .command = {"dhow", "component", name_}, .args = {"--executor-input", "{{$}}", __VA_ARGS__}

#define DOWNLOAD_DATA(X)                                                                           \
    X(TEXT, source, DHOW_REQUIRED, "")                                                             \
    X(TEXT, sha256, DHOW_REQUIRED, "")                                                             \
    X(TEXT, label, DHOW_REQUIRED, "")                                                              \
    X(NUMBER, test_size, DHOW_REQUIRED, "")                                                        \
    X(INTEGER, seed, DHOW_REQUIRED, "")                                                            \
    X(OUTPUT, train, DHOW_DATASET, "")                                                             \
    X(OUTPUT, test, DHOW_DATASET, "")
DHOW_CONTAINER(download_data, "Fetches the CSV, checks its SHA-256, and splits it", DOWNLOAD_DATA,
               STEP("download-data", "--source", DHOW_VALUE("source"), "--sha256",
                    DHOW_VALUE("sha256"), "--label", DHOW_VALUE("label"), "--test-size",
                    DHOW_VALUE("test_size"), "--seed", DHOW_VALUE("seed"), "--train",
                    DHOW_OUTPUT_PATH("train"), "--test", DHOW_OUTPUT_PATH("test")))

#define TRAIN_LOGISTIC_REGRESSION(X)                                                               \
    X(INPUT, train, DHOW_DATASET, "")                                                              \
    X(TEXT, label, DHOW_REQUIRED, "")                                                              \
    X(TEXT, positive, DHOW_REQUIRED, "")                                                           \
    X(NUMBER, c, DHOW_REQUIRED, "")                                                                \
    X(OUTPUT, model, DHOW_MODEL, "")
DHOW_CONTAINER(train_logistic_regression, "Logistic regression on standardised features",
               TRAIN_LOGISTIC_REGRESSION,
               STEP("train-logistic-regression", "--train", DHOW_INPUT_PATH("train"), "--label",
                    DHOW_VALUE("label"), "--positive", DHOW_VALUE("positive"), "--c",
                    DHOW_VALUE("c"), "--model", DHOW_OUTPUT_PATH("model")))

#define TRAIN_DECISION_TREE(X)                                                                     \
    X(INPUT, train, DHOW_DATASET, "")                                                              \
    X(TEXT, label, DHOW_REQUIRED, "")                                                              \
    X(TEXT, positive, DHOW_REQUIRED, "")                                                           \
    X(INTEGER, max_depth, DHOW_REQUIRED, "")                                                       \
    X(OUTPUT, model, DHOW_MODEL, "")
DHOW_CONTAINER(train_decision_tree, "A CART decision tree", TRAIN_DECISION_TREE,
               STEP("train-decision-tree", "--train", DHOW_INPUT_PATH("train"), "--label",
                    DHOW_VALUE("label"), "--positive", DHOW_VALUE("positive"), "--max-depth",
                    DHOW_VALUE("max_depth"), "--model", DHOW_OUTPUT_PATH("model")))

#define EVALUATE(X)                                                                                \
    X(INPUT, model, DHOW_MODEL, "")                                                                \
    X(INPUT, test, DHOW_DATASET, "")                                                               \
    X(OUTPUT, metrics, DHOW_METRICS, "")                                                           \
    X(OUTPUT, classification, DHOW_CLASSIFICATION_METRICS, "")                                     \
    X(OUTPUT, report, DHOW_ARTIFACT, "")
DHOW_CONTAINER(evaluate, "Accuracy, precision, recall, F1, ROC AUC, log loss", EVALUATE,
               STEP("evaluate", "--model", DHOW_INPUT_PATH("model"), "--test",
                    DHOW_INPUT_PATH("test"), "--metrics", DHOW_OUTPUT_PATH("metrics"),
                    "--classification", DHOW_OUTPUT_PATH("classification"), "--report",
                    DHOW_OUTPUT_PATH("report")))

#define SELECT_MODEL(X)                                                                            \
    X(TEXT, metric, DHOW_REQUIRED, "")                                                             \
    X(INPUT, logistic_regression, DHOW_MODEL, "")                                                  \
    X(INPUT, logistic_regression_report, DHOW_ARTIFACT, "")                                        \
    X(INPUT, decision_tree, DHOW_MODEL, "")                                                        \
    X(INPUT, decision_tree_report, DHOW_ARTIFACT, "")                                              \
    X(OUTPUT, chosen, DHOW_MODEL, "")                                                              \
    X(OUTPUT_TEXT, best, "", "")                                                                   \
    X(OUTPUT_NUMBER, score, "", "")                                                                \
    X(OUTPUT_TEXT, reason, "", "")
DHOW_CONTAINER(select_model, "The better model by one metric", SELECT_MODEL,
               STEP("select-model", "--metric", DHOW_VALUE("metric"), "--candidate",
                    "logistic-regression", "--report",
                    DHOW_INPUT_PATH("logistic_regression_report"), "--model",
                    DHOW_INPUT_PATH("logistic_regression"), "--candidate", "decision-tree",
                    "--report", DHOW_INPUT_PATH("decision_tree_report"), "--model",
                    DHOW_INPUT_PATH("decision_tree"), "--chosen", DHOW_OUTPUT_PATH("chosen"),
                    "--best", DHOW_OUTPUT_FILE("best"), "--score", DHOW_OUTPUT_FILE("score"),
                    "--reason", DHOW_OUTPUT_FILE("reason")))

#define PROMOTE(X)                                                                                 \
    X(INPUT, model, DHOW_MODEL, "")                                                                \
    X(TEXT, model_name, DHOW_REQUIRED, "")                                                         \
    X(TEXT, version, DHOW_REQUIRED, "")                                                            \
    X(TEXT, aliases, DHOW_REQUIRED, "")                                                            \
    X(TEXT, best, DHOW_REQUIRED, "")                                                               \
    X(TEXT, metric, DHOW_REQUIRED, "")                                                             \
    X(NUMBER, score, DHOW_REQUIRED, "")                                                            \
    X(NUMBER, threshold, DHOW_REQUIRED, "")                                                        \
    X(OUTPUT, registered, DHOW_MODEL, "")                                                          \
    X(OUTPUT_TEXT, version_used, "", "")
DHOW_CONTAINER(promote, "Copies the model under a version and registers it", PROMOTE,
               STEP("promote", "--model", DHOW_INPUT_PATH("model"), "--model-name",
                    DHOW_VALUE("model_name"), "--version", DHOW_VALUE("version"), "--aliases",
                    DHOW_VALUE("aliases"), "--best", DHOW_VALUE("best"), "--metric",
                    DHOW_VALUE("metric"), "--score", DHOW_VALUE("score"), "--threshold",
                    DHOW_VALUE("threshold"), "--registered", DHOW_OUTPUT_PATH("registered"),
                    "--version-used", DHOW_OUTPUT_FILE("version_used")))

#define REJECT(X)                                                                                  \
    X(TEXT, best, DHOW_REQUIRED, "")                                                               \
    X(TEXT, metric, DHOW_REQUIRED, "")                                                             \
    X(NUMBER, score, DHOW_REQUIRED, "")                                                            \
    X(NUMBER, threshold, DHOW_REQUIRED, "")                                                        \
    X(OUTPUT_TEXT, reason, "", "")
DHOW_CONTAINER(reject, "Says why no model was promoted", REJECT,
               STEP("reject", "--best", DHOW_VALUE("best"), "--metric", DHOW_VALUE("metric"),
                    "--score", DHOW_VALUE("score"), "--threshold", DHOW_VALUE("threshold"),
                    "--reason", DHOW_OUTPUT_FILE("reason")))

#define MODEL_SELECTION(X)                                                                         \
    X(TEXT, source, "data/breast_cancer.csv", "")                                                  \
    X(TEXT, sha256, "fefd0594fe431ad9205a996d0fb446ec2f093a41fbee00c6df7fcc29518b15c6", "")        \
    X(TEXT, label, "diagnosis", "")                                                                \
    X(TEXT, positive, "malignant", "")                                                             \
    X(NUMBER, test_size, "0.2", "")                                                                \
    X(INTEGER, seed, "42", "")                                                                     \
    X(NUMBER, c, "1.0", "")                                                                        \
    X(INTEGER, max_depth, "3", "")                                                                 \
    X(TEXT, metric, "accuracy", "")                                                                \
    X(NUMBER, threshold, "0.9", "")                                                                \
    X(TEXT, model_name, "breast-cancer", "")                                                       \
    X(TEXT, version, "", "")                                                                       \
    X(TEXT, aliases, "champion", "")

DHOW_PIPELINE(model_selection, "model-selection",
              "Two models side by side, the better one through a gate.", MODEL_SELECTION)
{
    struct download_data_task data =
        DHOW_RUN(download_data, .source = in->source, .sha256 = in->sha256, .label = in->label,
                 .test_size = in->test_size, .seed = in->seed);
    struct train_logistic_regression_task regression =
        DHOW_RUN(train_logistic_regression, .train = data.train, .label = in->label,
                 .positive = in->positive, .c = in->c);
    struct train_decision_tree_task tree =
        DHOW_RUN(train_decision_tree, .train = data.train, .label = in->label,
                 .positive = in->positive, .max_depth = in->max_depth);
    struct evaluate_task regression_score =
        DHOW_RUN(evaluate, .model = regression.model, .test = data.test);
    struct evaluate_task tree_score = DHOW_RUN(evaluate, .model = tree.model, .test = data.test);
    struct select_model_task choice =
        DHOW_RUN(select_model, .metric = in->metric, .logistic_regression = regression.model,
                 .logistic_regression_report = regression_score.report, .decision_tree = tree.model,
                 .decision_tree_report = tree_score.report);

    dhow_display_name(regression_score, "evaluate-logistic-regression");
    dhow_display_name(tree_score, "evaluate-decision-tree");
    DHOW_IF(dhow_ge(choice.score, in->threshold), "good-enough")
    {
        DHOW_RUN(promote, .model = choice.chosen, .model_name = in->model_name,
                 .version = in->version, .aliases = in->aliases, .best = choice.best,
                 .metric = in->metric, .score = choice.score, .threshold = in->threshold);
    }
    DHOW_ELSE("not-good-enough")
    {
        DHOW_RUN(reject, .best = choice.best, .metric = in->metric, .score = choice.score,
                 .threshold = in->threshold);
    }
}

DHOW_MAIN(model_selection)
