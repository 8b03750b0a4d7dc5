#!/usr/bin/env python3
"""What dhow costs: the demo, and one no-op step with its full record beside ninja.

bench/run.py DHOW [--quick] [--only demo,steps,loop,plan] [--out FILE.json]

demo   `pipelines/model_selection` without cache and all cached: median and best of ten, as seen from outside.
steps  10, 100, 1,000 and 10,000 steps that do nothing (`true`): a chain, all side by side, and a mix (layers of ten, each step
       after three of the layer before). dhow records each in full, in a home that is there and holds the runs before; ninja runs as many
       `true` in one go in a folder that is there, and writes its log anew. Both from exec to exit, with as many jobs as there are cores, in
       turn, now one first and now the other; the median of the ratios counts, so that what else the machine does falls on both. ninja goes
       through `/bin/sh -c` for each command and dhow does not; a line of its own has dhow run `sh -c true`, too, and another has it make
       a new home for each run. Milliseconds and processor time a step, peak memory of the process, and the ratio; and, from 10 and 1,000
       steps, what a step more costs and what a run costs without any.
loop   a ParallelFor of 10,000 iterations over such a step: time linear, memory bounded.
plan   `dhow plan` of a pipeline of 100,000 tasks: time linear, memory below 300 MiB.

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
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from specs import pipeline  # noqa: E402  (the same small specs as the tests)


def watch_memory(pid: int, peak: list) -> None:
    """The most resident KiB so far, again and again. (rusage would count what this script had when it forked.)"""
    while True:
        try:
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
        except OSError:
            return
        if "VmHWM:" not in status:
            return
        peak[0] = int(status.split("VmHWM:")[1].split()[0])
        time.sleep(0.01)


def run(argv: list, env: dict | None = None) -> tuple:
    """(seconds, peak resident KiB, seconds of processor with all its children) of a command that must succeed."""
    peak = [0]
    start = time.perf_counter()
    with subprocess.Popen([str(a) for a in argv], env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE) as p:
        threading.Thread(target=watch_memory, args=(p.pid, peak), daemon=True).start()
        said = p.stderr.read()
        _, status, usage = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - start
    if p.returncode:
        raise SystemExit(f"{argv[0]} exits {p.returncode}: {said.decode()[-500:]}")
    return seconds, peak[0], usage.ru_utime + usage.ru_stime


def graph(kind: str, n: int) -> list:
    """For each step, the steps that it comes after."""
    if kind == "chain":
        return [[i - 1] if i else [] for i in range(n)]
    if kind == "wide":
        return [[] for _ in range(n)]
    return [[] if i < 10 else sorted({(i // 10 - 1) * 10 + (i * k) % 10 for k in (1, 3, 7)}) for i in range(n)]


def write_pipeline(path: pathlib.Path, after: list, command: tuple = ("true",)) -> None:
    spec = pipeline("no-op")
    spec["components"]["comp-no-op"] = {"executorLabel": "exec-no-op"}
    spec["deploymentSpec"]["executors"]["exec-no-op"] = {"container": {"image": "none", "command": list(command)}}
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
    first = run([dhow, "run", path, "-q"], env)
    print("demo, seven steps")
    print(f"    the first run, which makes the home: {first[0] * 1000:.0f} ms ({first[2] * 1000:.0f} of processor)")
    for name, mode, limit in (("without cache", "off", 100.0), ("all cached", "on", 20.0)):
        times = [run([dhow, "run", path, "-q", "--cache", mode], env)[0] * 1000 for _ in range(10)]
        report.bar(f"demo {name}, median of ten", statistics.median(times), limit, "ms")
        report.rows[f"demo {name}, best"] = min(times)


def turns_of(n: int) -> int:
    """A short run is repeated more often: what disturbs it is a larger part of it."""
    return 1 if n >= 10000 else 3 if n >= 1000 else 11


def duel(dhow: pathlib.Path, folder: pathlib.Path, after: list, command: tuple = ("true",), new_home: bool = False) -> dict:
    """dhow and ninja in turn: medians of the ratio and of what each took, the most memory."""
    n, jobs = len(after), str(os.cpu_count())
    write_pipeline(folder / "steps.json", after, command)
    (folder / "ninja").mkdir()
    write_ninja(folder / "ninja" / "build.ninja", after)
    ours, theirs = [], []
    write_pipeline(folder / "one.json", graph("wide", 1))
    env = {"DHOW_HOME": str(folder / "home")}
    run([dhow, "run", folder / "one.json", "-q"], env)

    def turn_of_dhow() -> None:
        if new_home:
            shutil.rmtree(folder / "home")
        ours.append(run([dhow, "run", folder / "steps.json", "-q", "--cache", "off", "--jobs", jobs], env))

    def turn_of_ninja() -> None:
        for left in (folder / "ninja").glob(".ninja*"):
            left.unlink()
        theirs.append(run([shutil.which("ninja"), "-C", folder / "ninja", "-j", jobs, "--quiet"]))

    for i in range(turns_of(n)):
        for turn in (turn_of_dhow, turn_of_ninja) if i % 2 == 0 else (turn_of_ninja, turn_of_dhow):
            turn()
    shutil.rmtree(folder / "home")
    shutil.rmtree(folder / "ninja")

    def median(values) -> float:
        return statistics.median(list(values))

    return {"ours": median(o[0] for o in ours) / n * 1000, "theirs": median(t[0] for t in theirs) / n * 1000,
            "ratio": median(o[0] / t[0] for o, t in zip(ours, theirs)), "memory": max(o[1] for o in ours) / 1024,
            "cpu": median(o[2] for o in ours) / n * 1000, "their cpu": median(t[2] for t in theirs) / n * 1000}


def show(n: int, d: dict, what: str = "") -> None:
    print(f"    {n:6} steps: dhow {d['ours']:7.3f} ms ({d['cpu']:.3f} of processor), ninja {d['theirs']:7.3f} ms ({d['their cpu']:.3f}) a step, "
          f"ratio {d['ratio']:.2f}; "
          f"dhow's peak memory {d['memory']:.1f} MiB{what}", flush=True)


def steps(dhow: pathlib.Path, folder: pathlib.Path, report: Report, sizes: list) -> None:
    for kind in ("chain", "wide", "mixed"):
        print(f"{kind}: a no-op step, dhow (in a home that is there) beside ninja")
        costs, theirs = {}, {}
        for n in sizes:
            d = duel(dhow, folder, graph(kind, n))
            costs[n], theirs[n] = d["ours"], d["theirs"]
            show(n, d)
            for key, value in d.items():
                report.rows[f"{kind} {n} {key}"] = value
            if n >= 100:
                report.bar(f"{kind}, {n} steps: dhow's time / ninja's", d["ratio"], 1.0, "")
        few, many = sizes[0], sizes[2]
        more = [(c[many] * many - c[few] * few) / (many - few) for c in (costs, theirs)]
        print(f"    a step more: dhow {more[0]:.3f} ms, ninja {more[1]:.3f}; a run without any: "
              f"{(costs[few] - more[0]) * few:.1f} ms, {(theirs[few] - more[1]) * few:.1f}", flush=True)
        report.bar(f"{kind}: a step of {sizes[-1]} / a step of {sizes[-2]}", costs[sizes[-1]] / costs[sizes[-2]], 1.3, "")
        report.bar(f"{kind}: peak memory of {sizes[-1]} steps", report.rows[f"{kind} {sizes[-1]} memory"], 100.0, "MiB")
    show(1000, duel(dhow, folder, graph("mixed", 1000), ("sh", "-c", "true")), "; both through sh -c")
    show(10, duel(dhow, folder, graph("mixed", 10), new_home=True), "; a new home for each run")


def write_loop(path: pathlib.Path, n: int) -> None:
    spec = pipeline("loop")
    spec["components"]["comp-no-op"] = {"executorLabel": "exec-no-op"}
    spec["deploymentSpec"]["executors"]["exec-no-op"] = {"container": {"image": "none", "command": ["true"]}}
    spec["components"]["comp-loop"] = {"inputDefinitions": {"parameters": {"i": {"parameterType": "NUMBER_INTEGER"}}}, "dag": {"tasks": {
        "no-op": {"componentRef": {"name": "comp-no-op"}, "taskInfo": {"name": "no-op"}}}}}
    spec["root"]["dag"]["tasks"]["loop"] = {"componentRef": {"name": "comp-loop"}, "taskInfo": {"name": "loop"},
                                            "parameterIterator": {"itemInput": "i", "items": {"raw": json.dumps(list(range(n)))}}}
    path.write_text(json.dumps(spec))


def loop(dhow: pathlib.Path, folder: pathlib.Path, report: Report, most: int) -> None:
    print("a ParallelFor over a no-op step")
    costs = {}
    for n in (most // 10, most):
        write_loop(folder / "loop.json", n)
        seconds, memory, cpu = run([dhow, "run", folder / "loop.json", "-q", "--cache", "off"], {"DHOW_HOME": str(folder / "home")})
        shutil.rmtree(folder / "home")
        costs[n] = cpu / n
        print(f"    {n:6} iterations: {seconds / n * 1000:.3f} ms ({cpu / n * 1000:.3f} of processor) each; peak memory {memory / 1024:.1f} MiB", flush=True)
    report.bar(f"loop: processor time, one of {most} / one of {most // 10}", costs[most] / costs[most // 10], 1.3, "")
    report.bar(f"loop: peak memory of {most} iterations", memory / 1024, 300.0, "MiB")


def plan(dhow: pathlib.Path, folder: pathlib.Path, report: Report, most: int) -> None:
    print("dhow plan")
    costs = {}
    for n in (most // 10, most):
        write_pipeline(folder / "plan.json", graph("mixed", n))
        seconds, memory, cpu = run([dhow, "plan", folder / "plan.json"], {"DHOW_HOME": str(folder / "home")})
        costs[n] = cpu / n
        print(f"    {n:6} tasks: {seconds:.3f} s ({cpu:.3f} of processor); peak memory {memory / 1024:.1f} MiB", flush=True)
    report.bar(f"plan: processor time, one of {most} / one of {most // 10}", costs[most] / costs[most // 10], 1.3, "")
    report.bar(f"plan: peak memory of {most} tasks", memory / 1024, 300.0, "MiB")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dhow")
    parser.add_argument("--quick", action="store_true", help="no more than 1,000 steps")
    parser.add_argument("--only", default="demo,steps,loop,plan")
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
        if "loop" in args.only:
            loop(dhow, folder, report, 1000 if args.quick else 10000)
        if "plan" in args.only:
            plan(dhow, folder, report, 10000 if args.quick else 100000)
    if args.out:
        pathlib.Path(args.out).write_text(json.dumps(report.rows, indent=1))
    print(f"{report.short} of the bars fall short" if report.short else "all bars are held")
    return 1 if report.short else 0


if __name__ == "__main__":
    sys.exit(main())
