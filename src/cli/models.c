/* models - the registry: listed and shown. */
#include "cli/models.h"

#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "registry/registry.h"

static void cell_time(struct out_table *table, int64_t us)
{
    own_mem char *text = out_time(us);

    out_cell(table, text, OUT_PLAIN);
}

/* ---- versions of one ---- */

static void version_row(struct out_table *table, const struct store_model_version *v)
{
    own(js_free) struct js *aliases = out_parse(v->aliases, js_array());
    own_buf struct buf names = {0};

    for (size_t k = 0; k < js_n(aliases); k++)
        buf_addf(&names, "%s%s", k ? ", " : "", js_text(js_at(aliases, k)));
    out_cell(table, v->version, OUT_PLAIN);
    out_cell(table, buf_str(&names), OUT_GREEN);
    out_cell(table, v->stage, OUT_PLAIN);
    if (v->approval && !strcmp(v->approval, "APPROVED"))
        out_cellf(table, "by %s", v->approval_who);
    else
        out_cell(table, v->approval ? "rejected" : "", v->approval ? OUT_RED : OUT_PLAIN);
    cell_time(table, v->created_us);
    out_cellf(table, "%lld", (long long)v->run_id);
    out_cell(table, v->uri, OUT_PLAIN);
}

static int list_versions(const struct cli *cli, struct store *store, const char *name,
                         struct arena *a, struct dh_err *err)
{
    own(out_table_free) struct out_table *table = out_table_new(stdout, cli->color);
    own(js_free) struct js *list = js_array();
    struct store_model_versions all = {0};

    if (store_model_versions(store, name, a, &all, err) < 0)
        return -1;
    out_column(table, "VERSION", OUT_LEFT);
    out_column(table, "ALIASES", OUT_LEFT);
    out_column(table, "STAGE", OUT_LEFT);
    out_column(table, "APPROVED", OUT_LEFT);
    out_column(table, "CREATED", OUT_LEFT);
    out_column(table, "RUN", OUT_RIGHT);
    out_column(table, "WHERE", OUT_LEFT);
    for (size_t i = 0; i < all.n; i++) {
        struct js *v;

        version_row(table, &all.items[i]);
        if (!cli->json)
            continue; /* what follows reads each one's lineage */
        if (registry_version_json(store, &all.items[i], &v, err) < 0)
            return -1;
        js_push(list, v);
    }
    if (cli->json)
        out_json(list, stdout);
    else if (all.n)
        out_table_print(table, "");
    else
        fprintf(stderr, "no versions\n");
    return CLI_DONE;
}

/* ---- all of them ---- */

static int model_json(struct store *store, const struct store_model *m, struct arena *a,
                      struct js **ret, struct dh_err *err)
{
    struct js *v;
    const char *tags;

    if (store_tags(store, STORE_TAG_MODEL, m->id, a, &tags, err) < 0)
        return -1;
    *ret = v = js_object();
    out_set_text(v, "model_id", m->uuid);
    out_set_text(v, "name", m->name);
    out_set_text(v, "description", m->description);
    out_set_text(v, "latest", m->latest);
    js_set(v, "versions", js_int(m->n_versions));
    js_set(v, "rules", out_parse(m->rules, js_array()));
    js_set(v, "tags", out_parse(tags, js_object()));
    out_set_time(v, "created_at", m->created_us);
    out_set_time(v, "updated_at", m->updated_us);
    return 0;
}

