"""worker, the first part - a Python process that has imported the SDK's executor and forks for each step.

    worker.py NAME FOLDER MODULE AHEAD IDLE_S

Three kinds of process, each forked from the one before, so that a step pays for no import:

  server  waits on the abstract socket NAME; outlives runs; ends when nobody came for IDLE_S seconds
          or FOLDER (the environment) is gone. It never runs a step's code. It may learn: what steps
          imported from installed packages it imports ahead, in a new server that takes its place.
  keeper  one for each run: forks, reaps and reports the run's steps. It ends with its connection,
          and then nothing that its steps started is left.
  step    runs one command `python -m MODULE …` or `python -c …` as if it had been started so:
          its own process group, folder, environment, log, limits.

The parts are put together when dhow is built. The words on the sockets are in shepherd-priv.h.
"""
import array
import atexit
import errno
import gc
import importlib
import json
import os
import select
import signal
import socket
import struct
import sys
import time
import types

import ctypes  # without it there is no worker, and steps start cold
import runpy
import threading

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
JOB = struct.Struct("=IIIIqq")  # argv, environment, cgroup files, bytes; memory, processes
REPLY = struct.Struct("=iiqq")  # kind, pid or status; cpu us, peak bytes
STARTED, EXITED = 1, 2
BASE = ("kfp", "kfp.dsl", "kfp.dsl.executor", "kfp.dsl.kfp_config", "kfp.dsl.utils",
        # what the executor's arguments, log and temporary files load when they are used
        "argparse", "bz2", "gettext", "json", "locale", "logging", "lzma", "random", "shutil", "tempfile", "zlib")
# Of the standard library these do something visible when they are imported.
NEVER = {"antigravity", "this", "turtle", "tkinter", "idlelib", "readline", "rlcompleter", "curses", "test"}
SERVERS_MAX = 8
MODULES_MAX = 6000
AHEAD_BYTES_MAX = 1 << 30
FAILURES_MAX = 20

libc = ctypes.CDLL(None)


# ---- a step

def receive(link, n):
    parts = []
    while n:
        part = link.recv(min(n, 1 << 20))
        if not part:
            os._exit(127)  # the run is gone
        parts.append(part)
        n -= len(part)
    return b"".join(parts)


def set_limit(which, maximum):
    if maximum:
        import resource

        resource.setrlimit(getattr(resource, which), (maximum, maximum))


def enter(link):
    """Reads the job and becomes its process. Returns argv."""
    n_argv, n_env, n_cgroup, size, memory, processes = JOB.unpack(receive(link, JOB.size))
    texts = [os.fsdecode(t) for t in receive(link, size).split(b"\0")]
    link.close()
    cwd, log = texts[0], texts[1]
    at = 2
    groups = texts[at : at + n_cgroup]
    at += n_cgroup
    argv = texts[at : at + n_argv]
    at += n_argv
    env = texts[at : at + n_env]

    out = os.open(log or "/dev/null", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.close(out)
    for group in groups:
        with open(group, "wb", buffering=0) as file:
            file.write(b"0")
    set_limit("RLIMIT_DATA", memory)
    set_limit("RLIMIT_NPROC", processes)
    os.chdir(cwd)
    os.environ.clear()
    for item in env:
        name, equals, value = item.partition("=")
        if name and equals:
            os.environ[name] = value
    time.tzset()
    if "tempfile" in sys.modules:
        sys.modules["tempfile"].tempdir = None
    if "numpy.random" in sys.modules:  # else all steps would draw the same numbers
        sys.modules["numpy.random"].seed()
    return argv


def run_main(argv):
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    sys.orig_argv = list(argv)
    if argv[1] == "-m":
        sys.argv = ["-m"] + argv[3:]
        sys.path[0] = os.getcwd()
        runpy._run_module_as_main(argv[2])
    elif argv[1] == "-c":
        sys.argv = ["-c"] + argv[3:]
        sys.path[0] = ""
        main.__builtins__ = sys.modules["builtins"]
        exec(compile(argv[2], "<string>", "exec"), main.__dict__)
    else:
        raise SystemExit("a worker runs -m and -c")


def show(error):
    """As the interpreter shows an exception that nobody caught: from the step's first frame on."""
    trace = error.__traceback__
    while trace and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    try:
        sys.excepthook(type(error), error.with_traceback(trace), trace)
    except BaseException:  # a hook of the user's own that fails
        sys.__excepthook__(type(error), error, trace)


def status_of(end):
    if end.code is None:
        return 0
    if isinstance(end.code, int):
        return end.code & 0xFF
    flush()
    print(end.code, file=sys.stderr)
    return 1


def flush():
    bad = False
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except BaseException:
            bad = stream is sys.stdout or bad
    return bad


def leave(status, interrupted):
    """What the interpreter does at its end, but for taking apart what was there before the fork."""
    for what in (threading._shutdown, atexit._run_exitfuncs):
        try:
            what()
        except BaseException as error:
            show(error)
    if flush():
        status = 120
    for name in ("__main__", "ephemeral_component"):
        module = sys.modules.pop(name, None)
        if module is not None and threading.active_count() == 1:
            for key in list(module.__dict__):
                if key != "__builtins__":
                    module.__dict__[key] = None
    gc.collect()
    flush()
    if interrupted:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(status)


def imported(before, roots):
    """The installed modules that this step imported, in the order in which they came."""
    names = []
    for name, module in list(sys.modules.items()):
        if name in before or name.partition(".")[0] in NEVER:
            continue
        spec = getattr(module, "__spec__", None)
        origin = getattr(spec, "origin", None)
        if spec is not None and spec.name == name and isinstance(origin, str) and origin.startswith(roots):
            names.append(name)
    return names


def step(link, before, roots, teach):
    """The forked child: never returns."""
    status, interrupted, me = 127, False, os.getpid()
    try:
        os.setpgid(0, 0)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        argv = enter(link)
    except BaseException as error:
        os.write(2, ("cannot start the step: %s\n" % error).encode())
        os._exit(127)
    try:
        run_main(argv)
        status = 0
    except SystemExit as end:
        status = status_of(end)
    except KeyboardInterrupt as error:
        show(error)
        interrupted = True
    except BaseException as error:
        show(error)
        status = 1
    if teach is not None and status == 0 and os.getpid() == me:
        try:
            if not before.issuperset(sys.modules):
                names = imported(before, roots)
                if names:
                    teach.send(json.dumps(names).encode())
        except (OSError, RuntimeError, ValueError):
            pass  # too much at once, or the server has gone
    leave(status, interrupted)
