#include "runtime/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"
#include "runtime/cgroup-priv.h"
#include "runtime/command.h"

#define CPU_PERIOD_US 100000
#define CPU_QUOTA_MIN_US 1000 /* the kernel's */
#define GONE_WAIT_MS 500
#define MAIN "main" /* where the starter of a nested group is: groups are called otherwise */

/* ---- one folder of a group ---- */

static bool is_v2(const char *folder)
{
    own_mem char *file = fs_join(folder, "cgroup.controllers");

    return fs_exists(file);
}

/* Whether there was something to kill. What one read does not give comes the next time. */
static bool kill_listed(const char *folder)
{
    own_mem char *pids = cgroup_read(folder, "cgroup.procs");
    bool any = false;

    for (char *s = pids, *end; s && *s; s = end) {
        long pid = strtol(s, &end, 10);

        if (end == s)
            break;
        if (pid > 1) { /* 0: of a process namespace that is not ours */
            (void)kill((pid_t)pid, SIGKILL);
            any = true;
        }
    }
    return any;
}

static bool each_below(const char *folder, bool (*fn)(const char *folder))
{
    DIR *d = opendir(folder);
    struct dirent *e;
    bool any = false;

    while (d && (e = readdir(d)))
        if (e->d_type == DT_DIR && e->d_name[0] != '.') {
            own_mem char *path = fs_join(folder, e->d_name);

            any |= fn(path);
        }
    if (d)
        (void)closedir(d);
    return any;
}

static bool kill_tree(const char *folder)
{
    bool any = kill_listed(folder);

    return each_below(folder, kill_tree) || any;
}

static bool remove_tree(const char *folder)
{
    (void)each_below(folder, remove_tree);
    return rmdir(folder) == 0;
}

static void kill_folder(const char *folder)
{
    if (is_v2(folder))
        (void)cgroup_write(folder, "cgroup.kill", "1");
    for (int ms = 0; ms < GONE_WAIT_MS && kill_tree(folder); ms++) {
        if (ms == 0) /* no new ones: then each round makes them fewer */
            (void)cgroup_write(folder, "pids.max", "0");
        (void)poll(NULL, 0, 1);
    }
}

/* ---- the text that names a group ---- */

char **cgroup_files(const char *group)
{
    size_t n = 1, i = 0, size = strlen(group) + 1;
    char **files, *text, *save = NULL;

    for (const char *s = group; *s; s++)
        n += *s == '\n';
    files = dh_alloc((n + 1) * sizeof *files + size);
    text = memcpy(files + n + 1, group, size);
    for (char *file = strtok_r(text, "\n", &save); file; file = strtok_r(NULL, "\n", &save))
        files[i++] = file;
    files[i] = NULL;
    return files;
}

/* The folders of the group instead of its files; free() the array. One whose processes are a floor
 * down (version 2, nested) is meant as a whole. */
static char **folders(const char *group)
{
    char **files = cgroup_files(group);

    for (char **f = files; *f; f++) {
        char *slash = strrchr(*f, '/');

        if (slash)
            *slash = '\0';
        if ((slash = strrchr(*f, '/')) && !strcmp(slash, "/" MAIN))
            *slash = '\0';
    }
    return files;
}

int cgroup_join(const char *group, struct dh_err *err)
{
    own_mem char **files = cgroup_files(group);

    for (char **file = files; *file; file++)
        if (cgroup_write("/", *file, "0") < 0)
            return dh_fail_errno(err, "cannot write to %s", *file);
    return 0;
}

int cgroup_leave(const struct cgroups *c)
{
    return c->home ? cgroup_write("/", c->home, "0") : -1;
}

void cgroup_kill(const char *group)
{
    own_mem char **all = folders(group);

    if (all[0])
        kill_folder(all[0]); /* each of them holds the same processes */
}

