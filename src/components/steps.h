#pragma once
/* steps - the built-in components' descriptions, one a file of this folder, and what they share. */
#include "components/step.h"
#include "dhow/ml.h"

extern const struct step_spec step_download_data, step_train_logistic_regression,
    step_train_decision_tree, step_train_random_forest, step_train_gradient_boosting, step_evaluate,
    step_predict, step_export_onnx, step_search, step_model_card, step_draw_tree, step_select_model,
    step_promote, step_reject, step_gate;

/* Fetches a source (a path, file://, http://, https://, or an object of a bucket) whole; *ret is
 * malloc'ed, *ret_n its bytes. A relative path is looked for in the pipeline's folder, then where
 * the run was started, then here. */
int source_fetch(const char *source, char **ret, size_t *ret_n, struct dh_err *err);

/* "a,b" as a NULL-ended list in one block (free); NULL for "". */
const char **step_list(const char *text);
/* Writes bytes to an output's path, its folder made where it is missing. */
int step_write(const char *path, const void *bytes, size_t n, struct dh_err *err);
/* Says how far learning is, once a second from the first second on; the step's. */
const struct ml_progress *step_progress(const struct step *s);
/* How a step's CSV is written; what the pipeline's own steps write needs none of it. */
#define CSV_ARGS                                                                                   \
    {"delimiter", STEP_TEXT, .other = ",", .help = "the character between fields; tab for a tab"}, \
        {"header", STEP_BOOL, .other = "true",                                                     \
         .help = "the first row names the columns; else they are column_1, column_2, …"},          \
        {"missing", STEP_TEXT, .other = "",                                                        \
         .help = "texts that mean a missing value, besides the empty one, with commas between; "   \
                 "else NA, N/A, NaN, null, None, …"},                                              \
    {                                                                                              \
        "types", STEP_TEXT,                                                                        \
            .other = "",                                                                           \
            .help =                                                                                \
                "types that are not to be inferred: COLUMN=number, boolean, date or category, "    \
                "with commas between"                                                              \
    }
/* The CSV in the file of the input `name`, read as CSV_ARGS say. Where there is a model, its texts
 * are read as texts. */
int step_csv_read(const struct step *s, const char *name, const struct ml_model *model,
                  struct ml_frame **ret, struct dh_err *err);
/* The same from bytes, with keep_rows; `name` is what messages call it. */
int step_csv_parse(const struct step *s, const char *bytes, size_t n, const char *name,
                   struct ml_frame **ret, struct dh_err *err);
/* A metric of evaluate's report (neg_X: its negative). DH_INVALID: it has none of that name. */
int report_score(const char *path, const char *metric, double *ret, struct dh_err *err);
/* How likely so great a difference between two models is if both err equally often (McNemar); < 0
 * where the reports do not say which rows were right, or are of different ones. */
double report_noise(const char *path_a, const char *path_b);
/* Metrics by name as they are written and chosen by. True: a smaller one is better. */
bool metric_is_loss(const char *name);
