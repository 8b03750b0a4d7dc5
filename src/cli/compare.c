/* compare - several runs side by side: parameters, metrics, states. */
#include "cli/compare.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/record.h"

enum { VALUE_WIDTH = 40 };

/* Row `name`, one null a run where it is new. */
static struct js *row(const struct compare *side, struct js *rows, const char *name)
{
    struct js *values = js_get(rows, name);

    if (values)
        return values;
    values = js_array();
    for (size_t i = 0; i < side->n; i++)
        js_push(values, js_object()); /* {} : nothing here; {"v": x}: a value */
    js_set(rows, name, values);
    return values;
}

static void put(const struct compare *side, struct js *rows, const char *name, size_t run,
                struct js *value)
{
    js_set(js_at(row(side, rows, name), run), "v", value);
}

static void put_values(const struct compare *side, struct js *rows, const char *json, size_t run)
{
    own(js_free) struct js *values = out_parse(json, js_object());

    for (js_each(values, it))
        put(side, rows, it.key, run, js_ref(it.value));
}

static void fill(struct compare *side, size_t i)
{
    const struct record *record = side->records[i];
    struct record_metrics metrics;

    put_values(side, side->parameters, record->run.parameters, i);
    put_values(side, side->outputs, record->run.outputs, i);
    record_metrics(record, &metrics);
    for (size_t m = 0; m < metrics.n; m++) {
        own_mem char *name = NULL;
        own_mem char *label = record_label(record, metrics.items[m].task);

        name = dh_printf("%s/%s", label, metrics.items[m].name);
        put(side, side->metrics, name, i, js_real(metrics.items[m].number));
    }
    free(metrics.items);
    for (size_t t = 0; t < record->tasks.n; t++) {
        const struct store_task *task = &record->tasks.items[t];

        if (record_is_leaf(task))
            put(side, side->states, record_path(record, task), i,
                js_str(store_state_name(task->state)));
    }
}

bool compare_equal(const struct js *values)
{
    for (size_t i = 1; i < js_n(values); i++)
        if (!js_equal(js_at(values, 0), js_at(values, i)))
            return false;
    return true;
}

/* One row: its values, and for the metrics of two runs by how much the second differs. */
static void add_row(struct out_table *table, const struct js_iter *it, bool same, bool with_change)
{
    const struct js *a = js_get(js_at(it->value, 0), "v"), *b = js_get(js_at(it->value, 1), "v");
    enum out_style style = same ? OUT_PLAIN : OUT_YELLOW;

    out_cell(table, it->key, style);
    for (size_t i = 0; i < js_n(it->value); i++) {
        const struct js *value = js_get(js_at(it->value, i), "v");
        own_mem char *text = value ? out_value(value, VALUE_WIDTH) : dh_strdup("-");

        out_cell(table, text, style);
    }
    if (with_change && a && b) {
        double change = js_as_num(b, 0) - js_as_num(a, 0);
        own_mem char *text = out_number(change);

        out_cellf(table, "%s%s", change > 0 ? "+" : "", text);
    } else if (with_change) {
        out_cell(table, "", OUT_PLAIN);
    }
}

static void print_rows(const struct cli *cli, const struct compare *side, const char *title,
                       const struct js *rows, bool only_changed)
{
    own(out_table_free) struct out_table *table = out_table_new(stdout, cli->color);
    bool with_change = rows == side->metrics && side->n == 2;
    size_t n_same = 0;

    if (js_n(rows) == 0)
        return;
    out_column(table, title, OUT_LEFT);
    for (size_t i = 0; i < side->n; i++) {
        own_mem char *head = dh_printf("RUN %lld", (long long)side->records[i]->run.id);

        out_column(table, head, with_change ? OUT_RIGHT : OUT_LEFT);
    }
    if (with_change)
        out_column(table, "CHANGE", OUT_RIGHT);
    for (js_each(rows, it)) {
        bool same = compare_equal(it.value);

        n_same += same;
        if (!same || !only_changed)
            add_row(table, &it, same, with_change);
    }
    (void)putchar('\n');
    if (out_n_rows(table))
        out_table_print(table, "");
    if (only_changed && n_same)
        printf("%s%s: %zu equal%s (--all shows them)%s\n", out_on(cli->color, OUT_DIM), title,
               n_same, n_same == js_n(rows) ? ", all of them" : "", out_off(cli->color));
}

static void print_runs(const struct cli *cli, const struct compare *side)
{
    own(out_table_free) struct out_table *table = out_table_new(stdout, cli->color);

    out_column(table, "RUN", OUT_RIGHT);
    out_column(table, "STATE", OUT_LEFT);
    out_column(table, "PIPELINE", OUT_LEFT);
    out_column(table, "STARTED", OUT_LEFT);
    out_column(table, "TOOK", OUT_RIGHT);
    for (size_t i = 0; i < side->n; i++) {
        const struct store_run *run = &side->records[i]->run;
        own_mem char *started = out_time(run->started_us);
        own_mem char *took = out_duration(run->started_us, run->finished_us);
        own_mem char *pipeline = dh_printf("%s%s%s", run->pipeline ? run->pipeline : "",
                                           run->pipeline_version ? " " : "",
                                           run->pipeline_version ? run->pipeline_version : "");

        out_cellf(table, "%lld", (long long)run->id);
        out_cell_state(table, store_state_name(run->state));
        out_cell(table, pipeline, OUT_PLAIN);
        out_cell(table, started, OUT_PLAIN);
        out_cell(table, took, OUT_PLAIN);
    }
    out_table_print(table, "");
}

