/* validate - read a pipeline and say all that is wrong with it; run nothing. */
#include <string.h>

#include "base/mem.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/pipeline.h"
#include "plan/plan.h"
#include "spec/params.h"
#include "spec/spec.h"

static struct js *notes_json(const struct spec_notes *notes, enum spec_note_kind kind)
{
    struct js *list = js_array();

    for (size_t i = 0; i < notes->n; i++) {
        const struct spec_note *note = &notes->items[i];
        struct js *v;

        if (note->kind != kind)
            continue;
        v = js_object();
        js_set(v, "line", js_int(note->pos.line));
        js_set(v, "column", js_int(note->pos.column));
        out_set_text(v, "message", note->text);
        js_push(list, v);
    }
    return list;
}

/* Conditions, selectors and cycles: what plan_new refuses, with stand-in values for the run. */
static int check_plan(const struct spec *spec, struct dh_err *err)
{
    own(plan_free) struct plan *plan = NULL;
    own(js_free) struct js *none = js_object();
    const struct plan_run run = {.run_id = "",
                                 .job_name = "",
                                 .resource_name = "",
                                 .pipeline_root = "",
                                 .created_at = "",
                                 .scheduled_at = "",
                                 .parameters = none};

    return plan_new(spec, &run, &plan, err);
}

static size_t count_tasks(const struct spec *spec)
{
    size_t n = 0;

    for (size_t i = 0; i < spec->pipeline.components.n; i++)
        if (spec->pipeline.components.items[i].dag)
            n += spec->pipeline.components.items[i].dag->tasks.n;
    return n + (spec->pipeline.root.dag ? spec->pipeline.root.dag->tasks.n : 0);
}

static void print_parameters(const struct spec *spec)
{
    const struct component_inputs_parameter_map *parameters =
        &spec->pipeline.root.input_definitions.parameters;

    if (parameters->n)
        printf("  parameters:\n");
    for (size_t i = 0; i < parameters->n; i++) {
        const struct component_inputs_parameter_spec *p = &parameters->items[i];
        own_mem char *value = p->default_value ? out_value(p->default_value, 60) : NULL;

        printf("    %s  %s%s%s\n", p->name, spec_param_type_name(p->parameter_type),
               value            ? ", default "
               : p->is_optional ? ", optional"
                                : ", required",
               value ? value : "");
    }
}

static int print_result(const struct cli *cli, const char *file, const struct spec *spec,
                        const struct spec_notes *notes, const struct dh_err *fault)
{
    if (cli->json) {
        own(js_free) struct js *v = js_object();

        out_set_text(v, "file", file);
        js_set(v, "valid", js_bool(!fault));
        out_set_text(v, "pipeline", spec ? spec->pipeline.pipeline_info.name : NULL);
        out_set_text(v, "error", fault ? fault->msg : NULL);
        js_set(v, "errors", notes_json(notes, SPEC_ERROR));
        js_set(v, "warnings", notes_json(notes, SPEC_WARNING));
        out_json(v, stdout);
    } else if (!fault) {
        printf("%s: pipeline '%s' is valid: %zu tasks, %zu components, schema %s%s%s\n", file,
               spec->pipeline.pipeline_info.name, count_tasks(spec), spec->pipeline.components.n,
               spec->pipeline.schema_version, *spec->pipeline.sdk_version ? ", made by " : "",
               spec->pipeline.sdk_version);
        print_parameters(spec);
    }
    return fault ? CLI_WRONG : CLI_DONE;
}

static int run_validate(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    own_spec_notes struct spec_notes notes = {0};
    own(spec_free) struct spec *spec = NULL;
    const char *file = cli_at(args, 0);
    int rc = cli_spec_load(file, &spec, &notes, err);

    if (rc == 0)
        rc = check_plan(spec, err);
    if (rc < 0 && err->code != DH_INVALID)
        return -1;
    cli_print_notes(cli, &notes, rc < 0 ? err->msg : NULL);
    if (rc < 0 && !cli->json)
        return -1;
    return print_result(cli, file, spec, &notes, rc < 0 ? err : NULL);
}

const struct cli_command cmd_validate = {
    .name = "validate",
    .group = "Pipelines",
    .summary = "check a compiled pipeline without running it",
    .operands = "FILE",
    .min_operands = 1,
    .max_operands = 1,
    .operand_kind = CLI_FILE,
    .text = "Reads the pipeline spec (and the platform spec), every condition and every selector, "
            "and says each thing\n"
            "that is wrong with FILE:LINE:COLUMN and the path in the spec. Fields that dhow does "
            "not know are warnings.\n"
            "Exit status 0: it can run; 2: it cannot.",
    .examples = "dhow validate pipeline.yaml",
    .run = run_validate,
};
