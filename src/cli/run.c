/* run - a compiled pipeline from start to finish. */
#include <string.h>

#include "base/arena.h"
#include "base/fs.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/edit.h"
#include "cli/execute.h"
#include "cli/out.h"
#include "cli/pipeline.h"
#include "cli/request.h"
#include "engine/secret.h"

static int read_secret(const char *text, struct js *secrets, struct dh_err *err)
{
    const char *equals = strchr(text, '=');
    own_mem char *name = equals ? dh_strndup(text, (size_t)(equals - text)) : NULL;
    const char *file = equals ? equals + 1 : "";
    own_mem char *path = equals && secret_is_file(equals + 1, &file) ? fs_absolute(file) : NULL;

    if (!equals || equals == text || !equals[1])
        return dh_fail(err, DH_INVALID, "--secret %s: expected NAME=FILE", text);
    if (path && !fs_exists(path))
        return dh_fail(err, DH_NOT_FOUND, "--secret %s: no such file: %s", name, equals + 1);
    js_set(secrets, name, js_str(path ? path : equals + 1));
    return 0;
}

static int read_tags(const struct cli_args *args, struct js *tags, struct dh_err *err)
{
    const char *text, *value;

    for (size_t i = 0; (text = cli_get_at(args, "tag", i)); i++) {
        own_mem char *name = NULL;

        if (cli_split_tag(text, &name, &value, err) < 0)
            return dh_while(err, "--tag");
        js_set(tags, name, js_str(value));
    }
    return 0;
}

int cli_request(const struct cli_args *args, const struct spec *spec, struct cli_request *ret,
                struct dh_err *err)
{
    const char *secret, *target;

    *ret = (struct cli_request){.secrets = js_object(), .tags = js_object()};
    ret->engine = (struct engine_request){.spec = spec,
                                          .source = cli_at(args, 0),
                                          .display_name = cli_get(args, "name"),
                                          .experiment = cli_get(args, "experiment"),
                                          .pipeline_root = cli_has(args, "pipeline-root")
                                                               ? cli_get(args, "pipeline-root")
                                                               : cli_get(args, "root"),
                                          .cache = cli_get(args, "cache"),
                                          .runtime = cli_get(args, "runtime"),
                                          .no_warm = cli_has(args, "no-warm"),
                                          .network = cli_get(args, "network")};
    if (cli_params(spec, args, &ret->parameters, err) < 0 ||
        cli_jobs(args, &ret->engine.jobs, err) < 0)
        return -1;
    for (size_t i = 0; (secret = cli_get_at(args, "secret", i)); i++)
        if (read_secret(secret, ret->secrets, err) < 0)
            return -1;
    ret->engine.parameters = ret->parameters;
    ret->engine.secrets = ret->secrets;
    if (read_tags(args, ret->tags, err) < 0)
        return -1;
    ret->engine.tags = ret->tags;
    ret->notify = js_array();
    for (size_t i = 0; (target = cli_get_at(args, "notify", i)); i++)
        js_push(ret->notify, js_str(target));
    ret->engine.notify = ret->notify;
    ret->engine.notify_on = cli_get(args, "notify-on");
    return 0;
}

void cli_request_done(struct cli_request *request)
{
    js_free(request->parameters);
    js_free(request->secrets);
    js_free(request->notify);
    js_free(request->tags);
    *request = (struct cli_request){0};
}

/* --from: the newest run of this pipeline that has ended, taken up with the file as it is now. */
static int run_from(const struct cli *cli, const struct cli_args *args, struct engine *engine,
                    const struct spec *spec, struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    const char *name = spec->pipeline.pipeline_info.name, *task = cli_get(args, "from");
    const struct store_run_filter filter = {.pipeline = name, .state = -1, .limit = 20};
    struct engine_how how = {
        .mode = ENGINE_RETRY, .from = (const char *[]){task, NULL}, .spec = spec};
    struct store_runs runs;

    if (cli_has(args, "param") || cli_has(args, "params"))
        return dh_fail(
            err, DH_INVALID,
            "--from takes up an earlier run with its parameters: leave -p and --params away");
    if (cli_jobs(args, &how.jobs, err) < 0 ||
        store_run_list(engine_store(engine), &filter, a, &runs, err) < 0)
        return -1;
    for (size_t i = 0; i < runs.n; i++)
        if (store_state_ended(runs.items[i].state))
            return cli_execute(cli, args, engine, runs.items[i].uuid, how, err);
    return dh_fail(err, DH_NOT_FOUND,
                   "--from %s: pipeline '%s' has no run that has ended; run it once without --from",
                   task, name);
}

