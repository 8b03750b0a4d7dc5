"""What fails around a run while it runs: it ends right all the same, and nothing is published twice."""
import base64
import contextlib
import http.client
import json
import ssl
import subprocess
import sys
import tempfile
import threading
import time

import kube
import pipelines
from dhow_cluster import Cluster, deploy
from kube import HERE, OWN, kubectl
from tap import check, done, skip

STATES = {"root.say": "SUCCEEDED", "root.slow": "SUCCEEDED", "root.say-2": "SUCCEEDED"}


def started(cluster: Cluster, folder: str, seconds: int = 40) -> str:
    """A run of three steps whose second runs now."""
    run = cluster.submit(pipelines.compiled(pipelines.three, folder), {"seconds": seconds})
    cluster.until(run, lambda r: any(t["name"] == "slow" and t["state"] == "RUNNING" for t in r["tasks"]), "the second step's start")
    return run


def right(cluster: Cluster, run_id: str, what: str, attempts: int | None = None) -> None:
    """The run has ended, well; each step published once, and the long one in so many attempts."""
    run = cluster.ended(run_id)
    states = {t["key"]: t["state"] for t in run["tasks"]}
    check(run["state"] == "SUCCEEDED" and states == STATES, f"{what}: the run ends right", json.dumps([run["state"], states, run.get("error")]))
    made = [t for t in run["tasks"] if t["name"] == "slow"][0]
    check(made["outputs"]["parameters"] == {"out": "slept"}, f"{what}: what was put out is there once", json.dumps(made["outputs"]))
    if attempts:
        check(made["attempts"] == attempts, f"{what}: {attempts} attempt{'s' if attempts > 1 else ''} of the step", str(made["attempts"]))


def server(cluster: Cluster, folder: str) -> None:
    """The server's pod is taken away at once; another one takes the record and the run up."""
    run = started(cluster, folder)
    kubectl("delete", "pod", "-l", kube.SERVER, "--grace-period=0", "--force", "--wait=false")
    time.sleep(2)
    cluster.again()
    right(cluster, run, "the server killed", 1)
    run = started(cluster, folder, 10)
    kubectl("scale", kube.DEPLOYMENT, "--replicas=0")
    time.sleep(30)  # the step ends meanwhile, and its launcher waits for somebody to tell
    kubectl("scale", kube.DEPLOYMENT, "--replicas=1")
    cluster.again()
    right(cluster, run, "the server away while a step ends", 1)


def pods(cluster: Cluster, folder: str) -> None:
    def of_second(run: str) -> str:
        running = kube.wait("the step's pod runs", lambda: [p for p in cluster.pod_list(run) if p["status"]["phase"] == "Running"])
        return running[0]["metadata"]["name"]

    run = started(cluster, folder, 15)
    kubectl("delete", "pod", of_second(run), "--grace-period=0", "--force")
    right(cluster, run, "the step's pod deleted", 2)
    run = started(cluster, folder, 15)
    name = of_second(run)
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": kube.NAMESPACE}}
    kubectl("create", "--raw", f"/api/v1/namespaces/{kube.NAMESPACE}/pods/{name}/eviction", "-f", "-", stdin=json.dumps(eviction), namespace=None)
    right(cluster, run, "the step's pod evicted", 2)


def store(cluster: Cluster, folder: str) -> None:
    """For a minute the bucket's server is no part of its service: nobody reaches it, and it keeps what it has."""
    run = cluster.submit(pipelines.compiled(pipelines.artifacts, folder), {"text": "a minute"})
    kubectl("patch", "service", "minio", "--type=merge", "-p", '{"spec":{"selector":{"app.kubernetes.io/name":"away"}}}')
    time.sleep(60)
    kubectl("patch", "service", "minio", "--type=merge", "-p", '{"spec":{"selector":{"app.kubernetes.io/name":"minio"}}}')
    ended = cluster.ended(run)
    check(ended["state"] == "SUCCEEDED", "MinIO away for a minute: the run ends right", json.dumps([cluster.summary(ended), ended.get("error")]))


