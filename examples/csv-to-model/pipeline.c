/* csv-to-model - a CSV becomes a model that is measured on rows it has not seen.
 *
 *     dhow compile examples/csv-to-model/pipeline.c -o csv.yaml
 *     dhow run csv.yaml -p source=$PWD/pipelines/model_selection/data/breast_cancer.csv -p
 * label=diagnosis */
#include <dhow/pipeline.h>

#define STEP(name_, ...)                                                                           \
    .image = "dhow/components/" name_ ":0.1.0", .command = {"dhow", "component", name_},           \
    .args = {"--executor-input", "{{$}}", __VA_ARGS__}

#define DOWNLOAD(X)                                                                                \
    X(TEXT, source, DHOW_REQUIRED, "a path or an address")                                         \
    X(TEXT, label, DHOW_REQUIRED, "the column that is learned")                                    \
    X(OUTPUT, train, DHOW_DATASET, "most rows")                                                    \
    X(OUTPUT, test, DHOW_DATASET, "the others")
DHOW_CONTAINER(download, "Reads the CSV and splits it", DOWNLOAD,
               STEP("download-data", "--source", DHOW_VALUE("source"), "--label",
                    DHOW_VALUE("label"), "--train", DHOW_OUTPUT_PATH("train"), "--test",
                    DHOW_OUTPUT_PATH("test")))

#define TRAIN(X)                                                                                   \
    X(INPUT, train, DHOW_DATASET, "rows to learn from")                                            \
    X(TEXT, label, DHOW_REQUIRED, "the column that is learned")                                    \
    X(OUTPUT, model, DHOW_MODEL, "the model, as JSON")
DHOW_CONTAINER(train, "Logistic regression", TRAIN,
               STEP("train-logistic-regression", "--train", DHOW_INPUT_PATH("train"), "--label",
                    DHOW_VALUE("label"), "--model", DHOW_OUTPUT_PATH("model")))

#define EVALUATE(X)                                                                                \
    X(INPUT, model, DHOW_MODEL, "the model")                                                       \
    X(INPUT, test, DHOW_DATASET, "rows that it has not seen")                                      \
    X(OUTPUT, metrics, DHOW_METRICS, "accuracy and the like")                                      \
    X(OUTPUT, classification, DHOW_CLASSIFICATION_METRICS, "confusion matrix and ROC curve")
DHOW_CONTAINER(evaluate, "Measures the model", EVALUATE,
               STEP("evaluate", "--model", DHOW_INPUT_PATH("model"), "--test",
                    DHOW_INPUT_PATH("test"), "--metrics", DHOW_OUTPUT_PATH("metrics"),
                    "--classification", DHOW_OUTPUT_PATH("classification")))

#define INPUTS(X)                                                                                  \
    X(TEXT, source, DHOW_REQUIRED, "a CSV: a path or an address")                                  \
    X(TEXT, label, DHOW_REQUIRED, "the column that is learned")                                    \
    X(OUTPUT, model, DHOW_MODEL, "the model")
DHOW_PIPELINE(csv_to_model, "csv-to-model", "A CSV becomes a model that is measured", INPUTS)
{
    struct download_task rows = DHOW_RUN(download, .source = in->source, .label = in->label);
    struct train_task fit = DHOW_RUN(train, .train = rows.train, .label = in->label);

    DHOW_RUN(evaluate, .model = fit.model, .test = rows.test);
    out->model = fit.model;
}
DHOW_MAIN(csv_to_model)
