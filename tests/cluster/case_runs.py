"""Pipelines by the official client to `dhow serve --engine argo`: states and outputs are the local engine's."""
import json
import tempfile
import time

import kube
import pipelines
from dhow_cluster import DATA, Cluster, data_url, deploy, local
from tap import ROOT, check, done


def same(cluster: Cluster, name: str, package, state: str, here: dict | None = None, **parameters) -> dict:
    """Runs it on both engines and compares each task's state and outputs; `here`: parameters of the local run, where they differ."""
    begin = time.monotonic()
    there = cluster.run(package, parameters)
    seconds = time.monotonic() - begin
    other = local(package, parameters if here is None else here)
    both = (cluster.summary(there), cluster.summary(other))
    check(there["state"] == other["state"] == state, f"{name}: {state} as by the local engine ({seconds:.0f} s)", json.dumps([there["state"], other["state"], there.get("error")]))
    differ = {key: (both[0].get(key), both[1].get(key)) for key in sorted(set(both[0]) | set(both[1])) if both[0].get(key) != both[1].get(key)}
    check(not differ, f"{name}: each task's state and outputs are the same", json.dumps(differ, indent=1))
    return there


def plain(cluster: Cluster, folder: str) -> None:
    def compiled(p):
        return pipelines.compiled(p, folder)

    first = same(cluster, "artifacts", pipelines.compiled(pipelines.artifacts, folder, cache=True), "SUCCEEDED")
    check(cluster.pods(first["run_id"]) == 2, "one pod a step", str(cluster.pods(first["run_id"])))
    again = cluster.run(pipelines.compiled(pipelines.artifacts, folder, cache=True), {})
    check({t["state"] for t in again["tasks"]} == {"CACHED"}, "the second time both steps are cached", json.dumps(cluster.summary(again)))
    check("saying" in cluster.log(cluster.run(compiled(pipelines.conditions), {"side": "tails"}), "say"), "a step's log is kept")
    for side in ("heads", "tails", "edge"):
        same(cluster, f"condition {side}", compiled(pipelines.conditions), "SUCCEEDED", side=side)
    same(cluster, "loops", compiled(pipelines.loops), "SUCCEEDED")
    same(cluster, "exit handler", compiled(pipelines.exit_handler), "FAILED")
    same(cluster, "retries", compiled(pipelines.retries), "SUCCEEDED")
    same(cluster, "ignored failure", compiled(pipelines.ignores), "FAILED")


def reasons(cluster: Cluster, folder: str) -> None:
    """What only a cluster can do wrong, said in words."""
    run = cluster.run(pipelines.compiled(pipelines.out_of_memory, folder), {})
    said = json.dumps(run)
    check(run["state"] == "FAILED" and "memory" in said, "a step above its memory limit fails with that reason", json.dumps(run.get("error")))
    started = cluster.submit(pipelines.compiled(pipelines.pull_error, folder), {})
    said = cluster.until(started, lambda r: "there-is-none" in json.dumps(r) and ("pull" in json.dumps(r)), "the reason of the failing pull")
    check(bool(said), "an image that cannot be pulled is said in words")
    cluster.terminate(started)
    ended = cluster.ended(started)
    check(ended["state"] in ("CANCELED", "CANCELLED"), "such a run can be terminated", ended["state"])
    started = cluster.submit(pipelines.compiled(pipelines.unschedulable, folder), {})
    cluster.until(started, lambda r: "cpu" in json.dumps(r).lower(), "the reason why it is not scheduled")
    check(True, "a pod that fits nowhere is said in words")
    cluster.terminate(started)
    check(cluster.ended(started)["state"] in ("CANCELED", "CANCELLED"), "and it can be terminated")


def live(cluster: Cluster, folder: str) -> None:
    """Numbers while a step runs; and its secrets, which no log shows."""
    kube.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "dhow-test-secret"}, "stringData": {"password": "hunter2-of-env", "key": "hunter2-of-a-file\n"}})
    started = cluster.submit(pipelines.compiled(pipelines.live, folder), {})
    run = cluster.until(started, lambda _: cluster.numbers(started), "the first number")
    check(cluster.numbers(started) == [("loss", 0.5, 1)] and run["state"] == "RUNNING", "a number is on record while its step runs", json.dumps([run["state"], cluster.numbers(started)]))
    run = cluster.ended(started)
    check(run["state"] == "SUCCEEDED" and cluster.numbers(started) == [("loss", 0.5, 1), ("loss", 0.25, 2)], "the rest at its end", json.dumps(cluster.numbers(started)))
    said = cluster.log(run, "learns")
    check("I know ***" in said and "go done" in said and "hunter2" not in said and "aHVudGVy" not in said, "its log has no value of a secret, from the environment or a file, in pieces or in base64", said)
    pod = cluster.pod_list(started)[0]["metadata"]["name"]
    check("hunter2" not in kube.kubectl("logs", pod, "-c", "main", check=False).stdout, "nor has what Kubernetes keeps of it")
    kube.kubectl("delete", "secret", "dhow-test-secret")


def terminate(cluster: Cluster, folder: str) -> None:
    started = cluster.submit(pipelines.compiled(pipelines.long, folder), {})
    cluster.until(started, lambda r: any(t["name"] == "sleeps" and t["state"] == "RUNNING" for t in r["tasks"]), "the long step's start")
    begin = time.monotonic()
    cluster.terminate(started)
    ended = cluster.ended(started)
    check(ended["state"] in ("CANCELED", "CANCELLED"), f"a running run is terminated ({time.monotonic() - begin:.0f} s)", json.dumps(cluster.summary(ended)))
    kube.wait("the end of its pods", lambda: not [p for p in cluster.pod_list(started) if p["status"]["phase"] in ("Running", "Pending")])
    check(True, "its pods are gone")


def main() -> None:
    kube.needed("runs on the cluster")
    with deploy() as cluster, tempfile.TemporaryDirectory() as folder:
        plain(cluster, folder)
        same(cluster, "the demo", ROOT / "pipelines" / "model_selection" / "pipeline.yaml", "SUCCEEDED", here={"source": str(DATA)}, source=data_url())
        live(cluster, folder)
        reasons(cluster, folder)
        terminate(cluster, folder)
    done()


main()