def refused() -> int:
    """How many requests the API server has answered 429 by the test's own level."""
    lines = kubectl("get", "--raw", "/metrics", namespace=None).stdout.splitlines()
    return sum(int(float(line.rsplit(" ", 1)[1])) for line in lines if line.startswith("apiserver_flowcontrol_rejected_requests_total") and 'priority_level="dhow-test"' in line)


@contextlib.contextmanager
def crowd(account: str, threads: int = 4):
    """Others ask by the account, without a pause: what its level has is taken."""
    config = json.loads(kubectl("config", "view", "--raw", "--minify", "--flatten", "--output", "json", namespace=None).stdout)["clusters"][0]["cluster"]
    tls = ssl.create_default_context(cadata=base64.b64decode(config["certificate-authority-data"]).decode())
    token, over = kubectl("create", "token", account, "--duration=10m").stdout.strip(), threading.Event()

    def ask() -> None:
        way = http.client.HTTPSConnection(config["server"].removeprefix("https://").rstrip("/"), context=tls, timeout=30)
        while not over.is_set():
            with contextlib.suppress(OSError, http.client.HTTPException):
                way.request("GET", f"/api/v1/namespaces/{kube.NAMESPACE}/pods", headers={"Authorization": f"Bearer {token}"})
                way.getresponse().read()
        way.close()

    all_of_them = [threading.Thread(target=ask, daemon=True) for _ in range(threads)]
    for one in all_of_them:
        one.start()
    try:
        yield
    finally:
        over.set()
        for one in all_of_them:
            one.join(60)


def throttled(cluster: Cluster, folder: str) -> None:
    """API Priority and Fairness gives the server's account one request at a time, others ask by it as well, and what is more is refused (429)."""
    kind = {"apiVersion": "flowcontrol.apiserver.k8s.io/v1", "metadata": {"name": "dhow-test"}}
    level = {**kind, "kind": "PriorityLevelConfiguration", "spec": {"type": "Limited", "limited": {"nominalConcurrencyShares": 0, "lendablePercent": 0, "borrowingLimitPercent": 0, "limitResponse": {"type": "Reject"}}}}
    rule = {"subjects": [{"kind": "ServiceAccount", "serviceAccount": {"name": "dhow-server", "namespace": kube.NAMESPACE}}],
            "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"], "clusterScope": True}]}
    schema = {**kind, "kind": "FlowSchema", "spec": {"priorityLevelConfiguration": {"name": "dhow-test"}, "matchingPrecedence": 2, "distinguisherMethod": {"type": "ByUser"}, "rules": [rule]}}
    run = started(cluster, folder, 20)
    kube.apply([level, schema], namespace=None)
    try:
        with crowd("dhow-server"):
            new = cluster.submit(pipelines.compiled(pipelines.conditions, folder), {})
            time.sleep(40)
        check(refused() > 0, f"the API server refuses what dhow asks of it (429): {refused()} times", "never")
        right(cluster, run, "the API server throttles", 1)
        ended = cluster.ended(new)
        check(ended["state"] == "SUCCEEDED", "a run that began meanwhile ends right, too", json.dumps([cluster.summary(ended), ended.get("error")]))
    finally:
        for what in ("flowschema", "prioritylevelconfiguration"):
            kubectl("delete", what, "dhow-test", namespace=None)


def node(cluster: Cluster, folder: str) -> None:
    """Every process of the node ends at once, as by a power cut, and it is started again."""
    if not OWN:
        skip("the node restarted", "not a node of ours")
        return
    run = started(cluster, folder, 15)
    subprocess.run([sys.executable, str(HERE / "cluster.py"), "restart"], check=True)
    kube.wait("the services", lambda: kubectl("rollout", "status", "deployment/minio", "--timeout=60s", check=False).returncode == 0)
    cluster.again()
    ended = cluster.ended(run)
    check(ended["state"] == "SUCCEEDED", "the node restarted: the run ends right", json.dumps([cluster.summary(ended), ended.get("error")]))


def main() -> None:
    kube.needed("faults on the cluster")
    with deploy() as cluster, tempfile.TemporaryDirectory() as folder:
        for part in (server, pods, store, throttled, node):
            part(cluster, folder)
    done()


main()
