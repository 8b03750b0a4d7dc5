#!/usr/bin/env python3
"""Runs every check and test of dhow, two suites at a time, and counts single cases.

run_tests.py [--only SUITE,…] [--skip SUITE,…] [--jobs N] [--list]

A suite is a build with its unit tests, a script of tests/, or a check of tools/. Each gives TAP
(`ok`, `not ok`, `# SKIP`); a suite that dies without a word counts as one failure. Shown: a line a suite
with its time, what failed in full, and at the end `N passed, N failed`. Exit 1 where any failed.

Scripts: every tests/**/test_*.py, under .venv's Python with DHOW (the program) and
DHOW_TEST_PYTHON in the environment. A line `# run: alone` near its top asks for no neighbour while it
measures time; `# run: timeout=SECONDS` changes the limit of 600 s; `# run: asan` runs it a second time on
the sanitizer build.
"""
import argparse
import concurrent.futures
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CI = os.environ.get("CI") == "true"
VENV = os.path.join(ROOT, ".venv", "bin", "python")
PYTHON = VENV if os.path.exists(VENV) else sys.executable
CONFORMANCE = os.path.join(ROOT, "..", "shared", "conformance", "check.py")
SANITIZE = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=99",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
}


class Result:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.text = []  # what is shown of a failure

    def case(self, ok, what=""):
        if ok:
            self.passed += 1
        else:
            self.failed += 1
            self.text.append(what)

    def add_tap(self, out, tail=""):
        """Counts the TAP lines of `out`; the `#` lines after a `not ok` belong to it."""
        failing = None
        planned = None
        seen = 0
        for line in out.splitlines():
            m = re.match(r"\s*(not ok|ok)\b(.*)", line)
            plan = re.match(r"1\.\.(\d+)", line)
            if m:
                seen += 1
                failing = None
                if re.search(r"#\s*SKIP", line, re.I):
                    self.skipped += 1
                elif m.group(1) == "ok":
                    self.passed += 1
                else:
                    self.failed += 1
                    failing = [line]
                    self.text.append(failing)
            elif plan:
                planned = int(plan.group(1))
                if planned == 0:
                    self.skipped += 1
            elif failing is not None and line.lstrip().startswith("#"):
                failing.append(line)
        self.text = ["\n".join(t) if isinstance(t, list) else t for t in self.text]
        if planned is not None and planned != seen:
            self.case(False, f"{seen} of {planned} planned cases ran\n{tail}")
        elif seen == 0 and planned != 0:
            self.case(False, f"no case ran\n{tail}")


def run(argv, env=None, timeout=600, cwd=ROOT):
    """(exit status, standard output, standard error); the whole process group dies at the timeout."""
    full = dict(os.environ, **(env or {}))
    if os.path.exists(CONFORMANCE):
        full.setdefault("DHOW_CONFORMANCE", os.path.realpath(os.path.dirname(CONFORMANCE)))
    with subprocess.Popen(argv, cwd=cwd, env=full, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, start_new_session=True) as p:
        try:
            out, err = p.communicate(timeout=timeout)
            status = p.returncode
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, signal.SIGKILL)
            try:
                out, err = p.communicate(timeout=60)
            except subprocess.TimeoutExpired as left:  # what has a session of its own still holds the pipes
                out, err = left.stdout or b"", left.stderr or b""
            err += f"\nstill running after {timeout} s: killed\n".encode()
            status = 124
    return status, out.decode("utf-8", "replace"), err.decode("utf-8", "replace")


def last(text, n=60):
    return "\n".join(text.splitlines()[-n:])


def without_ok(text, n=40):
    return last("\n".join(line for line in text.splitlines() if not re.match(r"\s*ok\b", line)), n)


# ---- suites ----

def tap_tool(argv, timeout=600, env=None):
    def suite():
        result = Result()
        if env and not os.path.exists(env["DHOW"]):
            result.case(False, f"{env['DHOW']} is not there: its build failed, or was not asked for (--only asan,…)")
            return result
        status, out, err = run(argv, env, timeout)
        result.add_tap(out, last(err))
        if status != 0 and result.failed == 0:
            result.case(False, f"exit status {status}\n{without_ok(out)}\n{last(err)}")
        return result
    return suite


def build(kind, with_tests, env=None):
    """Compiles one kind of build (one case), then runs its unit tests."""
    def suite():
        result = Result()
        status, out, err = run(["tools/build.sh", kind], timeout=1200)
        result.case(status == 0, last(out + err))
        if status != 0 or not with_tests:
            return result
        folder = os.path.join(ROOT, "build" if kind == "debug" else f"build-{kind}")
        run(["meson", "test", "-C", folder, "--no-rebuild", "--num-processes", "1", "--timeout-multiplier", "10"], env, timeout=3600)
        with open(os.path.join(folder, "meson-logs", "testlog.json"), encoding="utf-8") as f:
            for line in f:
                test = json.loads(line)
                one = Result()
                one.add_tap(test.get("stdout") or "", last(test.get("stderr") or ""))
                if (test["result"] == "TIMEOUT" or test.get("returncode")) and one.failed == 0:
                    one.case(False, f"{test['result']}, exit status {test.get('returncode')}\n{without_ok(test.get('stdout') or '')}\n"
                                    f"{last(test.get('stderr') or '')}")
                result.passed += one.passed
                result.failed += one.failed
                result.skipped += one.skipped
                result.text += [f"{test['name']}: {t}" for t in one.text]
                if one.failed and test.get("stderr"):
                    result.text.append(last(test["stderr"]))
        return result
    return suite


