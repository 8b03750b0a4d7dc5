/* Containers by TEST_TOOL: runc, crun, podman or docker. The image is made here, of this machine's
 * programs. */
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
#include "runtime/cgroup.h"
#include "runtime/command.h"
#include "runtime/image.h"
#include "runtime/test-attempt.h"
#include "runtime/test-image-make.h"

static struct attempt a;
static const char *tool;
static char why[1020]; /* it does not work here */
static char *image;    /* its name */

#define PROGRAMS                                                                                   \
    "sh sleep id cat ls env sort grep head tail pwd readlink mkdir timeout yes touch kill rm "     \
    "mount"

static bool is_engine(void)
{
    return !strcmp(tool, "podman") || !strcmp(tool, "docker");
}

/* One static busybox, or Debian's programs with their libraries. */
static void make_image(void)
{
    own_mem char *script =
        dh_printf("cd %s && mkdir -p r/bin r/etc r/inside r/tmp && cd r && "
                  "if [ -x /bin/busybox ] && ! ldd /bin/busybox >/dev/null 2>&1; then "
                  "cp /bin/busybox bin && for p in " PROGRAMS "; do ln -s busybox bin/$p; done; "
                  "else for p in " PROGRAMS "; do f=$(command -v $p) && [ -x \"$f\" ] || continue; "
                  "cp -L $f bin/$p; for l in $(ldd $f | grep -o '/[^ )]*'); do "
                  "mkdir -p .$(dirname $l); cp -Ln $l .$l; done; done; fi && "
                  "echo root:x:0:0::/:/bin/sh >etc/passwd && echo tester:x:1234:77::/:/bin/sh "
                  ">>etc/passwd && "
                  "echo team:x:88: >etc/group && chmod 1777 tmp && "
                  "tar -cf ../layer.tar .",
                  a.dir);
    own_mem char *file = fs_join(a.dir, "layer.tar");
    own_mem char *folder = fs_join(a.dir, "layout");
    char *argv[] = {(char *)"/bin/sh", (char *)"-c", script, NULL};
    struct buf layer = {0};
    struct dh_err err;

    if (command_do(argv, 60000, NULL, NULL, &err) < 0)
        fail_msg("%s", err.msg);
    assert_int_equal(fs_read(file, (size_t)256 << 20, &layer.p, &layer.n, NULL), 0);
    layout_make(folder, "v1",
                "{\"Env\":[\"PATH=/bin\",\"FROM=image\",\"BOTH=image\"],"
                "\"Entrypoint\":[\"/bin/sh\",\"-c\"],\"Cmd\":[\"echo image; exit 4\"],"
                "\"WorkingDir\":\"/inside\"}",
                &layer, 1);
    free(layer.p);
    if (!is_engine()) {
        image = dh_printf("oci:%s:v1", folder);
        return;
    }
    free(take(&script));
    script = dh_printf("cd %s && tar -cf ../image.tar .", folder);
    argv[2] = script;
    assert_int_equal(command_do(argv, 60000, NULL, NULL, &err), 0);
    image = dh_printf("oci-archive:%s/image.tar", a.dir);
}

static int setup(void)
{
    if (!attempt_setup(&a) || setenv("DHOW_CONTAINER_ENGINE", tool, 1) < 0)
        return -1;
    make_image();
    (void)attempt_open(&a, "oci", why);
    return 0;
}

static void drop(void)
{
    attempt_drop(&a);
    free(image);
}

static void new_job(const char *script)
{
    attempt_job(&a, script);
    free(a.job.image);
    a.job.image = dh_strdup(image);
}

static void set_argv(const char *const *argv)
{
    for (char **s = a.job.argv; *s; s++)
        free(*s);
    free(a.job.argv);
    a.job.argv = runtime_strv(argv);
}

static void run_for_code(const char *script, int code)
{
    new_job(script);
    attempt_run(&a);
    if (a.code != code) {
        attempt_print(&a);
        fail_msg("%s: '%s' gave %d instead of %d", tool, script, a.code, code);
    }
}

static void codes_are_exact(void **state)
{
    (void)state;
    run_for_code("true", 0);
    assert_null(a.reason);
    run_for_code("exit 3", 3);
    assert_null(a.reason);
    run_for_code("exit 255", 255);
    run_for_code("sh -c 'kill -9 $$; true'; exit $?", 137);
    run_for_code("not-a-command", 127);
}

