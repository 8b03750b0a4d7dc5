"""The gallery: every example compiles and does what its first lines say."""
# run: timeout=400
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import tap

EXAMPLES = tap.ROOT / "examples"
LIB = pathlib.Path(tap.DHOW).resolve().parent / "src" / "lib"


def sh(argv, env=None, timeout=200):
    return subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=timeout, env={**os.environ, **(env or {})}, check=False)


def compiled(folder, name):
    to = folder / f"{name}.yaml"
    result = tap.dhow("compile", EXAMPLES / name / "pipeline.c", "-o", to)
    tap.check(result.returncode == 0, f"{name}: compiles", tap.says(result))
    return to


def run(file, home, *args):
    result = tap.dhow("run", file, *args, "--output", "json", home=home)
    return json.loads(result.stdout or "{}"), result


def decided(home, run_id, decide, state):
    waiting = []
    for _ in range(300):
        waiting = json.loads(tap.dhow("approvals", "--output", "json", home=home).stdout or "[]")
        if waiting:
            break
        time.sleep(0.1)
    tap.check(len(waiting) == 1, f"approval: it waits ({decide})", str(waiting))
    more = ["--set", "decision=NO"] if decide.endswith("no") else ["--reason", "looks right"]
    result = tap.dhow("approve", f"{run_id}/ask", "--by", "Ann", *more, home=home)
    tap.check(result.returncode == 0, f"approval: {decide}", tap.says(result))
    record = {}
    for _ in range(300):
        record = json.loads(tap.dhow("show", run_id, "--output", "json", home=home).stdout or "{}")
        if record.get("state") not in ("RUNNING", "PENDING"):
            break
        time.sleep(0.1)
    branch = [t["state"] for t in record.get("tasks", []) if t["name"] == "condition-1"]
    tap.check(record.get("state") == "SUCCEEDED" and branch == [state], f"approval: the branch is {state}", str(branch) + str(record.get("error")))


def approval(folder, home):
    file = compiled(folder, "approval")
    for decide, state in (("approve", "SUCCEEDED"), ("approve-no", "SKIPPED")):
        result = tap.dhow("run", "--detach", file, "--output", "json", home=home)
        run_id = json.loads(result.stdout or "{}").get("run_id", "")
        try:
            decided(home, run_id, decide, state)
        finally:
            tap.dhow("cancel", run_id, home=home)  # where it waits still: no run outlives its test


def callers(folder, home):
    file = folder / "fan-out.yaml"
    env = {"DHOW_PROGRAM": "", "DHOW_HOME": str(home), "LD_LIBRARY_PATH": str(LIB)}
    builds = []
    if shutil.which("g++"):
        builds.append(("C++", ["g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-I", tap.ROOT / "include", EXAMPLES / "from-cpp" / "run.cpp", "-L", LIB, "-ldhow"]))
    else:
        tap.skip("from C++", "no g++ here")
    if shutil.which("rustc") and sh(["rustc", "--version"]).returncode == 0:
        builds.append(("Rust", ["rustc", "--edition", "2021", "-D", "warnings", EXAMPLES / "from-rust" / "main.rs", "-L", LIB, "-l", "dhow"]))
    else:
        tap.skip("from Rust", "no rustc here")
    for name, argv in builds:
        program = folder / f"caller-{name}"
        result = sh([*argv, "-o", program])
        if not tap.check(result.returncode == 0, f"from {name}: compiles", result.stderr[-2000:]):
            continue
        result = sh([program, file, '{"n": 3}'], env)
        tap.check(result.returncode == 0 and '"sum": 14' in result.stdout and "SUCCEEDED root.add" in result.stdout.replace("CACHED", "SUCCEEDED"), f"from {name}: runs", tap.says(result))
        result = sh([program, file, '{"nothing": 3}'], env)
        tap.check(result.returncode == 1 and "nothing" in result.stderr, f"from {name}: an error is told", tap.says(result))


def main():
    with tempfile.TemporaryDirectory(prefix="dhow-examples-") as temp:
        folder = pathlib.Path(temp)
        home = folder / "home"
        path = os.environ["PATH"]
        (folder / "bin").mkdir()
        (folder / "bin" / "dhow").symlink_to(pathlib.Path(tap.DHOW).resolve())
        os.environ["PATH"] = f"{folder / 'bin'}:{path}"
        record, result = run(compiled(folder, "csv-to-model"), home, "-p", f"source={tap.ROOT / 'pipelines/model_selection/data/breast_cancer.csv'}", "-p", "label=diagnosis")
        metrics = [t["outputs"]["artifacts"]["metrics"][0]["metadata"] for t in record.get("tasks", []) if t["name"] == "evaluate"]
        tap.check(bool(metrics) and metrics[0].get("accuracy", 0) > 0.9, "csv-to-model: runs", tap.says(result))
        record, result = run(compiled(folder, "fan-out"), home, "-p", "n=5")
        tap.check(record.get("outputs") == {"sum": 55}, "fan-out: runs", tap.says(result))
        approval(folder, home)
        callers(folder, home)
    tap.done()


if __name__ == "__main__":
    main()
