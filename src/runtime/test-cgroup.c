#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "runtime/cgroup.h"
#include "runtime/test-attempt.h"

static struct attempt a;

static int setup(void **state)
{
    char why[1020];

    (void)state;
    return attempt_setup(&a) && attempt_open(&a, "process", why) ? 0 : -1;
}

static int drop(void **state)
{
    (void)state;
    attempt_drop(&a);
    return 0;
}

/* The suite goes on where the machine gives no groups: what is bounded then is said in a note. */
static void need(unsigned controllers)
{
    struct cgroups *c = cgroups_open(getpid());
    bool held = (cgroups_hold(c) & controllers) == controllers;

    if (!held)
        print_message("# SKIP %s\n", cgroups_why(c));
    (void)cgroups_close(c); /* skip() jumps: nothing may be held across it */
    if (!held)
        skip();
}

static void splits_the_name_of_a_group(void **state)
{
    own_mem char **files = cgroup_files("/a/tasks\n/b/c/cgroup.procs");
    own_mem char **none = cgroup_files("");

    (void)state;
    assert_string_equal(files[0], "/a/tasks");
    assert_string_equal(files[1], "/b/c/cgroup.procs");
    assert_null(files[2]);
    assert_null(none[0]);
}

/* The group's folder of one controller, as the job names it. */
static char *folder_of(const char *group, size_t i)
{
    own_mem char **files = cgroup_files(group);

    assert_non_null(files[i]);
    return dh_strndup(files[i], (size_t)(strrchr(files[i], '/') - files[i]));
}

static void a_step_is_in_its_group_and_the_group_goes(void **state)
{
    own_mem char *folder = NULL;

    (void)state;
    need(CGROUP_PIDS);
    attempt_job(&a, "grep -c dhow/ /proc/self/cgroup; exit 3");
    a.job.memory_limit = 256 << 20; /* without a limit the run's group is enough */
    attempt_start(&a);
    folder = folder_of(a.job.cgroup, 0);
    assert_true(fs_is_dir(folder));
    attempt_end(&a);
    assert_int_equal(a.code, 3);
    assert_int_not_equal(strtol(a.log, NULL, 10), 0);
    assert_false(fs_exists(folder));
    assert_null(a.reason);
}

static void memory_is_bounded_and_the_reason_said(void **state)
{
    (void)state;
    need(CGROUP_MEMORY);
    attempt_job(&a, "head -c 200000000 /dev/zero | tail -c 150000000 >/dev/null");
    a.job.memory_limit = 32 << 20;
    attempt_run(&a);
    assert_int_equal(a.code, 128 + SIGKILL);
    assert_non_null(a.reason);
    assert_string_equal(a.reason, "killed: out of memory (limit 32 MiB)");

    attempt_job(&a, "head -c 8000000 /dev/zero | tail -c 4000000 >/dev/null"); /* within it */
    a.job.memory_limit = 32 << 20;
    attempt_run(&a);
    assert_int_equal(a.code, 0);
    assert_null(a.reason);
}

static void cpu_is_bounded(void **state)
{
    int64_t start = clock_mono_us();

    (void)state;
    need(CGROUP_CPU);
    attempt_job(&a, "timeout 1 sh -c 'while :; do :; done'; times");
    a.job.cpu_limit = 0.2;
    attempt_run(&a);
    /* `times` ends with the children's user and system time: m s. */
    {
        char *line = strrchr(a.log, '\n');
        double user, system, took = (double)(clock_mono_us() - start) / 1e6;

        assert_non_null(line);
        while (line > a.log && line[-1] != '\n')
            line--;
        assert_int_equal(sscanf(line, "0m%lfs 0m%lfs", &user, &system), 2);
        if (user + system > 0.3 + 0.2 * took) /* a second, or more where the machine is busy */
            fail_msg("used %.2f s of CPU in %.2f s at 0.2 cores", user + system, took);
    }
}

