/* runs - runs, one a line: the newest, or those that fit; and what is said of them afterwards. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/edit.h"
#include "cli/out.h"
#include "cli/record.h"
#include "engine/gc.h"

enum { NAME_WIDTH = 60 }; /* of a run, of an experiment, in the table */

/* What runs are ordered by, where that is a metric or a parameter: its column says it. */
struct sorted_by {
    bool metric, parameter, greatest;
    const char *name; /* NULL: by something else */
};

static void sorted_by(const char *sort, struct arena *a, struct sorted_by *ret)
{
    const char *dot = sort ? strchr(sort, '.') : NULL;
    bool quoted = dot && (dot[1] == '"' || dot[1] == '`');
    size_t n = quoted ? strcspn(dot + 2, "\"`") : dot ? strcspn(dot + 1, " \t") : 0;

    *ret = (struct sorted_by){.metric = dot && !strncasecmp(sort, "metric", 6),
                              .parameter = dot && !strncasecmp(sort, "param", 5)};
    if (ret->metric || ret->parameter)
        ret->name = arena_strndup(a, dot + 1 + quoted, n);
    n = sort ? strlen(sort) : 0;
    ret->greatest = n > 5 && !strcasecmp(sort + n - 5, " desc");
}

/* Of several tasks' values the one that the order counts. The caller's. */
static char *sorted_value(const struct sorted_by *by, const struct js *run)
{
    const struct js *all = js_get(run, by->metric ? "metrics" : "parameters");
    const struct js *v = js_get(all, by->name);
    size_t n = strlen(by->name);

    for (js_each(by->metric ? all : NULL, it)) {
        double number = js_as_num(it.value, 0), so_far = js_as_num(v, 0);

        if (!strncmp(it.key, by->name, n) && it.key[n] == '@' &&
            (!v || (by->greatest ? number > so_far : number < so_far)))
            v = it.value;
    }
    if (!v && strrchr(by->name, '@')) { /* its task is the only one that has it */
        own_mem char *bare = dh_strndup(by->name, (size_t)(strrchr(by->name, '@') - by->name));

        v = js_get(all, bare);
    }
    return v ? out_value(v, 24) : dh_strdup("-");
}

/* One long name must not push the columns of all other runs apart. */
static void add_name(struct out_table *table, const char *name)
{
    own_mem char *cut = out_text(name ? name : "", NAME_WIDTH);

    out_cell(table, cut, OUT_PLAIN);
}

static void print_table(const struct cli *cli, const struct store_runs *runs,
                        const struct js *heads, const struct sorted_by *by)
{
    own(out_table_free) struct out_table *table = out_table_new(stdout, cli->color);

    out_column(table, "RUN", OUT_RIGHT);
    out_column(table, "STATE", OUT_LEFT);
    if (by->name)
        out_column(table, by->name, OUT_RIGHT);
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
        if (by->name) {
            own_mem char *value = sorted_value(by, js_at(heads, i));

            out_cell(table, value, OUT_BOLD);
        }
        out_cell(table, run->pipeline, OUT_PLAIN);
        out_cell(table, started, OUT_PLAIN);
        out_cell(table, took, OUT_PLAIN);
        add_name(table, run->experiment);
        add_name(table, run->display_name);
        out_cell(table, run->uuid, OUT_DIM);
    }
    out_table_print(table, "");
    for (size_t i = 0; i < runs->n; i++)
        if (runs->items[i].state == STORE_RUNNING && !record_is_live(&runs->items[i]))
            record_tell_still(&runs->items[i]);
    if (runs->more)
        fprintf(stderr, "… and more: --limit N shows them\n");
}

static int read_filter(const struct cli_args *args, struct store_run_filter *ret,
                       struct dh_err *err)
{
    const char *state = cli_get(args, "state");
    enum store_state parsed;
    long limit;