static int list_models(const struct cli *cli, struct dh_err *err)
{
    own(store_close) struct store *store = NULL;
    own(arena_free) struct arena *a = arena_new();
    own(out_table_free) struct out_table *table = out_table_new(stdout, cli->color);
    own(js_free) struct js *list = js_array();
    struct store_models all = {0};

    if (cli_store(cli, &store, err) < 0 || (store && store_model_list(store, a, &all, err) < 0))
        return -1;
    out_column(table, "MODEL", OUT_LEFT);
    out_column(table, "LATEST", OUT_LEFT);
    out_column(table, "VERSIONS", OUT_RIGHT);
    out_column(table, "UPDATED", OUT_LEFT);
    for (size_t i = 0; i < all.n; i++) {
        struct js *v;

        if (model_json(store, &all.items[i], a, &v, err) < 0)
            return -1;
        js_push(list, v);
        out_cell(table, all.items[i].name, OUT_PLAIN);
        out_cell(table, all.items[i].latest, OUT_PLAIN);
        out_cellf(table, "%lld", (long long)all.items[i].n_versions);
        cell_time(table, all.items[i].updated_us);
    }
    if (cli->json)
        out_json(list, stdout);
    else if (all.n)
        out_table_print(table, "");
    else
        fprintf(stderr, "no models yet: a step that promotes one registers it\n");
    return CLI_DONE;
}

/* ---- one version, and a model's history ---- */

static void print_object(const struct js *v, const char *indent)
{
    for (js_each(v, it)) {
        own_mem char *text = NULL;

        if (js_is(it.value, JS_OBJECT) && js_n(it.value)) {
            printf("%s%s:\n", indent, it.key);
            print_object(it.value, "  ");
            continue;
        }
        text = js_is(it.value, JS_NULL) ? dh_strdup("-") : out_value(it.value, 0);
        printf("%s%-18s %s\n", indent, it.key, text);
    }
}

static int show(const struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    own(store_close) struct store *store = NULL;
    own(arena_free) struct arena *a = arena_new();
    own(js_free) struct js *v = NULL;
    struct store_model_version version;

    if (cli_n(args) < 2)
        return dh_fail(err, DH_INVALID, "dhow models show NAME [VERSION|ALIAS]");
    if (cli_store_with(cli, "models", &store, err) < 0 ||
        store_model_find(store, cli_at(args, 1), cli_at(args, 2), a, &version, err) < 0 ||
        registry_version_json(store, &version, &v, err) < 0)
        return -1;
    if (cli->json)
        out_json(v, stdout);
    else
        print_object(v, "");
    return CLI_DONE;
}

static int history(const struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    own(store_close) struct store *store = NULL;
    own(arena_free) struct arena *a = arena_new();
    own(out_table_free) struct out_table *table = out_table_new(stdout, cli->color);
    own(js_free) struct js *list = js_array();
    struct store_model_events all;
    struct store_model model;

    if (cli_n(args) != 2)
        return dh_fail(err, DH_INVALID, "dhow models history NAME");
    if (cli_store_with(cli, "models", &store, err) < 0 ||
        store_model_get(store, cli_at(args, 1), a, &model, err) < 0 ||
        store_model_events(store, model.id, a, &all, err) < 0)
        return -1;
    out_column(table, "WHEN", OUT_LEFT);
    out_column(table, "VERSION", OUT_LEFT);
    out_column(table, "WHAT", OUT_LEFT);
    out_column(table, "WHO", OUT_LEFT);
    out_column(table, "WHY", OUT_LEFT);
    for (size_t i = 0; i < all.n; i++) {
        struct js *v = js_object();

        out_set_time(v, "at", all.items[i].time_us);
        out_set_text(v, "version", all.items[i].version);
        out_set_text(v, "what", all.items[i].what);
        out_set_text(v, "who", all.items[i].who);
        out_set_text(v, "why", all.items[i].why);
        js_push(list, v);
        cell_time(table, all.items[i].time_us);
        out_cell(table, all.items[i].version, OUT_PLAIN);
        out_cell(table, all.items[i].what, OUT_PLAIN);
        out_cell(table, all.items[i].who, OUT_PLAIN);
        out_cell(table, all.items[i].why, OUT_PLAIN);
    }
    if (cli->json)
        out_json(list, stdout);
    else
        out_table_print(table, "");
    return CLI_DONE;
}

