/* Environments: made once, by one of those who want it; kept, listed, removed; a failure says why.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/js.h"
#include "base/mem.h"
#include "runtime/python-priv.h"
#include "runtime/python.h"
#include "runtime/test-python-kit.h"

static struct attempt a;

static int setup(void **state)
{
    (void)state;
    if (!python_kit(&a))
        return -1;
    python_open_runtime(&a, false);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    attempt_drop(&a);
    return 0;
}

static size_t count(struct python_env_list *ret)
{
    struct dh_err err;

    assert_int_equal(python_envs(a.home, ret, &err), 0);
    return ret->n;
}

static void one_for_each_set_of_packages(void **state)
{
    struct python_env_list list;
    own_mem char *first = NULL;
    int64_t began = clock_now_us() - 1000000; /* a file's time may be a little older than now */
    (void)state;

    python_job(&a, "kfp==9.9 tinyone", "import tinyone; print('ok')", "{}");
    attempt_run(&a);
    assert_string_equal(a.log, "ok\n");
    first = dh_strdup(a.job.file);
    assert_null(a.note);
    python_job(&a, "tinyone kfp==9.9", "print(1)", "{}"); /* the order is of no matter */
    attempt_prepare(&a);
    assert_string_equal(a.job.file, first);
    python_job(&a, "kfp==9.9", "import tinyone", "{}");
    attempt_run(&a);
    assert_int_equal(a.code, 1);
    assert_non_null(strstr(a.log, "No module named 'tinyone'"));
    assert_string_not_equal(a.job.file, first);
    assert_int_equal(count(&list), 2);
    for (size_t i = 0; i < list.n; i++) {
        assert_true(list.items[i].in_use);
        assert_true(list.items[i].size_bytes > 100000);
        assert_in_range(list.items[i].used_us, began, clock_now_us());
        assert_in_range(list.items[i].created_us, began, clock_now_us());
    }
    assert_string_equal(list.items[0].packages, "kfp==9.9");
    assert_string_equal(list.items[1].packages, "kfp==9.9 tinyone");
    python_envs_done(&list);
}

static void says_what_pip_said(void **state)
{
    const char *why;
    own_mem char *log = NULL;
    size_t n;
    (void)state;

    python_job(&a, "kfp==9.9 no-such-package==3", "print(1)", "{}");
    why = attempt_refused(&a);
    if (!strstr(why, "cannot install kfp==9.9 no-such-package==3: ") ||
        !strstr(why, "No matching distribution found for no-such-package==3"))
        fail_msg("%s", why);
    assert_int_equal(fs_read(a.job.log, 1 << 20, &log, &n, NULL), 0);
    assert_non_null(strstr(log, "no-such-package==3"));
}

static void says_that_there_is_no_python(void **state)
{
    const char *why;
    (void)state;

    python_job(&a, "kfp==9.9", "print(1)", "{}");
    free(a.job.env[0]);
    a.job.env[0] = dh_strdup("PATH=/no/such/folder");
    assert_int_equal(setenv("PYENV_ROOT", "/no/such/folder", 1), 0);
    why = attempt_refused(&a);
    assert_int_equal(unsetenv("PYENV_ROOT"), 0);
    assert_non_null(strstr(why, "no Python on this machine"));
    assert_non_null(strstr(why, "/no/such/folder"));
}

static void says_a_difference_once(void **state)
{
    (void)state;
    python_open_runtime(&a, false);
    for (int i = 0; i < 2; i++) {
        python_job(&a, "kfp==9.9 tinyone", "print(1)", "{}");
        free(a.job.image);
        a.job.image = dh_strdup("python:3.99-slim");
        attempt_run(&a);
        assert_string_equal(a.log, "1\n");
        if (i == 0)
            assert_non_null(strstr(a.note, "image python:3.99-slim: its steps run with Python 3."));
        else
            assert_null(a.note);
    }
}

