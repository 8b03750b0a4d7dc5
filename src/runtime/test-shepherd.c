#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "runtime/cgroup.h"
#include "runtime/shepherd.h"

#define WAIT_MS 200000

static char dir[64];

static int make_dir(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof dir, "/tmp/test-shepherd-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int drop_dir(void **state)
{
    (void)state;
    return fs_remove_tree(dir, NULL);
}

static char *below(const char *name)
{
    return fs_join(dir, name);
}

static void spawn_sh(struct shepherd *s, uint64_t id, const char *key, const char *script,
                     const char *log)
{
    char *argv[] = {(char *)"sh", (char *)"-c", (char *)(uintptr_t)script, NULL};
    char *env[] = {(char *)"PATH=/usr/bin:/bin", (char *)"COLOR=blue", NULL};
    struct spawn spawn = {
        .id = id, .key = key, .file = "/bin/sh", .argv = argv, .env = env, .cwd = dir, .log = log};
    struct dh_err err;

    assert_int_equal(shepherd_spawn(s, &spawn, &err), 0);
}

/* Lets those go on that wait for it: `until [ -e gate ]`. */
static void open_gate(void)
{
    own_mem char *gate = below("gate");
    struct dh_err err;

    assert_int_equal(fs_write(gate, "", 0, 0644, &err), 0);
}

/* A number that a step writes, once it is there: a file is there before what is in it. */
static pid_t number_in(const char *name)
{
    own_mem char *path = below(name);

    for (int i = 0; i < WAIT_MS / 10; i++) {
        own_mem char *text = NULL;
        size_t n;

        if (fs_read(path, 100, &text, &n, NULL) == 0 && n > 1 && text[n - 1] == '\n')
            return (pid_t)strtol(text, NULL, 10);
        (void)poll(NULL, 0, 10);
    }
    return -1; /* also in a child, where no test can fail */
}

/* Also one that nobody has waited for. */
static bool ends(pid_t pid)
{
    own_mem char *path = dh_printf("/proc/%d/stat", (int)pid);

    for (int i = 0; i < WAIT_MS / 10; i++) {
        own_mem char *text = NULL;
        size_t n;

        if (fs_read(path, 1000, &text, &n, NULL) != 0 || strstr(text, ") Z "))
            return true;
        (void)poll(NULL, 0, 10);
    }
    return false;
}

static struct shepherd_event wait_event(struct shepherd *s)
{
    struct shepherd_event event;
    struct dh_err err;
    int rc;

    while ((rc = shepherd_next(s, &event, &err)) == SHEPHERD_NONE) {
        struct pollfd fd = {.fd = shepherd_fd(s), .events = POLLIN};

        assert_int_equal(poll(&fd, 1, WAIT_MS), 1);
    }
    assert_int_equal(rc, 0);
    return event;
}

static int wait_exit(struct shepherd *s)
{
    struct shepherd_event event = wait_event(s);

    if (event.kind == SHEPHERD_STARTED)
        event = wait_event(s);
    assert_int_equal(event.kind, SHEPHERD_EXITED);
    return event.status;
}

static void runs_and_logs(void **state)
{
    own(shepherd_stop) struct shepherd *s = NULL;
    own_mem char *log = below("log");
    own_mem char *text = NULL;
    struct dh_err err;
    size_t n;
    (void)state;

    assert_int_equal(shepherd_start(&s, &err), 0);
    spawn_sh(s, 1, NULL, "echo out $COLOR $HOME; echo err >&2; pwd; exit 7", log);
    assert_int_equal(WEXITSTATUS(wait_exit(s)), 7);
    assert_int_equal(fs_read(log, 1000, &text, &n, &err), 0);
    assert_memory_equal(text, "out blue\nerr\n/tmp/test-shepherd-", 32);
}

/* What it starts is in a group of its own, which goes with it. */
static void bounds_all_together(void **state)
{
    own(cgroups_close) struct cgroups *here = cgroups_open(getpid());
    bool held = cgroups_hold(here) & CGROUP_PIDS;
    own(shepherd_stop) struct shepherd *s = NULL;
    own_mem char *log = below("log");
    own_mem char *text = NULL;
    own_mem char *find = NULL;
    struct dh_err err;
    size_t n;
    (void)state;

    assert_int_equal(shepherd_start(&s, &err), 0);
    spawn_sh(s, 1, NULL, "grep -o '[0-9]*[.][0-9]*[.]0$' /proc/self/cgroup", log);
    assert_int_equal(WEXITSTATUS(wait_exit(s)), held ? 0 : 1);
    assert_int_equal(fs_read(log, 1000, &text, &n, &err), 0);
    text[strcspn(text, "\n")] = '\0';
    find = dh_printf("find /sys/fs/cgroup -name '%s' | grep -q .", held ? text : "no group");
    spawn_sh(s, 2, NULL, find, NULL);
    assert_int_equal(WEXITSTATUS(wait_exit(s)), held ? 0 : 1);
    s = shepherd_stop(s);
    assert_int_equal(shepherd_start(&s, &err), 0);
    spawn_sh(s, 1, NULL, find, NULL);
    assert_int_equal(WEXITSTATUS(wait_exit(s)), 1);
}

/* With no group to be had each process is bounded by itself. */
static void bounds_each_where_there_is_no_group(void **state)
{
    own_mem char *log = below("log");
    own_mem char *text = NULL;
    struct dh_err err;
    size_t n;
    int status;
    pid_t pid = fork();
    (void)state;

    if (pid == 0) {
        own(shepherd_stop) struct shepherd *s = NULL;

        /* Who may not do that may make no group either. */
        if (unshare(CLONE_NEWNS) == 0)
            (void)(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
                   mount("none", "/sys/fs/cgroup", "tmpfs", MS_RDONLY, NULL) == 0);
        if (shepherd_start(&s, &err) < 0)
            _exit(1);
        spawn_sh(s, 1, NULL, "grep -c '^Max processes  *4096 ' /proc/self/limits", log);
        _exit(WEXITSTATUS(wait_exit(s)));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(fs_read(log, 1000, &text, &n, &err), 0);
    assert_string_equal(text, "1\n");
}

static void says_what_cannot_start(void **state)
{
    own(shepherd_stop) struct shepherd *s = NULL;
    char *argv[] = {(char *)"x", NULL}, *env[] = {NULL};
    struct spawn spawn = {
        .id = 5, .file = "/no/such/program", .argv = argv, .env = env, .cwd = dir};
    struct shepherd_event event;
    struct dh_err err;
    (void)state;

    assert_int_equal(shepherd_start(&s, &err), 0);
    assert_int_equal(shepherd_spawn(s, &spawn, &err), 0);
    event = wait_event(s);
    assert_int_equal(event.kind, SHEPHERD_NOT_STARTED);
    assert_int_equal(event.id, 5);
    assert_int_equal(event.error, 2 /* ENOENT */);
}

static void signals_reach_the_group(void **state)
{
    own(shepherd_stop) struct shepherd *s = NULL;
    struct dh_err err;
    struct shepherd_event event;
    (void)state;

    assert_int_equal(shepherd_start(&s, &err), 0);
    spawn_sh(s, 1, NULL, "sleep 100 & sleep 100", NULL);
    event = wait_event(s);
    assert_int_equal(event.kind, SHEPHERD_STARTED);
    assert_int_equal(shepherd_signal(s, 1, SIGTERM, &err), 0);
    event = wait_event(s);
    assert_true(WIFSIGNALED(event.status));
    assert_int_equal(WTERMSIG(event.status), SIGTERM);
    assert_int_equal(shepherd_signal(s, 1, SIGTERM, &err), 0); /* gone: ignored */
}

static void cuts_a_log(void **state)
{
    own(shepherd_stop) struct shepherd *s = NULL;
    own_mem char *log = below("log");
    char *argv[] = {(char *)"sh", (char *)"-c", (char *)"yes | head -c 3000000", NULL},
         *env[] = {NULL};
    struct spawn spawn = {.id = 1,
                          .file = "/bin/sh",
                          .argv = argv,
                          .env = env,
                          .cwd = dir,
                          .log = log,
                          .log_max = 100000};
    struct dh_err err;
    struct stat st;
    (void)state;

    assert_int_equal(shepherd_start(&s, &err), 0);
    assert_int_equal(shepherd_spawn(s, &spawn, &err), 0);
    assert_int_equal(wait_exit(s), 0);
    assert_int_equal(stat(log, &st), 0);
    assert_true(st.st_size > 100000 && st.st_size < 100100);
}

/* Beyond the limit they wait in order; one that waits can be taken back, one that runs cannot. */
static void keeps_to_the_limit(void **state)
{
    own(shepherd_stop) struct shepherd *s = NULL;
    own_mem char *log = below("order");
    own_mem char *text = NULL;
    struct shepherd_event event;
    struct dh_err err;
    size_t n;
    (void)state;

    assert_int_equal(shepherd_start(&s, &err), 0);
    assert_int_equal(shepherd_limit(s, 1, &err), 0);
    spawn_sh(s, 1, NULL, "until [ -e gate ]; do sleep 0.01; done; echo 1", log);
    spawn_sh(s, 2, NULL, "echo 2", log);
    spawn_sh(s, 3, NULL, "echo 3", log);
    assert_int_equal(shepherd_take_back(s, 1, &err), 0);
    assert_int_equal(shepherd_take_back(s, 2, &err), 0);
    event = wait_event(s);
    assert_int_equal(event.kind, SHEPHERD_STARTED);
    event = wait_event(s);
    assert_int_equal(event.id, 2);
    assert_int_equal(event.kind, SHEPHERD_NOT_STARTED);
    assert_int_equal(event.error, ECANCELED);
    open_gate();
    event = wait_event(s);
    assert_int_equal(event.id, 1);
    assert_int_equal(event.kind, SHEPHERD_EXITED);
    assert_int_equal(event.status, 0);
    assert_int_equal(wait_exit(s), 0);
    assert_int_equal(fs_read(log, 100, &text, &n, &err), 0);
    assert_string_equal(text, "1\n3\n");
}

/* ---- folders of its own ---- */

/* Says where it is: the folder's number. */
static int runs_in(struct shepherd *s, uint64_t id, const char *script, struct shepherd_event *ret)
{
    own_mem char *cwd = below("s00009");
    own_mem char *log = below("where");
    own_mem char *tmp = dh_printf("TMPDIR=%s", cwd);
    own_mem char *file = dh_printf("FILE=%s/m", cwd);
    own_mem char *all = dh_printf("pwd; echo $TMPDIR; echo $FILE; %s", script);
    own_mem char *text = NULL;
    own_mem char *want = NULL;
    char *argv[] = {(char *)"sh", (char *)"-c", all, NULL};
    char *env[] = {(char *)"PATH=/usr/bin:/bin", tmp, file, NULL};
    struct spawn spawn = {.id = id,
                          .key = "step",
                          .file = "/bin/sh",
                          .argv = argv,
                          .env = env,
                          .cwd = cwd,
                          .any_cwd = true,
                          .log = log};
    struct shepherd_event started;
    struct dh_err err;
    size_t n;

    assert_int_equal(fs_unlink(log, &err), 0);
    assert_int_equal(shepherd_spawn(s, &spawn, &err), 0);
    started = wait_event(s);
    assert_int_equal(started.kind, SHEPHERD_STARTED);
    *ret = wait_event(s);
    assert_int_equal(ret->kind, SHEPHERD_EXITED);
    shepherd_folder_name(cwd, started.folder);
    want = dh_printf("%s\n%s\n%s/m\n", cwd, cwd, cwd);
    assert_int_equal(fs_read(log, 1000, &text, &n, &err), 0);
    assert_string_equal(text, want);
    return started.folder;
}

static void gives_a_clean_folder_again(void **state)
{
    static const struct {
        const char *script;
        bool clean;
    } cases[] = {{"true", true},
                 {"echo a >a; rm a", true},
                 {"exit 3", true},
                 {"echo a >a", false},
                 {"mkdir .b", false},
                 {"chmod 700 .", false},
                 {"cd /; rmdir $TMPDIR", false},
                 {"cd /; rmdir $TMPDIR; mkdir -m 755 $TMPDIR.b; ln -s $TMPDIR.b $TMPDIR", false},
                 {"true", true}};
    own(shepherd_stop) struct shepherd *s = NULL;
    own(journal_free) struct journal *journal = NULL;
    own_mem char *path = below("journal-of-folders");
    own_mem char *there = below("w00001");
    int number = 2; /* the first one is somebody else's */
    struct shepherd_event event;
    struct dh_err err;
    (void)state;

    assert_int_equal(fs_mkdirs(there, 0755, &err), 0);
    assert_int_equal(shepherd_start(&s, &err), 0);
    assert_int_equal(shepherd_journal(s, path, 0, NULL, &err), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(runs_in(s, i + 1, cases[i].script, &event), number);
        assert_int_equal(event.folder, cases[i].clean ? 0 : number);
        number += !cases[i].clean;
    }
    assert_int_equal(runs_in(s, 100, "echo a >a; exit 5", &event), number);
    s = shepherd_stop(s);
    assert_int_equal(journal_read(path, 1000, &journal, &err), 0);
    assert_true(journal_find(journal, "step")->exited);
    assert_int_equal(journal_find(journal, "step")->folder, number);
    assert_int_equal(WEXITSTATUS(journal_find(journal, "step")->status), 5);
}

/* Some folders for each step at a time, however many wait. */
static void makes_a_folder_for_each_that_runs(void **state)
{
    own(shepherd_stop) struct shepherd *s = NULL;
    own_mem char *home = below("many");
    own_mem char *cwd = fs_join(home, "s00001");
    own_mem char *script = dh_printf("until [ -e %s/gate ]; do sleep 0.01; done", dir);
    char *argv[] = {(char *)"sh", (char *)"-c", script, NULL};
    char *env[] = {(char *)"PATH=/usr/bin:/bin", NULL};
    struct spawn spawn = {.file = "/bin/sh", .argv = argv, .env = env, .cwd = cwd, .any_cwd = true};
    struct shepherd_event event;
    struct dh_err err;
    int most = 0, n_started = 0;
    (void)state;

    assert_int_equal(shepherd_start(&s, &err), 0);
    spawn.id = 100; /* there is no such place */
    assert_int_equal(shepherd_spawn(s, &spawn, &err), 0);
    event = wait_event(s);
    assert_int_equal(event.kind, SHEPHERD_NO_FOLDER);
    assert_int_equal(event.error, ENOENT);

    assert_int_equal(fs_mkdirs(home, 0755, &err), 0);
    assert_int_equal(shepherd_limit(s, 3, &err), 0);
    for (spawn.id = 1; spawn.id <= 20; spawn.id++)
        assert_int_equal(shepherd_spawn(s, &spawn, &err), 0);
    for (int n = 0; n < 20;) {
        event = wait_event(s);
        assert_int_not_equal(event.kind, SHEPHERD_NOT_STARTED);
        if (event.kind == SHEPHERD_STARTED && event.folder > most)
            most = event.folder;
        if (event.kind == SHEPHERD_STARTED && ++n_started == 3)
            open_gate(); /* three at a time there have been */
        n += event.kind == SHEPHERD_EXITED;
    }
    assert_in_range(most, 3, 7); /* or twice as many; one number went to what could not be made */
}

/* Ends may be told together while many wait; not later than the end of a step that goes on. */
static void tells_of_an_end_while_many_wait(void **state)
{
    own(shepherd_stop) struct shepherd *s = NULL;
    struct dh_err err;
    uint64_t next = 1;
    (void)state;

    assert_int_equal(shepherd_start(&s, &err), 0);
    assert_int_equal(shepherd_limit(s, 1, &err), 0);
    for (uint64_t id = 1; id <= 100; id++)
        spawn_sh(s, id, NULL, id == 50 ? "until [ -e gate ]; do sleep 0.01; done" : "exit 3", NULL);
    while (next <= 100) {
        struct shepherd_event event = wait_event(s);

        assert_int_equal(event.id, next);
        if (event.kind == SHEPHERD_STARTED)
            continue;
        assert_int_equal(event.kind, SHEPHERD_EXITED);
        assert_int_equal(WEXITSTATUS(event.status), next == 50 ? 0 : 3);
        if (next++ == 49)
            open_gate();
    }
}

/* A word that does not fit waits; libuv makes the descriptor one that does not by itself. */
static void takes_more_than_fits(void **state)
{
    own(shepherd_stop) struct shepherd *s = NULL;
    char script[2000];
    struct dh_err err;
    (void)state;

    assert_int_equal(shepherd_start(&s, &err), 0);
    assert_int_equal(shepherd_limit(s, 1, &err), 0);
    assert_int_equal(fcntl(shepherd_fd(s), F_SETFL, O_NONBLOCK), 0);
    spawn_sh(s, 1, NULL, "kill -STOP $PPID; sleep 0.3; kill -CONT $PPID", NULL);
    assert_int_equal(wait_event(s).kind, SHEPHERD_STARTED);
    (void)snprintf(script, sizeof script, "exit 3 #%1900d", 0);
    for (uint64_t id = 2; id <= 300; id++)
        spawn_sh(s, id, NULL, script, NULL);
    for (uint64_t id = 1; id <= 300; id++)
        (void)wait_exit(s);
}

/* Nor is anything lost that it had not told when it was killed. */
static void tells_what_it_held_when_it_is_killed(void **state)
{
    own(shepherd_stop) struct shepherd *s = NULL;
    struct shepherd_event event;
    struct dh_err err;
    uint64_t started = 0, exited = 0;
    int rc;
    (void)state;

    assert_int_equal(shepherd_start(&s, &err), 0);
    assert_int_equal(shepherd_limit(s, 1, &err), 0);
    for (uint64_t id = 1; id <= 20; id++)
        spawn_sh(s, id, NULL, id == 3 ? "kill -9 $PPID; exec sleep 100" : "exit 3", NULL);
    while ((rc = shepherd_next(s, &event, &err)) != SHEPHERD_GONE) {
        struct pollfd fd = {.fd = shepherd_fd(s), .events = POLLIN};

        if (rc == SHEPHERD_NONE)
            assert_int_equal(poll(&fd, 1, WAIT_MS), 1);
        else
            assert_int_equal(event.id, event.kind == SHEPHERD_STARTED ? ++started : ++exited);
    }
    assert_int_equal(started, 3);
    assert_int_equal(exited, 2);
}

/* An engine that runs a step that stays, with a process that leaves its session, and two that end
 * by themselves; it is killed as they do. */
static void be_killed(const char *journal)
{
    struct shepherd *s = NULL;
    struct dh_err err;

    if (shepherd_start(&s, &err) < 0 || shepherd_journal(s, journal, 0, NULL, &err) < 0)
        _exit(1);
    spawn_sh(s, 3, "c.1", "setsid sh -c 'echo $$ >away; exec sleep 1000' & exec sleep 1000", NULL);
    (void)number_in("away");
    spawn_sh(s, 1, "a.1", "exit 0", NULL);
    spawn_sh(s, 2, "b.1", "sleep 0.05; exit 3", NULL);
    for (int n = 0; n < 3;) /* all have begun */
        n += wait_event(s).kind == SHEPHERD_STARTED;
    (void)raise(SIGKILL);
}

/* An engine that is killed: what ends by itself soon is in the journal as an exit, what does not is
 * killed with all that it started. How soon is a time, which a busy machine may need for nothing:
 * then once more. */
static void journals_when_the_engine_is_gone(void **state)
{
    own_mem char *away = below("away");
    bool soon = false;
    struct dh_err err;
    (void)state;

    for (int i = 0; i < 20 && !soon; i++) {
        own(journal_free) struct journal *none = NULL, *j = NULL;
        own_mem char *name = dh_printf("journal-%d", i);
        own_mem char *path = below(name);
        pid_t engine, left;

        assert_int_equal(fs_unlink(away, &err), 0);
        assert_int_equal(journal_read(path, 0, &none, &err), 0);
        assert_null(journal_find(none, "a.1"));
        engine = fork();
        if (engine == 0)
            be_killed(path);
        assert_int_equal(waitpid(engine, NULL, 0), engine);
        left = number_in("away");
        assert_true(left > 1);
        assert_int_equal(journal_read(path, WAIT_MS, &j, &err), 0);
        assert_false(journal_find(j, "c.1")->exited);
        assert_true(ends(left));
        soon = journal_find(j, "a.1")->exited && journal_find(j, "b.1")->exited;
        if (soon) {
            assert_int_equal(journal_find(j, "a.1")->status, 0);
            assert_int_equal(WEXITSTATUS(journal_find(j, "b.1")->status), 3);
        }
    }
    assert_true(soon);
}

/* Also for what waited for its turn: it has been made ready by then. And the folder in which the
 * engine may have made something for one that it had not told of yet. */
static void cleans_up_when_the_engine_is_gone(void **state)
{
    own_mem char *made = below("made"), *folder = below("folder"), *journal = below("journal");
    own_mem char *secret = fs_join(folder, "secret");
    own_mem char *cleanup = dh_printf("/bin/rm\n--\n%s", made);
    char *argv[] = {(char *)"true", NULL}, *env[] = {NULL};
    struct spawn spawn = {
        .id = 2, .file = "/bin/true", .argv = argv, .env = env, .cwd = dir, .cleanup = cleanup};
    struct dh_err err;
    pid_t engine;
    (void)state;

    assert_int_equal(fs_write(made, "secret", 6, 0600, &err), 0);
    assert_int_equal(fs_mkdirs(folder, 0700, &err), 0);
    assert_int_equal(fs_write(secret, "secret", 6, 0600, &err), 0);
    engine = fork();
    if (engine == 0) {
        struct shepherd *s = NULL;

        if (shepherd_start(&s, &err) < 0 || shepherd_limit(s, 1, &err) < 0 ||
            shepherd_journal(s, journal, 0, folder, &err) < 0)
            _exit(1);
        spawn_sh(s, 1, NULL, "exec sleep 1000", NULL);
        (void)wait_event(s);
        (void)shepherd_spawn(s, &spawn, &err);
        (void)raise(SIGKILL);
    }
    assert_int_equal(waitpid(engine, NULL, 0), engine);
    for (int i = 0; i < WAIT_MS / 10 && (fs_exists(made) || fs_exists(folder)); i++)
        (void)poll(NULL, 0, 10);
    assert_false(fs_exists(made));
    assert_false(fs_exists(folder));
}

static void a_killed_shepherd_takes_its_children(void **state)
{
    own(shepherd_stop) struct shepherd *s = NULL;
    struct shepherd_event event;
    struct dh_err err;
    pid_t parent, step;
    int rc = 0;
    (void)state;

    assert_int_equal(shepherd_start(&s, &err), 0);
    spawn_sh(s, 1, NULL, "echo $PPID >parent; echo $$ >step; exec sleep 1000", NULL);
    assert_int_equal(wait_event(s).kind, SHEPHERD_STARTED);
    parent = number_in("parent");
    step = number_in("step");
    assert_true(parent > 1 && step > 1);
    assert_int_equal(kill(parent, SIGKILL), 0);
    for (int i = 0; i < WAIT_MS / 10 && (rc = shepherd_next(s, &event, &err)) == SHEPHERD_NONE; i++)
        (void)poll(NULL, 0, 10);
    assert_int_equal(rc, SHEPHERD_GONE);
    assert_true(ends(step));

    assert_int_equal(shepherd_restart(s, &err), 0);
    spawn_sh(s, 2, NULL, "exit 4", NULL);
    assert_int_equal(wait_event(s).kind, SHEPHERD_STARTED);
    event = wait_event(s);
    assert_int_equal(event.kind, SHEPHERD_EXITED);
    assert_int_equal(WEXITSTATUS(event.status), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(runs_and_logs, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(bounds_all_together, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(bounds_each_where_there_is_no_group, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(says_what_cannot_start, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(signals_reach_the_group, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(cuts_a_log, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(keeps_to_the_limit, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(gives_a_clean_folder_again, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(makes_a_folder_for_each_that_runs, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(tells_of_an_end_while_many_wait, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(takes_more_than_fits, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(tells_what_it_held_when_it_is_killed, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(journals_when_the_engine_is_gone, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(cleans_up_when_the_engine_is_gone, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(a_killed_shepherd_takes_its_children, make_dir, drop_dir),
    };

    return cmocka_run_group_tests_name("shepherd", tests, NULL, NULL);
}
