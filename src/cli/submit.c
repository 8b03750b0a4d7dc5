/* submit - a pipeline to a Kubeflow Pipelines server: started, watched, its result. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/pipeline.h"
#include "remote/remote.h"
#include "spec/spec.h"

enum { POLL_MS = 1000, TAIL_LINES = 20 };

static volatile sig_atomic_t stopped;

static void on_stop(int signal_)
{
    (void)signal_;
    stopped++;
}

struct watch {
    const struct cli *cli;
    struct remote *remote;
    const char *run_id;
    struct strmap *states; /* task id → state that was told, static */
};

/* Words that are known, so that the map's values need no memory of their own. */
static const char *known_state(const char *state)
{
    static const char *const states[] = {"PENDING", "RUNNING", "SUCCEEDED", "SKIPPED", "FAILED",
                                         "CACHED",  "PAUSED",  "CANCELING", "CANCELED"};

    for (size_t i = 0; state && i < sizeof states / sizeof *states; i++)
        if (!strcmp(states[i], state))
            return states[i];
    return "UNKNOWN";
}

static bool has_ended(const char *state)
{
    return state && (!strcmp(state, "SUCCEEDED") || !strcmp(state, "FAILED") ||
                     !strcmp(state, "SKIPPED") || !strcmp(state, "CANCELED"));
}

/* The node of the server's engine that a task's first child is: WORKFLOW-NUMBER. */
static const char *first_child(const struct js *task)
{
    return js_get_text(js_at(js_get(task, "child_tasks"), 0), "pod_name");
}

/* The engine's node for all of the run: named as the Workflow is, which names its nodes too. */
static bool is_whole_run(const struct js *task, const char *name)
{
    const char *child = first_child(task);
    size_t n = strlen(name);

    return child && !strncmp(child, name, n) && child[n] == '-' && child[n + 1] &&
           child[n + 1 + strspn(child + n + 1, "0123456789")] == '\0';
}

/* Drivers, executors, a loop's rounds and what hangs exit tasks on are nodes of the server's
 * engine, not the author's tasks; of an attempt or a round "(0)" or "(0:item)" is added to the
 * name. A driver that fails is told: its task never begins. */
static bool is_shown(const struct js *task, const char *name, const char *state)
{
    static const char *const inner[] = {"root", "executor", "iteration-iterations",
                                        "iteration-item"};
    const size_t n = strcspn(name, "(");

    for (size_t i = 0; i < sizeof inner / sizeof *inner; i++)
        if (strlen(inner[i]) == n && !strncmp(name, inner[i], n))
            return false;
    if (n > 7 && !strncmp(name + n - 7, "-driver", 7))
        return !strcmp(state, "FAILED") && !stopped;
    if (n > 7 && !strncmp(name + n - 7, ".onExit", 7))
        return false;
    return n && !is_whole_run(task, name);
}

static void print_log(struct watch *w, const struct js *task)
{
    const char *pod = js_get_text(task, "pod_name"), *child = first_child(task), *at;
    own_mem char *of_child = NULL;
    own_mem char *why = NULL;
    own_mem char *log = NULL;
    int lines = 0;

    if ((!pod || !*pod) && child) {
        if (remote_failed_pod(w->remote, w->run_id, child, &of_child, &why, NULL) < 0)
            return;
        pod = of_child;
        if (why)
            fprintf(stderr, "%s\n", why);
    } else if (!pod || !*pod) { /* a server without pods knows the task */
        pod = js_get_text(task, "task_id");
    }
    if (!pod || remote_log(w->remote, w->run_id, pod, &log, NULL) < 0 || !*log)
        return;
    for (at = log + strlen(log); at > log && lines <= TAIL_LINES; at--)
        lines += at[-1] == '\n';
    fprintf(stderr, "%s%s", at > log ? at + 1 : log, log[strlen(log) - 1] == '\n' ? "" : "\n");
}

