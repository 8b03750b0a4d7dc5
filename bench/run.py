#!/usr/bin/env python3
"""What dhow costs: the demo, and one no-op step with its full record beside ninja.

bench/run.py DHOW [--quick] [--only demo,steps] [--out FILE.json]

demo   `pipelines/model_selection` without cache and all cached: median and best of ten, as seen from outside.
steps  10, 100, 1,000 and 10,000 steps that do nothing (`true`): a chain, all side by side, and a mix (layers of ten, each step
       after three of the layer before). dhow records each in full; ninja runs as many `true` in one go and records its log. Both with as many
       jobs as there are cores. Milliseconds a step, peak memory of the process, and the ratio.

Each bar of the project stands beside its figure: `ok`, or `falls short`. Exit 1 where one does.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from specs import pipeline  # noqa: E402  (the same small specs as the tests)


def run(argv: list, env: dict | None = None) -> tuple:
    """(seconds, peak resident KiB) of a command that must succeed."""
    start = time.perf_counter()
    with subprocess.Popen([str(a) for a in argv], env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE) as p:
        said = p.stderr.read()
        _, status, usage = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - start
    if p.returncode:
        raise SystemExit(f"{argv[0]} exits {p.returncode}: {said.decode()[-500:]}")
    return seconds, usage.ru_maxrss


def graph(kind: str, n: int) -> list:
    """For each step, the steps that it comes after."""
    if kind == "chain":
        return [[i - 1] if i else [] for i in range(n)]
    if kind == "wide":
        return [[] for _ in range(n)]
    return [[] if i < 10 else sorted({(i // 10 - 1) * 10 + (i * k) % 10 for k in (1, 3, 7)}) for i in range(n)]


def write_pipeline(path: pathlib.Path, after: list) -> None:
    spec = pipeline("no-op")
    spec["components"]["comp-no-op"] = {"executorLabel": "exec-no-op"}
    spec["deploymentSpec"]["executors"]["exec-no-op"] = {"container": {"image": "none", "command": ["true"]}}
    for i, before in enumerate(after):
        spec["root"]["dag"]["tasks"][f"t{i}"] = {"componentRef": {"name": "comp-no-op"}, "taskInfo": {"name": f"t{i}"},
                                                "dependentTasks": [f"t{k}" for k in before]}
    path.write_text(json.dumps(spec))


def write_ninja(path: pathlib.Path, after: list) -> None:
    lines = ["rule no-op", "  command = true"]
    lines += [f"build t{i}: no-op {' '.join(f't{k}' for k in before)}" for i, before in enumerate(after)]
    path.write_text("\n".join(lines) + "\n")


class Report:
    def __init__(self):
        self.rows, self.short = {}, 0

    def bar(self, name: str, figure: float, limit: float, unit: str) -> None:
        ok = figure <= limit
        self.short += not ok
        self.rows[name] = figure
        print(f"  {name:<46} {figure:10.3f} {unit:<4} bar {limit:g}: {'ok' if ok else 'falls short'}", flush=True)


def demo(dhow: pathlib.Path, folder: pathlib.Path, report: Report) -> None:
    path = ROOT / "pipelines" / "model_selection" / "pipeline.yaml"
    home = folder / "demo"
    env = {"DHOW_HOME": str(home)}
    run([dhow, "run", path, "-q"], env)
    print("demo, seven steps")
    for name, mode, limit in (("without cache", "off", 100.0), ("all cached", "on", 20.0)):
        times = [run([dhow, "run", path, "-q", "--cache", mode], env)[0] * 1000 for _ in range(10)]
        report.bar(f"demo {name}, median of ten", statistics.median(times), limit, "ms")
        report.rows[f"demo {name}, best"] = min(times)


def steps(dhow: pathlib.Path, folder: pathlib.Path, report: Report, sizes: list) -> None:
    ninja = shutil.which("ninja")
    jobs = str(os.cpu_count())
    for kind in ("chain", "wide", "mixed"):
        print(f"{kind}: a no-op step, dhow beside ninja")
        costs = {}
        for n in sizes:
            after = graph(kind, n)
            write_pipeline(folder / "steps.json", after)
            (folder / "ninja").mkdir()
            write_ninja(folder / "ninja" / "build.ninja", after)
            pairs = []
            for turn in range(1 if n >= 10000 else 3):
                home = folder / f"home-{kind}-{n}-{turn}"
                ours, memory = run([dhow, "run", folder / "steps.json", "-q", "--cache", "off", "--jobs", jobs], {"DHOW_HOME": str(home)})
                for left in (folder / "ninja").glob(".ninja*"):
                    left.unlink()
                theirs, _ = run([ninja, "-C", folder / "ninja", "-j", jobs, "--quiet"])
                pairs.append((ours, theirs, memory))
                shutil.rmtree(home)
            shutil.rmtree(folder / "ninja")
            ours, theirs = min(p[0] for p in pairs), min(p[1] for p in pairs)
            costs[n] = ours / n * 1000
            print(f"    {n:6} steps: dhow {ours / n * 1000:7.3f} ms, ninja {theirs / n * 1000:7.3f} ms a step; dhow's peak memory {pairs[0][2] / 1024:.1f} MiB")
            report.rows[f"{kind} {n} memory MiB"] = pairs[0][2] / 1024
            report.rows[f"{kind} {n} ms a step"] = costs[n]
            if n >= 100:
                report.bar(f"{kind}, {n} steps: dhow's time / ninja's", ours / theirs, 1.0, "")
        if len(sizes) > 2:
            report.bar(f"{kind}: a step of {sizes[-1]} / a step of {sizes[-2]}", costs[sizes[-1]] / costs[sizes[-2]], 1.3, "")
            report.bar(f"{kind}: peak memory of {sizes[-1]} steps", report.rows[f"{kind} {sizes[-1]} memory MiB"], 100.0, "MiB")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dhow")
    parser.add_argument("--quick", action="store_true", help="no more than 1,000 steps")
    parser.add_argument("--only", default="demo,steps")
    parser.add_argument("--out")
    args = parser.parse_args()
    report = Report()
    dhow = pathlib.Path(args.dhow).resolve()
    with tempfile.TemporaryDirectory(prefix="dhow-bench-") as name:
        folder = pathlib.Path(name)
        if "demo" in args.only:
            demo(dhow, folder, report)
        if "steps" in args.only:
            steps(dhow, folder, report, [10, 100, 1000] if args.quick else [10, 100, 1000, 10000])
    if args.out:
        pathlib.Path(args.out).write_text(json.dumps(report.rows, indent=1))
    print(f"{report.short} of the bars fall short" if report.short else "all bars are held")
    return 1 if report.short else 0


if __name__ == "__main__":
    sys.exit(main())
