#include "cli/execute.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/otlp-push.h"
#include "base/env.h"
#include "base/mem.h"
#include "cli/events.h"
#include "cli/out.h"
#include "cli/record.h"
#include "cli/view.h"

int cli_engine(const struct cli *cli, bool runs, struct engine **ret, struct dh_err *err)
{
    own_mem char *home = NULL;
    struct engine_options options = {.runs = runs};

    if (cli_home(cli, &home, err) < 0)
        return -1;
    signal(SIGPIPE, SIG_IGN); /* a reader that goes away must not end the run */
    options.home = home;
    options.db = cli->db;
    return engine_open(&options, ret, err);
}

int cli_engine_with(const struct cli *cli, const char *what, struct engine **ret,
                    struct dh_err *err)
{
    own_mem char *home = NULL;
    own_mem char *place = NULL;
    own(store_close) struct store *store = NULL;

    if (cli_home(cli, &home, err) < 0)
        return -1;
    place = store_place(home, cli->db);
    if ((!store_exists(place) || store_on_server(place)) &&
        cli_store_with(cli, what, &store, err) < 0)
        return -1;
    return cli_engine(cli, true, ret, err);
}

struct engine *cli_engine_leave(struct engine *e)
{
    static struct engine *left; /* not lost, for those who look for lost memory */

    if (!e || store_on_server(store_path(engine_store(e))))
        return engine_close(e);
    if (!left)
        left = e;
    return NULL;
}

int cli_jobs(const struct cli_args *args, int *ret, struct dh_err *err)
{
    long jobs;

    if (cli_get_int(args, "jobs", 1, 0, &jobs, err) < 0)
        return -1;
    *ret = jobs > 4096 ? 4096 : (int)jobs;
    return 0;
}

static void print_outputs(const struct engine_result *result)
{
    own(js_free) struct js *outputs = out_parse(result->outputs, js_object());

    for (js_each(outputs, it)) {
        own_mem char *text = js_is(it.value, JS_STRING) ? dh_strdup(js_text(it.value))
                                                        : js_dump(it.value, JS_PYTHON);

        printf("%s=%s\n", it.key, text);
    }
}

static void print_cause(const struct cli *cli, const struct engine_result *result)
{
    own(js_free) struct js *error = out_parse(result->error, js_null());
    const char *task = js_get_text(error, "task"), *message = js_get_text(error, "message");

    if (!message)
        return;
    fprintf(stderr, "%sdhow %s:%s run %lld failed: %s%s%s\n", out_on(cli->err_color, OUT_RED),
            cli->command->name, out_off(cli->err_color), (long long)result->number,
            task ? task : "", task ? ": " : "", message);
    record_print_tail(js_get_text(error, "log_tail"), stderr, cli->err_color);
}

static int print_result(const struct cli *cli, struct store *store,
                        const struct engine_result *result, bool quiet, struct dh_err *err)
{
    own(record_free) struct record *record = NULL;
    own(js_free) struct js *v = NULL;

    /* Quiet, the run alone: its tasks may be many. */
    if ((!quiet || cli->json) && record_load(store, result->run_id, &record, err) < 0)
        return -1;
    if (cli->json) {
        v = record_run_json(record);
        out_json(v, stdout);
    } else {
        if (record)
            record_print_summary(record, stderr, cli->err_color);
        (void)fflush(stderr);
        print_outputs(result);
    }
    if (quiet || cli->json)
        print_cause(cli, result);
    return 0;
}

/* To a collector, where the environment names one; telemetry never fails a run. */
static void send_trace(const struct cli *cli, struct store *store, const char *run_id)
{
    own(arena_free) struct arena *a = arena_new();
    struct store_run run;
    struct dh_err err;

    if (store_run_find(store, run_id, a, &run, &err) < 0 ||
        otlp_push(store, &run, DHOW_VERSION, &err) < 0)
        fprintf(stderr, "dhow %s: the run's telemetry was not taken: %s\n", cli->command->name,
                err.msg);
}

