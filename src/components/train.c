/* train - the trainers: a table in, a model out. */
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "components/steps.h"

#define TASK_ARGS                                                                                  \
    {"train", STEP_INPUT, .type = "system.Dataset", .help = "the rows to learn from, as CSV"},     \
        CSV_ARGS, {"label", STEP_TEXT, .help = "the column to predict"},                           \
        {"positive", STEP_TEXT, .other = "",                                                       \
         .help = "of two classes, the one that scores speak of; else the last"},                   \
        {"weight", STEP_TEXT, .other = "", .help = "a column of sample weights"},                  \
        {"drop", STEP_TEXT, .other = "", .help = "columns to leave out, with commas between"},     \
        {"class-weight", STEP_TEXT, .other = "none",                                               \
         .help = "none, balanced, or JSON: class -> weight, 1 for those not named"},               \
        {"impute", STEP_TEXT, .other = "mean",                                                     \
         .help = "mean, median, most-frequent or none: what missing values become"},               \
        {"seed", STEP_INTEGER, .other = "0", .help = "of whatever is drawn by chance"},            \
        {"threads", STEP_COUNT, .other = "0", .help = "0: as many as there are cores"},            \
    {                                                                                              \
        "model", STEP_OUTPUT, .type = "system.Model", .help = "the model, as JSON"                 \
    }

static int choice(const struct step *s, const char *name, const char *const *names,
                  struct dh_err *err)
{
    own_mem char *all = dh_strdup("");
    for (int i = 0; names[i]; i++) {
        if (strcmp(names[i], step_text(s, name)) == 0)
            return i;
        char *more = dh_printf("%s%s%s", all, i ? ", " : "", names[i]);
        free(all);
        all = more;
    }
    return dh_fail(err, DH_INVALID, "--%s '%s' is none of: %s", name, step_text(s, name), all);
}

struct training {
    struct ml_task task;
    struct ml_frame *frame;
    const char **drop;
    struct js *weights; /* names of class_weights are borrowed from here */
    struct ml_class_weight *class_weights;
    struct ml_model *model;
};

static int take_class_weights(const struct step *s, struct training *t, struct dh_err *err)
{
    static const char *const words[] = {"none", "balanced", NULL};
    const char *text = step_text(s, "class-weight");
    if (*text != '{') {
        int word = choice(s, "class-weight", words, err);
        t->task.balanced = word == 1;
        return word < 0 ? -1 : 0;
    }
    if (js_parse(text, strlen(text), &t->weights, err) < 0)
        return dh_while(err, "--class-weight");
    t->class_weights = dh_zalloc(js_n(t->weights) + 1, sizeof *t->class_weights);
    for (js_each(t->weights, it)) {
        if (!js_is_num(it.value))
            return dh_fail(err, DH_INVALID, "--class-weight: the weight of '%s' is no number",
                           it.key);
        t->class_weights[t->task.n_class_weights++] =
            (struct ml_class_weight){it.key, js_as_num(it.value, 0)};
    }
    t->task.class_weights = t->class_weights;
    return 0;
}

static int open_task(const struct step *s, struct training *t, struct dh_err *err)
{
    static const char *const imputes[] = {"mean", "median", "most-frequent", "none", NULL};
    int impute = choice(s, "impute", imputes, err);
    if (impute < 0 || step_csv_read(s, "train", NULL, &t->frame, err) < 0)
        return -1;
    t->drop = step_list(step_text(s, "drop"));
    t->task =
        (struct ml_task){.frame = t->frame,
                         .target = step_text(s, "label"),
                         .positive = step_given(s, "positive") ? step_text(s, "positive") : NULL,
                         .weight = step_given(s, "weight") ? step_text(s, "weight") : NULL,
                         .drop = t->drop,
                         .impute = (enum ml_impute)impute,
                         .seed = (uint64_t)step_integer(s, "seed"),
                         .threads = (unsigned)step_integer(s, "threads"),
                         .progress = step_progress(s)};
    return take_class_weights(s, t, err);
}