static int submit_and_run(const struct cli *cli, const struct cli_args *args, struct engine *engine,
                          const struct spec *spec, struct dh_err *err)
{
    __attribute__((cleanup(cli_request_done))) struct cli_request request = {0};
    char run_id[ID_TEXT];

    if (cli_request(args, spec, &request, err) < 0)
        return -1;
    if (!cli_has(args, "detach"))
        return cli_start(cli, args, engine, &request.engine, err);
    return engine_submit(engine, &request.engine, run_id, err) < 0 ? -1
                                                                   : cli_detach(cli, run_id, err);
}

static int run_run(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    own_spec_notes struct spec_notes notes = {0};
    own(spec_free) struct spec *spec = NULL;
    own(cli_engine_leave) struct engine *engine = NULL;
    int jobs, rc = cli_jobs(args, &jobs, err); /* wrong use is said before the file is read */

    if (rc == 0)
        rc = cli_spec_load(cli_at(args, 0), &spec, &notes, err);
    cli_print_notes(cli, &notes, rc < 0 ? err->msg : NULL);
    if (rc < 0 || cli_engine(cli, !cli_has(args, "detach"), &engine, err) < 0)
        return -1;
    if (cli_has(args, "from"))
        return run_from(cli, args, engine, spec, err);
    return submit_and_run(cli, args, engine, spec, err);
}

static const struct cli_option run_options[] = {
    CLI_PARAM_OPTIONS,
    {.name = "name",
     .value = "NAME",
     .help = "the run's name (default: the pipeline's, and the time)"},
    {.name = "experiment",
     .value = "NAME",
     .kind = CLI_EXPERIMENT,
     .help = "the experiment that it belongs to"},
    {.name = "tag",
     .value = "NAME=VALUE",
     .repeats = true,
     .help = "a tag of the run, by which 'dhow runs --where' finds it"},
    {.name = "runtime",
     .value = "RUNTIME",
     .choices = "process sandbox oci",
     .help = "how a step runs: process, sandbox or oci"},
    {.name = "network",
     .value = "MODE",
     .choices = "on off",
     .help = "may steps use the network (default: off in a sandbox, on in a container)"},
    {.name = "cache",
     .value = "MODE",
     .choices = "on off read refresh",
     .help = "on: use and add results; read: use; refresh: add; off: neither"},
    {.name = "from",
     .value = "TASK",
     .kind = CLI_TASK,
     .help = "take up the newest run of this pipeline, from TASK on"},
    {.name = "secret",
     .value = "NAME=SOURCE",
     .kind = CLI_FILE,
     .repeats = true,
     .help = "a secret of the pipeline, read when a step needs it: a file of mode 600, env:NAME, "
             "keyring:NAME, age:FILE"},
    {.name = "pipeline-root",
     .value = "DIR|URI",
     .kind = CLI_FOLDER,
     .help = "where artifacts go: a folder, or s3://bucket/path, minio://…, gs://… (default: the "
             "pipeline's own, if there are keys for it; else HOME/artifacts)"},
    {.name = "root", .value = "DIR|URI", .kind = CLI_FOLDER, .help = "the same, in short"},
    {.name = "notify",
     .value = "COMMAND|URL",
     .repeats = true,
     .help =
         "run this command, or POST to this URL, when the run has ended; secret:NAME/KEY for one "
         "that is a secret"},
    {.name = "notify-on",
     .value = "WHEN",
     .choices = "end failure all",
     .help = "when to notify: at the end, of failures alone, or of each state of each task"},
    {.name = "no-warm", .help = "a new interpreter for each Python step"},
    {.name = "detach", .letter = 'd', .help = "print the run's id and go on in the background"},
    CLI_EXECUTE_OPTIONS,
    {.name = NULL},
};

const struct cli_command cmd_run = {
    .name = "run",
    .group = "Running",
    .summary = "run a compiled pipeline from start to finish",
    .operands = "FILE",
    .min_operands = 1,
    .max_operands = 1,
    .operand_kind = CLI_FILE,
    .options = run_options,
    .text = "FILE is what the kfp SDK's compiler wrote: YAML or JSON, also in a .zip or .tar.gz; "
            "'-' is standard input.\n"
            "The pipeline's output parameters go to standard output as NAME=VALUE (with --output "
            "json: the whole run as\n"
            "one object), progress and the summary to standard error. Ctrl-C cancels: exit "
            "handlers still run; a second\n"
            "one stops them too.\n"
            "\n"
            "Exit status: 0 succeeded, 1 failed, 2 wrong use or an invalid pipeline, 3 the "
            "machine's fault, 130 cancelled.",
    .examples = "dhow run pipeline.yaml -p threshold=0.95 -p 'layers=[64, 32]'\n"
                "dhow run pipeline.yaml --experiment tuning --cache refresh --jobs 4\n"
                "dhow run pipeline.yaml --output json | jq .outputs",
    .run = run_run,
};
