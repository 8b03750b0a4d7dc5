/* card - a model card: what a model is, from what, and how good, for people (Mitchell et al. 2019).
 */
#include <stdlib.h>
#include <string.h>
#include "base/fs.h"
#include "base/mem.h"
#include "components/steps.h"

#define MAX_REPORT ((size_t)256 << 20)
enum { MAX_TREE_TEXT = 20000, CARD_DEPTH = 12 };

static const struct step_arg args[] = {
    {"model", STEP_INPUT, .type = "system.Model", .help = "the model, as JSON"},
    {"report", STEP_INPUT, .type = "system.Artifact", .help = "what evaluate found, as JSON"},
    {"title", STEP_TEXT, .other = "", .help = "the card's heading"},
    {"notes", STEP_TEXT, .other = "", .help = "intended use, limits, whom to ask"},
    {"card", STEP_OUTPUT, .type = "system.Markdown", .help = "the card as Markdown"},
    {"html", STEP_OUTPUT, .type = "system.HTML", .other = "", .help = "the card as HTML"},
    {0}};

/* Lines of a card, written in both forms at once. */
struct card {
    struct buf md, html;
};

static void heading(struct card *c, int level, const char *text)
{
    buf_addf(&c->md, "%s%s %s\n\n", c->md.n ? "\n" : "", level == 1 ? "#" : "##", text);
    buf_addf(&c->html, "<h%d>", level);
    buf_add_html(&c->html, text);
    buf_addf(&c->html, "</h%d>\n", level);
}

static void begin_table(struct card *c, const char *a, const char *b)
{
    buf_addf(&c->md, "| %s | %s |\n| --- | --- |\n", a, b);
    buf_addf(&c->html, "<table><tr><th>%s</th><th>%s</th></tr>\n", a, b);
}

static void row(struct card *c, const char *key, const char *value)
{
    buf_adds(&c->md, "| ");
    for (const char *p = key; *p; p++)
        buf_adds(&c->md, *p == '|' ? "\\|" : (char[]){*p, 0});
    buf_addf(&c->md, " | %s |\n", value);
    buf_adds(&c->html, "<tr><td>");
    buf_add_html(&c->html, key);
    buf_adds(&c->html, "</td><td>");
    buf_add_html(&c->html, value);
    buf_adds(&c->html, "</td></tr>\n");
}

static void row_value(struct card *c, const char *key, const struct js *v)
{
    own_mem char *text = js_text(v)              ? dh_strdup(js_text(v))
                         : js_kind(v) == JS_REAL ? dh_printf("%.6g", js_as_num(v, 0))
                                                 : js_dump(v, JS_COMPACT);
    row(c, key, text);
}

static void end_table(struct card *c)
{
    buf_adds(&c->html, "</table>\n");
}

static void block(struct card *c, const char *text)
{
    buf_addf(&c->md, "```\n%s```\n", text);
    buf_adds(&c->html, "<pre>");
    buf_add_html(&c->html, text);
    buf_adds(&c->html, "</pre>\n");
}

static void add_training(struct card *c, const struct ml_model *m)
{
    const struct js *training = ml_model_training(m);
    heading(c, 2, "Training");
    begin_table(c, "What", "Value");
    row(c, "kind", ml_model_kind(m));
    row(c, "label", ml_model_target(m));
    for (js_each(training, it))
        if (js_kind(it.value) != JS_OBJECT)
            row_value(c, it.key, it.value);
    end_table(c);
    const struct js *importance = js_get(training, "importance");
    if (!importance)
        return;
    heading(c, 2, "Importance of the features");
    begin_table(c, "Feature", "Share of the gain");
    for (js_each(importance, it))
        if (js_as_num(it.value, 0) >= 0.01)
            row_value(c, it.key, it.value);
    end_table(c);
}

static void add_report(struct card *c, const struct js *report)
{
    heading(c, 2, "Evaluation");
    begin_table(c, "Metric", "Value");
    row_value(c, "rows", js_get(report, "rows"));
    for (js_each(js_get(report, "metrics"), it)) {
        const struct js *range = js_path(report, "intervals", it.key, NULL);
        if (!range) {
            row_value(c, it.key, it.value);
            continue;
        }
        own_mem char *text =
            dh_printf("%.6g (95 %%: %.6g to %.6g)", js_as_num(it.value, 0),
                      js_as_num(js_at(range, 0), 0), js_as_num(js_at(range, 1), 0));
        row(c, it.key, text);
    }
    end_table(c);
    const struct js *slices = js_get(report, "slices");
    if (!slices)
        return;
    heading(c, 2, "Slices");
    begin_table(c, "Slice", "Accuracy, rows");
    for (js_each(slices, it)) {
        own_mem char *text = dh_printf("%.6g, %lld", js_as_num(js_get(it.value, "accuracy"), 0),
                                       (long long)js_get_int(it.value, "rows", 0));
        row(c, it.key, text);
    }
    end_table(c);
}

