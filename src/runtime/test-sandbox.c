#include <dirent.h>
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

#include "base/fs.h"
#include "base/mem.h"
#include "runtime/test-attempt.h"

static struct attempt a;
static char why[1020]; /* it does not work here */

static int setup(void **state)
{
    (void)state;
    if (!attempt_setup(&a))
        return -1;
    (void)attempt_open(&a, "sandbox", why);
    return 0;
}

static int drop(void **state)
{
    (void)state;
    attempt_drop(&a);
    return 0;
}

static void need_sandbox(void)
{
    if (!a.rt) {
        print_message("# SKIP %s\n", why);
        skip();
    }
}

static char *make_file(const char *name, const char *text)
{
    char *path = fs_join(a.home, name);
    own_mem char *folder = dh_strndup(path, (size_t)(strrchr(path, '/') - path));

    assert_int_equal(fs_mkdirs(folder, 0755, NULL), 0);
    assert_int_equal(fs_write(path, text, strlen(text), 0644, NULL), 0);
    return path;
}

static void codes_and_signals_are_exact(void **state)
{
    static const struct {
        const char *script;
        int code;
    } cases[] = {
        {"true", 0},          {"exit 3", 3},        {"exit 255", 255},      {"kill -9 $$", 137},
        {"kill -15 $$", 143}, {"kill -11 $$", 139}, {"not-a-command", 127},
    };

    (void)state;
    need_sandbox();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        attempt_job(&a, cases[i].script);
        attempt_run(&a);
        if (a.code != cases[i].code)
            fail_msg("'%s': %d instead of %d; %s", cases[i].script, a.code, cases[i].code, a.log);
    }
}

static void log_and_environment_are_exact(void **state)
{
    (void)state;
    need_sandbox();
    attempt_job(&a, "echo out; echo err >&2; echo \"$COLOR\"; pwd; id -u; env | sort");
    attempt_env(&a, "COLOR=blue and green");
    assert_int_equal(setenv("HOST_SECRET", "s3cret", 1), 0);
    attempt_run(&a);
    {
        own_mem char *begin =
            dh_printf("out\nerr\nblue and green\n%s\n%d\n", a.task, (int)geteuid());

        if (strncmp(a.log, begin, strlen(begin)) != 0)
            fail_msg("%s", a.log);
    }
    assert_null(strstr(a.log, "HOST_SECRET"));
    assert_int_equal(unsetenv("HOST_SECRET"), 0);
}

/* What a step may not see and may not do: each must say `no`. */
static void sees_only_its_own(void **state)
{
    own_mem char *database = NULL;
    own_mem char *other = NULL;
    own_mem char *secret = NULL;
    own_mem char *input = NULL;
    own_mem char *script = NULL;
    char of_home[200];

    (void)state;
    need_sandbox();
    database = make_file("dhow.db", "record");
    other = make_file("runs/task-b/out", "another task's");
    secret = make_file("secrets/token", "s3cret");
    input = make_file("artifacts/data.csv", "a,b\n");
    (void)snprintf(of_home, sizeof of_home, "%s", getenv("HOME") ? getenv("HOME") : "/root");
    script = dh_printf("for f in %s %s %s %s /home /root /etc/shadow /etc/ssl/private /var/log "
                       "/boot /srv /mnt /proc/%d/environ; do\n"
                       "[ -e $f ] && [ -n \"$(ls -A $f 2>/dev/null)\" ] && echo \"sees $f\"; done\n"
                       "for f in %s /usr/x /etc/x /x /run/x; do\n"
                       "(: >>$f) 2>/dev/null && echo \"writes $f\"; done\n"
                       "cat %s; : >mine && : >/tmp/x && echo fine\n",
                       database, other, secret, of_home, (int)getppid(), input, input);
    attempt_job(&a, script);
    attempt_mount(&a, input, false);
    attempt_run(&a);
    assert_string_equal(a.log, "a,b\nfine\n");
    assert_int_equal(a.code, 0);
}

static void has_no_privileges(void **state)
{
    (void)state;
    need_sandbox();
    attempt_job(&a, "grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\\t'\n"
                    "mount -t tmpfs none /tmp 2>/dev/null && echo mounts\n"
                    "unshare -U true 2>/dev/null && echo unshares\n"
                    "unshare -r true 2>/dev/null && echo unshares root\n"
                    "(cat /proc/sys/kernel/printk >/tmp/p; cat /tmp/p >/proc/sys/kernel/printk) "
                    "2>/dev/null && echo sets the kernel\n"
                    "(echo h >/proc/sysrq-trigger) 2>/dev/null && echo sets the kernel\n"
                    "ls /proc/self/fd | tr '\\n' ' '");
    attempt_run(&a);
    if (strstr(a.log, "Seccomp:0") || !strstr(a.log, "CapEff:0000000000000000") ||
        !strstr(a.log, "NoNewPrivs:1") || strstr(a.log, "mounts") || strstr(a.log, "shares") ||
        strstr(a.log, "sets") || !strstr(a.log, "0 1 2 3 "))
        fail_msg("%s", a.log);
}

static void network_only_where_asked(void **state)
{
    (void)state;
    need_sandbox();
    attempt_job(&a, "cat /proc/net/dev | grep -c :; [ -e /etc/resolv.conf ] && echo resolves");
    attempt_run(&a);
    assert_string_equal(a.log, "1\n"); /* lo */

    attempt_job(&a, "readlink /proc/self/ns/net");
    a.job.network = true;
    attempt_run(&a);
    {
        char ours[100] = "";
        ssize_t n = readlink("/proc/self/ns/net", ours, sizeof ours - 2);

        assert_true(n > 0);
        ours[n] = '\n';
        assert_string_equal(a.log, ours);
    }
}

