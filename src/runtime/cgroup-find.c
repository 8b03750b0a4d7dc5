/* Where this process may make groups. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"
#include "runtime/cgroup-priv.h"

#define FILE_MAX ((size_t)1 << 20)
#define FLOOR "dhow-main" /* where our own processes are, if they had to make room */

static const char *const names[N_PLACES] = {"pids", "memory", "cpu"};

int cgroup_write(const char *folder, const char *file, const char *text)
{
    own_mem char *path = fs_join(folder, file);
    own_fd int fd = open(path, O_WRONLY | O_CLOEXEC);

    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -1;
}

char *cgroup_read(const char *folder, const char *file)
{
    own_mem char *path = fs_join(folder, file);
    char text[65536];
    own_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

    return n < 0 ? NULL : dh_strndup(text, (size_t)n);
}

static char *read_all(const char *file)
{
    char *text;
    size_t n;

    return fs_read(file, FILE_MAX, &text, &n, NULL) == 0 ? text : dh_strdup("");
}

/* Whether `word` is one of those in `list`, which `separator` parts. */
static bool has_word(const char *list, const char *word, const char *separators)
{
    size_t n = strlen(word);

    for (const char *s = list; s && *s;) {
        size_t m = strcspn(s, separators);

        if (m == n && !strncmp(s, word, n))
            return true;
        s += m + (s[m] != '\0');
    }
    return false;
}

struct texts { /* what the kernel says of this process; read once */
    char *mounts, *groups;
};

struct own_group {      /* this process's own place in one hierarchy */
    char *mount, *root; /* where it is mounted, and which part of the hierarchy that is */
    char *path;         /* as /proc/self/cgroup names it */
};

static void own_group_done(struct own_group *g)
{
    free(g->mount);
    free(g->root);
    free(g->path);
}

/* One line of mountinfo: "36 35 98:0 ROOT MOUNT options … - TYPE source SUPER". */
static bool take_mount(char *line, const char *controller, struct own_group *g)
{
    char *fields[5], *save = NULL, *at = line, *dash = strstr(line, " - "), *type, *super;

    if (!dash)
        return false;
    *dash = '\0';
    type = dash + 3;
    super = strrchr(type, ' ');
    if (!super)
        return false;
    super++;
    type[strcspn(type, " ")] = '\0';
    if (strcmp(type, controller ? "cgroup" : "cgroup2") != 0 ||
        (controller && !has_word(super, controller, ",\n")))
        return false;
    for (int i = 0; i < 5; i++, at = NULL)
        if (!(fields[i] = strtok_r(at, " ", &save)))
            return false;
    g->root = dh_strdup(fields[3]);
    g->mount = dh_strdup(fields[4]);
    return true;
}

/* "9:name=systemd:/path", "8:cpu,cpuacct:/path", "0::/path" */
static bool take_path(char *line, const char *controller, struct own_group *g)
{
    char *list = strchr(line, ':'), *path = list ? strchr(list + 1, ':') : NULL;

    if (!path)
        return false;
    *path++ = '\0';
    list++;
    if (controller ? !has_word(list, controller, ",") : *list != '\0')
        return false;
    g->path = dh_strdup(path);
    return true;
}

static bool each_line(const char *all, const char *controller, struct own_group *g,
                      bool (*fn)(char *line, const char *controller, struct own_group *g))
{
    own_mem char *text = dh_strdup(all);
    char *save = NULL;

    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        if (fn(line, controller, g))
            return true;
    return false;
}

/* The folder of our own group in the hierarchy of `controller` (version 1; NULL: version 2), and
 * the place where that hierarchy begins here. The caller's; NULL: it is not mounted, or we are
 * outside of what is mounted. */
