/* doctor - what works on this machine, and why what does not, does not. */
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cpus.h"
#include "base/fs.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/version.h"
#include "engine/cluster-check.h"
#include "runtime/runtime.h"

enum verdict { GOOD, NOTED, BAD };

struct checkup {
    const struct cli *cli;
    struct js *list;
    bool bad;
};

static void say(struct checkup *c, const char *what, enum verdict verdict, const char *detail)
{
    static const char *const names[] = {"ok", "note", "bad"};
    static const char *const marks[] = {"✓", "·", "✗"};
    static const enum out_style styles[] = {OUT_GREEN, OUT_YELLOW, OUT_RED};
    struct js *v = js_object();

    out_set_text(v, "check", what);
    out_set_text(v, "state", names[verdict]);
    out_set_text(v, "detail", detail);
    js_push(c->list, v);
    c->bad |= verdict == BAD;
    if (!c->cli->json)
        printf("%s%s%s %-10s %s\n", out_on(c->cli->color, styles[verdict]), marks[verdict],
               out_off(c->cli->color), what, detail);
}

static void sayf(struct checkup *c, const char *what, enum verdict verdict, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static void sayf(struct checkup *c, const char *what, enum verdict verdict, const char *fmt, ...)
{
    own_mem char *detail = NULL;
    va_list ap;

    va_start(ap, fmt);
    detail = dh_vprintf(fmt, ap);
    va_end(ap);
    say(c, what, verdict, detail);
}

static void check_machine(struct checkup *c)
{
    struct utsname name;
    struct sysinfo info;

    if (uname(&name) < 0 || sysinfo(&info) < 0)
        return;
    sayf(c, "machine", GOOD, "%s %s, %d cores, %.1f GiB of memory", name.sysname, name.release,
         cpus(), (double)info.totalram * info.mem_unit / (1 << 30));
}

/* The nearest folder above that is there: where the home would be made. */
static char *existing_folder(const char *path)
{
    char *at = dh_strdup(path);

    while (!fs_is_dir(at)) {
        char *slash = strrchr(at, '/');

        if (!slash || slash == at) {
            at[0] = '/';
            at[1] = '\0';
            break;
        }
        *slash = '\0';
    }
    return at;
}

static void check_home(struct checkup *c, const char *home)
{
    own_mem char *at = existing_folder(home);
    own_mem char *free_text = NULL;
    struct statvfs vfs;
    int64_t free_bytes = -1;

    if (statvfs(at, &vfs) == 0)
        free_bytes = (int64_t)vfs.f_bavail * (int64_t)vfs.f_frsize;
    free_text = out_bytes(free_bytes);
    if (access(at, W_OK) != 0)
        sayf(c, "home", BAD, "%s cannot be written: choose another by DHOW_HOME or --home", home);
    else if (free_bytes >= 0 && free_bytes < 100 << 20)
        sayf(c, "home", BAD, "%s: the disk is nearly full, %s free", home, free_text);
    else
        sayf(c, "home", GOOD, "%s%s, %s free", home,
             fs_is_dir(home) ? "" : " (made by the first run)", free_text);
}

static void check_record(struct checkup *c)
{
    own(store_close) struct store *store = NULL;
    struct dh_err err;
    int rc = cli_store(c->cli, &store, &err);

    if (rc == CLI_NO_RECORD) {
        say(c, "record", GOOD, "none yet");
    } else if (rc < 0 || store_check(store, &err) < 0) {
        say(c, "record", BAD, err.msg);
    } else {
        bool server = store_on_server(store_path(store));
        own_mem char *size = out_bytes(server ? 0 : fs_tree_bytes(store_path(store)));

        sayf(c, "record", GOOD, "%s, sound, schema %d%s%s", store_path(store), store_schema(store),
             server ? "" : ", ", server ? "" : size);
    }
}

static void check_runtimes(struct checkup *c, const char *home)
{
    char self[4096] = "";
    const struct runtime_setup config = {.home = home, .self = self};
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    const char *name;

    self[n > 0 ? n : 0] = '\0';
    for (size_t i = 0; (name = runtime_at(i)); i++) {
        struct dh_err err;

        if (runtime_check(name, &config, &err) == 0)
            sayf(c, name, GOOD, "works: dhow run --runtime %s", name);
        else
            say(c, name, i == 0 ? BAD : NOTED, err.msg);
    }
}

static char *find_program(const char *name)
{
    const char *path = getenv("PATH");

    while (path && *path) {
        size_t n = strcspn(path, ":");
        own_mem char *folder = dh_strndup(path, n);
        own_mem char *file = fs_join(folder, name);

        if (n && access(file, X_OK) == 0)
            return take(&file);
        path += n + (path[n] == ':');
    }
    return NULL;
}

static void check_python(struct checkup *c)
{
    own_mem char *python = find_program("python3");

    if (python)
        sayf(c, "python", GOOD, "%s, for steps that are Python functions", python);
    else
        say(c, "python", NOTED, "no python3: steps that are Python functions cannot run");
}

static void say_cluster(void *user, bool ok, const char *text)
{
    say(user, "argo", ok ? GOOD : NOTED, text);
}

static int run_doctor(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    struct checkup c = {.cli = cli, .list = js_array()};
    own(js_free) struct js *v = js_object();
    own_mem char *home = NULL;

    (void)args;
    if (cli_home(cli, &home, err) < 0) {
        js_free(c.list);
        return -1;
    }
    sayf(&c, "dhow", GOOD, "%s", DHOW_VERSION);
    check_machine(&c);
    check_home(&c, home);
    check_record(&c);
    check_runtimes(&c, home);
    check_python(&c);
    cluster_look(NULL, say_cluster, &c);
    js_set(v, "ok", js_bool(!c.bad));
    js_set(v, "checks", c.list);
    if (cli->json)
        out_json(v, stdout);
    return c.bad ? CLI_MACHINE : CLI_DONE;
}

const struct cli_command cmd_doctor = {
    .name = "doctor",
    .group = "About dhow",
    .summary = "check this machine, the home and the record",
    .operands = "",
    .text = "Exit status 3 where something that every run needs is missing. What only some runs "
            "need is a note.",
    .run = run_doctor,
};
