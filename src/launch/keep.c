#include "launch/keep.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "launch/server.h"
#include "launch/wire.h"

static const int kept[] = {SIGTERM, SIGINT,  SIGHUP,   SIGQUIT, SIGUSR1,
                           SIGUSR2, SIGCONT, SIGWINCH, SIGCHLD};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* over the next four */
static enum keep_phase phase;
static pid_t step; /* 0: none, or reaped */
static int step_status;
static bool step_ended;

static int ended_fd = -1;
static atomic_int got;
static atomic_bool evicted;
static sigset_t kept_set;

static void step_is_over(int status)
{
    const uint64_t one = 1;

    step_status = status;
    step_ended = true;
    phase = KEEP_AFTER;
    if (write(ended_fd, &one, sizeof one) < 0)
        abort(); /* an eventfd with room */
}

static void reap(void)
{
    int status;
    pid_t pid;

    (void)pthread_mutex_lock(&lock);
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (pid == step && !step_ended)
            step_is_over(status);
    (void)pthread_mutex_unlock(&lock);
}

static void hand_on(int signal_)
{
    enum keep_phase now;

    (void)pthread_mutex_lock(&lock);
    now = phase;
    if (now == KEEP_RUNNING)
        (void)kill(-step, signal_);
    (void)pthread_mutex_unlock(&lock);
    if (now == KEEP_RUNNING && signal_ == SIGTERM)
        atomic_store(&evicted, true);
    if (signal_ != SIGTERM && signal_ != SIGINT && signal_ != SIGQUIT && signal_ != SIGHUP)
        return;
    if (now == KEEP_BEFORE) {
        atomic_store(&got, signal_);
        launch_stop();
    }
    launch_say(now == KEEP_RUNNING  ? "signal %d goes on to the command"
               : now == KEEP_BEFORE ? "signal %d: the command is not begun"
                                    : "signal %d: the outputs are still being published",
               signal_);
}

static void *keeper(void *unused)
{
    (void)unused;
    for (;;) {
        int signal_ = 0;

        if (sigwait(&kept_set, &signal_) != 0)
            continue;
        if (signal_ == SIGCHLD)
            reap();
        else
            hand_on(signal_);
    }
    return NULL;
}

