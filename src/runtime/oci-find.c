/* Which container tools of this machine work. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "runtime/oci-priv.h"

#define DOCKER_MS 3000
#define PODMAN_MS 15000
#define CHOICE "DHOW_CONTAINER_ENGINE" /* docker, podman, crun or runc: no other is tried */

void oci_tool_done(struct oci_tool *tool)
{
    free(tool->path);
    *tool = (struct oci_tool){0};
}

static bool may_use(const char *name)
{
    const char *choice = getenv(CHOICE);

    return !choice || !*choice || !strcmp(choice, name);
}

static bool is_there(const char *folder, const char *name)
{
    own_mem char *path = folder ? fs_join(folder, name) : NULL;

    return path && fs_exists(path);
}

/* Without a socket there is nobody to ask: the client need not be started to find that out. */
static bool docker_may_listen(void)
{
    const char *home = getenv("HOME");

    return getenv("DOCKER_HOST") || getenv("DOCKER_CONTEXT") || fs_exists("/var/run/docker.sock") ||
           is_there(getenv("XDG_RUNTIME_DIR"), "docker.sock") ||
           is_there(home, ".docker/run/docker.sock") || is_there(home, ".docker/contexts") ||
           is_there(home, ".docker/desktop/docker.sock");
}

static void add_why(struct buf *why, const char *tool, const char *text)
{
    buf_addf(why, "%s%s: %s", why->n ? "; " : "", tool, text);
}

static bool docker_works(char **ret, struct buf *why)
{
    own_mem char *path = command_find("docker");
    own_args struct args a = {0};
    struct dh_err err;

    if (!path)
        return false;
    if (!docker_may_listen()) {
        add_why(why, "docker",
                "its service is not running (no socket, and DOCKER_HOST is not set)");
        return false;
    }
    args_adds(&a, path, "version", "--format", "{{.Server.Version}}", NULL);
    if (command_do(a.v, DOCKER_MS, NULL, NULL, &err) < 0) {
        add_why(why, "docker", err.msg);
        return false;
    }
    *ret = take(&path);
    return true;
}

/* ---- what was found to work is not tried again until the machine or the tool changes ---- */

static char *mark_path(const char *home, const char *tool)
{
    const char *base = strrchr(tool, '/');

    return dh_printf("%s/containers/works-%s", home, base ? base + 1 : tool);
}

static char *mark_text(const char *tool)
{
    own_mem char *boot = NULL;
    struct stat st = {0};
    size_t n;

    if (fs_read("/proc/sys/kernel/random/boot_id", 100, &boot, &n, NULL) != 0)
        boot = dh_strdup("");
    (void)stat(tool, &st);
    return dh_printf("%s %lld %u %s", tool, (long long)st.st_mtime, (unsigned)geteuid(), boot);
}

static bool is_marked(const char *home, const char *tool)
{
    own_mem char *path = mark_path(home, tool);
    own_mem char *want = mark_text(tool);
    own_mem char *text = NULL;
    size_t n;

    return fs_read(path, 65536, &text, &n, NULL) == 0 && !strcmp(text, want);
}

static void mark(const char *home, const char *tool)
{
    own_mem char *path = mark_path(home, tool);
    own_mem char *text = mark_text(tool);

    (void)fs_write(path, text, strlen(text), 0644, NULL);
}

/* A container of an empty folder: that its program is not found is what shows that podman can make
 * one. A podman that speaks to another machine cannot be asked so: its answer is enough. */
static int try_podman(const char *home, const char *path, struct dh_err *err)
{
    own_args struct args info = {0};
    own_args struct args run = {0};
    own_buf struct buf said = {0};
    own_mem char *root = fs_join(home, "containers/empty");
    own_mem char *line = NULL;
    int status;

    args_adds(&info, path, "info", "--format", "{{.Version.Version}}", NULL);
    if (getenv("CONTAINER_HOST"))
        return command_do(info.v, PODMAN_MS, NULL, NULL, err);
    args_adds(&run, path, "run", "--rm", "--network", "none", NULL);
    oci_podman_limits(&run);
    args_adds(&run, "--rootfs", root, "/none", NULL);
    if (fs_mkdirs(root, 0755, err) < 0 ||
        command_run(run.v, PODMAN_MS, NULL, NULL, &said, &status, err) < 0)
        return -1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return 0;
    line = command_last_line(&said);
    if (strstr(line, "unknown flag"))
        return command_do(info.v, PODMAN_MS, NULL, NULL, err);
    return dh_fail(err, DH_FAILED, "%s", line);
}

static bool podman_works(const char *home, char **ret, struct buf *why)
{
    own_mem char *path = command_find("podman");
    struct dh_err err;

    if (!path)
        return false;
    if (!is_marked(home, path)) {
        if (try_podman(home, path, &err) < 0) {
            add_why(why, "podman", err.msg);
            return false;
        }
        mark(home, path);
    }
    *ret = take(&path);
    return true;
}

static bool runner_works(const char *home, const char *name, char **ret, struct buf *why)
{
    own_mem char *path = may_use(name) ? command_find(name) : NULL;
    own_mem char *folder = fs_join(home, "containers");
    struct dh_err err;

    if (!path)
        return false;
    if (!is_marked(home, path)) {
        if (oci_runc_try(path, folder, &err) < 0) {
            add_why(why, name, err.msg);
            return false;
        }
        mark(home, path);
    }
    *ret = take(&path);
    return true;
}

int oci_find(const struct runtime_setup *setup, struct oci_tool *ret_engine,
             struct oci_tool *ret_runner, struct dh_err *err)
{
    own_mem char *folder = fs_join(setup->home, "containers");
    own_buf struct buf why = {.max = 700};
    struct oci_tool engine = {0}, runner = {.kind = OCI_RUNC};

    if (fs_mkdirs(folder, 0755, err) < 0)
        return -1;
    if (may_use("docker") && docker_works(&engine.path, &why))
        engine.kind = OCI_DOCKER;
    else if (may_use("podman") && podman_works(setup->home, &engine.path, &why))
        engine.kind = OCI_PODMAN;
    if (!runner_works(setup->home, "crun", &runner.path, &why))
        (void)runner_works(setup->home, "runc", &runner.path, &why);
    if (!engine.path && !runner.path)
        return dh_fail(err, DH_NOT_FOUND,
                       "no container tool works here%s%s; install docker or podman, or runc and "
                       "skopeo (apt-get install runc skopeo)",
                       why.n ? ": " : " (docker, podman, crun and runc were looked for)",
                       buf_str(&why));
    *ret_engine = engine;
    *ret_runner = runner;
    return 0;
}
