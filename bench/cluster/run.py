#!/usr/bin/env python3
"""dhow beside Kubeflow Pipelines on the same cluster: pods, seconds, API calls, etcd bytes.

A chain of ten steps and a fan of fifty; each step prints a line. dhow's side is whole (the official
client, the server, the record, MinIO, the launcher). Its peer is a Kubeflow Pipelines that runs on the
cluster already, where --kubeflow (or KFP_HOST) names its API server: the official client sends it the
same file. Without one it is Kubeflow's layout alone, with stand-ins for driver and launcher that take
no time (kfp_layout.py): the least that it can cost. Both with the same controller, in turns. Needs the
own node for etcd's numbers (make cluster-up).
"""
import argparse
import contextlib
import json
import os
import pathlib
import statistics
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "cluster"), str(pathlib.Path(__file__).resolve().parent)]
import kfp  # noqa: E402
import kfp_layout  # noqa: E402
import kube  # noqa: E402
import pipelines  # noqa: E402
from dhow_cluster import deploy  # noqa: E402

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


def pods_of(flow: dict) -> int:
    return sum(node["type"] == "Pod" for node in flow["status"].get("nodes", {}).values())


def by_client(client, package, namespace: str) -> int:
    """The file sent by the official client, whoever answers it; how many pods the run made."""
    with contextlib.redirect_stdout(sys.stderr):
        run = client.create_run_from_pipeline_package(str(package), arguments={}).run_id
    while (state := client.get_run(run).state) not in ("SUCCEEDED", "FAILED"):
        time.sleep(0.5)
    assert state == "SUCCEEDED", "the run failed"
    return sum(map(pods_of, kube.get("workflows", selector=f"pipeline/runid={run}", namespace=namespace)))


def by_layout(tasks: dict) -> int:
    kube.apply(kfp_layout.workflow("kfp-layout", tasks))
    while (flow := kube.get("workflow", "kfp-layout")).get("status", {}).get("phase") not in ("Succeeded", "Failed", "Error"):
        time.sleep(0.5)
    assert flow["status"]["phase"] == "Succeeded", flow["status"].get("message")
    return pods_of(flow)


def clear(namespace: str) -> None:
    kube.kubectl("delete", "workflows", "--all", namespace=namespace)
    kube.wait("the end of all pods", lambda: not kube.get("pods", selector="workflows.argoproj.io/workflow", namespace=namespace))


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
    parser.add_argument("--kubeflow", metavar="URL", default=os.environ.get("KFP_HOST"), help="the API server of a Kubeflow Pipelines on this cluster (KFP_HOST)")
    parser.add_argument("--kubeflow-namespace", default="kubeflow", help="where it runs its pods (kubeflow)")
    args = parser.parse_args()
    cases = {f"chain of {args.length}": (pipelines.chain(args.length), kfp_layout.chain(args.length)),
             f"fan of {args.width}": (pipelines.fan(args.width), kfp_layout.fan(args.width))}
    results: dict[str, list] = {}
    with deploy() as cluster, tempfile.TemporaryDirectory() as folder:
        engines = {"dhow": (kube.NAMESPACE, cluster.client)}
        if args.kubeflow:
            engines["kubeflow"] = (args.kubeflow_namespace, kfp.Client(host=args.kubeflow))
        else:
            kube.apply(kfp_layout.account())
            engines["layout"] = (kube.NAMESPACE, None)
        rest = idle(20)
        for _ in range(args.runs):
            for name, (pipeline, tasks) in cases.items():
                package = pipelines.compiled(pipeline, folder)
                for engine, (namespace, client) in engines.items():
                    one = measured(lambda: by_client(client, package, namespace) if client else by_layout(tasks), rest)
                    results.setdefault(f"{name}, {engine}", []).append(one)
                    print(f"{name}, {engine}: {json.dumps({k: round(v, 1) for k, v in one.items()})}", file=sys.stderr, flush=True)
                    clear(namespace)
    keys = list(next(iter(results.values()))[0])
    print(f"{'':22}" + "".join(f"{key:>14}" for key in keys))
    for name, found in results.items():
        print(f"{name:22}" + "".join(f"{statistics.median(one[key] for one in found):14.1f}" for key in keys))


if __name__ == "__main__":
    main()
