/* From a job to its environment and worker. Looking takes microseconds when all is there; making is
 * done by a thread for each kind of job (a slot), which then wakes the engine. */
#include "runtime/python.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/js.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "runtime/python-priv.h"
#include "runtime/runtime-priv.h"

#define ARGUMENT_MAX ((size_t)100 << 10) /* Linux: 128 KiB for one; and some room */
#define ARGUMENTS_MAX ((size_t)1 << 20)
#define FAILURE_LOG_MAX ((size_t)4 << 20)
#define AT_ONCE_MS 10
#define AGAIN_US 5000000 /* after which a failed environment is tried again */

enum slot_state { SLOT_NEW, SLOT_MAKING, SLOT_READY, SLOT_FAILED };

struct slot { /* jobs with the same packages, image version and start of process */
    struct python *py;
    struct python_program program; /* borrows from argv and env below */
    char **argv, **env;
    char *image;
    bool ahead;
    struct python_interp interp;
    struct python_env python_env;
    const char *worker; /* NULL: cold. In the program's arena */
    char *note;         /* once, then NULL */
    int hold;           /* the lock that keeps gc away */
    pthread_t thread;
    bool threaded;
    atomic_bool canceled;
    _Atomic pid_t child;
    enum slot_state state; /* under python's mutex while `threaded` */
    int64_t failed_us;
    struct dh_err err;
};

struct python {
    struct runtime_setup setup;
    struct strmap *slots;
    pthread_mutex_t mutex;
};

struct python *python_open(const struct runtime_setup *setup)
{
    struct python *py = dh_zalloc(1, sizeof *py);

    py->setup = *setup;
    py->slots = strmap_new();
    (void)pthread_mutex_init(&py->mutex, NULL);
    return py;
}

static void strv_done(char **v)
{
    for (char **s = v; s && *s; s++)
        free(*s);
    free(v);
}

static void slot_stop(struct slot *s)
{
    if (!s->threaded)
        return;
    s->canceled = true;
    while (pthread_tryjoin_np(s->thread, NULL) == EBUSY) {
        if (s->child > 0)
            (void)kill(-s->child, SIGKILL);
        (void)poll(NULL, 0, 2);
    }
    s->threaded = false;
}

static void slot_free(struct slot *s)
{
    slot_stop(s);
    python_program_done(&s->program);
    python_interp_done(&s->interp);
    python_env_done(&s->python_env);
    strv_done(s->argv);
    strv_done(s->env);
    free(s->image);
    free(s->note);
    if (s->hold >= 0)
        (void)close(s->hold);
    free(s);
}

struct python *python_close(struct python *py)
{
    void *slot;

    if (!py)
        return NULL;
    for (size_t i = 0; i < strmap_n(py->slots); i++) {
        (void)strmap_at(py->slots, i, &slot);
        slot_free(slot);
    }
    strmap_free(py->slots);
    (void)pthread_mutex_destroy(&py->mutex);
    free(py);
    return NULL;
}

/* ---- making a slot ---- */

/* An image with the SDK in it installs none. Here: the SDK of the interpreter, or the newest. */
static bool complete(struct slot *s)
{
    static const char *sdk[] = {"--no-deps", "kfp", NULL};
    struct python_program *p = &s->program;
    const char ***grown;
    bool inherits = p->inherits || !python_image_is_plain(s->image);

    if (!p->module || python_wants_sdk(p))
        return inherits;
    if (js_get_text(s->interp.probe, "kfp"))
        return true;
    grown = arena_alloc(p->arena, sizeof *grown * (p->n_installs + 1));
    if (p->n_installs)
        memcpy(grown, p->installs, sizeof *grown * p->n_installs);
    grown[p->n_installs++] = sdk;
    p->installs = grown;
    return inherits;
}