static void tell(struct watch *w, const struct js *task)
{
    const char *id = js_get_text(task, "task_id"), *name = js_get_text(task, "display_name"),
               *state = known_state(js_get_text(task, "state"));
    const bool color = w->cli->err_color;

    if (!id || !name || !is_shown(task, name, state) || strmap_get(w->states, id) == state)
        return;
    (void)strmap_put(w->states, id, (void *)(uintptr_t)state);
    if (!strcmp(state, "PENDING") || !strcmp(state, "UNKNOWN"))
        return;
    fprintf(stderr, "%s%s %-9s%s %s\n", out_on(color, out_state_style(state)),
            out_state_mark(state), state, out_off(color), name);
    if (!strcmp(state, "FAILED"))
        print_log(w, task);
}

static int watch(struct watch *w, struct js **ret_run, struct dh_err *err)
{
    const struct timespec pause = {POLL_MS / 1000, POLL_MS % 1000 * 1000000L};
    int told_stop = 0;

    for (;;) {
        own(js_free) struct js *run = NULL;
        const struct js *tasks;

        if (remote_run(w->remote, w->run_id, &run, err) < 0)
            return -1;
        tasks = js_path(run, "run_details", "task_details", NULL);
        for (size_t i = 0; i < js_n(tasks); i++)
            tell(w, js_at(tasks, i));
        if (has_ended(js_get_text(run, "state"))) {
            *ret_run = take(&run);
            return 0;
        }
        if (stopped > told_stop) {
            told_stop = stopped;
            if (remote_cancel(w->remote, w->run_id, err) < 0)
                return -1;
            fprintf(stderr, "asked the server to stop it\n");
        }
        (void)nanosleep(&pause, NULL);
    }
}

/* Kubeflow's engine knows of no end but a failure: a run that was stopped is FAILED after
 * CANCELING. */
static const char *end_state(const struct js *run)
{
    const char *state = js_get_text(run, "state");
    const struct js *history = js_get(run, "state_history");

    for (size_t i = 0; !strcmp(state, "FAILED") && i < js_n(history); i++) {
        const char *was = js_get_text(js_at(history, i), "state");

        if (was && !strcmp(was, "CANCELING"))
            return "CANCELED";
    }
    return state;
}

static int finish(const struct cli *cli, const struct js *run)
{
    const char *state = end_state(run), *message = js_get_text(js_get(run, "error"), "message");

    if (cli->json)
        out_json(run, stdout);
    else
        fprintf(stderr, "%s%s %s%s%s%s\n", out_on(cli->err_color, out_state_style(state)),
                out_state_mark(state), state, out_off(cli->err_color), message ? ": " : "",
                message ? message : "");
    if (!strcmp(state, "CANCELED"))
        return CLI_CANCELED;
    return strcmp(state, "FAILED") == 0 ? CLI_RUN_FAILED : CLI_DONE;
}

static int connect_to(const struct cli_args *args, struct remote **ret, struct dh_err *err)
{
    const char *host = cli_get(args, "host"), *file = cli_get(args, "token-file"),
               *token = getenv("KF_PIPELINES_TOKEN");
    own_mem char *text = NULL;
    size_t n;

    host = host ? host : getenv("KF_PIPELINES_ENDPOINT");
    if (!host || !*host)
        return dh_fail(err, DH_INVALID, "--host is missing: where is the server?");
    if (file) {
        if (fs_read(file, 1 << 16, &text, &n, err) < 0)
            return dh_while(err, "--token-file");
        text[strcspn(text, "\r\n")] = '\0';
        token = text;
    }
    return remote_open(&(struct remote_options){.host = host,
                                                .token = token && *token ? token : NULL,
                                                .ca_file = cli_get(args, "ca-file"),
                                                .namespace = cli_get(args, "namespace")},
                       ret, err);
}

static int start(const struct cli_args *args, const struct spec *spec, struct remote *remote,
                 struct js **ret_run, struct dh_err *err)
{
    own(js_free) struct js *parameters = NULL, *json = spec_to_json(spec);
    own_mem char *experiment = NULL;
    own_mem char *name = NULL;

