# run: asan
"""Numbers that a step reports while it runs: recorded at once, whole, and once."""
import contextlib
import os
import pathlib
import signal
import sqlite3
import subprocess
import tempfile
import time

from specs import pipeline, step, write
from tap import DHOW, check, dhow, done, says


def rows(home) -> list:
    with contextlib.closing(sqlite3.connect(f"file:{home}/dhow.db?mode=ro", uri=True)) as db:
        return db.execute("SELECT name, number_value, coalesce(step, -1) FROM metric ORDER BY id").fetchall()


def wait_for(home, n: int) -> list:
    got, until = [], time.monotonic() + 120
    while len(got) < n and time.monotonic() < until:
        with contextlib.suppress(sqlite3.OperationalError):
            got = rows(home)
        time.sleep(0.05)
    return got


def one(script: str, **kwargs) -> dict:
    return step(pipeline("metrics"), "train", script, **kwargs)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="dhow-metrics-") as name:
        folder = pathlib.Path(name)
        home = folder / "home"
        script = f"""
echo '{{"step": 0, "loss": 1.5, "note": "text", "time": 1700000000}}' >> $DHOW_METRICS
printf '{{"step": 1, "lo' >> $DHOW_METRICS
for i in $(seq 6000); do test -e {folder}/go && break; sleep 0.05; done
printf 'ss": 0.5}}\\nno json\\n[1]\\n\\n{{"name": "x", "value": "y"}}\\n' >> $DHOW_METRICS
printf '{{"name": "accuracy", "value": 1}}' >> $DHOW_METRICS
"""
        path = write(folder, one(script))
        with subprocess.Popen([DHOW, "run", str(path)], env={**os.environ, "DHOW_HOME": str(home)}, stderr=subprocess.PIPE, text=True) as p:
            got = wait_for(home, 1)
            check(got == [("loss", 1.5, 0)] and p.poll() is None, "a line is on record while its step runs; half a line is not", str(got))
            (folder / "go").touch()
            said = p.communicate()[1]
        check(p.returncode == 0 and rows(home) == [("loss", 1.5, 0), ("loss", 0.5, 1), ("accuracy", 1.0, -1)], "the rest at the end, once", f"{rows(home)}\n{said}")
        check(said.count("expected a JSON object") == 1 and "is not a number" in said, "what cannot be read is said once", said)
        shown = dhow("show", "1", home=home)
        check("loss" in shown.stdout + shown.stderr, "and is shown with the run", says(shown))

        home = folder / "failed"
        r = dhow("run", write(folder, one('echo \'{"a": 1}\' > $DHOW_METRICS; exit 3')), home=home)
        check(r.returncode == 1 and rows(home) == [("a", 1.0, -1)], "of a step that fails too", f"{rows(home)}\n{says(r)}")

        home = folder / "odd"
        r = dhow("run", write(folder, one("ln -s /etc/passwd $DHOW_METRICS")), home=home)
        check(r.returncode == 0 and rows(home) == [] and "metric line" not in r.stderr, "a link is not followed", says(r))
        r = dhow("run", write(folder, one("mkfifo $DHOW_METRICS")), home=home, timeout=120)
        check(r.returncode == 0, "a pipe stops nobody", says(r))
        r = dhow("run", write(folder, one("yes '{\"n\": 1}' | head -n 200000 > $DHOW_METRICS")), home=home)
        check(r.returncode == 0 and len(rows(home)) == 200000, "many lines", str(len(rows(home))))

        home = folder / "killed"
        (folder / "go").unlink()
        s = step(pipeline("metrics"), "before", "echo a > file-of-another-step", cache=False)
        path = write(folder, step(s, "train", f"""echo '{{"step": 0, "loss": 1}}' >> $DHOW_METRICS
for i in $(seq 6000); do test -e {folder}/go && break; sleep 0.05; done
echo '{{"step": 1, "loss": 2}}' >> $DHOW_METRICS""", cache=False, after=("before",)))
        with subprocess.Popen([DHOW, "run", str(path)], env={**os.environ, "DHOW_HOME": str(home)}, stderr=subprocess.PIPE, text=True) as p:
            wait_for(home, 1)
            p.send_signal(signal.SIGKILL)
            p.communicate()
        (folder / "go").touch()
        time.sleep(0.5)
        r = dhow("resume", "1", home=home)
        got = rows(home)
        check(r.returncode == 0 and got[-1] == ("loss", 2.0, 1) and got.count(("loss", 2.0, 1)) == 1, "killed and taken up again", f"{got}\n{says(r)}")
        left = [str(f) for f in (home / "runs").glob("*/*") if f.is_dir()]
        check(left == [], "no working folder stays", str(left))
    done()


main()