static void the_log_is_the_steps_alone(void **state)
{
    (void)state;
    run_for_code("echo out; echo err >&2", 0);
    /* docker and runc hand the two on apart: which is first is not told. */
    if (strcmp(a.log, "err\nout\n") != 0)
        assert_string_equal(a.log, "out\nerr\n");
}

static void command_and_arguments(void **state)
{
    static const char *const none[] = {NULL}, *const args[] = {"echo given; exit 5", NULL};

    (void)state;
    new_job(NULL);
    set_argv(none);
    attempt_run(&a);
    assert_string_equal(a.log, "image\n");
    assert_int_equal(a.code, 4);

    new_job(NULL);
    set_argv(args);
    a.job.args_only = true;
    attempt_run(&a);
    assert_string_equal(a.log, "given\n");
    assert_int_equal(a.code, 5);
}

static void environment_is_of_both(void **state)
{
    (void)state;
    new_job("echo \"$FROM|$BOTH|$COLOR|$HOST_SECRET|$PATH\"; pwd");
    attempt_env(&a, "BOTH=step");
    attempt_env(&a, "COLOR=blue, \"red\" and green");
    assert_int_equal(setenv("HOST_SECRET", "s3cret", 1), 0);
    for (char **e = a.job.env; *e; e++)
        if (!strncmp(*e, "PATH=", 5)) { /* as the engine hands it on */
            free(*e);
            *e = dh_printf("PATH=%s:/where/dhow/is", getenv("PATH"));
        }
    attempt_run(&a);
    assert_int_equal(unsetenv("HOST_SECRET"), 0);
    assert_string_equal(a.log, "image|step|blue, \"red\" and green||/bin\n/inside\n");
}

static char *make_file(const char *name, const char *text)
{
    char *path = fs_join(a.home, name);
    own_mem char *folder = dh_strndup(path, (size_t)(strrchr(path, '/') - path));

    assert_int_equal(fs_mkdirs(folder, 0755, NULL), 0);
    assert_int_equal(fs_write(path, text, strlen(text), 0644, NULL), 0);
    return path;
}

static void sees_only_its_own(void **state)
{
    own_mem char *database = NULL;
    own_mem char *other = NULL;
    own_mem char *input = NULL;
    own_mem char *out = NULL;
    own_mem char *script = NULL;
    own_mem char *made = NULL;

    (void)state;
    database = make_file("dhow.db", "record");
    other = make_file("runs/task-b/out", "another task's");
    input = make_file("artifacts/with, comma/data.csv", "a,b\n");
    out = fs_join(a.home, "outputs/x");
    assert_int_equal(fs_mkdirs(out, 0777, NULL), 0);
    script = dh_printf("for f in %s %s /root/.bashrc /etc/shadow /usr/bin/gcc %s; do "
                       "[ -e $f ] && echo \"sees $f\"; done\n"
                       "(echo x >>'%s') 2>/dev/null && echo 'writes its input'\n"
                       "(cat /proc/sys/kernel/printk >/tmp/p; cat /tmp/p >/proc/sys/kernel/printk) "
                       "2>/dev/null && echo 'sets the kernel'\n"
                       "mount -t tmpfs none /tmp 2>/dev/null && echo mounts\n"
                       "ls /proc | grep -c '^[0-9]' | grep -v '^[1-9]$'\n"
                       "cat '%s'; echo made >%s/file; echo x >/inside/y && echo fine",
                       database, other, a.self, input, input, out);
    new_job(script);
    attempt_mount(&a, input, false);
    attempt_mount(&a, out, true);
    attempt_run(&a);
    assert_string_equal(a.log, "a,b\nfine\n");
    assert_int_equal(a.code, 0);
    made = fs_join(out, "file");
    assert_true(fs_exists(made));

    run_for_code("[ ! -e /inside/y ]", 0); /* the image is as it was */
}

