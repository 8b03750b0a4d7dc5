/* main - the table of commands, and the one place where an error becomes text and an exit status.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/nearest.h"
#include "cli/cli.h"
#include "artifact/artifact.h"
#include "cli/code.h"
#include "cli/commands.h"
#include "cli/main.h"
#include "cli/options.h"
#include "store/db-url.h"

/* Grouped as `dhow help` shows them. */
/* A line a command, so that two changes that add one do not meet. */
/* clang-format off */
const struct cli_command *const cli_commands[] = {
    &cmd_run,
    &cmd_plan,
    &cmd_explain,
    &cmd_resume,
    &cmd_retry,
    &cmd_cancel,
    &cmd_submit,
    &cmd_approve,
    &cmd_reject,
    &cmd_approvals,
    &cmd_runs,
    &cmd_show,
    &cmd_logs,
    &cmd_compare,
    &cmd_artifacts,
    &cmd_lineage,
    &cmd_import,
    &cmd_experiments,
    &cmd_models,
    &cmd_pipelines,
    &cmd_validate,
    &cmd_argo,
    &cmd_test,
    &cmd_compile,
    &cmd_pin,
    &cmd_new,
    &cmd_component,
    &cmd_secrets,
    &cmd_configs,
    &cmd_envs,
    &cmd_db, &cmd_gc,
    &cmd_serve,
    &cmd_mlmd,
    &cmd_launch,
    &cmd_deploy,
    &cmd_doctor,
    &cmd_help,
    &cmd_version,
    &cmd_completion,
    NULL,
};
/* clang-format on */

const struct cli_option cli_global_options[] = {
    {.name = "home",
     .value = "DIR",
     .kind = CLI_FOLDER,
     .help = "the folder of all state (default: $DHOW_HOME, or the nearest .dhow)"},
    {.name = "db",
     .value = "URL",
     .help = "where the record is: postgresql://…, mysql://… or a file "
             "(default: $DHOW_DB, or dhow.db in the home)"},
    {.name = "output",
     .value = "FORMAT",
     .choices = "table json",
     .help = "how results are printed: table or json"},
    {.name = "help", .letter = 'h', .help = "what the command does, and its options"},
    {.name = "version", .help = "the version of dhow"},
    {.name = NULL},
};

int cli_command_find(const char *name, const struct cli_command **ret, struct dh_err *err)
{
    struct nearest nearest = {.word = name};

    for (size_t i = 0; cli_commands[i]; i++) {
        if (!strcmp(cli_commands[i]->name, name)) {
            *ret = cli_commands[i];
            return 0;
        }
        if (cli_commands[i]->group)
            nearest_try(&nearest, cli_commands[i]->name);
    }
    if (nearest.best)
        return dh_fail(err, DH_INVALID, "no command '%s'; did you mean 'dhow %s'?", name,
                       nearest.best);
    return dh_fail(err, DH_INVALID, "no command '%s'; 'dhow help' lists them", name);
}

int cli_exit_status(enum dh_code code)
{
    switch (code) {
    case DH_INVALID:
    case DH_NOT_FOUND:
    case DH_EXISTS:
        return CLI_WRONG;
    case DH_FAILED:
        return CLI_RUN_FAILED;
    case DH_CANCELED:
        return CLI_CANCELED;
    case DH_IO:
    case DH_BUG:
        break;
    }
    return CLI_MACHINE;
}

static bool wants_color(int fd)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

    return !(no && *no) && term && strcmp(term, "dumb") != 0 && isatty(fd);
}

static int complain(const struct cli *cli, const struct dh_err *err)
{
    const char *what = cli->command ? cli->command->name : NULL;

    fflush(stdout);
    fprintf(stderr, "%sdhow%s%s:%s %s\n", cli->err_color ? "\033[1;31m" : "", what ? " " : "",
            what ? what : "", cli->err_color ? "\033[0m" : "", err->msg);
    return cli_exit_status(err->code);
}