static int run_models(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    static const char *const changes[] = {"alias", "stage",   "tag",    "describe",
                                          "rule",  "approve", "reject", "delete",
                                          "prune", "export",  "kserve"};
    const char *what = cli_n(args) ? cli_at(args, 0) : "list";
    own(store_close) struct store *store = NULL;
    own(arena_free) struct arena *a = NULL;

    if (!strcmp(what, "list") && cli_n(args) < 2)
        return list_models(cli, err);
    if (!strcmp(what, "show"))
        return show(cli, args, err);
    if (!strcmp(what, "history"))
        return history(cli, args, err);
    for (size_t i = 0; i < sizeof changes / sizeof *changes && cli_n(args) > 1; i++)
        if (!strcmp(changes[i], what))
            return models_change(cli, args, err);
    if (cli_n(args) > (!strcmp(what, "list") ? 2 : 1))
        return dh_fail(err, DH_INVALID, "'%s': see 'dhow models --help' for what there is", what);
    if (cli_store_with(cli, "models", &store, err) < 0)
        return -1;
    a = arena_new();
    return list_versions(cli, store, cli_at(args, !strcmp(what, "list") ? 1 : 0), a, err);
}

static const struct cli_option model_options[] = {
    {.name = "by", .value = "WHO", .help = "who does it (default: $USER); kept with it"},
    {.name = "reason", .value = "TEXT", .help = "why; kept with it"},
    {.name = "remove", .help = "alias, rule: take it away; stage: none"},
    {.name = "force", .help = "alias: in spite of its rule; delete: in spite of aliases"},
    {.name = "approved", .help = "rule: the version must have been approved"},
    {.name = "metric", .value = "NAME", .help = "rule: the metric that min, max, better-by mean"},
    {.name = "min", .value = "X", .help = "rule: the metric is X at least"},
    {.name = "max", .value = "X", .help = "rule: the metric is X at most"},
    {.name = "better-by",
     .value = "X",
     .help = "rule: better than the version that has the alias now by X at least"},
    {.name = "keep", .value = "N", .help = "prune: of those that may go the newest N stay"},
    {.name = "dry-run", .letter = 'n', .help = "prune: say what would go"},
    {.name = "to", .value = "DIR", .kind = CLI_FOLDER, .help = "export: the new folder"},
    {.name = "onnx", .help = "export: model.onnx too (models of dhow's own steps)"},
    {.name = "storage-uri", .value = "URI", .help = "kserve: where the export was put"},
    {.name = "format", .value = "NAME", .help = "kserve: the model's format, as in sklearn, onnx"},
    {.name = "namespace", .value = "NAME", .help = "kserve: the namespace"},
    {.name = NULL},
};

const struct cli_command cmd_models = {
    .name = "models",
    .group = "The record",
    .summary = "the model registry: versions, aliases, stages, approval, rules, export",
    .operands = "[list | NAME | show NAME [V] | history NAME | alias NAME ALIAS V | stage NAME V "
                "STAGE | tag NAME V T=VALUE… | describe NAME V TEXT | approve NAME V | reject NAME "
                "V | rule NAME ALIAS | delete NAME [V] | prune NAME | export NAME V | kserve NAME "
                "V]",
    .max_operands = -1,
    .operand_kind = CLI_MODEL,
    .options = model_options,
    .text =
        "V is a version, an alias, or 'latest'; '-' where the model as a whole is meant (tag, "
        "describe).\n"
        "\n"
        "A rule says when an alias may move to a version: --approved, --metric with --min, --max, "
        "--better-by. It holds\n"
        "for `models alias` and for steps that promote: their version is registered, and gets the "
        "alias when the rule\n"
        "allows it. Each change is kept with who and why: `models history`.\n"
        "\n"
        "export writes model/ (the files), manifest.json (facts, provenance, digests) and card.md. "
        "prune never takes a\n"
        "version that has an alias, was approved, or is in the stage Production.",
    .examples = "dhow models rule income champion --approved --metric accuracy --better-by 0.005\n"
                "dhow models approve income 7 --by anna --reason 'reviewed the card'\n"
                "dhow models alias income champion 7\n"
                "dhow models export income champion --to out --onnx",
    .run = run_models,
};
