/* models-change - what `dhow models` changes and hands out. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/fs.h"
#include "base/mem.h"
#include "cli/edit.h"
#include "cli/models.h"
#include "cli/out.h"
#include "engine/secret.h"
#include "registry/registry.h"

struct change {
    const struct cli *cli;
    const struct cli_args *args;
    struct store *store;
    struct arena *a;
    struct registry_actor actor;
    const char *name; /* of the model */
};

/* The i-th operand; it is there, or `usage` says what is missing. */
static int operand(const struct change *c, size_t i, const char *usage, const char **ret,
                   struct dh_err *err)
{
    *ret = cli_at(c->args, i);
    return *ret ? 0 : dh_fail(err, DH_INVALID, "usage: dhow models %s", usage);
}

static int alias(struct change *c, struct dh_err *err)
{
    bool removes = cli_has(c->args, "remove");
    const char *alias_name, *version = NULL;
    int rc;

    if (operand(c, 2, "alias NAME ALIAS VERSION", &alias_name, err) < 0 ||
        (!removes && operand(c, 3, "alias NAME ALIAS VERSION", &version, err) < 0))
        return -1;
    rc = registry_alias(c->store, c->name, alias_name, version, &c->actor,
                        cli_has(c->args, "force"), err);
    return rc == REGISTRY_HELD ? -1 : rc; /* *err says why: exit status 1 */
}

static int stage(struct change *c, struct dh_err *err)
{
    const char *version, *name = NULL;

    if (operand(c, 2, "stage NAME VERSION STAGE", &version, err) < 0 ||
        (!cli_has(c->args, "remove") && operand(c, 3, "stage NAME VERSION STAGE", &name, err) < 0))
        return -1;
    return registry_stage(c->store, c->name, version, name, &c->actor, err);
}

static int decide(struct change *c, bool approved, struct dh_err *err)
{
    const char *version;

    if (operand(c, 2, "approve NAME VERSION", &version, err) < 0)
        return -1;
    return registry_decide(c->store, c->name, version, approved, &c->actor, err);
}

static int find(struct change *c, const char *usage, struct store_model_version *ret,
                struct dh_err *err)
{
    const char *version;

    if (operand(c, 2, usage, &version, err) < 0)
        return -1;
    return store_model_find(c->store, c->name, version, c->a, ret, err);
}

static bool whole(const struct change *c)
{
    const char *version = cli_at(c->args, 2);

    return version && !strcmp(version, "-");
}

static int tag(struct change *c, struct dh_err *err)
{
    struct store_model_version v;
    struct store_model m;

    if (whole(c))
        return store_model_get(c->store, c->name, c->a, &m, err) < 0
                   ? -1
                   : cli_edit_tags(c->cli, c->store, STORE_TAG_MODEL, m.id, c->args, 3, err);
    if (find(c, "tag NAME VERSION|- TAG=VALUE…", &v, err) < 0)
        return -1;
    return cli_edit_tags(c->cli, c->store, STORE_TAG_MODEL_VERSION, v.id, c->args, 3, err);
}

static int describe(struct change *c, struct dh_err *err)
{
    struct store_model_version v;
    const char *text;

    if (operand(c, 3, "describe NAME VERSION|- TEXT", &text, err) < 0)
        return -1;
    if (whole(c))
        return store_model_set_description(c->store, c->name, text, err);
    if (find(c, "describe NAME VERSION|- TEXT", &v, err) < 0)
        return -1;
    return store_model_version_set_description(c->store, v.id, text, err);
}

/* ---- rules ---- */

static int add_number(const struct change *c, const char *option, const char *key, struct js *rule,
                      struct dh_err *err)
{
    const char *text = cli_get(c->args, option);
    char *end;
    double number;

    if (!text)
        return 0;
    number = strtod(text, &end);
    if (end == text || *end)
        return dh_fail(err, DH_INVALID, "--%s %s: expected a number", option, text);
    js_set(rule, key, js_real(number));
    return 0;
}

static struct js *without(const struct js *rules, const char *alias_name)
{
    struct js *rest = js_array();

    for (size_t i = 0; i < js_n(rules); i++)
        if (strcmp(js_get_text(js_at(rules, i), "alias"), alias_name) != 0)
            js_push(rest, js_ref(js_at(rules, i)));
    return rest;
}