    *ret = (struct store_run_filter){.experiment = cli_get(args, "experiment"),
                                     .pipeline = cli_get(args, "pipeline"),
                                     .where = cli_get(args, "where"),
                                     .sort = cli_get(args, "sort"),
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

static int list(const struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    own(store_close) struct store *store = NULL;
    own(arena_free) struct arena *a = arena_new();
    own(js_free) struct js *heads = js_array();
    struct store_runs runs = {0};
    struct store_run_filter filter;
    struct sorted_by by;
    int rc;

    if (read_filter(args, &filter, err) < 0)
        return -1;
    rc = cli_store(cli, &store, err);
    if (rc < 0 || (rc == 0 && store_run_list(store, &filter, a, &runs, err) < 0))
        return -1;
    sorted_by(filter.sort, a, &by);
    for (size_t i = 0; (cli->json || by.name) && i < runs.n; i++) {
        struct js *head;

        if (record_run_full_head_json(store, &runs.items[i], a, &head, err) < 0)
            return -1;
        js_push(heads, head);
    }
    if (cli->json)
        out_json(heads, stdout);
    else if (runs.n)
        print_table(cli, &runs, heads, &by);
    else
        fprintf(stderr, "no runs%s\n",
                rc == CLI_NO_RECORD ? " yet: 'dhow run FILE' makes the first one" : " that fit");
    return CLI_DONE;
}

/* ---- what is said of them ---- */

static void say_gone(void *user, const struct gc_item *item)
{
    struct js *gone = user;
    struct js *v = js_object();

    out_set_text(v, "kind", item->kind == GC_RUN ? "run" : "artifact");
    out_set_text(v, "name", item->name);
    out_set_text(v, "id", item->id);
    js_set(v, "bytes", js_int(item->bytes));
    js_push(gone, v);
}

/* Artifacts that another run or a registered model refers to stay. */
static int delete_runs(const struct cli *cli, struct store *store, const int64_t *ids, size_t n,
                       struct dh_err *err)
{
    struct gc_options options = {
        .want = {[GC_RUN] = true, [GC_ARTIFACT] = true}, .only = ids, .n_only = n};
    own(js_free) struct js *gone = js_array();
    own_mem char *home = NULL;
    own_mem char *bytes = NULL;
    int64_t total = 0;

    if (cli_home(cli, &home, err) < 0 || gc_collect(store, home, &options, say_gone, gone, err) < 0)
        return -1;
    for (size_t i = 0; i < js_n(gone); i++)
        total += js_get_int(js_at(gone, i), "bytes", 0);
    bytes = out_bytes(total);
    if (cli->json)
        out_json(gone, stdout);
    fprintf(stderr, "deleted %zu run%s and what no other run uses of them: %s\n", n,
            n == 1 ? "" : "s", bytes);
    return CLI_DONE;
}

static int edit(const struct cli *cli, const struct cli_args *args, const char *what,
                struct dh_err *err)
{
    bool all = !strcmp(what, "archive") || !strcmp(what, "unarchive") || !strcmp(what, "delete");
    size_t n = all ? cli_n(args) - 1 : 1;
    own(store_close) struct store *store = NULL;
    own(arena_free) struct arena *a = arena_new();
    own_mem int64_t *ids = dh_zalloc(n + 1, sizeof *ids);
    struct store_run run;

    if (cli_n(args) < 2)
        return dh_fail(err, DH_INVALID, "%s which run? dhow runs %s RUN", what, what);
    if (cli_store_with(cli, "runs", &store, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (store_run_find(store, cli_at(args, i + 1), a, &run, err) < 0)
            return -1;
        ids[i] = run.id;
    }
    if (!strcmp(what, "delete"))
        return delete_runs(cli, store, ids, n, err);
    if (!strcmp(what, "tag"))
        return cli_edit_tags(cli, store, STORE_TAG_RUN, run.id, args, 2, err);
    if (!strcmp(what, "note"))
        return cli_n(args) != 3 ? dh_fail(err, DH_INVALID, "dhow runs note RUN TEXT")
                                : store_run_set_notes(store, run.id, cli_at(args, 2), err);
    for (size_t i = 0; i < n; i++)
        if (store_run_set_archived(store, ids[i], *what == 'a', err) < 0)
            return -1;
    return CLI_DONE;
}

static int run_runs(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    static const char *const edits[] = {"tag", "note", "archive", "unarchive", "delete"};
    const char *what = cli_n(args) ? cli_at(args, 0) : "list";

    if (!strcmp(what, "list") && cli_n(args) < 2)
        return list(cli, args, err);
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++)
        if (!strcmp(edits[i], what))
            return edit(cli, args, what, err);
    return dh_fail(err, DH_INVALID, "'%s': expected list, tag, note, archive, unarchive or delete",
                   what);
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
    {.name = "where",
     .letter = 'w',
     .value = "CONDITION",
     .help = "only those that fit, as in 'metric.accuracy > 0.9 and param.c = 1 and tag.team = x'"},
    {.name = "sort",
     .value = "KEY [asc|desc]",
     .help = "in this order, as in 'metric.accuracy desc'; runs without it are left out"},
    {.name = "limit", .letter = 'n', .value = "N", .help = "at most N of them (default 20)"},
    {.name = "all", .letter = 'a', .help = "archived ones too"},
    {.name = NULL},
};

const struct cli_command cmd_runs = {
    .name = "runs",
    .group = "The record",
    .summary = "list runs, newest first; tag, note, archive, delete them",
    .operands = "[list | tag RUN NAME=VALUE… | note RUN TEXT | archive RUN… | unarchive RUN… | "
                "delete RUN…]",
    .max_operands = -1,
    .operand_kind = CLI_RUN,
    .options = runs_options,
    .text =
        "A run is named by its number, its id or the beginning of it, its name, or 'last'.\n"
        "\n"
        "A CONDITION joins parts with and, or, not, ( ); a part is KEY OP VALUE, KEY in (VALUE, …) "
        "or a KEY alone: it is\n"
        "set. OP is = != < <= > >= like (% and _ as in SQL). Keys: metric.NAME (the last value; of "
        "one task: "
        "metric.NAME@TASK),\n"
        "param.NAME, tag.NAME, state, pipeline, version, experiment, name, number, id, notes, "
        "archived, duration (5m, 90s);\n"
        "created, started, finished (2026-11-30, RFC 3339, or 7d, 12h, 30m ago). A name with "
        "blanks: metric.\"log loss\".\n"
        "\n"
        "tag sets tags, and removes one that is given as NAME=. delete takes the run, its logs, "
        "and the artifacts that\n"
        "no other run and no registered model refers to.",
    .examples = "dhow runs --experiment tuning --state FAILED\n"
                "dhow runs --where 'metric.accuracy > 0.9 and param.c = 1' --sort "
                "'metric.accuracy desc'\n"
                "dhow runs tag last team=x reviewed=yes\n"
                "dhow runs --output json -n 1000",
    .run = run_runs,
};
