/* config.json of a container, as the OCI runtime specification has it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "runtime/cgroup.h"
#include "runtime/oci-priv.h"

#define CPU_PERIOD_US 100000
#define ETC_FILE_MAX ((size_t)4 << 20)

static struct js *texts(const char *const *list, size_t n)
{
    struct js *array = js_array();

    for (size_t i = 0; i < n; i++)
        js_push(array, js_str(list[i]));
    return array;
}
#define TEXTS(list) texts((list), sizeof(list) / sizeof *(list))

static struct js *strv_json(char *const *v)
{
    struct js *array = js_array();

    for (; *v; v++)
        js_push(array, js_str(*v));
    return array;
}

/* ---- user ---- */

/* The line of /etc/passwd or /etc/group of the image whose first field is `name`, or whose third is
 * `id`; its fields in `ret`. The image cannot lead us out of it: its files are opened by path from
 * its root, without links. */
static bool etc_line(const struct image *image, const char *file, const char *name, int64_t id,
                     int64_t ret[2])
{
    own_mem char *path = fs_join(image->rootfs, file);
    own_mem char *text = NULL;
    char *save = NULL;
    size_t n;

    if (readlink(path, (char[2]){0}, 2) >= 0 || fs_read(path, ETC_FILE_MAX, &text, &n, NULL) != 0)
        return false;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        size_t length = strcspn(line, ":");
        char *second = line[length] ? strchr(line + length + 1, ':') : NULL, *end;

        if (!second)
            continue;
        ret[0] = strtoll(second + 1, &end, 10);
        ret[1] = *end == ':' ? strtoll(end + 1, NULL, 10) : 0;
        if (name ? strlen(name) == length && !strncmp(line, name, length) : ret[0] == id)
            return true;
    }
    return false;
}

static bool is_number(const char *text)
{
    return *text && strspn(text, "0123456789") == strlen(text) && strlen(text) < 11;
}

int oci_user(const char *user, const struct image *image, int64_t *ret_uid, int64_t *ret_gid,
             struct dh_err *err)
{
    size_t n = strcspn(user, ":");
    own_mem char *name = dh_strndup(user, n);
    const char *group = user[n] ? user + n + 1 : "";
    int64_t fields[2] = {0, 0};

    *ret_uid = *ret_gid = 0;
    if (is_number(name)) {
        *ret_uid = strtoll(name, NULL, 10);
        if (etc_line(image, "etc/passwd", NULL, *ret_uid, fields))
            *ret_gid = fields[1];
    } else if (*name) {
        if (!etc_line(image, "etc/passwd", name, 0, fields))
            return dh_fail(err, DH_FAILED, "the image has no user '%s'", name);
        *ret_uid = fields[0];
        *ret_gid = fields[1];
    }
    if (is_number(group)) {
        *ret_gid = strtoll(group, NULL, 10);
    } else if (*group) {
        if (!etc_line(image, "etc/group", group, 0, fields))
            return dh_fail(err, DH_FAILED, "the image has no group '%s'", group);
        *ret_gid = fields[0];
    }
    return 0;
}

/* ---- process ---- */

/* What a root within may do; docker's list without raw sockets and device nodes. */
static const char *const capabilities[] = {
    "CAP_CHOWN",  "CAP_DAC_OVERRIDE", "CAP_FOWNER",  "CAP_FSETID",           "CAP_KILL",
    "CAP_SETGID", "CAP_SETUID",       "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT",
    "CAP_SETFCAP"};

static struct js *process(const struct oci_job *j, const struct oci_container *c)
{
    static const char *const sets[] = {"bounding", "effective", "permitted"};
    struct js *p = js_object(), *user = js_object(), *caps = js_object();

    js_set(user, "uid", js_int(c->uid));
    js_set(user, "gid", js_int(c->gid));
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        js_set(caps, sets[i], c->uid == 0 || i == 0 ? TEXTS(capabilities) : js_array());
    js_set(p, "terminal", js_bool(false));
    js_set(p, "user", user);
    js_set(p, "args", strv_json(j->argv));
    js_set(p, "env", strv_json(j->env));
    js_set(p, "cwd", js_str(j->cwd));
    js_set(p, "capabilities", caps);
    js_set(p, "noNewPrivileges", js_bool(true));
    return p;
}

/* ---- mounts ---- */

/* `options`: separated by commas. */
static void add_mount(struct js *mounts, const char *at, const char *type, const char *source,
                      const char *options)
{
    own_mem char *copy = dh_strdup(options);
    struct js *m = js_object(), *list = js_array();
    char *save = NULL;

    for (char *o = strtok_r(copy, ",", &save); o; o = strtok_r(NULL, ",", &save))
        js_push(list, js_str(o));
    js_set(m, "destination", js_str(at));
    js_set(m, "type", js_str(type));
    js_set(m, "source", js_str(source));
    js_set(m, "options", list);
    js_push(mounts, m);
}

static void add_system_mounts(struct js *mounts, const struct oci_container *c)
{
    add_mount(mounts, "/proc", "proc", "proc", "nosuid,noexec,nodev");
    add_mount(mounts, "/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k");
    add_mount(mounts, "/dev/pts", "devpts", "devpts",
              c->rootless ? "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620"
                          : "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5");
    /* Its size is bounded by the memory limit, if there is one: PyTorch's workers need much of it.
     */
    add_mount(mounts, "/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777");
    add_mount(mounts, "/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev");
    if (c->rootless && c->network) /* the kernel refuses a new one where the network is not ours */
        add_mount(mounts, "/sys", "none", "/sys", "rbind,nosuid,noexec,nodev,ro");
    else
        add_mount(mounts, "/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro");
}

