#!/usr/bin/env python3
"""The cost of a Python step that does nothing, side by side:

    run.py DHOW PYTHON [--steps N] [--kfp-steps N] [--out FILE.json]

PYTHON is one that imports kfp. The same pipeline, a loop of N no-op lightweight components, by
  dhow         warm workers (the first run, which makes the environment, is timed apart), one at a time and a core each
  dhow cold    --no-warm: an interpreter for each step
  kfp.local    SubprocessRunner(use_venv=False), the SDK's own runner; it installs nothing then
  python       `python -c pass`, one after the other: the least that a new interpreter can cost
Everything is written below a temporary folder. Medians of three runs for dhow; load is printed, as others' work counts.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

PIPELINE = '''
import sys
from kfp import compiler, dsl, local


@dsl.component
def noop(i: int):
    pass


@dsl.pipeline(name="noop")
def pipeline():
    with dsl.ParallelFor(items=list(range(int(sys.argv[2])))) as i:
        noop(i=i).set_caching_options(False)


if sys.argv[1] == "compile":
    compiler.Compiler().compile(pipeline, sys.argv[3])
else:
    import time

    local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=sys.argv[3], raise_on_error=True)
    start = time.perf_counter()
    pipeline()
    print("seconds", time.perf_counter() - start, file=sys.stderr)
'''


def seconds(call) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def dhow_run(args, folder, file, *options) -> None:
    run = subprocess.run([args.dhow, "run", file, "--quiet", "--cache", "off", *options], capture_output=True, text=True,
                         env=dict(os.environ, DHOW_HOME=str(folder / "home")))
    if run.returncode:
        sys.exit(f"dhow run: {run.stderr[-2000:]}")


def kfp_local(args, folder) -> float:
    run = subprocess.run([args.python, folder / "pipeline.py", "local", str(args.kfp_steps), folder / "root"],
                         capture_output=True, text=True, cwd=folder)
    if run.returncode:
        sys.exit(f"kfp.local: {run.stderr[-2000:]}")
    return float(run.stderr.rsplit("seconds", 1)[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dhow", type=os.path.abspath)
    parser.add_argument("python")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--kfp-steps", type=int, default=1000)
    parser.add_argument("--out")
    args = parser.parse_args()
    rows = []

    def row(name: str, total: float, steps: int) -> None:
        rows.append({"what": name, "steps": steps, "seconds": round(total, 3), "ms_a_step": round(total / steps * 1000, 2)})
        print(f"{name:<34} {steps:>6} steps {total:>9.2f} s {total / steps * 1000:>9.2f} ms a step", flush=True)

    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory(prefix="bench-python-") as name:
        folder = pathlib.Path(name)
        (folder / "pipeline.py").write_text(PIPELINE)
        for n, file in ((args.steps, "many.yaml"), (1, "one.yaml")):
            subprocess.run([args.python, folder / "pipeline.py", "compile", str(n), folder / file], check=True)
        many, one = str(folder / "many.yaml"), str(folder / "one.yaml")
        row("dhow, first run: environment", seconds(lambda: dhow_run(args, folder, one)), 1)
        row("dhow, warm, a run of one step", statistics.median(seconds(lambda: dhow_run(args, folder, one)) for _ in range(9)), 1)
        for label, options in (("dhow, warm, one at a time", ("-j", "1")), ("dhow, warm", ())):
            row(label, statistics.median(seconds(lambda: dhow_run(args, folder, many, *options)) for _ in range(3)), args.steps)
        row("dhow --no-warm", seconds(lambda: dhow_run(args, folder, many, "--no-warm")), args.steps)
        row("python -c pass, one at a time",
            seconds(lambda: [subprocess.run([args.python, "-c", "pass"], check=True) for _ in range(args.steps)]), args.steps)
        row("kfp.local, subprocess, no venv", kfp_local(args, folder), args.kfp_steps)
    if args.out:
        pathlib.Path(args.out).write_text(json.dumps({"load": os.getloadavg(), "cores": os.cpu_count(), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
