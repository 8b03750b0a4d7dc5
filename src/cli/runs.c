/* runs - the newest runs, one a line. */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/record.h"

static void print_table(const struct cli *cli, const struct store_runs *runs)
{
    own(out_table_free) struct out_table *table = out_table_new(stdout, cli->color);

    out_column(table, "RUN", OUT_RIGHT);
    out_column(table, "STATE", OUT_LEFT);
    out_column(table, "PIPELINE", OUT_LEFT);
    out_column(table, "STARTED", OUT_LEFT);
    out_column(table, "TOOK", OUT_RIGHT);
    out_column(table, "EXPERIMENT", OUT_LEFT);
    out_column(table, "NAME", OUT_LEFT);
    out_column(table, "ID", OUT_LEFT);
    for (size_t i = 0; i < runs->n; i++) {
        const struct store_run *run = &runs->items[i];
        own_mem char *started = out_time(run->started_us ? run->started_us : run->created_us);
        own_mem char *took = out_duration(run->started_us, run->finished_us);

        out_cellf(table, "%lld", (long long)run->id);
        out_cell_state(table, store_state_name(run->state));
        out_cell(table, run->pipeline, OUT_PLAIN);
        out_cell(table, started, OUT_PLAIN);
        out_cell(table, took, OUT_PLAIN);
        out_cell(table, run->experiment, OUT_PLAIN);
        out_cell(table, run->display_name, OUT_PLAIN);
        out_cell(table, run->uuid, OUT_DIM);
    }
    out_table_print(table, "");
    if (runs->more)
        fprintf(stderr, "… and older ones: --limit N shows more\n");
}

static int read_filter(const struct cli_args *args, struct store_run_filter *ret,
                       struct dh_err *err)
{
    const char *state = cli_get(args, "state");
    enum store_state parsed;
    long limit;

    *ret = (struct store_run_filter){.experiment = cli_get(args, "experiment"),
                                     .pipeline = cli_get(args, "pipeline"),
                                     .archived_too = cli_has(args, "all"),
                                     .state = -1};
    if (cli_get_int(args, "limit", 1, 20, &limit, err) < 0)
        return -1;
    if (state && store_state_parse(state, &parsed) < 0)
        return dh_fail(err, DH_INVALID, "--state %s: no such state", state);
    if (state)
        ret->state = (int)parsed;
    ret->limit = limit > 1000000 ? 1000000 : (int)limit;
    return 0;
}

static int run_runs(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    own(store_close) struct store *store = NULL;
    own(arena_free) struct arena *a = arena_new();
    struct store_runs runs = {0};
    struct store_run_filter filter;
    int rc;

    if (read_filter(args, &filter, err) < 0)
        return -1;
    rc = cli_store(cli, &store, err);
    if (rc < 0 || (rc == 0 && store_run_list(store, &filter, a, &runs, err) < 0))
        return -1;
    if (cli->json) {
        own(js_free) struct js *list = js_array();

        for (size_t i = 0; i < runs.n; i++)
            js_push(list, record_run_head_json(&runs.items[i]));
        out_json(list, stdout);
    } else if (runs.n) {
        print_table(cli, &runs);
    } else {
        fprintf(stderr, "no runs%s\n",
                rc == CLI_NO_RECORD ? " yet: 'dhow run FILE' makes the first one" : " that fit");
    }
    return CLI_DONE;
}

static const struct cli_option runs_options[] = {
    {.name = "experiment",
     .value = "NAME",
     .kind = CLI_EXPERIMENT,
     .help = "only those of this experiment"},
    {.name = "pipeline",
     .value = "NAME",
     .kind = CLI_PIPELINE,
     .help = "only those of this pipeline"},
    {.name = "state",
     .value = "STATE",
     .choices = "PENDING RUNNING SUCCEEDED FAILED SKIPPED CACHED CANCELED",
     .help = "only those in this state"},
    {.name = "limit", .letter = 'n', .value = "N", .help = "at most N of them (default 20)"},
    {.name = "all", .letter = 'a', .help = "archived ones too"},
    {.name = NULL},
};

const struct cli_command cmd_runs = {
    .name = "runs",
    .group = "The record",
    .summary = "list runs, newest first",
    .operands = "",
    .options = runs_options,
    .text = "A run is named by its number, its id or the beginning of it, its name, or 'last'.",
    .examples = "dhow runs --experiment tuning --state FAILED\ndhow runs --output json -n 1000",
    .run = run_runs,
};
