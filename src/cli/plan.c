/* plan, explain - what would run, and why; what ran, and why. */
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "cli/commands.h"
#include "cli/execute.h"
#include "cli/out.h"
#include "cli/pipeline.h"
#include "cli/record.h"
#include "cli/request.h"
#include "engine/difference.h"

struct listing {
    const struct cli *cli;
    const struct record *record; /* explain's run; NULL: plan */
    struct strmap *by_key;       /* its tasks */
    const struct record *before; /* the run that could have spared it work; NULL: none */
    struct out_table *table;     /* what is printed, or… */
    struct js *list;             /* …the JSON of it */
    size_t counts[ENGINE_UNKNOWN + 1];
};

static const char *const would_names[] = {
    [ENGINE_RUN] = "RUN",   [ENGINE_CACHED] = "CACHED",   [ENGINE_SUCCEEDED] = "DONE",
    [ENGINE_SKIP] = "SKIP", [ENGINE_UNKNOWN] = "UNKNOWN",
};

static enum out_style would_style(enum engine_would would)
{
    static const enum out_style styles[] = {
        [ENGINE_RUN] = OUT_YELLOW, [ENGINE_CACHED] = OUT_CYAN,   [ENGINE_SUCCEEDED] = OUT_GREEN,
        [ENGINE_SKIP] = OUT_DIM,   [ENGINE_UNKNOWN] = OUT_PLAIN,
    };

    return styles[would];
}

static struct strmap *tasks_by_key(const struct record *record)
{
    struct strmap *map = strmap_new();

    for (size_t i = 0; i < record->tasks.n; i++)
        (void)strmap_put(map, record->keys[i], &record->tasks.items[i]);
    return map;
}

/* ---- why it ran ---- */

static const struct store_task *task_before(const struct record *before, const char *key)
{
    for (size_t i = 0; before && i < before->tasks.n; i++)
        if (!strcmp(before->keys[i], key))
            return &before->tasks.items[i];
    return NULL;
}

/* No result on record was used for it. The caller's. */
static char *why_it_ran(const struct listing *l, const struct store_task *task, const char *key)
{
    const struct store_task *was = task_before(l->before, key);
    const char *mode = l->record->run.cache_mode;
    own(js_free) struct js *now = NULL;
    struct buf b = {.max = 800};

    if (mode && strcmp(mode, "on") && strcmp(mode, "read"))
        return dh_printf("the cache was '%s'", mode);
    if (!task->cache_fingerprint)
        return dh_strdup("caching is off for this task");
    if (!was)
        return dh_strdup("no earlier run of this pipeline that succeeded had it");
    if (was->state == STORE_SKIPPED)
        return dh_printf("run %lld skipped it", (long long)l->before->run.id);
    if (was->cache_fingerprint && !strcmp(was->cache_fingerprint, task->cache_fingerprint))
        return dh_printf("its result of run %lld could not be used", (long long)l->before->run.id);
    now = record_task_json(l->record, task);
    difference_of_inputs(js_get(now, "inputs"), was, &l->before->inputs, &b);
    if (!b.n)
        buf_adds(&b, "its command, image, environment or outputs have changed");
    buf_addf(&b, " (since run %lld)", (long long)l->before->run.id);
    return buf_take(&b);
}

static char *why(const struct listing *l, const struct store_task *then, const char *key)
{
    if (then && !then->state_reason && record_is_leaf(then) &&
        (then->state == STORE_SUCCEEDED || then->state == STORE_FAILED))
        return why_it_ran(l, then, key);
    return then && then->state_reason ? dh_strdup(then->state_reason) : NULL;
}

