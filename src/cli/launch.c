/* launch - the step of a pod, by hand: the program of its own (src/launch) that the pods have. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/options.h"

/* Beside this program, as installed and in a build folder. */
static char *find_launcher(void)
{
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

    if (n <= 0)
        return NULL;
    self[n] = '\0';
    *strrchr(self, '/') = '\0';
    return fs_join(self, "dhow-launch");
}

static int run_launch(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    own_mem char *program = NULL;

    (void)args;
    if (cli->argc == 2 && (!strcmp(cli->argv[1], "--help") || !strcmp(cli->argv[1], "-h"))) {
        cli_help(cli->command, stdout, false);
        return CLI_DONE;
    }
    program = find_launcher();
    if (!program || !fs_exists(program))
        return dh_fail(err, DH_NOT_FOUND,
                       "dhow-launch is not beside dhow: 'make build' makes "
                       "it, 'make install' puts it there");
    (void)execv(program, cli->argv);
    return dh_fail_errno(err, "cannot start %s", program);
}

const struct cli_command cmd_launch = {
    .name = "launch",
    .group = "Server",
    .summary = "what a step's pod runs on a cluster",
    .operands = "--run ID --scope PATH --server URL [OPTION]… | --copy FILE",
    .max_operands = -1,
    .text =
        "Claims one task of a run from dhow's server, brings its inputs, runs its command, takes "
        "its\n"
        "outputs away, and exits as the command did. Pods start it themselves; it is a static\n"
        "program of its own (dhow-launch), which an init container copies into the step's image.\n"
        "'dhow-launch --help' lists its options.",
    .examples = "dhow launch --copy /tmp/launch\n  copy the launcher",
    .raw = true,
    .run = run_launch,
};
