"""dhow from Python, over libdhow: one file, nothing but the standard library.

    import dhow
    run = dhow.run("pipeline.yaml", rate=0.1)      # shows progress, in a notebook too
    run.outputs["score"], run.tasks, run.artifacts

`dhow.start(…)` gives a run that goes on by itself: iterate over it for its events, `.wait()` for its end.
A run that fails raises dhow.RunFailed, which has the run; a wrong file or parameter raises ValueError.
"""
import ctypes
import ctypes.util
import json
import os
import sys

__all__ = ["run", "start", "runs", "show", "read", "Home", "Run", "RunFailed", "Canceled"]


class RunFailed(Exception):
    """The run ended FAILED; `.run` is what is on record."""

    def __init__(self, message, run):
        super().__init__(message)
        self.run = run


class Canceled(RunFailed):
    """The run ended CANCELED."""


class _Event(ctypes.Structure):
    _fields_ = [("kind", ctypes.c_char * 8), ("task", ctypes.c_char * 512), ("state", ctypes.c_char * 16), ("reason", ctypes.c_char * 512),
                ("attempt", ctypes.c_int), ("exit_code", ctypes.c_int), ("json", ctypes.c_char_p), ("reserved", ctypes.c_uint64 * 8)]


class _Options(ctypes.Structure):
    _fields_ = [("home", ctypes.c_char_p), ("program", ctypes.c_char_p), ("database", ctypes.c_char_p), ("reserved", ctypes.c_uint64 * 4)]


class _StartOptions(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("experiment", ctypes.c_char_p), ("runtime", ctypes.c_char_p), ("cache", ctypes.c_char_p),
                ("jobs", ctypes.c_int), ("reserved", ctypes.c_uint64 * 4)]


def _load():
    """$DHOW_LIBRARY, the file beside this one, or where the system has it. The library is all: the engine is in it."""
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "libdhow.so.0")
    lib = ctypes.CDLL(os.environ.get("DHOW_LIBRARY") or (beside if os.path.exists(beside) else ctypes.util.find_library("dhow")) or "libdhow.so.0")
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    out = ctypes.POINTER(pointer)
    for name, result, *arguments in [
            ("dhow_open", number, ctypes.POINTER(_Options), out), ("dhow_close", None, pointer), ("dhow_error", text, pointer),
            ("dhow_start", number, pointer, text, text, ctypes.POINTER(_StartOptions), out), ("dhow_resume", number, pointer, text, out),
            ("dhow_run_id", text, pointer), ("dhow_fd", number, pointer), ("dhow_next", number, pointer, number, ctypes.POINTER(_Event)),
            ("dhow_wait", number, pointer, pointer, pointer, out), ("dhow_cancel", number, pointer), ("dhow_run_free", None, pointer),
            ("dhow_readv", number, pointer, out, ctypes.POINTER(text)), ("dhow_free", None, pointer)]:
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


_lib = None


def _c():
    global _lib
    _lib = _lib or _load()
    return _lib


def _bytes(text):
    return None if text is None else os.fspath(text).encode() if not isinstance(text, bytes) else text


class Home:
    """A home (default: as the dhow program finds it). One thread at a time."""

    def __init__(self, home=None, program=None, database=None):
        self._handle = ctypes.c_void_p()
        options = _Options(_bytes(home), _bytes(program), _bytes(database))
        if _c().dhow_open(ctypes.byref(options), ctypes.byref(self._handle)) < 0:
            raise OSError(_c().dhow_error(None).decode())

    def __del__(self):
        if getattr(self, "_handle", None) and _lib:
            _lib.dhow_close(self._handle)

    def _check(self, status, run=None):
        if status >= 0:
            return
        message = _c().dhow_error(self._handle).decode("utf-8", "replace")
        if status == -1:
            raise RunFailed(message, run)
        if status == -5:
            raise Canceled(message, run)
        raise {-2: ValueError, -4: MemoryError}.get(status, OSError)(message)

    def start(self, file, parameters=None, name=None, experiment=None, runtime=None, cache=None, jobs=0):
        options = _StartOptions(_bytes(name), _bytes(experiment), _bytes(runtime), _bytes(cache), jobs)
        handle = ctypes.c_void_p()
        text = None if parameters is None else json.dumps(parameters).encode()
        self._check(_c().dhow_start(self._handle, _bytes(file), text, ctypes.byref(options), ctypes.byref(handle)))
        return Run(self, handle)

    def read(self, *words):
        """What a command prints with --output json: read("show", "last")."""
        out = ctypes.c_void_p()
        vector = (ctypes.c_char_p * (len(words) + 1))(*[_bytes(str(w)) for w in words], None)
        self._check(_c().dhow_readv(self._handle, ctypes.byref(out), vector))
        return _take(out)


