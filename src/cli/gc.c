/* gc - takes away what is old: runs with their artifacts, logs, Python environments, left-overs. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "engine/gc.h"
#include "registry/registry.h"
#include "store/models.h"

#define DAY_US ((int64_t)24 * 3600 * 1000000)
#define DEFAULT_DAYS 30

static const struct {
    const char *word;
    enum gc_kind kinds[2];
} whats[] = {{"runs", {GC_RUN, GC_ARTIFACT}},
             {"logs", {GC_LOG, GC_LOG}},
             {"envs", {GC_ENVIRONMENT, GC_ENVIRONMENT}},
             {"left-over", {GC_LEFT_OVER, GC_LEFT_OVER}},
             {"cache", {GC_CACHED, GC_CACHED}},
             {"models", {GC_MODEL, GC_MODEL}}};

static const char *const labels[GC_KINDS] = {[GC_RUN] = "run",
                                             [GC_ARTIFACT] = "artifact",
                                             [GC_LOG] = "log",
                                             [GC_ENVIRONMENT] = "environment",
                                             [GC_LEFT_OVER] = "left over",
                                             [GC_CACHED] = "local copy",
                                             [GC_MODEL] = "model version"};

struct tally {
    const struct cli *cli;
    struct js *items;
    struct out_table *table;
    size_t n[GC_KINDS];
    int64_t bytes[GC_KINDS];
};

static void count(void *user, const struct gc_item *item)
{
    struct tally *t = user;
    struct js *v = js_object();
    own_mem char *bytes = out_bytes(item->bytes);
    own_mem char *name = out_text(item->name ? item->name : "", t->cli->json ? 0 : 100);

    t->n[item->kind]++;
    t->bytes[item->kind] += item->bytes;
    out_set_text(v, "kind", labels[item->kind]);
    out_set_text(v, "name", item->name);
    out_set_text(v, "id", item->id);
    js_set(v, "bytes", js_int(item->bytes));
    js_push(t->items, v);
    out_cell(t->table, labels[item->kind], OUT_PLAIN);
    out_cell(t->table, name, OUT_PLAIN);
    out_cell(t->table, bytes, OUT_PLAIN);
}

/* A bare number is days. */
static int read_age(const char *text, int64_t *ret, struct dh_err *err)
{
    own_mem char *days = dh_printf("%sd", text);

    if (clock_parse_span(text, ret) == 0 || clock_parse_span(days, ret) == 0)
        return 0;
    return dh_fail(err, DH_INVALID, "--older-than %s: expected 30d, 12h, 45m or 90s", text);
}

static int read_options(const struct cli_args *args, struct gc_options *to, struct dh_err *err)
{
    const char *age = cli_get(args, "older-than");
    int64_t us = DEFAULT_DAYS * DAY_US;
    long keep;

    if ((age && read_age(age, &us, err) < 0) || cli_get_int(args, "keep", 0, 0, &keep, err) < 0)
        return -1;
    *to = (struct gc_options){
        .before_us = clock_now_us() - us, .keep = (int)keep, .dry_run = cli_has(args, "dry-run")};
    if (!cli_n(args)) /* logs go with their runs */
        to->want[GC_RUN] = to->want[GC_ARTIFACT] = to->want[GC_ENVIRONMENT] =
            to->want[GC_LEFT_OVER] = to->want[GC_CACHED] = true;
    for (size_t i = 0; i < cli_n(args); i++) {
        size_t w = 0, n = sizeof whats / sizeof *whats;

        while (w < n && strcmp(whats[w].word, cli_at(args, i)) != 0)
            w++;
        if (w == n)
            return dh_fail(err, DH_INVALID,
                           "'%s': expected runs, logs, envs, left-over, cache or models",
                           cli_at(args, i));
        to->want[whats[w].kinds[0]] = to->want[whats[w].kinds[1]] = true;
    }
    if (to->want[GC_MODEL] && !cli_has(args, "keep"))
        return dh_fail(err, DH_INVALID, "models: say by --keep how many versions of each stay");
    return 0;
}

/* Versions first: then the runs that they came from are free to go. */
static int prune_models(struct store *store, const struct gc_options *options, struct tally *tally,
                        struct dh_err *err)
{
    const struct registry_actor actor = {.who = getenv("USER"), .why = "dhow gc"};
    own(arena_free) struct arena *a = arena_new();
    struct store_models models;