static int write_card(struct step *s, struct card *c, struct dh_err *err)
{
    if (step_write(step_path(s, "card"), c->md.p, c->md.n, err) < 0)
        return -1;
    return step_given(s, "html") ? step_write(step_path(s, "html"), c->html.p, c->html.n, err) : 0;
}

static int run(struct step *s, struct dh_err *err)
{
    own(ml_model_free) struct ml_model *m = NULL;
    own(js_free) struct js *report = NULL;
    struct card c = {0};
    if (ml_model_read_json(step_path(s, "model"), &m, err) < 0 ||
        js_parse_file(step_path(s, "report"), MAX_REPORT, &report, err) < 0)
        return -1;
    buf_adds(
        &c.html,
        "<!doctype html>\n<meta charset=\"utf-8\">\n<style>body{font-family:sans-serif;margin:2em}"
        "td,th{padding:.2em 1em;text-align:left}</style>\n");
    heading(&c, 1, step_given(s, "title") ? step_text(s, "title") : "Model card");
    if (step_given(s, "notes")) {
        buf_addf(&c.md, "%s\n", step_text(s, "notes"));
        buf_adds(&c.html, "<p>");
        buf_add_html(&c.html, step_text(s, "notes"));
        buf_adds(&c.html, "</p>\n");
    }
    add_training(&c, m);
    add_report(&c, report);
    own_mem char *tree =
        strcmp(ml_model_kind(m), "decision-tree") == 0 ? ml_tree_text(m, 0, CARD_DEPTH) : NULL;
    if (tree && strlen(tree) < MAX_TREE_TEXT) {
        own_mem char *svg = ml_tree_svg(m, 0, CARD_DEPTH);
        heading(&c, 2, "The tree");
        block(&c, tree);
        buf_adds(&c.html, svg);
    }
    int rc = write_card(s, &c, err);
    buf_done(&c.md);
    buf_done(&c.html);
    return rc;
}

const struct step_spec step_model_card = {
    "model-card", "Writes what a model is and how good, as Markdown and HTML", NULL, args, run};

/* ---- draw-tree ---- */

static const struct step_arg draw_args[] = {
    {"model", STEP_INPUT, .type = "system.Model", .help = "a model of trees, as JSON"},
    {"tree", STEP_COUNT, .other = "0", .help = "which one, from 0"},
    {"depth", STEP_COUNT, .other = "8", .help = "levels that text and picture show"},
    {"text", STEP_OUTPUT, .type = "system.Markdown", .other = "", .help = "indented text"},
    {"svg", STEP_OUTPUT, .type = "system.Artifact", .other = "", .help = "a picture, as SVG"},
    {"html", STEP_OUTPUT, .type = "system.HTML", .other = "", .help = "the picture as a page"},
    {"dot", STEP_OUTPUT, .type = "system.Artifact", .other = "",
     .help = "Graphviz: dot -Tsvg makes a picture of it"},
    {0}};

static int run_draw(struct step *s, struct dh_err *err)
{
    own(ml_model_free) struct ml_model *m = NULL;
    if (ml_model_read_json(step_path(s, "model"), &m, err) < 0)
        return -1;
    int64_t tree = step_integer(s, "tree"), depth = step_integer(s, "depth");
    unsigned levels = depth > 0 && depth < ML_DRAW_DEPTH ? (unsigned)depth : ML_DRAW_DEPTH;
    own_mem char *text = tree < 0 ? NULL : ml_tree_text(m, (size_t)tree, levels);
    if (!text)
        return dh_fail(err, DH_INVALID, "the model, a %s, has no tree %lld", ml_model_kind(m),
                       (long long)tree);
    own_mem char *dot = ml_tree_dot(m, (size_t)tree), *svg = ml_tree_svg(m, (size_t)tree, levels);
    own_mem char *fenced = dh_printf("```\n%s```\n", text);
    own_mem char *page = dh_printf(
        "<!doctype html>\n<meta charset=\"utf-8\">\n<title>%s</title>\n%s", ml_model_kind(m), svg);
    const char *const outputs[][2] = {{"text", fenced}, {"svg", svg}, {"html", page}, {"dot", dot}};
    for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++) {
        const char *path = step_path(s, outputs[i][0]);
        if (*path && step_write(path, outputs[i][1], strlen(outputs[i][1]), err) < 0)
            return -1;
    }
    return 0;
}

const struct step_spec step_draw_tree = {
    "draw-tree", "Draws a tree as text, as a picture, and in Graphviz's language", NULL, draw_args,
    run_draw};
