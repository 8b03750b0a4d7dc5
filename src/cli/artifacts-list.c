/* artifacts-list - the artifacts of the record, newest first; and how one of them is named. */
#include <string.h>

#include "artifact/artifact.h"
#include "base/arena.h"
#include "base/fs.h"
#include "base/mem.h"
#include "cli/artifacts.h"
#include "cli/out.h"
#include "cli/record.h"

static int filter_of(const struct cli_args *args, struct store *store, struct arena *a,
                     struct store_artifact_filter *ret, struct dh_err *err)
{
    const char *run_name = cli_get(args, "run"), *type = cli_get(args, "type");
    struct store_run run;
    long limit;

    if (cli_get_int(args, "limit", 1, 50, &limit, err) < 0)
        return -1;
    *ret = (struct store_artifact_filter){.limit = limit > 1000000 ? 1000000 : (int)limit,
                                          .deleted_too = cli_has(args, "all")};
    if (type)
        ret->type = strchr(type, '.') ? type : arena_printf(a, "system.%s", type);
    if (!run_name)
        return 0;
    if (store_run_find(store, run_name, a, &run, err) < 0)
        return -1;
    ret->run_id = run.id;
    return 0;
}

int artifacts_rows(const struct cli *cli, const struct cli_args *args, struct arena *a,
                   struct store_artifact_rows *ret, struct dh_err *err)
{
    own(store_close) struct store *store = NULL;
    struct store_artifact_filter filter;

    *ret = (struct store_artifact_rows){0};
    if (cli_has(args, "run") ? cli_store_with(cli, "runs", &store, err) < 0
                             : cli_store(cli, &store, err) < 0)
        return -1;
    if (filter_of(args, store, a, &filter, err) < 0)
        return -1;
    return store ? store_artifact_list(store, &filter, a, ret, err) : 0;
}

static void add_row(struct out_table *table, const struct store_artifact_row *row)
{
    own_mem char *size = out_bytes(row->artifact.size_bytes);
    own_mem char *created = out_time(row->artifact.created_us);

    out_cellf(table, "%lld", (long long)row->artifact.id);
    out_cell(table, row->artifact.type, OUT_PLAIN);
    out_cellf(table, "%s%s%s", row->task_name ? row->task_name : "", row->task_name ? "/" : "",
              row->key             ? row->key
              : row->artifact.name ? row->artifact.name
                                   : "");
    if (row->run_id)
        out_cellf(table, "%lld", (long long)row->run_id);
    else
        out_cell(table, "-", OUT_PLAIN);
    out_cell(table, size, OUT_PLAIN);
    out_cell(table, created, OUT_PLAIN);
    out_cell(table, row->artifact.uri, OUT_PLAIN);
}

static struct js *row_json(const struct store_artifact_row *row)
{
    struct js *v = record_artifact_json(&row->artifact);

    out_set_time(v, "created_at", row->artifact.created_us);
    out_set_text(v, "run_id", row->run_uuid);
    out_set_text(v, "pipeline", row->pipeline);
    out_set_text(v, "task", row->task_name);
    out_set_text(v, "output", row->key);
    return v;
}

int artifacts_list(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    static const struct {
        const char *name;
        int align;
    } columns[] = {{"ARTIFACT", OUT_RIGHT}, {"TYPE", OUT_LEFT},  {"MADE AS", OUT_LEFT},
                   {"RUN", OUT_RIGHT},      {"SIZE", OUT_RIGHT}, {"CREATED", OUT_LEFT},
                   {"WHERE", OUT_LEFT}};
    own(arena_free) struct arena *a = arena_new();
    own(out_table_free) struct out_table *table = out_table_new(stdout, cli->color);
    own(js_free) struct js *list = js_array();
    struct store_artifact_rows rows;

    if (artifacts_rows(cli, args, a, &rows, err) < 0)
        return -1;
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        out_column(table, columns[i].name, columns[i].align);
    for (size_t i = 0; i < rows.n; i++) {
        js_push(list, row_json(&rows.items[i]));
        add_row(table, &rows.items[i]);
    }
    if (rows.more && !cli->json)
        fprintf(stderr, "… and older ones: --limit N shows more\n");
    if (cli->json)
        out_json(list, stdout);
    else if (out_n_rows(table))
        out_table_print(table, "");
    else
        fprintf(stderr, "no artifacts\n");
    return CLI_DONE;
}

/* ---- one of them ---- */

static int find_output(struct store *store, const struct cli_place *place, struct arena *a,
                       struct store_artifact *ret, struct dh_err *err)
{
    own(record_free) struct record *record = NULL;
    struct record_tasks tasks;
    struct store_linkeds links;

    if (record_load(store, place->run, &record, err) < 0 ||
        record_find_tasks(record, place->task, &tasks, err) < 0)
        return -1;
    links = record_links(&record->outputs, tasks.items[0]->id);
    for (size_t i = 0; i < links.n; i++)
        if (!strcmp(links.items[i].link.key, place->output))
            return store_artifact_find(store, links.items[i].artifact.uuid, a, ret, err);
    return dh_fail(err, DH_NOT_FOUND, "task '%s' has no output artifact '%s'", place->task,
                   place->output);
}

static bool is_place(const char *text)
{
    return strstr(text, "://") || *text == '/' || *text == '.' || fs_exists(text);
}

int artifacts_find(const struct cli *cli, const char *text, struct arena *a,
                   struct store_artifact *ret, struct dh_err *err)
{
    own(store_close) struct store *store = NULL;
    own_place struct cli_place place = {0};
    int rc = cli_store(cli, &store, err);

    if (rc < 0)
        return -1;
    if (store && store_artifact_find(store, text, a, ret, err) == 0)
        return 0;
    if (is_place(text)) {
        *ret = (struct store_artifact){.uri = arena_strdup(a, text), .size_bytes = -1};
        return ARTIFACTS_FREE;
    }
    cli_place_split(text, &place);
    if (store && place.output)
        return find_output(store, &place, a, ret, err);
    return dh_fail(err, DH_NOT_FOUND,
                   "'%s' names no artifact: expected its number, its id, RUN/TASK/OUTPUT, a URI or "
                   "a path",
                   text);
}
