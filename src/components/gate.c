/* gate - whether a new model may take the place of the one that serves now. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "components/steps.h"

#define MAX_REPORT ((size_t)256 << 20)

/* ---- reports of evaluate ---- */

/* neg_X is -X, as scikit-learn names it: so a loss, too, can be asked to be at least something. */
int report_score(const char *path, const char *metric, double *ret, struct dh_err *err)
{
    own(js_free) struct js *report = NULL;
    bool negative = strncmp(metric, "neg_", 4) == 0;
    metric += negative ? 4 : 0;
    if (js_parse_file(path, MAX_REPORT, &report, err) < 0)
        return -1;
    const struct js *v = js_get(js_get(report, "metrics"), metric);
    if (js_is_num(v)) {
        *ret = negative ? -js_as_num(v, 0) : js_as_num(v, 0);
        return 0;
    }
    own_buf struct buf known = {0};
    for (js_each(js_get(report, "metrics"), it))
        buf_addf(&known, "%s%s", known.n ? ", " : "", it.key);
    return dh_fail(err, DH_INVALID, "its report has no metric '%s'; there are: %s", metric,
                   buf_str(&known));
}

double report_noise(const char *path_a, const char *path_b)
{
    own(js_free) struct js *a = NULL, *b = NULL;
    struct dh_err ignored;
    if (js_parse_file(path_a, MAX_REPORT, &a, &ignored) < 0 ||
        js_parse_file(path_b, MAX_REPORT, &b, &ignored) < 0)
        return -1;
    const char *x = js_get_text(a, "hits"), *y = js_get_text(b, "hits");
    if (!x || !y || strlen(x) != strlen(y))
        return -1;
    uint64_t x_only = 0, y_only = 0;
    for (; *x; x++, y++) {
        x_only += *x > *y;
        y_only += *y > *x;
    }
    return ml_mcnemar(x_only, y_only);
}

/* An empty object: there is no champion yet. */
static int has_champion(const struct step *s, bool *ret, struct dh_err *err)
{
    own(js_free) struct js *report = NULL;
    *ret = false;
    if (!step_given(s, "champion-report"))
        return 0;
    if (js_parse_file(step_path(s, "champion-report"), MAX_REPORT, &report, err) < 0)
        return dh_while(err, "the champion's report");
    *ret = js_n(report) > 0;
    return 0;
}

/* ---- the step ---- */

static const struct step_arg args[] = {
    {"candidate-report", STEP_INPUT, .type = "system.Artifact",
     .help = "what evaluate found of the new model, as JSON"},
    {"champion-report", STEP_INPUT, .type = "system.Artifact", .other = "",
     .help = "the same of the model that serves now; {} where there is none"},
    {"metric", STEP_TEXT, .other = "accuracy", .help = "what decides, as for select-model"},
    {"min", STEP_TEXT, .other = "", .help = "the metric is this at least (of a loss: at most)"},
    {"better-by", STEP_NUMBER, .other = "0",
     .help = "better than the champion by this at least; negative: worse by no more than that"},
    {"significance", STEP_NUMBER, .other = "0",
     .help = "with 0.05: and not by chance, McNemar's p is below it. 0: not asked"},
    {"enforce", STEP_BOOL, .other = "false", .help = "true: the step fails where the gate is shut"},
    {"passed", STEP_OUTPUT_PARAMETER, .type = "BOOLEAN", .other = "", .help = "the answer"},
    {"score", STEP_OUTPUT_PARAMETER, .type = "NUMBER_DOUBLE", .other = "", .help = "the metric"},
    {"gain", STEP_OUTPUT_PARAMETER, .type = "NUMBER_DOUBLE", .other = "",
     .help = "by how much it is better than the champion's; 0 where there is none"},
    {"reason", STEP_OUTPUT_PARAMETER, .type = "STRING", .other = "", .help = "why, in a sentence"},
    {0}};

