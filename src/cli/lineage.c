/* lineage - where an artifact comes from, and what became of it. */
#include "cli/lineage.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/record.h"

char *lineage_label(const struct lineage_task *task)
{
    const char *scope = task->scope_path ? task->scope_path : task->name;

    if (!strncmp(scope, "root.", 5))
        scope += 5;
    return task->iteration_index < 0
               ? dh_strdup(scope)
               : dh_printf("%s [%lld]", scope, (long long)task->iteration_index);
}

/* By number, id or URI, as `artifacts` shows them; or the path of a file. */
static int find(struct store *store, const char *name, struct arena *a, struct store_artifact *ret,
                struct dh_err *err)
{
    int rc = store_artifact_find(store, name, a, ret, err);
    own_mem char *real = NULL;
    struct dh_err ignored;

    if (rc == 0 || err->code != DH_NOT_FOUND)
        return rc;
    if (!strncmp(name, "file://", 7))
        return store_artifact_find(store, name + 7, a, ret, &ignored) < 0 ? -1 : 0;
    real = realpath(name, NULL);
    return real && store_artifact_find(store, real, a, ret, &ignored) == 0 ? 0 : -1;
}

static int print(const struct cli *cli, const char *format, const struct lineage *l, unsigned ways,
                 struct dh_err *err)
{
    own(js_free) struct js *v = NULL;

    if (!strcmp(format, "tree")) {
        lineage_tree(l, ways, stdout, cli->color);
        return CLI_DONE;
    }
    if (!strcmp(format, "dot")) {
        lineage_dot(l, stdout);
        return CLI_DONE;
    }
    if (!strcmp(format, "openlineage")) { /* a line an event, as its file transport writes them */
        v = lineage_openlineage(l);
        for (size_t i = 0; i < js_n(v); i++) {
            own_mem char *line = js_dump(js_at(v, i), JS_COMPACT);

            printf("%s\n", line);
        }
        return CLI_DONE;
    }
    if (!strcmp(format, "slsa")) {
        if (lineage_slsa(l, &v, err) < 0)
            return -1;
    } else {
        v = !strcmp(format, "prov") ? lineage_prov(l) : lineage_json(l);
    }
    out_json(v, stdout);
    return CLI_DONE;
}

/* What is asked for; an export wants all that the tasks on the way touched, a statement no more
 * than who made the one artifact. */
static int read_query(const struct cli_args *args, const char *format, struct lineage_query *q,
                      struct dh_err *err)
{
    long depth;

    if (cli_get_int(args, "depth", 0, -1, &depth, err) < 0)
        return -1;
    q->depth = depth < 0 || depth > 1000000 ? -1 : (int)depth;
    if (cli_has(args, "up"))
        q->ways |= LINEAGE_UP;
    if (cli_has(args, "down"))
        q->ways |= LINEAGE_DOWN;
    if (!q->ways)
        q->ways = LINEAGE_UP | LINEAGE_DOWN;
    if (!strcmp(format, "slsa")) {
        q->ways = LINEAGE_UP;
        q->depth = 1;
    }
    q->whole = !strcmp(format, "prov") || !strcmp(format, "openlineage") || !strcmp(format, "slsa");
    return 0;
}

static int run_lineage(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    own(store_close) struct store *store = NULL;
    own(arena_free) struct arena *a = arena_new();
    const char *format = cli_get(args, "format");
    struct lineage_query q = {.ways = 0};
    struct store_artifact artifact;
    struct lineage l;

    if (!format)
        format = cli->json ? "json" : "tree";
    if (read_query(args, format, &q, err) < 0 ||
        cli_store_with(cli, "artifacts", &store, err) < 0 ||
        find(store, cli_at(args, 0), a, &artifact, err) < 0)
        return -1;
    q.artifact = artifact.id;
    if (store_lineage(store, &q, a, &l, err) < 0)
        return -1;
    if (l.cut && q.depth < 0)
        fprintf(stderr, "… and more than can be shown\n");
    return print(cli, format, &l, q.ways, err);
}

static const struct cli_option lineage_options[] = {
    {.name = "up", .help = "only what it was made of"},
    {.name = "down", .help = "only what was made of it"},
    {.name = "depth", .letter = 'd', .value = "N", .help = "at most N steps away (default: all)"},
    {.name = "format",
     .letter = 'f',
     .value = "FORMAT",
     .choices = "tree json dot prov openlineage slsa",
     .help = "tree, json, dot (Graphviz), prov (W3C PROV-JSON), openlineage (events, one a line), "
             "or slsa (in-toto statement with SLSA provenance)"},
    {.name = NULL},
};

const struct cli_command cmd_lineage = {
    .name = "lineage",
    .group = "The record",
    .summary = "what an artifact was made of, and what was made of it",
    .operands = "ARTIFACT",
    .min_operands = 1,
    .max_operands = 1,
    .operand_kind = CLI_ARTIFACT,
    .options = lineage_options,
    .text =
        "ARTIFACT is its number or id (as `dhow artifacts` shows them), its URI, or the path of "
        "its "
        "file. Lineage goes through all runs: an artifact that a later run used or imported, and "
        "what came of it there. Steps that took their result from the cache made nothing, and are "
        "left out.",
    .examples = "dhow lineage 12\n  where artifact 12 comes from and where it went\n"
                "dhow lineage 12 --format dot | dot -Tsvg\n  as a picture\n"
                "dhow lineage 12 --format slsa\n  who made it, from what, by which pipeline",
    .run = run_lineage,
};
