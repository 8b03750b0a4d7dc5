/* Python steps as processes: what a step's code may do, cold and warm alike, and what it cannot do
 * to others. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "runtime/test-python-kit.h"

static struct attempt a;

static int setup(void **state)
{
    (void)state;
    return python_kit(&a) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    attempt_drop(&a);
    return 0;
}

static void run(const char *body)
{
    python_job(&a, PYTHON_ALL, body, "{}");
    attempt_run(&a);
}

static const struct {
    const char *name, *body;
    int code;         /* 128 + signal */
    const char *says; /* in its log */
    const char *says_not;
} cases[] = {
    {"returns", "print('done', end='')", 0, "done", "Traceback"},
    {"raises", "raise ValueError('no good')", 1, "ValueError: no good\n", "step.py"},
    {"shows its own line", "x = 1\nraise ValueError(x)", 1, "ephemeral_component.py\", line 4",
     "worker-"},
    {"exits with a number", "import sys; sys.exit(3)", 3, "", "Traceback"},
    {"exits with more than a byte", "import sys; sys.exit(256 + 5)", 5, "", "Traceback"},
    {"exits with words", "import sys; sys.exit('stop here')", 1, "stop here\n", "Traceback"},
    {"exits with nothing", "import sys; sys.exit()", 0, "", "Traceback"},
    {"is interrupted", "raise KeyboardInterrupt()", 128 + SIGINT, "KeyboardInterrupt", "zzz"},
    {"leaves at once", "import os; print('lost'); os._exit(7)", 7, "", "lost"},
    {"kills itself", "import os; os.kill(os.getpid(), 9)", 128 + SIGKILL, "", "Traceback"},
    {"terminates itself", "import os; os.kill(os.getpid(), 15)", 128 + SIGTERM, "", "Traceback"},
    {"crashes", "import ctypes; ctypes.string_at(0)", 128 + SIGSEGV, "", "Traceback"},
    {"forks",
     "import os\npid = os.fork()\nif pid == 0:\n    print('child', flush=True)\n    "
     "os._exit(4)\nprint(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))",
     0, "child\n4\n", "Traceback"},
    {"forks and falls through",
     "import os\npid = os.fork()\nif pid: os.waitpid(pid, 0)\nprint('once each')", 0,
     "once each\nonce each\n", "Traceback"},
    {"waits for its threads",
     "import threading, time\ndef late():\n    time.sleep(0.2)\n    print('late')\n"
     "threading.Thread(target=late).start()\nprint('main')",
     0, "main\nlate\n", "Traceback"},
    {"leaves a daemon thread",
     "import threading, time\nthreading.Thread(target=time.sleep, args=(100,), "
     "daemon=True).start()",
     0, "", "Traceback"},
    {"runs a program",
     "import subprocess\nprint(subprocess.run(['sh', '-c', 'echo out; exit 6']).returncode)", 0,
     "out\n6\n", "Traceback"},
    {"says goodbye", "import atexit\natexit.register(print, 'goodbye')\nprint('first')", 0,
     "first\ngoodbye\n", "Traceback"},
    {"takes things apart",
     "global kept\nclass Thing:\n    def __del__(self): print('gone')\nkept = Thing()", 0, "gone\n",
     "Traceback"},
    {"counts in other processes",
     "import multiprocessing\nwith multiprocessing.get_context('fork').Pool(2) as pool:\n"
     "    print(sum(pool.map(abs, [-1, -2, -3])))",
     0, "6\n", "Traceback"},
    {"is in its folder", "import os\nprint(os.getcwd().endswith('task-a'), os.listdir('/') != [])",
     0, "True True\n", "Traceback"},
    {"has its environment",
     "import os\nprint(os.environ['KFP_POD_NAME'], os.environ['HOME'] == os.getcwd(), "
     "os.environ['_KFP_RUNTIME'], 'LANG' in os.environ)",
     0, "pod True true False\n", "Traceback"},
    {"hands its environment on",
     "import os\nos.environ['A'] = 'b'\nos.system('echo $A $KFP_POD_NAME')", 0, "b pod\n",
     "Traceback"},
    {"finds its own python",
     "import os, subprocess, sys\nprint(os.path.dirname(sys.executable) == os.path.dirname("
     "subprocess.check_output(['sh', '-c', 'command -v python3'], text=True).strip()))\n"
     "print(subprocess.check_output(['pip', '--version'], text=True).startswith('pip '), "
     "subprocess.call([sys.executable, '-m', 'pip', '--version'], "
     "stdout=subprocess.DEVNULL))",
     0, "True\nTrue 0\n", "Traceback"},
    {"is a main program",
     "import sys\nm = sys.modules['__main__']\nprint(m.__spec__.name, sys.argv[1], "
     "sys.argv[3:], sys.path[1] == __import__('os').getcwd())",
     0,
     "kfp.dsl.executor_main --component_module_path ['--executor_input', '{}', "
     "'--function_to_execute', 'f'] True\n",
     "Traceback"},
    {"reads nothing", "import sys\nprint(repr(sys.stdin.read()))", 0, "''\n", "Traceback"},
    {"has default signals",
     "import signal\nprint(signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL, "
     "signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, signal.getsignal(signal.SIGINT) is "
     "signal.default_int_handler, signal.pthread_sigmask(signal.SIG_BLOCK, []))",
     0, "True True True set()\n", "Traceback"},
    {"has a group of its own",
     "import os\nprint(os.getpgrp() == os.getpid(), len(os.listdir('/proc/self/fd')) <= 5)", 0,
     "True True\n", "Traceback"},
    {"fails at its end", "import atexit\natexit.register(lambda: 1 / 0)", 0, "ZeroDivisionError",
     "zzz"},
};

