/* experiments - what runs belong to: listed, shown, tagged, archived; and the best run of one. */
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/edit.h"
#include "cli/out.h"
#include "cli/record.h"
#include "registry/registry.h"
#include "store/catalog.h"

static int experiment_json(struct store *store, const struct store_experiment *e, struct arena *a,
                           struct js **ret, struct dh_err *err)
{
    struct js *v;
    const char *tags;

    if (store_tags(store, STORE_TAG_EXPERIMENT, e->id, a, &tags, err) < 0)
        return -1;
    *ret = v = js_object();
    out_set_text(v, "experiment_id", e->uuid);
    out_set_text(v, "name", e->name);
    out_set_text(v, "description", e->description);
    out_set_text(v, "notes", e->notes);
    js_set(v, "tags", out_parse(tags, js_object()));
    js_set(v, "archived", js_bool(e->archived));
    js_set(v, "runs", js_int(e->n_runs));
    out_set_time(v, "created_at", e->created_us);
    out_set_time(v, "last_run_at", e->last_run_us);
    return 0;
}

static void cell_time(struct out_table *table, int64_t us)
{
    own_mem char *text = out_time(us);

    out_cell(table, text, OUT_PLAIN);
}

/* ---- all of them ---- */

static void columns(struct out_table *table)
{
    out_column(table, "EXPERIMENT", OUT_LEFT);
    out_column(table, "RUNS", OUT_RIGHT);
    out_column(table, "LAST RUN", OUT_LEFT);
    out_column(table, "CREATED", OUT_LEFT);
    out_column(table, "TAGS", OUT_LEFT);
    out_column(table, "NOTES", OUT_LEFT);
}

static void row(struct out_table *table, const struct store_experiment *e, const struct js *v)
{
    own_buf struct buf tags = {0};

    for (js_each(js_get(v, "tags"), it))
        buf_addf(&tags, "%s%s=%s", tags.n ? " " : "", it.key, js_text(it.value));
    out_cell(table, e->name, e->archived ? OUT_DIM : OUT_PLAIN);
    out_cellf(table, "%lld", (long long)e->n_runs);
    cell_time(table, e->last_run_us);
    cell_time(table, e->created_us);
    out_cell(table, buf_str(&tags), OUT_PLAIN);
    out_cell(table, e->archived ? "archived" : e->notes, OUT_DIM);
}

static int list(const struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    own(store_close) struct store *store = NULL;
    own(arena_free) struct arena *a = arena_new();
    own(out_table_free) struct out_table *table = out_table_new(stdout, cli->color);
    own(js_free) struct js *items = js_array();
    struct store_experiments all = {0};

    if (cli_store(cli, &store, err) < 0 ||
        (store && store_experiment_list(store, a, &all, err) < 0))
        return -1;
    columns(table);
    for (size_t i = 0; i < all.n; i++) {
        struct js *v;

        if (all.items[i].archived && !cli_has(args, "all"))
            continue;
        if (experiment_json(store, &all.items[i], a, &v, err) < 0)
            return -1;
        js_push(items, v);
        row(table, &all.items[i], v);
    }
    if (cli->json)
        out_json(items, stdout);
    else if (out_n_rows(table))
        out_table_print(table, "");
    else
        fprintf(stderr, "no experiments yet: 'dhow run FILE --experiment NAME' makes one\n");
    return CLI_DONE;
}

/* ---- one ---- */

/* The run with the greatest (or smallest) last value of a metric. Of losses the smallest is the
 * best, unless it is said. */
static bool smallest_wins(const struct cli_args *args, const char *metric)
{
    return cli_has(args, "min") || (!cli_has(args, "max") && registry_smaller_wins(metric));
}

