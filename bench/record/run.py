#!/usr/bin/env python3
"""What the record costs: written beside Google's ml_metadata client, read among many rows, and on servers.

bench/record/run.py BUILD [--quick] [--only write,read,lineage,servers] [--out FILE.json]

write    executions a second, each with one input, one output and its context. The client writes one a call and a call is on the disk when
         it returns; dhow with `synchronous = FULL`, so that its commits are as well: one, ten and a hundred executions a commit (dhow commits
         what has ended together). Both on this disk, and both in memory (/dev/shm), where waiting for the disk costs neither. In turn,
         three times; the median of the ratios counts. And dhow as it is (NORMAL: a power cut may lose the last commits, a kill nothing).
read     a page of runs among 200,000 (C generator: src/store/bench-store.c).
lineage  of an artifact among 1,000,000 (src/store/bench-lineage.c).
servers  the same steps with the record on PostgreSQL and MariaDB, started here.

Without Google's client (tools/make-mlmd-venv.sh makes .venv-mlmd) its figure is the one that was measured when it could be had: 90 a second.
Each bar of the project stands beside its figure: `ok`, or `falls short`. Exit 1 where one does."""
import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from databases import servers  # noqa: E402
CLIENT = ROOT / ".venv-mlmd" / "bin" / "python"
STATED = 90.0
results: dict = {}
short: list = []


def say(name: str, value: float, unit: str, bar: float | None = None, less: bool = False) -> None:
    ok = "" if bar is None else "  ok" if (value <= bar if less else value >= bar) else "  falls short"
    if "short" in ok:
        short.append(name)
    limit = "" if bar is None else f"  ({'at most' if less else 'at least'} {bar:g})"
    print(f"{name:74}{value:>12,.2f} {unit}{limit}{ok}", flush=True)
    results[name] = {"value": value, "unit": unit, "bar": bar}


def bench_store(build: pathlib.Path, folder, *args, timeout: float = 1200) -> str:
    r = subprocess.run([build / "src/store/bench-store", *map(str, args)], env={**os.environ, "TMPDIR": str(folder)}, capture_output=True, text=True,
                       timeout=timeout, check=True)
    return r.stdout


def rate(build, folder, n: int, batch: int, durable: bool = True, db: str | None = None) -> float:
    text = bench_store(build, folder, *(["--durable"] if durable else []), *(["--db", db] if db else []), n, batch, 0)
    return float(re.search(r"([\d.]+) a second", text)[1])


def client(folder, seconds: float) -> float | None:
    if not CLIENT.exists():
        return None
    with tempfile.TemporaryDirectory(dir=folder) as name:
        r = subprocess.run([CLIENT, ROOT / "bench/record/client.py", f"{name}/mlmd.db", str(seconds)], capture_output=True, text=True, timeout=300, check=True)
    return float(r.stdout)


def write(build, quick: bool) -> None:
    seconds, n = (2, 500) if quick else (6, 3000)
    places = [("on disk", tempfile.gettempdir())] + ([("in memory", "/dev/shm")] if os.access("/dev/shm", os.W_OK) else [])
    for where, folder in places:
        ratios: dict = {}
        rates: dict = {}
        for _ in range(1 if quick else 3):
            theirs = client(folder, seconds)
            if theirs is None:
                print("Google's client is not there (tools/make-mlmd-venv.sh): its figure is the one stated", flush=True)
            rates.setdefault("client", []).append(theirs or STATED)
            for batch in (1, 10, 100):
                ours = rate(build, folder, n, batch)
                rates.setdefault(batch, []).append(ours)
                ratios.setdefault(batch, []).append(ours / (theirs or STATED))
        say(f"ml_metadata client, {where}", statistics.median(rates["client"]), "executions/s")
        for batch in (1, 10, 100):
            say(f"dhow, {where}, {batch} a commit, synced", statistics.median(rates[batch]), "executions/s")
            say("  against the client", statistics.median(ratios[batch]), "times", 50 if batch == 100 else None)
    for batch in (1, 10, 100):
        say(f"dhow, on disk, {batch} a commit, as it is", rate(build, tempfile.gettempdir(), n, batch, durable=False), "executions/s")


def read(build, quick: bool) -> None:
    runs = 20000 if quick else 200000
    text = bench_store(build, tempfile.gettempdir(), "--plain", 1000, 100, runs)
    for line in re.findall(r"^  (.*?): ([\d.]+) us$", text, re.M):
        page = line[0].startswith("page")
        say(f"{line[0]} among {runs:,} runs", float(line[1]) / 1000, "ms", 10 if page else None, less=True)


def lineage(build, quick: bool) -> None:
    n = 100000 if quick else 1000000
    with tempfile.TemporaryDirectory() as name:
        r = subprocess.run([build / "src/store/bench-lineage", f"{name}/dhow.db", str(n)], capture_output=True, text=True, timeout=1800, check=True)
    for line in r.stdout.splitlines():
        m = re.match(r"(.*?):.*?median ([\d.]+) us", line)
        if m:
            whole = m[1].endswith("all")  # as long as what is found: hundreds of artifacts
            say(f"{m[1]} among {n:,} artifacts", float(m[2]) / 1000, "ms", None if whole else 5, less=True)
        else:
            print("  " + line, flush=True)


def on_servers(build, quick: bool) -> None:
    n = 300 if quick else 2000
    for kind in servers()[0]:
        kind.durable = True
        with kind() as server:
            for batch in (1, 10, 100):
                url = server.url(f"bench{batch}")
                bench_store(build, tempfile.gettempdir(), "--db", url, 1, 1, 0)
                ours = rate(build, tempfile.gettempdir(), n, batch, db=url)
                sqlite = rate(build, tempfile.gettempdir(), n, batch)
                say(f"{kind.name}, {batch} a commit", ours, "executions/s")
                say("  of SQLite's, synced as well", ours / sqlite, "times")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="write,read,lineage,servers")
    parser.add_argument("--out")
    args = parser.parse_args()
    for name, what in (("write", write), ("read", read), ("lineage", lineage), ("servers", on_servers)):
        if name in args.only.split(","):
            what(args.build.resolve(), args.quick)
    if args.out:
        pathlib.Path(args.out).write_text(json.dumps(results, indent=1))
    if short:
        print("falls short: " + ", ".join(short))
        sys.exit(1)


main()
