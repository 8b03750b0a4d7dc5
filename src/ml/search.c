/* search - training by name, k-fold cross-validation, and the search for good options: all
 * combinations, some by chance (Bergstra and Bengio 2012), or successive halving (Jamieson and
 * Talwalkar 2016). */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/js.h"
#include "base/mem.h"
#include "dhow/ml.h"
#include "ml/model-priv.h"
#include "ml/rng.h"

enum { MAX_TRIALS = 10000, HALVING = 3, LEAST_ROWS = 60 };

/* ---- training by name ---- */

struct option {
    const char *name;
    double *number;
    unsigned *count;
    size_t *size;
    bool *flag;
};

static int read_option(const struct option *o, const struct js *v, struct dh_err *err)
{
    if (o->flag) {
        if (!js_is(v, JS_BOOL))
            return dh_fail(err, DH_INVALID, "option '%s' must be true or false", o->name);
        *o->flag = js_truth(v);
        return 0;
    }
    if (!js_is_num(v))
        return dh_fail(err, DH_INVALID, "option '%s' must be a number, not a %s", o->name,
                       js_kind_name(v));
    double d = js_as_num(v, 0);
    if (o->number) {
        *o->number = d;
        return 0;
    }
    if (d < 0 || d > 1e9 || d != floor(d))
        return dh_fail(err, DH_INVALID, "option '%s' is %g: it must be a whole number from 0",
                       o->name, d);
    if (o->count)
        *o->count = (unsigned)d;
    else
        *o->size = (size_t)d;
    return 0;
}

/* Those of params that are in the table; `words` are handled by the caller. */
static int read_options(const struct js *params, const struct option *table,
                        const char *const *words, struct dh_err *err)
{
    for (js_each(params, it)) {
        const struct option *o = table;
        const char *const *w = words;
        while (o->name && strcmp(o->name, it.key) != 0)
            o++;
        while (*w && strcmp(*w, it.key) != 0)
            w++;
        if (!o->name && !*w)
            return dh_fail(err, DH_INVALID, "unknown option '%s' for this kind of model", it.key);
        if (o->name && read_option(o, it.value, err) < 0)
            return -1;
    }
    return 0;
}

static int read_word(const struct js *params, const char *name, const char *const *names,
                     struct dh_err *err)
{
    const struct js *v = js_get(params, name);
    for (int i = 0; v && names[i]; i++)
        if (js_text(v) && strcmp(js_text(v), names[i]) == 0)
            return i;
    if (!v)
        return 0;
    return dh_fail(err, DH_INVALID, "option '%s' is none of its values (the first is '%s')", name,
                   names[0]);
}

static int train_logreg(const struct ml_task *t, const struct js *p, struct ml_model **ret,
                        struct dh_err *err)
{
    static const char *const penalties[] = {"l2", "l1", "elastic-net", "none", NULL};
    static const char *const words[] = {"penalty", NULL};
    struct ml_logreg_options o = {.c = 1, .l1_ratio = 0.5};
    const struct option table[] = {{"c", .number = &o.c},
                                   {"l1_ratio", .number = &o.l1_ratio},
                                   {"max_iter", .count = &o.max_iter},
                                   {0}};
    int penalty = read_word(p, "penalty", penalties, err);
    if (penalty < 0 || read_options(p, table, words, err) < 0)
        return -1;
    o.penalty = (enum ml_penalty)penalty;
    return ml_train_logreg(t, &o, ret, err);
}

static int train_tree(const struct ml_task *t, const struct js *p, struct ml_model **ret,
                      struct dh_err *err)
{
    static const char *const criteria[] = {"gini", "entropy", NULL};
    static const char *const words[] = {"criterion", NULL};
    struct ml_tree_options o = {0};
    const struct option table[] = {{"max_depth", .count = &o.max_depth},
                                   {"max_leaves", .count = &o.max_leaves},
                                   {"min_samples_leaf", .size = &o.min_samples_leaf},
                                   {"min_samples_split", .size = &o.min_samples_split},
                                   {"ccp_alpha", .number = &o.ccp_alpha},
                                   {"min_impurity_decrease", .number = &o.min_impurity_decrease},
                                   {"histogram", .flag = &o.histogram},
                                   {0}};
    int criterion = read_word(p, "criterion", criteria, err);
    if (criterion < 0 || read_options(p, table, words, err) < 0)
        return -1;
    o.criterion = t->regression ? ML_SQUARED_ERROR : criterion ? ML_ENTROPY : ML_GINI;
    return ml_train_tree(t, &o, ret, err);
}