static int best(const struct cli *cli, const struct cli_args *args, struct store *store,
                const struct store_experiment *e, struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    own(js_free) struct js *v = NULL;
    const char *metric = cli_get(args, "metric");
    struct store_run_filter filter = {.experiment = e->name, .state = STORE_SUCCEEDED, .limit = 1};
    struct store_runs runs;

    if (!metric)
        return dh_fail(err, DH_INVALID, "by which metric? dhow experiments best %s --metric NAME",
                       e->name);
    if (strpbrk(metric, "\"`"))
        return dh_fail(err, DH_INVALID, "--metric %s: quotes are no part of a metric's name",
                       metric);
    filter.sort = arena_printf(a, strchr(metric, ' ') ? "metric.\"%s\" %s" : "metric.%s %s", metric,
                               smallest_wins(args, metric) ? "asc" : "desc");
    filter.where = cli_get(args, "where");
    if (store_run_list(store, &filter, a, &runs, err) < 0)
        return -1;
    if (!runs.n)
        return dh_fail(err, DH_NOT_FOUND,
                       "experiment '%s' has no run that succeeded and has a metric '%s'", e->name,
                       metric);
    if (record_run_full_head_json(store, &runs.items[0], a, &v, err) < 0)
        return -1;
    if (cli->json) {
        out_json(v, stdout);
        return CLI_DONE;
    }
    printf("%s\n", runs.items[0].uuid);
    return CLI_DONE;
}

static int show(const struct cli *cli, struct store *store, const struct store_experiment *e,
                struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    own(js_free) struct js *v = NULL;

    if (experiment_json(store, e, a, &v, err) < 0)
        return -1;
    if (cli->json) {
        out_json(v, stdout);
        return CLI_DONE;
    }
    for (js_each(v, it)) {
        own_mem char *text = out_value(it.value, 0);

        printf("%-14s %s\n", it.key, js_is(it.value, JS_NULL) ? "-" : text);
    }
    return CLI_DONE;
}

static int on_one(const struct cli *cli, const struct cli_args *args, const char *what,
                  struct dh_err *err)
{
    own(store_close) struct store *store = NULL;
    own(arena_free) struct arena *a = arena_new();
    const char *name = cli_at(args, 1);
    struct store_experiment e;

    if (!name)
        return dh_fail(err, DH_INVALID, "%s which? dhow experiments %s NAME", what, what);
    if (cli_store_with(cli, "experiments", &store, err) < 0 ||
        store_experiment_find(store, name, a, &e, err) < 0)
        return -1;
    if (!strcmp(what, "best"))
        return best(cli, args, store, &e, err);
    if (!strcmp(what, "show"))
        return show(cli, store, &e, err);
    if (!strcmp(what, "tag"))
        return cli_edit_tags(cli, store, STORE_TAG_EXPERIMENT, e.id, args, 2, err);
    if (!strcmp(what, "note"))
        return cli_n(args) != 3 ? dh_fail(err, DH_INVALID, "dhow experiments note NAME TEXT")
                                : store_experiment_set_notes(store, e.id, cli_at(args, 2), err);
    return catalog_experiment_archive(store, e.id, *what == 'a', err);
}

static int run_experiments(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    static const char *const words[] = {"best", "show", "tag", "note", "archive", "unarchive"};
    const char *what = cli_n(args) ? cli_at(args, 0) : "list";

    if (!strcmp(what, "list") && cli_n(args) < 2)
        return list(cli, args, err);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcmp(words[i], what))
            return on_one(cli, args, what, err);
    return dh_fail(err, DH_INVALID,
                   "'%s': expected list, show, best, tag, note, archive or unarchive", what);
}

static const struct cli_option experiment_options[] = {
    {.name = "metric", .value = "NAME", .help = "best: by this metric, or one task's: NAME@TASK"},
    {.name = "where",
     .letter = 'w',
     .value = "CONDITION",
     .help = "best: among the runs that fit; see 'dhow runs --help'"},
    {.name = "max", .help = "best: the greatest value"},
    {.name = "min", .help = "best: the smallest value (what is called loss or error: the default)"},
    {.name = "all", .letter = 'a', .help = "archived ones too"},
    {.name = NULL},
};

const struct cli_command cmd_experiments = {
    .name = "experiments",
    .group = "The record",
    .summary = "list experiments, last used first; the best run of one; tag, note, archive",
    .operands = "[list | show NAME | best NAME | tag NAME TAG=VALUE… | note NAME TEXT | archive "
                "NAME | unarchive NAME]",
    .max_operands = -1,
    .operand_kind = CLI_EXPERIMENT,
    .options = experiment_options,
    .examples = "dhow show $(dhow experiments best tuning --metric accuracy)\n"
                "dhow experiments tag tuning team=x",
    .run = run_experiments,
};
