/* select - which of several models is the best by one metric, and what becomes of it. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "base/digest.h"
#include "base/fs.h"
#include "base/mem.h"
#include "components/steps.h"

/* ---- select-model ---- */

static const struct step_arg select_args[] = {
    {"candidate", STEP_TEXT, .repeats = true,
     .help = "a model's name; then its --report and --model"},
    {"report", STEP_INPUT, .repeats = true, .type = "system.Artifact",
     .help = "what evaluate found, as JSON"},
    {"model", STEP_INPUT, .repeats = true, .type = "system.Model", .help = "the model"},
    {"metric", STEP_TEXT, .other = "accuracy",
     .help = "what decides: accuracy, precision, recall, f1, roc_auc or "
             "log_loss (there the smallest wins; neg_log_loss: the greatest)"},
    {"chosen", STEP_OUTPUT, .type = "system.Model", .help = "the best model, copied"},
    {"chosen-report", STEP_OUTPUT, .type = "system.Artifact", .other = "",
     .help = "its report, copied"},
    {"best", STEP_OUTPUT_PARAMETER, .type = "STRING", .other = "", .help = "its name"},
    {"score", STEP_OUTPUT_PARAMETER, .type = "NUMBER_DOUBLE", .other = "", .help = "its metric"},
    {"reason", STEP_OUTPUT_PARAMETER, .type = "STRING", .other = "",
     .help = "why it was chosen, in a sentence"},
    {0}};

/* Says whether the best is better than the next best by more than noise. */
static void add_noise(const struct step *s, const double *score, size_t n, size_t best,
                      struct buf *b)
{
    size_t second = best;
    bool loss = metric_is_loss(step_text(s, "metric"));
    for (size_t i = 0; i < n; i++)
        if (i != best &&
            (second == best || (loss ? score[i] < score[second] : score[i] > score[second])))
            second = i;
    double p = second == best ? -1
                              : report_noise(step_text_at(s, "report", best),
                                             step_text_at(s, "report", second));
    if (p < 0)
        return;
    buf_addf(b, "; against %s that is %s (McNemar p = %.3g)", step_text_at(s, "candidate", second),
             p < 0.05 ? "more than noise" : "within noise", p);
}

/* A sentence that names every candidate, its score, and how a tie was broken. */
static char *reason_of(const struct step *s, const double *score, size_t n, size_t best)
{
    own_buf struct buf b = {0};
    const char *metric = step_text(s, "metric");
    size_t equal = 0;
    for (size_t i = 0; i < n; i++)
        equal += score[i] == score[best];
    buf_addf(&b, "%s chosen by %s: ", step_text_at(s, "candidate", best), metric);
    for (size_t i = 0; i < n; i++)
        buf_addf(&b, "%s%s %.6g", i ? ", " : "", step_text_at(s, "candidate", i), score[i]);
    if (metric_is_loss(metric))
        buf_adds(&b, " (the smallest wins)");
    if (equal > 1)
        buf_addf(&b, "; %zu are equal, and of equal ones the first named is taken", equal);
    add_noise(s, score, n, best, &b);
    return buf_take(&b);
}

static int copy_to(const char *from, const char *to, struct dh_err *err)
{
    if (step_write(to, "", 0, err) < 0 ||
        fs_unlink(to, err) < 0) /* makes the folder, or says why not */
        return -1;
    return fs_copy(from, to, err);
}

static int run_select(struct step *s, struct dh_err *err)
{
    size_t n = step_n(s, "candidate"), best = 0;
    const char *metric_name = step_text(s, "metric");
    if (n != step_n(s, "report") || n != step_n(s, "model"))
        return dh_fail(
            err, DH_INVALID,
            "%zu candidates, %zu reports and %zu models: each candidate needs one of both", n,
            step_n(s, "report"), step_n(s, "model"));
    own_mem double *score = dh_zalloc(n, sizeof *score);
    for (size_t i = 0; i < n; i++) {
        if (report_score(step_text_at(s, "report", i), metric_name, &score[i], err) < 0)
            return dh_while(err, "candidate '%s'", step_text_at(s, "candidate", i));
        bool better = metric_is_loss(step_text(s, "metric")) ? score[i] < score[best]
                                                             : score[i] > score[best];
        best = better ? i : best;
    }
    own_mem char *reason = reason_of(s, score, n, best);
    step_say(s, "%s", reason);
    step_metadata(s, "chosen", "name", js_str(step_text_at(s, "candidate", best)));
    step_metadata(s, "chosen", step_text(s, "metric"), js_real(score[best]));
    step_metadata(s, "chosen", "reason", js_str(reason));
    if (step_set_parameter(s, "best", js_str(step_text_at(s, "candidate", best)), err) < 0 ||
        step_set_parameter(s, "score", js_real(score[best]), err) < 0 ||
        step_set_parameter(s, "reason", js_str(reason), err) < 0)
        return -1;
    if (step_given(s, "chosen-report") &&
        copy_to(step_text_at(s, "report", best), step_path(s, "chosen-report"), err) < 0)
        return -1;
    return copy_to(step_text_at(s, "model", best), step_path(s, "chosen"), err);
}

const struct step_spec step_select_model = {
    "select-model", "Chooses the best of several evaluated models by one metric",
    "Of equal candidates the one named first is taken, and the log and `reason` say so.",
    select_args, run_select};

