/* child - one fork and exec. vfork: the child borrows our memory until it execs, so that the cost
 * does not grow with our size; between the two it only makes system calls. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/own.h"
#include "runtime/cgroup.h"
#include "runtime/shepherd-priv.h"

extern char **environ;

static int enter(const char *cgroup_file)
{
    int fd = open(cgroup_file, O_WRONLY | O_CLOEXEC);

    return fd >= 0 && write(fd, "0", 1) == 1 && close(fd) == 0 ? 0 : -1;
}

static int bound(int resource, uint64_t max)
{
    struct rlimit limit = {max, max};

    return max ? setrlimit((__rlimit_resource_t)resource, &limit) : 0;
}

static struct rlimit files; /* what steps may open; 0: as many as we */

void child_raise_files(void)
{
    struct rlimit most;

    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        files = (struct rlimit){0};
    most = (struct rlimit){files.rlim_max, files.rlim_max};
    (void)setrlimit(RLIMIT_NOFILE, &most);
}

/* Only system calls from here: the memory is the parent's. Returns only when something failed. */
static int become(const struct child_request *r)
{
    /* What is ignored stays so over exec: what the shepherd ignores, and what those who start us
     * may. */
    static const int ignored[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM, SIGPIPE, SIGTSTP,
                                  SIGTTIN, SIGTTOU, SIGXFSZ, SIGUSR1, SIGUSR2, SIGCHLD};
    sigset_t none;

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || setpgid(0, 0) < 0)
        return errno;
    for (char **file = r->cgroup; *file; file++)
        if (enter(*file) < 0)
            return errno;
    if (files.rlim_max && setrlimit(RLIMIT_NOFILE, &files) < 0)
        return errno;
    if (bound(RLIMIT_DATA, r->memory_max) < 0 || bound(RLIMIT_NPROC, r->processes_max) < 0)
        return errno;
    if (chdir(r->cwd) < 0 || dup2(r->in, STDIN_FILENO) < 0 || dup2(r->out, STDOUT_FILENO) < 0 ||
        dup2(r->out, STDERR_FILENO) < 0)
        return errno;
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        (void)signal(ignored[i], SIG_DFL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)execve(r->file, r->argv, r->env);
    return errno;
}

pid_t child_start(const struct child_request *r)
{
    volatile int failed = 0;
    pid_t pid = vfork();

    if (pid == 0) {
        failed = become(r);
        _exit(127);
    }
    if (pid < 0)
        return -errno;
    return failed ? -failed : pid;
}

void child_forget(const char *command)
{
    own_mem char **argv = cgroup_files(command); /* words in lines, as there */
    posix_spawnattr_t attr;
    sigset_t none;
    pid_t pid;

    if (!argv[0])
        return;
    (void)sigemptyset(&none);
    (void)posix_spawnattr_init(&attr);
    (void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
    (void)posix_spawnattr_setsigmask(&attr, &none);
    (void)posix_spawn(&pid, argv[0], NULL, &attr, argv, environ);
    (void)posix_spawnattr_destroy(&attr);
}