/* The machine failed, a full disk say: what the run has done is kept. */
static void add_left(struct store *store, const char *run_id, struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    struct store_run run;
    size_t n = strlen(err->msg);

    if (*run_id && store_run_find(store, run_id, a, &run, NULL) == 0 && run.state == STORE_RUNNING)
        (void)snprintf(err->msg + n, sizeof err->msg - n, " ('dhow resume %lld' goes on)",
                       (long long)run.id);
}

/* A new run where there is a request, else the one of that id. */
static int execute(const struct cli *cli, const struct cli_args *args, struct engine *engine,
                   const struct engine_request *request, const char *run_id, struct engine_how *how,
                   struct dh_err *err)
{
    const bool quiet = cli_has(args, "quiet");
    struct store *store = engine_store(engine);
    own(events_close) struct events *events = NULL;
    struct view *view = view_new(cli, quiet || cli->json);
    __attribute__((cleanup(engine_result_done))) struct engine_result result = {0};
    int rc;

    how->watch = view_watch(view);
    if (cli_get(args, "events")) {
        if (events_open(cli_get(args, "events"), how->watch, &events, err) < 0) {
            view_end(view);
            return -1;
        }
        how->watch = events_watch(events);
    }
    rc = request ? engine_start(engine, request, how->watch, &result, err)
                 : engine_execute(engine, run_id, how, &result, err);
    view_end(view);
    if (rc < 0 && err && err->code == DH_IO)
        add_left(store, result.run_id, err);
    if (rc == 0 && otlp_is_wanted())
        send_trace(cli, store, result.run_id);
    if (rc < 0 || print_result(cli, store, &result, quiet, err) < 0)
        return -1;
    if (result.state == PLAN_CANCELED)
        return CLI_CANCELED;
    return result.state == PLAN_FAILED ? CLI_RUN_FAILED : CLI_DONE;
}

int cli_start(const struct cli *cli, const struct cli_args *args, struct engine *engine,
              const struct engine_request *request, struct dh_err *err)
{
    return execute(cli, args, engine, request, NULL, &(struct engine_how){0}, err);
}

int cli_execute(const struct cli *cli, const struct cli_args *args, struct engine *engine,
                const char *run_id, struct engine_how how, struct dh_err *err)
{
    return execute(cli, args, engine, NULL, run_id, &how, err);
}

static int spawn_resume(const char *self, const char *home, const char *db, const char *run_id,
                        struct dh_err *err)
{
    char **env = env_with("DHOW_DB", db);
    char *const argv[] = {(char[]){"dhow"},
                          (char[]){"--home"},
                          (char *)(uintptr_t)home,
                          (char[]){"resume"},
                          (char[]){"--quiet"},
                          (char *)(uintptr_t)run_id,
                          NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    pid_t pid;
    int rc;

    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    for (int fd = 0; fd < 3; fd++)
        posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
    rc = posix_spawn(&pid, self, &actions, &attributes, argv, env);
    free(env);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (rc != 0) {
        errno = rc;
        return dh_fail_errno(err, "starting %s in the background", self);
    }
    return 0;
}

int cli_detach(const struct cli *cli, const char *run_id, struct dh_err *err)
{
    own_mem char *home = NULL;
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

    if (n < 0)
        return dh_fail_errno(err, "/proc/self/exe");
    self[n] = '\0';
    if (cli_home(cli, &home, err) < 0 || spawn_resume(self, home, cli->db, run_id, err) < 0)
        return -1;
    if (cli->json) {
        own(js_free) struct js *v = js_object();

        out_set_text(v, "run_id", run_id);
        out_set_text(v, "state", "PENDING");
        out_json(v, stdout);
    } else {
        printf("%s\n", run_id);
        fprintf(stderr,
                "runs in the background: 'dhow logs %s -f' follows it, 'dhow cancel %s' stops it\n",
                run_id, run_id);
    }
    return CLI_DONE;
}