    if (cli_params(spec, args, &parameters, err) < 0 ||
        remote_experiment(remote, cli_get(args, "experiment"), &experiment, err) < 0)
        return -1;
    if (cli_get(args, "name")) {
        name = dh_strdup(cli_get(args, "name"));
    } else {
        own_mem char *now = out_time(clock_now_us());

        name = dh_printf("%s %s", spec->pipeline.pipeline_info.name, now);
    }
    return remote_start(remote,
                        &(struct remote_run){.name = name,
                                             .experiment_id = experiment,
                                             .pipeline_root = cli_get(args, "pipeline-root"),
                                             .spec = json,
                                             .parameters = parameters,
                                             .no_cache = cli_get(args, "cache") &&
                                                         !strcmp(cli_get(args, "cache"), "off")},
                        ret_run, err);
}

static int run_submit(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    own(spec_free) struct spec *spec = NULL;
    own(remote_close) struct remote *remote = NULL;
    own(js_free) struct js *run = NULL, *ended = NULL;
    own(strmap_free) struct strmap *states = strmap_new();
    struct watch w = {.cli = cli, .states = states};
    struct sigaction stop = {.sa_handler = on_stop};

    if (connect_to(args, &remote, err) < 0 ||
        spec_load_file(cli_at(args, 0), &spec, NULL, err) < 0 ||
        start(args, spec, remote, &run, err) < 0)
        return -1;
    w.remote = remote;
    w.run_id = js_get_text(run, "run_id");
    if (!w.run_id)
        return dh_fail(err, DH_IO, "%s started a run without an id", remote_host(remote));
    if (cli_has(args, "detach")) {
        if (cli->json)
            out_json(run, stdout);
        else
            printf("%s\n", w.run_id);
        return CLI_DONE;
    }
    (void)sigaction(SIGINT, &stop, NULL);
    (void)sigaction(SIGTERM, &stop, NULL);
    fprintf(stderr, "%s/#/runs/details/%s\n", remote_host(remote), w.run_id);
    if (watch(&w, &ended, err) < 0)
        return -1;
    return finish(cli, ended);
}

static const struct cli_option options[] = {
    CLI_PARAM_OPTIONS,
    {.name = "host", .value = "URL", .help = "the server (default: $KF_PIPELINES_ENDPOINT)"},
    {.name = "experiment", .value = "NAME", .help = "made where it is not there"},
    {.name = "name", .value = "NAME", .help = "the run's (default: the pipeline's, and the time)"},
    {.name = "namespace", .value = "NAME", .help = "of a server for several"},
    {.name = "pipeline-root", .value = "URI", .help = "where artifacts are kept"},
    {.name = "cache", .value = "MODE", .choices = "on off", .help = "off: every task runs"},
    {.name = "token-file",
     .value = "FILE",
     .kind = CLI_FILE,
     .help = "a bearer token (default: $KF_PIPELINES_TOKEN)"},
    {.name = "ca-file", .value = "FILE", .kind = CLI_FILE, .help = "whom to trust for https"},
    {.name = "detach", .letter = 'd', .help = "print the run's id, and do not wait for its end"},
    {.name = NULL},
};

const struct cli_command cmd_submit = {
    .name = "submit",
    .group = "Running",
    .summary = "run a pipeline on a Kubeflow Pipelines server",
    .operands = "FILE",
    .min_operands = 1,
    .max_operands = 1,
    .operand_kind = CLI_FILE,
    .options = options,
    .text = "Starts the pipeline by the server's v2beta1 API, tells its tasks' states, and the "
            "log's end of one\n"
            "that fails. Ctrl-C asks the server to stop the run. The exit status is that of `dhow "
            "run`.",
    .examples = "dhow submit pipeline.yaml --host http://localhost:8888 -p rate=0.1\n  a server on "
                "this machine, as "
                "`dhow serve` is",
    .run = run_submit,
};
