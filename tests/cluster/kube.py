"""What the cluster's tests share: kubectl, waiting, a way to a service, MinIO in the cluster."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
import images  # noqa: E402
from cluster import PATIENCE  # noqa: E402
from ports import free_port  # noqa: E402
from tap import DHOW, done, skip  # noqa: E402

NAMESPACE = os.environ.get("DHOW_TEST_NAMESPACE", "dhow")
OWN = os.environ.get("DHOW_CLUSTER_OWN") == "1"  # the node of cluster.py, which the tests may also break
FOLDER = pathlib.Path(os.environ.get("DHOW_CLUSTER", images.ROOT / ".tools" / "cluster")).resolve()
DEPLOYMENT, SERVER = "deployment/dhow-server", "app.kubernetes.io/name=dhow-server"  # the server, and what its pods are known by


def kubectl_program() -> list[str]:
    node = images.PROGRAMS / "node"
    return [str(node), "kubectl"] if node.exists() else [shutil.which("kubectl") or "kubectl"]


def needed(name: str) -> None:
    """Ends the script with a skipped case where no cluster is given."""
    if not os.environ.get("KUBECONFIG"):
        skip(name, "KUBECONFIG names no cluster (make cluster-test starts one)")
        done()


def kubectl(*argv, stdin: str | None = None, check: bool = True, timeout: float = PATIENCE + 30, namespace: str | None = NAMESPACE) -> subprocess.CompletedProcess:
    where = ["--namespace", namespace] if namespace else []
    result = subprocess.run([*kubectl_program(), *where, *map(str, argv)], input=stdin, capture_output=True, text=True, timeout=timeout, check=False)
    if check and result.returncode:
        raise SystemExit(f"Bail out! kubectl {' '.join(map(str, argv))}: {result.stderr.strip()}")
    return result


def get(kind: str, name: str | None = None, **more):
    """An object (None: there is none), or the list of all of a kind; selector=… narrows it."""
    argv = ["get", kind, *([name] if name else []), "--output", "json"]
    if more.get("selector"):
        argv += ["--selector", more["selector"]]
    result = kubectl(*argv, check=False, namespace=more.get("namespace", NAMESPACE))
    if result.returncode:
        if "NotFound" in result.stderr:
            return None
        raise SystemExit(f"Bail out! kubectl get {kind}: {result.stderr.strip()}")
    found = json.loads(result.stdout)
    return found if name else found["items"]


def apply(manifest: str | dict | list, **more) -> None:
    if isinstance(manifest, list):
        manifest = {"apiVersion": "v1", "kind": "List", "items": manifest}
    kubectl("apply", "-f", "-", stdin=manifest if isinstance(manifest, str) else json.dumps(manifest), **more)


def wait(what: str, ready, seconds: float = PATIENCE, every: float = 0.5):
    """What `ready` answers, once that is true; else the test ends."""
    end = time.monotonic() + seconds
    while True:
        if answer := ready():
            return answer
        if time.monotonic() > end:
            raise SystemExit(f"Bail out! {what}: not within {seconds:.0f} seconds")
        time.sleep(every)


def pod(name: str, image: str, command: list[str], **spec) -> dict:
    """A pod of one container; what is given beside goes into the container or, by its name, into the pod."""
    of_pod = {k: spec.pop(k) for k in ("nodeSelector", "securityContext", "serviceAccountName", "automountServiceAccountToken", "volumes", "initContainers") if k in spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"dhow-test": "yes"}},
            "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, **of_pod,
                     "containers": [{"name": "main", "image": image, "imagePullPolicy": "IfNotPresent", "command": command, **spec}]}}


def phase(name: str) -> str:
    return kubectl("get", "pod", name, "-o", "jsonpath={.status.phase}", check=False).stdout


def ended(name: str, seconds: float = PATIENCE) -> str:
    """The phase of a pod once it has ended."""
    return wait(f"the end of pod {name}", lambda: (p := phase(name)) in ("Succeeded", "Failed") and p, seconds)


class Forward:
    """A port of this machine's loopback that is a service of the cluster; it is made anew when it breaks."""

    def __init__(self, target: str, port: int, namespace: str = NAMESPACE):
        self.target, self.to, self.namespace, self.port, self.process = target, port, namespace, free_port(), None

    def __enter__(self):
        self.again()
        return self

    def again(self) -> None:
        """After the pod behind the service was replaced."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            self.__exit__()
            self.process = subprocess.Popen([*kubectl_program(), "--namespace", self.namespace, "port-forward", self.target, f"{self.port}:{self.to}", "--address", "127.0.0.1"],
                                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            if "Forwarding" in (self.process.stdout.readline() or ""):
                return
            time.sleep(0.5)
        raise SystemExit(f"Bail out! {self.target} cannot be reached")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __exit__(self, *_):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self.process = None


def load(*names: str, ours: bool = False) -> None:
    """Images into the cluster: into the own node, or by kind where that is what KUBECONFIG names."""
    folder = FOLDER / "images"
    loaded = {name: folder / f"{name}.loaded" for name in (*names, *(["ours"] if ours else []))}
    program = pathlib.Path(DHOW).stat().st_mtime
    wanted = [name for name, stamp in loaded.items() if not (OWN and stamp.exists() and stamp.stat().st_mtime > (program if name == "ours" else 0))]
    archives = images.make(folder, [name for name in wanted if name != "ours"]) + (images.ours(folder) if "ours" in wanted else [])
    if OWN:
        if archives:
            subprocess.run([sys.executable, str(HERE / "cluster.py"), "load", *map(str, archives)], check=True)
        for name in wanted:  # the own node keeps them until it is removed, with this folder
            loaded[name].touch()
    elif (loader := os.environ.get("DHOW_CLUSTER_LOAD")):  # such as 'kind load image-archive'
        for archive in archives:
            subprocess.run([*loader.split(), str(archive)], check=True)


def metric(name: str, where: str = "apiserver") -> float:
    """The sum of a counter of the API server, or of etcd on the own node."""
    if where == "apiserver":
        text = kubectl("get", "--raw", "/metrics", namespace=None).stdout
    else:
        text = subprocess.run([sys.executable, str(HERE / "cluster.py"), "exec", "busybox", "wget", "-qO-", "http://127.0.0.1:2379/metrics"],
                              capture_output=True, text=True, check=True).stdout
    return sum(float(m) for m in re.findall(rf"^{name}(?:{{[^}}]*}})? ([0-9.e+]+)$", text, re.MULTILINE))