static int write_model(struct step *s, const struct training *t, struct dh_err *err)
{
    const struct js *training = ml_model_training(t->model);
    step_metadata(s, "model", "framework", js_str("dhow"));
    step_metadata(s, "model", "format", js_str("dhow.model"));
    step_metadata(s, "model", "kind", js_str(ml_model_kind(t->model)));
    step_metadata(s, "model", "label", js_str(ml_model_target(t->model)));
    for (js_each(training, it))
        if (js_kind(it.value) != JS_OBJECT)
            step_metadata(s, "model", it.key, js_ref(it.value));
    step_say(s, "%s on %lld rows", ml_model_kind(t->model),
             (long long)js_get_int(training, "rows", 0));
    if (js_get(training, "converged") && !js_get_bool(training, "converged"))
        step_say(s, "warning: did not converge: after %lld iterations the gradient norm is %g",
                 (long long)js_get_int(training, "iterations", 0),
                 js_as_num(js_get(training, "gradient_norm"), 0));
    if (step_write(step_path(s, "model"), "", 0, err) < 0) /* makes the folder, or says why not */
        return -1;
    return ml_model_write_json(t->model, step_path(s, "model"), err);
}

static void close_task(struct training *t)
{
    ml_model_free(t->model);
    ml_frame_free(t->frame);
    js_free(t->weights);
    free(t->class_weights);
    free(t->drop);
}

/* ---- logistic regression ---- */

static const struct step_arg logreg_args[] = {
    TASK_ARGS,
    {"encode", STEP_TEXT, .other = "one-hot",
     .help = "what texts become: one-hot (a column a level) or ordinal (the level's place)"},
    {"c", STEP_NUMBER, .other = "1.0",
     .help = "inverse strength of the penalty, as in scikit-learn"},
    {"penalty", STEP_TEXT, .other = "l2", .help = "l2, l1, elastic-net or none"},
    {"l1-ratio", STEP_NUMBER, .other = "0.5", .help = "the L1 share of elastic-net"},
    {"solver", STEP_TEXT, .other = "auto", .help = "auto, newton, lbfgs or coordinate"},
    {"max-iter", STEP_COUNT, .other = "0", .help = "steps at most; 0: the solver's usual bound"},
    {"tol", STEP_NUMBER, .other = "0",
     .help = "gradient over the rows' weight to stop at; 0: 1e-10"},
    {0}};

static int run_logreg(struct step *s, struct dh_err *err)
{
    static const char *const penalties[] = {"l2", "l1", "elastic-net", "none", NULL};
    static const char *const solvers[] = {"auto", "newton", "lbfgs", "coordinate", NULL};
    static const char *const encodings[] = {"one-hot", "ordinal", NULL};
    struct training t = {0};
    int penalty = choice(s, "penalty", penalties, err),
        solver = penalty < 0 ? -1 : choice(s, "solver", solvers, err),
        encode = solver < 0 ? -1 : choice(s, "encode", encodings, err);
    if (encode < 0)
        return -1;
    struct ml_logreg_options o = {.c = step_number(s, "c"),
                                  .penalty = (enum ml_penalty)penalty,
                                  .l1_ratio = step_number(s, "l1-ratio"),
                                  .solver = (enum ml_solver)solver,
                                  .tol = step_number(s, "tol"),
                                  .max_iter = (unsigned)step_integer(s, "max-iter")};
    int rc = o.c > 0 ? 0 : dh_fail(err, DH_INVALID, "--c is %g: it must be above 0", o.c);
    if (rc == 0)
        rc = open_task(s, &t, err);
    t.task.encode = (enum ml_encode)encode;
    if (rc == 0)
        rc = ml_train_logreg(&t.task, &o, &t.model, err);
    if (rc == 0)
        rc = write_model(s, &t, err);
    close_task(&t);
    return rc;
}

const struct step_spec step_train_logistic_regression = {
    "train-logistic-regression", "Trains a logistic regression on standardised features", NULL,
    logreg_args, run_logreg};

/* ---- decision tree ---- */

#define TREE_ARGS                                                                                  \
    {"max-depth", STEP_COUNT, .other = "0", .help = "0: no bound"},                                \
        {"max-leaves", STEP_COUNT, .other = "0", .help = "0: no bound (boosting: 31)"},            \
        {"min-samples-leaf", STEP_COUNT, .other = "0",                                             \
         .help = "rows that a leaf needs; 0: 1 (boosting: 20)"},                                   \
    {                                                                                              \
        "regression", STEP_BOOL, .other = "false", .help = "the label is a number to predict"      \
    }

static const struct step_arg tree_args[] = {
    TASK_ARGS,
    TREE_ARGS,
    {"criterion", STEP_TEXT, .other = "gini",
     .help = "gini or entropy; a regression uses the squared error"},
    {"min-samples-split", STEP_COUNT, .other = "2", .help = "rows that a node needs to be split"},
    {"min-impurity-decrease", STEP_NUMBER, .other = "0", .help = "what a split must gain"},
    {"ccp-alpha", STEP_NUMBER, .other = "0", .help = "cost-complexity pruning: cost of a leaf"},
    {"histogram", STEP_BOOL, .other = "false",
     .help = "splits at 254 quantiles instead of exactly"},
    {0}};

