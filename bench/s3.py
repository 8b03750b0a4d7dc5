#!/usr/bin/env python3
"""How quickly artifacts go to a bucket and come back, beside boto3 (and mc where it is on PATH or named by $MC).

bench/s3.py DHOW [--large MIB] [--small N] [--rounds N] [--realtime] [--out FILE.json]

large  one file of 512 MiB up and down again; each program with what it does by default, once unmeasured, then five rounds in which another
       one begins each time; the ratio of the medians to the quicker peer counts. dhow and mc are whole processes, boto3 is measured inside a running Python: its start is not counted.
small  10,000 objects of 1 KiB up and down: dhow as one folder, boto3 one after the other (upload_file, as KFP's users write it) and by
       sixteen threads (put_object).

All of it against a MinIO of its own on loopback (tools/get-minio.sh), on the same processors. On a machine that does other work, --realtime
(root) gives server and programs alike the processors first: a few seconds at a time of --large 256 --small 1000. Exit 1 where a bar is missed.
"""
import argparse
import concurrent.futures
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
import minio  # noqa: E402

MIB = 1 << 20
LARGE_BAR, SMALL_BAR = 0.9, 5.0


def timed(what) -> float:
    start = time.perf_counter()
    what()
    return time.perf_counter() - start


def command(argv: list, env: dict) -> None:
    subprocess.run([str(a) for a in argv], env={**os.environ, **env}, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def large(dhow: str, mc: str | None, server, folder: pathlib.Path, mib: int, rounds: int) -> list:
    env = {**minio.environment(server.endpoint), "DHOW_HOME": str(folder / "home"), "MC_HOST_m": server.endpoint.replace("://", f"://{minio.KEY}:{minio.SECRET}@"),
           "MC_CONFIG_DIR": str(folder / "mc")}
    file, back = folder / "large", folder / "back"
    with open(file, "wb") as f:
        for _ in range(mib):
            f.write(os.urandom(MIB))
    s3 = server.client()
    s3.create_bucket(Bucket="large")
    programs = {"dhow": (lambda: command([dhow, "artifacts", "cp", file, "s3://large/dhow"], env), lambda: command([dhow, "artifacts", "get", "s3://large/dhow", back], env)),
                "boto3": (lambda: s3.upload_file(str(file), "large", "boto3"), lambda: s3.download_file("large", "boto3", str(back)))}
    if mc:
        programs["mc"] = (lambda: command([mc, "--quiet", "cp", file, "m/large/mc"], env), lambda: command([mc, "--quiet", "cp", "m/large/mc", back], env))
    rows = []
    for direction, name in enumerate(("up", "down")):
        times = {p: [] for p in programs}
        order = list(programs)
        for i in range(rounds + 1):
            for p in order:
                back.unlink(missing_ok=True)
                took = timed(programs[p][direction])
                if i:
                    times[p].append(took)
            order = order[1:] + order[:1]
        speeds = {p: mib / statistics.median(t) for p, t in times.items()}
        ratio = speeds["dhow"] / max(s for p, s in speeds.items() if p != "dhow")
        rows.append({"what": f"large {name}", "mib_per_second": speeds, "ratio": ratio, "bar": LARGE_BAR, "ok": ratio >= LARGE_BAR})
    return rows


def small(dhow: str, server, folder: pathlib.Path, n: int) -> list:
    env = {**minio.environment(server.endpoint), "DHOW_HOME": str(folder / "home")}
    tree = folder / "small"
    tree.mkdir()
    for i in range(n):
        (tree / f"{i:05}").write_bytes(os.urandom(1024))
    s3 = server.client(max_pool_connections=32)
    s3.create_bucket(Bucket="small")
    files = sorted(tree.iterdir())
    few = files[:max(1, n // 10)]  # one after the other, a tenth tells the rate
    pool = concurrent.futures.ThreadPoolExecutor(16)

    def put(path):
        s3.put_object(Bucket="small", Key=f"threads/{path.name}", Body=path.read_bytes())

    def get(path):
        (folder / "got" / path.name).write_bytes(s3.get_object(Bucket="small", Key=f"threads/{path.name}")["Body"].read())

    (folder / "got").mkdir()
    rates = {"up": {}, "down": {}}
    rates["up"]["boto3, one by one"] = len(few) / timed(lambda: [s3.upload_file(str(p), "small", f"loop/{p.name}") for p in few])
    rates["up"]["boto3, 16 threads"] = n / timed(lambda: list(pool.map(put, files)))
    rates["up"]["dhow"] = n / timed(lambda: command([dhow, "artifacts", "cp", tree, "s3://small/dhow"], env))
    rates["down"]["boto3, one by one"] = len(few) / timed(lambda: [s3.download_file("small", f"loop/{p.name}", str(folder / "got" / p.name)) for p in few])
    rates["down"]["boto3, 16 threads"] = n / timed(lambda: list(pool.map(get, files)))
    rates["down"]["dhow"] = n / timed(lambda: command([dhow, "artifacts", "get", "s3://small/dhow", folder / "tree"], env))
    rows = []
    for name, r in rates.items():
        ratio = r["dhow"] / r["boto3, one by one"]
        rows.append({"what": f"small {name}", "objects_per_second": r, "ratio": ratio, "ratio_to_threads": r["dhow"] / r["boto3, 16 threads"], "bar": SMALL_BAR, "ok": ratio >= SMALL_BAR})
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dhow")
    parser.add_argument("--large", type=int, default=512, metavar="MIB")
    parser.add_argument("--small", type=int, default=10000, metavar="N")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--realtime", action="store_true")
    parser.add_argument("--out")
    args = parser.parse_args()
    if not minio.PROGRAM.exists() or minio.boto3 is None:
        print("bench-s3 needs MinIO (tools/get-minio.sh) and boto3 (tools/make-venv.sh)", file=sys.stderr)
        return 0
    dhow, mc = os.path.abspath(args.dhow), os.environ.get("MC") or shutil.which("mc")
    if mc and b"MinIO" not in subprocess.run([mc, "--version"], capture_output=True, check=False).stdout:
        mc = None  # Midnight Commander
    if args.realtime:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))  # what is started from here on, too
    rows = []
    with minio.minio() as server, tempfile.TemporaryDirectory(prefix="dhow-bench-s3-") as name:
        if args.large:
            rows += large(dhow, mc, server, pathlib.Path(name), args.large, args.rounds)
        if args.small:
            rows += small(dhow, server, pathlib.Path(name), args.small)
    for row in rows:
        figures = row.get("mib_per_second") or row["objects_per_second"]
        unit = "MiB/s" if "mib_per_second" in row else "/s"
        more = f" ({row['ratio_to_threads']:.2f} x its threads)" if "ratio_to_threads" in row else ""
        print(f"{row['what']:<11} {', '.join(f'{k} {v:.0f} {unit}' for k, v in figures.items())}: {row['ratio']:.2f} x the {'quicker peer' if 'mib_per_second' in row else 'loop'}{more}, "
              f"bar {row['bar']}: {'ok' if row['ok'] else 'falls short'}")
    if args.out:
        pathlib.Path(args.out).write_text(json.dumps(rows, indent=1) + "\n")
    return 0 if all(row["ok"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