struct gate {
    double score, gain, p; /* p < 0: not known */
    bool champion, passed;
    struct buf reason;
};

static int check_min(struct step *s, struct gate *g, struct dh_err *err)
{
    const char *text = step_text(s, "min"), *metric = step_text(s, "metric");
    bool loss = metric_is_loss(metric);
    char *end;
    double min = strtod(text, &end);
    if (!*text)
        return 0;
    if (*end || !isfinite(min))
        return dh_fail(err, DH_INVALID, "--min %s: expected a number", text);
    if (loss ? g->score <= min : g->score >= min)
        return 0;
    g->passed = false;
    buf_addf(&g->reason, "; %s %.6g is asked for", loss ? "at most" : "at least", min);
    return 0;
}

static int check_champion(struct step *s, struct gate *g, struct dh_err *err)
{
    const char *metric = step_text(s, "metric"), *now = step_path(s, "champion-report");
    double other, by = step_number(s, "better-by"), alpha = step_number(s, "significance");
    if (has_champion(s, &g->champion, err) < 0)
        return -1;
    if (!g->champion) {
        buf_adds(&g->reason, "; there is no champion yet");
        return 0;
    }
    if (report_score(now, metric, &other, err) < 0)
        return dh_while(err, "the champion");
    g->gain = metric_is_loss(metric) ? other - g->score : g->score - other;
    g->p = report_noise(step_path(s, "candidate-report"), now);
    buf_addf(&g->reason, "; the champion has %.6g: a gain of %.6g, %.6g is asked for", other,
             g->gain, by);
    if (g->gain < by)
        g->passed = false;
    if (g->p >= 0)
        buf_addf(&g->reason, " (McNemar p = %.3g)", g->p);
    if (!(alpha > 0))
        return 0;
    if (g->p < 0)
        return dh_fail(
            err, DH_INVALID,
            "--significance: the two reports are not of the same test rows; evaluate the "
            "champion on them, too (an importer of models:/NAME@champion)");
    if (g->p >= alpha) {
        g->passed = false;
        buf_addf(&g->reason, ", which is not below %.3g: it may be chance", alpha);
    }
    return 0;
}

static int put(struct step *s, const struct gate *g, struct dh_err *err)
{
    step_say(s, "gate %s: %s", g->passed ? "open" : "shut", buf_str(&g->reason));
    if (step_set_parameter(s, "passed", js_bool(g->passed), err) < 0 ||
        step_set_parameter(s, "score", js_real(g->score), err) < 0 ||
        step_set_parameter(s, "gain", js_real(g->gain), err) < 0)
        return -1;
    return step_set_parameter(s, "reason", js_str(buf_str(&g->reason)), err);
}

static int run(struct step *s, struct dh_err *err)
{
    struct gate g = {.passed = true, .p = -1};
    int rc = report_score(step_path(s, "candidate-report"), step_text(s, "metric"), &g.score, err);
    if (rc < 0)
        (void)dh_while(err, "the candidate");
    buf_addf(&g.reason, "%s is %.6g", step_text(s, "metric"), g.score);
    if (rc == 0)
        rc = check_min(s, &g, err);
    if (rc == 0)
        rc = check_champion(s, &g, err);
    if (rc == 0)
        rc = put(s, &g, err);
    if (rc == 0 && !g.passed && step_bool(s, "enforce"))
        rc = dh_fail(err, DH_FAILED, "the gate is shut: %s", buf_str(&g.reason));
    buf_done(&g.reason);
    return rc;
}

const struct step_spec step_gate = {"gate",
                                    "Says whether a model may take the place of the champion",
                                    "The champion's report comes from an importer of "
                                    "models:/NAME@champion?part=report&missing=empty\n"
                                    "(what evaluate found when it was promoted), or from "
                                    "evaluating models:/NAME@champion on the same "
                                    "test data.\nMcNemar's test needs the same rows.",
                                    args, run};
