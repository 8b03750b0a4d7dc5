# run: timeout=900
"""The disk fails: dhow is built so that the n-th call of its one I/O seam fails (DHOW_FAULT_IO=n), for n = 1, 2, … until none is
left; then a full disk and a home that cannot be written. Each time: exit status 3 and a message that names the place; nothing
half-written; and afterwards the same home works: resume ends the run, and a new run succeeds.

DHOW_FAULT: a program built with -Dfault=true; without, one is built (with sanitizers) in build-fault."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import tempfile

from specs import output, pipeline, step, write
from tap import DHOW, ROOT, check, done, says, skip

SANITIZE = {"ASAN_OPTIONS": "detect_leaks=1:exitcode=99", "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1:exitcode=99"}
MOST = 200


def program() -> str | None:
    if os.environ.get("DHOW_FAULT"):
        return os.environ["DHOW_FAULT"]
    folder = ROOT / "build-fault"
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        if not (folder / "build.ninja").exists():
            subprocess.run(["meson", "setup", folder, ROOT, "-Dfault=true", "-Db_sanitize=address,undefined", "-Dbuildtype=debug", "-Doptimization=1",
                            "-Dwerror=false"], check=True, capture_output=True)
        subprocess.run(["ninja", "-C", folder, "dhow"], check=True, capture_output=True)
        return str(folder / "dhow")
    return None


def small(folder: pathlib.Path) -> pathlib.Path:
    s = pipeline("small")
    step(s, "make", 'echo hi; printf v > "$out_o"; echo data > "$out_a"; mkdir "$out_d"; echo one > "$out_d/1"', outputs=("o",), artifacts={"a": "Dataset", "d": "Dataset"})
    step(s, "use", 'printf "%s!" "$in_x" > "$out_p"', inputs={"x": "make.o"}, outputs=("p",))
    return write(folder, output(s, "p", "use", "p"))


def call(dhow: str, home, *args, **env):
    return subprocess.run([dhow, *map(str, args)], capture_output=True, text=True, timeout=120, check=False,
                          env={**os.environ, **SANITIZE, "DHOW_HOME": str(home), **env})


def half_written(home: pathlib.Path) -> list:
    """What the record and the disk do not agree about, once all runs have ended."""
    wrong = []
    with contextlib.closing(sqlite3.connect(home / "dhow.db")) as db:
        if db.execute("PRAGMA integrity_check").fetchone() != ("ok",) or db.execute("PRAGMA foreign_key_check").fetchall():
            wrong.append("the database is damaged")
        uris = {row[0].removeprefix("file://") for row in db.execute("SELECT uri FROM artifacts")}
        wrong += [f"run {row[0]} is {row[1]}" for row in db.execute("SELECT id, state FROM run WHERE state NOT IN ('SUCCEEDED', 'FAILED')")]
    wrong += [f"recorded, but not there: {u}" for u in uris if not os.path.exists(u)]
    for at, folders, files in os.walk(home / "artifacts"):
        if at in uris:
            folders.clear()
        else:
            wrong += [f"stray file: {os.path.join(at, f)}" for f in files if os.path.join(at, f) not in uris]
    wrong += [f"left: {p}" for p in (home / "runs").glob("*/*") if p.is_dir()]
    wrong += [f"left: {p}" for p in home.rglob("*.tmp*")]
    return wrong


def afterwards(dhow: str, home: pathlib.Path, path: pathlib.Path) -> list:
    """The same home, the fault gone."""
    wrong = []
    runs = call(dhow, home, "runs", "--output", "json")
    for run in json.loads(runs.stdout or "[]"):
        if run["state"] in ("RUNNING", "PENDING"):
            resumed = call(dhow, home, "resume", run["run_id"])
            if resumed.returncode:
                wrong.append(f"resume: {says(resumed)}")
    fresh = call(dhow, home, "run", "-q", path)
    if fresh.returncode or fresh.stdout != "p=v!\n":
        wrong.append(f"a new run: {says(fresh)}")
    return wrong + half_written(home)


def judge(result, home: pathlib.Path) -> list:
    if result.returncode == 1:  # the step's own call met the fault: the run failed, and says so
        return [] if "failed" in result.stderr else [f"exit status 1 without a word: {says(result)}"]
    if result.returncode != 3:
        return [says(result)]
    said = re.fullmatch(r"dhow \w+: .*(No space left on device|Input/output error|out of space|disk.*full).*\n", result.stderr)
    return [] if said else [f"no clear message: {says(result)}"]


def loop(dhow: str, folder: pathlib.Path, path: pathlib.Path, code: str) -> None:
    wrong = []
    for n in range(1, MOST):
        home = folder / f"home-{code}-{n}"
        result = call(dhow, home, "run", "-q", path, DHOW_FAULT_IO=f"{n}:{code}")
        if result.returncode == 0 and n > 5:
            again = call(dhow, folder / "whole", "run", "-q", path, DHOW_FAULT_IO=f"{n + 1}:{code}")
            if again.returncode == 0:
                break
        found = ([] if result.returncode == 0 else judge(result, home)) + afterwards(dhow, home, path)
        wrong += [f"{n}: {text}" for text in found]
        shutil.rmtree(home, ignore_errors=True)
    check(not wrong and 10 < n < MOST - 1, f"{code}: each of {n - 1} calls fails once, cleanly", "\n".join(wrong[:20]))


def stopped_at(dhow: str, folder: pathlib.Path, path: pathlib.Path) -> int:
    """The fault that stops a run in its midst: those before it stop the making of the record, a call or more a step of the schema."""
    for at in range(10, MOST):
        home = folder / f"stopped-{at}"
        call(dhow, home, "run", "-q", path, DHOW_FAULT_IO=str(at))
        if (home / "dhow.db").exists():
            with contextlib.closing(sqlite3.connect(home / "dhow.db")) as db:
                if db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'task'").fetchone()[0] and db.execute(
                        "SELECT count(*) FROM task t JOIN run r ON r.id = t.run_id WHERE r.state = 'RUNNING'").fetchone()[0] > 1:
                    return at
    raise SystemExit("Bail out! no fault stops a run in its midst")


def resumed(dhow: str, folder: pathlib.Path, path: pathlib.Path) -> None:
    """Faults while a killed run is taken up again."""
    wrong, at = [], stopped_at(dhow, folder, path)
    for n in range(1, MOST):
        home = folder / f"resume-{n}"
        call(dhow, home, "run", "-q", path, DHOW_FAULT_IO=str(at))
        result = call(dhow, home, "resume", "-q", "last", DHOW_FAULT_IO=str(n))
        if result.returncode == 0:
            break
        wrong += [f"{n}: {text}" for text in judge(result, home) + afterwards(dhow, home, path)]
        shutil.rmtree(home, ignore_errors=True)
    check(not wrong and 1 < n < MOST - 1, f"resume: each of {n - 1} calls fails once, cleanly", "\n".join(wrong[:20]))


def full_disk(folder: pathlib.Path, path: pathlib.Path) -> None:
    disk = folder / "disk"
    disk.mkdir()
    mounted = os.geteuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], capture_output=True, check=False).returncode == 0
    if not mounted:
        skip("a full disk", "only root can mount one")
        return
    try:
        home = disk / "home"
        # How large a record is; a large file then takes the rest of the space, all but a part of that and of its log.
        afterwards(DHOW, home, path)
        record = (home / "dhow.db").stat().st_blocks // 2
        shutil.rmtree(home)
        for left in (0, record // 2, record + 48):
            filler = disk / "filler"
            free = os.statvfs(disk).f_bavail * 4096
            with contextlib.suppress(OSError):
                filler.write_bytes(b"x" * max(0, free - left * 1024))
            result = call(DHOW, home, "run", "-q", path)
            check(result.returncode == 3 and re.search("[Nn]o space left|full", result.stderr) is not None, f"a disk with {left} KiB left: exit status 3 and a clear message",
                  says(result))
            filler.unlink()
            wrong = afterwards(DHOW, home, path)
            check(not wrong, f"and with space again ({left}) it works", "\n".join(wrong))
            shutil.rmtree(home)
    finally:
        subprocess.run(["umount", "-l", disk], check=False)


def read_only(folder: pathlib.Path, path: pathlib.Path) -> None:
    home = folder / "read-only"
    home.mkdir()
    if os.geteuid() == 0:
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", home], capture_output=True, check=False).returncode:
            skip("a read-only home", "cannot mount one")
            return
    else:
        home.chmod(0o500)
    try:
        result = call(DHOW, home / "sub" if os.geteuid() else home, "run", "-q", path)
        check(result.returncode == 3 and str(home) in result.stderr and re.search("Read-only|Permission denied|readonly", result.stderr) is not None,
              "a read-only home: exit status 3, and it is named", says(result))
    finally:
        if os.geteuid() == 0:
            subprocess.run(["umount", "-l", home], check=False)


def main() -> None:
    dhow = program()
    with tempfile.TemporaryDirectory(prefix="dhow-fault-") as name:
        folder = pathlib.Path(name)
        path = small(folder)
        if dhow:
            loop(dhow, folder, path, "ENOSPC")
            loop(dhow, folder, path, "EIO")
            resumed(dhow, folder, path)
        else:
            skip("faults one by one", "no build with -Dfault=true")
        full_disk(folder, path)
        read_only(folder, path)
    done()


main()
