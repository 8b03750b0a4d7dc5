/* docker and podman: a container is run by their client, which hands on signals, output and exit
 * code. It stays until it was asked why it ended, and is removed then; one whose run was killed is
 * removed when the next begins. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/fs.h"
#include "base/mem.h"
#include "runtime/cgroup.h"
#include "runtime/oci-priv.h"

#define ASK_MS 10000
#define REMOVE_MS 60000
#define ENGINE_FAILED 125 /* the client's exit code where there was no container */

extern char **environ;

/* Which containers are ours: those of this home. */
static char *home_label(const struct oci *oci)
{
    char digest[DIGEST_TEXT];

    (void)digest_bytes(oci->base.config.home, strlen(oci->base.config.home), digest);
    return dh_printf("dhow.home=%.16s", digest);
}

/* Fields of --mount are CSV: one with a comma or a quote is put in quotes. */
static void add_field(struct buf *b, const char *key, const char *value)
{
    bool quote = strpbrk(value, ",\"\n") != NULL;

    buf_addf(b, "%s%s%s=", b->n ? "," : "", quote ? "\"" : "", key);
    for (const char *s = value; *s; s++)
        buf_addf(b, quote && *s == '"' ? "\"\"" : "%c", *s);
    if (quote)
        buf_addc(b, '"');
}

static void add_mount(struct args *a, const char *path, const char *at, bool writable)
{
    struct buf b = {0};

    add_field(&b, "type", "bind");
    add_field(&b, "source", path);
    add_field(&b, "target", at);
    if (!writable)
        buf_adds(&b, ",readonly");
    args_adds(a, "--mount", buf_str(&b), NULL);
    buf_done(&b);
}

static void add_mounts(struct args *a, const struct runtime_job *job, const struct oci_job *j)
{
    size_t *order = oci_mount_order(job);

    for (size_t i = 0; i < job->n_mounts; i++) {
        const struct runtime_mount *m = &job->mounts[order[i]];

        add_mount(a, m->path, m->at ? m->at : m->path, m->writable);
    }
    if (j->program)
        add_mount(a, j->program, j->argv[0], false);
    free(order);
}

static void add_limits(struct args *a, const struct runtime_job *job)
{
    args_add(a, "--pids-limit");
    args_addf(a, "%d", CGROUP_PROCESSES);
    if (job->memory_limit > 0) {
        args_add(a, "--memory");
        args_addf(a, "%lld", (long long)job->memory_limit);
        args_add(a, "--memory-swap");
        args_addf(a, "%lld", (long long)job->memory_limit);
    }
    if (job->cpu_limit > 0) {
        args_add(a, "--cpus");
        args_addf(a, "%.3f", job->cpu_limit < 0.01 ? 0.01 : job->cpu_limit);
    }
}

/* Names that the client itself reads. */
static bool is_clients(const char *entry)
{
    static const char *const names[] = {
        "PATH=", "HOME=", "TMPDIR=", "XDG_", "DOCKER_", "CONTAINER", "REGISTRY_AUTH_FILE=",
        "SSH_",  "DBUS_"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strncmp(entry, names[i], strlen(names[i])))
            return true;
    return false;
}

/* A value may be a secret, and a command line is everybody's to read: the client takes values from
 * its own environment, but for the names that it needs itself. */
static void add_env(struct args *a, struct args *client, char *const *env)
{
    for (char **e = environ; *e; e++)
        if (is_clients(*e))
            args_add(client, *e);
    for (char *const *e = env; *e; e++) {
        args_add(a, "--env");
        if (is_clients(*e)) {
            args_add(a, *e);
        } else {
            args_addf(a, "%.*s", (int)strcspn(*e, "="), *e);
            args_add(client, *e);
        }
    }
}

/* Left alone podman asks for more open files than this machine may give to a user. */
void oci_podman_limits(struct args *a)
{
    struct rlimit files = {0};

    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_max != RLIM_INFINITY) {
        args_add(a, "--ulimit");
        args_addf(a, "nofile=%llu:%llu", (unsigned long long)files.rlim_cur,
                  (unsigned long long)files.rlim_max);
    }
    args_add(a, "--ulimit");
    args_addf(a, "nproc=%d:%d", CGROUP_PROCESSES, CGROUP_PROCESSES);
}