def tsan():
    """What runs on several threads, under ThreadSanitizer."""
    result = Result()
    programs = ["src/ml/test-ml-native", "src/ml/test-ml-portable"]
    status, out, err = run(["tools/build.sh", "tsan", *programs], timeout=1200)
    result.case(status == 0, last(out + err))
    # Debian 12's library wants addresses where it looks for them: setarch -R.
    for program in programs if status == 0 else []:
        env = {"CMOCKA_MESSAGE_OUTPUT": "TAP", "DHOW_CPU": program.rsplit("-", 1)[1], "TSAN_OPTIONS": "halt_on_error=1:exitcode=66"}
        status, out, err = run(["setarch", "-R", os.path.join("build-tsan", program)], env, timeout=900)
        result.add_tap(out, last(err))
        if status:
            result.case(False, f"{program}: exit status {status}\n{last(err, 80)}")
    return result


def files(*endings):
    for top in ("src", "include"):
        for at, _, names in sorted(os.walk(os.path.join(ROOT, top))):
            for name in sorted(names):
                if name.endswith(endings):
                    yield os.path.relpath(os.path.join(at, name), ROOT)


def headers():
    result = Result()
    flags = subprocess.run(["pkg-config", "--cflags", "yaml-0.1"], capture_output=True, text=True, check=False)
    for header in files(".h"):
        status, out, err = run(["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-Isrc", "-Iinclude",
                                *flags.stdout.split(), "-fsyntax-only", "-include", header, "-x", "c", "/dev/null"])
        result.case(status == 0, f"{header} does not compile alone\n{out}{err}")
    return result


def layout():
    result = Result()
    for path in files(".c", ".h"):
        status, out, err = run(["clang-format-14", "--dry-run", "--Werror", path])
        result.case(status == 0, f"{path} is not in the house's form (make format)\n{last(out + err, 12)}")
    return result


def fuzz():
    """The fuzzers of what everybody writes (pipelines, CEL) for a minute each in CI, the others for a quarter of one; for five seconds elsewhere, from the corpus
    in tests/corpus. In CI always from the same seed: a change is judged by what it changes; elsewhere each run has a fresh one."""
    result = Result()
    status, out, err = run(["tools/build.sh", "fuzz"], timeout=1200)
    result.case(status == 0, last(out + err))
    if status != 0:
        return result
    targets = []
    for at, _, names in sorted(os.walk(os.path.join(ROOT, "build-fuzz", "src"))):
        targets += [os.path.join(at, n) for n in sorted(names) if re.fullmatch(r"fuzz-[a-z0-9-]+", n) and os.access(os.path.join(at, n), os.X_OK)
                    and os.path.isfile(os.path.join(at, n))]
    for target in targets:
        name = os.path.basename(target)[len("fuzz-"):]
        seconds = (60 if name in ("spec", "cel") else 15) if CI else 5
        with tempfile.TemporaryDirectory(prefix="dhow-fuzz-") as fresh:
            corpus = os.path.join(ROOT, "tests", "corpus", name)
            status, out, err = run([target, f"-max_total_time={seconds}", "-rss_limit_mb=2048", "-timeout=60", "-print_final_stats=1",
                                    f"-artifact_prefix={fresh}/", *(["-seed=1"] if CI else []), fresh, *([corpus] if os.path.isdir(corpus) else [])],
                                   SANITIZE, timeout=seconds + 600)
            result.case(status == 0, f"fuzz-{name}\n{last(out + err, 80)}")
    return result


def differences():
    """Names of the conformance pipelines that differ on purpose; the file says why."""
    path = os.path.join(ROOT, "tests", "conformance-differences.txt")
    with open(path, encoding="utf-8") as f:
        return {line.split(":", 1)[0] for line in f if line.strip() and not line.startswith("#")}


def conformance(dhow):
    def suite():
        result = Result()
        status, out, err = run([sys.executable, CONFORMANCE, dhow, "--jobs", "2"], {"DHOW_TEST_PYTHON": PYTHON}, timeout=3000)
        if not re.search(r"^(\d+) passed, (\d+) failed\s*$", out, re.M):
            result.case(False, f"exit status {status}\n{last(out)}\n{last(err)}")
            return result
        differ = differences()
        for word, name, rest in re.findall(r"^(ok|FAIL) +(\S+) ?(.*)$", out, re.M):
            if name not in differ:
                result.case(word == "ok", f"FAIL {name} {rest}")
            elif word == "FAIL":
                result.skipped += 1
            else:
                result.case(False, f"{name} does not differ any more: take it off tests/conformance-differences.txt")
        return result
    return suite


