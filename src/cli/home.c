/* home - where the state is, and the record in it. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/js.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "store/db-url.h"

/* The nearest folder at or above the current one that has a .dhow; NULL: none. */
static char *project_home(void)
{
    own_mem char *at = fs_absolute(".");

    for (;;) {
        own_mem char *home = fs_join(at, ".dhow");
        char *slash = strrchr(at, '/');

        if (fs_is_dir(home))
            return take(&home);
        if (!slash || !at[1])
            return NULL;
        slash[slash == at ? 1 : 0] = '\0';
    }
}

static bool is_set(const char *text)
{
    return text && *text;
}

int cli_home(const struct cli *cli, char **ret, struct dh_err *err)
{
    const char *env = getenv("DHOW_HOME"), *data = getenv("XDG_DATA_HOME"), *user = getenv("HOME");
    own_mem char *found = NULL;

    if (cli->home && !*cli->home)
        return dh_fail(err, DH_INVALID, "--home is empty: expected a folder");
    if (cli->home || is_set(env))
        found = fs_absolute(cli->home ? cli->home : env);
    else
        found = project_home();
    if (!found && is_set(data) && data[0] == '/')
        found = fs_join(data, "dhow");
    if (!found && is_set(user))
        found = fs_join(user, ".local/share/dhow");
    if (!found)
        return dh_fail(err, DH_INVALID,
                       "no folder for the state: set HOME or DHOW_HOME, or give --home DIR");
    if (js_utf8_valid(found, strlen(found)) < strlen(found)) /* it is part of what is JSON */
        return dh_fail(err, DH_INVALID,
                       "the folder of all state has a name that is not UTF-8: set DHOW_HOME, "
                       "or give --home DIR");
    *ret = take(&found);
    return 0;
}

static bool can_write(const char *path)
{
    const char *slash = strrchr(path, '/');
    own_mem char *folder = dh_strndup(path, slash > path ? (size_t)(slash - path) : 1);

    return access(folder, W_OK) == 0 && access(path, W_OK) == 0;
}

int cli_store(const struct cli *cli, struct store **ret, struct dh_err *err)
{
    own_mem char *home = NULL;
    own_mem char *path = NULL;

    if (cli_home(cli, &home, err) < 0)
        return -1;
    path = store_place(home, cli->db);
    if (!store_exists(path)) {
        if (fs_exists(home) && !fs_is_dir(home))
            return dh_fail(err, DH_INVALID, "%s is a file: expected the folder of all state", home);
        return CLI_NO_RECORD;
    }
    if (store_on_server(path)) {
        int rc = store_open(path, 0, ret, err);

        return rc < 0 && err->code == DH_NOT_FOUND ? CLI_NO_RECORD : rc;
    }
    return store_open(path, can_write(path) ? 0 : STORE_READONLY, ret, err);
}

int cli_store_with(const struct cli *cli, const char *what, struct store **ret, struct dh_err *err)
{
    own_mem char *home = NULL;
    int rc = cli_store(cli, ret, err);

    if (rc != CLI_NO_RECORD)
        return rc;
    if (cli->db) {
        own_mem char *shown = db_url_shown(cli->db);

        return dh_fail(err, DH_NOT_FOUND, "no %s: nothing has been run with database %s yet", what,
                       shown);
    }
    if (cli_home(cli, &home, err) < 0)
        return -1;
    return dh_fail(err, DH_NOT_FOUND,
                   "no %s: nothing has been run in %s yet (--home or DHOW_HOME chooses another)",
                   what, home);
}

void cli_place_split(const char *text, struct cli_place *ret)
{
    const char *task = strchr(text, '/'), *output = task ? strchr(task + 1, '/') : NULL;

    *ret = (struct cli_place){0};
    ret->run = task ? dh_strndup(text, (size_t)(task - text)) : dh_strdup(text);
    if (task && task[1])
        ret->task =
            output ? dh_strndup(task + 1, (size_t)(output - task - 1)) : dh_strdup(task + 1);
    if (output && output[1])
        ret->output = dh_strdup(output + 1);
}

void cli_place_done(struct cli_place *place)
{
    free(place->run);
    free(place->task);
    free(place->output);
    *place = (struct cli_place){0};
}