static char *own_folder(const struct texts *texts, const char *controller, char **ret_top)
{
    struct own_group g = {0};
    char *folder = NULL;

    if (each_line(texts->mounts, controller, &g, take_mount) &&
        each_line(texts->groups, controller, &g, take_path)) {
        const char *rest = g.path;
        size_t n = strlen(g.root);

        if (n > 1 && !strncmp(rest, g.root, n) && (rest[n] == '/' || !rest[n]))
            rest += n;
        if (!strstr(rest, "/.."))
            folder = dh_printf("%s%s", g.mount, strcmp(rest, "/") ? rest : "");
        if (folder && fs_is_dir(folder))
            *ret_top = take(&g.mount);
        else {
            free(folder);
            folder = NULL;
        }
    }
    own_group_done(&g);
    return folder;
}

void cgroup_each(const char *name, void (*fn)(const char *folder))
{
    static const char *const all[] = {
        "pids",       "memory",       "cpu",     "cpuacct",  "cpuset",  "blkio",
        "devices",    "freezer",      "net_cls", "net_prio", "hugetlb", "rdma",
        "perf_event", "name=systemd", NULL}; /* the last is version 2 beside them */
    struct texts texts = {read_all("/proc/self/mountinfo"), read_all("/proc/self/cgroup")};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        own_mem char *top = NULL;
        own_mem char *folder = own_folder(&texts, all[i], &top);
        own_mem char *place = folder ? fs_join(folder, name) : NULL;

        if (place && fs_is_dir(place))
            fn(place);
    }
    free(texts.mounts);
    free(texts.groups);
}

static bool may_make(const char *folder)
{
    own_mem char *procs = fs_join(folder, "cgroup.procs");

    return access(folder, W_OK) == 0 && access(procs, W_OK) == 0;
}

static bool make_parent(const char *folder, char **ret)
{
    own_mem char *parent = fs_join(folder, "dhow");

    if (mkdir(parent, 0755) < 0 && errno != EEXIST)
        return false;
    if (!may_make(parent))
        return false;
    *ret = take(&parent);
    return true;
}

/* The folder `dhow` is made with the first group in it: most runs need none of memory and CPU. */
static void find_v1(struct cgroups *c, const struct texts *texts)
{
    for (int i = 0; i < N_PLACES; i++) {
        own_mem char *top = NULL;
        own_mem char *folder = own_folder(texts, names[i], &top);
        own_mem char *parent = folder && may_make(folder) ? fs_join(folder, "dhow") : NULL;

        if (parent && (!fs_exists(parent) || may_make(parent)))
            c->places[i].parent = take(&parent);
        if (i == PLACE_PIDS && c->places[i].parent)
            c->home = fs_join(folder, "tasks");
    }
}

/* ---- version 2 ---- */

/* Lets the groups below `folder` have the controllers in `want`. Returns those that they then have.
 */
unsigned cgroup_enable(const char *folder, unsigned want)
{
    own_mem char *now = NULL;
    unsigned got = 0;

    for (int i = 0; i < N_PLACES; i++)
        if (want & (1u << i)) {
            char word[16];

            (void)snprintf(word, sizeof word, "+%s", names[i]);
            (void)cgroup_write(folder, "cgroup.subtree_control", word);
        }
    now = cgroup_read(folder, "cgroup.subtree_control");
    for (int i = 0; i < N_PLACES; i++)
        if (now && has_word(now, names[i], " \n"))
            got |= 1u << i;
    return got & want;
}

pid_t cgroup_parent_of(pid_t pid)
{
    char path[64], *at;
    own_mem char *text = NULL;
    size_t n;

    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (fs_read(path, 4096, &text, &n, NULL) != 0 || !(at = strrchr(text, ')')) || strlen(at) < 5)
        return 0;
    return (pid_t)strtol(at + 4, NULL, 10);
}

static bool is_ours(const struct cgroups *c, pid_t pid)
{
    while (pid > 1 && pid != c->owner)
        pid = cgroup_parent_of(pid);
    return pid == c->owner;
}

/* A group with processes in it may not hand controllers down. Where all of them are ours (as after
 * `systemd-run --scope -p Delegate=yes dhow …`), they move one floor down. */