/* ---- promote ---- */

static const struct step_arg promote_args[] = {
    {"model", STEP_INPUT, .type = "system.Model", .help = "the model to register"},
    {"model-name", STEP_TEXT, .help = "the name that it is registered under"},
    {"version", STEP_TEXT, .other = "",
     .help = "its version; where none is given, the first 12 digits of its SHA-256"},
    {"aliases", STEP_TEXT, .other = "",
     .help = "names that shall point to this version, with commas between"},
    {"report", STEP_INPUT, .type = "system.Artifact", .other = "",
     .help = "what evaluate found of it: kept as the version's report, which `gate` compares with"},
    {"best", STEP_TEXT, .other = "", .help = "what the candidate was called"},
    {"metric", STEP_TEXT, .other = "", .help = "what it was chosen by"},
    {"score", STEP_NUMBER, .other = "0", .help = "its metric"},
    {"threshold", STEP_NUMBER, .other = "0", .help = "what the gate asked for"},
    {"registered", STEP_OUTPUT, .type = "system.Model", .help = "the registered model"},
    {"version-used", STEP_OUTPUT_PARAMETER, .type = "STRING", .other = "", .help = "the version"},
    {0}};

static bool is_name(const char *text)
{
    if (!isalnum((unsigned char)*text) || strlen(text) > 200)
        return false;
    for (; *text; text++)
        if (!isalnum((unsigned char)*text) && !strchr("-_.", *text))
            return false;
    return true;
}

static int check_names(const struct step *s, const char *version, const char **aliases,
                       struct dh_err *err)
{
    if (!is_name(step_text(s, "model-name")))
        return dh_fail(err, DH_INVALID,
                       "model name '%s': letters, digits, '-', '_' and '.', at most 200",
                       step_text(s, "model-name"));
    if (!is_name(version))
        return dh_fail(err, DH_INVALID, "version '%s': letters, digits, '-', '_' and '.'", version);
    for (const char **a = aliases; a && *a; a++)
        if (!is_name(*a))
            return dh_fail(err, DH_INVALID, "alias '%s': letters, digits, '-', '_' and '.'", *a);
    return 0;
}

static int run_promote(struct step *s, struct dh_err *err)
{
    char digest[DIGEST_TEXT];
    const char *from = step_path(s, "model"), *to = step_path(s, "registered");
    if (digest_file(from, digest, NULL, err) < 0)
        return -1;
    own_mem char *version =
        step_given(s, "version") ? dh_strdup(step_text(s, "version")) : dh_strndup(digest, 12);
    own_mem const char **aliases = step_list(step_text(s, "aliases"));
    if (check_names(s, version, aliases, err) < 0)
        return -1;
    struct js *list = js_array();
    for (const char **a = aliases; a && *a; a++)
        js_push(list, js_str(*a));
    step_metadata(s, "registered", "dhow.model_name", js_str(step_text(s, "model-name")));
    step_metadata(s, "registered", "dhow.model_version", js_str(version));
    step_metadata(s, "registered", "dhow.aliases", list);
    step_metadata(s, "registered", "sha256", js_str(digest));
    if (step_given(s, "best"))
        step_metadata(s, "registered", "candidate", js_str(step_text(s, "best")));
    if (step_given(s, "metric"))
        step_metadata(s, "registered", step_text(s, "metric"), js_real(step_number(s, "score")));
    step_say(s, "%s %s registered%s%s%s", step_text(s, "model-name"), version,
             step_given(s, "best") ? " (" : "", step_text(s, "best"),
             step_given(s, "best") ? ")" : "");
    if (step_set_parameter(s, "version-used", js_str(version), err) < 0)
        return -1;
    if (step_write(to, "", 0, err) < 0 || fs_unlink(to, err) < 0)
        return -1;
    return fs_copy(from, to, err);
}

const struct step_spec step_promote = {"promote", "Registers a model under a name and a version",
                                       "The record registers every Model artifact whose metadata "
                                       "has `dhow.model_name` (text) as a version of that\n"
                                       "model: `dhow.model_version` (text) names the version, "
                                       "`dhow.aliases` (a list of texts) moves those aliases to\n"
                                       "it. This step copies the model and sets the three.",
                                       promote_args, run_promote};

/* ---- reject ---- */

static const struct step_arg reject_args[] = {
    {"best", STEP_TEXT, .help = "the best candidate"},
    {"metric", STEP_TEXT, .help = "what it was chosen by"},
    {"score", STEP_NUMBER, .help = "its metric"},
    {"threshold", STEP_NUMBER, .help = "what the gate asked for"},
    {"reason", STEP_OUTPUT_PARAMETER, .type = "STRING", .other = "",
     .help = "why it was not promoted, in a sentence"},
    {0}};

static int run_reject(struct step *s, struct dh_err *err)
{
    const char *metric = step_text(s, "metric");
    own_mem char *reason =
        dh_printf("not promoted: the best model, %s, has %s %.6g; the gate asks for %s %.6g",
                  step_text(s, "best"), metric, step_number(s, "score"),
                  metric_is_loss(metric) ? "at most" : "at least", step_number(s, "threshold"));
    step_say(s, "%s", reason);
    return step_set_parameter(s, "reason", js_str(reason), err);
}

const struct step_spec step_reject = {"reject", "Says why no model was promoted", NULL, reject_args,
                                      run_reject};
