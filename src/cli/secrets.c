/* secrets - the secrets and config maps that are kept in the home: set, list, remove. A value is
 * never shown. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "engine/secret.h"

#define STDIN_MAX ((size_t)1 << 20)

static enum secret_kind kind_of(const struct cli *cli)
{
    return strcmp(cli->command->name, "configs") ? SECRET : CONFIG_MAP;
}

/* ---- list ---- */

static char *joined(char *const *keys)
{
    struct buf b = {0};

    for (size_t i = 0; keys[i]; i++)
        buf_addf(&b, "%s%s", i ? ", " : "", keys[i]);
    buf_adds(&b, "");
    return buf_take(&b);
}

static struct js *name_json(const struct secret_name *name)
{
    struct js *v = js_object(), *keys = js_array();

    for (size_t i = 0; name->keys[i]; i++)
        js_push(keys, js_str(name->keys[i]));
    out_set_text(v, "name", name->name);
    js_set(v, "keys", keys);
    out_set_time(v, "changed_at", name->changed_us);
    return v;
}

static int list(const struct cli *cli, const char *home, struct dh_err *err)
{
    own_secret_names struct secret_names names = {0};
    own(out_table_free) struct out_table *table = out_table_new(stdout, cli->color);
    own(js_free) struct js *all = js_array();

    if (secret_list(home, kind_of(cli), &names, err) < 0)
        return -1;
    out_column(table, "NAME", OUT_LEFT);
    out_column(table, "KEYS", OUT_LEFT);
    out_column(table, "CHANGED", OUT_LEFT);
    for (size_t i = 0; i < names.n; i++) {
        own_mem char *keys = joined(names.items[i].keys);
        own_mem char *changed = out_time(names.items[i].changed_us);

        js_push(all, name_json(&names.items[i]));
        out_cell(table, names.items[i].name, OUT_PLAIN);
        out_cell(table, keys, OUT_PLAIN);
        out_cell(table, changed, OUT_PLAIN);
    }
    if (cli->json)
        out_json(all, stdout);
    else if (names.n)
        out_table_print(table, "");
    else
        fprintf(stderr, "no %ss: 'dhow %s set NAME KEY' keeps one\n",
                secret_kind_name(kind_of(cli)), cli->command->name);
    return CLI_DONE;
}

/* ---- set ---- */

static int split_option(const char *option, const char *text, char **ret_key,
                        const char **ret_value, struct dh_err *err)
{
    const char *equals = strchr(text, '=');

    if (!equals || equals == text) {
        *ret_key = NULL;
        *ret_value = text;
        return strcmp(option, "from-file") == 0
                   ? 0
                   : dh_fail(err, DH_INVALID, "--%s: expected KEY=VALUE", option);
    }
    *ret_key = dh_strndup(text, (size_t)(equals - text));
    *ret_value = equals + 1;
    return 0;
}

/* From a pipe as it is; from a terminal one line, which is not shown while it is typed. */
static int from_input(const struct cli *cli, const char *key, struct secret_set *to,
                      struct dh_err *err)
{
    char *bytes = NULL;
    size_t n = 0;
    ssize_t got = 1;

    if (isatty(STDIN_FILENO)) {
        char *line = kind_of(cli) == SECRET ? getpass("value: ") : NULL;

        if (!line)
            return dh_fail(err, DH_INVALID, "give the value of '%s' on standard input", key);
        secret_add(to, key, line, strlen(line));
        explicit_bzero(line, strlen(line));
        return 0;
    }
    bytes = dh_alloc(STDIN_MAX + 1);
    while (n <= STDIN_MAX && (got = read(STDIN_FILENO, bytes + n, STDIN_MAX + 1 - n)) > 0)
        n += (size_t)got;
    if (got < 0)
        (void)dh_fail_errno(err, "standard input");
    else if (n > STDIN_MAX)
        (void)dh_fail(err, DH_INVALID, "standard input: more than %zu bytes", STDIN_MAX);
    else
        secret_add(to, key, bytes, n);
    explicit_bzero(bytes, n > STDIN_MAX ? STDIN_MAX : n);
    free(bytes);
    return got < 0 || n > STDIN_MAX ? -1 : 0;
}

static int collect(const struct cli *cli, const struct cli_args *args, struct secret_set *to,
                   struct dh_err *err)
{
    const char *text, *value;