static void note_difference(struct slot *s)
{
    const char *want = python_image_version(s->image, s->program.arena);
    size_t n = strlen(want);
    bool other = n && (strncmp(want, s->interp.version, n) != 0 ||
                       (s->interp.version[n] != '.' && s->interp.version[n]));

    if (other)
        s->note = dh_printf("image %s: its steps run with Python %s of this machine (%s); "
                            "--runtime oci runs them in the image",
                            s->image, s->interp.version, s->interp.path);
    else if (!python_image_is_plain(s->image))
        s->note = dh_printf("image %s: its steps run with Python %s of this machine and the "
                            "packages that it has; --runtime oci runs them in the image",
                            s->image, s->interp.version);
}

static int name_env(struct slot *s, struct dh_err *err)
{
    const char *path = runtime_getenv(s->env, "PATH");

    if (python_interp_find(s->py->setup.home, python_image_version(s->image, s->program.arena),
                           path ? path : "/usr/local/bin:/usr/bin:/bin", &s->interp, err) < 0)
        return -1;
    python_env_name(s->py->setup.home, &s->interp, &s->program, complete(s), s->env,
                    &s->python_env);
    note_difference(s);
    if (s->py->setup.warm && s->program.module)
        s->worker = python_worker_name(&s->python_env, s->program.module, s->ahead, s->env,
                                       s->program.arena);
    return 0;
}

static int make(struct slot *s, struct dh_err *err)
{
    struct python_make m = {.env = &s->python_env,
                            .interp = &s->interp,
                            .program = &s->program,
                            .job_env = s->env,
                            .canceled = &s->canceled,
                            .child = &s->child};

    if (name_env(s, err) < 0)
        return -1;
    s->hold = python_env_hold(&s->python_env);
    if (s->hold < 0 && python_env_make(&m, &s->hold, err) < 0)
        return -1;
    /* Without a worker a step costs more, and nothing else changes. */
    if (s->worker && !python_worker_listens(s->worker) &&
        python_worker_start(s->py->setup.home, &s->python_env, s->worker, s->program.module,
                            s->ahead, s->env, &s->canceled, &s->child, NULL) < 0)
        s->worker = NULL;
    return 0;
}

static void *make_in_thread(void *arg)
{
    struct slot *s = arg;
    struct dh_err err = {0};
    int rc = make(s, &err);

    (void)pthread_mutex_lock(&s->py->mutex);
    s->state = rc < 0 ? SLOT_FAILED : SLOT_READY;
    s->failed_us = clock_mono_us();
    s->err = err;
    (void)pthread_mutex_unlock(&s->py->mutex);
    if (s->py->setup.wake && !s->canceled)
        s->py->setup.wake(s->py->setup.user);
    return NULL;
}

/* What jobs must have in common to share a slot. The caller's. */
static char *slot_key(const struct python_program *p, const struct runtime_job *job, bool ahead)
{
    struct buf b = {0};

    buf_addf(&b, "%s\n%s\n%d %d %d\n", job->image, p->module ? p->module : "", p->inherits,
             p->runtime_flag, ahead);
    for (size_t i = 0; i < p->n_installs; i++) {
        for (const char **word = p->installs[i]; *word; word++)
            buf_addf(&b, "%s\n", *word);
        buf_addc(&b, '\n');
    }
    for (const char **item = p->pip_env; *item; item++)
        buf_addf(&b, "%s\n", *item);
    for (char **item = job->env; *item; item++)
        if (python_env_matters(*item))
            buf_addf(&b, "%s\n", *item);
    return buf_take(&b);
}

static char **with_flag(char *const *env, bool flag)
{
    size_t n = 0;
    char **v;

    while (env[n])
        n++;
    v = dh_zalloc(n + 2, sizeof *v);
    for (n = 0; *env; env++)
        if (strncmp(*env, "_KFP_RUNTIME=", 13) != 0 || !flag)
            v[n++] = dh_strdup(*env);
    if (flag)
        v[n] = dh_strdup("_KFP_RUNTIME=true");
    return v;
}

