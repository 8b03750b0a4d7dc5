#pragma once
/* execute - what run, resume and retry have in common: the engine for a home, a run watched to its
 * end, and what is printed then. */
#include "cli/cli.h"
#include "engine/engine.h"

/* The engine of this invocation's home; `runs`: it is to execute a run. On 0 *ret is the caller's.
 */
int cli_engine(const struct cli *cli, bool runs, struct engine **ret, struct dh_err *err);
/* The same where something must be there already, as cli_store_with says it. The record is opened
 * once: engine_store. */
int cli_engine_with(const struct cli *cli, const char *what, struct engine **ret,
                    struct dh_err *err);
/* Instead of engine_close where the process ends: a file's record needs none (one that is killed
 * says no goodbye either), and to give memory back piece by piece takes as long as a step. */
struct engine *cli_engine_leave(struct engine *e);
OWN_DEFINE(struct engine *, cli_engine_leave)
/* Runs it to its end with a view (--quiet, --events of `args`), prints the result (outputs or the
 * contract's JSON to standard output, the summary to standard error) and answers with the exit
 * status. `how->watch` is set here. */
int cli_execute(const struct cli *cli, const struct cli_args *args, struct engine *engine,
                const char *run_id, struct engine_how how, struct dh_err *err);
/* The same for a new run. */
int cli_start(const struct cli *cli, const struct cli_args *args, struct engine *engine,
              const struct engine_request *request, struct dh_err *err);
/* Starts `dhow resume RUN` in a session of its own, with no terminal, and prints the run's id. */
int cli_detach(const struct cli *cli, const char *run_id, struct dh_err *err);

/* --jobs N */
int cli_jobs(const struct cli_args *args, int *ret, struct dh_err *err);

#define CLI_EXECUTE_OPTIONS                                                                        \
    {.name = "jobs",                                                                               \
     .letter = 'j',                                                                                \
     .value = "N",                                                                                 \
     .help = "steps at a time (default: the processors that it may use)"},                         \
        {.name = "events",                                                                         \
         .value = "FILE",                                                                          \
         .kind = CLI_FILE,                                                                         \
         .help = "append each state change to the file, as a line of JSON"},                       \
    {                                                                                              \
        .name = "quiet", .letter = 'q',                                                            \
        .help = "no progress and no summary: failures and results alone"                           \
    }