static void does_what_a_process_does(bool warm)
{
    python_open_runtime(&a, warm);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        run(cases[i].body);
        if (a.code != cases[i].code || !strstr(a.log, cases[i].says) ||
            strstr(a.log, cases[i].says_not)) {
            attempt_print(&a);
            fail_msg("%s, %s", cases[i].name, warm ? "warm" : "cold");
        }
        assert_true(!warm || a.job.worker);
        assert_true(warm || !a.job.worker);
    }
}

static void cold(void **state)
{
    (void)state;
    does_what_a_process_does(false);
}

static void warm(void **state)
{
    (void)state;
    does_what_a_process_does(true);
}

static void long_inputs(void **state)
{
    own_mem char *input = dh_printf("{\"a\": \"%0300000d\"}", 7);
    (void)state;

    for (int warm_too = 0; warm_too < 2; warm_too++) {
        python_open_runtime(&a, warm_too);
        python_job(&a, PYTHON_ALL, "print(len(INPUT['a']), INPUT['a'][-2:])", input);
        attempt_run(&a);
        assert_int_equal(a.code, 0);
        assert_string_equal(a.log, "300000 07\n");
    }
}

static long number(const char *name)
{
    own_mem char *file = fs_join(a.task, name);

    for (int i = 0; i < 6000; i++) {
        own_mem char *text = NULL;
        size_t n;
        long read = fs_read(file, 100, &text, &n, NULL) == 0 ? strtol(text, NULL, 10) : 0;

        if (read) {
            (void)fs_unlink(file, NULL);
            return read;
        }
        (void)poll(NULL, 0, 10);
    }
    fail_msg("%s was not written", name);
    return 0;
}

static bool runs(long pid)
{
    for (int i = 0; i < 6000; i++) {
        if (kill((pid_t)pid, 0) < 0)
            return false;
        (void)poll(NULL, 0, 10);
    }
    return true;
}

/* All of a step, also what has left its process group, is gone with its run. */
static void a_killed_step_leaves_nothing(void **state)
{
    long child, orphan;
    (void)state;

    python_open_runtime(&a, true);
    python_job(&a, PYTHON_ALL,
               "import os, subprocess, time\n"
               "open('child', 'w').write(str(subprocess.Popen(['sleep', '100']).pid))\n"
               "p = subprocess.Popen(['sleep', '101'], start_new_session=True)\n"
               "open('orphan', 'w').write(str(p.pid))\ntime.sleep(100)",
               "{}");
    attempt_start(&a);
    child = number("child");
    orphan = number("orphan");
    attempt_signal(&a, SIGTERM);
    attempt_end(&a);
    assert_int_equal(a.code, 128 + SIGTERM);
    assert_false(runs(child));
    python_open_runtime(&a, true);
    assert_false(runs(orphan));
}

/* The process that forks a run's steps dies: the step that runs fails with a reason, the next one
 * is served by another. */
static void a_dead_worker_is_replaced(void **state)
{
    (void)state;
    python_open_runtime(&a, true);
    python_job(&a, PYTHON_ALL,
               "import os, time\nopen('parent', 'w').write(str(os.getppid()))\ntime.sleep(100)",
               "{}");
    attempt_start(&a);
    assert_int_equal(kill((pid_t)number("parent"), SIGKILL), 0);
    attempt_end(&a);
    assert_int_equal(a.code, 128 + SIGKILL);
    assert_non_null(strstr(a.log, "the Python worker that ran this step has died"));
    run("print('well')");
    assert_int_equal(a.code, 0);
    assert_string_equal(a.log, "well\n");
}