static int train_forest(const struct ml_task *t, const struct js *p, struct ml_model **ret,
                        struct dh_err *err)
{
    static const char *const words[] = {NULL};
    struct ml_forest_options o = {0};
    const struct option table[] = {{"trees", .count = &o.trees},
                                   {"max_depth", .count = &o.max_depth},
                                   {"max_leaves", .count = &o.max_leaves},
                                   {"min_samples_leaf", .size = &o.min_samples_leaf},
                                   {"max_features", .size = &o.max_features},
                                   {0}};
    return read_options(p, table, words, err) < 0 ? -1 : ml_train_forest(t, &o, ret, err);
}

static int train_boosting(const struct ml_task *t, const struct js *p, struct ml_model **ret,
                          struct dh_err *err)
{
    static const char *const words[] = {NULL};
    struct ml_boost_options o = {0};
    const struct option table[] = {{"rounds", .count = &o.rounds},
                                   {"max_depth", .count = &o.max_depth},
                                   {"max_leaves", .count = &o.max_leaves},
                                   {"min_samples_leaf", .size = &o.min_samples_leaf},
                                   {"learning_rate", .number = &o.learning_rate},
                                   {"l2", .number = &o.l2},
                                   {0}};
    return read_options(p, table, words, err) < 0 ? -1 : ml_train_boosting(t, &o, ret, err);
}

int ml_train(const char *kind, const struct ml_task *task, const struct js *params,
             struct ml_model **ret, struct dh_err *err)
{
    if (strcmp(kind, "logistic-regression") == 0)
        return train_logreg(task, params, ret, err);
    if (strcmp(kind, "decision-tree") == 0)
        return train_tree(task, params, ret, err);
    if (strcmp(kind, "random-forest") == 0)
        return train_forest(task, params, ret, err);
    if (strcmp(kind, "gradient-boosting") == 0)
        return train_boosting(task, params, ret, err);
    return dh_fail(
        err, DH_INVALID,
        "unknown kind of model '%s': logistic-regression, decision-tree, random-forest or "
        "gradient-boosting",
        kind);
}

/* ---- cross-validation ---- */

struct search {
    const char *kind, *metric;
    const struct ml_task *task;
    unsigned folds;
    uint32_t *rows; /* all the rows there are to learn from, rising */
    size_t n;
    struct ml_classes *classes; /* of the frame; NULL: regression */
    uint8_t *fold;              /* by place in rows */
    bool loss;
    struct js *trials;
};

static int metric_of(const struct search *s, const struct ml_model *m, const uint32_t *rows,
                     size_t n, double *ret, struct dh_err *err)
{
    own_mem double *p = NULL;
    if (ml_predict(m, s->task->frame, rows, n, s->task->threads, &p, err) < 0)
        return -1;
    if (!s->classes) {
        struct ml_regression_report r;
        const struct ml_column *col =
            &s->task->frame->cols[ml_frame_find(s->task->frame, s->task->target)];
        own_mem double *y = dh_alloc((n + 1) * sizeof *y);
        for (size_t i = 0; i < n; i++)
            y[i] = col->num[rows[i]];
        if (ml_evaluate_regression(y, p, n, &r, err) < 0)
            return -1;
        *ret = strcmp(s->metric, "r2") == 0 ? r.r2 : r.mean_squared_error;
        return 0;
    }
    own(ml_report_free) struct ml_report *r = NULL;
    own_mem int32_t *code = dh_alloc((n + 1) * sizeof *code);
    for (size_t i = 0; i < n; i++)
        code[i] = s->classes->code[rows[i]];
    if (ml_evaluate(code, p, n, s->classes->n, ml_model_positive(m), &r, err) < 0)
        return -1;
    *ret = strcmp(s->metric, "accuracy") == 0  ? r->accuracy
           : strcmp(s->metric, "f1") == 0      ? r->f1
           : strcmp(s->metric, "roc_auc") == 0 ? r->roc_auc
                                               : r->log_loss;
    return 0;
}