void cgroup_remove(const char *group)
{
    own_mem char **all = folders(group);

    if (all[0])
        kill_folder(all[0]);
    for (char **folder = all; *folder; folder++)
        for (int ms = 0; ms < GONE_WAIT_MS; ms++) { /* the last one may still be ending */
            if (remove_tree(*folder) || errno != EBUSY)
                break;
            (void)poll(NULL, 0, 1);
        }
}

/* ---- making ---- */

static int set_number(const char *folder, const char *file, long long value)
{
    char text[32];

    (void)snprintf(text, sizeof text, "%lld", value);
    return cgroup_write(folder, file, text);
}

static int set_memory(const char *folder, bool v2, int64_t bytes)
{
    if (v2) {
        (void)set_number(folder, "memory.swap.max", 0); /* not there without swap */
        (void)set_number(folder, "memory.oom.group", 1);
        return set_number(folder, "memory.max", bytes);
    }
    if (set_number(folder, "memory.limit_in_bytes", bytes) < 0)
        return -1;
    (void)set_number(folder, "memory.memsw.limit_in_bytes", bytes); /* not there without swap */
    return 0;
}

static int set_cpu(const char *folder, bool v2, double cores)
{
    long long quota = (long long)(cores * CPU_PERIOD_US);
    char text[64];

    if (quota < CPU_QUOTA_MIN_US)
        quota = CPU_QUOTA_MIN_US;
    if (!v2)
        return set_number(folder, "cpu.cfs_period_us", CPU_PERIOD_US) < 0
                   ? -1
                   : set_number(folder, "cpu.cfs_quota_us", quota);
    (void)snprintf(text, sizeof text, "%lld %d", quota, CPU_PERIOD_US);
    return cgroup_write(folder, "cpu.max", text);
}

static int set_limit(const char *folder, bool v2, int place, const struct cgroup_limits *limits)
{
    if (place == PLACE_PIDS && limits->processes)
        return set_number(folder, "pids.max", limits->processes);
    if (place == PLACE_MEMORY && limits->memory_bytes && !limits->nested)
        return set_memory(folder, v2, limits->memory_bytes);
    if (place == PLACE_CPU && limits->cpu > 0 && !limits->nested)
        return set_cpu(folder, v2, limits->cpu);
    return 0;
}

static bool wanted(int place, const struct cgroup_limits *limits)
{
    return place == PLACE_PIDS || (place == PLACE_MEMORY && limits->memory_bytes) ||
           (place == PLACE_CPU && limits->cpu > 0);
}

static int make_folder(const struct cgroup_place *place, const char *name, char **ret,
                       struct dh_err *err)
{
    own_mem char *folder = fs_join(place->parent, name);

    if (mkdir(folder, 0755) < 0) {
        /* Another dhow that ended has taken the parent with it. */
        if (errno != ENOENT || (mkdir(place->parent, 0755) < 0 && errno != EEXIST) ||
            mkdir(folder, 0755) < 0)
            return dh_fail_errno(err, "cannot make the control group %s", folder);
    }
    *ret = take(&folder);
    return 0;
}

/* `tasks` is the cheaper way for one thread, and version 1's only. */
static int add_file(struct buf *files, const char *folder, bool v2, bool nested, struct dh_err *err)
{
    own_mem char *main = fs_join(folder, MAIN);

    buf_addf(files, "%s%s%s/%s", files->n ? "\n" : "", folder, v2 && nested ? "/" MAIN : "",
             v2 ? "cgroup.procs" : "tasks");
    if (v2 && nested) {
        cgroup_enable(folder, CGROUP_ALL);
        if (mkdir(main, 0755) < 0)
            return dh_fail_errno(err, "cannot make the control group %s", main);
    }
    return 0;
}

static bool only_processes(const struct cgroup_limits *limits)
{
    return limits->processes && !limits->memory_bytes && limits->cpu <= 0 && !limits->nested;
}