void oci_engine_prepare(const struct oci *oci, struct runtime_job *job, const struct oci_job *j)
{
    struct args a = {0}, client = {0};
    own_mem char *label = home_label(oci);

    args_adds(&a, oci->engine.path, "run", "--name", j->name, "--label", label, "--pull", "never",
              "--security-opt", "no-new-privileges", "--security-opt", "label=disable", NULL);
    if (oci->engine.kind == OCI_PODMAN)
        oci_podman_limits(&a);
    if (!job->network)
        args_adds(&a, "--network", "none", NULL);
    add_limits(&a, job);
    if (*j->user_name)
        args_adds(&a, "--user", j->user_name, NULL);
    args_adds(&a, "--workdir", j->cwd, NULL);
    add_mounts(&a, job, j);
    add_env(&a, &client, j->env);
    args_adds(&a, "--entrypoint", j->argv[0], j->fetch->reference, NULL);
    for (char **word = j->argv + 1; *word; word++)
        args_add(&a, *word);
    runtime_set_argv(job, args_take(&a));
    runtime_set_env(job, args_take(&client));
    free(job->cleanup);
    job->cleanup = dh_printf("%s\nrm\n--force\n--volumes\n%s", oci->engine.path, j->name);
}

/* ---- the end ---- */

static bool out_of_memory(struct oci *oci, const char *name)
{
    own_args struct args a = {0};
    own_buf struct buf out = {0};

    args_adds(&a, oci->engine.path, "inspect", "--format", "{{.State.OOMKilled}}", name, NULL);
    return command_do(a.v, ASK_MS, NULL, &out, NULL) == 0 && !strncmp(buf_str(&out), "true", 4);
}

/* What the client said last; its words are in the step's log. */
static char *last_words(const struct runtime_job *job)
{
    struct buf b = {0};
    size_t n;
    char *line;

    if (fs_read(job->log, 1 << 20, &b.p, &n, NULL) != 0)
        return dh_strdup("its log says why");
    b.n = n;
    line = command_last_line(&b);
    free(b.p);
    return line;
}

void oci_engine_finish(struct oci *oci, struct runtime_job *job, const struct oci_job *j)
{
    int code = WIFEXITED(job->status) ? WEXITSTATUS(job->status) : 0;

    if (!job->file)
        return; /* never got so far */
    if (code == ENGINE_FAILED && !job->reason) {
        own_mem char *words = last_words(job);

        job->reason = dh_printf("the container could not be started: %s", words);
    }
    if (code == 128 + 9 && !job->reason && out_of_memory(oci, j->name))
        job->reason = cgroup_memory_reason(job->memory_limit);
    if (job->cleanup) {
        own_mem char **words = cgroup_files(job->cleanup);

        oci_background(oci, NULL, runtime_strv((const char *const *)words));
    }
}

/* Containers of this home whose process is no more. The name ends with who made it. */
void oci_engine_sweep(struct oci *oci)
{
    own_args struct args a = {0};
    own_buf struct buf out = {0};
    own_mem char *label = home_label(oci);
    char *save = NULL;

    args_adds(&a, oci->engine.path, "ps", "--all", "--filter", NULL);
    args_addf(&a, "label=%s", label);
    args_adds(&a, "--format", "{{.Names}}", NULL);
    if (command_do(a.v, ASK_MS, &oci->stop, &out, NULL) < 0 || !out.p)
        return;
    for (char *name = strtok_r(out.p, "\r\n", &save); name; name = strtok_r(NULL, "\r\n", &save)) {
        own_args struct args rm = {0};

        if (oci_owner_lives(name))
            continue;
        args_adds(&rm, oci->engine.path, "rm", "--force", "--volumes", name, NULL);
        (void)command_do(rm.v, REMOVE_MS, &oci->stop, NULL, NULL);
    }
}