static void add_json(struct listing *l, const struct engine_explained *task,
                     const struct store_task *then)
{
    struct js *v = js_object();

    out_set_text(v, "key", task->key);
    out_set_text(v, "type", plan_type_name(task->type));
    if (l->record) {
        own_mem char *reason = why(l, then, task->key);

        out_set_text(v, "state", then ? store_state_name(then->state) : NULL);
        out_set_text(v, "reason", reason);
        out_set_text(v, "cached_from", then ? then->cached_from : NULL);
    }
    out_set_text(v, "would", would_names[task->would]);
    out_set_text(v, "because", task->because);
    out_set_text(v, "fingerprint",
                 task->fingerprint && *task->fingerprint ? task->fingerprint : NULL);
    js_push(l->list, v);
}

static void add_row(struct listing *l, const struct engine_explained *task,
                    const struct store_task *then)
{
    out_cell(l->table, strncmp(task->key, "root.", 5) ? task->key : task->key + 5, OUT_PLAIN);
    if (l->record) {
        own_mem char *reason = why(l, then, task->key);

        out_cell_state(l->table, then ? store_state_name(then->state) : "-");
        out_cell(l->table, reason, OUT_DIM);
    }
    out_cell(l->table, would_names[task->would], would_style(task->would));
    out_cell(l->table, task->because, OUT_PLAIN);
}

static void on_task(void *user, const struct engine_explained *task)
{
    struct listing *l = user;
    const struct store_task *then = strmap_get(l->by_key, task->key);

    if (!strcmp(task->key, "root"))
        return;
    l->counts[task->would] +=
        task->would == ENGINE_SKIP || task->type == PLAN_RUNTIME || task->type == PLAN_IMPORTER;
    if (l->cli->json)
        add_json(l, task, then);
    else
        add_row(l, task, then);
}

static void listing_begin(struct listing *l)
{
    out_column(l->table, "TASK", OUT_LEFT);
    if (l->record) {
        out_column(l->table, "STATE", OUT_LEFT);
        out_column(l->table, "WHY", OUT_LEFT);
    }
    out_column(l->table, l->record ? "NOW" : "WOULD", OUT_LEFT);
    out_column(l->table, "BECAUSE", OUT_LEFT);
}

static int listing_end(const struct listing *l)
{
    if (l->cli->json) {
        out_json(l->list, stdout);
        return CLI_DONE;
    }
    out_table_print(l->table, "");
    fprintf(stderr,
            "to run: %zu, with a result that can be used: %zu, skipped: %zu, waiting for what "
            "these give: %zu\n",
            l->counts[ENGINE_RUN], l->counts[ENGINE_CACHED] + l->counts[ENGINE_SUCCEEDED],
            l->counts[ENGINE_SKIP], l->counts[ENGINE_UNKNOWN]);
    return CLI_DONE;
}

/* ---- plan ---- */

static int run_plan(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    own_spec_notes struct spec_notes notes = {0};
    own(spec_free) struct spec *spec = NULL;
    own(engine_close) struct engine *engine = NULL;
    own(out_table_free) struct out_table *table = out_table_new(stdout, cli->color);
    own(js_free) struct js *list = js_array();
    __attribute__((cleanup(cli_request_done))) struct cli_request request = {0};
    struct listing listing = {.cli = cli, .table = table, .list = list};
    int rc = cli_spec_load(cli_at(args, 0), &spec, &notes, err);

    cli_print_notes(cli, &notes, rc < 0 ? err->msg : NULL);
    if (rc < 0 || cli_request(args, spec, &request, err) < 0 ||
        cli_engine(cli, false, &engine, err) < 0)
        return -1;
    listing_begin(&listing);
    if (engine_explain(engine, &request.engine, cli_get(args, "compare"), on_task, &listing, err) <
        0)
        return -1;
    return listing_end(&listing);
}

static const struct cli_option plan_options[] = {
    CLI_PARAM_OPTIONS,
    {.name = "cache",
     .value = "MODE",
     .choices = "on off read refresh",
     .help = "as for 'dhow run'"},
    {.name = "runtime",
     .value = "RUNTIME",
     .choices = "process sandbox oci",
     .help = "as for 'dhow run'"},
    {.name = "compare",
     .value = "RUN",
     .kind = CLI_RUN,
     .help = "the run to compare with (default: the newest of this pipeline that succeeded)"},
    {.name = NULL},
};

