/* The regularisation sweep in C: the same spec as sweep.py makes. */
#include "steps.h"

#define TRAIN(X)                                                                                   \
    X(INPUT, train, DHOW_DATASET, "")                                                              \
    X(TEXT, label, DHOW_REQUIRED, "")                                                              \
    X(TEXT, positive, DHOW_REQUIRED, "")                                                           \
    X(NUMBER, c, DHOW_REQUIRED, "") X(OUTPUT, model, DHOW_MODEL, "")
DHOW_CONTAINER(train_logistic_regression, "Logistic regression on standardised features", TRAIN,
               STEP("train-logistic-regression", FROM("train", "train"), VALUE("label", "label"),
                    VALUE("positive", "positive"), VALUE("c", "c"), TO("model", "model")))

#define SWEEP(X)                                                                                   \
    X(LIST, values, "[0.01, 0.1, 1.0, 10.0]", "")                                                  \
    X(TEXT, source, "../model_selection/data/breast_cancer.csv", "")                               \
    X(TEXT, sha256, DATA_SHA256, "")                                                               \
    X(TEXT, label, "diagnosis", "")                                                                \
    X(TEXT, positive, "malignant", "") X(NUMBER, test_size, "0.2", "") X(INTEGER, seed, "42", "")
DHOW_PIPELINE(sweep, "regularisation-sweep", "One model for each strength of the penalty.", SWEEP)
{
    struct download_data_task data =
        DHOW_RUN(download_data, .source = in->source, .sha256 = in->sha256, .label = in->label,
                 .test_size = in->test_size, .seed = in->seed);

    DHOW_FOR(c, dhow_list_of(in->values, "number"), 0, "each-c")
    {
        struct train_logistic_regression_task fit =
            DHOW_RUN(train_logistic_regression, .train = data.train, .label = in->label,
                     .positive = in->positive, .c = c);

        DHOW_RUN(evaluate, .model = fit.model, .test = data.test, .bootstrap = dhow_v(0));
    }
}

DHOW_MAIN(sweep)