static int run_tree(struct step *s, struct dh_err *err)
{
    static const char *const criteria[] = {"gini", "entropy", NULL};
    struct training t = {0};
    int criterion = choice(s, "criterion", criteria, err);
    if (criterion < 0)
        return -1;
    bool regression = step_bool(s, "regression");
    struct ml_tree_options o = {.max_depth = (unsigned)step_integer(s, "max-depth"),
                                .max_leaves = (unsigned)step_integer(s, "max-leaves"),
                                .criterion = regression       ? ML_SQUARED_ERROR
                                             : criterion == 0 ? ML_GINI
                                                              : ML_ENTROPY,
                                .min_samples_split = (size_t)step_integer(s, "min-samples-split"),
                                .min_samples_leaf = (size_t)step_integer(s, "min-samples-leaf"),
                                .ccp_alpha = step_number(s, "ccp-alpha"),
                                .histogram = step_bool(s, "histogram"),
                                .min_impurity_decrease = step_number(s, "min-impurity-decrease")};
    int rc = open_task(s, &t, err);
    t.task.regression = regression;
    if (rc == 0)
        rc = ml_train_tree(&t.task, &o, &t.model, err);
    if (rc == 0)
        rc = write_model(s, &t, err);
    close_task(&t);
    return rc;
}

const struct step_spec step_train_decision_tree = {
    "train-decision-tree", "Trains a CART decision tree", NULL, tree_args, run_tree};

/* ---- forest ---- */

static const struct step_arg forest_args[] = {
    TASK_ARGS,
    TREE_ARGS,
    {"trees", STEP_COUNT, .other = "100", .help = "how many; 0: 100"},
    {"max-features", STEP_COUNT, .other = "0",
     .help = "tried at each split; 0: the square root of all"},
    {0}};

static int run_forest(struct step *s, struct dh_err *err)
{
    struct training t = {0};
    struct ml_forest_options o = {.trees = (unsigned)step_integer(s, "trees"),
                                  .max_depth = (unsigned)step_integer(s, "max-depth"),
                                  .max_leaves = (unsigned)step_integer(s, "max-leaves"),
                                  .min_samples_leaf = (size_t)step_integer(s, "min-samples-leaf"),
                                  .max_features = (size_t)step_integer(s, "max-features")};
    int rc = open_task(s, &t, err);
    t.task.regression = step_bool(s, "regression");
    if (rc == 0)
        rc = ml_train_forest(&t.task, &o, &t.model, err);
    if (rc == 0)
        rc = write_model(s, &t, err);
    close_task(&t);
    return rc;
}

const struct step_spec step_train_random_forest = {"train-random-forest", "Trains a random forest",
                                                   NULL, forest_args, run_forest};

/* ---- boosting ---- */

static const struct step_arg boost_args[] = {
    TASK_ARGS,
    TREE_ARGS,
    {"rounds", STEP_COUNT, .other = "100",
     .help = "trees, for each class where there are more than two"},
    {"learning-rate", STEP_NUMBER, .other = "0.1", .help = "how much of each tree is used"},
    {"l2", STEP_NUMBER, .other = "0", .help = "penalty on the leaves' values"},
    {0}};

static int run_boost(struct step *s, struct dh_err *err)
{
    struct training t = {0};
    if (!(step_number(s, "learning-rate") > 0))
        return dh_fail(err, DH_INVALID, "--learning-rate is %g: it must be above 0",
                       step_number(s, "learning-rate"));
    struct ml_boost_options o = {.rounds = (unsigned)step_integer(s, "rounds"),
                                 .learning_rate = step_number(s, "learning-rate"),
                                 .max_depth = (unsigned)step_integer(s, "max-depth"),
                                 .max_leaves = (unsigned)step_integer(s, "max-leaves"),
                                 .min_samples_leaf = (size_t)step_integer(s, "min-samples-leaf"),
                                 .l2 = step_number(s, "l2")};
    int rc = open_task(s, &t, err);
    t.task.regression = step_bool(s, "regression");
    if (rc == 0)
        rc = ml_train_boosting(&t.task, &o, &t.model, err);
    if (rc == 0)
        rc = write_model(s, &t, err);
    close_task(&t);
    return rc;
}

const struct step_spec step_train_gradient_boosting = {
    "train-gradient-boosting", "Trains gradient-boosted trees", NULL, boost_args, run_boost};