static void network_only_where_asked(void **state)
{
    char ours[100] = "";
    ssize_t n = readlink("/proc/self/ns/net", ours, sizeof ours - 1);

    (void)state;
    new_job("cat /proc/net/dev | grep -c :");
    attempt_run(&a);
    assert_string_equal(a.log, "1\n"); /* lo */
    if (is_engine())
        return; /* its own network may not be set up here */
    new_job("readlink /proc/self/ns/net");
    a.job.network = true;
    attempt_run(&a);
    assert_true(n > 0);
    assert_non_null(strstr(a.log, ours));
}

static void users(void **state)
{
    (void)state;
    new_job("id -u; id -g");
    attempt_run(&a);
    assert_string_equal(a.log, "0\n0\n");
    if (geteuid() != 0)
        return; /* one user is all there is */
    new_job("id -u; id -g");
    a.job.user = 1234;
    attempt_run(&a);
    assert_string_equal(a.log, "1234\n77\n");
    own_mem char *file = dh_printf("%s/written", a.task), *script = dh_printf("id -u >%s", file);
    new_job(script);
    a.job.user = 1234;
    attempt_run(&a);
    assert_string_equal(a.log, "");
    assert_true(fs_exists(file));
    new_job("id -u; id -g");
    a.job.user = 4321;
    a.job.group = 99;
    attempt_run(&a);
    assert_string_equal(a.log, "4321\n99\n");
}

static void what_cannot_start_is_told(void **state)
{
    static const char *const argv[] = {"/no/such/program", NULL};

    (void)state;
    new_job(NULL);
    set_argv(argv);
    attempt_run(&a);
    assert_int_not_equal(a.code, 0);
    if (!is_engine()) {
        assert_non_null(a.reason);
        assert_non_null(strstr(a.reason, "/no/such/program"));
    } else {
        assert_non_null(strstr(a.log, "/no/such/program"));
    }
}

static void wait_for(const char *name)
{
    own_mem char *path = fs_join(a.task, name);

    for (int i = 0; i < 12000 && !fs_exists(path); i++)
        (void)usleep(10000);
    assert_true(fs_exists(path));
    (void)unlink(path);
}

static void an_end_is_asked_for_with_grace(void **state)
{
    own_mem char *script = NULL;

    (void)state;
    script = dh_printf("trap 'echo cleaned; exit 5' TERM; : >%s/ready; "
                       "while :; do sleep 0.1; done",
                       a.task);
    new_job(script);
    attempt_start(&a);
    wait_for("ready");
    if (is_engine())
        (void)usleep(1000000); /* a client that has hardly started its container forgets its code */
    attempt_signal(&a, SIGTERM);
    attempt_end(&a);
    assert_int_equal(a.code, 5);
    assert_non_null(strstr(a.log, "cleaned\n"));
}

static bool anyone_runs(const char *word)
{
    own_mem char *script =
        dh_printf("for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline 2>/dev/null | grep -q "
                  "'^[s]leep %s ' && exit 0; done; exit 1",
                  word);
    char *argv[] = {(char *)"/bin/sh", (char *)"-c", script, NULL};

    return command_do(argv, 60000, NULL, NULL, NULL) == 0;
}

/* What is kept of containers: folders, states and groups. The caller's. */
static char *what_is_left(void)
{
    own_mem char *script =
        dh_printf("ls -d %s/containers/dhow-* %s/containers/state/* /sys/fs/cgroup/*/dhow-%d.* "
                  "/sys/fs/cgroup/*/dhow/%d.* 2>/dev/null; true",
                  a.home, a.home, (int)getpid(), (int)getpid());
    char *argv[] = {(char *)"/bin/sh", (char *)"-c", script, NULL};
    struct buf out = {0};

    assert_int_equal(command_do(argv, 60000, NULL, &out, NULL), 0);
    return out.p ? out.p : dh_strdup("");
}