static struct js *mounts(const struct runtime_job *job, const struct oci_job *j,
                         const struct oci_container *c)
{
    static const char *const network[] = {"/etc/resolv.conf", "/etc/hosts"};
    struct js *list = js_array();
    size_t *order = oci_mount_order(job);

    add_system_mounts(list, c);
    for (size_t i = 0; c->network && i < sizeof network / sizeof *network; i++)
        if (fs_exists(network[i]))
            add_mount(list, network[i], "bind", network[i], "bind,ro,nosuid,nodev,noexec");
    for (size_t i = 0; i < job->n_mounts; i++) {
        const struct runtime_mount *m = &job->mounts[order[i]];

        add_mount(list, m->at ? m->at : m->path, "bind", m->path,
                  m->writable ? "rbind,rw,nosuid,nodev" : "rbind,ro,nosuid,nodev");
    }
    if (j->program)
        add_mount(list, j->argv[0], "bind", j->program, "bind,ro,nosuid,nodev");
    free(order);
    return list;
}

/* ---- the kernel's side ---- */

/* Calls that reach what namespaces do not hold back. */
static const char *const refused[] = {"acct",
                                      "add_key",
                                      "bpf",
                                      "delete_module",
                                      "finit_module",
                                      "fsconfig",
                                      "fsmount",
                                      "fsopen",
                                      "fspick",
                                      "init_module",
                                      "kexec_load",
                                      "kexec_file_load",
                                      "keyctl",
                                      "mount",
                                      "mount_setattr",
                                      "move_mount",
                                      "open_by_handle_at",
                                      "open_tree",
                                      "pivot_root",
                                      "perf_event_open",
                                      "quotactl",
                                      "reboot",
                                      "request_key",
                                      "setns",
                                      "swapoff",
                                      "swapon",
                                      "syslog",
                                      "umount",
                                      "umount2",
                                      "unshare",
                                      "userfaultfd",
                                      "vhangup"};

static struct js *seccomp(void)
{
    struct js *s = js_object(), *rules = js_array(), *rule = js_object();

    js_set(rule, "names", TEXTS(refused));
    js_set(rule, "action", js_str("SCMP_ACT_ERRNO"));
    js_set(rule, "errnoRet", js_int(1)); /* EPERM */
    js_push(rules, rule);
    js_set(s, "defaultAction", js_str("SCMP_ACT_ALLOW"));
    js_set(s, "syscalls", rules);
    return s;
}

static struct js *resources(const struct oci_container *c)
{
    struct js *r = js_object(), *devices = js_array(), *none = js_object();

    js_set(none, "allow", js_bool(false));
    js_set(none, "access", js_str("rwm"));
    js_push(devices, none);
    js_set(r, "devices", devices);
    if (c->memory_bytes > 0) {
        js_set(r, "memory", js_object());
        js_set(js_get(r, "memory"), "limit", js_int(c->memory_bytes));
    }
    if (c->cpu > 0) {
        int64_t quota = (int64_t)(c->cpu * CPU_PERIOD_US);

        js_set(r, "cpu", js_object());
        js_set(js_get(r, "cpu"), "period", js_int(CPU_PERIOD_US));
        js_set(js_get(r, "cpu"), "quota", js_int(quota < 1000 ? 1000 : quota));
    }
    js_set(r, "pids", js_object());
    js_set(js_get(r, "pids"), "limit", js_int(CGROUP_PROCESSES));
    return r;
}

static struct js *kernel(const struct oci_container *c)
{
    static const char *const masked[] = {
        "/proc/acpi",          "/proc/asound",     "/proc/kcore",       "/proc/keys",
        "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
        "/proc/scsi",          "/sys/firmware"};
    static const char *const read_only[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                                            "/proc/sysrq-trigger"};
    static const char *const spaces[] = {"pid", "ipc", "uts", "mount", "network"};
    struct js *l = js_object(), *list = js_array();

    for (size_t i = 0; i < sizeof spaces / sizeof *spaces - (c->network ? 1 : 0); i++) {
        struct js *one = js_object();

        js_set(one, "type", js_str(spaces[i]));
        js_push(list, one);
    }
    js_set(l, "namespaces", list);
    js_set(l, "maskedPaths", TEXTS(masked));
    js_set(l, "readonlyPaths", TEXTS(read_only));
    if (c->seccomp)
        js_set(l, "seccomp", seccomp());
    if (!c->rootless && !c->no_groups) {
        js_set(l, "resources", resources(c));
        if (*c->cgroups_path)
            js_set(l, "cgroupsPath", js_str(c->cgroups_path));
    }
    return l;
}

struct js *oci_config(const struct runtime_job *job, const struct oci_job *j,
                      const struct oci_container *c)
{
    struct js *config = js_object(), *root = js_object();

    js_set(root, "path", js_str(c->root));
    js_set(root, "readonly", js_bool(c->read_only));
    js_set(config, "ociVersion", js_str("1.0.2"));
    js_set(config, "hostname", js_str("dhow"));
    js_set(config, "root", root);
    js_set(config, "process", process(j, c));
    js_set(config, "mounts", mounts(job, j, c));
    js_set(config, "linux", kernel(c));
    return config;
}
