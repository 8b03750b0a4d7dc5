/* oci - the command in its image: by docker or podman where one of them works, else by runc with an
 * image that we unpack. Images of files and folders are always ours, where runc is there.
 *
 * Mounted are the job's inputs, outputs and volumes, at the paths that they have here, so that an
 * executor input means the same inside; nothing else of this machine is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "runtime/oci-priv.h"

#define REMOVE_MS 60000

/* ---- work that nobody waits for ---- */

struct chore {
    struct oci *oci;
    char *folder; /* to remove, or */
    char **argv;  /* to run */
};

static void *do_chore(void *user)
{
    struct chore *chore = user;
    struct oci *oci = chore->oci;

    if (chore->folder)
        (void)fs_remove_tree(chore->folder, NULL);
    if (chore->argv)
        (void)command_do(chore->argv, REMOVE_MS, NULL, NULL, NULL);
    for (char **s = chore->argv; s && *s; s++)
        free(*s);
    free(chore->argv);
    free(chore->folder);
    free(chore);
    pthread_mutex_lock(&oci->mutex);
    oci->chores--;
    pthread_cond_broadcast(&oci->idle);
    pthread_mutex_unlock(&oci->mutex);
    return NULL;
}

void oci_background(struct oci *oci, const char *folder, char **argv)
{
    struct chore *chore = dh_zalloc(1, sizeof *chore);
    pthread_attr_t attr;
    pthread_t thread;

    chore->oci = oci;
    chore->folder = folder ? dh_strdup(folder) : NULL;
    chore->argv = argv;
    pthread_mutex_lock(&oci->mutex);
    oci->chores++;
    pthread_mutex_unlock(&oci->mutex);
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &attr, do_chore, chore) != 0)
        (void)do_chore(chore);
    (void)pthread_attr_destroy(&attr);
}

/* "dhow-…-PID.BEGAN" */
bool oci_owner_lives(const char *name)
{
    const char *dash = strrchr(name, '-');
    char *end;
    long pid = dash ? strtol(dash + 1, &end, 10) : 0;

    return pid <= 0 || *end != '.' || command_started((pid_t)pid) == strtoull(end + 1, NULL, 10);
}

static void *sweep_in_thread(void *user)
{
    struct oci *oci = user;

    oci_runc_sweep(oci);
    if (oci->engine.path)
        oci_engine_sweep(oci);
    return NULL;
}

/* ---- one step ---- */

static enum limits_how limits_of(const struct oci *oci)
{
    return oci_is_crun(oci->runner.path) ? LIMITS_HERE : LIMITS_NESTED;
}

static int prepare(struct runtime *rt, struct runtime_job *job, struct dh_err *err)
{
    struct oci *oci = (struct oci *)rt;
    struct fetch *fetch = NULL;
    struct oci_job *j;
    int rc;

    if (!job->image || !*job->image)
        return dh_fail(err, DH_FAILED, "the component names no image");
    rc = oci_image(oci, job, &fetch, err);
    if (rc != 0)
        return rc;
    job->state = j = dh_zalloc(1, sizeof *j);
    j->fetch = fetch;
    if (oci_process(oci, job, j, err) < 0)
        return -1;
    if (!fetch->image.rootfs) {
        rt->limits = LIMITS_ELSEWHERE;
        oci_engine_prepare(oci, job, j);
        return 0;
    }
    rt->limits = limits_of(oci);
    return oci_runc_prepare(oci, job, j, err);
}

static int ready(struct runtime *rt, struct runtime_job *job, struct dh_err *err)
{
    struct oci_job *j = job->state;

    return j->bundle ? oci_runc_ready((struct oci *)rt, job, j, err) : 0;
}

static void finish(struct runtime *rt, struct runtime_job *job)
{
    struct oci *oci = (struct oci *)rt;
    struct oci_job *j = job->state;

    if (!j)
        return;
    rt->limits = j->bundle ? limits_of(oci) : LIMITS_ELSEWHERE;
    if (j->bundle)
        oci_runc_finish(oci, job, j);
    else
        oci_engine_finish(oci, job, j);
    oci_job_free(j);
    job->state = NULL;
}

/* ---- opening ---- */

static int check(const struct runtime_setup *setup, struct dh_err *err)
{
    struct oci_tool engine = {0}, runner = {0};

    if (oci_find(setup, &engine, &runner, err) < 0)
        return -1;
    oci_tool_done(&engine);
    oci_tool_done(&runner);
    return 0;
}

static struct runtime *close_oci(struct runtime *rt)
{
    struct oci *oci = (struct oci *)rt;

    oci_images_close(oci);
    if (oci->sweeping)
        (void)pthread_join(oci->sweeper, NULL);
    pthread_mutex_lock(&oci->mutex);
    while (oci->chores)
        pthread_cond_wait(&oci->idle, &oci->mutex);
    pthread_mutex_unlock(&oci->mutex);
    (void)pthread_cond_destroy(&oci->idle);
    (void)pthread_mutex_destroy(&oci->mutex);
    oci_tool_done(&oci->engine);
    oci_tool_done(&oci->runner);
    free(oci->folder);
    free(oci);
    return NULL;
}

static const struct runtime_ops ops = {
    .name = "oci", .prepare = prepare, .ready = ready, .finish = finish, .close = close_oci};

static int open_oci(const struct runtime_setup *setup, struct runtime **ret, struct dh_err *err)
{
    struct oci *oci = dh_zalloc(1, sizeof *oci);

    oci->base = (struct runtime){.ops = &ops, .config = *setup};
    (void)pthread_mutex_init(&oci->mutex, NULL);
    (void)pthread_cond_init(&oci->idle, NULL);
    oci->folder = fs_join(setup->home, "containers");
    if (oci_find(setup, &oci->engine, &oci->runner, err) < 0) {
        (void)close_oci(&oci->base);
        return -1;
    }
    oci->sweeping = pthread_create(&oci->sweeper, NULL, sweep_in_thread, oci) == 0;
    *ret = &oci->base;
    return 0;
}

const struct runtime_kind runtime_oci = {"oci", check, open_oci};