static int rule(struct change *c, struct dh_err *err)
{
    own(js_free) struct js *rules = NULL;
    own(js_free) struct js *rest = NULL;
    own_mem char *text = NULL;
    struct js *one = js_object();
    const char *alias_name;
    struct store_model m;

    if (operand(c, 2, "rule NAME ALIAS", &alias_name, err) < 0 ||
        store_model_get(c->store, c->name, c->a, &m, err) < 0) {
        js_free(one);
        return -1;
    }
    rules = out_parse(m.rules, js_array());
    rest = without(rules, alias_name);
    js_set(one, "alias", js_str(alias_name));
    if (cli_has(c->args, "approved"))
        js_set(one, "approved", js_bool(true));
    if (cli_get(c->args, "metric"))
        js_set(one, "metric", js_str(cli_get(c->args, "metric")));
    if (add_number(c, "min", "min", one, err) < 0 || add_number(c, "max", "max", one, err) < 0 ||
        add_number(c, "better-by", "better_by", one, err) < 0) {
        js_free(one);
        return -1;
    }
    if (cli_has(c->args, "remove") || js_n(one) == 1)
        js_free(one); /* a rule that asks for nothing is none */
    else
        js_push(rest, one);
    if (registry_rules_check(rest, err) < 0)
        return -1;
    text = js_n(rest) ? js_dump(rest, JS_COMPACT) : NULL;
    return store_model_set_rules(c->store, c->name, text, err);
}

/* ---- going ---- */

static int prune(struct change *c, struct dh_err *err)
{
    own(js_free) struct js *gone = NULL;
    long keep;

    if (!cli_has(c->args, "keep"))
        return dh_fail(err, DH_INVALID, "usage: dhow models prune NAME --keep N");
    if (cli_get_int(c->args, "keep", 0, 0, &keep, err) < 0 ||
        registry_prune(c->store, c->name, keep > 1000000 ? 1000000 : (int)keep,
                       cli_has(c->args, "dry-run"), &c->actor, &gone, err) < 0)
        return -1;
    if (c->cli->json) {
        out_json(gone, stdout);
        return CLI_DONE;
    }
    for (size_t i = 0; i < js_n(gone); i++)
        printf("%s\n", js_text(js_at(gone, i)));
    return CLI_DONE;
}

static int export(struct change *c, struct dh_err *err)
{
    const char *to = cli_get(c->args, "to");
    struct store_model_version v;
    own_mem char *folder = NULL;
    own_mem char *home = NULL;

    if (find(c, "export NAME VERSION --to DIR", &v, err) < 0 || cli_home(c->cli, &home, err) < 0)
        return -1;
    secret_serve_artifacts(home); /* it may lie in a bucket */
    folder = fs_absolute(to ? to : arena_printf(c->a, "%s-%s", v.model, v.version));
    if (registry_export(c->store, &v, folder, cli_has(c->args, "onnx"), err) < 0)
        return -1;
    printf("%s\n", folder);
    return CLI_DONE;
}

static int kserve(struct change *c, struct dh_err *err)
{
    struct store_model_version v;
    own_mem char *text = NULL;

    if (find(c, "kserve NAME VERSION [--storage-uri URI]", &v, err) < 0 ||
        registry_kserve(c->store, &v, cli_get(c->args, "storage-uri"), cli_get(c->args, "format"),
                        cli_get(c->args, "namespace"), &text, err) < 0)
        return -1;
    printf("%s", text);
    return CLI_DONE;
}

static int dispatch(struct change *c, const char *what, struct dh_err *err)
{
    if (!strcmp(what, "alias"))
        return alias(c, err);
    if (!strcmp(what, "stage"))
        return stage(c, err);
    if (!strcmp(what, "approve") || !strcmp(what, "reject"))
        return decide(c, *what == 'a', err);
    if (!strcmp(what, "tag"))
        return tag(c, err);
    if (!strcmp(what, "describe"))
        return describe(c, err);
    if (!strcmp(what, "rule"))
        return rule(c, err);
    if (!strcmp(what, "delete"))
        return registry_delete(c->store, c->name, cli_at(c->args, 2), &c->actor,
                               cli_has(c->args, "force"), err);
    if (!strcmp(what, "prune"))
        return prune(c, err);
    return !strcmp(what, "export") ? export(c, err) : kserve(c, err);
}

int models_change(const struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    own(store_close) struct store *store = NULL;
    own(arena_free) struct arena *a = arena_new();
    struct change c = {.cli = cli, .args = args, .a = a, .name = cli_at(args, 1)};

    c.actor.who = cli_get(args, "by") ? cli_get(args, "by") : getenv("USER");
    c.actor.why = cli_get(args, "reason");
    if (cli_store_with(cli, "models", &store, err) < 0)
        return -1;
    c.store = store;
    return dispatch(&c, cli_at(args, 0), err);
}
