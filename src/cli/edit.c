#include "cli/edit.h"

#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "cli/out.h"

int cli_split_tag(const char *text, char **ret_name, const char **ret_value, struct dh_err *err)
{
    const char *equals = strchr(text, '=');

    if (!equals || equals == text)
        return dh_fail(err, DH_INVALID, "tag '%s': expected NAME=VALUE, or NAME= to remove it",
                       text);
    *ret_name = dh_strndup(text, (size_t)(equals - text));
    *ret_value = equals + 1;
    return 0;
}

static int print_tags(const struct cli *cli, struct store *store, enum store_tagged kind,
                      int64_t id, struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    own(js_free) struct js *tags = NULL;
    const char *json;

    if (store_tags(store, kind, id, a, &json, err) < 0)
        return -1;
    tags = out_parse(json, js_object());
    if (cli->json) {
        out_json(tags, stdout);
        return CLI_DONE;
    }
    for (js_each(tags, it))
        printf("%s=%s\n", it.key, js_text(it.value));
    return CLI_DONE;
}

static int set_all(struct store *store, enum store_tagged kind, int64_t id,
                   const struct cli_args *args, size_t first, struct dh_err *err)
{
    for (size_t i = first; i < cli_n(args); i++) {
        own_mem char *name = NULL;
        const char *value;

        if (cli_split_tag(cli_at(args, i), &name, &value, err) < 0 ||
            store_tag_set(store, kind, id, name, *value ? value : NULL, err) < 0)
            return -1;
    }
    return 0;
}

int cli_edit_tags(const struct cli *cli, struct store *store, enum store_tagged kind, int64_t id,
                  const struct cli_args *args, size_t first, struct dh_err *err)
{
    if (cli_n(args) <= first)
        return print_tags(cli, store, kind, id, err);
    if (store_begin(store, err) < 0)
        return -1;
    if (set_all(store, kind, id, args, first, err) < 0) {
        store_rollback(store);
        return -1;
    }
    return store_commit(store, err) < 0 ? -1 : CLI_DONE;
}