    if (store_model_list(store, a, &models, err) < 0)
        return -1;
    for (size_t i = 0; i < models.n; i++) {
        own(js_free) struct js *gone = NULL;

        if (registry_prune(store, models.items[i].name, options->keep, options->dry_run, &actor,
                           &gone, err) < 0)
            return -1;
        for (size_t k = 0; k < js_n(gone); k++)
            count(tally, &(struct gc_item){.kind = GC_MODEL,
                                           .name = arena_printf(a, "%s %s", models.items[i].name,
                                                                js_text(js_at(gone, k)))});
    }
    return 0;
}

static void print(const struct cli *cli, const struct tally *t, bool dry_run)
{
    int64_t total = 0;
    size_t n = 0;
    own_mem char *bytes = NULL;

    for (int k = 0; k < GC_KINDS; k++) {
        total += t->bytes[k];
        n += t->n[k];
    }
    if (cli->json) {
        own(js_free) struct js *v = js_object();

        js_set(v, "dry_run", js_bool(dry_run));
        js_set(v, "bytes", js_int(total));
        js_set(v, "items", js_ref(t->items));
        out_json(v, stdout);
        return;
    }
    if (n)
        out_table_print(t->table, "");
    bytes = out_bytes(total);
    fprintf(stderr, "%s%zu thing%s, %s\n", dry_run ? "would remove " : "removed ", n,
            n == 1 ? "" : "s", bytes);
}

static int run_gc(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    own(store_close) struct store *store = NULL;
    own(js_free) struct js *items = js_array();
    own(out_table_free) struct out_table *table = out_table_new(stdout, cli->color);
    own_mem char *home = NULL;
    own_mem char *db = NULL;
    struct tally tally = {.cli = cli, .items = items, .table = table};
    struct gc_options options;

    if (read_options(args, &options, err) < 0 || cli_home(cli, &home, err) < 0)
        return -1;
    db = store_place(home, cli->db);
    if (!store_exists(db))
        return dh_fail(err, DH_NOT_FOUND, "%s: nothing has been run here",
                       cli->db ? cli->db : home);
    out_column(table, "KIND", OUT_LEFT);
    out_column(table, "WHAT", OUT_LEFT);
    out_column(table, "SIZE", OUT_RIGHT);
    if (store_open(db, options.dry_run && !options.want[GC_MODEL] ? STORE_READONLY : 0, &store,
                   err) < 0 ||
        (options.want[GC_MODEL] && prune_models(store, &options, &tally, err) < 0) ||
        gc_collect(store, home, &options, count, &tally, err) < 0)
        return -1;
    print(cli, &tally, options.dry_run);
    return CLI_DONE;
}

static const struct cli_option gc_options[] = {
    {.name = "older-than",
     .value = "AGE",
     .help = "runs that ended, environments last used, so long ago: 30d (the default), 12h, 45m"},
    {.name = "keep",
     .value = "N",
     .help = "of each pipeline, the newest N runs stay, however old they are; of each model, N "
             "versions"},
    {.name = "dry-run", .letter = 'n', .help = "say what would go, and remove nothing"},
    {.name = NULL},
};

const struct cli_command cmd_gc = {
    .name = "gc",
    .group = "This machine",
    .summary = "take away old runs with their artifacts, logs, environments",
    .operands = "[runs | logs | envs | left-over | cache | models]…",
    .max_operands = -1,
    .options = gc_options,
    .text =
        "runs: those that have ended, with the artifacts that no other run uses. envs: Python "
        "environments that no run\n"
        "uses. left-over: folders of runs that are not on record, and what is half sent to their "
        "buckets. models:\n"
        "versions without alias or approval, not in Production. cache: local copies of artifacts "
        "in buckets. logs: of\n"
        "runs that stay. Without "
        "one of "
        "these: all but logs and models.\n"
        "What a registered model version comes from stays, and what no step of dhow has written.",
    .examples = "dhow gc --older-than 14d --keep 5 --dry-run\n"
                "dhow gc logs --older-than 7d",
    .run = run_gc,
};
