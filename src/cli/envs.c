/* envs - the Python environments that steps run in: list, make ahead, remove. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/pipeline.h"
#include "runtime/python.h"

#define PACKAGES_WIDTH 60
#define DAY_US (86400 * (int64_t)1000000)

extern char **environ;

static struct js *info_json(const struct python_env_info *e)
{
    struct js *v = js_object();

    out_set_text(v, "id", e->id);
    out_set_text(v, "python", e->python);
    out_set_text(v, "version", e->version);
    out_set_text(v, "packages", e->packages);
    js_set(v, "size_bytes", js_int(e->size_bytes));
    out_set_time(v, "created_at", e->created_us);
    out_set_time(v, "used_at", e->used_us);
    js_set(v, "in_use", js_bool(e->in_use));
    js_set(v, "imports_ahead", js_bool(e->warm));
    return v;
}

static int64_t total(const struct python_env_list *all)
{
    int64_t bytes = 0;

    for (size_t i = 0; i < all->n; i++)
        bytes += all->items[i].size_bytes;
    return bytes;
}

static void print(const struct cli *cli, const struct python_env_list *all)
{
    own(out_table_free) struct out_table *table = out_table_new(stdout, cli->color);
    own(js_free) struct js *list = js_array();

    out_column(table, "ID", OUT_LEFT);
    out_column(table, "PYTHON", OUT_LEFT);
    out_column(table, "SIZE", OUT_RIGHT);
    out_column(table, "USED", OUT_LEFT);
    out_column(table, "PACKAGES", OUT_LEFT);
    for (size_t i = 0; i < all->n; i++) {
        const struct python_env_info *e = &all->items[i];
        own_mem char *size = out_bytes(e->size_bytes);
        own_mem char *used = out_time(e->used_us);
        own_mem char *packages = out_text(e->packages, PACKAGES_WIDTH);

        js_push(list, info_json(e));
        out_cell(table, e->id, OUT_PLAIN);
        out_cell(table, *e->version ? e->version : "-", OUT_PLAIN);
        out_cell(table, size, OUT_PLAIN);
        out_cell(table, e->in_use ? "now" : used, OUT_PLAIN);
        out_cell(table, packages, OUT_PLAIN);
    }
    if (cli->json)
        out_json(list, stdout);
    else if (all->n)
        out_table_print(table, "");
}

static int list(const struct cli *cli, const char *home, struct dh_err *err)
{
    struct python_env_list all;

    if (python_envs(home, &all, err) < 0)
        return -1;
    print(cli, &all);
    if (!cli->json && !all.n)
        fprintf(stderr, "no environments: a step that is a Python function makes one, or 'dhow "
                        "envs warm FILE'\n");
    python_envs_done(&all);
    return CLI_DONE;
}

static int size(const struct cli *cli, const char *home, struct dh_err *err)
{
    struct python_env_list all;
    own_mem char *text = NULL;

    if (python_envs(home, &all, err) < 0)
        return -1;
    text = out_bytes(total(&all));
    if (cli->json) {
        own(js_free) struct js *v = js_object();

        js_set(v, "environments", js_int((int64_t)all.n));
        js_set(v, "size_bytes", js_int(total(&all)));
        out_json(v, stdout);
    } else {
        printf("%zu environment%s, %s\n", all.n, all.n == 1 ? "" : "s", text);
    }
    python_envs_done(&all);
    return CLI_DONE;
}

static int gc(const struct cli *cli, const char *home, const struct cli_args *args,
              struct dh_err *err)
{
    bool dry = cli_has(args, "dry-run");
    struct python_env_list gone;
    own_mem char *text = NULL;
    long days;

    if (cli_get_int(args, "older-than", 0, 30, &days, err) < 0 ||
        python_envs_gc(home, clock_now_us() - days * DAY_US, dry, &gone, err) < 0)
        return -1;
    text = out_bytes(total(&gone));
    print(cli, &gone);
    fprintf(stderr, "%s %zu environment%s, %s\n", dry ? "would remove" : "removed", gone.n,
            gone.n == 1 ? "" : "s", text);
    python_envs_done(&gone);
    return CLI_DONE;
}

/* ---- warm ---- */

/* What steps get of our environment, as far as it decides which interpreter, packages and worker
 * fit. One block: free(). */
