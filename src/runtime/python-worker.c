/* The engine's side of warm workers: which one fits, is it there, start it.
 *
 * A worker outlives the run that started it, and serves later runs whose steps would get the same
 * process from a cold start: its name is a digest of all that a process inherits and cannot be
 * given later. Its other end is python/worker.py; the shepherd sends it the steps. */
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/fs.h"
#include "base/mem.h"
#include "runtime/python-priv.h"
#include "runtime/runtime-priv.h"
#include "runtime/shepherd-priv.h"

#define IDLE_S "1800"
#define BEING_STARTED 3 /* exit status: by somebody else */
#define WAIT_MS 20000

static bool has_prefix(const char *s, const char *const *prefixes)
{
    for (; *prefixes; prefixes++)
        if (!strncmp(s, *prefixes, strlen(*prefixes)))
            return true;
    return false;
}

/* What the interpreter or the C library reads once, when a process starts. */
static bool is_for_start(const char *item)
{
    static const char *const prefixes[] = {"PYTHON",          "LD_",           "LC_",
                                           "LANG=",           "LANGUAGE=",     "MALLOC_",
                                           "GLIBC_TUNABLES=", "_KFP_RUNTIME=", NULL};

    return has_prefix(item, prefixes);
}

/* What each step has, and what says nothing to a library that is being imported. */
static bool is_of_no_matter(const char *item)
{
    static const char *const prefixes[] = {"HOME=",
                                           "TMPDIR=",
                                           "PATH=",
                                           "PWD=",
                                           "KFP_",
                                           "DHOW_",
                                           "PIP_",
                                           "UV_",
                                           "TZ=",
                                           "VIRTUAL_ENV=",
                                           "HTTP_PROXY=",
                                           "HTTPS_PROXY=",
                                           "NO_PROXY=",
                                           "ALL_PROXY=",
                                           "http_proxy=",
                                           "https_proxy=",
                                           "no_proxy=",
                                           "all_proxy=",
                                           "SSL_CERT_",
                                           "CURL_CA_BUNDLE=",
                                           "REQUESTS_CA_BUNDLE=",
                                           NULL};

    return has_prefix(item, prefixes);
}

bool python_env_matters(const char *item)
{
    static const char *const prefixes[] = {"PATH=", "PIP_", "UV_", NULL};

    return is_for_start(item) || has_prefix(item, prefixes);
}

bool python_worker_ahead(const char *source, char *const *env)
{
    if (!source || strstr(source, "environ") || strstr(source, "putenv"))
        return false;
    for (; *env; env++)
        if (!is_for_start(*env) && !is_of_no_matter(*env))
            return false;
    return true;
}

/* Namespaces, limits, priority, processors, mask: what a child of ours inherits. Control groups are
 * not: the keeper of a run goes into those of its shepherd. */
static void add_surroundings(struct buf *b)
{
    static const char *const spaces[] = {"mnt", "net", "pid", "user", "ipc", "uts"};
    mode_t mask = umask(0);
    cpu_set_t cpus;

    (void)umask(mask);
    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++) {
        char path[40], text[64] = "";

        (void)snprintf(path, sizeof path, "/proc/self/ns/%s", spaces[i]);
        (void)!readlink(path, text, sizeof text - 1);
        buf_addf(b, "%s\n", text);
    }
    for (int i = 0; i < RLIMIT_NLIMITS; i++) {
        struct rlimit limit = {0, 0};

        (void)getrlimit((__rlimit_resource_t)i, &limit);
        buf_addf(b, "%llu %llu\n", (unsigned long long)limit.rlim_cur,
                 (unsigned long long)limit.rlim_max);
    }
    CPU_ZERO(&cpus);
    (void)sched_getaffinity(0, sizeof cpus, &cpus);
    buf_add(b, &cpus, sizeof cpus);
    buf_addf(b, "%o %d %u %u\n", (unsigned)mask, getpriority(PRIO_PROCESS, 0), (unsigned)geteuid(),
             (unsigned)getegid());
}

const char *python_worker_name(const struct python_env *e, const char *module, bool ahead,
                               char *const *env, struct arena *a)
{
    struct buf b = {0};
    char digest[DIGEST_TEXT];

    buf_addf(&b, "%s\n%s\n%d\n", e->folder, module, ahead);
    buf_adds(&b, python_worker_source);
    add_surroundings(&b);
    for (; *env; env++)
        if (is_for_start(*env))
            buf_addf(&b, "%s\n", *env);
    digest_bytes(buf_str(&b), b.n, digest);
    buf_done(&b);
    return arena_printf(a, "dhow-%u-%.20s", (unsigned)geteuid(), digest);
}

bool python_worker_listens(const char *name)
{
    own_fd int fd = worker_connect(name);

    return fd >= 0;
}

/* What it starts with; the steps' own environments come with the steps. One block: free(). */
static char **start_env(const struct python_env *e, char *const *env, char **ret_home)
{
    size_t n = 0;
    char **v;

    while (env[n])
        n++;
    v = dh_zalloc(n + 2, sizeof *v);
    n = 0;
    for (; *env; env++)
        if (is_for_start(*env) || !strncmp(*env, "PATH=", 5) || !strncmp(*env, "VIRTUAL_ENV=", 12))
            v[n++] = *env;
    *ret_home = dh_printf("HOME=%s", e->folder);
    v[n] = *ret_home;
    return v;
}

/* The program's text, in a file of its own for each version of it. */
static int program_file(const char *home, char **ret, struct dh_err *err)
{
    char digest[DIGEST_TEXT];
    own_mem char *file = NULL;

    digest_bytes(python_worker_source, strlen(python_worker_source), digest);
    file = dh_printf("%s/envs/worker-%.12s.py", home, digest);
    if (!fs_exists(file) &&
        fs_write(file, python_worker_source, strlen(python_worker_source), 0644, err) < 0)
        return -1;
    *ret = take(&file);
    return 0;
}

int python_worker_start(const char *home, const struct python_env *e, const char *name,
                        const char *module, bool ahead, char *const *env, atomic_bool *canceled,
                        _Atomic pid_t *child, struct dh_err *err)
{
    const char *idle = getenv("DHOW_WARM_SECONDS");
    own_mem char *file = NULL;
    own_mem char *home_env = NULL;
    own_mem char *log = dh_printf("%s/worker.log", e->folder);
    char **start = NULL;
    int status;

    if (program_file(home, &file, err) < 0)
        return -1;
    start = start_env(e, env, &home_env);
    (void)fs_unlink(log, NULL);
    status =
        python_run(e->program,
                   (const char *const[]){e->program, file, name, e->folder, module,
                                         ahead ? "1" : "0", idle && *idle ? idle : IDLE_S, NULL},
                   start, log, canceled, child);
    free(start);
    if (WIFEXITED(status) && WEXITSTATUS(status) == BEING_STARTED)
        for (int i = 0; i < WAIT_MS / 20 && !*canceled && !python_worker_listens(name); i++)
            (void)poll(NULL, 0, 20);
    else if (status != 0)
        return dh_fail(err, DH_FAILED, "the Python worker did not start, see %s", log);
    if (!python_worker_listens(name))
        return dh_fail(err, DH_FAILED, "the Python worker did not start, see %s", log);
    (void)fs_unlink(log, NULL);
    return 0;
}