static struct slot *slot_new(struct python *py, const struct runtime_job *job, bool ahead)
{
    struct slot *s = dh_zalloc(1, sizeof *s);

    s->py = py;
    s->hold = -1;
    s->ahead = ahead;
    s->image = dh_strdup(job->image);
    s->argv = runtime_strv((const char *const *)job->argv);
    (void)python_recognise(s->argv, &s->program);
    s->env = with_flag(job->env, s->program.runtime_flag);
    return s;
}

/* Where all is there, the thread is done before anybody notices that it was one. */
static int slot_begin(struct slot *s, struct dh_err *err)
{
    struct timespec until;

    s->state = SLOT_MAKING;
    if (pthread_create(&s->thread, NULL, make_in_thread, s) != 0)
        return dh_fail_errno(err, "cannot start a thread");
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += AT_ONCE_MS * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    s->threaded = pthread_timedjoin_np(s->thread, NULL, &until) != 0;
    return 0;
}

/* The slot's state as the engine's thread may know it; its thread has ended where it is not MAKING.
 */
static enum slot_state slot_look(struct slot *s)
{
    enum slot_state state;

    (void)pthread_mutex_lock(&s->py->mutex);
    state = s->state;
    (void)pthread_mutex_unlock(&s->py->mutex);
    if (state > SLOT_MAKING && s->threaded) {
        (void)pthread_join(s->thread, NULL);
        s->threaded = false;
    }
    return state;
}

/* ---- the job ---- */

static void set_env(struct runtime_job *job, char *item)
{
    size_t n = 0, name = strcspn(item, "=") + 1;

    for (; job->env[n]; n++)
        if (!strncmp(job->env[n], item, name)) {
            free(job->env[n]);
            job->env[n] = item;
            return;
        }
    job->env = dh_realloc(job->env, n + 2, sizeof *job->env);
    job->env[n] = item;
    job->env[n + 1] = NULL;
}

static void enter_env(const struct slot *s, struct runtime_job *job)
{
    const char *path = runtime_getenv(job->env, "PATH");

    set_env(job, dh_printf("PATH=%s/bin:%s", s->python_env.folder,
                           path ? path : "/usr/local/bin:/usr/bin:/bin"));
    set_env(job, dh_printf("VIRTUAL_ENV=%s", s->python_env.folder));
    if (s->program.runtime_flag)
        set_env(job, dh_strdup("_KFP_RUNTIME=true"));
}

static void add_mount(struct runtime_job *job, const char *path)
{
    job->mounts = dh_realloc(job->mounts, job->n_mounts + 1, sizeof *job->mounts);
    job->mounts[job->n_mounts++] = (struct runtime_mount){.path = dh_strdup(path)};
}

static void add_mounts(const struct slot *s, struct runtime_job *job)
{
    const struct js *sites = js_get(s->interp.probe, "sites");
    const char *prefix = js_get_text(s->interp.probe, "prefix");

    add_mount(job, s->python_env.folder);
    if (prefix && strcmp(prefix, "/usr") != 0)
        add_mount(job, prefix);
    for (size_t i = 0; js_get_bool(s->python_env.recipe, "inherits") && i < js_n(sites); i++)
        add_mount(job, js_text(js_at(sites, i)));
}

/* Too long for exec: the words go into a file, which the step reads and removes. */
static int spill(struct runtime_job *job, size_t first, struct dh_err *err)
{
    size_t total = 0, longest = 0;
    own_mem char *file = NULL;
    struct buf b = {0};
    int rc;

    for (char **word = job->argv; *word; word++) {
        size_t n = strlen(*word) + 1;

        total += n;
        longest = n > longest ? n : longest;
    }
    if (longest < ARGUMENT_MAX && total < ARGUMENTS_MAX)
        return 0;
    file = dh_printf("%s.argv", job->log);
    for (char **word = job->argv + first; *word; word++) {
        buf_adds(&b, *word);
        if (word[1])
            buf_addc(&b, '\0');
        free(*word);
    }
    rc = fs_write(file, buf_str(&b), b.n, 0600, err);
    buf_done(&b);
    add_mount(job, file);
    job->argv = dh_realloc(job->argv, first + 3, sizeof *job->argv);
    job->argv[first] = dh_strdup("@");
    job->argv[first + 1] = take(&file);
    job->argv[first + 2] = NULL;
    return rc;
}