static void a_kill_leaves_nothing(void **state)
{
    own_mem char *script = NULL;
    own_mem char *before = NULL;
    own_mem char *after = NULL;
    char seconds[40];

    (void)state;
    (void)snprintf(seconds, sizeof seconds, "9%d", (int)getpid());
    script = dh_printf("trap '' TERM; : >%s/ready; sleep %s & sleep %s", a.task, seconds, seconds);
    run_for_code("true", 0);
    for (int i = 0; i < 1200; i++) { /* until what goes in the background is gone */
        free(take(&before));
        before = what_is_left();
        if (!strstr(before, "/containers/"))
            break;
        (void)usleep(50000);
    }
    new_job(script);
    a.job.memory_limit = 256 << 20; /* with groups of its own */
    attempt_start(&a);
    wait_for("ready");
    assert_true(anyone_runs(seconds));
    attempt_signal(&a, SIGKILL);
    attempt_end(&a);
    assert_int_equal(a.code, 128 + SIGKILL);
    for (int i = 0; i < 1200 && anyone_runs(seconds); i++)
        (void)usleep(50000);
    assert_false(anyone_runs(seconds));
    for (int i = 0; i < 1200; i++) {
        free(take(&after));
        after = what_is_left();
        if (!strcmp(before, after))
            break;
        (void)usleep(50000);
    }
    assert_string_equal(before, after);
}

static void memory_is_bounded(void **state)
{
    struct cgroups *c;
    unsigned held;

    (void)state;
    c = cgroups_open(getpid());
    held = cgroups_hold(c);
    (void)cgroups_close(c); /* skip() jumps: nothing may be held across it */
    if (!(held & CGROUP_MEMORY))
        skip();
    new_job("head -c 200000000 /dev/zero | tail -c 150000000 >/dev/null");
    a.job.memory_limit = 48 << 20;
    attempt_run(&a);
    /* An engine may not have seen that it was not the first process that was killed. */
    if (a.code != 137 || (!a.reason && !is_engine()) || (a.reason && !strstr(a.reason, "48 MiB"))) {
        attempt_print(&a);
        fail();
    }
    new_job("head -c 8000000 /dev/zero | tail -c 4000000 >/dev/null");
    a.job.memory_limit = 48 << 20;
    attempt_run(&a);
    assert_int_equal(a.code, 0);
}

static void a_fork_bomb_stays_inside(void **state)
{
    (void)state;
    new_job("i=0; while [ $i -lt 6000 ]; do sleep 1000 & i=$((i+1)); done 2>/dev/null");
    attempt_run(&a);
    assert_int_not_equal(a.code, 0);
}

static void images_that_are_not_there(void **state)
{
    (void)state;
    new_job("true");
    free(a.job.image);
    a.job.image = dh_strdup("registry.invalid/nothing:1");
    a.job.pull_policy = "Never";
    assert_non_null(strstr(attempt_refused(&a), "its pull policy is Never"));
    new_job("true");
    free(a.job.image);
    a.job.image = dh_strdup("oci-archive:/no/such/file.tar");
    assert_non_null(strstr(attempt_refused(&a), "/no/such/file.tar"));
}

/* As after a power cut: the folder of a container whose process is no more. */
static void left_overs_go_at_the_next_start(void **state)
{
    own_mem char *folder = NULL;
    own_mem char *upper = NULL;
    struct runtime_setup setup = {.home = a.home, .self = a.self};
    struct runtime *rt;
    struct dh_err err;

    (void)state;
    folder = fs_join(a.home, "containers/dhow-task.1-999999999.1");
    upper = fs_join(folder, "upper/deep");
    assert_int_equal(fs_mkdirs(upper, 0755, NULL), 0);
    assert_int_equal(runtime_open("oci", &setup, &rt, &err), 0);
    (void)runtime_close(rt);
    assert_false(fs_exists(folder));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_are_exact),
        cmocka_unit_test(the_log_is_the_steps_alone),
        cmocka_unit_test(command_and_arguments),
        cmocka_unit_test(environment_is_of_both),
        cmocka_unit_test(sees_only_its_own),
        cmocka_unit_test(network_only_where_asked),
        cmocka_unit_test(users),
        cmocka_unit_test(what_cannot_start_is_told),
        cmocka_unit_test(an_end_is_asked_for_with_grace),
        cmocka_unit_test(a_kill_leaves_nothing),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(a_fork_bomb_stays_inside),
        cmocka_unit_test(images_that_are_not_there),
        cmocka_unit_test(left_overs_go_at_the_next_start),
    };

    int rc = 0;

    tool = getenv("TEST_TOOL") ? getenv("TEST_TOOL") : "runc";
    if (setup() < 0)
        return 1;
    if (a.rt)
        rc = cmocka_run_group_tests(tests, NULL, NULL);
    else
        printf("1..0 # SKIP %s: %s\n", tool, why);
    drop();
    return rc;
}
