# run: asan
"""A step that kills the process which started it ends itself, and nothing else: the others and the run go on. Without warm workers, where that
process is the one that starts all steps (`kill -9 $PPID`)."""
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time

import tap
from specs import pipeline, step, write

KILL = "kill -9 $PPID; sleep 20"


def run(path, home, *args):
    result = tap.dhow("run", path, "--no-warm", "--output", "json", *args, home=home)
    record = json.loads(result.stdout or "{}")
    return result, record, {t["name"]: t for t in record.get("tasks", [])}


def alone(folder):
    s = pipeline("alone")
    step(s, "killer", f"(sleep 1; touch {folder}/late) & {KILL}", cache=False)
    step(s, "other", "printf v > $out_o", outputs=("o",), cache=False)
    result, record, tasks = run(write(folder, s), folder / "home", "--jobs", "1")
    tap.check(result.returncode == 1 and record.get("state") == "FAILED", "the run fails as of a failed step", tap.says(result))
    tap.check(tasks["killer"]["state"] == "FAILED" and "ended the process that starts the steps" in result.stderr, "the step is told to have done it", tap.says(result))
    tap.check(tasks["other"]["state"] == "SUCCEEDED", "the other step runs", str(tasks))
    time.sleep(1.2)
    tap.check(not (folder / "late").exists(), "what it left behind has gone with it")


def among_others(folder):
    s = pipeline("among")
    for i in range(5):
        step(s, f"good-{i}", f"echo x >> {folder}/runs-{i}; [ $(wc -l < {folder}/runs-{i}) -gt 1 ] || sleep 600; printf {i} > $out_o", outputs=("o",), cache=False)
    all_run = " && ".join(f"[ -s {folder}/runs-{i} ]" for i in range(5))
    step(s, "killer", f"until {all_run}; do sleep 0.02; done; {KILL}", cache=False)
    result, record, tasks = run(write(folder, s), folder / "home", "--jobs", "6")
    good = [tasks[f"good-{i}"]["state"] for i in range(5)]
    tap.check(result.returncode == 1 and good == ["SUCCEEDED"] * 5 and tasks["killer"]["state"] == "FAILED", "the others succeed", tap.says(result) + str(good))
    times = [len((folder / f"runs-{i}").read_text().split()) for i in range(5)]
    tap.check(times == [2] * 5, "each has run once more", str(times))
    tap.check("one at a time" in result.stderr, "and it is said", result.stderr)


def retried(folder):
    s = pipeline("retried")
    step(s, "once", f"if mkdir {folder}/was; then {KILL}; fi; printf v > $out_o", outputs=("o",), cache=False, retryPolicy={"maxRetryCount": 2})
    result, record, tasks = run(write(folder, s), folder / "home")
    tap.check(result.returncode == 0 and tasks["once"]["state"] == "SUCCEEDED" and tasks["once"].get("attempts") == 2, "it is tried again as its policy says", tap.says(result))


def shepherd_of(pid):
    for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        if pathlib.Path(f"/proc/{child}/comm").read_text().strip() == "dhow-shepherd":
            return int(child)
    return None


def wait_at_end(s, folder, n):
    """A last step: the run does not end before the test has done what it wants to do to it."""
    step(s, "last", f"until [ -e {folder}/go ]; do sleep 0.02; done", tuple(f"s{i}" for i in range(n)), cache=False, retryPolicy={"maxRetryCount": 20})


def from_outside(folder):
    s = pipeline("outside")
    for i in range(24):
        step(s, f"s{i}", f"sleep 0.0{i % 5}; printf {i} > $out_o; echo {i} >> {folder}/all", outputs=("o",), cache=False, retryPolicy={"maxRetryCount": 20})
    wait_at_end(s, folder, 24)
    path = write(folder, s)
    child = subprocess.Popen([tap.DHOW, "run", path, "--no-warm", "--jobs", "4", "-q"], env={**os.environ, "DHOW_HOME": str(folder / "home")},
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    killed = 0
    while child.poll() is None and killed < 6:
        try:
            pid = shepherd_of(child.pid)
            if pid:
                os.kill(pid, signal.SIGKILL)
                killed += 1
        except OSError:
            pass
        time.sleep(0.05)
    (folder / "go").touch()
    said = child.communicate(timeout=240)[1]
    ran = set((folder / "all").read_text().split())
    tap.check(child.returncode == 0 and killed == 6 and len(ran) == 24, f"killed {killed} times from outside: all steps succeed", f"{child.returncode} {said} {sorted(ran)}")


def with_words_unread(folder):
    """Killed while it has not read all that it was told, and the engine has not heard all that it said."""
    s = pipeline("unread")
    for i in range(200):
        step(s, f"s{i}", f"printf {i} > $out_o", outputs=("o",), cache=False, retryPolicy={"maxRetryCount": 5})
    wait_at_end(s, folder, 200)
    child = subprocess.Popen([tap.DHOW, "run", write(folder, s), "--no-warm", "--jobs", "200", "-q"], env={**os.environ, "DHOW_HOME": str(folder / "home")},
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    pid = None
    while not pid and child.poll() is None:
        with contextlib.suppress(OSError):
            pid = shepherd_of(child.pid)
    os.kill(pid, signal.SIGSTOP)
    time.sleep(0.5)
    child.send_signal(signal.SIGSTOP)
    os.kill(pid, signal.SIGCONT)
    time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.05)
    child.send_signal(signal.SIGCONT)
    (folder / "go").touch()
    try:
        said = child.communicate(timeout=240)[1]
    except subprocess.TimeoutExpired:
        child.kill()
        said = "it waits for ever: " + child.communicate()[1]
    tap.check(child.returncode == 0, "killed with words unread on both sides: all steps succeed", f"{child.returncode} {said}")


def before_all(folder):
    """Killed as soon as it is there: the engine still opens its record, reads the pipeline, or begins the run."""
    s = pipeline("early")
    step(s, "a", "printf v > $out_o", outputs=("o",), cache=False, retryPolicy={"maxRetryCount": 2})
    path, ends = write(folder, s), []
    for i in range(8):
        child = subprocess.Popen([tap.DHOW, "run", path, "--no-warm", "-q"], env={**os.environ, "DHOW_HOME": str(folder / "home")}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        pid = None
        while not pid and child.poll() is None:
            with contextlib.suppress(OSError):
                pid = shepherd_of(child.pid)
        time.sleep(i * 0.001)
        if pid:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        ends.append(child.wait(240))
    tap.check(ends == [0] * 8, "killed before the run has begun: another one takes its place", str(ends))


def main():
    with tempfile.TemporaryDirectory(prefix="dhow-parent-") as temp:
        for case in (alone, among_others, retried, from_outside, with_words_unread, before_all):
            folder = pathlib.Path(temp) / case.__name__
            folder.mkdir()
            case(folder)
    tap.done()


main()