static void our_own_program_is_there(void **state)
{
    const char *const argv[] = {"dhow", "component", "train", NULL};

    (void)state;
    need_sandbox();
    attempt_job(&a, NULL);
    free(a.job.argv);
    a.job.argv = runtime_strv(argv);
    attempt_run(&a);
    assert_string_equal(a.log, "dhow component train\n");
}

/* A step that is asked to end gets the chance to; bubblewrap does not die before it. */
/* Until the step says that it has begun. */
static void await_ready(void)
{
    own_mem char *ready = fs_join(a.task, "ready");

    for (int i = 0; i < 6000 && !fs_exists(ready); i++)
        (void)usleep(10000);
    (void)unlink(ready);
}

static void an_end_is_asked_for_with_grace(void **state)
{
    (void)state;
    need_sandbox();
    attempt_job(&a, "trap 'echo cleaned; exit 5' TERM; : >ready; while :; do sleep 0.05; done");
    attempt_start(&a);
    await_ready();
    attempt_signal(&a, SIGTERM);
    attempt_end(&a);
    assert_int_equal(a.code, 5);
    assert_non_null(strstr(a.log, "cleaned\n"));

    attempt_job(&a, ": >ready; sleep 1000"); /* no trap: it ends of the signal */
    attempt_start(&a);
    await_ready();
    attempt_signal(&a, SIGTERM);
    attempt_end(&a);
    assert_int_equal(a.code, 128 + SIGTERM);
}

/* Whether a process of this machine has `argument` in its command line. */
static bool runs(const char *argument)
{
    DIR *d = opendir("/proc");
    struct dirent *e;
    bool found = false;

    while (d && !found && (e = readdir(d))) {
        own_mem char *path = dh_printf("/proc/%s/cmdline", e->d_name);
        own_mem char *line = NULL;
        size_t n;

        found = e->d_name[0] >= '1' && e->d_name[0] <= '9' &&
                fs_read(path, 1 << 20, &line, &n, NULL) == 0 &&
                memmem(line, n, argument, strlen(argument));
    }
    if (d)
        (void)closedir(d);
    return found;
}

static void a_kill_takes_all_of_it(void **state)
{
    own_mem char *seconds = NULL;
    own_mem char *script = NULL;

    (void)state;
    need_sandbox();
    seconds = dh_printf("98765.%d", (int)getpid()); /* nobody else's, also of this very test */
    script = dh_printf("setsid sleep %s & trap '' TERM; : >ready2; sleep %s", seconds, seconds);
    attempt_job(&a, script);
    attempt_start(&a);
    {
        own_mem char *ready = fs_join(a.task, "ready2");

        for (int i = 0; i < 6000 && !fs_exists(ready); i++)
            (void)usleep(10000);
    }
    assert_true(runs(seconds));
    attempt_signal(&a, SIGKILL);
    attempt_end(&a);
    assert_int_equal(a.code, 128 + SIGKILL);
    for (int i = 0; i < 6000 && runs(seconds); i++)
        (void)usleep(10000);
    assert_false(runs(seconds));
}

static void a_fork_bomb_stays_inside(void **state)
{
    (void)state;
    need_sandbox();
    attempt_job(&a, "i=0; while [ $i -lt 6000 ]; do sleep 1000 & i=$((i+1)); done 2>/dev/null");
    attempt_run(&a);
    assert_int_not_equal(a.code, 0);
}

static void a_log_is_cut(void **state)
{
    struct stat st;

    (void)state;
    need_sandbox();
    attempt_job(&a, "timeout 2 yes 0123456789 || exit 0");
    attempt_run(&a);
    assert_int_equal(stat(a.job.log, &st), 0);
    assert_true(st.st_size <= (1 << 20) + 200); /* and a line that says so */
}

static void refusals_say_why(void **state)
{
    const char *const outside[] = {"./tool", NULL};
    own_mem char *tool = NULL;

    (void)state;
    need_sandbox();
    attempt_job(&a, NULL);
    assert_non_null(strstr(attempt_refused(&a), "the component has no command"));
    tool = make_file("tool", "#!/bin/sh\n");
    assert_int_equal(chmod(tool, 0755), 0);
    attempt_job(&a, NULL);
    free(a.job.argv);
    a.job.argv = runtime_strv(outside);
    free(a.job.argv[0]);
    a.job.argv[0] = dh_strdup(tool);
    assert_non_null(strstr(attempt_refused(&a), "is not there in a sandbox"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_and_signals_are_exact),
        cmocka_unit_test(log_and_environment_are_exact),
        cmocka_unit_test(sees_only_its_own),
        cmocka_unit_test(has_no_privileges),
        cmocka_unit_test(network_only_where_asked),
        cmocka_unit_test(our_own_program_is_there),
        cmocka_unit_test(an_end_is_asked_for_with_grace),
        cmocka_unit_test(a_kill_takes_all_of_it),
        cmocka_unit_test(a_fork_bomb_stays_inside),
        cmocka_unit_test(a_log_is_cut),
        cmocka_unit_test(refusals_say_why),
    };

    return cmocka_run_group_tests(tests, setup, drop);
}