    for (size_t i = 0; (text = cli_get_at(args, "from-file", i)); i++) {
        own_mem char *key = NULL;
        own_mem char *path = NULL;

        if (split_option("from-file", text, &key, &value, err) < 0)
            return -1;
        path = fs_absolute(value);
        if (secret_load(path, key, to, err) < 0)
            return -1;
    }
    for (size_t i = 0; (text = cli_get_at(args, "from-literal", i)); i++) {
        own_mem char *key = NULL;

        if (split_option("from-literal", text, &key, &value, err) < 0)
            return -1;
        secret_add(to, key, value, strlen(value));
    }
    if (cli_n(args) > 2)
        return from_input(cli, cli_at(args, 2), to, err);
    if (!to->n)
        return dh_fail(
            err, DH_INVALID,
            "%s: name a KEY (its value is read from standard input), or give --from-file "
            "or --from-literal",
            cli_at(args, 1));
    return 0;
}

static int to_keyring(const struct cli *cli, const char *home, const char *name,
                      const struct secret_set *values, struct dh_err *err);

static int set(const struct cli *cli, const struct cli_args *args, const char *home,
               struct dh_err *err)
{
    own_secret struct secret_set values = {0};
    const char *name = cli_at(args, 1);

    if (!name)
        return dh_fail(err, DH_INVALID, "set what? dhow %s set NAME KEY", cli->command->name);
    secret_dump_no_core();
    if (collect(cli, args, &values, err) < 0 ||
        (cli_has(args, "keyring") ? to_keyring(cli, home, name, &values, err)
                                  : secret_put(home, kind_of(cli), name, &values, err)) < 0)
        return -1;
    fprintf(stderr, "%s '%s':", secret_kind_name(kind_of(cli)), name);
    for (size_t i = 0; i < values.n; i++)
        fprintf(stderr, "%s %s", i ? "," : "", values.items[i].key);
    fprintf(stderr, " set\n");
    return CLI_DONE;
}

/* ---- link: where values are read from each time ---- */

static int link_one(const struct cli *cli, const struct cli_args *args, const char *home,
                    struct dh_err *err)
{
    const char *text = cli_at(args, 1), *source = cli_at(args, 2), *slash, *file;
    own_mem char *name = NULL;
    own_mem char *place = NULL;
    own_secret struct secret_set try = {0};
    struct dh_err why = {0};

    if (!text || !source)
        return dh_fail(err, DH_INVALID, "usage: dhow %s link NAME[/KEY] SOURCE",
                       cli->command->name);
    slash = strchr(text, '/');
    name = dh_strndup(text, slash ? (size_t)(slash - text) : strlen(text));
    if (secret_is_file(source, &file))
        place = fs_absolute(file);
    else if (!strncmp(source, "age:", 4)) {
        own_mem char *path = fs_absolute(source + 4);

        place = dh_printf("age:%s", path);
    } else
        place = dh_strdup(source);
    if (secret_link(home, kind_of(cli), name, slash ? slash + 1 : NULL, place, err) < 0)
        return -1;
    if (secret_load_source(place, slash ? slash + 1 : NULL, &try, &why) < 0)
        fprintf(stderr, "linked; but it cannot be read now: %s\n", why.msg);
    return CLI_DONE;
}

/* Reads a set as a step would; its keys, never a value. */
static int check(const struct cli *cli, const struct cli_args *args, const char *home,
                 struct dh_err *err)
{
    own_secret struct secret_set set = {0};
    int rc;

    if (cli_n(args) != 2)
        return dh_fail(err, DH_INVALID, "usage: dhow %s check NAME", cli->command->name);
    rc = secret_read(home, kind_of(cli), cli_at(args, 1), NULL, &set, err);
    if (rc == SECRET_NONE)
        return dh_fail(err, DH_NOT_FOUND, "no %s '%s'", secret_kind_name(kind_of(cli)),
                       cli_at(args, 1));
    for (size_t i = 0; rc == 0 && i < set.n; i++)
        printf("%s\n", set.items[i].key);
    return rc;
}

