/* resume, retry, cancel - an existing run: taken up, tried again, stopped. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/fs.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/execute.h"
#include "cli/out.h"
#include "cli/pipeline.h"
#include "cli/record.h"

#define RUN_LINE 1100 /* a display name, and its end */

/* ---- resume ---- */

/* RUN, or the line that says it; by then all is open. 1: none is said. */
static int which_run(const struct cli_args *args, char line[RUN_LINE], const char **ret,
                     struct dh_err *err)
{
    *ret = cli_at(args, 0);
    if (strcmp(*ret, "-") != 0)
        return 0;
    if (!fgets(line, RUN_LINE, stdin))
        return ferror(stdin) ? dh_fail_errno(err, "standard input") : 1;
    line[strcspn(line, "\n")] = '\0';
    *ret = line;
    return 0;
}

static int run_resume(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    own(cli_engine_leave) struct engine *engine = NULL;
    own(arena_free) struct arena *a = arena_new();
    struct engine_how how = {.mode = ENGINE_RESUME};
    char line[RUN_LINE];
    struct store_run run;
    const char *name;
    int rc;

    if (cli_jobs(args, &how.jobs, err) < 0 || cli_engine_with(cli, "runs", &engine, err) < 0 ||
        (rc = which_run(args, line, &name, err)) < 0)
        return -1;
    if (rc)
        return CLI_DONE;
    if (store_run_find(engine_store(engine), name, a, &run, err) < 0)
        return -1;
    if (run.state == STORE_PENDING)
        how.mode = ENGINE_START;
    return cli_execute(cli, args, engine, run.uuid, how, err);
}

static const struct cli_option resume_options[] = {
    CLI_EXECUTE_OPTIONS,
    {.name = NULL},
};

const struct cli_command cmd_resume = {
    .name = "resume",
    .group = "Running",
    .summary = "go on with a run whose dhow was killed",
    .operands = "RUN",
    .min_operands = 1,
    .max_operands = 1,
    .operand_kind = CLI_RUN,
    .options = resume_options,
    .text = "Nothing that had succeeded runs again. A run that has ended is for 'dhow retry'.\n\n"
            "With '-' the run is read from standard input, once everything is open for it: this is "
            "how 'dhow serve' keeps a process ready. At its end nothing is done.",
    .examples = "dhow resume last",
    .run = run_resume,
};

/* ---- retry ---- */

/* Says so where the pipeline file has changed since the run and --file was not given. */
static void hint_changed(const struct store_run *run)
{
    own(js_free) struct js *options = out_parse(run->options, js_object());
    const char *source = js_get_text(options, "source"),
               *digest = js_get_text(options, "source_digest");
    char now[DIGEST_TEXT];

    if (source && digest && digest_file(source, now, NULL, NULL) == 0 && strcmp(now, digest) != 0)
        fprintf(stderr, "note: %s has changed since that run; --file %s takes it as it is now\n",
                source, source);
}

static int run_retry(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    own_spec_notes struct spec_notes notes = {0};
    own(spec_free) struct spec *spec = NULL;
    own(cli_engine_leave) struct engine *engine = NULL;
    own(arena_free) struct arena *a = arena_new();
    const char **from = arena_alloc(a, (size_t)(cli->argc + 1) * sizeof *from);
    struct engine_how how = {.mode = ENGINE_RETRY, .from = from};
    const char *file = cli_get(args, "file");
    struct store_run run;

    for (size_t i = 0; (from[i] = cli_get_at(args, "from", i)); i++)
        ;
    if (file) {
        int rc = cli_spec_load(file, &spec, &notes, err);

        cli_print_notes(cli, &notes, rc < 0 ? err->msg : NULL);
        if (rc < 0)
            return -1;
        how.spec = spec;
    }
    if (cli_jobs(args, &how.jobs, err) < 0 || cli_engine_with(cli, "runs", &engine, err) < 0 ||
        store_run_find(engine_store(engine), cli_at(args, 0), a, &run, err) < 0)
        return -1;
    if (!file)
        hint_changed(&run);
    return cli_execute(cli, args, engine, run.uuid, how, err);
}

static const struct cli_option retry_options[] = {
    {.name = "from",
     .value = "TASK",
     .kind = CLI_TASK,
     .repeats = true,
     .help = "run TASK anew, and all that depends on it, also where it had succeeded"},
    {.name = "file",
     .letter = 'f',
     .value = "FILE",
     .kind = CLI_FILE,
     .help = "the pipeline as it is now, instead of as it was recorded"},
    CLI_EXECUTE_OPTIONS,
    {.name = NULL},
};

