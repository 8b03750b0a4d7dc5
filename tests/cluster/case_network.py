"""NetworkPolicies that are enforced: what a step's pod and the server reach, and who reaches them; each place is seen to answer somebody else."""
import subprocess
import sys
import tempfile

import kube
import pipelines
from cluster import enforced
from dhow_cluster import DHOW, Cluster, deploy
from kube import DEPLOYMENT, apply, kubectl, pod
from tap import check, done

ELSEWHERE = "dhow-test-elsewhere"  # a namespace without policies
WEB = "198.51.100.7"  # an address of the node alone that is in no private network
REFUSED = ["dhow-test-near:8000", f"dhow-test-far.{ELSEWHERE}:8000", f"{WEB}:443", f"{WEB}:80"]
SCRIPT = 'for at in "$@"; do nc -w 5 "${at%:*}" "${at##*:}" </dev/null >/dev/null 2>&1 && echo "$at"; done; true'


def kubelet() -> str:
    return kubectl("get", "nodes", "-o", "jsonpath={.items[0].status.addresses[?(@.type=='InternalIP')].address}", namespace=None).stdout + ":10250"


def serving(name: str, namespace: str) -> list[dict]:
    made = pod(name, pipelines.SHELL, ["httpd", "-f", "-p", "8000", "-h", "/tmp"])
    made["metadata"] |= {"namespace": namespace, "labels": {"dhow-test": "yes", "app": name}}
    return [made, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace, "labels": {"dhow-test": "yes"}},
                   "spec": {"selector": {"app": name}, "ports": [{"port": 8000}]}}]


def places() -> None:
    """What may be reached: a pod beside the steps, one in another namespace, the web (two ports of the node)."""
    subprocess.run([sys.executable, str(kube.HERE / "cluster.py"), "exec", "ip", "addr", "replace", f"{WEB}/32", "dev", "lo"], check=True)
    kubectl("create", "namespace", ELSEWHERE, check=False, namespace=None)
    web = pod("dhow-test-web", pipelines.SHELL, ["sh", "-c", f"httpd -p {WEB}:80 -h /tmp; exec httpd -f -p {WEB}:443 -h /tmp"])
    web["metadata"]["namespace"] = ELSEWHERE
    web["spec"]["hostNetwork"] = True
    apply([*serving("dhow-test-near", kube.NAMESPACE), *serving("dhow-test-far", ELSEWHERE), web], namespace=None)
    for name, namespace in (("dhow-test-near", kube.NAMESPACE), ("dhow-test-far", ELSEWHERE), ("dhow-test-web", ELSEWHERE)):
        kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=120s", namespace=namespace)


def from_pod(name: str, namespace: str, to: list[str]) -> list[str]:
    """Which of these a pod reaches."""
    return kubectl("exec", name, "--", "sh", "-c", SCRIPT, "sh", *to, namespace=namespace).stdout.split()


def from_step(cluster: Cluster, folder: str, to: list[str]) -> list[str]:
    run = cluster.run(pipelines.compiled(pipelines.reaches_out, folder), {"places": " ".join(to)})
    check(run["state"] == "SUCCEEDED", "a step runs to its end: its inputs, its outputs and Argo's report pass")
    return [line.split()[0] for line in cluster.log(run, "reaches").splitlines() if line.endswith(" answers")]


def steps(cluster: Cluster, folder: str) -> None:
    asked = ["dhow:8080", "minio:9000", "kubernetes.default:443", *REFUSED, kubelet()]
    reached = from_step(cluster, folder, asked)
    check(reached == asked[:3], "a step's pod reaches the server, the store and (for Argo's container) the API server, by their names, and nothing else", str(reached))
    whole = from_pod("dhow-test-far", ELSEWHERE, asked)
    check(whole == ["kubernetes.default:443", *REFUSED[1:], kubelet()], "a pod elsewhere reaches what a step does not, but nothing of ours", str(whole))


def server() -> None:
    """Who reaches the server, and what it reaches."""
    far = [f"{name}.{kube.NAMESPACE}:{port}" for name, port in (("dhow", 8080), ("minio", 9000), ("dhow-test-near", 8000))]
    check(from_pod("dhow-test-far", ELSEWHERE, far) == [], "what is ours is reached by none of another namespace")
    check(from_pod("dhow-test-near", kube.NAMESPACE, ["dhow:8080", "minio:9000", f"{WEB}:443"]) == [], "nor by a pod of this one that is no step, and that reaches nothing")
    kubectl("label", "namespace", ELSEWHERE, "dhow-ingress=true", namespace=None)
    kube.wait("the label's effect", lambda: from_pod("dhow-test-far", ELSEWHERE, far))
    check(from_pod("dhow-test-far", ELSEWHERE, far) == far[:1], "a namespace with the ingress' label reaches the server, and the server alone")


def internet(cluster: Cluster, folder: str) -> None:
    apply(subprocess.run([DHOW, "deploy", "--overlay", "minio", "--overlay", "internet", "--namespace", kube.NAMESPACE], capture_output=True, text=True, check=True).stdout)
    kubectl("rollout", "status", DEPLOYMENT, f"--timeout={kube.PATIENCE}s")
    reached = from_step(cluster, folder, ["minio:9000", *REFUSED, kubelet()])
    check(reached == ["minio:9000", f"{WEB}:443", f"{WEB}:80"], "with the overlay 'internet' a step reaches the web, and still no pod and no port of the node", str(reached))


def main() -> None:
    kube.needed("network policies")
    if not kube.OWN:
        kube.skip("network policies", "only the own node is known to enforce them and has an address of the web")
        done()
    with enforced(), deploy() as cluster, tempfile.TemporaryDirectory() as folder:
        places()
        try:
            steps(cluster, folder)
            server()
            internet(cluster, folder)
        finally:
            kubectl("delete", "networkpolicy", "dhow-to-internet", "--ignore-not-found")
            kubectl("delete", "pods,services", "-l", "dhow-test=yes", "--wait=false")
            kubectl("delete", "namespace", ELSEWHERE, "--wait=false", namespace=None)
    done()


main()
