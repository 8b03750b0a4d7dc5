/* component - run one of the built-in steps; src/components does it all. */
#include <string.h>

#include "cli/commands.h"
#include "components/components.h"

static void list(FILE *to)
{
    size_t n;
    const struct component_info *all = components_list(&n);

    fprintf(to, "\nSteps\n");
    for (size_t i = 0; i < n; i++)
        fprintf(to, "  %-28s %s\n", all[i].name, all[i].help);
}

static int run_component(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    (void)args;
    (void)err;
    if (cli->argc < 2 || !strcmp(cli->argv[1], "--help") || !strcmp(cli->argv[1], "-h")) {
        FILE *to = cli->argc < 2 ? stderr : stdout;

        cli_help(cli->command, to, false);
        list(to);
        return cli->argc < 2 ? CLI_WRONG : CLI_DONE;
    }
    return components_main(cli->argc - 1, cli->argv + 1);
}

const struct cli_command cmd_component = {
    .name = "component",
    .group = "Pipelines",
    .summary = "run one of the built-in steps by hand",
    .operands = "NAME [--OPTION VALUE]…",
    .max_operands = -1,
    .operand_kind = CLI_COMPONENT,
    .text = "What the container components of pipelines/model_selection have as their command.\n"
            "'dhow component NAME --help' says what one takes.",
    .raw = true,
    .run = run_component,
};