int cgroup_make(struct cgroups *c, const struct cgroup_limits *limits, char **ret,
                struct dh_err *err)
{
    static atomic_ullong count;
    char name[96];
    struct buf files = {0};

    if (c->n_spare && only_processes(limits) && limits->processes == c->spare_processes) {
        *ret = c->spare[--c->n_spare];
        return 0;
    }
    (void)snprintf(name, sizeof name, "%d.%llu.%llu", (int)getpid(), c->started,
                   atomic_fetch_add(&count, 1));
    for (int i = 0; i < N_PLACES; i++) {
        const struct cgroup_place *place = &c->places[i];
        own_mem char *folder = NULL;
        bool same = i && place->parent && c->places[0].parent &&
                    !strcmp(place->parent, c->places[0].parent);

        if (!place->parent || !wanted(i, limits))
            continue;
        if (same)
            folder = fs_join(place->parent, name);
        else if (make_folder(place, name, &folder, err) < 0)
            goto fail;
        else if (add_file(&files, folder, place->v2, limits->nested, err) < 0)
            goto fail;
        if (set_limit(folder, place->v2, i, limits) < 0) {
            (void)dh_fail_errno(err, "cannot set the limits of the control group %s", folder);
            goto fail;
        }
    }
    *ret = files.p ? buf_take(&files) : dh_strdup("");
    return 0;
fail:
    cgroup_remove(buf_str(&files));
    buf_done(&files);
    return -1;
}

/* ---- why it ended ---- */

/* The number after `key` in a file of "key number" lines. */
static long long count_of(const char *folder, const char *file, const char *key)
{
    own_mem char *text = cgroup_read(folder, file);
    size_t n = strlen(key);

    for (char *s = text; s && *s;) {
        if (!strncmp(s, key, n) && s[n] == ' ')
            return strtoll(s + n, NULL, 10);
        s = strchr(s, '\n');
        s = s ? s + 1 : NULL;
    }
    return 0;
}

static long long number_of(const char *folder, const char *file)
{
    own_mem char *text = cgroup_read(folder, file);

    return text ? strtoll(text, NULL, 10) : 0;
}

static char *bytes_text(long long bytes, char to[48])
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    size_t unit = 0;

    while (value >= 1024 && unit + 1 < sizeof units / sizeof *units) {
        value /= 1024;
        unit++;
    }
    (void)snprintf(to, 48, "%.4g %s", value, units[unit]);
    return to;
}

char *cgroup_memory_reason(int64_t limit_bytes)
{
    char size[48];

    if (limit_bytes <= 0)
        return dh_strdup("killed: out of memory");
    return dh_printf("killed: out of memory (limit %s)", bytes_text(limit_bytes, size));
}

static char *memory_reason(const char *folder, int64_t limit, bool was_killed)
{
    char size[48];

    if (!limit)
        return NULL;
    if (count_of(folder, is_v2(folder) ? "memory.events" : "memory.oom_control", "oom_kill"))
        return cgroup_memory_reason(limit);
    /* Version 1 counts the kill where the process was; a container's own group is gone by now. */
    if (was_killed && number_of(folder, "memory.max_usage_in_bytes") >= limit - limit / 32)
        return dh_printf("killed while its memory was at the limit (%s)", bytes_text(limit, size));
    return NULL;
}

char *cgroup_reason(const char *group, const struct cgroup_limits *limits, int status)
{
    own_mem char **all = folders(group);
    bool was_killed = (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) ||
                      (WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGKILL);
    char *reason = NULL;

    if (status == 0)
        return NULL;
    for (char **folder = all; *folder && !reason; folder++)
        reason = memory_reason(*folder, limits->memory_bytes, was_killed);
    for (char **folder = all; *folder && !reason; folder++)
        if (count_of(*folder, "pids.events", "max"))
            reason =
                dh_printf("failed at its limit of %lld processes", (long long)limits->processes);
    return reason;
}

