/* help - the table of commands as text: `dhow help`, `dhow COMMAND --help`. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/version.h"

static void print_command_list(FILE *to, bool color)
{
    const char *group = NULL;

    for (size_t i = 0; cli_commands[i]; i++) {
        const struct cli_command *c = cli_commands[i];

        if (!c->group)
            continue;
        if (!group || strcmp(group, c->group) != 0)
            fprintf(to, "\n%s%s%s\n", out_on(color, OUT_BOLD), c->group, out_off(color));
        group = c->group;
        fprintf(to, "  %-12s %s\n", c->name, c->summary);
    }
}

static void print_options(const struct cli_option *options, FILE *to)
{
    for (const struct cli_option *o = options; o && o->name; o++) {
        own_mem char *left = o->letter ? dh_printf("-%c, --%s%s%s", o->letter, o->name,
                                                   o->value ? " " : "", o->value ? o->value : "")
                                       : dh_printf("    --%s%s%s", o->name, o->value ? " " : "",
                                                   o->value ? o->value : "");

        fprintf(to, "  %-28s %s%s\n", left, o->help, o->repeats ? " (repeats)" : "");
    }
}

/* Text with its paragraphs; lines are broken as they stand. */
static void print_text(const char *text, const char *indent, FILE *to)
{
    while (*text) {
        size_t n = strcspn(text, "\n");

        fprintf(to, "%s%.*s\n", n ? indent : "", (int)n, text);
        text += n + (text[n] == '\n');
    }
}

static void help_all(FILE *to, bool color)
{
    fprintf(
        to,
        "dhow runs compiled Kubeflow pipelines on one machine, and keeps a record of each run.\n\n"
        "usage: dhow [--home DIR] COMMAND [OPTION]… [ARGUMENT]…\n");
    print_command_list(to, color);
    fprintf(to, "\n%sWith every command%s\n", out_on(color, OUT_BOLD), out_off(color));
    print_options(cli_global_options, to);
    fprintf(to, "\n'dhow COMMAND --help' says more; so does 'man dhow'.\n");
}

void cli_help(const struct cli_command *command, FILE *to, bool color)
{
    if (!command) {
        help_all(to, color);
        return;
    }
    fprintf(to, "dhow %s - %s\n\nusage: dhow %s%s%s%s\n", command->name, command->summary,
            command->name, command->raw ? "" : " [OPTION]…", *command->operands ? " " : "",
            command->operands);
    if (command->text) {
        (void)fputc('\n', to);
        print_text(command->text, "", to);
    }
    if (command->options && command->options->name) {
        fprintf(to, "\n%sOptions%s\n", out_on(color, OUT_BOLD), out_off(color));
        print_options(command->options, to);
    }
    if (!command->raw) {
        fprintf(to, "\n%sWith every command%s\n", out_on(color, OUT_BOLD), out_off(color));
        print_options(cli_global_options, to);
    }
    if (command->examples) {
        fprintf(to, "\n%sExamples%s\n", out_on(color, OUT_BOLD), out_off(color));
        print_text(command->examples, "  ", to);
    }
}

static int run_help(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    const struct cli_command *command = NULL;

    if (cli_has(args, "man")) {
        cli_man(stdout);
        return CLI_DONE;
    }
    if (cli_n(args) && cli_command_find(cli_at(args, 0), &command, err) < 0)
        return -1;
    cli_help(command, stdout, cli->color);
    return CLI_DONE;
}

static const struct cli_option help_options[] = {
    {.name = "man", .help = "the man page's source instead: dhow help --man | man -l -"},
    {.name = NULL},
};

const struct cli_command cmd_help = {
    .name = "help",
    .group = "About dhow",
    .summary = "say what the commands do",
    .operands = "[COMMAND]",
    .max_operands = 1,
    .operand_kind = CLI_COMMAND,
    .options = help_options,
    .run = run_help,
};

static int run_version(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    (void)args;
    (void)err;
    if (cli->json) {
        own(js_free) struct js *v = js_object();

        js_set(v, "version", js_str(DHOW_VERSION));
        out_json(v, stdout);
    } else {
        printf("dhow %s\n", DHOW_VERSION);
    }
    return CLI_DONE;
}

const struct cli_command cmd_version = {
    .name = "version",
    .group = "About dhow",
    .summary = "print the version",
    .operands = "",
    .run = run_version,
};
