/* What is to run in a container: the job's command or the image's own, with the environment of
 * both. */
#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/own.h"
#include "runtime/oci-priv.h"

#define OWN_PLACE "/usr/local/bin/dhow"
#define IMAGE_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static void strv_done(char **v)
{
    for (char **s = v; s && *s; s++)
        free(*s);
    free(v);
}

void oci_job_free(struct oci_job *j)
{
    if (!j)
        return;
    strv_done(j->argv);
    strv_done(j->env);
    free(j->name);
    free(j->bundle);
    free(j->cwd);
    free(j->user_name);
    free(j->program);
    free(j);
}

static const char *mount_place(const struct runtime_mount *m)
{
    return m->at ? m->at : m->path;
}

size_t *oci_mount_order(const struct runtime_job *job)
{
    size_t *order = dh_zalloc(job->n_mounts + 1, sizeof *order);

    for (size_t i = 0; i < job->n_mounts; i++) {
        size_t at = i, length = strlen(mount_place(&job->mounts[i]));

        for (; at > 0 && strlen(mount_place(&job->mounts[order[at - 1]])) > length; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    return order;
}

/* ---- the environment ---- */

/* What of the job's environment speaks of this machine, and not of the container: where its
 * programs, libraries and certificates are. */
static bool is_machines(const char *entry)
{
    static const char *const names[] = {"PATH",         "LD_LIBRARY_PATH", "SSL_CERT_FILE",
                                        "SSL_CERT_DIR", "CURL_CA_BUNDLE",  "REQUESTS_CA_BUNDLE"};
    size_t n = strcspn(entry, "=");

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *ours =
            strlen(names[i]) == n && !strncmp(entry, names[i], n) ? getenv(names[i]) : NULL;

        if (ours && !strncmp(entry + n + 1, ours, strlen(ours)))
            return true;
    }
    return false;
}

static void set_entry(struct args *env, const char *entry)
{
    size_t n = strcspn(entry, "=") + 1;

    for (size_t i = 0; i < env->n; i++)
        if (!strncmp(env->v[i], entry, n)) {
            free(env->v[i]);
            env->v[i] = dh_strdup(entry);
            return;
        }
    args_add(env, entry);
}

static char **environment(const struct runtime_job *job, const struct js *config)
{
    const struct js *own = js_get(config, "Env");
    struct args env = {0};

    args_add(&env, IMAGE_PATH);
    for (size_t i = 0; i < js_n(own); i++)
        if (js_text(js_at(own, i)))
            set_entry(&env, js_text(js_at(own, i)));
    for (char **e = job->env; *e; e++)
        if (!is_machines(*e))
            set_entry(&env, *e);
    return args_take(&env);
}

/* ---- the command ---- */

/* A program that needs no loader runs in any image of this machine's kind. */
static bool is_static(const char *path)
{
    own_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    Elf64_Ehdr head;

    if (fd < 0 || pread(fd, &head, sizeof head, 0) != sizeof head ||
        memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != ELFCLASS64)
        return false;
    for (int i = 0; i < head.e_phnum; i++) {
        Elf64_Phdr part;

        if (pread(fd, &part, sizeof part, (off_t)(head.e_phoff + (Elf64_Off)i * sizeof part)) !=
                sizeof part ||
            part.p_type == PT_INTERP)
            return false;
    }
    return true;
}

static void add_list(struct args *to, const struct js *list)
{
    for (size_t i = 0; i < js_n(list); i++)
        if (js_text(js_at(list, i)))
            args_add(to, js_text(js_at(list, i)));
}

static int command(const struct oci *oci, const struct runtime_job *job, struct oci_job *to,
                   struct dh_err *err)
{
    const struct js *config = to->fetch->image.config;
    struct args argv = {0};

    if (job->args_only || !job->argv[0]) {
        add_list(&argv, js_get(config, "Entrypoint"));
        if (!job->argv[0])
            add_list(&argv, js_get(config, "Cmd"));
    }
    for (char **word = job->argv; *word; word++)
        args_add(&argv, *word);
    to->argv = args_take(&argv);
    if (!to->argv[0])
        return dh_fail(err, DH_FAILED,
                       "neither the component nor its image %s has a command to run", job->image);
    if (!strcmp(to->argv[0], "dhow") && is_static(oci->base.config.self)) {
        to->program = dh_strdup(oci->base.config.self);
        free(to->argv[0]);
        to->argv[0] = dh_strdup(OWN_PLACE);
    }
    return 0;
}

static char *container_name(const char *label)
{
    char *name = dh_printf("dhow-%s-%d.%llu", label, (int)getpid(), command_started(getpid()));

    for (char *s = name; *s; s++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-", *s))
            *s = '-';
    return name;
}

/* Root is no other: what it may write without root is ours as well. */
static void tell_user(struct runtime_job *job, const char *user)
{
    size_t n = strcspn(user, ":");
    bool number = n && strspn(user, "0123456789") == n;

    job->other = number ? strtoll(user, NULL, 10) : -1;
    job->as_other = n && !(n == 4 && !strncmp(user, "root", n)) && job->other != 0;
}

int oci_process(const struct oci *oci, struct runtime_job *job, struct oci_job *to,
                struct dh_err *err)
{
    const char *cwd = js_get_text(to->fetch->image.config, "WorkingDir");
    const char *user = js_get_text(to->fetch->image.config, "User");

    to->name = container_name(job->label);
    to->env = environment(job, to->fetch->image.config);
    to->cwd = dh_strdup(cwd && *cwd ? cwd : job->cwd);
    if (job->user >= 0 && job->group >= 0)
        to->user_name = dh_printf("%lld:%lld", (long long)job->user, (long long)job->group);
    else if (job->user >= 0)
        to->user_name = dh_printf("%lld", (long long)job->user);
    else
        to->user_name = dh_strdup(user ? user : "");
    tell_user(job, to->user_name);
    return command(oci, job, to, err);
}
