/* compare-html - runs side by side as one HTML file with drawings. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "cli/compare.h"
#include "cli/out.h"
#include "cli/record.h"

enum { BAR_WIDTH = 320, BAR_HEIGHT = 14, ROC_SIDE = 320, ROC_MARGIN = 36, MAX_CLASSES = 50 };

static const char *const colors[] = {"#1f77b4", "#d95f02", "#1b9e77", "#7570b3",
                                     "#e7298a", "#66a61e", "#a6761d", "#444444"};

static const char *color_of(size_t i)
{
    return colors[i % (sizeof colors / sizeof *colors)];
}

static void head(struct buf *b)
{
    buf_adds(b, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                "<title>Runs compared</title><style>\n"
                "body{font:14px/1.45 system-ui,sans-serif;margin:2em;color:#222;background:#fff}"
                "table{border-collapse:collapse;margin:.5em 0 1.5em}"
                "td,th{border:1px solid #ddd;padding:.25em .6em;text-align:left;vertical-align:top;"
                "max-width:26em;overflow-wrap:anywhere}"
                "th{background:#f5f5f5}td.n{text-align:right;font-variant-numeric:tabular-nums}"
                "tr.diff td{background:#fff8e1}h2{margin-top:1.6em}svg{display:block}"
                ".plots{display:flex;flex-wrap:wrap;gap:1.5em}figure{margin:0}"
                "figcaption{font-weight:600;margin-bottom:.3em}"
                ".key i{display:inline-block;width:.8em;height:.8em;margin:0 .3em 0 1em}\n"
                "</style></head><body>\n<h1>Runs compared</h1>\n");
}

static void cell(struct buf *b, const char *element, const char *text)
{
    buf_addf(b, "<%s>", element);
    buf_add_html(b, text ? text : "");
    buf_addf(b, "</%.2s>", element);
}

static void runs(struct buf *b, const struct compare *side)
{
    buf_adds(b, "<table><tr><th></th><th>Run</th><th>State</th><th>Pipeline</th><th>Started</th>"
                "<th>Took</th><th>Id</th></tr>\n");
    for (size_t i = 0; i < side->n; i++) {
        const struct store_run *run = &side->records[i]->run;
        own_mem char *started = out_time(run->started_us);
        own_mem char *took = out_duration(run->started_us, run->finished_us);
        own_mem char *name = dh_printf("%lld %s", (long long)run->id, run->display_name);

        buf_addf(b, "<tr><td style=\"background:%s\"></td>", color_of(i));
        cell(b, "td", name);
        cell(b, "td", store_state_name(run->state));
        cell(b, "td", run->pipeline);
        cell(b, "td", started);
        cell(b, "td", took);
        cell(b, "td", run->uuid);
        buf_adds(b, "</tr>\n");
    }
    buf_adds(b, "</table>\n");
}

/* Rows that differ first. */
static void rows(struct buf *b, const struct compare *side, const char *title, const struct js *all)
{
    if (!js_n(all))
        return;
    buf_addf(b, "<h2>%s</h2>\n<table><tr><th></th>", title);
    for (size_t i = 0; i < side->n; i++)
        buf_addf(b, "<th>run %lld</th>", (long long)side->records[i]->run.id);
    buf_adds(b, "</tr>\n");
    for (int same = 0; same < 2; same++)
        for (js_each(all, it)) {
            if (compare_equal(it.value) != (same == 1))
                continue;
            buf_addf(b, "<tr%s>", same ? "" : " class=\"diff\"");
            cell(b, "th", it.key);
            for (size_t i = 0; i < js_n(it.value); i++) {
                const struct js *value = js_get(js_at(it.value, i), "v");
                own_mem char *text = value ? out_value(value, 2000) : dh_strdup("-");

                cell(b, js_is_num(value) ? "td class=\"n\"" : "td", text);
            }
            buf_adds(b, "</tr>\n");
        }
    buf_adds(b, "</table>\n");
}

/* ---- metrics as bars ---- */

