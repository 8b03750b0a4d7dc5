/* show - a run, one of its tasks, or one output. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/otlp.h"
#include "artifact/artifact-cache.h"
#include "artifact/artifact.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/record.h"
#include "engine/secret.h"

enum { VALUE_WIDTH = 110, PREVIEW_LINES = 20, PREVIEW_BYTES = 16384 };

static void field(const struct cli *cli, const char *name, const char *value)
{
    own_mem char *clean = out_text(value ? value : "", 0);

    if (*clean)
        printf("  %s%-12s%s %s\n", out_on(cli->color, OUT_DIM), name, out_off(cli->color), clean);
}

static void print_values(const struct cli *cli, const char *title, const char *json)
{
    own(js_free) struct js *values = out_parse(json, js_object());
    size_t width = 0;

    for (js_each(values, it))
        width = strlen(it.key) > width ? strlen(it.key) : width;
    if (js_n(values))
        printf("\n  %s%s%s\n", out_on(cli->color, OUT_BOLD), title, out_off(cli->color));
    for (js_each(values, it)) {
        own_mem char *key = out_text(it.key, 0);
        own_mem char *value = out_value(it.value, VALUE_WIDTH);

        printf("  %-*s  %s\n", (int)width, key, value);
    }
}

static void print_times(const struct cli *cli, int64_t started_us, int64_t finished_us)
{
    own_mem char *started = out_time(started_us);
    own_mem char *took = out_duration(started_us, finished_us);

    if (started_us) {
        own_mem char *text =
            dh_printf("%s%s%s", started, finished_us ? ", took " : "", finished_us ? took : "");

        field(cli, "started", text);
    }
}

/* ---- RUN ---- */

static void show_run(const struct cli *cli, const struct record *record)
{
    const struct store_run *run = &record->run;
    const char *state = store_state_name(run->state);
    own_mem char *name = out_text(run->display_name ? run->display_name : "", 0);

    printf("%s%s %s%s  run %lld%s%s\n", out_on(cli->color, out_state_style(state)),
           out_state_mark(state), state, out_off(cli->color), (long long)run->id, *name ? "  " : "",
           name);
    field(cli, "id", run->uuid);
    if (run->pipeline) {
        own_mem char *pipeline =
            dh_printf("%s%s%s", run->pipeline, run->pipeline_version ? ", version " : "",
                      run->pipeline_version ? run->pipeline_version : "");

        field(cli, "pipeline", pipeline);
    }
    field(cli, "experiment", run->experiment);
    print_times(cli, run->started_us, run->finished_us);
    field(cli, "cache", run->cache_mode);
    field(cli, "root", run->pipeline_root);
    print_values(cli, "PARAMETERS", run->parameters);
    if (record->tasks.n)
        (void)putchar('\n');
    record_print_tasks(record, stdout, cli->color);
    record_print_metrics(record, stdout, cli->color);
    print_values(cli, "OUTPUTS", run->outputs);
    record_print_error(record, stdout, cli->color);
    if (run->state == STORE_RUNNING && !record_is_live(run))
        record_tell_still(run);
}

/* ---- RUN/TASK ---- */

static void print_links(const struct cli *cli, const char *title, const struct store_linkeds *all,
                        int64_t task_id)
{
    struct store_linkeds links = record_links(all, task_id);
    own(out_table_free) struct out_table *table = out_table_new(stdout, cli->color);

    out_column(table, title, OUT_LEFT);
    out_column(table, "TYPE", OUT_LEFT);
    out_column(table, "SIZE", OUT_RIGHT);
    out_column(table, "SHA-256", OUT_LEFT);
    out_column(table, "WHERE", OUT_LEFT);
    for (size_t i = 0; i < links.n; i++) {
        const struct store_artifact *artifact = &links.items[i].artifact;
        own_mem char *size = out_bytes(artifact->size_bytes);

        out_cell(table, links.items[i].link.key, OUT_PLAIN);
        out_cell(table, artifact->type, OUT_PLAIN);
        out_cell(table, size, OUT_PLAIN);
        out_cellf(table, "%.12s", artifact->digest ? artifact->digest : "-");
        out_cell(table, artifact->uri, OUT_PLAIN);
    }
    if (links.n) {
        (void)putchar('\n');
        out_table_print(table, "  ");
    }
}