void cgroup_give_back(struct cgroups *c, const char *group, const struct cgroup_limits *limits)
{
    own_mem char **all = folders(group);

    if (!only_processes(limits) || !all[0] || kill_tree(all[0]) ||
        (c->n_spare && c->spare_processes != limits->processes) ||
        number_of(all[0], "pids.max") != limits->processes ||
        count_of(all[0], "pids.events", "max")) {
        cgroup_remove(group);
        return;
    }
    c->spare_processes = limits->processes;
    DH_GROW(c->spare, c->n_spare, c->cap_spare);
    c->spare[c->n_spare++] = dh_strdup(group);
}

static void remove_one(const char *folder)
{
    kill_folder(folder);
    (void)remove_tree(folder);
}

void cgroup_remove_nested(const char *path)
{
    if (*path)
        cgroup_each(path, remove_one);
}

char *cgroup_nested_path(const char *group)
{
    own_mem char **all = folders(group);
    const char *below;

    if (!all[0])
        return dh_strdup("");
    /* Version 1: each controller's own group of who starts the container, which is what we made. */
    if (!is_v2(all[0]))
        return dh_printf("dhow-%s", strrchr(all[0], '/') + 1);
    below = cgroup_below_mount(all[0]);
    return dh_printf("%s/container", below);
}

/* ---- opening ---- */

/* Whether the shepherd that started this process still looks after it. */
static bool has_shepherd(pid_t pid)
{
    for (; pid > 1; pid = cgroup_parent_of(pid)) {
        char path[64];
        own_mem char *name = NULL;
        size_t n;

        (void)snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
        if (fs_read(path, 64, &name, &n, NULL) == 0 && !strncmp(name, "dhow-shepherd", 13))
            return true;
    }
    return false;
}

static void sweep_one(const char *parent, const char *name)
{
    own_mem char *folder = fs_join(parent, name);
    own_mem char *procs = NULL;
    char *end;
    long pid = strtol(name, &end, 10);

    if (pid <= 0 || *end != '.' || command_started((pid_t)pid) == strtoull(end + 1, NULL, 10))
        return;
    procs = cgroup_read(folder, "cgroup.procs");
    if (procs && *procs && has_shepherd((pid_t)strtol(procs, NULL, 10)))
        return; /* it ends them itself, after their time of grace */
    kill_folder(folder);
    (void)remove_tree(folder);
}

static void sweep(const char *parent)
{
    DIR *d = opendir(parent);
    struct dirent *e;

    while (d && (e = readdir(d)))
        if (e->d_type == DT_DIR && e->d_name[0] != '.')
            sweep_one(parent, e->d_name);
    if (d)
        (void)closedir(d);
}

struct cgroups *cgroups_open(pid_t owner)
{
    struct cgroups *c = dh_zalloc(1, sizeof *c);

    c->owner = owner;
    c->started = command_started(getpid());
    cgroup_find(c);
    for (int i = 0; i < N_PLACES; i++)
        if (c->places[i].parent)
            sweep(c->places[i].parent);
    return c;
}

struct cgroups *cgroups_close(struct cgroups *c)
{
    if (!c)
        return NULL;
    for (size_t i = 0; i < c->n_spare; i++) {
        cgroup_remove(c->spare[i]);
        free(c->spare[i]);
    }
    free(c->spare);
    for (int i = 0; i < N_PLACES; i++) {
        if (c->places[i].parent)
            (void)rmdir(c->places[i].parent); /* stays while another uses it */
        free(c->places[i].parent);
    }
    free(c->why);
    free(c->home);
    free(c);
    return NULL;
}

unsigned cgroups_hold(const struct cgroups *c)
{
    unsigned holds = 0;

    for (int i = 0; i < N_PLACES; i++)
        holds |= c->places[i].parent ? 1u << i : 0;
    return holds;
}

const char *cgroups_why(const struct cgroups *c)
{
    return c->why;
}
