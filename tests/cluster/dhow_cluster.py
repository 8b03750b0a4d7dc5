"""dhow deployed in the cluster, as its tests see it: the official client, and the record by `dhow show`."""
import base64
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import warnings

import kube
from kube import DEPLOYMENT, NAMESPACE, Forward, get, kubectl
from tap import DHOW

warnings.filterwarnings("ignore")
os.environ["HOME"] = tempfile.mkdtemp(prefix="dhow-home-")  # the SDK keeps its context there
FINAL = ("SUCCEEDED", "FAILED", "CANCELED", "CANCELLED")
DATA = kube.images.ROOT / "pipelines" / "model_selection" / "data" / "breast_cancer.csv"


class Cluster:
    """The server in the cluster. A run is known by its id; `show` gives what the record says of it."""

    def __init__(self, way: Forward, token: str):
        self.way, self.admin, self.made = way, token, None

    @property
    def client(self):
        import kfp
        if self.made is None:
            self.made = kfp.Client(host=self.way.url, existing_token=self.admin)
        return self.made

    def again(self) -> None:
        """After the server was replaced."""
        kubectl("rollout", "status", DEPLOYMENT, f"--timeout={kube.PATIENCE}s")
        self.way.again()

    def submit(self, package, parameters: dict) -> str:
        with contextlib.redirect_stdout(sys.stderr):
            run = self.client.create_run_from_pipeline_package(str(package), arguments=parameters)
        return run.run_id

    def show(self, run_id: str) -> dict:
        """What `dhow show` in the server's pod says; asked again while the server is away."""
        for _ in range(kube.PATIENCE):
            result = kubectl("exec", DEPLOYMENT, "--", "dhow", "show", run_id, "--output", "json", check=False)
            if result.returncode == 0:
                return json.loads(result.stdout)
            time.sleep(1)
        raise SystemExit(f"Bail out! dhow show {run_id}: {result.stderr}")

    def log(self, run: dict, task: str) -> str:
        return kubectl("exec", DEPLOYMENT, "--", "dhow", "logs", f"{run['run_id']}/{task}", check=False).stdout

    def until(self, run_id: str, true, what: str, seconds: float = kube.PATIENCE) -> dict:
        """The run once `true` holds for it."""
        end = time.monotonic() + seconds
        while True:
            run = self.show(run_id)
            if true(run):
                return run
            if time.monotonic() > end or (run["state"] in FINAL and not true(self.show(run_id))):
                self.tell(run)
                raise SystemExit(f"Bail out! {what}: not within {seconds:.0f} seconds")
            time.sleep(1)

    def tell(self, run: dict) -> None:
        """What helps to understand a failure, as comments."""
        for line in (json.dumps(self.summary(run)), json.dumps(run.get("error")), kubectl("get", "pods", "-o", "wide", check=False).stdout,
                     kubectl("logs", DEPLOYMENT, "--tail=20", check=False).stdout):
            print("\n".join(f"# {part}" for part in str(line).splitlines()), file=sys.stderr)

    def ended(self, run_id: str, seconds: float = 2 * kube.PATIENCE) -> dict:
        return self.until(run_id, lambda r: r["state"] in FINAL, "the end of the run", seconds)

    def run(self, package, parameters: dict, seconds: float = 2 * kube.PATIENCE) -> dict:
        return self.ended(self.submit(package, parameters), seconds)

    def terminate(self, run_id: str) -> None:
        self.client.terminate_run(run_id)

    def pod_list(self, run_id: str) -> list:
        return get("pods", selector=f"dhow-run={run_id}")

    def pods(self, run_id: str) -> int:
        """How many pods the run made, by its Workflow: those that are gone count too."""
        flows = get("workflows", selector=f"dhow-run={run_id}")
        return sum(node["type"] == "Pod" for flow in flows for node in flow["status"].get("nodes", {}).values())

    def token(self, run: dict) -> str:
        """The token that the run's pods hold, read as the cluster's admin."""
        for secret in get("secrets"):
            if secret["metadata"].get("labels", {}).get("dhow-run") == run["run_id"] or secret["metadata"]["name"] == f"dhow-run-{run['run_id'][24:]}":
                return base64.b64decode(secret["data"]["token"]).decode().strip()
        return ""

    def numbers(self, run_id: str) -> list:
        """What its steps have reported, as the page gets it."""
        request = urllib.request.Request(f"{self.way.url}/ui/runs/{run_id}/metrics", headers={"Authorization": f"Bearer {self.admin}"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return [(m["name"], m["value"], m["step"]) for m in json.load(answer)["items"]]

    def claim(self, body: dict, token: str) -> int:
        """The status of such a claim; 0: there is nothing to do, for the run is over."""
        request = urllib.request.Request(self.way.url + "/launch/v1/claim", json.dumps(body).encode(), {"Content-Type": "application/json", "Authorization": f"Bearer {token}"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status if json.load(answer)["do"] == "run" else 0
        except urllib.error.HTTPError as e:
            return e.code

    @staticmethod
    def summary(run: dict) -> dict:
        """Each task's state and what it put out; of artifacts what does not differ from run to run."""
        def clean(values: dict) -> dict:
            return {k: v for k, v in values.items() if "version" not in k}
        return {task["key"]: [task["state"], clean(task["outputs"]["parameters"]),
                              {name: [a.get("type") for a in (made if isinstance(made, list) else [made])] for name, made in task["outputs"]["artifacts"].items()}]
                for task in run["tasks"]}


def local(package, parameters: dict, home: str | None = None) -> dict:
    """The same by the local engine, in a home of its own."""
    with contextlib.ExitStack() as stack:
        home = home or stack.enter_context(tempfile.TemporaryDirectory())
        given = [word for key, value in parameters.items() for word in ("-p", f"{key}={value}")]
        env = {**os.environ, "DHOW_HOME": home}
        subprocess.run([DHOW, "run", str(package), *given], env=env, capture_output=True, check=False, timeout=kube.PATIENCE)
        shown = subprocess.run([DHOW, "show", "1", "--output", "json"], env=env, capture_output=True, text=True, check=True)
        return json.loads(shown.stdout)


def data_url() -> str:
    """The demo's data in the bucket, by a URL that pods can read for a day."""
    import boto3
    import botocore.config
    keys = get("secret", "mlpipeline-minio-artifact")["data"]
    user, secret = (base64.b64decode(keys[name]).decode() for name in ("accesskey", "secretkey"))

    def client(endpoint: str):
        return boto3.client("s3", endpoint_url=endpoint, aws_access_key_id=user, aws_secret_access_key=secret, region_name="us-east-1",
                            config=botocore.config.Config(s3={"addressing_style": "path"}, signature_version="s3v4"))
    with Forward("service/minio", 9000) as way:
        client(way.url).upload_file(str(DATA), "dhow", "data/breast_cancer.csv")
    return client("http://minio:9000").generate_presigned_url("get_object", {"Bucket": "dhow", "Key": "data/breast_cancer.csv"}, ExpiresIn=86400)


def volumes() -> None:
    """On the own node nothing makes volumes: folders of the cluster's, that belong to the servers' user."""
    if not kube.OWN:
        return
    for claim in ("dhow-home", "minio"):
        at = kube.FOLDER / f"{claim}-{int(time.time())}"
        at.mkdir()
        os.chown(at, 65532, 65532)
        kubectl("delete", "persistentvolume", f"test-{claim}", "--ignore-not-found", namespace=None)
        kube.apply({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": f"test-{claim}"},
                    "spec": {"capacity": {"storage": "50Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": str(at)}, "claimRef": {"name": claim, "namespace": NAMESPACE}}})


@contextlib.contextmanager
def deploy(*overlays: str):
    """dhow of this build in the cluster by `dhow deploy`, with MinIO beside it; both are new and empty."""
    kube.load("shell", "python", "minio", ours=True)
    kubectl("delete", "deployment,persistentvolumeclaim,secret", "-l", "app.kubernetes.io/part-of=dhow", "--ignore-not-found")
    kubectl("delete", "workflows", "--all")
    volumes()
    what = [DHOW, "deploy", *(word for name in ("minio", *overlays) for word in ("--overlay", name)), "--namespace", NAMESPACE]
    secrets = subprocess.run([*what[:2], "secrets", *what[2:]], capture_output=True, text=True, check=True)
    token = re.search(r": ([0-9a-f]{20,})", secrets.stderr)[1]
    for manifest in (secrets.stdout, subprocess.run(what, capture_output=True, text=True, check=True).stdout):
        kubectl("apply", "-f", "-", stdin=manifest)
    for each in ("deployment/minio", DEPLOYMENT):
        kubectl("rollout", "status", each, f"--timeout={kube.PATIENCE}s")
    with Forward("service/dhow", 8080) as way:
        yield Cluster(way, token)
