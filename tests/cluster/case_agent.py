"""What Argo asks the server, on a controller of 4.1 that leaves it to us: no pod for what is there already, and conditions that Argo cannot say."""
import json
import sys
import tempfile
import time

import kube
import pipelines
from dhow_cluster import Cluster, deploy, local
from kube import DEPLOYMENT, HERE, NAMESPACE, get, kubectl
from tap import check, done, skip

sys.path.append(str(HERE.parent / "argo"))
import flows  # noqa: E402
from specs import write  # noqa: E402


def is_there() -> bool:
    """Whether the controller makes no agent's pods."""
    maps = [m for m in get("configmaps") if m["metadata"]["name"] == "workflow-controller-configmap"]
    return any(m.get("data", {}).get("disableAgentPodCreation") == "true" for m in maps)


def ended(cluster: Cluster, run: dict) -> list:
    """How its Workflows ended."""
    kube.wait("the Workflow's end", lambda: all(w.get("status", {}).get("finishedAt") for w in get("workflows", selector=f"dhow-run={run['run_id']}")))
    return [w["status"]["phase"] for w in get("workflows", selector=f"dhow-run={run['run_id']}")]


def cached(cluster: Cluster, name: str, package, **parameters) -> None:
    """The first run as by the local engine, the second without a pod."""
    first, here = cluster.run(package, parameters), local(package, parameters)
    check(first["state"] == here["state"] == "SUCCEEDED" and cluster.summary(first) == cluster.summary(here), f"{name}: as by the local engine, in {cluster.pods(first['run_id'])} pods",
          json.dumps([cluster.summary(first), cluster.summary(here), first.get("error")]))
    begin = time.monotonic()
    again = cluster.run(package, parameters)
    seconds, phases = time.monotonic() - begin, ended(cluster, again)
    states = {t["state"] for t in again["tasks"] if t["type"] == "RUNTIME"}
    outputs = [{key: value[1:] for key, value in cluster.summary(run).items()} for run in (first, again)]
    check(again["state"] == "SUCCEEDED" and states <= {"CACHED", "SKIPPED"} and outputs[0] == outputs[1] and phases == ["Succeeded"], f"{name}: the second time all is cached, with the same outputs ({seconds:.0f} s)",
          json.dumps([again["state"], phases, cluster.summary(again)]))
    check(cluster.pods(again["run_id"]) == 0 and not cluster.pod_list(again["run_id"]), f"{name}: without a pod", str(cluster.pods(again["run_id"])))


def written(folder: str, spec: dict):
    """The pipeline's file, with an image that is here."""
    for executor in spec["deploymentSpec"]["executors"].values():
        if executor["container"]["image"] == "test":
            executor["container"]["image"] = pipelines.SHELL
    return write(folder, spec, f"{spec['pipelineInfo']['name']}.yaml")


def person(cluster: Cluster, folder: str) -> None:
    """A task that waits for a person has no pod; its answer reaches a condition."""
    run = cluster.submit(written(folder, flows.person()), {})
    cluster.until(run, lambda r: any(t["name"] == "ask" and t["state"] == "RUNNING" for t in r["tasks"]), "the question to a person")
    kubectl("exec", DEPLOYMENT, "--", "dhow", "approve", f"{run}/ask", "--set", "go=YES", "--by", "anna")
    shown = cluster.ended(run)
    check(shown["state"] == "SUCCEEDED" and {t["state"] for t in shown["tasks"]} == {"SUCCEEDED"} and ended(cluster, shown) == ["Succeeded"] and cluster.pods(run) == 1,
          "what waits for a person has no pod; its answer reaches a condition", json.dumps([cluster.summary(shown), cluster.pods(run)]))


def conditions(cluster: Cluster, folder: str) -> None:
    cases = (("a final status, failed", flows.after_status("failed", "exit 3", "inputs.parameter_values['status'].state == 'FAILED'"), "Failed"),
             ("a final status, well", flows.after_status("well", "true", "inputs.parameter_values['status'].state == 'FAILED'"), "Succeeded"),
             ("an artifact", flows.by_metadata(), "Succeeded"), ("arithmetic", flows.numbers("int(inputs.parameter_values['n']) % 2 == 1"), "Succeeded"),
             ("what fails", flows.numbers("1 / (int(inputs.parameter_values['n']) - 7) == 0", "wrong"), "Failed"))
    for name, spec, phase in cases:
        package = written(folder, spec)
        there, here = cluster.run(package, {}), local(package, {})
        phases = ended(cluster, there)
        check(there["state"] == here["state"] and cluster.summary(there) == cluster.summary(here) and phases == [phase], f"a condition on {name}: as by the local engine",
              json.dumps([there["state"], phases, cluster.summary(there), cluster.summary(here), there.get("error")]))


def killed(cluster: Cluster, folder: str) -> None:
    """The server is taken away at once while Argo asks: the one that follows answers."""
    package = pipelines.compiled(pipelines.loops, folder, cache=True)
    run = cluster.submit(package, {})
    kubectl("delete", "pod", "-l", kube.SERVER, "--grace-period=0", "--force", "--wait=false")
    time.sleep(2)
    cluster.again()
    shown = cluster.ended(run)
    check(shown["state"] == "SUCCEEDED" and ended(cluster, shown) == ["Succeeded"] and cluster.pods(run) == 0, "the server killed: what was asked meanwhile is answered", json.dumps(cluster.summary(shown)))


def rights() -> None:
    """Of the task sets no more than to hear and to answer."""
    def may(verb: str, what: str) -> bool:
        said = kubectl("auth", "can-i", verb, what.split("/")[0] + ".argoproj.io", *(["--subresource", "status"] if "/" in what else []), "--as", f"system:serviceaccount:{NAMESPACE}:dhow-server", check=False)
        return said.stdout.strip() == "yes"

    sets = "workflowtasksets"
    check(may("list", sets) and may("watch", sets) and may("patch", f"{sets}/status"), "the server may hear what Argo asks, and answer")
    wrong = [f"{verb} {what}" for verb, what in [(v, sets) for v in ("get", "create", "patch", "update", "delete")] + [("update", f"{sets}/status"), ("get", f"{sets}/status")] if may(verb, what)]
    check(not wrong, "and no more", ", ".join(wrong))


def main() -> None:
    kube.needed("what Argo asks")
    if not is_there():
        skip("what Argo asks", "the controller's ConfigMap has no disableAgentPodCreation (Argo 4.1)")
        done()
    with deploy("agent") as cluster, tempfile.TemporaryDirectory() as folder:
        kubectl("set", "env", DEPLOYMENT, "DHOW_AGENT=all")
        cluster.again()
        rights()
        for name, pipeline, parameters in (("artifacts", pipelines.artifacts, {}), ("conditions", pipelines.conditions, {"side": "tails"}), ("loops", pipelines.loops, {})):
            cached(cluster, name, pipelines.compiled(pipeline, folder, cache=True), **parameters)
        killed(cluster, folder)
        person(cluster, folder)
        conditions(cluster, folder)
    done()


main()
