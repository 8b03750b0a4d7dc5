#include "runtime/test-attempt.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"

#define WAIT_MS 200000
#define SAYS "#!/bin/sh\necho \"dhow $*\"\n"

static int awake[2] = {-1, -1};

void attempt_wake(void *user)
{
    (void)user;
    (void)!write(awake[1], "", 1);
}

bool attempt_setup(struct attempt *a)
{
    *a = (struct attempt){0};
    (void)snprintf(a->dir, sizeof a->dir, "/tmp/test-runtime-XXXXXX");
    if (!mkdtemp(a->dir) || pipe(awake) < 0)
        return false;
    (void)chmod(a->dir, 0755);
    a->home = fs_join(a->dir, "home");
    a->task = fs_join(a->home, "runs/task-a");
    a->self = fs_join(a->dir, "dhow");
    return fs_mkdirs(a->task, 0755, NULL) == 0 &&
           fs_write(a->self, SAYS, strlen(SAYS), 0755, NULL) == 0 &&
           shepherd_start(&a->shepherd, NULL) == 0;
}

bool attempt_open(struct attempt *a, const char *runtime, char why[1020])
{
    struct runtime_setup setup = {.home = a->home, .self = a->self, .wake = attempt_wake};
    struct dh_err err;

    if (runtime_open(runtime, &setup, &a->rt, &err) == 0)
        return true;
    (void)snprintf(why, 1020, "%s", err.msg);
    return false;
}

static void forget(struct attempt *a)
{
    runtime_job_done(&a->job);
    free(a->log);
    free(a->note);
    free(a->reason);
    a->log = a->note = a->reason = NULL;
}

void attempt_drop(struct attempt *a)
{
    forget(a);
    (void)runtime_close(a->rt);
    (void)shepherd_stop(a->shepherd);
    (void)fs_remove_tree(a->dir, NULL);
    (void)close(awake[0]);
    (void)close(awake[1]);
    free(a->home);
    free(a->task);
    free(a->self);
}

void attempt_job(struct attempt *a, const char *script)
{
    static unsigned count;
    const char *const argv[] = {"sh", "-c", script, NULL}, *const none[] = {NULL};
    const char *const env[] = {"PATH=/usr/local/bin:/usr/bin:/bin", NULL};

    forget(a);
    a->job.argv = runtime_strv(script ? argv : none);
    a->job.env = runtime_strv(env);
    a->job.image = dh_strdup("");
    a->job.cwd = dh_strdup(a->task);
    a->job.log = dh_printf("%s/log-%u", a->dir, count);
    a->job.user = a->job.group = -1;
    a->job.label = dh_printf("test-%d.%u", (int)getpid(), count++);
    a->job.pull_policy = "";
    attempt_mount(a, a->task, true);
}

void attempt_env(struct attempt *a, const char *entry)
{
    size_t n = 0;

    while (a->job.env[n])
        n++;
    a->job.env = dh_realloc(a->job.env, n + 2, sizeof *a->job.env);
    a->job.env[n] = dh_strdup(entry);
    a->job.env[n + 1] = NULL;
}

void attempt_mount(struct attempt *a, const char *path, bool writable)
{
    a->job.mounts = dh_realloc(a->job.mounts, a->job.n_mounts + 1, sizeof *a->job.mounts);
    a->job.mounts[a->job.n_mounts++] =
        (struct runtime_mount){.path = dh_strdup(path), .writable = writable};
}

static int prepare(struct attempt *a, struct dh_err *err)
{
    int rc;

    while ((rc = runtime_prepare(a->rt, &a->job, err)) == RUNTIME_WAIT) {
        struct pollfd fd = {.fd = awake[0], .events = POLLIN};
        char byte;

        assert_int_equal(poll(&fd, 1, WAIT_MS), 1);
        assert_int_equal(read(awake[0], &byte, 1), 1);
    }
    return rc;
}

void attempt_prepare(struct attempt *a)
{
    struct dh_err err;

    if (prepare(a, &err) < 0)
        fail_msg("%s", err.msg);
    if (a->job.note)
        a->note = dh_strdup(a->job.note);
}

const char *attempt_refused(struct attempt *a)
{
    static struct dh_err err;

    assert_int_equal(prepare(a, &err), -1);
    runtime_finish(a->rt, &a->job);
    return err.msg;
}

struct shepherd_event attempt_wait(struct attempt *a)
{
    struct shepherd_event event;
    struct dh_err err;
    int rc;

    while ((rc = shepherd_next(a->shepherd, &event, &err)) == SHEPHERD_NONE) {
        struct pollfd fd = {.fd = shepherd_fd(a->shepherd), .events = POLLIN};

        assert_int_equal(poll(&fd, 1, WAIT_MS), 1);
    }
    assert_int_equal(rc, 0);
    return event;
}

void attempt_start(struct attempt *a)
{
    static uint64_t id;
    struct shepherd_event event;
    struct spawn spawn;
    struct dh_err err;

    attempt_prepare(a);
    if (runtime_give(&a->job, a->task, &err) < 0)
        fail_msg("%s", err.msg);
    spawn = (struct spawn){.id = ++id,
                           .key = a->job.label,
                           .file = a->job.file,
                           .argv = a->job.argv,
                           .env = a->job.env,
                           .cwd = a->job.cwd,
                           .log = a->job.log,
                           .log_max = 1 << 20,
                           .memory_max = a->job.memory_max,
                           .processes_max = a->job.processes_max,
                           .cgroup = a->job.cgroup,
                           .cleanup = a->job.cleanup,
                           .worker = a->job.worker};
    assert_int_equal(shepherd_spawn(a->shepherd, &spawn, &err), 0);
    event = attempt_wait(a);
    if (event.kind != SHEPHERD_STARTED)
        fail_msg("%s was not started: %s", a->job.file, strerror(event.error));
    a->code = (int)id;
}

void attempt_signal(struct attempt *a, int number)
{
    struct dh_err err;

    assert_int_equal(shepherd_signal(a->shepherd, (uint64_t)a->code, number, &err), 0);
}

void attempt_end(struct attempt *a)
{
    struct shepherd_event event = attempt_wait(a);
    size_t n;

    assert_int_equal(event.kind, SHEPHERD_EXITED);
    a->job.status = event.status;
    a->code = WIFEXITED(event.status) ? WEXITSTATUS(event.status) : 128 + WTERMSIG(event.status);
    runtime_finish(a->rt, &a->job);
    a->reason = a->job.reason ? dh_strdup(a->job.reason) : NULL;
    if (fs_read(a->job.log, 64 << 20, &a->log, &n, NULL) != 0)
        a->log = dh_strdup("");
}

void attempt_run(struct attempt *a)
{
    attempt_start(a);
    attempt_end(a);
}

void attempt_print(const struct attempt *a)
{
    print_message("# code %d, reason: %s, note: %s\n# log: %.2000s\n", a->code,
                  a->reason ? a->reason : "-", a->note ? a->note : "-", a->log ? a->log : "-");
}