/* No worker listens any more: the step is started without. */
static void no_worker_is_no_harm(void **state)
{
    (void)state;
    python_open_runtime(&a, true);
    python_job(&a, PYTHON_ALL, "print('well')", "{}");
    attempt_prepare(&a);
    assert_non_null(a.job.worker);
    memcpy(a.job.worker + 8, "gone", 4);
    {
        struct spawn spawn = {.id = 1000,
                              .file = a.job.file,
                              .argv = a.job.argv,
                              .env = a.job.env,
                              .cwd = a.job.cwd,
                              .log = a.job.log,
                              .worker = a.job.worker};
        struct dh_err err;

        assert_int_equal(shepherd_spawn(a.shepherd, &spawn, &err), 0);
    }
    (void)attempt_wait(&a); /* that it has started */
    attempt_end(&a);
    assert_int_equal(a.code, 0);
    assert_string_equal(a.log, "well\n");
}

#define MANY 100

static void many_at_once(void **state)
{
    static int status[MANY + 2000];
    char *logs[MANY];
    int64_t began;
    (void)state;

    python_open_runtime(&a, true);
    run("print('first')");
    began = clock_mono_us();
    for (uint64_t i = 0; i < MANY; i++) {
        struct spawn spawn = {.id = 2000 + i};
        struct dh_err err;

        python_job(&a, PYTHON_ALL, "import os\nprint(os.getpid())", "{}");
        attempt_prepare(&a);
        logs[i] = dh_strdup(a.job.log);
        spawn.file = a.job.file;
        spawn.argv = a.job.argv;
        spawn.env = a.job.env;
        spawn.cwd = a.job.cwd;
        spawn.log = a.job.log;
        spawn.worker = a.job.worker;
        status[2000 + i - 2000] = -1;
        assert_int_equal(shepherd_spawn(a.shepherd, &spawn, &err), 0);
    }
    for (int ended = 0; ended < MANY;) {
        struct shepherd_event event = attempt_wait(&a);

        if (event.kind != SHEPHERD_EXITED)
            continue;
        assert_int_equal(event.status, 0);
        status[event.id - 2000] = 0;
        ended++;
    }
    print_message("# %d steps in %lld ms\n", MANY, (long long)(clock_mono_us() - began) / 1000);
    for (int i = 0; i < MANY; i++) {
        own_mem char *text = NULL;
        size_t n;

        assert_int_equal(status[i], 0);
        assert_int_equal(fs_read(logs[i], 100, &text, &n, NULL), 0);
        assert_true(strtol(text, NULL, 10) > 1);
        free(logs[i]);
    }
}

static void draws_its_own_numbers(void **state)
{
    own_mem char *first = NULL;
    (void)state;

    python_open_runtime(&a, true);
    run("import random\nprint(random.random())");
    first = dh_strdup(a.log);
    run("import random\nprint(random.random())");
    assert_string_not_equal(first, a.log);
}

/* Runs until the package comes already imported; false: it does in none of so many runs. */
static bool comes_imported(const char *package, int n)
{
    own_mem char *body = dh_printf(
        "import os, %s\nprint('here' if %s.PID == os.getpid() else 'ahead')", package, package);

    for (int i = 0; i < n; i++) {
        run(body);
        assert_int_equal(a.code, 0);
        if (!strcmp(a.log, "ahead\n"))
            return true;
        (void)poll(NULL, 0, 50);
        python_open_runtime(&a, true); /* the next run */
    }
    return false;
}

static void learns_what_to_import(void **state)
{
    (void)state;
    python_open_runtime(&a, true);
    assert_true(comes_imported("tinyone", 1000));
    assert_false(comes_imported("threaded", 20));
    assert_false(comes_imported("deadly", 20));
    assert_true(comes_imported("tinyone", 1000));
}

/* The run that is on gets the better worker too. */
static void learns_within_a_run(void **state)
{
    bool ahead = false;
    (void)state;

    python_open_runtime(&a, true);
    for (int i = 0; i < 1000 && !ahead; i++) {
        python_job(&a, "kfp==9.9 tinyone", "import os, tinyone\nprint(tinyone.PID != os.getpid())",
                   "{}");
        attempt_run(&a);
        assert_int_equal(a.code, 0);
        ahead = !strcmp(a.log, "True\n");
        (void)poll(NULL, 0, 50);
    }
    assert_true(ahead);
}

/* What bounds a step bounds it whoever has forked it. */
static void keeps_within_its_memory(void **state)
{
    (void)state;

    for (int warm_too = 0; warm_too < 2; warm_too++) {
        python_open_runtime(&a, warm_too);
        python_job(&a, PYTHON_ALL,
                   "x = bytearray(1 << 20)\nprint('small')\nx = bytearray(400 << 20)\nprint("
                   "'large')",
                   "{}");
        a.job.memory_limit = 200 << 20;
        attempt_run(&a);
        assert_int_not_equal(a.code, 0);
        assert_null(strstr(a.log, "large"));
        if (a.reason)
            assert_non_null(strstr(a.reason, "out of memory"));
        else /* no control group here: the process's own limit */
            assert_non_null(strstr(a.log, "MemoryError"));
        run("x = bytearray(400 << 20)\nprint('large')"); /* the next one is not bounded */
        assert_string_equal(a.log, "large\n");
    }
}