/* python -c BOOT MODULE SOURCE ARGS…; BOOT does what the SDK's script does. */
static int rewrite_argv(const struct slot *s, const struct python_program *p,
                        struct runtime_job *job, struct dh_err *err)
{
    const char *head[] = {s->python_env.program, "-c", python_boot_source, p->module,
                          p->source ? p->source : ""};
    size_t n = 0;
    char **argv;

    while (p->args[n])
        n++;
    argv = dh_zalloc(n + 6, sizeof *argv);
    for (size_t i = 0; i < 5; i++)
        argv[i] = dh_strdup(head[i]);
    for (size_t i = 0; i < n; i++)
        argv[5 + i] = dh_strdup(p->args[i]);
    strv_done(job->argv);
    job->argv = argv;
    free(job->file);
    job->file = dh_strdup(s->python_env.program);
    return spill(job, 3, err);
}

static int rewrite(struct slot *s, const struct python_program *p, struct runtime_job *job,
                   struct dh_err *err)
{
    enter_env(s, job);
    add_mounts(s, job);
    if (s->note) {
        runtime_note(job, s->note);
        s->note = NULL;
    }
    if (!p->module) {
        char **argv = runtime_strv((const char *const *)p->args);

        strv_done(job->argv);
        job->argv = argv;
        return 0;
    }
    free(job->worker);
    job->worker = s->worker ? dh_strdup(s->worker) : NULL;
    return rewrite_argv(s, p, job, err);
}

/* All that pip said is in the step's log; its end is in the error. */
static void log_failure(const struct slot *s, const struct runtime_job *job)
{
    own_mem char *log = NULL;
    own_mem char *text = NULL;
    own_fd int fd = -1;
    size_t n;

    if (!s->python_env.folder || !job->log)
        return;
    log = dh_printf("%s.log", s->python_env.folder);
    fd = open(job->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd >= 0 && fs_read(log, FAILURE_LOG_MAX, &text, &n, NULL) == 0)
        (void)fs_write_fd(fd, text, n, job->log, NULL);
}

static struct slot *slot_of(struct python *py, const struct python_program *p,
                            const struct runtime_job *job)
{
    bool ahead = python_worker_ahead(p->source, job->env);
    own_mem char *key = slot_key(p, job, ahead);
    struct slot *s = strmap_get(py->slots, key);

    if (s && slot_look(s) == SLOT_FAILED && clock_mono_us() - s->failed_us > AGAIN_US) {
        (void)strmap_remove(py->slots, key);
        slot_free(s);
        s = NULL;
    }
    if (!s) {
        s = slot_new(py, job, ahead);
        (void)strmap_put(py->slots, key, s);
    }
    return s;
}

int python_prepare(struct python *py, struct runtime_job *job, struct dh_err *err)
{
    struct python_program p;
    struct slot *s;
    int rc = 0;

    if (!python_recognise(job->argv, &p))
        return 0;
    s = slot_of(py, &p, job);
    if (slot_look(s) == SLOT_NEW)
        rc = slot_begin(s, err);
    if (rc == 0)
        switch (slot_look(s)) {
        case SLOT_NEW:
        case SLOT_MAKING:
            rc = RUNTIME_WAIT;
            break;
        case SLOT_FAILED:
            *err = s->err;
            log_failure(s, job);
            rc = -1;
            break;
        case SLOT_READY:
            rc = rewrite(s, &p, job, err);
        }
    python_program_done(&p);
    return rc;
}