/* The mean score over the folds, on the first `share` of each fold's rows. */
static int cross_validate(struct search *s, const struct js *params, double share, double *ret,
                          struct dh_err *err)
{
    own_mem uint32_t *train = dh_alloc((s->n + 1) * sizeof *train),
                     *test = dh_alloc((s->n + 1) * sizeof *test);
    double sum = 0, square = 0;
    size_t used = 0;
    for (unsigned k = 0; k < s->folds; k++) {
        own(ml_model_free) struct ml_model *m = NULL;
        size_t n_train = 0, n_test = 0;
        double score;
        struct rng rng = rng_seed(s->task->seed + 77);
        for (size_t i = 0; i < s->n; i++) {
            bool in = rng_unit(&rng) < share;
            if (s->fold[i] == k)
                test[n_test++] = s->rows[i];
            else if (in)
                train[n_train++] = s->rows[i];
        }
        struct ml_task task = *s->task;
        task.rows = train;
        task.n_rows = used = n_train;
        task.progress = NULL;
        if (ml_train(s->kind, &task, params, &m, err) < 0 ||
            metric_of(s, m, test, n_test, &score, err) < 0)
            return dh_while(err, "fold %u of %u", k + 1, s->folds);
        sum += score;
        square += score * score;
    }
    double n = s->folds, mean = sum / n, variance = square / n - mean * mean;
    struct js *trial = js_object();
    js_set(trial, "params", js_copy(params));
    js_set(trial, "score", isfinite(mean) ? js_real(mean) : js_null());
    js_set(trial, "std", js_real(variance > 0 ? sqrt(variance) : 0));
    js_set(trial, "rows", js_int((int64_t)used));
    js_push(s->trials, trial);
    *ret = s->loss ? -mean : mean;
    return 0;
}

/* ---- combinations ---- */

static size_t count_of(const struct js *params)
{
    size_t n = 1;
    for (js_each(params, it)) {
        n *= js_n(it.value);
        if (n > (size_t)1 << 40)
            return n;
    }
    return n;
}

/* Combination i, the last name turning fastest. */
static struct js *combination(const struct js *params, size_t i)
{
    struct js *o = js_object();
    size_t rest = count_of(params);
    for (js_each(params, it)) {
        size_t n = js_n(it.value);
        rest /= n;
        js_set(o, it.key, js_copy(js_at(it.value, i / rest % n)));
    }
    return o;
}

struct trial {
    size_t index;
    double score;
};

static int by_score(const void *a, const void *b)
{
    const struct trial *x = a, *y = b;
    if (x->score != y->score)
        return (x->score < y->score) - (x->score > y->score);
    return (x->index > y->index) - (x->index < y->index);
}

static int score_all(struct search *s, const struct js *params, struct trial *t, size_t n,
                     double share, struct dh_err *err)
{
    for (size_t i = 0; i < n; i++) {
        own(js_free) struct js *one = combination(params, t[i].index);
        if (cross_validate(s, one, share, &t[i].score, err) < 0)
            return -1;
        if (isnan(t[i].score))
            t[i].score = -INFINITY;
        progress_tell(s->task, "combination", i + 1, n);
    }
    qsort(t, n, sizeof *t, by_score);
    return 0;
}

