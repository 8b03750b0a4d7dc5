/* import - what another metadata store knows, into this home's record. */
#include "store/import.h"

#include <stdio.h>

#include "base/fs.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/out.h"

static struct js *as_json(const struct import_counts *n)
{
    const struct {
        const char *name;
        int64_t value;
    } all[] = {
        {"runs_new", n->runs_new},
        {"runs_renewed", n->runs_renewed},
        {"runs_same", n->runs_same},
        {"runs_own", n->runs_own},
        {"pipelines", n->pipelines},
        {"tasks", n->tasks},
        {"artifacts_new", n->artifacts_new},
        {"artifacts_same", n->artifacts_same},
        {"links", n->links},
        {"left_executions", n->left_executions},
        {"left_contexts", n->left_contexts},
    };
    struct js *v = js_object();

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        js_set(v, all[i].name, js_int(all[i].value));
    return v;
}

static void print(const struct import_counts *n)
{
    printf("%lld runs of %lld pipelines: %lld new, %lld imported anew, %lld there already",
           (long long)(n->runs_new + n->runs_renewed + n->runs_same + n->runs_own),
           (long long)n->pipelines, (long long)n->runs_new, (long long)n->runs_renewed,
           (long long)n->runs_same);
    if (n->runs_own)
        printf(", %lld of this dhow left alone", (long long)n->runs_own);
    printf("\n%lld tasks, %lld artifacts (%lld of them there already), %lld links\n",
           (long long)n->tasks, (long long)(n->artifacts_new + n->artifacts_same),
           (long long)n->artifacts_same, (long long)n->links);
    if (n->left_executions || n->left_contexts)
        printf("left out, being no KFP run's: %lld contexts, %lld executions\n",
               (long long)n->left_contexts, (long long)n->left_executions);
}

static int run_import(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    own(store_close) struct store *store = NULL;
    own_mem char *home = NULL;
    own_mem char *path = NULL;
    const char *experiment = cli_get(args, "experiment");
    struct import_counts n;

    if (cli_home(cli, &home, err) < 0 || fs_mkdirs(home, 0755, err) < 0)
        return -1;
    path = store_place(home, cli->db);
    if (store_open(path, STORE_CREATE, &store, err) < 0 ||
        store_import(store, cli_at(args, 0), experiment ? experiment : "Imported", &n, err) < 0)
        return -1;
    if (cli->json) {
        own(js_free) struct js *v = as_json(&n);

        out_json(v, stdout);
    } else {
        print(&n);
    }
    return CLI_DONE;
}

static const struct cli_option import_options[] = {
    {.name = "experiment",
     .value = "NAME",
     .kind = CLI_EXPERIMENT,
     .help = "the experiment that imported runs belong to (default: Imported)"},
    {.name = NULL},
};

const struct cli_command cmd_import = {
    .name = "import",
    .group = "The record",
    .summary = "take in the runs and lineage of a KFP metadata database",
    .operands = "FILE|URL",
    .min_operands = 1,
    .max_operands = 1,
    .operand_kind = CLI_FILE,
    .options = import_options,
    .text =
        "Reads a database of ML Metadata (schema version 10) that KFP's backend wrote: a SQLite "
        "file, or mysql://USER:PASSWORD@HOST/metadb. Nothing is written there. Runs, tasks, "
        "parameters, states, artifacts with their metadata, metrics and lineage come over; "
        "pipeline specs and the bytes of artifacts are not in such a database.\n\n"
        "It may be repeated: what is there already is left, what had not ended is taken anew.",
    .examples = "dhow import metadb.sqlite\ndhow import mysql://root@127.0.0.1:3306/metadb",
    .run = run_import,
};