class Suite:
    def __init__(self, name, call, needs=(), alone=False):
        self.name, self.call, self.needs, self.alone = name, call, needs, alone
        self.result, self.seconds = None, 0.0


def scripts():
    suites = []
    for at, folders, names in sorted(os.walk(os.path.join(ROOT, "tests"))):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(at, name)
            if not re.fullmatch(r"test_.*\.py", name):
                continue
            with open(path, encoding="utf-8") as f:
                head = f.read(4000)
            timeout = re.search(r"^# run: timeout=(\d+)", head, re.M)
            alone = bool(re.search(r"^# run: alone", head, re.M))
            label = os.path.relpath(path, os.path.join(ROOT, "tests"))[:-3]
            seconds = int(timeout.group(1)) if timeout else 600
            kinds = [("build", "unit", {})]
            if re.search(r"^# run: asan", head, re.M):
                kinds.append(("build-asan", "asan", SANITIZE))
            for folder, needs, env in kinds:
                env = dict(env, DHOW=os.path.join(ROOT, folder, "dhow"), DHOW_TEST_PYTHON=PYTHON,
                           PYTHONPATH=os.path.join(ROOT, "tests"), PYTHONDONTWRITEBYTECODE="1")
                suites.append(Suite(label if folder == "build" else f"{label} (asan)", tap_tool([PYTHON, path], seconds * (1 if not env.get("ASAN_OPTIONS") else 2), env),
                                    (needs,), alone))
    return suites


def all_suites():
    py = sys.executable
    suites = [
        Suite("unit", build("debug", True)),
        Suite("asan", build("asan", True, SANITIZE)),
        Suite("clang", build("clang", True)),
        Suite("release", build("release", False)),
        Suite("tsan", tsan),
        Suite("layers", tap_tool([py, "tools/layers.py"])),
        Suite("banned", tap_tool([py, "tools/banned.py"])),
        Suite("headers", headers),
        Suite("format", layout),
        Suite("fuzz", fuzz),
    ]
    suites += scripts()
    if os.path.exists(CONFORMANCE):
        suites.append(Suite("conformance", conformance(os.path.join(ROOT, "build", "dhow")), ("unit",)))
    return suites


# ---- running ----

def show(suite, lock):
    r = suite.result
    words = f"{r.passed} passed, {r.failed} failed" + (f", {r.skipped} skipped" if r.skipped else "")
    with lock:
        print(f"{'ok  ' if not r.failed else 'FAIL'} {suite.name:<40} {suite.seconds:7.1f} s  {words}", flush=True)
        for text in r.text[:200]:
            print("     " + text.rstrip().replace("\n", "\n     "), flush=True)


def work(suite, lock):
    start = time.monotonic()
    try:
        suite.result = suite.call()
    except Exception as fault:  # a broken suite is a failure, not the end of the others
        suite.result = Result()
        suite.result.case(False, f"{type(fault).__name__}: {fault}")
    suite.seconds = time.monotonic() - start
    show(suite, lock)


def run_all(suites, jobs):
    """Starts a suite when those that it needs have ended; one that wants to be alone waits for the end."""
    lock = threading.Lock()
    names = {s.name for s in suites}
    waiting = [s for s in suites if not s.alone]
    running = {}
    done = set()
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        while waiting or running:
            for suite in [s for s in waiting if all(n in done or n not in names for n in s.needs)]:
                if len(running) >= jobs:
                    break
                waiting.remove(suite)
                running[pool.submit(work, suite, lock)] = suite
            ended, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in ended:
                done.add(running.pop(future).name)
    for suite in [s for s in suites if s.alone]:
        work(suite, lock)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="suites, by name or beginning, separated by commas")
    parser.add_argument("--skip", default="")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()
    suites = all_suites()
    only = [n for n in args.only.split(",") if n]
    skip = [n for n in args.skip.split(",") if n]
    if only:
        suites = [s for s in suites if any(s.name == n or s.name.startswith(n + "/") or s.name == n + " (asan)" for n in only)]
    suites = [s for s in suites if not any(s.name == n or s.name.startswith(n + "/") for n in skip)]
    if args.list:
        print("\n".join(s.name for s in suites))
        return 0
    start = time.monotonic()
    run_all(suites, max(1, args.jobs))
    passed = sum(s.result.passed for s in suites)
    failed = sum(s.result.failed for s in suites)
    skipped = sum(s.result.skipped for s in suites)
    if not passed and not failed:
        print("no suite of that name")
        failed = 1
    print(f"{time.monotonic() - start:.0f} s in all")
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
