/* component - run one of the built-in steps (src/components does it all), or say what a program
 * over dhow/component.h takes and gives. */
#include <string.h>
#include <sys/wait.h>

#include "base/fs.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/compile.h"
#include "cli/options.h"
#include "components/components.h"
#include "runtime/command.h"

enum { DESCRIBE_MS = 10 * 1000 };

static void list(FILE *to)
{
    size_t n;
    const struct component_info *all = components_list(&n);

    fprintf(to, "\nSteps\n");
    for (size_t i = 0; i < n; i++)
        fprintf(to, "  %-28s %s\n", all[i].name, all[i].help);
}

static const struct cli_option describe_options[] = {
    {.name = "image", .value = "IMAGE", .help = "the image that the program is in (needed)"},
    {.name = "command",
     .value = "PATH",
     .help = "how it is started there (default: / and the program's name)"},
    {.name = "part", .value = "NAME", .help = "which of several components of the program"},
    {.name = "to",
     .letter = 'o',
     .value = "FILE",
     .kind = CLI_FILE,
     .help = "where the component is written (default: standard output)"},
    {.name = NULL},
};

static int ask(const char *program, const char *part, struct js **ret, struct dh_err *err)
{
    own_mem char *path = fs_absolute(program);
    own_args struct args argv = {0};
    own_buf struct buf out = {.max = 16 << 20};
    own_buf struct buf said = {.max = 1 << 16};
    int status;

    if (!fs_exists(path))
        return dh_fail(err, DH_NOT_FOUND, "no program %s", program);
    args_add(&argv, path);
    if (part)
        args_add(&argv, part);
    args_add(&argv, "--describe");
    if (command_run(argv.v, DESCRIBE_MS, NULL, &out, &said, &status, err) < 0)
        return -1;
    if (status != 0 || js_parse(buf_str(&out), out.n, ret, NULL) < 0) {
        own_mem char *last = command_last_line(&said);

        return dh_fail(err, DH_INVALID,
                       "%s does not describe itself (a program over dhow/component.h does): %s",
                       program, last && *last ? last : "its --describe prints no JSON");
    }
    return 0;
}

static int run_describe(const struct cli_args *args, struct dh_err *err)
{
    const char *program = cli_at(args, 0), *image = cli_get(args, "image"),
               *path = cli_get(args, "command"), *part = cli_get(args, "part"),
               *slash = strrchr(program, '/');
    own_mem char *in_image = path ? dh_strdup(path) : dh_printf("/%s", slash ? slash + 1 : program);
    const char *command[] = {in_image, part};
    own(js_free) struct js *described = NULL;
    own_compiled struct compiled c = {0};

    if (!image)
        return dh_fail(err, DH_INVALID, "--image is missing: the image that %s is in", program);
    if (ask(program, part, &described, err) < 0 ||
        compile_component(described, image, command, part ? 2 : 1, &c, err) < 0)
        return -1;
    return cli_write_spec(&c, cli_get(args, "to"), err);
}

static const struct cli_command describe = {
    .name = "component describe",
    .summary = "the KFP component of a program over dhow/component.h",
    .operands = "PROGRAM",
    .min_operands = 1,
    .max_operands = 1,
    .operand_kind = CLI_FILE,
    .options = describe_options,
    .text = "Asks the program with --describe and writes the component as YAML, which the SDK's\n"
            "kfp.components.load_component_from_file and `dhow run` read.",
    .examples =
        "dhow component describe ./train --image registry/train:1 -o train.yaml\n  writes the "
        "component",
};

static int start_describe(struct cli *cli, struct dh_err *err)
{
    own(cli_args_free) struct cli_args *args = cli_args_new();

    cli->command = &describe;
    if (cli_parse(&describe, cli->argc - 2, cli->argv + 2, args, NULL, err) < 0)
        return -1;
    if (cli_has(args, "help")) {
        cli_help(&describe, stdout, cli->color);
        return CLI_DONE;
    }
    if (cli_n(args) != 1)
        return dh_fail(err, DH_INVALID, "expected one program: dhow component describe PROGRAM");
    return run_describe(args, err);
}

static int run_component(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    (void)args;
    if (cli->argc < 2 || !strcmp(cli->argv[1], "--help") || !strcmp(cli->argv[1], "-h")) {
        FILE *to = cli->argc < 2 ? stderr : stdout;

        cli_help(cli->command, to, false);
        list(to);
        return cli->argc < 2 ? CLI_WRONG : CLI_DONE;
    }
    if (!strcmp(cli->argv[1], "describe"))
        return start_describe(cli, err);
    return components_main(cli->argc - 1, cli->argv + 1);
}

const struct cli_command cmd_component = {
    .name = "component",
    .group = "Pipelines",
    .summary = "run one of the built-in steps by hand; describe a program",
    .operands = "NAME [--OPTION VALUE]… | describe PROGRAM",
    .max_operands = -1,
    .operand_kind = CLI_COMPONENT,
    .text = "What the container components of pipelines/model_selection have as their command.\n"
            "'dhow component NAME --help' says what one takes. 'dhow component describe PROGRAM\n"
            "--image IMAGE' writes the KFP component of a program over dhow/component.h.",
    .raw = true,
    .run = run_component,
};