static void start_one(struct shepherd *s, uint64_t id, const char *key, const char *body)
{
    struct dh_err err;

    python_job(&a, PYTHON_ALL, body, "{}");
    attempt_prepare(&a);
    assert_int_equal(shepherd_spawn(s,
                                    &(struct spawn){.id = id,
                                                    .key = key,
                                                    .file = a.job.file,
                                                    .argv = a.job.argv,
                                                    .env = a.job.env,
                                                    .cwd = a.job.cwd,
                                                    .log = a.job.log,
                                                    .worker = a.job.worker},
                                    &err),
                     0);
}

/* An engine that is killed once its long step has said who it is, and its short one has begun. */
static void be_killed(const char *journal)
{
    own_mem char *file = fs_join(a.task, "long");
    struct shepherd *s = NULL;
    struct shepherd_event event = {0};
    struct dh_err err;
    int rc = 0;

    if (shepherd_start(&s, &err) < 0 || shepherd_journal(s, journal, 0, NULL, &err) < 0)
        _exit(1);
    start_one(s, 2, "long.1",
              "import os, time\nwith open('long', 'w') as f: f.write(str(os.getpid()))\n"
              "time.sleep(1000)");
    for (size_t n = 0; n == 0; (void)poll(NULL, 0, 10)) {
        own_mem char *text = NULL;

        if (fs_read(file, 100, &text, &n, NULL) != 0)
            n = 0;
    }
    start_one(s, 1, "short.1", "import time; time.sleep(0.1)");
    while (rc >= 0 && event.id != 1) {
        (void)poll(&(struct pollfd){.fd = shepherd_fd(s), .events = POLLIN}, 1, -1);
        rc = shepherd_next(s, &event, &err);
    }
    (void)raise(SIGKILL);
}

/* An engine that is killed: its shepherd lets what is about to end do so, and kills the rest, also
 * where a worker has forked it. It gives a time, which a busy machine may need for nothing: then
 * once more. */
static void a_killed_engine_takes_its_steps(void **state)
{
    bool short_ended = false;
    struct dh_err err;
    (void)state;

    python_open_runtime(&a, true);
    run("print('first')");
    for (int i = 0; i < 20 && !short_ended; i++) {
        own(journal_free) struct journal *j = NULL;
        own_mem char *path = dh_printf("%s/journal-%d", a.dir, i);
        pid_t engine = fork();
        long step;

        if (engine == 0)
            be_killed(path);
        assert_int_equal(waitpid(engine, NULL, 0), engine);
        step = number("long");
        assert_int_equal(journal_read(path, 200000, &j, &err), 0);
        assert_false(journal_find(j, "long.1")->exited);
        assert_false(runs(step));
        short_ended = journal_find(j, "short.1")->exited;
        assert_true(!short_ended || journal_find(j, "short.1")->status == 0);
    }
    assert_true(short_ended);
}

static void a_worker_ends_with_its_environment(void **state)
{
    own_mem char *envs = fs_join(a.home, "envs");
    long server;
    (void)state;

    python_open_runtime(&a, true);
    run("import os\nopen('server', 'w').write(open('/proc/%d/stat' % os.getppid()).read().rsplit("
        "')')[1].split()[1])");
    server = number("server");
    assert_int_equal(kill((pid_t)server, 0), 0);
    python_open_runtime(&a, true); /* the run is over */
    assert_int_equal(fs_remove_tree(envs, NULL), 0);
    for (int i = 0; i < 12000 && kill((pid_t)server, 0) == 0; i++)
        (void)poll(NULL, 0, 10);
    assert_int_equal(kill((pid_t)server, 0), -1);
    assert_int_equal(errno, ESRCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cold),
        cmocka_unit_test(warm),
        cmocka_unit_test(long_inputs),
        cmocka_unit_test(a_killed_step_leaves_nothing),
        cmocka_unit_test(a_dead_worker_is_replaced),
        cmocka_unit_test(no_worker_is_no_harm),
        cmocka_unit_test(many_at_once),
        cmocka_unit_test(draws_its_own_numbers),
        cmocka_unit_test(learns_what_to_import),
        cmocka_unit_test(learns_within_a_run),
        cmocka_unit_test(keeps_within_its_memory),
        cmocka_unit_test(a_killed_engine_takes_its_steps),
        cmocka_unit_test(a_worker_ends_with_its_environment),
    };

    return cmocka_run_group_tests_name("python-steps", tests, setup, teardown);
}