/* What the image of a step would have brought is taken from this machine's interpreter, and then
 * the environment is another one. */
static void inherits_where_the_image_is_more(void **state)
{
    own_mem char *plain = NULL;
    (void)state;

    python_job(&a, "kfp==9.9", "import sys; print('_inherited' in str(sys.path), sys.path)", "{}");
    attempt_run(&a);
    plain = dh_strdup(a.job.file);
    python_job(&a, "kfp==9.9",
               "import glob, sys\nprint(len(glob.glob(sys.prefix + "
               "'/lib/*/site-packages/_inherited.pth')))",
               "{}");
    free(a.job.image);
    a.job.image = dh_strdup("example.org/team/tools:1");
    attempt_run(&a);
    assert_string_equal(a.log, "1\n");
    assert_string_not_equal(a.job.file, plain);
    assert_non_null(strstr(a.note, "and the packages that it has"));
}

/* The command behind the installation need not be the executor. */
static void any_command_after_an_installation(void **state)
{
    own_mem char *links = dh_printf("PIP_FIND_LINKS=%s/wheels", a.dir);
    (void)state;

    attempt_job(&a, NULL);
    free(a.job.argv);
    a.job.argv = runtime_strv((const char *const[]){
        "sh", "-c",
        "(python3 -m pip install tinyone || python3 -m pip install tinyone --user) && "
        "\"$0\" \"$@\"",
        "python3", "-u", "-c", "import sys, tinyone; print(sys.argv[1:])", "--x", "y z", NULL});
    attempt_env(&a, "PIP_NO_INDEX=1");
    attempt_env(&a, links);
    attempt_run(&a);
    assert_string_equal(a.log, "['--x', 'y z']\n");
}

static void keeps_no_password(void **state)
{
    own_mem char *manifest = NULL;
    own_mem char *text = NULL;
    own_mem char *folder = NULL;
    size_t n;
    (void)state;

    python_job(&a, "--extra-index-url https://me:secret@example.org/simple kfp==9.9", "print(1)",
               "{}");
    attempt_prepare(&a);
    folder = dh_strndup(a.job.file, strlen(a.job.file) - strlen("/bin/python3"));
    manifest = fs_join(folder, "manifest.json");
    assert_int_equal(fs_read(manifest, 1 << 20, &text, &n, NULL), 0);
    assert_null(strstr(text, "secret"));
    assert_non_null(strstr(text, "https://***@example.org/simple"));
}

