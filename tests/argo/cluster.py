"""A small Kubernetes for tests: an API server with what dhow asks of one, Argo's controller as far as our Workflows need it,
and a kubelet that runs dhow's launcher as a process in a root of its own (bubblewrap).

Faults are asked for by attributes: busy (requests to be answered 429), cuts (watches to be cut), forget() (410 for old watches);
and per task by `bad`: {scope: [what, …]}, one a pod, of "image", "oom", "room", "evict", "delete", "init", "idle" (nobody runs in it), None.
"""
import contextlib
import datetime
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.parse
import uuid

from expr import evaluate, replaced
from tap import DHOW, ROOT

LAUNCHER = os.environ.get("DHOW_LAUNCH", str(ROOT / "build" / "dhow-launch"))
FINAL = ("Succeeded", "Failed", "Error")


def now() -> str:
    t = datetime.datetime.now(datetime.timezone.utc)
    return t.strftime("%Y-%m-%dT%H:%M:%S.") + f"{t.microsecond * 1000:09d}Z"


class Cluster:
    def __init__(self, folder: str | pathlib.Path):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.lock = threading.Condition()
        self.objects = {"pods": {}, "workflows": {}, "secrets": {}, "persistentvolumeclaims": {}, "workflowtasksets": {}}
        self.history, self.version, self.oldest = [], 0, 0
        self.logs, self.processes = {}, {}
        self.bad, self.busy, self.cuts, self.refused = {}, 0, 0, set()
        self.release, self.lists = threading.Event(), {}
        self.requests, self.stopping, self.down = [], False, False
        self.asked, self.tidy, self.agents = [], True, False  # questions to the server, with their answers; whether the controller takes away what it was told, and makes pods for them
        self.made, self.binds = [], []  # volume claims that there were; folders of this machine that pods see
        self.token = "cluster-token"
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler_of(self))
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # who asked has gone
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    # ---- objects ----

    def kubeconfig(self) -> str:
        path = self.folder / "kubeconfig"
        path.write_text(json.dumps({
            "current-context": "test", "contexts": [{"name": "test", "context": {"cluster": "c", "user": "u", "namespace": "ns"}}],
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{self.port}/"}}],
            "users": [{"name": "u", "user": {"token": self.token}}]}))
        return str(path)

    def changed(self, kind: str, what: str, obj: dict) -> None:
        self.version += 1
        obj["metadata"]["resourceVersion"] = str(self.version)
        self.history.append((self.version, kind, what, json.dumps(obj)))
        self.lock.notify_all()

    def create(self, kind: str, obj: dict) -> dict | None:
        with self.lock:
            meta = obj["metadata"]
            if meta["name"] in self.objects[kind]:
                return None
            meta.update({"uid": str(uuid.uuid4()), "namespace": "ns", "creationTimestamp": now()})
            self.objects[kind][meta["name"]] = obj
            if kind == "persistentvolumeclaims":
                self.made.append(obj)
            self.changed(kind, "ADDED", obj)
            copy = json.loads(json.dumps(obj))
        if kind == "workflows":
            threading.Thread(target=Controller(self, meta["name"]).run, daemon=True).start()
        return copy

    def update(self, kind: str, name: str, **status) -> None:
        with self.lock:
            obj = self.objects[kind].get(name)
            if obj:
                obj.setdefault("status", {}).update(status)
                self.changed(kind, "MODIFIED", obj)

    def delete(self, kind: str, name: str) -> bool:
        with self.lock:
            obj = self.objects[kind].pop(name, None)
            if obj:
                self.changed(kind, "DELETED", obj)
                uid = obj["metadata"]["uid"]
                for other in ("secrets", "pods", "workflowtasksets"):
                    for n, o in list(self.objects[other].items()):
                        if any(r.get("uid") == uid for r in o["metadata"].get("ownerReferences", [])):
                            self.delete(other, n)
                p = self.processes.pop(name, None) if kind == "pods" else None
                if p:
                    p.kill()
            return obj is not None

    def forget(self) -> None:
        """Watches from before now are answered 410."""
        with self.lock:
            self.oldest = self.version
            self.history.clear()
            self.lock.notify_all()

    def pods(self, run: str | None = None) -> list:
        with self.lock:
            return [json.loads(json.dumps(p)) for p in self.objects["pods"].values() if run is None or p["metadata"]["labels"].get("dhow-run") == run]

    def workflow(self, run: str) -> dict | None:
        with self.lock:
            for w in self.objects["workflows"].values():
                if w["metadata"]["labels"].get("dhow-run") == run:
                    return json.loads(json.dumps(w))
        return None

    def wait(self, what, seconds: float = 60) -> bool:
        end = time.time() + seconds
        with self.lock:
            while time.time() < end and not self.stopping:
                if what():
                    return True
                self.lock.wait(0.2)
        return False

    def close(self) -> None:
        self.stopping = True
        with self.lock:
            self.lock.notify_all()
            for p in self.processes.values():
                p.kill()
        self.server.shutdown()
        self.server.server_close()