static void bars_of(struct buf *b, const char *name, const struct js *values)
{
    double low = 0, high = 0;
    size_t n = js_n(values);

    for (size_t i = 0; i < n; i++) {
        double v = js_as_num(js_get(js_at(values, i), "v"), 0);

        low = fmin(low, v);
        high = fmax(high, v);
    }
    if (!(high > low) || !isfinite(high - low))
        return;
    buf_adds(b, "<figure><figcaption>");
    buf_add_html(b, name);
    buf_addf(b, "</figcaption><svg width=\"%d\" height=\"%zu\" role=\"img\">", BAR_WIDTH + 90,
             n * (BAR_HEIGHT + 4));
    for (size_t i = 0; i < n; i++) {
        const struct js *v = js_get(js_at(values, i), "v");
        double x = js_as_num(v, 0), from = (fmin(x, 0) - low) / (high - low) * BAR_WIDTH;
        double width = fabs(x) / (high - low) * BAR_WIDTH;
        own_mem char *text = v ? out_number(x) : dh_strdup("-");

        buf_addf(b,
                 "<rect x=\"%.1f\" y=\"%zu\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>"
                 "<text x=\"%.1f\" y=\"%zu\" font-size=\"11\">%s</text>",
                 from, i * (BAR_HEIGHT + 4), width, BAR_HEIGHT, color_of(i), from + width + 4,
                 i * (BAR_HEIGHT + 4) + 11, text);
    }
    buf_adds(b, "</svg></figure>\n");
}

static void bars(struct buf *b, const struct compare *side)
{
    if (!js_n(side->metrics))
        return;
    buf_adds(b, "<h2>Metrics as bars</h2>\n<div class=\"plots\">\n");
    for (js_each(side->metrics, it))
        bars_of(b, it.key, it.value);
    buf_adds(b, "</div>\n");
}

/* ---- what ClassificationMetrics hold ---- */

struct classified {
    const struct store_task *task;
    struct js *metadata;
};

/* The i-th ClassificationMetrics of a run; metadata NULL: no more. */
static struct classified classified_at(const struct record *record, size_t i)
{
    for (size_t k = 0; k < record->outputs.n; k++) {
        const struct store_linked *l = &record->outputs.items[k];
        const struct store_task *task = record_task_by_id(record, l->link.task_id);

        if (!task || !record_is_leaf(task) || !l->artifact.type ||
            strcmp(l->artifact.type, "system.ClassificationMetrics") != 0 || i-- > 0)
            continue;
        return (struct classified){task, out_parse(l->artifact.metadata, js_object())};
    }
    return (struct classified){0};
}

/* The SDK logs a curve as a list, or wrapped: {"list": […]}, {"struct": …}. */
static const struct js *unwrapped(const struct js *v, const char *wrap)
{
    return js_get(v, wrap) ? js_get(v, wrap) : v;
}

static void curve(struct buf *b, const struct js *points, size_t run, size_t nth)
{
    buf_addf(b, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"1.8\"%s points=\"",
             color_of(run), nth ? " stroke-dasharray=\"5 3\"" : "");
    for (size_t i = 0; i < js_n(points); i++) {
        const struct js *p = js_at(points, i);
        double x = js_as_num(js_get(p, "falsePositiveRate"), 0);
        double y = js_as_num(js_get(p, "recall"), 0);

        x = fmin(fmax(x, 0), 1);
        y = fmin(fmax(y, 0), 1);
        buf_addf(b, "%.1f,%.1f ", ROC_MARGIN + x * ROC_SIDE, 8 + (1 - y) * ROC_SIDE);
    }
    buf_adds(b, "\"/>\n");
}

static void curve_key(struct buf *b, const struct compare *side, size_t run, size_t nth,
                      const struct store_task *task)
{
    own_mem char *label = record_label(side->records[run], task);

    buf_addf(b, "<div class=\"key\"><i style=\"background:%s\"></i>run %lld ", color_of(run),
             (long long)side->records[run]->run.id);
    buf_add_html(b, label);
    buf_adds(b, nth ? " (dashed)</div>\n" : "</div>\n");
}

