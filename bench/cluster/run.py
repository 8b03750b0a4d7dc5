#!/usr/bin/env python3
"""dhow's Workflow beside Kubeflow Pipelines' layout on the same cluster: pods, seconds, API calls, etcd bytes.

A chain of ten steps and a fan of fifty; each step prints a line. dhow's side is whole (the official
client, the server, the record, MinIO, the launcher); Kubeflow's is its layout alone, with stand-ins
for driver and launcher that take no time (kfp_layout.py): the least that it can cost. Both with the
same controller and settings, in turns. Needs the own node for etcd's numbers (make cluster-up).
"""
import argparse
import json
import pathlib
import statistics
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "cluster"), str(pathlib.Path(__file__).resolve().parent)]
import kfp_layout  # noqa: E402
import kube  # noqa: E402
import pipelines  # noqa: E402
from dhow_cluster import Cluster, deploy  # noqa: E402

COUNTERS = {"api calls": ("apiserver_request_total", "apiserver"), "etcd bytes": ("etcd_debugging_mvcc_total_put_size_in_bytes", "etcd"),
            "etcd puts": ("etcd_mvcc_put_total", "etcd")}


def counters() -> dict:
    return {name: kube.metric(*of) for name, of in COUNTERS.items() if kube.OWN or of[1] == "apiserver"}


def idle(seconds: float) -> dict:
    """What the cluster does by itself, a second."""
    before = counters()
    time.sleep(seconds)
    after = counters()
    return {name: (after[name] - before[name]) / seconds for name in after}


def by_dhow(cluster: Cluster, package) -> int:
    run = cluster.submit(package, {})
    while cluster.client.get_run(run).state not in ("SUCCEEDED", "FAILED"):
        time.sleep(0.5)
    assert cluster.client.get_run(run).state == "SUCCEEDED", "the run failed"
    return cluster.pods(run)


def by_layout(name: str, tasks: dict) -> int:
    kube.apply(kfp_layout.workflow(name, tasks))
    while True:
        status = kube.get("workflow", name).get("status", {})
        if status.get("phase") in ("Succeeded", "Failed", "Error"):
            break
        time.sleep(0.5)
    assert status["phase"] == "Succeeded", status.get("message")
    return sum(node["type"] == "Pod" for node in status["nodes"].values())


def measured(what, rest: dict) -> dict:
    before, begin = counters(), time.monotonic()
    pods = what()
    seconds = time.monotonic() - begin
    after = counters()
    return {"pods": pods, "seconds": seconds, **{name: max(0.0, after[name] - before[name] - rest[name] * seconds) for name in after}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2, help="of each, in turns (2)")
    parser.add_argument("--length", type=int, default=10)
    parser.add_argument("--width", type=int, default=50)
    args = parser.parse_args()
    results: dict[str, list] = {}
    with deploy() as cluster, tempfile.TemporaryDirectory() as folder:
        cases = {f"chain of {args.length}": (pipelines.chain(args.length), kfp_layout.chain(args.length)),
                 f"fan of {args.width}": (pipelines.fan(args.width), kfp_layout.fan(args.width))}
        kube.apply(kfp_layout.account())
        rest = idle(20)
        for turn in range(args.runs):
            for name, (pipeline, tasks) in cases.items():
                package = pipelines.compiled(pipeline, folder)
                for engine, what in (("dhow", lambda: by_dhow(cluster, package)), ("kfp", lambda: by_layout(f"kfp-{name.split()[0]}-{turn}", tasks))):
                    one = measured(what, rest)
                    results.setdefault(f"{name}, {engine}", []).append(one)
                    print(f"{name}, {engine}: {json.dumps({k: round(v, 1) for k, v in one.items()})}", file=sys.stderr, flush=True)
                    kube.kubectl("delete", "workflows", "--all")
                    kube.wait("the end of all pods", lambda: not [p for p in kube.get("pods") if "workflows.argoproj.io/workflow" in p["metadata"].get("labels", {})], 180)
    keys = list(next(iter(results.values()))[0])
    print(f"{'':22}" + "".join(f"{key:>14}" for key in keys))
    for name, found in results.items():
        print(f"{name:22}" + "".join(f"{statistics.median(one[key] for one in found):14.1f}" for key in keys))


if __name__ == "__main__":
    main()
