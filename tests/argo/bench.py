"""What the tests of `dhow serve --engine argo` share: a server, a cluster and a bucket, and questions to them."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import ssl
import tempfile
import time
import urllib.error
import urllib.request

import minio
from cluster import LAUNCHER, Cluster
from flows import person
from ports import free_port
from server import Server
from specs import write
from tap import check, dhow, done, processes, skip, until

API = "/apis/v2beta1/"
ENDED = ("SUCCEEDED", "FAILED", "CANCELED")


def needed(name: str) -> None:
    minio.needed(name)
    if not shutil.which("bwrap"):
        skip(name, "there is no bubblewrap (tools/install-deps.sh test)")
        done()
    if not os.path.exists(LAUNCHER):
        skip(name, f"there is no {LAUNCHER}")
        done()


class Bench:
    def __init__(self, folder: pathlib.Path, store: minio.Server, *options):
        self.folder, self.store = folder, store
        self.cluster = Cluster(folder / "cluster")
        self.env = minio.environment(store.endpoint, KUBECONFIG=self.cluster.kubeconfig())
        self.port = free_port()
        self.home = folder / "home"
        self.tls = ssl.create_default_context(cafile=options[options.index("--tls-cert") + 1]) if "--tls-cert" in options else None
        self.server = Server(self.home, "--engine", "argo", "--pipeline-root", "s3://bkt/root", "--launch-url", f"http{'s' if '--tls-cert' in options else ''}://127.0.0.1:{self.port}",
                             "--pull-timeout", "5s", *options, env=self.env)
        self.server.start(self.port)

    def ask(self, path: str, method: str = "GET", body: dict | None = None):
        request = urllib.request.Request(self.server.url + path, method=method, data=json.dumps(body).encode() if body is not None else None,
                                         headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=120, context=self.tls) as answer:
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as e:
            return {"error_status": e.code, "text": e.read().decode()}

    def submit(self, spec: dict, name: str = "test", **more) -> str:
        answer = self.ask(API + "runs", "POST", {"display_name": name, "pipeline_spec": spec, **more})
        assert "run_id" in answer, answer
        return answer["run_id"]

    def run(self, run: str) -> dict:
        return self.ask(API + f"runs/{run}")

    def wait(self, run: str, seconds: float = 180, states: tuple = ENDED) -> dict:
        end = time.time() + seconds
        while time.time() < end:
            r = self.run(run)
            if r.get("state") in states:
                return r
            time.sleep(0.05)
        raise SystemExit(f"Bail out! run {run} is {self.run(run).get('state')} after {seconds} s\n{json.dumps(self.show(run))[:3000]}\n"
                         f"{json.dumps((self.cluster.workflow(run) or {}).get('status'))}\n{self.errors()}")

    def errors(self) -> str:
        return (self.home / "serve.err").read_text()[-1500:]

    def show(self, run: str) -> dict:
        shown = dhow("show", run, "--output", "json", home=self.home, env=self.env)
        return json.loads(shown.stdout) if shown.returncode == 0 else {"error": shown.stderr}

    def process(self, run: str) -> int:
        """The process that runs it; 0: none."""
        with contextlib.closing(sqlite3.connect(self.home / "dhow.db", timeout=60)) as db:
            return db.execute("SELECT owner_pid FROM run WHERE uuid = ?", (run,)).fetchone()[0] or 0

    def kill_process(self, run: str) -> int:
        """Its number; never that of nobody, which is all of us."""
        pid = self.process(run)
        if pid <= 0:
            raise SystemExit(f"Bail out! nobody runs {run}: {json.dumps(self.show(run))[:2000]}")
        os.kill(pid, signal.SIGKILL)
        return pid

    def log(self, run: str) -> str:
        return dhow("logs", run, home=self.home, env=self.env).stdout

    until = staticmethod(until)

    def workflow_ended(self, run: str) -> str:
        self.until(lambda: (self.cluster.workflow(run) or {}).get("status", {}).get("phase") in ("Succeeded", "Failed", "Error"))
        return (self.cluster.workflow(run) or {}).get("status", {}).get("phase", "gone")

    def close(self) -> None:
        self.server.__exit__()
        self.cluster.close()


def engines(home: pathlib.Path) -> list:
    """The processes that run something in this home."""
    return processes(lambda line: f"\0--home\0{home}\0".encode() in line)


@contextlib.contextmanager
def bench(*options):
    with minio.minio() as store:
        with tempfile.TemporaryDirectory(prefix="dhow-argo-") as name:
            store.client().create_bucket(Bucket="bkt")
            b = Bench(pathlib.Path(name), store, *options)
            try:
                yield b
            finally:
                b.close()
        check(b.until(lambda: not engines(b.home)), "nothing runs on in a home that was removed", str(engines(b.home)))


def decided(b: Bench) -> str:
    """A run that waits for a person, and is told to go on."""
    run = b.submit(person(), "person")
    b.until(lambda: any(t["state"] == "RUNNING" for t in b.show(run)["tasks"]))
    dhow("approve", f"{run}/ask", "--set", "go=YES", "--by", "anna", home=b.home, env=b.env)
    b.wait(run)
    states = {t["name"]: t["state"] for t in b.show(run)["tasks"]}
    check(states == {"ask": "SUCCEEDED", "then": "SUCCEEDED", "deploy": "SUCCEEDED"} and b.workflow_ended(run) == "Succeeded", "a task waits for a person; what depends on the answer runs", f"{states}\n{b.log(run)}")
    return run


def outcome(shown: dict) -> dict:
    """What must be the same wherever a run is executed."""
    tasks = sorted((t["scope_path"], t.get("iteration"), t["state"], t.get("attempts"), json.dumps(t.get("outputs", {}).get("parameters"))) for t in shown["tasks"])
    return {"state": shown["state"], "outputs": shown.get("outputs"), "tasks": tasks}


def here(folder: pathlib.Path, spec: dict, name: str) -> dict:
    """The same pipeline by the local engine."""
    home = folder / f"here-{name}"
    dhow("run", write(folder, spec, f"{name}.json"), "--quiet", home=home)
    return json.loads(dhow("show", "last", "--output", "json", home=home).stdout)