static void print_task_error(const struct cli *cli, const struct store_task *task)
{
    own(js_free) struct js *error = out_parse(task->error, js_null());
    const char *message = js_get_text(error, "message"), *tail = js_get_text(error, "log_tail");

    if (!message)
        return;
    printf("\n  %sERROR%s %s\n", out_on(cli->color, OUT_RED), out_off(cli->color), message);
    if (tail && *tail)
        printf("%s%s", tail, tail[strlen(tail) - 1] == '\n' ? "" : "\n");
}

static void show_task(const struct cli *cli, const struct record *record,
                      const struct store_task *task)
{
    const char *state = store_state_name(task->state);
    own_mem char *attempts = dh_printf("%lld", (long long)task->attempts);
    own_mem char *code = task->exit_code < 0 ? NULL : dh_printf("%lld", (long long)task->exit_code);

    printf("%s%s %s%s  %s of run %lld\n", out_on(cli->color, out_state_style(state)),
           out_state_mark(state), state, out_off(cli->color), task->name,
           (long long)record->run.id);
    field(cli, "key", record_key(record, task));
    field(cli, "id", task->uuid);
    field(cli, "type", store_task_type_name(task->type));
    field(cli, "reason", task->state_reason);
    print_times(cli, task->started_us, task->finished_us);
    field(cli, "attempts", task->attempts > 1 ? attempts : NULL);
    field(cli, "exit code", code);
    field(cli, "cached from", task->cached_from);
    field(cli, "fingerprint", task->cache_fingerprint);
    field(cli, "log", task->log_path);
    field(cli, "folder", task->folder);
    print_values(cli, "INPUT PARAMETERS", task->inputs);
    print_links(cli, "INPUT ARTIFACTS", &record->inputs, task->id);
    print_values(cli, "OUTPUT PARAMETERS", task->outputs);
    print_links(cli, "OUTPUT ARTIFACTS", &record->outputs, task->id);
    print_task_error(cli, task);
}

static int show_tasks(const struct cli *cli, const struct record *record,
                      const struct record_tasks *tasks)
{
    if (cli->json) {
        own(js_free) struct js *list = js_array();

        for (size_t i = 0; i < tasks->n; i++)
            js_push(list, record_task_json(record, tasks->items[i]));
        out_json(tasks->n == 1 ? js_at(list, 0) : list, stdout);
        return CLI_DONE;
    }
    for (size_t i = 0; i < tasks->n; i++) {
        if (i)
            (void)putchar('\n');
        show_task(cli, record, tasks->items[i]);
    }
    return CLI_DONE;
}

/* ---- RUN/TASK/OUTPUT ---- */

static bool is_text(const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)bytes[i] < 9)
            return false;
    return true;
}

static void preview(const struct cli *cli, const char *path)
{
    FILE *file = fs_is_dir(path) ? NULL : fopen(path, "re");
    own_mem char *bytes = dh_alloc(PREVIEW_BYTES + 1);
    size_t n = file ? fread(bytes, 1, PREVIEW_BYTES, file) : 0;
    char *at = bytes;

    if (file)
        (void)fclose(file);
    if (!n || !is_text(bytes, n))
        return;
    bytes[n] = '\0';
    printf("\n");
    for (int line = 0; *at && line < PREVIEW_LINES; line++) {
        size_t len = strcspn(at, "\n");
        own_mem char *text = dh_strndup(at, len);
        own_mem char *clean = out_text(text, VALUE_WIDTH);

        printf("  %s\n", clean);
        at += len + (at[len] == '\n');
    }
    if (*at || n == PREVIEW_BYTES)
        printf("  %s… (--content prints all of it)%s\n", out_on(cli->color, OUT_DIM),
               out_off(cli->color));
}

