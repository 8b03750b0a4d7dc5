/* artifacts - what steps made, here and in buckets: listed, fetched, checked, copied, handed on. */
#include <string.h>

#include "artifact/artifact.h"
#include "base/arena.h"
#include "base/fs.h"
#include "base/mem.h"
#include "cli/artifacts.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/record.h"
#include "engine/secret.h"

static const char *operand(const struct cli_args *args, size_t i)
{
    return i < cli_n(args) ? cli_at(args, i) : NULL;
}

static int need(const struct cli_args *args, size_t n, const char *form, struct dh_err *err)
{
    return cli_n(args) == n ? 0 : dh_fail(err, DH_INVALID, "expected: dhow artifacts %s", form);
}

/* ---- show ---- */

static void field(const char *name, const char *value)
{
    if (value && *value)
        printf("  %-10s %s\n", name, value);
}

static int show(const struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    struct artifact_stat st = {0};
    struct store_artifact artifact;
    own_mem char *size = NULL;
    own(js_free) struct js *v = NULL;
    int rc;

    if (need(args, 2, "show ARTIFACT", err) < 0 ||
        (rc = artifacts_find(cli, cli_at(args, 1), a, &artifact, err)) < 0)
        return -1;
    if (rc == ARTIFACTS_FREE) {
        if (artifact_stat_uri(artifact.uri, true, NULL, &st, err) < 0)
            return -1;
        artifact.digest = st.digest;
        artifact.size_bytes = st.size_bytes;
    }
    if (cli->json) {
        v = record_artifact_json(&artifact);
        out_json(v, stdout);
        return CLI_DONE;
    }
    size = out_bytes(artifact.size_bytes);
    printf("%s\n", artifact.name ? artifact.name : artifact.uri);
    field("type", artifact.type);
    field("id", artifact.uuid);
    field("where", artifact.uri);
    field("sha-256", artifact.digest);
    field("size", size);
    field("metadata", artifact.metadata);
    return CLI_DONE;
}

/* ---- get, cp ---- */

static const char *last_part(const char *uri)
{
    const char *slash = strrchr(uri, '/');

    return slash && slash[1] ? slash + 1 : uri;
}

/* Into a folder that is there: below its own name. */
static char *target_of(const char *to, const char *uri)
{
    own_mem char *path = fs_absolute(to);
    own_mem char *name = dh_strndup(last_part(uri), strcspn(last_part(uri), "?"));

    return fs_is_dir(path) ? fs_join(path, *name ? name : "artifact") : dh_strdup(path);
}

static int get(const struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    const char *to = operand(args, 2);
    struct store_artifact artifact;
    struct artifact_how how = {0};
    own_mem char *target = NULL;
    int rc;

    if (cli_n(args) != 3 && need(args, 2, "get ARTIFACT [TO]", err) < 0)
        return -1;
    rc = artifacts_find(cli, cli_at(args, 1), a, &artifact, err);
    if (rc < 0)
        return -1;
    if (rc == 0 && artifact.state == STORE_DELETED)
        return dh_fail(err, DH_NOT_FOUND, "artifact %lld was deleted", (long long)artifact.id);
    how.digest = artifact.digest;
    target = target_of(to ? to : ".", artifact.uri);
    if (artifact_fetch(artifact.uri, target, &how, err) < 0)
        return -1;
    printf("%s\n", target);
    return CLI_DONE;
}

static int copy(const struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    struct store_artifact from;
    struct artifact_how how = {0};
    own_mem char *target = NULL;
    const char *to;

    if (need(args, 3, "cp FROM TO", err) < 0 ||
        artifacts_find(cli, cli_at(args, 1), a, &from, err) < 0)
        return -1;
    how.digest = from.digest;
    to = cli_at(args, 2);
    if (!artifact_uri_is_remote(to) && strncmp(to, "file://", 7) != 0)
        target = target_of(to, from.uri);
    if (artifact_copy_uri(from.uri, target ? target : to, &how, err) < 0)
        return -1;
    printf("%s\n", target ? target : to);
    return CLI_DONE;
}