#define BOMB "i=0; while [ $i -lt 10000 ]; do sleep 1000 & i=$((i+1)); done 2>/dev/null; exit 0"

static void a_fork_bomb_stays_in_its_bounds(void **state)
{
    int64_t start = clock_mono_us();

    (void)state;
    need(CGROUP_PIDS);
    attempt_job(&a, BOMB);
    a.job.memory_limit = (int64_t)8 << 30;
    attempt_run(&a);
    assert_int_not_equal(a.code, 0);
    assert_non_null(a.reason);
    assert_string_equal(a.reason, "failed at its limit of 4096 processes");
    assert_true(clock_mono_us() - start < 200 * 1000000LL);

    attempt_job(&a, BOMB); /* no limit asked: the run's holds */
    attempt_run(&a);
    assert_int_not_equal(a.code, 0);
}

/* A process that leaves session and group is still the step's. */
static void nothing_outlives_its_step(void **state)
{
    own_mem char *file = NULL;
    own_mem char *text = NULL;
    size_t n;
    long pid;

    (void)state;
    need(CGROUP_PIDS);
    attempt_job(&a, "setsid sleep 1000 & echo $! >pid; sleep 0.2");
    a.job.memory_limit = 256 << 20;
    attempt_run(&a);
    assert_int_equal(a.code, 0);
    file = fs_join(a.task, "pid");
    assert_int_equal(fs_read(file, 100, &text, &n, NULL), 0);
    pid = strtol(text, NULL, 10);
    assert_true(pid > 1);
    for (int i = 0; i < 6000 && kill((pid_t)pid, 0) == 0; i++)
        (void)usleep(10000);
    assert_int_equal(kill((pid_t)pid, 0), -1);
}

static void a_clean_group_is_used_again(void **state)
{
    struct cgroup_limits limits = {.processes = 10};
    own(cgroups_close) struct cgroups *c = NULL;
    own_mem char *first = NULL;
    own_mem char *second = NULL;
    struct dh_err err;

    (void)state;
    need(CGROUP_PIDS);
    c = cgroups_open(getpid());
    assert_int_equal(cgroup_make(c, &limits, &first, &err), 0);
    cgroup_give_back(c, first, &limits);
    assert_int_equal(cgroup_make(c, &limits, &second, &err), 0);
    assert_string_equal(first, second);
    cgroup_remove(second);
}

static void groups_of_the_dead_are_swept(void **state)
{
    struct cgroup_limits limits = {.processes = 10};
    own(cgroups_close) struct cgroups *c = NULL;
    own_mem char *group = NULL;
    own_mem char *folder = NULL;
    own_mem char *dead = NULL;
    struct dh_err err;

    (void)state;
    need(CGROUP_PIDS);
    c = cgroups_open(getpid());
    assert_int_equal(cgroup_make(c, &limits, &group, &err), 0);
    folder = folder_of(group, 0);
    dead = dh_printf("%.*s/%d.1.0", (int)(strrchr(folder, '/') - folder), folder, (int)getpid());
    assert_int_equal(mkdir(dead, 0755), 0); /* our pid, but of an earlier process */
    (void)cgroups_close(cgroups_open(getpid()));
    assert_false(fs_exists(dead));
    assert_true(fs_exists(folder)); /* ours lives */
    cgroup_remove(group);
    assert_false(fs_exists(folder));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_the_name_of_a_group),
        cmocka_unit_test(a_step_is_in_its_group_and_the_group_goes),
        cmocka_unit_test(memory_is_bounded_and_the_reason_said),
        cmocka_unit_test(cpu_is_bounded),
        cmocka_unit_test(a_fork_bomb_stays_in_its_bounds),
        cmocka_unit_test(nothing_outlives_its_step),
        cmocka_unit_test(a_clean_group_is_used_again),
        cmocka_unit_test(groups_of_the_dead_are_swept),
    };

    return cmocka_run_group_tests(tests, setup, drop);
}