static int print_content(const struct cli *cli, const struct store_artifact *artifact,
                         struct dh_err *err);

/* What is far comes into the cache, and is printed from there. */
static int print_far(const struct cli *cli, const struct store_artifact *artifact,
                     struct dh_err *err)
{
    const struct artifact_how how = {.digest = artifact->digest};
    struct store_artifact here = *artifact;
    own_mem char *home = NULL;
    own_mem char *cache = NULL;
    own_mem char *link = NULL;
    int rc;

    if (cli_home(cli, &home, err) < 0)
        return -1;
    secret_serve_artifacts(home);
    cache = fs_join(home, "cache/artifacts");
    link = dh_printf("%s/.show-%lld", cache, (long long)getpid());
    rc = artifact_cache_give(cache, artifact->uri, &how, link, NULL, err);
    here.uri = link;
    if (rc == 0)
        rc = print_content(cli, &here, err);
    (void)fs_remove_tree(link, NULL);
    return rc;
}

static int print_content(const struct cli *cli, const struct store_artifact *artifact,
                         struct dh_err *err)
{
    own_mem char *path = NULL;
    char bytes[65536];
    FILE *file;
    size_t n;

    if (artifact_uri_is_remote(artifact->uri))
        return print_far(cli, artifact, err);
    if (artifact_uri_local(artifact->uri, &path, err) != 0)
        return dh_fail(err, DH_INVALID, "%s is not a file of this machine", artifact->uri);
    if (fs_is_dir(path))
        return dh_fail(err, DH_INVALID, "%s is a folder; copy it from there", path);
    file = fopen(path, "re");
    if (!file)
        return dh_fail_errno(err, "%s", path);
    while ((n = fread(bytes, 1, sizeof bytes, file)) > 0)
        (void)fwrite(bytes, 1, n, stdout);
    (void)fclose(file);
    return CLI_DONE;
}

static void show_artifact(const struct cli *cli, const struct store_artifact *artifact)
{
    own_mem char *size = out_bytes(artifact->size_bytes);
    own_mem char *created = out_time(artifact->created_us);
    own_mem char *path = NULL;
    bool local = artifact_uri_local(artifact->uri, &path, NULL) == 0;

    printf("%s%s%s  %s\n", out_on(cli->color, OUT_BOLD),
           artifact->name ? artifact->name : "artifact", out_off(cli->color), artifact->type);
    field(cli, "id", artifact->uuid);
    field(cli, "where", artifact->uri);
    field(cli, "sha-256", artifact->digest);
    field(cli, "size", size);
    field(cli, "created", created);
    if (artifact->state == STORE_DELETED)
        field(cli, "state", "deleted");
    else if (local && !fs_exists(path))
        field(cli, "state", "gone: there is nothing at that place");
    print_values(cli, "METADATA", artifact->metadata);
    if (local)
        preview(cli, path);
}

static int no_such_output(const struct record *record, const struct store_task *task,
                          const char *name, struct dh_err *err)
{
    own_buf struct buf names = {.max = 400};
    own(js_free) struct js *values = out_parse(task->outputs, js_object());
    struct store_linkeds links = record_links(&record->outputs, task->id);

    for (js_each(values, it))
        buf_addf(&names, "%s%s", names.n ? ", " : "", it.key);
    for (size_t i = 0; i < links.n; i++)
        if (links.items[i].link.index == 0)
            buf_addf(&names, "%s%s", names.n ? ", " : "", links.items[i].link.key);
    return dh_fail(err, DH_NOT_FOUND, "task '%s' (%s) has no output '%s'; it has: %s", task->name,
                   store_state_name(task->state), name, names.n ? buf_str(&names) : "none");
}