static bool move_down(const struct cgroups *c, const char *folder)
{
    own_mem char *pids = cgroup_read(folder, "cgroup.procs");
    own_mem char *floor = fs_join(folder, FLOOR);

    for (char *s = pids, *end; s && *s; s = end + (*end == '\n')) {
        pid_t pid = (pid_t)strtol(s, &end, 10);

        if (end == s || !is_ours(c, pid))
            return false;
    }
    if (!pids || (mkdir(floor, 0755) < 0 && errno != EEXIST))
        return false;
    for (char *s = pids, *end; *s; s = end + (*end == '\n')) {
        char text[32];

        (void)snprintf(text, sizeof text, "%ld", strtol(s, &end, 10));
        if (cgroup_write(floor, "cgroup.procs", text) < 0 && errno != ESRCH)
            return false;
    }
    return true;
}

static unsigned missing(const struct cgroups *c)
{
    unsigned m = 0;

    for (int i = 0; i < N_PLACES; i++)
        m |= c->places[i].parent ? 0 : 1u << i;
    return m;
}

/* From our own group upwards: the first that gives all that is missing, else the one that gives
 * most.
 */
static void find_v2(struct cgroups *c, const struct texts *texts)
{
    own_mem char *top = NULL;
    own_mem char *folder = own_folder(texts, NULL, &top);
    own_mem char *home = folder ? fs_join(folder, "cgroup.procs") : NULL;
    own_mem char *best = NULL;
    unsigned want = missing(c), most = 0;

    if (folder && !strcmp(strrchr(folder, '/') + 1, FLOOR)) /* room has been made before */
        *strrchr(folder, '/') = '\0';
    for (bool first = true; want && folder && strlen(folder) >= strlen(top); first = false) {
        unsigned got = may_make(folder) ? cgroup_enable(folder, want) : 0;

        if (first && got != want && may_make(folder) && move_down(c, folder)) {
            got = cgroup_enable(folder, want);
            free(home);
            home = dh_printf("%s/" FLOOR "/cgroup.procs", folder);
        }
        if (__builtin_popcount(got) > __builtin_popcount(most)) {
            free(best);
            best = dh_strdup(folder);
            most = got;
        }
        if (got == want || strlen(folder) == strlen(top))
            break;
        *strrchr(folder, '/') = '\0';
    }
    if (best) {
        own_mem char *parent = NULL;

        if (!make_parent(best, &parent))
            return;
        most = cgroup_enable(parent, most);
        for (int i = 0; i < N_PLACES; i++)
            if (most & (1u << i))
                c->places[i] = (struct cgroup_place){dh_strdup(parent), true};
        if (most & CGROUP_PIDS)
            c->home = take(&home);
    }
}

const char *cgroup_below_mount(const char *folder)
{
    own_mem char *mounts = read_all("/proc/self/mountinfo");
    struct own_group g = {0};
    size_t n = 0;

    if (each_line(mounts, NULL, &g, take_mount) && !strncmp(folder, g.mount, strlen(g.mount)))
        n = strlen(g.mount);
    own_group_done(&g);
    return folder + n;
}

static void say_why(struct cgroups *c)
{
    struct buf b = {0};
    unsigned m = missing(c);

    for (int i = 0; i < N_PLACES; i++)
        if (m & (1u << i))
            buf_addf(&b, "%s%s", b.n ? ", " : "no cgroup for ", names[i]);
    if (m && geteuid() == 0)
        buf_adds(&b, ": the cgroup file system is read-only or lacks the controllers here");
    else if (m)
        buf_adds(&b, ": none is delegated to this user (start dhow with "
                     "`systemd-run --user --scope -p Delegate=yes dhow …`, or as root)");
    c->why = b.p ? buf_take(&b) : dh_strdup("");
}

void cgroup_find(struct cgroups *c)
{
    struct texts texts = {read_all("/proc/self/mountinfo"), read_all("/proc/self/cgroup")};

    find_v1(c, &texts);
    find_v2(c, &texts);
    free(texts.mounts);
    free(texts.groups);
    say_why(c);
}