/* ---- verify ---- */

struct verdict {
    const char *word; /* "whole", "gone", "changed", "unknown" */
    char why[400];
};

static struct verdict judge(const struct store_artifact *artifact, bool full)
{
    struct artifact_how how = {.read = full};
    struct verdict v = {.word = "whole"};
    struct artifact_stat st;
    struct dh_err err = {0};

    if (!artifact->digest) {
        v.word = "unknown";
        (void)snprintf(v.why, sizeof v.why, "no digest is on record");
    } else if (artifact_stat_uri(artifact->uri, true, &how, &st, &err) < 0) {
        v.word = err.code == DH_NOT_FOUND ? "gone" : "unreadable";
        (void)snprintf(v.why, sizeof v.why, "%.390s", err.msg);
    } else if (strcmp(st.digest, artifact->digest) != 0) {
        v.word = "changed";
        (void)snprintf(v.why, sizeof v.why, "it has digest %s", st.digest);
    }
    return v;
}

static int print_verdicts(const struct cli *cli, const struct store_artifact_rows *rows, bool full)
{
    own(out_table_free) struct out_table *table = out_table_new(stdout, cli->color);
    own(js_free) struct js *list = js_array();
    size_t bad = 0;

    out_column(table, "ARTIFACT", OUT_RIGHT);
    out_column(table, "STATE", OUT_LEFT);
    out_column(table, "WHERE", OUT_LEFT);
    out_column(table, "WHY", OUT_LEFT);
    for (size_t i = 0; i < rows->n; i++) {
        const struct store_artifact *artifact = &rows->items[i].artifact;
        struct verdict v = judge(artifact, full);
        struct js *o = record_artifact_json(artifact);

        bad += strcmp(v.word, "whole") != 0 && strcmp(v.word, "unknown") != 0;
        js_set(o, "verdict", js_str(v.word));
        out_set_text(o, "why", *v.why ? v.why : NULL);
        js_push(list, o);
        out_cellf(table, "%lld", (long long)artifact->id);
        out_cell(table, v.word, strcmp(v.word, "whole") ? OUT_RED : OUT_GREEN);
        out_cell(table, artifact->uri, OUT_PLAIN);
        out_cell(table, v.why, OUT_PLAIN);
    }
    if (cli->json)
        out_json(list, stdout);
    else if (out_n_rows(table))
        out_table_print(table, "");
    return bad ? CLI_RUN_FAILED : CLI_DONE;
}

static int verify(const struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    struct store_artifact_rows rows = {0};

    if (cli_n(args) == 1) {
        if (artifacts_rows(cli, args, a, &rows, err) < 0)
            return -1;
        return print_verdicts(cli, &rows, cli_has(args, "full"));
    }
    rows.items = arena_alloc(a, cli_n(args) * sizeof *rows.items);
    for (; rows.n + 1 < cli_n(args); rows.n++)
        if (artifacts_find(cli, cli_at(args, rows.n + 1), a, &rows.items[rows.n].artifact, err) < 0)
            return -1;
    return print_verdicts(cli, &rows, cli_has(args, "full"));
}

/* ---- presign, ls ---- */

static int presign(const struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    struct store_artifact artifact;
    own_mem char *url = NULL;
    long seconds;

    if (need(args, 2, "presign ARTIFACT", err) < 0 ||
        cli_get_int(args, "expires", 1, 3600, &seconds, err) < 0 ||
        artifacts_find(cli, cli_at(args, 1), a, &artifact, err) < 0)
        return -1;
    if (seconds > 604800)
        return dh_fail(err, DH_INVALID, "--expires %ld: a week (604800) is the most", seconds);
    if (artifact_presign(artifact.uri, cli_has(args, "put") ? "PUT" : "GET", seconds, &url, err) <
        0)
        return -1;
    printf("%s\n", url);
    return CLI_DONE;
}

struct listing {
    struct js *list;
    struct out_table *table;
};

