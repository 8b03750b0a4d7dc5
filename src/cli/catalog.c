/* catalog - the pipelines that are on record. */
#include <string.h>

#include "base/mem.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/record.h"

/* The store, or an empty answer where nothing has been run: *ret stays NULL then. */
static int open_store(const struct cli *cli, struct store **ret, struct dh_err *err)
{
    return cli_store(cli, ret, err) < 0 ? -1 : 0;
}

static int finish(const struct cli *cli, struct js *list, struct out_table *table,
                  const char *nothing)
{
    if (cli->json)
        out_json(list, stdout);
    else if (out_n_rows(table))
        out_table_print(table, "");
    else
        fprintf(stderr, "%s\n", nothing);
    return CLI_DONE;
}

static void cell_time(struct out_table *table, int64_t us)
{
    own_mem char *text = out_time(us);

    out_cell(table, text, OUT_PLAIN);
}

/* ---- pipelines ---- */

static int list_versions(const struct cli *cli, struct store *store, const char *name,
                         struct arena *a, struct dh_err *err)
{
    own(out_table_free) struct out_table *table = out_table_new(stdout, cli->color);
    own(js_free) struct js *list = js_array();
    struct store_pipeline_versions all = {0};
    struct store_pipeline pipeline;

    if (store_pipeline_find(store, name, a, &pipeline, err) < 0 ||
        store_pipeline_version_list(store, pipeline.id, a, &all, err) < 0)
        return -1;
    out_column(table, "VERSION", OUT_LEFT);
    out_column(table, "CREATED", OUT_LEFT);
    out_column(table, "SPEC (SHA-256)", OUT_LEFT);
    for (size_t i = 0; i < all.n; i++) {
        struct js *v = js_object();

        out_set_text(v, "pipeline_version_id", all.items[i].uuid);
        out_set_text(v, "pipeline", all.items[i].pipeline);
        out_set_text(v, "name", all.items[i].name);
        out_set_text(v, "spec_digest", all.items[i].spec_digest);
        out_set_time(v, "created_at", all.items[i].created_us);
        js_push(list, v);
        out_cell(table, all.items[i].name, OUT_PLAIN);
        cell_time(table, all.items[i].created_us);
        out_cell(table, all.items[i].spec_digest, OUT_DIM);
    }
    return finish(cli, list, table, "no versions");
}

static int list_pipelines(const struct cli *cli, struct store *store, struct arena *a,
                          struct dh_err *err)
{
    own(out_table_free) struct out_table *table = out_table_new(stdout, cli->color);
    own(js_free) struct js *list = js_array();
    struct store_pipelines all = {0};

    if (store && store_pipeline_list(store, a, &all, err) < 0)
        return -1;
    out_column(table, "PIPELINE", OUT_LEFT);
    out_column(table, "VERSIONS", OUT_RIGHT);
    out_column(table, "RUNS", OUT_RIGHT);
    out_column(table, "LAST RUN", OUT_LEFT);
    for (size_t i = 0; i < all.n; i++) {
        const struct store_pipeline *p = &all.items[i];
        struct js *v = js_object();

        out_set_text(v, "pipeline_id", p->uuid);
        out_set_text(v, "name", p->name);
        out_set_text(v, "description", p->description);
        js_set(v, "versions", js_int(p->n_versions));
        js_set(v, "runs", js_int(p->n_runs));
        out_set_time(v, "created_at", p->created_us);
        out_set_time(v, "last_run_at", p->last_run_us);
        js_push(list, v);
        out_cell(table, p->name, OUT_PLAIN);
        out_cellf(table, "%lld", (long long)p->n_versions);
        out_cellf(table, "%lld", (long long)p->n_runs);
        cell_time(table, p->last_run_us);
    }
    return finish(cli, list, table,
                  "no pipelines yet: 'dhow run FILE' records the one that it runs");
}

static int run_pipelines(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    own(store_close) struct store *store = NULL;
    own(arena_free) struct arena *a = arena_new();

    if (cli_n(args)) {
        if (cli_store_with(cli, "pipelines", &store, err) < 0)
            return -1;
        return list_versions(cli, store, cli_at(args, 0), a, err);
    }
    if (open_store(cli, &store, err) < 0)
        return -1;
    return list_pipelines(cli, store, a, err);
}

const struct cli_command cmd_pipelines = {
    .name = "pipelines",
    .group = "The record",
    .summary = "list the pipelines that have been run, or one's versions",
    .operands = "[NAME]",
    .max_operands = 1,
    .operand_kind = CLI_PIPELINE,
    .run = run_pipelines,
};