const struct cli_command cmd_plan = {
    .name = "plan",
    .group = "Running",
    .summary = "say what running a pipeline would do, task by task; run nothing",
    .operands = "FILE",
    .min_operands = 1,
    .max_operands = 1,
    .operand_kind = CLI_FILE,
    .options = plan_options,
    .text = "RUN: it would run; CACHED: its result is there and would be used; SKIP: its condition "
            "is false; UNKNOWN: it\n"
            "depends on the outputs of a task that would run.",
    .examples = "dhow plan pipeline.yaml -p threshold=0.95",
    .run = run_plan,
};

/* ---- explain ---- */

static int recorded_spec(struct store *store, const struct record *record, struct spec **ret,
                         struct dh_err *err)
{
    const char *text;
    own_mem char *name = dh_printf("run %lld", (long long)record->run.id);

    if (store_spec_get(store, record->run.spec_digest, record->arena, &text, err) < 0)
        return -1;
    return spec_load_bytes(name, text, strlen(text), ret, NULL, err);
}

/* The newest run of the same pipeline before it that succeeded; *ret stays NULL: there is none. */
static int load_before(struct store *store, const struct record *record, struct record **ret,
                       struct dh_err *err)
{
    struct store_run_filter filter = {.pipeline = record->run.pipeline,
                                      .state = STORE_SUCCEEDED,
                                      .archived_too = true,
                                      .limit = 1,
                                      .after_created_us = record->run.created_us,
                                      .after_id = record->run.id};
    struct store_runs runs;

    if (!record->run.pipeline)
        return 0;
    if (store_run_list(store, &filter, record->arena, &runs, err) < 0)
        return -1;
    return runs.n ? record_load(store, runs.items[0].uuid, ret, err) : 0;
}

static int run_explain(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    own(spec_free) struct spec *spec = NULL;
    own(engine_close) struct engine *engine = NULL;
    own(record_free) struct record *record = NULL;
    own(record_free) struct record *before = NULL;
    own(strmap_free) struct strmap *by_key = NULL;
    own(js_free) struct js *parameters = NULL;
    own(out_table_free) struct out_table *table = out_table_new(stdout, cli->color);
    own(js_free) struct js *list = js_array();
    struct engine_request request = {0};
    struct listing listing = {.cli = cli, .table = table, .list = list};
    {
        own(store_close) struct store *store = NULL;

        if (cli_store_with(cli, "runs", &store, err) < 0 ||
            record_load(store, cli_at(args, 0), &record, err) < 0 ||
            load_before(store, record, &before, err) < 0 ||
            recorded_spec(store, record, &spec, err) < 0)
            return -1;
    }
    by_key = tasks_by_key(record);
    parameters = out_parse(record->run.parameters, js_object());
    request = (struct engine_request){.spec = spec,
                                      .parameters = parameters,
                                      .experiment = record->run.experiment,
                                      .pipeline_root = record->run.pipeline_root,
                                      .cache = record->run.cache_mode};
    listing.record = record;
    listing.before = before;
    listing.by_key = by_key;
    listing_begin(&listing);
    if (cli_engine(cli, false, &engine, err) < 0 ||
        engine_explain(engine, &request, record->run.uuid, on_task, &listing, err) < 0)
        return -1;
    return listing_end(&listing);
}

const struct cli_command cmd_explain = {
    .name = "explain",
    .group = "Running",
    .summary = "say why each task of a run ran, or did not, and what would happen now",
    .operands = "RUN",
    .min_operands = 1,
    .max_operands = 1,
    .operand_kind = CLI_RUN,
    .text =
        "STATE and WHY are what happened then, and which input differed from the newest run "
        "before that\n"
        "succeeded; NOW and BECAUSE are what running the same pipeline with the same parameters "
        "would do now.",
    .examples = "dhow explain last",
    .run = run_explain,
};
