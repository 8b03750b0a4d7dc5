#include "runtime/test-python-kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"
#include "runtime/python-priv.h"

bool python_kit(struct attempt *a)
{
    own_mem char *wheels = NULL;
    atomic_bool canceled = false;
    _Atomic pid_t child;
    char *env[] = {(char *)"PATH=/usr/local/bin:/usr/bin:/bin", NULL};

    if (!attempt_setup(a))
        return false;
    wheels = fs_join(a->dir, "wheels");
    if (fs_mkdirs(wheels, 0755, NULL) < 0)
        return false;
    return python_run("/usr/bin/env",
                      (const char *const[]){"env", "python3", TEST_WHEELS, wheels, NULL}, env,
                      "/dev/null", &canceled, &child) == 0;
}

void python_open_runtime(struct attempt *a, bool warm)
{
    struct runtime_setup setup = {
        .home = a->home, .self = a->self, .warm = warm, .wake = attempt_wake};
    struct dh_err err;

    /* In this order: closing a runtime kills what is left in the run's control group. */
    a->shepherd = shepherd_stop(a->shepherd);
    a->rt = runtime_close(a->rt);
    assert_int_equal(shepherd_start(&a->shepherd, NULL), 0);
    assert_int_equal(runtime_open("process", &setup, &a->rt, &err), 0);
}

void python_job(struct attempt *a, const char *packages, const char *body, const char *input)
{
    static const char program[] =
        "program_path=$(mktemp -d)\n\nprintf \"%s\" \"$0\" > "
        "\"$program_path/ephemeral_component.py\"\n_KFP_RUNTIME=true python3 -m "
        "kfp.dsl.executor_main --component_module_path "
        "\"$program_path/ephemeral_component.py\" \"$@\"\n";
    own_mem char *script =
        dh_printf("python3 -m pip install --quiet %s && \"$0\" \"$@\"", packages);
    own_mem char *links = dh_printf("PIP_FIND_LINKS=%s/wheels", a->dir);
    own_mem char *tmp = NULL;
    own_mem char *home = NULL;
    struct buf source = {0};

    buf_adds(&source, "INPUT = None\ndef f():\n    ");
    for (; *body; body++)
        buf_adds(&source, *body == '\n' ? "\n    " : (char[]){*body, 0});
    buf_addc(&source, '\n');
    attempt_job(a, NULL);
    free(a->job.argv);
    a->job.argv = runtime_strv((const char *const[]){"sh", "-c", script, "sh", "-ec", program,
                                                     buf_str(&source), "--executor_input", input,
                                                     "--function_to_execute", "f", NULL});
    buf_done(&source);
    free(a->job.image);
    a->job.image = dh_strdup("python:3");
    home = dh_printf("HOME=%s", a->job.cwd);
    tmp = dh_printf("TMPDIR=%s", a->job.cwd);
    attempt_env(a, home);
    attempt_env(a, tmp);
    attempt_env(a, "KFP_POD_NAME=pod");
    attempt_env(a, "PIP_NO_INDEX=1");
    attempt_env(a, links);
}