/* [{"v": 1}, {}] → [1, null] */
static struct js *plain_rows(const struct js *rows)
{
    struct js *plain = js_object();

    for (js_each(rows, it)) {
        struct js *values = js_array();

        for (size_t i = 0; i < js_n(it.value); i++) {
            struct js *value = js_get(js_at(it.value, i), "v");

            js_push(values, value ? js_ref(value) : js_null());
        }
        js_set(plain, it.key, values);
    }
    return plain;
}

static void print_json(const struct compare *side)
{
    own(js_free) struct js *v = js_object();
    struct js *runs = js_array();

    for (size_t i = 0; i < side->n; i++)
        js_push(runs, record_run_head_json(&side->records[i]->run));
    js_set(v, "runs", runs);
    js_set(v, "parameters", plain_rows(side->parameters));
    js_set(v, "metrics", plain_rows(side->metrics));
    js_set(v, "outputs", plain_rows(side->outputs));
    js_set(v, "states", plain_rows(side->states));
    out_json(v, stdout);
}

/* ---- CSV: a line a row, a column a run ---- */

static void csv_cell(struct buf *b, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        buf_adds(b, text);
        return;
    }
    buf_addc(b, '"');
    for (; *text; text++)
        buf_adds(b, *text == '"' ? "\"\"" : (const char[]){*text, '\0'});
    buf_addc(b, '"');
}

static void csv_rows(struct buf *b, const char *kind, const struct js *rows)
{
    for (js_each(rows, it)) {
        buf_addf(b, "%s,", kind);
        csv_cell(b, it.key);
        for (size_t i = 0; i < js_n(it.value); i++) {
            const struct js *value = js_get(js_at(it.value, i), "v");
            own_mem char *text = value ? out_value(value, 0) : dh_strdup("");

            buf_addc(b, ',');
            csv_cell(b, text);
        }
        buf_adds(b, "\r\n");
    }
}

static void print_csv(const struct compare *side)
{
    own_buf struct buf b = {0};

    buf_adds(&b, "kind,name");
    for (size_t i = 0; i < side->n; i++)
        buf_addf(&b, ",run %lld", (long long)side->records[i]->run.id);
    buf_adds(&b, "\r\nrun,id");
    for (size_t i = 0; i < side->n; i++)
        buf_addf(&b, ",%s", side->records[i]->run.uuid);
    buf_adds(&b, "\r\n");
    csv_rows(&b, "parameter", side->parameters);
    csv_rows(&b, "metric", side->metrics);
    csv_rows(&b, "output", side->outputs);
    csv_rows(&b, "state", side->states);
    (void)fwrite(buf_str(&b), 1, b.n, stdout);
}

static void side_done(struct compare *side)
{
    for (size_t i = 0; i < side->n; i++)
        record_free(side->records[i]);
    free(side->records);
    js_free(side->parameters);
    js_free(side->metrics);
    js_free(side->states);
    js_free(side->outputs);
}

static int run_compare(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    own(store_close) struct store *store = NULL;
    const char *given = cli_get(args, "format"), *format = given ? given : "table";
    bool changed = !cli_has(args, "all");
    struct compare side = {.n = cli_n(args),
                           .records = dh_zalloc(cli_n(args), sizeof(struct record *)),
                           .parameters = js_object(),
                           .metrics = js_object(),
                           .states = js_object(),
                           .outputs = js_object()};
    int rc = cli_store_with(cli, "runs", &store, err);

    for (size_t i = 0; rc == 0 && i < side.n; i++)
        rc = record_load(store, cli_at(args, i), &side.records[i], err);
    for (size_t i = 0; rc == 0 && i < side.n; i++)
        fill(&side, i);
    if (rc == 0 && (cli->json || !strcmp(format, "json"))) {
        print_json(&side);
    } else if (rc == 0 && !strcmp(format, "csv")) {
        print_csv(&side);
    } else if (rc == 0 && !strcmp(format, "html")) {
        compare_html(&side, stdout);
    } else if (rc == 0) {
        print_runs(cli, &side);
        print_rows(cli, &side, "PARAMETERS", side.parameters, changed);
        print_rows(cli, &side, "METRICS", side.metrics, false);
        print_rows(cli, &side, "OUTPUTS", side.outputs, false);
        print_rows(cli, &side, "STATES", side.states, changed);
    }
    side_done(&side);
    return rc;
}

static const struct cli_option compare_options[] = {
    {.name = "all",
     .letter = 'a',
     .help = "also parameters and states that are the same in all runs"},
    {.name = "format",
     .value = "FORMAT",
     .choices = "table csv html json",
     .help = "table, csv (all rows), html (one file with plots: metrics, ROC curves, confusion "
             "matrices), json"},
    {.name = NULL},
};

const struct cli_command cmd_compare = {
    .name = "compare",
    .group = "The record",
    .summary = "put several runs side by side: parameters, metrics, states",
    .operands = "RUN RUN…",
    .min_operands = 2,
    .max_operands = -1,
    .operand_kind = CLI_RUN,
    .options = compare_options,
    .examples = "dhow compare 16 17\ndhow compare 3 7 last --format html > compare.html",
    .run = run_compare,
};
