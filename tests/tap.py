"""What the Python tests share: TAP lines and the program. On PYTHONPATH (tests/) when they run."""
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
DHOW = os.environ.get("DHOW", str(ROOT / "build" / "dhow"))
_count = {"run": 0, "failed": 0}


def check(ok: bool, name: str, detail: str = "") -> bool:
    """One test; what went wrong goes into comment lines."""
    _count["run"] += 1
    _count["failed"] += not ok
    print(f"{'ok' if ok else 'not ok'} {_count['run']} - {name}", flush=True)
    if not ok and detail:
        print("\n".join(f"# {line}" for line in detail.splitlines()), flush=True)
    return ok


def skip(name: str, why: str) -> None:
    _count["run"] += 1
    print(f"ok {_count['run']} - {name} # SKIP {why}", flush=True)


def done() -> None:
    print(f"1..{_count['run']}")
    sys.exit(1 if _count["failed"] else 0)


def component(name: str, *args, fails: bool = False, timeout: float = 600, env: dict | None = None):
    """Runs `dhow component NAME args`; without `fails`, a failure stops the test with its message."""
    result = subprocess.run([DHOW, "component", name, *map(str, args)], capture_output=True, text=True, timeout=timeout,
                            env={**os.environ, **(env or {})}, check=False)
    if result.returncode and not fails:
        raise SystemExit(f"Bail out! {name} exits {result.returncode}: {result.stderr}")
    return result


def dhow(*args, home: str | pathlib.Path | None = None, stdin: str | None = None, timeout: float = 300, env: dict | None = None,
         cwd: str | pathlib.Path | None = None, text: bool = True) -> subprocess.CompletedProcess:
    """Runs dhow with these arguments, in that home. One that hangs ends the test, with what it and its processes were at."""
    full = {**os.environ, **({"DHOW_HOME": str(home)} if home else {}), **(env or {})}
    argv = [DHOW, *map(str, args)]
    with subprocess.Popen(argv, stdin=None if stdin is None else subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=text, env=full, cwd=cwd) as p:
        try:
            out, err = p.communicate(stdin, timeout=timeout)
        except subprocess.TimeoutExpired as e:
            all_there = subprocess.run(["ps", "-eo", "pid,ppid,stat,wchan:24,etimes,args", "--forest"], capture_output=True, text=True, check=False).stdout
            p.kill()
            raise SystemExit(f"Bail out! {argv} runs for more than {timeout} s\nstdout: {e.stdout}\nstderr: {e.stderr}\n{all_there}") from e
    return subprocess.CompletedProcess(argv, p.returncode, out, err)


def until(found, seconds: float = 120):
    """What found() gives once that is true; the last that it gave where it never is. The limit is for what hangs: a slow machine is waited for."""
    end = time.monotonic() + seconds
    while not (value := found()) and time.monotonic() < end:
        time.sleep(0.05)
    return value


def processes(match) -> list:
    """The numbers of those whose command line (bytes, a NUL behind each word) match() takes."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
        except OSError:  # it has ended
            continue
        if match(line):
            found.append(path.parent.name)
    return found


def says(result: subprocess.CompletedProcess) -> str:
    """What a failed command printed, for a check's detail."""
    return f"exit status {result.returncode}\nstdout: {result.stdout[-2000:]}\nstderr: {result.stderr[-2000:]}"