static int list_one(const char *key, int64_t size_bytes, void *user, struct dh_err *err)
{
    struct listing *l = user;
    struct js *v = js_object();
    own_mem char *size = out_bytes(size_bytes);
    (void)err;

    js_set(v, "key", js_str(key));
    js_set(v, "size", js_int(size_bytes));
    js_push(l->list, v);
    out_cell(l->table, size, OUT_PLAIN);
    out_cell(l->table, key, OUT_PLAIN);
    return 0;
}

static int ls(const struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    own(out_table_free) struct out_table *table = out_table_new(stdout, cli->color);
    own(js_free) struct js *list = js_array();
    struct listing l = {list, table};

    out_column(table, "SIZE", OUT_RIGHT);
    out_column(table, "KEY", OUT_LEFT);
    if (need(args, 2, "ls URI", err) < 0 || artifact_list(cli_at(args, 1), list_one, &l, err) < 0)
        return -1;
    if (cli->json)
        out_json(list, stdout);
    else if (out_n_rows(table))
        out_table_print(table, "");
    else
        fprintf(stderr, "nothing below %s\n", cli_at(args, 1));
    return CLI_DONE;
}

/* ---- the command ---- */

static int list(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    return need(args, cli_n(args) ? 1 : 0, "list", err) < 0 ? -1 : artifacts_list(cli, args, err);
}

static int run_artifacts(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    const char *what = cli_n(args) ? cli_at(args, 0) : "list";
    own_mem char *home = NULL;

    if (!strcmp(what, "list"))
        return list(cli, args, err);
    if (cli_home(cli, &home, err) < 0)
        return -1;
    secret_serve_artifacts(home);
    if (!strcmp(what, "show"))
        return show(cli, args, err);
    if (!strcmp(what, "get"))
        return get(cli, args, err);
    if (!strcmp(what, "cp"))
        return copy(cli, args, err);
    if (!strcmp(what, "verify"))
        return verify(cli, args, err);
    if (!strcmp(what, "presign"))
        return presign(cli, args, err);
    if (!strcmp(what, "ls"))
        return ls(cli, args, err);
    return dh_fail(err, DH_INVALID, "'%s': expected list, show, get, cp, verify, presign or ls",
                   what);
}

static const struct cli_option artifact_options[] = {
    {.name = "run", .value = "RUN", .kind = CLI_RUN, .help = "only those that this run made"},
    {.name = "type",
     .value = "TYPE",
     .help = "only those of this type, as in Model or system.Model"},
    {.name = "limit", .letter = 'n', .value = "N", .help = "at most N of them (default 50)"},
    {.name = "all", .letter = 'a', .help = "deleted ones too"},
    {.name = "full", .help = "verify: read all bytes, also where the store knows a digest"},
    {.name = "expires",
     .value = "SECONDS",
     .help = "presign: how long the URL holds (default 3600, a week at most)"},
    {.name = "put", .help = "presign: a URL to write to"},
    {.name = NULL},
};

const struct cli_command cmd_artifacts = {
    .name = "artifacts",
    .group = "The record",
    .summary = "what steps made: list, show, get, cp, verify, presign, ls",
    .operands = "[list | show ARTIFACT | get ARTIFACT [TO] | cp FROM TO | verify [ARTIFACT…] | "
                "presign ARTIFACT | ls URI]",
    .max_operands = -1,
    .options = artifact_options,
    .text =
        "ARTIFACT, FROM: an artifact's number or id, RUN/TASK/OUTPUT, or a URI or path of "
        "anything: file, s3, minio, gs.\n"
        "get fetches it, checked against its digest. cp copies between any two places; within one "
        "server it copies by\n"
        "itself. verify says of each whether it is there and what it was (exit status 1: one is "
        "not). presign prints a\n"
        "URL that needs no keys. ls lists what is below a URI.",
    .examples = "dhow artifacts --run last --type Model\n"
                "dhow artifacts get last/train/model model.bin\n"
                "dhow artifacts cp data.csv 's3://bucket/data.csv?endpoint=http://localhost:9000'\n"
                "dhow artifacts verify --run last --full",
    .run = run_artifacts,
};