int keep_begin(struct dh_err *err)
{
    pthread_t thread;

    ended_fd = eventfd(0, EFD_CLOEXEC);
    if (ended_fd < 0)
        return dh_fail_errno(err, "eventfd");
    (void)sigemptyset(&kept_set);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        (void)sigaddset(&kept_set, kept[i]);
    (void)pthread_sigmask(SIG_BLOCK, &kept_set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    if (pthread_create(&thread, NULL, keeper, NULL) != 0)
        return dh_fail(err, DH_IO, "no thread can be started");
    (void)pthread_detach(thread);
    return 0;
}

/* ---- start ---- */

static char **make_argv(const struct js *argv)
{
    char **list = dh_zalloc(js_n(argv) + 1, sizeof *list);

    for (size_t i = 0; i < js_n(argv); i++)
        list[i] = (char *)(uintptr_t)js_text(js_at(argv, i));
    return list;
}

static bool is_set_anew(const struct js *env, const char *entry)
{
    own_mem char *name = dh_strndup(entry, strcspn(entry, "="));

    return js_text(js_get(env, name)) != NULL;
}

/* Ours, and what `env` adds; the new texts follow from *ret_first_new on. */
static char **make_env(const struct js *env, size_t *ret_first_new)
{
    size_t n = 0, at = 0;
    char **list;

    while (environ[n])
        n++;
    list = dh_zalloc(n + js_n(env) + 1, sizeof *list);
    for (size_t i = 0; i < n; i++)
        if (!is_set_anew(env, environ[i]))
            list[at++] = environ[i];
    *ret_first_new = at;
    for (js_each(env, it))
        if (js_text(it.value))
            list[at++] = dh_printf("%s=%s", it.key, js_text(it.value));
    return list;
}

static void free_env(char **list, size_t first_new)
{
    for (size_t i = first_new; list[i]; i++)
        free(list[i]);
    free(list);
}

static const char *value_in(char *const *env, const char *name)
{
    size_t n = strlen(name);

    for (; *env; env++)
        if (!strncmp(*env, name, n) && (*env)[n] == '=')
            return *env + n + 1;
    return NULL;
}

/* As a shell would look: in the step's own PATH. The caller's (free). */
static int find_program(const char *name, char *const *env, char **ret, struct dh_err *err)
{
    const char *path = value_in(env, "PATH"), *part = path ? path : "/usr/local/bin:/usr/bin:/bin";
    struct stat st;

    if (strchr(name, '/')) {
        *ret = dh_strdup(name);
        return 0;
    }
    for (;;) {
        size_t n = strcspn(part, ":");
        own_mem char *folder = n ? dh_strndup(part, n) : dh_strdup(".");
        own_mem char *file = dh_printf("%s/%s", folder, name);

        if (stat(file, &st) == 0 && S_ISREG(st.st_mode) && access(file, X_OK) == 0) {
            *ret = take(&file);
            return 0;
        }
        if (!part[n])
            return dh_fail(err, DH_NOT_FOUND,
                           "the image has no program '%s' (PATH=%s): the step's image must hold it",
                           name, path ? path : "");
        part += n + 1;
    }
}

static int spawn(const char *program, char *const *argv, char *const *env, const char *cwd,
                 const int *streams, pid_t *ret)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, usual;
    int rc;

    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawnattr_init(&attr);
    (void)sigemptyset(&none);
    usual = kept_set;
    (void)sigaddset(&usual, SIGPIPE);
    (void)posix_spawnattr_setsigmask(&attr, &none);
    (void)posix_spawnattr_setsigdefault(&attr, &usual);
    (void)posix_spawnattr_setpgroup(&attr, 0);
    (void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETPGROUP);
    rc = cwd ? posix_spawn_file_actions_addchdir_np(&actions, cwd) : 0;
    for (int i = 0; streams && rc == 0 && i < 2; i++)
        rc = posix_spawn_file_actions_adddup2(&actions, streams[i], i + 1);
    if (rc == 0)
        rc = posix_spawn(ret, program, &actions, &attr, argv, env);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attr);
    return rc;
}

int keep_start(const struct js *argv, const struct js *env, const char *cwd, const int *streams,
               struct dh_err *err)
{
    own_mem char **list = make_argv(argv);
    own_mem char *program = NULL;
    size_t first_new;
    char **full;
    int rc;

    if (!list[0])
        return dh_fail(err, DH_FAILED, "the step has no command");
    if (cwd && !fs_is_dir(cwd))
        return dh_fail(err, DH_FAILED, "the step's working folder %s is not there", cwd);
    full = make_env(env, &first_new);
    rc = find_program(list[0], full, &program, err);
    if (rc == 0) {
        /* Under the lock: the keeper must not reap the child before it is known. */
        (void)pthread_mutex_lock(&lock);
        if (atomic_load(&got))
            rc = ECANCELED;
        else
            rc = spawn(program, list, full, cwd, streams, &step);
        if (rc == 0)
            phase = KEEP_RUNNING;
        (void)pthread_mutex_unlock(&lock);
        if (rc == ECANCELED)
            rc = dh_fail(err, DH_CANCELED, "stopped by a signal");
        else if (rc != 0)
            rc = dh_fail(err, rc == ENOENT ? DH_NOT_FOUND : DH_FAILED, "cannot start %s: %s%s",
                         program, strerror(rc),
                         rc == ENOENT && fs_exists(program) ? " (its interpreter or loader)" : "");
    }
    free_env(full, first_new);
    return rc;
}

int keep_wait(long wait_ms, int *ret_status)
{
    struct pollfd p = {.fd = ended_fd, .events = POLLIN};
    int ended;

    (void)poll(&p, 1, (int)wait_ms);
    (void)pthread_mutex_lock(&lock);
    ended = step_ended;
    if (ended)
        *ret_status = step_status;
    (void)pthread_mutex_unlock(&lock);
    return ended;
}

void keep_signal(int signal_)
{
    (void)pthread_mutex_lock(&lock);
    if (step)
        (void)kill(-step, signal_);
    (void)pthread_mutex_unlock(&lock);
}

int keep_got(void)
{
    return atomic_load(&got);
}

bool keep_evicted(void)
{
    return atomic_load(&evicted);
}
