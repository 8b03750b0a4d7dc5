/* steps - the steps that the race and the sweep share. Each is `dhow component NAME`. */
#include <dhow/pipeline.h>

#define VERSION "0.1.0"
#define DATA_SHA256 "fefd0594fe431ad9205a996d0fb446ec2f093a41fbee00c6df7fcc29518b15c6"

/* The one form of a built-in step. {{$}} is KFP's executor input: it says where metadata goes. */
#define STEP(name_, ...)                                                                           \
    .name = name_, .image = "dhow/components/" name_ ":" VERSION,                                  \
    .command = {"dhow", "component", name_}, .args = {"--executor-input", "{{$}}", __VA_ARGS__}

/* A step's argument is called as its input, with '-' for '_'. */
#define VALUE(option_, name_) "--" option_, DHOW_VALUE(name_)
#define FROM(option_, name_) "--" option_, DHOW_INPUT_PATH(name_)
#define TO(option_, name_) "--" option_, DHOW_OUTPUT_PATH(name_)
#define FILE_OF(option_, name_) "--" option_, DHOW_OUTPUT_FILE(name_)

#define DOWNLOAD_DATA(X)                                                                           \
    X(TEXT, source, DHOW_REQUIRED, "")                                                             \
    X(TEXT, sha256, DHOW_REQUIRED, "")                                                             \
    X(TEXT, label, DHOW_REQUIRED, "")                                                              \
    X(NUMBER, test_size, DHOW_REQUIRED, "")                                                        \
    X(INTEGER, seed, DHOW_REQUIRED, "")                                                            \
    X(OUTPUT, train, DHOW_DATASET, "") X(OUTPUT, test, DHOW_DATASET, "")
DHOW_CONTAINER(download_data, "Fetches the CSV, checks its SHA-256, and splits it", DOWNLOAD_DATA,
               STEP("download-data", VALUE("source", "source"), VALUE("sha256", "sha256"),
                    VALUE("label", "label"), VALUE("test-size", "test_size"), VALUE("seed", "seed"),
                    TO("train", "train"), TO("test", "test")))

#define EVALUATE(X)                                                                                \
    X(INPUT, model, DHOW_MODEL, "")                                                                \
    X(INPUT, test, DHOW_DATASET, "")                                                               \
    X(INTEGER, bootstrap, DHOW_REQUIRED, "")                                                       \
    X(OUTPUT, metrics, DHOW_METRICS, "")                                                           \
    X(OUTPUT, classification, DHOW_CLASSIFICATION_METRICS, "")                                     \
    X(OUTPUT, report, DHOW_ARTIFACT, "")
DHOW_CONTAINER(evaluate, "Metrics with 95 % intervals, confusion matrix, curves, calibration",
               EVALUATE,
               STEP("evaluate", FROM("model", "model"), FROM("test", "test"),
                    VALUE("bootstrap", "bootstrap"), TO("metrics", "metrics"),
                    TO("classification", "classification"), TO("report", "report")))