const struct cli_command cmd_retry = {
    .name = "retry",
    .group = "Running",
    .summary = "run what failed again, and what depends on it",
    .operands = "RUN",
    .min_operands = 1,
    .max_operands = 1,
    .operand_kind = CLI_RUN,
    .options = retry_options,
    .text =
        "What succeeded stays, unless --from names it, or --file brings another definition of it.",
    .examples = "dhow retry last\ndhow retry 17 --from train --file pipeline.yaml",
    .run = run_retry,
};

/* ---- cancel ---- */

static void nap_ms(long ms)
{
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    (void)nanosleep(&t, NULL);
}

/* Nobody runs it: what was open is closed here. */
static int close_run(struct store *store, const struct store_run *run, struct arena *a,
                     struct dh_err *err)
{
    struct store_tasks tasks;
    int64_t now_us = clock_now_us();

    if (store_begin(store, err) < 0)
        return -1;
    if (store_task_list(store, run->id, a, &tasks, err) < 0)
        return -1;
    for (size_t i = 0; i < tasks.n; i++) {
        const struct store_task_finish finish = {.state = STORE_CANCELED,
                                                 .state_reason = "the run was cancelled",
                                                 .exit_code = -1,
                                                 .now_us = now_us};

        if (!store_state_ended(tasks.items[i].state) &&
            store_task_finish(store, tasks.items[i].id, &finish, err) < 0)
            return -1;
    }
    if (store_run_finish(store, run->id, STORE_CANCELED, NULL, NULL, now_us, err) < 0)
        return -1;
    return store_commit(store, err);
}

static int wait_for_end(struct store *store, struct store_run *run, long timeout_ms,
                        struct arena *a, struct dh_err *err)
{
    for (long waited_ms = 0; !store_state_ended(run->state) && waited_ms < timeout_ms;
         waited_ms += 20) {
        nap_ms(20);
        if (store_changed(store) && store_run_get(store, run->id, a, run, err) < 0)
            return -1;
    }
    return 0;
}

static int cancel(struct store *store, struct store_run *run, long timeout_ms, struct arena *a,
                  struct dh_err *err)
{
    enum store_owner_state owner = store_owner_state(&run->owner);

    if (store_state_ended(run->state))
        return dh_fail(err, DH_INVALID, "run %lld is over already: %s", (long long)run->id,
                       store_state_name(run->state));
    if (owner == STORE_OWNER_NONE || owner == STORE_OWNER_DEAD) {
        if (close_run(store, run, a, err) < 0)
            return -1;
        return store_run_get(store, run->id, a, run, err);
    }
    if (store_run_request_cancel(store, run->id, clock_now_us(), err) < 0)
        return -1;
    return wait_for_end(store, run, timeout_ms, a, err);
}

static int run_cancel(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    own(store_close) struct store *store = NULL;
    own(arena_free) struct arena *a = arena_new();
    struct store_run run;
    long wait_s;

    if (cli_get_int(args, "wait", 0, 60, &wait_s, err) < 0 ||
        cli_store_with(cli, "runs", &store, err) < 0 ||
        store_run_find(store, cli_at(args, 0), a, &run, err) < 0 ||
        cancel(store, &run, wait_s > 86400 ? 86400000 : wait_s * 1000, a, err) < 0)
        return -1;
    if (cli->json) {
        own(js_free) struct js *v = record_run_head_json(&run);

        out_json(v, stdout);
    } else if (store_state_ended(run.state)) {
        printf("run %lld: %s\n", (long long)run.id, store_state_name(run.state));
    } else {
        printf("run %lld: asked to stop; it has not ended yet\n", (long long)run.id);
    }
    return CLI_DONE;
}

static const struct cli_option cancel_options[] = {
    {.name = "wait",
     .value = "SECONDS",
     .help = "how long to wait for its end (default 60; 0: only ask)"},
    {.name = NULL},
};

const struct cli_command cmd_cancel = {
    .name = "cancel",
    .group = "Running",
    .summary = "stop a run",
    .operands = "RUN",
    .min_operands = 1,
    .max_operands = 1,
    .operand_kind = CLI_RUN,
    .options = cancel_options,
    .text = "Its steps get a TERM signal and, after a while, KILL; exit handlers still run.",
    .run = run_cancel,
};
