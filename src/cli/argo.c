/* argo - a pipeline as an Argo Workflow, printed. */
#include <string.h>

#include "argo/argo.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/pipeline.h"
#include "plan/plan.h"
#include "spec/doc-write.h"
#include "spec/params.h"

static int print(const struct cli *cli, const struct js *manifest, struct dh_err *err)
{
    own_buf struct buf yaml = {0};

    if (cli->json) {
        out_json(manifest, stdout);
        return 0;
    }
    if (doc_write_yaml(&manifest, 1, &yaml, err) < 0)
        return -1;
    fwrite(buf_str(&yaml), 1, yaml.n, stdout);
    return 0;
}

static int options_of(const struct cli_args *args, struct argo_options *ret, struct dh_err *err)
{
    long parallelism, retries;

    if (cli_get_int(args, "parallelism", 0, 0, &parallelism, err) < 0 ||
        cli_get_int(args, "lost-retries", 0, 2, &retries, err) < 0)
        return -1;
    if (argo_agent_named(cli_get(args, "agent"), &ret->agent, err) < 0)
        return -1;
    ret->name = cli_get(args, "name");
    ret->namespace = cli_get(args, "namespace");
    ret->server = cli_get(args, "launch-url");
    ret->launcher_image = cli_get(args, "launcher-image");
    ret->image_volume = cli_has(args, "image-volume");
    ret->runner_account = cli_get(args, "runner-account");
    ret->executor_account = cli_get(args, "executor-account");
    ret->image_pull_secret = cli_get(args, "image-pull-secret");
    ret->parallelism = (int32_t)parallelism;
    ret->error_retries = retries ? (int32_t)retries : -1;
    return 0;
}

static int run_argo(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    own_spec_notes struct spec_notes notes = {0};
    own(spec_free) struct spec *spec = NULL;
    own(js_free) struct js *given = NULL;
    own(js_free) struct js *parameters = NULL;
    own(argo_free) struct argo_workflow *workflow = NULL;
    own_mem char *name = NULL;
    char id[ID_TEXT], now[CLOCK_TEXT];
    struct plan_run run = {0};
    struct argo_options options = {.run = &run};
    int rc = cli_spec_load(cli_at(args, 0), &spec, &notes, err);

    cli_print_notes(cli, &notes, rc < 0 ? err->msg : NULL);
    if (rc < 0 || cli_params(spec, args, &given, err) < 0 ||
        spec_bind_params(spec, given, &parameters, err) < 0 || options_of(args, &options, err) < 0)
        return -1;
    run.run_id = cli_get(args, "run-id") ? cli_get(args, "run-id") : id_new(id);
    if (!id_is_uuid(run.run_id))
        return dh_fail(err, DH_INVALID, "--run-id %s: expected a UUID", run.run_id);
    name = options.name ? dh_strdup(options.name)
                        : argo_name(spec->pipeline.pipeline_info.name, run.run_id);
    run.job_name = run.resource_name = name;
    run.created_at = run.scheduled_at = clock_text(clock_now_us(), now);
    run.parameters = parameters;
    if (argo_compile(spec, &options, &workflow, err) < 0 ||
        print(cli, argo_manifest(workflow), err) < 0)
        return -1;
    return CLI_DONE;
}

static const struct cli_option argo_options_list[] = {
    CLI_PARAM_OPTIONS,
    {.name = "run-id", .value = "UUID", .help = "the run's id (default: a new one)"},
    {.name = "name",
     .value = "NAME",
     .help = "the Workflow's name (default: the pipeline's, and the run's)"},
    {.name = "namespace", .value = "NS", .help = "the namespace that the Workflow names"},
    CLI_POD_OPTIONS,
    {.name = "lost-retries",
     .value = "N",
     .help =
         "how often a pod that was lost is made anew, where the task says nothing (default: 2)"},
    {.name = NULL},
};

const struct cli_command cmd_argo = {
    .name = "argo",
    .group = "Pipelines",
    .summary = "print a pipeline as an Argo Workflow",
    .operands = "FILE",
    .min_operands = 1,
    .max_operands = 1,
    .operand_kind = CLI_FILE,
    .options = argo_options_list,
    .text = "One pod for a container task, none for dags, conditions, loops, importers and volume "
            "claims. The pods ask dhow's\n"
            "server what to do ('dhow serve --engine argo' makes the same Workflow for its runs). "
            "What Argo cannot say is an\n"
            "error that names task and field.",
    .examples = "dhow argo pipeline.yaml -p threshold=0.9 --namespace ml",
    .run = run_argo,
};