static void roc(struct buf *b, const struct compare *side)
{
    own_buf struct buf lines = {0};
    own_buf struct buf key = {0};

    for (size_t r = 0; r < side->n; r++) {
        struct classified c;

        for (size_t i = 0; (c = classified_at(side->records[r], i)).metadata; i++) {
            const struct js *points = unwrapped(js_get(c.metadata, "confidenceMetrics"), "list");

            if (js_n(points)) {
                curve(&lines, points, r, i);
                curve_key(&key, side, r, i, c.task);
            }
            js_free(c.metadata);
        }
    }
    if (!lines.n)
        return;
    buf_addf(b,
             "<h2>ROC curves</h2>\n<svg width=\"%d\" height=\"%d\" role=\"img\">"
             "<rect x=\"%d\" y=\"8\" width=\"%d\" height=\"%d\" fill=\"none\" "
             "stroke=\"#999\"/><line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"8\" "
             "stroke=\"#ccc\"/>",
             ROC_SIDE + ROC_MARGIN + 10, ROC_SIDE + ROC_MARGIN + 10, ROC_MARGIN, ROC_SIDE, ROC_SIDE,
             ROC_MARGIN, ROC_SIDE + 8, ROC_MARGIN + ROC_SIDE);
    buf_add(b, lines.p, lines.n);
    buf_addf(b,
             "<text x=\"%d\" y=\"%d\" font-size=\"12\">false positive rate</text>"
             "<text x=\"14\" y=\"%d\" font-size=\"12\" transform=\"rotate(-90 14 %d)\">"
             "recall</text></svg>\n",
             ROC_MARGIN + ROC_SIDE / 2 - 50, ROC_SIDE + 28, ROC_SIDE / 2 + 20, ROC_SIDE / 2 + 20);
    buf_add(b, key.p, key.n);
}

static void matrix_of(struct buf *b, const struct js *m, const char *caption)
{
    const struct js *names = js_get(m, "annotationSpecs"), *lines = js_get(m, "rows");
    double most = 1;

    for (size_t i = 0; i < js_n(lines); i++)
        for (size_t j = 0; j < js_n(js_get(js_at(lines, i), "row")); j++)
            most = fmax(most, js_as_num(js_at(js_get(js_at(lines, i), "row"), j), 0));
    buf_adds(b, "<figure><figcaption>");
    buf_add_html(b, caption);
    buf_adds(b, "</figcaption><table><tr><th>true \\ predicted</th>");
    for (size_t j = 0; j < js_n(names); j++)
        cell(b, "th", js_get_text(js_at(names, j), "displayName"));
    buf_adds(b, "</tr>\n");
    for (size_t i = 0; i < js_n(lines); i++) {
        const struct js *row = js_get(js_at(lines, i), "row");

        buf_adds(b, "<tr>");
        cell(b, "th", js_get_text(js_at(names, i), "displayName"));
        for (size_t j = 0; j < js_n(row); j++) {
            double v = js_as_num(js_at(row, j), 0);

            buf_addf(b, "<td class=\"n\" style=\"background:rgba(%s,%.2f)\">%.6g</td>",
                     i == j ? "27,158,119" : "217,95,2", fmax(v, 0) / most * 0.6, v);
        }
        buf_adds(b, "</tr>\n");
    }
    buf_adds(b, "</table></figure>\n");
}

static void matrices(struct buf *b, const struct compare *side)
{
    bool any = false;

    for (size_t r = 0; r < side->n; r++) {
        struct classified c;

        for (size_t i = 0; (c = classified_at(side->records[r], i)).metadata; i++) {
            const struct js *m = unwrapped(js_get(c.metadata, "confusionMatrix"), "struct");
            own_mem char *label = record_label(side->records[r], c.task);
            own_mem char *caption =
                dh_printf("run %lld: %s", (long long)side->records[r]->run.id, label);

            if (js_n(js_get(m, "rows")) && js_n(js_get(m, "rows")) <= MAX_CLASSES) {
                buf_adds(b, any ? "" : "<h2>Confusion matrices</h2>\n<div class=\"plots\">\n");
                matrix_of(b, m, caption);
                any = true;
            }
            js_free(c.metadata);
        }
    }
    if (any)
        buf_adds(b, "</div>\n");
}

void compare_html(const struct compare *side, FILE *to)
{
    own_buf struct buf b = {0};

    head(&b);
    runs(&b, side);
    rows(&b, side, "Parameters", side->parameters);
    rows(&b, side, "Metrics", side->metrics);
    bars(&b, side);
    roc(&b, side);
    matrices(&b, side);
    rows(&b, side, "Outputs", side->outputs);
    rows(&b, side, "States", side->states);
    buf_adds(&b, "</body></html>\n");
    (void)fwrite(b.p, 1, b.n, to);
}