static char **step_env(void)
{
    static const char *const prefixes[] = {"PATH=", "LANG=", "LANGUAGE=",       "LC_",
                                           "PIP_",  "UV_",   "LD_LIBRARY_PATH="};
    size_t n = 0;
    char **v;

    while (environ[n])
        n++;
    v = dh_zalloc(n + 2, sizeof *v);
    n = 0;
    for (char **e = environ; *e; e++)
        for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
            if (!strncmp(*e, prefixes[i], strlen(prefixes[i])))
                v[n++] = *e;
    if (!getenv("LANG"))
        v[n] = (char *)(uintptr_t) "LANG=C.UTF-8";
    return v;
}

static char **command_of(const struct pipeline_container_spec *c)
{
    char **argv = dh_zalloc(c->command.n + c->args.n + 1, sizeof *argv);
    size_t n = 0;

    for (size_t i = 0; i < c->command.n; i++)
        argv[n++] = (char *)(uintptr_t)c->command.items[i];
    for (size_t i = 0; i < c->args.n; i++)
        argv[n++] = (char *)(uintptr_t)c->args.items[i];
    return argv;
}

static int warm_one(const char *home, const struct pipeline_container_spec *c, const char *name,
                    struct js *ids, struct dh_err *err)
{
    char **argv = command_of(c), **env = step_env();
    own_mem char *id = NULL;
    int rc;

    rc = python_warm(home, "", c->image ? c->image : "", argv, env, &id, err);
    free(argv);
    free(env);
    if (rc < 0)
        return dh_while(err, "%s", name);
    if (rc == 0) {
        fprintf(stderr, "%s: %s\n", name, id);
        js_set(ids, name, js_str(id));
    }
    return 0;
}

static int warm(const struct cli *cli, const char *home, const char *file, struct dh_err *err)
{
    own(spec_free) struct spec *spec = NULL;
    own(js_free) struct js *ids = js_object();
    const struct executor_map *executors;

    if (cli_spec_load(file, &spec, NULL, err) < 0)
        return -1;
    executors = &spec->pipeline.deployment_spec.executors;
    for (size_t i = 0; i < executors->n; i++) {
        const struct pipeline_container_spec *c = executors->items[i].container;

        /* An image that a parameter names is known by the run alone. */
        if (c && !(c->image && strstr(c->image, "{{")) &&
            warm_one(home, c, executors->items[i].name, ids, err) < 0)
            return -1;
    }
    if (cli->json)
        out_json(ids, stdout);
    else if (!js_n(ids))
        fprintf(stderr, "%s: no step is a Python function\n", file);
    return CLI_DONE;
}

static int run_envs(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    const char *what = cli_n(args) ? cli_at(args, 0) : "list";
    own_mem char *home = NULL;

    if (cli_home(cli, &home, err) < 0)
        return -1;
    if (!strcmp(what, "warm"))
        return cli_n(args) == 2 ? warm(cli, home, cli_at(args, 1), err)
                                : dh_fail(err, DH_INVALID, "warm: expected one pipeline FILE");
    if (cli_n(args) > 1)
        return dh_fail(err, DH_INVALID, "%s takes no '%s'", what, cli_at(args, 1));
    if (!strcmp(what, "list"))
        return list(cli, home, err);
    if (!strcmp(what, "size"))
        return size(cli, home, err);
    if (!strcmp(what, "gc"))
        return gc(cli, home, args, err);
    return dh_fail(err, DH_INVALID, "unknown '%s'; there are list, size, warm, gc", what);
}

static const struct cli_option options[] = {
    {.name = "older-than",
     .value = "DAYS",
     .help = "gc: remove what no run has used for so long (default: 30)"},
    {.name = "dry-run", .help = "gc: say what would be removed, and remove nothing"},
    {.name = NULL},
};

const struct cli_command cmd_envs = {
    .name = "envs",
    .group = "This machine",
    .summary = "the Python environments of steps: list, size, warm FILE, gc",
    .operands = "[list | size | warm FILE | gc]",
    .max_operands = 2,
    .operand_kind = CLI_FILE,
    .options = options,
    .text =
        "A step that is a Python function runs in an environment with the packages that it asks "
        "for: made once for each\n"
        "interpreter, set of packages and index, below HOME/envs, and shared by all steps and "
        "runs. "
        "'warm' makes those\n"
        "of a pipeline before its first run. DHOW_PYTHON names the interpreter to use instead of "
        "the "
        "one nearest to the\n"
        "step's image.\n\n"
        "Steps are forked from a worker, a Python process that has imported what they import. It "
        "waits for the next run\n"
        "and ends by itself after DHOW_WARM_SECONDS (default: 1800) without one. 'dhow run "
        "--no-warm' uses none.",
    .examples = "dhow envs warm pipeline.yaml\ndhow envs gc --older-than 7",
    .run = run_envs,
};