/* Two processes want the same environment at once: one makes it, both have it. */
static void one_maker_at_a_time(void **state)
{
    struct python_env_list list;
    pid_t others[3];
    struct dh_err err;
    (void)state;

    a.rt = runtime_close(a.rt);
    assert_int_equal(python_envs_gc(a.home, clock_now_us() + 1000000, false, &list, &err), 0);
    python_envs_done(&list);
    assert_int_equal(count(&list), 0);
    python_job(&a, "kfp==9.9 tinyone", "print(1)", "{}");
    for (size_t i = 0; i < 3; i++) {
        others[i] = fork();
        if (others[i] == 0) {
            char *id;
            int rc = python_warm(a.home, a.self, "python:3", a.job.argv, a.job.env, &id, &err);

            _exit(rc == 0 ? 0 : 1);
        }
    }
    for (size_t i = 0; i < 3; i++) {
        int status;

        assert_int_equal(waitpid(others[i], &status, 0), others[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(count(&list), 1);
    assert_false(list.items[0].in_use);
    python_envs_done(&list);
    python_open_runtime(&a, false);
}

/* A maker that was killed has left half of one; the next makes it whole. */
static void a_killed_maker_is_no_harm(void **state)
{
    struct python_env_list list;
    struct dh_err err;
    pid_t maker;
    (void)state;

    python_job(&a, "kfp==9.9 threaded", "import threaded; print('whole')", "{}");
    maker = fork();
    if (maker == 0) {
        char *id;

        _exit(python_warm(a.home, a.self, "python:3", a.job.argv, a.job.env, &id, &err) == 0);
    }
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(python_envs_gc(a.home, clock_now_us() + 1000000, true, &list, &err), 0);
        python_envs_done(&list);
        (void)poll(NULL, 0, 5);
        if (i == 40) /* in the middle of it */
            assert_int_equal(kill(maker, SIGKILL), 0);
        if (i > 40 && waitpid(maker, NULL, WNOHANG) == maker)
            break;
    }
    attempt_run(&a);
    assert_int_equal(a.code, 0);
    assert_string_equal(a.log, "whole\n");
}

static void removes_what_is_not_used(void **state)
{
    struct python_env_list list, gone;
    struct dh_err err;
    size_t n;
    (void)state;

    python_open_runtime(&a, false);
    python_job(&a, "kfp==9.9 tinyone", "print(1)", "{}");
    attempt_prepare(&a);
    n = count(&list);
    python_envs_done(&list);
    assert_true(n >= 2);
    assert_int_equal(python_envs_gc(a.home, 0, false, &gone, &err), 0);
    assert_int_equal(gone.n, 0); /* all used later than then */
    python_envs_done(&gone);
    assert_int_equal(python_envs_gc(a.home, clock_now_us() + 1000000, true, &gone, &err), 0);
    assert_int_equal(gone.n, n - 1); /* but for the one that is held */
    python_envs_done(&gone);
    assert_int_equal(count(&list), n);
    python_envs_done(&list);
    assert_int_equal(python_envs_gc(a.home, clock_now_us() + 1000000, false, &gone, &err), 0);
    assert_int_equal(gone.n, n - 1);
    python_envs_done(&gone);
    assert_int_equal(count(&list), 1);
    assert_true(list.items[0].in_use);
    python_envs_done(&list);
    attempt_start(&a);
    attempt_end(&a);
    assert_string_equal(a.log, "1\n");
}

/* An address that takes connections and says nothing: pip waits for 15 s, several times. The
 * caller's. */
static char *silent_links(int *ret_fd)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof at;

    *ret_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(*ret_fd >= 0);
    assert_int_equal(bind(*ret_fd, (struct sockaddr *)&at, n), 0);
    assert_int_equal(listen(*ret_fd, 8), 0);
    assert_int_equal(getsockname(*ret_fd, (struct sockaddr *)&at, &n), 0);
    return dh_printf("PIP_FIND_LINKS=http://127.0.0.1:%d/", ntohs(at.sin_port));
}

/* A run that ends while an environment is being made does not wait for it. */
static void stops_making(void **state)
{
    int64_t began;
    struct dh_err err;
    int fd = -1;
    (void)state;

    python_job(&a, "kfp==9.9 deadly tinyone", "print(1)", "{}");
    for (char **e = a.job.env; *e; e++)
        if (!strncmp(*e, "PIP_FIND_LINKS=", 15)) {
            free(*e);
            *e = silent_links(&fd);
        }
    assert_int_equal(runtime_prepare(a.rt, &a.job, &err), RUNTIME_WAIT);
    began = clock_mono_us();
    python_open_runtime(&a, false);
    assert_true(clock_mono_us() - began < 10000000);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_for_each_set_of_packages),
        cmocka_unit_test(says_what_pip_said),
        cmocka_unit_test(says_that_there_is_no_python),
        cmocka_unit_test(says_a_difference_once),
        cmocka_unit_test(inherits_where_the_image_is_more),
        cmocka_unit_test(any_command_after_an_installation),
        cmocka_unit_test(keeps_no_password),
        cmocka_unit_test(one_maker_at_a_time),
        cmocka_unit_test(a_killed_maker_is_no_harm),
        cmocka_unit_test(removes_what_is_not_used),
        cmocka_unit_test(stops_making),
    };

    return cmocka_run_group_tests_name("python-env", tests, setup, teardown);
}