static int show_parameter(const struct cli *cli, const struct js *value)
{
    own_mem char *text = cli->json ? NULL : js_dump(value, JS_PRETTY);

    if (cli->json)
        out_json(value, stdout);
    else
        printf("%s\n", js_is(value, JS_STRING) ? js_text(value) : text);
    return CLI_DONE;
}

static int show_output(const struct cli *cli, const struct record *record,
                       const struct store_task *task, const char *name, bool content,
                       struct dh_err *err)
{
    own(js_free) struct js *values = out_parse(task->outputs, js_object());
    own(js_free) struct js *list = js_array();
    struct store_linkeds links = record_links(&record->outputs, task->id);
    size_t n = 0;

    if (js_get(values, name))
        return show_parameter(cli, js_get(values, name));
    for (size_t i = 0; i < links.n; i++) {
        if (strcmp(links.items[i].link.key, name) != 0)
            continue;
        if (content && print_content(cli, &links.items[i].artifact, err) < 0)
            return -1;
        if (cli->json)
            js_push(list, record_artifact_json(&links.items[i].artifact));
        else if (!content)
            show_artifact(cli, &links.items[i].artifact);
        n++;
    }
    if (!n)
        return no_such_output(record, task, name, err);
    if (cli->json && !content)
        out_json(list, stdout);
    return CLI_DONE;
}

static int show_trace(struct store *store, const char *name, struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    own_buf struct buf text = {0};
    struct store_run run;

    if (store_run_find(store, name, a, &run, err) < 0 ||
        otlp_write(store, &run, DHOW_VERSION, &text, err) < 0)
        return -1;
    printf("%s\n", text.p);
    return CLI_DONE;
}

static int run_show(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    own(store_close) struct store *store = NULL;
    own(record_free) struct record *record = NULL;
    own_place struct cli_place place = {0};
    struct record_tasks tasks;

    cli_place_split(cli_at(args, 0), &place);
    if (cli_store_with(cli, "runs", &store, err) < 0)
        return -1;
    if (cli_has(args, "trace"))
        return show_trace(store, place.run, err);
    if (record_load(store, place.run, &record, err) < 0)
        return -1;
    if (!place.task) {
        own(js_free) struct js *v = cli->json ? record_run_json(record) : NULL;

        if (cli->json)
            out_json(v, stdout);
        else
            show_run(cli, record);
        return CLI_DONE;
    }
    if (record_find_tasks(record, place.task, &tasks, err) < 0)
        return -1;
    if (!place.output)
        return show_tasks(cli, record, &tasks);
    if (tasks.n > 1)
        return dh_fail(err, DH_INVALID, "'%s' names %zu tasks of the run; name one, as in %s",
                       place.task, tasks.n, record_key(record, tasks.items[0]));
    return show_output(cli, record, tasks.items[0], place.output, cli_has(args, "content"), err);
}

static const struct cli_option show_options[] = {
    {.name = "content", .help = "of an output artifact: its bytes, to standard output"},
    {.name = "trace",
     .help = "the run as an OpenTelemetry trace: OTLP in JSON, as collectors take it"},
    {.name = NULL},
};

const struct cli_command cmd_show = {
    .name = "show",
    .group = "The record",
    .summary = "show a run, one of its tasks, or one output",
    .operands = "RUN[/TASK[/OUTPUT]]",
    .min_operands = 1,
    .max_operands = 1,
    .operand_kind = CLI_RUN,
    .options = show_options,
    .text = "RUN is the run's number, its id or the beginning of it, its name, or 'last'. TASK is "
            "the task's name; in a\n"
            "loop, its key, as in for-loop-1[3].train. OUTPUT is a parameter or an artifact.",
    .examples = "dhow show last\ndhow show last/train\ndhow show 17/promote/registered --content > "
                "model.json\n"
                "dhow show last --trace | curl -d @- -H 'Content-Type: application/json' "
                "http://localhost:4318/v1/traces",
    .run = run_show,
};