def _take(out):
    if not out.value:
        return None
    text = ctypes.string_at(out.value)
    _c().dhow_free(out)
    return json.loads(text) if text.strip() else None


class Run:
    """A run that goes on. Iterate for events ({"task", "state", …}); wait() for the end."""

    def __init__(self, home, handle):
        self._home, self._handle = home, handle
        self.id = _c().dhow_run_id(handle).decode()
        self.record = None

    def __del__(self):
        if getattr(self, "_handle", None) and _lib:
            _lib.dhow_run_free(self._handle)

    def __iter__(self):
        event = _Event()
        while True:
            got = _c().dhow_next(self._handle, -1, ctypes.byref(event))
            self._home._check(got)
            if got == 0:
                return
            yield json.loads(event.json)

    def wait(self):
        out = ctypes.c_void_p()
        status = _c().dhow_wait(self._handle, None, None, ctypes.byref(out))
        self.record = _take(out) or self.record
        self._home._check(status, self)
        return self

    def cancel(self):
        self._home._check(_c().dhow_cancel(self._handle))

    def __getattr__(self, name):
        """state, outputs, parameters, tasks, artifacts, error, …: as `dhow show` has them."""
        record = self.__dict__.get("record")
        if record is not None and name in record:
            return record[name]
        raise AttributeError(f"{name}: the run has not ended" if record is None else name)

    def __repr__(self):
        return f"<dhow run {self.id}: {self.record['state'] if self.record else 'running'}>"


class _Progress:
    """Lines that change in a notebook; else a line a state change, on standard error."""

    def __init__(self):
        self.states = {}
        self.display = None
        if "IPython" in sys.modules:
            from IPython import get_ipython
            from IPython.display import display
            if get_ipython() and "IPKernelApp" in get_ipython().config:
                self.display = display(self._table(), display_id=True)

    def _table(self):
        marks = {"SUCCEEDED": "✓", "FAILED": "✗", "RUNNING": "●", "CACHED": "=", "SKIPPED": "-"}
        return {"text/plain": "\n".join(f"{marks.get(s, ' ')} {s:<9} {t}" for t, s in self.states.items())}

    def __call__(self, event):
        if event.get("event") != "task":
            return
        self.states[event["task"].removeprefix("root.")] = event["state"]
        if self.display:
            self.display.update(self._table(), raw=True)
        elif event["state"] != "RUNNING":
            print(f"{event['state']:<9} {event['task'].removeprefix('root.')}", file=sys.stderr, flush=True)


def start(file, *, home=None, options=None, **parameters):
    """Starts a pipeline; returns at once. `options`: name, experiment, runtime, cache, jobs."""
    return Home(home).start(file, parameters or None, **(options or {}))


def run(file, *, home=None, options=None, progress=True, **parameters):
    """Runs a pipeline to its end: run("pipeline.yaml", rate=0.1).outputs"""
    going = start(file, home=home, options=options, **parameters)
    show_event = _Progress() if progress else lambda event: None
    for event in going:
        show_event(event)
    return going.wait()


def read(*words, home=None):
    return Home(home).read(*words)


def runs(home=None):
    return read("runs", home=home)


def show(name="last", home=None):
    return read("show", name, home=home)