/* Into the kernel's keyring, and a link to there. */
static int to_keyring(const struct cli *cli, const char *home, const char *name,
                      const struct secret_set *values, struct dh_err *err)
{
    for (size_t i = 0; i < values->n; i++) {
        const struct secret_key *k = &values->items[i];
        own_mem char *where = dh_printf("dhow:%s/%s", name, k->key);
        own_mem char *source = dh_printf("keyring:%s", where);

        if (secret_keyring_put(where, k->bytes, k->n, err) < 0 ||
            secret_link(home, kind_of(cli), name, k->key, source, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- remove ---- */

static int remove_one(const struct cli *cli, const struct cli_args *args, const char *home,
                      struct dh_err *err)
{
    const char *text = cli_at(args, 1);
    const char *key = cli_at(args, 2), *slash = text ? strchr(text, '/') : NULL;
    own_mem char *name = NULL;

    if (!text)
        return dh_fail(err, DH_INVALID, "remove what? dhow %s remove NAME [KEY]",
                       cli->command->name);
    name = dh_strndup(text, slash ? (size_t)(slash - text) : strlen(text));
    if (secret_remove(home, kind_of(cli), name, slash ? slash + 1 : key, err) < 0)
        return -1;
    return CLI_DONE;
}

static int run_secrets(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    const char *what = cli_n(args) ? cli_at(args, 0) : "list";
    own_mem char *home = NULL;

    if (cli_home(cli, &home, err) < 0)
        return -1;
    if (!strcmp(what, "list"))
        return list(cli, home, err);
    if (!strcmp(what, "set"))
        return set(cli, args, home, err);
    if (!strcmp(what, "remove"))
        return remove_one(cli, args, home, err);
    if (!strcmp(what, "link"))
        return link_one(cli, args, home, err);
    if (!strcmp(what, "check"))
        return check(cli, args, home, err);
    return dh_fail(err, DH_INVALID, "'%s': expected list, set, link, check or remove", what);
}

static const struct cli_option secret_options[] = {
    {.name = "from-file",
     .value = "[KEY=]FILE",
     .kind = CLI_FILE,
     .repeats = true,
     .help = "a key from a file; keys from a folder, a .json object of texts, or a .env file"},
    {.name = "from-literal",
     .value = "KEY=VALUE",
     .repeats = true,
     .help = "a value as it is (others on this machine can see it while the command runs)"},
    {.name = "keyring",
     .help = "set: into the kernel's keyring, for this user until the machine stops, and not into "
             "the home"},
    {.name = NULL},
};

const struct cli_command cmd_secrets = {
    .name = "secrets",
    .group = "This machine",
    .summary = "the secrets that pipelines may ask for: list, set, link, check, remove",
    .operands = "[list | set NAME [KEY] | link NAME[/KEY] SOURCE | check NAME | remove NAME [KEY]]",
    .max_operands = 3,
    .options = secret_options,
    .text =
        "A secret has a name and keys, as on Kubernetes. A pipeline asks for it with the SDK's "
        "use_secret_as_env and\n"
        "use_secret_as_volume. Values are files below HOME/secrets that only you can read; a step "
        "gets "
        "those that its\n"
        "pipeline names, when it starts. They are in no record, log, cache key or result, unless a "
        "step "
        "writes them there.\n"
        "'dhow run --secret NAME/KEY=SOURCE' gives one to a single run, before those that are "
        "kept.\n"
        "\n"
        "A SOURCE is a file or folder that only you can read (mode 600), env:NAME, keyring:NAME "
        "(the kernel's keyrings),\n"
        "or age:FILE (encrypted; DHOW_AGE_IDENTITY or ~/.config/age/keys.txt opens it). link keeps "
        "the reference, and\n"
        "the value is read when a step starts. In a step's log the values of its secrets are "
        "shown as ***.",
    .examples = "printf %s \"$TOKEN\" | dhow secrets set registry token\n"
                "dhow secrets set db --from-file db.env",
    .run = run_secrets,
};

const struct cli_command cmd_configs = {
    .name = "configs",
    .group = "This machine",
    .summary = "the config maps that pipelines may ask for: list, set, link, check, remove",
    .operands = "[list | set NAME [KEY] | link NAME[/KEY] SOURCE | check NAME | remove NAME [KEY]]",
    .max_operands = 3,
    .options = secret_options,
    .text = "As 'dhow secrets', for config maps: the SDK's use_config_map_as_env and "
            "use_config_map_as_volume.",
    .examples = "dhow configs set training --from-literal region=eu --from-file model.json",
    .run = run_secrets,
};