# ---- the API server ----

KINDS = r"(?P<kind>pods|workflows|secrets|persistentvolumeclaims|workflowtasksets)"
PATH = re.compile(r"^/(?:api/v1|apis/argoproj\.io/v1alpha1)/namespaces/ns/" + KINDS + r"(?:/(?P<name>[^/]+)(?:/(?P<sub>log|status))?)?$")


def merge(to: dict, patch: dict) -> None:
    for k, v in patch.items():
        if v is None:
            to.pop(k, None)
        elif isinstance(v, dict) and isinstance(to.get(k), dict):
            merge(to[k], v)
        else:
            to[k] = v


def selected(obj: dict, query: dict) -> bool:
    for term in filter(None, query.get("labelSelector", "").split(",")):
        k, v = term.split("=", 1)
        if obj["metadata"].get("labels", {}).get(k) != v:
            return False
    field = query.get("fieldSelector", "")
    return not field or obj["metadata"]["name"] == field.split("=", 1)[1]


def handler_of(cluster: Cluster):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 0

        def log_message(self, *_):
            pass

        def say(self, status: int, obj: dict, **headers) -> None:
            data = json.dumps(obj).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            for k, v in headers.items():
                self.send_header(k.replace("_", "-"), v)
            self.end_headers()
            self.wfile.write(data)

        def status(self, code: int, message: str, **headers) -> None:
            self.say(code, {"kind": "Status", "status": "Failure", "message": message, "code": code}, **headers)

        def stream(self) -> None:
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()

        def chunk(self, data: bytes) -> None:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

        def handle_one(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            url = urllib.parse.urlsplit(self.path)
            query = dict(urllib.parse.parse_qsl(url.query))
            with cluster.lock:
                cluster.requests.append((self.command, url.path, query))
                busy, down = cluster.busy > 0, cluster.down
                cluster.busy -= busy
            if down:
                self.close_connection = True
                return
            if self.headers.get("Authorization") != f"Bearer {cluster.token}":
                self.status(401, "Unauthorized")
            elif busy:
                self.status(429, "too many requests", Retry_After="1")
            elif url.path == "/version":
                self.say(200, {"major": "1", "minor": "36", "gitVersion": "v1.36.0"})
            elif url.path == "/apis/argoproj.io/v1alpha1":
                self.say(200, {"kind": "APIResourceList", "resources": [{"name": "workflows"}]})
            elif url.path.endswith("/selfsubjectaccessreviews"):
                a = body["spec"]["resourceAttributes"]
                self.say(201, {"status": {"allowed": (a["verb"], a["resource"]) not in cluster.refused}})
            else:
                m = PATH.match(url.path)
                if not m:
                    self.status(404, f"there is no {url.path}")
                elif (self.command, m["kind"]) in cluster.refused:
                    self.status(403, f"{m['kind']} is forbidden: User \"dhow\" cannot do that")
                else:
                    self.resource(m["kind"], m["name"], m["sub"], query, body)

        do_GET = do_POST = do_PATCH = do_DELETE = handle_one

        def resource(self, kind, name, sub, query, body) -> None:
            if sub == "log":
                self.log(name, query)
            elif self.command == "POST":
                obj = cluster.create(kind, body)
                self.say(201, obj) if obj else self.status(409, f"{kind} \"{body['metadata']['name']}\" already exists")
            elif self.command == "DELETE":
                self.say(200, {}) if cluster.delete(kind, name) else self.status(404, f"{kind} \"{name}\" not found")
            elif self.command == "PATCH":
                with cluster.lock:
                    obj = cluster.objects[kind].get(name)
                    if obj:
                        merge(obj, {"status": body["status"]} if sub else {k: v for k, v in body.items() if k != "status"})
                        cluster.changed(kind, "MODIFIED", obj)
                self.say(200, obj) if obj else self.status(404, f"{kind} \"{name}\" not found")
            elif name:
                with cluster.lock:
                    obj = cluster.objects[kind].get(name)
                self.say(200, obj) if obj else self.status(404, f"{kind} \"{name}\" not found")
            elif query.get("watch"):
                self.watch(kind, query)
            else:
                self.say(200, self.page(kind, query))

        def page(self, kind, query) -> dict:
            limit = 2  # small, so that there are some; all of one list are of one moment
            with cluster.lock:
                if "continue" in query:
                    version, items = cluster.lists.pop(query["continue"])
                else:
                    version, items = cluster.version, [json.loads(json.dumps(o)) for o in cluster.objects[kind].values() if selected(o, query)]
                meta = {"resourceVersion": str(version)}
                if len(items) > limit:
                    meta["continue"] = uuid.uuid4().hex
                    cluster.lists[meta["continue"]] = (version, items[limit:])
            return {"kind": "List", "metadata": meta, "items": items[:limit]}

        def watch(self, kind, query) -> None:
            version = int(query.get("resourceVersion") or 0)
            end = time.time() + min(int(query.get("timeoutSeconds", 60)), 20)
            self.stream()
            n = 0
            while not cluster.stopping:
                with cluster.lock:
                    if version < cluster.oldest:
                        self.chunk(json.dumps({"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old"}}).encode() + b"\n")
                        break
                    events = [h for h in cluster.history if h[0] > version and h[1] == kind]
                    if not events:
                        cluster.lock.wait(0.5)
                    if cluster.down:
                        self.close_connection = True
                        return
                for v, _, what, text in events:
                    version = v
                    obj = json.loads(text)
                    if selected(obj, query):
                        data = json.dumps({"type": what, "object": obj}).encode() + b"\n"
                        with cluster.lock:
                            cut = cluster.cuts > 0
                            cluster.cuts -= cut
                        if cut:  # in the middle of a line
                            self.chunk(data[:len(data) // 2])
                            self.close_connection = True
                            return
                        self.chunk(data)
                        n += 1
                if time.time() > end:
                    break
            self.wfile.write(b"0\r\n\r\n")

        def log(self, name, query) -> None:
            since = query.get("sinceTime", "")
            with cluster.lock:
                log = cluster.logs.get(name)
                exists = name in cluster.objects["pods"]
            if not exists:
                self.status(404, f"pods \"{name}\" not found")
                return
            if log is None:
                self.status(400, f"container \"main\" in pod \"{name}\" is waiting to start")
                return
            self.stream()
            i = 0
            while True:
                with cluster.lock:
                    while i >= len(log["lines"]) and not log["over"] and not cluster.stopping and not cluster.down:
                        cluster.lock.wait(0.5)
                    lines, over = log["lines"][i:], log["over"]
                    if cluster.down or log.pop("cut", False):
                        self.close_connection = True
                        return
                for stamp, text in lines:
                    i += 1
                    if stamp[:19] >= since[:19]:
                        self.chunk(stamp.encode() + b" " + text)
                if (over and i >= len(log["lines"])) or cluster.stopping:
                    break
            self.wfile.write(b"0\r\n\r\n")

    return Handler


# ---- Argo's controller ----

class Controller:
    def __init__(self, cluster: Cluster, name: str):
        self.cluster, self.name = cluster, name
        self.workflow = cluster.objects["workflows"][name]
        self.spec = self.workflow["spec"]
        self.templates = {t["name"]: t for t in self.spec["templates"]}
        self.slots = {}
        self.n = 0

    def over(self) -> bool:
        with self.cluster.lock:
            w = self.cluster.objects["workflows"].get(self.name)
            return self.cluster.stopping or w is None or w["spec"].get("shutdown") in ("Terminate", "Stop")

    def run(self) -> None:
        self.cluster.update("workflows", self.name, phase="Running")
        try:
            phase, _ = self.template(self.spec["entrypoint"], {})
        except Exception as e:  # a fault of this file's, or of the Workflow: seen in the test
            phase = "Error"
            self.cluster.update("workflows", self.name, message=f"{type(e).__name__}: {e}")
        if self.over() and phase == "Succeeded":
            phase = "Failed"
        self.cluster.update("workflows", self.name, phase="Succeeded" if phase in ("Succeeded", "Skipped") else phase if phase in FINAL else "Failed")

    def template(self, name: str, arguments: dict):
        """(phase, outputs' parameters)"""
        t = self.templates[name]
        inputs = {p["name"]: arguments.get(p["name"], p.get("value", "")) for p in t.get("inputs", {}).get("parameters", [])}
        if "dag" in t:
            return self.dag(t, inputs)
        if "suspend" in t:
            return "Succeeded", {}
        if "plugin" in t:
            return self.question(t, inputs)
        return self.pod(t, inputs)

    def dag(self, t: dict, inputs: dict):
        tasks = {task["name"]: task for task in t["dag"]["tasks"]}
        done, started, threads = {}, set(), []
        change = threading.Condition()
        scope = {"inputs": {"parameters": inputs}, "tasks": {}, "workflow": {"name": self.name}}

        def end(name, phase, outputs):
            with change:
                done[name] = phase
                scope["tasks"][name] = {"status": phase, "outputs": {"parameters": outputs}}
                change.notify_all()

        def ready(task):
            names = re.findall(r"([A-Za-z0-9_-]+)\.(?:Succeeded|Failed|Errored|Skipped|Omitted)", task.get("depends", ""))
            if any(n not in done for n in names):
                return None
            text = re.sub(r"([A-Za-z0-9_-]+)\.(Succeeded|Failed|Errored|Skipped|Omitted)",
                          lambda m: "true" if done[m[1]] == ("Error" if m[2] == "Errored" else m[2]) or (m[2] == "Succeeded" and done[m[1]] == "Skipped") else "false",
                          task.get("depends", ""))
            return not text or bool(evaluate(text, {}))

        with change:
            while len(done) < len(tasks):
                for name, task in tasks.items():
                    if name in started:
                        continue
                    go = ready(task)
                    if go is None:
                        continue
                    started.add(name)
                    if not go:
                        done[name] = "Omitted"
                        scope["tasks"][name] = {"status": "Omitted", "outputs": {"parameters": {}}}
                        change.notify_all()
                        continue
                    thread = threading.Thread(target=self.task, args=(t, task, dict(scope, tasks=dict(scope["tasks"])), end), daemon=True)
                    threads.append(thread)
                    thread.start()
                if len(done) < len(tasks):
                    change.wait(0.2)
        targets = t["dag"].get("target", "").split() or list(tasks)
        bad = [done[n] for n in targets if done[n] in ("Failed", "Error")]
        outputs = {}
        for p in t.get("outputs", {}).get("parameters", []):
            source = p["valueFrom"]
            try:
                v = evaluate(source["expression"], scope)
                outputs[p["name"]] = v if isinstance(v, str) else json.dumps(v)
            except (KeyError, TypeError, ValueError):
                outputs[p["name"]] = source.get("default", "")
        return ("Failed" if bad else "Succeeded"), outputs

    def task(self, t: dict, task: dict, scope: dict, end) -> None:
        try:
            end(task["name"], *self.one_task(t, task, scope))
        except Exception as e:
            self.cluster.update("workflows", self.name, message=f"task {task['name']}: {type(e).__name__}: {e}")
            end(task["name"], "Error", {})

    def one_task(self, t: dict, task: dict, scope: dict):
        arguments = task.get("arguments", {}).get("parameters", [])
        if "withSequence" not in task:
            if "when" in task and replaced(task["when"], scope).strip() not in ("true", "True"):
                return "Skipped", {}
            return self.template(task["template"], {p["name"]: replaced(p["value"], scope) for p in arguments})
        count = int(replaced(str(task["withSequence"]["count"]), scope) or 0)
        limit = threading.Semaphore(t.get("parallelism") or 1000)
        results = [None] * count

        def one(i):
            with limit:
                inner = dict(scope, item=str(i))
                try:
                    results[i] = self.template(task["template"], {p["name"]: replaced(p["value"], inner) for p in arguments})
                except Exception as e:
                    results[i] = ("Error", {})
                    self.cluster.update("workflows", self.name, message=f"iteration {i}: {type(e).__name__}: {e}")

        threads = [threading.Thread(target=one, args=(i,), daemon=True) for i in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        names = {k for _, out in results for k in out}
        outputs = {}
        for k in names:
            values = []
            for _, out in results:
                try:
                    values.append(json.loads(out.get(k, "")))
                except ValueError:
                    values.append(out.get(k, ""))
            outputs[k] = json.dumps(values)
        bad = [p for p, _ in results if p in ("Failed", "Error")]
        return ("Failed" if bad else "Succeeded"), outputs

    def question(self, t: dict, inputs: dict):
        """A task of the WorkflowTaskSet, until its answer is in the set's status: as Argo 4.1 does where it makes no agent's pod."""
        c = self.cluster
        task = {**t, "inputs": {"parameters": [{"name": k, "value": v} for k, v in inputs.items()]}}
        with c.lock:
            self.n += 1
            node = f"{self.name}-{self.n}"
            if self.name not in c.objects["workflowtasksets"]:
                c.create("workflowtasksets", {"metadata": {"name": self.name, "ownerReferences": [{"uid": self.workflow["metadata"]["uid"]}]}, "spec": {"tasks": {}}, "status": {"nodes": {}}})
            tasks = c.objects["workflowtasksets"][self.name]
            if c.agents:
                c.create("pods", {"metadata": {"name": f"{self.name}-agent", "labels": {**self.spec["podMetadata"]["labels"], "workflows.argoproj.io/component": "agent"}}})
            tasks["spec"]["tasks"][node] = task
            c.changed("workflowtasksets", "MODIFIED", tasks)
            while node not in tasks["status"]["nodes"] and not self.over():
                c.lock.wait(0.2)
            answer = tasks["status"]["nodes"].get(node, {"phase": "Failed"})
            c.asked.append((task["plugin"]["dhow"]["ask"], inputs["scope"], inputs["iteration"], answer))
            if c.tidy:  # its released Role does not let it
                del tasks["spec"]["tasks"][node]
                tasks["status"]["nodes"].pop(node, None)
                c.changed("workflowtasksets", "MODIFIED", tasks)
        return answer["phase"], {p["name"]: p["value"] for p in answer.get("outputs", {}).get("parameters", [])}

    def pod(self, t: dict, inputs: dict):
        strategy = t.get("retryStrategy")
        limit = int(strategy["limit"]) if strategy else 0
        only_lost = strategy is None or "expression" in strategy  # our expression is of what became of the pod
        phase, outputs = "Error", {}
        for n in range(limit + 1):
            if self.over():
                return "Failed", {}
            phase, outputs = self.one_pod(t, inputs, n)
            if phase == "Succeeded" or (only_lost and phase != "Error"):
                break
        return phase, outputs

    def one_pod(self, t: dict, inputs: dict, retries: int):
        scope = {"inputs": {"parameters": inputs}, "retries": str(retries), "pod": {"name": ""}}
        body = json.loads(replaced_in(json.loads(json.dumps({k: t[k] for k in ("container", "initContainers", "metadata") if k in t})), scope))
        with self.cluster.lock:
            self.n += 1
            name = f"{self.name}-{t['name']}-{self.n}"[:200]
        labels = {**self.spec.get("podMetadata", {}).get("labels", {}), **body.get("metadata", {}).get("labels", {}), "workflows.argoproj.io/workflow": self.name}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels, "annotations": body.get("metadata", {}).get("annotations", {}),
               "ownerReferences": [{"kind": "Workflow", "name": self.name, "uid": self.workflow["metadata"]["uid"]}]},
               "spec": {"containers": [{"name": "main", **body["container"]}], "initContainers": body.get("initContainers", [])}, "status": {"phase": "Pending"}}
        self.cluster.create("pods", pod)
        phase, out = Kubelet(self.cluster, pod).run(self)
        outputs = {}
        for p in t.get("outputs", {}).get("parameters", []):
            outputs[p["name"]] = out.get(p["valueFrom"]["path"], p["valueFrom"].get("default", ""))
        return phase, outputs


def replaced_in(v, scope) -> str:
    """JSON with all its texts replaced."""
    def walk(x):
        if isinstance(x, str):
            return replaced(x, scope) if "{{" in x else x
        if isinstance(x, list):
            return [walk(y) for y in x]
        if isinstance(x, dict):
            return {k: walk(y) for k, y in x.items()}
        return x
    return json.dumps(walk(v))


# ---- the kubelet ----

class Kubelet:
    def __init__(self, cluster: Cluster, pod: dict):
        self.cluster, self.pod = cluster, pod
        self.name, self.uid = pod["metadata"]["name"], pod["metadata"]["uid"]
        self.image = pod["spec"]["containers"][0].get("image", "")

    def status(self, phase: str, state: dict | None = None, **more) -> None:
        containers = [{"name": "main", "image": self.image, "state": state}] if state else []
        self.cluster.update("pods", self.name, phase=phase, containerStatuses=containers, **more)

    def there(self) -> bool:
        with self.cluster.lock:
            return self.name in self.cluster.objects["pods"] and not self.cluster.stopping

    def run(self, controller: Controller):
        """(phase of its node, files)"""
        scope = self.pod["metadata"]["annotations"].get("dhow/scope", "")
        with self.cluster.lock:
            bad = self.cluster.bad.get(scope) or []
            fault = bad.pop(0) if bad else None
            self.pod["spec"]["nodeName"] = "node-1"
        if fault == "room":
            with self.cluster.lock:
                del self.pod["spec"]["nodeName"]
            self.status("Pending", conditions=[{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available: 1 Insufficient cpu."}])
            self.cluster.wait(lambda: not self.there() or self.cluster.bad.get("room"), 300)
            self.status("Pending", conditions=[])
            with self.cluster.lock:
                self.pod["spec"]["nodeName"] = "node-1"
        if fault == "image":
            return self.no_image(controller)
        if fault == "idle":  # the test is the pod
            self.status("Running", {"running": {"startedAt": now()}})
            self.cluster.release.wait(600)
            self.status("Succeeded", {"terminated": {"exitCode": 0, "reason": "Completed"}})
            return "Succeeded", {}
        if fault == "init":
            self.cluster.update("pods", self.name, phase="Failed", initContainerStatuses=[{"name": "init", "state": {"terminated": {"exitCode": 2, "reason": "Error"}}}])
            return "Error", {}
        self.status("Pending", {"waiting": {"reason": "PodInitializing"}})
        return self.container(controller, fault)

    def no_image(self, controller: Controller):
        self.status("Pending", {"waiting": {"reason": "ErrImagePull", "message": f"rpc error: {self.image}: not found"}})
        time.sleep(0.1)
        self.status("Pending", {"waiting": {"reason": "ImagePullBackOff", "message": f"Back-off pulling image \"{self.image}\""}})
        self.cluster.wait(lambda: "activeDeadlineSeconds" in self.pod["spec"] or controller.over() or not self.there(), 400)
        self.status("Failed", None, reason="DeadlineExceeded", message="Pod was active on the node longer than the specified deadline")
        return "Failed", {}

    def argv(self, root: pathlib.Path) -> list:
        c = self.pod["spec"]["containers"][0]
        env = {"PATH": f"{pathlib.Path(DHOW).parent}:/usr/local/bin:/usr/bin:/bin", "HOME": "/root", "KFP_POD_NAME": self.name, "KFP_POD_UID": self.uid}
        for e in c.get("env", []):
            if "value" in e:
                env[e["name"]] = e["value"]
        out = ["bwrap", "--unshare-pid", "--unshare-ipc", "--die-with-parent", "--tmpfs", "/", "--proc", "/proc", "--dev", "/dev", "--ro-bind", "/usr", "/usr", "--ro-bind", "/etc", "/etc",
               "--ro-bind", str(ROOT), str(ROOT), "--dir", "/root"]
        for link in ("bin", "lib", "lib64", "sbin"):
            if os.path.islink(f"/{link}"):
                out += ["--symlink", os.readlink(f"/{link}"), f"/{link}"]
        venv = os.path.realpath(ROOT / ".venv")
        for extra in {str(pathlib.Path(DHOW).resolve().parent), str(pathlib.Path(LAUNCHER).resolve().parent), venv}:
            if os.path.exists(extra) and not extra.startswith(str(ROOT) + "/"):
                out += ["--ro-bind", extra, extra]
        for mount in c.get("volumeMounts", []):
            if mount["name"] != "dhow-token":
                (root / mount["name"]).mkdir(exist_ok=True)
                out += ["--bind", str(root / mount["name"]), mount["mountPath"]]
        for bind in self.cluster.binds:
            out += ["--ro-bind", bind, bind]
        (root / "token").mkdir(exist_ok=True)
        out += ["--ro-bind", str(root / "token"), "/dhow-token", "--dir", "/tmp"]
        for k, v in env.items():
            out += ["--setenv", k, v]
        return out + ["--clearenv"][:0] + ["--", LAUNCHER, *c["args"]]

    def container(self, controller: Controller, fault):
        with self.cluster.lock:
            secrets = [s["stringData"] for s in self.cluster.objects["secrets"].values() if s["metadata"]["labels"]["dhow-run"] == self.pod["metadata"]["labels"]["dhow-run"]]
        root = pathlib.Path(tempfile.mkdtemp(prefix="pod-", dir=self.cluster.folder))
        (root / "token").mkdir()
        for name, text in (secrets[0] if secrets else {"token": "none"}).items():
            (root / "token" / name).write_text(text)
        for code, signal_, again in self.attempts(controller, root, fault):
            if again:
                continue
            files = {}
            for f in (root / "dhow" / "out").glob("*") if (root / "dhow" / "out").is_dir() else []:
                files[f"/dhow/out/{f.name}"] = f.read_text()
            shutil.rmtree(root, ignore_errors=True)
            return self.ended(code, signal_, fault, files)

    def attempts(self, controller: Controller, root: pathlib.Path, fault):
        log = {"lines": [], "over": False}
        with self.cluster.lock:
            self.cluster.logs[self.name] = log
        p = subprocess.Popen(self.argv(root), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True)
        with self.cluster.lock:
            self.cluster.processes[self.name] = p
        self.status("Running", {"running": {"startedAt": now()}})
        reader = threading.Thread(target=self.read_log, args=(p, log), daemon=True)
        reader.start()
        begun = time.time()
        while p.poll() is None:
            if controller.over() or not self.there():
                p.terminate()
            if fault in ("oom", "evict", "delete") and any(b"WORKING" in text for _, text in log["lines"]):
                self.kill_all(p)
            if time.time() - begun > 400:
                self.kill_all(p)
            time.sleep(0.02)
        reader.join(60)
        with self.cluster.lock:
            log["over"] = True
            self.cluster.processes.pop(self.name, None)
            self.cluster.lock.notify_all()
        code = p.returncode
        yield (code if code >= 0 else 128 - code), 0, False

    @staticmethod
    def kill_all(p) -> None:
        with contextlib.suppress(ProcessLookupError):  # it has ended by itself
            os.killpg(p.pid, signal.SIGKILL)

    def read_log(self, p, log) -> None:
        for line in p.stdout:
            with self.cluster.lock:
                log["lines"].append((now(), line))
                self.cluster.lock.notify_all()

    def ended(self, code: int, signal_: int, fault, files: dict):
        if fault == "delete":
            self.cluster.delete("pods", self.name)
            return "Error", {}
        if fault == "oom":
            self.status("Failed", {"terminated": {"exitCode": 137, "reason": "OOMKilled"}})
            return "Failed", {}
        if fault == "evict":
            self.status("Failed", {"terminated": {"exitCode": 137, "reason": "Error"}}, reason="Evicted", message="The node was low on resource: memory.")
            return "Error", {}  # to Argo a failure, but one that our expression has made anew
        self.status("Succeeded" if code == 0 else "Failed", {"terminated": {"exitCode": code, "reason": "Completed" if code == 0 else "Error"}})
        return ("Succeeded" if code == 0 else "Failed"), files if code == 0 else {}