static int choose(struct search *s, const struct js *params, const struct ml_search_options *o,
                  size_t *ret, struct dh_err *err)
{
    const char *strategy = o->strategy ? o->strategy : "grid";
    bool random = strcmp(strategy, "random") == 0, halving = strcmp(strategy, "halving") == 0;
    size_t all = count_of(params), n = random && o->trials < all ? o->trials : all;
    if (!random && !halving && strcmp(strategy, "grid") != 0)
        return dh_fail(err, DH_INVALID, "unknown strategy '%s': grid, random or halving", strategy);
    if (!n || n > MAX_TRIALS)
        return dh_fail(err, DH_INVALID, "%zu combinations: 1 to %d can be tried", n, MAX_TRIALS);
    own_mem struct trial *t = dh_zalloc(n, sizeof *t);
    struct rng rng = rng_seed(s->task->seed + 4711);
    for (size_t i = 0, at = 0; i < n; i++, at++) { /* n of all, rising: each set is as likely */
        while (random && rng_below(&rng, all - at) >= n - i)
            at++;
        t[i].index = at;
    }
    double share = 1;
    for (size_t left = n; halving && left > 1; left = (left + HALVING - 1) / HALVING)
        share /= HALVING;
    if (share * (double)s->n < LEAST_ROWS)
        share = fmin(1, LEAST_ROWS / (double)s->n);
    while (halving && n > 1 && share < 1) {
        if (score_all(s, params, t, n, share, err) < 0)
            return -1;
        n = (n + HALVING - 1) / HALVING;
        share = fmin(1, share * HALVING);
    }
    if (score_all(s, params, t, n, 1, err) < 0)
        return -1;
    *ret = t[0].index;
    return 0;
}

static int prepare(struct search *s, struct dh_err *err)
{
    static const char *const metrics[] = {"accuracy",           "f1", "roc_auc", "log_loss",
                                          "mean_squared_error", "r2", NULL};
    const struct ml_task *t = s->task;
    size_t i = 0;
    while (metrics[i] && strcmp(metrics[i], s->metric) != 0)
        i++;
    if (!metrics[i] || (i >= 4) != t->regression)
        return dh_fail(err, DH_INVALID, "the metric '%s' is not one for %s", s->metric,
                       t->regression ? "a regression: mean_squared_error or r2"
                                     : "classes: accuracy, f1, roc_auc or log_loss");
    s->loss = i == 3 || i == 4;
    int64_t column = ml_frame_find(t->frame, t->target);
    if (column < 0)
        return dh_fail(err, DH_INVALID, "there is no column '%s' to be the label", t->target);
    if (!t->regression && ml_classes_of(t->frame, (size_t)column, &s->classes, err) < 0)
        return -1;
    if (t->regression && !t->frame->cols[column].num)
        return dh_fail(err, DH_INVALID, "the target '%s' of a regression holds texts, not numbers",
                       t->target);
    s->n = t->rows ? t->n_rows : t->frame->n_rows;
    s->rows = dh_alloc((s->n + 1) * sizeof *s->rows);
    s->fold = dh_zalloc(s->n + 1, 1);
    own_mem int32_t *code = s->classes ? dh_alloc((s->n + 1) * sizeof *code) : NULL;
    for (size_t k = 0; k < s->n; k++) {
        s->rows[k] = t->rows ? t->rows[k] : (uint32_t)k;
        if (code)
            code[k] = s->classes->code[s->rows[k]];
    }
    return ml_folds(code, s->classes ? s->classes->n : 1, s->n, s->folds, t->seed, s->fold, err);
}

int ml_search(const char *kind, const struct ml_task *task, const struct js *params,
              const struct ml_search_options *o, struct ml_model **ret_best, struct js **ret_trials,
              struct dh_err *err)
{
    struct search s = {.kind = kind,
                       .metric = o->metric          ? o->metric
                                 : task->regression ? "r2"
                                                    : "accuracy",
                       .task = task,
                       .folds = o->folds ? o->folds : 5,
                       .trials = js_array()};
    size_t best = 0;
    int rc = 0;
    for (js_each(params, it))
        if (rc == 0 && !js_n(it.value))
            rc = dh_fail(err, DH_INVALID, "option '%s' needs a list of values to try", it.key);
    if (rc == 0)
        rc = prepare(&s, err);
    if (rc == 0)
        rc = choose(&s, params, o, &best, err);
    if (rc == 0) {
        own(js_free) struct js *one = combination(params, best);
        rc = ml_train(kind, task, one, ret_best, err);
    }
    ml_classes_free(s.classes);
    free(s.rows);
    free(s.fold);
    if (rc == 0)
        *ret_trials = take(&s.trials);
    js_free(s.trials);
    return rc;
}