/* A URL may hold a password: it is taken out of where other processes could read it. */
static int take_db(struct cli *cli, const char *url, struct dh_err *err)
{
    const char *scheme = strstr(url, "://");

    if (scheme && !db_url_is(url))
        return dh_fail(
            err, DH_INVALID,
            "no kind of database is '%.*s': expected postgresql://…, mysql://… or a file",
            (int)(scheme - url), url);
    free(cli->db);
    cli->db = dh_strdup(url);
    if (db_url_is(url))
        memset((char *)(uintptr_t)url, '*', strlen(url));
    return 0;
}

static int take_globals(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    const char *output = cli_get(args, "output"), *home = cli_get(args, "home");

    if (home)
        cli->home = home;
    if (output)
        cli->json = !strcmp(output, "json");
    return cli_has(args, "db") ? take_db(cli, cli_get(args, "db"), err) : 0;
}

static int check_operands(const struct cli_command *command, const struct cli_args *args,
                          struct dh_err *err)
{
    size_t n = cli_n(args);

    if (n < (size_t)command->min_operands)
        return dh_fail(err, DH_INVALID, "%s is missing: dhow %s %s; see 'dhow %s --help'",
                       n ? "an argument" : "the argument", command->name, command->operands,
                       command->name);
    if (command->max_operands >= 0 && n > (size_t)command->max_operands)
        return dh_fail(err, DH_INVALID, "too many arguments: '%s'; usage: dhow %s [OPTION]…%s%s",
                       cli_at(args, (size_t)command->max_operands), command->name,
                       *command->operands ? " " : "", command->operands);
    return 0;
}

static int dispatch(struct cli *cli, int argc, char **argv, struct dh_err *err)
{
    own(cli_args_free) struct cli_args *global = cli_args_new();
    own(cli_args_free) struct cli_args *args = cli_args_new();
    const struct cli_command *command;
    int at = 0;

    if (cli_parse(NULL, argc, argv, global, &at, err) < 0 || take_globals(cli, global, err) < 0)
        return -1;
    if (cli_has(global, "version"))
        return cmd_version.run(cli, args, err);
    if (cli_has(global, "help") || at == argc) {
        cli_help(NULL, cli_has(global, "help") ? stdout : stderr,
                 cli_has(global, "help") ? cli->color : cli->err_color);
        return cli_has(global, "help") ? CLI_DONE : CLI_WRONG;
    }
    if (cli_command_find(argv[at], &command, err) < 0)
        return -1;
    cli->command = command;
    cli->argc = argc - at;
    cli->argv = argv + at;
    if (command->raw)
        return command->run(cli, args, err);
    if (cli_parse(command, argc - at - 1, argv + at + 1, args, NULL, err) < 0 ||
        take_globals(cli, args, err) < 0)
        return -1;
    if (cli_has(args, "help")) {
        cli_help(command, stdout, cli->color);
        return CLI_DONE;
    }
    if (cli_has(args, "version"))
        return cmd_version.run(cli, args, err);
    if (check_operands(command, args, err) < 0)
        return -1;
    return command->run(cli, args, err);
}

int cli_main(int argc, char **argv)
{
    struct dh_err err = {0};
    struct cli cli = {.color = wants_color(STDOUT_FILENO), .err_color = wants_color(STDERR_FILENO)};
    const char *db = getenv("DHOW_DB");
    int status = db && *db ? take_db(&cli, db, &err) : 0;

    (void)unsetenv("DHOW_DB");
    artifact_use_codes(cli_ask_code);
    if (status == 0)
        status = dispatch(&cli, argc - 1, argv + 1, &err);
    if (status < 0)
        status = complain(&cli, &err);
    if ((fflush(stdout) != 0 || ferror(stdout)) && errno != EPIPE) {
        (void)dh_fail_errno(&err, "standard output");
        status = status ? status : complain(&cli, &err);
    }
    free(cli.db);
    return status;
}
